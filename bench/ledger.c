/* ledger.c - `make bench B=ledger`: what a line costs the ledger's writer, and how long questions about a million of
 * them take.
 *
 *   fill           lines of some weeks, put into ledger.db and summed, in large transactions
 *   write          lines that arrive at 1,000 a second, as requests leave them: CPU of the one who leaves them, and of
 *                  the writer, which is all else in this process
 *   ask            each question again and again while lines go on arriving; milliseconds, as a console sees it
 *   page           first pages of lines, likewise, and what misses lost; rare: a filter that one line in 100,000 fits
 *
 * BENCH_LINES changes the number of lines (1,000,000), BENCH_ROUNDS how often each question is asked (40). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/sections.h"
#include "core/config.h"
#include "core/util.h"
#include "ledger/ledger.h"
#include "ledger/ledger_db.h"
#include "ledger/misses.h"
#include "ledger/page.h"
#include "ledger/query.h"
#include "ledger/summing.h"
#include "support.h"

#define DATA_PATH "build/bench/ledger-data"
#define FIRST_US UINT64_C(1795564800000000) /* 2026-11-25 00:00:00 UTC */
#define SPACING_US UINT64_C(2000000)        /* between two lines of before: a million are 23 days */
#define PER_TRANSACTION 50000
#define PER_STEP 8192
#define ARRIVALS 5000
#define PER_SECOND 1000
#define SETTLE_US 12000000

static struct rng rng;
static struct price_book *book;

_Noreturn static void die(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "bench ledger: %s: %s\n", what, error ? error->message : strerror(errno));
    exit(1);
}

static void pause_us(uint64_t us)
{
    const struct timespec time = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    (void)nanosleep(&time, NULL);
}

/* --- lines ------------------------------------------------------------------------------------------ */

static struct str one_of(const char *const *texts, uint64_t count)
{
    return str_of(texts[rng_below(&rng, count)]);
}

static struct ledger_line make_line(char id[UUID_LEN + 1], uint64_t time_us)
{
    static const char *const tenants[] = {"acme",  "globex", "initech", "umbrella",
                                          "hooli", "stark",  "wayne",   "tyrell"};
    static const char *const models[] = {"desk-large", "desk-small", "qwen"};
    static const char *const reasons[] = {"", "", "", "first-use", "expired"};
    const uint64_t cost = rng_below(&rng, 10000000000);
    uuid_v4(id);
    return (struct ledger_line){
        .request_id = {id, UUID_LEN},
        .tenant = one_of(tenants, 8),
        .dialect = STR("bedrock"),
        .operation = rng_below(&rng, 4) ? STR("ConverseStream") : STR("Converse"),
        .model_requested = STR("amazon.nova-pro-v1:0"),
        .model_invoked = one_of(models, 3),
        .price = STR("bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1"),
        .baseline_price = STR("bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1"),
        .provider = STR(LEDGER_PROVIDER_ENGINE),
        .miss_reason = one_of(reasons, 5),
        .time_us = time_us,
        .tier = rng_below(&rng, 5) ? TIER_DEFAULT : TIER_FLEX,
        .outcome = rng_below(&rng, 100000) == 0 ? LEDGER_FAILED : rng_below(&rng, 100) ? LEDGER_COMPLETED
                                                                                       : LEDGER_CANCELLED,
        .usage = {{rng_below(&rng, 3000), rng_below(&rng, 8000), 0, 0, rng_below(&rng, 500)}},
        .latency_us = 100000 + rng_below(&rng, 900000),
        .first_token_us = 50000 + rng_below(&rng, 100000),
        .attempts = 1,
        .router_score = LEDGER_ABSENT,
        .quote = {.cost = cost, .baseline = 10000000000, .classes = {cost / 2, 0, 0, 0, cost - cost / 2}},
    };
}

static void insert_some(struct ledger_db *db, uint64_t from, uint64_t to)
{
    struct error error;
    if (ledger_db_begin(db, &error) != OK)
        die("begin", &error);
    for (uint64_t i = from; i < to; i++) {
        char id[UUID_LEN + 1];
        const struct ledger_line line = make_line(id, FIRST_US + i * SPACING_US);
        if (ledger_db_insert(db, &line, &error) != OK)
            die("insert", &error);
    }
    if (ledger_db_commit(db, &error) != OK)
        die("commit", &error);
}

