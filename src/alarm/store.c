/* store.c - rows of state.db, and a sorted list of alarms in memory. What an alarm may be is checked before. See
 * store.h; how rows of history and actions are written stands in store_events.c. */
#include "alarm/store.h"

#include "alarm/store_internal.h"
#include "core/limits.h"
#include "core/log.h"
#include "store/state.h"

static const char *const steps[] = {
    "CREATE TABLE alarm (tenant TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, "
    "config TEXT NOT NULL, tags TEXT NOT NULL, enabled INTEGER NOT NULL, state INTEGER NOT NULL, "
    "reason TEXT NOT NULL, reason_data TEXT NOT NULL, config_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, "
    "PRIMARY KEY (tenant, name)) STRICT;"
    "CREATE TABLE alarm_default (tenant TEXT PRIMARY KEY) STRICT;"
    "CREATE TABLE alarm_history (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, name TEXT NOT NULL, "
    "kind INTEGER NOT NULL, time_us INTEGER NOT NULL, summary TEXT NOT NULL, data TEXT NOT NULL) STRICT;"
    "CREATE INDEX alarm_history_of ON alarm_history (tenant, name, id);"
    "CREATE TABLE alarm_action (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, name TEXT NOT NULL, "
    "action TEXT NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL, due_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX alarm_action_due ON alarm_action (due_us, id)",
};

static const char *const texts[ALARM_QUERIES] = {
    [ALARM_QUERY_ALL] = "SELECT tenant, name, account, region, config, tags, reason, reason_data, enabled, state, "
                        "config_us, updated_us FROM alarm",
    [ALARM_QUERY_PUT] = "INSERT OR REPLACE INTO alarm (tenant, name, account, region, config, tags, reason, "
                        "reason_data, enabled, state, config_us, updated_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    [ALARM_QUERY_DELETE] = "DELETE FROM alarm WHERE tenant = ? AND name = ?",
    [ALARM_QUERY_CLAIM_DEFAULT] = "INSERT OR IGNORE INTO alarm_default (tenant) VALUES (?)",
    [ALARM_QUERY_HAS_DEFAULT] = "SELECT (SELECT count(*) FROM alarm_default WHERE tenant = ?), "
                                "(SELECT count(*) FROM alarm_default)",
    [ALARM_QUERY_NOTE] = "INSERT INTO alarm_history (tenant, name, kind, time_us, summary, data) VALUES (?,?,?,?,?,?)",
    [ALARM_QUERY_TRIM] = "DELETE FROM alarm_history WHERE tenant = ? AND name = ? AND id <= (SELECT id FROM "
                         "alarm_history WHERE tenant = ? AND name = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
    [ALARM_QUERY_TRIM_ALL] = "DELETE FROM alarm_history WHERE id <= (SELECT max(id) FROM alarm_history) - ?",
    [ALARM_QUERY_ACT] = "INSERT INTO alarm_action (tenant, name, action, body, tries, due_us) VALUES (?,?,?,?,0,?)",
    [ALARM_QUERY_NEXT] = "SELECT id, tenant, name, action, body, tries, due_us FROM alarm_action "
                         "ORDER BY due_us, id LIMIT 1",
    [ALARM_QUERY_LATER] = "UPDATE alarm_action SET tries = tries + 1, due_us = ? WHERE id = ?",
    [ALARM_QUERY_ACTED] = "DELETE FROM alarm_action WHERE id = ?",
    [ALARM_QUERY_HISTORY] = "SELECT id, name, kind, time_us, summary, data FROM alarm_history WHERE tenant = ?1 AND "
                            "(?2 = '' OR name = ?2) AND (?3 < 0 OR kind = ?3) AND time_us BETWEEN ?4 AND ?5 AND "
                            "(?6 = 0 OR id < ?6) ORDER BY id DESC LIMIT ?7",
    [ALARM_QUERY_HISTORY_UP] = "SELECT id, name, kind, time_us, summary, data FROM alarm_history WHERE tenant = ?1 "
                               "AND (?2 = '' OR name = ?2) AND (?3 < 0 OR kind = ?3) AND time_us BETWEEN ?4 AND ?5 "
                               "AND (?6 = 0 OR id > ?6) ORDER BY id LIMIT ?7",
};

/* --- one alarm -------------------------------------------------------------------------------------- */

