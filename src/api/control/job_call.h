/* job_call.h - one request about batch jobs. The store of jobs waits for the disk, so it is asked on a thread of
 * libuv's pool (api/offload.h); the I/O thread answers when that comes back. */
#ifndef API_CONTROL_JOB_CALL_H
#define API_CONTROL_JOB_CALL_H

#include "api/call.h"
#include "api/control/batch_request.h"
#include "api/control/tag_request.h"
#include "api/offload.h"
#include "batch/batch.h"

/* In the exchange's arena, where all that it points to lies too. */
struct job_call {
    struct api_call *call;
    struct batch *batch;
    struct arena *arena; /* the exchange's */
    struct str tenant;
    enum error_code (*ask)(struct job_call *jobs);           /* on the pool; fills `error` when it fails */
    void (*answer)(struct job_call *jobs, struct buf *body); /* on the I/O thread, after OK */
    struct batch_job job;
    struct batch_identifier identifier;
    struct tag_request tags;
    struct job_filter filter;
    struct batch_job *list;
    size_t count;
    bool has_more;
    enum error_code code;
    struct error error;
    struct offload offload;
};

/* NULL: memory is out, and the call has been answered. */
struct job_call *job_call_new(struct api_call *call);

/* Asks, then answers; or answers at once with jobs->error where jobs->code says that the request is wrong. */
void job_call_run(struct job_call *jobs, enum error_code (*ask)(struct job_call *jobs),
                  void (*answer)(struct job_call *jobs, struct buf *body));

/* For `ask`: the job that jobs->identifier means. An ARN means it only in its own region and account. */
enum error_code job_call_find(struct job_call *jobs) WARN_UNUSED;

/* For `answer`: {}. */
void job_call_answer_nothing(struct job_call *jobs, struct buf *body);

#endif
