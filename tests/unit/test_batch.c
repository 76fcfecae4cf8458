/* Batch jobs without an engine: states, leases, lines, order, the log of results. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "batch/input.h"
#include "batch/job_db.h"
#include "batch/lines.h"
#include "batch/order.h"
#include "batch/record.h"
#include "batch/results.h"
#include "batch/runner.h"
#include "chat_fixture.h"
#include "core/config.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/state.h"

/* --- jobs ------------------------------------------------------------------------------------------- */

static struct jobs *open_db(void)
{
    struct jobs *db;
    struct error error;
    assert_int_equal(job_db_open(test_root, &db, &error), OK);
    return db;
}

static struct batch_job a_job(const char *id, const char *tenant)
{
    struct batch_job job = {.tenant = str_of(tenant),
                            .account = STR("000000000000"),
                            .region = STR("us-east-1"),
                            .name = STR("name"),
                            .token = STR(""),
                            .model_id = STR("tiny"),
                            .role_arn = STR("role"),
                            .input_uri = STR("s3://a/b"),
                            .output_uri = STR("s3://a/c"),
                            .request = STR("{}"),
                            .timeout_hours = 24,
                            .submit_us = 1000,
                            .expires_us = 5000};
    (void)snprintf(job.id, sizeof(job.id), "%s", id);
    return job;
}

static void create(struct jobs *db, const char *id, const char *tenant)
{
    struct batch_job job = a_job(id, tenant);
    struct error error;
    bool is_new;
    assert_int_equal(job_db_create(db, &job, 100, &is_new, &error), OK);
    assert_true(is_new);
}

/* Claims as `owner` at `now`, for 100 us. The job's ID, or "". */
static const char *claim(struct jobs *db, const char *owner, uint64_t now, uint64_t *fence)
{
    static struct batch_job job;
    struct arena arena;
    struct error error;
    struct job_claim held = {.fence = 0};
    bool has_job;
    const struct job_lease lease = {str_of(owner), now, now + 100};
    arena_init(&arena, 0);
    assert_int_equal(job_db_claim(db, &lease, true, &arena, &job, &held, &has_job, &error), OK);
    arena_deinit(&arena);
    *fence = held.fence;
    return has_job ? job.id : "";
}

static struct job_claim claim_of(const char *id, uint64_t fence)
{
    struct job_claim held = {.kind = &batch_job_kind, .fence = fence};
    (void)snprintf(held.id, sizeof(held.id), "%s", id);
    return held;
}

static enum error_code note(struct jobs *db, uint64_t fence)
{
    struct batch_job job = a_job("aaaaaaaaaaaa", "a");
    struct error error;
    const struct job_claim held = claim_of(job.id, fence);
    return job_db_note(db, &job, &held, 1400, &error);
}

static bool move(struct jobs *db, const char *id, uint64_t fence, enum batch_status from, enum batch_status to)
{
    struct batch_job job = a_job(id, "a");
    struct error error;
    bool has_moved;
    const struct job_claim held = claim_of(id, fence);
    const struct job_move step = {from, to, batch_status_has_ended(to)};
    enum error_code code = job_db_move(db, &job, &held, &step, 2000, &has_moved, &error);
    assert_true(code == OK || code == ERROR_CONFLICT);
    return code == OK && has_moved;
}

static void a_claim_that_ran_out_writes_nothing(void **state)
{
    (void)state;
    struct jobs *db = open_db();
    uint64_t first, second, third;
    struct error error;
    create(db, "aaaaaaaaaaaa", "a");
    assert_string_equal(claim(db, "one", 1000, &first), "aaaaaaaaaaaa");
    assert_string_equal(claim(db, "two", 1050, &second), ""); /* the lease holds */
    const struct job_lease longer = {STR("one"), 1050, 1300};
    assert_int_equal(jobs_renew(db, &longer, &error), OK);
    assert_string_equal(claim(db, "two", 1250, &second), "");
    assert_string_equal(claim(db, "two", 1350, &second), "aaaaaaaaaaaa");
    assert_true(second > first);
    assert_int_equal(note(db, first), ERROR_CONFLICT);
    assert_false(move(db, "aaaaaaaaaaaa", first, BATCH_SUBMITTED, BATCH_VALIDATING));
    assert_true(move(db, "aaaaaaaaaaaa", second, BATCH_SUBMITTED, BATCH_VALIDATING));
    assert_int_equal(note(db, second), OK);
    jobs_close(db);
    db = open_db(); /* whoever held it is gone */
    assert_string_equal(claim(db, "three", 1360, &third), "aaaaaaaaaaaa");
    assert_true(third > second);
    jobs_close(db);
}

