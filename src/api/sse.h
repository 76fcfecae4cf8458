/* sse.h - server-sent events, text/event-stream: what dialects other than Bedrock's stream their replies in, and what
 * upstreams answer with. After the HTML standard, section 9.2.
 *
 *   event: content_block_delta      fields of one event, each at most once but data
 *   id: 7
 *   retry: 3000
 *   data: {"type":"content_          lines of data are joined by line feeds
 *   data: block_delta"}
 *                                   a blank line ends the event
 *   : a comment                     says nothing; keeps connections alive
 *
 * Lines end with LF, CR or CRLF. Text is UTF-8, which is not checked here: what is in the data has its own reader.
 * The writer is pure; a reader belongs to one thread at a time. */
#ifndef API_SSE_H
#define API_SSE_H

#include "core/buf.h"
#include "core/error.h"

#define SSE_CONTENT_TYPE "text/event-stream; charset=utf-8"
#define SSE_DONE "[DONE]" /* the data of the last event, in dialects that say so */

struct sse_event {
    struct str type; /* read: "message" where the event has none; written: empty for none */
    struct str data;
    struct str id; /* read: the last one that the stream gave; written: data NULL for none */
    bool has_retry;
    uint64_t retry_ms; /* read: since the event before */
};

/* Appends one event. False when the buffer failed, or type or ID hold what would end their line (or, an ID, a NUL):
 * nothing was appended then. Ends of lines inside the data, of any kind, are read back as line feeds. */
bool sse_append(struct buf *out, const struct sse_event *event);
/* The same with a type (may be empty) and data alone. */
bool sse_append_event(struct buf *out, struct str type, struct str data);
bool sse_append_done(struct buf *out);
/* A line that readers pass over, so that nobody between takes a stream that waits for a dead one. */
bool sse_append_keep_alive(struct buf *out);

/* Strings are valid during the call. An error ends the reading and is handed on. Must not touch its reader. */
typedef enum error_code (*sse_taker)(void *ctx, const struct sse_event *event, struct error *error);

struct sse_reader {
    sse_taker take;
    void *ctx;
    size_t max;           /* bytes of one event, its line ends and the text of the line at hand included */
    struct buf line;      /* of one that began in an earlier piece */
    struct buf type, data, id;
    bool has_begun;       /* the first line has been seen: no byte-order mark can come any more */
    bool is_after_cr;     /* a line feed that comes now belongs to it */
    bool has_retry;
    uint64_t retry_ms;
};

void sse_reader_init(struct sse_reader *reader, size_t max, sse_taker take, void *ctx);
void sse_reader_deinit(struct sse_reader *reader);

/* Gives every event that the piece completes to `take`. ERROR_TOO_LARGE: an event has more than `max` bytes. After an
 * error the reader is only good for deinit. */
enum error_code sse_reader_feed(struct sse_reader *reader, struct str piece, struct error *error) WARN_UNUSED;
/* Nothing of an event that was not given yet has come: the stream may end here. What has is lost, as the standard
 * wants it. */
bool sse_reader_is_between(const struct sse_reader *reader);

#endif
