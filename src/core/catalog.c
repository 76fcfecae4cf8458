/* catalog.c - see catalog.h. */
#include "core/catalog.h"

#include <stdlib.h>

#include "core/config_yaml.h"

#define ENTRIES_MAX 4096
#define CATALOG_MEMORY_BYTES 4194304
#define GEOGRAPHIES_MAX 64
#define PROFILE_REGIONS_MAX 5 /* the service's bound on models of a profile */
#define TOKENS_MAX (1u << 30)
#define CACHE_MIN_TOKENS_MAX (1u << 24)
#define CACHE_TTL_MAX_MS (24u * 3600 * 1000)

/* --- loading --- */

static const char *const body_names[] = {
    [BODY_CONVERSE] = "converse", [BODY_ANTHROPIC] = "anthropic", [BODY_NOVA] = "nova",     [BODY_LLAMA] = "llama",
    [BODY_TITAN] = "titan",       [BODY_MISTRAL] = "mistral",     [BODY_COHERE] = "cohere", [BODY_CHAT] = "chat",
    [BODY_JURASSIC] = "jurassic", NULL};

static const char *const makes_names[] = {
    [MAKES_TEXT] = "text",     [MAKES_EMBEDDINGS] = "embeddings", [MAKES_RANKS] = "ranks",
    [MAKES_IMAGES] = "images", [MAKES_VIDEO] = "video",           [MAKES_SPEECH] = "speech",
    [MAKES_OF_VIDEO] = "of-video", NULL};

static const struct field entry_fields[] = {
    {"id", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, id)},
    {"model", FIELD_STRING, .offset = offsetof(struct catalog_entry, model)},
    {"name", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, name)},
    {"provider", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_entry, provider)},
    {"body", FIELD_CHOICE, .offset = offsetof(struct catalog_entry, body), .choices = body_names},
    {"makes", FIELD_CHOICE, .offset = offsetof(struct catalog_entry, makes), .choices = makes_names},
    {"max_output", FIELD_UINT32, .offset = offsetof(struct catalog_entry, max_output), .low = 1, .high = TOKENS_MAX},
    {"context", FIELD_UINT32, .offset = offsetof(struct catalog_entry, context), .low = 1, .high = TOKENS_MAX},
    {"cache_min_tokens", FIELD_UINT32, .offset = offsetof(struct catalog_entry, cache_min_tokens), .low = 1,
     .high = CACHE_MIN_TOKENS_MAX},
    {"cache_ttl_max", FIELD_MS, .offset = offsetof(struct catalog_entry, cache_ttl_max_ms), .low = 1000,
     .high = CACHE_TTL_MAX_MS},
    {"profiles", FIELD_STRINGS, .offset = offsetof(struct catalog_entry, profiles),
     .count_offset = offsetof(struct catalog_entry, profile_count)},
};
static const struct field_table entry_table = FIELD_TABLE(entry_fields, struct catalog_entry);

static const struct field geography_fields[] = {
    {"prefix", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_geography, prefix)},
    {"name", FIELD_STRING, .is_required = true, .offset = offsetof(struct catalog_geography, name)},
    {"regions", FIELD_STRINGS, .is_required = true, .offset = offsetof(struct catalog_geography, regions),
     .count_offset = offsetof(struct catalog_geography, region_count)},
};
static const struct field_table geography_table = FIELD_TABLE(geography_fields, struct catalog_geography);

static const struct field root_fields[] = {
    {"geographies", FIELD_OBJECTS, .offset = offsetof(struct catalog, geographies),
     .count_offset = offsetof(struct catalog, geography_count), .high = GEOGRAPHIES_MAX, .table = &geography_table},
    {"models", FIELD_OBJECTS, .is_required = true, .offset = offsetof(struct catalog, entries),
     .count_offset = offsetof(struct catalog, count), .high = ENTRIES_MAX, .table = &entry_table},
};
static const struct field_table root_table = FIELD_TABLE(root_fields, struct catalog);

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct catalog_entry *)a)->id, ((const struct catalog_entry *)b)->id);
}

static enum error_code check_entry(struct yaml_reader *reader, const struct catalog *catalog,
                                   const struct catalog_entry *entry)
{
    if ((entry->makes == MAKES_TEXT) != (entry->model != NULL))
        return yaml_fail_at(reader, "models", "%s: a model that makes text, and no other, has the key 'model'",
                            entry->id);
    for (size_t i = 0; i < entry->profile_count; i++) {
        if (!catalog_geography(catalog, str_of(entry->profiles[i])))
            return yaml_fail_at(reader, "models", "%s: profiles: '%s' is none of the geographies", entry->id,
                                entry->profiles[i]);
    }
    return OK;
}

static enum error_code check_entries(struct yaml_reader *reader, const struct catalog *catalog)
{
    for (size_t i = 1; i < catalog->count; i++) {
        if (!strcmp(catalog->entries[i - 1].id, catalog->entries[i].id))
            return yaml_fail_at(reader, "models", "the ID %s stands here twice", catalog->entries[i].id);
    }
    for (size_t i = 0; i < catalog->geography_count; i++) {
        size_t regions = catalog->geographies[i].region_count;
        if (regions == 0 || regions > PROFILE_REGIONS_MAX)
            return yaml_fail_at(reader, "geographies", "%s: expected 1 to %d regions",
                                catalog->geographies[i].prefix, PROFILE_REGIONS_MAX);
    }
    for (size_t i = 0; i < catalog->count; i++) {
        enum error_code code = check_entry(reader, catalog, &catalog->entries[i]);
        if (code)
            return code;
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

const struct catalog_geography *catalog_geography(const struct catalog *catalog, struct str prefix)
{
    for (size_t i = 0; i < catalog->geography_count; i++) {
        if (str_eq(prefix, str_of(catalog->geographies[i].prefix)))
            return &catalog->geographies[i];
    }
    return NULL;
}

struct str catalog_bare_id(struct str id)
{
    static const char *const geographies[] = {"us.",  "us-gov.", "eu.", "apac.", "jp.", "au.",    "in.",
                                              "amer.", "ca.",    "sa.", "me.",   "af.", "global."};
    for (size_t i = 0; i < sizeof(geographies) / sizeof(geographies[0]); i++) {
        if (str_starts(id, str_of(geographies[i])))
            return str_slice(id, strlen(geographies[i]), id.len);
    }
    return id;
}
