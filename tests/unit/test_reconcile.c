/* test_reconcile.c - providers' reports, each form of them, into items; models by all their names; what differs,
 * and why, against lines made here. */
#include "support.h"

#include <unistd.h>
#include <zlib.h>

#include "reconcile/compare.h"

#define DAY_US UINT64_C(86400000000)
#define TODAY_US UINT64_C(1796083200000000) /* 2026-12-01 */
#define PICO INT64_C(1000000000000)

/* --- readers ----------------------------------------------------------------------------------------- */

struct seen {
    struct report_item items[16];
    char models[16][64];
    size_t count;
    uint64_t from_us, to_us;
};

static enum error_code see(void *ctx, const struct report_item *item, struct error *error)
{
    struct seen *seen = ctx;
    (void)error;
    assert_true(seen->count < 16);
    seen->items[seen->count] = *item;
    (void)snprintf(seen->models[seen->count++], 64, STR_FMT, STR_ARG(item->model));
    return OK;
}

static void see_bucket(void *ctx, uint64_t from_us, uint64_t to_us)
{
    struct seen *seen = ctx;
    seen->from_us = from_us;
    seen->to_us = to_us;
}

static struct seen read_text(enum report_kind kind, struct report_filter filter, const char *text)
{
    struct seen seen = {.count = 0};
    struct error error;
    const struct report_reader reader = {kind, filter, {&seen, see, see_bucket}};
    if (report_read_text(&reader, str_of(text), &error) != OK)
        fail_msg("%s", error.message);
    return seen;
}

static void assert_refused(enum report_kind kind, const char *text, const char *words)
{
    struct seen seen = {.count = 0};
    struct error error;
    const struct report_reader reader = {.kind = kind, .sink = {&seen, see, see_bucket}};
    assert_int_equal(report_read_text(&reader, str_of(text), &error), ERROR_INVALID);
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
}

static void assert_tokens(const struct report_item *item, int64_t input, int64_t read, int64_t write, int64_t write_1h,
                          int64_t output)
{
    const int64_t expected[PRICE_CLASSES] = {input, read, write, write_1h, output};
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        assert_true(item->said & (1u << i));
        assert_int_equal(item->values[i], expected[i]);
    }
}

static const struct report_filter all;

static void reads_openai(void **state)
{
    (void)state;
    struct seen seen = read_text(REPORT_OPENAI, all,
        "{\"data\":[{\"start_time\":1796083200,\"end_time\":1796169600,\"results\":[{\"input_tokens\":1000,"
        "\"input_cached_tokens\":800,\"input_cache_write_tokens\":30,\"input_cache_write_12h_tokens\":10,"
        "\"output_tokens\":500,\"num_model_requests\":5,\"model\":\"gpt-5.5\",\"batch\":true,\"api_key_id\":null},"
        "{\"input_tokens\":9,\"output_tokens\":1,\"num_model_requests\":1,\"model\":\"gpt-5.5\",\"batch\":false,"
        "\"service_tier\":\"flex\",\"api_key_id\":\"k\"}]}]}");
    assert_int_equal(seen.count, 2);
    assert_tokens(&seen.items[0], 170, 800, 20, 10, 500);
    assert_int_equal(seen.items[0].values[REPORT_REQUESTS], 5);
    assert_true(seen.items[0].has_tier && seen.items[0].tier == TIER_BATCH);
    assert_tokens(&seen.items[1], 9, 0, 0, 0, 1);
    assert_int_equal(seen.items[1].tier, TIER_FLEX);
    assert_int_equal(seen.from_us, TODAY_US);
    assert_int_equal(seen.to_us, TODAY_US + DAY_US);
    seen = read_text(REPORT_OPENAI, all, "\xef\xbb\xbf"
                                         "start_time,model,batch,input_tokens,output_tokens,num_model_requests\r\n"
                                         "1796083200,gpt-5.5,false,7,3,2\r\n");
    assert_tokens(&seen.items[0], 7, 0, 0, 0, 3);
    assert_false(seen.items[0].has_tier);
    assert_int_equal(seen.to_us, TODAY_US + DAY_US);
}

