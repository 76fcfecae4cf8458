/* recipe.c - from the words of the service to those of the trainer. Runs nothing. See recipe.h. */
#include "customize/recipe.h"

#include <stddef.h>
#include <string.h>

#define LENGTH_UNIT 32u
#define LENGTH_MIN 64u
#define PASS_TOKENS 1024u /* of one pass: logits of more take memory, fewer take time */
#define ACCUMULATE_MAX 1024u
#define WORKERS_MAX 16u
#define STEP_FILL 0.9     /* of a step's positions that rows fill, about */
#define SMALL_BASE_BYTES (32u << 20)
#define SMALL_RATE 0.002
#define LARGE_RATE 0.0002
#define STUDENT_VOCABULARY_MIN 300u
#define COPYING_TOKENS 7000000u
#define COPYING_STEP 2048u    /* tokens; of more a step copying comes later */
#define COPYING_LENGTH 64u
#define COPYING_CHARACTERS 30u /* percent of the warm-up that is of characters alone */
#define COPYING_SHARE 5u      /* percent of what is learnt later */
#define SCRATCH_RATE 0.004
#define MUON_FACTOR 5.0       /* its rate is so many times AdamW's */
#define WARM_UP_SHARE 20  /* of the steps: one in so many */
#define WARM_UP_MAX 100
#define MEASURES 10       /* during a run */
#define CHECKPOINTS 20
#define LOG_LINES 500
#define HELD_ROWS_MAX 500

/* --- hyperparameters -------------------------------------------------------------------------------- */

enum kind { KIND_COUNT, KIND_REAL, KIND_BOOL, KIND_SEED };
static const struct key {
    const char *name, *expected;
    enum kind kind;
    size_t offset;
    double low, high;
} keys[] = {
    {"epochCount", "a number of 1 to 1000", KIND_COUNT, offsetof(struct hyper, epochs), 1, 1000},
    {"batchSize", "a number of 1 to 512", KIND_COUNT, offsetof(struct hyper, batch), 1, 512},
    {"learningRate", "a number of 0.0000001 to 0.1", KIND_REAL, offsetof(struct hyper, rate), 1e-7, 0.1},
    {"learningRateWarmupSteps", "a number of 0 to 10000", KIND_COUNT, offsetof(struct hyper, warm_up), 0, 10000},
    {"adapterRank", "a number of 0 to 256", KIND_COUNT, offsetof(struct hyper, rank), 0, 256},
    {"adapterAlpha", "a number of 0.01 to 1024", KIND_REAL, offsetof(struct hyper, alpha), 0.01, 1024},
    {"trainEmbedding", "true or false", KIND_BOOL, offsetof(struct hyper, trains_embedding), 0, 0},
    {"maxLength", "a number of 64 to 8192", KIND_COUNT, offsetof(struct hyper, length), LENGTH_MIN, 8192},
    {"validationShare", "a number of 0 to 0.5", KIND_REAL, offsetof(struct hyper, held), 0, 0.5},
    {"softLabels", "true or false", KIND_BOOL, offsetof(struct hyper, is_soft), 0, 0},
    {"softTemperature", "a number of 0.1 to 20", KIND_REAL, offsetof(struct hyper, soft_temperature), 0.1, 20},
    {"softTop", "a number of 0 to 1000000", KIND_COUNT, offsetof(struct hyper, soft_top), 0, 1000000},
    {"softWeight", "a number of 0.01 to 1", KIND_REAL, offsetof(struct hyper, soft_weight), 0.01, 1},
    {"syntheticPrompts", "a number of 0 to 15000", KIND_COUNT, offsetof(struct hyper, synthetic), 0, 15000},
    {"studentLayers", "a number of 0 to 1024", KIND_COUNT, offsetof(struct hyper, layers), 0, 1024},
    {"studentVocabulary", "a number of 0 to 1000000", KIND_COUNT, offsetof(struct hyper, vocabulary), 0, 1e6},
    {"copyingTokens", "a number of 0 to 1000000000", KIND_COUNT, offsetof(struct hyper, copying), 0, 1e9},
    {"freshValues", "true or false", KIND_BOOL, offsetof(struct hyper, has_fresh_values), 0, 0},
    {"seed", "a number", KIND_SEED, offsetof(struct hyper, seed), 0, 0},
};

