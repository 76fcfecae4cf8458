/* tokenizer.h - encoding and decoding for training: byte-level BPE of our own, or whatever a pretrained model has.
 *
 * Our own gives exactly the ids that llama.cpp gives for the exported vocabulary (a test compares the two). Its token
 * ids: 0..255 are the bytes, then one per merge in order of rank, then the special tokens. A pretrained model's is
 * llama.cpp's, of its file. Immutable once built: any thread. */
#ifndef DISTILL_TOKENIZER_H
#define DISTILL_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "distill/pieces.h"

/* In this order, behind the merges. Turn markers are control tokens, which only
 * template text can write. The two of tool calls are user-defined ones, as in
 * Qwen 2.5: they show in the model's text, and llama.cpp recognises them in any. */
enum special_token {
    SPECIAL_END_OF_TEXT, /* <|endoftext|> */
    SPECIAL_IM_START,    /* <|im_start|> */
    SPECIAL_IM_END,      /* <|im_end|> */
    SPECIAL_TOOL_CALL,   /* <tool_call> */
    SPECIAL_TOOL_END,    /* </tool_call> */
    SPECIAL_COUNT,
};
extern const char *const special_texts[SPECIAL_COUNT];

#define TOKENIZER_BYTES 256

struct token_merge {
    int32_t left, right; /* token ids; the result is TOKENIZER_BYTES + rank */
};

struct token_ids {
    int32_t *items;
    size_t count, cap;
};

struct tokenizer {
    struct arena arena;
    struct str *texts; /* bytes of each token */
    uint32_t count;    /* vocabulary */
    struct token_merge *merges;
    uint32_t merge_count;
    uint32_t digits;          /* of a number token at most: 1 or 3 */
    struct piece_texts by_text;
    struct piece_pairs by_pair;
    struct model *pretrained; /* whose vocabulary it is; all above but `count` is not used then. NULL: our own */
    int32_t specials[SPECIAL_COUNT]; /* of a pretrained one; -1: it has none such */
};

/* Copies `merges`. */
enum error_code tokenizer_new(const struct token_merge *merges, uint32_t merge_count, uint32_t digits,
                              struct tokenizer **tokenizer, struct error *error) WARN_UNUSED;
/* Takes the tokenizer of a GGUF file this trainer wrote. */
enum error_code tokenizer_load(const char *path, struct tokenizer **tokenizer, struct error *error) WARN_UNUSED;
/* That of any GGUF file whose vocabulary has the turn markers of ChatML. */
enum error_code tokenizer_load_pretrained(const char *path, struct tokenizer **tokenizer,
                                          struct error *error) WARN_UNUSED;
void tokenizer_free(struct tokenizer *tokenizer);

int32_t tokenizer_special(const struct tokenizer *tokenizer, enum special_token special); /* -1: it has none such */

/* Appends what stands before the first turn: a pretrained model may want a token there. False on no memory. */
bool tokenizer_begin(const struct tokenizer *tokenizer, struct token_ids *ids);
/* Appends the ids of `text`; turn markers are recognised only with
 * `with_special`. False on no memory. */
bool tokenizer_encode(const struct tokenizer *tokenizer, struct str text, bool with_special, struct token_ids *ids);
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count, struct buf *text);

/* Position of the first special token in text, or the text's length; without
 * with_template only the two of tool calls count. */
size_t tokenizer_find_special(struct str text, bool with_template, enum special_token *special);

bool token_ids_append(struct token_ids *ids, int32_t id);
void token_ids_deinit(struct token_ids *ids);

/* GPT-2's printable stand-ins for bytes, in which a GGUF file spells tokens. */
bool tokenizer_spell(struct str bytes, struct buf *text);

#endif
