/* reuse.h - how soon will a block be used again? Learned from the load itself.
 *
 * Blocks fall into classes by what is known at their last use: how often they
 * were used, the mean distance between those uses, and their mark (below). For
 * each class and each age since the last use, the model counts how many blocks
 * reached that age and how many were used at it, blocks that the store has lost
 * but remembers included. The chance of a use at an age is then
 *
 *     chance[class][age] = shape[age] * factor[uses] * factor[distance] * factor[mark]
 *
 * fitted by iterative proportional fitting (each factor is set to uses observed
 * over uses expected, in turn) and drawn to the class's own counts where there
 * are enough of them. From the chances comes the figure that eviction compares,
 *
 *     rate[class][age] = max over t of   P(used within t) / E(time held until used or t)
 *
 * in uses per block-time: the Gittins index of a job that pays 1 when it is
 * done (Gittins 1979; for caches compare LHD, Beckmann, Chen and Cidon 2018).
 * Where chances fall with age this is LRU within a class; where everything
 * comes back after the same distance, as in a cycle larger than the cache, the
 * newest block has the lowest rate and goes first. Nothing is configured and
 * nothing is known of the future.
 *
 * Time is counted in blocks asked for, so an idle night ages nothing. Counts are
 * halved every REUSE_MEMORY requests, so an old load is forgotten. One thread. */
#ifndef CACHE_REUSE_H
#define CACHE_REUSE_H

#include <stdint.h>

enum reuse_mark {
    REUSE_INNER,    /* a block in the middle of its last prompt */
    REUSE_TAIL,     /* the last block of it: often one question, never seen again */
    REUSE_DECLARED, /* within a checkpoint that the client has declared */
    REUSE_MARKS
};

#define REUSE_DISTANCES 15u /* octaves of the mean distance: up to 16, 32, ... blocks */
#define REUSE_USES 4u       /* used again: never, 1-2, 3-8, 9 times and more */
#define REUSE_CLASSES ((uint32_t)REUSE_MARKS * (1u + (REUSE_USES - 1u) * REUSE_DISTANCES))
#define REUSE_AGES 42u /* half octaves: ages up to 2^20 blocks apart */
#define REUSE_MEMORY 16384.0

struct reuse_model;

struct reuse_model *reuse_model_new(void); /* NULL: no memory. No request has been seen */
void reuse_model_free(struct reuse_model *model);

uint32_t reuse_class(enum reuse_mark mark, uint32_t uses_again, float mean_distance);
double reuse_age_begin(uint32_t age); /* age class -> blocks; REUSE_AGES gives infinity */

/* A block of `class` reaches `age`, is there no more, or is used at it. The
 * weight is one over the blocks of its prompt: a long prompt is one observation. */
void reuse_model_enter(struct reuse_model *model, uint32_t class, uint32_t age, double weight);
void reuse_model_leave(struct reuse_model *model, uint32_t class, uint32_t age, double weight);
void reuse_model_used(struct reuse_model *model, uint32_t class, uint32_t age, double weight);

void reuse_model_fit(struct reuse_model *model); /* rates from counts: some 100 us, so not at every request */
float reuse_model_rate(const struct reuse_model *model, uint32_t class, uint32_t age); /* of a class seen before */

#endif
