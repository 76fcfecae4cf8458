/* exact.c - numbers as digits and an exponent: comparing and dividing without rounding. See exact.h. */
#include "core/exact.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct reader {
    struct str text;
    size_t at;
    struct exact *value;
    bool is_behind_point, is_cut;
};

static char peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? reader->text.data[reader->at] : '\0';
}

static void add_digit(struct reader *reader, char digit)
{
    struct exact *value = reader->value;
    bool is_leading_zero = value->len == 0 && digit == '0';
    if (!reader->is_behind_point && !is_leading_zero)
        value->point++;
    if (reader->is_behind_point && is_leading_zero)
        value->point--;
    if (is_leading_zero)
        return;
    if (value->len < EXACT_DIGITS_MAX)
        value->digits[value->len++] = digit;
    else if (digit != '0')
        reader->is_cut = true;
}

/* One digit or more; how many were read. */
static size_t read_digits(struct reader *reader)
{
    size_t from = reader->at;
    for (; is_digit(peek(reader)); reader->at++)
        add_digit(reader, peek(reader));
    return reader->at - from;
}

static bool read_exponent(struct reader *reader)
{
    int64_t exponent = 0;
    reader->at++;
    bool is_negative = peek(reader) == '-';
    if (is_negative || peek(reader) == '+')
        reader->at++;
    if (!is_digit(peek(reader)))
        return false;
    for (; is_digit(peek(reader)); reader->at++)
        if (exponent <= EXACT_EXPONENT_MAX)
            exponent = exponent * 10 + (peek(reader) - '0');
    if (exponent > EXACT_EXPONENT_MAX)
        return reader->value->len == 0;
    reader->value->point += (int32_t)(is_negative ? -exponent : exponent);
    return true;
}

bool exact_parse(struct str text, struct exact *value)
{
    struct reader reader = {.text = text, .value = value};
    *value = (struct exact){.is_negative = peek(&reader) == '-'};
    if (value->is_negative)
        reader.at++;
    if (text.len > EXACT_EXPONENT_MAX || read_digits(&reader) == 0)
        return false;
    if (peek(&reader) == '.') {
        reader.at++;
        reader.is_behind_point = true;
        if (read_digits(&reader) == 0)
            return false;
    }
    if ((peek(&reader) == 'e' || peek(&reader) == 'E') && !read_exponent(&reader))
        return false;
    while (value->len > 0 && value->digits[value->len - 1] == '0')
        value->len--;
    if (value->len == 0)
        *value = (struct exact){0};
    return reader.at == text.len && !reader.is_cut;
}

static int compare_size(const struct exact *a, const struct exact *b)
{
    if (a->len == 0 || b->len == 0)
        return (a->len > 0) - (b->len > 0);
    if (a->point != b->point)
        return a->point < b->point ? -1 : 1;
    uint32_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->digits, b->digits, len);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a->len > b->len) - (a->len < b->len);
}

int exact_compare(const struct exact *a, const struct exact *b)
{
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    return a->is_negative ? compare_size(b, a) : compare_size(a, b);
}

bool exact_is_whole(const struct exact *value)
{
    return (int64_t)value->len <= value->point || value->len == 0;
}

bool exact_to_i64(const struct exact *value, int64_t *number)
{
    uint64_t size = 0;
    if (!exact_is_whole(value) || value->point > 19)
        return false;
    for (int32_t i = 0; i < value->point; i++)
        size = size * 10 + (uint64_t)(exact_digit(value, i) - '0');
    if (size > (uint64_t)INT64_MAX + value->is_negative)
        return false;
    *number = (int64_t)(value->is_negative ? 0 - size : size);
    return true;
}

bool exact_to_step(const struct exact *step, uint64_t *whole, int32_t *exponent)
{
    if (step->len == 0 || step->len > 18)
        return false;
    *whole = 0;
    for (uint32_t i = 0; i < step->len; i++)
        *whole = *whole * 10 + (uint64_t)(step->digits[i] - '0');
    *exponent = step->point - (int32_t)step->len;
    return true;
}

static uint64_t times_mod(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((unsigned __int128)a * b % modulus);
}

/* The digits have no zero at their end: a step with more zeros can't divide them. */
bool exact_is_multiple(const struct exact *value, uint64_t whole, int32_t exponent)
{
    uint64_t rest = 0, ten = 10 % whole;
    if (value->len == 0)
        return true;
    int64_t zeros = (int64_t)value->point - (int64_t)value->len - exponent;
    if (zeros < 0)
        return false;
    for (uint32_t i = 0; i < value->len; i++)
        rest = (times_mod(rest, 10, whole) + (uint64_t)(value->digits[i] - '0')) % whole;
    for (; zeros > 0; zeros >>= 1, ten = times_mod(ten, ten, whole))
        if (zeros & 1)
            rest = times_mod(rest, ten, whole);
    return rest == 0;
}
