/* report.c - comparisons as a table and as JSON. The page is report_html.c's. See report.h. */
#include "eval/report.h"

#include <math.h>

#include "core/json.h"

#define NAME_COLUMNS 22

/* --- the table --------------------------------------------------------------------------------------- */

static void append_estimate(struct buf *out, const struct estimate *estimate)
{
    if (estimate->rows == 0)
        buf_append_text(out, "                      -");
    else
        buf_appendf(out, "  %5.1f (%5.1f to %5.1f)", 100 * estimate->value, 100 * estimate->low, 100 * estimate->high);
}

/* What others wrote, as one line of a terminal: a control character would move or colour what follows. */
static void append_plain(struct buf *out, struct str text)
{
    while (text.len > 0) {
        const size_t valid = str_utf8_valid_len(text);
        for (size_t i = 0; i < valid; i++) {
            const unsigned char c = (unsigned char)text.data[i];
            const bool is_c1 = c == 0xc2 && i + 1 < valid && (unsigned char)text.data[i + 1] < 0xa0;
            buf_append_char(out, c < 0x20 || c == 0x7f || is_c1 ? '?' : text.data[i]);
            i += is_c1;
        }
        if (valid < text.len)
            buf_append_char(out, '?');
        text = str_slice(text, valid + 1, text.len);
    }
}

/* In a column of NAME_COLUMNS characters, cut behind a whole one. */
static void append_name(struct buf *out, struct str name)
{
    size_t columns = 0, end = 0;
    for (; end < name.len; end++) {
        if (((unsigned char)name.data[end] & 0xc0) == 0x80)
            continue;
        if (columns == NAME_COLUMNS)
            break;
        columns++;
    }
    append_plain(out, str_slice(name, 0, end));
    buf_appendf(out, "%*s", (int)(NAME_COLUMNS - columns), "");
}

static void append_part(struct buf *out, const struct comparison *comparison, struct str name, const struct part *part)
{
    buf_append_text(out, "  ");
    append_name(out, name);
    buf_appendf(out, " %6zu", part->rows);
    for (size_t i = 0; i < comparison->side_count; i++)
        append_estimate(out, &part->quality[i]);
    if (comparison->side_count == 2)
        buf_appendf(out, "  %+6.1f (%+5.1f to %+5.1f)", 100 * part->gain.value, 100 * part->gain.low,
                    100 * part->gain.high);
    buf_append_char(out, '\n');
}

static void append_side(struct buf *out, const struct side *side)
{
    buf_appendf(out, "  %s: %zu of %zu failed, latency %llu ms in the median, %llu ms at 90%%, ", side->model,
                side->failed, side->asked, (unsigned long long)side->latency_p50_ms,
                (unsigned long long)side->latency_p90_ms);
    buf_appendf(out, "%.0f tokens in, %.0f out, ", side->input_tokens, side->output_tokens);
    if (isnan(side->cost_per_1000))
        buf_append_text(out, "price not known\n");
    else
        buf_appendf(out, "$%.4f per 1,000 requests\n", side->cost_per_1000);
}

static void append_problem(struct buf *out, const struct comparison *comparison, const struct side *side)
{
    for (size_t i = 0; i < comparison->questions->count; i++) {
        if (side->answers[i].is_there)
            continue;
        buf_appendf(out, "  %s failed first on line %zu: ", side->model, comparison->questions->items[i].line);
        append_plain(out, side->answers[i].problem);
        buf_append_char(out, '\n');
        return;
    }
}

static void append_verdict(struct buf *out, const struct comparison *comparison)
{
    const struct estimate *gain = &comparison->gain;
    if (comparison->judge)
        buf_appendf(out, "  judge %s: %zu rows, in %zu of them the same word both times; no word on %zu\n",
                    comparison->judge, comparison->judged_count, comparison->agreed_count, comparison->unjudged_count);
    buf_appendf(out, "%s against %s: %+.1f points, 95%% interval %+.1f to %+.1f, bound -%.4g: %s\n",
                comparison->sides[0].model, comparison->sides[1].model, 100 * gain->value, 100 * gain->low,
                100 * gain->high, 100 * comparison->bound, verdict_names[comparison->verdict]);
}

enum error_code comparison_append_table(struct buf *out, const struct comparison *comparison, struct error *error)
{
    const bool is_pair = comparison->side_count == 2;
    buf_appendf(out, "%zu rows, metric %s", comparison->questions->count, comparison_measure(comparison));
    if (comparison->questions->flaws_all > 0)
        buf_appendf(out, ", %zu lines left out", comparison->questions->flaws_all);
    buf_appendf(out, "\n  %-22s %6s  %-22.22s", "", "rows", comparison->sides[0].model);
    if (is_pair)
        buf_appendf(out, "  %-22.22s  %s", comparison->sides[1].model, "difference");
    buf_append_char(out, '\n');
    enum error_code code = comparison_each_part(out, comparison, append_part, error);
    for (size_t i = 0; i < comparison->side_count; i++)
        append_side(out, &comparison->sides[i]);
    for (size_t i = 0; i < comparison->side_count; i++)
        if (comparison->sides[i].failed > 0)
            append_problem(out, comparison, &comparison->sides[i]);
    if (is_pair)
        append_verdict(out, comparison);
    return code == OK && out->failed ? error_no_memory(error) : code;
}

