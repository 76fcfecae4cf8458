/* step_cost.c - see step_cost.h. */
#include "engine/step_cost.h"

#include <math.h>
#include <stddef.h>

#define FORGET 0.99
#define SPREAD_MAX 1e6      /* where nothing new is seen, forgetting must not grow without end */
#define NOISE 0.01
#define ATTENDED_UNIT 1024.0
#define ERROR_WEIGHT 0.1    /* of the newest pass */
#define OUTLIER_LEAST 0.2   /* of the prediction: no error below it is one */
#define TOKEN_WEIGHT 0.1
#define TOKEN_LEAST 0.5
#define ERROR_MOST 4.0      /* so that many outliers in a row are believed */
#define SURE_AFTER 64u      /* passes before an outlier is told from ignorance */
#define FIRST_ROWS 32u      /* of a pass before anything was measured */

/* What a pass costs before much is known is put down to its rows: that predicts too much for larger
 * ones, never too little. */
static const double first_spread[STEP_COST_FIGURES] = {0.1, 1, 1, 0.5, 0.1};

void step_cost_init(struct step_cost *cost, uint32_t tile)
{
    *cost = (struct step_cost){.tile = tile};
    for (size_t i = 0; i < STEP_COST_FIGURES; i++)
        cost->spread[i][i] = first_spread[i];
}

void step_cost_fix(struct step_cost *cost, double row_us)
{
    cost->is_fixed = true;
    cost->weights[2] = cost->weights[3] = row_us;
    cost->most_rows = UINT32_MAX / 2;
}

void step_shape_add_reply(struct step_shape *shape, uint32_t past)
{
    shape->replies++;
    shape->replies_attended += past;
}

void step_shape_add_prompt(struct step_shape *shape, uint32_t past, uint32_t count)
{
    shape->prompt += count;
    shape->prompt_attended += (uint64_t)count * past + (uint64_t)count * count / 2;
}

static uint32_t rows_of(const struct step_shape *shape)
{
    return shape->replies + shape->prompt;
}

static void figures_of(const struct step_shape *shape, double figures[STEP_COST_FIGURES])
{
    const uint32_t rows = rows_of(shape), near = rows < STEP_COST_KNEE ? rows : STEP_COST_KNEE;
    figures[0] = 1;
    figures[1] = shape->replies;
    figures[2] = near;
    figures[3] = rows - near;
    figures[4] = (double)(shape->replies_attended + shape->prompt_attended) / ATTENDED_UNIT;
}

static double predict(const struct step_cost *cost, const double figures[STEP_COST_FIGURES])
{
    double us = 0;
    for (size_t i = 0; i < STEP_COST_FIGURES; i++)
        us += cost->weights[i] * figures[i];
    return us > 0 ? us : 0;
}

uint32_t step_cost_passes(const struct step_cost *cost, const struct step_shape *shape,
                          struct step_shape passes[STEP_PASSES])
{
    passes[0] = *shape;
    if (shape->replies == 0 || shape->prompt == 0 || cost->tile == 0 || rows_of(shape) < cost->tile)
        return 1;
    passes[0] = (struct step_shape){.replies = shape->replies, .replies_attended = shape->replies_attended};
    passes[1] = (struct step_shape){.prompt = shape->prompt, .prompt_attended = shape->prompt_attended};
    return 2;
}

static double predict_pass(const struct step_cost *cost, const struct step_shape *pass)
{
    double figures[STEP_COST_FIGURES];
    figures_of(pass, figures);
    const double us = predict(cost, figures), least_us = TOKEN_LEAST * cost->token_us * pass->prompt;
    return rows_of(pass) == 0 ? 0 : fmax(us, least_us);
}

double step_cost_predict(const struct step_cost *cost, const struct step_shape *shape)
{
    struct step_shape passes[STEP_PASSES];
    const uint32_t count = step_cost_passes(cost, shape, passes);
    double us = 0;
    for (uint32_t i = 0; i < count; i++)
        us += predict_pass(cost, &passes[i]);
    return us;
}

static double limit_outlier(const struct step_cost *cost, double predicted_us, double error)
{
    const double most = (OUTLIER_LEAST + 3 * cost->error) * predicted_us;
    if (cost->passes < SURE_AFTER || fabs(error) <= most)
        return error;
    return error > 0 ? most : -most;
}

/* Recursive least squares in its usual form: gain = P x / (forget R + x' P x). R grows
 * with the square of the rows, so that it is relative errors that count. */
static void update(struct step_cost *cost, const double x[STEP_COST_FIGURES], double rows, double error)
{
    double px[STEP_COST_FIGURES], size = 0, trace = 0;
    for (size_t i = 0; i < STEP_COST_FIGURES; i++) {
        px[i] = 0;
        for (size_t j = 0; j < STEP_COST_FIGURES; j++)
            px[i] += cost->spread[i][j] * x[j];
    }
    for (size_t i = 0; i < STEP_COST_FIGURES; i++) {
        size += x[i] * px[i];
        trace += cost->spread[i][i];
    }
    const double forget = trace < SPREAD_MAX ? FORGET : 1;
    const double scale = 1 / (forget * NOISE * rows * rows + size);
    for (size_t i = 0; i < STEP_COST_FIGURES; i++)
        cost->weights[i] += px[i] * scale * error;
    for (size_t i = 0; i < STEP_COST_FIGURES; i++)
        for (size_t j = 0; j < STEP_COST_FIGURES; j++)
            cost->spread[i][j] = (cost->spread[i][j] - px[i] * px[j] * scale) / forget;
}

void step_cost_learn(struct step_cost *cost, const struct step_shape *pass, double us)
{
    double figures[STEP_COST_FIGURES];
    const uint32_t rows = rows_of(pass);
    if (rows == 0 || !(us > 0) || cost->is_fixed)
        return;
    figures_of(pass, figures);
    const double predicted_us = predict(cost, figures), error = us - predicted_us;
    update(cost, figures, rows, limit_outlier(cost, predicted_us, error));
    if (pass->prompt >= STEP_COST_KNEE && pass->prompt > pass->replies)
        cost->token_us += (cost->token_us > 0 ? TOKEN_WEIGHT : 1) * (us / rows - cost->token_us);
    if (cost->passes > 0)
        cost->error += ERROR_WEIGHT * (fmin(fabs(error) / fmax(predicted_us, 1), ERROR_MOST) - cost->error);
    cost->passes++;
    cost->most_rows = rows > cost->most_rows ? rows : cost->most_rows;
}

static uint32_t careful_room(const struct step_cost *cost, const struct step_shape *shape, uint32_t room)
{
    const uint32_t known = 2 * cost->most_rows > FIRST_ROWS ? 2 * cost->most_rows : FIRST_ROWS;
    const uint32_t rows = rows_of(shape), left = rows < known ? known - rows : 0;
    return left < room ? left : room;
}

uint32_t step_cost_fit(const struct step_cost *cost, const struct step_shape *shape, uint32_t past, double limit_us,
                       uint32_t room)
{
    uint32_t least = 0, most = careful_room(cost, shape, room);
    while (least < most) {
        const uint32_t middle = most - (most - least) / 2;
        struct step_shape tried = *shape;
        step_shape_add_prompt(&tried, past, middle);
        if (step_cost_predict(cost, &tried) <= limit_us)
            least = middle;
        else
            most = middle - 1;
    }
    return least;
}
