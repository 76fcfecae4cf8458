/* block_store.c - see block_store.h. */
#include "cache/block_store_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"

#define LOCK_FILE "lock"
#define LOCK_TRIES 100u
#define LOCK_PAUSE_US 20000u

/* --- life ------------------------------------------------------------------------------------------------ */

/* Prompts are in there: for nobody else's eyes. */
static enum error_code open_dir(struct block_store *s, struct error *error)
{
    char path[4096];
    const int len = snprintf(path, sizeof(path), "%s/%s", s->options.root, s->options.name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "the path of the cache's directory is too long");
    if ((mkdir(s->options.root, 0700) != 0 && errno != EEXIST) || (mkdir(path, 0700) != 0 && errno != EEXIST))
        return error_set_errno(error, ERROR_IO, errno, "cannot make the cache's directory %s", path);
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->lock = s->dir >= 0 ? openat(s->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (s->lock < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot use the cache's directory %s", path);
    for (uint32_t i = 0; i < LOCK_TRIES; i++) {
        if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
            return OK;
        usleep(LOCK_PAUSE_US);
    }
    return error_set(error, ERROR_CONFLICT, "another process uses the cache's directory %s", path);
}

enum error_code block_store_new(const struct block_store_options *options, struct block_store **store,
                                struct error *error)
{
    struct block_store *s = mem_calloc(1, sizeof(*s));
    if (s == NULL)
        return error_no_memory(error);
    s->options = *options;
    s->dir = s->lock = -1;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->done, NULL);
    block_queue_clear(&s->reads);
    block_queue_clear(&s->others);
    *store = s;
    if (options->root == NULL)
        return OK;
    enum error_code code = open_dir(s, error);
    if (code == OK && pthread_create(&s->thread, NULL, block_disk_main, s) != 0)
        code = error_set(error, ERROR_IO, "no more threads for the cache's disk");
    s->has_thread = code == OK;
    if (code != OK) {
        block_store_free(s);
        *store = NULL;
    }
    return code;
}

void block_store_end(struct block_store *store)
{
    store->is_ending = true;
}

void block_store_free(struct block_store *store)
{
    if (store == NULL)
        return;
    if (store->has_thread) {
        pthread_mutex_lock(&store->mutex);
        store->is_quitting = true;
        pthread_cond_signal(&store->wake);
        pthread_mutex_unlock(&store->mutex);
        pthread_join(store->thread, NULL);
    }
    if (store->dir >= 0)
        close(store->dir);
    if (store->lock >= 0)
        close(store->lock);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->wake);
    pthread_cond_destroy(&store->done);
    mem_free(store);
}

int block_store_dir(const struct block_store *store)
{
    return store->dir;
}

/* The lock file and the folder stay: whoever opens the store next may wait for the lock already. */
void block_store_forget(const char *root, const char *name)
{
    char path[4096];
    const int len = snprintf(path, sizeof(path), "%s/%s", root, name);
    const int fd = len > 0 && (size_t)len < sizeof(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int lock = fd >= 0 ? openat(fd, LOCK_FILE, O_RDWR | O_CLOEXEC) : -1;
    DIR *dir = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, LOCK_FILE) != 0)
            (void)unlinkat(fd, entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    else if (fd >= 0)
        close(fd);
    if (lock >= 0)
        close(lock);
}

void block_store_stats(struct block_store *store, struct block_store_stats *stats)
{
    pthread_mutex_lock(&store->mutex);
    *stats = store->stats;
    pthread_mutex_unlock(&store->mutex);
}

/* --- copies; under the mutex ------------------------------------------------------------------------------ */

static void leave_copies(struct block_store *store, struct block *block)
{
    if (!block->is_copy)
        return;
    must(store->stats.copies > 0 && store->stats.copy_bytes >= block->len, "copies are counted once",
         LOG_I("copies", store->stats.copies), LOG_I("bytes", store->stats.copy_bytes), LOG_I("len", block->len));
    block->is_copy = false;
    *(block->older != NULL ? &block->older->newer : &store->oldest) = block->newer;
    *(block->newer != NULL ? &block->newer->older : &store->newest) = block->older;
    block->older = block->newer = NULL;
    store->stats.copies--;
    store->stats.copy_bytes -= block->len;
}

