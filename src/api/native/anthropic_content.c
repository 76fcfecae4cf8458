/* Content blocks of the Anthropic messages body, and its messages. */
#include "api/native/anthropic.h"

#include "api/document.h"
#include "api/media_type.h"
#include "core/limits.h"

/* `cache_control` inside a block becomes a cache point behind it. */
enum error_code anthropic_cache_control(struct content_parser *parser, yyjson_val *object, const char *where,
                                        bool *is_there, uint32_t *ttl_seconds)
{
    static const char *const members[] = {"type", "ttl", NULL};
    static const char *const types[] = {"ephemeral", NULL};
    static const char *const ttls[] = {"5m", "1h", NULL};
    yyjson_val *control = NULL;
    int type = -1, ttl = -1;
    enum error_code code = json_get_object(object, where, "cache_control", &control, parser->error);
    *is_there = control != NULL;
    if (code != OK || !control)
        return code;
    struct field_path path = field_path_member(where, "cache_control");
    code = fields_known(parser->request->ignored, control, path.text, members, parser->error);
    if (code == OK)
        code = fields_enum(control, path.text, "type", types, &type, parser->error);
    if (code == OK)
        code = fields_enum(control, path.text, "ttl", ttls, &ttl, parser->error);
    if (code == OK && type < 0)
        code = field_error(parser->error, path.text, "type", "required and missing");
    *ttl_seconds = ttl == 1 ? 3600 : 300;
    return code == OK ? content_note_cache_point(parser, path.text, *ttl_seconds) : code;
}

static enum error_code append_cache_control(struct content_parser *parser, yyjson_val *object, const char *where,
                                            struct chat_block *blocks, size_t *count)
{
    bool is_there;
    uint32_t ttl_seconds = 0;
    enum error_code code = anthropic_cache_control(parser, object, where, &is_there, &ttl_seconds);
    if (code == OK && is_there)
        blocks[(*count)++] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = ttl_seconds};
    return code;
}

static enum error_code parse_text(struct content_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_block *block)
{
    static const char *const members[] = {"type", "text", "cache_control", "citations", NULL};
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "text", 0, SIZE_MAX, &block->text, parser->error);
    block->kind = CHAT_TEXT;
    yyjson_val *citations = yyjson_obj_get(object, "citations");
    if (code == OK && !citations_read(parser->request->arena, citations, anthropic_read_citation, &block->citations,
                                      &block->citation_count))
        code = error_no_memory(parser->error);
    return code;
}

