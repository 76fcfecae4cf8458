/* Multipart uploads but for the parts' bytes, which are put.c's. */
#include <stdio.h>

#include "core/limits.h"
#include "core/xml.h"
#include "s3/s3.h"

bool s3_part_number(struct s3 *s3, unsigned *number)
{
    uint64_t value;
    if (str_to_u64(s3_query(s3, "partNumber"), &value) && value >= 1 && value <= OBJECTS_PARTS_MAX) {
        *number = (unsigned)value;
        return true;
    }
    s3_fail(s3, 400, "InvalidArgument", "Part number must be an integer between 1 and %d, inclusive",
            OBJECTS_PARTS_MAX);
    return false;
}

struct str s3_upper(struct s3 *s3, struct str name)
{
    struct str text;
    if (!arena_str(&s3->arena, name, &text))
        return STR("");
    char *letters = (char *)text.data;
    for (size_t i = 0; i < text.len; i++)
        if (letters[i] >= 'a' && letters[i] <= 'z')
            letters[i] = (char)(letters[i] - ('a' - 'A'));
    return text;
}

void s3_append_checksum(struct s3 *s3, struct str name, const char *value)
{
    struct str element = s3_upper(s3, name);
    if (value[0] && element.len > 0)
        buf_appendf(&s3->body, "<Checksum" STR_FMT ">%s</Checksum" STR_FMT ">", STR_ARG(element), value,
                    STR_ARG(element));
}

static struct str upload_id(struct s3 *s3)
{
    struct str id = s3_query(s3, "uploadId");
    return id.data ? id : STR("");
}

/* --- CreateMultipartUpload --- */

