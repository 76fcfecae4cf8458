/* api.c - takes a request from net to its operation: who asks, which handler, the words of a refusal. What an
 * operation does is its file's. See api.h. */
#include "api/api.h"

#include "advise/runs.h"
#include "api/call.h"
#include "api/console/dialect.h"
#include "api/openai/responses_store.h"
#include "api/operations.h"
#include "api/recent.h"
#include "api/upload.h"
#include "keys/keys.h"
#include "ledger/reads.h"

/* --- start and stop --------------------------------------------------------------------------------- */

enum error_code api_new(const struct api_options *options, struct api **api, struct error *error)
{
    struct api *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->started_us = clock_wall_us();
    made->config = options->work->config;
    made->sessions = options->sessions;
    made->keys = options->work->keys;
    made->auth_keys = made->keys ? keys_auth(made->keys) : NULL;
    made->catalog = options->catalog;
    made->models = options->models;
    made->engine = options->work->engine;
    made->extractor = options->work->extractor;
    made->ledger = options->work->ledger;
    made->prices = options->work->prices;
    made->objects = options->objects;
    made->profiles = options->profiles;
    made->routers = options->routers;
    made->customize = options->customize;
    made->invocations = options->invocations;
    made->monitor = options->monitor;
    made->traces = options->traces;
    made->batch = options->batch;
    made->files = options->files;
    made->evaluations = options->evaluations;
    made->alarms = options->alarms;
    made->dashboards = options->dashboards;
    made->batch_metrics = options->batch_metrics;
    made->shadow_metrics = options->shadow_metrics;
    made->work = options->work;
    made->thread_count = options->thread_count;
    const struct advise_runs_options advice = {.data = made->config->data, .config = made->config->file};
    made->recents = recents_new();
    enum error_code code = made->recents ? ledger_reads_new(made->config->data, &made->reads, error)
                                         : error_no_memory(error);
    if (code == OK)
        code = responses_open(made->config->data, &made->responses, error);
    if (code == OK)
        code = advise_runs_new(&advice, &made->advice, error);
    if (code != OK) {
        api_free(made);
        return code;
    }
    *api = made;
    return OK;
}

void api_set_server(struct api *api, const struct server *server)
{
    atomic_store(&api->server, server);
}

void api_begin_drain(struct api *api)
{
    atomic_store(&api->is_draining, true);
}

static void free_thread(struct api_thread *thread)
{
    if (!thread)
        return;
    metrics_deinit(&thread->metrics);
    metrics_rows_deinit(&thread->genai);
    mem_free(thread);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++)
        free_thread(atomic_load(&api->threads[i]));
    advise_runs_free(api->advice);
    ledger_reads_free(api->reads);
    responses_close(api->responses);
    recents_free(api->recents);
    mem_free(api);
}

void *api_thread_start(void *ctx, unsigned index, uv_loop_t *loop, struct error *error)
{
    struct api *api = ctx;
    struct api_thread *thread = mem_calloc(1, sizeof(*thread));
    if (!thread) {
        (void)error_no_memory(error);
        return NULL;
    }
    thread->api = api;
    thread->index = index;
    thread->loop = loop;
    if (work_port_open(&thread->work, api->work, index, loop, error) != OK) {
        mem_free(thread);
        return NULL;
    }
    atomic_store(&api->threads[index], thread);
    return thread;
}

/* The counters stay, for scrapes of other threads; api_free frees them. */
void api_thread_stop(void *thread_ctx)
{
    struct api_thread *thread = thread_ctx;
    work_port_close(&thread->work);
}

/* --- requests --------------------------------------------------------------------------------------- */

static void respond_no_memory(struct http_exchange *exchange)
{
    struct error error;
    (void)error_no_memory(&error);
    dialect_fail(operations_dialect(exchange->request.path), exchange, &error, "");
}

static void refuse_unknown(struct api_call *call)
{
    char message[256];
    if (call->absent) {
        snprintf(message, sizeof(message), "%s is not served here; docs/API.md lists what is.", call->absent);
        call_refuse(call, 404, message, NULL);
    } else if (call->allowed_method) {
        snprintf(message, sizeof(message), "This path takes %s only.", call->allowed_method);
        call_refuse(call, 405, message, call->allowed_method);
    } else {
        call_refuse(call, 404, "There is no operation at this path.", NULL);
    }
}

/* --- at the headers --------------------------------------------------------------------------------- */

