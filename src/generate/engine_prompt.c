/* engine_prompt.c - see engine_prompt.h: what chat's templates make, in the engine's words. */
#include "generate/engine_prompt.h"

enum error_code engine_prompt_write_segments(const struct template_spec *spec, const struct chat_request *request,
                                             struct engine_prompt *prompt, struct error *error)
{
    struct prompt rendered;
    for (const struct chat_document *document = request->documents; document; document = document->next)
        if (document->bytes.data)
            return error_set(error, ERROR_INTERNAL, "%s: its text was not extracted", document->where);
    enum error_code code = template_render(spec, request, &rendered, error);
    if (code != OK)
        return code;
    struct engine_segment *segments = ARENA_ARRAY(request->arena, struct engine_segment, rendered.count + 1);
    if (!segments)
        return error_no_memory(error);
    prompt->segments = segments;
    prompt->segment_count = rendered.count;
    for (size_t i = 0; i < rendered.count; i++)
        segments[i] = (struct engine_segment){
            .is_template = rendered.segments[i].is_template,
            .ends_checkpoint = rendered.segments[i].ends_checkpoint,
            .ttl_seconds = rendered.segments[i].ttl_seconds,
            .text = rendered.segments[i].text,
        };
    return OK;
}

enum error_code engine_prompt_write(const struct template_spec *spec, const struct chat_request *request,
                                    struct engine_prompt *prompt, struct error *error)
{
    *prompt = (struct engine_prompt){0};
    enum error_code code = template_grammar(spec, request, &prompt->grammar, error);
    return code == OK ? engine_prompt_write_segments(spec, request, prompt, error) : code;
}
