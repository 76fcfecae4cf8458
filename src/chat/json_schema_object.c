/* Objects: declared properties in their order, then those that only a pattern
 * or additionalProperties describes. */
#include <inttypes.h>

#include "chat/schema_compiler.h"
#include "core/json.h"
#include "core/mem.h"

struct property {
    yyjson_val *name;
    bool is_required, is_forbidden;
    size_t rule; /* of the member */
};

/* Members with names that are not declared. */
struct group {
    regular_set names;
    bool is_any_name;
    struct schema_parts parts;
    size_t rule;
};

#define GROUPS_MAX 32

struct object {
    struct schema_compiler *compiler;
    const struct schema_branch *branch;
    struct property *items;
    size_t count, cap;
    struct gbnf_map by_name;
    struct group groups[GROUPS_MAX];
    size_t group_count;
    size_t group_rule;  /* a member of any group */
    regular_set names;  /* that propertyNames allows */
    bool has_names;
    bool is_declared;   /* some entry lists properties, if only none */
    bool is_open;       /* some entry says what other members are */
    uint64_t min, max;
};

/* ---- what the entries say ---- */

static yyjson_val *get(yyjson_val *object, yyjson_val *name)
{
    return yyjson_obj_getn(object, yyjson_get_str(name), yyjson_get_len(name));
}

static struct property *property_of(struct object *object, yyjson_val *name)
{
    struct schema_compiler *compiler = object->compiler;
    void *items = object->items;
    size_t at;
    if (gbnf_map_get(&object->by_name, json_str(name), &at))
        return &object->items[at];
    gbnf_spend(&compiler->gbnf, 1);
    if (schema_failed(compiler))
        return NULL;
    if (!mem_grow(&items, object->count, &object->cap, sizeof(*object->items)) ||
        !gbnf_map_put(&object->by_name, json_str(name), object->count)) {
        object->items = items;
        gbnf_fail_memory(&compiler->gbnf);
        return NULL;
    }
    object->items = items;
    object->items[object->count] = (struct property){.name = name};
    return &object->items[object->count++];
}

static void read_properties(struct object *object, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *name, *value;
    yyjson_val *declared = yyjson_obj_get(schema, "properties");
    if (declared == NULL)
        return;
    if (!yyjson_is_obj(declared))
        schema_fail(object->compiler, "'properties' must be an object");
    object->is_declared = true;
    json_obj_foreach(declared, i, max, name, value)
    {
        if (property_of(object, name) == NULL)
            return;
    }
}

static void read_required(struct object *object, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *name;
    yyjson_val *required = yyjson_obj_get(schema, "required");
    if (required != NULL && !yyjson_is_arr(required) && !yyjson_is_bool(required))
        schema_fail(object->compiler, "'required' must be an array of names");
    yyjson_arr_foreach(required, i, max, name)
    {
        struct property *property = yyjson_is_str(name) ? property_of(object, name) : NULL;
        if (property != NULL)
            property->is_required = true;
    }
}

/* Values of an enum or const in propertyNames are names that may be there. */
static void read_listed_names(struct object *object, yyjson_val *names, int depth)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *listed = yyjson_obj_get(names, "enum"), *only = yyjson_obj_get(names, "const");
    yyjson_val *ref = yyjson_obj_get(names, "$ref");
    if (ref != NULL && depth < SCHEMA_DEPTH_MAX)
        read_listed_names(object, schema_ref(object->compiler, names), depth + 1);
    if (listed == NULL && only == NULL)
        return;
    object->is_declared = true;
    if (yyjson_is_str(only))
        (void)property_of(object, only);
    yyjson_arr_foreach(listed, i, max, one)
    {
        if (yyjson_is_str(one) && property_of(object, one) == NULL)
            return;
    }
}

static void read_names(struct object *object, yyjson_val *schema)
{
    struct schema_compiler *compiler = object->compiler;
    yyjson_val *names = yyjson_obj_get(schema, "propertyNames");
    if (names == NULL)
        return;
    regular_set set = schema_names(compiler, names, 0);
    object->names = object->has_names ? regular_both(&compiler->regular, object->names, set) : set;
    object->has_names = true;
    read_listed_names(object, names, 0);
}

