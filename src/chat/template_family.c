/* template_family.c - pieces that several families render alike. See template_family.h. */
#include "chat/template_family.h"

#include "chat/json_text.h"
#include "core/json.h"
#include "core/limits.h"

static bool is_content(const struct chat_block *block)
{
    return block->kind != CHAT_CACHE_POINT && block->kind != CHAT_REASONING;
}

/* Length of the run of blocks from the first on that belong into one turn. */
static size_t run_length(const struct chat_block *blocks, size_t count, enum turn_kind *kind)
{
    bool is_decided = false;
    *kind = TURN_USER;
    for (size_t i = 0; i < count; i++) {
        if (!is_content(&blocks[i]))
            continue;
        enum turn_kind own = blocks[i].kind == CHAT_TOOL_RESULT ? TURN_TOOL : TURN_USER;
        if (is_decided && own != *kind)
            return i;
        *kind = own;
        is_decided = true;
    }
    return count;
}

static void add_user_turns(struct turns *turns, const struct chat_message *message)
{
    size_t from = 0;
    do {
        enum turn_kind kind;
        size_t count = run_length(message->blocks + from, message->block_count - from, &kind);
        turns->items[turns->count++] = (struct turn){.kind = kind, .blocks = message->blocks + from, .count = count};
        from += count;
    } while (from < message->block_count);
}

enum error_code turns_of_request(const struct chat_request *request, struct turns *turns, struct error *error)
{
    size_t most = 1;
    for (size_t i = 0; i < request->message_count; i++)
        most += request->messages[i].block_count + 1;
    *turns = (struct turns){.items = ARENA_ARRAY(request->arena, struct turn, most)};
    if (turns->items == NULL)
        return error_no_memory(error);
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        if (message->role == CHAT_USER) {
            add_user_turns(turns, message);
            continue;
        }
        turns->items[turns->count++] = (struct turn){
            .kind = message->role == CHAT_SYSTEM ? TURN_SYSTEM : TURN_ASSISTANT,
            .blocks = message->blocks,
            .count = message->block_count,
        };
    }
    if (turns->count > 0) {
        struct turn *last = &turns->items[turns->count - 1];
        last->is_open = last->kind == TURN_ASSISTANT && !turn_has_tool_use(last);
    }
    return OK;
}

bool turn_has_tool_use(const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++)
        if (turn->blocks[i].kind == CHAT_TOOL_USE)
            return true;
    return false;
}

bool template_shows_tools(const struct chat_request *request)
{
    return request->tool_count > 0 && request->tool_choice != CHAT_TOOL_NONE;
}

bool template_has_system(const struct chat_request *request)
{
    for (size_t i = 0; i < request->system_count; i++)
        if (is_content(&request->system[i]))
            return true;
    return false;
}

static void render_document(struct prompt_builder *builder, const struct chat_block *block)
{
    struct buf text;
    buf_init(&text, limit(body_bytes) + 1024);
    buf_append_text(&text, "<document name=\"");
    buf_append_str(&text, block->name);
    buf_append_text(&text, "\">\n");
    buf_append_str(&text, block->text);
    buf_append_text(&text, "\n</document>");
    prompt_content_buf(builder, &text);
    buf_deinit(&text);
}

bool render_blocks(struct prompt_builder *builder, const struct chat_block *blocks, size_t count, bool trim)
{
    bool has_any = false;
    for (size_t i = 0; i < count; i++) {
        const struct chat_block *block = &blocks[i];
        if (block->kind == CHAT_CACHE_POINT)
            prompt_checkpoint(builder, block->ttl_seconds);
        if (block->kind != CHAT_TEXT && !chat_is_document(block->kind))
            continue;
        if (has_any)
            prompt_template_text(builder, "\n");
        has_any = true;
        if (chat_is_document(block->kind))
            render_document(builder, block);
        else
            prompt_content(builder, trim ? str_trim(block->text) : block->text);
    }
    return has_any;
}

static size_t system_count_before_last_points(const struct chat_request *request)
{
    size_t count = request->system_count;
    while (count > 0 && !is_content(&request->system[count - 1]))
        count--;
    return count;
}

void render_system_text(struct prompt_builder *builder, const struct chat_request *request, bool trim)
{
    render_blocks(builder, request->system, system_count_before_last_points(request), trim);
}

void render_system_checkpoints(struct prompt_builder *builder, const struct chat_request *request)
{
    size_t from = system_count_before_last_points(request);
    if (from < request->system_count)
        render_blocks(builder, &request->system[from], request->system_count - from, false);
}

void render_tool_definition(struct prompt_builder *builder, const struct chat_tool *tool, unsigned indent)
{
    struct buf compact, spaced;
    buf_init(&compact, limit(body_bytes));
    buf_init(&spaced, 4 * limit(body_bytes));
    buf_append_text(&compact, "{\"type\":\"function\",\"function\":{\"name\":");
    buf_append_json(&compact, tool->name);
    if (tool->description.len > 0) {
        buf_append_text(&compact, ",\"description\":");
        buf_append_json(&compact, tool->description);
    }
    buf_append_text(&compact, ",\"parameters\":");
    json_append(&compact, tool->schema);
    buf_append_text(&compact, "}}");
    json_text_respace(&spaced, buf_str(&compact), indent);
    if (compact.failed)
        spaced.failed = true;
    prompt_content_buf(builder, &spaced);
    if (tool->cache_point_after)
        prompt_checkpoint(builder, tool->ttl_seconds);
    buf_deinit(&spaced);
    buf_deinit(&compact);
}

void render_tool_call(struct prompt_builder *builder, const struct chat_block *block, const char *arguments_key,
                      struct str id)
{
    struct buf text;
    buf_init(&text, 2 * limit(body_bytes));
    buf_append_text(&text, "{\"name\": ");
    buf_append_json(&text, block->name);
    buf_append_text(&text, ", \"");
    buf_append_text(&text, arguments_key);
    buf_append_text(&text, "\": ");
    json_text_respace(&text, block->json.len > 0 ? block->json : STR("{}"), 0);
    if (id.len > 0) {
        buf_append_text(&text, ", \"id\": ");
        buf_append_json(&text, id);
    }
    buf_append_char(&text, '}');
    prompt_content_buf(builder, &text);
    buf_deinit(&text);
}

struct str tool_result_text(struct prompt_builder *builder, const struct chat_block *block)
{
    struct str text = STR("");
    if (!chat_result_text(block, builder->arena, &text))
        builder->failed = true;
    return text;
}

void render_tool_result_text(struct prompt_builder *builder, const struct chat_block *block)
{
    if (block->is_error)
        prompt_template_text(builder, "Error: ");
    prompt_content(builder, tool_result_text(builder, block));
}
