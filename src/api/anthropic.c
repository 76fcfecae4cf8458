/* The Anthropic messages body: parsing. Writing is in anthropic_write.c. */
#include "api/anthropic.h"

#include "api/converse.h"
#include "api/document.h"
#include "core/limits.h"

#define ANTHROPIC_VERSION "bedrock-2023-05-31"
#define ANTHROPIC_TEMPERATURE 1.0
#define ANTHROPIC_TOP_P 0.999
#define ANTHROPIC_TOP_K_MAX 500
#define NAME_MAX_CHARACTERS 64

/* `cache_control` inside a block becomes a cache point behind it. */
static enum error_code parse_cache_control(struct converse_parser *parser, yyjson_val *object, const char *where,
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
    code = fields_known(control, path.text, members, parser->error);
    if (code == OK)
        code = fields_enum(control, path.text, "type", types, &type, parser->error);
    if (code == OK)
        code = fields_enum(control, path.text, "ttl", ttls, &ttl, parser->error);
    if (code == OK && type < 0)
        code = field_error(parser->error, path.text, "type", "required and missing");
    *ttl_seconds = ttl == 1 ? 3600 : 300;
    return code == OK ? converse_note_cache_point(parser, path.text, *ttl_seconds) : code;
}

static enum error_code append_cache_control(struct converse_parser *parser, yyjson_val *object, const char *where,
                                            struct chat_block *blocks, size_t *count)
{
    bool is_there;
    uint32_t ttl_seconds = 0;
    enum error_code code = parse_cache_control(parser, object, where, &is_there, &ttl_seconds);
    if (code == OK && is_there)
        blocks[(*count)++] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = ttl_seconds};
    return code;
}

static enum error_code parse_text(struct converse_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_block *block)
{
    static const char *const members[] = {"type", "text", "cache_control", "citations", NULL};
    enum error_code code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "text", 0, SIZE_MAX, &block->text, parser->error);
    block->kind = CHAT_TEXT;
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

static enum error_code document_source(struct converse_parser *parser, yyjson_val *document, const char *where,
                                       struct document_input *input)
{
    static const char *const members[] = {"type", "media_type", "data", NULL};
    static const char *const types[] = {"text", "base64", NULL};
    yyjson_val *source = NULL;
    int type = -1;
    struct str media_type = STR("text/plain");
    struct field_path path = field_path_member(where, "source");
    enum error_code code = fields_need_object(document, where, "source", &source, parser->error);
    if (code == OK)
        code = fields_known(source, path.text, members, parser->error);
    if (code == OK)
        code = fields_enum(source, path.text, "type", types, &type, parser->error);
    if (code == OK && type < 0)
        code = field_error(parser->error, path.text, "type", "required and missing");
    if (code == OK)
        code = json_get_str(source, path.text, "media_type", &media_type, NULL, parser->error);
    if (code == OK)
        code = fields_need_str(source, path.text, "data", 1, SIZE_MAX, &input->bytes, parser->error);
    if (code != OK)
        return code;
    bool is_text = type == 0;
    if (!format_of_media_type(media_type, &input->format) || (is_text && !str_eq(input->format, STR("txt"))))
        return field_error(parser->error, path.text, "media_type",
                           is_text ? "must be text/plain with type text"
                                   : "must be application/pdf, text/plain, or that of docx or xlsx files");
    return is_text ? OK
                   : fields_base64(input->bytes, path.text, "data", parser->request->arena, &input->bytes,
                                   parser->error);
}

static enum error_code parse_document(struct converse_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"type", "source", "title", "context", "citations", "cache_control", NULL};
    struct document_input input = {
        .where = where, .format_key = "source.media_type", .name = STR("document")};
    yyjson_val *citations = NULL;
    bool is_cited = false;
    struct field_path path = field_path_member(where, "citations");
    enum error_code code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = json_get_str(object, where, "title", &input.name, NULL, parser->error);
    if (code == OK)
        code = json_get_str(object, where, "context", &input.context, NULL, parser->error);
    if (code == OK)
        code = json_get_object(object, where, "citations", &citations, parser->error);
    if (code == OK)
        code = json_get_bool(citations, path.text, "enabled", &is_cited, NULL, parser->error);
    if (code == OK && is_cited)
        code = field_error(parser->error, path.text, "enabled", "citations are not supported by this model");
    if (code == OK)
        code = document_source(parser, object, where, &input);
    return code == OK ? document_add(parser->request, &input, block, parser->error) : code;
}

