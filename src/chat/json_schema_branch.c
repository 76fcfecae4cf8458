/* Opens what must hold at one place into branches. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "chat/json_schema_check.h"
#include "chat/json_schema_ref.h"
#include "chat/schema_compiler.h"
#include "core/json.h"
#include "core/mem.h"

/* ---- lists ---- */

static void entry_add(struct schema_compiler *compiler, struct schema_entries *entries, struct schema_entry entry)
{
    void *items = entries->items;
    if (!mem_grow(&items, entries->count, &entries->cap, sizeof(*entries->items))) {
        gbnf_fail_memory(&compiler->gbnf);
        return;
    }
    entries->items = items;
    entries->items[entries->count++] = entry;
}

static void pend(struct schema_compiler *compiler, struct schema_branch *branch, enum schema_entry_kind kind,
                 yyjson_val *schema, size_t parent)
{
    entry_add(compiler, &branch->pending, (struct schema_entry){.kind = kind, .schema = schema, .parent = parent});
}

static size_t branch_add(struct schema_compiler *compiler, struct schema_branches *branches)
{
    void *items = branches->items;
    if (branches->count >= SCHEMA_BRANCHES_MAX)
        schema_fail(compiler, "needs more than %d alternatives", SCHEMA_BRANCHES_MAX);
    else if (!mem_grow(&items, branches->count, &branches->cap, sizeof(*branches->items)))
        gbnf_fail_memory(&compiler->gbnf);
    if (schema_failed(compiler))
        return 0;
    branches->items = items;
    branches->items[branches->count] = (struct schema_branch){0};
    return branches->count++;
}

/* A copy of branch `from`, for another alternative. */
static size_t branch_copy(struct schema_compiler *compiler, struct schema_branches *branches, size_t from)
{
    size_t copy = branch_add(compiler, branches);
    if (schema_failed(compiler))
        return from;
    const struct schema_branch *source = &branches->items[from];
    struct schema_branch *target = &branches->items[copy];
    for (size_t i = 0; i < source->entries.count; i++)
        entry_add(compiler, &target->entries, source->entries.items[i]);
    for (size_t i = 0; i < source->pending.count; i++)
        entry_add(compiler, &target->pending, source->pending.items[i]);
    return copy;
}

void schema_branches_deinit(struct schema_branches *branches)
{
    for (size_t i = 0; i < branches->count; i++) {
        mem_free(branches->items[i].entries.items);
        mem_free(branches->items[i].pending.items);
    }
    mem_free(branches->items);
    *branches = (struct schema_branches){0};
}

/* ---- alternatives ---- */

/* Hands out the alternatives of one split: the first goes on in the branch
 * itself, later ones in copies of it as it was. */
struct split {
    struct schema_compiler *compiler;
    struct schema_branches *branches;
    size_t base, original; /* the branch, and a copy of it that nothing was added to */
    size_t count;
};

static struct split split_begin(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch)
{
    struct split split = {.compiler = compiler, .branches = branches, .base = branch};
    split.original = branch_copy(compiler, branches, branch);
    return split;
}

/* The branch that takes the next alternative. */
static struct schema_branch *split_next(struct split *split)
{
    size_t at = split->base;
    if (split->count++ > 0)
        at = branch_copy(split->compiler, split->branches, split->original);
    return &split->branches->items[at];
}

static void split_end(struct split *split, bool dies_without)
{
    if (schema_failed(split->compiler))
        return;
    split->branches->items[split->original].is_dead = true;
    split->branches->items[split->original].pending.count = 0;
    if (split->count == 0 && dies_without)
        split->branches->items[split->base].is_dead = true;
}

static yyjson_val *list_of(struct schema_compiler *compiler, yyjson_val *schema, const char *key)
{
    yyjson_val *list = yyjson_obj_get(schema, key);
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
        schema_fail(compiler, "'%s' must be an array that is not empty", key);
    return list;
}

static void split_any_of(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                         struct schema_entry entry)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *list = list_of(compiler, entry.schema, "anyOf");
    if (schema_failed(compiler))
        return;
    struct split split = split_begin(compiler, branches, branch);
    yyjson_arr_foreach(list, i, max, one)
    {
        if (!schema_failed(compiler))
            pend(compiler, split_next(&split), ENTRY_SCHEMA, one, entry.parent);
    }
    split_end(&split, true);
}

#define ONE_OF_COMPARED_MAX 24 /* more alternatives are taken to differ; the value is checked */
#define ONE_OF_EXCLUDED_MAX 6

