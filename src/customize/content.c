/* content.c - reads blocks and tools in either words and writes them in one. Knows no turns. See content.h. */
#include "customize/content.h"

#include <stdio.h>

#define TEXT_BYTES_MAX (32u << 20)
#define PATH_BYTES 128
#define INDEX_BYTES 24

struct writer {
    struct buf text, blocks;
    size_t count;
    bool has_tools; /* there is something else than text */
    struct content_ids calls, results;
};

static enum error_code wrong(struct error *error, const char *path, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s: %s", path, what);
}

enum error_code content_check_members(yyjson_val *object, const char *path, const char *const *names,
                                      struct error *error)
{
    size_t idx, max;
    yyjson_val *key, *value;
    json_obj_foreach(object, idx, max, key, value)
    {
        size_t i = 0;
        while (names[i] && !yyjson_equals_str(key, names[i]))
            i++;
        if (!names[i] && !yyjson_is_null(value))
            return error_set(error, ERROR_INVALID, "%s%s%.64s: is no member that training data may have", path,
                             *path ? "." : "", yyjson_get_str(key));
    }
    return OK;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void begin_block(struct writer *writer)
{
    buf_append_text(&writer->blocks, writer->count++ ? ",{" : "[{");
}

static void say(struct writer *writer, struct str text)
{
    if (writer->text.len > 0)
        buf_append_char(&writer->text, '\n');
    buf_append_str(&writer->text, text);
}

static void add_text(struct writer *writer, struct str text)
{
    begin_block(writer);
    buf_append_text(&writer->blocks, "\"text\":");
    buf_append_json(&writer->blocks, text);
    buf_append_char(&writer->blocks, '}');
    say(writer, text);
}

static void count_id(struct content_ids *ids, struct str id)
{
    ids->count++;
    ids->sum += str_hash(id);
}

/* input: compact JSON. */
static void add_call(struct writer *writer, struct str id, struct str name, struct str input)
{
    begin_block(writer);
    buf_append_text(&writer->blocks, "\"toolUse\":{\"toolUseId\":");
    buf_append_json(&writer->blocks, id);
    json_append_member(&writer->blocks, "name", name);
    buf_append_text(&writer->blocks, ",\"input\":");
    buf_append_str(&writer->blocks, input);
    buf_append_text(&writer->blocks, "}}");
    say(writer, name);
    say(writer, input);
    count_id(&writer->calls, id);
    writer->has_tools = true;
}

static enum error_code finish(struct writer *writer, struct arena *arena, struct content *content,
                              struct error *error)
{
    *content = (struct content){.text = STR(""), .calls = writer->calls, .results = writer->results};
    buf_append_text(&writer->blocks, writer->count ? "]" : "[]");
    const bool is_kept = !writer->text.failed && !writer->blocks.failed &&
                         arena_str(arena, buf_str(&writer->text), &content->text) &&
                         (!writer->has_tools || arena_str(arena, buf_str(&writer->blocks), &content->blocks));
    return is_kept ? OK : error_no_memory(error);
}

static void open_writer(struct writer *writer)
{
    *writer = (struct writer){0};
    buf_init(&writer->text, TEXT_BYTES_MAX);
    buf_init(&writer->blocks, 2 * TEXT_BYTES_MAX);
}

static void close_writer(struct writer *writer)
{
    buf_deinit(&writer->text);
    buf_deinit(&writer->blocks);
}

/* --- calls ------------------------------------------------------------------------------------------ */

static enum error_code add_call_of(struct writer *writer, yyjson_val *id, yyjson_val *name, yyjson_val *input,
                                   const char *path, struct error *error)
{
    struct buf arguments;
    if (!yyjson_is_str(id) || yyjson_get_len(id) == 0)
        return wrong(error, path, "the call has no ID");
    if (!yyjson_is_str(name) || yyjson_get_len(name) == 0)
        return wrong(error, path, "the call has no name");
    if (!yyjson_is_obj(input))
        return wrong(error, path, "the call's input is no object");
    buf_init(&arguments, TEXT_BYTES_MAX);
    const bool is_made = json_append(&arguments, input);
    if (is_made)
        add_call(writer, json_str(id), json_str(name), buf_str(&arguments));
    buf_deinit(&arguments);
    return is_made ? OK : error_no_memory(error);
}

static enum error_code read_call(struct writer *writer, yyjson_val *block, const char *path, struct error *error)
{
    static const char *const names[] = {"toolUseId", "name", "input", NULL};
    static const char *const anthropic[] = {"type", "id", "name", "input", "cache_control", "caller", NULL};
    yyjson_val *call = yyjson_obj_get(block, "toolUse");
    const enum error_code code = content_check_members(call ? call : block, path, call ? names : anthropic, error);
    if (code != OK)
        return code;
    return call ? add_call_of(writer, yyjson_obj_get(call, "toolUseId"), yyjson_obj_get(call, "name"),
                              yyjson_obj_get(call, "input"), path, error)
                : add_call_of(writer, yyjson_obj_get(block, "id"), yyjson_obj_get(block, "name"),
                              yyjson_obj_get(block, "input"), path, error);
}

/* --- results ---------------------------------------------------------------------------------------- */

static enum error_code add_result_item(struct writer *writer, yyjson_val *item, size_t index, const char *path,
                                       struct error *error)
{
    yyjson_val *text = yyjson_obj_get(item, "text"), *json = yyjson_obj_get(item, "json");
    yyjson_val *type = yyjson_obj_get(item, "type");
    const bool is_text = yyjson_is_str(text) && (!type || yyjson_equals_str(type, "text"));
    if (!is_text && !json)
        return error_set(error, ERROR_INVALID, "%s.content[%zu]: expected a text or json", path, index);
    buf_append_text(&writer->blocks, index ? ",{" : "{");
    if (is_text) {
        buf_append_text(&writer->blocks, "\"text\":");
        buf_append_json(&writer->blocks, json_str(text));
        say(writer, json_str(text));
    } else {
        buf_append_text(&writer->blocks, "\"json\":");
        const size_t from = writer->blocks.len;
        json_append(&writer->blocks, json);
        say(writer, (struct str){writer->blocks.data + from, writer->blocks.len - from});
    }
    buf_append_char(&writer->blocks, '}');
    return writer->blocks.failed || writer->text.failed ? error_no_memory(error) : OK;
}

/* A list, or what Anthropic's words have for one: a string, or nothing. */
static enum error_code add_result_content(struct writer *writer, yyjson_val *content, const char *path,
                                          struct error *error)
{
    size_t idx, max;
    yyjson_val *item;
    enum error_code code = OK;
    buf_append_text(&writer->blocks, ",\"content\":[");
    if (yyjson_is_str(content)) {
        buf_append_text(&writer->blocks, "{\"text\":");
        buf_append_json(&writer->blocks, json_str(content));
        buf_append_char(&writer->blocks, '}');
        say(writer, json_str(content));
    } else if (content && !yyjson_is_arr(content)) {
        return wrong(error, path, "the result's content is no list");
    }
    yyjson_arr_foreach(content, idx, max, item)
    {
        if (code == OK)
            code = add_result_item(writer, item, idx, path, error);
    }
    buf_append_char(&writer->blocks, ']');
    return code;
}

static enum error_code add_result(struct writer *writer, yyjson_val *id, yyjson_val *content, bool is_error,
                                  const char *path, struct error *error)
{
    if (!yyjson_is_str(id) || yyjson_get_len(id) == 0)
        return wrong(error, path, "the result has no ID");
    begin_block(writer);
    writer->has_tools = true;
    count_id(&writer->results, json_str(id));
    buf_append_text(&writer->blocks, "\"toolResult\":{\"toolUseId\":");
    buf_append_json(&writer->blocks, json_str(id));
    const enum error_code code = add_result_content(writer, content, path, error);
    buf_append_text(&writer->blocks, is_error ? ",\"status\":\"error\"}}" : "}}");
    return code;
}

static enum error_code read_result(struct writer *writer, yyjson_val *block, const char *path, struct error *error)
{
    static const char *const names[] = {"toolUseId", "content", "status", NULL};
    static const char *const anthropic[] = {"type", "tool_use_id", "content", "is_error", "cache_control", NULL};
    yyjson_val *result = yyjson_obj_get(block, "toolResult");
    const enum error_code code = content_check_members(result ? result : block, path,
                                                       result ? names : anthropic, error);
    if (code != OK)
        return code;
    return result ? add_result(writer, yyjson_obj_get(result, "toolUseId"), yyjson_obj_get(result, "content"),
                               yyjson_equals_str(yyjson_obj_get(result, "status"), "error"), path, error)
                  : add_result(writer, yyjson_obj_get(block, "tool_use_id"), yyjson_obj_get(block, "content"),
                               yyjson_is_true(yyjson_obj_get(block, "is_error")), path, error);
}

/* --- blocks ----------------------------------------------------------------------------------------- */

static enum error_code read_text(struct writer *writer, yyjson_val *block, const char *path, struct error *error)
{
    static const char *const names[] = {"text", "type", "cache_control", "citations", "cachePoint", NULL};
    const enum error_code code = content_check_members(block, path, names, error);
    if (code != OK)
        return code;
    if (!yyjson_is_str(yyjson_obj_get(block, "text")))
        return wrong(error, path, "expected a text");
    add_text(writer, json_str(yyjson_obj_get(block, "text")));
    return OK;
}

static bool is_mark(yyjson_val *block)
{
    return yyjson_obj_get(block, "cachePoint") && yyjson_obj_size(block) == 1;
}

static enum error_code read_block(struct writer *writer, yyjson_val *block, const char *path, struct error *error)
{
    yyjson_val *type = yyjson_obj_get(block, "type");
    if (!yyjson_is_obj(block))
        return wrong(error, path, "expected an object with a text, a call or a result");
    if (is_mark(block))
        return OK;
    if (yyjson_obj_get(block, "toolUse") || yyjson_equals_str(type, "tool_use"))
        return read_call(writer, block, path, error);
    if (yyjson_obj_get(block, "toolResult") || yyjson_equals_str(type, "tool_result"))
        return read_result(writer, block, path, error);
    if (type && !yyjson_equals_str(type, "text"))
        return error_set(error, ERROR_INVALID, "%s: is of type %.40s, which can't be learnt", path,
                         yyjson_is_str(type) ? yyjson_get_str(type) : "none");
    return read_text(writer, block, path, error);
}

enum error_code content_read(yyjson_val *list, const char *path, struct arena *arena, struct content *content,
                             struct error *error)
{
    struct writer writer;
    size_t idx, max;
    yyjson_val *block;
    enum error_code code = OK;
    if (!yyjson_is_arr(list))
        return wrong(error, path, "expected a list of texts, calls and results");
    open_writer(&writer);
    yyjson_arr_foreach(list, idx, max, block)
    {
        char where[PATH_BYTES];
        (void)snprintf(where, sizeof(where), "%s[%zu]", path, idx);
        if (code == OK)
            code = read_block(&writer, block, where, error);
    }
    if (code == OK)
        code = finish(&writer, arena, content, error);
    close_writer(&writer);
    return code;
}

/* --- streams ---------------------------------------------------------------------------------------- */

struct stream {
    struct writer writer;
    struct buf piece; /* of the block that is open */
    struct str id, name; /* of a call; data NULL: it is a text */
};

static enum error_code close_block(struct stream *stream, struct error *error)
{
    enum error_code code = OK;
    struct str piece = buf_str(&stream->piece);
    if (stream->name.data) {
        yyjson_doc *doc = NULL;
        const struct str input = piece.len ? piece : STR("{}");
        code = json_parse(input, &doc, error);
        if (code == OK && yyjson_is_obj(yyjson_doc_get_root(doc)))
            add_call(&stream->writer, stream->id, stream->name, input);
        else if (code != ERROR_NO_MEMORY)
            code = wrong(error, "its answer", "a call's input is no object");
        json_free(doc);
    } else if (piece.len > 0) {
        add_text(&stream->writer, piece);
    }
    stream->name = stream->id = (struct str){0};
    buf_clear(&stream->piece);
    return code;
}

static enum error_code open_block(struct stream *stream, yyjson_val *start, struct error *error)
{
    yyjson_val *call = yyjson_obj_get(yyjson_obj_get(start, "start"), "toolUse");
    yyjson_val *block = yyjson_obj_get(start, "content_block");
    const enum error_code code = close_block(stream, error);
    if (call) {
        stream->id = json_str(yyjson_obj_get(call, "toolUseId"));
        stream->name = json_str(yyjson_obj_get(call, "name"));
    } else if (yyjson_equals_str(yyjson_obj_get(block, "type"), "tool_use")) {
        stream->id = json_str(yyjson_obj_get(block, "id"));
        stream->name = json_str(yyjson_obj_get(block, "name"));
    }
    return code;
}

static void add_piece(struct stream *stream, yyjson_val *delta)
{
    buf_append_str(&stream->piece, json_str(yyjson_obj_get(delta, "text")));
    buf_append_str(&stream->piece, json_str(yyjson_obj_get(delta, "partial_json")));
    buf_append_str(&stream->piece, json_str(yyjson_obj_get(yyjson_obj_get(delta, "toolUse"), "input")));
}

/* Events of Converse's stream and Nova's have their name around them, Anthropic's say it in their type. */
static enum error_code read_chunk(struct stream *stream, yyjson_val *chunk, struct error *error)
{
    yyjson_val *start = yyjson_obj_get(chunk, "contentBlockStart"), *piece = yyjson_obj_get(chunk, "contentBlockDelta");
    yyjson_val *type = yyjson_obj_get(chunk, "type");
    if (start || yyjson_equals_str(type, "content_block_start") || yyjson_obj_get(chunk, "start"))
        return open_block(stream, start ? start : chunk, error);
    add_piece(stream, yyjson_obj_get(piece ? piece : chunk, "delta"));
    if (yyjson_obj_get(chunk, "contentBlockStop") || yyjson_equals_str(type, "content_block_stop"))
        return close_block(stream, error);
    return stream->piece.failed ? error_no_memory(error) : OK;
}

enum error_code content_read_stream(yyjson_val *chunks, struct arena *arena, struct content *content,
                                    struct error *error)
{
    struct stream stream = {0};
    size_t idx, max;
    yyjson_val *chunk;
    enum error_code code = OK;
    open_writer(&stream.writer);
    buf_init(&stream.piece, TEXT_BYTES_MAX);
    yyjson_arr_foreach(chunks, idx, max, chunk)
    {
        if (code == OK)
            code = read_chunk(&stream, chunk, error);
    }
    if (code == OK)
        code = close_block(&stream, error);
    if (code == OK)
        code = finish(&stream.writer, arena, content, error);
    buf_deinit(&stream.piece);
    close_writer(&stream.writer);
    return code;
}

/* --- tools ------------------------------------------------------------------------------------------ */

static enum error_code add_tool(struct buf *out, bool is_first, yyjson_val *name, yyjson_val *description,
                                yyjson_val *schema, const char *path, struct error *error)
{
    if (!yyjson_is_str(name) || yyjson_get_len(name) == 0)
        return wrong(error, path, "the tool has no name");
    if (!yyjson_is_obj(schema))
        return wrong(error, path, "the tool has no schema of its input");
    buf_append_text(out, is_first ? "{\"toolSpec\":{\"name\":" : ",{\"toolSpec\":{\"name\":");
    buf_append_json(out, json_str(name));
    if (yyjson_is_str(description))
        json_append_member(out, "description", json_str(description));
    buf_append_text(out, ",\"inputSchema\":{\"json\":");
    json_append(out, schema);
    return buf_append_text(out, "}}}") ? OK : error_no_memory(error);
}

/* Of either words; a cache point is none. */
static enum error_code read_tool(struct buf *out, bool *is_first, yyjson_val *item, const char *path,
                                 struct error *error)
{
    static const char *const names[] = {"name", "description", "inputSchema", "strict", NULL};
    yyjson_val *spec = yyjson_obj_get(item, "toolSpec"), *type = yyjson_obj_get(item, "type");
    enum error_code code;
    if (is_mark(item))
        return OK;
    if (!spec && (!yyjson_obj_get(item, "input_schema") || (type && !yyjson_equals_str(type, "custom"))))
        return wrong(error, path, "is a tool of a kind that can't be learnt");
    code = spec ? content_check_members(spec, path, names, error) : OK;
    if (code == OK && spec)
        code = add_tool(out, *is_first, yyjson_obj_get(spec, "name"), yyjson_obj_get(spec, "description"),
                        yyjson_obj_get(yyjson_obj_get(spec, "inputSchema"), "json"), path, error);
    else if (code == OK)
        code = add_tool(out, *is_first, yyjson_obj_get(item, "name"), yyjson_obj_get(item, "description"),
                        yyjson_obj_get(item, "input_schema"), path, error);
    *is_first = false;
    return code;
}

/* Anthropic's has its kind as a member, Converse's is an object of one. */
static bool append_choice(struct buf *out, yyjson_val *choice)
{
    yyjson_val *type = yyjson_obj_get(choice, "type");
    if (!yyjson_is_obj(choice) || yyjson_equals_str(type, "none"))
        return !out->failed;
    buf_append_text(out, ",\"toolChoice\":");
    if (!type)
        return json_append(out, choice);
    if (!yyjson_equals_str(type, "tool"))
        return buf_append_text(out, yyjson_equals_str(type, "any") ? "{\"any\":{}}" : "{\"auto\":{}}");
    buf_append_text(out, "{\"tool\":{\"name\":");
    buf_append_json(out, json_str(yyjson_obj_get(choice, "name")));
    return buf_append_text(out, "}}");
}

static enum error_code append_tools(struct buf *out, yyjson_val *list, yyjson_val *choice, const char *path,
                                    struct error *error)
{
    size_t idx, max;
    yyjson_val *item;
    bool is_first = true;
    enum error_code code = OK;
    buf_append_text(out, "{\"tools\":[");
    yyjson_arr_foreach(list, idx, max, item)
    {
        char where[PATH_BYTES + INDEX_BYTES];
        (void)snprintf(where, sizeof(where), "%s[%zu]", path, idx);
        if (code == OK)
            code = read_tool(out, &is_first, item, where, error);
    }
    if (code != OK || is_first) {
        buf_clear(out);
        return code;
    }
    buf_append_char(out, ']');
    return append_choice(out, choice) && buf_append_char(out, '}') ? OK : error_no_memory(error);
}

enum error_code content_read_tools(yyjson_val *config, yyjson_val *choice, const char *path, struct arena *arena,
                                   struct str *tools, struct error *error)
{
    static const char *const names[] = {"tools", "toolChoice", NULL};
    char where[PATH_BYTES];
    struct buf out;
    const bool is_converse = yyjson_is_obj(config);
    yyjson_val *list = is_converse ? yyjson_obj_get(config, "tools") : config;
    *tools = STR("");
    if (!config || yyjson_is_null(config))
        return OK;
    enum error_code code = is_converse ? content_check_members(config, path, names, error) : OK;
    (void)snprintf(where, sizeof(where), is_converse ? "%s.tools" : "%s", path);
    if (code == OK && !yyjson_is_arr(list))
        code = wrong(error, where, "expected a list of tools");
    buf_init(&out, TEXT_BYTES_MAX);
    if (code == OK)
        code = append_tools(&out, list, is_converse ? yyjson_obj_get(config, "toolChoice") : choice, where, error);
    if (code == OK && !arena_str(arena, buf_str(&out), tools))
        code = error_no_memory(error);
    buf_deinit(&out);
    return code;
}
