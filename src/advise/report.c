/* report.c - the table and the JSON. See report.h. */
#include "advise/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/json.h"
#include "core/util.h"

unsigned advice_order(const struct advice *advice, unsigned order[PLAN_LEVERS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        unsigned at = count;
        if (advice->plan.sums[i].score <= 0)
            continue;
        for (; at > 0 && advice->plan.sums[order[at - 1]].score < advice->plan.sums[i].score; at--)
            order[at] = order[at - 1];
        order[at] = i;
        count++;
    }
    return count;
}

const char *advice_verdict(const struct advice *advice)
{
    if (advice->plan.requests == 0)
        return "There are no requests in it.";
    if (advice->plan.cost == 0)
        return "No request in it has a price: give a price book with --prices.";
    return "Nothing to gain: no lever would save as much as half a percent.";
}

/* --- JSON --------------------------------------------------------------------------------------------- */

/* Exact: picodollars with their point. */
static void append_exact(struct buf *out, int64_t pico)
{
    const uint64_t size = pico < 0 ? (uint64_t)-pico : (uint64_t)pico;
    buf_appendf(out, "%s%" PRIu64 ".%012" PRIu64, pico < 0 ? "-" : "", size / UINT64_C(1000000000000),
                size % UINT64_C(1000000000000));
}

static void append_about(struct buf *out, double pico)
{
    buf_appendf(out, "%.9g", advice_dollars(pico));
}

static void append_unreadable(struct buf *out, const struct advice *advice)
{
    bool is_first = true;
    buf_append_text(out, "\"unreadable\":{");
    for (unsigned i = ADVISE_READ + 1; i < ADVISE_FLAWS; i++) {
        if (advice->flaws[i] == 0)
            continue;
        buf_appendf(out, "%s\"%s\":%" PRIu64, is_first ? "" : ",", advise_flaw_names[i], advice->flaws[i]);
        is_first = false;
    }
    buf_append_char(out, '}');
}

static void append_lever(struct buf *out, const struct advice *advice, unsigned which)
{
    const struct advice_lever *lever = &advice->levers[which];
    const struct plan_sum *sum = &advice->plan.sums[which];
    buf_appendf(out, "{\"lever\":\"%s\",\"dollars\":", lever->name);
    append_exact(out, sum->saved);
    buf_append_text(out, ",\"low\":");
    append_about(out, sum->low);
    buf_append_text(out, ",\"high\":");
    append_about(out, sum->high);
    buf_append_text(out, ",\"alone\":");
    append_exact(out, sum->alone);
    json_append_member(out, "why", str_of(lever->why));
    json_append_member(out, "where", str_of(lever->where));
    json_append_member(out, "assumes", str_of(lever->assumes));
    buf_append_char(out, '}');
}

static void append_models(struct buf *out, const struct advice *advice)
{
    buf_append_text(out, "\"unpriced\":[");
    for (size_t i = 0; i < advice->unpriced_count; i++) {
        buf_append_text(out, i ? ",{\"model\":" : "{\"model\":");
        buf_append_json(out, str_of(advice->unpriced[i].name));
        buf_appendf(out, ",\"records\":%" PRIu64 "}", advice->unpriced[i].requests);
    }
    buf_append_char(out, ']');
}

enum error_code advice_append_json(struct buf *out, const struct advice *advice, struct error *error)
{
    const struct plan *plan = &advice->plan;
    unsigned order[PLAN_LEVERS];
    const unsigned count = advice_order(advice, order);
    buf_appendf(out, "{\"records\":%" PRIu64 ",", plan->requests);
    append_unreadable(out, advice);
    buf_append_text(out, ",\"dollars\":");
    append_exact(out, plan->cost);
    buf_append_text(out, ",\"levers\":[");
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        buf_append_text(out, i ? "," : "");
        append_lever(out, advice, i);
    }
    buf_append_text(out, "],\"left\":");
    append_exact(out, advice_left(advice));
    buf_append_text(out, ",\"start_with\":");
    if (plan->start >= 0)
        buf_append_json(out, str_of(advice->levers[plan->start].name));
    else
        buf_append_text(out, "null");
    buf_append_text(out, ",\"order\":[");
    for (unsigned i = 0; i < count; i++)
        buf_appendf(out, "%s\"%s\"", i ? "," : "", advice->levers[order[i]].name);
    buf_append_text(out, "],");
    append_models(out, advice);
    buf_appendf(out, ",\"failed\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"guessed\":%" PRIu64 ",\"untimed\":%" PRIu64,
                advice->intake.failed, advice->joined.doubled, plan->guessed, plan->untimed);
    json_append_time_member(out, "from", plan->first_us);
    json_append_time_member(out, "to", plan->last_us);
    if (count == 0)
        json_append_member(out, "verdict", str_of(advice_verdict(advice)));
    buf_append_text(out, "}\n");
    return out->failed ? error_no_memory(error) : OK;
}

/* --- the table ---------------------------------------------------------------------------------------- */

