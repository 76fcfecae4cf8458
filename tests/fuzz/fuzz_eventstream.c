/* Event stream frames: any bytes decode or are refused; what decodes encodes to the same bytes. */
#include <assert.h>

#include "api/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct eventstream_message message;
    struct error error = {0};
    size_t consumed;
    while (rest.len > 0) {
        if (eventstream_decode(rest, &message, &consumed, &error) != OK) {
            assert(error.message[0]);
            break;
        }
        if (consumed == 0)
            break;
        struct buf again;
        buf_init(&again, consumed);
        bool is_written = eventstream_append(&again, message.headers, message.header_count, message.payload);
        assert(is_written && str_eq(buf_str(&again), str_slice(rest, 0, consumed)));
        buf_deinit(&again);
        rest = str_slice(rest, consumed, rest.len);
    }
    return 0;
}
