/* Regular expressions to sets.
 *
 * ^ and $ are read as marks that stand before and behind a string; what is not
 * anchored may have anything next to the match. A look-ahead cuts all that
 * follows it with what it asks for, so a group that holds one is read again
 * once what follows is known. */
#include <stdlib.h>

#include "chat/regular.h"

#define PATTERN_BYTES_MAX 16384
#define PATTERN_DEPTH_MAX 32
#define PATTERN_REPEAT_MAX 1000000u
#define CLASS_RANGES_MAX 256
#define LAST_CODE_POINT 0x10FFFFu

struct class {
    struct regular_range items[CLASS_RANGES_MAX];
    size_t count;
};

enum piece_kind { PIECE_SET, PIECE_AHEAD, PIECE_NOT_AHEAD, PIECE_BEHIND, PIECE_NOT_BEHIND, PIECE_GROUP };

/* One part of a sequence. */
struct piece {
    enum piece_kind kind;
    regular_set set;
    size_t from, to; /* PIECE_GROUP: where to read it again */
};

struct pieces {
    struct piece *items;
    size_t count, cap;
};

struct parser {
    struct regular *regular;
    struct str text;
    size_t at;
    bool is_wide;
    bool has_look; /* a look-around was read */
    int depth;
    const char *what; /* the first thing not understood */
    size_t what_at;
};

static const struct regular_range DIGIT[] = {{'0', '9'}};
static const struct regular_range WORD[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct regular_range SPACE[] = {{'\t', '\r'}, {' ', ' '}};
static const struct regular_range NOT_SPACE[] = {
    {0x21, 0x7E},     {0xA1, 0x167F},   {0x1681, 0x1FFF}, {0x2030, 0x205E},     {0x2060, 0x2FFF},
    {0x3001, 0xD7FF}, {0xE000, 0xFEFE}, {0xFF00, 0xFFFD}, {0x10000, 0x10FFFF},
};
static const struct regular_range NOT_LINE_END[] = {
    {0x20, 0x7E}, {0xA0, 0x2027}, {0x202A, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF},
};
static const struct regular_range NOT_NEW_LINE[] = {{0, '\t'}, {'\v', LAST_CODE_POINT}};
/* Parts of the general categories; those that people write in patterns. */
static const struct regular_range LETTER[] = {
    {'A', 'Z'},       {'a', 'z'},       {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x24F},    {0x391, 0x3A1},
    {0x3A3, 0x3A9},   {0x3B1, 0x3C9},   {0x410, 0x44F},   {0x5D0, 0x5EA},   {0x621, 0x63A},   {0x641, 0x64A},
    {0x904, 0x939},   {0x3041, 0x3096}, {0x30A1, 0x30FA}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3},
};
static const struct regular_range UPPER[] = {{'A', 'Z'},     {0xC0, 0xD6},   {0xD8, 0xDE},
                                             {0x391, 0x3A1}, {0x3A3, 0x3A9}, {0x410, 0x42F}};
static const struct regular_range LOWER[] = {{'a', 'z'}, {0xDF, 0xF6}, {0xF8, 0xFF}, {0x3B1, 0x3C9}, {0x430, 0x44F}};
static const struct regular_range PUNCTUATION[] = {{'!', '#'}, {'%', '*'}, {',', '/'}, {':', ';'}, {'?', '@'},
                                                   {'[', ']'}, {'_', '_'}, {'{', '{'}, {'}', '}'}};