void alarm_release(const struct alarm *alarm)
{
    struct alarm *own = (struct alarm *)alarm;
    if (!own || atomic_fetch_sub(&own->holders, 1) > 1)
        return;
    json_free(own->doc);
    arena_deinit(&own->arena);
    mem_free(own);
}

static bool copy_strings(struct alarm *alarm, const struct alarm *from)
{
    const struct str given[] = {from->tenant, from->name, from->account, from->region,
                                from->config, from->tags, from->reason,  from->reason_data};
    struct str *const kept[] = {&alarm->tenant, &alarm->name, &alarm->account, &alarm->region,
                                &alarm->config, &alarm->tags, &alarm->reason,  &alarm->reason_data};
    bool is_kept = true;
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        is_kept = is_kept && arena_str(&alarm->arena, given[i], kept[i]);
    alarm->arn = arena_printf(&alarm->arena, "arn:aws:cloudwatch:" STR_FMT ":" STR_FMT ":alarm:" STR_FMT,
                              STR_ARG(from->region), STR_ARG(from->account), STR_ARG(from->name));
    return is_kept && alarm->arn.data;
}

/* A copy, with its configuration read. */
static enum error_code make_alarm(const struct alarm *from, struct alarm **made, struct error *error)
{
    struct alarm *alarm = mem_calloc(1, sizeof(*alarm));
    if (!alarm)
        return error_no_memory(error);
    arena_init(&alarm->arena, 0);
    atomic_init(&alarm->holders, 1);
    alarm->state = from->state;
    alarm->is_enabled = from->is_enabled;
    alarm->config_us = from->config_us;
    alarm->updated_us = from->updated_us;
    enum error_code code = copy_strings(alarm, from) ? OK : error_no_memory(error);
    if (code == OK)
        code = json_parse_stored(alarm->config, &alarm->doc, error);
    if (code == OK)
        code = alarm_spec_read(yyjson_doc_get_root(alarm->doc), &alarm->arena, &alarm->spec, error);
    if (code != OK) {
        alarm_release(alarm);
        return code;
    }
    *made = alarm;
    return OK;
}

/* --- the list --------------------------------------------------------------------------------------- */

