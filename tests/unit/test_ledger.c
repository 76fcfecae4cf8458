/* The ledger: lines in and out, what is left by a crash, and a process killed at random points under load. */
#include "support.h"
#include "cmd/sections.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "core/mem.h"
#include "core/util.h"
#include "ledger/check.h"
#include "ledger/drain.h"
#include "ledger/ledger.h"
#include "ledger/query.h"
#include "store/sql.h"

static struct config config;
static struct price_book *book;

static int load(void **state)
{
    (void)state;
    struct error error;
    log_configure(LOG_OFF, LOG_LOGFMT);
    return config_parse(STR(""), NULL, program_sections, &config, &error) || price_book_load(&config, &book, &error);
}

static int unload(void **state)
{
    (void)state;
    price_book_free(book);
    config_deinit(&config);
    return 0;
}

static struct ledger *open_ledger(void)
{
    struct ledger *ledger;
    struct error error;
    if (ledger_open(test_root, book, &ledger, &error) != OK)
        fail_msg("%s", error.message);
    return ledger;
}

/* A line whose figures follow from its number. The id's characters must outlive it. */
static struct ledger_line make_line(char id[UUID_LEN + 1], uint64_t number)
{
    (void)snprintf(id, UUID_LEN + 1, "00000000-0000-4000-8000-%012llu", (unsigned long long)number);
    return (struct ledger_line){
        .tier = TIER_DEFAULT,
        .request_id = {id, UUID_LEN},
        .tenant = number % 2 ? STR("odd") : STR("even"),
        .dialect = STR("bedrock"),
        .operation = STR("Converse"),
        .model_requested = STR("amazon.nova-pro-v1:0"),
        .model_invoked = STR("desk-large"),
        .price = STR("book@1/a/b"),
        .baseline_price = STR("book@1/a/b"),
        .time_us = UINT64_C(1795564800000000) + number * 1000, /* 2026-11-25 00:00:00 UTC */
    };
}

static void complete_line(struct ledger_line *line, uint64_t number)
{
    line->outcome = LEDGER_COMPLETED;
    line->usage = (struct price_usage){{number, 2, 3, 4, 5}};
    int64_t n = (int64_t)number;
    line->quote = (struct price_quote){.cost = number * 7, .baseline = number * 9, .saved = {n, 0, n * 2, -n, -3, 3}};
    line->latency_us = number + 1500;
    line->first_token_us = number + 500;
}

/* --- encoding --- */

#define HEAD 8u
#define NUMBERS 23u

static void lines_are_encoded_whole(void **state)
{
    (void)state;
    char id[UUID_LEN + 1];
    uint8_t payload[JOURNAL_RECORD_MAX];
    struct ledger_line line = make_line(id, 42), back;
    complete_line(&line, 42);
    line.tier = TIER_BATCH;
    line.profile = STR("arn:p");
    line.tags = STR("{\"team\":\"a\"}");
    line.provider = STR("up");
    line.upstream_id = STR("req_1");
    line.session = STR("s");
    line.miss_reason = STR("expired");
    line.upstream_model = STR("gpt-6");
    line.usage_note = STR("odd");
    line.attempts = 3;
    line.router_score = 912345;
    size_t len = ledger_line_encode(&line, payload);
    assert_true(len > 0);
    struct str text = {(char *)payload, len};
    assert_true(ledger_line_decode(text, &back));
    assert_str_equal(back.request_id, id);
    assert_str_equal(back.baseline_price, "book@1/a/b");
    assert_memory_equal(&back.usage, &line.usage, sizeof(line.usage));
    assert_memory_equal(&back.quote, &line.quote, sizeof(line.quote));
    assert_str_equal(back.profile, "arn:p");
    assert_str_equal(back.tags, "{\"team\":\"a\"}");
    assert_true(back.tier == TIER_BATCH && back.outcome == LEDGER_COMPLETED);
    assert_true(back.latency_us == 1542 && back.first_token_us == 542 && back.time_us == line.time_us);
    assert_str_equal(back.provider, "up");
    assert_str_equal(back.upstream_id, "req_1");
    assert_str_equal(back.session, "s");
    assert_str_equal(back.miss_reason, "expired");
    assert_str_equal(back.upstream_model, "gpt-6");
    assert_str_equal(back.usage_note, "odd");
    assert_true(back.attempts == 3 && back.router_score == 912345 && back.router.len == 0);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(ledger_line_decode((struct str){(char *)payload, cut}, &back));
    for (size_t at = HEAD + NUMBERS * 8; at < HEAD + NUMBERS * 8 + 2; at++) {
        uint8_t kept = payload[at];
        payload[at] = 200; /* no such tier, no such outcome */
        assert_false(ledger_line_decode(text, &back));
        payload[at] = kept;
    }
    for (unsigned version = 0; version < 256; version++) {
        payload[0] = (uint8_t)version;
        assert_int_equal(ledger_line_version(text), version);
        assert_int_equal(ledger_line_decode(text, &back), version == LEDGER_LINE_VERSION);
    }
    static char endless[70000];
    memset(endless, 'a', sizeof(endless));
    line.model_requested = (struct str){endless, sizeof(endless)};
    assert_int_equal(ledger_line_encode(&line, payload), 0);
    line.model_requested.len = JOURNAL_RECORD_MAX;
    assert_int_equal(ledger_line_encode(&line, payload), 0);
}

static void lines_follow_each_other(void **state)
{
    static uint8_t payload[3 * JOURNAL_RECORD_MAX];
    char ids[3][UUID_LEN + 1];
    size_t ends[3], len = 0;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ledger_line line = make_line(ids[i], 50 + i);
        complete_line(&line, i);
        len += ledger_line_encode(&line, payload + len);
        ends[i] = len;
    }
    for (size_t cut = 0; cut <= len; cut++) {
        struct str lines = {(char *)payload, cut};
        struct ledger_line line;
        size_t taken = 0;
        for (; lines.len > 0 && ledger_line_take(&lines, &line); taken++)
            assert_str_equal(line.request_id, ids[taken]);
        assert_int_equal(taken, (cut >= ends[0]) + (cut >= ends[1]) + (cut >= ends[2]));
        assert_int_equal(lines.len, cut - (taken ? ends[taken - 1] : 0)); /* what is none stays */
    }
}

