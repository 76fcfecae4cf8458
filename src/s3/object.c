/* Operations on one object that need one piece of work, and what all say of an object. */
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/xml.h"
#include "s3/s3.h"
#include "store/objects_config.h"

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

void s3_add_etag(struct s3 *s3, const char *etag)
{
    char quoted[OBJECTS_ETAG_MAX + 3];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
    s3_add_header(s3, "etag", str_of(quoted));
}

bool s3_is_encrypted(const struct s3 *s3)
{
    return objects_config(s3->thread->api->config)->are_encrypted;
}

void s3_add_encryption(struct s3 *s3)
{
    if (s3_is_encrypted(s3))
        s3_add_header(s3, "x-amz-server-side-encryption", STR("AES256"));
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
    s3_add_etag(s3, info->etag);
    s3_add_encryption(s3);
    add_checksum(s3, info);
}

/* Said to whoever asks for a part. */
void s3_add_parts_count(struct s3 *s3, unsigned part, const struct objects_info *info)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", info->part_count);
    if (part > 0 && info->part_count > 0)
        s3_add_header(s3, "x-amz-mp-parts-count", str_of(text));
}

/* A checksum of the whole would be wrong for a part of it. */
void s3_add_info_headers(struct s3 *s3, const struct objects_info *info, bool is_whole)
{
    char date[32];
    s3_add_etag(s3, info->etag);
    s3_http_date(info->modified_us, date);
    s3_add_header(s3, "last-modified", str_of(date));
    s3_add_header(s3, "accept-ranges", STR("bytes"));
    /* Whoever uploads a page must not have it act as the console's, which has the same origin. */
    s3_add_header(s3, "content-security-policy", STR("sandbox; default-src 'none'"));
    s3_add_header(s3, "x-content-type-options", STR("nosniff"));
    add_kept_headers(s3, info);
    if (info->storage_class[0])
        s3_add_header(s3, "x-amz-storage-class", str_of(info->storage_class));
    s3_add_tag_count(s3, info);
    s3_add_encryption(s3);
    if (is_whole && str_eq_nocase(s3_header(s3, "x-amz-checksum-mode"), STR("ENABLED")))
        add_checksum(s3, info);
}

/* --- what is kept with an object --- */

struct str s3_storage_class(const char *kept)
{
    return kept[0] ? str_of(kept) : STR("STANDARD");
}

/* headers.c has looked at it. Empty: STANDARD, which nobody is told of but in listings. */
static struct str asked_class(struct s3 *s3)
{
    struct str name = s3_header(s3, "x-amz-storage-class");
    return str_eq_nocase(name, STR("STANDARD")) || name.len == 0 ? STR("") : s3_upper(s3, name);
}

