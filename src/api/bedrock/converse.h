/* converse.h - Converse bodies: parsing and writing. The Nova native body is
 * nearly the same and shares these parts; what other bodies share too is in
 * api/content.h. Any thread. */
#ifndef API_CONVERSE_H
#define API_CONVERSE_H

#include "api/citations.h"
#include "api/content.h"
#include "api/needs.h"
#include "chat/codec.h"

extern const struct codec converse_codec;

/* Each takes the member's value (NULL when absent). */
enum error_code converse_parse_tools(struct content_parser *parser, yyjson_val *tool_config) WARN_UNUSED;
enum error_code converse_parse_system(struct content_parser *parser, yyjson_val *system) WARN_UNUSED;
enum error_code converse_parse_messages(struct content_parser *parser, yyjson_val *messages) WARN_UNUSED;

/* One content block, and behind it the cache point that it may hold: at blocks[*count]. */
enum error_code converse_parse_block(struct content_parser *parser, yyjson_val *item, const char *where,
                                     struct chat_block *blocks, size_t *count) WARN_UNUSED;

/* A `cachePoint` member: checked and noted. */
enum error_code converse_cache_point(struct content_parser *parser, yyjson_val *value, const char *where,
                                     uint32_t *ttl_seconds) WARN_UNUSED;

/* The map of requestMetadata, also that of InvokeModel's header. */
enum error_code converse_parse_metadata(yyjson_val *metadata, struct chat_request *request,
                                        struct error *error) WARN_UNUSED;

/* The member additionalModelRequestFields of `root`, after all that it may add to. */
enum error_code converse_parse_model_fields(yyjson_val *root, struct chat_request *request,
                                            struct error *error) WARN_UNUSED;
enum error_code converse_parse_top_k(yyjson_val *object, const char *path, const char *key,
                                     struct chat_sampling *sampling, struct error *error) WARN_UNUSED;

/* Service tiers by name. Whether there is a reservation the request's tenant knows, not the parser. */
enum error_code converse_parse_tier(struct str name, struct chat_request *request, struct error *error) WARN_UNUSED;
const char *converse_stop_reason(enum chat_stop_reason stop);

/* A Converse body, or the `converse` member of CountTokens. */
enum error_code converse_parse(yyjson_val *root, enum codec_use use, struct chat_request *request,
                               struct error *error) WARN_UNUSED;
enum error_code converse_request_write(const struct chat_request *request, const struct codec_form *form,
                                       struct buf *out, struct error *error) WARN_UNUSED;
enum error_code converse_reply_parse(yyjson_val *root, struct arena *arena, struct chat_reply *reply,
                                         struct error *error) WARN_UNUSED;
struct codec_reader *converse_stream_open(enum codec_framing framing, const struct chat_sink *sink);

bool converse_write(const struct chat_request *request, const struct chat_reply *reply, struct buf *out);

/* One citation: from a reply, in a request or of an upstream, and into one. */
void converse_read_citation(yyjson_val *object, struct chat_citation *citation);
void converse_append_citation(struct buf *out, const struct chat_citation *citation);

/* Parts of replies, shared with the Nova body. */
void converse_append_message(struct buf *out, const struct chat_reply *reply);
void converse_append_usage(struct buf *out, const struct chat_usage *usage); /* "usage":{...} */
void converse_block_start(struct buf *out, size_t index, struct str tool_id, struct str tool_name);
void converse_block_delta(struct buf *out, size_t index, enum chat_block_kind kind, struct str text);
void converse_block_cites(struct buf *out, size_t index, const struct chat_citation *citation);
/* Members of content blocks: "citationsContent":{...} and "reasoningContent":{...}. */
void converse_append_cited(struct buf *out, struct str text, const struct chat_citation *citations, size_t count);
void converse_append_reasoning(struct buf *out, struct str text, struct str signature, struct str data);

#endif
