/* CopyObject and UploadPartCopy: a worker reads one object and writes another. */
#include "core/xml.h"
#include "s3/s3.h"

#define COPY_BYTES ((size_t)262144)

/* BUCKET/KEY of x-amz-copy-source, encoded, with or without a slash before it. False: failed. */
static bool copy_source(struct s3 *s3, struct str *bucket, struct str *key)
{
    struct str source = s3_header(s3, "x-amz-copy-source"), rest;
    ptrdiff_t question = str_find_char(source, '?', 0);
    if (question >= 0 && !str_eq(str_slice(source, (size_t)question, source.len), STR("?versionId=null"))) {
        s3_fail(s3, 404, "NoSuchVersion", "The specified version does not exist: there is 'null' only.");
        return false;
    }
    if (question >= 0)
        source.len = (size_t)question;
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

/* The checksum of the copy: of the kind that was asked for, or that a part's upload has, or that the source has. The
 * source's own value stays where it is one of all bytes. */
static enum checksum_kind copied_kind(struct s3 *s3, const struct objects_info *source, bool is_whole_copy,
                                      struct objects_put *put)
{
    struct str asked = s3_header(s3, "x-amz-checksum-algorithm");
    if (!is_whole_copy)
        return checksum_kind_of(str_of(objects_put_wanted_checksum(put)));
    enum checksum_kind kind = checksum_kind_of(asked.len > 0 ? asked : str_of(source->checksum_name));
    bool is_known = source->checksum[0] && !source->checksum_is_composite &&
                    kind == checksum_kind_of(str_of(source->checksum_name));
    if (!is_known)
        return kind;
    objects_put_checksum(put, source->checksum_name, str_of(source->checksum), false);
    return CHECKSUM_NONE;
}

static enum objects_problem copy_bytes(struct objects_reader *reader, struct objects_put *put, enum checksum_kind kind,
                                       struct error *error)
{
    struct checksum checksum;
    uint8_t value[CHECKSUM_BYTES_MAX];
    char text[CHECKSUM_BASE64_MAX + 1];
    char *window = mem_alloc(COPY_BYTES);
    size_t len = 1;
    enum objects_problem problem = OBJECTS_OK;
    if (!checksum_init(&checksum, kind) || !window) {
        (void)error_no_memory(error);
        problem = OBJECTS_FAILED;
    }
    while (problem == OBJECTS_OK && len > 0) {
        problem = objects_reader_read(reader, window, COPY_BYTES, &len, error);
        if (problem == OBJECTS_OK) {
            checksum_update(&checksum, window, len);
            problem = objects_put_append(put, window, len, error);
        }
    }
    if (problem == OBJECTS_OK && kind != CHECKSUM_NONE) {
        checksum_final(&checksum, value);
        checksum_base64(kind, value, text);
        objects_put_checksum(put, checksum_name(kind), str_of(text), false);
    }
    checksum_deinit(&checksum);
    mem_free(window);
    return problem;
}

static bool replaces_tags(const struct s3 *s3)
{
    return str_eq_nocase(s3_header(s3, "x-amz-tagging-directive"), STR("REPLACE"));
}

/* Tags that would be passed over, since the source's are copied, are refused. */
static bool check_tags(struct s3 *s3)
{
    if (!s3_header(s3, "x-amz-tagging").data || replaces_tags(s3))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "x-amz-tagging is for copies with x-amz-tagging-directive: REPLACE; without it "
                                        "the source's tags are copied.");
    return false;
}

static bool begin_copy(struct s3 *s3, const struct objects_info *info, uint64_t len, struct objects_put **put)
{
    struct objects_put_options options;
    struct error error;
    unsigned number = 0;
    struct str upload = s3_query(s3, "uploadId");
    if (!check_tags(s3) || !s3_put_options(s3, &options) || (upload.data && !s3_part_number(s3, &number)))
        return false;
    if (!str_eq_nocase(s3_header(s3, "x-amz-metadata-directive"), STR("REPLACE"))) {
        options.type = str_of(info->type);
        options.headers = str_of(info->headers);
    }
    if (!replaces_tags(s3))
        options.tags = str_of(info->tags);
    options.expected_size = len;
    enum objects_problem problem =
        upload.data ? objects_upload_part(s3->objects, s3->tenant, s3->bucket, s3->key, upload, number, &options, put,
                                          &error)
                    : objects_put_begin(s3->objects, s3->tenant, s3->bucket, s3->key, &options, put, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

/* False: failed. A copy onto itself must change something. */
static bool check_target(struct s3 *s3, struct str bucket, struct str key)
{
    if (s3->what->run != s3_copy_object || !str_eq(bucket, s3->bucket) || !str_eq(key, s3->key) ||
        str_eq_nocase(s3_header(s3, "x-amz-metadata-directive"), STR("REPLACE")) || replaces_tags(s3) ||
        s3_header(s3, "x-amz-storage-class").len > 0 || s3_header(s3, "x-amz-checksum-algorithm").len > 0)
        return true;
    s3_fail(s3, 400, "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.");
    return false;
}

static void append_copied(struct s3 *s3, const char *result, const struct objects_info *copied)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(copied->modified_us, time);
    s3_add_encryption(s3);
    buf_appendf(&s3->body, XML_HEAD "<%s" S3_XMLNS ">", result);
    xml_append(&s3->body, "LastModified", str_of(time));
    buf_append_text(&s3->body, "<ETag>");
    s3_append_etag(&s3->body, copied->etag);
    buf_append_text(&s3->body, "</ETag>");
    s3_append_checksum(s3, str_of(copied->checksum_name), copied->checksum);
    buf_appendf(&s3->body, "</%s>", result);
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
    if (!copy_source(s3, &bucket, &key) || !check_target(s3, bucket, key))
        return;
    enum objects_problem problem = objects_head(s3->objects, s3->tenant, bucket, key, &info, &error);
    if (problem == OBJECTS_OK && (!s3_check_conditions(s3, &info, "x-amz-copy-source-") ||
                                  !copy_range(s3, info.size, &offset, &len)))
        return;
    if (problem == OBJECTS_OK)
        problem = objects_reader_open(s3->objects, s3->tenant, bucket, key, offset, len, &copied, &reader, &error);
    if (problem == OBJECTS_OK && strcmp(copied.etag, info.etag) != 0)
        s3_fail(s3, 409, "ConditionalRequestConflict", "The source changed while it was copied, try again.");
    bool has_begun = problem == OBJECTS_OK && !s3_has_failed(s3) && begin_copy(s3, &info, len, &put);
    if (has_begun)
        problem = copy_bytes(reader, put, copied_kind(s3, &info, s3->what->run == s3_copy_object, put), &error);
    objects_reader_close(reader);
    if (has_begun && problem == OBJECTS_OK)
        problem = objects_put_commit(put, &copied, &error);
    else
        objects_put_abort(put);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    if (!s3_has_failed(s3))
        append_copied(s3, result, &copied);
}

void s3_copy_object(struct s3 *s3)
{
    copy(s3, "CopyObjectResult");
}

void s3_copy_part(struct s3 *s3)
{
    copy(s3, "CopyPartResult");
}
