/* prefix_store.c - see prefix_store.h. */
#include "engine/prefix_store.h"

#include <string.h>
#include <xxhash.h>

#include "core/log.h"
#include "core/util.h"

#define NODES_MAX 200000u
#define GHOSTS_MAX 100000u
#define TENANTS_MAX 4096u
#define NEW_BELOW 16u /* tokens: a template's opening is common to all prompts */
#define LOOK_BACK 20u /* content blocks before a checkpoint where an earlier one may have been */
#define HOUR_SECONDS 3600u
#define DETERMINISTIC_BLOCK 256u /* as the scheduler cuts prompts then */
#define TEMPLATE_VERSION "1"     /* goes up when a template renders otherwise than before */

struct payload {
    size_t len;
    XXH64_hash_t checksum;
    char data[];
};

struct prefix_store {
    struct prefix_store_options options;
    struct prefix_tree *tree;
    uint32_t scratch; /* the model's sequence */
    bool is_snapshot;
};

/* --- payloads --------------------------------------------------------------------------------------- */

static struct payload *payload_of(uint64_t handle)
{
    return (struct payload *)(uintptr_t)handle;
}

static void drop_payload(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    (void)ctx;
    (void)place;
    (void)bytes;
    mem_free(payload_of(payload));
}

/* The state of a sequence; NULL: no memory, or the model gave none. */
static struct payload *take_state(struct model *model, uint32_t sequence)
{
    const size_t size = model_state_size(model, sequence);
    struct payload *payload = size ? mem_alloc(sizeof(*payload) + size) : NULL;
    if (!payload)
        return NULL;
    payload->len = model_state_get(model, sequence, payload->data, size);
    if (payload->len == 0) {
        mem_free(payload);
        return NULL;
    }
    payload->checksum = XXH3_64bits(payload->data, payload->len);
    return payload;
}

static bool put_state(struct model *model, uint32_t sequence, const struct prefix_block *block)
{
    const struct payload *payload = payload_of(block->payload);
    return payload->len == block->bytes - sizeof(*payload) &&
           XXH3_64bits(payload->data, payload->len) == payload->checksum &&
           model_state_set(model, sequence, payload->data, payload->len) != 0;
}

/* --- life ------------------------------------------------------------------------------------------- */

static enum error_code refuse_disk(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                                   struct error *error)
{
    (void)ctx;
    (void)key;
    (void)bytes;
    (void)payload;
    return error_set(error, ERROR_UNAVAILABLE, "there is no cache on disk");
}

enum error_code prefix_store_new(const struct prefix_store_options *options, struct prefix_store **store,
                                 struct error *error)
{
    struct prefix_store *s = mem_calloc(1, sizeof(*s));
    if (!s)
        return error_no_memory(error);
    s->options = *options;
    s->scratch = model_facts(options->model)->scratch;
    s->is_snapshot = model_facts(options->model)->state_kind != MODEL_STATE_ATTENTION;
    const struct prefix_options tree = {
        .backend = {.ctx = s, .to_disk = refuse_disk, .to_memory = refuse_disk, .drop = drop_payload},
        .policy = options->policy,
        .is_snapshot = s->is_snapshot,
        .block_tokens = PREFIX_STORE_BLOCK,
        .memory_bytes = options->memory_bytes,
        .nodes_max = NODES_MAX,
        .ghosts_max = GHOSTS_MAX,
        .tenants_max = TENANTS_MAX,
        .new_below = NEW_BELOW,
    };
    const enum error_code code = prefix_tree_new(&tree, &s->tree, error);
    if (code) {
        mem_free(s);
        return code;
    }
    *store = s;
    return OK;
}

void prefix_store_free(struct prefix_store *store)
{
    if (!store)
        return;
    prefix_tree_free(store->tree);
    mem_free(store);
}

void prefix_store_stats(const struct prefix_store *store, struct prefix_stats *stats)
{
    prefix_tree_stats(store->tree, stats);
}

/* --- what a job asks for ---------------------------------------------------------------------------- */

static void miss(struct prefix_use *use, enum engine_miss reason, uint32_t value, uint32_t need)
{
    use->figures.miss = reason;
    use->figures.miss_value = value;
    use->figures.miss_need = need;
}

