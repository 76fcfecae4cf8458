/* work_internal.h - a work from inside, for work.c, for work_route.c: who may answer, for work_turns.c: whose turn it
 * is, and for work_doubt.c: replies that a router may take back.
 *
 * Such a reply is withheld: its events are collected and told to nobody until the router has decided, of a whole reply
 * when it is whole, of a stream after so many tokens at most. So is each whole reply of a router that has another
 * target left, which answers where this one breaks. Taken back, it is kept until a better one is there, since that may
 * fail.
 *
 * Money is reserved before a target gets the request, and settled with its line (work_spending.c). */
#ifndef GENERATE_WORK_INTERNAL_H
#define GENERATE_WORK_INTERNAL_H

#include "generate/collect.h"
#include "generate/documents.h"
#include "generate/work.h"
#include "keys/keys.h"
#include "recall/recall.h"

/* Each target in turn is asked how warm it is. */
struct warmth_round {
    size_t asked; /* so many have answered */
    uint32_t tokens[WORK_TARGETS_MAX];
};

struct work {
    struct work_setup setup;
    const struct work_handlers *handlers;
    void *ctx;
    enum work_state state, reached;

    struct document_wait *documents; /* not NULL: their texts, or what is wrong with them, are on their way */
    struct target *targets;          /* in the order in which they are tried */
    size_t target_count;
    struct warmth_round *round;      /* NULL: nobody wants to know */
    struct placement placement;
    struct reservation *reservation; /* that the request is served within; NULL: none */
    enum tier tier_asked;            /* before a target that does not sell it */
    bool is_unbounded;               /* the request gives no maximum of tokens */

    const struct model *held; /* of the target whose turn it is: its worker stays until the work is done with it */
    struct backend *backend;
    struct backend_job job;
    const struct error *refusal; /* why the prompt could not be written */
    struct backend_events events;
    struct backend_call *call;   /* NULL: none runs */
    unsigned repeats;            /* of calls that have ended: times that backends asked again */
    struct chat_usage usage;     /* of the last call, once it ended */
    struct chat_cache_use cache;
    uint64_t answer_us, decode_us; /* when its first token came, and how long after it the last */
    uint64_t first_token_us;     /* when whoever asked could have the first one; 0: not yet */
    struct chat_reply reply;
    bool gathers, checks; /* blocks are kept; they are looked at */
    struct collect collect;
    bool is_doubtable;        /* the router may take the reply back once it knows how sure the model is... */
    bool is_withheld;             /* ...and until then nobody is told of it; nor of one that may break */
    struct doubted *doubted;  /* a reply that was taken back; NULL: none */
    struct recall_key recall_key;    /* where setup.recall is there, from ROUTE on */
    const struct recalled *recalled; /* the answer that is given again; NULL: it is made */
    bool is_recall_done;      /* it has been looked for */
    bool remembers, is_fit;   /* the answer is to be kept; and it came whole, from who was to give it */
    bool *is_over;            /* NULL, or set by work_end: the work may be gone */

    struct spending spending; /* reserved while its line is open */
    uint64_t minute_tokens;   /* taken from its key's and its tenant's minute */
    bool has_tags, has_minute; /* the subject has all of its tags; its key's and its tenant's minute was asked */
    struct charge charge;
    bool is_charged, is_open; /* the charge has begun; its line has not ended */
};

/* --- of work.c --- */

static inline const struct work_router *work_router_of(const struct work *work)
{
    return work->setup.router ? work->setup.router : work->setup.port->shared->others.router;
}
static inline struct target *work_current(struct work *work)
{
    return &work->placement.answered;
}
void work_advance(struct work *work); /* from state to state until it has to wait: the work may be gone */
void work_reach_end(struct work *work);
void work_fail(struct work *work, const struct error *error); /* the last handler: the work may be gone */
void work_end_call(struct work *work);
enum error_code work_open_line(struct work *work, struct error *error) WARN_UNUSED;
void work_drop_line(struct work *work);
void work_announce(struct work *work, uint64_t first_token_us); /* a handler may end the work */
void work_finish(struct work *work);                            /* the last handler: the work may be gone */

void work_take_tier(struct work *work, const struct target *target); /* that it is served in there */

/* --- of work_recall.c --- */

/* The request was answered before, and is so again: the work may be gone. False: it is to be answered. */
bool work_recalls(struct work *work);
void work_remember(struct work *work); /* once its line is in the ledger */
void work_forget_recalled(struct work *work);

/* --- of work_route.c --- */

bool work_route(struct work *work); /* false: the work waits or has ended */
/* How warm the prompt, which is written, is for the target whose turn it is; what can't be asked is taken as cold.
 * True: it was not asked. */
bool work_ask(struct work *work);

/* --- of work_spending.c --- */

/* Whether its key may use what it asks for; at the start, of everything. */
enum error_code work_check_key(const struct work *work, struct error *error) WARN_UNUSED;
/* Before a line is opened: a part of its key's and its tenant's minute, once, and what the target may cost at most of
 * all budgets. */
enum error_code work_reserve(struct work *work, struct error *error) WARN_UNUSED;
/* What it did cost, by its lines; 0: nothing, as one that was not let in after all. Harmless where nothing is held. */
void work_spent(struct work *work, uint64_t cost);
void work_end_minute(struct work *work); /* once, at the end of all */

/* --- of work_turns.c --- */

struct backend *work_backend_of(const struct work *work, const struct target *target);
const char *work_provider_of(const struct work *work, const struct target *target); /* as the ledger names it */
struct catalog_match work_match_at(const struct work *work); /* what the target makes of the ID that was asked for */
void work_fill_job(struct work *work, const struct catalog_match *match); /* of the target that has its turn */
bool work_fail_for_none(struct work *work); /* false: no target is left, the work may be gone */

/* Keeps the target's model, in its newest version, until another one is held or the work ends; false: it is gone. */
bool work_hold(struct work *work, struct target *target) WARN_UNUSED;
void work_leave_out(struct work *work, size_t place); /* of `targets`: nobody asks it any more */
/* Of those that were not tried the first one that is still there, whose turn it is; false: there is none. */
bool work_hold_next(struct work *work) WARN_UNUSED;

/* --- of work_doubt.c --- */

/* Before the target whose turn it is gets the request. */
void work_withhold(struct work *work);
void work_forget_reply(struct work *work); /* what was collected of it */

/* A withheld reply has come so far: whether the router takes it back; then the next target has its turn. */
bool work_takes_back(struct work *work, double confidence, bool is_whole);
bool work_must_decide(const struct work *work); /* of a stream: as much of it was withheld as may be */
bool work_lets_go(struct work *work);           /* what was withheld is told; false: the work has ended */

/* Nothing better came: the reply that was taken back is the one. False: there is none. True: the work may be gone. */
bool work_gives_back(struct work *work);

/* The line of what was taken back, if the request is paid for at all. */
enum error_code work_bill_doubted(struct work *work, bool is_paid, struct error *error) WARN_UNUSED;
uint64_t work_doubted_cost(const struct work *work);
void work_drop_doubted(struct work *work);

#endif
