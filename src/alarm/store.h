/* store.h - alarms of tenants, what happened to them, and actions that are to be done: in DATA/state.db, the alarms
 * themselves in memory too.
 *
 * An alarm in memory never changes: another one takes its place. Whoever holds one keeps it alive. What changes
 * something is one transaction together with its line of history and its actions, so a process that dies in between
 * has done all of it or nothing. Any thread; changes wait for the disk. */
#ifndef ALARM_STORE_H
#define ALARM_STORE_H

#include <stdatomic.h>

#include "alarm/spec.h"

struct alarm {
    struct str tenant, name, account, region, arn;
    struct str config; /* JSON, as alarm_config_append writes it */
    struct str tags;   /* a JSON object of strings */
    struct str reason, reason_data;
    enum alarm_state state;
    bool is_enabled;   /* its actions */
    uint64_t config_us, updated_us; /* wall clock: of the configuration, of the state */
    struct alarm_spec spec;
    /* The store's own. */
    struct arena arena; /* owns the strings */
    yyjson_doc *doc;
    atomic_uint holders;
};

struct alarm_store;

enum error_code alarm_store_open(const char *data, struct alarm_store **store, struct error *error) WARN_UNUSED;
void alarm_store_close(struct alarm_store *store); /* NULL is legal */

/* --- asking --- */

/* To be released; NULL: there is none. */
const struct alarm *alarm_get(struct alarm_store *store, struct str tenant, struct str name);
void alarm_release(const struct alarm *alarm); /* NULL is legal */

/* A tenant's in the order of their names; everybody's where the tenant's data is NULL. */
struct alarm_list {
    const struct alarm **items;
    size_t count;
};
enum error_code alarm_list(struct alarm_store *store, struct str tenant, struct alarm_list *list,
                           struct error *error) WARN_UNUSED;
void alarm_list_free(struct alarm_list *list); /* releases all */

/* --- changing --- */

struct alarm_put {
    struct str tenant, name, account, region, config;
    struct str tags; /* of a new one; an alarm that is there keeps its own */
    bool is_enabled;
    uint64_t now_us;
};
/* Makes it, or changes its configuration; its state stays. ERROR_QUOTA: the tenant has too many. */
enum error_code alarm_put(struct alarm_store *store, const struct alarm_put *put, struct error *error) WARN_UNUSED;
/* Makes it for a tenant who never had it: once, whatever becomes of it later. */
enum error_code alarm_put_default(struct alarm_store *store, const struct alarm_put *put,
                                  struct error *error) WARN_UNUSED;

/* Those that aren't there are no error. */
enum error_code alarm_delete(struct alarm_store *store, struct str tenant, const struct str *names, size_t count,
                             uint64_t now_us, struct error *error) WARN_UNUSED;
enum error_code alarm_enable(struct alarm_store *store, struct str tenant, const struct str *names, size_t count,
                             bool is_enabled, struct error *error) WARN_UNUSED;
/* ERROR_NOT_FOUND. */
enum error_code alarm_tag(struct alarm_store *store, struct str tenant, struct str name, struct str tags,
                          struct error *error) WARN_UNUSED;

/* A new state of `seen`, with history, and its actions where they are enabled. Nothing happens where it has been
 * changed since, or has this state already: *has_changed. */
struct alarm_change {
    enum alarm_state state;
    struct str reason, reason_data; /* data: JSON, or empty */
    uint64_t now_us;
};
enum error_code alarm_set_state(struct alarm_store *store, const struct alarm *seen, const struct alarm_change *change,
                                bool *has_changed, struct error *error) WARN_UNUSED;

/* --- history --- */

enum alarm_event_kind { ALARM_EVENT_CONFIGURATION, ALARM_EVENT_STATE, ALARM_EVENT_ACTION, ALARM_EVENT_KINDS };
extern const char *const alarm_event_names[ALARM_EVENT_KINDS]; /* "ConfigurationUpdate", ... */

struct alarm_event {
    int64_t id;
    struct str name, summary, data; /* data: JSON */
    enum alarm_event_kind kind;
    uint64_t time_us;
};
struct alarm_history_filter {
    struct str tenant, name; /* name empty: all */
    int kind;                /* -1: all */
    uint64_t from_us, to_us; /* both inclusive */
    bool ascends;            /* oldest first */
    int64_t beyond;          /* the last one that was seen; 0: from the start */
    size_t max;
};
enum error_code alarm_history(struct alarm_store *store, const struct alarm_history_filter *filter,
                              struct arena *arena, struct alarm_event **events, size_t *count, bool *has_more,
                              struct error *error) WARN_UNUSED;

/* --- actions that are to be done --- */

struct alarm_action {
    int64_t id;
    struct str tenant, name, action, body; /* action: its ARN or address; body: JSON */
    unsigned tries;
};
/* One more, that no alarm stands behind: its tenant, its name for people, where it leads and what it says.
 * ERROR_UNAVAILABLE: too many wait. */
enum error_code alarm_action_add(struct alarm_store *store, const struct alarm_action *action, uint64_t now_us,
                                 struct error *error) WARN_UNUSED;
/* The one that is due first, if it is by now; else *due_us is when, 0 where there is none. */
enum error_code alarm_action_next(struct alarm_store *store, uint64_t now_us, struct arena *arena,
                                  struct alarm_action *action, bool *has_one, uint64_t *due_us,
                                  struct error *error) WARN_UNUSED;
/* It has failed, and is to be tried again. */
enum error_code alarm_action_later(struct alarm_store *store, const struct alarm_action *action, uint64_t due_us,
                                   struct error *error) WARN_UNUSED;
/* It is done with, one way or the other; that goes into the history. */
enum error_code alarm_action_end(struct alarm_store *store, const struct alarm_action *action, bool is_done,
                                 struct str what, uint64_t now_us, struct error *error) WARN_UNUSED;

#endif
