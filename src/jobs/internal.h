/* internal.h - what the files of the store of jobs share: store.c has its tables and kinds, ask.c what clients ask,
 * lease.c what runners do, tags.c the tags. */
#ifndef JOBS_INTERNAL_H
#define JOBS_INTERNAL_H

#include <pthread.h>

#include "jobs/jobs.h"
#include "store/sql.h"

/* Columns of a job_row, in the order of jobs_read_row. */
#define JOB_COLUMNS                                                                                              \
    "id, sequence, tenant, account, region, name, token, subject, request, terms, progress, status, message, "    \
    "submit_us, modified_us, end_us, expires_us"
#define JOB_COLUMN_COUNT 17

enum job_query {
    QUERY_BY_TOKEN,
    QUERY_BY_NAME,
    QUERY_COUNT,
    QUERY_INSERT,
    QUERY_GET,
    QUERY_LIST_UP,
    QUERY_LIST_DOWN,
    QUERY_LIST_ALL_UP,
    QUERY_LIST_ALL_DOWN,
    QUERY_STOP,
    QUERY_DELETE,
    QUERY_DELETE_TAGS,
    QUERY_LIVE,
    QUERY_END_LEASES,
    QUERY_PICK,
    QUERY_CLAIM,
    QUERY_RENEW,
    QUERY_GIVE_BACK,
    QUERY_MOVE,
    QUERY_NOTE,
    QUERY_STATUS,
    QUERY_EXPIRE,
    QUERY_TAGS,
    QUERY_TAG,
    QUERY_UNTAG,
    QUERIES,
};

struct jobs {
    pthread_mutex_t mutex; /* held wherever the rest is used */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

/* All of these with the mutex held. */

enum error_code jobs_begin(struct jobs *jobs, struct error *error) WARN_UNUSED; /* a transaction that writes */
/* Ends it: commits where `code` is OK, else takes it back. Returns `code`, or why the commit failed. */
enum error_code jobs_end(struct jobs *jobs, enum error_code code, struct error *error) WARN_UNUSED;

/* A row that the query has found, without resetting it. */
enum error_code jobs_read_row(struct sql_statement *query, const struct job_kind *kind, struct arena *arena,
                              struct job_row *row, struct error *error) WARN_UNUSED;

/* Runs a statement that returns a row when it found its job; *has_row whether it did. */
enum error_code jobs_run_update(struct sql_statement *query, bool *has_row, struct error *error) WARN_UNUSED;

/* Inside a transaction. ERROR_TAGS as jobs_tag. */
enum error_code jobs_put_tags(struct jobs *jobs, const struct job_kind *kind, const char *id,
                              const struct job_tags *tags, struct error *error) WARN_UNUSED;

#endif
