#include "core/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/config_tiers.h"
#include "core/config_yaml.h"

#define LIMIT_VALUE_MAX (UINT64_C(1) << 40) /* no limit is worth more; keeps sums far from overflow */
#define CONTEXT_MAX (1u << 24)
#define THREADS_MAX 256u

#define EMBEDDED_CONTEXT 4096
#define EMBEDDED_PARALLEL 16
#define FILE_PARALLEL 4 /* as llama.cpp's server: each sequence may need KV cells for its whole context */

#define DEFAULT_LISTEN "127.0.0.1:8080"
#define DEFAULT_CACHE_MEMORY (UINT64_C(2) << 30)
#define DEFAULT_CACHE_MIN_TOKENS 1024
#define DEFAULT_ACCOUNT "000000000000"

/* --- what strings may be --- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_made_of(struct str text, const char *punctuation, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alnum(text.data[i]) && !strchr(punctuation, text.data[i]))
            return false;
    }
    return text.len > 0 && text.len <= max;
}

static bool is_model_name(struct str text)
{
    return is_made_of(text, "._-:/", 256);
}

static bool is_model_id(struct str text)
{
    return is_made_of(text, "._-:/", 2048);
}

static bool is_plain_name(struct str text)
{
    return is_made_of(text, "._-", 64);
}

static bool is_key_id(struct str text)
{
    return is_made_of(text, "._-", 128);
}

static bool is_account(struct str text)
{
    uint64_t number;
    return text.len == 12 && str_to_u64(text, &number);
}

static bool is_sha256_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("0123456789abcdef", text.data[i]))
            return false;
    }
    return text.len == 64;
}

static bool is_policy(struct str text)
{
    return str_eq(text, STR("lru")) || str_eq(text, STR("ttl")) || str_eq(text, STR("value"));
}

static bool is_listen(struct str text)
{
    char copy[128], host[64];
    uint16_t port;
    struct error ignored;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    return config_parse_listen(copy, host, sizeof(host), &port, &ignored) == OK;
}

static bool is_endpoint(struct str text)
{
    bool is_tls = str_starts(text, STR("https://"));
    struct str host = str_slice(text, is_tls ? 8 : 7, text.len);
    if (str_ends(host, STR("/")))
        host.len--;
    return (is_tls || str_starts(text, STR("http://"))) && host.len > 0 && str_find_char(host, '/', 0) < 0 &&
           str_find_char(host, '@', 0) < 0;
}

/* --- the table of keys --- */

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST_AT(type, member, counter) AT(type, member), .count_offset = offsetof(struct type, counter)

static const struct field price_fields[] = {
    {"input", FIELD_PICO, .is_required = true, AT(config_price, input), .high = CONFIG_PRICE_MAX},
    {"output", FIELD_PICO, .is_required = true, AT(config_price, output), .high = CONFIG_PRICE_MAX},
    {"cache_read", FIELD_PICO, AT(config_price, cache_read), .high = CONFIG_PRICE_MAX},
    {"cache_write_5m", FIELD_PICO, AT(config_price, cache_write_5m), .high = CONFIG_PRICE_MAX},
    {"cache_write_1h", FIELD_PICO, AT(config_price, cache_write_1h), .high = CONFIG_PRICE_MAX},
};
static const struct field_table price_table = FIELD_TABLE(price_fields, struct config_price);

static enum error_code read_price(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct config_model *model = parent;
    model->has_price = true;
    return yaml_read_object(reader, node, &price_table, &model->price);
}

static const char *const cache_modes[] = {
    [CACHE_MODE_IMPLICIT] = "implicit", [CACHE_MODE_EXPLICIT] = "explicit", [CACHE_MODE_OFF] = "off", NULL};

