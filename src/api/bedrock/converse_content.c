/* Content blocks of Converse: every member of the unions is checked, what this
 * server does not have is refused by name. */
#include "api/bedrock/converse.h"

#include "api/document.h"
#include "core/limits.h"

#define DOCUMENT_NAME_MAX 200
#define TOOL_NAME_MAX 64
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

static enum error_code text_only(struct error *error, const char *where, const char *what)
{
    return field_error(error, where, what, "this model reads text only");
}

enum error_code converse_note_blocks(struct converse_parser *parser, size_t count, const char *where, const char *key)
{
    parser->blocks += count;
    if (parser->blocks <= limit(content_blocks))
        return OK;
    return field_error(parser->error, where, key, "more than the limit of %zu content blocks in one request",
                       (size_t)limit(content_blocks));
}

enum error_code converse_cache_point(struct converse_parser *parser, yyjson_val *value, const char *where,
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
    return converse_note_cache_point(parser, where, *ttl_seconds);
}

enum error_code converse_note_cache_point(struct converse_parser *parser, const char *where, uint32_t ttl_seconds)
{
    struct error *error = parser->error;
    if (++parser->cache_points > LIMIT_CACHE_POINTS)
        return field_error(error, where, "", "more than %d cache points in one request", LIMIT_CACHE_POINTS);
    const uint32_t longest = parser->request->cache_ttl_max_seconds;
    if (longest && ttl_seconds > longest)
        return field_error(error, where, "ttl", "this model keeps a cache point for %u minutes at most; leave ttl out",
                           longest / 60);
    if (parser->shortest_ttl != 0 && ttl_seconds > parser->shortest_ttl)
        return field_error(error, where, "ttl", "a 1h cache point must not come after a 5m one; longer ones go first");
    parser->shortest_ttl = ttl_seconds;
    return OK;
}

static enum error_code parse_text(struct converse_parser *parser, yyjson_val *value, const char *where,
                                  struct chat_block *block)
{
    if (!yyjson_is_str(value))
        return field_error(parser->error, where, "text", "expected a string, got %s", json_type_name(value));
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(value)};
    return OK;
}

/* An array of {text: ...} joined by newlines: document content, search results, citations. */
static enum error_code joined_texts(struct converse_parser *parser, yyjson_val *items, const char *where,
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

static enum error_code check_citations(struct converse_parser *parser, yyjson_val *object, const char *where)
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
        code = fields_ignore(parser->request->ignored, citations, path.text, "enabled",
                             "citations are not supported by this model", parser->error);
    return code;
}

/* Letters, digits, single spaces, hyphens, parentheses and square brackets; and underscores, which the service takes
 * without saying so. */
static enum error_code check_document_name(struct converse_parser *parser, struct str name, const char *where)
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

static enum error_code document_source(struct converse_parser *parser, yyjson_val *source, const char *where,
                                       struct str *bytes, bool *is_plain)
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
    *is_plain = which != BYTES;
    if (which == S3)
        return field_error(parser->error, path.text, "s3Location",
                           "documents from S3 are not supported; send bytes or text");
    if (which == CONTENT && !yyjson_is_arr(value))
        return field_error(parser->error, path.text, "content", "expected an array, got %s", json_type_name(value));
    if (which == CONTENT)
        return joined_texts(parser, value, path.text, "content", bytes);
    if (!yyjson_is_str(value) || yyjson_get_len(value) == 0)
        return field_error(parser->error, path.text, members[which], "expected a non-empty string");
    *bytes = json_str(value);
    if (which == TEXT)
        return OK;
    return fields_base64(*bytes, path.text, "bytes", parser->request->arena, bytes, parser->error);
}

static enum error_code parse_document(struct converse_parser *parser, yyjson_val *value, const char *block_where,
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
        code = document_source(parser, source, where, &input.bytes, &input.is_plain);
    if (code != OK)
        return code;
    if (!has_format && !input.is_plain)
        return field_error(error, where, "format", "required with source.bytes");
    if (!has_format)
        input.format = STR("txt");
    return document_add(parser->request, &input, block, error);
}

enum error_code converse_search_result(struct converse_parser *parser, struct str title, struct str source,
                                       struct str text, struct chat_block *block)
{
    text = arena_printf(parser->request->arena, STR_FMT "\n" STR_FMT, STR_ARG(source), STR_ARG(text));
    *block = (struct chat_block){.kind = CHAT_DOCUMENT, .name = title, .text = text, .format = STR("txt")};
    return text.data ? OK : error_no_memory(parser->error);
}

