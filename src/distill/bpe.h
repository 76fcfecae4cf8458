/* bpe.h - trains a byte-level BPE vocabulary (Sennrich and others, 2016).
 *
 * Two rules keep what has to be copied exactly in single tokens: the
 * pre-tokenizer never joins digits, and no merge joins two capitals, so order
 * numbers and item codes are spelled character by character. One thread. */
#ifndef DISTILL_BPE_H
#define DISTILL_BPE_H

#include "distill/tokenizer.h"

struct bpe_trainer;

struct bpe_trainer *bpe_trainer_new(void); /* NULL: no memory */
void bpe_trainer_free(struct bpe_trainer *trainer);

/* Counts the words of `text`. False on no memory. */
bool bpe_trainer_add(struct bpe_trainer *trainer, struct str text);

/* Learns merges until the vocabulary has `vocabulary` entries, special tokens
 * included, or nothing is left to join. Ties go to the smaller pair of ids, so
 * the same corpus gives the same vocabulary. */
enum error_code bpe_trainer_finish(struct bpe_trainer *trainer, uint32_t vocabulary, struct tokenizer **tokenizer,
                                   struct error *error) WARN_UNUSED;

#endif