static int compare_text(struct str a, struct str b)
{
    const int order = memcmp(a.data ? a.data : "", b.data ? b.data : "", a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where it is, or would have to stand. Either lock is held. */
static bool find(const struct alarm_store *store, struct str tenant, struct str name, size_t *at)
{
    size_t low = 0, high = store->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        int order = compare_text(store->items[middle]->tenant, tenant);
        order = order ? order : compare_text(store->items[middle]->name, name);
        if (order == 0) {
            *at = middle;
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    *at = low;
    return false;
}

static struct alarm *hold(struct alarm *alarm)
{
    atomic_fetch_add(&alarm->holders, 1);
    return alarm;
}

const struct alarm *alarm_get(struct alarm_store *store, struct str tenant, struct str name)
{
    size_t at;
    pthread_rwlock_rdlock(&store->lock);
    struct alarm *found = find(store, tenant, name, &at) ? hold(store->items[at]) : NULL;
    pthread_rwlock_unlock(&store->lock);
    return found;
}

enum error_code alarm_list(struct alarm_store *store, struct str tenant, struct alarm_list *list, struct error *error)
{
    *list = (struct alarm_list){0};
    pthread_rwlock_rdlock(&store->lock);
    list->items = mem_calloc(store->count + 1, sizeof(*list->items));
    for (size_t i = 0; list->items && i < store->count; i++)
        if (!tenant.data || str_eq(store->items[i]->tenant, tenant))
            list->items[list->count++] = hold(store->items[i]);
    pthread_rwlock_unlock(&store->lock);
    return list->items ? OK : error_no_memory(error);
}

void alarm_list_free(struct alarm_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        alarm_release(list->items[i]);
    mem_free(list->items);
    *list = (struct alarm_list){0};
}

/* Room for one more. */
static bool make_room(struct alarm_store *store)
{
    pthread_rwlock_wrlock(&store->lock);
    void *items = store->items;
    const bool has_room = mem_grow(&items, store->count, &store->cap, sizeof(*store->items));
    store->items = items;
    pthread_rwlock_unlock(&store->lock);
    return has_room;
}

/* Takes `made`, for which there is room. */
static void put_item(struct alarm_store *store, struct alarm *made)
{
    struct alarm *old = NULL;
    size_t at;
    pthread_rwlock_wrlock(&store->lock);
    if (find(store, made->tenant, made->name, &at)) {
        old = store->items[at];
    } else {
        memmove(&store->items[at + 1], &store->items[at], (store->count - at) * sizeof(struct alarm *));
        store->count++;
    }
    store->items[at] = made;
    pthread_rwlock_unlock(&store->lock);
    alarm_release(old);
}

static void drop_item(struct alarm_store *store, struct str tenant, struct str name)
{
    struct alarm *old = NULL;
    size_t at;
    pthread_rwlock_wrlock(&store->lock);
    if (find(store, tenant, name, &at)) {
        old = store->items[at];
        store->count--;
        memmove(&store->items[at], &store->items[at + 1], (store->count - at) * sizeof(struct alarm *));
    }
    pthread_rwlock_unlock(&store->lock);
    alarm_release(old);
}

/* --- opening ---------------------------------------------------------------------------------------- */

/* One that this program can't read is left alone: it is there again for the one that wrote it. */
static enum error_code read_row(struct alarm_store *store, struct sql_statement *row, struct error *error)
{
    const struct alarm read = {
        .tenant = sql_text(row, 0),
        .name = sql_text(row, 1),
        .account = sql_text(row, 2),
        .region = sql_text(row, 3),
        .config = sql_text(row, 4),
        .tags = sql_text(row, 5),
        .reason = sql_text(row, 6),
        .reason_data = sql_text(row, 7),
        .is_enabled = sql_int(row, 8) != 0,
        .state = (enum alarm_state)((uint64_t)sql_int(row, 9) % ALARM_STATES),
        .config_us = (uint64_t)sql_int(row, 10),
        .updated_us = (uint64_t)sql_int(row, 11),
    };
    struct alarm *made;
    if (!make_room(store))
        return error_no_memory(error);
    const enum error_code code = make_alarm(&read, &made, error);
    if (code == OK)
        put_item(store, made);
    else if (code != ERROR_NO_MEMORY)
        log_event(LOG_ERROR, "an alarm of " STATE_DB_FILE " can't be read", LOG_S("tenant", read.tenant),
                  LOG_S("alarm", read.name), LOG_C("error", error->message));
    return code == ERROR_NO_MEMORY ? code : OK;
}

static enum error_code read_all(struct alarm_store *store, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_ALL];
    bool has_row = true;
    enum error_code code;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row)
        if ((code = read_row(store, query, error)) != OK)
            break;
    sql_reset(query);
    return code;
}

static enum error_code prepare(struct alarm_store *store, const char *data, struct error *error)
{
    static const struct state_room room = {
        .name = "alarms",
        .steps = steps,
        .texts = texts,
        .step_count = sizeof(steps) / sizeof(steps[0]),
        .text_count = ALARM_QUERIES,
    };
    const enum error_code code = state_open_room(data, &room, &store->sql, store->queries, error);
    return code == OK ? read_all(store, error) : code;
}

enum error_code alarm_store_open(const char *data, struct alarm_store **store, struct error *error)
{
    struct alarm_store *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->writing, NULL);
    pthread_rwlock_init(&made->lock, NULL);
    const enum error_code code = prepare(made, data, error);
    if (code != OK) {
        alarm_store_close(made);
        return code;
    }
    *store = made;
    return OK;
}

void alarm_store_close(struct alarm_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < ALARM_QUERIES; i++)
        sql_free(store->queries[i]);
    sql_close(store->sql);
    for (size_t i = 0; i < store->count; i++)
        alarm_release(store->items[i]);
    mem_free(store->items);
    pthread_rwlock_destroy(&store->lock);
    pthread_mutex_destroy(&store->writing);
    mem_free(store);
}

/* --- changes: `writing` is held --------------------------------------------------------------------- */

enum error_code alarm_begin(struct alarm_store *store, struct error *error)
{
    pthread_mutex_lock(&store->writing);
    const enum error_code code = sql_exec(store->sql, "BEGIN IMMEDIATE", error);
    if (code != OK)
        pthread_mutex_unlock(&store->writing);
    return code;
}

