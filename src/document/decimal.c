/* decimal.c - decimal digits: rounding, shifting and comparing, without binary fractions. How they are shown is
 * number_format.c's. See decimal.h. */
#include "document/decimal.h"

#define PRECISION 15 /* digits that a spreadsheet shows of a fraction */
#define EXPONENT_MAX 400

static void trim(struct decimal *decimal)
{
    int zeros = 0;
    while (zeros < decimal->count && decimal->digits[zeros] == '0')
        zeros++;
    decimal->count -= zeros;
    decimal->exponent -= zeros;
    memmove(decimal->digits, decimal->digits + zeros, (size_t)decimal->count);
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0')
        decimal->count--;
    if (decimal->count == 0)
        decimal->exponent = 0;
}

/* Keeps `count` digits. */
static void cut(struct decimal *decimal, int count)
{
    if (count >= decimal->count)
        return;
    bool is_up = count >= 0 && decimal->digits[count] >= '5';
    decimal->count = count > 0 ? count : 0;
    for (int i = decimal->count - 1; is_up && i >= 0; i--) {
        is_up = decimal->digits[i] == '9';
        decimal->digits[i] = is_up ? '0' : (char)(decimal->digits[i] + 1);
    }
    if (is_up) { /* 99.5 is 100 */
        decimal->digits[0] = '1';
        decimal->count = 1;
        decimal->exponent++;
    }
    trim(decimal);
}

static bool parse_exponent(struct str text, int *exponent)
{
    int64_t value;
    if (text.len > 0 && text.data[0] == '+')
        text = str_slice(text, 1, text.len);
    if (!str_to_i64(text, &value) || value < -EXPONENT_MAX || value > EXPONENT_MAX)
        return false;
    *exponent += (int)value;
    return true;
}

bool decimal_parse(struct str text, struct decimal *decimal)
{
    bool has_point = false, has_digit = false;
    size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    *decimal = (struct decimal){.is_negative = at > 0 && text.data[0] == '-'};
    for (; at < text.len && text.data[at] != 'e' && text.data[at] != 'E'; at++) {
        char c = text.data[at];
        if ((c < '0' || c > '9') && (c != '.' || has_point))
            return false;
        if (c == '.') {
            has_point = true;
            continue;
        }
        has_digit = true;
        bool is_leading_zero = decimal->count == 0 && c == '0';
        decimal->exponent += has_point ? (is_leading_zero ? -1 : 0) : (is_leading_zero ? 0 : 1);
        if (!is_leading_zero && decimal->count < DECIMAL_DIGITS_MAX)
            decimal->digits[decimal->count++] = c;
        if (decimal->exponent > EXPONENT_MAX || decimal->exponent < -EXPONENT_MAX)
            return false;
    }
    if (!has_digit || (at < text.len && !parse_exponent(str_slice(text, at + 1, text.len), &decimal->exponent)))
        return false;
    trim(decimal);
    if (decimal->count > decimal->exponent) /* the digits of a fraction behind the 15th are those of its binary form */
        cut(decimal, decimal->exponent > PRECISION ? decimal->exponent : PRECISION);
    return true;
}

void decimal_round(struct decimal *decimal, int places)
{
    cut(decimal, decimal->exponent + places);
}

char decimal_digit(const struct decimal *decimal, int power)
{
    int at = decimal->exponent - 1 - power;
    return at >= 0 && at < decimal->count ? decimal->digits[at] : '0';
}
