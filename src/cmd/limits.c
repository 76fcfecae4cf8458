/* limits.c - `fulcrum limits`: prints the table of core/limits.h with the values in force. */
#include "core/limits.h"

#include <inttypes.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/sections.h"
#include "core/config.h"

static const char usage[] = "usage: fulcrum limits [--json] [--config FILE]\n"
                            "Prints every limit in force. Each can be set under `limits:` in fulcrum.yaml.\n";

static uint64_t value_of(const struct limit_row *row)
{
    uint64_t value;
    memcpy(&value, (const char *)&limits_in_force + row->offset, sizeof(value));
    return value;
}

static void append_json(struct buf *out, const struct limit_row *rows, size_t count)
{
    buf_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_appendf(out, "%s\n  \"%s\": {\"value\": %" PRIu64 ", \"default\": %" PRIu64, i ? "," : "", rows[i].name,
                    value_of(&rows[i]), rows[i].default_value);
        buf_appendf(out, ", \"unit\": \"%s\", \"bounds\": ", rows[i].unit);
        buf_append_json(out, str_of(rows[i].what));
        buf_append_char(out, '}');
    }
    buf_append_text(out, "\n}\n");
}

static void append_text(struct buf *out, const struct limit_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *mark = value_of(&rows[i]) == rows[i].default_value ? "" : " (set)";
        buf_appendf(out, "%-24s %12" PRIu64 " %-11s %s%s\n", rows[i].name, value_of(&rows[i]), rows[i].unit,
                    rows[i].what, mark);
    }
}

int cmd_limits(int argc, char **argv)
{
    struct cmd_options options;
    int status;
    if (!cmd_options_parse(argc, argv, usage, true, true, &options, &status))
        return status;
    struct config config;
    struct error error;
    if (config_load(config_find(options.config), program_sections, &config, &error))
        return cmd_fail("limits", &error, CMD_USAGE);
    config_deinit(&config);
    struct buf out;
    buf_init(&out, 65536);
    size_t count;
    const struct limit_row *rows = limits_rows(&count);
    if (options.is_json)
        append_json(&out, rows, count);
    else
        append_text(&out, rows, count);
    return cmd_finish("limits", &out);
}
