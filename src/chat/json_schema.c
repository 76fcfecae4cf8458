#include "chat/json_schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "chat/schema_compiler.h"
#include "core/limits.h"
#include "core/mem.h"

/* Writes "where.properties.city.items" for messages. */
static void item_path(const struct schema_compiler *compiler, char *out, size_t cap)
{
    size_t chain[8];
    size_t depth = 0;
    struct buf path;
    buf_init(&path, cap - 1);
    for (size_t at = compiler->current; at != 0 && depth < 8; at = compiler->items[at].parent)
        chain[depth++] = at;
    buf_append_text(&path, compiler->gbnf.where);
    if (depth == 8)
        buf_append_text(&path, "...");
    while (depth > 0 && !path.failed) {
        const struct schema_item *item = &compiler->items[chain[--depth]];
        buf_appendf(&path, ".%s", item->key);
        if (item->name.len > 0)
            buf_appendf(&path, "." STR_FMT, STR_ARG(item->name));
    }
    snprintf(out, cap, STR_FMT, STR_ARG(buf_str(&path)));
    buf_deinit(&path);
}

void schema_fail(struct schema_compiler *compiler, const char *format, ...)
{
    char path[200], message[300];
    va_list args;
    if (schema_failed(compiler))
        return;
    item_path(compiler, path, sizeof(path));
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    compiler->gbnf.code = error_set(compiler->gbnf.error, ERROR_INVALID, "%s: %s", path, message);
}

size_t schema_item_new(struct schema_compiler *compiler, yyjson_val *schema, const char *key, struct str name)
{
    void *items = compiler->items;
    size_t rule = gbnf_rule_number(&compiler->gbnf);
    if (!mem_grow(&items, compiler->item_count, &compiler->item_cap, sizeof(*compiler->items))) {
        gbnf_fail_memory(&compiler->gbnf);
        return 0;
    }
    compiler->items = items;
    compiler->items[compiler->item_count] = (struct schema_item){
        .schema = schema, .rule = rule, .parent = compiler->current, .key = key, .name = name};
    return compiler->item_count++;
}

void schema_part(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema, const char *key,
                 struct str name)
{
    size_t item = schema_item_new(compiler, schema, key, name);
    if (!schema_failed(compiler))
        gbnf_rule_name(&compiler->gbnf, out, compiler->items[item].rule);
}

static void add_edge(struct schema_compiler *compiler, size_t to)
{
    void *edges = compiler->edges;
    if (!mem_grow(&edges, compiler->edge_count, &compiler->edge_cap, sizeof(*compiler->edges))) {
        gbnf_fail_memory(&compiler->gbnf);
        return;
    }
    compiler->edges = edges;
    compiler->edges[compiler->edge_count++] = to;
    compiler->items[compiler->current].edge_count++;
}

/* Like schema_part, for a schema that stands in the place of the current one. */
static void alternative(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema, const char *key)
{
    size_t item = schema_item_new(compiler, schema, key, STR(""));
    if (schema_failed(compiler))
        return;
    add_edge(compiler, item);
    gbnf_rule_name(&compiler->gbnf, out, compiler->items[item].rule);
}

static yyjson_val *ref_target(struct schema_compiler *compiler, struct str ref)
{
    yyjson_val *target = NULL;
    if (ref.len > 0 && ref.data[0] == '#')
        target = ref.len == 1 ? compiler->root : yyjson_ptr_getn(compiler->root, ref.data + 1, ref.len - 1);
    if (target == NULL)
        schema_fail(compiler, "$ref '" STR_FMT "' does not lead to a schema inside this one", STR_ARG(ref));
    return target;
}

yyjson_val *schema_resolve(struct schema_compiler *compiler, yyjson_val *schema)
{
    for (int steps = 0; steps < SCHEMA_ALL_OF_DEPTH; steps++) {
        yyjson_val *ref = yyjson_obj_get(schema, "$ref");
        if (ref == NULL)
            return schema;
        schema = ref_target(compiler, json_str(ref));
        if (schema == NULL)
            return NULL;
    }
    schema_fail(compiler, "$ref leads through more than %d others, or in a circle", SCHEMA_ALL_OF_DEPTH);
    return NULL;
}