static void drop_file(struct block_store *store, struct block *block)
{
    block_set_wants_write(store, block, false);
    if (block->has_file) {
        block->has_file = false;
        block->wants_removal = true;
        block_enqueue(store, block);
    }
}

/* The block has a file, or will have one. Older copies make room. */
static void join_copies(struct block_store *store, struct block *block)
{
    leave_copies(store, block);
    if (block->len > store->options.copy_bytes) {
        drop_file(store, block);
        return;
    }
    while (store->stats.copy_bytes > store->options.copy_bytes - block->len) {
        struct block *oldest = store->oldest;
        leave_copies(store, oldest);
        drop_file(store, oldest);
    }
    block->is_copy = true;
    block->older = store->newest;
    *(store->newest != NULL ? &store->newest->newer : &store->oldest) = block;
    store->newest = block;
    store->stats.copies++;
    store->stats.copy_bytes += block->len;
}

/* --- blocks ---------------------------------------------------------------------------------------------- */

struct block *block_new(struct block_store *store, const struct block_facts *facts, size_t payload_cap)
{
    (void)store;
    const size_t head_len = block_head_len(facts);
    struct block *block = head_len > 0 ? mem_calloc(1, sizeof(*block)) : NULL;
    if (block == NULL)
        return NULL;
    block->len = head_len; /* until it is sealed: where the payload begins */
    block->image = mem_alloc(head_len + payload_cap);
    block->is_in_memory = true;
    memcpy(block->key, facts->key, PREFIX_KEY_LEN);
    if (block->image != NULL)
        return block;
    mem_free(block);
    return NULL;
}

uint8_t *block_data(struct block *block)
{
    return block->image + block->len;
}

void block_seal(struct block *block, const struct block_facts *facts, size_t payload_len)
{
    block_image_seal(block->image, facts, payload_len);
    block->lease = facts->lease;
    block->len += payload_len;
}

struct block *block_of_file(struct block_store *store, const struct block_facts *facts, uint64_t file_len)
{
    (void)store;
    struct block *block = mem_calloc(1, sizeof(*block));
    if (block == NULL)
        return NULL;
    memcpy(block->key, facts->key, PREFIX_KEY_LEN);
    block->len = file_len;
    block->lease = facts->lease;
    block->has_file = true;
    return block;
}

/* One that is being written stays damaged: its file will be, too, and be found out. */
void block_replace(struct block_store *store, struct block *block, struct block *fresh)
{
    pthread_mutex_lock(&store->mutex);
    if (block->image != NULL && block->work != WORK_WRITE && block->len == fresh->len) {
        uint8_t *damaged = block->image;
        block->image = fresh->image;
        fresh->image = damaged;
    }
    pthread_mutex_unlock(&store->mutex);
    block_drop(store, fresh);
}

uint64_t block_bytes(const struct block *block)
{
    return block->len;
}

bool block_payload(const struct block *block, struct str *payload)
{
    return block->image != NULL && block_image_payload_of_ours(block->image, block->len, payload);
}

void block_drop(struct block_store *store, struct block *block)
{
    if (block == NULL)
        return;
    pthread_mutex_lock(&store->mutex);
    must(!block->is_dropped, "a block is dropped once", LOG_I("fetches", block->fetches), LOG_I("len", block->len));
    leave_copies(store, block);
    block->is_dropped = true;
    block->keeps_file = store->is_ending;
    block->is_in_memory = false;
    block->wants_renewal = block->wants_renewal && block->keeps_file;
    if (!block->keeps_file)
        drop_file(store, block);
    block_settle(store, block);
    pthread_mutex_unlock(&store->mutex);
}

/* --- moves ----------------------------------------------------------------------------------------------- */

/* Has a file, or is about to: a removal that did not begin is called off. */
static bool has_file_to_be(struct block *block)
{
    if (block->wants_removal && block->work != WORK_REMOVE) {
        block->wants_removal = false;
        block->has_file = true;
    }
    return block->has_file || block->wants_write || block->work == WORK_WRITE;
}

static bool has_queue_room(const struct block_store *store, const struct block *block)
{
    return store->has_thread && !block_store_is_paused(store) &&
           (store->queued_bytes == 0 || store->queued_bytes + block->len <= BLOCK_QUEUE_BYTES);
}

