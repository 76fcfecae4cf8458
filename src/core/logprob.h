/* logprob.h - how likely a model found the tokens of its reply: natural logarithms of the probabilities that it gave
 * them itself, at temperature 1, before sampling and before a grammar left some out. */
#ifndef CORE_LOGPROB_H
#define CORE_LOGPROB_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define LOGPROB_LEAST (-9999.0F) /* of what has no probability */
#define LOGPROB_TOP_MAX 20       /* that are told of one place */

struct logprob {
    struct str bytes; /* of the token: it may begin or end within a character */
    float value;      /* 0 and below */
};

/* One place of a reply. */
struct token_logprob {
    struct logprob chosen;
    const struct logprob *top; /* the likeliest there, the likeliest first; `chosen` may be among them */
    size_t top_count;
    size_t at; /* bytes of the text that this goes with before the token begins */
};

/* All of it into the arena. False: no memory. */
bool token_logprob_copy(struct arena *arena, const struct token_logprob *from, struct token_logprob *to) WARN_UNUSED;

#endif
