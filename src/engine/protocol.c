/* protocol.c - encoding and decoding of frames; the format is in protocol.h. */
#include "engine/protocol.h"

#include <math.h>

#include "cache/policy.h"

/* --- writing ---------------------------------------------------------------------------------------- */

static void put_le(struct buf *out, uint64_t value, size_t bytes)
{
    uint8_t raw[8];
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    buf_append(out, raw, bytes);
}

static void put_u8(struct buf *out, uint8_t value)
{
    buf_append_char(out, (char)value);
}

static void put_u32(struct buf *out, uint32_t value)
{
    put_le(out, value, 4);
}

static void put_u64(struct buf *out, uint64_t value)
{
    put_le(out, value, 8);
}

static void put_f32(struct buf *out, float value)
{
    uint32_t raw;
    memcpy(&raw, &value, sizeof(raw));
    put_u32(out, raw);
}

/* A string longer than any frame would be cut by the u32; it must fail instead. */
static void put_str(struct buf *out, struct str s)
{
    if (s.len > PROTOCOL_PAYLOAD_MAX) {
        out->failed = true;
        return;
    }
    put_u32(out, (uint32_t)s.len);
    buf_append_str(out, s);
}

/* Begins a frame whose length frame_end fills in. */
static size_t frame_begin(struct buf *out, enum frame_type type, uint32_t call)
{
    const size_t start = out->len;
    put_u32(out, 0);
    put_u32(out, (uint32_t)type);
    put_u32(out, call);
    return start;
}

static void frame_end(struct buf *out, size_t start)
{
    if (out->failed)
        return;
    const size_t length = out->len - start - PROTOCOL_HEADER_LEN;
    if (length > PROTOCOL_PAYLOAD_MAX) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < 4; i++)
        out->data[start + i] = (char)(uint8_t)(length >> (8 * i));
}

#define SEGMENT_TEMPLATE 1u
#define SEGMENT_CHECKPOINT 2u

static void put_segments(struct buf *out, const struct engine_segment *segments, size_t count)
{
    put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const unsigned flags = (segments[i].is_template ? SEGMENT_TEMPLATE : 0u) |
                               (segments[i].ends_checkpoint ? SEGMENT_CHECKPOINT : 0u);
        put_u8(out, (uint8_t)flags);
        put_u32(out, segments[i].ttl_seconds);
        put_str(out, segments[i].text);
    }
}

/* Who asks, and what the cache may do for it. */
static void put_cache_wish(struct buf *out, const struct engine_request *request)
{
    put_str(out, request->tenant);
    put_str(out, request->cache_salt);
    put_u8(out, (uint8_t)request->cache);
    put_u32(out, request->cache_min_tokens);
}

void protocol_put_generate(struct buf *out, uint32_t call, const struct engine_request *request)
{
    const size_t start = frame_begin(out, FRAME_GENERATE, call);
    put_u32(out, request->max_tokens);
    put_f32(out, request->temperature);
    put_f32(out, request->top_p);
    put_u32(out, (uint32_t)request->top_k);
    put_u64(out, request->seed);
    put_u8(out, (uint8_t)request->tier);
    put_u8(out, request->wants_certainty);
    put_u8(out, request->wants_logprobs ? (uint8_t)(1 + request->top_logprobs) : 0);
    put_str(out, request->grammar);
    put_u8(out, request->observes_grammar);
    put_cache_wish(out, request);
    put_u32(out, (uint32_t)request->stop_count);
    for (size_t i = 0; i < request->stop_count; i++)
        put_str(out, request->stops[i]);
    put_segments(out, request->segments, request->segment_count);
    frame_end(out, start);
}

void protocol_put_count(struct buf *out, uint32_t call, const struct engine_segment *segments, size_t count)
{
    const size_t start = frame_begin(out, FRAME_COUNT, call);
    put_segments(out, segments, count);
    frame_end(out, start);
}

