/* objects_s3_exchange.c - one signed request to an S3 server, repeated where that helps. What is asked is
 * objects_s3.c's. See objects_s3_exchange.h. */
#include "store/objects_s3_exchange.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "core/limits.h"
#include "core/util.h"
#include "core/xml.h"

#define TRIES 4
#define PAUSE_US 200000u /* before the second try, twice as long before each further one */
#define CONNECT_TIMEOUT_S 10L
#define SILENCE_S 60L
#define REPLY_MAX ((size_t)16 << 20)
#define HEADERS_MAX 8
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* --- handles --- */

static CURL *take_handle(struct objects_s3 *s3)
{
    CURL *curl = NULL;
    pthread_mutex_lock(&s3->mutex);
    if (s3->pooled > 0)
        curl = s3->pool[--s3->pooled];
    pthread_mutex_unlock(&s3->mutex);
    return curl ? curl : curl_easy_init();
}

static void give_handle(struct objects_s3 *s3, CURL *curl)
{
    curl_easy_reset(curl); /* connections stay */
    pthread_mutex_lock(&s3->mutex);
    bool is_kept = s3->pooled < S3_POOL_MAX;
    if (is_kept)
        s3->pool[s3->pooled++] = curl;
    pthread_mutex_unlock(&s3->mutex);
    if (!is_kept)
        curl_easy_cleanup(curl);
}

/* --- one exchange --- */

static size_t on_reply(char *data, size_t size, size_t count, void *ctx)
{
    struct s3_exchange *exchange = ctx;
    return buf_append(&exchange->reply, data, size * count) ? size * count : 0;
}

void s3_copy_value(char *out, size_t cap, struct str value)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(value));
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct s3_exchange *exchange = ctx;
    struct objects_info *info = &exchange->info;
    struct str value = {data, size * count}, name;
    char date[64];
    (void)str_split(&value, ':', &name);
    value = str_trim(value);
    if (!value.data)
        return size * count;
    if (str_eq_nocase(name, STR("etag"))) {
        if (value.len >= 2 && value.data[0] == '"')
            value = str_slice(value, 1, value.len - 1);
        s3_copy_value(info->etag, sizeof(info->etag), value);
    } else if (str_eq_nocase(name, STR("content-type"))) {
        s3_copy_value(info->type, sizeof(info->type), value);
    } else if (str_eq_nocase(name, STR("content-length"))) {
        (void)str_to_u64(value, &info->size);
    } else if (str_eq_nocase(name, STR("last-modified"))) {
        s3_copy_value(date, sizeof(date), value);
        time_t seconds = curl_getdate(date, NULL);
        info->modified_us = seconds > 0 ? (uint64_t)seconds * 1000000 : 0;
    } else if (name.len > 11 && str_eq_nocase(str_slice(name, 0, 11), STR("x-amz-meta-"))) {
        size_t len = strlen(info->headers);
        (void)snprintf(info->headers + len, sizeof(info->headers) - len, STR_FMT ": " STR_FMT "\n", STR_ARG(name),
                       STR_ARG(value));
    }
    return size * count;
}

static size_t on_send(char *out, size_t size, size_t count, void *ctx)
{
    struct s3_exchange *exchange = ctx;
    ssize_t len = read(exchange->body_fd, out, size * count);
    return len < 0 ? CURL_READFUNC_ABORT : (size_t)len;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct s3_exchange *exchange = ctx;
    return lseek(exchange->body_fd, offset, origin) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

/* libcurl asks now and then, also while nothing moves. */
static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct objects_s3 *s3 = ctx;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return atomic_load(&s3->is_interrupted);
}

static void append_path(struct buf *path, const struct s3_exchange *exchange)
{
    buf_append_char(path, '/');
    buf_append_str(path, exchange->bucket);
    if (exchange->key.len > 0) {
        buf_append_char(path, '/');
        sigv4_append_encoded(path, exchange->key, true);
    }
}

static void add_header(struct http_request *request, const char *name, const char *value)
{
    if (value)
        request->headers[request->header_count++] = (struct http_header){str_of(name), str_of(value)};
}

