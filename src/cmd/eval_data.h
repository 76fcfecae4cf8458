/* eval_data.h - the rows of `fulcrum eval` and the requests they become.
 *
 * A row is one line of JSON:
 *   {"id", "task", "kind": "simple|complex", "system", "messages": [{"role", "content"}],
 *    "tools": [{"name", "description", "schema"}], "expected"}
 * `content` is text or Converse's list of blocks. Of these `messages` and
 * `expected` must be there. One thread. */
#ifndef CMD_EVAL_DATA_H
#define CMD_EVAL_DATA_H

#include <yyjson.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "distill/score.h"

#define EVAL_TASKS_MAX 64

struct eval_row {
    yyjson_doc *doc;      /* owns everything below */
    yyjson_val *expected; /* never NULL; may be a JSON null */
    size_t task;          /* index into eval_data.tasks */
    enum score_kind kind;
    bool is_complex;
};

struct eval_data {
    struct eval_row *rows;
    size_t count, cap;
    struct str tasks[EVAL_TASKS_MAX]; /* in the order of their first row */
    size_t task_count;
    struct arena arena; /* owns the names of tasks */
};

/* Reads JSON lines; `file` stands in messages ("rows.jsonl:3: ..."). *data needs
 * eval_data_deinit only after OK. */
enum error_code eval_data_parse(struct str text, const char *file, struct eval_data *data, struct error *error)
    WARN_UNUSED;
void eval_data_deinit(struct eval_data *data);

/* Keeps `limit` rows spread evenly over all, so that every task stays in; 0 keeps all. */
void eval_data_thin(struct eval_data *data, size_t limit);

/* Appends the body of a Converse request: greedy, tools with choice auto, and
 * room for twice the expected answer. */
void eval_row_append_request(const struct eval_row *row, struct buf *body);

#endif
