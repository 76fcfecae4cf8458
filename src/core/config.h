/* config.h - fulcrum.yaml: what the server is, which models and tenants it has,
 * and the parts that rooms own.
 *
 * A room that has settings names them in a section of its own
 * (config_section.h), keeps them in a struct of its own, and has a function that
 * gives it out of a config. Here stands only what all rooms share.
 *
 * Loaded once before threads start, read-only after. Errors carry file, line
 * and key ("fulcrum.yaml:12: models[0].context: expected an integer"). */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/tier.h"

enum config_cache_mode { CACHE_MODE_IMPLICIT, CACHE_MODE_EXPLICIT, CACHE_MODE_OFF };

/* Families of chat templates that `chat_template:` may name, in the order of enum template_family. */
#define CONFIG_TEMPLATE_FAMILIES 4
extern const char *const config_template_families[CONFIG_TEMPLATE_FAMILIES];

struct config_price { /* picodollars per million tokens */
    uint64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};

/* `response_cache:` of a model, a router or a tenant: answers that are given again (recall/recall.h). */
struct config_recall {
    uint64_t ttl_ms; /* 0: none is */
    bool tools, sampled; /* also to requests with tools; with a temperature above 0 */
};

struct config_model {
    const char *name;
    const char *path;     /* NULL: embedded model of that name */
    const char *adapter;  /* GGUF file of a LoRA adapter that the model runs with; NULL: none */
    const char *worker;   /* program that speaks the worker protocol instead of our own; for benches and fault tests */
    const char **ids;     /* model IDs that map to it, besides its name */
    size_t id_count;
    uint32_t context;     /* tokens per sequence; 0: the model's own */
    uint32_t parallel;    /* sequences at once */
    uint32_t threads;     /* at most; 0: chosen by size and cores */
    const char *chat_template; /* one of config_template_families; NULL: the file's own */
    const char *price_as;
    const char *teacher;  /* ID of the model that it was distilled from, the baseline of its savings; NULL: none */
    bool has_price;
    struct config_price price;
    uint64_t price_share; /* part of price or price_as, times 10^12; 0: all of it */
    enum config_cache_mode cache;
    uint32_t cache_min_tokens; /* 0: cache.min_tokens */
    const struct config_recall *recall; /* NULL: what holds for the tenant */
    bool is_matryoshka;        /* the beginning of an embedding of it is one, too */
};

struct config_section;

/* Settings of one section, as its room's struct. */
struct config_part {
    const struct config_section *section; /* NULL: behind the last one */
    const void *value;                    /* NULL: the key is not there */
};
#define CONFIG_PARTS_MAX 15 /* sections of a configuration, or of a tenant */

/* The section's struct among these; one that is all zero where it is not. For the function by which a room gives its
 * settings out. */
const void *config_part(const struct config_part *parts, const struct config_section *section);

/* What a credential lets see: its own tenant, or all of them. */
enum config_role { ROLE_VIEWER, ROLE_ADMIN };

struct config_key {
    const char *id, *secret;
    enum config_role role;
};

struct config_bearer {
    const char *sha256; /* of the token, hex, lower case */
    enum config_role role;
};

struct config_tenant {
    const char *name;
    struct config_key *keys;
    size_t key_count;
    struct config_bearer *bearer;
    size_t bearer_count;
    const char *account; /* 12 digits */
    struct config_part parts[CONFIG_PARTS_MAX + 1];
};

struct config {
    struct arena arena;     /* owns every string here */
    const char *file;       /* NULL without a file */
    const char *listen;     /* ADDR:PORT */
    const char *data;       /* directory */
    enum log_level log_level;
    enum log_format log_format;
    bool deterministic;
    bool insecure;
    bool strict;            /* unknown members of requests are refused, not ignored */
    uint32_t io_threads;    /* 0: one per core, at most 4 */
    struct config_model *models; /* without `models:` the embedded pair */
    size_t model_count;
    struct config_tenant *tenants;
    size_t tenant_count;
    struct config_part parts[CONFIG_PARTS_MAX + 1];
};

/* Defaults (the embedded pair), then the file when `path` is not NULL. `sections`
 * are all that it may have, in the order in which messages name their keys;
 * ends with NULL. `limits:` go straight into limits_in_force. */
enum error_code config_load(const char *path, const struct config_section *const *sections, struct config *config,
                            struct error *error) WARN_UNUSED;
void config_deinit(struct config *config);

/* The same from memory; `file` stands in messages, and relative paths start
 * from its directory. *config needs no config_deinit after an error. */
enum error_code config_parse(struct str text, const char *file, const struct config_section *const *sections,
                             struct config *config, struct error *error) WARN_UNUSED;

/* Appends a file of at most LIMIT_CONFIG_BYTES; the buffer's max must be some KiB more. */
enum error_code config_read_file(const char *path, struct buf *buf, struct error *error) WARN_UNUSED;

/* The place of the model that is named so or has that ID, or the count of models. */
size_t config_find_model(const struct config *config, struct str name);

/* `given`, or fulcrum.yaml where the working directory has one, or NULL. */
const char *config_find(const char *given);

/* The embedded pair's names; models with these names need no path. */
#define CONFIG_EMBEDDED_LARGE "desk-large"
#define CONFIG_EMBEDDED_SMALL "desk-small"
/* Embedded beside them, served where a configuration names them: the pair for prompts of 2,000 tokens, a student. */
#define CONFIG_EMBEDDED_LARGE_LONG "desk-large-long"
#define CONFIG_EMBEDDED_SMALL_LONG "desk-small-long"
#define CONFIG_EMBEDDED_STUDENT "desk-student"
bool config_is_embedded_name(struct str name);
bool config_is_pair_name(struct str name); /* of the two that are served without a configuration */

#endif
