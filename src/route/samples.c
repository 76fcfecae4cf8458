/* samples.c - see samples.h. */
#include "route/samples.h"

#include <math.h>
#include <string.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"

#define SUBJECTS_MAX 4096

struct loading {
    struct samples *samples;
    struct features *features;
    uint64_t seed;
    size_t cap;
    struct str subjects[SUBJECTS_MAX];
};

static bool grow_array(void **array, size_t count, size_t cap, size_t size)
{
    if (count < cap)
        return true;
    void *grown = mem_realloc(*array, cap * 2 * size);
    if (grown)
        *array = grown;
    return grown != NULL;
}

/* Room for one more row in all arrays. */
static bool make_room(struct loading *loading)
{
    struct samples *samples = loading->samples;
    if (samples->count < loading->cap)
        return true;
    const size_t cap = loading->cap ? loading->cap : 512, count = loading->cap ? samples->count : cap;
    bool fits = grow_array((void **)&samples->user_words, count, cap, sizeof(uint32_t)) &&
                grow_array((void **)&samples->subjects, count, cap, sizeof(uint32_t)) &&
                grow_array((void **)&samples->folds, count, cap, sizeof(uint8_t)) &&
                grow_array((void **)&samples->built, count, cap, FEATURES_BUILT * sizeof(float));
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX && fits; i++)
        fits = grow_array((void **)&samples->quality[i], count, cap, sizeof(float)) &&
               grow_array((void **)&samples->cost[i], count, cap, sizeof(float)) &&
               grow_array((void **)&samples->confidence[i], count, cap, sizeof(float));
    if (fits)
        loading->cap = cap * 2;
    return fits;
}

/* --- models --- */

static enum error_code find_model(struct loading *loading, struct str name, size_t *model, struct error *error)
{
    struct samples *samples = loading->samples;
    for (*model = 0; *model < samples->model_count; ++*model)
        if (str_eq(samples->models[*model], name))
            return OK;
    if (name.len == 0 || name.len >= PREDICTOR_NAME_MAX)
        return error_set(error, ERROR_INVALID, "quality: a model's name has 1 to %d bytes", PREDICTOR_NAME_MAX - 1);
    if (samples->model_count == PREDICTOR_MODELS_MAX)
        return error_set(error, ERROR_INVALID, "quality: more than %d models", PREDICTOR_MODELS_MAX);
    if (!arena_str(&samples->arena, name, &samples->models[*model]))
        return error_no_memory(error);
    for (size_t i = 0; i < samples->count; i++)
        samples->quality[*model][i] = samples->cost[*model][i] = samples->confidence[*model][i] = NAN;
    samples->model_count++;
    return OK;
}

static bool has_model(const struct samples *samples, struct str name)
{
    for (size_t i = 0; i < samples->model_count; i++)
        if (str_eq(samples->models[i], name))
            return true;
    return false;
}

/* Numbers of models, into the row that is being made. Confidence without a quality beside it makes no model. */
static enum error_code read_models(struct loading *loading, yyjson_val *root, const char *member, double high,
                                   float *numbers[PREDICTOR_MODELS_MAX], struct error *error)
{
    struct samples *samples = loading->samples;
    yyjson_val *object, *key, *value;
    if (json_get_object(root, "", member, &object, error))
        return error->code;
    size_t index, count;
    json_obj_foreach(object, index, count, key, value) {
        size_t model;
        double number;
        if (yyjson_is_null(value))
            continue;
        if (yyjson_is_bool(value))
            number = yyjson_get_bool(value);
        else if (yyjson_is_num(value))
            number = yyjson_get_num(value);
        else
            return error_set(error, ERROR_INVALID, "%s." STR_FMT ": expected a number, got %s", member,
                             STR_ARG(json_str(key)), json_type_name(value));
        if (!(number >= 0 && number <= high))
            return error_set(error, ERROR_INVALID, "%s." STR_FMT ": expected a number from 0 to %g, got %g", member,
                             STR_ARG(json_str(key)), high, number);
        if (numbers == samples->confidence && !has_model(samples, json_str(key)))
            continue;
        if (find_model(loading, json_str(key), &model, error))
            return error->code;
        numbers[model][samples->count] = (float)number;
    }
    return OK;
}