static bool take_value(const struct key *key, struct str text, struct hyper *hyper)
{
    char *at = (char *)hyper + key->offset;
    uint64_t number;
    double real;
    switch (key->kind) {
    case KIND_COUNT:
        if (!str_to_u64(text, &number) || (double)number < key->low || (double)number > key->high)
            return false;
        *(uint32_t *)(void *)at = (uint32_t)number;
        return true;
    case KIND_REAL:
        if (!str_to_double(text, &real) || !(real >= key->low && real <= key->high))
            return false;
        *(double *)(void *)at = real;
        return true;
    case KIND_BOOL:
        *(bool *)(void *)at = str_eq(text, STR("true"));
        return str_eq(text, STR("true")) || str_eq(text, STR("false"));
    case KIND_SEED: break;
    }
    return str_to_u64(text, (uint64_t *)(void *)at);
}

static enum error_code refuse_unknown(const char *name, struct error *error)
{
    const size_t count = sizeof(keys) / sizeof(keys[0]);
    struct buf known;
    buf_init(&known, ERROR_MESSAGE_MAX);
    for (size_t i = 0; i < count; i++)
        buf_appendf(&known, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " and ", keys[i].name);
    error_set(error, ERROR_INVALID, "hyperParameters.%.64s: is not known; there are " STR_FMT, name,
              STR_ARG(buf_str(&known)));
    buf_deinit(&known);
    return ERROR_INVALID;
}

static enum error_code take(yyjson_val *name, yyjson_val *value, struct hyper *hyper, struct error *error)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!yyjson_equals_str(name, keys[i].name))
            continue;
        if (yyjson_is_str(value) && take_value(&keys[i], str_trim(json_str(value)), hyper))
            return OK;
        return error_set(error, ERROR_INVALID, "hyperParameters.%s: expected %s, as a string", keys[i].name,
                         keys[i].expected);
    }
    return refuse_unknown(yyjson_get_str(name), error);
}

/* Who says how soft wants soft ones. */
static enum error_code check_soft(const struct hyper *hyper, struct error *error)
{
    const char *name = hyper->soft_temperature > 0        ? "softTemperature"
                       : hyper->soft_weight > 0           ? "softWeight"
                       : hyper->soft_top != HYPER_CHOSEN ? "softTop"
                                                          : NULL;
    if (hyper->is_soft || !name)
        return OK;
    return error_set(error, ERROR_INVALID, "hyperParameters.%s: says nothing without softLabels \"true\"", name);
}

static enum error_code parse(yyjson_val *map, struct hyper *hyper, struct error *error)
{
    size_t idx, max;
    yyjson_val *name, *value;
    enum error_code code = OK;
    hyper->soft_top = HYPER_CHOSEN;
    if (map && !yyjson_is_null(map) && !yyjson_is_obj(map))
        return error_set(error, ERROR_INVALID, "hyperParameters: expected an object of strings");
    json_obj_foreach(map, idx, max, name, value)
    {
        if (code == OK)
            code = take(name, value, hyper, error);
    }
    return code == OK ? check_soft(hyper, error) : code;
}

enum error_code hyper_parse(yyjson_val *map, struct hyper *hyper, struct error *error)
{
    *hyper = (struct hyper){.epochs = 3, .batch = 16, .warm_up = HYPER_CHOSEN, .length = 4096, .held = 0.1};
    return parse(map, hyper, error);
}

enum error_code hyper_parse_scratch(yyjson_val *map, struct hyper *hyper, struct error *error)
{
    *hyper = (struct hyper){.epochs = 20, .batch = 16, .warm_up = HYPER_CHOSEN, .length = 4096, .held = 0.1,
                            .trains_embedding = true, .copying = COPYING_TOKENS};
    return parse(map, hyper, error);
}

static enum error_code refuse(const char *key, const char *why, struct error *error)
{
    return error_set(error, ERROR_INVALID, "hyperParameters.%s: %s", key, why);
}

