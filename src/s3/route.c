/* Which operation a request is. Every query parameter must be one of the operation's own: what isn't known here may be
 * the name of another operation, and must not be taken for the plain one. */
#include "auth/sigv2.h"
#include "s3/s3.h"

static void put(struct s3 *s3)
{
    (void)s3; /* a stream: put.c */
}

static void get(struct s3 *s3)
{
    (void)s3; /* a stream: get.c */
}

bool s3_operation_is_put(const struct s3_operation *operation)
{
    return operation->run == put;
}

bool s3_operation_is_get(const struct s3_operation *operation)
{
    return operation->run == get;
}

#define OPERATION(label, function) (&(const struct s3_operation){.name = (label), .run = (function)})
#define OPERATION_WITH(label, function, ...)                                                                          \
    (&(const struct s3_operation){.name = (label), .run = (function), __VA_ARGS__})
#define SUBRESOURCE(name) OPERATION(name, s3_get_subresource)

#define LISTING "prefix delimiter max-keys encoding-type "
#define OVERRIDES                                                                                                     \
    "response-cache-control response-content-disposition response-content-encoding response-content-language "        \
    "response-content-type response-expires "

/* The first row whose method, place, query parameter and header fit. */
static const struct s3_row {
    const char *method;
    enum { AT_SERVICE, AT_BUCKET, AT_OBJECT } place;
    const char *parameter; /* NULL: any query */
    const char *header;    /* NULL: any headers */
    const char *others;    /* parameters besides it */
    const struct s3_operation *operation;
} routes[] = {
    {"GET", AT_SERVICE, NULL, NULL, "max-buckets continuation-token prefix bucket-region",
     OPERATION("ListBuckets", s3_list_buckets)},
    {"GET", AT_BUCKET, "location", NULL, "", OPERATION("GetBucketLocation", s3_get_location)},
    {"GET", AT_BUCKET, "versioning", NULL, "", SUBRESOURCE("GetBucketVersioning")},
    {"GET", AT_BUCKET, "acl", NULL, "", OPERATION("GetBucketAcl", s3_get_acl)},
    {"GET", AT_BUCKET, "accelerate", NULL, "", SUBRESOURCE("GetBucketAccelerateConfiguration")},
    {"GET", AT_BUCKET, "cors", NULL, "", SUBRESOURCE("GetBucketCors")},
    {"GET", AT_BUCKET, "encryption", NULL, "", SUBRESOURCE("GetBucketEncryption")},
    {"GET", AT_BUCKET, "lifecycle", NULL, "", SUBRESOURCE("GetBucketLifecycleConfiguration")},
    {"GET", AT_BUCKET, "logging", NULL, "", SUBRESOURCE("GetBucketLogging")},
    {"GET", AT_BUCKET, "notification", NULL, "", SUBRESOURCE("GetBucketNotificationConfiguration")},
    {"GET", AT_BUCKET, "object-lock", NULL, "", SUBRESOURCE("GetObjectLockConfiguration")},
    {"GET", AT_BUCKET, "ownershipControls", NULL, "", SUBRESOURCE("GetBucketOwnershipControls")},
    {"GET", AT_BUCKET, "policy", NULL, "", SUBRESOURCE("GetBucketPolicy")},
    {"GET", AT_BUCKET, "policyStatus", NULL, "", SUBRESOURCE("GetBucketPolicyStatus")},
    {"GET", AT_BUCKET, "publicAccessBlock", NULL, "", SUBRESOURCE("GetPublicAccessBlock")},
    {"GET", AT_BUCKET, "replication", NULL, "", SUBRESOURCE("GetBucketReplication")},
    {"GET", AT_BUCKET, "requestPayment", NULL, "", SUBRESOURCE("GetBucketRequestPayment")},
    {"GET", AT_BUCKET, "tagging", NULL, "", SUBRESOURCE("GetBucketTagging")},
    {"GET", AT_BUCKET, "website", NULL, "", SUBRESOURCE("GetBucketWebsite")},
    {"GET", AT_BUCKET, "uploads", NULL, "prefix delimiter encoding-type key-marker upload-id-marker max-uploads",
     OPERATION("ListMultipartUploads", s3_list_uploads)},
    {"GET", AT_BUCKET, "versions", NULL, LISTING "key-marker version-id-marker",
     OPERATION("ListObjectVersions", s3_list_versions)},
    {"GET", AT_BUCKET, "list-type", NULL, LISTING "continuation-token start-after fetch-owner",
     OPERATION("ListObjectsV2", s3_list_objects_v2)},
    {"GET", AT_BUCKET, NULL, NULL, LISTING "marker", OPERATION("ListObjects", s3_list_objects)},
    {"HEAD", AT_BUCKET, NULL, NULL, "", OPERATION("HeadBucket", s3_head_bucket)},
    {"PUT", AT_BUCKET, "acl", NULL, "", OPERATION("PutBucketAcl", s3_put_acl)},
    {"PUT", AT_BUCKET, NULL, NULL, "", OPERATION_WITH("CreateBucket", s3_create_bucket, .takes_body = true)},
    {"DELETE", AT_BUCKET, NULL, NULL, "", OPERATION("DeleteBucket", s3_delete_bucket)},
    {"POST", AT_BUCKET, "delete", NULL, "", OPERATION_WITH("DeleteObjects", s3_delete_objects, .takes_body = true)},
    {"GET", AT_OBJECT, "uploadId", NULL, "part-number-marker max-parts",
     OPERATION("ListParts", s3_list_parts)},
    {"GET", AT_OBJECT, "acl", NULL, "versionId", OPERATION("GetObjectAcl", s3_get_acl)},
    {"GET", AT_OBJECT, "attributes", NULL, "versionId", OPERATION("GetObjectAttributes", s3_get_attributes)},
    {"GET", AT_OBJECT, "tagging", NULL, "versionId", OPERATION("GetObjectTagging", s3_get_tagging)},
    {"GET", AT_OBJECT, NULL, NULL, OVERRIDES "versionId partNumber", OPERATION("GetObject", get)},
    {"HEAD", AT_OBJECT, NULL, NULL, OVERRIDES "versionId partNumber", OPERATION("HeadObject", s3_head_object)},
    {"PUT", AT_OBJECT, "acl", NULL, "versionId", OPERATION("PutObjectAcl", s3_put_acl)},
    {"PUT", AT_OBJECT, "tagging", NULL, "versionId",
     OPERATION_WITH("PutObjectTagging", s3_put_tagging, .takes_body = true)},
    {"PUT", AT_OBJECT, "uploadId", "x-amz-copy-source", "partNumber", OPERATION("UploadPartCopy", s3_copy_part)},
    {"PUT", AT_OBJECT, "uploadId", NULL, "partNumber", OPERATION("UploadPart", put)},
    {"PUT", AT_OBJECT, NULL, "x-amz-copy-source", "",
     OPERATION_WITH("CopyObject", s3_copy_object, .takes_tags = true, .conditions = S3_CONDITIONS_OF_WRITES)},
    {"PUT", AT_OBJECT, NULL, NULL, "",
     OPERATION_WITH("PutObject", put, .takes_tags = true, .conditions = S3_CONDITIONS_OF_WRITES)},
    {"DELETE", AT_OBJECT, "tagging", NULL, "versionId", OPERATION("DeleteObjectTagging", s3_delete_tagging)},
    {"DELETE", AT_OBJECT, "uploadId", NULL, "", OPERATION("AbortMultipartUpload", s3_abort_upload)},
    {"DELETE", AT_OBJECT, NULL, NULL, "versionId",
     OPERATION_WITH("DeleteObject", s3_delete_object, .conditions = S3_CONDITIONS_OF_DELETIONS)},
    {"POST", AT_OBJECT, "uploads", NULL, "",
     OPERATION_WITH("CreateMultipartUpload", s3_create_upload, .takes_tags = true)},
    {"POST", AT_OBJECT, "uploadId", NULL, "",
     OPERATION_WITH("CompleteMultipartUpload", s3_complete_upload, .takes_body = true,
               .conditions = S3_CONDITIONS_OF_WRITES)},
};

