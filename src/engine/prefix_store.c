/* prefix_store.c - moves the states of prefixes between the model's cells and the blocks of the tree. What a request
 * may read and is to store is decided in prefix_plan.c; which blocks stay, in src/cache. See prefix_store.h.
 *
 * A block is the state of at most PREFIX_STORE_BLOCK tokens of a sequence, serialised by the model. The model gives and
 * takes whole sequences only, so a block goes through the scratch sequence, which is empty whenever no function here
 * runs:
 *
 *     to store    cells begin..end of the sequence are shared with scratch, scratch is serialised, scratch is cleared
 *     to restore  the image is read into scratch, its cells are shared with the sequence, scratch is cleared
 *
 * Sharing copies no state: the cells get one more owner. A restored block can be cut, since cells behind the end of a
 * read are just not shared; that is how a read may end inside a block. Where the state can't be cut (is_snapshot) a
 * block is all of a sequence, goes directly, and is usable at its very end only.
 *
 * The life of a use, between prefix_store_open and prefix_store_close:
 *
 *     readable   tokens that the tree promises. It only ever shrinks: when the disk does not give a block, when memory
 *                has no room for it, when an image is damaged. What it loses is computed as if it had never been there.
 *     restore    in pieces between steps, so that a long prefix does not hold up the replies beside it; next_block is
 *                the first that is not restored.
 *     save       after each piece of the prompt that was computed: claims whose end was passed are taken out of the
 *                sequence and committed. A claim that another request must commit first waits (tree_path.c).
 *
 * A damaged block stays in the tree: others may have it pinned, and its key is right. Whoever found it computes its
 * tokens anyway, so it puts a fresh image into the same block (repair) when it has passed there; till then each reader
 * finds the damage for itself, by the checksum.
 *
 * A model whose rows are independent gives the same bits cached or not, whatever is read. Serial mode is for others:
 * sums in a batch depend on its shape, so a prompt is always cut at the same places, multiples of PREFIX_STORE_PIECE
 * and marks, and a read must end at one of them: cut_before moves an end that was forced back to the last such place.
 *
 * The tree belongs to the model thread, which takes the lock for changes alone; a question of the front thread takes it
 * to read. So the model thread may read without, and never waits for more than one walk down a prompt. What the tree
 * calls back under the lock (drop, to_disk, to_memory) moves no bytes but in one case: a block that could not be read
 * ahead for want of memory is read from its file there.*/
#include "engine/prefix_store_internal.h"

#include "cache/block_scan.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"

#define NODES_MAX 200000u
#define GHOSTS_MAX 100000u
#define TENANTS_MAX 4096u
#define NEW_BELOW 16u /* tokens: a template's opening is common to all prompts */
#define HOUR_SECONDS 3600u

#define SCAN_FILES_MAX 100000u
#define SCAN_MOST_US 5000000u

/* --- payloads --------------------------------------------------------------------------------------- */

static struct block *block_of(uint64_t handle)
{
    return (struct block *)(uintptr_t)handle;
}

static enum error_code to_disk(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                               struct error *error)
{
    const struct prefix_store *store = ctx;
    (void)key;
    (void)bytes;
    return block_to_disk(store->blocks, block_of(*payload), error);
}

static enum error_code to_memory(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                                 struct error *error)
{
    const struct prefix_store *store = ctx;
    (void)key;
    (void)bytes;
    return block_to_memory(store->blocks, block_of(*payload), error);
}

static void drop_payload(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    const struct prefix_store *store = ctx;
    (void)place;
    (void)bytes;
    block_drop(store->blocks, block_of(payload));
}

/* The state of a sequence; NULL: no memory, or the model gave none. */
static struct block *take_state(struct prefix_store *store, uint32_t sequence, const struct block_facts *facts)
{
    struct model *model = store->options.model;
    const size_t size = model_state_size(model, sequence);
    struct block *block = size ? block_new(store->blocks, facts, size) : NULL;
    if (!block)
        return NULL;
    const size_t len = model_state_get(model, sequence, block_data(block), size);
    if (len == 0) {
        block_drop(store->blocks, block);
        return NULL;
    }
    block_seal(block, facts, len);
    return block;
}

static bool put_state(struct model *model, uint32_t sequence, const struct block *block)
{
    struct str payload;
    return block_payload(block, &payload) && model_state_set(model, sequence, payload.data, payload.len) != 0;
}

