/* number_code.c - cuts a section of a format code into its signs. What they do to a number is number_render.c's. See
 * number_code.h. */
#include "document/number_code.h"

static struct code_token take(struct str *rest, enum code_sign sign, size_t len)
{
    struct code_token token = {sign, str_slice(*rest, 0, len)};
    *rest = str_slice(*rest, token.text.len, rest->len);
    return token;
}

static struct code_token take_inner(struct str *rest, enum code_sign sign, size_t len, size_t from, size_t to)
{
    struct code_token token = take(rest, sign, len);
    token.text = str_slice(token.text, from, to);
    return token;
}

/* Bytes of the UTF-8 character at `at`. */
static size_t character_len(struct str text, size_t at)
{
    size_t len = at < text.len ? 1 : 0;
    while (at + len < text.len && ((unsigned char)text.data[at + len] & 0xC0) == 0x80)
        len++;
    return len;
}

static bool is_run_of(struct str text, const char *letters)
{
    char first = text.len > 0 ? (char)(text.data[0] | 32) : '\0';
    bool is_run = text.len > 0 && strchr(letters, first) && first;
    for (size_t i = 1; i < text.len; i++)
        is_run = is_run && (text.data[i] | 32) == first;
    return is_run;
}

/* [h], [Red], [>=100], [$EUR-407], [DBNum1] */
static struct code_token take_bracket(struct str *rest)
{
    ptrdiff_t end = str_find_char(*rest, ']', 1);
    size_t len = end < 0 ? rest->len : (size_t)end + 1;
    struct str inner = str_slice(*rest, 1, end < 0 ? rest->len : (size_t)end);
    if (str_starts(inner, STR("$"))) {
        ptrdiff_t dash = str_find_char(inner, '-', 1);
        return take_inner(rest, SIGN_LITERAL, len, 2, 1 + (dash < 0 ? inner.len : (size_t)dash));
    }
    if (inner.len > 0 && strchr("<>=", inner.data[0]))
        return take_inner(rest, SIGN_CONDITION, len, 1, 1 + inner.len);
    if (is_run_of(inner, "hms"))
        return take_inner(rest, SIGN_ELAPSED, len, 1, 1 + inner.len);
    return take(rest, SIGN_NOTHING, len);
}

static struct code_token take_letter(struct str *rest)
{
    char lower = (char)(rest->data[0] | 32), second = rest->len > 1 ? rest->data[1] : '\0';
    size_t len = 1;
    if (str_eq_nocase(str_slice(*rest, 0, 7), STR("general")))
        return take(rest, SIGN_GENERAL, 7);
    if (str_eq_nocase(str_slice(*rest, 0, 5), STR("am/pm")))
        return take(rest, SIGN_HALF_DAY, 5);
    if (str_eq_nocase(str_slice(*rest, 0, 3), STR("a/p")))
        return take(rest, SIGN_HALF_DAY, 3);
    if (lower == 'e' && (second == '+' || second == '-'))
        return take(rest, SIGN_EXPONENT, 2);
    if (!strchr("ymdhsegb", lower))
        return take(rest, SIGN_LITERAL, 1);
    while (len < rest->len && (rest->data[len] | 32) == lower)
        len++;
    return take(rest, SIGN_UNIT, len);
}

struct code_token code_next(struct str *rest)
{
    if (rest->len == 0)
        return (struct code_token){SIGN_END, STR("")};
    char c = rest->data[0], lower = (char)(c | 32);
    ptrdiff_t end;
    switch (c) {
    case '"':
        end = str_find_char(*rest, '"', 1);
        return end < 0 ? take_inner(rest, SIGN_LITERAL, rest->len, 1, rest->len)
                       : take_inner(rest, SIGN_LITERAL, (size_t)end + 1, 1, (size_t)end);
    case '\\': return take_inner(rest, SIGN_LITERAL, 1 + character_len(*rest, 1), 1, rest->len);
    case '_': /* a gap as wide as the next character */
    case '*': /* the next character, as often as there is room */
        return take(rest, SIGN_NOTHING, 1 + character_len(*rest, 1));
    case '[': return take_bracket(rest);
    case '0':
    case '#':
    case '?': return take(rest, SIGN_DIGIT, 1);
    case '.': return take(rest, SIGN_POINT, 1);
    case ',': return take(rest, SIGN_COMMA, 1);
    case '%': return take(rest, SIGN_PERCENT, 1);
    case '/': return take(rest, SIGN_SLASH, 1);
    case '@': return take(rest, SIGN_TEXT, 1);
    default: break;
    }
    return lower >= 'a' && lower <= 'z' ? take_letter(rest) : take(rest, SIGN_LITERAL, character_len(*rest, 0));
}

size_t code_section_len(struct str code)
{
    struct str rest = code;
    while (rest.len > 0 && rest.data[0] != ';')
        (void)code_next(&rest);
    return code.len - rest.len;
}
