/* recall.h - answers that are given again: what a response cache holds.
 *
 * An entry is a whole answer under a key that says all of the request that made it (recall_key.h). The bound is one for
 * all tenants, in bytes and in entries; the least recently used go first, and what is older than its time to live is
 * never given. In memory alone: a restart begins with nothing. One mutex, held for the length of a look-up; an answer
 * that was given stays until it is released, whatever becomes of its entry. Any thread. Times are clock_now_us(). */
#ifndef RECALL_RECALL_H
#define RECALL_RECALL_H

#include "chat/codec.h"
#include "recall/recall_key.h"

struct recalled {
    const struct chat_reply_block *blocks;
    size_t block_count;
    enum chat_stop_reason stop;
    struct str stop_sequence;
    struct chat_usage usage;
    struct str answered; /* name of the model that made it... */
    const void *version; /* ...and which version of it, by an address; nobody looks there */
    uint64_t made_us;
};

struct recall_bounds {
    size_t bytes, entries;
    size_t entry_bytes; /* a larger answer is not kept */
};

struct recall;
struct recall *recall_new(const struct recall_bounds *bounds); /* NULL: no memory */
void recall_free(struct recall *recall); /* NULL is legal; all answers have been released */

/* NULL: none is there, or it is older than its time to live or than `max_age_us`. Else recall_release must follow. */
const struct recalled *recall_get(struct recall *recall, const struct recall_key *key, uint64_t max_age_us,
                                  uint64_t now_us);
void recall_release(const struct recalled *answer); /* NULL is legal */

/* Copies the answer; one that is there under the key makes room for it. What does not fit is not kept. */
void recall_put(struct recall *recall, const struct recall_key *key, const struct recalled *answer, uint64_t ttl_us,
                uint64_t now_us);

struct recall_figures {
    uint64_t bytes, entries; /* now */
    uint64_t hits, misses;   /* so far: look-ups */
    uint64_t evicted;        /* likewise: for want of room */
};
struct recall_figures recall_figures(struct recall *recall);

#endif
