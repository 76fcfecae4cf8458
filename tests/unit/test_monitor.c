/* test_monitor.c - points of metrics against sums made by hand: out of the ledger's lines, whatever dies in between,
 * and out of what clients put; who sees what; what becomes coarse and what goes. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/sections.h"
#include "core/config.h"
#include "core/limits.h"
#include "core/util.h"
#include "ledger/ledger_db.h"
#include "monitor/cell.h"
#include "monitor/kinds.h"
#include "monitor/monitor.h"
#include "monitor/series.h"

#define LINES 3000
#define DAY_S 86400

static struct config config;
static struct price_book *book;
static struct arena arena;
static uint64_t now_s;

static int load(void **state)
{
    struct error error;
    arena_init(&arena, 0);
    now_s = clock_wall_us() / 1000000;
    return test_root_make(state) || config_parse(STR(""), NULL, program_sections, &config, &error) ||
           price_book_load(&config, &book, &error);
}

static int unload(void **state)
{
    arena_deinit(&arena);
    price_book_free(book);
    config_deinit(&config);
    return test_root_remove(state);
}

/* --- sketches and cells ----------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    const double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void percentiles_are_near(void **state)
{
    (void)state;
    static const double percents[] = {1, 10, 50, 90, 99, 99.9};
    static double values[5000];
    struct rng rng;
    rng_seed(&rng, 11);
    for (int kind = 0; kind < 3; kind++) {
        struct sketch halves[2] = {0};
        for (size_t i = 0; i < 5000; i++) {
            const double unit = rng_unit(&rng);
            values[i] = kind == 0 ? exp(unit * 12) : kind == 1 ? unit * 1000 - 300 : (double)rng_below(&rng, 5);
            assert_true(sketch_add(&halves[i % 2], sketch_key(values[i], false), 1, NULL));
        }
        assert_true(sketch_merge(&halves[0], &halves[1], NULL));
        qsort(values, 5000, sizeof(values[0]), compare_doubles);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
            const double expected = values[(size_t)ceil(percents[i] / 100 * 5000) - 1];
            const double got = sketch_percentile(&halves[0], percents[i]);
            if (fabs(got - expected) > 0.021 * fabs(expected))
                fail_msg("kind %d, p%g: %g, expected %g", kind, percents[i], got, expected);
        }
        sketch_deinit(&halves[0]);
        sketch_deinit(&halves[1]);
    }
}

static void sketches_are_bounded(void **state)
{
    (void)state;
    struct sketch sketch = {0};
    double value = 1e-200;
    for (int i = 0; i < 20000; i++, value *= 1.05)
        assert_true(sketch_add(&sketch, sketch_key(value, false), 1, NULL));
    assert_true(sketch.count <= LIMIT_MONITOR_SKETCH);
    assert_true(fabs(sketch_percentile(&sketch, 100) / (value / 1.05) - 1) < 0.03); /* the largest stay apart */
    assert_true(sketch_key(0, false) == 0 && sketch_value(0, false) == 0);
    assert_true(sketch_key(-5, false) < sketch_key(-4, false) && sketch_key(-1, false) < 0);
    assert_true(sketch_key(5e-324, false) > 0 && sketch_key(1e308, false) > 0);
    sketch_deinit(&sketch);
}

static void assert_cell(const struct cell *a, const struct cell *b)
{
    assert_true(a->count == b->count && a->sum == b->sum && a->min == b->min && a->max == b->max);
    assert_int_equal(a->is_unknown, b->is_unknown);
    assert_int_equal(a->sketch.count, b->sketch.count);
    assert_int_equal(a->sketch.is_coarse, b->sketch.is_coarse);
    for (uint32_t i = 0; i < a->sketch.count; i++) {
        assert_int_equal(a->sketch.items[i].key, b->sketch.items[i].key);
        assert_int_equal(a->sketch.items[i].count, b->sketch.items[i].count);
    }
}

static void cells_come_back(void **state)
{
    (void)state;
    struct cell cells[6] = {0}, again[6] = {0}, one = {0};
    struct buf row;
    assert_true(cell_add(&cells[0], 7, 1, SKETCH_FINE, &arena));
    assert_true(cell_add(&cells[1], 3, 2, SKETCH_FINE, &arena) && cell_add(&cells[1], -0.5, 1, SKETCH_FINE, &arena));
    assert_true(cell_add(&cells[2], 9007199254740993.0, 1, SKETCH_FINE, &arena));
    assert_true(cell_add(&cells[2], 0, 1, SKETCH_FINE, &arena));
    assert_true(cell_add(&cells[3], 40, 3, SKETCH_COARSE, &arena) && cell_add(&cells[3], 9, 1, SKETCH_COARSE, &arena));
    assert_true(cell_add(&cells[4], 1, 1, SKETCH_NONE, &arena) && cell_add(&cells[4], 2, 1, SKETCH_NONE, &arena));
    assert_true(cell_add(&cells[5], 700, 2, SKETCH_COARSE, &arena));
    buf_init(&row, CELL_ROW_MAX);
    cells_pack(&row, cells, 6);
    assert_true(cells_unpack(buf_str(&row), again, 6, &arena));
    for (size_t i = 0; i < 6; i++)
        assert_cell(&again[i], &cells[i]);
    assert_true(cells_unpack_one(buf_str(&row), 1, true, &one, &arena));
    assert_cell(&one, &cells[1]);
    assert_true(cells_unpack(buf_str(&row), again, 6, &arena)); /* once more: they add up */
    assert_true(again[1].count == 6 && again[1].sum == 11 && again[1].min == -0.5 && again[1].max == 3);
    for (size_t len = 0; len < row.len; len++) { /* cut anywhere, and with any byte changed, it is refused or read */
        struct cell cut[6] = {0};
        (void)cells_unpack(str_slice(buf_str(&row), 0, len), cut, 6, &arena);
        for (int bit = 0; bit < 8; bit++) {
            struct cell changed[6] = {0};
            row.data[len] = (char)(row.data[len] ^ 1 << bit);
            (void)cells_unpack(buf_str(&row), changed, 6, &arena);
            row.data[len] = (char)(row.data[len] ^ 1 << bit);
        }
    }
    buf_deinit(&row);
}

