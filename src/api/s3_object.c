/* Operations on one object that need one piece of work, and what all say of an object. */
#include <stdio.h>
#include <time.h>

#include "api/s3.h"
#include "core/xml.h"
#include "core/limits.h"

#define COPY_BYTES ((size_t)262144)

/* --- what is said of an object --- */

void s3_http_date(uint64_t us, char out[32])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(out, 32, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

void s3_append_etag(struct buf *out, const char *etag)
{
    buf_append_text(out, "&quot;");
    buf_append_text(out, etag);
    buf_append_text(out, "&quot;");
}

static void add_quoted_etag(struct s3 *s3, const char *etag)
{
    char quoted[OBJECTS_ETAG_MAX + 3];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
    s3_add_header(s3, "etag", str_of(quoted));
}

static void add_checksum(struct s3 *s3, const struct objects_info *info)
{
    struct str name = arena_printf(&s3->arena, "x-amz-checksum-%s", info->checksum_name);
    if (!info->checksum[0] || !name.data)
        return;
    s3_add_header(s3, name.data, str_of(info->checksum));
    s3_add_header(s3, "x-amz-checksum-type", info->checksum_is_composite ? STR("COMPOSITE") : STR("FULL_OBJECT"));
}

/* Headers kept with the object; a presigned link may put its own in their place. */
static void add_kept_headers(struct s3 *s3, const struct objects_info *info)
{
    static const char *const replaced[] = {"cache-control", "content-disposition", "content-encoding",
                                           "content-language", "content-type", "expires"};
    struct str rest = str_of(info->headers), line;
    struct str own[sizeof(replaced) / sizeof(replaced[0])];
    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        struct str parameter = arena_printf(&s3->arena, "response-%s", replaced[i]);
        own[i] = parameter.data ? s3_query(s3, parameter.data) : STR("");
        if (own[i].len > 0)
            s3_add_header(s3, replaced[i], own[i]);
        else if (!strcmp(replaced[i], "content-type"))
            s3_add_header(s3, "content-type", info->type[0] ? str_of(info->type) : STR("binary/octet-stream"));
    }
    while (str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find(line, STR(": "), 0);
        struct str name = arena_printf(&s3->arena, STR_FMT, STR_ARG(str_slice(line, 0, colon < 0 ? 0 : (size_t)colon)));
        bool is_replaced = colon <= 0 || !name.data;
        for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
            is_replaced = is_replaced || (own[i].len > 0 && str_eq(name, str_of(replaced[i])));
        if (!is_replaced)
            s3_add_header(s3, name.data, str_slice(line, (size_t)colon + 2, line.len));
    }
}

void s3_add_written_headers(struct s3 *s3, const struct objects_info *info)
{
    add_quoted_etag(s3, info->etag);
    add_checksum(s3, info);
}

/* A checksum of the whole would be wrong for a part of it. */
void s3_add_info_headers(struct s3 *s3, const struct objects_info *info, bool is_whole)
{
    char date[32];
    add_quoted_etag(s3, info->etag);
    s3_http_date(info->modified_us, date);
    s3_add_header(s3, "last-modified", str_of(date));
    s3_add_header(s3, "accept-ranges", STR("bytes"));
    add_kept_headers(s3, info);
    if (is_whole && str_eq_nocase(s3_header(s3, "x-amz-checksum-mode"), STR("ENABLED")))
        add_checksum(s3, info);
}

/* --- what is kept with an object --- */

