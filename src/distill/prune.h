/* prune.h - a smaller model out of a pretrained one, to begin a training with: fewer layers, and a vocabulary cut to
 * what the recipe's files use.
 *
 * It is a GGUF file as the base is one, in the types that the base has: whatever begins with a base begins with it, and
 * llama.cpp loads it. Its metadata tells fulcrum.pruned.layers (u32 list: the base's numbers of its layers) and, with a
 * cut vocabulary, fulcrum.pruned.tokens (i32 list: the base's numbers of its tokens).
 *
 * Which layers stay: first and last, and between them as many as are wanted, evenly spread. The first turns tokens
 * into what all others work on, and the last into what the head reads; of those between, neighbours do much the same
 * (each adds a little to one stream), so a gap of one layer is made good by a short training, and a gap of many is
 * not. Large models bear best that a run of late layers is dropped (Gromov et al. 2024, arXiv 2403.17887); a small
 * one has none to spare: untrained, on short rows, SmolLM2's loss of 6.7 becomes 7.6, 9.8 and 13.1 with 24, 20 and 15
 * of its 30 layers so spread, and 15.4, 19.4 and 18.9 with the first ones and the last. Of other choices of 20 one
 * without a run in the middle had 9.0, four with more of the first or last layers 10.0 to 13.8. Whoever knows better
 * names the layers.
 *
 * The same recipe and files give the same bytes. One thread at a time. */
#ifndef DISTILL_PRUNE_H
#define DISTILL_PRUNE_H

#include "core/error.h"
#include "distill/train_config.h"

/* Which of `base` layers stay: count of them, ascending. */
void prune_spread(uint32_t base, uint32_t count, uint32_t *layers);

/* Writes what config->pruned makes of config->tuned_from to `path`. *mark tells one pruning from another; never 0.
 * ERROR_INVALID: the base has no such layers, or its vocabulary can't be cut. */
enum error_code prune_write(const struct train_config *config, const char *path, uint32_t *mark,
                            struct error *error) WARN_UNUSED;

/* The file that training begins with: of a pruned one it is written to `beside` first, else the base itself; mark 0. */
#define PRUNE_SUFFIX ".base"
enum error_code prune_base(const struct train_config *config, const char *beside, const char **path, uint32_t *mark,
                           struct error *error) WARN_UNUSED;

#endif
