/* cache.h - texts of documents by what the files are: the least recently used
 * go first when the limit on bytes is reached.
 *
 * A text is shared by reference count, which is atomic; the cache itself is
 * not: whoever owns it holds a lock (extractor.c). */
#ifndef DOCUMENT_CACHE_H
#define DOCUMENT_CACHE_H

#include <stdatomic.h>

#include "core/error.h"
#include "core/str.h"
#include "core/util.h"
#include "document/format.h"

/* What came of reading a file: its text, or why there is none. */
struct document_text {
    atomic_uint references;
    struct error error; /* code OK: `text` is the text */
    struct str text;
    char *data; /* of `text`, owned */
};

/* Takes over `text` (heap memory, may be NULL with an error). One reference. NULL on no memory, `data` untouched. */
struct document_text *document_text_new(char *data, size_t len, const struct error *error);
struct document_text *document_text_share(struct document_text *text);
void document_text_release(struct document_text *text); /* NULL is legal */

struct document_key {
    uint8_t hash[SHA256_LEN]; /* of the file's bytes */
    enum document_format format;
};
bool document_key_equal(const struct document_key *a, const struct document_key *b);

struct text_cache;

struct text_cache *text_cache_new(size_t max_bytes); /* NULL on no memory */
void text_cache_free(struct text_cache *cache);

/* A new reference, or NULL. */
struct document_text *text_cache_get(struct text_cache *cache, const struct document_key *key);

/* Keeps a reference of its own; a text larger than the cache is not kept, nor
 * one for which there is no memory. */
void text_cache_put(struct text_cache *cache, const struct document_key *key, struct document_text *text);

size_t text_cache_bytes(const struct text_cache *cache);
size_t text_cache_count(const struct text_cache *cache);

#endif
