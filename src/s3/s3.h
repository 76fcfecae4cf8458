/* s3.h - objects by the S3 protocol, path style: shared by the files s3_*.c.
 *
 * One struct s3 per request. The store blocks, so its work runs on libuv's
 * worker threads, one piece of work at a time: between two pieces the I/O
 * thread has the struct, during one the worker thread. It outlives its
 * exchange when the client goes away (call NULL), until the work returns.
 * Everything a worker reads was copied into the arena. */
#ifndef S3_S3_H
#define S3_S3_H

#include "api/call.h"
#include "api/meant.h"
#include "core/checksum.h"
#include "store/objects.h"

#define S3_HEADERS_MAX 114
#define S3_XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

struct s3;

enum { S3_CONDITIONS_OF_WRITES = 1, S3_CONDITIONS_OF_DELETIONS = 2 };

struct s3_operation {
    const char *name;
    void (*run)(struct s3 *s3);  /* on a worker thread: fills the reply */
    bool takes_body;             /* whole, in s3->request.body */
    bool takes_tags;             /* x-amz-tagging: it makes an object */
    unsigned conditions;         /* that it honours; those of reads are honoured by all reads of objects */
};

/* A kind of request whose work comes in several pieces. */
struct s3_stream_ops {
    void (*work)(struct s3 *s3);      /* on a worker thread */
    bool (*after)(struct s3 *s3);     /* on the I/O thread, the client still there; true: the request is over */
    void (*free)(void *stream);
};

struct s3 {
    uv_work_t work;
    struct api_call *call; /* NULL once the client is gone */
    struct api_thread *thread;
    struct objects *objects;
    struct arena arena;
    struct http_request request; /* a copy, in the arena; headers that stood in the query are among its headers */
    struct auth_identity identity;
    struct api_operation operation; /* for logs */
    char request_id[UUID_LEN + 1];
    const struct s3_operation *what;
    struct str tenant, bucket, key;
    bool is_working;

    const struct s3_stream_ops *stream_ops;
    void *stream;

    /* The reply. */
    int status;
    struct http_header headers[S3_HEADERS_MAX];
    size_t header_count;
    struct buf body;
};

/* --- s3.c --- */

/* Is the request for S3? By the signature's scope, else by the path and the host's name. */
bool s3_is_meant(const struct config *config, struct meant *meant);
/* At the headers: takes the body in pieces where the operation wants that. */
void s3_on_head(struct api_thread *thread, struct http_exchange *exchange);
void s3_on_request(struct api_thread *thread, struct http_exchange *exchange);
/* Answers for the net room: a request that broke a rule of HTTP or a limit, in S3's words. */
void s3_refuse(struct http_exchange *exchange, int status, const char *message, const char *request_id);

/* Queues stream_ops->work, or the operation's run. */
void s3_queue_work(struct s3 *s3);
/* Answers; the struct is gone after. */
void s3_respond(struct s3 *s3);
void s3_add_reply_headers(struct s3 *s3);
/* Counts and logs what was answered by somebody else; call and exchange are gone after, the struct as well. */
void s3_finish(struct s3 *s3);

