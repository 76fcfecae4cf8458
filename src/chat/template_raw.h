/* template_raw.h - prompts whose caller wrote the template itself.
 * One thread at a time. */
#ifndef CHAT_TEMPLATE_RAW_H
#define CHAT_TEMPLATE_RAW_H

#include "chat/template.h"

/* Bodies with a prompt carry the turn markers of the family that the caller
 * thinks of (Llama 3, ChatML, Gemma, Mistral, DeepSeek) whatever model answers.
 * False when they are those of `spec`'s family: the prompt then goes to the
 * model as it is. Else *request, a copy of the caller's, gets system text and
 * messages in place of raw_prompt; text without markers becomes one user
 * message, but for a model of Llama's, which continues it. */
enum error_code template_raw_translate(const struct template_spec *spec, struct chat_request *request,
                                       bool *is_translated, struct error *error) WARN_UNUSED;

#endif
