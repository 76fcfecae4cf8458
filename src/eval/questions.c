/* questions.c - lines of a data set to questions. Scores nothing. See questions.h. */
#include "eval/questions.h"

#include <stdio.h>

#include "core/json.h"
#include "core/limits.h"

/* Of an answer: a token is a byte at least, and what is twice as long as the reference differs whatever follows. */
#define ANSWER_TOKENS_MIN 64
#define ANSWER_TOKENS_MAX 4096

#define SCHEMA "bedrock-conversation-2024"

/* One line being read. */
struct row {
    struct questions *questions;
    struct question question;
    yyjson_val *root;
    struct buf request, prompt, system;
};

static enum error_code keep(struct row *row, struct str text, struct str *kept, struct error *error)
{
    return arena_str(&row->questions->arena, text, kept) ? OK : error_no_memory(error);
}

static enum error_code flaw(struct error *error, const char *reason)
{
    return error_set(error, ERROR_INVALID, "%s", reason);
}

/* --- texts ------------------------------------------------------------------------------------------- */

/* Texts of a string or of a list of blocks, a line feed between two; false: it is neither. */
static bool append_text(struct buf *out, yyjson_val *content)
{
    size_t i, max, texts = 0;
    yyjson_val *block;
    if (yyjson_is_str(content)) {
        buf_append_str(out, json_str(content));
        return true;
    }
    if (!yyjson_is_arr(content))
        return false;
    yyjson_arr_foreach(content, i, max, block)
    {
        yyjson_val *text = yyjson_is_str(block) ? block : yyjson_obj_get(block, "text");
        if (!yyjson_is_str(text))
            continue;
        if (texts++ > 0)
            buf_append_char(out, '\n');
        buf_append_str(out, json_str(text));
    }
    return true;
}

static void append_text_block(struct buf *out, struct str text)
{
    buf_append_text(out, "{\"text\":");
    buf_append_json(out, text);
    buf_append_char(out, '}');
}

/* --- system and tools -------------------------------------------------------------------------------- */

static enum error_code add_system(struct row *row, yyjson_val *system, struct error *error)
{
    if (!system || yyjson_is_null(system))
        return OK;
    if (row->system.len > 0)
        buf_append_char(&row->system, '\n');
    return append_text(&row->system, system) ? OK : flaw(error, "system: expected a text or a list of texts");
}

static void append_tool(struct buf *out, struct str name, struct str description, yyjson_val *schema)
{
    buf_append_text(out, "{\"toolSpec\":{\"name\":");
    buf_append_json(out, name);
    if (description.len > 0)
        json_append_member(out, "description", description);
    buf_append_text(out, ",\"inputSchema\":{\"json\":");
    if (schema)
        json_append(out, schema);
    else
        buf_append_text(out, "{\"type\":\"object\"}");
    buf_append_text(out, "}}}");
}

/* A list as chat completions or rows of this program have it, or Converse's own toolConfig. */
static enum error_code add_tools(struct row *row, struct error *error)
{
    yyjson_val *config = yyjson_obj_get(row->root, "toolConfig"), *tools = yyjson_obj_get(row->root, "tools"), *tool;
    size_t i, max;
    if (yyjson_is_obj(config)) {
        buf_append_text(&row->request, ",\"toolConfig\":");
        json_append(&row->request, config);
        return OK;
    }
    if (!tools || yyjson_is_null(tools) || (yyjson_is_arr(tools) && yyjson_arr_size(tools) == 0))
        return OK;
    if (!yyjson_is_arr(tools))
        return flaw(error, "tools: expected a list");
    buf_append_text(&row->request, ",\"toolConfig\":{\"tools\":[");
    yyjson_arr_foreach(tools, i, max, tool)
    {
        yyjson_val *inner = yyjson_obj_get(tool, "function"), *named = yyjson_is_obj(inner) ? inner : tool;
        yyjson_val *schema = yyjson_obj_get(named, "parameters");
        schema = schema ? schema : yyjson_obj_get(named, "schema");
        if (i > 0)
            buf_append_char(&row->request, ',');
        if (yyjson_is_obj(yyjson_obj_get(tool, "toolSpec"))) {
            json_append(&row->request, tool);
            continue;
        }
        if (json_str(yyjson_obj_get(named, "name")).len == 0)
            return error_set(error, ERROR_INVALID, "tools[%zu].name: is missing", i);
        append_tool(&row->request, json_str(yyjson_obj_get(named, "name")),
                    json_str(yyjson_obj_get(named, "description")), schema);
    }
    buf_append_text(&row->request, "]}");
    return OK;
}

