/* sigv4_fixture.h - the signing suites: a tar archive read in memory, and HTTP
 * requests as the suites write them down. */
#ifndef TESTS_UNIT_SIGV4_FIXTURE_H
#define TESTS_UNIT_SIGV4_FIXTURE_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/http.h"

#define SUITE_BYTES_MAX (16u << 20)
#define SUITE_HEADERS_MAX 32

/* --- archive --- */

struct suite {
    struct buf tar;
};

static inline void suite_open(struct suite *suite, const char *path)
{
    struct str packed = shared_file_or_skip(path);
    buf_init(&suite->tar, SUITE_BYTES_MAX);
    z_stream stream = {0};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (const Bytef *)packed.data;
    stream.avail_in = (uInt)packed.len;
    for (int status = Z_OK; status != Z_STREAM_END;) {
        assert_true(buf_reserve(&suite->tar, 65536));
        stream.next_out = (Bytef *)suite->tar.data + suite->tar.len;
        stream.avail_out = 65536;
        status = inflate(&stream, Z_NO_FLUSH);
        assert_true(status == Z_OK || status == Z_STREAM_END);
        suite->tar.len += 65536 - stream.avail_out;
    }
    inflateEnd(&stream);
    mem_free((char *)packed.data);
}

/* The next plain file at or after *at; false at the archive's end. */
static inline bool suite_next(const struct suite *suite, size_t *at, struct str *name, struct str *data)
{
    while (*at + 512 <= suite->tar.len && suite->tar.data[*at]) {
        const char *head = suite->tar.data + *at;
        size_t size = strtoul(head + 124, NULL, 8);
        *name = (struct str){head, strnlen(head, 100)};
        *data = (struct str){head + 512, size};
        *at += 512 + (size + 511) / 512 * 512;
        if (head[156] == '0' || head[156] == 0)
            return true;
    }
    return false;
}

/* The file FOLDER/NAME of the archive; data NULL without it. */
static inline struct str suite_file(const struct suite *suite, struct str folder, const char *name)
{
    struct str found, data;
    for (size_t at = 0; suite_next(suite, &at, &found, &data);) {
        if (found.len == folder.len + 1 + strlen(name) && str_starts(found, folder) && str_ends(found, str_of(name)))
            return data;
    }
    return (struct str){NULL, 0};
}

/* --- requests --- */

struct suite_request {
    struct http_request http;
    struct http_header headers[SUITE_HEADERS_MAX];
};

static inline struct str suite_lower(struct arena *arena, struct str text)
{
    char *copy = arena_strdup(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + ('a' - 'A'));
    }
    return (struct str){copy, text.len};
}

static inline void suite_add_header(struct suite_request *request, struct str name, struct str value)
{
    assert_true(request->http.header_count < SUITE_HEADERS_MAX);
    request->headers[request->http.header_count++] = (struct http_header){name, value};
}

static inline void suite_drop_header(struct suite_request *request, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->http.header_count; i++) {
        if (!str_eq(request->headers[i].name, str_of(name)))
            request->headers[kept++] = request->headers[i];
    }
    request->http.header_count = kept;
}

static inline void suite_parse_target(struct suite_request *request, struct str line)
{
    struct http_request *http = &request->http;
    assert_true(str_split(&line, ' ', &http->method));
    if (str_ends(line, STR(" HTTP/1.1")))
        line.len -= 9;
    http->target = line;
    ptrdiff_t mark = str_find_char(line, '?', 0);
    http->path = mark < 0 ? line : str_slice(line, 0, (size_t)mark);
    http->query = mark < 0 ? (struct str){"", 0} : str_slice(line, (size_t)mark + 1, line.len);
}

/* `text`: request line (paths may hold spaces), headers (lines that begin
 * with a space continue the value), an empty line, the body. */
static inline void suite_parse(struct suite_request *request, struct arena *arena, struct str text)
{
    *request = (struct suite_request){0};
    request->http.headers = request->headers;
    struct str line;
    assert_true(str_split(&text, '\n', &line));
    suite_parse_target(request, str_trim(line));
    while (str_split(&text, '\n', &line) && str_trim(line).len) {
        if (line.data[0] == ' ') {
            struct http_header *last = &request->headers[request->http.header_count - 1];
            last->value = arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(last->value), STR_ARG(str_trim(line)));
            continue;
        }
        struct str name;
        assert_true(str_split(&line, ':', &name));
        suite_add_header(request, suite_lower(arena, name), str_trim(line));
    }
    request->http.body = text.data ? text : (struct str){"", 0};
}

#endif
