/* instant_worker.c - an engine worker without a model: answers at once.
 *
 * Named by a model's `worker:` key. Benches use it to measure the gateway alone,
 * tests to see what the gateway does when a worker misbehaves. Environment:
 *
 *   INSTANT_TOKENS   tokens of a reply (16); max_tokens of the request when less
 *   INSTANT_DELAY_US between two tokens (0: all in one write)
 *   INSTANT_CONTEXT  tokens of the context (8192)
 *   INSTANT_FAULT    KIND:N, at the N-th GENERATE of this process:
 *     crash    dies with the reply half sent
 *     hang     freezes: no frame, no heartbeat
 *     stuck    the heartbeat goes on, what would be the model thread does not
 *     stall    the reply stops half-way, the heartbeat goes on
 *     garbage  sends bytes that are no frame
 *     wrong    sends a frame of a type that has no business there
 *     fail     answers FAILED (ERROR_MODEL)
 *   and without N: `fatal` (says the model can't be loaded), `exit` (dies before HELLO), `other` (says that it
 *   loaded another file)
 *
 * One token is four bytes of prompt, and " word" in a reply. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/util.h"
#include "engine/broker.h"
#include "engine/link.h"

#define WORD STR(" word")
#define HEARTBEAT_MS 100

struct reply { /* one that is sent with delays */
    uv_timer_t timer;
    struct port *port;
    uint32_t call, prompt, sent, tokens;
    bool is_cancelled;
    struct reply *next;
};

struct port {
    struct link link;
    struct reply *replies;
};

static struct {
    uv_loop_t loop;
    struct link control;
    struct port ports[LIMIT_IO_THREADS];
    struct broker broker;
    struct frame_config config;
    struct arena arena; /* of the configuration */
    uv_timer_t heartbeat;
    uint64_t tokens, delay_us, context, generates, fault_at;
    char fault[16];
} worker;

static uint64_t setting(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    uint64_t value;
    return text != NULL && str_to_u64(str_of(text), &value) ? value : fallback;
}

static void read_settings(void)
{
    worker.tokens = setting("INSTANT_TOKENS", 16);
    worker.delay_us = setting("INSTANT_DELAY_US", 0);
    worker.context = setting("INSTANT_CONTEXT", 8192);
    const char *fault = getenv("INSTANT_FAULT");
    struct str rest = str_of(fault), kind = {NULL, 0};
    if (fault != NULL && str_split(&rest, ':', &kind)) {
        snprintf(worker.fault, sizeof(worker.fault), STR_FMT, STR_ARG(kind));
        if (!str_to_u64(rest, &worker.fault_at))
            worker.fault_at = 1;
    }
}

static bool fault_is(const char *kind)
{
    return strcmp(worker.fault, kind) == 0 && worker.generates == worker.fault_at;
}

static uint32_t prompt_tokens(const struct engine_segment *segments, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += segments[i].text.len;
    return (uint32_t)((len + 3) / 4);
}

static struct broker_slot *slot(void)
{
    return &worker.broker.page->slots[worker.config.broker_slot];
}

static void put_finished(struct port *port, uint32_t call, uint32_t prompt, uint32_t tokens, bool is_cut)
{
    const struct engine_finished finished = {
        .stop = is_cut ? ENGINE_STOP_LENGTH : ENGINE_STOP_END,
        .prompt_tokens = prompt,
        .prefilled_tokens = prompt,
        .output_tokens = tokens,
    };
    atomic_fetch_add(&slot()->prefilled_tokens, prompt);
    atomic_fetch_add(&slot()->generated_tokens, tokens);
    protocol_put_finished(link_begin(&port->link), call, &finished);
}

static void put_started(struct port *port, uint32_t call, uint32_t prompt)
{
    const struct engine_started started = {.prompt_tokens = prompt};
    protocol_put_started(link_begin(&port->link), call, &started);
}

static void put_word(struct port *port, uint32_t call)
{
    protocol_put_text(link_begin(&port->link), call, &(struct frame_text){.text = WORD, .tokens = 1});
}

