/* report_html.c - a comparison as one HTML page. See report.h. */
#include "eval/report.h"

#include <math.h>

#include "core/limits.h"
#include "core/util.h"
#include "route/agree.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n"
    "<title>Model evaluation</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 "
    "1em;color:#1b1f24;background:#fff}"
    "\ntable{border-collapse:collapse;width:100%;margin:1em 0}\n"
    "th,td{border:1px solid #d0d7de;padding:.35em .6em;text-align:left;vertical-align:top}\n"
    "th{background:#f3f5f7}\ntd.n{text-align:right;white-space:nowrap}\n"
    "pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;font:13px/1.4 "
    "ui-monospace,monospace}"
    "\n.switch{background:#dafbe1}.stay{background:#ffebe9}.unsure{background:#fff8c5}\n"
    ".verdict{padding:.8em 1em;border-radius:6px;font-size:1.1em}\n"
    ".row{border-top:2px solid #d0d7de;margin-top:1.2em;padding-top:.6em}\n.row table{table-layout:fixed}\n"
    "@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th{background:#161b22}"
    "th,td,.row{border-color:#30363d}.switch{background:#0f3d20}.stay{background:#4d1512}.unsure{background:#4b3c0a}}\n"
    "</style></head><body>\n";

/* --- text -------------------------------------------------------------------------------------------- */

