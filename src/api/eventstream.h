/* eventstream.h - application/vnd.amazon.eventstream: encoding and decoding.
 *
 * Format (all integers big-endian, CRC-32 is the IEEE one):
 *
 *   u32 total length | u32 headers length | u32 CRC of the first 8 bytes
 *   headers | payload | u32 CRC of everything before
 *
 *   header = u8 name length | name | u8 type | value
 *   values: 0 true, 1 false (no bytes), 2 byte, 3 int16, 4 int32, 5 int64,
 *           6 bytes, 7 string (u16 length, bytes), 8 timestamp (int64, ms), 9 uuid (16 bytes)
 *
 * A message has 16 bytes around headers and payload. The maxima are those that
 * the reference clients enforce. Pure functions, any thread. */
#ifndef API_EVENTSTREAM_H
#define API_EVENTSTREAM_H

#include "core/buf.h"
#include "core/error.h"

#define EVENTSTREAM_OVERHEAD 16u
#define EVENTSTREAM_PRELUDE 12u
#define EVENTSTREAM_MESSAGE_MAX (24u << 20) /* bytes */
#define EVENTSTREAM_HEADERS_MAX (128u << 10) /* bytes */
#define EVENTSTREAM_VALUE_MAX 32767u        /* bytes of one header's value */
#define EVENTSTREAM_HEADER_COUNT 64

enum eventstream_type {
    EVENTSTREAM_TRUE,
    EVENTSTREAM_FALSE,
    EVENTSTREAM_BYTE,
    EVENTSTREAM_INT16,
    EVENTSTREAM_INT32,
    EVENTSTREAM_INT64,
    EVENTSTREAM_BYTES,
    EVENTSTREAM_STRING,
    EVENTSTREAM_TIMESTAMP,
    EVENTSTREAM_UUID,
};

struct eventstream_header {
    struct str name;
    enum eventstream_type type;
    int64_t integer;  /* byte to int64, timestamp */
    struct str bytes; /* bytes, string, uuid (16) */
};

struct eventstream_message {
    struct eventstream_header headers[EVENTSTREAM_HEADER_COUNT];
    size_t header_count;
    struct str payload; /* as header values, points into the decoded bytes */
};

/* Appends one message. False when the buffer failed or a maximum is passed. */
bool eventstream_append(struct buf *out, const struct eventstream_header *headers, size_t count, struct str payload);

/* A message with the service's three headers: :event-type, :content-type (JSON), :message-type event. */
bool eventstream_append_event(struct buf *out, struct str event_type, struct str payload);

/* The same for an exception of the operation's model; `name` is the union member ("throttlingException"). */
bool eventstream_append_exception(struct buf *out, struct str name, struct str payload);

/* Decodes the first message of `bytes`. *consumed is its length, or 0 when
 * more bytes are needed. A damaged message is ERROR_INVALID as early as it
 * shows: a bad prelude is refused before the rest has come. */
enum error_code eventstream_decode(struct str bytes, struct eventstream_message *message, size_t *consumed,
                                   struct error *error) WARN_UNUSED;

/* Header of that name, or NULL. */
const struct eventstream_header *eventstream_find(const struct eventstream_message *message, const char *name);

#endif
