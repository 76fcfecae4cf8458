/* baselines.c - see baselines.h. */
#include "route/baselines.h"

#include <string.h>

#define PRIOR_ROWS 5.0
#define WORDS_L2 20.0
#define WORDS_ITERATIONS 60
#define NEIGHBOURS 50
#define NEIGHBOUR_PRIOR 0.05F /* likeness of the mean of all rows, beside the neighbours' */

static double mean_quality(const struct baseline_split *split, size_t model)
{
    double sum = 0, rows = 0;
    for (size_t i = 0; i < split->count; i++) {
        const float quality = split->samples->quality[model][split->picked[i]];
        if (!isnan(quality)) {
            sum += quality;
            rows++;
        }
    }
    return rows > 0 ? sum / rows : 0.5;
}

/* --- the mean of the subject --- */

static double subject_mean(const struct baseline_split *split, size_t model, uint32_t subject, double mean)
{
    double sum = mean * PRIOR_ROWS, rows = PRIOR_ROWS;
    for (size_t i = 0; i < split->count; i++) {
        const size_t row = split->picked[i];
        const float quality = split->samples->quality[model][row];
        if (split->samples->subjects[row] == subject && !isnan(quality)) {
            sum += quality;
            rows++;
        }
    }
    return sum / rows;
}

void baseline_subject_mean(const struct baseline_split *split, float *const *predicted)
{
    const struct samples *samples = split->samples;
    for (size_t model = 0; model < samples->model_count; model++) {
        const double mean = mean_quality(split, model);
        for (size_t i = 0; i < samples->count; i++)
            if (samples->folds[i] == split->fold)
                predicted[model][i] = (float)mean;
        for (uint32_t subject = 0; subject < samples->subject_count; subject++) {
            const float value = (float)subject_mean(split, model, subject, mean);
            for (size_t i = 0; i < samples->count; i++)
                if (samples->folds[i] == split->fold && samples->subjects[i] == subject)
                    predicted[model][i] = value;
        }
    }
}

/* --- bag of words --- */

bool baseline_bag_of_words(const struct baseline_split *split, float *const *predicted)
{
    const struct samples *samples = split->samples;
    const struct logistic_options options = {.l2 = WORDS_L2, .iterations = WORDS_ITERATIONS};
    float *weights = mem_alloc((samples->words.columns + 1) * sizeof(*weights));
    size_t *known = mem_alloc((split->count ? split->count : 1) * sizeof(*known));
    bool fits = weights && known;
    for (size_t model = 0; fits && model < samples->model_count; model++) {
        size_t count = 0;
        for (size_t i = 0; i < split->count; i++)
            if (!isnan(samples->quality[model][split->picked[i]]))
                known[count++] = split->picked[i];
        fits = logistic_fit(&samples->words, known, count, samples->quality[model], &options, weights);
        for (size_t i = 0; fits && i < samples->count; i++)
            if (samples->folds[i] == split->fold)
                predicted[model][i] = (float)sigmoid(logistic_score(&samples->words, i, weights));
    }
    mem_free(weights);
    mem_free(known);
    return fits;
}

/* --- nearest neighbours --- */

struct index { /* the picked rows by word */
    size_t *starts;  /* [FEATURES_BUCKETS + 1] */
    uint32_t *rows;
    float *rarity, *norms; /* [FEATURES_BUCKETS]; [samples->count] */
    float *likeness;       /* [samples->count], of the row in question */
};

