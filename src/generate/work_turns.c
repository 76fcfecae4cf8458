/* work_turns.c - whose turn it is: targets whose models are taken off the server between the choice and their turn. See
 * work_internal.h. */
#include "core/log.h"
#include "generate/work_internal.h"

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
