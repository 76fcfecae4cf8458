/* price_config.c - see price_config.h. */
#include "ledger/price_config.h"

#include "core/config_section.h"

static const struct field fields[] = {{"prices", FIELD_FILES, FIELD_LIST_AT(price_config, books, count)}};
static const struct field_table table = FIELD_TABLE(fields, struct price_config);
const struct config_section prices_section = {.table = &table};

const struct price_config *price_config(const struct config *config)
{
    return config_part(config->parts, &prices_section);
}
