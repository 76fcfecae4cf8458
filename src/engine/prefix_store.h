/* prefix_store.h - the model's state of prompt prefixes, kept in host memory and on disk.
 *
 * Joins the prefix tree (src/cache), which knows what is stored, and the model,
 * which makes and takes states. A block is read out of a running sequence
 * through a scratch sequence and put back the same way; a state that can't be
 * cut is kept whole. Every payload carries a checksum (XXH3): a damaged one is
 * a miss, the tokens are computed and stored again.
 *
 * Where another running sequence of the same scope still has the prefix in its
 * cells, these are shared and nothing is copied.
 *
 * On disk (src/cache/block_store.h) go blocks that memory has no room for, and
 * copies of those worth finding after this process was killed: blocks up to a
 * declared checkpoint when they are stored, any other when it is used again.
 * Copies take as much of the disk as memory has, half of it at most. A new
 * store finds what an earlier one left.
 *
 * The disk is never waited for with a running reply: prefix_store_is_ready
 * begins to read a job's blocks on the disk thread, and the job is admitted
 * when they are in memory. From there on they are restored as any others.
 *
 * Everything on the model thread, but for prefix_store_warmth and prefix_store_list. */
#ifndef ENGINE_PREFIX_STORE_H
#define ENGINE_PREFIX_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/block_store.h"
#include "cache/tree.h"
#include "core/error.h"
#include "engine/engine.h"
#include "engine/model.h"

#define PREFIX_STORE_BLOCK 64u /* tokens */
#define PREFIX_STORE_PIECE 256u /* in serial mode prompts are computed in pieces up to multiples of it */

struct prefix_store;

struct prefix_store_options {
    struct model *model;
    enum cache_policy_kind policy;
    uint64_t memory_bytes;
    const char *disk_dir; /* of all models' stores; NULL: memory only */
    uint64_t disk_bytes;
    void (*on_progress)(void *ctx); /* disk thread: ask prefix_store_is_ready again */
    void *ctx;
    bool is_serial; /* scheduler.h: reads end where a cold prompt would be cut, too */
};

/* A disk that can't be used is logged, no more. */
enum error_code prefix_store_new(const struct prefix_store_options *options, struct prefix_store **store,
                                 struct error *error) WARN_UNUSED;
void prefix_store_free(struct prefix_store *store);

/* A tenant's share: bytes in memory that others can't push it below, and bytes
 * that it can't exceed (0: none). */
enum error_code prefix_store_set_tenant(struct prefix_store *store, struct str tenant, uint64_t floor_bytes,
                                        uint64_t ceiling_bytes, struct error *error) WARN_UNUSED;

/* A checkpoint of a prompt, or (ttl_seconds 0) the end of a content block, which
 * an earlier checkpoint may have been at. */
struct prefix_mark {
    uint32_t position; /* tokens before it */
    uint32_t ttl_seconds;
};

/* What a job asks of the store. Lives as long as its use. */
struct prefix_job {
    const struct engine_request *request; /* cache mode, minimum, tenant and salt */
    const struct model_tokens *tokens;    /* the prompt */
    const struct prefix_mark *marks;      /* ascending */
    size_t mark_count;
};

/* A job's hold on the store. Zero is none. */
struct prefix_use {
    const struct prefix_job *job;
    struct prefix_path *path;
    struct prefix_checkpoint *checkpoints; /* to be stored, ascending */
    uint32_t checkpoint_count, stored;     /* of them, stored by this job or before */
    uint32_t readable;                     /* tokens that can be restored */
    uint32_t next_block;                   /* of the path, to restore; or to store anew */
    bool is_damaged;                       /* next_block and those behind it are not to be read */
    struct block **fetched;                /* read ahead from disk */
    uint32_t fetched_count;
    uint64_t fetched_bytes;
    struct engine_cache_use figures;
};

/* Looks the prompt up. With *is_pending another job is computing more of it than
 * is stored: the waiter is registered and woken once, then open again; *use is
 * then empty. Without memory, and where caching is off, the use does nothing. */
void prefix_store_open(struct prefix_store *store, const struct prefix_job *job, struct prefix_waiter *waiter,
                       struct prefix_use *use, bool *is_pending);
/* Any thread: what an open would find now. Nothing changes by it, nobody waits but for a change of the tree that is
 * going on. The store may be NULL: nothing is warm. */
void prefix_store_warmth(struct prefix_store *store, const struct prefix_job *job, struct engine_warmth *warmth);
/* Any thread, likewise: what is stored, the largest first, into `prefixes`, which prefixes_free frees. */
struct prefixes {
    struct prefix_kept *kept;
    struct prefix_share *shares;
    uint32_t kept_count, share_count;
    bool is_partial;
};
bool prefix_store_list(struct prefix_store *store, struct str tenant, uint32_t most, struct prefixes *prefixes);
void prefixes_free(struct prefixes *prefixes);
void prefix_store_unwait(struct prefix_store *store, struct prefix_waiter *waiter);

/* False: blocks on disk are being read for this use, or will be when others
 * have got theirs; ask again after on_progress, or close it. */
bool prefix_store_is_ready(struct prefix_store *store, struct prefix_use *use);

/* The job starts on `sequence`, which is empty. Claims what it will store. */
void prefix_store_begin(struct prefix_store *store, struct prefix_use *use);

/* Whether states can be cut, so that sequences can share cells. */
bool prefix_store_can_share(const struct prefix_store *store);
/* All readable tokens are in the cells of `from`: shares them. */
void prefix_store_share(struct prefix_store *store, struct prefix_use *use, uint32_t from, uint32_t sequence);

/* Restores blocks until `most` tokens or more are there; returns the tokens now
 * in the sequence. What can't be restored is cut off use->readable; serial
 * stores go back to where a cold prompt is cut, which may be before `past`. */
uint32_t prefix_store_restore(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past,
                              uint32_t most);

/* The sequence holds `past` tokens of the prompt: stores what is complete. */
void prefix_store_save(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past);

/* Prompt position at which the present piece of the prompt must end, above `past`; 0: none. */
uint32_t prefix_store_stop(const struct prefix_store *store, const struct prefix_use *use, uint32_t past);

/* Implicit caching keeps replies as well: `tokens` is the prompt and what followed
 * it. Not in serial mode: a reply's tokens were computed one by one, a
 * cold prompt computes them in pieces. */
void prefix_store_keep(struct prefix_store *store, struct prefix_use *use, uint32_t sequence,
                       const model_token *tokens, uint32_t count);

void prefix_store_close(struct prefix_store *store, struct prefix_use *use);

/* --- preempted jobs: the store may be NULL ------------------------------------------------------------ */

/* The job stands still: others may compute what it was to store. */
void prefix_store_yield(struct prefix_store *store, struct prefix_use *use);
/* It goes on, with `past` tokens in its sequence. */
void prefix_store_reclaim(struct prefix_store *store, struct prefix_use *use, uint32_t past);

/* The tokens of the prompt, at most `past`, that memory has; they stay there until
 * *pin is given up. States that can't be cut are never pinned: 0. */
uint32_t prefix_store_pin(struct prefix_store *store, const struct prefix_job *job, uint32_t past,
                          struct prefix_path **pin);
/* Restores them into an empty sequence. False: a block was damaged. */
bool prefix_store_put_back(struct prefix_store *store, const struct prefix_path *pin, uint32_t pinned,
                           uint32_t sequence);
void prefix_store_unpin(struct prefix_store *store, struct prefix_path *pin); /* NULL is legal */

void prefix_store_stats(const struct prefix_store *store, struct prefix_stats *stats);

#endif
