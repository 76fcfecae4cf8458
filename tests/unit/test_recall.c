/* Answers that are given again: how long, to whom and how many, and which requests have the same one. */
#include "support.h"

#include "chat/codec.h"
#include "chat/traits.h"
#include "core/json.h"
#include "recall/recall.h"

#define TTL 1000
#define BEGIN 5000

static struct recall_key key_of(const char *request, const char *tenant)
{
    struct recall_key key;
    uint8_t digest[SHA256_LEN];
    sha256(str_of(request), digest);
    assert_true(recall_key_make(digest, str_of(tenant), STR("gpt"), STR("gpt"), &key));
    return key;
}

static void put_at(struct recall *recall, const char *request, const char *tenant, const char *text, uint64_t now)
{
    const struct chat_reply_block blocks[] = {
        {.kind = CHAT_REASONING, .text = STR("hm"), .signature = STR("sig"), .data = STR("ZGF0YQ==")},
        {.kind = CHAT_TEXT, .text = str_of(text)},
        {.kind = CHAT_TOOL_USE, .text = STR("{}"), .tool_id = STR("t1"), .tool_name = STR("look")},
    };
    const struct recalled answer = {
        .blocks = blocks, .block_count = 3, .stop = CHAT_STOP_SEQUENCE, .stop_sequence = STR("END"),
        .usage = {.input_tokens = 7, .output_tokens = 3}, .answered = STR("gpt"), .version = recall};
    const struct recall_key key = key_of(request, tenant);
    recall_put(recall, &key, &answer, TTL, now);
}

static bool holds(struct recall *recall, const char *request, const char *tenant, const char *text, uint64_t now)
{
    const struct recall_key key = key_of(request, tenant);
    const struct recalled *answer = recall_get(recall, &key, UINT64_MAX, now);
    if (answer)
        assert_str_equal(answer->blocks[1].text, text);
    recall_release(answer);
    return answer != NULL;
}

static struct recall *open_recall(size_t bytes, size_t entries, size_t entry_bytes)
{
    struct recall *recall = recall_new(&(struct recall_bounds){bytes, entries, entry_bytes});
    assert_non_null(recall);
    return recall;
}

static void an_answer_is_given_whole(void **state)
{
    (void)state;
    struct recall *recall = open_recall(1 << 20, 10, 1 << 20);
    const struct recall_key key = key_of("a", "acme");
    put_at(recall, "a", "acme", "text", BEGIN);
    const struct recalled *answer = recall_get(recall, &key, UINT64_MAX, BEGIN);
    assert_non_null(answer);
    assert_int_equal(answer->block_count, 3);
    assert_str_equal(answer->blocks[0].text, "hm");
    assert_str_equal(answer->blocks[0].signature, "sig");
    assert_str_equal(answer->blocks[0].data, "ZGF0YQ==");
    assert_str_equal(answer->blocks[1].text, "text");
    assert_str_equal(answer->blocks[2].tool_id, "t1");
    assert_str_equal(answer->blocks[2].tool_name, "look");
    assert_true(answer->blocks[2].kind == CHAT_TOOL_USE && answer->stop == CHAT_STOP_SEQUENCE);
    assert_str_equal(answer->stop_sequence, "END");
    assert_str_equal(answer->answered, "gpt");
    assert_true(answer->usage.input_tokens == 7 && answer->made_us == BEGIN && answer->version == recall);
    put_at(recall, "a", "acme", "other", BEGIN); /* takes its place, and the one that was given stays */
    assert_str_equal(answer->blocks[1].text, "text");
    assert_true(holds(recall, "a", "acme", "other", BEGIN));
    assert_int_equal(recall_figures(recall).entries, 1);
    recall_release(answer);
    recall_free(recall);
}

static void nothing_is_given_after_its_time(void **state)
{
    (void)state;
    struct recall *recall = open_recall(1 << 20, 10, 1 << 20);
    const struct recall_key key = key_of("a", "acme");
    put_at(recall, "a", "acme", "text", BEGIN);
    assert_true(holds(recall, "a", "acme", "text", BEGIN + TTL - 1));
    assert_null(recall_get(recall, &key, 10, BEGIN + 11)); /* whoever asks wants a newer one; it stays for others */
    assert_true(holds(recall, "a", "acme", "text", BEGIN + TTL - 1));
    assert_false(holds(recall, "a", "acme", "text", BEGIN + TTL));
    const struct recall_figures figures = recall_figures(recall);
    assert_true(figures.entries == 0 && figures.bytes == 0 && figures.evicted == 0);
    assert_true(figures.hits == 2 && figures.misses == 2);
    recall_free(recall);
}

