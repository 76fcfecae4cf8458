/* change.c - sends changes to a thread that may wait, and answers. See change.h. */
#include "api/control/change.h"

#include "store/disk.h"

void *change_new(struct api_call *call, size_t size)
{
    struct change *change = call_alloc(call, size);
    if (!change)
        return NULL;
    change->call = call;
    return change;
}

static void run(void *ctx)
{
    struct change *change = ctx;
    change->code = disk_check(&change->error);
    if (change->code == OK)
        change->code = change->make(change);
}

static void on_changed(void *ctx, bool is_gone)
{
    struct change *change = ctx;
    if (is_gone) {
        call_account(change->call, CALL_CLIENT_GONE);
    } else if (change->code != OK) {
        call_fail(change->call, &change->error);
    } else {
        call_add_ignored(change->call);
        change->respond(change);
    }
}

void change_send(struct change *change, enum error_code (*make)(struct change *change),
                 void (*respond)(struct change *change))
{
    change->make = make;
    change->respond = respond;
    if (change->code == OK)
        offload_start(&change->offload, change->call->exchange, run, on_changed, change);
    else
        on_changed(change, false);
}

void change_respond_nothing(struct change *change)
{
    call_respond(change->call, 200, STR("application/json"), STR("{}"));
}
