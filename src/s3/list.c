/* ListObjectsV2, its predecessor, and ListObjectVersions: each object is the one version of itself, called null. */
#include "core/xml.h"
#include "s3/s3.h"

struct listing {
    struct objects_list_options options;
    struct objects_page page;
    bool is_encoded; /* encoding-type=url */
    bool has_owner;  /* of each object */
};

static void append_name(struct s3 *s3, const struct listing *listing, const char *element, struct str text)
{
    if (!listing->is_encoded) {
        xml_append(&s3->body, element, text);
        return;
    }
    buf_appendf(&s3->body, "<%s>", element);
    sigv4_append_encoded(&s3->body, text, true);
    buf_appendf(&s3->body, "</%s>", element);
}

/* What both versions take. False: failed. */
static bool read_options(struct s3 *s3, struct listing *listing)
{
    uint64_t max = OBJECTS_PAGE_MAX;
    struct str max_keys = s3_query(s3, "max-keys"), encoding = s3_query(s3, "encoding-type");
    if (max_keys.len > 0 && (!str_to_u64(max_keys, &max) || max > INT32_MAX)) {
        s3_fail(s3, 400, "InvalidArgument", "Argument max-keys must be an integer between 0 and 2147483647");
        return false;
    }
    if (encoding.len > 0 && !str_eq(encoding, STR("url"))) {
        s3_fail(s3, 400, "InvalidArgument", "Invalid Encoding Method specified in Request");
        return false;
    }
    listing->is_encoded = encoding.len > 0;
    listing->options = (struct objects_list_options){
        .prefix = s3_query(s3, "prefix"),
        .delimiter = s3_query(s3, "delimiter"),
        .max = max < OBJECTS_PAGE_MAX ? (size_t)max : OBJECTS_PAGE_MAX,
    };
    return true;
}

static bool list(struct s3 *s3, struct listing *listing)
{
    struct error error;
    enum objects_problem problem = objects_list(s3->objects, s3->tenant, s3->bucket, &listing->options, &s3->arena,
                                                &listing->page, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

static void append_head(struct s3 *s3, const struct listing *listing, const char *element)
{
    buf_appendf(&s3->body, XML_HEAD "<%s" S3_XMLNS ">", element);
    xml_append(&s3->body, "Name", s3->bucket);
    if (!strcmp(s3->what->name, "ListObjects")) /* S3 itself writes this one as it is */
        xml_append(&s3->body, "Prefix", listing->options.prefix);
    else
        append_name(s3, listing, "Prefix", listing->options.prefix);
    if (listing->options.delimiter.len > 0)
        append_name(s3, listing, "Delimiter", listing->options.delimiter);
    if (listing->is_encoded)
        xml_append(&s3->body, "EncodingType", STR("url"));
    xml_append_u64(&s3->body, "MaxKeys", listing->options.max);
    xml_append_bool(&s3->body, "IsTruncated", listing->page.is_truncated);
}

static void append_object(struct s3 *s3, const struct listing *listing, const char *element,
                          const struct objects_entry *entry)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(entry->modified_us, time);
    buf_appendf(&s3->body, "<%s>", element);
    append_name(s3, listing, "Key", entry->key);
    if (!strcmp(element, "Version"))
        buf_append_text(&s3->body, "<VersionId>null</VersionId><IsLatest>true</IsLatest>");
    xml_append(&s3->body, "LastModified", str_of(time));
    buf_appendf(&s3->body, "<ETag>&quot;" STR_FMT "&quot;</ETag>", STR_ARG(entry->etag));
    xml_append_u64(&s3->body, "Size", entry->size);
    if (listing->has_owner)
        s3_append_owner(s3, "Owner");
    xml_append(&s3->body, "StorageClass", entry->storage_class.len > 0 ? entry->storage_class : STR("STANDARD"));
    buf_appendf(&s3->body, "</%s>", element);
}

static void append_entries(struct s3 *s3, const struct listing *listing, const char *element)
{
    for (size_t i = 0; i < listing->page.count; i++)
        if (!listing->page.entries[i].is_prefix)
            append_object(s3, listing, element, &listing->page.entries[i]);
    for (size_t i = 0; i < listing->page.count; i++) {
        if (!listing->page.entries[i].is_prefix)
            continue;
        buf_append_text(&s3->body, "<CommonPrefixes>");
        append_name(s3, listing, "Prefix", listing->page.entries[i].key);
        buf_append_text(&s3->body, "</CommonPrefixes>");
    }
}

/* A page's end as a token. An empty token is the one of the first page. */
static bool decode_token(struct s3 *s3, struct str token, struct buf *after)
{
    if (base64_decode(token, after))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "The continuation token provided is incorrect");
    return false;
}

