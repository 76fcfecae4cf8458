/* reply_check.h - what no grammar holds of a schema is looked at once the reply
 * is there. Pure functions, any thread. */
#ifndef GENERATE_REPLY_CHECK_H
#define GENERATE_REPLY_CHECK_H

#include "chat/codec.h"

/* Whether a schema in force asks for more than its grammar may hold: then the reply's blocks are wanted. */
bool reply_needs_check(const struct chat_request *request);

/* ERROR_MODEL: a block of the whole reply does not match its schema. */
enum error_code reply_check(const struct chat_request *request, const struct chat_reply *reply,
                            struct error *error) WARN_UNUSED;

#endif
