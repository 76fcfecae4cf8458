/* job.h - an evaluation job: what was asked for, and its form in the store of jobs.
 *
 *   InProgress -> Completed, Failed;   InProgress -> Stopping -> Stopped, Failed
 *
 * Any thread. */
#ifndef EVAL_JOB_H
#define EVAL_JOB_H

#include "core/error.h"
#include "core/mem.h"
#include "eval/judge.h"
#include "eval/metric.h"
#include "jobs/jobs.h"

enum eval_status {
    EVAL_IN_PROGRESS,
    EVAL_STOPPING,
    EVAL_COMPLETED, /* from here on it has ended */
    EVAL_FAILED,
    EVAL_STOPPED,
    EVAL_STATUSES,
};
extern const struct job_kind eval_job_kind; /* its statuses are those, in that order */

#define EVAL_MODELS_MAX 2
#define EVAL_SETS_MAX 5
#define EVAL_METRICS_MAX 25
#define EVAL_MESSAGE_MAX 512

enum eval_task { EVAL_SUMMARIZATION, EVAL_CLASSIFICATION, EVAL_QUESTIONS, EVAL_GENERATION, EVAL_CUSTOM, EVAL_TASKS };
extern const char *const eval_task_names[EVAL_TASKS + 1]; /* the service's; ends with NULL */

/* A model that is asked. */
struct eval_asked {
    struct str id;
    struct str source, profile, profile_tags; /* as in struct batch_job */
    bool is_given;     /* its answers stand in the rows, under this name */
    struct str params; /* inferenceParams: an object's text, or empty */
};

/* A metric of a job: one of metric.h's, or a criterion of a judge. */
struct eval_measure {
    struct str name; /* as asked for */
    const struct judge_criterion *criterion; /* NULL: `metric` */
    enum metric metric;
};

/* False: nobody here knows a metric of this name. Builtin.Accuracy is by task: exact for Classification, f1 for
 * QuestionAndAnswer, rouge for Summarization, else auto. */
bool eval_measure_find(struct str name, enum eval_task task, struct eval_measure *measure);

struct eval_set {
    enum eval_task task;
    struct str name, uri;
    struct eval_measure measures[EVAL_METRICS_MAX];
    size_t measure_count;
};

/* Strings live in the arena of whoever read it. */
struct eval_job {
    char id[JOB_ID_LEN + 1];
    int64_t sequence;
    struct str tenant, account, region, name, token;
    struct str request; /* compact JSON of the whole, for what is only handed back */
    struct str output_uri;
    struct eval_asked models[EVAL_MODELS_MAX], judge; /* judge.id empty: none */
    size_t model_count;
    struct eval_set sets[EVAL_SETS_MAX];
    size_t set_count;
    struct job_tags tags; /* of one to be made */
    enum eval_status status;
    struct str message, progress; /* progress: JSON of the runner's */
    uint64_t submit_us, modified_us, end_us;
};

/* Where its results lie; the prefix ends with a slash, and lies in the arena. */
enum error_code eval_job_output(const struct eval_job *job, struct arena *arena, struct str *bucket,
                                struct str *prefix, struct error *error) WARN_UNUSED;
#define EVAL_REPORT "report.html"
#define EVAL_SUMMARY "summary.json"

/* Its batch jobs: of the models, then of the judge, by their IDs, in the arena; empty ones are not made. */
#define EVAL_CHILDREN (EVAL_MODELS_MAX + 1)
enum error_code eval_job_children(const struct eval_job *job, struct arena *arena, struct str children[EVAL_CHILDREN],
                                  struct error *error) WARN_UNUSED;

/* Terms of the job as JSON, and a row of the store as a job. */
bool eval_job_append_terms(struct buf *out, const struct eval_job *job);
enum error_code eval_job_of_row(const struct job_row *row, struct arena *arena, struct eval_job *job,
                                struct error *error) WARN_UNUSED;

#endif
