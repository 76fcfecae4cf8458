/* number_code.h - the signs of one section of a format code, one after the
 * other. Pure functions, any thread. */
#ifndef DOCUMENT_NUMBER_CODE_H
#define DOCUMENT_NUMBER_CODE_H

#include <stdbool.h>

#include "core/str.h"

enum code_sign {
    SIGN_END,
    SIGN_LITERAL,  /* text */
    SIGN_DIGIT,    /* 0 # ? */
    SIGN_POINT,
    SIGN_COMMA,
    SIGN_PERCENT,
    SIGN_SLASH,    /* of a fraction, or a literal: whoever reads on knows */
    SIGN_EXPONENT, /* E+ or E- */
    SIGN_TEXT,     /* @ */
    SIGN_GENERAL,
    SIGN_UNIT,     /* a run of one letter of a date */
    SIGN_ELAPSED,  /* [h] */
    SIGN_HALF_DAY, /* AM/PM */
    SIGN_NOTHING,  /* a colour, a locale, a gap, a filler */
    SIGN_CONDITION,
};

struct code_token {
    enum code_sign sign;
    struct str text; /* what it stands for: of a literal without its quotes, of a condition without its brackets */
};

/* Takes the next token off *rest; SIGN_END at its end. */
struct code_token code_next(struct str *rest);

/* Bytes of the first section, up to its semicolon. */
size_t code_section_len(struct str code);

#endif
