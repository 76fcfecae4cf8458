/* traced.c - see traced.h. */
#include "api/traced.h"

#include "api/genai.h"
#include "traces/span.h"
#include "upstream/upstreams.h"

#define PICODOLLARS 1e12
#define STATE_BYTES_MAX 8192
#define NAME_BYTES_MAX 512

struct traced {
    struct traces *traces;
    struct trace_context context;
    bool has_bill;
    uint64_t cost, baseline, classes[PRICE_CLASSES];
    int64_t saved[LEVERS];
    char miss[32], router[64];
    uint64_t router_score;
};

/* --- the trace ---------------------------------------------------------------------------------------- */

/* A header that may be there once; empty where it is not, or more than once. */
static struct str single_header(const struct http_request *request, const char *name)
{
    struct str found = STR("");
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_eq(request->headers[i].name, str_of(name)))
            continue;
        found = request->headers[i].value;
        count++;
    }
    return count == 1 ? found : STR("");
}

/* All of them as one list; empty where it is none, or too long. */
static struct str join_state(const struct http_request *request, struct arena *arena)
{
    struct str joined = STR("");
    for (size_t i = 0; i < request->header_count && joined.data; i++) {
        const struct str value = request->headers[i].value;
        if (!str_eq(request->headers[i].name, STR("tracestate")))
            continue;
        if (joined.len + value.len + 1 > STATE_BYTES_MAX)
            return STR("");
        joined = joined.len == 0 ? value : arena_printf(arena, STR_FMT "," STR_FMT, STR_ARG(joined), STR_ARG(value));
    }
    return joined.data && trace_state_is_valid(joined) ? joined : STR("");
}

struct traced *traced_begin(struct api_call *call)
{
    struct traces *traces = call->thread->api->traces;
    const struct http_request *request = &call->exchange->request;
    struct arena *arena = &call->exchange->arena;
    char parent[TRACEPARENT_LEN + 1];
    struct traced *made = traces ? ARENA_NEW(arena, struct traced) : NULL;
    if (!made)
        return NULL;
    made->traces = traces;
    made->router_score = LEDGER_ABSENT;
    if (trace_context_parse(single_header(request, "traceparent"), &made->context))
        made->context.state = join_state(request, arena);
    trace_context_begin(&made->context, traces_sample(traces));
    trace_context_format(&made->context, parent);
    const struct str line = arena_printf(arena, "%s", parent);
    if (line.data)
        call_add_trace(call, line, made->context.state);
    return made;
}

bool traced_wants_content(const struct traced *traced)
{
    return traced && traced->context.is_sampled && traces_has_content(traced->traces);
}

static void keep_text(char *out, size_t cap, struct str text)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(text));
}

void traced_billed(struct traced *traced, const struct ledger_line *line)
{
    traced->has_bill = true;
    traced->cost += line->quote.cost;
    traced->baseline += line->quote.baseline;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        traced->classes[i] += line->quote.classes[i];
    for (size_t i = 0; i < LEVERS; i++)
        traced->saved[i] += line->quote.saved[i];
    keep_text(traced->miss, sizeof(traced->miss), line->miss_reason);
    keep_text(traced->router, sizeof(traced->router), line->router);
    traced->router_score = line->router_score;
}

/* --- attributes --------------------------------------------------------------------------------------- */

static void add_request(struct span *span, const struct chat_request *request)
{
    const struct chat_sampling *sampling = &request->sampling;
    span_flag(span, "gen_ai.request.stream", request->is_stream);
    if (request->max_tokens > 0)
        span_number(span, "gen_ai.request.max_tokens", request->max_tokens);
    if (sampling->has_temperature)
        span_real(span, "gen_ai.request.temperature", sampling->temperature);
    if (sampling->has_top_p)
        span_real(span, "gen_ai.request.top_p", sampling->top_p);
    if (sampling->has_top_k)
        span_number(span, "gen_ai.request.top_k", sampling->top_k);
    if (sampling->has_seed)
        span_number(span, "gen_ai.request.seed", (int64_t)sampling->seed);
    if (request->stop_count > 0)
        span_texts(span, "gen_ai.request.stop_sequences", request->stop_sequences, request->stop_count);
    span_text(span, "gen_ai.output.type", request->output_schema ? STR("json") : STR("text"));
    const struct str session = charge_session(request);
    if (session.len > 0)
        span_text(span, "gen_ai.conversation.id", session);
}

