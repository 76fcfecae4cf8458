/* buf.c - appending, with a failure that sticks. Numbers and JSON strings are written here, too. See buf.h. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"

#define BUF_FIRST_CAP ((size_t)256)

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_deinit(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

size_t buf_cap_with(const struct buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : BUF_FIRST_CAP;
    if (more <= buf->cap - buf->len)
        return buf->cap;
    if (cap > buf->max)
        cap = buf->max;
    while (cap - buf->len < more)
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    return cap;
}

bool buf_reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (more <= buf->cap - buf->len)
        return true;
    if (buf->len > buf->max || more > buf->max - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf_cap_with(buf, more);
    char *grown = mem_realloc(buf->data, cap);
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->data = grown;
    buf->cap = cap;
    return true;
}

bool buf_append(struct buf *buf, const void *data, size_t len)
{
    if (!buf_reserve(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

bool buf_append_str(struct buf *buf, struct str s)
{
    return buf_append(buf, s.data, s.len);
}

bool buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_append_char(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

bool buf_append_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return buf_append(buf, digits + at, sizeof(digits) - at);
}

bool buf_append_i64(struct buf *buf, int64_t value)
{
    if (value < 0 && !buf_append_char(buf, '-'))
        return false;
    return buf_append_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

bool buf_append_be16(struct buf *buf, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    return buf_append(buf, bytes, sizeof(bytes));
}

bool buf_append_be32(struct buf *buf, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    return buf_append(buf, bytes, sizeof(bytes));
}

bool buf_appendf(struct buf *buf, const char *format, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    bool ok = len >= 0;
    if (ok && (size_t)len < sizeof(small)) {
        ok = buf_append(buf, small, (size_t)len);
    } else if (ok && (ok = buf_reserve(buf, (size_t)len + 1))) {
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return ok;
}

static void append_escaped_char(struct buf *buf, char c)
{
    switch (c) {
    case '"': buf_append(buf, "\\\"", 2); break;
    case '\\': buf_append(buf, "\\\\", 2); break;
    case '\n': buf_append(buf, "\\n", 2); break;
    case '\r': buf_append(buf, "\\r", 2); break;
    case '\t': buf_append(buf, "\\t", 2); break;
    case '\b': buf_append(buf, "\\b", 2); break;
    case '\f': buf_append(buf, "\\f", 2); break;
    default: buf_appendf(buf, "\\u%04x", (unsigned)(uint8_t)c); break;
    }
}

static bool needs_escape(char c)
{
    return (uint8_t)c < 0x20 || c == '"' || c == '\\';
}

static void append_valid_utf8_json(struct buf *buf, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!needs_escape(s.data[i]))
            continue;
        buf_append(buf, s.data + from, i - from);
        append_escaped_char(buf, s.data[i]);
        from = i + 1;
    }
    buf_append(buf, s.data ? s.data + from : "", s.len - from);
}

bool buf_append_json(struct buf *buf, struct str s)
{
    buf_append_char(buf, '"');
    while (s.len > 0) {
        size_t valid = str_utf8_valid_len(s);
        append_valid_utf8_json(buf, str_slice(s, 0, valid));
        if (valid < s.len) {
            buf_append_text(buf, "\xef\xbf\xbd"); /* U+FFFD */
            valid++;
        }
        s = str_slice(s, valid, s.len);
    }
    buf_append_char(buf, '"');
    return !buf->failed;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool buf_append_base64(struct buf *buf, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    if (len > SIZE_MAX / 2 || !buf_reserve(buf, (len + 2) / 3 * 4))
        return false;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t triple = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                          (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        char *out = buf->data + buf->len;
        out[0] = BASE64[triple >> 18];
        out[1] = BASE64[triple >> 12 & 63];
        out[2] = left > 1 ? BASE64[triple >> 6 & 63] : '=';
        out[3] = left > 2 ? BASE64[triple & 63] : '=';
        buf->len += 4;
    }
    return true;
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str text, struct buf *out)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        bool is_last = i + 4 == text.len;
        size_t padding = 0;
        if (is_last && text.data[i + 3] == '=')
            padding = text.data[i + 2] == '=' ? 2 : 1;
        uint32_t quad = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k >= 4 - padding ? 0 : base64_value(text.data[i + k]);
            if (value < 0)
                return false;
            quad = quad << 6 | (uint32_t)value;
        }
        const uint8_t bytes[3] = {(uint8_t)(quad >> 16), (uint8_t)(quad >> 8), (uint8_t)quad};
        if (!buf_append(out, bytes, 3 - padding))
            return false;
    }
    return true;
}
