/* Content blocks of Converse: every member of the unions is checked, what not
 * every target can take is noted. */
#include "api/bedrock/converse.h"

#include "api/document.h"
#include "core/limits.h"

#define DOCUMENT_NAME_MAX 200
#define TOOL_ID_MAX 64

enum content_member {
    CONTENT_TEXT,
    CONTENT_IMAGE,
    CONTENT_DOCUMENT,
    CONTENT_VIDEO,
    CONTENT_AUDIO,
    CONTENT_TOOL_USE,
    CONTENT_TOOL_RESULT,
    CONTENT_GUARD,
    CONTENT_CACHE_POINT,
    CONTENT_REASONING,
    CONTENT_CITATIONS,
    CONTENT_SEARCH_RESULT,
    CONTENT_TOOL_ADDITION,
    CONTENT_TOOL_REMOVAL,
};

static const char *const content_members[] = {
    "text",         "image",      "document",         "video",            "audio",        "toolUse",      "toolResult",
    "guardContent", "cachePoint", "reasoningContent", "citationsContent", "searchResult", "toolAddition",
    "toolRemoval",  NULL};

enum error_code converse_cache_point(struct content_parser *parser, yyjson_val *value, const char *where,
                                     uint32_t *ttl_seconds)
{
    static const char *const members[] = {"type", "ttl", NULL};
    static const char *const types[] = {"default", NULL};
    static const char *const ttls[] = {"5m", "1h", NULL};
    struct error *error = parser->error;
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    int type, ttl;
    enum error_code code = fields_known(parser->request->ignored, value, where, members, error);
    if (code == OK)
        code = fields_enum(value, where, "type", types, &type, error);
    if (code == OK)
        code = fields_enum(value, where, "ttl", ttls, &ttl, error);
    if (code != OK)
        return code;
    if (type < 0)
        return field_error(error, where, "type", "required and missing");
    *ttl_seconds = ttl == 1 ? 3600 : 300;
    return content_note_cache_point(parser, where, *ttl_seconds);
}

static const struct media {
    enum chat_block_kind kind;
    enum chat_need need;
    const char *key;
} image = {CHAT_IMAGE, CHAT_NEED_IMAGES, "image"}, video = {CHAT_VIDEO, CHAT_NEED_VIDEO, "video"},
  audio = {CHAT_AUDIO, CHAT_NEED_AUDIO, "audio"};

static enum error_code parse_text(struct content_parser *parser, yyjson_val *value, const char *where,
                                  struct chat_block *block)
{
    if (!yyjson_is_str(value))
        return field_error(parser->error, where, "text", "expected a string, got %s", json_type_name(value));
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(value)};
    return OK;
}

/* An array of {text: ...} joined by newlines: document content, search results, citations. */
static enum error_code joined_texts(struct content_parser *parser, yyjson_val *items, const char *where,
                                    const char *key, struct str *text)
{
    static const char *const members[] = {"text", NULL};
    struct buf buf;
    buf_init(&buf, (size_t)limit(body_bytes));
    enum error_code code = OK;
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(items, i, count, item)
    {
        size_t which;
        yyjson_val *value;
        struct field_path path = field_path_index(where, key, i);
        code = fields_union(parser->request->ignored, item, path.text, members, &which, &value, parser->error);
        if (code == OK && !yyjson_is_str(value))
            code = field_error(parser->error, path.text, "text", "expected a string, got %s", json_type_name(value));
        if (code != OK)
            break;
        if (i > 0)
            buf_append_char(&buf, '\n');
        buf_append_str(&buf, json_str(value));
    }
    if (code == OK && (buf.failed || !arena_str(parser->request->arena, buf_str(&buf), text)))
        code = error_no_memory(parser->error);
    buf_deinit(&buf);
    return code;
}

static enum error_code check_citations(struct content_parser *parser, yyjson_val *object, const char *where)
{
    yyjson_val *citations;
    bool is_enabled = false, present = false;
    enum error_code code = json_get_object(object, where, "citations", &citations, parser->error);
    if (code != OK || !citations)
        return code;
    struct field_path path = field_path_member(where, "citations");
    code = json_get_bool(citations, path.text, "enabled", &is_enabled, &present, parser->error);
    if (code == OK && !present)
        code = field_error(parser->error, path.text, "enabled", "required and missing");
    if (code == OK && is_enabled) /* a reply may cite nothing */
        code = needs_ignore(parser->request, CHAT_NEED_CITATIONS, citations, path.text, "enabled",
                            "citations are not supported by this model", parser->error);
    return code;
}