/* By what Converse calls the formats; doc and xls are refused by that name. */
static bool format_of_media_type(struct str media_type, struct str *format)
{
    static const struct {
        const char *media_type, *format;
    } known[] = {
        {"text/plain", "txt"},
        {"application/pdf", "pdf"},
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
        {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
        {"application/msword", "doc"},
        {"application/vnd.ms-excel", "xls"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(media_type, str_of(known[i].media_type))) {
            *format = str_of(known[i].format);
            return true;
        }
    }
    return false;
}

/* Text blocks of a document or a search result, a line feed between two. */
static enum error_code joined_texts(struct content_parser *parser, yyjson_val *items, const char *where,
                                    const char *key, struct str *text)
{
    struct buf buf;
    enum error_code code = OK;
    size_t i, count;
    yyjson_val *item;
    if (!yyjson_is_arr(items))
        return field_error(parser->error, where, key, "expected an array of text blocks, got %s",
                           json_type_name(items));
    buf_init(&buf, (size_t)limit(body_bytes));
    yyjson_arr_foreach(items, i, count, item)
    {
        struct field_path path = field_path_index(where, key, i);
        struct chat_block block = {0};
        if (!yyjson_equals_str(yyjson_obj_get(item, "type"), "text"))
            code = field_error(parser->error, path.text, "type", "must be text");
        if (code == OK)
            code = parse_text(parser, item, path.text, &block);
        if (code != OK)
            break;
        if (i > 0)
            buf_append_char(&buf, '\n');
        buf_append_str(&buf, block.text);
    }
    if (code == OK && (buf.failed || !arena_str(parser->request->arena, buf_str(&buf), text)))
        code = error_no_memory(parser->error);
    buf_deinit(&buf);
    return code;
}

/* The bytes of a source of type text or base64. */
static enum error_code source_data(struct content_parser *parser, yyjson_val *source, const char *where,
                                   bool is_text, struct document_input *input)
{
    struct str media_type = STR("text/plain");
    enum error_code code = json_get_str(source, where, "media_type", &media_type, NULL, parser->error);
    if (code == OK)
        code = fields_need_str(source, where, "data", 1, SIZE_MAX, &input->bytes, parser->error);
    input->source = is_text ? CHAT_SOURCE_TEXT : CHAT_SOURCE_BASE64;
    input->data = input->bytes;
    if (code != OK)
        return code;
    if (!format_of_media_type(media_type, &input->format) || (is_text && !str_eq(input->format, STR("txt"))))
        return field_error(parser->error, where, "media_type",
                           is_text ? "must be text/plain with type text"
                                   : "must be application/pdf, text/plain, or that of docx or xlsx files");
    return is_text ? OK
                   : fields_base64(input->bytes, where, "data", parser->request->arena, &input->bytes, parser->error);
}

static enum error_code source_content(struct content_parser *parser, yyjson_val *source, const char *where,
                                      struct document_input *input)
{
    yyjson_val *content = yyjson_obj_get(source, "content");
    input->format = STR("txt");
    input->is_plain = true;
    input->source = CHAT_SOURCE_TEXT;
    input->bytes = json_str(content);
    enum error_code code =
        yyjson_is_str(content) ? OK : joined_texts(parser, content, where, "content", &input->bytes);
    input->data = input->bytes;
    return code;
}

/* A file behind a URL or with the provider: `data` is where. */
static enum error_code source_elsewhere(struct content_parser *parser, yyjson_val *source, const char *where,
                                        const char *type, const char *instead, enum chat_source *kind,
                                        struct str *data)
{
    bool is_url = strcmp(type, "url") == 0;
    *kind = is_url ? CHAT_SOURCE_URL : CHAT_SOURCE_FILE;
    enum error_code code = needs_note(parser->request, CHAT_NEED_FILES_ELSEWHERE, parser->error, where, "type",
                                      "%s is not supported by this server; send %s", type, instead);
    return code == OK ? fields_need_str(source, where, is_url ? "url" : "file_id", 1, SIZE_MAX, data, parser->error)
                      : code;
}

static enum error_code document_source(struct content_parser *parser, yyjson_val *document, const char *where,
                                       struct document_input *input)
{
    static const char *const members[] = {"type", "media_type", "data", "content", "url", "file_id", NULL};
    static const char *const types[] = {"text", "base64", "content", "url", "file", NULL};
    enum { TEXT, BASE64, CONTENT, URL, FILE_ID };
    yyjson_val *source = NULL;
    int type = -1;
    struct field_path path = field_path_member(where, "source");
    enum error_code code = fields_need_object(document, where, "source", &source, parser->error);
    if (code == OK)
        code = fields_known(parser->request->ignored, source, path.text, members, parser->error);
    if (code == OK)
        code = fields_enum(source, path.text, "type", types, &type, parser->error);
    if (code == OK && type < 0)
        code = field_error(parser->error, path.text, "type", "required and missing");
    if (code != OK)
        return code;
    if (type == URL || type == FILE_ID)
        return source_elsewhere(parser, source, path.text, types[type], "base64 or text", &input->source,
                                &input->data);
    if (type == CONTENT)
        return source_content(parser, source, path.text, input);
    return source_data(parser, source, path.text, type == TEXT, input);
}

static enum error_code parse_citations(struct content_parser *parser, yyjson_val *object, const char *where)
{
    yyjson_val *citations = NULL;
    bool is_cited = false;
    struct field_path path = field_path_member(where, "citations");
    enum error_code code = json_get_object(object, where, "citations", &citations, parser->error);
    if (code == OK)
        code = json_get_bool(citations, path.text, "enabled", &is_cited, NULL, parser->error);
    if (code == OK && is_cited) /* a reply may cite nothing */
        code = needs_ignore(parser->request, CHAT_NEED_CITATIONS, citations, path.text, "enabled",
                            "citations are not supported by this model", parser->error);
    return code;
}

/* A search result reads as a document: title, source and texts. */
static enum error_code parse_search_result(struct content_parser *parser, yyjson_val *object, const char *where,
                                           struct chat_block *block)
{
    static const char *const members[] = {"type", "source", "title", "content", "citations", "cache_control", NULL};
    struct str source = {0}, title = {0}, text = {0};
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "source", 0, SIZE_MAX, &source, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "title", 0, SIZE_MAX, &title, parser->error);
    if (code == OK)
        code = parse_citations(parser, object, where);
    if (code == OK)
        code = joined_texts(parser, yyjson_obj_get(object, "content"), where, "content", &text);
    return code == OK ? content_search_result(parser, title, source, text, block) : code;
}

