/* example.h - one training example: tokens, and which of them are trained.
 *
 * A row of a data set is rendered by the same templates that serve requests
 * and tokenised segment by segment as the engine does it, so that a model is
 * trained on exactly the prompts it will see. Pure functions, any thread. */
#ifndef DISTILL_EXAMPLE_H
#define DISTILL_EXAMPLE_H

#include "chat/chat.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/util.h"
#include "distill/bpe.h"
#include "distill/tokenizer.h"

#define EXAMPLE_TASK_MAX 24

/* Lives in the arena it was made with. */
struct example {
    int32_t *tokens;
    bool *is_trained; /* tokens[i] is predicted from what stands before it */
    uint32_t count;
    uint32_t trained; /* how many are */
    char task[EXAMPLE_TASK_MAX];
};

/* Row: {"task"?, "system"?, "messages": [{"role", "content"}], "tools"? | "toolConfig"?,
 * "expected": text | {"name", "arguments"}, "train_all"?}. A content, as well as what is expected, may be a list of
 * Converse's blocks: text, toolUse, toolResult; toolConfig is Converse's. Trained is the expected answer up to and with
 * <|im_end|>; with train_all every assistant turn. ERROR_INVALID names the field; the caller adds file and line. */
enum error_code example_of_row(const struct tokenizer *tokenizer, struct str row, struct arena *arena,
                               struct example *example, struct error *error) WARN_UNUSED;
/* The same with fresh values (values.h). */
enum error_code example_of_row_afresh(const struct tokenizer *tokenizer, struct str row, struct rng *rng,
                                      struct arena *arena, struct example *example, struct error *error) WARN_UNUSED;

/* Feeds the row's rendered text to a vocabulary trainer. */
enum error_code example_count_words(struct str row, struct bpe_trainer *trainer, struct error *error) WARN_UNUSED;

/* Copying emerges on the few characters that order numbers are spelled in, and
 * spreads to whole tokens from there; begun with all tokens it took many times
 * longer (docs/MODELS.md). */
enum copied_kind { COPIED_NONE, COPIED_CHARACTERS, COPIED_TOKENS };

/* A random piece of `half` tokens and the same again, the second trained. */
enum error_code example_of_copying(const struct tokenizer *tokenizer, enum copied_kind kind, uint32_t half,
                                   struct rng *rng, struct arena *arena, struct example *example,
                                   struct error *error) WARN_UNUSED;

#endif