/* --- replies with delays ---------------------------------------------------------------------------- */

static void on_reply_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void end_reply(struct reply *reply)
{
    struct reply **at = &reply->port->replies;
    while (*at != reply)
        at = &(*at)->next;
    *at = reply->next;
    uv_close((uv_handle_t *)&reply->timer, on_reply_closed);
}

static void on_reply_timer(uv_timer_t *timer)
{
    struct reply *reply = timer->data;
    struct port *port = reply->port;
    if (reply->is_cancelled) {
        end_reply(reply);
        return;
    }
    if (reply->sent < reply->tokens) {
        put_word(port, reply->call);
        reply->sent++;
    } else {
        put_finished(port, reply->call, reply->prompt, reply->tokens, false);
        end_reply(reply);
    }
    link_flush(&port->link);
}

static void begin_reply(struct port *port, uint32_t call, uint32_t prompt, uint32_t tokens)
{
    struct reply *reply = mem_must_calloc(1, sizeof(*reply));
    reply->port = port;
    reply->call = call;
    reply->prompt = prompt;
    reply->tokens = tokens;
    reply->next = port->replies;
    port->replies = reply;
    uv_timer_init(&worker.loop, &reply->timer);
    reply->timer.data = reply;
    const uint64_t delay_ms = (worker.delay_us + 999) / 1000;
    uv_timer_start(&reply->timer, on_reply_timer, delay_ms, delay_ms);
}

/* --- frames ----------------------------------------------------------------------------------------- */

/* True: the fault took the request's place. */
static bool misbehave(struct port *port, uint32_t call, uint32_t prompt)
{
    if (fault_is("crash") || fault_is("stall")) {
        put_started(port, call, prompt);
        put_word(port, call);
        link_flush(&port->link);
        if (fault_is("crash"))
            _exit(3);
        return true;
    }
    if (fault_is("garbage")) {
        buf_append_text(link_begin(&port->link), "HTTP/1.1 400 This Is No Frame\r\n\r\n");
        link_flush(&port->link);
        return true;
    }
    if (fault_is("wrong")) {
        protocol_put_cancel(link_begin(&port->link), call);
        link_flush(&port->link);
        return true;
    }
    if (fault_is("fail")) {
        const struct error error = {.code = ERROR_MODEL, .message = "told to fail"};
        protocol_put_failed(link_begin(&port->link), call, &error);
        link_flush(&port->link);
        return true;
    }
    while (fault_is("hang"))
        pause();
    if (fault_is("stuck"))
        atomic_store(&slot()->progress_us, clock_now_us());
    return atomic_load(&slot()->progress_us) != 0; /* stuck: nobody is answered any more */
}

static bool on_generate(struct port *port, uint32_t call, struct str payload)
{
    struct arena arena;
    struct engine_request request;
    arena_init(&arena, 0);
    const bool good = protocol_get_generate(payload, &arena, &request);
    const uint32_t prompt = prompt_tokens(request.segments, request.segment_count);
    const bool is_cut = request.max_tokens != 0 && request.max_tokens < worker.tokens;
    const uint32_t tokens = is_cut ? request.max_tokens : (uint32_t)worker.tokens;
    arena_deinit(&arena);
    if (!good)
        return false;
    worker.generates++;
    if (misbehave(port, call, prompt))
        return true;
    put_started(port, call, prompt);
    if (worker.delay_us > 0) {
        begin_reply(port, call, prompt, tokens);
    } else {
        for (uint32_t i = 0; i < tokens; i++)
            put_word(port, call);
        put_finished(port, call, prompt, tokens, is_cut);
    }
    link_flush(&port->link);
    return true;
}

static bool on_count(struct port *port, uint32_t call, struct str payload)
{
    struct arena arena;
    struct engine_segment *segments;
    size_t count;
    arena_init(&arena, 0);
    const bool good = protocol_get_count(payload, &arena, &segments, &count);
    if (good)
        protocol_put_counted(link_begin(&port->link), call, prompt_tokens(segments, count));
    arena_deinit(&arena);
    link_flush(&port->link);
    return good;
}

