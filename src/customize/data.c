/* data.c - reads conversations and writes rows. Opens no file. See data.h. */
#include "customize/data.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"

#define SCHEMA "bedrock-conversation-2024"
#define PATH_BYTES 96
#define KEY_BYTES (DATA_KEY_LEN / 2)

static enum error_code wrong(struct error *error, const char *path, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s: %s", path, what);
}

/* --- turns ------------------------------------------------------------------------------------------ */

static enum error_code read_turn(yyjson_val *message, size_t index, struct arena *arena,
                                 struct conversation *conversation, struct error *error)
{
    static const char *const names[] = {"role", "content", NULL};
    char path[PATH_BYTES], content[PATH_BYTES];
    struct data_turn *turn = &conversation->turns[index];
    const struct str role = json_str(yyjson_obj_get(message, "role"));
    (void)snprintf(path, sizeof(path), "messages[%zu]", index);
    (void)snprintf(content, sizeof(content), "messages[%zu].content", index);
    if (!yyjson_is_obj(message))
        return wrong(error, path, "expected an object");
    enum error_code code = content_check_members(message, path, names, error);
    if (code != OK)
        return code;
    turn->is_assistant = str_eq(role, STR("assistant"));
    if (!turn->is_assistant && !str_eq(role, STR("user")))
        return error_set(error, ERROR_INVALID, "%s.role: expected user or assistant", path);
    if (turn->is_assistant != (index % 2 == 1))
        return error_set(error, ERROR_INVALID, "%s.role: turns begin with user and alternate", path);
    code = content_read(yyjson_obj_get(message, "content"), content, arena, &turn->content, error);
    if (code == OK && content_is_blank(&turn->content))
        code = wrong(error, content, "there is no text");
    conversation->count++;
    return code;
}

/* Each call has its result in the next turn, and each result its call in the turn before. */
enum error_code conversation_check_calls(const struct conversation *conversation, struct error *error)
{
    struct content_ids open = {0};
    for (size_t i = 0; i < conversation->count; i++) {
        const struct data_turn *turn = &conversation->turns[i];
        const struct content_ids *calls = &turn->content.calls, *results = &turn->content.results;
        if (turn->is_assistant ? results->count > 0 : calls->count > 0)
            return error_set(error, ERROR_INVALID, "messages[%zu].content: %s", i,
                             turn->is_assistant ? "results are the user's" : "calls are the assistant's");
        if (!turn->is_assistant && (results->count != open.count || results->sum != open.sum))
            return error_set(error, ERROR_INVALID, "messages[%zu].content: expected the result of each call of the "
                             "turn before, and no other one", i);
        if (calls->count > 0 && conversation->tools.len == 0)
            return error_set(error, ERROR_INVALID, "messages[%zu].content: there is a call, but no tool is offered", i);
        open = turn->is_assistant ? *calls : (struct content_ids){0};
    }
    return OK;
}

static enum error_code read_system(yyjson_val *system, struct arena *arena, struct str *text, struct error *error)
{
    struct content content;
    if (!system || yyjson_is_null(system))
        return OK;
    const enum error_code code = content_read(system, "system", arena, &content, error);
    if (code == OK && content.blocks.data)
        return wrong(error, "system", "has texts alone");
    *text = code == OK ? content.text : *text;
    return code;
}

static enum error_code read_turns(yyjson_val *system, yyjson_val *messages, struct arena *arena,
                                  struct conversation *conversation, struct error *error)
{
    size_t idx, max;
    yyjson_val *message;
    enum error_code code = OK;
    if (!yyjson_is_arr(messages) || yyjson_arr_size(messages) == 0)
        return wrong(error, "messages", "expected a list with one message at least");
    conversation->turns = ARENA_ARRAY(arena, struct data_turn, yyjson_arr_size(messages));
    if (!conversation->turns)
        return error_no_memory(error);
    code = read_system(system, arena, &conversation->system, error);
    yyjson_arr_foreach(messages, idx, max, message)
    {
        if (code == OK)
            code = read_turn(message, idx, arena, conversation, error);
    }
    return code == OK ? conversation_check_calls(conversation, error) : code;
}

