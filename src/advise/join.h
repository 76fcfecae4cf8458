/* join.h - one row for each request, where two sources or two lines have a part of it: a line of the ledger and the
 * record of the log with its prompt, the input and the output of a batch. The same record twice is one. One thread. */
#ifndef ADVISE_JOIN_H
#define ADVISE_JOIN_H

#include "advise/rows.h"

struct join_counts {
    uint64_t joined, doubled; /* pairs that became one; rows that were there already */
    uint64_t unanswered;      /* inputs of batches without their output, left out */
};

/* Takes the rows of `from` into *to, which is new; `from` is freed. */
enum error_code log_rows_join(struct log_rows *from, struct log_rows **to, struct join_counts *counts,
                          struct error *error) WARN_UNUSED;

#endif