static void add_reply(struct span *span, const struct api_call *call, const struct chat_reply *reply)
{
    const struct str reason = str_of(genai_finish_reason(reply->stop));
    span_texts(span, "gen_ai.response.finish_reasons", &reason, 1);
    span_text(span, "gen_ai.response.id", str_of(call->request_id));
    if (reply->usage.reasoning_tokens > 0)
        span_number(span, "gen_ai.usage.reasoning.output_tokens", (int64_t)reply->usage.reasoning_tokens);
}

/* The input is all of it, read and written included; the write under the name that replaced the other as well as under
 * the other, which most receivers still read. */
static void add_usage(struct span *span, const struct metrics_usage *usage)
{
    const uint64_t input = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_tokens;
    if (input + usage->output_tokens == 0)
        return;
    span_number(span, "gen_ai.usage.input_tokens", (int64_t)input);
    span_number(span, "gen_ai.usage.output_tokens", (int64_t)usage->output_tokens);
    span_number(span, "gen_ai.usage.cache_read.input_tokens", (int64_t)usage->cache_read_tokens);
    span_number(span, "gen_ai.usage.cache_write.input_tokens", (int64_t)usage->cache_write_tokens);
    span_number(span, "gen_ai.usage.cache_creation.input_tokens", (int64_t)usage->cache_write_tokens);
    if (usage->first_token_us > 0)
        span_real(span, "gen_ai.response.time_to_first_chunk", (double)usage->first_token_us / 1e6);
}

/* "host:port", "[::1]:80", or a name alone. */
static void add_server(struct span *span, struct str host)
{
    uint64_t port;
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] == ':')
            colon = (ptrdiff_t)i;
    const bool has_port = colon > 0 && host.data[host.len - 1] != ']' &&
                          str_to_u64(str_slice(host, (size_t)colon + 1, host.len), &port) && port <= UINT16_MAX;
    const struct str name = has_port ? str_slice(host, 0, (size_t)colon) : host;
    if (name.len > 0)
        span_text(span, "server.address", name);
    if (has_port)
        span_number(span, "server.port", (int64_t)port);
}

static void add_http(struct span *span, const struct api_call *call, const struct traced_end *end)
{
    const struct http_request *request = &call->exchange->request;
    add_server(span, http_header_get(request, "host"));
    span_text(span, "http.request.method", request->method);
    span_text(span, "url.path", request->path);
    if (end->is_sent)
        span_number(span, "http.response.status_code", 200);
    else if (end->status != CALL_CLIENT_GONE)
        span_number(span, "http.response.status_code", end->status);
    if (end->error)
        span_text(span, "error.type", str_of(end->error));
}

static void add_course(struct span *span, const struct traced *traced, const struct api_call *call,
                       const struct placement *placement)
{
    span_text(span, "fulcrum.request.id", str_of(call->request_id));
    span_text(span, "fulcrum.operation", str_of(call->operation->name));
    if (call->identity.problem == AUTH_OK && call->identity.tenant[0])
        span_text(span, "fulcrum.tenant", str_of(call->identity.tenant));
    if (call->tier)
        span_text(span, "fulcrum.tier", str_of(call->tier));
    if (call->tier_asked && call->tier_asked[0])
        span_text(span, "fulcrum.tier.asked", str_of(call->tier_asked));
    if (call->has_cache)
        span_text(span, "fulcrum.cache.outcome", str_of(cache_outcome_name(cache_outcome(&call->cache))));
    if (traced->miss[0])
        span_text(span, "fulcrum.cache.miss_reason", str_of(traced->miss));
    if (traced->router[0])
        span_text(span, "fulcrum.route.reason", str_of(traced->router));
    if (traced->router_score != LEDGER_ABSENT)
        span_real(span, "fulcrum.route.score", (double)traced->router_score / 1e6);
    if (!placement)
        return;
    if (placement->provider)
        span_text(span, "fulcrum.provider", str_of(placement->provider));
    if (placement->upstream_id.len > 0)
        span_text(span, "fulcrum.upstream.request_id", placement->upstream_id);
    if (placement->replica)
        span_text(span, "fulcrum.upstream.replica", str_of(replica_name(placement->replica)));
    span_number(span, "fulcrum.attempts", placement->attempts);
}