static enum error_code parse_tool_use(struct converse_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    static const char *const members[] = {"type", "id", "name", "input", "cache_control", NULL};
    yyjson_val *input = NULL;
    block->kind = CHAT_TOOL_USE;
    enum error_code code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "id", 1, NAME_MAX_CHARACTERS, &block->id, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "name", 1, NAME_MAX_CHARACTERS, &block->name, parser->error);
    if (code == OK)
        code = fields_need_object(object, where, "input", &input, parser->error);
    parser->has_tool_blocks = true;
    return code == OK ? fields_json_text(input, parser->request->arena, &block->json, parser->error) : code;
}

static enum error_code append_result_item(struct converse_parser *parser, yyjson_val *item, const char *where,
                                          struct buf *text)
{
    struct str type = {0};
    struct chat_block block = {0};
    if (!yyjson_is_obj(item))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(item));
    enum error_code code = fields_need_str(item, where, "type", 1, SIZE_MAX, &type, parser->error);
    if (code != OK)
        return code;
    if (str_eq(type, STR("text")))
        code = parse_text(parser, item, where, &block);
    else if (str_eq(type, STR("document")))
        code = parse_document(parser, item, where, &block);
    else if (str_eq(type, STR("image")))
        return field_error(parser->error, where, "", "image: this model reads text only");
    else
        return field_error(parser->error, where, "type", "must be text, document or image");
    if (code == OK && block.text.len > 0 && !buf_append_str(text, block.text))
        return error_no_memory(parser->error);
    return code;
}

/* A string, or an array of blocks joined by newlines. */
static enum error_code result_text(struct converse_parser *parser, yyjson_val *content, const char *where,
                                   struct str *flat)
{
    if (!content || yyjson_is_null(content) || yyjson_is_str(content)) {
        *flat = yyjson_is_str(content) ? json_str(content) : STR("");
        return OK;
    }
    if (!yyjson_is_arr(content))
        return field_error(parser->error, where, "content", "expected a string or an array, got %s",
                           json_type_name(content));
    return converse_flatten_result(parser, content, where, append_result_item, flat);
}

static enum error_code parse_tool_result(struct converse_parser *parser, yyjson_val *object, const char *where,
                                         struct chat_block *block)
{
    static const char *const members[] = {"type", "tool_use_id", "content", "is_error", "cache_control", NULL};
    block->kind = CHAT_TOOL_RESULT;
    enum error_code code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "tool_use_id", 1, NAME_MAX_CHARACTERS, &block->id, parser->error);
    if (code == OK)
        code = json_get_bool(object, where, "is_error", &block->is_error, NULL, parser->error);
    parser->has_tool_blocks = true;
    return code == OK ? result_text(parser, yyjson_obj_get(object, "content"), where, &block->text) : code;
}

/* Thinking of earlier turns is kept in the view and never rendered. */
static enum error_code parse_thinking(struct converse_parser *parser, yyjson_val *object, const char *where,
                                      struct chat_block *block)
{
    block->kind = CHAT_REASONING;
    return json_get_str(object, where, "thinking", &block->text, NULL, parser->error);
}

static enum error_code parse_image(struct converse_parser *parser, yyjson_val *object, const char *where,
                                   struct chat_block *block)
{
    (void)object, (void)block;
    return field_error(parser->error, where, "", "image: this model reads text only");
}

enum side { EITHER, USER, ASSISTANT };

static enum error_code parse_block(struct converse_parser *parser, yyjson_val *object, const char *where,
                                   enum chat_role role, struct chat_block *block)
{
    static const struct {
        const char *type;
        enum side side;
        enum error_code (*parse)(struct converse_parser *, yyjson_val *, const char *, struct chat_block *);
    } kinds[] = {
        {"text", EITHER, parse_text},
        {"image", USER, parse_image},
        {"document", USER, parse_document},
        {"tool_use", ASSISTANT, parse_tool_use},
        {"tool_result", USER, parse_tool_result},
        {"thinking", ASSISTANT, parse_thinking},
        {"redacted_thinking", ASSISTANT, parse_thinking},
    };
    struct str type = {0};
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_need_str(object, where, "type", 1, SIZE_MAX, &type, parser->error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!str_eq(type, str_of(kinds[i].type)))
            continue;
        enum side side = role == CHAT_USER ? USER : ASSISTANT;
        if (kinds[i].side != EITHER && kinds[i].side != side)
            return field_error(parser->error, where, "type", "%s does not belong into a message of the %s",
                               kinds[i].type, role == CHAT_USER ? "user" : "assistant");
        return kinds[i].parse(parser, object, where, block);
    }
    return field_error(parser->error, where, "type", "'%.*s' blocks are not supported by this model",
                       (int)(type.len > 40 ? 40 : type.len), type.data);
}

