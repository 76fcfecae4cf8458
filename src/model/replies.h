/* replies.h - `replies:` of fulcrum.yaml: how long a reply may be where neither request nor card says. */
#ifndef MODEL_REPLIES_H
#define MODEL_REPLIES_H

#include "core/config.h"

struct reply_config {
    uint32_t max_tokens; /* 0: the context alone bounds replies */
    uint64_t max_ms;     /* a reply without a maximum ends after that; 0: none */
};
extern const struct config_section replies_section;
const struct reply_config *reply_config(const struct config *config);

#endif