static const struct field model_fields[] = {
    {"name", FIELD_STRING, .is_required = true, AT(config_model, name), .check = is_model_name,
     .expected = "a name of letters, digits and ._-:/"},
    {"path", FIELD_FILE, AT(config_model, path)},
    {"worker", FIELD_FILE, AT(config_model, worker)},
    {"ids", FIELD_STRINGS, LIST_AT(config_model, ids, id_count), .check = is_model_id,
     .expected = "a model ID of letters, digits and ._-:/"},
    {"context", FIELD_UINT32, AT(config_model, context), .high = CONTEXT_MAX},
    {"parallel", FIELD_UINT32, AT(config_model, parallel), .low = 1, .high = LIMIT_PARALLEL},
    {"threads", FIELD_UINT32, AT(config_model, threads), .high = THREADS_MAX},
    {"chat_template", FIELD_STRING, AT(config_model, chat_template), .check = is_plain_name,
     .expected = "the name of a template family"},
    {"price_as", FIELD_STRING, AT(config_model, price_as), .check = is_model_id,
     .expected = "the model ID whose price counts"},
    {"price", FIELD_CUSTOM, .custom = read_price},
    {"cache", FIELD_CHOICE, AT(config_model, cache), .choices = cache_modes},
    {"cache_min_tokens", FIELD_UINT32, AT(config_model, cache_min_tokens), .low = 1, .high = CONTEXT_MAX},
};
static const struct field_table model_table = FIELD_TABLE(model_fields, struct config_model);

static const struct field cache_fields[] = {
    {"memory", FIELD_SIZE, AT(config, cache_memory_bytes), .high = LIMIT_VALUE_MAX},
    {"disk", FIELD_SIZE, AT(config, cache_disk_bytes), .high = LIMIT_VALUE_MAX},
    {"min_tokens", FIELD_UINT32, AT(config, cache_min_tokens), .low = 1, .high = CONTEXT_MAX},
    {"policy", FIELD_STRING, AT(config, cache_policy), .check = is_policy, .expected = "lru, ttl or value"},
};
static const struct field_table cache_table = FIELD_TABLE(cache_fields, struct config);

static const struct field tls_fields[] = {
    {"cert", FIELD_FILE, .is_required = true, AT(config, tls_cert)},
    {"key", FIELD_FILE, .is_required = true, AT(config, tls_key)},
};
static const struct field_table tls_table = FIELD_TABLE(tls_fields, struct config);

static const struct field s3_fields[] = {
    {"endpoint", FIELD_STRING, .is_required = true, AT(config, s3_endpoint), .check = is_endpoint,
     .expected = "http://HOST[:PORT] or https://HOST[:PORT]"},
    {"region", FIELD_STRING, AT(config, s3_region)},
    {"key", FIELD_STRING, .is_required = true, AT(config, s3_key)},
    {"secret", FIELD_STRING, .is_required = true, .is_secret = true, AT(config, s3_secret)},
};
static const struct field_table s3_table = FIELD_TABLE(s3_fields, struct config);

static const struct field key_fields[] = {
    {"id", FIELD_STRING, .is_required = true, AT(config_key, id), .check = is_key_id,
     .expected = "an access key ID of letters, digits and ._-"},
    {"secret", FIELD_STRING, .is_required = true, .is_secret = true, AT(config_key, secret)},
};
static const struct field_table key_table = FIELD_TABLE(key_fields, struct config_key);

static const struct field tenant_cache_fields[] = {
    {"floor", FIELD_SIZE, AT(config_tenant, cache_floor_bytes), .high = LIMIT_VALUE_MAX},
    {"ceiling", FIELD_SIZE, AT(config_tenant, cache_ceiling_bytes), .high = LIMIT_VALUE_MAX},
};
static const struct field_table tenant_cache_table = FIELD_TABLE(tenant_cache_fields, struct config_tenant);

static enum error_code read_reservation(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    return yaml_read_object(reader, node, &config_reservation_table, &((struct config_tenant *)parent)->reservation);
}

static const struct field tenant_fields[] = {
    {"name", FIELD_STRING, .is_required = true, AT(config_tenant, name), .check = is_plain_name,
     .expected = "a name of up to 64 letters, digits and ._-"},
    {"keys", FIELD_OBJECTS, LIST_AT(config_tenant, keys, key_count), .high = LIMIT_TENANT_KEYS, .table = &key_table},
    {"bearer", FIELD_STRINGS, .is_secret = true, LIST_AT(config_tenant, bearer, bearer_count), .check = is_sha256_hex,
     .expected = "the SHA-256 of a token, 64 lower-case hex digits"},
    {"account", FIELD_STRING, AT(config_tenant, account), .check = is_account, .expected = "an account of 12 digits"},
    {"reservation", FIELD_CUSTOM, .custom = read_reservation},
    {"cache", FIELD_OBJECT, .table = &tenant_cache_table},
};
static const struct field_table tenant_table = FIELD_TABLE(tenant_fields, struct config_tenant);