/* --- references -------------------------------------------------------------------------------------- */

static enum error_code refer_to(struct row *row, const struct chat_reply_block *blocks, size_t count,
                                struct error *error)
{
    struct chat_reply_block *kept = ARENA_ARRAY(&row->questions->arena, struct chat_reply_block, count + 1);
    if (!kept)
        return error_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        kept[i] = (struct chat_reply_block){.kind = blocks[i].kind};
        if (keep(row, blocks[i].text, &kept[i].text, error) != OK ||
            keep(row, blocks[i].tool_name, &kept[i].tool_name, error) != OK)
            return error->code;
    }
    row->question.reference = (struct chat_reply){.blocks = kept, .block_count = count};
    row->question.has_reference = true;
    return OK;
}

static enum error_code refer_to_json(struct row *row, enum chat_block_kind kind, struct str tool, yyjson_val *value,
                                     struct error *error)
{
    struct buf text;
    buf_init(&text, (size_t)limit(eval_row_bytes));
    if (value)
        json_append(&text, value);
    const struct chat_reply_block block = {.kind = kind, .text = buf_str(&text), .tool_name = tool};
    const enum error_code code = text.failed ? error_no_memory(error) : refer_to(row, &block, 1, error);
    buf_deinit(&text);
    return code;
}

/* What a member says: a text, a call, that there is none, or JSON. */
static enum error_code refer_to_value(struct row *row, yyjson_val *value, bool has_tools, struct error *error)
{
    const struct str name = json_str(yyjson_obj_get(value, "name"));
    yyjson_val *arguments = yyjson_obj_get(value, "arguments");
    const struct chat_reply_block text = {.kind = CHAT_TEXT, .text = json_str(value)};
    if (yyjson_is_str(value))
        return refer_to(row, &text, 1, error);
    if (yyjson_is_null(value)) {
        row->question.wants_no_call = has_tools;
        return has_tools ? refer_to(row, NULL, 0, error) : OK;
    }
    if (has_tools && name.len > 0 && yyjson_is_obj(arguments))
        return refer_to_json(row, CHAT_TOOL_USE, name, arguments, error);
    return refer_to_json(row, CHAT_TEXT, (struct str){0}, value, error);
}

#define REFERENCE_BLOCKS_MAX 64

/* The content of an assistant's turn. */
static enum error_code refer_to_turn(struct row *row, yyjson_val *content, size_t at, struct error *error)
{
    struct chat_reply_block blocks[REFERENCE_BLOCKS_MAX];
    size_t count = 0, i, max;
    yyjson_val *block;
    struct buf inputs[REFERENCE_BLOCKS_MAX] = {0};
    enum error_code code = OK;
    if (yyjson_is_str(content))
        return refer_to_value(row, content, false, error);
    yyjson_arr_foreach(content, i, max, block)
    {
        yyjson_val *use = yyjson_obj_get(block, "toolUse"), *text = yyjson_obj_get(block, "text");
        if (count == REFERENCE_BLOCKS_MAX || (!use && !yyjson_is_str(text)))
            continue;
        blocks[count] = (struct chat_reply_block){.kind = use ? CHAT_TOOL_USE : CHAT_TEXT, .text = json_str(text)};
        if (use) {
            buf_init(&inputs[count], (size_t)limit(eval_row_bytes));
            json_append(&inputs[count], yyjson_obj_get(use, "input"));
            blocks[count].text = buf_str(&inputs[count]);
            blocks[count].tool_name = json_str(yyjson_obj_get(use, "name"));
        }
        count++;
    }
    if (count == 0)
        code = error_set(error, ERROR_INVALID, "messages[%zu].content: no text and no toolUse to compare with", at);
    if (code == OK)
        code = refer_to(row, blocks, count, error);
    for (i = 0; i < count; i++)
        buf_deinit(&inputs[i]);
    return code;
}

static yyjson_val *first_of(yyjson_val *root, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        yyjson_val *value = yyjson_obj_get(root, names[i]);
        if (value)
            return value;
    }
    return NULL;
}

static enum error_code add_named_reference(struct row *row, struct error *error)
{
    static const char *const names[] = {
        "referenceResponse", "reference", "expected", "completion", "response", "answer", "output", "label", NULL};
    yyjson_val *value = first_of(row->root, names);
    const bool has_tools = yyjson_obj_get(row->root, "tools") || yyjson_obj_get(row->root, "toolConfig");
    return value ? refer_to_value(row, value, has_tools, error) : OK;
}

/* --- conversations ----------------------------------------------------------------------------------- */

