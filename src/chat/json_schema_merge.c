/* Branches that say the same, or less than another, are one: a machine that
 * reads the grammar would follow all of them side by side. */
#include <stdlib.h>

#include "chat/schema_compiler.h"
#include "core/json.h"

/* Same entries, same rule. Facts have no order; neither do entries. */
int schema_compare_entries(const void *a, const void *b)
{
    const struct schema_entry *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->schema != y->schema)
        return x->schema < y->schema ? -1 : 1;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return x->key == y->key ? 0 : x->key < y->key ? -1 : 1;
}

/* Entries that only led to others say nothing themselves. */
bool schema_says_something(const struct schema_entry *entry)
{
    static const char *const silent[] = {"$ref",        "allOf", "anyOf",       "oneOf",   "title",
                                         "description", "$defs", "definitions", "default", "examples",
                                         "$comment",    "$id",   "$schema"};
    size_t i, max, count = 0;
    yyjson_val *key, *value;
    if (entry->kind != ENTRY_SCHEMA)
        return true;
    json_obj_foreach(entry->schema, i, max, key, value)
    {
        for (size_t k = 0; k < sizeof(silent) / sizeof(silent[0]); k++)
            count += yyjson_equals_str(key, silent[k]);
    }
    return count < yyjson_obj_size(entry->schema);
}

static size_t count_alive(const struct schema_branches *branches)
{
    size_t alive = 0;
    for (size_t i = 0; i < branches->count; i++)
        alive += !branches->items[i].is_dead;
    return alive;
}

/* Each branch once: those with the same entries, or with more than another has, add nothing. */
static bool adds_nothing(const struct schema_branch *branch, const struct schema_branch *other)
{
    size_t found = 0;
    for (size_t i = 0; i < other->entries.count; i++)
        for (size_t k = 0; k < branch->entries.count; k++)
            if (schema_compare_entries(&other->entries.items[i], &branch->entries.items[k]) == 0) {
                found++;
                break;
            }
    return found == other->entries.count;
}

#define COMPARED_BRANCHES_MAX 64

static void drop_repeated(struct schema_branches *branches)
{
    for (size_t i = 0; i < branches->count && count_alive(branches) <= COMPARED_BRANCHES_MAX; i++)
        for (size_t k = 0; k < branches->count && !branches->items[i].is_dead; k++)
            if (i != k && !branches->items[k].is_dead && adds_nothing(&branches->items[i], &branches->items[k]))
                branches->items[i].is_dead = true;
}

/* The schema of a branch that only says which items an array has, and how many; NULL for others. */
static yyjson_val *plain_array(const struct schema_branch *branch)
{
    static const char *const known[] = {"type", "items", "minItems", "maxItems", "title", "description"};
    size_t i, max, count = 0;
    yyjson_val *key, *value, *schema = NULL;
    for (size_t e = 0; e < branch->entries.count; e++) {
        const struct schema_entry *entry = &branch->entries.items[e];
        if (!schema_says_something(entry))
            continue;
        if (schema != NULL || entry->kind != ENTRY_SCHEMA)
            return NULL;
        schema = entry->schema;
    }
    if (!yyjson_equals_str(yyjson_obj_get(schema, "type"), "array") || !yyjson_is_obj(yyjson_obj_get(schema, "items")))
        return NULL;
    json_obj_foreach(schema, i, max, key, value)
    {
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            count += yyjson_equals_str(key, known[k]);
    }
    return count == yyjson_obj_size(schema) ? schema : NULL;
}

/* Arrays of the same items whose counts meet or overlap are one array. */
static bool join_arrays(struct schema_compiler *compiler, struct schema_branch *into, const struct schema_branch *from)
{
    uint64_t min, max;
    yyjson_val *a = plain_array(into), *b = plain_array(from);
    if (a == NULL || b == NULL || !yyjson_equals(yyjson_obj_get(a, "items"), yyjson_obj_get(b, "items")))
        return false;
    if (!into->has_counts)
        schema_counts(compiler, into, "minItems", "maxItems", &into->min_items, &into->max_items);
    into->has_counts = true;
    schema_counts(compiler, from, "minItems", "maxItems", &min, &max);
    bool has_gap = (into->max_items != GBNF_UNBOUNDED && min > into->max_items + 1) ||
                   (max != GBNF_UNBOUNDED && into->min_items > max + 1);
    if (has_gap || min > max || into->min_items > into->max_items)
        return false;
    into->min_items = min < into->min_items ? min : into->min_items;
    into->max_items = max > into->max_items ? max : into->max_items;
    return true;
}

size_t schema_merge(struct schema_compiler *compiler, struct schema_branches *branches)
{
    drop_repeated(branches);
    for (size_t i = 0; i < branches->count && count_alive(branches) <= COMPARED_BRANCHES_MAX; i++)
        for (size_t k = i + 1; k < branches->count && !branches->items[i].is_dead; k++)
            if (!branches->items[k].is_dead && join_arrays(compiler, &branches->items[i], &branches->items[k]))
                branches->items[k].is_dead = true;
    return count_alive(branches);
}
