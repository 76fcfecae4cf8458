/* summing.h - sums of lines by minute, hour and day, kept beside the lines in
 * ledger.db, so that a question about a million of them reads some hundred
 * rows. The ledger's writer calls it between its turns; a step that fails
 * changes nothing. One thread. */
#ifndef LEDGER_SUMMING_H
#define LEDGER_SUMMING_H

#include "store/sql.h"

/* Seconds of the time of lines that one row of `sums` is of. */
enum { SUMMING_MINUTE = 60, SUMMING_HOUR = 3600, SUMMING_DAY = 86400 };

struct summing;

enum error_code summing_new(struct sql *sql, struct summing **summing, struct error *error) WARN_UNUSED;
void summing_free(struct summing *summing); /* before its connection; NULL is legal */

/* Takes the next `rows` lines in, in one transaction. *is_done: there are no more now. */
enum error_code summing_step(struct summing *summing, uint64_t rows, bool *is_done, struct error *error) WARN_UNUSED;

#endif