enum error_code alarm_end(struct alarm_store *store, enum error_code code, struct error *error)
{
    if (code == OK)
        code = sql_exec(store->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(store->sql);
    pthread_mutex_unlock(&store->writing);
    return code;
}

static enum error_code write_row(struct alarm_store *store, const struct alarm *alarm, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_PUT];
    const struct str strings[] = {alarm->tenant, alarm->name, alarm->account, alarm->region,
                                  alarm->config, alarm->tags, alarm->reason,  alarm->reason_data};
    int n = 1;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n++, alarm->is_enabled);
    sql_bind_int(query, n++, alarm->state);
    sql_bind_int(query, n++, (int64_t)alarm->config_us);
    sql_bind_int(query, n, (int64_t)alarm->updated_us);
    return sql_run(query, error);
}

static enum error_code check_count(const struct alarm_store *store, struct str tenant, struct error *error)
{
    size_t own = 0;
    for (size_t i = 0; i < store->count; i++)
        own += str_eq(store->items[i]->tenant, tenant);
    if (own < LIMIT_ALARMS && store->count < LIMIT_ALARMS_ALL)
        return OK;
    return error_set(error, ERROR_QUOTA,
                     "There are %zu alarms already, %zu of them yours; %d and %d are the most. Delete some.",
                     store->count, own, LIMIT_ALARMS_ALL, LIMIT_ALARMS);
}

/* The alarm as it was, or the beginnings of a new one. */
static bool base_of(const struct alarm_store *store, struct str tenant, struct str name, struct alarm *base)
{
    size_t at;
    *base = (struct alarm){.tenant = tenant,
                           .name = name,
                           .state = ALARM_STATE_INSUFFICIENT,
                           .reason = STR("Unchecked: Initial alarm creation")};
    if (!find(store, tenant, name, &at))
        return false;
    const struct alarm *old = store->items[at];
    base->account = old->account;
    base->region = old->region;
    base->config = old->config;
    base->tags = old->tags;
    base->reason = old->reason;
    base->reason_data = old->reason_data;
    base->state = old->state;
    base->is_enabled = old->is_enabled;
    base->config_us = old->config_us;
    base->updated_us = old->updated_us;
    return true;
}

/* Into the database and, once that has taken it, into the list. */
static enum error_code commit_alarm(struct alarm_store *store, struct alarm *made, enum error_code code,
                                    struct error *error)
{
    const bool has_room = code != OK || make_room(store);
    code = has_room ? code : error_no_memory(error);
    if (code == OK)
        code = sql_exec(store->sql, "COMMIT", error);
    if (code == OK)
        put_item(store, made);
    else {
        sql_rollback(store->sql);
        alarm_release(made);
    }
    pthread_mutex_unlock(&store->writing);
    return code;
}

static enum error_code write_put(struct alarm_store *store, const struct alarm_put *put, struct alarm **made,
                                 struct error *error)
{
    struct alarm base;
    const bool is_there = base_of(store, put->tenant, put->name, &base);
    enum error_code code = is_there ? OK : check_count(store, put->tenant, error);
    base.account = put->account;
    base.region = put->region;
    base.config = put->config;
    base.is_enabled = put->is_enabled;
    base.config_us = put->now_us;
    base.tags = is_there ? base.tags : put->tags;
    base.updated_us = is_there ? base.updated_us : put->now_us;
    if (code == OK)
        code = make_alarm(&base, made, error);
    if (code == OK)
        code = write_row(store, *made, error);
    return code == OK ? alarm_note_configuration(store, *made, is_there ? "updated" : "created", put->now_us, error)
                      : code;
}

enum error_code alarm_put(struct alarm_store *store, const struct alarm_put *put, struct error *error)
{
    struct alarm *made = NULL;
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    code = write_put(store, put, &made, error);
    return commit_alarm(store, made, code, error);
}

/* Whether the tenant had it, or too many tenants have: who needs no key can't fill up the store by inventing names. */
static enum error_code is_welcomed(struct alarm_store *store, struct str tenant, bool *is_there, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_HAS_DEFAULT];
    bool has_row = false;
    pthread_mutex_lock(&store->writing);
    sql_bind_text(query, 1, tenant);
    const enum error_code code = sql_step(query, &has_row, error);
    *is_there = code == OK && has_row &&
                (sql_int(query, 0) > 0 || (uint64_t)sql_int(query, 1) >= LIMIT_ALARMS_ALL / 2);
    sql_reset(query);
    pthread_mutex_unlock(&store->writing);
    return code;
}

