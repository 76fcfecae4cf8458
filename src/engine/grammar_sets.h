/* grammar_sets.h - the places of a grammar as sets of frames, each kept once. Private to grammar*.c.
 *
 * Set 0 is the empty one: nothing leads on from there. Set 1 is the end of the
 * reply. A set is never changed; its number is its identity, so equal sets have
 * equal numbers. One thread at a time. */
#ifndef ENGINE_GRAMMAR_SETS_H
#define ENGINE_GRAMMAR_SETS_H

#include "engine/grammar_program.h"

#define SET_NONE 0u
#define SET_END 1u

struct grammar_frame {
    uint32_t node;
    uint32_t sub;  /* how far inside the node: bytes of a literal, part of a character, 1 + bytes of a marker */
    uint32_t tail; /* set to go on from when the node's rule has ended */
};

struct grammar_set {
    uint32_t first, count; /* of frames, sorted by node and sub */
    uint32_t hash;
    uint32_t row;       /* of transitions, SET_ROW_NONE: none yet */
    uint32_t shortest;  /* bytes to the end of the reply, at least */
    uint32_t undecided; /* has_free: bytes at the end of the reply that may yet begin a marker */
    uint16_t depth;     /* of tails in tails */
    bool ends;          /* the reply's end is one of the places; like the frames what makes the set */
    bool may_end;       /* the same, or free text is, in which a reply may end */
    bool has_text, has_free;
};

#define SET_ROW_NONE UINT32_MAX
#define SET_UNKNOWN UINT32_MAX /* in a row: not computed yet */

struct grammar_entry { /* of the set that is being made */
    uint32_t node, sub, tail;
    uint32_t slot;   /* of entry_index */
    bool is_waiting; /* for its moves that take no byte */
};

struct grammar_sets {
    const struct grammar_program *program;
    struct grammar_set *sets;
    size_t set_count, set_cap;
    struct grammar_frame *frames;
    size_t frame_count, frame_cap;
    uint32_t (*rows)[256];
    size_t row_count, row_cap;
    uint32_t *index; /* hash table: number of a set + 1 */
    size_t index_cap;
    struct {
        uint32_t a, b, both;
    } *unions; /* of recent pairs */

    /* the set that is being made */
    struct grammar_entry *entries;
    size_t entry_count, entry_cap;
    uint32_t *entry_index; /* hash table: number of an entry + 1 */
    size_t entry_index_cap;
    uint32_t *waiting;
    size_t waiting_count, waiting_cap;
    bool ends;

    uint64_t work, work_max;
    uint32_t rule;    /* that was worked on last, for the message */
    enum error_code code; /* sticky: ERROR_INVALID over a bound, ERROR_NO_MEMORY */
};

bool sets_init(struct grammar_sets *sets, const struct grammar_program *program);
void sets_deinit(struct grammar_sets *sets);
/* The set in which a reply begins that `rule` describes. */
uint32_t sets_begin(struct grammar_sets *sets, uint32_t rule);
/* What the byte makes of the set; the slow half of sets_step. */
uint32_t sets_compute(struct grammar_sets *sets, uint32_t set, uint8_t byte);
uint32_t sets_marker(struct grammar_sets *sets, uint32_t set, int32_t token); /* what a special token makes of it */
/* The next byte on the shortest way to the reply's end; where a special token stands for the bytes that follow, *token
 * is that one, else -1. False: there is no way. */
bool sets_shortest(const struct grammar_sets *sets, uint32_t set, uint8_t *byte, int32_t *token);
/* Forgets everything but `set`, whose new number it returns. */
uint32_t sets_keep(struct grammar_sets *sets, uint32_t set);
bool sets_is_full(const struct grammar_sets *sets); /* time to call sets_keep */
enum error_code sets_error(const struct grammar_sets *sets, struct error *error); /* of `code` */

static inline uint32_t sets_step(struct grammar_sets *sets, uint32_t set, uint8_t byte)
{
    const uint32_t row = sets->sets[set].row;
    const uint32_t known = row != SET_ROW_NONE ? sets->rows[row][byte] : SET_UNKNOWN;
    return known != SET_UNKNOWN ? known : sets_compute(sets, set, byte);
}

#endif
