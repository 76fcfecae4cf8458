/* Numbers with bounds and steps, digit by digit.
 *
 * All bounds are exact decimals of any size. A number is written without an
 * exponent: its digits are followed beside those of the bounds until they
 * differ, then they are free. With multipleOf the digits also carry the rest
 * that the number so far leaves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/schema_compiler.h"
#include "core/mem.h"

#define FRACTION_DIGITS 15  /* behind the point, where no bound has more */
#define INTEGER_DIGITS 18   /* of numbers without a bound, and 19 below 9e18: they fit 64 bits */
#define BOUND_DIGITS_NEAR 40 /* before the point, of bounds that numbers come up to */
#define BOUND_DIGITS_MAX 320 /* of a bound written out: 1e308 and a fraction */
#define ANY_FRACTION "\"-\"? (\"0\" | [1-9] [0-9]{0,14}) \".\" [0-9]{0,14} [1-9]" /* of numbers that are not whole */
#define STEP_MAX 50         /* larger steps are counted out */
#define STEPS_COUNTED_MAX 500

struct bound {
    struct exact value;
    bool is_there, is_open; /* the bound itself is not in */
    bool is_outer;          /* none was given: only the number of digits counts */
};

struct range {
    struct bound low, high;
    bool is_whole;      /* no fractions */
    bool is_narrow;     /* one whole number at most: all are written with a point, so that the others come to mind */
    bool has_step;
    uint64_t step;      /* of numbers counted in 10^exponent */
    int32_t exponent;
    int32_t zeros;      /* written behind each number but 0, which the bounds are without */
};

/* ---- what the entries say ---- */

static void bound_below(struct range *range, const struct exact *value, bool is_open)
{
    int order = range->low.is_there ? exact_compare(value, &range->low.value) : 1;
    if (order > 0)
        range->low = (struct bound){.value = *value, .is_there = true, .is_open = is_open};
    else if (order == 0)
        range->low.is_open = range->low.is_open || is_open;
}

static void bound_above(struct range *range, const struct exact *value, bool is_open)
{
    int order = range->high.is_there ? exact_compare(value, &range->high.value) : -1;
    if (order < 0)
        range->high = (struct bound){.value = *value, .is_there = true, .is_open = is_open};
    else if (order == 0)
        range->high.is_open = range->high.is_open || is_open;
}

static bool read_bound(struct schema_compiler *compiler, yyjson_val *schema, const char *key, struct exact *value)
{
    yyjson_val *bound = yyjson_obj_get(schema, key);
    if (bound == NULL || yyjson_is_bool(bound) || yyjson_is_null(bound))
        return false;
    if (json_is_number(bound) && json_exact(bound, value) && abs(value->point) < BOUND_DIGITS_MAX)
        return true;
    if (json_is_number(bound))
        schema_fail(compiler, "'%s' has too many digits, or too large an exponent", key);
    else
        schema_fail(compiler, "'%s' must be a number", key);
    return false;
}

/* In draft 4 exclusiveMinimum is a boolean that belongs to minimum. */
static void read_bounds(struct schema_compiler *compiler, yyjson_val *schema, struct range *range)
{
    struct exact value;
    if (read_bound(compiler, schema, "minimum", &value))
        bound_below(range, &value, yyjson_is_true(yyjson_obj_get(schema, "exclusiveMinimum")));
    if (read_bound(compiler, schema, "exclusiveMinimum", &value))
        bound_below(range, &value, true);
    if (read_bound(compiler, schema, "maximum", &value))
        bound_above(range, &value, yyjson_is_true(yyjson_obj_get(schema, "exclusiveMaximum")));
    if (read_bound(compiler, schema, "exclusiveMaximum", &value))
        bound_above(range, &value, true);
}

