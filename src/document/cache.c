/* cache.c - a hash table and a list by age. What is not a text (an error, a file that is just being read) is not kept
 * here. See cache.h. */
#include "document/cache.h"

#include "core/mem.h"
#include "core/must.h"

#define BUCKETS 1024u

struct document_text *document_text_new(char *data, size_t len, const struct error *error)
{
    struct document_text *text = mem_calloc(1, sizeof(*text));
    if (!text)
        return NULL;
    atomic_init(&text->references, 1);
    text->error = *error;
    text->data = data;
    text->text = (struct str){data ? data : "", len};
    return text;
}

struct document_text *document_text_share(struct document_text *text)
{
    const uint64_t before = atomic_fetch_add_explicit(&text->references, 1, memory_order_relaxed);
    must(before > 0, "whoever shares a text holds it", LOG_I("len", text->text.len));
    return text;
}

void document_text_release(struct document_text *text)
{
    if (!text || atomic_fetch_sub_explicit(&text->references, 1, memory_order_acq_rel) > 1)
        return;
    mem_free(text->data);
    mem_free(text);
}

bool document_key_equal(const struct document_key *a, const struct document_key *b)
{
    return a->format == b->format && memcmp(a->hash, b->hash, SHA256_LEN) == 0;
}

struct entry {
    struct document_key key;
    struct document_text *text;
    struct entry *bucket_next;
    struct entry *newer, *older;
};

struct text_cache {
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t count, bytes, max_bytes;
};

static size_t entry_bytes(const struct document_text *text)
{
    return sizeof(struct entry) + sizeof(*text) + text->text.len;
}

static struct entry **bucket_of(struct text_cache *cache, const struct document_key *key)
{
    uint32_t index; /* the hash is as good as random already */
    memcpy(&index, key->hash, sizeof(index));
    return &cache->buckets[(index + key->format) % BUCKETS];
}

static struct entry *find(struct text_cache *cache, const struct document_key *key)
{
    struct entry *entry = *bucket_of(cache, key);
    while (entry && !document_key_equal(&entry->key, key))
        entry = entry->bucket_next;
    return entry;
}

static void unlink_entry(struct text_cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(struct text_cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void drop(struct text_cache *cache, struct entry *entry)
{
    struct entry **at = bucket_of(cache, &entry->key);
    while (*at != entry)
        at = &(*at)->bucket_next;
    *at = entry->bucket_next;
    unlink_entry(cache, entry);
    must(cache->count > 0 && cache->bytes >= entry_bytes(entry->text), "texts are counted once",
         LOG_I("count", cache->count), LOG_I("bytes", cache->bytes), LOG_I("text", entry_bytes(entry->text)));
    cache->count--;
    cache->bytes -= entry_bytes(entry->text);
    document_text_release(entry->text);
    mem_free(entry);
}

struct text_cache *text_cache_new(size_t max_bytes)
{
    struct text_cache *cache = mem_calloc(1, sizeof(*cache));
    if (cache)
        cache->max_bytes = max_bytes;
    return cache;
}

void text_cache_free(struct text_cache *cache)
{
    if (!cache)
        return;
    while (cache->oldest)
        drop(cache, cache->oldest);
    mem_free(cache);
}

struct document_text *text_cache_get(struct text_cache *cache, const struct document_key *key)
{
    struct entry *entry = find(cache, key);
    if (!entry)
        return NULL;
    unlink_entry(cache, entry);
    link_newest(cache, entry);
    return document_text_share(entry->text);
}

void text_cache_put(struct text_cache *cache, const struct document_key *key, struct document_text *text)
{
    size_t bytes = entry_bytes(text);
    struct entry *entry = find(cache, key);
    if (entry)
        drop(cache, entry);
    entry = bytes <= cache->max_bytes ? mem_calloc(1, sizeof(*entry)) : NULL;
    if (!entry)
        return;
    while (cache->bytes > cache->max_bytes - bytes)
        drop(cache, cache->oldest);
    struct entry **bucket = bucket_of(cache, key);
    *entry = (struct entry){.key = *key, .text = document_text_share(text), .bucket_next = *bucket};
    *bucket = entry;
    link_newest(cache, entry);
    cache->count++;
    cache->bytes += bytes;
}

size_t text_cache_bytes(const struct text_cache *cache)
{
    return cache->bytes;
}

size_t text_cache_count(const struct text_cache *cache)
{
    return cache->count;
}
