/* replies.c - see replies.h. */
#include "model/replies.h"

#include "core/config_section.h"

static const struct field fields[] = {
    {"max_tokens", FIELD_UINT32, FIELD_AT(reply_config, max_tokens), .high = CONFIG_TOKENS_MAX},
    {"max_time", FIELD_MS, FIELD_AT(reply_config, max_ms), .high = CONFIG_VALUE_MAX},
};
static const struct field_table table = FIELD_TABLE(fields, struct reply_config);

static const struct reply_config defaults = {.max_tokens = 4096, .max_ms = 50000 /* SDKs wait a minute for a reply */};

const struct config_section replies_section = {.name = "replies", .table = &table, .defaults = &defaults};

const struct reply_config *reply_config(const struct config *config)
{
    return config_part(config->parts, &replies_section);
}
