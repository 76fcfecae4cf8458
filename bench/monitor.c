/* monitor.c - `make bench B=monitor`: what a million requests a day cost the disk as points of metrics, and how long
 * questions about two weeks of them take.
 *
 *   fill    days of a million lines each, of four tenants, three models and two tiers, added up by the minute as the
 *           monitor's thread does it, and where the bytes are
 *   ask     14 days of one metric, again and again: CPU of this thread
 *
 * A month has 15 days of minutes (older ones go) and 30 of the coarser points. BENCH_DAYS changes the days (15, with
 * fewer the minutes are fewer), BENCH_LINES the lines of one (1,000,000), BENCH_ROUNDS how often is asked (20). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/sections.h"
#include "core/config.h"
#include "core/util.h"
#include "ledger/ledger_db.h"
#include "monitor/monitor.h"
#include "monitor/pending.h"
#include "store/sql.h"
#include "support.h"

#define DATA_PATH "build/bench/monitor-data"
#define DAY_S 86400
#define MINUTES_KEPT_DAYS 15
#define MONTH_DAYS 30
#define ASK_DAYS 14
#define MONTH_BYTES 100e6
#define ASK_MS 100

static struct rng rng;

_Noreturn static void die(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "bench monitor: %s: %s\n", what, error ? error->message : "failed");
    exit(1);
}

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- filling ---------------------------------------------------------------------------------------- */

/* Latencies lie around a second, with a long tail, as those of models do. */
static uint64_t some_latency_us(double middle_ms)
{
    const double normal = sqrt(-2 * log(1 - rng_unit(&rng))) * cos(6.283185307 * rng_unit(&rng));
    return (uint64_t)(middle_ms * 1000 * exp(0.6 * normal));
}

static struct ledger_line make_line(uint64_t time_us)
{
    static const char *const tenants[] = {"acme", "globex", "initech", "umbrella"};
    static const char *const models[] = {"anthropic.claude-3-5-sonnet-20241022-v2:0", "amazon.nova-pro-v1:0",
                                         "meta.llama3-1-8b-instruct-v1:0"};
    static const char *const reasons[] = {"", "", "", "first-use", "expired"};
    const uint64_t cost = rng_below(&rng, 10000000000);
    const bool is_stream = rng_below(&rng, 4) > 0;
    return (struct ledger_line){
        .tenant = str_of(tenants[rng_below(&rng, 4)]),
        .operation = is_stream ? STR("ConverseStream") : STR("Converse"),
        .model_requested = str_of(models[rng_below(&rng, 3)]),
        .model_invoked = STR("desk-small"),
        .router = rng_below(&rng, 3) ? STR("") : STR("auto"),
        .miss_reason = str_of(reasons[rng_below(&rng, 5)]),
        .time_us = time_us,
        .tier = rng_below(&rng, 5) ? TIER_DEFAULT : TIER_FLEX,
        .outcome = rng_below(&rng, 100) ? LEDGER_COMPLETED : LEDGER_CANCELLED,
        .usage = {{rng_below(&rng, 3000), rng_below(&rng, 3) * 2048, rng_below(&rng, 9) / 8 * 2048, 0,
                   some_latency_us(0.15)}},
        .latency_us = some_latency_us(1200),
        .first_token_us = some_latency_us(250),
        .quote = {.cost = cost, .baseline = 10000000000, .saved = {300, 0, 250, (int64_t)(10000000000 - cost - 550)}},
    };
}

struct adding {
    struct pending *pending;
    struct str tenant;
    uint64_t minute;
};

static bool add_values(void *ctx, enum monitor_kind kind, const struct str *fields, const double *values)
{
    struct adding *adding = ctx;
    struct series_key key = {.tenant = adding->tenant, .kind = kind};
    for (size_t i = 0; i < monitor_kinds[kind].field_count; i++)
        key.fields[i] = fields[i];
    struct cell *cells = pending_at(adding->pending, &key, adding->minute);
    for (size_t i = 0; cells && i < monitor_kinds[kind].metric_count; i++)
        if (!isnan(values[i]) && !cell_add(&cells[i], values[i], 1, monitor_kinds[kind].metrics[i].width,
                                           &adding->pending->arena))
            return false;
    return cells != NULL;
}

