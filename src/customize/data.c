/* data.c - reads conversations and writes rows. Opens no file. See data.h. */
#include "customize/data.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"

#define SCHEMA "bedrock-conversation-2024"
#define TEXT_BYTES_MAX (32u << 20)
#define PATH_BYTES 96
#define KEY_BYTES (DATA_KEY_LEN / 2)

static enum error_code wrong(struct error *error, const char *path, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s: %s", path, what);
}

/* What nobody here knows may change what the line means. */
static enum error_code check_members(yyjson_val *object, const char *path, const char *const *names,
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

/* --- texts ------------------------------------------------------------------------------------------ */

static enum error_code add_text(yyjson_val *item, const char *path, struct buf *text, struct error *error)
{
    static const char *const names[] = {"text", NULL};
    yyjson_val *value = yyjson_obj_get(item, "text");
    if (!yyjson_is_obj(item))
        return wrong(error, path, "expected an object with a text");
    enum error_code code = check_members(item, path, names, error);
    if (code != OK)
        return code;
    if (!yyjson_is_str(value))
        return wrong(error, path, "expected a text");
    if (text->len > 0)
        buf_append_char(text, '\n');
    return buf_append_str(text, json_str(value)) ? OK : error_no_memory(error);
}

static bool is_cache_point(yyjson_val *item)
{
    return yyjson_obj_get(item, "cachePoint") != NULL && yyjson_obj_size(item) == 1;
}

/* A list of {"text"}; cache points say nothing. */
static enum error_code read_texts(yyjson_val *list, const char *path, struct arena *arena, struct str *joined,
                                  struct error *error)
{
    struct buf text;
    size_t idx, max;
    yyjson_val *item;
    enum error_code code = OK;
    if (!yyjson_is_arr(list))
        return wrong(error, path, "expected a list of texts");
    buf_init(&text, TEXT_BYTES_MAX);
    yyjson_arr_foreach(list, idx, max, item)
    {
        char where[PATH_BYTES];
        (void)snprintf(where, sizeof(where), "%s[%zu]", path, idx);
        if (code == OK && !is_cache_point(item))
            code = add_text(item, where, &text, error);
    }
    if (code == OK && !arena_str(arena, buf_str(&text), joined))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}

/* --- turns ------------------------------------------------------------------------------------------ */

static bool is_blank(struct str text)
{
    return str_trim(text).len == 0;
}

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
    enum error_code code = check_members(message, path, names, error);
    if (code != OK)
        return code;
    turn->is_assistant = str_eq(role, STR("assistant"));
    if (!turn->is_assistant && !str_eq(role, STR("user")))
        return error_set(error, ERROR_INVALID, "%s.role: expected user or assistant", path);
    if (turn->is_assistant != (index % 2 == 1))
        return error_set(error, ERROR_INVALID, "%s.role: turns begin with user and alternate", path);
    code = read_texts(yyjson_obj_get(message, "content"), content, arena, &turn->text, error);
    if (code == OK && is_blank(turn->text))
        code = wrong(error, content, "there is no text");
    conversation->count++;
    return code;
}

static enum error_code read_turns(yyjson_val *system, yyjson_val *messages, struct arena *arena,
                                  struct conversation *conversation, struct error *error)
{
    size_t idx, max;
    yyjson_val *message;
    enum error_code code = OK;
    *conversation = (struct conversation){.system = STR("")};
    if (!yyjson_is_arr(messages) || yyjson_arr_size(messages) == 0)
        return wrong(error, "messages", "expected a list with one message at least");
    conversation->turns = ARENA_ARRAY(arena, struct data_turn, yyjson_arr_size(messages));
    if (!conversation->turns)
        return error_no_memory(error);
    if (system && !yyjson_is_null(system))
        code = read_texts(system, "system", arena, &conversation->system, error);
    yyjson_arr_foreach(messages, idx, max, message)
    {
        if (code == OK)
            code = read_turn(message, idx, arena, conversation, error);
    }
    return code;
}

static enum error_code read_line(yyjson_val *root, struct arena *arena, struct conversation *conversation,
                                 struct error *error)
{
    static const char *const names[] = {"schemaVersion", "system", "messages", NULL};
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    enum error_code code = check_members(root, "", names, error);
    if (code == OK && !yyjson_equals_str(yyjson_obj_get(root, "schemaVersion"), SCHEMA))
        code = wrong(error, "schemaVersion", "expected \"" SCHEMA "\"");
    return code == OK ? read_turns(yyjson_obj_get(root, "system"), yyjson_obj_get(root, "messages"), arena,
                                   conversation, error)
                      : code;
}

enum error_code conversation_parse(struct str line, struct arena *arena, struct conversation *conversation,
                                   struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(line, &doc, error);
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

/* `,"messages":[...]` of so many turns, with a system prompt before it. */
static void append_turns(struct buf *out, const struct conversation *conversation, size_t count)
{
    if (conversation->system.len > 0)
        json_append_member(out, "system", conversation->system);
    buf_append_text(out, ",\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        buf_appendf(out, "%s{\"role\":\"%s\"", i ? "," : "",
                    conversation->turns[i].is_assistant ? "assistant" : "user");
        json_append_member(out, "content", conversation->turns[i].text);
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
    json_append_member(out, "expected", conversation->turns[conversation->count - 1].text);
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

static enum error_code take_prompt(yyjson_val *root, struct arena *arena, struct conversation *conversation,
                                   struct data_origin *origin, struct error *error)
{
    yyjson_val *messages = yyjson_obj_get(root, "messages"), *message;
    size_t idx, max;
    struct str task = json_str(yyjson_obj_get(root, "task"));
    *conversation = (struct conversation){.turns = ARENA_ARRAY(arena, struct data_turn, yyjson_arr_size(messages) + 1)};
    bool is_kept = conversation->turns && arena_str(arena, json_str(yyjson_obj_get(root, "system")),
                                                    &conversation->system);
    yyjson_arr_foreach(messages, idx, max, message)
    {
        struct data_turn *turn = is_kept ? &conversation->turns[conversation->count++] : NULL;
        if (!turn)
            break;
        turn->is_assistant = yyjson_equals_str(yyjson_obj_get(message, "role"), "assistant");
        is_kept = arena_str(arena, json_str(yyjson_obj_get(message, "content")), &turn->text);
    }
    if (origin && is_kept) {
        is_kept = arena_str(arena, task, &task) && arena_str(arena, json_str(yyjson_obj_get(root, "file")),
                                                             &origin->file);
        origin->task = task.data;
        origin->line = yyjson_get_uint(yyjson_obj_get(root, "line"));
    }
    return is_kept ? OK : error_no_memory(error);
}

enum error_code conversation_of_prompt(struct str line, struct arena *arena, struct conversation *conversation,
                                       struct data_origin *origin, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(line, &doc, error);
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
        buf_appendf(out, "%s{\"role\":\"%s\",\"content\":[{\"text\":", i ? "," : "",
                    conversation->turns[i].is_assistant ? "assistant" : "user");
        buf_append_json(out, conversation->turns[i].text);
        buf_append_text(out, "}]}");
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
    return buf_appendf(out, ",\"inferenceConfig\":{\"maxTokens\":%u,\"temperature\":%.2g}}}\n", asking->reply_tokens,
                       asking->temperature);
}
