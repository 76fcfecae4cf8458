/* traces.c - see traces.h. */
#include "traces/traces.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/condition.h"
#include "core/handoff.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"
#include "traces/span.h"

#define BATCH_US UINT64_C(1000000)
#define BATCH_BYTES_MAX (4u << 20) /* of spans in a request... */
#define BATCH_SPANS_MAX 512        /* ...and so many */
#define BODY_BYTES_MAX (BATCH_BYTES_MAX + TRACES_SPAN_BYTES_MAX + 65536)
#define REPLY_BYTES_MAX 65536
#define TRIES 4 /* with pauses of 1, 2 and 4 seconds between them */
#define CONNECT_TIMEOUT_MS 3000L
#define TIMEOUT_MS 10000L
#define PATH "/v1/traces"
#define CONDITION "traces"

struct span_item {
    struct handoff_item link;
    struct buf text;
};

struct traces {
    const struct traces_config *config;
    double share; /* config's sample */
    struct handoff queue;
    pthread_t thread;
    char *url;
    char instance[UUID_LEN + 1];
    struct curl_slist *headers;
    CURL *curl;
    _Atomic uint64_t close_us; /* clock_now_us() when the thread must have ended; 0: nobody closes */
    _Atomic uint64_t sent, dropped, queue_bytes;
};

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

/* --- any thread --------------------------------------------------------------------------------------- */

double traces_sample(const struct traces *traces)
{
    return traces->share;
}

bool traces_has_content(const struct traces *traces)
{
    return traces->config->content;
}

static size_t cost_of(const struct buf *text)
{
    return text->cap + sizeof(struct span_item);
}

void traces_leave(struct traces *traces, struct buf *span)
{
    const size_t cost = cost_of(span);
    const bool has_room =
        !span->failed && atomic_fetch_add(&traces->queue_bytes, cost) + cost <= traces->config->queue_bytes;
    struct span_item *item = has_room ? mem_calloc(1, sizeof(*item)) : NULL;
    if (item) {
        item->text = *span;
        handoff_leave(&traces->queue, &item->link);
    } else {
        if (!span->failed)
            atomic_fetch_sub(&traces->queue_bytes, cost);
        add(&traces->dropped, 1);
        buf_deinit(span);
    }
    buf_init(span, 0);
}

void traces_counters(const struct traces *traces, struct traces_counters *counters)
{
    *counters = (struct traces_counters){0};
    if (!traces)
        return;
    counters->sent = atomic_load_explicit(&traces->sent, memory_order_relaxed);
    counters->dropped = atomic_load_explicit(&traces->dropped, memory_order_relaxed);
    counters->queue_bytes = atomic_load_explicit(&traces->queue_bytes, memory_order_relaxed);
}

/* --- one request -------------------------------------------------------------------------------------- */

enum outcome { TAKEN, TRY_AGAIN, REFUSED };

static size_t on_reply(char *data, size_t size, size_t count, void *ctx)
{
    struct buf *reply = ctx;
    buf_append(reply, data, size * count); /* what is too long is not read */
    return size * count;
}

static bool is_late(const struct traces *traces)
{
    const uint64_t until = atomic_load(&traces->close_us);
    return until != 0 && clock_now_us() >= until;
}

/* libcurl asks now and then, also while nothing moves. */
static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return is_late(ctx);
}

static void set_options(struct traces *traces, struct str body, struct buf *reply)
{
    CURL *curl = traces->curl;
    curl_easy_reset(curl); /* connections stay */
    curl_easy_setopt(curl, CURLOPT_URL, traces->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, traces);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, traces->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
}

/* Of a request that was taken, the spans that were not. */
static uint64_t rejected(struct str reply)
{
    yyjson_doc *doc;
    struct error ignored;
    uint64_t count = 0;
    if (reply.len == 0 || json_parse(reply, &doc, &ignored) != OK)
        return 0;
    yyjson_val *value = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "partialSuccess"), "rejectedSpans");
    if (yyjson_is_uint(value))
        count = yyjson_get_uint(value);
    else if (yyjson_is_str(value) && !str_to_u64(json_str(value), &count))
        count = 0;
    json_free(doc);
    return count;
}

static enum outcome send_once(struct traces *traces, struct str body, uint64_t *lost)
{
    struct buf reply;
    long status = 0;
    enum outcome outcome = TRY_AGAIN;
    buf_init(&reply, REPLY_BYTES_MAX);
    set_options(traces, body, &reply);
    const CURLcode code = curl_easy_perform(traces->curl);
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(traces->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status / 100 == 2) {
        *lost = rejected(buf_str(&reply));
        outcome = TAKEN;
        condition_clear(CONDITION);
    } else {
        if (code == CURLE_OK)
            condition_set(CONDITION, CONDITION_NOTE, "the receiver of traces answers with HTTP status %ld", status);
        else
            condition_set(CONDITION, CONDITION_NOTE, "the receiver of traces does not answer: %s",
                          curl_easy_strerror(code));
        if (code == CURLE_OK && status != 429 && status != 502 && status != 503 && status != 504)
            outcome = REFUSED;
    }
    buf_deinit(&reply);
    return outcome;
}

