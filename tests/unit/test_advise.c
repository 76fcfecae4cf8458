/* test_advise.c - the parts of the advisor: lines of all logs, tables, times, names of models, texts that are alike,
 * rows that are sorted and joined. */
#include "support.h"


#include "advise/body.h"
#include "advise/moment.h"
#include "advise/table_text.h"
#include "advise_fixture.h"

/* --- times --- */

static void test_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
    } times[] = {
        {"2026-11-24T12:34:56Z", UINT64_C(1795523696000000)},
        {"2026-11-24T12:34:56.789Z", UINT64_C(1795523696789000)},
        {"2026-11-24 12:34:56.789012", UINT64_C(1795523696789012)},
        {"2026-11-24T14:34:56+02:00", UINT64_C(1795523696000000)},
        {"2026-11-24 12:34:56+00", UINT64_C(1795523696000000)},
        {"2026-11-24 12:34:56 UTC", UINT64_C(1795523696000000)},
        {"2026/11/24 12:34", UINT64_C(1795523640000000)},
        {"2026-11-24", UINT64_C(1795478400000000)},
        {"1795523696", UINT64_C(1795523696000000)},
        {"1795523696789", UINT64_C(1795523696789000)},
        {"1795523696.5", UINT64_C(1795523696500000)},
    };
    static const char *const none[] = {"",   "now", "12:34", "2026-13-01", "2026-11-24T25:00",
                                       "-5", "17",  "2026-11-24T12:34:56 CET+"};
    uint64_t us;
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_true(moment_read(str_of(times[i].text), &us));
        assert_int_equal(us, times[i].us);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(moment_read(str_of(none[i]), &us));
}

/* --- lines --- */

static struct arena arena;

static int arena_setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int arena_teardown(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static struct advise_record read_line(const char *text)
{
    struct advise_record record;
    yyjson_val *value = body_parse(str_of(text), &arena);
    assert_non_null(value);
    assert_int_equal(shape_read(value, NULL, &arena, &record), ADVISE_READ);
    return record;
}

static void check_tokens(const struct advise_record *record, uint64_t input, uint64_t read, uint64_t write,
                         uint64_t hour, uint64_t output)
{
    const uint64_t expected[PRICE_CLASSES] = {input, read, write, hour, output};
    assert_true(record->has_usage);
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        assert_int_equal(record->usage.tokens[i], expected[i]);
}

static void test_bedrock_log(void **state)
{
    (void)state;
    struct advise_record record = read_line(
        "{\"schemaType\":\"ModelInvocationLog\",\"timestamp\":\"2026-11-24T12:34:56Z\",\"accountId\":\"000000000000\","
        "\"identity\":{\"arn\":\"arn:aws:iam::000000000000:user/shop\"},\"requestId\":\"r\",\"operation\":\"Converse\","
        "\"modelId\":\"us.amazon.nova-pro-v1:0\",\"requestMetadata\":{\"session\":\"s1\"},"
        "\"input\":{\"inputBodyJson\":{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"t\"}},"
        "{\"cachePoint\":{\"type\":\"default\"}}]},\"system\":[{\"text\":\"S\"},{\"cachePoint\":{\"type\":\"default\","
        "\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Q\"}]}]},\"inputTokenCount\":14,"
        "\"cacheReadInputTokenCount\":3,\"cacheWriteInputTokenCount\":2},"
        "\"output\":{\"outputBodyJson\":{\"output\":{\"message\":{\"content\":[{\"text\":\"A\"}]}}},"
        "\"outputTokenCount\":9}}");
    check_tokens(&record, 14, 3, 2, 0, 9);
    assert_str_equal(record.tenant, "shop");
    assert_str_equal(record.session, "s1");
    assert_str_equal(record.answer, "A");
    assert_int_equal(record.block_count, 3);
    assert_int_equal(record.tool_count, 1);
    assert_int_equal(record.blocks[0].mark, ADVISE_MARK_5M);
    assert_int_equal(record.blocks[1].mark, ADVISE_MARK_1H);
    assert_str_equal(record.blocks[2].text, "Q");
    assert_false(record.is_stream);
}

/* Chunks of InvokeModelWithResponseStream: the answer is their text, counts stand in the first and the last. */
static void test_streamed_log(void **state)
{
    (void)state;
    struct advise_record record = read_line(
        "{\"schemaType\":\"ModelInvocationLog\",\"operation\":\"InvokeModelWithResponseStream\",\"modelId\":\"m\","
        "\"input\":{\"inputBodyJson\":{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}},"
        "\"output\":{\"outputBodyJson\":["
        "{\"type\":\"message_start\",\"message\":{\"model\":\"x\",\"content\":[],\"usage\":{\"input_tokens\":10,"
        "\"cache_creation_input_tokens\":5,\"cache_creation\":{\"ephemeral_1h_input_tokens\":2},"
        "\"cache_read_input_tokens\":7,\"output_tokens\":1}}},"
        "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}},"
        "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}},"
        "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":4}}]}}");
    check_tokens(&record, 10, 7, 3, 2, 4);
    assert_str_equal(record.answer, "Hello");
    assert_true(record.is_stream);
    record = read_line(
        "{\"schemaType\":\"ModelInvocationLog\",\"operation\":\"ConverseStream\",\"modelId\":\"m\",\"input\":{},"
        "\"output\":{\"outputBodyJson\":[{\"messageStart\":{\"role\":\"assistant\"}},"
        "{\"contentBlockDelta\":{\"delta\":{\"text\":\"Hi\"},\"contentBlockIndex\":0}},"
        "{\"metadata\":{\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"cacheReadInputTokens\":1}}}]}}");
    check_tokens(&record, 3, 1, 0, 0, 2);
    assert_str_equal(record.answer, "Hi");
}

