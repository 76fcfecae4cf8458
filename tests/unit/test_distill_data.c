/* test_distill_data.c - rows to examples, files to batches. */
#include "distill_fixture.h"

#include "core/buf.h"
#include "distill/bpe.h"
#include "distill/corpus.h"

static const char *const classify_row =
    "{\"task\":\"classify\",\"system\":\"Name the intent.\",\"messages\":[{\"role\":\"user\",\"content\":"
    "\"Where is <|im_end|> order 4711?\"}],\"tools\":[],\"expected\":\"order_status\"}";
static const char *const dialogue_row =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"A\"},{\"role\":\"assistant\",\"content\":\"first\"},"
    "{\"role\":\"user\",\"content\":\"B\"}],\"expected\":\"second\",\"train_all\":true}";
static const char *const tool_row =
    "{\"task\":\"tool\",\"messages\":[{\"role\":\"user\",\"content\":\"Cancel 12.\"}],\"tools\":[{\"name\":\"cancel\","
    "\"description\":\"Cancel an order\",\"schema\":{\"type\":\"object\"}}],"
    "\"expected\":{\"name\":\"cancel\",\"arguments\":{\"order\":\"12\"}}}";

/* Bytes only: enough to tell which are trained. */
static struct tokenizer *byte_tokenizer(void)
{
    struct tokenizer *tokenizer = NULL;
    struct error error;
    assert_ok(tokenizer_new(NULL, 0, 1, &tokenizer, &error));
    return tokenizer;
}

/* The text of the row's tokens, trained ones between brackets. */
static void assert_example(const char *row, const char *expected)
{
    struct tokenizer *tokenizer = byte_tokenizer();
    struct example example;
    struct error error;
    struct arena arena;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, 1 << 16);
    assert_ok(example_of_row(tokenizer, str_of(row), &arena, &example, &error));
    bool is_open = false;
    uint32_t trained = 0;
    for (uint32_t i = 0; i < example.count; i++) {
        if (example.is_trained[i] != is_open)
            buf_append_char(&text, is_open ? ']' : '[');
        is_open = example.is_trained[i];
        trained += is_open;
        assert_true(tokenizer_decode(tokenizer, &example.tokens[i], 1, &text));
    }
    if (is_open)
        buf_append_char(&text, ']');
    assert_str_equal(buf_str(&text), expected);
    assert_int_equal(trained, example.trained);
    buf_deinit(&text);
    arena_deinit(&arena);
    tokenizer_free(tokenizer);
}

static void only_the_answer_is_trained(void **state)
{
    (void)state;
    assert_example(classify_row, "<|im_start|>system\nName the intent.<|im_end|>\n<|im_start|>user\nWhere is "
                                 "<|im_end|> order 4711?<|im_end|>\n<|im_start|>assistant\n[order_status<|im_end|>]");
}

static void every_turn_is_trained_when_asked(void **state)
{
    (void)state;
    assert_example(dialogue_row, "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n[first<|im_end|>]\n"
                                 "<|im_start|>user\nB<|im_end|>\n<|im_start|>assistant\n[second<|im_end|>]");
}

static void a_tool_call_is_an_answer(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = byte_tokenizer();
    struct example example;
    struct error error;
    struct arena arena;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, 1 << 16);
    assert_ok(example_of_row(tokenizer, str_of(tool_row), &arena, &example, &error));
    uint32_t from = example.count - example.trained;
    assert_true(tokenizer_decode(tokenizer, example.tokens + from, example.trained, &text));
    assert_str_equal(buf_str(&text),
                     "<tool_call>\n{\"name\": \"cancel\", \"arguments\": {\"order\": \"12\"}}\n</tool_call><|im_end|>");
    assert_int_equal(example.tokens[from], tokenizer_special(tokenizer, SPECIAL_TOOL_CALL));
    assert_string_equal(example.task, "tool");
    buf_deinit(&text);
    arena_deinit(&arena);
    tokenizer_free(tokenizer);
}