static size_t put(uint8_t *out, size_t at, const void *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

/* A payload as programs wrote it that did not say a version: of those before profiles eight texts, later ten. */
static size_t encode_headless(uint8_t *out, uint8_t tier, const char *const *texts, size_t text_count)
{
    static const uint64_t numbers[] = {UINT64_C(1795564800000000), 1, 2, 3, 4, 5, 1500, UINT64_MAX, 70, 90,
                                       (uint64_t)-4, 5, 6, 13};
    const uint8_t words[] = {tier, LEDGER_CANCELLED};
    size_t at = 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        at = put(out, at, &(uint64_t){htole64(numbers[i])}, 8);
    at = put(out, at, words, sizeof(words));
    for (size_t i = 0; i < text_count; i++) {
        at = put(out, at, &(uint16_t){htole16((uint16_t)strlen(texts[i]))}, 2);
        at = put(out, at, texts[i], strlen(texts[i]));
    }
    return at;
}

static void lines_of_earlier_programs(void **state)
{
    (void)state;
    static const char *const texts[] = {"id", "acme", "bedrock", "Converse", "asked", "m", "p@1/a/b", "b@1/a/b", "arn",
                                        "{}"};
    static const enum tier tiers[] = {TIER_DEFAULT, TIER_PRIORITY, TIER_FLEX, TIER_BATCH};
    uint8_t payload[512];
    struct ledger_line line;
    for (uint8_t tier = 0; tier < 5; tier++) {
        for (size_t count = 8; count <= 10; count++) {
            const struct str text = {(char *)payload, encode_headless(payload, tier, texts, count)};
            const bool is_line = tier < 4 && count != 9;
            assert_true(ledger_line_version(text) < LEDGER_LINE_VERSION);
            assert_int_equal(ledger_line_decode(text, &line), is_line);
            if (!is_line)
                continue;
            assert_true(line.tier == tiers[tier] && line.outcome == LEDGER_CANCELLED && line.latency_us == 1500);
            assert_true(line.usage.tokens[PRICE_OUTPUT] == 5 && line.first_token_us == LEDGER_NO_TOKEN);
            assert_true(line.quote.cost == 70 && line.quote.saved[LEVER_ROUTE] == -4);
            assert_str_equal(line.request_id, "id");
            assert_str_equal(line.baseline_price, "b@1/a/b");
            assert_int_equal(line.profile.len, count == 10 ? 3 : 0);
            assert_true(line.attempts == LEDGER_ABSENT && line.router_score == LEDGER_ABSENT);
            assert_true(line.quote.classes[PRICE_OUTPUT] == LEDGER_ABSENT && line.miss_reason.len == 0);
        }
    }
}

/* --- what a view shows --- */

struct shown {
    uint64_t count, outcomes[LEDGER_OUTCOMES], cost;
    uint8_t *seen; /* by number; may be NULL */
    uint64_t seen_max;
};

static uint64_t number_of(struct str id)
{
    uint64_t number = UINT64_MAX;
    (void)str_to_u64(str_slice(id, 24, id.len), &number);
    return number;
}

static enum error_code see_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct shown *shown = ctx;
    (void)error;
    shown->count++;
    shown->outcomes[line->outcome]++;
    shown->cost += line->quote.cost;
    uint64_t number = number_of(line->request_id);
    if (shown->seen) {
        assert_true(number < shown->seen_max);
        assert_int_equal(shown->seen[number], 0); /* never twice */
        shown->seen[number] = (uint8_t)(1 + line->outcome);
    }
    if (line->outcome == LEDGER_COMPLETED) {
        assert_int_equal(line->usage.tokens[PRICE_INPUT], number);
        assert_int_equal(line->quote.cost, number * 7);
        int64_t saved = 0;
        for (size_t i = 0; i < LEVERS; i++)
            saved += line->quote.saved[i];
        assert_int_equal(saved, line->quote.baseline - line->quote.cost);
    } else {
        assert_int_equal(line->quote.cost, 0);
        assert_true(line->first_token_us == LEDGER_NO_TOKEN);
    }
    return OK;
}

static void show(struct shown *shown)
{
    struct ledger_view *view;
    struct error error;
    uint8_t *seen = shown->seen;
    uint64_t seen_max = shown->seen_max;
    *shown = (struct shown){.seen = seen, .seen_max = seen_max};
    if (ledger_view_open(test_root, &view, &error) != OK)
        fail_msg("%s", error.message);
    assert_int_equal(ledger_view_lines(view, see_line, shown, &error), OK);
    ledger_view_close(view);
}

static void accept_and_finish(struct ledger *ledger, uint64_t number)
{
    char id[UUID_LEN + 1];
    struct error error;
    struct ledger_line line = make_line(id, number);
    assert_int_equal(ledger_accept(ledger, &line, &error), OK);
    complete_line(&line, number);
    assert_int_equal(ledger_finish(ledger, &line, &error), OK);
}

static void accept_only(struct ledger *ledger, uint64_t number)
{
    char id[UUID_LEN + 1];
    struct error error;
    struct ledger_line line = make_line(id, number);
    assert_int_equal(ledger_accept(ledger, &line, &error), OK);
}

