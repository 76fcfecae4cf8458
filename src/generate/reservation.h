/* reservation.h - tokens a minute that tenants have for themselves.
 *
 * A reservation is a bucket for each direction that holds a minute's tokens and
 * fills evenly. A request is within it while both hold something; what it then
 * takes is known only later, and may leave a debt that the next ones wait off as
 * tier default. Input counts what was computed: plain and cache-written tokens.
 * Any thread. */
#ifndef GENERATE_RESERVATION_H
#define GENERATE_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

/* `reservation:` of a tenant in fulcrum.yaml: tokens a minute of one model. */
struct reservation_config {
    const char *model; /* NULL: no reservation */
    uint64_t input_tpm, output_tpm;
};
extern const struct config_section reservation_section;
const struct reservation_config *reservation_config(const struct config_tenant *tenant);

struct reservations;
struct reservation;

enum error_code reservations_new(const struct config *config, struct reservations **reservations,
                                 struct error *error) WARN_UNUSED;
void reservations_free(struct reservations *reservations);

/* Of this tenant, for this model (its name); NULL: none. */
struct reservation *reservation_find(struct reservations *reservations, const char *tenant, const char *model);
bool reservation_has_room(struct reservation *reservation, uint64_t now_us);
void reservation_use(struct reservation *reservation, uint64_t input_tokens, uint64_t output_tokens, uint64_t now_us);

#endif
