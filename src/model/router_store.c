/* router_store.c - tenants' routers in state.db, and all of them in memory for the requests that name one. What a
 * router may be is checked before. See router_store.h. */
#include "model/router_store.h"

#include <pthread.h>
#include <string.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "store/state.h"

#define MODELS_TEXT_MAX (64u << 10)

static const char *const steps[] = {
    "CREATE TABLE prompt_router (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, token TEXT NOT NULL, tags TEXT NOT NULL, models TEXT NOT NULL, "
    "fallback INTEGER NOT NULL, difference INTEGER NOT NULL, created_us INTEGER NOT NULL, "
    "updated_us INTEGER NOT NULL) STRICT",
};

enum query { QUERY_ALL, QUERY_INSERT, QUERY_DELETE, QUERY_TAGS, QUERIES };

/* `models` is a JSON array of {"listed", "source"}, `difference` is in percent. */
static const char *const texts[QUERIES] = {
    [QUERY_ALL] = "SELECT id, sequence, tenant, account, region, name, description, token, tags, models, fallback, "
                  "difference, created_us, updated_us FROM prompt_router ORDER BY sequence",
    [QUERY_INSERT] = "INSERT INTO prompt_router (id, tenant, account, region, name, description, token, tags, models, "
                     "fallback, difference, created_us, updated_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                     "RETURNING sequence",
    [QUERY_DELETE] = "DELETE FROM prompt_router WHERE id = ?",
    [QUERY_TAGS] = "UPDATE prompt_router SET tags = ?2, updated_us = ?3 WHERE id = ?1",
};

/* One router in memory; its strings are in its own arena. */
struct held {
    struct arena arena;
    struct router router;
};

struct router_store {
    pthread_mutex_t writing; /* held by whoever uses the database */
    pthread_rwlock_t lock;   /* of what is in memory; writers hold `writing` as well */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
    struct held **held; /* by sequence */
    size_t count, cap;
};

bool router_is_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!(id.data[i] >= 'a' && id.data[i] <= 'z') && !(id.data[i] >= '0' && id.data[i] <= '9'))
            return false;
    return id.len == ROUTER_ID_LEN;
}

/* --- memory ----------------------------------------------------------------------------------------- */

static bool copy_router(const struct router *from, struct arena *arena, struct router *to)
{
    *to = *from;
    struct str *const strings[] = {&to->tenant, &to->account,     &to->region, &to->token,
                                   &to->name,   &to->description, &to->tags};
    bool is_copied = true;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        is_copied = is_copied && arena_str(arena, *strings[i], strings[i]);
    for (size_t i = 0; i < to->model_count; i++)
        is_copied = is_copied && arena_str(arena, to->models[i].listed, &to->models[i].listed) &&
                    arena_str(arena, to->models[i].source, &to->models[i].source);
    return is_copied;
}

static void free_held(struct held *held)
{
    if (!held)
        return;
    arena_deinit(&held->arena);
    mem_free(held);
}

static struct held *hold(const struct router *router)
{
    struct held *held = mem_calloc(1, sizeof(*held));
    if (!held)
        return NULL;
    arena_init(&held->arena, 0);
    if (copy_router(router, &held->arena, &held->router))
        return held;
    free_held(held);
    return NULL;
}

/* Index, or -1. Either lock is held. */
static ptrdiff_t find(const struct router_store *store, struct str tenant, struct str id)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct router *router = &store->held[i]->router;
        if (str_eq(str_of(router->id), id) && str_eq(router->tenant, tenant))
            return (ptrdiff_t)i;
    }
    return -1;
}

static enum error_code not_found(struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no prompt router '%.*s'.", (int)(id.len > 64 ? 64 : id.len),
                     id.data ? id.data : "");
}

