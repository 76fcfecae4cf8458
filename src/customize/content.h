/* content.h - what one turn of a conversation says: a text, or texts, calls of tools and their results.
 *
 * Blocks are read in Converse's words ({"text"}, {"toolUse"}, {"toolResult"}) and Anthropic's ({"type": "tool_use"},
 * ...), and kept in Converse's. Pure; any thread. */
#ifndef CUSTOMIZE_CONTENT_H
#define CUSTOMIZE_CONTENT_H

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

/* Calls, or results: how many, and a sum over their IDs. What answers one another is equal. */
struct content_ids {
    uint32_t count;
    uint64_t sum;
};

/* Strings lie in the arena. */
struct content {
    struct str text;   /* texts, joined as the chat template joins them; of calls and results what they say */
    struct str blocks; /* Converse's list, compact JSON; data NULL: it is text alone */
    struct content_ids calls, results;
};

/* Whether it says nothing. */
static inline bool content_is_blank(const struct content *content)
{
    return !content->blocks.data && str_trim(content->text).len == 0;
}

/* ERROR_INVALID: the object has a member that is none of the names (NULL ends them) and not null: what nobody here
 * knows may change what it means. */
enum error_code content_check_members(yyjson_val *object, const char *path, const char *const *names,
                                      struct error *error) WARN_UNUSED;

/* A list of blocks; cache points say nothing. ERROR_INVALID begins with the path of what can't be taken, below
 * `path`. */
enum error_code content_read(yyjson_val *list, const char *path, struct arena *arena, struct content *content,
                             struct error *error) WARN_UNUSED;

/* The chunks of a logged stream, of Converse, Nova or Anthropic. */
enum error_code content_read_stream(yyjson_val *chunks, struct arena *arena, struct content *content,
                                    struct error *error) WARN_UNUSED;

/* Tools that a request offers: Converse's toolConfig, or Anthropic's list with its tool_choice (may be NULL). As a
 * toolConfig without cache points, compact JSON; empty: there are none. */
enum error_code content_read_tools(yyjson_val *config, yyjson_val *choice, const char *path, struct arena *arena,
                                   struct str *tools, struct error *error) WARN_UNUSED;

#endif
