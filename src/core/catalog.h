/* catalog.h - which model a model ID means, and in which body shape.
 *
 * The catalogue (models/aliases.yaml, part of the program) maps the IDs of the
 * reference service's families to the embedded pair. What fulcrum.yaml says of
 * its models goes first. Loaded once, read-only after: any thread. */
#ifndef CORE_CATALOG_H
#define CORE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

/* The native body of InvokeModel; families without one of their own take Converse's. */
enum body_shape { BODY_CONVERSE, BODY_ANTHROPIC, BODY_NOVA, BODY_LLAMA };

struct catalog_entry {
    const char *id;       /* bare: no geography, no ARN */
    const char *model;    /* name of the model that answers */
    const char *name;     /* for people */
    const char *provider;
    enum body_shape body;
};

struct catalog {
    struct arena arena;
    struct catalog_entry *entries; /* sorted by id */
    size_t count;
};

/* `text` is `models: - {id, model, name, provider, body: converse|anthropic|nova|llama}`. */
enum error_code catalog_load(struct str text, struct catalog *catalog, struct error *error) WARN_UNUSED;
void catalog_deinit(struct catalog *catalog);

/* The entry of a bare ID, or NULL. */
const struct catalog_entry *catalog_find(const struct catalog *catalog, struct str id);

struct catalog_match {
    size_t model;                      /* index into config->models */
    enum body_shape body;
    const struct catalog_entry *entry; /* NULL for an ID that only fulcrum.yaml knows */
    struct str id;                     /* the bare ID, a part of the one asked for */
};

/* `id` as asked for, percent-decoded: a name or ID of fulcrum.yaml, a
 * catalogue ID, either with a geography prefix ("us.") or inside an ARN.
 * ERROR_INVALID with the service's own message when nobody knows it;
 * ERROR_NOT_FOUND for a well-formed ARN of something that somebody would have
 * to create first (custom models, provisioned models, routers...). */
enum error_code catalog_resolve(const struct catalog *catalog, const struct config *config, struct str id,
                                struct catalog_match *match, struct error *error) WARN_UNUSED;

/* `id` without a geography prefix ("us.amazon.nova-pro-v1:0" gives "amazon.nova-pro-v1:0"). */
struct str catalog_bare_id(struct str id);

#endif
