/* example.c - from a row to tokens and to which of them are trained. Chooses no rows. See example.h. */
#include "distill/example.h"

#include <stdio.h>

#include "chat/template.h"
#include "core/json.h"
#include "core/limits.h"
#include "distill/values.h"

/* --- rows to requests ------------------------------------------------------------------------------- */

static struct chat_block *text_block(struct arena *arena, struct str text)
{
    struct chat_block *block = ARENA_NEW(arena, struct chat_block);
    if (block)
        *block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    return block;
}

static bool compact_json(struct arena *arena, yyjson_val *val, struct str *text)
{
    struct buf buf;
    buf_init(&buf, limit(body_bytes));
    bool is_ok = json_append(&buf, val) && arena_str(arena, buf_str(&buf), text);
    buf_deinit(&buf);
    return is_ok;
}

static enum error_code no_block(const char *where, size_t index, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s[%zu]: expected a text, toolUse or toolResult", where, index);
}

/* JSON is its text, as the template has it. */
static enum error_code read_result_item(yyjson_val *item, const char *where, size_t index, struct arena *arena,
                                        struct chat_block *block, struct error *error)
{
    yyjson_val *json = yyjson_obj_get(item, "json"), *text = yyjson_obj_get(item, "text");
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(text)};
    if (json)
        return compact_json(arena, json, &block->text) ? OK : error_no_memory(error);
    return yyjson_is_str(text) ? OK : no_block(where, index, error);
}

static enum error_code read_result(yyjson_val *result, const char *where, size_t index, struct arena *arena,
                                   struct chat_block *block, struct error *error)
{
    yyjson_val *content = yyjson_obj_get(result, "content"), *item;
    size_t at, count;
    enum error_code code = OK;
    block->kind = CHAT_TOOL_RESULT;
    block->id = json_str(yyjson_obj_get(result, "toolUseId"));
    block->is_error = yyjson_equals_str(yyjson_obj_get(result, "status"), "error");
    block->content = ARENA_ARRAY(arena, struct chat_block, yyjson_arr_size(content) + 1);
    if (!block->content)
        return error_no_memory(error);
    yyjson_arr_foreach(content, at, count, item) {
        if (!code)
            code = read_result_item(item, where, index, arena, &block->content[block->content_count++], error);
    }
    return code;
}

static enum error_code read_block(yyjson_val *item, const char *where, size_t index, struct arena *arena,
                                  struct chat_block *block, struct error *error)
{
    yyjson_val *call = yyjson_obj_get(item, "toolUse"), *result = yyjson_obj_get(item, "toolResult");
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(yyjson_obj_get(item, "text"))};
    if (result)
        return read_result(result, where, index, arena, block, error);
    if (!call)
        return yyjson_is_str(yyjson_obj_get(item, "text")) ? OK : no_block(where, index, error);
    block->kind = CHAT_TOOL_USE;
    block->id = json_str(yyjson_obj_get(call, "toolUseId"));
    block->name = json_str(yyjson_obj_get(call, "name"));
    return compact_json(arena, yyjson_obj_get(call, "input"), &block->json) ? OK : error_no_memory(error);
}

static enum error_code read_blocks(yyjson_val *list, const char *where, struct arena *arena,
                                   struct chat_message *message, struct error *error)
{
    size_t index, count;
    yyjson_val *item;
    enum error_code code = OK;
    message->blocks = ARENA_ARRAY(arena, struct chat_block, yyjson_arr_size(list) + 1);
    if (!message->blocks)
        return error_no_memory(error);
    yyjson_arr_foreach(list, index, count, item) {
        if (!code)
            code = read_block(item, where, index, arena, &message->blocks[message->block_count++], error);
    }
    return code;
}

/* What a turn says: a text, a list of blocks, {"name", "arguments"} as a call, or any other
 * object as its JSON. `where` names it in messages. */
