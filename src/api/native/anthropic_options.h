/* anthropic_options.h - members of Anthropic's API that are about the reply and
 * stand at the root of its body, or through Converse in
 * additionalModelRequestFields. Any thread. */
#ifndef API_ANTHROPIC_OPTIONS_H
#define API_ANTHROPIC_OPTIONS_H

#include "api/needs.h"
#include "chat/chat.h"

/* thinking (also as reasoning_config), output_config, output_format, anthropic_beta, context_management; what can't be
 * served is refused by name. The request's max_tokens must be known. `where` is the path of `object`. */
enum error_code anthropic_options_parse(yyjson_val *object, const char *where, struct chat_request *request,
                                        struct error *error) WARN_UNUSED;

/* Names for fields_known. */
/* tool_choice, in the body and in additionalModelRequestFields; there, clients send it beside toolConfig.toolChoice to
 * ask for single calls, so one that says more than auto goes before it. */
enum error_code anthropic_tool_choice(yyjson_val *object, const char *where, struct chat_request *request,
                                      struct error *error) WARN_UNUSED;

#define ANTHROPIC_NAME_MAX 64 /* characters of tools' names and calls' IDs */

#define ANTHROPIC_OPTIONS \
    "thinking", "reasoning_config", "output_config", "output_format", "anthropic_beta", "context_management", \
        "mcp_servers", "container", "metadata"

#endif