static enum error_code parse_document(struct content_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"type", "source", "title", "context", "citations", "cache_control", NULL};
    struct document_input input = {
        .where = where, .format_key = "source.media_type", .name = STR("document")};
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = json_get_str(object, where, "title", &input.name, NULL, parser->error);
    if (code == OK)
        code = json_get_str(object, where, "context", &input.context, NULL, parser->error);
    if (code == OK)
        code = parse_citations(parser, object, where);
    if (code == OK)
        code = document_source(parser, object, where, &input);
    return code == OK ? document_add(parser->request, &input, block, parser->error) : code;
}

static enum error_code parse_tool_use(struct content_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"type", "id", "name", "input", "cache_control", NULL};
    yyjson_val *input = NULL;
    block->kind = CHAT_TOOL_USE;
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "id", 1, ANTHROPIC_NAME_MAX, &block->id, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "name", 1, ANTHROPIC_NAME_MAX, &block->name, parser->error);
    if (code == OK)
        code = fields_need_object(object, where, "input", &input, parser->error);
    parser->has_tool_blocks = true;
    block->value = input;
    return code == OK ? fields_json_text(input, parser->request->arena, &block->json, parser->error) : code;
}

/* Its bytes stay what they are in the body. */
static enum error_code parse_image(struct content_parser *parser, yyjson_val *object, const char *where,
                                   struct chat_block *block)
{
    static const char *const types[] = {"base64", "url", "file", NULL};
    struct error *error = parser->error;
    struct field_path path = field_path_member(where, "source");
    struct str media_type = {0};
    yyjson_val *source = NULL;
    int type = -1;
    block->kind = CHAT_IMAGE;
    enum error_code code =
        needs_note(parser->request, CHAT_NEED_IMAGES, error, where, "", "image: this model reads text only");
    if (code == OK)
        code = needs_where(parser->request, block, where, error);
    if (code == OK)
        code = fields_need_object(object, where, "source", &source, error);
    if (code == OK)
        code = fields_enum(source, path.text, "type", types, &type, error);
    if (code == OK && type < 0)
        code = field_error(error, path.text, "type", "required and missing");
    if (code == OK && type > 0)
        return source_elsewhere(parser, source, path.text, types[type], "base64", &block->source, &block->data);
    block->source = CHAT_SOURCE_BASE64;
    if (code == OK)
        code = fields_need_str(source, path.text, "media_type", 1, SIZE_MAX, &media_type, error);
    block->format = media_type_format(media_type);
    return code == OK ? fields_need_str(source, path.text, "data", 1, SIZE_MAX, &block->data, error) : code;
}

