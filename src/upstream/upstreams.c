/* upstreams.c - see upstreams.h. */
#include "upstream/upstreams.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/limits.h"

#define SECRET_BYTES_MAX 16384

/* --- secrets ---------------------------------------------------------------------------------------- */

/* A line of its own: it becomes a header, or a key of a signature. */
static enum error_code keep_secret(struct upstream *upstream, struct str text, const char *where, struct error *error)
{
    const struct str secret = str_trim(text);
    for (size_t i = 0; i < secret.len; i++)
        if (secret.data[i] <= ' ' || secret.data[i] > '~')
            return error_set(error, ERROR_INVALID, "upstream '%s': %s holds more than one key of printable characters",
                             upstream->config->name, where);
    if (secret.len == 0)
        return error_set(error, ERROR_INVALID, "upstream '%s': %s is empty, the key is expected there",
                         upstream->config->name, where);
    upstream->secret = mem_strdup(secret);
    return upstream->secret ? OK : error_no_memory(error);
}

static enum error_code read_secret(struct upstream *upstream, struct error *error)
{
    const struct upstream_config *config = upstream->config;
    if (config->key_env) {
        const char *value = getenv(config->key_env);
        if (!value)
            return error_set(error, ERROR_INVALID, "upstream '%s': key_env: the environment has no %s", config->name,
                             config->key_env);
        return keep_secret(upstream, str_of(value), config->key_env, error);
    }
    if (!config->key_file)
        return OK;
    struct buf text;
    buf_init(&text, SECRET_BYTES_MAX);
    enum error_code code = file_read(config->key_file, &text, error);
    if (code == OK) {
        code = keep_secret(upstream, buf_str(&text), config->key_file, error);
    } else {
        (void)error_prefix(error, "upstream '%s': key_file", config->name);
        code = error->code = ERROR_INVALID;
    }
    if (text.data)
        OPENSSL_cleanse(text.data, text.len);
    buf_deinit(&text);
    return code;
}

/* --- addresses -------------------------------------------------------------------------------------- */

static struct str usual_url(const struct upstream_config *config, struct arena *arena)
{
    if (upstream_provider_url(config->provider))
        return str_of(upstream_provider_url(config->provider));
    switch (config->kind) {
    case UPSTREAM_OPENAI: return STR("https://api.openai.com/v1");
    case UPSTREAM_ANTHROPIC: return STR("https://api.anthropic.com");
    default: return arena_printf(arena, "https://bedrock-runtime.%s.amazonaws.com", config->region);
    }
}

static enum error_code split_url(struct replica *replica, struct str url, struct arena *arena, struct error *error)
{
    while (str_ends(url, STR("/")))
        url.len--;
    const char *base = url.data ? arena_strdup(arena, url) : NULL;
    if (!base)
        return error_no_memory(error);
    const struct str whole = str_of(base);
    const size_t host_at = (size_t)str_find(whole, STR("://"), 0) + 3;
    const ptrdiff_t slash = str_find_char(whole, '/', host_at);
    const size_t host_end = slash < 0 ? whole.len : (size_t)slash;
    replica->base = base;
    replica->host = arena_strdup(arena, str_slice(whole, host_at, host_end));
    replica->path = base + host_end;
    replica->id = str_hash(whole);
    return replica->host ? OK : error_no_memory(error);
}

static enum error_code add_replica(struct upstream *upstream, struct str url, struct arena *arena, struct error *error)
{
    struct replica *replica = &upstream->replicas[upstream->replica_count++];
    replica->upstream = upstream;
    health_init(&replica->health, upstream->config);
    return split_url(replica, url, arena, error);
}

static enum error_code add_replicas(struct upstream *upstream, struct arena *arena, struct error *error)
{
    const struct upstream_config *config = upstream->config;
    const size_t count = config->replica_count > 0 ? config->replica_count : 1;
    enum error_code code = OK;
    upstream->replicas = ARENA_ARRAY(arena, struct replica, count);
    if (!upstream->replicas)
        return error_no_memory(error);
    if (config->replica_count == 0)
        return add_replica(upstream, config->url ? str_of(config->url) : usual_url(config, arena), arena, error);
    for (size_t i = 0; i < count && code == OK; i++)
        code = add_replica(upstream, str_of(config->replicas[i]), arena, error);
    if (code != OK || count == 1)
        return code;
    upstream->affinity = affinity_new(config->bound > 0 ? config->bound : AFFINITY_BOUND,
                                      (size_t)limit(affinity_blocks));
    return upstream->affinity ? OK : error_no_memory(error);
}

/* --- all of them ------------------------------------------------------------------------------------ */