static enum error_code check_scratch(const struct hyper *hyper, struct error *error)
{
    if (hyper->rank > 0)
        return refuse("adapterRank", "an adapter stands beside a model, and one from scratch is none yet", error);
    if (hyper->is_soft)
        return refuse("softLabels", "a model from scratch has a vocabulary of its own, which no teacher has; leave "
                      "them out, or name a model that is served as its base", error);
    if (hyper->layers > 0)
        return refuse("studentLayers", "a model from scratch has layers of its own; name a model that is served to "
                      "keep some of its layers", error);
    if (hyper->vocabulary > 0 &&
        (hyper->vocabulary < SCRATCH_VOCABULARY_MIN || hyper->vocabulary > SCRATCH_VOCABULARY_MAX))
        return error_set(error, ERROR_INVALID,
                         "hyperParameters.studentVocabulary: expected %u to %u of a model from scratch",
                         SCRATCH_VOCABULARY_MIN, SCRATCH_VOCABULARY_MAX);
    if (!hyper->trains_embedding)
        return refuse("trainEmbedding", "must be true of a model from scratch: its embedding knows nothing yet", error);
    return OK;
}

enum error_code hyper_check(const struct hyper *hyper, const struct scratch *scratch, uint32_t layers,
                            struct error *error)
{
    if (hyper->vocabulary > 0 && hyper->vocabulary < STUDENT_VOCABULARY_MIN)
        return error_set(error, ERROR_INVALID, "hyperParameters.studentVocabulary: expected 0, or at least %u: bytes "
                         "and markers stay", STUDENT_VOCABULARY_MIN);
    if (scratch)
        return check_scratch(hyper, error);
    if (hyper->copying > 0)
        return refuse("copyingTokens", "is of models from scratch alone: others can copy", error);
    if (layers > 0 && hyper->layers > layers)
        return error_set(error, ERROR_INVALID, "hyperParameters.studentLayers: the base model has %u", layers);
    return OK;
}

bool hyper_is_pruned(const struct hyper *hyper)
{
    return hyper->layers > 0 || hyper->vocabulary > 0;
}

bool hyper_is_adapter(const struct hyper *hyper)
{
    return hyper->rank > 0 && !hyper_is_pruned(hyper);
}

/* --- shape of a step -------------------------------------------------------------------------------- */

struct step_shape {
    uint32_t length, rows, accumulate, workers;
    uint64_t steps;
};

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

/* A pass runs on one of them, and each has gradients of its own. */
static uint32_t workers_of(const struct recipe *recipe, uint64_t lines)
{
    const uint64_t most = recipe->cpus < WORKERS_MAX ? at_least(recipe->cpus, 1) : WORKERS_MAX;
    return (uint32_t)(most < lines ? most : lines);
}

static struct step_shape shape_of(const struct recipe *recipe)
{
    const struct recipe_size *size = &recipe->size;
    const uint32_t longest = (size->longest + LENGTH_UNIT - 1) / LENGTH_UNIT * LENGTH_UNIT;
    struct step_shape shape = {.length = longest < LENGTH_MIN ? LENGTH_MIN : longest};
    const double row = (double)size->tokens / (double)at_least(size->rows, 1) / STEP_FILL;
    const uint64_t wanted = at_least((uint64_t)(row * recipe->hyper.batch + 0.5), shape.length); /* a step */
    const uint64_t lines = at_least((wanted + shape.length / 2) / shape.length, 1);
    shape.workers = workers_of(recipe, lines);
    const uint64_t share = (lines + shape.workers / 2) / shape.workers; /* of a worker, if it had one pass only */
    shape.rows = (uint32_t)at_least(PASS_TOKENS / shape.length, 1);
    if (shape.rows > share)
        shape.rows = (uint32_t)share;
    const uint64_t round = (uint64_t)shape.rows * shape.workers; /* in which every worker has a pass */
    shape.accumulate = (uint32_t)at_least((lines + round / 2) / round, 1) * shape.workers;
    if (shape.accumulate > ACCUMULATE_MAX)
        shape.accumulate = ACCUMULATE_MAX / shape.workers * shape.workers;
    const double step = (double)shape.length * shape.rows * shape.accumulate;
    const double of_rows = recipe->scratch && recipe->hyper.copying > 0 ? 1.0 - COPYING_SHARE / 100.0 : 1.0;
    const double tokens = (double)size->tokens / STEP_FILL * recipe->hyper.epochs / of_rows;
    shape.steps = at_least((uint64_t)(tokens / step + 0.5), 1);
    return shape;
}

uint64_t recipe_copying_steps(const struct recipe *recipe)
{
    return recipe->scratch ? recipe->hyper.copying / COPYING_STEP : 0;
}

