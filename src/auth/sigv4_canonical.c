/* sigv4_canonical.c - the canonical request of Signature Version 4: path, query and headers in the one form that both
 * sides hash. No keys here. */
#include <stdlib.h>

#include "auth/sigv4.h"
#include "core/util.h"

/* --- percent-encoding --- */

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void append_byte_encoded(struct buf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (is_unreserved(c)) {
        buf_append_char(out, (char)c);
        return;
    }
    const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
    buf_append(out, escape, sizeof(escape));
}

void sigv4_append_encoded(struct buf *out, struct str text, bool keep_slash)
{
    for (size_t i = 0; i < text.len; i++) {
        if (keep_slash && text.data[i] == '/')
            buf_append_char(out, '/');
        else
            append_byte_encoded(out, (unsigned char)text.data[i]);
    }
}

/* The byte at *at, a %XX taken as one. A broken escape stands for itself: the
 * other side signed something, and if it isn't this, the signature says so. */
static unsigned char decode_next(struct str text, size_t *at)
{
    size_t i = (*at)++;
    if (text.data[i] == '%' && i + 2 < text.len) {
        int high = hex_digit(text.data[i + 1]), low = hex_digit(text.data[i + 2]);
        if (high >= 0 && low >= 0) {
            *at = i + 3;
            return (unsigned char)(high << 4 | low);
        }
    }
    return (unsigned char)text.data[i];
}

/* Percent-encoded once in all, whether or not the sender had escaped it. */
static void append_reencoded(struct buf *out, struct str text, bool keep_slash)
{
    for (size_t i = 0; i < text.len;) {
        bool is_slash = text.data[i] == '/';
        unsigned char c = decode_next(text, &i);
        if (keep_slash && is_slash)
            buf_append_char(out, '/');
        else
            append_byte_encoded(out, c);
    }
}

/* --- path --- */

/* Empty, "." and ".." segments go, a closing slash stays unless nothing else
 * is left. Segments grow `out` from `start`, so ".." cuts it back. */
static void append_normalised(struct buf *out, struct str path)
{
    size_t start = out->len;
    bool ends_with_slash = path.len > 0 && path.data[path.len - 1] == '/';
    struct str segment;
    while (str_split(&path, '/', &segment)) {
        if (segment.len == 0 || str_eq(segment, STR(".")))
            continue;
        if (!str_eq(segment, STR(".."))) {
            buf_append_char(out, '/');
            sigv4_append_encoded(out, segment, false);
            continue;
        }
        while (out->len > start && out->data[out->len - 1] != '/')
            out->len--;
        if (out->len > start)
            out->len--;
    }
    if (ends_with_slash || out->len == start)
        buf_append_char(out, '/');
}

static void append_path(struct buf *out, struct str path, struct sigv4_rules rules)
{
    if (path.len == 0)
        buf_append_char(out, '/');
    else if (rules.is_s3)
        append_reencoded(out, path, true);
    else if (rules.keeps_path)
        sigv4_append_encoded(out, path, true);
    else
        append_normalised(out, path);
}

/* --- query --- */

struct parameter {
    struct str name, value; /* encoded */
};

static int compare_str(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_parameters(const void *left, const void *right)
{
    const struct parameter *a = left, *b = right;
    int order = compare_str(a->name, b->name);
    return order ? order : compare_str(a->value, b->value);
}

static void split_parameter(struct str pair, struct str *name, struct str *value)
{
    struct str rest = pair;
    *value = (struct str){"", 0};
    if (!str_split(&rest, '=', name))
        *name = pair;
    if (rest.data)
        *value = rest;
}

/* All parameters re-encoded into `text`, whose memory must not move after. */
static size_t encode_parameters(struct str query, struct buf *text, struct parameter *parameters)
{
    size_t count = 0;
    struct str pair, name, value;
    while (str_split(&query, '&', &pair)) {
        if (pair.len == 0)
            continue;
        split_parameter(pair, &name, &value);
        size_t from = text->len;
        append_reencoded(text, name, false);
        size_t middle = text->len;
        append_reencoded(text, value, false);
        if (text->failed)
            return 0;
        struct parameter parameter = {{text->data + from, middle - from}, {text->data + middle, text->len - middle}};
        if (!str_eq(parameter.name, STR("X-Amz-Signature")))
            parameters[count++] = parameter;
    }
    return count;
}

static bool append_query(struct buf *out, struct str query, struct arena *arena)
{
    if (query.len == 0)
        return true;
    size_t most = 1;
    for (size_t i = 0; i < query.len; i++)
        most += query.data[i] == '&';
    struct parameter *parameters = ARENA_ARRAY(arena, struct parameter, most);
    struct buf text;
    buf_init(&text, query.len * 3);
    bool is_done = parameters && buf_reserve(&text, query.len * 3);
    if (is_done) {
        size_t count = encode_parameters(query, &text, parameters);
        if (count)
            qsort(parameters, count, sizeof(*parameters), compare_parameters);
        for (size_t i = 0; i < count; i++) {
            if (i)
                buf_append_char(out, '&');
            buf_append_str(out, parameters[i].name);
            buf_append_char(out, '=');
            buf_append_str(out, parameters[i].value);
        }
    }
    buf_deinit(&text);
    return is_done;
}

struct str sigv4_query_value(struct str query, struct str name, char **room)
{
    struct str pair, found, value;
    while (str_split(&query, '&', &pair)) {
        split_parameter(pair, &found, &value);
        if (!str_eq(found, name))
            continue;
        char *decoded = *room;
        size_t len = 0;
        for (size_t i = 0; i < value.len;)
            decoded[len++] = (char)decode_next(value, &i);
        decoded[len] = '\0';
        *room += len + 1;
        return (struct str){decoded, len};
    }
    return (struct str){NULL, 0};
}

/* --- headers --- */

static void append_collapsed(struct buf *out, struct str value)
{
    bool was_space = false;
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (!is_space)
            buf_append_char(out, c);
        else if (!was_space)
            buf_append_char(out, ' ');
        was_space = is_space;
    }
}

static void append_headers(struct buf *out, const struct http_request *request, struct str signed_headers)
{
    struct str name;
    while (str_split(&signed_headers, ';', &name)) {
        buf_append_str(out, name);
        buf_append_char(out, ':');
        bool is_first = true;
        for (size_t i = 0; i < request->header_count; i++) {
            if (!str_eq(request->headers[i].name, name))
                continue;
            if (!is_first)
                buf_append_char(out, ',');
            append_collapsed(out, request->headers[i].value);
            is_first = false;
        }
        buf_append_char(out, '\n');
    }
}

bool sigv4_canonical_request(const struct http_request *request, struct str query, struct str signed_headers,
                             struct str payload_hash, struct sigv4_rules rules, struct arena *arena, struct buf *out)
{
    buf_append_str(out, request->method);
    buf_append_char(out, '\n');
    append_path(out, request->path, rules);
    buf_append_char(out, '\n');
    if (!append_query(out, query, arena))
        return false;
    buf_append_char(out, '\n');
    append_headers(out, request, signed_headers);
    buf_append_char(out, '\n');
    buf_append_str(out, signed_headers);
    buf_append_char(out, '\n');
    buf_append_str(out, payload_hash);
    return !out->failed;
}
