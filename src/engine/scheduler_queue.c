/* scheduler_queue.c - who waits, who is admitted, who grew too old. What runs is scheduler_sequence.c's. See
 * scheduler.h.
 *
 * A request stands in one place at a time:
 *
 *     inbox --> waiting[tier] --> running --> over
 *                 |     ^          |    ^
 *                 v     | woken    v    | resumed
 *                 parked       preempted[tier]
 *
 * It waits as one of its tenant's (fair_queue.h). Parked are those whose turn it was and whose prefix another request
 * is just computing, or the disk thread reading: they have given up their turn, hold no place, and come back to the
 * head of their tenant's queue.
 *
 * How a request opens. Before each step queue_admit goes through the tiers from the highest down. In each, whoever was
 * preempted goes on first, for it has begun once; then the queue is served until somebody finds no room. `open` is the
 * tier from which on nobody may begin any more in this round: all may at first, and whoever finds no room closes its
 * own tier and those below. Nobody overtakes it, though a smaller request might fit: small ones that keep coming would
 * else leave a large one waiting for ever.
 *
 * A request that grew old stands in the queue of the tier above its own, but runs in its own (running_tier). So where
 * it finds no room it closes its own tier, not the one in whose queue it stands, and does not hold up those to whom the
 * queue belongs; and those of its own tier that were preempted come before it.
 *
 * Room is a sequence and cells: as many as the prompt and the longest possible reply need are promised at admission, so
 * no reply ever runs out of them. can_have_room asks whether there would be room if all requests of lower tiers were
 * preempted, and preempts nobody. Only when the prefix is open, which may park the request after all, make_room
 * preempts, one after the other and no more than it takes: of the lowest tier, the youngest, which loses least when its
 * turn comes late. It finds a victim each time, for nothing has begun since can_have_room counted them. Preempting
 * first and looking at the prefix then would stop replies for somebody who is parked a moment later.
 *
 * A preempted request keeps its cells' content aside (park.h) and its counts; its promise of cells is given back. It
 * computes nothing again unless that copy was lost. */
#include "engine/scheduler_internal.h"

#include "core/must.h"
#include "core/util.h"

#define SWEEP_US 50000u       /* between two looks at deadlines and ages */
#define PREFIX_LENT_LEAST 64u /* tokens in common, to lend a tier for them */
#define AGED_SHARE 1u         /* of FAIR_SHARE */
#define AGED_FLOW STR("\n")   /* no tenant's name */

/* --- lists ------------------------------------------------------------------------------------------ */

