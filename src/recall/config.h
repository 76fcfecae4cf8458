/* config.h - `response_cache:` of a tenant in fulcrum.yaml; models and routers have the same mapping
 * (core/config.h). */
#ifndef RECALL_CONFIG_H
#define RECALL_CONFIG_H

#include "core/config.h"

extern const struct config_section tenant_recall_section;

/* What holds for a tenant's requests to this route. `route`: the rules of the model or router that was asked for, NULL:
 * it has none. NULL: its answers are not kept. */
const struct config_recall *recall_rules(const struct config *config, struct str tenant,
                                         const struct config_recall *route);

#endif