static void test_openai(void **state)
{
    (void)state;
    struct advise_record record = read_line(
        "{\"timestamp\":\"2026-11-24T12:34:56Z\",\"request\":{\"model\":\"gpt-oss-120b\",\"stream\":true,\"messages\":["
        "{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Q\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x\"}}]}],\"tools\":[{\"type\":\"function\"}]},"
        "\"response\":{\"id\":\"c1\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"A\"}}],"
        "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":8}}}}");
    check_tokens(&record, 12, 8, 0, 0, 5);
    assert_str_equal(record.model, "gpt-oss-120b");
    assert_int_equal(record.blocks[0].part, ADVISE_TOOL);
    assert_int_equal(record.blocks[1].part, ADVISE_SYSTEM);
    assert_true(record.is_stream && record.blocks[3].is_media);
    /* Flat, the reply's members beside the request's; and the responses API. */
    record = read_line("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"created\":1795523696,"
                       "\"choices\":[{\"message\":{\"content\":\"A\"}}],\"usage\":{\"prompt_tokens\":2,"
                       "\"completion_tokens\":1}}");
    check_tokens(&record, 2, 0, 0, 0, 1);
    assert_int_equal(record.time_us, UINT64_C(1795523696000000));
    record = read_line("{\"request\":{\"model\":\"m\",\"instructions\":\"S\",\"input\":\"Q\"},\"response\":{\"output"
                       "\":["
                       "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"A\"}]}],\"usage\":{"
                       "\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":3}}}");
    check_tokens(&record, 5, 4, 0, 0, 3);
    assert_str_equal(record.answer, "A");
    assert_int_equal(record.blocks[0].part, ADVISE_SYSTEM);
}

static void test_anthropic(void **state)
{
    (void)state;
    const struct advise_record record = read_line(
        "{\"request\":{\"model\":\"claude-sonnet-4-6\",\"system\":[{\"type\":\"text\",\"text\":\"S\","
        "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"user\",\"content\":\""
        "Q\"},"
        "{\"role\":\"assistant\",\"content\":\"B\"},{\"role\":\"user\",\"content\":\"R\"}]},"
        "\"response\":{\"content\":[{\"type\":\"text\",\"text\":\"A\"}],\"usage\":{\"input_tokens\":1,"
        "\"cache_read_input_tokens\":2,\"cache_creation_input_tokens\":3,\"output_tokens\":4}}}");
    check_tokens(&record, 1, 2, 3, 0, 4);
    assert_int_equal(record.message_count, 3);
    assert_int_equal(record.blocks[0].mark, ADVISE_MARK_1H);
}

