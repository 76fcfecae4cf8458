/* predictor.c - see predictor.h; weights.h has what is computed with. */
#include "route/predictor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "route/weights.h"

#define FILE_BYTES_MAX (4u << 20)
#define UNSURE_PLACE 0.5F /* variance of the log odds of a candidate that others stand for */

struct predictor {
    struct route_weights *weights;
    float variance[256]; /* of a cell's second byte */
};

/* --- files --- */

enum error_code predictor_parse(struct str bytes, const char *name, struct predictor **predictor, struct error *error)
{
    struct predictor *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    if (route_weights_read(bytes, name, &made->weights, error)) {
        mem_free(made);
        return error->code;
    }
    for (size_t i = 0; i < 256; i++)
        made->variance[i] = made->weights->variance * exp2f(-(float)i / WEIGHTS_VARIANCE_STEPS);
    *predictor = made;
    return OK;
}

static enum error_code read_file(int fd, const char *path, struct buf *bytes, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status))
        return error_set_errno(error, ERROR_IO, errno, "%s: cannot be read", path);
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "%s: this is no predictor; `fulcrum router train` writes them", path);
    if (!buf_reserve(bytes, (size_t)status.st_size + 1))
        return error_no_memory(error);
    bytes->len = (size_t)status.st_size;
    errno = 0;
    if (bytes->len > 0 && !io_read_at(fd, bytes->data, bytes->len, 0))
        return error_set_errno(error, ERROR_IO, errno, "%s: cannot be read", path);
    return OK;
}

enum error_code predictor_open(const char *path, struct predictor **predictor, struct error *error)
{
    struct buf bytes;
    const int fd = io_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "%s: cannot be opened", path);
    buf_init(&bytes, FILE_BYTES_MAX + 1);
    enum error_code code = read_file(fd, path, &bytes, error);
    close(fd);
    if (!code)
        code = predictor_parse(buf_str(&bytes), path, predictor, error);
    buf_deinit(&bytes);
    return code;
}

extern const char route_general[], route_general_end[], route_desk[], route_desk_end[]; /* predictors_embedded.S */

enum error_code predictor_open_builtin(const char *name, struct predictor **predictor, struct error *error)
{
    const struct {
        const char *name;
        struct str bytes;
    } files[] = {{PREDICTOR_GENERAL, {route_general, (size_t)(route_general_end - route_general)}},
                 {PREDICTOR_DESK, {route_desk, (size_t)(route_desk_end - route_desk)}}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (!strcmp(name, files[i].name))
            return predictor_parse(files[i].bytes, name, predictor, error);
    return error_set(error, ERROR_NOT_FOUND, "no predictor '%s' is part of this program; there are " PREDICTOR_GENERAL
                     " and " PREDICTOR_DESK, name);
}

void predictor_free(struct predictor *predictor)
{
    if (!predictor)
        return;
    route_weights_free(predictor->weights);
    mem_free(predictor);
}

/* --- what is in it --- */

size_t predictor_model_count(const struct predictor *predictor)
{
    return predictor->weights->model_count;
}

struct str predictor_model(const struct predictor *predictor, size_t index)
{
    return route_weights_name(predictor->weights, index);
}

/* The model's index, or the count of models. */
static size_t find(const struct predictor *predictor, struct str model)
{
    size_t index = 0;
    while (index < predictor_model_count(predictor) && !str_eq(predictor_model(predictor, index), model))
        index++;
    return index;
}

bool predictor_knows(const struct predictor *predictor, struct str model)
{
    return find(predictor, model) < predictor_model_count(predictor);
}

void predictor_facts(const struct predictor *predictor, struct predictor_facts *facts)
{
    *facts = predictor->weights->facts;
}

static struct certainty certainty_of(const struct predictor *predictor, struct str model)
{
    const size_t index = find(predictor, model);
    return index < predictor_model_count(predictor) ? predictor->weights->certainties[index] : (struct certainty){0};
}

bool predictor_chance(const struct predictor *predictor, struct str model, double confidence, double quality,
                      double *chance)
{
    const struct certainty certainty = certainty_of(predictor, model);
    *chance = certainty_chance(&certainty, confidence, quality);
    return certainty.rows > 0;
}

uint32_t predictor_chance_rows(const struct predictor *predictor, struct str model)
{
    return certainty_of(predictor, model).rows;
}

/* --- candidates --- */

/* Place 0 to 1 of a candidate in the order of strength; equals share their place. */
static float rank(const struct predictor_candidate *candidates, size_t count, double strength)
{
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < count; i++) {
        below += candidates[i].strength < strength;
        equal += candidates[i].strength == strength;
    }
    if (count < 2)
        return 1;
    return ((float)below + (float)(equal > 0 ? equal - 1 : 0) / 2) / (float)(count - 1);
}

enum error_code predictor_bind(const struct predictor *predictor, const struct predictor_candidate *candidates,
                               size_t count, struct predictor_bound *bound, struct error *error)
{
    if (count == 0 || count > PREDICTOR_CANDIDATES_MAX)
        return error_set(error, ERROR_INVALID, "a router has 1 to %d models, not %zu", PREDICTOR_CANDIDATES_MAX, count);
    const size_t models = predictor_model_count(predictor);
    *bound = (struct predictor_bound){.count = count};
    for (size_t i = 0; i < count; i++) {
        struct predictor_place *place = &bound->places[i];
        const size_t index = find(predictor, candidates[i].name);
        place->is_known = index < models;
        const float at = place->is_known ? (float)index
                                         : rank(candidates, count, candidates[i].strength) * (float)(models - 1);
        place->lower = (uint8_t)at;
        place->upper = (uint8_t)(place->lower + 1U < models ? place->lower + 1 : place->lower);
        place->upper_share = at - (float)place->lower;
    }
    return OK;
}

