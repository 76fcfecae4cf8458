/* work_recall.c - answers that are given again, in front of whatever answers. See work_internal.h.
 *
 * Between ROUTE and ADMIT, when it is known who may answer, a request looks for an answer that the same request was
 * given before. One that is there is told as if its model had said it all at once; nobody is asked and nothing is paid.
 * Else the answer is gathered, and kept once its line is in the ledger: what failed, was taken back or was never billed
 * is not given to others. */
#include "core/util.h"
#include "generate/work_internal.h"

static bool is_asked_for(const struct work *work)
{
    return work->setup.recall && work->setup.kind == WORK_REPLY && work->setup.port->shared->recall;
}

/* Routers and models, by what was asked for: their names differ from each other. */
static bool make_key(struct work *work)
{
    const struct str route = work->setup.router ? work->setup.subject.model_requested
                                                : str_of(work->placement.asked.name);
    return recall_key_make(work->setup.recall->digest, work->setup.subject.tenant, route, work->setup.match->id,
                           &work->recall_key);
}

/* Who made the answer still may, in the version of then; NULL: not so. */
static struct target *answering(struct work *work, const struct recalled *answer)
{
    for (size_t i = 0; i < work->target_count; i++) {
        struct target *target = &work->targets[i];
        if (target->model == answer->version && str_eq(str_of(target->name), answer->answered))
            return work_hold(work, target) && target->model == answer->version ? target : NULL;
    }
    return NULL;
}

static struct target *find(struct work *work)
{
    const struct work_recall *wish = work->setup.recall;
    const struct recalled *answer =
        recall_get(work->setup.port->shared->recall, &work->recall_key, wish->max_age_us, clock_now_us());
    struct target *target = answer ? answering(work, answer) : NULL;
    if (target)
        work->recalled = answer;
    else
        recall_release(answer);
    return target;
}

static void place(struct work *work, struct target *target)
{
    struct placement *placement = &work->placement;
    *work_current(work) = placement->routed = *target;
    work->backend = work_backend_of(work, target);
    placement->provider = work_provider_of(work, target);
    placement->is_recalled = true;
    placement->recalled_age_us = clock_now_us() - work->recalled->made_us;
    if (work->setup.router)
        placement->why = STR("response-cache");
    chat_request_goes_to(work->setup.request, work->backend->ops->traits(work->backend, target));
    work_take_tier(work, target);
    work->reservation = NULL; /* nothing of it is used */
}

static void take(struct work *work)
{
    const struct recalled *answer = work->recalled;
    work->usage = answer->usage;
    work->reply.blocks = answer->blocks;
    work->reply.block_count = answer->block_count;
    work->reply.stop = answer->stop;
    work->reply.stop_sequence = answer->stop_sequence;
    work->reply.confidence = -1;
}

/* The last handlers: the work may be gone. */
static void tell(struct work *work)
{
    const struct work_handlers *handlers = work->handlers;
    const struct recalled *answer = work->recalled;
    const struct chat_sink sink = {work->ctx, handlers->block_start, handlers->block_delta, handlers->block_stop, NULL};
    bool is_over = false;
    if (handlers->on_placed)
        handlers->on_placed(work->ctx, &work->placement);
    work->is_over = &is_over;
    work->answer_us = clock_now_us();
    work_announce(work, work->answer_us);
    if (is_over)
        return;
    work->is_over = NULL;
    for (size_t i = 0; i < answer->block_count; i++)
        collect_tell_block(&sink, i, &answer->blocks[i]);
    work_finish(work);
}

bool work_recalls(struct work *work)
{
    struct error error;
    if (!is_asked_for(work) || !make_key(work))
        return false;
    struct target *target = work->setup.recall->reads ? find(work) : NULL;
    work->remembers = !target && work->setup.recall->keeps;
    work->gathers = work->gathers || work->remembers;
    if (!target)
        return false;
    place(work, target);
    if (work_open_line(work, &error) != OK) {
        work_fail(work, &error);
        return true;
    }
    take(work);
    tell(work);
    return true;
}

void work_remember(struct work *work)
{
    const struct chat_reply *reply = &work->reply;
    const struct target *answered = &work->placement.answered;
    if (!work->remembers || !work->is_fit || !recall_keeps(reply->stop, !work->is_unbounded))
        return;
    struct recalled answer = {
        .blocks = reply->blocks,
        .block_count = reply->block_count,
        .stop = reply->stop,
        .stop_sequence = reply->stop_sequence,
        .usage = work->usage,
        .answered = str_of(answered->name),
        .version = answered->model,
    };
    answer.usage.has_tier = false; /* whoever gets it is served in the tier that he asks for */
    recall_put(work->setup.port->shared->recall, &work->recall_key, &answer, work->setup.recall->rules->ttl_ms * 1000,
               clock_now_us());
}

void work_forget_recalled(struct work *work)
{
    recall_release(work->recalled);
    work->recalled = NULL;
}
