/* run.h - one claimed job on its way, shared by the files that bring it on: validate.c (the data), process.c (rows and
 * recipe) with synthesise.c (prompts that the teacher writes) and teach.c (its answers), which ask by ask.c; train.c
 * (the trainer), register.c (metrics and the custom model), and runner.c, which calls them in this order; output.c puts
 * what they made where the user wants it. All of it belongs to the runner's thread.
 *
 * A stage that is done is noted in the job's progress before the next one begins, and leaves whole files in
 * DATA/customize/JOB:
 *
 *   rows.jsonl, validators.jsonl   the good lines, as rows of the trainer; insights.jsonl: the others, and why
 *   prompts.jsonl, answers.jsonl   lines without an answer, what the teacher's batch job put out, and the rows that
 *   taught.jsonl                   both become
 *   replies.jsonl, variants.jsonl  what the batch job put out that wants variants, those that were kept, and the rows
 *   synthetic.jsonl                that they become
 *   train.jsonl, held.jsonl        what is learnt and what is measured; recipe.yaml; base.gguf and teacher.gguf where
 *                                  they are the program's own
 *   model.gguf, .checkpoint, .csv  the trainer's
 *
 * A job that waits gives its turn to the next one: run_teach says so as long as the teacher is at work, and every stage
 * by an error that may pass by itself. It is run again later, from the stage on that is not done.
 *
 * So after a crash each stage that is not done is begun again, the training at its last checkpoint, and one that may
 * have been interrupted between its work and the note does the same work again. */
#ifndef CUSTOMIZE_RUN_H
#define CUSTOMIZE_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/util.h"
#include "customize/customize.h"
#include "customize/recipe.h"

#define CUSTOM_ASIDE_MAX 64

struct custom_run;

struct custom_runner {
    const struct customize_options *options;
    struct jobs *store;
    struct resources *models;
    struct deploy *deploy;
    struct batch *batch;
    uint64_t reconciled_us, renewed_us, looked_aside_us;
    /* Claimed, and waiting: for the teacher, or for another try. Others have their turn meanwhile. */
    struct custom_run *aside[CUSTOM_ASIDE_MAX];
    size_t aside_count;
    char owner[UUID_LEN + 1];
    pthread_t thread;
    pthread_mutex_t mutex; /* with `woken`, for pauses alone */
    pthread_cond_t woken;
    atomic_bool is_leaving; /* the server stops */
    atomic_bool must_look;  /* somebody has added or stopped a job */
};

struct custom_run {
    struct custom_runner *runner;
    struct arena arena;
    struct custom_job job;
    struct job_claim claim;
    yyjson_doc *request;
    struct hyper hyper;
    char dir[CUSTOM_PATH_MAX]; /* of working files */
    char message[512];         /* the job's */
    bool is_stopping;          /* somebody wants it stopped */
    uint64_t listed;           /* lines that validation has left out */
    struct buf insights;       /* lines that processing has left out */
    bool waits_for_teacher;    /* of one that is put aside; else for RETRY_MS */
    bool is_due;               /* it can go on */
    uint64_t aside_us, looked_us, noted_us;
};

/* --- runner.c: what every stage needs --- */

/* To be called at least once a second: keeps the claim. ERROR_CANCELLED: the job is to be stopped, or the server ends;
 * ERROR_CONFLICT: somebody else has the job. */
enum error_code run_tick(struct custom_run *run, struct error *error) WARN_UNUSED;
/* The same after a while, or earlier when there is something to see. */
enum error_code run_pause(struct custom_run *run, unsigned ms, struct error *error) WARN_UNUSED;
/* Progress and message as they are now go into the database. */
enum error_code run_note(struct custom_run *run, struct error *error) WARN_UNUSED;
/* DIR/NAME. */
struct run_path {
    char text[CUSTOM_PATH_MAX];
};
struct run_path run_file(const struct custom_run *run, const char *name);

/* DATA/customize/JOB, where a job's working files are while it has not ended. */
enum error_code custom_directory(const char *data, const char *id, char path[CUSTOM_PATH_MAX],
                                 struct error *error) WARN_UNUSED;