static enum error_code parse_search_result(struct converse_parser *parser, yyjson_val *value, const char *block_where,
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
    return converse_search_result(parser, title, source, text, block);
}

static enum error_code parse_tool_id(struct converse_parser *parser, yyjson_val *value, const char *where,
                                     struct str *id)
{
    enum error_code code = fields_need_str(value, where, "toolUseId", 1, TOOL_ID_MAX, id, parser->error);
    if (code == OK && !fields_alphabet(*id, "_.:-"))
        return field_error(parser->error, where, "toolUseId", "may hold letters, digits and _ . : - only");
    return code;
}

enum error_code converse_tool_name(struct converse_parser *parser, yyjson_val *value, const char *where,
                                   struct str *name)
{
    enum error_code code = fields_need_str(value, where, "name", 1, TOOL_NAME_MAX, name, parser->error);
    if (code == OK && !fields_alphabet(*name, "_-"))
        return field_error(parser->error, where, "name", "may hold letters, digits, _ and - only");
    return code;
}

static enum error_code parse_tool_use(struct converse_parser *parser, yyjson_val *value, const char *block_where,
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
        code = converse_tool_name(parser, value, where, &block->name);
    if (code != OK)
        return code;
    if (!input)
        return field_error(parser->error, where, "input", "required and missing");
    if (type && !yyjson_is_null(type))
        return field_error(parser->error, where, "type", "server tools are not supported by this model");
    parser->has_tool_blocks = true;
    return fields_json_text(input, parser->request->arena, &block->json, parser->error);
}

/* One item of a tool result, appended as text. */
static enum error_code append_result_item(struct converse_parser *parser, yyjson_val *item, const char *where,
                                          struct buf *text)
{
    static const char *const members[] = {"json", "text", "image", "document", "video", "searchResult", NULL};
    enum { JSON, TEXT, IMAGE, DOCUMENT, VIDEO, SEARCH };
    size_t which;
    yyjson_val *value;
    struct chat_block block = {0};
    enum error_code code = fields_union(parser->request->ignored, item, where, members, &which, &value, parser->error);
    if (code != OK)
        return code;
    switch (which) {
    case JSON: return json_append(text, value) ? OK : error_no_memory(parser->error);
    case TEXT:
        if (!yyjson_is_str(value))
            return field_error(parser->error, where, "text", "expected a string, got %s", json_type_name(value));
        block.text = json_str(value);
        break;
    case DOCUMENT: code = parse_document(parser, value, where, &block); break;
    case SEARCH: code = parse_search_result(parser, value, where, &block); break;
    default: return text_only(parser->error, where, members[which]);
    }
    if (code == OK && block.text.len > 0 && !buf_append_str(text, block.text))
        return error_no_memory(parser->error);
    return code;
}

enum error_code converse_flatten_result(struct converse_parser *parser, yyjson_val *content, const char *where,
                                        converse_append_item append, struct str *flat)
{
    struct buf text;
    buf_init(&text, (size_t)limit(body_bytes) * 2);
    enum error_code code = OK;
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(content, i, count, item)
    {
        struct field_path path = field_path_index(where, "content", i);
        struct chat_document *last = parser->request->last_document;
        if (i > 0)
            buf_append_char(&text, '\n');
        size_t offset = text.len;
        code = append(parser, item, path.text, &text);
        documents_move(parser->request, last, flat, offset);
        if (code != OK)
            break;
    }
    if (code == OK && (text.failed || !arena_str(parser->request->arena, buf_str(&text), flat)))
        code = error_no_memory(parser->error);
    buf_deinit(&text);
    return code;
}

static enum error_code parse_tool_result(struct converse_parser *parser, yyjson_val *value, const char *block_where,
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
        code = field_error(parser->error, where, "type", "server tools are not supported by this model");
    if (code == OK)
        code = fields_need_array(value, where, "content", &content, parser->error);
    if (code != OK)
        return code;
    block->is_error = status == 1;
    parser->has_tool_blocks = true;
    return converse_flatten_result(parser, content, where, append_result_item, &block->text);
}

