/* anthropic.h - the Anthropic messages body. Its messages are read with what
 * Converse's are read with (api/content.h), in the same order. Any thread. */
#ifndef API_ANTHROPIC_H
#define API_ANTHROPIC_H

#include "api/bedrock/converse.h"
#include "api/native/anthropic_options.h"
#include "api/native/native.h"

enum error_code anthropic_parse(yyjson_val *root, enum codec_use use, struct chat_request *request,
                                struct error *error) WARN_UNUSED;

/* The older body of Claude 2: one prompt with turns inside (anthropic_completion.c). The same models are asked with
 * either, so the body tells. Streams are replies cut in pieces, without events around them. */
bool anthropic_is_completion(yyjson_val *root);
enum error_code anthropic_parse_completion(yyjson_val *root, struct chat_request *request,
                                           struct error *error) WARN_UNUSED;
void anthropic_append_completion(struct buf *out, struct str text); /* {"type":"completion","completion":"..." */
void anthropic_append_completion_stop(struct buf *out, const struct chat_reply *reply);

/* One message; `where` is its path. */
enum error_code anthropic_message(struct content_parser *parser, yyjson_val *object, const char *where,
                                  struct chat_message *message) WARN_UNUSED;

/* Content as a string or as an array of blocks; `key` is its place in `where`. */
enum error_code anthropic_content(struct content_parser *parser, yyjson_val *content, const char *where,
                                  const char *key, enum chat_role role, struct chat_block **blocks,
                                  size_t *block_count) WARN_UNUSED;

/* One citation: from a reply, in a request or of an upstream, and into one. */
void anthropic_read_citation(yyjson_val *object, struct chat_citation *citation);
void anthropic_append_citation(struct buf *out, const struct chat_citation *citation);
void anthropic_append_citations(struct buf *out, const struct chat_citation *citations,
                                size_t count); /* ,"citations":[...], nothing where there are none */

enum error_code anthropic_request_write(const struct chat_request *request, const struct codec_form *form,
                                        struct buf *out, struct error *error) WARN_UNUSED;
void anthropic_append_cache_control(struct buf *out, uint32_t ttl_seconds); /* ,"cache_control":{...} */

enum error_code anthropic_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                          struct error *error) WARN_UNUSED;
struct codec_reader *anthropic_stream_open(enum codec_framing framing, const struct chat_sink *sink);

/* The member cache_control of a block or a tool: a cache point behind it. */
enum error_code anthropic_cache_control(struct content_parser *parser, yyjson_val *object, const char *where,
                                        bool *is_there, uint32_t *ttl_seconds) WARN_UNUSED;

#endif
