/* json_schema.c - from a schema's keywords to rules, one object after the other. The kinds of values have files of
 * their own. See json_schema.h. */
#include "chat/json_schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/schema_compiler.h"
#include "core/limits.h"
#include "core/mem.h"

/* Writes "where.properties.city.items" for messages. */
static void write_place(struct schema_compiler *compiler)
{
    size_t chain[8];
    size_t depth = 0;
    struct buf path;
    buf_init(&path, sizeof(compiler->place) - 1);
    for (size_t at = compiler->current; at != 0 && depth < 8; at = compiler->items[at].parent)
        chain[depth++] = at;
    buf_append_text(&path, compiler->where);
    if (depth == 8)
        buf_append_text(&path, "...");
    while (depth > 0 && !path.failed) {
        const struct schema_item *item = &compiler->items[chain[--depth]];
        buf_appendf(&path, ".%s", item->key);
        if (item->name.len > 0)
            buf_appendf(&path, "." STR_FMT, STR_ARG(item->name));
    }
    snprintf(compiler->place, sizeof(compiler->place), STR_FMT, STR_ARG(buf_str(&path)));
    buf_deinit(&path);
}

void schema_fail(struct schema_compiler *compiler, const char *format, ...)
{
    char message[300];
    va_list args;
    if (schema_failed(compiler))
        return;
    write_place(compiler);
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    compiler->gbnf.code = error_set(compiler->gbnf.error, ERROR_INVALID, "%s: %s", compiler->place, message);
}

bool schema_nothing(struct schema_compiler *compiler, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(compiler->reason, sizeof(compiler->reason), format, args);
    va_end(args);
    return false;
}

bool schema_sets_are_fine(struct schema_compiler *compiler)
{
    if (compiler->regular.is_out_of_memory)
        gbnf_fail_memory(&compiler->gbnf);
    else if (compiler->regular.is_too_large)
        schema_fail(compiler, "its patterns are too large together");
    return !schema_failed(compiler);
}

/* ---- parts and items ---- */

void schema_parts_add(struct schema_compiler *compiler, struct schema_parts *parts, yyjson_val *schema, bool is_not)
{
    void *items = parts->items;
    for (size_t i = 0; i < parts->count; i++)
        if (parts->items[i].schema == schema && parts->items[i].is_not == is_not)
            return;
    if (!mem_grow(&items, parts->count, &parts->cap, sizeof(*parts->items))) {
        gbnf_fail_memory(&compiler->gbnf);
        return;
    }
    parts->items = items;
    parts->items[parts->count++] = (struct schema_part){.schema = schema, .is_not = is_not};
}

static int compare_parts(const void *a, const void *b)
{
    const struct schema_part *x = a, *y = b;
    if (x->schema != y->schema)
        return x->schema < y->schema ? -1 : 1;
    return (int)x->is_not - (int)y->is_not;
}

/* Queues `parts`, or finds the item that they are already. Takes them over. */
static size_t item_of(struct schema_compiler *compiler, struct schema_parts *parts, const char *key, struct str name)
{
    void *items = compiler->items;
    size_t rule = 0;
    struct buf text;
    struct str kept;
    buf_init(&text, GBNF_TEXT_MAX);
    if (parts->count > 0) /* none: memory was out */
        qsort(parts->items, parts->count, sizeof(*parts->items), compare_parts);
    buf_append_char(&text, 'P');
    for (size_t i = 0; i < parts->count; i++)
        buf_appendf(&text, "%c%p", parts->items[i].is_not ? '!' : ' ', (void *)parts->items[i].schema);
    bool is_known = gbnf_map_get(&compiler->rules, buf_str(&text), &rule);
    if (!is_known)
        rule = gbnf_rule_number(&compiler->gbnf);
    if (!is_known && (text.failed || !arena_str(&compiler->arena, buf_str(&text), &kept) ||
                      !gbnf_map_put(&compiler->rules, kept, rule) ||
                      !mem_grow(&items, compiler->item_count, &compiler->item_cap, sizeof(*compiler->items))))
        gbnf_fail_memory(&compiler->gbnf);
    buf_deinit(&text);
    compiler->items = items;
    if (is_known || schema_failed(compiler)) {
        mem_free(parts->items);
    } else {
        compiler->items[compiler->item_count++] = (struct schema_item){
            .parts = *parts, .rule = rule, .parent = compiler->current, .key = key, .name = name};
    }
    *parts = (struct schema_parts){0};
    return rule;
}