/* What fails a bound lies on its other side. */
static void read_negated(struct schema_compiler *compiler, const struct schema_entry *entry, struct range *range)
{
    struct exact value;
    bool is_exclusive = strstr(entry->key, "exclusive") != NULL, is_minimum = strstr(entry->key, "inimum") != NULL;
    if (strstr(entry->key, "imum") == NULL || !read_bound(compiler, entry->schema, entry->key, &value))
        return;
    const char *flag = is_minimum ? "exclusiveMinimum" : "exclusiveMaximum";
    bool was_open = is_exclusive || yyjson_is_true(yyjson_obj_get(entry->schema, flag));
    if (is_minimum)
        bound_above(range, &value, !was_open);
    else
        bound_below(range, &value, !was_open);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The least common multiple of the range's step and another; false when it is too large. */
static bool join_step(struct range *range, uint64_t step, int32_t exponent)
{
    if (!range->has_step) {
        range->step = step;
        range->exponent = exponent;
        range->has_step = true;
        return true;
    }
    for (; exponent > range->exponent && step < UINT64_MAX / 10; exponent--)
        step *= 10;
    for (; range->exponent > exponent && range->step < UINT64_MAX / 10; range->exponent--)
        range->step *= 10;
    uint64_t divisor = common_divisor(step, range->step);
    if (exponent != range->exponent || step / divisor > UINT64_C(1000000000000000000) / range->step)
        return false;
    range->step *= step / divisor;
    for (; range->step % 10 == 0; range->step /= 10)
        range->exponent++;
    return true;
}

static void read_step(struct schema_compiler *compiler, yyjson_val *schema, struct range *range)
{
    struct exact value;
    uint64_t step;
    int32_t exponent;
    yyjson_val *multiple = yyjson_obj_get(schema, "multipleOf");
    if (multiple == NULL)
        return;
    if (!json_exact(multiple, &value) || value.len == 0 || value.is_negative)
        schema_fail(compiler, "'multipleOf' must be a number above 0");
    else if (!exact_to_step(&value, &step, &exponent) || exponent < -FRACTION_DIGITS || exponent > INTEGER_DIGITS ||
             !join_step(range, step, exponent))
        schema_fail(compiler, "'multipleOf' has too many digits");
}

static struct range read_range(struct schema_compiler *compiler, const struct schema_branch *branch, unsigned types)
{
    struct range range = {.is_whole = !(types & TYPE_FRACTION)};
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        if (entry->kind == ENTRY_NOT_KEY)
            read_negated(compiler, entry, &range);
        if (entry->kind != ENTRY_SCHEMA)
            continue;
        read_bounds(compiler, entry->schema, &range);
        read_step(compiler, entry->schema, &range);
    }
    if (range.is_whole && range.has_step && range.exponent < 0 && !join_step(&range, 1, 0))
        schema_fail(compiler, "'multipleOf' has too many digits");
    return range;
}

/* The power of ten that stands for a bound far away: with 19 digits, when the other bound is nearer. */
static struct bound nearer_bound(const struct bound *far, const struct bound *other)
{
    bool is_beside = other->is_there && other->value.is_negative == far->value.is_negative;
    struct bound near = {.is_there = true};
    near.value = (struct exact){.is_negative = far->value.is_negative, .len = 1, .digits = "1"};
    near.value.point = is_beside && other->value.point > INTEGER_DIGITS ? BOUND_DIGITS_NEAR + 1 : INTEGER_DIGITS + 1;
    return near;
}

/* Numbers are not written out to a bound as far away as the largest one of a type (1e308). */
static void bring_bounds_near(struct range *range)
{
    bool is_low_far = range->low.is_there && range->low.value.point > BOUND_DIGITS_NEAR;
    bool is_high_far = range->high.is_there && range->high.value.point > BOUND_DIGITS_NEAR;
    bool is_low_below = is_low_far && range->low.value.is_negative;
    bool is_high_above = is_high_far && !range->high.value.is_negative;
    if (is_high_above && (!is_low_far || is_low_below))
        range->high = nearer_bound(&range->high, &range->low);
    if (is_low_below && (!is_high_far || is_high_above))
        range->low = nearer_bound(&range->low, &range->high);
}

/* ---- digits between two bounds ---- */

/* Digits of both bounds, the same number of them before the point. */
struct digits {
    struct schema_compiler *compiler;
    const struct range *range;
    const char *low, *high; /* whole digits, then those behind the point; NULL: no bound */
    size_t low_len, high_len;
    bool low_is_open, high_is_open;
    size_t whole_len;       /* digits before the point */
    size_t fraction_max;    /* digits behind it, at most */
};

