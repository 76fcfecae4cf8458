/* collect.c - see collect.h: all text lies in one buffer, a block is a span of it. */
#include "generate/collect.h"

/* Text of a whole reply: contexts are at most some hundred thousand tokens. */
#define TEXT_BYTES_MAX (64u << 20)

struct collect_span {
    enum chat_block_kind kind;
    size_t from, len;
    struct str tool_id, tool_name;
    struct str signature, data; /* of reasoning */
    struct token_logprob *logprobs; /* of text, on the heap but for what they point to */
    size_t logprob_count, logprob_cap;
};

void collect_init(struct collect *collect, struct arena *arena)
{
    *collect = (struct collect){.arena = arena};
    buf_init(&collect->text, TEXT_BYTES_MAX);
}

void collect_deinit(struct collect *collect)
{
    buf_deinit(&collect->text);
    for (size_t i = 0; i < collect->span_count; i++)
        mem_free(collect->spans[i].logprobs);
    mem_free(collect->spans);
    mem_free(collect->blocks);
    *collect = (struct collect){0};
}

void collect_start(struct collect *collect, enum chat_block_kind kind, struct str tool_id, struct str tool_name)
{
    void *spans = collect->spans;
    struct collect_span span = {.kind = kind, .from = collect->text.len};
    bool is_kept = mem_grow(&spans, collect->span_count, &collect->span_cap, sizeof(span));
    collect->spans = spans;
    if (kind == CHAT_TOOL_USE)
        is_kept = is_kept && arena_str(collect->arena, tool_id, &span.tool_id) &&
                  arena_str(collect->arena, tool_name, &span.tool_name);
    if (is_kept)
        collect->spans[collect->span_count++] = span;
    else
        collect->is_out_of_memory = true;
}

void collect_delta(struct collect *collect, enum chat_block_kind kind, struct str text)
{
    struct collect_span *span = collect->span_count > 0 ? &collect->spans[collect->span_count - 1] : NULL;
    if (!span)
        return;
    if (kind == CHAT_SIGNATURE || kind == CHAT_REDACTED) {
        if (!arena_str(collect->arena, text, kind == CHAT_SIGNATURE ? &span->signature : &span->data))
            collect->is_out_of_memory = true;
        return;
    }
    buf_append_str(&collect->text, text);
    span->len += text.len;
}

static bool keep_logprob(struct collect *collect, struct collect_span *span, const struct token_logprob *token)
{
    void *items = span->logprobs;
    if (!mem_grow(&items, span->logprob_count, &span->logprob_cap, sizeof(*token)))
        return false;
    span->logprobs = items;
    if (!token_logprob_copy(collect->arena, token, &span->logprobs[span->logprob_count]))
        return false;
    span->logprobs[span->logprob_count++].at += span->len;
    return true;
}

void collect_logprobs(struct collect *collect, const struct token_logprob *tokens, size_t count)
{
    for (size_t i = 0; i < count && collect->span_count > 0; i++)
        if (!keep_logprob(collect, &collect->spans[collect->span_count - 1], &tokens[i]))
            collect->is_out_of_memory = true;
}

void collect_stop(struct collect *collect)
{
    collect->stopped_count++;
}

bool collect_is_whole(const struct collect *collect)
{
    return !collect->is_out_of_memory && !collect->text.failed;
}

static void tell_begin(const struct chat_sink *sink, size_t index, const struct chat_reply_block *block)
{
    if (sink->block_start)
        sink->block_start(sink->ctx, index, block->kind, block->tool_id, block->tool_name);
    if (sink->block_delta && block->text.len > 0)
        sink->block_delta(sink->ctx, index, block->kind, block->text);
    if (sink->block_delta && block->signature.len > 0)
        sink->block_delta(sink->ctx, index, CHAT_SIGNATURE, block->signature);
    if (sink->block_delta && block->data.len > 0)
        sink->block_delta(sink->ctx, index, CHAT_REDACTED, block->data);
}

void collect_tell_block(const struct chat_sink *sink, size_t index, const struct chat_reply_block *block)
{
    tell_begin(sink, index, block);
    if (sink->block_stop)
        sink->block_stop(sink->ctx, index, block->kind);
}

static struct chat_reply_block block_of(const struct collect *collect, const struct collect_span *span)
{
    return (struct chat_reply_block){
        .kind = span->kind,
        .text = str_slice(buf_str(&collect->text), span->from, span->from + span->len),
        .tool_id = span->tool_id,
        .tool_name = span->tool_name,
        .signature = span->signature,
        .data = span->data,
        .logprobs = span->logprobs,
        .logprob_count = span->logprob_count,
    };
}

void collect_tell(const struct collect *collect, const struct chat_sink *sink)
{
    for (size_t i = 0; i < collect->span_count; i++) {
        const struct chat_reply_block block = block_of(collect, &collect->spans[i]);
        if (i < collect->stopped_count)
            collect_tell_block(sink, i, &block);
        else
            tell_begin(sink, i, &block);
    }
}

bool collect_finish(struct collect *collect, struct chat_reply *reply)
{
    if (!collect_is_whole(collect))
        return false;
    collect->blocks = mem_calloc(collect->span_count + 1, sizeof(*collect->blocks));
    if (!collect->blocks)
        return false;
    for (size_t i = 0; i < collect->span_count; i++)
        collect->blocks[i] = block_of(collect, &collect->spans[i]);
    reply->blocks = collect->blocks;
    reply->block_count = collect->span_count;
    return true;
}
