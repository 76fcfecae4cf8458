/* Headers of S3 that change what a request means: honoured by the operations, or refused here by name. A header that
 * isn't known may change something too, so a request that writes is refused for it. */
#include "auth/sigv2.h"
#include "s3/s3.h"

/* --- headers that stand in the query --- */

/* A presigned link may carry them there. The signature's own are none of them. */
static bool is_hoisted(struct str name, bool is_old_link)
{
    static const char *const signature[] = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires",
                                            "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token"};
    if (is_old_link && (str_eq(name, STR("content-type")) || str_eq(name, STR("content-md5"))))
        return true;
    if (!str_eq_nocase(str_slice(name, 0, 6), STR("x-amz-")))
        return false;
    for (size_t i = 0; i < sizeof(signature) / sizeof(signature[0]); i++)
        if (str_eq_nocase(name, str_of(signature[i])))
            return false;
    return true;
}

static bool hoist(struct s3 *s3, struct str name, struct str value, struct http_header *header)
{
    char *letters = arena_strdup(&s3->arena, name);
    if (!letters || !http_percent_decode(value, &s3->arena, &header->value))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (letters[i] >= 'A' && letters[i] <= 'Z')
            letters[i] = (char)(letters[i] + ('a' - 'A'));
    header->name = (struct str){letters, name.len};
    return true;
}

bool s3_hoist_headers(struct s3 *s3)
{
    struct http_request *request = &s3->request;
    struct str rest = request->query, pair, name;
    size_t count = request->header_count, most = count + 1;
    for (size_t i = 0; i < request->query.len; i++)
        most += request->query.data[i] == '&';
    const bool is_old_link = sigv2_is_presigned(request);
    struct http_header *headers = arena_array(&s3->arena, most + 1, sizeof(*headers));
    if (!headers)
        return false;
    if (count > 0)
        memcpy(headers, request->headers, count * sizeof(*headers));
    while (str_split(&rest, '&', &pair)) {
        (void)str_split(&pair, '=', &name);
        struct http_header header;
        if (!is_hoisted(name, is_old_link))
            continue;
        if (!hoist(s3, name, pair.data ? pair : STR(""), &header))
            return false;
        if (!http_header_get(request, header.name.data).data)
            headers[count++] = header;
    }
    request->headers = headers;
    request->header_count = count;
    return true;
}

/* --- what is served --- */

#define STORAGE_CLASSES "STANDARD|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER_IR|REDUCED_REDUNDANCY"
#define NO_ENCRYPTION                                                                                                 \
    "objects are not encrypted by the server: encrypt what you send, or the disk, and say so by objects: "            \
    "{encrypted_at_rest: true} in fulcrum.yaml, which AES256 is served with"

/* The first row that fits the name counts. A '*' at its end stands for anything. */
static const struct rule {
    const char *name;
    const char *values; /* accepted, with '|' between; NULL: any */
    int status;         /* else */
    const char *code, *why;
} rules[] = {
    {.name = "x-amz-meta-*"},
    {.name = "x-amz-checksum-crc32"},
    {.name = "x-amz-checksum-crc32c"},
    {.name = "x-amz-checksum-crc64nvme"},
    {.name = "x-amz-checksum-sha1"},
    {.name = "x-amz-checksum-sha256"},
    {.name = "x-amz-checksum-algorithm"},
    {.name = "x-amz-checksum-type"},
    {.name = "x-amz-checksum-mode"},
    {"x-amz-checksum-*", "", 400, "InvalidRequest", "checksums are CRC32, CRC32C, CRC64NVME, SHA1 and SHA256"},
    {.name = "x-amz-sdk-*"},
    {.name = "x-amz-date"},
    {.name = "x-amz-content-sha256"},
    {.name = "x-amz-decoded-content-length"},
    {.name = "x-amz-trailer"},
    {.name = "x-amz-security-token"},
    {.name = "x-amz-user-agent"},
    {.name = "x-amz-api-version"},
    {.name = "x-amz-te"},
    {.name = "x-amz-cf-id"}, /* of a proxy */
    {.name = "x-amz-expected-bucket-owner"},
    {.name = "x-amz-source-expected-bucket-owner"},
    {.name = "x-amz-request-payer"},                 /* nobody pays */
    {.name = "x-amz-mfa"},                           /* for versions */
    {.name = "x-amz-bypass-governance-retention"},   /* nothing is retained */
    {.name = "x-amz-optional-object-attributes"},
    {.name = "x-amz-if-match-*"},                    /* of deletions: checked with the conditions */
    {.name = "x-amz-mp-object-size"},
    {"x-amz-copy-source-server-side-encryption-*", "", 400, "InvalidRequest",
     "the encryption parameters are not applicable to this object"},
    {.name = "x-amz-copy-source*"},
    {"x-amz-metadata-directive", "COPY|REPLACE", 400, "InvalidArgument", "expected COPY or REPLACE"},
    {"x-amz-tagging-directive", "COPY|REPLACE", 400, "InvalidArgument", "expected COPY or REPLACE"},
    {"x-amz-acl", "|private|bucket-owner-full-control|bucket-owner-read", 501, "NotImplemented",
     "a bucket and what is in it are its tenant's alone; private is served"},
    {"x-amz-storage-class", "|" STORAGE_CLASSES, 400, "InvalidStorageClass",
     "every object can be read at once, so there are " STORAGE_CLASSES},
    {"x-amz-server-side-encryption-bucket-key-enabled", "|false", 501, "NotImplemented", NO_ENCRYPTION},
    {"x-amz-server-side-encryption*", "", 501, "NotImplemented", NO_ENCRYPTION},
    {"x-amz-tagging", "", 501, "NotImplemented", "PutObject, CopyObject and CreateMultipartUpload take tags"},
    {"x-amz-grant-*", "", 501, "NotImplemented", "a bucket and what is in it are its tenant's alone"},
    {"x-amz-website-redirect-location", "", 501, "NotImplemented", "buckets are no websites"},
    {"x-amz-write-offset-bytes", "", 501, "NotImplemented", "objects are written whole; copy what is there as a part"},
    {"x-amz-object-lock-legal-hold", "|OFF", 501, "NotImplemented", "objects are not locked"},
    {"x-amz-object-lock-*", "", 501, "NotImplemented", "objects are not locked"},
    {"x-amz-bucket-object-lock-enabled", "|false", 501, "NotImplemented", "objects are not locked"},
    {"x-amz-object-ownership", "|BucketOwnerEnforced", 501, "NotImplemented", "BucketOwnerEnforced is served"},
};