/* Blocks that only the provider knows. */
static enum error_code parse_other(struct content_parser *parser, const char *where, struct str type,
                                   struct chat_block *block)
{
    block->kind = CHAT_OTHER;
    enum error_code code = needs_note(parser->request, CHAT_NEED_OTHER_BLOCKS, parser->error, where, "type",
                                      "'%.*s' blocks are not supported by this model",
                                      (int)(type.len > 40 ? 40 : type.len), type.data);
    return code == OK ? needs_where(parser->request, block, where, parser->error) : code;
}

static enum error_code parse_other_item(struct content_parser *parser, const char *where, struct chat_block *block)
{
    block->kind = CHAT_OTHER;
    enum error_code code = needs_note(parser->request, CHAT_NEED_OTHER_BLOCKS, parser->error, where, "type",
                                      "must be text, document, search_result or image");
    return code == OK ? needs_where(parser->request, block, where, parser->error) : code;
}

static enum error_code parse_result_item(struct content_parser *parser, yyjson_val *item, const char *where,
                                         struct chat_block *block)
{
    struct str type = {0};
    block->raw = item;
    if (!yyjson_is_obj(item))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(item));
    enum error_code code = fields_need_str(item, where, "type", 1, SIZE_MAX, &type, parser->error);
    if (code != OK)
        return code;
    if (str_eq(type, STR("text")))
        code = parse_text(parser, item, where, block);
    else if (str_eq(type, STR("document")))
        code = parse_document(parser, item, where, block);
    else if (str_eq(type, STR("search_result")))
        code = parse_search_result(parser, item, where, block);
    else if (str_eq(type, STR("image")))
        code = parse_image(parser, item, where, block);
    else
        code = parse_other_item(parser, where, block);
    block->raw = item;
    return code;
}

/* A string, or an array of blocks. */
static enum error_code result_content(struct content_parser *parser, yyjson_val *content, const char *where,
                                      struct chat_block *block)
{
    if (!content || yyjson_is_null(content))
        return OK;
    if (yyjson_is_arr(content))
        return content_tool_result(parser, content, where, parse_result_item, block);
    if (!yyjson_is_str(content))
        return field_error(parser->error, where, "content", "expected a string or an array, got %s",
                           json_type_name(content));
    block->content = ARENA_NEW(parser->request->arena, struct chat_block);
    if (!block->content)
        return error_no_memory(parser->error);
    *block->content = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(content)};
    block->content_count = 1;
    return OK;
}

static enum error_code parse_tool_result(struct content_parser *parser, yyjson_val *object, const char *where,
                                         struct chat_block *block)
{
    static const char *const members[] = {"type", "tool_use_id", "content", "is_error", "cache_control", NULL};
    block->kind = CHAT_TOOL_RESULT;
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "tool_use_id", 1, ANTHROPIC_NAME_MAX, &block->id, parser->error);
    if (code == OK)
        code = json_get_bool(object, where, "is_error", &block->is_error, NULL, parser->error);
    parser->has_tool_blocks = true;
    return code == OK ? result_content(parser, yyjson_obj_get(object, "content"), where, block) : code;
}

/* Thinking of earlier turns is kept in the view and never rendered. */
static enum error_code parse_thinking(struct content_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    block->kind = CHAT_REASONING;
    block->signature = json_str(yyjson_obj_get(object, "signature"));
    block->data = json_str(yyjson_obj_get(object, "data"));
    return json_get_str(object, where, "thinking", &block->text, NULL, parser->error);
}

/* What the newer version of the API has taken away. */
static enum error_code check_newer(struct content_parser *parser, yyjson_val *object, const char *where,
                                   enum chat_role role, const struct chat_block *block)
{
    if (!parser->is_newer_version)
        return OK;
    if (role == CHAT_USER && block->kind == CHAT_TEXT && yyjson_arr_size(yyjson_obj_get(object, "citations")) > 0)
        return field_error(parser->error, where, "citations", "Extra inputs are not permitted");
    if (role == CHAT_ASSISTANT && block->kind == CHAT_DOCUMENT)
        return field_error(parser->error, where, "type", "document does not belong into a message of the assistant");
    return OK;
}

#define OF(role) (1u << (role))

