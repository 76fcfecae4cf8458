/* park.c - see park.h. */
#include "engine/park.h"

#include "core/mem.h"
#include "core/must.h"

static bool can_cut(const struct model *model)
{
    return model_facts(model)->state_kind == MODEL_STATE_ATTENTION;
}

static void copy_state(struct park *park, struct model *model, uint32_t sequence, uint64_t room)
{
    const size_t size = model_state_size(model, sequence);
    park->copy = size > 0 && size <= room ? mem_alloc(size) : NULL;
    if (park->copy != NULL)
        park->copy_len = model_state_get(model, sequence, park->copy, size);
    if (park->copy_len == 0) {
        mem_free(park->copy);
        park->copy = NULL;
    }
}

void park_take(struct park *park, struct model *model, struct prefix_store *store, const struct prefix_job *job,
               uint32_t sequence, uint32_t past, uint64_t room)
{
    const uint32_t scratch = model_facts(model)->scratch;
    must(past > 0, "there is a state to park", LOG_I("sequence", sequence));
    *park = (struct park){0};
    if (!can_cut(model)) {
        copy_state(park, model, sequence, room);
        return;
    }
    park->pinned = prefix_store_pin(store, job, past, &park->pin);
    if (park->pinned >= past)
        return;
    model_seq_copy(model, sequence, scratch, park->pinned, past);
    copy_state(park, model, scratch, room);
    model_seq_clear(model, scratch);
}

static uint32_t put_copy(const struct park *park, struct model *model, uint32_t sequence, uint32_t past)
{
    const uint32_t scratch = model_facts(model)->scratch;
    const uint32_t target = can_cut(model) ? scratch : sequence;
    must(park->pinned <= past, "no more is pinned than was computed", LOG_I("pinned", park->pinned),
         LOG_I("past", past));
    if (park->copy == NULL)
        return park->pinned;
    if (model_state_set(model, target, park->copy, park->copy_len) == 0) {
        model_seq_clear(model, target);
        return park->pinned;
    }
    if (target == scratch) {
        model_seq_copy(model, scratch, sequence, park->pinned, past);
        model_seq_clear(model, scratch);
    }
    return past;
}

uint32_t park_put(struct park *park, struct model *model, struct prefix_store *store, uint32_t sequence,
                  uint32_t past)
{
    uint32_t restored = 0;
    if (park->pin == NULL || prefix_store_put_back(store, park->pin, park->pinned, sequence))
        restored = put_copy(park, model, sequence, past);
    else
        model_seq_clear(model, sequence);
    park_drop(park, store);
    return restored;
}

void park_drop(struct park *park, struct prefix_store *store)
{
    prefix_store_unpin(store, park->pin);
    mem_free(park->copy);
    *park = (struct park){0};
}