static const struct regular_range SYMBOL[] = {{'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'`', '`'},
                                              {'|', '|'}, {'~', '~'}};
static const struct regular_range SEPARATOR[] = {{' ', ' '}, {0xA0, 0xA0}};
static const struct regular_range LATIN[] = {{'A', 'Z'}, {'a', 'z'}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x24F}};
static const struct regular_range GREEK[] = {{0x391, 0x3A1}, {0x3A3, 0x3A9}, {0x3B1, 0x3C9}};
static const struct regular_range CYRILLIC[] = {{0x410, 0x44F}};
static const struct regular_range HAN[] = {{0x4E00, 0x9FFF}};
static const struct regular_range HIRAGANA[] = {{0x3041, 0x3096}};
static const struct regular_range KATAKANA[] = {{0x30A1, 0x30FA}};
static const struct regular_range MARK[] = {{0x300, 0x34E}, {0x350, 0x36F}};
static const struct regular_range CURRENCY[] = {{'$', '$'}, {0xA2, 0xA5}, {0x20A0, 0x20BF}};
static const struct regular_range DASH[] = {{'-', '-'}, {0x2010, 0x2015}};
static const struct regular_range ANY[] = {{0, LAST_CODE_POINT}};
static const struct regular_range FLAG[] = {{0x1F1E6, 0x1F1FF}};
static const struct regular_range PICTOGRAPH[] = {
    {0x1F300, 0x1F320}, {0x1F32D, 0x1F37C}, {0x1F3E0, 0x1F3F0}, {0x1F400, 0x1F43E}, {0x1F600, 0x1F64F},
    {0x1F680, 0x1F6C5}, {0x1F910, 0x1F93A}, {0x1F980, 0x1F9AA},
};
static const struct regular_range EMOJI_COMPONENT[] = {{'#', '#'}, {'*', '*'}, {'0', '9'}, {0x200D, 0x200D},
                                                       {0xFE0F, 0xFE0F}, {0x1F3FB, 0x1F3FF}};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct named_class {
    const char *name;
    const struct regular_range *ranges;
    size_t count;
};

static const struct named_class CATEGORIES[] = {
    {"L", LETTER, COUNT(LETTER)},           {"Letter", LETTER, COUNT(LETTER)},
    {"Alphabetic", LETTER, COUNT(LETTER)},  {"Lu", UPPER, COUNT(UPPER)},
    {"Uppercase", UPPER, COUNT(UPPER)},     {"Uppercase_Letter", UPPER, COUNT(UPPER)},
    {"Ll", LOWER, COUNT(LOWER)},            {"Lowercase", LOWER, COUNT(LOWER)},
    {"Lowercase_Letter", LOWER, COUNT(LOWER)},
    {"N", DIGIT, COUNT(DIGIT)},             {"Nd", DIGIT, COUNT(DIGIT)},
    {"Number", DIGIT, COUNT(DIGIT)},        {"P", PUNCTUATION, COUNT(PUNCTUATION)},
    {"Punctuation", PUNCTUATION, COUNT(PUNCTUATION)},
    {"S", SYMBOL, COUNT(SYMBOL)},           {"Symbol", SYMBOL, COUNT(SYMBOL)},
    {"Z", SEPARATOR, COUNT(SEPARATOR)},     {"Zs", SEPARATOR, COUNT(SEPARATOR)},
    {"Separator", SEPARATOR, COUNT(SEPARATOR)},
    {"Script=Latin", LATIN, COUNT(LATIN)}, {"Script=Greek", GREEK, COUNT(GREEK)},
    {"Script=Cyrillic", CYRILLIC, COUNT(CYRILLIC)}, {"Script=Han", HAN, COUNT(HAN)},
    {"Script=Hiragana", HIRAGANA, COUNT(HIRAGANA)}, {"Script=Katakana", KATAKANA, COUNT(KATAKANA)},
    {"M", MARK, COUNT(MARK)}, {"Mark", MARK, COUNT(MARK)}, {"Mn", MARK, COUNT(MARK)},
    {"Sc", CURRENCY, COUNT(CURRENCY)}, {"Pd", DASH, COUNT(DASH)}, {"Any", ANY, COUNT(ANY)},
    {"Emoji", PICTOGRAPH, COUNT(PICTOGRAPH)},
    {"Regional_Indicator", FLAG, COUNT(FLAG)},
    {"Emoji_Presentation", PICTOGRAPH, COUNT(PICTOGRAPH)},
    {"Extended_Pictographic", PICTOGRAPH, COUNT(PICTOGRAPH)},
    {"Emoji_Component", EMOJI_COMPONENT, COUNT(EMOJI_COMPONENT)},
};

static bool failed(const struct parser *parser)
{
    return parser->what != NULL || regular_failed(parser->regular);
}

static void refuse(struct parser *parser, const char *what)
{
    if (parser->what != NULL)
        return;
    parser->what = what;
    parser->what_at = parser->at;
}

static bool at_end(const struct parser *parser)
{
    return parser->at >= parser->text.len;
}

static char peek(const struct parser *parser)
{
    return at_end(parser) ? '\0' : parser->text.data[parser->at];
}

static bool take(struct parser *parser, char c)
{
    if (at_end(parser) || parser->text.data[parser->at] != c)
        return false;
    parser->at++;
    return true;
}

