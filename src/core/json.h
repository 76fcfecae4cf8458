/* json.h - yyjson with the guards a server needs: a depth pass, a capped
 * allocator, and typed getters whose errors name the field's path.
 * Any thread; a document belongs to one thread at a time. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "core/buf.h"
#include "core/exact.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

/* Parses `text` strictly (UTF-8 checked, no comments, no trailing bytes).
 * Depth over LIMIT_JSON_DEPTH, memory over 8 bytes per byte of text plus
 * 1 MiB, and malformed text are ERROR_INVALID with line and column.
 * The document owns its memory; json_free(NULL) is legal. */
enum error_code json_parse(struct str text, yyjson_doc **doc, struct error *error) WARN_UNUSED;
/* The same of what this program has stored: where it is no JSON, the store is at fault and not who asks
 * (ERROR_INTERNAL). */
enum error_code json_parse_stored(struct str text, yyjson_doc **doc, struct error *error) WARN_UNUSED;
/* The same with numbers kept as the text that they were written as (yyjson's
 * RAW values), for documents that are printed again: bodies, records of batch
 * jobs, arguments. yyjson's own number functions see no number in it; what is
 * below does, in documents of both kinds. */
enum error_code json_parse_exact(struct str text, yyjson_doc **doc, struct error *error) WARN_UNUSED;
#define JSON_READ_EXACT YYJSON_READ_NUMBER_AS_RAW /* for those who call yyjson themselves */
void json_free(yyjson_doc *doc);
/* The inside of the Markdown fence (```json ... ```) that many models put around JSON, where that is all there is; else
 * the text, both without white space at their ends. */
struct str json_without_fence(struct str text);
/* How many bytes json_parse will need for this text, about: it looks at each byte once. */
size_t json_cost(struct str text);

static inline bool json_is_number(yyjson_val *val)
{
    return yyjson_is_num(val) || yyjson_is_raw(val);
}
/* False unless `val` is a number that struct exact can hold. */
bool json_exact(yyjson_val *val, struct exact *value);
bool json_is_whole(yyjson_val *val); /* a number without a fraction, however written */

static inline struct str json_str(yyjson_val *val) /* empty unless a string */
{
    return yyjson_is_str(val) ? (struct str){yyjson_get_str(val), yyjson_get_len(val)} : (struct str){NULL, 0};
}

/* Getters. `where` is the path of `object` for messages ("messages[0]", "" at
 * the root). A missing or null member leaves *value untouched and gives OK
 * with *present (may be NULL) false; a wrong type is ERROR_INVALID, e.g.
 * "inferenceConfig.maxTokens: expected an integer, got a string". */
enum error_code json_get_str(yyjson_val *object, const char *where, const char *key, struct str *value,
                             bool *present, struct error *error) WARN_UNUSED;
enum error_code json_get_bool(yyjson_val *object, const char *where, const char *key, bool *value,
                              bool *present, struct error *error) WARN_UNUSED;
enum error_code json_get_int(yyjson_val *object, const char *where, const char *key, int64_t low, int64_t high,
                             int64_t *value, bool *present, struct error *error) WARN_UNUSED;
enum error_code json_get_number(yyjson_val *object, const char *where, const char *key, double low, double high,
                                double *value, bool *present, struct error *error) WARN_UNUSED;
enum error_code json_get_object(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                struct error *error) WARN_UNUSED; /* NULL when absent */
enum error_code json_get_array(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                               struct error *error) WARN_UNUSED;
const char *json_type_name(yyjson_val *val); /* "a string", "an object", ... */

/* Appends the compact text of `val` (order of keys kept). */
bool json_append(struct buf *buf, yyjson_val *val);

/* `,"name":"value"`: a member of an object that has one before it. */
bool json_append_member(struct buf *buf, const char *name, struct str value);
/* The same of a time by clock_wall_us(), ISO 8601; 0: there is none, nothing is appended. */
bool json_append_time_member(struct buf *buf, const char *name, uint64_t us);
/* The same of the member of `object` with that name, as it stands there; nothing where it is missing or null. */
bool json_append_same_member(struct buf *buf, const char *name, yyjson_val *object);

/* yyjson_arr_foreach and yyjson_obj_foreach for what may be no array or object, or NULL: the library's own compute with
 * the null pointer then. */
#define json_arr_foreach(arr, idx, max, val)                                                                  \
    if (!yyjson_is_arr(arr)) {                                                                                \
    } else                                                                                                    \
        yyjson_arr_foreach(arr, idx, max, val)
#define json_obj_foreach(obj, idx, max, key, val)                                                             \
    if (!yyjson_is_obj(obj)) {                                                                                \
    } else                                                                                                    \
        yyjson_obj_foreach(obj, idx, max, key, val)

#endif