/* --- JSON -------------------------------------------------------------------------------------------- */

static void append_number(struct buf *out, const char *before, double value)
{
    buf_append_text(out, before);
    if (isnan(value))
        buf_append_text(out, "null");
    else
        buf_appendf(out, "%.9g", value);
}

static void append_estimate_json(struct buf *out, const struct estimate *estimate)
{
    append_number(out, "{\"score\":", estimate->rows ? estimate->value : NAN);
    append_number(out, ",\"low\":", estimate->low);
    append_number(out, ",\"high\":", estimate->high);
    buf_appendf(out, ",\"rows\":%zu}", estimate->rows);
}

static void append_side_json(struct buf *out, const struct side *side)
{
    buf_append_text(out, "{\"model\":");
    buf_append_json(out, str_of(side->model));
    buf_append_text(out, ",\"quality\":");
    append_estimate_json(out, &side->quality);
    append_number(out, ",\"costPer1000\":", side->cost_per_1000);
    append_number(out, ",\"latencyMs\":{\"mean\":", side->latency_mean_ms);
    buf_appendf(out, ",\"p50\":%llu,\"p90\":%llu}", (unsigned long long)side->latency_p50_ms,
                (unsigned long long)side->latency_p90_ms);
    append_number(out, ",\"inputTokens\":", side->input_tokens);
    append_number(out, ",\"outputTokens\":", side->output_tokens);
    buf_appendf(out, ",\"failed\":%zu}", side->failed);
}

static void append_part_json(struct buf *out, const struct comparison *comparison, struct str name,
                             const struct part *part)
{
    if (!str_ends(buf_str(out), STR("{")))
        buf_append_char(out, ',');
    buf_append_json(out, name);
    buf_appendf(out, ":{\"rows\":%zu,\"quality\":[", part->rows);
    for (size_t i = 0; i < comparison->side_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_estimate_json(out, &part->quality[i]);
    }
    buf_append_char(out, ']');
    if (comparison->side_count == 2) {
        buf_append_text(out, ",\"difference\":");
        append_estimate_json(out, &part->gain);
    }
    buf_append_char(out, '}');
}

static enum error_code append_parts_json(struct buf *out, const struct comparison *comparison, struct error *error)
{
    buf_append_text(out, ",\"metrics\":{");
    enum error_code code = comparison_each_metric(out, comparison, append_part_json, error);
    buf_append_text(out, "},\"categories\":{");
    if (code == OK)
        code = comparison_each_category(out, comparison, append_part_json, error);
    buf_append_char(out, '}');
    return code;
}

static void append_flaws_json(struct buf *out, const struct questions *questions)
{
    buf_appendf(out, ",\"leftOut\":%zu,\"leftOutLines\":[", questions->flaws_all);
    for (size_t i = 0; i < questions->flaw_count; i++) {
        buf_appendf(out, "%s{\"line\":%zu,\"reason\":", i ? "," : "", questions->flaws[i].line);
        buf_append_json(out, str_of(questions->flaws[i].reason));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void append_pair_json(struct buf *out, const struct comparison *comparison)
{
    buf_append_text(out, ",\"against\":");
    buf_append_json(out, str_of(comparison->sides[1].model));
    buf_append_text(out, ",\"difference\":");
    append_estimate_json(out, &comparison->gain);
    append_number(out, ",\"bound\":", comparison->bound);
    buf_appendf(out, ",\"verdict\":\"%s\"", verdict_names[comparison->verdict]);
    if (!comparison->judge)
        return;
    buf_append_text(out, ",\"judge\":{\"model\":");
    buf_append_json(out, str_of(comparison->judge));
    buf_appendf(out, ",\"rows\":%zu,\"agreed\":%zu,\"withoutWord\":%zu}", comparison->judged_count,
                comparison->agreed_count, comparison->unjudged_count);
}

enum error_code comparison_append_json(struct buf *out, const struct comparison *comparison, struct error *error)
{
    const struct side *first = &comparison->sides[0];
    buf_append_text(out, "{\"model\":");
    buf_append_json(out, str_of(first->model));
    buf_appendf(out, ",\"rows\":%zu,\"metric\":\"%s\"", comparison->questions->count, comparison_measure(comparison));
    append_number(out, ",\"score\":", first->quality.rows ? first->quality.value : NAN);
    append_number(out, ",\"costPer1000\":", first->cost_per_1000);
    buf_appendf(out, ",\"failed\":%zu", first->failed);
    if (comparison->side_count == 2)
        append_pair_json(out, comparison);
    buf_append_text(out, ",\"models\":[");
    for (size_t i = 0; i < comparison->side_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_side_json(out, &comparison->sides[i]);
    }
    buf_append_char(out, ']');
    enum error_code code = append_parts_json(out, comparison, error);
    append_flaws_json(out, comparison->questions);
    buf_append_text(out, "}\n");
    return code == OK && out->failed ? error_no_memory(error) : code;
}
