#include "core/catalog.h"

#include <stdlib.h>

#include "core/config_yaml.h"

#define ENTRIES_MAX 4096
#define CATALOG_MEMORY_BYTES 4194304
#define MODEL_ID_MAX 2048 /* the service's own bound */
#define CACHE_MIN_TOKENS_MAX (1u << 24)
#define CACHE_TTL_MAX_MS (24u * 3600 * 1000)

/* --- loading --- */

static const char *const body_names[] = {
    [BODY_CONVERSE] = "converse", [BODY_ANTHROPIC] = "anthropic", [BODY_NOVA] = "nova", [BODY_LLAMA] = "llama", NULL};

static const struct field entry_fields[] = {
    {"id", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, id)},
    {"model", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, model)},
    {"name", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, name)},
    {"provider", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, provider)},
    {"body", FIELD_CHOICE, .is_required = true, .offset = offsetof(struct catalog_entry, body), .choices = body_names},
    {"cache_min_tokens", FIELD_UINT32, .offset = offsetof(struct catalog_entry, cache_min_tokens), .low = 1,
     .high = CACHE_MIN_TOKENS_MAX},
    {"cache_ttl_max", FIELD_MS, .offset = offsetof(struct catalog_entry, cache_ttl_max_ms), .low = 1000,
     .high = CACHE_TTL_MAX_MS},
};
static const struct field_table entry_table = FIELD_TABLE(entry_fields, struct catalog_entry);

static const struct field root_fields[] = {
    {"models", FIELD_OBJECTS, .is_required = true, .offset = offsetof(struct catalog, entries),
     .count_offset = offsetof(struct catalog, count), .high = ENTRIES_MAX, .table = &entry_table},
};
static const struct field_table root_table = FIELD_TABLE(root_fields, struct catalog);

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct catalog_entry *)a)->id, ((const struct catalog_entry *)b)->id);
}

static enum error_code check_entries(struct yaml_reader *reader, const struct catalog *catalog)
{
    for (size_t i = 1; i < catalog->count; i++) {
        if (!strcmp(catalog->entries[i - 1].id, catalog->entries[i].id))
            return yaml_fail_at(reader, "models", "the ID %s stands here twice", catalog->entries[i].id);
    }
    return OK;
}

enum error_code catalog_load(struct str text, struct catalog *catalog, struct error *error)
{
    *catalog = (struct catalog){0};
    arena_init(&catalog->arena, CATALOG_MEMORY_BYTES);
    struct yaml_reader reader;
    enum error_code code = yaml_reader_open(&reader, text, "aliases.yaml", &catalog->arena, error);
    if (!code) {
        code = yaml_read_root(&reader, &root_table, catalog);
        if (!code && catalog->count)
            qsort(catalog->entries, catalog->count, sizeof(*catalog->entries), compare_entries);
        if (!code)
            code = check_entries(&reader, catalog);
        yaml_reader_close(&reader);
    }
    if (code)
        catalog_deinit(catalog);
    return code;
}

void catalog_deinit(struct catalog *catalog)
{
    arena_deinit(&catalog->arena);
    *catalog = (struct catalog){0};
}

static int compare_id(const void *key, const void *item)
{
    const struct str *id = key;
    struct str known = str_of(((const struct catalog_entry *)item)->id);
    size_t shorter = id->len < known.len ? id->len : known.len;
    int order = shorter ? memcmp(id->data, known.data, shorter) : 0;
    return order ? order : (id->len > known.len) - (id->len < known.len);
}

const struct catalog_entry *catalog_find(const struct catalog *catalog, struct str id)
{
    if (!catalog->count)
        return NULL;
    return bsearch(&id, catalog->entries, catalog->count, sizeof(*catalog->entries), compare_id);
}

/* --- resolving --- */

struct str catalog_bare_id(struct str id)
{
    static const char *const geographies[] = {"us.", "eu.", "apac.", "jp.", "au.", "us-gov.", "global."};
    for (size_t i = 0; i < sizeof(geographies) / sizeof(geographies[0]); i++) {
        if (str_starts(id, str_of(geographies[i])))
            return str_slice(id, strlen(geographies[i]), id.len);
    }
    return id;
}

