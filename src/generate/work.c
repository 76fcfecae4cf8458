/* work.c - see work.h. Each state is a function that either leads to the next
 * one or leaves the work to somebody who calls back; `work_advance` is the one place
 * where they follow each other. */
#include <assert.h>

#include "core/log.h"
#include "core/util.h"
#include "generate/reply_check.h"
#include "generate/upstream_backend.h"
#include "generate/work_internal.h"

#define UPSTREAM_ID_MAX 256 /* bytes: the ledger has promised room for a line before it is known */

/* --- the line in the ledger ------------------------------------------------------------------------- */

static void begin_charge(struct work *work)
{
    const uint64_t age_us = clock_now_us() - work->setup.started_us;
    charge_begin(&work->charge, &work->setup.subject, &work->placement, charge_session(work->setup.request),
                 work->setup.request->tier, clock_wall_us() - age_us);
    work->is_charged = true;
}

/* Of what runs, as the ledger keeps it. */
static void note_call(struct work *work)
{
    const struct str id = work->call->upstream_id;
    work->placement.repeats = work->repeats + work->call->repeats;
    work->placement.upstream_id = str_slice(id, 0, id.len < UPSTREAM_ID_MAX ? id.len : UPSTREAM_ID_MAX);
    work->placement.replica = work->call->replica;
}

static bool is_paid(const struct work *work, enum ledger_outcome outcome)
{
    return outcome == LEDGER_COMPLETED || (work->setup.is_stream && work->first_token_us != 0);
}

static void end_charge(struct work *work, enum ledger_outcome outcome)
{
    const struct chat_usage usage = work_usage(work);
    const struct chat_cache_use cache = work_cache(work);
    const uint64_t started_us = work->setup.started_us;
    if (work->call)
        note_call(work);
    charge_place(&work->charge, &work->placement, &cache);
    charge_end(&work->charge, outcome, is_paid(work, outcome) ? &usage : NULL, clock_now_us() - started_us,
               work->first_token_us ? work->first_token_us - started_us : LEDGER_NO_TOKEN);
}

/* Before a backend has the work: nothing is served that the ledger has not promised a line. */
enum error_code work_open_line(struct work *work, struct error *error)
{
    enum error_code code = OK;
    if (work->setup.line == WORK_LINE_NONE)
        return OK;
    code = work_reserve(work, error);
    if (code != OK)
        return code;
    begin_charge(work);
    if (work->setup.line == WORK_LINE_LEDGER)
        code = ledger_accept(work->setup.port->shared->ledger, &work->charge.line, error);
    work->is_open = code == OK;
    if (code != OK)
        work_spent(work, 0);
    return code;
}

/* The request was not let in after all: there will be no line. */
void work_drop_line(struct work *work)
{
    struct error ignored; /* the ledger has logged it; the line will say failed */
    if (work->is_open && work->setup.line == WORK_LINE_LEDGER)
        (void)!ledger_refuse(work->setup.port->shared->ledger, &work->charge.line, &ignored);
    work->is_open = work->is_charged = false;
    work_spent(work, 0);
}

static void tell_router(struct work *work)
{
    const struct work_router *router = work_router_of(work);
    if (router && router->billed)
        router->billed(router->ctx, &work->placement, work->charge.line.quote.cost + work_doubted_cost(work));
}

enum error_code work_settle(struct work *work, enum ledger_outcome outcome, struct error *error)
{
    if (!work->is_open)
        return OK;
    work->is_open = false;
    if (work->reservation)
        reservation_use(work->reservation, 0, work_usage(work).output_tokens, clock_now_us());
    struct error lost;
    const bool is_broken = work_bill_doubted(work, is_paid(work, outcome), &lost) != OK;
    end_charge(work, is_broken ? LEDGER_FAILED : outcome);
    tell_router(work);
    const uint64_t cost = work->charge.line.quote.cost, doubted_cost = is_broken ? 0 : work_doubted_cost(work);
    const bool is_kept = work->setup.line != WORK_LINE_LEDGER ||
                         ledger_finish(work->setup.port->shared->ledger, &work->charge.line, error) == OK;
    work_spent(work, doubted_cost + (is_kept ? cost : 0));
    if (!is_kept || (is_broken && work->setup.line == WORK_LINE_LEDGER))
        return error_set(error, ERROR_UNAVAILABLE, "The ledger could not record this request.");
    if (outcome == LEDGER_COMPLETED)
        work_remember(work);
    if (work->setup.line == WORK_LINE_LEDGER && work->handlers->on_billed)
        work->handlers->on_billed(work->ctx, &work->placement.answered, &work->charge.line);
    return OK;
}

