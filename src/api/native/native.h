/* native.h - the models' own bodies, for InvokeModel, by family, each a codec of
 * chat/codec.h; and what several of these bodies are read and written with. Any
 * thread. */
#ifndef API_NATIVE_H
#define API_NATIVE_H

#include "chat/codec.h"
#include "core/json.h"

extern const struct codec anthropic_codec;
extern const struct codec nova_codec;
extern const struct codec llama_codec;
extern const struct codec titan_codec;
extern const struct codec mistral_codec;
extern const struct codec cohere_codec;
extern const struct codec chat_codec;  /* OpenAI's chat completions */
extern const struct codec jurassic_codec;
extern const struct codec converse_body_codec;

/* Makes all codecs known to chat/codec.h; before threads start. */
void native_register(void);

/* --- reading ---------------------------------------------------------------------------------------- */

/* A codec->parse around what reads the body's object. */
typedef enum error_code (*native_root_parser)(yyjson_val *root, struct chat_request *request, struct error *error);
enum error_code native_parse(yyjson_val *root, native_root_parser parse_root, struct chat_request *request,
                             struct error *error) WARN_UNUSED;

/* --- writing ---------------------------------------------------------------------------------------- */

unsigned long long native_prompt_tokens(const struct chat_usage *usage); /* cached and new ones together */

/* Bodies that know text only show no reasoning. */
static inline bool native_is_shown(enum chat_block_kind kind)
{
    return kind == CHAT_TEXT || kind == CHAT_TOOL_USE || kind == CHAT_REFUSAL;
}

/* The text of a reply to a bare prompt, which is one block; "" where nothing was said. */
struct str native_reply_text(const struct chat_reply *reply);
void native_append_texts(struct buf *out, const struct chat_reply *reply); /* all text blocks as one JSON string */

/* "amazon-bedrock-invocationMetrics":{...}, which rides on a native stream's last chunk. */
void native_append_metrics(struct buf *out, const struct chat_reply *reply);

/* Ends the stream's last chunk, an object that ends in a comma so far, with the metrics, and emits it. */
void native_emit_last(struct codec_stream *stream, const struct chat_reply *reply, const char *event_type);

/* For streams that say nothing where a block starts or stops. */
void native_no_block_start(struct codec_stream *stream, size_t index, enum chat_block_kind kind, struct str tool_id,
                           struct str tool_name);
void native_no_block_stop(struct codec_stream *stream, size_t index, enum chat_block_kind kind);

#endif
