/* Regular expressions to grammar.
 *
 * The regular subset that JSON schemas use in practice: literals, escapes,
 * classes, groups, alternatives, repetition, ^ and $ at the ends. Dialects
 * disagree on what \d, \w and \s are outside ASCII, so these match the part
 * that all agree on. Characters are written as JSON strings hold them: a quote
 * in the pattern becomes \" in the text. */
#include <inttypes.h>
#include <stdlib.h>

#include "chat/schema_compiler.h"

struct range {
    uint32_t low, high;
};

#define RANGES_MAX 256
struct class {
    struct range items[RANGES_MAX];
    size_t count;
};

struct pattern {
    struct schema_compiler *compiler;
    struct str text;
    size_t at;
    int depth;
};

/* What a plain character of a JSON string may be. */
static const struct range ANY_CHARACTER[] = {
    {0x20, 0x7E}, {0xA0, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF},
};
static const struct range NOT_LINE_END[] = {
    {0x20, 0x7E}, {0xA0, 0x2027}, {0x202A, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF},
};
static const struct range DIGIT[] = {{'0', '9'}};
static const struct range NOT_DIGIT[] = {{0x20, '0' - 1}, {'9' + 1, 0x7E}};
static const struct range WORD[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct range NOT_WORD[] = {
    {0x20, '0' - 1}, {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1}, {'`', '`'}, {'{', 0x7E},
};
static const struct range SPACE[] = {{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}};
static const struct range NOT_SPACE[] = {
    {0x21, 0x7E},     {0xA1, 0x167F},   {0x1681, 0x1FFF}, {0x2030, 0x205E},     {0x2060, 0x2FFF},
    {0x3001, 0xD7FF}, {0xE000, 0xFEFE}, {0xFF00, 0xFFFD}, {0x10000, 0x10FFFF},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool at_end(const struct pattern *pattern)
{
    return pattern->at >= pattern->text.len;
}

static char peek(const struct pattern *pattern)
{
    return at_end(pattern) ? '\0' : pattern->text.data[pattern->at];
}

static bool take(struct pattern *pattern, char c)
{
    if (at_end(pattern) || pattern->text.data[pattern->at] != c)
        return false;
    pattern->at++;
    return true;
}

static void refuse(struct pattern *pattern, const char *what)
{
    schema_fail(pattern->compiler, "'pattern' holds %s at byte %zu, which is not supported", what, pattern->at);
}

static uint32_t take_code_point(struct pattern *pattern)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned char first = (unsigned char)pattern->text.data[pattern->at];
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; /* JSON text is valid UTF-8 */
    uint32_t value = first & masks[len];
    for (size_t i = 1; i < len && pattern->at + i < pattern->text.len; i++)
        value = value << 6 | ((unsigned char)pattern->text.data[pattern->at + i] & 0x3F);
    pattern->at += len;
    return value;
}

static void class_add(struct pattern *pattern, struct class *class, uint32_t low, uint32_t high)
{
    if (class->count == RANGES_MAX)
        refuse(pattern, "a class of more than 256 ranges");
    else
        class->items[class->count++] = (struct range){low, high};
}

static void class_add_all(struct pattern *pattern, struct class *class, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        class_add(pattern, class, ranges[i].low, ranges[i].high);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

/* Sorted, without overlaps. */
static void class_normalise(struct class *class)
{
    size_t kept = 0;
    qsort(class->items, class->count, sizeof(class->items[0]), compare_ranges);
    for (size_t i = 0; i < class->count; i++) {
        struct range next = class->items[i];
        if (kept > 0 && next.low <= class->items[kept - 1].high + 1) {
            if (next.high > class->items[kept - 1].high)
                class->items[kept - 1].high = next.high;
        } else {
            class->items[kept++] = next;
        }
    }
    class->count = kept;
}

/* Everything a string may hold but the class. */
static void class_invert(struct pattern *pattern, struct class *class)
{
    struct class inverse = {.count = 0};
    class_normalise(class);
    for (size_t u = 0; u < COUNT(ANY_CHARACTER); u++) {
        uint32_t from = ANY_CHARACTER[u].low;
        for (size_t i = 0; i < class->count && from <= ANY_CHARACTER[u].high; i++) {
            struct range out = class->items[i];
            if (out.high < from || out.low > ANY_CHARACTER[u].high)
                continue;
            if (out.low > from)
                class_add(pattern, &inverse, from, out.low - 1);
            from = out.high + 1;
        }
        if (from <= ANY_CHARACTER[u].high)
            class_add(pattern, &inverse, from, ANY_CHARACTER[u].high);
    }
    *class = inverse;
}

static void write_range(struct buf *out, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    gbnf_code_point(out, low);
    if (high > low) {
        buf_append_char(out, '-');
        gbnf_code_point(out, high);
    }
}

/* The part of [low, high] that a JSON string holds as it is. */
static void write_plain_range(struct buf *out, uint32_t low, uint32_t high)
{
    for (size_t u = 0; u < COUNT(ANY_CHARACTER); u++) {
        uint32_t from = low > ANY_CHARACTER[u].low ? low : ANY_CHARACTER[u].low;
        uint32_t to = high < ANY_CHARACTER[u].high ? high : ANY_CHARACTER[u].high;
        static const uint32_t escaped[] = {'"', '\\'};
        for (size_t i = 0; i < COUNT(escaped) && from <= to; i++) {
            if (escaped[i] < from || escaped[i] > to)
                continue;
            if (escaped[i] > from)
                write_range(out, from, escaped[i] - 1);
            from = escaped[i] + 1;
        }
        if (from <= to)
            write_range(out, from, to);
    }
}

static bool class_has(const struct class *class, uint32_t code_point)
{
    for (size_t i = 0; i < class->count; i++)
        if (class->items[i].low <= code_point && code_point <= class->items[i].high)
            return true;
    return false;
}

/* As one symbol: a class, or a group when some members need an escape. */
static void write_class(struct pattern *pattern, struct buf *out, struct class *class)
{
    static const char escapes[][2] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                      {'\t', 't'}, {'\b', 'b'}, {'\f', 'f'}};
    struct buf plain, letters;
    buf_init(&plain, GBNF_TEXT_MAX);
    buf_init(&letters, 256);
    class_normalise(class);
    for (size_t i = 0; i < class->count; i++)
        write_plain_range(&plain, class->items[i].low, class->items[i].high);
    for (size_t i = 0; i < COUNT(escapes); i++)
        if (class_has(class, (unsigned char)escapes[i][0]))
            gbnf_code_point(&letters, (unsigned char)escapes[i][1]);
    if (plain.len == 0 && letters.len == 0)
        refuse(pattern, "a class without a character that JSON text can hold");
    buf_append_text(out, letters.len > 0 ? "(" : "");
    if (plain.len > 0)
        buf_appendf(out, "[" STR_FMT "]", STR_ARG(buf_str(&plain)));
    if (letters.len > 0)
        buf_appendf(out, "%s\"\\\\\" [" STR_FMT "])", plain.len > 0 ? " | " : "", STR_ARG(buf_str(&letters)));
    if (plain.failed || letters.failed)
        out->failed = true;
    buf_deinit(&letters);
    buf_deinit(&plain);
}

static uint32_t take_hex(struct pattern *pattern, size_t digits)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = peek(pattern);
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            refuse(pattern, "an escape without its digits");
            return 0;
        }
        value = value << 4 | digit;
        pattern->at++;
    }
    return value;
}

