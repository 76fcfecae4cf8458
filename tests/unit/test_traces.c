/* test_traces.c - trace context by the tables of its specification, spans as OTLP's JSON has them, the queue between
 * threads, and a receiver that is not there. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/handoff.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"
#include "traces/context.h"
#include "traces/span.h"
#include "traces/traces.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

/* --- traceparent ------------------------------------------------------------------------------------- */

static void traceparents_are_read_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_read, is_sampled, is_random;
    } cases[] = {
        {"00-" TRACE "-" PARENT "-01", true, true, false},
        {"00-" TRACE "-" PARENT "-00", true, false, false},
        {"00-" TRACE "-" PARENT "-03", true, true, true},
        {"00-" TRACE "-" PARENT "-02", true, false, true},
        {"00-" TRACE "-" PARENT "-ff", true, true, true},  /* flags that nobody knows are no fault */
        {"01-" TRACE "-" PARENT "-01", true, true, false}, /* a later version */
        {"cc-" TRACE "-" PARENT "-03", true, true, false}, /* whose other flags mean what we don't know */
        {"cc-" TRACE "-" PARENT "-01-what-else", true, true, false},
        {"fe-" TRACE "-" PARENT "-01-", true, true, false},
        {"cc-" TRACE "-" PARENT "-01.what", false, false, false},
        {"00-" TRACE "-" PARENT "-01-what-else", false, false, false}, /* this version has no more */
        {"00-" TRACE "-" PARENT "-01-", false, false, false},
        {"ff-" TRACE "-" PARENT "-01", false, false, false}, /* forbidden */
        {"0-" TRACE "-" PARENT "-01", false, false, false},
        {"00-" TRACE "-" PARENT "-1", false, false, false},
        {"00-" TRACE "-" PARENT, false, false, false},
        {"00-00000000000000000000000000000000-" PARENT "-01", false, false, false},
        {"00-" TRACE "-0000000000000000-01", false, false, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false, false, false}, /* upper case */
        {"00-" TRACE "-00F067AA0BA902B7-01", false, false, false},
        {"0A-" TRACE "-" PARENT "-01", false, false, false},
        {"00-" TRACE "-" PARENT "-0A", false, false, false},
        {"00-" TRACE "-" PARENT "-0x", false, false, false},
        {"00-" TRACE "x-" PARENT "-01", false, false, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01", false, false, false},
        {"00_" TRACE "-" PARENT "-01", false, false, false},
        {"00-" TRACE "-" PARENT "_01", false, false, false},
        {" 00-" TRACE "-" PARENT "-01", false, false, false},
        {"", false, false, false},
        {"-", false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_context context = {0}, before = context;
        const bool is_read = trace_context_parse(str_of(cases[i].text), &context);
        if (is_read != cases[i].is_read || context.is_sampled != cases[i].is_sampled ||
            context.is_random != cases[i].is_random || context.has_parent != is_read)
            fail_msg("'%s': read %d, sampled %d, random %d", cases[i].text, is_read, context.is_sampled,
                     context.is_random);
        if (!is_read)
            assert_memory_equal(&context, &before, sizeof(context));
    }
}

/* Whatever is read comes out again as what it was, but for our span, and one changed byte never goes unnoticed. */
static void what_is_read_is_passed_on(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 20000; i++) {
        char text[TRACEPARENT_LEN + 1] = "00-" TRACE "-" PARENT "-01", out[TRACEPARENT_LEN + 1];
        struct trace_context context = {0};
        const size_t at = rng_below(&rng, TRACEPARENT_LEN);
        text[at] = (char)rng_below(&rng, 256);
        if (!trace_context_parse((struct str){text, TRACEPARENT_LEN}, &context))
            continue;
        trace_context_begin(&context, 0);
        trace_context_format(&context, out);
        assert_int_equal(strlen(out), TRACEPARENT_LEN);
        assert_memory_equal(out + 3, text + 3, 32);
        assert_memory_not_equal(out + 36, text + 36, 16);
        assert_true(trace_context_parse(str_of(out), &(struct trace_context){0}));
        assert_int_equal(context.is_sampled, hex_digit(text[54]) & 1);
    }
}

