#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "chat/schema_compiler.h"
#include "core/mem.h"

/* ---- objects ---- */

struct property {
    struct str name;
    yyjson_val *schema; /* NULL: required, but described nowhere */
    bool is_required;
};

struct properties {
    struct property *items;
    size_t count, cap;
    struct gbnf_map by_name;
    yyjson_val *additional; /* of the last object that says so; NULL: anything */
    bool is_closed;         /* additionalProperties: false somewhere */
};

static struct property *property_of(struct schema_compiler *compiler, struct properties *properties, struct str name)
{
    void *items = properties->items;
    size_t at;
    if (gbnf_map_get(&properties->by_name, name, &at))
        return &properties->items[at];
    gbnf_spend(&compiler->gbnf, 1);
    if (schema_failed(compiler))
        return NULL;
    if (!mem_grow(&items, properties->count, &properties->cap, sizeof(*properties->items))) {
        gbnf_fail_memory(&compiler->gbnf);
        return NULL;
    }
    properties->items = items;
    if (!gbnf_map_put(&properties->by_name, name, properties->count)) {
        gbnf_fail_memory(&compiler->gbnf);
        return NULL;
    }
    properties->items[properties->count] = (struct property){.name = name};
    return &properties->items[properties->count++];
}

static void collect_declared(struct schema_compiler *compiler, struct properties *properties, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_val *declared = yyjson_obj_get(schema, "properties");
    if (declared == NULL)
        return;
    if (!yyjson_is_obj(declared)) {
        schema_fail(compiler, "'properties' must be an object");
        return;
    }
    yyjson_obj_foreach(declared, i, max, key, value)
    {
        struct property *property = property_of(compiler, properties, json_str(key));
        if (property == NULL)
            return;
        if (property->schema != NULL && !yyjson_equals(property->schema, value))
            schema_fail(compiler, "the property '" STR_FMT "' is described in two ways", STR_ARG(property->name));
        property->schema = value;
    }
}

static void collect_required(struct schema_compiler *compiler, struct properties *properties, yyjson_val *schema)
{
    size_t i, max;
    yyjson_val *name;
    yyjson_val *required = yyjson_obj_get(schema, "required");
    if (required != NULL && !yyjson_is_arr(required) && !yyjson_is_bool(required))
        schema_fail(compiler, "'required' must be an array of names");
    yyjson_arr_foreach(required, i, max, name)
    {
        struct property *property = property_of(compiler, properties, json_str(name));
        if (property == NULL)
            return;
        property->is_required = true;
    }
}

static void collect_additional(struct schema_compiler *compiler, struct properties *properties, yyjson_val *schema)
{
    static const char *const keys[] = {"additionalProperties", "unevaluatedProperties"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        yyjson_val *value = yyjson_obj_get(schema, keys[i]);
        if (yyjson_is_false(value))
            properties->is_closed = true;
        else if (yyjson_is_obj(value))
            properties->additional = value;
        else if (value != NULL && !yyjson_is_bool(value))
            schema_fail(compiler, "'%s' must be a schema", keys[i]);
    }
}

/* Adds what `schema` says of objects, with the members of its allOf. Depth
 * counts nested allOf, so a circle of references ends. */
static void collect(struct schema_compiler *compiler, struct properties *properties, yyjson_val *schema, int depth)
{
    size_t i, max;
    yyjson_val *one;
    if (depth > SCHEMA_ALL_OF_DEPTH)
        schema_fail(compiler, "'allOf' is nested more than %d deep, or in a circle", SCHEMA_ALL_OF_DEPTH);
    if (schema_failed(compiler))
        return;
    gbnf_spend(&compiler->gbnf, 1);
    collect_declared(compiler, properties, schema);
    collect_required(compiler, properties, schema);
    collect_additional(compiler, properties, schema);
    yyjson_arr_foreach(yyjson_obj_get(schema, "allOf"), i, max, one)
    {
        static const char *const refused[] = {"enum", "const", "anyOf", "oneOf"};
        yyjson_val *target = schema_resolve(compiler, one);
        yyjson_val *type = yyjson_obj_get(target, "type");
        if (!yyjson_is_obj(target) || (type != NULL && !yyjson_equals_str(type, "object")))
            schema_fail(compiler, "'allOf' of several schemas is supported for objects only");
        for (size_t k = 0; k < sizeof(refused) / sizeof(refused[0]); k++)
            if (yyjson_obj_get(target, refused[k]) != NULL)
                schema_fail(compiler, "'%s' inside 'allOf' is not supported", refused[k]);
        schema_check_keywords(compiler, target);
        collect(compiler, properties, target, depth + 1);
        if (schema_failed(compiler))
            return;
    }
}