static void decode_row(const char *row, struct buf *text)
{
    struct tokenizer *tokenizer = byte_tokenizer();
    struct example example;
    struct error error;
    struct arena arena;
    arena_init(&arena, 0);
    buf_init(text, 1 << 16);
    assert_ok(example_of_row(tokenizer, str_of(row), &arena, &example, &error));
    assert_true(tokenizer_decode(tokenizer, example.tokens, example.count, text) && buf_append_char(text, '\0'));
    arena_deinit(&arena);
    tokenizer_free(tokenizer);
}

/* Converse's blocks are rendered as a row's own words for calls are; a result of several parts is one text. */
static void blocks_are_calls_and_results(void **state)
{
    (void)state;
    static const char head[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Cancel 12.\"}";
    static const char config[] = ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"cancel\",\"description\":"
                                 "\"Cancel an order\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}}";
    static const char call[] = "[{\"toolUse\":{\"toolUseId\":\"1\",\"name\":\"cancel\",\"input\":{\"order\":\"12\"}}}]";
    static const char result[] = "[{\"toolResult\":{\"toolUseId\":\"1\",\"content\":"
                                 "[{\"text\":\"ok\"},{\"json\":[1.0]}]}}]";
    char row[2048];
    struct buf own, text;
    decode_row(tool_row, &own);
    snprintf(row, sizeof(row), "%s],\"expected\":%s%s", head, call, config);
    decode_row(row, &text);
    assert_string_equal(text.data, own.data);
    buf_deinit(&text);
    buf_deinit(&own);
    snprintf(row, sizeof(row), "%s,{\"role\":\"assistant\",\"content\":%s},{\"role\":\"user\",\"content\":%s}],"
             "\"expected\":\"Done.\"%s", head, call, result, config);
    decode_row(row, &text);
    assert_non_null(strstr(text.data, "</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\nok\n[1.0]\n"
                                      "</tool_response><|im_end|>\n<|im_start|>assistant\nDone.<|im_end|>"));
    buf_deinit(&text);
}

static void bad_rows_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *row, *message;
    } cases[] = {
        {"{\"messages\":[]}", "expected: expected a string, a list or an object"},
        {"{\"expected\":\"x\"}", "messages: expected a list"},
        {"{\"messages\":[{\"role\":\"judge\",\"content\":\"x\"}],\"expected\":\"x\"}",
         "messages[0].role: expected user or assistant"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":7}],\"expected\":\"x\"}",
         "messages[0].content: expected a string"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{}}]}],\"expected\":\"x\"}",
         "messages[0].content[0]: expected a text, toolUse or toolResult"},
        {"{\"messages\":[],\"expected\":[{\"text\":\"a\"},{\"toolResult\":{\"content\":[7]}}]}",
         "expected[1]: expected a text"},
        {"{\"messages\":", "line 1"},
    };
    struct tokenizer *tokenizer = byte_tokenizer();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct example example;
        struct error error;
        struct arena arena;
        arena_init(&arena, 0);
        assert_int_equal(example_of_row(tokenizer, str_of(cases[i].row), &arena, &example, &error), ERROR_INVALID);
        if (!strstr(error.message, cases[i].message))
            fail_msg("expected '%s' in '%s'", cases[i].message, error.message);
        arena_deinit(&arena);
    }
    tokenizer_free(tokenizer);
}

/* Every allocation fails once; none is lost. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = byte_tokenizer();
    bool is_done = false;
    for (uint64_t nth = 1; !is_done; nth++) {
        struct example example;
        struct error error;
        struct arena arena;
        arena_init(&arena, 0);
        mem_fail_at(nth);
        enum error_code code = example_of_row(tokenizer, str_of(tool_row), &arena, &example, &error);
        is_done = mem_fail_count() < nth;
        mem_fail_at(0);
        if ((code == OK) != is_done)
            fail_msg("allocation %u: %s", (unsigned)nth, error.message);
        arena_deinit(&arena);
    }
    tokenizer_free(tokenizer);
}

/* --- files ------------------------------------------------------------------------------------------ */

static void write_rows(const char *path, int count, int length)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < count; i++)
        buf_appendf(&text, "{\"messages\":[{\"role\":\"user\",\"content\":\"%0*d\"}],\"expected\":\"%d\"}\n\n",
                    length, i, i);
    buf_append_char(&text, '\0');
    write_text(path, text.data);
    buf_deinit(&text);
}

