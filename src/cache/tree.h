/* tree.h - the prefix tree: which prefixes of prompts have their state stored.
 *
 * One root per scope (tenant, model fingerprint, adapter, template version,
 * salt), under it prompts cut at multiples of block_tokens. A block is stored
 * once for all prompts that begin with it; a declared checkpoint inside a block
 * adds a shorter, last block beside the whole one. Lookups compare tokens. Each
 * block also has a key, a SHA-256 over its parent's key and its tokens, the
 * first key over the scope's fields: it names the payload, so equal tokens of
 * two tenants never meet, in a file name either.
 *
 * The tree knows payloads as opaque handles with a size in bytes. The backend
 * moves them between memory and disk and drops them; budgets, eviction
 * (policy.h), times to live, floors and ceilings of tenants are the tree's.
 * Only leaves of a tier are evicted from it, so what is stored of a prompt is
 * always a prefix, in memory a prefix of that. Blocks that were evicted or have
 * expired stay as ghosts without payload: they say why a request missed, and
 * teach the policy.
 *
 * Snapshots (is_snapshot): for models whose state can't be cut (recurrent,
 * hybrid, sliding window) a payload is the whole state at a declared
 * checkpoint and usable at exactly that position. Each stands alone, so any may
 * go. The blocks between are kept without payload, to find it.
 *
 * A request:
 *
 *   prefix_tree_open     longest stored prefix, pinned;  if another request computes more of it:
 *   prefix_tree_wait       ... close, wait to be woken, open again
 *   prefix_tree_load     blocks on disk come to memory
 *   prefix_path_block    payloads to restore
 *   prefix_tree_use      it was admitted: times to live begin anew (and again when it is closed), the policy learns
 *   prefix_tree_claim    what it will store: others now wait instead of computing the same
 *   prefix_tree_commit   once per claimed block, in order, as the prompt is read
 *   prefix_tree_close    unpins; what was claimed and not committed is free for others
 *
 * Time is passed in, in microseconds of a clock that never runs backwards. Every
 * operation takes time by the length of the prompt and the logarithm of the
 * number of blocks. Nothing fails half: without memory the tree is as before.
 * One thread; callbacks must not call the tree. prefix_tree_peek, _list and _shares
 * read only: they may run on another thread while no function that changes the tree does. */
#ifndef CACHE_TREE_H
#define CACHE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/policy.h"
#include "core/error.h"
#include "core/str.h"

#define PREFIX_KEY_LEN 32
#define PREFIX_BLOCK_TOKENS_MAX 4096u

struct prefix_tree;
struct prefix_path;
struct prefix_node;

/* Payloads. A move replaces *payload; when it fails the old one stays valid and
 * the tree drops it. Writing may go on behind the call, reading may not. */
struct prefix_backend {
    void *ctx;
    enum error_code (*to_disk)(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                               struct error *error);
    enum error_code (*to_memory)(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                                 struct error *error);
    void (*drop)(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload);
};

struct prefix_options {
    struct prefix_backend backend;
    enum cache_policy_kind policy;
    bool is_snapshot;
    uint32_t block_tokens;  /* 1 .. PREFIX_BLOCK_TOKENS_MAX */
    uint64_t memory_bytes;  /* of payloads */
    uint64_t disk_bytes;    /* 0: no disk */
    uint32_t nodes_max;     /* blocks known, ghosts included; each about 300 bytes and 4 per token */
    uint32_t ghosts_max;    /* of them */
    uint32_t tenants_max;
    uint32_t new_below;     /* a prompt that shares fewer tokens with all before is a first use, not a change */
};

enum error_code prefix_tree_new(const struct prefix_options *options, struct prefix_tree **tree,
                                struct error *error) WARN_UNUSED;
void prefix_tree_free(struct prefix_tree *tree); /* no path is open; drops all payloads */

/* Bytes in memory that others can't push the tenant below (all floors together
 * fit into memory_bytes), and bytes in both tiers that it can't exceed (0: no
 * ceiling). Tenants not named here have neither. */
enum error_code prefix_tree_set_tenant(struct prefix_tree *tree, struct str tenant, uint64_t floor_bytes,
                                       uint64_t ceiling_bytes, struct error *error) WARN_UNUSED;

/* --- lookup ------------------------------------------------------------------------------------------- */

struct prefix_scope {
    struct str tenant, fingerprint, adapter, template_version, salt;
};

