/* json_schema_check.c - holds a value against a schema by recursion, and counts its work, which is bounded. See
 * json_schema_check.h. */
#include "chat/json_schema_check.h"

#include <stdio.h>

#include "chat/json_schema_ref.h"
#include "core/json.h"

#define DEPTH_MAX 300
#define STEPS_MAX 4000000
#define TERMS_MAX 200000
#define REF_VALUES_MAX ((size_t)20000000)

/* ---- where and why ---- */

static void append_path(struct buf *out, const struct json_schema_step *step)
{
    const struct json_schema_step *steps[12];
    size_t count = 0;
    for (; step != NULL && count < 12; step = step->before)
        steps[count++] = step;
    buf_append_text(out, step != NULL ? "..." : "");
    while (count > 0) {
        step = steps[--count];
        if (step->name == NULL)
            buf_appendf(out, "[%zu]", step->index);
        else
            buf_appendf(out, "%s" STR_FMT, out->len > 0 ? "." : "", STR_ARG(json_str(step->name)));
    }
}

/* Notes the first failure that counts. Gives false. */
static bool fails(struct json_schema_checker *checker, const char *keyword)
{
    struct buf path;
    if (checker->quiet > 0 || checker->failure[0] != '\0')
        return false;
    buf_init(&path, 160);
    append_path(&path, checker->path);
    snprintf(checker->failure, sizeof(checker->failure), STR_FMT "%s'%s' does not hold", STR_ARG(buf_str(&path)),
             path.len > 0 ? ": " : "", keyword);
    buf_deinit(&path);
    return false;
}

static bool holds_inside(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value, yyjson_val *name,
                         size_t index)
{
    struct json_schema_step step = {.before = checker->path, .name = name, .index = index};
    checker->path = &step;
    bool holds = json_schema_holds(checker, schema, value);
    checker->path = step.before;
    return holds;
}

static bool holds_quietly(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value)
{
    checker->quiet++;
    bool holds = json_schema_holds(checker, schema, value);
    checker->quiet--;
    return holds;
}

/* ---- values ---- */

static yyjson_val *get(yyjson_val *object, yyjson_val *name)
{
    return yyjson_obj_getn(object, yyjson_get_str(name), yyjson_get_len(name));
}

/* A whole number that can be written in one way only. */
static bool is_plain(yyjson_val *number)
{
    struct str text = {yyjson_get_raw(number), yyjson_is_raw(number) ? yyjson_get_len(number) : 0};
    return text.len > 0 && text.data[0] != '-' && memchr(text.data, '.', text.len) == NULL &&
           memchr(text.data, 'e', text.len) == NULL && memchr(text.data, 'E', text.len) == NULL;
}

static bool same_number(yyjson_val *a, yyjson_val *b)
{
    struct exact x, y;
    if (is_plain(a) && is_plain(b))
        return yyjson_equals(a, b);
    if (json_exact(a, &x) && json_exact(b, &y))
        return exact_compare(&x, &y) == 0;
    return yyjson_equals(a, b);
}

/* Equal as JSON schema has it: 1 and 1.0 are, members have no order. */
static bool same_value(struct json_schema_checker *checker, yyjson_val *a, yyjson_val *b, int depth)
{
    size_t i, max;
    yyjson_val *name, *value;
    checker->steps++;
    if (json_is_number(a) && json_is_number(b))
        return same_number(a, b);
    if (yyjson_get_type(a) != yyjson_get_type(b) || depth > DEPTH_MAX)
        return false;
    if (yyjson_is_obj(a)) {
        if (yyjson_obj_size(a) != yyjson_obj_size(b))
            return false;
        json_obj_foreach(a, i, max, name, value)
        {
            yyjson_val *other = get(b, name);
            if (other == NULL || !same_value(checker, value, other, depth + 1))
                return false;
        }
        return true;
    }
    if (yyjson_is_arr(a)) {
        yyjson_val *other = yyjson_arr_get_first(b);
        if (yyjson_arr_size(a) != yyjson_arr_size(b))
            return false;
        yyjson_arr_foreach(a, i, max, value)
        {
            if (!same_value(checker, value, other, depth + 1))
                return false;
            other = unsafe_yyjson_get_next(other);
        }
        return true;
    }
    return yyjson_equals(a, b);
}