/* Reasoning of earlier turns is kept in the view and never rendered. */
static enum error_code parse_reasoning(struct converse_parser *parser, yyjson_val *value, const char *block_where,
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
        return fields_base64(json_str(inner), path.text, "redactedContent", parser->request->arena, &bytes,
                             parser->error);
    }
    path = field_path_member(path.text, "reasoningText");
    if (!yyjson_is_obj(inner))
        return field_error(parser->error, path.text, "", "expected an object, got %s", json_type_name(inner));
    struct str signature = {0};
    code = fields_known(parser->request->ignored, inner, path.text, text_members, parser->error);
    if (code == OK)
        code = fields_need_str(inner, path.text, "text", 0, SIZE_MAX, &block->text, parser->error);
    if (code == OK)
        code = json_get_str(inner, path.text, "signature", &signature, NULL, parser->error);
    return code;
}

/* Cited text of an earlier reply: the text counts, the citations don't. */
static enum error_code parse_citations_content(struct converse_parser *parser, yyjson_val *value,
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
    return code;
}

static enum error_code parse_cache_block(struct converse_parser *parser, yyjson_val *value, const char *block_where,
                                         struct chat_block *block)
{
    struct field_path path = field_path_member(block_where, "cachePoint");
    *block = (struct chat_block){.kind = CHAT_CACHE_POINT};
    return converse_cache_point(parser, value, path.text, &block->ttl_seconds);
}

static enum error_code parse_member(struct converse_parser *parser, size_t which, yyjson_val *value, const char *where,
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
    case CONTENT_IMAGE:
    case CONTENT_VIDEO:
    case CONTENT_AUDIO: return text_only(parser->error, where, content_members[which]);
    case CONTENT_GUARD:
        return field_error(parser->error, where, "guardContent", "guardrails are not supported by this server");
    case CONTENT_TOOL_ADDITION:
    case CONTENT_TOOL_REMOVAL: break;
    }
    return field_error(parser->error, where, content_members[which],
                       "changing tools inside a conversation is not supported by this model");
}

/* Nova writes a cache point into the block it follows: {"text": ..., "cachePoint": ...}.
 * Finds the other member of such a block. */
