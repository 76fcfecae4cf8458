/* An S3 server behind store/objects.h: path style, our own signatures, libcurl
 * as the transport. Handles are pooled, each used by one thread at a time.
 *
 * What is written waits in an unlinked file until commit: then its length and
 * hash are known, so that the request is signed whole and can be repeated.
 * What is read comes in ranges, each bound to the ETag that was opened. */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "core/xml.h"
#include "store/objects_backend.h"
#include "store/objects_dir.h"

#define POOL_MAX 16
#define TRIES 4
#define PAUSE_US 200000u /* before the second try, twice as long before each further one */
#define CONNECT_TIMEOUT_S 10L
#define SILENCE_S 60L
#define REPLY_MAX ((size_t)16 << 20)
#define WINDOW_BYTES ((size_t)4 << 20)
#define NAME_MAX_BYTES ((size_t)16384)
#define HEADERS_MAX 8
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct objects_s3 {
    struct objects base; /* first */
    char *endpoint, *host, *region, *key, *secret;
    int directory;
    pthread_mutex_t mutex;
    CURL *pool[POOL_MAX]; /* idle */
    size_t pooled;
};

struct exchange {
    const char *method;
    struct str bucket, key, query; /* query encoded */
    const char *range, *if_match, *type; /* NULL: none */
    const char *payload_hash;            /* NULL: of an empty body */
    int body_fd;                         /* -1: none */
    uint64_t body_size;
    /* The reply. */
    long status;
    struct buf reply;
    struct objects_info info; /* of its headers */
};

static struct objects_s3 *s3_of(struct objects *objects)
{
    return (struct objects_s3 *)objects;
}

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
    bool is_kept = s3->pooled < POOL_MAX;
    if (is_kept)
        s3->pool[s3->pooled++] = curl;
    pthread_mutex_unlock(&s3->mutex);
    if (!is_kept)
        curl_easy_cleanup(curl);
}

/* --- one exchange --- */

static size_t on_reply(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    return buf_append(&exchange->reply, data, size * count) ? size * count : 0;
}

static void copy_value(char *out, size_t cap, struct str value)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(value));
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
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
        copy_value(info->etag, sizeof(info->etag), value);
    } else if (str_eq_nocase(name, STR("content-type"))) {
        copy_value(info->type, sizeof(info->type), value);
    } else if (str_eq_nocase(name, STR("content-length"))) {
        (void)str_to_u64(value, &info->size);
    } else if (str_eq_nocase(name, STR("last-modified"))) {
        copy_value(date, sizeof(date), value);
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
    struct exchange *exchange = ctx;
    ssize_t len = read(exchange->body_fd, out, size * count);
    return len < 0 ? CURL_READFUNC_ABORT : (size_t)len;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct exchange *exchange = ctx;
    return lseek(exchange->body_fd, offset, origin) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static void append_path(struct buf *path, const struct exchange *exchange)
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
static struct curl_slist *sign(struct objects_s3 *s3, const struct exchange *exchange, struct str path,
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
    buf_init(&line, NAME_MAX_BYTES);
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

static void set_options(CURL *curl, struct exchange *exchange, const char *url, struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
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

static CURLcode exchange_once(struct objects_s3 *s3, CURL *curl, struct exchange *exchange, struct error *error)
{
    struct buf url;
    CURLcode result = CURLE_OUT_OF_MEMORY;
    size_t endpoint_len = strlen(s3->endpoint);
    buf_init(&url, NAME_MAX_BYTES + limit(uri_bytes));
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
            set_options(curl, exchange, url.data, headers);
            result = curl_easy_perform(curl);
            curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->status);
            curl_easy_reset(curl);
            curl_slist_free_all(headers);
        }
    }
    buf_deinit(&url);
    return result;
}

static bool is_worth_repeating(CURLcode result, long status)
{
    return (result != CURLE_OK && result != CURLE_OUT_OF_MEMORY && result != CURLE_WRITE_ERROR) ||
           (result == CURLE_OK && (status >= 500 || status == 429));
}

