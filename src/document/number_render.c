/* number_render.c - digits, points, fractions and exponents through the signs of one section. See number_render.h. */
#include "document/number_render.h"

#include <math.h>
#include <stdio.h>

#include "document/number_code.h"

#define GENERAL_DIGITS_MAX 21  /* before the point; General shows an exponent from there on */
#define GENERAL_ZEROS_MAX 4    /* behind the point, before the first digit */
#define DENOMINATOR_DIGITS_MAX 5
#define PLACES_MAX 30
#define FRACTION_DIGITS_MAX 16 /* before the point; a double has no fraction beyond */

struct text {
    char *out;
    size_t len, cap;
};

static void put(struct text *text, struct str more)
{
    size_t room = text->cap - 1 - text->len;
    size_t len = more.len < room ? more.len : room;
    if (len > 0)
        memcpy(text->out + text->len, more.data, len);
    text->len += len;
    text->out[text->len] = '\0';
}

static void put_char(struct text *text, char c)
{
    put(text, (struct str){&c, 1});
}

static struct text begin(char *out, size_t cap)
{
    out[0] = '\0';
    return (struct text){out, 0, cap};
}

/* --- General ---------------------------------------------------------------------------------------- */

static void put_plain(struct text *text, const struct decimal *value)
{
    int whole = decimal_whole_digits(value);
    if (whole == 0)
        put_char(text, '0');
    for (int power = whole - 1; power >= 0; power--)
        put_char(text, decimal_digit(value, power));
    if (value->count > value->exponent)
        put_char(text, '.');
    for (int power = -1; power >= value->exponent - value->count; power--)
        put_char(text, decimal_digit(value, power));
}

void number_render_general(const struct decimal *value, char *out, size_t cap)
{
    struct text text = begin(out, cap);
    if (value->is_negative && value->count > 0)
        put_char(&text, '-');
    if (value->exponent <= GENERAL_DIGITS_MAX && value->exponent >= -GENERAL_ZEROS_MAX + 1) {
        put_plain(&text, value);
        return;
    }
    char exponent[16];
    struct decimal mantissa = *value;
    mantissa.exponent = 1;
    put_plain(&text, &mantissa);
    snprintf(exponent, sizeof(exponent), "E%+03d", value->exponent - 1);
    put(&text, str_of(exponent));
}

/* --- what a section asks for ------------------------------------------------------------------------ */

struct shape {
    int whole_places, decimal_places, exponent_places;
    int percents, thousands; /* thousands: how often the value is divided */
    bool has_grouping, has_point, has_exponent, has_fraction, has_general;
};

/* True for a slash that divides: a digit's place before it, and a place or a digit behind it. */
static bool is_fraction_bar(const struct shape *shape, struct str rest)
{
    return shape->whole_places > 0 && !shape->has_point && rest.len > 0 &&
           (strchr("0#?", rest.data[0]) || (rest.data[0] >= '1' && rest.data[0] <= '9'));
}

static struct shape shape_of(struct str code)
{
    struct shape shape = {0};
    int commas = 0; /* since the last place */
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        if (token.sign == SIGN_DIGIT) {
            int *places = shape.has_exponent ? &shape.exponent_places
                          : shape.has_point  ? &shape.decimal_places
                                             : &shape.whole_places;
            *places += *places < PLACES_MAX;
            shape.has_grouping = shape.has_grouping || (commas > 0 && !shape.has_point && !shape.has_exponent);
            commas = 0;
        } else if (token.sign == SIGN_COMMA) {
            commas += shape.whole_places + shape.decimal_places > 0 && !shape.has_exponent;
            continue;
        } else if (commas > 0) {
            shape.thousands += commas;
            commas = 0;
        }
        shape.has_point = shape.has_point || token.sign == SIGN_POINT;
        shape.has_exponent = shape.has_exponent || (token.sign == SIGN_EXPONENT && shape.whole_places > 0);
        shape.percents += token.sign == SIGN_PERCENT;
        shape.has_general = shape.has_general || token.sign == SIGN_GENERAL || token.sign == SIGN_TEXT;
        shape.has_fraction = shape.has_fraction || (token.sign == SIGN_SLASH && is_fraction_bar(&shape, code));
    }
    shape.thousands += commas;
    return shape;
}

/* --- whole numbers, decimals, exponents -------------------------------------------------------------- */

struct places {
    const struct shape *shape;
    const struct decimal *value;
    int power;        /* of the next place */
    bool has_begun;   /* a digit stands already: zeros count from here on */
    struct text *text;
};

static void put_grouped(struct places *places, char digit)
{
    put_char(places->text, digit);
    if (places->shape->has_grouping && places->power > 0 && places->power % 3 == 0)
        put_char(places->text, ',');
    places->has_begun = true;
}

