/* score.c - exact match, F1, calls of tools: what a reply is worth beside what was expected. Asks no model. See
 * score.h. */
#include "distill/score.h"

#include <ctype.h>
#include <math.h>

#include "core/json.h"

#define Z95 1.959963984540054 /* 97.5% quantile of the normal distribution */

/* --- text --- */

static struct str without_final_punctuation(struct str s)
{
    s = str_trim(s);
    while (s.len && str_find_char(STR(".!?,;:"), s.data[s.len - 1], 0) >= 0)
        s = str_trim((struct str){s.data, s.len - 1});
    return s;
}

/* Takes the next normalised character off *s: lower case, a run of white space as one blank. */
static char next_char(struct str *s)
{
    char c = s->data[0];
    size_t used = 1;
    if (isspace((unsigned char)c)) {
        while (used < s->len && isspace((unsigned char)s->data[used]))
            used++;
        c = ' ';
    }
    *s = (struct str){s->data + used, s->len - used};
    return (char)tolower((unsigned char)c);
}

bool score_text_equal(struct str a, struct str b)
{
    a = without_final_punctuation(a);
    b = without_final_punctuation(b);
    while (a.len && b.len) {
        if (next_char(&a) != next_char(&b))
            return false;
    }
    return !a.len && !b.len;
}

/* --- JSON --- */

static bool objects_equal(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_obj_size(a) != yyjson_obj_size(b))
        return false;
    size_t idx, max;
    yyjson_val *key, *val;
    yyjson_obj_foreach(a, idx, max, key, val)
    {
        yyjson_val *other = yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));
        if (!other || !score_json_equal(val, other))
            return false;
    }
    return true;
}

static bool arrays_equal(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_arr_size(a) != yyjson_arr_size(b))
        return false;
    size_t idx, max;
    yyjson_val *val;
    yyjson_val *other = yyjson_arr_get_first(b);
    yyjson_arr_foreach(a, idx, max, val)
    {
        if (!score_json_equal(val, other))
            return false;
        other = unsafe_yyjson_get_next(other);
    }
    return true;
}

/* Integers exactly while both are; else as doubles, so that 1 equals 1.0. */
static bool numbers_equal(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_is_int(a) && yyjson_is_int(b))
        return yyjson_is_sint(a) == yyjson_is_sint(b) && yyjson_get_uint(a) == yyjson_get_uint(b);
    double first = yyjson_get_num(a), second = yyjson_get_num(b);
    return !(first < second) && !(first > second);
}

/* Recursion is as deep as the documents, which json_parse bounds. */
bool score_json_equal(yyjson_val *a, yyjson_val *b)
{
    if (!a || !b || yyjson_get_type(a) != yyjson_get_type(b))
        return false;
    switch (yyjson_get_type(a)) {
    case YYJSON_TYPE_OBJ:
        return objects_equal(a, b);
    case YYJSON_TYPE_ARR:
        return arrays_equal(a, b);
    case YYJSON_TYPE_NUM:
        return numbers_equal(a, b);
    case YYJSON_TYPE_STR:
        return str_eq(json_str(a), json_str(b));
    case YYJSON_TYPE_BOOL:
        return yyjson_get_bool(a) == yyjson_get_bool(b);
    default:
        return true; /* null */
    }
}

/* Members of `expected` that `actual` has too, counted into *result. */
static void count_members(yyjson_val *expected, yyjson_val *actual, struct score_result *result)
{
    size_t idx, max;
    yyjson_val *key, *val;
    yyjson_obj_foreach(expected, idx, max, key, val)
    {
        yyjson_val *other = yyjson_obj_getn(actual, yyjson_get_str(key), yyjson_get_len(key));
        result->field_count++;
        result->fields_right += score_json_equal(val, other);
    }
}

/* The document inside a string; NULL when it holds none. */
static yyjson_doc *parse_text(struct str text)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    return json_parse(json_without_fence(text), &doc, &ignored) ? NULL : doc;
}

/* --- tasks --- */

static struct score_result score_text(yyjson_val *expected, struct str text)
{
    bool is_right = yyjson_is_str(expected) && score_text_equal(json_str(expected), text);
    return (struct score_result){is_right, is_right, 1};
}

static struct score_result score_json(yyjson_val *expected, struct str text)
{
    yyjson_doc *inner = yyjson_is_str(expected) ? parse_text(json_str(expected)) : NULL;
    yyjson_doc *actual = parse_text(text);
    yyjson_val *wanted = inner ? yyjson_doc_get_root(inner) : expected;
    yyjson_val *given = yyjson_doc_get_root(actual);
    struct score_result result = {.is_right = score_json_equal(wanted, given)};
    if (yyjson_is_obj(wanted))
        count_members(wanted, given, &result);
    else
        result = (struct score_result){result.is_right, result.is_right, 1};
    json_free(inner);
    json_free(actual);
    return result;
}

