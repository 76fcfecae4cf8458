/* config.c - defaults and loading. */
#include "core/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/config_check.h"
#include "core/config_keys.h"

#define EMBEDDED_CONTEXT 4096
#define EMBEDDED_PARALLEL 16
#define FILE_PARALLEL 4 /* as llama.cpp's server: each sequence may need KV cells for its whole context */

#define DEFAULT_LISTEN "127.0.0.1:8080"
#define DEFAULT_CACHE_MEMORY (UINT64_C(2) << 30)
#define DEFAULT_CACHE_MIN_TOKENS 1024
#define DEFAULT_REPLY_MAX_TOKENS 4096
#define DEFAULT_REPLY_MAX_MS 50000 /* SDKs wait a minute for a reply */
#define DEFAULT_ACCOUNT "000000000000"

/* --- defaults --- */

bool config_is_embedded_name(struct str name)
{
    return str_eq(name, STR(CONFIG_EMBEDDED_LARGE)) || str_eq(name, STR(CONFIG_EMBEDDED_SMALL));
}

static const char *default_data(struct arena *arena)
{
    const char *state = getenv("XDG_STATE_HOME");
    if (state && *state)
        return arena_printf(arena, "%s/fulcrum", state).data;
    const char *home = getenv("HOME");
    if (!home || !*home) { /* cron and containers may not set it */
        const struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : "";
    }
    return arena_printf(arena, "%s/.local/state/fulcrum", home).data;
}

static enum error_code set_defaults(struct config *config, struct error *error)
{
    *config = (struct config){
        .listen = DEFAULT_LISTEN,
        .log_level = LOG_INFO,
        .cache_memory_bytes = DEFAULT_CACHE_MEMORY,
        .cache_min_tokens = DEFAULT_CACHE_MIN_TOKENS,
        .reply_max_tokens = DEFAULT_REPLY_MAX_TOKENS,
        .reply_max_ms = DEFAULT_REPLY_MAX_MS,
        .cache_policy = "value",
        .s3_region = "us-east-1",
    };
    arena_init(&config->arena, LIMIT_CONFIG_MEMORY_BYTES);
    config->data = default_data(&config->arena);
    return config->data ? OK : error_no_memory(error);
}

static enum error_code add_embedded_pair(struct config *config, struct error *error)
{
    config->models = ARENA_ARRAY(&config->arena, struct config_model, 2);
    if (!config->models)
        return error_no_memory(error);
    config->models[0].name = CONFIG_EMBEDDED_LARGE;
    config->models[1].name = CONFIG_EMBEDDED_SMALL;
    config->model_count = 2;
    return OK;
}

static void fill_models(struct config *config)
{
    for (size_t i = 0; i < config->model_count; i++) {
        struct config_model *model = &config->models[i];
        bool is_embedded = !model->path && !model->worker;
        if (!model->context && is_embedded)
            model->context = EMBEDDED_CONTEXT;
        if (!model->parallel)
            model->parallel = is_embedded ? EMBEDDED_PARALLEL : FILE_PARALLEL;
    }
}

static void fill_tenants(struct config *config)
{
    for (size_t i = 0; i < config->tenant_count; i++)
        if (!config->tenants[i].account)
            config->tenants[i].account = DEFAULT_ACCOUNT;
}

/* --- loading --- */

static enum error_code read_document(struct str text, struct config *config, struct error *error)
{
    struct yaml_reader reader;
    enum error_code code = yaml_reader_open(&reader, text, config->file, &config->arena, error);
    if (code)
        return code;
    code = yaml_read_root(&reader, &config_root_table, config);
    if (!code)
        code = config_check(&reader, config);
    yaml_reader_close(&reader);
    return code;
}

enum error_code config_parse(struct str text, const char *file, struct config *config, struct error *error)
{
    enum error_code code = set_defaults(config, error);
    if (!code && file) {
        config->file = arena_strdup(&config->arena, str_of(file));
        code = config->file ? read_document(text, config, error) : error_no_memory(error);
    }
    if (!code && !config->models)
        code = add_embedded_pair(config, error);
    if (code) {
        config_deinit(config);
        return code;
    }
    fill_models(config);
    fill_tenants(config);
    return OK;
}

enum error_code config_read_file(const char *path, struct buf *buf, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERROR_INVALID, errno, "cannot open the configuration %s", path);
    enum error_code code = OK;
    for (;;) {
        if (!buf_reserve(buf, 4096)) {
            code = error_set(error, ERROR_INVALID, "%s: expected at most %d bytes", path, LIMIT_CONFIG_BYTES);
            break;
        }
        ssize_t got = read(fd, buf->data + buf->len, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            code = error_set_errno(error, ERROR_INVALID, errno, "cannot read the configuration %s", path);
        if (got <= 0)
            break;
        buf->len += (size_t)got;
    }
    close(fd);
    return code;
}

enum error_code config_load(const char *path, struct config *config, struct error *error)
{
    if (!path)
        return config_parse(STR(""), NULL, config, error);
    struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES + 4096);
    enum error_code code = config_read_file(path, &text, error);
    if (!code)
        code = config_parse(buf_str(&text), path, config, error);
    buf_deinit(&text);
    return code;
}

void config_deinit(struct config *config)
{
    arena_deinit(&config->arena);
    *config = (struct config){0};
}

const char *config_find(const char *given)
{
    if (given)
        return given;
    return access("fulcrum.yaml", F_OK) == 0 ? "fulcrum.yaml" : NULL;
}

uint64_t config_object_quota(const struct config *config, struct str tenant)
{
    for (size_t i = 0; i < config->tenant_count; i++)
        if (config->tenants[i].object_quota_bytes && str_eq(tenant, str_of(config->tenants[i].name)))
            return config->tenants[i].object_quota_bytes;
    return config->object_quota_bytes;
}

bool config_has_object_quota(const struct config *config)
{
    bool has_one = config->object_quota_bytes > 0;
    for (size_t i = 0; i < config->tenant_count; i++)
        has_one = has_one || config->tenants[i].object_quota_bytes > 0;
    return has_one;
}
