/* codec.h - dialect bodies to chat requests, replies to dialect bodies.
 *
 * Dialects register one codec each at start-up. The pipeline, batch jobs,
 * distillation and logs read and write bodies only through this table, so
 * that nothing below the dialects knows one. Registration before threads
 * start; everything else any thread. */
#ifndef CHAT_CODEC_H
#define CHAT_CODEC_H

#include "chat/cache_use.h"
#include "chat/chat.h"
#include "core/buf.h"
#include "core/catalog.h"

struct codec;

struct chat_reply_block {
    enum chat_block_kind kind; /* CHAT_TEXT, CHAT_TOOL_USE, CHAT_REASONING or CHAT_REFUSAL */
    struct str text;           /* the text, or the arguments' JSON text */
    struct str tool_id, tool_name;
    struct str signature; /* of reasoning: what it has to come back with */
    struct str data;      /* of reasoning that is shown to nobody, base64: instead of its text */
    const struct chat_citation *citations; /* of text */
    size_t citation_count;
    const struct token_logprob *logprobs; /* of text, where the request wants them; `at` counts from its begin */
    size_t logprob_count;
};

/* A reply besides the first. */
struct chat_choice {
    const struct chat_reply_block *blocks;
    size_t block_count;
    enum chat_stop_reason stop;
    double mean_logprob; /* of its tokens, where request->best is set */
};

/* A reply as far as it is known. At a stream's start only the identity, the
 * input side of usage and first_byte_ms are. */
/* What an upstream says itself of its prompt cache, to who asked for it. */
struct chat_told_miss {
    bool is_told;
    enum chat_cache_miss why;
    uint64_t tokens; /* that were not read because of it */
};

struct chat_reply {
    struct str request_id; /* UUID */
    struct str model_id;   /* as asked for; behind a router that of the model that answers */
    struct str routed_to;  /* behind a router: the same as its list of models has it; else empty */
    struct str doubted;    /* likewise: of the model whose answer this one replaces; empty: there is none */
    const struct codec *native; /* the body shape of the model, for fields of a native reply; may be NULL */
    const struct chat_reply_block *blocks;
    size_t block_count;
    enum chat_stop_reason stop;
    struct str stop_sequence; /* with CHAT_STOP_SEQUENCE */
    const struct chat_choice *choices; /* of a whole one: those besides it, where the request wants several */
    size_t choice_count;
    struct str upstream_id, upstream_model; /* of an upstream's: as it calls them; else empty */
    struct chat_usage usage;
    struct chat_told_miss miss; /* of an upstream's */
    bool has_late_input;    /* at the start of its stream the input side of usage was an estimate */
    bool is_verbatim;       /* of an upstream's: it comes in its own words beside the blocks, for who passes those on */
    yyjson_val *verbatim;   /* likewise, of a whole one: its body, valid inside on_finished */
    double mean_logprob;    /* of its tokens, where request->best is set */
    double confidence;      /* of a whole one, where it was asked for: how sure its model was; below 0: not known */
    uint64_t latency_ms;    /* of the whole call */
    uint64_t first_byte_ms; /* until the first token */
};

/* One stream being written. Codecs build a payload in `scratch` and emit it. */
struct codec_stream {
    const struct codec *codec;
    const struct chat_request *request;
    const struct chat_reply *reply; /* the codec's own: set by its stream_start, for those that name it in each chunk */
    size_t choice;                  /* likewise: whose chunks are written */
    size_t calls;                   /* likewise: tool calls that have begun */
    size_t events;                  /* likewise: so many were emitted */
    bool is_verbatim;               /* its events are an upstream's own: blocks are not told */
    bool has_end;                   /* likewise: the last one that counts was among them */
    bool is_start_owed;             /* likewise: a block has begun whose form its first piece will tell */
    uint64_t created_s;             /* likewise: Unix time that all its events name */
    const struct token_logprob *logprobs; /* of the piece of text that is told */
    size_t logprob_count;
    size_t characters;              /* the codec's own: of the text told so far */
    struct buf held_logprobs;       /* likewise: of the block that is open, as they are written */
    struct str held_id, held_name;  /* likewise: of the call in `held`, in the request's arena */
    struct buf held;                /* likewise: what can't be told before its block is whole */
    struct buf scratch;
    void *ctx;
    void (*emit)(void *ctx, struct str event_type, struct str payload);
};

enum codec_use {
    CODEC_GENERATE, /* a reply is wanted */
    CODEC_COUNT,    /* only the prompt matters; members about the reply may be missing */
};

/* What a body to an upstream says besides the request. */
struct codec_form {
    struct str model;     /* said in the body; data NULL: not there, as with Bedrock, whose paths say it */
    bool is_stream;       /* where the body says so */
    bool is_count;        /* the tokens of the prompt are wanted: what is about the reply is left out */
    bool says_cache_points; /* chat completions: its parts may be marked as ends of prefixes */
    /* Chat completions of vLLM; data NULL: of others. Caches are shared by those with the same salt alone, and the less
     * the priority, the sooner. What the client says of either is left out. */
    struct str cache_salt;
    int priority;
    bool says_max_tokens; /* chat completions: by the name that max_completion_tokens had before */
};

enum codec_framing {
    CODEC_FRAMES_EVENTSTREAM, /* of Bedrock: application/vnd.amazon.eventstream */
    CODEC_FRAMES_SSE,         /* text/event-stream */
};

