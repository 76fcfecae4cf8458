/* reads.h - views of one ledger that many threads read with, one at a time each. A view is opened when none is free and
 * goes back for the next one, so there are never more than threads that read at once, and at most LEDGER_READS are
 * kept. Any thread. */
#ifndef LEDGER_READS_H
#define LEDGER_READS_H

#include "ledger/view.h"

#define LEDGER_READS 4

struct ledger_reads;

enum error_code ledger_reads_new(const char *data, struct ledger_reads **reads, struct error *error) WARN_UNUSED;
void ledger_reads_free(struct ledger_reads *reads); /* every view is back; NULL is legal */

/* This thread's until it gives it back. Errors as ledger_view_open. */
enum error_code ledger_reads_take(struct ledger_reads *reads, struct ledger_view **view,
                                  struct error *error) WARN_UNUSED;
void ledger_reads_give(struct ledger_reads *reads, struct ledger_view *view);

#endif