void schema_part(struct schema_compiler *compiler, struct buf *out, struct schema_parts *parts, const char *key,
                 struct str name)
{
    if (parts->count == 0) {
        mem_free(parts->items);
        *parts = (struct schema_parts){0};
        gbnf_shared_name(&compiler->gbnf, out, GBNF_ANY_INNER);
        return;
    }
    size_t rule = item_of(compiler, parts, key, name);
    if (!schema_failed(compiler))
        gbnf_rule_name(&compiler->gbnf, out, rule);
}

/* ---- branches ---- */

static void append_alternative(struct buf *out, struct str text, size_t *written)
{
    buf_append_text(out, (*written)++ > 0 ? " | " : "");
    buf_append_str(out, text);
}

enum { EXCLUDES_NULL = 1, EXCLUDES_FALSE = 2, EXCLUDES_TRUE = 4 };

static unsigned excluded_value(yyjson_val *value)
{
    if (yyjson_is_null(value))
        return EXCLUDES_NULL;
    return yyjson_is_true(value) ? EXCLUDES_TRUE : yyjson_is_false(value) ? EXCLUDES_FALSE : 0;
}

/* What a negated enum or const takes from null, true and false. */
static unsigned excluded(const struct schema_branch *branch)
{
    unsigned excludes = 0;
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        size_t at, max;
        yyjson_val *one;
        if (entry->kind != ENTRY_NOT_KEY)
            continue;
        if (strcmp(entry->key, "const") == 0)
            excludes |= excluded_value(yyjson_obj_get(entry->schema, "const"));
        yyjson_arr_foreach(strcmp(entry->key, "enum") == 0 ? yyjson_obj_get(entry->schema, "enum") : NULL, at, max, one)
        {
            excludes |= excluded_value(one);
        }
    }
    return excludes;
}

static bool write_boolean(struct schema_compiler *compiler, struct buf *out, unsigned excludes)
{
    excludes &= EXCLUDES_FALSE | EXCLUDES_TRUE;
    if (excludes == 0)
        gbnf_shared_name(&compiler->gbnf, out, GBNF_BOOLEAN);
    else
        buf_append_text(out, excludes == EXCLUDES_FALSE ? "\"true\"" : "\"false\"");
    return excludes != (EXCLUDES_FALSE | EXCLUDES_TRUE);
}

/* One type of a branch; false when it allows nothing. */
static bool write_type(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch,
                       unsigned type, unsigned types)
{
    switch (type) {
    case TYPE_NULL:
        buf_append_text(out, "\"null\"");
        return !(excluded(branch) & EXCLUDES_NULL);
    case TYPE_BOOLEAN:
        return write_boolean(compiler, out, excluded(branch));
    case TYPE_STRING:
        return schema_string(compiler, out, branch);
    case TYPE_ARRAY:
        return schema_array(compiler, out, branch);
    case TYPE_OBJECT:
        return schema_object(compiler, out, branch);
    default:
        return schema_number(compiler, out, branch, types);
    }
}

/* One branch by type, its alternatives in brackets. */
static void write_types(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch,
                        unsigned types, size_t *written)
{
    struct buf text;
    if (types == TYPE_ALL && schema_branch_is_free(branch)) {
        buf_append_text(out, (*written)++ > 0 ? " | " : "");
        gbnf_shared_name(&compiler->gbnf, out, GBNF_ANY);
        return;
    }
    for (unsigned type = TYPE_NULL; type <= TYPE_OBJECT && !schema_failed(compiler); type <<= 1) {
        if (!(types & type) || (type == TYPE_FRACTION && (types & TYPE_INTEGER)))
            continue;
        buf_init(&text, GBNF_TEXT_MAX);
        buf_append_char(&text, '(');
        bool is_written = write_type(compiler, &text, branch, type, types);
        buf_append_char(&text, ')');
        if (is_written)
            append_alternative(out, buf_str(&text), written);
        if (text.failed)
            out->failed = true;
        buf_deinit(&text);
    }
}

/* Values of all branches that are lists of values, gathered. */
struct value_list {
    yyjson_val **items;
    size_t count, cap;
};

static void add_values(struct schema_compiler *compiler, struct value_list *list, yyjson_val **values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *items = list->items;
        if (!mem_grow(&items, list->count, &list->cap, sizeof(*list->items))) {
            gbnf_fail_memory(&compiler->gbnf);
            return;
        }
        list->items = items;
        list->items[list->count++] = values[i];
    }
}