static bool take_text(struct parser *parser, const char *text)
{
    if (!str_starts(str_slice(parser->text, parser->at, parser->text.len), str_of(text)))
        return false;
    parser->at += strlen(text);
    return true;
}

static uint32_t take_code_point(struct parser *parser)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned char first = (unsigned char)peek(parser);
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; /* JSON text is valid UTF-8 */
    uint32_t value = first & masks[len];
    for (size_t i = 1; i < len && parser->at + i < parser->text.len; i++)
        value = value << 6 | ((unsigned char)parser->text.data[parser->at + i] & 0x3F);
    parser->at += len;
    return value;
}

/* ---- classes ---- */

static void class_add(struct parser *parser, struct class *class, uint32_t low, uint32_t high)
{
    if (class->count == CLASS_RANGES_MAX)
        refuse(parser, "a class of more than 256 ranges");
    else
        class->items[class->count++] = (struct regular_range){low, high};
}

static void class_add_all(struct parser *parser, struct class *class, const struct regular_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        class_add(parser, class, ranges[i].low, ranges[i].high);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct regular_range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

static void class_sort(struct class *class)
{
    if (class->count > 1)
        qsort(class->items, class->count, sizeof(class->items[0]), compare_ranges);
}

/* All characters of [from, last] but those of the class. */
static void class_invert(struct parser *parser, struct class *class, uint32_t from, uint32_t last)
{
    struct class inverse = {.count = 0};
    class_sort(class);
    for (size_t i = 0; i < class->count && from <= last; i++) {
        if (class->items[i].low > from)
            class_add(parser, &inverse, from, class->items[i].low - 1);
        if (class->items[i].high >= from)
            from = class->items[i].high + 1;
    }
    if (from <= last)
        class_add(parser, &inverse, from, last);
    *class = inverse;
}

static regular_set class_set(struct parser *parser, struct class *class)
{
    class_sort(class);
    return regular_class(parser->regular, class->items, class->count);
}

/* \d, \w, \s and categories: of characters outside ASCII some dialects say this, some that. */
static void add_shorthand(struct parser *parser, struct class *class, const struct regular_range *ranges, size_t count,
                          bool is_inverse)
{
    struct class own = {.count = 0};
    class_add_all(parser, &own, ranges, count);
    if (is_inverse)
        class_invert(parser, &own, parser->is_wide ? 0 : 0x20, 0x7E);
    if (parser->is_wide)
        class_add(parser, &own, 0x80, LAST_CODE_POINT);
    class_add_all(parser, class, own.items, own.count);
}

/* \p{Name} or \P{Name}, behind its letter. */
static void add_category(struct parser *parser, struct class *class, bool is_inverse)
{
    ptrdiff_t end = str_find_char(parser->text, '}', parser->at);
    if (!take(parser, '{') || end < 0) {
        refuse(parser, "\\p without the name of a category");
        return;
    }
    struct str name = str_slice(parser->text, parser->at, (size_t)end);
    for (size_t i = 0; i < COUNT(CATEGORIES); i++) {
        if (!str_eq(name, str_of(CATEGORIES[i].name)))
            continue;
        add_shorthand(parser, class, CATEGORIES[i].ranges, CATEGORIES[i].count, is_inverse);
        parser->at = (size_t)end + 1;
        return;
    }
    refuse(parser, "\\p with a category that is not known here");
}

static bool add_class_escape(struct parser *parser, struct class *class, char c)
{
    parser->at++;
    switch (c) {
    case 'd':
    case 'D':
        add_shorthand(parser, class, DIGIT, COUNT(DIGIT), c == 'D');
        return true;
    case 'w':
    case 'W':
        add_shorthand(parser, class, WORD, COUNT(WORD), c == 'W');
        return true;
    case 's':
        add_shorthand(parser, class, SPACE, COUNT(SPACE), false);
        return true;
    case 'S':
        if (parser->is_wide)
            add_shorthand(parser, class, SPACE, COUNT(SPACE), true);
        else
            class_add_all(parser, class, NOT_SPACE, COUNT(NOT_SPACE));
        return true;
    case 'p':
    case 'P':
        add_category(parser, class, c == 'P');
        return true;
    default:
        parser->at--;
        return false;
    }
}

static uint32_t take_hex(struct parser *parser, size_t digits)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = peek(parser);
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            refuse(parser, "an escape without its digits");
            return 0;
        }
        value = value << 4 | digit;
        parser->at++;
    }
    return value;
}