static void fill_hour(struct series_db *db, struct pending *pending, uint64_t hour_s, uint64_t lines, uint64_t now_s)
{
    struct error error;
    uint64_t lost = 0;
    pending_clear(pending);
    for (uint64_t i = 0; i < lines; i++) {
        const struct ledger_line line = make_line((hour_s + i * 3600 / lines) * 1000000);
        struct adding adding = {pending, line.tenant, line.time_us / 60000000};
        if (!kinds_of_line(&line, add_values, &adding))
            die("add", NULL);
    }
    if (series_db_begin(db, &error) != OK || pending_write(pending, db, now_s, &lost, &error) != OK ||
        series_db_commit(db, &error) != OK || lost > 0)
        die("write", &error);
}

/* Bytes of rows, by grain. */
static double bytes_of(struct sql *sql, const char *which)
{
    char text[192];
    struct error error;
    int64_t bytes = 0;
    (void)snprintf(text, sizeof(text), "SELECT coalesce(sum(length(packed)), 0) FROM (SELECT grain, packed FROM cell "
                   "UNION ALL SELECT grain, packed FROM sealed) WHERE grain %s", which);
    if (sql_number(sql, text, &bytes, &error) != OK)
        die("sum", &error);
    return (double)bytes;
}

static void tell_size(struct bench *bench, uint64_t days, uint64_t lines, double fill_ms)
{
    struct sql *sql;
    struct error error;
    struct stat info;
    int64_t rows = 0;
    if (sql_open(DATA_PATH "/" SERIES_DB_FILE, SQL_WRITE, &sql, &error) != OK ||
        sql_exec(sql, "PRAGMA wal_checkpoint(TRUNCATE)", &error) != OK ||
        sql_number(sql, "SELECT (SELECT count(*) FROM cell) + (SELECT count(*) FROM sealed)", &rows, &error) != OK)
        die("look", &error);
    const double minutes = bytes_of(sql, "= 0"), coarse = bytes_of(sql, "> 0");
    sql_close(sql);
    if (stat(DATA_PATH "/" SERIES_DB_FILE, &info) != 0)
        die("stat", NULL);
    const double share = (double)info.st_size / (minutes + coarse);
    const double kept = days < MINUTES_KEPT_DAYS ? (double)days : MINUTES_KEPT_DAYS;
    const double month = share * (minutes * MINUTES_KEPT_DAYS / kept + coarse * MONTH_DAYS / (double)days);
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "fill"), BENCH_NUMBER("days", days),
              BENCH_NUMBER("lines_a_day", lines), BENCH_NUMBER("us_a_line", fill_ms * 1000 / (double)(days * lines)),
              BENCH_NUMBER("rows", rows), BENCH_NUMBER("file_mb", (double)info.st_size / 1e6),
              BENCH_NUMBER("minutes_mb", minutes * share / 1e6), BENCH_NUMBER("month_mb", month / 1e6)}, 8);
    bench_limit(bench, "month_mb", month / 1e6, BENCH_AT_MOST, MONTH_BYTES / 1e6);
}

static void fill(struct bench *bench, uint64_t days, uint64_t lines, uint64_t now_s)
{
    static const uint64_t keep_s[SERIES_GRAINS] = {15 * DAY_S, 63 * DAY_S, UINT64_C(455) * DAY_S};
    struct series_db *db;
    struct pending pending;
    struct error error;
    (void)unlink(DATA_PATH "/" SERIES_DB_FILE);
    (void)unlink(DATA_PATH "/" SERIES_DB_FILE "-wal");
    (void)unlink(DATA_PATH "/" SERIES_DB_FILE "-shm");
    if (series_db_open(DATA_PATH "/" SERIES_DB_FILE, true, keep_s, &db, &error) != OK)
        die("open", &error);
    pending_init(&pending);
    const double begin_ms = cpu_ms();
    for (uint64_t hour = days * 24; hour-- > 0;) {
        bool is_done = false;
        fill_hour(db, &pending, now_s / 3600 * 3600 - hour * 3600, lines / 24, now_s);
        while (!is_done)
            if (series_db_tend(db, now_s - hour * 3600, &is_done, &error) != OK)
                die("tend", &error);
    }
    const double fill_ms = cpu_ms() - begin_ms;
    pending_deinit(&pending);
    series_db_close(db);
    tell_size(bench, days, lines, fill_ms);
}

