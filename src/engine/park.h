/* park.h - the state of a preempted request, while others have its cells.
 *
 * What the prefix store has of its prompt in memory is pinned there; the rest,
 * and all of a state that can't be cut (recurrent, hybrid, sliding window), is
 * copied to host memory. So a prefix that many preempted requests share is kept
 * once. Model thread. */
#ifndef ENGINE_PARK_H
#define ENGINE_PARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"
#include "engine/prefix_store.h"

/* Zero is nothing kept. */
struct park {
    struct prefix_path *pin;
    uint32_t pinned; /* tokens */
    void *copy;      /* of the tokens behind them */
    size_t copy_len;
};

/* Keeps what `past` tokens of the sequence hold. A copy of more than `room` bytes
 * is not made; what is not kept has to be computed again. */
void park_take(struct park *park, struct model *model, struct prefix_store *store, const struct prefix_job *job,
               uint32_t sequence, uint32_t past, uint64_t room);
/* Into an empty sequence; frees the park. Returns the tokens that are there again: `past` or fewer. */
uint32_t park_put(struct park *park, struct model *model, struct prefix_store *store, uint32_t sequence,
                  uint32_t past);
void park_drop(struct park *park, struct prefix_store *store);

#endif
