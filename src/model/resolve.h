/* resolve.h - from a model ID as somebody sent it to the model that answers.
 *
 * What fulcrum.yaml and `fulcrum models add` say of their models goes first, then the catalogue. Any thread. */
#ifndef MODEL_RESOLVE_H
#define MODEL_RESOLVE_H

#include "core/catalog.h"
#include "model/registry.h"

struct catalog_match {
    const struct model *model;
    enum body_shape body;
    const struct catalog_entry *entry; /* NULL for an ID that only a model's `ids` know */
    struct str id;                     /* the bare ID: the entry's, else a part of the one asked for */
    struct str place;                  /* the geography's prefix, a part of the ID asked for; empty: none */
};

/* `id` as asked for, percent-decoded: a name or ID of a model, a
 * catalogue ID, either with a geography prefix ("us.") or inside an ARN.
 * ERROR_INVALID with the service's own message when nobody knows it, and with
 * one of ours when it is known and makes something else than text;
 * ERROR_NOT_FOUND for a well-formed ARN of something that somebody would have
 * to create first (custom models, application profiles, routers...). */
enum error_code catalog_resolve(const struct catalog *catalog, const struct registry *registry, struct str id,
                                struct catalog_match *match, struct error *error) WARN_UNUSED;

/* Whether an entry of `ids` is a pattern, and whether `id` fits it: `*` stands for any run of characters. */
bool catalog_is_pattern(struct str pattern);
bool catalog_pattern_fits(struct str pattern, struct str id);

/* Whether an ID of the catalogue, with or without a geography, leads to a model by this pattern of its `ids`. */
bool catalog_pattern_is_used(const struct catalog *catalog, const struct registry *registry, const struct model *model,
                             const char *pattern);

/* Calls `each` with every ID that leads to the model, besides its name: its own first, patterns among them, then those
 * of the catalogue. */
void catalog_each_id(const struct catalog *catalog, const struct registry *registry, const struct model *model,
                     void (*each)(void *ctx, const char *id), void *ctx);

/* The shortest prefix, in tokens, that is cached for a request: what is said of
 * the model that answers, else the card of the ID asked for, else
 * cache.min_tokens. */
uint32_t catalog_cache_min_tokens(const struct config *config, const struct catalog_match *match);

/* The longest time to live, in seconds, that the card of the ID asked for allows; 0: any. */
uint32_t catalog_cache_ttl_max_seconds(const struct catalog_match *match);

/* The most tokens of a reply whose request gives no maximum: the card's of the ID asked for, else fulcrum.yaml's; 0: no
 * bound but the context. */
uint32_t catalog_default_reply_tokens(const struct config *config, const struct catalog_match *match);

#endif