static void sum_all(struct ledger_db *db)
{
    struct summing *summing;
    struct error error;
    bool is_done = false;
    enum error_code code = summing_new(ledger_db_sql(db), &summing, &error);
    while (code == OK && !is_done)
        code = summing_step(summing, PER_STEP, &is_done, &error);
    if (code != OK)
        die("sum", &error);
    summing_free(summing);
}

static void fill(struct bench *bench, uint64_t lines)
{
    struct ledger_db *db;
    struct error error;
    struct stat info;
    (void)unlink(DATA_PATH "/" LEDGER_DB_FILE);
    if (ledger_db_open(DATA_PATH "/" LEDGER_DB_FILE, book, &db, &error) != OK)
        die("open", &error);
    const uint64_t begin_us = clock_now_us();
    for (uint64_t at = 0; at < lines; at += PER_TRANSACTION)
        insert_some(db, at, at + PER_TRANSACTION < lines ? at + PER_TRANSACTION : lines);
    const uint64_t filled_us = clock_now_us();
    sum_all(db);
    const uint64_t summed_us = clock_now_us();
    ledger_db_close(db);
    if (stat(DATA_PATH "/" LEDGER_DB_FILE, &info) != 0)
        die("stat", NULL);
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "fill"), BENCH_NUMBER("lines", lines),
              BENCH_NUMBER("insert_us", (double)(filled_us - begin_us) / (double)lines),
              BENCH_NUMBER("sum_us", (double)(summed_us - filled_us) / (double)lines),
              BENCH_NUMBER("bytes", (double)info.st_size / (double)lines)}, 5);
}

/* --- lines that arrive ------------------------------------------------------------------------------ */

static void arrive(struct ledger *ledger)
{
    char id[UUID_LEN + 1];
    struct error error;
    struct ledger_line line = make_line(id, clock_wall_us());
    const struct ledger_line done = line;
    if (ledger_accept(ledger, &line, &error) != OK)
        die("accept", &error);
    const uint32_t promised = line.promised;
    line = done;
    line.promised = promised;
    if (ledger_finish(ledger, &line, &error) != OK)
        die("finish", &error);
}

static double cpu_us(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double write_lines(struct bench *bench, struct ledger *ledger)
{
    const double all_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID), own_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t begin_us = clock_now_us();
    for (uint64_t i = 0; i < ARRIVALS; i++) {
        const uint64_t due_us = begin_us + i * 1000000 / PER_SECOND, now_us = clock_now_us();
        if (due_us > now_us)
            pause_us(due_us - now_us);
        arrive(ledger);
    }
    const double own = cpu_us(CLOCK_THREAD_CPUTIME_ID) - own_us;
    pause_us(SETTLE_US / 2); /* the writer's sums of them belong to what they cost */
    const double writer = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - all_us - own;
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "write"), BENCH_NUMBER("lines", ARRIVALS),
              BENCH_NUMBER("request_us", own / ARRIVALS), BENCH_NUMBER("writer_us", writer / ARRIVALS)}, 4);
    return writer / ARRIVALS;
}

/* --- questions -------------------------------------------------------------------------------------- */

static atomic_bool is_over;

static void *go_on_arriving(void *ctx)
{
    while (!atomic_load(&is_over)) {
        arrive(ctx);
        pause_us(1000000 / PER_SECOND);
    }
    return NULL;
}

static enum error_code count(void *ctx, const struct ledger_group *group, struct error *error)
{
    (void)group;
    (void)error;
    (*(uint64_t *)ctx)++;
    return OK;
}

static double ask(struct bench *bench, struct ledger_view *view, const char *name, const struct ledger_query *query,
                  unsigned rounds)
{
    double ms[BENCH_ROUNDS_MAX];
    struct error error;
    uint64_t groups = 0;
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t begin_us = clock_now_us();
        groups = 0;
        if (ledger_query(view, query, count, &groups, &error) != OK)
            die(name, &error);
        ms[i] = (double)(clock_now_us() - begin_us) / 1000;
        pause_us(20000);
    }
    const double median = bench_percentile(ms, rounds, 0.5), p99 = bench_percentile(ms, rounds, 0.99);
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "ask"), BENCH_TEXT("question", name),
              BENCH_NUMBER("groups", groups), BENCH_NUMBER("median_ms", median), BENCH_NUMBER("p99_ms", p99)}, 5);
    return median;
}

