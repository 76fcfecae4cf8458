/* frozen.h - matrices that no training changes, as Q8_0, for products in both directions.
 *
 * Beside an adapter a model's own matrices only multiply: activations on the way forward, gradients on the way back.
 * As bytes they do so several times faster than as floats (src/kernels), and as exactly as they do when they serve. The
 * way back wants the rows that the way forward has as columns, so each matrix is kept twice, a byte a weight. */
#ifndef DISTILL_FROZEN_H
#define DISTILL_FROZEN_H

#include <ggml.h>

#include "core/error.h"
#include "distill/weights.h"

struct frozen;

/* Makes the layers' matrices of `weights` that have no gradients frozen ones, which graphs built from now on use in
 * their place: for the way forward alone, or for both. Those whose sides are no multiples of 32 stay floats, and all
 * where the processor is none that src/kernels is for. weights_free takes them away. After a backend was loaded
 * (graph.h). */
enum error_code frozen_make(struct weights *weights, bool goes_back, struct error *error) WARN_UNUSED;
void frozen_free(struct frozen *frozen);

/* Gives the way back of frozen matrices to products with their other form. Before the graph is allocated. */
void frozen_rewrite(const struct weights *weights, struct ggml_cgraph *graph);

#endif
