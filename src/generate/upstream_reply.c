/* upstream_reply.c - a reply as the upstream says it, and whose leg it is. See upstream_call.h. */
#include "generate/upstream_call.h"

#include "core/json.h"
#include "core/util.h"
#include "generate/collect.h"

/* --- usage ------------------------------------------------------------------------------------------ */

static bool is_counted(const struct chat_usage *usage)
{
    return usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
               usage->cache_write_1h_tokens >
           0;
}

/* Why nothing was read, as it was foreseen; what the upstream did goes before that. */
static enum chat_cache_miss miss_of(const struct chat_cache_use *foreseen, const struct chat_usage *usage)
{
    const bool has_written = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens > 0;
    if (usage->cache_read_tokens > 0)
        return CHAT_MISS_NONE;
    if (has_written && foreseen->is_thought_of && foreseen->miss == CHAT_MISS_NONE)
        return CHAT_MISS_EVICTED; /* it should have been there */
    if (has_written && (foreseen->miss == CHAT_MISS_BELOW_MINIMUM || foreseen->miss == CHAT_MISS_NO_CHECKPOINT))
        return CHAT_MISS_FIRST_USE; /* kept of its own */
    return foreseen->miss;
}

/* As the upstream tells it. A change lies behind what was not missed. */
static void take_miss(const struct chat_told_miss *told, const struct chat_usage *usage, struct chat_cache_use *use)
{
    const uint64_t prompt = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                            usage->cache_write_1h_tokens;
    use->miss = told->why;
    use->miss_value = told->why == CHAT_MISS_CHANGED && told->tokens < prompt ? (uint32_t)(prompt - told->tokens) : 0;
}

/* The upstream's own words, and until those have come an estimate: what is broken off is charged too. */
static void take_usage(struct upstream_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *said = &reply->usage;
    struct chat_usage *usage = &call->call.usage;
    const uint64_t written = call->text_bytes / ESTIMATE_BYTES;
    if (is_counted(said))
        *usage = *said;
    else
        *usage = (struct chat_usage){.input_tokens = call->body_bytes / ESTIMATE_BYTES,
                                     .output_tokens = said->output_tokens};
    usage->tier = said->tier;
    usage->has_tier = said->has_tier;
    if (usage->output_tokens < written && !call->is_over)
        usage->output_tokens = written;
    if (!call->is_over)
        usage->note = CHAT_USAGE_ESTIMATED;
    call->call.cache = call->marks ? call->marks->use : (struct chat_cache_use){.miss = CHAT_MISS_NONE};
    call->call.cache.miss = miss_of(&call->call.cache, usage);
    if (reply->miss.is_told)
        take_miss(&reply->miss, usage, &call->call.cache);
    call->call.cache.is_late = !is_counted(said) && !call->is_over;
    call->call.cache.read_tokens = (uint32_t)usage->cache_read_tokens;
    call->call.cache.write_1h_tokens = (uint32_t)usage->cache_write_1h_tokens;
    call->call.cache.write_tokens = (uint32_t)(usage->cache_write_5m_tokens + usage->cache_write_1h_tokens);
}

/* What of it counts at the end: the ledger's line is made of it. */
static void close_usage(struct upstream_call *call, const struct chat_reply *reply)
{
    const struct chat_usage *usage = &call->call.usage;
    const bool is_estimated = !is_counted(&reply->usage) || (reply->usage.output_tokens == 0 && call->text_bytes > 0);
    take_usage(call, reply);
    call->is_over = true;
    if (!is_estimated) {
        call->call.usage.output_tokens = reply->usage.output_tokens;
        call->call.usage.note = reply->usage.note;
    }
    const uint64_t tokens = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                            usage->cache_write_1h_tokens + usage->output_tokens;
    if (call->marks && !is_estimated && reply->usage.note == CHAT_USAGE_COUNTED)
        marks_counted(call->upstream->marks, call->marks->prompt.group, call->marks->prompt.whole.bytes,
                      tokens - usage->output_tokens);
    health_used(upstream_leg_health(call->winner), tokens, is_estimated, reply->usage.note == CHAT_USAGE_ODD,
                call->call.first_token_us - call->begun_us);
}

/* --- events ----------------------------------------------------------------------------------------- */