static enum error_code read_content(yyjson_val *content, const char *where, struct arena *arena,
                                    struct chat_message *message, struct error *error)
{
    if (yyjson_is_arr(content))
        return read_blocks(content, where, arena, message, error);
    struct chat_block *block = message->blocks = text_block(arena, json_str(content));
    message->block_count = 1;
    if (!block)
        return error_no_memory(error);
    yyjson_val *arguments = yyjson_obj_get(content, "arguments");
    bool is_ok = true;
    if (yyjson_is_obj(arguments)) {
        block->kind = CHAT_TOOL_USE;
        block->name = json_str(yyjson_obj_get(content, "name"));
        is_ok = compact_json(arena, arguments, &block->json);
    } else if (yyjson_is_obj(content)) {
        is_ok = compact_json(arena, content, &block->text);
    } else if (!yyjson_is_str(content)) {
        return error_set(error, ERROR_INVALID, "%s: expected a string, a list or an object, got %s", where,
                         content ? json_type_name(content) : "nothing");
    }
    return is_ok ? OK : error_no_memory(error);
}

static enum error_code read_message(yyjson_val *item, size_t index, struct arena *arena, struct chat_message *message,
                                    struct error *error)
{
    char where[48];
    struct str role = {0};
    snprintf(where, sizeof(where), "messages[%zu]", index);
    enum error_code code = json_get_str(item, where, "role", &role, NULL, error);
    if (code)
        return code;
    if (str_eq(role, STR("user")))
        message->role = CHAT_USER;
    else if (str_eq(role, STR("assistant")))
        message->role = CHAT_ASSISTANT;
    else
        return error_set(error, ERROR_INVALID, "%s.role: expected user or assistant", where);
    snprintf(where, sizeof(where), "messages[%zu].content", index);
    return read_content(yyjson_obj_get(item, "content"), where, arena, message, error);
}

static enum error_code read_tool(yyjson_val *item, struct chat_tool *tool, struct error *error)
{
    yyjson_val *spec = yyjson_obj_get(item, "toolSpec");
    enum error_code code = json_get_str(spec ? spec : item, "tools", "name", &tool->name, NULL, error);
    if (!code)
        code = json_get_str(spec ? spec : item, "tools", "description", &tool->description, NULL, error);
    if (!code && spec)
        code = json_get_object(yyjson_obj_get(spec, "inputSchema"), "tools", "json", &tool->schema, error);
    else if (!code)
        code = json_get_object(item, "tools", "schema", &tool->schema, error);
    return code;
}

/* Of this form's own list, or of Converse's. */
static enum error_code read_tools(yyjson_val *row, struct chat_request *request, struct error *error)
{
    yyjson_val *tools = NULL, *item, *config = yyjson_obj_get(row, "toolConfig");
    size_t index, count;
    enum error_code code = json_get_array(yyjson_is_obj(config) ? config : row, "", "tools", &tools, error);
    if (code || !tools)
        return code;
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, yyjson_arr_size(tools) + 1);
    if (!request->tools)
        return error_no_memory(error);
    yyjson_arr_foreach(tools, index, count, item) {
        struct chat_tool *tool = &request->tools[request->tool_count++];
        code = read_tool(item, tool, error);
        if (code)
            return code;
        if (!tool->schema)
            return error_set(error, ERROR_INVALID, "tools[%zu].schema: expected an object", index);
    }
    return OK;
}

static enum error_code read_request(yyjson_val *row, struct chat_request *request, struct error *error)
{
    yyjson_val *messages = NULL, *item;
    struct str system = {0};
    size_t index, count;
    enum error_code code = json_get_array(row, "", "messages", &messages, error);
    if (!code)
        code = json_get_str(row, "", "system", &system, NULL, error);
    if (code)
        return code;
    if (!messages)
        return error_set(error, ERROR_INVALID, "messages: expected a list");
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, yyjson_arr_size(messages) + 1);
    request->system = text_block(request->arena, system);
    if (!request->messages || !request->system)
        return error_no_memory(error);
    request->system_count = system.len > 0;
    yyjson_arr_foreach(messages, index, count, item) {
        code = read_message(item, index, request->arena, &request->messages[request->message_count++], error);
        if (code)
            return code;
    }
    struct chat_message *answer = &request->messages[request->message_count++];
    answer->role = CHAT_ASSISTANT;
    code = read_content(yyjson_obj_get(row, "expected"), "expected", request->arena, answer, error);
    return code ? code : read_tools(row, request, error);
}

