/* GetObjectAttributes: what is known of an object without its bytes, as much of it as was asked for. */
#include "core/xml.h"
#include "s3/s3.h"

enum {
    ASKED_ETAG = 1,
    ASKED_CHECKSUM = 2,
    ASKED_PARTS = 4,
    ASKED_CLASS = 8,
    ASKED_SIZE = 16,
};

static const struct {
    const char *name;
    unsigned bit;
} attributes[] = {
    {"ETag", ASKED_ETAG},          {"Checksum", ASKED_CHECKSUM}, {"ObjectParts", ASKED_PARTS},
    {"StorageClass", ASKED_CLASS}, {"ObjectSize", ASKED_SIZE},
};

static bool refuse(struct s3 *s3, const char *message)
{
    s3_fail(s3, 400, "InvalidArgument", "%s", message);
    return false;
}

static bool read_names(struct s3 *s3, struct str list, unsigned *asked)
{
    struct str name;
    while (str_split(&list, ',', &name)) {
        bool is_known = false;
        name = str_trim(name);
        for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
            if (str_eq(name, str_of(attributes[i].name))) {
                *asked |= attributes[i].bit;
                is_known = true;
            }
        if (!is_known)
            return refuse(s3, "Invalid attribute name specified.");
    }
    return true;
}

/* The header may be there several times. */
static bool read_asked(struct s3 *s3, unsigned *asked)
{
    *asked = 0;
    for (size_t i = 0; i < s3->request.header_count; i++)
        if (str_eq(s3->request.headers[i].name, STR("x-amz-object-attributes")) &&
            !read_names(s3, s3->request.headers[i].value, asked))
            return false;
    return *asked != 0 || refuse(s3, "The x-amz-object-attributes header specifying the attributes to be retrieved is "
                                     "either missing or empty");
}

static bool read_number(struct s3 *s3, const char *name, uint64_t *value)
{
    struct str text = s3_header(s3, name);
    if (!text.data || (str_to_u64(text, value) && *value <= INT32_MAX))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "Provided %s not an integer or within integer range", name);
    return false;
}

/* Parts have their numbers and sizes; checksums of their own are not kept. */
static void append_parts(struct s3 *s3, const struct objects_info *info, const uint64_t *sizes, uint64_t marker,
                         uint64_t max)
{
    uint64_t first = marker < info->part_count ? marker : info->part_count;
    uint64_t last = info->part_count - first < max ? info->part_count : first + max;
    buf_append_text(&s3->body, "<ObjectParts>");
    xml_append_u64(&s3->body, "PartsCount", info->part_count);
    xml_append_u64(&s3->body, "PartNumberMarker", marker);
    xml_append_u64(&s3->body, "NextPartNumberMarker", last);
    xml_append_u64(&s3->body, "MaxParts", max);
    xml_append_bool(&s3->body, "IsTruncated", last < info->part_count);
    for (uint64_t i = first; i < last; i++) {
        buf_append_text(&s3->body, "<Part>");
        xml_append_u64(&s3->body, "PartNumber", i + 1);
        xml_append_u64(&s3->body, "Size", sizes[i]);
        buf_append_text(&s3->body, "</Part>");
    }
    buf_append_text(&s3->body, "</ObjectParts>");
}

static void append_attributes(struct s3 *s3, unsigned asked, const struct objects_info *info)
{
    if (asked & ASKED_ETAG)
        xml_append(&s3->body, "ETag", str_of(info->etag));
    if ((asked & ASKED_CHECKSUM) && info->checksum[0]) {
        buf_append_text(&s3->body, "<Checksum>");
        s3_append_checksum(s3, str_of(info->checksum_name), info->checksum);
        xml_append(&s3->body, "ChecksumType", info->checksum_is_composite ? STR("COMPOSITE") : STR("FULL_OBJECT"));
        buf_append_text(&s3->body, "</Checksum>");
    }
    if (asked & ASKED_CLASS)
        xml_append(&s3->body, "StorageClass", s3_storage_class(info->storage_class));
    if (asked & ASKED_SIZE)
        xml_append_u64(&s3->body, "ObjectSize", info->size);
}

void s3_get_attributes(struct s3 *s3)
{
    struct objects_info info;
    struct error error;
    unsigned asked;
    uint64_t max = OBJECTS_PAGE_MAX, marker = 0;
    char date[32];
    if (!read_asked(s3, &asked) || !read_number(s3, "x-amz-max-parts", &max) ||
        !read_number(s3, "x-amz-part-number-marker", &marker))
        return;
    if (max > OBJECTS_PAGE_MAX)
        max = OBJECTS_PAGE_MAX;
    uint64_t *sizes = arena_array(&s3->arena, OBJECTS_PARTS_MAX, sizeof(*sizes));
    if (!sizes) {
        s3_fail_memory(s3);
        return;
    }
    enum objects_problem problem =
        objects_head_parts(s3->objects, s3->tenant, s3->bucket, s3->key, &info, sizes, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    if (!s3_check_conditions(s3, &info, ""))
        return;
    s3_http_date(info.modified_us, date);
    s3_add_header(s3, "last-modified", str_of(date));
    buf_append_text(&s3->body, XML_HEAD "<GetObjectAttributesResponse" S3_XMLNS ">");
    append_attributes(s3, asked, &info);
    if ((asked & ASKED_PARTS) && info.part_count > 0)
        append_parts(s3, &info, sizes, marker, max);
    buf_append_text(&s3->body, "</GetObjectAttributesResponse>");
}
