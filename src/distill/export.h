/* export.h - writes a trained model as a GGUF file that llama.cpp loads as it
 * is: weights, tokenizer, chat template, and where it came from. One thread. */
#ifndef DISTILL_EXPORT_H
#define DISTILL_EXPORT_H

#include "core/error.h"
#include "distill/tokenizer.h"
#include "distill/pretrained.h"
#include "distill/train_config.h"
#include "distill/weights.h"

/* Where the weights came from; written as fulcrum.train.* */
struct provenance {
    const char *corpus; /* SHA-256 over the hashes of all data files, hex */
    uint64_t seed, steps, tokens;
};

/* Written to PATH.tmp, then renamed. Matrices are Q8_0 or F32 as asked, norms
 * always F32; or the adapters alone, F16, as llama.cpp's --lora takes them.
 * `pretrained`: the model that training began with, whose metadata
 * stands for tokenizer and template; NULL: `tokenizer` is our own. */
enum error_code export_model(const char *path, const char *name, enum export_type type, const struct weights *weights,
                             const struct tokenizer *tokenizer, const struct pretrained *pretrained,
                             const struct provenance *provenance, struct error *error) WARN_UNUSED;

/* Any file: written to PATH.tmp, then renamed. */
enum error_code export_write(const char *path, const struct gguf_context *gguf, struct error *error) WARN_UNUSED;

#endif