void protocol_put_warmth(struct buf *out, uint32_t call, const struct engine_request *request)
{
    const size_t start = frame_begin(out, FRAME_WARMTH, call);
    put_cache_wish(out, request);
    put_segments(out, request->segments, request->segment_count);
    frame_end(out, start);
}

void protocol_put_embed(struct buf *out, uint32_t call, const struct engine_embed *wanted)
{
    const size_t start = frame_begin(out, FRAME_EMBED, call);
    put_u8(out, (uint8_t)wanted->tier);
    put_u32(out, (uint32_t)wanted->count);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct engine_input *input = &wanted->inputs[i];
        put_u8(out, input->text.data == NULL);
        if (input->text.data != NULL) {
            put_str(out, input->text);
            continue;
        }
        put_u32(out, input->token_count);
        for (uint32_t k = 0; k < input->token_count; k++)
            put_u32(out, (uint32_t)input->tokens[k]);
    }
    frame_end(out, start);
}

void protocol_put_embedded(struct buf *out, uint32_t call, const struct engine_embeddings *embeddings)
{
    const size_t start = frame_begin(out, FRAME_EMBEDDED, call);
    put_u32(out, embeddings->width);
    put_u32(out, (uint32_t)embeddings->count);
    for (size_t i = 0; i < embeddings->count; i++) {
        put_u32(out, embeddings->tokens[i]);
        for (uint32_t k = 0; k < embeddings->width; k++)
            put_f32(out, embeddings->values[i * embeddings->width + k]);
    }
    frame_end(out, start);
}

void protocol_put_cancel(struct buf *out, uint32_t call)
{
    frame_end(out, frame_begin(out, FRAME_CANCEL, call));
}

static void put_cache_use(struct buf *out, const struct engine_cache_use *use)
{
    put_u32(out, use->read_tokens);
    put_u32(out, use->write_tokens);
    put_u32(out, use->write_1h_tokens);
    put_u8(out, (uint8_t)use->miss);
    put_u32(out, use->miss_value);
    put_u32(out, use->miss_need);
}

void protocol_put_started(struct buf *out, uint32_t call, const struct engine_started *started)
{
    const size_t start = frame_begin(out, FRAME_STARTED, call);
    put_u32(out, started->prompt_tokens);
    put_cache_use(out, &started->cache);
    frame_end(out, start);
}

static void put_certainty(struct buf *out, const struct engine_certainty *certainty)
{
    put_u32(out, certainty->tokens);
    put_f32(out, certainty->sum);
}

static void put_token(struct buf *out, const struct logprob *token)
{
    put_f32(out, token->value);
    put_str(out, token->bytes);
}

void protocol_put_logprob(struct buf *out, const struct token_logprob *token)
{
    put_u32(out, (uint32_t)token->at);
    put_token(out, &token->chosen);
    put_u8(out, (uint8_t)token->top_count);
    for (size_t i = 0; i < token->top_count; i++)
        put_token(out, &token->top[i]);
}

void protocol_put_text(struct buf *out, uint32_t call, const struct frame_text *frame)
{
    const size_t start = frame_begin(out, FRAME_TEXT, call);
    put_u32(out, frame->tokens);
    put_certainty(out, &frame->certainty);
    put_u32(out, frame->count);
    buf_append_str(out, frame->records);
    buf_append_str(out, frame->text);
    frame_end(out, start);
}

void protocol_put_finished(struct buf *out, uint32_t call, const struct engine_finished *finished)
{
    const size_t start = frame_begin(out, FRAME_FINISHED, call);
    put_u8(out, (uint8_t)finished->stop);
    put_u32(out, finished->stop_index);
    put_u32(out, finished->prompt_tokens);
    put_u32(out, finished->prefilled_tokens);
    put_cache_use(out, &finished->cache);
    put_u32(out, finished->output_tokens);
    put_u64(out, finished->queue_us);
    put_u64(out, finished->prefill_us);
    put_u64(out, finished->decode_us);
    put_certainty(out, &finished->certainty);
    frame_end(out, start);
}