/* "name": value */
static void write_member(struct schema_compiler *compiler, struct buf *out, const struct properties *properties,
                         const struct property *property)
{
    struct buf key;
    buf_init(&key, out->max);
    buf_append_json(&key, property->name);
    buf_append_char(&key, ':');
    if (key.failed)
        out->failed = true;
    gbnf_literal(out, buf_str(&key));
    buf_deinit(&key);
    buf_append_text(out, " \" \"? ");
    yyjson_val *schema = property->schema != NULL ? property->schema : properties->additional;
    if (property->schema == NULL && properties->is_closed)
        schema_fail(compiler, "the property '" STR_FMT "' is required, but not allowed", STR_ARG(property->name));
    else if (schema != NULL)
        schema_part(compiler, out, schema, "properties", property->name);
    else
        gbnf_shared_name(&compiler->gbnf, out, GBNF_ANY_INNER);
}

#define COMMA "\",\" \" \"? "

/* Any subset of the optional properties, in declared order. For each property
 * from the last to the first two rules: `rest` is what may follow when a member
 * was written already, `first` when none was. */
struct member_rules {
    size_t rest, first;
    bool is_empty; /* no property stands here or behind: both are empty texts */
    bool first_is_empty; /* none behind must be there, so `first` may be left out */
};

static void write_rest_rule(struct schema_compiler *compiler, const struct property *property,
                            const struct member_rules *behind, struct str member, struct member_rules *rules)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_append_text(&text, property->is_required ? COMMA : "(" COMMA);
    buf_append_str(&text, member);
    if (!property->is_required)
        buf_append_text(&text, ")?");
    if (!behind->is_empty) {
        buf_append_char(&text, ' ');
        gbnf_rule_name(&compiler->gbnf, &text, behind->rest);
    }
    rules->rest = gbnf_rule_number(&compiler->gbnf);
    gbnf_rule_define(&compiler->gbnf, rules->rest, &text);
    buf_deinit(&text);
}

static void write_first_rule(struct schema_compiler *compiler, const struct property *property,
                             const struct member_rules *behind, struct str member, struct member_rules *rules)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_append_str(&text, member);
    if (!behind->is_empty) {
        buf_append_char(&text, ' ');
        gbnf_rule_name(&compiler->gbnf, &text, behind->rest);
        if (!property->is_required) {
            buf_append_text(&text, " | ");
            gbnf_rule_name(&compiler->gbnf, &text, behind->first);
        }
    }
    rules->first = gbnf_rule_number(&compiler->gbnf);
    gbnf_rule_define(&compiler->gbnf, rules->first, &text);
    buf_deinit(&text);
}

static void write_member_rules(struct schema_compiler *compiler, const struct properties *properties,
                               const struct property *property, struct member_rules *rules)
{
    struct member_rules behind = *rules;
    struct buf member, name;
    buf_init(&member, GBNF_TEXT_MAX);
    buf_init(&name, 256);
    write_member(compiler, &member, properties, property);
    size_t number = gbnf_rule_number(&compiler->gbnf);
    gbnf_rule_define(&compiler->gbnf, number, &member);
    gbnf_rule_name(&compiler->gbnf, &name, number);
    write_rest_rule(compiler, property, &behind, buf_str(&name), rules);
    write_first_rule(compiler, property, &behind, buf_str(&name), rules);
    rules->is_empty = false;
    rules->first_is_empty = behind.first_is_empty && !property->is_required;
    buf_deinit(&name);
    buf_deinit(&member);
}

/* All are required: one rule, as short as the object itself. */
static void write_required_members(struct schema_compiler *compiler, struct buf *out,
                                   const struct properties *properties)
{
    for (size_t i = 0; i < properties->count && !schema_failed(compiler); i++) {
        if (i > 0)
            buf_append_text(out, " " COMMA);
        write_member(compiler, out, properties, &properties->items[i]);
    }
}

