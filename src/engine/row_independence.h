/* row_independence.h - whether an operation of a model's graph computes each row of its result from what belongs to
 * that row alone: the same bits, whatever other tokens are in the batch, in whatever pieces a prompt is read and
 * however many threads compute it.
 *
 * Decided by what the operation is and who computes it on a processor, never by trying. Products and attention are
 * independent where our kernels (src/kernels) take them: ggml's own choose another order of sums by the number of
 * rows, or skip by blocks of cells. Of the others those are known that work row by row, element by element, or token
 * by token along one sequence. Whatever is not known is not independent.
 *
 * Pure; any thread. Nothing but model.c asks. */
#ifndef ENGINE_ROW_INDEPENDENCE_H
#define ENGINE_ROW_INDEPENDENCE_H

#include <stdbool.h>

struct ggml_tensor;

/* `takes`: whether our kernels compute a node; NULL: there are none. */
bool node_is_row_independent(const struct ggml_tensor *node, bool (*takes)(const struct ggml_tensor *node));

#endif
