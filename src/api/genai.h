/* genai.h - OpenTelemetry's conventions for generative AI: which of their words a request has. They are still in
 * development, so that what metrics and traces say of a request in these words is said here alone. Pure, any thread. */
#ifndef API_GENAI_H
#define API_GENAI_H

#include "api/dialect.h"
#include "chat/chat.h"

#define GENAI_PROVIDER "fulcrum"

const char *genai_operation(const struct chat_request *request); /* gen_ai.operation.name */
const char *genai_provider(const struct dialect *dialect);       /* gen_ai.provider.name */

#endif
