/* Server-sent events: writing them, and reading them out of pieces of any size. */
#include "api/sse.h"

#include <assert.h>

#define BYTE_ORDER_MARK STR("\xef\xbb\xbf")

/* --- writing ---------------------------------------------------------------------------------------- */

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

static size_t line_len(struct str text)
{
    size_t len = 0;
    while (len < text.len && !ends_line(text.data[len]))
        len++;
    return len;
}

static void append_field(struct buf *out, const char *name, struct str value)
{
    buf_append_text(out, name);
    buf_append_str(out, value);
    buf_append_char(out, '\n');
}

/* Any end of a line in the data becomes the end of a line of data. */
static void append_data(struct buf *out, struct str data)
{
    for (bool has_more = true; has_more;) {
        size_t len = line_len(data);
        append_field(out, "data: ", str_slice(data, 0, len));
        has_more = len < data.len;
        if (has_more && data.data[len] == '\r' && len + 1 < data.len && data.data[len + 1] == '\n')
            len++;
        data = str_slice(data, len + 1, data.len);
    }
}

bool sse_append(struct buf *out, const struct sse_event *event)
{
    if (line_len(event->type) < event->type.len || line_len(event->id) < event->id.len ||
        str_find_char(event->id, '\0', 0) >= 0)
        return false;
    const size_t len = out->len;
    if (event->type.len)
        append_field(out, "event: ", event->type);
    if (event->id.data)
        append_field(out, "id: ", event->id);
    if (event->has_retry)
        buf_appendf(out, "retry: %llu\n", (unsigned long long)event->retry_ms);
    append_data(out, event->data);
    buf_append_char(out, '\n');
    if (out->failed)
        out->len = len;
    return !out->failed;
}

bool sse_append_event(struct buf *out, struct str type, struct str data)
{
    return sse_append(out, &(const struct sse_event){.type = type, .data = data});
}

bool sse_append_done(struct buf *out)
{
    return sse_append_event(out, STR(""), STR(SSE_DONE));
}

bool sse_append_keep_alive(struct buf *out)
{
    return buf_append_text(out, ":\n\n");
}

/* --- reading ---------------------------------------------------------------------------------------- */

void sse_reader_init(struct sse_reader *reader, size_t max, sse_taker take, void *ctx)
{
    assert(max > 0);
    *reader = (struct sse_reader){.take = take, .ctx = ctx, .max = max};
    buf_init(&reader->line, max);
    buf_init(&reader->type, max);
    buf_init(&reader->data, max);
    buf_init(&reader->id, max);
}

void sse_reader_deinit(struct sse_reader *reader)
{
    buf_deinit(&reader->line);
    buf_deinit(&reader->type);
    buf_deinit(&reader->data);
    buf_deinit(&reader->id);
}

static enum error_code put(struct buf *buf, struct str text, struct error *error)
{
    return buf_append_str(buf, text) ? OK : error_no_memory(error);
}

/* Whether so many bytes more leave the event within its bound. The buffers' own bound is the same, so that they fail
 * for want of memory only. */
static enum error_code check_room(const struct sse_reader *reader, size_t more, struct error *error)
{
    const size_t held = reader->line.len + reader->type.len + reader->data.len;
    if (held < reader->max && more < reader->max - held)
        return OK;
    return error_set(error, ERROR_TOO_LARGE, "an event of the stream has more than %zu bytes", reader->max);
}

static void read_retry(struct sse_reader *reader, struct str value)
{
    uint64_t ms;
    if (!str_to_u64(value, &ms))
        return;
    reader->has_retry = true;
    reader->retry_ms = ms;
}

static enum error_code take_field(struct sse_reader *reader, struct str name, struct str value, struct error *error)
{
    enum error_code code = OK;
    if (str_eq(name, STR("data"))) {
        code = put(&reader->data, value, error);
        return code == OK ? put(&reader->data, STR("\n"), error) : code;
    }
    if (str_eq(name, STR("event"))) {
        buf_clear(&reader->type);
        return put(&reader->type, value, error);
    }
    if (str_eq(name, STR("id")) && str_find_char(value, '\0', 0) < 0) {
        buf_clear(&reader->id);
        return put(&reader->id, value, error);
    }
    if (str_eq(name, STR("retry")))
        read_retry(reader, value);
    return code;
}

/* At a blank line. Without data there is no event, whatever else was said. */
static enum error_code dispatch(struct sse_reader *reader, struct error *error)
{
    enum error_code code = OK;
    if (reader->data.len > 0) {
        const struct sse_event event = {
            .type = reader->type.len ? buf_str(&reader->type) : STR("message"),
            .data = str_slice(buf_str(&reader->data), 0, reader->data.len - 1),
            .id = reader->id.len ? buf_str(&reader->id) : STR(""),
            .has_retry = reader->has_retry,
            .retry_ms = reader->retry_ms,
        };
        code = reader->take(reader->ctx, &event, error);
        reader->has_retry = false;
    }
    buf_clear(&reader->data);
    buf_clear(&reader->type);
    return code;
}

static enum error_code take_line(struct sse_reader *reader, struct str line, struct error *error)
{
    if (!reader->has_begun && str_starts(line, BYTE_ORDER_MARK))
        line = str_slice(line, BYTE_ORDER_MARK.len, line.len);
    reader->has_begun = true;
    if (line.len == 0)
        return dispatch(reader, error);
    if (line.data[0] == ':')
        return OK;
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    const size_t name_len = colon < 0 ? line.len : (size_t)colon;
    struct str value = str_slice(line, name_len + 1, line.len);
    if (value.len > 0 && value.data[0] == ' ')
        value = str_slice(value, 1, value.len);
    return take_field(reader, str_slice(line, 0, name_len), value, error);
}

/* A line that lies in one piece is read where it is; others are put together first. */
static enum error_code end_line(struct sse_reader *reader, struct str tail, struct error *error)
{
    if (reader->line.len == 0)
        return take_line(reader, tail, error);
    enum error_code code = put(&reader->line, tail, error);
    if (code != OK)
        return code;
    /* Its text is the field's from here on, and is counted there. */
    const struct str line = buf_str(&reader->line);
    code = take_line(reader, line, error);
    buf_clear(&reader->line);
    return code;
}

enum error_code sse_reader_feed(struct sse_reader *reader, struct str piece, struct error *error)
{
    enum error_code code = OK;
    while (piece.len > 0 && code == OK) {
        const bool is_second_half = reader->is_after_cr && piece.data[0] == '\n';
        reader->is_after_cr = false;
        if (is_second_half) {
            piece = str_slice(piece, 1, piece.len);
            continue;
        }
        const size_t len = line_len(piece);
        const bool is_whole = len < piece.len;
        code = check_room(reader, len, error);
        if (code == OK && is_whole)
            code = end_line(reader, str_slice(piece, 0, len), error);
        else if (code == OK)
            code = put(&reader->line, piece, error);
        reader->is_after_cr = is_whole && piece.data[len] == '\r';
        piece = str_slice(piece, len + 1, piece.len);
    }
    return code;
}

bool sse_reader_is_between(const struct sse_reader *reader)
{
    return reader->line.len == 0 && reader->type.len == 0 && reader->data.len == 0;
}
