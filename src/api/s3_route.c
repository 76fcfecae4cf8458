#include "api/s3.h"

static void put(struct s3 *s3)
{
    (void)s3; /* a stream: s3_put.c */
}

static void get(struct s3 *s3)
{
    (void)s3; /* a stream: s3_get.c */
}

static const struct s3_operation put_object = {"PutObject", put, false};
static const struct s3_operation upload_part = {"UploadPart", put, false};
static const struct s3_operation get_object = {"GetObject", get, false};

bool s3_operation_is_put(const struct s3_operation *operation)
{
    return operation->run == put;
}

bool s3_operation_is_get(const struct s3_operation *operation)
{
    return operation->run == get;
}

/* The first row whose method, place, query parameter and header fit. */
static const struct route {
    const char *method;
    enum { AT_SERVICE, AT_BUCKET, AT_OBJECT } place;
    const char *parameter; /* NULL: any query */
    const char *header;    /* NULL: any headers */
    const struct s3_operation *operation;
} routes[] = {
    {"GET", AT_SERVICE, NULL, NULL, &(const struct s3_operation){"ListBuckets", s3_list_buckets, false}},
    {"GET", AT_BUCKET, "location", NULL, &(const struct s3_operation){"GetBucketLocation", s3_get_location, false}},
    {"GET", AT_BUCKET, "versioning", NULL,
     &(const struct s3_operation){"GetBucketVersioning", s3_get_versioning, false}},
    {"GET", AT_BUCKET, "uploads", NULL, &(const struct s3_operation){"ListMultipartUploads", s3_list_uploads, false}},
    {"GET", AT_BUCKET, "list-type", NULL, &(const struct s3_operation){"ListObjectsV2", s3_list_objects_v2, false}},
    {"GET", AT_BUCKET, NULL, NULL, &(const struct s3_operation){"ListObjects", s3_list_objects, false}},
    {"HEAD", AT_BUCKET, NULL, NULL, &(const struct s3_operation){"HeadBucket", s3_head_bucket, false}},
    {"PUT", AT_BUCKET, NULL, NULL, &(const struct s3_operation){"CreateBucket", s3_create_bucket, false}},
    {"DELETE", AT_BUCKET, NULL, NULL, &(const struct s3_operation){"DeleteBucket", s3_delete_bucket, false}},
    {"POST", AT_BUCKET, "delete", NULL, &(const struct s3_operation){"DeleteObjects", s3_delete_objects, true}},
    {"GET", AT_OBJECT, "uploadId", NULL, &(const struct s3_operation){"ListParts", s3_list_parts, false}},
    {"GET", AT_OBJECT, NULL, NULL, &get_object},
    {"HEAD", AT_OBJECT, NULL, NULL, &(const struct s3_operation){"HeadObject", s3_head_object, false}},
    {"PUT", AT_OBJECT, "uploadId", "x-amz-copy-source",
     &(const struct s3_operation){"UploadPartCopy", s3_copy_part, false}},
    {"PUT", AT_OBJECT, "uploadId", NULL, &upload_part},
    {"PUT", AT_OBJECT, NULL, "x-amz-copy-source", &(const struct s3_operation){"CopyObject", s3_copy_object, false}},
    {"PUT", AT_OBJECT, NULL, NULL, &put_object},
    {"DELETE", AT_OBJECT, "uploadId", NULL,
     &(const struct s3_operation){"AbortMultipartUpload", s3_abort_upload, false}},
    {"DELETE", AT_OBJECT, NULL, NULL, &(const struct s3_operation){"DeleteObject", s3_delete_object, false}},
    {"POST", AT_OBJECT, "uploads", NULL,
     &(const struct s3_operation){"CreateMultipartUpload", s3_create_upload, false}},
    {"POST", AT_OBJECT, "uploadId", NULL,
     &(const struct s3_operation){"CompleteMultipartUpload", s3_complete_upload, true}},
};

/* Parameters that turn a request into another operation, which isn't served: it must not be taken for the plain one. */
static const char *const absent[] = {
    "accelerate", "acl",          "analytics",    "attributes",        "cors",              "encryption",
    "inventory",  "legal-hold",   "lifecycle",    "logging",           "metrics",           "notification",
    "object-lock", "ownershipControls", "policy", "policyStatus",      "publicAccessBlock", "replication",
    "requestPayment", "restore",  "retention",    "select",            "tagging",           "torrent",
    "versionId",  "versions",     "website",      "intelligent-tiering",
};

static bool has_parameter(struct str query, const char *name)
{
    struct str pair, wanted = str_of(name);
    while (str_split(&query, '&', &pair))
        if (str_starts(pair, wanted) && (pair.len == wanted.len || pair.data[wanted.len] == '='))
            return true;
    return false;
}

const struct s3_operation *s3_find_operation(struct s3 *s3)
{
    int place = s3->bucket.len == 0 ? AT_SERVICE : s3->key.len == 0 ? AT_BUCKET : AT_OBJECT;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (has_parameter(s3->request.query, absent[i])) {
            s3_fail(s3, 501, "NotImplemented", "The subresource '%s' is not implemented.", absent[i]);
            return NULL;
        }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        if (route->place == (unsigned)place && str_eq(s3->request.method, str_of(route->method)) &&
            (!route->parameter || has_parameter(s3->request.query, route->parameter)) &&
            (!route->header || s3_header(s3, route->header).data))
            return route->operation;
    }
    s3_fail(s3, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
    return NULL;
}
