/* engine_prompt.h - a request as the embedded engine reads it: the segments of
 * its prompt, by the model's template, and the grammar of what the reply may be.
 * Any thread, one at a time for a request. */
#ifndef GENERATE_ENGINE_PROMPT_H
#define GENERATE_ENGINE_PROMPT_H

#include "chat/template.h"
#include "engine/engine.h"

/* In the request's arena. */
struct engine_prompt {
    struct template_grammar grammar; /* empty for a prompt that is only counted */
    struct engine_segment *segments;
    size_t segment_count;
};

enum error_code engine_prompt_write(const struct template_spec *spec, const struct chat_request *request,
                                    struct engine_prompt *prompt, struct error *error) WARN_UNUSED;
enum error_code engine_prompt_write_segments(const struct template_spec *spec, const struct chat_request *request,
                                             struct engine_prompt *prompt, struct error *error) WARN_UNUSED;

#endif
