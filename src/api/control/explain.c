/* Operations of our own on routers. ExplainRoute: where a router would send a Converse request, and why; nothing is
 * generated and nothing is charged. DescribeRouter: what its predictions stand on. */
#include "api/bedrock/converse.h"
#include "api/body.h"
#include "api/control/routers.h"
#include "generate/route_explain.h"

#define EXPLAIN_BODY_MAX (1u << 20)

struct explain_call {
    struct api_call *call; /* in the exchange's arena, as this is */
    struct body step;
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
};

static void release(struct explain_call *explain)
{
    work_end(explain->work, LEDGER_CANCELLED);
    explain->work = NULL;
    codec_request_free(&explain->request);
}

static void on_close(struct http_exchange *exchange)
{
    struct explain_call *explain = exchange->user;
    call_account(explain->call, CALL_CLIENT_GONE);
    release(explain);
}

static void hold(struct explain_call *explain)
{
    explain->call->exchange->user = explain;
    explain->call->exchange->on_close = on_close;
}

/* The client left while another thread was at work. */
static bool is_over(struct explain_call *explain, bool is_gone)
{
    if (is_gone) {
        call_account(explain->call, CALL_CLIENT_GONE);
        release(explain);
    }
    return is_gone;
}

static void on_chosen(void *ctx, const struct placement *placement)
{
    struct explain_call *explain = ctx;
    struct api_call *call = explain->call;
    struct buf body;
    buf_init(&body, EXPLAIN_BODY_MAX);
    route_explain(call->route, placement, call->thread->api->work->shadow, &body);
    release(explain);
    call_add_ignored(call);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct explain_call *explain = ctx;
    struct api_call *call = explain->call;
    release(explain);
    call_fail(call, error);
}

/* A step of body.h. */
static void parse_body(void *ctx)
{
    struct explain_call *explain = ctx;
    struct body *step = &explain->step;
    const struct str text = explain->call->exchange->request.body;
    step->code = codec_parse_text(&converse_codec, text, CODEC_GENERATE, &explain->request, &step->error);
    if (step->code == OK)
        step->code = chat_request_check(&explain->request, &step->error);
}

static void write_prompt(void *ctx)
{
    struct explain_call *explain = ctx;
    work_prepare(explain->work);
}

static void on_prompt(void *ctx, bool is_gone)
{
    struct explain_call *explain = ctx;
    struct body *step = &explain->step;
    if (is_over(explain, is_gone))
        return;
    hold(explain);
    step->code = body_charge_made(step, &step->error);
    work_continue(explain->work, step->code == OK ? NULL : &step->error);
}

static void offload_prompt(void *ctx, struct work *work)
{
    struct explain_call *explain = ctx;
    (void)work;
    body_step(&explain->step, write_prompt, on_prompt);
}

static void on_parsed(void *ctx, bool is_gone)
{
    static const struct work_handlers handlers = {.on_chosen = on_chosen, .on_failed = on_failed};
    struct explain_call *explain = ctx;
    struct body *step = &explain->step;
    if (is_over(explain, is_gone))
        return;
    hold(explain);
    body_drop(step);
    const struct work_setup setup = {
        .port = &explain->call->thread->work,
        .kind = WORK_CHOICE,
        .request = &explain->request,
        .match = &explain->call->match,
        .router = &explain->call->route->hooks,
        .subject = call_subject(explain->call),
        .tier = TIER_DEFAULT,
        .started_us = explain->call->exchange->request.started_us,
        .offload = offload_prompt,
    };
    if (step->code == OK)
        step->code = body_charge_made(step, &step->error);
    if (step->code == OK && !(explain->work = work_new(&setup, &handlers, explain)))
        step->code = error_no_memory(&step->error);
    if (step->code == OK)
        work_begin(explain->work);
    else
        on_failed(explain, &step->error);
}

static enum error_code no_router(const struct api_call *call, struct error *error)
{
    return error_set(error, ERROR_INVALID, "modelId: '" STR_FMT "' is no prompt router",
                     STR_ARG(str_slice(call->resource, 0, 128)));
}

static void on_open(void *ctx, bool is_gone)
{
    struct explain_call *explain = ctx;
    struct body *step = &explain->step;
    struct api_call *call = explain->call;
    if (is_over(explain, is_gone))
        return;
    if (step->code == OK)
        step->code = call_resolve_model(call, &step->error);
    if (step->code == OK && !call->route)
        step->code = no_router(call, &step->error);
    if (step->code != OK) {
        on_failed(explain, &step->error);
        return;
    }
    call_prepare_request(call, &explain->request);
    body_step(step, parse_body, on_parsed);
}

void explain_route(struct api_call *call)
{
    struct explain_call *explain = CALL_NEW(call, struct explain_call);
    if (!explain)
        return;
    explain->call = call;
    body_open(&explain->step, call, on_open, explain);
}

void describe_router(struct api_call *call)
{
    struct error error;
    struct buf body;
    enum error_code code = call_resolve_model(call, &error);
    if (code == OK && !call->route)
        code = no_router(call, &error);
    if (code != OK) {
        call_fail(call, &error);
        return;
    }
    buf_init(&body, EXPLAIN_BODY_MAX);
    route_append_learning(&body, call->route, call->thread->api->work->shadow);
    call_respond_json(call, &body);
    buf_deinit(&body);
}
