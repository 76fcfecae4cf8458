/* template_mistral.c - Mistral's instruction marks, and its tool calls as a list. */
#include "chat/template_family.h"

#define CALL_ID_LEN 9

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The model knows call ids of exactly nine letters and digits: the last nine of
 * the id, which are random in ids of ours and of other services. */
static void short_call_id(struct str id, char out[CALL_ID_LEN + 1])
{
    size_t at = CALL_ID_LEN;
    memset(out, '0', CALL_ID_LEN);
    out[CALL_ID_LEN] = '\0';
    for (size_t i = id.len; i > 0 && at > 0; i--)
        if (is_alphanumeric(id.data[i - 1]))
            out[--at] = id.data[i - 1];
}

static void render_tools(struct prompt_builder *builder, const struct chat_request *request)
{
    prompt_template_text(builder, "[AVAILABLE_TOOLS][");
    for (size_t i = 0; i < request->tool_count; i++) {
        if (i > 0)
            prompt_template_text(builder, ", ");
        render_tool_definition(builder, &request->tools[i], 0);
    }
    prompt_template_text(builder, "][/AVAILABLE_TOOLS]");
}

static void render_calls(struct prompt_builder *builder, const struct turn *turn)
{
    bool has_any = false;
    prompt_template_text(builder, "[TOOL_CALLS][");
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        char id[CALL_ID_LEN + 1];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        if (block->kind != CHAT_TOOL_USE)
            continue;
        if (has_any)
            prompt_template_text(builder, ", ");
        has_any = true;
        short_call_id(block->id, id);
        render_tool_call(builder, block, "arguments", str_of(id));
    }
    prompt_template_text(builder, "]</s>");
}

static void render_results(struct prompt_builder *builder, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        char id[CALL_ID_LEN + 1];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        if (block->kind != CHAT_TOOL_RESULT)
            continue;
        short_call_id(block->id, id);
        prompt_template_text(builder, "[TOOL_RESULTS]{\"content\": ");
        render_tool_result_text(builder, block);
        prompt_template_text(builder, ", \"call_id\": \"");
        prompt_template_text(builder, id);
        prompt_template_text(builder, "\"}[/TOOL_RESULTS]");
    }
}

static void render_instruction(struct prompt_builder *builder, const struct turn *turn)
{
    prompt_template_text(builder, "[INST]");
    render_blocks(builder, turn->blocks, turn->count, false);
    prompt_template_text(builder, "[/INST]");
}

static void render_turn(struct prompt_builder *builder, const struct turn *turn)
{
    switch (turn->kind) {
    case TURN_SYSTEM: /* there is no such role */
    case TURN_USER:
        render_instruction(builder, turn);
        break;
    case TURN_ASSISTANT:
        if (turn_has_tool_use(turn)) {
            render_calls(builder, turn);
            break;
        }
        render_blocks(builder, turn->blocks, turn->count, false);
        if (!turn->is_open)
            prompt_template_text(builder, "</s>");
        break;
    case TURN_TOOL:
        render_results(builder, turn);
        break;
    }
}

/* Tools and system text open the conversation. The reference moves them into
 * the last user message, which makes every turn's prompt differ from its first
 * token on: no prefix could ever be cached. Turns rendered by it: 0 or 1. */
static size_t render_opening(struct prompt_builder *builder, const struct chat_request *request,
                             const struct turns *turns)
{
    bool has_user = turns->count > 0 && turns->items[0].kind == TURN_USER;
    if (template_shows_tools(request))
        render_tools(builder, request);
    if (!template_has_system(request)) {
        render_system_checkpoints(builder, request);
        return 0;
    }
    prompt_template_text(builder, "[INST]");
    render_system_text(builder, request, false);
    render_system_checkpoints(builder, request);
    if (has_user) {
        prompt_template_text(builder, "\n\n");
        render_blocks(builder, turns->items[0].blocks, turns->items[0].count, false);
    }
    prompt_template_text(builder, "[/INST]");
    return has_user;
}

void template_render_mistral(struct prompt_builder *builder, const struct chat_request *request,
                             const struct turns *turns)
{
    for (size_t at = render_opening(builder, request, turns); at < turns->count; at++)
        render_turn(builder, &turns->items[at]);
}