static enum error_code read_limits(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    (void)parent; /* limits are the process's, not the configuration's */
    enum { COUNT = sizeof(struct limits) / sizeof(uint64_t) };
    struct field fields[COUNT];
    size_t count;
    const struct limit_row *rows = limits_rows(&count);
    for (size_t i = 0; i < count; i++) {
        enum field_kind kind = FIELD_COUNT;
        if (!strcmp(rows[i].unit, "bytes"))
            kind = FIELD_SIZE;
        else if (!strcmp(rows[i].unit, "ms"))
            kind = FIELD_MS;
        fields[i] =
            (struct field){rows[i].name, kind, .offset = rows[i].offset, .low = 1, .high = LIMIT_VALUE_MAX};
    }
    struct field_table table = {fields, count, sizeof(struct limits)};
    return yaml_read_object(reader, node, &table, &limits_in_force);
}

static const char *const log_levels[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", [LOG_OFF] = "off", NULL};
static const char *const log_formats[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL};

static const struct field root_fields[] = {
    {"listen", FIELD_STRING, AT(config, listen), .check = is_listen,
     .expected = "ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080"},
    {"data", FIELD_PATH, AT(config, data)},
    {"log", FIELD_CHOICE, AT(config, log_format), .choices = log_formats},
    {"log_level", FIELD_CHOICE, AT(config, log_level), .choices = log_levels},
    {"io_threads", FIELD_UINT32, AT(config, io_threads), .high = LIMIT_IO_THREADS},
    {"deterministic", FIELD_BOOL, AT(config, deterministic)},
    {"models", FIELD_OBJECTS, LIST_AT(config, models, model_count), .high = LIMIT_MODELS, .table = &model_table},
    {"cache", FIELD_OBJECT, .table = &cache_table},
    {"tls", FIELD_OBJECT, .table = &tls_table},
    {"tenants", FIELD_OBJECTS, LIST_AT(config, tenants, tenant_count), .high = LIMIT_TENANTS, .table = &tenant_table},
    {"limits", FIELD_CUSTOM, .custom = read_limits},
    {"prices", FIELD_FILES, LIST_AT(config, prices, price_count)},
    {"tiers", FIELD_OBJECT, .table = &config_tiers_table},
    {"s3", FIELD_OBJECT, .table = &s3_table},
};
static const struct field_table root_table = FIELD_TABLE(root_fields, struct config);

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

/* --- checks across keys --- */

/* The name of the model, other than `self`, that `id` already stands for. */
static const struct config_model *find_claim(const struct config *config, size_t upto, const char *id)
{
    for (size_t i = 0; i < upto; i++) {
        const struct config_model *model = &config->models[i];
        if (!strcmp(model->name, id))
            return model;
        for (size_t j = 0; j < model->id_count; j++) {
            if (!strcmp(model->ids[j], id))
                return model;
        }
    }
    return NULL;
}

static enum error_code check_model_names(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct config_model *model = &config->models[i];
    char path[64];
    const struct config_model *claim = find_claim(config, i, model->name);
    if (claim) {
        snprintf(path, sizeof(path), "models[%zu].name", i);
        return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->name, claim->name);
    }
    for (size_t j = 0; j < model->id_count; j++) {
        snprintf(path, sizeof(path), "models[%zu].ids[%zu]", i, j);
        claim = find_claim(config, i, model->ids[j]);
        if (claim)
            return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->ids[j], claim->name);
        for (size_t k = 0; k < j; k++) {
            if (!strcmp(model->ids[k], model->ids[j]))
                return yaml_fail_at(reader, path, "'%s' stands here twice", model->ids[j]);
        }
    }
    return OK;
}

static enum error_code check_models(struct yaml_reader *reader, const struct config *config)
{
    if (config->models && config->model_count == 0)
        return yaml_fail_at(reader, "models", "expected at least one model; without the key the embedded pair serves");
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        enum error_code code = check_model_names(reader, config, i);
        if (code)
            return code;
        char path[64];
        snprintf(path, sizeof(path), "models[%zu]", i);
        if (!model->path && !model->worker && !config_is_embedded_name(str_of(model->name)))
            return yaml_fail_at(reader, path, "the key 'path' is missing (only %s and %s are embedded)",
                                CONFIG_EMBEDDED_LARGE, CONFIG_EMBEDDED_SMALL);
        if (model->has_price && model->price_as)
            return yaml_fail_at(reader, path, "expected price or price_as, got both");
        if (model->worker && access(model->worker, X_OK)) {
            snprintf(path, sizeof(path), "models[%zu].worker", i);
            return yaml_fail_at(reader, path, "expected a program, but %s may not be executed", model->worker);
        }
    }
    return OK;
}