/* --- lines ------------------------------------------------------------------------------------------ */

static struct ledger_line lines[LINES];
static char ids[LINES][UUID_LEN + 1];
static const char *const tenants[] = {"acme", "globex"};
static const char *const models[] = {"anthropic.claude-3", "amazon.nova",
                                     "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova"};

/* In the last three hours, whole minutes before now. */
static void make_lines(uint64_t seed, uint64_t age_s)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "%08x-0000-4000-8000-%012zu", (unsigned)seed, i);
        const uint64_t read = rng_below(&rng, 2) * 500, cost = rng_below(&rng, 1000000);
        lines[i] = (struct ledger_line){
            .request_id = str_of(ids[i]), .tenant = str_of(tenants[rng_below(&rng, 2)]), .dialect = STR("bedrock"),
            .operation = rng_below(&rng, 2) ? STR("Converse") : STR("ConverseStream"),
            .model_requested = str_of(models[rng_below(&rng, 3)]), .model_invoked = STR("small"), .price = STR("p"),
            .baseline_price = STR("p"), .miss_reason = read ? STR("") : STR("expired"),
            .router = rng_below(&rng, 3) ? STR("") : STR("auto"), .provider = STR(LEDGER_PROVIDER_ENGINE),
            .attempts = 1, .time_us = (now_s - age_s - rng_below(&rng, 10800)) * 1000000,
            .tier = (enum tier)rng_below(&rng, TIERS), .outcome = (enum ledger_outcome)rng_below(&rng, LEDGER_OUTCOMES),
            .usage = {{rng_below(&rng, 100), read, rng_below(&rng, 9), 3, rng_below(&rng, 40)}},
            .latency_us = 1000 + rng_below(&rng, 5000000), .router_score = LEDGER_ABSENT,
            .first_token_us = rng_below(&rng, 2) ? rng_below(&rng, 100000) : LEDGER_NO_TOKEN,
            .quote = {.cost = cost, .baseline = cost + 500, .saved = {300, 0, 250, -50}},
        };
    }
}

static void insert_lines(size_t from, size_t end)
{
    char path[256];
    struct ledger_db *db;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, test_root);
    assert_int_equal(ledger_db_open(path, book, &db, &error), OK);
    assert_int_equal(ledger_db_begin(db, &error), OK);
    for (size_t i = from; i < end; i++)
        assert_int_equal(ledger_db_insert(db, &lines[i], &error), OK);
    assert_int_equal(ledger_db_commit(db, &error), OK);
    ledger_db_close(db);
}

static struct monitor *open_monitor(void)
{
    const struct monitor_options options = {.data = test_root, .keep_days = {15, 63, 455}};
    struct monitor *monitor;
    struct error error = {0};
    if (monitor_open(&options, &monitor, &error) != OK)
        fail_msg("%s", error.message);
    return monitor;
}

static void settle(struct monitor *monitor)
{
    struct error error = {0};
    if (monitor_settle(monitor, &error) != OK)
        fail_msg("%s", error.message);
}

/* --- points ----------------------------------------------------------------------------------------- */

static struct monitor_metric metric(const char *tenant, const char *namespace, const char *name,
                                    const struct monitor_dimension *dimensions, size_t count)
{
    return (struct monitor_metric){.tenant = str_of(tenant), .namespace = str_of(namespace), .name = str_of(name),
                                   .dimensions = dimensions, .dimension_count = count};
}

static struct monitor_points read_points(struct monitor *monitor, const struct monitor_metric *which, const char *stat,
                                         uint64_t from_s, uint64_t to_s, uint32_t period_s)
{
    struct monitor_stat parsed;
    struct monitor_points points;
    struct error error = {0};
    const struct monitor_range range = {from_s, to_s, period_s, 0};
    assert_true(monitor_stat_parse(str_of(stat), &parsed));
    if (monitor_read(monitor, which, &parsed, &range, &arena, &points, &error) != OK)
        fail_msg("%s", error.message);
    return points;
}

