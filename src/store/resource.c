/* resource.c - a kind's table in state.db and its rows in memory. What one may be is checked before. See resource.h. */
#include "store/resource.h"

#include <pthread.h>
#include <string.h>

#include "core/buf.h"
#include "core/util.h"
#include "store/state.h"

#define COMMON_COLUMNS "id, tenant, token, tags, created_us, updated_us"
#define COMMON_COUNT 6

enum query { QUERY_ALL, QUERY_INSERT, QUERY_DELETE, QUERY_TAGS, QUERY_UPDATE, QUERIES };

/* One in memory; its strings are in its own arena. */
struct held {
    struct arena arena;
    struct resource *resource;
};

struct resources {
    const struct resource_kind *kind;
    pthread_mutex_t writing; /* held by whoever uses the database */
    pthread_rwlock_t lock;   /* of what is in memory; writers hold `writing` as well */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
    struct held **held; /* by sequence */
    size_t count, cap;
};

bool resource_is_id(struct str id)
{
    return is_random_id(id, RESOURCE_ID_LEN);
}

/* --- what kinds have of their own -------------------------------------------------------------------- */

static struct str *string_at(const struct resource_kind *kind, void *resource, size_t index)
{
    return (struct str *)(void *)((char *)resource + kind->strings[index]);
}

static bool copy_own(const struct resource_kind *kind, void *resource, struct arena *arena)
{
    bool is_copied = true;
    for (size_t i = 0; i < kind->string_count; i++) {
        struct str *string = string_at(kind, resource, i);
        is_copied = is_copied && arena_str(arena, *string, string);
    }
    return is_copied && (!kind->copy || kind->copy(resource, arena));
}

static enum error_code read_own(const struct resource_kind *kind, void *resource, struct sql_statement *row, int column,
                                struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < kind->string_count; i++)
        *string_at(kind, resource, i) = sql_text(row, column + (int)i);
    return kind->read ? kind->read(resource, row, column + (int)kind->string_count, arena, error) : OK;
}

static enum error_code bind_own(const struct resource_kind *kind, const void *resource, struct sql_statement *query,
                                int parameter, struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < kind->string_count; i++)
        sql_bind_text(query, parameter + (int)i, *(const struct str *)(const void *)((const char *)resource +
                                                                                   kind->strings[i]));
    return kind->bind ? kind->bind(resource, query, parameter + (int)kind->string_count, arena, error) : OK;
}

/* --- memory ----------------------------------------------------------------------------------------- */

static bool copy(const struct resource_kind *kind, const struct resource *from, struct arena *arena,
                 struct resource *to)
{
    memcpy(to, from, kind->size);
    return arena_str(arena, from->tenant, &to->tenant) && arena_str(arena, from->token, &to->token) &&
           arena_str(arena, from->tags, &to->tags) && copy_own(kind, to, arena);
}

static void free_held(struct held *held)
{
    if (!held)
        return;
    arena_deinit(&held->arena);
    mem_free(held);
}

static struct held *hold(const struct resource_kind *kind, const struct resource *resource)
{
    struct held *held = mem_calloc(1, sizeof(*held));
    if (!held)
        return NULL;
    arena_init(&held->arena, 0);
    held->resource = arena_alloc(&held->arena, kind->size);
    if (held->resource && copy(kind, resource, &held->arena, held->resource))
        return held;
    free_held(held);
    return NULL;
}

/* Index, or -1. Either lock is held. */
static ptrdiff_t find(const struct resources *resources, struct str tenant, struct str id)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = resources->held[i]->resource;
        if (str_eq(str_of(resource->id), id) && str_eq(resource->tenant, tenant))
            return (ptrdiff_t)i;
    }
    return -1;
}

static enum error_code not_found(const struct resources *resources, struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no %s '%.*s'.", resources->kind->name,
                     (int)(id.len > 64 ? 64 : id.len), id.data ? id.data : "");
}

