/* eval_run.h - asks a model every row, over Converse, several at once.
 * One thread. */
#ifndef CMD_EVAL_RUN_H
#define CMD_EVAL_RUN_H

#include "cmd/eval_data.h"
#include "ledger/price.h"

struct eval_outcome {
    struct score_result result;
    struct price_usage usage;
    double confidence; /* that the server says the model had in it; below 0: it says none */
    bool has_failed;   /* no reply; counts as wrong */
};

struct eval_run {
    struct eval_outcome *outcomes; /* one per row, in their order; mem_free'd by eval_run_deinit */
    uint64_t output_tokens;
    double seconds;
    size_t failed_count;
    struct error first_failure; /* with failed_count > 0 */
};

struct eval_target {
    const char *endpoint; /* http://HOST:PORT */
    const char *model;
    const struct eval_data *data;
    bool shows_progress;
    bool wants_confidence;
};

/* A server that can't be reached, and a model that fails every row, are
 * errors; single rows that fail are counted. Throttled requests are tried
 * again. *run needs eval_run_deinit only after OK. */
enum error_code eval_run(const struct eval_target *target, struct eval_run *run, struct error *error) WARN_UNUSED;
void eval_run_deinit(struct eval_run *run);

#endif
