/* checkpoint.h - the state of a run in one file, so that it goes on exactly
 * where it stood.
 *
 * Format, all little-endian as in memory:
 *   "FULTRAIN", u32 version, u32 mark of the pruning (shape.h)
 *   struct checkpoint_head                     (fixed size, below)
 *   per trained parameter: weight, then first and, without Muon, second moment (F32)
 *   per waiting example: u32 count, u32 trained, i32 tag, task, tokens, flags
 *   32 bytes SHA-256 of all before
 * Written by file_replace: a crash leaves the old one. */
#ifndef DISTILL_CHECKPOINT_H
#define DISTILL_CHECKPOINT_H

#include "core/error.h"
#include "distill/corpus.h"
#include "distill/optim.h"
#include "distill/weights.h"

/* Where the loop stands. */
struct train_position {
    uint64_t phase;        /* index */
    uint64_t phase_steps;  /* done in it */
    uint64_t phase_tokens;
    uint64_t steps, tokens; /* of the whole run */
    double seconds;        /* trained so far */
};

enum error_code checkpoint_save(const char *path, const struct weights *weights, const struct optim *optim,
                                const struct corpus_sampler *sampler, const struct train_position *position,
                                struct error *error) WARN_UNUSED;

/* Reads position and optimiser state first, since the sampler depends on the
 * phase: call with sampler NULL, then again with the phase's sampler. Weights
 * of another shape are ERROR_CONFLICT, a damaged file ERROR_INVALID. */
enum error_code checkpoint_load(const char *path, struct weights *weights, struct optim *optim,
                                struct corpus_sampler *sampler, struct train_position *position,
                                struct error *error) WARN_UNUSED;

/* The weights alone, of whatever shape the file has; all of them must have been trained. */
enum error_code checkpoint_read_weights(const char *path, struct weights **weights, struct error *error) WARN_UNUSED;

#endif
