/* sections.h - all sections that fulcrum.yaml may have: the keys of every room, in the order in which messages name
 * them. Ends with NULL; for config_load and config_parse. */
#ifndef CMD_SECTIONS_H
#define CMD_SECTIONS_H

#include "core/config.h"

extern const struct config_section *const program_sections[];

#endif
