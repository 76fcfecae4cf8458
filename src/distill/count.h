/* count.h - how large the files of a recipe are, in rows and tokens. One thread. */
#ifndef DISTILL_COUNT_H
#define DISTILL_COUNT_H

#include "core/buf.h"
#include "core/error.h"
#include "distill/train_config.h"

/* Appends to `out` one JSON object a line for each data file of the recipe, in
 * order of first use, and then for the measured one: file (its name), rows,
 * tokens, trainedTokens (of answers), longest (row, in tokens) and sha256. Tokens
 * are those of the tokenizer in the GGUF file `model`, or of the model that is
 * tuned, cut as the recipe says, or, where that file is not there yet, of the one
 * that the recipe makes. Before it one object for each of its rows that has more
 * than `most` tokens: file, row (from 1) and tokens. */
enum error_code count_corpora(const struct train_config *config, const char *model, uint32_t most, struct buf *out,
                              struct error *error) WARN_UNUSED;

#endif