static void write_members(struct schema_compiler *compiler, struct buf *out, const struct properties *properties)
{
    struct member_rules rules = {.is_empty = true, .first_is_empty = true};
    bool all_required = true;
    for (size_t i = 0; i < properties->count; i++)
        all_required = all_required && properties->items[i].is_required;
    if (all_required) {
        write_required_members(compiler, out, properties);
        return;
    }
    for (size_t i = properties->count; i > 0 && !schema_failed(compiler); i--)
        write_member_rules(compiler, properties, &properties->items[i - 1], &rules);
    gbnf_rule_name(&compiler->gbnf, out, rules.first);
    if (rules.first_is_empty)
        buf_append_char(out, '?');
}

/* No property is described: any names, values as additionalProperties says. */
static void write_map(struct schema_compiler *compiler, struct buf *out, const struct properties *properties)
{
    struct buf member;
    buf_init(&member, GBNF_TEXT_MAX);
    gbnf_shared_name(&compiler->gbnf, &member, GBNF_STRING);
    buf_append_text(&member, " \":\" \" \"? ");
    if (properties->additional != NULL)
        schema_part(compiler, &member, properties->additional, "additionalProperties", STR(""));
    else
        gbnf_shared_name(&compiler->gbnf, &member, GBNF_ANY_INNER);
    size_t number = gbnf_rule_number(&compiler->gbnf);
    gbnf_rule_define(&compiler->gbnf, number, &member);
    buf_append_text(out, "\"{\" (");
    gbnf_rule_name(&compiler->gbnf, out, number);
    buf_append_text(out, " (" COMMA);
    gbnf_rule_name(&compiler->gbnf, out, number);
    buf_append_text(out, ")*)? \"}\"");
    buf_deinit(&member);
}

void schema_object(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    struct properties properties = {0};
    collect(compiler, &properties, schema, 0);
    if (schema_failed(compiler)) {
        /* nothing to write */
    } else if (properties.count > 0) {
        buf_append_text(out, "\"{\" ");
        write_members(compiler, out, &properties);
        buf_append_text(out, " \"}\"");
    } else if (properties.is_closed) {
        buf_append_text(out, "\"{}\"");
    } else {
        write_map(compiler, out, &properties);
    }
    gbnf_map_deinit(&properties.by_name);
    mem_free(properties.items);
}

/* ---- arrays ---- */

struct array_form {
    yyjson_val *prefix; /* schemas of the first items; NULL: none */
    yyjson_val *items;  /* of the others; NULL: not said */
    uint64_t min, max;
};

static void read_array_form(struct schema_compiler *compiler, yyjson_val *schema, struct array_form *form)
{
    *form = (struct array_form){.prefix = yyjson_obj_get(schema, "prefixItems"),
                                .items = yyjson_obj_get(schema, "items"),
                                .max = GBNF_UNBOUNDED};
    if (yyjson_is_arr(form->items)) { /* drafts before 2020 */
        form->prefix = form->items;
        form->items = yyjson_obj_get(schema, "additionalItems");
    }
    if (form->prefix != NULL && !yyjson_is_arr(form->prefix))
        schema_fail(compiler, "'prefixItems' must be an array of schemas");
    schema_count(compiler, schema, "minItems", &form->min);
    schema_count(compiler, schema, "maxItems", &form->max);
    if (form->min > form->max)
        schema_fail(compiler, "'minItems' is larger than 'maxItems'");
}

/* The fixed items, always all of them that maxItems allows; how many. */
static uint64_t write_prefix_items(struct schema_compiler *compiler, struct buf *out, const struct array_form *form)
{
    size_t i, max;
    uint64_t written = 0;
    yyjson_val *one;
    yyjson_arr_foreach(form->prefix, i, max, one)
    {
        if (written == form->max || schema_failed(compiler))
            return written;
        if (written++ > 0)
            buf_append_text(out, " " COMMA);
        schema_part(compiler, out, one, "prefixItems", STR(""));
    }
    return written;
}

/* Rule of one item with or without the comma before it. */
static size_t item_rule(struct schema_compiler *compiler, struct str item, bool has_comma)
{
    struct buf text;
    size_t number = gbnf_rule_number(&compiler->gbnf);
    buf_init(&text, GBNF_TEXT_MAX);
    if (has_comma)
        buf_append_text(&text, COMMA);
    buf_append_str(&text, item);
    gbnf_rule_define(&compiler->gbnf, number, &text);
    buf_deinit(&text);
    return number;
}