/* Letters, digits, single spaces, hyphens, parentheses and square brackets; and underscores, which the service takes
 * without saying so. */
static enum error_code check_document_name(struct content_parser *parser, struct str name, const char *where)
{
    bool has_run = false;
    for (size_t i = 1; i < name.len; i++)
        has_run = has_run || (strchr(" \t\n\r", name.data[i]) && strchr(" \t\n\r", name.data[i - 1]));
    if (fields_alphabet(name, " \t\n\r-_()[]") && !has_run)
        return OK;
    return field_error(parser->error, where, "name",
                       "The document file name can only contain alphanumeric characters, whitespace characters, "
                       "hyphens, parentheses, and square brackets. The name can't contain more than one consecutive "
                       "whitespace character.");
}

/* Notes a file that lies in S3; `why` refuses it. */
static enum error_code s3_location(struct content_parser *parser, yyjson_val *location, const char *where,
                                   const char *why, struct str *uri)
{
    enum error_code code = needs_note(parser->request, CHAT_NEED_FILES_ELSEWHERE, parser->error, where, "s3Location",
                                      "%s", why);
    if (code == OK && !yyjson_is_obj(location))
        code = field_error(parser->error, where, "s3Location", "expected an object, got %s", json_type_name(location));
    struct field_path path = field_path_member(where, "s3Location");
    return code == OK ? fields_need_str(location, path.text, "uri", 1, SIZE_MAX, uri, parser->error) : code;
}

static enum error_code document_source(struct content_parser *parser, yyjson_val *source, const char *where,
                                       struct document_input *input)
{
    static const char *const members[] = {"bytes", "s3Location", "text", "content", NULL};
    enum { BYTES, S3, TEXT, CONTENT };
    struct field_path path = field_path_member(where, "source");
    size_t which;
    yyjson_val *value;
    enum error_code code =
        fields_union(parser->request->ignored, source, path.text, members, &which, &value, parser->error);
    if (code != OK)
        return code;
    input->is_plain = which != BYTES;
    input->source = which == BYTES ? CHAT_SOURCE_BASE64 : which == S3 ? CHAT_SOURCE_S3 : CHAT_SOURCE_TEXT;
    if (which == S3)
        return s3_location(parser, value, path.text, "documents from S3 are not supported; send bytes or text",
                           &input->data);
    if (which == CONTENT && !yyjson_is_arr(value))
        return field_error(parser->error, path.text, "content", "expected an array, got %s", json_type_name(value));
    if (which == CONTENT) {
        code = joined_texts(parser, value, path.text, "content", &input->bytes);
        input->data = input->bytes;
        return code;
    }
    if (!yyjson_is_str(value) || yyjson_get_len(value) == 0)
        return field_error(parser->error, path.text, members[which], "expected a non-empty string");
    input->bytes = input->data = json_str(value);
    if (which == TEXT)
        return OK;
    return fields_base64(input->bytes, path.text, "bytes", parser->request->arena, &input->bytes, parser->error);
}

static enum error_code parse_document(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"format", "name", "source", "context", "citations", NULL};
    struct error *error = parser->error;
    struct field_path path = field_path_member(block_where, "document");
    const char *where = path.text;
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    struct document_input input = {.where = where, .format_key = "format"};
    bool has_format = false;
    yyjson_val *source = NULL;
    enum error_code code = fields_known(parser->request->ignored, value, where, members, error);
    if (code == OK)
        code = fields_need_str(value, where, "name", 1, DOCUMENT_NAME_MAX, &input.name, error);
    if (code == OK)
        code = check_document_name(parser, input.name, where);
    if (code == OK)
        code = json_get_str(value, where, "format", &input.format, &has_format, error);
    if (code == OK)
        code = json_get_str(value, where, "context", &input.context, NULL, error);
    if (code == OK)
        code = check_citations(parser, value, where);
    if (code == OK)
        code = fields_need_object(value, where, "source", &source, error);
    if (code == OK)
        code = document_source(parser, source, where, &input);
    if (code != OK)
        return code;
    if (!has_format && !input.is_plain)
        return field_error(error, where, "format", "required with source.bytes");
    if (!has_format)
        input.format = STR("txt");
    return document_add(parser->request, &input, block, error);
}

