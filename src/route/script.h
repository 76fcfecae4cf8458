/* script.h - what a character beyond ASCII is in any script: a letter and how much it says, a numeral, a mark.
 *
 * Lengths of texts are compared across languages, so a letter has a weight: how many letters of the Latin alphabet say
 * the same, in the mean over translations of one text. Marks are told by what they do, not by which they are. By ICU's
 * tables of Unicode. Pure, any thread. */
#ifndef ROUTE_SCRIPT_H
#define ROUTE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum script_kind {
    SCRIPT_LETTER,  /* of a word that is written with several of them */
    SCRIPT_ALONE,   /* a word or a syllable of its own, of scripts that don't part words: Han, kana */
    SCRIPT_JOINED,  /* belongs to the letter before: a vowel's sign, an accent, a joiner */
    SCRIPT_NUMERAL,
    SCRIPT_BLANK,
    SCRIPT_STOP,    /* ends a sentence */
    SCRIPT_ASKS,    /* ends a question */
    SCRIPT_CLAUSE,  /* ends a part of a sentence */
    SCRIPT_COLON,
    SCRIPT_QUOTE,
    SCRIPT_BRACKET,
    SCRIPT_SIGN,    /* of mathematics or money, an arrow */
    SCRIPT_MARK,    /* any other */
};

struct script_char {
    enum script_kind kind;
    float letters;  /* of the Latin alphabet that say as much */
    uint32_t lower; /* the letter as it is without capitals */
};

/* `code`: a code point from 0x80 on; 0 or one that stands for nothing is a blank. */
void script_read(uint32_t code, struct script_char *character);

/* Bytes of the character at `at`, its code in *code; 1 and code 0 where the bytes are no UTF-8. */
size_t script_decode(const uint8_t *at, const uint8_t *end, uint32_t *code);
/* Writes a code point, gives its bytes. */
size_t script_encode(uint32_t code, uint8_t bytes[4]);

#endif
