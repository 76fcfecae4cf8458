/* config_keys.h - the table of all keys of fulcrum.yaml. For config.c alone. */
#ifndef CORE_CONFIG_KEYS_H
#define CORE_CONFIG_KEYS_H

#include "core/config.h"
#include "core/config_yaml.h"

extern const struct field_table config_root_table; /* over struct config; `limits:` go into limits_in_force */

#endif
