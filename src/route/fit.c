/* fit.c - see fit.h. */
#include "route/fit.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_OF_A_WORD_MIN 2
#define FIT_ITERATIONS 60
#define ALONE_L2 4.0
#define CALIBRATION_STEPS 40
#define CALIBRATION_PRIOR 1e-3
#define DEMAND_SEEN 100 /* one row in so many may ask less than what counts as seen */

/* --- what counts how much --- */

static bool weigh_words(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count)
{
    uint32_t *rows = mem_calloc(FEATURES_BUCKETS, sizeof(*rows));
    fit->rarity = mem_calloc(FEATURES_BUCKETS, sizeof(*fit->rarity));
    if (!rows || !fit->rarity) {
        mem_free(rows);
        return false;
    }
    const struct sparse *buckets = &samples->buckets;
    for (size_t i = 0; i < count; i++)
        for (size_t j = buckets->starts[picked[i]]; j < buckets->starts[picked[i] + 1]; j++)
            rows[buckets->places[j]]++;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        if (rows[i] >= ROWS_OF_A_WORD_MIN)
            fit->rarity[i] = rarity_of(count, rows[i]);
    mem_free(rows);
    return true;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool find_edges(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count)
{
    float *values = mem_alloc((count ? count : 1) * sizeof(*values));
    if (!values)
        return false;
    for (size_t i = 0; i < FEATURES_BUILT; i++) {
        for (size_t j = 0; j < count; j++)
            values[j] = samples->built[picked[j] * FEATURES_BUILT + i];
        qsort(values, count, sizeof(*values), compare_floats);
        for (size_t j = 0; j < WEIGHTS_EDGES; j++)
            fit->edges[i][j] = count ? values[count * (j + 1) / WEIGHTS_BINS] : 0;
    }
    mem_free(values);
    return true;
}

/* --- rows --- */

static bool add_built(struct sparse *matrix, const struct fit *fit, const float *built, uint32_t first,
                      bool general_only)
{
    for (uint32_t i = 0; i < FEATURES_BUILT; i++) {
        if (general_only && !features_is_general(i))
            continue;
        const uint32_t bin = (uint32_t)route_weights_bin(fit->edges[i], built[i]);
        if (!sparse_add(matrix, first + i * WEIGHTS_BINS + bin, 1))
            return false;
    }
    return true;
}

static bool add_row(struct fit *fit, const struct samples *samples, size_t row)
{
    const struct sparse *buckets = &samples->buckets;
    double squares = 0;
    for (size_t i = buckets->starts[row]; i < buckets->starts[row + 1]; i++)
        squares += fit->rarity[buckets->places[i]] * fit->rarity[buckets->places[i]];
    const float norm = squares > 0 ? (float)sqrt(squares) : 1;
    for (size_t i = buckets->starts[row]; i < buckets->starts[row + 1]; i++) {
        const float rarity = fit->rarity[buckets->places[i]];
        if (rarity > 0 && !sparse_add(&fit->all, buckets->places[i], rarity / norm))
            return false;
    }
    const float *built = samples->built + row * FEATURES_BUILT;
    return add_built(&fit->all, fit, built, FEATURES_BUCKETS, false) && sparse_end(&fit->all) &&
           add_built(&fit->alone, fit, built, 0, true) && sparse_end(&fit->alone);
}

static bool scale_row(struct fit *fit, size_t row)
{
    float places[KINSHIP_MAX];
    for (size_t i = fit->all.starts[row]; i < fit->all.starts[row + 1]; i++) {
        const float scale = fit->all.places[i] < FEATURES_BUCKETS ? 1 : fit->options.scale;
        if (!sparse_add(&fit->scaled, fit->all.places[i], scale * fit->all.values[i]))
            return false;
    }
    if (fit->options.kinship > 0)
        kinship_place(&fit->kinship, &fit->all, row, places);
    for (uint32_t i = 0; fit->options.kinship > 0 && i < fit->kinship.count; i++)
        if (!sparse_add(&fit->scaled, (uint32_t)fit->all.columns + i, fit->options.kinship * places[i]))
            return false;
    return sparse_end(&fit->scaled);
}

bool fit_choose(struct fit *fit, struct fit_options options)
{
    const bool is_made = fit->scaled.rows > 0 && options.scale == fit->options.scale &&
                         options.kinship == fit->options.kinship;
    fit->options = options;
    if (is_made)
        return true;
    sparse_deinit(&fit->scaled);
    fit->scaled.columns = fit->all.columns + fit->kinship.count;
    for (size_t i = 0; i < fit->all.rows; i++)
        if (!scale_row(fit, i))
            return false;
    return true;
}

bool fit_begin(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count)
{
    *fit = (struct fit){.all.columns = FEATURES_BUCKETS + FIT_BUILT_COLUMNS, .alone.columns = FIT_BUILT_COLUMNS};
    if (!weigh_words(fit, samples, picked, count) || !find_edges(fit, samples, picked, count))
        return false;
    for (size_t i = 0; i < samples->count; i++)
        if (!add_row(fit, samples, i))
            return false;
    return kinship_find(&fit->all, picked, count, FEATURES_BUCKETS, &fit->kinship);
}

void fit_deinit(struct fit *fit)
{
    mem_free(fit->rarity);
    kinship_deinit(&fit->kinship);
    sparse_deinit(&fit->scaled);
    sparse_deinit(&fit->all);
    sparse_deinit(&fit->alone);
    for (size_t i = 0; i < PREDICTOR_MODELS_MAX; i++) {
        mem_free(fit->weights[i]);
        mem_free(fit->alone_weights[i]);
    }
    *fit = (struct fit){0};
}

/* Fits on those of the rows whose quality is known. */
static bool fit_matrix(const struct sparse *matrix, const float *quality, const size_t *picked, size_t count,
                       double l2, float **weights)
{
    size_t *known = mem_alloc((count ? count : 1) * sizeof(*known)), known_count = 0;
    if (!*weights)
        *weights = mem_alloc((matrix->columns + 1) * sizeof(**weights));
    bool fits = known && *weights;
    for (size_t i = 0; fits && i < count; i++)
        if (!isnan(quality[picked[i]]))
            known[known_count++] = picked[i];
    const struct logistic_options options = {.l2 = l2, .iterations = FIT_ITERATIONS};
    fits = fits && logistic_fit(matrix, known, known_count, quality, &options, *weights);
    mem_free(known);
    return fits;
}

/* From weights of `scaled` to those of `all` that give the same scores. */
static void unscale(const struct fit *fit, float *weights)
{
    const float *places = weights + fit->all.columns;
    for (size_t i = 0; fit->options.kinship > 0 && i < FEATURES_BUCKETS; i++)
        for (size_t j = 0; fit->rarity[i] > 0 && j < fit->kinship.count; j++)
            weights[i] += fit->options.kinship * fit->kinship.directions[i * fit->kinship.count + j] * places[j];
    for (size_t i = FEATURES_BUCKETS; i < fit->all.columns; i++)
        weights[i] *= fit->options.scale;
    weights[fit->all.columns] = weights[fit->scaled.columns]; /* the intercept */
}

bool fit_model(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count, size_t model)
{
    if (!fit_matrix(&fit->scaled, samples->quality[model], picked, count, fit->options.l2, &fit->weights[model]))
        return false;
    unscale(fit, fit->weights[model]);
    return true;
}

bool fit_alone(struct fit *fit, const struct samples *samples, const size_t *picked, size_t count, size_t model)
{
    return fit_matrix(&fit->alone, samples->quality[model], picked, count, ALONE_L2, &fit->alone_weights[model]);
}

/* --- calibration --- */

/* Newton's method on two numbers, held a little towards slope 1 and offset 0. */
void calibrate(const float *scores, const float *targets, const size_t *picked, size_t count,
               struct calibration *calibration)
{
    double slope = 1, offset = 0;
    for (unsigned round = 0; round < CALIBRATION_STEPS; round++) {
        double g0 = CALIBRATION_PRIOR * (slope - 1), g1 = CALIBRATION_PRIOR * offset;
        double h00 = CALIBRATION_PRIOR, h01 = 0, h11 = CALIBRATION_PRIOR;
        for (size_t i = 0; i < count; i++) {
            const double score = scores[picked[i]], target = targets[picked[i]];
            if (isnan(target))
                continue;
            const double chance = sigmoid(slope * score + offset), weight = chance * (1 - chance);
            g0 += (chance - target) * score;
            g1 += chance - target;
            h00 += weight * score * score;
            h01 += weight * score;
            h11 += weight;
        }
        const double determinant = h00 * h11 - h01 * h01;
        if (!(determinant > 1e-12))
            break;
        const double by_slope = (h11 * g0 - h01 * g1) / determinant, by_offset = (h00 * g1 - h01 * g0) / determinant;
        slope -= fmin(fmax(by_slope, -1), 1);
        offset -= fmin(fmax(by_offset, -1), 1);
        if (fabs(by_slope) + fabs(by_offset) < 1e-9)
            break;
    }
    *calibration = (struct calibration){(float)fmin(fmax(slope, 0), 20), (float)fmin(fmax(offset, -20), 20)};
}

/* --- into a file --- */

static void round_model(const struct fit *fit, size_t model, struct route_weights *weights)
{
    struct route_weights_model *out = &weights->models[model];
    const float *found = fit->weights[model], *alone = fit->alone_weights[model];
    float largest = 1e-6F;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        largest = fmaxf(largest, fit->rarity[i] > 0 ? fabsf(found[i]) : 0);
    out->unit = largest / 127;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        weights->cells[i * route_weights_cell_bytes(weights) + WEIGHTS_CELL_HEAD + model] =
            (uint8_t)(int8_t)lrintf(fit->rarity[i] > 0 ? found[i] / out->unit : 0);
    out->intercept = found[fit->all.columns];
    out->alone_intercept = alone[fit->alone.columns];
    for (size_t i = 0; i < FEATURES_BUILT; i++)
        for (size_t j = 0; j < WEIGHTS_BINS; j++) {
            out->built[i][j] = found[FEATURES_BUCKETS + i * WEIGHTS_BINS + j];
            out->alone[i][j] = features_is_general(i) ? alone[i * WEIGHTS_BINS + j] : 0;
        }
}

/* Laplace's approximation, its diagonal: a weight is known as well as rows spoke of it, else by the penalty alone. */
void fit_spoken(const struct fit *fit, const size_t *picked, size_t count, size_t model, float *spoken)
{
    memset(spoken, 0, FEATURES_BUCKETS * sizeof(*spoken));
    for (size_t i = 0; i < count; i++) {
        const double chance = sigmoid(logistic_score(&fit->all, picked[i], fit->weights[model]));
        for (size_t j = fit->all.starts[picked[i]]; j < fit->all.starts[picked[i] + 1]; j++)
            if (fit->all.places[j] < FEATURES_BUCKETS)
                spoken[fit->all.places[j]] += (float)(chance * (1 - chance)) * fit->all.values[j] * fit->all.values[j];
    }
}

double fit_strangeness(const struct fit *fit, size_t row, const float *spoken)
{
    double sum = 0;
    for (size_t i = fit->all.starts[row]; i < fit->all.starts[row + 1]; i++)
        if (fit->all.places[i] < FEATURES_BUCKETS)
            sum += (double)(fit->all.values[i] * fit->all.values[i]) /
                   (1 + (double)(spoken[fit->all.places[i]] / fit->options.l2));
    return sum;
}

static bool round_variance(const struct fit *fit, const size_t *picked, size_t count,
                           struct route_weights *weights)
{
    float *spoken = mem_alloc(FEATURES_BUCKETS * sizeof(*spoken));
    if (!spoken)
        return false;
    fit_spoken(fit, picked, count, 0, spoken);
    for (size_t i = 0; i < FEATURES_BUCKETS; i++) {
        const float halvings = log2f(1 + spoken[i] / fit->options.l2);
        weights->cells[i * route_weights_cell_bytes(weights) + 1] =
            (uint8_t)fminf(255, roundf(halvings * WEIGHTS_VARIANCE_STEPS));
    }
    mem_free(spoken);
    return true;
}

static void round_known(const struct samples *samples, const size_t *picked, size_t count,
                        struct route_weights *weights)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t end = samples->words.starts[picked[i] + 1];
        for (size_t j = end - samples->user_words[picked[i]]; j < end; j++)
            weights->known[samples->words.places[j] / 8] |= (uint8_t)(1U << (samples->words.places[j] % 8));
    }
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        known += weights->known[i / 8] >> (i % 8) & 1;
    weights->known_share = fminf(0.99F, (float)known / FEATURES_BUCKETS);
}

