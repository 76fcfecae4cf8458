/* pieces.h - tables of a vocabulary that merges pieces: tokens by their text, and merges by the pair they join.
 *
 * Open addressing, half full at most. Tables lie in an arena; what was put in stays. One thread while anything is put
 * in, then any. */
#ifndef DISTILL_PIECES_H
#define DISTILL_PIECES_H

#include <stdint.h>

#include "core/mem.h"
#include "core/str.h"

#define NO_TOKEN (-1)
#define NO_MERGE UINT32_MAX

struct piece_texts {
    const struct str *texts; /* borrowed: of each token */
    uint32_t *slots;         /* token + 1 */
    uint32_t mask;
};

struct piece_pair {
    uint64_t pair;
    uint32_t rank_plus_1;
};

struct piece_pairs {
    struct piece_pair *slots;
    uint32_t mask;
};

/* With room for so many. False: no memory. */
bool piece_texts_init(struct piece_texts *table, struct arena *arena, const struct str *texts, uint32_t count);
bool piece_pairs_init(struct piece_pairs *table, struct arena *arena, uint32_t count);

/* A token whose text is there already takes the other one's place. */
void piece_texts_put(struct piece_texts *table, uint32_t token);
int32_t piece_texts_find(const struct piece_texts *table, struct str text); /* NO_TOKEN: there is none */

/* The first of several merges of a pair stays. */
void piece_pairs_put(struct piece_pairs *table, int32_t left, int32_t right, uint32_t rank);
uint32_t piece_pairs_find(const struct piece_pairs *table, int32_t left, int32_t right); /* NO_MERGE: there is none */

#endif
