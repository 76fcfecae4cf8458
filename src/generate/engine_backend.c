/* engine_backend.c - see engine_backend.h. A reply is text until the reply
 * parser has seen it: its blocks go into the sink of whoever asked, its counts
 * are the worker's own. */
#include "generate/engine_backend.h"

#include <math.h>

#include "chat/reply_parser.h"
#include "core/util.h"
#include "generate/engine_choices.h"
#include "generate/engine_logprobs.h"
#include "generate/engine_prompt.h"
#include "generate/engine_reply.h"
#include "ledger/line.h"

struct engine_backend {
    struct backend backend;
    struct engine_port *port;
};

/* A reply, a count or a question on its way, in the request's arena. */
struct engine_reply {
    struct backend_call call;
    struct engine_call *running; /* NULL once it ended */
    const struct chat_request *request;
    const struct backend_events *events;
    void (*on_count)(void *ctx, uint32_t tokens, const struct error *error);
    void (*on_embedded)(void *ctx, const struct embeddings *embeddings, const struct error *error);
    void *ctx;
    struct reply_parser *parser;
    struct engine_logprobs logprobs;
    uint64_t max_reply_us;
    struct engine_choices *choices; /* besides it; NULL: none are wanted */
    bool is_over;                   /* it has ended, and waits for those */
    enum chat_stop_reason stop;
    struct str stop_sequence;
    uint64_t output;                /* tokens of it alone */
};

static struct engine_backend *own(struct backend *backend)
{
    return (struct engine_backend *)(void *)backend;
}

/* --- the prompt ------------------------------------------------------------------------------------- */

static enum error_code check_embed(const struct model *model, const struct embed_request *embed, struct error *error)
{
    if (model->embedding == 0)
        return error_set(error, ERROR_INVALID, "model: %s writes text and makes no embeddings", model->name);
    if (embed->dimensions == 0 || embed->dimensions == model->embedding)
        return OK;
    if (embed->dimensions < model->embedding && model->config->is_matryoshka)
        return OK;
    return error_set(error, ERROR_INVALID, "dimensions: %s makes %u values%s", model->name, model->embedding,
                     model->config->is_matryoshka ? " at most" : " and is not known to make fewer (matryoshka: true)");
}

/* A token has a byte at least, but for those that the model puts around a text. */
static uint64_t tokens_at_most(const struct engine_prompt *prompt)
{
    uint64_t tokens = 1;
    for (size_t i = 0; i < prompt->segment_count; i++)
        tokens += prompt->segments[i].text.len + 1;
    return tokens;
}

static uint64_t embed_tokens_at_most(const struct embed_request *embed)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < embed->count; i++)
        tokens += embed->inputs[i].text.len + embed->inputs[i].token_count + 2;
    return tokens;
}

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    if (job->use == BACKEND_EMBED) {
        job->prompt_tokens_max = embed_tokens_at_most(job->request->embed);
        return check_embed(job->target->model, job->request->embed, error);
    }
    const struct template_spec *spec = &job->target->model->spec;
    struct engine_prompt *prompt = ARENA_NEW(job->request->arena, struct engine_prompt);
    if (!prompt)
        return error_no_memory(error);
    (void)backend;
    enum error_code code = job->use == BACKEND_REPLY
                               ? engine_prompt_write(spec, job->request, prompt, error)
                               : engine_prompt_write_segments(spec, job->request, prompt, error);
    job->prepared = prompt;
    job->prompt_tokens_max = code == OK ? tokens_at_most(prompt) : 0;
    return code;
}

/* --- what the worker says --------------------------------------------------------------------------- */

static void fail(struct engine_reply *reply, const struct error *error)
{
    if (reply->running)
        engine_cancel(reply->running);
    reply->running = NULL;
    engine_choices_end(reply->choices);
    reply->events->on_failed(reply->ctx, error);
}