static enum error_code stop(struct jobs *db, struct str tenant)
{
    struct error error;
    return jobs_request_stop(db, &batch_job_kind, tenant, STR("aaaaaaaaaaaa"), 1500, &error);
}

static void stopping_goes_before_what_the_runner_thinks(void **state)
{
    (void)state;
    struct jobs *db = open_db();
    uint64_t fence;
    struct error error;
    unsigned status;
    create(db, "aaaaaaaaaaaa", "a");
    (void)claim(db, "one", 1000, &fence);
    assert_int_equal(stop(db, STR("b")), ERROR_NOT_FOUND);
    assert_int_equal(stop(db, STR("a")), OK);
    assert_int_equal(stop(db, STR("a")), OK);
    assert_false(move(db, "aaaaaaaaaaaa", fence, BATCH_SUBMITTED, BATCH_VALIDATING));
    const struct job_claim held = claim_of("aaaaaaaaaaaa", fence);
    assert_int_equal(jobs_status(db, &held, &status, &error), OK);
    assert_int_equal(status, BATCH_STOPPING);
    assert_true(move(db, "aaaaaaaaaaaa", fence, BATCH_STOPPING, BATCH_STOPPED));
    assert_int_equal(stop(db, STR("a")), ERROR_CONFLICT);
    jobs_close(db);
}

static void tenants_take_turns(void **state)
{
    (void)state;
    struct jobs *db = open_db();
    uint64_t fence;
    create(db, "aaaaaaaaaaa1", "a");
    create(db, "aaaaaaaaaaa2", "a");
    create(db, "bbbbbbbbbbb1", "b");
    assert_string_equal(claim(db, "one", 1000, &fence), "aaaaaaaaaaa1");
    assert_string_equal(claim(db, "one", 1000, &fence), "bbbbbbbbbbb1");
    assert_string_equal(claim(db, "one", 1000, &fence), "aaaaaaaaaaa2");
    assert_string_equal(claim(db, "one", 5000, &fence), ""); /* its own, whatever the time */
    jobs_close(db);
}

static void jobs_that_wait_too_long_expire(void **state)
{
    (void)state;
    struct jobs *db = open_db();
    uint64_t fence;
    struct error error;
    bool is_live;
    create(db, "aaaaaaaaaaa1", "a");
    assert_string_equal(claim(db, "one", 1000, &fence), "aaaaaaaaaaa1");
    create(db, "aaaaaaaaaaa2", "a");
    assert_int_equal(job_db_expire(db, 4999, &error), OK);
    assert_int_equal(jobs_is_live(db, STR("aaaaaaaaaaa2"), &is_live, &error), OK);
    assert_true(is_live);
    assert_int_equal(job_db_expire(db, 5000, &error), OK);
    assert_int_equal(jobs_is_live(db, STR("aaaaaaaaaaa2"), &is_live, &error), OK);
    assert_false(is_live);
    assert_int_equal(jobs_is_live(db, STR("aaaaaaaaaaa1"), &is_live, &error), OK); /* its runner sees to it */
    assert_true(is_live);
    jobs_close(db);
}

/* Whatever allocation fails around a claim, the job is ours and at work, or can still be had. */
static void a_claim_without_memory_leaves_the_job(void **state)
{
    (void)state;
    struct config config = {.data = test_root};
    struct batch_options options = {.config = &config};
    struct runner runner = {.options = &options, .store = open_db(), .owner = "one"};
    create(runner.store, "aaaaaaaaaaaa", "a");
    bool is_claimed = false;
    for (uint64_t n = 1; n < 100 && !is_claimed; n++) {
        mem_fail_at(n);
        is_claimed = runner_claim(&runner);
        mem_fail_at(0);
    }
    assert_true(is_claimed);
    assert_int_equal(runner.job_count, 1);
    assert_string_equal(runner.jobs->job.id, "aaaaaaaaaaaa");
    assert_non_null(strstr(runner.jobs->dir, "/batch/aaaaaaaaaaaa"));
    assert_false(runner_claim(&runner));
    active_free(runner.jobs);
    jobs_close(runner.store);
}