enum error_code resources_get(struct resources *resources, struct str tenant, struct str id, struct arena *arena,
                              void *resource, struct error *error)
{
    pthread_rwlock_rdlock(&resources->lock);
    const ptrdiff_t at = find(resources, tenant, id);
    const bool is_copied = at >= 0 && copy(resources->kind, resources->held[at]->resource, arena, resource);
    pthread_rwlock_unlock(&resources->lock);
    if (at < 0)
        return not_found(resources, id, error);
    return is_copied ? OK : error_no_memory(error);
}

static bool list_locked(const struct resources *resources, struct str tenant, int64_t beyond, size_t max,
                        struct arena *arena, char *found, size_t *count, bool *has_more)
{
    const struct resource_kind *kind = resources->kind;
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = resources->held[i]->resource;
        if (resource->sequence <= beyond || !str_eq(resource->tenant, tenant))
            continue;
        *has_more = *count == max;
        if (*has_more)
            return true;
        if (!copy(kind, resource, arena, (void *)(found + kind->size * (*count)++)))
            return false;
    }
    return true;
}

enum error_code resources_list(struct resources *resources, struct str tenant, int64_t beyond, size_t max,
                               struct arena *arena, void **found, size_t *count, bool *has_more, struct error *error)
{
    *count = 0;
    *has_more = false;
    *found = arena_alloc(arena, (max + 1) * resources->kind->size);
    if (!*found)
        return error_no_memory(error);
    pthread_rwlock_rdlock(&resources->lock);
    const bool is_copied = list_locked(resources, tenant, beyond, max, arena, *found, count, has_more);
    pthread_rwlock_unlock(&resources->lock);
    return is_copied ? OK : error_no_memory(error);
}

enum error_code resources_list_all(struct resources *resources, struct arena *arena, void **found, size_t *count,
                                   struct error *error)
{
    const size_t size = resources->kind->size;
    bool is_copied;
    *count = 0;
    pthread_rwlock_rdlock(&resources->lock);
    *found = arena_alloc(arena, (resources->count + 1) * size);
    is_copied = *found != NULL;
    for (size_t i = 0; is_copied && i < resources->count; i++)
        is_copied = copy(resources->kind, resources->held[i]->resource, arena,
                         (void *)((char *)*found + size * (*count)++));
    pthread_rwlock_unlock(&resources->lock);
    return is_copied ? OK : error_no_memory(error);
}

/* --- opening ---------------------------------------------------------------------------------------- */

static bool add_held(struct resources *resources, struct held *held)
{
    void *items = resources->held;
    const bool has_room = held && mem_grow(&items, resources->count, &resources->cap, sizeof(*resources->held));
    resources->held = items;
    if (has_room)
        resources->held[resources->count++] = held;
    return has_room;
}

static enum error_code read_row(struct resources *resources, struct sql_statement *row, struct arena *arena,
                                struct error *error)
{
    const struct resource_kind *kind = resources->kind;
    const struct str id = sql_text(row, 0);
    struct resource *resource = arena_alloc(arena, kind->size);
    if (!resource)
        return error_no_memory(error);
    if (!resource_is_id(id))
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": %s '" STR_FMT "' makes no sense", kind->name,
                         STR_ARG(id));
    memcpy(resource->id, id.data, id.len);
    resource->tenant = sql_text(row, 1);
    resource->token = sql_text(row, 2);
    resource->tags = sql_text(row, 3);
    resource->created_us = (uint64_t)sql_int(row, 4);
    resource->updated_us = (uint64_t)sql_int(row, 5);
    resource->sequence = sql_int(row, COMMON_COUNT);
    const enum error_code code = read_own(kind, resource, row, COMMON_COUNT + 1, arena, error);
    struct held *held = code == OK ? hold(kind, resource) : NULL;
    if (code != OK || add_held(resources, held))
        return code;
    free_held(held);
    return error_no_memory(error);
}

