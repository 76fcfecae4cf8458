/* tls_config.c - see tls_config.h. */
#include "net/tls_config.h"

#include "core/config_section.h"
#include "core/config_values.h"

static const struct field fields[] = {
    {"cert", FIELD_FILE, .is_required = true, FIELD_AT(tls_config, cert)},
    {"key", FIELD_FILE, .is_required = true, FIELD_AT(tls_config, key)},
};
static const struct field_table table = FIELD_TABLE(fields, struct tls_config);
const struct config_section tls_section = {.name = "tls", .table = &table};

const struct tls_config *tls_config(const struct config *config)
{
    return config_part(config->parts, &tls_section);
}

enum error_code tls_check_exposure(const struct config *config, struct error *error)
{
    char host[64];
    uint16_t port;
    const struct tls_config *tls = tls_config(config);
    enum error_code code = config_parse_listen(config->listen, host, sizeof(host), &port, error);
    if (code || config->insecure || config_host_is_loopback(host))
        return code;
    if (config->tenant_count && tls->cert)
        return OK;
    return error_set(error, ERROR_INVALID,
                     "listen: %s can be reached from other machines, which needs %s%s%s in fulcrum.yaml; "
                     "listen on 127.0.0.1 instead, or give --insecure if something else guards this address",
                     config->listen, config->tenant_count ? "" : "'tenants'",
                     config->tenant_count || tls->cert ? "" : " and ", tls->cert ? "" : "'tls'");
}
