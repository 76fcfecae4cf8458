/* eval_compare.h - `fulcrum eval` with metrics, judges and reports: both models are asked the same held-out rows, each
 * once whatever happens, and compared by src/eval. One thread. */
#ifndef CMD_EVAL_COMPARE_H
#define CMD_EVAL_COMPARE_H

#include <stdbool.h>

#include "core/config.h"
#include "eval/metric.h"
#include "ledger/price_book.h"

/* Exit statuses besides those of cmd_io.h. */
#define EVAL_STAY 3
#define EVAL_UNSURE 4

struct eval_compare_options {
    const char *model, *against, *judge; /* against, judge: NULL without */
    const char *data;                    /* NULL: the embedded held-out set */
    struct str text;                     /* its content */
    const char *report, *answers;        /* paths; NULL: none */
    const char *endpoint; /* NULL: a server of our own */
    enum metric metric;
    double bound;
    size_t limit;
    bool is_json;
    const struct config *config;
    struct price_book *prices;
};

/* Whether the rows are of the forms that this reads and `fulcrum eval MODEL` alone does not. */
bool eval_compare_wants(struct str text);

/* Prints the report; gives the exit status. */
int eval_compare(const struct eval_compare_options *options);

#endif
