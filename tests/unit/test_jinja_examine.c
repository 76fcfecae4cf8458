/* Chat templates of strangers: what is found out of them, and that those which loop, throw or want too much leave the
 * process that asks as it was. The process is this program again. */
#include "support.h"

#include "jinja/ask.h"
#include "jinja/examine.h"

#define TURNS "{% for m in messages %}"
#define CHAT "<|{{ m.role }}|>{{ m.content }}<|end|>"

struct bed {
    struct arena arena;
    struct examination found;
};

static struct examination *examine(void **state, const char *jinja)
{
    struct bed *bed = *state;
    const struct examined_source source = {str_of(jinja), "<s>", "</s>"};
    struct error error;
    if (jinja_examine(&source, &bed->arena, &bed->found, &error) != OK)
        fail_msg("%s", error.message);
    return &bed->found;
}

static void check_piece(const struct examination *found, enum template_generic_piece piece, const char *expected)
{
    const struct str text = found->around.pieces[piece];
    if (!str_eq(text, str_of(expected)))
        fail_msg("piece %d: '" STR_FMT "' instead of '%s'", (int)piece, STR_ARG(text), expected);
}

static void texts_around_content_are_measured(void **state)
{
    const struct examination *found = examine(
        state, "{{ bos_token }}" TURNS CHAT "{% endfor %}"
               "{% if add_generation_prompt %}<|assistant|><think>{% endif %}");
    assert_true(found->is_measured && found->is_usable && found->has_system);
    assert_int_equal(found->around.flags, 0);
    check_piece(found, PIECE_BARE, "");
    check_piece(found, PIECE_SYSTEM_PREFIX, "<|system|>");
    check_piece(found, PIECE_USER_SUFFIX, "<|end|>");
    check_piece(found, PIECE_ASSISTANT_PREFIX, "<|assistant|>");
    check_piece(found, PIECE_OPENING, "<|assistant|><think>");
    assert_int_equal(found->prefix, EXAMINED_KEEPS_MESSAGES);
}

static void a_default_system_text_stands_where_there_is_none(void **state)
{
    const struct examination *found =
        examine(state, "{% if messages[0].role != 'system' %}<|system|>Be kind.<|end|>{% endif %}" TURNS CHAT
                       "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}");
    assert_true(found->is_measured);
    check_piece(found, PIECE_BARE, "<|system|>Be kind.<|end|>");
    assert_int_equal(found->prefix, EXAMINED_KEEPS_ALL);
}

static void a_system_text_inside_of_the_users_turn(void **state)
{
    const struct examination *found = examine(
        state, "{% for m in messages %}{% if m.role == 'system' %}[INST] {{ m.content }}\n{% elif m.role == 'user' %}"
               "{% if loop.index0 == 0 or messages[loop.index0 - 1].role != 'system' %}[INST] {% endif %}"
               "{{ m.content }} [/INST]{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}");
    assert_true(found->is_measured);
    assert_int_equal(found->around.flags, TEMPLATE_SYSTEM_JOINS);
    check_piece(found, PIECE_SYSTEM_SUFFIX, "\n");
    check_piece(found, PIECE_ASSISTANT_SUFFIX, "</s>");
}

static void trimmed_content_is_trimmed(void **state)
{
    const struct examination *found = examine(
        state, TURNS "<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}"
                     "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    assert_true(found->is_measured);
    assert_int_equal(found->around.flags, TEMPLATE_TRIMS);
}

static void a_last_message_with_an_end_of_its_own(void **state)
{
    const struct examination *found = examine(
        state, TURNS "<|{{ m.role }}|>{{ m.content }}{% if loop.last and m.role == 'assistant' %}<|return|>{% else %}"
                     "<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}");
    assert_true(found->is_measured);
    check_piece(found, PIECE_ASSISTANT_SUFFIX, "<|end|>");
    check_piece(found, PIECE_USER_PREFIX, "<|user|>");
}

static void only_some_content_is_trimmed(void **state)
{
    const struct examination *found = examine(
        state, TURNS "<|{{ m.role }}|>{{ m.content | trim if m.role == 'assistant' else m.content }}<|end|>{% endfor %}"
                     "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    assert_true(found->is_measured);
    assert_int_equal(found->around.flags, TEMPLATE_TRIMS_ASSISTANT);
}

static void changed_content_is_not_believed(void **state)
{
    const struct examination *found = examine(
        state, TURNS "<|{{ m.role }}|>{{ m.content | replace('{', '(') }}<|end|>{% endfor %}"
                     "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    assert_true(found->is_usable && !found->is_measured);
    assert_non_null(strstr(found->hindrance, "changes content"));
}

static void abilities_are_seen(void **state)
{
    const struct examination *found = examine(
        state, "{% if tools %}{{ tools | tojson }}{% endif %}" TURNS CHAT
               "{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}"
               "{% if m.reasoning_content %}{{ m.reasoning_content }}{% endif %}{% endfor %}"
               "{% if enable_thinking is false %}<off>{% endif %}{{ reasoning_effort }}");
    assert_true(found->has_tools && found->has_calls && found->has_parallel_calls && found->has_results);
    assert_true(found->shows_reasoning && found->has_thinking_switch && found->has_effort);
    found = examine(state, TURNS CHAT "{% endfor %}");
    assert_false(found->has_tools || found->has_calls || found->shows_reasoning || found->has_effort);
}

static void dates_are_always_the_same(void **state)
{
    const struct examination *found = examine(state, "{{ strftime_now('%Y-%m-%d') }}" TURNS CHAT "{% endfor %}"
                                                     "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    check_piece(found, PIECE_BARE, "2024-07-26");
}

/* Each is a hindrance that is told, and no more. */
static void hostile_templates_are_told(void **state)
{
    static const struct {
        const char *jinja, *hindrance;
    } cases[] = {
        {"{% for a in range(99999) %}{% for b in range(99999) %}{% set c = 1 %}{% endfor %}{% endfor %}",
         "more than 5 s"},
        {"{% macro f(x) %}{{ f(x + 1) }}{% endmacro %}{{ f(0) }}", "nests too deep"},
        {"{% for a in range(999999999) %}{% endfor %}", "fails"},
        {"{{ raise_exception('only on Mondays') }}", "only on Mondays"},
        {"{{ messages | frobnicate }}", "fails"},
        {"{% for m in messages %}", "fails"},
        {"no word of the user", "does not show"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct examination *found = examine(state, cases[i].jinja);
        assert_false(found->is_measured || found->is_usable);
        if (!strstr(found->hindrance, cases[i].hindrance))
            fail_msg("%s: %s", cases[i].jinja, found->hindrance);
    }
}

static int set_up(void **state)
{
    static struct bed bed;
    arena_init(&bed.arena, 0);
    *state = &bed;
    return 0;
}

static int tear_down(void **state)
{
    arena_deinit(&((struct bed *)*state)->arena);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "template") == 0)
        return jinja_serve();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_around_content_are_measured),
        cmocka_unit_test(a_default_system_text_stands_where_there_is_none),
        cmocka_unit_test(a_system_text_inside_of_the_users_turn),
        cmocka_unit_test(trimmed_content_is_trimmed),
        cmocka_unit_test(a_last_message_with_an_end_of_its_own),
        cmocka_unit_test(only_some_content_is_trimmed),
        cmocka_unit_test(changed_content_is_not_believed),
        cmocka_unit_test(abilities_are_seen),
        cmocka_unit_test(dates_are_always_the_same),
        cmocka_unit_test(hostile_templates_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
