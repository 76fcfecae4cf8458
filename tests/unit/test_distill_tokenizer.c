/* test_distill_tokenizer.c - words, merges, and the same ids as llama.cpp. */
#include "distill_fixture.h"

#include "core/buf.h"
#include "distill/bpe.h"
#include "distill/export.h"
#include "distill/pretoken.h"
#include "engine/model.h"

static const char *const corpus =
    "The order 48771 of the customer has not arrived, and the customer wants the money back. "
    "Where is the order? The orders AB-1234 and ZX9981 arrived.\n\n{\"order\":\"AB-1234\",\"date\":null}\n"
    "It's the customer's order; they're waiting. caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9 na\xc3\xafve na\xc3\xafve\n";

/* Texts that a splitter by hand gets wrong first. */
static const char *const hard_texts[] = {
    "",
    " ",
    "\n",
    "   ",
    "x   ",
    "  hello  world \n\n x\t\ty",
    "it's WE'LL they'Re '",
    "don't 'tis 'D 'Ve",
    "a\r\nb  \r\n  c",
    "...!!!\n\n\n  z",
    "$12.50, 3/4 & (50%)",
    "caf\xc3\xa9 na\xc3\xafve \xe2\x82\xac",
    "5 \xe2\x80\x94 x\xc2\xa0y",
    "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xce\xb1\xce\xb2\xce\xb3",
    "\xf0\x9f\x98\x80 ok 12345 AB-12",
    "<|im_start|>user\nhi<|im_end|>\n",
    "<tool_call>\n{\"name\": \"get_order\"}\n</tool_call>",
    "<|im_start|><|im_end|><|endoftext|><|im_x|>",
};

static struct tokenizer *train(uint32_t vocabulary, uint32_t digits)
{
    struct tokenizer *tokenizer = NULL;
    struct error error;
    struct bpe_trainer *trainer = bpe_trainer_new(digits);
    assert_non_null(trainer);
    for (int i = 0; i < 3; i++)
        assert_true(bpe_trainer_add(trainer, str_of(corpus)));
    assert_ok(bpe_trainer_finish(trainer, vocabulary, &tokenizer, &error));
    bpe_trainer_free(trainer);
    return tokenizer;
}

static void assert_pieces(const char *text, uint32_t digits, const char *expected)
{
    struct str rest = str_of(text), piece;
    struct buf joined;
    buf_init(&joined, 4096);
    while (pretoken_next(&rest, &piece, digits)) {
        buf_append_char(&joined, '[');
        buf_append_str(&joined, piece);
        buf_append_char(&joined, ']');
    }
    assert_str_equal(buf_str(&joined), expected);
    buf_deinit(&joined);
}

static void text_is_split_into_words(void **state)
{
    (void)state;
    assert_pieces("order 48", 1, "[order][ ][4][8]");
    assert_pieces("order 48, 4871", 3, "[order][ ][48][,][ ][487][1]");
    assert_pieces("it's they'RE", 1, "[it]['s][ they]['RE]");
    assert_pieces("a  b", 1, "[a][ ][ b]");
    assert_pieces("a \n\n b  ", 1, "[a][ \n\n][ b][  ]");
    assert_pieces("\"date\":null}\n\nx", 1, "[\"date][\":][null][}\n\n][x]");
    assert_pieces("caf\xc3\xa9!", 1, "[caf\xc3\xa9][!]");
    assert_pieces("\xff\xfe", 1, "[\xff\xfe]");
}

static void digits_and_capitals_stay_single(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = train(420, 1);
    for (uint32_t i = TOKENIZER_BYTES; i < TOKENIZER_BYTES + tokenizer->merge_count; i++) {
        int capitals = 0;
        for (size_t j = 0; j < tokenizer->texts[i].len; j++) {
            char c = tokenizer->texts[i].data[j];
            assert_false(c >= '0' && c <= '9');
            capitals += c >= 'A' && c <= 'Z';
        }
        assert_true(capitals <= 1);
    }
    struct token_ids ids = {0};
    assert_true(tokenizer_encode(tokenizer, STR("ZX9981"), false, &ids));
    assert_int_equal(ids.count, 6);
    token_ids_deinit(&ids);
    tokenizer_free(tokenizer);
}

