/* test_engine_protocol.c - frames between gateway and worker: round trips and broken bytes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/util.h"
#include "engine/protocol.h"

static struct str payload_of(const struct buf *frame, enum frame_type type, uint32_t call)
{
    struct frame_header header;
    assert_false(frame->failed);
    assert_true(frame->len >= PROTOCOL_HEADER_LEN);
    assert_true(protocol_get_header((const uint8_t *)frame->data, &header));
    assert_int_equal(header.type, type);
    assert_int_equal(header.call, call);
    assert_int_equal(header.length, frame->len - PROTOCOL_HEADER_LEN);
    return str_slice(buf_str(frame), PROTOCOL_HEADER_LEN, frame->len);
}

static const struct engine_segment segments[] = {
    {.is_template = true, .text = {"<|im_start|>user\n", 17}},
    {.ends_checkpoint = true, .ttl_seconds = 300, .text = {"one\0two", 7}},
    {.text = {"", 0}},
};
static const struct str stops[] = {{"END", 3}, {"\n\n", 2}};

static struct engine_request full_request(void)
{
    return (struct engine_request){
        .segments = segments, .segment_count = 3, .max_tokens = 77, .temperature = 0.25f, .top_p = 0.5f, .top_k = -1,
        .seed = 0xfedcba9876543210u, .grammar = STR("root ::= \"x\""), .stops = stops, .stop_count = 2,
        .tenant = STR("shop"), .cache_salt = STR("pepper"), .tier = 3};
}

static void test_text_with_logprobs(void **state)
{
    (void)state;
    const struct logprob top[] = {{STR("a"), -0.5f}, {STR("\xE2\x82"), LOGPROB_LEAST}};
    const struct token_logprob tokens[] = {{.chosen = {STR("a"), -0.5f}, .top = top, .top_count = 2, .at = 0},
                                           {.chosen = {STR(""), 0}, .at = 3}};
    struct buf records, frame;
    struct arena arena;
    struct frame_text in, out;
    struct token_logprob *read = NULL;
    buf_init(&records, 1 << 16);
    buf_init(&frame, 1 << 16);
    arena_init(&arena, 0);
    for (size_t i = 0; i < 2; i++)
        protocol_put_logprob(&records, &tokens[i]);
    in = (struct frame_text){.text = STR("abc"), .tokens = 2, .count = 2, .records = buf_str(&records)};
    protocol_put_text(&frame, 5, &in);
    const struct str payload = payload_of(&frame, FRAME_TEXT, 5);
    assert_true(protocol_get_text(payload, &arena, &out, &read));
    assert_int_equal(out.count, 2);
    assert_true(str_eq(out.text, in.text) && read[0].top_count == 2 && read[1].top_count == 0);
    assert_true(str_eq(read[0].top[1].bytes, top[1].bytes) && read[0].top[1].value == LOGPROB_LEAST);
    assert_true(read[0].chosen.value == -0.5f && read[1].at == 3);
    for (size_t len = 0; len + in.text.len < payload.len; len++) /* cut within the records */
        assert_false(protocol_get_text(str_slice(payload, 0, len), &arena, &out, &read));
    arena_deinit(&arena);
    buf_deinit(&frame);
    buf_deinit(&records);
}

static void test_generate(void **state)
{
    (void)state;
    struct buf frame;
    struct arena arena;
    struct engine_request in = full_request(), out;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    arena_init(&arena, 0);
    protocol_put_generate(&frame, 9, &in);
    assert_true(protocol_get_generate(payload_of(&frame, FRAME_GENERATE, 9), &arena, &out));
    assert_int_equal(out.max_tokens, 77);
    assert_true(out.temperature == 0.25f && out.top_p == 0.5f);
    assert_int_equal(out.top_k, -1);
    assert_true(out.seed == in.seed);
    assert_int_equal(out.tier, 3);
    assert_true(str_eq(out.grammar, in.grammar) && str_eq(out.tenant, in.tenant));
    assert_true(str_eq(out.cache_salt, in.cache_salt));
    assert_int_equal(out.stop_count, 2);
    assert_true(str_eq(out.stops[1], stops[1]));
    assert_int_equal(out.segment_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_eq(out.segments[i].text, segments[i].text));
        assert_int_equal(out.segments[i].is_template, segments[i].is_template);
        assert_int_equal(out.segments[i].ends_checkpoint, segments[i].ends_checkpoint);
        assert_int_equal(out.segments[i].ttl_seconds, segments[i].ttl_seconds);
    }
    arena_deinit(&arena);
    buf_deinit(&frame);
}