/* --- life ------------------------------------------------------------------------------------------- */

static uint64_t copy_bytes(const struct prefix_store_options *options)
{
    return options->memory_bytes < options->disk_bytes / 2 ? options->memory_bytes : options->disk_bytes / 2;
}

static enum error_code open_blocks(struct prefix_store *store, struct error *error)
{
    const struct prefix_store_options *options = &store->options;
    struct block_store_options blocks = {
        .root = options->disk_bytes > 0 ? options->disk_dir : NULL,
        .name = model_facts(options->model)->fingerprint,
        .copy_bytes = copy_bytes(options),
        .on_progress = options->on_progress,
        .ctx = options->ctx,
    };
    enum error_code code = block_store_new(&blocks, &store->blocks, error);
    if (code == OK || code == ERROR_NO_MEMORY)
        return code;
    log_event(LOG_WARN, "cache_disk_off", LOG_C("error", error->message));
    blocks.root = NULL;
    return block_store_new(&blocks, &store->blocks, error);
}

static void scan_disk(struct prefix_store *store, uint64_t disk_bytes)
{
    const struct model_facts *facts = model_facts(store->options.model);
    const struct block_scan_options options = {
        .store = store->blocks,
        .tree = store->tree,
        .fingerprint = str_of(facts->fingerprint),
        .format = str_of(facts->state_format),
        .template_version = STR(PREFIX_TEMPLATE_VERSION),
        .disk_bytes = disk_bytes,
        .files_max = SCAN_FILES_MAX,
        .most_us = SCAN_MOST_US,
    };
    struct block_scan_result result;
    block_scan(&options, &result);
    log_event(LOG_INFO, "cache_disk_scanned", LOG_I("files", result.found), LOG_I("kept", result.added),
              LOG_I("removed", result.removed), LOG_I("bytes", result.bytes), LOG_I("ms", result.us / 1000));
}

static enum error_code open_all(struct prefix_store *store, struct error *error)
{
    const enum error_code code = open_blocks(store, error);
    if (code != OK)
        return code;
    const bool has_disk = block_store_dir(store->blocks) >= 0;
    const struct prefix_options tree = {
        .backend = {.ctx = store, .to_disk = to_disk, .to_memory = to_memory, .drop = drop_payload},
        .policy = store->options.policy,
        .is_snapshot = store->is_snapshot,
        .block_tokens = PREFIX_STORE_BLOCK,
        .memory_bytes = store->options.memory_bytes,
        .disk_bytes = has_disk ? store->options.disk_bytes - copy_bytes(&store->options) : 0,
        .nodes_max = NODES_MAX,
        .ghosts_max = GHOSTS_MAX,
        .tenants_max = TENANTS_MAX,
        .new_below = NEW_BELOW,
    };
    if (prefix_tree_new(&tree, &store->tree, error) != OK)
        return error->code;
    if (has_disk)
        scan_disk(store, tree.disk_bytes);
    return OK;
}

enum error_code prefix_store_new(const struct prefix_store_options *options, struct prefix_store **store,
                                 struct error *error)
{
    struct prefix_store *s = mem_calloc(1, sizeof(*s));
    if (!s)
        return error_no_memory(error);
    s->options = *options;
    pthread_mutex_init(&s->mutex, NULL);
    s->scratch = model_facts(options->model)->scratch;
    s->is_snapshot = model_facts(options->model)->state_kind != MODEL_STATE_ATTENTION;
    const enum error_code code = open_all(s, error);
    if (code) {
        prefix_store_free(s);
        return code;
    }
    *store = s;
    return OK;
}

void prefix_store_free(struct prefix_store *store)
{
    if (!store)
        return;
    must(store->fetching_bytes == 0, "nobody reads ahead any more", LOG_I("bytes", store->fetching_bytes));
    if (store->blocks)
        block_store_end(store->blocks);
    prefix_tree_free(store->tree);
    block_store_free(store->blocks);
    pthread_mutex_destroy(&store->mutex);
    mem_free(store);
}

enum error_code prefix_store_set_tenant(struct prefix_store *store, struct str tenant, uint64_t floor_bytes,
                                        uint64_t ceiling_bytes, struct error *error)
{
    return prefix_tree_set_tenant(store->tree, tenant, floor_bytes, ceiling_bytes, error);
}

void prefix_store_stats(const struct prefix_store *store, struct prefix_stats *stats)
{
    prefix_tree_stats(store->tree, stats);
}

