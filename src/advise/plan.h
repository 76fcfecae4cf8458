/* plan.h - what each lever would have saved on the requests of a log, taken in the ledger's order: route, distil,
 * cache, tier. Each request goes through all of them, so nothing counts twice and the shares add up to the picodollar.
 *
 * The rows are gone through twice in the order of time: first to learn (which marks are best for a tenant's model,
 * which requests come at night, which prompts get few answers), then to count. Sums are kept in blocks of hours and
 * conversations, of which intervals are made (bootstrap, 400 times, from a fixed seed). One thread. */
#ifndef ADVISE_PLAN_H
#define ADVISE_PLAN_H

#include "advise/arrivals.h"
#include "advise/intake.h"
#include "advise/replay.h"

enum plan_lever { PLAN_ROUTE, PLAN_DISTILL, PLAN_CACHE, PLAN_BATCH, PLAN_LEVERS };

/* Which levers are pulled; as zero it is all of them, each where it is best. */
struct plan_choice {
    bool is_given; /* only those below */
    bool route, distill, cache;
    enum plan_wait { WAIT_NEVER, WAIT_NIGHTLY, WAIT_QUIET } batch; /* bursts at night; all that nobody seems to read */
    enum plan_ttl { TTL_BEST, TTL_5M, TTL_1H } ttl;
    const struct price_row *student; /* of one that is there and takes whatever is its; NULL: those worth making */
};

struct plan_sum {
    int64_t saved;     /* picodollars, behind the levers before it */
    double low, high;  /* 95%, with what is not known */
    int64_t alone;     /* if it were the only one */
    double score;      /* for what it takes: the first to start with has the most; 0: not worth it */
};

struct plan_group {
    double costs[REPLAY_POLICIES], reads[REPLAY_POLICIES]; /* of all requests under each policy: cost, tokens read */
    uint64_t requests, with_body;
    unsigned policy;               /* the chosen one */
    double saved[PLAN_LEVERS];
    double prompt_tokens, read_today, read_marks, read_then;
    double shadow;                 /* of 2% of its requests, by the smaller model */
    double routed;                 /* requests that would go there, */
    double again;                  /* and those of them whose answer the router has made again */
};

struct plan_cluster {
    uint64_t requests;
    uint32_t group;                /* of the last request */
    double cost, small_cost, tokens;
    double share;                  /* that a student takes; 0: none */
    double effort;                 /* picodollars: answers to compare it by */
    double saved[PLAN_LEVERS];
    struct alike_facts alike;
};

struct plan {
    struct plan_sum sums[PLAN_LEVERS];
    int64_t cost;                  /* of all priced requests, today */
    uint64_t requests, unpriced, untimed, guessed; /* rows; of them without a price, a time, counted tokens */
    uint64_t first_us, last_us;
    int start;                     /* enum plan_lever; -1: nothing is worth it */
    struct plan_group *groups;     /* [LIMIT_ADVISE_GROUPS] */
    struct plan_cluster *clusters; /* [INTAKE_CLUSTERS] */
    struct arrivals *arrivals;
    uint64_t dropped;              /* prefixes that there was no room for */
    const struct price_row *student; /* of the choice */
};

/* `rows` are sorted by time here. */
enum error_code plan_make(struct plan *plan, const struct plan_choice *choice, const struct intake *intake,
                          struct log_rows *rows, struct error *error) WARN_UNUSED;
void plan_deinit(struct plan *plan);

#endif
