/* job.h - a batch job: what was asked for, and how far it has come. */
#ifndef BATCH_JOB_H
#define BATCH_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/util.h"
#include "jobs/jobs.h"
#include "store/files.h"

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
/* Their statuses are those, in that order. One kind for each API that makes batches, so that each lists its own:
 * Bedrock's jobs, OpenAI's batches, Anthropic's batches of messages. */
extern const struct job_kind batch_job_kind, batch_openai_kind, batch_anthropic_kind;
#define BATCH_KINDS 3
extern const struct job_kind *const batch_kinds[BATCH_KINDS];

const char *batch_status_name(enum batch_status status); /* "Submitted", ... */
bool batch_status_has_ended(enum batch_status status);

/* Whose bodies the records have. The first two are Bedrock's, whose jobs have objects as input and output and one
 * model; records of the others each name their model, and their files are those of store/files.h. */
enum batch_type { BATCH_INVOKE_MODEL, BATCH_CONVERSE, BATCH_OPENAI, BATCH_ANTHROPIC, BATCH_TYPES };
#define BATCH_BEDROCK_TYPES 2
extern const char *const batch_type_names[BATCH_BEDROCK_TYPES + 1]; /* "InvokeModel", "Converse"; ends with NULL */
const char *batch_type_name(enum batch_type type);
static inline bool batch_has_files(enum batch_type type)
{
    return type >= BATCH_BEDROCK_TYPES;
}
const struct job_kind *batch_kind_of(enum batch_type type);

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

/* Why a job whose records were not what they have to be failed before one was computed. */
#define BATCH_PROBLEMS 10
struct batch_problem {
    char code[40];
    char param[40]; /* "": none */
    uint64_t line;  /* of the input, from 1; 0: none */
    char message[BATCH_ERROR_TEXT];
};
struct batch_problems {
    size_t count;
    struct batch_problem items[BATCH_PROBLEMS];
};

/* Strings live in the arena of whoever read it. */
struct batch_job {
    char id[JOB_ID_LEN + 1];
    int64_t sequence; /* order of submission */
    struct str tenant, account, region;
    struct str name, token, model_id, role_arn;
    struct str source; /* what the application profile that model_id names stands for; empty: it names none... */
    struct str key; /* virtual key that made it, for budgets and the ledger; empty: another credential did */
    struct str profile, profile_tags; /* ...else the profile and its tags, for the ledger */
    enum batch_type type;
    struct str input_uri, output_uri; /* of a batch with files: the ID of its input, and nothing */
    struct str endpoint; /* of OpenAI's: the path that its records are for; of Anthropic's: the version of the API */
    uint64_t keep_s;     /* of a batch with files: how long those that it makes are kept */
    struct str request; /* compact JSON of the whole request, for what is only handed back */
    struct job_tags tags; /* of one to be made; later they are asked for alone */
    uint32_t timeout_hours;
    enum batch_status status;
    struct str message;
    uint64_t submit_us, modified_us, end_us, expires_us; /* wall clock; end 0: it has not ended */
    uint64_t start_us, stop_us; /* when its first record was begun, when it was to be stopped; 0: it was not */
    struct batch_counts counts;
    struct batch_problems problems;
};

/* "The same work has the same ID", as a UUID. */
void batch_request_id(const char *job_id, uint64_t number, char out[UUID_LEN + 1]);

/* The IDs of the files that a batch of these makes: what succeeded, or all; what did not. */
enum batch_output { BATCH_OUTPUT, BATCH_OUTPUT_ERRORS };
void batch_output_id(const char *job_id, enum batch_output which, char id[FILES_ID_LEN + 1]);
/* Whether it is there, of a batch that has ended. */
bool batch_has_output(const struct batch_job *job, enum batch_output which);

#endif
