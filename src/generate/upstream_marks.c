/* upstream_marks.c - see upstream_marks.h. Where a mark pays is marks.h's to say; here it is found out what could be
 * marked, and the request is copied with what is. */
#include "generate/upstream_marks.h"

#include <string.h>

#include "core/util.h"
#include "ledger/price.h"
#include "upstream/prefix.h"

/* --- what the request has --------------------------------------------------------------------------- */

static bool blocks_are_marked(const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (blocks[i].kind == CHAT_CACHE_POINT || blocks_are_marked(blocks[i].content, blocks[i].content_count))
            return true;
    return false;
}

/* Or somebody has said how he wants it kept. */
static bool is_marked(const struct chat_request *request)
{
    for (const struct chat_extra *extra = request->extras; extra; extra = extra->next)
        if (str_eq(extra->name, STR("prompt_cache_options")))
            return true;
    for (size_t i = 0; i < request->tool_count; i++)
        if (request->tools[i].cache_point_after)
            return true;
    for (size_t i = 0; i < request->message_count; i++)
        if (blocks_are_marked(request->messages[i].blocks, request->messages[i].block_count))
            return true;
    return blocks_are_marked(request->system, request->system_count);
}

static bool has_answer(const struct chat_request *request)
{
    for (size_t i = 0; i < request->message_count; i++)
        if (request->messages[i].role == CHAT_ASSISTANT)
            return true;
    return false;
}

/* Whether every provider takes a mark behind it. */
static bool takes_mark(const struct chat_block *blocks, size_t count)
{
    if (count == 0)
        return false;
    const struct chat_block *last = &blocks[count - 1];
    switch (last->kind) {
    case CHAT_TEXT: return last->text.len > 0;
    case CHAT_TOOL_RESULT:
    case CHAT_IMAGE:
    case CHAT_DOCUMENT: return true;
    default: return false;
    }
}

static const struct chat_message *last_message(const struct chat_request *request)
{
    return request->message_count > 0 ? &request->messages[request->message_count - 1] : NULL;
}

/* --- the question ----------------------------------------------------------------------------------- */

/* By the rates of prompts as long as this one. */
static struct marks_rates rates_of(const struct backend_job *job, uint64_t tokens)
{
    const struct price_usage usage = {.tokens[PRICE_INPUT] = tokens};
    const struct price_step *step = price_row_step(job->target->price, &usage);
    const uint64_t *rates = step->rates[tier_price(job->request->tier)];
    return (struct marks_rates){rates[PRICE_INPUT], rates[PRICE_CACHE_READ], rates[PRICE_CACHE_WRITE_5M],
                                rates[PRICE_CACHE_WRITE_1H]};
}

static void take_choice(const struct marks_choice *choice, uint32_t min_tokens, struct chat_cache_use *use)
{
    static const enum chat_cache_miss misses[] = {
        [MARKS_MISS_NONE] = CHAT_MISS_NONE,          [MARKS_MISS_FIRST] = CHAT_MISS_FIRST_USE,
        [MARKS_MISS_EXPIRED] = CHAT_MISS_EXPIRED,    [MARKS_MISS_SHORT] = CHAT_MISS_BELOW_MINIMUM,
        [MARKS_MISS_UNMARKED] = CHAT_MISS_NO_CHECKPOINT,
    };
    const struct marks_place *fixed = &choice->fixed, *whole = &choice->whole;
    *use = (struct chat_cache_use){
        .miss = misses[choice->miss],
        .miss_value = choice->miss_value,
        .miss_need = min_tokens,
        .is_thought_of = true,
        .system = {fixed->ttl_s, fixed->tokens, fixed->expected},
        .end = {whole->ttl_s, whole->tokens, whole->expected},
    };
}

/* --- the copy --------------------------------------------------------------------------------------- */

/* The blocks and a mark behind them. */
static bool append_mark(struct arena *arena, struct chat_block **blocks, size_t *count, uint32_t ttl_seconds)
{
    struct chat_block *copy = ARENA_ARRAY(arena, struct chat_block, *count + 1);
    if (!copy)
        return false;
    memcpy(copy, *blocks, *count * sizeof(*copy));
    copy[*count] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = ttl_seconds};
    *blocks = copy;
    ++*count;
    return true;
}

