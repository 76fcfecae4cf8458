/* reply_parser.h - splits a model's text, as it streams, into text and tool
 * use blocks, by the family's tool-call syntax.
 *
 * Text is passed on as soon as it can't be the beginning of a tool call. With
 * no tools in the request everything is text. A call that does not parse is
 * passed on as text when the choice was auto (has_malformed_call tells).
 * Tool use ids are "tooluse_" and 22 random characters. One thread at a time. */
#ifndef CHAT_REPLY_PARSER_H
#define CHAT_REPLY_PARSER_H

#include "chat/chat.h"
#include "chat/template.h"

struct reply_parser;

/* `request` and `sink` must outlive the parser. NULL when memory is out. */
struct reply_parser *reply_parser_new(enum template_family family, const struct chat_request *request,
                                      const struct chat_sink *sink);
void reply_parser_free(struct reply_parser *parser);

/* Before each piece of text in a block of text is passed on: from which byte to which of all that was fed it is. */
void reply_parser_on_text(struct reply_parser *parser, void (*on_text)(void *ctx, size_t index, size_t from, size_t to),
                          void *ctx);

enum error_code reply_parser_feed(struct reply_parser *parser, struct str text, struct error *error) WARN_UNUSED;

/* End of text: flushes what was held back and closes the open block. */
enum error_code reply_parser_finish(struct reply_parser *parser, struct error *error) WARN_UNUSED;

size_t reply_parser_tool_use_count(const struct reply_parser *parser);
bool reply_parser_has_malformed_call(const struct reply_parser *parser);

#endif
