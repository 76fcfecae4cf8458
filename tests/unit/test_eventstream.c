/* Event stream frames: the published vectors, captured bodies, and the way back. */
#include "support.h"

#include "api/bedrock/dialect.h"
#include "api/eventstream.h"
#include "core/json.h"

static void decode_hex(struct str hex, struct buf *out)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        unsigned value = 0;
        char pair[3] = {hex.data[i], hex.data[i + 1], '\0'};
        assert_int_equal(sscanf(pair, "%2x", &value), 1);
        buf_append_char(out, (char)value);
    }
}

static void check_header(const struct eventstream_header *header, yyjson_val *expected)
{
    yyjson_val *value = yyjson_obj_get(expected, "value");
    assert_int_equal(header->type, yyjson_get_int(yyjson_obj_get(expected, "type")));
    struct buf bytes;
    buf_init(&bytes, 4096);
    switch (header->type) {
    case EVENTSTREAM_TRUE:
    case EVENTSTREAM_FALSE: assert_int_equal(header->integer, yyjson_get_bool(value)); break;
    case EVENTSTREAM_STRING: assert_true(str_eq(header->bytes, json_str(value))); break;
    case EVENTSTREAM_BYTES:
        decode_hex(json_str(value), &bytes);
        assert_true(str_eq(header->bytes, buf_str(&bytes)));
        break;
    case EVENTSTREAM_UUID: assert_int_equal(header->bytes.len, 16); break;
    default: assert_int_equal(header->integer, yyjson_get_sint(value));
    }
    buf_deinit(&bytes);
}

/* What was decoded, encoded again, gives the same bytes. */
static void check_message(struct str bytes, const struct eventstream_message *message, yyjson_val *expected)
{
    struct buf again, payload;
    buf_init(&again, bytes.len);
    buf_init(&payload, bytes.len);
    assert_true(eventstream_append(&again, message->headers, message->header_count, message->payload));
    assert_true(str_eq(buf_str(&again), bytes));
    decode_hex(json_str(yyjson_obj_get(expected, "payload_hex")), &payload);
    assert_true(str_eq(message->payload, buf_str(&payload)));
    yyjson_val *headers = yyjson_obj_get(expected, "headers");
    assert_int_equal(message->header_count, yyjson_obj_size(headers));
    for (size_t i = 0; i < message->header_count; i++) {
        struct str name = message->headers[i].name;
        check_header(&message->headers[i], yyjson_obj_getn(headers, name.data, name.len));
    }
    buf_deinit(&again);
    buf_deinit(&payload);
}

static void check_vector(yyjson_val *vector)
{
    struct buf bytes;
    struct eventstream_message message;
    struct error error = {0};
    size_t consumed, at = 0, count = 0;
    buf_init(&bytes, 1 << 16);
    decode_hex(json_str(yyjson_obj_get(vector, "hex")), &bytes);
    bool is_valid = yyjson_equals_str(yyjson_obj_get(vector, "expect"), "valid");
    yyjson_val *decoded = yyjson_obj_get(vector, "decoded");
    enum error_code code = OK;
    while (at < bytes.len && code == OK) {
        struct str rest = str_slice(buf_str(&bytes), at, bytes.len);
        code = eventstream_decode(rest, &message, &consumed, &error);
        if (code == OK && consumed == 0)
            break;
        if (code == OK && is_valid)
            check_message(str_slice(rest, 0, consumed), &message, yyjson_arr_get(decoded, count++));
        at += code == OK ? consumed : 0;
    }
    if (is_valid)
        assert_true(code == OK && at == bytes.len && count == yyjson_arr_size(decoded));
    else /* refused, or never whole: the one vector whose lengths promise more than there is */
        assert_true(code == ERROR_INVALID || at < bytes.len);
    buf_deinit(&bytes);
}

static void published_vectors_hold(void **state)
{
    (void)state;
    struct str file = shared_file_or_skip("conformance/eventstream/vectors.jsonl"), rest = file, line;
    size_t count = 0;
    while (str_split(&rest, '\n', &line)) {
        yyjson_doc *doc;
        struct error error;
        if (line.len == 0)
            continue;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        check_vector(yyjson_doc_get_root(doc));
        json_free(doc);
        count++;
    }
    assert_int_equal(count, 37);
    mem_free((void *)(uintptr_t)file.data);
}

/* Each captured frame against the line that names its type and payload. */
static void check_capture(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-response/%s", name);
    struct str bytes = shared_file_or_skip(path);
    (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-response/%s.decoded.jsonl", name);
    struct str lines = shared_file_or_skip(path), rest = lines, line;
    size_t at = 0;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        struct eventstream_message message;
        struct error error;
        size_t consumed;
        yyjson_doc *doc;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        yyjson_val *root = yyjson_doc_get_root(doc);
        assert_int_equal(eventstream_decode(str_slice(bytes, at, bytes.len), &message, &consumed, &error), OK);
        assert_true(consumed > 0);
        const struct eventstream_header *type = eventstream_find(&message, ":event-type");
        assert_non_null(type);
        assert_true(str_eq(type->bytes, json_str(yyjson_obj_get(yyjson_obj_get(root, "headers"), ":event-type"))));
        assert_true(str_eq(message.payload, json_str(yyjson_obj_get(root, "payload"))));
        at += consumed;
        json_free(doc);
    }
    assert_int_equal(at, bytes.len);
    mem_free((void *)(uintptr_t)bytes.data);
    mem_free((void *)(uintptr_t)lines.data);
}

