/* math.c - sets of queries: what refers to what, of which type and period everything is; running them in their order;
 * operators. What functions do stands in math_functions.c. See math.h. */
#include <math.h>
#include <stdlib.h>

#include "core/limits.h"
#include "monitor/math_internal.h"

/* --- IDs -------------------------------------------------------------------------------------------- */

static bool is_id(struct str id)
{
    if (id.len == 0 || id.len > LIMIT_MATH_ID || id.data[0] < 'a' || id.data[0] > 'z')
        return false;
    for (size_t i = 1; i < id.len; i++) {
        const char c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static int compare_ids(struct str a, struct str b)
{
    const int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_queries(const void *a, const void *b, void *ctx)
{
    const struct math_query *queries = ctx;
    return compare_ids(queries[*(const size_t *)a].id, queries[*(const size_t *)b].id);
}

static enum error_code sort_ids(struct math *math, struct error *error)
{
    for (size_t i = 0; i < math->count; i++) {
        const struct str id = math->queries[i].id;
        if (!is_id(id))
            return error_set(error, ERROR_INVALID,
                             "the ID '" STR_FMT "' must begin with a small letter and have letters, digits and "
                             "underscores, %d at most",
                             STR_ARG(str_slice(id, 0, 64)), LIMIT_MATH_ID);
        math->order[i] = i;
    }
    qsort_r(math->order, math->count, sizeof(*math->order), compare_queries, (void *)math->queries);
    for (size_t i = 1; i < math->count; i++)
        if (compare_queries(&math->order[i - 1], &math->order[i], (void *)math->queries) == 0)
            return error_set(error, ERROR_INVALID, "the ID '" STR_FMT "' is there twice",
                             STR_ARG(math->queries[math->order[i]].id));
    return OK;
}

static bool find_id(const struct math *math, struct str id, size_t *query)
{
    size_t low = 0, high = math->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_ids(math->queries[math->order[middle]].id, id);
        if (order == 0) {
            *query = math->order[middle];
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

/* --- order: each behind what it is made of ---------------------------------------------------------- */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct ordering {
    struct math *math;
    uint8_t *marks;
    size_t done;
    struct error *error;
};

static bool is_metric(const struct math *math, size_t index)
{
    return !math->trees[index];
}

/* Does METRICS(), or METRICS("text"), name this query? */
bool math_query_has(const struct math *math, size_t index, const struct math_node *metrics)
{
    return is_metric(math, index) &&
           (!metrics->child || str_find(math->queries[index].id, metrics->child->text, 0) >= 0);
}

static enum error_code in_expression(const struct math *math, size_t index, struct error *error)
{
    return error_prefix(error, "expression '" STR_FMT "'", STR_ARG(math->queries[index].id));
}

/* As deep as queries lead from one to the next, at most as there are queries. */
static enum error_code visit(struct ordering *ordering, size_t index)
{
    struct math *math = ordering->math;
    if (ordering->marks[index] == MARK_DONE)
        return OK;
    if (ordering->marks[index] == MARK_OPEN)
        return error_set(ordering->error, ERROR_INVALID, "expression '" STR_FMT "' is made of itself",
                         STR_ARG(math->queries[index].id));
    ordering->marks[index] = MARK_OPEN;
    for (struct math_node *node = math->ids[index]; node; node = node->next_id) {
        const enum error_code code = visit(ordering, node->query);
        if (code != OK)
            return code;
    }
    ordering->marks[index] = MARK_DONE;
    math->turns[ordering->done++] = index;
    return OK;
}

static enum error_code find_ids(struct math *math, size_t index, struct error *error)
{
    for (struct math_node *node = math->ids[index]; node; node = node->next_id)
        if (!find_id(math, node->text, &node->query)) {
            error_set(error, ERROR_INVALID, "no query has the ID '" STR_FMT "' (character %zu)",
                      STR_ARG(str_slice(node->text, 0, 64)), node->at);
            return in_expression(math, index, error);
        }
    return OK;
}

/* Metrics come first, so that METRICS() has all of them. */
static enum error_code order_queries(struct math *math, struct arena *arena, struct error *error)
{
    struct ordering ordering = {.math = math, .error = error};
    ordering.marks = ARENA_ARRAY(arena, uint8_t, math->count);
    if (!ordering.marks && math->count > 0)
        return error_no_memory(error);
    for (size_t i = 0; i < math->count; i++)
        if (find_ids(math, i, error) != OK)
            return error->code;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < math->count; i++)
            if (is_metric(math, i) == (pass == 0) && visit(&ordering, i) != OK)
                return error->code;
    return OK;
}

/* --- types and periods ------------------------------------------------------------------------------ */

static enum error_code join_periods(uint32_t *period_s, const struct math_node *node, struct error *error)
{
    if (*period_s == 0 || node->period_s == 0 || *period_s == node->period_s) {
        *period_s = *period_s ? *period_s : node->period_s;
        return OK;
    }
    return error_set(error, ERROR_INVALID,
                     "at character %zu series of %u and of %u seconds come together; give them the same Period",
                     node->at, *period_s, node->period_s);
}

static enum error_code check_node(struct math *math, struct arena *arena, struct math_node *node, struct error *error);

static enum error_code check_children(struct math *math, struct arena *arena, struct math_node *node,
                                      struct error *error)
{
    for (struct math_node *child = node->child; child; child = child->next) {
        enum error_code code = check_node(math, arena, child, error);
        if (code == OK)
            code = join_periods(&node->period_s, child, error);
        if (code != OK)
            return code;
    }
    return OK;
}

static enum error_code check_values(const struct math_node *node, struct error *error)
{
    for (const struct math_node *child = node->child; child; child = child->next) {
        if (child->kind == MATH_STRING || child->kind == MATH_WORD)
            return error_set(error, ERROR_INVALID, "'" STR_FMT "' at character %zu is neither a number nor a series",
                             STR_ARG(str_slice(child->text, 0, 64)), child->at);
        if (node->kind == MATH_LIST && child->type == MATH_SCALAR)
            return error_set(error, ERROR_INVALID, "the number at character %zu is no series: [ ] has series only",
                             child->at);
    }
    return OK;
}

static enum error_code check_binary(struct math_node *node, struct error *error)
{
    const enum math_type left = node->child->type, right = node->child->next->type;
    if (left == MATH_ARRAY && right == MATH_ARRAY)
        return error_set(error, ERROR_INVALID,
                         "the operator at character %zu stands between two arrays of series; make a series of one, "
                         "as by SUM",
                         node->at);
    node->type = left > right ? left : right;
    return OK;
}

static enum error_code check_node(struct math *math, struct arena *arena, struct math_node *node, struct error *error)
{
    enum error_code code = check_children(math, arena, node, error);
    if (code == OK && (node->kind == MATH_NEGATE || node->kind == MATH_BINARY || node->kind == MATH_LIST))
        code = check_values(node, error);
    if (code != OK)
        return code;
    switch (node->kind) {
    case MATH_ID:
        node->type = math_type(math, node->query);
        node->period_s = math_period(math, node->query);
        return OK;
    case MATH_LIST:
        node->type = MATH_ARRAY;
        return OK;
    case MATH_NEGATE:
        node->type = node->child->type;
        return OK;
    case MATH_BINARY:
        return check_binary(node, error);
    case MATH_CALL:
        return node->function->check(math, arena, node, error);
    default:
        node->type = MATH_SCALAR;
        return OK;
    }
}

static enum error_code check_expression(struct math *math, struct arena *arena, size_t index, struct error *error)
{
    struct math_node *tree = math->trees[index];
    math->current = index;
    for (const struct math_node *node = math->ids[index]; node; node = node->next_id)
        math->searches[index] = math->searches[index] || math->searches[node->query];
    const enum error_code code = check_node(math, arena, tree, error);
    if (code != OK)
        return code;
    if (tree->kind == MATH_STRING || tree->kind == MATH_WORD)
        return error_set(error, ERROR_INVALID, "'" STR_FMT "' is neither a number nor a series",
                         STR_ARG(str_slice(tree->text, 0, 64)));
    if (tree->type == MATH_SCALAR && math->queries[index].is_wanted)
        return error_set(error, ERROR_INVALID,
                         "it is a number and no series; make one of it by TIME_SERIES, or set ReturnData to false");
    return OK;
}

/* Of a series that is made of numbers alone: as of the others of its expression, so that they go together. */
uint32_t math_own_period(const struct math *math)
{
    for (const struct math_node *node = math->ids[math->current]; node; node = node->next_id)
        if (math_period(math, node->query) > 0)
            return math_period(math, node->query);
    const uint32_t asked_s = math->queries[math->current].period_s;
    return asked_s ? asked_s : math->period_s;
}

static enum error_code check_period(struct math *math, size_t index, struct error *error)
{
    const struct math_query *query = &math->queries[index];
    if (query->period_s > MATH_PERIOD_MAX || (is_metric(math, index) && query->period_s == 0))
        return error_set(error, ERROR_INVALID, "query '" STR_FMT "': Period must be from 1 to %d seconds",
                         STR_ARG(query->id), MATH_PERIOD_MAX);
    if (is_metric(math, index) && (math->period_s == 0 || query->period_s < math->period_s))
        math->period_s = query->period_s;
    return OK;
}

/* --- reading all ------------------------------------------------------------------------------------ */

static enum error_code parse_all(struct math *math, struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < math->count; i++)
        if (math->queries[i].expression.len > 0 && math_parse(math, i, arena, error) != OK)
            return in_expression(math, i, error);
    for (size_t i = 0; i < math->count; i++)
        if (check_period(math, i, error) != OK)
            return error->code;
    if (math->period_s == 0)
        math->period_s = MATH_PERIOD_DEFAULT;
    return order_queries(math, arena, error);
}

static bool allocate(struct math *math, struct arena *arena)
{
    const size_t count = math->count ? math->count : 1;
    math->order = ARENA_ARRAY(arena, size_t, count);
    math->turns = ARENA_ARRAY(arena, size_t, count);
    math->trees = ARENA_ARRAY(arena, struct math_node *, count);
    math->ids = ARENA_ARRAY(arena, struct math_node *, count);
    math->searches = ARENA_ARRAY(arena, bool, count);
    return math->order && math->turns && math->trees && math->ids && math->searches;
}

enum error_code math_new(const struct math_query *queries, size_t count, struct arena *arena, struct math **out,
                         struct error *error)
{
    struct math *math = ARENA_NEW(arena, struct math);
    if (!math)
        return error_no_memory(error);
    *math = (struct math){.queries = queries, .count = count};
    if (!allocate(math, arena))
        return error_no_memory(error);
    enum error_code code = sort_ids(math, error);
    if (code == OK)
        code = parse_all(math, arena, error);
    for (size_t i = 0; code == OK && i < count; i++)
        if (!is_metric(math, math->turns[i]) && check_expression(math, arena, math->turns[i], error) != OK)
            code = in_expression(math, math->turns[i], error);
    *out = math;
    return code;
}

enum math_type math_type(const struct math *math, size_t index)
{
    return is_metric(math, index) ? MATH_SERIES : math->trees[index]->type;
}

uint32_t math_period(const struct math *math, size_t index)
{
    const struct math_query *query = &math->queries[index];
    if (is_metric(math, index))
        return query->period_s;
    const struct math_node *tree = math->trees[index];
    return tree->type == MATH_SCALAR ? 0 : tree->period_s;
}

bool math_searches(const struct math *math, size_t index)
{
    return math->searches[index];
}

/* --- running ---------------------------------------------------------------------------------------- */

size_t math_run_points(const struct math_run *run, uint32_t period_s)
{
    return math_points(run->range, period_s);
}

int64_t math_run_time(const struct math_run *run, uint32_t period_s, size_t point)
{
    return math_first(run->range, period_s) + (int64_t)point * period_s;
}

static enum error_code too_large(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE,
                     "the expressions take more points than one request may; ask for less time, a longer Period or "
                     "fewer series");
}

enum error_code math_work(struct math_run *run, uint64_t points, struct error *error)
{
    run->work += points;
    return run->work > LIMIT_MATH_WORK ? too_large(error) : OK;
}

enum error_code math_hold(struct math_run *run, uint64_t points, struct error *error)
{
    run->held += points;
    return run->held > LIMIT_MATH_POINTS ? too_large(error) : OK;
}

#define SERIES_POINTS 8 /* what a series takes besides its points, in points */

enum error_code math_series_new(struct math_run *run, size_t count, size_t points, struct math_series **series,
                                struct error *error)
{
    enum error_code code = math_hold(run, (uint64_t)count * (points + SERIES_POINTS), error);
    if (code != OK)
        return code;
    *series = ARENA_ARRAY(run->arena, struct math_series, count + 1);
    if (!*series)
        return error_no_memory(error);
    for (size_t i = 0; i < count && points > 0; i++) {
        double *values = ARENA_ARRAY(run->arena, double, points);
        if (!values)
            return error_no_memory(error);
        for (size_t p = 0; p < points; p++)
            values[p] = NAN;
        (*series)[i].values = values;
    }
    return OK;
}

enum error_code math_own(struct math_run *run, struct math_value *value, struct error *error)
{
    struct math_series *copies;
    if (value->is_own || value->type == MATH_SCALAR)
        return OK;
    enum error_code code = math_series_new(run, value->count, 0, &copies, error);
    for (size_t i = 0; code == OK && i < value->count; i++) {
        const struct math_series *from = &value->series[i];
        const size_t points = math_run_points(run, from->period_s);
        code = math_hold(run, points, error);
        if (code == OK)
            code = math_work(run, points, error);
        copies[i] = *from;
        if (code == OK && !(copies[i].values = ARENA_ARRAY(run->arena, double, points + 1)))
            code = error_no_memory(error);
        if (code == OK && points > 0)
            memcpy(copies[i].values, from->values, points * sizeof(double));
    }
    value->series = copies;
    value->is_own = true;
    return code;
}

/* --- operators -------------------------------------------------------------------------------------- */

/* Not a number or infinite: the point is dropped. */
static double point_or_none(double value)
{
    return isfinite(value) ? value : NAN;
}

static double operate(enum math_operator operator, double a, double b)
{
    switch (operator) {
    case MATH_ADD:
        return point_or_none(a + b);
    case MATH_SUBTRACT:
        return point_or_none(a - b);
    case MATH_MULTIPLY:
        return point_or_none(a * b);
    case MATH_DIVIDE:
        return b == 0 ? NAN : point_or_none(a / b);
    case MATH_POWER:
        return point_or_none(pow(a, b));
    case MATH_EQUAL:
        return a == b;
    case MATH_UNEQUAL:
        return a != b;
    case MATH_LESS:
        return a < b;
    case MATH_LESS_EQUAL:
        return a <= b;
    case MATH_GREATER:
        return a > b;
    case MATH_GREATER_EQUAL:
        return a >= b;
    case MATH_AND:
        return a != 0 && b != 0;
    case MATH_OR:
        return a != 0 || b != 0;
    }
    return NAN;
}

/* Of two points of which one at least must be there; of two series the other counts as 0 else. */
static double operate_points(enum math_operator operator, double a, double b, bool is_between_series)
{
    if (isnan(a) ? (!is_between_series || isnan(b)) : (!is_between_series && isnan(b)))
        return NAN;
    return operate(operator, isnan(a) ? 0 : a, isnan(b) ? 0 : b);
}

/* A number, or the series that goes with the i-th of the other side. */
static double operand(const struct math_value *value, size_t i, size_t point)
{
    if (value->type == MATH_SCALAR)
        return value->scalar;
    return value->series[value->type == MATH_ARRAY ? i : 0].values[point];
}

static const struct math_series *origin(const struct math_value *left, const struct math_value *right, size_t i)
{
    const struct math_value *value = left->type >= right->type ? left : right;
    return &value->series[value->type == MATH_ARRAY ? i : 0];
}

static enum error_code operate_series(struct math_run *run, enum math_operator operator, struct math_value *left,
                                      struct math_value *right, struct math_value *value, struct error *error)
{
    const bool is_between_series = left->type != MATH_SCALAR && right->type != MATH_SCALAR;
    for (size_t i = 0; i < value->count; i++) {
        struct math_series *series = &value->series[i];
        const size_t points = math_run_points(run, series->period_s);
        const enum error_code code = math_work(run, points, error);
        if (code != OK)
            return code;
        for (size_t p = 0; p < points; p++)
            series->values[p] =
                operate_points(operator, operand(left, i, p), operand(right, i, p), is_between_series);
        if (is_between_series && left->type == right->type) {
            series->id = series->label = (struct str){0};
            series->origin = NULL;
        }
    }
    return OK;
}

/* The result takes the place of an operand of its type that is nobody else's. */
static enum error_code result_place(struct math_run *run, struct math_value *left, struct math_value *right,
                                    struct math_value *value, struct error *error)
{
    const enum math_type type = left->type > right->type ? left->type : right->type;
    const struct math_value *like = left->type == type ? left : right;
    if (left->type == type && left->is_own)
        like = left;
    else if (right->type == type && right->is_own)
        like = right;
    *value = (struct math_value){.type = type, .series = like->series, .count = like->count, .is_own = like->is_own};
    if (like->is_own)
        return OK;
    enum error_code code = math_series_new(run, like->count, 0, &value->series, error);
    for (size_t i = 0; code == OK && i < like->count; i++) {
        struct math_series *made;
        code = math_series_new(run, 1, math_run_points(run, like->series[i].period_s) + 1, &made, error);
        value->series[i] = *origin(left, right, i);
        if (code == OK)
            value->series[i].values = made->values;
    }
    value->is_own = true;
    return code;
}

enum error_code math_binary(struct math_run *run, enum math_operator operator, struct math_value *left,
                            struct math_value *right, struct math_value *value, struct error *error)
{
    if (left->type == MATH_SCALAR && right->type == MATH_SCALAR) {
        *value = (struct math_value){.scalar = operate_points(operator, left->scalar, right->scalar, false)};
        return OK;
    }
    const enum error_code code = result_place(run, left, right, value, error);
    return code == OK ? operate_series(run, operator, left, right, value, error) : code;
}

/* --- trees ------------------------------------------------------------------------------------------ */

static enum error_code run_node(struct math_run *run, const struct math_node *node, struct math_value *value,
                                struct error *error);

static enum error_code run_list(struct math_run *run, const struct math_node *node, struct math_value *value,
                                struct error *error)
{
    size_t count = 0, part_count = 0, at = 0;
    enum error_code code = OK;
    for (const struct math_node *child = node->child; child; child = child->next)
        part_count++;
    struct math_value *parts = ARENA_ARRAY(run->arena, struct math_value, part_count + 1);
    if (!parts)
        return error_no_memory(error);
    part_count = 0;
    for (const struct math_node *child = node->child; child && code == OK; child = child->next) {
        code = run_node(run, child, &parts[part_count], error);
        if (code == OK)
            count += parts[part_count++].count;
    }
    if (code == OK && count > LIMIT_MATH_SERIES)
        return error_set(error, ERROR_TOO_LARGE, "[ ] has %zu series, %d are the most", count, LIMIT_MATH_SERIES);
    *value = (struct math_value){.type = MATH_ARRAY, .count = count};
    if (code == OK)
        code = math_series_new(run, count, 0, &value->series, error);
    for (size_t i = 0; code == OK && i < part_count; i++)
        for (size_t s = 0; s < parts[i].count; s++)
            value->series[at++] = parts[i].series[s];
    return code;
}

static enum error_code run_negate(struct math_run *run, struct math_value *value, struct error *error)
{
    struct math_value zero = {.scalar = 0}, from = *value;
    return math_binary(run, MATH_SUBTRACT, &zero, &from, value, error);
}

static enum error_code run_binary(struct math_run *run, const struct math_node *node, struct math_value *value,
                                  struct error *error)
{
    struct math_value left, right;
    enum error_code code = run_node(run, node->child, &left, error);
    if (code == OK)
        code = run_node(run, node->child->next, &right, error);
    return code == OK ? math_binary(run, node->operator, &left, &right, value, error) : code;
}

static enum error_code run_call(struct math_run *run, const struct math_node *node, struct math_value *value,
                                struct error *error)
{
    struct math_value arguments[MATH_ARGUMENTS_MAX] = {{0}};
    enum error_code code = OK;
    size_t i = 0;
    for (const struct math_node *child = node->child; child && code == OK; child = child->next, i++)
        if (child->kind != MATH_STRING && child->kind != MATH_WORD)
            code = run_node(run, child, &arguments[i], error);
    return code == OK ? node->function->run(run, node, arguments, value, error) : code;
}

static enum error_code run_node(struct math_run *run, const struct math_node *node, struct math_value *value,
                                struct error *error)
{
    enum error_code code;
    switch (node->kind) {
    case MATH_ID:
        *value = run->values[node->query];
        value->is_own = false;
        return OK;
    case MATH_LIST:
        return run_list(run, node, value, error);
    case MATH_NEGATE:
        code = run_node(run, node->child, value, error);
        return code == OK ? run_negate(run, value, error) : code;
    case MATH_BINARY:
        return run_binary(run, node, value, error);
    case MATH_CALL:
        return run_call(run, node, value, error);
    default:
        *value = (struct math_value){.type = MATH_SCALAR, .scalar = node->number};
        return OK;
    }
}

static enum error_code run_metric(struct math_run *run, size_t index, struct math_value *value, struct error *error)
{
    const struct math_query *query = &run->math->queries[index];
    enum error_code code = math_hold(run, math_run_points(run, query->period_s), error);
    *value = (struct math_value){.type = MATH_SERIES, .count = 1};
    if (code == OK)
        code = math_series_new(run, 1, 0, &value->series, error);
    if (code == OK)
        code = run->source->metric(run->source->ctx, index, run->range, run->arena, value->series, error);
    if (code != OK)
        return code;
    value->series->id = query->id;
    value->series->period_s = query->period_s;
    return OK;
}

/* What the wanted ones are made of. From the last turn on, whoever needs something comes before it. */
static void mark_needed(struct math *math, const struct math_node *node, bool *needed)
{
    const bool is_metrics = node->kind == MATH_CALL && str_eq(str_of(node->function->name), STR("METRICS"));
    if (node->kind == MATH_ID)
        needed[node->query] = true;
    for (size_t i = 0; is_metrics && i < math->count; i++)
        needed[i] = needed[i] || math_query_has(math, i, node);
    for (const struct math_node *child = node->child; child; child = child->next)
        mark_needed(math, child, needed);
}

static bool *find_needed(const struct math *math, struct arena *arena)
{
    bool *needed = ARENA_ARRAY(arena, bool, math->count + 1);
    for (size_t i = math->count; needed && i-- > 0;) {
        const size_t index = math->turns[i];
        needed[index] = needed[index] || math->queries[index].is_wanted;
        if (needed[index] && math->trees[index])
            mark_needed((struct math *)math, math->trees[index], needed);
    }
    return needed;
}

static enum error_code run_all(struct math_run *run, const bool *needed, struct error *error)
{
    const struct math *math = run->math;
    for (size_t i = 0; i < math->count; i++) {
        const size_t index = math->turns[i];
        if (!needed[index])
            continue;
        struct math_value *value = &run->values[index];
        enum error_code code = math->trees[index] ? run_node(run, math->trees[index], value, error)
                                                  : run_metric(run, index, value, error);
        if (code != OK)
            return math->trees[index] ? in_expression(math, index, error) : code;
    }
    return OK;
}

enum error_code math_run(const struct math *math, const struct math_range *range, const struct math_source *source,
                         struct arena *arena, struct math_result *results, struct error *error)
{
    struct math_run run = {.math = math, .range = range, .source = source, .arena = arena};
    const bool *needed = find_needed(math, arena);
    run.values = ARENA_ARRAY(arena, struct math_value, math->count + 1);
    if (!needed || !run.values)
        return error_no_memory(error);
    const enum error_code code = run_all(&run, needed, error);
    for (size_t i = 0; i < math->count; i++) {
        const bool is_given = code == OK && math->queries[i].is_wanted;
        results[i] = (struct math_result){is_given ? run.values[i].series : NULL, is_given ? run.values[i].count : 0};
    }
    return code;
}