static enum error_code parse_search_result(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                           struct chat_block *block)
{
    static const char *const members[] = {"source", "title", "content", "citations", NULL};
    struct field_path path = field_path_member(block_where, "searchResult");
    const char *where = path.text;
    struct str source = {0}, title = {0}, text = {0};
    yyjson_val *content = NULL;
    if (!yyjson_is_obj(value))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = fields_known(parser->request->ignored, value, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(value, where, "source", 0, SIZE_MAX, &source, parser->error);
    if (code == OK)
        code = fields_need_str(value, where, "title", 0, SIZE_MAX, &title, parser->error);
    if (code == OK)
        code = fields_need_array(value, where, "content", &content, parser->error);
    if (code == OK)
        code = check_citations(parser, value, where);
    if (code == OK)
        code = joined_texts(parser, content, where, "content", &text);
    if (code != OK)
        return code;
    return content_search_result(parser, title, source, text, block);
}

static enum error_code parse_tool_id(struct content_parser *parser, yyjson_val *value, const char *where,
                                     struct str *id)
{
    enum error_code code = fields_need_str(value, where, "toolUseId", 1, TOOL_ID_MAX, id, parser->error);
    if (code == OK && !fields_alphabet(*id, "_.:-"))
        return field_error(parser->error, where, "toolUseId", "may hold letters, digits and _ . : - only");
    return code;
}

/* Calls and results of tools that the provider runs. */
static enum error_code server_tool(struct content_parser *parser, const char *where, struct chat_block *block)
{
    block->kind = CHAT_OTHER;
    enum error_code code = needs_where(parser->request, block, where, parser->error);
    return code == OK ? needs_note(parser->request, CHAT_NEED_SERVER_TOOLS, parser->error, where, "type",
                                   "server tools are not supported by this model")
                      : code;
}

static enum error_code parse_tool_use(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"toolUseId", "name", "input", "type", NULL};
    struct field_path path = field_path_member(block_where, "toolUse");
    const char *where = path.text;
    *block = (struct chat_block){.kind = CHAT_TOOL_USE};
    if (!yyjson_is_obj(value))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(value));
    yyjson_val *input = yyjson_obj_get(value, "input");
    yyjson_val *type = yyjson_obj_get(value, "type");
    enum error_code code = fields_known(parser->request->ignored, value, where, members, parser->error);
    if (code == OK)
        code = parse_tool_id(parser, value, where, &block->id);
    if (code == OK)
        code = content_tool_name(parser, value, where, &block->name);
    if (code != OK)
        return code;
    if (!input)
        return field_error(parser->error, where, "input", "required and missing");
    if (type && !yyjson_is_null(type))
        code = server_tool(parser, where, block);
    parser->has_tool_blocks = true;
    block->value = input;
    return code == OK ? fields_json_text(input, parser->request->arena, &block->json, parser->error) : code;
}

/* An image, a video or audio: its bytes stay what they are in the body. */
static enum error_code parse_media(struct content_parser *parser, const struct media *media, yyjson_val *value,
                                   const char *block_where, struct chat_block *block)
{
    static const char *const members[] = {"format", "source", "error", NULL};
    static const char *const sources[] = {"bytes", "s3Location", NULL};
    struct chat_request *request = parser->request;
    struct field_path path = field_path_member(block_where, media->key), source_path;
    yyjson_val *source = NULL, *bytes = NULL;
    size_t which = 0;
    *block = (struct chat_block){.kind = media->kind};
    enum error_code code = needs_note(request, media->need, parser->error, block_where, media->key,
                                      "this model reads text only");
    if (code == OK)
        code = needs_where(request, block, path.text, parser->error);
    if (code == OK && !yyjson_is_obj(value))
        code = field_error(parser->error, path.text, "", "expected an object, got %s", json_type_name(value));
    if (code == OK)
        code = fields_known(request->ignored, value, path.text, members, parser->error);
    if (code == OK)
        code = fields_need_str(value, path.text, "format", 1, SIZE_MAX, &block->format, parser->error);
    if (code == OK)
        code = fields_need_object(value, path.text, "source", &source, parser->error);
    source_path = field_path_member(path.text, "source");
    if (code == OK)
        code = fields_union(request->ignored, source, source_path.text, sources, &which, &bytes, parser->error);
    block->source = which == 0 ? CHAT_SOURCE_BASE64 : CHAT_SOURCE_S3;
    if (code == OK && which == 1)
        return s3_location(parser, bytes, source_path.text, "files in S3 are not read by this model; send bytes",
                           &block->data);
    return code == OK ? fields_need_str(source, source_path.text, "bytes", 1, SIZE_MAX, &block->data, parser->error)
                      : code;
}

