/* number_moment.c - calendars of 1900 and 1904: from a day's number to a date and a time, and no further. See
 * number_moment.h. */
#include "document/number_moment.h"

#include <math.h>
#include <stdio.h>

#include "document/number_code.h"

#define VALUE_MAX 2958466.0 /* 10000-01-01 */
#define MS_PER_DAY 86400000.0

bool moment_is_code(struct str code)
{
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;)
        if (token.sign == SIGN_UNIT || token.sign == SIGN_ELAPSED || token.sign == SIGN_HALF_DAY)
            return true;
    return false;
}

/* An m is minutes behind h and before s, else a month. */
struct moment_reader {
    struct moment_format format;
    bool m_is_open; /* one that may still turn out to be minutes */
    char last;      /* the letter before */
};

static void read_unit(struct moment_reader *reader, char unit)
{
    struct moment_format *format = &reader->format;
    if (unit == 'm') {
        if (reader->last == 'h')
            format->has_time = true;
        else
            reader->m_is_open = true;
    } else if (unit == 's') {
        format->has_time = format->has_seconds = true;
        reader->m_is_open = false;
    } else {
        format->has_time = format->has_time || unit == 'h';
        format->has_date = format->has_date || unit != 'h' || reader->m_is_open;
        reader->m_is_open = false;
    }
    reader->last = unit;
}

struct moment_format moment_format_parse(struct str code)
{
    struct moment_reader reader = {.last = '\0'};
    bool is_behind_point = false;
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        bool is_second_digit = token.sign == SIGN_DIGIT && is_behind_point && reader.last == 's';
        if (is_second_digit && reader.format.second_digits < 3)
            reader.format.second_digits++;
        is_behind_point = token.sign == SIGN_POINT || is_second_digit;
        if (token.sign == SIGN_UNIT) {
            read_unit(&reader, (char)(token.text.data[0] | 32));
        } else if (token.sign == SIGN_ELAPSED) {
            reader.format.has_time = true;
            reader.format.elapsed = (char)(token.text.data[0] | 32);
            reader.format.has_seconds = reader.format.has_seconds || reader.format.elapsed == 's';
            reader.last = reader.format.elapsed == 's' ? 's' : 'h';
        } else if (token.sign == SIGN_HALF_DAY) {
            reader.format.has_time = true; /* shown with 24 hours */
        }
    }
    reader.format.has_date = reader.format.has_date || reader.m_is_open;
    return reader.format;
}

/* Days since 1970 to year, month, day (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static void civil_from_days(long days, long *year, unsigned *month, unsigned *day)
{
    days += 719468;
    long era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (long)year_of_era + era * 400 + (*month <= 2);
}

static size_t write_date(long days, bool is_1904, char *out, size_t cap)
{
    long year;
    unsigned month, day;
    /* Two days that never were, and that cells show all the same. */
    if (!is_1904 && (days == 0 || days == 60))
        return (size_t)snprintf(out, cap, "%s", days == 0 ? "1900-01-00" : "1900-02-29");
    civil_from_days(days - (is_1904 ? 24107 : days < 60 ? 25568 : 25569), &year, &month, &day);
    return (size_t)snprintf(out, cap, "%04ld-%02u-%02u", year, month, day);
}

static struct moment_format what_it_has(double value)
{
    bool has_time = value != floor(value);
    return (struct moment_format){.has_date = value >= 1 || !has_time, .has_time = has_time, .has_seconds = has_time};
}

static void write_time(const struct moment_format *format, long days, long long ms, char *out, size_t cap)
{
    long long whole = ms + (format->elapsed ? (long long)days * (long long)MS_PER_DAY : 0);
    size_t len = 0;
    if (format->elapsed == 's')
        len = (size_t)snprintf(out, cap, "%lld", whole / 1000);
    else if (format->elapsed == 'm')
        len = (size_t)snprintf(out, cap, "%02lld", whole / 60000);
    else
        len = (size_t)snprintf(out, cap, "%02lld:%02lld", whole / 3600000, ms / 60000 % 60);
    if (format->has_seconds && format->elapsed != 's' && len < cap)
        len += (size_t)snprintf(out + len, cap - len, ":%02lld", ms / 1000 % 60);
    if (format->has_seconds && format->second_digits > 0 && len < cap) {
        char digits[8];
        snprintf(digits, sizeof(digits), "%03lld", ms % 1000);
        snprintf(out + len, cap - len, ".%.*s", format->second_digits, digits);
    }
}

bool moment_write(const struct moment_format *format, double value, bool is_1904, char *out, size_t cap)
{
    struct moment_format own;
    bool is_negative = value < 0 && format->elapsed;
    if (is_negative)
        value = -value;
    if (!(value >= 0 && value < VALUE_MAX) || cap < 2)
        return false;
    if (format->is_either) {
        own = what_it_has(value);
        format = &own;
    }
    static const long long units[] = {1000, 100, 10, 1};
    long long unit = units[format->second_digits];
    double days = floor(value);
    long long ms = (llround((value - days) * MS_PER_DAY) + unit / 2) / unit * unit;
    if (ms >= (long long)MS_PER_DAY) {
        ms -= (long long)MS_PER_DAY;
        days += 1;
    }
    size_t len = is_negative ? 1 : 0;
    out[0] = '-';
    if (format->has_date)
        len = write_date((long)days, is_1904, out, cap);
    if (format->has_date && format->has_time && len + 1 < cap)
        out[len++] = ' ';
    if (format->has_time && len < cap)
        write_time(format, (long)days, ms, out + len, cap - len);
    return true;
}
