/* ledger_fixture.h - lines of a ledger, told apart by all that questions ask for, and the places where they may lie: in
 * ledger.db, summed or not, in the journal, or in both. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "cmd/sections.h"
#include "core/config.h"
#include "core/util.h"
#include "ledger/drain.h"
#include "ledger/ledger.h"
#include "ledger/summing.h"
#include "store/sql.h"

#define BEGIN_US UINT64_C(1795564800000000) /* 2026-11-25 00:00:00 UTC */
#define DAY_US UINT64_C(86400000000)
#define LINES 1200
#define IN_DB 900 /* of them; the rest is in the journal, some in both */
#define SUMMED 600

static struct config config;
static struct price_book *book;

static int load(void **state)
{
    struct error error;
    return test_root_make(state) || config_parse(STR(""), NULL, program_sections, &config, &error) ||
           price_book_load(&config, &book, &error);
}

static int unload(void **state)
{
    price_book_free(book);
    config_deinit(&config);
    return test_root_remove(state);
}

/* --- lines ------------------------------------------------------------------------------------------ */

static struct ledger_line lines[LINES];
static char ids[LINES][UUID_LEN + 1];

static void make_lines(struct rng *rng)
{
    static const char *const tenants[] = {"acme", "globex", "hooli"}, *const models[] = {"large", "small"};
    static const char *const keys[] = {"", "FKweb", "FKjobs"};
    static const char *const reasons[] = {"", "expired", "first-use"};
    static const char *const tags[] = {"", "{\"team\":\"a\"}", "{\"team\":\"b\",\"x\":\"1\"}"};
    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "00000000-0000-4000-8000-%012zu", i);
        const uint64_t day = rng_below(rng, 4) * DAY_US; /* most lines share a minute with others */
        lines[i] = (struct ledger_line){
            .request_id = str_of(ids[i]), .tenant = str_of(tenants[rng_below(rng, 3)]), .dialect = STR("bedrock"),
            .operation = rng_below(rng, 2) ? STR("Converse") : STR("InvokeModel"), .model_requested = STR("m"),
            .model_invoked = str_of(models[rng_below(rng, 2)]), .price = STR("p"), .baseline_price = STR("p"),
            .tags = str_of(tags[rng_below(rng, 3)]), .miss_reason = str_of(reasons[rng_below(rng, 3)]),
            .key = str_of(keys[rng_below(rng, 3)]),
            .provider = STR(LEDGER_PROVIDER_ENGINE), .attempts = 1 + rng_below(rng, 3),
            .time_us = BEGIN_US + day + rng_below(rng, 3) * UINT64_C(7200000000) + rng_below(rng, 400000000),
            .tier = (enum tier)rng_below(rng, TIERS), .outcome = (enum ledger_outcome)rng_below(rng, LEDGER_OUTCOMES),
            .usage = {{rng_below(rng, 100), rng_below(rng, 2) * 50, rng_below(rng, 9), 3, rng_below(rng, 40)}},
            .latency_us = rng_below(rng, 5000000), .router_score = LEDGER_ABSENT,
            .first_token_us = rng_below(rng, 2) ? rng_below(rng, 100000) : LEDGER_NO_TOKEN,
            .quote = {.cost = rng_below(rng, 3) * INT64_MAX / 3, .baseline = INT64_MAX - 7, .saved = {-5, 0, 7, 1},
                      .classes = {1, 2, 3, 4, INT64_MAX}},
        };
    }
}

static struct ledger_db *open_db(void)
{
    char path[256];
    struct ledger_db *db;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/" LEDGER_DB_FILE, test_root);
    if (ledger_db_open(path, book, &db, &error) != OK)
        fail_msg("%s", error.message);
    return db;
}

static void write_db(size_t count, uint64_t summed)
{
    struct ledger_db *db = open_db();
    struct summing *summing;
    struct error error;
    bool is_done = false;
    assert_int_equal(ledger_db_begin(db, &error), OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ledger_db_insert(db, &lines[i], &error), OK);
    assert_int_equal(ledger_db_commit(db, &error), OK);
    assert_int_equal(summing_new(ledger_db_sql(db), &summing, &error), OK);
    for (uint64_t done = 0; done < summed && !is_done; done += 200) /* in steps, each adds to the buckets of others */
        assert_int_equal(summing_step(summing, 200, &is_done, &error), OK);
    assert_true(is_done == (summed == count));
    summing_free(summing);
    ledger_db_close(db);
}

static struct journal *open_journal(void)
{
    char path[256];
    struct journal *journal;
    struct error error;
    (void)snprintf(path, sizeof(path), "%s/" LEDGER_JOURNAL_DIR, test_root);
    if (journal_open(path, 1 << 30, &journal, &error) != OK)
        fail_msg("%s", error.message);
    return journal;
}

static void append(struct journal *journal, enum ledger_record type, const struct ledger_line *line)
{
    uint8_t payload[JOURNAL_RECORD_MAX];
    struct error error;
    const size_t len = ledger_line_encode(line, payload);
    assert_true(len > 0);
    assert_int_equal(journal_append(journal, type, (struct str){(char *)payload, len}, 0, &error), OK);
}

static int hold_lock(void)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/lock", test_root);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    return fd;
}

#endif
