/* bpe.h - trains a byte-level BPE vocabulary (Sennrich and others, 2016).
 *
 * What has to be copied exactly is cut the same way wherever it stands: numbers
 * are single digits, or with three digits to a token all numbers up to 999 are in
 * the vocabulary from the start; and no merge joins two capitals. One thread. */
#ifndef DISTILL_BPE_H
#define DISTILL_BPE_H

#include "distill/tokenizer.h"

struct bpe_trainer;

struct bpe_trainer *bpe_trainer_new(uint32_t digits); /* of a number token: 1 or 3; NULL: no memory */
void bpe_trainer_free(struct bpe_trainer *trainer);

/* Counts the words of `text`. False on no memory. */
bool bpe_trainer_add(struct bpe_trainer *trainer, struct str text);

/* Learns merges until the vocabulary has `vocabulary` entries, special tokens
 * included, or nothing is left to join. Ties go to the smaller pair of ids, so
 * the same corpus gives the same vocabulary. */
enum error_code bpe_trainer_finish(struct bpe_trainer *trainer, uint32_t vocabulary, struct tokenizer **tokenizer,
                                   struct error *error) WARN_UNUSED;

#endif
