/* work_doubt.c - replies that a router may take back: withheld until it has decided, kept until a better one is there.
 * See work_internal.h. */
#include <assert.h>

#include "core/log.h"
#include "core/util.h"
#include "generate/work_internal.h"

/* A reply that was taken back, and all that it takes to give it after all. */
struct doubted {
    bool is_whole;             /* it can be given; else it had only begun */
    const struct model *held;  /* whose it is */
    struct placement placement;
    struct charge charge;
    struct chat_usage usage;
    struct chat_cache_use cache;
    uint64_t answer_us, decode_us;
    struct chat_reply reply;
    struct collect collect;
};

/* --- withheld --------------------------------------------------------------------------------------- */

static const struct target *untried(const struct work *work)
{
    return work->targets + work->placement.attempts;
}

static size_t untried_count(const struct work *work)
{
    return work->target_count - work->placement.attempts;
}

/* There is room in the list for whoever answers again, and behind it for who answered first. */
static bool may_doubt(const struct work *work)
{
    const struct work_router *router = work_router_of(work);
    const size_t tried = work->placement.attempts + 1;
    return router && router->may_doubt && work->setup.kind == WORK_REPLY && !work->doubted &&
           (!work->setup.is_stream || router->held_tokens > 0) && tried + 1 < WORK_TARGETS_MAX &&
           tried < work->target_count &&
           router->may_doubt(router->ctx, &work->placement.answered, work->targets + tried, work->target_count - tried);
}

/* A whole reply is told when it is whole: who asked a router is answered by the next target where it breaks before. */
static bool may_break(const struct work *work)
{
    return work->setup.router && work->setup.kind == WORK_REPLY && !work->setup.is_stream &&
           work->placement.attempts + 1 < work->target_count;
}

void work_withhold(struct work *work)
{
    const bool has_other = work->doubted && work->doubted->is_whole && !work->setup.is_stream;
    const bool is_verbatim = (work->setup.request->needs & CHAT_NEEDS_VERBATIM) != 0; /* nothing can be kept of it */
    work->is_doubtable = !is_verbatim && may_doubt(work);
    work->is_withheld = !is_verbatim && (work->is_doubtable || has_other || may_break(work));
}

void work_forget_reply(struct work *work)
{
    collect_deinit(&work->collect);
    collect_init(&work->collect, work->setup.request->arena);
}

bool work_must_decide(const struct work *work)
{
    return work->setup.is_stream && work->is_doubtable &&
           work->call->usage.output_tokens >= work_router_of(work)->held_tokens;
}

bool work_lets_go(struct work *work)
{
    const struct work_handlers *handlers = work->handlers;
    const bool is_stream = work->setup.is_stream;
    bool is_over = false;
    work->is_over = &is_over;
    work_announce(work, is_stream ? clock_now_us() : work->answer_us);
    if (is_over)
        return false;
    work->is_over = NULL;
    work->is_withheld = false;
    collect_tell(&work->collect, &(struct chat_sink){work->ctx, handlers->block_start, handlers->block_delta,
                                                     handlers->block_stop, NULL});
    if (!work->gathers)
        work_forget_reply(work);
    return true;
}

/* --- taken back ------------------------------------------------------------------------------------- */

/* What is needed of it lies in *doubted; the work is as before its call. */
static void keep(struct work *work, struct doubted *doubted, const struct placement *before, bool is_whole)
{
    *doubted = (struct doubted){
        .is_whole = is_whole,
        .held = work->held,
        .placement = *before,
        .charge = work->charge,
        .usage = work->usage,
        .cache = work->cache,
        .answer_us = work->answer_us,
        .decode_us = work->decode_us,
        .reply = work->reply,
        .collect = work->collect,
    };
    doubted->placement.upstream_id = work->placement.upstream_id;
    doubted->placement.replica = work->placement.replica;
    work->doubted = doubted;
    work->held = NULL;
    work->usage = (struct chat_usage){0};
    work->cache = (struct chat_cache_use){0};
    work->answer_us = work->decode_us = 0;
    collect_init(&work->collect, work->setup.request->arena);
}

/* The chosen one is next. Where there is no whole reply to fall back on, who began it would be asked again. */
static void put_next(struct work *work, size_t chosen)
{
    struct placement *placement = &work->placement;
    const struct target next = untried(work)[chosen];
    placement->doubted = work->doubted->placement.answered;
    placement->doubted_attempts = placement->attempts;
    work->targets[placement->attempts] = next;
    work->targets[placement->attempts + 1] = placement->doubted;
    work->target_count = placement->attempts + (work->doubted->is_whole ? 1 : 2);
}

