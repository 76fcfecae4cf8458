/* genai.h - OpenTelemetry's conventions for generative AI: which of their words a request has. They are still in
 * development, so that what metrics and traces say of a request in these words is said here alone. Pure, any thread. */
#ifndef API_GENAI_H
#define API_GENAI_H

#include "api/dialect.h"
#include "chat/codec.h"

#define GENAI_PROVIDER "fulcrum"

struct span;

const char *genai_operation(const struct chat_request *request); /* gen_ai.operation.name */
const char *genai_provider(const struct dialect *dialect);       /* gen_ai.provider.name */
const char *genai_finish_reason(enum chat_stop_reason stop);     /* of gen_ai.response.finish_reasons */

/* gen_ai.system_instructions, gen_ai.input.messages, gen_ai.tool.definitions and, with a reply, gen_ai.output.messages:
 * JSON as text. Files are named and not shown; an attribute of more than GENAI_CONTENT_BYTES is left out. */
#define GENAI_CONTENT_BYTES (200u << 10)
void genai_add_content(struct span *span, const struct chat_request *request, const struct chat_reply *reply);

#endif
