/* str.c - comparing, searching, splitting and reading numbers. Owns no bytes. See str.h. */
#include "core/str.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, s.len), suffix);
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from >= to)
        return (struct str){s.data ? s.data + (from < s.len ? from : s.len) : NULL, 0};
    return (struct str){s.data + from, to - from};
}

ptrdiff_t str_find(struct str s, struct str needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from)
        return -1;
    if (needle.len == 0)
        return (ptrdiff_t)from;
    const char *hit = memmem(s.data + from, s.len - from, needle.data, needle.len);
    return hit ? hit - s.data : -1;
}

ptrdiff_t str_find_char(struct str s, char c, size_t from)
{
    if (from >= s.len)
        return -1;
    const char *hit = memchr(s.data + from, c, s.len - from);
    return hit ? hit - s.data : -1;
}

bool str_split(struct str *rest, char separator, struct str *part)
{
    if (!rest->data)
        return false;
    ptrdiff_t at = str_find_char(*rest, separator, 0);
    if (at < 0) {
        *part = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *part = str_slice(*rest, 0, (size_t)at);
    *rest = (struct str){rest->data + at + 1, rest->len - (size_t)at - 1};
    return true;
}

bool str_to_u64(struct str s, uint64_t *value)
{
    if (s.len == 0)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.data[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool str_to_i64(struct str s, int64_t *value)
{
    bool is_negative = s.len > 0 && s.data[0] == '-';
    uint64_t magnitude;
    if (!str_to_u64(is_negative ? str_slice(s, 1, s.len) : s, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
        return false;
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool str_to_double(struct str s, double *value)
{
    char text[64];
    if (s.len == 0 || s.len >= sizeof(text) || is_space(s.data[0]))
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    char *end = NULL;
    errno = 0;
    double parsed = strtod(text, &end);
    if (end != text + s.len || errno == ERANGE)
        return false;
    *value = parsed;
    return true;
}

/* Length of the UTF-8 character that the lead byte announces, 0 for none. */
static size_t utf8_expected_len(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* Second bytes that would make an overlong form, a surrogate or a value past
 * U+10FFFF (Unicode 15, table 3-7). */
static bool utf8_second_is_valid(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second <= 0x9f;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second <= 0x8f;
    default: return true;
    }
}

size_t str_utf8_valid_len(struct str s)
{
    const uint8_t *bytes = (const uint8_t *)s.data;
    size_t at = 0;
    while (at < s.len) {
        size_t len = utf8_expected_len(bytes[at]);
        if (len == 0 || len > s.len - at)
            return at;
        for (size_t i = 1; i < len; i++)
            if ((bytes[at + i] & 0xc0) != 0x80)
                return at;
        if (len > 1 && !utf8_second_is_valid(bytes[at], bytes[at + 1]))
            return at;
        at += len;
    }
    return at;
}

uint64_t str_hash(struct str s)
{
    return XXH3_64bits(s.data ? s.data : "", s.len);
}
