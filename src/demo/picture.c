/* picture.c - a demo as a picture and as a page. See report.h. Colours follow the reader's scheme, light or dark. */
#include <math.h>
#include <stdlib.h>

#include "demo/report.h"
#include "eval/report.h"

#define PICO 1e12
#define WIDTH 760.0
#define LABEL 80.0
#define ROOM 440.0 /* of the longest bar */
#define BAR 24.0
#define STEP 34.0
#define TOP 48.0
#define LEGEND_STEP 150.0

static const char *const phase_notes[DEMO_PHASES] = {
    "everything by the large model", "prefixes are read, not computed", "the small model first, doubtful answers again",
    "the night's notes by the student", "the night's notes as a job", "all four"};

static const char style[] =
    "<style>.d text{font:13px system-ui,-apple-system,sans-serif;fill:#1b1f24}.d .soft{fill:#57606a}"
    ".d .title{font-size:16px;font-weight:600}"
    ".d .none{fill:#8c959f}.d .cache{fill:#1a7f37}.d .route{fill:#8250df}.d .distill{fill:#bf3989}"
    ".d .batch,.d .tier{fill:#0969da}.d .all,.d .left{fill:#bc4c00}"
    "@media(prefers-color-scheme:dark){.d text{fill:#e6edf3}.d .soft{fill:#9198a1}.d .none{fill:#6e7681}"
    ".d .cache{fill:#3fb950}.d .route{fill:#a371f7}.d .distill{fill:#db61a2}.d .batch,.d .tier{fill:#58a6ff}"
    ".d .all,.d .left{fill:#f0883e}}</style>\n";

static void append_text(struct buf *out, const char *class_name, double x, double y, const char *anchor,
                        const char *text)
{
    buf_appendf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", class_name, x, y,
                anchor, text);
}

static void append_bar(struct buf *out, const char *class_name, double x, double width, double y)
{
    buf_appendf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"/>\n",
                class_name, x, y, fmax(width, 0.8), BAR);
}

/* Dollars, and how many answers were right, beside each other. */
static void append_phase(struct buf *out, const struct demo_report *report, enum demo_phase phase, double y)
{
    const struct demo_sum *sum = &report->sums[phase];
    const double none = (double)report->sums[DEMO_NONE].cost, width = none > 0 ? ROOM * (double)sum->cost / none : 0;
    append_text(out, "", LABEL - 10, y + 17, "end", demo_phase_names[phase]);
    append_bar(out, demo_phase_names[phase], LABEL, width, y);
    buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\">$%.4f, %.1f%% right<title>%s; engine %.1f s</title></text>\n",
                LABEL + width + 8, y + 17, (double)sum->cost / PICO, 100 * demo_accuracy(sum), phase_notes[phase],
                report->engine_seconds[phase]);
}

/* The bill of the day without levers: what each of them took off it, in the ledger's order, and what is left. */
static void append_shares(struct buf *out, const struct demo_report *report, double y)
{
    const double none = (double)report->sums[DEMO_NONE].cost, whole = WIDTH - LABEL - 20;
    double x = LABEL;
    append_text(out, "", LABEL - 10, y + 17, "end", "shares");
    for (size_t i = 0; i <= DEMO_SHARES; i++) {
        const bool is_left = i == DEMO_SHARES;
        const double pico = (double)(is_left ? report->sums[DEMO_ALL].cost : report->shares[i]);
        const double width = none > 0 ? whole * fmax(pico, 0) / none : 0, at = LABEL + LEGEND_STEP * (double)i * 0.88;
        const char *name = is_left ? "left" : demo_share_names[i];
        append_bar(out, name, x, width, y);
        buf_appendf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/>\n", name, at,
                    y + BAR + 12);
        buf_appendf(out, "<text x=\"%.1f\" y=\"%.1f\">%s %.2f%%</text>\n", at + 18, y + BAR + 23, name,
                    none > 0 ? 100 * pico / none : 0);
        x += width;
    }
}