/* Behind \u: four digits, two halves of four, or any number in braces. */
static uint32_t take_unicode(struct parser *parser)
{
    if (take(parser, '{')) {
        ptrdiff_t end = str_find_char(parser->text, '}', parser->at);
        size_t digits = end < 0 ? 0 : (size_t)end - parser->at;
        uint32_t value = digits >= 1 && digits <= 6 ? take_hex(parser, digits) : 0;
        if (!take(parser, '}') || digits == 0 || value > LAST_CODE_POINT)
            refuse(parser, "an escape without its digits");
        return value;
    }
    uint32_t value = take_hex(parser, 4);
    if (value >= 0xD800 && value < 0xDC00 && take_text(parser, "\\u")) {
        uint32_t low = take_hex(parser, 4);
        return 0x10000 + ((value - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF);
    }
    return value;
}

static uint32_t take_letter_escape(struct parser *parser, bool in_class)
{
    static const char controls[][2] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'v', '\v'}, {'0', '\0'}};
    char c = peek(parser);
    parser->at++;
    if (c == 'x')
        return take_hex(parser, 2);
    if (c == 'u')
        return take_unicode(parser);
    if (c == 'b' && in_class)
        return '\b';
    for (size_t i = 0; i < COUNT(controls); i++)
        if (controls[i][0] == c)
            return (unsigned char)controls[i][1];
    parser->at--;
    refuse(parser, "an escape of unknown meaning (back-references, \\b)");
    return 0;
}

/* Behind a backslash. Adds what it stands for; true when that is one
 * character, which *single then holds. */
static bool take_escape(struct parser *parser, struct class *class, bool in_class, uint32_t *single)
{
    char c = peek(parser);
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    *single = 0;
    if (add_class_escape(parser, class, c))
        return false;
    if (at_end(parser))
        refuse(parser, "a backslash at its end");
    else
        *single = is_letter ? take_letter_escape(parser, in_class) : take_code_point(parser);
    class_add(parser, class, *single, *single);
    return true;
}

/* One member of [...], or the left end of a range. */
static bool take_class_member(struct parser *parser, struct class *class, uint32_t *single)
{
    if (take(parser, '\\'))
        return take_escape(parser, class, true, single);
    *single = take_code_point(parser);
    class_add(parser, class, *single, *single);
    return true;
}

static void take_class_members(struct parser *parser, struct class *class)
{
    while (!failed(parser) && !at_end(parser) && peek(parser) != ']') {
        uint32_t low, high;
        bool is_single = take_class_member(parser, class, &low);
        struct str rest = str_slice(parser->text, parser->at, parser->text.len);
        if (rest.len < 2 || rest.data[0] != '-' || rest.data[1] == ']')
            continue;
        parser->at++;
        if (!is_single) { /* as in [\w-.]: the dash is one */
            class_add(parser, class, '-', '-');
            continue;
        }
        struct class ignored = {.count = 0};
        if (!take_class_member(parser, &ignored, &high) || high < low)
            refuse(parser, "a range without two ends in order");
        else
            class_add(parser, class, low, high);
    }
}

static regular_set parse_class(struct parser *parser)
{
    struct class class = {.count = 0};
    bool was_wide = parser->is_wide, is_inverse = take(parser, '^');
    if (peek(parser) == ']')
        refuse(parser, "an empty class");
    parser->is_wide = was_wide != is_inverse;
    take_class_members(parser, &class);
    parser->is_wide = was_wide;
    if (!take(parser, ']'))
        refuse(parser, "a class without an end");
    if (is_inverse)
        class_invert(parser, &class, was_wide ? 0 : 0x20, LAST_CODE_POINT);
    regular_set set = class_set(parser, &class);
    if (set == REGULAR_NOTHING)
        refuse(parser, "a class without a character that JSON text can hold");
    return set;
}

/* ---- sequences ---- */

static bool piece_add(struct parser *parser, struct pieces *pieces, struct piece piece)
{
    void *items = pieces->items;
    if (!mem_grow(&items, pieces->count, &pieces->cap, sizeof(*pieces->items))) {
        parser->regular->is_out_of_memory = true;
        return false;
    }
    pieces->items = items;
    pieces->items[pieces->count++] = piece;
    return true;
}

static regular_set parse_alternatives(struct parser *parser, regular_set head, regular_set tail);

