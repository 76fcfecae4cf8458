/* config.c - see config.h. */
#include "traces/config.h"

#include "core/config_section.h"
#include "core/config_values.h"

#define NAME_MAX_BYTES 256
#define VALUE_MAX_BYTES 8192

static bool is_endpoint(struct str text)
{
    const bool is_tls = str_starts(text, STR("https://"));
    const struct str rest = str_slice(text, is_tls ? 8 : 7, text.len);
    const ptrdiff_t slash = str_find_char(rest, '/', 0);
    const struct str host = str_slice(rest, 0, slash < 0 ? rest.len : (size_t)slash);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return (is_tls || str_starts(text, STR("http://"))) && host.len > 0 && str_find_char(host, '@', 0) < 0;
}

static bool is_share(struct str text)
{
    double value;
    return str_to_double(text, &value) && value >= 0 && value <= 1;
}

static struct str text_of(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return (struct str){NULL, 0};
    return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_header_value(struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
            return false;
    return value.data && value.len <= VALUE_MAX_BYTES;
}

/* NAME: VALUE each. Values are secrets as a rule, and in no message. */
static enum error_code read_headers(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct traces_config *traces = parent;
    if (node->type != YAML_MAPPING_NODE)
        return yaml_fail_at(reader, reader->path, "expected a mapping of names of headers to their values");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const struct str name = text_of(yaml_document_get_node(&reader->document, pair->key));
        const struct str value = text_of(yaml_document_get_node(&reader->document, pair->value));
        if (traces->header_count == TRACES_HEADERS_MAX)
            return yaml_fail_at(reader, reader->path, "expected at most %d headers", TRACES_HEADERS_MAX);
        if (!name.data || !config_is_made_of(name, "-_", NAME_MAX_BYTES))
            return yaml_fail_at(reader, reader->path, "expected names of headers: letters, digits, - and _");
        if (!is_header_value(value))
            return yaml_fail_at(reader, reader->path, "expected a value of one line for the header '" STR_FMT "'",
                                STR_ARG(name));
        const struct str line = arena_printf(reader->arena, STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(value));
        if (!line.data)
            return error_no_memory(reader->error);
        traces->headers[traces->header_count++] = line.data;
    }
    return OK;
}

static const struct field fields[] = {
    {"endpoint", FIELD_STRING, .is_required = true, FIELD_AT(traces_config, endpoint), .check = is_endpoint,
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
