/* known.h - which replicas have seen which beginnings of prompts: a table of
 * chained block hashes in bounded memory, the longest unused go first.
 *
 * A hash stands for its block and all before it. What a replica has dropped from
 * its own cache meanwhile is not known here: an entry says where a prefix is worth
 * asking for, not that it is there. One thread at a time. */
#ifndef UPSTREAM_KNOWN_H
#define UPSTREAM_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#define KNOWN_REPLICAS_MAX 64 /* bits of a mask */

struct known;

struct known *known_new(size_t blocks_max); /* at least 1; NULL: no memory */
void known_free(struct known *known);       /* NULL is legal */

/* How many of the blocks, from the first on, one and the same replica of `among` has seen; *who: all that have, 0 where
 * none has seen the first. */
size_t known_match(const struct known *known, const uint64_t *blocks, size_t count, uint64_t among, uint64_t *who);

/* The replica has seen them all. Of more blocks than the table holds the first are kept. */
void known_note(struct known *known, const uint64_t *blocks, size_t count, unsigned replica);

size_t known_count(const struct known *known);

#endif
