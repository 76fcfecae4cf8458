/* config.c - see config.h. */
#include "traces/config.h"

#include "core/config_section.h"
#include "core/config_values.h"

static bool is_share(struct str text)
{
    double value;
    return str_to_double(text, &value) && value >= 0 && value <= 1;
}

static enum error_code read_headers(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct traces_config *traces = parent;
    return config_read_headers(reader, node, traces->headers, TRACES_HEADERS_MAX, &traces->header_count);
}

static const struct field fields[] = {
    {"endpoint", FIELD_STRING, .is_required = true, FIELD_AT(traces_config, endpoint), .check = config_is_url,
     .expected = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH] of an OTLP/HTTP receiver"},
    {"sample", FIELD_STRING, FIELD_AT(traces_config, sample), .check = is_share, .expected = "a number from 0 to 1"},
    {"content", FIELD_BOOL, FIELD_AT(traces_config, content)},
    {"queue", FIELD_SIZE, FIELD_AT(traces_config, queue_bytes), .low = 1u << 20, .high = 1u << 30},
    {"headers", FIELD_CUSTOM, .custom = read_headers},
};
static const struct field_table table = FIELD_TABLE(fields, struct traces_config);
static const struct traces_config defaults = {.sample = "1", .queue_bytes = 16u << 20};
const struct config_section traces_section = {.name = "traces", .table = &table, .defaults = &defaults};

const struct traces_config *traces_config(const struct config *config)
{
    return config_part(config->parts, &traces_section);
}

double traces_share(const struct traces_config *traces)
{
    double value = 1;
    return str_to_double(str_of(traces->sample), &value) ? value : 1;
}