struct prefix_query {
    struct prefix_scope scope;
    const int32_t *tokens;
    uint32_t count; /* most tokens that may be read: one less than the prompt has */
    /* Where a read may end, ascending: declared checkpoints and the ends of the
     * content blocks to look back over. NULL: anywhere. */
    const uint32_t *positions;
    uint32_t position_count;
    uint64_t now_us;
};

enum prefix_miss {
    PREFIX_NO_MISS,   /* all that was asked for (the last position, else count) is stored */
    PREFIX_FIRST_USE, /* the rest was never seen */
    PREFIX_CHANGED,   /* seen prompts go on otherwise at changed_at */
    PREFIX_EXPIRED,   /* stored once; unused for age_s */
    PREFIX_EVICTED,
};

struct prefix_hit {
    uint32_t tokens;      /* longest stored prefix that ends where a read may */
    uint32_t disk_tokens; /* of them, in blocks on disk */
    enum prefix_miss miss;
    uint32_t changed_at; /* tokens, PREFIX_CHANGED */
    uint32_t age_s;      /* PREFIX_EXPIRED */
    uint32_t pending_tokens;     /* over `tokens`: what it will be when another request has computed it */
    struct prefix_node *pending; /* for prefix_tree_wait, until the tree next changes */
};

/* What prefix_tree_open would find; changes nothing, in the statistics of use neither. */
void prefix_tree_peek(const struct prefix_tree *tree, const struct prefix_query *query, struct prefix_hit *hit);

/* The path keeps its blocks where they are until it is closed. */
enum error_code prefix_tree_open(struct prefix_tree *tree, const struct prefix_query *query, struct prefix_path **path,
                                 struct prefix_hit *hit, struct error *error) WARN_UNUSED;

/* For a request that waits in a queue: its blocks go last, but they may go. */
enum error_code prefix_tree_want(struct prefix_tree *tree, const struct prefix_query *query, struct prefix_path **path,
                                 struct error *error) WARN_UNUSED;

/* Unpins. NULL is legal. */
void prefix_tree_close(struct prefix_tree *tree, struct prefix_path *path);

struct prefix_waiter {
    /* The block is there (is_ready), or nobody computes it any more: open
     * again. The waiter is out of the tree when this is called. */
    void (*wake)(struct prefix_waiter *waiter, bool is_ready);
    struct prefix_waiter *previous, *next; /* the tree's */
    struct prefix_node *node;
};
void prefix_tree_wait(struct prefix_tree *tree, const struct prefix_hit *hit, struct prefix_waiter *waiter);
void prefix_tree_unwait(struct prefix_tree *tree, struct prefix_waiter *waiter); /* legal once woken */

/* --- reading ------------------------------------------------------------------------------------------ */

/* Brings the blocks on disk to memory. Where that fails (disk error, all memory
 * in use) the hit becomes shorter. Returns the tokens that can be read; a tree
 * of snapshots gives all or 0. */
uint32_t prefix_tree_load(struct prefix_tree *tree, struct prefix_path *path);

struct prefix_block {
    uint64_t payload, bytes;
    const uint8_t *key, *parent_key; /* of the block above, or of the scope */
    uint32_t begin, end; /* tokens of the payload; begin is 0 for a snapshot */
    uint32_t used_end;   /* cut there after restoring: below `end` in the last block at most */
    enum cache_place place;
    uint32_t ttl_s;      /* 0: none */
    uint64_t expires_us; /* with a ttl_s */
};
uint32_t prefix_path_count(const struct prefix_path *path);
struct prefix_block prefix_path_block(const struct prefix_path *path, uint32_t index); /* from the front */

/* Once per request, before claims. */
void prefix_tree_use(struct prefix_tree *tree, struct prefix_path *path, uint64_t now_us);

/* --- storing ------------------------------------------------------------------------------------------ */

struct prefix_checkpoint {
    uint32_t position; /* store up to here, exactly */
    uint32_t ttl_s;    /* renewed by each use; 0: stays until evicted (implicit caching) */
};

/* Checkpoints ascend. `tokens` begins with the query's. Blocks that are stored
 * already get the longer time to live; those that another request is computing
 * stay that one's, and what is claimed behind them is due when they are there.
 * May be called again with more tokens (the reply's). At most
 * CACHE_TTL_CLASSES - 1 different times to live per tree. */
