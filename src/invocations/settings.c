/* settings.c - configurations in state.db, and a sorted list of them in memory. What a configuration may say is checked
 * before. See settings.h. */
#include "invocations/settings.h"

#include <pthread.h>

#include "core/limits.h"
#include "store/state.h"

static const char *const steps[] = {
    "CREATE TABLE invocation_logging (tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, "
    "bucket TEXT NOT NULL, prefix TEXT NOT NULL, kinds INTEGER NOT NULL, config TEXT NOT NULL, "
    "PRIMARY KEY (tenant, account, region)) STRICT",
};

enum query { QUERY_ALL, QUERY_PUT, QUERY_DELETE, QUERIES };

static const char *const texts[QUERIES] = {
    [QUERY_ALL] = "SELECT tenant, account, region, bucket, prefix, config, kinds FROM invocation_logging",
    [QUERY_PUT] = ("INSERT OR REPLACE INTO invocation_logging (tenant, account, region, bucket, prefix, config, kinds) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?)"),
    [QUERY_DELETE] = "DELETE FROM invocation_logging WHERE tenant = ? AND account = ? AND region = ?",
};

struct settings_store {
    pthread_mutex_t writing; /* held by whoever uses the database */
    pthread_rwlock_t lock;   /* of the list; writers hold `writing` as well */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
    struct settings **items; /* by tenant, account, region */
    _Atomic size_t count;
    size_t cap;
};

/* --- one configuration ------------------------------------------------------------------------------ */

void settings_release(const struct settings *settings)
{
    struct settings *own = (struct settings *)settings;
    if (!own || atomic_fetch_sub(&own->holders, 1) > 1)
        return;
    arena_deinit(&own->arena);
    mem_free(own);
}

static struct settings *copy_settings(const struct settings *from)
{
    struct settings *copy = mem_calloc(1, sizeof(*copy));
    if (!copy)
        return NULL;
    const struct str given[] = {from->tenant, from->account, from->region, from->bucket, from->prefix, from->text};
    struct str *const kept[] = {&copy->tenant, &copy->account, &copy->region,
                                &copy->bucket, &copy->prefix,  &copy->text};
    bool is_kept = true;
    arena_init(&copy->arena, 0);
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        is_kept = is_kept && arena_str(&copy->arena, given[i], kept[i]);
    copy->kinds = from->kinds;
    atomic_init(&copy->holders, 1);
    if (is_kept)
        return copy;
    settings_release(copy);
    return NULL;
}

/* --- the list --------------------------------------------------------------------------------------- */

static int compare(struct str a, struct str b)
{
    const int order = memcmp(a.data ? a.data : "", b.data ? b.data : "", a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_owner(const struct settings *item, struct str tenant, struct str account, struct str region)
{
    int order = compare(item->tenant, tenant);
    if (order == 0)
        order = compare(item->account, account);
    return order ? order : compare(item->region, region);
}

/* Where it is, or would have to stand. Either lock is held. */
static bool find(const struct settings_store *store, struct str tenant, struct str account, struct str region,
                 size_t *at)
{
    size_t low = 0, high = atomic_load_explicit(&store->count, memory_order_relaxed);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_owner(store->items[middle], tenant, account, region);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return false;
}

const struct settings *settings_get(struct settings_store *store, struct str tenant, struct str account,
                                    struct str region)
{
    struct settings *found = NULL;
    size_t at;
    if (atomic_load_explicit(&store->count, memory_order_relaxed) == 0)
        return NULL;
    pthread_rwlock_rdlock(&store->lock);
    if (find(store, tenant, account, region, &at)) {
        found = store->items[at];
        atomic_fetch_add(&found->holders, 1);
    }
    pthread_rwlock_unlock(&store->lock);
    return found;
}

bool settings_name_bucket(struct settings_store *store, struct str tenant, struct str bucket)
{
    bool is_named = false;
    pthread_rwlock_rdlock(&store->lock);
    for (size_t i = 0; i < store->count && !is_named; i++)
        is_named = str_eq(store->items[i]->tenant, tenant) && str_eq(store->items[i]->bucket, bucket);
    pthread_rwlock_unlock(&store->lock);
    return is_named;
}

/* Takes `made`, for which there is room. */
static void put_item(struct settings_store *store, struct settings *made)
{
    struct settings *old = NULL;
    size_t at;
    pthread_rwlock_wrlock(&store->lock);
    if (find(store, made->tenant, made->account, made->region, &at)) {
        old = store->items[at];
        atomic_store(&old->is_over, true);
    } else {
        memmove(&store->items[at + 1], &store->items[at], (store->count - at) * sizeof(struct settings *));
        store->count++;
    }
    store->items[at] = made;
    pthread_rwlock_unlock(&store->lock);
    settings_release(old);
}

static bool make_room(struct settings_store *store)
{
    pthread_rwlock_wrlock(&store->lock);
    void *items = store->items;
    const bool has_room = mem_grow(&items, store->count, &store->cap, sizeof(*store->items));
    store->items = items;
    pthread_rwlock_unlock(&store->lock);
    return has_room;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code read_row(struct settings_store *store, struct sql_statement *row, struct error *error)
{
    const struct settings read = {
        .tenant = sql_text(row, 0),
        .account = sql_text(row, 1),
        .region = sql_text(row, 2),
        .bucket = sql_text(row, 3),
        .prefix = sql_text(row, 4),
        .text = sql_text(row, 5),
        .kinds = (unsigned)sql_int(row, 6) & SETTINGS_ALL,
    };
    struct settings *made = make_room(store) ? copy_settings(&read) : NULL;
    if (!made)
        return error_no_memory(error);
    put_item(store, made);
    return OK;
}

static enum error_code read_all(struct settings_store *store, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_ALL];
    bool has_row = true;
    enum error_code code;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        code = read_row(store, query, error);
        if (code != OK)
            break;
    }
    sql_reset(query);
    return code;
}

static enum error_code prepare(struct settings_store *store, const char *data, struct error *error)
{
    static const struct state_room room = {
        .name = "invocation_logging",
        .steps = steps,
        .texts = texts,
        .step_count = sizeof(steps) / sizeof(steps[0]),
        .text_count = QUERIES,
    };
    const enum error_code code = state_open_room(data, &room, &store->sql, store->queries, error);
    return code == OK ? read_all(store, error) : code;
}

enum error_code settings_open(const char *data, struct settings_store **store, struct error *error)
{
    struct settings_store *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->writing, NULL);
    pthread_rwlock_init(&made->lock, NULL);
    enum error_code code = prepare(made, data, error);
    if (code != OK) {
        settings_close(made);
        return code;
    }
    *store = made;
    return OK;
}

