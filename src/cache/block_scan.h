/* block_scan.h - what an earlier process left on disk becomes nodes of the tree.
 *
 * Reads the heads of all files of a store's directory, payloads when they are
 * asked for. What has expired, is damaged, is not of this model, format or
 * template version, has no way up to its prompt's begin, or does not fit is
 * removed; the last used stay. Bounded: `files_max` files and `most_us`
 * microseconds; files that were not reached then are removed as well, so that
 * none takes space that nobody counts.
 *
 * Once, before the tree is used, on the thread that owns both. */
#ifndef CACHE_BLOCK_SCAN_H
#define CACHE_BLOCK_SCAN_H

#include "cache/block_store.h"
#include "cache/tree.h"

struct block_scan_options {
    struct block_store *store;
    struct prefix_tree *tree;
    struct str fingerprint, format, template_version; /* of blocks that are of use */
    uint64_t disk_bytes;                              /* the tree's */
    uint32_t files_max;                               /* each takes about 1 KiB during the scan */
    uint64_t most_us;
};

struct block_scan_result {
    uint32_t found, added, removed; /* files */
    uint64_t bytes;                 /* of those added */
    uint64_t us;                    /* that it took */
};

void block_scan(const struct block_scan_options *options, struct block_scan_result *result);

#endif
