/* Parts of request bodies that every dialect writes alike. */
#include "api/request_write.h"

#include <stdio.h>

#include "core/limits.h"

void request_item(struct buf *out)
{
    char last = out->len > 0 ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[')
        buf_append_char(out, ',');
}

void request_key(struct buf *out, const char *key)
{
    request_item(out);
    buf_appendf(out, "\"%s\":", key);
}

void request_text(struct buf *out, const char *key, struct str text)
{
    request_key(out, key);
    buf_append_json(out, text);
}

/* The shortest form that reads back as the same number. */
void request_number(struct buf *out, const char *key, double value)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        double back;
        if (str_to_double(str_of(text), &back) && back == value)
            break;
    }
    request_key(out, key);
    buf_append_text(out, text);
}

enum error_code request_refuse(const struct request_writer *writer, const char *where, const char *what)
{
    return field_error(writer->error, where ? where : "messages", "",
                       "%s can't be sent on to an upstream that speaks %s", what, writer->dialect);
}

void request_extras(const struct request_writer *writer, const char *where, const char *const *skipped)
{
    for (const struct chat_extra *extra = writer->request->extras; extra; extra = extra->next) {
        if (strcmp(extra->where, where) != 0 || (skipped && fields_index(extra->name, skipped) >= 0))
            continue;
        request_item(writer->out);
        buf_append_json(writer->out, extra->name);
        buf_append_char(writer->out, ':');
        json_append(writer->out, extra->raw);
    }
}

yyjson_val *request_extra(const struct chat_request *request, const char *name)
{
    for (const struct chat_extra *extra = request->extras; extra; extra = extra->next)
        if (extra->where[0] == '\0' && str_eq(extra->name, str_of(name)))
            return extra->raw;
    return NULL;
}

enum error_code request_check(const struct request_writer *writer, const char *const *said)
{
    static const char *const hard[] = {"guardrailConfig", "amazon-bedrock-guardrailConfig", "mcp_servers", "container",
                                       "logit_bias", "web_search_options", "documents", "guided_json", "guided_regex",
                                       "guided_grammar", NULL};
    const struct chat_request *request = writer->request;
    if (request->raw_prompt.data)
        return request_refuse(writer, "prompt", "a prompt in a model's own words");
    if (writer->is_own && request->is_extra_lost)
        return field_error(writer->error, "", "", "the body has more than %d members that are not known here",
                           LIMIT_EXTRAS);
    for (const struct chat_extra *extra = request->extras; extra && !writer->is_own; extra = extra->next) {
        bool is_empty = yyjson_is_arr(extra->raw) && yyjson_arr_size(extra->raw) == 0;
        int which = extra->where[0] || is_empty ? -1 : fields_index(extra->name, hard);
        if (which >= 0 && fields_index(extra->name, said) < 0)
            return request_refuse(writer, hard[which], "it");
    }
    return OK;
}

struct str request_effort(const struct chat_request *request)
{
    static const char *const places[] = {"outputConfig", "output_config", "reasoning", NULL};
    for (size_t i = 0; places[i]; i++) {
        yyjson_val *effort = yyjson_obj_get(request_extra(request, places[i]), "effort");
        if (yyjson_is_str(effort))
            return json_str(effort);
    }
    struct str effort = json_str(request_extra(request, "reasoning_effort"));
    bool is_none = str_eq(effort, STR("none")) || str_eq(effort, STR("minimal"));
    return is_none ? (struct str){0} : effort;
}

void request_document_text(struct buf *out, const struct chat_block *block)
{
    struct buf text;
    buf_init(&text, out->max);
    buf_append_text(&text, "<document name=\"");
    buf_append_str(&text, block->name);
    buf_append_text(&text, "\">\n");
    buf_append_str(&text, block->text);
    buf_append_text(&text, "\n</document>");
    if (text.failed)
        out->failed = true;
    buf_append_json(out, buf_str(&text));
    buf_deinit(&text);
}

enum error_code request_messages(struct request_writer *writer, request_blocks *append_blocks)
{
    static const char *const roles[] = {[CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    const struct chat_request *request = writer->request;
    struct buf *out = writer->out;
    enum error_code code = OK;
    request_key(out, "messages");
    buf_append_char(out, '[');
    for (size_t i = 0; i < request->message_count && code == OK; i++) {
        const struct chat_message *message = &request->messages[i];
        request_item(out);
        if (writer->is_own && message->raw) {
            json_append(out, message->raw);
            continue;
        }
        buf_appendf(out, "{\"role\":\"%s\"", roles[message->role]);
        code = append_blocks(writer, "content", message->blocks, message->block_count);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    return code;
}

enum error_code request_done(const struct request_writer *writer)
{
    return writer->out->failed ? error_no_memory(writer->error) : OK;
}