/* `min` to `max` more items behind `written` ones. */
static void write_more_items(struct schema_compiler *compiler, struct buf *out, yyjson_val *items, bool is_first,
                             uint64_t min, uint64_t max)
{
    struct buf item, next;
    buf_init(&item, 256);
    buf_init(&next, 256);
    if (items != NULL && !yyjson_is_true(items))
        schema_part(compiler, &item, items, "items", STR(""));
    else
        gbnf_shared_name(&compiler->gbnf, &item, GBNF_ANY_INNER);
    gbnf_rule_name(&compiler->gbnf, &next, item_rule(compiler, buf_str(&item), true));
    buf_append_char(out, ' ');
    if (!is_first) {
        gbnf_repeat(&compiler->gbnf, out, buf_str(&next), min, max);
    } else {
        buf_append_text(out, min == 0 ? "(" : "");
        buf_append_str(out, buf_str(&item));
        gbnf_repeat(&compiler->gbnf, out, buf_str(&next), min > 0 ? min - 1 : 0,
                    max == GBNF_UNBOUNDED ? max : max - 1);
        buf_append_text(out, min == 0 ? ")?" : "");
    }
    buf_deinit(&next);
    buf_deinit(&item);
}

void schema_array(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    struct array_form form;
    read_array_form(compiler, schema, &form);
    if (schema_failed(compiler))
        return;
    buf_append_text(out, "\"[\" ");
    uint64_t written = write_prefix_items(compiler, out, &form);
    uint64_t min = form.min > written ? form.min - written : 0;
    uint64_t max = form.max == GBNF_UNBOUNDED ? form.max : form.max - written;
    bool takes_more = form.prefix == NULL ? true : form.items != NULL || min > 0;
    if (yyjson_is_false(form.items) && min > 0)
        schema_fail(compiler, "'minItems' asks for more items than are allowed");
    if (takes_more && max > 0 && !yyjson_is_false(form.items))
        write_more_items(compiler, out, form.items, written == 0, min, max);
    buf_append_text(out, " \"]\"");
}

/* ---- strings ---- */

static bool write_format(struct schema_compiler *compiler, struct buf *out, struct str format)
{
    if (str_eq(format, STR("date"))) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_DATE);
    } else if (str_eq(format, STR("time"))) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_TIME);
    } else if (str_eq(format, STR("date-time"))) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_DATE);
        buf_append_text(out, " \"T\" ");
        gbnf_shared_name(&compiler->gbnf, out, GBNF_TIME);
    } else if (str_eq(format, STR("uuid"))) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_UUID);
    } else {
        return false;
    }
    return true;
}

static void write_any_characters(struct schema_compiler *compiler, struct buf *out, uint64_t min, uint64_t max)
{
    struct buf name;
    buf_init(&name, 256);
    gbnf_shared_name(&compiler->gbnf, &name, GBNF_CHAR);
    if (min > max)
        schema_fail(compiler, "'minLength' is larger than 'maxLength'");
    gbnf_repeat(&compiler->gbnf, out, buf_str(&name), min, max);
    buf_deinit(&name);
}

/* `format` is only an annotation, so it gives way to a pattern or a length. */
void schema_string(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    uint64_t min = 0, max = GBNF_UNBOUNDED;
    yyjson_val *pattern = yyjson_obj_get(schema, "pattern");
    schema_count(compiler, schema, "minLength", &min);
    schema_count(compiler, schema, "maxLength", &max);
    bool has_length = min > 0 || max != GBNF_UNBOUNDED;
    if (pattern != NULL && !yyjson_is_str(pattern))
        schema_fail(compiler, "'pattern' must be a string");
    if (pattern != NULL && has_length)
        schema_fail(compiler, "'pattern' beside 'minLength' or 'maxLength' is not supported");
    buf_append_text(out, "\"\\\"\" ");
    if (pattern != NULL)
        schema_pattern(compiler, out, json_str(pattern));
    else if (has_length || !write_format(compiler, out, json_str(yyjson_obj_get(schema, "format"))))
        write_any_characters(compiler, out, min, max);
    buf_append_text(out, " \"\\\"\"");
}

/* ---- numbers ---- */

#define INTEGER_MOST INT64_C(999999999999999) /* 15 digits, exact in a double */

/* Whole numbers in the range, both ends included, and the whole numbers that
 * fractions may lie between; they differ where a bound itself is excluded. */
struct bounds {
    int64_t low, high;
    int64_t fraction_low, fraction_high;
    bool has_any;
};

static bool read_bound(struct schema_compiler *compiler, yyjson_val *schema, const char *key, double *value)
{
    yyjson_val *bound = yyjson_obj_get(schema, key);
    if (bound == NULL || yyjson_is_bool(bound))
        return false;
    if (!yyjson_is_num(bound)) {
        schema_fail(compiler, "'%s' must be a number", key);
        return false;
    }
    *value = yyjson_get_num(bound);
    return true;
}