/* The signed headers, as libcurl wants them. */
static struct curl_slist *sign(struct objects_s3 *s3, const struct s3_exchange *exchange, struct str path,
                               struct error *error)
{
    char timestamp[SIGV4_TIMESTAMP_LEN + 1];
    const char *hash = exchange->payload_hash ? exchange->payload_hash : EMPTY_SHA256;
    struct http_header headers[HEADERS_MAX];
    struct http_request request = {.method = str_of(exchange->method), .target = path, .path = path,
                                   .query = exchange->query, .headers = headers, .body = STR("")};
    const struct sigv4_signer signer = {.key_id = str_of(s3->key), .secret = str_of(s3->secret),
                                        .region = str_of(s3->region), .service = STR("s3"),
                                        .rules = sigv4_rules_of(STR("s3")), .now_s = clock_wall_us() / 1000000};
    struct arena arena;
    struct buf line;
    sigv4_timestamp(signer.now_s, timestamp);
    add_header(&request, "host", s3->host);
    add_header(&request, "x-amz-content-sha256", hash);
    add_header(&request, "x-amz-date", timestamp);
    add_header(&request, "range", exchange->range);
    add_header(&request, "if-match", exchange->if_match);
    add_header(&request, "content-type", exchange->type);
    arena_init(&arena, 0);
    buf_init(&line, S3_NAME_BYTES_MAX);
    buf_append_text(&line, "authorization: ");
    struct curl_slist *list = NULL;
    bool is_done = sigv4_sign(&request, &signer, &arena, &line, error) == OK && buf_append_char(&line, '\0');
    for (size_t i = 0; is_done; i++) {
        struct curl_slist *longer = curl_slist_append(list, line.data);
        is_done = longer != NULL;
        list = longer ? longer : list;
        if (!is_done || i == request.header_count)
            break;
        buf_clear(&line);
        is_done = buf_appendf(&line, STR_FMT ": " STR_FMT, STR_ARG(headers[i].name), STR_ARG(headers[i].value)) &&
                  buf_append_char(&line, '\0');
    }
    if (is_done && exchange->body_fd >= 0)
        list = curl_slist_append(list, "expect:");
    arena_deinit(&arena);
    buf_deinit(&line);
    if (is_done)
        return list;
    curl_slist_free_all(list);
    (void)error_no_memory(error);
    return NULL;
}

static void set_options(CURL *curl, struct objects_s3 *s3, struct s3_exchange *exchange, const char *url,
                        struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s3);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    if (!strcmp(exchange->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (strcmp(exchange->method, "PUT") != 0)
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->body_size);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
}

static CURLcode exchange_once(struct objects_s3 *s3, CURL *curl, struct s3_exchange *exchange, struct error *error)
{
    struct buf url;
    CURLcode result = CURLE_OUT_OF_MEMORY;
    size_t endpoint_len = strlen(s3->endpoint);
    buf_init(&url, S3_NAME_BYTES_MAX + limit(uri_bytes));
    buf_append_text(&url, s3->endpoint);
    append_path(&url, exchange);
    size_t path_end = url.len;
    if (exchange->query.len > 0)
        buf_appendf(&url, "?" STR_FMT, STR_ARG(exchange->query));
    buf_clear(&exchange->reply);
    exchange->info = (struct objects_info){0};
    (void)error_no_memory(error);
    if (exchange->body_fd >= 0)
        (void)lseek(exchange->body_fd, 0, SEEK_SET);
    if (buf_append_char(&url, '\0')) {
        struct str path = str_slice(buf_str(&url), endpoint_len, path_end);
        struct curl_slist *headers = sign(s3, exchange, path, error);
        if (headers) {
            set_options(curl, s3, exchange, url.data, headers);
            result = curl_easy_perform(curl);
            curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->status);
            curl_easy_reset(curl);
            curl_slist_free_all(headers);
        }
    }
    buf_deinit(&url);
    return result;
}

/* The server is busy or ill, which may pass. */
static bool is_passing(long status)
{
    return (status >= 500 && status != 501) || status == 429 || status == 408;
}

static bool is_worth_repeating(CURLcode result, long status)
{
    if (result == CURLE_OK)
        return is_passing(status);
    return result != CURLE_OUT_OF_MEMORY && result != CURLE_WRITE_ERROR && result != CURLE_ABORTED_BY_CALLBACK;
}

/* OBJECTS_OK: there is a reply, whatever its status. */
static enum objects_problem perform(struct objects_s3 *s3, struct s3_exchange *exchange, struct error *error)
{
    CURL *curl = take_handle(s3);
    if (!curl)
        return objects_no_memory(error);
    CURLcode result = CURLE_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        if (i > 0)
            usleep(PAUSE_US << (i - 1));
        result = exchange_once(s3, curl, exchange, error);
        if (!is_worth_repeating(result, exchange->status))
            break;
    }
    give_handle(s3, curl);
    if (result == CURLE_OK)
        return OBJECTS_OK;
    if (result == CURLE_OUT_OF_MEMORY || result == CURLE_WRITE_ERROR)
        return objects_no_memory(error);
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return objects_fail(error, OBJECTS_UNAVAILABLE, "the request to the S3 server %s was broken off", s3->endpoint);
    return objects_fail(error, OBJECTS_UNAVAILABLE, "the S3 server %s: %s", s3->endpoint, curl_easy_strerror(result));
}

/* --- errors --- */

struct s3_fault {
    char code[64], message[256];
};

static bool on_fault_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct s3_fault *fault = ctx;
    if (str_eq(parent, STR("Error")) && str_eq(name, STR("Code")))
        s3_copy_value(fault->code, sizeof(fault->code), text);
    if (str_eq(parent, STR("Error")) && str_eq(name, STR("Message")))
        s3_copy_value(fault->message, sizeof(fault->message), text);
    return true;
}

