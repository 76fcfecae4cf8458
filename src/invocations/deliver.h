/* deliver.h - from a file of the spool to an object: compressed with gzip, put under its key. Blocks; the thread that
 * takes from the spool alone. */
#ifndef INVOCATIONS_DELIVER_H
#define INVOCATIONS_DELIVER_H

#include "invocations/spool.h"
#include "store/objects.h"

enum delivery {
    DELIVERED,
    DELIVERY_FAILED, /* the store or the disk did not take it, which may pass */
    DELIVERY_LOST,   /* nobody ever will: the file is damaged, its key breaks the rules, its destination is gone */
};

struct deliverer {
    struct spool *spool;
    struct objects *objects;
    struct settings_store *settings; /* a destination that nobody names any more need not come back */
};

/* *lines: of the content. The error says why where it was not delivered. */
enum delivery deliver(const struct deliverer *deliverer, const struct spool_file *file, uint64_t *lines,
                      struct error *error) WARN_UNUSED;

/* Puts an empty object where the settings' objects will go. */
enum objects_problem deliver_check(struct objects *objects, const struct settings *settings,
                                   struct error *error) WARN_UNUSED;

#endif
