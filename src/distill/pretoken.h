/* pretoken.h - splits text the way llama.cpp's "qwen2" pre-tokenizer does.
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}
 *   | " "?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * Digits stand alone and words carry the space before them. Classes of
 * characters are exact for ASCII, Latin, Greek, Cyrillic and the symbol blocks;
 * everything else counts as a letter, which is right for the large scripts and
 * wrong for their marks and punctuation. Pure functions, any thread. */
#ifndef DISTILL_PRETOKEN_H
#define DISTILL_PRETOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

enum char_class { CHAR_LETTER, CHAR_NUMBER, CHAR_SPACE, CHAR_NEWLINE, CHAR_OTHER };

enum char_class pretoken_class(uint32_t code_point);

/* Takes the first piece off *rest; false when it is empty. Bytes that are not
 * UTF-8 count as one character of their own. */
bool pretoken_next(struct str *rest, struct str *piece);

#endif
