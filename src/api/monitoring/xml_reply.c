/* xml_reply.c - see xml_reply.h. Knows no operation: what surrounds a result, call.c writes. */
#include "api/monitoring/xml_reply.h"

#include <inttypes.h>

#include "core/util.h"
#include "core/xml.h"

static void append_element(struct buf *out, const char *name, const struct shape *shape, yyjson_mut_val *value)
{
    buf_appendf(out, "<%s>", name);
    xml_reply_append(out, shape, value);
    buf_appendf(out, "</%s>", name);
}

static void append_number(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    const double number = yyjson_mut_get_num(value);
    char iso[TIMESTAMP_LEN + 1];
    if (shape && shape->kind == SHAPE_TIMESTAMP) {
        clock_iso8601((uint64_t)(number * 1e6), iso);
        buf_append_text(out, iso);
    } else if (yyjson_mut_is_sint(value)) {
        buf_append_i64(out, yyjson_mut_get_sint(value));
    } else if (yyjson_mut_is_uint(value)) {
        buf_append_u64(out, yyjson_mut_get_uint(value));
    } else {
        buf_appendf(out, "%.17g", number);
    }
}

static void append_object(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    size_t i, max;
    yyjson_mut_val *key, *part;
    const bool is_map = shape && shape->kind == SHAPE_MAP;
    yyjson_mut_obj_foreach(value, i, max, key, part)
    {
        const struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        if (is_map) {
            buf_append_text(out, "<entry>");
            xml_append(out, "key", name);
            append_element(out, "value", shape->of, part);
            buf_append_text(out, "</entry>");
        } else if (shape && shape->kind == SHAPE_STRUCTURE) {
            append_element(out, name.data, shape_find(shape, name), part);
        }
    }
}

void xml_reply_append(struct buf *out, const struct shape *shape, yyjson_mut_val *value)
{
    size_t i, max;
    yyjson_mut_val *part;
    switch (yyjson_mut_get_type(value)) {
    case YYJSON_TYPE_STR:
        xml_append_text(out, (struct str){yyjson_mut_get_str(value), yyjson_mut_get_len(value)});
        break;
    case YYJSON_TYPE_NUM: append_number(out, shape, value); break;
    case YYJSON_TYPE_BOOL: buf_append_text(out, yyjson_mut_get_bool(value) ? "true" : "false"); break;
    case YYJSON_TYPE_OBJ: append_object(out, shape, value); break;
    case YYJSON_TYPE_ARR:
        yyjson_mut_arr_foreach(value, i, max, part)
        {
            append_element(out, "member", shape ? shape->of : NULL, part);
        }
        break;
    default: break;
    }
}
