/* engine_logprobs.h - the tokens of a reply, as the worker tells them with its text, brought to the blocks that the
 * reply parser makes of that text: those of tool calls and of the marks around them are nobody's. One thread at a
 * time. */
#ifndef GENERATE_ENGINE_LOGPROBS_H
#define GENERATE_ENGINE_LOGPROBS_H

#include "chat/chat.h"
#include "chat/reply_parser.h"

struct engine_logprobs {
    const struct chat_sink *sink;
    struct arena arena;
    struct token_logprob *items; /* those that no block has yet, behind `first`; `at` counts from the reply's begin */
    size_t first, count, cap;
    size_t fed; /* bytes of the reply that the parser was given before */
    bool is_out_of_memory;
};

/* What the parser passes on goes to the sink, each piece of text behind its tokens. Where the request wants none
 * nothing is done, by any of these. */
void engine_logprobs_init(struct engine_logprobs *all, const struct chat_request *request, struct reply_parser *parser,
                          const struct chat_sink *sink);
void engine_logprobs_deinit(struct engine_logprobs *all); /* twice is harmless */

/* Those of the text that is fed next. */
void engine_logprobs_add(struct engine_logprobs *all, const struct token_logprob *tokens, size_t count);
/* reply_parser_feed. */
enum error_code engine_logprobs_feed(struct engine_logprobs *all, struct reply_parser *parser, struct str text,
                                     struct error *error) WARN_UNUSED;

/* Whether those of so long a reply can be held; the refusal names the member. */
enum error_code engine_logprobs_check(const struct chat_request *request, uint32_t context, struct error *error)
    WARN_UNUSED;

#endif
