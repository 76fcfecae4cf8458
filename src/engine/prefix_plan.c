/* prefix_plan.c - what a job may read of the prefix store and what it is to store. See prefix_store.h. */
#include "core/log.h"
#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"
#include "engine/prefix_store_internal.h"

#define LOOK_BACK 20u /* content blocks before a checkpoint where an earlier one may have been */

/* --- what a job asks for ---------------------------------------------------------------------------- */

void prefix_use_miss(struct prefix_use *use, enum engine_miss reason, uint32_t value, uint32_t need)
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
        prefix_use_miss(use, longest ? ENGINE_MISS_BELOW_MINIMUM : ENGINE_MISS_NO_CHECKPOINT, longest,
                        longest ? least : 0);
        return false;
    }
    return true;
}

/* Without marks the whole prompt is kept, in whole blocks. Serial: in
 * whole pieces, so that each block was computed in the piece that a cold prompt
 * computes it in. A snapshot at the prompt's very end could never be read for
 * the same prompt again, since one token is always computed. */
static bool pick_all(const struct prefix_store *store, const struct prefix_job *job, struct prefix_use *use)
{
    const uint32_t count = (uint32_t)job->tokens->count - store->is_snapshot;
    if (job->tokens->count < job->request->cache_min_tokens) {
        prefix_use_miss(use, ENGINE_MISS_BELOW_MINIMUM, (uint32_t)job->tokens->count, job->request->cache_min_tokens);
        return false;
    }
    const uint32_t whole =
        count - count % (store->options.is_serial ? PREFIX_STORE_PIECE : PREFIX_STORE_BLOCK);
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
    for (uint32_t at = PREFIX_STORE_PIECE; at < job->tokens->count; at += PREFIX_STORE_PIECE)
        if (at >= job->request->cache_min_tokens)
            positions[count++] = at;
    return count;
}

struct prefix_scope prefix_scope_of(const struct prefix_store *store, const struct prefix_job *job)
{
    return (struct prefix_scope){
        .tenant = job->request->tenant,
        .fingerprint = str_of(model_facts(store->options.model)->fingerprint),
        .template_version = STR(PREFIX_TEMPLATE_VERSION),
        .salt = job->request->cache_salt,
    };
}

/* --- looking up ------------------------------------------------------------------------------------- */

static void set_miss(struct prefix_use *use, const struct prefix_hit *hit)
{
    switch (hit->miss) {
    case PREFIX_NO_MISS: prefix_use_miss(use, ENGINE_MISS_NONE, 0, 0); break;
    case PREFIX_FIRST_USE: prefix_use_miss(use, ENGINE_MISS_FIRST_USE, 0, 0); break;
    case PREFIX_CHANGED: prefix_use_miss(use, ENGINE_MISS_CHANGED, hit->changed_at, 0); break;
    case PREFIX_EXPIRED: prefix_use_miss(use, ENGINE_MISS_EXPIRED, hit->age_s, 0); break;
    case PREFIX_EVICTED: prefix_use_miss(use, ENGINE_MISS_EVICTED, 0, 0); break;
    }
}

/* The shortest prompt of which a prefix of `least` tokens can be read in whole blocks. */
static uint32_t least_readable(const struct prefix_store *store, uint32_t least)
{
    const uint32_t block = store->options.is_serial ? PREFIX_STORE_PIECE : PREFIX_STORE_BLOCK;
    return (least + block - 1) / block * block + 1;
}

/* Implicit caching reads up to any whole block; a serial prompt only up to where a cold one is cut, too. */
static bool is_anywhere(const struct prefix_store *store, const struct prefix_job *job)
{
    return job->request->cache == ENGINE_CACHE_IMPLICIT && !store->options.is_serial;
}

/* What the job is to store, into use->checkpoints, and the question for what it may read, whose positions the caller
 * frees. False: nothing to do, and use->figures say why. */
static bool plan(const struct prefix_store *store, struct prefix_use *use, struct prefix_query *query,
                 uint32_t **positions)
{
    const struct prefix_job *job = use->job;
    const bool is_explicit = job->request->cache == ENGINE_CACHE_EXPLICIT;
    const uint32_t last = (uint32_t)job->tokens->count - 1; /* at least one token is computed */
    const size_t most = job->mark_count + job->tokens->count / PREFIX_STORE_PIECE + 2;
    *positions = mem_calloc(most, sizeof(**positions));
    use->checkpoints = mem_calloc(most, sizeof(*use->checkpoints));
    if (!*positions || !use->checkpoints) {
        prefix_use_miss(use, ENGINE_MISS_EVICTED, 0, 0);
        return false;
    }
    if (!(is_explicit ? pick_checkpoints(job, use) : pick_all(store, job, use)))
        return false;
    *query = (struct prefix_query){
        .scope = prefix_scope_of(store, job),
        .tokens = job->tokens->items,
        .count = last,
        .now_us = clock_now_us(),
    };
    if (is_anywhere(store, job)) {
        query->count = last - last % PREFIX_STORE_BLOCK; /* whole blocks are all that is kept unasked */
        return true;
    }
    query->positions = *positions;
    query->position_count = is_explicit ? find_positions(store, job, *positions) : find_cuts(job, *positions);
    return true;
}

