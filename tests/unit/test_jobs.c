/* The store of long jobs, with a kind made up for it beside batch jobs: statuses that the database guards, leases,
 * lists, and databases of older programs. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/job_db.h"
#include "core/log.h"
#include "core/mem.h"
#include "jobs/jobs.h"
#include "store/state.h"

/* Nothing of it is as in batch jobs: it has no way back, and what is nearly done cannot be stopped. */
enum { QUEUED, TRAINING, WEIGHING, HALTING, DONE, BROKEN, HALTED, STATUSES };

static const struct job_status statuses[STATUSES] = {
    [QUEUED] = {"Queued", JOB_WAITING, JOB_TO(TRAINING) | JOB_TO(HALTING) | JOB_TO(BROKEN)},
    [TRAINING] = {"Training", JOB_RUNNING, JOB_TO(WEIGHING) | JOB_TO(HALTING) | JOB_TO(BROKEN)},
    [WEIGHING] = {"Weighing", JOB_RUNNING, JOB_TO(DONE) | JOB_TO(BROKEN)},
    [HALTING] = {"Halting", JOB_STOPPING, JOB_TO(HALTED)},
    [DONE] = {"Done", JOB_ENDED, 0},
    [BROKEN] = {"Broken", JOB_ENDED, 0},
    [HALTED] = {"Halted", JOB_ENDED, 0},
};

static const struct job_kind training = {.name = "training",
                                         .title = "training job",
                                         .subject = "base model",
                                         .resource = "training-job",
                                         .statuses = statuses,
                                         .status_count = STATUSES};

static struct jobs *open_jobs(void)
{
    static const struct job_kind *const kinds[] = {&batch_job_kind, &training};
    struct jobs *jobs;
    struct error error;
    assert_int_equal(jobs_open(test_root, kinds, 2, &jobs, &error), OK);
    return jobs;
}

static struct sql *open_sql(void)
{
    struct sql *sql;
    struct error error;
    assert_int_equal(state_open(test_root, &sql, &error), OK);
    return sql;
}

static struct job_row a_row(const char *id, const char *token)
{
    struct job_row row = {.tenant = STR("a"),
                          .account = STR("000000000000"),
                          .region = STR("us-east-1"),
                          .name = str_of(id),
                          .token = str_of(token),
                          .subject = STR("tiny"),
                          .request = STR("{\"n\":1}"),
                          .terms = STR("{\"epochs\":3}"),
                          .progress = STR("{}"),
                          .submit_us = 1000};
    (void)snprintf(row.id, sizeof(row.id), "%s", id);
    return row;
}

static enum error_code create(struct jobs *jobs, const struct job_kind *kind, const char *id, const char *token,
                              struct error *error)
{
    const struct job_tags none = {0};
    struct job_row row = a_row(id, token);
    bool is_new;
    enum error_code code = jobs_create(jobs, kind, &row, &none, 3, &is_new, error);
    assert_true(code != OK || (is_new && !strcmp(row.id, id)));
    return code;
}

static void make(struct jobs *jobs, const struct job_kind *kind, const char *id)
{
    struct error error;
    assert_int_equal(create(jobs, kind, id, "", &error), OK);
}

/* The claim of the next job, its fence 0 where there is none. */
static struct job_claim claim(struct jobs *jobs, const struct job_kind *kind, const char *owner, uint64_t now_us)
{
    struct arena arena;
    struct job_row row;
    struct job_claim claim = {.fence = 0};
    struct error error;
    bool has_job;
    const struct job_lease lease = {str_of(owner), now_us, now_us + 100};
    arena_init(&arena, 0);
    assert_int_equal(jobs_claim(jobs, kind, &lease, true, &arena, &row, &claim, &has_job, &error), OK);
    assert_true(has_job == (claim.fence > 0));
    arena_deinit(&arena);
    return claim;
}

static enum error_code move(struct jobs *jobs, const struct job_claim *held, unsigned from, unsigned to,
                            struct error *error)
{
    const struct job_move step = {from, to, held->kind->statuses[to].phase == JOB_ENDED};
    const struct job_note note = {STR("so far"), STR("{\"loss\":1.5}"), 2000};
    bool has_moved;
    enum error_code code = jobs_move(jobs, held, &step, &note, &has_moved, error);
    assert_true(code != OK || has_moved);
    return code;
}