/* As `fulcrum serve` does: then requests without an end are running, not lost. */
static int hold_lock(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/lock", test_root);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void lines_show_at_once(void **state)
{
    (void)state;
    struct shown shown = {0};
    struct ledger *ledger = open_ledger();
    int lock = hold_lock();
    show(&shown);
    assert_int_equal(shown.count, 0);
    for (uint64_t i = 1; i <= 300; i++) {
        accept_and_finish(ledger, i);
        if (i % 30)
            continue;
        show(&shown); /* from the journal or the database, wherever they are now */
        assert_int_equal(shown.count, i);
        assert_int_equal(shown.outcomes[LEDGER_COMPLETED], i);
        assert_int_equal(shown.cost, 7 * i * (i + 1) / 2);
    }
    accept_only(ledger, 301);
    show(&shown);
    assert_int_equal(shown.count, 300); /* it is running */
    close(lock);
    show(&shown);
    assert_int_equal(shown.count, 301); /* nobody runs it */
    assert_int_equal(shown.outcomes[LEDGER_FAILED], 1);
    ledger_close(ledger);
    show(&shown);
    assert_int_equal(shown.count, 301);
    ledger = open_ledger(); /* nothing is taken twice */
    ledger_close(ledger);
    show(&shown);
    assert_int_equal(shown.count, 301);
    assert_int_equal(shown.outcomes[LEDGER_FAILED], 1);
}

/* Let in and then refused by the engine: no line, in no state of the journal. */
static void refused_requests_leave_nothing(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger();
    struct error error;
    struct shown shown = {0};
    for (uint64_t i = 1; i <= 3; i++) {
        char id[UUID_LEN + 1];
        struct ledger_line line = make_line(id, i);
        assert_int_equal(ledger_accept(ledger, &line, &error), OK);
        if (i != 2)
            assert_int_equal(ledger_refuse(ledger, &line, &error), OK);
        show(&shown); /* nobody holds the lock: what is open counts as failed */
        assert_int_equal(shown.count, i > 1);
    }
    ledger_close(ledger);
    show(&shown);
    assert_int_equal(shown.count, 1);
    assert_int_equal(shown.outcomes[LEDGER_FAILED], 1);
}

static enum error_code see_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct ledger_group *groups = ctx;
    (void)error;
    size_t i = 0;
    while (groups[i].baseline)
        i++;
    groups[i] = *group;
    static char keys[4][32];
    (void)snprintf(keys[i], sizeof(keys[i]), STR_FMT, STR_ARG(group->key));
    groups[i].key = str_of(keys[i]);
    return OK;
}

static void sums_are_exact(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger();
    struct ledger_view *view;
    struct error error;
    char id[UUID_LEN + 1];
    /* Sums past 64 bits: four lines of 2^62 picodollars and a bit. */
    const uint64_t large = (UINT64_C(1) << 62) + 1;
    for (uint64_t i = 0; i < 4; i++) {
        struct ledger_line line = make_line(id, i);
        line.time_us += i / 3 * UINT64_C(86400000000);
        assert_int_equal(ledger_accept(ledger, &line, &error), OK);
        line.outcome = i == 3 ? LEDGER_CANCELLED : LEDGER_COMPLETED;
        line.usage = (struct price_usage){{1, 2, 3, 4, 5}};
        line.quote = (struct price_quote){.cost = large, .baseline = large - 10, .saved = {0, 0, 5, -15}};
        assert_int_equal(ledger_finish(ledger, &line, &error), OK);
    }
    ledger_close(ledger);
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    struct ledger_group all[4] = {{.cost = 0}}, days[4] = {{.cost = 0}}, tenants[4] = {{.cost = 0}};
    assert_int_equal(ledger_view_groups(view, LEDGER_BY_NOTHING, STR(""), see_group, all, &error), OK);
    assert_true(all[0].cost == (ledger_sum)large * 4 && all[0].baseline == (ledger_sum)large * 4 - 40);
    assert_true(all[0].saved[LEVER_CACHE] == 20 && all[0].saved[LEVER_TIER] == -60 && all[0].saved[LEVER_ROUTE] == 0);
    assert_true(all[0].touched[LEVER_CACHE] == 4 && all[0].touched[LEVER_ROUTE] == 0);
    assert_true(all[0].outcomes[LEDGER_COMPLETED] == 3 && all[0].outcomes[LEDGER_CANCELLED] == 1);
    assert_true(all[0].usage.tokens[PRICE_OUTPUT] == 20 && all[0].usage.tokens[PRICE_CACHE_WRITE_1H] == 16);
    assert_int_equal(ledger_view_groups(view, LEDGER_BY_DAY, STR(""), see_group, days, &error), OK);
    assert_str_equal(days[0].key, "2026-11-25");
    assert_str_equal(days[1].key, "2026-11-26");
    assert_true(days[0].cost == (ledger_sum)large * 3 && days[1].cost == (ledger_sum)large);
    assert_int_equal(ledger_view_groups(view, LEDGER_BY_TENANT, STR(""), see_group, tenants, &error), OK);
    assert_str_equal(tenants[0].key, "even");
    assert_str_equal(tenants[1].key, "odd");
    assert_true(tenants[1].cost == (ledger_sum)large * 2);
    ledger_view_close(view);
}

/* --- after a crash --- */

static void write_journal(const char *damage)
{
    char dir[128], path[256], id[UUID_LEN + 1];
    struct journal *journal;
    struct error error;
    uint8_t payload[JOURNAL_RECORD_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/journal", test_root);
    assert_int_equal(journal_open(dir, 1 << 20, &journal, &error), OK);
    for (uint64_t i = 0; i < 20; i++) {
        struct ledger_line line = make_line(id, i);
        line.outcome = LEDGER_FAILED;
        line.first_token_us = LEDGER_NO_TOKEN;
        size_t len = ledger_line_encode(&line, payload);
        assert_int_equal(journal_append(journal, LEDGER_ACCEPTED, (struct str){(char *)payload, len}, 0, &error), OK);
        if (i % 4 == 0)
            continue;
        complete_line(&line, i);
        len = ledger_line_encode(&line, payload);
        assert_int_equal(journal_append(journal, LEDGER_FINISHED, (struct str){(char *)payload, len}, 0, &error), OK);
    }
    assert_int_equal(journal_append(journal, 99, STR("from the future"), 0, &error), OK);
    assert_int_equal(journal_append(journal, LEDGER_FINISHED, STR("no line"), 0, &error), OK);
    journal_close(journal);
    if (!damage)
        return;
    (void)snprintf(path, sizeof(path), "%s/000000000001.journal", dir);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, damage, strlen(damage)), (ssize_t)strlen(damage));
    close(fd);
}

