/* report_html.c - an advice as one HTML page with its pictures in it. See report.h. */
#include "advise/report.h"

#include <inttypes.h>
#include <math.h>

#include "core/util.h"
#include "eval/report.h"

#define WIDTH 720.0 /* of a picture, in its own units */
#define LABEL 90.0
#define BAR 26.0
#define STEP 40.0

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n"
    "<title>Which lever first</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#1b1f24;"
    "background:#fff}\n"
    "table{border-collapse:collapse;width:100%;margin:1em 0}\n"
    "th,td{border:1px solid #d0d7de;padding:.35em .6em;text-align:left;vertical-align:top}\n"
    "th{background:#f3f5f7}td.n{text-align:right;white-space:nowrap}\n"
    ".verdict{padding:.8em 1em;border-radius:6px;font-size:1.15em;background:#dafbe1}.none{background:#fff8c5}\n"
    "dt{font-weight:600;margin-top:.6em}dd{margin:0 0 0 1.5em;unicode-bidi:isolate;overflow-wrap:anywhere}\n"
    "svg{width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:currentColor}\n"
    ".route{fill:#8250df}.distill{fill:#bf3989}.cache{fill:#1a7f37}.batch{fill:#0969da}.today{fill:#57606a}\n"
    ".left{fill:#9a6700}.axis{stroke:#8c959f;stroke-width:1}.whisker{stroke:currentColor;stroke-width:1.5}\n"
    "@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th{background:#161b22}"
    "th,td{border-color:#30363d}.verdict{background:#0f3d20}.none{background:#4b3c0a}}\n"
    "</style></head><body>\n";

static void append_element(struct buf *out, const char *tag, struct str text)
{
    buf_appendf(out, "<%s>", tag);
    html_append_escaped(out, text);
    buf_appendf(out, "</%s>\n", tag);
}

static void append_money(struct buf *out, double pico)
{
    const double dollars = fabs(advice_dollars(pico));
    buf_append_text(out, pico < 0 ? "-" : "");
    buf_appendf(out, dollars >= 100 ? "$%.0f" : dollars >= 1 ? "$%.2f" : "$%.6f", dollars);
}

/* --- pictures ----------------------------------------------------------------------------------------- */

static void append_bar(struct buf *out, const char *class_name, double x, double width, double y)
{
    buf_appendf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class_name, x, y,
                fmax(width, 0.5), BAR);
}

static void append_label(struct buf *out, double x, double y, const char *anchor, const char *text)
{
    buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void append_amount(struct buf *out, double x, double y, double pico)
{
    buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\">", x, y);
    append_money(out, pico);
    buf_append_text(out, "</text>\n");
}

/* Today's bill, what each lever takes off it, and what is left. */
static void append_steps(struct buf *out, const struct advice *advice)
{
    const double cost = (double)advice->plan.cost, room = WIDTH - LABEL - 100;
    double left = cost, y = 10;
    buf_appendf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"The bill, lever by lever\">\n", WIDTH,
                10 + 6 * STEP);
    append_label(out, LABEL - 8, y + 18, "end", "today");
    append_bar(out, "today", LABEL, room, y);
    append_amount(out, LABEL + room + 6, y + 18, cost);
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        const double saved = (double)advice->plan.sums[i].saved;
        left -= saved;
        y += STEP;
        append_label(out, LABEL - 8, y + 18, "end", advice->levers[i].name);
        append_bar(out, advice->levers[i].name, LABEL + room * left / cost, room * saved / cost, y);
        append_amount(out, LABEL + room * (left + saved) / cost + 6, y + 18, -saved);
    }
    y += STEP;
    append_label(out, LABEL - 8, y + 18, "end", "left");
    append_bar(out, "left", LABEL, room * left / cost, y);
    append_amount(out, LABEL + room * left / cost + 6, y + 18, left);
    buf_append_text(out, "</svg>\n");
}

/* What each lever saves, with its interval. */
static void append_intervals(struct buf *out, const struct advice *advice)
{
    const double room = WIDTH - LABEL - 100;
    double most = 1, y = 10;
    for (unsigned i = 0; i < PLAN_LEVERS; i++)
        most = fmax(most, advice->plan.sums[i].high);
    buf_appendf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"What each lever saves\">\n", WIDTH,
                10 + PLAN_LEVERS * STEP);
    buf_appendf(out, "<line class=\"axis\" x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%.1f\"/>\n", LABEL, LABEL,
                PLAN_LEVERS * STEP);
    for (unsigned i = 0; i < PLAN_LEVERS; i++, y += STEP) {
        const struct plan_sum *sum = &advice->plan.sums[i];
        const double low = LABEL + room * fmax(0, sum->low) / most, high = LABEL + room * fmax(0, sum->high) / most;
        append_label(out, LABEL - 8, y + 18, "end", advice->levers[i].name);
        append_bar(out, advice->levers[i].name, LABEL, room * (double)sum->saved / most, y);
        buf_appendf(out, "<line class=\"whisker\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", low,
                    y + BAR / 2, high, y + BAR / 2);
        for (unsigned end = 0; end < 2; end++)
            buf_appendf(out, "<line class=\"whisker\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                        end ? high : low, y + 6, end ? high : low, y + BAR - 6);
        append_amount(out, high + 6, y + 18, (double)sum->saved);
    }
    buf_append_text(out, "</svg>\n");
}

