/* log.h - one line per event on standard error, logfmt or JSON.
 *
 *   log_event(LOG_INFO, "request", LOG_S("id", id), LOG_I("status", 200));
 *
 * Lines are written whole with one write(2), so threads never interleave.
 * Prompts, replies and secrets never go into a field. Any thread. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_field_kind { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_REAL, LOG_FIELD_BOOL };
struct log_field {
    const char *key;
    enum log_field_kind kind;
    struct str text;
    int64_t integer;
    double real;
};

#define LOG_S(key_, value_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_STR, .text = (value_)})
#define LOG_C(key_, value_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_STR, .text = str_of(value_)})
#define LOG_I(key_, value_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_INT, .integer = (int64_t)(value_)})
#define LOG_F(key_, value_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_REAL, .real = (value_)})
#define LOG_B(key_, value_) ((struct log_field){.key = (key_), .kind = LOG_FIELD_BOOL, .integer = (value_)})

void log_configure(enum log_level level, enum log_format format); /* before threads start */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define log_event(level, event, ...)                                                              \
    do {                                                                                          \
        if (log_enabled(level)) {                                                                 \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                 \
            log_write((level), (event), log_fields_, sizeof(log_fields_) / sizeof(log_fields_[0])); \
        }                                                                                         \
    } while (0)

bool log_level_parse(struct str name, enum log_level *level); /* debug info warn error off */
bool log_format_parse(struct str name, enum log_format *format);

#endif