/* --- the tree, under its lock ----------------------------------------------------------------------- */

void tree_close(struct prefix_store *store, struct prefix_path *path)
{
    tree_lock(store);
    prefix_tree_close(store->tree, path);
    tree_unlock(store);
}

/* The job's checkpoints from `first` on, which it is to store. What can't be claimed is not stored, no more. */
static void claim_from(struct prefix_store *store, struct prefix_use *use, uint32_t first, uint64_t now_us)
{
    struct error error;
    const struct model_tokens *tokens = use->job->tokens;
    tree_lock(store);
    const enum error_code code =
        prefix_tree_claim(store->tree, use->path, tokens->items, (uint32_t)tokens->count, use->checkpoints + first,
                          use->checkpoint_count - first, now_us, &error);
    tree_unlock(store);
    if (code != OK)
        log_event(LOG_WARN, "cache_claim_failed", LOG_C("error", error.message));
}

static uint32_t load(struct prefix_store *store, struct prefix_path *path)
{
    tree_lock(store);
    const uint32_t readable = prefix_tree_load(store->tree, path);
    tree_unlock(store);
    return readable;
}

static bool commit(struct prefix_store *store, struct prefix_path *path, struct block *block)
{
    const uint64_t now_us = clock_now_us();
    tree_lock(store);
    const bool is_stored =
        prefix_tree_commit(store->tree, path, (uint64_t)(uintptr_t)block, block_bytes(block), now_us);
    tree_unlock(store);
    return is_stored;
}

/* --- reading ahead ---------------------------------------------------------------------------------- */

static void release_fetch(struct prefix_store *store, struct prefix_use *use)
{
    for (uint32_t i = 0; i < use->fetched_count; i++)
        block_unfetch(store->blocks, use->fetched[i]);
    must(store->fetching_bytes >= use->fetched_bytes, "bytes that are read ahead are counted once",
         LOG_I("all", store->fetching_bytes), LOG_I("own", use->fetched_bytes));
    store->fetching_bytes -= use->fetched_bytes;
    mem_free(use->fetched);
    use->fetched = NULL;
    use->fetched_count = 0;
    use->fetched_bytes = 0;
}

/* False: others read a quarter of memory already. One use alone may always read. Without
 * memory the blocks are read when it begins. */
static bool begin_fetch(struct prefix_store *store, struct prefix_use *use)
{
    const uint32_t count = prefix_path_count(use->path);
    uint64_t bytes = 0;
    uint32_t first = 0;
    while (first < count && prefix_path_block(use->path, first).place == CACHE_MEMORY)
        first++;
    for (uint32_t i = first; i < count; i++)
        bytes += prefix_path_block(use->path, i).bytes;
    if (bytes == 0)
        return true;
    if (store->fetching_bytes > 0 && store->fetching_bytes + bytes > store->options.memory_bytes / 4)
        return false;
    use->fetched = mem_calloc(count - first, sizeof(struct block *));
    if (!use->fetched)
        return true;
    use->fetched_bytes = bytes;
    store->fetching_bytes += bytes;
    for (uint32_t i = first; i < count; i++) {
        use->fetched[use->fetched_count] = block_of(prefix_path_block(use->path, i).payload);
        block_fetch(store->blocks, use->fetched[use->fetched_count++]);
    }
    return true;
}

bool prefix_store_is_ready(struct prefix_store *store, struct prefix_use *use)
{
    if (!use->path || use->readable == 0)
        return true;
    if (!use->fetched && !begin_fetch(store, use))
        return false;
    for (uint32_t i = 0; i < use->fetched_count; i++)
        if (block_is_fetching(store->blocks, use->fetched[i]))
            return false;
    return true;
}

/* --- beginning -------------------------------------------------------------------------------------- */

static struct block_lease lease_of(uint32_t ttl_s, uint64_t left_us)
{
    const uint64_t wall_us = clock_wall_us();
    return (struct block_lease){.used_us = wall_us, .expires_us = ttl_s > 0 ? wall_us + left_us : 0, .ttl_s = ttl_s};
}

/* What was read is worth a copy on disk, whoever stored it. */
static void use_blocks(struct prefix_store *store, const struct prefix_use *use, uint64_t now_us)
{
    const uint32_t count = prefix_path_count(use->path);
    for (uint32_t i = 0; i < count; i++) {
        const struct prefix_block block = prefix_path_block(use->path, i);
        const struct block_lease lease = lease_of(block.ttl_s, block.expires_us - now_us);
        block_use(store->blocks, block_of(block.payload), &lease, true);
    }
}

