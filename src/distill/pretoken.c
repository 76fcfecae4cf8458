/* pretoken.c - the two patterns by which text is cut before merges, by hand, since they are looked for in every byte
 * that is trained on. See pretoken.h. */
#include "distill/pretoken.h"

/* --- characters ------------------------------------------------------------------------------------- */

struct range {
    uint32_t first, last;
    enum char_class class;
};

/* Beyond ASCII, in order; what lies between is a letter. */
static const struct range ranges[] = {
    {0x0080, 0x0084, CHAR_OTHER},  {0x0085, 0x0085, CHAR_SPACE},  {0x0086, 0x009f, CHAR_OTHER},
    {0x00a0, 0x00a0, CHAR_SPACE},  {0x00a1, 0x00a9, CHAR_OTHER},  {0x00ab, 0x00b1, CHAR_OTHER},
    {0x00b2, 0x00b3, CHAR_NUMBER}, {0x00b4, 0x00b4, CHAR_OTHER},  {0x00b6, 0x00b8, CHAR_OTHER},
    {0x00b9, 0x00b9, CHAR_NUMBER}, {0x00bb, 0x00bb, CHAR_OTHER},  {0x00bc, 0x00be, CHAR_NUMBER},
    {0x00bf, 0x00bf, CHAR_OTHER},  {0x00d7, 0x00d7, CHAR_OTHER},  {0x00f7, 0x00f7, CHAR_OTHER},
    {0x02c2, 0x02c5, CHAR_OTHER},  {0x02d2, 0x02df, CHAR_OTHER},  {0x02e5, 0x02eb, CHAR_OTHER},
    {0x02ed, 0x02ed, CHAR_OTHER},  {0x02ef, 0x036f, CHAR_OTHER},  {0x0375, 0x0375, CHAR_OTHER},
    {0x037e, 0x037e, CHAR_OTHER},  {0x0384, 0x0385, CHAR_OTHER},  {0x0387, 0x0387, CHAR_OTHER},
    {0x03f6, 0x03f6, CHAR_OTHER},  {0x0482, 0x0489, CHAR_OTHER},  {0x1680, 0x1680, CHAR_SPACE},
    {0x2000, 0x200a, CHAR_SPACE},  {0x200b, 0x2027, CHAR_OTHER},  {0x2028, 0x2029, CHAR_SPACE},
    {0x202a, 0x202e, CHAR_OTHER},  {0x202f, 0x202f, CHAR_SPACE},  {0x2030, 0x205e, CHAR_OTHER},
    {0x205f, 0x205f, CHAR_SPACE},  {0x2060, 0x206f, CHAR_OTHER},  {0x2070, 0x2070, CHAR_NUMBER},
    {0x2072, 0x2073, CHAR_OTHER},  {0x2074, 0x2079, CHAR_NUMBER}, {0x207a, 0x207e, CHAR_OTHER},
    {0x2080, 0x2089, CHAR_NUMBER}, {0x208a, 0x208f, CHAR_OTHER},  {0x20a0, 0x2101, CHAR_OTHER},
    {0x2103, 0x2106, CHAR_OTHER},  {0x2108, 0x2109, CHAR_OTHER},  {0x2114, 0x2114, CHAR_OTHER},
    {0x2116, 0x2118, CHAR_OTHER},  {0x211e, 0x2123, CHAR_OTHER},  {0x2150, 0x2182, CHAR_NUMBER},
    {0x2185, 0x2189, CHAR_NUMBER}, {0x218a, 0x245f, CHAR_OTHER},  {0x2460, 0x249b, CHAR_NUMBER},
    {0x249c, 0x24e9, CHAR_OTHER},  {0x24ea, 0x24ff, CHAR_NUMBER}, {0x2500, 0x2775, CHAR_OTHER},
    {0x2776, 0x2793, CHAR_NUMBER}, {0x2794, 0x2bff, CHAR_OTHER},  {0x2e00, 0x2fff, CHAR_OTHER},
    {0x3000, 0x3000, CHAR_SPACE},  {0x3001, 0x3004, CHAR_OTHER},  {0x3008, 0x3020, CHAR_OTHER},
    {0xe000, 0xf8ff, CHAR_OTHER},  {0xfe00, 0xfe6f, CHAR_OTHER},  {0xff01, 0xff0f, CHAR_OTHER},
    {0xff10, 0xff19, CHAR_NUMBER}, {0xff1a, 0xff20, CHAR_OTHER},  {0xfff0, 0xffff, CHAR_OTHER},
    {0x1f000, 0x1faff, CHAR_OTHER},
};