static enum error_code parse_result_item(struct content_parser *parser, yyjson_val *item, const char *where,
                                         struct chat_block *block)
{
    static const char *const members[] = {"json", "text", "image", "document", "video", "searchResult", NULL};
    enum { JSON, TEXT, IMAGE, DOCUMENT, VIDEO, SEARCH };
    size_t which;
    yyjson_val *value;
    enum error_code code = fields_union(parser->request->ignored, item, where, members, &which, &value, parser->error);
    if (code != OK)
        return code;
    switch (which) {
    case JSON: *block = (struct chat_block){.kind = CHAT_JSON, .value = value}; break;
    case TEXT: code = parse_text(parser, value, where, block); break;
    case DOCUMENT: code = parse_document(parser, value, where, block); break;
    case SEARCH: code = parse_search_result(parser, value, where, block); break;
    case IMAGE: code = parse_media(parser, &image, value, where, block); break;
    case VIDEO: code = parse_media(parser, &video, value, where, block); break;
    default: break;
    }
    block->raw = item;
    return code;
}

static enum error_code parse_tool_result(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                         struct chat_block *block)
{
    static const char *const members[] = {"toolUseId", "content", "status", "type", NULL};
    static const char *const statuses[] = {"success", "error", NULL};
    struct field_path path = field_path_member(block_where, "toolResult");
    const char *where = path.text;
    *block = (struct chat_block){.kind = CHAT_TOOL_RESULT};
    if (!yyjson_is_obj(value))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(value));
    int status = -1;
    yyjson_val *content = NULL;
    struct str type = {0};
    bool has_type = false;
    enum error_code code = fields_known(parser->request->ignored, value, where, members, parser->error);
    if (code == OK)
        code = parse_tool_id(parser, value, where, &block->id);
    if (code == OK)
        code = fields_enum(value, where, "status", statuses, &status, parser->error);
    if (code == OK)
        code = json_get_str(value, where, "type", &type, &has_type, parser->error);
    if (code == OK && has_type)
        code = server_tool(parser, where, block);
    if (code == OK)
        code = fields_need_array(value, where, "content", &content, parser->error);
    if (code != OK)
        return code;
    block->is_error = status == 1;
    parser->has_tool_blocks = true;
    return content_tool_result(parser, content, where, parse_result_item, block);
}

/* Reasoning of earlier turns is kept in the view and never rendered. */
static enum error_code parse_reasoning(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                       struct chat_block *block)
{
    static const char *const members[] = {"reasoningText", "redactedContent", NULL};
    static const char *const text_members[] = {"text", "signature", NULL};
    struct field_path path = field_path_member(block_where, "reasoningContent");
    size_t which;
    yyjson_val *inner;
    *block = (struct chat_block){.kind = CHAT_REASONING};
    enum error_code code =
        fields_union(parser->request->ignored, value, path.text, members, &which, &inner, parser->error);
    if (code != OK)
        return code;
    if (which == 1) {
        if (!yyjson_is_str(inner))
            return field_error(parser->error, path.text, "redactedContent", "expected base64 text");
        struct str bytes;
        block->data = json_str(inner);
        return fields_base64(block->data, path.text, "redactedContent", parser->request->arena, &bytes, parser->error);
    }
    path = field_path_member(path.text, "reasoningText");
    if (!yyjson_is_obj(inner))
        return field_error(parser->error, path.text, "", "expected an object, got %s", json_type_name(inner));
    code = fields_known(parser->request->ignored, inner, path.text, text_members, parser->error);
    if (code == OK)
        code = fields_need_str(inner, path.text, "text", 0, SIZE_MAX, &block->text, parser->error);
    if (code == OK)
        code = json_get_str(inner, path.text, "signature", &block->signature, NULL, parser->error);
    return code;
}