static enum error_code read_all(struct resources *resources, struct error *error)
{
    struct sql_statement *query = resources->queries[QUERY_ALL];
    struct arena arena;
    bool has_row = true;
    enum error_code code;
    arena_init(&arena, 0);
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        code = read_row(resources, query, &arena, error);
        if (code != OK)
            break;
        arena_reset(&arena);
    }
    sql_reset(query);
    arena_deinit(&arena);
    return code;
}

static const char *query_text(const struct resource_kind *kind, enum query query, struct arena *arena)
{
    struct buf marks;
    switch (query) {
    case QUERY_ALL:
        return arena_printf(arena, "SELECT " COMMON_COLUMNS ", sequence, %s FROM %s ORDER BY sequence", kind->columns,
                            kind->table).data;
    case QUERY_DELETE: return arena_printf(arena, "DELETE FROM %s WHERE id = ?", kind->table).data;
    case QUERY_TAGS:
        return arena_printf(arena, "UPDATE %s SET tags = ?2, updated_us = ?3 WHERE id = ?1", kind->table).data;
    case QUERY_INSERT:
    case QUERY_UPDATE:
    case QUERIES: break;
    }
    const size_t count = kind->column_count + (query == QUERY_INSERT ? COMMON_COUNT : 0);
    buf_init(&marks, 4096);
    for (size_t i = 0; i < count; i++)
        buf_append_text(&marks, i ? ", ?" : "?");
    if (query == QUERY_UPDATE) {
        const struct str update = arena_printf(arena, "UPDATE %s SET (%s, updated_us) = (" STR_FMT ", ?) WHERE id = ?",
                                               kind->table, kind->columns, STR_ARG(buf_str(&marks)));
        const bool is_update_whole = !marks.failed;
        buf_deinit(&marks);
        return is_update_whole ? update.data : NULL;
    }
    const struct str text = arena_printf(arena, "INSERT INTO %s (" COMMON_COLUMNS ", %s) VALUES (" STR_FMT ") "
                                         "RETURNING sequence", kind->table, kind->columns, STR_ARG(buf_str(&marks)));
    const bool is_whole = !marks.failed;
    buf_deinit(&marks);
    return is_whole ? text.data : NULL;
}

static enum error_code prepare(struct resources *resources, const char *data, struct error *error)
{
    const struct resource_kind *kind = resources->kind;
    struct arena arena;
    enum error_code code = state_open(data, &resources->sql, error);
    if (code == OK)
        code = state_migrate(resources->sql, kind->room, kind->steps, kind->step_count, error);
    arena_init(&arena, 0);
    for (int i = 0; code == OK && i < QUERIES; i++) {
        const char *text = query_text(kind, (enum query)i, &arena);
        code = text ? sql_prepare(resources->sql, text, &resources->queries[i], error) : error_no_memory(error);
    }
    arena_deinit(&arena);
    return code == OK ? read_all(resources, error) : code;
}

enum error_code resources_open(const struct resource_kind *kind, const char *data, struct resources **resources,
                               struct error *error)
{
    struct resources *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->kind = kind;
    pthread_mutex_init(&made->writing, NULL);
    pthread_rwlock_init(&made->lock, NULL);
    const enum error_code code = prepare(made, data, error);
    if (code != OK) {
        resources_close(made);
        return error_prefix(error, "%s", kind->names);
    }
    *resources = made;
    return OK;
}

void resources_close(struct resources *resources)
{
    if (!resources)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(resources->queries[i]);
    sql_close(resources->sql);
    for (size_t i = 0; i < resources->count; i++)
        free_held(resources->held[i]);
    mem_free(resources->held);
    pthread_rwlock_destroy(&resources->lock);
    pthread_mutex_destroy(&resources->writing);
    mem_free(resources);
}

/* --- changes: `writing` is held --------------------------------------------------------------------- */

