/* job_db.h - batch jobs in DATA/state.db.
 *
 * A runner claims a job by lease: it is the owner until lease_until, and may
 * prolong that. Each claim has a higher fence than the one before, and
 * everything a runner writes of a job names the fence of its claim, so that one
 * that was thought dead and wakes up changes nothing any more (ERROR_CONFLICT).
 * What others may change meanwhile is only the status, to Stopping.
 *
 * The fence guards rows of this database, not the job's working files in
 * DATA/batch, and leases go by the wall clock: it is one gateway per data
 * directory (its lock says so). Gateways that share one need files that are
 * named by the fence.
 *
 * Any thread; one at a time is inside. Calls wait for the disk: I/O threads
 * leave them to others. */
#ifndef BATCH_JOB_DB_H
#define BATCH_JOB_DB_H

#include "batch/job.h"
#include "core/error.h"
#include "core/mem.h"

struct job_db;

/* The caller holds the lock of the data directory: leases found there are of
 * processes that are gone, and are ended. */
enum error_code job_db_open(const char *data, struct job_db **db, struct error *error) WARN_UNUSED;
void job_db_close(struct job_db *db); /* NULL is legal */

/* Adds a job in Submitted. When `job` has a token that its tenant has used
 * before: OK and that job's ID in job->id if the requests are the same, else
 * ERROR_CONFLICT. ERROR_QUOTA: so many jobs of the tenant's on this model have
 * not ended. */
enum error_code job_db_create(struct job_db *db, struct batch_job *job, uint64_t jobs_max, bool *is_new,
                              struct error *error) WARN_UNUSED;

/* Strings go into the arena. ERROR_NOT_FOUND, also for another tenant's. */
enum error_code job_db_get(struct job_db *db, struct str tenant, struct str id, struct arena *arena,
                           struct batch_job *job, struct error *error) WARN_UNUSED;

struct batch_filter {
    struct str tenant;
    struct str name_contains;                    /* empty: any */
    bool has_status;
    enum batch_status status;
    uint64_t submit_after_us, submit_before_us;  /* inclusive; before 0: no bound */
    bool is_ascending;                           /* oldest first */
    int64_t beyond;                              /* sequence of the last job seen; 0: from the start */
    size_t max;
};
/* *has_more: there is a page behind this one. */
enum error_code job_db_list(struct job_db *db, const struct batch_filter *filter, struct arena *arena,
                            struct batch_job **jobs, size_t *count, bool *has_more, struct error *error) WARN_UNUSED;

/* ERROR_CONFLICT: it has ended. Of a job that is stopping already: OK. */
enum error_code job_db_request_stop(struct job_db *db, struct str tenant, struct str id, uint64_t now_us,
                                    struct error *error) WARN_UNUSED;

/* --- tags: of a job that job_db_get has found --- */

/* In the order of their keys. */
enum error_code job_db_tags(struct job_db *db, const char *id, struct arena *arena, struct batch_tags *tags,
                            struct error *error) WARN_UNUSED;
/* Adds these, or gives keys that are there another value. ERROR_TAGS: there
 * would be more than BATCH_TAGS_MAX; nothing has changed. */
enum error_code job_db_tag(struct job_db *db, const char *id, const struct batch_tags *tags,
                           struct error *error) WARN_UNUSED;
/* Keys that are not there are no error. */
enum error_code job_db_untag(struct job_db *db, const char *id, const struct str *keys, size_t count,
                             struct error *error) WARN_UNUSED;

/* --- for runners --- */

struct job_lease {
    struct str owner; /* who claims; unique to one runner of one process */
    uint64_t now_us, until_us;
};

/* The job that should run next: of the tenant with the fewest claimed ones, the
 * oldest; jobs to be stopped before all. Without `takes_new` only the latter. */
enum error_code job_db_claim(struct job_db *db, const struct job_lease *lease, bool takes_new, struct arena *arena,
                             struct batch_job *job, uint64_t *fence, bool *has_job, struct error *error) WARN_UNUSED;
enum error_code job_db_renew(struct job_db *db, const struct job_lease *lease, struct error *error) WARN_UNUSED;

/* From one status to the next, with message, counts and, for one that ends,
 * end_us of `job`; *has_moved false: somebody changed the status meanwhile.
 * Ending and putting back (`releases`) give the claim up. */
struct job_move {
    enum batch_status from, to;
    bool releases;
};
enum error_code job_db_move(struct job_db *db, const struct batch_job *job, uint64_t fence,
                            const struct job_move *move, uint64_t now_us, bool *has_moved,
                            struct error *error) WARN_UNUSED;

/* Message and counts alone. */
enum error_code job_db_note(struct job_db *db, const struct batch_job *job, uint64_t fence, uint64_t now_us,
                            struct error *error) WARN_UNUSED;

/* The status as it is now, of a claimed job. ERROR_CONFLICT: the claim is lost. */
enum error_code job_db_status(struct job_db *db, const char *id, uint64_t fence, enum batch_status *status,
                              struct error *error) WARN_UNUSED;

/* Jobs that nobody has claimed and whose time is up before they started become Expired. */
enum error_code job_db_expire(struct job_db *db, uint64_t now_us, struct error *error) WARN_UNUSED;

/* Whether the job is there and has not ended. */
enum error_code job_db_is_live(struct job_db *db, struct str id, bool *is_live, struct error *error) WARN_UNUSED;

#endif
