/* asking.c - see asking.h. */
#include "upstream/asking.h"

#include <assert.h>

#include "core/json.h"
#include "core/log.h"
#include "core/util.h"

#define FAILURE_BYTES_MAX 65536u /* of an error's body */
#define CLIENT_WAIT_MAX_S 60u    /* SDKs give up where they are told to wait longer */
#define SHOWN_MAX 300            /* bytes of an upstream's message */

enum asking_state { ASKING, ANSWERING, REFUSED, WAITING, OVER };

struct asking {
    struct asking_setup setup;
    const struct asking_events *events;
    void *ctx;
    enum asking_state state;
    struct arena arena; /* of one try's headers */
    struct transfer *transfer;
    uv_timer_t timer;
    bool is_entered, is_committed, is_held;
    unsigned repeats, repeats_max;
    struct replica *replica;
    uint64_t tried;   /* bits of replicas that have failed it */
    bool is_again;    /* the next try is the same replica's */
    long status;
    struct buf head, failure; /* of a reply that is no success */
};

static void leave(struct asking *asking, enum health_end end, const struct retry_verdict *verdict)
{
    if (asking->is_entered)
        health_leave(&asking->replica->health, clock_now_us(), end, verdict);
    asking->is_entered = false;
}

static void drop_transfer(struct asking *asking)
{
    if (asking->transfer)
        transfer_end(asking->transfer);
    asking->transfer = NULL;
    arena_reset(&asking->arena);
}

/* --- failures --------------------------------------------------------------------------------------- */

/* For clients: who is to blame, and no word of an account, a key or an address that is ours. */
static void word(const struct asking *asking, const struct retry_verdict *verdict, struct str message,
                 struct error *error)
{
    static const char *const words[RETRY_CAUSES] = {
        [RETRY_THROTTLED] = "The provider of this model is asked more than it allows. Try again later.",
        [RETRY_SPENT] = "The provider of this model does not serve this server any more; its operator finds the reason "
                        "in the log.",
        [RETRY_OVERLOADED] = "The provider of this model is overloaded. Try again later.",
        [RETRY_FAILED] = "The provider of this model failed. Try again later.",
        [RETRY_LATE] = "The provider of this model took too long.",
        [RETRY_UNREACHED] = "The provider of this model can't be reached.",
        [RETRY_CREDENTIALS] = "The provider of this model does not accept this server; its operator finds the reason "
                              "in the log.",
        [RETRY_MISSING] = "The provider of this model does not have it; the operator of this server finds the reason "
                          "in the log.",
    };
    const bool is_told = verdict->cause == RETRY_REFUSED && message.len > 0 &&
                         wire_is_harmless(asking->setup.upstream, message);
    if (is_told)
        (void)error_set(error, verdict->code, STR_FMT, STR_ARG(message));
    else
        (void)error_set(error, verdict->code, "%s",
                        verdict->cause == RETRY_REFUSED ? "The provider of this model refused the request."
                                                        : words[verdict->cause]);
    if (verdict->wait_ms) {
        const uint64_t wait_s = (verdict->wait_ms + 999) / 1000;
        error->retry_s = wait_s < CLIENT_WAIT_MAX_S ? (unsigned)wait_s : CLIENT_WAIT_MAX_S;
    }
}

static void log_failure(const struct asking *asking, const struct retry_verdict *verdict, struct str name,
                        struct str message)
{
    const struct upstream *upstream = asking->setup.upstream;
    const bool is_ours = verdict->cause == RETRY_CREDENTIALS || verdict->cause == RETRY_SPENT ||
                         verdict->cause == RETRY_MISSING;
    if (!wire_is_harmless(upstream, message))
        message = STR("(left out: it holds the key)");
    log_event(is_ours ? LOG_ERROR : LOG_WARN, "upstream", LOG_C("upstream", upstream->config->name),
              LOG_C("at", replica_name(asking->replica)),
              LOG_S("id", asking->setup.request_id), LOG_C("cause", retry_cause_names[verdict->cause]),
              LOG_I("status", asking->status), LOG_S("name", name),
              LOG_S("message", str_slice(message, 0, SHOWN_MAX)), LOG_I("try", asking->repeats + 1));
}

static void begin(struct asking *asking);

static void on_timer(uv_timer_t *timer)
{
    begin(timer->data);
}

/* At the same replica, after a pause; where another target waits for the request it would be too late. */
static bool repeats_here(const struct asking *asking, const struct retry_verdict *verdict)
{
    return !asking->setup.has_elsewhere && verdict->may_repeat && verdict->wait_ms <= RETRY_WAIT_MAX_MS &&
           health_may_repeat(&asking->replica->health, false);
}

/* What one replica can't do another may: all but what is the request's own fault. */
static bool moves(const struct asking *asking, const struct retry_verdict *verdict)
{
    return verdict->cause != RETRY_REFUSED &&
           upstream_has_other(asking->setup.upstream, clock_now_us(), asking->tried) &&
           health_may_repeat(&asking->replica->health, true);
}