static double read_sum(struct monitor *monitor, const struct monitor_metric *which, uint64_t age_s)
{
    double sum = 0;
    const struct monitor_points points = read_points(monitor, which, "Sum", now_s - age_s, now_s + 60, 60);
    for (size_t i = 0; i < points.count; i++)
        sum += points.values[i];
    return sum;
}

static uint64_t written(const struct ledger_line *line)
{
    return line->usage.tokens[PRICE_CACHE_WRITE_5M] + line->usage.tokens[PRICE_CACHE_WRITE_1H];
}

/* Each minute's sum of input tokens, by hand. */
static void assert_minutes(struct monitor *monitor, const char *tenant, const char *model, uint32_t period_s,
                           size_t count)
{
    const struct monitor_dimension dimension = {STR("ModelId"), str_of(model)};
    const struct monitor_metric which = metric(tenant, "AWS/Bedrock", "InputTokenCount", &dimension, model ? 1 : 0);
    const struct monitor_points points = read_points(monitor, &which, "Sum", now_s - 14400, now_s + 60, period_s);
    double total = 0, expected_total = 0;
    for (size_t n = 0; n < points.count; n++) {
        double expected = 0;
        assert_true(points.times_s[n] % period_s == 0);
        for (size_t i = 0; i < count; i++)
            if (str_eq(lines[i].tenant, str_of(tenant)) &&
                lines[i].time_us / 1000000 / period_s * period_s == points.times_s[n] &&
                (!model || str_eq(kinds_model_id(lines[i].model_requested), str_of(model))))
                expected += (double)lines[i].usage.tokens[PRICE_INPUT];
        assert_true(points.values[n] == expected);
        total += expected;
    }
    for (size_t i = 0; i < count; i++)
        if (str_eq(lines[i].tenant, str_of(tenant)) &&
            (!model || str_eq(kinds_model_id(lines[i].model_requested), str_of(model))))
            expected_total += (double)lines[i].usage.tokens[PRICE_INPUT];
    assert_true(total == expected_total);
}

static double by_hand(const char *tenant, double (*of)(const struct ledger_line *line), size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += str_eq(lines[i].tenant, str_of(tenant)) ? of(&lines[i]) : 0;
    return sum;
}

static double one(const struct ledger_line *line) { return line ? 1 : 0; }
static double failed(const struct ledger_line *line) { return line->outcome == LEDGER_FAILED; }
static double output(const struct ledger_line *line) { return (double)line->usage.tokens[PRICE_OUTPUT]; }
static double cache_read(const struct ledger_line *line) { return (double)line->usage.tokens[PRICE_CACHE_READ]; }
static double cache_written(const struct ledger_line *line) { return (double)written(line); }
static double misses(const struct ledger_line *line) { return line->miss_reason.len > 0; }
static double routed(const struct ledger_line *line) { return line->router.len > 0; }
static double cost(const struct ledger_line *line) { return (double)line->quote.cost / 1e12; }

static void assert_all_sums(struct monitor *monitor, size_t count)
{
    static const struct {
        const char *namespace, *name;
        double (*of)(const struct ledger_line *line);
    } rows[] = {
        {"AWS/Bedrock", "Invocations", one},
        {"AWS/Bedrock", "InvocationServerErrors", failed},
        {"AWS/Bedrock", "OutputTokenCount", output},
        {"AWS/Bedrock", "CacheReadInputTokenCount", cache_read},
        {"AWS/Bedrock", "CacheWriteInputTokenCount", cache_written},
        {"Fulcrum", "CacheMisses", misses},
        {"Fulcrum", "CachedPromptTokens", cache_read},
    };
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const struct monitor_metric which = metric(tenants[t], rows[i].namespace, rows[i].name, NULL, 0);
            const double expected = by_hand(tenants[t], rows[i].of, count), got = read_sum(monitor, &which, 14400);
            if (got != expected)
                fail_msg("%s of %s: %.17g, expected %.17g", rows[i].name, tenants[t], got, expected);
        }
        const struct monitor_dimension router = {STR("Router"), STR("auto")};
        const struct monitor_metric by_router = metric(tenants[t], "Fulcrum", "RoutedInvocations", &router, 1);
        assert_true(read_sum(monitor, &by_router, 14400) == by_hand(tenants[t], routed, count));
        const struct monitor_metric money = metric(tenants[t], "Fulcrum", "Cost", NULL, 0);
        assert_true(fabs(read_sum(monitor, &money, 14400) - by_hand(tenants[t], cost, count)) < 1e-9);
        const struct monitor_dimension lever = {STR("Lever"), STR("tier")};
        const struct monitor_metric savings = metric(tenants[t], "Fulcrum", "Savings", &lever, 1);
        assert_true(fabs(read_sum(monitor, &savings, 14400) + 50e-12 * by_hand(tenants[t], one, count)) < 1e-15);
    }
}