/* The same request again, while memory runs out: the same job, or no memory; never a request with other parameters. */
static void a_repeated_request_without_memory(void **state)
{
    (void)state;
    struct batch_job job = a_job("aaaaaaaaaaaa", "a");
    struct error error;
    bool is_new;
    enum error_code code = ERROR_NO_MEMORY;
    job.token = STR("token");
    struct jobs *db = open_db();
    assert_int_equal(job_db_create(db, &job, 100, &is_new, &error), OK);
    for (uint64_t n = 1; n < 100 && code != OK; n++) {
        struct batch_job again = a_job("bbbbbbbbbbbb", "a");
        again.token = STR("token");
        mem_fail_at(n);
        code = job_db_create(db, &again, 100, &is_new, &error);
        mem_fail_at(0);
        assert_true(code == ERROR_NO_MEMORY || (code == OK && !is_new && !strcmp(again.id, "aaaaaaaaaaaa")));
    }
    assert_int_equal(code, OK);
    jobs_close(db);
}

/* Its terms are damaged: it fails, and says so; the next one is claimed. */
static void an_unreadable_job_stands_in_nobodys_way(void **state)
{
    (void)state;
    struct jobs *db = open_db();
    struct sql *sql;
    struct error error;
    struct batch_job job;
    struct arena arena;
    struct job_claim held;
    const struct job_lease lease = {STR("one"), 1000, 1100};
    bool has_job;
    create(db, "aaaaaaaaaaa1", "a");
    create(db, "aaaaaaaaaaa2", "a");
    assert_int_equal(state_open(test_root, &sql, &error), OK);
    assert_int_equal(sql_exec(sql, "UPDATE job SET terms = '{' WHERE id = 'aaaaaaaaaaa1'", &error), OK);
    arena_init(&arena, 0);
    assert_int_equal(job_db_claim(db, &lease, true, &arena, &job, &held, &has_job, &error), ERROR_INTERNAL);
    assert_false(has_job);
    assert_non_null(strstr(error.message, "aaaaaaaaaaa1"));
    assert_int_equal(job_db_claim(db, &lease, true, &arena, &job, &held, &has_job, &error), OK);
    assert_true(has_job && !strcmp(job.id, "aaaaaaaaaaa2"));
    assert_int_equal(sql_exec(sql, "UPDATE job SET terms = '{}' WHERE id = 'aaaaaaaaaaa1'", &error), OK);
    assert_int_equal(job_db_get(db, &batch_job_kind, STR("a"), STR("aaaaaaaaaaa1"), &arena, &job, &error), OK);
    assert_int_equal(job.status, BATCH_FAILED);
    assert_true(str_find(job.message, STR("cannot read"), 0) >= 0);
    arena_deinit(&arena);
    sql_close(sql);
    jobs_close(db);
}

static void check_tags(struct jobs *db, const char *id, const char *wanted)
{
    struct error error;
    struct arena arena;
    struct job_tags tags;
    char text[256] = "";
    arena_init(&arena, 0);
    assert_int_equal(jobs_tags(db, id, &arena, &tags, &error), OK);
    for (size_t i = 0; i < tags.count; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, STR_FMT "=" STR_FMT ";", STR_ARG(tags.items[i].key),
                       STR_ARG(tags.items[i].value));
    }
    assert_string_equal(text, wanted);
    arena_deinit(&arena);
}

static void tags_come_with_the_job_and_change_later(void **state)
{
    (void)state;
    struct job_tag two[] = {{STR("b"), STR("1")}, {STR("a"), STR("")}}, one[] = {{STR("b"), STR("2")}};
    const struct str gone[] = {STR("a"), STR("z")};
    struct batch_job job = a_job("aaaaaaaaaaa1", "a");
    struct error error;
    bool is_new;
    struct jobs *db = open_db();
    job.tags = (struct job_tags){two, 2};
    assert_int_equal(job_db_create(db, &job, 100, &is_new, &error), OK);
    create(db, "aaaaaaaaaaa2", "a");
    check_tags(db, "aaaaaaaaaaa1", "a=;b=1;");
    check_tags(db, "aaaaaaaaaaa2", "");
    const struct job_tags changed = {one, 1};
    assert_int_equal(jobs_tag(db, &batch_job_kind, "aaaaaaaaaaa1", &changed, &error), OK);
    assert_int_equal(jobs_untag(db, "aaaaaaaaaaa1", gone, 2, &error), OK);
    jobs_close(db);
    db = open_db();
    check_tags(db, "aaaaaaaaaaa1", "b=2;");
    jobs_close(db);
}

/* --- lines and records ------------------------------------------------------------------------------ */

static enum error_code join(void *ctx, const struct line *line, struct error *error)
{
    (void)error;
    buf_appendf(ctx, "%llu%s:" STR_FMT "|", (unsigned long long)line->number, line->is_too_long ? "!" : "",
                STR_ARG(line->text));
    return OK;
}

