/* optim.c - one update of the weights by their gradients. Makes no gradients. See optim.h. */
#include "distill/optim.h"

#include <math.h>

#include "core/mem.h"

static bool uses_muon(const struct optim *optim, size_t i)
{
    const struct param *param = &optim->weights->params[i];
    return optim->settings.with_muon && param->grad && (param->kind == PARAM_MATRIX || param->kind == PARAM_ADAPTER);
}

static bool new_slots(struct optim *optim)
{
    size_t largest = 0, side = 0;
    for (size_t i = 0; i < optim->weights->param_count; i++) {
        const struct param *param = &optim->weights->params[i];
        if (!param->grad)
            continue;
        size_t count = param_count(param), rows = (size_t)param->weight->ne[1], cols = (size_t)param->weight->ne[0];
        optim->slots[i].first = mem_calloc(count, sizeof(float));
        optim->slots[i].second = uses_muon(optim, i) ? NULL : mem_calloc(count, sizeof(float));
        if (!optim->slots[i].first || (!optim->slots[i].second && !uses_muon(optim, i)))
            return false;
        if (uses_muon(optim, i)) {
            size_t smaller = rows < cols ? rows : cols;
            largest = count > largest ? count : largest;
            side = smaller > side ? smaller : side;
        }
    }
    const size_t sizes[4] = {largest, largest, side * side, side * side};
    for (size_t i = 0; i < 4; i++) {
        optim->scratch[i] = mem_calloc(sizes[i] + 1, sizeof(float));
        if (!optim->scratch[i])
            return false;
    }
    return true;
}

enum error_code optim_new(const struct optim_settings *settings, struct weights *weights, const struct gemm *gemm,
                          struct optim **optim, struct error *error)
{
    struct optim *o = mem_calloc(1, sizeof(*o));
    if (!o)
        return error_no_memory(error);
    *o = (struct optim){.settings = *settings, .weights = weights, .gemm = gemm};
    o->slots = mem_calloc(weights->param_count, sizeof(*o->slots));
    if (!o->slots || !new_slots(o)) {
        optim_free(o);
        return error_no_memory(error);
    }
    *optim = o;
    return OK;
}

void optim_free(struct optim *optim)
{
    if (!optim)
        return;
    for (size_t i = 0; optim->slots && i < optim->weights->param_count; i++) {
        mem_free(optim->slots[i].first);
        mem_free(optim->slots[i].second);
    }
    for (size_t i = 0; i < 4; i++)
        mem_free(optim->scratch[i]);
    mem_free(optim->slots);
    mem_free(optim);
}

/* --- clipping --------------------------------------------------------------------------------------- */

static double sum_of_squares(const float *x, size_t count)
{
    double total = 0.0;
    for (size_t i = 0; i < count;) { /* floats in short runs: vectorised, and still exact enough */
        float part = 0.0f;
        size_t end = i + 256 < count ? i + 256 : count;
        for (; i < end; i++)
            part += x[i] * x[i];
        total += (double)part;
    }
    return total;
}

static double clip_gradients(const struct optim *optim)
{
    const struct weights *w = optim->weights;
    double total = 0.0;
    for (size_t i = 0; i < w->param_count; i++)
        if (w->params[i].grad)
            total += sum_of_squares(param_grad(&w->params[i]), param_count(&w->params[i]));
    double norm = sqrt(total);
    if (optim->settings.clip <= 0.0 || norm <= optim->settings.clip)
        return norm;
    float scale = (float)(optim->settings.clip / norm);
    for (size_t i = 0; i < w->param_count; i++) {
        if (!w->params[i].grad)
            continue;
        float *grad = param_grad(&w->params[i]);
        for (size_t j = 0; j < param_count(&w->params[i]); j++)
            grad[j] *= scale;
    }
    return norm;
}

/* --- AdamW ------------------------------------------------------------------------------------------ */

static void adam_update(const struct optim *optim, size_t i, double rate)
{
    const struct optim_settings *s = &optim->settings;
    const struct param *param = &optim->weights->params[i];
    const float *grad = param_grad(param);
    float *data = param_data(param), *first = optim->slots[i].first, *second = optim->slots[i].second;

    double t = (double)optim->steps;
    float beta1 = (float)s->beta1, beta2 = (float)s->beta2;
    float step = (float)(rate / (1.0 - pow(s->beta1, t)));
    float unbias = (float)(1.0 / sqrt(1.0 - pow(s->beta2, t)));
    float epsilon = (float)s->epsilon;
    float keep = param->kind == PARAM_NORM ? 1.0f : (float)(1.0 - rate * s->weight_decay);
    for (size_t j = 0; j < param_count(param); j++) {
        first[j] = beta1 * first[j] + (1.0f - beta1) * grad[j];
        second[j] = beta2 * second[j] + (1.0f - beta2) * grad[j] * grad[j];
        data[j] = keep * data[j] - step * first[j] / (sqrtf(second[j]) * unbias + epsilon);
    }
}

