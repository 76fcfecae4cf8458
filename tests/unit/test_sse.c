/* Server-sent events: what the standard wants of a reader, in pieces of any size; and that what is written is read. */
#include "support.h"

#include "api/sse.h"
#include "core/util.h"

#define EVENT_MAX 4096

static enum error_code note(void *ctx, const struct sse_event *event, struct error *error)
{
    struct buf *seen = ctx;
    (void)error;
    buf_appendf(seen, STR_FMT "|" STR_FMT "|", STR_ARG(event->type), STR_ARG(event->id));
    if (event->has_retry)
        buf_append_u64(seen, event->retry_ms);
    buf_append_char(seen, '|');
    buf_append_str(seen, event->data);
    buf_append_char(seen, ';');
    return OK;
}

/* What is read of `stream` when it comes in two pieces, the first of `cut` bytes. */
static void read_cut(struct str stream, size_t cut, struct buf *seen)
{
    struct sse_reader reader;
    struct error error;
    buf_init(seen, 1u << 20);
    sse_reader_init(&reader, EVENT_MAX, note, seen);
    assert_int_equal(sse_reader_feed(&reader, str_slice(stream, 0, cut), &error), OK);
    assert_int_equal(sse_reader_feed(&reader, str_slice(stream, cut, stream.len), &error), OK);
    sse_reader_deinit(&reader);
}

static void read_bytewise(struct str stream, struct buf *seen)
{
    struct sse_reader reader;
    struct error error;
    buf_init(seen, 1u << 20);
    sse_reader_init(&reader, EVENT_MAX, note, seen);
    for (size_t i = 0; i < stream.len; i++)
        assert_int_equal(sse_reader_feed(&reader, str_slice(stream, i, i + 1), &error), OK);
    sse_reader_deinit(&reader);
}

/* Cut at every byte, and into single ones, the stream reads as `expected`. */
static void reads_as(struct str stream, const char *expected)
{
    struct buf seen;
    for (size_t cut = 0; cut <= stream.len; cut++) {
        read_cut(stream, cut, &seen);
        if (!str_eq(buf_str(&seen), str_of(expected)))
            fail_msg("cut at %zu: read " STR_FMT "\nexpected %s", cut, STR_ARG(buf_str(&seen)), expected);
        buf_deinit(&seen);
    }
    read_bytewise(stream, &seen);
    assert_str_equal(buf_str(&seen), expected);
    buf_deinit(&seen);
}

static void lines_end_in_three_ways(void **state)
{
    (void)state;
    reads_as(STR("data: a\n\ndata: b\r\n\r\ndata: c\r\r"), "message|||a;message|||b;message|||c;");
    reads_as(STR("data: a\r\ndata: b\rdata: c\n\r\n"), "message|||a\nb\nc;");
    reads_as(STR("data: a\r\n\ndata: b\n\n"), "message|||a;message|||b;");
    reads_as(STR("data: a\r\r\ndata: b\n\n"), "message|||a;message|||b;");
    reads_as(STR("data: a\n\r\n\r\n\n\r"), "message|||a;"); /* blank lines alone are no events */
}

