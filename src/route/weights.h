/* weights.h - what a predictor consists of, and its file.
 *
 * For each model two regressions: one on words and on how the prompt is built, and one on that alone, for prompts whose
 * words the training never saw. `predictor.h` says how they are asked, `fit.h` how they are found.
 *
 * The file, little-endian:
 *
 *   8 bytes   "FULROUTE"
 *   u32       version, 6; 5 is read too
 *   u32       models M, 1 to PREDICTOR_MODELS_MAX
 *   u32 x 3   bits of a bucket's number, `built` numbers, bins of each: 16, 53, 8
 *   u64 x 2   rows of training, seed
 *   f32 x 4   calibration error; AUC, its low and high end
 *   f32 x 4   rarity of a unit of a cell's first byte; variance of log odds where no bucket was seen; share of buckets
 *             that hold a known word; spread of what can't be known from how a prompt is built
 *   f32       the least demand of a prompt that training has seen enough of
 *   f32       edges of bins [53][7], rising
 *   u8        known words, a bit for each bucket [2^16 / 8]
 *   M times   name, 128 bytes, filled up with zeros; struct route_weights_model's numbers in their order, f32 each
 *   u8        cells [2^16][2 + M]: rarity; variance, in sixteenths of a halving; M weights of i8
 *   M times   certainty.h's slope, text, offset, f32 each, and u32 rows
 *   u32       points of the curve, and 21 times f32 x 4: strong share, quality, cost, tolerance; zeros behind the last
 *             (not in version 5)
 *   u32       CRC-32 of all before
 *
 * Any thread; read-only once made. */
#ifndef ROUTE_WEIGHTS_H
#define ROUTE_WEIGHTS_H

#include <stdint.h>

#include "core/buf.h"
#include "route/certainty.h"
#include "route/features.h"
#include "route/predictor.h"

#define WEIGHTS_VERSION 6
#define WEIGHTS_VERSION_WITHOUT_CURVE 5
#define WEIGHTS_BINS 8
#define WEIGHTS_EDGES (WEIGHTS_BINS - 1)
#define WEIGHTS_CELL_HEAD 2 /* bytes of a cell before its weights */
#define WEIGHTS_VARIANCE_STEPS 16

/* Quality is sigmoid(slope * score + offset), a score being sums of weights and the intercept. */
struct route_weights_model {
    float unit; /* of a cell's weight */
    float intercept, slope, offset;
    float alone_intercept, alone_slope, alone_offset;
    float built[FEATURES_BUILT][WEIGHTS_BINS]; /* beside the words */
    float alone[FEATURES_BUILT][WEIGHTS_BINS]; /* without them */
};
#define WEIGHTS_MODEL_FLOATS (sizeof(struct route_weights_model) / sizeof(float))

struct route_weights {
    size_t model_count;
    uint64_t seed;
    struct predictor_facts facts;
    float rarity_unit, variance, known_share, alone_spread, demand;
    float edges[FEATURES_BUILT][WEIGHTS_EDGES];
    uint8_t known[FEATURES_BUCKETS / 8];
    char names[PREDICTOR_MODELS_MAX][PREDICTOR_NAME_MAX];
    struct route_weights_model models[PREDICTOR_MODELS_MAX];
    struct certainty certainties[PREDICTOR_MODELS_MAX];
    uint8_t cells[]; /* [FEATURES_BUCKETS][WEIGHTS_CELL_HEAD + model_count] */
};

struct route_weights *route_weights_new(size_t model_count); /* zeroed; NULL: no memory */
void route_weights_free(struct route_weights *weights);
static inline size_t route_weights_cell_bytes(const struct route_weights *weights)
{
    return WEIGHTS_CELL_HEAD + weights->model_count;
}
struct str route_weights_name(const struct route_weights *weights, size_t model);
static inline size_t route_weights_bin(const float *edges, float value)
{
    size_t bin = 0;
    for (size_t i = 0; i < WEIGHTS_EDGES; i++)
        bin += value >= edges[i];
    return bin;
}

bool route_weights_write(const struct route_weights *weights, struct buf *out); /* false: no memory */
enum error_code route_weights_read(struct str bytes, const char *name, struct route_weights **weights,
                                   struct error *error)
    WARN_UNUSED;

#endif
