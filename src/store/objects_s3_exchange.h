/* objects_s3_exchange.h - requests to an S3 server: signed by us, carried by
 * libcurl, repeated where that helps, with its errors as ours. Handles are
 * pooled, each used by one thread at a time. */
#ifndef STORE_OBJECTS_S3_EXCHANGE_H
#define STORE_OBJECTS_S3_EXCHANGE_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/buf.h"
#include "store/objects_backend.h"

#define S3_POOL_MAX 16
#define S3_NAME_BYTES_MAX ((size_t)16384)

struct objects_s3 {
    struct objects base; /* first */
    char *endpoint, *host, *region, *key, *secret;
    int directory;
    atomic_bool is_interrupted;
    pthread_mutex_t mutex;
    CURL *pool[S3_POOL_MAX]; /* idle */
    size_t pooled;
};

/* A request and its reply. */
struct s3_exchange {
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

/* Performs, and takes any status but 2xx for a failure. exchange->reply is the caller's to free. */
enum objects_problem s3_ask(struct objects_s3 *s3, struct s3_exchange *exchange, struct error *error) WARN_UNUSED;

/* As much of the value as there is room for. */
void s3_copy_value(char *out, size_t cap, struct str value);

#endif
