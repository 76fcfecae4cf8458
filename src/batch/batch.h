/* batch.h - lever 4: work nobody waits for. Jobs are kept in DATA/state.db, and
 * a thread of the gateway computes their records whenever the engine has
 * nothing better to do. What a job is: job.h; how records are kept exactly
 * once: runner.h. docs/TIERS-AND-BATCH.md. */
#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H

#include "batch/job_db.h"
#include "batch/setup.h"

struct batch;

/* Opens the jobs and starts the runner; jobs of an earlier process go on. The
 * caller holds the lock of the data directory; what `options` points to
 * outlives the batch. */
enum error_code batch_open(const struct batch_options *options, struct batch **batch, struct error *error) WARN_UNUSED;

/* No further record is started. Any thread. */
void batch_begin_drain(struct batch *batch);
/* Records that run are waited for, for so long; then jobs are put back. The
 * main loop must go on meanwhile. */
void batch_drain(struct batch *batch, uint64_t timeout_ms);
/* Before the engine stops. Records that still run are left. NULL is legal. */
void batch_close(struct batch *batch);

/* The rest waits for the disk: any thread but I/O threads. jobs/jobs.h says what
 * each one does; the first fills in ID, times and status. */
enum error_code batch_create(struct batch *batch, struct batch_job *job, struct error *error) WARN_UNUSED;
enum error_code batch_get(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                          struct arena *arena, struct batch_job *job, struct error *error) WARN_UNUSED;
enum error_code batch_list(struct batch *batch, const struct job_kind *kind, const struct job_filter *filter,
                           struct arena *arena, struct batch_job **list, size_t *count, bool *has_more,
                               struct error *error) WARN_UNUSED;
enum error_code batch_request_stop(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                                   struct error *error) WARN_UNUSED;
/* With the files that it has made. */
enum error_code batch_delete(struct batch *batch, const struct job_kind *kind, struct str tenant, struct str id,
                             struct error *error) WARN_UNUSED;
/* Of Bedrock's jobs alone. */
enum error_code batch_tags(struct batch *batch, const char *id, struct arena *arena, struct job_tags *tags,
                           struct error *error) WARN_UNUSED;
enum error_code batch_tag(struct batch *batch, const char *id, const struct job_tags *tags,
                          struct error *error) WARN_UNUSED;
enum error_code batch_untag(struct batch *batch, const char *id, const struct str *keys, size_t count,
                            struct error *error) WARN_UNUSED;

#endif