/* Names and prompts are no commands to a terminal. */
static void disarm(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++)
        if (((unsigned char)out->data[i] < 0x20 && out->data[i] != '\n') || out->data[i] == 0x7f)
            out->data[i] = '?';
}

static void append_heading(struct buf *out, const struct advice *advice)
{
    char from[TIMESTAMP_LEN + 1], to[TIMESTAMP_LEN + 1];
    const struct plan *plan = &advice->plan;
    buf_appendf(out, "%" PRIu64 " requests", plan->requests);
    if (plan->first_us) {
        clock_iso8601(plan->first_us, from);
        clock_iso8601(plan->last_us, to);
        buf_appendf(out, ", %.16s to %.16s UTC", from, to);
    }
    buf_appendf(out, ", $%.6f at list prices.\n", advice_dollars((double)plan->cost));
}

/* Sentences under the table, at the width of a terminal. */
static void append_wrapped(struct buf *out, const char *label, const char *text)
{
    size_t column = 10;
    struct str rest = str_of(text), word;
    if (rest.len == 0)
        return;
    buf_appendf(out, "  %-8s", label);
    while (str_split(&rest, ' ', &word)) {
        if (column + 1 + word.len > 100 && column > 10) {
            buf_append_text(out, "\n          ");
            column = 10;
        } else if (column > 10) {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append_str(out, word);
        column += word.len;
    }
    buf_append_char(out, '\n');
}

static void append_notes(struct buf *out, const struct advice *advice)
{
    const struct plan *plan = &advice->plan;
    for (unsigned i = ADVISE_READ + 1; i < ADVISE_FLAWS; i++)
        if (advice->flaws[i] > 0)
            buf_appendf(out, "not read: %" PRIu64 " (%s)\n", advice->flaws[i], advise_flaw_names[i]);
    for (size_t i = 0; i < advice->unpriced_count; i++)
        buf_appendf(out, "no price, left out of all dollars: %s, %" PRIu64 " requests\n",
                    advice->unpriced[i].name[0] ? advice->unpriced[i].name : "(no model named)",
                    advice->unpriced[i].requests);
    if (advice->intake.failed > 0)
        buf_appendf(out, "requests that failed, or that nobody asked for, left out: %" PRIu64 "\n",
                    advice->intake.failed);
    if (advice->joined.doubled > 0)
        buf_appendf(out, "records that were there twice: %" PRIu64 "\n", advice->joined.doubled);
    if (plan->guessed > 0)
        buf_appendf(out, "tokens guessed from bytes, since the log has no counts: %" PRIu64 " requests\n",
                    plan->guessed);
    if (plan->untimed > 0)
        buf_appendf(out, "without a time, taken in the order of the file, a second apart: %" PRIu64 " requests\n",
                    plan->untimed);
    if (plan->dropped > 0)
        buf_appendf(out, "prefixes that there was no room to remember: %" PRIu64 "\n", plan->dropped);
}

enum error_code advice_append_table(struct buf *out, const struct advice *advice, struct error *error)
{
    const struct plan *plan = &advice->plan;
    unsigned order[PLAN_LEVERS];
    const unsigned count = advice_order(advice, order);
    const size_t from = out->len;
    append_heading(out, advice);
    if (plan->cost > 0)
        buf_append_text(out, "\nlever           saves                 between           of all   alone\n");
    for (unsigned i = 0; i < PLAN_LEVERS && plan->cost > 0; i++) {
        const struct plan_sum *sum = &plan->sums[i];
        buf_appendf(out, "%-8s %12.6f  %12.6f %12.6f   %5.1f%%  %12.6f\n", advice->levers[i].name,
                    advice_dollars((double)sum->saved), advice_dollars(sum->low), advice_dollars(sum->high),
                    100 * (double)sum->saved / (double)plan->cost, advice_dollars((double)sum->alone));
    }
    if (plan->cost > 0)
        buf_appendf(out, "%-8s %12.6f                               %5.1f%%\n", "left",
                    advice_dollars((double)advice_left(advice)),
                    100 * (double)advice_left(advice) / (double)plan->cost);
    if (count == 0)
        buf_appendf(out, "\n%s\n", advice_verdict(advice));
    for (unsigned i = 0; i < count; i++) {
        const struct advice_lever *lever = &advice->levers[order[i]];
        buf_appendf(out, "\n%u. %s%s\n", i + 1, lever->name, i == 0 ? "  <- start with this" : "");
        append_wrapped(out, "why", lever->why);
        append_wrapped(out, "where", lever->where);
        append_wrapped(out, "assumes", lever->assumes);
    }
    if (plan->cost > 0)
        buf_append_text(out, "\nNot worth it:\n");
    for (unsigned i = 0; i < PLAN_LEVERS && plan->cost > 0; i++)
        if (plan->sums[i].score <= 0)
            append_wrapped(out, advice->levers[i].name, advice->levers[i].why);
    buf_append_char(out, '\n');
    append_notes(out, advice);
    disarm(out, from);
    return out->failed ? error_no_memory(error) : OK;
}
