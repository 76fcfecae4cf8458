/* script_signs.c - which signs raised and lowered text needs to stay readable in one line. See script_signs.h. */
#include "document/script_signs.h"

static bool is_letter(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct script_signs script_signs(struct str text, bool is_raised, char last, char next)
{
    struct script_signs signs = {"", "", false};
    size_t digits = 0, letters = 0;
    char first = text.len > 0 ? text.data[0] : ' ';
    for (size_t i = 0; i < text.len; i++) {
        digits += is_digit(text.data[i]);
        letters += is_letter(text.data[i]);
    }
    bool is_ordinal = is_raised && letters == text.len && text.len > 1;
    bool is_formula = !is_raised && digits == text.len && is_letter(last) && !is_digit(next);
    if (text.len == 0 || strchr("[(*", first) || strchr(" \n\t", last) || is_ordinal || is_formula)
        return signs;
    bool is_number = digits == text.len || (digits + 1 == text.len && (first == '-' || first == '+'));
    bool is_simple = is_number || letters == text.len;
    signs.open = is_raised ? (is_simple ? "^" : "^(") : is_simple ? "_" : "_(";
    signs.close = is_simple ? "" : ")";
    signs.needs_space = is_simple && (is_digit(next) || is_letter(next)); /* x^2 y is not x^2y */
    return signs;
}
