/* s3.c - one request of the S3 protocol from its head to its operation, and the errors in its XML. The operations
 * have files of their own. See s3.h. */
#include "s3/s3.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/console/dialect.h"
#include "api/operations.h"
#include "auth/sigv2.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/xml.h"
#include "store/disk.h"

#define REPLY_BODY_MAX ((size_t)16 << 20) /* a page of a thousand keys, everything escaped */

/* --- whose request is it --- */

static bool is_form(const struct http_request *request)
{
    return str_starts(http_header_get(request, "content-type"), STR("multipart/form-data"));
}

/* Paths of the other services are theirs; what begins with the name of a bucket is an object's. */
static bool path_is_s3(const struct config *config, struct meant *meant)
{
    struct error ignored;
    const struct http_request *request = meant->request;
    const struct operations_match *match = meant_match(meant);
    struct str rest = str_slice(request->path, 1, request->path.len), bucket;
    bool is_others = match->operation || match->absent || match->allowed_method || match->dialect == &console_dialect;
    bool is_page = request->query.len == 0 && str_eq(request->method, STR("GET"));
    bool is_root = request->path.len == 1 && !is_page; /* a browser gets the server's first page */
    if (is_root && str_eq(request->method, STR("GET")) && str_starts(request->query, STR("x-id=ListBuckets")))
        return true;
    if (is_others && !is_root)
        return false;
    if (s3_host_bucket(config, request, &bucket))
        return true;
    if (is_others)
        return false;
    if (!str_split(&rest, '/', &bucket) || objects_check_bucket(bucket, &ignored) != OBJECTS_OK)
        return false;
    if (str_eq(request->method, STR("POST")))
        return str_starts(request->query, STR("delete")) || str_starts(request->query, STR("upload")) ||
               (rest.len == 0 && is_form(request));
    return rest.len > 0 || str_eq(request->method, STR("PUT")) || str_eq(request->method, STR("DELETE")) ||
           str_starts(request->query, STR("list-type=")) || str_starts(request->query, STR("location"));
}

/* A signature that can't be read says nothing; then the path decides. */
bool s3_is_meant(const struct config *config, struct meant *meant)
{
    const struct http_request *request = meant->request;
    if (sigv2_is_presigned(request) || str_starts(http_header_get(request, "authorization"), STR("AWS ")))
        return true;
    return meant->has_claim ? str_eq(meant->claim.service, STR("s3")) : path_is_s3(config, meant);
}

/* --- life --- */

static bool copy_request(struct s3 *s3, const struct http_request *from)
{
    struct http_request *to = &s3->request;
    *to = *from;
    to->body = STR("");
    to->headers = arena_array(&s3->arena, from->header_count + 1, sizeof(*to->headers));
    if (!to->headers || !arena_str(&s3->arena, from->method, &to->method) ||
        !arena_str(&s3->arena, from->target, &to->target) || !arena_str(&s3->arena, from->path, &to->path) ||
        !arena_str(&s3->arena, from->query, &to->query))
        return false;
    for (size_t i = 0; i < from->header_count; i++)
        if (!arena_str(&s3->arena, from->headers[i].name, &to->headers[i].name) ||
            !arena_str(&s3->arena, from->headers[i].value, &to->headers[i].value))
            return false;
    return true;
}

/* /BUCKET/KEY, each decoded once; /KEY where the host's name has the bucket. */
static void split_path(struct s3 *s3)
{
    struct str rest = str_slice(s3->request.path, 1, s3->request.path.len), bucket;
    if (!s3_host_bucket(s3->thread->api->config, &s3->request, &bucket) && !str_split(&rest, '/', &bucket))
        bucket = STR("");
    if (!http_percent_decode(bucket, &s3->arena, &s3->bucket) || !http_percent_decode(rest, &s3->arena, &s3->key))
        s3_fail(s3, 400, "InvalidURI", "Couldn't parse the specified URI.");
}