/* Where the reply fails anyway: the ledger has said what it could not write. */
static void settle_broken(struct work *work, enum ledger_outcome outcome)
{
    struct error ignored;
    (void)!work_settle(work, outcome, &ignored);
}

/* --- the end ---------------------------------------------------------------------------------------- */

void work_end_call(struct work *work)
{
    if (!work->call)
        return;
    work->usage = work->call->usage;
    work->cache = work->call->cache;
    note_call(work);
    work->repeats = work->placement.repeats;
    work->call->backend->ops->end(work->call);
    work->call = NULL;
}

void work_reach_end(struct work *work)
{
    assert(work->state != WORK_ENDED);
    work->reached = work->state;
    work->state = WORK_ENDED;
}

/* A backend may tell only after it has seen the prompt that it does not take it. */
static bool is_refusal(const struct work *work, enum error_code code)
{
    return work->first_token_us == 0 &&
           (code == ERROR_INVALID || code == ERROR_TOO_LARGE || code == ERROR_THROTTLED);
}

void work_fail(struct work *work, const struct error *error)
{
    if (work_gives_back(work))
        return;
    work_reach_end(work);
    if (is_refusal(work, error->code))
        work_drop_line(work);
    settle_broken(work, LEDGER_FAILED);
    work->handlers->on_failed(work->ctx, error);
}

/* To the next target, if there is one and the fault may not be there. */
static bool goes_elsewhere(struct work *work, const struct error *error)
{
    const struct placement *placement = &work->placement;
    if (work->first_token_us != 0 || !work->backend->ops->may_go_elsewhere(error) || !work_hold_next(work))
        return false;
    log_event(LOG_WARN, "request goes elsewhere", LOG_S("id", work->setup.subject.request_id),
              LOG_C("from", placement->answered.name), LOG_C("to", work->targets[placement->attempts].name),
              LOG_C("error", error->message));
    work_drop_line(work);
    work_forget_reply(work);
    work->state = WORK_ADMIT;
    return true;
}

/* --- what the backend says -------------------------------------------------------------------------- */

void work_announce(struct work *work, uint64_t first_token_us)
{
    const struct chat_usage usage = work_usage(work);
    const struct target *target = work_current(work);
    work->first_token_us = first_token_us;
    if (target->match)
        work->reply.model_id = target->match->id;
    work->reply.routed_to = target->listed;
    work->reply.doubted = work->placement.doubted.listed;
    if (str_eq(work->reply.doubted, target->listed)) /* who was asked again */
        work->reply.doubted = (struct str){0};
    work->reply.first_byte_ms = (first_token_us - work->setup.started_us) / 1000;
    work->reply.usage = usage;
    work->reply.has_late_input = work_cache(work).is_late;
    work->reply.is_verbatim = work->call && work->call->is_verbatim;
    if (work->is_withheld)
        work->reply.usage.output_tokens = 0; /* as when it began */
    if (work->reservation)
        reservation_use(work->reservation,
                        usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens, 0,
                        clock_now_us());
    work->handlers->on_started(work->ctx, &work->reply);
}

static void on_started(void *ctx)
{
    struct work *work = ctx;
    work->answer_us = work->call->first_token_us;
    note_call(work);
    if (!work->is_withheld)
        work_announce(work, work->answer_us);
}