static void test_warmth(void **state)
{
    (void)state;
    struct buf frame;
    struct engine_request in = full_request(), out;
    in.cache = ENGINE_CACHE_IMPLICIT;
    in.cache_min_tokens = 1024;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    protocol_put_warmth(&frame, 5, &in);
    const struct str payload = payload_of(&frame, FRAME_WARMTH, 5);
    for (size_t len = 0; len <= payload.len; len++) { /* nothing shorter is legal */
        struct arena arena;
        char *copy = mem_alloc(len + 1);
        memcpy(copy, payload.data, len);
        arena_init(&arena, 0);
        assert_int_equal(protocol_get_warmth((struct str){copy, len}, &arena, &out), len == payload.len);
        if (len == payload.len) {
            assert_true(str_eq(out.tenant, in.tenant) && str_eq(out.cache_salt, in.cache_salt));
            assert_int_equal(out.cache, ENGINE_CACHE_IMPLICIT);
            assert_int_equal(out.cache_min_tokens, 1024);
            assert_int_equal(out.segment_count, 3);
            assert_true(out.segments[1].ends_checkpoint && str_eq(out.segments[1].text, segments[1].text));
            assert_int_equal(out.segments[1].ttl_seconds, 300);
        }
        arena_deinit(&arena);
        mem_free(copy);
    }
    buf_deinit(&frame);
}

static void test_prefixes(void **state)
{
    (void)state;
    struct buf frame;
    struct arena arena;
    const struct frame_prefixes asked[] = {{{NULL, 0}, 200}, {STR(""), 0}, {STR("shop"), ENGINE_PREFIXES_MAX}};
    const struct engine_prefix items[] = {{STR("shop"), 2000, 1500, 1u << 20, 7, 300, 4, false},
                                          {STR(""), 64, 64, 9, 0, ENGINE_NEVER, 0, true}};
    const struct engine_prefix_tenant tenants[] = {{STR("shop"), 1u << 20, 0}, {STR("bank"), 0, UINT64_MAX}};
    const struct engine_prefixes kept = {items, tenants, 2, 2, true};
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    for (size_t i = 0; i < 3; i++) {
        struct frame_prefixes out;
        buf_clear(&frame);
        protocol_put_prefixes(&frame, 5, &asked[i]);
        const struct str payload = payload_of(&frame, FRAME_PREFIXES, 5);
        assert_true(protocol_get_prefixes(payload, &out));
        assert_true(str_eq(out.tenant, asked[i].tenant) && !out.tenant.data == !asked[i].tenant.data);
        assert_int_equal(out.most, asked[i].most);
        assert_false(protocol_get_prefixes(str_slice(payload, 0, payload.len - 1), &out));
    }
    buf_clear(&frame);
    protocol_put_prefixes(&frame, 5, &(struct frame_prefixes){{NULL, 0}, ENGINE_PREFIXES_MAX + 1});
    assert_false(protocol_get_prefixes(payload_of(&frame, FRAME_PREFIXES, 5), &(struct frame_prefixes){{NULL, 0}, 0}));

    buf_clear(&frame);
    protocol_put_kept(&frame, 6, &kept);
    const struct str payload = payload_of(&frame, FRAME_KEPT, 6);
    for (size_t len = 0; len <= payload.len; len++) { /* nothing shorter is legal */
        struct engine_prefixes out;
        arena_init(&arena, 0);
        assert_int_equal(protocol_get_kept(str_slice(payload, 0, len), &arena, &out), len == payload.len);
        for (size_t i = 0; len == payload.len && i < 2; i++) {
            assert_true(str_eq(out.items[i].tenant, items[i].tenant) && str_eq(out.tenants[i].name, tenants[i].name));
            assert_int_equal(out.items[i].own_tokens, items[i].own_tokens);
            assert_int_equal(out.items[i].bytes, items[i].bytes);
            assert_int_equal(out.items[i].expires_s, items[i].expires_s);
            assert_int_equal(out.items[i].is_on_disk, items[i].is_on_disk);
            assert_true(out.tenants[i].disk_bytes == tenants[i].disk_bytes && out.is_partial);
        }
        arena_deinit(&arena);
    }
    buf_deinit(&frame);
}

