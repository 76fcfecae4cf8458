/* content.h - what the bodies of several dialects are read with, whatever their members are called: messages, blocks
 * and tool results that are counted before memory is taken for them, cache points in the order in which a cache sees
 * them, search results, tool names, stop sequences. Each dialect's own reader gives the paths and the words. Any
 * thread. */
#ifndef API_CONTENT_H
#define API_CONTENT_H

#include "api/fields.h"
#include "chat/chat.h"

/* What is carried through one body while its parts are parsed in the order in
 * which a cache sees them: tools, system, messages. */
struct content_parser {
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

/* The array of messages: `parse` reads one of them, `where` being its path. */
typedef enum error_code (*content_message_parser)(struct content_parser *parser, yyjson_val *object,
                                                  const char *where, struct chat_message *message);
enum error_code content_each_message(struct content_parser *parser, yyjson_val *messages,
                                     content_message_parser parse) WARN_UNUSED;

/* Notes content blocks about to be parsed, before memory is taken for them. */
enum error_code content_note_blocks(struct content_parser *parser, size_t count, const char *where,
                                    const char *key) WARN_UNUSED;

/* Notes a cache point: at most 4, no TTL longer than the model has, a longer one never after a shorter one. */
enum error_code content_note_cache_point(struct content_parser *parser, const char *where,
                                         uint32_t ttl_seconds) WARN_UNUSED;

/* Text of the user that says nothing is refused where it stands alone. */
enum error_code content_check_blank(const struct chat_block *blocks, size_t count, const char *where, const char *key,
                                    struct error *error) WARN_UNUSED;

/* A search result as a block of its own: it reads as a document. */
enum error_code content_search_result(struct content_parser *parser, struct str title, struct str source,
                                      struct str text, struct chat_block *block) WARN_UNUSED;

/* The required `name` of a tool. */
enum error_code content_tool_name(struct content_parser *parser, yyjson_val *value, const char *where,
                                  struct str *name) WARN_UNUSED;

/* The items of a tool result's `content` array (of `where`), counted; `parse` reads one, `where` being its path
 * then. */
typedef enum error_code (*content_item_parser)(struct content_parser *parser, yyjson_val *item, const char *where,
                                               struct chat_block *block);
enum error_code content_tool_result(struct content_parser *parser, yyjson_val *content, const char *where,
                                    content_item_parser parse, struct chat_block *block) WARN_UNUSED;

/* An array of stop sequences at config.key. */
enum error_code content_parse_stops(yyjson_val *config, const char *where, const char *key,
                                    struct chat_request *request, struct error *error) WARN_UNUSED;

/* A tool call's arguments: the JSON value, {} when it was cut off. */
void content_append_arguments(struct buf *out, struct str json);

#endif
