/* disk.h - the file system below the data directory: what is kept free on it, for whom, and whether it is still there.
 *
 * Without a line in the ledger nothing is served, so the ledger must be able to write when everything else has filled
 * the disk. DATA/reserve is a file of blocks that are set aside and never read; it gives them up piece by piece when
 * journal or ledger meet a full disk, and takes them back when there is room. What is left of it is kept for the next
 * start, so that a server always comes up and objects can be deleted. All other writers ask first (disk_admit) and are
 * refused while less is free than the reserve and a margin; files of cached prefixes go before that happens.
 *
 * A thread of the module's own looks at the disk twice a second and sets the conditions "disk" (nearly full: a note;
 * no room for the ledger: down) and "data" (the directory was removed or replaced: down).
 *
 * One data directory per process, opened before the threads start that use it. Before disk_open, as in tools and
 * tests, everything is admitted and there is no reserve. Any thread. */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define DISK_PREFIX_DIR "kv" /* in the data directory: files that may go at any time */

/* Makes the reserve, as far as there is room for it. On a full disk some of it is given up for the start. The caller
 * holds the lock of the data directory. */
enum error_code disk_open(const char *data, struct error *error) WARN_UNUSED;
void disk_started(void); /* the start is over: its share of the reserve is kept for the next one again */
void disk_close(void);   /* after all others that use it; without disk_open: nothing */

/* ERROR_UNAVAILABLE, with a message for who asked: the directory is gone, or `bytes` more would leave too little. */
enum error_code disk_admit(uint64_t bytes, struct error *error) WARN_UNUSED;

/* ERROR_UNAVAILABLE: the data directory is not where it was. */
enum error_code disk_check(struct error *error) WARN_UNUSED;

/* For journal and ledger, when the disk took no more. True: there may be room now, try again. */
bool disk_release(void);
void disk_refused(void);  /* ... and it was in vain: requests are refused */
bool disk_is_short(void); /* the reserve is in use, or others are refused: write no more than necessary */

/* For files of prefixes, also in another process: whether `bytes` more leave room for everybody else on the disk of
 * the open directory `dir`. */
bool disk_spares(int dir, uint64_t bytes);

struct disk_figures {
    uint64_t free_bytes, reserve_bytes, reserve_wanted_bytes;
};
bool disk_figures(struct disk_figures *figures); /* false: not open */

#endif
