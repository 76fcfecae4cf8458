/* ring.c - see ring.h: two hash tables over an array of keys. */
#include "keys/ring.h"

#include <pthread.h>

#include "core/json.h"
#include "core/limits.h"
#include "keys/meter.h"
#include "model/resolve.h"

#define NO_SLOT UINT32_MAX

struct ring_key {
    struct key_row row; /* strings in the ring's arena */
    uint8_t hash[SHA256_LEN];
    struct str *models;
    size_t model_count;
    struct meter meter;
};

struct content {
    struct arena arena;
    struct ring_key *keys;
    size_t count;
    uint32_t *by_hash, *by_id; /* open addressing; NO_SLOT: free */
    size_t slots;              /* a power of two */
};

struct ring {
    pthread_mutex_t mutex;
    uint8_t master[KEY_MASTER_LEN];
    struct content *content;
};

/* --- making ----------------------------------------------------------------------------------------- */

enum error_code ring_new(const uint8_t master[KEY_MASTER_LEN], struct ring **ring, struct error *error)
{
    struct ring *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    memcpy(made->master, master, KEY_MASTER_LEN);
    (void)pthread_mutex_init(&made->mutex, NULL);
    *ring = made;
    return OK;
}

static void free_content(struct content *content)
{
    if (!content)
        return;
    arena_deinit(&content->arena);
    mem_free(content);
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    free_content(ring->content);
    (void)pthread_mutex_destroy(&ring->mutex);
    mem_free(ring);
}

static size_t hash_slot(const struct content *content, const uint8_t hash[SHA256_LEN])
{
    return str_hash((struct str){(const char *)hash, SHA256_LEN}) & (content->slots - 1);
}

static struct ring_key *find_id(const struct content *content, struct str id)
{
    if (!content || content->count == 0)
        return NULL;
    for (size_t at = str_hash(id) & (content->slots - 1); content->by_id[at] != NO_SLOT;
         at = (at + 1) & (content->slots - 1))
        if (str_eq(content->keys[content->by_id[at]].row.id, id))
            return &content->keys[content->by_id[at]];
    return NULL;
}

static struct ring_key *find_hash(const struct content *content, const uint8_t hash[SHA256_LEN])
{
    if (!content || content->count == 0)
        return NULL;
    for (size_t at = hash_slot(content, hash); content->by_hash[at] != NO_SLOT; at = (at + 1) & (content->slots - 1))
        if (memcmp(content->keys[content->by_hash[at]].hash, hash, SHA256_LEN) == 0)
            return &content->keys[content->by_hash[at]];
    return NULL;
}

static void enter(struct content *content, uint32_t index)
{
    const struct ring_key *key = &content->keys[index];
    size_t at = str_hash(key->row.id) & (content->slots - 1);
    while (content->by_id[at] != NO_SLOT)
        at = (at + 1) & (content->slots - 1);
    content->by_id[at] = index;
    at = hash_slot(content, key->hash);
    while (content->by_hash[at] != NO_SLOT)
        at = (at + 1) & (content->slots - 1);
    content->by_hash[at] = index;
}

static bool copy_models(struct arena *arena, struct str json, struct ring_key *key, struct error *error)
{
    yyjson_doc *doc = NULL;
    size_t at, count;
    yyjson_val *model;
    if (json_parse_stored(json, &doc, error) != OK)
        return false;
    yyjson_val *list = yyjson_doc_get_root(doc);
    bool is_copied = true;
    key->models = ARENA_ARRAY(arena, struct str, yyjson_arr_size(list) + 1);
    json_arr_foreach(list, at, count, model)
        is_copied = is_copied && key->models && arena_str(arena, json_str(model), &key->models[key->model_count++]);
    json_free(doc);
    if (!is_copied || !key->models)
        (void)error_no_memory(error);
    return is_copied && key->models;
}

static enum error_code copy_key(struct arena *arena, const struct key_row *row, struct ring_key *key,
                                struct error *error)
{
    key->row = *row;
    if (!hex_decode(row->hash, key->hash, SHA256_LEN))
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": the hash of key " STR_FMT " makes no sense",
                         STR_ARG(row->id));
    if (!arena_str(arena, row->id, &key->row.id) || !arena_str(arena, row->name, &key->row.name) ||
        !arena_str(arena, row->tenant, &key->row.tenant) || !arena_str(arena, row->tags, &key->row.tags))
        return error_no_memory(error);
    return copy_models(arena, row->models, key, error) ? OK : error->code;
}

static enum error_code fill_content(struct content *content, const struct key_row *rows, size_t count,
                                    struct error *error)
{
    enum error_code code = OK;
    for (content->slots = 16; content->slots < 2 * count;)
        content->slots *= 2;
    content->keys = ARENA_ARRAY(&content->arena, struct ring_key, count + 1);
    content->by_hash = ARENA_ARRAY(&content->arena, uint32_t, content->slots);
    content->by_id = ARENA_ARRAY(&content->arena, uint32_t, content->slots);
    if (!content->keys || !content->by_hash || !content->by_id)
        return error_no_memory(error);
    memset(content->by_hash, 0xff, content->slots * sizeof(uint32_t));
    memset(content->by_id, 0xff, content->slots * sizeof(uint32_t));
    for (size_t i = 0; code == OK && i < count; i++) {
        code = copy_key(&content->arena, &rows[i], &content->keys[i], error);
        if (code == OK)
            enter(content, (uint32_t)i);
        content->count += code == OK;
    }
    return code;
}

