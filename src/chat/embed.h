/* embed.h - what is to be embedded, and what comes of it: the neutral request and reply of embeddings, as chat.h is of
 * conversations. A request for embeddings is a chat_request without messages, whose `embed` is this. Plain data. */
#ifndef CHAT_EMBED_H
#define CHAT_EMBED_H

#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define EMBED_INPUTS_MAX 2048u

struct embed_input {
    struct str text;       /* data NULL: tokens of the model instead */
    const int32_t *tokens;
    uint32_t token_count;
};

struct embed_request {
    const struct embed_input *inputs;
    size_t count;        /* 1 .. EMBED_INPUTS_MAX */
    uint32_t dimensions; /* values wanted of each; 0: as many as the model makes */
};

struct embeddings {
    uint32_t width;         /* values of each */
    size_t count;
    const float *values;    /* [count][width] */
    const uint32_t *tokens; /* of each input; NULL: only their sum is known */
    uint64_t input_tokens;
};

#endif