/* All that were wanted are there, or more will come. */
static void settle(struct engine_reply *reply)
{
    if (!reply->is_over || !engine_choices_are_done(reply->choices))
        return;
    reply->call.usage.output_tokens = reply->output + engine_choices_output(reply->choices);
    if (reply->choices) {
        reply->call.choices = engine_choices_list(reply->choices);
        reply->call.choice_count = reply->request->choices - 1;
    }
    reply->events->on_finished(reply->ctx, reply->stop, reply->stop_sequence);
}

static void end_with(struct engine_reply *reply, enum chat_stop_reason stop, struct str sequence)
{
    reply->is_over = true;
    reply->stop = stop;
    reply->stop_sequence = sequence;
    settle(reply);
}

static void on_choices(void *ctx)
{
    settle(ctx);
}

static void on_choice_failed(void *ctx, const struct error *error)
{
    fail(ctx, error);
}

static enum chat_cache_miss miss_of(enum engine_miss miss)
{
    switch (miss) {
    case ENGINE_MISS_FIRST_USE: return CHAT_MISS_FIRST_USE;
    case ENGINE_MISS_CHANGED: return CHAT_MISS_CHANGED;
    case ENGINE_MISS_BELOW_MINIMUM: return CHAT_MISS_BELOW_MINIMUM;
    case ENGINE_MISS_EXPIRED: return CHAT_MISS_EXPIRED;
    case ENGINE_MISS_EVICTED: return CHAT_MISS_EVICTED;
    case ENGINE_MISS_NO_CHECKPOINT: return CHAT_MISS_NO_CHECKPOINT;
    case ENGINE_MISS_DISABLED: return CHAT_MISS_DISABLED;
    case ENGINE_MISS_NONE: break;
    }
    return CHAT_MISS_NONE;
}

enum chat_stop_reason engine_stop_reason(const struct reply_parser *parser, enum engine_stop stop)
{
    switch (stop) {
    case ENGINE_STOP_LENGTH: return CHAT_STOP_MAX_TOKENS;
    case ENGINE_STOP_CONTEXT: return CHAT_STOP_CONTEXT_WINDOW;
    case ENGINE_STOP_SEQUENCE: return CHAT_STOP_SEQUENCE;
    case ENGINE_STOP_END: break;
    }
    if (reply_parser_tool_use_count(parser) > 0)
        return CHAT_STOP_TOOL_USE;
    return reply_parser_has_malformed_call(parser) ? CHAT_STOP_MALFORMED_TOOL_USE : CHAT_STOP_END_TURN;
}

static void set_input(struct engine_reply *reply, uint32_t prompt, const struct engine_cache_use *cache)
{
    struct chat_usage *usage = &reply->call.usage;
    uint32_t cached = cache->read_tokens + cache->write_tokens;
    reply->call.cache = (struct chat_cache_use){
        .read_tokens = cache->read_tokens,
        .write_tokens = cache->write_tokens,
        .write_1h_tokens = cache->write_1h_tokens,
        .miss = miss_of(cache->miss),
        .miss_value = cache->miss_value,
        .miss_need = cache->miss_need,
    };
    usage->cache_read_tokens = cache->read_tokens;
    usage->cache_write_5m_tokens = cache->write_tokens - cache->write_1h_tokens;
    usage->cache_write_1h_tokens = cache->write_1h_tokens;
    usage->input_tokens = prompt > cached ? prompt - cached : 0;
}

static void on_started(void *ctx, const struct engine_started *started)
{
    struct engine_reply *reply = ctx;
    reply->call.first_token_us = clock_now_us();
    set_input(reply, started->prompt_tokens, &started->cache);
    reply->events->on_started(reply->ctx);
}

#define CONFIDENCE_TOKENS 8.0

/* The probability of the whole reply; of one that is longer, as if it had so many tokens like its own: how a long text
 * is worded has many right ways, and its probability falls with each word of any of them. */
