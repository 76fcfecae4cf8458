/* log.c - builds a line and writes it with one call. Where standard error goes is not asked. See log.h. */
#include "core/log.h"

#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/util.h"

#define LOG_LINE_MAX ((size_t)16384)

static enum log_level level_in_force = LOG_INFO;
static enum log_format format_in_force = LOG_LOGFMT;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error", "off"};

void log_configure(enum log_level level, enum log_format format)
{
    level_in_force = level;
    format_in_force = format;
}

bool log_enabled(enum log_level level)
{
    return level >= level_in_force && level != LOG_OFF;
}

static bool needs_quotes(struct str text)
{
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return true;
    }
    return false;
}

static void append_value(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_FIELD_STR:
        if (format_in_force == LOG_JSON || needs_quotes(field->text))
            buf_append_json(line, field->text);
        else
            buf_append_str(line, field->text);
        break;
    case LOG_FIELD_INT: buf_append_i64(line, field->integer); break;
    case LOG_FIELD_REAL: buf_appendf(line, "%.6g", field->real); break;
    case LOG_FIELD_BOOL: buf_append_text(line, field->integer ? "true" : "false"); break;
    }
}

static void append_field(struct buf *line, const struct log_field *field)
{
    if (format_in_force == LOG_JSON) {
        buf_append_char(line, ',');
        buf_append_json(line, str_of(field->key));
        buf_append_char(line, ':');
    } else {
        buf_append_char(line, ' ');
        buf_append_text(line, field->key);
        buf_append_char(line, '=');
    }
    append_value(line, field);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    struct buf line;
    char now[TIMESTAMP_LEN + 1];
    bool is_json = format_in_force == LOG_JSON;
    buf_init(&line, LOG_LINE_MAX);
    clock_iso8601(clock_wall_us(), now);
    buf_appendf(&line, is_json ? "{\"time\":\"%s\",\"level\":\"%s\",\"event\":" : "time=%s level=%s event=", now,
                LEVEL_NAMES[level]);
    append_value(&line, &(struct log_field){.kind = LOG_FIELD_STR, .text = str_of(event)});
    for (size_t i = 0; i < count; i++)
        append_field(&line, &fields[i]);
    buf_append_text(&line, is_json ? "}\n" : "\n");
    if (!line.failed)
        (void)io_write_all(STDERR_FILENO, line.data, line.len); /* if nobody reads it, go on */
    buf_deinit(&line);
}

bool log_level_parse(struct str name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(LEVEL_NAMES) / sizeof(LEVEL_NAMES[0]); i++) {
        if (str_eq(name, str_of(LEVEL_NAMES[i]))) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(struct str name, enum log_format *format)
{
    bool is_json = str_eq(name, STR("json"));
    if (!is_json && !str_eq(name, STR("logfmt")))
        return false;
    *format = is_json ? LOG_JSON : LOG_LOGFMT;
    return true;
}