/* Whether the failure is made good by another try, which begins later. */
static bool repeats(struct asking *asking, const struct retry_verdict *verdict)
{
    uint32_t random;
    uint64_t pause_ms = 0;
    if (asking->is_committed || asking->repeats >= asking->repeats_max)
        return false;
    asking->tried |= replica_bit(asking->replica);
    asking->is_again = !moves(asking, verdict);
    if (asking->is_again && !repeats_here(asking, verdict))
        return false;
    asking->repeats++;
    if (asking->is_again) {
        random_bytes(&random, sizeof(random));
        pause_ms = verdict->wait_ms ? verdict->wait_ms : retry_pause_ms(asking->repeats, random);
    }
    asking->state = WAITING;
    uv_timer_start(&asking->timer, on_timer, pause_ms, 0);
    return true;
}

/* True: another try follows. */
static bool take_failure(struct asking *asking, const struct retry_verdict *verdict, struct str name,
                         struct str message, struct error *error)
{
    log_failure(asking, verdict, name, message);
    word(asking, verdict, message, error);
    leave(asking, HEALTH_FAILED, verdict);
    drop_transfer(asking);
    if (repeats(asking, verdict))
        return true;
    asking->state = OVER;
    return false;
}

static void fail(struct asking *asking, const struct retry_verdict *verdict, struct str name, struct str message)
{
    struct error error;
    if (!take_failure(asking, verdict, name, message, &error))
        asking->events->on_failed(asking->ctx, &error);
}

/* The body of the error has come. */
static void fail_by_status(struct asking *asking)
{
    const struct transfer_head head = {asking->status, buf_str(&asking->head)};
    yyjson_doc *doc;
    const struct wire_failure failure = wire_failure(&head, buf_str(&asking->failure), &doc);
    const struct retry_words words =
        retry_read(transfer_header(&head, "retry-after"), transfer_header(&head, "retry-after-ms"),
                   transfer_header(&head, "x-should-retry"), clock_wall_us() / 1000000);
    const struct retry_verdict verdict = retry_judge(asking->status, failure.name, failure.message, &words);
    struct error error;
    const bool is_again = take_failure(asking, &verdict, failure.name, failure.message, &error);
    json_free(doc);
    if (!is_again)
        asking->events->on_failed(asking->ctx, &error);
}

/* What stands in a stream has no status. */
static enum retry_cause cause_of(enum error_code code)
{
    switch (code) {
    case ERROR_THROTTLED: return RETRY_THROTTLED;
    case ERROR_UNAVAILABLE: return RETRY_OVERLOADED;
    case ERROR_TIMEOUT: return RETRY_LATE;
    case ERROR_INVALID: return RETRY_REFUSED;
    default: return RETRY_FAILED;
    }
}

bool asking_retry(struct asking *asking, struct error *error)
{
    struct retry_verdict verdict = retry_judge_fault(cause_of(error->code), false);
    const struct error told = *error;
    struct error worded;
    assert(asking->state == ANSWERING);
    verdict.code = told.code;
    verdict.may_repeat = verdict.cause != RETRY_REFUSED;
    verdict.counts = verdict.cause != RETRY_REFUSED && verdict.cause != RETRY_THROTTLED;
    const bool is_again = take_failure(asking, &verdict, STR("stream"), str_of(told.message), &worded);
    if (!is_again && verdict.cause != RETRY_FAILED)
        *error = worded;
    return is_again;
}

/* --- what the transfer says ------------------------------------------------------------------------- */

static void on_head(void *ctx, const struct transfer_head *head)
{
    struct asking *asking = ctx;
    const struct str type = transfer_header(head, "content-type");
    asking->status = head->status;
    if (head->status >= 200 && head->status < 300) {
        asking->state = ANSWERING;
        asking->events->on_reply(asking->ctx, head, !str_starts(type, STR("application/json")));
        return;
    }
    asking->state = REFUSED;
    buf_clear(&asking->failure);
    buf_clear(&asking->head);
    buf_append_str(&asking->head, head->lines);
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct asking *asking = ctx;
    if (asking->state == ANSWERING)
        asking->events->on_bytes(asking->ctx, bytes);
    else if (asking->state == REFUSED)
        buf_append_str(&asking->failure, str_slice(bytes, 0, FAILURE_BYTES_MAX - asking->failure.len));
}