/* --- rows --- */

static uint8_t choose_fold(const struct loading *loading, struct str group, const struct route_prompt *prompt)
{
    const uint64_t hash = group.len ? route_hash_text(ROUTE_HASH_FIRST, group) : route_prompt_hash(prompt);
    struct rng rng;
    rng_seed(&rng, hash ^ loading->seed * 0x9e3779b97f4a7c15ULL);
    return (uint8_t)rng_below(&rng, SAMPLES_FOLDS);
}

static enum error_code find_subject(struct loading *loading, struct str name, struct error *error)
{
    struct samples *samples = loading->samples;
    uint32_t *subject = &samples->subjects[samples->count];
    *subject = UINT32_MAX;
    if (name.len == 0)
        return OK;
    for (*subject = 0; *subject < samples->subject_count; ++*subject)
        if (str_eq(loading->subjects[*subject], name))
            return OK;
    if (samples->subject_count == SUBJECTS_MAX)
        return error_set(error, ERROR_INVALID, "subject: more than %d different ones", SUBJECTS_MAX);
    if (!arena_str(&samples->arena, name, &loading->subjects[*subject]))
        return error_no_memory(error);
    samples->subject_count++;
    return OK;
}

static bool add_features(struct loading *loading)
{
    struct samples *samples = loading->samples;
    const struct features *features = loading->features;
    for (size_t i = 0; i < features->count; i++)
        if (!sparse_add(&samples->buckets, features->buckets[i], 1))
            return false;
    for (size_t i = 0; i < features->word_count; i++)
        if (!sparse_add(&samples->words, features->words[i], 1))
            return false;
    memcpy(samples->built + samples->count * FEATURES_BUILT, features->built, sizeof(features->built));
    samples->user_words[samples->count] = (uint32_t)(features->word_count - features->system_words);
    return sparse_end(&samples->buckets) && sparse_end(&samples->words);
}

static enum error_code read_row(struct loading *loading, yyjson_val *root, struct error *error)
{
    struct samples *samples = loading->samples;
    struct str group = {NULL, 0}, subject = {NULL, 0};
    struct route_prompt prompt;
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    if (!make_room(loading))
        return error_no_memory(error);
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX; i++)
        samples->quality[i][samples->count] = samples->cost[i][samples->count] =
            samples->confidence[i][samples->count] = NAN;
    if (json_get_str(root, "", "group", &group, NULL, error) ||
        json_get_str(root, "", "subject", &subject, NULL, error) || route_prompt_of_row(root, &prompt, error) ||
        read_models(loading, root, "quality", 1, samples->quality, error) ||
        read_models(loading, root, "cost", 1e6, samples->cost, error) ||
        read_models(loading, root, "confidence", 1, samples->confidence, error) ||
        find_subject(loading, subject, error))
        return error->code;
    if (!yyjson_obj_size(yyjson_obj_get(root, "quality")))
        return error_set(error, ERROR_INVALID, "quality: expected an object with a number for each model");
    features_read(&prompt, loading->features);
    samples->folds[samples->count] = choose_fold(loading, group, &prompt);
    if (!add_features(loading))
        return error_no_memory(error);
    samples->count++;
    return OK;
}

/* --- order of models --- */

static double mean_of(const float *values, size_t count)
{
    double sum = 0, known = 0;
    for (size_t i = 0; i < count; i++) {
        sum += isnan(values[i]) ? 0 : values[i];
        known += !isnan(values[i]);
    }
    return known > 0 ? sum / known : 0;
}

static void swap_models(struct samples *samples, size_t a, size_t b)
{
    const struct str name = samples->models[a];
    float *quality = samples->quality[a], *cost = samples->cost[a], *confidence = samples->confidence[a];
    samples->models[a] = samples->models[b];
    samples->quality[a] = samples->quality[b];
    samples->cost[a] = samples->cost[b];
    samples->confidence[a] = samples->confidence[b];
    samples->models[b] = name;
    samples->quality[b] = quality;
    samples->cost[b] = cost;
    samples->confidence[b] = confidence;
}