static void identify(struct s3 *s3, struct api_call *call)
{
    static const struct {
        int status;
        const char *code;
    } names[] = {
        [AUTH_OK] = {500, "InternalError"},
        [AUTH_MISSING] = {403, "AccessDenied"},
        [AUTH_INCOMPLETE] = {400, "AuthorizationHeaderMalformed"},
        [AUTH_UNKNOWN_KEY] = {403, "InvalidAccessKeyId"},
        [AUTH_BAD_SIGNATURE] = {403, "SignatureDoesNotMatch"},
        [AUTH_EXPIRED] = {403, "RequestTimeTooSkewed"},
        [AUTH_DENIED] = {403, "AccessDenied"},
    };
    struct error error;
    if (str_starts(s3_header(s3, "authorization"), STR("AWS "))) {
        s3_fail(s3, 400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use "
                                           "AWS4-HMAC-SHA256 (signature version 4).");
        return;
    }
    struct http_request signed_as = call->exchange->request;
    struct str bucket;
    if (sigv2_is_presigned(&signed_as) && s3_host_bucket(call->thread->api->config, &signed_as, &bucket))
        signed_as.path = arena_printf(&s3->arena, "/" STR_FMT STR_FMT, STR_ARG(bucket), STR_ARG(signed_as.path));
    if (!signed_as.path.data) {
        s3_fail_memory(s3);
        return;
    }
    const struct auth_question question = call_question(call);
    const enum error_code code = auth_identify(&question, &signed_as, &call->identity, &error);
    s3->identity = call->identity;
    s3->tenant = str_of(s3->identity.tenant);
    if (code != OK) {
        enum auth_problem problem = call->identity.problem;
        bool is_link = problem == AUTH_EXPIRED && !s3_header(s3, "authorization").data;
        s3_fail(s3, names[problem].status, is_link ? "AccessDenied" : names[problem].code, "%s", error.message);
    }
}

static void s3_free(struct s3 *s3)
{
    if (s3->stream)
        s3->stream_ops->free(s3->stream);
    s3->thread->s3_requests--;
    buf_deinit(&s3->body);
    arena_deinit(&s3->arena);
    mem_free(s3);
}

static void on_close(struct http_exchange *exchange)
{
    struct s3 *s3 = exchange->user;
    call_account(s3->call, CALL_CLIENT_GONE);
    s3->call = NULL;
    if (!s3->is_working)
        s3_free(s3);
}

static const char *unavailable(struct s3 *s3)
{
    const struct api *api = s3->thread->api;
    if (s3->thread->s3_requests > limit(object_requests)) {
        s3_add_header(s3, "retry-after", STR("1"));
        return "SlowDown";
    }
    return api->objects && !objects_is_remote(api->objects) ? NULL : "NotImplemented";
}

/* NULL: no memory, nothing done. Else the struct, which may have failed already. */
static struct s3 *s3_new(struct api_thread *thread, struct http_exchange *exchange)
{
    static const struct s3_operation unknown = {.name = "S3"};
    struct api_call *call = call_new(thread, exchange);
    struct s3 *s3 = call ? mem_calloc(1, sizeof(*s3)) : NULL;
    if (!s3)
        return NULL;
    arena_init(&s3->arena, limit(object_document_bytes) * 8);
    buf_init(&s3->body, REPLY_BODY_MAX);
    s3->thread = thread;
    s3->objects = thread->api->objects;
    s3->call = call;
    s3->status = 200;
    s3->what = &unknown;
    s3->work.data = s3;
    s3->thread->s3_requests++;
    memcpy(s3->request_id, call->request_id, sizeof(s3->request_id));
    if (!copy_request(s3, &exchange->request)) {
        s3_free(s3);
        return NULL;
    }
    split_path(s3);
    if (!s3_has_failed(s3))
        identify(s3, call);
    const char *code = s3_has_failed(s3) ? NULL : unavailable(s3);
    if (code)
        s3_fail(s3, strcmp(code, "SlowDown") ? 501 : 503, code, "%s",
                strcmp(code, "SlowDown") ? "Objects are kept on another S3 server (s3 in fulcrum.yaml): ask that one."
                                         : "Please reduce your request rate.");
    if (!s3_has_failed(s3) && !s3_hoist_headers(s3))
        s3_fail_memory(s3);
    const struct s3_operation *found = s3_has_failed(s3) ? NULL : s3_find_operation(s3);
    if (found)
        s3->what = found;
    if (found)
        (void)s3_check_headers(s3, found);
    s3->operation = (struct api_operation){.name = s3->what->name};
    call->operation = &s3->operation;
    call->operation_index = operations_s3_index();
    exchange->user = s3;
    exchange->on_close = on_close;
    return s3;
}

