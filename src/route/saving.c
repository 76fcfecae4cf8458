/* saving.c - see saving.h. */
#include "route/saving.h"

#include <string.h>

#include "core/util.h"

/* --- the walk --- */

static bool is_known(const struct samples *samples, size_t row)
{
    return !isnan(samples->quality[0][row]) && !isnan(samples->quality[samples->model_count - 1][row]);
}

struct sums {
    double quality, cost, rows;             /* of the answers so far */
    double strong_quality, strong_cost;
};

/* `times`: how often each row was drawn; NULL: once. */
static struct sums begin(const struct samples *samples, const uint16_t *times)
{
    const size_t strong = samples->model_count - 1;
    struct sums sums = {0};
    for (size_t i = 0; i < samples->count; i++) {
        const double weight = times ? times[i] : 1;
        if (!is_known(samples, i))
            continue;
        sums.rows += weight;
        sums.quality += weight * (double)samples->quality[0][i];
        sums.cost += weight * (double)samples->cost[0][i];
        sums.strong_quality += weight * (double)samples->quality[strong][i];
        sums.strong_cost += weight * (double)samples->cost[strong][i];
    }
    return sums;
}

static void go_on(const struct samples *samples, const struct saving_plan *plan, size_t row, double weight,
                  struct sums *sums)
{
    const size_t strong = samples->model_count - 1;
    if (!is_known(samples, row) || (plan->changes && !plan->changes[row]))
        return;
    sums->quality += weight * (double)(samples->quality[strong][row] - samples->quality[0][row]);
    sums->cost += weight * (double)(samples->cost[strong][row] - (plan->pays_both ? 0 : samples->cost[0][row]));
}

static void walk(const struct samples *samples, const struct saving_plan *plan, const uint16_t *times, double *cost,
                 double *lost)
{
    struct sums sums = begin(samples, times);
    const double wanted = sums.strong_quality - SAVING_LOST * sums.rows - 1e-9;
    *cost = 1;
    *lost = 0;
    if (!(sums.rows > 0 && sums.strong_cost > 0))
        return;
    double quality_in_reach = sums.quality;
    bool is_reached = false;
    for (size_t i = 0; i <= plan->count; i++) {
        if (!is_reached && sums.quality >= wanted) {
            *cost = fmin(1, sums.cost / sums.strong_cost);
            is_reached = true;
        }
        if (sums.cost <= SAVING_COST * sums.strong_cost)
            quality_in_reach = sums.quality;
        if (i < plan->count)
            go_on(samples, plan, plan->order[i], times ? times[plan->order[i]] : 1, &sums);
    }
    *lost = (sums.strong_quality - quality_in_reach) / sums.rows;
}

bool saving_measure(const struct samples *samples, const struct saving_plan *plan, uint64_t seed,
                    struct saving *saving)
{
    double *costs = mem_alloc(MEASURE_RESAMPLES * sizeof(*costs));
    double *losts = mem_alloc(MEASURE_RESAMPLES * sizeof(*losts));
    uint16_t *times = mem_alloc(samples->count * sizeof(*times));
    const bool fits = costs && losts && times;
    struct rng rng;
    rng_seed(&rng, seed);
    walk(samples, plan, NULL, &saving->cost.value, &saving->lost.value);
    for (size_t i = 0; fits && i < MEASURE_RESAMPLES; i++) {
        memset(times, 0, samples->count * sizeof(*times));
        for (size_t j = 0; j < samples->count; j++)
            times[rng_below(&rng, samples->count)]++;
        walk(samples, plan, times, &costs[i], &losts[i]);
    }
    if (fits) {
        measure_bound(costs, &saving->cost);
        measure_bound(losts, &saving->lost);
    }
    mem_free(costs);
    mem_free(losts);
    mem_free(times);
    return fits;
}

bool saving_by_text(const struct samples *samples, float *const *predicted, uint64_t seed, struct saving *saving)
{
    const size_t strong = samples->model_count - 1;
    float *losses = mem_alloc(samples->count * sizeof(*losses));
    size_t known, *order = NULL;
    for (size_t i = 0; losses && i < samples->count; i++)
        losses[i] = predicted[0][i] - predicted[strong][i];
    if (losses)
        order = measure_order(losses, NULL, samples->count, &known);
    const struct saving_plan plan = {.order = order, .count = order ? known : 0};
    const bool fits = order && saving_measure(samples, &plan, seed, saving);
    mem_free(losses);
    mem_free(order);
    return fits;
}