static size_t token_count(const struct tokenizer *tokenizer, struct str text)
{
    struct token_ids ids = {0};
    assert_true(tokenizer_encode(tokenizer, text, false, &ids));
    size_t count = ids.count;
    token_ids_deinit(&ids);
    return count;
}

static void numbers_are_tokens_of_three_digits(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = train(1520, 3);
    struct error error;
    struct bpe_trainer *trainer = bpe_trainer_new(3);
    struct tokenizer *none = NULL;
    for (int number = 0; number < 1000; number++) {
        char text[8];
        assert_int_equal(token_count(tokenizer, (struct str){text, (size_t)snprintf(text, 8, "%03d", number)}), 1);
        assert_int_equal(token_count(tokenizer, (struct str){text, (size_t)snprintf(text, 8, "%d", number)}), 1);
    }
    assert_int_equal(token_count(tokenizer, STR("ZX9981")), 4);
    assert_int_equal(token_count(tokenizer, STR("1234567")), 3);
    assert_int_equal(bpe_trainer_finish(trainer, 1360, &none, &error), ERROR_INVALID);
    bpe_trainer_free(trainer);
    tokenizer_free(tokenizer);
}

static void frequent_words_become_tokens(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = train(420, 1);
    struct token_ids ids = {0};
    assert_true(tokenizer_encode(tokenizer, STR(" order customer"), false, &ids));
    assert_true(ids.count <= 4);
    token_ids_deinit(&ids);
    tokenizer_free(tokenizer);
}

static void decoding_undoes_encoding(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = train(400, 1);
    for (size_t i = 0; i < sizeof(hard_texts) / sizeof(hard_texts[0]); i++)
        for (int with_special = 0; with_special < 2; with_special++) {
            struct token_ids ids = {0};
            struct buf text;
            buf_init(&text, 4096);
            assert_true(tokenizer_encode(tokenizer, str_of(hard_texts[i]), with_special, &ids));
            assert_true(tokenizer_decode(tokenizer, ids.items, ids.count, &text));
            assert_str_equal(buf_str(&text), hard_texts[i]);
            buf_deinit(&text);
            token_ids_deinit(&ids);
        }
    tokenizer_free(tokenizer);
}

static void turn_markers_are_known_in_template_text_only(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = train(400, 1);
    struct token_ids ids = {0};
    assert_true(tokenizer_encode(tokenizer, STR("<|im_end|>"), true, &ids));
    assert_int_equal(ids.count, 1);
    assert_int_equal(ids.items[0], tokenizer_special(tokenizer, SPECIAL_IM_END));
    ids.count = 0;
    assert_true(tokenizer_encode(tokenizer, STR("<|im_end|>"), false, &ids));
    assert_true(ids.count > 1);
    token_ids_deinit(&ids);
    tokenizer_free(tokenizer);
}

static void the_same_corpus_gives_the_same_vocabulary(void **state)
{
    (void)state;
    struct tokenizer *a = train(400, 1), *b = train(400, 1);
    assert_int_equal(a->merge_count, b->merge_count);
    assert_memory_equal(a->merges, b->merges, a->merge_count * sizeof(*a->merges));
    tokenizer_free(a);
    tokenizer_free(b);
}

static void bad_merges_are_refused(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = NULL;
    struct error error;
    struct token_merge merges[] = {{'a', 'b'}, {258, 'c'}};
    assert_int_equal(tokenizer_new(merges, 2, 1, &tokenizer, &error), ERROR_INVALID);
    assert_null(tokenizer);
}

/* --- in a GGUF file --------------------------------------------------------------------------------- */

static void export_tiny(const struct tokenizer *tokenizer, const char *path)
{
    struct weights *weights;
    struct error error;
    struct rng rng;
    struct model_shape shape = tiny_shape(tokenizer->count, true);
    struct provenance provenance = {.corpus = "0", .seed = 1};
    assert_ok(weights_new(&shape, &weights, &error));
    rng_seed(&rng, 1);
    weights_init(weights, &rng);
    assert_ok(export_model(path, "tiny", EXPORT_F32, weights, tokenizer, NULL, &provenance, &error));
    weights_free(weights);
}

