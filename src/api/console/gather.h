/* gather.h - what the caches of all workers hold, asked before a question goes to a thread that may wait. Workers
 * answer between two steps; those that are not there, or speak the protocol of another program, are left out. On the
 * exchange's I/O thread. */
#ifndef API_CONSOLE_GATHER_H
#define API_CONSOLE_GATHER_H

#include "api/console/ask.h"

/* Of one model, in the exchange's arena. */
struct gathered {
    const struct model *model;
    struct engine_prefixes prefixes;
    struct engine_call *call; /* NULL: none is on its way */
    struct console_gather *gather;
    bool has_answered;
};

struct console_gather {
    struct console_ask *ask;
    struct gathered *models;
    size_t count, pending;
    void (*then)(struct console_ask *ask);
};

/* The largest `most` prefixes of each model, of the asker's tenant or of all. Calls `then`, sooner or later; where the
 * client leaves before, the call is accounted for and `then` never comes. */
void console_gather(struct console_gather *gather, struct console_ask *ask, uint32_t most,
                    void (*then)(struct console_ask *ask));

/* Bytes of a tenant in a model's cache; data NULL: of all. */
uint64_t gathered_bytes(const struct gathered *gathered, struct str tenant, bool is_on_disk);

#endif
