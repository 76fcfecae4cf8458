/* tally.h - what the ledger's lines cost each subject, by day, kept beside keys and budgets so that a start reads only
 * what came since: sums in DATA/state.db over those of ledger/spent.h. One thread at a time. */
#ifndef KEYS_TALLY_H
#define KEYS_TALLY_H

#include "keys/store.h"
#include "ledger/spent.h"

#define TALLY_DAYS 40 /* that are kept: a month and some */

struct tally;

enum error_code tally_open(const char *data, struct key_store *store, struct tally **tally,
                           struct error *error) WARN_UNUSED;
void tally_close(struct tally *tally); /* NULL is legal */

/* Takes in what the ledger has gained, in one transaction. `each_late`: of each line whose request came before
 * `late_us`, each subject; once, when the sums are written. */
enum error_code tally_step(struct tally *tally, uint64_t now_us, uint64_t late_us,
                           void (*each_late)(void *ctx, const struct subject *subject, uint64_t time_us,
                                             uint64_t cost),
                           void *ctx, struct error *error) WARN_UNUSED;

/* What a subject has spent in these days: by the sums, and by what the ledger has gained since, which nothing is
 * written for. `subjects` and `spent` go together. */
enum error_code tally_read(struct tally *tally, const struct subject *subjects, const struct window *windows,
                           ledger_sum *spent, size_t count, uint64_t now_us, struct error *error) WARN_UNUSED;

/* The subjects of a line, in the arena; those of a tag twice: its tenant's, and everybody's. */
enum error_code tally_subjects(struct str tenant, struct str key, struct str tags, struct arena *arena,
                               struct subject **subjects, size_t *count, struct error *error) WARN_UNUSED;

#endif