static bool has_parameter(struct str query, const char *name)
{
    struct str pair, wanted = str_of(name);
    while (str_split(&query, '&', &pair))
        if (str_starts(pair, wanted) && (pair.len == wanted.len || pair.data[wanted.len] == '='))
            return true;
    return false;
}

/* Names that say nothing of the operation. Those of x-amz- are signatures, or headers that were given here:
 * headers.c looks at them. */
static bool is_common(const struct s3 *s3, struct str name)
{
    static const char *const of_old_links[] = {"AWSAccessKeyId", "Signature", "Expires", "content-type", "content-md5"};
    if (name.len == 0 || str_eq(name, STR("x-id")) || str_eq_nocase(str_slice(name, 0, 6), STR("x-amz-")))
        return true;
    for (size_t i = 0; i < sizeof(of_old_links) / sizeof(of_old_links[0]); i++)
        if (str_eq(name, str_of(of_old_links[i])))
            return sigv2_is_presigned(&s3->request);
    return false;
}

static bool is_listed(struct str name, const char *list)
{
    struct str rest = str_of(list), each;
    while (str_split(&rest, ' ', &each))
        if (each.len > 0 && str_eq(name, each))
            return true;
    return false;
}

/* The first parameter that isn't the operation's (or, without a route, that says anything); data NULL without one. */
static struct str find_foreign(const struct s3 *s3, const struct s3_row *route)
{
    struct str rest = s3->request.query, pair, name;
    while (str_split(&rest, '&', &pair)) {
        (void)str_split(&pair, '=', &name);
        if (is_common(s3, name) || (route && route->parameter && str_eq(name, str_of(route->parameter))) ||
            (route && is_listed(name, route->others)))
            continue;
        return name;
    }
    return (struct str){NULL, 0};
}