static void reads_openai_costs(void **state)
{
    (void)state;
    const struct seen seen = read_text(REPORT_OPENAI, all,
        "{\"data\":[{\"start_time\":1796083200,\"end_time\":1796169600,\"results\":[{\"amount\":{\"value\":0.060},"
        "\"line_item\":\"gpt-5.5, cached input\"},{\"amount\":{\"value\":\"1.25E-6\"},\"line_item\":\"o3, output\"},"
        "{\"amount\":{\"value\":2},\"line_item\":\"web search\"}]}]}");
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.models[0], "gpt-5.5");
    assert_int_equal(seen.items[0].values[REPORT_COST], 6 * PICO / 100);
    assert_int_equal(seen.items[0].values[REPORT_CLASS_COST + PRICE_CACHE_READ], 6 * PICO / 100);
    assert_int_equal(seen.items[0].rounding, PICO / 2000); /* written to the thousandth */
    assert_int_equal(seen.items[1].values[REPORT_CLASS_COST + PRICE_OUTPUT], 1250000);
    assert_int_equal(seen.items[1].rounding, 5000);
    assert_int_equal(seen.items[2].said, 1u << REPORT_COST);
    assert_string_equal(seen.models[2], "");
}

static void reads_anthropic(void **state)
{
    (void)state;
    struct seen seen = read_text(REPORT_ANTHROPIC, all,
        "[{\"data\":[{\"starting_at\":\"2026-12-01T00:00:00Z\",\"ending_at\":\"2026-12-02T00:00:00Z\",\"results\":[{"
        "\"uncached_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
        "\"ephemeral_1h_input_tokens\":3},\"cache_read_input_tokens\":4,"
        "\"output_tokens\":5,\"model\":\"claude-opus-5\",\"service_tier\":"
        "\"priority_on_demand\"}]}]},{\"data\":[{\"starting_at\":\"2026-12-01T00:00:00Z\",\"results\":[{\"amount\":"
        "\"123.45\",\"model\":\"claude-opus-5\",\"token_type\":\"cache_creation.ephemeral_1h_input_tokens\"}]}]}]");
    assert_int_equal(seen.count, 2);
    assert_tokens(&seen.items[0], 10, 4, 2, 3, 5);
    assert_int_equal(seen.items[0].tier, TIER_PRIORITY);
    assert_false(seen.items[0].said & (1u << REPORT_REQUESTS));
    assert_int_equal(seen.items[1].values[REPORT_CLASS_COST + PRICE_CACHE_WRITE_1H], 12345 * PICO / 10000);
    seen = read_text(REPORT_ANTHROPIC, all,
        "usage_date_utc,model_version,api_key,usage_type,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n"
        "2026-12-01,claude-opus-5,\"a, \"\"b\"\"\",batch,1,2,3,4,5\n");
    assert_tokens(&seen.items[0], 1, 4, 2, 3, 5);
    assert_int_equal(seen.items[0].tier, TIER_BATCH);
    seen = read_text(REPORT_ANTHROPIC, all, "usage_date_utc,model,usage_type,token_type,cost_usd\n"
                                            "2026-12-01,Claude Opus 5,message,input_no_cache,0.05\n");
    assert_int_equal(seen.items[0].values[REPORT_CLASS_COST + PRICE_INPUT], PICO / 20);
    assert_false(seen.items[0].has_tier);
}

#define CUR_HEAD "line_item_line_item_type,line_item_product_code,line_item_usage_account_id," \
    "line_item_usage_start_date,line_item_usage_type,line_item_usage_amount,pricing_unit,line_item_unblended_cost," \
    "product\n"

