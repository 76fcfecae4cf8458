/* arrivals.c - see arrivals.h. Times of day are UTC: a log doesn't say where its readers live. */
#include "advise/arrivals.h"

#include <stdlib.h>

#include "advise/intake.h"
#include "core/mem.h"

#define SECOND_US UINT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define GAP_US (20 * MINUTE_US)   /* of silence, which ends a burst */
#define LONGEST_US (4 * HOUR_US)  /* more is traffic, not a job */
#define LEAST 50                  /* requests of a burst */
#define APART_US (90 * MINUTE_US) /* of two bursts at the same time of day, at most */
#define LATER_MAX 5               /* one in so many may be a later turn of a conversation */

struct burst {
    uint64_t begin_us, end_us, count;
    enum arrival is;
};

struct kind {
    struct burst *bursts; /* [LIMIT_ADVISE_BURSTS] */
    size_t count;
    struct burst open;
    uint64_t requests, later;
};

struct arrivals {
    struct kind *kinds[INTAKE_CLUSTERS]; /* NULL: no request yet */
    uint64_t first_us, last_us;
};

struct arrivals *arrivals_new(void)
{
    return mem_calloc(1, sizeof(struct arrivals));
}

void arrivals_free(struct arrivals *arrivals)
{
    for (size_t i = 0; arrivals && i < INTAKE_CLUSTERS; i++) {
        if (arrivals->kinds[i])
            mem_free(arrivals->kinds[i]->bursts);
        mem_free(arrivals->kinds[i]);
    }
    mem_free(arrivals);
}

static bool may_wait(const struct row *row)
{
    return !(row->flags & ROW_STREAM) && (row->flags & ROW_TIMED) && row->tier != TIER_BATCH && row->tier != TIER_FLEX;
}

/* Bursts that are large and short enough to be jobs. */
static void close_burst(struct kind *kind)
{
    const struct burst *open = &kind->open;
    if (open->count >= LEAST && open->end_us - open->begin_us <= LONGEST_US && kind->count < LIMIT_ADVISE_BURSTS)
        kind->bursts[kind->count++] = *open;
    kind->open = (struct burst){0};
}

bool arrivals_add(struct arrivals *arrivals, const struct row *row)
{
    if ((row->flags & ROW_TIMED) && (arrivals->first_us == 0 || row->time_us < arrivals->first_us))
        arrivals->first_us = row->time_us;
    if ((row->flags & ROW_TIMED) && row->time_us > arrivals->last_us)
        arrivals->last_us = row->time_us;
    if (!may_wait(row))
        return true;
    struct kind **slot = &arrivals->kinds[row->cluster];
    if (!*slot) {
        *slot = mem_calloc(1, sizeof(**slot));
        if (*slot)
            (*slot)->bursts = mem_calloc(LIMIT_ADVISE_BURSTS, sizeof(struct burst));
        if (!*slot || !(*slot)->bursts)
            return false;
    }
    struct kind *kind = *slot;
    kind->requests++;
    kind->later += (row->flags & ROW_LATER_TURN) != 0;
    if (kind->open.count > 0 && row->time_us > kind->open.end_us + GAP_US)
        close_burst(kind);
    if (kind->open.count == 0)
        kind->open.begin_us = row->time_us;
    kind->open.end_us = row->time_us;
    kind->open.count++;
    return true;
}

/* --- what a burst is ------------------------------------------------------------------------------------ */

static bool is_same_time(uint64_t a, uint64_t b)
{
    const uint64_t x = a % DAY_US, y = b % DAY_US, apart = x > y ? x - y : y - x;
    const uint64_t days = (a > b ? a - b : b - a) + APART_US;
    return (apart <= APART_US || apart >= DAY_US - APART_US) && days >= DAY_US;
}

static bool is_at_night(const struct arrivals *arrivals, const struct burst *burst)
{
    const uint64_t hour = burst->begin_us % DAY_US / HOUR_US, whole = arrivals->last_us - arrivals->first_us;
    const bool is_part = (burst->end_us - burst->begin_us) * 3 < whole;
    return (hour >= 1 && hour <= 4) || (is_part && (hour >= 22 || hour <= 5));
}

static void settle_kind(const struct arrivals *arrivals, struct kind *kind)
{
    close_burst(kind);
    if (kind->later * LATER_MAX > kind->requests)
        kind->count = 0;
    for (size_t i = 0; i < kind->count; i++) {
        struct burst *burst = &kind->bursts[i];
        burst->is = is_at_night(arrivals, burst) ? ARRIVAL_BURST : ARRIVAL_QUIET;
        for (size_t k = 0; k < kind->count; k++)
            if (k != i && is_same_time(burst->begin_us, kind->bursts[k].begin_us))
                burst->is = ARRIVAL_NIGHTLY;
    }
}

void arrivals_settle(struct arrivals *arrivals)
{
    for (size_t i = 0; i < INTAKE_CLUSTERS; i++)
        if (arrivals->kinds[i])
            settle_kind(arrivals, arrivals->kinds[i]);
}

enum arrival arrivals_of(const struct arrivals *arrivals, const struct row *row)
{
    const struct kind *kind = arrivals->kinds[row->cluster];
    if (!may_wait(row) || !kind)
        return ARRIVAL_LIVE;
    for (size_t i = 0; i < kind->count; i++)
        if (row->time_us >= kind->bursts[i].begin_us && row->time_us <= kind->bursts[i].end_us)
            return kind->bursts[i].is;
    return row->flags & ROW_LATER_TURN || kind->later * LATER_MAX > kind->requests ? ARRIVAL_LIVE : ARRIVAL_QUIET;
}

bool arrivals_largest(const struct arrivals *arrivals, struct arrival_facts *facts)
{
    *facts = (struct arrival_facts){0};
    for (uint32_t i = 0; i < INTAKE_CLUSTERS; i++) {
        struct arrival_facts found = {.cluster = i};
        const struct kind *kind = arrivals->kinds[i];
        for (size_t k = 0; kind && k < kind->count; k++) {
            const struct burst *burst = &kind->bursts[k];
            if (burst->is < ARRIVAL_BURST)
                continue;
            if (found.days++ == 0) {
                found.hour = (unsigned)(burst->begin_us % DAY_US / HOUR_US);
                found.minute = (unsigned)(burst->begin_us % HOUR_US / MINUTE_US);
            }
            found.requests += burst->count;
            found.is_nightly = found.is_nightly || burst->is == ARRIVAL_NIGHTLY;
        }
        if (found.requests > facts->requests)
            *facts = found;
    }
    return facts->requests > 0;
}
