/* Operations on buckets. A bucket is in the region that its maker named, or else in the one that is asked. */
#include <stdio.h>

#include "core/xml.h"
#include "s3/s3.h"

#define BUCKETS_MAX 10000 /* of one page */

static struct str region_of(const struct s3 *s3, const struct objects_bucket *bucket)
{
    return str_of(bucket->region[0] ? bucket->region : s3->identity.region);
}

/* --- ListBuckets --- */

struct bucket_listing {
    struct str prefix, region;
    char after[OBJECTS_BUCKET_MAX + 1]; /* of the token */
    uint64_t max;
    bool is_paged, is_truncated;
    struct str last;
};

/* False: failed. */
static bool read_listing(struct s3 *s3, struct bucket_listing *listing)
{
    struct str max = s3_query(s3, "max-buckets"), token = s3_query(s3, "continuation-token");
    struct buf after;
    *listing = (struct bucket_listing){.prefix = s3_query(s3, "prefix"),
                                       .region = s3_query(s3, "bucket-region"),
                                       .max = BUCKETS_MAX,
                                       .is_paged = max.len > 0 || token.len > 0};
    if (max.len > 0 && (!str_to_u64(max, &listing->max) || listing->max < 1 || listing->max > BUCKETS_MAX)) {
        s3_fail(s3, 400, "InvalidArgument", "max-buckets: expected 1 to %d", BUCKETS_MAX);
        return false;
    }
    buf_init(&after, OBJECTS_BUCKET_MAX);
    bool is_good = base64_decode(token, &after);
    if (is_good)
        (void)snprintf(listing->after, sizeof(listing->after), STR_FMT, STR_ARG(buf_str(&after)));
    else
        s3_fail(s3, 400, "InvalidArgument", "The continuation token provided is incorrect");
    buf_deinit(&after);
    return is_good;
}

static bool is_behind(struct str name, const char *after)
{
    size_t len = strlen(after), shorter = name.len < len ? name.len : len;
    int order = shorter > 0 ? memcmp(name.data, after, shorter) : 0;
    return order != 0 ? order > 0 : name.len > len;
}

static void append_bucket(struct s3 *s3, const struct objects_bucket *bucket, bool has_region)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(bucket->created_us, time);
    buf_append_text(&s3->body, "<Bucket>");
    xml_append(&s3->body, "Name", bucket->name);
    xml_append(&s3->body, "CreationDate", str_of(time));
    if (has_region)
        xml_append(&s3->body, "BucketRegion", region_of(s3, bucket));
    buf_append_text(&s3->body, "</Bucket>");
}

static void append_buckets(struct s3 *s3, struct bucket_listing *listing, const struct objects_bucket *buckets,
                           size_t count)
{
    uint64_t listed = 0;
    for (size_t i = 0; i < count && !listing->is_truncated; i++) {
        const struct objects_bucket *bucket = &buckets[i];
        if (!str_starts(bucket->name, listing->prefix) || !is_behind(bucket->name, listing->after) ||
            (listing->region.len > 0 && !str_eq(listing->region, region_of(s3, bucket))))
            continue;
        listing->is_truncated = listed == listing->max;
        if (listing->is_truncated)
            break;
        append_bucket(s3, bucket, listing->is_paged || listing->region.len > 0);
        listing->last = bucket->name;
        listed++;
    }
}

void s3_list_buckets(struct s3 *s3)
{
    struct bucket_listing listing;
    struct objects_bucket *buckets;
    struct error error;
    size_t count;
    if (!read_listing(s3, &listing))
        return;
    enum objects_problem problem = objects_bucket_list(s3->objects, s3->tenant, &s3->arena, &buckets, &count, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    buf_append_text(&s3->body, XML_HEAD "<ListAllMyBucketsResult" S3_XMLNS ">");
    s3_append_owner(s3, "Owner");
    buf_append_text(&s3->body, "<Buckets>");
    append_buckets(s3, &listing, buckets, count);
    buf_append_text(&s3->body, "</Buckets>");
    if (listing.prefix.len > 0)
        xml_append(&s3->body, "Prefix", listing.prefix);
    if (listing.is_truncated) {
        buf_append_text(&s3->body, "<ContinuationToken>");
        buf_append_base64(&s3->body, listing.last.data, listing.last.len);
        buf_append_text(&s3->body, "</ContinuationToken>");
    }
    buf_append_text(&s3->body, "</ListAllMyBucketsResult>");
}

/* --- CreateBucket --- */

struct configuration {
    struct str region, foreign; /* `foreign`: what isn't served */
};

static bool on_configuration_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct configuration *configuration = ctx;
    if (str_eq(parent, STR("CreateBucketConfiguration")) && str_eq(name, STR("LocationConstraint")))
        configuration->region = text;
    else if (parent.len > 0)
        configuration->foreign = name;
    return true;
}

