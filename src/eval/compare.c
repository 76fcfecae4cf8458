/* compare.c - see compare.h. */
#include "eval/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_values.h"
#include "core/mem.h"
#include "generate/charge.h"

/* --- the metric of each row -------------------------------------------------------------------------- */

enum error_code question_metric(const struct question *question, enum metric wanted, struct words_reader *reader,
                                enum metric *metric, struct error *error)
{
    *metric = wanted;
    if (wanted == METRIC_JUDGE || !question->has_reference)
        *metric = METRIC_JUDGE;
    else if (question->wants_no_call) /* there is no text to compare with */
        *metric = METRIC_TOOL;
    else if (wanted == METRIC_AUTO)
        return metric_choose(reader, &question->reference, metric, error);
    return OK;
}

enum error_code comparison_choose(struct comparison *comparison, struct words_reader *reader, struct error *error)
{
    const size_t count = comparison->questions->count;
    comparison->metrics = mem_calloc(count + 1, sizeof(*comparison->metrics));
    enum error_code code = comparison->metrics ? OK : error_no_memory(error);
    for (size_t i = 0; i < count && code == OK; i++)
        code = question_metric(&comparison->questions->items[i], comparison->metric, reader, &comparison->metrics[i],
                               error);
    return code;
}

bool comparison_needs_judge(const struct comparison *comparison, size_t row)
{
    const struct answer *a = &comparison->sides[0].answers[row], *b = &comparison->sides[1].answers[row];
    return comparison->side_count == 2 && comparison->metrics[row] == METRIC_JUDGE && a->is_there && b->is_there &&
           !answers_are_same(a, b);
}

/* --- scores ------------------------------------------------------------------------------------------ */

/* Without a judge's word: one that did not answer lost, the same answers are a tie, neither one is worth anything. */
static void score_judged(struct comparison *comparison, size_t row)
{
    struct side *a = &comparison->sides[0], *b = &comparison->sides[1];
    const bool has_a = a->answers[row].is_there, has_b = b->answers[row].is_there;
    bool agree = false;
    if (!comparison_needs_judge(comparison, row)) {
        a->scores[row] = !has_a ? 0 : has_b ? 0.5 : 1;
        b->scores[row] = !has_b ? 0 : has_a ? 0.5 : 1;
        return;
    }
    const struct judged none = {0}, *judged = comparison->judged ? &comparison->judged[row] : &none;
    a->scores[row] = judge_score(judged->straight, judged->swapped, &agree);
    b->scores[row] = 1 - a->scores[row];
    *(isnan(a->scores[row]) ? &comparison->unjudged_count : &comparison->judged_count) += 1;
    comparison->agreed_count += agree;
}

static enum error_code score_row(struct comparison *comparison, struct words_reader *reader, size_t row,
                                 struct error *error)
{
    const struct question *question = &comparison->questions->items[row];
    enum error_code code = OK;
    if (comparison->metrics[row] == METRIC_JUDGE && comparison->side_count == 2) {
        score_judged(comparison, row);
        return OK;
    }
    for (size_t i = 0; i < comparison->side_count && code == OK; i++) {
        struct side *side = &comparison->sides[i];
        side->scores[row] = question->has_reference && comparison->metrics[row] != METRIC_JUDGE ? 0 : NAN;
        if (side->answers[row].is_there && !isnan(side->scores[row]))
            code = metric_score(reader, comparison->metrics[row], &question->reference, &side->answers[row].reply,
                                &side->scores[row], error);
    }
    return code;
}

