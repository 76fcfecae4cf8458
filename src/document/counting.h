/* counting.h - numbers of list items as documents write them: 3, c, iii, III,
 * Third. Pure functions, any thread. */
#ifndef DOCUMENT_COUNTING_H
#define DOCUMENT_COUNTING_H

#include "core/str.h"

#define COUNTING_MAX 128 /* bytes of a number, NUL included */

enum counting {
    COUNTING_DECIMAL,
    COUNTING_DECIMAL_ZERO, /* 01 */
    COUNTING_LOWER_LETTER, /* after z comes aa, then bb: as Word counts */
    COUNTING_UPPER_LETTER,
    COUNTING_LOWER_COLUMN, /* after z comes aa, then ab: as browsers count */
    COUNTING_UPPER_COLUMN,
    COUNTING_LOWER_ROMAN,
    COUNTING_UPPER_ROMAN,
    COUNTING_ORDINAL, /* 1st */
    COUNTING_CARDINAL_TEXT,
    COUNTING_ORDINAL_TEXT, /* First */
    COUNTING_HEX,
    COUNTING_DASHED,      /* - 1 - */
    COUNTING_CHICAGO,     /* *, dagger, double dagger, section; then twice */
    COUNTING_CIRCLED,     /* up to 20 */
    COUNTING_PARENTHESES, /* (1) */
    COUNTING_FULL_STOP,   /* 1. */
    COUNTING_FULL_WIDTH,  /* digits as wide as ideographs */
    COUNTING_HAN,         /* Chinese numerals with ten, hundred, thousand */
    COUNTING_HAN_DIGITS,  /* digit by digit */
    COUNTING_HAN_LEGAL,   /* the numerals of cheques */
    COUNTING_STEMS,       /* ten heavenly stems */
    COUNTING_BRANCHES,    /* twelve earthly branches */
    COUNTING_AIUEO,
    COUNTING_IROHA,
    COUNTING_KOREAN_DIGITS,
    COUNTING_GANADA,
    COUNTING_CHOSUNG,
    COUNTING_RUSSIAN_LOWER,
    COUNTING_RUSSIAN_UPPER,
    COUNTING_HEBREW_LETTERS,
    COUNTING_ARABIC_LETTERS,
    COUNTING_HINDI_DIGITS,
    COUNTING_THAI_DIGITS,
};

/* Word's name of a way ("upperRoman"); COUNTING_DECIMAL for one that nobody knows. */
enum counting counting_of_word(struct str name);

/* Values that a way of counting does not reach are written in decimal digits. */
void counting_write(enum counting way, int value, char out[COUNTING_MAX]);

#endif
