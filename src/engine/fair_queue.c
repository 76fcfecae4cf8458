/* fair_queue.c - see fair_queue.h. */
#include "engine/fair_queue.h"

#include <assert.h>

#include "core/mem.h"
#include "core/must.h"

struct fair_flow {
    struct fair_queue *queue;
    struct fair_flow *next;     /* of all */
    struct fair_flow *previous_turn, *next_turn; /* of those that wait; NULL outside the ring */
    struct fair_item *first, **last;
    int64_t balance;
    uint32_t share, users;
    size_t name_len;
    char name[];
};

/* --- the ring --------------------------------------------------------------------------------------- */

static void ring_add(struct fair_flow *flow)
{
    struct fair_queue *queue = flow->queue;
    struct fair_flow *turn = queue->turn ? queue->turn : flow;
    flow->next_turn = turn;
    flow->previous_turn = queue->turn ? turn->previous_turn : flow;
    flow->previous_turn->next_turn = flow;
    turn->previous_turn = flow;
    queue->turn = turn;
}

static void ring_remove(struct fair_flow *flow)
{
    must(flow->next_turn != NULL && flow->previous_turn != NULL, "a flow leaves the ring once",
         LOG_I("users", flow->users));
    struct fair_queue *queue = flow->queue;
    if (queue->turn == flow)
        queue->turn = flow->next_turn == flow ? NULL : flow->next_turn;
    flow->previous_turn->next_turn = flow->next_turn;
    flow->next_turn->previous_turn = flow->previous_turn;
    flow->previous_turn = flow->next_turn = NULL;
}

/* --- flows ------------------------------------------------------------------------------------------ */

struct fair_flow *fair_queue_join(struct fair_queue *queue, struct str name, uint32_t share)
{
    for (struct fair_flow *flow = queue->flows; flow != NULL; flow = flow->next) {
        if (str_eq(name, (struct str){flow->name, flow->name_len})) {
            flow->users++;
            return flow;
        }
    }
    struct fair_flow *flow = mem_calloc(1, sizeof(*flow) + name.len);
    if (flow == NULL)
        return NULL;
    flow->queue = queue;
    flow->last = &flow->first;
    flow->share = share;
    flow->users = 1;
    flow->name_len = name.len;
    if (name.len > 0)
        memcpy(flow->name, name.data, name.len);
    flow->next = queue->flows;
    queue->flows = flow;
    return flow;
}

void fair_queue_leave(struct fair_flow *flow)
{
    if (flow == NULL || --flow->users > 0)
        return;
    assert(flow->first == NULL);
    struct fair_flow **link = &flow->queue->flows;
    while (*link != flow)
        link = &(*link)->next;
    *link = flow->next;
    mem_free(flow);
}

void fair_flow_charge(struct fair_flow *flow, uint32_t tokens)
{
    flow->balance -= tokens;
}

/* --- items ------------------------------------------------------------------------------------------ */

void fair_queue_push(struct fair_item *item)
{
    struct fair_flow *flow = item->flow;
    if (flow->first == NULL)
        ring_add(flow);
    item->next = NULL;
    *flow->last = item;
    flow->last = &item->next;
}

void fair_queue_push_front(struct fair_item *item)
{
    struct fair_flow *flow = item->flow;
    flow->balance += item->cost;
    if (flow->first == NULL) {
        fair_queue_push(item);
        return;
    }
    item->next = flow->first;
    flow->first = item;
}

/* Who waits alone owes nobody. */
struct fair_item *fair_queue_peek(struct fair_queue *queue)
{
    if (queue->turn == NULL)
        return NULL;
    if (queue->turn->next_turn == queue->turn && queue->turn->balance <= 0)
        queue->turn->balance = 1;
    while (queue->turn->balance <= 0) {
        queue->turn->balance += (int64_t)FAIR_QUANTUM * queue->turn->share;
        if (queue->turn->balance <= 0)
            queue->turn = queue->turn->next_turn;
    }
    return queue->turn->first;
}

struct fair_item *fair_queue_peek_other(struct fair_queue *queue)
{
    const struct fair_flow *turn = queue->turn, *most = NULL;
    for (const struct fair_flow *flow = turn ? turn->next_turn : NULL; flow != turn; flow = flow->next_turn)
        if (most == NULL || flow->balance > most->balance)
            most = flow;
    return most != NULL ? most->first : NULL;
}

void fair_queue_take(struct fair_item *item)
{
    struct fair_flow *flow = item->flow;
    must(flow->first == item, "what is taken is first of its flow", LOG_I("cost", item->cost),
         LOG_I("balance", flow->balance));
    flow->first = item->next;
    flow->balance -= item->cost;
    if (flow->first == NULL) {
        flow->last = &flow->first;
        flow->balance = flow->balance > 0 ? 0 : flow->balance; /* credit is not saved */
        ring_remove(flow);
    } else if (flow->balance <= 0 && flow->queue->turn == flow) {
        flow->queue->turn = flow->next_turn;
    }
}

struct fair_item *fair_queue_extract(struct fair_queue *queue, bool (*wants)(struct fair_item *item, void *ctx),
                                     void *ctx)
{
    struct fair_item *taken = NULL, **end = &taken;
    for (struct fair_flow *flow = queue->flows; flow != NULL; flow = flow->next) {
        const bool was_waiting = flow->first != NULL;
        struct fair_item **link = &flow->first;
        while (*link != NULL) {
            struct fair_item *item = *link;
            if (!wants(item, ctx)) {
                link = &item->next;
                continue;
            }
            *link = item->next;
            item->next = NULL;
            *end = item;
            end = &item->next;
        }
        flow->last = link;
        if (was_waiting && flow->first == NULL)
            ring_remove(flow);
    }
    return taken;
}
