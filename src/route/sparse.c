/* sparse.c - see sparse.h. */
#include "route/sparse.h"

#include <string.h>

#include "core/mem.h"

#define HISTORY 8         /* pairs that L-BFGS remembers */
#define HALVINGS_MAX 24   /* of a step that makes it worse */
#define ENOUGH 1e-5       /* relative gain of a step, below which it is over */
#define SUFFICIENT 1e-4   /* of the slope that a step must gain (Armijo) */

void sparse_deinit(struct sparse *matrix)
{
    mem_free(matrix->starts);
    mem_free(matrix->places);
    mem_free(matrix->values);
    *matrix = (struct sparse){0};
}

bool sparse_add(struct sparse *matrix, uint32_t column, float value)
{
    if (matrix->count == matrix->cap) {
        const size_t cap = matrix->cap ? matrix->cap * 2 : 4096;
        uint32_t *places = mem_realloc(matrix->places, cap * sizeof(*places));
        if (!places)
            return false;
        matrix->places = places;
        float *values = mem_realloc(matrix->values, cap * sizeof(*values));
        if (!values)
            return false;
        matrix->values = values;
        matrix->cap = cap;
    }
    matrix->places[matrix->count] = column;
    matrix->values[matrix->count++] = value;
    return true;
}

bool sparse_end(struct sparse *matrix)
{
    if (matrix->rows + 1 >= matrix->row_cap) {
        const size_t cap = matrix->row_cap ? matrix->row_cap * 2 : 1024;
        size_t *starts = mem_realloc(matrix->starts, cap * sizeof(*starts));
        if (!starts)
            return false;
        matrix->starts = starts;
        matrix->row_cap = cap;
        matrix->starts[0] = 0;
    }
    matrix->starts[++matrix->rows] = matrix->count;
    return true;
}

double sparse_dot(const struct sparse *matrix, size_t row, const float *weights)
{
    float sum = 0;
    for (size_t i = matrix->starts[row]; i < matrix->starts[row + 1]; i++)
        sum += matrix->values[i] * weights[matrix->places[i]];
    return sum;
}

double logistic_score(const struct sparse *matrix, size_t row, const float *weights)
{
    return sparse_dot(matrix, row, weights) + weights[matrix->columns];
}

/* --- L-BFGS --- */

struct problem {
    const struct sparse *matrix; /* [count] rows */
    const size_t *picked;        /* where their targets are */
    size_t count, size;          /* size: columns + 1 */
    const float *targets;
    double l2;
};

