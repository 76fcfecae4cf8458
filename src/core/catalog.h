/* catalog.h - which model a model ID means, and in which body shape.
 *
 * The catalogue (models/aliases.yaml, part of the program) maps the IDs of the
 * reference service's families to the embedded pair. What fulcrum.yaml says of
 * its models goes first. Loaded once, read-only after: any thread. */
#ifndef CORE_CATALOG_H
#define CORE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
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

struct catalog_match {
    size_t model;                      /* index into config->models */
    enum body_shape body;
    const struct catalog_entry *entry; /* NULL for an ID that only fulcrum.yaml knows */
    struct str id;                     /* the bare ID: the entry's, else a part of the one asked for */
    struct str place;                  /* the geography's prefix, a part of the ID asked for; empty: none */
};

/* `id` as asked for, percent-decoded: a name or ID of fulcrum.yaml, a
 * catalogue ID, either with a geography prefix ("us.") or inside an ARN.
 * ERROR_INVALID with the service's own message when nobody knows it, and with
 * one of ours when it is known and makes something else than text;
 * ERROR_NOT_FOUND for a well-formed ARN of something that somebody would have
 * to create first (custom models, application profiles, routers...). */
enum error_code catalog_resolve(const struct catalog *catalog, const struct config *config, struct str id,
                                struct catalog_match *match, struct error *error) WARN_UNUSED;

/* Whether an entry of `ids` is a pattern, and whether `id` fits it: `*` stands for any run of characters. */
bool catalog_is_pattern(struct str pattern);
bool catalog_pattern_fits(struct str pattern, struct str id);

/* Whether an ID of the catalogue, with or without a geography, leads to a model by this pattern of its `ids`. */
bool catalog_pattern_is_used(const struct catalog *catalog, const struct config *config, size_t model,
                             const char *pattern);

/* The shortest prefix, in tokens, that is cached for a request: what fulcrum.yaml
 * says of the model that answers, else the card of the ID asked for, else
 * cache.min_tokens. */
uint32_t catalog_cache_min_tokens(const struct config *config, const struct catalog_match *match);

/* The longest time to live, in seconds, that the card of the ID asked for allows; 0: any. */
uint32_t catalog_cache_ttl_max_seconds(const struct catalog_match *match);

/* The most tokens of a reply whose request gives no maximum: the card's of the ID asked for, else fulcrum.yaml's; 0: no
 * bound but the context. */
uint32_t catalog_default_reply_tokens(const struct config *config, const struct catalog_match *match);

/* `id` without a geography prefix ("us.amazon.nova-pro-v1:0" gives "amazon.nova-pro-v1:0"). */
struct str catalog_bare_id(struct str id);

#endif