/* Two tenants with one credential could not be told apart. */
static enum error_code check_tenant_credentials(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct config_tenant *tenant = &config->tenants[i];
    char path[64];
    for (size_t other = 0; other <= i; other++) {
        const struct config_tenant *before = &config->tenants[other];
        for (size_t j = 0; j < tenant->key_count; j++) {
            for (size_t k = 0; k < (other == i ? j : before->key_count); k++) {
                if (strcmp(before->keys[k].id, tenant->keys[j].id))
                    continue;
                snprintf(path, sizeof(path), "tenants[%zu].keys[%zu].id", i, j);
                return yaml_fail_at(reader, path, "'%s' already belongs to tenant '%s'", tenant->keys[j].id,
                                    before->name);
            }
        }
        for (size_t j = 0; j < tenant->bearer_count; j++) {
            for (size_t k = 0; k < (other == i ? j : before->bearer_count); k++) {
                if (strcmp(before->bearer[k], tenant->bearer[j]))
                    continue;
                snprintf(path, sizeof(path), "tenants[%zu].bearer[%zu]", i, j);
                return yaml_fail_at(reader, path, "this token already belongs to tenant '%s'", before->name);
            }
        }
    }
    return OK;
}

/* What is promised to tenants must be there: all floors together fit into a model's memory. */
static enum error_code check_tenant_caches(struct yaml_reader *reader, const struct config *config)
{
    uint64_t left = config->cache_memory_bytes;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const uint64_t floor = config->tenants[i].cache_floor_bytes, ceiling = config->tenants[i].cache_ceiling_bytes;
        char path[64];
        snprintf(path, sizeof(path), "tenants[%zu].cache.floor", i);
        if (ceiling && floor > ceiling)
            return yaml_fail_at(reader, path, "expected at most the ceiling, %llu bytes, got %llu",
                                (unsigned long long)ceiling, (unsigned long long)floor);
        if (floor > left)
            return yaml_fail_at(reader, path,
                                "expected floors that fit into cache.memory together; %llu bytes are left for this "
                                "one, got %llu",
                                (unsigned long long)left, (unsigned long long)floor);
        left -= floor;
    }
    return OK;
}

static enum error_code check_tenants(struct yaml_reader *reader, struct config *config)
{
    if (config->tenants && config->tenant_count == 0)
        return yaml_fail_at(reader, "tenants", "expected at least one tenant; without the key nobody is asked");
    for (size_t i = 0; i < config->tenant_count; i++) {
        struct config_tenant *tenant = &config->tenants[i];
        char path[64];
        snprintf(path, sizeof(path), "tenants[%zu].name", i);
        for (size_t j = 0; j < i; j++) {
            if (!strcmp(config->tenants[j].name, tenant->name))
                return yaml_fail_at(reader, path, "'%s' is the name of an earlier tenant", tenant->name);
        }
        snprintf(path, sizeof(path), "tenants[%zu]", i);
        if (tenant->key_count + tenant->bearer_count == 0)
            return yaml_fail_at(reader, path, "expected keys or bearer: nobody could be this tenant");
        enum error_code code = check_tenant_credentials(reader, config, i);
        if (code)
            return code;
        if (!tenant->account)
            tenant->account = DEFAULT_ACCOUNT;
    }
    return check_tenant_caches(reader, config);
}

enum error_code config_check_exposure(const struct config *config, struct error *error)
{
    char host[64];
    uint16_t port;
    enum error_code code = config_parse_listen(config->listen, host, sizeof(host), &port, error);
    if (code || config->insecure || config_host_is_loopback(host))
        return code;
    if (config->tenant_count && config->tls_cert)
        return OK;
    return error_set(error, ERROR_INVALID,
                     "listen: %s can be reached from other machines, which needs %s%s%s in fulcrum.yaml; "
                     "listen on 127.0.0.1 instead, or give --insecure if something else guards this address",
                     config->listen, config->tenant_count ? "" : "'tenants'",
                     config->tenant_count || config->tls_cert ? "" : " and ", config->tls_cert ? "" : "'tls'");
}

