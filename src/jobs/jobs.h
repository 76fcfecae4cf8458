/* jobs.h - work that outlives a server: batch jobs, and whatever else takes
 * hours, in DATA/state.db.
 *
 * A kind of job brings its statuses and says which may follow which. Both are
 * tables of the database, and triggers refuse every other change of a status,
 * whoever writes it. What a job is about is JSON of its kind's own, in three
 * parts: the request as it came, the terms that the server agreed to when it
 * made the job, and the progress.
 *
 * Runners claim jobs by lease: whoever claims one is the owner until
 * lease_until, and may prolong that. Each claim has a higher fence than the one
 * before, and everything that a runner writes of a job names the fence of its
 * claim, so that one that was thought dead and wakes up changes nothing any
 * more (ERROR_CONFLICT). What others may change meanwhile is only the status,
 * to the kind's stopping one. Files that a job works on are named by the fence
 * as well; that is its room's affair.
 *
 * Leases go by the wall clock of each process. It is assumed that the clocks of
 * runners that share a database differ by less than a lease is long, and that
 * a clock which is set forward by more makes others look dead. Neither is what
 * keeps results whole, the fence is: a wrong clock lets a job be claimed while
 * its owner still works, whose work is lost then, or keeps a dead owner's job
 * waiting until the clock is past its lease.
 *
 * Any thread; one at a time is inside. Calls wait for the disk: I/O threads
 * leave them to others. */
#ifndef JOBS_JOBS_H
#define JOBS_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define JOB_ID_LEN 12 /* [a-z0-9], no two jobs of any kind have the same */
#define JOB_STATUSES_MAX 32

enum job_phase {
    JOB_WAITING, /* has not started: it may expire */
    JOB_RUNNING,
    JOB_STOPPING,
    JOB_ENDED,
};

/* Name and phase stand in databases: they stay what they are. */
struct job_status {
    const char *name;
    enum job_phase phase;
    uint32_t next; /* bit i: status i may follow */
};
#define JOB_TO(status) (UINT32_C(1) << (status))

/* Numbers of statuses are indexes into `statuses`; 0 is that of a new job. One
 * at most is JOB_STOPPING: what a job becomes when somebody wants it stopped. */
struct job_kind {
    const char *name;     /* in the database, so for ever */
    const char *title;    /* "batch job", for messages */
    const char *subject;  /* "model": what job_row's subject names, by which quotas go */
    const char *resource; /* in ARNs: "model-invocation-job" */
    const struct job_status *statuses;
    size_t status_count;
    bool has_unique_names; /* of a tenant's jobs in one region each has another name */
    /* Steps of state_migrate under `name`, for a kind that had tables of its own before. May be NULL. */
    const char *const *steps;
    size_t step_count;
};

/* Labels that a job was given, at most JOB_TAGS_MAX, each key once. */
#define JOB_TAGS_MAX 50
struct job_tag {
    struct str key, value;
};
struct job_tags {
    struct job_tag *items;
    size_t count;
};

/* Strings live in the arena of whoever read it. */
struct job_row {
    char id[JOB_ID_LEN + 1];
    int64_t sequence; /* order of submission, of all kinds together */
    struct str tenant, account, region;
    struct str name, token; /* token: the client's, empty for none */
    struct str subject;
    struct str request, terms, progress; /* JSON */
    unsigned status;
    struct str message;
    uint64_t submit_us, modified_us, end_us, expires_us; /* wall clock; end 0: it has not ended; expires 0: never */
};

struct jobs;

/* The kinds must outlive the store, and be all that anybody asks for. */
enum error_code jobs_open(const char *data, const struct job_kind *const *kinds, size_t kind_count,
                          struct jobs **jobs, struct error *error) WARN_UNUSED;
void jobs_close(struct jobs *jobs); /* NULL is legal */

/* Index of the status with this name. */
bool job_status_find(const struct job_kind *kind, struct str name, unsigned *status);

/* --- for those who ask --- */

/* Adds a job in its kind's first status, from what `row` says of ID, owner,
 * name, token, subject, JSON, submit_us and expires_us. When its tenant has used
 * the token before: OK and that job's ID in row->id if the requests are the
 * same, else ERROR_CONFLICT; that too where a job has the name and the kind's
 * are unique. ERROR_QUOTA: as many as `most` jobs of the tenant's
 * on this subject have not ended. ERROR_TAGS as jobs_tag. */
enum error_code jobs_create(struct jobs *jobs, const struct job_kind *kind, struct job_row *row,
                            const struct job_tags *tags, uint64_t most, bool *is_new,
                            struct error *error) WARN_UNUSED;

/* Strings go into the arena. ERROR_NOT_FOUND, also for another tenant's or kind's; with a tenant whose data is NULL
 * everybody's are found. */
enum error_code jobs_get(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                         struct arena *arena, struct job_row *row, struct error *error) WARN_UNUSED;