static void test_replies(void **state)
{
    (void)state;
    struct buf frame;
    buf_init(&frame, 1u << 20);
    const struct engine_cache_use cache = {.read_tokens = 4, .write_tokens = 2, .write_1h_tokens = 1,
                                           .miss = ENGINE_MISS_BELOW_MINIMUM, .miss_value = 8, .miss_need = 9};
    const struct engine_started started = {.prompt_tokens = 10, .cache = cache};
    struct engine_started started_out;
    protocol_put_started(&frame, 1, &started);
    assert_true(protocol_get_started(payload_of(&frame, FRAME_STARTED, 1), &started_out));
    assert_memory_equal(&started, &started_out, sizeof(started));

    buf_clear(&frame);
    const struct engine_finished finished = {.stop = ENGINE_STOP_SEQUENCE, .stop_index = 1, .prompt_tokens = 10,
                                             .prefilled_tokens = 6, .cache = cache, .output_tokens = 33,
                                             .queue_us = 1000, .prefill_us = 2000, .decode_us = 3000,
                                             .certainty = {34, -2.5F}};
    struct engine_finished finished_out = {0};
    protocol_put_finished(&frame, 2, &finished);
    assert_true(protocol_get_finished(payload_of(&frame, FRAME_FINISHED, 2), &finished_out));
    assert_int_equal(finished_out.stop, ENGINE_STOP_SEQUENCE);
    assert_int_equal(finished_out.output_tokens, 33);
    assert_int_equal(finished_out.decode_us, 3000);
    assert_int_equal(finished_out.certainty.tokens, 34);
    assert_true(finished_out.certainty.sum == -2.5F);

    buf_clear(&frame);
    const struct engine_warmth warmth = {.prompt_tokens = 10, .warm_tokens = 8, .disk_tokens = 3};
    struct engine_warmth warmth_out;
    protocol_put_warm(&frame, 6, &warmth);
    assert_true(protocol_get_warm(payload_of(&frame, FRAME_WARM, 6), &warmth_out));
    assert_memory_equal(&warmth, &warmth_out, sizeof(warmth));
    /* More of the prompt than it has, or more on disk than is warm: a worker that says so is broken. */
    static const struct engine_warmth wrong[] = {{10, 11, 0}, {10, 5, 6}};
    for (size_t i = 0; i < 2; i++) {
        buf_clear(&frame);
        protocol_put_warm(&frame, 6, &wrong[i]);
        assert_false(protocol_get_warm(payload_of(&frame, FRAME_WARM, 6), &warmth_out));
    }

    buf_clear(&frame);
    struct frame_text text;
    struct token_logprob *logprobs;
    protocol_put_text(&frame, 3, &(struct frame_text){.text = STR("héllo"), .tokens = 4, .certainty = {5, -1.5F}});
    assert_true(protocol_get_text(payload_of(&frame, FRAME_TEXT, 3), NULL, &text, &logprobs));
    assert_int_equal(text.certainty.tokens, 5);
    assert_true(text.certainty.sum == -1.5F && logprobs == NULL);
    assert_true(str_eq(text.text, STR("héllo")));
    assert_int_equal(text.tokens, 4);
    /* No logarithm of a probability: a worker that says so is broken. */
    static const float sums[] = {0.5F, NAN, -INFINITY};
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        buf_clear(&frame);
        protocol_put_text(&frame, 3, &(struct frame_text){.text = STR("a"), .tokens = 1, .certainty = {1, sums[i]}});
        assert_false(protocol_get_text(payload_of(&frame, FRAME_TEXT, 3), NULL, &text, &logprobs));
    }

    buf_clear(&frame);
    struct error error;
    const struct error failure = {.code = ERROR_THROTTLED, .message = "later"};
    protocol_put_failed(&frame, 4, &failure);
    assert_true(protocol_get_failed(payload_of(&frame, FRAME_FAILED, 4), &error));
    assert_int_equal(error.code, ERROR_THROTTLED);
    assert_string_equal(error.message, "later");
    buf_deinit(&frame);
}

