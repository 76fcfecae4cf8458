/* `fulcrum serve` with a second backend that answers from a script, as an
 * upstream would: tests ask it through every dialect and see what the pipeline
 * makes of its answers, errors and usage.
 *
 *   SCRIPT=FILE scripted_server serve [OPTION]...
 *
 * The script is an object: what a user's last text is, to what becomes of the
 * request. Texts that it does not have go to the engine alone, all others to the
 * script first and then to the engine, unless `alone` says otherwise. The script
 * takes images too.
 *
 *   text    pieces of the reply's text
 *   tool    {id, name, json}: a call behind it
 *   usage   {input, cacheRead, cacheWrite, output}, in tokens
 *   stop    end_turn, tool_use, max_tokens or stop_sequence
 *   error   {code, after, atOnce}: fails with ERROR_CODE after so many pieces; without `after` before the first token;
 *           atOnce: is refused
 *   hang    never says anything, or behind its text nothing more
 *   id      what the script calls the request
 *   count   tokens of the prompt
 *   alone   there is no other target
 *   warm    the engine answers where it holds some of the prompt warm */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/log.h"
#include "core/util.h"
#include "generate/work.h"

struct script { /* one thread's backend */
    struct backend backend;
    uv_timer_t timer;
    struct script_call *first;
    yyjson_val *root;
};

struct script_call {
    struct backend_call call;
    struct script_call *next;
    const struct backend_events *events;
    void (*on_count)(void *ctx, uint32_t tokens, const struct error *error);
    void *ctx;
    yyjson_val *entry;
    size_t step;
    bool is_over; /* its last event was sent */
};

static struct script *own(struct backend *backend)
{
    return (struct script *)(void *)backend;
}

static struct str text_of(const char *name, yyjson_val *object)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    return (struct str){yyjson_get_str(value), yyjson_get_len(value)};
}

static uint64_t number_of(const char *name, yyjson_val *object)
{
    return yyjson_get_uint(yyjson_obj_get(object, name));
}

static yyjson_val *entry_of(yyjson_val *root, const struct chat_request *request)
{
    if (request->message_count == 0)
        return NULL;
    const struct chat_message *last = &request->messages[request->message_count - 1];
    if (last->block_count == 0)
        return NULL;
    const struct str text = last->blocks[last->block_count - 1].text;
    return yyjson_obj_getn(root, text.data, text.len);
}

static void set_error(yyjson_val *entry, struct error *error)
{
    static const struct {
        const char *name;
        enum error_code code;
    } codes[] = {{"invalid", ERROR_INVALID}, {"throttled", ERROR_THROTTLED}, {"timeout", ERROR_TIMEOUT},
                 {"model", ERROR_MODEL},     {"internal", ERROR_INTERNAL},   {"unavailable", ERROR_UNAVAILABLE}};
    const struct str name = text_of("code", yyjson_obj_get(entry, "error"));
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_eq(name, str_of(codes[i].name)))
            (void)error_set(error, codes[i].code, "the script says %s", codes[i].name);
}

static bool is_true(yyjson_val *object, const char *name)
{
    return yyjson_get_bool(yyjson_obj_get(object, name));
}

/* --- a call, step by step --------------------------------------------------------------------------- */

static void start_reply(struct script_call *call)
{
    yyjson_val *usage = yyjson_obj_get(call->entry, "usage");
    call->call.usage.input_tokens = number_of("input", usage);
    call->call.usage.cache_read_tokens = number_of("cacheRead", usage);
    call->call.usage.cache_write_5m_tokens = number_of("cacheWrite", usage);
    call->call.cache.read_tokens = (uint32_t)call->call.usage.cache_read_tokens;
    call->call.cache.write_tokens = (uint32_t)call->call.usage.cache_write_5m_tokens;
    call->call.first_token_us = clock_now_us();
    call->events->on_started(call->ctx);
}

