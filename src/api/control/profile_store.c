/* profile_store.c - inference profiles in state.db, and all of them in memory for the requests that name one. What a
 * profile may be called is checked before. See profile_store.h. */
#include "api/control/profile_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "store/state.h"

#define TAGS_TEXT_MAX (256u << 10) /* whatever was sent, before it is refused */

static const char *const steps[] = {
    "CREATE TABLE inference_profile (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, source TEXT NOT NULL, token TEXT NOT NULL, tags TEXT NOT NULL, "
    "created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL) STRICT",
};

enum query { QUERY_ALL, QUERY_INSERT, QUERY_DELETE, QUERY_TAGS, QUERIES };

static const char *const texts[QUERIES] = {
    [QUERY_ALL] = "SELECT id, sequence, tenant, account, region, name, description, source, token, tags, created_us, "
                  "updated_us FROM inference_profile ORDER BY sequence",
    [QUERY_INSERT] = "INSERT INTO inference_profile (id, tenant, account, region, name, description, source, token, "
                     "tags, created_us, updated_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING sequence",
    [QUERY_DELETE] = "DELETE FROM inference_profile WHERE id = ?",
    [QUERY_TAGS] = "UPDATE inference_profile SET tags = ?2, updated_us = ?3 WHERE id = ?1",
};

/* One profile in memory; its strings are in its own arena. */
struct held {
    struct arena arena;
    struct profile profile;
};

struct profiles {
    pthread_mutex_t writing; /* held by whoever uses the database */
    pthread_rwlock_t lock;   /* of what is in memory; writers hold `writing` as well */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
    struct held **held; /* by sequence */
    size_t count, cap;
};

/* --- memory ----------------------------------------------------------------------------------------- */

static bool copy_profile(const struct profile *from, struct arena *arena, struct profile *to)
{
    *to = *from;
    struct str *const strings[] = {&to->tenant,      &to->account, &to->region, &to->name,
                                   &to->description, &to->source,  &to->token,  &to->tags};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        if (!arena_str(arena, *strings[i], strings[i]))
            return false;
    return true;
}

static void free_held(struct held *held)
{
    if (!held)
        return;
    arena_deinit(&held->arena);
    mem_free(held);
}

static struct held *hold(const struct profile *profile)
{
    struct held *held = mem_calloc(1, sizeof(*held));
    if (!held)
        return NULL;
    arena_init(&held->arena, 0);
    if (copy_profile(profile, &held->arena, &held->profile))
        return held;
    free_held(held);
    return NULL;
}

/* Index, or -1. Either lock is held. */
static ptrdiff_t find(const struct profiles *profiles, struct str tenant, struct str id)
{
    for (size_t i = 0; i < profiles->count; i++) {
        const struct profile *profile = &profiles->held[i]->profile;
        if (str_eq(str_of(profile->id), id) && str_eq(profile->tenant, tenant))
            return (ptrdiff_t)i;
    }
    return -1;
}

static enum error_code not_found(struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no inference profile '%.*s'.",
                     (int)(id.len > 64 ? 64 : id.len), id.data ? id.data : "");
}

enum error_code profiles_get(struct profiles *profiles, struct str tenant, struct str id, struct arena *arena,
                             struct profile *profile, struct error *error)
{
    pthread_rwlock_rdlock(&profiles->lock);
    ptrdiff_t at = find(profiles, tenant, id);
    bool is_copied = at >= 0 && copy_profile(&profiles->held[at]->profile, arena, profile);
    pthread_rwlock_unlock(&profiles->lock);
    if (at < 0)
        return not_found(id, error);
    return is_copied ? OK : error_no_memory(error);
}

static bool list_locked(const struct profiles *profiles, struct str tenant, int64_t beyond, size_t max,
                        struct arena *arena, struct profile *found, size_t *count, bool *has_more)
{
    for (size_t i = 0; i < profiles->count; i++) {
        const struct profile *profile = &profiles->held[i]->profile;
        if (profile->sequence <= beyond || !str_eq(profile->tenant, tenant))
            continue;
        *has_more = *count == max;
        if (*has_more)
            return true;
        if (!copy_profile(profile, arena, &found[(*count)++]))
            return false;
    }
    return true;
}

