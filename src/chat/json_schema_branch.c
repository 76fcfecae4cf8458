/* Opens what must hold at one place into branches. */
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
    branches->items = items; /* which has moved, also where something has failed before */
    if (schema_failed(compiler))
        return 0;
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
    bool has_other = yyjson_obj_get(schema, "format") != NULL, has_alternative = false;
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
    return types != 0 && (types & ~schema_types_named(compiler, type)) == 0;
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
    if (!constrains && yyjson_obj_get(schema, "format") != NULL) /* left to the check */
        return;
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