static void reads_bills(void **state)
{
    (void)state;
    struct seen seen = read_text(REPORT_BEDROCK_CUR, all, CUR_HEAD
        "Usage,AmazonBedrock,1,2026-12-01T05:00:00.000Z,USE1-Claude4.6Sonnet-cache-read-input-token-count,433.893,"
        "1K tokens,1.789808625,\n"
        "Usage,AmazonBedrock,2,2026-12-01T05:00:00.000Z,USW2-openai.gpt-oss-120b-mantle-output-tokens-flex,2,"
        "1M tokens,1,\n"
        "Usage,x,1,2026-12-01T05:00:00.000Z,USE1-MP:USE1_CacheWrite1hInputTokenCount_Global_Batch-Units,0.5,Units,2,"
        "\"{\"\"product_name\"\":\"\"Claude Opus 5 (Amazon Bedrock Edition)\"\"}\"\n"
        "Tax,AmazonBedrock,1,2026-12-01T05:00:00.000Z,USE1-Claude4.6Sonnet-input-tokens,1,1K tokens,1,\n"
        "Usage,AmazonEC2,1,2026-12-01T05:00:00.000Z,USE1-input-tokens,1,1K tokens,1,\n"
        "Usage,AmazonBedrock,1,2026-12-01T05:00:00.000Z,USE1-Reserved_1Month_TPM_InputTokens,1,Units,1,\n");
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.models[0], "Claude4.6Sonnet");
    assert_int_equal(seen.items[0].values[PRICE_CACHE_READ], 433893);
    assert_int_equal(seen.items[0].values[REPORT_COST], 1789808625000);
    assert_string_equal(seen.models[1], "openai.gpt-oss-120b");
    assert_int_equal(seen.items[1].values[PRICE_OUTPUT], 2000000);
    assert_int_equal(seen.items[1].tier, TIER_FLEX);
    assert_string_equal(seen.models[2], "Claude Opus 5 (Amazon Bedrock Edition)");
    assert_int_equal(seen.items[2].values[PRICE_CACHE_WRITE_1H], 500000);
    assert_int_equal(seen.items[2].tier, TIER_BATCH);
    seen = read_text(REPORT_BEDROCK_CUR, (struct report_filter){.project = STR("2")}, CUR_HEAD
        "Usage,AmazonBedrock,1,2026-12-01T05:00:00Z,USE1-NovaPro-input-tokens,1,1K tokens,1,\n"
        "Usage,AmazonBedrock,2,2026-12-01T05:00:00Z,USE1-NovaLite-input-tokens,1,1K tokens,1,\n");
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.models[0], "NovaLite");
    seen = read_text(REPORT_BEDROCK_CUR, all, "lineItem/UsageStartDate,lineItem/UsageType,lineItem/UsageAmount\n"
                                              "2026-12-01T05:00:00Z,EUC1-NovaPro-input-tokens,0.001\n");
    assert_int_equal(seen.items[0].values[PRICE_INPUT], 1);
}

static void refuses(void **state)
{
    (void)state;
    assert_refused(REPORT_OPENAI, "PAR1....", "Parquet");
    assert_refused(REPORT_BEDROCK_CUR, "a,b\n1,2\n", "lineItem/UsageStartDate, line_item_usage_start_date");
    assert_refused(REPORT_BEDROCK_CUR, "{}", "data: expected");
    assert_refused(REPORT_ANTHROPIC, "{\"data\":[{\"results\":[]}]}", "data[0]: expected start_time");
    assert_refused(REPORT_ANTHROPIC, " \n ", "empty");
}

/* --- files ------------------------------------------------------------------------------------------- */

static enum error_code add_up(void *ctx, const struct report_item *item, struct error *error)
{
    struct report_item *sum = ctx;
    (void)error;
    report_say(sum, PRICE_INPUT, item->values[PRICE_INPUT]);
    report_say(sum, REPORT_COST, item->values[REPORT_COST]);
    return OK;
}

static void cover(void *ctx, uint64_t from_us, uint64_t to_us)
{
    (void)ctx;
    assert_int_equal(from_us, TODAY_US + 5 * DAY_US / 24);
    assert_int_equal(to_us, TODAY_US + DAY_US);
}

/* A bill of many rows goes through a buffer: compressed, longer than a chunk, and cut short. */
static void reads_files(void **state)
{
    (void)state;
    struct report_item sum = {.said = 0};
    struct error error;
    char path[300];
    const struct report_reader reader = {.kind = REPORT_BEDROCK_CUR, .sink = {&sum, add_up, cover}};
    (void)snprintf(path, sizeof(path), "%s/cur.csv.gz", test_root);
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    gzputs(file, CUR_HEAD);
    for (size_t i = 0; i < 20000; i++)
        gzputs(file, "Usage,AmazonBedrock,1,2026-12-01T05:00:00Z,USE1-NovaPro-input-tokens,0.5,1K tokens,0.25,\n");
    assert_int_equal(gzclose(file), Z_OK);
    assert_int_equal(report_read_file(&reader, path, &error), OK);
    assert_int_equal(sum.values[PRICE_INPUT], 20000 * 500);
    assert_int_equal(sum.values[REPORT_COST], 5000 * PICO);
    assert_int_equal(truncate(path, 3000), 0);
    assert_int_equal(report_read_file(&reader, path, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "can't be read to its end"));
    assert_int_equal(report_read_file(&reader, "/nowhere/cur.csv", &error), ERROR_NOT_FOUND);
}

/* --- names ------------------------------------------------------------------------------------------- */