static void append_sign(struct buf *out, char c)
{
    switch (c) {
    case '&':
        buf_append_text(out, "&amp;");
        break;
    case '<':
        buf_append_text(out, "&lt;");
        break;
    case '>':
        buf_append_text(out, "&gt;");
        break;
    case '"':
        buf_append_text(out, "&quot;");
        break;
    case '\'':
        buf_append_text(out, "&#39;");
        break;
    default:
        if (((unsigned char)c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            buf_append_text(out, "\xef\xbf\xbd");
        else
            buf_append_char(out, c);
    }
}

void html_append_escaped(struct buf *out, struct str text)
{
    while (text.len > 0) {
        const size_t valid = str_utf8_valid_len(text);
        for (size_t i = 0; i < valid; i++)
            append_sign(out, text.data[i]);
        if (valid < text.len)
            buf_append_text(out, "\xef\xbf\xbd");
        text = str_slice(text, valid + 1, text.len);
    }
}

/* Cut behind a whole character. */
static void append_pre(struct buf *out, struct str text)
{
    struct str shown = str_slice(text, 0, LIMIT_EVAL_REPORT_TEXT);
    while (shown.len < text.len && shown.len > 0 && ((unsigned char)text.data[shown.len] & 0xc0) == 0x80)
        shown.len--;
    buf_append_text(out, "<pre dir=\"auto\">");
    html_append_escaped(out, shown);
    buf_append_text(out, "</pre>");
    if (shown.len < text.len)
        buf_appendf(out, "<em>and %zu bytes more</em>", text.len - shown.len);
}

static void append_said(struct buf *out, const struct chat_reply *reply)
{
    struct buf text;
    buf_init(&text, out->max);
    if (!reply_append_said(&text, reply))
        out->failed = true;
    append_pre(out, buf_str(&text));
    buf_deinit(&text);
}

static void append_name(struct buf *out, const char *tag, const char *name)
{
    buf_appendf(out, "<%s><bdi>", tag);
    html_append_escaped(out, str_of(name));
    buf_appendf(out, "</bdi></%s>", tag);
}

/* --- the tables -------------------------------------------------------------------------------------- */

static void append_estimate(struct buf *out, const struct estimate *estimate, bool is_gain)
{
    if (estimate->rows == 0)
        buf_append_text(out, "<td class=\"n\">-</td>");
    else
        buf_appendf(
            out, is_gain ? "<td class=\"n\">%+.1f (%+.1f to %+.1f)</td>" : "<td class=\"n\">%.1f (%.1f to %.1f)</td>",
            100 * estimate->value, 100 * estimate->low, 100 * estimate->high);
}

static void append_part(struct buf *out, const struct comparison *comparison, struct str name, const struct part *part)
{
    buf_append_text(out, "<tr><td><bdi>");
    html_append_escaped(out, name);
    buf_appendf(out, "</bdi></td><td class=\"n\">%zu</td>", part->rows);
    for (size_t i = 0; i < comparison->side_count; i++)
        append_estimate(out, &part->quality[i], false);
    if (comparison->side_count == 2)
        append_estimate(out, &part->gain, true);
    buf_append_text(out, "</tr>\n");
}

static enum error_code append_parts(struct buf *out, const struct comparison *comparison, struct error *error)
{
    buf_append_text(out,
                    "<h2>Quality</h2><p>Points of 100, with 95% intervals.</p>\n<table><tr><th></th><th>rows</th>");
    for (size_t i = 0; i < comparison->side_count; i++)
        append_name(out, "th", comparison->sides[i].model);
    buf_append_text(out, comparison->side_count == 2 ? "<th>difference</th></tr>\n" : "</tr>\n");
    const enum error_code code = comparison_each_part(out, comparison, append_part, error);
    buf_append_text(out, "</table>\n");
    return code;
}

static void append_sides(struct buf *out, const struct comparison *comparison)
{
    buf_append_text(out, "<h2>Latency and cost</h2>\n<table><tr><th>model</th><th>failed</th><th>latency, median</th>"
                         "<th>90%</th><th>tokens in</th><th>out</th><th>$ per 1,000 requests</th></tr>\n");
    for (size_t i = 0; i < comparison->side_count; i++) {
        const struct side *side = &comparison->sides[i];
        buf_append_text(out, "<tr>");
        append_name(out, "td", side->model);
        buf_appendf(out, "<td class=\"n\">%zu of %zu</td><td class=\"n\">%llu ms</td><td class=\"n\">%llu ms</td>",
                    side->failed, side->asked, (unsigned long long)side->latency_p50_ms,
                    (unsigned long long)side->latency_p90_ms);
        buf_appendf(out, "<td class=\"n\">%.0f</td><td class=\"n\">%.0f</td>", side->input_tokens, side->output_tokens);
        if (isnan(side->cost_per_1000))
            buf_append_text(out, "<td class=\"n\">not known</td></tr>\n");
        else
            buf_appendf(out, "<td class=\"n\">%.4f</td></tr>\n", side->cost_per_1000);
    }
    buf_append_text(out, "</table>\n");
}

static void append_flaws(struct buf *out, const struct questions *questions)
{
    if (questions->flaws_all == 0)
        return;
    buf_appendf(out, "<h2>Lines left out: %zu</h2>\n<table><tr><th>line</th><th>reason</th></tr>\n",
                questions->flaws_all);
    for (size_t i = 0; i < questions->flaw_count; i++) {
        buf_appendf(out, "<tr><td class=\"n\">%zu</td><td>", questions->flaws[i].line);
        html_append_escaped(out, str_of(questions->flaws[i].reason));
        buf_append_text(out, "</td></tr>\n");
    }
    buf_append_text(out, "</table>\n");
}

/* --- rows that differ -------------------------------------------------------------------------------- */

static void append_answer(struct buf *out, const struct side *side, size_t row)
{
    const struct answer *answer = &side->answers[row];
    buf_append_text(out, "<td>");
    if (answer->is_there) {
        append_said(out, &answer->reply);
    } else {
        buf_append_text(out, "<em>no answer:</em> ");
        append_pre(out, answer->problem);
    }
    buf_append_text(out, "</td>");
}

static void append_score(struct buf *out, double score)
{
    if (isnan(score))
        buf_append_text(out, ": no score</th>");
    else
        buf_appendf(out, ": %.2f</th>", score);
}

static void append_row(struct buf *out, const struct comparison *comparison, size_t row)
{
    const struct question *question = &comparison->questions->items[row];
    buf_appendf(out, "<div class=\"row\"><h3>line %zu, %s", question->line, metric_names[comparison->metrics[row]]);
    if (question->category.len > 0) {
        buf_append_text(out, ", <bdi>");
        html_append_escaped(out, question->category);
        buf_append_text(out, "</bdi>");
    }
    buf_append_text(out, "</h3>\n");
    append_pre(out, question->prompt);
    buf_append_text(out, "<table><tr>");
    if (question->has_reference)
        buf_append_text(out, "<th>reference</th>");
    for (size_t i = 0; i < comparison->side_count; i++) {
        buf_append_text(out, "<th><bdi>");
        html_append_escaped(out, str_of(comparison->sides[i].model));
        buf_append_text(out, "</bdi>");
        append_score(out, comparison->sides[i].scores[row]);
    }
    buf_append_text(out, "</tr><tr>");
    if (question->has_reference) {
        buf_append_text(out, "<td>");
        append_said(out, &question->reference);
        buf_append_text(out, "</td>");
    }
    for (size_t i = 0; i < comparison->side_count; i++)
        append_answer(out, &comparison->sides[i], row);
    buf_append_text(out, "</tr></table></div>\n");
}

static enum error_code append_rows(struct buf *out, const struct comparison *comparison, struct error *error)
{
    size_t *rows, count;
    const enum error_code code = comparison_differing(comparison, &rows, &count, error);
    if (code != OK || comparison->side_count < 2) {
        if (code == OK)
            mem_free(rows);
        return code;
    }
    buf_appendf(out, "<h2>Rows where the answers differ: %zu of %zu</h2>\n", count, comparison->questions->count);
    if (count > LIMIT_EVAL_REPORT_ROWS)
        buf_appendf(out, "<p>The first %d are shown, lost ones before won ones.</p>\n", LIMIT_EVAL_REPORT_ROWS);
    for (size_t i = 0; i < count && i < LIMIT_EVAL_REPORT_ROWS; i++)
        append_row(out, comparison, rows[i]);
    mem_free(rows);
    return OK;
}

/* --- the page ---------------------------------------------------------------------------------------- */

static void append_verdict(struct buf *out, const struct comparison *comparison)
{
    static const char *const meanings[VERDICTS] = {
        [VERDICT_SWITCH] = "the loss is within the bound, at 95%",
        [VERDICT_STAY] = "the loss is beyond the bound, at 95%",
        [VERDICT_UNSURE] = "the interval straddles the bound: more rows would tell",
    };
    const struct estimate *gain = &comparison->gain;
    buf_appendf(out, "<p class=\"verdict %s\"><strong>%s</strong>: %s. ", verdict_names[comparison->verdict],
                verdict_names[comparison->verdict], meanings[comparison->verdict]);
    buf_appendf(out, "Difference %+.1f points, 95%% interval %+.1f to %+.1f, loss borne: %.4g points.</p>\n",
                100 * gain->value, 100 * gain->low, 100 * gain->high, 100 * comparison->bound);
    if (!comparison->judge)
        return;
    buf_append_text(out, "<p>Judge <bdi>");
    html_append_escaped(out, str_of(comparison->judge));
    buf_appendf(out,
                "</bdi>: %zu rows, in %zu of them the same word with either answer first; the others count as ties. "
                "No word on %zu rows.</p>\n",
                comparison->judged_count, comparison->agreed_count, comparison->unjudged_count);
}

enum error_code comparison_append_page(struct buf *out, const struct comparison *comparison,
                                       const struct report_about *about, struct error *error)
{
    char time[TIMESTAMP_LEN + 1] = "";
    buf_append_text(out, head);
    buf_append_text(out, "<h1>");
    for (size_t i = 0; i < comparison->side_count; i++) {
        buf_append_text(out, i ? " against " : "");
        append_name(out, "span", comparison->sides[i].model);
    }
    buf_append_text(out, "</h1>\n<p>");
    buf_appendf(out, "%zu rows of <bdi>", comparison->questions->count);
    html_append_escaped(out, str_of(about->data));
    buf_appendf(out, "</bdi>, metric %s", comparison_measure(comparison));
    if (about->wall_us) {
        clock_iso8601(about->wall_us, time);
        buf_appendf(out, ", %s", time);
    }
    buf_append_text(out, "</p>\n");
    if (comparison->side_count == 2)
        append_verdict(out, comparison);
    enum error_code code = append_parts(out, comparison, error);
    append_sides(out, comparison);
    append_flaws(out, comparison->questions);
    if (code == OK)
        code = append_rows(out, comparison, error);
    buf_append_text(out, "</body></html>\n");
    return code == OK && out->failed ? error_no_memory(error) : code;
}