static void list_clear(struct job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_push(struct job_list *list, struct job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static void list_push_front(struct job_list *list, struct job *job)
{
    job->next = list->first;
    if (list->first == NULL)
        list->last = &job->next;
    list->first = job;
}

static struct job *job_of(struct fair_item *item)
{
    return (struct job *)(void *)((char *)item - offsetof(struct job, item));
}

/* --- in and out of the queue ------------------------------------------------------------------------ */

void queue_init(struct scheduler *s)
{
    list_clear(&s->parked);
    for (size_t tier = 0; tier < TIERS; tier++)
        sequence_list_clear(&s->preempted[tier]);
}

/* It is no longer counted as waiting. */
static void forget_queued(struct scheduler *s, const struct job *job)
{
    must(s->queued[job->request.tier] > 0, "who leaves the queue was counted", LOG_I("tier", job->request.tier));
    s->queued[job->request.tier]--;
    atomic_fetch_sub(&s->queued_tokens[job->request.tier], job->tokens.count);
}

/* One that is not admitted and not in a list: it may wait for another's prefix, or for the disk, or
 * have been read from there. */
static void close_queued(struct scheduler *s, struct job *job)
{
    if (job->waiter.node != NULL)
        prefix_store_unwait(s->options.prefixes, &job->waiter);
    prefix_store_close(s->options.prefixes, &job->use);
    fair_queue_leave(job->item.flow);
    job->item.flow = NULL;
    forget_queued(s, job);
}

/* Into the queue of a tier, as one of its tenants or of those that grew old. False: no memory. */
static bool join(struct scheduler *s, struct job *job, uint8_t tier)
{
    const bool is_aged = tier != job->request.tier;
    struct fair_flow *flow = is_aged ? fair_queue_join(&s->waiting[tier], AGED_FLOW, AGED_SHARE)
                                     : fair_queue_join(&s->waiting[tier], job->request.tenant, FAIR_SHARE);
    if (flow == NULL)
        return false;
    fair_queue_leave(job->item.flow);
    job->item.flow = flow;
    job->tier = tier;
    return true;
}

void queue_add(struct scheduler *s, struct job *job)
{
    struct error error;
    job->item = (struct fair_item){.cost = (uint32_t)job->tokens.count};
    job->progress_us = job->queued_us;
    s->queued[job->request.tier]++;
    if (join(s, job, (uint8_t)job->request.tier)) {
        fair_queue_push(&job->item);
        return;
    }
    close_queued(s, job);
    (void)error_no_memory(&error);
    add_failure(s, job, &error);
}

static bool wants_all(struct fair_item *item, void *ctx)
{
    (void)item;
    (void)ctx;
    return true;
}

void queue_deinit(struct scheduler *s)
{
    for (struct job *job = s->parked.first; job != NULL; job = job->next)
        close_queued(s, job);
    for (size_t tier = 0; tier < TIERS; tier++)
        for (struct fair_item *item = fair_queue_extract(&s->waiting[tier], wants_all, NULL), *next; item != NULL;
             item = next) {
            next = item->next;
            close_queued(s, job_of(item));
        }
}

bool queue_is_idle(const struct scheduler *s)
{
    for (size_t tier = 0; tier < TIERS; tier++)
        if (s->waiting[tier].turn != NULL || s->preempted[tier].first != NULL)
            return false;
    for (const struct job *job = s->parked.first; job != NULL; job = job->next)
        if (!job->is_fetching)
            return false;
    return s->count == 0;
}

/* --- cancels, deadlines, ages ----------------------------------------------------------------------- */

/* Takes those out of the parked that `wants` wants. */
static struct fair_item *extract_parked(struct scheduler *s, bool (*wants)(struct fair_item *item, void *ctx),
                                        void *ctx)
{
    struct fair_item *taken = NULL;
    struct job *next = s->parked.first;
    list_clear(&s->parked);
    while (next != NULL) {
        struct job *job = next;
        next = job->next;
        if (wants(&job->item, ctx)) {
            job->item.next = taken;
            taken = &job->item;
        } else {
            list_push(&s->parked, job);
        }
    }
    return taken;
}

static bool is_cancelled(struct fair_item *item, void *ctx)
{
    (void)ctx;
    return atomic_load(&job_of(item)->is_cancelled);
}

static void drop_items(struct scheduler *s, struct fair_item *item)
{
    for (struct fair_item *next; item != NULL; item = next) {
        next = item->next;
        close_queued(s, job_of(item));
        add_event(s, EVENT_GONE, job_of(item));
    }
}

static void drop_preempted(struct scheduler *s, size_t tier)
{
    struct sequence_list kept;
    sequence_list_clear(&kept);
    while (s->preempted[tier].first != NULL) {
        struct sequence *seq = sequence_list_pop(&s->preempted[tier]);
        struct job *job = seq->job;
        if (!atomic_load(&job->is_cancelled)) {
            sequence_list_push(&kept, seq);
            continue;
        }
        sequence_drop_preempted(s, seq);
        add_event(s, EVENT_GONE, job);
    }
    while (kept.first != NULL)
        sequence_list_push(&s->preempted[tier], sequence_list_pop(&kept));
}

void queue_drop_cancelled(struct scheduler *s)
{
    drop_items(s, extract_parked(s, is_cancelled, NULL));
    for (size_t tier = 0; tier < TIERS; tier++) {
        drop_items(s, fair_queue_extract(&s->waiting[tier], is_cancelled, NULL));
        drop_preempted(s, tier);
    }
    for (uint32_t i = s->count; i-- > 0;) {
        struct job *job = s->sequences[i]->job;
        if (!atomic_load(&job->is_cancelled))
            continue;
        sequence_end(s, s->sequences[i]);
        add_event(s, EVENT_GONE, job);
    }
}

struct moment {
    const struct scheduler *scheduler;
    uint64_t now_us;
};

static bool is_too_late(struct fair_item *item, void *ctx)
{
    const struct moment *moment = ctx;
    const struct job *job = job_of(item);
    const uint64_t allowed_us = moment->scheduler->options.tiers.deadline_us[job->request.tier];
    return allowed_us > 0 && moment->now_us > job->queued_us + allowed_us;
}

static void refuse_items(struct scheduler *s, struct fair_item *item)
{
    struct error error;
    for (struct fair_item *next; item != NULL; item = next) {
        struct job *job = job_of(item);
        next = item->next;
        close_queued(s, job);
        (void)error_set(&error, ERROR_THROTTLED,
                        "the request waited %llu s, the deadline of tier %s, without being begun; try again later",
                        (unsigned long long)(s->options.tiers.deadline_us[job->request.tier] / 1000000),
                        tier_names[job->request.tier]);
        add_failure(s, job, &error);
    }
}

/* Batch rises only after an age of its own: it is what is left that it was promised. */
static bool is_old(const struct scheduler *s, const struct job *job, uint64_t now_us)
{
    const struct scheduler_tiers *tiers = &s->options.tiers;
    const uint64_t age_us = job->tier == TIER_BATCH ? tiers->batch_age_us : tiers->age_us;
    return age_us > 0 && job->tier > TIER_PRIORITY && now_us > job->progress_us + age_us;
}

static bool is_old_item(struct fair_item *item, void *ctx)
{
    const struct moment *moment = ctx;
    return is_old(moment->scheduler, job_of(item), moment->now_us);
}

static void raise_waiting(struct scheduler *s, size_t tier, struct moment *moment)
{
    struct fair_item *item = fair_queue_extract(&s->waiting[tier], is_old_item, moment);
    for (struct fair_item *next; item != NULL; item = next) {
        struct job *job = job_of(item);
        next = item->next;
        job->progress_us = moment->now_us;
        (void)join(s, job, job->tier - 1); /* without memory it stays where it is */
        fair_queue_push(&job->item);
    }
}

static void raise_preempted(struct scheduler *s, size_t tier, uint64_t now_us)
{
    struct sequence_list all = s->preempted[tier];
    if (all.first == NULL)
        return;
    sequence_list_clear(&s->preempted[tier]);
    while (all.first != NULL) {
        struct sequence *seq = sequence_list_pop(&all);
        if (is_old(s, seq->job, now_us)) {
            seq->job->tier--;
            seq->job->progress_us = now_us;
        }
        sequence_list_push(&s->preempted[seq->job->tier], seq);
    }
}

static void raise_running(struct scheduler *s, uint64_t now_us)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct job *job = s->sequences[i]->job;
        if (!is_old(s, job, now_us))
            continue;
        job->tier--;
        job->progress_us = now_us;
    }
}