static char digit_at(const char *digits, size_t len, size_t at)
{
    return at < len ? digits[at] : '0';
}

static bool zeros_from(const char *digits, size_t len, size_t at)
{
    for (; at < len; at++)
        if (digits[at] != '0')
            return false;
    return true;
}

static void digit_range(struct buf *out, char low, char high)
{
    if (low == high)
        buf_appendf(out, "\"%c\"", low);
    else
        buf_appendf(out, "[%c-%c]", low, high);
}

static void free_digits(struct buf *out, size_t min, size_t max)
{
    if (max == 0)
        return;
    if (min == max && max == 1)
        buf_append_text(out, " [0-9]");
    else if (min == max)
        buf_appendf(out, " [0-9]{%zu}", max);
    else
        buf_appendf(out, " [0-9]{%zu,%zu}", min, max);
}

/* A number whose digits up to `at` are those of the bounds that still bind. */
struct place {
    size_t at;
    bool low_binds, high_binds;
    uint64_t rest; /* of the digits so far, divided by the step */
};

static uint64_t after_digits(const struct digits *digits, const struct place *place, size_t more)
{
    uint64_t rest = place->rest;
    for (size_t i = 0; i < more; i++)
        rest = rest * 10 % digits->range->step; /* at most STEP_MAX */
    return rest;
}

static size_t digits_end(const struct digits *digits)
{
    return digits->whole_len + digits->fraction_max;
}

/* May the number end here? */
static bool may_end(const struct digits *digits, const struct place *place)
{
    if (place->at == digits->whole_len && digits->range->is_narrow)
        return false;
    if (digits->range->has_step && after_digits(digits, place, digits_end(digits) - place->at) != 0)
        return false;
    if (place->low_binds && (digits->low_is_open || !zeros_from(digits->low, digits->low_len, place->at)))
        return false;
    return !place->high_binds || !digits->high_is_open || !zeros_from(digits->high, digits->high_len, place->at);
}

/* Does no bound bind any more, as when only zeros of a bound that is in are left? */
static void loosen(const struct digits *digits, struct place *place)
{
    if (place->low_binds && !digits->low_is_open && zeros_from(digits->low, digits->low_len, place->at))
        place->low_binds = false;
}

static bool write_tail(struct digits *digits, struct buf *out, struct place place);
static bool write_open_tail(struct digits *digits, struct buf *out, const struct place *place);

/* With a step: one rule for each rest and number of digits left, shared by all numbers of that step. */
static bool write_stepping(struct digits *digits, struct buf *out, const struct place *place)
{
    struct schema_compiler *compiler = digits->compiler;
    size_t rule = SIZE_MAX;
    struct str key = arena_printf(&compiler->arena, "N %" PRIu64 " %zu %zu %d %" PRIu64, digits->range->step,
                                  digits->fraction_max, digits_end(digits) - place->at,
                                  place->at > digits->whole_len, place->rest);
    if (key.data == NULL)
        gbnf_fail_memory(&compiler->gbnf);
    if (schema_failed(compiler))
        return false;
    if (!gbnf_map_get(&compiler->rules, key, &rule)) {
        struct buf text;
        buf_init(&text, GBNF_TEXT_MAX);
        if (write_open_tail(digits, &text, place))
            rule = gbnf_rule_shared_text(&compiler->gbnf, &text);
        if (!gbnf_map_put(&compiler->rules, key, rule))
            gbnf_fail_memory(&compiler->gbnf);
        buf_deinit(&text);
    }
    if (rule == SIZE_MAX)
        return false;
    buf_append_char(out, ' ');
    gbnf_rule_name(&compiler->gbnf, out, rule);
    return true;
}

/* All digits that are left are free. */
static bool write_free(struct digits *digits, struct buf *out, const struct place *place)
{
    bool is_behind_point = place->at > digits->whole_len;
    if (place->at < digits->whole_len)
        free_digits(out, digits->whole_len - place->at, digits->whole_len - place->at);
    if (is_behind_point)
        free_digits(out, 0, digits_end(digits) - place->at);
    else if (digits->fraction_max > 0)
        buf_appendf(out, " (\".\" [0-9]{1,%zu})%s", digits->fraction_max, digits->range->is_narrow ? "" : "?");
    return true;
}

