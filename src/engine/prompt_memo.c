/* prompt_memo.c - a list from the prompt that was longest not asked for to the last one; see prompt_memo.h.
 *
 * Each prompt has a chain of hashes, one for each segment and over all up to its end. Where two chains agree, all
 * before agrees, so the number of segments that two prompts have in common is found by bisection, without reading a
 * text; the one that has most in common is then compared in full, since a hash is no proof. */
#include "engine/prompt_memo.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "core/limits.h"

struct prompt_memo_entry {
    struct prompt_memo_entry *older, *newer;
    struct arena arena; /* owns what request and recall point to */
    struct engine_request request;
    struct prompt_recall recall;
    struct model_tokens tokens;
    uint64_t bytes;
};

/* --- the list --------------------------------------------------------------------------------------- */

static void link_newest(struct prompt_memo *memo, struct prompt_memo_entry *entry)
{
    entry->older = memo->newest;
    entry->newer = NULL;
    *(memo->newest != NULL ? &memo->newest->newer : &memo->oldest) = entry;
    memo->newest = entry;
    memo->count++;
    memo->bytes += entry->bytes;
}

static void unlink_entry(struct prompt_memo *memo, struct prompt_memo_entry *entry)
{
    assert(memo->count > 0 && memo->bytes >= entry->bytes);
    *(entry->older != NULL ? &entry->older->newer : &memo->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &memo->newest) = entry->older;
    memo->count--;
    memo->bytes -= entry->bytes;
}

static void free_oldest(struct prompt_memo *memo)
{
    struct prompt_memo_entry *entry = memo->oldest;
    unlink_entry(memo, entry);
    model_tokens_deinit(&entry->tokens);
    arena_deinit(&entry->arena);
    mem_free(entry);
}

void prompt_memo_deinit(struct prompt_memo *memo)
{
    while (memo->oldest != NULL)
        free_oldest(memo);
}

/* --- what two prompts have in common ---------------------------------------------------------------- */

/* Whoever asks is in the first link, so two tenants have nothing in common. */
static void fill_chain(const struct engine_request *request, uint64_t *chain)
{
    uint64_t hash = XXH3_64bits(request->tenant.data, request->tenant.len);
    hash = XXH3_64bits_withSeed(request->cache_salt.data, request->cache_salt.len, hash);
    for (size_t i = 0; i < request->segment_count; i++) {
        const struct engine_segment *segment = &request->segments[i];
        hash = XXH3_64bits_withSeed(segment->text.data, segment->text.len, hash + segment->is_template);
        chain[i] = hash;
    }
}

static size_t common_links(const uint64_t *chain, size_t count, const struct prompt_memo_entry *entry)
{
    size_t low = 0, high = count < entry->request.segment_count ? count : entry->request.segment_count;
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        if (chain[middle - 1] == entry->recall.chain[middle - 1])
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static bool is_same(const struct engine_request *a, const struct engine_request *b, size_t segments)
{
    if (!str_eq(a->tenant, b->tenant) || !str_eq(a->cache_salt, b->cache_salt))
        return false;
    for (size_t i = 0; i < segments; i++)
        if (a->segments[i].is_template != b->segments[i].is_template ||
            !str_eq(a->segments[i].text, b->segments[i].text))
            return false;
    return true;
}

static struct prompt_memo_entry *find(const struct prompt_memo *memo, const struct engine_request *request,
                                      struct prompt_recall *recall)
{
    struct prompt_memo_entry *best = NULL;
    size_t most = 0;
    for (struct prompt_memo_entry *entry = memo->newest; entry != NULL; entry = entry->older) {
        const size_t common = common_links(recall->chain, request->segment_count, entry);
        if (common > most) {
            most = common;
            best = entry;
        }
    }
    if (best == NULL || !is_same(&best->request, request, most))
        return NULL;
    recall->segments = most;
    return best;
}

/* --- asking and leaving ----------------------------------------------------------------------------- */

void prompt_memo_recall(struct prompt_memo *memo, struct job *job, struct prompt_recall *recall)
{
    const size_t count = job->request.segment_count;
    assert(job->tokens.count == 0);
    *recall = (struct prompt_recall){.ends = ARENA_ARRAY(&job->arena, uint32_t, count + 1),
                                     .chain = ARENA_ARRAY(&job->arena, uint64_t, count + 1)};
    if (recall->ends == NULL || recall->chain == NULL) {
        *recall = (struct prompt_recall){0};
        return;
    }
    fill_chain(&job->request, recall->chain);
    struct prompt_memo_entry *entry = find(memo, &job->request, recall);
    const size_t tokens = entry != NULL ? entry->recall.ends[recall->segments - 1] : 0;
    model_token *items = tokens > 0 ? mem_alloc(tokens * sizeof(*items)) : NULL;
    if (items == NULL) {
        recall->segments = 0;
        return;
    }
    assert(tokens <= entry->tokens.count);
    memcpy(items, entry->tokens.items, tokens * sizeof(*items));
    memcpy(recall->ends, entry->recall.ends, recall->segments * sizeof(*recall->ends));
    job->tokens = (struct model_tokens){.items = items, .count = tokens, .cap = tokens};
    unlink_entry(memo, entry);
    link_newest(memo, entry);
}

/* A prompt that took a large part of the memo would push out all others, and is rarely asked about twice. */
void prompt_memo_put(struct prompt_memo *memo, struct job *job, const struct prompt_recall *recall)
{
    const uint64_t bytes = sizeof(struct prompt_memo_entry) + job->arena.bytes + job->tokens.cap * sizeof(model_token);
    const bool is_wanted = recall->chain != NULL && recall->segments < job->request.segment_count &&
                           bytes <= LIMIT_PROMPT_MEMO_BYTES / 4;
    struct prompt_memo_entry *entry = is_wanted ? mem_calloc(1, sizeof(*entry)) : NULL;
    if (entry == NULL) {
        model_tokens_deinit(&job->tokens);
        arena_deinit(&job->arena);
        return;
    }
    while (memo->count == LIMIT_PROMPT_MEMO_ENTRIES || memo->bytes > LIMIT_PROMPT_MEMO_BYTES - bytes)
        free_oldest(memo);
    entry->arena = job->arena;
    entry->request = job->request;
    entry->recall = *recall;
    entry->tokens = job->tokens;
    entry->bytes = bytes;
    link_newest(memo, entry);
    job->arena = (struct arena){0};
    job->tokens = (struct model_tokens){0};
}