static void sums_are_the_ledgers(void **state)
{
    (void)state;
    make_lines(1, 0);
    insert_lines(0, 1000);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    assert_all_sums(monitor, 1000);
    insert_lines(1000, 2000);
    monitor_close(monitor); /* takes what there is... */
    insert_lines(2000, LINES);
    monitor = open_monitor(); /* ...and the next one the rest, none twice */
    settle(monitor);
    settle(monitor);
    assert_all_sums(monitor, LINES);
    for (size_t t = 0; t < 2; t++) {
        assert_minutes(monitor, tenants[t], NULL, 60, LINES);
        assert_minutes(monitor, tenants[t], "amazon.nova", 60, LINES);
        assert_minutes(monitor, tenants[t], "amazon.nova", 300, LINES);
        assert_minutes(monitor, tenants[t], NULL, 420, LINES);
        assert_minutes(monitor, tenants[t], NULL, 3600, LINES);
    }
    monitor_close(monitor);
}

static void dimensions_match_exactly(void **state)
{
    (void)state;
    make_lines(2, 0);
    insert_lines(0, LINES);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    const struct monitor_dimension full[] = {
        {STR("ResolvedServiceTier"), STR("flex")},
        {STR("ModelId"), STR("amazon.nova")},
        {STR("ServiceTier"), STR("flex")},
    };
    const struct monitor_dimension wrong[] = {{STR("ModelId"), STR("amazon.nova")}, {STR("Region"), STR("x")}};
    double expected = 0;
    for (size_t i = 0; i < LINES; i++)
        expected += str_eq(lines[i].tenant, STR("acme")) && lines[i].tier == TIER_FLEX &&
                    str_eq(kinds_model_id(lines[i].model_requested), STR("amazon.nova"));
    struct monitor_metric which = metric("acme", "AWS/Bedrock", "Invocations", full, 3);
    assert_true(expected > 0 && read_sum(monitor, &which, 14400) == expected);
    which.unit = STR("Count");
    assert_true(read_sum(monitor, &which, 14400) == expected);
    which.unit = STR("Seconds");
    assert_true(read_sum(monitor, &which, 14400) == 0);
    which = metric("acme", "AWS/Bedrock", "Invocations", full, 2); /* no such set */
    assert_true(read_sum(monitor, &which, 14400) == 0);
    which = metric("acme", "AWS/Bedrock", "Invocations", wrong, 2);
    assert_true(read_sum(monitor, &which, 14400) == 0);
    which = metric("nobody", "AWS/Bedrock", "Invocations", NULL, 0);
    assert_true(read_sum(monitor, &which, 14400) == 0);
    which = metric("acme", "AWS/Other", "Invocations", NULL, 0);
    assert_true(read_sum(monitor, &which, 14400) == 0);
    monitor_close(monitor);
}

static void latency_has_percentiles(void **state)
{
    (void)state;
    static double values[LINES];
    size_t count = 0;
    make_lines(3, 0);
    insert_lines(0, LINES);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    for (size_t i = 0; i < LINES; i++)
        if (str_eq(lines[i].tenant, STR("acme")) && lines[i].outcome == LEDGER_COMPLETED)
            values[count++] = (double)((lines[i].latency_us + 50) / 100) / 10; /* as exact as they are kept */
    qsort(values, count, sizeof(values[0]), compare_doubles);
    const struct monitor_metric which = metric("acme", "AWS/Bedrock", "InvocationLatency", NULL, 0);
    const struct monitor_points p99 = read_points(monitor, &which, "p99", now_s - 14400, now_s + 60, 86400);
    const struct monitor_points most = read_points(monitor, &which, "Maximum", now_s - 14400, now_s + 60, 86400);
    const double expected = values[(size_t)ceil(0.99 * (double)count) - 1];
    double highest = 0;
    for (size_t i = 0; i < most.count; i++)
        highest = most.values[i] > highest ? most.values[i] : highest;
    assert_true(highest == values[count - 1]);
    if (p99.count == 1) /* all on one day */
        assert_true(fabs(p99.values[0] - expected) < 0.021 * expected);
    for (size_t i = 0; i < p99.count; i++)
        assert_true(p99.values[i] <= most.values[i]);
    monitor_close(monitor);
}

/* By the hour, within 4 percent; a shorter period has none. */
static void tokens_have_percentiles(void **state)
{
    (void)state;
    static double values[LINES];
    size_t count = 0;
    make_lines(3, 0);
    insert_lines(0, LINES);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    for (size_t i = 0; i < LINES; i++)
        if (str_eq(lines[i].tenant, STR("acme")))
            values[count++] = (double)lines[i].usage.tokens[PRICE_INPUT];
    qsort(values, count, sizeof(values[0]), compare_doubles);
    const struct monitor_metric which = metric("acme", "AWS/Bedrock", "InputTokenCount", NULL, 0);
    assert_int_equal(monitor_percentile_period(&which), 3600);
    const struct monitor_points p90 = read_points(monitor, &which, "p90", now_s - 14400, now_s + 60, 86400);
    const double expected = values[(size_t)ceil(0.9 * (double)count) - 1];
    if (p90.count == 1) /* all on one day */
        assert_true(fabs(p90.values[0] - expected) <= 0.041 * expected);
    const struct monitor_points hours = read_points(monitor, &which, "p90", now_s - 14400, now_s + 60, 3600);
    const struct monitor_points all = read_points(monitor, &which, "Sum", now_s - 14400, now_s + 60, 3600);
    assert_true(hours.count > 0 && hours.count == all.count);
    const struct monitor_points minutes = read_points(monitor, &which, "p90", now_s - 14400, now_s + 60, 300);
    const struct monitor_points sums = read_points(monitor, &which, "Sum", now_s - 14400, now_s + 60, 300);
    assert_true(minutes.count < sums.count);
    monitor_close(monitor);
}

