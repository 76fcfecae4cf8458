#include "core/config_keys.h"

#include <string.h>

#include "core/config_tiers.h"
#include "core/config_values.h"

#define LIMIT_VALUE_MAX (UINT64_C(1) << 40) /* no limit is worth more; keeps sums far from overflow */
#define QUOTA_MAX (UINT64_C(1) << 50)
#define CONTEXT_MAX (1u << 24)
#define THREADS_MAX 256u

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

/* An ID, or a pattern of IDs. */
static bool is_model_pattern(struct str text)
{
    return is_made_of(text, "._-:/*", 2048);
}

static bool is_plain_name(struct str text)
{
    return is_made_of(text, "._-", 64);
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
    return is_made_of(text, "._-", 128);
}

static bool is_host_name(struct str text)
{
    return is_made_of(text, ".-", 253) && text.data[0] != '.';
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
    {"ids", FIELD_STRINGS, LIST_AT(config_model, ids, id_count), .check = is_model_pattern,
     .expected = "a model ID of letters, digits and ._-:/, or a pattern of them with *"},
    {"context", FIELD_UINT32, AT(config_model, context), .high = CONTEXT_MAX},
    {"parallel", FIELD_UINT32, AT(config_model, parallel), .low = 1, .high = LIMIT_PARALLEL},
    {"threads", FIELD_UINT32, AT(config_model, threads), .high = THREADS_MAX},
    {"chat_template", FIELD_STRING, AT(config_model, chat_template), .check = is_template_family,
     .expected = "the name of a template family: chatml, llama3, mistral or gemma"},
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
static const struct field replies_fields[] = {
    {"max_tokens", FIELD_UINT32, AT(config, reply_max_tokens), .high = CONTEXT_MAX},
    {"max_time", FIELD_MS, AT(config, reply_max_ms), .high = LIMIT_VALUE_MAX},
};
static const struct field_table replies_table = FIELD_TABLE(replies_fields, struct config);

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

static const char *const sandboxes[] = {
    [CONFIG_SANDBOX_BEST_EFFORT] = "best-effort", [CONFIG_SANDBOX_REQUIRED] = "required", NULL};

static const struct field documents_fields[] = {
    {"sandbox", FIELD_CHOICE, AT(config, document_sandbox), .choices = sandboxes},
};
static const struct field_table documents_table = FIELD_TABLE(documents_fields, struct config);

static const struct field objects_fields[] = {
    {"quota", FIELD_SIZE, AT(config, object_quota_bytes), .low = 1, .high = QUOTA_MAX},
    {"encrypted_at_rest", FIELD_BOOL, AT(config, objects_are_encrypted)},
    {"hosts", FIELD_STRINGS, LIST_AT(config, object_hosts, object_host_count), .check = is_host_name,
     .expected = "the name of a host, without a port"},
};
static const struct field_table objects_table = FIELD_TABLE(objects_fields, struct config);

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

static const struct field tenant_objects_fields[] = {
    {"quota", FIELD_SIZE, AT(config_tenant, object_quota_bytes), .low = 1, .high = QUOTA_MAX},
};
static const struct field_table tenant_objects_table = FIELD_TABLE(tenant_objects_fields, struct config_tenant);

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
    {"objects", FIELD_OBJECT, .table = &tenant_objects_table},
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
    {"strict", FIELD_BOOL, AT(config, strict)},
    {"models", FIELD_OBJECTS, LIST_AT(config, models, model_count), .high = LIMIT_MODELS, .table = &model_table},
    {"cache", FIELD_OBJECT, .table = &cache_table},
    {"replies", FIELD_OBJECT, .table = &replies_table},
    {"tls", FIELD_OBJECT, .table = &tls_table},
    {"tenants", FIELD_OBJECTS, LIST_AT(config, tenants, tenant_count), .high = LIMIT_TENANTS, .table = &tenant_table},
    {"limits", FIELD_CUSTOM, .custom = read_limits},
    {"prices", FIELD_FILES, LIST_AT(config, prices, price_count)},
    {"tiers", FIELD_OBJECT, .table = &config_tiers_table},
    {"s3", FIELD_OBJECT, .table = &s3_table},
    {"objects", FIELD_OBJECT, .table = &objects_table},
    {"documents", FIELD_OBJECT, .table = &documents_table},
};
const struct field_table config_root_table = FIELD_TABLE(root_fields, struct config);
