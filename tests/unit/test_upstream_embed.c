/* What of a provider's answer is an embedding, and what is none. */
#include "support.h"

#include "core/json.h"
#include "generate/upstream_embed.h"

static enum error_code read_text(const char *text, size_t count, struct arena *arena, struct embeddings *made,
                                 bool *has_usage)
{
    struct error error;
    yyjson_doc *doc = NULL;
    assert_int_equal(json_parse_exact(str_of(text), &doc, &error), OK);
    const enum error_code code =
        upstream_embed_read(yyjson_doc_get_root(doc), count, arena, made, has_usage, &error);
    json_free(doc);
    return code;
}

static void test_read(void **state)
{
    (void)state;
    struct arena arena;
    struct embeddings made;
    bool has_usage;
    arena_init(&arena, 0);
    assert_int_equal(read_text("{\"data\":[{\"index\":1,\"embedding\":[1,2.5]},"
                               "{\"index\":0,\"embedding\":\"AACAPwAAgL8=\"}],"
                               "\"usage\":{\"prompt_tokens\":7}}", 2, &arena, &made, &has_usage), OK);
    assert_true(made.width == 2 && made.count == 2 && has_usage && made.input_tokens == 7);
    const float wanted[] = {1, -1, 1, 2.5f};
    assert_memory_equal(made.values, wanted, sizeof(wanted));
    assert_int_equal(read_text("{\"data\":[{\"embedding\":[1e-3]}]}", 1, &arena, &made, &has_usage), OK);
    assert_true(!has_usage && made.input_tokens == 0);
    arena_deinit(&arena);
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "7", "{\"data\":{}}", "{\"data\":[]}", "{\"data\":[{}]}", "{\"data\":[7]}",
        "{\"data\":[{\"embedding\":[]}]}", "{\"data\":[{\"embedding\":\"\"}]}", "{\"data\":[{\"embedding\":\"=\"}]}",
        "{\"data\":[{\"embedding\":\"AAAA\"}]}", "{\"data\":[{\"embedding\":\"AACAPwAA!L8=\"}]}",
        "{\"data\":[{\"embedding\":[\"1\"]}]}", "{\"data\":[{\"index\":1,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":-1,\"embedding\":[1]}]}", "{\"data\":[{\"embedding\":[1]},{\"embedding\":[1]}]}",
    };
    struct embeddings made;
    bool has_usage;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        if (read_text(texts[i], 1, &arena, &made, &has_usage) != ERROR_MODEL)
            fail_msg("taken: %s", texts[i]);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
