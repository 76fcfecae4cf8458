/* upstream_once.c - what an upstream says once and whole: how many tokens a prompt has, and embeddings. See
 * upstream_call.h. */
#include "generate/upstream_call.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/upstream_body.h"
#include "generate/upstream_embed.h"

/* --- counting --------------------------------------------------------------------------------------- */

/* A reply that is read once it is whole. */
static void on_count_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct leg *leg = ctx;
    (void)head;
    (void)is_stream;
    buf_clear(&leg->whole);
}

static void on_count_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    buf_append_str(&leg->whole, bytes);
}

static void on_count_failed(void *ctx, const struct error *error)
{
    const struct leg *leg = ctx;
    leg->call->counted(leg->call->ctx, 0, error);
}

/* {"input_tokens":N}, or {"inputTokens":N} */
static void on_count_end(void *ctx)
{
    const struct leg *leg = ctx;
    const struct upstream_call *call = leg->call;
    struct error error;
    yyjson_doc *doc = NULL;
    if (json_parse(buf_str(&leg->whole), &doc, &error) != OK)
        doc = NULL;
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *count = yyjson_obj_get(root, "input_tokens");
    if (!count)
        count = yyjson_obj_get(root, "inputTokens");
    const bool is_count = yyjson_is_uint(count) && yyjson_get_uint(count) <= UINT32_MAX;
    const uint32_t tokens = is_count ? (uint32_t)yyjson_get_uint(count) : 0;
    json_free(doc);
    if (is_count) {
        asking_answered(leg->asking);
        call->counted(call->ctx, tokens, NULL);
        return;
    }
    (void)error_set(&error, ERROR_MODEL, "the upstream's count can't be read");
    if (!asking_retry(leg->asking, &error))
        call->counted(call->ctx, 0, &error);
}

/* What is estimated is no count: only a provider that counts is asked, and of whole prompts. */
struct backend_call *upstream_count(struct backend *backend, const struct backend_job *job,
                                  void (*counted)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    static const struct asking_events asked = {on_count_reply, on_count_bytes, on_count_end, on_count_failed};
    if (job->text.data) {
        (void)upstream_refuse_count(job->target, error);
        return NULL;
    }
    struct upstream_call *call = upstream_call_new(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->counted = counted;
    return upstream_call_ask(call, &asked, error);
}

/* --- embeddings ------------------------------------------------------------------------------------- */

static void on_embed_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    struct error error;
    if (leg->whole.len + bytes.len <= leg->whole.max && buf_append_str(&leg->whole, bytes))
        return;
    (void)error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit");
    if (!asking_retry(leg->asking, &error))
        leg->call->embedded(leg->call->ctx, NULL, &error);
}

static void on_embed_failed(void *ctx, const struct error *error)
{
    const struct leg *leg = ctx;
    upstream_call_count_repeats(leg->call);
    leg->call->embedded(leg->call->ctx, NULL, error);
}

static void close_embed(struct leg *leg, struct embeddings *made, bool has_usage)
{
    struct upstream_call *call = leg->call;
    asking_answered(leg->asking);
    call->call.replica = upstream_leg_replica(leg);
    if (!has_usage)
        made->input_tokens = call->body_bytes / ESTIMATE_BYTES;
    call->call.usage.input_tokens = made->input_tokens;
    upstream_call_count_repeats(call);
    health_used(upstream_leg_health(leg), made->input_tokens, !has_usage, false, clock_now_us() - call->begun_us);
}

static void on_embed_end(void *ctx)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    const size_t count = call->job->request->embed->count;
    struct embeddings made;
    struct arena arena;
    struct error error;
    yyjson_doc *doc = NULL;
    bool has_usage = false;
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&leg->whole), &doc, &error);
    if (code == OK)
        code = upstream_embed_read(yyjson_doc_get_root(doc), count, &arena, &made, &has_usage, &error);
    json_free(doc);
    if (code == ERROR_INVALID)
        error.code = ERROR_MODEL;
    if (code == OK) {
        close_embed(leg, &made, has_usage);
        call->embedded(call->ctx, &made, NULL);
    } else if (!asking_retry(leg->asking, &error)) {
        call->embedded(call->ctx, NULL, &error);
    }
    arena_deinit(&arena);
}

struct backend_call *upstream_embed(struct backend *backend, const struct backend_job *job,
                                  void (*embedded)(void *ctx, const struct embeddings *embeddings,
                                                   const struct error *error),
                                  void *ctx, struct error *error)
{
    static const struct asking_events asked = {on_count_reply, on_embed_bytes, on_embed_end, on_embed_failed};
    struct upstream_call *call = upstream_call_new(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->embedded = embedded;
    return upstream_call_ask(call, &asked, error);
}