/* --- Muon ------------------------------------------------------------------------------------------- */

#define NEWTON_SCHULZ_STEPS 5

/* Each step applies the odd polynomial a x + b x^3 + c x^5 to the singular
 * values of x. These coefficients push values from (0, 1] into about 0.7..1.2
 * fastest; they don't converge to 1, and needn't. The squares are formed on
 * the smaller side: x x^T for wide matrices, x^T x for tall ones. */
void optim_orthogonalise(const struct gemm *gemm, float *x, int rows, int cols, float *const scratch[3])
{
    const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
    size_t count = (size_t)rows * (size_t)cols;
    bool is_wide = rows <= cols;
    int side = is_wide ? rows : cols;
    int other = is_wide ? cols : rows;
    float *next = scratch[0], *square = scratch[1], *poly = scratch[2];

    float scale = (float)(1.0 / (sqrt(sum_of_squares(x, count)) + 1e-7));
    for (size_t i = 0; i < count; i++)
        x[i] *= scale;
    for (int step = 0; step < NEWTON_SCHULZ_STEPS; step++) {
        struct gemm_operand left = {x, cols, !is_wide}, right = {x, cols, is_wide};
        struct gemm_operand s = {square, side, false}, p = {poly, side, false};
        gemm_run(gemm, side, side, other, 1.0f, left, right, 0.0f, square, side);
        memcpy(poly, square, (size_t)side * (size_t)side * sizeof(float));
        gemm_run(gemm, side, side, side, c, s, s, b, poly, side); /* b s + c s^2 */
        struct gemm_operand whole = {x, cols, false};
        memcpy(next, x, count * sizeof(float));
        if (is_wide)
            gemm_run(gemm, rows, cols, side, 1.0f, p, whole, a, next, cols);
        else
            gemm_run(gemm, rows, cols, side, 1.0f, whole, p, a, next, cols);
        memcpy(x, next, count * sizeof(float));
    }
}

static void muon_update(const struct optim *optim, size_t i, double rate)
{
    const struct optim_settings *s = &optim->settings;
    const struct param *param = &optim->weights->params[i];
    const float *grad = param_grad(param);
    float *data = param_data(param), *momentum = optim->slots[i].first, *update = optim->scratch[0];
    int cols = (int)param->weight->ne[0], rows = (int)param->weight->ne[1];
    size_t count = param_count(param);

    float mu = (float)s->momentum;
    for (size_t j = 0; j < count; j++) {
        momentum[j] = mu * momentum[j] + (1.0f - mu) * grad[j];
        update[j] = mu * momentum[j] + (1.0f - mu) * grad[j];
    }
    optim_orthogonalise(optim->gemm, update, rows, cols, &optim->scratch[1]);

    /* An update of equal size per output, whatever the shape. */
    float step = (float)(rate * sqrt(rows > cols ? (double)rows / cols : 1.0));
    float keep = (float)(1.0 - rate * s->weight_decay);
    for (size_t j = 0; j < count; j++)
        data[j] = keep * data[j] - step * update[j];
}

/* --- one step --------------------------------------------------------------------------------------- */

double optim_step(struct optim *optim, double schedule)
{
    double norm = clip_gradients(optim);
    optim->steps++;
    for (size_t i = 0; i < optim->weights->param_count; i++) {
        if (uses_muon(optim, i))
            muon_update(optim, i, optim->settings.muon_rate * schedule);
        else if (optim->weights->params[i].grad)
            adam_update(optim, i, optim->settings.rate * schedule);
    }
    return norm;
}

double optim_schedule_at(const struct optim_schedule *schedule, uint64_t step, uint64_t steps)
{
    if (step < schedule->warm_steps)
        return (double)(step + 1) / (double)schedule->warm_steps;
    double progress = steps ? (double)step / (double)steps : 0.0;
    if (progress <= schedule->decay_from || schedule->decay_from >= 1.0)
        return 1.0;
    double decayed = (progress - schedule->decay_from) / (1.0 - schedule->decay_from);
    return 1.0 + (schedule->final - 1.0) * (decayed < 1.0 ? decayed : 1.0);
}