enum error_code router_store_get(struct router_store *store, struct str tenant, struct str id, struct arena *arena,
                                 struct router *router, struct error *error)
{
    pthread_rwlock_rdlock(&store->lock);
    const ptrdiff_t at = find(store, tenant, id);
    const bool is_copied = at >= 0 && copy_router(&store->held[at]->router, arena, router);
    pthread_rwlock_unlock(&store->lock);
    if (at < 0)
        return not_found(id, error);
    return is_copied ? OK : error_no_memory(error);
}

static bool list_locked(const struct router_store *store, struct str tenant, int64_t beyond, size_t max,
                        struct arena *arena, struct router *found, size_t *count, bool *has_more)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct router *router = &store->held[i]->router;
        if (router->sequence <= beyond || !str_eq(router->tenant, tenant))
            continue;
        *has_more = *count == max;
        if (*has_more)
            return true;
        if (!copy_router(router, arena, &found[(*count)++]))
            return false;
    }
    return true;
}

enum error_code router_store_list(struct router_store *store, struct str tenant, int64_t beyond, size_t max,
                                  struct arena *arena, struct router **found, size_t *count, bool *has_more,
                                  struct error *error)
{
    *count = 0;
    *has_more = false;
    *found = ARENA_ARRAY(arena, struct router, max + 1);
    if (!*found)
        return error_no_memory(error);
    pthread_rwlock_rdlock(&store->lock);
    const bool is_copied = list_locked(store, tenant, beyond, max, arena, *found, count, has_more);
    pthread_rwlock_unlock(&store->lock);
    return is_copied ? OK : error_no_memory(error);
}

/* --- models as text --------------------------------------------------------------------------------- */

static bool write_models(const struct router *router, struct buf *text)
{
    for (size_t i = 0; i < router->model_count; i++) {
        buf_append_text(text, i ? ",{\"listed\":" : "[{\"listed\":");
        buf_append_json(text, router->models[i].listed);
        buf_append_text(text, ",\"source\":");
        buf_append_json(text, router->models[i].source);
        buf_append_char(text, '}');
    }
    return buf_append_char(text, ']');
}

/* Strings borrow from *doc. */
static enum error_code read_models(struct str text, struct router *router, yyjson_doc **doc, struct error *error)
{
    yyjson_val *item;
    size_t i, max;
    enum error_code code = json_parse(text, doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(*doc);
    const size_t count = yyjson_is_arr(root) ? yyjson_arr_size(root) : 0;
    if (count == 0 || count > ROUTER_MODELS_MAX || router->fallback >= count)
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": prompt router '%s' makes no sense", router->id);
    yyjson_arr_foreach(root, i, max, item)
    {
        router->models[i].listed = json_str(yyjson_obj_get(item, "listed"));
        router->models[i].source = json_str(yyjson_obj_get(item, "source"));
    }
    router->model_count = count;
    return OK;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code read_columns(struct sql_statement *row, struct router *router, struct error *error)
{
    const struct str id = sql_text(row, 0);
    struct str *const strings[] = {&router->tenant,      &router->account, &router->region, &router->name,
                                   &router->description, &router->token,   &router->tags};
    *router = (struct router){.kind = ROUTER_CUSTOM, .rule = ROUTER_RULE_DIFFERENCE, .margin = ROUTER_MARGIN};
    if (!router_is_id(id))
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": prompt router '" STR_FMT "' makes no sense",
                         STR_ARG(id));
    memcpy(router->id, id.data, id.len);
    router->sequence = sql_int(row, 1);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        *strings[i] = sql_text(row, 2 + (int)i);
    router->fallback = (size_t)sql_int(row, 10);
    router->difference = (double)sql_int(row, 11) / 100;
    router->created_us = (uint64_t)sql_int(row, 12);
    router->updated_us = (uint64_t)sql_int(row, 13);
    return OK;
}

static bool add_held(struct router_store *store, struct held *held)
{
    void *items = store->held;
    const bool has_room = held && mem_grow(&items, store->count, &store->cap, sizeof(*store->held));
    store->held = items;
    if (has_room)
        store->held[store->count++] = held;
    return has_room;
}

