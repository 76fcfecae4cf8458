/* health.h - what all threads know of one replica of an upstream: whether it may be
 * asked now, and what has come of asking it.
 *
 *   closed -> open after UPSTREAM_FAULTS failures in a row within half a minute
 *   open   -> half open when its time is over: one request is let through
 *   half open -> closed when that one is answered, open again, for longer, when not
 *
 * Beside that an upstream rests as long as it has asked for (Retry-After), has as
 * many requests and tokens a minute as fulcrum.yaml gives it, and a budget of
 * repetitions, so that a fault does not become a storm. Any thread; one mutex, for
 * the length of some additions. */
#ifndef UPSTREAM_HEALTH_H
#define UPSTREAM_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>

#include "upstream/config.h"
#include "upstream/retry.h"

#define UPSTREAM_FAULTS 5

enum health_state { HEALTH_CLOSED, HEALTH_OPEN, HEALTH_HALF_OPEN };

struct health_counters {
    uint64_t requests, attempts, retries; /* asked of us; sent; of them, again */
    uint64_t answered;                    /* whole replies */
    uint64_t cancelled;                   /* the client left */
    uint64_t failures[RETRY_CAUSES];      /* attempts */
    uint64_t turned_away;                 /* not sent: it rests, or a limit of ours */
    uint64_t opened;                      /* times that the circuit opened */
    uint64_t usage_estimated;             /* replies without usage */
    uint64_t usage_odd;                   /* whose sums don't agree */
    uint64_t first_byte_us;               /* of all `answered`, to the first block */
    uint64_t running;                     /* now */
    enum health_state state;
    uint64_t rests_until_us;              /* as it has asked for; in the past: it does not rest */
};

struct health {
    pthread_mutex_t mutex;
    const struct upstream_config *config;
    enum health_state state;
    unsigned faults;         /* in a row */
    uint64_t first_fault_us; /* of them */
    uint64_t open_until_us, open_ms;
    bool is_probing;         /* half open: one is under way */
    uint64_t rests_until_us;
    enum retry_cause rests_for;
    double repeats;          /* that may be made now */
    double requests_left, tokens_left;
    uint64_t filled_us;      /* when the last two were counted */
    struct health_counters counters;
};

void health_init(struct health *health, const struct upstream_config *config);
void health_deinit(struct health *health);

enum health_try {
    HEALTH_FIRST,     /* of its request */
    HEALTH_ELSEWHERE, /* another replica has failed it */
    HEALTH_AGAIN,     /* this one has, and was waited for */
};

/* Before each attempt. ERROR_THROTTLED or ERROR_UNAVAILABLE with retry_s: not now. After OK health_leave must come. */
enum error_code health_enter(struct health *health, uint64_t now_us, enum health_try try, struct error *error)
    WARN_UNUSED;

/* When it may be asked next as far as is known, at the earliest `now_us`; and how many requests it has. */
uint64_t health_free_us(struct health *health, uint64_t now_us, uint64_t *running);

/* What became of the attempt. */
enum health_end { HEALTH_ANSWERED, HEALTH_CANCELLED, HEALTH_FAILED };
void health_leave(struct health *health, uint64_t now_us, enum health_end end, const struct retry_verdict *verdict);

/* Whether another attempt may be made after a failure, here or elsewhere: that is taken from its budget. */
bool health_may_repeat(struct health *health, bool is_elsewhere);

void health_used(struct health *health, uint64_t tokens, bool is_estimated, bool is_odd, uint64_t first_byte_us);
void health_counters(struct health *health, struct health_counters *counters);

#endif