/* False: what is asked for is not here, or its path can't be read. */
static bool find_operation(struct api_call *call, const struct operations_match *match)
{
    static const struct error undecodable = {.code = ERROR_INVALID,
                                             .message = "The path is not percent-encoded UTF-8."};
    struct http_exchange *exchange = call->exchange;
    call->dialect = match->dialect->speaks ? match->dialect->speaks(&exchange->request) : match->dialect;
    call->absent = match->absent;
    call->allowed_method = match->allowed_method;
    if (!match->operation)
        return false;
    call->operation = match->operation;
    call->operation_index = match->index;
    if (!match->parameter.data || http_percent_decode(match->parameter, &exchange->arena, &call->resource))
        return true;
    call->refusal = &undecodable;
    return false;
}

/* Keeps why it is refused; without memory for that, that. Always false. */
static bool refuse_for(struct api_call *call, const struct error *error)
{
    static const struct error no_memory = {.code = ERROR_NO_MEMORY, .message = "out of memory"};
    struct error *kept = ARENA_NEW(&call->exchange->arena, struct error);
    if (kept)
        *kept = *error;
    call->refusal = kept ? kept : &no_memory;
    return false;
}

/* False: refused, or memory is out. */
static bool identify(struct api_call *call, const struct meant *meant)
{
    struct http_exchange *exchange = call->exchange;
    struct error error;
    struct sigv4_proof *proof = ARENA_NEW(&exchange->arena, struct sigv4_proof);
    if (call->operation->is_open)
        return true;
    if (!proof) {
        (void)error_no_memory(&error);
        return refuse_for(call, &error);
    }
    struct auth_question question = call_question(call);
    question.claim = meant->has_claim ? &meant->claim : NULL;
    question.is_console = call->dialect == &console_dialect;
    if (auth_identify_head(&question, &exchange->request, &exchange->arena, &call->identity, proof, &error) != OK)
        return refuse_for(call, &error);
    call->proof = proof->owed == SIGV4_PROVEN ? NULL : proof;
    return true;
}

/* False: who asks may not ask this, or not so. */
static bool admit(struct api_call *call)
{
    struct error error;
    if (call->operation->needs_admin && !call->identity.is_admin) {
        (void)error_set(&error, ERROR_DENIED, "%s is for administrators: give the key the role admin in fulcrum.yaml",
                        call->operation->name);
        return refuse_for(call, &error);
    }
    if (call->dialect->admit && call->dialect->admit(call, &error) != OK)
        return refuse_for(call, &error);
    return true;
}

/* Who asks for what: a request that will be refused brings no body. */
void api_on_head(void *thread_ctx, struct http_exchange *exchange, struct meant *meant)
{
    struct api_thread *thread = thread_ctx;
    struct api_call *call = call_new(thread, exchange);
    struct error error;
    exchange->user = call;
    exchange->refuses_body = !call || !find_operation(call, meant_match(meant)) ||
                             !identify(call, meant) || !admit(call);
    if (exchange->refuses_body)
        return;
    http_set_owner(exchange, str_of(call->identity.tenant));
    if (call->operation->is_upload)
        exchange->refuses_body = upload_begin(call, &error) != OK && !refuse_for(call, &error);
    else
        exchange->body_max = call->operation->takes_prompt ? 0 : (size_t)limit(control_body_bytes);
}

/* --- the whole request ------------------------------------------------------------------------------ */

static void answer(struct api_call *call)
{
    struct error error;
    if (call->refusal && call->operation->handle == inference_run)
        inference_refuse(call, call->refusal);
    else if (call->refusal)
        call_fail(call, call->refusal);
    else if (!call->operation->takes_prompt && call_prove(call, &error) != OK)
        call_fail(call, &error);
    else
        call->operation->handle(call);
}

void api_on_request(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_call *call = upload_call(exchange);
    (void)thread_ctx;
    if (call) {
        call->operation->handle(call);
        return;
    }
    call = exchange->user;
    if (!call) {
        respond_no_memory(exchange);
    } else if (call->operation->handle || call->refusal) {
        exchange->user = NULL;
        answer(call);
    } else {
        refuse_unknown(call);
    }
}

void api_refuse(struct http_exchange *exchange, int status, const char *message, const char *request_id)
{
    const struct dialect *dialect = operations_dialect(exchange->request.path);
    const struct dialect_error refusal = {status, dialect->of_status(status)};
    dialect_refuse(dialect, exchange, &refusal, message, request_id, NULL, 0);
}
