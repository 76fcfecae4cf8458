/* step.h - the gradients of one optimiser step: its passes, and the threads they run on.
 *
 * A pass is one batch through forward and backward. With several workers the
 * passes of a step run side by side, each worker with a graph and gradients of
 * its own, which are added up in the order of the workers: the same phase gives
 * the same bytes however the threads are scheduled, as long as there are as many. ggml's own threads meet at
 * every operation and small ones gain nothing from them; whole passes meet once
 * a step. One thread at a time from outside. */
#ifndef DISTILL_STEP_H
#define DISTILL_STEP_H

#include "distill/graph.h"
#include "distill/packer.h"
#include "distill/teacher.h"
#include "distill/train_config.h"

struct step_pass {
    struct packer packer; /* filled by the caller before each step */
    bool *is_right;       /* one per selected token, after the step */
    double loss;          /* sum of cross entropies, nats */
    double soft_loss;     /* the same with the teacher's labels; 0 without one */
};

struct step {
    struct weights *weights;
    const struct teacher *teacher; /* NULL: labels are the rows' own alone */
    struct step_pass *passes;
    uint32_t pass_count;
    struct step_worker *workers; /* the first one works for the caller's thread */
    uint32_t worker_count;
};

/* For the batches of `phase`, with as many of its workers as memory has room for. compute is the first one's, the
 * others make their own. `teacher` may be NULL. */
enum error_code step_open(struct step *step, const struct train_phase *phase, struct compute *compute,
                          struct weights *weights, const struct teacher *teacher, struct error *error) WARN_UNUSED;
void step_close(struct step *step);

/* Of `wanted` workers that take so many bytes each those that fit into what is available, with a tenth of it left over;
 * 1 at least. Bytes of 0: nobody knows. */
uint32_t step_workers_that_fit(uint32_t wanted, uint64_t each, uint64_t available);

/* Leaves in weights' accumulators the gradient of the mean loss over all
 * selected tokens, of which there must be one. */
enum error_code step_run(struct step *step, struct error *error) WARN_UNUSED;

#endif