static int64_t whole(double value)
{
    if (value > (double)INTEGER_MOST)
        return INTEGER_MOST;
    return value < -(double)INTEGER_MOST ? -INTEGER_MOST : (int64_t)value;
}

static void bound_below(struct bounds *bounds, double value, bool is_exclusive)
{
    int64_t low = whole(is_exclusive ? floor(value) + 1 : ceil(value));
    bounds->has_any = true;
    if (low > bounds->low)
        bounds->low = low;
    if (whole(ceil(value)) > bounds->fraction_low)
        bounds->fraction_low = whole(ceil(value));
}

static void bound_above(struct bounds *bounds, double value, bool is_exclusive)
{
    int64_t high = whole(is_exclusive ? ceil(value) - 1 : floor(value));
    bounds->has_any = true;
    if (high < bounds->high)
        bounds->high = high;
    if (whole(floor(value)) < bounds->fraction_high)
        bounds->fraction_high = whole(floor(value));
}

/* In draft 4 exclusiveMinimum is a boolean that belongs to minimum. */
static struct bounds read_bounds(struct schema_compiler *compiler, yyjson_val *schema)
{
    struct bounds bounds = {.low = -INTEGER_MOST,
                            .high = INTEGER_MOST,
                            .fraction_low = -INTEGER_MOST,
                            .fraction_high = INTEGER_MOST};
    double value;
    if (read_bound(compiler, schema, "minimum", &value))
        bound_below(&bounds, value, yyjson_is_true(yyjson_obj_get(schema, "exclusiveMinimum")));
    if (read_bound(compiler, schema, "exclusiveMinimum", &value))
        bound_below(&bounds, value, true);
    if (read_bound(compiler, schema, "maximum", &value))
        bound_above(&bounds, value, yyjson_is_true(yyjson_obj_get(schema, "exclusiveMaximum")));
    if (read_bound(compiler, schema, "exclusiveMaximum", &value))
        bound_above(&bounds, value, true);
    return bounds;
}

static void digit_range(struct buf *out, char low, char high)
{
    if (low == high)
        buf_appendf(out, " \"%c\"", low);
    else
        buf_appendf(out, " [%c-%c]", low, high);
}

static void free_digits(struct buf *out, size_t count)
{
    if (count > 0)
        buf_appendf(out, count > 1 ? " [0-9]{%zu}" : " [0-9]", count);
}

/* True when any digits satisfy the bound: it is all zeros, or all nines. */
static bool is_no_bound(const char *bound, size_t len, bool is_low)
{
    for (size_t i = 0; i < len; i++)
        if (bound[i] != (is_low ? '0' : '9'))
            return false;
    return true;
}

/* Numbers of `len` digits from the bound on, or up to it: its digits are
 * followed until one differs, then the others are free. */
static void digits_bounded(struct buf *out, const char *bound, size_t len, bool is_low)
{
    size_t open = 0;
    for (size_t i = 0; i < len; i++) {
        char past = is_low ? (char)(bound[i] + 1) : (char)(bound[i] - 1);
        bool can_differ = is_low ? bound[i] < '9' : bound[i] > '0';
        if (is_no_bound(bound + i, len - i, is_low)) {
            free_digits(out, len - i);
            break;
        }
        if (i + 1 == len) {
            digit_range(out, is_low ? bound[i] : '0', is_low ? '9' : bound[i]);
            break;
        }
        if (can_differ) {
            buf_append_text(out, " (");
            digit_range(out, is_low ? past : '0', is_low ? '9' : past);
            free_digits(out, len - i - 1);
            buf_append_text(out, " |");
            open++;
        }
        digit_range(out, bound[i], bound[i]);
    }
    for (; open > 0; open--)
        buf_append_text(out, ")");
}

/* low to high, both of `len` digits. */
static void digits_between(struct buf *out, const char *low, const char *high, size_t len)
{
    size_t same = 0;
    while (same < len && low[same] == high[same])
        digit_range(out, low[same], high[same]), same++;
    if (same == len)
        return;
    low += same, high += same, len -= same;
    if (len == 1) {
        digit_range(out, low[0], high[0]);
        return;
    }
    buf_append_text(out, " (");
    digit_range(out, low[0], low[0]);
    digits_bounded(out, low + 1, len - 1, true);
    if (high[0] - low[0] > 1) {
        buf_append_text(out, " |");
        digit_range(out, (char)(low[0] + 1), (char)(high[0] - 1));
        free_digits(out, len - 1);
    }
    buf_append_text(out, " |");
    digit_range(out, high[0], high[0]);
    digits_bounded(out, high + 1, len - 1, false);
    buf_append_text(out, ")");
}

