/* Copies values out of JSON text, string by string. */
#include "core/json_copy.h"

#include <stdio.h>

#include "core/util.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str skip_space(struct str text)
{
    size_t at = 0;
    while (at < text.len && is_space(text.data[at]))
        at++;
    return str_slice(text, at, text.len);
}

/* Length of the string at the beginning of `text`, its quotes included. */
static size_t string_len(struct str text)
{
    size_t at = 1;
    while (at < text.len && text.data[at] != '"')
        at += text.data[at] == '\\' ? 2 : 1;
    return at < text.len ? at + 1 : text.len;
}

/* Length of the value at the beginning of `text`. */
static size_t value_len(struct str text)
{
    size_t depth = 0, at = 0;
    while (at < text.len) {
        const char c = text.data[at];
        const bool is_end = c == '}' || c == ']';
        if (depth == 0 && (is_end || c == ',' || is_space(c)))
            return at;
        at += c == '"' ? string_len(str_slice(text, at, text.len)) : 1;
        depth += c == '{' || c == '[';
        depth -= is_end;
        if (depth == 0 && (is_end || c == '"'))
            return at;
    }
    return text.len;
}

static bool is_name(struct str key, const char *name)
{
    if (str_find_char(key, '\\', 0) < 0)
        return key.len >= 2 && str_eq(str_slice(key, 1, key.len - 1), str_of(name));
    struct buf text;
    buf_init(&text, key.len + 8);
    const bool is_same = json_copy_string(&text, key) && str_eq(buf_str(&text), str_of(name));
    buf_deinit(&text);
    return is_same;
}

struct str json_copy_find(struct str text, const char *name)
{
    const struct str none = {NULL, 0};
    text = skip_space(text);
    if (text.len == 0 || text.data[0] != '{')
        return none;
    text = skip_space(str_slice(text, 1, text.len));
    while (text.len > 0 && text.data[0] == '"') {
        const size_t key_len = string_len(text);
        const struct str key = str_slice(text, 0, key_len);
        text = skip_space(str_slice(text, key_len, text.len));
        text = skip_space(str_slice(text, 1, text.len)); /* the colon */
        const size_t len = value_len(text);
        if (is_name(key, name))
            return str_slice(text, 0, len);
        text = skip_space(str_slice(text, len, text.len));
        text = skip_space(str_slice(text, 1, text.len)); /* the comma */
    }
    return none;
}

bool json_copy_element(struct str *rest, struct str *element)
{
    struct str text = skip_space(*rest);
    const bool is_first = text.len > 0 && text.data[0] == '[';
    if (!is_first && (text.len == 0 || (text.data[0] != ',' && text.data[0] != ']')))
        return false;
    const bool is_end = text.data[0] == ']';
    text = skip_space(str_slice(text, 1, text.len));
    if (is_first && text.len > 0 && text.data[0] == ']')
        text = skip_space(str_slice(text, 1, text.len));
    else if (!is_end) {
        const size_t len = value_len(text);
        *element = str_slice(text, 0, len);
        *rest = str_slice(text, len, text.len);
        return len > 0;
    }
    *rest = text;
    return false;
}

/* --- strings ---------------------------------------------------------------------------------------- */

static unsigned hex4(struct str text)
{
    unsigned value = 0;
    for (size_t i = 0; i < 4 && i < text.len; i++)
        value = value << 4 | ((unsigned)hex_digit(text.data[i]) & 15u);
    return value;
}

static void append_utf8(struct buf *out, unsigned code)
{
    char bytes[4];
    size_t len = 0;
    if (code < 0x80) {
        bytes[len++] = (char)code;
    } else if (code < 0x800) {
        bytes[len++] = (char)(0xC0 | code >> 6);
        bytes[len++] = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        bytes[len++] = (char)(0xE0 | code >> 12);
        bytes[len++] = (char)(0x80 | (code >> 6 & 63));
        bytes[len++] = (char)(0x80 | (code & 63));
    } else {
        bytes[len++] = (char)(0xF0 | code >> 18);
        bytes[len++] = (char)(0x80 | (code >> 12 & 63));
        bytes[len++] = (char)(0x80 | (code >> 6 & 63));
        bytes[len++] = (char)(0x80 | (code & 63));
    }
    buf_append(out, bytes, len);
}

/* The character of the escape at the beginning of `text`; *len is how long that is. */
static unsigned read_escape(struct str text, size_t *len)
{
    static const char letters[] = "bfnrt", characters[] = "\b\f\n\r\t";
    const char c = text.len > 1 ? text.data[1] : '\0';
    *len = 2;
    if (c != 'u') {
        const char *letter = c ? strchr(letters, c) : NULL;
        return letter ? (unsigned char)characters[letter - letters] : (unsigned char)c;
    }
    *len = 6;
    unsigned code = hex4(str_slice(text, 2, 6));
    if (code >= 0xD800 && code < 0xDC00) {
        *len = 12;
        code = 0x10000 + ((code & 0x3FF) << 10 | (hex4(str_slice(text, 8, 12)) & 0x3FF));
    }
    return code;
}

static void append_plain(struct buf *out, unsigned code)
{
    append_utf8(out, code);
}

/* As yyjson writes what can't stand in a string as it is. */
static void append_escaped(struct buf *out, unsigned code)
{
    static const char short_ones[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (code == '"' || code == '\\')
        buf_appendf(out, "\\%c", (char)code);
    else if (code < 0x20 && short_ones[code])
        buf_appendf(out, "\\%c", short_ones[code]);
    else if (code < 0x20)
        buf_appendf(out, "\\u%04X", code);
    else
        append_utf8(out, code);
}

/* What stands between the quotes, each escape through `append`. */
static void copy_inside(struct buf *out, struct str inside, void (*append)(struct buf *out, unsigned code))
{
    while (inside.len > 0) {
        const ptrdiff_t escape = str_find_char(inside, '\\', 0);
        size_t len = escape < 0 ? inside.len : (size_t)escape;
        buf_append(out, inside.data, len);
        inside = str_slice(inside, len, inside.len);
        if (inside.len == 0)
            return;
        append(out, read_escape(inside, &len));
        inside = str_slice(inside, len, inside.len);
    }
}

bool json_copy_string(struct buf *out, struct str value)
{
    if (value.len < 2 || value.data[0] != '"')
        return false;
    copy_inside(out, str_slice(value, 1, value.len - 1), append_plain);
    return !out->failed;
}

bool json_copy_append(struct buf *out, struct str value)
{
    while (value.len > 0) {
        size_t len = 0;
        while (len < value.len && !is_space(value.data[len]) && value.data[len] != '"')
            len++;
        buf_append(out, value.data, len);
        value = str_slice(value, len, value.len);
        if (value.len > 0 && value.data[0] == '"') {
            len = string_len(value);
            buf_append_char(out, '"');
            copy_inside(out, str_slice(value, 1, len - 1), append_escaped);
            buf_append_char(out, '"');
            value = str_slice(value, len, value.len);
        } else {
            value = skip_space(value);
        }
    }
    return !out->failed;
}