static void comes_back_from_its_file(uint32_t vocabulary, uint32_t digits)
{
    char path[64];
    struct tokenizer *tokenizer = train(vocabulary, digits), *loaded = NULL;
    struct error error;
    temporary_path(path, "tokenizer.gguf");
    export_tiny(tokenizer, path);
    assert_ok(tokenizer_load(path, &loaded, &error));
    assert_int_equal(loaded->count, tokenizer->count);
    assert_int_equal(loaded->digits, digits);
    assert_memory_equal(loaded->merges, tokenizer->merges, tokenizer->merge_count * sizeof(*tokenizer->merges));
    tokenizer_free(loaded);
    assert_int_equal(tokenizer_load("/dev/null", &loaded, &error), ERROR_INVALID);
    tokenizer_free(tokenizer);
    unlink(path);
}

static void a_tokenizer_comes_back_from_its_file(void **state)
{
    (void)state;
    comes_back_from_its_file(400, 1);
    comes_back_from_its_file(1520, 3);
}

static void assert_same_ids(const struct model *model, const struct tokenizer *tokenizer, struct str text,
                            bool is_template)
{
    struct model_tokens expected = {0};
    struct token_ids ids = {0};
    struct error error;
    assert_ok(model_tokenize(model, text, is_template, &expected, &error));
    assert_true(tokenizer_encode(tokenizer, text, is_template, &ids));
    if (ids.count != expected.count || (ids.count && memcmp(ids.items, expected.items, ids.count * sizeof(int32_t))))
        fail_msg("llama.cpp gives other ids for: " STR_FMT, STR_ARG(text));
    token_ids_deinit(&ids);
    model_tokens_deinit(&expected);
}

/* Random strings of the characters that decide where words end. */
static void assert_same_ids_for_noise(const struct model *model, const struct tokenizer *tokenizer)
{
    static const char *const parts[] = {"a", "B", "s", "7", "48", " ", " ", "\n", "\r", "\t", "'", "'s", ".", "-",
                                        "\xc3\xa9", "\xe2\x82\xac", "the", "<", ">", "\xc2\xa0"};
    struct rng rng;
    struct buf text;
    rng_seed(&rng, 11);
    buf_init(&text, 4096);
    for (int i = 0; i < 500; i++) {
        buf_clear(&text);
        for (uint64_t j = rng_below(&rng, 24); j > 0; j--)
            buf_append_text(&text, parts[rng_below(&rng, sizeof(parts) / sizeof(parts[0]))]);
        assert_same_ids(model, tokenizer, buf_str(&text), i % 2);
    }
    buf_deinit(&text);
}

static void gives_the_ids_of_llama_cpp(uint32_t vocabulary, uint32_t digits)
{
    char path[64];
    struct tokenizer *tokenizer = train(vocabulary, digits);
    struct model *model = NULL;
    struct error error;
    temporary_path(path, "ids.gguf");
    export_tiny(tokenizer, path);
    struct model_options options = {.path = path, .context = 64, .parallel = 1, .threads = 1};
    assert_ok(model_load(&options, &model, &error));
    assert_int_equal(model_facts(model)->vocabulary, tokenizer->count);
    for (size_t i = 0; i < sizeof(hard_texts) / sizeof(hard_texts[0]); i++)
        for (int is_template = 0; is_template < 2; is_template++)
            assert_same_ids(model, tokenizer, str_of(hard_texts[i]), is_template);
    assert_same_ids(model, tokenizer, str_of(corpus), false);
    assert_same_ids_for_noise(model, tokenizer);
    assert_true(model_is_end(model, tokenizer_special(tokenizer, SPECIAL_IM_END)));
    model_free(model);
    tokenizer_free(tokenizer);
    unlink(path);
}

static void llama_cpp_gives_the_same_ids(void **state)
{
    (void)state;
    gives_the_ids_of_llama_cpp(420, 1);
    gives_the_ids_of_llama_cpp(1520, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_split_into_words),
        cmocka_unit_test(digits_and_capitals_stay_single),
        cmocka_unit_test(numbers_are_tokens_of_three_digits),
        cmocka_unit_test(frequent_words_become_tokens),
        cmocka_unit_test(decoding_undoes_encoding),
        cmocka_unit_test(turn_markers_are_known_in_template_text_only),
        cmocka_unit_test(the_same_corpus_gives_the_same_vocabulary),
        cmocka_unit_test(bad_merges_are_refused),
        cmocka_unit_test(a_tokenizer_comes_back_from_its_file),
        cmocka_unit_test(llama_cpp_gives_the_same_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
