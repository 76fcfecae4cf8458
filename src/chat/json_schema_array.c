/* Arrays: fixed items first, then any number of one kind. */
#include <inttypes.h>

#include "chat/json_schema_check.h"
#include "chat/schema_compiler.h"
#include "core/mem.h"

#define UNIQUE_ORDERED_MAX 5 /* so many different values in any order; more in the order they are listed */
#define ITEMS_COUNTED_MAX 100

struct array {
    struct schema_compiler *compiler;
    const struct schema_branch *branch;
    uint64_t min, max;
    size_t prefix_count; /* of the longest list of fixed items */
    bool has_items;      /* some entry says what other items are */
    bool is_unique;
    yyjson_val *contains;
    uint64_t contains_min;
};

static yyjson_val *prefix_of(yyjson_val *schema)
{
    yyjson_val *prefix = yyjson_obj_get(schema, "prefixItems"), *items = yyjson_obj_get(schema, "items");
    return prefix == NULL && yyjson_is_arr(items) ? items : prefix; /* drafts before 2020 */
}

static yyjson_val *others_of(yyjson_val *schema)
{
    yyjson_val *items = yyjson_obj_get(schema, "items");
    if (yyjson_is_arr(items))
        items = yyjson_obj_get(schema, "additionalItems");
    return items != NULL ? items : yyjson_obj_get(schema, "unevaluatedItems");
}

static void read_contains(struct array *array, yyjson_val *schema)
{
    yyjson_val *contains = yyjson_obj_get(schema, "contains");
    uint64_t min = 1;
    if (contains == NULL)
        return;
    schema_count(array->compiler, schema, "minContains", &min);
    if (array->contains == NULL && min > 0) {
        array->contains = contains;
        array->contains_min = min;
    }
}

static void read_entry(struct array *array, yyjson_val *schema)
{
    yyjson_val *prefix = prefix_of(schema), *others = others_of(schema);
    if (prefix != NULL && !yyjson_is_arr(prefix))
        schema_fail(array->compiler, "'prefixItems' must be an array of schemas");
    if (yyjson_arr_size(prefix) > array->prefix_count)
        array->prefix_count = yyjson_arr_size(prefix);
    if (yyjson_is_false(others) && yyjson_arr_size(prefix) < array->max)
        array->max = yyjson_arr_size(prefix);
    array->has_items = array->has_items || (others != NULL && !yyjson_is_false(others));
    array->is_unique = array->is_unique || yyjson_is_true(yyjson_obj_get(schema, "uniqueItems"));
    read_contains(array, schema);
}

/* What all entries say of the item at `index`; of those behind the fixed ones with SIZE_MAX. */
static void item_parts(const struct array *array, size_t index, struct schema_parts *parts)
{
    for (size_t i = 0; i < array->branch->entries.count; i++) {
        const struct schema_entry *entry = &array->branch->entries.items[i];
        if (entry->kind != ENTRY_SCHEMA)
            continue;
        yyjson_val *prefix = prefix_of(entry->schema);
        yyjson_val *own = index < yyjson_arr_size(prefix) ? yyjson_arr_get(prefix, index) : others_of(entry->schema);
        if (own != NULL && !yyjson_is_true(own))
            schema_parts_add(array->compiler, parts, own, false);
    }
}

/* ---- different values ---- */

/* The values that items can have, when they are listed. */
static bool listed_values(struct array *array, yyjson_val ***values, size_t *count)
{
    struct schema_branches branches = {0};
    struct schema_parts parts = {0};
    bool is_listed = false;
    item_parts(array, SIZE_MAX, &parts);
    if (parts.count > 0 && array->prefix_count == 0 && array->contains == NULL)
        schema_open(array->compiler, &parts, &branches);
    size_t alive = SIZE_MAX;
    for (size_t i = 0; i < branches.count; i++)
        if (!branches.items[i].is_dead)
            alive = alive == SIZE_MAX ? i : branches.count;
    if (alive < branches.count && !schema_failed(array->compiler)) {
        unsigned types = schema_branch_types(array->compiler, &branches.items[alive]);
        is_listed = types != 0 &&
                    (schema_branch_values(array->compiler, &branches.items[alive], values, count) ||
                     schema_branch_domain(array->compiler, &branches.items[alive], types, values, count));
    }
    schema_branches_deinit(&branches);
    mem_free(parts.items);
    return is_listed;
}

static void write_value(struct array *array, struct buf *out, yyjson_val *value, bool is_first)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_append_text(out, is_first ? "" : SCHEMA_COMMA);
    if (!json_append(&text, value))
        out->failed = true;
    gbnf_literal(out, buf_str(&text));
    buf_deinit(&text);
    gbnf_spend(&array->compiler->gbnf, 1);
}

