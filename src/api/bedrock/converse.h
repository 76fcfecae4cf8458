/* converse.h - Converse bodies: parsing and writing. The Nova native body is
 * nearly the same and shares the content parser. Any thread. */
#ifndef API_CONVERSE_H
#define API_CONVERSE_H

#include "api/citations.h"
#include "api/needs.h"
#include "chat/codec.h"

extern const struct codec converse_codec;

/* What is carried through one body while its parts are parsed in the order in
 * which a cache sees them: tools, system, messages. */
struct converse_parser {
    struct chat_request *request;
    struct error *error;
    bool has_inline_cache_points; /* Nova: `cachePoint` is a member of the block it follows */
    size_t blocks; /* content blocks so far, against limit(content_blocks) */
    size_t result_items; /* and items of tool results, likewise */
    size_t cache_points;
    uint32_t shortest_ttl; /* of the cache points so far, 0: none */
    bool has_tool_blocks;
    bool is_newer_version; /* Anthropic: the body names 2026-10-21, which takes less */
};

/* Each takes the member's value (NULL when absent). */
enum error_code converse_parse_tools(struct converse_parser *parser, yyjson_val *tool_config) WARN_UNUSED;
enum error_code converse_parse_system(struct converse_parser *parser, yyjson_val *system) WARN_UNUSED;
enum error_code converse_parse_messages(struct converse_parser *parser, yyjson_val *messages) WARN_UNUSED;

/* The same for messages of another dialect: `parse` reads one of them, `where` being its path. */
typedef enum error_code (*converse_message_parser)(struct converse_parser *parser, yyjson_val *object,
                                                   const char *where, struct chat_message *message);
enum error_code converse_each_message(struct converse_parser *parser, yyjson_val *messages,
                                      converse_message_parser parse) WARN_UNUSED;

/* One content block, and behind it the cache point that it may hold: at blocks[*count]. */
enum error_code converse_parse_block(struct converse_parser *parser, yyjson_val *item, const char *where,
                                     struct chat_block *blocks, size_t *count) WARN_UNUSED;

/* Notes content blocks about to be parsed, before memory is taken for them. */
enum error_code converse_note_blocks(struct converse_parser *parser, size_t count, const char *where,
                                     const char *key) WARN_UNUSED;

/* Notes a cache point: at most 4, no TTL longer than the model has, a longer one never after a shorter one. */
enum error_code converse_note_cache_point(struct converse_parser *parser, const char *where,
                                          uint32_t ttl_seconds) WARN_UNUSED;

/* A search result as a block of its own: it reads as a document. */
enum error_code converse_search_result(struct converse_parser *parser, struct str title, struct str source,
                                       struct str text, struct chat_block *block) WARN_UNUSED;

/* Text of the user that says nothing is refused where it stands alone. */
enum error_code converse_check_blank(const struct chat_block *blocks, size_t count, const char *where, const char *key,
                                     struct error *error) WARN_UNUSED;

/* A `cachePoint` member: checked and noted. */
enum error_code converse_cache_point(struct converse_parser *parser, yyjson_val *value, const char *where,
                                     uint32_t *ttl_seconds) WARN_UNUSED;

/* The required `name` of a tool. */
enum error_code converse_tool_name(struct converse_parser *parser, yyjson_val *value, const char *where,
                                   struct str *name) WARN_UNUSED;

/* The items of a tool result's `content` array (of `where`), counted; `parse` reads one, `where` being its path
 * then. */
typedef enum error_code (*converse_item_parser)(struct converse_parser *parser, yyjson_val *item, const char *where,
                                                struct chat_block *block);
enum error_code converse_result_content(struct converse_parser *parser, yyjson_val *content, const char *where,
                                        converse_item_parser parse, struct chat_block *block) WARN_UNUSED;

/* The map of requestMetadata, also that of InvokeModel's header. */
enum error_code converse_parse_metadata(yyjson_val *metadata, struct chat_request *request,
                                        struct error *error) WARN_UNUSED;

/* The member additionalModelRequestFields of `root`, after all that it may add to. */
enum error_code converse_parse_model_fields(yyjson_val *root, struct chat_request *request,
                                            struct error *error) WARN_UNUSED;
enum error_code converse_parse_top_k(yyjson_val *object, const char *path, const char *key,
                                     struct chat_sampling *sampling, struct error *error) WARN_UNUSED;

/* An array of stop sequences at config.key. */
enum error_code converse_parse_stops(yyjson_val *config, const char *where, const char *key,
                                     struct chat_request *request, struct error *error) WARN_UNUSED;

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
void converse_append_arguments(struct buf *out, struct str json); /* the JSON value, {} when cut off */

#endif
