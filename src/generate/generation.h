/* generation.h - the way of one request through template, engine and reply
 * parser. Knows no dialect and no transport: Converse, native bodies and batch
 * jobs all come through here.
 *
 * Everything runs on the thread of the engine port. */
#ifndef GENERATE_GENERATION_H
#define GENERATE_GENERATION_H

#include "chat/codec.h"
#include "chat/template.h"
#include "core/config.h"
#include "engine/engine.h"

struct generation;

/* Of a generation's course, for logs and metrics. Microseconds. */
struct generation_figures {
    uint64_t first_token_us; /* from the start to the first token */
    uint64_t total_us;
    uint64_t decode_us;      /* from the first token to the end */
};

struct generation_handlers {
    /* The first token is there; reply has identity and the input side of usage. */
    void (*on_started)(void *ctx, const struct chat_reply *reply);
    /* Block events of chat_sink; inside them the generation must not be freed. */
    void (*block_start)(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id, struct str tool_name);
    void (*block_delta)(void *ctx, size_t index, enum chat_block_kind kind, struct str text);
    void (*block_stop)(void *ctx, size_t index, enum chat_block_kind kind);
    /* After each piece of text has become block events; may free the generation. */
    void (*on_progress)(void *ctx);
    /* Exactly one of these comes last; from here the owner may, and has to, free the generation. */
    void (*on_finished)(void *ctx, const struct chat_reply *reply, const struct generation_figures *figures);
    void (*on_failed)(void *ctx, const struct error *error);
};

/* What the engine is given of a request: made by generation_prepare, in the request's arena. */
struct generation_prompt {
    struct template_grammar grammar;
    struct engine_segment *segments;
    size_t segment_count;
};

struct generation_setup {
    struct engine_port *port;
    size_t model;
    const struct template_spec *spec;
    struct str tenant;
    enum config_cache_mode cache; /* of the model */
    uint32_t cache_min_tokens;    /* shorter prefixes are not cached */
    const struct chat_request *request; /* checked; outlives the generation */
    const struct generation_prompt *prompt; /* NULL: made here */
    struct chat_reply identity;         /* request_id, model_id, native */
    bool collects;                      /* the finished reply carries all blocks */
    uint64_t started_us;                /* clock_now_us() of the request's first byte */
    uint64_t max_reply_us;              /* from the first token on: then the reply ends as at max_tokens; 0: none */
};

/* Template and grammar. Any thread, one at a time for a request. */
enum error_code generation_prepare(const struct template_spec *spec, const struct chat_request *request,
                                   struct generation_prompt *prompt, struct error *error) WARN_UNUSED;

/* NULL with *error when the request is refused at once. Block handlers may be NULL. */
struct generation *generation_start(const struct generation_setup *setup, const struct generation_handlers *handlers,
                                    void *ctx, struct error *error);
void generation_free(struct generation *generation); /* cancels it when it still runs */

/* What has been counted so far, for requests that don't finish. */
struct chat_usage generation_usage(const struct generation *generation);
/* Final from on_started on. */
struct engine_cache_use generation_cache(const struct generation *generation);

/* The prompt of a request as the engine's segments, in the request's arena. */
enum error_code generation_segments(const struct template_spec *spec, const struct chat_request *request,
                                    struct engine_segment **segments, size_t *count, struct error *error) WARN_UNUSED;

#endif
