/* json.c - depth and memory are bounded before and while yyjson parses; typed reads with the path in their errors.
 * See json.h. */
#include "core/json.h"

#include <stdlib.h>

#include "core/limits.h"
#include "core/util.h"

/* yyjson has no limits of its own: a body of `[[[[...` recurses nowhere but
 * makes a document nobody wants to walk, and 25 MB of `0,` becomes 200 MB. So
 * depth is checked in a pass before, and memory comes from a capped allocator.
 * The allocator must live as long as its document: it is the document's
 * prefix, found again through the document's own allocator context. */
struct capped_allocator {
    yyjson_alc alc;
    size_t used, max;
    bool is_out; /* there is no memory at all, whatever the text may have */
};

struct capped_block {
    size_t size;
    _Alignas(16) char data[];
};

static void *capped_malloc(void *ctx, size_t size)
{
    struct capped_allocator *allocator = ctx;
    if (size > allocator->max || allocator->used > allocator->max - size)
        return NULL;
    struct capped_block *block = mem_alloc(sizeof(*block) + size);
    allocator->is_out = allocator->is_out || !block;
    if (!block)
        return NULL;
    block->size = size;
    allocator->used += size;
    return block->data;
}

static struct capped_block *block_of(void *ptr)
{
    return (struct capped_block *)(void *)((char *)ptr - offsetof(struct capped_block, data));
}

static void *capped_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    struct capped_allocator *allocator = ctx;
    (void)old_size;
    struct capped_block *block = block_of(ptr);
    size_t others = allocator->used - block->size;
    if (size > allocator->max || others > allocator->max - size)
        return NULL;
    struct capped_block *grown = mem_realloc(block, sizeof(*block) + size);
    allocator->is_out = allocator->is_out || !grown;
    if (!grown)
        return NULL;
    grown->size = size;
    allocator->used = others + size;
    return grown->data;
}

static void capped_free(void *ctx, void *ptr)
{
    struct capped_allocator *allocator = ctx;
    if (!ptr)
        return;
    allocator->used -= block_of(ptr)->size;
    mem_free(block_of(ptr));
}

/* Where the string ends that begins before `at`: behind its closing quote, or at the text's end. A quote belongs to
 * the string when an odd number of backslashes stands before it. Most of a large body is one string, so the C library,
 * which takes many bytes at a time, looks for quotes. */
static size_t string_end(struct str text, size_t at)
{
    const size_t from = at;
    const char *quote;
    while (at < text.len && (quote = memchr(text.data + at, '"', text.len - at))) {
        const size_t place = (size_t)(quote - text.data);
        size_t before = place;
        while (before > from && text.data[before - 1] == '\\')
            before--;
        if ((place - before) % 2 == 0)
            return place + 1;
        at = place + 1;
    }
    return text.len;
}

