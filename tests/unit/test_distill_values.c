/* test_distill_values.c - what an answer copies is replaced in the prompt as well, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "distill/values.h"

struct talk {
    struct arena arena;
    struct chat_request request;
    struct chat_block blocks[3];
    struct chat_message messages[2];
};

static void open_talk(struct talk *talk, const char *system, const char *prompt, const char *answer)
{
    *talk = (struct talk){0};
    arena_init(&talk->arena, 0);
    const char *const texts[] = {system, prompt, answer};
    for (size_t i = 0; i < 3; i++)
        talk->blocks[i] = (struct chat_block){.kind = CHAT_TEXT, .text = str_of(texts[i])};
    talk->messages[0] = (struct chat_message){.role = CHAT_USER, .blocks = &talk->blocks[1], .block_count = 1};
    talk->messages[1] = (struct chat_message){.role = CHAT_ASSISTANT, .blocks = &talk->blocks[2], .block_count = 1};
    talk->request = (struct chat_request){.arena = &talk->arena, .system = talk->blocks, .system_count = 1,
                                          .messages = talk->messages, .message_count = 2};
}

/* Of so many draws those that changed the answer, each of which `check` looks at. */
static unsigned draw_many(const char *system, const char *prompt, const char *answer, void check(const struct talk *))
{
    struct rng rng;
    unsigned changed = 0;
    rng_seed(&rng, 5);
    for (int i = 0; i < 400; i++) {
        struct talk talk;
        open_talk(&talk, system, prompt, answer);
        assert_true(values_refresh(&talk.request, &rng));
        if (!str_eq(talk.blocks[2].text, str_of(answer))) {
            changed++;
            check(&talk);
        } else {
            assert_true(str_eq(talk.blocks[0].text, str_of(system)) && str_eq(talk.blocks[1].text, str_of(prompt)));
        }
        arena_deinit(&talk.arena);
    }
    return changed;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void check_order(const struct talk *talk)
{
    static const char prompt[] = "Order QP146, not 77: I paid $81.19 on 08/2.";
    const struct str text = talk->blocks[1].text, answer = talk->blocks[2].text;
    assert_int_equal(text.len, sizeof(prompt) - 1);
    for (size_t i = 0; i < text.len; i++) /* places stay */
        assert_true(is_digit(text.data[i]) == is_digit(prompt[i]));
    assert_memory_equal(text.data, "Order ", 6);
    assert_memory_equal(text.data + 11, ", not 77: I paid $", 18); /* that was not copied */
    assert_memory_equal(answer.data, "{\"order\":\"", 10);
    assert_memory_equal(answer.data + 10, text.data + 6, 5);
    assert_memory_equal(answer.data + 28, text.data + 29, 5);
    assert_true(text.data[29] != '0');
    assert_memory_equal(text.data + 38, "08/2.", 5);
    assert_true(str_eq(talk->blocks[0].text, STR("Fields 10 to 20.")));
}

static void values_are_the_same_on_both_sides(void **state)
{
    (void)state;
    const unsigned changed = draw_many("Fields 10 to 20.", "Order QP146, not 77: I paid $81.19 on 08/2.",
                                       "{\"order\":\"QP146\",\"amount\":\"$81.19\"}", check_order);
    assert_in_range(changed, 260, 340); /* three of four */
}

static void never(const struct talk *talk)
{
    (void)talk;
    fail();
}

static void what_was_not_copied_leaves_the_row_alone(void **state)
{
    (void)state;
    static const struct {
        const char *system, *prompt, *answer;
    } kept[] = {
        {"", "2 boxes of 45 dollars and 12 more", "102"},                         /* computed */
        {"", "2 boxes of 45 dollars and 12 more", "45 times 2 and 12 are 102"},   /* a part of it is */
        {"Tags are 1 to 5.", "I am happy", "4"},                                  /* one digit: a class */
        {"", "How do I return it?", "return_policy"},                             /* none */
        {"", "my name is betty95, write to betty95@mail.com", "betty95@mail.com"}, /* a word */
        {"", "room \xc3\x84" "95", "95"},                                         /* of another alphabet's */
        {"", "line_20 is broken", "line_20"},
    };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        assert_int_equal(draw_many(kept[i].system, kept[i].prompt, kept[i].answer, never), 0);
}

static void check_apart(const struct talk *talk)
{
    const struct str text = talk->blocks[1].text;
    assert_int_equal(text.len, 11);
    assert_memory_not_equal(text.data, text.data + 3, 2);
    assert_memory_not_equal(text.data, text.data + 6, 2);
    assert_memory_not_equal(text.data + 3, text.data + 6, 2);
    assert_memory_equal(text.data + 6, "33 44", 5);
}

static void two_values_do_not_become_one(void **state)
{
    (void)state;
    assert_true(draw_many("", "11 22 33 44", "11, 22", check_apart) > 200);
}

/* All two-digit numbers but these are in the prompt: there is no other value, and the row stays. */
static void a_full_prompt_stays(void **state)
{
    (void)state;
    char prompt[400];
    size_t len = 0;
    for (int i = 10; i < 100; i++) {
        prompt[len++] = (char)('0' + i / 10);
        prompt[len++] = (char)('0' + i % 10);
        prompt[len++] = ' ';
    }
    prompt[len] = 0;
    assert_int_equal(draw_many("", prompt, "10 11", never), 0);
}

static void long_answers_stay(void **state)
{
    (void)state;
    char text[400];
    size_t len = 0;
    for (int i = 0; i <= VALUES_MAX; i++) {
        text[len++] = 'A';
        text[len++] = (char)('1' + i / 10);
        text[len++] = (char)('0' + i % 10);
        text[len++] = ' ';
    }
    text[len] = 0;
    assert_int_equal(draw_many("", text, text, never), 0);
}

static void calls_have_fresh_arguments(void **state)
{
    (void)state;
    struct rng rng;
    unsigned changed = 0;
    rng_seed(&rng, 8);
    for (int i = 0; i < 40; i++) {
        struct talk talk;
        open_talk(&talk, "", "Where is order 4711?", "");
        talk.blocks[2] = (struct chat_block){.kind = CHAT_TOOL_USE, .name = STR("get_order2000"),
                                             .json = STR("{\"order\":\"4711\"}")};
        assert_true(values_refresh(&talk.request, &rng));
        assert_memory_equal(talk.blocks[1].text.data + 15, talk.blocks[2].json.data + 10, 4);
        assert_true(str_eq(talk.blocks[2].name, STR("get_order2000")));
        changed += !str_eq(talk.blocks[2].json, STR("{\"order\":\"4711\"}"));
        arena_deinit(&talk.arena);
    }
    assert_true(changed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_same_on_both_sides), cmocka_unit_test(what_was_not_copied_leaves_the_row_alone),
        cmocka_unit_test(two_values_do_not_become_one),      cmocka_unit_test(a_full_prompt_stays),
        cmocka_unit_test(long_answers_stay),                 cmocka_unit_test(calls_have_fresh_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