static void lines_come_whole(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBFone\r\n\n  \ntwo two\n1234567890\n12345678901\nlast";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct line_reader reader;
        struct error error;
        struct buf out;
        buf_init(&out, 1000);
        line_reader_init(&reader, 10, join, &out);
        struct str rest = STR(text);
        for (; rest.len > 0; rest = str_slice(rest, piece, rest.len))
            assert_int_equal(line_reader_feed(&reader, str_slice(rest, 0, piece), &error), OK);
        assert_int_equal(line_reader_end(&reader, &error), OK);
        line_reader_deinit(&reader);
        assert_str_equal(buf_str(&out), "1:one|4:two two|5:1234567890|6!:1234567890|7:last|");
        buf_deinit(&out);
    }
}

static bool append_line(struct buf *out, struct str text, bool is_json, uint64_t number, struct str outcome)
{
    const struct record_line line = {text, is_json, number, ""};
    return record_append_line(&batch_bedrock_form, out, &line, outcome);
}

static void output_lines(void **state)
{
    (void)state;
    struct buf out;
    struct error error = {.code = ERROR_INVALID, .message = "no \"such\" thing"};
    buf_init(&out, 1000);
    append_line(&out,
                STR("{\"modelInput\":{\"b\":12345678901234567890123,\"a\":[2.50]},\"recordId\":\"x\"}"), false, 3,
                    STR("\"modelOutput\":{}"));
    assert_str_equal(buf_str(&out), "{\"recordId\":\"x\",\"modelInput\":{\"b\":12345678901234567890123,\"a\":[2.50]},"
                     "\"modelOutput\":{}}\n");
    buf_clear(&out);
    batch_bedrock_form.append_error(&out, &error, "");
    assert_str_equal(buf_str(&out), "\"error\":{\"errorCode\":400,\"errorMessage\":\"no \\\"such\\\" thing\"}");
    error.code = ERROR_INTERNAL;
    buf_clear(&out);
    batch_bedrock_form.append_error(&out, &error, "");
    assert_true(str_find(buf_str(&out), STR("such"), 0) < 0);
    buf_clear(&out);
    append_line(&out, STR("{"), false, 41, STR("\"error\":{}"));
    assert_str_equal(buf_str(&out), "{\"recordId\":\"R0000000042\",\"modelInput\":null,\"error\":{}}\n");
    buf_deinit(&out);
}

static void request_ids_follow_from_the_work(void **state)
{
    (void)state;
    char first[UUID_LEN + 1], again[UUID_LEN + 1], other[UUID_LEN + 1];
    batch_request_id("aaaaaaaaaaaa", 7, first);
    batch_request_id("aaaaaaaaaaaa", 7, again);
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), UUID_LEN);
    assert_true(first[14] == '8' && strchr("89ab", first[19]));
    batch_request_id("aaaaaaaaaaaa", 8, other);
    assert_string_not_equal(first, other);
    batch_request_id("aaaaaaaaaaab", 7, other);
    assert_string_not_equal(first, other);
}

/* --- order ------------------------------------------------------------------------------------------ */

static struct order_key key_of(const char *json)
{
    static const struct template_spec spec = {.family = TEMPLATE_CHATML};
    struct arena arena;
    struct order_key key = {{0}};
    struct error error;
    arena_init(&arena, 0);
    yyjson_doc *doc = fixture_parse(json);
    struct chat_request request = fixture_request(&arena, yyjson_doc_get_root(doc));
    assert_int_equal(order_key_of(&spec, &request, &key, &error), OK);
    json_free(doc);
    arena_deinit(&arena);
    return key;
}

static size_t common(struct order_key a, struct order_key b)
{
    size_t len = 0;
    while (len < ORDER_KEY_LEN && a.bytes[len] == b.bytes[len])
        len++;
    return len / 4;
}

static void keys_of_one_document_begin_alike(void **state)
{
    (void)state;
    char text[20000], json[3][40000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 3; i++) {
        text[5000] = i == 2 ? 'b' : 'a';
        (void)snprintf(json[i], sizeof(json[i]),
                       "{\"system\":[{\"text\":\"%s\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
                       "\"question %d\"}]}]}", text, i);
    }
    struct order_key keys[] = {key_of(json[0]), key_of(json[1]), key_of(json[2])};
    assert_int_equal(common(keys[0], keys[0]), ORDER_LEVELS);
    assert_int_equal(common(keys[0], keys[1]), 4); /* 256, 1 KiB, 4 KiB, 16 KiB */
    assert_int_equal(common(keys[0], keys[2]), 3); /* they part behind 4 KiB */
}