static void tenants_and_routes_are_apart(void **state)
{
    (void)state;
    struct recall *recall = open_recall(1 << 20, 10, 1 << 20);
    struct recall_key keys[4];
    uint8_t digest[SHA256_LEN] = {1};
    put_at(recall, "a", "acme", "text", BEGIN);
    assert_true(holds(recall, "a", "acme", "text", BEGIN));
    assert_false(holds(recall, "a", "globex", "text", BEGIN));
    assert_false(holds(recall, "b", "acme", "text", BEGIN));
    assert_true(recall_key_make(digest, STR("ab"), STR("c"), STR("d"), &keys[0]));
    assert_true(recall_key_make(digest, STR("a"), STR("bc"), STR("d"), &keys[1]));
    assert_true(recall_key_make(digest, STR("a"), STR("b"), STR("cd"), &keys[2]));
    digest[31] = 1;
    assert_true(recall_key_make(digest, STR("ab"), STR("c"), STR("d"), &keys[3]));
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(&keys[i], &keys[k], sizeof(keys[i]));
    recall_free(recall);
}

static void the_least_used_make_room(void **state)
{
    (void)state;
    struct recall *recall = open_recall(1 << 20, 3, 1 << 20);
    put_at(recall, "a", "t", "1", BEGIN);
    put_at(recall, "b", "t", "2", BEGIN);
    put_at(recall, "c", "t", "3", BEGIN);
    assert_true(holds(recall, "a", "t", "1", BEGIN));
    put_at(recall, "d", "t", "4", BEGIN);
    assert_false(holds(recall, "b", "t", "2", BEGIN));
    assert_true(holds(recall, "a", "t", "1", BEGIN) && holds(recall, "c", "t", "3", BEGIN));
    const struct recall_figures figures = recall_figures(recall);
    assert_true(figures.entries == 3 && figures.evicted == 1);
    recall_free(recall);
    const size_t one = figures.bytes / 3;
    recall = open_recall(2 * one + one / 2, 100, 1 << 20); /* by bytes now */
    for (int i = 0; i < 20; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        put_at(recall, name, "t", "x", BEGIN);
        assert_true(recall_figures(recall).bytes <= 2 * one + one / 2);
    }
    assert_int_equal(recall_figures(recall).entries, 2);
    assert_int_equal(recall_figures(recall).evicted, 18);
    assert_true(holds(recall, "t", "t", "x", BEGIN) && holds(recall, "s", "t", "x", BEGIN));
    recall_free(recall);
    recall = open_recall(1 << 20, 100, one - 1); /* too long for an answer: nothing makes room for it */
    put_at(recall, "a", "t", "1", BEGIN);
    assert_int_equal(recall_figures(recall).entries, 0);
    recall_free(recall);
}

/* --- which requests are the same --- */

struct written {
    struct chat_request request;
    struct chat_message message;
    struct chat_block block;
    struct arena arena;
};

static void write_request(struct written *written, const char *text)
{
    *written = (struct written){.block = {.kind = CHAT_TEXT, .text = str_of(text)}};
    arena_init(&written->arena, 0);
    written->message = (struct chat_message){.role = CHAT_USER, .blocks = &written->block, .block_count = 1};
    written->request = (struct chat_request){
        .arena = &written->arena, .messages = &written->message, .message_count = 1, .max_tokens = 10,
        .sampling = {.top_p = 1, .has_temperature = true}};
}

static void digest_of(const struct written *written, uint8_t digest[SHA256_LEN])
{
    assert_true(recall_digest(&written->request, digest));
}

static void what_changes_an_answer_changes_the_key(void **state)
{
    (void)state;
    struct written written;
    uint8_t digests[16][SHA256_LEN];
    size_t count = 0;
    struct str stop = STR("END");
    yyjson_doc *doc;
    struct error error;
    assert_int_equal(json_parse_exact(STR("{\"b\":1,\"a\":[\"x\",null,true]}"), &doc, &error), OK);
    struct chat_extra extra = {.where = "", .name = STR("logit_bias"), .raw = yyjson_doc_get_root(doc)};
    const struct chat_block image = {.kind = CHAT_IMAGE, .format = STR("png"), .data = STR("aWs="),
                                     .source = CHAT_SOURCE_BASE64};
#define VARIANT(change)                                                                                         \
    do {                                                                                                        \
        write_request(&written, "hello");                                                                       \
        change;                                                                                                 \
        digest_of(&written, digests[count++]);                                                                  \
        arena_deinit(&written.arena);                                                                           \
    } while (0)
    VARIANT((void)0);
    VARIANT(written.block.text = STR("hello "));
    VARIANT(written.message.role = CHAT_ASSISTANT);
    VARIANT(written.block = image);
    VARIANT((written.block = image, written.block.data = STR("aWw=")));
    VARIANT(written.request.max_tokens = 11);
    VARIANT((written.request.sampling.seed = 4, written.request.sampling.has_seed = true));
    VARIANT(written.request.sampling.top_p = 0.5);
    VARIANT((written.request.stop_sequences = &stop, written.request.stop_count = 1));
    VARIANT(written.request.output_schema = extra.raw);
    VARIANT((written.request.extras = &extra, written.request.extra_count = 1));
    VARIANT((written.request.system = &written.block, written.request.system_count = 1));
    VARIANT(written.message.raw = extra.raw);
    VARIANT(written.request.cache_salt = STR("s"));
    VARIANT(written.request.betas = STR("b"));
    VARIANT(written.request.raw_prompt = STR("hello"));
#undef VARIANT
    assert_int_equal(count, 16);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(digests[i], digests[k], SHA256_LEN);
    json_free(doc);
}