uint64_t recipe_steps(const struct recipe *recipe)
{
    return recipe_copying_steps(recipe) + shape_of(recipe).steps;
}

/* --- YAML ------------------------------------------------------------------------------------------- */

/* The first steps of AdamW are as long as its rate allows, whatever the gradient, and undo much of what was known. */
static uint32_t warm_up_of(const struct recipe *recipe, const struct step_shape *shape)
{
    const uint64_t share = shape->steps / WARM_UP_SHARE;
    if (recipe->hyper.warm_up != HYPER_CHOSEN)
        return recipe->hyper.warm_up;
    return (uint32_t)(share < WARM_UP_MAX ? share : WARM_UP_MAX);
}

/* The model that training begins with. */
static void append_begin(struct buf *out, const struct recipe *recipe)
{
    const struct scratch *scratch = recipe->scratch;
    const struct hyper *hyper = &recipe->hyper;
    buf_append_text(out, "name: ");
    buf_append_json(out, recipe->name);
    if (scratch) {
        buf_appendf(out, "\nmodel: {layers: %u, width: %u, heads: %u, kv_heads: %u, feed_forward: %u, vocabulary: %u, "
                    "context: %u}\ntokenizer: {corpus: [%s], digits: 3}\n", scratch->layers, scratch->width,
                    scratch->heads, scratch->kv_heads, scratch->feed_forward,
                    hyper->vocabulary ? hyper->vocabulary : SCRATCH_VOCABULARY,
                    hyper->length > SCRATCH_CONTEXT ? hyper->length : SCRATCH_CONTEXT, recipe->rows);
        return;
    }
    buf_append_text(out, "\ntuned_from: ");
    buf_append_json(out, recipe->base);
    buf_append_char(out, '\n');
    if (!hyper_is_pruned(hyper))
        return;
    buf_append_text(out, "pruned: {");
    if (hyper->layers > 0)
        buf_appendf(out, "layers: %u%s", hyper->layers, hyper->vocabulary ? ", " : "");
    if (hyper->vocabulary > 0)
        buf_appendf(out, "vocabulary: %u", hyper->vocabulary);
    buf_append_text(out, "}\n");
}

static void append_copying(struct buf *out, const struct recipe *recipe)
{
    const uint64_t steps = recipe_copying_steps(recipe);
    const uint64_t characters = (steps * COPYING_CHARACTERS + 50) / 100;
    const uint32_t workers = workers_of(recipe, 2); /* passes of less are not worth a thread */
    const char *const data[] = {"{copying: characters}",
                                "{copying: characters, weight: 30}, {copying: tokens, weight: 70}"};
    const uint64_t lengths[] = {characters, steps - characters};
    for (size_t i = 0; i < 2; i++)
        if (lengths[i] > 0)
            buf_appendf(out, "  - {name: copying-%zu, tokens: %llu, length: %u, rows: %u, accumulate: %u, workers: %u, "
                        "warm_up: %u, data: [%s]}\n", i + 1, (unsigned long long)(lengths[i] * COPYING_STEP),
                        COPYING_LENGTH, COPYING_STEP / COPYING_LENGTH / workers, workers, workers, i ? 0 : 30, data[i]);
}

static void append_phases(struct buf *out, const struct recipe *recipe, const struct step_shape *shape)
{
    const uint64_t tokens = shape->steps * shape->length * shape->rows * shape->accumulate;
    const char *values = recipe->hyper.has_fresh_values ? ", fresh_values: true" : "";
    buf_append_text(out, "phases:\n");
    append_copying(out, recipe);
    buf_appendf(out, "  - {name: train, tokens: %llu, length: %u, rows: %u, accumulate: %u, workers: %u, warm_up: %u, ",
                (unsigned long long)tokens, shape->length, shape->rows, shape->accumulate, shape->workers,
                warm_up_of(recipe, shape));
    if (!recipe->scratch)
        buf_appendf(out, "decay_from: 0.5, final_rate: 0.1, data: [{file: %s%s}]}\n", recipe->rows, values);
    else if (recipe->hyper.copying == 0)
        buf_appendf(out, "rate: %.2f, decay_from: 0.3, final_rate: 0.05, data: [{file: %s%s}]}\n",
                    recipe->scratch->rate, recipe->rows, values);
    else
        buf_appendf(out, "rate: %.2f, decay_from: 0.3, final_rate: 0.05, data: [{file: %s, weight: %u%s}, "
                    "{copying: tokens, weight: %u}]}\n", recipe->scratch->rate, recipe->rows, 100 - COPYING_SHARE,
                    values, COPYING_SHARE);
}

