/* record.c - parses a line of input, and writes a line of output. See record.h. */
#include "batch/record.h"

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

bool record_append_line(struct buf *out, struct str line, uint64_t number, struct str outcome)
{
    struct batch_record record;
    struct error ignored;
    (void)!record_parse(line, &record, &ignored);
    buf_append_text(out, "{\"recordId\":");
    if (record.id.data)
        buf_append_json(out, record.id);
    else
        buf_appendf(out, "\"R%010llu\"", (unsigned long long)number + 1);
    buf_append_text(out, ",\"modelInput\":");
    if (record.input)
        json_append(out, record.input);
    else
        buf_append_text(out, "null");
    buf_append_char(out, ',');
    buf_append_str(out, outcome);
    record_free(&record);
    return buf_append_text(out, "}\n");
}