/* A snapshot behind what is restored can't be taken any more: the sequence never stands there. */
static uint32_t skip_passed(const struct prefix_store *store, const struct prefix_use *use)
{
    uint32_t first = 0;
    while (store->is_snapshot && first < use->checkpoint_count && use->checkpoints[first].position < use->readable)
        first++;
    return first;
}

/* Where the rest of a prompt may begin when less than was promised is there, at most at `end`. Serial: where a
 * cold prompt is cut, at a whole piece or a mark, so that the rest is computed in the same pieces. */
static uint32_t cut_before(const struct prefix_store *store, const struct prefix_use *use, uint32_t end)
{
    const struct prefix_job *job = use->job;
    if (!store->options.is_serial)
        return end;
    uint32_t cut = end - end % PREFIX_STORE_PIECE;
    for (size_t i = 0; job->request->cache == ENGINE_CACHE_EXPLICIT && i < job->mark_count; i++)
        if (job->marks[i].position <= end && job->marks[i].position > cut)
            cut = job->marks[i].position;
    return cut;
}

void prefix_store_begin(struct prefix_store *store, struct prefix_use *use)
{
    const uint64_t now_us = clock_now_us();
    if (!use->path)
        return;
    const uint32_t expected = use->readable;
    if (expected > 0)
        use->readable = load(store, use->path);
    if (use->readable < expected) { /* damaged on disk, or no room in memory */
        use->readable = cut_before(store, use, use->readable);
        prefix_use_miss(use, ENGINE_MISS_EVICTED, 0, 0);
    }
    release_fetch(store, use);
    tree_lock(store);
    prefix_tree_use(store->tree, use->path, now_us);
    tree_unlock(store);
    claim_from(store, use, skip_passed(store, use), now_us);
    use_blocks(store, use, now_us);
    use->figures.read_tokens = use->readable;
}

/* --- restoring -------------------------------------------------------------------------------------- */

bool prefix_store_can_share(const struct prefix_store *store)
{
    return store && !store->is_snapshot;
}

void prefix_store_share(struct prefix_store *store, struct prefix_use *use, uint32_t from, uint32_t sequence)
{
    must(from != sequence && use->next_block == 0, "cells are shared with a sequence that has none",
         LOG_I("from", from), LOG_I("to", sequence), LOG_I("next_block", use->next_block));
    model_seq_copy(store->options.model, from, sequence, 0, use->readable);
    use->next_block = prefix_path_count(use->path);
}

static bool restore_block(struct prefix_store *store, const struct prefix_block *block, uint32_t sequence)
{
    struct model *model = store->options.model;
    const uint32_t target = store->is_snapshot ? sequence : store->scratch;
    if (!put_state(model, target, block_of(block->payload))) {
        model_seq_clear(model, target);
        log_event(LOG_WARN, "cache_block_damaged", LOG_I("begin", block->begin), LOG_I("end", block->end));
        return false;
    }
    if (store->is_snapshot)
        return true;
    model_seq_copy(model, store->scratch, sequence, block->begin, block->used_end);
    model_seq_clear(model, store->scratch);
    return true;
}

uint32_t prefix_store_restore(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past,
                              uint32_t most)
{
    uint32_t end = past;
    const uint32_t count = use->path ? prefix_path_count(use->path) : 0;
    while (end < use->readable && end < past + most && use->next_block < count) {
        const struct prefix_block block = prefix_path_block(use->path, use->next_block);
        if (!restore_block(store, &block, sequence)) {
            use->readable = cut_before(store, use, end);
            use->is_damaged = true;
            prefix_use_miss(use, ENGINE_MISS_EVICTED, 0, 0); /* damaged is as good as gone */
            break;
        }
        end = block.used_end;
        use->next_block++;
    }
    if (use->next_block == count && end < use->readable)
        use->readable = end;
    if (end > use->readable) { /* the last block reaches beyond the place where the rest may begin */
        if (model_seq_cut(store->options.model, sequence, use->readable)) {
            end = use->readable;
        } else {
            model_seq_clear(store->options.model, sequence);
            end = use->readable = 0;
        }
    }
    must(end <= use->readable, "no more is restored than may be read", LOG_I("end", end),
         LOG_I("readable", use->readable), LOG_I("past", past));
    use->figures.read_tokens = use->readable;
    return end;
}