/* Chat completions have a newer name for it. */
static bool is_system(yyjson_val *message)
{
    yyjson_val *role = yyjson_obj_get(message, "role");
    return yyjson_equals_str(role, "system") || yyjson_equals_str(role, "developer");
}

static enum error_code check_turn(yyjson_val *message, size_t at, struct error *error)
{
    const struct str role = json_str(yyjson_obj_get(message, "role"));
    yyjson_val *content = yyjson_obj_get(message, "content");
    if (!str_eq(role, STR("user")) && !str_eq(role, STR("assistant")) && !is_system(message))
        return error_set(error, ERROR_INVALID, "messages[%zu].role: expected system, user or assistant", at);
    if (yyjson_obj_get(message, "tool_calls"))
        return error_set(error, ERROR_INVALID, "messages[%zu].tool_calls: write the call as a toolUse block", at);
    if (!yyjson_is_str(content) && !(yyjson_is_arr(content) && yyjson_arr_size(content) > 0))
        return error_set(error, ERROR_INVALID, "messages[%zu].content: expected a text or a list of blocks", at);
    return OK;
}

/* A block as Converse has it; of {"type": "text", "text"} the text. */
static void append_block(struct buf *out, yyjson_val *block)
{
    yyjson_val *text = yyjson_is_str(block) ? block : yyjson_obj_get(block, "text");
    if (yyjson_is_str(text) && (yyjson_is_str(block) || yyjson_obj_get(block, "type")))
        append_text_block(out, json_str(text));
    else
        json_append(out, block);
}

static void append_turn(struct row *row, yyjson_val *message, bool is_first, bool is_only)
{
    const struct str role = json_str(yyjson_obj_get(message, "role"));
    yyjson_val *content = yyjson_obj_get(message, "content");
    buf_append_text(&row->request, is_first ? "{\"role\":" : ",{\"role\":");
    buf_append_json(&row->request, role);
    buf_append_text(&row->request, ",\"content\":");
    if (yyjson_is_str(content)) {
        buf_append_char(&row->request, '[');
        append_text_block(&row->request, json_str(content));
        buf_append_char(&row->request, ']');
    } else {
        size_t i, max;
        yyjson_val *block;
        yyjson_arr_foreach(content, i, max, block)
        {
            buf_append_char(&row->request, i ? ',' : '[');
            append_block(&row->request, block);
        }
        buf_append_char(&row->request, ']');
    }
    buf_append_char(&row->request, '}');
    if (!is_only)
        buf_appendf(&row->prompt, "%s" STR_FMT ": ", is_first ? "" : "\n", STR_ARG(role));
    append_text(&row->prompt, content);
}

static enum error_code add_messages(struct row *row, yyjson_val *messages, size_t from, size_t to, struct error *error)
{
    if (from >= to || !yyjson_equals_str(yyjson_obj_get(yyjson_arr_get(messages, to - 1), "role"), "user"))
        return flaw(error, "messages: the last one, before the reference, must be the user's");
    for (size_t i = from; i < to; i++)
        if (is_system(yyjson_arr_get(messages, i)))
            return error_set(error, ERROR_INVALID, "messages[%zu].role: system stands before all others", i);
    buf_append_text(&row->request, "\"messages\":[");
    for (size_t i = from; i < to; i++)
        append_turn(row, yyjson_arr_get(messages, i), i == from, from + 1 == to);
    buf_append_char(&row->request, ']');
    return OK;
}

static enum error_code read_conversation(struct row *row, yyjson_val *messages, struct error *error)
{
    yyjson_val *version = yyjson_obj_get(row->root, "schemaVersion");
    size_t count = yyjson_arr_size(messages), from = 0;
    if (version && !yyjson_equals_str(version, SCHEMA))
        return flaw(error, "schemaVersion: expected " SCHEMA);
    if (count == 0)
        return flaw(error, "messages: expected a list of at least one message");
    for (size_t i = 0; i < count; i++)
        if (check_turn(yyjson_arr_get(messages, i), i, error) != OK)
            return error->code;
    enum error_code code = add_system(row, yyjson_obj_get(row->root, "system"), error);
    while (code == OK && from < count && is_system(yyjson_arr_get(messages, from)))
        code = add_system(row, yyjson_obj_get(yyjson_arr_get(messages, from++), "content"), error);
    if (code == OK)
        code = add_named_reference(row, error);
    yyjson_val *last = yyjson_arr_get(messages, count - 1);
    if (code == OK && count > from && yyjson_equals_str(yyjson_obj_get(last, "role"), "assistant")) {
        count--;
        if (!row->question.has_reference)
            code = refer_to_turn(row, yyjson_obj_get(last, "content"), count, error);
    }
    return code == OK ? add_messages(row, messages, from, count, error) : code;
}

