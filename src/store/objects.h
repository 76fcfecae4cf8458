/* objects.h - the object store: named bytes in buckets, a directory or an S3
 * server behind one interface.
 *
 * Calls block (disk, network): they are for worker threads, never for an I/O
 * loop. A struct objects may be used by any number of threads; a put or a
 * reader belongs to one thread at a time. Memory is bounded: bytes stream
 * through the caller's buffer.
 *
 * An object appears whole or not at all: its bytes and what is said of them
 * (ETag, type, headers) are on the disk before its name is, and a reader keeps
 * what it opened whatever happens to the name.
 *
 * Buckets belong to a tenant. Another's bucket is OBJECTS_NO_BUCKET, as if it
 * weren't there; only making one of that name tells (OBJECTS_BUCKET_TAKEN).
 * An S3 server behind this has no tenants: its credentials say what is there. */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define OBJECTS_BUCKET_MAX 63
#define OBJECTS_KEY_MAX 1024     /* bytes of UTF-8 */
#define OBJECTS_TENANT_MAX 128
#define OBJECTS_ETAG_MAX 64
#define OBJECTS_TYPE_MAX 255     /* content type */
#define OBJECTS_HEADERS_MAX 8192 /* other headers kept with an object, all together */
#define OBJECTS_TAGS_MAX 12288   /* of an object: ten, of 128 and 256 UTF-16 units */
#define OBJECTS_CLASS_MAX 31     /* name of a storage class */
#define OBJECTS_CHECKSUM_MAX 64  /* base64, and "-PARTS" */
#define OBJECTS_PAGE_MAX 1000    /* entries of one page */
#define OBJECTS_SIZE_UNKNOWN UINT64_MAX

/* What went wrong, in S3's terms; error->code and error->message go with it. */
enum objects_problem {
    OBJECTS_OK = 0,
    OBJECTS_NO_BUCKET,        /* none of that name, or another tenant's */
    OBJECTS_NO_KEY,
    OBJECTS_NO_UPLOAD,        /* no multipart upload of that ID for that key */
    OBJECTS_BUCKET_OWNED,     /* it is there already and yours */
    OBJECTS_BUCKET_TAKEN,     /* it is there already and somebody else's */
    OBJECTS_BUCKET_NOT_EMPTY,
    OBJECTS_BAD_BUCKET,       /* the name breaks the rules */
    OBJECTS_BAD_KEY,          /* empty, or not UTF-8 */
    OBJECTS_LONG_KEY,         /* over OBJECTS_KEY_MAX bytes */
    OBJECTS_CONDITION,        /* a condition does not hold */
    OBJECTS_QUOTA,            /* the tenant's bytes would be more than it may have */
    OBJECTS_BAD_DIGEST,       /* the bytes aren't those that were announced */
    OBJECTS_BAD_LENGTH,       /* fewer or more bytes than announced */
    OBJECTS_TOO_LARGE,
    OBJECTS_BAD_PART,         /* a part that isn't there, or has another ETag */
    OBJECTS_BAD_PART_ORDER,
    OBJECTS_SMALL_PART,       /* a part but the last below limit(object_part_min_bytes) */
    OBJECTS_BAD_RANGE,
    OBJECTS_DENIED,           /* the S3 server says no */
    OBJECTS_UNAVAILABLE,      /* disk full, server not there; may work later */
    OBJECTS_FAILED,           /* error->code and message say what */
};

/* The same as an error code, for jobs that read and write objects: ERROR_UNAVAILABLE and ERROR_IO may pass by
 * themselves, ERROR_INVALID is what somebody has to set right. OK for OBJECTS_OK; else error->code is set to it. */
enum error_code objects_code(enum objects_problem problem, struct error *error) WARN_UNUSED;

struct objects;

/* Bytes that a tenant's objects and uploads may take; 0: no quota. Any thread. */
typedef uint64_t objects_quota(const void *ctx, struct str tenant);

struct objects_options {
    const char *directory; /* root, made where missing */
    objects_quota *quota;  /* NULL: nobody has one, and nothing is counted */
    const void *quota_ctx;
    /* An S3 server, "http://127.0.0.1:9000"; then the directory has only what is on its way there. NULL: none. */
    const char *endpoint, *region, *key, *secret;
};

