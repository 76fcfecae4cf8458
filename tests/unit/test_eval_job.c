/* test_eval_job.c - evaluation jobs in the store of jobs: what is kept of them, their statuses, and deleting. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "eval/job.h"

static const struct job_kind *const kinds[] = {&eval_job_kind};

static struct eval_job a_job(void)
{
    struct eval_job job = {
        .output_uri = STR("s3://b/out/"),
        .models = {{.id = STR("amazon.nova-pro-v1:0"),
                    .source = STR("s"),
                    .profile = STR("p"),
                    .profile_tags = STR("{\"a\":\"b\"}"),
                    .params = STR("{\"inferenceConfig\":{}}")},
                   {.id = STR("theirs"), .is_given = true}},
        .judge = {.id = STR("judge")},
        .model_count = 2,
        .sets = {{.task = EVAL_QUESTIONS, .name = STR("n\"1"), .uri = STR("s3://b/k"), .measure_count = 2}},
        .set_count = 1,
    };
    assert_true(eval_measure_find(STR("Builtin.Accuracy"), EVAL_QUESTIONS, &job.sets[0].measures[0]));
    assert_true(eval_measure_find(STR("Builtin.Refusal"), EVAL_QUESTIONS, &job.sets[0].measures[1]));
    return job;
}

static struct job_row row_of(const struct eval_job *job, struct buf *terms, const char *id)
{
    assert_true(eval_job_append_terms(terms, job));
    struct job_row row = {.tenant = STR("desk"),
                          .account = STR("000000000000"),
                          .region = STR("us-east-1"),
                          .name = STR("name"),
                          .token = STR(""),
                          .subject = STR("000000000000"),
                          .request = STR("{}"),
                          .terms = buf_str(terms),
                          .progress = STR("{}"),
                          .submit_us = 1000};
    (void)snprintf(row.id, sizeof(row.id), "%s", id);
    return row;
}

static void test_terms_come_back(void **state)
{
    struct eval_job job = a_job(), read;
    struct buf terms;
    struct arena arena;
    struct error error;
    (void)state;
    buf_init(&terms, 65536);
    arena_init(&arena, 0);
    const struct job_row row = row_of(&job, &terms, "abcabcabcabc");
    assert_int_equal(eval_job_of_row(&row, &arena, &read, &error), OK);
    assert_str_equal(read.output_uri, "s3://b/out/");
    assert_int_equal(read.model_count, 2);
    assert_str_equal(read.models[0].profile_tags, "{\"a\":\"b\"}");
    assert_str_equal(read.models[0].params, "{\"inferenceConfig\":{}}");
    assert_false(read.models[0].is_given);
    assert_true(read.models[1].is_given);
    assert_str_equal(read.judge.id, "judge");
    assert_int_equal(read.sets[0].task, EVAL_QUESTIONS);
    assert_str_equal(read.sets[0].name, "n\"1");
    assert_int_equal(read.sets[0].measure_count, 2);
    assert_int_equal(read.sets[0].measures[0].metric, METRIC_F1);
    assert_string_equal(read.sets[0].measures[1].criterion->name, "Builtin.Refusal");
    buf_deinit(&terms);
    arena_deinit(&arena);
}

static void test_metrics_by_task(void **state)
{
    static const enum metric metrics[EVAL_TASKS] = {METRIC_ROUGE, METRIC_EXACT, METRIC_F1, METRIC_AUTO, METRIC_AUTO};
    struct eval_measure measure;
    (void)state;
    for (size_t i = 0; i < EVAL_TASKS; i++) {
        assert_true(eval_measure_find(STR("Builtin.Accuracy"), (enum eval_task)i, &measure));
        assert_int_equal(measure.metric, metrics[i]);
    }
    assert_true(eval_measure_find(STR("ToolCall"), EVAL_CUSTOM, &measure) && measure.metric == METRIC_TOOL);
    assert_false(eval_measure_find(STR("Builtin.Toxicity"), EVAL_CUSTOM, &measure));
    assert_false(eval_measure_find(STR("Builtin.Robustness"), EVAL_CUSTOM, &measure));
}

static void test_a_job_that_has_ended_can_be_deleted(void **state)
{
    struct jobs *jobs;
    struct eval_job job = a_job();
    struct job_tag tag = {STR("team"), STR("desk")};
    struct job_tags tags = {&tag, 1}, left;
    struct buf terms;
    struct arena arena;
    struct error error;
    struct job_row row, found;
    struct job_claim claim;
    bool is_new, has_job, has_moved;
    const struct str tenant = STR("desk"), id = STR("abcabcabcabc");
    (void)state;
    buf_init(&terms, 65536);
    arena_init(&arena, 0);
    row = row_of(&job, &terms, id.data);
    assert_int_equal(jobs_open(test_root, kinds, 1, &jobs, &error), OK);
    assert_int_equal(jobs_create(jobs, &eval_job_kind, &row, &tags, 10, &is_new, &error), OK);
    assert_int_equal(jobs_delete(jobs, &eval_job_kind, tenant, id, &error), ERROR_CONFLICT);
    assert_int_equal(jobs_delete(jobs, &eval_job_kind, STR("other"), id, &error), ERROR_NOT_FOUND);
    const struct job_lease lease = {STR("me"), 1, 100};
    assert_int_equal(jobs_claim(jobs, &eval_job_kind, &lease, true, &arena, &found, &claim, &has_job, &error), OK);
    assert_true(has_job);
    const struct job_move move = {EVAL_IN_PROGRESS, EVAL_COMPLETED, true};
    const struct job_note note = {STR(""), STR("{}"), 5};
    assert_int_equal(jobs_move(jobs, &claim, &move, &note, &has_moved, &error), OK);
    assert_true(has_moved);
    assert_int_equal(jobs_delete(jobs, &eval_job_kind, tenant, id, &error), OK);
    assert_int_equal(jobs_get(jobs, &eval_job_kind, tenant, id, &arena, &found, &error), ERROR_NOT_FOUND);
    assert_int_equal(jobs_tags(jobs, id.data, &arena, &left, &error), OK);
    assert_int_equal(left.count, 0);
    assert_int_equal(jobs_delete(jobs, &eval_job_kind, tenant, id, &error), ERROR_NOT_FOUND);
    jobs_close(jobs);
    buf_deinit(&terms);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms_come_back),
        cmocka_unit_test(test_metrics_by_task),
        cmocka_unit_test_setup_teardown(test_a_job_that_has_ended_can_be_deleted, test_root_make, test_root_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
