/* job_db.h - batch jobs in the store of jobs (jobs/jobs.h, which says what each
 * function does): what a batch job is made of becomes the JSON of its kind, and
 * back. What needs none of that goes to the store itself, of batch_job_kind. */
#ifndef BATCH_JOB_DB_H
#define BATCH_JOB_DB_H

#include "batch/job.h"
#include "core/error.h"
#include "core/mem.h"

/* The caller holds the lock of the data directory: leases found there are of
 * processes that are gone, and are ended. */
enum error_code job_db_open(const char *data, struct jobs **jobs, struct error *error) WARN_UNUSED;

enum error_code job_db_create(struct jobs *jobs, struct batch_job *job, uint64_t most, bool *is_new,
                              struct error *error) WARN_UNUSED;
enum error_code job_db_get(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                           struct arena *arena, struct batch_job *job, struct error *error) WARN_UNUSED;
enum error_code job_db_list(struct jobs *jobs, const struct job_kind *kind, const struct job_filter *filter,
                            struct arena *arena, struct batch_job **list, size_t *count, bool *has_more,
                                struct error *error) WARN_UNUSED;

/* The next one of any kind. One that cannot be started (no memory, or what is stored cannot be read) is
 * given back, the latter as Failed. */
enum error_code job_db_claim(struct jobs *jobs, const struct job_lease *lease, bool takes_new, struct arena *arena,
                             struct batch_job *job, struct job_claim *claim, bool *has_job,
                             struct error *error) WARN_UNUSED;

/* With message and counts of `job`. */
enum error_code job_db_move(struct jobs *jobs, const struct batch_job *job, const struct job_claim *claim,
                            const struct job_move *move, uint64_t now_us, bool *has_moved,
                            struct error *error) WARN_UNUSED;
enum error_code job_db_note(struct jobs *jobs, const struct batch_job *job, const struct job_claim *claim,
                            uint64_t now_us, struct error *error) WARN_UNUSED;

enum error_code job_db_expire(struct jobs *jobs, uint64_t now_us, struct error *error) WARN_UNUSED;

#endif