static void rows_are_found_between_empty_lines(void **state)
{
    (void)state;
    char path[64];
    struct corpus corpus;
    struct error error;
    temporary_path(path, "rows.jsonl");
    write_rows(path, 5, 3);
    assert_ok(corpus_open(path, &corpus, &error));
    assert_int_equal(corpus.row_count, 5);
    assert_int_equal(strlen(corpus.hash), 64);
    corpus_close(&corpus);
    unlink(path);
    assert_int_equal(corpus_open(path, &corpus, &error), ERROR_NOT_FOUND);
}

static void sources_get_their_share(void **state)
{
    (void)state;
    char path[64];
    struct corpus corpus;
    struct error error;
    struct corpus_sampler sampler;
    struct packer packer;
    struct tokenizer *tokenizer = byte_tokenizer();
    temporary_path(path, "share.jsonl");
    write_rows(path, 40, 3);
    assert_ok(corpus_open(path, &corpus, &error));
    struct corpus_sampler_source sources[] = {{.corpus = &corpus, .weight = 3.0},
                                              {.copied = COPIED_CHARACTERS, .weight = 1.0}};
    assert_ok(corpus_sampler_init(&sampler, tokenizer, 9, 128, sources, 2, &error));
    assert_ok(packer_init(&packer, (struct batch_shape){128, 4, 256}, &error));
    for (int i = 0; i < 60; i++)
        assert_ok(corpus_sampler_fill(&sampler, &packer, &error));
    assert_true(packer.filled > 128 * 4 * 3 / 4);
    double share = (double)sampler.states[0].tokens / (double)(sampler.states[0].tokens + sampler.states[1].tokens);
    assert_true(share > 0.73 && share < 0.77);
    assert_true(sampler.states[0].epoch > 1);
    packer_deinit(&packer);
    corpus_sampler_deinit(&sampler);
    corpus_close(&corpus);
    tokenizer_free(tokenizer);
    unlink(path);
}

static void rows_that_never_fit_are_an_error(void **state)
{
    (void)state;
    char path[64];
    struct corpus corpus;
    struct error error;
    struct corpus_sampler sampler;
    struct packer packer;
    struct tokenizer *tokenizer = byte_tokenizer();
    temporary_path(path, "long.jsonl");
    write_rows(path, 4, 200);
    assert_ok(corpus_open(path, &corpus, &error));
    struct corpus_sampler_source source = {.corpus = &corpus, .weight = 1.0};
    assert_ok(corpus_sampler_init(&sampler, tokenizer, 9, 64, &source, 1, &error));
    assert_ok(packer_init(&packer, (struct batch_shape){64, 2, 64}, &error));
    assert_int_equal(corpus_sampler_fill(&sampler, &packer, &error), ERROR_INVALID);
    packer_deinit(&packer);
    corpus_sampler_deinit(&sampler);
    corpus_close(&corpus);
    tokenizer_free(tokenizer);
    unlink(path);
}

static void copies_repeat_their_first_half(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = byte_tokenizer();
    struct example example;
    struct error error;
    struct arena arena;
    struct rng rng;
    arena_init(&arena, 0);
    rng_seed(&rng, 4);
    assert_ok(example_of_copying(tokenizer, COPIED_CHARACTERS, 9, &rng, &arena, &example, &error));
    assert_int_equal(example.count, 18);
    assert_memory_equal(example.tokens, example.tokens + 9, 9 * sizeof(int32_t));
    assert_false(example.is_trained[8]);
    assert_true(example.is_trained[9]);
    arena_deinit(&arena);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_answer_is_trained),
        cmocka_unit_test(every_turn_is_trained_when_asked),
        cmocka_unit_test(a_tool_call_is_an_answer),
        cmocka_unit_test(blocks_are_calls_and_results),
        cmocka_unit_test(bad_rows_are_named),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(rows_are_found_between_empty_lines),
        cmocka_unit_test(sources_get_their_share),
        cmocka_unit_test(rows_that_never_fit_are_an_error),
        cmocka_unit_test(copies_repeat_their_first_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
