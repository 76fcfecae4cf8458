/* template_llama3.c - Llama 3's headers, and its tool calls in JSON. */
#include "chat/template_family.h"
#include "core/limits.h"

#define TOOLS_OPENING                                                                                           \
    "Given the following functions, please respond with a JSON for a function call with its proper arguments "  \
    "that best answers the given prompt.\n\n"                                                                   \
    "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument name and its value}." \
    "Do not use variables.\n\n"

/* The date is the one the reference template falls back to. Today's would
 * change every prompt's first tokens at midnight, and with them every cached prefix. */
#define DATES "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"

static void open_turn(struct prompt_builder *builder, const char *role)
{
    prompt_template_text(builder, "<|start_header_id|>");
    prompt_template_text(builder, role);
    prompt_template_text(builder, "<|end_header_id|>\n\n");
}

static void close_turn(struct prompt_builder *builder)
{
    prompt_template_text(builder, "<|eot_id|>");
}

/* The system turn is always there. */
static void render_system(struct prompt_builder *builder, const struct chat_request *request)
{
    open_turn(builder, "system");
    if (template_shows_tools(request))
        prompt_template_text(builder, "Environment: ipython\n");
    prompt_template_text(builder, DATES);
    render_system_text(builder, request, true);
    close_turn(builder);
}

static void render_tools(struct prompt_builder *builder, const struct chat_request *request)
{
    prompt_template_text(builder, TOOLS_OPENING);
    for (size_t i = 0; i < request->tool_count; i++) {
        render_tool_definition(builder, &request->tools[i], 4);
        prompt_template_text(builder, "\n\n");
    }
}

/* The reference prints a lone call and drops the text before it; several calls
 * become a turn each, since the model knows one call a turn. */
static void render_calls(struct prompt_builder *builder, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        if (block->kind != CHAT_TOOL_USE)
            continue;
        open_turn(builder, "assistant");
        render_tool_call(builder, block, "parameters", STR(""));
        close_turn(builder);
    }
}

/* Results are printed as JSON strings, as the reference does for any text. */
static void render_result(struct prompt_builder *builder, const struct chat_block *block)
{
    struct buf plain, quoted;
    buf_init(&plain, limit(body_bytes) + 64);
    buf_init(&quoted, 8 * limit(body_bytes));
    if (block->is_error)
        buf_append_text(&plain, "Error: ");
    buf_append_str(&plain, tool_result_text(builder, block));
    buf_append_json(&quoted, buf_str(&plain));
    if (plain.failed)
        quoted.failed = true;
    open_turn(builder, "ipython");
    prompt_content_buf(builder, &quoted);
    close_turn(builder);
    buf_deinit(&quoted);
    buf_deinit(&plain);
}

static void render_results(struct prompt_builder *builder, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct chat_block *block = &turn->blocks[i];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        else if (block->kind == CHAT_TOOL_RESULT)
            render_result(builder, block);
    }
}

static void render_text_turn(struct prompt_builder *builder, const struct turn *turn, const char *role)
{
    open_turn(builder, role);
    render_blocks(builder, turn->blocks, turn->count, true);
    if (!turn->is_open)
        close_turn(builder);
}

static void render_turn(struct prompt_builder *builder, const struct turn *turn)
{
    switch (turn->kind) {
    case TURN_SYSTEM:
        render_text_turn(builder, turn, "system");
        break;
    case TURN_USER:
        render_text_turn(builder, turn, "user");
        break;
    case TURN_ASSISTANT:
        if (turn_has_tool_use(turn))
            render_calls(builder, turn);
        else
            render_text_turn(builder, turn, "assistant");
        break;
    case TURN_TOOL:
        render_results(builder, turn);
        break;
    }
}

/* Tools stand in the first user turn. Turns rendered by it: 0 or 1. */
static size_t render_opening_user_turn(struct prompt_builder *builder, const struct chat_request *request,
                                       const struct turns *turns)
{
    bool has_user = turns->count > 0 && turns->items[0].kind == TURN_USER;
    open_turn(builder, "user");
    render_tools(builder, request);
    render_system_checkpoints(builder, request);
    if (has_user)
        render_blocks(builder, turns->items[0].blocks, turns->items[0].count, true);
    close_turn(builder);
    return has_user;
}

void template_render_llama3(struct prompt_builder *builder, const struct chat_request *request,
                            const struct turns *turns)
{
    size_t at = 0;
    render_system(builder, request);
    if (template_shows_tools(request))
        at = render_opening_user_turn(builder, request, turns);
    else
        render_system_checkpoints(builder, request);
    for (; at < turns->count; at++)
        render_turn(builder, &turns->items[at]);
    if (turns->count == 0 || !turns->items[turns->count - 1].is_open)
        open_turn(builder, "assistant");
}
