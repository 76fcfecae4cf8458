/* journal.h - an append-only log of small records, for what must survive
 * kill -9 before anybody waits for a database.
 *
 * Records are appended by any thread, each with one write(2), so that what
 * journal_append returned OK for is in the kernel and outlives the process
 * (not a power failure: nothing is synced here). One other thread reads behind
 * and removes whole segments once it has put their records elsewhere. Nothing
 * here knows what a record means. The files' format is in journal.c. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

#define JOURNAL_RECORD_MAX 16384 /* bytes of payload */
#define JOURNAL_PATH_MAX 4096

struct journal;

/* Makes the directory where it is missing and begins a segment after all that
 * are there; those are for journal_reader. `limit_bytes` bounds all segments
 * together. One journal per directory: the caller holds a lock on it. */
enum error_code journal_open(const char *dir, uint64_t limit_bytes, struct journal **journal,
                             struct error *error) WARN_UNUSED;
void journal_close(struct journal *journal); /* a segment without a record goes, others stay; NULL is legal */

/* Appends one record. `promise` is how many payload bytes of later records
 * come due with this one (positive), or are kept or given up by it (negative).
 * Space for what is promised is set aside on the disk, so that who was let in
 * can finish on a disk that has become full meanwhile. Without a promise to keep
 * (positive, or 0 for a record that stands alone) it is refused with
 * ERROR_UNAVAILABLE when space is short, the disk's reserve included, or the
 * limit is reached; others fail only with ERROR_IO. A segment that was removed
 * takes no record, one that was moved none but those promised. After a failure the log is as before. Any
 * thread; the lock inside is held for one write(2). */
enum error_code journal_append(struct journal *journal, uint32_t type, struct str payload, int64_t promise,
                               struct error *error) WARN_UNUSED;
void journal_forgive(struct journal *journal, int64_t promise); /* a promise that no record will keep */

bool journal_is_in_place(struct journal *journal); /* the current segment: not removed, not replaced. Any thread */
uint64_t journal_bytes(struct journal *journal); /* of all segments. Any thread */

/* --- for the one thread that reads behind --- */

/* Sleeps until something was appended past `offset` of `segment`, the journal
 * was woken, or the time is over. */
void journal_wait(struct journal *journal, uint64_t segment, uint64_t offset, uint64_t timeout_ms);
void journal_wake(struct journal *journal); /* any thread */

uint64_t journal_current(struct journal *journal);                    /* number of the segment being written */
bool journal_is_due(struct journal *journal, uint64_t segment_bytes); /* time to roll: long enough, or broken */
enum error_code journal_roll(struct journal *journal, struct error *error) WARN_UNUSED; /* begins the next segment */
/* Deletes a segment that is not the current one, or keeps it aside as NUMBER.damaged. One that is not there: OK. */
enum error_code journal_remove(struct journal *journal, uint64_t segment, bool is_damaged,
                               struct error *error) WARN_UNUSED;

/* --- reading, also without a struct journal: after a crash, or beside a running server --- */

/* Numbers of the segments in `dir`, ascending; mem_free them. No directory: none. */
enum error_code journal_list(const char *dir, uint64_t **segments, size_t *count, struct error *error) WARN_UNUSED;

struct journal_record {
    uint32_t type;
    struct str payload; /* valid until the next call */
};

enum journal_read {
    JOURNAL_RECORD,
    JOURNAL_END,     /* of what is there now; ask again later */
    JOURNAL_TORN,    /* the last record is cut off: whoever wrote it died, or is writing */
    JOURNAL_DAMAGED, /* the bytes are not what was written */
    JOURNAL_FAILED,  /* *error says why */
};

struct journal_reader;
enum error_code journal_reader_open(const char *dir, uint64_t segment, struct journal_reader **reader,
                                    struct error *error) WARN_UNUSED;
void journal_reader_close(struct journal_reader *reader); /* NULL is legal */
enum journal_read journal_reader_next(struct journal_reader *reader, struct journal_record *record,
                                      struct error *error) WARN_UNUSED;
uint64_t journal_reader_offset(const struct journal_reader *reader); /* behind the last record read */
void journal_reader_seek(struct journal_reader *reader, uint64_t offset); /* to one that it had before */

#endif