/* --- asking ----------------------------------------------------------------------------------------- */

static double ask_once(struct monitor *monitor, const struct monitor_metric *metric, const char *stat_name,
                       uint32_t period_s, uint64_t now_s, size_t *points_len)
{
    struct monitor_stat stat;
    struct monitor_points points;
    struct arena arena;
    struct error error;
    const struct monitor_range range = {now_s - ASK_DAYS * DAY_S, now_s, period_s, 0};
    if (!monitor_stat_parse(str_of(stat_name), &stat))
        die(stat_name, NULL);
    arena_init(&arena, 0);
    const double begin_ms = cpu_ms();
    if (monitor_read(monitor, metric, &stat, &range, &arena, &points, &error) != OK)
        die("read", &error);
    const double took_ms = cpu_ms() - begin_ms;
    *points_len = points.count;
    arena_deinit(&arena);
    return took_ms;
}

static void ask(struct bench *bench, struct monitor *monitor, uint64_t now_s)
{
    static const struct monitor_dimension model = {STR("ModelId"), STR("amazon.nova-pro-v1:0")};
    static const struct {
        const char *name, *stat;
        bool by_model;
        uint32_t period_s;
    } rows[] = {
        {"InputTokenCount", "Sum", true, 300},   {"InputTokenCount", "Sum", false, 300},
        {"InputTokenCount", "Sum", false, 60},   {"InvocationLatency", "p99", true, 300},
        {"InvocationLatency", "p99", false, 300}, {"InvocationLatency", "p99", false, 3600},
        {"InputTokenCount", "p99", false, 3600},
    };
    const unsigned rounds = bench_rounds(20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct monitor_metric metric = {.tenant = STR("acme"), .namespace = STR("AWS/Bedrock"),
                                              .name = str_of(rows[i].name), .dimensions = &model,
                                              .dimension_count = rows[i].by_model};
        double took_ms[BENCH_ROUNDS_MAX];
        size_t points = 0;
        char key[96];
        for (unsigned round = 0; round < rounds; round++)
            took_ms[round] = ask_once(monitor, &metric, rows[i].stat, rows[i].period_s, now_s, &points);
        const double median = bench_percentile(took_ms, rounds, 0.5);
        (void)snprintf(key, sizeof(key), "%s %s, %s, %u s", rows[i].name, rows[i].stat,
                       rows[i].by_model ? "of a model" : "of all", rows[i].period_s);
        bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "ask"), BENCH_TEXT("metric", key),
                  BENCH_NUMBER("points", points), BENCH_NUMBER("best_ms", bench_percentile(took_ms, rounds, 0)),
                  BENCH_NUMBER("ms", median)}, 5);
        bench_limit(bench, key, median, BENCH_AT_MOST, ASK_MS);
    }
}

int main(void)
{
    struct error error;
    struct config config;
    struct price_book *book;
    struct ledger_db *ledger;
    struct monitor *monitor;
    const struct monitor_options options = {.data = DATA_PATH, .keep_days = {15, 63, 455}};
    const uint64_t now_s = clock_wall_us() / 1000000;
    struct bench *bench = bench_new("monitor");
    rng_seed(&rng, 3);
    (void)mkdir("build/bench", 0777);
    (void)mkdir(DATA_PATH, 0777);
    fill(bench, bench_setting("BENCH_DAYS", 15), bench_setting("BENCH_LINES", 1000000), now_s);
    if (config_parse(STR(""), NULL, program_sections, &config, &error) != OK ||
        price_book_load(&config, &book, &error) != OK ||
        ledger_db_open(DATA_PATH "/" LEDGER_DB_FILE, book, &ledger, &error) != OK)
        die("ledger", &error);
    ledger_db_close(ledger);
    if (monitor_open(&options, &monitor, &error) != OK)
        die("open", &error);
    ask(bench, monitor, now_s);
    monitor_close(monitor);
    price_book_free(book);
    config_deinit(&config);
    return bench_finish(bench);
}
