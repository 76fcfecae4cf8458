/* template_hermes.c - turns between the marks of ChatML, of Gemma or those measured from a file, and tool calls as
 * Hermes writes them. */
#include "chat/template_family.h"

#define TOOLS_OPENING                                                                  \
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n" \
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
#define TOOLS_CLOSING                                                                                           \
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "       \
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n" \
    "</tool_call>"

static bool has(const struct template_generic *around, unsigned flag)
{
    return (around->flags & flag) != 0;
}

static bool has_preamble(const struct chat_request *request)
{
    return template_has_system(request) || template_shows_tools(request);
}

/* System text and tools, without the turn around them. */
static void render_preamble(struct prompt_builder *builder, const struct template_generic *around,
                            const struct chat_request *request)
{
    render_system_text(builder, request, has(around, TEMPLATE_TRIMS_SYSTEM));
    if (template_shows_tools(request)) {
        if (template_has_system(request))
            prompt_template_text(builder, "\n\n");
        prompt_template_text(builder, TOOLS_OPENING);
        for (size_t i = 0; i < request->tool_count; i++) {
            prompt_template_text(builder, "\n");
            render_tool_definition(builder, &request->tools[i], 0);
        }
        prompt_template_text(builder, TOOLS_CLOSING);
    }
    render_system_checkpoints(builder, request);
}

static void render_system_turn(struct prompt_builder *builder, const struct template_generic *around,
                               const struct turn *turn)
{
    const bool in_user = has(around, TEMPLATE_SYSTEM_IN_USER);
    prompt_template(builder, around->pieces[in_user ? PIECE_USER_PREFIX : PIECE_SYSTEM_PREFIX]);
    render_blocks(builder, turn->blocks, turn->count, has(around, TEMPLATE_TRIMS_SYSTEM));
    prompt_template(builder, around->pieces[in_user ? PIECE_USER_SUFFIX : PIECE_SYSTEM_SUFFIX]);
}

static void render_assistant_turn(struct prompt_builder *builder, const struct template_generic *around,
                                  const struct turn *turn)
{
    bool has_any = false;
    prompt_template(builder, around->pieces[PIECE_ASSISTANT_PREFIX]);
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        bool is_shown = block->kind == CHAT_TEXT || block->kind == CHAT_TOOL_USE || chat_is_document(block->kind);
        if (is_shown && has_any)
            prompt_template_text(builder, "\n");
        has_any = has_any || is_shown;
        if (block->kind == CHAT_TOOL_USE) {
            prompt_template_text(builder, "<tool_call>\n");
            render_tool_call(builder, block, "arguments", STR(""));
            prompt_template_text(builder, "\n</tool_call>");
        } else {
            render_blocks(builder, block, 1, has(around, TEMPLATE_TRIMS_ASSISTANT));
        }
    }
    if (!turn->is_open)
        prompt_template(builder, around->pieces[PIECE_ASSISTANT_SUFFIX]);
}

static void render_tool_results(struct prompt_builder *builder, const struct turn *turn)
{
    bool has_any = false;
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        if (block->kind != CHAT_TOOL_RESULT)
            continue;
        prompt_template_text(builder, has_any ? "\n<tool_response>\n" : "<tool_response>\n");
        has_any = true;
        render_tool_result_text(builder, block);
        prompt_template_text(builder, "\n</tool_response>");
    }
}

/* Neighbouring tool turns share one user turn, as the reference does it. */
static void render_tool_turn(struct prompt_builder *builder, const struct template_generic *around,
                             const struct turns *turns, size_t at)
{
    bool follows = at > 0 && turns->items[at - 1].kind == TURN_TOOL;
    bool goes_on = at + 1 < turns->count && turns->items[at + 1].kind == TURN_TOOL;
    if (!follows)
        prompt_template(builder, around->pieces[PIECE_USER_PREFIX]);
    else
        prompt_template_text(builder, "\n");
    render_tool_results(builder, &turns->items[at]);
    if (!goes_on)
        prompt_template(builder, around->pieces[PIECE_USER_SUFFIX]);
}

static void render_turn(struct prompt_builder *builder, const struct template_generic *around,
                        const struct turns *turns, size_t at, bool has_system)
{
    const struct turn *turn = &turns->items[at];
    switch (turn->kind) {
    case TURN_SYSTEM:
        render_system_turn(builder, around, turn);
        break;
    case TURN_USER:
        if (at > 0 || !has(around, TEMPLATE_SYSTEM_JOINS) || !has_system)
            prompt_template(builder, around->pieces[PIECE_USER_PREFIX]);
        render_blocks(builder, turn->blocks, turn->count, has(around, TEMPLATE_TRIMS_USER));
        prompt_template(builder, around->pieces[PIECE_USER_SUFFIX]);
        break;
    case TURN_ASSISTANT:
        render_assistant_turn(builder, around, turn);
        break;
    case TURN_TOOL:
        render_tool_turn(builder, around, turns, at);
        break;
    }
}

/* The preamble inside the first user turn. Turns rendered by it: 0 or 1. */
static size_t render_opening_user_turn(struct prompt_builder *builder, const struct template_generic *around,
                                       const struct chat_request *request, const struct turns *turns)
{
    bool has_user = turns->count > 0 && turns->items[0].kind == TURN_USER;
    prompt_template(builder, around->pieces[PIECE_USER_PREFIX]);
    render_preamble(builder, around, request);
    if (has_user) {
        prompt_template_text(builder, "\n\n");
        render_blocks(builder, turns->items[0].blocks, turns->items[0].count, has(around, TEMPLATE_TRIMS_USER));
    }
    prompt_template(builder, around->pieces[PIECE_USER_SUFFIX]);
    return has_user;
}

void template_render_hermes(struct prompt_builder *builder, const struct template_generic *around,
                            const struct chat_request *request, const struct turns *turns)
{
    const bool has_system = has_preamble(request);
    size_t at = 0;
    if (has_system && !has(around, TEMPLATE_SYSTEM_IN_USER)) {
        prompt_template(builder, around->pieces[PIECE_SYSTEM_PREFIX]);
        render_preamble(builder, around, request);
        prompt_template(builder, around->pieces[PIECE_SYSTEM_SUFFIX]);
    } else {
        prompt_template(builder, around->pieces[PIECE_BARE]);
        if (has_system)
            at = render_opening_user_turn(builder, around, request, turns);
    }
    for (; at < turns->count; at++)
        render_turn(builder, around, turns, at, has_system);
    if (turns->count == 0 || !turns->items[turns->count - 1].is_open)
        prompt_template(builder, around->pieces[PIECE_OPENING]);
}