/* The place of 10^power in front of the point; the first one also takes all digits in front of it. */
static void put_whole_place(struct places *places, char sign, bool is_first)
{
    int own = places->power;
    for (int power = decimal_whole_digits(places->value) - 1; is_first && power > own; power--) {
        places->power = power;
        put_grouped(places, decimal_digit(places->value, power));
    }
    places->power = own;
    if (places->has_begun || sign == '0' || own < decimal_whole_digits(places->value))
        put_grouped(places, decimal_digit(places->value, own));
    else if (sign == '?')
        put_char(places->text, ' ');
    places->power--;
}

/* The place of 10^power behind the point: what is left of the number, or zeros where the code wants them. */
static void put_decimal_place(struct places *places, char sign, bool has_more)
{
    bool is_past = places->value->count == 0 || places->power < places->value->exponent - places->value->count;
    if (!is_past || sign == '0' || has_more)
        put_char(places->text, decimal_digit(places->value, places->power));
    else if (sign == '?')
        put_char(places->text, ' ');
    places->power--;
}

/* Whether the code still has a 0 among its decimals, so that zeros before it are written. */
static bool wants_zero(struct str code)
{
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END && token.sign != SIGN_EXPONENT;)
        if (token.sign == SIGN_DIGIT && token.text.data[0] == '0')
            return true;
    return false;
}

static void put_exponent(struct text *text, bool shows_plus, int exponent, int places)
{
    char digits[16];
    put_char(text, 'E');
    if (exponent < 0 || shows_plus)
        put_char(text, exponent < 0 ? '-' : '+');
    snprintf(digits, sizeof(digits), "%0*d", places > 10 ? 10 : places, exponent < 0 ? -exponent : exponent);
    put(text, str_of(digits));
}

/* Takes the exponent out of the value, a multiple of the places before the point. */
static int split_exponent(const struct shape *shape, struct decimal *value)
{
    int step = shape->whole_places > 1 ? shape->whole_places : 1, exponent = 0;
    for (int round = 0; round < 2 && value->count > 0; round++) { /* rounding may carry once: 9.99 is 1.0E+1 */
        int more = value->exponent - 1;
        more = more >= 0 ? more / step * step : -((-more + step - 1) / step) * step;
        value->exponent -= more;
        exponent += more;
        decimal_round(value, shape->decimal_places);
    }
    return exponent;
}

static void put_number(struct text *text, struct str code, const struct shape *shape, struct decimal value)
{
    int exponent = 0;
    bool is_first = true, is_decimal = false, is_exponent = false;
    if (shape->has_exponent)
        exponent = split_exponent(shape, &value);
    else
        decimal_round(&value, shape->decimal_places);
    struct places places = {shape, &value, shape->whole_places - 1, false, text};
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        if (token.sign == SIGN_DIGIT && is_decimal && !is_exponent) {
            put_decimal_place(&places, token.text.data[0], wants_zero(code));
        } else if (token.sign == SIGN_DIGIT && !is_exponent) {
            put_whole_place(&places, token.text.data[0], is_first);
            is_first = false;
        } else if (token.sign == SIGN_POINT && !is_decimal && !is_exponent) {
            is_decimal = true;
            places.power = -1;
            if (shape->whole_places == 0 && decimal_whole_digits(&value) > 0) {
                struct decimal whole = value;
                whole.count = whole.count < whole.exponent ? whole.count : whole.exponent;
                put_plain(text, &whole);
            }
            put_char(text, '.');
        } else if (token.sign == SIGN_EXPONENT && shape->has_exponent && !is_exponent) {
            is_exponent = true;
            put_exponent(text, token.text.data[1] == '+', exponent, shape->exponent_places);
        } else if (token.sign == SIGN_LITERAL || token.sign == SIGN_PERCENT || token.sign == SIGN_SLASH ||
                   token.sign == SIGN_POINT) {
            put(text, token.text);
        }
    }
}

/* --- fractions -------------------------------------------------------------------------------------- */

/* The last of the continued fractions whose denominator is at most `max`: the one that a cell shows, although with
 * a denominator of two digits 14/99 is nearer to the fraction of pi than 1/7. */
static void simple_fraction(double value, long max, long *above, long *below)
{
    long n0 = 0, d0 = 1, n1 = 1, d1 = 0;
    double rest = value;
    for (int i = 0; i < 40; i++) {
        double whole = floor(rest + 1e-12);
        if (whole * (double)d1 + (double)d0 > (double)max)
            break;
        long n = (long)whole * n1 + n0, d = (long)whole * d1 + d0;
        n0 = n1, d0 = d1, n1 = n, d1 = d;
        if (rest - whole < 1e-10)
            break;
        rest = 1 / (rest - whole);
    }
    *above = n1;
    *below = d1;
}