static const char *const OTHERS[] = {"additionalProperties", "unevaluatedProperties"};

static void read_others(struct object *object, yyjson_val *schema)
{
    for (size_t i = 0; i < 2; i++) {
        yyjson_val *value = yyjson_obj_get(schema, OTHERS[i]);
        if (value != NULL && !yyjson_is_obj(value) && !yyjson_is_bool(value))
            schema_fail(object->compiler, "'%s' must be a schema", OTHERS[i]);
        object->is_open = object->is_open || (value != NULL && !yyjson_is_false(value));
    }
    yyjson_val *patterns = yyjson_obj_get(schema, "patternProperties");
    if (patterns != NULL && !yyjson_is_obj(patterns))
        schema_fail(object->compiler, "'patternProperties' must be an object");
    object->is_open = object->is_open || yyjson_obj_size(patterns) > 0;
}

static void read_entry(struct object *object, const struct schema_entry *entry)
{
    struct property *property = NULL;
    switch (entry->kind) {
    case ENTRY_SCHEMA:
        read_properties(object, entry->schema);
        read_required(object, entry->schema);
        read_names(object, entry->schema);
        read_others(object, entry->schema);
        break;
    case ENTRY_REQUIRE:
    case ENTRY_FORBID:
    case ENTRY_NOT_KEY:
        if (entry->kind != ENTRY_NOT_KEY || strcmp(entry->key, "properties") == 0)
            property = property_of(object, entry->name);
        if (property != NULL && entry->kind == ENTRY_FORBID)
            property->is_forbidden = true;
        else if (property != NULL)
            property->is_required = true;
        break;
    default:
        break;
    }
}

/* ---- what they say of one name ---- */

static bool name_matches(struct schema_compiler *compiler, yyjson_val *pattern, struct str name)
{
    return regular_matches(&compiler->regular, schema_pattern(compiler, pattern, false), name);
}

/* Adds the schemas of an entry's patterns that the name matches. */
static bool add_patterns(struct schema_compiler *compiler, yyjson_val *schema, yyjson_val *name,
                         struct schema_parts *parts)
{
    size_t i, max;
    yyjson_val *pattern, *value;
    bool has_any = false;
    json_obj_foreach(yyjson_obj_get(schema, "patternProperties"), i, max, pattern, value)
    {
        if (schema_failed(compiler) || !name_matches(compiler, pattern, json_str(name)))
            continue;
        schema_parts_add(compiler, parts, value, false);
        has_any = true;
    }
    return has_any;
}

/* Entries that came from entry `from`, and itself. */
static bool comes_from(const struct schema_branch *branch, size_t at, size_t from)
{
    while (at != from && at < branch->entries.count && branch->entries.items[at].parent != at)
        at = branch->entries.items[at].parent;
    return at == from;
}

/* Is the name, or with NULL any that is not declared, described by `from` or by what came from it? */
static bool is_evaluated(const struct object *object, size_t from, yyjson_val *name)
{
    for (size_t i = 0; i < object->branch->entries.count; i++) {
        const struct schema_entry *entry = &object->branch->entries.items[i];
        struct schema_parts ignored = {0};
        if (entry->kind != ENTRY_SCHEMA || !comes_from(object->branch, i, from))
            continue;
        bool is_said = yyjson_obj_get(entry->schema, "additionalProperties") != NULL ||
                       (name != NULL && get(yyjson_obj_get(entry->schema, "properties"), name) != NULL) ||
                       (name != NULL && add_patterns(object->compiler, entry->schema, name, &ignored));
        mem_free(ignored.items);
        if (is_said)
            return true;
    }
    return false;
}