static void knows_names(void **state)
{
    (void)state;
    static const char *const same[][4] = {
        {"claude-sonnet-4-6-20260301", "anthropic.claude-sonnet-4-6-20260301-v1:0", "Claude4.6Sonnet",
         "Claude Sonnet 4.6"},
        {"eu.amazon.nova-2-lite-v1:0", "Nova2.0Lite", "amazon.nova-2-lite-v1:0", "global.amazon.nova-2-lite-v1:0"},
        {"gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini", "gpt-4o-mini"},
        {"openai.gpt-oss-120b-1:0", "gpt-oss-120b", "openai.gpt-oss-120b", "gpt-oss-120b"},
        {"anthropic.claude-opus-5", "Claude Opus 5 (Amazon Bedrock Edition)", "us.anthropic.claude-opus-5",
         "claude-opus-5"},
        {"deepseek.r1-v1:0", "DeepSeek-R1", "us.deepseek.r1-v1:0", "deepseek-r1"},
    };
    static const char *const other[] = {"gpt-4o", "gpt-4.1", "claude-3-5-haiku-20241022", "claude-haiku-4-5", "o3",
                                        "o1", "amazon.nova-pro-v1:0", "llama3-1-70b", "llama3-1-8b"};
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        for (size_t k = 1; k < 4; k++)
            if (!str_eq(report_model_key(str_of(same[i][0]), &arena), report_model_key(str_of(same[i][k]), &arena)))
                fail_msg("%s is not %s", same[i][0], same[i][k]);
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        for (size_t k = 0; k < i; k++)
            assert_false(str_eq(report_model_key(str_of(other[i]), &arena),
                                report_model_key(str_of(other[k]), &arena)));
    assert_true(report_model_key(STR("\xe6\xa8\xa1"), &arena).len > 0);
    arena_deinit(&arena);
}

static void reads_numbers(void **state)
{
    (void)state;
    int64_t value, open;
    assert_true(report_decimal(STR("433.8935"), 3, &value, &open));
    assert_int_equal(value, 433894);
    assert_int_equal(open, 0);
    assert_true(report_decimal(STR("-0.25"), 2, &value, NULL));
    assert_int_equal(value, -25);
    assert_true(report_decimal(STR("0E-6176"), 12, &value, &open));
    assert_int_equal(value, 0);
    assert_int_equal(open, 0);
    assert_true(report_decimal(STR("0.00"), 12, &value, &open)); /* less than half a cent */
    assert_int_equal(open, PICO / 200);
    assert_false(report_decimal(STR("9223372036854775808"), 0, &value, NULL));
    assert_false(report_decimal(STR("1e30"), 0, &value, NULL));
    assert_false(report_decimal(STR("NaN"), 0, &value, NULL));
    assert_false(report_decimal(STR(""), 0, &value, NULL));
}

/* --- why --------------------------------------------------------------------------------------------- */

static struct compare_difference told[16];
static size_t told_count;

static enum error_code keep(void *ctx, const struct compare_difference *difference, struct error *error)
{
    (void)ctx;
    (void)error;
    assert_true(told_count < 16);
    told[told_count++] = *difference;
    return OK;
}

static struct ledger_line line_at(uint64_t time_us, uint64_t input, uint64_t output)
{
    return (struct ledger_line){
        .provider = STR("oa"), .upstream_model = STR("gpt-5.5-2026-05-05"), .model_invoked = STR("gpt"), .attempts = 1,
        .time_us = time_us, .tier = TIER_DEFAULT, .price = STR("house@1/gpt/*"), .usage = {{input, 0, 0, 0, output}},
        .quote = {.cost = 2000 * input + 8000 * output, .classes = {2000 * input, 0, 0, 0, 8000 * output}},
    };
}

static struct report_item item_at(uint64_t from_us, int64_t input, int64_t output, int64_t requests)
{
    struct report_item item = {.from_us = from_us, .to_us = from_us + DAY_US, .model = STR("gpt-5.5"),
                               .has_tier = true, .tier = TIER_DEFAULT};
    const int64_t tokens[PRICE_CLASSES] = {input, 0, 0, 0, output};
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        report_say(&item, i, tokens[i]);
    report_say(&item, REPORT_REQUESTS, requests);
    return item;
}

