/* course.h - how one evaluation job goes on, step by step, so that it may be broken off between any two:
 *
 *   data    the data sets are copied from the object store
 *   ask     a batch job for each model is made; each has ended
 *   judge   a batch job for the judge, of both models' answers; it has ended
 *   write   scores, results and the report are in the object store
 *
 * A step that is begun again does the same again: batch jobs are made under a token that follows from the job, so the
 * second time gives the first one. The runner's thread alone. */
#ifndef EVAL_COURSE_H
#define EVAL_COURSE_H

#include <stdatomic.h>

#include "eval/evaluations.h"

#define COURSE_CHILDREN EVAL_CHILDREN
#define COURSE_PATH_MAX 4096
#define COURSE_NAME_MAX 48 /* of a file, with its NUL */
#define COURSE_DIRECTORY "evaluations" /* of the data directory */
#define COURSE_WORK "work/" /* below the output: files of batch jobs */

struct course {
    const struct evaluations_options *options;
    const atomic_bool *is_closing; /* the server ends: long steps are left, with ERROR_UNAVAILABLE */
    struct eval_job job; /* its strings in the arena */
    struct job_claim claim;
    struct arena arena;
    struct str bucket, prefix; /* of all that it writes; the prefix ends with a slash */
    struct str children[COURSE_CHILDREN]; /* IDs of batch jobs; empty: not made */
    char message[EVAL_MESSAGE_MAX];
};

/* `job` as it was claimed. ERROR_INVALID: it can't be run. */
enum error_code course_begin(struct course *course, struct error *error) WARN_UNUSED;

/* As far as it goes now. OK with *is_over false: it waits for a batch job. Errors that may pass are worth another call
 * (batch_may_pass), others are the job's end. */
enum error_code course_step(struct course *course, bool *is_over, struct error *error) WARN_UNUSED;
/* Its batch jobs are to be stopped. *is_over: all of them have ended. */
enum error_code course_stop(struct course *course, bool *is_over, struct error *error) WARN_UNUSED;

/* IDs of its batch jobs, as JSON, to be kept with the job. */
bool course_append_progress(struct buf *out, const struct course *course);

/* --- files: what the steps share (files.c) --- */

/* An object of the tenant's, up to limit(eval_file_bytes) of it. */
enum error_code course_read_object(struct course *course, struct str uri, struct buf *text,
                                   struct error *error) WARN_UNUSED;
/* PREFIX + name. */
enum error_code course_put(struct course *course, const char *name, const char *type, struct str text,
                           struct error *error) WARN_UNUSED;
enum error_code course_get(struct course *course, const char *name, struct buf *text, struct error *error) WARN_UNUSED;
enum error_code course_path(const struct course *course, const char *name, char path[COURSE_PATH_MAX],
                            struct error *error) WARN_UNUSED;
/* Of the copy of a data set. */
enum error_code course_set_path(const struct course *course, size_t set, char path[COURSE_PATH_MAX],
                                struct error *error) WARN_UNUSED;
enum error_code course_make_directory(const struct course *course, struct error *error) WARN_UNUSED;
/* What lies in its directory and in work/. Best effort: what is left is the tenant's to remove. */
void course_sweep(struct course *course);

/* --- the last step (results.c) --- */

struct course_data { /* rows and answers of a job */
    struct questions sets[EVAL_SETS_MAX];
    struct answer *answers[EVAL_SETS_MAX][EVAL_MODELS_MAX];
    struct arena arena;
};
/* Rows; answers too where `has_answers`. course_data_deinit in any case. */
enum error_code course_read_data(struct course *course, bool has_answers, struct course_data *data,
                                 struct error *error) WARN_UNUSED;
void course_data_deinit(struct course_data *data);

/* Records of the judge: a grade for each set, row, model and criterion. Calls `take` with each one's name. */
struct course_grading {
    size_t set, row, model, measure;
};
enum error_code course_gradings(const struct course *course, const struct course_data *data,
                                enum error_code (*take)(void *ctx, const struct course_grading *grading,
                                                        const char *name, struct error *error),
                                void *ctx, struct error *error) WARN_UNUSED;

/* Lines of a batch job's output: record and reply. Calls `take` with each; reply data NULL: `problem` says why. */
enum error_code course_replies(struct course *course, size_t child,
                               enum error_code (*take)(void *ctx, struct str record, struct str reply,
                                                       struct str problem, struct error *error),
                               void *ctx, struct error *error) WARN_UNUSED;

enum error_code course_write_results(struct course *course, struct error *error) WARN_UNUSED;

#endif