static const struct s3_row *find_route(const struct s3 *s3)
{
    unsigned place = s3->bucket.len == 0 ? AT_SERVICE : s3->key.len == 0 ? AT_BUCKET : AT_OBJECT;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct s3_row *route = &routes[i];
        if (route->place == place && str_eq(s3->request.method, str_of(route->method)) &&
            (!route->parameter || has_parameter(s3->request.query, route->parameter)) &&
            (!route->header || s3_header(s3, route->header).data))
            return route;
    }
    return NULL;
}

/* Nothing has versions; what is there is the one called null. */
static bool check_version(struct s3 *s3)
{
    struct str version = s3_query(s3, "versionId");
    if (!version.data || str_eq(version, STR("null")))
        return true;
    s3_fail(s3, 404, "NoSuchVersion", "The specified version does not exist: objects have the version 'null' only.");
    return false;
}

/* Whether S3 has operations by this name; any other is the client's mistake, and not something that is missing here. */
static bool is_of_s3(struct str name)
{
    static const char others[] = "analytics annotation append intelligent-tiering inventory "
                                 "legal-hold metadataTable metadataConfiguration metrics position renameObject restore "
                                 "retention select select-type session torrent ";
    if (is_listed(name, others))
        return true;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (is_listed(name, routes[i].others) ||
            (routes[i].parameter && str_eq(name, str_of(routes[i].parameter))))
            return true;
    return false;
}

static void fail_foreign(struct s3 *s3, struct str name, const struct s3_row *route)
{
    bool is_known = is_of_s3(name);
    s3_fail(s3, is_known ? 501 : 400, is_known ? "NotImplemented" : "InvalidArgument",
            "The query parameter '" STR_FMT "' is not %s%s%s.", STR_ARG(str_slice(name, 0, 100)),
            is_known ? "implemented" : "known", route ? " for " : "", route ? route->operation->name : "");
}

const struct s3_operation *s3_find_operation(struct s3 *s3)
{
    const struct s3_row *route = find_route(s3);
    struct str foreign = find_foreign(s3, route);
    if (foreign.data) {
        fail_foreign(s3, foreign, route);
        return NULL;
    }
    if (!route) {
        s3_fail(s3, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
        return NULL;
    }
    return check_version(s3) ? route->operation : NULL;
}
