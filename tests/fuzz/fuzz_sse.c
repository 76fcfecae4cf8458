/* Streams of server-sent events: any bytes in pieces of any size give the events that the whole gives, within the
 * bound; what was read can be written, and is read again. */
#include <assert.h>

#include "api/sse.h"

#define EVENT_MAX 300

struct seen {
    uint64_t hash, count;
    struct buf again; /* all events written; no room to spare: an event has at most EVENT_MAX bytes */
};

static enum error_code note(void *ctx, const struct sse_event *event, struct error *error)
{
    struct seen *seen = ctx;
    (void)error;
    /* An event without a type is a message; that word is not the stream's. */
    const size_t named = str_eq(event->type, STR("message")) ? 0 : event->type.len;
    assert(event->type.len > 0 && event->data.len + named <= EVENT_MAX && event->id.len <= EVENT_MAX);
    seen->hash = (seen->hash * 31 + str_hash(event->type)) * 31 + str_hash(event->data);
    seen->hash = (seen->hash * 31 + str_hash(event->id)) * 31 + (event->has_retry ? event->retry_ms : 1);
    seen->count++;
    bool is_written = sse_append(&seen->again, event);
    assert(is_written);
    return OK;
}

static enum error_code read_all(struct str text, size_t piece, struct seen *seen)
{
    struct sse_reader reader;
    struct error error;
    enum error_code code = OK;
    *seen = (struct seen){0};
    buf_init(&seen->again, 64u << 20);
    sse_reader_init(&reader, EVENT_MAX, note, seen);
    while (text.len > 0 && code == OK) {
        code = sse_reader_feed(&reader, str_slice(text, 0, piece), &error);
        assert(reader.line.len + reader.type.len + reader.data.len <= EVENT_MAX);
        text = str_slice(text, piece, text.len);
    }
    assert(code == OK || code == ERROR_TOO_LARGE);
    sse_reader_deinit(&reader);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    struct seen whole, pieces, again;
    enum error_code code = read_all(text, text.len + 1, &whole);
    enum error_code pieces_code = read_all(text, data[0] % 16 + 1u, &pieces);
    assert(code == pieces_code && whole.hash == pieces.hash && whole.count == pieces.count);
    /* Written, an event may be longer than it was, since its fields are spelled out. */
    if (read_all(buf_str(&whole.again), whole.again.len + 1, &again) == OK)
        assert(again.hash == whole.hash && again.count == whole.count);
    buf_deinit(&whole.again);
    buf_deinit(&pieces.again);
    buf_deinit(&again.again);
    return 0;
}