static unsigned status_of(struct jobs *jobs, const struct job_kind *kind, const char *id)
{
    struct arena arena;
    struct job_row row;
    struct error error;
    arena_init(&arena, 0);
    assert_int_equal(jobs_get(jobs, kind, STR("a"), str_of(id), &arena, &row, &error), OK);
    arena_deinit(&arena);
    return row.status;
}

/* --- statuses ---------------------------------------------------------------------------------------- */

static enum error_code run(struct sql *sql, const char *format, const char *a, const char *b)
{
    char text[512];
    struct error error;
    int len = snprintf(text, sizeof(text), format, a, b);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    return sql_exec(sql, text, &error);
}

#define INSERT                                                                                                  \
    "DELETE FROM job; INSERT INTO job (id, kind, tenant, account, region, name, token, subject, request, terms, " \
    "progress, status, message, submit_us, modified_us, end_us, expires_us) "                                     \
    "VALUES ('x', '%s', '', '', '', '', '', '', '', '', '', '%s', '', 0, 0, 0, 0)"

static int64_t phase(struct sql *sql)
{
    struct sql_statement *query;
    struct error error;
    bool has_row;
    assert_int_equal(sql_prepare(sql, "SELECT phase FROM job", &query, &error), OK);
    assert_int_equal(sql_step(query, &has_row, &error), OK);
    int64_t value = sql_int(query, 0);
    sql_free(query);
    return value;
}

static void check_steps(struct sql *sql, const struct job_kind *kind)
{
    for (size_t from = 0; from < kind->status_count; from++) {
        const struct job_status *status = &kind->statuses[from];
        bool has_next = false;
        for (size_t to = 0; to < kind->status_count; to++) {
            bool may = from == to || status->next & JOB_TO(to);
            assert_int_equal(run(sql, INSERT, kind->name, status->name), OK);
            assert_int_equal(phase(sql), status->phase);
            assert_int_equal(run(sql, "UPDATE job SET status = '%s'%s", kind->statuses[to].name, ""),
                             may ? OK : ERROR_CONFLICT);
            assert_int_equal(phase(sql), kind->statuses[may ? to : from].phase);
            has_next = has_next || (may && from != to);
        }
        assert_int_equal(has_next, status->phase != JOB_ENDED);
    }
    assert_int_equal(run(sql, INSERT, kind->name, "Elsewhere"), ERROR_CONFLICT);
    assert_int_equal(run(sql, INSERT, kind->name, kind->statuses[0].name), OK);
    assert_int_equal(run(sql, "UPDATE job SET status = '%s'%s", "Elsewhere", ""), ERROR_CONFLICT);
}

/* Whoever writes: here it is nobody of ours. */
static void the_database_knows_which_status_may_follow(void **state)
{
    (void)state;
    struct jobs *jobs = open_jobs();
    struct sql *sql = open_sql();
    check_steps(sql, &batch_job_kind);
    check_steps(sql, &training);
    assert_int_equal(run(sql, INSERT, "batch", "Queued"), ERROR_CONFLICT); /* another kind's */
    assert_int_equal(run(sql, INSERT, "nothing", "Queued"), ERROR_CONFLICT);
    assert_int_equal(run(sql, INSERT, "training", "Queued"), OK);
    assert_int_equal(run(sql, "UPDATE job SET kind = 'batch', status = 'Submitted'%s%s", "", ""), ERROR_CONFLICT);
    assert_int_equal(run(sql, "UPDATE job SET fence = 5%s%s", "", ""), OK);
    assert_int_equal(run(sql, "UPDATE job SET fence = 4%s%s", "", ""), ERROR_CONFLICT);
    sql_close(sql);
    jobs_close(jobs);
}