static void sorting_in_runs(void **state)
{
    (void)state;
    enum { COUNT = 200000, KEYS = 1000 };
    char path[128], runs[128];
    struct order *order;
    struct error error;
    struct rng rng;
    uint16_t *key_of_record = mem_alloc(COUNT * sizeof(*key_of_record));
    bool *is_seen = mem_calloc(COUNT, 1);
    assert_non_null(key_of_record);
    assert_non_null(is_seen);
    (void)snprintf(path, sizeof(path), "%s/order", test_root);
    (void)snprintf(runs, sizeof(runs), "%s/order.runs", test_root);
    rng_seed(&rng, 1);
    assert_int_equal(order_new(path, &order, &error), OK);
    for (size_t i = 0; i < COUNT; i++) {
        struct order_key key = {{0}};
        key_of_record[i] = (uint16_t)rng_below(&rng, KEYS);
        key.bytes[ORDER_KEY_LEN - 2] = (uint8_t)(key_of_record[i] >> 8);
        key.bytes[ORDER_KEY_LEN - 1] = (uint8_t)key_of_record[i];
        assert_int_equal(order_add(order, &key, &error), OK);
    }
    assert_int_equal(order_finish(order, &error), OK);
    order_free(order);
    assert_int_equal(access(runs, F_OK), -1);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    uint32_t number, last = 0;
    size_t count = 0;
    for (; fread(&number, sizeof(number), 1, file) == 1; count++) {
        assert_true(number < COUNT && !is_seen[number]);
        is_seen[number] = true;
        if (count > 0) {
            assert_true(key_of_record[last] <= key_of_record[number]);
            assert_true(key_of_record[last] < key_of_record[number] || last < number);
        }
        last = number;
    }
    fclose(file);
    assert_int_equal(count, COUNT);
    mem_free(key_of_record);
    mem_free(is_seen);
}

static void records_are_found_by_number(void **state)
{
    (void)state;
    struct input_writer *writer;
    struct input *input;
    struct error error;
    struct buf line;
    size_t file_count;
    uint64_t number;
    assert_int_equal(input_open(test_root, &input, &error), ERROR_NOT_FOUND);
    assert_int_equal(input_writer_new(test_root, &writer, &error), OK);
    for (int i = 0; i < 6; i++) {
        struct order_key key = {{(uint8_t)(10 - i)}};
        char text[16];
        (void)snprintf(text, sizeof(text), "line %d", i);
        struct line one = {str_of(text), (uint64_t)i * 2 + 1, i == 4};
        if (i == 0 || i == 2)
            assert_int_equal(input_writer_file(writer, i ? STR("b") : STR("a"), &error), OK);
        assert_int_equal(input_writer_record(writer, &one, i % 3 == 0, 0, &key, &error), OK);
    }
    assert_int_equal(input_open(test_root, &input, &error), ERROR_NOT_FOUND); /* not yet whole */
    assert_int_equal(input_writer_finish(writer, &error), OK);
    input_writer_free(writer);
    assert_int_equal(input_open(test_root, &input, &error), OK);
    assert_int_equal(input_total(input), 6);
    const struct input_file *files = input_files(input, &file_count);
    assert_int_equal(file_count, 2);
    assert_true(files[1].first == 2 && files[1].count == 4 && str_eq(files[1].name, STR("b")));
    buf_init(&line, 100);
    bool is_json = false;
    assert_int_equal(input_read(input, 3, &line, &is_json, &error), OK);
    assert_str_equal(buf_str(&line), "line 3");
    assert_true(is_json);
    assert_int_equal(input_read(input, 5, &line, &is_json, &error), OK);
    assert_false(is_json);
    assert_int_equal(input_read(input, 4, &line, &is_json, &error), ERROR_INVALID);
    assert_false(is_json);
    assert_int_equal(input_at(input, 0, &number, &error), OK);
    assert_int_equal(number, 5); /* the least key */
    buf_clear(&line);
    input_describe(input, 3, &line);
    assert_str_equal(buf_str(&line), "b, line 7");
    buf_deinit(&line);
    input_close(input);
}

/* --- the log of results ------------------------------------------------------------------------------ */

static struct results *open_results(uint64_t total, struct batch_counts *counts)
{
    struct results *results;
    struct error error;
    *counts = (struct batch_counts){0};
    assert_int_equal(results_open(test_root, 1, total, &results, counts, &error), OK);
    return results;
}

