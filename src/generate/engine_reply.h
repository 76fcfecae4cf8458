/* engine_reply.h - what all replies of the engine have in common. Pure functions. */
#ifndef GENERATE_ENGINE_REPLY_H
#define GENERATE_ENGINE_REPLY_H

#include "chat/reply_parser.h"
#include "engine/engine.h"

enum chat_stop_reason engine_stop_reason(const struct reply_parser *parser, enum engine_stop stop);

/* Of the tokens of a reply; 0 where nobody asked how certain it is. */
static inline double engine_mean_logprob(const struct engine_certainty *certainty)
{
    return certainty->tokens > 0 ? (double)certainty->sum / certainty->tokens : 0;
}

#endif
