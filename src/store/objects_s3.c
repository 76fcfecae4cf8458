/* An S3 server behind store/objects.h: path style, our own signatures, libcurl
 * as the transport (objects_s3_exchange.h).
 *
 * What is written waits in an unlinked file until commit: then its length and
 * hash are known, so that the request is signed whole and can be repeated.
 * What is read comes in ranges, each bound to the ETag that was opened. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "core/util.h"
#include "core/xml.h"
#include "store/objects_dir.h"
#include "store/objects_s3_exchange.h"

#define WINDOW_BYTES ((size_t)4 << 20)

static struct objects_s3 *s3_of(struct objects *objects)
{
    return (struct objects_s3 *)objects;
}

static enum objects_problem ask_simply(struct objects *objects, const char *method, struct str bucket, struct str key,
                                       struct objects_info *info, struct error *error)
{
    struct s3_exchange exchange = {.method = method, .bucket = bucket, .key = key, .query = STR(""), .body_fd = -1};
    enum objects_problem problem = s3_ask(s3_of(objects), &exchange, error);
    if (problem == OBJECTS_OK && info)
        *info = exchange.info;
    buf_deinit(&exchange.reply);
    return problem;
}

/* --- buckets --- */

static enum objects_problem bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str region, struct error *error)
{
    (void)tenant;
    (void)region;
    return ask_simply(objects, "PUT", bucket, STR(""), NULL, error);
}

static enum objects_problem bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                        struct objects_bucket *found, struct error *error)
{
    (void)tenant;
    if (found)
        *found = (struct objects_bucket){.name = bucket};
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
    s3_copy_value(copy, sizeof(copy), text);
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
    struct s3_exchange exchange = {.method = "GET", .bucket = STR(""), .key = STR(""), .query = STR(""), .body_fd = -1};
    struct bucket_names names = {0};
    enum objects_problem problem = s3_ask(s3_of(objects), &exchange, error);
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
    return ask_simply(objects, "HEAD", bucket, key, info, error);
}

static enum objects_problem delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                   const struct objects_conditions *conditions, struct error *error)
{
    (void)tenant;
    (void)conditions;
    return ask_simply(objects, "DELETE", bucket, key, NULL, error);
}

struct bucket_put {
    struct objects_put base; /* first */
    struct objects_s3 *s3;
    int fd;
    EVP_MD_CTX *sha256;
    char bucket[OBJECTS_BUCKET_MAX], key[OBJECTS_KEY_MAX];
    size_t bucket_len, key_len;
};

static enum objects_problem put_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    struct bucket_put *put = (struct bucket_put *)base;
    if (EVP_DigestUpdate(put->sha256, data, len) != 1)
        return objects_no_memory(error);
    return object_write(put->fd, data, len, error);
}

static enum objects_problem put_commit(struct objects_put *base, struct error *error)
{
    struct bucket_put *put = (struct bucket_put *)base;
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[SIGV4_HEX_LEN + 1];
    if (EVP_DigestFinal_ex(put->sha256, digest, NULL) != 1)
        return objects_no_memory(error);
    hex_encode(digest, SHA256_LEN, hex);
    struct s3_exchange exchange = {.method = "PUT",
                                .bucket = {put->bucket, put->bucket_len},
                                .key = {put->key, put->key_len},
                                .query = STR(""),
                                .type = base->info.type[0] ? base->info.type : NULL,
                                .payload_hash = hex,
                                .body_fd = put->fd,
                                .body_size = base->info.size};
    enum objects_problem problem = s3_ask(put->s3, &exchange, error);
    buf_deinit(&exchange.reply);
    if (problem == OBJECTS_OK && exchange.info.etag[0])
        memcpy(base->info.etag, exchange.info.etag, sizeof(base->info.etag));
    base->info.modified_us = clock_wall_us();
    return problem;
}

static void put_free(struct objects_put *base)
{
    struct bucket_put *put = (struct bucket_put *)base;
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
    enum objects_problem problem = bucket_head(objects, tenant, bucket, NULL, error);
    if (problem != OBJECTS_OK)
        return problem;
    struct bucket_put *made = mem_calloc(1, sizeof(*made));
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
    struct s3_exchange exchange = {.method = "GET",
                                .bucket = {reader->bucket, reader->bucket_len},
                                .key = {reader->key, reader->key_len},
                                .query = STR(""),
                                .range = range,
                                .if_match = reader->if_match,
                                .body_fd = -1};
    enum objects_problem problem = s3_ask(reader->s3, &exchange, error);
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
    bool is_encoded; /* the server does encoding-type=url; not all do */
};

static bool decode_name(struct arena *arena, struct str *name)
{
    char *raw = arena_strdup(arena, *name);
    for (size_t i = 0; raw && i < name->len; i++)
        if (raw[i] == '+')
            raw[i] = ' ';
    return raw && http_percent_decode((struct str){raw, name->len}, arena, name);
}

static bool on_list_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct listed *listed = ctx;
    struct objects_entry *next = &listed->next;
    if (str_eq(parent, STR("Contents")) && str_eq(name, STR("Key")))
        next->key = text;
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("ETag")))
        next->etag = text.len >= 2 && text.data[0] == '"' ? str_slice(text, 1, text.len - 1) : text;
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("Size")))
        (void)str_to_u64(text, &next->size);
    else if (str_eq(parent, STR("Contents")) && str_eq(name, STR("LastModified")))
        (void)parse_time(text, &next->modified_us);
    else if (str_eq(parent, STR("CommonPrefixes")) && str_eq(name, STR("Prefix")))
        *next = (struct objects_entry){.key = text, .is_prefix = true};
    else if (str_eq(parent, STR("ListBucketResult")) && str_eq(name, STR("IsTruncated")))
        listed->page->is_truncated = str_eq(text, STR("true"));
    else if (str_eq(parent, STR("ListBucketResult")) && str_eq(name, STR("EncodingType")))
        listed->is_encoded = str_eq(text, STR("url"));
    if (!str_eq(name, STR("Contents")) && !str_eq(name, STR("CommonPrefixes")))
        return true;
    if (listed->page->count == OBJECTS_PAGE_MAX)
        return false;
    listed->page->entries[listed->page->count++] = *next;
    *next = (struct objects_entry){0};
    return true;
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
    for (size_t i = 0; listed->is_encoded && i < page->count; i++)
        if (!decode_name(listed->arena, &page->entries[i].key))
            return false;
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
    buf_init(&query, S3_NAME_BYTES_MAX);
    buf_appendf(&query, "list-type=2&encoding-type=url&max-keys=%zu", max);
    append_parameter(&query, "prefix", options->prefix);
    append_parameter(&query, "delimiter", options->delimiter);
    append_parameter(&query, "start-after", options->after);
    page->entries = arena_array(arena, OBJECTS_PAGE_MAX, sizeof(*page->entries));
    if (query.failed || !page->entries) {
        buf_deinit(&query);
        return objects_no_memory(error);
    }
    struct s3_exchange exchange = {
        .method = "GET", .bucket = bucket, .key = STR(""), .query = buf_str(&query), .body_fd = -1};
    enum objects_problem problem = max > 0 ? s3_ask(s3_of(objects), &exchange, error) : OBJECTS_OK;
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

static void s3_interrupt(struct objects *objects)
{
    atomic_store(&s3_of(objects)->is_interrupted, true);
}

static const struct objects_ops s3_ops = {
    .close = s3_close,
    .interrupt = s3_interrupt,
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