/* Rows of before this width was kept. */
static void widths_do_not_mix(void **state)
{
    (void)state;
    struct cell fine = {0}, coarse = {0};
    assert_true(cell_add(&fine, 7, 2, SKETCH_FINE, &arena) && cell_add(&coarse, 9, 1, SKETCH_COARSE, &arena));
    assert_true(cell_merge(&fine, &coarse, &arena));
    assert_true(fine.is_unknown && fine.count == 3 && fine.sum == 23 && fine.min == 7 && fine.max == 9);
    struct cell none = {0};
    assert_true(cell_merge(&none, &coarse, &arena) && none.sketch.is_coarse && !none.is_unknown);
    cell_forget_sketch(&none);
    assert_true(none.is_unknown && none.sketch.count == 0 && none.sum == 9);
}

/* --- faults ----------------------------------------------------------------------------------------- */

static void a_step_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct error error;
    make_lines(4, 0);
    insert_lines(0, 1);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    insert_lines(1, 300);
    size_t failures = 0;
    for (uint64_t n = 1; n < 4000; n = n < 40 ? n + 1 : n * 5 / 4) { /* the n-th allocation fails */
        mem_fail_at(n);
        failures += monitor_settle(monitor, &error) != OK;
        mem_fail_at(0);
    }
    assert_true(failures > 3);
    settle(monitor);
    assert_all_sums(monitor, 300);
    monitor_close(monitor);
}

static void another_ledger_begins_anew(void **state)
{
    (void)state;
    char path[256], old[264];
    make_lines(5, 0);
    insert_lines(0, 500);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    monitor_close(monitor);
    (void)snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, test_root);
    (void)snprintf(old, sizeof(old), "%s.old", path);
    assert_int_equal(rename(path, old), 0);
    insert_lines(500, 1500); /* its first thousand lines */
    monitor = open_monitor();
    settle(monitor);
    assert_all_sums(monitor, 1500);
    monitor_close(monitor);
}

static void a_damaged_file_is_made_again(void **state)
{
    (void)state;
    char path[256];
    make_lines(6, 0);
    insert_lines(0, 700);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    monitor_close(monitor);
    (void)snprintf(path, sizeof(path), "%s/" SERIES_DB_FILE, test_root);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++)
        assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    monitor = open_monitor();
    settle(monitor);
    assert_all_sums(monitor, 700);
    monitor_close(monitor);
    (void)snprintf(path, sizeof(path), "%s/" SERIES_DB_FILE ".damaged", test_root);
    assert_int_equal(access(path, F_OK), 0);
}

/* --- keeping ---------------------------------------------------------------------------------------- */

static void old_points_are_coarse(void **state)
{
    (void)state;
    static const struct {
        uint64_t age_s;
        uint32_t period_s;
    } rows[] = {{DAY_S, 60}, {20 * DAY_S, 300}, {100 * DAY_S, 3600}};
    const struct monitor_metric which = metric("acme", "AWS/Bedrock", "Invocations", NULL, 0);
    double expected = 0;
    for (size_t i = 0; i < 3; i++) {
        make_lines(7 + i, rows[i].age_s);
        insert_lines(0, LINES);
        expected += by_hand("acme", one, LINES);
    }
    make_lines(99, 460 * DAY_S); /* past all */
    insert_lines(0, 100);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    for (size_t i = 0; i < 3; i++) {
        const uint64_t from_s = now_s - rows[i].age_s - 10800;
        const struct monitor_points points = read_points(monitor, &which, "Sum", from_s, from_s + 14400, 60);
        assert_int_equal(points.period_s, rows[i].period_s);
        assert_true(points.count > 0);
    }
    struct monitor_points all = read_points(monitor, &which, "Sum", 0, now_s, 60);
    double sum = 0;
    for (size_t i = 0; i < all.count; i++)
        sum += all.values[i];
    assert_true(sum == expected && all.period_s == 3600);
    monitor_close(monitor);
}