static void on_certainty(void *ctx, const struct engine_certainty *certainty)
{
    struct engine_reply *reply = ctx;
    if (certainty->tokens > 0)
        reply->call.confidence =
            exp((double)certainty->sum * fmin(1, CONFIDENCE_TOKENS / certainty->tokens));
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct engine_reply *reply = ctx;
    struct str sequence = {0};
    struct error error;
    reply->running = NULL;
    if (reply_parser_finish(reply->parser, &error) != OK) {
        fail(reply, &error);
        return;
    }
    set_input(reply, finished->prompt_tokens, &finished->cache);
    reply->output = finished->output_tokens;
    on_certainty(reply, &finished->certainty);
    reply->call.mean_logprob = engine_mean_logprob(&finished->certainty);
    const enum chat_stop_reason stop = engine_stop_reason(reply->parser, finished->stop);
    if (stop == CHAT_STOP_SEQUENCE && finished->stop_index < reply->request->stop_count)
        sequence = reply->request->stop_sequences[finished->stop_index];
    end_with(reply, stop, sequence);
}

/* Its time is up: what is there is the reply. */
static void cut_off(struct engine_reply *reply)
{
    struct error error;
    engine_cancel(reply->running);
    reply->running = NULL;
    if (reply_parser_finish(reply->parser, &error) == OK)
        end_with(reply, CHAT_STOP_MAX_TOKENS, (struct str){0});
    else
        fail(reply, &error);
}

static void on_logprobs(void *ctx, const struct token_logprob *tokens, size_t count)
{
    struct engine_reply *reply = ctx;
    engine_logprobs_add(&reply->logprobs, tokens, count);
}

static void on_text(void *ctx, struct str text, uint32_t token_count)
{
    struct engine_reply *reply = ctx;
    struct error error;
    reply->output += token_count;
    reply->call.usage.output_tokens = reply->output + engine_choices_output(reply->choices);
    if (engine_logprobs_feed(&reply->logprobs, reply->parser, text, &error) != OK)
        fail(reply, &error);
    else if (reply->max_reply_us && clock_now_us() - reply->call.first_token_us >= reply->max_reply_us)
        cut_off(reply);
    else
        reply->events->on_progress(reply->ctx);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct engine_reply *reply = ctx;
    reply->running = NULL;
    fail(reply, error);
}