/* One digit from `low` to `high`, then what may follow; false when nothing may. */
static bool write_digits(struct digits *digits, struct buf *out, struct place place, char low, char high, bool is_more)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    gbnf_spend(&digits->compiler->gbnf, 1);
    bool is_written = !schema_failed(digits->compiler) && write_tail(digits, &text, place);
    if (is_written) {
        buf_append_text(out, is_more ? " | " : "");
        digit_range(out, low, high);
        buf_append_str(out, buf_str(&text));
    }
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
    return is_written;
}

/* The alternatives for the digit at `place`. With a step each digit leads elsewhere. */
static bool write_next_digit(struct digits *digits, struct buf *out, struct place place)
{
    char first = place.at == 0 && digits->whole_len > 1 ? '1' : '0', last = '9';
    char low = place.low_binds ? digit_at(digits->low, digits->low_len, place.at) : first;
    char high = place.high_binds ? digit_at(digits->high, digits->high_len, place.at) : last;
    bool is_more = false, steps = digits->range->has_step;
    if (low < first)
        low = first;
    for (char from = low; from <= high;) {
        struct place next = {.at = place.at + 1};
        next.low_binds = place.low_binds && from == digit_at(digits->low, digits->low_len, place.at);
        next.high_binds = place.high_binds && from == high;
        char to = from;
        bool is_inner = !next.low_binds && !next.high_binds && !steps;
        if (is_inner)
            to = place.high_binds ? (char)(high - 1) : high;
        if (steps)
            next.rest = (place.rest * 10 + (uint64_t)from - '0') % digits->range->step;
        is_more = write_digits(digits, out, next, from, to, is_more) || is_more;
        from = (char)(to + 1);
    }
    return is_more;
}

/* The digits behind the point, at least one. */
static bool write_fraction(struct digits *digits, struct buf *out, struct place place)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    bool is_written = write_next_digit(digits, &text, place);
    if (is_written) {
        buf_append_text(out, "\".\" (");
        buf_append_str(out, buf_str(&text));
        buf_append_char(out, ')');
    }
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
    return is_written;
}

/* What may follow the digits up to `place`, with a space before it; false: nothing, not even the end. */
static bool write_tail(struct digits *digits, struct buf *out, struct place place)
{
    loosen(digits, &place);
    if (place.low_binds || place.high_binds)
        return write_open_tail(digits, out, &place);
    return digits->range->has_step ? write_stepping(digits, out, &place) : write_free(digits, out, &place);
}

/* The next digit, or the end. */
static bool write_open_tail(struct digits *digits, struct buf *out, const struct place *place)
{
    struct buf more;
    bool can_end = place->at >= digits->whole_len && may_end(digits, place);
    bool is_full = can_end && place->high_binds && zeros_from(digits->high, digits->high_len, place->at);
    bool has_more = false;
    buf_init(&more, GBNF_TEXT_MAX);
    /* When it is full, only zeros could follow. */
    if (!is_full &&
        (place->at < digits->whole_len || (place->at > digits->whole_len && place->at < digits_end(digits))))
        has_more = write_next_digit(digits, &more, *place);
    else if (!is_full && place->at == digits->whole_len && digits->fraction_max > 0)
        has_more = write_fraction(digits, &more, *place);
    if (has_more) {
        buf_append_text(out, " (");
        buf_append_str(out, buf_str(&more));
        buf_append_text(out, can_end ? ")?" : ")");
    } else if (can_end) {
        buf_append_text(out, " \"\"");
    }
    if (more.failed)
        out->failed = true;
    buf_deinit(&more);
    return has_more || can_end;
}

/* ---- numbers of zero and above ---- */

struct written {
    char digits[2 * BOUND_DIGITS_MAX + EXACT_DIGITS_MAX];
    size_t len, whole_len;
};