bool json_schema_same(yyjson_val *a, yyjson_val *b)
{
    struct json_schema_checker checker = {0};
    return same_value(&checker, a, b, 0);
}

static bool has_type(yyjson_val *value, struct str type)
{
    if (str_eq(type, STR("integer")))
        return json_is_whole(value);
    if (str_eq(type, STR("number")))
        return json_is_number(value);
    if (str_eq(type, STR("string")))
        return yyjson_is_str(value);
    if (str_eq(type, STR("boolean")))
        return yyjson_is_bool(value);
    if (str_eq(type, STR("null")))
        return yyjson_is_null(value);
    if (str_eq(type, STR("object")))
        return yyjson_is_obj(value);
    return (str_eq(type, STR("array")) && yyjson_is_arr(value)) || str_eq(type, STR("any"));
}

static size_t characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

/* Does `count` keep to a keyword that is a number? */
static bool count_holds(yyjson_val *limit, size_t count, bool is_min)
{
    struct exact bound, own;
    char text[32];
    snprintf(text, sizeof(text), "%zu", count);
    if (!json_exact(limit, &bound) || !exact_parse(str_of(text), &own))
        return true;
    int order = exact_compare(&own, &bound);
    return is_min ? order >= 0 : order <= 0;
}

static bool matches(struct json_schema_checker *checker, struct str pattern, struct str text)
{
    regular_set set;
    const char *what;
    size_t at;
    if (!regular_parse(checker->regular, pattern, true, &set, &what, &at))
        return true;
    return regular_matches(checker->regular, set, text);
}

/* ---- keywords; `own` is the keyword's value ---- */

static bool type_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *one;
    (void)checker;
    if (yyjson_is_null(value) && yyjson_is_true(yyjson_obj_get(schema, "nullable")))
        return true;
    if (yyjson_is_str(own))
        return has_type(value, json_str(own));
    yyjson_arr_foreach(own, i, max, one)
    {
        if (has_type(value, json_str(one)))
            return true;
    }
    return false;
}

static bool enum_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *one;
    bool is_null = yyjson_is_null(value) && yyjson_is_true(yyjson_obj_get(schema, "nullable"));
    if (is_null || schema == checker->listed)
        return true;
    yyjson_arr_foreach(own, i, max, one)
    {
        if (same_value(checker, one, value, 0))
            return true;
    }
    return false;
}

static bool const_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    return same_value(checker, own, value, 0);
}

/* -1, 0, 1 as the value is below, at or above the bound; 2 when one of them is no number. */
static int compare_bound(yyjson_val *own, yyjson_val *value)
{
    struct exact bound, number;
    return json_exact(own, &bound) && json_exact(value, &number) ? exact_compare(&number, &bound) : 2;
}

static bool minimum_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    int order = compare_bound(own, value);
    (void)checker;
    return order >= 1 || (order == 0 && !yyjson_is_true(yyjson_obj_get(schema, "exclusiveMinimum")));
}

static bool maximum_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    int order = compare_bound(own, value);
    (void)checker;
    return order == -1 || order == 2 || (order == 0 && !yyjson_is_true(yyjson_obj_get(schema, "exclusiveMaximum")));
}

static bool above_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)checker, (void)schema;
    return yyjson_is_bool(own) || compare_bound(own, value) >= 1;
}

static bool below_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    int order = compare_bound(own, value);
    (void)checker, (void)schema;
    return yyjson_is_bool(own) || order == -1 || order == 2;
}

static bool multiple_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    struct exact step, number;
    uint64_t whole;
    int32_t exponent;
    (void)checker, (void)schema;
    if (!json_exact(own, &step) || !json_exact(value, &number) || !exact_to_step(&step, &whole, &exponent))
        return true;
    return exact_is_multiple(&number, whole, exponent);
}

static bool min_length_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                             yyjson_val *value)
{
    (void)checker, (void)schema;
    return !yyjson_is_str(value) || count_holds(own, characters(json_str(value)), true);
}