static void on_count(void *ctx, uint32_t tokens, const struct error *error)
{
    struct engine_reply *reply = ctx;
    reply->running = NULL;
    reply->on_count(reply->ctx, tokens, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

/* Declared checkpoints alone count where there are any. */
static enum engine_cache cache_mode(enum config_cache_mode mode, const struct engine_prompt *prompt)
{
    if (mode == CACHE_MODE_OFF)
        return ENGINE_CACHE_OFF;
    for (size_t i = 0; i < prompt->segment_count; i++)
        if (prompt->segments[i].ends_checkpoint)
            return ENGINE_CACHE_EXPLICIT;
    return mode == CACHE_MODE_IMPLICIT ? ENGINE_CACHE_IMPLICIT : ENGINE_CACHE_EXPLICIT;
}

static uint64_t seed_of(const struct chat_sampling *sampling)
{
    uint64_t seed = sampling->seed;
    if (!sampling->has_seed)
        random_bytes(&seed, sizeof(seed));
    return seed;
}

static struct engine_reply *new_reply(struct backend *backend, const struct backend_job *job, void *ctx,
                                      struct error *error)
{
    struct engine_reply *reply = ARENA_NEW(job->request->arena, struct engine_reply);
    if (!reply) {
        (void)error_no_memory(error);
        return NULL;
    }
    *reply = (struct engine_reply){.call.backend = backend,
                                   .request = job->request,
                                   .ctx = ctx,
                                   .max_reply_us = job->max_reply_us};
    return reply;
}

/* What warmth and reply depend on alike. */
static struct engine_request request_of(const struct backend_job *job)
{
    const struct engine_prompt *prompt = job->prepared;
    return (struct engine_request){
        .segments = prompt->segments,
        .segment_count = prompt->segment_count,
        .tenant = job->tenant,
        .cache_salt = job->request->cache_salt,
        .cache = cache_mode(job->target->model->config->cache, prompt),
        .cache_min_tokens = job->cache_min_tokens,
    };
}

static struct engine_call *submit(struct engine_reply *reply, const struct backend_job *job, struct error *error)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished,
                                                    on_failed,  on_certainty, on_logprobs};
    const struct chat_request *request = job->request;
    const struct engine_prompt *prompt = job->prepared;
    struct engine_request wanted = request_of(job);
    wanted.max_tokens = request->max_tokens;
    wanted.temperature = (float)request->sampling.temperature;
    wanted.top_p = (float)request->sampling.top_p;
    wanted.top_k = request->sampling.top_k;
    wanted.seed = seed_of(&request->sampling);
    wanted.grammar = prompt->grammar.text;
    wanted.observes_grammar = prompt->grammar.is_observed;
    wanted.stops = request->stop_sequences;
    wanted.stop_count = request->stop_count;
    wanted.tier = tier_queue(request->tier);
    wanted.wants_certainty = job->wants_confidence || request->best > 0;
    wanted.wants_logprobs = request->wants_logprobs;
    wanted.top_logprobs = request->top_logprobs;
    error->code = ERROR_NO_MEMORY;
    struct engine_port *port = own(reply->call.backend)->port;
    struct engine_call *call =
        engine_generate(port, job->target->model->worker, &wanted, &handlers, reply, error);
    if (!call || request->choices < 2)
        return call;
    const struct engine_choices_setup setup = {
        .port = port, .worker = job->target->model->worker, .family = job->target->model->spec.family,
        .request = request, .wanted = &wanted, .max_reply_us = job->max_reply_us, .on_done = on_choices,
        .on_failed = on_choice_failed, .ctx = reply};
    reply->choices = engine_choices_start(&setup, error);
    if (reply->choices)
        return call;
    engine_cancel(call);
    return NULL;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    if (engine_logprobs_check(job->request, job->target->model->context, error) != OK)
        return NULL;
    struct engine_reply *reply = new_reply(backend, job, ctx, error);
    if (!reply)
        return NULL;
    reply->events = events;
    reply->parser = reply_parser_new(job->target->model->spec.family, job->request, &events->sink);
    if (!reply->parser) {
        (void)error_no_memory(error);
        return NULL;
    }
    engine_logprobs_init(&reply->logprobs, job->request, reply->parser, &events->sink);
    if ((reply->running = submit(reply, job, error)))
        return &reply->call;
    engine_logprobs_deinit(&reply->logprobs);
    reply_parser_free(reply->parser);
    return NULL;
}

static struct backend_call *count(struct backend *backend, const struct backend_job *job,
                                  void (*counted)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    const struct engine_segment alone = {.text = job->text};
    const struct engine_prompt *prompt = job->prepared;
    const bool is_text = job->text.data != NULL;
    struct engine_reply *reply = new_reply(backend, job, ctx, error);
    if (!reply)
        return NULL;
    reply->on_count = counted;
    error->code = ERROR_NO_MEMORY;
    reply->running =
        engine_count(own(backend)->port, job->target->model->worker, is_text ? &alone : prompt->segments,
                     is_text ? 1 : prompt->segment_count, on_count, reply, error);
    return reply->running ? &reply->call : NULL;
}

/* The first values of each, again of length 1. False: no memory. */
static bool shorten(const struct chat_request *request, struct embeddings *made)
{
    const uint32_t width = request->embed->dimensions, from_width = made->width;
    if (width == 0 || width >= from_width)
        return true;
    float *values = ARENA_ARRAY(request->arena, float, made->count * width);
    for (size_t i = 0; values && i < made->count; i++) {
        const float *from = made->values + i * from_width;
        double sum = 0;
        for (uint32_t k = 0; k < width; k++)
            sum += (double)from[k] * (double)from[k];
        for (uint32_t k = 0; k < width; k++)
            values[i * width + k] = sum > 0 ? (float)((double)from[k] / sqrt(sum)) : 0;
    }
    made->values = values;
    made->width = width;
    return values != NULL;
}

