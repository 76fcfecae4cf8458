/* pretoken.h - splits text the way llama.cpp's pre-tokenizers "qwen2" (one digit)
 * and "llama-bpe" (up to three) do.
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,DIGITS}
 *   | " "?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * Numbers stand alone and words carry the space before them. Classes of
 * characters are exact for ASCII, Latin, Greek, Cyrillic and the symbol blocks;
 * everything else counts as a letter, which is right for the large scripts and
 * wrong for their marks and punctuation. Pure functions, any thread. */
#ifndef DISTILL_PRETOKEN_H
#define DISTILL_PRETOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

enum char_class { CHAR_LETTER, CHAR_NUMBER, CHAR_SPACE, CHAR_NEWLINE, CHAR_OTHER };

/* What a GGUF file calls the pre-tokenizer. */
#define PRETOKEN_NAME(digits) ((digits) == 3 ? "llama-bpe" : "qwen2")

enum char_class pretoken_class(uint32_t code_point);

/* Takes the first piece off *rest; false when it is empty. A piece holds up to
 * `digits` (1 or 3) numerals. Bytes that are not UTF-8 count as one character of
 * their own. */
bool pretoken_next(struct str *rest, struct str *piece, uint32_t digits);

#endif
