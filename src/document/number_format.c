#include "document/number_format.h"

#include <math.h>
#include <stdio.h>

#define DECIMALS_MAX 15 /* digits on either side of the point that a code can ask for */
/* Beyond it a double has no exact cents any more, and a cell shows an exponent. */
#define FIXED_VALUE_MAX 1e15
#define DATE_VALUE_MAX 2958466.0 /* 10000-01-01 */
#define MS_PER_DAY 86400000.0

/* --- reading a code --------------------------------------------------------------------------------- */

struct code_reader {
    struct str rest;
    struct number_format format;
    bool has_digits, is_plain; /* plain: something in it that we do not render */
    bool after_point;
    char last_unit; /* of a date: the letter before, so that m behind h means minutes */
    bool m_is_open; /* an m that may still turn out to be minutes */
};

static void put_literal(struct code_reader *reader, struct str text)
{
    char *affix = reader->has_digits ? reader->format.suffix : reader->format.prefix;
    size_t len = strlen(affix);
    if (text.len == 0 || len + text.len >= NUMBER_AFFIX_MAX)
        return;
    memcpy(affix + len, text.data, text.len);
    affix[len + text.len] = '\0';
}

static struct str take(struct code_reader *reader, size_t len)
{
    struct str taken = str_slice(reader->rest, 0, len);
    reader->rest = str_slice(reader->rest, taken.len, reader->rest.len);
    return taken;
}

/* "text" */
static void read_quoted(struct code_reader *reader)
{
    ptrdiff_t end = str_find_char(reader->rest, '"', 1);
    struct str quoted = take(reader, end < 0 ? reader->rest.len : (size_t)end + 1);
    put_literal(reader, str_slice(quoted, 1, end < 0 ? quoted.len : quoted.len - 1));
}

/* [h] and its like, [$EUR-407], colours and conditions. */
static void read_bracket(struct code_reader *reader)
{
    ptrdiff_t end = str_find_char(reader->rest, ']', 1);
    struct str whole = take(reader, end < 0 ? reader->rest.len : (size_t)end + 1);
    struct str inner = str_slice(whole, 1, whole.len > 0 ? whole.len - 1 : 0);
    if (str_starts(inner, STR("$"))) {
        ptrdiff_t dash = str_find_char(inner, '-', 0);
        put_literal(reader, str_slice(inner, 1, dash < 0 ? inner.len : (size_t)dash));
        return;
    }
    char first = inner.len > 0 ? (char)(inner.data[0] | 32) : '\0';
    bool is_unit = first == 'h' || first == 'm' || first == 's';
    for (size_t i = 1; i < inner.len; i++)
        is_unit = is_unit && (inner.data[i] | 32) == first;
    if (is_unit) {
        reader->format.has_time = reader->format.is_elapsed = true;
        reader->format.has_seconds = reader->format.has_seconds || first == 's';
        reader->last_unit = 'h';
    }
}

/* A run of one letter of a date: y, m, d, h, s. */
static void read_unit(struct code_reader *reader, char unit)
{
    struct number_format *format = &reader->format;
    size_t len = 0;
    while (len < reader->rest.len && (reader->rest.data[len] | 32) == unit)
        len++;
    (void)take(reader, len);
    if (unit == 'm') {
        if (reader->last_unit == 'h')
            format->has_time = true;
        else
            reader->m_is_open = true;
    } else if (unit == 's') {
        format->has_time = format->has_seconds = true;
        reader->m_is_open = false; /* m before s is minutes */
    } else {
        format->has_time = format->has_time || unit == 'h';
        format->has_date = format->has_date || unit != 'h' || reader->m_is_open;
        reader->m_is_open = false;
    }
    reader->last_unit = unit;
}

static void read_digit(struct code_reader *reader, char c)
{
    (void)take(reader, 1);
    if (c == '.') {
        reader->after_point = true;
    } else if (c == ',') {
        struct str next = str_slice(reader->rest, 0, 1);
        bool is_between = reader->has_digits && next.len == 1 && strchr("0#?", next.data[0]);
        reader->format.has_thousands = reader->format.has_thousands || is_between;
        reader->is_plain = reader->is_plain || (reader->has_digits && !is_between); /* a scale: thousands cut off */
    } else {
        bool is_split = reader->has_digits && reader->format.suffix[0]; /* 000-00-0000 */
        reader->is_plain = reader->is_plain || is_split;
        reader->has_digits = true;
        if (reader->after_point && reader->format.decimals < DECIMALS_MAX)
            reader->format.decimals++;
        if (!reader->after_point && c == '0' && reader->format.digits < DECIMALS_MAX)
            reader->format.digits++;
    }
}

static void read_token(struct code_reader *reader)
{
    char c = reader->rest.data[0], lower = (char)(c | 32);
    bool is_letter = lower >= 'a' && lower <= 'z';
    if (str_eq_nocase(str_slice(reader->rest, 0, 5), STR("am/pm"))) {
        (void)take(reader, 5); /* shown with 24 hours */
    } else if (c == '"') {
        read_quoted(reader);
    } else if (c == '[') {
        read_bracket(reader);
    } else if (c == '\\') {
        (void)take(reader, 1);
        put_literal(reader, take(reader, 1));
    } else if (c == '_' || c == '*') { /* a gap or a filler as wide as the next character */
        (void)take(reader, 2);
    } else if (is_letter && strchr("ymdhs", lower)) {
        read_unit(reader, lower);
    } else if (c == '0' || c == '#' || c == '?' || c == '.' || c == ',') {
        read_digit(reader, c);
    } else if (c == '%') {
        reader->format.is_percent = true;
        (void)take(reader, 1);
    } else {
        reader->is_plain = reader->is_plain || is_letter || c == '/' || c == '@';
        put_literal(reader, take(reader, 1));
    }
}