static void append_optimiser(struct buf *out, const struct recipe *recipe)
{
    const double given = recipe->hyper.rate;
    if (recipe->scratch) {
        const double rate = given > 0 ? given : SCRATCH_RATE;
        buf_appendf(out, "optimiser: {kind: muon, rate: %.9f, muon_rate: %.9f}\n", rate, MUON_FACTOR * rate);
        return;
    }
    const double chosen = recipe->size.base_bytes < SMALL_BASE_BYTES ? SMALL_RATE : LARGE_RATE;
    buf_appendf(out, "optimiser: {kind: adamw, rate: %.9f}\n", given > 0 ? given : chosen);
}

static void append_teacher(struct buf *out, const struct recipe *recipe)
{
    const struct hyper *hyper = &recipe->hyper;
    if (!hyper->is_soft)
        return;
    buf_append_text(out, "teacher: {file: ");
    buf_append_json(out, recipe->teacher);
    if (recipe->teacher_adapter.len > 0) {
        buf_append_text(out, ", adapter: ");
        buf_append_json(out, recipe->teacher_adapter);
    }
    if (hyper->soft_temperature > 0)
        buf_appendf(out, ", temperature: %.6f", hyper->soft_temperature);
    if (hyper->soft_top != HYPER_CHOSEN)
        buf_appendf(out, ", top: %u", hyper->soft_top);
    if (hyper->soft_weight > 0)
        buf_appendf(out, ", weight: %.6f", hyper->soft_weight);
    buf_append_text(out, "}\n");
}

/* What is pruned of the base was in it. */
bool recipe_append_check(struct buf *out, const struct recipe *recipe)
{
    buf_append_text(out, "name: check\ntuned_from: ");
    buf_append_json(out, recipe->base);
    buf_append_char(out, '\n');
    append_teacher(out, recipe);
    return buf_appendf(out, "phases:\n  - {name: check, tokens: 64, length: 64, rows: 1, data: [{file: %s}]}\n",
                       recipe->rows);
}

bool recipe_append(struct buf *out, const struct recipe *recipe)
{
    const struct hyper *hyper = &recipe->hyper;
    const struct step_shape shape = shape_of(recipe);
    const uint64_t steps = recipe_steps(recipe);
    append_begin(out, recipe);
    if (!recipe->scratch)
        buf_appendf(out, "frozen: %s\n", hyper->trains_embedding ? "none" : "embedding");
    if (hyper->rank > 0)
        buf_appendf(out, "adapter: {rank: %u, alpha: %.6f}\n", hyper->rank,
                    hyper->alpha > 0 ? hyper->alpha : 2.0 * hyper->rank);
    buf_appendf(out, "type: %s\n", hyper_is_adapter(hyper) ? "adapter" : "auto");
    append_optimiser(out, recipe);
    append_teacher(out, recipe);
    append_phases(out, recipe, &shape);
    if (recipe->size.held > 0)
        buf_appendf(out, "measure: {file: %s, rows: %llu, length: %u, every: %llu, loss: true}\n", recipe->held,
                    (unsigned long long)(recipe->size.held < HELD_ROWS_MAX ? recipe->size.held : HELD_ROWS_MAX),
                    shape.length, (unsigned long long)at_least(steps / MEASURES, 1));
    return buf_appendf(out, "seed: %llu\ncheckpoint_every: %llu\nlog_every: %llu\n", (unsigned long long)hyper->seed,
                       (unsigned long long)at_least(steps / CHECKPOINTS, 1),
                       (unsigned long long)at_least(steps / LOG_LINES, 1));
}

/* Held-out rows are measured, not data: no token stays because of them. */
bool recipe_append_count(struct buf *out, const struct recipe *recipe, bool has_held)
{
    append_begin(out, recipe);
    buf_appendf(out, "phases:\n  - {name: count, tokens: 64, length: 64, rows: 1, data: [{file: %s}]}\n", recipe->rows);
    return has_held ? buf_appendf(out, "measure: {file: %s}\n", recipe->held) : !out->failed;
}