/* One that the same request has made before, or room for another. */
static enum error_code check_create(struct resources *resources, struct resource *resource, bool *is_known,
                                    struct error *error)
{
    const struct resource_kind *kind = resources->kind;
    size_t own = 0;
    enum error_code taken = OK;
    *is_known = false;
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *other = resources->held[i]->resource;
        if (!str_eq(other->tenant, resource->tenant))
            continue;
        own++;
        if (kind->check && taken == OK)
            taken = kind->check(other, resource, error);
        if (resource->token.len == 0 || !str_eq(other->token, resource->token))
            continue;
        if (!kind->is_same(other, resource))
            return error_set(error, ERROR_CONFLICT,
                             "clientRequestToken: it was used before, for a request with other parameters");
        memcpy(resource->id, other->id, sizeof(resource->id));
        *is_known = true;
        return OK;
    }
    if (taken == OK && (own >= kind->most(false) || resources->count >= kind->most(true)))
        return error_set(error, ERROR_QUOTA, "There are %zu %s already, %zu of them yours.", resources->count,
                         kind->names, own);
    return taken;
}

static enum error_code insert(struct resources *resources, struct resource *resource, struct error *error)
{
    struct sql_statement *query = resources->queries[QUERY_INSERT];
    struct arena arena;
    bool has_row = false;
    arena_init(&arena, 0);
    sql_bind_text(query, 1, str_of(resource->id));
    sql_bind_text(query, 2, resource->tenant);
    sql_bind_text(query, 3, resource->token);
    sql_bind_text(query, 4, resource->tags);
    sql_bind_int(query, 5, (int64_t)resource->created_us);
    sql_bind_int(query, 6, (int64_t)resource->updated_us);
    enum error_code code = bind_own(resources->kind, resource, query, COMMON_COUNT + 1, &arena, error);
    if (code == OK)
        code = sql_step(query, &has_row, error);
    if (code == OK && has_row) {
        resource->sequence = sql_int(query, 0);
        code = sql_run(query, error);
    }
    arena_deinit(&arena);
    return code;
}

static enum error_code create(struct resources *resources, struct resource *resource, struct error *error)
{
    void *items = resources->held;
    pthread_rwlock_wrlock(&resources->lock);
    const bool has_room = mem_grow(&items, resources->count, &resources->cap, sizeof(*resources->held));
    resources->held = items;
    pthread_rwlock_unlock(&resources->lock);
    struct held *held = has_room ? hold(resources->kind, resource) : NULL;
    if (!held)
        return error_no_memory(error);
    const enum error_code code = insert(resources, resource, error);
    if (code != OK) {
        free_held(held);
        return code;
    }
    held->resource->sequence = resource->sequence;
    pthread_rwlock_wrlock(&resources->lock);
    resources->held[resources->count++] = held;
    pthread_rwlock_unlock(&resources->lock);
    return OK;
}

enum error_code resources_create(struct resources *resources, void *new, struct error *error)
{
    struct resource *resource = new;
    bool is_known;
    random_id(resource->id, RESOURCE_ID_LEN);
    resource->created_us = resource->updated_us = clock_wall_us();
    pthread_mutex_lock(&resources->writing);
    enum error_code code = check_create(resources, resource, &is_known, error);
    if (code == OK && !is_known)
        code = create(resources, resource, error);
    pthread_mutex_unlock(&resources->writing);
    return code;
}

static enum error_code drop(struct resources *resources, size_t at, struct error *error)
{
    struct held *held = resources->held[at];
    sql_bind_text(resources->queries[QUERY_DELETE], 1, str_of(held->resource->id));
    const enum error_code code = sql_run(resources->queries[QUERY_DELETE], error);
    if (code != OK)
        return code;
    pthread_rwlock_wrlock(&resources->lock);
    resources->count--;
    memmove(resources->held + at, resources->held + at + 1, (resources->count - at) * sizeof(*resources->held));
    pthread_rwlock_unlock(&resources->lock);
    free_held(held);
    return OK;
}

