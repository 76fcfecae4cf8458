/* jobs.h - jobs of all kinds as the console shows them, for jobs.c (the list) and job_details.c. On a thread that
 * may wait. */
#ifndef API_CONSOLE_JOBS_H
#define API_CONSOLE_JOBS_H

#include "api/console/ask.h"
#include "customize/customize.h"
#include "eval/evaluations.h"

/* Batches of each API are a kind of their own, as their rooms have them. */
enum console_job_kind {
    CONSOLE_BATCH,
    CONSOLE_OPENAI_BATCH,
    CONSOLE_MESSAGE_BATCH,
    CONSOLE_CUSTOMIZATION,
    CONSOLE_EVALUATION,
    CONSOLE_JOB_KINDS
};
extern const struct job_kind *const console_job_kinds[CONSOLE_JOB_KINDS];
static inline bool console_is_batch(enum console_job_kind kind)
{
    return kind <= CONSOLE_MESSAGE_BATCH;
}

/* One of them, as its room has it. */
struct console_job {
    enum console_job_kind kind;
    int64_t sequence; /* order of submission, of all kinds together */
    const struct batch_job *batch;
    const struct custom_job *custom;
    const struct eval_job *eval;
};

/* By the type in its ARN, or by the ID that OpenAI's and Anthropic's API have for a batch; `id` is the job's own.
 * False: it is no job's. */
bool console_job_find(struct str arn, enum console_job_kind *kind, struct str *id);
/* Likewise. In the arena; data NULL: no memory. */
struct str console_job_arn(const struct console_job *job, struct arena *arena);

/* Members that every job has, behind those that were put. */
void console_job_put(struct console_ask *ask, const struct console_job *job);

struct str console_batch_arn(const struct batch_job *job, struct arena *arena);

#endif
