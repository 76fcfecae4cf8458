/* work_turns.c - whose turn it is: the target as its backend gets the request, and targets whose models are taken off
 * the server between the choice and their turn. See work_internal.h. */
#include <assert.h>

#include "core/log.h"
#include "generate/work_internal.h"

struct backend *work_backend_of(const struct work *work, const struct target *target)
{
    const bool is_instead = work->setup.instead && target->kind == TARGET_UPSTREAM;
    struct backend *backend = is_instead ? work->setup.instead : work->setup.port->backends[target->kind];
    assert(backend);
    return backend;
}

const char *work_provider_of(const struct work *work, const struct target *target)
{
    return target->model->upstream ? target->model->upstream->name : work_backend_of(work, target)->ops->name;
}

/* What the target makes of the model ID that was asked for. */
struct catalog_match work_match_at(const struct work *work)
{
    const struct target *target = &work->placement.answered;
    struct catalog_match match = target->match ? *target->match : *work->setup.match;
    match.model = target->model;
    return match;
}

static enum backend_use use_of(enum work_kind kind)
{
    if (kind == WORK_EMBED)
        return BACKEND_EMBED;
    return kind == WORK_COUNT ? BACKEND_COUNT : BACKEND_REPLY;
}

/* The target that has its turn, as its backend gets the request. */
void work_fill_job(struct work *work, const struct catalog_match *match)
{
    struct target *target = work_current(work);
    work->backend = work_backend_of(work, target);
    work->job.use = use_of(work->setup.kind);
    work->job.target = target;
    work->job.request = work->setup.request;
    work->job.tenant = work->setup.subject.tenant;
    work->job.has_elsewhere = work->placement.attempts + 1 < work->target_count;
    work->job.request_id = work->setup.subject.request_id;
    work->job.passes_on = work->setup.passes_on && !work->is_withheld && !work->remembers;
    work->job.wants_confidence = work->setup.wants_confidence || work->is_doubtable;
    work->job.cache_min_tokens = catalog_cache_min_tokens(work->setup.port->shared->config, match);
}

/* A model may have been replaced since the request came, and then its newest version answers; false: it is gone. */
bool work_hold(struct work *work, struct target *target)
{
    const struct work_shared *shared = work->setup.port->shared;
    if (work->held == target->model)
        return true;
    if (!model_hold(target->model)) {
        const struct catalog_match *match = target->match ? target->match : work->setup.match;
        const struct model *newest = registry_find(shared->models, target->model->name);
        if (!newest || !model_hold(newest))
            return false;
        target->model = newest;
        target->price = price_book_row_of(shared->prices, newest->price, match->id, match->place);
    }
    if (work->held)
        model_release(work->held);
    work->held = target->model;
    return true;
}

/* It was taken off the server since the targets were listed. */
void work_leave_out(struct work *work, size_t place)
{
    struct warmth_round *round = work->round;
    const size_t behind = --work->target_count - place;
    log_event(LOG_INFO, "a model is gone before its turn", LOG_S("id", work->setup.subject.request_id),
              LOG_C("model", work->targets[place].name));
    memmove(work->targets + place, work->targets + place + 1, behind * sizeof(*work->targets));
    if (!round || place >= round->asked)
        return;
    memmove(round->tokens + place, round->tokens + place + 1, behind * sizeof(*round->tokens));
    round->asked--;
}

/* The next one that is still there; false: there is none. */
bool work_hold_next(struct work *work)
{
    struct placement *placement = &work->placement;
    while (placement->attempts < work->target_count) {
        if (work_hold(work, &work->targets[placement->attempts]))
            return true;
        work_leave_out(work, placement->attempts);
        if (work->doubted)
            placement->why = STR("failed-over");
    }
    return false;
}

bool work_fail_for_none(struct work *work)
{
    struct error error;
    (void)error_set(&error, ERROR_INVALID,
                    work->setup.router ? "None of the prompt router's models is served here any more."
                                       : "The provided model identifier is invalid.");
    work_fail(work, &error);
    return false;
}