/* What an entry says of names that it does not know. */
static void add_others(const struct object *object, size_t at, yyjson_val *name, struct schema_parts *parts)
{
    yyjson_val *schema = object->branch->entries.items[at].schema;
    yyjson_val *others = yyjson_obj_get(schema, OTHERS[0]);
    if (others == NULL && yyjson_obj_get(schema, OTHERS[1]) != NULL && !is_evaluated(object, at, name))
        others = yyjson_obj_get(schema, OTHERS[1]);
    if (others != NULL && !yyjson_is_true(others))
        schema_parts_add(object->compiler, parts, others, false);
}

static void add_parts(const struct object *object, yyjson_val *name, struct schema_parts *parts)
{
    for (size_t i = 0; i < object->branch->entries.count; i++) {
        const struct schema_entry *entry = &object->branch->entries.items[i];
        if (entry->kind == ENTRY_NOT_KEY && strcmp(entry->key, "properties") == 0 &&
            str_eq(json_str(entry->name), json_str(name)))
            schema_parts_add(object->compiler, parts, entry->schema, true);
        if (entry->kind != ENTRY_SCHEMA)
            continue;
        yyjson_val *own = get(yyjson_obj_get(entry->schema, "properties"), name);
        if (own != NULL)
            schema_parts_add(object->compiler, parts, own, false);
        bool is_known = add_patterns(object->compiler, entry->schema, name, parts) || own != NULL;
        if (!is_known)
            add_others(object, i, name, parts);
    }
}

static bool has_false(const struct schema_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (yyjson_is_false(parts->items[i].schema) && !parts->items[i].is_not)
            return true;
    return false;
}

/* "name": value. False when the property can't be there. */
static bool define_member(struct object *object, struct property *property)
{
    struct schema_compiler *compiler = object->compiler;
    struct schema_parts parts = {0};
    struct buf text, key;
    add_parts(object, property->name, &parts);
    bool is_out =
        property->is_forbidden || has_false(&parts) ||
        (object->has_names && !regular_matches(&compiler->regular, object->names, json_str(property->name))) ||
        ((parts.count > 1 || !property->is_required) && schema_is_empty(compiler, &parts));
    if (is_out || schema_failed(compiler)) {
        mem_free(parts.items);
        return false;
    }
    buf_init(&text, GBNF_TEXT_MAX);
    buf_init(&key, GBNF_TEXT_MAX);
    buf_append_json(&key, json_str(property->name));
    buf_append_char(&key, ':');
    gbnf_literal(&text, buf_str(&key));
    buf_append_text(&text, " \" \"? ");
    schema_part(compiler, &text, &parts, "properties", json_str(property->name));
    if (key.failed)
        text.failed = true;
    property->rule = gbnf_rule_shared_text(&compiler->gbnf, &text);
    buf_deinit(&key);
    buf_deinit(&text);
    return true;
}

/* All properties; false when one that must be there can't be. */
static bool define_members(struct object *object)
{
    for (size_t i = 0; i < object->count && !schema_failed(object->compiler); i++) {
        struct property *property = &object->items[i];
        if (define_member(object, property) || schema_failed(object->compiler))
            continue;
        property->is_forbidden = true;
        if (property->is_required)
            return schema_nothing(object->compiler, "the property '" STR_FMT "' is required, but not allowed",
                                  STR_ARG(json_str(property->name)));
    }
    return true;
}

/* ---- names that are not declared ---- */

/* All patterns of all entries, as sets that take what any dialect takes. */
static regular_set any_pattern(struct object *object, yyjson_val *but)
{
    size_t i, max;
    yyjson_val *pattern, *value;
    regular_set set = REGULAR_NOTHING;
    for (size_t e = 0; e < object->branch->entries.count; e++) {
        const struct schema_entry *entry = &object->branch->entries.items[e];
        yyjson_val *patterns = entry->kind == ENTRY_SCHEMA ? yyjson_obj_get(entry->schema, "patternProperties") : NULL;
        json_obj_foreach(patterns, i, max, pattern, value)
        {
            if (pattern != but && !schema_failed(object->compiler))
                set = regular_either(&object->compiler->regular, schema_pattern(object->compiler, pattern, true), set);
        }
    }
    return set;
}

