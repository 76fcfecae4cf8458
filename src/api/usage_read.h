/* usage_read.h - what a provider counted of a reply, made into our counts: once, in the codec that reads it, and
 * checked there. Fresh, read and written tokens never hold each other afterwards. Pure functions, any thread. */
#ifndef API_USAGE_READ_H
#define API_USAGE_READ_H

#include "chat/chat.h"

struct usage_said {
    uint64_t prompt;
    uint64_t read, written; /* from and to the cache */
    uint64_t written_1h;    /* of what was written */
    uint64_t replied, reasoning;
    uint64_t total;         /* of all; 0: not said */
    bool is_apart;          /* the API's prompt holds neither what was read nor what was written */
    bool is_odd;            /* something else of what was said contradicts itself */
};

/* Where an API counts cached tokens inside of the prompt, some gateways count them beside it: the total tells, or sums
 * that are larger than the prompt. There nothing is taken off, and the counts are marked as CHAT_USAGE_ODD, as are all
 * that do not add up. What was said of the tier stays. */
void usage_take(const struct usage_said *said, struct chat_usage *usage);

#endif