static regular_set everything(struct parser *parser)
{
    return regular_not(parser->regular, REGULAR_NOTHING);
}

/* Cuts `behind`, all that follows, with what a look-ahead asks for. */
static regular_set look_ahead(struct parser *parser, const struct piece *piece, regular_set behind)
{
    regular_set asked = regular_sequence(parser->regular, piece->set, everything(parser));
    if (piece->kind == PIECE_NOT_AHEAD)
        asked = regular_not(parser->regular, asked);
    return regular_both(parser->regular, asked, behind);
}

static regular_set look_behind(struct parser *parser, const struct piece *piece, regular_set before)
{
    regular_set asked = regular_sequence(parser->regular, everything(parser), piece->set);
    if (piece->kind == PIECE_NOT_BEHIND)
        asked = regular_not(parser->regular, asked);
    return regular_both(parser->regular, before, asked);
}

/* Reads a group again, now that it is known what follows. */
static regular_set group_again(struct parser *parser, const struct piece *piece, regular_set behind)
{
    struct parser inner = *parser;
    inner.text.len = piece->to;
    inner.at = piece->from;
    inner.depth++;
    regular_set set = parse_alternatives(&inner, REGULAR_EMPTY, behind);
    if (inner.what != NULL && parser->what == NULL) {
        parser->what = inner.what;
        parser->what_at = inner.what_at;
    }
    return set;
}

/* The pieces from `from` to `to`, with `behind` after them. */
static regular_set fold(struct parser *parser, const struct piece *pieces, size_t from, size_t to, regular_set behind)
{
    for (size_t i = to; i > from && !failed(parser); i--) {
        const struct piece *piece = &pieces[i - 1];
        switch (piece->kind) {
        case PIECE_SET:
            behind = regular_sequence(parser->regular, piece->set, behind);
            break;
        case PIECE_AHEAD:
        case PIECE_NOT_AHEAD:
            behind = look_ahead(parser, piece, behind);
            break;
        case PIECE_GROUP:
            behind = group_again(parser, piece, behind);
            break;
        case PIECE_BEHIND:
        case PIECE_NOT_BEHIND:
            refuse(parser, "a look-behind in a place that is not supported");
            break;
        }
    }
    return behind;
}

static bool is_look_ahead(const struct piece *piece)
{
    return piece->kind == PIECE_AHEAD || piece->kind == PIECE_NOT_AHEAD;
}

/* A sequence with a look-behind: look-aheads and ^ first, then what the
 * look-behind sees, all of the string before it. */
static regular_set fold_behind(struct parser *parser, const struct pieces *pieces, size_t look, regular_set tail)
{
    size_t first = 0;
    while (first < look && is_look_ahead(&pieces->items[first]))
        first++;
    bool has_begin = first < look && pieces->items[first].kind == PIECE_SET &&
                     parser->regular->terms[pieces->items[first].set].kind == REGULAR_BEGIN;
    first++;
    for (size_t i = first; i < look; i++)
        has_begin = has_begin && pieces->items[i].kind == PIECE_SET;
    if (!has_begin || parser->depth > 0) {
        refuse(parser, "a look-behind in a place that is not supported");
        return REGULAR_NOTHING;
    }
    regular_set before = fold(parser, pieces->items, first, look, REGULAR_EMPTY);
    before = look_behind(parser, &pieces->items[look], before);
    regular_set behind = fold(parser, pieces->items, look + 1, pieces->count, tail);
    return fold(parser, pieces->items, 0, first, regular_sequence(parser->regular, before, behind));
}

static regular_set fold_all(struct parser *parser, const struct pieces *pieces, regular_set head, regular_set tail)
{
    regular_set set = REGULAR_NOTHING;
    size_t look = 0;
    while (look < pieces->count && pieces->items[look].kind != PIECE_BEHIND &&
           pieces->items[look].kind != PIECE_NOT_BEHIND)
        look++;
    if (look < pieces->count)
        set = fold_behind(parser, pieces, look, tail);
    else
        set = fold(parser, pieces->items, 0, pieces->count, tail);
    return regular_sequence(parser->regular, head, set);
}

/* ---- groups ---- */

/* ^ takes nothing, so a look-ahead behind it may begin with another: it is put
 * before the ^, and may begin with that one or behind it. */