static regular_set declared_names(struct object *object)
{
    struct regular *regular = &object->compiler->regular;
    regular_set set = REGULAR_NOTHING;
    for (size_t i = 0; i < object->count; i++)
        set = regular_either(regular, regular_text(regular, json_str(object->items[i].name)), set);
    return set;
}

static void add_group(struct object *object, regular_set names, struct schema_parts *parts)
{
    struct regular *regular = &object->compiler->regular;
    bool is_any_name = names == regular_not(regular, REGULAR_NOTHING);
    if (has_false(parts) || names == REGULAR_NOTHING || object->group_count == GROUPS_MAX) {
        mem_free(parts->items);
        return;
    }
    object->groups[object->group_count++] = (struct group){.names = names, .is_any_name = is_any_name, .parts = *parts};
}

/* Names that match this pattern and none else. */
static void add_pattern_group(struct object *object, size_t owner, yyjson_val *pattern, yyjson_val *value,
                              regular_set allowed)
{
    struct regular *regular = &object->compiler->regular;
    struct schema_parts parts = {0};
    regular_set names = regular_both(regular, schema_pattern(object->compiler, pattern, false),
                                     regular_not(regular, any_pattern(object, pattern)));
    schema_parts_add(object->compiler, &parts, value, false);
    for (size_t i = 0; i < object->branch->entries.count; i++)
        if (i != owner && object->branch->entries.items[i].kind == ENTRY_SCHEMA)
            add_others(object, i, NULL, &parts);
    add_group(object, regular_both(regular, names, allowed), &parts);
}

static void find_groups(struct object *object)
{
    struct schema_compiler *compiler = object->compiler;
    struct regular *regular = &compiler->regular;
    size_t i, max;
    yyjson_val *pattern, *value;
    struct schema_parts parts = {0};
    regular_set allowed = regular_not(regular, declared_names(object));
    if (object->has_names)
        allowed = regular_both(regular, allowed, object->names);
    for (size_t e = 0; e < object->branch->entries.count; e++) {
        const struct schema_entry *entry = &object->branch->entries.items[e];
        yyjson_val *patterns = entry->kind == ENTRY_SCHEMA ? yyjson_obj_get(entry->schema, "patternProperties") : NULL;
        json_obj_foreach(patterns, i, max, pattern, value)
        {
            if (!schema_failed(compiler))
                add_pattern_group(object, e, pattern, value, allowed);
        }
    }
    for (size_t e = 0; e < object->branch->entries.count; e++)
        if (object->branch->entries.items[e].kind == ENTRY_SCHEMA)
            add_others(object, e, NULL, &parts);
    add_group(object, regular_both(regular, allowed, regular_not(regular, any_pattern(object, NULL))), &parts);
}

static bool define_group(struct object *object, struct group *group, struct buf *out)
{
    struct schema_compiler *compiler = object->compiler;
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    bool is_written = true;
    if (group->is_any_name) {
        gbnf_shared_name(&compiler->gbnf, &text, GBNF_STRING);
    } else {
        buf_append_text(&text, "\"\\\"\" ");
        is_written = schema_set(compiler, &text, group->names);
        buf_append_text(&text, " \"\\\"\"");
    }
    buf_append_text(&text, " \":\" \" \"? ");
    if (is_written) {
        schema_part(compiler, &text, &group->parts, "additionalProperties", STR(""));
        group->rule = gbnf_rule_shared_text(&compiler->gbnf, &text);
        buf_append_text(out, out->len > 0 ? " | " : "");
        gbnf_rule_name(&compiler->gbnf, out, group->rule);
    }
    buf_deinit(&text);
    return is_written;
}