static void tracestates_are_valid_or_not(void **state)
{
    (void)state;
    char many[33 * 8] = "", long_key[300], long_value[300];
    for (int i = 0; i < 32; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "%sk%d=1", i ? "," : "", i);
    memset(long_key, 'a', sizeof(long_key));
    memset(long_value, 'v', sizeof(long_value));
    memcpy(long_key + 256, "=1", 3);
    memcpy(long_value, "k=", 2);
    long_value[2 + 256] = '\0';
    const char *const good[] = {"a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1, b=2 ,\tc=3", "tenant@sys=x",
                                "a=1,,b=2", "0key=v", "a= b", "a_-*/=~!", many, long_key, long_value};
    const char *const bad[] = {"a=1\n,b=2", "a=1,\r\nb=2", "", "a", "=1", "a=", "A=1", "a=1,a=2", "a=b=c", "a b=1",
                               "a=\x7f", "a=\xc3\xa9",
                               "@sys=x", "tenant@=x", "tenant@1234567890abcdef=x", "a@b@c=1", "_a=1", ",", "a=1;b=2,c"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!trace_state_is_valid(str_of(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (trace_state_is_valid(str_of(bad[i])))
            fail_msg("taken: %s", bad[i]);
    (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), ",x=1");
    assert_false(trace_state_is_valid(str_of(many)));
    long_value[2 + 256] = 'v';
    long_value[2 + 257] = '\0';
    assert_false(trace_state_is_valid(str_of(long_value)));
}

static void a_share_of_traces_is_sampled(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.1, 0.5, 1};
    for (size_t i = 0; i < 4; i++) {
        int sampled = 0;
        for (int n = 0; n < 4000; n++) {
            struct trace_context context = {0};
            trace_context_begin(&context, shares[i]);
            assert_true(context.is_random && !context.has_parent);
            sampled += context.is_sampled;
        }
        const double expected = 4000 * shares[i];
        assert_true(sampled >= expected - 300 && sampled <= expected + 300);
        assert_true(shares[i] > 0 || sampled == 0);
        assert_true(shares[i] < 1 || sampled == 4000);
    }
}

/* --- spans ------------------------------------------------------------------------------------------- */

static yyjson_val *value_of(yyjson_val *span, const char *key)
{
    yyjson_val *attributes = yyjson_obj_get(span, "attributes"), *attribute;
    size_t i, max;
    yyjson_arr_foreach(attributes, i, max, attribute)
        if (yyjson_equals_str(yyjson_obj_get(attribute, "key"), key))
            return yyjson_obj_get(attribute, "value");
    return NULL;
}

static void spans_are_what_the_mapping_wants(void **state)
{
    (void)state;
    struct trace_context context = {.state = STR("a=\"1\"")};
    const struct str reasons[] = {STR("stop"), STR("a\"b")};
    const struct span_source source = {"fulcrum", "1", "x"};
    struct buf out;
    struct span span;
    struct error error;
    yyjson_doc *doc;
    assert_true(trace_context_parse(STR("00-" TRACE "-" PARENT "-01"), &context));
    trace_context_begin(&context, 0);
    buf_init(&out, 65536);
    span_document_begin(&out, &source);
    span_begin(&span, &out, &context, STR("chat \"m\"\n"), SPAN_SERVER, UINT64_C(1795564800000000001), UINT64_MAX);
    span_text(&span, "t", STR("\xff\x01"));
    span_number(&span, "n", INT64_MIN);
    span_real(&span, "r", 0.1);
    span_real(&span, "nan", __builtin_nan(""));
    span_flag(&span, "f", true);
    span_texts(&span, "l", reasons, 2);
    span_end(&span, true, STR("Gone"));
    span_document_end(&out);
    assert_int_equal(json_parse(buf_str(&out), &doc, &error), OK);
    yyjson_val *got = yyjson_ptr_get(yyjson_doc_get_root(doc), "/resourceSpans/0/scopeSpans/0/spans/0");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(got, "traceId")), TRACE);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(got, "parentSpanId")), PARENT);
    assert_int_equal(yyjson_get_len(yyjson_obj_get(got, "spanId")), 16);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(got, "traceState")), "a=\"1\"");
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(got, "flags")), 0x301);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(got, "kind")), 2);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(got, "startTimeUnixNano")), "1795564800000000001");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(got, "endTimeUnixNano")), "18446744073709551615");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(value_of(got, "n"), "intValue")), "-9223372036854775808");
    assert_true(yyjson_get_real(yyjson_obj_get(value_of(got, "r"), "doubleValue")) == 0.1);
    assert_null(value_of(got, "nan"));
    assert_true(yyjson_get_bool(yyjson_obj_get(value_of(got, "f"), "boolValue")));
    assert_int_equal(yyjson_arr_size(yyjson_ptr_get(value_of(got, "l"), "/arrayValue/values")), 2);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(got, "/status/code")), 2);
    json_free(doc);
    buf_deinit(&out);
}