enum error_code ring_load(struct ring *ring, const struct key_row *rows, size_t count, struct error *error)
{
    struct content *content = mem_calloc(1, sizeof(*content));
    if (!content)
        return error_no_memory(error);
    arena_init(&content->arena, 0);
    const enum error_code code = fill_content(content, rows, count, error);
    if (code != OK) {
        free_content(content);
        return code;
    }
    (void)pthread_mutex_lock(&ring->mutex);
    struct content *old = ring->content;
    for (size_t i = 0; old && i < old->count; i++) {
        struct ring_key *key = old->keys[i].meter.filled_us ? find_id(content, old->keys[i].row.id) : NULL;
        if (key)
            key->meter = old->keys[i].meter;
    }
    ring->content = content;
    (void)pthread_mutex_unlock(&ring->mutex);
    free_content(old);
    return OK;
}

/* --- who it is -------------------------------------------------------------------------------------- */

static enum auth_key_state state_of(const struct ring_key *key, uint64_t now_us)
{
    if (key->row.revoked_us)
        return AUTH_KEY_REVOKED;
    return key->row.expires_us && now_us >= key->row.expires_us ? AUTH_KEY_EXPIRED : AUTH_KEY_GOOD;
}

static void copy_name(struct str from, char *to, size_t size)
{
    const size_t len = from.len < size ? from.len : size - 1;
    memcpy(to, from.data, len);
    to[len] = '\0';
}

static enum auth_key_state describe(const struct ring_key *found, uint64_t now_us, struct auth_key *key)
{
    if (!found)
        return AUTH_KEY_MISSING;
    *key = (struct auth_key){.secret = ""};
    copy_name(found->row.id, key->id, sizeof(key->id));
    copy_name(found->row.tenant, key->tenant, sizeof(key->tenant));
    return state_of(found, now_us);
}

enum auth_key_state ring_by_token(void *ctx, struct str token, uint64_t now_us, struct auth_key *key)
{
    struct ring *ring = ctx;
    uint8_t hash[SHA256_LEN];
    if (!str_starts(token, STR(KEY_TOKEN_PREFIX)))
        return AUTH_KEY_UNKNOWN;
    sha256(token, hash);
    (void)pthread_mutex_lock(&ring->mutex);
    const enum auth_key_state state = describe(find_hash(ring->content, hash), now_us, key);
    (void)pthread_mutex_unlock(&ring->mutex);
    return state;
}

enum auth_key_state ring_by_id(void *ctx, struct str id, uint64_t now_us, struct auth_key *key)
{
    struct ring *ring = ctx;
    if (!key_is_id(id))
        return AUTH_KEY_UNKNOWN;
    (void)pthread_mutex_lock(&ring->mutex);
    const enum auth_key_state state = describe(find_id(ring->content, id), now_us, key);
    (void)pthread_mutex_unlock(&ring->mutex);
    if (state != AUTH_KEY_MISSING)
        key_access_secret(ring->master, id, key->secret);
    return state;
}

/* --- what it may ask -------------------------------------------------------------------------------- */

static bool is_listed(const struct ring_key *key, const struct str *names, size_t count)
{
    for (size_t i = 0; i < key->model_count; i++)
        for (size_t k = 0; k < count; k++)
            if (names[k].len > 0 && catalog_pattern_fits(key->models[i], names[k]))
                return true;
    return key->model_count == 0;
}

enum error_code ring_may_ask(struct ring *ring, struct str id, const struct str *names, size_t count,
                             struct error *error)
{
    enum error_code code = OK;
    (void)pthread_mutex_lock(&ring->mutex);
    const struct ring_key *key = find_id(ring->content, id);
    if (!key || key->row.revoked_us)
        code = error_set(error, ERROR_DENIED, "The key " STR_FMT " was revoked.", STR_ARG(id));
    else if (!is_listed(key, names, count))
        code = error_set(error, ERROR_DENIED, "The key '" STR_FMT "' may not use the model '" STR_FMT
                                              "': it is bound to others.",
                         STR_ARG(key->row.name), STR_ARG(count > 0 ? str_slice(names[0], 0, 128) : STR("")));
    (void)pthread_mutex_unlock(&ring->mutex);
    return code;
}

/* --- how often -------------------------------------------------------------------------------------- */

static struct meter_limits limits_of(const struct ring_key *key)
{
    return (struct meter_limits){key->row.requests, key->row.tokens};
}

enum error_code ring_take(struct ring *ring, struct str id, uint64_t tokens, uint64_t now_us, struct error *error)
{
    enum error_code code = OK;
    (void)pthread_mutex_lock(&ring->mutex);
    struct ring_key *key = find_id(ring->content, id);
    if (key) {
        const struct meter_limits limits = limits_of(key);
        code = meter_take(&key->meter, &limits, "key", key->row.name, tokens, now_us, error);
    }
    (void)pthread_mutex_unlock(&ring->mutex);
    return code;
}

void ring_give(struct ring *ring, struct str id, uint64_t taken, uint64_t used, uint64_t now_us)
{
    (void)pthread_mutex_lock(&ring->mutex);
    struct ring_key *key = find_id(ring->content, id);
    if (key) {
        const struct meter_limits limits = limits_of(key);
        meter_give(&key->meter, &limits, taken, used, now_us);
    }
    (void)pthread_mutex_unlock(&ring->mutex);
}

enum error_code ring_tags(struct ring *ring, struct str id, struct arena *arena, struct str *tags, struct error *error)
{
    bool is_copied = true;
    *tags = STR("");
    (void)pthread_mutex_lock(&ring->mutex);
    const struct ring_key *key = find_id(ring->content, id);
    if (key && key->row.tags.len > 2) /* more than {} */
        is_copied = arena_str(arena, key->row.tags, tags);
    (void)pthread_mutex_unlock(&ring->mutex);
    return is_copied ? OK : error_no_memory(error);
}
