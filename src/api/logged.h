/* logged.h - what a request that asks a model for a reply leaves in its tenant's invocation log
 * (invocations/invocations.h): the bytes of its dialect, as they came and went. On the exchange's I/O thread, but for
 * logged_input. NULL for `invocation` means that it is not logged; only logged_begin is ever called then. */
#ifndef API_LOGGED_H
#define API_LOGGED_H

#include "api/call.h"
#include "invocations/invocations.h"

/* Once it is known who asks. NULL: it is not logged. */
struct invocation *logged_begin(const struct api_call *call);

/* The body, before anybody lets go of it; any thread that has the exchange. */
void logged_input(struct invocation *invocation, const struct api_call *call);

/* A payload of the stream, as the operation's framing shows it in a log. */
void logged_event(struct invocation *invocation, const struct dialect_framing *framing, struct str type,
                  struct str payload);

/* The last of it. `request` is what was read of the body: as far as `is_read` says, all of it. `error_name` NULL: it
 * went well. */
void logged_end(struct invocation *invocation, const struct api_call *call, const struct chat_request *request,
                bool is_read, const char *error_name);

/* A client that left before its reply was whole. */
#define LOGGED_CLIENT_GONE "ClientClosedRequest"

#endif
