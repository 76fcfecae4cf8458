/* text_out.h - where extracted text goes: a buffer whose maximum is the limit
 * on text, and that tells a text too long from memory that is out. One thread
 * at a time. */
#ifndef DOCUMENT_TEXT_OUT_H
#define DOCUMENT_TEXT_OUT_H

#include "core/buf.h"
#include "core/error.h"

struct text_out {
    struct buf *buf;
    bool is_full; /* something did not fit below buf->max */
};

/* False once something was lost; nothing is appended from there on. */
bool text_put(struct text_out *out, struct str text);
bool text_put_char(struct text_out *out, char c);
static inline bool text_is_whole(const struct text_out *out)
{
    return !out->is_full && !out->buf->failed;
}

/* The error of a text that is not whole, OK for one that is. */
enum error_code text_check(const struct text_out *out, struct error *error) WARN_UNUSED;

#endif