/* values NULL: they stay. */
static enum error_code render_row(yyjson_val *row, struct rng *values, struct arena *arena, struct prompt *prompt,
                                  struct error *error)
{
    struct chat_request request = {.arena = arena};
    struct template_spec spec = {.family = TEMPLATE_CHATML};
    enum error_code code = read_request(row, &request, error);
    if (!code && values && !values_refresh(&request, values))
        code = error_no_memory(error);
    return code ? code : template_render(&spec, &request, prompt, error);
}

/* --- requests to tokens ----------------------------------------------------------------------------- */

static bool ends_with(const struct token_ids *ids, const struct token_ids *end)
{
    return ids->count >= end->count &&
           memcmp(&ids->items[ids->count - end->count], end->items, end->count * sizeof(*end->items)) == 0;
}

/* Every example ends with its answer's <|im_end|>. The template leaves a last
 * message of text open, but closes a tool call and opens the next turn. */
static bool encode_prompt(const struct tokenizer *tokenizer, const struct prompt *prompt, struct token_ids *ids)
{
    struct token_ids next_turn = {0};
    bool is_ok = tokenizer_begin(tokenizer, ids) &&
                 tokenizer_encode(tokenizer, STR("\n<|im_start|>assistant\n"), true, &next_turn);
    for (size_t i = 0; is_ok && i < prompt->count; i++)
        is_ok = tokenizer_encode(tokenizer, prompt->segments[i].text, prompt->segments[i].is_template, ids);
    if (is_ok && ends_with(ids, &next_turn))
        ids->count -= next_turn.count;
    else
        is_ok = is_ok && token_ids_append(ids, tokenizer_special(tokenizer, SPECIAL_IM_END));
    token_ids_deinit(&next_turn);
    return is_ok;
}

/* Marks the answers. They are found by their opening in the token stream:
 * special tokens come from template text only, so no user can forge one. */
static bool mark_answers(const struct tokenizer *tokenizer, bool all, struct example *example)
{
    struct token_ids opening = {0};
    bool is_ok = tokenizer_encode(tokenizer, STR("<|im_start|>assistant\n"), true, &opening);
    uint32_t last = 0;
    for (uint32_t i = 0; is_ok && i + opening.count <= example->count; i++) {
        if (memcmp(&example->tokens[i], opening.items, opening.count * sizeof(int32_t)) != 0)
            continue;
        last = i + (uint32_t)opening.count;
        for (uint32_t j = last; all && j < example->count; j++) {
            example->is_trained[j] = true;
            if (example->tokens[j] == tokenizer_special(tokenizer, SPECIAL_IM_END))
                break;
        }
    }
    for (uint32_t j = last; j < example->count; j++)
        example->is_trained[j] = true;
    for (uint32_t j = 0; j < example->count; j++)
        example->trained += example->is_trained[j];
    token_ids_deinit(&opening);
    return is_ok;
}

