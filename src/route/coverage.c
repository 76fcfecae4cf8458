/* coverage.c - see coverage.h. */
#include "route/coverage.h"

#include <stdlib.h>
#include <string.h>

#include "route/kinship.h"

struct placed {
    float at; /* along the direction in question */
    uint32_t row;
};

struct halving {
    const struct samples *samples;
    float *const *predicted, *const *uncertainty;
    size_t directions;
    float *places; /* [rows][directions] */
    struct placed *rows;
    struct coverage *coverage;
};

/* --- where rows lie --- */

/* A word's value is its rarity, the row's values having norm 1. `rows`: how many have each word. */
static bool weigh_row(const struct samples *samples, size_t row, const uint32_t *rows, struct sparse *weighed)
{
    const struct sparse *words = &samples->words;
    float squares = 0;
    bool fits = true;
    for (size_t i = words->starts[row]; i < words->starts[row + 1]; i++) {
        const float rarity = rarity_of(samples->count, rows[words->places[i]]);
        squares += rarity * rarity;
    }
    const float norm = sqrtf(fmaxf(squares, 1e-12F));
    for (size_t i = words->starts[row]; fits && i < words->starts[row + 1]; i++)
        fits = sparse_add(weighed, words->places[i], rarity_of(samples->count, rows[words->places[i]]) / norm);
    return fits && sparse_end(weighed);
}

static bool weigh(const struct samples *samples, struct sparse *weighed)
{
    const struct sparse *words = &samples->words;
    uint32_t *rows = mem_calloc(FEATURES_BUCKETS, sizeof(*rows));
    *weighed = (struct sparse){.columns = FEATURES_BUCKETS};
    for (size_t i = 0; rows && i < words->starts[samples->count]; i++)
        rows[words->places[i]]++;
    bool fits = rows != NULL;
    for (size_t row = 0; fits && row < samples->count; row++)
        fits = weigh_row(samples, row, rows, weighed);
    mem_free(rows);
    return fits;
}

/* Of few rows no directions can be told: then by what is predicted of them. */
static bool place_rows(struct halving *halving)
{
    const struct samples *samples = halving->samples;
    struct sparse weighed = {0};
    struct kinship kinship = {0};
    size_t *all = mem_alloc(samples->count * sizeof(*all));
    for (size_t i = 0; all && i < samples->count; i++)
        all[i] = i;
    bool fits = all && weigh(samples, &weighed) &&
                kinship_find(&weighed, all, samples->count, FEATURES_BUCKETS, &kinship);
    halving->directions = fits && kinship.count > 0 ? kinship.count : 1;
    halving->places = mem_alloc(samples->count * halving->directions * sizeof(float));
    fits = fits && halving->places;
    for (size_t i = 0; fits && i < samples->count; i++) {
        if (kinship.count > 0)
            kinship_place(&kinship, &weighed, i, halving->places + i * kinship.count);
        else
            halving->places[i] = halving->predicted[0][i];
    }
    mem_free(all);
    kinship_deinit(&kinship);
    sparse_deinit(&weighed);
    return fits;
}

/* --- groups --- */

static void add_group(struct halving *halving, const struct placed *rows, size_t count, size_t model)
{
    const float *quality = halving->samples->quality[model];
    double missed = 0, chance = 0, said = 0;
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t row = rows[i].row;
        const double predicted = (double)halving->predicted[model][row];
        if (isnan(quality[row]))
            continue;
        missed += (double)quality[row] - predicted;
        chance += predicted * (1 - predicted);
        said += (double)halving->uncertainty[model][row];
        known++;
    }
    if (known == 0)
        return;
    halving->coverage->groups++;
    halving->coverage->share += fabs(missed) <= COVERAGE_DEVIATIONS * sqrt(chance + said * said);
    halving->coverage->bare += fabs(missed) <= COVERAGE_DEVIATIONS * sqrt(chance);
    halving->coverage->said += said / (double)known;
}

static size_t widest(const struct halving *halving, const struct placed *rows, size_t count)
{
    double most = -1;
    size_t best = 0;
    for (size_t i = 0; i < halving->directions; i++) {
        double sum = 0, squares = 0;
        for (size_t j = 0; j < count; j++) {
            const double place = (double)halving->places[rows[j].row * halving->directions + i];
            sum += place;
            squares += place * place;
        }
        const double variance = squares - sum * sum / (double)count;
        if (variance > most) {
            most = variance;
            best = i;
        }
    }
    return best;
}

static int compare(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* As deep as the logarithm of the rows. */
static void halve(struct halving *halving, struct placed *rows, size_t count)
{
    if (count < 2 * COVERAGE_ROWS) {
        for (size_t model = 0; model < halving->samples->model_count; model++)
            add_group(halving, rows, count, model);
        return;
    }
    const size_t direction = widest(halving, rows, count);
    for (size_t i = 0; i < count; i++)
        rows[i].at = halving->places[rows[i].row * halving->directions + direction];
    qsort(rows, count, sizeof(*rows), compare);
    halve(halving, rows, count / 2);
    halve(halving, rows + count / 2, count - count / 2);
}

bool coverage_measure(const struct samples *samples, float *const *predicted, float *const *uncertainty,
                      struct coverage *coverage)
{
    struct halving halving = {.samples = samples, .predicted = predicted, .uncertainty = uncertainty,
                              .coverage = coverage};
    *coverage = (struct coverage){0};
    halving.rows = mem_alloc(samples->count * sizeof(*halving.rows));
    const bool fits = halving.rows && place_rows(&halving);
    for (size_t i = 0; fits && i < samples->count; i++)
        halving.rows[i] = (struct placed){0, (uint32_t)i};
    if (fits)
        halve(&halving, halving.rows, samples->count);
    if (coverage->groups > 0) {
        coverage->share /= (double)coverage->groups;
        coverage->bare /= (double)coverage->groups;
        coverage->said /= (double)coverage->groups;
    }
    mem_free(halving.places);
    mem_free(halving.rows);
    return fits;
}
