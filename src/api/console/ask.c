/* From a question to the pool and back. See ask.h. */
#include "api/console/ask.h"

#include <assert.h>

/* ?format= goes before Accept. */
static enum error_code read_format(struct console_ask *ask)
{
    static const char *const formats[] = {"json", "csv", NULL};
    size_t format = str_find(http_header_get(&ask->call->exchange->request, "accept"), STR("text/csv"), 0) >= 0;
    const enum error_code code = console_query_choice(ask->call, "format", formats, &format, &ask->error);
    ask->is_csv = format == 1;
    if (code == OK && ask->is_csv && !ask->list)
        return error_set(&ask->error, ERROR_INVALID, "format: this answer has no list that could be csv");
    return code;
}

void *console_ask_new(struct api_call *call, size_t size, const char *const *names, const char *list)
{
    struct console_ask *ask = call_alloc(call, size);
    if (!ask)
        return NULL;
    ask->call = call;
    ask->api = call->thread->api;
    ask->arena = &call->exchange->arena;
    ask->list = list;
    ask->status = 200;
    console_reply_init(&ask->reply);
    ask->code = console_query_known(call, names, &ask->error);
    if (ask->code == OK)
        ask->code = read_format(ask);
    if (ask->code == OK)
        ask->code = console_asker(call, &ask->asker, &ask->error);
    return ask;
}

/* The list in the place of the JSON. What pages says so in a header then. */
static enum error_code become_csv(struct console_ask *ask)
{
    struct buf csv;
    buf_init(&csv, ask->reply.body.max);
    const enum error_code code = console_csv(buf_str(&ask->reply.body), ask->list, &csv, &ask->error);
    buf_deinit(&ask->reply.body);
    ask->reply.body = csv;
    return code;
}

static void run(void *ctx)
{
    struct console_ask *ask = ctx;
    ask->code = ask->answer(ask);
    assert(ask->code != OK || ask->reply.depth == 0);
    if (ask->code == OK && ask->reply.body.failed)
        ask->code = error_no_memory(&ask->error);
    if (ask->code == OK && ask->is_csv)
        ask->code = become_csv(ask);
}

static void respond(struct console_ask *ask)
{
    struct api_call *call = ask->call;
    call_add_header(call, "cache-control", STR("no-store"));
    call_add_header(call, "x-content-type-options", STR("nosniff"));
    if (ask->is_csv) {
        const struct str disposition = arena_printf(ask->arena, "attachment; filename=\"%s.csv\"", ask->list);
        call_add_header(call, "content-disposition", disposition.data ? disposition : STR("attachment"));
        if (ask->reply.next[0])
            call_add_header(call, "x-fulcrum-next", str_of(ask->reply.next));
    }
    call_respond(call, ask->status, ask->is_csv ? STR("text/csv; charset=utf-8") : STR("application/json"),
                 buf_str(&ask->reply.body));
}

static void done(void *ctx, bool is_gone)
{
    struct console_ask *ask = ctx;
    struct buf body = ask->reply.body; /* the exchange's arena, and `ask` in it, is gone once it is answered */
    if (is_gone)
        call_account(ask->call, CALL_CLIENT_GONE);
    else if (ask->code != OK)
        call_fail(ask->call, &ask->error);
    else
        respond(ask);
    buf_deinit(&body);
}

void console_ask_send(struct console_ask *ask, enum error_code (*answer)(struct console_ask *ask))
{
    ask->answer = answer;
    if (ask->code == OK)
        offload_start(&ask->offload, ask->call->exchange, run, done, ask);
    else
        done(ask, false);
}

void console_ask_now(struct console_ask *ask, enum error_code (*answer)(struct console_ask *ask))
{
    ask->answer = answer;
    if (ask->code == OK)
        run(ask);
    done(ask, false);
}
