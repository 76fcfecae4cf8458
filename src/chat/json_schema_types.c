/* What the entries of a branch come to: the types that are left, the few values, the counts. */
#include <inttypes.h>
#include <stdio.h>

#include "chat/json_schema_check.h"
#include "chat/schema_compiler.h"
#include "core/json.h"
#include "core/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- types ---- */

static unsigned type_named(struct schema_compiler *compiler, struct str name)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {{"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"integer", TYPE_INTEGER}, {"number", TYPE_NUMBER},
                 {"string", TYPE_STRING}, {"array", TYPE_ARRAY},     {"object", TYPE_OBJECT},   {"any", TYPE_ALL}};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, str_of(names[i].name)))
            return names[i].types;
    schema_fail(compiler, "unknown type '" STR_FMT "'", STR_ARG(name));
    return 0;
}

unsigned schema_types_named(struct schema_compiler *compiler, yyjson_val *type)
{
    size_t i, max;
    unsigned types = 0;
    yyjson_val *one;
    if (!yyjson_is_arr(type))
        return type_named(compiler, json_str(type));
    if (yyjson_arr_size(type) == 0)
        schema_fail(compiler, "'type' must name a type");
    yyjson_arr_foreach(type, i, max, one)
    {
        types |= type_named(compiler, json_str(one));
    }
    return types;
}

/* Types that the keywords of a schema speak about. */
static unsigned types_meant(yyjson_val *schema)
{
    static const struct {
        const char *key;
        unsigned types;
    } keys[] = {
        {"properties", TYPE_OBJECT},    {"required", TYPE_OBJECT},         {"additionalProperties", TYPE_OBJECT},
        {"patternProperties", TYPE_OBJECT}, {"propertyNames", TYPE_OBJECT}, {"minProperties", TYPE_OBJECT},
        {"maxProperties", TYPE_OBJECT}, {"dependentRequired", TYPE_OBJECT}, {"dependentSchemas", TYPE_OBJECT},
        {"items", TYPE_ARRAY},          {"prefixItems", TYPE_ARRAY},       {"minItems", TYPE_ARRAY},
        {"maxItems", TYPE_ARRAY},       {"uniqueItems", TYPE_ARRAY},       {"contains", TYPE_ARRAY},
        {"unevaluatedItems", TYPE_ARRAY}, {"unevaluatedProperties", TYPE_OBJECT},
        {"minLength", TYPE_STRING},     {"maxLength", TYPE_STRING},        {"pattern", TYPE_STRING},
        {"minimum", TYPE_NUMBER},       {"maximum", TYPE_NUMBER},          {"exclusiveMinimum", TYPE_NUMBER},
        {"exclusiveMaximum", TYPE_NUMBER}, {"multipleOf", TYPE_NUMBER},
    };
    unsigned types = 0;
    for (size_t i = 0; i < COUNT(keys); i++)
        if (yyjson_obj_get(schema, keys[i].key) != NULL)
            types |= keys[i].types;
    return types;
}

bool schema_branch_is_free(const struct schema_branch *branch)
{
    for (size_t i = 0; i < branch->entries.count; i++)
        if (branch->entries.items[i].kind != ENTRY_SCHEMA || types_meant(branch->entries.items[i].schema) != 0)
            return false;
    return true;
}

/* A negated keyword fails only for values that it speaks about. */
static unsigned types_failing(struct schema_compiler *compiler, const struct schema_entry *entry)
{
    if (strcmp(entry->key, "type") == 0)
        return TYPE_ALL & ~schema_types_named(compiler, yyjson_obj_get(entry->schema, "type"));
    if (strcmp(entry->key, "enum") == 0 || strcmp(entry->key, "const") == 0)
        return TYPE_ALL;
    if (strcmp(entry->key, "properties") == 0)
        return TYPE_OBJECT;
    if (strcmp(entry->key, "minItems") == 0 || strcmp(entry->key, "maxItems") == 0)
        return TYPE_ARRAY;
    bool is_text = strstr(entry->key, "Length") != NULL || strcmp(entry->key, "pattern") == 0;
    return is_text ? TYPE_STRING : TYPE_NUMBER;
}