enum error_code alarm_put_default(struct alarm_store *store, const struct alarm_put *put, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_CLAIM_DEFAULT];
    struct alarm *made = NULL;
    struct alarm base;
    int64_t changed = 0;
    bool is_there;
    enum error_code code = is_welcomed(store, put->tenant, &is_there, error);
    if (code == OK && !is_there)
        code = alarm_begin(store, error);
    if (code != OK || is_there)
        return code;
    sql_bind_text(query, 1, put->tenant);
    code = sql_run(query, error);
    if (code == OK)
        code = sql_number(store->sql, "SELECT changes()", &changed, error);
    if (code != OK || changed == 0 || base_of(store, put->tenant, put->name, &base))
        return alarm_end(store, code, error);
    code = write_put(store, put, &made, error);
    return commit_alarm(store, made, code, error);
}

static enum error_code delete_one(struct alarm_store *store, struct str tenant, struct str name, uint64_t now_us,
                                  struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_DELETE];
    const struct alarm *alarm = alarm_get(store, tenant, name);
    if (!alarm)
        return OK;
    sql_bind_text(query, 1, tenant);
    sql_bind_text(query, 2, name);
    enum error_code code = sql_run(query, error);
    if (code == OK)
        code = alarm_note_configuration(store, alarm, "deleted", now_us, error);
    alarm_release(alarm);
    return code;
}

enum error_code alarm_delete(struct alarm_store *store, struct str tenant, const struct str *names, size_t count,
                             uint64_t now_us, struct error *error)
{
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    for (size_t i = 0; code == OK && i < count; i++)
        code = delete_one(store, tenant, names[i], now_us, error);
    code = code == OK ? sql_exec(store->sql, "COMMIT", error) : code;
    if (code != OK)
        sql_rollback(store->sql);
    for (size_t i = 0; code == OK && i < count; i++)
        drop_item(store, tenant, names[i]);
    pthread_mutex_unlock(&store->writing);
    return code;
}

/* What a change makes of an alarm that is there. */
struct edit {
    bool is_enabled;
    const struct str *tags; /* NULL: enabling */
};

static enum error_code edit_one(struct alarm_store *store, struct str tenant, struct str name,
                                const struct edit *edit, struct error *error)
{
    struct alarm base, *made = NULL;
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    if (!base_of(store, tenant, name, &base))
        return alarm_end(store, edit->tags ? error_set(error, ERROR_NOT_FOUND, "There is no such alarm.") : OK, error);
    base.tags = edit->tags ? *edit->tags : base.tags;
    base.is_enabled = edit->tags ? base.is_enabled : edit->is_enabled;
    code = make_alarm(&base, &made, error);
    if (code == OK)
        code = write_row(store, made, error);
    return commit_alarm(store, made, code, error);
}

enum error_code alarm_enable(struct alarm_store *store, struct str tenant, const struct str *names, size_t count,
                             bool is_enabled, struct error *error)
{
    enum error_code code = OK;
    const struct edit edit = {.is_enabled = is_enabled};
    for (size_t i = 0; code == OK && i < count; i++)
        code = edit_one(store, tenant, names[i], &edit, error);
    return code;
}

enum error_code alarm_tag(struct alarm_store *store, struct str tenant, struct str name, struct str tags,
                          struct error *error)
{
    const struct edit edit = {.tags = &tags};
    return edit_one(store, tenant, name, &edit, error);
}

static enum error_code write_state(struct alarm_store *store, const struct alarm *seen,
                                   const struct alarm_change *change, struct alarm **made, struct error *error)
{
    struct alarm base;
    (void)base_of(store, seen->tenant, seen->name, &base);
    base.state = change->state;
    base.reason = change->reason;
    base.reason_data = change->reason_data;
    base.updated_us = change->now_us;
    enum error_code code = make_alarm(&base, made, error);
    if (code == OK)
        code = write_row(store, *made, error);
    if (code == OK)
        code = alarm_note_state(store, seen, *made, change->now_us, error);
    return code == OK && (*made)->is_enabled ? alarm_note_actions(store, seen, *made, change->now_us, error) : code;
}

enum error_code alarm_set_state(struct alarm_store *store, const struct alarm *seen, const struct alarm_change *change,
                                bool *has_changed, struct error *error)
{
    struct alarm *made = NULL;
    size_t at;
    *has_changed = false;
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    if (change->state == seen->state || !find(store, seen->tenant, seen->name, &at) || store->items[at] != seen)
        return alarm_end(store, OK, error);
    code = write_state(store, seen, change, &made, error);
    code = commit_alarm(store, made, code, error);
    *has_changed = code == OK;
    return code;
}