static bool rule_fits(const struct rule *rule, struct str name)
{
    struct str pattern = str_of(rule->name);
    if (str_ends(pattern, STR("*")))
        return str_starts(name, str_slice(pattern, 0, pattern.len - 1));
    return str_eq(name, pattern);
}

static bool is_among(struct str value, const char *values)
{
    struct str rest = str_of(values), each;
    if (!*values)
        return value.len == 0;
    while (str_split(&rest, '|', &each))
        if (str_eq_nocase(value, each))
            return true;
    return false;
}

static bool is_read(const struct s3 *s3)
{
    return str_eq(s3->request.method, STR("GET")) || str_eq(s3->request.method, STR("HEAD"));
}

static bool refuse(struct s3 *s3, const struct rule *rule, const struct http_header *header)
{
    bool is_secret = str_find(header->name, STR("-customer-key"), 0) >= 0; /* a key is not repeated */
    s3_fail(s3, rule->status, rule->code, "The header " STR_FMT "%s" STR_FMT " is not served: %s.",
            STR_ARG(header->name), is_secret ? "" : ": ",
            STR_ARG(is_secret ? STR("") : str_slice(header->value, 0, 100)), rule->why);
    return false;
}

static bool check_header(struct s3 *s3, const struct s3_operation *operation, const struct http_header *header)
{
    if (operation->takes_tags && str_eq(header->name, STR("x-amz-tagging")))
        return true;
    if (s3_is_encrypted(s3) && str_eq(header->name, STR("x-amz-server-side-encryption")) &&
        str_eq(header->value, STR("AES256")))
        return true;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];
        if (!rule_fits(rule, header->name))
            continue;
        if (!rule->values || is_among(header->value, rule->values))
            return true;
        return refuse(s3, rule, header);
    }
    static const struct rule unknown = {.status = 501, .code = "NotImplemented", .why = "it is not known here"};
    return is_read(s3) || refuse(s3, &unknown, header);
}

static bool check_owner(struct s3 *s3, const char *name)
{
    struct str owner = s3_header(s3, name);
    if (owner.len == 0 || str_eq(owner, str_of(s3->identity.account)))
        return true;
    s3_fail(s3, 403, "AccessDenied", "Access Denied: %s is not the account of this request, %s.", name,
            s3->identity.account);
    return false;
}

bool s3_check_headers(struct s3 *s3, const struct s3_operation *operation)
{
    for (size_t i = 0; i < s3->request.header_count; i++)
        if (str_starts(s3->request.headers[i].name, STR("x-amz-")) &&
            !check_header(s3, operation, &s3->request.headers[i]))
            return false;
    return check_owner(s3, "x-amz-expected-bucket-owner") && check_owner(s3, "x-amz-source-expected-bucket-owner") &&
           (is_read(s3) || s3_check_condition_names(s3, operation));
}
