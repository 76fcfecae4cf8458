/* batch.c - the gateway's side: jobs are made, listed and stopped here, and computed by runner.c. See batch.h. */
#include "batch/batch.h"

#include <stdio.h>

#include "batch/runner.h"

#define HOUR_US 3600000000ull

struct batch {
    struct batch_options options;
    struct jobs *jobs;
    struct runner *runner;
};

enum error_code batch_open(const struct batch_options *options, struct batch **batch, struct error *error)
{
    struct batch *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    enum error_code code = job_db_open(options->config->data, &made->jobs, error);
    if (code == OK)
        code = runner_start(&made->options, made->jobs, &made->runner, error);
    if (code != OK) {
        jobs_close(made->jobs);
        mem_free(made);
        return error_prefix(error, "batch jobs");
    }
    *batch = made;
    return OK;
}

void batch_begin_drain(struct batch *batch)
{
    runner_begin_drain(batch->runner);
}

void batch_drain(struct batch *batch, uint64_t timeout_ms)
{
    runner_begin_drain(batch->runner);
    runner_wait_quiet(batch->runner, timeout_ms);
}

void batch_close(struct batch *batch)
{
    if (!batch)
        return;
    runner_stop(batch->runner);
    jobs_close(batch->jobs);
    mem_free(batch);
}

enum error_code batch_create(struct batch *batch, struct batch_job *job, struct error *error)
{
    bool is_new = false;
    random_id(job->id, JOB_ID_LEN);
    job->status = BATCH_SUBMITTED;
    job->submit_us = clock_wall_us();
    job->expires_us = job->submit_us + job->timeout_hours * HOUR_US;
    enum error_code code = job_db_create(batch->jobs, job, limit(batch_model_jobs), &is_new, error);
    if (is_new)
        runner_look(batch->runner);
    return code;
}

static enum error_code refresh(struct batch *batch, struct arena *arena, struct batch_job *job, struct error *error)
{
    if (batch_status_has_ended(job->status) || runner_refresh(batch->runner, arena, job))
        return OK;
    return error_no_memory(error);
}

enum error_code batch_get(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                          struct arena *arena, struct batch_job *job, struct error *error)
{
    enum error_code code = job_db_get(batch->jobs, kind, tenant, id, arena, job, error);
    return code == OK ? refresh(batch, arena, job, error) : code;
}

enum error_code batch_list(struct batch *batch, const struct job_kind *kind, const struct job_filter *filter,
                           struct arena *arena, struct batch_job **list, size_t *count, bool *has_more,
                               struct error *error)
{
    enum error_code code = job_db_list(batch->jobs, kind, filter, arena, list, count, has_more, error);
    for (size_t i = 0; i < *count && code == OK; i++)
        code = refresh(batch, arena, &(*list)[i], error);
    return code;
}

enum error_code batch_delete(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                             struct error *error)
{
    char file[FILES_ID_LEN + 1], key[JOB_ID_LEN + 1];
    struct error ignored;
    enum error_code code = jobs_delete(batch->jobs, kind, tenant, id, error);
    (void)snprintf(key, sizeof(key), STR_FMT, STR_ARG(id));
    for (enum batch_output which = BATCH_OUTPUT; code == OK && which <= BATCH_OUTPUT_ERRORS; which++) {
        batch_output_id(key, which, file);
        (void)!files_delete(batch->options.files, tenant, str_of(file), &ignored); /* else their time will be up */
    }
    return code;
}

enum error_code batch_request_stop(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                                   struct error *error)
{
    enum error_code code = jobs_request_stop(batch->jobs, kind, tenant, id, clock_wall_us(), error);
    if (code == OK)
        runner_look(batch->runner);
    return code;
}

enum error_code batch_tags(struct batch *batch, const char *id, struct arena *arena, struct job_tags *tags,
                           struct error *error)
{
    return jobs_tags(batch->jobs, id, arena, tags, error);
}

enum error_code batch_tag(struct batch *batch, const char *id, const struct job_tags *tags, struct error *error)
{
    return jobs_tag(batch->jobs, &batch_job_kind, id, tags, error);
}

enum error_code batch_untag(struct batch *batch, const char *id, const struct str *keys, size_t count,
                            struct error *error)
{
    return jobs_untag(batch->jobs, id, keys, count, error);
}