size_t json_cost(struct str text)
{
    size_t values = 1; /* each stands before a comma or a colon, or opens a container */
    for (size_t i = 0; i < text.len;) {
        const char c = text.data[i++];
        if (c == '"')
            i = string_end(text, i);
        else
            values += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return text.len + values * sizeof(yyjson_val);
}

static bool depth_is_ok(struct str text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.len;) {
        const char c = text.data[i++];
        if (c == '"') {
            i = string_end(text, i);
        } else if (c == '[' || c == '{') {
            if (++depth > LIMIT_JSON_DEPTH)
                return false;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static enum error_code parse_failed(struct str text, const yyjson_read_err *reason, struct error *error)
{
    size_t line = 0, column = 0, character = 0;
    if (reason->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_set(error, ERROR_INVALID, "JSON needs more memory than its size allows");
    if (!yyjson_locate_pos(text.data, text.len, reason->pos, &line, &column, &character))
        return error_set(error, ERROR_INVALID, "malformed JSON: %s", reason->msg);
    return error_set(error, ERROR_INVALID, "malformed JSON at line %zu, column %zu: %s", line, column, reason->msg);
}

static enum error_code parse(struct str text, yyjson_read_flag flags, yyjson_doc **doc, struct error *error)
{
    *doc = NULL;
    if (text.len == 0)
        return error_set(error, ERROR_INVALID, "malformed JSON: the body is empty");
    if (!depth_is_ok(text))
        return error_set(error, ERROR_INVALID, "JSON nested deeper than %d levels", LIMIT_JSON_DEPTH);
    struct capped_allocator *allocator = mem_alloc(sizeof(*allocator));
    if (!allocator)
        return error_no_memory(error);
    *allocator = (struct capped_allocator){
        .alc = {capped_malloc, capped_realloc, capped_free, allocator},
        .max = text.len * 8 + (1 << 20),
    };
    yyjson_read_err reason;
    /* yyjson reads from const memory unless YYJSON_READ_INSITU is given; its
     * prototype predates that promise. */
    char *bytes = (char *)(uintptr_t)text.data;
    *doc = yyjson_read_opts(bytes, text.len, flags, &allocator->alc, &reason);
    if (*doc)
        return OK;
    const bool is_out = allocator->is_out;
    mem_free(allocator);
    return is_out ? error_no_memory(error) : parse_failed(text, &reason, error);
}

enum error_code json_parse(struct str text, yyjson_doc **doc, struct error *error)
{
    return parse(text, YYJSON_READ_NOFLAG, doc, error);
}

enum error_code json_parse_stored(struct str text, yyjson_doc **doc, struct error *error)
{
    enum error_code code = json_parse(text, doc, error);
    if (code == ERROR_INVALID)
        error->code = code = ERROR_INTERNAL;
    return code;
}

enum error_code json_parse_exact(struct str text, yyjson_doc **doc, struct error *error)
{
    return parse(text, JSON_READ_EXACT, doc, error);
}

struct str json_without_fence(struct str text)
{
    const struct str fence = STR("```");
    text = str_trim(text);
    const ptrdiff_t line = str_find_char(text, '\n', 0);
    if (!str_starts(text, fence) || !str_ends(text, fence) || line < 0 || (size_t)line + fence.len >= text.len)
        return text;
    return str_trim(str_slice(text, (size_t)line, text.len - fence.len));
}

void json_free(yyjson_doc *doc)
{
    if (!doc)
        return;
    struct capped_allocator *allocator = doc->alc.ctx;
    yyjson_doc_free(doc);
    mem_free(allocator);
}

const char *json_type_name(yyjson_val *val)
{
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_NULL: return "null";
    case YYJSON_TYPE_BOOL: return "a boolean";
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW: return "a number";
    case YYJSON_TYPE_STR: return "a string";
    case YYJSON_TYPE_ARR: return "an array";
    case YYJSON_TYPE_OBJ: return "an object";
    default: return "nothing";
    }
}

static enum error_code wrong_type(const char *where, const char *key, const char *expected, yyjson_val *val,
                                  struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s%s%s: expected %s, got %s", where, *where ? "." : "", key, expected,
                     json_type_name(val));
}

/* The member, or NULL when it is absent or null; notes presence. */
static yyjson_val *member(yyjson_val *object, const char *key, bool *present)
{
    yyjson_val *val = yyjson_obj_get(object, key);
    if (yyjson_is_null(val))
        val = NULL;
    if (present)
        *present = val != NULL;
    return val;
}

enum error_code json_get_str(yyjson_val *object, const char *where, const char *key, struct str *value, bool *present,
                             struct error *error)
{
    yyjson_val *val = member(object, key, present);
    if (!val)
        return OK;
    if (!yyjson_is_str(val))
        return wrong_type(where, key, "a string", val, error);
    *value = json_str(val);
    return OK;
}

enum error_code json_get_bool(yyjson_val *object, const char *where, const char *key, bool *value, bool *present,
                              struct error *error)
{
    yyjson_val *val = member(object, key, present);
    if (!val)
        return OK;
    if (!yyjson_is_bool(val))
        return wrong_type(where, key, "a boolean", val, error);
    *value = yyjson_get_bool(val);
    return OK;
}

static struct str raw_text(yyjson_val *val)
{
    return (struct str){yyjson_get_raw(val), yyjson_get_len(val)};
}

/* 100.0 is an integer too: JSON knows one kind of number, and serialisers of several languages write them so.
 * *is_huge when a whole number does not fit. */
static bool integer_of(yyjson_val *val, int64_t *number, bool *is_huge)
{
    const double two_to_63 = 9223372036854775808.0;
    struct exact value;
    double real = yyjson_get_real(val);
    *is_huge = false;
    if (yyjson_is_raw(val)) {
        bool is_whole = exact_parse(raw_text(val), &value) && exact_is_whole(&value);
        *is_huge = is_whole && !exact_to_i64(&value, number);
        return is_whole;
    }
    if (yyjson_is_real(val)) {
        bool is_whole = real >= -two_to_63 && real < two_to_63 && real == (double)(int64_t)real;
        *number = is_whole ? (int64_t)real : 0;
        return is_whole;
    }
    *is_huge = yyjson_is_uint(val) && yyjson_get_uint(val) > (uint64_t)INT64_MAX;
    *number = *is_huge ? INT64_MAX : yyjson_get_sint(val);
    return yyjson_is_int(val);
}

enum error_code json_get_int(yyjson_val *object, const char *where, const char *key, int64_t low, int64_t high,
                             int64_t *value, bool *present, struct error *error)
{
    int64_t number = 0;
    bool is_huge = false;
    yyjson_val *val = member(object, key, present);
    if (!val)
        return OK;
    if (!integer_of(val, &number, &is_huge))
        return wrong_type(where, key, "an integer", val, error);
    if (is_huge || number < low || number > high)
        return error_set(error, ERROR_INVALID, "%s%s%s: must be between %lld and %lld", where, *where ? "." : "", key,
                         (long long)low, (long long)high);
    *value = number;
    return OK;
}

enum error_code json_get_number(yyjson_val *object, const char *where, const char *key, double low, double high,
                                double *value, bool *present, struct error *error)
{
    yyjson_val *val = member(object, key, present);
    if (!val)
        return OK;
    if (!json_is_number(val))
        return wrong_type(where, key, "a number", val, error);
    double number = yyjson_is_raw(val) ? strtod(yyjson_get_raw(val), NULL) : yyjson_get_num(val);
    if (!(number >= low && number <= high))
        return error_set(error, ERROR_INVALID, "%s%s%s: must be between %g and %g", where, *where ? "." : "", key, low,
                         high);
    *value = number;
    return OK;
}

enum error_code json_get_object(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                struct error *error)
{
    *value = member(object, key, NULL);
    if (*value && !yyjson_is_obj(*value))
        return wrong_type(where, key, "an object", *value, error);
    return OK;
}

enum error_code json_get_array(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                               struct error *error)
{
    *value = member(object, key, NULL);
    if (*value && !yyjson_is_arr(*value))
        return wrong_type(where, key, "an array", *value, error);
    return OK;
}

static void *writer_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return mem_alloc(size);
}

static void *writer_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    return mem_realloc(ptr, size);
}