static void count_files(const char *suffix, size_t expected)
{
    char command[256];
    (void)snprintf(command, sizeof(command), "test $(ls %s/journal | grep -c '%s$') = %zu", test_root, suffix,
                   expected);
    assert_int_equal(system(command), 0);
}

static void past_is_settled(void **state)
{
    (void)state;
    static const struct {
        const char *damage;
        size_t kept_aside;
    } cases[] = {{NULL, 0}, {"torn", 0}, {"0123456789abcdefghijklmnopqrstuvwxyz", 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shown shown = {0};
        write_journal(cases[i].damage);
        ledger_close(open_ledger());
        show(&shown);
        assert_int_equal(shown.count, 20);
        assert_int_equal(shown.outcomes[LEDGER_FAILED], 5);
        assert_int_equal(shown.outcomes[LEDGER_COMPLETED], 15);
        count_files(".damaged", cases[i].kept_aside);
        count_files(".journal", 0);
        assert_int_equal(test_root_remove(NULL), 0);
        assert_int_equal(test_root_make(NULL), 0);
    }
}

/* --- files that are not as they should be --- */

static void refuse_to_open(const char *part)
{
    struct ledger *ledger;
    struct error error;
    assert_int_not_equal(ledger_open(test_root, book, &ledger, &error), OK);
    if (!strstr(error.message, part))
        print_error("'%s' is not in '%s'\n", part, error.message);
    assert_non_null(strstr(error.message, part));
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", test_root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void exec_db(const char *text)
{
    char path[128];
    struct sql *sql;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/ledger.db", test_root);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), OK);
    if (sql_exec(sql, text, &error) != OK)
        fail_msg("%s", error.message);
    sql_close(sql);
}

/* What the first version of the program made, with so many lines. */
static void make_early_db(unsigned count)
{
    char text[512];
    exec_db("CREATE TABLE line (request_id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL, tenant TEXT NOT NULL, "
            "dialect TEXT NOT NULL, operation TEXT NOT NULL, model_requested TEXT NOT NULL, model_invoked TEXT NOT "
            "NULL, tier TEXT NOT NULL, input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, "
            "cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL, output_tokens INTEGER "
            "NOT NULL, latency_us INTEGER NOT NULL, first_token_us INTEGER, outcome TEXT NOT NULL, price TEXT NOT "
            "NULL, baseline_price TEXT NOT NULL, cost INTEGER NOT NULL, baseline INTEGER NOT NULL, saved_route "
            "INTEGER NOT NULL, saved_distil INTEGER NOT NULL, saved_cache INTEGER NOT NULL, saved_tier INTEGER NOT "
            "NULL) STRICT;"
            "CREATE TABLE price (name TEXT NOT NULL UNIQUE, rates TEXT NOT NULL) STRICT;"
            "CREATE TRIGGER line_keep BEFORE UPDATE ON line BEGIN SELECT RAISE(ABORT, 'lines are never changed'); "
            "END;"
            "CREATE TRIGGER line_stay BEFORE DELETE ON line BEGIN SELECT RAISE(ABORT, 'lines are never deleted'); "
            "END;"
            "INSERT INTO price VALUES ('early@1/a/b', '[]');"
            "PRAGMA user_version = 1;");
    (void)snprintf(text, sizeof(text),
                   "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < %u) "
                   "INSERT INTO line SELECT 'early' || value, value, 't', 'bedrock', 'Converse', 'm', 'm', 'default', "
                   "1, 0, 0, 0, 1, 0, NULL, 'completed', 'p', 'p', 7, 7, 0, 0, 0, 0 FROM n", count);
    exec_db(text);
}

static void damaged_files(void **state)
{
    (void)state;
    struct ledger_view *view;
    struct error error;
    assert_int_equal(ledger_view_open(test_root, &view, &error), ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "there is no ledger at"));
    write_file("ledger.db", "this is not a database, not at all. ");
    refuse_to_open("ledger: the ledger is damaged (move the file away to begin a new one)");
    assert_int_not_equal(ledger_view_open(test_root, &view, &error), OK);
    write_file("ledger.db", "");
    assert_int_equal(ledger_view_open(test_root, &view, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "is not a ledger"));
    ledger_close(open_ledger()); /* an empty file is a new database */
    exec_db("PRAGMA user_version = 9");
    refuse_to_open("made by a newer version");
    exec_db("PRAGMA user_version = 8; UPDATE price SET rates = 'other', checksum = seal(name, 'other') "
            "WHERE name = 'bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1'");
    refuse_to_open("bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1 has other prices than those that lines of the");
    (void)snprintf(error.message, sizeof(error.message), "%s/ledger.db", test_root);
    assert_int_equal(unlink(error.message), 0);
    (void)snprintf(error.message, sizeof(error.message), "%s/journal", test_root);
    assert_int_equal(rmdir(error.message), 0); /* it was left empty */
    write_file("journal", "a file where the directory should be");
    refuse_to_open("journal");
    assert_int_equal(test_root_remove(NULL), 0);
    (void)snprintf(test_root, sizeof(test_root), "/proc/self");
    refuse_to_open("ledger");
    assert_int_equal(test_root_make(NULL), 0);
}

struct keyed {
    char keys[8][64];
    uint64_t requests[8];
    size_t count;
};

static enum error_code see_key(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct keyed *keyed = ctx;
    (void)error;
    (void)snprintf(keyed->keys[keyed->count], sizeof(keyed->keys[0]), STR_FMT, STR_ARG(group->key));
    keyed->requests[keyed->count++] = group->outcomes[LEDGER_COMPLETED];
    return OK;
}

static void sums_by(enum ledger_by by, const char *tag, struct keyed *keyed)
{
    struct ledger_view *view;
    struct error error;
    *keyed = (struct keyed){0};
    if (ledger_view_open(test_root, &view, &error) != OK ||
        ledger_view_groups(view, by, str_of(tag), see_key, keyed, &error) != OK)
        fail_msg("%s", error.message);
    ledger_view_close(view);
}

/* Profiles and their tags, and a database of before there were any. */
static void profiles_and_tags(void **state)
{
    (void)state;
    char id[UUID_LEN + 1];
    struct error error;
    struct keyed keyed;
    struct ledger *ledger;
    make_early_db(1);
    sums_by(LEDGER_BY_PROFILE, "", &keyed); /* read before any server brings it up to date */
    assert_true(keyed.count == 1 && keyed.requests[0] == 1 && keyed.keys[0][0] == '\0');
    ledger = open_ledger();
    static const char *const tags[] = {"{\"team\":\"a\",\"x.y z\":\"1\"}", "{\"team\":\"b\"}",
                                       "{\"team\":\"a\"}"};
    for (uint64_t i = 0; i < 3; i++) {
        struct ledger_line line = make_line(id, i);
        line.profile = i ? STR("arn:one") : STR("arn:two");
        line.tags = str_of(tags[i]);
        assert_int_equal(ledger_accept(ledger, &line, &error), OK);
        complete_line(&line, i);
        assert_int_equal(ledger_finish(ledger, &line, &error), OK);
    }
    ledger_close(ledger);
    sums_by(LEDGER_BY_PROFILE, "", &keyed);
    assert_int_equal(keyed.count, 3);
    assert_string_equal(keyed.keys[1], "arn:one");
    assert_int_equal(keyed.requests[1], 2);
    sums_by(LEDGER_BY_TAG, "team", &keyed);
    assert_int_equal(keyed.count, 3);
    assert_true(!strcmp(keyed.keys[0], "") && !strcmp(keyed.keys[1], "a") && !strcmp(keyed.keys[2], "b"));
    assert_int_equal(keyed.requests[1], 2);
    sums_by(LEDGER_BY_TAG, "x.y z", &keyed);
    assert_true(keyed.count == 2 && !strcmp(keyed.keys[1], "1") && keyed.requests[0] == 3);
}

static void lines_are_never_changed(void **state)
{
    (void)state;
    char path[128];
    struct sql *sql;
    struct error error;
    struct ledger *ledger = open_ledger();
    accept_and_finish(ledger, 1);
    ledger_close(ledger);
    (void)snprintf(path, sizeof(path), "%s/ledger.db", test_root);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), OK);
    assert_int_equal(sql_exec(sql, "UPDATE line SET cost = 0", &error), ERROR_CONFLICT);
    assert_non_null(strstr(error.message, "lines are never changed"));
    assert_int_equal(sql_exec(sql, "DELETE FROM line", &error), ERROR_CONFLICT);
    sql_close(sql);
}