static void fields_follow_the_standard(void **state)
{
    (void)state;
    reads_as(STR("event: ping\ndata: {}\n\n"), "ping|||{};");
    reads_as(STR("event: lost\n\ndata: b\n\n"), "message|||b;"); /* no data, no event, and its type is forgotten */
    reads_as(STR("data\n\ndata:\n\ndata: \n\ndata:  \n\n"), "message|||;message|||;message|||;message||| ;");
    reads_as(STR("data\ndata\n\n"), "message|||\n;");
    reads_as(STR("data:a:b\n\n"), "message|||a:b;");
    reads_as(STR("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "message|1||a;message|1||b;message|||c;");
    reads_as(STR("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"), "message|1||a;message|1||b;");
    reads_as(STR("retry: 250\ndata: a\n\ndata: b\n\n"), "message||250|a;message|||b;");
    reads_as(STR("retry: 2s\nretry: -1\nretry:\nretry: 99999999999999999999\ndata: a\n\n"), "message|||a;");
    reads_as(STR(": comment\n:\n:x: y\ndata: a\n: between\ndata: b\n\n"), "message|||a\nb;");
    reads_as(STR("Data: a\ndata : b\n data: c\nother: d\ndata: e\n\n"), "message|||e;");
    reads_as(STR("event: a\nevent: b\ndata: c\n\n"), "b|||c;");
    reads_as(STR("data: [DONE]\n\n"), "message|||[DONE];");
}

static void a_mark_is_passed_over_at_the_beginning_only(void **state)
{
    (void)state;
    reads_as(STR("\xef\xbb\xbf" "data: a\n\n"), "message|||a;");
    reads_as(STR("\xef\xbb\xbf\n" "data: a\n\n"), "message|||a;");
    reads_as(STR("\xef\xbb\xbf\xef\xbb\xbf" "data: a\ndata: b\n\n"), "message|||b;");
    reads_as(STR("data: a\n\n\xef\xbb\xbf" "data: b\n\n"), "message|||a;");
}

static void what_is_not_finished_is_not_given(void **state)
{
    (void)state;
    static const char *const unfinished[] = {"data: a\n\nd", "data: a\n\ndata: b", "data: a\n\ndata: b\n",
                                             "data: a\n\nevent: b\n"};
    struct error error;
    struct sse_reader reader;
    struct buf seen;
    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        reads_as(str_of(unfinished[i]), "message|||a;");
        buf_init(&seen, 1024);
        sse_reader_init(&reader, EVENT_MAX, note, &seen);
        assert_true(sse_reader_is_between(&reader));
        assert_int_equal(sse_reader_feed(&reader, str_of(unfinished[i]), &error), OK);
        assert_false(sse_reader_is_between(&reader));
        sse_reader_deinit(&reader);
        buf_deinit(&seen);
    }
}

/* Streams that never end an event, a line, or a comment: nothing of any kind is held beyond the bound. */
static void an_event_is_bounded(void **state)
{
    (void)state;
    static const char *const endless[] = {"a", "data: aaaaaaaa\n", "data\n", ":", "id: a", "event: a", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        struct error error;
        struct sse_reader reader;
        struct buf seen;
        enum error_code code = OK;
        buf_init(&seen, 1024);
        sse_reader_init(&reader, EVENT_MAX, note, &seen);
        for (size_t n = 0; n < 2 * EVENT_MAX && code == OK; n++) {
            code = sse_reader_feed(&reader, str_of(endless[i]), &error);
            assert_true(reader.line.len + reader.type.len + reader.data.len <= EVENT_MAX);
        }
        assert_int_equal(code, ERROR_TOO_LARGE);
        assert_string_equal(error.message, "an event of the stream has more than 4096 bytes");
        sse_reader_deinit(&reader);
        buf_deinit(&seen);
    }
}

static void what_is_over_counts_no_more(void **state)
{
    (void)state;
    struct error error;
    struct sse_reader reader;
    struct buf seen;
    buf_init(&seen, 4u << 20);
    sse_reader_init(&reader, 64, note, &seen);
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(sse_reader_feed(&reader, STR("event: x\nid: 1\n: comment\ndata: 0123456789\n\n"), &error), OK);
    sse_reader_deinit(&reader);
    buf_deinit(&seen);
}

static enum error_code refuse(void *ctx, const struct sse_event *event, struct error *error)
{
    (void)ctx;
    return str_eq(event->data, STR("b")) ? error_set(error, ERROR_MODEL, "enough") : OK;
}

static void an_error_of_the_taker_ends_the_reading(void **state)
{
    (void)state;
    struct error error;
    struct sse_reader reader;
    sse_reader_init(&reader, EVENT_MAX, refuse, NULL);
    assert_int_equal(sse_reader_feed(&reader, STR("data: a\n\ndata: b\n\ndata: c\n\n"), &error), ERROR_MODEL);
    assert_string_equal(error.message, "enough");
    sse_reader_deinit(&reader);
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void events_are_written_as_others_write_them(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_true(sse_append_event(&out, STR("message_stop"), STR("{\"type\":\"message_stop\"}")));
    assert_true(sse_append_event(&out, STR(""), STR("{}")));
    assert_true(sse_append_keep_alive(&out));
    assert_true(sse_append(&out, &(const struct sse_event){.data = STR("a\nb\r\nc\rd\n"), .id = STR("7"),
                                                           .has_retry = true, .retry_ms = 3000}));
    assert_true(sse_append_done(&out));
    assert_str_equal(buf_str(&out), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\ndata: {}\n\n:\n\n"
                                    "id: 7\nretry: 3000\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"
                                    "data: [DONE]\n\n");
    reads_as(buf_str(&out), "message_stop|||{\"type\":\"message_stop\"};message|||{};message|7|3000|a\nb\nc\nd\n;"
                            "message|7||[DONE];");
    buf_deinit(&out);
}

static void no_field_ends_its_line_early(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_false(sse_append_event(&out, STR("a\ndata: b"), STR("c")));
    assert_false(sse_append_event(&out, STR("a\r"), STR("c")));
    assert_false(sse_append(&out, &(const struct sse_event){.id = STR("1\n2"), .data = STR("c")}));
    assert_false(sse_append(&out, &(const struct sse_event){.id = STR("1\0"), .data = STR("c")}));
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
    buf_init(&out, 12);
    assert_false(sse_append_event(&out, STR("a"), STR("longer than there is room")));
    assert_int_equal(out.len, 0);
    assert_true(out.failed);
    buf_deinit(&out);
}

static struct str random_text(struct rng *rng, char *room, size_t max, const char *alphabet)
{
    const size_t len = rng_below(rng, max + 1);
    for (size_t i = 0; i < len; i++)
        room[i] = alphabet[rng_below(rng, strlen(alphabet))];
    return (struct str){room, len};
}

/* Any events, written and read in pieces of any size, are the same events. */
static void what_is_written_is_read(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t round = 0; round < 2000; round++) {
        char type[8], data[24], id[8], last_id[8];
        struct buf out, expected, seen;
        struct error error;
        struct sse_reader reader;
        struct str last = STR("");
        buf_init(&out, 1u << 16);
        buf_init(&expected, 1u << 16);
        buf_init(&seen, 1u << 16);
        for (size_t n = rng_below(&rng, 5); n-- > 0;) {
            struct sse_event event = {.type = random_text(&rng, type, sizeof(type), "ab: \xc3"),
                                      .data = random_text(&rng, data, sizeof(data), "ab: \n{}\""),
                                      .id = random_text(&rng, id, sizeof(id), "12 :"),
                                      .has_retry = rng_below(&rng, 2),
                                      .retry_ms = rng_below(&rng, 1000)};
            if (rng_below(&rng, 2))
                event.id = (struct str){NULL, 0};
            assert_true(sse_append(&out, &event));
            if (rng_below(&rng, 3) == 0)
                assert_true(sse_append_keep_alive(&out));
            if (event.id.data) {
                memcpy(last_id, event.id.data, event.id.len);
                last = (struct str){last_id, event.id.len};
            }
            event.id = last;
            event.type = event.type.len ? event.type : STR("message");
            assert_int_equal(note(&expected, &event, &error), OK);
        }
        sse_reader_init(&reader, EVENT_MAX, note, &seen);
        for (size_t at = 0; at < out.len;) {
            const size_t len = 1 + rng_below(&rng, 12);
            assert_int_equal(sse_reader_feed(&reader, str_slice(buf_str(&out), at, at + len), &error), OK);
            at += len;
        }
        assert_true(sse_reader_is_between(&reader));
        if (!str_eq(buf_str(&seen), buf_str(&expected)))
            fail_msg("round %zu: read " STR_FMT "\nexpected " STR_FMT "\nof " STR_FMT, round, STR_ARG(buf_str(&seen)),
                     STR_ARG(buf_str(&expected)), STR_ARG(buf_str(&out)));
        sse_reader_deinit(&reader);
        buf_deinit(&out);
        buf_deinit(&expected);
        buf_deinit(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(fields_follow_the_standard),
        cmocka_unit_test(a_mark_is_passed_over_at_the_beginning_only),
        cmocka_unit_test(what_is_not_finished_is_not_given),
        cmocka_unit_test(an_event_is_bounded),
        cmocka_unit_test(what_is_over_counts_no_more),
        cmocka_unit_test(an_error_of_the_taker_ends_the_reading),
        cmocka_unit_test(events_are_written_as_others_write_them),
        cmocka_unit_test(no_field_ends_its_line_early),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