static void writer_free(void *ctx, void *ptr)
{
    (void)ctx;
    mem_free(ptr);
}

bool json_append(struct buf *buf, yyjson_val *val)
{
    static const yyjson_alc alc = {writer_malloc, writer_realloc, writer_free, NULL};
    size_t len = 0;
    char *text = yyjson_val_write_opts(val, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);
    if (!text) {
        buf->failed = true;
        return false;
    }
    buf_append(buf, text, len);
    mem_free(text);
    return !buf->failed;
}

bool json_exact(yyjson_val *val, struct exact *value)
{
    struct buf text;
    if (yyjson_is_raw(val))
        return exact_parse(raw_text(val), value);
    if (!yyjson_is_num(val))
        return false;
    buf_init(&text, 64);
    bool is_read = json_append(&text, val) && exact_parse(buf_str(&text), value);
    buf_deinit(&text);
    return is_read;
}

bool json_is_whole(yyjson_val *val)
{
    struct exact value;
    return json_exact(val, &value) && exact_is_whole(&value);
}

bool json_append_member(struct buf *buf, const char *name, struct str value)
{
    return buf_appendf(buf, ",\"%s\":", name) && buf_append_json(buf, value);
}

bool json_append_time_member(struct buf *buf, const char *name, uint64_t us)
{
    char text[TIMESTAMP_LEN + 1];
    if (us == 0)
        return true;
    clock_iso8601(us, text);
    return json_append_member(buf, name, str_of(text));
}

bool json_append_same_member(struct buf *buf, const char *name, yyjson_val *object)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    if (!value || yyjson_is_null(value))
        return true;
    return buf_appendf(buf, ",\"%s\":", name) && json_append(buf, value);
}
