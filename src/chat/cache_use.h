/* cache_use.h - what a prompt cache did for one request, whoever keeps it: the
 * embedded engine, or an upstream that says what it read. Plain data, any thread. */
#ifndef CHAT_CACHE_USE_H
#define CHAT_CACHE_USE_H

#include <stdbool.h>
#include <stdint.h>

/* Why less was read than could have been. */
enum chat_cache_miss {
    CHAT_MISS_NONE, /* everything asked for was read */
    CHAT_MISS_FIRST_USE,
    CHAT_MISS_CHANGED,       /* at token miss_value */
    CHAT_MISS_BELOW_MINIMUM, /* miss_value of miss_need tokens */
    CHAT_MISS_EXPIRED,       /* unused for miss_value seconds */
    CHAT_MISS_EVICTED,
    CHAT_MISS_NO_CHECKPOINT,
    CHAT_MISS_DISABLED,
};

/* A mark that this program has placed, or thought of: what it would keep, for how long, and why. */
struct chat_placed_mark {
    uint32_t ttl_seconds; /* 0: none is placed */
    uint32_t tokens;      /* about, of the prompt before it */
    double expected;      /* times that they are expected to come back meanwhile */
};

/* A prompt has read + write + plain input tokens. */
struct chat_cache_use {
    uint32_t read_tokens;
    uint32_t write_tokens;    /* all */
    uint32_t write_1h_tokens; /* of them, up to checkpoints that live for an hour */
    enum chat_cache_miss miss;
    uint32_t miss_value, miss_need;
    bool is_late; /* an upstream that tells it at the end alone has not yet */
    bool is_thought_of; /* the client has placed no mark, and a provider of marks is asked */
    struct chat_placed_mark system, end; /* then: behind tools and system text, and behind the last message */
};

#endif