/* --- checksums --- */

struct found {
    size_t counts[LEDGER_DAMAGES];
    int64_t row; /* of the last line or price row */
};

static void find(void *ctx, const struct ledger_damage *damage)
{
    struct found *found = ctx;
    found->counts[damage->kind]++;
    if (damage->kind != LEDGER_DAMAGED_FILE)
        found->row = damage->row;
}

static struct ledger_checked check(struct found *found)
{
    struct ledger_checked checked;
    struct error error;
    *found = (struct found){.row = 0};
    if (ledger_check(test_root, find, found, &checked, &error) != OK)
        fail_msg("%s", error.message);
    assert_int_equal(checked.damages, found->counts[0] + found->counts[1] + found->counts[2]);
    return checked;
}

static uint64_t damages_in_view(void)
{
    struct ledger_view *view;
    struct error error;
    uint64_t count;
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    assert_int_equal(ledger_view_damages(view, &count, &error), OK);
    ledger_view_close(view);
    return count;
}

static void write_lines(unsigned count)
{
    struct ledger *ledger = open_ledger();
    for (unsigned i = 1; i <= count; i++)
        accept_and_finish(ledger, i);
    assert_true(ledger_close(ledger));
}

static void every_changed_column_is_named(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "request_id = request_id || 'x'", "time_us = time_us + 1", "tenant = 'defatlt'", "dialect = ''",
        "operation = 'converse'", "model_requested = 'a'", "model_invoked = 'a'", "tier = 'flex'",
        "input_tokens = input_tokens + 1", "cache_read_tokens = 0", "cache_write_5m_tokens = 0",
        "cache_write_1h_tokens = 0", "output_tokens = 4", "latency_us = latency_us * 2", "first_token_us = NULL",
        "outcome = 'failed'", "price = ''", "baseline_price = ''", "cost = cost - 1", "baseline = baseline + 1",
        "saved_route = 0", "saved_distil = 1", "saved_cache = -saved_cache", "saved_tier = saved_tier + 256",
        "saved_shadow = NULL", "saved_response = 1", "profile = 'a'", "tags = '{}'", "checksum = checksum + 1",
        "checksum = NULL",
        "tier = 'defaulu'", "outcome = 'complfted'", "price = baseline_price, baseline_price = price || ''",
        "input_tokens = output_tokens, output_tokens = input_tokens"};
    struct found found;
    char text[2048];
    write_lines(5);
    assert_int_equal(check(&found).damages, 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        (void)snprintf(text, sizeof(text), "DROP TRIGGER line_keep; CREATE TABLE kept AS SELECT "
                                           LEDGER_LINE_COLUMNS ", checksum FROM line WHERE rowid = 3; "
                                           "UPDATE line SET %s WHERE rowid = 3", changes[i]);
        exec_db(text);
        const bool is_same = i == 32; /* both names are equal here: nothing changed */
        const struct ledger_checked checked = check(&found);
        if (checked.damages != !is_same || found.counts[LEDGER_DAMAGED_LINE] != !is_same)
            fail_msg("%s: %d damages", changes[i], (int)checked.damages);
        assert_int_equal(damages_in_view(), !is_same);
        assert_true(is_same || found.row == 3);
        assert_true(checked.lines == 5 && checked.unsealed == 0);
        ledger_close(open_ledger()); /* starts all the same */
        exec_db("DELETE FROM price WHERE name = ''; DROP TRIGGER line_stay; DELETE FROM line WHERE rowid = 3;"
                "INSERT INTO line (rowid, " LEDGER_LINE_COLUMNS ", checksum) SELECT 3, * FROM kept; DROP TABLE kept;"
                "CREATE TRIGGER line_stay BEFORE DELETE ON line BEGIN SELECT 1; END;"
                "CREATE TRIGGER line_keep BEFORE UPDATE ON line BEGIN SELECT 1; END;");
        assert_int_equal(check(&found).damages, 0);
    }
}