struct job_filter {
    struct str tenant;                          /* data NULL: everybody's */
    struct str name_contains;                   /* empty: any */
    const char *status;                         /* NULL: any */
    uint64_t submit_after_us, submit_before_us; /* inclusive; before 0: no bound */
    bool is_ascending;                          /* oldest first */
    int64_t beyond;                             /* sequence of the last job seen; 0: from the start */
    size_t max;
};
/* *has_more: there is a page behind this one. */
enum error_code jobs_list(struct jobs *jobs, const struct job_kind *kind, const struct job_filter *filter,
                          struct arena *arena, struct job_row **rows, size_t *count, bool *has_more,
                          struct error *error) WARN_UNUSED;

/* ERROR_CONFLICT: it has ended, or jobs of this kind cannot be stopped in its
 * status. Of a job that is stopping already: OK. */
enum error_code jobs_request_stop(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                                  uint64_t now_us, struct error *error) WARN_UNUSED;

/* With its tags. ERROR_CONFLICT: it has not ended. ERROR_NOT_FOUND as jobs_get. */
enum error_code jobs_delete(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                            struct error *error) WARN_UNUSED;

/* Whether a job of any kind has this ID and has not ended. */
enum error_code jobs_is_live(struct jobs *jobs, struct str id, bool *is_live, struct error *error) WARN_UNUSED;

/* --- tags: of a job that jobs_get has found --- */

/* In the order of their keys. */
enum error_code jobs_tags(struct jobs *jobs, const char *id, struct arena *arena, struct job_tags *tags,
                          struct error *error) WARN_UNUSED;
/* Adds these, or gives keys that are there another value. ERROR_TAGS: there
 * would be more than JOB_TAGS_MAX; nothing has changed. */
enum error_code jobs_tag(struct jobs *jobs, const struct job_kind *kind, const char *id, const struct job_tags *tags,
                         struct error *error) WARN_UNUSED;
/* Keys that are not there are no error. */
enum error_code jobs_untag(struct jobs *jobs, const char *id, const struct str *keys, size_t count,
                           struct error *error) WARN_UNUSED;

/* --- for runners --- */

struct job_lease {
    struct str owner; /* who claims; unique to one runner of one process */
    uint64_t now_us, until_us;
};

/* What a runner holds, and writes under. */
struct job_claim {
    const struct job_kind *kind;
    char id[JOB_ID_LEN + 1];
    uint64_t fence; /* from 1 */
};

/* For whoever knows that no other runner of this kind is alive: all may be claimed at once. */
enum error_code jobs_end_leases(struct jobs *jobs, const struct job_kind *kind, struct error *error) WARN_UNUSED;

/* The job that should run next, of those that nobody else's lease holds: of the
 * tenant with the fewest claimed ones, the oldest; jobs to be stopped before
 * all. Without `takes_new` only the latter. A runner never gets what it has. */
enum error_code jobs_claim(struct jobs *jobs, const struct job_kind *kind, const struct job_lease *lease,
                           bool takes_new, struct arena *arena, struct job_row *row, struct job_claim *claim,
                           bool *has_job, struct error *error) WARN_UNUSED;
/* All leases of the owner. */
enum error_code jobs_renew(struct jobs *jobs, const struct job_lease *lease, struct error *error) WARN_UNUSED;
/* As it is; the next claim may be anybody's. No error where the claim is lost. */
enum error_code jobs_give_back(struct jobs *jobs, const struct job_claim *claim, struct error *error) WARN_UNUSED;

/* Message and progress as they are now. ERROR_CONFLICT: the claim is lost. */
struct job_note {
    struct str message, progress;
    uint64_t now_us;
};
enum error_code jobs_note(struct jobs *jobs, const struct job_claim *claim, const struct job_note *note,
                          struct error *error) WARN_UNUSED;

/* The same, with a step from one status to another (or to the same); *has_moved
 * false: somebody changed the status meanwhile. One that ends gets its end_us;
 * ending and putting back (`releases`) give the claim up. ERROR_INTERNAL: the
 * kind knows no such step. */
struct job_move {
    unsigned from, to;
    bool releases;
};
enum error_code jobs_move(struct jobs *jobs, const struct job_claim *claim, const struct job_move *move,
                          const struct job_note *note, bool *has_moved, struct error *error) WARN_UNUSED;

/* Of a job that was just claimed and whose JSON can't be read, for the reason in `error`: it would be claimed again and
 * again, before all others, so it ends in status `failed`. Without memory it is given back instead. Returns the reason,
 * or why that failed. */
enum error_code jobs_put_down(struct jobs *jobs, const struct job_row *row, const struct job_claim *claim,
                              unsigned failed, struct error *error) WARN_UNUSED;

/* The status as it is now, of a claimed job. ERROR_CONFLICT: the claim is lost. */
enum error_code jobs_status(struct jobs *jobs, const struct job_claim *claim, unsigned *status,
                            struct error *error) WARN_UNUSED;

/* Jobs that nobody has claimed and whose time is up before they started end in this status. */
enum error_code jobs_expire(struct jobs *jobs, const struct job_kind *kind, unsigned status, struct str message,
                            uint64_t now_us, struct error *error) WARN_UNUSED;

#endif