static enum error_code read_row(struct router_store *store, struct sql_statement *row, struct error *error)
{
    struct router router;
    yyjson_doc *doc = NULL;
    struct held *held = NULL;
    enum error_code code = read_columns(row, &router, error);
    if (code == OK)
        code = read_models(sql_text(row, 9), &router, &doc, error);
    if (code == OK) {
        held = hold(&router);
        if (!add_held(store, held)) {
            free_held(held);
            code = error_no_memory(error);
        }
    }
    json_free(doc);
    return code;
}

static enum error_code read_all(struct router_store *store, struct error *error)
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

static enum error_code prepare(struct router_store *store, const char *data, struct error *error)
{
    enum error_code code = state_open(data, &store->sql, error);
    if (code == OK)
        code = state_migrate(store->sql, "prompt_routers", steps, sizeof(steps) / sizeof(steps[0]), error);
    for (size_t i = 0; code == OK && i < QUERIES; i++)
        code = sql_prepare(store->sql, texts[i], &store->queries[i], error);
    return code == OK ? read_all(store, error) : code;
}

enum error_code router_store_open(const char *data, struct router_store **store, struct error *error)
{
    struct router_store *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->writing, NULL);
    pthread_rwlock_init(&made->lock, NULL);
    enum error_code code = prepare(made, data, error);
    if (code != OK) {
        router_store_close(made);
        return error_prefix(error, "prompt routers");
    }
    *store = made;
    return OK;
}

void router_store_close(struct router_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(store->queries[i]);
    sql_close(store->sql);
    for (size_t i = 0; i < store->count; i++)
        free_held(store->held[i]);
    mem_free(store->held);
    pthread_rwlock_destroy(&store->lock);
    pthread_mutex_destroy(&store->writing);
    mem_free(store);
}

/* --- changes: `writing` is held --------------------------------------------------------------------- */

static bool is_same_request(const struct router *a, const struct router *b)
{
    bool is_same = str_eq(a->name, b->name) && str_eq(a->description, b->description) &&
                   a->difference == b->difference && a->model_count == b->model_count && a->fallback == b->fallback;
    for (size_t i = 0; is_same && i < a->model_count; i++)
        is_same = str_eq(a->models[i].listed, b->models[i].listed);
    return is_same;
}

/* One that the same request has made before, or room for another. */
static enum error_code check_create(struct router_store *store, struct router *router, bool *is_known,
                                    struct error *error)
{
    size_t own = 0;
    bool is_taken = false;
    *is_known = false;
    for (size_t i = 0; i < store->count; i++) {
        const struct router *other = &store->held[i]->router;
        if (!str_eq(other->tenant, router->tenant))
            continue;
        own++;
        is_taken = is_taken || str_eq(other->name, router->name);
        if (router->token.len == 0 || !str_eq(other->token, router->token))
            continue;
        if (!is_same_request(other, router))
            return error_set(error, ERROR_CONFLICT,
                             "clientRequestToken: it was used before, for a request with other parameters");
        memcpy(router->id, other->id, sizeof(router->id));
        *is_known = true;
        return OK;
    }
    if (is_taken)
        return error_set(error, ERROR_CONFLICT, "promptRouterName: a prompt router named '" STR_FMT "' exists already",
                         STR_ARG(router->name));
    if (own >= limit(prompt_routers) || store->count >= limit(prompt_routers_all))
        return error_set(error, ERROR_QUOTA, "There are %zu prompt routers already, %zu of them yours.", store->count,
                         own);
    return OK;
}

static enum error_code insert(struct router_store *store, struct router *router, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_INSERT];
    struct buf models;
    bool has_row = false;
    int n = 1;
    buf_init(&models, MODELS_TEXT_MAX);
    if (!write_models(router, &models)) {
        buf_deinit(&models);
        return error_no_memory(error);
    }
    const struct str strings[] = {str_of(router->id),  router->tenant, router->account, router->region, router->name,
                                  router->description, router->token,  router->tags,    buf_str(&models)};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n++, (int64_t)router->fallback);
    sql_bind_int(query, n++, (int64_t)(router->difference * 100 + 0.5));
    sql_bind_int(query, n++, (int64_t)router->created_us);
    sql_bind_int(query, n++, (int64_t)router->updated_us);
    enum error_code code = sql_step(query, &has_row, error);
    buf_deinit(&models);
    if (code != OK)
        return code;
    router->sequence = has_row ? sql_int(query, 0) : 0;
    return has_row ? sql_run(query, error) : OK;
}