static void on_embeddings(void *ctx, const struct engine_embeddings *made, const struct error *error)
{
    struct engine_reply *reply = ctx;
    struct embeddings embeddings = {0};
    struct error no_memory;
    reply->running = NULL;
    if (made) {
        embeddings = (struct embeddings){made->width, made->count, made->values, made->tokens, 0};
        if (!shorten(reply->request, &embeddings)) {
            reply->on_embedded(reply->ctx, NULL, (error_no_memory(&no_memory), &no_memory));
            return;
        }
        for (size_t i = 0; i < made->count; i++)
            embeddings.input_tokens += made->tokens[i];
        reply->call.usage.input_tokens = embeddings.input_tokens;
    }
    reply->on_embedded(reply->ctx, made ? &embeddings : NULL, error);
}

static struct backend_call *embed(struct backend *backend, const struct backend_job *job,
                                  void (*embedded)(void *ctx, const struct embeddings *embeddings,
                                                   const struct error *error),
                                  void *ctx, struct error *error)
{
    const struct embed_request *request = job->request->embed;
    struct engine_input *inputs = ARENA_ARRAY(job->request->arena, struct engine_input, request->count);
    struct engine_reply *reply = inputs ? new_reply(backend, job, ctx, error) : NULL;
    if (!reply) {
        (void)error_no_memory(error);
        return NULL;
    }
    for (size_t i = 0; i < request->count; i++)
        inputs[i] = (struct engine_input){request->inputs[i].text, request->inputs[i].tokens,
                                          request->inputs[i].token_count};
    const struct engine_embed wanted = {inputs, request->count, tier_queue(job->request->tier)};
    reply->on_embedded = embedded;
    error->code = ERROR_NO_MEMORY;
    reply->running = engine_embed(own(backend)->port, job->target->model->worker, &wanted, on_embeddings, reply, error);
    return reply->running ? &reply->call : NULL;
}

static void on_warmth(void *ctx, const struct engine_warmth *warmth, const struct error *error)
{
    struct engine_reply *reply = ctx;
    reply->call.prompt_tokens = warmth ? warmth->prompt_tokens : 0;
    on_count(ctx, warmth ? warmth->warm_tokens : 0, error);
}

static struct backend_call *warmth(struct backend *backend, const struct backend_job *job,
                                   void (*known)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                   struct error *error)
{
    const struct engine_request wanted = request_of(job);
    struct engine_reply *reply = new_reply(backend, job, ctx, error);
    if (!reply)
        return NULL;
    reply->on_count = known;
    error->code = ERROR_NO_MEMORY;
    reply->running =
        engine_warmth(own(backend)->port, job->target->model->worker, &wanted, on_warmth, reply, error);
    return reply->running ? &reply->call : NULL;
}

static void end(struct backend_call *call)
{
    struct engine_reply *reply = (struct engine_reply *)(void *)call;
    if (reply->running)
        engine_cancel(reply->running);
    reply->running = NULL;
    reply_parser_free(reply->parser);
    reply->parser = NULL;
    engine_logprobs_deinit(&reply->logprobs);
    engine_choices_end(reply->choices);
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    (void)backend;
    (void)target;
    return &chat_traits_embedded;
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    (void)backend;
    return target->model->context;
}

static void close_backend(struct backend *backend)
{
    mem_free(own(backend));
}

struct backend *engine_backend_new(struct engine_port *port, struct error *error)
{
    static const struct backend_ops ops = {
        .name = LEDGER_PROVIDER_ENGINE,
        .prepare = prepare,
        .start = start,
        .count = count,
        .embed = embed,
        .warmth = warmth,
        .end = end,
        .traits = traits,
        .context = context,
        .may_go_elsewhere = backend_error_passes,
        .close = close_backend,
    };
    struct engine_backend *made = mem_calloc(1, sizeof(*made));
    if (!made) {
        (void)error_no_memory(error);
        return NULL;
    }
    *made = (struct engine_backend){{&ops}, port};
    return &made->backend;
}
