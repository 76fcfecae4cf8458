/* upstreams.c - see upstreams.h. */
#include "upstream/upstreams.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/file.h"

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
    switch (config->kind) {
    case UPSTREAM_OPENAI: return STR("https://api.openai.com/v1");
    case UPSTREAM_ANTHROPIC: return STR("https://api.anthropic.com");
    default: return arena_printf(arena, "https://bedrock-runtime.%s.amazonaws.com", config->region);
    }
}

static enum error_code split_url(struct upstream *upstream, struct arena *arena, struct error *error)
{
    struct str url = upstream->config->url ? str_of(upstream->config->url) : usual_url(upstream->config, arena);
    while (str_ends(url, STR("/")))
        url.len--;
    const char *base = url.data ? arena_strdup(arena, url) : NULL;
    if (!base)
        return error_no_memory(error);
    const struct str whole = str_of(base);
    const size_t host_at = (size_t)str_find(whole, STR("://"), 0) + 3;
    const ptrdiff_t slash = str_find_char(whole, '/', host_at);
    const size_t host_end = slash < 0 ? whole.len : (size_t)slash;
    upstream->base = base;
    upstream->host = arena_strdup(arena, str_slice(whole, host_at, host_end));
    upstream->path = base + host_end;
    return upstream->host ? OK : error_no_memory(error);
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
        health_init(&upstream->health, upstream->config);
        code = split_url(upstream, &upstreams->arena, error);
        if (code == OK)
            code = read_secret(upstream, error);
    }
    if (code != OK)
        upstreams_close(upstreams);
    return code;
}

void upstreams_close(struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->count; i++) {
        struct upstream *upstream = &upstreams->items[i];
        health_deinit(&upstream->health);
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

/* --- metrics ---------------------------------------------------------------------------------------- */

static void append_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_row(struct buf *out, const char *name, const struct upstream *upstream, uint64_t value)
{
    buf_appendf(out, "%s{upstream=\"%s\"} %" PRIu64 "\n", name, upstream->config->name, value);
}

static void append_failures(struct upstreams *upstreams, struct buf *out)
{
    static const char name[] = "fulcrum_upstream_failures_total";
    append_head(out, name, "counter", "Attempts that an upstream did not answer, by what was wrong.");
    for (size_t i = 0; i < upstreams->count; i++) {
        struct health_counters counters;
        health_counters(&upstreams->items[i].health, &counters);
        for (size_t cause = 0; cause < RETRY_CAUSES; cause++)
            buf_appendf(out, "%s{upstream=\"%s\",cause=\"%s\"} %" PRIu64 "\n", name, upstreams->items[i].config->name,
                        retry_cause_names[cause], counters.failures[cause]);
    }
}

void upstreams_append_metrics(struct upstreams *upstreams, struct buf *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_upstream_requests_total", "counter", "Requests for models of the upstream.",
         offsetof(struct health_counters, requests)},
        {"fulcrum_upstream_attempts_total", "counter", "Times that it was asked.",
         offsetof(struct health_counters, attempts)},
        {"fulcrum_upstream_retries_total", "counter", "Of them, again for the same request.",
         offsetof(struct health_counters, retries)},
        {"fulcrum_upstream_answers_total", "counter", "Whole replies.", offsetof(struct health_counters, answered)},
        {"fulcrum_upstream_cancelled_total", "counter", "Replies that were broken off because their client left.",
         offsetof(struct health_counters, cancelled)},
        {"fulcrum_upstream_turned_away_total", "counter",
         "Requests that it was not asked for: it rests, or has had what its limits allow.",
         offsetof(struct health_counters, turned_away)},
        {"fulcrum_upstream_opened_total", "counter", "Times that its circuit was opened.",
         offsetof(struct health_counters, opened)},
        {"fulcrum_upstream_usage_estimated_total", "counter", "Replies whose tokens it did not tell.",
         offsetof(struct health_counters, usage_estimated)},
        {"fulcrum_upstream_usage_odd_total", "counter", "Replies whose tokens do not add up to their total.",
         offsetof(struct health_counters, usage_odd)},
        {"fulcrum_upstream_running", "gauge", "Requests that it has now.", offsetof(struct health_counters, running)},
    };
    static const char state[] = "fulcrum_upstream_circuit", first[] = "fulcrum_upstream_first_byte_seconds_total";
    struct health_counters counters;
    if (upstreams->count == 0)
        return;
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        append_head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t i = 0; i < upstreams->count; i++) {
            uint64_t value;
            health_counters(&upstreams->items[i].health, &counters);
            memcpy(&value, (const char *)&counters + rows[row].offset, sizeof(value));
            append_row(out, rows[row].name, &upstreams->items[i], value);
        }
    }
    append_failures(upstreams, out);
    append_head(out, first, "counter", "Time that its answers took until their first block.");
    for (size_t i = 0; i < upstreams->count; i++) {
        health_counters(&upstreams->items[i].health, &counters);
        buf_appendf(out, "%s{upstream=\"%s\"} %.6f\n", first, upstreams->items[i].config->name,
                    (double)counters.first_byte_us / 1e6);
    }
    append_head(out, state, "gauge", "Its circuit: 0 closed, 1 open, 2 half open.");
    for (size_t i = 0; i < upstreams->count; i++) {
        health_counters(&upstreams->items[i].health, &counters);
        append_row(out, state, &upstreams->items[i], counters.state);
    }
}
