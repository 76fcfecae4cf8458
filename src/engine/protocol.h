/* protocol.h - frames between the gateway and an engine worker.
 *
 * Both ends run on one machine but trust nothing: every length is checked, an
 * unknown type or a field past the frame's end is an error, and the side that
 * sees one drops the link.
 *
 * Transport: Unix stream sockets inherited by the worker. Descriptor 3 is the
 * control link, 4 the shared page with CPU tokens, heartbeat and counters
 * (broker.h), 5, 6, ... one link per I/O thread ("port") of the gateway.
 *
 * Frame: little-endian
 *
 *   u32 length      of the payload, at most PROTOCOL_PAYLOAD_MAX
 *   u32 type        enum frame_type
 *   u32 call        chosen by the gateway, 0 on the control link
 *   payload
 *
 * A string is u32 length and bytes; a boolean is u8 0 or 1.
 *
 * Port links, gateway to worker:
 *   GENERATE  u32 max_tokens, f32 temperature, f32 top_p, i32 top_k, u64 seed,
 *             u8 tier (enum tier), u8 wants to know its certainty, u8 wants the probabilities of its tokens (0: no,
 *             else 1 and how many of the likeliest in each place), string grammar, string tenant, string cache_salt,
 *             u8 cache (off, explicit, implicit), u32 least tokens of a prefix,
 *             u32 count of stops, that many strings,
 *             u32 count of segments, each: u8 flags (1 template, 2 ends a
 *             checkpoint), u32 ttl in seconds, string text
 *   COUNT     u32 count of segments, each as above
 *   WARMTH    string tenant, string cache_salt, u8 cache, u32 least tokens, segments as COUNT
 *   PREFIXES  u8 whether of one tenant only, string tenant, u32 how many at most
 *   EMBED     u8 tier, u32 count of inputs, each: u8 whether it is tokens, then string text, or u32 count and that
 *             many i32
 *   CANCEL    nothing. Unknown calls are ignored: they may just have ended.
 * Port links, worker to gateway:
 *   STARTED   u32 prompt tokens, cache use
 *   TEXT      u32 tokens, certainty, u32 count of probabilities, each: u32 bytes of the text before the token, the
 *             token, u8 count of the likeliest, that many; then text to the end of the frame (whole UTF-8 characters).
 *             A token: f32 logarithm of its probability, string bytes
 *   FINISHED  u8 stop, u32 stop index, u32 prompt, prefilled tokens, cache use,
 *             u32 output tokens, u64 queue, prefill, decode in microseconds,
 *             certainty: u32 tokens, f32 sum of logarithms
 *   FAILED    u8 error code, string message
 *   COUNTED   u32 tokens
 *   WARM      u32 tokens of the prompt, u32 of them warm, u32 of these on disk
 *   KEPT      u8 whether there is more, u32 count of pieces, each: string tenant, u32 tokens, u32 of its own, u64
 *             bytes, u32 hits, u8 on disk, u32 seconds until it ends (2^32 - 1: never), u32 seconds unused;
 *             u32 count of tenants, each: string name, u64 bytes in memory, u64 on disk
 *   EMBEDDED  u32 values of each, u32 count, each: u32 tokens, that many f32
 * A cache use: u32 read, write, written for an hour, u8 miss, u32 its two figures.
 * A GENERATE is answered by at most one STARTED, TEXT any number of times, and
 * exactly one FINISHED or FAILED; after CANCEL by nothing more (but what was
 * on its way). COUNT by one COUNTED or FAILED, WARMTH by one WARM or FAILED,
 * PREFIXES by one KEPT or FAILED, EMBED by one EMBEDDED or FAILED.
 *
 * Control link, gateway to worker:
 *   CONFIG    first and once: the fields of struct frame_config in their order,
 *             each in its own width
 * Control link, worker to gateway:
 *   HELLO     the model is loaded: string fingerprint, u64 parameters,
 *             u32 context, vocabulary, parallel, string architecture,
 *             u8 can cut state, u8 row independent, string hindrance, u32 values of an embedding, string template,
 *             u8 has generic, u8 flags, 8 strings of struct template_generic
 *   FATAL     string message: the model can't be loaded, do not restart */
#ifndef ENGINE_PROTOCOL_H
#define ENGINE_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "engine/engine.h"

#define PROTOCOL_HEADER_LEN 12
#define PROTOCOL_PAYLOAD_MAX (64u << 20)
#define PROTOCOL_FD_CONTROL 3
#define PROTOCOL_FD_BROKER 4
#define PROTOCOL_FD_PORTS 5

enum frame_type {
    FRAME_GENERATE = 1,
    FRAME_COUNT,
    FRAME_CANCEL,
    FRAME_STARTED,
    FRAME_TEXT,
    FRAME_FINISHED,
    FRAME_FAILED,
    FRAME_COUNTED,
    FRAME_CONFIG,
    FRAME_HELLO,
    FRAME_FATAL,
    FRAME_WARMTH,
    FRAME_WARM,
    FRAME_PREFIXES,
    FRAME_KEPT,
    FRAME_EMBED,
    FRAME_EMBEDDED,
    FRAME_TYPE_END,
};

struct frame_header {
    uint32_t length;
    enum frame_type type;
    uint32_t call;
};

