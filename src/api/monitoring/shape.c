/* shape.c - checks documents against the tables. See shape.h. */
#include "api/monitoring/shape.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "core/json.h"

#define PATH_MAX_BYTES 192
#define SECONDS_MAX 253402300800.0 /* the year 10000 */

/* --- times ------------------------------------------------------------------------------------------ */

static bool take_digits(struct str *text, size_t count, int *number)
{
    *number = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        *number = *number * 10 + (text->data[i] - '0');
    }
    *text = str_slice(*text, count, text->len);
    return true;
}

static bool take_char(struct str *text, const char *any_of)
{
    if (text->len == 0 || !text->data[0] || !strchr(any_of, text->data[0]))
        return false;
    *text = str_slice(*text, 1, text->len);
    return true;
}

static double take_fraction(struct str *text)
{
    double value = 0, scale = 0.1;
    for (; text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9'; scale /= 10) {
        value += (text->data[0] - '0') * scale;
        *text = str_slice(*text, 1, text->len);
    }
    return value;
}

/* Z, nothing, or +HH:MM. */
static bool take_zone(struct str *text, double *offset_s)
{
    int hours = 0, minutes = 0;
    *offset_s = 0;
    if (text->len == 0 || take_char(text, "Zz"))
        return text->len == 0;
    const bool is_west = text->data[0] == '-';
    if (!take_char(text, "+-") || !take_digits(text, 2, &hours))
        return false;
    (void)take_char(text, ":");
    if (text->len > 0 && !take_digits(text, 2, &minutes))
        return false;
    *offset_s = (is_west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return text->len == 0;
}

bool shape_parse_time(struct str text, double *seconds)
{
    struct tm tm = {0};
    double fraction = 0, offset_s;
    if (shape_is_number(text, false))
        return str_to_double(text, seconds) && *seconds >= 0 && *seconds < SECONDS_MAX;
    if (!take_digits(&text, 4, &tm.tm_year) || !take_char(&text, "-") || !take_digits(&text, 2, &tm.tm_mon) ||
        !take_char(&text, "-") || !take_digits(&text, 2, &tm.tm_mday))
        return false;
    if (take_char(&text, "Tt ")) {
        if (!take_digits(&text, 2, &tm.tm_hour) || !take_char(&text, ":") || !take_digits(&text, 2, &tm.tm_min))
            return false;
        if (take_char(&text, ":") && !take_digits(&text, 2, &tm.tm_sec))
            return false;
        if (take_char(&text, ".,"))
            fraction = take_fraction(&text);
    }
    if (!take_zone(&text, &offset_s) || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > 31 || tm.tm_hour > 24 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *seconds = (double)timegm(&tm) + fraction - offset_s;
    return *seconds >= 0 && *seconds < SECONDS_MAX;
}

bool shape_time(yyjson_val *value, double *seconds)
{
    if (yyjson_is_str(value))
        return shape_parse_time(json_str(value), seconds);
    *seconds = yyjson_get_num(value);
    return yyjson_is_num(value) && *seconds >= 0 && *seconds < SECONDS_MAX;
}

/* --- numbers ---------------------------------------------------------------------------------------- */

bool shape_is_number(struct str text, bool is_whole)
{
    double number;
    int64_t whole;
    return is_whole ? str_to_i64(text, &whole) : str_to_double(text, &number) && isfinite(number);
}

static bool is_whole(yyjson_val *value)
{
    const double number = yyjson_get_num(value);
    return yyjson_is_int(value) || (yyjson_is_real(value) && number == floor(number) && fabs(number) < 9e15);
}

/* --- checks ----------------------------------------------------------------------------------------- */

/* Where a value stands, for messages: a list that grows with the recursion. */
struct place {
    const struct place *above;
    const char *name;
    size_t index;
};

static size_t write_place(const struct place *place, char *out, size_t len, size_t max)
{
    if (!place)
        return len;
    len = write_place(place->above, out, len, max);
    const int more = place->name ? snprintf(out + len, max - len, "%s%s", len ? "." : "", place->name)
                                 : snprintf(out + len, max - len, "[%zu]", place->index);
    return more < 0 || (size_t)more >= max - len ? len : len + (size_t)more;
}

static enum error_code wrong(const struct place *place, const char *expected, yyjson_val *value, struct error *error)
{
    char path[PATH_MAX_BYTES] = "";
    (void)write_place(place, path, 0, sizeof(path));
    return error_set(error, ERROR_INVALID, "%s: expected %s, got %s", path[0] ? path : "the request", expected,
                     json_type_name(value));
}

static enum error_code check(const struct shape *shape, yyjson_val *value, const struct place *place, bool *is_missing,
                             struct error *error);

static enum error_code check_members(const struct shape *shape, yyjson_val *value, const struct place *above,
                                     bool *is_missing, struct error *error)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_member *member = &shape->members[i];
        const struct place place = {above, member->name, 0};
        yyjson_val *found = yyjson_obj_get(value, member->name);
        if (found && !yyjson_is_null(found)) {
            const enum error_code code = check(member->shape, found, &place, is_missing, error);
            if (code != OK)
                return code;
        } else if (member->is_required) {
            char path[PATH_MAX_BYTES] = "";
            (void)write_place(&place, path, 0, sizeof(path));
            *is_missing = true;
            return error_set(error, ERROR_INVALID, "The parameter %s is required.", path);
        }
    }
    return OK;
}