static enum error_code fail_unknown(struct error *error)
{
    return error_set(error, ERROR_INVALID, "The provided model identifier is invalid.");
}

/* arn:PARTITION:bedrock:REGION:ACCOUNT:TYPE/ID. The ID may hold more colons
 * and slashes. False when `arn` isn't of that form. */
static bool split_arn(struct str arn, struct str *type, struct str *id)
{
    struct str part[5];
    for (size_t i = 0; i < 5; i++) {
        if (!str_split(&arn, ':', &part[i]))
            return false;
    }
    if (!str_starts(part[1], STR("aws")) || !str_eq(part[2], STR("bedrock")) || !arn.data)
        return false;
    if (!str_split(&arn, '/', type) || !arn.data || arn.len == 0)
        return false;
    *id = arn;
    return true;
}

/* Model index in fulcrum.yaml, or -1. Only `ids` stand for service IDs, which
 * have geographies; a name is ours and must match as it is. */
static ptrdiff_t find_configured(const struct config *config, struct str id, bool ignore_geography)
{
    struct str bare = catalog_bare_id(id);
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        if (str_eq(id, str_of(model->name)))
            return (ptrdiff_t)i;
        for (size_t j = 0; j < model->id_count; j++) {
            struct str known = str_of(model->ids[j]);
            if (ignore_geography ? str_eq(bare, catalog_bare_id(known)) : str_eq(id, known))
                return (ptrdiff_t)i;
        }
    }
    return -1;
}

static enum body_shape body_of(const struct catalog_entry *entry, struct str bare)
{
    if (entry)
        return entry->body;
    if (str_starts(bare, STR("anthropic.")))
        return BODY_ANTHROPIC;
    if (str_starts(bare, STR("amazon.nova")))
        return BODY_NOVA;
    if (str_starts(bare, STR("meta.llama")))
        return BODY_LLAMA;
    return BODY_CONVERSE;
}

/* True when `id` (out of its ARN) is known; fills *match. */
static bool match_id(const struct catalog *catalog, const struct config *config, struct str id,
                     struct catalog_match *match)
{
    struct str bare = catalog_bare_id(id);
    const struct catalog_entry *entry = catalog_find(catalog, bare);
    ptrdiff_t model = find_configured(config, id, false);
    if (model < 0)
        model = find_configured(config, id, true);
    if (model < 0 && entry)
        model = find_configured(config, str_of(entry->model), false);
    if (model < 0)
        return false;
    *match = (struct catalog_match){.model = (size_t)model, .body = body_of(entry, bare), .entry = entry, .id = bare};
    return true;
}

uint32_t catalog_cache_min_tokens(const struct config *config, const struct catalog_match *match)
{
    const struct config_model *model = &config->models[match->model];
    if (model->cache_min_tokens)
        return model->cache_min_tokens;
    return match->entry && match->entry->cache_min_tokens ? match->entry->cache_min_tokens : config->cache_min_tokens;
}

uint32_t catalog_cache_ttl_max_seconds(const struct catalog_match *match)
{
    return match->entry ? (uint32_t)(match->entry->cache_ttl_max_ms / 1000) : 0;
}

enum error_code catalog_resolve(const struct catalog *catalog, const struct config *config, struct str id,
                                struct catalog_match *match, struct error *error)
{
    if (id.len == 0 || id.len > MODEL_ID_MAX)
        return fail_unknown(error);
    if (match_id(catalog, config, id, match)) /* an ARN may stand in `ids` as a whole */
        return OK;
    struct str type, inner;
    if (!str_starts(id, STR("arn:")) || !split_arn(id, &type, &inner))
        return fail_unknown(error);
    if (match_id(catalog, config, inner, match))
        return OK;
    if (str_eq(type, STR("foundation-model")) || str_eq(type, STR("inference-profile")))
        return fail_unknown(error);
    return error_set(error, ERROR_NOT_FOUND,
                     "Could not resolve the foundation model from the provided model identifier.");
}