static void say_piece(struct script_call *call, yyjson_val *piece, bool is_first, bool is_last)
{
    const struct chat_sink *sink = &call->events->sink;
    const struct str text = {yyjson_get_str(piece), yyjson_get_len(piece)};
    if (is_first)
        sink->block_start(sink->ctx, 0, CHAT_TEXT, (struct str){0}, (struct str){0});
    sink->block_delta(sink->ctx, 0, CHAT_TEXT, text);
    if (is_last)
        sink->block_stop(sink->ctx, 0, CHAT_TEXT);
    call->call.usage.output_tokens++;
    call->events->on_progress(call->ctx);
}

static enum chat_stop_reason stop_of(yyjson_val *entry)
{
    static const char *const names[] = {"end_turn", "max_tokens", "stop_sequence", "tool_use"};
    static const enum chat_stop_reason stops[] = {CHAT_STOP_END_TURN, CHAT_STOP_MAX_TOKENS, CHAT_STOP_SEQUENCE,
                                                  CHAT_STOP_TOOL_USE};
    const struct str name = text_of("stop", entry);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
        if (str_eq(name, str_of(names[i])))
            return stops[i];
    return CHAT_STOP_END_TURN;
}

static void finish_reply(struct script_call *call, size_t pieces)
{
    const struct chat_sink *sink = &call->events->sink;
    yyjson_val *tool = yyjson_obj_get(call->entry, "tool");
    const uint64_t output = number_of("output", yyjson_obj_get(call->entry, "usage"));
    if (tool) {
        const size_t index = pieces > 0;
        sink->block_start(sink->ctx, index, CHAT_TOOL_USE, text_of("id", tool), text_of("name", tool));
        sink->block_delta(sink->ctx, index, CHAT_TOOL_USE, text_of("json", tool));
        sink->block_stop(sink->ctx, index, CHAT_TOOL_USE);
    }
    if (output)
        call->call.usage.output_tokens = output;
    call->is_over = true;
    call->events->on_finished(call->ctx, stop_of(call->entry), (struct str){0});
}

static void fail(struct script_call *call)
{
    struct error error = {.code = ERROR_INTERNAL};
    set_error(call->entry, &error);
    call->is_over = true;
    if (call->on_count)
        call->on_count(call->ctx, 0, &error);
    else
        call->events->on_failed(call->ctx, &error);
}

/* The call may be gone after it. */
static void take_step(struct script_call *call)
{
    yyjson_val *text = yyjson_obj_get(call->entry, "text"), *error = yyjson_obj_get(call->entry, "error");
    const size_t step = call->step++, pieces = yyjson_arr_size(text), after = number_of("after", error);
    if (is_true(call->entry, "hang") && (pieces == 0 || step > pieces))
        return;
    if (error && (call->on_count || (after == 0 ? step == 0 : step == after + 1))) {
        fail(call);
    } else if (call->on_count) {
        call->is_over = true;
        call->on_count(call->ctx, (uint32_t)number_of("count", call->entry), NULL);
    } else if (step == 0) {
        start_reply(call);
    } else if (step <= pieces) {
        say_piece(call, yyjson_arr_get(text, step - 1), step == 1, step == pieces);
    } else {
        finish_reply(call, pieces);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct script *script = timer->data;
    struct script_call *call = script->first, **last = &script->first;
    while (call && call->is_over)
        call = call->next;
    if (!call)
        return;
    while (*last != call)
        last = &(*last)->next;
    *last = call->next; /* to the end of the line: all take their turn */
    while (*last)
        last = &(*last)->next;
    *last = call;
    call->next = NULL;
    uv_timer_start(&script->timer, on_timer, is_true(call->entry, "hang") ? 5 : 0, 0);
    take_step(call);
}

/* --- the backend ------------------------------------------------------------------------------------ */

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    (void)backend;
    (void)job;
    (void)error;
    return OK;
}