static bool is_region(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= 'a' && text.data[i] <= 'z') || (text.data[i] >= '0' && text.data[i] <= '9') ||
              text.data[i] == '-'))
            return false;
    return text.len <= OBJECTS_REGION_MAX;
}

/* False: failed. */
static bool read_configuration(struct s3 *s3, struct configuration *configuration)
{
    *configuration = (struct configuration){.region = STR("")};
    struct str body = str_trim(s3->request.body);
    if (body.len > 0 && !xml_read(body, &s3->arena, on_configuration_element, configuration)) {
        s3_fail(s3, 400, "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema");
        return false;
    }
    if (configuration->foreign.len > 0) {
        s3_fail(s3, 501, "NotImplemented", STR_FMT " of CreateBucketConfiguration is not implemented.",
                STR_ARG(str_slice(configuration->foreign, 0, 100)));
        return false;
    }
    configuration->region = str_trim(configuration->region);
    if (str_eq(configuration->region, STR("EU")))
        configuration->region = STR("eu-west-1");
    if (is_region(configuration->region))
        return true;
    s3_fail(s3, 400, "InvalidLocationConstraint", "The specified location-constraint is not valid");
    return false;
}

/* Who repeats a request whose reply was lost must not be told of a conflict; S3's first region never did so. */
void s3_create_bucket(struct s3 *s3)
{
    struct error error;
    struct configuration configuration;
    char location[OBJECTS_BUCKET_MAX + 2];
    if (!read_configuration(s3, &configuration))
        return;
    struct str region = configuration.region.len > 0 ? configuration.region : str_of(s3->identity.region);
    enum objects_problem problem =
        objects_bucket_create(s3->objects, s3->tenant, s3->bucket, configuration.region, &error);
    if (problem != OBJECTS_OK && !(problem == OBJECTS_BUCKET_OWNED && str_eq(region, STR("us-east-1")))) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    (void)snprintf(location, sizeof(location), "/" STR_FMT, STR_ARG(s3->bucket));
    s3_add_header(s3, "location", str_of(location));
}

/* --- others --- */

/* False: failed. */
static bool bucket_is_there(struct s3 *s3, struct objects_bucket *bucket)
{
    struct error error;
    enum objects_problem problem = objects_bucket_head(s3->objects, s3->tenant, s3->bucket, bucket, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

void s3_head_bucket(struct s3 *s3)
{
    struct objects_bucket bucket;
    if (bucket_is_there(s3, &bucket))
        s3_add_header(s3, "x-amz-bucket-region", region_of(s3, &bucket));
}

void s3_delete_bucket(struct s3 *s3)
{
    struct error error;
    enum objects_problem problem = objects_bucket_delete(s3->objects, s3->tenant, s3->bucket, &error);
    if (problem == OBJECTS_OK)
        s3->status = 204;
    else
        s3_fail_problem(s3, problem, &error);
}

void s3_get_location(struct s3 *s3)
{
    struct objects_bucket bucket;
    if (!bucket_is_there(s3, &bucket))
        return;
    struct str region = region_of(s3, &bucket); /* us-east-1 is written as nothing */
    buf_append_text(&s3->body, XML_HEAD "<LocationConstraint" S3_XMLNS ">");
    xml_append_text(&s3->body, str_eq(region, STR("us-east-1")) ? STR("") : region);
    buf_append_text(&s3->body, "</LocationConstraint>");
}