static void batch_jobs_have_their_statuses(void **state)
{
    (void)state;
    static const char *const names[] = {"Submitted", "Validating",         "Scheduled", "InProgress", "Stopping",
                                        "Completed", "PartiallyCompleted", "Failed",    "Expired",    "Stopped"};
    for (unsigned i = 0; i < BATCH_STATUSES; i++) {
        unsigned found;
        assert_string_equal(batch_status_name((enum batch_status)i), names[i]);
        assert_true(job_status_find(&batch_job_kind, str_of(names[i]), &found) && found == i);
        assert_int_equal(batch_status_has_ended((enum batch_status)i), i >= BATCH_COMPLETED);
    }
    assert_true(batch_job_kind.statuses[BATCH_IN_PROGRESS].next & JOB_TO(BATCH_SCHEDULED));
    assert_false(batch_job_kind.statuses[BATCH_STOPPING].next & JOB_TO(BATCH_COMPLETED));
    assert_false(batch_job_kind.statuses[BATCH_IN_PROGRESS].next & JOB_TO(BATCH_EXPIRED));
}

static void a_step_that_the_kind_does_not_know(void **state)
{
    (void)state;
    struct error error;
    struct jobs *jobs = open_jobs();
    make(jobs, &training, "aaaaaaaaaaa1");
    const struct job_claim held = claim(jobs, &training, "one", 1000);
    assert_int_equal(move(jobs, &held, QUEUED, DONE, &error), ERROR_INTERNAL);
    assert_string_equal(error.message, "training job aaaaaaaaaaa1 cannot go from Queued to Done");
    assert_int_equal(status_of(jobs, &training, "aaaaaaaaaaa1"), QUEUED);
    assert_int_equal(move(jobs, &held, QUEUED, TRAINING, &error), OK);
    assert_int_equal(move(jobs, &held, TRAINING, WEIGHING, &error), OK);
    assert_int_equal(jobs_request_stop(jobs, &training, STR("a"), STR("aaaaaaaaaaa1"), 5, &error), ERROR_CONFLICT);
    assert_string_equal(error.message, "The training job cannot be stopped while its status is Weighing.");
    assert_int_equal(move(jobs, &held, WEIGHING, DONE, &error), OK);
    assert_int_equal(jobs_request_stop(jobs, &training, STR("a"), STR("aaaaaaaaaaa1"), 5, &error), ERROR_CONFLICT);
    assert_string_equal(error.message, "The training job has ended already: its status is Done.");
    jobs_close(jobs);
}

/* --- two kinds --------------------------------------------------------------------------------------- */

static void kinds_do_not_see_each_other(void **state)
{
    (void)state;
    struct error error;
    struct arena arena;
    struct job_row row;
    struct jobs *jobs = open_jobs();
    assert_int_equal(create(jobs, &training, "aaaaaaaaaaa1", "token", &error), OK);
    assert_int_equal(create(jobs, &batch_job_kind, "bbbbbbbbbbb1", "token", &error), OK); /* another kind's */
    make(jobs, &batch_job_kind, "bbbbbbbbbbb2");
    make(jobs, &batch_job_kind, "bbbbbbbbbbb3");
    assert_int_equal(create(jobs, &batch_job_kind, "bbbbbbbbbbb4", "", &error), ERROR_QUOTA);
    make(jobs, &training, "aaaaaaaaaaa2");
    make(jobs, &training, "aaaaaaaaaaa3");
    assert_int_equal(create(jobs, &training, "aaaaaaaaaaa4", "", &error), ERROR_QUOTA);
    assert_non_null(strstr(error.message, "3 training jobs on this base model have not ended"));
    const struct job_claim held = claim(jobs, &training, "one", 1000);
    assert_string_equal(held.id, "aaaaaaaaaaa1");
    assert_string_equal(claim(jobs, &batch_job_kind, "one", 1000).id, "bbbbbbbbbbb1");
    arena_init(&arena, 0);
    assert_int_equal(jobs_get(jobs, &batch_job_kind, STR("a"), STR("aaaaaaaaaaa1"), &arena, &row, &error),
                     ERROR_NOT_FOUND);
    assert_string_equal(error.message, "There is no batch job 'aaaaaaaaaaa1'.");
    assert_int_equal(jobs_request_stop(jobs, &batch_job_kind, STR("a"), STR("aaaaaaaaaaa1"), 5, &error),
                     ERROR_NOT_FOUND);
    assert_int_equal(move(jobs, &held, QUEUED, TRAINING, &error), OK);
    assert_int_equal(jobs_get(jobs, &training, STR("a"), STR("aaaaaaaaaaa1"), &arena, &row, &error), OK);
    assert_int_equal(row.status, TRAINING);
    assert_str_equal(row.progress, "{\"loss\":1.5}");
    assert_str_equal(row.terms, "{\"epochs\":3}");
    assert_str_equal(row.message, "so far");
    assert_true(row.submit_us == 1000 && row.modified_us == 2000 && row.end_us == 0 && row.expires_us == 0);
    assert_int_equal(jobs_expire(jobs, &training, BROKEN, STR("late"), UINT64_C(1) << 50, &error), OK);
    assert_int_equal(status_of(jobs, &training, "aaaaaaaaaaa2"), QUEUED); /* its time is never up */
    arena_deinit(&arena);
    jobs_close(jobs);
}