static enum error_code create(struct router_store *store, struct router *router, struct error *error)
{
    void *items = store->held;
    pthread_rwlock_wrlock(&store->lock);
    const bool has_room = mem_grow(&items, store->count, &store->cap, sizeof(*store->held));
    store->held = items;
    pthread_rwlock_unlock(&store->lock);
    struct held *held = has_room ? hold(router) : NULL;
    if (!held)
        return error_no_memory(error);
    const enum error_code code = insert(store, router, error);
    if (code != OK) {
        free_held(held);
        return code;
    }
    held->router.sequence = router->sequence;
    pthread_rwlock_wrlock(&store->lock);
    store->held[store->count++] = held;
    pthread_rwlock_unlock(&store->lock);
    return OK;
}

enum error_code router_store_create(struct router_store *store, struct router *router, struct error *error)
{
    bool is_known;
    random_id(router->id, ROUTER_ID_LEN);
    router->created_us = router->updated_us = clock_wall_us();
    pthread_mutex_lock(&store->writing);
    enum error_code code = check_create(store, router, &is_known, error);
    if (code == OK && !is_known)
        code = create(store, router, error);
    pthread_mutex_unlock(&store->writing);
    return code;
}

static enum error_code drop(struct router_store *store, size_t at, struct error *error)
{
    struct held *held = store->held[at];
    sql_bind_text(store->queries[QUERY_DELETE], 1, str_of(held->router.id));
    const enum error_code code = sql_run(store->queries[QUERY_DELETE], error);
    if (code != OK)
        return code;
    pthread_rwlock_wrlock(&store->lock);
    store->count--;
    memmove(store->held + at, store->held + at + 1, (store->count - at) * sizeof(*store->held));
    pthread_rwlock_unlock(&store->lock);
    free_held(held);
    return OK;
}

enum error_code router_store_delete(struct router_store *store, struct str tenant, struct str id,
                                    struct error *error)
{
    pthread_mutex_lock(&store->writing);
    const ptrdiff_t at = find(store, tenant, id);
    const enum error_code code = at < 0 ? not_found(id, error) : drop(store, (size_t)at, error);
    pthread_mutex_unlock(&store->writing);
    return code;
}

static enum error_code replace(struct router_store *store, size_t at, const struct router *router,
                               struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_TAGS];
    struct held *held = hold(router), *old = store->held[at];
    if (!held)
        return error_no_memory(error);
    sql_bind_text(query, 1, str_of(router->id));
    sql_bind_text(query, 2, router->tags);
    sql_bind_int(query, 3, (int64_t)router->updated_us);
    const enum error_code code = sql_run(query, error);
    if (code == OK) {
        pthread_rwlock_wrlock(&store->lock);
        store->held[at] = held;
        pthread_rwlock_unlock(&store->lock);
    }
    free_held(code == OK ? old : held);
    return code;
}

enum error_code router_store_tag(struct router_store *store, struct str tenant, struct str id, router_merge *merge,
                                 void *ctx, struct error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&store->writing);
    const ptrdiff_t at = find(store, tenant, id);
    enum error_code code = at < 0 ? not_found(id, error) : OK;
    if (code == OK) {
        struct router router = store->held[at]->router;
        router.updated_us = clock_wall_us();
        code = merge(ctx, router.tags, &arena, &router.tags, error);
        if (code == OK)
            code = replace(store, (size_t)at, &router, error);
    }
    pthread_mutex_unlock(&store->writing);
    arena_deinit(&arena);
    return code;
}