static bool branch_key(struct schema_compiler *compiler, const struct schema_branch *branch, struct buf *key)
{
    struct schema_entry *sorted = mem_calloc(branch->entries.count + 1, sizeof(*sorted));
    size_t count = 0;
    if (sorted == NULL) {
        gbnf_fail_memory(&compiler->gbnf);
        return false;
    }
    for (size_t i = 0; i < branch->entries.count; i++)
        if (schema_says_something(&branch->entries.items[i]))
            sorted[count++] = branch->entries.items[i];
    qsort(sorted, count, sizeof(*sorted), schema_compare_entries);
    buf_append_char(key, 'B');
    if (branch->has_counts)
        buf_appendf(key, " %" PRIu64 "-%" PRIu64, branch->min_items, branch->max_items);
    for (size_t i = 0; i < count; i++)
        buf_appendf(key, " %d %p %s %p", (int)sorted[i].kind, (void *)sorted[i].schema,
                    sorted[i].key != NULL ? sorted[i].key : "", (void *)sorted[i].name);
    mem_free(sorted);
    return !key->failed;
}

/* A rule of its own for a branch that other places may have too. False when it allows nothing. */
static bool branch_rule(struct schema_compiler *compiler, const struct schema_branch *branch, unsigned types,
                        size_t *rule)
{
    struct buf key, text;
    struct str kept;
    size_t written = 0;
    buf_init(&key, GBNF_TEXT_MAX);
    buf_init(&text, GBNF_TEXT_MAX);
    bool is_made = branch_key(compiler, branch, &key);
    bool is_known = is_made && gbnf_map_get(&compiler->rules, buf_str(&key), rule);
    if (is_made && !is_known) {
        write_types(compiler, &text, branch, types, &written);
        *rule = written > 0 ? gbnf_rule_number(&compiler->gbnf) : SIZE_MAX;
        if (written > 0)
            gbnf_rule_define(&compiler->gbnf, *rule, &text);
        if (!arena_str(&compiler->arena, buf_str(&key), &kept) || !gbnf_map_put(&compiler->rules, kept, *rule))
            gbnf_fail_memory(&compiler->gbnf);
    }
    buf_deinit(&text);
    buf_deinit(&key);
    return is_made && *rule != SIZE_MAX && !schema_failed(compiler);
}

static void write_branch(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch,
                         bool is_only, struct value_list *values, size_t *written)
{
    yyjson_val **own = NULL;
    size_t count = 0, rule = 0;
    unsigned types = schema_branch_types(compiler, branch);
    if (types == 0 || schema_failed(compiler))
        return;
    if (schema_branch_values(compiler, branch, &own, &count)) {
        add_values(compiler, values, own, count);
        return;
    }
    if (is_only) {
        write_types(compiler, out, branch, types, written);
    } else if (branch_rule(compiler, branch, types, &rule)) {
        struct buf name;
        buf_init(&name, 256);
        gbnf_rule_name(&compiler->gbnf, &name, rule);
        append_alternative(out, buf_str(&name), written);
        buf_deinit(&name);
    }
}

static void write_item(struct schema_compiler *compiler, struct buf *out, const struct schema_item *item)
{
    struct schema_branches branches;
    struct value_list values = {0};
    size_t written = 0;
    compiler->reason[0] = '\0';
    schema_open(compiler, &item->parts, &branches);
    bool is_only = schema_merge(compiler, &branches) == 1;
    for (size_t i = 0; i < branches.count && !schema_failed(compiler); i++)
        if (!branches.items[i].is_dead)
            write_branch(compiler, out, &branches.items[i], is_only, &values, &written);
    if (values.count > 0 && !schema_failed(compiler)) {
        buf_append_text(out, written > 0 ? " | " : "");
        schema_values(compiler, out, values.items, values.count);
        written++;
    }
    if (written == 0)
        schema_fail(compiler, "%s", compiler->reason[0] != '\0' ? compiler->reason : "allows nothing");
    mem_free(values.items);
    schema_branches_deinit(&branches);
}

/* ---- does anything fit ---- */

static bool required_fits(struct schema_compiler *compiler, const struct schema_branch *branch);

static bool branch_is_empty(struct schema_compiler *compiler, const struct schema_branch *branch)
{
    yyjson_val **values = NULL;
    size_t count = 0;
    bool is_empty;
    unsigned types = schema_branch_types(compiler, branch);
    if (types == 0)
        return true;
    if (schema_branch_values(compiler, branch, &values, &count))
        return count == 0;
    if ((types & ~(unsigned)TYPE_NUMBER) == 0) {
        struct buf text;
        buf_init(&text, GBNF_TEXT_MAX);
        is_empty = !schema_number(compiler, &text, branch, types);
        buf_deinit(&text);
        return is_empty;
    }
    return types == TYPE_OBJECT && !required_fits(compiler, branch);
}

