/* request_dump.h - a neutral request as text, to compare two: what it says, not where its strings lie. */
#ifndef TESTS_REQUEST_DUMP_H
#define TESTS_REQUEST_DUMP_H

#include "support.h"

#include "chat/chat.h"
#include "core/buf.h"
#include "core/json.h"

static inline void dump_text(struct buf *out, const char *name, struct str text)
{
    if (text.len > 0)
        buf_appendf(out, " %s=" STR_FMT, name, STR_ARG(text));
}

static inline void dump_block(struct buf *out, const struct chat_block *block, unsigned depth)
{
    static const char *const kinds[CHAT_KINDS] = {
        "text", "document", "search", "image", "video", "audio", "use", "result", "json", "reasoning", "refusal",
        "point", "other", "signature", "redacted"};
    buf_appendf(out, "%*s%s", (int)depth, "", kinds[block->kind]);
    bool is_file = block->kind == CHAT_DOCUMENT || block->kind == CHAT_IMAGE || block->kind == CHAT_VIDEO ||
                   block->kind == CHAT_AUDIO;
    dump_text(out, "text", block->text);
    dump_text(out, "name", block->name);
    dump_text(out, "id", block->id);
    dump_text(out, "json", block->json); /* or format, or signature */
    dump_text(out, "data", block->data);
    if (block->kind == CHAT_JSON) {
        buf_append_char(out, ' ');
        json_append(out, block->value);
    }
    if (is_file)
        buf_appendf(out, " source=%d", (int)block->source);
    if (block->kind == CHAT_CACHE_POINT)
        buf_appendf(out, " ttl=%u", block->ttl_seconds);
    if (block->is_error)
        buf_append_text(out, " error");
    for (size_t i = 0; i < block->citation_count; i++) {
        const struct chat_citation *cited = &block->citations[i];
        buf_appendf(out, " cites %d %llu %llu-%llu", (int)cited->kind, (unsigned long long)cited->index,
                    (unsigned long long)cited->first, (unsigned long long)cited->last);
        dump_text(out, "title", cited->title);
        dump_text(out, "cited", cited->text);
        dump_text(out, "link", cited->link);
    }
    buf_append_char(out, '\n');
    for (size_t i = 0; i < block->content_count; i++)
        dump_block(out, &block->content[i], depth + 2);
}

static inline void dump_tools(struct buf *out, const struct chat_request *request)
{
    for (size_t i = 0; i < request->tool_count; i++) {
        const struct chat_tool *tool = &request->tools[i];
        buf_append_text(out, "tool");
        dump_text(out, "name", tool->name);
        dump_text(out, "description", tool->description);
        buf_appendf(out, " strict=%d point=%u ", tool->is_strict, tool->cache_point_after ? tool->ttl_seconds : 0);
        json_append(out, tool->schema ? tool->schema : tool->raw);
        buf_append_char(out, '\n');
    }
    buf_appendf(out, "choice=%d single=%d", (int)request->tool_choice, request->is_single_call);
    dump_text(out, "named", request->tool_choice_name);
    buf_append_char(out, '\n');
}

static inline void dump_rest(struct buf *out, const struct chat_request *request)
{
    const struct chat_sampling *sampling = &request->sampling;
    buf_appendf(out, "max=%u", request->max_tokens);
    if (sampling->has_temperature)
        buf_appendf(out, " temperature=%.17g", sampling->temperature);
    if (sampling->has_top_p)
        buf_appendf(out, " top_p=%.17g", sampling->top_p);
    if (sampling->has_top_k)
        buf_appendf(out, " top_k=%d", sampling->top_k);
    if (sampling->has_seed)
        buf_appendf(out, " seed=%llu", (unsigned long long)sampling->seed);
    for (size_t i = 0; i < request->stop_count; i++)
        dump_text(out, "stop", request->stop_sequences[i]);
    buf_append_text(out, " schema=");
    if (request->output_schema)
        json_append(out, request->output_schema);
    for (size_t i = 0; i < request->metadata_count; i++)
        buf_appendf(out, " " STR_FMT "=" STR_FMT, STR_ARG(request->metadata[i].key),
                    STR_ARG(request->metadata[i].value));
    buf_appendf(out, " needs=%x\n", (unsigned)request->needs);
}

static inline void dump_extras(struct buf *out, const struct chat_request *request)
{
    for (const struct chat_extra *extra = request->extras; extra; extra = extra->next) {
        buf_appendf(out, "extra %s." STR_FMT "=", extra->where, STR_ARG(extra->name));
        json_append(out, extra->raw);
        buf_append_char(out, '\n');
    }
}

/* Everything but members that only the dialect it came in has (dump_extras). */
static inline void dump_request(struct buf *out, const struct chat_request *request)
{
    static const char *const roles[] = {[CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    for (size_t i = 0; i < request->system_count; i++)
        dump_block(out, &request->system[i], 0);
    for (size_t i = 0; i < request->message_count; i++) {
        buf_appendf(out, "%s\n", roles[request->messages[i].role]);
        for (size_t j = 0; j < request->messages[i].block_count; j++)
            dump_block(out, &request->messages[i].blocks[j], 2);
    }
    dump_tools(out, request);
    dump_rest(out, request);
    assert_false(out->failed);
}

#endif
