/* config_tiers.h - the keys of `tiers:` and of a tenant's `reservation:`. For config.c alone. */
#ifndef CORE_CONFIG_TIERS_H
#define CORE_CONFIG_TIERS_H

#include "core/config.h"
#include "core/config_yaml.h"

extern const struct field_table config_tiers_table;       /* over struct config */
extern const struct field_table config_reservation_table; /* over struct config_reservation */

/* Once all is read. */
enum error_code config_tiers_check(struct yaml_reader *reader, const struct config *config) WARN_UNUSED;

#endif
