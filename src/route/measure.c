/* measure.c - see measure.h. */
#include "route/measure.h"

#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define CALIBRATION_GROUPS 20
#define SUBJECT_ROWS_MIN 20
#define SUBJECTS_MIN 5

struct ranked {
    float key;
    uint32_t tie, row;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->tie > y->tie) - (x->tie < y->tie);
}

/* Rows whose target is known, by rising score; equal scores in an order that is nobody's. NULL: no memory. */
static struct ranked *rank_rows(const float *scores, const float *targets, size_t count, size_t *known)
{
    struct ranked *ranked = mem_alloc((count ? count : 1) * sizeof(*ranked));
    *known = 0;
    for (size_t i = 0; ranked && i < count; i++)
        if (!targets || !isnan(targets[i]))
            ranked[(*known)++] = (struct ranked){scores[i], (uint32_t)i * 2654435761U, (uint32_t)i};
    if (ranked)
        qsort(ranked, *known, sizeof(*ranked), compare_ranked);
    return ranked;
}

size_t *measure_order(const float *scores, const float *targets, size_t count, size_t *known)
{
    struct ranked *ranked = rank_rows(scores, targets, count, known);
    size_t *rows = mem_alloc((count ? count : 1) * sizeof(*rows));
    for (size_t i = 0; ranked && rows && i < *known; i++)
        rows[i] = ranked[i].row;
    if (!ranked) {
        mem_free(rows);
        rows = NULL;
    }
    mem_free(ranked);
    return rows;
}

/* --- order --- */

/* `times`: how often each row was drawn; NULL: once. */
static double auc_of(const struct ranked *ranked, size_t count, const float *targets, const uint16_t *times)
{
    double right = 0, wrong = 0, won = 0;
    for (size_t i = 0; i < count;) {
        double right_here = 0, wrong_here = 0;
        const float key = ranked[i].key;
        for (; i < count && ranked[i].key == key; i++) {
            const double weight = times ? times[ranked[i].row] : 1;
            *(targets[ranked[i].row] >= 0.5F ? &right_here : &wrong_here) += weight;
        }
        won += right_here * (wrong + wrong_here / 2);
        right += right_here;
        wrong += wrong_here;
    }
    return right > 0 && wrong > 0 ? won / (right * wrong) : 0.5;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void measure_bound(double *drawn, struct interval *interval)
{
    static const double low = 0.025, high = 0.975;
    qsort(drawn, MEASURE_RESAMPLES, sizeof(*drawn), compare_doubles);
    interval->low = drawn[(size_t)(low * MEASURE_RESAMPLES)];
    interval->high = drawn[(size_t)(high * MEASURE_RESAMPLES)];
}

/* second may be NULL: the AUC of the first alone. */
static struct interval resample(const struct ranked *first, const struct ranked *second, size_t known,
                                const float *targets, size_t count, uint64_t seed)
{
    struct interval interval = {0};
    double *drawn = mem_alloc(MEASURE_RESAMPLES * sizeof(*drawn));
    uint16_t *times = mem_alloc((count ? count : 1) * sizeof(*times));
    struct rng rng;
    rng_seed(&rng, seed);
    interval.value = auc_of(first, known, targets, NULL) - (second ? auc_of(second, known, targets, NULL) : 0);
    for (size_t i = 0; drawn && times && i < MEASURE_RESAMPLES; i++) {
        memset(times, 0, count * sizeof(*times));
        for (size_t j = 0; j < known; j++)
            times[first[rng_below(&rng, known)].row]++;
        drawn[i] = auc_of(first, known, targets, times) - (second ? auc_of(second, known, targets, times) : 0);
    }
    interval.low = interval.high = interval.value;
    if (drawn && times)
        measure_bound(drawn, &interval);
    mem_free(drawn);
    mem_free(times);
    return interval;
}

struct interval measure_auc(const float *scores, const float *targets, size_t count, uint64_t seed)
{
    size_t known;
    struct ranked *ranked = rank_rows(scores, targets, count, &known);
    struct interval interval = {0.5, 0.5, 0.5};
    if (ranked && known > 0)
        interval = resample(ranked, NULL, known, targets, count, seed);
    mem_free(ranked);
    return interval;
}

struct interval measure_auc_gain(const float *first, const float *second, const float *targets, size_t count,
                                 uint64_t seed)
{
    size_t known, same;
    struct ranked *one = rank_rows(first, targets, count, &known), *other = rank_rows(second, targets, count, &same);
    struct interval interval = {0};
    if (one && other && known > 0)
        interval = resample(one, other, known, targets, count, seed);
    mem_free(one);
    mem_free(other);
    return interval;
}

double measure_calibration_error(const float *predicted, const float *targets, size_t count)
{
    size_t known;
    struct ranked *ranked = rank_rows(predicted, targets, count, &known);
    double error = 0;
    for (size_t group = 0; ranked && group < CALIBRATION_GROUPS; group++) {
        const size_t begin = known * group / CALIBRATION_GROUPS, end = known * (group + 1) / CALIBRATION_GROUPS;
        double difference = 0;
        for (size_t i = begin; i < end; i++)
            difference += ranked[i].key - targets[ranked[i].row];
        error += fabs(difference);
    }
    mem_free(ranked);
    return known ? error / (double)known : 0;
}

double measure_subject_spread(const struct samples *samples, const float *predicted, const float *targets,
                              const size_t *rows, size_t count)
{
    double spread = 0, weight = 0;
    size_t subjects = 0;
    for (uint32_t subject = 0; subject < samples->subject_count; subject++) {
        double missed = 0, information = 0;
        size_t known = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t row = rows[i];
            if (samples->subjects[row] != subject || isnan(targets[row]))
                continue;
            missed += targets[row] - predicted[row];
            information += predicted[row] * (1 - predicted[row]);
            known++;
        }
        if (known < SUBJECT_ROWS_MIN || information < 1)
            continue;
        const double odds = missed / information; /* one step of Newton's */
        spread += information * (odds * odds - 1 / information);
        weight += information;
        subjects++;
    }
    return subjects >= SUBJECTS_MIN ? fmax(0, spread / weight) : 1;
}