/* What differs of some items and lines; `expected` is why, of each figure. */
static struct compare_sums compare_these(const struct report_item *items, size_t item_count,
                                         const struct ledger_line *lines, size_t line_count, uint64_t tolerance)
{
    const struct str upstream = STR("oa");
    const struct compare_settings settings = {
        .period_us = DAY_US, .upstreams = &upstream, .upstream_count = 1, .tolerance = tolerance};
    struct compare *compare = compare_new(&settings);
    struct compare_sums sums;
    struct error error;
    told_count = 0;
    for (size_t i = 0; i < item_count; i++) {
        compare_bucket(compare, items[i].from_us, items[i].to_us);
        assert_int_equal(compare_item(compare, &items[i], &error), OK);
    }
    for (size_t i = 0; i < line_count; i++)
        assert_int_equal(compare_line(compare, &lines[i], &error), OK);
    assert_int_equal(compare_all(compare, keep, NULL, &sums, &error), OK);
    assert_int_equal(sums.differences, told_count);
    compare_free(compare);
    return sums;
}

static void assert_all(enum compare_why why, size_t count)
{
    assert_int_equal(told_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(compare_why_names[told[i].why], compare_why_names[why]);
}

static void tells_equal(void **state)
{
    (void)state;
    struct ledger_line lines[] = {line_at(TODAY_US, 10, 5), line_at(TODAY_US + DAY_US - 1, 20, 5),
                                  line_at(TODAY_US + DAY_US, 9, 9), line_at(TODAY_US, 7, 7), line_at(TODAY_US, 10, 5)};
    const struct report_item item = item_at(TODAY_US, 30, 10, 2);
    lines[3].provider = STR("another"); /* and the third is of a day that the report does not cover */
    lines[4].attempts = 0;              /* an answer of the response cache */
    const struct compare_sums sums = compare_these(&item, 1, lines, 5, 0);
    assert_int_equal(told_count, 0);
    assert_int_equal(sums.lines, 2);
    assert_int_equal(sums.from_us, TODAY_US);
    assert_int_equal(sums.to_us, TODAY_US + DAY_US);
    assert_int_equal(sums.ours[REPORT_REQUESTS], 2);
    assert_false(sums.said & (1u << REPORT_COST));
}

static void tells_requests(void **state)
{
    (void)state;
    struct ledger_line line = line_at(TODAY_US, 10, 5);
    struct report_item item = item_at(TODAY_US, 20, 10, 2);
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_MISSING_LINES, 3);
    line.attempts = 2;
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_RETRIED, 3);
    compare_these(&item, 1, NULL, 0, 0);
    assert_all(WHY_MISSING_LINES, 3);
    item = item_at(TODAY_US, 4, 5, 0);
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_MISSING_REPORT, 2);
    item.model = STR("gpt-4.1");
    compare_these(&item, 1, &line, 1, 0);
    assert_int_equal(told_count, 5); /* ours without theirs, and theirs without ours */
    assert_int_equal(compare_these(&item, 1, &line, 1, 1000000).differences, 3); /* 100% of nothing is nothing */
}

static void tells_tokens(void **state)
{
    (void)state;
    struct ledger_line line = line_at(TODAY_US, 10, 5);
    struct report_item item = item_at(TODAY_US, 10, 6, 1);
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_UNKNOWN, 1);
    line.outcome = LEDGER_CANCELLED;
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_BROKEN_OFF, 1);
    line.usage_note = STR("odd");
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_ODD, 1);
    line.usage_note = STR("estimated");
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_ESTIMATED, 1);
    assert_int_equal(told[0].evidence.estimated, 1);
    assert_int_equal(compare_these(&item, 1, &line, 1, 170000).differences, 0); /* a sixth is less than 17% */
    item = item_at(TODAY_US, 8, 5, 1);
    item.values[PRICE_CACHE_READ] = 2;
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_CACHE_CLASS, 2);
    item = item_at(TODAY_US, 10, 5, 1);
    item.tier = TIER_FLEX;
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_TIER, 6);
}

/* Came before midnight, ended behind it. */
static void tells_edges(void **state)
{
    (void)state;
    const struct ledger_line lines[] = {line_at(TODAY_US + DAY_US - 1, 10, 5), line_at(TODAY_US + DAY_US, 100, 50)};
    const struct report_item items[] = {item_at(TODAY_US, 0, 0, 0), item_at(TODAY_US + DAY_US, 110, 55, 2)};
    compare_these(items, 2, lines, 2, 0);
    assert_all(WHY_EDGE, 6);
}

