/* text_out.c - appends text and notices the limit. Which of the two failures it was is asked for once, at the end.
 * See text_out.h. */
#include "document/text_out.h"

bool text_put(struct text_out *out, struct str text)
{
    if (out->is_full || text.len > out->buf->max - out->buf->len) {
        out->is_full = true;
        return false;
    }
    return buf_append_str(out->buf, text);
}

bool text_put_char(struct text_out *out, char c)
{
    return text_put(out, (struct str){&c, 1});
}

enum error_code text_check(const struct text_out *out, struct error *error)
{
    if (out->is_full)
        return error_set(error, ERROR_INVALID, "its text has more than the limit of %zu bytes; send a part of it",
                         out->buf->max);
    return out->buf->failed ? error_no_memory(error) : OK;
}