/* A flipped bit in the schema renames a column: a damage of the file, and no end of the check. */
static void columns_that_are_not_there(void **state)
{
    (void)state;
    struct found found;
    write_lines(2);
    exec_db("ALTER TABLE line RENAME COLUMN model_invoked TO model_invokef");
    assert_int_equal(check(&found).lines, 2);
    assert_int_equal(found.counts[LEDGER_DAMAGED_FILE], 1);
    exec_db("ALTER TABLE price RENAME COLUMN rates TO rated");
    assert_int_equal(check(&found).damages, 2);
    assert_int_equal(found.counts[LEDGER_DAMAGED_FILE], 2);
}

static void price_rows_that_are_damaged(void **state)
{
    (void)state;
    static const char *const changes[] = {"rates = replace(rates, '8', '9')", "name = name || 'x'", "rates = ''",
                                          "checksum = checksum + 1", "checksum = NULL"};
    struct found found;
    char text[256];
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        write_lines(1);
        (void)snprintf(text, sizeof(text), "UPDATE price SET %s WHERE name = "
                                           "'bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1'", changes[i]);
        exec_db(text);
        for (int start = 0; start < 2; start++) {
            assert_int_equal(check(&found).damages, 1);
            assert_int_equal(found.counts[LEDGER_DAMAGED_PRICE], 1);
            assert_int_equal(damages_in_view(), 1);
            ledger_close(open_ledger()); /* it is not the book's fault: no start is refused */
        }
        assert_int_equal(test_root_remove(NULL), 0);
        assert_int_equal(test_root_make(NULL), 0);
    }
}

/* Rows are compared as numbers: what was noted before a tier or a class was known stops no start and is completed, what
 * a later program noted besides stays, and a number that differs is another price. */
static void price_rows_that_know_less_or_more(void **state)
{
    (void)state;
    static const struct {
        const char *rates; /* SQL over the row's own */
        bool is_refused, is_completed;
    } rows[] = {
        {"json_remove(rates, '$[0].flex', '$[0].batch')", false, true},
        {"json_remove(rates, '$[0].default.cacheWrite1h', '$[0].flex.cacheWrite1h')", false, true},
        {"json_set(rates, '$[0].express', json_object('input', 5), '$[0].default.reasoning', 7)", false, false},
        {"json_set(json_remove(rates, '$[0].batch'), '$[0].default.input', 1)", true, false},
        {"json_set(rates, '$[0].above', 1)", true, false},
        {"json_set(rates, '$[1]', json_extract(rates, '$[0]'))", true, false},
        {"' ' || replace(rates, ',', ' , ')", false, false},
    };
    char text[512];
    struct found found;
    ledger_close(open_ledger());
    exec_db("CREATE TABLE kept AS SELECT * FROM price WHERE name = "
            "'bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1'");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(text, sizeof(text), "UPDATE price SET rates = %s WHERE name = (SELECT name FROM kept);"
                                           "UPDATE price SET checksum = seal(name, rates)", rows[i].rates);
        exec_db(text);
        if (rows[i].is_refused)
            refuse_to_open("bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1 has other prices than those that lines");
        else
            ledger_close(open_ledger());
        (void)snprintf(text, sizeof(text), "CREATE TABLE now AS SELECT count(*) AS n FROM price JOIN kept USING (name, "
                                           "rates); CREATE TABLE u (n INTEGER CHECK (n = %d)); INSERT INTO u SELECT n "
                                           "FROM now; DROP TABLE now; DROP TABLE u", rows[i].is_completed);
        exec_db(text); /* a row that was completed is as it was made */
        assert_int_equal(check(&found).damages, 0);
        exec_db("UPDATE price SET (rates, checksum) = (SELECT rates, checksum FROM kept) WHERE name = "
                "(SELECT name FROM kept)");
    }
}

/* A bit of the file, anywhere in the page of a line: what is shown is what was written, or check says it is not. */
static void flipped_bits_are_noticed(void **state)
{
    (void)state;
    char path[128], id[] = "00000000-0000-4000-8000-000000000002";
    static uint8_t bytes[1u << 20];
    struct found found;
    struct shown before = {0};
    write_lines(3);
    show(&before);
    (void)snprintf(path, sizeof(path), "%s/ledger.db", test_root);
    const int fd = open(path, O_RDWR);
    const ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    assert_true(len > 0 && (size_t)len < sizeof(bytes));
    const uint8_t *at = memmem(bytes, (size_t)len, id, sizeof(id) - 1);
    assert_non_null(at);
    const off_t begin = at - bytes - 40, end = at - bytes + 220;
    unsigned noticed = 0;
    for (off_t offset = begin; offset < end; offset++) {
        const uint8_t flipped = bytes[offset] ^ (uint8_t)(1u << (offset % 8));
        assert_int_equal(pwrite(fd, &flipped, 1, offset), 1);
        struct shown after = {0};
        if (check(&found).damages > 0) {
            noticed++;
        } else {
            show(&after);
            assert_memory_equal(&before, &after, sizeof(before));
        }
        assert_int_equal(pwrite(fd, &bytes[offset], 1, offset), 1);
    }
    close(fd);
    assert_true(noticed > 200);
    assert_int_equal(check(&found).damages, 0);
}