static bool is_kept(struct str name)
{
    static const char *const kept[] = {"cache-control", "content-disposition", "content-language", "expires"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (str_eq(name, str_of(kept[i])))
            return true;
    return str_starts(name, STR("x-amz-meta-"));
}

/* The coding of the transfer is none of the object's; without it the text stays as it is. */
static void append_encodings(struct buf *out, struct str value)
{
    struct str coding;
    bool is_first = true;
    if (value.len > 0 && str_find(value, STR("aws-chunked"), 0) < 0) {
        buf_append_text(out, "content-encoding: ");
        buf_append_str(out, value);
        buf_append_char(out, '\n');
        return;
    }
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
                                            .storage_class = asked_class(s3)};
    if (!s3_read_tags(s3, &options->tags) || !s3_write_conditions(s3, &options->conditions)) {
        buf_deinit(&headers);
        return false;
    }
    bool fits = !headers.failed && options->type.len <= OBJECTS_TYPE_MAX;
    if (!fits)
        s3_fail(s3, 400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size");
    else if (!arena_str(&s3->arena, buf_str(&headers), &options->headers))
        s3_fail_memory(s3);
    buf_deinit(&headers);
    return !s3_has_failed(s3);
}

/* --- operations --- */

bool s3_read_part(struct s3 *s3, unsigned *number)
{
    *number = 0;
    if (!s3_query(s3, "partNumber").data)
        return true;
    if (!s3_part_number(s3, number))
        return false;
    if (!s3_header(s3, "range").data)
        return true;
    s3_fail(s3, 400, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
    return false;
}

enum objects_problem s3_head(struct s3 *s3, unsigned part, struct objects_info *info, uint64_t *offset, uint64_t *len,
                             struct error *error)
{
    *offset = 0;
    if (part > 0)
        return objects_head_part(s3->objects, s3->tenant, s3->bucket, s3->key, part, info, offset, len, error);
    enum objects_problem problem = objects_head(s3->objects, s3->tenant, s3->bucket, s3->key, info, error);
    *len = problem == OBJECTS_OK ? info->size : 0;
    return problem;
}

void s3_head_object(struct s3 *s3)
{
    struct objects_info info;
    struct error error;
    char text[80];
    unsigned part;
    uint64_t offset, len;
    if (!s3_read_part(s3, &part))
        return;
    enum objects_problem problem = s3_head(s3, part, &info, &offset, &len, &error);
    if (problem == OBJECTS_BAD_PART)
        s3_fail(s3, 416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
    else if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    if (problem != OBJECTS_OK || !s3_check_conditions(s3, &info, ""))
        return;
    if (part > 0 && len > 0) {
        s3->status = 206;
        (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)offset,
                       (unsigned long long)(offset + len - 1), (unsigned long long)info.size);
        s3_add_header(s3, "content-range", str_of(text));
    }
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)len);
    s3_add_header(s3, "content-length", str_of(text));
    s3_add_info_headers(s3, &info, part == 0);
    s3_add_parts_count(s3, part, &info);
}

void s3_delete_object(struct s3 *s3)
{
    struct error error;
    struct objects_conditions conditions;
    if (!s3_deletion_conditions(s3, &conditions))
        return;
    enum objects_problem problem =
        objects_delete(s3->objects, s3->tenant, s3->bucket, s3->key, &conditions, &error);
    if (problem == OBJECTS_OK)
        s3->status = 204;
    else
        s3_fail_problem(s3, problem, &error);
}

void s3_append_owner(struct s3 *s3, const char *element)
{
    buf_appendf(&s3->body, "<%s>", element);
    xml_append(&s3->body, "ID", s3->tenant);
    xml_append(&s3->body, "DisplayName", s3->tenant);
    buf_appendf(&s3->body, "</%s>", element);
}