/* One process per directory (the caller holds a lock). Removes what unfinished puts of an earlier run left, and with
 * quotas looks at every object once. */
enum error_code objects_open(const struct objects_options *options, struct objects **objects,
                             struct error *error) WARN_UNUSED;
void objects_close(struct objects *objects); /* NULL is legal */
/* Whoever waits for an S3 server waits no longer, now or later: OBJECTS_UNAVAILABLE. For the way out. */
void objects_interrupt(struct objects *objects);
bool objects_is_remote(const struct objects *objects);
/* What a tenant's objects and uploads take. False: nobody counts; there are no quotas, or an S3 server keeps them. */
bool objects_bytes(struct objects *objects, struct str tenant, uint64_t *bytes);

/* --- names --- */

/* S3's rules: 3 to 63 of a-z 0-9 . -, beginning and ending with a letter or digit, no "..", no IPv4 address. */
enum objects_problem objects_check_bucket(struct str bucket, struct error *error) WARN_UNUSED;
/* Of a bucket that is to be made: names that S3 keeps to itself are refused as well. */
enum objects_problem objects_check_new_bucket(struct str bucket, struct error *error) WARN_UNUSED;
enum objects_problem objects_check_key(struct str key, struct error *error) WARN_UNUSED;
/* Splits "s3://bucket/key"; the key may be empty. Both are checked. */
enum objects_problem objects_parse_uri(struct str uri, struct str *bucket, struct str *key,
                                       struct error *error) WARN_UNUSED;

/* --- buckets --- */

#define OBJECTS_REGION_MAX 32

struct objects_bucket {
    struct str name;
    uint64_t created_us; /* since 1970 */
    char region[OBJECTS_REGION_MAX + 1]; /* as it was said when it was made; "": nothing was */
};

/* A bucket of the same name that is made after a deletion is another one: nothing that was begun in the first ends in
 * the second. */
enum objects_problem objects_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                           struct str region, struct error *error) WARN_UNUSED;
/* `found` may be NULL; its name is the one given. */
enum objects_problem objects_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                         struct objects_bucket *found, struct error *error) WARN_UNUSED;
enum objects_problem objects_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                           struct error *error) WARN_UNUSED;
/* The tenant's, by name, in the arena. */
enum objects_problem objects_bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                         struct objects_bucket **buckets, size_t *count,
                                         struct error *error) WARN_UNUSED;

/* Beside a server or without one: whether the bucket of the directory `directory` is the tenant's. */
bool objects_bucket_is_of(const char *directory, struct str tenant, struct str bucket);

/* --- objects --- */

struct objects_info {
    uint64_t size;
    uint64_t modified_us;              /* since 1970 */
    char etag[OBJECTS_ETAG_MAX + 1];   /* without quotes: MD5 in hex; of a multipart upload MD5 of MD5s and "-PARTS" */
    char type[OBJECTS_TYPE_MAX + 1];   /* content type, "" where none was given */
    char checksum_name[16];            /* "crc32", "sha256", ...; "" without one */
    char checksum[OBJECTS_CHECKSUM_MAX + 1];
    bool checksum_is_composite;        /* of the parts' checksums */
    unsigned part_count;               /* 0: it was written in one piece */
    char storage_class[OBJECTS_CLASS_MAX + 1]; /* as its writer named it; "" is STANDARD */
    char headers[OBJECTS_HEADERS_MAX + 1]; /* "name: value\n" each, lower-case names */
    char tags[OBJECTS_TAGS_MAX + 1];       /* "name\nvalue\n" each */
};

/* RFC 9110, section 13, and S3's own for deletions. Zero: none. Strings are borrowed until the put has ended. */
struct objects_conditions {
    struct str match, none_match; /* lists of ETags, or "*"; data NULL: not asked */
    bool has_unmodified_since, has_modified, has_size;
    uint64_t unmodified_since_s, modified_s; /* since 1970 */
    uint64_t size;
};
static inline bool objects_is_conditional(const struct objects_conditions *conditions)
{
    return conditions->match.data || conditions->none_match.data || conditions->has_unmodified_since ||
           conditions->has_modified || conditions->has_size;
}
/* Is the ETag in the list? Weak ones are compared like strong ones. */
bool objects_etag_is_listed(struct str list, const char *etag);
/* OBJECTS_CONDITION, or OBJECTS_NO_KEY where a condition wants an object and there is none (`info` NULL). */
enum objects_problem objects_check_conditions(const struct objects_conditions *conditions,
                                              const struct objects_info *info, struct error *error) WARN_UNUSED;