/* --- words -------------------------------------------------------------------------------------------- */

static void append_verdict(struct buf *out, const struct advice *advice)
{
    const int start = advice->plan.start;
    if (start < 0) {
        buf_append_text(out, "<p class=\"verdict none\">");
        html_append_escaped(out, str_of(advice_verdict(advice)));
    } else {
        buf_appendf(out, "<p class=\"verdict\">Start with <strong>%s</strong>: ", advice->levers[start].name);
        html_append_escaped(out, str_of(advice->levers[start].why));
        buf_append_char(out, '.');
    }
    buf_append_text(out, "</p>\n");
}

static void append_table(struct buf *out, const struct advice *advice)
{
    buf_append_text(out, "<table><tr><th>lever</th><th>saves</th><th>95% between</th><th>of all</th>"
                         "<th>alone</th></tr>\n");
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        const struct plan_sum *sum = &advice->plan.sums[i];
        buf_appendf(out, "<tr><td>%s</td><td class=\"n\">", advice->levers[i].name);
        append_money(out, (double)sum->saved);
        buf_append_text(out, "</td><td class=\"n\">");
        append_money(out, sum->low);
        buf_append_text(out, " and ");
        append_money(out, sum->high);
        buf_appendf(out, "</td><td class=\"n\">%.1f%%</td><td class=\"n\">",
                    100 * (double)sum->saved / (double)advice->plan.cost);
        append_money(out, (double)sum->alone);
        buf_append_text(out, "</td></tr>\n");
    }
    buf_append_text(out, "</table>\n<p>Each lever is taken behind the ones above it, so the shares add up; "
                         "\"alone\" is what it would save as the only one.</p>\n");
}

static void append_lever(struct buf *out, const struct advice_lever *lever)
{
    buf_appendf(out, "<h2>%s</h2>\n<dl>\n", lever->name);
    append_element(out, "dt", STR("Why"));
    append_element(out, "dd", str_of(lever->why));
    if (lever->where[0]) {
        append_element(out, "dt", STR("Where"));
        append_element(out, "dd", str_of(lever->where));
    }
    append_element(out, "dt", STR("Assumed"));
    append_element(out, "dd", str_of(lever->assumes));
    buf_append_text(out, "</dl>\n");
}

static void append_left_out(struct buf *out, const struct advice *advice)
{
    bool is_any = advice->unpriced_count > 0;
    for (unsigned i = ADVISE_READ + 1; i < ADVISE_FLAWS; i++)
        is_any = is_any || advice->flaws[i] > 0;
    if (!is_any)
        return;
    buf_append_text(out, "<h2>Left out</h2>\n<table><tr><th>what</th><th>how many</th></tr>\n");
    for (unsigned i = ADVISE_READ + 1; i < ADVISE_FLAWS; i++)
        if (advice->flaws[i] > 0)
            buf_appendf(out, "<tr><td>%s</td><td class=\"n\">%" PRIu64 "</td></tr>\n", advise_flaw_names[i],
                        advice->flaws[i]);
    for (size_t i = 0; i < advice->unpriced_count; i++) {
        buf_append_text(out, "<tr><td>no price: <bdi>");
        html_append_escaped(out, str_of(advice->unpriced[i].name));
        buf_appendf(out, "</bdi></td><td class=\"n\">%" PRIu64 "</td></tr>\n", advice->unpriced[i].requests);
    }
    buf_append_text(out, "</table>\n");
}

enum error_code advice_append_page(struct buf *out, const struct advice *advice, struct error *error)
{
    char from[TIMESTAMP_LEN + 1], to[TIMESTAMP_LEN + 1];
    buf_append_text(out, head);
    buf_append_text(out, "<h1>Which lever first</h1>\n");
    buf_appendf(out, "<p>%" PRIu64 " requests", advice->plan.requests);
    if (advice->plan.first_us) {
        clock_iso8601(advice->plan.first_us, from);
        clock_iso8601(advice->plan.last_us, to);
        buf_appendf(out, ", %.16s to %.16s UTC", from, to);
    }
    buf_append_text(out, ", ");
    append_money(out, (double)advice->plan.cost);
    buf_append_text(out, " at list prices.</p>\n");
    append_verdict(out, advice);
    if (advice->plan.cost > 0) {
        append_steps(out, advice);
        append_table(out, advice);
        append_intervals(out, advice);
        unsigned order[PLAN_LEVERS];
        const unsigned count = advice_order(advice, order);
        for (unsigned i = 0; i < count; i++)
            append_lever(out, &advice->levers[order[i]]);
        buf_append_text(out, count < PLAN_LEVERS ? "<h2>Not worth it</h2>\n<dl>\n" : "<dl>\n");
        for (unsigned i = 0; i < PLAN_LEVERS; i++) {
            if (advice->plan.sums[i].score > 0)
                continue;
            append_element(out, "dt", str_of(advice->levers[i].name));
            append_element(out, "dd", str_of(advice->levers[i].why));
        }
        buf_append_text(out, "</dl>\n");
    }
    append_left_out(out, advice);
    buf_append_text(out, "</body></html>\n");
    return out->failed ? error_no_memory(error) : OK;
}
