/* anthropic.h - the Anthropic messages body. Any thread. */
#ifndef API_ANTHROPIC_H
#define API_ANTHROPIC_H

#include "api/native.h"

enum error_code anthropic_parse(struct str body, enum codec_use use, struct chat_request *request,
                                struct error *error) WARN_UNUSED;

#endif