/* Keywords say nothing about values of other types; without a type we write
 * the ones that they talk about. */
unsigned schema_branch_types(struct schema_compiler *compiler, const struct schema_branch *branch)
{
    unsigned types = TYPE_ALL, meant = 0;
    bool is_said = false;
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        yyjson_val *type = entry->kind == ENTRY_SCHEMA ? yyjson_obj_get(entry->schema, "type") : NULL;
        if (type != NULL)
            types &= schema_types_named(compiler, type);
        is_said = is_said || type != NULL;
        if (entry->kind == ENTRY_SCHEMA)
            meant |= types_meant(entry->schema);
        else if (entry->kind == ENTRY_NULL)
            types &= TYPE_NULL;
        else if (entry->kind == ENTRY_NOT_KEY)
            types &= types_failing(compiler, entry);
        else
            types &= TYPE_OBJECT;
    }
    if (!is_said && (types & meant) != 0)
        types &= meant;
    if (types == 0)
        schema_nothing(compiler, "no type fits all that is asked for");
    return types;
}

/* Does a value of the enum of `own` fit all entries? */
static bool fits(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val *own,
                 yyjson_val *value)
{
    struct json_schema_checker checker = {.root = compiler->root, .regular = &compiler->regular, .listed = own};
    bool fits = true;
    for (size_t i = 0; i < branch->entries.count && fits; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        if (entry->kind == ENTRY_SCHEMA)
            fits = json_schema_holds(&checker, entry->schema, value);
        else if (entry->kind == ENTRY_NOT_KEY && strcmp(entry->key, "properties") != 0)
            fits = !json_schema_keyword_holds(&checker, entry->schema, entry->key, value);
        else if (entry->kind == ENTRY_NULL)
            fits = yyjson_is_null(value);
        else
            fits = yyjson_is_obj(value) && (yyjson_obj_getn(value, yyjson_get_str(entry->name),
                                                            yyjson_get_len(entry->name)) != NULL) ==
                                               (entry->kind != ENTRY_FORBID);
    }
    return fits;
}

/* Appends a value that `text` stands for, where it fits. */
static void domain_add(struct schema_compiler *compiler, const struct schema_branch *branch, struct str text,
                       yyjson_val **values, size_t *count)
{
    yyjson_val *value = ARENA_NEW(&compiler->arena, yyjson_val);
    char *copy = arena_strdup(&compiler->arena, text);
    if (value == NULL || copy == NULL) {
        gbnf_fail_memory(&compiler->gbnf);
        return;
    }
    if (text.data[0] == 'n')
        yyjson_set_null(value);
    else if (text.data[0] == 't' || text.data[0] == 'f')
        yyjson_set_bool(value, text.data[0] == 't');
    else
        yyjson_set_raw(value, copy, text.len);
    if (fits(compiler, branch, NULL, value))
        values[(*count)++] = value;
}

bool schema_branch_domain(struct schema_compiler *compiler, const struct schema_branch *branch, unsigned types,
                          yyjson_val ***values, size_t *count)
{
    int64_t low = 1, high = 0;
    char text[32];
    if ((types & ~(unsigned)(TYPE_NULL | TYPE_BOOLEAN | TYPE_INTEGER)) != 0)
        return false;
    if ((types & TYPE_INTEGER) &&
        (!schema_whole_numbers(compiler, branch, &low, &high) || high - low >= SCHEMA_DOMAIN_MAX))
        return false;
    *count = 0;
    *values = ARENA_ARRAY(&compiler->arena, yyjson_val *, SCHEMA_DOMAIN_MAX + 3);
    if (*values == NULL) {
        gbnf_fail_memory(&compiler->gbnf);
        return true;
    }
    if (types & TYPE_NULL)
        domain_add(compiler, branch, STR("null"), *values, count);
    if (types & TYPE_BOOLEAN) {
        domain_add(compiler, branch, STR("true"), *values, count);
        domain_add(compiler, branch, STR("false"), *values, count);
    }
    for (int64_t number = low; number <= high && !schema_failed(compiler); number++) {
        int len = snprintf(text, sizeof(text), "%" PRId64, number);
        domain_add(compiler, branch, (struct str){text, (size_t)len}, *values, count);
    }
    return true;
}

