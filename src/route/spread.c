/* spread.c - see spread.h. The matrix of what rows have in common is never made: with X the centred rows and r the
 * distances from the mean, the sum over all pairs is the square of X'r, and the sum of squares of all that pairs have
 * in common is estimated by random signs (Hutchinson). */
#include "route/spread.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "core/util.h"

#define PROBES 24
#define SEED 20250915
#define LEAST 1e-6 /* of the rows' squares: pairs that have so little in common say nothing */

struct work {
    const struct sparse *matrix;
    uint32_t columns;
    size_t *rows, count;
    float *distances;   /* [count] from the mean */
    float *mean, *sum;  /* [columns] */
    double mean_square; /* of the mean row */
};

static void add_row(const struct work *work, size_t row, float weight, float *sum)
{
    const struct sparse *matrix = work->matrix;
    for (size_t i = matrix->starts[row]; i < matrix->starts[row + 1]; i++)
        if (matrix->places[i] < work->columns)
            sum[matrix->places[i]] += weight * matrix->values[i];
}

static double dot_row(const struct work *work, size_t row, const float *with)
{
    const struct sparse *matrix = work->matrix;
    double sum = 0;
    for (size_t i = matrix->starts[row]; i < matrix->starts[row + 1]; i++)
        if (matrix->places[i] < work->columns)
            sum += (double)(matrix->values[i] * with[matrix->places[i]]);
    return sum;
}

static double square_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)(values[i] * values[i]);
    return sum;
}

/* What a centred row has in common with itself. */
static double own(const struct work *work, size_t row)
{
    const struct sparse *matrix = work->matrix;
    double square = 0;
    for (size_t i = matrix->starts[row]; i < matrix->starts[row + 1]; i++)
        if (matrix->places[i] < work->columns)
            square += (double)(matrix->values[i] * matrix->values[i]);
    return fmax(0, square - 2 * dot_row(work, row, work->mean) + work->mean_square);
}

/* Sum over all pairs, a row with itself too, of the squares of what they have in common. */
static double common_squares(const struct work *work)
{
    double total = 0;
    struct rng rng;
    rng_seed(&rng, SEED);
    for (unsigned probe = 0; probe < PROBES; probe++) {
        double signs = 0;
        memset(work->sum, 0, work->columns * sizeof(*work->sum));
        for (size_t i = 0; i < work->count; i++) {
            const float sign = rng_below(&rng, 2) ? 1 : -1;
            signs += (double)sign;
            add_row(work, work->rows[i], sign, work->sum);
        }
        for (size_t j = 0; j < work->columns; j++)
            work->sum[j] -= (float)signs * work->mean[j];
        double of_mean = 0;
        for (size_t j = 0; j < work->columns; j++)
            of_mean += (double)(work->mean[j] * work->sum[j]);
        for (size_t i = 0; i < work->count; i++) {
            const double product = dot_row(work, work->rows[i], work->sum) - of_mean;
            total += product * product;
        }
    }
    return total / PROBES;
}

static bool begin(const struct sparse *matrix, uint32_t columns, const size_t *picked, size_t count,
                  const float *targets, struct work *work)
{
    double mean = 0;
    *work = (struct work){.matrix = matrix, .columns = columns, .rows = mem_alloc((count ? count : 1) * sizeof(size_t)),
                          .distances = mem_alloc((count ? count : 1) * sizeof(float)),
                          .mean = mem_calloc(columns, sizeof(float)), .sum = mem_calloc(columns, sizeof(float))};
    if (!work->rows || !work->distances || !work->mean || !work->sum)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (isnan(targets[picked[i]]))
            continue;
        mean += (double)targets[picked[i]];
        work->rows[work->count++] = picked[i];
    }
    for (size_t i = 0; i < work->count; i++) {
        work->distances[i] = targets[work->rows[i]] - (float)(mean / (double)work->count);
        add_row(work, work->rows[i], 1 / (float)work->count, work->mean);
    }
    work->mean_square = square_of(work->mean, columns);
    return true;
}

static void regress(const struct work *work, struct spread *spread)
{
    double products = 0, owns = 0, squares = 0, own_squares = 0;
    memset(work->sum, 0, work->columns * sizeof(*work->sum));
    for (size_t i = 0; i < work->count; i++) {
        const double distance = (double)work->distances[i], self = own(work, work->rows[i]);
        add_row(work, work->rows[i], work->distances[i], work->sum);
        products -= distance * distance * self;
        squares += distance * distance;
        owns += self;
        own_squares += self * self;
    }
    products += square_of(work->sum, work->columns);
    const double pairs = common_squares(work) - own_squares, rows = (double)work->count;
    if (!(pairs > LEAST * own_squares))
        return;
    spread->variance = products / pairs * owns / rows;
    spread->error = sqrt(2 / pairs) * squares / rows * owns / rows;
}

bool spread_measure(const struct sparse *matrix, uint32_t columns, const size_t *picked, size_t count,
                    const float *targets, struct spread *spread)
{
    struct work work;
    *spread = (struct spread){0, INFINITY};
    const bool fits = begin(matrix, columns, picked, count, targets, &work);
    if (fits && work.count > 1)
        regress(&work, spread);
    mem_free(work.rows);
    mem_free(work.distances);
    mem_free(work.mean);
    mem_free(work.sum);
    return fits;
}