static void write_ref(struct schema_compiler *compiler, struct buf *out, struct str ref)
{
    size_t item;
    if (!gbnf_map_get(&compiler->refs, ref, &item)) {
        yyjson_val *target = ref_target(compiler, ref);
        if (target == NULL)
            return;
        item = schema_item_new(compiler, target, "$ref", STR(""));
        if (!gbnf_map_put(&compiler->refs, ref, item))
            gbnf_fail_memory(&compiler->gbnf);
    }
    if (schema_failed(compiler))
        return;
    add_edge(compiler, item);
    gbnf_rule_name(&compiler->gbnf, out, compiler->items[item].rule);
}

/* Keywords that constrain and that no context-free grammar of ours holds.
 * Others that we don't know are annotations, as the specification has it. */
static const char *const REFUSED[] = {
    "not",           "if",           "then",          "else",           "patternProperties",
    "propertyNames", "contains",     "minContains",   "maxContains",    "dependentRequired",
    "dependencies",  "dependentSchemas", "minProperties", "maxProperties", "unevaluatedItems",
    "$dynamicRef",   "$recursiveRef",
};

void schema_check_keywords(struct schema_compiler *compiler, yyjson_val *schema)
{
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
        if (yyjson_obj_get(schema, REFUSED[i]) != NULL)
            schema_fail(compiler, "the keyword '%s' is not supported", REFUSED[i]);
    if (yyjson_is_true(yyjson_obj_get(schema, "uniqueItems")))
        schema_fail(compiler, "the keyword 'uniqueItems' is not supported");
    yyjson_val *step = yyjson_obj_get(schema, "multipleOf");
    if (step != NULL && !(yyjson_is_num(step) && yyjson_get_num(step) == 1))
        schema_fail(compiler, "the keyword 'multipleOf' is not supported, except for 1");
}

void schema_count(struct schema_compiler *compiler, yyjson_val *schema, const char *key, uint64_t *value)
{
    yyjson_val *count = yyjson_obj_get(schema, key);
    if (count == NULL)
        return;
    if (yyjson_is_uint(count))
        *value = yyjson_get_uint(count);
    else if (yyjson_is_real(count) && yyjson_get_real(count) >= 0 && yyjson_get_real(count) < 1e15)
        *value = (uint64_t)yyjson_get_real(count);
    else
        schema_fail(compiler, "'%s' must be a number that is not negative", key);
}

static bool has_any_key(yyjson_val *schema, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (yyjson_obj_get(schema, *keys) != NULL)
            return true;
    return false;
}

static const char *const OBJECT_KEYS[] = {"properties", "required", "additionalProperties", NULL};
static const char *const ARRAY_KEYS[] = {"items", "prefixItems", "minItems", "maxItems", NULL};
static const char *const STRING_KEYS[] = {"minLength", "maxLength", "pattern", NULL};
static const char *const NUMBER_KEYS[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                                          "multipleOf", NULL};

/* A whole schema can't be the sum of these and something else. */
static void check_alone(struct schema_compiler *compiler, yyjson_val *schema, const char *key)
{
    static const char *const *const groups[] = {OBJECT_KEYS, ARRAY_KEYS, STRING_KEYS, NUMBER_KEYS};
    static const char *const alone[] = {"$ref", "const", "enum", "anyOf", "oneOf", "allOf"};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (const char *const *other = groups[i]; *other != NULL; other++)
            if (yyjson_obj_get(schema, *other) != NULL)
                schema_fail(compiler, "'%s' beside '%s' is not supported", *other, key);
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
        if (strcmp(alone[i], key) != 0 && yyjson_obj_get(schema, alone[i]) != NULL)
            schema_fail(compiler, "'%s' beside '%s' is not supported", alone[i], key);
}

static bool value_has_type(yyjson_val *value, struct str type)
{
    if (str_eq(type, STR("integer")))
        return yyjson_is_int(value) ||
               (yyjson_is_real(value) && yyjson_get_real(value) >= -1e15 && yyjson_get_real(value) <= 1e15 &&
                yyjson_get_real(value) == (double)(int64_t)yyjson_get_real(value));
    if (str_eq(type, STR("number")))
        return yyjson_is_num(value);
    if (str_eq(type, STR("string")))
        return yyjson_is_str(value);
    if (str_eq(type, STR("boolean")))
        return yyjson_is_bool(value);
    if (str_eq(type, STR("null")))
        return yyjson_is_null(value);
    if (str_eq(type, STR("object")))
        return yyjson_is_obj(value);
    return str_eq(type, STR("array")) && yyjson_is_arr(value);
}