static bool has_negated_values(const struct schema_branch *branch)
{
    static const char *const keys[] = {"enum", "const", "multipleOf"};
    bool has = false;
    for (size_t i = 0; i < branch->entries.count && !has; i++)
        for (size_t k = 0; k < COUNT(keys) && branch->entries.items[i].kind == ENTRY_NOT_KEY; k++)
            has = has || strcmp(branch->entries.items[i].key, keys[k]) == 0;
    return has;
}

/* The same without an enum or a const. */
static bool values_left(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val ***values,
                        size_t *count)
{
    if (!has_negated_values(branch) ||
        !schema_branch_domain(compiler, branch, schema_branch_types(compiler, branch), values, count))
        return false;
    if (*count == 0)
        schema_nothing(compiler, "'not' leaves no value");
    return true;
}

bool schema_branch_values(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val ***values,
                          size_t *count)
{
    size_t i, max;
    yyjson_val *list = NULL, *value, *single = NULL, *own = NULL;
    for (size_t k = 0; k < branch->entries.count && list == NULL && single == NULL; k++)
        if (branch->entries.items[k].kind == ENTRY_SCHEMA) {
            own = branch->entries.items[k].schema;
            list = yyjson_obj_get(own, "enum");
            single = yyjson_obj_get(own, "const");
        }
    *count = 0;
    if (list == NULL && single == NULL)
        return values_left(compiler, branch, values, count);
    if (list != NULL && !yyjson_is_arr(list))
        schema_fail(compiler, "'enum' must be an array");
    size_t room = single != NULL ? 1 : yyjson_arr_size(list);
    *values = ARENA_ARRAY(&compiler->arena, yyjson_val *, room + 1);
    if (*values == NULL)
        gbnf_fail_memory(&compiler->gbnf);
    if (schema_failed(compiler))
        return true;
    if (single != NULL && fits(compiler, branch, NULL, single))
        (*values)[(*count)++] = single;
    yyjson_arr_foreach(single != NULL ? NULL : list, i, max, value)
    {
        if (fits(compiler, branch, own, value))
            (*values)[(*count)++] = value;
    }
    if (*count == 0)
        schema_nothing(compiler, "'%s' holds no value that fits the other keywords", single ? "const" : "enum");
    return true;
}

/* ---- counts ---- */

bool schema_count(struct schema_compiler *compiler, yyjson_val *schema, const char *key, uint64_t *value)
{
    struct exact number;
    yyjson_val *count = yyjson_obj_get(schema, key);
    if (count == NULL)
        return false;
    if (!json_exact(count, &number) || number.is_negative || !exact_is_whole(&number)) {
        schema_fail(compiler, "'%s' must be a whole number that is not negative", key);
        return false;
    }
    *value = 0;
    for (int32_t i = 0; i < number.point; i++)
        *value = i < 18 ? *value * 10 + (uint64_t)(exact_digit(&number, i) - '0') : UINT64_C(1) << 62;
    return true;
}

void schema_counts(struct schema_compiler *compiler, const struct schema_branch *branch, const char *min_key,
                   const char *max_key, uint64_t *min, uint64_t *max)
{
    *min = 0;
    *max = GBNF_UNBOUNDED;
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        uint64_t value, low = 0, high = GBNF_UNBOUNDED;
        bool is_not = entry->kind == ENTRY_NOT_KEY;
        if (entry->kind != ENTRY_SCHEMA && !is_not)
            continue;
        if ((!is_not || entry->key == min_key || strcmp(entry->key, min_key) == 0) &&
            schema_count(compiler, entry->schema, min_key, &value)) {
            low = is_not ? 0 : value;
            high = !is_not ? high : value > 0 ? value - 1 : 0;
            if (is_not && value == 0)
                low = 1; /* shorter than nothing: no count will do */
        }
        if ((!is_not || strcmp(entry->key, max_key) == 0) && schema_count(compiler, entry->schema, max_key, &value)) {
            if (is_not)
                low = value + 1;
            else
                high = value;
        }
        *min = low > *min ? low : *min;
        *max = high < *max ? high : *max;
    }
}