void s3_list_objects_v2(struct s3 *s3)
{
    struct listing listing;
    struct buf after;
    struct str token = s3_query(s3, "continuation-token"), start = s3_query(s3, "start-after");
    if (!str_eq(s3_query(s3, "list-type"), STR("2"))) {
        s3_fail(s3, 400, "InvalidArgument", "list-type: expected 2");
        return;
    }
    if (!read_options(s3, &listing))
        return;
    listing.has_owner = str_eq_nocase(s3_query(s3, "fetch-owner"), STR("true"));
    buf_init(&after, 2 * OBJECTS_KEY_MAX);
    listing.options.after = start;
    if (token.len > 0 && decode_token(s3, token, &after))
        listing.options.after = buf_str(&after);
    if (!s3_has_failed(s3) && list(s3, &listing)) {
        append_head(s3, &listing, "ListBucketResult");
        xml_append_u64(&s3->body, "KeyCount", listing.page.count);
        if (token.data)
            xml_append(&s3->body, "ContinuationToken", token);
        if (start.len > 0)
            append_name(s3, &listing, "StartAfter", start);
        if (listing.page.is_truncated) {
            buf_append_text(&s3->body, "<NextContinuationToken>");
            buf_append_base64(&s3->body, listing.page.next.data, listing.page.next.len);
            buf_append_text(&s3->body, "</NextContinuationToken>");
        }
        append_entries(s3, &listing, "Contents");
        buf_append_text(&s3->body, "</ListBucketResult>");
    }
    buf_deinit(&after);
}

/* A marker that is a common prefix stands for all its keys: the page before ended with it. */
static struct str after_marker(struct s3 *s3, const struct objects_list_options *options, struct str marker)
{
    struct str delimiter = options->delimiter;
    if (delimiter.len == 0 || marker.len <= options->prefix.len || !str_ends(marker, delimiter))
        return marker;
    struct str behind = arena_printf(&s3->arena, STR_FMT "\xff", STR_ARG(marker));
    return behind.data ? behind : marker;
}

void s3_list_objects(struct s3 *s3)
{
    struct listing listing;
    struct str marker = s3_query(s3, "marker");
    if (!read_options(s3, &listing))
        return;
    listing.has_owner = true;
    listing.options.after = after_marker(s3, &listing.options, marker);
    if (!list(s3, &listing))
        return;
    append_head(s3, &listing, "ListBucketResult");
    append_name(s3, &listing, "Marker", marker);
    if (listing.page.is_truncated && listing.page.count > 0)
        append_name(s3, &listing, "NextMarker", listing.page.entries[listing.page.count - 1].key);
    append_entries(s3, &listing, "Contents");
    buf_append_text(&s3->body, "</ListBucketResult>");
}

void s3_list_versions(struct s3 *s3)
{
    struct listing listing;
    struct str marker = s3_query(s3, "key-marker"), version = s3_query(s3, "version-id-marker");
    if (!read_options(s3, &listing))
        return;
    if (version.len > 0 && marker.len == 0) {
        s3_fail(s3, 400, "InvalidArgument", "A version-id marker cannot be specified without a key marker.");
        return;
    }
    listing.has_owner = true;
    listing.options.after = after_marker(s3, &listing.options, marker);
    if (!list(s3, &listing))
        return;
    append_head(s3, &listing, "ListVersionsResult");
    append_name(s3, &listing, "KeyMarker", marker);
    xml_append(&s3->body, "VersionIdMarker", version);
    if (listing.page.is_truncated && listing.page.count > 0) {
        const struct objects_entry *last = &listing.page.entries[listing.page.count - 1];
        append_name(s3, &listing, "NextKeyMarker", last->key);
        if (!last->is_prefix)
            buf_append_text(&s3->body, "<NextVersionIdMarker>null</NextVersionIdMarker>");
    }
    append_entries(s3, &listing, "Version");
    buf_append_text(&s3->body, "</ListVersionsResult>");
}