/* A bound's digits as they are written: at least one before the point. */
static void write_out(const struct exact *value, struct written *written)
{
    int64_t first = value->point > 0 ? 0 : (int64_t)value->point - 1, last = value->len;
    if (last < value->point)
        last = value->point;
    *written = (struct written){.whole_len = value->point > 0 ? (size_t)value->point : 1};
    if (value->len == 0)
        first = 0, last = 1;
    for (int64_t i = first; i < last; i++)
        written->digits[written->len++] = exact_digit(value, i);
}

/* Numbers whose whole part has `len` digits. */
static bool write_length(struct schema_compiler *compiler, struct buf *out, const struct range *range,
                         const struct written *low, const struct written *high, size_t len, size_t fraction_max)
{
    struct digits digits = {.compiler = compiler, .range = range, .whole_len = len, .fraction_max = fraction_max};
    struct place place = {0};
    if (low->whole_len == len) {
        digits.low = low->digits;
        digits.low_len = low->len;
        digits.low_is_open = range->low.is_open;
        place.low_binds = true;
    }
    if (high->whole_len == len) {
        digits.high = high->digits;
        digits.high_len = high->len;
        digits.high_is_open = range->high.is_open;
        place.high_binds = true;
    }
    return write_next_digit(&digits, out, place);
}

static bool append_range(struct buf *out, const struct buf *text, bool is_written, bool is_more)
{
    if (!is_written)
        return is_more;
    buf_append_text(out, is_more ? " | " : "");
    buf_append_str(out, buf_str(text));
    return true;
}

/* Numbers from `low` on, both bounds there and not negative. Whole parts
 * between the lengths of the two are written together. */
static bool write_positive(struct schema_compiler *compiler, struct buf *out, const struct range *range,
                           size_t fraction_max)
{
    struct written *bounds = mem_calloc(2, sizeof(*bounds));
    struct buf text;
    bool is_more = false;
    if (bounds == NULL) {
        gbnf_fail_memory(&compiler->gbnf);
        return false;
    }
    const struct written *low = &bounds[0], *high = &bounds[1];
    write_out(&range->low.value, &bounds[0]);
    write_out(&range->high.value, &bounds[1]);
    buf_init(&text, GBNF_TEXT_MAX);
    size_t longest = range->high.is_outer ? high->whole_len - 1 : high->whole_len;
    for (size_t len = low->whole_len; len <= longest && !schema_failed(compiler); len++) {
        bool is_between = len > low->whole_len && len < high->whole_len;
        buf_clear(&text);
        if (is_between && !range->has_step) {
            size_t last = high->whole_len - 1;
            buf_append_text(&text, "[1-9]");
            free_digits(&text, len - 1, last - 1);
            if (fraction_max > 0)
                buf_appendf(&text, " (\".\" [0-9]{1,%zu})?", fraction_max);
            is_more = append_range(out, &text, true, is_more);
            len = last;
            continue;
        }
        bool is_written = write_length(compiler, &text, range, low, high, len, fraction_max);
        is_more = append_range(out, &text, is_written, is_more);
        if (text.failed)
            out->failed = true;
    }
    if (range->high.is_outer && longest == INTEGER_DIGITS && range->zeros == 0 && !range->has_step) {
        buf_appendf(out, "%s[1-8] [0-9]{%d}", is_more ? " | " : "", INTEGER_DIGITS);
        is_more = true;
    }
    buf_deinit(&text);
    mem_free(bounds);
    return is_more;
}

/* ---- any numbers ---- */

/* Digits behind the point that the bounds need, and two more to lie between them. */
static size_t fraction_digits(const struct range *range)
{
    int64_t most = FRACTION_DIGITS;
    const struct bound *bounds[] = {&range->low, &range->high};
    if (range->is_whole)
        return 0;
    if (range->exponent < 0)
        return (size_t)-range->exponent;
    for (size_t i = 0; i < 2; i++) {
        int64_t own = (int64_t)bounds[i]->value.len - bounds[i]->value.point;
        if (bounds[i]->is_there && own + 2 > most)
            most = own + 2;
    }
    return (size_t)most;
}

/* Where there is no bound: a power of ten that is larger than what is written. */
static struct bound outer_bound(const struct bound *other)
{
    int32_t digits = INTEGER_DIGITS;
    if (other->is_there && other->value.point > digits)
        digits = other->value.point + 2;
    return (struct bound){
        .value = {.point = digits + 1, .len = 1, .digits = {'1'}}, .is_there = true, .is_open = true, .is_outer = true};
}