/* Cited text of an earlier reply. */
static enum error_code parse_citations_content(struct content_parser *parser, yyjson_val *value,
                                               const char *block_where, struct chat_block *block)
{
    struct field_path path = field_path_member(block_where, "citationsContent");
    yyjson_val *content = NULL;
    *block = (struct chat_block){.kind = CHAT_TEXT};
    if (!yyjson_is_obj(value))
        return field_error(parser->error, path.text, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = fields_need_array(value, path.text, "content", &content, parser->error);
    if (code == OK)
        code = joined_texts(parser, content, path.text, "content", &block->text);
    yyjson_val *citations = yyjson_obj_get(value, "citations");
    if (code == OK && !citations_read(parser->request->arena, citations, converse_read_citation, &block->citations,
                                      &block->citation_count))
        code = error_no_memory(parser->error);
    return code;
}

/* Of the provider alone: `need` is what its target has to have. */
static enum error_code parse_other(struct content_parser *parser, enum chat_need need, const char *where,
                                   const char *key, const char *why, struct chat_block *block)
{
    struct field_path path = field_path_member(where, key);
    *block = (struct chat_block){.kind = CHAT_OTHER};
    enum error_code code = needs_note(parser->request, need, parser->error, where, key, "%s", why);
    return code == OK ? needs_where(parser->request, block, path.text, parser->error) : code;
}

static enum error_code parse_cache_block(struct content_parser *parser, yyjson_val *value, const char *block_where,
                                         struct chat_block *block)
{
    struct field_path path = field_path_member(block_where, "cachePoint");
    *block = (struct chat_block){.kind = CHAT_CACHE_POINT};
    return converse_cache_point(parser, value, path.text, &block->ttl_seconds);
}

static enum error_code parse_member(struct content_parser *parser, size_t which, yyjson_val *value, const char *where,
                                    struct chat_block *block)
{
    switch ((enum content_member)which) {
    case CONTENT_TEXT: return parse_text(parser, value, where, block);
    case CONTENT_DOCUMENT: return parse_document(parser, value, where, block);
    case CONTENT_TOOL_USE: return parse_tool_use(parser, value, where, block);
    case CONTENT_TOOL_RESULT: return parse_tool_result(parser, value, where, block);
    case CONTENT_CACHE_POINT: return parse_cache_block(parser, value, where, block);
    case CONTENT_REASONING: return parse_reasoning(parser, value, where, block);
    case CONTENT_CITATIONS: return parse_citations_content(parser, value, where, block);
    case CONTENT_SEARCH_RESULT: return parse_search_result(parser, value, where, block);
    case CONTENT_IMAGE: return parse_media(parser, &image, value, where, block);
    case CONTENT_VIDEO: return parse_media(parser, &video, value, where, block);
    case CONTENT_AUDIO: return parse_media(parser, &audio, value, where, block);
    case CONTENT_GUARD:
        return parse_other(parser, CHAT_NEED_GUARDRAILS, where, "guardContent",
                           "guardrails are not supported by this server", block);
    case CONTENT_TOOL_ADDITION:
    case CONTENT_TOOL_REMOVAL: break;
    }
    return parse_other(parser, CHAT_NEED_TOOL_CHANGES, where, content_members[which],
                       "changing tools inside a conversation is not supported by this model", block);
}

/* Nova writes a cache point into the block it follows: {"text": ..., "cachePoint": ...}.
 * Finds the other member of such a block. */
static bool split_inline_point(const struct content_parser *parser, yyjson_val *item, size_t *which,
                               yyjson_val **value, yyjson_val **cache_point)
{
    size_t others = 0;
    *cache_point = yyjson_obj_get(item, "cachePoint");
    if (!parser->has_inline_cache_points || !*cache_point || yyjson_is_null(*cache_point))
        return false;
    for (size_t i = 0; content_members[i]; i++) {
        yyjson_val *member = yyjson_obj_get(item, content_members[i]);
        if (i == CONTENT_CACHE_POINT || !member || yyjson_is_null(member))
            continue;
        *which = i;
        *value = member;
        others++;
    }
    return others == 1;
}

enum error_code converse_parse_block(struct content_parser *parser, yyjson_val *item, const char *where,
                                     struct chat_block *blocks, size_t *count)
{
    size_t which = 0;
    yyjson_val *value = NULL, *cache_point = NULL;
    enum error_code code = OK;
    bool is_split = split_inline_point(parser, item, &which, &value, &cache_point);
    if (is_split)
        code = fields_known(parser->request->ignored, item, where, content_members, parser->error);
    else
        code = fields_union(parser->request->ignored, item, where, content_members, &which, &value, parser->error);
    if (code == OK)
        code = parse_member(parser, which, value, where, &blocks[*count]);
    if (code != OK)
        return code;
    blocks[(*count)++].raw = item;
    return is_split ? parse_cache_block(parser, cache_point, where, &blocks[(*count)++]) : OK;
}
