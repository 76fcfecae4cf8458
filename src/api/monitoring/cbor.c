/* cbor.c - see cbor.h. Reading goes straight to JSON text, so that one parser builds documents and holds its bounds of
 * depth and memory whatever they came as. */
#include "api/monitoring/cbor.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/limits.h"

enum major { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };

#define INDEFINITE 31
#define BREAK 0xff

struct reader {
    const uint8_t *at, *begin, *end;
    struct buf *json;
    struct error *error;
};

/* --- reading ---------------------------------------------------------------------------------------- */

static enum error_code broken(const struct reader *reader, const char *what)
{
    return error_set(reader->error, ERROR_INVALID, "The body is not CBOR that can be read: %s at byte %zu.", what,
                     (size_t)(reader->at - reader->begin));
}

struct head {
    enum major major;
    unsigned info; /* of the first byte: below 24 the number itself, 24 to 27 its width, 31 no length */
    uint64_t number;
};

static enum error_code take_head(struct reader *reader, struct head *head)
{
    if (reader->at == reader->end)
        return broken(reader, "it ends too early");
    head->major = (enum major)(*reader->at >> 5);
    head->info = *reader->at & 31;
    head->number = head->info;
    if (head->info > 27 && head->info != INDEFINITE)
        return broken(reader, "a reserved length");
    reader->at++;
    if (head->info < 24 || head->info == INDEFINITE)
        return OK;
    const size_t width = (size_t)1 << (head->info - 24);
    if ((size_t)(reader->end - reader->at) < width)
        return broken(reader, "it ends too early");
    head->number = 0;
    for (size_t i = 0; i < width; i++)
        head->number = head->number << 8 | *reader->at++;
    return OK;
}

static double half(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const double mantissa = (double)(bits & 1023), sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return mantissa != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24));
}

static double number_of(const struct head *head)
{
    float single;
    double whole;
    const uint32_t bits = (uint32_t)head->number;
    if (head->info == 25)
        return half(head->number);
    if (head->info == 26) {
        memcpy(&single, &bits, sizeof(single));
        return (double)single;
    }
    memcpy(&whole, &head->number, sizeof(whole));
    return whole;
}

static enum error_code read_simple(struct reader *reader, const struct head *head)
{
    switch (head->info) {
    case 20: buf_append_text(reader->json, "false"); return OK;
    case 21: buf_append_text(reader->json, "true"); return OK;
    case 22:
    case 23: buf_append_text(reader->json, "null"); return OK;
    case 25:
    case 26:
    case 27: break;
    default: return broken(reader, head->info == INDEFINITE ? "a break without a beginning" : "an unknown value");
    }
    const double number = number_of(head);
    if (!isfinite(number))
        return broken(reader, "a number that is none, or infinite,");
    buf_appendf(reader->json, "%.17g", number);
    return OK;
}

static enum error_code take_bytes(struct reader *reader, uint64_t len, struct buf *into)
{
    if ((uint64_t)(reader->end - reader->at) < len)
        return broken(reader, "it ends too early");
    buf_append(into, reader->at, (size_t)len);
    reader->at += len;
    return OK;
}

static bool take_break(struct reader *reader)
{
    if (reader->at == reader->end || *reader->at != BREAK)
        return false;
    reader->at++;
    return true;
}

/* Of one piece or of several, which are of the same kind and of definite length. */
static enum error_code collect(struct reader *reader, const struct head *head, struct buf *whole)
{
    enum error_code code = OK;
    if (head->info != INDEFINITE)
        return take_bytes(reader, head->number, whole);
    while (code == OK && !take_break(reader)) {
        struct head piece;
        code = take_head(reader, &piece);
        if (code == OK && (piece.major != head->major || piece.info == INDEFINITE))
            code = broken(reader, "a piece of another kind");
        if (code == OK)
            code = take_bytes(reader, piece.number, whole);
    }
    return code;
}

static enum error_code read_string(struct reader *reader, const struct head *head)
{
    struct buf whole;
    buf_init(&whole, (size_t)(reader->end - reader->begin));
    enum error_code code = collect(reader, head, &whole);
    if (code == OK && whole.failed)
        code = error_no_memory(reader->error);
    if (code == OK && head->major == MAJOR_TEXT && !str_is_utf8(buf_str(&whole)))
        code = broken(reader, "text that is not UTF-8 ends");
    if (code == OK && head->major == MAJOR_TEXT) {
        buf_append_json(reader->json, buf_str(&whole));
    } else if (code == OK) {
        buf_append_char(reader->json, '"');
        buf_append_base64(reader->json, whole.data, whole.len);
        buf_append_char(reader->json, '"');
    }
    buf_deinit(&whole);
    return code;
}

static enum error_code read_item(struct reader *reader, unsigned depth);

static enum error_code read_key(struct reader *reader)
{
    struct head head;
    enum error_code code = take_head(reader, &head);
    if (code == OK && head.major != MAJOR_TEXT)
        code = broken(reader, "a key that is not text");
    if (code == OK)
        code = read_string(reader, &head);
    buf_append_char(reader->json, ':');
    return code;
}

static enum error_code read_parts(struct reader *reader, const struct head *head, unsigned depth)
{
    const bool is_map = head->major == MAJOR_MAP;
    enum error_code code = OK;
    if (depth >= LIMIT_JSON_DEPTH)
        return broken(reader, "deeper than can be read");
    buf_append_char(reader->json, is_map ? '{' : '[');
    for (uint64_t i = 0; code == OK && (head->info == INDEFINITE ? !take_break(reader) : i < head->number); i++) {
        if (i > 0)
            buf_append_char(reader->json, ',');
        if (is_map)
            code = read_key(reader);
        if (code == OK)
            code = read_item(reader, depth + 1);
        if (code == OK && reader->json->failed)
            code = error_no_memory(reader->error);
    }
    buf_append_char(reader->json, is_map ? '}' : ']');
    return code;
}

