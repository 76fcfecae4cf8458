/* cut.h - a vocabulary with fewer tokens, of a GGUF file whose tokenizer merges pieces by rank (byte-level BPE,
 * tokenizer.ggml.model gpt2) or by score (SentencePiece, llama).
 *
 * Tokens keep their order and are numbered anew. A text of which every token is kept is cut into the same pieces as
 * before: beside each token stands whatever its merges go through, and of the merges those between kept tokens stay, in
 * their order, so at each step the pair that was joined first still is. A token that is gone falls apart into the
 * largest of its pieces that are left, in the end into bytes, which all stay, so any text can still be written. Control
 * tokens, those defined by users and those that the file names (end of text, ...) stay as well. One thread. */
#ifndef DISTILL_CUT_H
#define DISTILL_CUT_H

#include <gguf.h>

#include "core/error.h"
#include "core/mem.h"

struct cut {
    const struct gguf_context *from; /* borrowed */
    struct arena arena;
    int32_t *kept;  /* (count) tokens of the old vocabulary, ascending */
    int32_t *fresh; /* (old_count) what each is now; -1: gone */
    uint32_t count, old_count;
    uint32_t *merges; /* (merge_count) ranks of those that stay, ascending; NULL: there are none to keep */
    uint32_t merge_count;
};

/* At most `most` tokens: after what has to stay those of the most uses, then those with the lowest numbers, which are
 * the most frequent ones in what the vocabulary was made of. uses: (old_count). ERROR_INVALID: what has to stay is
 * more, or the file's vocabulary is of another kind. */
enum error_code cut_choose(const struct gguf_context *gguf, const uint64_t *uses, uint32_t most, struct cut *cut,
                           struct error *error) WARN_UNUSED;
void cut_deinit(struct cut *cut); /* zero is legal */

/* Tokens of the file's vocabulary; 0: it has none. */
uint32_t cut_tokens(const struct gguf_context *gguf);

/* Puts the vocabulary into `gguf`, which has the old one's metadata. */
enum error_code cut_put(const struct cut *cut, struct gguf_context *gguf, struct error *error) WARN_UNUSED;

#endif