static void test_batch_files(void **state)
{
    (void)state;
    struct advise_record record = read_line("{\"custom_id\":\"7\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
                                            "\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                                            "\"Q\"}]}}");
    assert_int_equal(record.tier, TIER_BATCH);
    assert_false(record.has_reply || record.has_usage);
    record = read_line("{\"custom_id\":\"7\",\"response\":{\"status_code\":200,\"body\":{\"model\":\"m\",\"choices\":[{"
                       "\"message\":{\"content\":\"A\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}}}");
    check_tokens(&record, 3, 0, 0, 0, 1);
    record = read_line("{\"custom_id\":\"8\",\"result\":{\"type\":\"succeeded\",\"message\":{\"model\":\"c\",\"conte"
                       "nt\":["
                       "{\"type\":\"text\",\"text\":\"A\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}}");
    assert_str_equal(record.model, "c");
    record = read_line("{\"recordId\":\"1\",\"modelInput\":{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]},"
                       "\"modelOutput\":{\"content\":[{\"text\":\"A\"}],\"usage\":{\"input_tokens\":3,"
                       "\"output_tokens\":1}}}");
    assert_int_equal(record.tier, TIER_BATCH);
    assert_str_equal(record.answer, "A");
}

#define SPEND \
    "{\"request_id\":\"r\",\"call_type\":\"acompletion\",\"spend\":0.1,\"team_id\":\"blue\"," \
    "\"startTime\":\"2026-11-24 12:34:56.5\",\"completionStartTime\":\"2026-11-24 12:34:57\"," \
    "\"endTime\":\"2026-11-24 12:34:59\",\"model\":\"bedrock/anthropic.claude-sonnet-4-6\"," \
    "\"prompt_tokens\":100,\"completion_tokens\":7,"

static void test_spend_log(void **state)
{
    (void)state;
    struct advise_record record = read_line(SPEND "\"metadata\":{\"usage_object\":{\"cache_read_input_tokens\":60,"
                                                  "\"cache_creation_input_tokens\":10}},\"messages\":[{\"role\":"
                                                  "\"user\",\"content\":\"Q\"}],\"response\":{\"choices\":[{\"messag"
                                                  "e\":{"
                                                  "\"content\":\"A\"}}]}}");
    check_tokens(&record, 30, 60, 10, 0, 7);
    assert_true(record.is_stream && record.time_us == UINT64_C(1795523696500000));
    assert_str_equal(record.tenant, "blue");
    assert_str_equal(record.answer, "A");
    /* Members as JSON inside of JSON, as databases export them; the prompt in the other column. */
    record = read_line(SPEND "\"metadata\":\"{}\",\"messages\":\"[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"Q\\"
                             "\"}]\"}");
    assert_int_equal(record.block_count, 1);
    record = read_line(SPEND "\"messages\":{},\"proxy_server_request\":{\"messages\":[{\"role\":\"user\",\"content\""
                             ":\"Q\"}]}}");
    assert_int_equal(record.block_count, 1);
    assert_str_equal(record.blocks[0].text, "Q");
}

static void test_unreadable(void **state)
{
    static const struct {
        const char *text;
        enum advise_flaw flaw;
    } lines[] = {
        {"[1]", ADVISE_UNKNOWN_SHAPE},
        {"{}", ADVISE_UNKNOWN_SHAPE},
        {"{\"level\":\"info\",\"message\":\"started\"}", ADVISE_UNKNOWN_SHAPE},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}", ADVISE_NO_MODEL},
        {"{\"schemaType\":\"ModelInvocationLog\",\"input\":{}}", ADVISE_NO_MODEL},
        {"{\"costPicodollars\":1,\"modelRequested\":\"m\"}", ADVISE_BAD_FIELD},
        {"{\"recordId\":\"1\",\"modelInput\":{}}", ADVISE_NO_REPLY},
        {"{\"request_id\":\"r\",\"startTime\":\"x\",\"spend\":1}", ADVISE_BAD_FIELD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct advise_record record;
        assert_int_equal(shape_read(body_parse(str_of(lines[i].text), &arena), NULL, &arena, &record), lines[i].flaw);
    }
}

/* --- tables --- */

