/* config_check.h - what must hold between keys of models, and of tenants, whichever stands first. */
#ifndef CORE_CONFIG_CHECK_H
#define CORE_CONFIG_CHECK_H

#include "core/config_section.h"

enum error_code config_check_models(struct yaml_reader *reader, const struct config *config) WARN_UNUSED;
enum error_code config_check_tenants(struct yaml_reader *reader, const struct config *config) WARN_UNUSED;

#endif
