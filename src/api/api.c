/* api.c - takes a request from net to its operation: who asks, which handler, the words of a refusal. What an
 * operation does is its file's. See api.h. */
#include "api/api.h"

#include "api/bedrock/dialect.h"
#include "api/bedrock/converse.h"
#include "api/call.h"
#include "api/control/profile_store.h"
#include "api/native/native.h"
#include "api/operations.h"
#include "batch/batch.h"
#include "document/config.h"

/* --- start and stop --------------------------------------------------------------------------------- */

static void register_codecs(void)
{
    codec_register(&converse_codec);
    codec_register(&anthropic_codec);
    codec_register(&nova_codec);
    codec_register(&llama_codec);
    codec_register(&titan_codec);
    codec_register(&mistral_codec);
    codec_register(&cohere_codec);
    codec_register(&chat_codec);
    codec_register(&jurassic_codec);
    codec_register(&converse_body_codec);
    codec_register_native(BODY_ANTHROPIC, (struct codec_pair){&anthropic_codec, &anthropic_codec});
    codec_register_native(BODY_NOVA, (struct codec_pair){&nova_codec, &nova_codec});
    codec_register_native(BODY_LLAMA, (struct codec_pair){&llama_codec, &llama_codec});
    codec_register_native(BODY_TITAN, (struct codec_pair){&titan_codec, &titan_codec});
    codec_register_native(BODY_MISTRAL, (struct codec_pair){&mistral_codec, &mistral_codec});
    codec_register_native(BODY_COHERE, (struct codec_pair){&cohere_codec, &anthropic_codec});
    codec_register_native(BODY_CHAT, (struct codec_pair){&chat_codec, &chat_codec});
    codec_register_native(BODY_JURASSIC, (struct codec_pair){&jurassic_codec, &anthropic_codec});
    /* Fields of families without a body of their own are read from the one that people know best. */
    codec_register_native(BODY_CONVERSE, (struct codec_pair){&converse_body_codec, &anthropic_codec});
}

static void on_billed(void *ctx, const struct model *model, const struct chat_usage *usage,
                      const struct price_quote *quote)
{
    struct api *api = ctx;
    const struct metrics_usage counts = {
        .input_tokens = usage->input_tokens,
        .output_tokens = usage->output_tokens,
        .cache_read_tokens = usage->cache_read_tokens,
        .cache_write_tokens = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens,
    };
    metrics_billed(&api->batch_metrics, model->index, &counts, quote->cost, quote->baseline);
}

static enum error_code open_batch(struct api *api, const struct api_options *options, struct error *error)
{
    const struct batch_options batch = {
        .config = api->config,
        .catalog = api->catalog,
        .models = api->models,
        .engine = api->engine,
        .engine_port = options->batch_port,
        .extractor = api->extractor,
        .ledger = api->ledger,
        .prices = api->prices,
        .objects = options->objects,
        .dialect = bedrock_dialect.name,
        .work = &api->work,
        .on_billed = on_billed,
        .ctx = api,
    };
    return batch_open(&batch, &api->batch, error);
}

enum error_code api_new(const struct api_options *options, struct api **api, struct error *error)
{
    struct api *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->config = options->config;
    made->catalog = options->catalog;
    made->models = options->models;
    made->engine = options->engine;
    made->ledger = options->ledger;
    made->objects = options->objects;
    made->prices = options->prices;
    made->thread_count = options->thread_count;
    register_codecs();
    const bool needs_walls = document_config(options->config)->sandbox == DOCUMENT_SANDBOX_REQUIRED;
    enum error_code code = extractor_new(needs_walls, &made->extractor, error);
    if (code == OK)
        code = reservations_new(options->config, &made->reservations, error);
    if (code == OK)
        code = profiles_open(options->config->data, &made->profiles, error);
    made->work = (struct work_shared){
        .config = options->config,
        .engine = options->engine,
        .models = options->models,
        .extractor = made->extractor,
        .ledger = options->ledger,
        .prices = options->prices,
        .reservations = made->reservations,
    };
    if (options->others)
        made->work.others = *options->others;
    if (code == OK)
        code = open_batch(made, options, error);
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
    batch_begin_drain(api->batch);
}

void api_wait_for_batch(struct api *api, uint64_t timeout_ms)
{
    batch_drain(api->batch, timeout_ms);
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    batch_close(api->batch);
    api->batch = NULL;
}

static void free_thread(struct api_thread *thread)
{
    if (!thread)
        return;
    metrics_deinit(&thread->metrics);
    mem_free(thread);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    extractor_free(api->extractor);
    profiles_close(api->profiles);
    reservations_free(api->reservations);
    metrics_deinit(&api->batch_metrics);
    for (unsigned i = 0; i < LIMIT_IO_THREADS; i++)
        free_thread(atomic_load(&api->threads[i]));
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
    if (work_port_open(&thread->work, &api->work, index, loop, error) != OK) {
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

/* Operations on a model: their body may be large, and they open it themselves (body.h). */
static bool takes_prompt(const struct api_operation *operation)
{
    return str_starts(str_of(operation->pattern), STR("/model/"));
}

/* False: what is asked for is not here, or its path can't be read. */
static bool find_operation(struct api_call *call, const struct operations_match *match)
{
    static const struct error undecodable = {.code = ERROR_INVALID,
                                             .message = "The path is not percent-encoded UTF-8."};
    struct http_exchange *exchange = call->exchange;
    call->dialect = match->dialect;
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

/* False: refused, or memory is out. */
static bool identify(struct api_call *call, const struct meant *meant)
{
    static const struct error no_memory = {.code = ERROR_NO_MEMORY, .message = "out of memory"};
    struct http_exchange *exchange = call->exchange;
    struct error error, *kept;
    struct sigv4_proof *proof = ARENA_NEW(&exchange->arena, struct sigv4_proof);
    if (call->operation->is_open)
        return true;
    call->refusal = &no_memory;
    if (!proof)
        return false;
    if (auth_identify_head(call->thread->api->config, &exchange->request, meant->has_claim ? &meant->claim : NULL,
                           clock_wall_us(), &exchange->arena, &call->identity, proof, &error) == OK) {
        call->refusal = NULL;
        call->proof = proof->owed == SIGV4_PROVEN ? NULL : proof;
        return true;
    }
    kept = ARENA_NEW(&exchange->arena, struct error);
    if (kept) {
        *kept = error;
        call->refusal = kept;
    }
    return false;
}

/* Who asks for what: a request that will be refused brings no body. */
void api_on_head(void *thread_ctx, struct http_exchange *exchange, struct meant *meant)
{
    struct api_thread *thread = thread_ctx;
    struct api_call *call = call_new(thread, exchange);
    exchange->user = call;
    exchange->refuses_body = !call || !find_operation(call, meant_match(meant)) || !identify(call, meant);
    if (exchange->refuses_body)
        return;
    http_set_owner(exchange, str_of(call->identity.tenant));
    exchange->body_max = takes_prompt(call->operation) ? 0 : (size_t)limit(control_body_bytes);
}

/* --- the whole request ------------------------------------------------------------------------------ */

static void answer(struct api_call *call)
{
    struct error error;
    if (call->refusal)
        call_fail(call, call->refusal);
    else if (!takes_prompt(call->operation) && call_prove(call, &error) != OK)
        call_fail(call, &error);
    else
        call->operation->handle(call);
}

void api_on_request(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_call *call = exchange->user;
    (void)thread_ctx;
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