/* Lines of before get their checksums, more than one turn's; what was changed afterwards is noticed. */
static void early_lines_are_sealed(void **state)
{
    (void)state;
    struct found found;
    make_early_db(2500);
    struct ledger_checked checked = check(&found);
    assert_true(checked.lines == 2500 && checked.unsealed == 2500 && checked.damages == 0);
    struct ledger *ledger = open_ledger();
    accept_and_finish(ledger, 1);
    for (int i = 0; i < 500 && check(&found).unsealed > 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(ledger_close(ledger));
    checked = check(&found);
    assert_true(checked.lines == 2501 && checked.unsealed == 0 && checked.damages == 0);
    exec_db("DROP TRIGGER line_keep; UPDATE line SET cost = 8 WHERE rowid = 1700;"
            "UPDATE line SET checksum = NULL WHERE rowid = 2; UPDATE price SET rates = '' WHERE name = 'early@1/a/b'");
    assert_int_equal(check(&found).damages, 3);
    assert_int_equal(damages_in_view(), 3);
}

/* While somebody else holds the database, lines go on; they get there afterwards. */
static void database_may_be_busy(void **state)
{
    (void)state;
    struct sql *sql;
    struct error error;
    struct shown shown = {0};
    char path[128];
    struct ledger *ledger = open_ledger();
    int lock = hold_lock();
    (void)snprintf(path, sizeof(path), "%s/ledger.db", test_root);
    assert_int_equal(sql_open(path, SQL_WRITE, &sql, &error), OK);
    assert_int_equal(sql_exec(sql, "BEGIN IMMEDIATE", &error), OK);
    for (uint64_t i = 1; i <= 200; i++) /* by the thread that holds the database: waiting for it would not end well */
        accept_and_finish(ledger, i);
    show(&shown);
    assert_int_equal(shown.count, 200);
    sql_rollback(sql);
    sql_close(sql);
    ledger_close(ledger);
    close(lock);
    show(&shown);
    assert_int_equal(shown.count, 200);
}

static void fill_disk(struct rlimit *before)
{
    assert_int_equal(getrlimit(RLIMIT_FSIZE, before), 0);
    struct rlimit none = *before;
    none.rlim_cur = 100;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void free_disk(const struct rlimit *before)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
}

static void full_disk(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger();
    struct error error;
    struct rlimit before;
    struct ledger_counters counters;
    struct shown shown = {0};
    char ids[3][UUID_LEN + 1];
    struct ledger_line open_line = make_line(ids[0], 1), refused = make_line(ids[1], 2), lost = make_line(ids[2], 3);
    assert_int_equal(ledger_accept(ledger, &open_line, &error), OK);
    assert_int_equal(ledger_accept(ledger, &lost, &error), OK);
    fill_disk(&before);
    enum error_code accepted = ledger_accept(ledger, &refused, &error);
    complete_line(&lost, 3);
    enum error_code finished = ledger_finish(ledger, &lost, &error);
    free_disk(&before);
    assert_int_equal(accepted, ERROR_UNAVAILABLE);
    assert_int_equal(finished, ERROR_IO);
    ledger_counters(ledger, &counters);
    assert_true(counters.errors >= 2 && counters.journal_bytes > 0);
    complete_line(&open_line, 1);
    assert_int_equal(ledger_finish(ledger, &open_line, &error), OK); /* there is space again */
    accept_and_finish(ledger, 4);
    ledger_close(ledger);
    show(&shown);
    assert_int_equal(shown.count, 3); /* not the refused one */
    assert_int_equal(shown.outcomes[LEDGER_COMPLETED], 2);
    assert_int_equal(shown.outcomes[LEDGER_FAILED], 1);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* A flood of one complaint is one line, and does not keep another out of the log. */
static void complaints_do_not_hide_each_other(void **state)
{
    (void)state;
    struct error error;
    struct rlimit before;
    char ids[2][UUID_LEN + 1], text[4096];
    struct ledger_line lost = make_line(ids[0], 1), refused = make_line(ids[1], 2);
    int ends[2], standard_error = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    log_configure(LOG_ERROR, LOG_LOGFMT);
    struct ledger *ledger = open_ledger();
    assert_int_equal(ledger_accept(ledger, &lost, &error), OK);
    complete_line(&lost, 1);
    fill_disk(&before);
    (void)dup2(ends[1], STDERR_FILENO);
    uint64_t begin_us = clock_now_us();
    enum error_code codes[] = {ledger_accept(ledger, &refused, &error), ledger_accept(ledger, &refused, &error),
                               ledger_finish(ledger, &lost, &error)};
    bool is_one_second = clock_now_us() - begin_us < 1000000;
    free_disk(&before);
    ledger_close(ledger);
    (void)dup2(standard_error, STDERR_FILENO);
    log_configure(LOG_OFF, LOG_LOGFMT);
    ssize_t len = read(ends[0], text, sizeof(text) - 1);
    close(standard_error);
    close(ends[0]);
    close(ends[1]);
    assert_true(len > 0);
    text[len] = '\0';
    assert_true(codes[0] != OK && codes[1] != OK && codes[2] != OK);
    assert_int_equal(occurrences(text, "ledger lost the end of a request"), 1);
    assert_true(occurrences(text, "ledger refuses new requests") == 1 || !is_one_second);
}

static void open_out_of_memory(void **state)
{
    (void)state;
    struct error error = {.code = OK};
    enum error_code code = ERROR_NO_MEMORY;
    ledger_close(open_ledger());
    write_journal(NULL);
    for (uint64_t n = 1; code != OK; n++) {
        struct ledger *ledger = NULL;
        mem_fail_at(n);
        code = ledger_open(test_root, book, &ledger, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        ledger_close(ledger);
    }
    struct shown shown = {0};
    show(&shown);
    assert_int_equal(shown.count, 20);
    code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct ledger_view *view = NULL;
        mem_fail_at(n);
        code = ledger_view_open(test_root, &view, &error);
        mem_fail_at(0);
        assert_true(code == OK || code == ERROR_NO_MEMORY);
        ledger_view_close(view);
    }
}

/* --- kill -9 --- */

#define KILLS 30
#define CLIENTS 3
#define NUMBERS_MAX 400000u

/* What a client was told, in memory that outlives the killed process. */
enum { TOLD_NOTHING, TOLD_REFUSED, TOLD_RUNNING, TOLD_DONE };
struct told {
    _Atomic uint64_t next;
    _Atomic uint8_t state[NUMBERS_MAX];
};

struct client {
    struct ledger *ledger;
    struct told *told;
};

static void *be_client(void *ctx)
{
    struct client *client = ctx;
    struct error error;
    char id[UUID_LEN + 1];
    for (uint64_t number; (number = atomic_fetch_add(&client->told->next, 1)) < NUMBERS_MAX;) {
        struct ledger_line line = make_line(id, number);
        if (ledger_accept(client->ledger, &line, &error) != OK) {
            atomic_store(&client->told->state[number], TOLD_REFUSED);
            continue;
        }
        atomic_store(&client->told->state[number], TOLD_RUNNING);
        complete_line(&line, number);
        if (ledger_finish(client->ledger, &line, &error) == OK)
            atomic_store(&client->told->state[number], TOLD_DONE);
    }
    return NULL;
}

static void serve_until_killed(struct told *told, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct ledger *ledger;
    struct error error;
    if (getppid() != parent || ledger_open(test_root, book, &ledger, &error) != OK)
        _exit(1);
    struct client client = {ledger, told};
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        if (pthread_create(&threads[i], NULL, be_client, &client))
            _exit(1);
    for (int i = 0; i < CLIENTS; i++)
        (void)pthread_join(threads[i], NULL);
    _exit(0);
}

/* Exactly one line for each request that was accepted: completed if the client saw the end; if it
 * saw only the beginning, completed or failed; and none for what was never let in. */
static void compare(const struct told *told, const struct shown *shown)
{
    uint64_t lost = 0, invented = 0, between = 0;
    for (uint64_t i = 0; i < NUMBERS_MAX; i++) {
        uint8_t state = atomic_load(&told->state[i]), seen = shown->seen[i];
        if (state == TOLD_DONE)
            lost += seen != 1 + LEDGER_COMPLETED;
        else if (state == TOLD_RUNNING)
            lost += seen == 0;
        else if (state == TOLD_REFUSED)
            invented += seen != 0;
        else
            between += seen != 0; /* accepted, but killed before the client was told */
    }
    assert_int_equal(lost, 0);
    assert_int_equal(invented, 0);
    assert_true(between <= KILLS * CLIENTS);
}

static void killed_at_random_points(void **state)
{
    (void)state;
    struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    struct rng rng;
    rng_seed(&rng, clock_wall_us());
    pid_t parent = getpid();
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            serve_until_killed(told, parent);
        assert_true(pid > 0);
        (void)usleep((useconds_t)(5000 + rng_below(&rng, 150000)));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    struct shown shown = {.seen = mem_must_calloc(NUMBERS_MAX, 1), .seen_max = NUMBERS_MAX};
    show(&shown); /* beside the ruins */
    compare(told, &shown);
    uint64_t count = shown.count;
    memset(shown.seen, 0, NUMBERS_MAX);
    ledger_close(open_ledger());
    show(&shown); /* after the next start: the same */
    compare(told, &shown);
    assert_int_equal(shown.count, count);
    print_message("%d kills, %llu lines: %llu completed, %llu failed\n", KILLS, (unsigned long long)shown.count,
                  (unsigned long long)shown.outcomes[LEDGER_COMPLETED],
                  (unsigned long long)shown.outcomes[LEDGER_FAILED]);
    mem_free(shown.seen);
    (void)munmap(told, sizeof(*told));
}

/* --- what it costs --- */

static void cost_of_a_line(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct ledger *ledger = open_ledger();
    struct timespec cpu_begin, cpu_end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_begin);
    uint64_t begin = clock_now_us();
    for (uint64_t i = 1; i <= COUNT; i++)
        accept_and_finish(ledger, i);
    uint64_t written = clock_now_us();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_end);
    double cpu_us = (double)(cpu_end.tv_sec - cpu_begin.tv_sec) * 1e6;
    cpu_us += (double)(cpu_end.tv_nsec - cpu_begin.tv_nsec) / 1e3;
    ledger_close(ledger);
    uint64_t drained = clock_now_us();
    print_message("two records of a request: %.2f us of CPU, %.2f us by the clock; %.2f us more to be in ledger.db\n",
                  cpu_us / COUNT, (double)(written - begin) / COUNT, (double)(drained - written) / COUNT);
    struct shown shown = {0};
    show(&shown);
    assert_int_equal(shown.count, COUNT);
}

