/* Records of JSONL files: the lines that come, and the lines that go. */
#include "batch/record.h"

#include "core/json_copy.h"

static enum error_code read_members(yyjson_val *root, struct batch_record *record, struct error *error)
{
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    yyjson_val *input = yyjson_obj_get(root, "modelInput");
    if (yyjson_is_obj(input))
        record->input = input;
    enum error_code code = json_get_str(root, "", "recordId", &record->id, NULL, error);
    if (code == OK && !input)
        code = error_set(error, ERROR_INVALID, "modelInput: is missing");
    else if (code == OK && !record->input)
        code = error_set(error, ERROR_INVALID, "modelInput: expected an object, got %s", json_type_name(input));
    return code;
}

enum error_code record_parse(struct str line, struct batch_record *record, struct error *error)
{
    *record = (struct batch_record){0};
    enum error_code code = json_parse_exact(line, &record->document, error);
    if (code != OK)
        return code == ERROR_INVALID ? error_prefix(error, "The line is not JSON") : code;
    return read_members(yyjson_doc_get_root(record->document), record, error);
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

bool record_append_output(struct buf *out, struct str body)
{
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
    case ERROR_NOT_READY: return 429;
    case ERROR_UNAVAILABLE: return 503;
    default: return 500;
    }
}

bool record_append_error(struct buf *out, const struct error *error)
{
    unsigned status = status_of(error->code);
    buf_appendf(out, "\"error\":{\"errorCode\":%u,\"errorMessage\":", status);
    buf_append_json(out, status == 500 ? STR("The server failed on this record; its log says why.")
                                       : str_of(error->message));
    return buf_append_char(out, '}');
}

/* By what the line's document says, or what there is of it. */
static void append_parsed(struct buf *out, struct str line, uint64_t number)
{
    struct batch_record record;
    struct error ignored;
    (void)!record_parse(line, &record, &ignored);
    append_id(out, record.id, number);
    buf_append_text(out, ",\"modelInput\":");
    if (record.input)
        json_append(out, record.input);
    else
        buf_append_text(out, "null");
    record_free(&record);
}

/* The same bytes for a line that was parsed once, when it came: out of its text. */
static void append_copied(struct buf *out, struct str line, uint64_t number)
{
    const struct str id = json_copy_find(line, "recordId"), input = json_copy_find(line, "modelInput");
    struct buf text;
    buf_init(&text, id.len);
    const bool has_id = json_copy_string(&text, id);
    append_id(out, has_id ? buf_str(&text) : (struct str){NULL, 0}, number);
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
    buf_append_text(out, ",\"modelInput\":");
    if (input.len > 0 && input.data[0] == '{')
        json_copy_append(out, input);
    else
        buf_append_text(out, "null");
}

bool record_append_line(struct buf *out, struct str line, bool is_json, uint64_t number, struct str outcome)
{
    buf_append_text(out, "{\"recordId\":");
    if (is_json)
        append_copied(out, line, number);
    else
        append_parsed(out, line, number);
    buf_append_char(out, ',');
    buf_append_str(out, outcome);
    return buf_append_text(out, "}\n");
}