/* What a job reads where the tree has that much. */
static uint32_t readable(const struct prefix_store *store, const struct prefix_job *job, const struct prefix_hit *hit)
{
    return is_anywhere(store, job) && hit->tokens < job->request->cache_min_tokens ? 0 : hit->tokens;
}

/* Under the lock. False: closed again, because another job computes more of the prompt. */
static bool look_up(struct prefix_store *store, struct prefix_use *use, const struct prefix_query *query,
                    struct prefix_waiter *waiter)
{
    const struct prefix_job *job = use->job;
    struct prefix_hit hit;
    struct error error;
    if (prefix_tree_open(store->tree, query, &use->path, &hit, &error) != OK) {
        log_event(LOG_WARN, "cache_lookup_failed", LOG_C("error", error.message));
        prefix_use_miss(use, ENGINE_MISS_EVICTED, 0, 0);
        return true;
    }
    const bool is_worth_waiting =
        !is_anywhere(store, job) || hit.pending_tokens >= job->request->cache_min_tokens;
    if (hit.pending_tokens > hit.tokens && is_worth_waiting) {
        prefix_tree_close(store->tree, use->path);
        use->path = NULL;
        prefix_tree_wait(store->tree, &hit, waiter);
        return false;
    }
    set_miss(use, &hit);
    use->readable = readable(store, job, &hit);
    must(use->readable < job->tokens->count, "at least one token is computed", LOG_I("readable", use->readable),
         LOG_I("tokens", job->tokens->count));
    if (use->readable == 0 && hit.miss == PREFIX_NO_MISS) /* no whole block of the least length can be read */
        prefix_use_miss(use, ENGINE_MISS_BELOW_MINIMUM, (uint32_t)job->tokens->count,
                        least_readable(store, job->request->cache_min_tokens));
    return true;
}

void prefix_store_open(struct prefix_store *store, const struct prefix_job *job, struct prefix_waiter *waiter,
                       struct prefix_use *use, bool *is_pending)
{
    struct prefix_query query;
    uint32_t *positions = NULL;
    *use = (struct prefix_use){.job = job};
    *is_pending = false;
    if (job->request->cache == ENGINE_CACHE_OFF || !store) {
        prefix_use_miss(use, ENGINE_MISS_DISABLED, 0, 0);
        return;
    }
    if (plan(store, use, &query, &positions)) {
        tree_lock(store);
        *is_pending = !look_up(store, use, &query, waiter);
        tree_unlock(store);
    }
    mem_free(positions);
    if (*is_pending)
        prefix_store_close(store, use);
}

void prefix_store_unwait(struct prefix_store *store, struct prefix_waiter *waiter)
{
    tree_lock(store);
    prefix_tree_unwait(store->tree, waiter);
    tree_unlock(store);
}

/* --- asked only ------------------------------------------------------------------------------------- */

/* The same plan and the same walk as of a job that is opened, so that the answer is what such a job would read. Of what
 * another job is computing it says nothing: whoever is opened now waits for that, and reads more than was said. */
void prefix_store_warmth(struct prefix_store *store, const struct prefix_job *job, struct engine_warmth *warmth)
{
    struct prefix_use use = {.job = job};
    struct prefix_query query;
    uint32_t *positions = NULL;
    *warmth = (struct engine_warmth){.prompt_tokens = (uint32_t)job->tokens->count};
    if (!store || job->request->cache == ENGINE_CACHE_OFF || job->tokens->count == 0)
        return;
    if (plan(store, &use, &query, &positions)) {
        struct prefix_hit hit;
        tree_lock(store);
        prefix_tree_peek(store->tree, &query, &hit);
        tree_unlock(store);
        warmth->warm_tokens = readable(store, job, &hit);
        must(hit.disk_tokens <= hit.tokens && warmth->warm_tokens <= warmth->prompt_tokens,
             "what is warm is a part of the prompt", LOG_I("warm", hit.tokens), LOG_I("disk", hit.disk_tokens),
             LOG_I("tokens", warmth->prompt_tokens));
        warmth->disk_tokens = warmth->warm_tokens > 0 ? hit.disk_tokens : 0;
    }
    mem_free(positions);
    mem_free(use.checkpoints);
}

#define SHARES_MAX 4096u /* as many tenants as a tree has */

/* The lock is held for the length of one walk, over as many blocks as it may look at. */
bool prefix_store_list(struct prefix_store *store, struct str tenant, uint32_t most, struct prefixes *prefixes)
{
    *prefixes = (struct prefixes){0};
    if (!store)
        return true;
    prefixes->kept = mem_calloc(most + 1, sizeof(*prefixes->kept));
    prefixes->shares = mem_calloc(SHARES_MAX, sizeof(*prefixes->shares));
    if (!prefixes->kept || !prefixes->shares) {
        prefixes_free(prefixes);
        return false;
    }
    tree_lock(store);
    prefixes->kept_count =
        prefix_tree_list(store->tree, tenant, clock_now_us(), prefixes->kept, most, &prefixes->is_partial);
    prefixes->share_count = prefix_tree_shares(store->tree, tenant, prefixes->shares, SHARES_MAX);
    tree_unlock(store);
    return true;
}

void prefixes_free(struct prefixes *prefixes)
{
    mem_free(prefixes->kept);
    mem_free(prefixes->shares);
}
