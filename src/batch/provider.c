/* provider.c - see provider.h. */
#include "batch/provider.h"

#include <stdio.h>

#include "core/util.h"

bool provider_has_batches(enum upstream_kind kind)
{
    return kind == UPSTREAM_OPENAI || kind == UPSTREAM_ANTHROPIC;
}

bool provider_uploads(enum upstream_kind kind)
{
    return kind == UPSTREAM_OPENAI;
}

/* --- what goes there ---------------------------------------------------------------------------------------- */

#define PART_HEAD "--" PROVIDER_BOUNDARY "\r\nContent-Disposition: form-data; name="

void provider_append_begin(enum upstream_kind kind, struct buf *out)
{
    if (kind == UPSTREAM_OPENAI)
        buf_append_text(out, PART_HEAD "\"purpose\"\r\n\r\nbatch\r\n" PART_HEAD "\"file\"; filename=\"batch.jsonl\"\r\n"
                             "Content-Type: application/octet-stream\r\n\r\n");
    else
        buf_append_text(out, "{\"requests\":[");
}

void provider_append_record(enum upstream_kind kind, struct buf *out, bool is_first, const char *job_id,
                            uint64_t number, struct str body)
{
    if (kind != UPSTREAM_OPENAI && !is_first)
        buf_append_char(out, ',');
    buf_appendf(out, "{\"custom_id\":\"%s-%llu\",", job_id, (unsigned long long)number);
    buf_append_text(out, kind == UPSTREAM_OPENAI ? "\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":"
                                                 : "\"params\":");
    buf_append_str(out, body);
    buf_append_text(out, kind == UPSTREAM_OPENAI ? "}\n" : "}");
}

void provider_append_end(enum upstream_kind kind, struct buf *out)
{
    buf_append_text(out, kind == UPSTREAM_OPENAI ? "\r\n--" PROVIDER_BOUNDARY "--\r\n" : "]}");
}

void provider_append_create(struct buf *out, const char *file, const char *key)
{
    buf_append_text(out, "{\"input_file_id\":");
    buf_append_json(out, str_of(file));
    buf_appendf(out, ",\"endpoint\":\"/v1/chat/completions\",\"completion_window\":\"24h\","
                "\"metadata\":{\"fulcrum\":\"%s\"}}", key);
}

void provider_path_of(enum upstream_kind kind, enum provider_path which, const char *id, char path[PROVIDER_PATH_MAX])
{
    static const char *const paths[2][PROVIDER_RESULTS + 1] = {
        {[PROVIDER_UPLOAD] = "/files%s", [PROVIDER_CREATE] = "/batches%s", [PROVIDER_LIST] = "/batches?limit=100%s",
         [PROVIDER_GET] = "/batches/%s", [PROVIDER_CANCEL] = "/batches/%s/cancel",
         [PROVIDER_RESULTS] = "/files/%s/content"},
        {[PROVIDER_UPLOAD] = "%s", [PROVIDER_CREATE] = "/v1/messages/batches%s",
         [PROVIDER_LIST] = "/v1/messages/batches?limit=100%s", [PROVIDER_GET] = "/v1/messages/batches/%s",
         [PROVIDER_CANCEL] = "/v1/messages/batches/%s/cancel", [PROVIDER_RESULTS] = "/v1/messages/batches/%s/results"},
    };
    char part[PROVIDER_ID_MAX + 16];
    if (which == PROVIDER_LIST && id[0])
        (void)snprintf(part, sizeof(part), kind == UPSTREAM_OPENAI ? "&after=%s" : "&after_id=%s", id);
    else
        (void)snprintf(part, sizeof(part), "%s", which <= PROVIDER_CREATE ? "" : id);
    /* The formats are those above, each with one text. */
    const char *format = paths[kind == UPSTREAM_ANTHROPIC][which];
    const char *at = strstr(format, "%s");
    (void)snprintf(path, PROVIDER_PATH_MAX, "%.*s%s%s", (int)(at - format), format, part, at + 2);
}

/* Of documents of both kinds: numbers may be the text that they were written as. */
static uint64_t read_uint(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    uint64_t number = 0;
    if (yyjson_is_raw(value))
        (void)str_to_u64((struct str){yyjson_get_raw(value), yyjson_get_len(value)}, &number);
    else
        number = yyjson_get_uint(value);
    return number;
}

/* --- what it says of a batch ----------------------------------------------------------------------------------- */

/* IDs become parts of paths: any other character is left out, and nothing is found under what is left. */
static void copy_id(yyjson_val *object, const char *name, char *out, size_t size)
{
    const struct str text = json_str(yyjson_obj_get(object, name));
    size_t len = 0;
    for (size_t i = 0; i < text.len && len + 1 < size; i++) {
        const char c = text.data[i];
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_word || c == '_' || c == '-' || c == '.')
            out[len++] = c;
    }
    out[len] = '\0';
}

