/* config.h - fulcrum.yaml: one table of keys, one struct.
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

enum config_sandbox { CONFIG_SANDBOX_BEST_EFFORT, CONFIG_SANDBOX_REQUIRED };

enum config_cache_mode { CACHE_MODE_IMPLICIT, CACHE_MODE_EXPLICIT, CACHE_MODE_OFF };

/* Families of chat templates that `chat_template:` may name, in the order of enum template_family. */
#define CONFIG_TEMPLATE_FAMILIES 4
extern const char *const config_template_families[CONFIG_TEMPLATE_FAMILIES];

struct config_price { /* picodollars per million tokens */
    uint64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};

struct config_model {
    const char *name;
    const char *path;     /* NULL: embedded model of that name */
    const char *worker;   /* program that speaks the worker protocol instead of our own; for benches and fault tests */
    const char **ids;     /* model IDs that map to it, besides its name */
    size_t id_count;
    uint32_t context;     /* tokens per sequence; 0: the model's own */
    uint32_t parallel;    /* sequences at once */
    uint32_t threads;     /* at most; 0: chosen by size and cores */
    const char *chat_template; /* one of config_template_families; NULL: the file's own */
    const char *price_as;
    bool has_price;
    struct config_price price;
    enum config_cache_mode cache;
    uint32_t cache_min_tokens; /* 0: cache.min_tokens */
};

/* Tokens a minute that a tenant has for itself, of one model. */
struct config_reservation {
    const char *model; /* NULL: no reservation */
    uint64_t input_tpm, output_tpm;
};

enum config_share { CONFIG_SHARE_STRICT, CONFIG_SHARE_OBJECTIVE };

struct config_tier {
    uint64_t queue;       /* requests of one model that may wait for their first token; 0: the limit of that name */
    uint64_t deadline_ms; /* that one may wait before its prompt is begun; 0: the limit */
};

struct config_key {
    const char *id, *secret;
};

struct config_tenant {
    const char *name;
    struct config_key *keys;
    size_t key_count;
    const char **bearer; /* SHA-256 of each token, hex, lower case */
    size_t bearer_count;
    const char *account; /* 12 digits */
    /* Of its prefixes in each model's cache: bytes in memory that others can't
     * push it below, and bytes that it can't exceed (0: none). */
    uint64_t cache_floor_bytes, cache_ceiling_bytes;
    uint64_t object_quota_bytes; /* 0: the one of all */
    struct config_reservation reservation;
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
    const char *tls_cert, *tls_key;
    struct config_model *models; /* without `models:` the embedded pair */
    size_t model_count;
    struct config_tenant *tenants;
    size_t tenant_count;
    uint64_t cache_memory_bytes, cache_disk_bytes; /* of each model */
    uint32_t cache_min_tokens;
    const char *cache_policy;    /* lru ttl value */
    enum config_share tier_share; /* whether batch shares steps with other tiers... */
    double tier_objective;        /* ...and by how many times lower tiers may lengthen those of higher ones; 0: 2 */
    struct config_tier tiers[TIERS]; /* batch has none to set */
    uint32_t reply_max_tokens; /* where neither request nor card says; 0: the context alone bounds replies */
    uint64_t reply_max_ms;     /* a reply without a maximum ends after that; 0: none */
    const char *s3_endpoint, *s3_region, *s3_key, *s3_secret; /* NULL: objects are kept in DATA/objects */
    enum config_sandbox document_sandbox; /* whether documents are read without all walls of the sandbox */
    uint64_t object_quota_bytes; /* of each tenant's objects; 0: none */
    const char **object_hosts;   /* names of this server that buckets stand before; none: localhost */
    size_t object_host_count;
    bool objects_are_encrypted;  /* by the disk below them, says who runs the server */
    const char **prices;         /* files of price books; a later one goes before, the embedded one comes last */
    size_t price_count;
};

/* Defaults (the embedded pair), then the file when `path` is not NULL. `limits:`
 * go straight into limits_in_force. */
enum error_code config_load(const char *path, struct config *config, struct error *error) WARN_UNUSED;
void config_deinit(struct config *config);

/* The same from memory; `file` stands in messages, and relative paths start
 * from its directory. *config needs no config_deinit after an error. */
enum error_code config_parse(struct str text, const char *file, struct config *config, struct error *error) WARN_UNUSED;

/* Appends a file of at most LIMIT_CONFIG_BYTES; the buffer's max must be some KiB more. */
enum error_code config_read_file(const char *path, struct buf *buf, struct error *error) WARN_UNUSED;

/* `given`, or fulcrum.yaml where the working directory has one, or NULL. */
const char *config_find(const char *given);

/* Bytes that the tenant's objects may take; 0: no quota. */
uint64_t config_object_quota(const struct config *config, struct str tenant);
bool config_has_object_quota(const struct config *config); /* has anybody one? */

/* The embedded pair's names; models with these names need no path. */
#define CONFIG_EMBEDDED_LARGE "desk-large"
#define CONFIG_EMBEDDED_SMALL "desk-small"
bool config_is_embedded_name(struct str name);

/* Refuses a listen address that others can reach, unless who asks is checked
 * (tenants) and nobody can listen in (tls), or config->insecure. Called when
 * serving, after the command line has had its say. */
enum error_code config_check_exposure(const struct config *config, struct error *error) WARN_UNUSED;

#endif