static enum error_code read_line(yyjson_val *root, struct arena *arena, struct conversation *conversation,
                                 struct error *error)
{
    static const char *const names[] = {"schemaVersion", "system", "messages", "toolConfig", NULL};
    *conversation = (struct conversation){.system = STR(""), .tools = STR("")};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    enum error_code code = content_check_members(root, "", names, error);
    if (code == OK && !yyjson_equals_str(yyjson_obj_get(root, "schemaVersion"), SCHEMA))
        code = wrong(error, "schemaVersion", "expected \"" SCHEMA "\"");
    if (code == OK)
        code = content_read_tools(yyjson_obj_get(root, "toolConfig"), NULL, "toolConfig", arena, &conversation->tools,
                                  error);
    return code == OK ? read_turns(yyjson_obj_get(root, "system"), yyjson_obj_get(root, "messages"), arena,
                                   conversation, error)
                      : code;
}

enum error_code conversation_parse(struct str line, struct arena *arena, struct conversation *conversation,
                                   struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(line, &doc, error);
    if (code == OK)
        code = read_line(yyjson_doc_get_root(doc), arena, conversation, error);
    json_free(doc);
    return code;
}

/* --- rows ------------------------------------------------------------------------------------------- */

static void append_origin(struct buf *out, const struct data_origin *origin)
{
    buf_appendf(out, "\"task\":\"%s\",\"file\":", origin->task);
    buf_append_json(out, origin->file);
    buf_appendf(out, ",\"line\":%llu", (unsigned long long)origin->line);
}

/* `,"NAME":` and what a turn says: a string, or a list of blocks. */
static void append_content(struct buf *out, const char *name, const struct content *content)
{
    buf_appendf(out, ",\"%s\":", name);
    if (content->blocks.data)
        buf_append_str(out, content->blocks);
    else
        buf_append_json(out, content->text);
}

static void append_tools(struct buf *out, const struct conversation *conversation)
{
    if (conversation->tools.len == 0)
        return;
    buf_append_text(out, ",\"toolConfig\":");
    buf_append_str(out, conversation->tools);
}

