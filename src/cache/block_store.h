/* block_store.h - the payloads of the prefix tree: images in memory, files on disk.
 *
 * A block is in memory, on disk, or in memory with a copy on disk. The tree
 * decides which of the two tiers it is in; copies are the store's own affair:
 * they are what a new process finds after this one was killed, they make a
 * later move to disk free, and they have a budget of their own (copy_bytes),
 * the oldest goes first.
 *
 * Writing happens behind the caller, on the disk thread, one block after
 * another. The image stays readable until its file is in place. At most
 * BLOCK_QUEUE_BYTES wait for it; past that, and while the disk refuses, a move
 * to disk fails and the tree drops the block instead. Reading ahead
 * (block_fetch) happens on the same thread, before everything that waits to be
 * written; block_to_memory reads at once whatever was not fetched.
 *
 * A write that fails turns the tier off for BLOCK_PAUSE_US, with one line in
 * the log: no blocks go to disk, those that are there can still be read. A
 * file that can't be read or is damaged is removed. No failure here is more
 * than a miss.
 *
 * All functions belong to one thread, the model thread, which also owns every
 * struct block; on_progress is called on the disk thread. */
#ifndef CACHE_BLOCK_STORE_H
#define CACHE_BLOCK_STORE_H

#include "cache/block_file.h"

#define BLOCK_QUEUE_BYTES (UINT64_C(64) << 20)
#define BLOCK_PAUSE_US 30000000u

struct block; /* a payload handle is a pointer to one */
struct block_store;

struct block_store_options {
    const char *root;    /* directory of all stores, made if it is missing; NULL: memory only */
    const char *name;    /* of ours below it, for one process at a time */
    uint64_t copy_bytes; /* of files whose blocks are in memory, too */
    void (*on_progress)(void *ctx); /* a block was fetched, or can't be */
    void *ctx;
};

/* Fails when the directory can't be written or another process holds it for
 * longer than a dying one could (2 s); without one for memory only. */
enum error_code block_store_new(const struct block_store_options *options, struct block_store **store,
                                struct error *error) WARN_UNUSED;
/* Writes what is queued; files stay. All blocks are dropped (block_store_end). */
void block_store_free(struct block_store *store);
/* From here on block_drop leaves files where they are, for the next process. */
void block_store_end(struct block_store *store);

int block_store_dir(const struct block_store *store); /* descriptor, borrowed; -1: memory only */

/* A new block in memory with room for a payload; NULL: no memory, or the head is too long. */
struct block *block_new(struct block_store *store, const struct block_facts *facts, size_t payload_cap);
uint8_t *block_data(struct block *block); /* where the payload goes, until it is sealed */
void block_seal(struct block *block, const struct block_facts *facts, size_t payload_len); /* the same facts */

/* A block whose file was found; NULL: no memory. */
struct block *block_of_file(struct block_store *store, const struct block_facts *facts, uint64_t file_len);

/* Puts a fresh image of the same block in the place of a damaged one; takes `fresh`. */
void block_replace(struct block_store *store, struct block *block, struct block *fresh);

uint64_t block_bytes(const struct block *block);
/* The payload of a block in memory; false: it is damaged. */
bool block_payload(const struct block *block, struct str *payload);
void block_drop(struct block_store *store, struct block *block); /* file and copy go, too. NULL is legal */

/* Moves, for the tree's backend. */
enum error_code block_to_disk(struct block_store *store, struct block *block, struct error *error) WARN_UNUSED;
enum error_code block_to_memory(struct block_store *store, struct block *block, struct error *error) WARN_UNUSED;

/* The block was used. `wants_copy`: worth finding after a restart. The lease of
 * its file, if there is one, follows. */
void block_use(struct block_store *store, struct block *block, const struct block_lease *lease, bool wants_copy);

/* Reading ahead. Each fetch is paired with one unfetch, which may come after the
 * block was dropped: it is freed then. */
void block_fetch(struct block_store *store, struct block *block);
bool block_is_fetching(struct block_store *store, const struct block *block);
void block_unfetch(struct block_store *store, struct block *block);

/* Removes the files of a store that nobody has open; one that somebody has stays as it is. Blocks: any thread that may
 * wait for the disk. */
void block_store_forget(const char *root, const char *name);

struct block_store_stats {
    uint64_t copies, copy_bytes;               /* now */
    uint64_t written, read, damaged, refused;  /* blocks, since the beginning; refused: moves */
};
void block_store_stats(struct block_store *store, struct block_store_stats *stats);

#endif
