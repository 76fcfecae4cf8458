/* pieces.c - hash tables of texts and of pairs. Knows no merging. See pieces.h. */
#include "distill/pieces.h"

static uint32_t slots_for(uint32_t count)
{
    uint32_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

bool piece_texts_init(struct piece_texts *table, struct arena *arena, const struct str *texts, uint32_t count)
{
    const uint32_t slots = slots_for(count);
    *table = (struct piece_texts){texts, ARENA_ARRAY(arena, uint32_t, slots), slots - 1};
    return table->slots != NULL;
}

bool piece_pairs_init(struct piece_pairs *table, struct arena *arena, uint32_t count)
{
    const uint32_t slots = slots_for(count);
    *table = (struct piece_pairs){ARENA_ARRAY(arena, struct piece_pair, slots), slots - 1};
    return table->slots != NULL;
}

static uint32_t *text_slot(const struct piece_texts *table, struct str text)
{
    uint32_t at = (uint32_t)str_hash(text) & table->mask;
    while (table->slots[at] && !str_eq(table->texts[table->slots[at] - 1], text))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

void piece_texts_put(struct piece_texts *table, uint32_t token)
{
    *text_slot(table, table->texts[token]) = token + 1;
}

int32_t piece_texts_find(const struct piece_texts *table, struct str text)
{
    return (int32_t)*text_slot(table, text) - 1;
}

static uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static struct piece_pair *pair_slot(const struct piece_pairs *table, uint64_t pair)
{
    uint32_t at = (uint32_t)((pair * 0x9e3779b97f4a7c15u) >> 40) & table->mask;
    while (table->slots[at].rank_plus_1 && table->slots[at].pair != pair)
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

void piece_pairs_put(struct piece_pairs *table, int32_t left, int32_t right, uint32_t rank)
{
    struct piece_pair *slot = pair_slot(table, pair_key(left, right));
    if (!slot->rank_plus_1)
        *slot = (struct piece_pair){pair_key(left, right), rank + 1};
}

uint32_t piece_pairs_find(const struct piece_pairs *table, int32_t left, int32_t right)
{
    const struct piece_pair *slot = pair_slot(table, pair_key(left, right));
    return slot->rank_plus_1 ? slot->rank_plus_1 - 1 : NO_MERGE;
}