static enum error_code append(struct results *results, uint64_t number, bool is_error)
{
    char outcome[32];
    struct error error;
    (void)snprintf(outcome, sizeof(outcome), "outcome %llu", (unsigned long long)number);
    const struct result result = {.number = number,
                                  .is_error = is_error,
                                  .input_tokens = 10,
                                  .output_tokens = number,
                                  .line = is_error ? STR("") : STR("a line"),
                                  .outcome = str_of(outcome)};
    return results_append(results, &result, &error);
}

/* What a later program wrote is no torn end, which would be cut off. */
static void results_of_a_later_program(void **state)
{
    (void)state;
    struct batch_counts counts;
    struct results *results = open_results(5, &counts);
    struct error error;
    struct buf log;
    char path[128];
    assert_int_equal(append(results, 4, false), OK);
    results_close(results);
    (void)snprintf(path, sizeof(path), "%s/results.1", test_root);
    buf_init(&log, 16384);
    assert_int_equal(config_read_file(path, &log, &error), OK);
    char *payload = log.data + 24 + 16;
    payload[25] = 1;
    const uint64_t seal = htole64(XXH3_64bits(payload, log.len - 24 - 16));
    memcpy(log.data + 24 + 8, &seal, sizeof(seal));
    FILE *file = fopen(path, "w");
    assert_true(file && fwrite(log.data, 1, log.len, file) == log.len && fclose(file) == 0);
    assert_int_equal(results_open(test_root, 1, 5, &results, &counts, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "a later version of this program wrote"));
    const size_t len = log.len;
    buf_clear(&log);
    assert_int_equal(config_read_file(path, &log, &error), OK);
    assert_int_equal(log.len, len);
    buf_deinit(&log);
}

static void results_survive(void **state)
{
    (void)state;
    struct batch_counts counts;
    struct results *results = open_results(5, &counts);
    struct error error;
    struct result result;
    struct buf buf;
    bool has;
    buf_init(&buf, 1000);
    assert_int_equal(results_last(results, &buf, &result, &has, &error), OK);
    assert_false(has);
    assert_int_equal(append(results, 4, false), OK);
    assert_int_equal(append(results, 0, true), OK);
    assert_int_equal(append(results, 2, false), OK);
    assert_int_equal(append(results, 2, false), ERROR_CONFLICT);
    results_close(results);
    results = open_results(5, &counts);
    assert_true(counts.success == 2 && counts.errors == 1 && counts.input_tokens == 30 && counts.output_tokens == 6);
    assert_int_equal(results_read(results, 4, &buf, &result, &error), OK);
    assert_str_equal(result.outcome, "outcome 4");
    assert_str_equal(result.line, "a line");
    assert_int_equal(results_read(results, 1, &buf, &result, &error), ERROR_NOT_FOUND);
    assert_int_equal(results_last(results, &buf, &result, &has, &error), OK);
    assert_true(has && result.number == 2);
    assert_int_equal(append(results, 4, false), ERROR_CONFLICT);
    results_close(results);
    buf_deinit(&buf);
}

static void add_error(struct results *results, uint64_t number, const char *message)
{
    struct buf outcome;
    struct error error;
    buf_init(&outcome, 4096);
    assert_int_equal(error_set(&error, ERROR_INVALID, "%s", message), ERROR_INVALID);
    assert_true(batch_bedrock_form.append_error(&outcome, &error, ""));
    const struct result result = {.number = number, .is_error = true, .outcome = buf_str(&outcome)};
    assert_int_equal(results_append(results, &result, &error), OK);
    buf_deinit(&outcome);
}

static void the_first_errors_are_kept(void **state)
{
    (void)state;
    struct batch_counts counts;
    struct results *results = open_results(20, &counts);
    char long_message[500];
    memset(long_message, 'x', sizeof(long_message) - 1);
    memcpy(long_message + BATCH_ERROR_TEXT - 2, "\xc3\xa4", 2); /* would be cut in the middle */
    long_message[sizeof(long_message) - 1] = '\0';
    assert_int_equal(append(results, 0, false), OK);
    add_error(results, 9, "no \"modelInput\"");
    add_error(results, 3, long_message);
    for (uint64_t i = 10; i < 16; i++)
        add_error(results, i, "too long");
    results_close(results);
    results = open_results(20, &counts);
    assert_true(counts.errors == 8 && counts.first_count == BATCH_FIRST_ERRORS);
    assert_true(counts.firsts[0].number == 9 && counts.firsts[0].code == 400);
    assert_string_equal(counts.firsts[0].message, "no \"modelInput\"");
    assert_int_equal(counts.firsts[1].number, 3);
    assert_int_equal(strlen(counts.firsts[1].message), BATCH_ERROR_TEXT - 2);
    assert_true(counts.firsts[4].number == 12 && !strcmp(counts.firsts[4].message, "too long"));
    results_close(results);
}