/* One rule for a member of any group; without one there are no such members. */
static void define_groups(struct object *object)
{
    struct buf text;
    size_t written = 0;
    buf_init(&text, GBNF_TEXT_MAX);
    for (size_t i = 0; i < object->group_count && !schema_failed(object->compiler); i++)
        written += define_group(object, &object->groups[i], &text);
    if (written == 1)
        object->group_rule = 0;
    for (size_t i = 0; i < object->group_count && written == 1; i++)
        if (object->groups[i].rule != 0)
            object->group_rule = object->groups[i].rule;
    if (written > 1)
        object->group_rule = gbnf_rule_shared_text(&object->compiler->gbnf, &text);
    object->is_open = written > 0;
    buf_deinit(&text);
}

/* ---- the rules ---- */

/* What may stand from a property on, after `used` members. */
struct rest {
    bool is_dead;  /* not even the end */
    bool is_empty; /* the end alone */
    size_t rule;
};

#define USED_MAX 40 /* members are counted up to here; beyond, the value is checked */

struct table {
    struct object *object;
    size_t used_max; /* the last column: so many members or more */
    struct rest *cells; /* [count + 1][used_max + 1] */
};

static struct rest *cell(const struct table *table, size_t property, size_t used)
{
    if (used > table->used_max)
        used = table->used_max;
    return &table->cells[property * (table->used_max + 1) + used];
}

static struct rest rest_of(struct object *object, const struct buf *text)
{
    return (struct rest){.rule = gbnf_rule_shared_text(&object->compiler->gbnf, text)};
}

/* Behind the last property: members of groups, as many as are missing or still fit. */
static struct rest write_end(struct object *object, size_t used)
{
    struct gbnf *gbnf = &object->compiler->gbnf;
    uint64_t min = object->min > used ? object->min - used : 0;
    uint64_t max = object->max == GBNF_UNBOUNDED ? object->max : object->max - used;
    struct buf text, next, name;
    if (object->max != GBNF_UNBOUNDED && used > object->max)
        return (struct rest){.is_dead = true};
    if (!object->is_open || max == 0)
        return (struct rest){.is_dead = min > 0, .is_empty = true};
    buf_init(&text, GBNF_TEXT_MAX);
    buf_init(&next, GBNF_TEXT_MAX);
    buf_init(&name, 256);
    buf_append_text(&next, SCHEMA_COMMA);
    gbnf_rule_name(gbnf, &next, object->group_rule);
    gbnf_rule_name(gbnf, &name, gbnf_rule_shared_text(gbnf, &next));
    if (used > 0) {
        gbnf_repeat(gbnf, &text, buf_str(&name), min, max);
    } else {
        buf_append_text(&text, min == 0 ? "(" : "");
        gbnf_rule_name(gbnf, &text, object->group_rule);
        gbnf_repeat(gbnf, &text, buf_str(&name), min > 0 ? min - 1 : 0, max == GBNF_UNBOUNDED ? max : max - 1);
        buf_append_text(&text, min == 0 ? ")?" : "");
    }
    struct rest rest = rest_of(object, &text);
    buf_deinit(&name);
    buf_deinit(&next);
    buf_deinit(&text);
    return rest;
}

/* With the property, or without it when it may be left out. */
static struct rest write_rest(const struct table *table, size_t at, size_t used)
{
    struct object *object = table->object;
    const struct property *property = &object->items[at];
    const struct rest *with = cell(table, at + 1, used + 1), *without = cell(table, at + 1, used);
    bool can_take = !property->is_forbidden && !with->is_dead &&
                    (object->max == GBNF_UNBOUNDED || used + 1 <= object->max);
    bool can_skip = !property->is_required && !without->is_dead;
    if (!can_take)
        return can_skip ? *without : (struct rest){.is_dead = true};
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_append_text(&text, used > 0 ? SCHEMA_COMMA : "");
    gbnf_rule_name(&object->compiler->gbnf, &text, property->rule);
    if (!with->is_empty) {
        buf_append_char(&text, ' ');
        gbnf_rule_name(&object->compiler->gbnf, &text, with->rule);
    }
    if (can_skip)
        buf_append_text(&text, without->is_empty ? " | \"\"" : " | ");
    if (can_skip && !without->is_empty)
        gbnf_rule_name(&object->compiler->gbnf, &text, without->rule);
    struct rest rest = rest_of(object, &text);
    buf_deinit(&text);
    return rest;
}