/* Nothing is ever warm here. */
static bool on_warmth(struct port *port, uint32_t call, struct str payload)
{
    struct arena arena;
    struct engine_request request;
    arena_init(&arena, 0);
    const bool good = protocol_get_warmth(payload, &arena, &request);
    if (good) {
        const struct engine_warmth warmth = {
            .prompt_tokens = prompt_tokens(request.segments, request.segment_count)};
        protocol_put_warm(link_begin(&port->link), call, &warmth);
    }
    arena_deinit(&arena);
    link_flush(&port->link);
    return good;
}

static bool on_port_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    struct port *port = ctx;
    if (header->type == FRAME_GENERATE)
        return on_generate(port, header->call, payload);
    if (header->type == FRAME_COUNT)
        return on_count(port, header->call, payload);
    if (header->type == FRAME_WARMTH)
        return on_warmth(port, header->call, payload);
    for (struct reply *reply = port->replies; reply != NULL; reply = reply->next)
        if (reply->call == header->call)
            reply->is_cancelled = true;
    return header->type == FRAME_CANCEL;
}

static void on_port_broken(void *ctx)
{
    struct port *port = ctx;
    for (struct reply *reply = port->replies; reply != NULL; reply = reply->next)
        reply->is_cancelled = true;
    link_close(&port->link);
}

static void on_closed(void *ctx)
{
    (void)ctx;
}

static bool on_control_frame(void *ctx, const struct frame_header *header, struct str payload)
{
    (void)ctx;
    if (header->type != FRAME_CONFIG || !protocol_get_config(payload, &worker.arena, &worker.config))
        return false;
    if (strcmp(worker.fault, "exit") == 0)
        _exit(4);
    struct buf *out = link_begin(&worker.control);
    if (strcmp(worker.fault, "fatal") == 0) {
        protocol_put_fatal(out, STR("told not to load"));
    } else {
        struct engine_model_info info = {
            .fingerprint = "0000000000000000000000000000000000000000000000000000000000000000",
            .parameters = 1,
            .context = (uint32_t)worker.context,
            .vocabulary = 256,
            .parallel = 1024,
            .architecture = "instant",
            .chat_template = "{{ '<|im_start|>' }}",
        };
        if (strcmp(worker.fault, "other") == 0)
            info.fingerprint[0] = '1';
        protocol_put_hello(out, &info);
    }
    link_flush(&worker.control);
    return true;
}

static void on_control_broken(void *ctx)
{
    (void)ctx;
    _exit(0);
}

static void on_heartbeat(uv_timer_t *timer)
{
    (void)timer;
    atomic_store(&slot()->heartbeat_us, clock_now_us());
}

int main(int argc, char **argv)
{
    static const struct link_handlers control = {on_control_frame, on_control_broken, on_closed};
    static const struct link_handlers port = {on_port_frame, on_port_broken, on_closed};
    struct error error;
    uint64_t ports = 0;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--ports") == 0 && !str_to_u64(str_of(argv[i + 1]), &ports))
            return 2;
    if (ports == 0 || ports > LIMIT_IO_THREADS)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    read_settings();
    uv_loop_init(&worker.loop);
    if (broker_attach(&worker.broker, PROTOCOL_FD_BROKER, &error) != OK)
        goto fail;
    uv_timer_init(&worker.loop, &worker.heartbeat);
    uv_timer_start(&worker.heartbeat, on_heartbeat, 0, HEARTBEAT_MS);
    for (uint64_t i = 0; i < ports; i++)
        if (link_open(&worker.ports[i].link, &worker.loop, PROTOCOL_FD_PORTS + (int)i, &port, &worker.ports[i],
                      &error) != OK)
            goto fail;
    if (link_open(&worker.control, &worker.loop, PROTOCOL_FD_CONTROL, &control, NULL, &error) != OK)
        goto fail;
    uv_run(&worker.loop, UV_RUN_DEFAULT);
    return 0;
fail:
    fprintf(stderr, "instant_worker: %s\n", error.message);
    return 1;
}