static bool build_index(const struct baseline_split *split, struct index *index)
{
    const struct sparse *words = &split->samples->words;
    index->starts = mem_calloc(FEATURES_BUCKETS + 2, sizeof(*index->starts));
    index->rows = mem_alloc((words->count + 1) * sizeof(*index->rows));
    index->rarity = mem_calloc(FEATURES_BUCKETS, sizeof(*index->rarity));
    index->norms = mem_calloc(words->rows, sizeof(*index->norms));
    index->likeness = mem_calloc(words->rows, sizeof(*index->likeness));
    if (!index->starts || !index->rows || !index->rarity || !index->norms || !index->likeness)
        return false;
    size_t *ends = index->starts + 1; /* of each word, after the second loop */
    for (size_t i = 0; i < split->count; i++)
        for (size_t j = words->starts[split->picked[i]]; j < words->starts[split->picked[i] + 1]; j++)
            ends[words->places[j] + 1]++;
    for (size_t i = 0; i < FEATURES_BUCKETS; i++)
        index->rarity[i] = rarity_of(split->count, ends[i + 1]);
    for (size_t i = 1; i <= FEATURES_BUCKETS; i++)
        ends[i] += ends[i - 1];
    for (size_t i = 0; i < split->count; i++)
        for (size_t j = words->starts[split->picked[i]]; j < words->starts[split->picked[i] + 1]; j++)
            index->rows[ends[words->places[j]]++] = (uint32_t)split->picked[i];
    for (size_t i = 0; i < words->rows; i++) {
        for (size_t j = words->starts[i]; j < words->starts[i + 1]; j++)
            index->norms[i] += index->rarity[words->places[j]] * index->rarity[words->places[j]];
        index->norms[i] = index->norms[i] > 0 ? sqrtf(index->norms[i]) : 1;
    }
    return true;
}

static void free_index(struct index *index)
{
    mem_free(index->starts);
    mem_free(index->rows);
    mem_free(index->rarity);
    mem_free(index->norms);
    mem_free(index->likeness);
}

/* The most alike rows, in no order; gives their count. */
static size_t find_neighbours(const struct baseline_split *split, struct index *index, size_t row,
                              uint32_t nearest[NEIGHBOURS])
{
    const struct sparse *words = &split->samples->words;
    memset(index->likeness, 0, words->rows * sizeof(*index->likeness));
    for (size_t i = words->starts[row]; i < words->starts[row + 1]; i++) {
        const uint32_t word = words->places[i];
        const float value = index->rarity[word] * index->rarity[word] / index->norms[row];
        for (size_t j = index->starts[word]; j < index->starts[word + 1]; j++)
            index->likeness[index->rows[j]] += value / index->norms[index->rows[j]];
    }
    size_t count = 0, least = 0;
    for (size_t i = 0; i < split->count; i++) {
        const uint32_t other = (uint32_t)split->picked[i];
        if (count == NEIGHBOURS && index->likeness[other] <= index->likeness[nearest[least]])
            continue;
        nearest[count < NEIGHBOURS ? count++ : least] = other;
        for (size_t j = least = 0; count == NEIGHBOURS && j < count; j++)
            if (index->likeness[nearest[j]] < index->likeness[nearest[least]])
                least = j;
    }
    return count;
}

bool baseline_neighbours(const struct baseline_split *split, float *const *predicted)
{
    const struct samples *samples = split->samples;
    struct index index = {0};
    double means[PREDICTOR_MODELS_MAX];
    const bool fits = build_index(split, &index);
    for (size_t model = 0; model < samples->model_count; model++)
        means[model] = mean_quality(split, model);
    for (size_t row = 0; fits && row < samples->count; row++) {
        uint32_t nearest[NEIGHBOURS];
        if (samples->folds[row] != split->fold)
            continue;
        const size_t count = find_neighbours(split, &index, row, nearest);
        for (size_t model = 0; model < samples->model_count; model++) {
            float weight = NEIGHBOUR_PRIOR, sum = NEIGHBOUR_PRIOR * (float)means[model];
            for (size_t i = 0; i < count; i++) {
                const float quality = samples->quality[model][nearest[i]], alike = index.likeness[nearest[i]];
                if (isnan(quality))
                    continue;
                weight += alike * alike;
                sum += alike * alike * quality;
            }
            predicted[model][row] = sum / weight;
        }
    }
    free_index(&index);
    return fits;
}