/* OBJECTS_OK: there is a reply, whatever its status. */
static enum objects_problem perform(struct objects_s3 *s3, struct exchange *exchange, struct error *error)
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
        copy_value(fault->code, sizeof(fault->code), text);
    if (str_eq(parent, STR("Error")) && str_eq(name, STR("Message")))
        copy_value(fault->message, sizeof(fault->message), text);
    return true;
}

static enum objects_problem problem_of(const struct exchange *exchange, const char *code)
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
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (!strcmp(code, known[i].code))
            return known[i].problem;
    if (exchange->status == 404)
        return exchange->key.len > 0 ? OBJECTS_NO_KEY : OBJECTS_NO_BUCKET;
    if (exchange->status == 403 || exchange->status == 401)
        return OBJECTS_DENIED;
    return exchange->status >= 500 || exchange->status == 429 ? OBJECTS_UNAVAILABLE : OBJECTS_FAILED;
}

static enum objects_problem fail_reply(struct objects_s3 *s3, struct exchange *exchange, struct error *error)
{
    struct s3_fault fault = {0};
    struct arena arena;
    arena_init(&arena, REPLY_MAX);
    (void)xml_read(buf_str(&exchange->reply), &arena, on_fault_element, &fault);
    arena_deinit(&arena);
    return objects_fail(error, problem_of(exchange, fault.code), "the S3 server %s answered %ld %s %s", s3->endpoint,
                        exchange->status, fault.code, fault.message);
}

/* Performs, and takes any status but 2xx for a failure. exchange->reply is the caller's to free. */
static enum objects_problem ask(struct objects_s3 *s3, struct exchange *exchange, struct error *error)
{
    buf_init(&exchange->reply, REPLY_MAX);
    enum objects_problem problem = perform(s3, exchange, error);
    if (problem == OBJECTS_OK && (exchange->status < 200 || exchange->status > 299))
        problem = fail_reply(s3, exchange, error);
    return problem;
}

static enum objects_problem ask_simply(struct objects *objects, const char *method, struct str bucket, struct str key,
                                       struct objects_info *info, struct error *error)
{
    struct exchange exchange = {.method = method, .bucket = bucket, .key = key, .query = STR(""), .body_fd = -1};
    enum objects_problem problem = ask(s3_of(objects), &exchange, error);
    if (problem == OBJECTS_OK && info)
        *info = exchange.info;
    buf_deinit(&exchange.reply);
    return problem;
}

/* --- buckets --- */

static enum objects_problem bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                          struct error *error)
{
    (void)tenant;
    return ask_simply(objects, "PUT", bucket, STR(""), NULL, error);
}

static enum objects_problem bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                        struct error *error)
{
    (void)tenant;
    return ask_simply(objects, "HEAD", bucket, STR(""), NULL, error);
}

static enum objects_problem bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                          struct error *error)
{
    (void)tenant;
    return ask_simply(objects, "DELETE", bucket, STR(""), NULL, error);
}

static bool parse_time(struct str text, uint64_t *us)
{
    char copy[40];
    struct tm tm = {0};
    copy_value(copy, sizeof(copy), text);
    if (!strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm))
        return false;
    *us = (uint64_t)timegm(&tm) * 1000000;
    return true;
}

struct bucket_names {
    struct objects_bucket *buckets;
    size_t count, cap;
    struct objects_bucket next;
};

static bool on_bucket_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct bucket_names *names = ctx;
    if (str_eq(parent, STR("Bucket")) && str_eq(name, STR("Name")))
        names->next.name = text;
    else if (str_eq(parent, STR("Bucket")) && str_eq(name, STR("CreationDate")))
        (void)parse_time(text, &names->next.created_us);
    if (!str_eq(name, STR("Bucket")))
        return true;
    if (!mem_grow((void **)&names->buckets, names->count, &names->cap, sizeof(*names->buckets)))
        return false;
    names->buckets[names->count++] = names->next;
    names->next = (struct objects_bucket){0};
    return true;
}