static bool add_class_escape(struct pattern *pattern, struct class *class, char c)
{
    switch (c) {
    case 'd':
        class_add_all(pattern, class, DIGIT, COUNT(DIGIT));
        return true;
    case 'D':
        class_add_all(pattern, class, NOT_DIGIT, COUNT(NOT_DIGIT));
        return true;
    case 'w':
        class_add_all(pattern, class, WORD, COUNT(WORD));
        return true;
    case 'W':
        class_add_all(pattern, class, NOT_WORD, COUNT(NOT_WORD));
        return true;
    case 's':
        class_add_all(pattern, class, SPACE, COUNT(SPACE));
        return true;
    case 'S':
        class_add_all(pattern, class, NOT_SPACE, COUNT(NOT_SPACE));
        return true;
    default:
        return false;
    }
}

/* Behind a backslash. Adds what it stands for; true when that is one
 * character, which *single then holds. */
static bool take_escape(struct pattern *pattern, struct class *class, bool in_class, uint32_t *single)
{
    static const char controls[][2] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}};
    char c = peek(pattern);
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (add_class_escape(pattern, class, c)) {
        pattern->at++;
        return false;
    }
    *single = 0;
    if (at_end(pattern)) {
        refuse(pattern, "a backslash at its end");
    } else if (!is_letter) {
        *single = take_code_point(pattern);
    } else if (c == 'x' || c == 'u') {
        pattern->at++;
        *single = take_hex(pattern, c == 'x' ? 2 : 4);
    } else if (c == 'b' && in_class) {
        pattern->at++;
        *single = '\b';
    } else {
        size_t i = 0;
        while (i < COUNT(controls) && controls[i][0] != c)
            i++;
        if (i == COUNT(controls))
            refuse(pattern, "an escape of unknown meaning (back-references, \\b, \\p)");
        else
            *single = (unsigned char)controls[i][1];
        pattern->at++;
    }
    class_add(pattern, class, *single, *single);
    return true;
}