static struct script_call *new_call(struct backend *backend, const struct backend_job *job, void *ctx,
                                    struct error *error)
{
    struct script *script = own(backend);
    yyjson_val *entry = entry_of(script->root, job->request);
    if (is_true(yyjson_obj_get(entry, "error"), "atOnce")) {
        set_error(entry, error);
        return NULL;
    }
    struct script_call *call = ARENA_NEW(job->request->arena, struct script_call);
    if (!call) {
        (void)error_no_memory(error);
        return NULL;
    }
    *call = (struct script_call){.call = {.backend = backend, .upstream_id = text_of("id", entry)},
                                 .ctx = ctx,
                                 .entry = entry,
                                 .next = script->first};
    script->first = call;
    log_event(LOG_INFO, "script", LOG_C("call", "begun"));
    uv_timer_start(&script->timer, on_timer, 0, 0);
    return call;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    struct script_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->events = events;
    return &call->call;
}

static struct backend_call *count(struct backend *backend, const struct backend_job *job,
                                  void (*on_count)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    struct script_call *call = new_call(backend, job, ctx, error);
    if (!call)
        return NULL;
    call->on_count = on_count;
    return &call->call;
}

static void end(struct backend_call *ended)
{
    struct script_call *call = (struct script_call *)(void *)ended, **at = &own(ended->backend)->first;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    log_event(LOG_INFO, "script", LOG_C("call", call->is_over ? "over" : "dropped"));
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    static const struct chat_traits sees = {.takes = CHAT_NEED_IMAGES};
    (void)backend;
    (void)target;
    return &sees;
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    (void)backend;
    (void)target;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void close_script(struct backend *backend)
{
    uv_close((uv_handle_t *)&own(backend)->timer, on_closed);
}

static struct backend *open_script(void *ctx, uv_loop_t *loop, struct error *error)
{
    static const struct backend_ops ops = {.name = "script",
                                           .prepare = prepare,
                                           .start = start,
                                           .count = count,
                                           .end = end,
                                           .traits = traits,
                                           .context = context,
                                           .may_go_elsewhere = backend_error_passes,
                                           .close = close_script};
    struct script *script = mem_calloc(1, sizeof(*script));
    if (!script) {
        (void)error_no_memory(error);
        return NULL;
    }
    script->backend.ops = &ops;
    script->root = ctx;
    uv_timer_init(loop, &script->timer);
    script->timer.data = script;
    return &script->backend;
}

/* --- the router ------------------------------------------------------------------------------------- */

static size_t route(void *ctx, const struct chat_request *request, struct placement *placement,
                    struct target targets[])
{
    yyjson_val *entry = entry_of(ctx, request);
    if (!entry)
        return 0;
    placement->why = STR("scripted");
    placement->score = 0.75;
    targets[0] = placement->asked;
    targets[0].kind = TARGET_UPSTREAM;
    targets[0].name = "script";
    targets[1] = placement->asked;
    return is_true(entry, "alone") ? 1 : 2;
}

static size_t choose(void *ctx, const struct chat_request *request, struct placement *placement,
                     const struct target targets[], const uint32_t warm_tokens[], size_t count)
{
    const bool wants_warm = is_true(entry_of(ctx, request), "warm");
    for (size_t i = 0; wants_warm && i < count; i++)
        if (targets[i].kind == TARGET_ENGINE && warm_tokens[i] > 0) {
            placement->why = STR("warm");
            return i;
        }
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = getenv("SCRIPT");
    if (argc > 1 && !strcmp(argv[1], "worker"))
        return cmd_worker(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "extract"))
        return cmd_extract(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "train"))
        return cmd_train(argc - 1, argv + 1);
    if (argc < 2 || !path || strcmp(argv[1], "serve") != 0) {
        fprintf(stderr, "usage: SCRIPT=FILE scripted_server serve [OPTION]...\n");
        return 2;
    }
    yyjson_doc *script = yyjson_read_file(path, 0, NULL, NULL);
    if (!script) {
        fprintf(stderr, "scripted_server: %s: no JSON\n", path);
        return 2;
    }
    const struct work_router router = {.ctx = yyjson_doc_get_root(script), .route = route, .choose = choose};
    const struct work_others others = {
        .router = &router, .open_upstream = open_script, .ctx = yyjson_doc_get_root(script)};
    const int status = cmd_serve_with(argc - 1, argv + 1, &others);
    yyjson_doc_free(script);
    return status;
}