void settings_close(struct settings_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(store->queries[i]);
    sql_close(store->sql);
    for (size_t i = 0; i < store->count; i++)
        settings_release(store->items[i]);
    mem_free(store->items);
    pthread_rwlock_destroy(&store->lock);
    pthread_mutex_destroy(&store->writing);
    mem_free(store);
}

/* --- changes: `writing` is held --------------------------------------------------------------------- */

static enum error_code check_count(const struct settings_store *store, const struct settings *wanted,
                                   struct error *error)
{
    size_t own = 0, at;
    if (find(store, wanted->tenant, wanted->account, wanted->region, &at))
        return OK;
    for (size_t i = 0; i < store->count; i++)
        own += str_eq(store->items[i]->tenant, wanted->tenant);
    if (own < limit(invocation_log_configs) && store->count < limit(invocation_log_configs_all))
        return OK;
    return error_set(error, ERROR_QUOTA,
                     "There are %zu logging configurations already, %zu of them yours; delete one in another region.",
                     store->count, own);
}

static enum error_code write_row(struct settings_store *store, const struct settings *wanted, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_PUT];
    const struct str strings[] = {wanted->tenant, wanted->account, wanted->region,
                                  wanted->bucket, wanted->prefix,  wanted->text};
    int n = 1;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n, wanted->kinds);
    return sql_run(query, error);
}

static enum error_code put(struct settings_store *store, const struct settings *wanted, struct error *error)
{
    enum error_code code = check_count(store, wanted, error);
    struct settings *made = code == OK && make_room(store) ? copy_settings(wanted) : NULL;
    if (code == OK)
        code = made ? write_row(store, wanted, error) : error_no_memory(error);
    if (code == OK)
        put_item(store, made);
    else
        settings_release(made);
    return code;
}

enum error_code settings_put(struct settings_store *store, const struct settings *wanted, struct error *error)
{
    pthread_mutex_lock(&store->writing);
    const enum error_code code = put(store, wanted, error);
    pthread_mutex_unlock(&store->writing);
    return code;
}

static void drop_item(struct settings_store *store, struct str tenant, struct str account, struct str region)
{
    struct settings *old = NULL;
    size_t at;
    pthread_rwlock_wrlock(&store->lock);
    if (find(store, tenant, account, region, &at)) {
        old = store->items[at];
        atomic_store(&old->is_over, true);
        store->count--;
        memmove(&store->items[at], &store->items[at + 1], (store->count - at) * sizeof(struct settings *));
    }
    pthread_rwlock_unlock(&store->lock);
    settings_release(old);
}

enum error_code settings_delete(struct settings_store *store, struct str tenant, struct str account,
                                struct str region, struct error *error)
{
    pthread_mutex_lock(&store->writing);
    struct sql_statement *query = store->queries[QUERY_DELETE];
    sql_bind_text(query, 1, tenant);
    sql_bind_text(query, 2, account);
    sql_bind_text(query, 3, region);
    const enum error_code code = sql_run(query, error);
    if (code == OK)
        drop_item(store, tenant, account, region);
    pthread_mutex_unlock(&store->writing);
    return code;
}