/* One member of [...], or the left end of a range. */
static bool take_class_member(struct pattern *pattern, struct class *class, uint32_t *single)
{
    if (take(pattern, '\\'))
        return take_escape(pattern, class, true, single);
    *single = take_code_point(pattern);
    class_add(pattern, class, *single, *single);
    return true;
}

static void parse_class(struct pattern *pattern, struct buf *out)
{
    struct class class = {.count = 0};
    bool is_inverse = take(pattern, '^');
    if (peek(pattern) == ']')
        refuse(pattern, "an empty class");
    while (!schema_failed(pattern->compiler) && !at_end(pattern) && peek(pattern) != ']') {
        uint32_t low, high;
        bool is_single = take_class_member(pattern, &class, &low);
        struct str rest = str_slice(pattern->text, pattern->at, pattern->text.len);
        if (rest.len < 2 || rest.data[0] != '-' || rest.data[1] == ']')
            continue;
        pattern->at++;
        struct class ignored = {.count = 0};
        if (!is_single || !take_class_member(pattern, &ignored, &high) || high < low)
            refuse(pattern, "a range without two ends in order");
        else
            class_add(pattern, &class, low, high);
    }
    if (!take(pattern, ']'))
        refuse(pattern, "a class without an end");
    if (is_inverse)
        class_invert(pattern, &class);
    write_class(pattern, out, &class);
}

static bool parse_alternatives(struct pattern *pattern, struct buf *out);

/* In brackets: a rule of its own, so that repeating it stays cheap. */
static bool parse_group(struct pattern *pattern, struct buf *out)
{
    struct buf text;
    bool may_be_empty = false;
    if (take(pattern, '?') && !take(pattern, ':')) {
        refuse(pattern, "a look-around or named group");
        return false;
    }
    if (++pattern->depth > SCHEMA_PATTERN_DEPTH) {
        refuse(pattern, "too many groups inside groups");
        return false;
    }
    buf_init(&text, GBNF_TEXT_MAX);
    may_be_empty = parse_alternatives(pattern, &text);
    pattern->depth--;
    if (!take(pattern, ')'))
        refuse(pattern, "a group without an end");
    size_t number = gbnf_rule_number(&pattern->compiler->gbnf);
    gbnf_rule_define(&pattern->compiler->gbnf, number, &text);
    gbnf_rule_name(&pattern->compiler->gbnf, out, number);
    buf_deinit(&text);
    return may_be_empty;
}

/* One symbol. True when it may match nothing. */
static bool parse_atom(struct pattern *pattern, struct buf *out)
{
    struct class class = {.count = 0};
    uint32_t single;
    if (take(pattern, '('))
        return parse_group(pattern, out);
    if (take(pattern, '[')) {
        parse_class(pattern, out);
        return false;
    }
    if (strchr("^$*+?", peek(pattern)) != NULL) {
        refuse(pattern, "an anchor in the middle, or a repetition of nothing,");
        return false;
    }
    if (take(pattern, '\\')) {
        take_escape(pattern, &class, false, &single);
    } else if (take(pattern, '.')) {
        class_add_all(pattern, &class, NOT_LINE_END, COUNT(NOT_LINE_END));
    } else {
        single = take_code_point(pattern);
        class_add(pattern, &class, single, single);
    }
    write_class(pattern, out, &class);
    return false;
}

static bool take_number(struct pattern *pattern, uint64_t *value)
{
    size_t from = pattern->at;
    for (*value = 0; peek(pattern) >= '0' && peek(pattern) <= '9'; pattern->at++)
        if (*value <= GBNF_REPEAT_MAX)
            *value = *value * 10 + (uint64_t)(peek(pattern) - '0');
    return pattern->at > from;
}

