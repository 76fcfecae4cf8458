/* decimal.h - exact decimal numbers, from the text of JSON numbers.
 *
 * Bounds, identifiers and money are compared as they were written: neither 2^53
 * nor 0.1 is a limit. Pure functions, any thread. */
#ifndef CORE_DECIMAL_H
#define CORE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define DECIMAL_DIGITS_MAX 400
#define DECIMAL_EXPONENT_MAX 100000

/* 0.digits times 10^point; the first and the last digit are not zero. Zero has
 * no digits, point 0 and no sign. */
struct decimal {
    bool is_negative;
    int32_t point;
    uint32_t len;
    char digits[DECIMAL_DIGITS_MAX];
};

/* False when `text` is no JSON number, or has more digits or a larger exponent than fit. */
bool decimal_parse(struct str text, struct decimal *value);
int decimal_compare(const struct decimal *a, const struct decimal *b); /* -1, 0, 1 */
bool decimal_is_whole(const struct decimal *value);
bool decimal_to_i64(const struct decimal *value, int64_t *number); /* false: not whole, or too large */

/* Digit at 10^-(index+1) behind the first digit's place when point is taken
 * away: digit(0) is the first; '0' outside. */
static inline char decimal_digit(const struct decimal *value, int64_t index)
{
    return index >= 0 && index < (int64_t)value->len ? value->digits[index] : '0';
}

/* `step` as whole * 10^exponent, whole without zeros at its end. False when it is zero or has over 18 digits. */
bool decimal_to_step(const struct decimal *step, uint64_t *whole, int32_t *exponent);
bool decimal_is_multiple(const struct decimal *value, uint64_t whole, int32_t exponent);

#endif