static bool round_demand(const struct samples *samples, const size_t *picked, size_t count,
                         struct route_weights *weights)
{
    float *demands = mem_alloc((count ? count : 1) * sizeof(*demands));
    if (!demands)
        return false;
    for (size_t i = 0; i < count; i++)
        demands[i] = features_demand(samples->built + picked[i] * FEATURES_BUILT);
    qsort(demands, count, sizeof(*demands), compare_floats);
    weights->demand = count ? demands[count / DEMAND_SEEN] : 0;
    mem_free(demands);
    return true;
}

struct route_weights *fit_round(const struct fit *fit, const struct samples *samples, const size_t *picked,
                                size_t count, const struct calibration *all, const struct calibration *alone)
{
    struct route_weights *weights = route_weights_new(samples->model_count);
    if (!weights)
        return NULL;
    float rarest = 1e-6F;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        rarest = fmaxf(rarest, fit->rarity[i]);
    weights->rarity_unit = rarest / 255;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        weights->cells[i * route_weights_cell_bytes(weights)] = (uint8_t)lrintf(fit->rarity[i] / weights->rarity_unit);
    memcpy(weights->edges, fit->edges, sizeof(weights->edges));
    for (size_t i = 0; i < samples->model_count; i++) {
        memcpy(weights->names[i], samples->models[i].data, samples->models[i].len);
        round_model(fit, i, weights);
        weights->models[i].slope = all[i].slope;
        weights->models[i].offset = all[i].offset;
        weights->models[i].alone_slope = alone[i].slope;
        weights->models[i].alone_offset = alone[i].offset;
    }
    round_known(samples, picked, count, weights);
    if (!round_variance(fit, picked, count, weights) || !round_demand(samples, picked, count, weights)) {
        route_weights_free(weights);
        return NULL;
    }
    return weights;
}
