/* upstream_body.c - see upstream_body.h. */
#include "generate/upstream_body.h"

#include "core/limits.h"
#include "generate/charge.h"
#include "generate/upstream_embed.h"
#include "upstream/prefix.h"
#include "upstream/wire.h"

#define BODY_EXTRA_BYTES (1u << 20) /* that a body may be longer than the client's in another dialect, at least */
#define UNSEEN_TOKENS 4096  /* at most, that providers put into a prompt themselves, for tools say */
#define MEDIUM_TOKENS 65536 /* the same of an image */

/* Of a reply that is read into blocks something would be lost. */
static bool needs_whole(const struct backend_job *job)
{
    const struct chat_request *request = job->request;
    return !request->is_stream && (request->extra_count > 0 || request->needs || request->wants);
}

bool upstream_is_passed_on(const struct backend_job *job, const struct upstream_config *upstream)
{
    return job->use == BACKEND_REPLY && job->passes_on && job->request->origin == wire_codec(upstream->kind);
}

struct codec_form upstream_form(const struct upstream_config *upstream, const struct backend_job *job)
{
    const struct target *target = job->target;
    const char *model = upstream_model_id(target->model->upstream_model);
    return (struct codec_form){
        .model = upstream->kind == UPSTREAM_BEDROCK ? (struct str){NULL, 0} : str_of(model),
        .is_stream = job->use == BACKEND_REPLY && !(upstream_is_passed_on(job, upstream) && needs_whole(job)),
        .is_count = job->use == BACKEND_COUNT,
        .says_cache_points = upstream_takes_cache_points(target->model->upstream_model),
        .says_max_tokens = upstream->max_tokens_name == UPSTREAM_WORD_OLDER ||
                           (upstream->max_tokens_name == UPSTREAM_WORD_USUAL && upstream_is_elsewhere(upstream)),
    };
}

/* One cache for each tenant, and within it for each salt of his: who measures times learns nothing of others. */
static bool add_vllm(const struct upstream_config *upstream, const struct backend_job *job, struct codec_form *form)
{
    static const int priorities[] = {[TIER_PRIORITY] = -10, [TIER_DEFAULT] = 0, [TIER_FLEX] = 10,
                                     [TIER_ULTRAFAST] = -10};
    const struct chat_request *request = job->request;
    uint8_t hash[SHA256_LEN];
    char text[2 * SHA256_LEN + 1];
    if (upstream->server != UPSTREAM_SERVER_VLLM || job->use != BACKEND_REPLY)
        return true;
    const struct str salt = arena_printf(request->arena, "%zu " STR_FMT STR_FMT, job->tenant.len, STR_ARG(job->tenant),
                                         STR_ARG(request->cache_salt));
    if (!salt.data)
        return false;
    sha256(salt, hash);
    hex_encode(hash, sizeof(hash), text);
    form->priority = priorities[upstream_tier(upstream, request->tier)];
    return arena_str(request->arena, str_of(text), &form->cache_salt);
}

enum error_code upstream_refuse_count(const struct target *target, struct error *error)
{
    return error_set(error, ERROR_INVALID, "The provider of model %s does not count tokens.", target->name);
}

static enum error_code refuse_verbatim(const struct backend_job *job, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: only a request by itself in the provider's own API may ask for this",
                     job->request->needs & CHAT_NEED_CHOICES ? "n" : "logprobs");
}

static enum error_code refuse_embed(const struct target *target, struct error *error)
{
    return error_set(error, ERROR_INVALID, "model: the provider of %s makes no embeddings", target->name);
}

static enum error_code write_body(const struct backend_job *job, const struct upstream *upstream,
                                  struct upstream_marks *marks, struct buf *text, struct error *error)
{
    struct codec_form form = upstream_form(upstream->config, job);
    const struct chat_request *marked;
    if (!add_vllm(upstream->config, job, &form))
        return error_no_memory(error);
    if (job->use != BACKEND_EMBED) {
        const enum error_code code = upstream_marks_place(upstream, job, marks, &marked, error);
        return code == OK ? wire_codec(upstream->config->kind)->request_write(marked, &form, text, error) : code;
    }
    upstream_embed_write(job->request, form.model, text);
    return text->failed ? error_no_memory(error) : OK;
}

/* Images and the like, whose tokens their bytes don't bound. */
static uint64_t media_of(const struct chat_request *request)
{
    uint64_t count = 0;
    for (size_t i = 0; i < request->message_count; i++)
        for (size_t k = 0; k < request->messages[i].block_count; k++) {
            const enum chat_block_kind kind = request->messages[i].blocks[k].kind;
            count += kind == CHAT_IMAGE || kind == CHAT_VIDEO || kind == CHAT_AUDIO || kind == CHAT_DOCUMENT;
        }
    return count;
}

enum error_code upstream_body_write(const struct upstream *upstream, struct backend_job *job, struct error *error)
{
    struct upstream_body *body = ARENA_NEW(job->request->arena, struct upstream_body);
    struct buf text;
    if (!body)
        return error_no_memory(error);
    if ((job->request->needs & CHAT_NEEDS_VERBATIM) && job->use == BACKEND_REPLY &&
        !upstream_is_passed_on(job, upstream->config))
        return refuse_verbatim(job, error);
    if (job->use == BACKEND_EMBED && !wire_can(upstream, WIRE_EMBED))
        return refuse_embed(job->target, error);
    if (job->use == BACKEND_COUNT && !wire_can(upstream, WIRE_COUNT))
        return upstream_refuse_count(job->target, error);
    buf_init(&text, 2 * (size_t)limit(body_bytes) + BODY_EXTRA_BYTES);
    enum error_code code = write_body(job, upstream, &body->marks, &text, error);
    if (code == OK && !arena_str(job->request->arena, buf_str(&text), &body->text))
        code = error_no_memory(error);
    buf_deinit(&text);
    if (code == OK && wire_wants_hash(upstream)) {
        uint8_t hash[SHA256_LEN];
        sha256(body->text, hash);
        hex_encode(hash, sizeof(hash), body->hash);
    }
    if (code == OK && job->use == BACKEND_REPLY && upstream->affinity)
        body->has_prefix = prefix_read(job->request, job->tenant, str_of(job->target->name),
                                       charge_session(job->request), &body->prefix);
    job->prepared = body;
    job->prompt_tokens_max = body->text.len + UNSEEN_TOKENS + MEDIUM_TOKENS * media_of(job->request);
    return code;
}
