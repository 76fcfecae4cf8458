/* buf.h - growable byte buffer with a mandatory maximum.
 *
 * Failure is sticky: once an append does not fit or memory is out, `failed`
 * stays set, further appends do nothing, and the caller checks once at the
 * end. Any thread, one at a time. Zero (with a max) is a valid empty state. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

struct buf {
    char *data;
    size_t len, cap;
    size_t max; /* bytes; appends past it fail */
    bool failed;
};

void buf_init(struct buf *buf, size_t max);
void buf_deinit(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, clears `failed` */

bool buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes behind len */
size_t buf_cap_with(const struct buf *buf, size_t more); /* `cap` as it will be with them; more fits into max */
bool buf_append(struct buf *buf, const void *data, size_t len);
bool buf_append_str(struct buf *buf, struct str s);
bool buf_append_text(struct buf *buf, const char *text); /* NUL-terminated */
bool buf_append_char(struct buf *buf, char c);
bool buf_append_u64(struct buf *buf, uint64_t value); /* decimal */
bool buf_append_i64(struct buf *buf, int64_t value);
bool buf_append_be16(struct buf *buf, uint16_t value);
bool buf_append_be32(struct buf *buf, uint32_t value);
bool buf_appendf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `"text"` with JSON escapes; invalid UTF-8 bytes become U+FFFD. */
bool buf_append_json(struct buf *buf, struct str s);
bool buf_append_base64(struct buf *buf, const void *data, size_t len);

void buf_consume(struct buf *buf, size_t len); /* drops bytes at the front */
static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data ? buf->data : "", buf->len};
}

/* Decodes standard base64 (padding required, no white space). False on bad input. */
bool base64_decode(struct str text, struct buf *out);

#endif