/* What stands behind the bar: a denominator, or as many places for one. */
static long read_denominator(struct str *code, bool *is_fixed)
{
    long fixed = 0, places = 0;
    while (code->len > 0 && ((code->data[0] >= '0' && code->data[0] <= '9') || strchr("#?", code->data[0]))) {
        char c = code->data[0];
        bool is_digit = c >= '1' && c <= '9';
        fixed = is_digit || fixed > 0 ? (fixed * 10 + (is_digit ? c - '0' : 0)) % 1000000 : 0;
        places++;
        *code = str_slice(*code, 1, code->len);
    }
    *is_fixed = fixed > 0;
    long max = 1;
    for (long i = 0; i < places && i < DENOMINATOR_DIGITS_MAX; i++)
        max *= 10;
    return fixed > 0 ? fixed : max - 1;
}

/* Runs of places before the bar: two are a whole number and a numerator, one is a numerator only. */
static bool has_whole_part(struct str code)
{
    int runs = 0;
    bool is_run = false;
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END && token.sign != SIGN_SLASH;) {
        runs += token.sign == SIGN_DIGIT && !is_run;
        is_run = token.sign == SIGN_DIGIT;
    }
    return runs > 1;
}

static void put_fraction(struct text *text, struct str code, double value)
{
    bool has_whole = has_whole_part(code), is_fixed = false, is_written = false;
    struct str rest = code;
    while (rest.len > 0 && code_next(&rest).sign != SIGN_SLASH)
        ;
    long below = read_denominator(&rest, &is_fixed), above;
    double whole = has_whole ? floor(value) : 0;
    if (is_fixed)
        above = lround((value - whole) * (double)below);
    else
        simple_fraction(value - whole, below, &above, &below);
    if (has_whole && above == below) {
        whole += 1;
        above = 0;
    }
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_SLASH && token.sign != SIGN_END;) {
        if (token.sign == SIGN_LITERAL && !str_eq(token.text, STR(" ")))
            put(text, token.text);
        if (token.sign != SIGN_DIGIT || is_written)
            continue;
        char number[64];
        bool has_fraction = above != 0 || !has_whole;
        is_written = true;
        if (has_whole && (whole > 0 || !has_fraction))
            snprintf(number, sizeof(number), has_fraction ? "%.0f %ld/%ld" : "%.0f", whole, above, below);
        else
            snprintf(number, sizeof(number), "%ld/%ld", above, below);
        put(text, str_of(number));
    }
    for (struct code_token token; (token = code_next(&rest)).sign != SIGN_END;)
        if (token.sign == SIGN_LITERAL)
            put(text, token.text);
}

/* --- a section -------------------------------------------------------------------------------------- */

static void put_general(struct text *text, struct str code, const struct decimal *value)
{
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        if (token.sign == SIGN_GENERAL || token.sign == SIGN_TEXT) {
            char number[64];
            number_render_general(value, number, sizeof(number));
            put(text, str_of(number));
        } else if (token.sign == SIGN_LITERAL || token.sign == SIGN_PERCENT) {
            put(text, token.text);
        }
    }
}

static double to_double(const struct decimal *value)
{
    double number = 0;
    for (int i = 0; i < value->count; i++)
        number = number * 10 + (value->digits[i] - '0');
    return number * pow(10, value->exponent - value->count);
}

void number_render(struct str code, const struct decimal *value, bool is_signed, char *out, size_t cap)
{
    struct text text = begin(out, cap);
    struct shape shape = shape_of(code);
    struct decimal scaled = *value;
    scaled.exponent += value->count > 0 ? 2 * shape.percents - 3 * shape.thousands : 0;
    scaled.is_negative = false;
    if (shape.has_general)
        put_general(&text, code, &scaled);
    else if (shape.has_fraction && value->exponent >= FRACTION_DIGITS_MAX)
        put_plain(&text, &scaled);
    else if (shape.has_fraction)
        put_fraction(&text, code, to_double(&scaled));
    else
        put_number(&text, code, &shape, scaled);
    bool is_zero = true; /* after rounding */
    for (size_t i = 0; i < text.len; i++)
        is_zero = is_zero && !(out[i] >= '1' && out[i] <= '9');
    struct str shown = str_trim(str_of(out)); /* a sign stands beside the first digit, not beside its gap */
    if (value->is_negative && is_signed && !is_zero && shown.len + 1 < cap) {
        memmove(out + 1, shown.data, shown.len);
        out[0] = '-';
        out[shown.len + 1] = '\0';
    }
}
