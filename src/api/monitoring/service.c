/* service.c - what handlers use to read their document and fill their reply. See service.h. */
#include "api/monitoring/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/json.h"
#include "core/util.h"

enum error_code monitoring_fail(struct monitoring_request *request, enum monitoring_fault fault, struct error *error,
                                const char *format, ...)
{
    va_list args;
    request->fault = fault;
    *error = (struct error){.code = ERROR_INVALID};
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    error->message[str_utf8_valid_len(str_of(error->message))] = '\0';
    return ERROR_INVALID;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static yyjson_val *get(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_null(value) ? NULL : value;
}

bool monitoring_has(yyjson_val *object, const char *key)
{
    return get(object, key) != NULL;
}

struct str monitoring_get_str(yyjson_val *object, const char *key)
{
    return json_str(get(object, key));
}

bool monitoring_get_time(yyjson_val *object, const char *key, double *seconds)
{
    yyjson_val *value = get(object, key);
    return value && shape_time(value, seconds);
}

int64_t monitoring_get_int(yyjson_val *object, const char *key, int64_t otherwise)
{
    yyjson_val *value = get(object, key);
    if (yyjson_is_real(value))
        return (int64_t)yyjson_get_real(value);
    if (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX)
        return INT64_MAX;
    return value ? yyjson_get_sint(value) : otherwise;
}

double monitoring_get_number(yyjson_val *object, const char *key, double otherwise)
{
    yyjson_val *value = get(object, key);
    return value ? yyjson_get_num(value) : otherwise;
}

bool monitoring_get_bool(yyjson_val *object, const char *key, bool otherwise)
{
    yyjson_val *value = get(object, key);
    return value ? yyjson_get_bool(value) : otherwise;
}

/* --- writing ---------------------------------------------------------------------------------------- */

bool monitoring_add_str(struct monitoring_request *request, yyjson_mut_val *object, const char *key, struct str value)
{
    if (!value.data)
        return true;
    yyjson_mut_val *text = yyjson_mut_strncpy(request->reply, value.data, value.len);
    return text && yyjson_mut_obj_add(object, yyjson_mut_str(request->reply, key), text);
}

bool monitoring_add_time(struct monitoring_request *request, yyjson_mut_val *object, const char *key, uint64_t us)
{
    const uint64_t ms = us / 1000;
    yyjson_mut_val *time = ms % 1000 ? yyjson_mut_real(request->reply, (double)ms / 1000)
                                     : yyjson_mut_uint(request->reply, ms / 1000);
    return time && yyjson_mut_obj_add(object, yyjson_mut_str(request->reply, key), time);
}

/* --- tokens ----------------------------------------------------------------------------------------- */

/* The checksum is of this process's kind: a token is good as long as its list is. */
static uint64_t seal_of(const struct monitoring_request *request, struct str what, uint64_t position)
{
    return str_hash(what) ^ str_hash(request->tenant) * 31 ^ str_hash(str_of(request->operation->name)) * 37 ^
           (position + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

bool monitoring_add_token(struct monitoring_request *request, struct str what, uint64_t position)
{
    char text[2 * 16 + 1];
    (void)snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, position, seal_of(request, what, position));
    return monitoring_add_str(request, request->output, "NextToken", str_of(text));
}

static bool take_hex(struct str text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        *number = *number << 4 | (unsigned)digit;
    }
    return true;
}

enum error_code monitoring_read_token(struct monitoring_request *request, struct str what, uint64_t *position,
                                      struct error *error)
{
    uint64_t seal;
    const struct str token = monitoring_get_str(request->input, "NextToken");
    *position = 0;
    if (!token.data)
        return OK;
    if (token.len == 32 && take_hex(str_slice(token, 0, 16), position) && take_hex(str_slice(token, 16, 32), &seal) &&
        seal == seal_of(request, what, *position))
        return OK;
    return monitoring_fail(request, FAULT_NEXT_TOKEN, error,
                           "NextToken is not one that this question was answered with; ask again without it.");
}
