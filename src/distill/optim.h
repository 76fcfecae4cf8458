/* optim.h - gradient clipping, AdamW and Muon.
 *
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) updates embeddings, norms
 * and the head. Hidden matrices are updated by Muon (Keller Jordan 2024,
 * kellerjordan.github.io/posts/muon) when asked for: the momentum of each is
 * brought near the closest orthogonal matrix by five Newton-Schulz steps, so
 * that rare directions learn as fast as frequent ones. Copying, which every
 * extraction task is made of, emerged within minutes with it and not without
 * (docs/MODELS.md). One thread at a time. */
#ifndef DISTILL_OPTIM_H
#define DISTILL_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "distill/gemm.h"
#include "distill/weights.h"

struct optim_settings {
    bool with_muon;
    double rate;         /* AdamW: embeddings, norms, head; matrices too without Muon */
    double muon_rate;
    double weight_decay; /* of 2-D weights, times the rate */
    double beta1, beta2, epsilon;
    double momentum;     /* Muon's, Nesterov form */
    double clip;         /* largest norm of all gradients together; 0: off */
};

struct optim_slot {
    float *first;  /* mean of gradients (AdamW), momentum (Muon) */
    float *second; /* mean of squares; NULL for Muon */
};

struct optim {
    struct optim_settings settings;
    struct weights *weights;
    const struct gemm *gemm;
    struct optim_slot *slots; /* one per parameter of weights */
    uint64_t steps;           /* done */
    float *scratch[4];        /* Muon: two of the largest matrix, two squares */
};

enum error_code optim_new(const struct optim_settings *settings, struct weights *weights, const struct gemm *gemm,
                          struct optim **optim, struct error *error) WARN_UNUSED;
void optim_free(struct optim *optim);

/* One update from the gradients in the accumulators, which are clipped in
 * place. `schedule` scales both rates. Returns the norm before clipping. */
double optim_step(struct optim *optim, double schedule);

/* Replaces x (rows, cols) by a nearly orthogonal matrix with its singular
 * vectors. scratch: rows*cols, min*min, min*min floats. For optim_step and its test. */
void optim_orthogonalise(const struct gemm *gemm, float *x, int rows, int cols, float *const scratch[3]);

/* Part of the full rate at `progress` (0 to 1) of a phase of `steps`: linear
 * warm-up over `warm_steps`, flat, then linear to `final` from `decay_from` on. */
struct optim_schedule {
    uint64_t warm_steps;
    double decay_from; /* share of the phase; 1: never */
    double final;      /* part of the rate at the end */
};
double optim_schedule_at(const struct optim_schedule *schedule, uint64_t step, uint64_t steps);

#endif