static bool mark_system(struct chat_request *copy, uint32_t ttl_seconds)
{
    if (copy->system_count > 0)
        return append_mark(copy->arena, &copy->system, &copy->system_count, ttl_seconds);
    struct chat_tool *tools = ARENA_ARRAY(copy->arena, struct chat_tool, copy->tool_count);
    if (!tools)
        return false;
    memcpy(tools, copy->tools, copy->tool_count * sizeof(*tools));
    tools[copy->tool_count - 1].cache_point_after = true;
    tools[copy->tool_count - 1].ttl_seconds = ttl_seconds;
    copy->tools = tools;
    return true;
}

/* Behind the first `count` of them. */
static bool mark_messages(struct chat_request *copy, size_t count, uint32_t ttl_seconds)
{
    struct chat_message *messages = ARENA_ARRAY(copy->arena, struct chat_message, copy->message_count);
    if (!messages)
        return false;
    memcpy(messages, copy->messages, copy->message_count * sizeof(*messages));
    struct chat_message *last = &messages[count - 1];
    last->raw = NULL;
    copy->messages = messages;
    return append_mark(copy->arena, &last->blocks, &last->block_count, ttl_seconds);
}

static enum error_code copy_with_marks(const struct upstream_marks *marks, const struct chat_request **request,
                                       struct error *error)
{
    const uint32_t system_s = marks->use.system.ttl_seconds, end_s = marks->use.end.ttl_seconds;
    if (system_s + end_s == 0)
        return OK;
    struct chat_request *copy = ARENA_NEW((*request)->arena, struct chat_request);
    if (!copy)
        return error_no_memory(error);
    *copy = **request;
    if ((system_s > 0 && !mark_system(copy, system_s)) ||
        (end_s > 0 && marks->read_end > 0 && !mark_messages(copy, marks->read_end, end_s)) ||
        (end_s > 0 && !mark_messages(copy, copy->message_count, end_s)))
        return error_no_memory(error);
    *request = copy;
    return OK;
}

/* A mark reads what an earlier one wrote where that is not farther back than so many blocks. */
#define LOOKS_BACK 20

/* Of the messages up to which a provider has the prompt, where the last mark would not find it. */
static size_t far_end(const struct chat_request *request, size_t read_end)
{
    size_t blocks = 0;
    for (size_t i = read_end; i < request->message_count; i++)
        blocks += request->messages[i].block_count;
    const struct chat_message *end = read_end > 0 ? &request->messages[read_end - 1] : NULL;
    return end && blocks >= LOOKS_BACK && takes_mark(end->blocks, end->block_count) ? read_end : 0;
}

/* Tools alone take a mark in Anthropic's own API; models of others behind Converse take none there. */
static bool may_mark_system(const struct upstream *upstream, const struct chat_request *request)
{
    if (request->system_count > 0)
        return takes_mark(request->system, request->system_count);
    return request->tool_count > 0 && upstream->config->kind == UPSTREAM_ANTHROPIC;
}

enum error_code upstream_marks_place(const struct upstream *upstream, const struct backend_job *job,
                                     struct upstream_marks *marks, const struct chat_request **request,
                                     struct error *error)
{
    const struct chat_request *given = job->request;
    const struct chat_message *last = last_message(given);
    struct prefix_ends ends;
    *request = given;
    *marks = (struct upstream_marks){.is_thought_of = false};
    if (!upstream->marks || job->use != BACKEND_REPLY || !job->target->price || !last || last->role != CHAT_USER ||
        !takes_mark(last->blocks, last->block_count) || is_marked(given))
        return OK;
    if (!prefix_read_ends(given, job->tenant, str_of(job->target->name), &ends))
        return error_no_memory(error);
    const struct marks_prefix whole = ends.messages[ends.count - 1];
    marks->prompt = (struct marks_prompt){
        .group = ends.salt,
        .fixed = may_mark_system(upstream, given) ? ends.fixed : (struct marks_prefix){0, 0},
        .whole = whole,
        .earlier = ends.messages,
        .earlier_count = ends.count - 1,
        .is_later = has_answer(given),
        .has_hour = given->cache_ttl_max_seconds == 0 || given->cache_ttl_max_seconds >= MARKS_HOUR_S,
        .min_tokens = job->cache_min_tokens,
        .rates = rates_of(job, whole.bytes / 4),
    };
    marks_choose(upstream->marks, &marks->prompt, clock_now_us(), &marks->choice);
    marks->is_thought_of = true;
    marks->read_end = far_end(given, marks->choice.read_end);
    take_choice(&marks->choice, job->cache_min_tokens, &marks->use);
    return copy_with_marks(marks, request, error);
}