/* --- the queue --------------------------------------------------------------------------------------- */

#define LEAVERS 4
#define LEFT_BY_EACH 5000

struct number {
    struct handoff_item link;
    size_t leaver, value;
};

struct leaver {
    struct handoff *handoff;
    size_t number;
};

static void *leave(void *ctx)
{
    const struct leaver *leaver = ctx;
    for (size_t i = 0; i < LEFT_BY_EACH; i++) {
        struct number *number = mem_must_calloc(1, sizeof(*number));
        number->leaver = leaver->number;
        number->value = i;
        handoff_leave(leaver->handoff, &number->link);
    }
    return NULL;
}

static void what_is_left_is_taken_once_and_in_order(void **state)
{
    (void)state;
    struct handoff handoff;
    pthread_t threads[LEAVERS];
    struct leaver leavers[LEAVERS];
    size_t next[LEAVERS] = {0}, taken = 0;
    bool is_closing = false;
    handoff_init(&handoff);
    for (size_t i = 0; i < LEAVERS; i++) {
        leavers[i] = (struct leaver){&handoff, i};
        assert_int_equal(pthread_create(&threads[i], NULL, leave, &leavers[i]), 0);
    }
    while (taken < (size_t)LEAVERS * LEFT_BY_EACH) {
        handoff_wait(&handoff, UINT64_MAX);
        struct handoff_item *item = handoff_take(&handoff, &is_closing);
        while (item) {
            struct number *number = (struct number *)item;
            item = item->next;
            assert_int_equal(number->value, next[number->leaver]++);
            mem_free(number);
            taken++;
        }
    }
    for (size_t i = 0; i < LEAVERS; i++)
        pthread_join(threads[i], NULL);
    handoff_wake(&handoff); /* comes back without anything, once */
    handoff_wait(&handoff, UINT64_MAX);
    assert_null(handoff_take(&handoff, &is_closing));
    assert_false(is_closing);
    handoff_wait(&handoff, 1000);
    handoff_close(&handoff);
    handoff_wait(&handoff, UINT64_MAX);
    handoff_pause(&handoff, UINT64_MAX);
    assert_null(handoff_take(&handoff, &is_closing));
    assert_true(is_closing);
    handoff_deinit(&handoff);
}

/* --- a receiver that is not there ------------------------------------------------------------------- */

static struct buf some_span(size_t bytes)
{
    struct buf span;
    buf_init(&span, TRACES_SPAN_BYTES_MAX);
    for (size_t i = 0; i < bytes; i++)
        buf_append_char(&span, 'x');
    return span;
}

static void what_nobody_takes_is_counted(void **state)
{
    (void)state;
    const struct traces_config config = {.endpoint = "http://127.0.0.1:1", .sample = "0.25", .queue_bytes = 4u << 20};
    struct traces *traces;
    struct traces_counters counters;
    struct error error;
    struct buf span;
    assert_int_equal(traces_open(&config, &traces, &error), OK);
    assert_true(traces_sample(traces) == 0.25 && !traces_has_content(traces));
    const uint64_t room = config.queue_bytes / 500000 + 1;
    for (uint64_t i = 0; i < 2 * room; i++) { /* twice as many as there is room for */
        span = some_span(500000);
        traces_leave(traces, &span);
    }
    span = some_span(TRACES_SPAN_BYTES_MAX + 1);
    assert_true(span.failed);
    traces_leave(traces, &span);
    traces_counters(traces, &counters);
    assert_true(counters.sent == 0 && counters.dropped >= room);
    assert_true(counters.queue_bytes <= config.queue_bytes);
    traces_close(traces); /* with the receiver gone it does not wait for it */
    traces_counters(NULL, &counters);
    assert_true(counters.dropped == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparents_are_read_or_not),
        cmocka_unit_test(what_is_read_is_passed_on),
        cmocka_unit_test(tracestates_are_valid_or_not),
        cmocka_unit_test(a_share_of_traces_is_sampled),
        cmocka_unit_test(spans_are_what_the_mapping_wants),
        cmocka_unit_test(what_is_left_is_taken_once_and_in_order),
        cmocka_unit_test(what_nobody_takes_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