/* --- storing ---------------------------------------------------------------------------------------- */

/* Writes are counted when they are there: up to each checkpoint that now stands. */
static void count_writes(struct prefix_use *use, uint32_t end)
{
    struct engine_cache_use *figures = &use->figures;
    while (use->stored < use->checkpoint_count && use->checkpoints[use->stored].position <= end) {
        const struct prefix_checkpoint *checkpoint = &use->checkpoints[use->stored++];
        const uint32_t done = figures->read_tokens + figures->write_tokens;
        if (use->job->request->cache != ENGINE_CACHE_EXPLICIT || checkpoint->position <= done)
            continue;
        must(checkpoint->position <= use->job->tokens->count, "a checkpoint lies in its prompt",
             LOG_I("position", checkpoint->position), LOG_I("tokens", use->job->tokens->count));
        const uint32_t written = checkpoint->position - done;
        figures->write_tokens += written;
        if (checkpoint->ttl_s >= HOUR_SECONDS)
            figures->write_1h_tokens += written;
    }
}

static struct block *take_block(struct prefix_store *store, uint32_t sequence, const struct block_facts *facts)
{
    struct model *model = store->options.model;
    if (store->is_snapshot)
        return take_state(store, sequence, facts);
    model_seq_copy(model, sequence, store->scratch, facts->begin, facts->end);
    struct block *block = take_state(store, store->scratch, facts);
    model_seq_clear(model, store->scratch);
    return block;
}

static struct block_facts facts_of(const struct prefix_store *store, const struct prefix_use *use,
                                   const model_token *tokens, const struct prefix_block *block)
{
    return (struct block_facts){
        .key = block->key,
        .parent_key = block->parent_key,
        .scope = prefix_scope_of(store, use->job),
        .format = str_of(model_facts(store->options.model)->state_format),
        .begin = block->begin,
        .end = block->end,
        .tokens = tokens + block->begin,
        .lease = lease_of(block->ttl_s, (uint64_t)block->ttl_s * 1000000),
    };
}

/* Damaged blocks stay in the tree, where others may hold them: as they are
 * computed again, they and those behind them are overwritten. */
static void repair(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past)
{
    while (use->is_damaged && use->path && use->next_block < prefix_path_count(use->path)) {
        const struct prefix_block block = prefix_path_block(use->path, use->next_block);
        if (block.end > past || (store->is_snapshot && block.end < past))
            return;
        const struct block_facts facts = facts_of(store, use, use->job->tokens->items, &block);
        struct block *fresh = take_block(store, sequence, &facts);
        if (fresh)
            block_replace(store->blocks, block_of(block.payload), fresh);
        use->next_block++;
    }
}

static void save(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, const model_token *tokens,
                 uint32_t past)
{
    struct prefix_block claim;
    while (use->path && prefix_path_claim(store->tree, use->path, &claim) && claim.end <= past) {
        const struct block_facts facts = facts_of(store, use, tokens, &claim);
        struct block *block = take_block(store, sequence, &facts);
        if (!block) {
            log_event(LOG_WARN, "cache_state_failed", LOG_I("begin", claim.begin), LOG_I("end", claim.end));
            tree_close(store, use->path);
            use->path = NULL;
            return;
        }
        if (!commit(store, use->path, block))
            return;
        block_use(store->blocks, block, &facts.lease, claim.ttl_s > 0);
        count_writes(use, claim.end);
    }
}

/* Prompts that begin alike share their first blocks, and the first of them
 * stores these. If it gives up, another takes them over; if it is behind when
 * another's prompt is read, nobody waits for what comes after them. */
void prefix_store_save(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past)
{
    repair(store, use, sequence, past);
    if (use->path && prefix_path_is_orphan(use->path)) {
        prefix_store_yield(store, use);
        prefix_store_reclaim(store, use, past);
    }
    if (use->path)
        save(store, use, sequence, use->job->tokens->items, past);
    if (past == use->job->tokens->count)
        prefix_store_yield(store, use);
}

/* Serial prompts are cut wherever a later request may have read up to,
 * whether anything is stored this time or not: at all marks. */
static uint32_t next_mark(const struct prefix_job *job, uint32_t past)
{
    for (size_t i = 0; i < job->mark_count; i++)
        if (job->marks[i].position > past)
            return job->marks[i].position;
    return 0;
}