static bool value_fits_type(yyjson_val *value, yyjson_val *type)
{
    size_t i, max;
    yyjson_val *one;
    if (type == NULL)
        return true;
    if (yyjson_is_str(type))
        return value_has_type(value, json_str(type));
    yyjson_arr_foreach(type, i, max, one)
    {
        if (value_has_type(value, json_str(one)))
            return true;
    }
    return false;
}

static void write_value(struct schema_compiler *compiler, struct buf *out, yyjson_val *value)
{
    struct buf text;
    buf_init(&text, out->max);
    if (!json_append(&text, value))
        out->failed = true;
    gbnf_literal(out, buf_str(&text));
    buf_deinit(&text);
    gbnf_spend(&compiler->gbnf, 1);
}

static void write_enum(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    size_t i, max, written = 0;
    yyjson_val *value;
    yyjson_val *values = yyjson_obj_get(schema, "enum");
    check_alone(compiler, schema, "enum");
    if (!yyjson_is_arr(values)) {
        schema_fail(compiler, "'enum' must be an array");
        return;
    }
    yyjson_arr_foreach(values, i, max, value)
    {
        if (schema_failed(compiler) || !value_fits_type(value, yyjson_obj_get(schema, "type")))
            continue;
        if (written++ > 0)
            buf_append_text(out, " | ");
        write_value(compiler, out, value);
    }
    if (written == 0)
        schema_fail(compiler, "'enum' holds no value of the type asked for");
}

static void write_const(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    yyjson_val *value = yyjson_obj_get(schema, "const");
    check_alone(compiler, schema, "const");
    if (!value_fits_type(value, yyjson_obj_get(schema, "type")))
        schema_fail(compiler, "'const' is not of the type asked for");
    write_value(compiler, out, value);
}

static void write_alternatives(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema, const char *key)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *list = yyjson_obj_get(schema, key);
    check_alone(compiler, schema, key);
    if (yyjson_obj_get(schema, "type") != NULL)
        schema_fail(compiler, "'type' beside '%s' is not supported", key);
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0) {
        schema_fail(compiler, "'%s' must be an array that is not empty", key);
        return;
    }
    yyjson_arr_foreach(list, i, max, one)
    {
        if (i > 0)
            buf_append_text(out, " | ");
        alternative(compiler, out, one, key);
        if (schema_failed(compiler))
            return;
    }
}

/* A lone schema, of any type, or objects that add their properties up. */
static void write_all_of(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    yyjson_val *list = yyjson_obj_get(schema, "allOf");
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        schema_fail(compiler, "'allOf' must be an array that is not empty");
    else if (yyjson_arr_size(list) == 1 && !has_any_key(schema, OBJECT_KEYS))
        alternative(compiler, out, yyjson_arr_get_first(list), "allOf");
    else
        schema_object(compiler, out, schema);
}

static void write_type(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema, struct str type)
{
    if (str_eq(type, STR("object")))
        schema_object(compiler, out, schema);
    else if (str_eq(type, STR("array")))
        schema_array(compiler, out, schema);
    else if (str_eq(type, STR("string")))
        schema_string(compiler, out, schema);
    else if (str_eq(type, STR("integer")))
        schema_integer(compiler, out, schema);
    else if (str_eq(type, STR("number")))
        schema_number(compiler, out, schema);
    else if (str_eq(type, STR("boolean")))
        gbnf_shared_name(&compiler->gbnf, out, GBNF_BOOLEAN);
    else if (str_eq(type, STR("null")))
        buf_append_text(out, "\"null\"");
    else
        schema_fail(compiler, "unknown type '" STR_FMT "'", STR_ARG(type));
}

/* Keywords say nothing about values of other types; without a type we write
 * the one that they talk about. */
static void write_implied_type(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    if (has_any_key(schema, OBJECT_KEYS))
        schema_object(compiler, out, schema);
    else if (has_any_key(schema, ARRAY_KEYS))
        schema_array(compiler, out, schema);
    else if (has_any_key(schema, STRING_KEYS))
        schema_string(compiler, out, schema);
    else if (has_any_key(schema, NUMBER_KEYS))
        schema_number(compiler, out, schema);
    else
        gbnf_shared_name(&compiler->gbnf, out, GBNF_ANY);
}

