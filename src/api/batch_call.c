/* batch_call.c - from a request about batches to the pool and back. See batch_call.h. */
#include "api/batch_call.h"

#include <unistd.h>

#include "api/download.h"
#include "store/disk.h"

#define BODY_MAX ((size_t)64 << 20)

struct batch_call *batch_call_new(struct api_call *call, const struct job_kind *kind, const char *prefix)
{
    struct batch_call *asked = CALL_NEW(call, struct batch_call);
    if (!asked)
        return NULL;
    asked->call = call;
    asked->kind = kind;
    asked->prefix = prefix;
    asked->arena = &call->exchange->arena;
    asked->tenant = str_of(call->identity.tenant);
    asked->fd = -1;
    return asked;
}

static void run(void *ctx)
{
    struct batch_call *asked = ctx;
    asked->code = disk_check(&asked->error); /* files that were removed can still be read, and say what was */
    if (asked->code == OK)
        asked->code = asked->ask(asked);
}

static void done(void *ctx, bool is_gone)
{
    struct batch_call *asked = ctx;
    struct buf body;
    if (is_gone) {
        if (asked->fd >= 0)
            (void)close(asked->fd);
        call_account(asked->call, CALL_CLIENT_GONE);
        return;
    }
    if (asked->code != OK) {
        call_fail(asked->call, &asked->error);
        return;
    }
    if (asked->fd >= 0) {
        download_start(asked->call, asked->fd, asked->bytes, "application/x-jsonl");
        return;
    }
    buf_init(&body, BODY_MAX);
    asked->answer(asked, &body);
    call_respond_json(asked->call, &body);
    buf_deinit(&body);
}

void batch_call_run(struct batch_call *asked, enum error_code (*ask)(struct batch_call *asked),
                    void (*answer)(struct batch_call *asked, struct buf *body))
{
    if (asked->code != OK) {
        call_fail(asked->call, &asked->error);
        return;
    }
    asked->ask = ask;
    asked->answer = answer;
    offload_start(&asked->offload, asked->call->exchange, run, done, asked);
}

enum error_code batch_call_find(struct batch_call *asked, struct str id)
{
    const struct str prefix = str_of(asked->prefix);
    if (!str_starts(id, prefix))
        return error_set(&asked->error, ERROR_NOT_FOUND, "There is no %s '" STR_FMT "'.", asked->kind->title,
                         STR_ARG(str_slice(id, 0, 64)));
    return batch_get(asked->call->thread->api->batch, asked->kind, asked->tenant, str_slice(id, prefix.len, id.len),
                     asked->arena, &asked->job, &asked->error);
}

enum error_code batch_call_find_resource(struct batch_call *asked)
{
    return batch_call_find(asked, asked->call->resource);
}

enum error_code batch_call_list(struct batch_call *asked, struct str beyond)
{
    if (beyond.len > 0) {
        const enum error_code code = batch_call_find(asked, beyond);
        if (code == ERROR_NOT_FOUND)
            return error_set(&asked->error, ERROR_INVALID, "after: there is no %s '" STR_FMT "'", asked->kind->title,
                             STR_ARG(str_slice(beyond, 0, 64)));
        if (code != OK)
            return code;
        asked->filter.beyond = asked->job.sequence;
    }
    asked->filter.tenant = asked->tenant;
    return batch_list(asked->call->thread->api->batch, asked->kind, &asked->filter, asked->arena, &asked->list,
                      &asked->count, &asked->has_more, &asked->error);
}