static bool max_length_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                             yyjson_val *value)
{
    (void)checker, (void)schema;
    return !yyjson_is_str(value) || count_holds(own, characters(json_str(value)), false);
}

static bool pattern_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    return !yyjson_is_str(value) || !yyjson_is_str(own) || matches(checker, json_str(own), json_str(value));
}

static bool min_items_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)checker, (void)schema;
    return !yyjson_is_arr(value) || count_holds(own, yyjson_arr_size(value), true);
}

static bool max_items_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)checker, (void)schema;
    return !yyjson_is_arr(value) || count_holds(own, yyjson_arr_size(value), false);
}

static bool unique_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, k, max, other_max;
    yyjson_val *one, *other;
    (void)schema;
    if (!yyjson_is_arr(value) || !yyjson_is_true(own))
        return true;
    yyjson_arr_foreach(value, i, max, one)
    {
        yyjson_arr_foreach(value, k, other_max, other)
        {
            if (k >= i || checker->steps > STEPS_MAX)
                break;
            if (same_value(checker, one, other, 0))
                return false;
        }
    }
    return true;
}

static bool prefix_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *one;
    (void)schema;
    yyjson_arr_foreach(own, i, max, one)
    {
        yyjson_val *item = yyjson_arr_get(value, i);
        if (item != NULL && !holds_inside(checker, one, item, NULL, i))
            return false;
    }
    return true;
}

static bool items_from(struct json_schema_checker *checker, yyjson_val *items, yyjson_val *value, size_t from)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach(value, i, max, one)
    {
        if (i >= from && !holds_inside(checker, items, one, NULL, i))
            return false;
    }
    return true;
}

static bool items_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    if (!yyjson_is_arr(own))
        return items_from(checker, own, value, yyjson_arr_size(yyjson_obj_get(schema, "prefixItems")));
    yyjson_val *others = yyjson_obj_get(schema, "additionalItems");
    return prefix_holds(checker, schema, own, value) &&
           (others == NULL || items_from(checker, others, value, yyjson_arr_size(own)));
}

static bool contains_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max, found = 0;
    yyjson_val *one;
    yyjson_val *least = yyjson_obj_get(schema, "minContains"), *most = yyjson_obj_get(schema, "maxContains");
    if (!yyjson_is_arr(value))
        return true;
    yyjson_arr_foreach(value, i, max, one)
    {
        found += holds_quietly(checker, own, one);
    }
    return (least != NULL ? count_holds(least, found, true) : found > 0) &&
           (most == NULL || count_holds(most, found, false));
}

static bool properties_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name, *one;
    (void)schema;
    json_obj_foreach(own, i, max, name, one)
    {
        yyjson_val *member = get(value, name);
        if (member != NULL && !holds_inside(checker, one, member, name, 0))
            return false;
    }
    return true;
}

static bool required_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name;
    (void)checker, (void)schema;
    yyjson_arr_foreach(yyjson_is_obj(value) ? own : NULL, i, max, name)
    {
        if (yyjson_is_str(name) && get(value, name) == NULL)
            return false;
    }
    return true;
}

/* Members whose names match a pattern hold to the pattern's schema. */
static bool patterns_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, k, max, other_max;
    yyjson_val *pattern, *one, *name, *member;
    (void)schema;
    json_obj_foreach(own, i, max, pattern, one)
    {
        json_obj_foreach(value, k, other_max, name, member)
        {
            if (matches(checker, json_str(pattern), json_str(name)) && !holds_inside(checker, one, member, name, 0))
                return false;
        }
    }
    return true;
}

static bool is_described(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *name)
{
    size_t i, max;
    yyjson_val *pattern, *one;
    if (get(yyjson_obj_get(schema, "properties"), name) != NULL)
        return true;
    json_obj_foreach(yyjson_obj_get(schema, "patternProperties"), i, max, pattern, one)
    {
        if (matches(checker, json_str(pattern), json_str(name)))
            return true;
    }
    return false;
}

static bool additional_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name, *member;
    json_obj_foreach(value, i, max, name, member)
    {
        if (!yyjson_is_true(own) && !is_described(checker, schema, name) &&
            !holds_inside(checker, own, member, name, 0))
            return false;
    }
    return true;
}

