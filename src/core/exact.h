/* exact.h - exact decimal numbers, from the text of JSON numbers.
 *
 * Bounds, identifiers and money are compared as they were written: neither 2^53
 * nor 0.1 is a limit. Pure functions, any thread. */
#ifndef CORE_EXACT_H
#define CORE_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define EXACT_DIGITS_MAX 400
#define EXACT_EXPONENT_MAX 100000

/* 0.digits times 10^point; the first and the last digit are not zero. Zero has
 * no digits, point 0 and no sign. */
struct exact {
    bool is_negative;
    int32_t point;
    uint32_t len;
    char digits[EXACT_DIGITS_MAX];
};

/* False when `text` is no JSON number, or has more digits or a larger exponent than fit. */
bool exact_parse(struct str text, struct exact *value);
int exact_compare(const struct exact *a, const struct exact *b); /* -1, 0, 1 */
bool exact_is_whole(const struct exact *value);
bool exact_to_i64(const struct exact *value, int64_t *number); /* false: not whole, or too large */

/* Digit at 10^-(index+1) behind the first digit's place when point is taken
 * away: digit(0) is the first; '0' outside. */
static inline char exact_digit(const struct exact *value, int64_t index)
{
    return index >= 0 && index < (int64_t)value->len ? value->digits[index] : '0';
}

/* `step` as whole * 10^exponent, whole without zeros at its end. False when it is zero or has over 18 digits. */
bool exact_to_step(const struct exact *step, uint64_t *whole, int32_t *exponent);
bool exact_is_multiple(const struct exact *value, uint64_t whole, int32_t exponent);

#endif
