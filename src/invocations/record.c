/* record.c - the JSON of a record, members by the service's names. Bodies go in as they came, without white space
 * between their tokens, since a record is one line. See record.h. */
#include "invocations/record.h"

#include "core/json.h"
#include "core/json_copy.h"

#define SECONDS_LEN 19 /* "2026-11-24T12:34:56" of a timestamp */

static void append_count(struct buf *out, const char *name, uint64_t value)
{
    buf_appendf(out, ",\"%s\":", name);
    buf_append_u64(out, value);
}

/* The tenant stands for the user whose key it is, as the token service says. */
static void append_identity(struct buf *out, const struct settings *settings)
{
    struct buf arn;
    buf_init(&arn, 4096);
    buf_append_text(&arn, "arn:aws:iam::");
    buf_append_str(&arn, settings->account);
    buf_append_text(&arn, ":user/");
    buf_append_str(&arn, settings->tenant);
    buf_append_text(out, ",\"identity\":{\"arn\":");
    buf_append_json(out, buf_str(&arn));
    buf_append_char(out, '}');
    out->failed = out->failed || arn.failed;
    buf_deinit(&arn);
}

void record_write_head(struct invocation *invocation, const struct invocation_facts *facts)
{
    const struct settings *settings = invocation->settings;
    struct buf *out = &invocation->head;
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(invocation->wall_us, time);
    buf_appendf(out, "{\"schemaType\":\"ModelInvocationLog\",\"schemaVersion\":\"1.0\",\"timestamp\":\"%.*sZ\"",
                SECONDS_LEN, time);
    json_append_member(out, "accountId", settings->account);
    append_identity(out, settings);
    json_append_member(out, "region", settings->region);
    json_append_member(out, "requestId", facts->request_id);
    json_append_member(out, "operation", facts->operation);
    json_append_member(out, "modelId", facts->model_id);
    if (facts->is_regional)
        json_append_member(out, "inferenceRegion", settings->region);
    if (facts->error_code.len > 0)
        json_append_member(out, "errorCode", facts->error_code);
    if (facts->metadata.len > 0) {
        buf_append_text(out, ",\"requestMetadata\":");
        buf_append_str(out, facts->metadata);
    }
    buf_append_text(out, ",\"input\":{\"inputContentType\":");
    buf_append_json(out, facts->content_type.len > 0 ? facts->content_type : STR("application/json"));
}

/* Of a request that was not understood nobody knows whether its body is JSON. */
static bool is_json(const struct invocation *invocation)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    const bool is_one = invocation->is_input_json ||
                        json_parse_exact(buf_str(&invocation->input), &doc, &ignored) == OK;
    json_free(doc);
    return is_one;
}

static void append_input(struct invocation *invocation, struct str path, struct buf *out)
{
    const struct str body = buf_str(&invocation->input);
    if (path.len > 0) {
        json_append_member(out, "inputBodyS3Path", path);
    } else if (body.len > 0) {
        buf_append_text(out, ",\"inputBodyJson\":");
        if (!is_json(invocation))
            buf_append_json(out, body);
        else if (!json_copy_append(out, body))
            out->failed = true;
    }
    append_count(out, "inputTokenCount", invocation->input_tokens);
    append_count(out, "cacheReadInputTokenCount", invocation->cache_read_tokens);
    append_count(out, "cacheWriteInputTokenCount", invocation->cache_write_tokens);
    buf_append_char(out, '}');
}

static void append_output(const struct invocation *invocation, struct str path, struct buf *out)
{
    const struct str body = buf_str(&invocation->output);
    buf_append_text(out, ",\"output\":{\"outputContentType\":\"application/json\"");
    if (path.len > 0) {
        json_append_member(out, "outputBodyS3Path", path);
    } else if (body.len > 0) {
        buf_append_text(out, ",\"outputBodyJson\":");
        buf_append_str(out, body); /* by our own writers: one line */
    }
    append_count(out, "outputTokenCount", invocation->output_tokens);
    buf_append_char(out, '}');
}

/* How many bytes of UTF-8 at `text` are a character that JSON lets stand in a string, and at which many readers end a
 * line all the same: NEL, LS, PS. 0: none. */
static size_t line_end(const char *text, size_t len, unsigned *character)
{
    if (len >= 2 && memcmp(text, "\xc2\x85", 2) == 0) {
        *character = 0x85;
        return 2;
    }
    if (len < 3 || (memcmp(text, "\xe2\x80\xa8", 3) != 0 && memcmp(text, "\xe2\x80\xa9", 3) != 0))
        return 0;
    *character = text[2] == '\xa8' ? 0x2028 : 0x2029;
    return 3;
}

/* They stand inside strings alone, so an escape says the same. */
static void append_line(struct buf *out, struct str text)
{
    size_t from = 0, i = 0;
    while (i < text.len) {
        unsigned character = 0;
        const bool may_be = text.data[i] == '\xc2' || text.data[i] == '\xe2';
        const size_t len = may_be ? line_end(text.data + i, text.len - i, &character) : 0;
        if (len > 0) {
            buf_append_str(out, str_slice(text, from, i));
            buf_appendf(out, "\\u%04x", character);
            from = i + len;
        }
        i += len > 0 ? len : 1;
    }
    buf_append_str(out, str_slice(text, from, text.len));
}

bool record_write(struct invocation *invocation, const struct record_paths *paths, struct buf *out)
{
    struct buf record;
    buf_init(&record, RECORD_LINE_MAX);
    buf_append_str(&record, buf_str(&invocation->head));
    append_input(invocation, paths->input, &record);
    if (invocation->has_output)
        append_output(invocation, paths->output, &record);
    buf_append_char(&record, '}');
    append_line(out, buf_str(&record));
    out->failed = out->failed || record.failed;
    buf_deinit(&record);
    return buf_append_char(out, '\n');
}
