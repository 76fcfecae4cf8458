/* engine_logprobs.c - see engine_logprobs.h. */
#include "generate/engine_logprobs.h"

#include "core/limits.h"

/* A piece of a block of text lies between these bytes of the reply. */
static void on_text(void *ctx, size_t index, size_t from, size_t to)
{
    struct engine_logprobs *all = ctx;
    while (all->first < all->count && all->items[all->first].at < from &&
           all->items[all->first].at + all->items[all->first].chosen.bytes.len <= from)
        all->first++;
    struct token_logprob *begin = &all->items[all->first];
    for (; all->first < all->count && all->items[all->first].at < to; all->first++) {
        struct token_logprob *token = &all->items[all->first];
        token->at = token->at > from ? token->at - from : 0;
    }
    const size_t count = (size_t)(&all->items[all->first] - begin);
    if (count > 0 && all->sink->block_logprobs)
        all->sink->block_logprobs(all->sink->ctx, index, begin, count);
}

void engine_logprobs_init(struct engine_logprobs *all, const struct chat_request *request, struct reply_parser *parser,
                          const struct chat_sink *sink)
{
    *all = (struct engine_logprobs){.sink = sink};
    arena_init(&all->arena, 0);
    if (request->wants_logprobs)
        reply_parser_on_text(parser, on_text, all);
}

void engine_logprobs_deinit(struct engine_logprobs *all)
{
    arena_deinit(&all->arena);
    mem_free(all->items);
    *all = (struct engine_logprobs){0};
}

static bool add(struct engine_logprobs *all, const struct token_logprob *token)
{
    void *items = all->items;
    if (!mem_grow(&items, all->count, &all->cap, sizeof(*all->items)))
        return false;
    all->items = items;
    if (!token_logprob_copy(&all->arena, token, &all->items[all->count]))
        return false;
    all->items[all->count++].at += all->fed;
    return true;
}

void engine_logprobs_add(struct engine_logprobs *all, const struct token_logprob *tokens, size_t count)
{
    if (all->first == all->count) {
        all->first = all->count = 0;
        arena_reset(&all->arena);
    }
    for (size_t i = 0; i < count && !all->is_out_of_memory; i++)
        all->is_out_of_memory = !add(all, &tokens[i]);
}

enum error_code engine_logprobs_feed(struct engine_logprobs *all, struct reply_parser *parser, struct str text,
                                     struct error *error)
{
    if (all->is_out_of_memory)
        return error_no_memory(error);
    const enum error_code code = reply_parser_feed(parser, text, error);
    all->fed += text.len;
    return code;
}

enum error_code engine_logprobs_check(const struct chat_request *request, uint32_t context, struct error *error)
{
    const bool is_bounded = request->max_tokens > 0 && request->max_tokens < context;
    const uint64_t tokens = is_bounded ? request->max_tokens : context;
    const uint64_t replies = request->choices > 1 ? request->choices : 1;
    const uint64_t count = tokens * replies * (1U + request->top_logprobs);
    if (!request->wants_logprobs || count <= LIMIT_LOGPROBS)
        return OK;
    return error_set(error, ERROR_INVALID,
                     "%s: those of %llu tokens are %llu probabilities, over %d; ask for a shorter reply or for fewer",
                     request->top_logprobs > 0 ? "top_logprobs" : "logprobs", (unsigned long long)(tokens * replies),
                     (unsigned long long)count, LIMIT_LOGPROBS);
}
