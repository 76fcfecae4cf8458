/* batch_call.h - one request about batches of a dialect whose batches have files: the store of jobs is asked on libuv's
 * pool, the I/O thread answers. IDs are a prefix of the dialect's and the job's. */
#ifndef API_BATCH_CALL_H
#define API_BATCH_CALL_H

#include "api/call.h"
#include "api/offload.h"
#include "batch/batch.h"

/* In the exchange's arena, where all that it points to lies too. */
struct batch_call {
    struct api_call *call;
    const struct job_kind *kind;
    const char *prefix; /* "batch_" */
    struct arena *arena;
    struct str tenant;
    enum error_code (*ask)(struct batch_call *asked);           /* on the pool; fills `error` when it fails */
    void (*answer)(struct batch_call *asked, struct buf *body); /* on the I/O thread, after OK */
    void *ctx; /* the operation's own */
    struct batch_job job;
    struct job_filter filter;
    struct batch_job *list;
    size_t count;
    bool has_more;
    int fd; /* -1: none. One that `ask` opened is the reply's body, of so many bytes, and `answer` is not asked */
    uint64_t bytes;
    enum error_code code;
    struct error error;
    struct offload offload;
};

/* NULL: memory is out, and the call has been answered. */
struct batch_call *batch_call_new(struct api_call *call, const struct job_kind *kind, const char *prefix);
/* Asks, then answers; or answers at once with asked->error where asked->code says that the request is wrong. */
void batch_call_run(struct batch_call *asked, enum error_code (*ask)(struct batch_call *asked),
                    void (*answer)(struct batch_call *asked, struct buf *body));

/* For `ask`: the job of an ID with the prefix, in asked->job. ERROR_NOT_FOUND. */
enum error_code batch_call_find(struct batch_call *asked, struct str id) WARN_UNUSED;
enum error_code batch_call_find_resource(struct batch_call *asked) WARN_UNUSED; /* that the path names */
/* Likewise, of a list: what stands behind (or, of an ascending one, before) this job; its ID may be empty. */
enum error_code batch_call_list(struct batch_call *asked, struct str beyond) WARN_UNUSED;

#endif