static struct score_result score_tool(yyjson_val *expected, const struct score_reply *reply)
{
    if (!yyjson_is_obj(expected)) {
        bool is_right = yyjson_is_null(expected) && !reply->tool_name.data;
        return (struct score_result){is_right, is_right, 1};
    }
    bool is_name = reply->tool_name.data && str_eq(json_str(yyjson_obj_get(expected, "name")), reply->tool_name);
    yyjson_val *arguments = yyjson_obj_get(expected, "arguments");
    struct score_result result = {.is_right = is_name && score_json_equal(arguments, reply->tool_input),
                                  .fields_right = is_name,
                                  .field_count = 1};
    count_members(arguments, is_name ? reply->tool_input : NULL, &result);
    return result;
}

static struct score_result score_fields(yyjson_val *expected, struct str text)
{
    if (!yyjson_is_str(expected))
        return score_json(expected, text);
    struct score_result result = {0};
    struct str wanted = str_trim(json_str(expected)), given = str_trim(text), want, have;
    if (!given.data)
        given = STR("");
    while (str_split(&wanted, ';', &want)) {
        bool is_there = str_split(&given, ';', &have);
        result.field_count++;
        result.fields_right += is_there && score_text_equal(want, have);
    }
    result.is_right = result.field_count && result.fields_right == result.field_count && !given.data;
    return result;
}

struct score_result score_reply(enum score_kind kind, yyjson_val *expected, const struct score_reply *reply)
{
    switch (kind) {
    case SCORE_JSON:
        return score_json(expected, reply->text);
    case SCORE_TOOL:
        return score_tool(expected, reply);
    case SCORE_FIELDS:
        return score_fields(expected, reply->text);
    case SCORE_TEXT:
        break;
    }
    return score_text(expected, reply->text);
}

enum score_kind score_kind_of(struct str task, yyjson_val *expected)
{
    ptrdiff_t underscore = str_find_char(task, '_', 0);
    if (underscore >= 0)
        task.len = (size_t)underscore;
    if (str_eq(task, STR("extract")))
        return SCORE_JSON;
    if (str_eq(task, STR("tool")))
        return SCORE_TOOL;
    if (str_eq(task, STR("summary")) || str_eq(task, STR("tag")))
        return SCORE_FIELDS;
    if (yyjson_is_obj(expected) && yyjson_obj_get(expected, "name") && yyjson_obj_get(expected, "arguments"))
        return SCORE_TOOL;
    return yyjson_is_ctn(expected) ? SCORE_JSON : SCORE_TEXT;
}

/* --- intervals --- */

struct score_interval score_wilson(uint64_t right, uint64_t total)
{
    if (!total)
        return (struct score_interval){0};
    double n = (double)total, p = (double)right / n, zz = Z95 * Z95;
    double centre = (p + zz / (2 * n)) / (1 + zz / n);
    double half = Z95 / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n));
    return (struct score_interval){p, fmax(0, centre - half), fmin(1, centre + half)};
}

/* Correlation of the pairs, drawn towards 0 by half a pair as the paper's
 * method 10 wants when it is positive; 0 where a margin is empty. */
static double pair_correlation(const struct score_pairs *pairs)
{
    double a = (double)pairs->both, b = (double)pairs->only_first;
    double c = (double)pairs->only_second, d = (double)pairs->neither;
    double margins = (a + b) * (c + d) * (a + c) * (b + d);
    if (margins <= 0)
        return 0;
    double product = a * d - b * c;
    if (product > 0)
        product = fmax(product - (a + b + c + d) / 2, 0);
    return product / sqrt(margins);
}

struct score_interval score_difference(const struct score_pairs *pairs)
{
    uint64_t total = pairs->both + pairs->only_first + pairs->only_second + pairs->neither;
    if (!total)
        return (struct score_interval){0};
    struct score_interval first = score_wilson(pairs->both + pairs->only_first, total);
    struct score_interval second = score_wilson(pairs->both + pairs->only_second, total);
    double phi = pair_correlation(pairs), difference = first.score - second.score;
    double low1 = first.score - first.low, high1 = first.high - first.score;
    double low2 = second.score - second.low, high2 = second.high - second.score;
    double down = sqrt(fmax(0, low1 * low1 - 2 * phi * low1 * high2 + high2 * high2));
    double up = sqrt(fmax(0, high1 * high1 - 2 * phi * high1 * low2 + low2 * low2));
    return (struct score_interval){difference, difference - down, difference + up};
}