void queue_sweep(struct scheduler *s)
{
    struct moment moment = {s, clock_now_us()};
    if (moment.now_us < s->swept_us + SWEEP_US)
        return;
    s->swept_us = moment.now_us;
    refuse_items(s, extract_parked(s, is_too_late, &moment));
    for (size_t tier = 0; tier < TIERS; tier++) {
        refuse_items(s, fair_queue_extract(&s->waiting[tier], is_too_late, &moment));
        raise_waiting(s, tier, &moment);
        raise_preempted(s, tier, moment.now_us);
    }
    raise_running(s, moment.now_us);
}

/* --- prefixes that others compute, or the disk has -------------------------------------------------- */

static void on_prefix(struct prefix_waiter *waiter, bool is_ready)
{
    struct job *job = (struct job *)(void *)((char *)waiter - offsetof(struct job, waiter));
    (void)is_ready;
    job->is_woken = true;
}

/* Who computes what this job waits for must not wait behind its tier. */
static void lend_tier(struct scheduler *s, const struct job *job)
{
    const size_t common = PREFIX_LENT_LEAST;
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        const struct job *other = seq->job;
        if (seq->phase == PHASE_PROMPT && seq->lent_tier > job->tier && job->tokens.count >= common &&
            other->tokens.count >= common && str_eq(other->request.tenant, job->request.tenant) &&
            str_eq(other->request.cache_salt, job->request.cache_salt) &&
            memcmp(other->tokens.items, job->tokens.items, common * sizeof(model_token)) == 0)
            seq->lent_tier = job->tier;
    }
}

/* False: it waits for a prefix that another job computes, or the disk has. One
 * that waited for the disk comes back with its prefix open. */
static bool open_prefix(struct scheduler *s, struct job *job)
{
    bool is_pending = false;
    if (!job->is_fetching) {
        job->is_woken = false;
        job->waiter = (struct prefix_waiter){.wake = on_prefix};
        prefix_store_open(s->options.prefixes, &job->prefix, &job->waiter, &job->use, &is_pending);
    }
    job->is_fetching = !is_pending && !prefix_store_is_ready(s->options.prefixes, &job->use);
    if (is_pending)
        lend_tier(s, job);
    if (is_pending || job->is_fetching)
        list_push(&s->parked, job);
    return !is_pending && !job->is_fetching;
}

/* Woken jobs go before those that came after them. */
static void take_woken(struct scheduler *s)
{
    struct job_list woken;
    struct job *next = s->parked.first;
    list_clear(&s->parked);
    list_clear(&woken);
    while (next != NULL) {
        struct job *job = next;
        next = job->next;
        if (job->is_fetching ? prefix_store_is_ready(s->options.prefixes, &job->use) : job->is_woken)
            list_push_front(&woken, job);
        else
            list_push(&s->parked, job);
    }
    for (struct job *job = woken.first; job != NULL; job = next) {
        next = job->next;
        fair_queue_push_front(&job->item);
    }
}

/* --- admission -------------------------------------------------------------------------------------- */

static bool fits(const struct scheduler *s, uint32_t running, uint64_t cells, uint32_t needed)
{
    return running < s->facts->parallel && cells + needed <= s->facts->cells;
}

