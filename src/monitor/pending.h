/* pending.h - samples that wait to be written: cells by series and minute, added up before the file is touched. The
 * strings of a series' key are copied. One thread at a time. */
#ifndef MONITOR_PENDING_H
#define MONITOR_PENDING_H

#include "monitor/series.h"

struct pending_cells {
    struct series_key key;
    uint64_t minute, hash;
    struct cell cells[KIND_METRICS_MAX];
};

struct pending {
    struct arena arena;
    struct pending_cells *items;
    size_t count, cap;
    uint32_t *slots; /* index + 1 by hash; a power of two, more than twice the items */
    size_t slot_count;
};

void pending_init(struct pending *pending);
void pending_deinit(struct pending *pending);
void pending_clear(struct pending *pending);

/* The cells of a series and minute, empty where they are new. NULL: no memory. */
struct cell *pending_at(struct pending *pending, const struct series_key *key, uint64_t minute);

/* Writes all into `db`, in the caller's transaction. Series that there is no room for are added to those that their
 * fields do not tell apart, so that sums stay whole; *lost counts those that there is no room for at all. */
enum error_code pending_write(struct pending *pending, struct series_db *db, uint64_t now_s, uint64_t *lost,
                              struct error *error) WARN_UNUSED;

#endif
