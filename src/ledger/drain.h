/* drain.h - from the journal into ledger.db, in batches of one transaction.
 *
 * A finished record is a line. An accepted record becomes one only if nothing
 * finished or refused it: a line with outcome failed, of what was known. One
 * thread. */
#ifndef LEDGER_DRAIN_H
#define LEDGER_DRAIN_H

#include "ledger/ledger_db.h"
#include "store/journal.h"

/* Types of journal records; all hold an encoded line. */
enum ledger_record { LEDGER_ACCEPTED = 1, LEDGER_FINISHED, LEDGER_REFUSED };

struct drain;

/* Begins with the oldest segment in `dir`. */
enum error_code drain_new(const char *dir, struct ledger_db *db, struct drain **drain, struct error *error) WARN_UNUSED;
void drain_free(struct drain *drain); /* NULL is legal */

/* One batch of the segments before and up to `current`. *is_behind: there is
 * more to read at once. On an error nothing was taken: call again later. A
 * torn end is left off, a damaged segment is given up from there on; both are
 * logged. ERROR_INVALID: a later program wrote what comes next. *has_damage:
 * the current segment is damaged, nothing more should be written to it. */
enum error_code drain_batch(struct drain *drain, uint64_t current, bool *is_behind, bool *has_damage,
                            struct error *error) WARN_UNUSED;

/* Nobody will finish what is still open: it becomes lines. */
enum error_code drain_close_open(struct drain *drain, struct error *error) WARN_UNUSED;

/* The oldest segment, if it is read to its end, was committed, and none of its
 * requests is open. False: it has to stay. A later one never goes first: with
 * it would go what says how the earlier one's requests ended. */
bool drain_oldest(const struct drain *drain, uint64_t *segment, bool *is_damaged);
void drain_forget_oldest(struct drain *drain); /* once its file is gone */

/* The error of a record that a later program wrote: it stays where it is, and nothing behind it is read. */
enum error_code drain_newer(uint64_t segment, struct str payload, struct error *error);

uint64_t drain_segment(const struct drain *drain); /* where it reads */
uint64_t drain_offset(const struct drain *drain);
uint64_t drain_lines(const struct drain *drain); /* finished records put in, so far */

#endif