static double ask_all(struct bench *bench, struct ledger_view *view, uint64_t lines)
{
    const uint64_t end_us = FIRST_US + lines * SPACING_US, day_us = UINT64_C(86400000000);
    const struct {
        const char *name;
        struct ledger_query query;
    } questions[] = {
        {"all", {.by = LEDGER_BY_NOTHING}},
        {"by day", {.by = LEDGER_BY_DAY}},
        {"by tenant", {.by = LEDGER_BY_TENANT}},
        {"by model, one tenant", {.by = LEDGER_BY_MODEL, .tenant = STR("acme")}},
        {"by miss reason, from a second on", {.by = LEDGER_BY_MISS, .from_us = FIRST_US + UINT64_C(7777777777)}},
        {"by tag", {.by = LEDGER_BY_TAG, .tag = STR("team")}},
        {"last 168 hours", {.by = LEDGER_BY_HOUR, .limit = 168, .to_us = end_us}},
        {"last 60 minutes", {.by = LEDGER_BY_MINUTE, .limit = 60}},
        {"last 1440 minutes of then", {.by = LEDGER_BY_MINUTE, .limit = 1440, .to_us = end_us}},
        {"one day by tenant", {.by = LEDGER_BY_TENANT, .from_us = FIRST_US + day_us, .to_us = FIRST_US + 2 * day_us}},
        {"three dearest", {.by = LEDGER_BY_TENANT, .limit = 3}},
    };
    double slowest = 0;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        const double ms = ask(bench, view, questions[i].name, &questions[i].query, bench_rounds(40));
        slowest = ms > slowest ? ms : slowest;
    }
    return slowest;
}

/* --- pages ------------------------------------------------------------------------------------------ */

static enum error_code count_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    (void)line;
    (void)error;
    (*(uint64_t *)ctx)++;
    return OK;
}

static double page(struct bench *bench, struct ledger_view *view, const char *name,
                   const struct ledger_page_query *query, unsigned rounds)
{
    double ms[BENCH_ROUNDS_MAX];
    struct error error;
    struct ledger_page_end end;
    uint64_t lines = 0;
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t begin_us = clock_now_us();
        lines = 0;
        if (ledger_page(view, query, count_line, &lines, &end, &error) != OK)
            die(name, &error);
        ms[i] = (double)(clock_now_us() - begin_us) / 1000;
        pause_us(20000);
    }
    const double median = bench_percentile(ms, rounds, 0.5), p99 = bench_percentile(ms, rounds, 0.99);
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "page"), BENCH_TEXT("question", name),
              BENCH_NUMBER("lines", lines), BENCH_NUMBER("scanned", end.scanned),
              BENCH_NUMBER("median_ms", median), BENCH_NUMBER("p99_ms", p99)}, 6);
    return median;
}

static void find_some(struct bench *bench, struct ledger_view *view)
{
    double ms[BENCH_ROUNDS_MAX];
    struct error error;
    const unsigned rounds = bench_rounds(10);
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t begin_us = clock_now_us();
        uint64_t lines = 0;
        if (ledger_find(view, STR("no such request"), (struct str){NULL, 0}, count_line, &lines, &error) !=
            ERROR_NOT_FOUND)
            die("find", &error);
        ms[i] = (double)(clock_now_us() - begin_us) / 1000;
    }
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "page"),
              BENCH_TEXT("question", "a request that is not there"),
              BENCH_NUMBER("median_ms", bench_percentile(ms, rounds, 0.5)),
              BENCH_NUMBER("p99_ms", bench_percentile(ms, rounds, 0.99))}, 4);
}

static void count_misses(struct bench *bench, struct ledger_view *view)
{
    double ms[BENCH_ROUNDS_MAX];
    struct error error;
    struct ledger_misses misses;
    const unsigned rounds = bench_rounds(10);
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t begin_us = clock_now_us();
        if (ledger_misses(view, 0, 0, (struct str){NULL, 0}, &misses, &error) != OK)
            die("misses", &error);
        ms[i] = (double)(clock_now_us() - begin_us) / 1000;
    }
    bench_row(bench, (const struct bench_cell[]){BENCH_TEXT("part", "page"), BENCH_TEXT("question", "misses"),
              BENCH_NUMBER("lines", misses.count), BENCH_NUMBER("median_ms", bench_percentile(ms, rounds, 0.5)),
              BENCH_NUMBER("p99_ms", bench_percentile(ms, rounds, 0.99))}, 5);
}