/* Content as a string or as an array of blocks; `key` is its place in `where`. */
static enum error_code parse_content(struct converse_parser *parser, yyjson_val *content, const char *where,
                                     const char *key, enum chat_role role, struct chat_block **blocks,
                                     size_t *block_count)
{
    struct error *error = parser->error;
    bool is_text = yyjson_is_str(content);
    if (!is_text && !yyjson_is_arr(content))
        return field_error(error, where, key, "expected a string or an array of blocks, got %s",
                           json_type_name(content));
    size_t i, count = is_text ? 1 : yyjson_arr_size(content);
    enum error_code code = converse_note_blocks(parser, count, where, key);
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
    for (i = 0; i < *block_count && role == CHAT_USER; i++)
        if ((*blocks)[i].kind == CHAT_TEXT && fields_is_blank((*blocks)[i].text))
            return field_error(error, where, key, "text of the user must not be blank");
    return OK;
}

static enum error_code parse_message(struct converse_parser *parser, yyjson_val *object, const char *where,
                                     struct chat_message *message)
{
    static const char *const members[] = {"role", "content", NULL};
    static const char *const roles[] = {"user", "assistant", NULL};
    int role = -1;
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = fields_enum(object, where, "role", roles, &role, parser->error);
    if (code == OK && role < 0)
        code = field_error(parser->error, where, "role", "required and missing");
    if (code != OK)
        return code;
    message->role = role == 0 ? CHAT_USER : CHAT_ASSISTANT;
    code = parse_content(parser, yyjson_obj_get(object, "content"), where, "content", message->role, &message->blocks,
                         &message->block_count);
    if (code == OK && message->block_count == 0 && message->role == CHAT_USER)
        return field_error(parser->error, where, "content", "must have at least one block");
    return code;
}

static enum error_code parse_system(struct converse_parser *parser, yyjson_val *root)
{
    struct chat_request *request = parser->request;
    yyjson_val *system = yyjson_obj_get(root, "system");
    if (!system || yyjson_is_null(system))
        return OK;
    enum error_code code =
        parse_content(parser, system, "", "system", CHAT_SYSTEM, &request->system, &request->system_count);
    for (size_t i = 0; code == OK && i < request->system_count; i++)
        if (request->system[i].kind != CHAT_TEXT && request->system[i].kind != CHAT_CACHE_POINT)
            return field_error(parser->error, "system", "", "may hold text blocks only");
    return code;
}

static enum error_code parse_tool(struct converse_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_tool *tool)
{
    static const char *const members[] = {"type", "name", "description", "input_schema", "cache_control", NULL};
    struct str type = STR("custom");
    if (!yyjson_is_obj(object))
        return field_error(parser->error, where, "", "expected an object, got %s", json_type_name(object));
    enum error_code code = json_get_str(object, where, "type", &type, NULL, parser->error);
    if (code == OK && !str_eq(type, STR("custom")))
        return field_error(parser->error, where, "type", "only custom tools are supported by this model");
    if (code == OK)
        code = fields_known(object, where, members, parser->error);
    if (code == OK)
        code = fields_need_str(object, where, "name", 1, NAME_MAX_CHARACTERS, &tool->name, parser->error);
    if (code == OK && !fields_alphabet(tool->name, "_-"))
        return field_error(parser->error, where, "name", "may hold letters, digits, _ and - only");
    if (code == OK)
        code = json_get_str(object, where, "description", &tool->description, NULL, parser->error);
    if (code == OK)
        code = fields_need_object(object, where, "input_schema", &tool->schema, parser->error);
    if (code == OK)
        code = parse_cache_control(parser, object, where, &tool->cache_point_after, &tool->ttl_seconds);
    return code;
}

static enum error_code parse_tool_choice(struct converse_parser *parser, yyjson_val *root)
{
    static const char *const members[] = {"type", "name", "disable_parallel_tool_use", NULL};
    static const char *const types[] = {"auto", "any", "tool", "none", NULL};
    static const enum chat_tool_choice choices[] = {CHAT_TOOL_AUTO, CHAT_TOOL_ANY, CHAT_TOOL_NAMED, CHAT_TOOL_NONE};
    struct chat_request *request = parser->request;
    yyjson_val *choice = NULL;
    bool is_single = false;
    int type = -1;
    enum error_code code = json_get_object(root, "", "tool_choice", &choice, parser->error);
    if (code != OK || !choice)
        return code;
    code = fields_known(choice, "tool_choice", members, parser->error);
    if (code == OK)
        code = fields_enum(choice, "tool_choice", "type", types, &type, parser->error);
    if (code == OK && type < 0)
        code = field_error(parser->error, "tool_choice", "type", "required and missing");
    if (code == OK)
        code = json_get_bool(choice, "tool_choice", "disable_parallel_tool_use", &is_single, NULL, parser->error);
    if (code == OK && is_single)
        code = field_error(parser->error, "tool_choice", "disable_parallel_tool_use", "is not supported by this model");
    if (code != OK)
        return code;
    request->tool_choice = choices[type];
    return type == 2 ? fields_need_str(choice, "tool_choice", "name", 1, NAME_MAX_CHARACTERS,
                                       &request->tool_choice_name, parser->error)
                     : OK;
}

