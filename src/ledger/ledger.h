/* ledger.h - exactly one line for every request that was let in.
 *
 * ledger_accept when the request is taken, ledger_finish before the reply's
 * last byte: one write(2) into a journal each, so that what a client saw is
 * kept across kill -9. One thread of the ledger's own puts finished lines into
 * DATA/ledger.db, many at a time; nobody else ever waits for the database. A
 * request that was accepted and never finished, because the process died,
 * becomes a line with outcome failed at the next start. docs/LEDGER.md. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "core/error.h"
#include "ledger/line.h"
#include "ledger/price_book.h"

#define LEDGER_JOURNAL_DIR "journal"

struct ledger;

/* Opens DATA/ledger.db and DATA/journal, both made where they are missing, and
 * settles what an earlier process left. The caller holds the lock of the data
 * directory; `book` outlives the ledger. */
enum error_code ledger_open(const char *data, const struct price_book *book, struct ledger **ledger,
                            struct error *error) WARN_UNUSED;

/* Once no thread accepts or finishes any more. Drains; what is left then stays
 * in the journal for the next start. False: not every line is in ledger.db; the
 * log says whether the next start puts it in. NULL is legal. */
bool ledger_close(struct ledger *ledger);

/* Any thread. ERROR_UNAVAILABLE: the line could not be promised (the disk is
 * full, the journal has reached its limit, or the files were removed); the
 * request must be refused. */
enum error_code ledger_accept(struct ledger *ledger, struct ledger_line *line, struct error *error) WARN_UNUSED;

/* Any thread, once for each accepted line, whose strings are the same. On an
 * error there is no line yet: the reply must not be completed, and the request
 * will be in the ledger as failed. */
enum error_code ledger_finish(struct ledger *ledger, const struct ledger_line *line, struct error *error) WARN_UNUSED;

/* In place of ledger_finish: the engine found after all that it cannot let the
 * request in (the prompt is too long, its queue is full). It will have no line. */
enum error_code ledger_refuse(struct ledger *ledger, const struct ledger_line *line, struct error *error) WARN_UNUSED;

/* A line that is whole at once, of work that whoever asked for it keeps a log of
 * (a record of a batch job). Its request_id follows from the work, so recording
 * it again after a crash changes nothing. Any thread. ERROR_UNAVAILABLE or
 * ERROR_IO: there is no line; record it again later. */
enum error_code ledger_record(struct ledger *ledger, const struct ledger_line *line, struct error *error) WARN_UNUSED;

/* `on_lines` is called on the writer's thread whenever it has put lines into ledger.db; not after ledger_close. At most
 * one listener. */
void ledger_listen(struct ledger *ledger, void (*on_lines)(void *ctx), void *ctx);

struct ledger_counters {
    uint64_t lines;         /* put into ledger.db by this process */
    uint64_t errors;        /* times that journal or database refused */
    uint64_t journal_bytes; /* on the disk now */
};
void ledger_counters(struct ledger *ledger, struct ledger_counters *counters); /* any thread */

#endif