static bool names_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name, *member;
    (void)schema;
    json_obj_foreach(value, i, max, name, member)
    {
        if (!holds_inside(checker, own, name, name, 0))
            return false;
    }
    return true;
}

/* Names that are there twice are one member for most readers. */
static size_t different_names(struct json_schema_checker *checker, yyjson_val *value)
{
    size_t i, max, count = 0;
    yyjson_val *name, *member;
    json_obj_foreach(value, i, max, name, member)
    {
        checker->steps++;
        count += get(value, name) == member; /* the first of its name */
    }
    return count;
}

static bool min_properties_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                                 yyjson_val *value)
{
    (void)schema;
    return !yyjson_is_obj(value) || count_holds(own, different_names(checker, value), true);
}

static bool max_properties_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                                 yyjson_val *value)
{
    (void)schema;
    return !yyjson_is_obj(value) || count_holds(own, different_names(checker, value), false);
}

static bool dependent_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name, *needs;
    json_obj_foreach(yyjson_is_obj(value) ? own : NULL, i, max, name, needs)
    {
        if (get(value, name) == NULL)
            continue;
        if (yyjson_is_arr(needs) ? !required_holds(checker, schema, needs, value)
                                 : !json_schema_holds(checker, needs, value))
            return false;
    }
    return true;
}

static yyjson_val *target_of(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *ref)
{
    size_t budget = REF_VALUES_MAX - checker->ref_visits;
    yyjson_val *target = json_schema_ref(checker->root, schema, json_str(ref), &budget);
    checker->ref_visits = REF_VALUES_MAX - budget;
    return target;
}

static bool ref_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    yyjson_val *target = target_of(checker, schema, own);
    return target == NULL || json_schema_holds(checker, target, value);
}

static bool all_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    size_t i, max;
    yyjson_val *one;
    (void)schema;
    yyjson_arr_foreach(own, i, max, one)
    {
        if (!json_schema_holds(checker, one, value))
            return false;
    }
    return true;
}

static size_t how_many_hold(struct json_schema_checker *checker, yyjson_val *list, yyjson_val *value, size_t enough)
{
    size_t i, max, count = 0;
    yyjson_val *one;
    yyjson_arr_foreach(list, i, max, one)
    {
        if (count < enough)
            count += holds_quietly(checker, one, value);
    }
    return count;
}

static bool any_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    return how_many_hold(checker, own, value, 1) == 1;
}

static bool one_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    return how_many_hold(checker, own, value, 2) == 1;
}

static bool not_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    checker->negations++;
    bool holds = holds_quietly(checker, own, value);
    checker->negations--;
    return !holds;
}

/* Who says what a text must not be has no use for an annotation. Of a format that is not known nothing can be said:
 * then it is not what decides. */
static bool format_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    (void)schema;
    if (checker->negations == 0 || !yyjson_is_str(value) || !yyjson_is_str(own))
        return true;
    const char *pattern = json_schema_format_pattern(json_str(own));
    return pattern ? matches(checker, str_of(pattern), json_str(value)) : checker->negations % 2 == 0;
}

static bool if_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own, yyjson_val *value)
{
    yyjson_val *next = yyjson_obj_get(schema, holds_quietly(checker, own, value) ? "then" : "else");
    return next == NULL || json_schema_holds(checker, next, value);
}

/* ---- members that nothing else describes ---- */

/* A member by its name, or an item by its index. */
struct part {
    yyjson_val *name;
    size_t index;
};

static bool is_evaluated(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value, struct part part);

/* Do the schema's own keywords describe it? */
static bool is_own(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value, struct part part)
{
    if (part.name != NULL)
        return is_described(checker, schema, part.name) || yyjson_obj_get(schema, "additionalProperties") != NULL ||
               yyjson_obj_get(schema, "unevaluatedProperties") != NULL;
    yyjson_val *items = yyjson_obj_get(schema, "items"), *contains = yyjson_obj_get(schema, "contains");
    yyjson_val *prefix = yyjson_is_arr(items) ? items : yyjson_obj_get(schema, "prefixItems");
    if (part.index < yyjson_arr_size(prefix) || (items != NULL && !yyjson_is_arr(items)) ||
        yyjson_obj_get(schema, "additionalItems") != NULL || yyjson_obj_get(schema, "unevaluatedItems") != NULL)
        return true;
    return contains != NULL && holds_quietly(checker, contains, yyjson_arr_get(value, part.index));
}