static bool may_overlap(struct schema_compiler *compiler, yyjson_val *a, yyjson_val *b)
{
    struct schema_parts both = {0};
    schema_parts_add(compiler, &both, a, false);
    schema_parts_add(compiler, &both, b, false);
    bool is_empty = schema_failed(compiler) || schema_is_empty(compiler, &both);
    mem_free(both.items);
    return !is_empty;
}

/* One alternative, and none of the others that may hold beside it. */
static void split_one_of(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                         struct schema_entry entry)
{
    size_t i, k, max, other_max, excluded;
    yyjson_val *one, *other;
    yyjson_val *list = list_of(compiler, entry.schema, "oneOf");
    if (schema_failed(compiler))
        return;
    bool is_compared = yyjson_arr_size(list) <= ONE_OF_COMPARED_MAX && compiler->probe_depth < SCHEMA_PROBE_DEPTH;
    struct split split = split_begin(compiler, branches, branch);
    yyjson_arr_foreach(list, i, max, one)
    {
        if (schema_failed(compiler))
            break;
        size_t at = (size_t)(split_next(&split) - branches->items);
        pend(compiler, &branches->items[at], ENTRY_SCHEMA, one, entry.parent);
        excluded = 0;
        yyjson_arr_foreach(list, k, other_max, other)
        {
            if (i != k && is_compared && excluded < ONE_OF_EXCLUDED_MAX && may_overlap(compiler, one, other)) {
                pend(compiler, &branches->items[at], PENDING_NOT, other, entry.parent);
                excluded++;
            }
        }
    }
    split_end(&split, true);
}

static void split_if(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                     struct schema_entry entry)
{
    yyjson_val *condition = yyjson_obj_get(entry.schema, "if");
    yyjson_val *outcome = yyjson_obj_get(entry.schema, "then"), *otherwise = yyjson_obj_get(entry.schema, "else");
    if (schema_branch_types(compiler, &branches->items[branch]) == TYPE_OBJECT &&
        schema_branch_contradicts(&branches->items[branch], condition)) {
        if (otherwise != NULL)
            pend(compiler, &branches->items[branch], ENTRY_SCHEMA, otherwise, entry.parent);
        return;
    }
    struct split split = split_begin(compiler, branches, branch);
    struct schema_branch *holds = split_next(&split);
    pend(compiler, holds, ENTRY_SCHEMA, condition, entry.parent);
    if (outcome != NULL)
        pend(compiler, holds, ENTRY_SCHEMA, outcome, entry.parent);
    struct schema_branch *fails = split_next(&split);
    pend(compiler, fails, PENDING_NOT, condition, entry.parent);
    if (otherwise != NULL)
        pend(compiler, fails, ENTRY_SCHEMA, otherwise, entry.parent);
    split_end(&split, true);
}

/* Either the property is not there, or what depends on it is as it says. */
static void split_dependent(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                            struct schema_entry entry)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *needs = yyjson_obj_getn(yyjson_obj_get(entry.schema, entry.key), yyjson_get_str(entry.name),
                                        yyjson_get_len(entry.name));
    struct split split = split_begin(compiler, branches, branch);
    struct schema_entry absent = {.kind = ENTRY_FORBID, .name = entry.name, .parent = entry.parent};
    struct schema_entry present = {.kind = ENTRY_REQUIRE, .name = entry.name, .parent = entry.parent};
    struct schema_branch *with = split_next(&split);
    entry_add(compiler, &with->entries, present);
    if (!yyjson_is_arr(needs))
        pend(compiler, with, ENTRY_SCHEMA, needs, entry.parent);
    yyjson_arr_foreach(needs, i, max, one)
    {
        present.name = one;
        if (yyjson_is_str(one))
            entry_add(compiler, &with->entries, present);
    }
    entry_add(compiler, &split_next(&split)->entries, absent);
    split_end(&split, true);
}

/* ---- what must not hold ---- */

/* Keywords whose opposite can be said. */
static const char *const NEGATED[] = {"type",      "enum",      "const",     "minimum",  "maximum",  "exclusiveMinimum",
                                      "exclusiveMaximum", "minLength", "maxLength", "pattern", "minItems", "maxItems",
                                      "multipleOf"};