/* A tenant's share of a model's cache, in bytes; a ceiling of 0 is none. */
struct frame_tenant {
    struct str name;
    uint64_t floor_bytes, ceiling_bytes;
};

/* What a worker must know of the configuration. Strings borrow from the frame. */
struct frame_config {
    struct str name;      /* of the model */
    struct str path;      /* empty: the embedded model of that name */
    struct str adapter;   /* empty: none */
    uint32_t context;     /* 0: the model's own */
    uint32_t parallel;    /* 0: worker's choice */
    uint32_t threads;     /* 0: worker's choice */
    uint32_t broker_slot; /* index into the broker's page */
    bool deterministic;
    uint8_t log_level, log_format;
    uint64_t queue_tokens, prefill_chunk_tokens, kv_bytes;
    uint64_t cache_memory_bytes; /* of prefix states; 0: no cache */
    uint8_t cache_policy;        /* enum cache_policy_kind */
    struct str cache_dir;        /* of the stores on disk, one below it for each model; empty: none */
    uint64_t cache_disk_bytes;   /* 0: none */
    bool is_objective;           /* of the tiers; see struct scheduler_tiers */
    float objective;
    uint64_t deadline_ms[TIERS];
    uint64_t age_ms, batch_age_ms, batch_step_ms, parked_bytes;
    const struct frame_tenant *tenants; /* that have a share of their own */
    size_t tenant_count;
};

/* Each encoder appends one whole frame; a failure is sticky in the buffer. */
void protocol_put_generate(struct buf *out, uint32_t call, const struct engine_request *request);
void protocol_put_count(struct buf *out, uint32_t call, const struct engine_segment *segments, size_t count);
void protocol_put_warmth(struct buf *out, uint32_t call, const struct engine_request *request);
/* Which prefixes are asked for. */
struct frame_prefixes {
    struct str tenant; /* data NULL: of all */
    uint32_t most;
};
void protocol_put_prefixes(struct buf *out, uint32_t call, const struct frame_prefixes *prefixes);
void protocol_put_embed(struct buf *out, uint32_t call, const struct engine_embed *wanted);
void protocol_put_cancel(struct buf *out, uint32_t call);
void protocol_put_started(struct buf *out, uint32_t call, const struct engine_started *started);
/* What a piece of a reply comes with; `records` are `count` times what protocol_put_logprob has put. */
struct frame_text {
    struct str text;
    uint32_t tokens, count;
    struct engine_certainty certainty;
    struct str records;
};
void protocol_put_logprob(struct buf *out, const struct token_logprob *token);
void protocol_put_text(struct buf *out, uint32_t call, const struct frame_text *frame);
void protocol_put_finished(struct buf *out, uint32_t call, const struct engine_finished *finished);
void protocol_put_failed(struct buf *out, uint32_t call, const struct error *error);
void protocol_put_counted(struct buf *out, uint32_t call, uint32_t tokens);
void protocol_put_warm(struct buf *out, uint32_t call, const struct engine_warmth *warmth);
void protocol_put_kept(struct buf *out, uint32_t call, const struct engine_prefixes *kept);
void protocol_put_embedded(struct buf *out, uint32_t call, const struct engine_embeddings *embeddings);
void protocol_put_config(struct buf *out, const struct frame_config *config);
void protocol_put_hello(struct buf *out, const struct engine_model_info *info);
void protocol_put_fatal(struct buf *out, struct str message);

/* False: not a legal header; the link is broken. */
bool protocol_get_header(const uint8_t bytes[PROTOCOL_HEADER_LEN], struct frame_header *header);

/* Decoders take the payload. False: malformed, or (where an arena is passed)
 * out of memory. Strings borrow from the payload, arrays live in the arena. */
bool protocol_get_generate(struct str payload, struct arena *arena, struct engine_request *request);
bool protocol_get_count(struct str payload, struct arena *arena, struct engine_segment **segments, size_t *count);
bool protocol_get_warmth(struct str payload, struct arena *arena, struct engine_request *request);
bool protocol_get_prefixes(struct str payload, struct frame_prefixes *prefixes);
bool protocol_get_embed(struct str payload, struct arena *arena, struct engine_embed *wanted);
bool protocol_get_started(struct str payload, struct engine_started *started);
/* Sets all but the records, and *logprobs: as many as `count`; NULL where there are none. */
bool protocol_get_text(struct str payload, struct arena *arena, struct frame_text *frame,
                       struct token_logprob **logprobs);
bool protocol_get_finished(struct str payload, struct engine_finished *finished);
bool protocol_get_failed(struct str payload, struct error *error);
bool protocol_get_counted(struct str payload, uint32_t *tokens);
bool protocol_get_warm(struct str payload, struct engine_warmth *warmth);
bool protocol_get_kept(struct str payload, struct arena *arena, struct engine_prefixes *kept);
bool protocol_get_embedded(struct str payload, struct arena *arena, struct engine_embeddings *embeddings);
bool protocol_get_config(struct str payload, struct arena *arena, struct frame_config *config);
bool protocol_get_hello(struct str payload, struct arena *arena, struct engine_model_info *info);
bool protocol_get_fatal(struct str payload, struct str *message);

#endif
