/* escalate.c - see escalate.h. */
#include "route/escalate.h"

#include "route/certainty.h"
#include "route/predictor.h"

static bool is_known(const struct samples *samples, size_t row)
{
    return !isnan(samples->confidence[0][row]) && !isnan(samples->quality[0][row]) &&
           !isnan(samples->quality[samples->model_count - 1][row]);
}

/* --- chances --- */

static void fit_fold(const struct samples *samples, const float *text, int fold, size_t *picked,
                     struct certainty *certainty)
{
    size_t count = 0;
    for (size_t i = 0; i < samples->count; i++)
        if (samples->folds[i] != fold)
            picked[count++] = i;
    certainty_fit(samples->confidence[0], text, samples->quality[0], picked, count, certainty);
}

static void predict_row(const struct samples *samples, size_t row, float *const *predicted,
                        const struct predictor *predictor, const struct certainty *learnt,
                        struct escalation *escalation)
{
    const double confidence = (double)samples->confidence[0][row], promised = (double)predicted[0][row];
    double chance = certainty_chance(learnt, confidence, promised);
    if (predictor)
        (void)predictor_chance(predictor, samples->models[0], confidence, promised, &chance);
    escalation->chance[row] = is_known(samples, row) ? (float)chance : NAN;
    escalation->gains[row] = predicted[samples->model_count - 1][row] > (float)chance;
    escalation->rows += is_known(samples, row);
}

bool escalation_predict(const struct samples *samples, float *const *predicted, const struct predictor *predictor,
                        struct escalation *escalation)
{
    size_t *picked = mem_alloc(samples->count * sizeof(*picked));
    if (predictor && predictor_chance_rows(predictor, samples->models[0]) == 0)
        predictor = NULL;
    *escalation = (struct escalation){.chance = mem_alloc(samples->count * sizeof(float)),
                                      .gains = mem_alloc(samples->count * sizeof(bool)),
                                      .is_learnt = !predictor};
    const bool fits = picked && escalation->chance && escalation->gains;
    for (int fold = 0; fits && fold < SAMPLES_FOLDS; fold++) {
        struct certainty learnt = {0};
        if (!predictor)
            fit_fold(samples, predicted[0], fold, picked, &learnt);
        for (size_t i = 0; i < samples->count; i++)
            if (samples->folds[i] == fold)
                predict_row(samples, i, predicted, predictor, &learnt, escalation);
    }
    mem_free(picked);
    return fits;
}

void escalation_deinit(struct escalation *escalation)
{
    mem_free(escalation->chance);
    mem_free(escalation->gains);
    *escalation = (struct escalation){0};
}

/* --- the curve --- */

struct total {
    double quality, cost, rows, again;
};

/* The weakest model's answer, and after it the strongest's where it is made again. */
static void take(const struct samples *samples, size_t row, bool is_again, struct total *total)
{
    const size_t strong = samples->model_count - 1;
    if (isnan(samples->quality[0][row]))
        return;
    total->quality += (double)samples->quality[is_again ? strong : 0][row];
    total->cost += (double)samples->cost[0][row] + (is_again ? (double)samples->cost[strong][row] : 0);
    total->again += is_again;
    total->rows++;
}

/* `order`: rows by rising chance. */
static void draw_point(const struct samples *samples, const size_t *order, size_t count, size_t again,
                       struct escalation *escalation, struct curve_point *point)
{
    struct total total = {0};
    for (size_t i = 0; i < samples->count; i++)
        if (!is_known(samples, i))
            take(samples, i, false, &total);
    for (size_t i = 0; i < count; i++)
        take(samples, order[i], i < again && escalation->gains[order[i]], &total);
    const double rows = total.rows > 0 ? total.rows : 1;
    *point = (struct curve_point){total.again / rows, total.quality / rows, total.cost / rows};
}

static void draw(const struct samples *samples, const size_t *order, size_t count, struct escalation *escalation)
{
    escalation->curve.count = MEASURE_POINTS;
    for (size_t i = 0; i < MEASURE_POINTS; i++) {
        const size_t again = count * i / (MEASURE_POINTS - 1);
        draw_point(samples, order, count, again, escalation, &escalation->curve.points[i]);
        escalation->below[i] = again < count ? escalation->chance[order[again]] : 1;
    }
}

/* Between its points a curve is a mix of them; behind the last one nothing more need be paid. */
static double quality_at(const struct curve *curve, double cost)
{
    for (size_t i = 1; i < curve->count; i++) {
        const struct curve_point *a = &curve->points[i - 1], *b = &curve->points[i];
        if (cost > b->cost)
            continue;
        const double part = b->cost > a->cost ? fmax(0, (cost - a->cost) / (b->cost - a->cost)) : 1;
        return a->quality + part * (b->quality - a->quality);
    }
    return curve->points[curve->count - 1].quality;
}

static double least_gain(const struct curve *curve, const struct curve *other)
{
    double least = INFINITY;
    for (size_t i = 0; i < other->count; i++)
        least = fmin(least, quality_at(curve, other->points[i].cost) - other->points[i].quality);
    return least;
}

bool escalation_measure(const struct samples *samples, const struct curve *other, uint64_t seed,
                        struct escalation *escalation)
{
    float *right = mem_alloc(samples->count * sizeof(*right)); /* of the rows that tell a confidence */
    size_t known = 0, *order = NULL;
    for (size_t i = 0; right && i < samples->count; i++)
        right[i] = is_known(samples, i) ? samples->quality[0][i] : NAN;
    if (right)
        order = measure_order(escalation->chance, right, samples->count, &known);
    if (order) {
        draw(samples, order, known, escalation);
        escalation->auc = measure_auc(escalation->chance, right, samples->count, seed);
        escalation->calibration_error = measure_calibration_error(escalation->chance, right, samples->count);
        escalation->least_gain = least_gain(&escalation->curve, other);
    }
    const struct saving_plan plan = {order, known, escalation->gains, true};
    const bool fits = order && saving_measure(samples, &plan, seed, &escalation->saving);
    mem_free(order);
    mem_free(right);
    return fits;
}