/* --- pairs ------------------------------------------------------------------------------------------- */

static enum error_code add_given(struct row *row, struct error *error)
{
    yyjson_val *list = yyjson_obj_get(row->root, "modelResponses"), *item;
    size_t i, max;
    yyjson_arr_foreach(list, i, max, item)
    {
        struct question_given *given = &row->question.given[row->question.given_count];
        yyjson_val *text = yyjson_obj_get(item, "response"), *model = yyjson_obj_get(item, "modelIdentifier");
        if (row->question.given_count == QUESTION_GIVEN_MAX || !yyjson_is_str(text) || !yyjson_is_str(model))
            return error_set(error, ERROR_INVALID,
                             "modelResponses[%zu]: expected response and modelIdentifier, %d at most", i,
                             QUESTION_GIVEN_MAX);
        if (keep(row, json_str(text), &given->text, error) != OK ||
            keep(row, json_str(model), &given->model, error) != OK)
            return error->code;
        row->question.given_count++;
    }
    return OK;
}

/* An instruction that stands by itself, or before what it is about. */
static bool append_prompt(struct buf *out, yyjson_val *instruction, yyjson_val *prompt)
{
    if ((instruction && !yyjson_is_str(instruction)) || (prompt && !yyjson_is_str(prompt)))
        return false;
    buf_append_str(out, json_str(instruction));
    if (instruction && json_str(prompt).len > 0)
        buf_append_text(out, "\n\n");
    buf_append_str(out, json_str(prompt));
    return true;
}

static enum error_code read_pair(struct row *row, yyjson_val *instruction, yyjson_val *prompt, struct error *error)
{
    if (!append_prompt(&row->prompt, instruction, prompt))
        return flaw(error, "prompt: expected a text");
    if (str_trim(buf_str(&row->prompt)).len == 0)
        return flaw(error, "prompt: is empty");
    enum error_code code = add_system(row, yyjson_obj_get(row->root, "system"), error);
    if (code == OK)
        code = add_named_reference(row, error);
    if (code == OK)
        code = add_given(row, error);
    buf_append_text(&row->request, "\"messages\":[{\"role\":\"user\",\"content\":[");
    append_text_block(&row->request, buf_str(&row->prompt));
    buf_append_text(&row->request, "]}]");
    return code;
}

/* --- lines ------------------------------------------------------------------------------------------- */