int main(void)
{
#define EACH_IN_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, test_root_make, test_root_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_encoded_whole),
        cmocka_unit_test(lines_follow_each_other),
        cmocka_unit_test(lines_of_earlier_programs),
        EACH_IN_ITS_OWN(lines_show_at_once),
        EACH_IN_ITS_OWN(refused_requests_leave_nothing),
        EACH_IN_ITS_OWN(sums_are_exact),
        EACH_IN_ITS_OWN(past_is_settled),
        EACH_IN_ITS_OWN(damaged_files),
        EACH_IN_ITS_OWN(profiles_and_tags),
        EACH_IN_ITS_OWN(lines_are_never_changed),
        EACH_IN_ITS_OWN(every_changed_column_is_named),
        EACH_IN_ITS_OWN(columns_that_are_not_there),
        EACH_IN_ITS_OWN(price_rows_that_are_damaged),
        EACH_IN_ITS_OWN(price_rows_that_know_less_or_more),
        EACH_IN_ITS_OWN(flipped_bits_are_noticed),
        EACH_IN_ITS_OWN(early_lines_are_sealed),
        EACH_IN_ITS_OWN(database_may_be_busy),
        EACH_IN_ITS_OWN(full_disk),
        EACH_IN_ITS_OWN(complaints_do_not_hide_each_other),
        EACH_IN_ITS_OWN(open_out_of_memory),
        EACH_IN_ITS_OWN(killed_at_random_points),
        EACH_IN_ITS_OWN(cost_of_a_line),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