static unsigned bit_count(unsigned bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* Any order: a rule for each set of values that were used. */
static bool write_any_order(struct array *array, struct buf *out, yyjson_val **values, size_t count)
{
    struct gbnf *gbnf = &array->compiler->gbnf;
    size_t rules[1u << UNIQUE_ORDERED_MAX] = {0};
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    for (unsigned used = 1u << count; used-- > 0;) {
        unsigned len = bit_count(used), written = 0;
        buf_clear(&text);
        for (unsigned i = 0; i < count && len < array->max; i++) {
            if (used & 1u << i || rules[used | 1u << i] == SIZE_MAX)
                continue;
            buf_append_text(&text, written++ > 0 ? " | " : "");
            write_value(array, &text, values[i], len == 0);
            buf_append_char(&text, ' ');
            gbnf_rule_name(gbnf, &text, rules[used | 1u << i]);
        }
        bool can_end = len >= array->min;
        if (can_end)
            buf_append_text(&text, written > 0 ? " | \"\"" : "\"\"");
        rules[used] = can_end || written > 0 ? gbnf_rule_shared_text(gbnf, &text) : SIZE_MAX;
    }
    buf_deinit(&text);
    if (rules[0] != SIZE_MAX)
        gbnf_rule_name(gbnf, out, rules[0]);
    return rules[0] != SIZE_MAX;
}

/* Behind value number `at`, when `used` of those before are there: a rule, SIZE_MAX for none. */
static size_t ordered_rule(struct array *array, yyjson_val **values, const size_t *behind, size_t at, size_t used,
                           size_t columns)
{
    struct gbnf *gbnf = &array->compiler->gbnf;
    size_t with = behind[used + 1 < columns ? used + 1 : columns - 1], without = behind[used];
    bool can_take = with != SIZE_MAX && used < array->max;
    if (!can_take)
        return without;
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    write_value(array, &text, values[at], used == 0);
    buf_append_char(&text, ' ');
    gbnf_rule_name(gbnf, &text, with);
    if (without != SIZE_MAX) {
        buf_append_text(&text, " | ");
        gbnf_rule_name(gbnf, &text, without);
    }
    size_t rule = gbnf_rule_shared_text(gbnf, &text);
    buf_deinit(&text);
    return rule;
}

/* Each value at most once, in the order of the list. Counts are kept as far as they matter. */
static bool write_in_order(struct array *array, struct buf *out, yyjson_val **values, size_t count)
{
    struct gbnf *gbnf = &array->compiler->gbnf;
    uint64_t most = array->max < count ? array->max : array->min > 1 ? array->min : 1;
    size_t columns = (size_t)most + 1;
    size_t *cells = most <= ITEMS_COUNTED_MAX ? mem_calloc(2 * columns, sizeof(*cells)) : NULL;
    if (cells == NULL) {
        if (most <= ITEMS_COUNTED_MAX)
            gbnf_fail_memory(gbnf);
        return schema_nothing(array->compiler, "'uniqueItems' with more than %d items is not supported",
                              ITEMS_COUNTED_MAX);
    }
    struct buf empty;
    buf_init(&empty, 16);
    buf_append_text(&empty, "\"\"");
    size_t end = gbnf_rule_shared_text(gbnf, &empty);
    buf_deinit(&empty);
    size_t *behind = cells, *here = cells + columns;
    for (size_t used = 0; used < columns; used++)
        behind[used] = used >= array->min ? end : SIZE_MAX;
    for (size_t at = count; at > 0 && !schema_failed(array->compiler); at--) {
        for (size_t used = 0; used < columns; used++)
            here[used] = ordered_rule(array, values, behind, at - 1, used, columns);
        size_t *swap = behind;
        behind = here;
        here = swap;
    }
    size_t first = behind[0];
    mem_free(cells);
    if (first == SIZE_MAX || schema_failed(array->compiler))
        return false;
    gbnf_rule_name(gbnf, out, first);
    return true;
}

static size_t drop_equal_values(yyjson_val **values, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_new = true;
        for (size_t k = 0; k < kept && is_new; k++)
            is_new = !json_schema_same(values[k], values[i]);
        if (is_new)
            values[kept++] = values[i];
    }
    return kept;
}

static bool write_different(struct array *array, struct buf *out, yyjson_val **values, size_t count)
{
    count = drop_equal_values(values, count);
    if (array->max > count)
        array->max = count;
    if (array->min > count)
        return schema_nothing(array->compiler, "'uniqueItems' leaves fewer values than 'minItems' asks for");
    buf_append_text(out, "\"[\" ");
    bool is_written = count <= UNIQUE_ORDERED_MAX ? write_any_order(array, out, values, count)
                                                  : write_in_order(array, out, values, count);
    buf_append_text(out, " \"]\"");
    return is_written;
}

