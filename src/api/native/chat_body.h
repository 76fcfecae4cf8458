/* chat_body.h - the body of OpenAI's chat completions, which most families of
 * today speak, Mistral's with its own words, and the plain completions of the
 * same families (`prompt` instead of `messages`).
 *
 * OpenAI's own API (api/openai) reads and writes it with the same functions: a
 * request whose api_version is set takes more, and is answered as that API
 * answers. Any thread. */
#ifndef API_CHAT_BODY_H
#define API_CHAT_BODY_H

#include "api/needs.h"
#include "chat/codec.h"

#define CHAT_BODY_CUSTOM_INPUT "input"  /* the one argument of a tool that takes free text */
#define CHAT_BODY_HOSTED_TOOLS "tools[]" /* the `where` of extras that are tools of the provider's */

/* Of OpenAI's own API. */
static inline bool chat_body_is_api(const struct chat_request *request)
{
    return request->api_version.data != NULL;
}

/* What a family takes without being told. */
struct chat_body_defaults {
    double temperature, top_p;
};

/* codec->parse for bodies of either form; which one it was, request->raw_prompt tells. */
enum error_code chat_body_parse(yyjson_val *root, const struct chat_body_defaults *defaults,
                                struct chat_request *request, struct error *error) WARN_UNUSED;

/* Reads one message after the other into request->messages. */
struct chat_body_reader {
    struct chat_request *request;
    struct error *error;
    size_t blocks;   /* so far, against limit(content_blocks) */
    bool was_result; /* the last message holds results of tools, and more of them belong there */
    const struct chat_message *grown; /* whose blocks are a list that can grow */
};
enum error_code chat_body_begin(struct chat_body_reader *reader, size_t count, const char *where) WARN_UNUSED;
enum error_code chat_body_message(struct chat_body_reader *reader, yyjson_val *object, const char *where) WARN_UNUSED;
/* A call of a tool, its result: an item each where Responses have them. */
enum error_code chat_body_item_call(struct chat_body_reader *reader, yyjson_val *item, const char *where,
                                    bool is_custom) WARN_UNUSED;
enum error_code chat_body_item_result(struct chat_body_reader *reader, yyjson_val *item, const char *where) WARN_UNUSED;
void chat_body_end(struct chat_body_reader *reader);

/* Its parts: the members `messages`, and `tools`, `tool_choice` and what belongs to them. */
enum error_code chat_body_messages(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;
enum error_code chat_body_tools(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;

/* Of OpenAI's own API: what a part, a message or a tool is marked with, that a cache point stands behind it. */
bool chat_body_mark(const struct chat_request *request, yyjson_val *object, uint32_t *ttl_seconds);
/* Likewise, once all is read: of too many cache points the last ones count, and none has a longer time to live than one
 * before it. */
void chat_body_settle_marks(struct chat_request *request);

/* Calls of tools that take free text, by the tool's name, are written in their own form; the text is out of the call's
 * arguments, which are kept as they are where they were cut off. The text lies in `out`, which is cleared. */
bool chat_body_is_custom(const struct chat_request *request, struct str name);
void chat_body_custom_input(struct str arguments, struct buf *out);
/* The body has `functions`, which its reply has to have as well. */
bool chat_body_has_functions(const struct chat_request *request);

/* "stop", "length", "tool_calls", "content_filter"; "function_call" where the body has functions. */
const char *chat_body_finish_reason(const struct chat_request *request, enum chat_stop_reason stop);
/* The message of a whole reply, and one of its calls: {"id":...,"type":"function","function":{...}} */
void chat_body_append_message(struct buf *out, const struct chat_request *request, const struct chat_reply *reply);
void chat_body_append_call(struct buf *out, const struct chat_request *request, struct str id, struct str name,
                           struct str arguments);

enum error_code chat_body_request_write(const struct chat_request *request, const struct codec_form *form,
                                        struct buf *out, struct error *error) WARN_UNUSED;

/* What a tier is called in `service_tier`; false: it has no such name. */
bool chat_body_tier(struct str name, enum tier *tier);

enum error_code chat_body_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                          struct error *error) WARN_UNUSED;
struct codec_reader *chat_body_stream_open(enum codec_framing framing, const struct chat_sink *sink);

/* temperature, top_p, top_k and seed, where the body has them. */
enum error_code chat_body_sampling(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;

/* A part of a message that is no text: an image, audio, video, a file, or what only the provider knows. */
enum error_code chat_body_media(struct chat_request *request, yyjson_val *part, struct str type, const char *where,
                                struct chat_block *block, struct error *error) WARN_UNUSED;

#endif
