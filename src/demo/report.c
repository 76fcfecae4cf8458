/* report.c - the table and the JSON of a demo. See report.h; pictures are picture.c's. */
#include "demo/report.h"

#include <inttypes.h>
#include <math.h>

#define PICO 1000000000000

double demo_saved(const struct demo_report *report)
{
    const int64_t none = report->sums[DEMO_NONE].cost;
    return none > 0 ? 1 - (double)report->sums[DEMO_ALL].cost / (double)none : 0;
}

int64_t demo_saved_alone(const struct demo_report *report, enum demo_share lever)
{
    static const enum demo_phase phases[DEMO_SHARES] = {DEMO_ROUTE, DEMO_DISTILL, DEMO_CACHE, DEMO_BATCH};
    return report->sums[DEMO_NONE].cost - report->sums[phases[lever]].cost;
}

static double share_of(size_t part, size_t whole) { return whole ? (double)part / (double)whole : 0; }

double demo_accuracy(const struct demo_sum *sum) { return share_of(sum->right, sum->rows); }

void demo_append_dollars(struct buf *out, int64_t pico)
{
    const uint64_t size = pico < 0 ? (uint64_t)-(pico + 1) + 1 : (uint64_t)pico;
    buf_appendf(out, "%s%" PRIu64 ".%012" PRIu64, pico < 0 ? "-" : "", size / PICO, size % PICO);
}

/* --- the table ------------------------------------------------------------------------------------------ */

static void append_phase(struct buf *out, const struct demo_report *report, enum demo_phase phase)
{
    const struct demo_sum *sum = &report->sums[phase];
    const double none = (double)report->sums[DEMO_NONE].cost;
    buf_appendf(out, "%-8s %10.6f %8.1f%% %8.1f%% %8.1f%% %8.1f %8.1f %10.2f\n", demo_phase_names[phase],
                (double)sum->cost / PICO, none > 0 ? 100 - 100 * (double)sum->cost / none : 0,
                100 * demo_accuracy(sum), 100 * sum->hit_rate, sum->p50_ms, sum->p99_ms,
                report->engine_seconds[phase]);
}

static void append_tasks(struct buf *out, const struct demo_report *report)
{
    const size_t notes = report->sums[DEMO_NONE].rows / DEMO_CELLS;
    static const enum demo_phase shown[] = {DEMO_NONE, DEMO_ALL};
    buf_append_text(out, "\nright         answers  summaries      tags\n");
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const struct demo_sum *sum = &report->sums[shown[i]];
        buf_appendf(out, "%-12s %7.1f%% %9.1f%% %8.1f%%\n", demo_phase_names[shown[i]],
                    100 * share_of(sum->answers_right, notes * DEMO_TURNS), 100 * share_of(sum->summaries_right, notes),
                    100 * share_of(sum->tags_right, notes));
    }
}

static void append_shares(struct buf *out, const struct demo_report *report)
{
    const double saved = (double)(report->sums[DEMO_NONE].cost - report->sums[DEMO_ALL].cost);
    buf_append_text(out, "\nlever      its share of all   of it    foretold, between             saved alone     "
                         "foretold\n");
    for (size_t i = 0; i < DEMO_SHARES; i++)
        buf_appendf(out, "%-10s       %10.6f  %5.1f%%  %10.6f %9.6f %9.6f    %10.6f   %10.6f\n", demo_share_names[i],
                    (double)report->shares[i] / PICO, saved > 0 ? 100 * (double)report->shares[i] / saved : 0,
                    (double)report->advice.shares[i] / PICO, report->advice.low[i] / PICO,
                    report->advice.high[i] / PICO, (double)demo_saved_alone(report, (enum demo_share)i) / PICO,
                    (double)report->advice.alone[i] / PICO);
    int64_t foretold = 0;
    for (size_t i = 0; i < DEMO_SHARES; i++)
        foretold += report->advice.shares[i];
    buf_appendf(out, "together         %10.6f          %10.6f\n", saved / PICO, (double)foretold / PICO);
    if (report->advice.start_with)
        buf_appendf(out, "The advisor, given the day without levers, starts with: %s.\n", report->advice.start_with);
}

