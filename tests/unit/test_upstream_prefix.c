/* A request's prompt as hashes: what two requests have in common is equal, what tells tenants apart is not. */
#include "support.h"

#include "chat_fixture.h"
#include "upstream/prefix.h"

#define LONG_BYTES 4000

struct read {
    struct arena arena;
    yyjson_doc *doc;
    struct chat_request request;
    struct affinity_prefix prefix;
};

/* `text`, whose "@N" are letters a to z in turn, LONG_BYTES of them from the N-th letter on. */
static void read_as(struct read *read, const char *text, const char *tenant, const char *model, const char *session)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    for (const char *at = text; *at; at++) {
        if (*at != '@') {
            buf_append_char(&body, *at);
            continue;
        }
        const int from = *++at - '0';
        for (int i = 0; i < LONG_BYTES; i++)
            buf_append_char(&body, (char)('a' + (from + i) % 26));
    }
    arena_init(&read->arena, 0);
    buf_append_char(&body, '\0');
    read->doc = fixture_parse(body.data);
    read->request = fixture_request(&read->arena, yyjson_doc_get_root(read->doc));
    assert_true(prefix_read(&read->request, str_of(tenant), str_of(model), str_of(session), &read->prefix));
    buf_deinit(&body);
}

static void read_text(struct read *read, const char *text)
{
    read_as(read, text, "t", "m", "");
}

static void release(struct read *read)
{
    yyjson_doc_free(read->doc);
    arena_deinit(&read->arena);
}

static size_t common(const struct read *a, const struct read *b)
{
    size_t i = 0;
    while (i < a->prefix.count && i < b->prefix.count && a->prefix.blocks[i] == b->prefix.blocks[i])
        i++;
    return i;
}

#define TURN1 "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"@0\"}]}]}"
#define TURN2                                                                                                         \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"@0\"}]},"                                             \
    "{\"role\":\"assistant\",\"content\":[{\"text\":\"@1\"}]},{\"role\":\"user\",\"content\":[{\"text\":\"go on\"}]}]}"
#define OTHER "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"@2\"}]}]}"

static void test_the_next_turn_begins_the_same(void **state)
{
    struct read first, second, other;
    (void)state;
    read_text(&first, TURN1);
    read_text(&second, TURN2);
    read_text(&other, OTHER);
    assert_int_equal(first.prefix.count, LONG_BYTES / PREFIX_BLOCK_BYTES);
    assert_int_equal(common(&first, &second), first.prefix.count);
    assert_true(second.prefix.count > first.prefix.count);
    assert_true(first.prefix.key == second.prefix.key);
    assert_true(first.prefix.key != other.prefix.key);
    assert_int_equal(common(&first, &other), 0);
    release(&first);
    release(&second);
    release(&other);
}

#define MARKED(question)                                                                                              \
    "{\"system\":[{\"text\":\"@0\"},{\"cache\":300}],"                                                                 \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" question "\"},{\"cache\":300}]}]}"

/* What users of one application have in common is up to its first mark. */
static void test_the_first_mark_is_the_key(void **state)
{
    struct read a, b;
    (void)state;
    read_text(&a, MARKED("one"));
    read_text(&b, MARKED("two"));
    assert_true(a.prefix.key == b.prefix.key);
    assert_int_equal(common(&a, &b), LONG_BYTES / PREFIX_BLOCK_BYTES);
    release(&a);
    release(&b);
}

/* Clients that mark the last message alone move their mark with each turn. */
static void test_a_mark_that_moves_is_no_key(void **state)
{
    struct read first, second;
    (void)state;
    read_text(&first, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"cache\":300}]}]}");
    read_text(&second, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":\"assistant\","
                       "\"content\":[{\"text\":\"b\"}]},{\"role\":\"user\",\"content\":[{\"text\":\"c\"},"
                       "{\"cache\":300}]}]}");
    assert_true(first.prefix.key == second.prefix.key);
    release(&first);
    release(&second);
}