/* Numbers of one sign, with the zeros that belong behind them. */
static bool write_side(struct schema_compiler *compiler, struct buf *out, const struct range *range, const char *sign,
                       bool is_more)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    bool is_written = exact_compare(&range->low.value, &range->high.value) <= 0 &&
                      write_positive(compiler, &text, range, fraction_digits(range));
    if (is_written) {
        buf_appendf(out, "%s%s(" STR_FMT ")", is_more ? " | " : "", sign, STR_ARG(buf_str(&text)));
        if (range->zeros > 0)
            buf_appendf(out, " \"0\"{%d}", (int)range->zeros);
    }
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
    return is_written || is_more;
}

static bool holds_zero(const struct range *range)
{
    struct exact zero = {0};
    int low = exact_compare(&range->low.value, &zero), high = exact_compare(&range->high.value, &zero);
    return (low < 0 || (low == 0 && !range->low.is_open)) && (high > 0 || (high == 0 && !range->high.is_open));
}

static void set_ends(struct range *range)
{
    if (!range->high.is_there)
        range->high = outer_bound(&range->low);
    if (!range->low.is_there) {
        range->low = outer_bound(&range->high);
        range->low.value.is_negative = true;
    }
}

/* Below zero, zero, and above; "-0" is not written. */
static bool write_range(struct schema_compiler *compiler, struct buf *out, struct range range)
{
    const struct bound above_zero = {.is_there = true, .is_open = true};
    bool is_more = false;
    set_ends(&range);
    if (range.low.value.is_negative) {
        struct range mirrored = range;
        mirrored.low = range.high.value.is_negative ? range.high : above_zero;
        mirrored.high = range.low;
        mirrored.low.value.is_negative = mirrored.high.value.is_negative = false;
        is_more = write_side(compiler, out, &mirrored, "\"-\" ", is_more);
    }
    if (holds_zero(&range)) {
        buf_appendf(out, is_more ? " | \"0%s\"" : "\"0%s\"", range.is_narrow ? ".0" : "");
        is_more = true;
    }
    if (range.high.value.is_negative)
        return is_more;
    if (range.low.value.is_negative || range.low.value.len == 0)
        range.low = above_zero;
    return write_side(compiler, out, &range, "", is_more);
}

/* ---- large steps ---- */

/* A bound counted in steps, rounded into the range. False when it is too large for that. */
static bool in_steps(const struct range *range, const struct bound *bound, bool rounds_up, int64_t *steps)
{
    __int128 whole = 0;
    bool has_rest = false;
    int64_t digits = (int64_t)bound->value.point - range->exponent;
    if (digits > 30)
        return false;
    for (int64_t i = 0; i < digits; i++)
        whole = whole * 10 + (exact_digit(&bound->value, i) - '0');
    for (int64_t i = digits > 0 ? digits : 0; i < bound->value.len; i++)
        has_rest = has_rest || bound->value.digits[i] != '0';
    __int128 quotient = whole / (__int128)range->step;
    bool is_exact = whole % (__int128)range->step == 0 && !has_rest;
    bool is_up = bound->value.is_negative ? !rounds_up : rounds_up;
    if ((!is_exact && is_up) || (is_exact && bound->is_open && is_up))
        quotient++;
    else if (is_exact && bound->is_open)
        quotient--;
    *steps = (int64_t)(bound->value.is_negative ? -quotient : quotient);
    return quotient < INT64_MAX / 2;
}

bool schema_whole_numbers(struct schema_compiler *compiler, const struct schema_branch *branch, int64_t *low,
                          int64_t *high)
{
    struct range range = read_range(compiler, branch, TYPE_INTEGER);
    range.step = 1;
    range.exponent = 0;
    return !schema_failed(compiler) && range.low.is_there && range.high.is_there &&
           in_steps(&range, &range.low, true, low) && in_steps(&range, &range.high, false, high);
}