/* {m}, {m,} or {m,n}; anything else is left alone: the bracket is a character. */
static bool take_braces(struct pattern *pattern, uint64_t *min, uint64_t *max)
{
    size_t from = pattern->at;
    if (take(pattern, '{') && take_number(pattern, min)) {
        *max = *min;
        if (take(pattern, ',') && !take_number(pattern, max))
            *max = GBNF_UNBOUNDED;
        if (take(pattern, '}'))
            return true;
    }
    pattern->at = from;
    return false;
}

static bool take_repetition(struct pattern *pattern, uint64_t *min, uint64_t *max)
{
    *min = 0;
    *max = GBNF_UNBOUNDED;
    if (take(pattern, '*')) {
        /* as set */
    } else if (take(pattern, '+')) {
        *min = 1;
    } else if (take(pattern, '?')) {
        *max = 1;
    } else if (!take_braces(pattern, min, max)) {
        return false;
    }
    take(pattern, '?'); /* how eagerly it matches changes nothing here */
    return true;
}

/* A symbol made of several parts becomes a rule before it is repeated. */
static void repeat(struct pattern *pattern, struct buf *out, const struct buf *atom, uint64_t min, uint64_t max)
{
    struct gbnf *gbnf = &pattern->compiler->gbnf;
    struct buf name;
    if (atom->len == 0 || atom->data[0] != '(') {
        gbnf_repeat(gbnf, out, buf_str(atom), min, max);
        return;
    }
    buf_init(&name, 256);
    gbnf_rule_name(gbnf, &name, gbnf_rule_shared_text(gbnf, atom));
    gbnf_repeat(gbnf, out, buf_str(&name), min, max);
    buf_deinit(&name);
}

static bool parse_piece(struct pattern *pattern, struct buf *out)
{
    struct buf atom;
    uint64_t min, max;
    buf_init(&atom, GBNF_TEXT_MAX);
    bool may_be_empty = parse_atom(pattern, &atom);
    if (schema_failed(pattern->compiler)) {
        /* nothing to write */
    } else if (!take_repetition(pattern, &min, &max)) {
        buf_append_char(out, ' ');
        buf_append_str(out, buf_str(&atom));
    } else if (may_be_empty && max > 1) {
        refuse(pattern, "a repetition of something that may be empty");
    } else {
        repeat(pattern, out, &atom, min, max);
        may_be_empty = may_be_empty || min == 0;
    }
    if (atom.failed)
        out->failed = true;
    buf_deinit(&atom);
    return may_be_empty;
}

static bool at_sequence_end(const struct pattern *pattern)
{
    return at_end(pattern) || peek(pattern) == '|' || peek(pattern) == ')';
}

static void write_any_text(struct pattern *pattern, struct buf *out)
{
    buf_append_char(out, ' ');
    gbnf_shared_name(&pattern->compiler->gbnf, out, GBNF_CHAR);
    buf_append_char(out, '*');
}

/* One alternative. At the outermost level anything may stand before and behind
 * it where it is not anchored. */
static bool parse_sequence(struct pattern *pattern, struct buf *out)
{
    bool may_be_empty = true, is_outer = pattern->depth == 0, is_closed = false;
    if (is_outer && !take(pattern, '^'))
        write_any_text(pattern, out);
    while (!at_sequence_end(pattern) && !schema_failed(pattern->compiler)) {
        struct str rest = str_slice(pattern->text, pattern->at, pattern->text.len);
        is_closed = is_outer && rest.data[0] == '$' && (rest.len == 1 || rest.data[1] == '|');
        if (is_closed) {
            pattern->at++;
            break;
        }
        may_be_empty = parse_piece(pattern, out) && may_be_empty;
    }
    if (is_outer && !is_closed)
        write_any_text(pattern, out);
    return may_be_empty;
}

static bool parse_alternatives(struct pattern *pattern, struct buf *out)
{
    bool may_be_empty = false;
    do {
        size_t before = out->len;
        may_be_empty = parse_sequence(pattern, out) || may_be_empty;
        if (out->len == before)
            buf_append_text(out, " \"\"");
        if (peek(pattern) == '|')
            buf_append_text(out, " |");
    } while (!schema_failed(pattern->compiler) && take(pattern, '|'));
    return may_be_empty;
}

void schema_pattern(struct schema_compiler *compiler, struct buf *out, struct str text)
{
    struct pattern pattern = {.compiler = compiler, .text = text};
    buf_append_text(out, "(");
    parse_alternatives(&pattern, out);
    buf_append_text(out, ")");
    if (!at_end(&pattern))
        refuse(&pattern, "a closing bracket without its opening one");
}
