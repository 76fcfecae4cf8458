/* fair_queue.h - deficit round robin by tokens, between flows of one tier.
 *
 * A flow is a tenant, or the requests that grew old in the tier below. Each has
 * a balance of tokens; who is in credit is served and pays what the request
 * costs, its prompt when it is taken and its reply as it is made, so a tenant
 * with long replies waits for one with short ones. In each round every flow
 * that waits gets FAIR_QUANTUM tokens for each part of its share. Within a flow: first come,
 * first served.
 *
 * A flow lives as long as somebody has joined it, so a debt is remembered while
 * the request that made it runs. Pure; one thread. Shreedhar and Varghese,
 * "Efficient Fair Queuing using Deficit Round Robin", 1995. */
#ifndef ENGINE_FAIR_QUEUE_H
#define ENGINE_FAIR_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define FAIR_QUANTUM 1024 /* tokens */
#define FAIR_SHARE 4      /* of a tenant; one that counts a quarter has 1 */

struct fair_flow;

struct fair_item {
    struct fair_item *next;
    struct fair_flow *flow;
    uint32_t cost; /* tokens, paid when it is taken */
};

/* Zero is an empty queue. */
struct fair_queue {
    struct fair_flow *flows;  /* all, newest first */
    struct fair_flow *turn;   /* ring of those that wait; NULL: none does */
};

/* Makes the flow if there is none of this name. NULL: no memory. */
struct fair_flow *fair_queue_join(struct fair_queue *queue, struct str name, uint32_t share);
void fair_queue_leave(struct fair_flow *flow); /* once per join; NULL is legal */
void fair_flow_charge(struct fair_flow *flow, uint32_t tokens);

/* item->flow and item->cost are set. */
void fair_queue_push(struct fair_item *item);
void fair_queue_push_front(struct fair_item *item); /* it was taken, and comes back: gets back what it paid */

struct fair_item *fair_queue_peek(struct fair_queue *queue); /* whose turn it is; NULL: empty */
/* While that one can't use its turn: of all others, the first of the flow that has most credit. NULL: nobody waits. */
struct fair_item *fair_queue_peek_other(struct fair_queue *queue);
void fair_queue_take(struct fair_item *item);                /* either, taken and paid */

/* Takes out all that `wants` wants, oldest of each flow first, as a list by `next`. Nobody pays. */
struct fair_item *fair_queue_extract(struct fair_queue *queue, bool (*wants)(struct fair_item *item, void *ctx),
                                     void *ctx);

#endif
