/* prompt.c - see prompt.h. */
#include "route/prompt.h"

#include "core/json.h"

static void text_add(struct route_text *text, struct str slice)
{
    text->bytes += slice.len;
    if (slice.len > 0 && text->count < ROUTE_SLICES_MAX)
        text->slices[text->count++] = slice;
}

/* --- of a request --- */

static size_t blocks_bytes(const struct chat_block *blocks, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += blocks[i].text.len + (blocks[i].kind == CHAT_TOOL_USE ? blocks[i].json.len : 0);
    return bytes;
}

static void read_block(const struct chat_block *block, struct route_prompt *prompt, struct route_text *text)
{
    switch (block->kind) {
    case CHAT_TEXT: text_add(text, block->text); break;
    case CHAT_DOCUMENT:
    case CHAT_SEARCH_RESULT:
        prompt->documents++;
        prompt->document_bytes += block->text.len;
        break;
    case CHAT_IMAGE:
    case CHAT_VIDEO:
    case CHAT_AUDIO: prompt->images++; break;
    case CHAT_TOOL_RESULT:
        prompt->tool_results++;
        for (size_t i = 0; i < block->content_count; i++)
            prompt->document_bytes += block->content[i].text.len;
        break;
    default: break;
    }
}

void route_prompt_of_request(const struct chat_request *request, struct route_prompt *prompt)
{
    *prompt = (struct route_prompt){.tools = request->tool_count, .turns = request->message_count};
    prompt->has_output_schema = request->output_schema != NULL;
    for (size_t i = 0; i < request->system_count; i++)
        read_block(&request->system[i], prompt, &prompt->system);
    if (request->raw_prompt.data) {
        text_add(&prompt->user, request->raw_prompt);
        prompt->turns = 1;
        return;
    }
    size_t last = request->message_count;
    while (last > 0 && request->messages[last - 1].role != CHAT_USER)
        last--;
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        if (i + 1 != last) {
            prompt->history_bytes += blocks_bytes(message->blocks, message->block_count);
            continue;
        }
        for (size_t j = 0; j < message->block_count; j++)
            read_block(&message->blocks[j], prompt, &prompt->user);
    }
}

uint64_t route_hash_text(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 0x100000001b3ULL;
    return hash;
}

uint64_t route_prompt_hash(const struct route_prompt *prompt)
{
    uint64_t hash = ROUTE_HASH_FIRST;
    for (size_t i = 0; i < prompt->user.count; i++)
        hash = route_hash_text(hash, prompt->user.slices[i]);
    for (size_t i = 0; i < prompt->system.count; i++)
        hash = route_hash_text(hash, prompt->system.slices[i]);
    return hash;
}

/* --- of a row --- */

static enum error_code bad_content(const char *path, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: expected text or a list of blocks with text", path);
}

/* Text, or Converse's blocks: {"text"}, {"document"}, {"image"}. Others are passed over. */
static enum error_code read_content(yyjson_val *content, const char *path,
                                    struct route_prompt *prompt, struct route_text *text, struct error *error)
{
    if (yyjson_is_str(content)) {
        text_add(text, json_str(content));
        return OK;
    }
    if (!yyjson_is_arr(content))
        return bad_content(path, error);
    size_t index, count;
    yyjson_val *block;
    yyjson_arr_foreach(content, index, count, block) {
        if (!yyjson_is_obj(block))
            return bad_content(path, error);
        text_add(text, json_str(yyjson_obj_get(block, "text")));
        prompt->documents += yyjson_obj_get(block, "document") != NULL;
        prompt->images += yyjson_obj_get(block, "image") != NULL;
        prompt->tool_results += yyjson_obj_get(block, "toolResult") != NULL;
    }
    return OK;
}

static bool is_user(yyjson_val *message)
{
    return str_eq(json_str(yyjson_obj_get(message, "role")), STR("user"));
}

static enum error_code read_messages(yyjson_val *messages, struct route_prompt *prompt,
                                     struct error *error)
{
    size_t last = yyjson_arr_size(messages);
    prompt->turns = last;
    while (last > 0 && !is_user(yyjson_arr_get(messages, last - 1)))
        last--;
    if (last == 0)
        return error_set(error, ERROR_INVALID, "messages: expected at least one with role user");
    size_t index, count;
    yyjson_val *message;
    yyjson_arr_foreach(messages, index, count, message) {
        struct route_prompt other = {0};
        const bool is_last = index + 1 == last;
        const bool is_system = str_eq(json_str(yyjson_obj_get(message, "role")), STR("system"));
        struct route_text *text = is_system ? &prompt->system : is_last ? &prompt->user : &other.user;
        yyjson_val *content = yyjson_obj_get(message, "content");
        if (yyjson_is_obj(content)) /* a call of a tool, as desk rows write it */
            continue;
        if (read_content(content, "messages[].content", is_last ? prompt : &other, text, error))
            return error->code;
        prompt->history_bytes += other.user.bytes;
    }
    return OK;
}

enum error_code route_prompt_of_row(yyjson_val *row, struct route_prompt *prompt,
                                    struct error *error)
{
    *prompt = (struct route_prompt){.turns = 1};
    yyjson_val *text = yyjson_obj_get(row, "prompt"), *messages = yyjson_obj_get(row, "messages");
    yyjson_val *system = yyjson_obj_get(row, "system");
    if (!yyjson_is_str(text) && !yyjson_is_arr(messages))
        return error_set(error, ERROR_INVALID, "expected \"prompt\", a text, or \"messages\", a list");
    if (system && !yyjson_is_null(system) && read_content(system, "system", prompt, &prompt->system, error))
        return error->code;
    prompt->tools = yyjson_arr_size(yyjson_obj_get(row, "tools"));
    yyjson_val *schema = yyjson_obj_get(row, "output_schema");
    prompt->has_output_schema = schema && !yyjson_is_null(schema);
    if (yyjson_is_arr(messages))
        return read_messages(messages, prompt, error);
    text_add(&prompt->user, json_str(text));
    return OK;
}