/* Replies: from either thread. */
void s3_add_header(struct s3 *s3, const char *name, struct str value); /* copied */
void s3_fail(struct s3 *s3, int status, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
void s3_fail_problem(struct s3 *s3, enum objects_problem problem, const struct error *error);
const char *s3_problem_code(enum objects_problem problem);
void s3_fail_memory(struct s3 *s3);
static inline bool s3_has_failed(const struct s3 *s3)
{
    return s3->status >= 300;
}

/* Value of a query parameter, decoded; data NULL without one. */
struct str s3_query(struct s3 *s3, const char *name);
struct str s3_header(const struct s3 *s3, const char *name);

/* --- host.c --- */
/* The bucket that the name of the host begins with; borrowed from the request. */
bool s3_host_bucket(const struct config *config, const struct http_request *request, struct str *bucket);

/* --- object.c --- */
void s3_append_etag(struct buf *out, const char *etag); /* in quotes */
void s3_add_etag(struct s3 *s3, const char *etag);
/* <Owner> and the like: the tenant. */
void s3_append_owner(struct s3 *s3, const char *element);
/* ETag and checksum of what was written. */
void s3_add_written_headers(struct s3 *s3, const struct objects_info *info);
/* All that is said of an object that is read. */
void s3_add_info_headers(struct s3 *s3, const struct objects_info *info, bool is_whole);
void s3_add_parts_count(struct s3 *s3, unsigned part, const struct objects_info *info); /* `part` 0: nothing */
/* Content type and headers that are kept with an object, and its conditions. False: failed. */
bool s3_put_options(struct s3 *s3, struct objects_put_options *options);
void s3_http_date(uint64_t us, char out[32]);
void s3_head_object(struct s3 *s3);
void s3_delete_object(struct s3 *s3);
void s3_delete_objects(struct s3 *s3);
void s3_get_acl(struct s3 *s3);     /* of an object or a bucket */
void s3_put_acl(struct s3 *s3);
/* What listings and attributes say where the store has "". */
struct str s3_storage_class(const char *kept);
/* partNumber of the query: 0 without. False: failed. */
bool s3_read_part(struct s3 *s3, unsigned *number);
/* What the request reads of the object, which is opened for a look; OBJECTS_BAD_PART has been answered. */
enum objects_problem s3_head(struct s3 *s3, unsigned part, struct objects_info *info, uint64_t *offset, uint64_t *len,
                             struct error *error);

/* The disk is, says fulcrum.yaml: that is what S3 calls AES256. */
bool s3_is_encrypted(const struct s3 *s3);
void s3_add_encryption(struct s3 *s3); /* the header that says so */

/* --- tags.c --- */
/* x-amz-tagging, as the store keeps tags; none without it. False: failed. */
bool s3_read_tags(struct s3 *s3, struct str *text);
void s3_add_tag_count(struct s3 *s3, const struct objects_info *info);
void s3_get_tagging(struct s3 *s3);
void s3_put_tagging(struct s3 *s3);
void s3_delete_tagging(struct s3 *s3);

/* --- attributes.c --- */
void s3_get_attributes(struct s3 *s3);

/* --- copy.c --- */
void s3_copy_object(struct s3 *s3);
void s3_copy_part(struct s3 *s3);

/* --- condition.c --- */
/* False: failed with 501, since the operation would pass a condition over. */
bool s3_check_condition_names(struct s3 *s3, const struct s3_operation *operation);
/* Of a read (or with the prefix of a copy's source) against what is there. False: failed with 304 or 412. */
bool s3_check_conditions(struct s3 *s3, const struct objects_info *info, const char *prefix);
/* The condition that a 412 is about, as S3 writes it: the first that was given. */
const char *s3_condition_name(const struct s3 *s3);
bool s3_range_is_meant(struct s3 *s3, const struct objects_info *info); /* If-Range */
/* Of writes and deletions, for the store. False: failed. */
bool s3_write_conditions(struct s3 *s3, struct objects_conditions *conditions);
bool s3_deletion_conditions(struct s3 *s3, struct objects_conditions *conditions);
bool s3_parse_time(struct str text, uint64_t *seconds); /* of HTTP or ISO 8601 */

/* --- headers.c --- */
bool s3_hoist_headers(struct s3 *s3); /* false: no memory */
/* False: failed, a header asks for what isn't served. */
bool s3_check_headers(struct s3 *s3, const struct s3_operation *operation);

/* --- get.c, put.c: streams --- */
bool s3_get_begin(struct s3 *s3); /* false: no memory */
bool s3_put_begin(struct s3 *s3);
void s3_put_end(struct s3 *s3);   /* the whole body has come */

/* --- bucket.c --- */
void s3_list_buckets(struct s3 *s3);
void s3_create_bucket(struct s3 *s3);
void s3_head_bucket(struct s3 *s3);
void s3_delete_bucket(struct s3 *s3);
void s3_get_location(struct s3 *s3);
void s3_get_subresource(struct s3 *s3); /* configurations that no bucket has */

/* --- list.c --- */
void s3_list_objects(struct s3 *s3);    /* version 1 */
void s3_list_objects_v2(struct s3 *s3);
void s3_list_versions(struct s3 *s3);

/* --- upload.c --- */
void s3_create_upload(struct s3 *s3);
void s3_complete_upload(struct s3 *s3);
void s3_abort_upload(struct s3 *s3);
void s3_list_parts(struct s3 *s3);
void s3_list_uploads(struct s3 *s3);
struct str s3_upper(struct s3 *s3, struct str name); /* in the arena; empty without memory */
/* <ChecksumCRC32> and the like; nothing where either is empty. */
void s3_append_checksum(struct s3 *s3, struct str name, const char *value);
/* The part number of the query; false: failed. */
bool s3_part_number(struct s3 *s3, unsigned *number);

/* --- route.c --- */
/* What the request asks for; NULL: failed. */
const struct s3_operation *s3_find_operation(struct s3 *s3);
bool s3_operation_is_put(const struct s3_operation *operation); /* takes its body in pieces */
bool s3_operation_is_get(const struct s3_operation *operation);

#endif