static void what_is_past_its_keeping_goes(void **state)
{
    (void)state;
    char path[256];
    struct series_db *db;
    struct error error;
    bool is_done = false;
    int64_t id;
    const uint64_t keep_s[SERIES_GRAINS] = {600, 3600, 7200};
    const struct series_key old = {.tenant = STR("a"), .kind = KIND_BEDROCK, .fields = {STR("m")}};
    const struct series_key fresh = {.tenant = STR("a"), .kind = KIND_BEDROCK, .fields = {STR("n")}};
    struct cell cells[KIND_METRICS_MAX] = {{.count = 1, .sum = 1, .min = 1, .max = 1}};
    (void)snprintf(path, sizeof(path), "%s/" SERIES_DB_FILE, test_root);
    assert_int_equal(series_db_open(path, true, keep_s, &db, &error), OK);
    assert_int_equal(series_db_begin(db, &error), OK);
    assert_int_equal(series_db_find(db, &old, 1, &id, &error), OK);
    assert_int_equal(series_db_add(db, id, now_s / 60, cells, 10, now_s, &error), OK);
    assert_int_equal(series_db_find(db, &fresh, 1, &id, &error), OK);
    assert_int_equal(series_db_add(db, id, now_s / 60 + 100, cells, 10, now_s, &error), OK);
    assert_int_equal(series_db_commit(db, &error), OK);
    for (int i = 0; i < 10 && !is_done; i++)
        assert_int_equal(series_db_tend(db, now_s + 12000, &is_done, &error), OK);
    assert_true(is_done);
    assert_int_equal(series_db_begin(db, &error), OK);
    int64_t again, other;
    assert_int_equal(series_db_find(db, &fresh, 1, &again, &error), OK);
    assert_int_equal(again, id);
    assert_int_equal(series_db_find(db, &old, 1, &other, &error), OK); /* made anew */
    assert_true(other != id);
    series_db_rollback(db);
    series_db_close(db);
}

static enum error_code add_up(void *ctx, uint64_t bucket_s, struct str row, struct error *error)
{
    double *sums = ctx; /* of an hour each */
    struct cell cell = {0};
    (void)error;
    assert_true(cells_unpack_one(row, 0, true, &cell, &arena));
    sums[(bucket_s - (now_s / 3600 - 40) * 3600) / 3600] += cell.sum;
    return OK;
}

static void assert_hours(struct series_db *db, int64_t id, const double *expected)
{
    for (int grain = 0; grain < SERIES_GRAINS; grain++) {
        double sums[42] = {0};
        struct error error = {0};
        const uint64_t from_s = (now_s / 3600 - 40) * 3600;
        assert_int_equal(series_db_cells(db, (enum series_grain)grain, id, from_s, from_s + 42 * 3600, add_up, sums,
                                         &error), OK);
        for (int hour = 0; hour < 42; hour++)
            assert_true(sums[hour] == expected[hour]);
    }
}

static void add_sample(struct series_db *db, int64_t id, uint64_t minute, double *expected)
{
    struct cell cell = {0};
    struct error error;
    assert_true(cell_add(&cell, (double)(minute % 7) + 0.5, 1, SKETCH_FINE, &arena));
    assert_int_equal(series_db_begin(db, &error), OK);
    assert_int_equal(series_db_add(db, id, minute, &cell, 1, now_s, &error), OK);
    assert_int_equal(series_db_commit(db, &error), OK);
    expected[minute / 60 - (now_s / 3600 - 40)] += cell.sum;
}

/* Whatever is packed, and when: sums stay, also with samples that come late. */
static void sealed_points_stay(void **state)
{
    (void)state;
    static const uint64_t keep_s[SERIES_GRAINS] = {15 * DAY_S, 63 * DAY_S, UINT64_C(455) * DAY_S};
    const struct series_key key = {.tenant = STR("a"), .kind = KIND_OWN, .fields = {STR("n"), STR("m"), STR("[]")}};
    char path[256];
    struct series_db *db;
    struct error error;
    int64_t id;
    double expected[42] = {0};
    struct rng rng;
    rng_seed(&rng, 41);
    (void)snprintf(path, sizeof(path), "%s/" SERIES_DB_FILE, test_root);
    assert_int_equal(series_db_open(path, true, keep_s, &db, &error), OK);
    assert_int_equal(series_db_begin(db, &error), OK);
    assert_int_equal(series_db_find(db, &key, 1, &id, &error), OK);
    assert_int_equal(series_db_commit(db, &error), OK);
    for (uint64_t round = 0; round < 12; round++) { /* the clock goes on from one to the next, by up to eight days */
        for (int i = 0; i < 40; i++)
            add_sample(db, id, (now_s / 3600 - 40) * 60 + rng_below(&rng, 40 * 60), expected);
        assert_hours(db, id, expected);
        bool is_done = false;
        while (!is_done)
            assert_int_equal(series_db_tend(db, now_s + round * round * 5000, &is_done, &error), OK);
        assert_hours(db, id, expected);
    }
    series_db_close(db);
}

/* --- clients' own ----------------------------------------------------------------------------------- */

static enum error_code put(struct monitor *monitor, const struct monitor_metric *which, const double *values,
                           const double *counts, size_t count, struct error *error)
{
    const struct monitor_sample sample = {.metric = *which, .time_s = now_s, .values = values, .counts = counts,
                                          .count = count};
    return monitor_put(monitor, &sample, 1, error);
}

static double stat_of(struct monitor *monitor, const struct monitor_metric *which, const char *stat)
{
    const struct monitor_points points = read_points(monitor, which, stat, now_s / 60 * 60, now_s + 60, 60);
    return points.count == 1 ? points.values[0] : (double)NAN;
}