static void test_table(void **state)
{
    struct str text = STR("a,\"b \"\"x\"\", y\",\"c\nd\"\r\ne,,\nlast,\"q");
    struct table_row row;
    (void)state;
    assert_int_equal(table_take_row(&text, false, &arena, &row), TABLE_ROW);
    assert_int_equal(row.count, 3);
    assert_str_equal(row.cells[1], "b \"x\", y");
    assert_str_equal(row.cells[2], "c\nd");
    assert_int_equal(table_take_row(&text, false, &arena, &row), TABLE_ROW);
    assert_int_equal(row.count, 3);
    assert_int_equal(row.cells[2].len, 0);
    assert_int_equal(table_take_row(&text, false, &arena, &row), TABLE_MORE);
    assert_int_equal(table_take_row(&text, true, &arena, &row), TABLE_ROW);
    assert_str_equal(row.cells[1], "q");
    assert_int_equal(text.len, 0);
}

/* --- texts --- */

static void test_alignment(void **state)
{
    struct template_alignment alignment;
    (void)state;
    const struct str a = STR("You help Ann Lee today. The rules of this shop are long and always the same, 1 of 9.");
    const struct str b = STR("You help Bo today. The rules of this shop are long and always the same, 22 of 9.");
    template_align(a, b, &alignment);
    assert_int_equal(alignment.same, 9);
    assert_int_equal(alignment.count, 2);
    assert_int_equal(alignment.pieces[0].end, 16);
    template_align(a, a, &alignment);
    assert_int_equal(alignment.count, 0);
    assert_int_equal(alignment.matched, a.len);
    template_align(a, STR(""), &alignment);
    assert_int_equal(alignment.matched, 0);
    template_align(STR(""), STR(""), &alignment);
    assert_int_equal(alignment.matched, 0);
}

