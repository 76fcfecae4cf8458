/* eval_data.c - reads rows of `fulcrum eval` and makes requests of them. Asks nobody. See eval_data.h. */
#include "cmd/eval_data.h"

#include <stdio.h>

#include "core/json.h"
#include "eval/questions.h"

#define ANSWER_TOKENS_MIN 64
#define ANSWER_TOKENS_MAX 4096

static enum error_code find_task(struct eval_data *data, struct str name, size_t *task, struct error *error)
{
    for (*task = 0; *task < data->task_count; ++*task) {
        if (str_eq(data->tasks[*task], name))
            return OK;
    }
    if (data->task_count == EVAL_TASKS_MAX)
        return error_set(error, ERROR_INVALID, "task: more than %d different tasks", EVAL_TASKS_MAX);
    if (!arena_str(&data->arena, name, &data->tasks[*task]))
        return error_no_memory(error);
    data->task_count++;
    return OK;
}

static enum error_code check_messages(yyjson_val *root, struct error *error)
{
    yyjson_val *messages;
    if (json_get_array(root, "", "messages", &messages, error))
        return error->code;
    if (!yyjson_arr_size(messages))
        return error_set(error, ERROR_INVALID, "messages: expected a list of at least one message");
    size_t idx, max;
    yyjson_val *message;
    yyjson_arr_foreach(messages, idx, max, message)
    {
        yyjson_val *content = yyjson_obj_get(message, "content");
        if (!yyjson_is_str(yyjson_obj_get(message, "role")))
            return error_set(error, ERROR_INVALID, "messages[%zu].role: expected user or assistant", idx);
        if (!yyjson_is_str(content) && !yyjson_is_arr(content))
            return error_set(error, ERROR_INVALID, "messages[%zu].content: expected text or a list of blocks", idx);
    }
    return OK;
}

static enum error_code check_tools(yyjson_val *root, struct error *error)
{
    yyjson_val *tools;
    if (json_get_array(root, "", "tools", &tools, error))
        return error->code;
    size_t idx, max;
    yyjson_val *tool;
    yyjson_arr_foreach(tools, idx, max, tool)
    {
        if (!yyjson_is_str(yyjson_obj_get(tool, "name")) || !yyjson_is_obj(yyjson_obj_get(tool, "schema")))
            return error_set(error, ERROR_INVALID, "tools[%zu]: expected an object with name and schema", idx);
    }
    return OK;
}

static enum error_code read_row(struct eval_data *data, yyjson_val *root, struct eval_row *row, struct error *error)
{
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    struct str task = STR("answer"), kind = STR("simple"), system;
    if (json_get_str(root, "", "task", &task, NULL, error) || json_get_str(root, "", "kind", &kind, NULL, error) ||
        json_get_str(root, "", "system", &system, NULL, error) || check_messages(root, error) ||
        check_tools(root, error))
        return error->code;
    row->is_complex = str_eq(kind, STR("complex"));
    if (!row->is_complex && !str_eq(kind, STR("simple")))
        return error_set(error, ERROR_INVALID, "kind: expected simple or complex, got " STR_FMT, STR_ARG(kind));
    row->expected = yyjson_obj_get(root, "expected");
    if (!row->expected)
        return error_set(error, ERROR_INVALID, "expected: is missing; it holds the right answer");
    if (find_task(data, task, &row->task, error))
        return error->code;
    row->kind = score_kind_of(task, row->expected);
    return OK;
}

static enum error_code add_row(struct eval_data *data, struct str line, struct error *error)
{
    void *rows = data->rows;
    if (!mem_grow(&rows, data->count, &data->cap, sizeof(*data->rows)))
        return error_no_memory(error);
    data->rows = rows;
    struct eval_row *row = &data->rows[data->count];
    *row = (struct eval_row){0};
    if (json_parse_exact(line, &row->doc, error))
        return error->code;
    if (read_row(data, yyjson_doc_get_root(row->doc), row, error)) {
        json_free(row->doc);
        return error->code;
    }
    data->count++;
    return OK;
}