enum error_code resources_delete(struct resources *resources, struct str tenant, struct str id, struct error *error)
{
    pthread_mutex_lock(&resources->writing);
    const ptrdiff_t at = find(resources, tenant, id);
    const enum error_code code = at < 0 ? not_found(resources, id, error) : drop(resources, (size_t)at, error);
    pthread_mutex_unlock(&resources->writing);
    return code;
}

static enum error_code write_update(struct resources *resources, const struct resource *resource, struct error *error)
{
    struct sql_statement *query = resources->queries[QUERY_UPDATE];
    const int own = (int)resources->kind->column_count;
    struct arena arena;
    arena_init(&arena, 0);
    enum error_code code = bind_own(resources->kind, resource, query, 1, &arena, error);
    sql_bind_int(query, own + 1, (int64_t)resource->updated_us);
    sql_bind_text(query, own + 2, str_of(resource->id));
    if (code == OK)
        code = sql_run(query, error);
    arena_deinit(&arena);
    return code;
}

/* Takes `held` over: in the place of the one that is there if it was stored. */
static enum error_code settle(struct resources *resources, size_t at, struct held *held, enum error_code stored)
{
    struct held *old = resources->held[at];
    if (stored == OK) {
        pthread_rwlock_wrlock(&resources->lock);
        resources->held[at] = held;
        pthread_rwlock_unlock(&resources->lock);
    }
    free_held(stored == OK ? old : held);
    return stored;
}

static enum error_code change(struct resources *resources, size_t at, const struct resource *resource,
                              struct error *error)
{
    struct held *held = hold(resources->kind, resource);
    const struct resource *old = resources->held[at]->resource;
    if (!held)
        return error_no_memory(error);
    held->resource->sequence = old->sequence;
    held->resource->created_us = old->created_us;
    held->resource->updated_us = clock_wall_us();
    const bool is_kept = arena_str(&held->arena, old->token, &held->resource->token) &&
                         arena_str(&held->arena, old->tags, &held->resource->tags);
    return settle(resources, at, held,
                  is_kept ? write_update(resources, held->resource, error) : error_no_memory(error));
}

enum error_code resources_update(struct resources *resources, const void *resource, struct error *error)
{
    const struct resource *wanted = resource;
    pthread_mutex_lock(&resources->writing);
    const ptrdiff_t at = find(resources, wanted->tenant, str_of(wanted->id));
    const enum error_code code = at < 0 ? not_found(resources, str_of(wanted->id), error)
                                        : change(resources, (size_t)at, wanted, error);
    pthread_mutex_unlock(&resources->writing);
    return code;
}

/* Takes `held` over, whose tags are new. */
static enum error_code replace(struct resources *resources, size_t at, struct held *held, struct error *error)
{
    struct sql_statement *query = resources->queries[QUERY_TAGS];
    sql_bind_text(query, 1, str_of(held->resource->id));
    sql_bind_text(query, 2, held->resource->tags);
    sql_bind_int(query, 3, (int64_t)held->resource->updated_us);
    return settle(resources, at, held, sql_run(query, error));
}

static enum error_code retag(struct resources *resources, size_t at, resource_merge *merge, void *ctx,
                             struct error *error)
{
    struct held *held = hold(resources->kind, resources->held[at]->resource);
    if (!held)
        return error_no_memory(error);
    struct resource *resource = held->resource;
    resource->updated_us = clock_wall_us();
    const enum error_code code = merge(ctx, resource->tags, &held->arena, &resource->tags, error);
    if (code == OK)
        return replace(resources, at, held, error);
    free_held(held);
    return code;
}

enum error_code resources_tag(struct resources *resources, struct str tenant, struct str id, resource_merge *merge,
                              void *ctx, struct error *error)
{
    pthread_mutex_lock(&resources->writing);
    const ptrdiff_t at = find(resources, tenant, id);
    const enum error_code code = at < 0 ? not_found(resources, id, error)
                                        : retag(resources, (size_t)at, merge, ctx, error);
    pthread_mutex_unlock(&resources->writing);
    return code;
}