/* If low is a power of ten: all numbers with as many digits or more that end
 * before `high`, in one piece. Where the next piece begins, or `low`. */
static int64_t whole_decades(struct buf *out, int64_t low, int64_t high)
{
    size_t zeros = 0, most = 0;
    int64_t power = 1;
    for (; power < low; power *= 10)
        zeros++;
    if (power != low)
        return low;
    for (most = zeros; power * 10 - 1 <= high; power *= 10)
        most++;
    if (most == zeros)
        return low;
    buf_append_text(out, " [1-9]");
    if (zeros + 1 == most)
        free_digits(out, zeros);
    else
        buf_appendf(out, " [0-9]{%zu,%zu}", zeros, most - 1);
    return power;
}

/* Numbers from `low` on with as many digits, at most `high`; the next piece's start. */
static int64_t same_digits(struct buf *out, int64_t low, int64_t high)
{
    char from[24], to[24];
    int64_t last = 9;
    snprintf(from, sizeof(from), "%" PRId64, low);
    size_t len = strlen(from);
    for (size_t i = 1; i < len; i++)
        last = last * 10 + 9;
    if (last > high)
        last = high;
    snprintf(to, sizeof(to), "%" PRId64, last);
    digits_between(out, from, to, len);
    return last + 1;
}

/* Whole numbers 0 <= low <= high. */
static void natural_range(struct buf *out, int64_t low, int64_t high)
{
    buf_append_text(out, " (");
    for (bool is_first = true; low <= high; is_first = false) {
        if (!is_first)
            buf_append_text(out, " |");
        int64_t next = whole_decades(out, low, high);
        low = next > low ? next : same_digits(out, low, high);
    }
    buf_append_text(out, ")");
}

static void integer_range(struct buf *out, int64_t low, int64_t high)
{
    int64_t negative_high = high < -1 ? high : -1;
    if (low < 0) {
        buf_append_text(out, " \"-\"");
        natural_range(out, -negative_high, -low);
    }
    if (low < 0 && high >= 0)
        buf_append_text(out, " |");
    if (high >= 0)
        natural_range(out, low > 0 ? low : 0, high);
}

void schema_integer(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    struct bounds bounds = read_bounds(compiler, schema);
    if (!bounds.has_any)
        gbnf_shared_name(&compiler->gbnf, out, GBNF_INTEGER);
    else if (bounds.low > bounds.high)
        schema_fail(compiler, "no whole number lies between 'minimum' and 'maximum'");
    else
        integer_range(out, bounds.low, bounds.high);
}

/* Behind a whole number's digits: a fraction strictly between 0 and 1, so that
 * bounds hold whether or not they are included. */
#define FRACTION " \".\" [0-9]{0,14} [1-9]"

static void fraction_range(struct buf *out, int64_t low, int64_t high)
{
    if (high > 0) {
        natural_range(out, low > 0 ? low : 0, high - 1);
        buf_append_text(out, FRACTION);
    }
    if (low < 0 && high > 0)
        buf_append_text(out, " |");
    if (low < 0) {
        buf_append_text(out, " \"-\"");
        natural_range(out, high < 0 ? -high : 0, -low - 1);
        buf_append_text(out, FRACTION);
    }
}

/* Numbers with bounds: whole numbers, and fractions between two whole numbers
 * inside the bounds. A subset, but every member of it validates. */
void schema_number(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema)
{
    struct bounds bounds = read_bounds(compiler, schema);
    bool has_whole = bounds.low <= bounds.high, has_fraction = bounds.fraction_low < bounds.fraction_high;
    if (!bounds.has_any) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_NUMBER);
        return;
    }
    if (!has_whole && !has_fraction)
        schema_fail(compiler, "no whole number lies between 'minimum' and 'maximum', and no fraction between two");
    if (has_whole)
        integer_range(out, bounds.low, bounds.high);
    if (has_whole && has_fraction)
        buf_append_text(out, " |");
    if (has_fraction)
        fraction_range(out, bounds.fraction_low, bounds.fraction_high);
}