enum error_code block_to_disk(struct block_store *store, struct block *block, struct error *error)
{
    enum error_code code = OK;
    pthread_mutex_lock(&store->mutex);
    if (!has_file_to_be(block)) {
        if (has_queue_room(store, block)) {
            block_set_wants_write(store, block, true);
        } else {
            store->stats.refused++;
            code = error_set(error, ERROR_UNAVAILABLE, "the cache's disk takes no more at present");
        }
    }
    if (code == OK) {
        leave_copies(store, block);
        block->is_in_memory = false;
        block_settle(store, block);
    }
    pthread_mutex_unlock(&store->mutex);
    return code;
}

/* Under the mutex, which is given up meanwhile. */
static enum error_code read_now(struct block_store *store, struct block *block, struct error *error)
{
    while (block->work != WORK_NONE)
        pthread_cond_wait(&store->done, &store->mutex);
    if (block->image != NULL)
        return OK;
    if (!block->has_file)
        return error_set(error, ERROR_NOT_FOUND, "the block is on disk no more");
    struct block_outcome outcome = {.code = OK};
    block->wants_read = false; /* or the disk thread would read it as well */
    pthread_mutex_unlock(&store->mutex);
    block_disk_work(store, block, WORK_READ, NULL, &outcome);
    pthread_mutex_lock(&store->mutex);
    block_disk_take_read(store, block, &outcome);
    if (outcome.code != OK)
        *error = outcome.error;
    return outcome.code;
}

enum error_code block_to_memory(struct block_store *store, struct block *block, struct error *error)
{
    pthread_mutex_lock(&store->mutex);
    const enum error_code code = block->image != NULL ? OK : read_now(store, block, error);
    if (code == OK) {
        block->is_in_memory = true;
        if (has_file_to_be(block))
            join_copies(store, block);
    }
    pthread_mutex_unlock(&store->mutex);
    return code;
}

/* --- uses ------------------------------------------------------------------------------------------------ */

/* A lease is written again when it has moved by an eighth of its time, or a
 * minute where it has none: nobody rewrites a file for each request. */
static bool is_lease_old(const struct block_lease *has, const struct block_lease *lease)
{
    const uint64_t step_us = lease->ttl_s > 0 ? (uint64_t)lease->ttl_s * 125000 : 60000000;
    return has->ttl_s != lease->ttl_s || lease->used_us > has->used_us + step_us;
}

void block_use(struct block_store *store, struct block *block, const struct block_lease *lease, bool wants_copy)
{
    if (!store->has_thread)
        return;
    pthread_mutex_lock(&store->mutex);
    const bool is_old = is_lease_old(&block->lease, lease);
    if (has_file_to_be(block)) {
        if (is_old) {
            block->lease = *lease;
            block->wants_renewal = true;
            block_enqueue(store, block);
        }
        if (block->is_in_memory)
            join_copies(store, block); /* the newest again */
    } else if (wants_copy && block->is_in_memory && block->len <= store->options.copy_bytes &&
               has_queue_room(store, block)) {
        block->lease = *lease;
        join_copies(store, block);
        block_set_wants_write(store, block, true);
        block_enqueue(store, block);
    }
    pthread_mutex_unlock(&store->mutex);
}

/* --- reading ahead --------------------------------------------------------------------------------------- */

void block_fetch(struct block_store *store, struct block *block)
{
    pthread_mutex_lock(&store->mutex);
    block->fetches++;
    if (block->image == NULL && block->has_file && block->work != WORK_READ) {
        block->wants_read = true;
        block_enqueue(store, block);
    }
    pthread_mutex_unlock(&store->mutex);
}

bool block_is_fetching(struct block_store *store, const struct block *block)
{
    pthread_mutex_lock(&store->mutex);
    const bool is_fetching = block->wants_read || block->work == WORK_READ;
    pthread_mutex_unlock(&store->mutex);
    return is_fetching;
}

void block_unfetch(struct block_store *store, struct block *block)
{
    pthread_mutex_lock(&store->mutex);
    must(block->fetches > 0, "each fetch is given up once", LOG_B("dropped", block->is_dropped));
    block->fetches--;
    block_settle(store, block);
    pthread_mutex_unlock(&store->mutex);
}