static enum objects_problem bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                        struct objects_bucket **buckets, size_t *count, struct error *error)
{
    (void)tenant;
    struct exchange exchange = {.method = "GET", .bucket = STR(""), .key = STR(""), .query = STR(""), .body_fd = -1};
    struct bucket_names names = {0};
    enum objects_problem problem = ask(s3_of(objects), &exchange, error);
    if (problem == OBJECTS_OK && !xml_read(buf_str(&exchange.reply), arena, on_bucket_element, &names))
        problem = objects_fail(error, OBJECTS_FAILED, "the S3 server's list of buckets can't be read");
    *count = names.count;
    *buckets = problem == OBJECTS_OK && names.count > 0 ? arena_array(arena, names.count, sizeof(**buckets)) : NULL;
    if (*buckets)
        memcpy(*buckets, names.buckets, names.count * sizeof(**buckets));
    else if (problem == OBJECTS_OK && names.count > 0)
        problem = objects_no_memory(error);
    mem_free(names.buckets);
    buf_deinit(&exchange.reply);
    return problem;
}

/* --- objects --- */

static enum objects_problem head(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct objects_info *info, struct error *error)
{
    (void)tenant;
    enum objects_problem problem = ask_simply(objects, "HEAD", bucket, key, info, error);
    struct error ignored;
    /* A reply to HEAD has no body that says what is missing. */
    if (problem == OBJECTS_NO_KEY && bucket_head(objects, tenant, bucket, &ignored) == OBJECTS_NO_BUCKET)
        return objects_no_bucket(error, bucket);
    return problem == OBJECTS_NO_KEY ? objects_no_key(error, key) : problem;
}

static enum objects_problem delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                   struct error *error)
{
    (void)tenant;
    return ask_simply(objects, "DELETE", bucket, key, NULL, error);
}

struct s3_put {
    struct objects_put base; /* first */
    struct objects_s3 *s3;
    int fd;
    EVP_MD_CTX *sha256;
    char bucket[OBJECTS_BUCKET_MAX], key[OBJECTS_KEY_MAX];
    size_t bucket_len, key_len;
};

static enum objects_problem put_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    struct s3_put *put = (struct s3_put *)base;
    if (EVP_DigestUpdate(put->sha256, data, len) != 1)
        return objects_no_memory(error);
    return object_write(put->fd, data, len, error);
}

static enum objects_problem put_commit(struct objects_put *base, struct error *error)
{
    struct s3_put *put = (struct s3_put *)base;
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[SIGV4_HEX_LEN + 1];
    if (EVP_DigestFinal_ex(put->sha256, digest, NULL) != 1)
        return objects_no_memory(error);
    hex_encode(digest, SHA256_LEN, hex);
    struct exchange exchange = {.method = "PUT",
                                .bucket = {put->bucket, put->bucket_len},
                                .key = {put->key, put->key_len},
                                .query = STR(""),
                                .type = base->info.type[0] ? base->info.type : NULL,
                                .payload_hash = hex,
                                .body_fd = put->fd,
                                .body_size = base->info.size};
    enum objects_problem problem = ask(put->s3, &exchange, error);
    buf_deinit(&exchange.reply);
    if (problem == OBJECTS_OK && exchange.info.etag[0])
        memcpy(base->info.etag, exchange.info.etag, sizeof(base->info.etag));
    base->info.modified_us = clock_wall_us();
    return problem;
}

static void put_free(struct objects_put *base)
{
    struct s3_put *put = (struct s3_put *)base;
    if (put->fd >= 0)
        close(put->fd);
    EVP_MD_CTX_free(put->sha256);
    objects_put_deinit(base);
    mem_free(put);
}

