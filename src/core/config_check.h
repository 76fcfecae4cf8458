/* config_check.h - what must hold between keys, whichever stands first. For config.c alone. */
#ifndef CORE_CONFIG_CHECK_H
#define CORE_CONFIG_CHECK_H

#include "core/config.h"
#include "core/config_yaml.h"

/* Once all is read; the reader finds the lines that messages name. */
enum error_code config_check(struct yaml_reader *reader, const struct config *config) WARN_UNUSED;

#endif
