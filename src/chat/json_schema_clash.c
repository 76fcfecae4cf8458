/* What a branch says of one property, to see early which alternatives can't hold in it. */
#include "chat/json_schema_check.h"
#include "chat/schema_compiler.h"
#include "core/json.h"

#define VALUES_COMPARED_MAX 20000 /* pairs; of longer lists nothing is said */

static bool is_named(yyjson_val *name, yyjson_val *other)
{
    return yyjson_is_str(name) && yyjson_is_str(other) && str_eq(json_str(name), json_str(other));
}

static bool lists_name(yyjson_val *required, yyjson_val *name)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach(required, i, max, one)
    {
        if (is_named(one, name))
            return true;
    }
    return false;
}

bool schema_branch_requires(const struct schema_branch *branch, yyjson_val *name)
{
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        bool is_there = entry->kind == ENTRY_REQUIRE || entry->kind == ENTRY_NOT_KEY;
        if (is_there && entry->name != NULL && is_named(entry->name, name))
            return true;
        if (entry->kind == ENTRY_SCHEMA && lists_name(yyjson_obj_get(entry->schema, "required"), name))
            return true;
    }
    return false;
}

static bool forbids(const struct schema_branch *branch, yyjson_val *name)
{
    for (size_t i = 0; i < branch->entries.count; i++)
        if (branch->entries.items[i].kind == ENTRY_FORBID && is_named(branch->entries.items[i].name, name))
            return true;
    return false;
}

/* Values of an enum, or the const alone; how many, 0 for none. */
static size_t listed(yyjson_val *schema, yyjson_val **first, bool *is_list)
{
    yyjson_val *list = yyjson_obj_get(schema, "enum"), *single = yyjson_obj_get(schema, "const");
    *is_list = single == NULL;
    *first = single != NULL ? single : yyjson_arr_get_first(list);
    return single != NULL ? 1 : yyjson_arr_size(list);
}

/* No value is in both lists. */
static bool values_clash(yyjson_val *a, yyjson_val *b)
{
    yyjson_val *value, *first;
    bool is_list, is_other_list;
    size_t count = listed(a, &value, &is_list), other_count = listed(b, &first, &is_other_list);
    if (count == 0 || other_count == 0 || count > VALUES_COMPARED_MAX / other_count)
        return false;
    for (size_t i = 0; i < count; i++) {
        yyjson_val *other = first;
        for (size_t k = 0; k < other_count; k++) {
            if (json_schema_same(value, other))
                return false;
            other = is_other_list ? unsafe_yyjson_get_next(other) : other;
        }
        value = is_list ? unsafe_yyjson_get_next(value) : value;
    }
    return true;
}

/* Does the branch list only other values for the property? */
static bool property_clashes(const struct schema_branch *branch, yyjson_val *name, yyjson_val *property)
{
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        yyjson_val *own = entry->kind == ENTRY_SCHEMA ? yyjson_obj_get(entry->schema, "properties") : NULL;
        own = yyjson_obj_getn(own, yyjson_get_str(name), yyjson_get_len(name));
        if (own != NULL && values_clash(property, own))
            return true;
    }
    return false;
}

bool schema_branch_contradicts(const struct schema_branch *branch, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *name, *property;
    yyjson_val *required = yyjson_obj_get(schema, "required");
    yyjson_arr_foreach(required, i, max, name)
    {
        if (forbids(branch, name))
            return true;
    }
    json_obj_foreach(yyjson_obj_get(schema, "properties"), i, max, name, property)
    {
        bool is_there = lists_name(required, name) || schema_branch_requires(branch, name);
        if (is_there && property_clashes(branch, name, property))
            return true;
    }
    return false;
}