/* False: failed. */
static bool is_there(struct s3 *s3)
{
    struct objects_info info;
    struct error error;
    enum objects_problem problem =
        s3->key.len == 0 ? objects_bucket_head(s3->objects, s3->tenant, s3->bucket, NULL, &error)
                         : objects_head(s3->objects, s3->tenant, s3->bucket, s3->key, &info, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

void s3_get_acl(struct s3 *s3)
{
    if (!is_there(s3))
        return;
    buf_append_text(&s3->body, XML_HEAD "<AccessControlPolicy" S3_XMLNS ">");
    s3_append_owner(s3, "Owner");
    buf_append_text(&s3->body,
                    "<AccessControlList><Grant>"
                    "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">");
    xml_append(&s3->body, "ID", s3->tenant);
    xml_append(&s3->body, "DisplayName", s3->tenant);
    buf_append_text(&s3->body, "</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"
                               "</AccessControlPolicy>");
}

/* The one ACL that there is, by its name (headers.c has refused others): nothing changes. */
void s3_put_acl(struct s3 *s3)
{
    if (s3_header(s3, "x-amz-acl").len == 0)
        s3_fail(s3, 501, "NotImplemented", "An ACL as XML is not implemented; x-amz-acl: private is.");
    else
        (void)is_there(s3);
}

/* --- DeleteObjects --- */

struct deletion {
    struct deletion_entry {
        struct str key;
        struct objects_conditions conditions;
    } *entries, next; /* `next` is being read */
    size_t count;
    bool is_quiet, has_version, has_bad_condition;
};

static bool on_object_element(struct deletion *deletion, struct str name, struct str text)
{
    struct deletion_entry *entry = &deletion->next;
    bool is_good = true;
    if (str_eq(name, STR("Key"))) {
        entry->key = text;
    } else if (str_eq(name, STR("VersionId"))) {
        deletion->has_version = deletion->has_version || (text.len > 0 && !str_eq(text, STR("null")));
    } else if (str_eq(name, STR("ETag"))) {
        entry->conditions.match = text;
    } else if (str_eq(name, STR("LastModifiedTime"))) {
        entry->conditions.has_modified = is_good = s3_parse_time(text, &entry->conditions.modified_s);
    } else if (str_eq(name, STR("Size"))) {
        entry->conditions.has_size = is_good = str_to_u64(text, &entry->conditions.size);
    }
    deletion->has_bad_condition = deletion->has_bad_condition || !is_good;
    return true;
}

static bool on_delete_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct deletion *deletion = ctx;
    if (str_eq(parent, STR("Object")))
        return on_object_element(deletion, name, text);
    if (str_eq(parent, STR("Delete")) && str_eq(name, STR("Quiet")))
        deletion->is_quiet = str_eq_nocase(text, STR("true"));
    if (!str_eq(parent, STR("Delete")) || !str_eq(name, STR("Object")))
        return true;
    if (deletion->count == OBJECTS_PAGE_MAX)
        return false;
    deletion->entries[deletion->count++] = deletion->next;
    deletion->next = (struct deletion_entry){0};
    return true;
}

static void delete_one(struct s3 *s3, const struct deletion *deletion, const struct deletion_entry *entry)
{
    struct error error;
    enum objects_problem problem =
        objects_delete(s3->objects, s3->tenant, s3->bucket, entry->key, &entry->conditions, &error);
    if (problem == OBJECTS_OK && deletion->is_quiet)
        return;
    buf_append_text(&s3->body, problem == OBJECTS_OK ? "<Deleted>" : "<Error>");
    xml_append(&s3->body, "Key", entry->key);
    if (problem != OBJECTS_OK) {
        xml_append(&s3->body, "Code", str_of(s3_problem_code(problem)));
        xml_append(&s3->body, "Message", str_of(error.message));
    }
    buf_append_text(&s3->body, problem == OBJECTS_OK ? "</Deleted>" : "</Error>");
}

void s3_delete_objects(struct s3 *s3)
{
    struct deletion deletion = {0};
    struct error error;
    enum objects_problem problem = objects_bucket_head(s3->objects, s3->tenant, s3->bucket, NULL, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    deletion.entries = arena_array(&s3->arena, OBJECTS_PAGE_MAX, sizeof(*deletion.entries));
    if (!deletion.entries) {
        s3_fail_memory(s3);
        return;
    }
    if (!xml_read(s3->request.body, &s3->arena, on_delete_element, &deletion) || deletion.count == 0) {
        s3_fail(s3, 400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our "
                                         "published schema: 1 to %d objects", OBJECTS_PAGE_MAX);
        return;
    }
    if (deletion.has_version || deletion.has_bad_condition) {
        s3_fail(s3, deletion.has_version ? 501 : 400, deletion.has_version ? "NotImplemented" : "InvalidArgument",
                deletion.has_version ? "VersionId: versions are not implemented, objects have the version 'null' only."
                                     : "Size: expected a number; LastModifiedTime: expected a time.");
        return;
    }
    buf_append_text(&s3->body, XML_HEAD "<DeleteResult" S3_XMLNS ">");
    for (size_t i = 0; i < deletion.count; i++)
        delete_one(s3, &deletion, &deletion.entries[i]);
    buf_append_text(&s3->body, "</DeleteResult>");
}
