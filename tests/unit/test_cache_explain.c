/* Why one request does not read what another one cached. */
#include "support.h"

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "cache/explain.h"

struct pair {
    struct arena arena;
    struct chat_request request[2];
    struct explanation e;
};

static void compare(struct pair *pair, const struct codec *codec, const char *a, const char *b)
{
    const char *const bodies[2] = {a, b};
    const struct template_spec spec = {.family = TEMPLATE_CHATML};
    struct explain_side side[2];
    struct error error;
    *pair = (struct pair){0};
    arena_init(&pair->arena, 0);
    for (int i = 0; i < 2; i++) {
        pair->request[i].arena = &pair->arena;
        if (codec_parse_text(codec, str_of(bodies[i]), CODEC_COUNT, &pair->request[i], &error) != OK ||
            template_render(&spec, &pair->request[i], &side[i].prompt, &error) != OK)
            fail_msg("%s in %s", error.message, bodies[i]);
        side[i].body = pair->request[i].body;
    }
    explain(side, &pair->arena, &pair->e);
}

static void release(struct pair *pair)
{
    codec_request_free(&pair->request[0]);
    codec_request_free(&pair->request[1]);
    arena_deinit(&pair->arena);
}

/* Two bodies differ first at `field` (NULL: in no member) of the first, for `cause`. */
static void differ_at(const struct codec *codec, const char *a, const char *b, const char *field,
                      enum explain_cause cause)
{
    struct pair pair;
    compare(&pair, codec, a, b);
    assert_int_equal(pair.e.kind, EXPLAIN_DIFFERENT);
    if (!str_eq(pair.e.place[0].field, str_of(field)))
        fail_msg("field is " STR_FMT ", expected %s", STR_ARG(pair.e.place[0].field), field ? field : "none");
    if (pair.e.cause != cause)
        fail_msg("cause is %s, expected %s: %s", explain_cause_name(pair.e.cause), explain_cause_name(cause), a);
    release(&pair);
}

#define USER(text) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" text "\"}]}]}"
#define TEXT_FIELD "messages[0].content[0].text"

static void texts(void **state)
{
    (void)state;
    differ_at(&converse_codec, USER("It is 12:30 now"), USER("It is 12:31 now"), TEXT_FIELD, CAUSE_TIME);
    differ_at(&converse_codec, USER("On 2026-11-25"), USER("On 2026-12-01"), TEXT_FIELD, CAUSE_TIME);
    differ_at(&converse_codec, USER("at 1764045000"), USER("at 1764045999"), TEXT_FIELD, CAUSE_TIME);
    differ_at(&converse_codec, USER("on Monday"), USER("on Tuesday"), TEXT_FIELD, CAUSE_TIME);
    differ_at(&converse_codec, USER("id 6b1f2c3d-9a10"), USER("id 7b1f2c3d-0000"), TEXT_FIELD, CAUSE_ID);
    differ_at(&converse_codec, USER("turn 7 of"), USER("turn 8 of"), TEXT_FIELD, CAUSE_NUMBER);
    differ_at(&converse_codec, USER("Hello  there, all"), USER("Hello there, all"), TEXT_FIELD, CAUSE_SPACE);
    differ_at(&converse_codec, USER("Hello\\r\\nthere all"), USER("Hello\\nthere all"), TEXT_FIELD, CAUSE_SPACE);
    differ_at(&converse_codec, USER("hello there"), USER("Hello there"), TEXT_FIELD, CAUSE_CASE);
    differ_at(&converse_codec, USER("a cat sat"), USER("a dog sat"), TEXT_FIELD, CAUSE_TEXT);
    differ_at(&llama_codec, "{\"prompt\":\"of 12\"}", "{\"prompt\":\"of 13\"}", "prompt", CAUSE_NUMBER);
}

static void offsets(void **state)
{
    (void)state;
    struct pair pair;
    compare(&pair, &converse_codec, USER("It is 12:30 now"), USER("It is 12:31 now"));
    assert_true(pair.e.place[0].has_offset);
    assert_int_equal(pair.e.place[0].offset, 10);
    assert_true(str_eq(pair.e.place[1].before, STR("It is 12:3")));
    assert_true(str_eq(pair.e.place[1].after, STR("1 now")));
    assert_int_equal(pair.e.shared_bytes, strlen("<|im_start|>user\n") + 10);
    release(&pair);
    /* A difference inside a character is shown from the character's beginning. */
    compare(&pair, &converse_codec, USER("x\xc3\xa4"), USER("x\xc3\xb6"));
    assert_true(str_eq(pair.e.place[0].after, STR("\xc3\xa4")));
    release(&pair);
}

#define TOOL(schema)                                                                                       \
    "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"find\",\"inputSchema\":{\"json\":" schema "}}}," \
    "{\"cachePoint\":{\"type\":\"default\"}}]},\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]}"