/* The slowest of first pages without a filter, and of those with one that hardly a line fits. */
static void page_all(struct bench *bench, struct ledger_view *view, double *first_ms, double *rare_ms)
{
    const struct {
        const char *name;
        bool is_rare;
        struct ledger_page_query query;
    } questions[] = {
        {"newest", false, {.limit = 50}},
        {"newest 500", false, {.limit = 500}},
        {"newest of a tenant", false, {.limit = 50, .filter.words[LEDGER_WITH_TENANT] = STR("acme")}},
        {"dearest", false, {.limit = 50, .sort = LEDGER_SORT_COST}},
        {"slowest of a tenant", false,
         {.limit = 50, .sort = LEDGER_SORT_LATENCY, .filter.words[LEDGER_WITH_TENANT] = STR("acme")}},
        {"failed", true, {.limit = 50, .filter.words[LEDGER_WITH_OUTCOME] = STR("failed")}},
        {"failed, of a tenant", true,
         {.limit = 50,
          .filter.words = {[LEDGER_WITH_TENANT] = STR("acme"), [LEDGER_WITH_OUTCOME] = STR("failed")}}},
        {"failed, by cost", true,
         {.limit = 50, .sort = LEDGER_SORT_COST, .filter.words[LEDGER_WITH_OUTCOME] = STR("failed")}},
        {"a session that is not there", true, {.limit = 50, .filter.words[LEDGER_WITH_SESSION] = STR("none")}},
        {"a model that is not there", true, {.limit = 50, .filter.words[LEDGER_WITH_MODEL] = STR("none")}},
    };
    *first_ms = *rare_ms = 0;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        const double ms = page(bench, view, questions[i].name, &questions[i].query, bench_rounds(20));
        double *slowest = questions[i].is_rare ? rare_ms : first_ms;
        *slowest = ms > *slowest ? ms : *slowest;
    }
    find_some(bench, view);
    count_misses(bench, view);
}

int main(void)
{
    struct bench *bench = bench_new("ledger");
    const uint64_t lines = bench_setting("BENCH_LINES", 1000000);
    struct config config;
    struct ledger *ledger;
    struct ledger_view *view;
    struct error error;
    pthread_t arriving;
    rng_seed(&rng, 7);
    if (config_parse(STR(""), NULL, program_sections, &config, &error) || price_book_load(&config, &book, &error))
        die("price book", &error);
    (void)mkdir("build/bench", 0777);
    (void)mkdir(DATA_PATH, 0777);
    const int lock = open(DATA_PATH "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* a view sees that a server runs */
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        die("lock", NULL);
    fill(bench, lines);
    if (ledger_open(DATA_PATH, book, &ledger, &error) != OK)
        die("open", &error);
    pause_us(SETTLE_US + lines * 10); /* it looks at all lines after its start */
    const double writer_us = write_lines(bench, ledger);
    if (ledger_view_open(DATA_PATH, &view, &error) != OK)
        die("view", &error);
    if (pthread_create(&arriving, NULL, go_on_arriving, ledger) != 0)
        die("thread", NULL);
    const double slowest_ms = ask_all(bench, view, lines);
    double first_ms, rare_ms;
    page_all(bench, view, &first_ms, &rare_ms);
    atomic_store(&is_over, true);
    (void)pthread_join(arriving, NULL);
    ledger_view_close(view);
    (void)ledger_close(ledger);
    price_book_free(book);
    config_deinit(&config);
    bench_limit(bench, "slowest_question_ms", slowest_ms, BENCH_AT_MOST, 50);
    bench_limit(bench, "console_first_page_ms", first_ms, BENCH_AT_MOST, 300);
    bench_limit(bench, "console_rare_page_ms", rare_ms, BENCH_AT_MOST, 300);
    bench_limit(bench, "writer_us_per_line", writer_us, BENCH_AT_MOST, 100);
    return bench_finish(bench);
}
