/* price_config.h - `prices:` of fulcrum.yaml. */
#ifndef LEDGER_PRICE_CONFIG_H
#define LEDGER_PRICE_CONFIG_H

#include "core/config.h"

struct price_config {
    const char **books; /* files; a later one goes before, the embedded one comes last */
    size_t count;
};
extern const struct config_section prices_section;
const struct price_config *price_config(const struct config *config);

#endif
