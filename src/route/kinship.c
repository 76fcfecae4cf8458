/* kinship.c - see kinship.h. Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithm 4.4;
 * bases are made orthonormal by Cholesky's decomposition of their products. */
#include "route/kinship.h"

#include <string.h>

#include "core/mem.h"
#include "core/util.h"

#define ROWS_PER_DIRECTION 100
#define ITERATIONS 3
#define SEED 20250915
#define JITTER 1e-7 /* of the mean product: directions that are not there must not divide by 0 */

void kinship_deinit(struct kinship *kinship)
{
    mem_free(kinship->directions);
    *kinship = (struct kinship){0};
}

void kinship_place(const struct kinship *kinship, const struct sparse *matrix, size_t row, float *places)
{
    memset(places, 0, kinship->count * sizeof(*places));
    for (size_t i = matrix->starts[row]; kinship->count > 0 && i < matrix->starts[row + 1]; i++) {
        if (matrix->places[i] >= kinship->columns)
            continue;
        const float value = matrix->values[i], *direction = kinship->directions + matrix->places[i] * kinship->count;
        for (size_t j = 0; j < kinship->count; j++)
            places[j] += value * direction[j];
    }
}

/* directions = transposed matrix * places, places[rows][count]. */
static void pull_back(struct kinship *kinship, const struct sparse *matrix, const size_t *picked, size_t rows,
                      const float *places)
{
    const size_t count = kinship->count;
    memset(kinship->directions, 0, kinship->columns * count * sizeof(float));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = matrix->starts[picked[i]]; j < matrix->starts[picked[i] + 1]; j++) {
            if (matrix->places[j] >= kinship->columns)
                continue;
            float *direction = kinship->directions + matrix->places[j] * count;
            for (size_t k = 0; k < count; k++)
                direction[k] += matrix->values[j] * places[i * count + k];
        }
}

/* --- orthonormal bases --- */

static void multiply(const float *basis, size_t rows, size_t count, double products[KINSHIP_MAX][KINSHIP_MAX])
{
    memset(products, 0, KINSHIP_MAX * sizeof(products[0]));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k <= j; k++)
                products[j][k] += (double)basis[i * count + j] * (double)basis[i * count + k];
}

/* products = root * transposed root, root lower triangular and in its place. */
static void decompose(double products[KINSHIP_MAX][KINSHIP_MAX], size_t count)
{
    double trace = 0;
    for (size_t i = 0; i < count; i++)
        trace += products[i][i];
    const double jitter = fmax(JITTER * trace / (double)count, 1e-30);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = products[i][j] + (i == j ? jitter : 0);
            for (size_t k = 0; k < j; k++)
                sum -= products[i][k] * products[j][k];
            products[i][j] = i == j ? sqrt(fmax(sum, jitter)) : sum / products[j][j];
        }
}

/* basis[rows][count]: its columns become orthonormal. */
static void orthonormalize(float *basis, size_t rows, size_t count)
{
    double root[KINSHIP_MAX][KINSHIP_MAX];
    multiply(basis, rows, count, root);
    decompose(root, count);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j++) {
            double value = (double)basis[i * count + j];
            for (size_t k = 0; k < j; k++)
                value -= root[j][k] * (double)basis[i * count + k];
            basis[i * count + j] = (float)(value / root[j][j]);
        }
}

bool kinship_find(const struct sparse *matrix, const size_t *picked, size_t count, uint32_t columns,
                  struct kinship *kinship)
{
    const size_t wanted = count / ROWS_PER_DIRECTION;
    *kinship = (struct kinship){.count = wanted < KINSHIP_MAX ? wanted : KINSHIP_MAX, .columns = columns};
    if (kinship->count == 0)
        return true;
    kinship->directions = mem_calloc(columns * kinship->count, sizeof(float));
    float *places = mem_alloc(count * kinship->count * sizeof(*places));
    struct rng rng;
    rng_seed(&rng, SEED);
    for (size_t i = 0; places && i < count * kinship->count; i++)
        places[i] = (float)(rng_unit(&rng) - 0.5);
    for (unsigned i = 0; places && kinship->directions && i < ITERATIONS; i++) {
        if (i > 0)
            for (size_t j = 0; j < count; j++)
                kinship_place(kinship, matrix, picked[j], places + j * kinship->count);
        orthonormalize(places, count, kinship->count);
        pull_back(kinship, matrix, picked, count, places);
    }
    if (kinship->directions)
        orthonormalize(kinship->directions, columns, kinship->count);
    const bool fits = places && kinship->directions;
    mem_free(places);
    return fits;
}