static void test_control(void **state)
{
    (void)state;
    struct buf frame;
    struct arena arena;
    buf_init(&frame, 1u << 20);
    arena_init(&arena, 0);
    const struct frame_tenant tenants[] = {{STR("a"), 1, 2}, {STR("bc"), 3, UINT64_MAX}};
    const struct frame_config config = {.name = STR("desk"), .path = STR("/m.gguf"), .adapter = STR("/a.gguf"),
                                        .context = 100, .parallel = 4,
                                        .threads = 2, .broker_slot = 3, .deterministic = true, .log_level = LOG_WARN,
                                        .queue_tokens = 5, .prefill_chunk_tokens = 6, .kv_bytes = 7, .tenants = tenants,
                                        .tenant_count = 2, .cache_dir = STR("data/kv"), .cache_disk_bytes = 1u << 20,
                                        .is_objective = true, .objective = 1.5f, .deadline_ms = {8, 9, 10, 11},
                                        .age_ms = 12, .batch_age_ms = 13, .batch_step_ms = 14, .parked_bytes = 15};
    struct frame_config config_out;
    protocol_put_config(&frame, &config);
    assert_true(protocol_get_config(payload_of(&frame, FRAME_CONFIG, 0), &arena, &config_out));
    assert_true(str_eq(config_out.path, config.path));
    assert_true(str_eq(config_out.adapter, config.adapter));
    assert_true(config_out.deterministic);
    assert_int_equal(config_out.kv_bytes, 7);
    assert_true(str_eq(config_out.cache_dir, STR("data/kv")));
    assert_int_equal(config_out.cache_disk_bytes, 1u << 20);
    assert_true(config_out.is_objective && config_out.objective == 1.5f);
    assert_memory_equal(config_out.deadline_ms, config.deadline_ms, sizeof(config.deadline_ms));
    assert_true(config_out.age_ms == 12 && config_out.batch_age_ms == 13 && config_out.batch_step_ms == 14);
    assert_int_equal(config_out.parked_bytes, 15);
    assert_int_equal(config_out.tenant_count, 2);
    assert_true(str_eq(config_out.tenants[1].name, STR("bc")));
    assert_true(config_out.tenants[0].ceiling_bytes == 2 && config_out.tenants[1].ceiling_bytes == UINT64_MAX);

    buf_clear(&frame);
    struct engine_model_info info = {.fingerprint = "abc", .parameters = 1u << 30, .context = 5, .vocabulary = 6,
                                     .parallel = 7, .architecture = "llama", .can_cut_state = true,
                                     .is_row_independent = true, .row_hindrance = "x", .embedding = 384,
                                     .chat_template = "{{ }}", .has_generic = true,
                                     .generic = {.pieces = {[PIECE_ASSISTANT_PREFIX] = STR("e")},
                                                 .flags = TEMPLATE_TRIMS}};
    struct engine_model_info info_out;
    protocol_put_hello(&frame, &info);
    assert_true(protocol_get_hello(payload_of(&frame, FRAME_HELLO, 0), &arena, &info_out));
    assert_string_equal(info_out.fingerprint, "abc");
    assert_true(str_eq(info_out.generic.pieces[PIECE_ASSISTANT_PREFIX], STR("e")));
    assert_int_equal(info_out.generic.flags, TEMPLATE_TRIMS);
    assert_true(info_out.is_row_independent);
    assert_string_equal(info_out.row_hindrance, "x");
    assert_int_equal(info_out.embedding, 384);
    assert_string_equal(info_out.chat_template, "{{ }}");
    arena_deinit(&arena);
    buf_deinit(&frame);
}