static void captured_bodies_decode(void **state)
{
    (void)state;
    check_capture("bedrock/basic.bin");
    check_capture("bedrock/tool.bin");
    check_capture("bedrock/reasoning.bin");
    check_capture("detect/bedrock-invoke.bin");
}

static void a_broken_capture_is_refused(void **state)
{
    (void)state;
    struct str bytes = shared_file_or_skip("conformance/fixtures/agentgateway-response/detect/bedrock-broken.bin");
    struct eventstream_message message;
    struct error error;
    size_t consumed;
    assert_int_equal(eventstream_decode(bytes, &message, &consumed, &error), ERROR_INVALID);
    mem_free((void *)(uintptr_t)bytes.data);
}

static void an_event_is_framed_as_the_service_does(void **state)
{
    (void)state;
    static const char expected[] =
        "0000009400000057b4ab9aee0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d"
        "747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74"
        "426c6f636b496e646578223a302c2264656c7461223a7b2274657874223a224869227d7d1f944657";
    struct buf frame, bytes;
    buf_init(&frame, 4096);
    buf_init(&bytes, 4096);
    decode_hex(STR(expected), &bytes);
    assert_true(eventstream_append_event(&frame, STR("contentBlockDelta"),
                                         STR("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}")));
    assert_true(str_eq(buf_str(&frame), buf_str(&bytes)));
    buf_deinit(&frame);
    buf_deinit(&bytes);
}

static void a_message_in_pieces_waits_for_its_end(void **state)
{
    (void)state;
    struct buf frame;
    struct eventstream_message message;
    struct error error;
    size_t consumed;
    buf_init(&frame, 4096);
    assert_true(eventstream_append_event(&frame, STR("a"), STR("{}")));
    for (size_t len = 0; len < frame.len; len++) {
        assert_int_equal(eventstream_decode(str_slice(buf_str(&frame), 0, len), &message, &consumed, &error), OK);
        assert_int_equal(consumed, 0);
    }
    buf_deinit(&frame);
}

static void maxima_hold_both_ways(void **state)
{
    (void)state;
    struct buf out;
    char name[300];
    memset(name, 'n', sizeof(name));
    struct eventstream_header header = {.name = {name, sizeof(name)}, .type = EVENTSTREAM_TRUE};
    buf_init(&out, 64u << 20);
    assert_false(eventstream_append(&out, &header, 1, STR("")));
    buf_clear(&out);
    char *payload = mem_must_alloc(EVENTSTREAM_MESSAGE_MAX);
    memset(payload, 'x', EVENTSTREAM_MESSAGE_MAX);
    assert_false(eventstream_append(&out, NULL, 0, (struct str){payload, EVENTSTREAM_MESSAGE_MAX - 15}));
    buf_clear(&out);
    assert_true(eventstream_append(&out, NULL, 0, (struct str){payload, EVENTSTREAM_MESSAGE_MAX - 16}));
    mem_free(payload);
    buf_deinit(&out);
}

static void a_full_buffer_is_a_failure(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 40);
    assert_false(eventstream_append_event(&out, STR("messageStart"), STR("{\"role\":\"assistant\"}")));
    assert_true(out.failed);
    buf_deinit(&out);
}

static void errors_become_exception_frames(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        bool has_timeout;
        const char *member;
    } rows[] = {
        {ERROR_INVALID, false, "validationException"},
        {ERROR_THROTTLED, false, "throttlingException"},
        {ERROR_MODEL, false, "modelStreamErrorException"},
        {ERROR_TIMEOUT, false, "modelStreamErrorException"},
        {ERROR_TIMEOUT, true, "modelTimeoutException"},
        {ERROR_UNAVAILABLE, true, "serviceUnavailableException"},
        {ERROR_INTERNAL, false, "internalServerException"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf frame;
        struct error error;
        struct eventstream_message message;
        size_t consumed;
        buf_init(&frame, 4096);
        (void)error_set(&error, rows[i].code, "what \"happened\"");
        assert_true((rows[i].has_timeout ? &bedrock_chunks : &bedrock_events)->append_error(&frame, &error));
        assert_int_equal(eventstream_decode(buf_str(&frame), &message, &consumed, &error), OK);
        assert_str_equal(eventstream_find(&message, ":exception-type")->bytes, rows[i].member);
        assert_str_equal(eventstream_find(&message, ":message-type")->bytes, "exception");
        bool is_internal = rows[i].code == ERROR_INTERNAL;
        assert_int_equal(str_find(message.payload, STR("happened"), 0) >= 0, !is_internal);
        buf_deinit(&frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold),
        cmocka_unit_test(captured_bodies_decode),
        cmocka_unit_test(a_broken_capture_is_refused),
        cmocka_unit_test(an_event_is_framed_as_the_service_does),
        cmocka_unit_test(a_message_in_pieces_waits_for_its_end),
        cmocka_unit_test(maxima_hold_both_ways),
        cmocka_unit_test(a_full_buffer_is_a_failure),
        cmocka_unit_test(errors_become_exception_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
