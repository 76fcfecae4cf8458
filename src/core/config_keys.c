/* config_keys.c - keys of what all rooms share: the server itself, its models, tenants, limits. */
#include "core/config_section.h"

#include <string.h>

#include "core/config_check.h"
#include "core/config_values.h"

#define THREADS_MAX 256u

/* --- what strings may be --- */

bool config_is_model_name(struct str text)
{
    return config_is_made_of(text, "._-:/", 256);
}

bool config_is_model_id(struct str text)
{
    return config_is_made_of(text, "._-:/", 2048);
}

/* An ID, or a pattern of IDs. */
bool config_is_model_pattern(struct str text)
{
    return config_is_made_of(text, "._-:/*", 2048);
}

static bool is_plain_name(struct str text)
{
    return config_is_made_of(text, "._-", 64);
}

const char *const config_template_families[CONFIG_TEMPLATE_FAMILIES] = {"chatml", "llama3", "mistral", "gemma"};

static bool is_template_family(struct str text)
{
    for (size_t i = 0; i < CONFIG_TEMPLATE_FAMILIES; i++)
        if (str_eq(text, str_of(config_template_families[i])))
            return true;
    return false;
}

static bool is_key_id(struct str text)
{
    return config_is_made_of(text, "._-", 128);
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

/* --- the table of keys --- */

static const struct field price_fields[] = {
    {"input", FIELD_PICO, .is_required = true, FIELD_AT(config_price, input), .high = CONFIG_PRICE_MAX},
    {"output", FIELD_PICO, .is_required = true, FIELD_AT(config_price, output), .high = CONFIG_PRICE_MAX},
    {"cache_read", FIELD_PICO, FIELD_AT(config_price, cache_read), .high = CONFIG_PRICE_MAX},
    {"cache_write_5m", FIELD_PICO, FIELD_AT(config_price, cache_write_5m), .high = CONFIG_PRICE_MAX},
    {"cache_write_1h", FIELD_PICO, FIELD_AT(config_price, cache_write_1h), .high = CONFIG_PRICE_MAX},
};
static const struct field_table price_table = FIELD_TABLE(price_fields, struct config_price);

enum error_code config_read_price(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct config_model *model = parent;
    model->has_price = true;
    return yaml_read_object(reader, node, &price_table, &model->price);
}

/* --- headers --- */

#define HEADER_NAME_MAX 256
#define HEADER_VALUE_MAX 8192

static bool is_header_value(struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
            return false;
    return value.data && value.len <= HEADER_VALUE_MAX;
}

enum error_code config_read_headers(struct yaml_reader *reader, const yaml_node_t *node, const char **lines, size_t max,
                                    size_t *count)
{
    if (node->type != YAML_MAPPING_NODE)
        return yaml_fail_at(reader, reader->path, "expected a mapping of names of headers to their values");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const struct str name = yaml_text_of(yaml_document_get_node(&reader->document, pair->key));
        const struct str value = yaml_text_of(yaml_document_get_node(&reader->document, pair->value));
        if (*count == max)
            return yaml_fail_at(reader, reader->path, "expected at most %zu headers", max);
        if (!name.data || !config_is_made_of(name, "-_", HEADER_NAME_MAX))
            return yaml_fail_at(reader, reader->path, "expected names of headers: letters, digits, - and _");
        if (!is_header_value(value))
            return yaml_fail_at(reader, reader->path, "expected a value of one line for the header '" STR_FMT "'",
                                STR_ARG(name));
        const struct str line = arena_printf(reader->arena, STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(value));
        if (!line.data)
            return error_no_memory(reader->error);
        lines[(*count)++] = line.data;
    }
    return OK;
}

/* --- answers that are given again --- */

#define RECALL_TTL_MAX_MS (UINT64_C(30) * 24 * 60 * 60 * 1000)

static const struct field recall_fields[] = {
    {"ttl", FIELD_MS, .is_required = true, FIELD_AT(config_recall, ttl_ms), .high = RECALL_TTL_MAX_MS},
    {"tools", FIELD_BOOL, FIELD_AT(config_recall, tools)},
    {"sampled", FIELD_BOOL, FIELD_AT(config_recall, sampled)},
};
const struct field_table config_recall_table = FIELD_TABLE(recall_fields, struct config_recall);

/* --- models --- */

static const char *const cache_modes[] = {
    [CACHE_MODE_IMPLICIT] = "implicit", [CACHE_MODE_EXPLICIT] = "explicit", [CACHE_MODE_OFF] = "off", NULL};