static enum char_class ascii_class(uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return CHAR_LETTER;
    if (c >= '0' && c <= '9')
        return CHAR_NUMBER;
    if (c == '\r' || c == '\n')
        return CHAR_NEWLINE;
    return c == ' ' || (c >= '\t' && c <= '\r') ? CHAR_SPACE : CHAR_OTHER;
}

enum char_class pretoken_class(uint32_t code_point)
{
    if (code_point < 0x80)
        return ascii_class(code_point);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code_point <= ranges[i].last)
            return code_point >= ranges[i].first ? ranges[i].class : CHAR_LETTER;
    return CHAR_LETTER;
}

/* Length and class of the character at `at`; length 0 behind the end. */
static size_t char_at(struct str text, size_t at, enum char_class *class)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    *class = CHAR_OTHER;
    if (at >= text.len)
        return 0;
    const uint8_t *bytes = (const uint8_t *)text.data + at;
    size_t len = lengths[bytes[0] >> 4];
    if (len == 1) {
        *class = bytes[0] < 0x80 ? ascii_class(bytes[0]) : CHAR_OTHER;
        return 1;
    }
    if (at + len > text.len || !str_is_utf8((struct str){text.data + at, len}))
        return 1;
    uint32_t code_point = bytes[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        code_point = code_point << 6 | (bytes[i] & 0x3f);
    *class = pretoken_class(code_point);
    return len;
}

/* --- the alternatives of the expression, each giving the end of its match or `at` ---------------- */

static size_t match_contraction(struct str text, size_t at)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (at >= text.len || text.data[at] != '\'')
        return at;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct str ending = str_of(endings[i]);
        struct str found = str_slice(text, at + 1, at + 1 + ending.len);
        if (str_eq_nocase(found, ending))
            return at + 1 + ending.len;
    }
    return at;
}

static size_t skip_class(struct str text, size_t at, enum char_class wanted)
{
    enum char_class class;
    for (size_t len; (len = char_at(text, at, &class)) && class == wanted;)
        at += len;
    return at;
}

static size_t match_word(struct str text, size_t at)
{
    enum char_class class;
    size_t len = char_at(text, at, &class), from = at;
    if (class == CHAR_SPACE || class == CHAR_OTHER)
        from += len;
    size_t end = skip_class(text, from, CHAR_LETTER);
    return end > from ? end : at;
}

static size_t match_symbols(struct str text, size_t at)
{
    size_t from = text.data[at] == ' ' ? at + 1 : at;
    size_t end = skip_class(text, from, CHAR_OTHER);
    return end > from ? skip_class(text, end, CHAR_NEWLINE) : at;
}

/* White space: up to its last newline when it has one; else all of it at the
 * end of the text, and all but the last character before a word. */
static size_t match_space(struct str text, size_t at)
{
    enum char_class class;
    size_t end = at, last = at, newline = at;
    for (size_t len; (len = char_at(text, end, &class)) && (class == CHAR_SPACE || class == CHAR_NEWLINE);) {
        last = end;
        end += len;
        if (class == CHAR_NEWLINE)
            newline = end;
    }
    if (newline > at)
        return newline;
    return end == text.len || last == at ? end : last;
}

/* Up to `most` numerals. */
static size_t match_number(struct str text, size_t at, uint32_t most)
{
    enum char_class class;
    for (size_t len; most && (len = char_at(text, at, &class)) && class == CHAR_NUMBER; most--)
        at += len;
    return at;
}

bool pretoken_next(struct str *rest, struct str *piece, uint32_t digits)
{
    if (rest->len == 0)
        return false;
    size_t end = match_contraction(*rest, 0);
    if (end == 0)
        end = match_word(*rest, 0);
    if (end == 0)
        end = match_number(*rest, 0, digits);
    if (end == 0)
        end = match_symbols(*rest, 0);
    if (end == 0)
        end = match_space(*rest, 0);
    *piece = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->len);
    return true;
}