static void clients_put_their_own(void **state)
{
    (void)state;
    struct error error = {0};
    insert_lines(0, 0);
    struct monitor *monitor = open_monitor();
    const struct monitor_dimension forward[] = {{STR("b"), STR("2")}, {STR("a"), STR("1 \"x\"")}};
    const struct monitor_dimension backward[] = {{STR("a"), STR("1 \"x\"")}, {STR("b"), STR("2")}};
    struct monitor_metric which = metric("acme", "Shop", "Carts", forward, 2);
    which.unit = STR("Count");
    const double values[] = {1, 2, 100, -4.5}, counts[] = {10, 5, 1, 4};
    assert_int_equal(put(monitor, &which, values, counts, 4, &error), OK);
    assert_int_equal(put(monitor, &which, values, NULL, 2, &error), OK);
    which.dimensions = backward; /* the same set */
    which.unit = (struct str){NULL, 0};
    assert_true(stat_of(monitor, &which, "SampleCount") == 22 && stat_of(monitor, &which, "Sum") == 105);
    assert_true(stat_of(monitor, &which, "Minimum") == -4.5 && stat_of(monitor, &which, "Maximum") == 100);
    assert_true(fabs(stat_of(monitor, &which, "p50") - 1) < 0.02 && stat_of(monitor, &which, "p100") == 100);
    assert_true(fabs(stat_of(monitor, &which, "Average") - 105.0 / 22) < 1e-12);
    which.tenant = STR("globex");
    assert_true(isnan(stat_of(monitor, &which, "Sum")));

    /* a set of many: no percentiles, unless all are one value */
    struct monitor_sample set = {.metric = metric("acme", "Shop", "Set", NULL, 0), .time_s = now_s, .is_set = true,
                                 .set_count = 4, .set_sum = 10, .set_min = 1, .set_max = 4};
    set.metric.unit = STR("None");
    assert_int_equal(monitor_put(monitor, &set, 1, &error), OK);
    assert_true(stat_of(monitor, &set.metric, "Average") == 2.5 && isnan(stat_of(monitor, &set.metric, "p50")));
    set.metric.name = STR("Flat");
    set.set_min = set.set_max = 2.5;
    assert_int_equal(monitor_put(monitor, &set, 1, &error), OK);
    assert_true(stat_of(monitor, &set.metric, "p50") == 2.5);
    monitor_close(monitor);
}

static void series_are_bounded(void **state)
{
    (void)state;
    struct error error = {0};
    char name[32];
    const double value = 1;
    insert_lines(0, 0);
    struct monitor *monitor = open_monitor();
    const uint64_t before = limits_in_force.monitor_series;
    limits_in_force.monitor_series = 5;
    for (int i = 0; i < 7; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        const struct monitor_metric which = metric("acme", "Shop", name, NULL, 0);
        assert_int_equal(put(monitor, &which, &value, NULL, 1, &error), i < 5 ? OK : ERROR_QUOTA);
    }
    assert_non_null(strstr(error.message, "monitor_series"));
    const struct monitor_metric known = metric("acme", "Shop", "m0", NULL, 0);
    assert_int_equal(put(monitor, &known, &value, NULL, 1, &error), OK);
    assert_true(stat_of(monitor, &known, "Sum") == 2);
    monitor_close(monitor);

    /* models past the limit count under no dimension all the same */
    limits_in_force.monitor_series = 2;
    make_lines(20, 0);
    insert_lines(0, 400);
    monitor = open_monitor();
    settle(monitor);
    const struct monitor_metric all = metric("acme", "AWS/Bedrock", "Invocations", NULL, 0);
    assert_true(read_sum(monitor, &all, 14400) == by_hand("acme", one, 400));
    limits_in_force.monitor_series = before;
    monitor_close(monitor);
}

/* --- requests without a line ------------------------------------------------------------------------ */

static void refusals_are_counted(void **state)
{
    (void)state;
    insert_lines(0, 0);
    struct monitor *monitor = open_monitor();
    for (int i = 0; i < 5; i++)
        monitor_refused(monitor, STR("acme"), STR("arn:aws:bedrock:us-east-1::foundation-model/m"), MONITOR_THROTTLE);
    monitor_refused(monitor, STR("acme"), STR("m"), MONITOR_CLIENT_ERROR);
    monitor_refused(monitor, STR("acme"), STR(""), MONITOR_CLIENT_ERROR);
    monitor_refused(monitor, STR("globex"), STR("m"), MONITOR_SERVER_ERROR);
    settle(monitor);
    const struct monitor_dimension model = {STR("ModelId"), STR("m")};
    struct monitor_metric which = metric("acme", "AWS/Bedrock", "InvocationThrottles", &model, 1);
    assert_true(read_sum(monitor, &which, 3600) == 5);
    which = metric("acme", "AWS/Bedrock", "InvocationClientErrors", &model, 1);
    assert_true(read_sum(monitor, &which, 3600) == 1);
    which = metric("acme", "AWS/Bedrock", "InvocationClientErrors", NULL, 0);
    assert_true(read_sum(monitor, &which, 3600) == 2);
    which = metric("acme", "AWS/Bedrock", "Invocations", NULL, 0);
    assert_true(read_sum(monitor, &which, 3600) == 0);
    monitor_close(monitor);
}

/* --- lists ------------------------------------------------------------------------------------------ */

struct listed {
    size_t count;
    char last[512];
};