enum error_code profiles_list(struct profiles *profiles, struct str tenant, int64_t beyond, size_t max,
                              struct arena *arena, struct profile **found, size_t *count, bool *has_more,
                              struct error *error)
{
    *count = 0;
    *has_more = false;
    *found = ARENA_ARRAY(arena, struct profile, max + 1);
    if (!*found)
        return error_no_memory(error);
    pthread_rwlock_rdlock(&profiles->lock);
    bool is_copied = list_locked(profiles, tenant, beyond, max, arena, *found, count, has_more);
    pthread_rwlock_unlock(&profiles->lock);
    return is_copied ? OK : error_no_memory(error);
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code read_row(struct profiles *profiles, struct sql_statement *row, struct error *error)
{
    struct profile profile = {.sequence = sql_int(row, 1)};
    struct str id = sql_text(row, 0);
    struct str *const strings[] = {&profile.tenant,      &profile.account, &profile.region, &profile.name,
                                   &profile.description, &profile.source,  &profile.token,  &profile.tags};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        *strings[i] = sql_text(row, 2 + (int)i);
    profile.created_us = (uint64_t)sql_int(row, 10);
    profile.updated_us = (uint64_t)sql_int(row, 11);
    if (id.len != PROFILE_ID_LEN)
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": inference profile '" STR_FMT "' makes no sense",
                         STR_ARG(id));
    memcpy(profile.id, id.data, id.len);
    void *items = profiles->held;
    bool is_there = mem_grow(&items, profiles->count, &profiles->cap, sizeof(*profiles->held));
    profiles->held = items;
    struct held *held = is_there ? hold(&profile) : NULL;
    if (!held)
        return error_no_memory(error);
    profiles->held[profiles->count++] = held;
    return OK;
}

static enum error_code read_all(struct profiles *profiles, struct error *error)
{
    struct sql_statement *query = profiles->queries[QUERY_ALL];
    bool has_row = true;
    enum error_code code;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        code = read_row(profiles, query, error);
        if (code != OK)
            break;
    }
    sql_reset(query);
    return code;
}

static enum error_code prepare(struct profiles *profiles, const char *data, struct error *error)
{
    enum error_code code = state_open(data, &profiles->sql, error);
    if (code == OK)
        code = state_migrate(profiles->sql, "profiles", steps, sizeof(steps) / sizeof(steps[0]), error);
    for (size_t i = 0; code == OK && i < QUERIES; i++)
        code = sql_prepare(profiles->sql, texts[i], &profiles->queries[i], error);
    return code == OK ? read_all(profiles, error) : code;
}

enum error_code profiles_open(const char *data, struct profiles **profiles, struct error *error)
{
    struct profiles *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->writing, NULL);
    pthread_rwlock_init(&made->lock, NULL);
    enum error_code code = prepare(made, data, error);
    if (code != OK) {
        profiles_close(made);
        return error_prefix(error, "inference profiles");
    }
    *profiles = made;
    return OK;
}

void profiles_close(struct profiles *profiles)
{
    if (!profiles)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(profiles->queries[i]);
    sql_close(profiles->sql);
    for (size_t i = 0; i < profiles->count; i++)
        free_held(profiles->held[i]);
    mem_free(profiles->held);
    pthread_rwlock_destroy(&profiles->lock);
    pthread_mutex_destroy(&profiles->writing);
    mem_free(profiles);
}

/* --- tags as JSON ----------------------------------------------------------------------------------- */

static int compare_tags(const void *a, const void *b)
{
    struct str left = ((const struct job_tag *)a)->key, right = ((const struct job_tag *)b)->key;
    size_t shorter = left.len < right.len ? left.len : right.len;
    int order = shorter ? memcmp(left.data, right.data, shorter) : 0;
    return order ? order : (left.len > right.len) - (left.len < right.len);
}

enum error_code profile_tags_json(const struct job_tags *tags, struct arena *arena, struct str *json,
                                  struct error *error)
{
    struct buf text;
    *json = STR("");
    if (tags->count == 0)
        return OK;
    qsort(tags->items, tags->count, sizeof(*tags->items), compare_tags);
    buf_init(&text, TAGS_TEXT_MAX);
    for (size_t i = 0; i < tags->count; i++) {
        buf_append_char(&text, i ? ',' : '{');
        buf_append_json(&text, tags->items[i].key);
        buf_append_char(&text, ':');
        buf_append_json(&text, tags->items[i].value);
    }
    buf_append_char(&text, '}');
    enum error_code code = OK;
    if (tags->count > JOB_TAGS_MAX)
        code = error_set(error, ERROR_TAGS, "There would be %zu tags; a resource has at most %d.",
                         tags->count, JOB_TAGS_MAX);
    else if (text.failed || text.len > PROFILE_TAGS_BYTES)
        code = error_set(error, ERROR_TAGS, "The tags would have more than %d bytes together.",
                         PROFILE_TAGS_BYTES);
    else if (!arena_str(arena, buf_str(&text), json))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}

