/* job.h - a batch job: what was asked for, and how far it has come. */
#ifndef BATCH_JOB_H
#define BATCH_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"
#include "jobs/jobs.h"

#define BATCH_MESSAGE_MAX 512

/*   Submitted -> Validating -> Scheduled -> InProgress -> Completed, PartiallyCompleted, Failed
 *
 * A job that has not ended becomes Stopping when somebody asks for it, then
 * Stopped; one that has not started when its time is up becomes Expired. A
 * server that shuts down puts a job back: Validating to Submitted, InProgress
 * to Scheduled. */
enum batch_status {
    BATCH_SUBMITTED,
    BATCH_VALIDATING,
    BATCH_SCHEDULED,
    BATCH_IN_PROGRESS,
    BATCH_STOPPING,
    BATCH_COMPLETED, /* from here on it has ended */
    BATCH_PARTIALLY_COMPLETED,
    BATCH_FAILED,
    BATCH_EXPIRED,
    BATCH_STOPPED,
    BATCH_STATUSES,
};
extern const struct job_kind batch_job_kind; /* its statuses are those, in that order */

const char *batch_status_name(enum batch_status status); /* "Submitted", ... */
bool batch_status_has_ended(enum batch_status status);

/* Whose bodies the records have. */
enum batch_type { BATCH_INVOKE_MODEL, BATCH_CONVERSE, BATCH_TYPES };
extern const char *const batch_type_names[BATCH_TYPES + 1]; /* "InvokeModel", "Converse"; ends with NULL */

#define BATCH_FIRST_ERRORS 5 /* that are told with a job; its output has all */
#define BATCH_ERROR_TEXT 240

struct batch_counts {
    uint64_t total; /* records; known once it is validated */
    uint64_t success, errors;
    uint64_t input_tokens, output_tokens; /* input: whether computed or read from the cache */
    size_t first_count;                   /* jobs of earlier programs have errors and none of these */
    struct batch_error {
        uint64_t number; /* of the record, from 0 */
        unsigned code;   /* errorCode */
        char message[BATCH_ERROR_TEXT];
    } firsts[BATCH_FIRST_ERRORS]; /* as they came */
};

/* Strings live in the arena of whoever read it. */
struct batch_job {
    char id[JOB_ID_LEN + 1];
    int64_t sequence; /* order of submission */
    struct str tenant, account, region;
    struct str name, token, model_id, role_arn;
    struct str source; /* what the application profile that model_id names stands for; empty: it names none... */
    struct str profile, profile_tags; /* ...else the profile and its tags, for the ledger */
    enum batch_type type;
    struct str input_uri, output_uri;
    struct str request; /* compact JSON of the whole request, for what is only handed back */
    struct job_tags tags; /* of one to be made; later they are asked for alone */
    uint32_t timeout_hours;
    enum batch_status status;
    struct str message;
    uint64_t submit_us, modified_us, end_us, expires_us; /* wall clock; end 0: it has not ended */
    struct batch_counts counts;
};

#endif
