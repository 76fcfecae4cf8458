/* lines.c - cuts pieces into lines. Looks into none. See lines.h. */
#include "batch/lines.h"

#include <string.h>

#define BYTE_ORDER_MARK STR("\xEF\xBB\xBF")

void line_reader_init(struct line_reader *reader, size_t max, line_taker take, void *ctx)
{
    *reader = (struct line_reader){.take = take, .ctx = ctx, .max = max};
    buf_init(&reader->partial, max);
}

void line_reader_deinit(struct line_reader *reader)
{
    buf_deinit(&reader->partial);
}

static enum error_code take(struct line_reader *reader, struct str text, struct error *error)
{
    reader->number++;
    struct line line = {text, reader->number, reader->is_too_long || text.len > reader->max};
    reader->is_too_long = false;
    line.text = str_slice(line.text, 0, reader->max);
    if (line.number == 1 && str_starts(line.text, BYTE_ORDER_MARK))
        line.text = str_slice(line.text, BYTE_ORDER_MARK.len, line.text.len);
    line.text = str_trim(line.text);
    return line.text.len || line.is_too_long ? reader->take(reader->ctx, &line, error) : OK;
}

/* Keeps what is there of a line that has not ended. */
static enum error_code keep(struct line_reader *reader, struct str text, struct error *error)
{
    size_t room = reader->max - reader->partial.len;
    if (text.len > room) {
        reader->is_too_long = true;
        text.len = room;
    }
    return buf_append_str(&reader->partial, text) ? OK : error_no_memory(error);
}

static enum error_code end_line(struct line_reader *reader, struct str rest, struct error *error)
{
    if (reader->partial.len == 0 && !reader->is_too_long)
        return take(reader, rest, error);
    enum error_code code = keep(reader, rest, error);
    if (code == OK)
        code = take(reader, buf_str(&reader->partial), error);
    buf_clear(&reader->partial);
    return code;
}

enum error_code line_reader_feed(struct line_reader *reader, struct str piece, struct error *error)
{
    enum error_code code = OK;
    while (code == OK && piece.len > 0) {
        ptrdiff_t end = str_find_char(piece, '\n', 0);
        if (end < 0)
            return keep(reader, piece, error);
        code = end_line(reader, str_slice(piece, 0, (size_t)end), error);
        piece = str_slice(piece, (size_t)end + 1, piece.len);
    }
    return code;
}

enum error_code line_reader_end(struct line_reader *reader, struct error *error)
{
    if (reader->partial.len == 0 && !reader->is_too_long)
        return OK;
    return end_line(reader, STR(""), error);
}
