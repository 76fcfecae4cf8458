/* recall.c - see recall.h: a chained hash table and a list by use over entries that are one block of memory each. */
#include "recall/recall.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/mem.h"

#define BUCKETS_MIN 64

struct entry {
    struct recalled answer; /* the first member: what is given out */
    atomic_uint references;
    struct recall_key key;
    uint64_t expires_us;
    size_t bytes; /* of the block */
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* by use */
};

struct recall {
    struct recall_bounds bounds;
    pthread_mutex_t mutex;
    struct entry **buckets;
    size_t bucket_count; /* a power of 2 */
    struct entry *newest, *oldest;
    struct recall_figures figures;
};

/* --- an entry ----------------------------------------------------------------------------------------- */

static size_t texts_of(const struct chat_reply_block *block)
{
    return block->text.len + block->tool_id.len + block->tool_name.len + block->signature.len + block->data.len;
}

static size_t size_of(const struct recalled *answer)
{
    size_t bytes = sizeof(struct entry) + answer->block_count * sizeof(struct chat_reply_block) +
                   answer->stop_sequence.len + answer->answered.len;
    for (size_t i = 0; i < answer->block_count; i++)
        bytes += texts_of(&answer->blocks[i]);
    return bytes;
}

static struct str move(char **at, struct str text)
{
    const struct str copy = {*at, text.len};
    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

static void copy_block(char **at, const struct chat_reply_block *from, struct chat_reply_block *block)
{
    *block = (struct chat_reply_block){
        .kind = from->kind,
        .text = move(at, from->text),
        .tool_id = move(at, from->tool_id),
        .tool_name = move(at, from->tool_name),
        .signature = move(at, from->signature),
        .data = move(at, from->data),
    };
}

/* NULL: no memory. */
static struct entry *entry_new(const struct recall_key *key, const struct recalled *answer, size_t bytes)
{
    struct entry *entry = mem_alloc(bytes);
    if (!entry)
        return NULL;
    struct chat_reply_block *blocks = (struct chat_reply_block *)(entry + 1);
    char *at = (char *)(blocks + answer->block_count);
    *entry = (struct entry){.answer = *answer, .key = *key, .bytes = bytes};
    atomic_init(&entry->references, 1);
    for (size_t i = 0; i < answer->block_count; i++)
        copy_block(&at, &answer->blocks[i], &blocks[i]);
    entry->answer.blocks = blocks;
    entry->answer.stop_sequence = move(&at, answer->stop_sequence);
    entry->answer.answered = move(&at, answer->answered);
    assert(at == (char *)entry + bytes);
    return entry;
}

void recall_release(const struct recalled *answer)
{
    struct entry *entry = (struct entry *)(void *)answer;
    if (entry && atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
        mem_free(entry);
}

/* --- its places; with the mutex ----------------------------------------------------------------------- */

static struct entry **bucket_of(const struct recall *recall, const struct recall_key *key)
{
    uint64_t number;
    memcpy(&number, key->hash, sizeof(number));
    return &recall->buckets[number & (recall->bucket_count - 1)];
}

/* The link that leads to the entry of the key, or to the NULL at the bucket's end. */
static struct entry **find(const struct recall *recall, const struct recall_key *key)
{
    struct entry **link = bucket_of(recall, key);
    while (*link && memcmp((*link)->key.hash, key->hash, sizeof(key->hash)) != 0)
        link = &(*link)->next;
    return link;
}

static void leave_use(struct recall *recall, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &recall->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &recall->oldest) = entry->newer;
}

static void enter_use(struct recall *recall, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = recall->newest;
    *(recall->newest ? &recall->newest->newer : &recall->oldest) = entry;
    recall->newest = entry;
}

static void take_out(struct recall *recall, struct entry **link)
{
    struct entry *entry = *link;
    *link = entry->next;
    leave_use(recall, entry);
    recall->figures.bytes -= entry->bytes;
    recall->figures.entries--;
    recall_release(&entry->answer);
}

static void put_in(struct recall *recall, struct entry *entry)
{
    struct entry **link = find(recall, &entry->key);
    if (*link)
        take_out(recall, link);
    while (recall->oldest && (recall->figures.entries >= recall->bounds.entries ||
                              recall->figures.bytes + entry->bytes > recall->bounds.bytes)) {
        take_out(recall, find(recall, &recall->oldest->key));
        recall->figures.evicted++;
    }
    struct entry **bucket = bucket_of(recall, &entry->key);
    entry->next = *bucket;
    *bucket = entry;
    enter_use(recall, entry);
    recall->figures.bytes += entry->bytes;
    recall->figures.entries++;
}

/* --- the store ---------------------------------------------------------------------------------------- */

struct recall *recall_new(const struct recall_bounds *bounds)
{
    struct recall *recall = mem_calloc(1, sizeof(*recall));
    size_t buckets = BUCKETS_MIN;
    while (buckets < bounds->entries && buckets <= SIZE_MAX / 4 / sizeof(struct entry *))
        buckets *= 2;
    if (!recall)
        return NULL;
    recall->bounds = *bounds;
    recall->bucket_count = buckets;
    recall->buckets = mem_calloc(buckets, sizeof(*recall->buckets));
    if (!recall->buckets || pthread_mutex_init(&recall->mutex, NULL) != 0) {
        mem_free(recall->buckets);
        mem_free(recall);
        return NULL;
    }
    return recall;
}

void recall_free(struct recall *recall)
{
    if (!recall)
        return;
    while (recall->oldest)
        take_out(recall, find(recall, &recall->oldest->key));
    (void)pthread_mutex_destroy(&recall->mutex);
    mem_free(recall->buckets);
    mem_free(recall);
}

const struct recalled *recall_get(struct recall *recall, const struct recall_key *key, uint64_t max_age_us,
                                  uint64_t now_us)
{
    (void)pthread_mutex_lock(&recall->mutex);
    struct entry **link = find(recall, key), *entry = *link;
    if (entry && now_us >= entry->expires_us) {
        take_out(recall, link);
        entry = NULL;
    }
    if (entry && now_us - entry->answer.made_us > max_age_us)
        entry = NULL;
    *(entry ? &recall->figures.hits : &recall->figures.misses) += 1;
    if (entry) {
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
        leave_use(recall, entry);
        enter_use(recall, entry);
    }
    (void)pthread_mutex_unlock(&recall->mutex);
    return entry ? &entry->answer : NULL;
}

void recall_put(struct recall *recall, const struct recall_key *key, const struct recalled *answer, uint64_t ttl_us,
                uint64_t now_us)
{
    const size_t bytes = size_of(answer);
    if (bytes > recall->bounds.entry_bytes || bytes > recall->bounds.bytes || recall->bounds.entries == 0)
        return;
    struct entry *entry = entry_new(key, answer, bytes);
    if (!entry)
        return;
    entry->answer.made_us = now_us;
    entry->expires_us = now_us + ttl_us;
    (void)pthread_mutex_lock(&recall->mutex);
    put_in(recall, entry);
    (void)pthread_mutex_unlock(&recall->mutex);
}

struct recall_figures recall_figures(struct recall *recall)
{
    (void)pthread_mutex_lock(&recall->mutex);
    const struct recall_figures figures = recall->figures;
    (void)pthread_mutex_unlock(&recall->mutex);
    return figures;
}