/* One multiple as it is written. */
static void write_multiple(struct buf *out, const struct range *range, int64_t count)
{
    char digits[64];
    __int128 value = (__int128)(count < 0 ? -count : count) * (__int128)range->step;
    size_t len = 0, fraction = range->exponent < 0 ? (size_t)-range->exponent : 0;
    for (; value > 0 || len <= fraction; value /= 10)
        digits[len++] = (char)('0' + (int)(value % 10));
    buf_append_text(out, count < 0 ? "\"-" : "\"");
    for (size_t i = len; i > 0; i--) {
        if (i == fraction)
            buf_append_char(out, '.');
        buf_append_char(out, digits[i - 1]);
    }
    for (int32_t i = 0; i < range->exponent && count != 0; i++)
        buf_append_char(out, '0');
    buf_append_char(out, '"');
}

/* The multiples next to the lower bound, to the upper one, or to zero. */
static bool write_multiples(struct schema_compiler *compiler, struct buf *out, const struct range *range)
{
    int64_t low = 0, high = 0;
    bool is_exact = (!range->low.is_there || in_steps(range, &range->low, true, &low)) &&
                    (!range->high.is_there || in_steps(range, &range->high, false, &high));
    if (!is_exact) {
        schema_fail(compiler, "'multipleOf' beside bounds of so many digits is not supported");
        return false;
    }
    if (!range->low.is_there)
        low = range->high.is_there ? high - STEPS_COUNTED_MAX : -STEPS_COUNTED_MAX / 2;
    if (!range->high.is_there || high > low + STEPS_COUNTED_MAX)
        high = low + STEPS_COUNTED_MAX;
    for (int64_t count = low; count <= high; count++) {
        buf_append_text(out, count > low ? " | " : "");
        write_multiple(out, range, count);
    }
    gbnf_spend(&compiler->gbnf, STEPS_COUNTED_MAX / 10);
    return low <= high;
}

/* Steps of a power of ten are digits that are zero, or not there. */
static void simplify_step(struct range *range)
{
    if (!range->has_step)
        return;
    if (range->exponent > 0) {
        range->zeros = range->exponent;
        range->low.value.point -= range->low.value.len > 0 ? range->exponent : 0;
        range->high.value.point -= range->high.value.len > 0 ? range->exponent : 0;
        range->exponent = 0;
    }
    range->is_whole = range->exponent == 0;
    range->has_step = range->step > 1;
}

/* Both bounds lie between the same two whole numbers, or on one of them. */
static bool is_narrow(const struct range *range)
{
    const struct exact *low = &range->low.value, *high = &range->high.value;
    if (range->is_whole || range->exponent > 0 || (range->has_step && range->exponent == 0) || !range->low.is_there ||
        !range->high.is_there)
        return false;
    bool is_around_zero = low->point <= 0 && high->point <= 0;
    bool is_same = low->is_negative == high->is_negative && low->point == high->point;
    for (int32_t i = 0; i < low->point && is_same; i++)
        is_same = exact_digit(low, i) == exact_digit(high, i);
    return is_around_zero || is_same;
}

bool schema_number(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch,
                   unsigned types)
{
    struct range range = read_range(compiler, branch, types);
    bool is_written;
    if (schema_failed(compiler))
        return false;
    if (range.low.is_there && range.high.is_there && exact_compare(&range.low.value, &range.high.value) > 0)
        return schema_nothing(compiler, "no number lies between its bounds");
    bring_bounds_near(&range);
    if (!range.low.is_there && !range.high.is_there && (!range.has_step || (range.step == 1 && range.exponent == 0))) {
        bool is_whole = range.is_whole || range.has_step;
        if (!(types & TYPE_INTEGER)) {
            buf_append_text(out, ANY_FRACTION);
            return !range.has_step;
        }
        gbnf_shared_name(&compiler->gbnf, out, is_whole ? GBNF_INTEGER : GBNF_NUMBER);
        return true;
    }
    if (range.has_step && range.step > STEP_MAX) {
        is_written = write_multiples(compiler, out, &range);
    } else {
        range.is_narrow = is_narrow(&range);
        simplify_step(&range);
        is_written = write_range(compiler, out, range);
    }
    if (!is_written)
        schema_nothing(compiler, range.is_whole ? "no whole number lies between its bounds"
                                                : "no number lies between its bounds");
    return is_written;
}