uint32_t prefix_store_stop(const struct prefix_store *store, const struct prefix_use *use, uint32_t past)
{
    uint32_t begin, end;
    if (!store || use->job->request->cache == ENGINE_CACHE_OFF)
        return 0;
    if (store->options.is_serial && use->job->request->cache == ENGINE_CACHE_EXPLICIT)
        return next_mark(use->job, past);
    if (!store->is_snapshot || !use->path)
        return 0;
    if (use->is_damaged && use->next_block < prefix_path_count(use->path)) {
        end = prefix_path_block(use->path, use->next_block).end;
        if (end > past)
            return end;
    }
    return prefix_path_next_claim(use->path, &begin, &end) ? end : 0;
}

static bool claim_whole(struct prefix_store *store, struct prefix_path *path, const model_token *tokens,
                        uint32_t count, const struct prefix_checkpoint *whole)
{
    struct error error;
    const uint64_t now_us = clock_now_us();
    tree_lock(store);
    const enum error_code code =
        prefix_tree_claim(store->tree, path, tokens, count, whole, 1, now_us, &error);
    tree_unlock(store);
    return code == OK;
}

void prefix_store_keep(struct prefix_store *store, struct prefix_use *use, uint32_t sequence,
                       const model_token *tokens, uint32_t count)
{
    const struct prefix_checkpoint whole = {.position = count - count % PREFIX_STORE_BLOCK};
    if (!use->path || use->job->request->cache != ENGINE_CACHE_IMPLICIT || store->is_snapshot ||
        store->options.is_serial || whole.position == 0)
        return;
    if (claim_whole(store, use->path, tokens, count, &whole))
        save(store, use, sequence, tokens, count);
}

void prefix_store_close(struct prefix_store *store, struct prefix_use *use)
{
    if (use->fetched)
        release_fetch(store, use);
    if (use->path)
        tree_close(store, use->path);
    mem_free(use->checkpoints);
    *use = (struct prefix_use){0};
}

/* --- preempted jobs --------------------------------------------------------------------------------- */

void prefix_store_yield(struct prefix_store *store, struct prefix_use *use)
{
    if (!store || !use->path)
        return;
    tree_lock(store);
    prefix_tree_yield(store->tree, use->path);
    tree_unlock(store);
}

void prefix_store_reclaim(struct prefix_store *store, struct prefix_use *use, uint32_t past)
{
    uint32_t first = 0;
    if (!store || !use->path)
        return;
    const uint32_t from = past > use->readable ? past : use->readable;
    while (store->is_snapshot && first < use->checkpoint_count && use->checkpoints[first].position <= from)
        first++;
    if (first < use->checkpoint_count)
        claim_from(store, use, first, clock_now_us());
}

uint32_t prefix_store_pin(struct prefix_store *store, const struct prefix_job *job, uint32_t past,
                          struct prefix_path **pin)
{
    struct prefix_hit hit;
    struct error error;
    *pin = NULL;
    if (!store || store->is_snapshot || job->request->cache == ENGINE_CACHE_OFF)
        return 0;
    const struct prefix_query query = {
        .scope = prefix_scope_of(store, job),
        .tokens = job->tokens->items,
        .count = past < job->tokens->count ? past : (uint32_t)job->tokens->count,
        .now_us = clock_now_us(),
    };
    tree_lock(store);
    const enum error_code code = prefix_tree_open(store->tree, &query, pin, &hit, &error);
    tree_unlock(store);
    if (code != OK)
        return 0;
    uint32_t pinned = 0;
    for (uint32_t i = 0; i < prefix_path_count(*pin); i++) {
        const struct prefix_block block = prefix_path_block(*pin, i);
        if (block.place != CACHE_MEMORY)
            break;
        pinned = block.used_end;
    }
    return pinned;
}

bool prefix_store_put_back(struct prefix_store *store, const struct prefix_path *pin, uint32_t pinned,
                           uint32_t sequence)
{
    for (uint32_t i = 0, end = 0; end < pinned; i++) {
        const struct prefix_block block = prefix_path_block(pin, i);
        if (!restore_block(store, &block, sequence))
            return false;
        end = block.used_end;
    }
    return true;
}

void prefix_store_unpin(struct prefix_store *store, struct prefix_path *pin)
{
    if (pin)
        tree_close(store, pin);
}
