/* tls_config.h - `tls:` of fulcrum.yaml, and who may be reached without it. */
#ifndef NET_TLS_CONFIG_H
#define NET_TLS_CONFIG_H

#include "core/config.h"

struct tls_config {
    const char *cert, *key; /* files; NULL: no TLS */
};
extern const struct config_section tls_section;
const struct tls_config *tls_config(const struct config *config);

/* Refuses a listen address that others can reach, unless who asks is checked
 * (tenants) and nobody can listen in (tls), or config->insecure. Called when
 * serving, after the command line has had its say. */
enum error_code tls_check_exposure(const struct config *config, struct error *error) WARN_UNUSED;

#endif