static void check_list(struct jobs *jobs, const struct job_filter *filter, bool wants_more, const char *wanted)
{
    struct arena arena;
    struct job_row *rows;
    struct error error;
    size_t count;
    bool has_more;
    char text[256] = "";
    arena_init(&arena, 0);
    assert_int_equal(jobs_list(jobs, &training, filter, &arena, &rows, &count, &has_more, &error), OK);
    for (size_t i = 0; i < count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", rows[i].id + 10);
    assert_string_equal(text, wanted);
    assert_int_equal(has_more, wants_more);
    arena_deinit(&arena);
}

static void lists_are_filtered_sorted_and_cut(void **state)
{
    (void)state;
    static const char *const ids[] = {"aaaaaaaaaaa1", "aaaaaaaaaab2", "aaaaaaaaaaa3", "aaaaaaaaaab4", "aaaaaaaaaaa5"};
    struct jobs *jobs = open_jobs();
    struct error error;
    struct job_row *rows;
    struct arena arena;
    size_t count;
    bool has_more, is_new;
    const struct job_tags none = {0};
    for (size_t i = 0; i < 5; i++) {
        struct job_row row = a_row(ids[i], "");
        row.submit_us = 1000 * (i + 1);
        row.tenant = i == 4 ? STR("b") : STR("a");
        assert_int_equal(jobs_create(jobs, &training, &row, &none, 9, &is_new, &error), OK);
    }
    make(jobs, &batch_job_kind, "bbbbbbbbbbb1");
    assert_int_equal(jobs_request_stop(jobs, &training, STR("a"), STR("aaaaaaaaaaa3"), 5, &error), OK);
    struct job_filter filter = {.tenant = STR("a"), .name_contains = STR(""), .max = 10};
    check_list(jobs, &filter, false, "b4 a3 b2 a1 ");
    filter.is_ascending = true;
    check_list(jobs, &filter, false, "a1 b2 a3 b4 ");
    filter.submit_after_us = 2000;
    filter.submit_before_us = 3000;
    check_list(jobs, &filter, false, "b2 a3 ");
    filter.name_contains = STR("ab");
    check_list(jobs, &filter, false, "b2 ");
    filter = (struct job_filter){.tenant = STR("a"), .name_contains = STR(""), .status = "Halting", .max = 10};
    check_list(jobs, &filter, false, "a3 ");
    filter = (struct job_filter){.tenant = STR("a"), .name_contains = STR(""), .max = 3};
    check_list(jobs, &filter, true, "b4 a3 b2 ");
    arena_init(&arena, 0);
    assert_int_equal(jobs_list(jobs, &training, &filter, &arena, &rows, &count, &has_more, &error), OK);
    filter.beyond = rows[2].sequence;
    check_list(jobs, &filter, false, "a1 ");
    filter = (struct job_filter){.max = 3}; /* everybody's */
    check_list(jobs, &filter, true, "a5 b4 a3 ");
    filter.beyond = rows[2].sequence;
    check_list(jobs, &filter, false, "a1 ");
    filter = (struct job_filter){.max = 2, .is_ascending = true, .status = "Queued"};
    check_list(jobs, &filter, true, "a1 b2 ");
    filter.tenant = STR(""); /* a tenant that there is not is nobody's */
    check_list(jobs, &filter, false, "");
    assert_int_equal(jobs_get(jobs, &training, (struct str){NULL, 0}, STR("aaaaaaaaaaa5"), &arena, &rows[0], &error),
                     OK);
    assert_str_equal(rows[0].tenant, "b");
    assert_int_equal(jobs_get(jobs, &training, STR("a"), STR("aaaaaaaaaaa5"), &arena, &rows[0], &error),
                     ERROR_NOT_FOUND);
    arena_deinit(&arena);
    jobs_close(jobs);
}

/* --- claims ------------------------------------------------------------------------------------------ */

static void what_is_given_back_is_anybodys(void **state)
{
    (void)state;
    struct error error;
    struct jobs *jobs = open_jobs();
    make(jobs, &training, "aaaaaaaaaaa1");
    const struct job_claim first = claim(jobs, &training, "one", 1000);
    assert_int_equal(claim(jobs, &training, "two", 1050).fence, 0);
    assert_int_equal(claim(jobs, &training, "one", 5000).fence, 0); /* it has it already */
    assert_int_equal(jobs_give_back(jobs, &first, &error), OK);
    const struct job_claim second = claim(jobs, &training, "two", 1050);
    assert_string_equal(second.id, "aaaaaaaaaaa1");
    assert_int_equal(second.fence, first.fence + 1);
    assert_int_equal(move(jobs, &first, QUEUED, TRAINING, &error), ERROR_CONFLICT);
    assert_string_equal(error.message, "another runner has claimed training job aaaaaaaaaaa1");
    assert_int_equal(jobs_give_back(jobs, &first, &error), OK); /* not its own any more */
    assert_int_equal(claim(jobs, &training, "three", 1060).fence, 0);
    assert_int_equal(jobs_end_leases(jobs, &batch_job_kind, &error), OK); /* another kind's */
    assert_int_equal(claim(jobs, &training, "three", 1060).fence, 0);
    assert_int_equal(jobs_end_leases(jobs, &training, &error), OK);
    assert_int_equal(claim(jobs, &training, "three", 1060).fence, second.fence + 1);
    jobs_close(jobs);
}

/* Two programs on one database: who comes second takes nothing from the first while its lease holds. */
static void two_stores_of_one_database(void **state)
{
    (void)state;
    struct error error;
    struct jobs *here = open_jobs(), *there = open_jobs();
    make(here, &training, "aaaaaaaaaaa1");
    const struct job_claim first = claim(here, &training, "here", 1000);
    assert_int_equal(claim(there, &training, "there", 1099).fence, 0);
    const struct job_lease longer = {STR("here"), 1099, 1300};
    assert_int_equal(jobs_renew(here, &longer, &error), OK);
    assert_int_equal(claim(there, &training, "there", 1250).fence, 0);
    const struct job_claim second = claim(there, &training, "there", 1301);
    assert_int_equal(second.fence, first.fence + 1);
    assert_int_equal(move(there, &second, QUEUED, TRAINING, &error), OK);
    assert_int_equal(move(here, &first, QUEUED, TRAINING, &error), ERROR_CONFLICT);
    assert_int_equal(jobs_renew(here, &longer, &error), OK); /* it has none any more */
    assert_int_equal(claim(here, &training, "here", 1310).fence, 0);
    jobs_close(here);
    jobs_close(there);
}

/* --- databases of older programs --------------------------------------------------------------------- */

static void check_tags(struct jobs *jobs, const char *id, const char *wanted)
{
    struct error error;
    struct arena arena;
    struct job_tags tags;
    char text[256] = "";
    arena_init(&arena, 0);
    assert_int_equal(jobs_tags(jobs, id, &arena, &tags, &error), OK);
    for (size_t i = 0; i < tags.count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), STR_FMT "=" STR_FMT ";",
                       STR_ARG(tags.items[i].key), STR_ARG(tags.items[i].value));
    assert_string_equal(text, wanted);
    arena_deinit(&arena);
}