enum error_code prefix_tree_claim(struct prefix_tree *tree, struct prefix_path *path, const int32_t *tokens,
                                  uint32_t count, const struct prefix_checkpoint *checkpoints,
                                  uint32_t checkpoint_count, uint64_t now_us, struct error *error) WARN_UNUSED;

/* The next block to commit. False: none is left, or another request has not committed the one above it. */
bool prefix_path_next_claim(const struct prefix_path *path, uint32_t *begin, uint32_t *end);

/* Who computed a block above the next one has given it up: yield, and claim again, with that one. */
bool prefix_path_is_orphan(const struct prefix_path *path);

/* The next block in full, but for the payload. */
bool prefix_path_claim(const struct prefix_tree *tree, const struct prefix_path *path, struct prefix_block *block);

/* Takes the payload, whatever happens. False: there was no room (all in use, or
 * the tenant's ceiling), the payload is dropped and the other claims with it. */
bool prefix_tree_commit(struct prefix_tree *tree, struct prefix_path *path, uint64_t payload, uint64_t bytes,
                        uint64_t now_us);

/* The request stands still: others may compute what is left of its claims. It may claim again. */
void prefix_tree_yield(struct prefix_tree *tree, struct prefix_path *path);

/* --- from an earlier process -------------------------------------------------------------------------- */

struct prefix_found {
    struct prefix_scope scope;
    struct prefix_node *parent; /* the block above, as it was added; NULL: this is the first, or a snapshot */
    const int32_t *tokens;      /* of the block; of a snapshot all up to its end */
    uint32_t count;
    const uint8_t *key;         /* has to be what scope and tokens give */
    uint64_t payload, bytes;
    uint32_t ttl_s;
    uint64_t used_us, expires_us; /* expires_us with a ttl_s */
};

/* Adds a block that is on disk. Nothing is evicted for it. NULL: there is no
 * room, it is there already, or it is not what its key says; the payload then
 * stays the caller's. The node is valid until the tree is used otherwise. */
struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct prefix_found *found);
/* Then, once per added block and longest unused first: that is how old it is. */
void prefix_tree_age(struct prefix_tree *tree, struct prefix_node *node, const struct prefix_found *found);

/* --- time and figures --------------------------------------------------------------------------------- */

void prefix_tree_expire(struct prefix_tree *tree, uint64_t now_us); /* lookups do it, too */

struct prefix_stats {
    uint64_t bytes[CACHE_PLACES], tokens[CACHE_PLACES], blocks[CACHE_PLACES]; /* [CACHE_LOST]: ghosts */
    uint64_t nodes; /* all */
    uint64_t stored, evicted, expired, demoted, promoted, refused; /* blocks, since the beginning */
};
void prefix_tree_stats(const struct prefix_tree *tree, struct prefix_stats *stats);
uint64_t prefix_tree_tenant_bytes(const struct prefix_tree *tree, struct str tenant, enum cache_place place);

/* A piece of prompts: blocks of one tier, one below the other, each the only one below the one above. So a beginning
 * that prompts share is one piece, and what each goes on with another; pieces have no block in common. */
#define PREFIX_TENANT_MAX 128 /* longer names are cut */
#define PREFIX_NEVER UINT32_MAX
struct prefix_kept {
    char tenant[PREFIX_TENANT_MAX + 1];
    enum cache_place place;
    uint32_t tokens;     /* from the prompt's begin to the piece's end */
    uint32_t own_tokens; /* of the piece */
    uint64_t bytes;      /* likewise */
    uint32_t hits;       /* uses of it after the first */
    uint32_t expires_s, idle_s; /* expires_s PREFIX_NEVER: it has no time to live */
};
/* The `max` largest pieces, the largest first, of one tenant (data NULL: of all). Looks at PREFIX_LIST_LOOKS blocks at
 * most; *is_partial: there are others. Reads only, as prefix_tree_peek. */
#define PREFIX_LIST_LOOKS 16384u
uint32_t prefix_tree_list(const struct prefix_tree *tree, struct str tenant, uint64_t now_us, struct prefix_kept kept[],
                          uint32_t max, bool *is_partial);

/* Bytes in each tier, by tenant: of one, or (data NULL) of up to `max` of them. Reads only. */
struct prefix_share {
    char tenant[PREFIX_TENANT_MAX + 1];
    uint64_t bytes[CACHE_LOST];
};
uint32_t prefix_tree_shares(const struct prefix_tree *tree, struct str tenant, struct prefix_share shares[],
                            uint32_t max);

#endif
