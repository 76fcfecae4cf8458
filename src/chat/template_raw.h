/* template_raw.h - prompts whose caller wrote the template itself.
 * One thread at a time. */
#ifndef CHAT_TEMPLATE_RAW_H
#define CHAT_TEMPLATE_RAW_H

#include "chat/template.h"

/* Llama bodies carry Llama 3's turn markers whatever model answers. False when
 * the model of `spec` knows them, or its own ones are there: the prompt then
 * goes to it as it is. Else *request, a copy of the caller's, gets system text
 * and messages in place of raw_prompt; text without markers becomes one user
 * message. */
enum error_code template_raw_translate(const struct template_spec *spec, struct chat_request *request,
                                       bool *is_translated, struct error *error) WARN_UNUSED;

#endif
