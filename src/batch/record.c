/* Records of JSONL files: the lines that come, and the lines that go. */
#include "batch/record.h"

#include "core/json_copy.h"

static enum error_code read_members(const struct batch_form *form, yyjson_val *root, struct batch_record *record,
                                    struct error *error)
{
    const char *name = form->input_member;
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    yyjson_val *input = yyjson_obj_get(root, name);
    if (yyjson_is_obj(input))
        record->input = input;
    enum error_code code = json_get_str(root, "", form->id_member, &record->id, NULL, error);
    if (code == OK && !input)
        code = error_set(error, ERROR_INVALID, "%s: is missing", name);
    else if (code == OK && !record->input)
        code = error_set(error, ERROR_INVALID, "%s: expected an object, got %s", name, json_type_name(input));
    if (code == OK && form->names_model)
        code = json_get_str(record->input, name, "model", &record->model, NULL, error);
    if (code == OK && form->names_model && record->model.len == 0)
        code = error_set(error, ERROR_INVALID, "%s.model: is missing", name);
    return code;
}

enum error_code record_parse(const struct batch_form *form, struct str line, struct batch_record *record,
                             struct error *error)
{
    *record = (struct batch_record){0};
    enum error_code code = json_parse_exact(line, &record->document, error);
    if (code != OK)
        return code == ERROR_INVALID ? error_prefix(error, "The line is not JSON") : code;
    return read_members(form, yyjson_doc_get_root(record->document), record, error);
}

void record_free(struct batch_record *record)
{
    json_free(record->document);
    *record = (struct batch_record){0};
}

static void append_id(struct buf *out, struct str id, uint64_t number)
{
    if (id.data)
        buf_append_json(out, id);
    else
        buf_appendf(out, "\"R%010llu\"", (unsigned long long)number + 1);
}

/* --- Bedrock's form ------------------------------------------------------------------------------------ */

static bool append_output(struct buf *out, struct str body, const char *request_id)
{
    (void)request_id;
    buf_append_text(out, "\"modelOutput\":");
    return buf_append_str(out, body);
}

static unsigned status_of(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
    case ERROR_QUOTA: return 400;
    case ERROR_DENIED: return 403;
    case ERROR_NOT_FOUND: return 404;
    case ERROR_TIMEOUT: return 408;
    case ERROR_MODEL: return 424;
    case ERROR_THROTTLED:
    case ERROR_BUDGET:
    case ERROR_NOT_READY: return 429;
    case ERROR_UNAVAILABLE: return 503;
    default: return 500;
    }
}

static bool append_error(struct buf *out, const struct error *error, const char *request_id)
{
    (void)request_id;
    unsigned status = status_of(error->code);
    buf_appendf(out, "\"error\":{\"errorCode\":%u,\"errorMessage\":", status);
    buf_append_json(out, status == 500 ? STR("The server failed on this record; its log says why.")
                                       : str_of(error->message));
    return buf_append_char(out, '}');
}

static const char *operation(const struct batch_job *job)
{
    return batch_type_name(job->type);
}

static const struct codec *codec_of(const struct batch_job *job)
{
    return job->type == BATCH_CONVERSE ? codec_find(STR("converse")) : NULL;
}

const struct batch_form batch_bedrock_form = {
    .dialect = "bedrock",
    .id_member = "recordId",
    .input_member = "modelInput",
    .echoes_input = true,
    .operation = operation,
    .codec = codec_of,
    .append_output = append_output,
    .append_error = append_error,
};

/* --- the line of the output ---------------------------------------------------------------------------- */

static void append_input_name(const struct batch_form *form, struct buf *out)
{
    buf_appendf(out, ",\"%s\":", form->input_member);
}

/* By what the line's document says, or what there is of it. */
static void append_parsed(const struct batch_form *form, struct buf *out, const struct record_line *line)
{
    struct batch_record record;
    struct error ignored;
    (void)!record_parse(form, line->text, &record, &ignored);
    append_id(out, record.id, line->number);
    if (form->echoes_input)
        append_input_name(form, out);
    if (form->echoes_input && record.input)
        json_append(out, record.input);
    else if (form->echoes_input)
        buf_append_text(out, "null");
    record_free(&record);
}

/* The same bytes for a line that was parsed once, when it came: out of its text. */
static void append_copied(const struct batch_form *form, struct buf *out, const struct record_line *line)
{
    const struct str id = json_copy_find(line->text, form->id_member);
    struct buf text;
    buf_init(&text, id.len);
    const bool has_id = json_copy_string(&text, id);
    append_id(out, has_id ? buf_str(&text) : (struct str){NULL, 0}, line->number);
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
    if (!form->echoes_input)
        return;
    const struct str input = json_copy_find(line->text, form->input_member);
    append_input_name(form, out);
    if (input.len > 0 && input.data[0] == '{')
        json_copy_append(out, input);
    else
        buf_append_text(out, "null");
}

bool record_append_line(const struct batch_form *form, struct buf *out, const struct record_line *line,
                        struct str outcome)
{
    buf_append_char(out, '{');
    if (form->append_head)
        form->append_head(out, line->request_id);
    buf_appendf(out, "\"%s\":", form->id_member);
    if (line->is_json)
        append_copied(form, out, line);
    else
        append_parsed(form, out, line);
    buf_append_char(out, ',');
    buf_append_str(out, outcome);
    return buf_append_text(out, "}\n");
}