/* --- curves --- */

struct total {
    double quality, cost, rows, strong;
};

static void take(struct total *total, const struct samples *samples, size_t model, size_t row)
{
    const float quality = samples->quality[model][row];
    if (isnan(quality))
        return;
    total->quality += quality;
    total->cost += samples->cost[model][row];
    total->rows++;
    total->strong += model == samples->model_count - 1;
}

static struct curve_point point_of(const struct total *total)
{
    const double rows = total->rows > 0 ? total->rows : 1;
    return (struct curve_point){total->strong / rows, total->quality / rows, total->cost / rows};
}

/* The strongest of those that are not the strongest of all, by prediction. */
static size_t runner_up(const struct samples *samples, float *const *predicted, size_t row)
{
    size_t best = 0;
    for (size_t i = 1; i + 1 < samples->model_count; i++)
        if (predicted[i][row] > predicted[best][row])
            best = i;
    return best;
}

static size_t cheapest_of(const struct samples *samples, float *const *predicted, size_t row, float wanted)
{
    size_t chosen = runner_up(samples, predicted, row);
    for (size_t i = 0; i + 1 < samples->model_count; i++)
        if (predicted[i][row] >= wanted && samples->cost[i][row] < samples->cost[chosen][row])
            chosen = i;
    return chosen;
}

enum error_code measure_curve(const struct samples *samples, float *const *predicted, struct curve *curve,
                              struct error *error)
{
    const size_t strong = samples->model_count - 1;
    float *gains = mem_alloc(samples->count * sizeof(*gains));
    struct ranked *ranked = NULL;
    size_t known = 0;
    for (size_t i = 0; gains && i < samples->count; i++)
        gains[i] = predicted[strong][i] - predicted[runner_up(samples, predicted, i)][i];
    if (gains)
        ranked = rank_rows(gains, NULL, samples->count, &known);
    mem_free(gains);
    if (!ranked)
        return error_no_memory(error);
    curve->count = MEASURE_POINTS;
    for (size_t point = 0; point < MEASURE_POINTS; point++) {
        struct total total = {0};
        const size_t others = known - known * point / (MEASURE_POINTS - 1);
        const float demanded = others < known ? ranked[others].key : INFINITY; /* gain that is worth the strongest */
        for (size_t i = 0; i < known; i++) {
            const size_t row = ranked[i].row;
            const float wanted = predicted[strong][row] - demanded;
            take(&total, samples, i < others ? cheapest_of(samples, predicted, row, wanted) : strong, row);
        }
        curve->points[point] = point_of(&total);
        curve->tolerances[point] = demanded;
    }
    mem_free(ranked);
    return OK;
}

void measure_single(const struct samples *samples, size_t model, struct curve *curve)
{
    struct total total = {0};
    for (size_t i = 0; i < samples->count; i++)
        take(&total, samples, model, i);
    curve->count = 1;
    curve->points[0] = point_of(&total);
}

double measure_tolerance(const struct curve *curve, size_t point)
{
    return fmin(fmax(0, (double)curve->tolerances[point]), 1);
}

void measure_random(const struct samples *samples, struct curve *curve)
{
    struct curve weak, strong;
    measure_single(samples, 0, &weak);
    measure_single(samples, samples->model_count - 1, &strong);
    curve->count = MEASURE_POINTS;
    for (size_t i = 0; i < MEASURE_POINTS; i++) {
        const double share = (double)i / (MEASURE_POINTS - 1);
        const struct curve_point *a = &weak.points[0], *b = &strong.points[0];
        curve->points[i] = (struct curve_point){share, a->quality + share * (b->quality - a->quality),
                                                a->cost + share * (b->cost - a->cost)};
    }
}

static double kept(const struct samples *samples, double quality)
{
    struct curve weak, strong;
    measure_single(samples, 0, &weak);
    measure_single(samples, samples->model_count - 1, &strong);
    const double advantage = strong.points[0].quality - weak.points[0].quality;
    return advantage > 1e-12 ? (quality - weak.points[0].quality) / advantage : 0;
}

double measure_apgr(const struct samples *samples, const struct curve *curve)
{
    if (curve->count == 1)
        return kept(samples, curve->points[0].quality);
    double area = 0;
    for (size_t i = 0; i + 1 < curve->count; i++) {
        const struct curve_point *a = &curve->points[i], *b = &curve->points[i + 1];
        area += (b->strong_share - a->strong_share) * (kept(samples, a->quality) + kept(samples, b->quality)) / 2;
    }
    return area;
}

double measure_calls(const struct samples *samples, const struct curve *curve, double part)
{
    for (size_t i = 0; i < curve->count; i++) {
        const double here = kept(samples, curve->points[i].quality);
        if (here < part)
            continue;
        if (i == 0)
            return curve->points[0].strong_share;
        const double before = kept(samples, curve->points[i - 1].quality), from = curve->points[i - 1].strong_share;
        return from + (curve->points[i].strong_share - from) * (part - before) / (here - before);
    }
    return 1;
}
