/* docx_symbols.h - characters of fonts that show signs in place of letters: in
 * Wingdings a "q" is an empty box. Pure functions, any thread. */
#ifndef DOCUMENT_DOCX_SYMBOLS_H
#define DOCUMENT_DOCX_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

enum symbol_font {
    SYMBOL_FONT_NONE, /* letters are letters */
    SYMBOL_FONT_SYMBOL,
    SYMBOL_FONT_WINGDINGS,
    SYMBOL_FONT_WINGDINGS_2,
    SYMBOL_FONT_WINGDINGS_3,
    SYMBOL_FONT_WEBDINGS,
};

enum symbol_font symbol_font_of(struct str name);

/* The code point of what a character (0x20 to 0xFF, or the same from 0xF020 on) looks like, 0 when nobody knows. */
uint32_t symbol_code_point(enum symbol_font font, uint32_t character);

/* UTF-8; gives its length. */
size_t symbol_utf8(uint32_t code_point, char out[4]);

#endif