static void write_types(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *type = yyjson_obj_get(schema, "type");
    if (type == NULL) {
        write_implied_type(compiler, out, schema);
        return;
    }
    if (!yyjson_is_arr(type)) {
        write_type(compiler, out, schema, json_str(type));
        return;
    }
    if (yyjson_arr_size(type) == 0 || yyjson_arr_size(type) > 7)
        schema_fail(compiler, "'type' must name one to seven types");
    yyjson_arr_foreach(type, i, max, one)
    {
        if (schema_failed(compiler))
            return;
        buf_append_text(out, i > 0 ? " | (" : "(");
        write_type(compiler, out, schema, json_str(one));
        buf_append_char(out, ')');
    }
}

static void write_schema(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    if (yyjson_is_true(schema)) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_ANY);
        return;
    }
    if (!yyjson_is_obj(schema)) {
        schema_fail(compiler, yyjson_is_false(schema) ? "the schema false allows nothing"
                                                      : "a schema must be an object or true");
        return;
    }
    schema_check_keywords(compiler, schema);
    if (yyjson_obj_get(schema, "$ref") != NULL) {
        check_alone(compiler, schema, "$ref");
        write_ref(compiler, out, json_str(yyjson_obj_get(schema, "$ref")));
    } else if (yyjson_obj_get(schema, "const") != NULL) {
        write_const(compiler, out, schema);
    } else if (yyjson_obj_get(schema, "enum") != NULL) {
        write_enum(compiler, out, schema);
    } else if (yyjson_obj_get(schema, "anyOf") != NULL) {
        write_alternatives(compiler, out, schema, "anyOf");
    } else if (yyjson_obj_get(schema, "oneOf") != NULL) {
        write_alternatives(compiler, out, schema, "oneOf");
    } else if (yyjson_obj_get(schema, "allOf") != NULL) {
        write_all_of(compiler, out, schema);
    } else {
        write_types(compiler, out, schema);
    }
}

static void write_items(struct schema_compiler *compiler)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    for (size_t i = 0; i < compiler->item_count && !schema_failed(compiler); i++) {
        compiler->current = i;
        compiler->items[i].first_edge = compiler->edge_count;
        buf_clear(&text);
        write_schema(compiler, &text, compiler->items[i].schema);
        gbnf_rule_define(&compiler->gbnf, compiler->items[i].rule, &text);
    }
    buf_deinit(&text);
}

/* Takes away items that nothing leads to until none is left; what stays is a
 * circle. `waiting` counts edges into each item, `ready` is the work list. */
static void check_circles(struct schema_compiler *compiler)
{
    size_t done = 0, ready_count = 0;
    size_t *waiting = mem_calloc(compiler->item_count + 1, sizeof(*waiting));
    size_t *ready = mem_calloc(compiler->item_count + 1, sizeof(*ready));
    if (waiting == NULL || ready == NULL)
        gbnf_fail_memory(&compiler->gbnf);
    for (size_t i = 0; i < compiler->edge_count && !schema_failed(compiler); i++)
        waiting[compiler->edges[i]]++;
    for (size_t i = 0; i < compiler->item_count && !schema_failed(compiler); i++)
        if (waiting[i] == 0)
            ready[ready_count++] = i;
    for (; done < ready_count; done++) {
        const struct schema_item *item = &compiler->items[ready[done]];
        for (size_t e = item->first_edge; e < item->first_edge + item->edge_count; e++)
            if (--waiting[compiler->edges[e]] == 0)
                ready[ready_count++] = compiler->edges[e];
    }
    compiler->current = 0;
    if (done < compiler->item_count)
        schema_fail(compiler, "schemas refer to each other in a circle without anything in between");
    mem_free(ready);
    mem_free(waiting);
}

enum error_code json_schema_to_grammar(yyjson_val *schema, const char *root_name, const char *where,
                                       struct buf *grammar, struct error *error)
{
    struct schema_compiler compiler = {.root = schema};
    gbnf_init(&compiler.gbnf, grammar, root_name, where, error);
    schema_item_new(&compiler, schema, "", STR(""));
    if (!gbnf_map_put(&compiler.refs, STR("#"), 0))
        gbnf_fail_memory(&compiler.gbnf);
    write_items(&compiler);
    if (!schema_failed(&compiler))
        check_circles(&compiler);
    gbnf_add_shared_rules(&compiler.gbnf);
    mem_free(compiler.edges);
    mem_free(compiler.items);
    gbnf_map_deinit(&compiler.refs);
    gbnf_deinit(&compiler.gbnf);
    return compiler.gbnf.code;
}