static void order_models(struct samples *samples)
{
    for (size_t i = 1; i < samples->model_count; i++)
        for (size_t j = i; j > 0 && mean_of(samples->quality[j], samples->count) <
                                        mean_of(samples->quality[j - 1], samples->count); j--)
            swap_models(samples, j, j - 1);
}

/* Costs that rows leave out: the model's mean, or where nobody says any its place in the order. */
static void fill_costs(struct samples *samples)
{
    for (size_t i = 0; i < samples->model_count; i++)
        for (size_t j = 0; j < samples->count; j++)
            samples->has_costs |= !isnan(samples->cost[i][j]);
    for (size_t i = 0; i < samples->model_count; i++) {
        const float mean = samples->has_costs ? (float)mean_of(samples->cost[i], samples->count)
                                              : (float)i / (float)(samples->model_count - 1);
        for (size_t j = 0; j < samples->count; j++)
            if (isnan(samples->cost[i][j]))
                samples->cost[i][j] = mean;
    }
}

/* --- files --- */

static enum error_code read_lines(struct loading *loading, struct str text, const char *name, struct error *error)
{
    struct str line;
    for (size_t number = 1; str_split(&text, '\n', &line); number++) {
        yyjson_doc *doc;
        line = str_trim(line);
        if (line.len == 0)
            continue;
        if (loading->samples->count == LIMIT_ROUTE_ROWS)
            return error_set(error, ERROR_TOO_LARGE, "%s: over %d rows", name, LIMIT_ROUTE_ROWS);
        if (json_parse(line, &doc, error))
            return error_prefix(error, "%s:%zu", name, number);
        enum error_code code = read_row(loading, yyjson_doc_get_root(doc), error);
        json_free(doc);
        if (code)
            return error_prefix(error, "%s:%zu", name, number);
    }
    return OK;
}

enum error_code samples_parse(struct str text, const char *name, uint64_t seed, struct samples *samples,
                              struct error *error)
{
    struct loading *loading = mem_calloc(1, sizeof(*loading));
    *samples = (struct samples){0};
    arena_init(&samples->arena, 0);
    samples->buckets.columns = samples->words.columns = FEATURES_BUCKETS;
    if (!loading)
        return error_no_memory(error);
    loading->samples = samples;
    loading->seed = seed;
    loading->features = mem_alloc(sizeof(*loading->features));
    enum error_code code = loading->features ? read_lines(loading, text, name, error) : error_no_memory(error);
    mem_free(loading->features);
    mem_free(loading);
    if (!code && samples->count == 0)
        code = error_set(error, ERROR_INVALID, "%s: there are no rows in it", name);
    if (!code && samples->model_count < 2)
        code = error_set(error, ERROR_INVALID, "%s: the rows tell the quality of one model alone; a router chooses "
                         "between two or more", name);
    if (code) {
        samples_deinit(samples);
        return code;
    }
    order_models(samples);
    fill_costs(samples);
    return OK;
}

enum error_code samples_read(const char *path, uint64_t seed, struct samples *samples, struct error *error)
{
    struct buf text;
    buf_init(&text, LIMIT_ROUTE_DATA_BYTES);
    enum error_code code = file_read(path, &text, error);
    if (!code)
        code = samples_parse(buf_str(&text), path, seed, samples, error);
    buf_deinit(&text);
    return code;
}

void samples_deinit(struct samples *samples)
{
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX; i++) {
        mem_free(samples->quality[i]);
        mem_free(samples->cost[i]);
        mem_free(samples->confidence[i]);
    }
    sparse_deinit(&samples->buckets);
    sparse_deinit(&samples->words);
    mem_free(samples->user_words);
    mem_free(samples->built);
    mem_free(samples->subjects);
    mem_free(samples->folds);
    arena_deinit(&samples->arena);
    *samples = (struct samples){0};
}
