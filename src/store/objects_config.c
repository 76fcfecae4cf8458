/* objects_config.c - see objects_config.h. */
#include "store/objects_config.h"

#include "core/config_section.h"
#include "core/config_values.h"

#define QUOTA_MAX (UINT64_C(1) << 50)

/* --- an S3 server -------------------------------------------------------------------------------------- */

static bool is_endpoint(struct str text)
{
    bool is_tls = str_starts(text, STR("https://"));
    struct str host = str_slice(text, is_tls ? 8 : 7, text.len);
    if (str_ends(host, STR("/")))
        host.len--;
    return (is_tls || str_starts(text, STR("http://"))) && host.len > 0 && str_find_char(host, '/', 0) < 0 &&
           str_find_char(host, '@', 0) < 0;
}

static const struct field s3_fields[] = {
    {"endpoint", FIELD_STRING, .is_required = true, FIELD_AT(s3_config, endpoint), .check = is_endpoint,
     .expected = "http://HOST[:PORT] or https://HOST[:PORT]"},
    {"region", FIELD_STRING, FIELD_AT(s3_config, region)},
    {"key", FIELD_STRING, .is_required = true, FIELD_AT(s3_config, key)},
    {"secret", FIELD_STRING, .is_required = true, .is_secret = true, FIELD_AT(s3_config, secret)},
};
static const struct field_table s3_table = FIELD_TABLE(s3_fields, struct s3_config);
static const struct s3_config s3_defaults = {.region = "us-east-1"};
const struct config_section s3_section = {.name = "s3", .table = &s3_table, .defaults = &s3_defaults};

const struct s3_config *s3_config(const struct config *config)
{
    return config_part(config->parts, &s3_section);
}

/* --- objects --------------------------------------------------------------------------------------------- */

static bool is_host_name(struct str text)
{
    return config_is_made_of(text, ".-", 253) && text.data[0] != '.';
}

static const struct field objects_fields[] = {
    {"quota", FIELD_SIZE, FIELD_AT(objects_config, quota_bytes), .low = 1, .high = QUOTA_MAX},
    {"encrypted_at_rest", FIELD_BOOL, FIELD_AT(objects_config, are_encrypted)},
    {"hosts", FIELD_STRINGS, FIELD_LIST_AT(objects_config, hosts, host_count), .check = is_host_name,
     .expected = "the name of a host, without a port"},
};
static const struct field_table objects_table = FIELD_TABLE(objects_fields, struct objects_config);
const struct config_section objects_section = {.name = "objects", .table = &objects_table};

const struct objects_config *objects_config(const struct config *config)
{
    return config_part(config->parts, &objects_section);
}

/* --- a tenant's --------------------------------------------------------------------------------------- */

struct quota {
    uint64_t bytes; /* 0: that of all */
};

static const struct field quota_fields[] = {
    {"quota", FIELD_SIZE, FIELD_AT(quota, bytes), .low = 1, .high = QUOTA_MAX},
};
static const struct field_table quota_table = FIELD_TABLE(quota_fields, struct quota);
const struct config_section tenant_objects_section = {
    .name = "objects", .place = CONFIG_OF_TENANT, .table = &quota_table};

static uint64_t quota_of(const struct config_tenant *tenant)
{
    return ((const struct quota *)config_part(tenant->parts, &tenant_objects_section))->bytes;
}

uint64_t objects_quota_of(const struct config *config, struct str tenant)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const uint64_t own = quota_of(&config->tenants[i]);
        if (own && str_eq(tenant, str_of(config->tenants[i].name)))
            return own;
    }
    return objects_config(config)->quota_bytes;
}

bool objects_have_quota(const struct config *config)
{
    bool has_one = objects_config(config)->quota_bytes > 0;
    for (size_t i = 0; i < config->tenant_count; i++)
        has_one = has_one || quota_of(&config->tenants[i]) > 0;
    return has_one;
}