static void test_embed(void **state)
{
    (void)state;
    const int32_t tokens[] = {7, 0};
    const struct engine_input inputs[] = {{.text = STR("a")}, {.tokens = tokens, .token_count = 2}, {.text = STR("")}};
    const struct engine_embed in = {inputs, 3, TIER_FLEX};
    struct engine_embed out;
    struct arena arena;
    struct buf frame;
    arena_init(&arena, 1u << 16);
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    protocol_put_embed(&frame, 3, &in);
    assert_true(protocol_get_embed(payload_of(&frame, FRAME_EMBED, 3), &arena, &out));
    assert_true(out.count == 3 && out.tier == TIER_FLEX);
    assert_true(str_eq(out.inputs[0].text, STR("a")) && out.inputs[2].text.data != NULL);
    assert_true(out.inputs[1].text.data == NULL && out.inputs[1].token_count == 2 && out.inputs[1].tokens[0] == 7);

    const float values[] = {0.5f, -0.25f, 1, 0};
    const uint32_t counts[] = {3, 4};
    const struct engine_embeddings made = {.width = 2, .count = 2, .tokens = counts, .values = values};
    struct engine_embeddings read;
    buf_clear(&frame);
    protocol_put_embedded(&frame, 3, &made);
    const struct str payload = payload_of(&frame, FRAME_EMBEDDED, 3);
    assert_true(protocol_get_embedded(payload, &arena, &read));
    assert_true(read.width == 2 && read.count == 2 && read.tokens[1] == 4);
    assert_memory_equal(read.values, values, sizeof(values));
    for (size_t len = 0; len < payload.len; len++)
        assert_false(protocol_get_embedded(str_slice(payload, 0, len), &arena, &read));
    arena_deinit(&arena);
    buf_deinit(&frame);
}

/* Every shortened payload must be refused, and reading it must stay inside it. */
static void test_truncated(void **state)
{
    (void)state;
    struct buf frame;
    struct engine_request in = full_request(), out;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    protocol_put_generate(&frame, 1, &in);
    const struct str payload = payload_of(&frame, FRAME_GENERATE, 1);
    for (size_t len = 0; len < payload.len; len++) {
        struct arena arena;
        char *copy = mem_alloc(len + 1);
        memcpy(copy, payload.data, len);
        arena_init(&arena, 0);
        assert_false(protocol_get_generate((struct str){copy, len}, &arena, &out));
        arena_deinit(&arena);
        mem_free(copy);
    }
    buf_deinit(&frame);
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    uint8_t header[PROTOCOL_HEADER_LEN] = {0xff, 0xff, 0xff, 0x7f, FRAME_TEXT};
    struct frame_header out;
    struct arena arena;
    assert_false(protocol_get_header(header, &out));
    memset(header, 0, sizeof(header));
    assert_false(protocol_get_header(header, &out)); /* type 0 */
    header[4] = FRAME_TYPE_END;
    assert_false(protocol_get_header(header, &out));
    /* A count of four billion segments in a frame of a few bytes allocates nothing for them. */
    struct engine_segment *list;
    size_t count;
    arena_init(&arena, 4096);
    assert_false(protocol_get_count(STR("\xff\xff\xff\xff\0\0\0\0\0"), &arena, &list, &count));
    assert_true(arena.bytes < 4096);
    arena_deinit(&arena);
}

static void test_too_large(void **state)
{
    (void)state;
    struct buf frame;
    static char bytes[1024];
    const struct engine_segment huge = {.text = {bytes, (size_t)PROTOCOL_PAYLOAD_MAX + 1}};
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX * (size_t)2);
    protocol_put_count(&frame, 1, &huge, 1);
    assert_true(frame.failed);
    buf_deinit(&frame);
}

/* Random changes of valid frames: decoders may refuse, never misbehave (sanitizers judge). */
static void test_mutations(void **state)
{
    (void)state;
    struct buf frame;
    struct rng rng;
    struct engine_request in = full_request(), out;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX);
    protocol_put_generate(&frame, 1, &in);
    const struct str payload = payload_of(&frame, FRAME_GENERATE, 1);
    rng_seed(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        struct arena arena;
        char copy[512];
        assert_true(payload.len < sizeof(copy));
        memcpy(copy, payload.data, payload.len);
        for (uint64_t i = rng_below(&rng, 4); i > 0; i--)
            copy[rng_below(&rng, payload.len)] = (char)rng_next(&rng);
        arena_init(&arena, 1u << 20);
        (void)protocol_get_generate((struct str){copy, payload.len}, &arena, &out);
        arena_deinit(&arena);
    }
    buf_deinit(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_with_logprobs),
        cmocka_unit_test(test_generate),  cmocka_unit_test(test_warmth),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_replies),   cmocka_unit_test(test_control),
        cmocka_unit_test(test_embed),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_hostile_lengths), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