static void test_changes(void **state)
{
    static const struct {
        const char *before, *what, *behind;
        size_t at; /* where two of them part, in `what` */
        enum template_change kind;
    } changes[] = {
        {"Now: ", "2026-11-30T12:00:05Z", ". Be kind", 15, CHANGE_TIME},
        {"Now: ", "30 November 2026, 12:30", " and", 0, CHANGE_TIME},
        {"It is ", "Monday, 30 Nov 2026", " here", 0, CHANGE_DATE},
        {"date=", "2026-11-30", "; x", 9, CHANGE_DATE},
        {"{\"now\":", "1795523696", ",\"x\":1}", 7, CHANGE_TIME},
        {"session ", "0f8fad5b-d9cb-469f-a165-70867728950e", " of", 4, CHANGE_UUID},
        {"id ", "a81fk29xq", " of", 2, CHANGE_ID},
        {"Request ", "1042", " of", 3, CHANGE_NUMBER},
        {"You talk to ", "Alice", " today", 0, CHANGE_NAME},
        {"mood: ", "friendly", " today", 0, CHANGE_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char text[256];
        const uint32_t before = (uint32_t)strlen(changes[i].before);
        uint32_t start = before + (uint32_t)changes[i].at, end = start;
        (void)snprintf(text, sizeof(text), "%s%s%s", changes[i].before, changes[i].what, changes[i].behind);
        assert_int_equal(template_classify(str_of(text), &start, &end), changes[i].kind);
        assert_int_equal(start, before);
        assert_str_equal(str_slice(str_of(text), start, end), changes[i].what);
    }
}

/* --- names of models --- */

static struct fixture fixture;

static int fixture_setup(void **state)
{
    fixture_init(&fixture);
    return arena_setup(state);
}

static int fixture_teardown(void **state)
{
    fixture_deinit(&fixture);
    return arena_teardown(state);
}

static void test_names(void **state)
{
    static const struct {
        const char *name, *id;
    } names[] = {
        {"amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"},
        {"us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"},
        {"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"},
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"},
        {"bedrock/us.anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"},
        {"claude-3-5-sonnet-20241022", "anthropic.claude-3-5-sonnet-20241022-v2:0"},
        {"anthropic/claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"},
        {"claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0"},
        {"nova-pro", "amazon.nova-pro-v1:0"},
        {"openai/gpt-oss-120b", "openai.gpt-oss-120b"},
        {"desk-large", "amazon.nova-pro-v1:0"},
        {"somebody/else-7b", NULL},
        {"", NULL},
        {"-", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct advise_price price;
        advise_price_find(fixture.book, &fixture.catalog, str_of(names[i].name), STR(""), &price);
        if (!names[i].id)
            assert_null(price.row);
        else
            assert_string_equal(price.row->id, names[i].id);
    }
}

static void test_families(void **state)
{
    struct advise_price price;
    (void)state;
    advise_price_find(fixture.book, &fixture.catalog, STR("amazon.nova-pro-v1:0"), STR(""), &price);
    assert_string_equal(price.small->id, "amazon.nova-micro-v1:0");
    assert_true(price.has_cache && !price.has_hour);
    advise_price_find(fixture.book, &fixture.catalog, STR("amazon.nova-micro-v1:0"), STR(""), &price);
    assert_null(price.small);
    advise_price_find(fixture.book, &fixture.catalog, STR("anthropic.claude-sonnet-4-6"), STR(""), &price);
    assert_true(str_starts(str_of(price.small->id), STR("anthropic.claude-")) && price.has_hour);
    advise_price_find(fixture.book, &fixture.catalog, STR("deepseek.r1-v1:0"), STR(""), &price);
    assert_false(price.has_cache);
}

/* --- rows --- */

/* More than are sorted at once, and more runs than are merged at once. */
static void test_rows_in_order(void **state)
{
    const uint32_t count = 120000;
    struct log_rows *rows = log_rows_new();
    struct error error;
    struct row row;
    struct rng rng;
    (void)state;
    memset(&row, 0, sizeof(row));
    rng_seed(&rng, 3);
    for (uint32_t i = 0; i < count; i++) {
        row.time_us = rng_below(&rng, 5000);
        row.order = i;
        row.block_count = (uint8_t)rng_below(&rng, 60);
        for (unsigned k = 0; k < row.block_count; k++)
            row.blocks[k].hash = row.time_us + k;
        assert_int_equal(log_rows_add(rows, &row, &error), OK);
    }
    assert_int_equal(log_rows_sort(rows, ROWS_BY_TIME, &error), OK);
    for (unsigned round = 0; round < 2; round++) {
        uint64_t last = 0;
        uint32_t seen = 0, order = 0;
        enum error_code code = OK;
        const struct row *next;
        while ((next = log_rows_next(rows, &code, &error))) {
            assert_true(next->time_us > last || (next->time_us == last && (seen == 0 || next->order > order)));
            assert_true(next->block_count == 0 ||
                        next->blocks[next->block_count - 1].hash == next->time_us + next->block_count - 1);
            last = next->time_us;
            order = next->order;
            seen++;
        }
        assert_int_equal(code, OK);
        assert_int_equal(seen, count);
        assert_int_equal(log_rows_rewind(rows, &error), OK);
    }
    log_rows_free(rows);
}

/* --- whole files --- */

static const struct advice *advice_of(struct advisor *advisor)
{
    const struct advice *advice;
    struct error error;
    assert_int_equal(advisor_finish(advisor, &advice, &error), OK);
    return advice;
}

/* Input and output of a batch are one request; an input whose output is missing is none. */
static void test_pairs(void **state)
{
    struct advisor *advisor = fixture_advisor(&fixture);
    struct error error;
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        buf_appendf(&fixture.log, "{\"custom_id\":\"%u\",\"body\":{\"model\":\"claude-sonnet-4-6\",\"messages\":[{\""
                                  "role\":"
                                  "\"user\",\"content\":\"Q\"}]}}\n", i);
    for (unsigned i = 0; i < 8; i++)
        buf_appendf(&fixture.log, "{\"custom_id\":\"%u\",\"response\":{\"body\":{\"model\":\"claude-sonnet-4-6\",\"u"
                                  "sage\":{"
                                  "\"prompt_tokens\":1000,\"completion_tokens\":10}}}}\n", 7 - i);
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    const struct advice *advice = advice_of(advisor);
    assert_int_equal(advice->plan.requests, 8);
    assert_int_equal(advice->joined.joined, 8);
    assert_int_equal(advice->flaws[ADVISE_NO_REPLY], 2);
    assert_int_equal(advice->plan.cost, INT64_C(8) * (1000 * INT64_C(3000000) + 10 * 15000000) / 2);
    advisor_free(advisor);
}

/* The same record twice, as a delivery that was repeated leaves it. */
static void test_doubled(void **state)
{
    struct advisor *advisor = fixture_advisor(&fixture);
    struct error error;
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        fixture_add(&fixture, &(struct fixture_request){.second = i, .model = "amazon.nova-pro-v1:0", .user = STR("Q"),
                    .answer = STR("A"), .input = 10, .output = 1});
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    const struct advice *advice = advice_of(advisor);
    assert_int_equal(advice->plan.requests, 20);
    assert_int_equal(advice->joined.doubled, 20);
    advisor_free(advisor);
}

/* Of one tenant alone: nothing of the others is counted, not even what can't be read of their requests. */
static void test_one_tenant(void **state)
{
    static const char *const tenants[] = {"shop", "bank", "sho", "SHOP"};
    struct advisor *advisor;
    struct error error;
    struct advisor_options options = {.book = fixture.book, .catalog = &fixture.catalog,
                                      .predictor = fixture.predictor, .tenant = STR("shop")};
    (void)state;
    for (unsigned i = 0; i < 40; i++)
        buf_appendf(&fixture.log, "{\"tenant\":\"%s\",\"request\":{\"model\":\"claude-sonnet-4-6\",\"messages\":[{"
                                  "\"role\":\"user\",\"content\":\"Q\"}]},\"response\":{\"usage\":{"
                                  "\"prompt_tokens\":1000,\"completion_tokens\":10}}}\n", tenants[i % 4]);
    assert_int_equal(advisor_new(&options, &advisor, &error), OK);
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    const struct advice *advice = advice_of(advisor);
    assert_int_equal(advice->plan.requests, 10);
    assert_int_equal(advice->intake.read, 10);
    assert_int_equal(advice->intake.group_count, 1);
    advisor_free(advisor);
}

/* IDs that name no request: all the same, as some loggers write them. */
static void test_same_ids(void **state)
{
    struct advisor *advisor = fixture_advisor(&fixture);
    struct error error;
    (void)state;
    for (unsigned i = 0; i < 500; i++)
        buf_append_text(&fixture.log, "{\"request_id\":\"-\",\"request\":{\"model\":\"nova-pro\",\"messages\":[]},"
                                      "\"response\":{\"id\":\"x\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}"
                                      "}}\n");
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    assert_true(advice_of(advisor)->plan.requests >= 495);
    advisor_free(advisor);
}

/* Counts that nobody can have paid: sums stop, and what is printed is a number. */
static void test_absurd_counts(void **state)
{
    struct advisor *advisor = fixture_advisor(&fixture);
    struct error error;
    struct buf out;
    (void)state;
    buf_init(&out, 1u << 20);
    for (unsigned i = 0; i < 2000; i++)
        buf_append_text(&fixture.log, "{\"model\":\"anthropic.claude-opus-4-20250514-v1:0\",\"usage\":{\"input_token"
                                      "s\":"
                                      "1e300,\"cache_read_input_tokens\":-5,\"output_tokens\":18446744073709551615}}"
                                      "\n");
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    const struct advice *advice = advice_of(advisor);
    assert_int_equal(advice->plan.cost, INT64_MAX);
    assert_int_equal(advice_append_json(&out, advice, &error), OK);
    buf_deinit(&out);
    advisor_free(advisor);
}

static void test_damaged(void **state)
{
    struct advisor *advisor = fixture_advisor(&fixture);
    struct error error;
    (void)state;
    buf_append_text(&fixture.log, "{\"schemaType\":\"ModelInvoc\n\nnot json at all\n\xff\xfe\n{\"a\":1}\n");
    fixture_add(&fixture, &(struct fixture_request){.model = "amazon.nova-pro-v1:0", .user = STR("Q"),
                .answer = STR("A"), .input = 10, .output = 1});
    fixture_add(&fixture, &(struct fixture_request){.model = "somebody.else", .user = STR("Q"), .answer = STR("A"),
                .input = 10, .output = 1});
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    const struct advice *advice = advice_of(advisor);
    assert_int_equal(advice->plan.requests, 2);
    assert_int_equal(advice->flaws[ADVISE_NOT_JSON], 3);
    assert_int_equal(advice->flaws[ADVISE_UNKNOWN_SHAPE], 1);
    assert_int_equal(advice->unpriced_count, 1);
    assert_string_equal(advice->unpriced[0].name, "somebody.else");
    assert_int_equal(advice->plan.cost, 10 * 800000 + 3200000);
    advisor_free(advisor);
}

static void test_empty(void **state)
{
    static const char *const texts[] = {"",   "\n\n", "\xef\xbb\xbf",
                                        "[]", "{",    "model,prompt_tokens,completion_tokens\n"};
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct advisor *advisor = fixture_advisor(&fixture);
        struct buf out;
        buf_init(&out, 1u << 20);
        assert_int_equal(advisor_read_text(advisor, str_of(texts[i]), &error), OK);
        const struct advice *advice = advice_of(advisor);
        assert_int_equal(advice->plan.requests, 0);
        assert_int_equal(advice_append_table(&out, advice, &error), OK);
        assert_int_equal(advice_append_json(&out, advice, &error), OK);
        assert_int_equal(advice_append_page(&out, advice, &error), OK);
        assert_int_equal(advice_append_config(&out, advice, &error), OK);
        buf_deinit(&out);
        advisor_free(advisor);
    }
}

/* Pretty-printed, as a list, as a table: the same requests. */
static void test_layouts(void **state)
{
    static const char *const texts[] = {
        "{\n  \"model\": \"nova-pro\",\n  \"usage\": {\n \"prompt_tokens\": 10,\n \"completion_tokens\": 1}\n}\n{\n"
        "\"model\": \"nova-pro\", \"usage\": {\"prompt_tokens\": 10, \"completion_tokens\": 1}}",
        "[{\"model\":\"nova-pro\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}},\n"
        "{\"model\":\"nova-pro\",\"note\":\"a ] and a } \\\" in it\",\"usage\":{\"prompt_tokens\":10,\"completion_to"
        "kens\":1}}]",
        "{\"events\":[{\"timestamp\":1,\"message\":\"{\\\"model\\\":\\\"nova-pro\\\",\\\"usage\\\":{"
        "\\\"prompt_tokens\\\":10,\\\"completion_tokens\\\":1}}\"},{\"@message\":\"{\\\"model\\\":\\\"nova-pro\\\","
        "\\\"usage\\\":{\\\"prompt_tokens\\\":10,\\\"completion_tokens\\\":1}}\"}]}",
        "2026-11-24T12:34:56.000Z {\"model\":\"nova-pro\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}\n"
        "2026-11-24T12:34:57.000Z {\"model\":\"nova-pro\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}\n",
        "request_id,model,prompt_tokens,completion_tokens,startTime,messages\r\n"
        "1,nova-pro,10,1,2026-11-24 12:34:56,\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"Q\"\"}]\"\r\n"
        "2,nova-pro,10,1,2026-11-24 12:34:57,{}\r\n",
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct advisor *advisor = fixture_advisor(&fixture);
        assert_int_equal(advisor_read_text(advisor, str_of(texts[i]), &error), OK);
        const struct advice *advice = advice_of(advisor);
        assert_int_equal(advice->plan.requests, 2);
        assert_int_equal(advice->plan.cost, 2 * (10 * 800000 + 3200000));
        advisor_free(advisor);
    }
}

/* Reading takes no more memory for ten times the records. */
static void test_memory(void **state)
{
    size_t live[2];
    struct error error;
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        struct advisor *advisor = fixture_advisor(&fixture);
        const size_t before = mem_heap_bytes();
        for (unsigned part = 0; part < (round ? 50u : 5u); part++) {
            buf_clear(&fixture.log);
            for (unsigned i = 0; i < 1000; i++)
                fixture_add(&fixture, &(struct fixture_request){.second = part * 1000 + i,
                            .model = "amazon.nova-pro-v1:0", .system = STR("S"), .user = STR("Q"), .answer = STR("A"),
                            .input = 10, .output = 1});
            assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
        }
        live[round] = mem_heap_bytes() - before;
        assert_int_equal(advice_of(advisor)->plan.requests, round ? 50000 : 5000);
        advisor_free(advisor);
    }
    assert_true(live[1] < live[0] + (256u << 10));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)
#define LOG_CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        CASE(test_bedrock_log),
        CASE(test_streamed_log),
        CASE(test_openai),
        CASE(test_anthropic),
        CASE(test_batch_files),
        CASE(test_spend_log),
        CASE(test_unreadable),
        CASE(test_table),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_changes),
        LOG_CASE(test_names),
        LOG_CASE(test_families),
        cmocka_unit_test(test_rows_in_order),
        LOG_CASE(test_pairs),
        LOG_CASE(test_doubled),
        LOG_CASE(test_one_tenant),
        LOG_CASE(test_same_ids),
        LOG_CASE(test_absurd_counts),
        LOG_CASE(test_damaged),
        LOG_CASE(test_empty),
        LOG_CASE(test_layouts),
        LOG_CASE(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