static enum error_code read_form(struct row *row, struct error *error)
{
    static const char *const prompts[] = {"prompt", "question", "input", NULL};
    yyjson_val *messages = yyjson_obj_get(row->root, "messages"), *prompt = first_of(row->root, prompts);
    yyjson_val *instruction = yyjson_obj_get(row->root, "instruction");
    if (!yyjson_is_obj(row->root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(row->root));
    if (messages)
        return yyjson_is_arr(messages) ? read_conversation(row, messages, error)
                                       : flaw(error, "messages: expected a list");
    if (prompt || instruction)
        return read_pair(row, instruction, prompt, error);
    if (yyjson_obj_get(row->root, "conversationTurns"))
        return flaw(error,
                    "conversationTurns: rows of RAG evaluations are not read; give prompt and referenceResponse");
    return flaw(error, "neither messages nor a prompt is in it");
}

static enum error_code keep_texts(struct row *row, struct str line, struct error *error)
{
    static const char *const ids[] = {"id", "recordId", NULL}, *const categories[] = {"category", "task", NULL};
    struct question *question = &row->question;
    if (row->system.len > 0) {
        buf_append_text(&row->request, ",\"system\":[");
        append_text_block(&row->request, buf_str(&row->system));
        buf_append_char(&row->request, ']');
    }
    if (add_tools(row, error) != OK)
        return error->code;
    if (row->request.failed || row->prompt.failed || row->system.failed)
        return error_no_memory(error);
    if (keep(row, buf_str(&row->request), &question->request, error) != OK ||
        keep(row, buf_str(&row->prompt), &question->prompt, error) != OK ||
        keep(row, buf_str(&row->system), &question->system, error) != OK ||
        keep(row, line, &question->input, error) != OK ||
        keep(row, json_str(first_of(row->root, ids)), &question->id, error) != OK)
        return error->code;
    return keep(row, json_str(first_of(row->root, categories)), &question->category, error);
}

static enum error_code read_line(struct questions *questions, struct str line, struct question *question,
                                 struct error *error)
{
    struct row row = {.questions = questions, .question = *question};
    yyjson_doc *doc = NULL;
    if (line.len > limit(eval_row_bytes))
        return error_set(error, ERROR_INVALID, "the line is longer than %llu bytes (limits: eval_row_bytes)",
                         (unsigned long long)limit(eval_row_bytes));
    enum error_code code = json_parse_exact(line, &doc, error);
    if (code != OK)
        return code == ERROR_INVALID ? error_prefix(error, "not JSON") : code;
    row.root = yyjson_doc_get_root(doc);
    buf_init(&row.request, 16 * (size_t)limit(eval_row_bytes));
    buf_init(&row.prompt, 16 * (size_t)limit(eval_row_bytes));
    buf_init(&row.system, 16 * (size_t)limit(eval_row_bytes));
    code = read_form(&row, error);
    if (code == OK)
        code = keep_texts(&row, line, error);
    buf_deinit(&row.request);
    buf_deinit(&row.prompt);
    buf_deinit(&row.system);
    json_free(doc);
    *question = row.question;
    return code;
}

static enum error_code add_flaw(struct questions *questions, size_t line, const char *reason, struct error *error)
{
    void *flaws = questions->flaws;
    questions->flaws_all++;
    if (questions->flaw_count == LIMIT_EVAL_FLAWS)
        return OK;
    if (!mem_grow(&flaws, questions->flaw_count, &questions->flaw_cap, sizeof(*questions->flaws)))
        return error_no_memory(error);
    questions->flaws = flaws;
    struct question_flaw *added = &questions->flaws[questions->flaw_count++];
    added->line = line;
    (void)snprintf(added->reason, sizeof(added->reason), "%s", reason);
    return OK;
}

static enum error_code add_line(struct questions *questions, struct str line, size_t number, struct error *error)
{
    void *items = questions->items;
    if (questions->count >= limit(eval_rows))
        return error_set(error, ERROR_TOO_LARGE, "more than %llu rows (limits: eval_rows)",
                         (unsigned long long)limit(eval_rows));
    if (!mem_grow(&items, questions->count, &questions->cap, sizeof(*questions->items)))
        return error_no_memory(error);
    questions->items = items;
    struct question *question = &questions->items[questions->count];
    *question = (struct question){.line = number};
    const enum error_code code = read_line(questions, line, question, error);
    if (code == OK) {
        questions->count++;
        return OK;
    }
    if (code != ERROR_INVALID)
        return code;
    const struct error reason = *error;
    return add_flaw(questions, number, reason.message, error);
}

enum error_code questions_parse(struct questions *questions, struct str text, struct error *error)
{
    struct str line;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_slice(text, 3, text.len);
    enum error_code code = OK;
    for (size_t number = 1; code == OK && str_split(&text, '\n', &line); number++) {
        line = str_trim(line);
        if (line.len > 0)
            code = add_line(questions, line, number, error);
    }
    return code;
}

void questions_deinit(struct questions *questions)
{
    mem_free(questions->items);
    mem_free(questions->flaws);
    arena_deinit(&questions->arena);
    *questions = (struct questions){0};
}

enum error_code questions_leave_out(struct questions *questions, bool (*is_left)(const struct question *question),
                                    const char *reason, struct error *error)
{
    size_t kept = 0;
    enum error_code code = OK;
    for (size_t i = 0; i < questions->count; i++) {
        if (!is_left(&questions->items[i]))
            questions->items[kept++] = questions->items[i];
        else if (code == OK)
            code = add_flaw(questions, questions->items[i].line, reason, error);
    }
    questions->count = kept;
    return code;
}

bool question_append_request(const struct question *question, bool is_bounded, struct buf *body)
{
    size_t tokens = ANSWER_TOKENS_MIN;
    for (size_t i = 0; i < question->reference.block_count; i++)
        tokens += 2 * (question->reference.blocks[i].text.len + question->reference.blocks[i].tool_name.len);
    buf_append_char(body, '{');
    buf_append_str(body, question->request);
    buf_append_text(body, ",\"inferenceConfig\":{\"temperature\":0");
    if (is_bounded && question->has_reference)
        buf_appendf(body, ",\"maxTokens\":%zu", tokens < ANSWER_TOKENS_MAX ? tokens : (size_t)ANSWER_TOKENS_MAX);
    return buf_append_text(body, "}}");
}

void questions_thin(struct questions *questions, size_t most)
{
    if (most == 0 || most >= questions->count)
        return;
    for (size_t i = 0; i < most; i++)
        questions->items[i] = questions->items[thinned_row(i, most, questions->count)];
    questions->count = most;
}
