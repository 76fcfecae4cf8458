/* score.h - how a reply is judged against what a row expects, and how sure a
 * score is.
 *
 * Rows are those of `fulcrum eval` and of distillation's held-out comparison.
 * Pure functions, any thread. */
#ifndef DISTILL_SCORE_H
#define DISTILL_SCORE_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "core/str.h"

enum score_kind {
    SCORE_TEXT,   /* equal but for ASCII case, runs of white space and final punctuation */
    SCORE_JSON,   /* equal as JSON: order of members and spelling of numbers do not matter */
    SCORE_TOOL,   /* the tool's name, and its arguments equal as JSON */
    SCORE_FIELDS, /* fields between semicolons, each equal as text */
};

/* By the task's name up to its first underscore (`extract`, `tool`, `summary`,
 * `tag`); of other tasks by what is expected: an object with `name` and
 * `arguments` is a tool call, another object or an array JSON, the rest text. */
enum score_kind score_kind_of(struct str task, yyjson_val *expected);

struct score_reply {
    struct str text;        /* text blocks, joined */
    struct str tool_name;   /* of the first tool use; data NULL without one */
    yyjson_val *tool_input; /* NULL without one */
};

/* fields: members of a JSON object, name and arguments of a tool call, parts of
 * a line; one for text. is_right needs all of them and nothing besides. */
struct score_result {
    bool is_right;
    uint32_t fields_right, field_count;
};

/* `expected` may be JSON or a string that holds its text; null for SCORE_TOOL
 * expects that no tool is called. */
struct score_result score_reply(enum score_kind kind, yyjson_val *expected, const struct score_reply *reply);

bool score_text_equal(struct str a, struct str b);
bool score_json_equal(yyjson_val *a, yyjson_val *b);

struct score_interval {
    double score, low, high;
};

/* 95% Wilson score interval of right/total (Wilson 1927); all 0 for total 0. */
struct score_interval score_wilson(uint64_t right, uint64_t total);

/* The same rows answered by two models. */
struct score_pairs {
    uint64_t both, only_first, only_second, neither;
};

/* score(first) - score(second) with its 95% interval for paired rows: method
 * 10 of Newcombe, Statistics in Medicine 17 (1998) 2635-2650, built from the
 * two Wilson intervals and the correlation of the pairs. */
struct score_interval score_difference(const struct score_pairs *pairs);

#endif