enum error_code upstreams_open(const struct config *config, struct upstreams *upstreams, struct error *error)
{
    const struct upstreams_config *settings = upstreams_config(config);
    enum error_code code = OK;
    *upstreams = (struct upstreams){0};
    if (settings->count == 0)
        return OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_no_memory(error);
    arena_init(&upstreams->arena, 0);
    upstreams->items = ARENA_ARRAY(&upstreams->arena, struct upstream, settings->count);
    if (!upstreams->items)
        code = error_no_memory(error);
    for (size_t i = 0; i < settings->count && code == OK; i++) {
        struct upstream *upstream = &upstreams->items[upstreams->count++];
        upstream->config = &settings->items[i];
        code = add_replicas(upstream, &upstreams->arena, error);
        if (code == OK)
            code = read_secret(upstream, error);
        if (code == OK && upstream_places_marks(upstream->config)) {
            upstream->marks = marks_new((size_t)limit(marks_prefixes));
            code = upstream->marks ? OK : error_no_memory(error);
        }
    }
    if (code != OK)
        upstreams_close(upstreams);
    return code;
}

void upstreams_close(struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->count; i++) {
        struct upstream *upstream = &upstreams->items[i];
        for (size_t k = 0; k < upstream->replica_count; k++)
            health_deinit(&upstream->replicas[k].health);
        affinity_free(upstream->affinity);
        marks_free(upstream->marks);
        if (upstream->secret)
            OPENSSL_cleanse(upstream->secret, strlen(upstream->secret));
        mem_free(upstream->secret);
    }
    arena_deinit(&upstreams->arena);
    *upstreams = (struct upstreams){0};
}

struct upstream *upstreams_at(struct upstreams *upstreams, const struct upstream_config *config)
{
    return &upstreams->items[config - upstreams->items[0].config];
}

bool upstream_is_there(struct upstream *upstream, uint64_t *running)
{
    bool is_there = false;
    *running = 0;
    for (size_t i = 0; i < upstream->replica_count; i++) {
        struct health_counters counters;
        health_counters(&upstream->replicas[i].health, &counters);
        is_there = is_there || counters.state != HEALTH_OPEN;
        *running += counters.running;
    }
    return is_there;
}

const char *replica_name(const struct replica *replica)
{
    return strstr(replica->base, "://") + 3;
}

/* --- which replica ---------------------------------------------------------------------------------- */

#define REPORT_US 10000000u /* what is older says nothing about now */

static struct affinity_replica look_at(struct replica *replica, uint64_t now_us, uint64_t *free_us)
{
    const struct replica_report *report = &replica->report;
    uint64_t running;
    *free_us = health_free_us(&replica->health, now_us, &running);
    struct affinity_replica seen = {.id = replica->id, .is_out = *free_us > now_us, .load = (double)running,
                                    .waiting = -1, .kv_use = -1};
    const uint64_t heard_us = atomic_load(&report->heard_us);
    if (heard_us == 0 || now_us > heard_us + REPORT_US)
        return seen;
    seen.waiting = (double)atomic_load(&report->waiting);
    seen.kv_use = (double)atomic_load(&report->kv_permille) / 1000;
    const double theirs = (double)atomic_load(&report->running) + seen.waiting; /* of other gateways too */
    if (theirs > seen.load)
        seen.load = theirs;
    return seen;
}

struct replica *upstream_pick(struct upstream *upstream, uint64_t now_us, const struct affinity_prefix *prefix,
                              uint64_t tried)
{
    struct affinity_replica seen[AFFINITY_REPLICAS_MAX] = {0};
    enum affinity_why why;
    uint64_t soonest_us = UINT64_MAX, free_us;
    size_t best = SIZE_MAX;
    if (!upstream->affinity)
        return tried & 1 ? NULL : upstream->replicas;
    for (size_t i = 0; i < upstream->replica_count; i++) {
        seen[i] = look_at(&upstream->replicas[i], now_us, &free_us);
        seen[i].is_out = seen[i].is_out || (tried >> i & 1);
        if (!(tried >> i & 1) && free_us < soonest_us) {
            soonest_us = free_us;
            best = i;
        }
    }
    const size_t chosen = affinity_choose(upstream->affinity, now_us, prefix, seen, upstream->replica_count, &why);
    if (chosen != SIZE_MAX)
        best = chosen;
    return best == SIZE_MAX ? NULL : &upstream->replicas[best];
}

bool upstream_has_other(struct upstream *upstream, uint64_t now_us, uint64_t tried)
{
    uint64_t running;
    for (size_t i = 0; i < upstream->replica_count; i++)
        if (!(tried >> i & 1) && health_free_us(&upstream->replicas[i].health, now_us, &running) <= now_us)
            return true;
    return false;
}