/* A file without a name in our directory. */
static int open_waiting(struct objects_s3 *s3)
{
    int fd = openat(s3->directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char name[UUID_LEN + 1];
    uuid_v4(name);
    fd = openat(s3->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(s3->directory, name, 0);
    return fd;
}

static enum objects_problem put_begin(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const struct objects_put_options *options, struct objects_put **put,
                                      struct error *error)
{
    static const struct objects_put_ops ops = {.append = put_append, .commit = put_commit, .free = put_free};
    enum objects_problem problem = bucket_head(objects, tenant, bucket, error);
    if (problem != OBJECTS_OK)
        return problem;
    struct s3_put *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->s3 = s3_of(objects);
    made->fd = -1;
    problem = objects_put_init(&made->base, &ops, options, error);
    made->sha256 = problem == OBJECTS_OK ? EVP_MD_CTX_new() : NULL;
    if (problem == OBJECTS_OK && (!made->sha256 || EVP_DigestInit_ex(made->sha256, EVP_sha256(), NULL) != 1))
        problem = objects_no_memory(error);
    if (problem == OBJECTS_OK && (made->fd = open_waiting(made->s3)) < 0)
        problem = objects_fail_errno(error, errno, "cannot make a file for an object on its way to the S3 server");
    if (problem != OBJECTS_OK) {
        put_free(&made->base);
        return problem;
    }
    memcpy(made->bucket, bucket.data, bucket.len);
    memcpy(made->key, key.data, key.len);
    made->bucket_len = bucket.len;
    made->key_len = key.len;
    *put = &made->base;
    return OBJECTS_OK;
}

/* --- reading --- */

struct s3_reader {
    struct objects_reader base; /* first */
    struct objects_s3 *s3;
    char bucket[OBJECTS_BUCKET_MAX], key[OBJECTS_KEY_MAX], if_match[OBJECTS_ETAG_MAX + 3];
    size_t bucket_len, key_len;
    uint64_t offset, left;   /* behind the window */
    struct buf window;
    size_t taken;            /* of it */
};

static enum objects_problem fill_window(struct s3_reader *reader, struct error *error)
{
    char range[64];
    uint64_t len = reader->left < WINDOW_BYTES ? reader->left : WINDOW_BYTES;
    (void)snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, reader->offset, reader->offset + len - 1);
    struct exchange exchange = {.method = "GET",
                                .bucket = {reader->bucket, reader->bucket_len},
                                .key = {reader->key, reader->key_len},
                                .query = STR(""),
                                .range = range,
                                .if_match = reader->if_match,
                                .body_fd = -1};
    enum objects_problem problem = ask(reader->s3, &exchange, error);
    if (problem != OBJECTS_OK && exchange.status == 412)
        problem = objects_fail(error, OBJECTS_UNAVAILABLE, "the object was replaced while it was being read");
    if (problem == OBJECTS_OK && exchange.reply.len != len)
        problem = objects_fail(error, OBJECTS_FAILED, "the S3 server sent %zu bytes for a range of %" PRIu64,
                               exchange.reply.len, len);
    if (problem != OBJECTS_OK) {
        buf_deinit(&exchange.reply);
        return problem;
    }
    buf_deinit(&reader->window);
    reader->window = exchange.reply;
    reader->taken = 0;
    reader->offset += len;
    reader->left -= len;
    return OBJECTS_OK;
}

static enum objects_problem reader_read(struct objects_reader *base, void *data, size_t cap, size_t *len,
                                        struct error *error)
{
    struct s3_reader *reader = (struct s3_reader *)base;
    if (reader->taken == reader->window.len && reader->left > 0) {
        enum objects_problem problem = fill_window(reader, error);
        if (problem != OBJECTS_OK)
            return problem;
    }
    size_t there = reader->window.len - reader->taken;
    *len = there < cap ? there : cap;
    if (*len > 0)
        memcpy(data, reader->window.data + reader->taken, *len);
    reader->taken += *len;
    return OBJECTS_OK;
}

static void reader_free(struct objects_reader *base)
{
    struct s3_reader *reader = (struct s3_reader *)base;
    buf_deinit(&reader->window);
    mem_free(reader);
}

static enum objects_problem reader_open(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        uint64_t offset, uint64_t len, struct objects_info *info,
                                        struct objects_reader **reader, struct error *error)
{
    static const struct objects_reader_ops ops = {.read = reader_read, .free = reader_free};
    struct objects_info found;
    enum objects_problem problem = head(objects, tenant, bucket, key, &found, error);
    if (problem == OBJECTS_OK && info)
        *info = found;
    if (problem == OBJECTS_OK)
        problem = objects_cut_range(found.size, offset, &len, error);
    if (problem != OBJECTS_OK)
        return problem;
    struct s3_reader *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->base.ops = &ops;
    made->s3 = s3_of(objects);
    memcpy(made->bucket, bucket.data, bucket.len);
    memcpy(made->key, key.data, key.len);
    made->bucket_len = bucket.len;
    made->key_len = key.len;
    (void)snprintf(made->if_match, sizeof(made->if_match), "\"%s\"", found.etag);
    made->offset = offset;
    made->left = len;
    *reader = &made->base;
    return OBJECTS_OK;
}

/* --- listing --- */

struct listed {
    struct arena *arena;
    struct objects_page *page;
    struct objects_entry next;
    bool has_failed;
};

/* Names come with encoding-type=url. */
static struct str decode_name(struct listed *listed, struct str text)
{
    struct str decoded = STR("");
    char *raw = arena_strdup(listed->arena, text);
    for (size_t i = 0; raw && i < text.len; i++)
        if (raw[i] == '+')
            raw[i] = ' ';
    listed->has_failed = listed->has_failed || !raw ||
                         !http_percent_decode((struct str){raw, text.len}, listed->arena, &decoded);
    return decoded;
}

static bool on_list_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct listed *listed = ctx;
    struct objects_entry *next = &listed->next;
    if (str_eq(parent, STR("Contents")) && str_eq(name, STR("Key")))
        next->key = decode_name(listed, text);
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("ETag")))
        next->etag = text.len >= 2 && text.data[0] == '"' ? str_slice(text, 1, text.len - 1) : text;
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("Size")))
        (void)str_to_u64(text, &next->size);
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("LastModified")))
        (void)parse_time(text, &next->modified_us);
    else if (str_eq(parent, STR("CommonPrefixes")) && str_eq(name, STR("Prefix")))
        *next = (struct objects_entry){.key = decode_name(listed, text), .is_prefix = true};
    else if (str_eq(parent, STR("ListBucketResult")) && str_eq(name, STR("IsTruncated")))
        listed->page->is_truncated = str_eq(text, STR("true"));
    if (!str_eq(name, STR("Contents")) && !str_eq(name, STR("CommonPrefixes")))
        return !listed->has_failed;
    if (listed->page->count == OBJECTS_PAGE_MAX)
        return false;
    listed->page->entries[listed->page->count++] = *next;
    *next = (struct objects_entry){0};
    return !listed->has_failed;
}

