/* Parts of bodies that several dialects have in common. */
#include "api/content.h"

#include "core/json.h"
#include "core/limits.h"

#define TOOL_NAME_MAX 64

enum error_code content_note_blocks(struct content_parser *parser, size_t count, const char *where, const char *key)
{
    parser->blocks += count;
    if (parser->blocks <= limit(content_blocks))
        return OK;
    return field_error(parser->error, where, key, "more than the limit of %zu content blocks in one request",
                       (size_t)limit(content_blocks));
}

enum error_code content_each_message(struct content_parser *parser, yyjson_val *messages,
                                     content_message_parser parse)
{
    struct chat_request *request = parser->request;
    if (!messages || yyjson_is_null(messages))
        return field_error(parser->error, "messages", "", "required and missing");
    if (!yyjson_is_arr(messages))
        return field_error(parser->error, "messages", "", "expected an array, got %s", json_type_name(messages));
    size_t i, count = yyjson_arr_size(messages);
    if (count > limit(messages))
        return field_error(parser->error, "messages", "", "%zu messages are more than the limit of %zu", count,
                           (size_t)limit(messages));
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, count + 1);
    if (!request->messages)
        return error_no_memory(parser->error);
    request->message_count = count;
    yyjson_val *item;
    yyjson_arr_foreach(messages, i, count, item)
    {
        struct field_path path = field_path_index("", "messages", i);
        enum error_code code = parse(parser, item, path.text, &request->messages[i]);
        if (code != OK)
            return code;
    }
    return OK;
}

/* Beside a document or a tool's result a blank text says as much as it has to. */
enum error_code content_check_blank(const struct chat_block *blocks, size_t count, const char *where, const char *key,
                                    struct error *error)
{
    bool has_blank = false, has_other = false;
    for (size_t i = 0; i < count; i++) {
        bool is_blank = blocks[i].kind == CHAT_TEXT && fields_is_blank(blocks[i].text);
        has_blank = has_blank || is_blank;
        has_other = has_other || (blocks[i].kind != CHAT_TEXT && blocks[i].kind != CHAT_CACHE_POINT);
    }
    if (has_blank && !has_other)
        return field_error(error, where, key, "text of the user must not be blank");
    return OK;
}

enum error_code content_tool_result(struct content_parser *parser, yyjson_val *content, const char *where,
                                    content_item_parser parse, struct chat_block *block)
{
    size_t i, count = yyjson_arr_size(content);
    yyjson_val *item;
    parser->result_items += count;
    if (parser->result_items > limit(content_blocks))
        return field_error(parser->error, where, "content",
                           "more than the limit of %zu content blocks of tool results in one request",
                           (size_t)limit(content_blocks));
    if (count == 0)
        return OK;
    block->content = ARENA_ARRAY(parser->request->arena, struct chat_block, count);
    if (!block->content)
        return error_no_memory(parser->error);
    block->content_count = count;
    yyjson_arr_foreach(content, i, count, item)
    {
        struct field_path path = field_path_index(where, "content", i);
        enum error_code code = parse(parser, item, path.text, &block->content[i]);
        if (code != OK)
            return code;
    }
    return OK;
}

enum error_code content_search_result(struct content_parser *parser, struct str title, struct str source,
                                      struct str text, struct chat_block *block)
{
    text = arena_printf(parser->request->arena, STR_FMT "\n" STR_FMT, STR_ARG(source), STR_ARG(text));
    *block = (struct chat_block){.kind = CHAT_SEARCH_RESULT, .name = title, .link = source, .text = text};
    return text.data ? OK : error_no_memory(parser->error);
}

enum error_code content_tool_name(struct content_parser *parser, yyjson_val *value, const char *where,
                                  struct str *name)
{
    enum error_code code = fields_need_str(value, where, "name", 1, TOOL_NAME_MAX, name, parser->error);
    if (code == OK && !fields_alphabet(*name, "_-"))
        return field_error(parser->error, where, "name", "may hold letters, digits, _ and - only");
    return code;
}

enum error_code content_parse_stops(yyjson_val *config, const char *where, const char *key,
                                    struct chat_request *request, struct error *error)
{
    yyjson_val *array = NULL;
    enum error_code code = json_get_array(config, where, key, &array, error);
    size_t i, count = yyjson_arr_size(array);
    if (code != OK || count == 0)
        return code;
    if (count > limit(stop_sequences))
        return field_error(error, where, key, "%zu sequences are more than the limit of %zu", count,
                           (size_t)limit(stop_sequences));
    request->stop_sequences = ARENA_ARRAY(request->arena, struct str, count);
    if (!request->stop_sequences)
        return error_no_memory(error);
    yyjson_val *item;
    yyjson_arr_foreach(array, i, count, item)
    {
        struct str text = json_str(item);
        if (text.len == 0 || text.len > limit(stop_sequence_bytes)) {
            struct field_path path = field_path_index(where, key, i);
            return field_error(error, path.text, "", "expected a string of 1 to %zu bytes",
                               (size_t)limit(stop_sequence_bytes));
        }
        request->stop_sequences[request->stop_count++] = text;
    }
    return OK;
}

/* Arguments are a JSON value in a whole reply. A call that was cut off (by
 * maxTokens) has none, and {} is what clients can read. */
void content_append_arguments(struct buf *out, struct str json)
{
    yyjson_doc *doc;
    struct error ignored;
    bool is_json = json_parse_exact(json, &doc, &ignored) == OK;
    if (is_json)
        json_append(out, yyjson_doc_get_root(doc));
    else
        buf_append_text(out, "{}");
    json_free(doc);
}