/* --- latency, tokens and price ----------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static enum error_code count_side(struct side *side, size_t count, struct error *error)
{
    uint64_t *latencies = mem_alloc((count + 1) * sizeof(*latencies)), sum = 0, input = 0, output = 0;
    size_t known = 0;
    if (!latencies)
        return error_no_memory(error);
    side->asked = count;
    side->failed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct chat_reply *reply = &side->answers[i].reply;
        side->failed += !side->answers[i].is_there;
        if (!side->answers[i].is_there)
            continue;
        latencies[known++] = reply->latency_ms;
        sum += reply->latency_ms;
        input += reply->usage.input_tokens + reply->usage.cache_read_tokens + reply->usage.cache_write_5m_tokens +
                 reply->usage.cache_write_1h_tokens;
        output += reply->usage.output_tokens;
    }
    qsort(latencies, known, sizeof(*latencies), compare_numbers);
    if (known > 0) {
        side->latency_mean_ms = (double)sum / (double)known;
        side->latency_p50_ms = latencies[(known - 1) / 2];
        side->latency_p90_ms = latencies[(known - 1) * 9 / 10];
        side->input_tokens = (double)input / (double)known;
        side->output_tokens = (double)output / (double)known;
    }
    mem_free(latencies);
    return OK;
}

void comparison_price(struct comparison *comparison, size_t side, const struct price_row *row)
{
    const struct answer *answers = comparison->sides[side].answers;
    uint64_t picodollars = 0;
    size_t answered = 0;
    for (size_t i = 0; row && i < comparison->questions->count; i++) {
        if (!answers[i].is_there)
            continue;
        const struct price_usage usage = charge_usage(&answers[i].reply.usage);
        picodollars += price_cost(row, TIER_DEFAULT, &usage);
        answered++;
    }
    comparison->sides[side].cost_per_1000 =
        answered ? (double)picodollars / (double)CONFIG_PICO / (double)answered * 1000 : NAN;
}

static enum error_code open_scores(struct comparison *comparison, struct error *error)
{
    for (size_t i = 0; i < comparison->side_count; i++) {
        comparison->sides[i].scores = mem_calloc(comparison->questions->count + 1, sizeof(double));
        if (!comparison->sides[i].scores)
            return error_no_memory(error);
    }
    return OK;
}

enum error_code comparison_estimate(struct comparison *comparison, struct error *error)
{
    const size_t count = comparison->questions->count;
    struct side *sides = comparison->sides;
    enum error_code code = OK;
    for (size_t i = 0; i < comparison->side_count && code == OK; i++) {
        code = count_side(&sides[i], count, error);
        if (code == OK)
            code = estimate_score(sides[i].scores, count, &sides[i].quality, error);
    }
    if (code == OK && comparison->side_count == 2) {
        code = estimate_gain(sides[0].scores, sides[1].scores, count, &comparison->gain, error);
        if (code == OK)
            comparison->verdict = verdict_of(&comparison->gain, comparison->bound);
    }
    return code;
}

enum error_code comparison_score(struct comparison *comparison, struct words_reader *reader, struct error *error)
{
    enum error_code code = open_scores(comparison, error);
    for (size_t i = 0; i < comparison->questions->count && code == OK; i++)
        code = score_row(comparison, reader, i, error);
    return code == OK ? comparison_estimate(comparison, error) : code;
}

void comparison_deinit(struct comparison *comparison)
{
    for (size_t i = 0; i < 2; i++)
        mem_free(comparison->sides[i].scores);
    mem_free(comparison->metrics);
    comparison->metrics = NULL;
    comparison->sides[0].scores = comparison->sides[1].scores = NULL;
}

/* --- parts ------------------------------------------------------------------------------------------- */

static bool is_in_part(const struct comparison *comparison, size_t row, enum metric metric, struct str category)
{
    return (metric == METRIC_AUTO || comparison->metrics[row] == metric) &&
           (!category.data || str_eq(comparison->questions->items[row].category, category));
}

enum error_code comparison_part(const struct comparison *comparison, enum metric metric, struct str category,
                                struct part *part, struct error *error)
{
    const size_t count = comparison->questions->count;
    double *scores = mem_alloc((2 * count + 1) * sizeof(*scores));
    enum error_code code = scores ? OK : error_no_memory(error);
    *part = (struct part){0};
    for (size_t i = 0; i < count && code == OK; i++) {
        if (!is_in_part(comparison, i, metric, category))
            continue;
        for (size_t side = 0; side < comparison->side_count; side++)
            scores[side * count + part->rows] = comparison->sides[side].scores[i];
        part->rows++;
    }
    for (size_t side = 0; side < comparison->side_count && code == OK; side++)
        code = estimate_score(scores + side * count, part->rows, &part->quality[side], error);
    if (code == OK && comparison->side_count == 2)
        code = estimate_gain(scores, scores + count, part->rows, &part->gain, error);
    mem_free(scores);
    return code;
}