static void a_torn_result_never_happened(void **state)
{
    (void)state;
    char path[128];
    struct batch_counts counts;
    struct results *results = open_results(3, &counts);
    struct stat before, after;
    (void)snprintf(path, sizeof(path), "%s/results.1", test_root);
    assert_int_equal(append(results, 0, false), OK);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(append(results, 1, false), OK);
    results_close(results);
    assert_int_equal(stat(path, &after), 0);
    for (off_t size = after.st_size - 1; size >= before.st_size; size--) {
        assert_int_equal(truncate(path, size), 0);
        results = open_results(3, &counts);
        assert_int_equal(counts.success, 1);
        assert_int_equal(append(results, 1, false), OK);
        results_close(results);
        results = open_results(3, &counts);
        assert_int_equal(counts.success, 2);
        results_close(results);
    }
    /* bytes that are not what was written */
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, after.st_size - 1), 1);
    close(fd);
    results = open_results(3, &counts);
    assert_int_equal(counts.success, 1);
    results_close(results);
}

static void a_full_disk_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    char path[128];
    struct rlimit whole, small;
    struct batch_counts counts;
    struct stat info;
    struct results *results = open_results(3, &counts);
    (void)snprintf(path, sizeof(path), "%s/results.1", test_root);
    assert_int_equal(append(results, 0, false), OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < 60; room += 7) {
        small = whole;
        small.rlim_cur = (rlim_t)info.st_size + room;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum error_code code = append(results, 1, false);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
        assert_int_equal(code, ERROR_UNAVAILABLE);
    }
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(append(results, 1, false), OK);
    results_close(results);
    results = open_results(3, &counts);
    assert_int_equal(counts.success, 2);
    results_close(results);
}

/* What was parsed when it came is copied into the output, to the byte as a parser would print it... */
static void lines_are_copied_as_they_would_be_printed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"recordId\":\"a\",\"modelInput\":{\"x\":1}}",
        " { \"modelInput\" : { \"x\" : [ 1.50 , -0 , 1E+5, true,null ] , \"y z\" : \"a  b\" } ,\t"
        "\"recordId\" : \"b c\" } ",
        "{\"model\\u0049nput\":{\"escaped\":1},\"modelInput\":{\"second\":2},\"record\\u0049d\":\"\\u0001\\/\\\"\"}",
        "{\"recordId\":7,\"modelInput\":{}}",
        "{\"recordId\":null,\"modelInput\":null}",
        "{\"recordId\":\"a\",\"modelInput\":[{\"modelInput\":{}}]}",
        "{\"recordId\":\"a\"}",
        "{\"modelInput\":{\"s\":\"\\u00e9\\ud83d\\ude00\\u0000\\u001f\\b\\f\\n\\r\\t\\\\ \x7f /\"},"
        "\"recordId\":\"\\u00e9\"}",
        "{\"inner\":{\"recordId\":\"no\",\"modelInput\":{}},\"modelInput\":{\"a\":{\"b\":[[],{}]}}}",
        "{}", "[]", "\"recordId\"", "12", "null",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct buf parsed, copied;
        buf_init(&parsed, 4096);
        buf_init(&copied, 4096);
        assert_true(append_line(&parsed, str_of(lines[i]), false, i, STR("\"error\":{}")));
        assert_true(append_line(&copied, str_of(lines[i]), true, i, STR("\"error\":{}")));
        if (!str_eq(buf_str(&parsed), buf_str(&copied)))
            fail_msg("parsed " STR_FMT "copied " STR_FMT, STR_ARG(buf_str(&parsed)), STR_ARG(buf_str(&copied)));
        buf_deinit(&parsed);
        buf_deinit(&copied);
    }
}

/* ...without a parser: it would find nothing in what is no JSON. */
static void a_line_is_not_parsed_for_its_output(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    assert_true(append_line(&out, STR("{\"recordId\":\"a\",\"modelInput\":{no JSON}}"), true, 0,
                            STR("\"modelOutput\":{}")));
    assert_str_equal(buf_str(&out), "{\"recordId\":\"a\",\"modelInput\":{noJSON},\"modelOutput\":{}}\n");
    buf_deinit(&out);
}

