/* objects_backend.h - what stands behind store/objects.h: the functions of one
 * kind of store, and the part of puts and readers that all kinds share.
 * Private to the store room. */
#ifndef STORE_OBJECTS_BACKEND_H
#define STORE_OBJECTS_BACKEND_H

#include <openssl/evp.h>

#include "store/objects.h"

struct objects_ops {
    void (*close)(struct objects *objects);
    void (*interrupt)(struct objects *objects); /* NULL: it never waits for long */
    enum objects_problem (*bucket_create)(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str region, struct error *error);
    enum objects_problem (*bucket_head)(struct objects *objects, struct str tenant, struct str bucket,
                                        struct objects_bucket *found, struct error *error);
    enum objects_problem (*bucket_delete)(struct objects *objects, struct str tenant, struct str bucket,
                                          struct error *error);
    enum objects_problem (*bucket_list)(struct objects *objects, struct str tenant, struct arena *arena,
                                        struct objects_bucket **buckets, size_t *count, struct error *error);
    enum objects_problem (*head)(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct objects_info *info, struct error *error);
    enum objects_problem (*delete)(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                   const struct objects_conditions *conditions, struct error *error);
    enum objects_problem (*put_begin)(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      const struct objects_put_options *options, struct objects_put **put,
                                      struct error *error);
    enum objects_problem (*reader_open)(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        uint64_t offset, uint64_t len, struct objects_info *info,
                                        struct objects_reader **reader, struct error *error);
    enum objects_problem (*list)(struct objects *objects, struct str tenant, struct str bucket,
                                 const struct objects_list_options *options, struct arena *arena,
                                 struct objects_page *page, struct error *error);
    bool (*bytes)(struct objects *objects, struct str tenant, uint64_t *bytes); /* NULL: it never counts */
};

struct objects {
    const struct objects_ops *ops;
    bool is_remote;
};

struct objects_put_ops {
    enum objects_problem (*append)(struct objects_put *put, const void *data, size_t len, struct error *error);
    /* put->info is complete but for the time, which this sets. */
    enum objects_problem (*commit)(struct objects_put *put, struct error *error);
    void (*free)(struct objects_put *put); /* what isn't committed goes */
};

/* The first member of each kind's own. */
struct objects_put {
    const struct objects_put_ops *ops;
    struct objects_info info;
    uint64_t expected_size;
    bool has_expected_md5, has_failed;
    uint8_t expected_md5[16];
    char wanted_checksum[16]; /* name of the upload's, of a part */
    EVP_MD_CTX *md5; /* of what was appended; NULL: commit makes the ETag */
};

/* Fills the shared part. A failure leaves nothing to free. */
enum objects_problem objects_put_init(struct objects_put *put, const struct objects_put_ops *ops,
                                      const struct objects_put_options *options, struct error *error) WARN_UNUSED;
void objects_put_deinit(struct objects_put *put);

struct objects_reader_ops {
    enum objects_problem (*read)(struct objects_reader *reader, void *data, size_t cap, size_t *len,
                                 struct error *error);
    void (*free)(struct objects_reader *reader);
};

struct objects_reader {
    const struct objects_reader_ops *ops;
};

enum error_code objects_s3_open(const struct objects_options *options, struct objects **objects,
                                struct error *error) WARN_UNUSED;
enum error_code objects_dir_open(const struct objects_options *options, struct objects **objects,
                                 struct error *error) WARN_UNUSED;

/* Sets *error and gives the problem back. */
enum objects_problem objects_fail(struct error *error, enum objects_problem problem, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* By errno: OBJECTS_UNAVAILABLE for a full disk, else OBJECTS_FAILED. */
enum objects_problem objects_fail_errno(struct error *error, int os_errno, const char *format, ...) PRINTF_LIKE(3, 4);
enum objects_problem objects_no_memory(struct error *error);
enum objects_problem objects_no_bucket(struct error *error, struct str bucket);
enum objects_problem objects_no_key(struct error *error, struct str key);
/* What of [offset, offset + *len) an object of `size` bytes has. */
enum objects_problem objects_cut_range(uint64_t size, uint64_t offset, uint64_t *len, struct error *error);

#endif
