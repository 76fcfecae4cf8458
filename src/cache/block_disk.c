/* block_disk.c - the queue of the disk thread, and the thread. See block_store_internal.h. */
#include "cache/block_store_internal.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"
#include "store/disk.h"

/* --- the queue; all under the mutex ---------------------------------------------------------------------- */

void block_queue_clear(struct block_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_push(struct block_queue *queue, struct block *block)
{
    block->next = NULL;
    *queue->last = block;
    queue->last = &block->next;
}

static struct block *queue_pop(struct block_queue *queue)
{
    struct block *block = queue->first;
    must(block != NULL && block->is_queued, "what is popped was queued");
    queue->first = block->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    return block;
}

void block_enqueue(struct block_store *store, struct block *block)
{
    if (block->is_queued || block->work != WORK_NONE)
        return;
    block->is_queued = true;
    queue_push(block->wants_read ? &store->reads : &store->others, block);
    pthread_cond_signal(&store->wake);
}

void block_set_wants_write(struct block_store *store, struct block *block, bool wants)
{
    if (block->wants_write == wants)
        return;
    block->wants_write = wants;
    store->queued_bytes += wants ? block->len : -(uint64_t)block->len;
}

void block_settle(struct block_store *store, struct block *block)
{
    if (block->is_queued || block->work != WORK_NONE)
        return;
    if (block->wants_write || block->wants_read || block->wants_renewal || block->wants_removal) {
        block_enqueue(store, block);
    } else if (block->is_dropped && block->fetches == 0) {
        must(!block->is_copy && !block->is_in_memory, "what is freed is in no list and no tier",
             LOG_I("len", block->len));
        mem_free(block->image);
        mem_free(block);
    } else if (!block->is_in_memory && block->fetches == 0 && block->has_file) {
        mem_free(block->image);
        block->image = NULL;
    }
}

/* --- the disk thread ------------------------------------------------------------------------------------- */

static enum block_work next_work(struct block_store *store, struct block *block)
{
    enum block_work work = WORK_NONE;
    if (block->wants_read && block->image == NULL && block->has_file)
        work = WORK_READ;
    else if (block->wants_removal)
        work = WORK_REMOVE;
    else if (block->wants_write)
        work = WORK_WRITE;
    else if (block->wants_renewal && block->has_file)
        work = WORK_RENEW;
    block->wants_read = false;
    if (work == WORK_REMOVE)
        block->wants_removal = false;
    if (work == WORK_WRITE)
        block_set_wants_write(store, block, false);
    if (work == WORK_WRITE || work == WORK_RENEW || work == WORK_NONE)
        block->wants_renewal = false;
    return work;
}

static void pause_writing(struct block_store *store, const struct error *error)
{
    store->paused_until_us = clock_now_us() + BLOCK_PAUSE_US;
    log_event(LOG_WARN, "cache_disk_paused", LOG_C("error", error->message),
              LOG_I("seconds", BLOCK_PAUSE_US / 1000000));
}

bool block_store_is_paused(const struct block_store *store)
{
    return store->paused_until_us > clock_now_us();
}

void block_disk_work(const struct block_store *store, struct block *block, enum block_work work,
                    const struct block_lease *lease, struct block_outcome *outcome)
{
    switch (work) {
    case WORK_NONE:
        break;
    case WORK_REMOVE:
        block_file_remove(store->dir, block->key);
        break;
    case WORK_WRITE:
        outcome->code = disk_spares(store->dir, block->len)
                            ? block_file_write(store->dir, block->key, block->image, block->len, &outcome->error)
                            : error_set(&outcome->error, ERROR_UNAVAILABLE, "what is free on the disk is for others");
        if (outcome->code == OK) /* the image has the lease of its making */
            outcome->code = block_file_renew(store->dir, block->key, lease, &outcome->error);
        break;
    case WORK_RENEW:
        outcome->code = block_file_renew(store->dir, block->key, lease, &outcome->error);
        break;
    case WORK_READ:
        outcome->image = mem_alloc(block->len);
        outcome->code = outcome->image == NULL
                            ? error_no_memory(&outcome->error)
                            : block_file_read(store->dir, block->key, outcome->image, block->len, &outcome->error);
        break;
    }
}

/* What can't be opened is gone, which is nobody's fault when it had to make room (store/disk.h); what is damaged
 * shall go. */
static void lose_file(struct block_store *store, struct block *block, const struct block_outcome *outcome)
{
    if (outcome->code == ERROR_NO_MEMORY)
        return;
    block->has_file = false;
    block->wants_removal = outcome->code == ERROR_INVALID;
    if (outcome->code == ERROR_NOT_FOUND)
        return;
    store->stats.damaged++;
    log_event(LOG_WARN, "cache_block_damaged", LOG_C("error", outcome->error.message));
}

void block_disk_take_read(struct block_store *store, struct block *block, struct block_outcome *outcome)
{
    if (outcome->code == OK) {
        block->image = outcome->image;
        store->stats.read++;
        return;
    }
    mem_free(outcome->image);
    lose_file(store, block, outcome);
}

static void take_outcome(struct block_store *store, struct block *block, enum block_work work,
                         struct block_outcome *outcome)
{
    switch (work) {
    case WORK_NONE:
    case WORK_REMOVE:
        break;
    case WORK_WRITE:
        block->has_file = outcome->code == OK;
        store->stats.written += outcome->code == OK;
        if (outcome->code != OK && !outcome->was_skipped)
            pause_writing(store, &outcome->error);
        if (outcome->code != OK && !block->is_in_memory) { /* it is nowhere now */
            mem_free(block->image);
            block->image = NULL;
        }
        break;
    case WORK_RENEW:
        if (outcome->code != OK)
            lose_file(store, block, outcome);
        break;
    case WORK_READ:
        block_disk_take_read(store, block, outcome);
        break;
    }
    /* Written after all when it was to go. At once: a new block of this key may be waiting behind. */
    const bool is_unwanted = block->is_dropped ? !block->keeps_file : block->is_in_memory && !block->is_copy;
    if (work == WORK_WRITE && block->has_file && is_unwanted) {
        block->has_file = false;
        block_file_remove(store->dir, block->key);
    }
}

void *block_disk_main(void *arg)
{
    struct block_store *store = arg;
    pthread_mutex_lock(&store->mutex);
    for (;;) {
        while (store->reads.first == NULL && store->others.first == NULL && !store->is_quitting)
            pthread_cond_wait(&store->wake, &store->mutex);
        if (store->reads.first == NULL && store->others.first == NULL)
            break;
        struct block *block = queue_pop(store->reads.first != NULL ? &store->reads : &store->others);
        struct block_outcome outcome = {.code = OK};
        const bool was_fetch = block->wants_read;
        const enum block_work work = next_work(store, block);
        const struct block_lease lease = block->lease;
        block->is_queued = false;
        block->work = work;
        if (work == WORK_WRITE && block_store_is_paused(store))
            outcome = (struct block_outcome){.code = ERROR_IO, .was_skipped = true};
        pthread_mutex_unlock(&store->mutex);
        if (!outcome.was_skipped)
            block_disk_work(store, block, work, &lease, &outcome);
        pthread_mutex_lock(&store->mutex);
        block->work = WORK_NONE;
        take_outcome(store, block, work, &outcome);
        block_settle(store, block);
        pthread_cond_broadcast(&store->done);
        if (was_fetch && store->options.on_progress != NULL) {
            pthread_mutex_unlock(&store->mutex);
            store->options.on_progress(store->options.ctx);
            pthread_mutex_lock(&store->mutex);
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}