/* ---- items one after the other ---- */

/* The fixed items, always all of them that maxItems allows; how many. */
static uint64_t write_prefix(struct array *array, struct buf *out)
{
    uint64_t written = 0;
    for (; written < array->prefix_count && written < array->max && !schema_failed(array->compiler); written++) {
        struct schema_parts parts = {0};
        item_parts(array, (size_t)written, &parts);
        buf_append_text(out, written > 0 ? " " SCHEMA_COMMA : "");
        schema_part(array->compiler, out, &parts, "prefixItems", STR(""));
    }
    return written;
}

/* Items that `contains` asks for; they come first of those that are not fixed. */
static uint64_t write_contained(struct array *array, struct buf *out, uint64_t written)
{
    uint64_t count = 0;
    for (; array->contains != NULL && count < array->contains_min && !schema_failed(array->compiler); count++) {
        struct schema_parts parts = {0};
        item_parts(array, SIZE_MAX, &parts);
        schema_parts_add(array->compiler, &parts, array->contains, false);
        buf_append_text(out, written + count > 0 ? " " SCHEMA_COMMA : "");
        schema_part(array->compiler, out, &parts, "contains", STR(""));
        gbnf_spend(&array->compiler->gbnf, 1);
    }
    return count;
}

/* Rule of one item with the comma before it. */
static size_t next_rule(struct schema_compiler *compiler, struct str item)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_append_text(&text, SCHEMA_COMMA);
    buf_append_str(&text, item);
    size_t number = gbnf_rule_shared_text(&compiler->gbnf, &text);
    buf_deinit(&text);
    return number;
}

/* `min` to `max` more items behind `written` ones. */
static void write_more(struct array *array, struct buf *out, bool is_first, uint64_t min, uint64_t max)
{
    struct gbnf *gbnf = &array->compiler->gbnf;
    struct schema_parts parts = {0};
    struct buf item, next;
    buf_init(&item, 256);
    buf_init(&next, 256);
    item_parts(array, SIZE_MAX, &parts);
    schema_part(array->compiler, &item, &parts, "items", STR(""));
    gbnf_rule_name(gbnf, &next, next_rule(array->compiler, buf_str(&item)));
    buf_append_char(out, ' ');
    if (!is_first) {
        gbnf_repeat(gbnf, out, buf_str(&next), min, max);
    } else {
        buf_append_text(out, min == 0 ? "(" : "");
        buf_append_str(out, buf_str(&item));
        gbnf_repeat(gbnf, out, buf_str(&next), min > 0 ? min - 1 : 0, max == GBNF_UNBOUNDED ? max : max - 1);
        buf_append_text(out, min == 0 ? ")?" : "");
    }
    buf_deinit(&next);
    buf_deinit(&item);
}

/* Items that nothing fits are none, where none are allowed. */
static bool has_no_items(struct array *array)
{
    struct schema_parts parts = {0};
    item_parts(array, SIZE_MAX, &parts);
    bool is_empty = parts.count > 0 && schema_is_empty(array->compiler, &parts);
    mem_free(parts.items);
    return is_empty;
}

static bool write_items(struct array *array, struct buf *out)
{
    buf_append_text(out, "\"[\" ");
    uint64_t written = write_prefix(array, out);
    written += write_contained(array, out, written);
    if (written > array->max)
        return schema_nothing(array->compiler, "'contains' asks for more items than are allowed");
    uint64_t min = array->min > written ? array->min - written : 0;
    uint64_t max = array->max == GBNF_UNBOUNDED ? array->max : array->max - written;
    bool takes_more = array->prefix_count == 0 || array->has_items || min > 0;
    if (takes_more && max > 0 && !(min == 0 && has_no_items(array)))
        write_more(array, out, written == 0, min, max);
    buf_append_text(out, " \"]\"");
    return true;
}

bool schema_array(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch)
{
    struct array array = {.compiler = compiler, .branch = branch};
    yyjson_val **values = NULL;
    size_t count = 0;
    schema_counts(compiler, branch, "minItems", "maxItems", &array.min, &array.max);
    if (branch->has_counts) {
        array.min = branch->min_items;
        array.max = branch->max_items;
    }
    for (size_t i = 0; i < branch->entries.count; i++)
        if (branch->entries.items[i].kind == ENTRY_SCHEMA)
            read_entry(&array, branch->entries.items[i].schema);
    if (schema_failed(compiler))
        return false;
    if (array.min > array.max)
        return schema_nothing(compiler, "'minItems' is larger than 'maxItems', or than the items that are allowed");
    if (array.is_unique && listed_values(&array, &values, &count))
        return !schema_failed(compiler) && write_different(&array, out, values, count);
    return !schema_failed(compiler) && write_items(&array, out);
}