static void put_before_begin(struct parser *parser, struct pieces *pieces)
{
    struct regular *regular = parser->regular;
    size_t at = pieces->count - 1;
    struct piece look = pieces->items[at];
    if (at == 0 || !is_look_ahead(&look) || pieces->items[at - 1].kind != PIECE_SET ||
        regular->terms[pieces->items[at - 1].set].kind != REGULAR_BEGIN)
        return;
    regular_set begin = pieces->items[at - 1].set;
    look.set = regular_either(regular, look.set, regular_sequence(regular, begin, look.set));
    pieces->items[at] = pieces->items[at - 1];
    pieces->items[at - 1] = look;
}

/* Behind "(?" of a look-around: its pattern, for which \w and its kind are
 * turned around when it must not match. */
static void parse_look(struct parser *parser, struct pieces *pieces, enum piece_kind kind)
{
    bool was_wide = parser->is_wide;
    if (kind == PIECE_NOT_AHEAD || kind == PIECE_NOT_BEHIND)
        parser->is_wide = !was_wide;
    parser->depth++;
    struct piece piece = {.kind = kind, .set = parse_alternatives(parser, REGULAR_EMPTY, REGULAR_EMPTY)};
    parser->depth--;
    parser->is_wide = was_wide;
    parser->has_look = true;
    if (!take(parser, ')'))
        refuse(parser, "a group without an end");
    if (piece_add(parser, pieces, piece))
        put_before_begin(parser, pieces);
}

/* ?:, ?<name> and ?P<name> are groups like others. */
static void skip_group_name(struct parser *parser)
{
    if (!take(parser, '?') || take(parser, ':'))
        return;
    take(parser, 'P');
    ptrdiff_t end = str_find_char(parser->text, '>', parser->at);
    if (peek(parser) == '<' && end > 0)
        parser->at = (size_t)end + 1;
    else
        refuse(parser, "a group of unknown meaning");
}

/* Behind '('. False when it was a look-around, which is no atom. */
static bool parse_group(struct parser *parser, struct pieces *pieces, struct piece *piece)
{
    static const struct {
        const char *text;
        enum piece_kind kind;
    } looks[] = {{"?=", PIECE_AHEAD}, {"?!", PIECE_NOT_AHEAD}, {"?<=", PIECE_BEHIND}, {"?<!", PIECE_NOT_BEHIND}};
    if (parser->depth >= PATTERN_DEPTH_MAX) {
        refuse(parser, "too many groups inside groups");
        return false;
    }
    for (size_t i = 0; i < COUNT(looks); i++)
        if (take_text(parser, looks[i].text)) {
            parse_look(parser, pieces, looks[i].kind);
            return false;
        }
    bool had_look = parser->has_look;
    skip_group_name(parser);
    piece->from = parser->at;
    parser->has_look = false;
    parser->depth++;
    piece->set = parse_alternatives(parser, REGULAR_EMPTY, REGULAR_EMPTY);
    parser->depth--;
    piece->to = parser->at;
    piece->kind = parser->has_look ? PIECE_GROUP : PIECE_SET;
    parser->has_look = parser->has_look || had_look;
    if (!take(parser, ')'))
        refuse(parser, "a group without an end");
    return true;
}

static regular_set parse_character(struct parser *parser)
{
    struct class class = {.count = 0};
    uint32_t single;
    if (take(parser, '\\')) {
        take_escape(parser, &class, false, &single);
    } else if (take(parser, '.')) {
        if (parser->is_wide)
            class_add_all(parser, &class, NOT_NEW_LINE, COUNT(NOT_NEW_LINE));
        else
            class_add_all(parser, &class, NOT_LINE_END, COUNT(NOT_LINE_END));
    } else {
        single = take_code_point(parser);
        class_add(parser, &class, single, single);
    }
    regular_set set = class_set(parser, &class);
    if (set == REGULAR_NOTHING && !failed(parser))
        refuse(parser, "a character that JSON text can't hold");
    return set;
}

/* ---- repetitions ---- */

static bool take_number(struct parser *parser, uint32_t *value)
{
    size_t from = parser->at;
    for (*value = 0; peek(parser) >= '0' && peek(parser) <= '9'; parser->at++)
        if (*value <= PATTERN_REPEAT_MAX)
            *value = *value * 10 + (uint32_t)(peek(parser) - '0');
    if (*value > PATTERN_REPEAT_MAX)
        refuse(parser, "a repetition of more than a million times");
    return parser->at > from;
}