enum objects_problem objects_head(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                  struct objects_info *info, struct error *error) WARN_UNUSED;
/* The same, and where part `number` of an object made of parts lies; one that was not is its own part 1.
 * OBJECTS_BAD_PART: it has no such part. A directory's only. */
enum objects_problem objects_head_part(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                       unsigned number, struct objects_info *info, uint64_t *offset, uint64_t *len,
                                       struct error *error) WARN_UNUSED;
/* The same, and the sizes of its parts: info->part_count of them, `sizes` has room for OBJECTS_PARTS_MAX. A directory's
 * only. */
enum objects_problem objects_head_parts(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        struct objects_info *info, uint64_t *sizes, struct error *error) WARN_UNUSED;
/* Puts `tags` in the place of those that the object has; nothing else of it changes, not its time either. A directory's
 * only. OBJECTS_DENIED: the file was put there by hand, there is nothing that tags could be written to. */
enum objects_problem objects_set_tags(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      struct str tags, struct error *error) WARN_UNUSED;
/* A key that isn't there is deleted all the same. `conditions` may be NULL; only a directory looks at them. */
enum objects_problem objects_delete(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                    const struct objects_conditions *conditions, struct error *error) WARN_UNUSED;

/* --- writing: begin, append..., then commit or abort, which end the put --- */

struct objects_put;

struct objects_put_options {
    uint64_t expected_size;      /* OBJECTS_SIZE_UNKNOWN where it isn't announced; an S3 server needs it */
    const uint8_t *expected_md5; /* 16 bytes, or NULL */
    struct str type;             /* content type */
    struct str headers, tags, storage_class; /* as in struct objects_info; a directory's only but for the first */
    struct objects_conditions conditions; /* asked when the object is to appear; a directory's only */
};

enum objects_problem objects_put_begin(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                       const struct objects_put_options *options, struct objects_put **put,
                                       struct error *error) WARN_UNUSED;
/* After a problem only abort is left. */
enum objects_problem objects_put_append(struct objects_put *put, const void *data, size_t len,
                                        struct error *error) WARN_UNUSED;
/* Before commit: a checksum of all bytes that the caller has verified; kept and told with the object. */
void objects_put_checksum(struct objects_put *put, const char *name, struct str value, bool is_composite);
/* Of a part: the checksum that its upload was created with, "" without. */
const char *objects_put_wanted_checksum(const struct objects_put *put);
/* Durable when it returns OBJECTS_OK; `info` may be NULL. Frees the put either way. */
enum objects_problem objects_put_commit(struct objects_put *put, struct objects_info *info,
                                        struct error *error) WARN_UNUSED;
void objects_put_abort(struct objects_put *put); /* NULL is legal */

/* A whole local file, at once. */
enum objects_problem objects_put_file(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const char *path, struct str type, struct error *error) WARN_UNUSED;

/* --- reading --- */

struct objects_reader;

/* `len` may be OBJECTS_SIZE_UNKNOWN: to the end. It is cut at the end; an
 * offset past it is OBJECTS_BAD_RANGE, unless it is 0. `info` may be NULL; it is filled for OBJECTS_BAD_RANGE too. */
enum objects_problem objects_reader_open(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         uint64_t offset, uint64_t len, struct objects_info *info,
                                         struct objects_reader **reader, struct error *error) WARN_UNUSED;
/* Up to `cap` bytes; *len 0 at the end. */
enum objects_problem objects_reader_read(struct objects_reader *reader, void *data, size_t cap, size_t *len,
                                         struct error *error) WARN_UNUSED;
void objects_reader_close(struct objects_reader *reader); /* NULL is legal */

