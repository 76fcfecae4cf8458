/* corpus_tokenizer.h - the vocabulary that a recipe's own files make: byte-level BPE of the words in their rows. */
#ifndef DISTILL_CORPUS_TOKENIZER_H
#define DISTILL_CORPUS_TOKENIZER_H

#include "distill/corpus.h"
#include "distill/train_config.h"

/* By tokenizer.corpus, rows and digits and model.vocabulary; `corpora` are those files, opened, in their order. The
 * same files give the same vocabulary. One thread. */
enum error_code corpus_tokenizer(const struct train_config *config, const struct corpus *corpora,
                                 struct tokenizer **tokenizer, struct error *error) WARN_UNUSED;

#endif