static bool split_inline_point(const struct converse_parser *parser, yyjson_val *item, size_t *which,
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

static enum error_code parse_block(struct converse_parser *parser, yyjson_val *item, const char *where,
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
    (*count)++;
    return is_split ? parse_cache_block(parser, cache_point, where, &blocks[(*count)++]) : OK;
}

/* Beside a document or a tool's result a blank text says as much as it has to. */
enum error_code converse_check_blank(const struct chat_block *blocks, size_t count, const char *where, const char *key,
                                     struct error *error)
{
    bool has_blank = false, has_other = false;
    for (size_t i = 0; i < count; i++) {
        bool is_blank = blocks[i].kind == CHAT_TEXT && fields_is_blank(blocks[i].text);
        has_blank = has_blank || is_blank;
        has_other = has_other || blocks[i].kind == CHAT_DOCUMENT || blocks[i].kind == CHAT_TOOL_RESULT;
    }
    if (has_blank && !has_other)
        return field_error(error, where, key, "text of the user must not be blank");
    return OK;
}

/* What a message of each role can't hold, NULL: it can. Of one of the system, in the midst of a conversation, all but
 * text. */
static const char *misplaced(enum chat_role role, enum chat_block_kind kind)
{
    bool is_user = role == CHAT_USER, is_assistant = role == CHAT_ASSISTANT;
    switch (kind) {
    case CHAT_TOOL_USE: return is_assistant ? NULL : "toolUse";
    case CHAT_REASONING: return is_assistant ? NULL : "reasoningContent";
    case CHAT_TOOL_RESULT: return is_user ? NULL : "toolResult";
    case CHAT_DOCUMENT: return is_user ? NULL : "documents";
    case CHAT_TEXT:
    case CHAT_CACHE_POINT: break;
    }
    return NULL;
}

static enum error_code check_message(struct converse_parser *parser, const struct chat_message *message,
                                     size_t document_count, const char *where)
{
    static const char *const roles[] = {[CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    if (document_count > limit(message_documents))
        return field_error(parser->error, where, "content", "%zu documents are more than the limit of %zu in a message",
                           document_count, (size_t)limit(message_documents));
    bool has_document = false, has_text = false;
    for (size_t i = 0; i < message->block_count; i++) {
        enum chat_block_kind kind = message->blocks[i].kind;
        const char *what = misplaced(message->role, kind);
        has_document = has_document || kind == CHAT_DOCUMENT;
        has_text = has_text || kind == CHAT_TEXT;
        if (what)
            return field_error(parser->error, where, "content", "a message of the %s can't hold %s",
                               roles[message->role], what);
    }
    if (has_document && !has_text)
        return field_error(parser->error, where, "content", "a document needs a text block beside it");
    if (message->role == CHAT_ASSISTANT) /* its text may be blank: a reply can be, and comes back in the history */
        return OK;
    return converse_check_blank(message->blocks, message->block_count, where, "content", parser->error);
}

static enum error_code parse_role(struct converse_parser *parser, yyjson_val *object, const char *where,
                                  enum chat_role *role)
{
    static const char *const roles[] = {"user", "assistant", "system", NULL};
    int which;
    enum error_code code = fields_enum(object, where, "role", roles, &which, parser->error);
    if (code != OK)
        return code;
    if (which < 0)
        return field_error(parser->error, where, "role", "required and missing");
    static const enum chat_role meant[] = {CHAT_USER, CHAT_ASSISTANT, CHAT_SYSTEM};
    *role = meant[which];
    return OK;
}

static enum error_code parse_message(struct converse_parser *parser, yyjson_val *object, const char *where,
                                     struct chat_message *message)
{
    static const char *const members[] = {"role", "content", NULL};
    yyjson_val *content = NULL;
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(parser->request->ignored, object, where, members, parser->error);
    if (code == OK)
        code = parse_role(parser, object, where, &message->role);
    if (code == OK)
        code = fields_need_array(object, where, "content", &content, parser->error);
    if (code != OK)
        return code;
    size_t count = yyjson_arr_size(content);
    if (count == 0)
        return field_error(parser->error, where, "content", "must have at least one content block");
    code = converse_note_blocks(parser, count, where, "content");
    if (code != OK)
        return code;
    size_t per_item = parser->has_inline_cache_points ? 2 : 1, document_count = parser->request->document_count;
    message->blocks = ARENA_ARRAY(parser->request->arena, struct chat_block, count * per_item);
    if (!message->blocks)
        return error_no_memory(parser->error);
    size_t i;
    yyjson_val *item;
    yyjson_arr_foreach(content, i, count, item)
    {
        struct field_path path = field_path_index(where, "content", i);
        code = parse_block(parser, item, path.text, message->blocks, &message->block_count);
        if (code != OK)
            return code;
    }
    return check_message(parser, message, parser->request->document_count - document_count, where);
}

enum error_code converse_each_message(struct converse_parser *parser, yyjson_val *messages,
                                      converse_message_parser parse)
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

enum error_code converse_parse_messages(struct converse_parser *parser, yyjson_val *messages)
{
    return converse_each_message(parser, messages, parse_message);
}

static bool is_system_kind(enum chat_block_kind kind)
{
    return kind == CHAT_TEXT || kind == CHAT_CACHE_POINT;
}

enum error_code converse_parse_system(struct converse_parser *parser, yyjson_val *system)
{
    static const char *const members[] = {"text", "guardContent", "cachePoint", NULL};
    struct chat_request *request = parser->request;
    if (!system || yyjson_is_null(system))
        return OK;
    if (!yyjson_is_arr(system))
        return field_error(parser->error, "system", "", "expected an array, got %s", json_type_name(system));
    size_t i, count = yyjson_arr_size(system);
    enum error_code code = converse_note_blocks(parser, count, "system", "");
    if (code != OK)
        return code;
    request->system = ARENA_ARRAY(request->arena, struct chat_block, 2 * count + 1);
    if (!request->system)
        return error_no_memory(parser->error);
    yyjson_val *item;
    yyjson_arr_foreach(system, i, count, item)
    {
        struct field_path path = field_path_index("", "system", i);
        code = fields_known(parser->request->ignored, item, path.text, members, parser->error);
        if (code == OK)
            code = parse_block(parser, item, path.text, request->system, &request->system_count);
        if (code == OK && !is_system_kind(request->system[request->system_count - 1].kind))
            code = field_error(parser->error, path.text, "", "may hold text and cachePoint only");
        yyjson_val *text = yyjson_obj_get(item, "text");
        if (code == OK && text && fields_is_blank(json_str(text)))
            code = field_error(parser->error, path.text, "text", "must not be blank");
        if (code != OK)
            return code;
    }
    return OK;
}
