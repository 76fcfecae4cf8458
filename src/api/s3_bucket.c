/* Operations on buckets. A bucket has no region of its own: it is in the one that is asked. */
#include "api/s3.h"
#include "core/xml.h"

void s3_list_buckets(struct s3 *s3)
{
    struct objects_bucket *buckets;
    struct error error;
    size_t count;
    enum objects_problem problem = objects_bucket_list(s3->objects, s3->tenant, &s3->arena, &buckets, &count, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    struct buf *body = &s3->body;
    buf_append_text(body, XML_HEAD "<ListAllMyBucketsResult" S3_XMLNS "><Owner>");
    xml_append(body, "ID", s3->tenant);
    xml_append(body, "DisplayName", s3->tenant);
    buf_append_text(body, "</Owner><Buckets>");
    for (size_t i = 0; i < count; i++) {
        char time[TIMESTAMP_LEN + 1];
        clock_iso8601(buckets[i].created_us, time);
        buf_append_text(body, "<Bucket>");
        xml_append(body, "Name", buckets[i].name);
        xml_append(body, "CreationDate", str_of(time));
        buf_append_text(body, "</Bucket>");
    }
    buf_append_text(body, "</Buckets></ListAllMyBucketsResult>");
}

void s3_create_bucket(struct s3 *s3)
{
    struct error error;
    char location[OBJECTS_BUCKET_MAX + 2];
    enum objects_problem problem = objects_bucket_create(s3->objects, s3->tenant, s3->bucket, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    (void)snprintf(location, sizeof(location), "/" STR_FMT, STR_ARG(s3->bucket));
    s3_add_header(s3, "location", str_of(location));
}

/* False: failed. */
static bool bucket_is_there(struct s3 *s3)
{
    struct error error;
    enum objects_problem problem = objects_bucket_head(s3->objects, s3->tenant, s3->bucket, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    return problem == OBJECTS_OK;
}

void s3_head_bucket(struct s3 *s3)
{
    if (bucket_is_there(s3))
        s3_add_header(s3, "x-amz-bucket-region", str_of(s3->identity.region));
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
    if (!bucket_is_there(s3))
        return;
    /* us-east-1 is written as nothing. */
    struct str region = str_of(s3->identity.region);
    buf_append_text(&s3->body, XML_HEAD "<LocationConstraint" S3_XMLNS ">");
    xml_append_text(&s3->body, str_eq(region, STR("us-east-1")) ? STR("") : region);
    buf_append_text(&s3->body, "</LocationConstraint>");
}

void s3_get_versioning(struct s3 *s3)
{
    if (bucket_is_there(s3))
        buf_append_text(&s3->body, XML_HEAD "<VersioningConfiguration" S3_XMLNS "/>");
}
