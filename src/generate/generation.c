#include "generate/generation.h"

#include <stdio.h>

#include "chat/json_schema_check.h"
#include "chat/reply_parser.h"
#include "core/limits.h"
#include "core/util.h"

/* Text of a whole reply: contexts are at most some hundred thousand tokens. */
#define REPLY_BYTES_MAX (64u << 20)

/* A collected block: its text is a piece of generation->text. */
struct block_span {
    enum chat_block_kind kind;
    size_t from, len;
    struct str tool_id, tool_name; /* in the request's arena */
};

struct generation {
    const struct chat_request *request;
    struct generation_handlers handlers;
    void *ctx;
    struct engine_call *call; /* NULL once it ended */
    struct reply_parser *parser;
    struct chat_sink sink;
    struct chat_reply reply;
    struct engine_cache_use cache;
    bool collects, is_out_of_memory;
    bool checks; /* a schema asks for more than its grammar may hold: blocks are kept for that */
    struct buf text;
    struct block_span *spans;
    size_t span_count, span_cap;
    struct chat_reply_block *blocks;
    uint64_t started_us, first_token_us, max_reply_us;
};

/* --- blocks as the parser finds them ---------------------------------------------------------------- */

static void collect_start(struct generation *generation, enum chat_block_kind kind, struct str tool_id,
                          struct str tool_name)
{
    void *spans = generation->spans;
    struct block_span span = {.kind = kind, .from = generation->text.len};
    struct arena *arena = generation->request->arena;
    bool is_kept = mem_grow(&spans, generation->span_count, &generation->span_cap, sizeof(span));
    generation->spans = spans;
    if (kind == CHAT_TOOL_USE)
        is_kept = is_kept && arena_str(arena, tool_id, &span.tool_id) && arena_str(arena, tool_name, &span.tool_name);
    if (is_kept)
        generation->spans[generation->span_count++] = span;
    else
        generation->is_out_of_memory = true;
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name)
{
    struct generation *generation = ctx;
    if (generation->collects || generation->checks)
        collect_start(generation, kind, tool_id, tool_name);
    if (generation->handlers.block_start)
        generation->handlers.block_start(generation->ctx, index, kind, tool_id, tool_name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct generation *generation = ctx;
    if ((generation->collects || generation->checks) && generation->span_count > 0) {
        buf_append_str(&generation->text, text);
        generation->spans[generation->span_count - 1].len += text.len;
    }
    if (generation->handlers.block_delta)
        generation->handlers.block_delta(generation->ctx, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct generation *generation = ctx;
    if (generation->handlers.block_stop)
        generation->handlers.block_stop(generation->ctx, index, kind);
}

/* --- what the engine says --------------------------------------------------------------------------- */

static void fail(struct generation *generation, const struct error *error)
{
    if (generation->call)
        engine_cancel(generation->call);
    generation->call = NULL;
    generation->handlers.on_failed(generation->ctx, error);
}

static void set_input(struct generation *generation, uint32_t prompt, const struct engine_cache_use *cache)
{
    struct chat_usage *usage = &generation->reply.usage;
    uint32_t cached = cache->read_tokens + cache->write_tokens;
    generation->cache = *cache;
    usage->cache_read_tokens = cache->read_tokens;
    usage->cache_write_5m_tokens = cache->write_tokens - cache->write_1h_tokens;
    usage->cache_write_1h_tokens = cache->write_1h_tokens;
    usage->input_tokens = prompt > cached ? prompt - cached : 0;
}

static void on_started(void *ctx, const struct engine_started *started)
{
    struct generation *generation = ctx;
    generation->first_token_us = clock_now_us();
    generation->reply.first_byte_ms = (generation->first_token_us - generation->started_us) / 1000;
    set_input(generation, started->prompt_tokens, &started->cache);
    generation->handlers.on_started(generation->ctx, &generation->reply);
}

static enum chat_stop_reason stop_reason(const struct generation *generation, enum engine_stop stop)
{
    switch (stop) {
    case ENGINE_STOP_LENGTH: return CHAT_STOP_MAX_TOKENS;
    case ENGINE_STOP_CONTEXT: return CHAT_STOP_CONTEXT_WINDOW;
    case ENGINE_STOP_SEQUENCE: return CHAT_STOP_SEQUENCE;
    case ENGINE_STOP_END: break;
    }
    if (reply_parser_tool_use_count(generation->parser) > 0)
        return CHAT_STOP_TOOL_USE;
    return reply_parser_has_malformed_call(generation->parser) ? CHAT_STOP_MALFORMED_TOOL_USE : CHAT_STOP_END_TURN;
}

static bool build_blocks(struct generation *generation)
{
    if (generation->is_out_of_memory || generation->text.failed)
        return false;
    generation->blocks = mem_calloc(generation->span_count + 1, sizeof(*generation->blocks));
    if (!generation->blocks)
        return false;
    for (size_t i = 0; i < generation->span_count; i++) {
        const struct block_span *span = &generation->spans[i];
        generation->blocks[i] = (struct chat_reply_block){
            .kind = span->kind,
            .text = str_slice(buf_str(&generation->text), span->from, span->from + span->len),
            .tool_id = span->tool_id,
            .tool_name = span->tool_name,
        };
    }
    generation->reply.blocks = generation->blocks;
    generation->reply.block_count = generation->span_count;
    return true;
}

static bool is_forced(const struct chat_request *request)
{
    return request->tool_choice == CHAT_TOOL_ANY || request->tool_choice == CHAT_TOOL_NAMED;
}

/* Do a call's arguments have to match the tool's schema? */
static bool binds(const struct chat_request *request, const struct chat_tool *tool)
{
    return is_forced(request) || request->output_schema != NULL || tool->is_strict;
}

/* The schema that a block was made by, with its place in the request; NULL when none was in force. */
static yyjson_val *schema_of(const struct chat_request *request, const struct chat_reply_block *block, char *where,
                             size_t cap)
{
    snprintf(where, cap, "output schema");
    if (block->kind != CHAT_TOOL_USE)
        return block->kind == CHAT_TEXT && !is_forced(request) ? request->output_schema : NULL;
    for (size_t i = 0; i < request->tool_count; i++)
        if (binds(request, &request->tools[i]) && str_eq(request->tools[i].name, block->tool_name)) {
            snprintf(where, cap, "tools[%zu] (" STR_FMT ")", i, STR_ARG(block->tool_name));
            return request->tools[i].schema;
        }
    return NULL;
}

/* What no grammar holds is looked at once the value is there. */
static enum error_code check_blocks(const struct generation *generation, struct error *error)
{
    enum error_code code = OK;
    char where[128];
    for (size_t i = 0; i < generation->span_count && code == OK; i++) {
        const struct chat_reply_block *block = &generation->blocks[i];
        yyjson_val *schema = schema_of(generation->request, block, where, sizeof(where));
        if (schema != NULL && json_schema_needs_check(schema))
            code = json_schema_check(schema, block->text, where, error);
    }
    return code;
}

static bool needs_checks(const struct chat_request *request)
{
    bool needs = request->output_schema != NULL && json_schema_needs_check(request->output_schema);
    for (size_t i = 0; i < request->tool_count; i++)
        needs = needs || (binds(request, &request->tools[i]) && json_schema_needs_check(request->tools[i].schema));
    return needs;
}

/* Everything but stop reason and usage is known. */
static void end(struct generation *generation)
{
    struct chat_reply *reply = &generation->reply;
    uint64_t now_us = clock_now_us();
    reply->latency_ms = (now_us - generation->started_us) / 1000;
    const struct generation_figures figures = {
        .first_token_us = generation->first_token_us - generation->started_us,
        .total_us = now_us - generation->started_us,
        .decode_us = now_us - generation->first_token_us,
    };
    generation->handlers.on_finished(generation->ctx, reply, &figures);
}

/* False: it has failed instead. */
static bool close_blocks(struct generation *generation)
{
    struct error error;
    if (reply_parser_finish(generation->parser, &error) == OK) {
        if (build_blocks(generation))
            return true;
        (void)error_no_memory(&error);
    }
    fail(generation, &error);
    return false;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct generation *generation = ctx;
    struct chat_reply *reply = &generation->reply;
    struct error error;
    generation->call = NULL;
    if (!close_blocks(generation))
        return;
    reply->stop = stop_reason(generation, finished->stop);
    if (generation->checks && finished->stop == ENGINE_STOP_END && check_blocks(generation, &error) != OK) {
        fail(generation, &error);
        return;
    }
    if (reply->stop == CHAT_STOP_SEQUENCE && finished->stop_index < generation->request->stop_count)
        reply->stop_sequence = generation->request->stop_sequences[finished->stop_index];
    set_input(generation, finished->prompt_tokens, &finished->cache);
    reply->usage.output_tokens = finished->output_tokens;
    end(generation);
}

/* Its time is up: what is there is the reply. */
static void cut_off(struct generation *generation)
{
    engine_cancel(generation->call);
    generation->call = NULL;
    if (!close_blocks(generation))
        return;
    generation->reply.stop = CHAT_STOP_MAX_TOKENS;
    end(generation);
}

static void on_text(void *ctx, struct str text, uint32_t token_count)
{
    struct generation *generation = ctx;
    struct error error;
    generation->reply.usage.output_tokens += token_count;
    if (reply_parser_feed(generation->parser, text, &error) != OK)
        fail(generation, &error);
    else if (generation->max_reply_us && clock_now_us() - generation->first_token_us >= generation->max_reply_us)
        cut_off(generation);
    else
        generation->handlers.on_progress(generation->ctx);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct generation *generation = ctx;
    generation->call = NULL;
    fail(generation, error);
}

/* --- start ------------------------------------------------------------------------------------------ */

enum error_code generation_segments(const struct template_spec *spec, const struct chat_request *request,
                                    struct engine_segment **segments, size_t *count, struct error *error)
{
    struct prompt prompt;
    for (const struct chat_document *document = request->documents; document; document = document->next)
        if (document->bytes.data)
            return error_set(error, ERROR_INTERNAL, "%s: its text was not extracted", document->where);
    enum error_code code = template_render(spec, request, &prompt, error);
    if (code != OK)
        return code;
    *segments = ARENA_ARRAY(request->arena, struct engine_segment, prompt.count + 1);
    if (!*segments)
        return error_no_memory(error);
    *count = prompt.count;
    for (size_t i = 0; i < prompt.count; i++)
        (*segments)[i] = (struct engine_segment){
            .is_template = prompt.segments[i].is_template,
            .ends_checkpoint = prompt.segments[i].ends_checkpoint,
            .ttl_seconds = prompt.segments[i].ttl_seconds,
            .text = prompt.segments[i].text,
        };
    return OK;
}

enum error_code generation_prepare(const struct template_spec *spec, const struct chat_request *request,
                                   struct generation_prompt *prompt, struct error *error)
{
    *prompt = (struct generation_prompt){0};
    enum error_code code = template_grammar(spec, request, &prompt->grammar, error);
    return code == OK ? generation_segments(spec, request, &prompt->segments, &prompt->segment_count, error) : code;
}

/* Declared checkpoints alone count where there are any. */
static enum engine_cache cache_mode(enum config_cache_mode mode, const struct engine_segment *segments, size_t count)
{
    if (mode == CACHE_MODE_OFF)
        return ENGINE_CACHE_OFF;
    for (size_t i = 0; i < count; i++)
        if (segments[i].ends_checkpoint)
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

static enum error_code submit(struct generation *generation, const struct generation_setup *setup, struct error *error)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed};
    const struct chat_request *request = setup->request;
    const struct generation_prompt *prompt = setup->prompt;
    struct generation_prompt made;
    if (!prompt && generation_prepare(setup->spec, request, &made, error) != OK)
        return error->code;
    prompt = prompt ? prompt : &made;
    const struct engine_request wanted = {
        .segments = prompt->segments,
        .segment_count = prompt->segment_count,
        .max_tokens = request->max_tokens,
        .temperature = (float)request->sampling.temperature,
        .top_p = (float)request->sampling.top_p,
        .top_k = request->sampling.top_k,
        .seed = seed_of(&request->sampling),
        .grammar = prompt->grammar.text,
        .observes_grammar = prompt->grammar.is_observed,
        .stops = request->stop_sequences,
        .stop_count = request->stop_count,
        .tenant = setup->tenant,
        .cache_salt = request->cache_salt,
        .cache = cache_mode(setup->cache, prompt->segments, prompt->segment_count),
        .cache_min_tokens = setup->cache_min_tokens,
        .tier = tier_queue(request->tier),
    };
    error->code = ERROR_NO_MEMORY;
    generation->call = engine_generate(setup->port, setup->model, &wanted, &handlers, generation, error);
    return generation->call ? OK : error->code;
}

struct generation *generation_start(const struct generation_setup *setup, const struct generation_handlers *handlers,
                                    void *ctx, struct error *error)
{
    struct generation *generation = mem_calloc(1, sizeof(*generation));
    if (!generation) {
        (void)error_no_memory(error);
        return NULL;
    }
    generation->request = setup->request;
    generation->handlers = *handlers;
    generation->ctx = ctx;
    generation->reply = setup->identity;
    generation->collects = setup->collects;
    generation->checks = needs_checks(setup->request);
    generation->started_us = setup->started_us;
    generation->max_reply_us = setup->max_reply_us;
    generation->sink = (struct chat_sink){generation, on_block_start, on_block_delta, on_block_stop};
    buf_init(&generation->text, REPLY_BYTES_MAX);
    generation->parser = reply_parser_new(setup->spec->family, setup->request, &generation->sink);
    if (!generation->parser)
        (void)error_no_memory(error);
    else if (submit(generation, setup, error) == OK)
        return generation;
    generation_free(generation);
    return NULL;
}

struct chat_usage generation_usage(const struct generation *generation)
{
    return generation->reply.usage;
}

struct engine_cache_use generation_cache(const struct generation *generation)
{
    return generation->cache;
}

void generation_free(struct generation *generation)
{
    if (!generation)
        return;
    if (generation->call)
        engine_cancel(generation->call);
    reply_parser_free(generation->parser);
    buf_deinit(&generation->text);
    mem_free(generation->spans);
    mem_free(generation->blocks);
    mem_free(generation);
}