/* What all entries say of one property. */
static void property_parts(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val *name,
                           struct schema_parts *parts)
{
    for (size_t i = 0; i < branch->entries.count; i++) {
        const struct schema_entry *entry = &branch->entries.items[i];
        yyjson_val *own = entry->kind != ENTRY_SCHEMA
                              ? NULL
                              : yyjson_obj_getn(yyjson_obj_get(entry->schema, "properties"), yyjson_get_str(name),
                                                yyjson_get_len(name));
        if (own != NULL)
            schema_parts_add(compiler, parts, own, false);
        bool is_not = entry->kind == ENTRY_NOT_KEY && strcmp(entry->key, "properties") == 0 &&
                      str_eq(json_str(entry->name), json_str(name));
        if (is_not)
            schema_parts_add(compiler, parts, entry->schema, true);
    }
}

static bool property_fits(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val *name)
{
    struct schema_parts parts = {0};
    property_parts(compiler, branch, name, &parts);
    bool fits = parts.count == 0 || !schema_is_empty(compiler, &parts);
    mem_free(parts.items);
    return fits;
}

static bool required_fits(struct schema_compiler *compiler, const struct schema_branch *branch)
{
    for (size_t i = 0; i < branch->entries.count; i++) {
        size_t k, max;
        yyjson_val *name;
        const struct schema_entry *entry = &branch->entries.items[i];
        if (entry->kind == ENTRY_REQUIRE && !property_fits(compiler, branch, entry->name))
            return false;
        yyjson_arr_foreach(entry->kind == ENTRY_SCHEMA ? yyjson_obj_get(entry->schema, "required") : NULL, k, max, name)
        {
            if (yyjson_is_str(name) && !property_fits(compiler, branch, name))
                return false;
        }
    }
    return true;
}

bool schema_is_empty(struct schema_compiler *compiler, const struct schema_parts *parts)
{
    struct schema_branches branches;
    bool is_empty = true;
    if (schema_failed(compiler) || compiler->probe_depth >= SCHEMA_PROBE_DEPTH)
        return false;
    compiler->probe_depth++;
    schema_open(compiler, parts, &branches);
    for (size_t i = 0; i < branches.count && is_empty && !schema_failed(compiler); i++)
        is_empty = branches.items[i].is_dead || branch_is_empty(compiler, &branches.items[i]);
    schema_branches_deinit(&branches);
    compiler->probe_depth--;
    if (compiler->gbnf.code == ERROR_INVALID) {
        compiler->gbnf.code = OK; /* said again, and where it belongs, once that place is written */
        return false;
    }
    return is_empty && !schema_failed(compiler);
}

/* ---- the whole ---- */

static void write_items(struct schema_compiler *compiler)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    for (size_t i = 0; i < compiler->item_count && !schema_failed(compiler); i++) {
        compiler->current = i;
        write_place(compiler);
        buf_clear(&text);
        struct schema_item item = compiler->items[i];
        write_item(compiler, &text, &item);
        gbnf_rule_define(&compiler->gbnf, item.rule, &text);
    }
    buf_deinit(&text);
}

enum error_code json_schema_to_grammar(yyjson_val *schema, const char *root_name, const char *where,
                                       struct buf *grammar, struct error *error)
{
    struct schema_compiler compiler = {
        .root = schema, .where = where, .ref_budget = SCHEMA_REF_VALUES_MAX};
    struct schema_parts parts = {0};
    gbnf_init(&compiler.gbnf, grammar, root_name, compiler.place, error);
    arena_init(&compiler.arena, 0);
    snprintf(compiler.place, sizeof(compiler.place), "%s", where);
    if (!regular_init(&compiler.regular, SCHEMA_TERMS_MAX))
        gbnf_fail_memory(&compiler.gbnf);
    schema_parts_add(&compiler, &parts, schema, false);
    item_of(&compiler, &parts, "", STR(""));
    write_items(&compiler);
    gbnf_add_shared_rules(&compiler.gbnf);
    for (size_t i = 0; i < compiler.item_count; i++)
        mem_free(compiler.items[i].parts.items);
    mem_free(compiler.items);
    gbnf_map_deinit(&compiler.rules);
    gbnf_map_deinit(&compiler.sets);
    regular_deinit(&compiler.regular);
    arena_deinit(&compiler.arena);
    gbnf_deinit(&compiler.gbnf);
    return compiler.gbnf.code;
}
