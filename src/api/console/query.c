/* Reads parameters; asks nothing. See query.h. */
#include "api/console/query.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/console/reply.h"
#include "api/fields.h"

#define NAMES_TEXT_MAX 256

static bool is_one_of(struct str name, const char *const *names)
{
    return fields_index(name, names) >= 0;
}

enum error_code console_query_known(struct api_call *call, const char *const *names, struct error *error)
{
    static const char *const common[] = {"tenant", "format", NULL};
    struct str rest = call->exchange->request.query, pair;
    while (str_split(&rest, '&', &pair)) {
        struct str name;
        if (pair.len == 0 || !str_split(&pair, '=', &name) || is_one_of(name, common) || is_one_of(name, names))
            continue;
        char list[NAMES_TEXT_MAX] = "";
        for (size_t i = 0, len = 0; names[i] && len < sizeof(list); i++)
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s, ", names[i]);
        return error_set(error, ERROR_INVALID, STR_FMT ": there is no such parameter here; there are %stenant, format",
                         STR_ARG(str_slice(name, 0, 64)), list);
    }
    return OK;
}

/* "24h" and the like in microseconds. */
static bool parse_span(struct str text, uint64_t *us)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t number;
    if (text.len < 2 || text.len > 8 || !str_to_u64(str_slice(text, 0, text.len - 1), &number))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.data[text.len - 1] != units[i].unit)
            continue;
        *us = number * units[i].seconds * 1000000;
        return true;
    }
    return false;
}

bool console_parse_time(struct str text, uint64_t now_us, uint64_t *us)
{
    uint64_t number;
    if (text.len > 0 && text.data[0] == '-') {
        if (!parse_span(str_slice(text, 1, text.len), &number) || number > now_us)
            return false;
        *us = now_us - number;
        return true;
    }
    if (!str_to_u64(text, &number))
        return clock_parse(text, us);
    *us = number <= INT64_MAX / 1000 ? number * 1000 : 0;
    return number <= INT64_MAX / 1000;
}

static enum error_code read_time(struct api_call *call, const char *name, uint64_t now_us, uint64_t *us,
                                 struct error *error)
{
    const struct str text = http_query_get(call->exchange, name);
    if (!text.data || console_parse_time(text, now_us, us))
        return OK;
    return field_error(error, "", name, "must be a time such as 2026-11-29, 2026-11-29T21:47:05Z, -24h or -7d, or "
                                        "milliseconds since 1970");
}

enum error_code console_query_period(struct api_call *call, uint64_t usual_us, struct console_period *period,
                                     struct error *error)
{
    const uint64_t now_us = clock_wall_us();
    *period = (struct console_period){.from_us = usual_us ? now_us - usual_us : 0, .to_us = now_us};
    enum error_code code = read_time(call, "from", now_us, &period->from_us, error);
    if (code == OK)
        code = read_time(call, "to", now_us, &period->to_us, error);
    if (code == OK && period->to_us <= period->from_us)
        code = field_error(error, "", "to", "must be after from");
    return code;
}

static bool parse_key(struct str text, uint64_t *key)
{
    *key = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        *key = *key << 4 | (unsigned)digit;
    }
    return text.len == CONSOLE_KEY_DIGITS;
}

enum error_code console_query_page(struct api_call *call, struct console_page *page, struct error *error)
{
    const struct str cursor = http_query_get(call->exchange, "cursor");
    uint64_t rows = CONSOLE_PAGE_DEFAULT;
    *page = (struct console_page){.has_cursor = cursor.data != NULL};
    const enum error_code code = console_query_number(call, "limit", 1, CONSOLE_PAGE_MAX, &rows, error);
    page->limit = (size_t)rows;
    if (code != OK || !cursor.data)
        return code;
    if (parse_key(str_slice(cursor, 0, CONSOLE_KEY_DIGITS), &page->keys[0]) &&
        parse_key(str_slice(cursor, CONSOLE_KEY_DIGITS, cursor.len), &page->keys[1]))
        return OK;
    return field_error(error, "", "cursor", "must be the `next` of an answer to the same question");
}

enum error_code console_query_choice(struct api_call *call, const char *name, const char *const *names, size_t *which,
                                     struct error *error)
{
    const struct str text = http_query_get(call->exchange, name);
    char list[NAMES_TEXT_MAX] = "";
    if (!text.data)
        return OK;
    const int index = fields_index(text, names);
    if (index >= 0) {
        *which = (size_t)index;
        return OK;
    }
    for (size_t i = 0, len = 0; names[i] && len < sizeof(list); i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", names[i]);
    return field_error(error, "", name, "must be one of %s", list);
}

enum error_code console_query_number(struct api_call *call, const char *name, uint64_t low, uint64_t high,
                                     uint64_t *value, struct error *error)
{
    const struct str text = http_query_get(call->exchange, name);
    uint64_t number;
    if (!text.data)
        return OK;
    if (!str_to_u64(text, &number) || number < low || number > high)
        return field_error(error, "", name, "must be between %" PRIu64 " and %" PRIu64, low, high);
    *value = number;
    return OK;
}