static enum error_code read_integer(struct reader *reader, const struct head *head)
{
    if (head->info == INDEFINITE)
        return broken(reader, "a number without a length");
    if (head->major == MAJOR_UINT)
        buf_append_u64(reader->json, head->number);
    else if (head->number <= INT64_MAX)
        buf_append_i64(reader->json, -1 - (int64_t)head->number);
    else
        buf_appendf(reader->json, "%.17g", -1 - (double)head->number);
    return OK;
}

static enum error_code read_item(struct reader *reader, unsigned depth)
{
    struct head head;
    enum error_code code = take_head(reader, &head);
    for (unsigned tags = 0; code == OK && head.major == MAJOR_TAG; tags++) {
        if (head.info == INDEFINITE || tags >= LIMIT_JSON_DEPTH)
            return broken(reader, "a tag of nothing");
        code = take_head(reader, &head);
    }
    if (code != OK)
        return code;
    switch (head.major) {
    case MAJOR_UINT:
    case MAJOR_NEGATIVE: return read_integer(reader, &head);
    case MAJOR_BYTES:
    case MAJOR_TEXT: return read_string(reader, &head);
    case MAJOR_ARRAY:
    case MAJOR_MAP: return read_parts(reader, &head, depth);
    default: return read_simple(reader, &head);
    }
}

enum error_code cbor_read(struct str bytes, struct buf *json, struct error *error)
{
    const uint8_t *begin = (const uint8_t *)bytes.data;
    if (bytes.len == 0) {
        buf_append_text(json, "{}");
        return json->failed ? error_no_memory(error) : OK;
    }
    struct reader reader = {.at = begin, .begin = begin, .end = begin + bytes.len, .json = json, .error = error};
    enum error_code code = read_item(&reader, 0);
    if (code == OK && reader.at != reader.end)
        code = broken(&reader, "there is more behind its end,");
    return code == OK && json->failed ? error_no_memory(error) : code;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void append_head(struct buf *out, enum major major, uint64_t number)
{
    const unsigned kind = (unsigned)major << 5;
    if (number < 24) {
        buf_append_char(out, (char)(kind | number));
        return;
    }
    const unsigned log = number <= UINT8_MAX ? 0 : number <= UINT16_MAX ? 1 : number <= UINT32_MAX ? 2 : 3;
    buf_append_char(out, (char)(kind | (24 + log)));
    for (int byte = (1 << log) - 1; byte >= 0; byte--)
        buf_append_char(out, (char)(number >> 8 * byte & 0xff));
}

static void append_text(struct buf *out, const char *text, size_t len)
{
    append_head(out, MAJOR_TEXT, len);
    buf_append(out, text, len);
}

static void append_double(struct buf *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    bits = htobe64(bits);
    buf_append_char(out, (char)(MAJOR_SIMPLE << 5 | 27));
    buf_append(out, &bits, sizeof(bits));
}

/* By the shape: a list of doubles has nothing else in it, however round its numbers are. */
static void append_number(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    if (shape && shape->kind == SHAPE_TIMESTAMP)
        append_head(out, MAJOR_TAG, 1);
    if (yyjson_mut_is_real(value) || (shape && shape->kind == SHAPE_NUMBER))
        append_double(out, yyjson_mut_get_num(value));
    else if (yyjson_mut_is_sint(value) && yyjson_mut_get_sint(value) < 0)
        append_head(out, MAJOR_NEGATIVE, (uint64_t)(-1 - yyjson_mut_get_sint(value)));
    else
        append_head(out, MAJOR_UINT, yyjson_mut_get_uint(value));
}

static void append_map(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    size_t i, max;
    yyjson_mut_val *key, *part;
    append_head(out, MAJOR_MAP, yyjson_mut_obj_size(value));
    yyjson_mut_obj_foreach(value, i, max, key, part)
    {
        const struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        const struct shape *inner = !shape                       ? NULL
                                    : shape->kind == SHAPE_MAP   ? shape->of
                                    : shape->kind == SHAPE_STRUCTURE ? shape_find(shape, name)
                                                                     : NULL;
        append_text(out, name.data, name.len);
        cbor_append(out, inner, part);
    }
}

static void append_array(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    size_t i, max;
    yyjson_mut_val *part;
    append_head(out, MAJOR_ARRAY, yyjson_mut_arr_size(value));
    yyjson_mut_arr_foreach(value, i, max, part)
    {
        cbor_append(out, shape && shape->kind == SHAPE_LIST ? shape->of : NULL, part);
    }
}

void cbor_append(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    switch (yyjson_mut_get_type(value)) {
    case YYJSON_TYPE_STR: append_text(out, yyjson_mut_get_str(value), yyjson_mut_get_len(value)); break;
    case YYJSON_TYPE_NUM: append_number(out, shape, value); break;
    case YYJSON_TYPE_BOOL: buf_append_char(out, (char)(yyjson_mut_get_bool(value) ? 0xf5 : 0xf4)); break;
    case YYJSON_TYPE_ARR: append_array(out, shape, value); break;
    case YYJSON_TYPE_OBJ: append_map(out, shape, value); break;
    default: buf_append_char(out, (char)0xf6);
    }
}
