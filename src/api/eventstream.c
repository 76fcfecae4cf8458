/* eventstream.c - bytes of AWS event stream messages, both ways. What is in them is the dialects'. */
#include "api/eventstream.h"

#include "core/util.h"

static void store_be32(char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(value >> (24 - 8 * i));
}

static uint64_t load_be(const char *from, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | (uint8_t)from[i];
    return value;
}

/* Bytes of a value whose length is in its type; SIZE_MAX for those that carry it. */
static size_t fixed_width(enum eventstream_type type)
{
    switch (type) {
    case EVENTSTREAM_TRUE:
    case EVENTSTREAM_FALSE: return 0;
    case EVENTSTREAM_BYTE: return 1;
    case EVENTSTREAM_INT16: return 2;
    case EVENTSTREAM_INT32: return 4;
    case EVENTSTREAM_INT64:
    case EVENTSTREAM_TIMESTAMP: return 8;
    case EVENTSTREAM_UUID: return 16;
    default: return SIZE_MAX;
    }
}

static bool append_header(struct buf *out, const struct eventstream_header *header)
{
    if (header->name.len == 0 || header->name.len > UINT8_MAX || header->bytes.len > EVENTSTREAM_VALUE_MAX)
        return false;
    buf_append_char(out, (char)header->name.len);
    buf_append_str(out, header->name);
    buf_append_char(out, (char)header->type);
    if (header->type == EVENTSTREAM_BYTES || header->type == EVENTSTREAM_STRING) {
        buf_append_be16(out, (uint16_t)header->bytes.len);
        return buf_append_str(out, header->bytes);
    }
    if (header->type == EVENTSTREAM_UUID)
        return header->bytes.len == 16 && buf_append_str(out, header->bytes);
    size_t width = fixed_width(header->type);
    for (size_t i = 0; i < width; i++)
        buf_append_char(out, (char)((uint64_t)header->integer >> (8 * (width - 1 - i))));
    return !out->failed;
}

bool eventstream_append(struct buf *out, const struct eventstream_header *headers, size_t count, struct str payload)
{
    size_t start = out->len;
    if (payload.len > EVENTSTREAM_MESSAGE_MAX || !buf_append(out, "\0\0\0\0\0\0\0\0\0\0\0\0", EVENTSTREAM_PRELUDE))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!append_header(out, &headers[i]))
            return false;
    size_t header_bytes = out->len - start - EVENTSTREAM_PRELUDE;
    size_t total = EVENTSTREAM_OVERHEAD + header_bytes + payload.len;
    if (header_bytes > EVENTSTREAM_HEADERS_MAX || total > EVENTSTREAM_MESSAGE_MAX || !buf_append_str(out, payload))
        return false;
    store_be32(out->data + start, (uint32_t)total);
    store_be32(out->data + start + 4, (uint32_t)header_bytes);
    store_be32(out->data + start + 8, crc32_ieee(0, out->data + start, 8));
    return buf_append_be32(out, crc32_ieee(0, out->data + start, total - 4));
}

static bool append_json_message(struct buf *out, struct str type_name, struct str type_value, struct str message_type,
                                struct str payload)
{
    const struct eventstream_header headers[] = {
        {.name = type_name, .type = EVENTSTREAM_STRING, .bytes = type_value},
        {.name = STR(":content-type"), .type = EVENTSTREAM_STRING, .bytes = STR("application/json")},
        {.name = STR(":message-type"), .type = EVENTSTREAM_STRING, .bytes = message_type},
    };
    return eventstream_append(out, headers, sizeof(headers) / sizeof(headers[0]), payload);
}

bool eventstream_append_event(struct buf *out, struct str event_type, struct str payload)
{
    return append_json_message(out, STR(":event-type"), event_type, STR("event"), payload);
}

bool eventstream_append_exception(struct buf *out, struct str name, struct str payload)
{
    return append_json_message(out, STR(":exception-type"), name, STR("exception"), payload);
}

/* What is left of the header section; take() fails past its end. */
static bool take(struct str *rest, size_t len, struct str *part)
{
    if (rest->len < len)
        return false;
    *part = (struct str){rest->data, len};
    rest->data += len;
    rest->len -= len;
    return true;
}

static bool take_number(struct str *rest, size_t width, uint64_t *value)
{
    struct str part;
    if (!take(rest, width, &part))
        return false;
    *value = load_be(part.data, width);
    return true;
}