static void who_asks_and_how_is_no_part_of_it(void **state)
{
    (void)state;
    struct written one, other;
    uint8_t first[SHA256_LEN], second[SHA256_LEN];
    struct chat_metadata metadata = {STR("session"), STR("4")};
    struct chat_extra user = {.where = "", .name = STR("user")};
    write_request(&one, "hello");
    write_request(&other, "hello");
    other.request.is_stream = true;
    other.request.tier = TIER_FLEX;
    other.request.metadata = &metadata;
    other.request.metadata_count = 1;
    other.request.extras = &user;
    other.request.extra_count = 1;
    digest_of(&one, first);
    digest_of(&other, second);
    assert_memory_equal(first, second, SHA256_LEN);
    user.where = "reasoning"; /* the name alone does not make it about the client */
    digest_of(&other, second);
    assert_memory_not_equal(first, second, SHA256_LEN);
    arena_deinit(&one.arena);
    arena_deinit(&other.arena);
}

static void some_requests_are_never_answered_again(void **state)
{
    (void)state;
    struct written written;
    struct chat_tool tool = {.name = STR("look")};
    const struct config_recall usual = {.ttl_ms = 1}, tools = {.ttl_ms = 1, .tools = true},
                               sampled = {.ttl_ms = 1, .sampled = true};
    write_request(&written, "hello");
    struct chat_request *request = &written.request;
    assert_int_equal(recall_fits(request, &usual, false), RECALL_FITS);
    request->sampling.has_temperature = false;
    assert_int_equal(recall_fits(request, &usual, true), RECALL_FITS);
    assert_int_equal(recall_fits(request, &usual, false), RECALL_SAMPLED);
    request->sampling.temperature = 0.1;
    assert_int_equal(recall_fits(request, &usual, true), RECALL_SAMPLED);
    assert_int_equal(recall_fits(request, &sampled, false), RECALL_FITS);
    request->tools = &tool;
    request->tool_count = 1;
    assert_int_equal(recall_fits(request, &sampled, false), RECALL_TOOLS);
    request->sampling = (struct chat_sampling){.has_temperature = true};
    assert_int_equal(recall_fits(request, &tools, false), RECALL_FITS);
    request->tool_count = 0;
    request->needs = CHAT_NEED_SERVER_TOOLS;
    assert_int_equal(recall_fits(request, &usual, false), RECALL_TOOLS);
    request->needs = CHAT_NEED_FILES_ELSEWHERE;
    assert_int_equal(recall_fits(request, &tools, false), RECALL_ELSEWHERE);
    request->needs = CHAT_NEED_GUARDRAILS;
    assert_int_equal(recall_fits(request, &tools, false), RECALL_ELSEWHERE);
    request->needs = CHAT_NEED_LOGPROBS;
    assert_int_equal(recall_fits(request, &tools, false), RECALL_VERBATIM);
    assert_true(recall_keeps(CHAT_STOP_END_TURN, false) && recall_keeps(CHAT_STOP_MAX_TOKENS, true));
    assert_false(recall_keeps(CHAT_STOP_MAX_TOKENS, false) || recall_keeps(CHAT_STOP_FILTERED, true) ||
                 recall_keeps(CHAT_STOP_GUARDRAIL, true) || recall_keeps(CHAT_STOP_REFUSAL, true));
    arena_deinit(&written.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_given_whole),
        cmocka_unit_test(nothing_is_given_after_its_time),
        cmocka_unit_test(tenants_and_routes_are_apart),
        cmocka_unit_test(the_least_used_make_room),
        cmocka_unit_test(what_changes_an_answer_changes_the_key),
        cmocka_unit_test(who_asks_and_how_is_no_part_of_it),
        cmocka_unit_test(some_requests_are_never_answered_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