static void free_hedge(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void upstream_call_drop_hedge(struct upstream_call *call)
{
    if (call->hedge)
        uv_close((uv_handle_t *)&call->hedge->timer, free_hedge);
    call->hedge = NULL;
}

void upstream_leg_end_asking(struct leg *leg)
{
    if (!leg->asking)
        return;
    leg->call->repeats += asking_repeats(leg->asking);
    asking_end(leg->asking);
    leg->asking = NULL;
}

static void end_leg(struct leg *leg)
{
    upstream_leg_end_asking(leg);
    wire_codec(leg->call->upstream->config->kind)->stream_close(leg->reader);
    leg->reader = NULL;
    buf_deinit(&leg->whole);
    buf_deinit(&leg->early);
}

void upstream_call_free(struct upstream_call *call)
{
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        end_leg(&call->legs[i]);
    mem_free(call);
}

static struct leg *other_leg(const struct leg *leg)
{
    struct upstream_call *call = leg->call;
    return leg == &call->legs[0] ? &call->legs[1] : &call->legs[0];
}

void upstream_call_count_repeats(struct upstream_call *call)
{
    call->call.repeats = call->repeats;
    for (size_t i = 0; i < sizeof(call->legs) / sizeof(call->legs[0]); i++)
        if (call->legs[i].asking)
            call->call.repeats += asking_repeats(call->legs[i].asking);
}

/* The first block shows: nothing is asked again from here on, and nobody else has a say. */
static void show(struct leg *leg)
{
    struct upstream_call *call = leg->call;
    if (call->winner)
        return;
    call->winner = leg;
    if (call->marks)
        marks_sent(call->upstream->marks, &call->marks->prompt, &call->marks->choice, clock_now_us());
    upstream_call_drop_hedge(call);
    end_leg(other_leg(leg));
    upstream_call_count_repeats(call);
    asking_commit(leg->asking);
    call->call.upstream_id = leg->id;
    call->call.replica = upstream_leg_replica(leg);
    call->call.is_verbatim = leg->is_verbatim;
    call->call.first_token_us = clock_now_us();
    if (leg->reader)
        take_usage(call, &leg->reader->reply);
    call->events->on_started(call->ctx);
}

/* --- its own words ---------------------------------------------------------------------------------- */

static void keep_early(struct leg *leg, struct str type, yyjson_val *root)
{
    buf_append_text(&leg->early, leg->early.len > 0 ? ",[" : "[[");
    buf_append_json(&leg->early, type);
    buf_append_char(&leg->early, ',');
    json_append(&leg->early, root);
    buf_append_char(&leg->early, ']');
}

/* What came before the reply had begun. */
static void tell_early(struct leg *leg)
{
    const struct upstream_call *call = leg->call;
    yyjson_doc *doc = NULL;
    yyjson_val *pair;
    struct error ignored;
    size_t i, max;
    if (leg->early.len == 0 || call->is_ended)
        return;
    buf_append_char(&leg->early, ']');
    if (json_parse_exact(buf_str(&leg->early), &doc, &ignored) != OK)
        doc = NULL;
    json_arr_foreach(doc ? yyjson_doc_get_root(doc) : NULL, i, max, pair)
        if (!call->is_ended)
            call->events->on_event(call->ctx, json_str(yyjson_arr_get_first(pair)), yyjson_arr_get_last(pair));
    json_free(doc);
    buf_clear(&leg->early);
}

static void on_event(void *ctx, struct str type, yyjson_val *root)
{
    struct leg *leg = ctx;
    const struct upstream_call *call = leg->call;
    if (call->is_ended)
        return;
    if (call->winner != leg) {
        keep_early(leg, type, root);
        return;
    }
    tell_early(leg);
    if (!call->is_ended)
        call->events->on_event(call->ctx, type, root);
}

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    show(leg);
    if (!call->is_ended)
        call->events->sink.block_start(call->events->sink.ctx, index, kind, id, name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    call->text_bytes += text.len;
    if (!call->is_ended)
        call->events->sink.block_delta(call->events->sink.ctx, index, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    if (!call->is_ended)
        call->events->sink.block_stop(call->events->sink.ctx, index, kind);
}

/* The asker may be gone after it. */
static void finish(struct leg *leg, const struct chat_reply *reply)
{
    struct upstream_call *call = leg->call;
    struct str sequence = {0};
    asking_answered(leg->asking);
    call->is_reading = true;
    show(leg);
    tell_early(leg);
    call->is_reading = false;
    if (call->is_ended) {
        upstream_call_free(call);
        return;
    }
    close_usage(call, reply);
    if (reply->stop == CHAT_STOP_SEQUENCE)
        (void)arena_str(call->job->request->arena, reply->stop_sequence, &sequence);
    call->events->on_finished(call->ctx, reply->stop, sequence);
}

/* The leg can't answer; the other one still may. */
static void give_up(struct leg *leg, const struct error *error)
{
    struct upstream_call *call = leg->call;
    if (!call->winner && other_leg(leg)->asking) {
        end_leg(leg);
        return;
    }
    if (call->winner == leg && leg->reader) /* what came in the same piece as the failure counts, too */
        take_usage(call, &leg->reader->reply);
    upstream_call_count_repeats(call);
    upstream_call_drop_hedge(call);
    call->events->on_failed(call->ctx, error);
}

static void fail(struct leg *leg, struct error *error)
{
    if (!asking_retry(leg->asking, error))
        give_up(leg, error);
}

static void keep_id(struct leg *leg, struct str id)
{
    if (id.len > 0)
        (void)arena_str(leg->call->job->request->arena, id, &leg->id);
    leg->call->call.upstream_id = leg->id;
    leg->call->call.replica = upstream_leg_replica(leg);
}

/* --- what the upstream says ------------------------------------------------------------------------- */

static void on_reply(void *ctx, const struct transfer_head *head, bool is_stream)
{
    struct leg *leg = ctx;
    const enum upstream_kind kind = leg->call->upstream->config->kind;
    const struct codec *codec = wire_codec(kind);
    const struct chat_sink sink = {leg, on_block_start, on_block_delta, on_block_stop, NULL};
    codec->stream_close(leg->reader);
    leg->reader = is_stream ? codec->stream_open(wire_framing(kind), &sink) : NULL;
    leg->is_stream = is_stream;
    leg->is_verbatim = leg->call->passes_on && is_stream == leg->call->job->request->is_stream;
    if (leg->reader && leg->is_verbatim)
        leg->reader->event = on_event;
    buf_clear(&leg->early);
    leg->id = (struct str){NULL, 0};
    buf_clear(&leg->whole);
    keep_id(leg, wire_request_id(head));
    upstream_call_count_repeats(leg->call);
}

/* A step of the reader, whose events may end the call. False: it was, and is gone. */
static bool step(struct leg *leg, enum error_code *code, struct str bytes, bool is_end, struct error *error)
{
    struct upstream_call *call = leg->call;
    const struct codec *codec = leg->reader->codec;
    call->is_reading = true;
    *code = is_end ? codec->stream_finish(leg->reader, error) : codec->stream_parse(leg->reader, bytes, error);
    call->is_reading = false;
    if (call->is_ended) {
        upstream_call_free(call);
        return false;
    }
    if (!leg->id.data)
        keep_id(leg, leg->reader->reply.upstream_id);
    return true;
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct leg *leg = ctx;
    struct upstream_call *call = leg->call;
    enum error_code code;
    struct error error;
    if (!leg->is_stream) {
        if (leg->whole.len + bytes.len > leg->whole.max || !buf_append_str(&leg->whole, bytes))
            fail(leg, (error_set(&error, ERROR_MODEL, "the upstream's reply is longer than the limit"), &error));
        return;
    }
    if (!leg->reader) {
        fail(leg, (error_no_memory(&error), &error));
        return;
    }
    if (!step(leg, &code, bytes, false, &error))
        return;
    if (code != OK) {
        fail(leg, &error);
    } else if (leg->reader->is_over) {
        finish(leg, &leg->reader->reply);
    } else if (call->winner) {
        take_usage(call, &leg->reader->reply);
        call->events->on_progress(call->ctx);
    }
}

/* The blocks of a reply that came whole, as events. */
static void tell_whole(struct leg *leg, const struct chat_reply *reply)
{
    struct upstream_call *call = leg->call;
    const struct chat_sink sink = {leg, on_block_start, on_block_delta, on_block_stop, NULL};
    take_usage(call, reply); /* known before the first block shows */
    call->is_reading = true;
    for (size_t i = 0; i < reply->block_count && !call->is_ended; i++)
        collect_tell_block(&sink, i, &reply->blocks[i]);
    call->is_reading = false;
    if (call->is_ended)
        upstream_call_free(call);
    else
        finish(leg, reply);
}

static void read_whole(struct leg *leg)
{
    struct arena arena;
    struct chat_reply reply;
    struct error error;
    yyjson_doc *doc = NULL;
    const struct buf text = leg->whole; /* the call may be gone before what points into it */
    buf_init(&leg->whole, text.max);
    arena_init(&arena, 0);
    enum error_code code = json_parse_exact(buf_str(&text), &doc, &error);
    if (code == ERROR_INVALID)
        code = error.code = ERROR_MODEL;
    if (code == OK)
        code = wire_codec(leg->call->upstream->config->kind)->reply_parse(yyjson_doc_get_root(doc), &arena, &reply,
                                                                         &error);
    if (code != OK) {
        fail(leg, &error);
    } else {
        if (!leg->id.data)
            keep_id(leg, reply.upstream_id);
        if (leg->is_verbatim)
            leg->call->call.verbatim = yyjson_doc_get_root(doc);
        tell_whole(leg, &reply);
    }
    json_free(doc);
    arena_deinit(&arena);
    struct buf gone = text;
    buf_deinit(&gone);
}

static void on_end(void *ctx)
{
    struct leg *leg = ctx;
    enum error_code code;
    struct error error;
    if (!leg->is_stream) {
        read_whole(leg);
        return;
    }
    if (!leg->reader) {
        fail(leg, (error_no_memory(&error), &error));
        return;
    }
    if (!step(leg, &code, STR(""), true, &error))
        return;
    if (code == OK)
        finish(leg, &leg->reader->reply);
    else
        fail(leg, &error);
}

static void on_failed(void *ctx, const struct error *error)
{
    give_up(ctx, error);
}

const struct asking_events upstream_reply_events = {on_reply, on_bytes, on_end, on_failed};