enum error_code eval_data_parse(struct str text, const char *file, struct eval_data *data, struct error *error)
{
    *data = (struct eval_data){0};
    arena_init(&data->arena, 0);
    struct str line;
    for (size_t number = 1; str_split(&text, '\n', &line); number++) {
        line = str_trim(line);
        if (line.len && add_row(data, line, error)) {
            eval_data_deinit(data);
            return error_prefix(error, "%s:%zu", file, number);
        }
    }
    if (!data->count) {
        eval_data_deinit(data);
        return error_set(error, ERROR_INVALID, "%s: there are no rows in it", file);
    }
    return OK;
}

void eval_data_deinit(struct eval_data *data)
{
    for (size_t i = 0; i < data->count; i++)
        json_free(data->rows[i].doc);
    mem_free(data->rows);
    arena_deinit(&data->arena);
    *data = (struct eval_data){0};
}

void eval_data_thin(struct eval_data *data, size_t limit)
{
    if (!limit || limit >= data->count)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < data->count; i++) {
        if (kept < limit && i == thinned_row(kept, limit, data->count))
            data->rows[kept++] = data->rows[i];
        else
            json_free(data->rows[i].doc);
    }
    data->count = kept;
}

/* --- requests --- */

static void append_content(struct buf *body, yyjson_val *content)
{
    if (!yyjson_is_str(content)) {
        json_append(body, content);
        return;
    }
    buf_append_text(body, "[{\"text\":");
    buf_append_json(body, json_str(content));
    buf_append_text(body, "}]");
}

static void append_messages(struct buf *body, yyjson_val *messages)
{
    size_t idx, max;
    yyjson_val *message;
    buf_append_text(body, "{\"messages\":[");
    yyjson_arr_foreach(messages, idx, max, message)
    {
        buf_append_text(body, idx ? ",{\"role\":" : "{\"role\":");
        buf_append_json(body, json_str(yyjson_obj_get(message, "role")));
        buf_append_text(body, ",\"content\":");
        append_content(body, yyjson_obj_get(message, "content"));
        buf_append_char(body, '}');
    }
    buf_append_char(body, ']');
}

static void append_tools(struct buf *body, yyjson_val *tools)
{
    size_t idx, max;
    yyjson_val *tool;
    buf_append_text(body, ",\"toolConfig\":{\"tools\":[");
    yyjson_arr_foreach(tools, idx, max, tool)
    {
        struct str description = json_str(yyjson_obj_get(tool, "description"));
        buf_append_text(body, idx ? ",{\"toolSpec\":{\"name\":" : "{\"toolSpec\":{\"name\":");
        buf_append_json(body, json_str(yyjson_obj_get(tool, "name")));
        if (description.len) {
            buf_append_text(body, ",\"description\":");
            buf_append_json(body, description);
        }
        buf_append_text(body, ",\"inputSchema\":{\"json\":");
        json_append(body, yyjson_obj_get(tool, "schema"));
        buf_append_text(body, "}}}");
    }
    buf_append_text(body, "],\"toolChoice\":{\"auto\":{}}}");
}

/* Twice the bytes of the right answer: a token is at least a byte, and an
 * answer twice as long is wrong whatever follows. */
static uint64_t answer_tokens(yyjson_val *expected)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    json_append(&text, expected);
    uint64_t tokens = ANSWER_TOKENS_MIN + 2 * (uint64_t)text.len;
    buf_deinit(&text);
    return tokens < ANSWER_TOKENS_MAX ? tokens : ANSWER_TOKENS_MAX;
}

void eval_row_append_request(const struct eval_row *row, struct buf *body)
{
    yyjson_val *root = yyjson_doc_get_root(row->doc);
    struct str system = json_str(yyjson_obj_get(root, "system"));
    yyjson_val *tools = yyjson_obj_get(root, "tools");
    append_messages(body, yyjson_obj_get(root, "messages"));
    if (system.len) {
        buf_append_text(body, ",\"system\":[{\"text\":");
        buf_append_json(body, system);
        buf_append_text(body, "}]");
    }
    if (yyjson_arr_size(tools))
        append_tools(body, tools);
    buf_append_text(body, ",\"inferenceConfig\":{\"temperature\":0,\"maxTokens\":");
    buf_append_u64(body, answer_tokens(row->expected));
    buf_append_text(body, "}}");
}