static bool is_kept(struct str name)
{
    static const char *const kept[] = {"cache-control", "content-disposition", "content-language", "expires"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (str_eq(name, str_of(kept[i])))
            return true;
    return str_starts(name, STR("x-amz-meta-"));
}

/* The coding of the transfer is none of the object's. */
static void append_encodings(struct buf *out, struct str value)
{
    struct str coding;
    bool is_first = true;
    while (str_split(&value, ',', &coding)) {
        coding = str_trim(coding);
        if (coding.len == 0 || str_eq_nocase(coding, STR("aws-chunked")))
            continue;
        buf_append_text(out, is_first ? "content-encoding: " : ",");
        buf_append_str(out, coding);
        is_first = false;
    }
    if (!is_first)
        buf_append_char(out, '\n');
}

bool s3_put_options(struct s3 *s3, struct objects_put_options *options)
{
    struct buf headers;
    buf_init(&headers, OBJECTS_HEADERS_MAX);
    for (size_t i = 0; i < s3->request.header_count; i++) {
        const struct http_header *header = &s3->request.headers[i];
        if (str_eq(header->name, STR("content-encoding"))) {
            append_encodings(&headers, header->value);
        } else if (is_kept(header->name)) {
            buf_append_str(&headers, header->name);
            buf_append_text(&headers, ": ");
            buf_append_str(&headers, header->value);
            buf_append_char(&headers, '\n');
        }
    }
    *options = (struct objects_put_options){.expected_size = OBJECTS_SIZE_UNKNOWN,
                                            .type = s3_header(s3, "content-type"),
                                            .only_new = str_eq(s3_header(s3, "if-none-match"), STR("*"))};
    bool fits = !headers.failed && options->type.len <= OBJECTS_TYPE_MAX;
    if (!fits)
        s3_fail(s3, 400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size");
    else if (!arena_str(&s3->arena, buf_str(&headers), &options->headers))
        s3_fail_memory(s3);
    buf_deinit(&headers);
    return !s3_has_failed(s3);
}

/* --- conditions: RFC 9110, section 13 --- */

static bool names_etag(struct str list, const char *etag)
{
    struct str item;
    while (str_split(&list, ',', &item)) {
        item = str_trim(item);
        if (str_starts(item, STR("W/")))
            item = str_slice(item, 2, item.len);
        if (item.len >= 2 && item.data[0] == '"')
            item = str_slice(item, 1, item.len - 1);
        if (str_eq(item, STR("*")) || str_eq(item, str_of(etag)))
            return true;
    }
    return false;
}

static bool parse_http_date(struct str text, uint64_t *seconds)
{
    char copy[64];
    struct tm tm = {0};
    if (text.len >= sizeof(copy) || text.len == 0)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end)
        return false;
    *seconds = (uint64_t)timegm(&tm);
    return true;
}

static struct str condition(struct s3 *s3, const char *prefix, const char *name)
{
    struct str whole = arena_printf(&s3->arena, "%s%s", prefix, name);
    return whole.data ? s3_header(s3, whole.data) : STR("");
}

bool s3_check_conditions(struct s3 *s3, const struct objects_info *info, const char *prefix)
{
    struct str match = condition(s3, prefix, "if-match"), none = condition(s3, prefix, "if-none-match");
    uint64_t since_s, modified_s = info->modified_us / 1000000;
    bool has_failed = false, is_unmodified = false;
    if (match.data)
        has_failed = !names_etag(match, info->etag);
    else if (parse_http_date(condition(s3, prefix, "if-unmodified-since"), &since_s))
        has_failed = modified_s > since_s;
    if (none.data)
        is_unmodified = names_etag(none, info->etag);
    else if (parse_http_date(condition(s3, prefix, "if-modified-since"), &since_s))
        is_unmodified = modified_s <= since_s;
    if (!has_failed && !is_unmodified)
        return true;
    if (has_failed || prefix[0]) { /* a copy's conditions have one answer */
        s3_fail(s3, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        return false;
    }
    s3_fail(s3, 304, "NotModified", "Not Modified");
    add_quoted_etag(s3, info->etag);
    return false;
}

/* --- operations --- */

void s3_head_object(struct s3 *s3)
{
    struct objects_info info;
    struct error error;
    char length[24];
    enum objects_problem problem = objects_head(s3->objects, s3->tenant, s3->bucket, s3->key, &info, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    if (!s3_check_conditions(s3, &info, ""))
        return;
    (void)snprintf(length, sizeof(length), "%llu", (unsigned long long)info.size);
    s3_add_header(s3, "content-length", str_of(length));
    s3_add_info_headers(s3, &info, true);
}

void s3_delete_object(struct s3 *s3)
{
    struct error error;
    enum objects_problem problem = objects_delete(s3->objects, s3->tenant, s3->bucket, s3->key, &error);
    if (problem == OBJECTS_OK)
        s3->status = 204;
    else
        s3_fail_problem(s3, problem, &error);
}

/* --- DeleteObjects --- */

struct deletion {
    struct str *keys;
    size_t count;
    bool is_quiet, has_version;
    struct arena *arena;
};

static bool on_delete_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct deletion *deletion = ctx;
    if (str_eq(parent, STR("Object")) && str_eq(name, STR("Key"))) {
        if (deletion->count == OBJECTS_PAGE_MAX)
            return false;
        deletion->keys[deletion->count++] = text;
    } else if (str_eq(parent, STR("Object")) && str_eq(name, STR("VersionId"))) {
        deletion->has_version = deletion->has_version || (text.len > 0 && !str_eq(text, STR("null")));
    } else if (str_eq(parent, STR("Delete")) && str_eq(name, STR("Quiet"))) {
        deletion->is_quiet = str_eq(text, STR("true"));
    }
    return true;
}

static void delete_one(struct s3 *s3, const struct deletion *deletion, struct str key)
{
    struct error error;
    enum objects_problem problem = objects_delete(s3->objects, s3->tenant, s3->bucket, key, &error);
    if (problem == OBJECTS_OK && deletion->is_quiet)
        return;
    buf_append_text(&s3->body, problem == OBJECTS_OK ? "<Deleted>" : "<Error>");
    xml_append(&s3->body, "Key", key);
    if (problem != OBJECTS_OK) {
        xml_append(&s3->body, "Code", problem == OBJECTS_LONG_KEY ? STR("KeyTooLongError") : STR("InternalError"));
        xml_append(&s3->body, "Message", str_of(error.message));
    }
    buf_append_text(&s3->body, problem == OBJECTS_OK ? "</Deleted>" : "</Error>");
}

void s3_delete_objects(struct s3 *s3)
{
    struct deletion deletion = {.arena = &s3->arena};
    struct error error;
    enum objects_problem problem = objects_bucket_head(s3->objects, s3->tenant, s3->bucket, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    deletion.keys = arena_array(&s3->arena, OBJECTS_PAGE_MAX, sizeof(*deletion.keys));
    if (!deletion.keys) {
        s3_fail_memory(s3);
        return;
    }
    if (!xml_read(s3->request.body, &s3->arena, on_delete_element, &deletion) || deletion.count == 0) {
        s3_fail(s3, 400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our "
                                         "published schema: 1 to %d objects", OBJECTS_PAGE_MAX);
        return;
    }
    if (deletion.has_version) {
        s3_fail(s3, 501, "NotImplemented", "Versions are not implemented.");
        return;
    }
    buf_append_text(&s3->body, XML_HEAD "<DeleteResult" S3_XMLNS ">");
    for (size_t i = 0; i < deletion.count; i++)
        delete_one(s3, &deletion, deletion.keys[i]);
    buf_append_text(&s3->body, "</DeleteResult>");
}

/* --- copies --- */

/* BUCKET/KEY of x-amz-copy-source, encoded, with or without a slash before it. False: failed. */
static bool copy_source(struct s3 *s3, struct str *bucket, struct str *key)
{
    struct str source = s3_header(s3, "x-amz-copy-source"), rest;
    ptrdiff_t question = str_find_char(source, '?', 0);
    if (question >= 0) {
        s3_fail(s3, 501, "NotImplemented", "Versions are not implemented.");
        return false;
    }
    if (!http_percent_decode(source, &s3->arena, &rest)) {
        s3_fail(s3, 400, "InvalidArgument", "Invalid copy source encoding.");
        return false;
    }
    if (str_starts(rest, STR("/")))
        rest = str_slice(rest, 1, rest.len);
    if (str_split(&rest, '/', bucket) && rest.len > 0) {
        *key = rest;
        return true;
    }
    s3_fail(s3, 400, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    return false;
}

/* bytes=FIRST-LAST, both. False: failed. */
static bool copy_range(struct s3 *s3, uint64_t size, uint64_t *offset, uint64_t *len)
{
    struct str range = s3_header(s3, "x-amz-copy-source-range"), first;
    uint64_t last;
    *offset = 0;
    *len = size;
    if (!range.data)
        return true;
    struct str rest = str_slice(range, 6, range.len);
    if (str_starts(range, STR("bytes=")) && str_split(&rest, '-', &first) && str_to_u64(first, offset) &&
        str_to_u64(rest, &last) && *offset <= last && last < size) {
        *len = last - *offset + 1;
        return true;
    }
    s3_fail(s3, 400, "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy");
    return false;
}

static enum objects_problem copy_bytes(struct objects_reader *reader, struct objects_put *put, struct error *error)
{
    char *window = mem_alloc(COPY_BYTES);
    size_t len = 1;
    enum objects_problem problem = window ? OBJECTS_OK : OBJECTS_FAILED;
    if (!window)
        (void)error_no_memory(error);
    while (problem == OBJECTS_OK && len > 0) {
        problem = objects_reader_read(reader, window, COPY_BYTES, &len, error);
        if (problem == OBJECTS_OK)
            problem = objects_put_append(put, window, len, error);
    }
    mem_free(window);
    return problem;
}

static bool begin_copy(struct s3 *s3, const struct objects_info *info, uint64_t len, struct objects_put **put)
{
    struct objects_put_options options;
    struct error error;
    unsigned number = 0;
    struct str upload = s3_query(s3, "uploadId");
    if (!s3_put_options(s3, &options) || (upload.data && !s3_part_number(s3, &number)))
        return false;
    if (!str_eq_nocase(s3_header(s3, "x-amz-metadata-directive"), STR("REPLACE"))) {
        options.type = str_of(info->type);
        options.headers = str_of(info->headers);
    }
    options.expected_size = len;
    enum objects_problem problem =
        upload.data ? objects_upload_part(s3->objects, s3->tenant, s3->bucket, s3->key, upload, number, &options, put,
                                          &error)
                    : objects_put_begin(s3->objects, s3->tenant, s3->bucket, s3->key, &options, put, &error);
    if (problem == OBJECTS_OK && !upload.data && info->checksum[0])
        objects_put_checksum(*put, info->checksum_name, str_of(info->checksum), info->checksum_is_composite);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

/* The source opened between `info` and its bytes may be another: the ETag tells. */
static void copy(struct s3 *s3, const char *result)
{
    struct str bucket, key;
    struct objects_info info, copied;
    struct objects_reader *reader = NULL;
    struct objects_put *put = NULL;
    struct error error;
    uint64_t offset, len;
    char time[TIMESTAMP_LEN + 1];
    if (!copy_source(s3, &bucket, &key))
        return;
    enum objects_problem problem = objects_head(s3->objects, s3->tenant, bucket, key, &info, &error);
    if (problem == OBJECTS_OK && (!s3_check_conditions(s3, &info, "x-amz-copy-source-") ||
                                  !copy_range(s3, info.size, &offset, &len)))
        return;
    if (problem == OBJECTS_OK)
        problem = objects_reader_open(s3->objects, s3->tenant, bucket, key, offset, len, &copied, &reader, &error);
    if (problem == OBJECTS_OK && strcmp(copied.etag, info.etag) != 0)
        s3_fail(s3, 409, "ConditionalRequestConflict", "The source changed while it was copied, try again.");
    bool has_begun = problem == OBJECTS_OK && !s3_has_failed(s3) &&
                     begin_copy(s3, &info, len, &put);
    if (has_begun)
        problem = copy_bytes(reader, put, &error);
    objects_reader_close(reader);
    if (has_begun && problem == OBJECTS_OK)
        problem = objects_put_commit(put, &copied, &error);
    else
        objects_put_abort(put);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    if (s3_has_failed(s3))
        return;
    clock_iso8601(copied.modified_us, time);
    buf_appendf(&s3->body, XML_HEAD "<%s" S3_XMLNS ">", result);
    xml_append(&s3->body, "LastModified", str_of(time));
    buf_append_text(&s3->body, "<ETag>");
    s3_append_etag(&s3->body, copied.etag);
    buf_appendf(&s3->body, "</ETag></%s>", result);
}

void s3_copy_object(struct s3 *s3)
{
    copy(s3, "CopyObjectResult");
}

void s3_copy_part(struct s3 *s3)
{
    copy(s3, "CopyPartResult");
}