static void on_event(void *ctx, struct str type, yyjson_val *event)
{
    struct work *work = ctx;
    if (work->handlers->on_event)
        work->handlers->on_event(work->ctx, type, event);
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    struct work *work = ctx;
    if (work->gathers || work->is_withheld)
        collect_start(&work->collect, kind, tool_id, tool_name);
    if (work->handlers->block_start && !work->is_withheld)
        work->handlers->block_start(work->ctx, index, kind, tool_id, tool_name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct work *work = ctx;
    if (work->gathers || work->is_withheld)
        collect_delta(&work->collect, kind, text);
    if (work->handlers->block_delta && !work->is_withheld)
        work->handlers->block_delta(work->ctx, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct work *work = ctx;
    if (work->is_withheld)
        collect_stop(&work->collect);
    else if (work->handlers->block_stop)
        work->handlers->block_stop(work->ctx, index, kind);
}

/* Of a reply that is not withheld: its request needs it as it comes. */
static void on_block_logprobs(void *ctx, size_t index, const struct token_logprob *tokens, size_t count)
{
    struct work *work = ctx;
    if (work->gathers)
        collect_logprobs(&work->collect, tokens, count);
    if (work->handlers->block_logprobs)
        work->handlers->block_logprobs(work->ctx, index, tokens, count);
}

/* What was withheld; false: the work has ended. */
static bool tell(struct work *work)
{
    struct error error;
    if (collect_is_whole(&work->collect))
        return work_lets_go(work);
    work_end_call(work);
    work_fail(work, (error_no_memory(&error), &error));
    return false;
}

static void on_progress(void *ctx)
{
    struct work *work = ctx;
    if (work->is_withheld) {
        if (!work_must_decide(work))
            return;
        if (work_takes_back(work, work->call->confidence, false)) {
            work_advance(work);
            return;
        }
        if (!tell(work))
            return;
    }
    if (work->handlers->on_progress)
        work->handlers->on_progress(work->ctx);
}

/* Whether the model itself came to the end, so that its blocks are what it meant to say. */
static bool is_whole(enum chat_stop_reason stop)
{
    return stop != CHAT_STOP_MAX_TOKENS && stop != CHAT_STOP_CONTEXT_WINDOW && stop != CHAT_STOP_SEQUENCE;
}

static enum error_code gather(struct work *work, struct error *error)
{
    if (work->gathers && !collect_finish(&work->collect, &work->reply))
        return error_no_memory(error);
    return work->checks && is_whole(work->reply.stop) ? reply_check(work->setup.request, &work->reply, error) : OK;
}

static void learn(const struct work *work)
{
    const struct model *model = work->placement.answered.model;
    if (work->setup.request->choices > 1) /* their tokens are those of several replies */
        return;
    expected_reply_learn(model, work->usage.output_tokens);
    if (work->setup.request->tier != TIER_BATCH) /* which waits for others: its speed says nothing */
        default_reply_learn(model, work->usage.output_tokens, work->decode_us);
}

void work_finish(struct work *work)
{
    const uint64_t now_us = clock_now_us(), started_us = work->setup.started_us;
    const struct work_figures figures = {
        .first_token_us = work->first_token_us - started_us,
        .total_us = now_us - started_us,
        .decode_us = work->decode_us,
    };
    work->reply.usage = work->usage;
    if (work->usage.has_tier && work->setup.request->tier != TIER_BATCH) /* as it is charged */
        work->setup.request->tier = work->usage.tier;
    work->reply.latency_ms = (now_us - started_us) / 1000;
    work_reach_end(work);
    work->handlers->on_finished(work->ctx, &work->reply, &figures);
}

/* A reply that is not what was asked for is surely wrong. */
static void on_finished(void *ctx, enum chat_stop_reason stop, struct str stop_sequence)
{
    struct work *work = ctx;
    struct error error;
    work->reply.confidence = work->call->confidence;
    work->reply.mean_logprob = work->call->mean_logprob;
    work->reply.verbatim = work->call->verbatim;
    work->reply.choices = work->call->choices;
    work->reply.choice_count = work->call->choice_count;
    work->decode_us = clock_now_us() - work->answer_us;
    work_end_call(work);
    work->reply.stop = stop;
    work->reply.stop_sequence = stop_sequence;
    const enum error_code code = gather(work, &error);
    if (code == OK)
        learn(work);
    if (code != ERROR_NO_MEMORY && work->is_withheld &&
        work_takes_back(work, code == OK ? work->reply.confidence : 0, code == OK)) {
        work_advance(work);
        return;
    }
    if (code != OK) {
        work_fail(work, &error);
    } else if (!work->is_withheld || tell(work)) {
        work->is_fit = true;
        work_finish(work);
    }
}

static void on_blamed(void *ctx, const struct error *error)
{
    struct work *work = ctx;
    work->documents = NULL;
    work_fail(work, error);
}

static void on_failed(void *ctx, const struct error *failure)
{
    struct work *work = ctx;
    const struct error error = *failure;
    work_end_call(work);
    if (goes_elsewhere(work, &error)) {
        work_advance(work);
        return;
    }
    if (work->first_token_us == 0 && work->setup.kind == WORK_REPLY && !work->doubted)
        work->documents =
            documents_blame(work->backend, work_current(work), work->setup.request, &error, on_blamed, work);
    if (!work->documents)
        work_fail(work, &error);
}

static void on_embedded(void *ctx, const struct embeddings *embeddings, const struct error *error)
{
    struct work *work = ctx;
    if (error) {
        on_failed(work, error);
        return;
    }
    work_end_call(work);
    work_reach_end(work);
    work->handlers->on_embedded(work->ctx, embeddings);
}

static void on_counted(void *ctx, uint32_t tokens, const struct error *error)
{
    struct work *work = ctx;
    if (error) {
        on_failed(work, error);
        return;
    }
    work_end_call(work);
    work_reach_end(work);
    work->handlers->on_counted(work->ctx, tokens);
}

/* --- TEXTS ------------------------------------------------------------------------------------------ */

static void on_documents(void *ctx, const struct error *refusal)
{
    struct work *work = ctx;
    work->documents = NULL;
    if (refusal) {
        work_fail(work, refusal);
        return;
    }
    work->state = WORK_ROUTE;
    work_advance(work);
}

/* Whether there is one is said before anything is waited for; whether it has room, when the request goes in. */
static enum error_code find_reservation(struct work *work, struct error *error)
{
    const struct work_shared *shared = work->setup.port->shared;
    if (work->setup.kind != WORK_REPLY || work->setup.request->tier != TIER_RESERVED)
        return OK;
    const struct str tenant = arena_printf(work->setup.request->arena, STR_FMT, STR_ARG(work->setup.subject.tenant));
    if (!tenant.data)
        return error_no_memory(error);
    work->reservation = reservation_find(shared->reservations, tenant.data, work->placement.asked.name);
    return work->reservation ? OK : error_set(error, ERROR_INVALID, "Reservation not found.");
}

/* Of this and the following: true, the next state is set; false, somebody will call back, or the work has ended and
 * may be gone. */
static bool wait_for_texts(struct work *work)
{
    struct error error;
    enum error_code code = work_check_key(work, &error);
    if (code == OK)
        code = find_reservation(work, &error);
    if (code == OK)
        code = documents_resolve(work->setup.port->documents, work->setup.subject.tenant, work->setup.request,
                                 on_documents, work, &work->documents, &error);
    if (code != OK) {
        work_fail(work, &error);
        return false;
    }
    work->state = work->documents ? WORK_TEXTS : WORK_ROUTE;
    return !work->documents;
}

/* --- ADMIT ------------------------------------------------------------------------------------------ */

/* Within its reservation a request is served as reserved, over it as default. */
static void settle_tier(struct work *work)
{
    struct chat_request *request = work->setup.request;
    if (!work->reservation || request->tier != TIER_RESERVED ||
        reservation_has_room(work->reservation, clock_now_us()))
        return;
    work->reservation = NULL;
    work->tier_asked = request->tier = TIER_DEFAULT;
}

/* An upstream's request is charged as the upstream charges it; who answers in its place serves what was asked for. */
void work_take_tier(struct work *work, const struct target *target)
{
    struct chat_request *request = work->setup.request;
    if (target->model->upstream && !work->setup.instead) {
        request->tier = upstream_tier(target->model->upstream, work->tier_asked);
        return;
    }
    request->tier = work->tier_asked == TIER_ULTRAFAST ? TIER_DEFAULT : work->tier_asked; /* nobody here sells it */
    settle_tier(work);
}

/* A reply whose request gives no maximum is bound by the target's card and speed; of what nobody waits for, by its
 * card alone. */
static void bound_reply(struct work *work, const struct catalog_match *match)
{
    const struct config *config = work->setup.port->shared->config;
    struct chat_request *request = work->setup.request;
    if (!work->is_unbounded)
        return;
    if (work->placement.answered.kind == TARGET_UPSTREAM && match->model->upstream_model) {
        request->max_tokens = upstream_backend_max_tokens(config, match);
        return;
    }
    const bool is_awaited = request->tier != TIER_BATCH;
    request->max_tokens =
        is_awaited ? default_reply_tokens(config, match) : catalog_default_reply_tokens(config, match);
    work->job.max_reply_us = is_awaited ? default_reply_us(config) : 0;
}

static bool go_on(struct work *work, const struct error *refusal)
{
    struct error error;
    if (work->refusal)
        refusal = work->refusal;
    if (!refusal && work_open_line(work, &error) != OK)
        refusal = &error;
    if (refusal)
        work_fail(work, refusal);
    else
        work->state = WORK_RUN;
    return !refusal;
}

/* The target whose turn it is, which is held, gets the request. */
static bool let_in(struct work *work)
{
    struct target *target = work_current(work);
    *target = work->placement.routed = work->targets[work->placement.attempts];
    const struct catalog_match match = work_match_at(work);
    work_withhold(work);
    work_fill_job(work, &match);
    work->placement.provider = work_provider_of(work, target);
    work->placement.upstream_id = (struct str){0};
    work->placement.replica = NULL;
    chat_request_goes_to(work->setup.request, work->backend->ops->traits(work->backend, target));
    if (work->setup.kind == WORK_REPLY || work->setup.kind == WORK_EMBED)
        work_take_tier(work, target);
    if (work->setup.kind == WORK_REPLY)
        bound_reply(work, &match);
    if (work->setup.offload) {
        work->setup.offload(work->ctx, work);
        return false;
    }
    work_prepare(work);
    return go_on(work, NULL);
}

/* Where the one that was chosen is gone by now, the router chooses among the others. */
static bool admit(struct work *work)
{
    const size_t count = work->target_count;
    if (!work_hold_next(work))
        return work_fail_for_none(work);
    if (!work->round || work->placement.attempts > 0 || work->target_count == count)
        return let_in(work);
    work->state = WORK_ROUTE;
    return true;
}

void work_prepare(void *ctx)
{
    static const struct error no_memory = {.code = ERROR_NO_MEMORY, .message = "out of memory"};
    struct work *work = ctx;
    struct error error;
    if (work->backend->ops->prepare(work->backend, &work->job, &error) == OK)
        return;
    struct error *kept = ARENA_NEW(work->setup.request->arena, struct error);
    if (kept)
        *kept = error;
    work->refusal = kept ? kept : &no_memory;
}

void work_continue(struct work *work, const struct error *refusal)
{
    assert(work->state == WORK_ROUTE || work->state == WORK_ADMIT);
    if (work->state == WORK_ROUTE ? work_ask(work) : go_on(work, refusal))
        work_advance(work);
}

/* --- RUN -------------------------------------------------------------------------------------------- */

/* NULL: refused at once. */
static struct backend_call *call_backend(struct work *work, struct error *error)
{
    const struct backend_ops *ops = work->backend->ops;
    if (work->setup.kind == WORK_COUNT)
        return ops->count(work->backend, &work->job, on_counted, work, error);
    if (work->setup.kind != WORK_EMBED)
        return ops->start(work->backend, &work->job, &work->events, work, error);
    if (ops->embed)
        return ops->embed(work->backend, &work->job, on_embedded, work, error);
    (void)error_set(error, ERROR_INVALID, "model: this one makes no embeddings");
    return NULL;
}

static bool run(struct work *work)
{
    struct error error;
    work->placement.attempts++;
    work->call = call_backend(work, &error);
    if (work->call) {
        work->call->confidence = -1; /* until the backend knows it */
        if (work->handlers->on_placed)
            work->handlers->on_placed(work->ctx, &work->placement);
        return false;
    }
    if (goes_elsewhere(work, &error))
        return true;
    work_drop_line(work);
    work_fail(work, &error);
    return false;
}

/* --- the way ---------------------------------------------------------------------------------------- */

void work_advance(struct work *work)
{
    bool goes_on = true;
    while (goes_on) {
        switch (work->state) {
        case WORK_TEXTS: goes_on = wait_for_texts(work); break;
        case WORK_ROUTE: goes_on = work_route(work); break;
        case WORK_ADMIT: goes_on = admit(work); break;
        case WORK_RUN: goes_on = run(work); break;
        case WORK_ENDED: goes_on = false; break;
        }
    }
}

struct target work_target(const struct work_shared *shared, const struct catalog_match *match)
{
    return (struct target){
        .kind = target_kind_of(match->model),
        .model = match->model,
        .name = match->model->name,
        .price = price_book_row_of(shared->prices, match->model->price, match->id, match->place),
    };
}

struct work *work_new(const struct work_setup *setup, const struct work_handlers *handlers, void *ctx)
{
    struct work *work = ARENA_NEW(setup->request->arena, struct work);
    if (!work)
        return NULL;
    const struct target asked = work_target(setup->port->shared, setup->match);
    *work = (struct work){
        .setup = *setup,
        .handlers = handlers,
        .ctx = ctx,
        .placement = {.asked = asked, .routed = asked, .answered = asked},
        .events = {.on_started = on_started,
                   .sink = {work, on_block_start, on_block_delta, on_block_stop, on_block_logprobs},
                   .on_event = on_event,
                   .on_progress = on_progress,
                   .on_finished = on_finished,
                   .on_failed = on_failed},
        .reply = {.request_id = setup->subject.request_id, .model_id = setup->match->id, .native = setup->native},
    };
    collect_init(&work->collect, setup->request->arena);
    return work;
}

void work_begin(struct work *work)
{
    struct chat_request *request = work->setup.request;
    if (!request->has_tier)
        request->tier = work->setup.tier;
    work->tier_asked = request->tier;
    work->is_unbounded = request->max_tokens == 0;
    work->checks = work->setup.kind == WORK_REPLY && reply_needs_check(request);
    work->gathers = work->setup.collects || work->checks;
    work_advance(work);
}

void work_end(struct work *work, enum ledger_outcome outcome)
{
    if (!work)
        return;
    documents_cancel(work->documents);
    work->documents = NULL;
    settle_broken(work, outcome);
    work_end_call(work);
    work_end_minute(work);
    work_drop_doubted(work);
    work_forget_recalled(work);
    collect_deinit(&work->collect);
    if (work->is_over)
        *work->is_over = true;
    work->is_over = NULL;
    if (work->held)
        model_release(work->held);
    work->held = NULL;
    if (work->state != WORK_ENDED)
        work_reach_end(work);
}

void work_hold_back(struct work *work, bool holds)
{
    if (work->call && work->call->backend->ops->hold_back)
        work->call->backend->ops->hold_back(work->call, holds);
}

/* --- what is known ---------------------------------------------------------------------------------- */

enum work_state work_reached(const struct work *work)
{
    return work->state == WORK_ENDED ? work->reached : work->state;
}

struct chat_usage work_usage(const struct work *work)
{
    return work->call ? work->call->usage : work->usage;
}

struct chat_cache_use work_cache(const struct work *work)
{
    return work->call ? work->call->cache : work->cache;
}

const struct placement *work_placement(const struct work *work)
{
    return &work->placement;
}

const struct ledger_line *work_line(struct work *work)
{
    if (!work->is_charged) {
        begin_charge(work);
        end_charge(work, LEDGER_FAILED);
    }
    return &work->charge.line;
}