/* An object's bytes, behind what `text` has, up to its max; *is_whole: there are no more. */
enum objects_problem objects_read(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                  struct buf *text, bool *is_whole, struct error *error) WARN_UNUSED;

/* --- listing --- */

struct objects_list_options {
    struct str prefix, delimiter; /* empty: none */
    struct str after;             /* entries behind it only: a key, or a page's `next` */
    size_t max;                   /* at most OBJECTS_PAGE_MAX entries; 0: an empty page */
};

struct objects_entry {
    struct str key;
    bool is_prefix; /* keys of this beginning, up to the delimiter, rolled into one; nothing below is set */
    uint64_t size, modified_us;
    struct str etag, storage_class; /* as in struct objects_info */
};

struct objects_page {
    struct objects_entry *entries; /* in byte order of key, in the arena */
    size_t count;
    bool is_truncated;
    struct str next; /* for `after` */
};

enum objects_problem objects_list(struct objects *objects, struct str tenant, struct str bucket,
                                  const struct objects_list_options *options, struct arena *arena,
                                  struct objects_page *page, struct error *error) WARN_UNUSED;

/* Calls `visit` with the object of this key; where there is none, or the key ends with a slash, with each object of the
 * folder that `fits`, in byte order. `name` is what is behind the folder. Ends with the first error of `visit`. */
struct objects_visitor {
    bool (*fits)(const void *ctx, struct str key);
    enum error_code (*visit)(void *ctx, struct str key, struct str name, struct error *error);
    void *ctx;
};
enum error_code objects_each(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                             const struct objects_visitor *visitor, struct error *error) WARN_UNUSED;

/* --- multipart uploads: a directory's only --- */

#define OBJECTS_UPLOAD_ID_LEN 32
#define OBJECTS_PARTS_MAX 10000

enum objects_problem objects_upload_create(struct objects *objects, struct str tenant, struct str bucket,
                                           struct str key, const struct objects_put_options *options,
                                           const char *checksum_name, bool checksum_is_composite,
                                           char id[OBJECTS_UPLOAD_ID_LEN + 1], struct error *error) WARN_UNUSED;
/* A put whose commit leaves part `number` (1 to OBJECTS_PARTS_MAX) of the upload, in place of an earlier one. */
enum objects_problem objects_upload_part(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         struct str id, unsigned number, const struct objects_put_options *options,
                                         struct objects_put **put, struct error *error) WARN_UNUSED;

struct objects_upload {
    struct str id, key;
    uint64_t created_us;
    char checksum_name[16];
    bool checksum_is_composite;
    char storage_class[OBJECTS_CLASS_MAX + 1];
};
struct objects_part {
    unsigned number;
    char etag[OBJECTS_ETAG_MAX + 1];
    char checksum[OBJECTS_CHECKSUM_MAX + 1]; /* "" without */
    uint64_t size, modified_us;              /* not read by complete */
};
/* The upload itself and its parts, by number, in the arena. */
enum objects_problem objects_upload_parts(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct arena *arena,
                                          struct objects_upload *upload, struct objects_part **parts, size_t *count,
                                          struct error *error) WARN_UNUSED;
/* A bucket's uploads, by key, in the arena. */
enum objects_problem objects_upload_list(struct objects *objects, struct str tenant, struct str bucket,
                                         struct arena *arena, struct objects_upload **uploads, size_t *count,
                                         struct error *error) WARN_UNUSED;
/* Makes the object of the named parts, in ascending order; the upload is gone
 * afterwards. Asked again for the same, as clients do whose reply was lost, it
 * says the same as long as that object is there. */
struct objects_completion {
    const struct objects_part *parts;
    size_t count;
    struct str checksum; /* that the whole must have (of the kind the upload was created with), or empty */
    uint64_t size;       /* that the whole must have, or OBJECTS_SIZE_UNKNOWN */
    struct objects_conditions conditions;
};
enum objects_problem objects_upload_complete(struct objects *objects, struct str tenant, struct str bucket,
                                             struct str key, struct str id, const struct objects_completion *wanted,
                                             struct objects_info *info, struct error *error) WARN_UNUSED;
enum objects_problem objects_upload_abort(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct error *error) WARN_UNUSED;

#endif