/* The marks that are checkpoints of the least length. False: nothing to do. */
static bool pick_checkpoints(const struct prefix_job *job, struct prefix_use *use)
{
    const uint32_t least = job->request->cache_min_tokens;
    uint32_t longest = 0;
    for (size_t i = 0; i < job->mark_count; i++) {
        const struct prefix_mark *mark = &job->marks[i];
        if (mark->ttl_seconds == 0)
            continue;
        struct prefix_checkpoint *before = use->checkpoint_count ? &use->checkpoints[use->checkpoint_count - 1] : NULL;
        longest = mark->position;
        if (before && before->position == mark->position) /* nothing stands between them: one, for the longer time */
            before->ttl_s = before->ttl_s > mark->ttl_seconds ? before->ttl_s : mark->ttl_seconds;
        else if (mark->position >= least)
            use->checkpoints[use->checkpoint_count++] =
                (struct prefix_checkpoint){mark->position, mark->ttl_seconds};
    }
    if (use->checkpoint_count == 0) {
        miss(use, longest ? ENGINE_MISS_BELOW_MINIMUM : ENGINE_MISS_NO_CHECKPOINT, longest, longest ? least : 0);
        return false;
    }
    return true;
}

/* Without marks the whole prompt is kept, in whole blocks. Deterministic: in
 * whole pieces, so that each block was computed in the piece that a cold prompt
 * computes it in. A snapshot at the prompt's very end could never be read for
 * the same prompt again, since one token is always computed. */
static bool pick_all(const struct prefix_store *store, const struct prefix_job *job, struct prefix_use *use)
{
    const uint32_t count = (uint32_t)job->tokens->count - store->is_snapshot;
    if (job->tokens->count < job->request->cache_min_tokens) {
        miss(use, ENGINE_MISS_BELOW_MINIMUM, (uint32_t)job->tokens->count, job->request->cache_min_tokens);
        return false;
    }
    const uint32_t whole =
        count - count % (store->options.is_deterministic ? DETERMINISTIC_BLOCK : PREFIX_STORE_BLOCK);
    if (whole > 0)
        use->checkpoints[use->checkpoint_count++] = (struct prefix_checkpoint){.position = whole};
    return true;
}

/* Where a read may end: at the checkpoints, and at ends of content blocks that
 * are at most LOOK_BACK blocks before one of them. One that ends the prompt is
 * read but for the last token, where the state can be cut. */
static uint32_t find_positions(const struct prefix_store *store, const struct prefix_job *job, uint32_t *positions)
{
    uint32_t count = 0, blocks_to_checkpoint = LOOK_BACK + 1;
    const uint32_t last = (uint32_t)job->tokens->count - 1;
    for (size_t i = job->mark_count; i-- > 0;) {
        const struct prefix_mark *mark = &job->marks[i];
        const uint32_t position = mark->position > last && !store->is_snapshot ? last : mark->position;
        blocks_to_checkpoint = mark->ttl_seconds ? 0 : blocks_to_checkpoint + 1;
        if (blocks_to_checkpoint > LOOK_BACK || mark->position < job->request->cache_min_tokens || position > last ||
            (count > 0 && positions[count - 1] == position))
            continue;
        positions[count++] = position;
    }
    for (uint32_t i = 0; i < count / 2; i++) {
        const uint32_t swapped = positions[i];
        positions[i] = positions[count - 1 - i];
        positions[count - 1 - i] = swapped;
    }
    return count;
}

/* A cold prompt is cut at multiples of the block, so a read must end at one. */
static uint32_t find_cuts(const struct prefix_job *job, uint32_t *positions)
{
    uint32_t count = 0;
    for (uint32_t at = DETERMINISTIC_BLOCK; at < job->tokens->count; at += DETERMINISTIC_BLOCK)
        if (at >= job->request->cache_min_tokens)
            positions[count++] = at;
    return count;
}

static struct prefix_scope scope_of(const struct prefix_store *store, const struct prefix_job *job)
{
    return (struct prefix_scope){
        .tenant = job->request->tenant,
        .fingerprint = str_of(model_facts(store->options.model)->fingerprint),
        .template_version = STR(TEMPLATE_VERSION),
        .salt = job->request->cache_salt,
    };
}

/* --- looking up ------------------------------------------------------------------------------------- */

