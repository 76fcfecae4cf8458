/* report.h - a demo's figures as a table, as JSON (docs/DEMO.md), as an HTML page that is whole in itself, and as a
 * picture. Writes into buffers. Any thread. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include "core/buf.h"
#include "demo/figures.h"

/* What the advisor said of the day without levers, and which lever to start with; NULL: none. */
struct demo_advice {
    int64_t alone[DEMO_SHARES]; /* saved by a lever as the only one */
    int64_t shares[DEMO_SHARES]; /* by each behind those before it */
    double low[DEMO_SHARES], high[DEMO_SHARES]; /* of these, 95% */
    const char *start_with;
};

struct demo_report {
    char shop[64];                          /* of the first day */
    const char *large, *small, *student;    /* names for people */
    size_t conversations, days;             /* conversations of each day */
    uint64_t seed;
    struct demo_sum sums[DEMO_PHASES];
    double engine_seconds[DEMO_PHASES];
    int64_t shares[DEMO_SHARES];
    struct demo_advice advice;
    double seconds; /* that it took */
};

/* What a lever saved as the only one: none's dollars less its own phase's. */
int64_t demo_saved_alone(const struct demo_report *report, enum demo_share lever);
/* 1 - all / none. */
double demo_saved(const struct demo_report *report);
double demo_accuracy(const struct demo_sum *sum);

void demo_append_table(struct buf *out, const struct demo_report *report);
void demo_append_json(struct buf *out, const struct demo_report *report);
void demo_append_svg(struct buf *out, const struct demo_report *report);
void demo_append_page(struct buf *out, const struct demo_report *report);

/* Exact, with all twelve decimals: "-0.000000000123". */
void demo_append_dollars(struct buf *out, int64_t pico);

#endif
