/* samples.c - see samples.h. */
#include "route/samples.h"

#include <math.h>
#include <string.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "route/labels.h"
#include "route/row_ids.h"

#define SUBJECTS_MAX 4096

struct samples_reader {
    struct samples samples;
    struct features *features;
    struct row_ids ids;
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
static bool make_room(struct samples_reader *reader)
{
    struct samples *samples = &reader->samples;
    if (samples->count < reader->cap)
        return true;
    const size_t cap = reader->cap ? reader->cap : 512, count = reader->cap ? samples->count : cap;
    bool fits = grow_array((void **)&samples->user_words, count, cap, sizeof(uint32_t)) &&
                grow_array((void **)&samples->subjects, count, cap, sizeof(uint32_t)) &&
                grow_array((void **)&samples->folds, count, cap, sizeof(uint8_t)) &&
                grow_array((void **)&samples->built, count, cap, FEATURES_BUILT * sizeof(float));
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX && fits; i++)
        fits = grow_array((void **)&samples->quality[i], count, cap, sizeof(float)) &&
               grow_array((void **)&samples->cost[i], count, cap, sizeof(float)) &&
               grow_array((void **)&samples->confidence[i], count, cap, sizeof(float));
    if (fits)
        reader->cap = cap * 2;
    return fits;
}

/* --- models --- */

static enum error_code find_model(struct samples_reader *reader, struct str name, size_t *model, struct error *error)
{
    struct samples *samples = &reader->samples;
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
static enum error_code read_models(struct samples_reader *reader, yyjson_val *root, const char *member, double high,
                                   float *numbers[PREDICTOR_MODELS_MAX], struct error *error)
{
    struct samples *samples = &reader->samples;
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
        if (find_model(reader, json_str(key), &model, error))
            return error->code;
        if (!isnan(numbers[model][samples->count]))
            return error_set(error, ERROR_INVALID, "%s." STR_FMT ": stands there twice", member,
                             STR_ARG(json_str(key)));
        numbers[model][samples->count] = (float)number;
    }
    return OK;
}

/* --- rows --- */

static uint8_t choose_fold(const struct samples_reader *reader, struct str group, const struct route_prompt *prompt)
{
    const uint64_t hash = group.len ? route_hash_text(ROUTE_HASH_FIRST, group) : route_prompt_hash(prompt);
    struct rng rng;
    rng_seed(&rng, hash ^ reader->seed * 0x9e3779b97f4a7c15ULL);
    return (uint8_t)rng_below(&rng, SAMPLES_FOLDS);
}

static enum error_code find_subject(struct samples_reader *reader, struct str name, struct error *error)
{
    struct samples *samples = &reader->samples;
    uint32_t *subject = &samples->subjects[samples->count];
    *subject = UINT32_MAX;
    if (name.len == 0)
        return OK;
    for (*subject = 0; *subject < samples->subject_count; ++*subject)
        if (str_eq(reader->subjects[*subject], name))
            return OK;
    if (samples->subject_count == SUBJECTS_MAX)
        return error_set(error, ERROR_INVALID, "subject: more than %d different ones", SUBJECTS_MAX);
    if (!arena_str(&samples->arena, name, &reader->subjects[*subject]))
        return error_no_memory(error);
    samples->subject_count++;
    return OK;
}