/* `,"messages":[...]` of so many turns, with tools and a system prompt before it. */
static void append_turns(struct buf *out, const struct conversation *conversation, size_t count)
{
    append_tools(out, conversation);
    if (conversation->system.len > 0)
        json_append_member(out, "system", conversation->system);
    buf_append_text(out, ",\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        buf_appendf(out, "%s{\"role\":\"%s\"", i ? "," : "",
                    conversation->turns[i].is_assistant ? "assistant" : "user");
        append_content(out, "content", &conversation->turns[i].content);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

bool conversation_append_row(struct buf *out, const struct conversation *conversation, const struct data_origin *origin,
                             bool learns_all)
{
    buf_append_char(out, '{');
    append_origin(out, origin);
    append_turns(out, conversation, conversation->count - 1);
    append_content(out, "expected", &conversation->turns[conversation->count - 1].content);
    return buf_append_text(out, learns_all ? ",\"train_all\":true}\n" : "}\n");
}

/* --- prompts ---------------------------------------------------------------------------------------- */

bool conversation_append_prompt(struct buf *out, const struct conversation *conversation,
                                const struct data_origin *origin)
{
    char key[DATA_KEY_LEN + 1];
    uint8_t digest[SHA256_LEN];
    const size_t from = out->len;
    append_turns(out, conversation, conversation->count);
    if (out->failed)
        return false;
    sha256((struct str){out->data + from, out->len - from}, digest);
    hex_encode(digest, KEY_BYTES, key);
    out->len = from;
    buf_appendf(out, "{\"key\":\"%s\",", key);
    append_origin(out, origin);
    append_turns(out, conversation, conversation->count);
    return buf_append_text(out, "}\n");
}

/* A string, or a list of blocks as this file wrote it. */
static enum error_code take_content(yyjson_val *value, struct arena *arena, struct content *content,
                                    struct error *error)
{
    *content = (struct content){0};
    if (yyjson_is_arr(value))
        return content_read(value, "content", arena, content, error);
    return arena_str(arena, json_str(value), &content->text) ? OK : error_no_memory(error);
}

static enum error_code take_origin(yyjson_val *root, struct arena *arena, struct data_origin *origin,
                                   struct error *error)
{
    struct str task = json_str(yyjson_obj_get(root, "task"));
    int64_t line = 0;
    const enum error_code code = json_get_int(root, "", "line", 0, INT64_MAX, &line, NULL, error);
    if (code != OK)
        return code;
    origin->line = (uint64_t)line;
    if (!arena_str(arena, task, &task) || !arena_str(arena, json_str(yyjson_obj_get(root, "file")), &origin->file))
        return error_no_memory(error);
    origin->task = task.data;
    return OK;
}

static enum error_code take_prompt(yyjson_val *root, struct arena *arena, struct conversation *conversation,
                                   struct data_origin *origin, struct error *error)
{
    yyjson_val *messages = yyjson_obj_get(root, "messages"), *message;
    size_t idx, max;
    *conversation = (struct conversation){.turns = ARENA_ARRAY(arena, struct data_turn, yyjson_arr_size(messages) + 1)};
    if (!conversation->turns || !arena_str(arena, json_str(yyjson_obj_get(root, "system")), &conversation->system))
        return error_no_memory(error);
    enum error_code code = content_read_tools(yyjson_obj_get(root, "toolConfig"), NULL, "toolConfig", arena,
                                              &conversation->tools, error);
    yyjson_arr_foreach(messages, idx, max, message)
    {
        struct data_turn *turn = &conversation->turns[conversation->count];
        if (code != OK)
            break;
        turn->is_assistant = yyjson_equals_str(yyjson_obj_get(message, "role"), "assistant");
        code = take_content(yyjson_obj_get(message, "content"), arena, &turn->content, error);
        conversation->count++;
    }
    return code == OK && origin ? take_origin(root, arena, origin, error) : code;
}

enum error_code conversation_of_prompt(struct str line, struct arena *arena, struct conversation *conversation,
                                       struct data_origin *origin, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(line, &doc, error);
    if (code == OK)
        code = take_prompt(yyjson_doc_get_root(doc), arena, conversation, origin, error);
    json_free(doc);
    return code;
}

/* `"messages":[...]` as Converse and training data have them. */
static void append_messages(struct buf *out, const struct conversation *conversation)
{
    buf_append_text(out, "\"messages\":[");
    for (size_t i = 0; i < conversation->count; i++) {
        const struct content *content = &conversation->turns[i].content;
        buf_appendf(out, "%s{\"role\":\"%s\",\"content\":", i ? "," : "",
                    conversation->turns[i].is_assistant ? "assistant" : "user");
        if (content->blocks.data) {
            buf_append_str(out, content->blocks);
        } else {
            buf_append_text(out, "[{\"text\":");
            buf_append_json(out, content->text);
            buf_append_text(out, "}]");
        }
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

bool conversation_append_line(struct buf *out, const struct conversation *conversation)
{
    buf_append_text(out, "{\"schemaVersion\":\"" SCHEMA "\",");
    if (conversation->system.len > 0) {
        buf_append_text(out, "\"system\":[{\"text\":");
        buf_append_json(out, conversation->system);
        buf_append_text(out, "}],");
    }
    append_messages(out, conversation);
    append_tools(out, conversation);
    return buf_append_text(out, "}\n");
}

/* What prompts have in common comes first, and ends with a cache point. */
bool conversation_append_record(struct buf *out, const struct conversation *conversation,
                                const struct data_asking *asking)
{
    buf_appendf(out, "{\"recordId\":\"%s\",\"modelInput\":{", asking->key);
    if (conversation->system.len > 0) {
        buf_append_text(out, "\"system\":[{\"text\":");
        buf_append_json(out, conversation->system);
        buf_append_text(out, "},{\"cachePoint\":{\"type\":\"default\"}}],");
    }
    append_messages(out, conversation);
    append_tools(out, conversation);
    return buf_appendf(out, ",\"inferenceConfig\":{\"maxTokens\":%u,\"temperature\":%.2g}}}\n", asking->reply_tokens,
                       asking->temperature);
}