static void set_miss(struct prefix_use *use, const struct prefix_hit *hit)
{
    switch (hit->miss) {
    case PREFIX_NO_MISS: miss(use, ENGINE_MISS_NONE, 0, 0); break;
    case PREFIX_FIRST_USE: miss(use, ENGINE_MISS_FIRST_USE, 0, 0); break;
    case PREFIX_CHANGED: miss(use, ENGINE_MISS_CHANGED, hit->changed_at, 0); break;
    case PREFIX_EXPIRED: miss(use, ENGINE_MISS_EXPIRED, hit->age_s, 0); break;
    case PREFIX_EVICTED: miss(use, ENGINE_MISS_EVICTED, 0, 0); break;
    }
}

/* False: closed again, because another job computes more of the prompt. */
static bool look_up(struct prefix_store *store, struct prefix_use *use, uint32_t *positions, uint32_t position_count,
                    struct prefix_waiter *waiter)
{
    const struct prefix_job *job = use->job;
    const uint32_t last = (uint32_t)job->tokens->count - 1; /* at least one token is computed */
    const bool is_anywhere = job->request->cache == ENGINE_CACHE_IMPLICIT && !store->options.is_deterministic;
    struct prefix_hit hit;
    struct error error;
    const struct prefix_query query = {
        .scope = scope_of(store, job),
        .tokens = job->tokens->items,
        .count = is_anywhere ? last - last % PREFIX_STORE_BLOCK : last, /* whole blocks are all that is kept unasked */
        .positions = is_anywhere ? NULL : positions,
        .position_count = position_count,
        .now_us = clock_now_us(),
    };
    if (prefix_tree_open(store->tree, &query, &use->path, &hit, &error) != OK) {
        log_event(LOG_WARN, "cache_lookup_failed", LOG_C("error", error.message));
        miss(use, ENGINE_MISS_EVICTED, 0, 0);
        return true;
    }
    const bool is_worth_waiting = !is_anywhere || hit.pending_tokens >= job->request->cache_min_tokens;
    if (hit.pending_tokens > hit.tokens && is_worth_waiting) {
        prefix_tree_close(store->tree, use->path);
        use->path = NULL;
        prefix_tree_wait(store->tree, &hit, waiter);
        return false;
    }
    set_miss(use, &hit);
    if (is_anywhere && hit.tokens < job->request->cache_min_tokens)
        use->readable = 0;
    else
        use->readable = hit.tokens;
    return true;
}

void prefix_store_open(struct prefix_store *store, const struct prefix_job *job, struct prefix_waiter *waiter,
                       struct prefix_use *use, bool *is_pending)
{
    *use = (struct prefix_use){.job = job};
    *is_pending = false;
    if (job->request->cache == ENGINE_CACHE_OFF || !store) {
        miss(use, ENGINE_MISS_DISABLED, 0, 0);
        return;
    }
    const size_t most = job->mark_count + job->tokens->count / DETERMINISTIC_BLOCK + 2;
    uint32_t *positions = mem_calloc(most, sizeof(*positions));
    use->checkpoints = mem_calloc(most, sizeof(*use->checkpoints));
    if (positions && use->checkpoints) {
        const bool is_explicit = job->request->cache == ENGINE_CACHE_EXPLICIT;
        if (is_explicit ? pick_checkpoints(job, use) : pick_all(store, job, use)) {
            const uint32_t count = is_explicit ? find_positions(store, job, positions) : find_cuts(job, positions);
            *is_pending = !look_up(store, use, positions, count, waiter);
        }
    } else {
        miss(use, ENGINE_MISS_EVICTED, 0, 0);
    }
    mem_free(positions);
    if (*is_pending)
        prefix_store_close(store, use);
}

void prefix_store_unwait(struct prefix_store *store, struct prefix_waiter *waiter)
{
    prefix_tree_unwait(store->tree, waiter);
}

/* A snapshot behind what is restored can't be taken any more: the sequence never stands there. */
static uint32_t skip_passed(const struct prefix_store *store, const struct prefix_use *use)
{
    uint32_t first = 0;
    while (store->is_snapshot && first < use->checkpoint_count && use->checkpoints[first].position < use->readable)
        first++;
    return first;
}

void prefix_store_begin(struct prefix_store *store, struct prefix_use *use)
{
    struct error error;
    const uint64_t now_us = clock_now_us();
    const struct model_tokens *tokens = use->job->tokens;
    if (!use->path)
        return;
    if (use->readable > 0)
        use->readable = prefix_tree_load(store->tree, use->path);
    prefix_tree_use(store->tree, use->path, now_us);
    const uint32_t first = skip_passed(store, use);
    if (prefix_tree_claim(store->tree, use->path, tokens->items, (uint32_t)tokens->count, use->checkpoints + first,
                          use->checkpoint_count - first, now_us, &error) != OK)
        log_event(LOG_WARN, "cache_claim_failed", LOG_C("error", error.message));
    use->figures.read_tokens = use->readable;
}

