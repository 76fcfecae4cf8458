/* store_internal.h - what store.c and store_events.c share of the store of alarms. */
#ifndef ALARM_STORE_INTERNAL_H
#define ALARM_STORE_INTERNAL_H

#include <pthread.h>

#include "alarm/store.h"
#include "store/sql.h"

enum alarm_query {
    ALARM_QUERY_ALL,
    ALARM_QUERY_PUT,
    ALARM_QUERY_DELETE,
    ALARM_QUERY_CLAIM_DEFAULT,
    ALARM_QUERY_HAS_DEFAULT,
    ALARM_QUERY_NOTE,
    ALARM_QUERY_TRIM,
    ALARM_QUERY_TRIM_ALL,
    ALARM_QUERY_ACT,
    ALARM_QUERY_NEXT,
    ALARM_QUERY_LATER,
    ALARM_QUERY_ACTED,
    ALARM_QUERY_HISTORY,
    ALARM_QUERY_HISTORY_UP,
    ALARM_QUERIES,
};

struct alarm_store {
    pthread_mutex_t writing; /* held by whoever uses the database */
    pthread_rwlock_t lock;   /* of the list; who changes it holds `writing` as well */
    struct sql *sql;
    struct sql_statement *queries[ALARM_QUERIES];
    struct alarm **items; /* by tenant and name */
    size_t count, cap;
};

/* A transaction, with the mutex; alarm_end gives both back, whatever became of it. */
enum error_code alarm_begin(struct alarm_store *store, struct error *error) WARN_UNUSED;
enum error_code alarm_end(struct alarm_store *store, enum error_code code, struct error *error) WARN_UNUSED;

/* Inside one. `what`: "created", "updated" or "deleted". */
enum error_code alarm_note_configuration(struct alarm_store *store, const struct alarm *alarm, const char *what,
                                         uint64_t now_us, struct error *error) WARN_UNUSED;
enum error_code alarm_note_state(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                 uint64_t now_us, struct error *error) WARN_UNUSED;
enum error_code alarm_note_actions(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                   uint64_t now_us, struct error *error) WARN_UNUSED;

#endif
