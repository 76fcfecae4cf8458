/* block_store_internal.h - what the files of the block store share: block_store.c is the model thread's side,
 * block_disk.c the queue and the disk thread.
 *
 * One mutex guards what both threads touch of a block. The disk thread works on
 * one block at a time (`work` says at what) without the mutex; what the model
 * thread decides meanwhile is seen when the work is done. A block is in the
 * queue at most once and is freed by nobody while it is there or worked on. */
#ifndef CACHE_BLOCK_STORE_INTERNAL_H
#define CACHE_BLOCK_STORE_INTERNAL_H

#include <pthread.h>

#include "cache/block_store.h"

enum block_work { WORK_NONE, WORK_WRITE, WORK_READ, WORK_RENEW, WORK_REMOVE };

struct block {
    uint8_t key[PREFIX_KEY_LEN];
    size_t len;  /* of image and file */

    /* guarded by the mutex */
    uint8_t *image; /* NULL: on disk only */
    struct block_lease lease;
    bool is_in_memory;  /* the tier that the tree has put it in */
    bool has_file;
    bool is_dropped, keeps_file;
    bool wants_write, wants_read, wants_renewal, wants_removal; /* of the file */
    bool is_queued;
    enum block_work work;
    uint32_t fetches;
    struct block *next; /* in the queue */

    struct block *older, *newer; /* among the copies */
    bool is_copy;
};

struct block_queue {
    struct block *first, **last;
};

struct block_store {
    struct block_store_options options;
    int dir, lock;
    bool has_thread, is_ending;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t wake, done;
    struct block *oldest, *newest; /* copies */
    struct block_queue reads, others;
    uint64_t queued_bytes; /* of images that wait to be written */
    uint64_t paused_until_us;
    bool is_quitting;
    struct block_store_stats stats;
};

struct block_outcome {
    enum error_code code;
    uint8_t *image;   /* that was read */
    bool was_skipped; /* writing is paused */
    struct error error;
};

/* --- under the mutex ------------------------------------------------------------------------------------- */

void block_queue_clear(struct block_queue *queue);
/* Each block has its turn once; what it wants is looked at then. One that is
 * worked on goes in when that is done. */
void block_enqueue(struct block_store *store, struct block *block);
void block_set_wants_write(struct block_store *store, struct block *block, bool wants);
/* Frees what nobody needs: the block, or its image. */
void block_settle(struct block_store *store, struct block *block);
bool block_store_is_paused(const struct block_store *store); /* writing, after the disk has refused */
void block_disk_take_read(struct block_store *store, struct block *block, struct block_outcome *outcome);

/* --- without the mutex ----------------------------------------------------------------------------------- */

/* The block's key and length don't change, its image only here. */
void block_disk_work(const struct block_store *store, struct block *block, enum block_work work,
                     const struct block_lease *lease, struct block_outcome *outcome);
void *block_disk_main(void *store); /* the disk thread */

#endif