static int compare_entries(const void *a, const void *b)
{
    const struct objects_entry *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = len > 0 ? memcmp(x->key.data, y->key.data, len) : 0;
    return order != 0 ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static void append_parameter(struct buf *query, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    buf_appendf(query, "&%s=", name);
    sigv4_append_encoded(query, value, false);
}

/* Objects and prefixes come apart: together in order, and the place behind the last. */
static bool finish_page(struct listed *listed)
{
    struct objects_page *page = listed->page;
    if (page->count > 1)
        qsort(page->entries, page->count, sizeof(*page->entries), compare_entries);
    if (page->count == 0) {
        page->is_truncated = false;
        return true;
    }
    const struct objects_entry *last = &page->entries[page->count - 1];
    /* U+10FFFF: behind all keys of a prefix. */
    const char *behind = last->is_prefix ? "\xf4\x8f\xbf\xbf" : "";
    page->next = arena_printf(listed->arena, STR_FMT "%s", STR_ARG(last->key), behind);
    return page->next.data != NULL;
}

static enum objects_problem list(struct objects *objects, struct str tenant, struct str bucket,
                                 const struct objects_list_options *options, struct arena *arena,
                                 struct objects_page *page, struct error *error)
{
    (void)tenant;
    struct listed listed = {.arena = arena, .page = page};
    struct buf query;
    size_t max = options->max < OBJECTS_PAGE_MAX ? options->max : OBJECTS_PAGE_MAX;
    buf_init(&query, NAME_MAX_BYTES);
    buf_appendf(&query, "list-type=2&encoding-type=url&max-keys=%zu", max);
    append_parameter(&query, "prefix", options->prefix);
    append_parameter(&query, "delimiter", options->delimiter);
    append_parameter(&query, "start-after", options->after);
    page->entries = arena_array(arena, OBJECTS_PAGE_MAX, sizeof(*page->entries));
    if (query.failed || !page->entries) {
        buf_deinit(&query);
        return objects_no_memory(error);
    }
    struct exchange exchange = {
        .method = "GET", .bucket = bucket, .key = STR(""), .query = buf_str(&query), .body_fd = -1};
    enum objects_problem problem = max > 0 ? ask(s3_of(objects), &exchange, error) : OBJECTS_OK;
    if (problem == OBJECTS_OK && max > 0 &&
        (!xml_read(buf_str(&exchange.reply), arena, on_list_element, &listed) || !finish_page(&listed)))
        problem = objects_fail(error, OBJECTS_FAILED, "the S3 server's list of objects can't be read");
    buf_deinit(&exchange.reply);
    buf_deinit(&query);
    return problem;
}

/* --- life --- */

static void s3_close(struct objects *objects)
{
    struct objects_s3 *s3 = s3_of(objects);
    for (size_t i = 0; i < s3->pooled; i++)
        curl_easy_cleanup(s3->pool[i]);
    if (s3->directory >= 0)
        close(s3->directory);
    pthread_mutex_destroy(&s3->mutex);
    mem_free(s3->endpoint);
    mem_free(s3->host);
    mem_free(s3->region);
    mem_free(s3->key);
    mem_free(s3->secret);
    mem_free(s3);
}

static const struct objects_ops s3_ops = {
    .close = s3_close,
    .bucket_create = bucket_create,
    .bucket_head = bucket_head,
    .bucket_delete = bucket_delete,
    .bucket_list = bucket_list,
    .head = head,
    .delete = delete,
    .put_begin = put_begin,
    .reader_open = reader_open,
    .list = list,
};

/* http://HOST[:PORT], without a path. The host is signed as libcurl sends it: a scheme's own port is left out. */
static bool split_endpoint(struct objects_s3 *s3)
{
    struct str text = str_of(s3->endpoint), host;
    bool is_tls = str_starts(text, STR("https://"));
    if (!is_tls && !str_starts(text, STR("http://")))
        return false;
    host = str_slice(text, is_tls ? 8 : 7, text.len);
    if (str_ends(host, STR("/"))) {
        host.len--;
        s3->endpoint[text.len - 1] = '\0';
    }
    if (host.len == 0 || str_find_char(host, '/', 0) >= 0)
        return false;
    struct str port = is_tls ? STR(":443") : STR(":80");
    s3->host = mem_strdup(str_ends(host, port) ? str_slice(host, 0, host.len - port.len) : host);
    return s3->host != NULL;
}

enum error_code objects_s3_open(const struct objects_options *options, struct objects **objects, struct error *error)
{
    struct objects_s3 *s3 = mem_calloc(1, sizeof(*s3));
    if (!s3 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        mem_free(s3);
        return error_no_memory(error);
    }
    s3->base = (struct objects){.ops = &s3_ops, .is_remote = true};
    s3->directory = -1;
    pthread_mutex_init(&s3->mutex, NULL);
    s3->endpoint = mem_strdup(str_of(options->endpoint));
    s3->region = mem_strdup(str_of(options->region));
    s3->key = mem_strdup(str_of(options->key));
    s3->secret = mem_strdup(str_of(options->secret));
    enum error_code code = OK;
    if (!s3->endpoint || !s3->region || !s3->key || !s3->secret)
        code = error_no_memory(error);
    else if (!split_endpoint(s3))
        code = error_set(error, ERROR_INVALID, "s3.endpoint %s: expected http://HOST[:PORT] or https://HOST[:PORT]",
                         options->endpoint);
    if (code == OK && mkdir(options->directory, 0700) != 0 && errno != EEXIST)
        code = error_set_errno(error, ERROR_IO, errno, "cannot make %s", options->directory);
    if (code == OK && (s3->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        code = error_set_errno(error, ERROR_IO, errno, "cannot open %s", options->directory);
    if (code == OK)
        *objects = &s3->base;
    else
        s3_close(&s3->base);
    return code;
}