void demo_append_table(struct buf *out, const struct demo_report *report)
{
    buf_appendf(out,
                "%zu conversations of %d turns at %s%s, seed %" PRIu64 ", %.0f seconds. %s answers alone, then "
                "with the levers.\n\n",
                report->conversations * report->days, DEMO_TURNS, report->shop,
                report->days > 1 ? " and others" : "", report->seed, report->seconds, report->large);
    buf_append_text(out, "phase       dollars    saved    right     hits      p50      p99     engine\n"
                         "                                                     ms       ms          s\n");
    for (size_t i = 0; i < DEMO_PHASES; i++)
        append_phase(out, report, (enum demo_phase)i);
    append_tasks(out, report);
    append_shares(out, report);
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

static void append_number(struct buf *out, const char *name, double value)
{
    buf_appendf(out, ",\"%s\":%.6g", name, isfinite(value) ? value : 0.0);
}

static void append_phase_json(struct buf *out, const struct demo_report *report, enum demo_phase phase)
{
    const struct demo_sum *sum = &report->sums[phase];
    const size_t notes = sum->rows / DEMO_CELLS;
    buf_appendf(out, "{\"name\":\"%s\",\"dollars\":", demo_phase_names[phase]);
    demo_append_dollars(out, sum->cost);
    append_number(out, "accuracy", demo_accuracy(sum));
    buf_appendf(out, ",\"rows\":%zu", sum->rows);
    append_number(out, "hitRate", sum->hit_rate);
    append_number(out, "p50Ms", sum->p50_ms);
    append_number(out, "p99Ms", sum->p99_ms);
    append_number(out, "engineSeconds", report->engine_seconds[phase]);
    append_number(out, "answers", share_of(sum->answers_right, notes * DEMO_TURNS));
    append_number(out, "summaries", share_of(sum->summaries_right, notes));
    append_number(out, "tags", share_of(sum->tags_right, notes));
    buf_append_char(out, '}');
}

static void append_dollars_object(struct buf *out, const char *name, const int64_t values[DEMO_SHARES])
{
    buf_appendf(out, ",\"%s\":{", name);
    for (size_t i = 0; i < DEMO_SHARES; i++) {
        buf_appendf(out, "%s\"%s\":", i ? "," : "", demo_share_names[i]);
        demo_append_dollars(out, values[i]);
    }
    buf_append_char(out, '}');
}

static void append_intervals(struct buf *out, const struct demo_advice *advice)
{
    buf_append_text(out, ",\"foretoldBetween\":{");
    for (size_t i = 0; i < DEMO_SHARES; i++)
        buf_appendf(out, "%s\"%s\":[%.6f,%.6f]", i ? "," : "", demo_share_names[i], advice->low[i] / PICO,
                    advice->high[i] / PICO);
    buf_append_char(out, '}');
}

void demo_append_json(struct buf *out, const struct demo_report *report)
{
    buf_appendf(out, "{\"conversations\":%zu,\"phases\":[", report->conversations * report->days);
    for (size_t i = 0; i < DEMO_PHASES; i++) {
        buf_append_text(out, i ? "," : "");
        append_phase_json(out, report, (enum demo_phase)i);
    }
    buf_append_char(out, ']');
    append_number(out, "saved", demo_saved(report));
    append_dollars_object(out, "shares", report->shares);
    int64_t alone[DEMO_SHARES];
    for (size_t i = 0; i < DEMO_SHARES; i++)
        alone[i] = demo_saved_alone(report, (enum demo_share)i);
    append_dollars_object(out, "alone", alone);
    append_dollars_object(out, "foretold", report->advice.alone);
    append_dollars_object(out, "foretoldShares", report->advice.shares);
    append_intervals(out, &report->advice);
    buf_append_text(out, ",\"startWith\":");
    if (report->advice.start_with)
        buf_append_json(out, str_of(report->advice.start_with));
    else
        buf_append_text(out, "null");
    buf_appendf(out, ",\"seed\":%" PRIu64, report->seed);
    append_number(out, "seconds", report->seconds);
    buf_append_text(out, "}\n");
}
