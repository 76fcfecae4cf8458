/* metric.c - the metrics that need no model. Reads no file and asks nobody. See metric.h. */
#include "eval/metric.h"

#include <stdlib.h>

#include "core/mem.h"
#include "route/agree.h"

#define TEXT_MAX ((size_t)64 << 20)

const char *const metric_names[METRICS + 1] = {
    [METRIC_AUTO] = "auto", [METRIC_EXACT] = "exact", [METRIC_JSON] = "json",   [METRIC_TOOL] = "tool",
    [METRIC_F1] = "f1",     [METRIC_ROUGE] = "rouge", [METRIC_JUDGE] = "judge",
};

bool metric_find(struct str name, enum metric *metric)
{
    for (size_t i = 0; i < METRICS; i++) {
        if (!str_eq(name, str_of(metric_names[i])))
            continue;
        *metric = (enum metric)i;
        return true;
    }
    return false;
}

/* Both texts in their one form, and their words. */
struct pair {
    struct buf folded[2];
    struct words words[2];
};

static void pair_deinit(struct pair *pair)
{
    for (size_t i = 0; i < 2; i++) {
        buf_deinit(&pair->folded[i]);
        words_deinit(&pair->words[i]);
    }
}

/* pair_deinit in any case. */
static enum error_code pair_read(struct words_reader *reader, struct str a, struct str b, struct pair *pair,
                                 struct error *error)
{
    const struct str texts[2] = {a, b};
    enum error_code code = OK;
    *pair = (struct pair){0};
    for (size_t i = 0; i < 2; i++)
        buf_init(&pair->folded[i], 4 * TEXT_MAX);
    for (size_t i = 0; i < 2 && code == OK; i++) {
        code = words_fold(reader, texts[i], &pair->folded[i], error);
        if (code == OK)
            code = words_read(reader, buf_str(&pair->folded[i]), &pair->words[i], error);
    }
    return code;
}

static bool is_exact(const struct pair *pair)
{
    return str_eq(words_without_end_marks(buf_str(&pair->folded[0])),
                  words_without_end_marks(buf_str(&pair->folded[1])));
}

/* --- words ------------------------------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts both. */
static size_t count_common(struct words *a, struct words *b)
{
    size_t common = 0;
    qsort(a->hashes, a->count, sizeof(*a->hashes), compare_hashes);
    qsort(b->hashes, b->count, sizeof(*b->hashes), compare_hashes);
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        const uint64_t x = a->hashes[i], y = b->hashes[j];
        common += x == y;
        i += x <= y;
        j += y <= x;
    }
    return common;
}

/* The longest common subsequence, by rows of the table of Wagner and Fischer. */
static enum error_code count_sequence(const struct words *a, const struct words *b, size_t *longest,
                                      struct error *error)
{
    uint32_t *row = mem_calloc(b->count + 1, sizeof(*row));
    if (!row)
        return error_no_memory(error);
    for (size_t i = 0; i < a->count; i++) {
        uint32_t diagonal = 0;
        for (size_t j = 0; j < b->count; j++) {
            const uint32_t above = row[j + 1];
            row[j + 1] = a->hashes[i] == b->hashes[j] ? diagonal + 1 : above > row[j] ? above : row[j];
            diagonal = above;
        }
    }
    *longest = row[b->count];
    mem_free(row);
    return OK;
}

static enum error_code score_words(struct pair *pair, enum metric metric, double *score, struct error *error)
{
    struct words *a = &pair->words[0], *b = &pair->words[1];
    size_t common = 0;
    *score = 0;
    if (a->count == 0 && b->count == 0)
        *score = is_exact(pair);
    if (a->count == 0 || b->count == 0)
        return OK;
    if (metric == METRIC_F1)
        common = count_common(a, b);
    else if (count_sequence(a, b, &common, error) != OK)
        return error->code;
    *score = 2 * (double)common / (double)(a->count + b->count);
    return OK;
}

/* --- texts and replies ------------------------------------------------------------------------------- */

enum error_code metric_score_texts(struct words_reader *reader, enum metric metric, struct str reference,
                                   struct str answer, double *score, struct error *error)
{
    struct pair pair;
    if (metric == METRIC_JSON) {
        const enum agreement agreement = texts_same_json(reference, answer);
        *score = agreement == AGREE_YES;
        if (agreement != AGREE_UNKNOWN)
            return OK;
    }
    enum error_code code = pair_read(reader, reference, answer, &pair, error);
    if (code == OK && (metric == METRIC_F1 || metric == METRIC_ROUGE))
        code = score_words(&pair, metric, score, error);
    else if (code == OK)
        *score = is_exact(&pair);
    pair_deinit(&pair);
    return code;
}

static bool has_calls(const struct chat_reply *reply)
{
    for (size_t i = 0; i < reply->block_count; i++)
        if (reply->blocks[i].kind == CHAT_TOOL_USE)
            return true;
    return false;
}

static enum error_code score_texts_of(struct words_reader *reader, enum metric metric, const struct chat_reply *a,
                                      const struct chat_reply *b, double *score, struct error *error)
{
    struct buf texts[2];
    bool fits = true;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&texts[i], TEXT_MAX);
        fits = reply_append_texts(&texts[i], i ? b : a) && fits;
    }
    enum error_code code =
        fits ? metric_score_texts(reader, metric, buf_str(&texts[0]), buf_str(&texts[1]), score, error)
             : error_no_memory(error);
    for (size_t i = 0; i < 2; i++)
        buf_deinit(&texts[i]);
    return code;
}

enum error_code metric_score(struct words_reader *reader, enum metric metric, const struct chat_reply *reference,
                             const struct chat_reply *answer, double *score, struct error *error)
{
    bool is_same = true;
    *score = 0;
    if (metric == METRIC_TOOL ||
        ((metric == METRIC_EXACT || metric == METRIC_JSON) && (has_calls(reference) || has_calls(answer)))) {
        const enum error_code code = replies_same_calls(reference, answer, &is_same, error);
        if (code != OK)
            return code;
        *score = is_same;
    }
    if (metric == METRIC_TOOL || !is_same)
        return OK;
    return score_texts_of(reader, metric, reference, answer, score, error);
}

/* --- the choice -------------------------------------------------------------------------------------- */

static enum error_code count_words(struct words_reader *reader, struct str text, size_t *count, struct error *error)
{
    struct pair pair;
    enum error_code code = pair_read(reader, text, STR(""), &pair, error);
    *count = pair.words[0].count;
    pair_deinit(&pair);
    return code;
}

enum error_code metric_choose(struct words_reader *reader, const struct chat_reply *reference, enum metric *metric,
                              struct error *error)
{
    struct buf text;
    size_t count = 0;
    *metric = METRIC_TOOL;
    if (has_calls(reference))
        return OK;
    buf_init(&text, TEXT_MAX);
    enum error_code code = reply_append_texts(&text, reference) ? OK : error_no_memory(error);
    *metric = METRIC_JSON;
    if (code == OK && !text_is_json_container(buf_str(&text))) {
        code = count_words(reader, buf_str(&text), &count, error);
        *metric = count <= METRIC_SHORT_WORDS ? METRIC_EXACT : METRIC_ROUGE;
    }
    buf_deinit(&text);
    return code;
}
