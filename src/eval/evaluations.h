/* evaluations.h - evaluation jobs: made, shown and stopped by whoever asks, run by a thread of this module's own.
 *
 * A job's requests are batch jobs of its tenant's (src/batch), one for each model and one for the judge: so they are
 * computed when nobody else wants the machine, at the batch tier's price, and each once whatever happens. While a job
 * has not ended, DATA/evaluations/ID has copies of its data sets, and below the job's output in the tenant's bucket
 * `work/` has the batch jobs' files. How a job goes on: course.h.
 *
 * What `options` points to outlives the evaluations. */
#ifndef EVAL_EVALUATIONS_H
#define EVAL_EVALUATIONS_H

#include "batch/batch.h"
#include "eval/job.h"

struct evaluations;

struct evaluations_options {
    const char *data;
    struct batch *batch;
    struct objects *objects;
    const struct routing *routing;
    const struct price_book *prices;
};

/* The caller holds the lock of the data directory. Jobs of an earlier process go on. */
enum error_code evaluations_open(const struct evaluations_options *options, struct evaluations **evaluations,
                                 struct error *error) WARN_UNUSED;
/* The thread ends, and nobody waits for an object store that does not answer any longer; jobs stay as they are. Before
 * the batch and the object store end; NULL is legal. */
void evaluations_close(struct evaluations *evaluations);

/* The rest waits for the disk: any thread but I/O threads. jobs/jobs.h says what each one does. */
enum error_code evaluations_create(struct evaluations *evaluations, struct eval_job *job,
                                   struct error *error) WARN_UNUSED; /* fills in ID, times and status */
enum error_code evaluations_get(struct evaluations *evaluations, struct str tenant, struct str id, struct arena *arena,
                                struct eval_job *job, struct error *error) WARN_UNUSED;
enum error_code evaluations_list(struct evaluations *evaluations, const struct job_filter *filter, struct arena *arena,
                                 struct eval_job **list, size_t *count, bool *has_more,
                                 struct error *error) WARN_UNUSED;
enum error_code evaluations_request_stop(struct evaluations *evaluations, struct str tenant, struct str id,
                                         struct error *error) WARN_UNUSED;
/* Its summary.json (report.h), in the arena; data NULL: it has none, or the tenant has taken it away. */
enum error_code evaluations_summary(const struct evaluations *evaluations, const struct eval_job *job,
                                    struct arena *arena, struct str *json, struct error *error) WARN_UNUSED;
/* ERROR_CONFLICT: it has not ended. What it wrote to its output stays. */
enum error_code evaluations_delete(struct evaluations *evaluations, struct str tenant, struct str id,
                                   struct error *error) WARN_UNUSED;

enum error_code evaluations_tags(struct evaluations *evaluations, const char *id, struct arena *arena,
                                 struct job_tags *tags, struct error *error) WARN_UNUSED;
enum error_code evaluations_tag(struct evaluations *evaluations, const char *id, const struct job_tags *tags,
                                struct error *error) WARN_UNUSED;
enum error_code evaluations_untag(struct evaluations *evaluations, const char *id, const struct str *keys,
                                  size_t count, struct error *error) WARN_UNUSED;

#endif