/* It was computed, so it is paid for, in a line of its own whose name follows from the request's. */
static void write_line(const struct work *work, struct str id, struct doubted *doubted)
{
    const struct price_book *prices = work->setup.port->shared->prices;
    charge_place(&doubted->charge, &doubted->placement, &doubted->cache);
    charge_doubt(&doubted->charge, id, price_book_row_of(prices, NULL, STR(""), STR("")),
                 work->placement.doubted_chance);
}

bool work_takes_back(struct work *work, double confidence, bool is_whole)
{
    const struct work_router *router = work_router_of(work);
    const struct placement before = work->placement;
    if (!work->is_doubtable || confidence < 0)
        return false;
    struct doubted *doubted = ARENA_NEW(work->setup.request->arena, struct doubted);
    const struct str id = arena_printf(work->setup.request->arena, STR_FMT "-doubted",
                                       STR_ARG(work->setup.subject.request_id));
    const size_t chosen = doubted && id.data ? router->doubt(router->ctx, &work->placement, untried(work),
                                                             untried_count(work), confidence)
                                             : SIZE_MAX;
    if (chosen == SIZE_MAX)
        return false;
    assert(chosen < untried_count(work));
    if (work->call)
        work->decode_us = clock_now_us() - work->answer_us;
    work_end_call(work);
    work_drop_line(work);
    keep(work, doubted, &before, is_whole);
    write_line(work, id, doubted);
    put_next(work, chosen);
    work->state = WORK_ADMIT;
    return true;
}

/* --- given back ------------------------------------------------------------------------------------- */

static void restore(struct work *work, struct doubted *doubted)
{
    const unsigned attempts = work->placement.attempts;
    const bool was_nobody_asked = attempts == work->placement.doubted_attempts;
    if (work->held)
        model_release(work->held);
    collect_deinit(&work->collect);
    work->held = doubted->held;
    work->placement = doubted->placement;
    work->placement.attempts = attempts;
    if (was_nobody_asked) /* whoever should have answered was gone */
        work->placement.why = STR("failed-over");
    work->usage = doubted->usage;
    work->cache = doubted->cache;
    work->answer_us = doubted->answer_us;
    work->decode_us = doubted->decode_us;
    work->reply = doubted->reply;
    work->collect = doubted->collect;
    work->doubted = NULL;
    work->is_doubtable = false;
    work->is_withheld = true;
}

bool work_gives_back(struct work *work)
{
    struct doubted *doubted = work->doubted;
    struct error error;
    if (!doubted || !doubted->is_whole || work->first_token_us != 0)
        return false;
    log_event(LOG_WARN, "the doubtful answer stands", LOG_S("id", work->setup.subject.request_id),
              LOG_C("from", doubted->placement.answered.name), LOG_C("failed", work->placement.answered.name));
    work_end_call(work);
    work_drop_line(work);
    restore(work, doubted);
    if (work_open_line(work, &error) != OK)
        return false;
    if (work_lets_go(work))
        work_finish(work);
    return true;
}

/* --- the end ---------------------------------------------------------------------------------------- */

enum error_code work_bill_doubted(struct work *work, bool is_paid, struct error *error)
{
    struct doubted *doubted = work->doubted;
    const struct work_setup *setup = &work->setup;
    if (!doubted)
        return OK;
    const uint64_t end_us = doubted->answer_us + doubted->decode_us;
    charge_end(&doubted->charge, is_paid ? LEDGER_COMPLETED : LEDGER_CANCELLED, is_paid ? &doubted->usage : NULL,
               end_us - setup->started_us, doubted->answer_us - setup->started_us);
    if (setup->line != WORK_LINE_LEDGER || !is_paid)
        return OK;
    const enum error_code code = ledger_record(setup->port->shared->ledger, &doubted->charge.line, error);
    if (code == OK && work->handlers->on_billed)
        work->handlers->on_billed(work->ctx, &work->placement.doubted, &doubted->charge.line);
    return code;
}

uint64_t work_doubted_cost(const struct work *work)
{
    return work->doubted ? work->doubted->charge.line.quote.cost : 0;
}

const struct ledger_line *work_doubted_line(const struct work *work)
{
    const struct doubted *doubted = work->doubted;
    return doubted && doubted->charge.line.outcome == LEDGER_COMPLETED ? &doubted->charge.line : NULL;
}

struct chat_usage work_doubted_usage(const struct work *work)
{
    return work->doubted ? work->doubted->usage : (struct chat_usage){0};
}

void work_drop_doubted(struct work *work)
{
    if (!work->doubted || !work->doubted->held)
        return;
    collect_deinit(&work->doubted->collect);
    model_release(work->doubted->held);
    work->doubted->held = NULL;
}