enum error_code profile_tags_parse(struct str json, struct arena *arena, struct job_tags *tags,
                                   struct error *error)
{
    yyjson_doc *doc = NULL;
    *tags = (struct job_tags){0};
    if (json.len == 0)
        return OK;
    enum error_code code = json_parse(json, &doc, error);
    if (code != OK)
        return code;
    yyjson_obj_iter iter = yyjson_obj_iter_with(yyjson_doc_get_root(doc));
    tags->items = ARENA_ARRAY(arena, struct job_tag, yyjson_obj_size(yyjson_doc_get_root(doc)) + 1);
    bool is_copied = tags->items != NULL;
    for (yyjson_val *key; is_copied && (key = yyjson_obj_iter_next(&iter));) {
        struct job_tag *tag = &tags->items[tags->count++];
        is_copied = arena_str(arena, json_str(key), &tag->key) &&
                    arena_str(arena, json_str(yyjson_obj_iter_get_val(key)), &tag->value);
    }
    json_free(doc);
    return is_copied ? OK : error_no_memory(error);
}

/* --- changes: `writing` is held --------------------------------------------------------------------- */

static bool is_same_request(const struct profile *a, const struct profile *b)
{
    return str_eq(a->name, b->name) && str_eq(a->description, b->description) && str_eq(a->source, b->source);
}

/* One that the same request has made before, or room for another. */
static enum error_code check_create(struct profiles *profiles, struct profile *profile, bool *is_known,
                                    struct error *error)
{
    size_t own = 0;
    *is_known = false;
    for (size_t i = 0; i < profiles->count; i++) {
        const struct profile *other = &profiles->held[i]->profile;
        if (!str_eq(other->tenant, profile->tenant))
            continue;
        own++;
        if (profile->token.len == 0 || !str_eq(other->token, profile->token))
            continue;
        if (!is_same_request(other, profile))
            return error_set(error, ERROR_CONFLICT,
                             "clientRequestToken: it was used before, for a request with other parameters");
        memcpy(profile->id, other->id, sizeof(profile->id));
        *is_known = true;
        return OK;
    }
    if (own >= limit(inference_profiles) || profiles->count >= limit(inference_profiles_all))
        return error_set(error, ERROR_QUOTA, "There are %zu application inference profiles already, %zu of them yours.",
                         profiles->count, own);
    return OK;
}

static enum error_code insert(struct profiles *profiles, struct profile *profile, struct error *error)
{
    struct sql_statement *query = profiles->queries[QUERY_INSERT];
    const struct str strings[] = {str_of(profile->id), profile->tenant,      profile->account,
                                  profile->region,     profile->name,        profile->description,
                                  profile->source,     profile->token,       profile->tags};
    int n = 1;
    bool has_row = false;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n++, (int64_t)profile->created_us);
    sql_bind_int(query, n++, (int64_t)profile->updated_us);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    profile->sequence = has_row ? sql_int(query, 0) : 0;
    return has_row ? sql_run(query, error) : OK;
}

static enum error_code create(struct profiles *profiles, struct profile *profile, struct error *error)
{
    void *items = profiles->held;
    pthread_rwlock_wrlock(&profiles->lock);
    bool has_room = mem_grow(&items, profiles->count, &profiles->cap, sizeof(*profiles->held));
    profiles->held = items;
    pthread_rwlock_unlock(&profiles->lock);
    struct held *held = has_room ? hold(profile) : NULL;
    if (!held)
        return error_no_memory(error);
    enum error_code code = insert(profiles, profile, error);
    if (code != OK) {
        free_held(held);
        return code;
    }
    held->profile.sequence = profile->sequence;
    pthread_rwlock_wrlock(&profiles->lock);
    profiles->held[profiles->count++] = held;
    pthread_rwlock_unlock(&profiles->lock);
    return OK;
}

