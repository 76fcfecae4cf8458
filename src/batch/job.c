/* job.c - the statuses of batch jobs, and what their tables were before they were one kind of job among others. */
#include "batch/job.h"

#include <assert.h>
#include <stdio.h>

const char *const batch_type_names[BATCH_BEDROCK_TYPES + 1] = {
    [BATCH_INVOKE_MODEL] = "InvokeModel",
    [BATCH_CONVERSE] = "Converse",
};

const char *batch_type_name(enum batch_type type)
{
    assert(type < BATCH_TYPES);
    return type == BATCH_OPENAI ? "OpenAI" : type == BATCH_ANTHROPIC ? "Messages" : batch_type_names[type];
}

const struct job_kind *batch_kind_of(enum batch_type type)
{
    return type == BATCH_OPENAI      ? &batch_openai_kind
           : type == BATCH_ANTHROPIC ? &batch_anthropic_kind
                                     : &batch_job_kind;
}

void batch_request_id(const char *job_id, uint64_t number, char out[UUID_LEN + 1])
{
    char text[64];
    const int len = snprintf(text, sizeof(text), "fulcrum batch %s %llu", job_id, (unsigned long long)number);
    uuid_of_text((struct str){text, (size_t)len}, out);
}

/* --- files that a batch makes ------------------------------------------------------------------------- */

void batch_output_id(const char *job_id, enum batch_output which, char id[FILES_ID_LEN + 1])
{
    char text[64];
    const int len = snprintf(text, sizeof(text), "fulcrum batch %s %s", job_id,
                             which == BATCH_OUTPUT ? "output" : "errors");
    files_id_of((struct str){text, (size_t)len}, id);
}

bool batch_has_output(const struct batch_job *job, enum batch_output which)
{
    const struct batch_counts *counts = &job->counts;
    if (!batch_status_has_ended(job->status) || job->problems.count > 0)
        return false;
    if (job->type == BATCH_ANTHROPIC)
        return which == BATCH_OUTPUT && counts->total > 0;
    return which == BATCH_OUTPUT ? counts->success > 0 : counts->total > counts->success;
}

/* --- statuses ---------------------------------------------------------------------------------------- */

static const struct job_status statuses[BATCH_STATUSES] = {
    [BATCH_SUBMITTED] = {"Submitted", JOB_WAITING,
                         JOB_TO(BATCH_VALIDATING) | JOB_TO(BATCH_STOPPING) | JOB_TO(BATCH_EXPIRED) |
                             JOB_TO(BATCH_FAILED)},
    [BATCH_VALIDATING] = {"Validating", JOB_WAITING,
                          JOB_TO(BATCH_SUBMITTED) | JOB_TO(BATCH_SCHEDULED) | JOB_TO(BATCH_STOPPING) |
                              JOB_TO(BATCH_EXPIRED) | JOB_TO(BATCH_FAILED)},
    [BATCH_SCHEDULED] = {"Scheduled", JOB_WAITING,
                         JOB_TO(BATCH_IN_PROGRESS) | JOB_TO(BATCH_STOPPING) | JOB_TO(BATCH_EXPIRED) |
                             JOB_TO(BATCH_FAILED)},
    [BATCH_IN_PROGRESS] = {"InProgress", JOB_RUNNING,
                           JOB_TO(BATCH_SCHEDULED) | JOB_TO(BATCH_STOPPING) | JOB_TO(BATCH_COMPLETED) |
                               JOB_TO(BATCH_PARTIALLY_COMPLETED) | JOB_TO(BATCH_FAILED)},
    [BATCH_STOPPING] = {"Stopping", JOB_STOPPING, JOB_TO(BATCH_STOPPED) | JOB_TO(BATCH_FAILED)},
    [BATCH_COMPLETED] = {"Completed", JOB_ENDED, 0},
    [BATCH_PARTIALLY_COMPLETED] = {"PartiallyCompleted", JOB_ENDED, 0},
    [BATCH_FAILED] = {"Failed", JOB_ENDED, 0},
    [BATCH_EXPIRED] = {"Expired", JOB_ENDED, 0},
    [BATCH_STOPPED] = {"Stopped", JOB_ENDED, 0},
};

const char *batch_status_name(enum batch_status status)
{
    assert(status < BATCH_STATUSES);
    return statuses[status].name;
}

bool batch_status_has_ended(enum batch_status status)
{
    assert(status < BATCH_STATUSES);
    return statuses[status].phase == JOB_ENDED;
}

/* --- tables of before -------------------------------------------------------------------------------- */

static const char *const steps[] = {
    "CREATE TABLE batch_job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, "
    "model_id TEXT NOT NULL, role_arn TEXT NOT NULL, type TEXT NOT NULL, input_uri TEXT NOT NULL, "
    "output_uri TEXT NOT NULL, request TEXT NOT NULL, timeout_hours INTEGER NOT NULL, status TEXT NOT NULL, "
    "message TEXT NOT NULL, submit_us INTEGER NOT NULL, modified_us INTEGER NOT NULL, end_us INTEGER NOT NULL, "
    "expires_us INTEGER NOT NULL, total INTEGER NOT NULL, success INTEGER NOT NULL, errors INTEGER NOT NULL, "
    "input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, owner TEXT, "
    "lease_until_us INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0) STRICT;",
    /* Tags were kept in the request alone. */
    "CREATE TABLE batch_tag (job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)) "
    "STRICT, WITHOUT ROWID;"
    "INSERT OR REPLACE INTO batch_tag SELECT job.id, json_extract(tag.value, '$.key'), "
    "json_extract(tag.value, '$.value') FROM batch_job AS job, json_each(job.request, '$.tags') AS tag",
    "ALTER TABLE batch_job ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE batch_job ADD COLUMN profile TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE batch_job ADD COLUMN profile_tags TEXT NOT NULL DEFAULT ''",
    /* Members of terms and progress are those of job_db.c. */
    "INSERT INTO job (sequence, id, kind, tenant, account, region, name, token, subject, request, terms, progress, "
    "status, message, submit_us, modified_us, end_us, expires_us, lease_until_us, fence) "
    "SELECT sequence, id, 'batch', tenant, account, region, name, token, model_id, request, "
    "json_object('roleArn', role_arn, 'type', type, 'inputUri', input_uri, 'outputUri', output_uri, "
    "'timeoutHours', timeout_hours, 'source', source, 'profile', profile, 'profileTags', profile_tags), "
    "json_object('total', total, 'success', success, 'errors', errors, 'inputTokens', input_tokens, "
    "'outputTokens', output_tokens), "
    "status, message, submit_us, modified_us, end_us, expires_us, lease_until_us, fence FROM batch_job;"
    "INSERT INTO job_tag SELECT job, key, value FROM batch_tag;"
    "DROP TABLE batch_tag; DROP TABLE batch_job",
};

const struct job_kind batch_job_kind = {
    .name = "batch",
    .title = "batch job",
    .subject = "model",
    .resource = "model-invocation-job",
    .statuses = statuses,
    .status_count = BATCH_STATUSES,
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
};

const struct job_kind batch_openai_kind = {
    .name = "openai-batch",
    .title = "batch",
    .subject = "API",
    .resource = "openai-batch",
    .statuses = statuses,
    .status_count = BATCH_STATUSES,
};

const struct job_kind batch_anthropic_kind = {
    .name = "message-batch",
    .title = "message batch",
    .subject = "API",
    .resource = "message-batch",
    .statuses = statuses,
    .status_count = BATCH_STATUSES,
};

const struct job_kind *const batch_kinds[BATCH_KINDS] = {&batch_job_kind, &batch_openai_kind, &batch_anthropic_kind};