const char *comparison_measure(const struct comparison *comparison)
{
    return comparison->measure ? comparison->measure : metric_names[comparison->metric];
}

static enum error_code show_part(struct buf *out, const struct comparison *comparison, enum metric metric,
                                 struct str category, struct str name, part_show *show, struct error *error)
{
    struct part part;
    const enum error_code code = comparison_part(comparison, metric, category, &part, error);
    if (code == OK && part.rows > 0)
        show(out, comparison, name, &part);
    return code;
}

enum error_code comparison_each_metric(struct buf *out, const struct comparison *comparison, part_show *show,
                                       struct error *error)
{
    const struct str any = {NULL, 0};
    enum error_code code = OK;
    for (enum metric metric = METRIC_EXACT; metric < METRICS && code == OK; metric++)
        code = show_part(out, comparison, metric, any, str_of(metric_names[metric]), show, error);
    return code;
}

enum error_code comparison_each_category(struct buf *out, const struct comparison *comparison, part_show *show,
                                         struct error *error)
{
    struct str categories[COMPARISON_CATEGORIES_MAX];
    size_t count = 0;
    enum error_code code = OK;
    for (size_t i = 0; i < comparison->questions->count && count < COMPARISON_CATEGORIES_MAX && code == OK; i++) {
        const struct str category = comparison->questions->items[i].category;
        size_t at = 0;
        while (at < count && !str_eq(categories[at], category))
            at++;
        if (category.len == 0 || at < count)
            continue;
        categories[count++] = category;
        code = show_part(out, comparison, METRIC_AUTO, category, category, show, error);
    }
    return code;
}

enum error_code comparison_each_part(struct buf *out, const struct comparison *comparison, part_show *show,
                                     struct error *error)
{
    const struct str any = {NULL, 0};
    enum error_code code = show_part(out, comparison, METRIC_AUTO, any, STR("all"), show, error);
    if (code == OK)
        code = comparison_each_metric(out, comparison, show, error);
    return code == OK ? comparison_each_category(out, comparison, show, error) : code;
}

/* --- rows that differ -------------------------------------------------------------------------------- */

struct ranked {
    double gain;
    size_t row;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->gain < y->gain || x->gain > y->gain)
        return x->gain < y->gain ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Lost ones by how much, then won ones by how much, then those whose answers differ alone. */
static double rank_of(double gain) { return isnan(gain) ? 2 : gain < 0 ? gain : gain > 0 ? 1 - gain / 2 : 1.5; }

enum error_code comparison_differing(const struct comparison *comparison, size_t **rows, size_t *count,
                                     struct error *error)
{
    const size_t all = comparison->questions->count;
    const struct side *a = &comparison->sides[0], *b = &comparison->sides[1];
    struct ranked *ranked = mem_alloc((all + 1) * sizeof(*ranked));
    *count = 0;
    *rows = mem_alloc((all + 1) * sizeof(**rows));
    for (size_t i = 0; ranked && *rows && i < all && comparison->side_count == 2; i++) {
        const double gain = a->scores[i] - b->scores[i];
        if (!answers_are_same(&a->answers[i], &b->answers[i]))
            ranked[(*count)++] = (struct ranked){rank_of(gain), i};
    }
    if (ranked && *rows) {
        qsort(ranked, *count, sizeof(*ranked), compare_ranked);
        for (size_t i = 0; i < *count; i++)
            (*rows)[i] = ranked[i].row;
    }
    const bool is_made = ranked && *rows;
    if (!is_made)
        mem_free(*rows);
    mem_free(ranked);
    return is_made ? OK : error_no_memory(error);
}