struct number_format number_format_parse(struct str code)
{
    struct code_reader reader = {.rest = code};
    while (reader.rest.len > 0 && reader.rest.data[0] != ';')
        read_token(&reader);
    struct number_format *format = &reader.format;
    format->has_date = format->has_date || reader.m_is_open;
    if (format->has_date || format->has_time)
        format->kind = NUMBER_DATE;
    else if (reader.has_digits && !reader.is_plain)
        format->kind = NUMBER_FIXED;
    else
        *format = (struct number_format){.kind = NUMBER_GENERAL};
    return *format;
}

struct number_format number_format_builtin(unsigned id)
{
    static const struct {
        unsigned id;
        struct str code;
    } codes[] = {
        {1, {"0", 1}},          {2, {"0.00", 4}},      {3, {"#,##0", 5}},       {4, {"#,##0.00", 8}},
        {5, {"#,##0", 5}},      {6, {"#,##0", 5}},     {7, {"#,##0.00", 8}},    {8, {"#,##0.00", 8}},
        {9, {"0%", 2}},         {10, {"0.00%", 5}},    {14, {"y-m-d", 5}},      {15, {"y-m-d", 5}},
        {16, {"y-m-d", 5}},     {17, {"y-m-d", 5}},    {18, {"h:m", 3}},        {19, {"h:m:s", 5}},
        {20, {"h:m", 3}},       {21, {"h:m:s", 5}},    {22, {"y-m-d h:m", 9}},  {37, {"#,##0", 5}},
        {38, {"#,##0", 5}},     {39, {"#,##0.00", 8}}, {40, {"#,##0.00", 8}},   {41, {"#,##0", 5}},
        {42, {"#,##0", 5}},     {43, {"#,##0.00", 8}}, {44, {"#,##0.00", 8}},   {45, {"m:s", 3}},
        {46, {"[h]:m:s", 7}},   {47, {"m:s", 3}},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].id == id)
            return number_format_parse(codes[i].code);
    return (struct number_format){.kind = NUMBER_GENERAL};
}

/* --- writing a value -------------------------------------------------------------------------------- */

static void write_general(double value, char out[NUMBER_TEXT_MAX])
{
    snprintf(out, NUMBER_TEXT_MAX, "%.15g", value);
}

static void write_fixed(const struct number_format *format, double value, char out[NUMBER_TEXT_MAX])
{
    char digits[64];
    double shown = format->is_percent ? value * 100 : value;
    int width = format->digits + (format->decimals > 0 ? format->decimals + 1 : 0);
    snprintf(digits, sizeof(digits), "%0*.*f", width, format->decimals, fabs(shown));
    bool is_zero = strspn(digits, "0.") == strlen(digits);
    size_t whole = strcspn(digits, "."), len = 0;
    len += (size_t)snprintf(out, NUMBER_TEXT_MAX, "%s%s", shown < 0 && !is_zero ? "-" : "", format->prefix);
    for (size_t i = 0; digits[i]; i++) {
        out[len++] = digits[i];
        if (format->has_thousands && i + 1 < whole && (whole - i - 1) % 3 == 0)
            out[len++] = ',';
    }
    snprintf(out + len, NUMBER_TEXT_MAX - len, "%s%s", format->is_percent ? "%" : "", format->suffix);
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

static size_t write_date(double days, bool is_1904, char *out, size_t cap)
{
    long year;
    unsigned month, day;
    /* Day 60 of 1900 is a 29th of February that never was; days before it are one off. */
    long shift = is_1904 ? 24107 : days < 60 ? 25568 : 25569;
    civil_from_days((long)days - shift, &year, &month, &day);
    return (size_t)snprintf(out, cap, "%04ld-%02u-%02u", year, month, day);
}

static void write_moment(const struct number_format *format, double value, bool is_1904, char out[NUMBER_TEXT_MAX])
{
    double days = floor(value);
    long long ms = llround((value - days) * MS_PER_DAY);
    long long seconds = (ms + 500) / 1000;
    size_t len = 0;
    if (seconds >= 86400) {
        seconds -= 86400;
        days += 1;
    }
    if (format->has_date)
        len = write_date(days, is_1904, out, NUMBER_TEXT_MAX);
    if (!format->has_time)
        return;
    long long hours = seconds / 3600 + (format->is_elapsed ? (long long)days * 24 : 0);
    len += (size_t)snprintf(out + len, NUMBER_TEXT_MAX - len, "%s%02lld:%02lld", len > 0 ? " " : "", hours,
                            seconds / 60 % 60);
    if (format->has_seconds)
        snprintf(out + len, NUMBER_TEXT_MAX - len, ":%02lld", seconds % 60);
}

void number_format_write(const struct number_format *format, double value, bool is_1904, char out[NUMBER_TEXT_MAX])
{
    if (format->kind == NUMBER_FIXED && fabs(value) < FIXED_VALUE_MAX)
        write_fixed(format, value, out);
    else if (format->kind == NUMBER_DATE && value >= 0 && value < DATE_VALUE_MAX)
        write_moment(format, value, is_1904, out);
    else
        write_general(value, out);
}