/* Meanwhile spans queue up, as far as there is room. */
static void send_body(struct traces *traces, struct str body, uint64_t spans)
{
    uint64_t lost = spans, pause_us = 1000000;
    enum outcome outcome = send_once(traces, body, &lost);
    for (unsigned i = 1; i < TRIES && outcome == TRY_AGAIN && !is_late(traces); i++, pause_us *= 2) {
        handoff_pause(&traces->queue, pause_us);
        outcome = send_once(traces, body, &lost);
    }
    lost = lost < spans ? lost : spans;
    add(&traces->sent, spans - lost);
    add(&traces->dropped, lost);
}

/* --- the thread --------------------------------------------------------------------------------------- */

static void free_item(struct traces *traces, struct span_item *item)
{
    atomic_fetch_sub(&traces->queue_bytes, cost_of(&item->text));
    buf_deinit(&item->text);
    mem_free(item);
}

/* The first so many of the list as one request; returns the rest. */
static struct span_item *send_batch(struct traces *traces, struct span_item *list)
{
    const struct span_source source = {"fulcrum", FULCRUM_VERSION, traces->instance};
    struct buf body;
    uint64_t spans = 0;
    buf_init(&body, BODY_BYTES_MAX);
    span_document_begin(&body, &source);
    while (list && spans < BATCH_SPANS_MAX && body.len < BATCH_BYTES_MAX) {
        struct span_item *next = (struct span_item *)list->link.next;
        buf_append_text(&body, spans++ ? "," : "");
        buf_append_str(&body, buf_str(&list->text));
        free_item(traces, list);
        list = next;
    }
    span_document_end(&body);
    if (body.failed)
        add(&traces->dropped, spans);
    else
        send_body(traces, buf_str(&body), spans);
    buf_deinit(&body);
    return list;
}

static void drop(struct traces *traces, struct span_item *list)
{
    while (list) {
        struct span_item *next = (struct span_item *)list->link.next;
        free_item(traces, list);
        add(&traces->dropped, 1);
        list = next;
    }
}

static void *send_spans(void *ctx)
{
    struct traces *traces = ctx;
    bool is_closing = false;
    handoff_lower_thread();
    while (!is_closing) {
        handoff_wait(&traces->queue, UINT64_MAX);
        handoff_pause(&traces->queue, BATCH_US);
        struct span_item *list = (struct span_item *)handoff_take(&traces->queue, &is_closing);
        while (list && !is_late(traces))
            list = send_batch(traces, list);
        drop(traces, list);
    }
    return NULL;
}

/* --- opening and closing ------------------------------------------------------------------------------ */

static bool add_header(struct traces *traces, const char *line)
{
    struct curl_slist *longer = curl_slist_append(traces->headers, line);
    if (longer)
        traces->headers = longer;
    return longer != NULL;
}

/* The receiver's usual path where the endpoint has none. */
static bool make_url(struct traces *traces)
{
    const struct str endpoint = str_of(traces->config->endpoint);
    const ptrdiff_t scheme = str_find(endpoint, STR("://"), 0);
    const ptrdiff_t slash = str_find_char(endpoint, '/', (size_t)scheme + 3);
    const bool has_path = slash >= 0 && (size_t)slash + 1 < endpoint.len;
    const size_t len = slash >= 0 && !has_path ? (size_t)slash : endpoint.len;
    struct buf url;
    buf_init(&url, len + sizeof(PATH));
    buf_append(&url, endpoint.data, len);
    buf_append_text(&url, has_path ? "" : PATH);
    if (buf_append_char(&url, '\0'))
        traces->url = mem_strdup(str_of(url.data));
    buf_deinit(&url);
    return traces->url != NULL;
}

static bool make_parts(struct traces *traces)
{
    uuid_v4(traces->instance);
    traces->curl = curl_easy_init();
    bool is_made = traces->curl && make_url(traces) && add_header(traces, "content-type: application/json") &&
                   add_header(traces, "expect:");
    for (size_t i = 0; is_made && i < traces->config->header_count; i++)
        is_made = add_header(traces, traces->config->headers[i]);
    return is_made;
}

static void free_traces(struct traces *traces)
{
    handoff_deinit(&traces->queue);
    curl_slist_free_all(traces->headers);
    curl_easy_cleanup(traces->curl);
    mem_free(traces->url);
    mem_free(traces);
}

enum error_code traces_open(const struct traces_config *config, struct traces **traces, struct error *error)
{
    struct traces *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->config = config;
    made->share = traces_share(config);
    handoff_init(&made->queue);
    if (!make_parts(made)) {
        free_traces(made);
        return error_no_memory(error);
    }
    const int failure = pthread_create(&made->thread, NULL, send_spans, made);
    if (failure != 0) {
        free_traces(made);
        return error_set_errno(error, ERROR_IO, failure, "cannot start a thread");
    }
    *traces = made;
    return OK;
}

void traces_close(struct traces *traces)
{
    if (!traces)
        return;
    atomic_store(&traces->close_us, clock_now_us() + TRACES_CLOSE_MS * UINT64_C(1000));
    handoff_close(&traces->queue);
    pthread_join(traces->thread, NULL);
    free_traces(traces);
}