static bool is_evaluated_by_list(struct json_schema_checker *checker, yyjson_val *list, yyjson_val *value,
                                 struct part part)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach(list, i, max, one)
    {
        if (holds_quietly(checker, one, value) && is_evaluated(checker, one, value, part))
            return true;
    }
    return false;
}

static bool is_evaluated_by_dependent(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value,
                                      struct part part)
{
    size_t i, max;
    yyjson_val *name, *one;
    json_obj_foreach(yyjson_obj_get(schema, "dependentSchemas"), i, max, name, one)
    {
        if (get(value, name) != NULL && is_evaluated(checker, one, value, part))
            return true;
    }
    return false;
}

/* By what applies to the same value, and holds. */
static bool is_evaluated_beside(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value,
                                struct part part)
{
    yyjson_val *ref = yyjson_obj_get(schema, "$ref"), *condition = yyjson_obj_get(schema, "if");
    yyjson_val *target = ref != NULL ? target_of(checker, schema, ref) : NULL;
    if (target != NULL && is_evaluated(checker, target, value, part))
        return true;
    if (condition != NULL) {
        bool holds = holds_quietly(checker, condition, value);
        yyjson_val *next = yyjson_obj_get(schema, holds ? "then" : "else");
        if ((holds && is_evaluated(checker, condition, value, part)) ||
            (next != NULL && is_evaluated(checker, next, value, part)))
            return true;
    }
    return is_evaluated_by_list(checker, yyjson_obj_get(schema, "allOf"), value, part) ||
           is_evaluated_by_list(checker, yyjson_obj_get(schema, "anyOf"), value, part) ||
           is_evaluated_by_list(checker, yyjson_obj_get(schema, "oneOf"), value, part) ||
           is_evaluated_by_dependent(checker, schema, value, part);
}

static bool is_evaluated(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value, struct part part)
{
    bool is_so = false;
    if (!yyjson_is_obj(schema) || checker->depth >= DEPTH_MAX || ++checker->steps > STEPS_MAX)
        return false;
    checker->depth++;
    is_so = is_own(checker, schema, value, part) || is_evaluated_beside(checker, schema, value, part);
    checker->depth--;
    return is_so;
}

static bool unevaluated_properties_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                                        yyjson_val *value)
{
    size_t i, max;
    yyjson_val *name, *member;
    if (yyjson_obj_get(schema, "additionalProperties") != NULL)
        return true;
    json_obj_foreach(value, i, max, name, member)
    {
        struct part part = {.name = name};
        bool is_known = is_described(checker, schema, name) || is_evaluated_beside(checker, schema, value, part);
        if (!is_known && !holds_inside(checker, own, member, name, 0))
            return false;
    }
    return true;
}

static bool unevaluated_items_hold(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *own,
                                   yyjson_val *value)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *items = yyjson_obj_get(schema, "items"), *contains = yyjson_obj_get(schema, "contains");
    if (items != NULL)
        return true;
    yyjson_arr_foreach(value, i, max, one)
    {
        bool is_known = i < yyjson_arr_size(yyjson_obj_get(schema, "prefixItems")) ||
                        (contains != NULL && holds_quietly(checker, contains, one)) ||
                        is_evaluated_beside(checker, schema, value, (struct part){.index = i});
        if (!is_known && !holds_inside(checker, own, one, NULL, i))
            return false;
    }
    return true;
}