static enum error_code tokenise_row(const struct tokenizer *tokenizer, yyjson_val *row, struct rng *values,
                                    struct arena *arena, struct example *example, struct error *error)
{
    struct prompt prompt = {0};
    struct token_ids ids = {0};
    enum error_code code = render_row(row, values, arena, &prompt, error);
    if (code)
        return code;
    *example = (struct example){0};
    bool is_ok = encode_prompt(tokenizer, &prompt, &ids);
    example->tokens = ARENA_ARRAY(arena, int32_t, ids.count + 1);
    example->is_trained = ARENA_ARRAY(arena, bool, ids.count + 1);
    is_ok = is_ok && example->tokens && example->is_trained;
    if (is_ok) {
        memcpy(example->tokens, ids.items, ids.count * sizeof(int32_t));
        example->count = (uint32_t)ids.count;
        is_ok = mark_answers(tokenizer, yyjson_is_true(yyjson_obj_get(row, "train_all")), example);
    }
    token_ids_deinit(&ids);
    if (!is_ok)
        return error_no_memory(error);
    struct str task = json_str(yyjson_obj_get(row, "task"));
    snprintf(example->task, sizeof(example->task), STR_FMT, STR_ARG(task));
    return OK;
}

enum error_code example_of_row_afresh(const struct tokenizer *tokenizer, struct str row, struct rng *rng,
                                      struct arena *arena, struct example *example, struct error *error)
{
    yyjson_doc *document = NULL;
    enum error_code code = json_parse_exact(row, &document, error);
    if (code)
        return code;
    code = tokenise_row(tokenizer, yyjson_doc_get_root(document), rng, arena, example, error);
    json_free(document);
    return code;
}

enum error_code example_of_row(const struct tokenizer *tokenizer, struct str row, struct arena *arena,
                               struct example *example, struct error *error)
{
    return example_of_row_afresh(tokenizer, row, NULL, arena, example, error);
}

/* Text without its special tokens, which are no words. */
static bool count_segment(const struct prompt_segment *segment, struct bpe_trainer *trainer)
{
    struct str text = segment->text;
    while (text.len) {
        enum special_token special = SPECIAL_END_OF_TEXT;
        size_t at = tokenizer_find_special(text, segment->is_template, &special);
        if (!bpe_trainer_add(trainer, str_slice(text, 0, at)))
            return false;
        if (at == text.len)
            return true;
        text = str_slice(text, at + strlen(special_texts[special]), text.len);
    }
    return true;
}

enum error_code example_count_words(struct str row, struct bpe_trainer *trainer, struct error *error)
{
    struct arena arena;
    struct prompt prompt = {0};
    yyjson_doc *document = NULL;
    enum error_code code = json_parse_exact(row, &document, error);
    if (code)
        return code;
    arena_init(&arena, 0);
    code = render_row(yyjson_doc_get_root(document), NULL, &arena, &prompt, error);
    for (size_t i = 0; !code && i < prompt.count; i++)
        if (!count_segment(&prompt.segments[i], trainer))
            code = error_no_memory(error);
    arena_deinit(&arena);
    json_free(document);
    return code;
}

/* --- copying ---------------------------------------------------------------------------------------- */

static int32_t copied_token(const struct tokenizer *tokenizer, enum copied_kind kind, struct rng *rng)
{
    static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (kind == COPIED_TOKENS && tokenizer->merge_count) /* merges only: most lone bytes never come */
        return (int32_t)(TOKENIZER_BYTES + rng_below(rng, tokenizer->merge_count));
    return (uint8_t)characters[rng_below(rng, sizeof(characters) - 1)];
}

enum error_code example_of_copying(const struct tokenizer *tokenizer, enum copied_kind kind, uint32_t half,
                                   struct rng *rng, struct arena *arena, struct example *example,
                                   struct error *error)
{
    *example = (struct example){.count = 2 * half, .trained = half, .task = "copy"};
    example->tokens = ARENA_ARRAY(arena, int32_t, 2 * half);
    example->is_trained = ARENA_ARRAY(arena, bool, 2 * half);
    if (!example->tokens || !example->is_trained)
        return error_no_memory(error);
    for (uint32_t i = 0; i < half; i++) {
        example->tokens[i] = example->tokens[half + i] = copied_token(tokenizer, kind, rng);
        example->is_trained[half + i] = true;
    }
    return OK;
}