static size_t columns(struct object *object)
{
    uint64_t most = object->min > 1 ? object->min : 1;
    if (object->max != GBNF_UNBOUNDED)
        most = object->max > most ? object->max : most;
    if (object->max != GBNF_UNBOUNDED && object->max >= object->count && !object->is_open) {
        object->max = GBNF_UNBOUNDED;
        most = object->min > 1 ? object->min : 1;
    }
    if (most > USED_MAX && object->count > 0) {
        object->min = object->min > USED_MAX ? USED_MAX : object->min;
        object->max = GBNF_UNBOUNDED;
        most = USED_MAX;
    }
    return object->count > 0 ? (size_t)most : 1;
}

static bool write_members(struct object *object, struct buf *out)
{
    struct table table = {.object = object, .used_max = columns(object)};
    table.cells = mem_calloc((object->count + 1) * (table.used_max + 1), sizeof(*table.cells));
    if (table.cells == NULL) {
        gbnf_fail_memory(&object->compiler->gbnf);
        return false;
    }
    for (size_t used = 0; used <= table.used_max; used++)
        if (used <= object->count)
            *cell(&table, object->count, used) = write_end(object, used);
    for (size_t at = object->count; at > 0 && !schema_failed(object->compiler); at--)
        for (size_t used = 0; used <= table.used_max && used <= at - 1; used++)
            *cell(&table, at - 1, used) = write_rest(&table, at - 1, used);
    const struct rest first = *cell(&table, 0, 0);
    mem_free(table.cells);
    if (first.is_dead)
        return schema_nothing(object->compiler, "'minProperties' and 'maxProperties' allow no object");
    if (!first.is_empty) {
        buf_append_char(out, ' ');
        gbnf_rule_name(&object->compiler->gbnf, out, first.rule);
    }
    return true;
}

/* All are required and nothing else: one rule, as short as the object itself. */
static bool write_required(struct object *object, struct buf *out)
{
    for (size_t i = 0; i < object->count; i++)
        if (!object->items[i].is_required)
            return false;
    if (object->is_open || object->min > object->count || object->max < object->count)
        return false;
    for (size_t i = 0; i < object->count; i++) {
        buf_append_text(out, i > 0 ? " " SCHEMA_COMMA : " ");
        gbnf_rule_name(&object->compiler->gbnf, out, object->items[i].rule);
    }
    return true;
}

/* Without a word on members, an object that declares none is any object; one
 * that declares some, or an empty list of them, has no others. */
static void decide_others(struct object *object)
{
    bool is_any = !object->is_declared && object->count == 0;
    bool is_too_small = object->min > object->count;
    if (object->is_open || is_any || is_too_small)
        find_groups(object);
    if (schema_sets_are_fine(object->compiler))
        define_groups(object);
}

bool schema_object(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch)
{
    struct object *object = mem_calloc(1, sizeof(*object));
    bool is_written = false;
    if (object == NULL) {
        gbnf_fail_memory(&compiler->gbnf);
        return false;
    }
    object->compiler = compiler;
    object->branch = branch;
    schema_counts(compiler, branch, "minProperties", "maxProperties", &object->min, &object->max);
    for (size_t i = 0; i < branch->entries.count && !schema_failed(compiler); i++)
        read_entry(object, &branch->entries.items[i]);
    if (schema_sets_are_fine(compiler) && define_members(object)) {
        decide_others(object);
        buf_append_text(out, "\"{\"");
        is_written = !schema_failed(compiler) && (write_required(object, out) || write_members(object, out));
        buf_append_text(out, " \"}\"");
    }
    for (size_t i = 0; i < object->group_count; i++)
        mem_free(object->groups[i].parts.items);
    gbnf_map_deinit(&object->by_name);
    mem_free(object->items);
    mem_free(object);
    return is_written;
}
