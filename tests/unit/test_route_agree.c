/* test_route_agree.c - when two models' answers are the same one. */
#include "support.h"

#include "route/agree.h"

#define MAX_BLOCKS 4

struct answer {
    struct chat_reply reply;
    struct chat_reply_block blocks[MAX_BLOCKS];
};

static void say(struct answer *answer, const char *text)
{
    *answer = (struct answer){.blocks = {{.kind = CHAT_TEXT, .text = str_of(text)}}};
    answer->reply = (struct chat_reply){.blocks = answer->blocks, .block_count = 1};
}

static void call(struct answer *answer, const char *name, const char *input)
{
    if (answer->reply.block_count == 0)
        *answer = (struct answer){0};
    answer->reply.blocks = answer->blocks;
    answer->reply.stop = CHAT_STOP_TOOL_USE;
    answer->blocks[answer->reply.block_count++] = (struct chat_reply_block){
        .kind = CHAT_TOOL_USE, .tool_id = STR("any"), .tool_name = str_of(name), .text = str_of(input)};
}

static enum agreement compare(struct answer *a, struct answer *b, const char *expected_by)
{
    enum agreement agreement;
    const char *by;
    struct error error;
    a->reply.blocks = a->blocks;
    b->reply.blocks = b->blocks;
    assert_int_equal(replies_agree(&a->reply, &b->reply, &agreement, &by, &error), OK);
    assert_string_equal(by, expected_by);
    return agreement;
}

static enum agreement compare_texts(const char *a, const char *b, const char *expected_by)
{
    struct answer left, right;
    say(&left, a);
    say(&right, b);
    return compare(&left, &right, expected_by);
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(compare_texts("Monday to Friday", "  Monday\n to\tFriday \r\n", "text"), AGREE_YES);
    assert_int_equal(compare_texts("Monday to Friday", "Monday\xc2\xa0to\xe3\x80\x80" "Friday", "text"), AGREE_YES);
    assert_int_equal(compare_texts("Monday to Friday", "monday to friday", "text"), AGREE_NO);
    assert_int_equal(compare_texts("Monday to Friday", "MondaytoFriday", "text"), AGREE_NO);
    assert_int_equal(compare_texts("Monday", "", "text"), AGREE_NO);
    assert_int_equal(compare_texts("\xe5\x91\xa8\xe4\xb8\x80", "\xe5\x91\xa8\xe4\xb8\x80 ", "text"), AGREE_YES);
    assert_int_equal(compare_texts("\xe5\x91\xa8\xe4\xb8\x80", "\xe5\x91\xa8\xe4\xba\x8c", "text"), AGREE_NO);
}

static void test_json(void **state)
{
    (void)state;
    assert_int_equal(compare_texts("{\"a\": 1, \"b\": [1.0, \"x y\"]}", "{\"b\":[1,\"x y\"],\"a\":1e0}", "json"),
                     AGREE_YES);
    assert_int_equal(compare_texts("{\"a\": 1}", "```json\n{\"a\": 1.00}\n```", "json"), AGREE_YES);
    assert_int_equal(compare_texts("{\"a\": [1, 2]}", "{\"a\": [2, 1]}", "json"), AGREE_NO);
    assert_int_equal(compare_texts("{\"a\": \"x y\"}", "{\"a\": \"x  y\"}", "json"), AGREE_NO);
    assert_int_equal(compare_texts("{\"a\": 1}", "{\"a\": 1, \"b\": null}", "json"), AGREE_NO);
    assert_int_equal(compare_texts("{\"a\": 9007199254740993}", "{\"a\": 9007199254740992}", "json"), AGREE_NO);
    assert_int_equal(compare_texts("{\"a\": 1}", "It is one.", "json"), AGREE_NO);
    assert_int_equal(compare_texts("42", "42.0", "json"), AGREE_YES);
    assert_int_equal(compare_texts("42", "42 items", "text"), AGREE_NO);
    assert_int_equal(compare_texts("{not json}", "{not  json}", "text"), AGREE_YES);
}

static void test_calls(void **state)
{
    (void)state;
    struct answer a = {0}, b = {0};
    call(&a, "find", "{\"city\":\"Oslo\",\"days\":2}");
    call(&b, "find", "{ \"days\": 2.0, \"city\": \"Oslo\" }");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_YES);
    call(&a, "now", "");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_NO); /* one call more */
    b = (struct answer){0};
    call(&b, "now", "{}");
    call(&b, "find", "{\"city\":\"Oslo\",\"days\":2}");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_YES); /* in any order */
    b.blocks[0].tool_name = STR("then");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_NO);
    say(&b, "It is sunny in Oslo.");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_NO);
    assert_int_equal(compare(&b, &a, "tool"), AGREE_NO); /* nor the other way round */
    a = b = (struct answer){0}; /* the same call twice is not the same call once and another */
    call(&a, "now", "{}");
    call(&a, "now", "{}");
    call(&b, "now", "{}");
    call(&b, "then", "{}");
    assert_int_equal(compare(&a, &b, "tool"), AGREE_NO);
}

static void test_what_cannot_be_judged(void **state)
{
    (void)state;
    char essay[AGREE_TEXT_MAX + 100];
    struct answer a, b;
    memset(essay, 'e', sizeof(essay));
    essay[sizeof(essay) - 1] = '\0';
    assert_int_equal(compare_texts(essay, essay, "text"), AGREE_UNKNOWN);
    assert_int_equal(compare_texts(essay, "short", "text"), AGREE_UNKNOWN);
    assert_int_equal(compare_texts("short", essay, "text"), AGREE_NO);
    say(&a, "Monday to");
    say(&b, "Monday to");
    a.reply.stop = CHAT_STOP_MAX_TOKENS;
    assert_int_equal(compare(&a, &b, "tool"), AGREE_UNKNOWN);
    a.reply.stop = CHAT_STOP_END_TURN;
    b.reply.stop = CHAT_STOP_MAX_TOKENS;
    assert_int_equal(compare(&a, &b, "text"), AGREE_NO); /* it would have gone on */
}

static void test_what_is_said(void **state)
{
    (void)state;
    struct answer answer;
    struct buf out;
    buf_init(&out, 4096);
    say(&answer, "Let me see.");
    answer.reply.blocks = answer.blocks;
    call(&answer, "find", "{\"city\":\"Oslo\"}");
    assert_true(reply_append_said(&out, &answer.reply));
    assert_str_equal(buf_str(&out), "Let me see.\n{\"call\":\"find\",\"input\":{\"city\":\"Oslo\"}}");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts), cmocka_unit_test(test_json), cmocka_unit_test(test_calls),
        cmocka_unit_test(test_what_cannot_be_judged), cmocka_unit_test(test_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