/* --- work --- */

static void on_worked(uv_work_t *work, int status)
{
    struct s3 *s3 = work->data;
    (void)status;
    s3->is_working = false;
    if (!s3->call)
        s3_free(s3);
    else if (!s3->stream || s3->stream_ops->after(s3))
        s3_respond(s3);
}

/* The signature covers the hash that the header states: the body must have it. */
static void check_payload(struct s3 *s3, struct str body)
{
    struct str stated = s3_header(s3, "x-amz-content-sha256");
    uint8_t digest[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1];
    sha256(body, digest);
    hex_encode(digest, sizeof(digest), hex);
    if (str_starts(stated, STR("STREAMING-")))
        s3_fail(s3, 501, "NotImplemented", "The aws-chunked coding is for objects.");
    else if (stated.data && !str_eq(stated, STR("UNSIGNED-PAYLOAD")) && !str_eq_nocase(stated, str_of(hex)))
        s3_fail(s3, 400, "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static bool has_digest(struct str body, enum checksum_kind kind, struct str stated)
{
    struct checksum checksum;
    uint8_t computed[CHECKSUM_BYTES_MAX], wanted[CHECKSUM_BYTES_MAX];
    if (!checksum_init(&checksum, kind))
        return false;
    checksum_update(&checksum, body.data, body.len);
    checksum_final(&checksum, computed);
    checksum_deinit(&checksum);
    return checksum_parse(kind, stated, wanted) && memcmp(computed, wanted, checksum_bytes(kind)) == 0;
}

static bool has_md5(struct str body, struct str stated)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf encoded;
    buf_init(&encoded, 2 * sizeof(digest));
    bool is_same = EVP_Digest(body.data, body.len, digest, &len, EVP_md5(), NULL) == 1 &&
                   buf_append_base64(&encoded, digest, len) && str_eq(buf_str(&encoded), stated);
    buf_deinit(&encoded);
    return is_same;
}

/* Digests of an XML body. Those of an upload's completion are the object's. */
static void check_digests(struct s3 *s3, struct str body)
{
    static const struct str prefix = {"x-amz-checksum-", sizeof("x-amz-checksum-") - 1};
    struct str md5 = s3_header(s3, "content-md5");
    bool is_good = !md5.data || has_md5(body, md5);
    bool is_of_object = s3->what->run == s3_complete_upload;
    for (size_t i = 0; is_good && !is_of_object && i < s3->request.header_count; i++) {
        const struct http_header *header = &s3->request.headers[i];
        enum checksum_kind kind = str_starts(header->name, prefix)
                                      ? checksum_kind_of(str_slice(header->name, prefix.len, header->name.len))
                                      : CHECKSUM_NONE;
        is_good = kind == CHECKSUM_NONE || has_digest(body, kind, header->value);
    }
    if (!is_good)
        s3_fail(s3, 400, "BadDigest", "The digest you specified did not match what we received.");
}

static void do_work(uv_work_t *work)
{
    struct s3 *s3 = work->data;
    struct error error;
    if (!s3_has_failed(s3) && disk_check(&error) != OK) /* not that nothing is there */
        s3_fail(s3, 503, "ServiceUnavailable", "%s", error.message);
    if (s3->what->takes_body && !s3_has_failed(s3))
        check_payload(s3, s3->request.body);
    if (s3->what->takes_body && !s3_has_failed(s3))
        check_digests(s3, s3->request.body);
    if (s3->stream)
        s3->stream_ops->work(s3);
    else if (!s3_has_failed(s3))
        s3->what->run(s3);
}

void s3_queue_work(struct s3 *s3)
{
    s3->is_working = true;
    if (uv_queue_work(s3->thread->loop, &s3->work, do_work, on_worked) == 0)
        return;
    s3->is_working = false;
    s3_fail_memory(s3);
    s3_respond(s3);
}

/* --- replies --- */

void s3_add_header(struct s3 *s3, const char *name, struct str value)
{
    struct str copy;
    if (s3->header_count < S3_HEADERS_MAX && arena_str(&s3->arena, value, &copy))
        s3->headers[s3->header_count++] = (struct http_header){str_of(name), copy};
}

void s3_fail(struct s3 *s3, int status, const char *code, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    s3->status = status;
    buf_clear(&s3->body);
    if (status == 304)
        return;
    buf_append_text(&s3->body, XML_HEAD "<Error>");
    xml_append(&s3->body, "Code", str_of(code));
    xml_append(&s3->body, "Message", str_of(message));
    if (status == 412)
        xml_append(&s3->body, "Condition", str_of(s3_condition_name(s3)));
    if (s3->bucket.len > 0)
        xml_append(&s3->body, "BucketName", s3->bucket);
    if (s3->key.len > 0)
        xml_append(&s3->body, "Key", s3->key);
    xml_append(&s3->body, "Resource", s3->request.path);
    xml_append(&s3->body, "RequestId", str_of(s3->request_id));
    buf_append_text(&s3->body, "</Error>");
}

void s3_fail_memory(struct s3 *s3)
{
    s3_fail(s3, 503, "SlowDown", "Please reduce your request rate: memory is out.");
}

static const struct {
    int status;
    const char *code, *message; /* NULL: the error's */
} problems[] = {
    [OBJECTS_OK] = {500, "InternalError", NULL},
    [OBJECTS_NO_BUCKET] = {404, "NoSuchBucket", "The specified bucket does not exist"},
    [OBJECTS_NO_KEY] = {404, "NoSuchKey", "The specified key does not exist."},
    [OBJECTS_NO_UPLOAD] = {404, "NoSuchUpload", NULL},
    [OBJECTS_BUCKET_OWNED] = {409, "BucketAlreadyOwnedByYou", NULL},
    [OBJECTS_BUCKET_TAKEN] = {409, "BucketAlreadyExists", NULL},
    [OBJECTS_BUCKET_NOT_EMPTY] = {409, "BucketNotEmpty", NULL},
    [OBJECTS_BAD_BUCKET] = {400, "InvalidBucketName", NULL},
    [OBJECTS_BAD_KEY] = {400, "InvalidURI", NULL},
    [OBJECTS_LONG_KEY] = {400, "KeyTooLongError", NULL},
    [OBJECTS_CONDITION] = {412, "PreconditionFailed", NULL},
    [OBJECTS_QUOTA] = {403, "QuotaExceeded", NULL},
    [OBJECTS_BAD_DIGEST] = {400, "BadDigest", NULL},
    [OBJECTS_BAD_LENGTH] = {400, "IncompleteBody", NULL},
    [OBJECTS_TOO_LARGE] = {400, "EntityTooLarge", NULL},
    [OBJECTS_BAD_PART] = {400, "InvalidPart", NULL},
    [OBJECTS_BAD_PART_ORDER] = {400, "InvalidPartOrder", NULL},
    [OBJECTS_SMALL_PART] = {400, "EntityTooSmall", NULL},
    [OBJECTS_BAD_RANGE] = {416, "InvalidRange", "The requested range is not satisfiable"},
    [OBJECTS_DENIED] = {403, "AccessDenied", NULL},
    [OBJECTS_UNAVAILABLE] = {503, "ServiceUnavailable", NULL},
    [OBJECTS_FAILED] = {500, "InternalError", "We encountered an internal error. Please try again."},
};

const char *s3_problem_code(enum objects_problem problem)
{
    return problems[problem].code;
}

void s3_fail_problem(struct s3 *s3, enum objects_problem problem, const struct error *error)
{
    const char *message = problems[problem].message;
    if (problems[problem].status >= 500)
        log_event(LOG_ERROR, "object store failed", LOG_C("id", s3->request_id), LOG_C("error", error->message));
    s3_fail(s3, problems[problem].status, problems[problem].code, "%s", message ? message : error->message);
}

void s3_add_reply_headers(struct s3 *s3)
{
    if (s3->body.failed)
        s3_fail_memory(s3);
    if (s3->body.len > 0)
        s3_add_header(s3, "content-type", STR("application/xml"));
    s3_add_header(s3, "x-amz-request-id", str_of(s3->request_id));
    s3_add_header(s3, "x-amzn-requestid", str_of(s3->request_id));
}

void s3_finish(struct s3 *s3)
{
    s3->call = NULL;
    s3_free(s3);
}

void s3_respond(struct s3 *s3)
{
    struct http_exchange *exchange = s3->call->exchange;
    s3_add_reply_headers(s3);
    call_account(s3->call, s3->status);
    http_respond(exchange, s3->status, s3->headers, s3->header_count, buf_str(&s3->body));
    s3_finish(s3);
}

/* --- reading the request --- */

struct str s3_query(struct s3 *s3, const char *name)
{
    char *room = arena_alloc(&s3->arena, s3->request.query.len + 2);
    return room ? sigv4_query_value(s3->request.query, str_of(name), &room) : (struct str){NULL, 0};
}

struct str s3_header(const struct s3 *s3, const char *name)
{
    return http_header_get(&s3->request, name);
}

/* --- refused before an operation was looked for --- */

static const char *code_of_status(int status)
{
    static const struct {
        int status;
        const char *code;
    } codes[] = {{408, "RequestTimeout"},  {411, "MissingContentLength"}, {413, "EntityTooLarge"},
                 {414, "InvalidURI"},      {429, "SlowDown"},             {431, "RequestHeaderSectionTooLarge"},
                 {501, "NotImplemented"},  {503, "SlowDown"}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return status < 500 ? "InvalidRequest" : "InternalError";
}

void s3_refuse(struct http_exchange *exchange, int status, const char *message, const char *request_id)
{
    struct buf body;
    buf_init(&body, REPLY_BODY_MAX);
    buf_append_text(&body, XML_HEAD "<Error>");
    xml_append(&body, "Code", str_of(code_of_status(status)));
    xml_append(&body, "Message", str_of(message));
    xml_append(&body, "Resource", exchange->request.path);
    xml_append(&body, "RequestId", str_of(request_id));
    buf_append_text(&body, "</Error>");
    const struct http_header headers[] = {{STR("content-type"), STR("application/xml")},
                                          {STR("x-amz-request-id"), str_of(request_id)},
                                          {STR("x-amzn-requestid"), str_of(request_id)}};
    http_respond(exchange, status, headers, sizeof(headers) / sizeof(headers[0]), buf_str(&body));
    buf_deinit(&body);
}

/* --- from the server --- */

/* Bodies are taken of those who may send them, on their tenant's account. */
static bool may_send(const struct api_thread *thread, struct http_exchange *exchange)
{
    struct auth_identity identity;
    struct error ignored;
    const struct auth_question question = {
        .config = thread->api->config, .sessions = thread->api->sessions, .keys = thread->api->auth_keys,
        .now_us = clock_wall_us()};
    if (auth_identify(&question, &exchange->request, &identity, &ignored) != OK)
        return false;
    http_set_owner(exchange, str_of(identity.tenant));
    return true;
}

void s3_on_head(struct api_thread *thread, struct http_exchange *exchange)
{
    if (!str_eq(exchange->request.method, STR("PUT"))) {
        exchange->refuses_body = exchange->request.has_body && !may_send(thread, exchange);
        return;
    }
    struct s3 *s3 = s3_new(thread, exchange);
    exchange->refuses_body = s3 && s3_has_failed(s3);
    if (s3 && !s3_has_failed(s3))
        http_set_owner(exchange, s3->tenant);
    if (s3 && !s3_has_failed(s3) && s3_operation_is_put(s3->what) && s3_put_begin(s3))
        return;
    exchange->user = NULL; /* on_request begins again */
    exchange->on_close = NULL;
    if (s3)
        s3_free(s3);
}

static bool copy_body(struct s3 *s3, struct str body)
{
    if (body.len > limit(object_document_bytes)) {
        s3_fail(s3, 400, "MaxMessageLengthExceeded", "Your request was too big (limit object_document_bytes).");
        return true;
    }
    return arena_str(&s3->arena, body, &s3->request.body);
}

void s3_on_request(struct api_thread *thread, struct http_exchange *exchange)
{
    if (exchange->on_body) {
        s3_put_end(exchange->user);
        return;
    }
    struct s3 *s3 = s3_new(thread, exchange);
    if (!s3) {
        s3_refuse(exchange, 503, "Please reduce your request rate: memory is out.", "");
        return;
    }
    bool has_memory = s3_has_failed(s3) || !s3->what->takes_body || copy_body(s3, exchange->request.body);
    if (has_memory && !s3_has_failed(s3) && s3_operation_is_get(s3->what))
        has_memory = s3_get_begin(s3);
    if (!has_memory)
        s3_fail_memory(s3);
    if (s3_has_failed(s3))
        s3_respond(s3);
    else
        s3_queue_work(s3);
}
