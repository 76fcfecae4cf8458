/* job_db_internal.h - what the files of the jobs' database share: job_db.c has the jobs, job_db_tags.c their tags. */
#ifndef BATCH_JOB_DB_INTERNAL_H
#define BATCH_JOB_DB_INTERNAL_H

#include <pthread.h>

#include "batch/job_db.h"
#include "store/sql.h"

enum query {
    QUERY_BY_TOKEN,
    QUERY_COUNT,
    QUERY_INSERT,
    QUERY_GET,
    QUERY_LIST_UP,
    QUERY_LIST_DOWN,
    QUERY_STOP,
    QUERY_PICK,
    QUERY_CLAIM,
    QUERY_RENEW,
    QUERY_MOVE,
    QUERY_NOTE,
    QUERY_STATUS,
    QUERY_EXPIRE,
    QUERY_LIVE,
    QUERY_TAGS,
    QUERY_TAG,
    QUERY_UNTAG,
    QUERIES,
};

struct job_db {
    pthread_mutex_t mutex; /* held wherever the rest is used */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

/* Ends the transaction that is open: commits where `code` is OK, else takes it
 * back. Returns `code`, or why the commit failed. */
enum error_code job_db_end(struct job_db *db, enum error_code code, struct error *error) WARN_UNUSED;

/* Inside a transaction. ERROR_TAGS as job_db_tag. */
enum error_code job_db_put_tags(struct job_db *db, const char *id, const struct batch_tags *tags,
                                struct error *error) WARN_UNUSED;

#endif