#define CALL(input)                                                                                          \
    "{\"anthropic_version\":\"bedrock-2023-05-31\",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"" \
    "}}],\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":"       \
    "\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":" input "}]},{\"role\":\"user\",\"content\":[{\"type\":"     \
    "\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"done\"}]}]}"

static void rewritten_parts(void **state)
{
    (void)state;
    const char *schema = "toolConfig.tools[0].toolSpec.inputSchema.json";
    differ_at(&converse_codec, TOOL("{\"type\":\"object\",\"title\":\"t\"}"),
              TOOL("{\"title\":\"t\",\"type\":\"object\"}"), schema, CAUSE_KEY_ORDER);
    differ_at(&anthropic_codec, CALL("{\"a\":1,\"b\":2}"), CALL("{\"b\":2,\"a\":1}"),
              "messages[1].content[0].input", CAUSE_KEY_ORDER);
    differ_at(&anthropic_codec, CALL("{\"a\":\"at 12:30\"}"), CALL("{\"a\":\"at 12:31\"}"),
              "messages[1].content[0].input.a", CAUSE_TIME);
}

static void structure(void **state)
{
    (void)state;
    const char *two = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"one\"},{\"text\":\"two\"}]}]}";
    differ_at(&converse_codec, USER("one\\ntwo"), two, TEXT_FIELD, CAUSE_CUT);
    differ_at(&converse_codec, USER("a"), "{\"system\":[{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\",\"content\":"
                                          "[{\"text\":\"a\"}]}]}",
              NULL, CAUSE_STRUCTURE);
}

#define POINTS(ttl, rest)                                                                                   \
    "{\"system\":[{\"text\":\"Rules.\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"" ttl "\"}}],\"messages\":[" \
    "{\"role\":\"user\",\"content\":[{\"text\":\"Question.\"},{\"cachePoint\":{\"type\":\"default\"}}]}" rest "]}"
#define MORE                                                                                         \
    ",{\"role\":\"assistant\",\"content\":[{\"text\":\"Answer.\"}]},{\"role\":\"user\",\"content\":[" \
    "{\"text\":\"More.\"},{\"cachePoint\":{\"type\":\"default\"}}]}"

static void checkpoints(void **state)
{
    (void)state;
    struct pair pair;
    compare(&pair, &converse_codec, POINTS("1h", ""), POINTS("5m", MORE));
    assert_int_equal(pair.e.kind, EXPLAIN_FIRST_ENDS); /* cache points and their ttl change no token */
    assert_int_equal(pair.e.checkpoint_count[0], 2);
    assert_int_equal(pair.e.checkpoint_count[1], 3);
    assert_int_equal(pair.e.checkpoints[0][0].ttl_seconds, 3600);
    assert_true(pair.e.checkpoints[0][0].is_shared && pair.e.checkpoints[0][1].is_shared);
    assert_false(pair.e.checkpoints[1][2].is_shared);
    assert_true(str_eq(pair.e.checkpoints[1][2].field, STR("messages[2].content[0].text")));
    release(&pair);

    compare(&pair, &converse_codec, POINTS("5m", ""), POINTS("5m", ""));
    assert_int_equal(pair.e.kind, EXPLAIN_SAME);
    assert_int_equal(pair.e.shared_bytes, pair.e.bytes[0]);
    assert_true(pair.e.checkpoints[1][1].is_shared);
    release(&pair);
}

/* Without memory the difference stands, its field may lack its name. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct pair pair;
    struct explain_side side[2];
    struct error error;
    const struct template_spec spec = {.family = TEMPLATE_CHATML};
    compare(&pair, &converse_codec, TOOL("{\"type\":\"object\",\"title\":\"t\"}"),
            TOOL("{\"title\":\"t\",\"type\":\"object\"}"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(template_render(&spec, &pair.request[i], &side[i].prompt, &error), OK);
        side[i].body = pair.request[i].body;
    }
    for (uint64_t nth = 1;; nth++) {
        struct arena arena;
        struct explanation e;
        arena_init(&arena, 0);
        mem_fail_at(nth);
        explain(side, &arena, &e);
        const bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        assert_int_equal(e.kind, EXPLAIN_DIFFERENT);
        assert_int_equal(e.shared_bytes, pair.e.shared_bytes);
        arena_deinit(&arena);
        if (is_untouched) {
            assert_int_equal(e.cause, CAUSE_KEY_ORDER);
            break;
        }
    }
    release(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),     cmocka_unit_test(offsets),     cmocka_unit_test(rewritten_parts),
        cmocka_unit_test(structure), cmocka_unit_test(checkpoints), cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("cache_explain", tests, NULL, NULL);
}
