/* work_route.c - which targets may answer and in which order: the router's list, without those that can't take the
 * request, and, where the router wants to know, how much of the prompt each holds warm. See work_internal.h. */
#include <assert.h>

#include "generate/work_internal.h"

/* Leaves those targets out that can't take the request. None is left: *error is the first one's refusal. */
static enum error_code keep_fitting(struct work *work, struct target *targets, size_t *count, struct error *error)
{
    struct error refusal = {.code = OK};
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        const struct backend *backend = work_backend_of(work, &targets[i]);
        struct error *reason = refusal.code == OK ? &refusal : error;
        if (chat_request_fits(work->setup.request, backend->ops->traits(backend, &targets[i]), reason) == OK)
            targets[kept++] = targets[i];
    }
    if (kept == 0)
        *error = refusal;
    *count = kept;
    return kept > 0 ? OK : error->code;
}

static void on_warmth(void *ctx, uint32_t tokens, const struct error *error)
{
    struct work *work = ctx;
    struct warmth_round *round = work->round;
    work->targets[round->asked].prompt_tokens = error ? 0 : work->call->prompt_tokens;
    work_end_call(work);
    round->tokens[round->asked++] = error ? 0 : tokens;
    work_advance(work);
}

bool work_ask(struct work *work)
{
    struct error ignored;
    if (!work->refusal)
        work->call = work->backend->ops->warmth(work->backend, &work->job, on_warmth, work, &ignored);
    work->refusal = NULL;
    work->round->asked += !work->call;
    return !work->call;
}

/* True: all have been asked. */
static bool ask_all(struct work *work)
{
    struct warmth_round *round = work->round;
    while (round->asked < work->target_count) {
        struct target *target = &work->targets[round->asked];
        if (!work_hold(work, target)) {
            work_leave_out(work, round->asked);
            continue;
        }
        *work_current(work) = *target;
        if (!work_backend_of(work, target)->ops->warmth) {
            round->asked++;
            continue;
        }
        const struct catalog_match match = work_match_at(work);
        work_fill_job(work, &match);
        if (work->setup.offload) {
            work->setup.offload(work->ctx, work);
            return false;
        }
        work_prepare(work);
        if (!work_ask(work))
            return false;
    }
    return true;
}

static void put_first(struct work *work, size_t chosen)
{
    assert(chosen < work->target_count);
    const struct target first = work->targets[chosen];
    memmove(work->targets + 1, work->targets, chosen * sizeof(first));
    work->targets[0] = first;
    work->placement.warm_tokens = work->round->tokens[chosen];
}

/* Those that may answer, in the order in which they are tried. */
static enum error_code list_targets(struct work *work, const struct work_router *router, struct error *error)
{
    struct chat_request *request = work->setup.request;
    struct target *list = router ? ARENA_ARRAY(request->arena, struct target, WORK_TARGETS_MAX) : NULL;
    size_t count = list ? router->route(router->ctx, request, &work->placement, list) : 0;
    assert(count <= WORK_TARGETS_MAX);
    if (count == 0) {
        list = &work->placement.routed; /* the one asked for, as yet */
        count = 1;
    }
    work->targets = list;
    enum error_code code = keep_fitting(work, list, &count, error);
    work->target_count = count;
    if (code == OK && count > 1 && router->choose && work->setup.kind != WORK_COUNT &&
        work->setup.kind != WORK_EMBED) {
        work->round = ARENA_NEW(request->arena, struct warmth_round);
        if (!work->round)
            return error_no_memory(error);
        *work->round = (struct warmth_round){0};
    }
    return code;
}

bool work_route(struct work *work)
{
    const struct work_router *router = work_router_of(work);
    struct error error;
    if (!work->targets && list_targets(work, router, &error) != OK) {
        work_fail(work, &error);
        return false;
    }
    if (!work->is_recall_done) {
        work->is_recall_done = true;
        if (work_recalls(work))
            return false;
    }
    if (work->round && !ask_all(work))
        return false;
    if (work->target_count == 0)
        return work_fail_for_none(work);
    if (work->round)
        put_first(work, router->choose(router->ctx, work->setup.request, &work->placement, work->targets,
                                       work->round->tokens, work->target_count));
    work->placement.routed = work->targets[0];
    work->state = WORK_ADMIT;
    if (work->setup.kind != WORK_CHOICE)
        return true;
    work_reach_end(work);
    work->handlers->on_chosen(work->ctx, &work->placement);
    return false;
}
