/* config_values.h - how names, sizes, durations, prices and addresses are written. Any thread. */
#ifndef CORE_CONFIG_VALUES_H
#define CORE_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

/* 1 to `max` letters, digits and characters of `punctuation`. */
bool config_is_made_of(struct str text, const char *punctuation, size_t max);

/* "10", "10KiB", "2GiB" and "30s", "5m", "1h". */
bool config_parse_size(struct str text, uint64_t *bytes);
bool config_parse_duration(struct str text, uint64_t *ms);

/* A decimal number times 10^12, exactly: "0.00875" and "1e-3". False for one
 * that is negative, has more decimals, or does not fit. */
bool config_parse_pico(struct str text, uint64_t *value);

#define CONFIG_PICO UINT64_C(1000000000000)
#define CONFIG_PRICE_MAX (1000000 * CONFIG_PICO) /* a dollar a token: no price is higher */

/* Splits ADDR:PORT, "[::1]:80" included. */
enum error_code config_parse_listen(const char *listen, char *host, size_t host_cap, uint16_t *port,
                                    struct error *error) WARN_UNUSED;
bool config_host_is_loopback(const char *host);

/* http://HOST[:PORT][/PATH] or the same with https, without credentials in it. */
bool config_is_url(struct str text);

#endif
