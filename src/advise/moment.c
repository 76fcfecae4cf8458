/* moment.c - see moment.h. Knows nothing of time zones by name but Z, UTC and GMT. */
#include "advise/moment.h"

#include <math.h>
#include <time.h>

#include "core/json.h"

#define FIRST_SECOND 631152000.0 /* 1990 */
#define LAST_SECOND 7258118400.0 /* 2200 */

static bool of_seconds(double seconds, uint64_t *us)
{
    while (seconds > LAST_SECOND && seconds < LAST_SECOND * 1e9)
        seconds /= 1000; /* milliseconds and finer */
    if (!(seconds >= FIRST_SECOND && seconds <= LAST_SECOND))
        return false;
    *us = (uint64_t)llround(seconds * 1e6);
    return true;
}

/* `digits` digits at *at. */
static bool take_number(struct str text, size_t *at, size_t digits, int *value)
{
    *value = 0;
    if (text.len - *at < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char c = text.data[*at + i];
        if (c < '0' || c > '9')
            return false;
        *value = *value * 10 + (c - '0');
    }
    *at += digits;
    return true;
}

static bool take_char(struct str text, size_t *at, const char *any)
{
    if (*at >= text.len || !text.data[*at] || !strchr(any, text.data[*at]))
        return false;
    ++*at;
    return true;
}

/* What stands behind the seconds: a fraction in microseconds. */
static uint32_t take_fraction(struct str text, size_t *at)
{
    uint32_t us = 0, unit = 100000;
    if (!take_char(text, at, ".,"))
        return 0;
    for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at, unit /= 10)
        us += (uint32_t)(text.data[*at] - '0') * unit;
    return us;
}

/* Seconds east of UTC. */
static bool take_zone(struct str text, size_t *at, int *offset)
{
    int hours, minutes = 0;
    *offset = 0;
    while (take_char(text, at, " "))
        continue;
    const struct str rest = str_slice(text, *at, text.len);
    if (rest.len == 0 || str_eq(rest, STR("Z")) || str_eq(rest, STR("z")) || str_eq(rest, STR("UTC")) ||
        str_eq(rest, STR("GMT")))
        return true;
    const bool is_west = *rest.data == '-';
    if (!take_char(text, at, "+-") || !take_number(text, at, 2, &hours))
        return false;
    (void)take_char(text, at, ":");
    if (*at < text.len && !take_number(text, at, 2, &minutes))
        return false;
    *offset = (is_west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return *at == text.len;
}

static bool of_calendar(struct str text, uint64_t *us)
{
    struct tm tm = {0};
    size_t at = 0;
    int offset = 0;
    uint32_t fraction = 0;
    if (!take_number(text, &at, 4, &tm.tm_year) || !take_char(text, &at, "-/") ||
        !take_number(text, &at, 2, &tm.tm_mon) || !take_char(text, &at, "-/") ||
        !take_number(text, &at, 2, &tm.tm_mday))
        return false;
    if (at < text.len) {
        if (!take_char(text, &at, "Tt ") || !take_number(text, &at, 2, &tm.tm_hour) || !take_char(text, &at, ":") ||
            !take_number(text, &at, 2, &tm.tm_min))
            return false;
        if (take_char(text, &at, ":") && !take_number(text, &at, 2, &tm.tm_sec))
            return false;
        fraction = take_fraction(text, &at);
        if (!take_zone(text, &at, &offset))
            return false;
    }
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 24 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    const double seconds = (double)timegm(&tm) - offset;
    if (!(seconds >= FIRST_SECOND && seconds <= LAST_SECOND))
        return false;
    *us = (uint64_t)seconds * 1000000 + fraction;
    return true;
}

bool moment_read(struct str text, uint64_t *us)
{
    double number;
    text = str_trim(text);
    return of_calendar(text, us) || (str_to_double(text, &number) && of_seconds(number, us));
}

bool moment_of_value(yyjson_val *value, uint64_t *us)
{
    if (yyjson_is_num(value))
        return of_seconds(yyjson_get_num(value), us);
    return yyjson_is_str(value) && moment_read(json_str(value), us);
}
