/* math_internal.h - expressions as trees, and the values that they are computed to: what the parser, the checks and the
 * functions of metric math share. See math.h. */
#ifndef MONITOR_MATH_INTERNAL_H
#define MONITOR_MATH_INTERNAL_H

#include "monitor/math.h"

enum math_kind {
    MATH_NUMBER,
    MATH_STRING,
    MATH_ID,
    MATH_LIST,   /* [a, b] */
    MATH_NEGATE,
    MATH_BINARY, /* operator over two children */
    MATH_CALL,
    MATH_WORD,   /* REPEAT, DESC, ...: means something to the function that it is an argument of */
};

enum math_operator {
    MATH_ADD, MATH_SUBTRACT, MATH_MULTIPLY, MATH_DIVIDE, MATH_POWER,
    MATH_EQUAL, MATH_UNEQUAL, MATH_LESS, MATH_LESS_EQUAL, MATH_GREATER, MATH_GREATER_EQUAL,
    MATH_AND, MATH_OR,
};

struct math_function;

struct math_node {
    enum math_kind kind;
    enum math_operator operator;
    enum math_type type;    /* once checked; of no meaning for strings and words */
    uint32_t period_s;      /* of its series; 0: none, or not known */
    size_t at;              /* in the expression, for messages: from 1 */
    double number;
    struct str text;        /* ID, string, word */
    size_t query;           /* of an ID */
    const struct math_function *function;
    struct math_search search;
    struct math_node *child, *next; /* the first; the next of the same parent */
    struct math_node *next_id;      /* another ID of the same expression */
};

struct math_value {
    enum math_type type;
    double scalar; /* NAN: there is none */
    struct math_series *series;
    size_t count;
    bool is_own;   /* series and values are nobody else's: they may be changed */
};

/* Of one math_run. */
struct math_run {
    const struct math *math;
    const struct math_range *range;
    const struct math_source *source;
    struct arena *arena;
    struct math_value *values; /* by query, as far as they are computed */
    uint64_t held, work;       /* points kept, and computed */
};

struct math {
    const struct math_query *queries;
    size_t count;
    size_t *order;            /* of queries, by ID */
    struct math_node **trees; /* NULL: a metric */
    struct math_node **ids;   /* in each of them */
    bool *searches;           /* whether it, or what it is made of, has a SEARCH */
    size_t *turns;            /* of queries: each behind what it is made of */
    uint8_t *needed;
    uint32_t period_s;        /* of a series that has none of its own */
    size_t nodes;
    size_t current;           /* the query that is being parsed or checked */
};

/* What a function takes and gives. `check` sets type and period of a call whose children are checked. */
struct math_function {
    const char *name;
    const char *usage;
    unsigned least, most; /* arguments */
    enum error_code (*check)(struct math *math, struct arena *arena, struct math_node *call, struct error *error);
    enum error_code (*run)(struct math_run *run, const struct math_node *call, struct math_value *arguments,
                           struct math_value *value, struct error *error);
    int option; /* tells functions with the same handlers apart */
};
#define MATH_ARGUMENTS_MAX 4
#define MATH_PERIOD_DEFAULT 300 /* seconds, where nothing says another */

/* math_functions.c; NULL: there is none with this name. */
const struct math_function *math_function_find(struct str name);
/* Names that stand for something that isn't offered here. */
bool math_function_is_foreign(struct str name);

/* math_parse.c: no references are followed, no types checked. */
enum error_code math_parse(struct math *math, size_t index, struct arena *arena, struct error *error) WARN_UNUSED;

/* math.c: for functions. */
bool math_query_has(const struct math *math, size_t index, const struct math_node *metrics);
uint32_t math_own_period(const struct math *math);
size_t math_run_points(const struct math_run *run, uint32_t period_s);
int64_t math_run_time(const struct math_run *run, uint32_t period_s, size_t point);
/* Counts points that are computed, and kept, in; ERROR_TOO_LARGE. */
enum error_code math_work(struct math_run *run, uint64_t points, struct error *error) WARN_UNUSED;
enum error_code math_hold(struct math_run *run, uint64_t points, struct error *error) WARN_UNUSED;
/* An array of `count` series, with values where `points` is not 0, all NAN. */
enum error_code math_series_new(struct math_run *run, size_t count, size_t points, struct math_series **series,
                                struct error *error) WARN_UNUSED;
/* Makes the value's series its own. */
enum error_code math_own(struct math_run *run, struct math_value *value, struct error *error) WARN_UNUSED;
enum error_code math_binary(struct math_run *run, enum math_operator operator, struct math_value *left,
                            struct math_value *right, struct math_value *value, struct error *error) WARN_UNUSED;

#endif