static enum error_code list_one(void *ctx, const struct monitor_metric *which, struct error *error)
{
    struct listed *listed = ctx;
    char text[512];
    int len = snprintf(text, sizeof(text), STR_FMT "|" STR_FMT, STR_ARG(which->namespace), STR_ARG(which->name));
    for (size_t i = 0; i < which->dimension_count; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "|" STR_FMT "=" STR_FMT,
                        STR_ARG(which->dimensions[i].name), STR_ARG(which->dimensions[i].value));
    (void)error;
    assert_true(strcmp(listed->last, text) != 0); /* each once */
    (void)snprintf(listed->last, sizeof(listed->last), "%s", text);
    listed->count++;
    return OK;
}

static size_t list_count(struct monitor *monitor, const struct monitor_filter *filter, char last[512])
{
    struct listed listed = {0};
    struct error error = {0};
    if (monitor_list(monitor, filter, list_one, &listed, &error) != OK)
        fail_msg("%s", error.message);
    (void)snprintf(last, 512, "%s", listed.last);
    return listed.count;
}

static void metrics_are_listed(void **state)
{
    (void)state;
    char last[512];
    struct error error;
    const double value = 1;
    make_lines(30, DAY_S);
    insert_lines(0, LINES);
    struct monitor *monitor = open_monitor();
    settle(monitor);
    const struct monitor_dimension dimension = {STR("Page"), STR("home")};
    const struct monitor_metric own = metric("acme", "Shop", "Views", &dimension, 1);
    assert_int_equal(put(monitor, &own, &value, NULL, 1, &error), OK);

    struct monitor_filter filter = {.tenant = STR("acme"), .namespace = STR("AWS/Bedrock"),
                                    .name = STR("InputTokenCount")};
    /* alone, by 2 models, by 2 models in 4 tiers */
    assert_int_equal(list_count(monitor, &filter, last), 1 + 2 + 2 * TIERS);
    filter.dimensions = &(struct monitor_dimension){STR("ModelId"), {NULL, 0}};
    filter.dimension_count = 1;
    assert_int_equal(list_count(monitor, &filter, last), 2 + 2 * TIERS);
    filter.is_exact = true;
    assert_int_equal(list_count(monitor, &filter, last), 2);
    filter.dimensions = &(struct monitor_dimension){STR("ModelId"), STR("amazon.nova")};
    assert_int_equal(list_count(monitor, &filter, last), 1);
    assert_string_equal(last, "AWS/Bedrock|InputTokenCount|ModelId=amazon.nova");

    filter = (struct monitor_filter){.tenant = STR("acme")};
    assert_true(list_count(monitor, &filter, last) > 50);
    assert_string_equal(last, "Shop|Views|Page=home");
    filter.active_since_s = now_s - 10800; /* lines are of yesterday */
    assert_int_equal(list_count(monitor, &filter, last), 1);
    filter = (struct monitor_filter){.tenant = STR("acme"), .name = STR("InvocationThrottles")};
    assert_int_equal(list_count(monitor, &filter, last), 0); /* it never had a sample */
    filter = (struct monitor_filter){.tenant = STR("nobody")};
    assert_int_equal(list_count(monitor, &filter, last), 0);
    monitor_close(monitor);
}

static void statistics_are_known(void **state)
{
    (void)state;
    struct monitor_stat stat;
    static const char *const good[] = {"Sum",         "Average", "Minimum", "Maximum",
                                       "SampleCount", "p0",      "p99",     "p99.9", "p100"};
    static const char *const bad[] = {"sum",  "",     "p",       "p101", "p-1", "pNN",
                                      "tm90", "tc90", "pr(1:2)", "wm90", "iqr", "p1e1x"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(monitor_stat_parse(str_of(good[i]), &stat));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(monitor_stat_parse(str_of(bad[i]), &stat));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(percentiles_are_near, load, unload),
        cmocka_unit_test_setup_teardown(sketches_are_bounded, load, unload),
        cmocka_unit_test_setup_teardown(cells_come_back, load, unload),
        cmocka_unit_test_setup_teardown(sums_are_the_ledgers, load, unload),
        cmocka_unit_test_setup_teardown(dimensions_match_exactly, load, unload),
        cmocka_unit_test_setup_teardown(latency_has_percentiles, load, unload),
        cmocka_unit_test_setup_teardown(tokens_have_percentiles, load, unload),
        cmocka_unit_test_setup_teardown(widths_do_not_mix, load, unload),
        cmocka_unit_test_setup_teardown(a_step_that_fails_changes_nothing, load, unload),
        cmocka_unit_test_setup_teardown(another_ledger_begins_anew, load, unload),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_made_again, load, unload),
        cmocka_unit_test_setup_teardown(old_points_are_coarse, load, unload),
        cmocka_unit_test_setup_teardown(what_is_past_its_keeping_goes, load, unload),
        cmocka_unit_test_setup_teardown(sealed_points_stay, load, unload),
        cmocka_unit_test_setup_teardown(clients_put_their_own, load, unload),
        cmocka_unit_test_setup_teardown(series_are_bounded, load, unload),
        cmocka_unit_test_setup_teardown(refusals_are_counted, load, unload),
        cmocka_unit_test_setup_teardown(metrics_are_listed, load, unload),
        cmocka_unit_test_setup_teardown(statistics_are_known, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