/* CRC-64 covers the whole, hashes can't; the others may do either. */
static bool read_checksum(struct s3 *s3, enum checksum_kind *kind, bool *is_composite)
{
    struct str algorithm = s3_header(s3, "x-amz-checksum-algorithm"), type = s3_header(s3, "x-amz-checksum-type");
    *kind = algorithm.data ? checksum_kind_of(algorithm) : CHECKSUM_NONE;
    *is_composite = *kind != CHECKSUM_CRC64NVME;
    if (algorithm.data && *kind == CHECKSUM_NONE) {
        s3_fail(s3, 400, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of "
                                           "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
        return false;
    }
    bool wants_full = str_eq_nocase(type, STR("FULL_OBJECT"));
    if ((wants_full && (*kind == CHECKSUM_SHA1 || *kind == CHECKSUM_SHA256)) ||
        (str_eq_nocase(type, STR("COMPOSITE")) && *kind == CHECKSUM_CRC64NVME)) {
        s3_fail(s3, 400, "InvalidRequest", "The checksum type " STR_FMT " cannot be used with the %s algorithm.",
                STR_ARG(type), checksum_name(*kind));
        return false;
    }
    if (wants_full)
        *is_composite = false;
    return true;
}

void s3_create_upload(struct s3 *s3)
{
    struct objects_put_options options;
    struct error error;
    enum checksum_kind kind;
    bool is_composite;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    if (!read_checksum(s3, &kind, &is_composite) || !s3_put_options(s3, &options))
        return;
    enum objects_problem problem = objects_upload_create(s3->objects, s3->tenant, s3->bucket, s3->key, &options,
                                                         checksum_name(kind), is_composite, id, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    if (kind != CHECKSUM_NONE) {
        s3_add_header(s3, "x-amz-checksum-algorithm", s3_upper(s3, str_of(checksum_name(kind))));
        s3_add_header(s3, "x-amz-checksum-type", is_composite ? STR("COMPOSITE") : STR("FULL_OBJECT"));
    }
    s3_add_encryption(s3);
    buf_append_text(&s3->body, XML_HEAD "<InitiateMultipartUploadResult" S3_XMLNS ">");
    xml_append(&s3->body, "Bucket", s3->bucket);
    xml_append(&s3->body, "Key", s3->key);
    xml_append(&s3->body, "UploadId", str_of(id));
    buf_append_text(&s3->body, "</InitiateMultipartUploadResult>");
}

/* --- CompleteMultipartUpload --- */

struct completion {
    struct objects_part *parts;
    size_t count;
    struct objects_part part; /* the one being read */
};

static bool copy_text(char *out, size_t cap, struct str text)
{
    if (text.len >= cap)
        return false;
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool on_complete_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct completion *completion = ctx;
    if (str_eq(parent, STR("Part"))) {
        uint64_t number;
        if (str_eq(name, STR("ETag"))) {
            if (text.len >= 2 && text.data[0] == '"')
                text = str_slice(text, 1, text.len - 1);
            return copy_text(completion->part.etag, sizeof(completion->part.etag), text);
        }
        if (str_starts(name, STR("Checksum")))
            return copy_text(completion->part.checksum, sizeof(completion->part.checksum), text);
        if (!str_eq(name, STR("PartNumber")))
            return true;
        bool is_number = str_to_u64(str_trim(text), &number) && number <= OBJECTS_PARTS_MAX;
        completion->part.number = is_number ? (unsigned)number : 0;
        return is_number;
    }
    if (!str_eq(name, STR("Part")))
        return true;
    if (completion->count == OBJECTS_PARTS_MAX)
        return false;
    completion->parts[completion->count++] = completion->part;
    completion->part = (struct objects_part){0};
    return true;
}

/* Value of the x-amz-checksum- header for the whole; empty without one. */
static struct str whole_checksum(const struct s3 *s3)
{
    static const char *const names[] = {"x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
                                        "x-amz-checksum-sha1", "x-amz-checksum-sha256"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (s3_header(s3, names[i]).data)
            return s3_header(s3, names[i]);
    return STR("");
}

static void append_completed(struct s3 *s3, const struct objects_info *info)
{
    struct str host = s3_header(s3, "host");
    s3_add_encryption(s3);
    buf_append_text(&s3->body, XML_HEAD "<CompleteMultipartUploadResult" S3_XMLNS "><Location>");
    xml_append_text(&s3->body, s3->request.is_tls ? STR("https://") : STR("http://"));
    xml_append_text(&s3->body, host);
    xml_append_text(&s3->body, s3->request.path);
    buf_append_text(&s3->body, "</Location>");
    xml_append(&s3->body, "Bucket", s3->bucket);
    xml_append(&s3->body, "Key", s3->key);
    buf_append_text(&s3->body, "<ETag>");
    s3_append_etag(&s3->body, info->etag);
    buf_append_text(&s3->body, "</ETag>");
    if (info->checksum[0]) {
        s3_append_checksum(s3, str_of(info->checksum_name), info->checksum);
        xml_append(&s3->body, "ChecksumType",
                      info->checksum_is_composite ? STR("COMPOSITE") : STR("FULL_OBJECT"));
    }
    buf_append_text(&s3->body, "</CompleteMultipartUploadResult>");
}

/* What the headers ask of the whole. False: failed. */
static bool read_wanted(struct s3 *s3, struct objects_completion *wanted)
{
    struct str size = s3_header(s3, "x-amz-mp-object-size");
    wanted->checksum = whole_checksum(s3);
    wanted->size = OBJECTS_SIZE_UNKNOWN;
    if (size.data && !str_to_u64(size, &wanted->size)) {
        s3_fail(s3, 400, "InvalidArgument", "x-amz-mp-object-size: expected a number of bytes.");
        return false;
    }
    return s3_write_conditions(s3, &wanted->conditions);
}

void s3_complete_upload(struct s3 *s3)
{
    struct completion completion = {0};
    struct objects_completion wanted = {0};
    struct objects_info info;
    struct error error;
    if (!read_wanted(s3, &wanted))
        return;
    completion.parts = mem_calloc(OBJECTS_PARTS_MAX, sizeof(*completion.parts));
    if (!completion.parts) {
        s3_fail_memory(s3);
    } else if (!xml_read(s3->request.body, &s3->arena, on_complete_element, &completion) || completion.count == 0) {
        s3_fail(s3, 400, "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema");
    } else {
        wanted.parts = completion.parts;
        wanted.count = completion.count;
        enum objects_problem problem = objects_upload_complete(s3->objects, s3->tenant, s3->bucket, s3->key,
                                                               upload_id(s3), &wanted, &info, &error);
        if (problem == OBJECTS_OK)
            append_completed(s3, &info);
        else
            s3_fail_problem(s3, problem, &error);
    }
    mem_free(completion.parts);
}

void s3_abort_upload(struct s3 *s3)
{
    struct error error;
    enum objects_problem problem =
        objects_upload_abort(s3->objects, s3->tenant, s3->bucket, s3->key, upload_id(s3), &error);
    if (problem == OBJECTS_OK)
        s3->status = 204;
    else
        s3_fail_problem(s3, problem, &error);
}

/* --- listings --- */

/* A number of the query, or `otherwise`. False: failed. */
static bool read_number(struct s3 *s3, const char *name, uint64_t otherwise, uint64_t *value)
{
    struct str text = s3_query(s3, name);
    *value = otherwise;
    if (text.len == 0 || str_to_u64(text, value))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "Provided %s not an integer or within integer range", name);
    return false;
}

static void append_part(struct s3 *s3, const struct objects_part *part, struct str name)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(part->modified_us, time);
    buf_append_text(&s3->body, "<Part>");
    xml_append_u64(&s3->body, "PartNumber", part->number);
    xml_append(&s3->body, "LastModified", str_of(time));
    buf_append_text(&s3->body, "<ETag>");
    s3_append_etag(&s3->body, part->etag);
    buf_append_text(&s3->body, "</ETag>");
    xml_append_u64(&s3->body, "Size", part->size);
    s3_append_checksum(s3, name, part->checksum);
    buf_append_text(&s3->body, "</Part>");
}

void s3_list_parts(struct s3 *s3)
{
    struct objects_upload upload;
    struct objects_part *parts;
    struct error error;
    size_t count, from = 0;
    uint64_t marker, max;
    if (!read_number(s3, "part-number-marker", 0, &marker) || !read_number(s3, "max-parts", OBJECTS_PAGE_MAX, &max))
        return;
    enum objects_problem problem = objects_upload_parts(s3->objects, s3->tenant, s3->bucket, s3->key, upload_id(s3),
                                                        &s3->arena, &upload, &parts, &count, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    if (max > OBJECTS_PAGE_MAX)
        max = OBJECTS_PAGE_MAX;
    while (from < count && parts[from].number <= marker)
        from++;
    size_t end = count - from > max ? from + (size_t)max : count;
    struct buf *body = &s3->body;
    buf_append_text(body, XML_HEAD "<ListPartsResult" S3_XMLNS ">");
    xml_append(body, "Bucket", s3->bucket);
    xml_append(body, "Key", s3->key);
    xml_append(body, "UploadId", upload.id);
    s3_append_owner(s3, "Initiator");
    s3_append_owner(s3, "Owner");
    xml_append(body, "StorageClass", s3_storage_class(upload.storage_class));
    xml_append_u64(body, "PartNumberMarker", marker);
    if (end > from)
        xml_append_u64(body, "NextPartNumberMarker", parts[end - 1].number);
    xml_append_u64(body, "MaxParts", max);
    xml_append_bool(body, "IsTruncated", end < count);
    struct str name = s3_upper(s3, str_of(upload.checksum_name));
    if (name.len > 0)
        xml_append(body, "ChecksumAlgorithm", name);
    for (size_t i = from; i < end; i++)
        append_part(s3, &parts[i], name);
    buf_append_text(body, "</ListPartsResult>");
}

/* Behind the markers: a key, and among its uploads an ID. */
static bool is_behind(const struct objects_upload *upload, struct str key, struct str id)
{
    size_t len = upload->key.len < key.len ? upload->key.len : key.len;
    int order = len > 0 ? memcmp(upload->key.data, key.data, len) : 0;
    if (order == 0)
        order = (upload->key.len > key.len) - (upload->key.len < key.len);
    if (order != 0 || id.len == 0)
        return order > 0;
    return id.len == upload->id.len && memcmp(upload->id.data, id.data, id.len) > 0;
}

struct upload_listing {
    struct str prefix, delimiter, key_marker, id_marker;
    bool is_encoded;
    uint64_t max;
    size_t listed;
    struct str common;                   /* the last common prefix that was listed; empty: none */
    struct str last_key, last_id;        /* where the page ends */
    bool is_truncated;
};

static void append_name(struct s3 *s3, const struct upload_listing *listing, const char *element, struct str text)
{
    buf_appendf(&s3->body, "<%s>", element);
    if (listing->is_encoded)
        sigv4_append_encoded(&s3->body, text, true);
    else
        xml_append_text(&s3->body, text);
    buf_appendf(&s3->body, "</%s>", element);
}

static void append_upload(struct s3 *s3, const struct objects_upload *upload, const struct upload_listing *listing)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(upload->created_us, time);
    buf_append_text(&s3->body, "<Upload>");
    append_name(s3, listing, "Key", upload->key);
    xml_append(&s3->body, "UploadId", upload->id);
    s3_append_owner(s3, "Initiator");
    s3_append_owner(s3, "Owner");
    xml_append(&s3->body, "StorageClass", s3_storage_class(upload->storage_class));
    xml_append(&s3->body, "Initiated", str_of(time));
    buf_append_text(&s3->body, "</Upload>");
}

/* False: failed. */
static bool read_listing(struct s3 *s3, struct upload_listing *listing)
{
    *listing = (struct upload_listing){.prefix = s3_query(s3, "prefix"),
                                       .delimiter = s3_query(s3, "delimiter"),
                                       .key_marker = s3_query(s3, "key-marker"),
                                       .id_marker = s3_query(s3, "upload-id-marker"),
                                       .is_encoded = str_eq(s3_query(s3, "encoding-type"), STR("url"))};
    struct str encoding = s3_query(s3, "encoding-type");
    if (!read_number(s3, "max-uploads", OBJECTS_PAGE_MAX, &listing->max))
        return false;
    if (encoding.len > 0 && !listing->is_encoded) {
        s3_fail(s3, 400, "InvalidArgument", "Invalid Encoding Method specified in Request");
        return false;
    }
    if (listing->max > OBJECTS_PAGE_MAX)
        listing->max = OBJECTS_PAGE_MAX;
    return true;
}

/* What the upload's key is rolled into; empty: nothing. */
static struct str common_prefix(const struct upload_listing *listing, struct str key)
{
    ptrdiff_t found =
        listing->delimiter.len > 0 ? str_find(key, listing->delimiter, listing->prefix.len) : -1;
    return found < 0 ? STR("") : str_slice(key, 0, (size_t)found + listing->delimiter.len);
}

/* Uploads go into the reply, their common prefixes to `prefixes`: they come behind. */
static void list_upload(struct s3 *s3, struct upload_listing *listing, const struct objects_upload *upload,
                        struct buf *prefixes)
{
    struct str common = common_prefix(listing, upload->key);
    bool is_passed = listing->key_marker.len > 0 && (!is_behind(upload, listing->key_marker, listing->id_marker) ||
                                                     (common.len > 0 && str_eq(common, listing->key_marker)));
    if (!str_starts(upload->key, listing->prefix) || is_passed ||
        (common.len > 0 && str_eq(common, listing->common)))
        return;
    listing->is_truncated = listing->listed == listing->max;
    if (listing->is_truncated)
        return;
    listing->listed++;
    listing->common = common;
    listing->last_key = common.len > 0 ? common : upload->key;
    listing->last_id = common.len > 0 ? STR("") : upload->id;
    if (common.len == 0) {
        append_upload(s3, upload, listing);
        return;
    }
    buf_append_text(prefixes, "<CommonPrefixes><Prefix>");
    if (listing->is_encoded)
        sigv4_append_encoded(prefixes, common, true);
    else
        xml_append_text(prefixes, common);
    buf_append_text(prefixes, "</Prefix></CommonPrefixes>");
}

static void append_listing_head(struct s3 *s3, const struct upload_listing *listing)
{
    buf_append_text(&s3->body, XML_HEAD "<ListMultipartUploadsResult" S3_XMLNS ">");
    xml_append(&s3->body, "Bucket", s3->bucket);
    append_name(s3, listing, "Prefix", listing->prefix);
    if (listing->delimiter.len > 0)
        append_name(s3, listing, "Delimiter", listing->delimiter);
    append_name(s3, listing, "KeyMarker", listing->key_marker);
    xml_append(&s3->body, "UploadIdMarker", listing->id_marker);
    xml_append_u64(&s3->body, "MaxUploads", listing->max);
    if (listing->is_encoded)
        xml_append(&s3->body, "EncodingType", STR("url"));
}

void s3_list_uploads(struct s3 *s3)
{
    struct objects_upload *uploads;
    struct upload_listing listing;
    struct error error;
    struct buf prefixes;
    size_t count;
    if (!read_listing(s3, &listing))
        return;
    enum objects_problem problem =
        objects_upload_list(s3->objects, s3->tenant, s3->bucket, &s3->arena, &uploads, &count, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    buf_init(&prefixes, limit(object_document_bytes));
    append_listing_head(s3, &listing);
    for (size_t i = 0; i < count && listing.max > 0 && !listing.is_truncated; i++)
        list_upload(s3, &listing, &uploads[i], &prefixes);
    xml_append_bool(&s3->body, "IsTruncated", listing.is_truncated);
    if (listing.is_truncated && listing.listed > 0) {
        append_name(s3, &listing, "NextKeyMarker", listing.last_key);
        xml_append(&s3->body, "NextUploadIdMarker", listing.last_id);
    }
    buf_append_str(&s3->body, buf_str(&prefixes));
    s3->body.failed = s3->body.failed || prefixes.failed;
    buf_append_text(&s3->body, "</ListMultipartUploadsResult>");
    buf_deinit(&prefixes);
}
