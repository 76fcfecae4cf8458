/* prefix_store_internal.h - what the files of the prefix store share: prefix_plan.c decides what a job may read and
 * is to store, prefix_store.c moves the states. Everything on the model thread. */
#ifndef ENGINE_PREFIX_STORE_INTERNAL_H
#define ENGINE_PREFIX_STORE_INTERNAL_H

#include <pthread.h>

#include "engine/prefix_store.h"

#define PREFIX_TEMPLATE_VERSION "1" /* goes up when a template renders otherwise than before */

struct prefix_store {
    struct prefix_store_options options;
    /* Held by the model thread while a function of the tree changes it, by others while one reads it
     * (prefix_store_warmth); the model thread reads without. Never held over a state's copy, a file or a step. */
    pthread_mutex_t mutex;
    struct prefix_tree *tree;
    struct block_store *blocks;
    uint64_t fetching_bytes; /* of all uses, from their first prefix_store_is_ready until they begin */
    uint32_t scratch; /* the model's sequence */
    bool is_snapshot;
};

static inline void tree_lock(struct prefix_store *store)
{
    pthread_mutex_lock(&store->mutex);
}
static inline void tree_unlock(struct prefix_store *store)
{
    pthread_mutex_unlock(&store->mutex);
}
void tree_close(struct prefix_store *store, struct prefix_path *path); /* under the lock that it takes */

void prefix_use_miss(struct prefix_use *use, enum engine_miss reason, uint32_t value, uint32_t need);

/* Who may share the job's blocks. Points into store and job. */
struct prefix_scope prefix_scope_of(const struct prefix_store *store, const struct prefix_job *job);

#endif
