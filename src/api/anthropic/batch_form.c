/* batch_form.c - the requests of Anthropic's batches of messages: how a body is cut into lines, and what is said of
 * each line's reply. See batches.h. */
#include "api/anthropic/batches.h"

#include "api/anthropic/dialect.h"
#include "api/native/native.h"
#include "batch/ids.h"
#include "core/json_copy.h"
#include "core/limits.h"

#define ID_MAX 64
#define OUTSIDE_MAX ((size_t)1 << 20) /* of a body, besides its requests */

/* --- a body's requests ------------------------------------------------------------------------------------ */

static bool is_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.data[i];
        const bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                             c == '-';
        if (!is_fine)
            return false;
    }
    return id.len > 0 && id.len <= ID_MAX;
}

/* What stands around the requests is one object, and small. */
static enum error_code check_outside(struct str body, struct str requests, struct error *error)
{
    struct buf outside;
    yyjson_doc *doc = NULL;
    buf_init(&outside, OUTSIDE_MAX);
    const size_t before = (size_t)(requests.data - body.data);
    buf_append(&outside, body.data, before);
    buf_append_text(&outside, "[]");
    buf_append_str(&outside, str_slice(body, before + requests.len, body.len));
    enum error_code code = outside.failed ? error_set(error, ERROR_INVALID, "The body is not JSON.")
                                          : json_parse(buf_str(&outside), &doc, error);
    json_free(doc);
    buf_deinit(&outside);
    return code;
}

static enum error_code take_request(struct anthropic_requests *requests, struct str element, struct id_set *ids,
                                    struct error *error)
{
    yyjson_doc *doc = NULL;
    struct str id = {0};
    struct buf line;
    bool is_new = true;
    const size_t at = requests->count++;
    if (element.len > limit(batch_record_bytes))
        return error_set(error, ERROR_INVALID, "requests.%zu: has more than %llu bytes", at,
                         (unsigned long long)limit(batch_record_bytes));
    enum error_code code = json_parse_exact(element, &doc, error);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (code == OK && !yyjson_is_obj(root))
        code = error_set(error, ERROR_INVALID, "expected an object, got %s", json_type_name(root));
    if (code == OK)
        code = json_get_str(root, "", "custom_id", &id, NULL, error);
    if (code == OK && !is_id(id))
        code = error_set(error, ERROR_INVALID, "custom_id: must have 1 to %d of the characters a-z, A-Z, 0-9, _ and -",
                         ID_MAX);
    if (code == OK && !yyjson_is_obj(yyjson_obj_get(root, "params")))
        code = error_set(error, ERROR_INVALID, "params: required, an object");
    if (code == OK)
        code = id_set_add(ids, id, &is_new, error);
    if (code == OK && !is_new)
        code = error_set(error, ERROR_INVALID, "custom_id: '" STR_FMT "' is that of an earlier request", STR_ARG(id));
    buf_init(&line, element.len + OUTSIDE_MAX);
    if (code == OK && !json_append(&line, root))
        code = error_no_memory(error);
    json_free(doc);
    if (code == ERROR_INVALID)
        code = error_prefix(error, "requests.%zu", at);
    if (code == OK)
        code = requests->take(requests->ctx, buf_str(&line), error);
    buf_deinit(&line);
    return code;
}

static enum error_code no_requests(struct str body, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = body.len <= OUTSIDE_MAX ? json_parse(body, &doc, error) : OK;
    json_free(doc);
    return code == OK ? error_set(error, ERROR_INVALID, "requests: required, an array of requests") : code;
}

enum error_code anthropic_split_requests(struct str body, struct anthropic_requests *requests, struct error *error)
{
    const struct str array = json_copy_find(body, "requests");
    struct str rest = array, element;
    struct id_set ids = {0};
    requests->count = 0;
    if (!array.data || array.len == 0 || array.data[0] != '[')
        return no_requests(body, error);
    enum error_code code = check_outside(body, array, error);
    while (code == OK && json_copy_element(&rest, &element)) {
        if (requests->count == limit(batch_file_records))
            code = error_set(error, ERROR_INVALID, "requests: there are more than %llu",
                             (unsigned long long)limit(batch_file_records));
        else
            code = take_request(requests, element, &ids, error);
    }
    id_set_deinit(&ids);
    if (code == OK && rest.len > 0)
        code = error_set(error, ERROR_INVALID, "requests.%zu: the body is not JSON", requests->count);
    if (code == OK && requests->count == 0)
        code = error_set(error, ERROR_INVALID, "requests: there must be one at least");
    return code;
}

/* --- what comes of one --------------------------------------------------------------------------------------- */

static const char *operation(const struct batch_job *job)
{
    (void)job;
    return "Messages";
}

static const struct codec *codec_of(const struct batch_job *job)
{
    (void)job;
    return &anthropic_codec;
}

static struct str version_of(const struct batch_job *job)
{
    return job->endpoint;
}

static bool append_output(struct buf *out, struct str body, const char *request_id)
{
    (void)request_id;
    buf_append_text(out, "\"result\":{\"type\":\"succeeded\",\"message\":");
    buf_append_str(out, body);
    return buf_append_char(out, '}');
}

static bool append_error(struct buf *out, const struct error *error, const char *request_id)
{
    const struct dialect_error known = anthropic_dialect.of_code(error->code);
    buf_append_text(out, "\"result\":{\"type\":\"errored\",\"error\":");
    (void)anthropic_dialect.append_error(out, &known, str_of(dialect_message(&anthropic_dialect, error)), request_id);
    return buf_append_char(out, '}');
}

static bool append_missing(struct buf *out, enum batch_missing why)
{
    if (why == BATCH_MISSING_FAILED)
        return buf_append_text(out,
                               "\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\",\"error\":{\"type\":"
                                    "\"api_error\",\"message\":\"The server failed on the batch.\"}}}");
    return buf_appendf(out, "\"result\":{\"type\":\"%s\"}", why == BATCH_MISSING_STOPPED ? "canceled" : "expired");
}

const struct batch_form anthropic_batch_form = {
    .dialect = "anthropic",
    .id_member = "custom_id",
    .input_member = "params",
    .names_model = true,
    .owns_input = true,
    .output_purpose = ".message_batch_results",
    .output_name = "msgbatch",
    .operation = operation,
    .codec = codec_of,
    .api_version = version_of,
    .append_output = append_output,
    .append_error = append_error,
    .append_missing = append_missing,
};