void protocol_put_failed(struct buf *out, uint32_t call, const struct error *error)
{
    const size_t start = frame_begin(out, FRAME_FAILED, call);
    put_u8(out, (uint8_t)error->code);
    put_str(out, str_of(error->message));
    frame_end(out, start);
}

void protocol_put_counted(struct buf *out, uint32_t call, uint32_t tokens)
{
    const size_t start = frame_begin(out, FRAME_COUNTED, call);
    put_u32(out, tokens);
    frame_end(out, start);
}

void protocol_put_warm(struct buf *out, uint32_t call, const struct engine_warmth *warmth)
{
    const size_t start = frame_begin(out, FRAME_WARM, call);
    put_u32(out, warmth->prompt_tokens);
    put_u32(out, warmth->warm_tokens);
    put_u32(out, warmth->disk_tokens);
    frame_end(out, start);
}

static void put_prefix(struct buf *out, const struct engine_prefix *prefix)
{
    put_str(out, prefix->tenant);
    put_u32(out, prefix->tokens);
    put_u32(out, prefix->own_tokens);
    put_u64(out, prefix->bytes);
    put_u32(out, prefix->hits);
    put_u8(out, prefix->is_on_disk);
    put_u32(out, prefix->expires_s);
    put_u32(out, prefix->idle_s);
}

void protocol_put_prefixes(struct buf *out, uint32_t call, const struct frame_prefixes *prefixes)
{
    const size_t start = frame_begin(out, FRAME_PREFIXES, call);
    put_u8(out, prefixes->tenant.data != NULL);
    put_str(out, prefixes->tenant);
    put_u32(out, prefixes->most);
    frame_end(out, start);
}

void protocol_put_kept(struct buf *out, uint32_t call, const struct engine_prefixes *kept)
{
    const size_t start = frame_begin(out, FRAME_KEPT, call);
    put_u8(out, kept->is_partial);
    put_u32(out, (uint32_t)kept->count);
    for (size_t i = 0; i < kept->count; i++)
        put_prefix(out, &kept->items[i]);
    put_u32(out, (uint32_t)kept->tenant_count);
    for (size_t i = 0; i < kept->tenant_count; i++) {
        put_str(out, kept->tenants[i].name);
        put_u64(out, kept->tenants[i].memory_bytes);
        put_u64(out, kept->tenants[i].disk_bytes);
    }
    frame_end(out, start);
}

void protocol_put_config(struct buf *out, const struct frame_config *config)
{
    const size_t start = frame_begin(out, FRAME_CONFIG, 0);
    put_str(out, config->name);
    put_str(out, config->path);
    put_str(out, config->adapter);
    put_u32(out, config->context);
    put_u32(out, config->parallel);
    put_u32(out, config->threads);
    put_u32(out, config->broker_slot);
    put_u8(out, config->deterministic);
    put_u8(out, config->log_level);
    put_u8(out, config->log_format);
    put_u64(out, config->queue_tokens);
    put_u64(out, config->prefill_chunk_tokens);
    put_u64(out, config->kv_bytes);
    put_u64(out, config->cache_memory_bytes);
    put_u8(out, config->cache_policy);
    put_str(out, config->cache_dir);
    put_u64(out, config->cache_disk_bytes);
    put_u8(out, config->is_objective);
    put_f32(out, config->objective);
    for (size_t i = 0; i < TIERS; i++)
        put_u64(out, config->deadline_ms[i]);
    put_u64(out, config->age_ms);
    put_u64(out, config->batch_age_ms);
    put_u64(out, config->batch_step_ms);
    put_u64(out, config->parked_bytes);
    put_u32(out, (uint32_t)config->tenant_count);
    for (size_t i = 0; i < config->tenant_count; i++) {
        put_str(out, config->tenants[i].name);
        put_u64(out, config->tenants[i].floor_bytes);
        put_u64(out, config->tenants[i].ceiling_bytes);
    }
    frame_end(out, start);
}

