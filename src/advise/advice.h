/* advice.h - the advisor: reads logs, and says in dollars which lever to pull first, where, and how sure that is.
 *
 *     advisor_new, advisor_read for each source, advisor_finish; then the advice is there, to be printed (report.h).
 *
 * Memory does not grow with the number of records: rows lie in a file without a name in $TMPDIR. One thread. */
#ifndef ADVISE_ADVICE_H
#define ADVISE_ADVICE_H

#include "advise/join.h"
#include "advise/plan.h"
#include "advise/source.h"

#define ADVICE_TEXT 1024
#define ADVICE_UNPRICED 16

struct advice_lever {
    const char *name; /* "cache", "route", "distill", "batch" */
    char why[ADVICE_TEXT], where[ADVICE_TEXT];
    const char *assumes;
};

struct advice_model {
    const char *name;
    uint64_t requests;
};

struct advice {
    struct plan plan;
    struct intake intake;
    uint64_t flaws[ADVISE_FLAWS];
    struct join_counts joined;
    struct advice_lever levers[PLAN_LEVERS];
    struct advice_model unpriced[ADVICE_UNPRICED]; /* those with most requests */
    size_t unpriced_count;
};

struct advisor_options {
    const struct price_book *book;
    const struct catalog *catalog;
    const struct predictor *predictor; /* NULL: nothing is said of routing */
    struct str model;                  /* of records that name none; empty: they stay without */
    struct str tenant;                 /* whose records are read, no others; empty: everybody's */
    struct plan_choice choice;         /* of levers */
    const struct price_row *small;     /* where prompts are routed to; NULL: the cheapest of each family */
    const struct advise_router *router; /* that decides it; NULL: none is named */
    struct intake_scope route, student, batch; /* which requests a lever takes */
    struct intake_counter counter;
    uint64_t from_us;                  /* records of a time before are left out; 0: none */
    void (*progress)(void *ctx, uint64_t bytes, uint64_t records); /* may be NULL */
    void *ctx;
};

struct advisor;
enum error_code advisor_new(const struct advisor_options *options, struct advisor **advisor,
                            struct error *error) WARN_UNUSED;
void advisor_free(struct advisor *advisor); /* NULL is legal; the advice goes with it */
/* ERROR_NOT_FOUND: there is no such source. What can't be read in it is counted in the advice. */
enum error_code advisor_read(struct advisor *advisor, const char *path, struct error *error) WARN_UNUSED;
enum error_code advisor_read_text(struct advisor *advisor, struct str text, struct error *error) WARN_UNUSED;
/* Once; valid until advisor_free. */
enum error_code advisor_finish(struct advisor *advisor, const struct advice **advice,
                               struct error *error) WARN_UNUSED;

/* Dollars of picodollars, and what is left of the cost behind all levers. */
static inline double advice_dollars(double pico)
{
    return pico / 1e12;
}
int64_t advice_left(const struct advice *advice);

#endif