/* --- loading --- */

static enum error_code read_document(struct str text, struct config *config, struct error *error)
{
    struct yaml_reader reader;
    enum error_code code = yaml_reader_open(&reader, text, config->file, &config->arena, error);
    if (code)
        return code;
    code = yaml_read_root(&reader, &root_table, config);
    if (!code)
        code = check_models(&reader, config);
    if (!code)
        code = check_tenants(&reader, config);
    if (!code)
        code = config_tiers_check(&reader, config);
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

/* --- small grammars --- */

struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool parse_units(struct str text, const struct unit *units, size_t count, uint64_t *value)
{
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    uint64_t number;
    if (!str_to_u64(str_slice(text, 0, digits), &number))
        return false;
    struct str suffix = str_slice(text, digits, text.len);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(suffix, str_of(units[i].suffix)))
            return !__builtin_mul_overflow(number, units[i].factor, value);
    }
    return false;
}

bool config_parse_size(struct str text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
    return parse_units(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

bool config_parse_duration(struct str text, uint64_t *ms)
{
    static const struct unit units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}};
    return parse_units(text, units, sizeof(units) / sizeof(units[0]), ms);
}

/* The digits before and behind the point as one integer; *decimals of them stood behind. */
static size_t parse_digits(struct str text, uint64_t *digits, int64_t *decimals)
{
    bool has_point = false, has_digit = false;
    size_t i = 0;
    *digits = 0;
    *decimals = 0;
    for (; i < text.len; i++) {
        char c = text.data[i];
        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        if (__builtin_mul_overflow(*digits, 10, digits) || __builtin_add_overflow(*digits, c - '0', digits))
            return 0;
        has_digit = true;
        *decimals += has_point;
    }
    return has_digit ? i : 0;
}

bool config_parse_pico(struct str text, uint64_t *value)
{
    uint64_t number;
    int64_t decimals, exponent = 0;
    size_t end = parse_digits(text, &number, &decimals);
    if (!end)
        return false;
    if (end < text.len) {
        bool is_exponent = text.data[end] == 'e' || text.data[end] == 'E';
        if (!is_exponent || !str_to_i64(str_slice(text, end + 1, text.len), &exponent))
            return false;
    }
    if (exponent > 100 || exponent < -100)
        return false;
    int64_t shift = 12 + exponent - decimals;
    for (; shift > 0 && number; shift--)
        if (__builtin_mul_overflow(number, 10, &number))
            return false;
    for (; shift < 0 && number; shift++) {
        if (number % 10)
            return false;
        number /= 10;
    }
    *value = number;
    return true;
}

static enum error_code bad_listen(const char *listen, struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "listen: expected ADDR:PORT with a numeric address, such as 127.0.0.1:8080 or [::1]:8080, "
                     "got '%.60s'",
                     listen);
}

/* Names are not looked up: which address a server listens on must not depend
 * on a resolver. "localhost" is the one name everybody writes. */
enum error_code config_parse_listen(const char *listen, char *host, size_t host_cap, uint16_t *port,
                                    struct error *error)
{
    struct str text = str_of(listen);
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    uint64_t number;
    if (colon == 0 || !str_to_u64(str_slice(text, colon, text.len), &number) || number > UINT16_MAX)
        return bad_listen(listen, error);
    struct str address = str_slice(text, 0, colon - 1);
    bool is_bracketed = address.len > 2 && address.data[0] == '[' && address.data[address.len - 1] == ']';
    if (is_bracketed)
        address = str_slice(address, 1, address.len - 1);
    else if (str_eq(address, STR("localhost")))
        address = STR("127.0.0.1");
    if (address.len >= host_cap)
        return bad_listen(listen, error);
    memcpy(host, address.data, address.len);
    host[address.len] = 0;
    struct in6_addr binary;
    if (inet_pton(is_bracketed ? AF_INET6 : AF_INET, host, &binary) != 1)
        return bad_listen(listen, error);
    *port = (uint16_t)number;
    return OK;
}

bool config_host_is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    struct in6_addr v6;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}