static enum error_code check_parts(const struct shape *shape, yyjson_val *value, const struct place *above,
                                   bool *is_missing, struct error *error)
{
    size_t i, max;
    yyjson_val *key, *part;
    enum error_code code = OK;
    if (shape->kind == SHAPE_LIST) {
        yyjson_arr_foreach(value, i, max, part)
        {
            const struct place place = {above, NULL, i};
            if (code == OK)
                code = check(shape->of, part, &place, is_missing, error);
        }
        return code;
    }
    yyjson_obj_foreach(value, i, max, key, part)
    {
        const struct place place = {above, yyjson_get_str(key), 0};
        if (code == OK)
            code = check(shape->of, part, &place, is_missing, error);
    }
    return code;
}

static enum error_code check(const struct shape *shape, yyjson_val *value, const struct place *place, bool *is_missing,
                             struct error *error)
{
    double seconds;
    switch (shape->kind) {
    case SHAPE_STRING: return yyjson_is_str(value) ? OK : wrong(place, "a string", value, error);
    case SHAPE_INTEGER: return is_whole(value) ? OK : wrong(place, "an integer", value, error);
    case SHAPE_NUMBER: return yyjson_is_num(value) ? OK : wrong(place, "a number", value, error);
    case SHAPE_BOOLEAN: return yyjson_is_bool(value) ? OK : wrong(place, "a boolean", value, error);
    case SHAPE_TIMESTAMP:
        return shape_time(value, &seconds) ? OK : wrong(place, "a time (seconds since 1970 or ISO 8601)", value, error);
    case SHAPE_ANY: return OK;
    case SHAPE_LIST:
        return yyjson_is_arr(value) ? check_parts(shape, value, place, is_missing, error)
                                    : wrong(place, "a list", value, error);
    case SHAPE_MAP:
        return yyjson_is_obj(value) ? check_parts(shape, value, place, is_missing, error)
                                    : wrong(place, "an object", value, error);
    case SHAPE_STRUCTURE: break;
    }
    return yyjson_is_obj(value) ? check_members(shape, value, place, is_missing, error)
                                : wrong(place, "an object", value, error);
}

const struct shape *shape_find(const struct shape *structure, struct str name)
{
    for (size_t i = 0; i < structure->count; i++)
        if (str_eq(name, str_of(structure->members[i].name)))
            return structure->members[i].shape;
    return NULL;
}

enum error_code shape_check(const struct shape *shape, yyjson_val *value, bool *is_missing, struct error *error)
{
    *is_missing = false;
    return check(shape, value, NULL, is_missing, error);
}