static enum error_code parse_block(struct content_parser *parser, yyjson_val *object, const char *where,
                                   enum chat_role role, struct chat_block *block)
{
    static const struct {
        const char *type;
        unsigned roles; /* in whose messages it may stand */
        enum error_code (*parse)(struct content_parser *, yyjson_val *, const char *, struct chat_block *);
    } kinds[] = {
        {"text", OF(CHAT_USER) | OF(CHAT_ASSISTANT) | OF(CHAT_SYSTEM), parse_text},
        {"image", OF(CHAT_USER), parse_image},
        {"document", OF(CHAT_USER) | OF(CHAT_ASSISTANT), parse_document},
        {"search_result", OF(CHAT_USER), parse_search_result},
        {"tool_use", OF(CHAT_ASSISTANT), parse_tool_use},
        {"tool_result", OF(CHAT_USER), parse_tool_result},
        {"thinking", OF(CHAT_ASSISTANT), parse_thinking},
        {"redacted_thinking", OF(CHAT_ASSISTANT), parse_thinking},
    };
    static const char *const roles[] = {
        [CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    struct str type = {0};
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_need_str(object, where, "type", 1, SIZE_MAX, &type, parser->error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!str_eq(type, str_of(kinds[i].type)))
            continue;
        if (!(kinds[i].roles & OF(role)))
            return field_error(parser->error, where, "type", "%s does not belong into a message of the %s",
                               kinds[i].type, roles[role]);
        code = kinds[i].parse(parser, object, where, block);
        block->raw = object;
        return code == OK ? check_newer(parser, object, where, role, block) : code;
    }
    block->raw = object;
    return parse_other(parser, where, type, block);
}

enum error_code anthropic_content(struct content_parser *parser, yyjson_val *content, const char *where,
                                  const char *key, enum chat_role role, struct chat_block **blocks,
                                  size_t *block_count)
{
    struct error *error = parser->error;
    bool is_text = yyjson_is_str(content);
    if (!is_text && !yyjson_is_arr(content))
        return field_error(error, where, key, "expected a string or an array of blocks, got %s",
                           json_type_name(content));
    size_t i, count = is_text ? 1 : yyjson_arr_size(content);
    enum error_code code = content_note_blocks(parser, count, where, key);
    if (code != OK)
        return code;
    *blocks = ARENA_ARRAY(parser->request->arena, struct chat_block, 2 * count + 1);
    if (!*blocks)
        return error_no_memory(error);
    if (is_text) {
        (*blocks)[(*block_count)++] = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(content)};
    } else {
        yyjson_val *item;
        yyjson_arr_foreach(content, i, count, item)
        {
            struct field_path path = field_path_index(where, key, i);
            code = parse_block(parser, item, path.text, role, &(*blocks)[*block_count]);
            if (code != OK)
                return code;
            (*block_count)++;
            code = append_cache_control(parser, item, path.text, *blocks, block_count);
            if (code != OK)
                return code;
        }
    }
    return role == CHAT_USER ? content_check_blank(*blocks, *block_count, where, key, error) : OK;
}

enum error_code anthropic_message(struct content_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_message *message)
{
    static const char *const members[] = {"role", "content", NULL};
    static const char *const roles[] = {"user", "assistant", "system", NULL};
    static const enum chat_role meant[] = {CHAT_USER, CHAT_ASSISTANT, CHAT_SYSTEM};
    int role = -1;
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = fields_enum(object, where, "role", roles, &role, parser->error);
    if (code == OK && role < 0)
        code = field_error(parser->error, where, "role", "required and missing");
    if (code != OK)
        return code;
    message->role = meant[role];
    message->raw = object;
    code = anthropic_content(parser, yyjson_obj_get(object, "content"), where, "content", message->role,
                             &message->blocks, &message->block_count);
    if (code == OK && message->block_count == 0 && message->role != CHAT_ASSISTANT)
        return field_error(parser->error, where, "content", "must have at least one block");
    return code;
}