/* {m}, {m,} or {m,n}; anything else is left alone: the bracket is a character. */
static bool take_braces(struct parser *parser, uint32_t *min, uint32_t *max)
{
    size_t from = parser->at;
    if (take(parser, '{') && take_number(parser, min)) {
        *max = *min;
        if (take(parser, ',') && !take_number(parser, max))
            *max = REGULAR_UNBOUNDED;
        if (take(parser, '}')) {
            if (*min > *max)
                refuse(parser, "a repetition whose counts are not in order");
            return true;
        }
    }
    parser->at = from;
    return false;
}

static bool take_repetition(struct parser *parser, uint32_t *min, uint32_t *max)
{
    *min = 0;
    *max = REGULAR_UNBOUNDED;
    if (take(parser, '*')) {
        /* as set */
    } else if (take(parser, '+')) {
        *min = 1;
    } else if (take(parser, '?')) {
        *max = 1;
    } else if (!take_braces(parser, min, max)) {
        return false;
    }
    take(parser, '?'); /* how eagerly it matches changes nothing here */
    return true;
}

/* Python's $ also stands before a line feed that is the last character. */
static regular_set end_mark(struct parser *parser)
{
    struct regular *regular = parser->regular;
    regular_set end = regular_mark(regular, REGULAR_END);
    if (!parser->is_wide)
        return end;
    return regular_either(regular, end, regular_sequence(regular, regular_text(regular, STR("\n")), end));
}

static void parse_piece(struct parser *parser, struct pieces *pieces)
{
    struct piece piece = {.kind = PIECE_SET};
    uint32_t min, max;
    if (take(parser, '^')) {
        piece.set = regular_mark(parser->regular, REGULAR_BEGIN);
    } else if (take(parser, '$')) {
        piece.set = end_mark(parser);
    } else if (take(parser, '(')) {
        if (!parse_group(parser, pieces, &piece))
            return;
    } else if (take(parser, '[')) {
        piece.set = parse_class(parser);
    } else if (strchr("*+?", peek(parser)) != NULL) {
        refuse(parser, "a repetition of nothing");
        return;
    } else {
        piece.set = parse_character(parser);
    }
    if (!failed(parser) && take_repetition(parser, &min, &max)) {
        if (piece.kind == PIECE_GROUP)
            refuse(parser, "a look-around inside of something that is repeated");
        piece.set = regular_repeat(parser->regular, piece.set, min, max);
    }
    piece_add(parser, pieces, piece);
}

static regular_set parse_sequence(struct parser *parser, regular_set head, regular_set tail)
{
    struct pieces pieces = {0};
    while (!at_end(parser) && peek(parser) != '|' && peek(parser) != ')' && !failed(parser))
        parse_piece(parser, &pieces);
    regular_set set = failed(parser) ? REGULAR_NOTHING : fold_all(parser, &pieces, head, tail);
    mem_free(pieces.items);
    return set;
}

static regular_set parse_alternatives(struct parser *parser, regular_set head, regular_set tail)
{
    regular_set set = REGULAR_NOTHING;
    do {
        set = regular_either(parser->regular, parse_sequence(parser, head, tail), set);
    } while (!failed(parser) && take(parser, '|'));
    return set;
}

bool regular_parse(struct regular *regular, struct str pattern, bool is_wide, regular_set *set, const char **what,
                   size_t *at)
{
    struct parser parser = {.regular = regular, .text = pattern, .is_wide = is_wide};
    *set = REGULAR_NOTHING;
    *what = NULL;
    if (pattern.len > PATTERN_BYTES_MAX)
        refuse(&parser, "more than 16,384 bytes");
    regular_set any = regular_repeat(regular, regular_character(regular), 0, REGULAR_UNBOUNDED);
    regular_set head = regular_sequence(regular, regular_mark(regular, REGULAR_BEGIN), any);
    regular_set tail = regular_sequence(regular, any, regular_mark(regular, REGULAR_END));
    regular_set marked = REGULAR_NOTHING;
    if (!failed(&parser))
        marked = parse_alternatives(&parser, regular_either(regular, REGULAR_EMPTY, head),
                                    regular_either(regular, REGULAR_EMPTY, tail));
    if (!failed(&parser) && !at_end(&parser))
        refuse(&parser, "a closing bracket without its opening one");
    *what = parser.what;
    *at = parser.what_at;
    if (failed(&parser))
        return false;
    *set = regular_without_marks(regular, marked);
    return !regular_failed(regular);
}
