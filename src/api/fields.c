/* fields.c - typed reads of members with the service's words where they fail. See fields.h. */
#include "api/fields.h"

#include <stdarg.h>
#include <stdio.h>

#include "chat/traits.h"
#include "core/limits.h"

#define CHARACTER_BYTES_MAX 4

struct field_path field_path_index(const char *where, const char *key, size_t index)
{
    struct field_path path;
    snprintf(path.text, sizeof(path.text), "%s%s%s[%zu]", where, *where && *key ? "." : "", key, index);
    return path;
}

struct field_path field_path_member(const char *where, const char *key)
{
    struct field_path path;
    snprintf(path.text, sizeof(path.text), "%s%s%s", where, *where && *key ? "." : "", key);
    return path;
}

enum error_code field_error(struct error *error, const char *where, const char *key, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct field_path path = field_path_member(where, key);
    return error_set(error, ERROR_INVALID, "%s%s%s", path.text, path.text[0] ? ": " : "", message);
}

int fields_index(struct str name, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (str_eq(name, str_of(names[i])))
            return i;
    return -1;
}

/* "a, b, c" for messages. */
static void list_names(const char *const *names, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; names[i] && len < cap; i++) {
        int more = snprintf(out + len, cap - len, "%s%s", i ? ", " : "", names[i]);
        len += more > 0 ? (size_t)more : 0;
    }
}

static enum error_code unknown_member(const char *where, struct str name, const char *const *names,
                                      struct error *error)
{
    char known[256];
    list_names(names, known, sizeof(known));
    return field_error(error, where, "", "unknown member '%.*s'; known are %s", (int)(name.len > 64 ? 64 : name.len),
                       name.data, known);
}

enum error_code fields_known(struct ignored *ignored, yyjson_val *object, const char *where, const char *const *names,
                             struct error *error)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct str name = json_str(key);
        if (fields_index(name, names) >= 0)
            continue;
        if (!ignored)
            return unknown_member(where, name, names, error);
        if (!yyjson_is_null(yyjson_obj_iter_get_val(key)))
            ignored_note(ignored, where, name, CHAT_NEED_EXTRAS);
    }
    return OK;
}

enum error_code fields_refuse(yyjson_val *object, const char *where, const struct field_absent *absent, size_t count,
                              struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = yyjson_obj_get(object, absent[i].key);
        bool is_empty = yyjson_is_null(value) || (yyjson_is_arr(value) && yyjson_arr_size(value) == 0);
        if (value && !is_empty)
            return field_error(error, where, absent[i].key, "%s", absent[i].why);
    }
    return OK;
}

/* No member of a union was one that is known: the one that is there says best what is wrong. */
static enum error_code no_member(yyjson_val *object, const char *where, const char *const *names, struct error *error)
{
    char known[256];
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (fields_index(json_str(key), names) < 0)
            return unknown_member(where, json_str(key), names, error);
    list_names(names, known, sizeof(known));
    return field_error(error, where, "", "exactly one of %s must be given", known);
}

enum error_code fields_union(struct ignored *ignored, yyjson_val *object, const char *where, const char *const *names,
                             size_t *which, yyjson_val **value, struct error *error)
{
    char known[256];
    if (!yyjson_is_obj(object))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(object));
    *value = NULL;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *member = yyjson_obj_iter_get_val(key);
        int index = fields_index(json_str(key), names);
        if (yyjson_is_null(member) || index < 0)
            continue;
        list_names(names, known, sizeof(known));
        if (*value)
            return field_error(error, where, "", "exactly one of %s must be given, not several", known);
        *value = member;
        *which = (size_t)index;
    }
    return *value ? fields_known(ignored, object, where, names, error) : no_member(object, where, names, error);
}

enum error_code fields_enum(yyjson_val *object, const char *where, const char *key, const char *const *names,
                            int *which, struct error *error)
{
    struct str value = {0};
    bool present;
    *which = -1;
    enum error_code code = json_get_str(object, where, key, &value, &present, error);
    if (code != OK || !present)
        return code;
    *which = fields_index(value, names);
    if (*which >= 0)
        return OK;
    char known[256];
    list_names(names, known, sizeof(known));
    return field_error(error, where, key, "must be one of %s", known);
}

static enum error_code missing(const char *where, const char *key, struct error *error)
{
    return field_error(error, where, key, "required and missing");
}

enum error_code fields_need_object(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                   struct error *error)
{
    enum error_code code = json_get_object(object, where, key, value, error);
    return code == OK && !*value ? missing(where, key, error) : code;
}

