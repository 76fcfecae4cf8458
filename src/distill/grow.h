/* grow.h - begins a larger model as a smaller one that was trained.
 *
 * The larger one computes the same function, so nothing has to be learnt
 * twice (after Net2Net, Chen et al. 2016, arXiv 1511.05641):
 *   width         a multiple: the residual stream stands in it that often
 *   heads         a multiple of the same size, on the same key-value heads
 *   feed_forward  at least as wide: units are copied
 *   layers        at least as many: new ones, spread between the old, add nothing yet
 * What is copied shares its inputs or outputs with the original in random
 * parts, so that the copies get different gradients and part. */
#ifndef DISTILL_GROW_H
#define DISTILL_GROW_H

#include "core/error.h"
#include "core/util.h"
#include "distill/weights.h"

/* ERROR_CONFLICT names what of the shape does not fit. `weights` were initialised before: new layers keep that. */
enum error_code weights_grow(struct weights *weights, const struct weights *from, struct rng *rng,
                             struct error *error) WARN_UNUSED;

#endif