static void test_tenants_models_and_salts_are_apart(void **state)
{
    struct read a, tenant, model, salted;
    (void)state;
    read_as(&a, TURN1, "t", "m", "");
    read_as(&tenant, TURN1, "u", "m", "");
    read_as(&model, TURN1, "t", "n", "");
    assert_int_equal(common(&a, &tenant), 0);
    assert_int_equal(common(&a, &model), 0);
    assert_true(a.prefix.key != tenant.prefix.key && a.prefix.key != model.prefix.key);
    read_as(&salted, TURN1, "t", "m", "");
    salted.request.cache_salt = STR("s");
    assert_true(prefix_read(&salted.request, STR("t"), STR("m"), STR(""), &salted.prefix));
    assert_int_equal(common(&a, &salted), 0);
    release(&a);
    release(&tenant);
    release(&model);
    release(&salted);
}

static void test_a_session_goes_before_the_prompt(void **state)
{
    struct read a, b, other, stranger;
    (void)state;
    read_as(&a, TURN1, "t", "m", "s1");
    read_as(&b, OTHER, "t", "m", "s1");
    read_as(&other, TURN1, "t", "m", "s2");
    read_as(&stranger, TURN1, "u", "m", "s1");
    assert_true(a.prefix.key == b.prefix.key);
    assert_true(a.prefix.key != other.prefix.key);
    assert_true(a.prefix.key != stranger.prefix.key);
    assert_int_equal(common(&a, &other), a.prefix.count);
    release(&a);
    release(&b);
    release(&other);
    release(&stranger);
}

/* Text that moves over the edge of a block, or of a tool into the system prompt, is another prompt. */
static void test_pieces_have_edges(void **state)
{
    struct read a, b;
    (void)state;
    read_text(&a, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"ab\"},{\"text\":\"c\"}]}]}");
    read_text(&b, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"bc\"}]}]}");
    assert_true(a.prefix.key != b.prefix.key);
    release(&a);
    release(&b);
}

static void test_tools_come_first(void **state)
{
    struct read a, b;
    (void)state;
    read_text(&a, "{\"tools\":[{\"name\":\"f\",\"description\":\"@0\",\"schema\":{\"type\":\"object\"},\"cache\":300}],"
                  "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"@1\"}]}]}");
    read_text(&b, "{\"tools\":[{\"name\":\"f\",\"description\":\"@0\",\"schema\":{\"type\":\"object\"},\"cache\":300}],"
                  "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"@2\"}]}]}");
    assert_true(a.prefix.key == b.prefix.key);
    assert_int_equal(common(&a, &b), LONG_BYTES / PREFIX_BLOCK_BYTES);
    release(&a);
    release(&b);
}

static void test_long_prompts_are_bounded(void **state)
{
    struct arena arena;
    struct chat_request request = {.arena = &arena};
    struct affinity_prefix prefix;
    static char text[2 * PREFIX_BLOCK_BYTES * PREFIX_BLOCKS_MAX];
    (void)state;
    memset(text, 'x', sizeof(text));
    arena_init(&arena, 0);
    request.raw_prompt = (struct str){text, sizeof(text)};
    assert_true(prefix_read(&request, STR("t"), STR("m"), STR(""), &prefix));
    assert_int_equal(prefix.count, PREFIX_BLOCKS_MAX);
    assert_true(prefix.key == prefix.blocks[0]);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_turn_begins_the_same),
        cmocka_unit_test(test_the_first_mark_is_the_key),
        cmocka_unit_test(test_a_mark_that_moves_is_no_key),
        cmocka_unit_test(test_tenants_models_and_salts_are_apart),
        cmocka_unit_test(test_a_session_goes_before_the_prompt),
        cmocka_unit_test(test_pieces_have_edges),
        cmocka_unit_test(test_tools_come_first),
        cmocka_unit_test(test_long_prompts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