/* The stream of one reply of an upstream, being read into blocks. A codec's stream_open makes it; one thread. */
struct codec_reader {
    const struct codec *codec;
    struct chat_sink sink; /* strings are valid during the call */
    void (*block_cites)(void *ctx, size_t index, const struct chat_citation *citation); /* of sink.ctx; NULL: unheard */
    struct chat_reply reply; /* as far as it is known, without blocks; its strings live as long as the reader */
    bool is_started; /* the upstream has begun to answer: usage of the prompt is known where its API says it now */
    bool has_stop;   /* reply.stop is known */
    bool is_over;    /* nothing follows that counts */
    /* Each event that has been read, of sink.ctx; after what it means has gone into the sink. NULL: unheard. */
    void (*event)(void *ctx, struct str type, yyjson_val *root);
};

struct codec {
    const char *name; /* "converse", "anthropic", "nova", "llama", ... */
    bool needs_whole_reply; /* its stream_end wants the reply's blocks */
    bool (*wants_whole_reply)(const struct chat_request *request); /* does so for this request; NULL: never */

    /* Called by codec_parse and codec_parse_text below. */
    enum error_code (*parse)(yyjson_val *root, enum codec_use use, struct chat_request *request, struct error *error);

    /* Appends the whole reply. */
    bool (*write)(const struct chat_request *request, const struct chat_reply *reply, struct buf *out);

    void (*stream_start)(struct codec_stream *stream, const struct chat_reply *reply);
    void (*stream_block_start)(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str tool_id,
                               struct str tool_name);
    void (*stream_block_delta)(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str text);
    void (*stream_block_stop)(struct codec_stream *stream, size_t index, enum chat_block_kind kind);
    /* Of the text block that is open. NULL: the dialect has no word for it. */
    void (*stream_block_cites)(struct codec_stream *stream, size_t index, const struct chat_citation *citation);
    void (*stream_end)(struct codec_stream *stream, const struct chat_reply *reply);
    /* Instead of stream_end, once it has started: what went wrong, in an event of its own. False: that could not be
     * said. NULL: the framing of the stream says it. */
    bool (*stream_fail)(struct codec_stream *stream, const struct error *error);

    /* For replies of upstreams to requests in their own words (request->origin), which lose nothing on their way: says
     * an event, or a whole reply, as it came but for the model's name. After the events comes stream_end, which knows
     * them by stream->is_verbatim. NULL: replies are always said anew. */
    void (*stream_pass)(struct codec_stream *stream, struct str type, yyjson_val *event);
    bool (*pass)(const struct chat_request *request, const struct chat_reply *reply, yyjson_val *body, struct buf *out);

    /* For upstreams that speak it; NULL: none does. Appends the body that asks for the same: raw nodes and extras as
     * they are where the request came in this dialect, else said in its words. ERROR_INVALID begins with the path of
     * what it has no words for; *out holds a part then. */
    enum error_code (*request_write)(const struct chat_request *request, const struct codec_form *form, struct buf *out,
                                     struct error *error);

    /* A whole reply; its strings point into the root's document (json_parse_exact) and the arena. Blocks of kinds that
     * nobody here knows are left out, and unknown words are the nearest known. What is no reply is ERROR_MODEL. */
    enum error_code (*reply_parse)(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                   struct error *error);

    /* A streamed one, in pieces of any size. An event is held until it is whole, up to limit(upstream_event_bytes);
     * text goes through. What the upstream says went wrong has the code that fits, what can't be read is ERROR_MODEL;
     * after an error only close is left. finish is for the end of the connection: whether the reply is whole. */
    struct codec_reader *(*stream_open)(enum codec_framing framing, const struct chat_sink *sink); /* NULL: no memory */
    enum error_code (*stream_parse)(struct codec_reader *reader, struct str bytes, struct error *error);
    enum error_code (*stream_finish)(struct codec_reader *reader, struct error *error);
    void (*stream_close)(struct codec_reader *reader); /* NULL is legal */
};

#define CODEC_MAX 16
void codec_register(const struct codec *codec); /* twice is harmless */
const struct codec *codec_find(struct str name); /* NULL: none of that name */

/* The body of InvokeModel for models of a shape, and whose native reply
 * additionalModelResponseFieldPaths of Converse look into. NULL: nobody
 * registered one. */
struct codec_pair {
    const struct codec *body, *fields;
};
void codec_register_native(enum body_shape shape, struct codec_pair pair);
struct codec_pair codec_native(enum body_shape shape);

/* Reads a body that is parsed already (json_parse_exact: numbers stay the text
 * that they were written as) into a request that is zeroed but for its arena
 * and the members that chat.h names as set before parsing. The request keeps
 * pointing into the body's document, which must outlive it: either somebody
 * else owns that, or it becomes the request's by `request->document`, which
 * codec_request_free frees. On failure nothing needs to be freed. */
enum error_code codec_parse(const struct codec *codec, yyjson_val *root, enum codec_use use,
                            struct chat_request *request, struct error *error) WARN_UNUSED;
/* The same for a body's text; the document is the request's. codec_request_free after OK. */
enum error_code codec_parse_text(const struct codec *codec, struct str text, enum codec_use use,
                                 struct chat_request *request, struct error *error) WARN_UNUSED;
void codec_request_free(struct chat_request *request); /* its document, where it has one; twice is harmless */

/* Emits what is in the scratch buffer as one event and empties it. Sticky: a
 * stream whose scratch failed emits nothing more, and codec_stream_failed tells. */
/* Appends the object with its member `key` replaced by that text. */
void codec_append_with(struct buf *out, yyjson_val *object, const char *key, struct str text);
void codec_stream_emit(struct codec_stream *stream, const char *event_type);
bool codec_stream_failed(const struct codec_stream *stream);

#endif