/* The youngest of the lowest tier below `tier`; NULL: none is below it. */
static struct sequence *find_victim(const struct scheduler *s, uint8_t tier)
{
    struct sequence *victim = NULL;
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        if (sequence_tier(seq) > tier && (victim == NULL || sequence_tier(seq) >= sequence_tier(victim)))
            victim = seq;
    }
    return victim;
}

/* Whether there is room for a job of `tier`, if need be when all of lower tiers are preempted. */
static bool can_have_room(const struct scheduler *s, const struct job *job, uint8_t tier)
{
    uint32_t running = s->count;
    uint64_t cells = s->cells_promised;
    if (s->options.is_serial)
        return s->count == 0;
    if (tier == TIER_BATCH && !step_batch_has_room(s))
        return false;
    for (uint32_t i = 0; i < s->count; i++) {
        if (sequence_tier(s->sequences[i]) <= tier)
            continue;
        running--;
        cells -= s->sequences[i]->cells;
    }
    return fits(s, running, cells, sequence_cells(s, job));
}

static void preempt_one(struct scheduler *s, uint8_t tier)
{
    struct sequence *victim = find_victim(s, tier);
    must(victim != NULL, "there is room, as was said, when all of lower tiers are preempted", LOG_I("tier", tier),
         LOG_I("running", s->count), LOG_I("promised", s->cells_promised), LOG_I("cells", s->facts->cells));
    sequence_preempt(s, victim);
}

static void make_room(struct scheduler *s, const struct job *job, uint8_t tier)
{
    while (!s->options.is_serial && !fits(s, s->count, s->cells_promised, sequence_cells(s, job)))
        preempt_one(s, tier);
}

/* What a waiting job runs as. Age brings it to the head of a higher queue, not into that tier: where more of
 * its tier comes than the engine can do all of it grows old, and would leave the higher one nothing. Batch
 * that grew old runs as flex, for batch may have no part in a step. */
static uint8_t running_tier(const struct job *job)
{
    return job->request.tier == TIER_BATCH && job->tier != TIER_BATCH ? TIER_FLEX : (uint8_t)job->request.tier;
}

static void admit(struct scheduler *s, struct job *job)
{
    must(job->waiter.node == NULL && !job->is_fetching, "who is admitted waits for nothing",
         LOG_B("fetching", job->is_fetching));
    forget_queued(s, job);
    job->tier = running_tier(job);
    if (s->options.is_serial)
        model_clear(s->options.model); /* the same cells for the same request */
    sequence_begin(s, job);
}

static bool resume_tier(struct scheduler *s, size_t tier)
{
    while (s->preempted[tier].first != NULL) {
        const struct job *job = s->preempted[tier].first->job;
        if (!can_have_room(s, job, job->tier))
            return false;
        struct sequence *seq = sequence_list_pop(&s->preempted[tier]);
        make_room(s, seq->job, seq->job->tier);
        sequence_resume(s, seq);
    }
    return true;
}

/* Whether it may begin now. `open`: from this tier on nobody may; it grows tighter with each that finds no room. */
static bool may_begin(struct scheduler *s, const struct job *job, size_t tier, uint8_t *open)
{
    const uint8_t own = running_tier(job);
    const bool has_room = own < *open && (own == tier || resume_tier(s, own)) && can_have_room(s, job, own);
    if (!has_room && own < *open)
        *open = own;
    return has_room;
}

/* Takes the next that may begin out of a tier's queue; NULL: nobody. Whoever lost its place goes before an old one of
 * its tier. An old one without room takes nobody's place, so it must not hold up those to whom the queue belongs. */
static struct job *take_waiting(struct scheduler *s, size_t tier, uint8_t *open)
{
    struct fair_item *item = fair_queue_peek(&s->waiting[tier]);
    if (item == NULL)
        return NULL;
    if (!may_begin(s, job_of(item), tier, open)) {
        const bool is_old_one = running_tier(job_of(item)) != tier;
        item = is_old_one ? fair_queue_peek_other(&s->waiting[tier]) : NULL;
        if (item == NULL || !may_begin(s, job_of(item), tier, open))
            return NULL;
    }
    fair_queue_take(item);
    return job_of(item);
}

static void admit_tier(struct scheduler *s, size_t tier, uint8_t *open)
{
    struct job *job;
    if (!resume_tier(s, tier)) {
        *open = (uint8_t)tier;
        return;
    }
    while ((job = take_waiting(s, tier, open)) != NULL) {
        if (!open_prefix(s, job))
            continue;
        make_room(s, job, running_tier(job));
        admit(s, job);
    }
}

/* Nobody of the same tier or a lower one overtakes: a large request would starve. */
void queue_admit(struct scheduler *s)
{
    uint8_t open = TIERS;
    take_woken(s);
    for (size_t tier = 0; tier < open; tier++)
        admit_tier(s, tier, &open);
}