/* --- the question --- */

struct answer { /* in log odds, for each model of the predictor */
    float odds[PREDICTOR_MODELS_MAX], variance[PREDICTOR_MODELS_MAX];
    float familiarity;
};

/* Share of the user's words that training has seen; what hashing alone would call known is taken off. */
static float familiarity(const struct route_weights *weights, const struct features *features)
{
    const size_t count = features->word_count - features->system_words;
    size_t known = 0;
    for (size_t i = features->system_words; i < features->word_count; i++)
        known += weights->known[features->words[i] / 8] >> (features->words[i] % 8) & 1;
    const float share = count ? (float)known / (float)count : 0;
    return fmaxf(0, (share - weights->known_share) / (1 - weights->known_share));
}

/* Sums of the words' weights, before the norm; gives the norm's square and the variance. */
static float add_words(const struct predictor *predictor, const struct features *features,
                       int32_t sums[PREDICTOR_MODELS_MAX], float *variance)
{
    const struct route_weights *weights = predictor->weights;
    const size_t bytes = route_weights_cell_bytes(weights), models = weights->model_count;
    uint32_t squares = 0;
    float spread = 0;
    for (size_t i = 0; i < features->count; i++) {
        const uint8_t *cell = weights->cells + features->buckets[i] * bytes;
        const int32_t rarity = cell[0];
        const uint32_t square = (uint32_t)(rarity * rarity);
        squares += square;
        spread += (float)square * predictor->variance[cell[1]];
        for (size_t j = 0; j < models; j++)
            sums[j] += rarity * (int8_t)cell[WEIGHTS_CELL_HEAD + j];
    }
    const float norm = squares ? (float)squares : 1;
    *variance = spread / norm;
    return norm;
}

/* A prompt that asks less than any of training: nothing was learnt of it, and the less it asks the less there is to do
 * better. All models are drawn to the best one. */
static void draw_together(const struct route_weights *weights, float demand, struct answer *answer)
{
    float best = -INFINITY;
    if (demand >= weights->demand)
        return;
    for (size_t i = 0; i < weights->model_count; i++)
        best = fmaxf(best, answer->odds[i]);
    for (size_t i = 0; i < weights->model_count; i++)
        answer->odds[i] = best + (answer->odds[i] - best) * demand / weights->demand;
}

static void answer_models(const struct predictor *predictor, const struct features *features, struct answer *answer)
{
    const struct route_weights *weights = predictor->weights;
    int32_t sums[PREDICTOR_MODELS_MAX] = {0};
    float variance;
    const float norm = sqrtf(add_words(predictor, features, sums, &variance));
    const float share = familiarity(weights, features);
    const float familiar = fminf(1, share / PREDICTOR_FAMILIAR), strange = 1 - familiar;
    size_t bins[FEATURES_BUILT];
    answer->familiarity = share;
    for (size_t i = 0; i < FEATURES_BUILT; i++)
        bins[i] = route_weights_bin(weights->edges[i], features->built[i]);
    for (size_t i = 0; i < weights->model_count; i++) {
        const struct route_weights_model *model = &weights->models[i];
        float full = model->intercept + model->unit * (float)sums[i] / norm, alone = model->alone_intercept;
        for (size_t j = 0; j < FEATURES_BUILT; j++) {
            full += model->built[j][bins[j]];
            alone += model->alone[j][bins[j]];
        }
        full = model->slope * full + model->offset;
        alone = model->alone_slope * alone + model->alone_offset;
        answer->odds[i] = familiar * full + strange * alone;
        answer->variance[i] = familiar * familiar * variance + strange * strange * weights->alone_spread;
    }
    draw_together(weights, features_demand(features->built), answer);
}

static float chance_of(float odds)
{
    return odds >= 0 ? 1 / (1 + expf(-odds)) : expf(odds) / (1 + expf(odds));
}

/* Half of the way that a chance goes between one deviation of its log odds below and one above: near certainty it goes
 * further than its slope there says. */
float predictor_deviation(float odds, float variance)
{
    const float deviation = sqrtf(variance);
    return (chance_of(odds + deviation) - chance_of(odds - deviation)) / 2;
}

void predictor_ask_features(const struct predictor *predictor, const struct predictor_bound *bound,
                            const struct features *features, struct prediction *predictions)
{
    struct answer answer;
    answer_models(predictor, features, &answer);
    for (size_t i = 0; i < bound->count; i++) {
        const struct predictor_place *place = &bound->places[i];
        const float upper = place->upper_share, lower = 1 - upper;
        const float odds = lower * answer.odds[place->lower] + upper * answer.odds[place->upper];
        const float variance = lower * answer.variance[place->lower] + upper * answer.variance[place->upper] +
                               (place->is_known ? 0 : UNSURE_PLACE);
        predictions[i] = (struct prediction){chance_of(odds), predictor_deviation(odds, variance), answer.familiarity};
    }
}

void predictor_ask(const struct predictor *predictor, const struct predictor_bound *bound,
                   const struct route_prompt *prompt, struct prediction *predictions)
{
    struct features features;
    features_read(prompt, &features);
    predictor_ask_features(predictor, bound, &features, predictions);
}
