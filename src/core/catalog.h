/* catalog.h - the catalogue of model IDs: which of our models stands for each, and in which body shape it is asked.
 *
 * It (models/aliases.yaml, part of the program) maps the IDs of the reference
 * service's families to the embedded pair; model/resolve.h looks IDs up in it.
 * Loaded once, read-only after: any thread. */
#ifndef CORE_CATALOG_H
#define CORE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

/* The native body of InvokeModel; families without one of their own take Converse's. */
enum body_shape {
    BODY_CONVERSE,
    BODY_ANTHROPIC,
    BODY_NOVA,
    BODY_LLAMA,
    BODY_TITAN,
    BODY_MISTRAL,
    BODY_COHERE,
    BODY_CHAT, /* OpenAI's chat completions */
    BODY_JURASSIC,
    BODY_SHAPES
};

/* What a model makes. Only those that make text can be served. */
enum catalog_makes {
    MAKES_TEXT,
    MAKES_EMBEDDINGS,
    MAKES_RANKS,
    MAKES_IMAGES,
    MAKES_VIDEO,
    MAKES_SPEECH,
    MAKES_OF_VIDEO /* text about videos */
};

struct catalog_entry {
    const char *id;       /* bare: no geography, no ARN */
    const char *model;    /* name of the model that answers; NULL unless it makes text */
    const char *name;     /* for people */
    const char *provider;
    enum body_shape body;
    enum catalog_makes makes;
    /* What its card says, in tokens; 0: nothing. */
    uint32_t max_output;
    uint32_t context;
    uint32_t cache_min_tokens; /* the shortest prefix that is kept */
    uint64_t cache_ttl_max_ms; /* the longest time to live that a checkpoint may have */
    const char **profiles;     /* prefixes of the geographies that have a system inference profile of it */
    size_t profile_count;
};

struct catalog_geography {
    const char *prefix; /* "us" of "us.amazon.nova-pro-v1:0" */
    const char *name;   /* "US" */
    const char **regions;
    size_t region_count;
};

struct catalog {
    struct arena arena;
    struct catalog_entry *entries; /* sorted by id */
    size_t count;
    struct catalog_geography *geographies;
    size_t geography_count;
};

/* `text` is models/aliases.yaml; its head says what may stand there. */
enum error_code catalog_load(struct str text, struct catalog *catalog, struct error *error) WARN_UNUSED;
void catalog_deinit(struct catalog *catalog);

/* The entry of a bare ID, or NULL. */
const struct catalog_entry *catalog_find(const struct catalog *catalog, struct str id);

/* The geography of a prefix, or NULL. */
const struct catalog_geography *catalog_geography(const struct catalog *catalog, struct str prefix);

/* `id` without a geography prefix ("us.amazon.nova-pro-v1:0" gives "amazon.nova-pro-v1:0"). */
struct str catalog_bare_id(struct str id);

#endif
