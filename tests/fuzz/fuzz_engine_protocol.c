/* fuzz_engine_protocol.c - frames between gateway and worker.
 *
 * Input: a frame, header and payload. What decodes is encoded again and must
 * decode to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/protocol.h"

static void again_generate(struct str payload, struct arena *arena)
{
    struct engine_request request;
    struct buf frame;
    if (!protocol_get_generate(payload, arena, &request))
        return;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX + PROTOCOL_HEADER_LEN);
    protocol_put_generate(&frame, 1, &request);
    if (frame.failed || !str_eq(str_slice(buf_str(&frame), PROTOCOL_HEADER_LEN, frame.len), payload))
        abort();
    buf_deinit(&frame);
}

static void again_warmth(struct str payload, struct arena *arena)
{
    struct engine_request request;
    struct buf frame;
    if (!protocol_get_warmth(payload, arena, &request))
        return;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX + PROTOCOL_HEADER_LEN);
    protocol_put_warmth(&frame, 1, &request);
    if (frame.failed || !str_eq(str_slice(buf_str(&frame), PROTOCOL_HEADER_LEN, frame.len), payload))
        abort();
    buf_deinit(&frame);
}

static void again_prefixes(struct str payload)
{
    struct frame_prefixes prefixes;
    struct buf frame;
    if (!protocol_get_prefixes(payload, &prefixes))
        return;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX + PROTOCOL_HEADER_LEN);
    protocol_put_prefixes(&frame, 1, &prefixes);
    if (frame.failed || !str_eq(str_slice(buf_str(&frame), PROTOCOL_HEADER_LEN, frame.len), payload))
        abort();
    buf_deinit(&frame);
}

static void again_kept(struct str payload, struct arena *arena)
{
    struct engine_prefixes kept;
    struct buf frame;
    if (!protocol_get_kept(payload, arena, &kept))
        return;
    buf_init(&frame, PROTOCOL_PAYLOAD_MAX + PROTOCOL_HEADER_LEN);
    protocol_put_kept(&frame, 1, &kept);
    if (frame.failed || !str_eq(str_slice(buf_str(&frame), PROTOCOL_HEADER_LEN, frame.len), payload))
        abort();
    buf_deinit(&frame);
}

static void decode(enum frame_type type, struct str payload, struct arena *arena)
{
    union {
        struct engine_started started;
        struct engine_finished finished;
        struct engine_warmth warmth;
        struct engine_embed embed;
        struct engine_embeddings embeddings;
        struct frame_text text;
        struct frame_config config;
        struct engine_model_info info;
        struct error error;
    } out;
    struct engine_segment *segments;
    struct token_logprob *logprobs;
    struct str text;
    size_t count;
    uint32_t tokens;
    switch (type) {
    case FRAME_GENERATE: again_generate(payload, arena); break;
    case FRAME_COUNT: (void)protocol_get_count(payload, arena, &segments, &count); break;
    case FRAME_WARMTH: again_warmth(payload, arena); break;
    case FRAME_STARTED: (void)protocol_get_started(payload, &out.started); break;
    case FRAME_TEXT: (void)protocol_get_text(payload, arena, &out.text, &logprobs); break;
    case FRAME_FINISHED: (void)protocol_get_finished(payload, &out.finished); break;
    case FRAME_FAILED: (void)protocol_get_failed(payload, &out.error); break;
    case FRAME_COUNTED: (void)protocol_get_counted(payload, &tokens); break;
    case FRAME_WARM: (void)protocol_get_warm(payload, &out.warmth); break;
    case FRAME_PREFIXES: again_prefixes(payload); break;
    case FRAME_KEPT: again_kept(payload, arena); break;
    case FRAME_EMBED: (void)protocol_get_embed(payload, arena, &out.embed); break;
    case FRAME_EMBEDDED: (void)protocol_get_embedded(payload, arena, &out.embeddings); break;
    case FRAME_CONFIG: (void)protocol_get_config(payload, arena, &out.config); break;
    case FRAME_HELLO: (void)protocol_get_hello(payload, arena, &out.info); break;
    case FRAME_FATAL: (void)protocol_get_fatal(payload, &text); break;
    case FRAME_CANCEL:
    case FRAME_TYPE_END: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_header header;
    struct arena arena;
    if (size < PROTOCOL_HEADER_LEN || !protocol_get_header(data, &header))
        return 0;
    arena_init(&arena, 16u << 20);
    decode(header.type, (struct str){(const char *)data + PROTOCOL_HEADER_LEN, size - PROTOCOL_HEADER_LEN}, &arena);
    arena_deinit(&arena);
    return 0;
}