static void on_done(void *ctx, enum transfer_fault fault, const char *what)
{
    static const enum retry_cause causes[] = {[TRANSFER_DONE] = RETRY_FAILED,
                                              [TRANSFER_UNREACHED] = RETRY_UNREACHED,
                                              [TRANSFER_BROKEN] = RETRY_FAILED,
                                              [TRANSFER_LATE] = RETRY_LATE,
                                              [TRANSFER_NO_MEMORY] = RETRY_FAILED};
    struct asking *asking = ctx;
    if (asking->state == OVER)
        return;
    if (asking->state == REFUSED) {
        fail_by_status(asking);
        return;
    }
    if (fault == TRANSFER_DONE && asking->state == ANSWERING) {
        asking->events->on_end(asking->ctx);
        return;
    }
    struct retry_verdict verdict = retry_judge_fault(causes[fault], fault != TRANSFER_UNREACHED);
    verdict.counts = fault != TRANSFER_NO_MEMORY;
    char copy[SHOWN_MAX];
    (void)snprintf(copy, sizeof(copy), "%s", what); /* which goes with the transfer */
    fail(asking, &verdict, STR("transport"), str_of(copy));
}

/* --- a try ------------------------------------------------------------------------------------------ */

/* Chooses who has the next try. */
static enum error_code enter(struct asking *asking, struct error *error)
{
    struct upstream *upstream = asking->setup.upstream;
    const uint64_t now_us = clock_now_us();
    const bool is_first = asking->repeats == 0 && asking->setup.avoided == 0;
    const enum health_try try = is_first ? HEALTH_FIRST : asking->is_again ? HEALTH_AGAIN : HEALTH_ELSEWHERE;
    if (try != HEALTH_AGAIN)
        asking->replica = upstream_pick(upstream, now_us, asking->setup.prefix, asking->tried);
    if (!asking->replica) /* another has become the last one meanwhile */
        asking->replica = upstream->replicas;
    const enum error_code code = health_enter(&asking->replica->health, now_us, try, error);
    asking->is_entered = code == OK;
    return code;
}

static enum error_code attempt(struct asking *asking, struct error *error)
{
    static const struct transfer_events events = {on_head, on_bytes, on_done};
    const struct asking_setup *setup = &asking->setup;
    struct transfer_request request;
    enum error_code code = enter(asking, error);
    if (code != OK)
        return code;
    asking->status = 0;
    asking->state = ASKING;
    code = wire_write(asking->replica, &setup->ask, &asking->arena, &request, error);
    if (code == OK) {
        asking->transfer = transfer_start(setup->transport, &request, &events, asking, error);
        code = asking->transfer ? OK : error->code;
    }
    if (code != OK)
        leave(asking, HEALTH_CANCELLED, NULL);
    else if (asking->is_held)
        transfer_pause(asking->transfer);
    return code;
}

/* After a pause. */
static void begin(struct asking *asking)
{
    struct error error;
    if (attempt(asking, &error) == OK)
        return;
    asking->state = OVER;
    asking->events->on_failed(asking->ctx, &error);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void free_asking(struct asking *asking)
{
    arena_deinit(&asking->arena);
    buf_deinit(&asking->head);
    buf_deinit(&asking->failure);
    uv_close((uv_handle_t *)&asking->timer, on_closed);
}

struct asking *asking_start(struct asking_setup *setup, const struct asking_events *events, void *ctx,
                            struct error *error)
{
    const struct upstream_config *config = setup->upstream->config;
    struct asking *asking = mem_calloc(1, sizeof(*asking));
    if (!asking) {
        (void)error_no_memory(error);
        return NULL;
    }
    asking->setup = *setup;
    asking->events = events;
    asking->ctx = ctx;
    asking->tried = setup->avoided;
    asking->repeats_max = config->retries ? config->retries - 1 : UPSTREAM_RETRIES;
    arena_init(&asking->arena, 0);
    buf_init(&asking->head, FAILURE_BYTES_MAX);
    buf_init(&asking->failure, FAILURE_BYTES_MAX);
    uv_timer_init(transport_loop(setup->transport), &asking->timer);
    asking->timer.data = asking;
    if (attempt(asking, error) == OK)
        return asking;
    free_asking(asking);
    return NULL;
}

void asking_end(struct asking *asking)
{
    leave(asking, HEALTH_CANCELLED, NULL);
    if (asking->state == OVER && asking->transfer) {
        transfer_release(asking->transfer);
        asking->transfer = NULL;
    }
    drop_transfer(asking);
    free_asking(asking);
}

void asking_commit(struct asking *asking)
{
    asking->is_committed = true;
}

void asking_answered(struct asking *asking)
{
    assert(asking->state == ANSWERING);
    asking->state = OVER;
    leave(asking, HEALTH_ANSWERED, NULL);
}

void asking_hold_back(struct asking *asking, bool holds)
{
    asking->is_held = holds;
    if (!asking->transfer)
        return;
    if (holds)
        transfer_pause(asking->transfer);
    else
        transfer_resume(asking->transfer);
}

struct replica *asking_replica(const struct asking *asking)
{
    return asking->replica;
}

unsigned asking_repeats(const struct asking *asking)
{
    return asking->repeats;
}
