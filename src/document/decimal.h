/* decimal.h - a number of a spreadsheet in decimal digits.
 *
 * Cells are shown from 15 decimal digits, rounded half up (1.005 to two places
 * is 1.01), which binary arithmetic cannot do: 1.005 is a little less there.
 * Whole numbers keep the digits of the file, however many (up to 40): order and
 * card numbers of 16 and more are what someone wants to read. Pure functions,
 * any thread. */
#ifndef DOCUMENT_DECIMAL_H
#define DOCUMENT_DECIMAL_H

#include "core/str.h"

#define DECIMAL_DIGITS_MAX 40

/* 0.d1d2d3... times 10^exponent; no zeros at either end, count 0 is zero. */
struct decimal {
    bool is_negative;
    int count, exponent;
    char digits[DECIMAL_DIGITS_MAX];
};

/* "-12.5e3". False: not a number that a spreadsheet can hold. */
bool decimal_parse(struct str text, struct decimal *decimal);

/* Half up, away from zero, at that many digits behind the point (less than 0: before it). */
void decimal_round(struct decimal *decimal, int places);

/* Digit at 10^power, '0' where there is none. */
char decimal_digit(const struct decimal *decimal, int power);

/* Digits before the point, 0 for numbers below 1. */
static inline int decimal_whole_digits(const struct decimal *decimal)
{
    return decimal->count > 0 && decimal->exponent > 0 ? decimal->exponent : 0;
}

#endif