/* By the hour the lines lie where the report's hours have them, or beside. */
static void tells_hours(void **state)
{
    (void)state;
    const struct str upstream = STR("oa");
    const struct compare_settings settings = {.period_us = DAY_US / 24, .upstreams = &upstream, .upstream_count = 1,
                                              .from_us = TODAY_US, .to_us = TODAY_US + DAY_US / 2};
    struct report_item items[] = {item_at(TODAY_US, 10, 5, 1), item_at(TODAY_US + DAY_US / 24, 10, 5, 1),
                                  item_at(TODAY_US + DAY_US / 2, 10, 5, 1)}; /* the last is not asked for */
    const struct ledger_line lines[] = {line_at(TODAY_US, 10, 5), line_at(TODAY_US + DAY_US / 24 + 1, 10, 4)};
    struct compare *compare = compare_new(&settings);
    struct compare_sums sums;
    struct error error;
    told_count = 0;
    for (size_t i = 0; i < 3; i++) {
        items[i].to_us = items[i].from_us + DAY_US / 24;
        compare_bucket(compare, items[i].from_us, items[i].to_us);
        assert_int_equal(compare_item(compare, &items[i], &error), OK);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(compare_line(compare, &lines[i], &error), OK);
    assert_int_equal(compare_all(compare, keep, NULL, &sums, &error), OK);
    assert_int_equal(sums.items, 2);
    assert_int_equal(sums.to_us, TODAY_US + DAY_US / 2);
    assert_all(WHY_UNKNOWN, 1);
    assert_int_equal(told[0].period_us, TODAY_US + DAY_US / 24);
    assert_int_equal(told[0].measure, PRICE_OUTPUT);
    compare_free(compare);
}

static void tells_costs(void **state)
{
    (void)state;
    const struct ledger_line line = line_at(TODAY_US, 1000000, 1000);
    struct report_item item = item_at(TODAY_US, 1000000, 1000, 1);
    report_say_cost(&item, PRICE_INPUT, 3000000000, 0);
    report_say_cost(&item, PRICE_OUTPUT, 8000000, 0);
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_PRICE, 2); /* in all, and of the input */
    assert_int_equal(told[1].measure, REPORT_CLASS_COST + PRICE_INPUT);
    assert_int_equal(told[1].our_rate, 2000000000);
    assert_int_equal(told[1].their_rate, 3000000000);
    item.rounding = 1000000000; /* of a dollar, a tenth of a cent */
    compare_these(&item, 1, &line, 1, 0);
    assert_int_equal(told_count, 0);
    item.rounding = 0;
    item.values[PRICE_OUTPUT]++;
    compare_these(&item, 1, &line, 1, 0);
    assert_int_equal(told_count, 3);
    assert_int_equal(told[1].why, WHY_TOKENS);
    item.said &= ~((1u << REPORT_COST) - 1);
    compare_these(&item, 1, &line, 1, 0);
    assert_all(WHY_NO_TOKENS, 1); /* of classes nothing more is told */
    item.model = STR("");
    compare_these(&item, 1, &line, 1, 0);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[0].why, WHY_NO_MODEL);
    assert_int_equal(told[0].theirs, 3008000000);
    assert_int_equal(told[1].why, WHY_MISSING_REPORT);
}

static void is_bounded(void **state)
{
    (void)state;
    const struct compare_settings settings = {.period_us = DAY_US / 24};
    struct compare *compare = compare_new(&settings);
    struct report_item item = item_at(TODAY_US, 1, 1, 1);
    struct error error;
    char name[32];
    assert_int_equal(compare_item(compare, &item, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "longer than an hour"));
    item.to_us = item.from_us;
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i <= LIMIT_RECONCILE_MODELS; i++) {
        (void)snprintf(name, sizeof(name), "model-%zu", i);
        item.model = str_of(name);
        code = compare_item(compare, &item, &error);
    }
    assert_int_equal(code, ERROR_TOO_LARGE);
    compare_free(compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_openai), cmocka_unit_test(reads_openai_costs), cmocka_unit_test(reads_anthropic),
        cmocka_unit_test(reads_bills),  cmocka_unit_test(refuses),            cmocka_unit_test(reads_files),
        cmocka_unit_test(knows_names),  cmocka_unit_test(reads_numbers),      cmocka_unit_test(tells_equal),
        cmocka_unit_test(tells_requests), cmocka_unit_test(tells_tokens),     cmocka_unit_test(tells_edges),
        cmocka_unit_test(tells_hours),  cmocka_unit_test(tells_costs),  cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, test_root_make, test_root_remove);
}
