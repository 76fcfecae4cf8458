/* form.c - see form.h. Fields are put in order first: then those of one member, and of one place of a list, stand
 * together, and a document is built by walking them once. */
#include "api/monitoring/form.h"

#include <stdlib.h>

#include "api/fields.h"
#include "core/limits.h"
#include "core/util.h"

struct form_field {
    struct str name, value;
};

/* --- fields ----------------------------------------------------------------------------------------- */

static bool decode(struct str text, struct arena *arena, struct str *decoded)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    if (!out)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (i + 2 >= text.len || !hex_decode(str_slice(text, i + 1, i + 3), &c, 1))
                return false;
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    *decoded = (struct str){out, len};
    return str_is_utf8(*decoded);
}

static bool is_digits(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

static struct str without_zeros(struct str digits)
{
    while (digits.len > 1 && digits.data[0] == '0')
        digits = str_slice(digits, 1, digits.len);
    return digits;
}

static int compare_parts(struct str a, struct str b)
{
    if (is_digits(a) && is_digits(b)) {
        a = without_zeros(a);
        b = without_zeros(b);
        if (a.len != b.len)
            return a.len < b.len ? -1 : 1;
    }
    const size_t shorter = a.len < b.len ? a.len : b.len;
    const int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(struct str a, struct str b)
{
    for (;;) {
        struct str part_a = {0}, part_b = {0};
        const bool has_a = str_split(&a, '.', &part_a), has_b = str_split(&b, '.', &part_b);
        if (!has_a || !has_b)
            return has_a - has_b;
        const int order = compare_parts(part_a, part_b);
        if (order)
            return order;
    }
}

static int compare_fields(const void *a, const void *b)
{
    const struct form_field *first = a, *second = b;
    return compare_names(first->name, second->name);
}

enum error_code form_parse(struct str text, struct arena *arena, struct form *form, struct error *error)
{
    struct str rest = text, pair;
    size_t cap = 0;
    *form = (struct form){0};
    while (str_split(&rest, '&', &pair))
        cap += pair.len > 0;
    if (cap > FORM_FIELDS_MAX)
        return error_set(error, ERROR_INVALID, "The form has more than %d fields.", FORM_FIELDS_MAX);
    form->fields = ARENA_ARRAY(arena, struct form_field, cap + 1);
    if (!form->fields)
        return error_no_memory(error);
    for (rest = text; str_split(&rest, '&', &pair);) {
        struct form_field *field = &form->fields[form->count];
        struct str name;
        if (pair.len == 0)
            continue;
        (void)str_split(&pair, '=', &name);
        if (!decode(name, arena, &field->name) || !decode(pair, arena, &field->value))
            return error_set(error, ERROR_INVALID, "The form is not percent-encoded UTF-8 (field %.100s).",
                             field->name.data ? field->name.data : "");
        form->count++;
    }
    qsort(form->fields, form->count, sizeof(form->fields[0]), compare_fields);
    return OK;
}

struct str form_get(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (str_eq(form->fields[i].name, str_of(name)))
            return form->fields[i].value;
    return (struct str){NULL, 0};
}

/* --- documents -------------------------------------------------------------------------------------- */

/* Fields that begin with the same `at` bytes, of one value. */
struct range {
    const struct form_field *fields;
    size_t count, at;
};

struct builder {
    yyjson_mut_doc *doc;
    struct error *error;
};

static struct str next_part(const struct range *range, size_t index)
{
    struct str rest = str_slice(range->fields[index].name, range->at, range->fields[index].name.len), part = {0};
    (void)str_split(&rest, '.', &part);
    return part;
}

/* The fields from `first` on that have the same next part, behind it. */
static struct range take_same(const struct range *range, size_t first)
{
    const struct str part = next_part(range, first);
    struct range same = {range->fields + first, 1, range->at + part.len + 1};
    while (first + same.count < range->count && compare_parts(next_part(range, first + same.count), part) == 0)
        same.count++;
    return same;
}

static bool is_over(const struct range *range)
{
    return range->fields[0].name.len < range->at; /* no dot, no more parts */
}

static enum error_code wrong(struct builder *builder, const struct range *range, const char *expected)
{
    const struct str name = str_slice(range->fields[0].name, 0, 160);
    return error_set(builder->error, ERROR_INVALID, "%.*s: expected %s", STR_ARG(name), expected);
}

static enum error_code build(struct builder *builder, const struct shape *shape, const struct range *range,
                             unsigned depth, yyjson_mut_val **value);

static enum error_code build_scalar(struct builder *builder, const struct shape *shape, const struct range *range,
                                    yyjson_mut_val **value)
{
    const struct str text = range->fields[0].value;
    double number = 0;
    int64_t whole = 0;
    if (shape->kind == SHAPE_INTEGER && str_to_i64(text, &whole))
        *value = yyjson_mut_sint(builder->doc, whole);
    else if (shape->kind == SHAPE_NUMBER && shape_is_number(text, false) && str_to_double(text, &number))
        *value = yyjson_mut_real(builder->doc, number);
    else if (shape->kind == SHAPE_BOOLEAN && (str_eq_nocase(text, STR("true")) || str_eq_nocase(text, STR("false"))))
        *value = yyjson_mut_bool(builder->doc, text.len == 4);
    else if (shape->kind == SHAPE_STRING || shape->kind == SHAPE_TIMESTAMP || shape->kind == SHAPE_ANY)
        *value = yyjson_mut_strn(builder->doc, text.data, text.len);
    else
        return wrong(builder, range, shape->kind == SHAPE_INTEGER  ? "an integer"
                                     : shape->kind == SHAPE_NUMBER ? "a number"
                                                                   : "true or false");
    return *value ? OK : error_no_memory(builder->error);
}

static enum error_code build_structure(struct builder *builder, const struct shape *shape, const struct range *range,
                                       unsigned depth, yyjson_mut_val **value)
{
    *value = yyjson_mut_obj(builder->doc);
    for (size_t i = 0; i < range->count;) {
        struct range member = take_same(range, i);
        const struct str name = next_part(range, i);
        const struct shape *inner = shape_find(shape, name);
        yyjson_mut_val *part = NULL;
        i += member.count;
        if (!inner)
            continue;
        const enum error_code code = build(builder, inner, &member, depth + 1, &part);
        if (code != OK)
            return code;
        if (!yyjson_mut_obj_add(*value, yyjson_mut_strn(builder->doc, name.data, name.len), part))
            return error_no_memory(builder->error);
    }
    return *value ? OK : error_no_memory(builder->error);
}

/* An empty list is a field without a value. */
static enum error_code build_list(struct builder *builder, const struct shape *shape, const struct range *range,
                                  unsigned depth, yyjson_mut_val **value)
{
    *value = yyjson_mut_arr(builder->doc);
    if (!*value)
        return error_no_memory(builder->error);
    if (is_over(range))
        return range->fields[0].value.len == 0 ? OK : wrong(builder, range, "a list (NAME.member.1=...)");
    struct range members = take_same(range, 0);
    if (members.count != range->count || !str_eq(next_part(range, 0), STR("member")) || is_over(&members))
        return wrong(builder, range, "a list (NAME.member.1=...)");
    for (size_t i = 0; i < members.count;) {
        struct range member = take_same(&members, i);
        yyjson_mut_val *part = NULL;
        if (!is_digits(next_part(&members, i)))
            return wrong(builder, &member, "the number of a list's member");
        i += member.count;
        const enum error_code code = build(builder, shape->of, &member, depth + 1, &part);
        if (code != OK)
            return code;
        if (!yyjson_mut_arr_append(*value, part))
            return error_no_memory(builder->error);
    }
    return OK;
}

static enum error_code build(struct builder *builder, const struct shape *shape, const struct range *range,
                             unsigned depth, yyjson_mut_val **value)
{
    if (depth >= LIMIT_JSON_DEPTH)
        return wrong(builder, range, "fewer parts");
    if (shape->kind == SHAPE_LIST)
        return build_list(builder, shape, range, depth, value);
    if (shape->kind == SHAPE_STRUCTURE)
        return is_over(range) ? wrong(builder, range, "a structure (NAME.MEMBER=...)")
                              : build_structure(builder, shape, range, depth, value);
    if (!is_over(range) && shape->kind != SHAPE_ANY)
        return wrong(builder, range, "a value without parts");
    return build_scalar(builder, shape, range, value);
}

enum error_code form_read(const struct form *form, const struct shape *shape, struct arena *arena, struct buf *json,
                          struct error *error)
{
    const yyjson_alc alc = fields_arena_alc(arena);
    const struct range all = {form->fields, form->count, 0};
    struct builder builder = {yyjson_mut_doc_new(&alc), error};
    yyjson_mut_val *value = NULL;
    size_t len = 0;
    if (!builder.doc)
        return error_no_memory(error);
    enum error_code code = build_structure(&builder, shape, &all, 0, &value);
    if (code != OK)
        return code;
    const char *text = yyjson_mut_val_write_opts(value, 0, &alc, &len, NULL);
    return text && buf_append(json, text, len) ? OK : error_no_memory(error);
}