static void add_money(struct span *span, const struct traced *traced)
{
    static const char *const classes[PRICE_CLASSES] = {
        "fulcrum.cost.input_picodollars", "fulcrum.cost.cache_read_picodollars",
        "fulcrum.cost.cache_write_5m_picodollars", "fulcrum.cost.cache_write_1h_picodollars",
        "fulcrum.cost.output_picodollars"};
    static const char *const levers[LEVERS] = {
        "fulcrum.saved.route_picodollars", "fulcrum.saved.distil_picodollars", "fulcrum.saved.cache_picodollars",
        "fulcrum.saved.tier_picodollars", "fulcrum.saved.shadow_picodollars", "fulcrum.saved.response_picodollars"};
    if (!traced->has_bill)
        return;
    span_number(span, "fulcrum.cost.picodollars", (int64_t)traced->cost);
    span_real(span, "fulcrum.cost.usd", (double)traced->cost / PICODOLLARS);
    span_number(span, "fulcrum.cost.baseline_picodollars", (int64_t)traced->baseline);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        if (traced->classes[i] > 0)
            span_number(span, classes[i], (int64_t)traced->classes[i]);
    for (size_t i = 0; i < LEVERS; i++)
        if (traced->saved[i] != 0)
            span_number(span, levers[i], traced->saved[i]);
}

/* --- the span ----------------------------------------------------------------------------------------- */

/* Of errors those that the client could not help: its own are no fault of the span's. */
static bool is_fault(const struct traced_end *end)
{
    return end->error && (end->status >= 500 || end->status == 408 || end->status == 424 || end->status == 429);
}

static struct str name_of(const struct api_call *call, const struct traced_end *end, char name[NAME_BYTES_MAX])
{
    const int len = snprintf(name, NAME_BYTES_MAX, "%s " STR_FMT, genai_operation(end->request),
                             STR_ARG(call->resource));
    return str_slice((struct str){name, NAME_BYTES_MAX - 1}, 0, len > 0 ? (size_t)len : 0);
}

void traced_end(struct traced *traced, struct api_call *call, const struct traced_end *end)
{
    char name[NAME_BYTES_MAX];
    struct buf text;
    struct span span;
    if (!traced->context.is_sampled)
        return;
    const uint64_t wall_ns = clock_wall_us() * 1000;
    const uint64_t took_ns = (clock_now_us() - call->exchange->request.started_us) * 1000;
    buf_init(&text, TRACES_SPAN_BYTES_MAX);
    span_begin(&span, &text, &traced->context, name_of(call, end, name), SPAN_SERVER, wall_ns - took_ns, wall_ns);
    span_text(&span, "gen_ai.operation.name", str_of(genai_operation(end->request)));
    span_text(&span, "gen_ai.provider.name", str_of(genai_provider(call->dialect)));
    if (call->resource.len > 0)
        span_text(&span, "gen_ai.request.model", call->resource);
    if (end->placement)
        span_text(&span, "gen_ai.response.model", str_of(end->placement->answered.name));
    if (end->is_read)
        add_request(&span, end->request);
    if (end->reply)
        add_reply(&span, call, end->reply);
    add_usage(&span, &call->usage);
    add_http(&span, call, end);
    add_course(&span, traced, call, end->placement);
    add_money(&span, traced);
    if (traced_wants_content(traced) && end->is_read)
        genai_add_content(&span, end->request, end->reply);
    span_end(&span, is_fault(end), str_of(end->error));
    traces_leave(traced->traces, &text);
}