static enum error_code parse_tools(struct converse_parser *parser, yyjson_val *root)
{
    struct chat_request *request = parser->request;
    yyjson_val *tools = NULL, *item;
    enum error_code code = json_get_array(root, "", "tools", &tools, parser->error);
    size_t i, count = yyjson_arr_size(tools);
    if (code != OK)
        return code;
    if (count > limit(tools))
        return field_error(parser->error, "tools", "", "%zu tools are more than the limit of %zu", count,
                           (size_t)limit(tools));
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, count + 1);
    if (!request->tools)
        return error_no_memory(parser->error);
    request->tool_count = count;
    yyjson_arr_foreach(tools, i, count, item)
    {
        struct field_path path = field_path_index("", "tools", i);
        code = parse_tool(parser, item, path.text, &request->tools[i]);
        if (code != OK)
            return code;
    }
    return parse_tool_choice(parser, root);
}

static enum error_code parse_sampling(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t top_k = 0, seed = 0;
    sampling->temperature = ANTHROPIC_TEMPERATURE;
    sampling->top_p = ANTHROPIC_TOP_P;
    enum error_code code =
        json_get_number(root, "", "temperature", 0, 1, &sampling->temperature, &sampling->has_temperature, error);
    if (code == OK)
        code = fields_get_top_p(root, "", "top_p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "top_k", 0, ANTHROPIC_TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    if (code == OK)
        code = json_get_int(root, "", "seed", 0, INT64_MAX, &seed, &sampling->has_seed, error);
    if (code == OK)
        code = fields_get_str(root, "", "cache_salt", 1, 256, &request->cache_salt, NULL, error);
    sampling->top_k = (int32_t)top_k;
    sampling->seed = (uint64_t)seed;
    return code == OK ? converse_parse_stops(root, "", "stop_sequences", request, error) : code;
}

static enum error_code check_version(yyjson_val *root, enum codec_use use, struct error *error)
{
    struct str version = {0};
    enum error_code code = fields_need_str(root, "", "anthropic_version", 1, 64, &version, error);
    if (code == OK && use == CODEC_GENERATE && !str_eq(version, STR(ANTHROPIC_VERSION)))
        return field_error(error, "anthropic_version", "", "must be " ANTHROPIC_VERSION);
    return code;
}

static enum error_code parse_max_tokens(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                        struct error *error)
{
    int64_t max_tokens = 0;
    bool present;
    enum error_code code = json_get_int(root, "", "max_tokens", 1, INT32_MAX, &max_tokens, &present, error);
    if (code == OK && !present && use == CODEC_GENERATE)
        return field_error(error, "max_tokens", "", "required and missing");
    request->max_tokens = (uint32_t)max_tokens;
    return code;
}

/* Members of the API that change the reply and are not there. `thinking` may say that it is off. */
static enum error_code refuse_absent(yyjson_val *root, struct error *error)
{
    yyjson_val *thinking = yyjson_obj_get(root, "thinking");
    if (thinking && !yyjson_is_null(thinking) && !yyjson_equals_str(yyjson_obj_get(thinking, "type"), "disabled"))
        return field_error(error, "thinking", "", "this model does not think; leave it out or send type disabled");
    return OK;
}

static enum error_code parse_root(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                  struct error *error)
{
    static const char *const members[] = {"anthropic_version", "anthropic_beta", "max_tokens", "messages",
                                          "system",            "temperature",    "top_p",      "top_k",
                                          "stop_sequences",    "tools",          "tool_choice", "thinking",
                                          "metadata",          "seed",           "cache_salt", NULL};
    struct converse_parser parser = {.request = request, .error = error};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    enum error_code code = fields_known(root, "", members, error);
    if (code == OK)
        code = check_version(root, use, error);
    if (code == OK)
        code = parse_max_tokens(root, use, request, error);
    if (code == OK)
        code = refuse_absent(root, error);
    if (code == OK)
        code = parse_tools(&parser, root);
    if (code == OK)
        code = parse_system(&parser, root);
    if (code == OK)
        code = converse_each_message(&parser, yyjson_obj_get(root, "messages"), parse_message);
    return code == OK ? parse_sampling(root, request, error) : code;
}

enum error_code anthropic_parse(struct str body, enum codec_use use, struct chat_request *request, struct error *error)
{
    enum error_code code = json_parse(body, &request->document, error);
    if (code == OK)
        code = parse_root(yyjson_doc_get_root(request->document), use, request, error);
    if (code != OK)
        codec_request_free(request);
    return code;
}