/* The first one had tags in the request alone, and no profiles. */
static void the_first_tables_are_brought_up_to_date(void **state)
{
    (void)state;
    static const char first[] =
        "CREATE TABLE batch_job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
        "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, "
        "model_id TEXT NOT NULL, role_arn TEXT NOT NULL, type TEXT NOT NULL, input_uri TEXT NOT NULL, "
        "output_uri TEXT NOT NULL, request TEXT NOT NULL, timeout_hours INTEGER NOT NULL, status TEXT NOT NULL, "
        "message TEXT NOT NULL, submit_us INTEGER NOT NULL, modified_us INTEGER NOT NULL, end_us INTEGER NOT NULL, "
        "expires_us INTEGER NOT NULL, total INTEGER NOT NULL, success INTEGER NOT NULL, errors INTEGER NOT NULL, "
        "input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, owner TEXT, "
        "lease_until_us INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0) STRICT;"
        "CREATE UNIQUE INDEX batch_job_token ON batch_job (tenant, token) WHERE token <> '';"
        "INSERT INTO batch_job VALUES (7, 'aaaaaaaaaaa1', 'a', '123456789012', 'eu-west-1', 'one', 't', 'tiny', "
        "'arn:role', 'Converse', 's3://in', 's3://out', "
        "'{\"tags\":[{\"key\":\"k\",\"value\":\"v\"},{\"value\":\"\",\"key\":\"e\"}]}', "
        "48, 'InProgress', 'it \"waits\"', 1, 2, 0, 4, 5, 6, 7, 8, 9, 'gone', 99, 3);"
        "INSERT INTO batch_job VALUES (9, 'aaaaaaaaaaa2', 'a', '', '', 'two', '', 'tiny', '', 'InvokeModel', '', '', "
        "'{}', 24, 'Expired', '', 1, 2, 3, 4, 0, 0, 0, 0, 0, NULL, 0, 0);"
        "INSERT INTO schema VALUES ('batch', 1)";
    struct sql *sql = open_sql();
    struct error error;
    struct arena arena;
    struct batch_job job;
    struct jobs *jobs;
    assert_int_equal(sql_exec(sql, first, &error), OK);
    sql_close(sql);
    assert_int_equal(job_db_open(test_root, &jobs, &error), OK);
    arena_init(&arena, 0);
    assert_int_equal(job_db_get(jobs, &batch_job_kind, STR("a"), STR("aaaaaaaaaaa1"), &arena, &job, &error), OK);
    assert_true(job.sequence == 7 && job.status == BATCH_IN_PROGRESS && job.type == BATCH_CONVERSE);
    assert_true(job.timeout_hours == 48 && job.submit_us == 1 && job.modified_us == 2 && job.expires_us == 4);
    assert_true(job.counts.total == 5 && job.counts.success == 6 && job.counts.errors == 7);
    assert_true(job.counts.input_tokens == 8 && job.counts.output_tokens == 9);
    assert_str_equal(job.role_arn, "arn:role");
    assert_str_equal(job.input_uri, "s3://in");
    assert_str_equal(job.output_uri, "s3://out");
    assert_str_equal(job.message, "it \"waits\"");
    assert_str_equal(job.account, "123456789012");
    assert_str_equal(job.profile_tags, "");
    check_tags(jobs, "aaaaaaaaaaa1", "e=;k=v;");
    check_tags(jobs, "aaaaaaaaaaa2", "");
    assert_int_equal(status_of(jobs, &batch_job_kind, "aaaaaaaaaaa2"), BATCH_EXPIRED);
    const struct job_claim held = claim(jobs, &batch_job_kind, "one", 1);
    assert_string_equal(held.id, "aaaaaaaaaaa1");
    assert_int_equal(held.fence, 4); /* above the one of before */
    arena_deinit(&arena);
    jobs_close(jobs);
    jobs = open_jobs(); /* once more changes nothing */
    assert_int_equal(status_of(jobs, &batch_job_kind, "aaaaaaaaaaa1"), BATCH_IN_PROGRESS);
    jobs_close(jobs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_database_knows_which_status_may_follow),
        cmocka_unit_test(batch_jobs_have_their_statuses),
        TEST(a_step_that_the_kind_does_not_know),
        TEST(kinds_do_not_see_each_other),
        TEST(lists_are_filtered_sorted_and_cut),
        TEST(what_is_given_back_is_anybodys),
        TEST(two_stores_of_one_database),
        TEST(the_first_tables_are_brought_up_to_date),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