/* --- restoring -------------------------------------------------------------------------------------- */

bool prefix_store_can_share(const struct prefix_store *store)
{
    return store && !store->is_snapshot;
}

void prefix_store_share(struct prefix_store *store, struct prefix_use *use, uint32_t from, uint32_t sequence)
{
    model_seq_copy(store->options.model, from, sequence, 0, use->readable);
    use->next_block = prefix_path_count(use->path);
}

static bool restore_block(struct prefix_store *store, const struct prefix_block *block, uint32_t sequence)
{
    struct model *model = store->options.model;
    const uint32_t target = store->is_snapshot ? sequence : store->scratch;
    if (!put_state(model, target, block)) {
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
            use->readable = end;
            use->is_damaged = true;
            break;
        }
        end = block.used_end;
        use->next_block++;
    }
    if (use->next_block == count)
        use->readable = end;
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
        const uint32_t written = checkpoint->position - done;
        figures->write_tokens += written;
        if (checkpoint->ttl_s >= HOUR_SECONDS)
            figures->write_1h_tokens += written;
    }
}

static struct payload *take_block(struct prefix_store *store, uint32_t sequence, uint32_t begin, uint32_t end)
{
    struct model *model = store->options.model;
    if (store->is_snapshot)
        return take_state(model, sequence);
    model_seq_copy(model, sequence, store->scratch, begin, end);
    struct payload *payload = take_state(model, store->scratch);
    model_seq_clear(model, store->scratch);
    return payload;
}

/* Damaged blocks stay in the tree, where others may hold them: as they are
 * computed again, they and those behind them are overwritten. */
static void repair(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past)
{
    while (use->is_damaged && use->path && use->next_block < prefix_path_count(use->path)) {
        const struct prefix_block block = prefix_path_block(use->path, use->next_block);
        if (block.end > past || (store->is_snapshot && block.end < past))
            return;
        struct payload *payload = take_block(store, sequence, block.begin, block.end);
        if (payload && sizeof(*payload) + payload->len == block.bytes)
            memcpy(payload_of(block.payload), payload, block.bytes);
        mem_free(payload);
        use->next_block++;
    }
}

void prefix_store_save(struct prefix_store *store, struct prefix_use *use, uint32_t sequence, uint32_t past)
{
    uint32_t begin, end;
    repair(store, use, sequence, past);
    while (use->path && prefix_path_next_claim(use->path, &begin, &end) && end <= past) {
        struct payload *payload = take_block(store, sequence, begin, end);
        if (!payload) {
            log_event(LOG_WARN, "cache_state_failed", LOG_I("begin", begin), LOG_I("end", end));
            prefix_tree_close(store->tree, use->path);
            use->path = NULL;
            return;
        }
        if (!prefix_tree_commit(store->tree, use->path, (uint64_t)(uintptr_t)payload,
                                sizeof(*payload) + payload->len, clock_now_us()))
            return;
        count_writes(use, end);
    }
}

/* Deterministic prompts are cut wherever a later request may have read up to,
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
    if (store->options.is_deterministic && use->job->request->cache == ENGINE_CACHE_EXPLICIT)
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

void prefix_store_keep(struct prefix_store *store, struct prefix_use *use, uint32_t sequence,
                       const model_token *tokens, uint32_t count)
{
    struct error error;
    const struct prefix_checkpoint whole = {.position = count - count % PREFIX_STORE_BLOCK};
    if (!use->path || use->job->request->cache != ENGINE_CACHE_IMPLICIT || store->is_snapshot ||
        store->options.is_deterministic || whole.position == 0)
        return;
    if (prefix_tree_claim(store->tree, use->path, tokens, count, &whole, 1, clock_now_us(), &error) == OK)
        prefix_store_save(store, use, sequence, count);
}

void prefix_store_close(struct prefix_store *store, struct prefix_use *use)
{
    if (use->path)
        prefix_tree_close(store->tree, use->path);
    mem_free(use->checkpoints);
    *use = (struct prefix_use){0};
}
