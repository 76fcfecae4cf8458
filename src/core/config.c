/* config.c - defaults and loading. */
#include "core/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/config_section.h"

#define EMBEDDED_CONTEXT 4096
#define EMBEDDED_PARALLEL 16
#define FILE_PARALLEL 4 /* as llama.cpp's server: each sequence may need KV cells for its whole context */

#define DEFAULT_LISTEN "127.0.0.1:8080"
#define DEFAULT_ACCOUNT "000000000000"

/* --- defaults --- */

bool config_is_embedded_name(struct str name)
{
    static const char *const names[] = {CONFIG_EMBEDDED_LARGE, CONFIG_EMBEDDED_SMALL, CONFIG_EMBEDDED_LARGE_LONG,
                                        CONFIG_EMBEDDED_SMALL_LONG, CONFIG_EMBEDDED_STUDENT};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

bool config_is_pair_name(struct str name)
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

/* What all share first, then the server's, then what tenants were promised of it. */
static enum error_code check_sections(struct yaml_reader *reader, const struct config_section *const *sections,
                                      const struct config *config)
{
    static const enum config_place places[] = {CONFIG_OF_CORE, CONFIG_OF_SERVER, CONFIG_OF_TENANT};
    enum error_code code = OK;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        for (const struct config_section *const *at = sections; *at && !code; at++)
            if ((*at)->place == places[i] && (*at)->check)
                code = (*at)->check(reader, config);
    return code;
}

static enum error_code read_document(struct str text, const struct config_section *const *sections,
                                     struct config *config, struct error *error)
{
    struct yaml_reader reader;
    enum error_code code = yaml_reader_open(&reader, text, config->file, &config->arena, error);
    if (code)
        return code;
    code = config_read_sections(&reader, sections, config, error);
    if (!code)
        code = check_sections(&reader, sections, config);
    yaml_reader_close(&reader);
    return code;
}

enum error_code config_parse(struct str text, const char *file, const struct config_section *const *sections,
                             struct config *config, struct error *error)
{
    enum error_code code = set_defaults(config, error);
    if (!code && file) {
        config->file = arena_strdup(&config->arena, str_of(file));
        code = config->file ? read_document(text, sections, config, error) : error_no_memory(error);
    } else if (!code) {
        code = config_read_sections(NULL, sections, config, error);
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

enum error_code config_load(const char *path, const struct config_section *const *sections, struct config *config,
                            struct error *error)
{
    if (!path)
        return config_parse(STR(""), NULL, sections, config, error);
    struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES + 4096);
    enum error_code code = config_read_file(path, &text, error);
    if (!code)
        code = config_parse(buf_str(&text), path, sections, config, error);
    buf_deinit(&text);
    return code;
}

void config_deinit(struct config *config)
{
    arena_deinit(&config->arena);
    *config = (struct config){0};
}

size_t config_find_model(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        bool is_it = str_eq(name, str_of(model->name));
        for (size_t k = 0; k < model->id_count; k++)
            is_it = is_it || str_eq(name, str_of(model->ids[k]));
        if (is_it)
            return i;
    }
    return config->model_count;
}

const char *config_find(const char *given)
{
    if (given)
        return given;
    return access("fulcrum.yaml", F_OK) == 0 ? "fulcrum.yaml" : NULL;
}