static void read_openai(yyjson_val *root, struct provider_batch *batch)
{
    static const char *const ends[] = {"completed", "failed", "expired", "cancelled"};
    const struct str status = json_str(yyjson_obj_get(root, "status"));
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        batch->has_ended = batch->has_ended || str_eq(status, str_of(ends[i]));
    copy_id(yyjson_obj_get(root, "metadata"), "fulcrum", batch->key, sizeof(batch->key));
    copy_id(root, "output_file_id", batch->files[0], sizeof(batch->files[0]));
    copy_id(root, "error_file_id", batch->files[1], sizeof(batch->files[1]));
    batch->has_results = batch->files[0][0] || batch->files[1][0];
    batch->total = read_uint(yyjson_obj_get(root, "request_counts"), "total");
    batch->created_s = read_uint(root, "created_at");
}

static void read_anthropic(yyjson_val *root, struct provider_batch *batch)
{
    static const char *const names[] = {"processing", "succeeded", "errored", "canceled", "expired"};
    yyjson_val *counts = yyjson_obj_get(root, "request_counts");
    uint64_t created_us = 0;
    struct str created = json_str(yyjson_obj_get(root, "created_at"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        batch->total += read_uint(counts, names[i]);
    batch->has_ended = yyjson_equals_str(yyjson_obj_get(root, "processing_status"), "ended");
    batch->has_results = batch->has_ended && json_str(yyjson_obj_get(root, "results_url")).len > 0;
    if (str_ends(created, STR("+00:00")))
        created = str_slice(created, 0, created.len - 6);
    if (clock_parse(created, &created_us))
        batch->created_s = created_us / 1000000;
}

bool provider_read_batch(enum upstream_kind kind, yyjson_val *root, struct provider_batch *batch)
{
    *batch = (struct provider_batch){0};
    copy_id(root, "id", batch->id, sizeof(batch->id));
    if (kind == UPSTREAM_OPENAI)
        read_openai(root, batch);
    else
        read_anthropic(root, batch);
    return batch->id[0] != '\0';
}

/* --- its results ------------------------------------------------------------------------------------------------- */

static bool read_number(yyjson_val *root, const char *job_id, uint64_t *number)
{
    const struct str id = json_str(yyjson_obj_get(root, "custom_id")), job = str_of(job_id);
    return str_starts(id, job) && id.len > job.len + 1 && id.data[job.len] == '-' &&
           str_to_u64(str_slice(id, job.len + 1, id.len), number);
}

/* Of statuses of a request that is wrong itself. */
static bool is_own_fault(uint64_t status)
{
    return status == 400 || status == 413 || status == 422;
}

static void read_openai_result(yyjson_val *root, struct provider_result *result)
{
    yyjson_val *response = yyjson_obj_get(root, "response");
    const uint64_t status = read_uint(response, "status_code");
    result->body = yyjson_obj_get(response, "body");
    if (status >= 200 && status < 300 && yyjson_is_obj(result->body)) {
        result->fate = PROVIDER_SUCCEEDED;
    } else if (is_own_fault(status)) {
        result->fate = PROVIDER_REFUSED;
        result->message = json_str(yyjson_obj_get(yyjson_obj_get(result->body, "error"), "message"));
    }
}

static void read_anthropic_result(yyjson_val *root, struct provider_result *result)
{
    yyjson_val *found = yyjson_obj_get(root, "result"), *error = yyjson_obj_get(found, "error");
    if (yyjson_obj_get(error, "error"))
        error = yyjson_obj_get(error, "error");
    const struct str kind = json_str(yyjson_obj_get(error, "type"));
    result->body = yyjson_obj_get(found, "message");
    if (yyjson_equals_str(yyjson_obj_get(found, "type"), "succeeded") && yyjson_is_obj(result->body)) {
        result->fate = PROVIDER_SUCCEEDED;
    } else if (str_eq(kind, STR("invalid_request_error")) || str_eq(kind, STR("invalid_request")) ||
               str_eq(kind, STR("request_too_large"))) {
        result->fate = PROVIDER_REFUSED;
        result->message = json_str(yyjson_obj_get(error, "message"));
    }
}

bool provider_read_result(enum upstream_kind kind, yyjson_val *root, const char *job_id, struct provider_result *result)
{
    *result = (struct provider_result){.fate = PROVIDER_UNDONE};
    if (!read_number(root, job_id, &result->number))
        return false;
    if (kind == UPSTREAM_OPENAI)
        read_openai_result(root, result);
    else
        read_anthropic_result(root, result);
    return true;
}
