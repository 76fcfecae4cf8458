/* genai.c - see genai.h. */
#include "api/genai.h"

const char *genai_operation(const struct chat_request *request)
{
    return request->raw_prompt.data ? "text_completion" : "chat";
}

const char *genai_provider(const struct dialect *dialect)
{
    return dialect->telemetry ? dialect->telemetry : GENAI_PROVIDER;
}