/* Keywords that say something of values, besides those. */
static const char *const CONSTRAINING[] = {
    "$ref",          "allOf",    "anyOf",        "oneOf",         "not",           "if",
    "properties",    "required", "items",        "prefixItems",   "contains",      "additionalProperties",
    "patternProperties", "propertyNames", "minProperties", "maxProperties", "uniqueItems",
    "dependentRequired", "dependentSchemas", "dependencies",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned types_named(struct schema_compiler *compiler, yyjson_val *type);

static void not_keys(struct split *split, yyjson_val *schema, size_t parent)
{
    for (size_t i = 0; i < COUNT(NEGATED); i++)
        if (yyjson_obj_get(schema, NEGATED[i]) != NULL && !schema_failed(split->compiler))
            entry_add(split->compiler, &split_next(split)->entries,
                      (struct schema_entry){
                          .kind = ENTRY_NOT_KEY, .schema = schema, .key = NEGATED[i], .parent = parent});
}

/* That a property which must be there is missing is no alternative, beside others. */
static bool may_be_missing(const struct split *split, yyjson_val *schema, yyjson_val *name)
{
    return yyjson_obj_size(yyjson_obj_get(schema, "properties")) == 0 ||
           !schema_branch_requires(&split->branches->items[split->original], name);
}

static void not_object(struct split *split, yyjson_val *schema, size_t parent)
{
    size_t i, max;
    yyjson_val *name, *value;
    yyjson_arr_foreach(yyjson_obj_get(schema, "required"), i, max, name)
    {
        if (yyjson_is_str(name) && !schema_failed(split->compiler) && may_be_missing(split, schema, name))
            entry_add(split->compiler, &split_next(split)->entries,
                      (struct schema_entry){.kind = ENTRY_FORBID, .name = name, .parent = parent});
    }
    json_obj_foreach(yyjson_obj_get(schema, "properties"), i, max, name, value)
    {
        if (!schema_failed(split->compiler))
            entry_add(split->compiler, &split_next(split)->entries,
                      (struct schema_entry){.kind = ENTRY_NOT_KEY,
                                            .schema = value,
                                            .key = "properties",
                                            .name = name,
                                            .parent = parent});
    }
}

static void not_combined(struct split *split, yyjson_val *schema, size_t parent)
{
    size_t i, max;
    yyjson_val *one;
    struct schema_compiler *compiler = split->compiler;
    yyjson_val *inner = yyjson_obj_get(schema, "not"), *any = yyjson_obj_get(schema, "anyOf");
    yyjson_val *ref = yyjson_obj_get(schema, "$ref");
    if (inner != NULL)
        pend(compiler, split_next(split), ENTRY_SCHEMA, inner, parent);
    if (ref != NULL) {
        yyjson_val *target = schema_ref(compiler, schema);
        if (!schema_failed(compiler))
            pend(compiler, split_next(split), PENDING_NOT, target, parent);
    }
    yyjson_arr_foreach(yyjson_obj_get(schema, "allOf"), i, max, one)
    {
        if (!schema_failed(compiler))
            pend(compiler, split_next(split), PENDING_NOT, one, parent);
    }
    if (!yyjson_is_arr(any) || schema_failed(compiler))
        return;
    struct schema_branch *none = split_next(split);
    yyjson_arr_foreach(any, i, max, one)
    {
        pend(compiler, none, PENDING_NOT, one, parent);
    }
}

/* A schema whose type the branch has anyway, beside keywords whose opposite can't be said: left to the check. */
static bool is_beyond_words(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val *schema)
{
    static const char *const alternatives[] = {"$ref", "allOf", "anyOf", "not", "properties", "required"};
    bool has_other = false, has_alternative = false;
    for (size_t i = 0; i < COUNT(NEGATED); i++)
        has_alternative = has_alternative ||
                          (strcmp(NEGATED[i], "type") != 0 && yyjson_obj_get(schema, NEGATED[i]) != NULL);
    for (size_t i = 0; i < COUNT(alternatives); i++)
        has_alternative = has_alternative || yyjson_obj_get(schema, alternatives[i]) != NULL;
    for (size_t i = 0; i < COUNT(CONSTRAINING); i++)
        has_other = has_other || yyjson_obj_get(schema, CONSTRAINING[i]) != NULL;
    yyjson_val *type = yyjson_obj_get(schema, "type");
    if (type == NULL || !has_other || has_alternative)
        return false;
    unsigned types = schema_branch_types(compiler, branch);
    return types != 0 && (types & ~types_named(compiler, type)) == 0;
}

/* A schema does not hold when one of its keywords does not. */
static void split_not(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                      struct schema_entry entry)
{
    yyjson_val *schema = entry.schema;
    bool constrains = false;
    if (yyjson_is_false(schema))
        return;
    for (size_t i = 0; i < COUNT(NEGATED); i++)
        constrains = constrains || yyjson_obj_get(schema, NEGATED[i]) != NULL;
    for (size_t i = 0; i < COUNT(CONSTRAINING); i++)
        constrains = constrains || yyjson_obj_get(schema, CONSTRAINING[i]) != NULL;
    if (yyjson_is_true(schema) || (yyjson_is_obj(schema) && !constrains)) {
        branches->items[branch].is_dead = true;
        schema_nothing(compiler, "'not' allows nothing");
        return;
    }
    if (!yyjson_is_obj(schema)) {
        schema_fail(compiler, "'not' must be a schema");
        return;
    }
    if (is_beyond_words(compiler, &branches->items[branch], schema))
        return;
    struct split split = split_begin(compiler, branches, branch);
    not_keys(&split, schema, entry.parent);
    not_object(&split, schema, entry.parent);
    not_combined(&split, schema, entry.parent);
    split_end(&split, false);
}

/* ---- schemas ---- */

yyjson_val *schema_ref(struct schema_compiler *compiler, yyjson_val *schema)
{
    struct str ref = json_str(yyjson_obj_get(schema, "$ref"));
    yyjson_val *target = json_schema_ref(compiler->root, schema, ref, &compiler->ref_budget);
    if (target == NULL)
        schema_fail(compiler, "$ref '" STR_FMT "' does not lead to a schema inside this one", STR_ARG(ref));
    return target;
}

/* Did `schema` come into the branch before? As an origin of `parent` it would be its own part. */
static bool is_known(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val *schema,
                     size_t parent)
{
    const struct schema_entries *entries = &branch->entries;
    bool is_there = false;
    for (size_t i = 0; i < entries->count && !is_there; i++)
        is_there = entries->items[i].kind == ENTRY_SCHEMA && entries->items[i].schema == schema;
    for (size_t at = parent; is_there && at < entries->count; at = entries->items[at].parent) {
        if (entries->items[at].schema == schema)
            schema_fail(compiler, "schemas refer to each other in a circle without anything in between");
        if (entries->items[at].parent == at || schema_failed(compiler))
            break;
    }
    return is_there;
}

#define DEPENDENT_MAX 5 /* properties; with more the value is checked */

static void pend_dependent(struct schema_compiler *compiler, struct schema_branch *branch, yyjson_val *schema,
                           size_t self)
{
    static const char *const keys[] = {"dependentRequired", "dependentSchemas", "dependencies"};
    size_t i, max;
    yyjson_val *name, *value;
    for (size_t k = 0; k < COUNT(keys); k++) {
        yyjson_val *dependent = yyjson_obj_get(schema, keys[k]);
        if (dependent != NULL && !yyjson_is_obj(dependent))
            schema_fail(compiler, "'%s' must be an object", keys[k]);
        if (yyjson_obj_size(dependent) > DEPENDENT_MAX)
            continue;
        json_obj_foreach(dependent, i, max, name, value)
        {
            entry_add(compiler, &branch->pending,
                      (struct schema_entry){
                          .kind = PENDING_DEPENDENT, .schema = schema, .key = keys[k], .name = name, .parent = self});
        }
    }
}

static void refuse_unknown_meaning(struct schema_compiler *compiler, yyjson_val *schema)
{
    static const char *const refused[] = {"$dynamicRef", "$recursiveRef"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (yyjson_obj_get(schema, refused[i]) != NULL)
            schema_fail(compiler, "the keyword '%s' is not supported", refused[i]);
}

/* Notes what the combining keywords of an entry lead to. */
static void pend_combined(struct schema_compiler *compiler, struct schema_branch *branch, yyjson_val *schema,
                          size_t self)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *ref = yyjson_obj_get(schema, "$ref"), *all = yyjson_obj_get(schema, "allOf");
    refuse_unknown_meaning(compiler, schema);
    if (yyjson_obj_get(schema, "anyOf") != NULL)
        pend(compiler, branch, PENDING_ANY_OF, schema, self);
    if (yyjson_obj_get(schema, "oneOf") != NULL)
        pend(compiler, branch, PENDING_ONE_OF, schema, self);
    if (yyjson_obj_get(schema, "if") != NULL &&
        (yyjson_obj_get(schema, "then") != NULL || yyjson_obj_get(schema, "else") != NULL))
        pend(compiler, branch, PENDING_IF, schema, self);
    if (yyjson_obj_get(schema, "not") != NULL)
        pend(compiler, branch, PENDING_NOT, yyjson_obj_get(schema, "not"), self);
    pend_dependent(compiler, branch, schema, self);
    if (ref != NULL) {
        yyjson_val *target = schema_ref(compiler, schema);
        if (target != NULL)
            pend(compiler, branch, ENTRY_SCHEMA, target, self);
    }
    if (all != NULL)
        list_of(compiler, schema, "allOf");
    yyjson_arr_foreach(all, i, max, one)
    {
        pend(compiler, branch, ENTRY_SCHEMA, one, self);
    }
}

/* OpenAPI before 3.1: null is allowed beside what the schema says. */
static bool is_nullable(yyjson_val *schema)
{
    return yyjson_is_true(yyjson_obj_get(schema, "nullable")) && yyjson_obj_get(schema, "type") != NULL;
}

static void take_schema(struct schema_compiler *compiler, struct schema_branches *branches, size_t at,
                        struct schema_entry entry)
{
    struct schema_branch *branch = &branches->items[at];
    yyjson_val *schema = entry.schema;
    if (yyjson_is_true(schema))
        return;
    if (yyjson_is_false(schema)) {
        branch->is_dead = true;
        schema_nothing(compiler, "the schema false allows nothing");
        return;
    }
    if (!yyjson_is_obj(schema)) {
        schema_fail(compiler, "a schema must be an object or true");
        return;
    }
    size_t self = branch->entries.count;
    bool has_parent = entry.parent < self;
    if (is_known(compiler, branch, schema, has_parent ? entry.parent : self) || schema_failed(compiler))
        return;
    entry.parent = has_parent ? entry.parent : self;
    if (is_nullable(schema)) {
        size_t copy = branch_copy(compiler, branches, at);
        if (schema_failed(compiler))
            return;
        entry_add(compiler, &branches->items[copy].entries,
                  (struct schema_entry){.kind = ENTRY_NULL, .schema = schema, .parent = entry.parent});
        branch = &branches->items[at];
    }
    entry_add(compiler, &branch->entries, entry);
    pend_combined(compiler, branch, schema, self);
}

static void take_entry(struct schema_compiler *compiler, struct schema_branches *branches, size_t branch,
                       struct schema_entry entry)
{
    switch (entry.kind) {
    case ENTRY_SCHEMA:
        take_schema(compiler, branches, branch, entry);
        break;
    case PENDING_NOT:
        split_not(compiler, branches, branch, entry);
        break;
    case PENDING_ANY_OF:
        split_any_of(compiler, branches, branch, entry);
        break;
    case PENDING_ONE_OF:
        split_one_of(compiler, branches, branch, entry);
        break;
    case PENDING_IF:
        split_if(compiler, branches, branch, entry);
        break;
    case PENDING_DEPENDENT:
        split_dependent(compiler, branches, branch, entry);
        break;
    default:
        break;
    }
}

/* Schemas before what makes more branches, so that few are copied. */
static struct schema_entry next_pending(struct schema_branch *branch)
{
    struct schema_entries *pending = &branch->pending;
    size_t at = pending->count - 1;
    for (size_t i = 0; i < pending->count; i++)
        if (pending->items[i].kind == ENTRY_SCHEMA) {
            at = i;
            break;
        }
    struct schema_entry entry = pending->items[at];
    memmove(&pending->items[at], &pending->items[at + 1], (pending->count - at - 1) * sizeof(*pending->items));
    pending->count--;
    return entry;
}

void schema_open(struct schema_compiler *compiler, const struct schema_parts *parts, struct schema_branches *branches)
{
    size_t steps = 0;
    *branches = (struct schema_branches){0};
    size_t first = branch_add(compiler, branches);
    for (size_t i = 0; i < parts->count && !schema_failed(compiler); i++)
        pend(compiler, &branches->items[first], parts->items[i].is_not ? PENDING_NOT : ENTRY_SCHEMA,
             parts->items[i].schema, SIZE_MAX);
    for (size_t b = 0; b < branches->count && !schema_failed(compiler); b++)
        while (branches->items[b].pending.count > 0 && !branches->items[b].is_dead && !schema_failed(compiler)) {
            if (steps++ % SCHEMA_STEPS_PER_RULE == 0)
                gbnf_spend(&compiler->gbnf, 1);
            if (steps > SCHEMA_STEPS_MAX)
                schema_fail(compiler, "is made of more than %d schemas", SCHEMA_STEPS_MAX);
            take_entry(compiler, branches, b, next_pending(&branches->items[b]));
        }
}

/* ---- types and values ---- */

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

static unsigned types_named(struct schema_compiler *compiler, yyjson_val *type)
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
        return TYPE_ALL & ~types_named(compiler, yyjson_obj_get(entry->schema, "type"));
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
            types &= types_named(compiler, type);
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