static double dot(const float *a, const float *b, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static double loss_of(double score, double target)
{
    const double soft = score > 0 ? score + log1p(exp(-score)) : log1p(exp(score));
    return soft - target * score;
}

/* The loss at `weights`; its gradient too. The intercept is not held back. */
static double evaluate(const struct problem *problem, const float *weights, float *gradient)
{
    const struct sparse *matrix = problem->matrix;
    const size_t intercept = problem->size - 1;
    double loss = 0, bias = 0;
    for (size_t i = 0; i < intercept; i++)
        gradient[i] = (float)problem->l2 * weights[i];
    loss += 0.5 * problem->l2 * dot(weights, weights, intercept);
    for (size_t i = 0; i < problem->count; i++) {
        const double score = logistic_score(matrix, i, weights), target = problem->targets[problem->picked[i]];
        const float slope = (float)(sigmoid(score) - target);
        loss += loss_of(score, target);
        bias += slope;
        for (size_t j = matrix->starts[i]; j < matrix->starts[i + 1]; j++)
            gradient[matrix->places[j]] += slope * matrix->values[j];
    }
    gradient[intercept] = (float)bias;
    return loss;
}

struct memory { /* of the last steps; the ring begins at `first` */
    float *steps, *changes; /* [HISTORY][size] */
    double inverse[HISTORY];
    size_t first, count;
};

/* direction = -(inverse Hessian, as far as it is known) * gradient: the two loops of Nocedal's algorithm 7.4. */
static void find_direction(const struct memory *memory, const float *gradient, float *direction, size_t size)
{
    double alpha[HISTORY];
    for (size_t i = 0; i < size; i++)
        direction[i] = -gradient[i];
    for (size_t k = memory->count; k-- > 0;) {
        const size_t at = (memory->first + k) % HISTORY;
        const float *step = memory->steps + at * size, *change = memory->changes + at * size;
        alpha[at] = memory->inverse[at] * dot(step, direction, size);
        for (size_t i = 0; i < size; i++)
            direction[i] -= (float)alpha[at] * change[i];
    }
    if (memory->count > 0) {
        const size_t last = (memory->first + memory->count - 1) % HISTORY;
        const float *change = memory->changes + last * size;
        const float scale = (float)(1 / (memory->inverse[last] * dot(change, change, size)));
        for (size_t i = 0; i < size; i++)
            direction[i] *= scale;
    }
    for (size_t k = 0; k < memory->count; k++) {
        const size_t at = (memory->first + k) % HISTORY;
        const float *step = memory->steps + at * size, *change = memory->changes + at * size;
        const float weight = (float)(alpha[at] - memory->inverse[at] * dot(change, direction, size));
        for (size_t i = 0; i < size; i++)
            direction[i] += weight * step[i];
    }
}

static void remember(struct memory *memory, const float *step, const float *change, size_t size)
{
    const double curvature = dot(step, change, size);
    if (curvature <= 1e-10)
        return;
    size_t at = (memory->first + memory->count) % HISTORY;
    if (memory->count == HISTORY)
        memory->first = (memory->first + 1) % HISTORY;
    else
        memory->count++;
    memcpy(memory->steps + at * size, step, size * sizeof(*step));
    memcpy(memory->changes + at * size, change, size * sizeof(*change));
    memory->inverse[at] = 1 / curvature;
}

struct search {
    float *gradient, *direction, *next, *next_gradient;
    struct memory memory;
};

/* One step downhill; false where there is none left that is worth it. */
static bool step(const struct problem *problem, struct search *search, float *weights, double *loss)
{
    const size_t size = problem->size;
    find_direction(&search->memory, search->gradient, search->direction, size);
    const double slope = dot(search->gradient, search->direction, size);
    if (slope >= 0)
        return false;
    double length = search->memory.count ? 1 : 1 / fmax(1, sqrt(-slope)), next_loss = 0;
    for (unsigned halvings = 0;; halvings++, length /= 2) {
        if (halvings == HALVINGS_MAX)
            return false;
        for (size_t i = 0; i < size; i++)
            search->next[i] = weights[i] + (float)length * search->direction[i];
        next_loss = evaluate(problem, search->next, search->next_gradient);
        if (next_loss <= *loss + SUFFICIENT * length * slope)
            break;
    }
    for (size_t i = 0; i < size; i++) {
        const float next = search->next[i], gradient = search->next_gradient[i];
        search->next[i] = next - weights[i];
        search->next_gradient[i] = gradient - search->gradient[i];
        weights[i] = next;
        search->gradient[i] = gradient;
    }
    remember(&search->memory, search->next, search->next_gradient, size);
    const bool is_worth_it = *loss - next_loss > ENOUGH * next_loss;
    *loss = next_loss;
    return is_worth_it;
}

/* The picked rows with the columns that they use, numbered anew: the others' weights stay 0, and steps over all of them
 * would cost more than the rows do. numbers[columns] gets each column's number + 1, or 0. */
static bool pick_rows(const struct sparse *matrix, const size_t *picked, size_t count, uint32_t *numbers,
                      struct sparse *used)
{
    *used = (struct sparse){0};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = matrix->starts[picked[i]]; j < matrix->starts[picked[i] + 1]; j++) {
            uint32_t *number = &numbers[matrix->places[j]];
            if (*number == 0)
                *number = (uint32_t)++used->columns;
            if (!sparse_add(used, *number - 1, matrix->values[j]))
                return false;
        }
        if (!sparse_end(used))
            return false;
    }
    return true;
}

static bool descend(const struct problem *problem, unsigned iterations, float *weights)
{
    const size_t size = problem->size;
    float *space = mem_calloc((4 + 2 * HISTORY) * size, sizeof(*space));
    if (!space)
        return false;
    struct search search = {.gradient = space, .direction = space + size, .next = space + 2 * size,
                            .next_gradient = space + 3 * size,
                            .memory = {.steps = space + 4 * size, .changes = space + (4 + HISTORY) * size}};
    double mean = 0;
    for (size_t i = 0; i < problem->count; i++)
        mean += problem->targets[problem->picked[i]];
    mean = fmin(fmax(mean / (double)(problem->count ? problem->count : 1), 0.001), 0.999);
    weights[size - 1] = (float)log(mean / (1 - mean));
    double loss = evaluate(problem, weights, search.gradient);
    for (unsigned i = 0; i < iterations; i++)
        if (!step(problem, &search, weights, &loss))
            break;
    mem_free(space);
    return true;
}

bool logistic_fit(const struct sparse *matrix, const size_t *picked, size_t count, const float *targets,
                  const struct logistic_options *options, float *weights)
{
    struct sparse used = {0};
    uint32_t *numbers = mem_calloc(matrix->columns, sizeof(*numbers));
    bool fits = numbers && pick_rows(matrix, picked, count, numbers, &used);
    float *found = fits ? mem_calloc(used.columns + 1, sizeof(*found)) : NULL;
    const struct problem problem = {&used, picked, count, used.columns + 1, targets, options->l2};
    fits = found && descend(&problem, options->iterations, found);
    for (size_t i = 0; fits && i < matrix->columns; i++)
        weights[i] = numbers[i] ? found[numbers[i] - 1] : 0;
    if (fits)
        weights[matrix->columns] = found[used.columns];
    sparse_deinit(&used);
    mem_free(numbers);
    mem_free(found);
    return fits;
}