/* --- output.c --- */

/* Where an object of the job's output lies. ERROR_INVALID: its key would be too long. */
struct run_key {
    char text[OBJECTS_KEY_MAX + 1];
};
#define RUN_TRAINING_METRICS "training_artifacts/step_wise_training_metrics.csv"
#define RUN_VALIDATION_METRICS "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
#define RUN_LONGEST_NAME RUN_VALIDATION_METRICS
#define RUN_REJECTED "prompt_insights/rejected.jsonl"
#define RUN_SAMPLE "synthetic_data/sample.jsonl"
#define RUN_CURVE "model.gguf.csv" /* a working file: the trainer's */
enum error_code run_output_key(const struct custom_run *run, const char *name, struct str *bucket, struct run_key *key,
                               struct error *error) WARN_UNUSED;
/* Likewise, of a job that nobody here runs. */
enum error_code custom_output_key(yyjson_val *request, const char *id, const char *name, struct str *bucket,
                                  struct run_key *key, struct error *error) WARN_UNUSED;

/* An object of the job's output: OUTPUT/model-customization-job-ID/NAME. ERROR_DENIED, ERROR_UNAVAILABLE: it may be
 * taken later. */
enum error_code run_put(struct custom_run *run, const char *name, struct str text, const char *type,
                        struct error *error) WARN_UNUSED;
enum error_code run_put_file(struct custom_run *run, const char *name, const char *path, const char *type,
                             struct error *error) WARN_UNUSED;
/* --- process.c: rows, and lines that are left out --- */

/* Goes through the rows of a file; `number` counts from 1. */
typedef enum error_code row_taker(void *ctx, uint64_t number, struct str row, struct error *error);
enum error_code run_each_row(const char *path, row_taker *take, void *ctx, struct error *error) WARN_UNUSED;

/* A line of the data that processing leaves out; and the list of all that were, put into the output. */
enum error_code run_reject(struct custom_run *run, struct str file, uint64_t line, struct str reason,
                           struct error *error) WARN_UNUSED;
enum error_code run_put_insights(struct custom_run *run, struct error *error) WARN_UNUSED;

/* What became of the trainer: ERROR_UNAVAILABLE where something ended it, ERROR_INVALID with its own words where it
 * gave up. */
#define RUN_SILENT "it said nothing"
enum error_code run_child_failed(struct custom_run *run, const char *what, int status, struct error *error);

/* --- stages, in their order; errors as run_tick and run_put; ERROR_INVALID ends the job --- */

enum error_code run_validate(struct custom_run *run, struct error *error) WARN_UNUSED;
/* Within processing: variants.jsonl, then taught.jsonl and synthetic.jsonl; and counts. ERROR_NOT_READY: the teacher is
 * at work. */
enum error_code run_synthesise(struct custom_run *run, struct error *error) WARN_UNUSED;
enum error_code run_teach(struct custom_run *run, struct error *error) WARN_UNUSED;
bool run_teacher_has_ended(struct custom_run *run); /* what it did until now goes into the progress */
void run_stop_teacher(struct custom_run *run);      /* of a job that is to be stopped */
enum error_code run_process(struct custom_run *run, struct error *error) WARN_UNUSED;
enum error_code run_train(struct custom_run *run, struct error *error) WARN_UNUSED;
/* Metrics as far as the training came, also of a job that is stopped. */
enum error_code run_report(struct custom_run *run, struct error *error) WARN_UNUSED;
enum error_code run_register(struct custom_run *run, struct error *error) WARN_UNUSED;

/* --- runner.c: the thread --- */

enum error_code custom_runner_start(struct custom_runner *runner, struct error *error) WARN_UNUSED;
void custom_runner_look(struct custom_runner *runner);  /* a job was added or is to be stopped; any thread */
void custom_runner_leave(struct custom_runner *runner); /* nothing further is begun; any thread */
void custom_runner_stop(struct custom_runner *runner);  /* joins */

#endif