static int64_t sign_extend(uint64_t value, size_t width)
{
    unsigned shift = (unsigned)(64 - 8 * width);
    return (int64_t)(value << shift) >> shift;
}

static bool take_value(struct str *rest, struct eventstream_header *header)
{
    uint64_t number;
    switch (header->type) {
    case EVENTSTREAM_TRUE:
    case EVENTSTREAM_FALSE:
        header->integer = header->type == EVENTSTREAM_TRUE;
        return true;
    case EVENTSTREAM_BYTES:
    case EVENTSTREAM_STRING:
        return take_number(rest, 2, &number) && number <= EVENTSTREAM_VALUE_MAX &&
               take(rest, (size_t)number, &header->bytes);
    case EVENTSTREAM_UUID: return take(rest, 16, &header->bytes);
    default:
        if (!take_number(rest, fixed_width(header->type), &number))
            return false;
        header->integer = sign_extend(number, fixed_width(header->type));
        return true;
    }
}

static bool take_header(struct str *rest, struct eventstream_header *header)
{
    uint64_t name_len, type;
    *header = (struct eventstream_header){0};
    if (!take_number(rest, 1, &name_len) || name_len == 0 || !take(rest, (size_t)name_len, &header->name) ||
        !take_number(rest, 1, &type) || type > EVENTSTREAM_UUID)
        return false;
    header->type = (enum eventstream_type)type;
    return take_value(rest, header);
}

static bool has_header(const struct eventstream_message *message, struct str name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (str_eq(message->headers[i].name, name))
            return true;
    return false;
}

static enum error_code decode_headers(struct str rest, struct eventstream_message *message, struct error *error)
{
    message->header_count = 0;
    while (rest.len > 0) {
        if (message->header_count == EVENTSTREAM_HEADER_COUNT)
            return error_set(error, ERROR_INVALID, "event stream: more than %d headers", EVENTSTREAM_HEADER_COUNT);
        struct eventstream_header header;
        if (!take_header(&rest, &header))
            return error_set(error, ERROR_INVALID, "event stream: header %zu is malformed", message->header_count);
        if (has_header(message, header.name))
            return error_set(error, ERROR_INVALID, "event stream: header '" STR_FMT "' comes twice",
                             STR_ARG(header.name));
        message->headers[message->header_count++] = header;
    }
    return OK;
}

static enum error_code check_prelude(const char *data, size_t *total, size_t *header_bytes, struct error *error)
{
    *total = (size_t)load_be(data, 4);
    *header_bytes = (size_t)load_be(data + 4, 4);
    if (load_be(data + 8, 4) != crc32_ieee(0, data, 8))
        return error_set(error, ERROR_INVALID, "event stream: checksum of the prelude does not match");
    if (*total < EVENTSTREAM_OVERHEAD || *total > EVENTSTREAM_MESSAGE_MAX)
        return error_set(error, ERROR_INVALID, "event stream: message of %zu bytes, must have %u to %u", *total,
                         EVENTSTREAM_OVERHEAD, EVENTSTREAM_MESSAGE_MAX);
    if (*header_bytes > EVENTSTREAM_HEADERS_MAX || *header_bytes > *total - EVENTSTREAM_OVERHEAD)
        return error_set(error, ERROR_INVALID, "event stream: %zu bytes of headers do not fit into the message",
                         *header_bytes);
    return OK;
}

enum error_code eventstream_decode(struct str bytes, struct eventstream_message *message, size_t *consumed,
                                   struct error *error)
{
    *consumed = 0;
    if (bytes.len < EVENTSTREAM_PRELUDE)
        return OK;
    size_t total, header_bytes;
    enum error_code code = check_prelude(bytes.data, &total, &header_bytes, error);
    if (code != OK || bytes.len < total)
        return code;
    if (load_be(bytes.data + total - 4, 4) != crc32_ieee(0, bytes.data, total - 4))
        return error_set(error, ERROR_INVALID, "event stream: checksum of the message does not match");
    code = decode_headers((struct str){bytes.data + EVENTSTREAM_PRELUDE, header_bytes}, message, error);
    if (code != OK)
        return code;
    message->payload = (struct str){bytes.data + EVENTSTREAM_PRELUDE + header_bytes,
                                    total - EVENTSTREAM_OVERHEAD - header_bytes};
    *consumed = total;
    return OK;
}

const struct eventstream_header *eventstream_find(const struct eventstream_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (str_eq(message->headers[i].name, str_of(name)))
            return &message->headers[i];
    return NULL;
}
