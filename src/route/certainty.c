/* certainty.c - see certainty.h. */
#include "route/certainty.h"

#include <math.h>

#include "route/sparse.h"

#define LOGIT_MAX 14.0 /* beyond, a float tells probabilities no longer apart */
#define STEPS 50
#define PRIOR 0.01    /* on all three numbers */
#define NUMBER_MAX 20

static double logit(double chance)
{
    const double odds = log(fmax(chance, 1e-9)) - log(fmax(1 - chance, 1e-9));
    return fmin(fmax(odds, -LOGIT_MAX), LOGIT_MAX);
}

double certainty_chance(const struct certainty *certainty, double confidence, double quality)
{
    if (certainty->rows == 0)
        return confidence;
    return sigmoid((double)certainty->slope * logit(confidence) + (double)certainty->text * logit(quality) +
                   (double)certainty->offset);
}

/* --- fitting --- */

#define NUMBERS 3

struct newton {
    double gradient[NUMBERS], curvature[NUMBERS][NUMBERS];
};

static void add_row(struct newton *newton, const double numbers[NUMBERS], const double inputs[NUMBERS], double target)
{
    double score = 0;
    for (size_t i = 0; i < NUMBERS; i++)
        score += numbers[i] * inputs[i];
    const double chance = sigmoid(score), weight = chance * (1 - chance);
    for (size_t i = 0; i < NUMBERS; i++) {
        newton->gradient[i] += (chance - target) * inputs[i];
        for (size_t j = 0; j < NUMBERS; j++)
            newton->curvature[i][j] += weight * inputs[i] * inputs[j];
    }
}

/* Gauss; the prior makes the matrix positive. */
static void solve(struct newton *newton, double step[NUMBERS])
{
    for (size_t i = 0; i < NUMBERS; i++)
        for (size_t k = i + 1; k < NUMBERS; k++) {
            const double factor = newton->curvature[k][i] / newton->curvature[i][i];
            for (size_t j = i; j < NUMBERS; j++)
                newton->curvature[k][j] -= factor * newton->curvature[i][j];
            newton->gradient[k] -= factor * newton->gradient[i];
        }
    for (size_t i = NUMBERS; i-- > 0;) {
        step[i] = newton->gradient[i];
        for (size_t j = i + 1; j < NUMBERS; j++)
            step[i] -= newton->curvature[i][j] * step[j];
        step[i] /= newton->curvature[i][i];
    }
}

static bool is_known(const float *confidences, const float *targets, size_t row)
{
    return !isnan(confidences[row]) && !isnan(targets[row]);
}

static bool are_enough(const float *confidences, const float *targets, const size_t *picked, size_t count,
                       struct certainty *certainty)
{
    size_t right = 0, rows = 0;
    for (size_t i = 0; i < count; i++) {
        const bool counts = is_known(confidences, targets, picked[i]);
        rows += counts;
        right += counts && targets[picked[i]] >= 0.5F;
    }
    const bool is_enough = rows >= CERTAINTY_ROWS_MIN && right >= CERTAINTY_KIND_MIN &&
                           rows - right >= CERTAINTY_KIND_MIN;
    *certainty = (struct certainty){.rows = is_enough ? (uint32_t)rows : 0};
    return is_enough;
}

/* Newton's method. */
static void descend(const float *confidences, const float *qualities, const float *targets, const size_t *picked,
                    size_t count, double numbers[NUMBERS])
{
    for (unsigned round = 0; round < STEPS; round++) {
        struct newton newton = {{0}, {{0}}};
        double step[NUMBERS], moved = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t row = picked[i];
            const double inputs[NUMBERS] = {logit((double)confidences[row]), logit((double)qualities[row]), 1};
            if (is_known(confidences, targets, row))
                add_row(&newton, numbers, inputs, (double)targets[row]);
        }
        for (size_t i = 0; i < NUMBERS; i++) {
            newton.gradient[i] += PRIOR * numbers[i];
            newton.curvature[i][i] += PRIOR;
        }
        solve(&newton, step);
        for (size_t i = 0; i < NUMBERS; i++) {
            numbers[i] -= fmin(fmax(step[i], -1), 1);
            moved += fabs(step[i]);
        }
        if (moved < 1e-9)
            break;
    }
}

static float bounded(double number)
{
    return (float)fmin(fmax(number, -NUMBER_MAX), NUMBER_MAX);
}

void certainty_fit(const float *confidences, const float *qualities, const float *targets, const size_t *picked,
                   size_t count, struct certainty *certainty)
{
    double numbers[NUMBERS] = {1, 0, 0};
    if (!are_enough(confidences, targets, picked, count, certainty))
        return;
    descend(confidences, qualities, targets, picked, count, numbers);
    certainty->slope = bounded(fmax(numbers[0], 0));
    certainty->text = bounded(numbers[1]);
    certainty->offset = bounded(numbers[2]);
}

bool certainty_is_sound(const struct certainty *certainty)
{
    return certainty->slope >= 0 && certainty->slope <= NUMBER_MAX && fabsf(certainty->text) <= NUMBER_MAX &&
           fabsf(certainty->offset) <= NUMBER_MAX;
}