static enum objects_problem problem_of(const struct s3_exchange *exchange, const char *code)
{
    static const struct {
        const char *code;
        enum objects_problem problem;
    } known[] = {
        {"NoSuchBucket", OBJECTS_NO_BUCKET},
        {"NoSuchKey", OBJECTS_NO_KEY},
        {"BucketAlreadyOwnedByYou", OBJECTS_BUCKET_OWNED},
        {"BucketAlreadyExists", OBJECTS_BUCKET_TAKEN},
        {"BucketNotEmpty", OBJECTS_BUCKET_NOT_EMPTY},
        {"InvalidBucketName", OBJECTS_BAD_BUCKET},
        {"KeyTooLongError", OBJECTS_LONG_KEY},
        {"BadDigest", OBJECTS_BAD_DIGEST},
        {"EntityTooLarge", OBJECTS_TOO_LARGE},
        {"InvalidRange", OBJECTS_BAD_RANGE},
        {"OperationAborted", OBJECTS_UNAVAILABLE},
        {"RequestTimeout", OBJECTS_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(code, known[i].code))
            return known[i].problem;
    if (exchange->status == 404 && code[0] == '\0')
        return exchange->key.len > 0 ? OBJECTS_NO_KEY : OBJECTS_NO_BUCKET;
    return is_passing(exchange->status) ? OBJECTS_UNAVAILABLE : OBJECTS_DENIED;
}

/* What an administrator does about it. */
static const char *advice_of(const struct s3_exchange *exchange, const char *code)
{
    static const struct {
        const char *code, *advice;
    } known[] = {
        {"InvalidAccessKeyId", "check s3.key in fulcrum.yaml"},
        {"XAdminUserNotFound", "check s3.key in fulcrum.yaml"}, /* versitygw's */
        {"SignatureDoesNotMatch", "check s3.secret in fulcrum.yaml"},
        {"AuthorizationHeaderMalformed", "check s3.region in fulcrum.yaml"},
        {"PermanentRedirect", "check s3.endpoint and s3.region in fulcrum.yaml"},
        {"RequestTimeTooSkewed", "check the clock of this machine"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(code, known[i].code))
            return known[i].advice;
    if (exchange->status == 401 || exchange->status == 403)
        return "check s3.key and s3.secret in fulcrum.yaml and what that key may do on the server";
    return exchange->status < 400 ? "check s3.endpoint and s3.region in fulcrum.yaml"
                                  : "check s3 in fulcrum.yaml and the server's log";
}

/* A reply to HEAD has no body that says why: the same by GET has one. */
static void ask_why(struct objects_s3 *s3, struct s3_exchange *exchange)
{
    struct error ignored;
    bool is_object = exchange->key.len > 0;
    struct s3_exchange again = {.method = "GET",
                                .bucket = exchange->bucket,
                                .key = exchange->key,
                                .query = is_object ? STR("") : STR("list-type=2&max-keys=1"),
                                .range = is_object ? "bytes=0-0" : NULL,
                                .body_fd = -1};
    buf_init(&again.reply, REPLY_MAX);
    bool is_told = perform(s3, &again, &ignored) == OBJECTS_OK && again.status >= 300;
    if (is_told) {
        struct buf empty = exchange->reply;
        exchange->reply = again.reply;
        exchange->status = again.status;
        again.reply = empty;
    }
    buf_deinit(&again.reply);
}

static enum objects_problem fail_reply(struct objects_s3 *s3, struct s3_exchange *exchange, struct error *error)
{
    struct s3_fault fault = {0};
    struct arena arena;
    arena_init(&arena, REPLY_MAX);
    if (!strcmp(exchange->method, "HEAD") && !is_passing(exchange->status))
        ask_why(s3, exchange);
    (void)xml_read(buf_str(&exchange->reply), &arena, on_fault_element, &fault);
    arena_deinit(&arena);
    enum objects_problem problem = problem_of(exchange, fault.code);
    if (problem == OBJECTS_NO_BUCKET)
        return objects_no_bucket(error, exchange->bucket);
    if (problem == OBJECTS_NO_KEY)
        return objects_no_key(error, exchange->key);
    if (problem != OBJECTS_DENIED)
        return objects_fail(error, problem, "the S3 server %s answered %ld %s %s", s3->endpoint, exchange->status,
                            fault.code, fault.message);
    return objects_fail(error, problem, "the S3 server %s refused %s " STR_FMT " (%ld %s): %s. %s", s3->endpoint,
                        exchange->method, STR_ARG(exchange->bucket), exchange->status, fault.code,
                        advice_of(exchange, fault.code), fault.message);
}

enum objects_problem s3_ask(struct objects_s3 *s3, struct s3_exchange *exchange, struct error *error)
{
    buf_init(&exchange->reply, REPLY_MAX);
    enum objects_problem problem = perform(s3, exchange, error);
    if (problem == OBJECTS_OK && (exchange->status < 200 || exchange->status > 299))
        problem = fail_reply(s3, exchange, error);
    return problem;
}
