/* results.h - what has come of a job's records, kept before anybody is told.
 *
 * An append-only log, one write(2) per record, so that what results_append
 * returned OK for survives kill -9. A record that was being written when the
 * process died is cut off at the next opening and computed again. Beside the
 * log lies a table of where each record's result is; it is only an index,
 * rebuilt whenever the log is opened. The log's format is in results.c.
 * Log and table are those of one claim (fenced.h): a runner whose claim was lost
 * writes into files that nobody reads any more. One thread at a time. */
#ifndef BATCH_RESULTS_H
#define BATCH_RESULTS_H

#include "batch/job.h"
#include "core/buf.h"
#include "core/error.h"

struct results;

struct result {
    uint64_t number; /* of the record, from 0 */
    bool is_error;
    uint64_t input_tokens, output_tokens;
    struct str line;    /* encoded ledger line, and behind it that of a reply which was taken back; empty: it costs
                         * nothing */
    struct str outcome; /* member of the output's line (record.h) */
};

/* Adds a result to the counts. */
void results_count(struct batch_counts *counts, const struct result *result);

/* Opens the log of a job with `total` records, with what claims before this one
 * have put there; made where it is missing. *counts gets what is there already.
 * ERROR_CONFLICT: another runner has claimed the job since. */
enum error_code results_open(const char *dir, uint64_t fence, uint64_t total, struct results **results,
                             struct batch_counts *counts, struct error *error) WARN_UNUSED;
void results_close(struct results *results); /* NULL is legal */

/* The result written last, for whoever must not lose what belongs to it; *buf
 * holds its strings. *has_last false: there is none. */
enum error_code results_last(struct results *results, struct buf *buf, struct result *last, bool *has_last,
                             struct error *error) WARN_UNUSED;

/* On an error the log is as before. A second result of a record is refused: ERROR_CONFLICT. */
enum error_code results_append(struct results *results, const struct result *result, struct error *error) WARN_UNUSED;

enum error_code results_has(struct results *results, uint64_t number, bool *has, struct error *error) WARN_UNUSED;
/* ERROR_NOT_FOUND: none yet. Strings lie in *buf. */
enum error_code results_read(struct results *results, uint64_t number, struct buf *buf, struct result *result,
                             struct error *error) WARN_UNUSED;

#endif