static bool add_features(struct samples_reader *reader)
{
    struct samples *samples = &reader->samples;
    const struct features *features = reader->features;
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

static enum error_code check_id(struct samples_reader *reader, yyjson_val *root, size_t number, struct error *error)
{
    struct str id = {NULL, 0};
    char digits[32];
    size_t before;
    yyjson_val *member = yyjson_obj_get(root, "id");
    if (yyjson_is_int(member)) {
        (void)snprintf(digits, sizeof(digits), "%lld", (long long)yyjson_get_sint(member));
        id = str_of(digits);
    } else if (json_get_str(root, "", "id", &id, NULL, error) != OK) {
        return error->code;
    }
    if (id.len == 0)
        return OK;
    if (!row_ids_add(&reader->ids, id, number, &before))
        return error_no_memory(error);
    return before == 0 ? OK : error_set(error, ERROR_INVALID, "id: \"%.*s\" is that of line %zu already",
                                        (int)(id.len > 64 ? 64 : id.len), id.data, before);
}

/* The prompt as numbers; its fold is dealt by the group, where there is one. */
static enum error_code read_prompt(struct samples_reader *reader, yyjson_val *root, struct str group,
                                   struct error *error)
{
    yyjson_val *features = yyjson_obj_get(root, "features");
    struct route_prompt prompt = {0};
    const bool has_prompt = yyjson_is_str(yyjson_obj_get(root, "prompt")) || yyjson_obj_get(root, "messages");
    const bool is_read = yyjson_is_obj(features) && group.len > 0 && features_read_json(features, reader->features);
    if (features && !is_read && !has_prompt)
        return error_set(error, ERROR_INVALID, "features: they were made by another version of this program, or are "
                         "damaged, and without a prompt beside them nothing is known of it");
    if (!is_read && route_prompt_of_row(root, &prompt, error) != OK)
        return error->code;
    if (!is_read)
        features_read(&prompt, reader->features);
    reader->samples.folds[reader->samples.count] = choose_fold(reader, group, &prompt);
    return OK;
}

enum error_code samples_add(struct samples_reader *reader, yyjson_val *root, size_t number, struct error *error)
{
    struct samples *samples = &reader->samples;
    struct str group = {NULL, 0}, subject = {NULL, 0};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    if (samples->count == LIMIT_ROUTE_ROWS)
        return error_set(error, ERROR_TOO_LARGE, "over %d rows", LIMIT_ROUTE_ROWS);
    if (!make_room(reader))
        return error_no_memory(error);
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX; i++)
        samples->quality[i][samples->count] = samples->cost[i][samples->count] =
            samples->confidence[i][samples->count] = NAN;
    if (json_get_str(root, "", "group", &group, NULL, error) ||
        json_get_str(root, "", "subject", &subject, NULL, error) || read_prompt(reader, root, group, error) ||
        read_models(reader, root, "quality", 1, samples->quality, error) ||
        read_models(reader, root, "cost", 1e6, samples->cost, error) ||
        read_models(reader, root, "confidence", 1, samples->confidence, error) ||
        find_subject(reader, subject, error) || check_id(reader, root, number, error))
        return error->code;
    if (!yyjson_obj_size(yyjson_obj_get(root, "quality")))
        return error_set(error, ERROR_INVALID, "quality: expected an object with a number for each model");
    if (!add_features(reader))
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

enum error_code samples_begin(uint64_t seed, struct samples_reader **reader, struct error *error)
{
    struct samples_reader *made = mem_calloc(1, sizeof(*made));
    if (!made || !(made->features = mem_alloc(sizeof(*made->features)))) {
        mem_free(made);
        return error_no_memory(error);
    }
    made->seed = seed;
    arena_init(&made->samples.arena, 0);
    arena_init(&made->ids.arena, 0);
    made->samples.buckets.columns = made->samples.words.columns = FEATURES_BUCKETS;
    *reader = made;
    return OK;
}

/* Whether there is something to learn from. */
static enum error_code check_all(const struct samples *samples, const char *name, struct error *error)
{
    if (samples->count == 0)
        return error_set(error, ERROR_INVALID, "%s: there are no rows in it", name);
    if (samples->model_count < 2)
        return error_set(error, ERROR_INVALID, "%s: the rows tell the quality of one model alone; a router chooses "
                         "between two or more", name);
    return OK;
}

enum error_code samples_end(struct samples_reader *reader, const char *name, struct samples *samples,
                            struct error *error)
{
    struct samples made = reader->samples;
    mem_free(reader->features);
    row_ids_deinit(&reader->ids);
    mem_free(reader);
    const enum error_code code = samples ? check_all(&made, name, error) : OK;
    if (code != OK || !samples) {
        samples_deinit(&made);
        return code;
    }
    order_models(&made);
    fill_costs(&made);
    *samples = made;
    return OK;
}

static enum error_code read_lines(struct samples_reader *reader, struct str text, const char *name,
                                  struct error *error)
{
    struct str line;
    for (size_t number = 1; str_split(&text, '\n', &line); number++) {
        yyjson_doc *doc;
        line = str_trim(line);
        if (line.len == 0)
            continue;
        if (json_parse(line, &doc, error))
            return error_prefix(error, "%s:%zu", name, number);
        const enum error_code code = samples_add(reader, yyjson_doc_get_root(doc), number, error);
        json_free(doc);
        if (code)
            return error_prefix(error, "%s:%zu", name, number);
    }
    return OK;
}

enum error_code samples_parse(struct str text, const char *name, uint64_t seed, struct samples *samples,
                              struct error *error)
{
    struct samples_reader *reader;
    struct error ignored;
    enum error_code code = samples_begin(seed, &reader, error);
    if (code)
        return code;
    code = read_lines(reader, text, name, error);
    if (!code)
        return samples_end(reader, name, samples, error);
    (void)!samples_end(reader, name, NULL, &ignored);
    return code;
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