enum error_code fields_need_array(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                  struct error *error)
{
    enum error_code code = json_get_array(object, where, key, value, error);
    return code == OK && !*value ? missing(where, key, error) : code;
}

uint64_t fields_count(yyjson_val *object, const char *key)
{
    struct error ignored;
    int64_t value = 0;
    return json_get_int(object, "", key, 0, INT64_MAX, &value, NULL, &ignored) == OK ? (uint64_t)value : 0;
}

size_t fields_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.data[i] & 0xC0) != 0x80;
    return count;
}

enum error_code fields_get_str(yyjson_val *object, const char *where, const char *key, size_t low, size_t high,
                               struct str *value, bool *present, struct error *error)
{
    bool is_there = false;
    enum error_code code = json_get_str(object, where, key, value, &is_there, error);
    if (present)
        *present = is_there;
    if (code != OK || !is_there)
        return code;
    if (value->len / CHARACTER_BYTES_MAX >= low && value->len <= high) /* however many bytes each has */
        return OK;
    size_t characters = fields_characters(*value);
    if (characters < low)
        return field_error(error, where, key, "must have at least %zu character%s", low, low == 1 ? "" : "s");
    if (characters > high)
        return field_error(error, where, key, "must have at most %zu characters, has %zu", high, characters);
    return OK;
}

enum error_code fields_need_str(yyjson_val *object, const char *where, const char *key, size_t low, size_t high,
                                struct str *value, struct error *error)
{
    bool present;
    enum error_code code = fields_get_str(object, where, key, low, high, value, &present, error);
    return code == OK && !present ? missing(where, key, error) : code;
}

enum error_code fields_get_top_p(yyjson_val *object, const char *where, const char *key, double *top_p, bool *present,
                                 struct error *error)
{
    const double smallest = 1e-6;
    enum error_code code = json_get_number(object, where, key, 0, 1, top_p, present, error);
    if (*top_p < smallest)
        *top_p = smallest;
    return code;
}

bool fields_alphabet(struct str text, const char *more)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || !strchr(more, c)))
            return false;
    }
    return true;
}

bool fields_is_name(struct str text, const char *more)
{
    bool may_be_mark = false;
    for (size_t i = 0; i < text.len; i++) {
        const bool is_mark = strchr(" _-", text.data[i]) != NULL && text.data[i] != '\0';
        if (is_mark ? !may_be_mark : !fields_alphabet(str_slice(text, i, i + 1), more))
            return false;
        may_be_mark = !is_mark;
    }
    return text.len > 0;
}

bool fields_is_blank(struct str text)
{
    return str_trim(text).len == 0;
}

static void *arena_json_alloc(void *ctx, size_t size)
{
    return arena_alloc(ctx, size);
}

static void *arena_json_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    void *grown = arena_alloc(ctx, size);
    if (grown && ptr)
        memcpy(grown, ptr, old_size < size ? old_size : size);
    return grown;
}

static void arena_json_free(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr;
}

yyjson_alc fields_arena_alc(struct arena *arena)
{
    return (yyjson_alc){arena_json_alloc, arena_json_realloc, arena_json_free, arena};
}

/* json_parse_exact checks depth and places the errors; its document can't live in an
 * arena, so good text is read once more, into it. */
enum error_code fields_parse_inner(struct str text, struct arena *arena, yyjson_val **value, struct error *error)
{
    yyjson_doc *doc;
    enum error_code code = json_parse_exact(text, &doc, error);
    if (code != OK)
        return code;
    json_free(doc);
    yyjson_alc alc = fields_arena_alc(arena);
    doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len, JSON_READ_EXACT, &alc, NULL);
    if (!doc)
        return error_no_memory(error);
    *value = yyjson_doc_get_root(doc);
    return OK;
}

enum error_code fields_json_text(yyjson_val *value, struct arena *arena, struct str *text, struct error *error)
{
    struct buf buf;
    buf_init(&buf, (size_t)limit(body_bytes) * 2);
    bool is_copied = json_append(&buf, value) && arena_str(arena, buf_str(&buf), text);
    buf_deinit(&buf);
    return is_copied ? OK : error_no_memory(error);
}

enum error_code fields_base64(struct str text, const char *where, const char *key, struct arena *arena,
                              struct str *bytes, struct error *error)
{
    struct buf buf;
    buf_init(&buf, text.len + 4);
    if (!base64_decode(text, &buf)) {
        bool is_memory = buf.failed;
        buf_deinit(&buf);
        return is_memory ? error_no_memory(error) : field_error(error, where, key, "is not base64");
    }
    bool is_copied = arena_str(arena, buf_str(&buf), bytes);
    buf_deinit(&buf);
    return is_copied ? OK : error_no_memory(error);
}