/* --- a job whose results cannot be billed ------------------------------------------------------------- */

/* A job with one record in the log, its line not in the ledger, and another that the engine is at. */
struct billing {
    struct config config;
    struct batch_options options;
    struct runner runner;
    struct runner_model model;
    struct active *active;
    struct flight *flight;
};

static void ignore_wake(uv_async_t *wake)
{
    (void)wake;
}

static void bed_make(struct billing *bed)
{
    struct error error;
    struct batch_counts counts;
    const struct result first = {.number = 1, .line = STR("no line"), .outcome = STR("x")};
    *bed = (struct billing){.config = {.data = test_root}};
    bed->options.config = &bed->config;
    bed->runner.renewed_us = clock_now_us();
    bed->runner.options = &bed->options;
    assert_int_equal(uv_loop_init(&bed->runner.loop), 0);
    assert_int_equal(uv_async_init(&bed->runner.loop, &bed->runner.wake, ignore_wake), 0);
    bed->active = active_new(&bed->runner);
    assert_non_null(bed->active);
    bed->active->job = a_job("aaaaaaaaaaa1", "a");
    bed->active->claim = claim_of("aaaaaaaaaaa1", 1);
    active_begin(bed->active);
    assert_int_equal(results_open(test_root, 1, 3, &bed->active->results, &counts, &error), OK);
    assert_int_equal(results_append(bed->active->results, &first, &error), OK);
    bed->active->job.counts = (struct batch_counts){.total = 3, .success = 1};
    bed->active->step = ACTIVE_RUNNING;
    bed->active->next_place = 2;
    assert_true(buf_append_str(&bed->active->unbilled, first.line));
    bed->active->models = mem_calloc(1, sizeof(*bed->active->models));
    bed->active->model_count = 1;
    bed->active->models[0].shared = &bed->model;
    bed->flight = flight_new(bed->active, 2, 0);
    bed->flight->state = FLIGHT_RUNNING;
    bed->model.in_flight = 1;
    flight_queue_add(&bed->active->running, bed->flight);
}

static void bed_free(struct billing *bed)
{
    active_free(bed->active);
    uv_close((uv_handle_t *)&bed->runner.wake, NULL);
    (void)uv_run(&bed->runner.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bed->runner.loop), 0);
}

static void a_job_breaks_off_rather_than_lose_results(void **state)
{
    (void)state;
    struct billing bed;
    struct error error;
    bool has;
    bed_make(&bed);
    assert_null(active_next(bed.active, 1)); /* the first one's line comes first */
    active_landed(bed.flight);
    assert_int_equal(bed.active->broken.code, ERROR_INTERNAL);
    assert_non_null(strstr(bed.active->message, "its log says why"));
    assert_null(active_next(bed.active, 1));
    assert_true(!bed.active->landed.first && bed.active->unbilled.len == 0 && bed.model.in_flight == 0);
    assert_int_equal(results_has(bed.active->results, 1, &has, &error), OK);
    assert_true(has);
    assert_int_equal(results_has(bed.active->results, 2, &has, &error), OK);
    assert_false(has); /* nor counted, nor billed */
    assert_int_equal(bed.active->job.counts.success, 1);
    bed_free(&bed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_claim_that_ran_out_writes_nothing),
        TEST(stopping_goes_before_what_the_runner_thinks),
        TEST(tenants_take_turns),
        TEST(jobs_that_wait_too_long_expire),
        TEST(a_claim_without_memory_leaves_the_job),
        TEST(a_repeated_request_without_memory),
        TEST(tags_come_with_the_job_and_change_later),
        TEST(an_unreadable_job_stands_in_nobodys_way),
        cmocka_unit_test(lines_come_whole),
        cmocka_unit_test(output_lines),
        cmocka_unit_test(lines_are_copied_as_they_would_be_printed),
        cmocka_unit_test(a_line_is_not_parsed_for_its_output),
        cmocka_unit_test(request_ids_follow_from_the_work),
        cmocka_unit_test(keys_of_one_document_begin_alike),
        TEST(sorting_in_runs),
        TEST(records_are_found_by_number),
        TEST(results_survive),
        TEST(results_of_a_later_program),
        TEST(the_first_errors_are_kept),
        TEST(a_torn_result_never_happened),
        TEST(a_full_disk_leaves_the_log_as_it_was),
        TEST(a_job_breaks_off_rather_than_lose_results),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