void demo_append_svg(struct buf *out, const struct demo_report *report)
{
    const double height = TOP + (DEMO_PHASES + 2) * STEP + 10;
    buf_appendf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"d\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                "aria-label=\"What a support desk's day costs, lever by lever\">\n",
                WIDTH, height);
    buf_append_text(out, style);
    buf_appendf(out,
                "<text class=\"title\" x=\"10\" y=\"22\">A support desk's day: %.1f%% saved, %.1f%% of answers right "
                "before, %.1f%% after</text>\n",
                100 * demo_saved(report), 100 * demo_accuracy(&report->sums[DEMO_NONE]),
                100 * demo_accuracy(&report->sums[DEMO_ALL]));
    buf_appendf(out,
                "<text class=\"soft\" x=\"10\" y=\"40\">%zu conversations of %d turns and their notes, at list prices; "
                "engine %.1f s before, %.1f s after</text>\n",
                report->conversations * report->days, DEMO_TURNS, report->engine_seconds[DEMO_NONE],
                report->engine_seconds[DEMO_ALL]);
    for (size_t i = 0; i < DEMO_PHASES; i++)
        append_phase(out, report, (enum demo_phase)i, TOP + 8 + STEP * (double)i);
    append_shares(out, report, TOP + 8 + STEP * DEMO_PHASES);
    buf_append_text(out, "</svg>\n");
}

/* --- the page ------------------------------------------------------------------------------------------- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n"
    "<title>A support desk's day</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#1b1f24;"
    "background:#fff}\n"
    "table{border-collapse:collapse;width:100%;margin:1em 0}\n"
    "th,td{border:1px solid #d0d7de;padding:.35em .6em;text-align:right}th:first-child,td:first-child{text-align:left}"
    "\nth{background:#f3f5f7}svg{width:100%;height:auto}\n"
    "@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th{background:#161b22}"
    "th,td{border-color:#30363d}}\n"
    "</style></head><body>\n<h1>A support desk's day</h1>\n";

static void append_phases(struct buf *out, const struct demo_report *report)
{
    buf_append_text(out, "<h2>Phases</h2>\n<table><tr><th>phase</th><th>what</th><th>dollars</th><th>right</th>"
                         "<th>hit rate</th><th>p50, ms</th><th>p99, ms</th><th>engine, s</th></tr>\n");
    for (size_t i = 0; i < DEMO_PHASES; i++) {
        const struct demo_sum *sum = &report->sums[i];
        buf_appendf(out,
                    "<tr><td>%s</td><td>%s</td><td>%.6f</td><td>%.1f%%</td><td>%.1f%%</td><td>%.1f</td><td>%.1f</td>"
                    "<td>%.2f</td></tr>\n",
                    demo_phase_names[i], phase_notes[i], (double)sum->cost / PICO, 100 * demo_accuracy(sum),
                    100 * sum->hit_rate, sum->p50_ms, sum->p99_ms, report->engine_seconds[i]);
    }
    buf_append_text(out, "</table>\n");
}

static void append_levers(struct buf *out, const struct demo_report *report)
{
    buf_append_text(out, "<h2>Levers</h2>\n<table><tr><th>lever</th><th>share of all, dollars</th>"
                         "<th>saved alone</th><th>foretold by the advisor</th></tr>\n");
    for (size_t i = 0; i < DEMO_SHARES; i++)
        buf_appendf(out, "<tr><td>%s</td><td>%.6f</td><td>%.6f</td><td>%.6f</td></tr>\n", demo_share_names[i],
                    (double)report->shares[i] / PICO, (double)demo_saved_alone(report, (enum demo_share)i) / PICO,
                    (double)report->advice.alone[i] / PICO);
    buf_append_text(out, "</table>\n");
    if (report->advice.start_with)
        buf_appendf(out, "<p>The advisor, given the day without levers, starts with %s.</p>\n",
                    report->advice.start_with);
}

void demo_append_page(struct buf *out, const struct demo_report *report)
{
    buf_append_text(out, head);
    buf_append_text(out, "<p>");
    html_append_escaped(out, str_of(report->shop));
    buf_appendf(out, ": %zu conversations of %d turns; the large model is ", report->conversations * report->days,
                DEMO_TURNS);
    html_append_escaped(out, str_of(report->large));
    buf_append_text(out, ", the small one ");
    html_append_escaped(out, str_of(report->small));
    buf_append_text(out, ", the student ");
    html_append_escaped(out, str_of(report->student));
    buf_append_text(out, ".</p>\n");
    demo_append_svg(out, report);
    append_phases(out, report);
    append_levers(out, report);
    buf_append_text(out, "</body></html>\n");
}
