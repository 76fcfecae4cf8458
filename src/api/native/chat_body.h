/* chat_body.h - the body of OpenAI's chat completions, which most families of
 * today speak, Mistral's with its own words, and the plain completions of the
 * same families (`prompt` instead of `messages`). Any thread. */
#ifndef API_CHAT_BODY_H
#define API_CHAT_BODY_H

#include "api/needs.h"
#include "chat/codec.h"

/* What a family takes without being told. */
struct chat_body_defaults {
    double temperature, top_p;
};

/* codec->parse for bodies of either form; which one it was, request->raw_prompt tells. */
enum error_code chat_body_parse(yyjson_val *root, const struct chat_body_defaults *defaults,
                                struct chat_request *request, struct error *error) WARN_UNUSED;

/* Its parts: the members `messages`, and `tools`, `tool_choice` and what belongs to them. */
enum error_code chat_body_messages(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;
enum error_code chat_body_tools(yyjson_val *root, struct chat_request *request, struct error *error) WARN_UNUSED;

enum error_code chat_body_request_write(const struct chat_request *request, const struct codec_form *form,
                                        struct buf *out, struct error *error) WARN_UNUSED;

enum error_code chat_body_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                          struct error *error) WARN_UNUSED;
struct codec_reader *chat_body_stream_open(enum codec_framing framing, const struct chat_sink *sink);

/* A part of a message that is no text: an image, audio, video, a file, or what only the provider knows. */
enum error_code chat_body_media(struct chat_request *request, yyjson_val *part, struct str type, const char *where,
                                struct chat_block *block, struct error *error) WARN_UNUSED;

#endif