static const struct field model_fields[] = {
    {"name", FIELD_STRING, .is_required = true, FIELD_AT(config_model, name), .check = config_is_model_name,
     .expected = CONFIG_MODEL_NAME_EXPECTED},
    {"path", FIELD_FILE, FIELD_AT(config_model, path)},
    {"adapter", FIELD_FILE, FIELD_AT(config_model, adapter)},
    {"worker", FIELD_FILE, FIELD_AT(config_model, worker)},
    {"ids", FIELD_STRINGS, FIELD_LIST_AT(config_model, ids, id_count), .check = config_is_model_pattern,
     .expected = CONFIG_MODEL_PATTERN_EXPECTED},
    {"context", FIELD_UINT32, FIELD_AT(config_model, context), .high = CONFIG_TOKENS_MAX},
    {"parallel", FIELD_UINT32, FIELD_AT(config_model, parallel), .low = 1, .high = LIMIT_PARALLEL},
    {"threads", FIELD_UINT32, FIELD_AT(config_model, threads), .high = THREADS_MAX},
    {"chat_template", FIELD_STRING, FIELD_AT(config_model, chat_template), .check = is_template_family,
     .expected = "the name of a template family: chatml, llama3, mistral or gemma"},
    {"price_as", FIELD_STRING, FIELD_AT(config_model, price_as), .check = config_is_model_id,
     .expected = "the model ID whose price counts"},
    {"teacher", FIELD_STRING, FIELD_AT(config_model, teacher), .check = config_is_model_id,
     .expected = "the ID of the model that it was distilled from"},
    {"price", FIELD_CUSTOM, .custom = config_read_price},
    {"price_share", FIELD_PICO, FIELD_AT(config_model, price_share), .low = 1, .high = CONFIG_PICO},
    {"cache", FIELD_CHOICE, FIELD_AT(config_model, cache), .choices = cache_modes},
    {"cache_min_tokens", FIELD_UINT32, FIELD_AT(config_model, cache_min_tokens), .low = 1, .high = CONFIG_TOKENS_MAX},
    {"response_cache", FIELD_PART, FIELD_AT(config_model, recall), .table = &config_recall_table},
    {"matryoshka", FIELD_BOOL, FIELD_AT(config_model, is_matryoshka)},
};
static const struct field_table model_table = FIELD_TABLE(model_fields, struct config_model);

static const char *const roles[] = {[ROLE_VIEWER] = "viewer", [ROLE_ADMIN] = "admin", NULL};

static const struct field key_fields[] = {
    {"id", FIELD_STRING, .is_required = true, FIELD_AT(config_key, id), .check = is_key_id,
     .expected = "an access key ID of letters, digits and ._-"},
    {"secret", FIELD_STRING, .is_required = true, .is_secret = true, FIELD_AT(config_key, secret)},
    {"role", FIELD_CHOICE, FIELD_AT(config_key, role), .choices = roles},
};
static const struct field_table key_table = FIELD_TABLE(key_fields, struct config_key);

static const struct field bearer_fields[] = {
    {"sha256", FIELD_STRING, .is_required = true, .is_secret = true, FIELD_AT(config_bearer, sha256),
     .check = is_sha256_hex, .expected = "the SHA-256 of a token, 64 lower-case hex digits"},
    {"role", FIELD_CHOICE, FIELD_AT(config_bearer, role), .choices = roles},
};
static const struct field_table bearer_table = FIELD_TABLE(bearer_fields, struct config_bearer);

static const struct field tenant_fields[] = {
    {"name", FIELD_STRING, .is_required = true, FIELD_AT(config_tenant, name), .check = is_plain_name,
     .expected = "a name of up to 64 letters, digits and ._-"},
    {"keys", FIELD_OBJECTS, FIELD_LIST_AT(config_tenant, keys, key_count), .high = LIMIT_TENANT_KEYS,
     .table = &key_table},
    {"bearer", FIELD_OBJECTS, FIELD_LIST_AT(config_tenant, bearer, bearer_count), .high = LIMIT_TENANT_BEARERS,
     .table = &bearer_table, .short_form = "sha256"},
    {"account", FIELD_STRING, FIELD_AT(config_tenant, account), .check = is_account,
     .expected = "an account of 12 digits"},
};
const struct field_table config_tenant_table = FIELD_TABLE(tenant_fields, struct config_tenant);

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
            (struct field){rows[i].name, kind, .offset = rows[i].offset, .low = 1, .high = CONFIG_VALUE_MAX};
    }
    struct field_table table = {fields, count, sizeof(struct limits)};
    return yaml_read_object(reader, node, &table, &limits_in_force);
}

static const char *const log_levels[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", [LOG_OFF] = "off", NULL};
static const char *const log_formats[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL};

static const struct field server_fields[] = {
    {"listen", FIELD_STRING, FIELD_AT(config, listen), .check = is_listen,
     .expected = "ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080"},
    {"data", FIELD_PATH, FIELD_AT(config, data)},
    {"log", FIELD_CHOICE, FIELD_AT(config, log_format), .choices = log_formats},
    {"log_level", FIELD_CHOICE, FIELD_AT(config, log_level), .choices = log_levels},
    {"io_threads", FIELD_UINT32, FIELD_AT(config, io_threads), .high = LIMIT_IO_THREADS},
    {"deterministic", FIELD_BOOL, FIELD_AT(config, deterministic)},
    {"strict", FIELD_BOOL, FIELD_AT(config, strict)},
    {"models", FIELD_OBJECTS, FIELD_LIST_AT(config, models, model_count), .high = LIMIT_WORKERS, .table = &model_table},
};
static const struct field_table server_table = FIELD_TABLE(server_fields, struct config);
const struct config_section config_server_section = {
    .place = CONFIG_OF_CORE, .table = &server_table, .check = config_check_models};

static const struct field tenants_fields[] = {
    {"tenants", FIELD_OBJECTS, FIELD_LIST_AT(config, tenants, tenant_count), .high = LIMIT_TENANTS,
     .table = &config_tenant_table},
};
static const struct field_table tenants_table = FIELD_TABLE(tenants_fields, struct config);
const struct config_section config_tenants_section = {
    .place = CONFIG_OF_CORE, .table = &tenants_table, .check = config_check_tenants};

static const struct field limits_fields[] = {{"limits", FIELD_CUSTOM, .custom = read_limits}};
static const struct field_table limits_table = FIELD_TABLE(limits_fields, struct config);
const struct config_section config_limits_section = {.place = CONFIG_OF_CORE, .table = &limits_table};