enum error_code profiles_create(struct profiles *profiles, struct profile *profile, struct error *error)
{
    bool is_known;
    random_id(profile->id, PROFILE_ID_LEN);
    profile->created_us = profile->updated_us = clock_wall_us();
    pthread_mutex_lock(&profiles->writing);
    enum error_code code = check_create(profiles, profile, &is_known, error);
    if (code == OK && !is_known)
        code = create(profiles, profile, error);
    pthread_mutex_unlock(&profiles->writing);
    return code;
}

static enum error_code drop(struct profiles *profiles, size_t at, struct error *error)
{
    struct held *held = profiles->held[at];
    sql_bind_text(profiles->queries[QUERY_DELETE], 1, str_of(held->profile.id));
    enum error_code code = sql_run(profiles->queries[QUERY_DELETE], error);
    if (code != OK)
        return code;
    pthread_rwlock_wrlock(&profiles->lock);
    profiles->count--;
    memmove(profiles->held + at, profiles->held + at + 1, (profiles->count - at) * sizeof(*profiles->held));
    pthread_rwlock_unlock(&profiles->lock);
    free_held(held);
    return OK;
}

enum error_code profiles_delete(struct profiles *profiles, struct str tenant, struct str id, struct error *error)
{
    pthread_mutex_lock(&profiles->writing);
    ptrdiff_t at = find(profiles, tenant, id);
    enum error_code code = at < 0 ? not_found(id, error) : drop(profiles, (size_t)at, error);
    pthread_mutex_unlock(&profiles->writing);
    return code;
}

static bool has_key(const struct str *keys, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(keys[i], key))
            return true;
    return false;
}

enum error_code profile_tags_merge(struct str json, const struct job_tags *more, const struct str *keys,
                                   size_t key_count, struct arena *arena, struct str *merged, struct error *error)
{
    struct job_tags old, all = {0};
    enum error_code code = profile_tags_parse(json, arena, &old, error);
    if (code != OK)
        return code;
    all.items = ARENA_ARRAY(arena, struct job_tag, old.count + more->count + 1);
    if (!all.items)
        return error_no_memory(error);
    for (size_t i = 0; i < more->count; i++)
        all.items[all.count++] = more->items[i];
    for (size_t i = 0; i < old.count; i++) {
        bool is_replaced = false;
        for (size_t k = 0; k < more->count && !is_replaced; k++)
            is_replaced = str_eq(more->items[k].key, old.items[i].key);
        if (!is_replaced && !has_key(keys, key_count, old.items[i].key))
            all.items[all.count++] = old.items[i];
    }
    return profile_tags_json(&all, arena, merged, error);
}

static enum error_code replace_tags(struct profiles *profiles, size_t at, struct profile *profile,
                                    struct error *error)
{
    struct sql_statement *query = profiles->queries[QUERY_TAGS];
    struct held *held = hold(profile), *old = profiles->held[at];
    if (!held)
        return error_no_memory(error);
    sql_bind_text(query, 1, str_of(profile->id));
    sql_bind_text(query, 2, profile->tags);
    sql_bind_int(query, 3, (int64_t)profile->updated_us);
    enum error_code code = sql_run(query, error);
    if (code == OK) {
        pthread_rwlock_wrlock(&profiles->lock);
        profiles->held[at] = held;
        pthread_rwlock_unlock(&profiles->lock);
    }
    free_held(code == OK ? old : held);
    return code;
}

static enum error_code retag(struct profiles *profiles, size_t at, const struct job_tags *tags,
                             const struct str *keys, size_t key_count, struct error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct profile profile = profiles->held[at]->profile;
    profile.updated_us = clock_wall_us();
    enum error_code code = profile_tags_merge(profile.tags, tags, keys, key_count, &arena, &profile.tags, error);
    if (code == OK)
        code = replace_tags(profiles, at, &profile, error);
    arena_deinit(&arena);
    return code;
}

enum error_code profiles_tag(struct profiles *profiles, struct str tenant, struct str id,
                             const struct job_tags *tags, const struct str *keys, size_t key_count,
                             struct error *error)
{
    pthread_mutex_lock(&profiles->writing);
    ptrdiff_t at = find(profiles, tenant, id);
    enum error_code code = at < 0 ? not_found(id, error)
                                  : retag(profiles, (size_t)at, tags, keys, key_count, error);
    pthread_mutex_unlock(&profiles->writing);
    return code;
}
