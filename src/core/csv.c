/* csv.c - quotes one field; knows no columns. See csv.h. */
#include "core/csv.h"

static bool needs_quotes(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",\"\r\n", text.data[i]))
            return true;
    return false;
}

void csv_append(struct buf *out, struct str text)
{
    if (!needs_quotes(text)) {
        buf_append_str(out, text);
        return;
    }
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            buf_append_char(out, '"');
        buf_append_char(out, text.data[i]);
    }
    buf_append_char(out, '"');
}