static const struct {
    const char *key;
    bool (*holds)(struct json_schema_checker *, yyjson_val *schema, yyjson_val *own, yyjson_val *value);
    bool is_checked; /* after generation: grammars do not always hold it */
} KEYWORDS[] = {
    {"type", type_holds, false},
    {"enum", enum_holds, false},
    {"const", const_holds, false},
    {"minimum", minimum_holds, false},
    {"maximum", maximum_holds, false},
    {"exclusiveMinimum", above_holds, false},
    {"exclusiveMaximum", below_holds, false},
    {"multipleOf", multiple_holds, true},
    {"minLength", min_length_holds, false},
    {"maxLength", max_length_holds, false},
    {"pattern", pattern_holds, true},
    {"format", format_holds, false},
    {"minItems", min_items_holds, false},
    {"maxItems", max_items_holds, false},
    {"uniqueItems", unique_holds, true},
    {"prefixItems", prefix_holds, false},
    {"items", items_hold, false},
    {"contains", contains_holds, true},
    {"properties", properties_hold, false},
    {"required", required_holds, false},
    {"patternProperties", patterns_hold, true},
    {"additionalProperties", additional_hold, false},
    {"propertyNames", names_hold, true},
    {"minProperties", min_properties_holds, true},
    {"maxProperties", max_properties_holds, true},
    {"dependentRequired", dependent_holds, true},
    {"dependentSchemas", dependent_holds, true},
    {"dependencies", dependent_holds, true},
    {"$ref", ref_holds, false},
    {"allOf", all_hold, false},
    {"anyOf", any_holds, false},
    {"oneOf", one_holds, true},
    {"not", not_holds, true},
    {"if", if_holds, true},
    {"unevaluatedProperties", unevaluated_properties_hold, true},
    {"unevaluatedItems", unevaluated_items_hold, true},
};
#define KEYWORD_COUNT (sizeof(KEYWORDS) / sizeof(KEYWORDS[0]))

bool json_schema_keyword_holds(struct json_schema_checker *checker, yyjson_val *schema, const char *key,
                               yyjson_val *value)
{
    yyjson_val *own = yyjson_obj_get(schema, key);
    for (size_t i = 0; i < KEYWORD_COUNT && own != NULL; i++)
        if (strcmp(KEYWORDS[i].key, key) == 0)
            return KEYWORDS[i].holds(checker, schema, own, value);
    return true;
}

bool json_schema_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value)
{
    bool holds = true;
    if (!yyjson_is_obj(schema))
        return !yyjson_is_false(schema) || fails(checker, "false");
    if (++checker->depth > DEPTH_MAX || ++checker->steps > STEPS_MAX) {
        checker->depth--;
        return fails(checker, "a check of this size");
    }
    for (size_t i = 0; i < KEYWORD_COUNT && holds; i++) {
        yyjson_val *own = yyjson_obj_get(schema, KEYWORDS[i].key);
        if (own != NULL && !KEYWORDS[i].holds(checker, schema, own, value))
            holds = fails(checker, KEYWORDS[i].key);
    }
    checker->depth--;
    return holds;
}

bool json_schema_needs_check(yyjson_val *schema)
{
    /* Values of a document lie one behind the other, keys among them. */
    for (yyjson_val *val = schema; val < unsafe_yyjson_get_next(schema); val++)
        for (size_t i = 0; i < KEYWORD_COUNT && yyjson_is_str(val); i++)
            if (KEYWORDS[i].is_checked && yyjson_equals_str(val, KEYWORDS[i].key))
                return true;
    return false;
}

enum error_code json_schema_check(yyjson_val *schema, struct str text, const char *where, struct error *error)
{
    struct regular regular;
    struct json_schema_checker checker = {.root = schema, .regular = &regular};
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(text, &doc, error);
    if (code == ERROR_INVALID) {
        error->code = ERROR_MODEL;
        return error_prefix(error, "%s: the model's reply", where);
    }
    if (code != OK)
        return code;
    bool is_ready = regular_init(&regular, TERMS_MAX);
    bool holds = is_ready && json_schema_holds(&checker, schema, yyjson_doc_get_root(doc));
    bool is_out_of_memory = regular.is_out_of_memory;
    regular_deinit(&regular);
    json_free(doc);
    if (is_out_of_memory)
        return error_no_memory(error);
    if (holds)
        return OK;
    return error_set(error, ERROR_MODEL, "%s: the model's reply does not fit the schema: %s", where, checker.failure);
}