void protocol_put_hello(struct buf *out, const struct engine_model_info *info)
{
    const size_t start = frame_begin(out, FRAME_HELLO, 0);
    put_str(out, str_of(info->fingerprint));
    put_u64(out, info->parameters);
    put_u32(out, info->context);
    put_u32(out, info->vocabulary);
    put_u32(out, info->parallel);
    put_str(out, str_of(info->architecture));
    put_u8(out, info->can_cut_state);
    put_u8(out, info->is_row_independent);
    put_str(out, str_of(info->row_hindrance));
    put_u32(out, info->embedding);
    put_str(out, str_of(info->chat_template));
    put_u8(out, info->has_generic);
    put_u8(out, (uint8_t)info->generic.flags);
    for (size_t i = 0; i < TEMPLATE_PIECES; i++)
        put_str(out, info->generic.pieces[i]);
    frame_end(out, start);
}

void protocol_put_fatal(struct buf *out, struct str message)
{
    const size_t start = frame_begin(out, FRAME_FATAL, 0);
    put_str(out, message);
    frame_end(out, start);
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* A reader that went past the end or met an illegal value stays `bad` and
 * yields zeroes, so decoders check once at the end. */
struct reader {
    struct str rest;
    bool bad;
};

static uint64_t get_le(struct reader *in, size_t bytes)
{
    if (in->bad || in->rest.len < bytes) {
        in->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)in->rest.data[i] << (8 * i);
    in->rest.data += bytes;
    in->rest.len -= bytes;
    return value;
}

static uint8_t get_u8(struct reader *in)
{
    return (uint8_t)get_le(in, 1);
}

static uint32_t get_u32(struct reader *in)
{
    return (uint32_t)get_le(in, 4);
}

static bool get_bool(struct reader *in)
{
    const uint8_t value = get_u8(in);
    in->bad = in->bad || value > 1;
    return value == 1;
}

static float get_f32(struct reader *in)
{
    const uint32_t raw = get_u32(in);
    float value;
    memcpy(&value, &raw, sizeof(value));
    return value;
}

static struct str get_str(struct reader *in)
{
    const uint32_t len = get_u32(in);
    if (in->bad || in->rest.len < len) {
        in->bad = true;
        return (struct str){"", 0};
    }
    const struct str s = {in->rest.data, len};
    in->rest.data += len;
    in->rest.len -= len;
    return s;
}

/* A count of items that each take at least `least` bytes: checked before
 * anything is allocated for them. */
static size_t get_count(struct reader *in, size_t least)
{
    const uint32_t count = get_u32(in);
    in->bad = in->bad || count > in->rest.len / least;
    return in->bad ? 0 : count;
}

static bool reader_done(const struct reader *in)
{
    return !in->bad && in->rest.len == 0;
}

bool protocol_get_header(const uint8_t bytes[PROTOCOL_HEADER_LEN], struct frame_header *header)
{
    struct reader in = {.rest = {(const char *)bytes, PROTOCOL_HEADER_LEN}};
    header->length = get_u32(&in);
    const uint32_t type = get_u32(&in);
    header->call = get_u32(&in);
    header->type = type < FRAME_TYPE_END ? (enum frame_type)type : FRAME_TYPE_END;
    return header->length <= PROTOCOL_PAYLOAD_MAX && type > 0 && type < FRAME_TYPE_END;
}

static bool get_segments(struct reader *in, struct arena *arena, struct engine_segment **segments, size_t *count)
{
    *count = get_count(in, 9);
    *segments = ARENA_ARRAY(arena, struct engine_segment, *count + 1);
    if (*segments == NULL)
        return false;
    for (size_t i = 0; i < *count; i++) {
        const uint8_t flags = get_u8(in);
        in->bad = in->bad || flags > (SEGMENT_TEMPLATE | SEGMENT_CHECKPOINT);
        (*segments)[i].is_template = (flags & SEGMENT_TEMPLATE) != 0;
        (*segments)[i].ends_checkpoint = (flags & SEGMENT_CHECKPOINT) != 0;
        (*segments)[i].ttl_seconds = get_u32(in);
        (*segments)[i].text = get_str(in);
    }
    return !in->bad;
}

static bool get_stops(struct reader *in, struct arena *arena, struct engine_request *request)
{
    request->stop_count = get_count(in, 4);
    struct str *stops = ARENA_ARRAY(arena, struct str, request->stop_count + 1);
    if (stops == NULL)
        return false;
    for (size_t i = 0; i < request->stop_count; i++)
        stops[i] = get_str(in);
    request->stops = stops;
    return !in->bad;
}

static void get_cache_wish(struct reader *in, struct engine_request *request)
{
    request->tenant = get_str(in);
    request->cache_salt = get_str(in);
    const uint8_t cache = get_u8(in);
    in->bad = in->bad || cache > ENGINE_CACHE_IMPLICIT;
    request->cache = in->bad ? ENGINE_CACHE_OFF : (enum engine_cache)cache;
    request->cache_min_tokens = get_u32(in);
}

bool protocol_get_generate(struct str payload, struct arena *arena, struct engine_request *request)
{
    struct reader in = {.rest = payload};
    *request = (struct engine_request){0};
    request->max_tokens = get_u32(&in);
    request->temperature = get_f32(&in);
    request->top_p = get_f32(&in);
    request->top_k = (int32_t)get_u32(&in);
    request->seed = get_le(&in, 8);
    const uint8_t tier = get_u8(&in);
    in.bad = in.bad || tier >= TIERS;
    request->tier = in.bad ? TIER_DEFAULT : (enum tier)tier;
    request->wants_certainty = get_bool(&in);
    const uint8_t logprobs = get_u8(&in);
    in.bad = in.bad || logprobs > 1 + LOGPROB_TOP_MAX;
    request->wants_logprobs = logprobs > 0;
    request->top_logprobs = logprobs > 0 ? (uint8_t)(logprobs - 1) : 0;
    request->grammar = get_str(&in);
    request->observes_grammar = get_bool(&in);
    get_cache_wish(&in, request);
    struct engine_segment *segments = NULL;
    if (!get_stops(&in, arena, request) || !get_segments(&in, arena, &segments, &request->segment_count))
        return false;
    request->segments = segments;
    return reader_done(&in);
}

bool protocol_get_count(struct str payload, struct arena *arena, struct engine_segment **segments, size_t *count)
{
    struct reader in = {.rest = payload};
    return get_segments(&in, arena, segments, count) && reader_done(&in);
}

bool protocol_get_warmth(struct str payload, struct arena *arena, struct engine_request *request)
{
    struct reader in = {.rest = payload};
    struct engine_segment *segments = NULL;
    *request = (struct engine_request){.tier = TIER_DEFAULT};
    get_cache_wish(&in, request);
    if (!get_segments(&in, arena, &segments, &request->segment_count))
        return false;
    request->segments = segments;
    return reader_done(&in);
}

static void get_cache_use(struct reader *in, struct engine_cache_use *use)
{
    use->read_tokens = get_u32(in);
    use->write_tokens = get_u32(in);
    use->write_1h_tokens = get_u32(in);
    const uint8_t miss = get_u8(in);
    in->bad = in->bad || miss > ENGINE_MISS_DISABLED;
    use->miss = in->bad ? ENGINE_MISS_NONE : (enum engine_miss)miss;
    use->miss_value = get_u32(in);
    use->miss_need = get_u32(in);
}

bool protocol_get_started(struct str payload, struct engine_started *started)
{
    struct reader in = {.rest = payload};
    started->prompt_tokens = get_u32(&in);
    get_cache_use(&in, &started->cache);
    return reader_done(&in);
}

/* No logarithm of a probability: a worker that says so is broken. */
static void get_certainty(struct reader *in, struct engine_certainty *certainty)
{
    certainty->tokens = get_u32(in);
    certainty->sum = get_f32(in);
    in->bad = in->bad || !(certainty->sum <= 0) || isinf(certainty->sum);
}

static void get_token(struct reader *in, struct logprob *token)
{
    token->value = get_f32(in);
    token->bytes = get_str(in);
    in->bad = in->bad || !(token->value <= 0) || isinf(token->value);
}

static bool get_logprob(struct reader *in, struct arena *arena, struct token_logprob *token)
{
    token->at = get_u32(in);
    get_token(in, &token->chosen);
    token->top_count = get_u8(in);
    in->bad = in->bad || token->top_count > LOGPROB_TOP_MAX;
    if (in->bad || token->top_count == 0)
        return !in->bad;
    struct logprob *top = ARENA_ARRAY(arena, struct logprob, token->top_count);
    if (top == NULL)
        return false;
    for (size_t i = 0; i < token->top_count; i++)
        get_token(in, &top[i]);
    token->top = top;
    return !in->bad;
}

bool protocol_get_text(struct str payload, struct arena *arena, struct frame_text *frame,
                       struct token_logprob **logprobs)
{
    struct reader in = {.rest = payload};
    *frame = (struct frame_text){.tokens = get_u32(&in)};
    get_certainty(&in, &frame->certainty);
    const size_t count = get_count(&in, 13);
    *logprobs = count > 0 ? ARENA_ARRAY(arena, struct token_logprob, count) : NULL;
    if (count > 0 && *logprobs == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!get_logprob(&in, arena, &(*logprobs)[i]))
            return false;
    frame->count = (uint32_t)count;
    frame->text = in.rest;
    for (size_t i = 0; i < count; i++)
        in.bad = in.bad || (*logprobs)[i].at > frame->text.len || (i > 0 && (*logprobs)[i].at < (*logprobs)[i - 1].at);
    return !in.bad;
}

bool protocol_get_finished(struct str payload, struct engine_finished *finished)
{
    struct reader in = {.rest = payload};
    const uint8_t stop = get_u8(&in);
    in.bad = in.bad || stop > ENGINE_STOP_CONTEXT;
    finished->stop = (enum engine_stop)(in.bad ? ENGINE_STOP_END : stop);
    finished->stop_index = get_u32(&in);
    finished->prompt_tokens = get_u32(&in);
    finished->prefilled_tokens = get_u32(&in);
    get_cache_use(&in, &finished->cache);
    finished->output_tokens = get_u32(&in);
    finished->queue_us = get_le(&in, 8);
    finished->prefill_us = get_le(&in, 8);
    finished->decode_us = get_le(&in, 8);
    get_certainty(&in, &finished->certainty);
    return reader_done(&in);
}

bool protocol_get_failed(struct str payload, struct error *error)
{
    struct reader in = {.rest = payload};
    const uint8_t code = get_u8(&in);
    const struct str message = get_str(&in);
    if (!reader_done(&in) || code == OK || code > ERROR_INTERNAL)
        return false;
    (void)error_set(error, (enum error_code)code, STR_FMT, STR_ARG(message));
    return true;
}

bool protocol_get_counted(struct str payload, uint32_t *tokens)
{
    struct reader in = {.rest = payload};
    *tokens = get_u32(&in);
    return reader_done(&in);
}

bool protocol_get_warm(struct str payload, struct engine_warmth *warmth)
{
    struct reader in = {.rest = payload};
    warmth->prompt_tokens = get_u32(&in);
    warmth->warm_tokens = get_u32(&in);
    warmth->disk_tokens = get_u32(&in);
    return reader_done(&in) && warmth->warm_tokens <= warmth->prompt_tokens &&
           warmth->disk_tokens <= warmth->warm_tokens;
}

static bool get_tenants(struct reader *in, struct arena *arena, struct frame_config *config)
{
    config->tenant_count = get_count(in, 20);
    struct frame_tenant *tenants = ARENA_ARRAY(arena, struct frame_tenant, config->tenant_count + 1);
    config->tenants = tenants;
    if (tenants == NULL)
        return false;
    for (size_t i = 0; i < config->tenant_count; i++) {
        tenants[i].name = get_str(in);
        tenants[i].floor_bytes = get_le(in, 8);
        tenants[i].ceiling_bytes = get_le(in, 8);
    }
    return !in->bad;
}

static void get_tiers(struct reader *in, struct frame_config *config)
{
    config->is_objective = get_bool(in);
    config->objective = get_f32(in);
    in->bad = in->bad || !(config->objective >= 1);
    for (size_t i = 0; i < TIERS; i++)
        config->deadline_ms[i] = get_le(in, 8);
    config->age_ms = get_le(in, 8);
    config->batch_age_ms = get_le(in, 8);
    config->batch_step_ms = get_le(in, 8);
    config->parked_bytes = get_le(in, 8);
}

/* A worker that says more than its own answer may have is broken. */
static bool get_prefixes(struct reader *in, struct arena *arena, struct engine_prefixes *kept)
{
    kept->count = get_count(in, 33);
    struct engine_prefix *items = ARENA_ARRAY(arena, struct engine_prefix, kept->count + 1);
    kept->items = items;
    if (items == NULL)
        return false;
    for (size_t i = 0; i < kept->count; i++) {
        items[i].tenant = get_str(in);
        items[i].tokens = get_u32(in);
        items[i].own_tokens = get_u32(in);
        items[i].bytes = get_le(in, 8);
        items[i].hits = get_u32(in);
        items[i].is_on_disk = get_bool(in);
        items[i].expires_s = get_u32(in);
        items[i].idle_s = get_u32(in);
    }
    return !in->bad && kept->count <= ENGINE_PREFIXES_MAX;
}

static bool get_shares(struct reader *in, struct arena *arena, struct engine_prefixes *kept)
{
    kept->tenant_count = get_count(in, 20);
    struct engine_prefix_tenant *tenants = ARENA_ARRAY(arena, struct engine_prefix_tenant, kept->tenant_count + 1);
    kept->tenants = tenants;
    if (tenants == NULL)
        return false;
    for (size_t i = 0; i < kept->tenant_count; i++) {
        tenants[i].name = get_str(in);
        tenants[i].memory_bytes = get_le(in, 8);
        tenants[i].disk_bytes = get_le(in, 8);
    }
    return !in->bad;
}

bool protocol_get_prefixes(struct str payload, struct frame_prefixes *prefixes)
{
    struct reader in = {.rest = payload};
    const bool has_tenant = get_bool(&in);
    const struct str tenant = get_str(&in);
    prefixes->tenant = has_tenant ? tenant : (struct str){NULL, 0};
    prefixes->most = get_u32(&in);
    return reader_done(&in) && (has_tenant || tenant.len == 0) && prefixes->most <= ENGINE_PREFIXES_MAX;
}

bool protocol_get_kept(struct str payload, struct arena *arena, struct engine_prefixes *kept)
{
    struct reader in = {.rest = payload};
    *kept = (struct engine_prefixes){.is_partial = get_bool(&in)};
    return get_prefixes(&in, arena, kept) && get_shares(&in, arena, kept) && reader_done(&in);
}

/* False: no memory. */
static bool get_input(struct reader *in, struct arena *arena, struct engine_input *input)
{
    *input = (struct engine_input){0};
    if (!get_bool(in)) {
        input->text = get_str(in);
        return true;
    }
    input->token_count = (uint32_t)get_count(in, 4);
    int32_t *tokens = ARENA_ARRAY(arena, int32_t, (size_t)input->token_count + 1);
    for (uint32_t i = 0; tokens != NULL && i < input->token_count; i++)
        tokens[i] = (int32_t)get_u32(in);
    input->tokens = tokens;
    return tokens != NULL;
}

bool protocol_get_embed(struct str payload, struct arena *arena, struct engine_embed *wanted)
{
    struct reader in = {.rest = payload};
    const uint8_t tier = get_u8(&in);
    const size_t count = get_count(&in, 5);
    struct engine_input *inputs = ARENA_ARRAY(arena, struct engine_input, count + 1);
    in.bad = in.bad || tier >= TIERS;
    *wanted = (struct engine_embed){inputs, count, in.bad ? TIER_DEFAULT : (enum tier)tier};
    for (size_t i = 0; inputs != NULL && i < count; i++)
        if (!get_input(&in, arena, &inputs[i]))
            return false;
    return inputs != NULL && reader_done(&in);
}

bool protocol_get_embedded(struct str payload, struct arena *arena, struct engine_embeddings *embeddings)
{
    struct reader in = {.rest = payload};
    const uint32_t width = get_u32(&in);
    const size_t count = width > PROTOCOL_PAYLOAD_MAX / 4 ? 0 : get_count(&in, 4 + 4 * (size_t)width);
    uint32_t *tokens = ARENA_ARRAY(arena, uint32_t, count + 1);
    float *values = ARENA_ARRAY(arena, float, count * width + 1);
    *embeddings = (struct engine_embeddings){width, count, tokens, values};
    if (tokens == NULL || values == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        tokens[i] = get_u32(&in);
        for (uint32_t k = 0; k < width; k++)
            values[i * width + k] = get_f32(&in);
    }
    return reader_done(&in);
}

bool protocol_get_config(struct str payload, struct arena *arena, struct frame_config *config)
{
    struct reader in = {.rest = payload};
    config->name = get_str(&in);
    config->path = get_str(&in);
    config->adapter = get_str(&in);
    config->context = get_u32(&in);
    config->parallel = get_u32(&in);
    config->threads = get_u32(&in);
    config->broker_slot = get_u32(&in);
    config->deterministic = get_bool(&in);
    config->log_level = get_u8(&in);
    config->log_format = get_u8(&in);
    config->queue_tokens = get_le(&in, 8);
    config->prefill_chunk_tokens = get_le(&in, 8);
    config->kv_bytes = get_le(&in, 8);
    config->cache_memory_bytes = get_le(&in, 8);
    config->cache_policy = get_u8(&in);
    in.bad = in.bad || config->cache_policy > CACHE_POLICY_VALUE;
    config->cache_dir = get_str(&in);
    config->cache_disk_bytes = get_le(&in, 8);
    get_tiers(&in, config);
    return get_tenants(&in, arena, config) && reader_done(&in) && config->log_level <= LOG_OFF &&
           config->log_format <= LOG_JSON;
}

static bool copy_fixed(struct str s, char *out, size_t cap)
{
    if (s.len >= cap)
        return false;
    memcpy(out, s.data, s.len);
    out[s.len] = '\0';
    return true;
}

bool protocol_get_hello(struct str payload, struct arena *arena, struct engine_model_info *info)
{
    struct reader in = {.rest = payload};
    *info = (struct engine_model_info){0};
    const struct str fingerprint = get_str(&in);
    info->parameters = get_le(&in, 8);
    info->context = get_u32(&in);
    info->vocabulary = get_u32(&in);
    info->parallel = get_u32(&in);
    const struct str architecture = get_str(&in);
    info->can_cut_state = get_bool(&in);
    info->is_row_independent = get_bool(&in);
    const struct str row_hindrance = get_str(&in);
    info->embedding = get_u32(&in);
    const struct str chat_template = get_str(&in);
    info->has_generic = get_bool(&in);
    info->generic.flags = (unsigned)get_le(&in, 1);
    for (size_t i = 0; i < TEMPLATE_PIECES; i++)
        if (!arena_str(arena, get_str(&in), &info->generic.pieces[i]))
            return false;
    info->chat_template = arena_strdup(arena, chat_template);
    return reader_done(&in) && info->chat_template != NULL &&
           copy_fixed(fingerprint, info->fingerprint, sizeof(info->fingerprint)) &&
           copy_fixed(architecture, info->architecture, sizeof(info->architecture)) &&
           copy_fixed(row_hindrance, info->row_hindrance, sizeof(info->row_hindrance));
}

bool protocol_get_fatal(struct str payload, struct str *message)
{
    struct reader in = {.rest = payload};
    *message = get_str(&in);
    return reader_done(&in);
}
