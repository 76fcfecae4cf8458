/* template.c - chooses the family's renderer, and checks what it asks for. See template.h. */
#include "chat/template.h"

#include "chat/template_family.h"
#include "chat/template_raw.h"
#include "core/config.h"

/* STR() for static initialisers, which may not hold compound literals. */
#define TEXT(literal) {(literal), sizeof(literal) - 1}

static const struct template_generic chatml_around = {
    .pieces = {
        [PIECE_SYSTEM_PREFIX] = TEXT("<|im_start|>system\n"),
        [PIECE_SYSTEM_SUFFIX] = TEXT("<|im_end|>\n"),
        [PIECE_USER_PREFIX] = TEXT("<|im_start|>user\n"),
        [PIECE_USER_SUFFIX] = TEXT("<|im_end|>\n"),
        [PIECE_ASSISTANT_PREFIX] = TEXT("<|im_start|>assistant\n"),
        [PIECE_ASSISTANT_SUFFIX] = TEXT("<|im_end|>\n"),
        [PIECE_OPENING] = TEXT("<|im_start|>assistant\n"),
    },
};

static const struct template_generic gemma_around = {
    .pieces = {
        [PIECE_USER_PREFIX] = TEXT("<start_of_turn>user\n"),
        [PIECE_USER_SUFFIX] = TEXT("<end_of_turn>\n"),
        [PIECE_ASSISTANT_PREFIX] = TEXT("<start_of_turn>model\n"),
        [PIECE_ASSISTANT_SUFFIX] = TEXT("<end_of_turn>\n"),
        [PIECE_OPENING] = TEXT("<start_of_turn>model\n"),
    },
    .flags = TEMPLATE_TRIMS | TEMPLATE_SYSTEM_IN_USER,
};

_Static_assert(TEMPLATE_GENERIC == CONFIG_TEMPLATE_FAMILIES, "each family but the generic one has a name");

const char *template_family_name(enum template_family family)
{
    return family == TEMPLATE_GENERIC ? "generic" : config_template_families[family];
}

bool template_family_parse(struct str name, enum template_family *family)
{
    for (int i = TEMPLATE_CHATML; i < TEMPLATE_GENERIC; i++) {
        if (str_eq(name, str_of(config_template_families[i]))) {
            *family = (enum template_family)i;
            return true;
        }
    }
    return false;
}

static bool contains(struct str text, const char *part)
{
    return str_find(text, str_of(part), 0) >= 0;
}

/* Markers alone don't make a family: Llama 3.0 has Llama 3's headers without
 * its system turn, Functionary and Mistral Small share markers with models
 * whose tools look different. Those stay generic. */
enum template_family template_detect(struct str jinja)
{
    if (jinja.len == 0)
        return TEMPLATE_CHATML;
    if (contains(jinja, "<|im_start|>"))
        return contains(jinja, "<|im_sep|>") ? TEMPLATE_GENERIC : TEMPLATE_CHATML;
    if (contains(jinja, "<|start_header_id|>"))
        return contains(jinja, "Cutting Knowledge Date") && contains(jinja, "\"parameters\": ") &&
                       !contains(jinja, "<function=")
                   ? TEMPLATE_LLAMA3
                   : TEMPLATE_GENERIC;
    if (contains(jinja, "[INST]"))
        return contains(jinja, "[TOOL_CALLS]") && !contains(jinja, "[SYSTEM_PROMPT]") ? TEMPLATE_MISTRAL
                                                                                     : TEMPLATE_GENERIC;
    return contains(jinja, "<start_of_turn>") ? TEMPLATE_GEMMA : TEMPLATE_GENERIC;
}

struct template_spec template_choose(const char *family, struct str jinja, const struct template_generic *generic)
{
    struct template_spec spec = {.family = TEMPLATE_CHATML};
    if (family && template_family_parse(str_of(family), &spec.family))
        return spec;
    spec.family = template_detect(jinja);
    if (generic)
        spec.generic = *generic;
    else if (spec.family == TEMPLATE_GENERIC)
        spec.family = TEMPLATE_CHATML;
    return spec;
}

/* The caller wrote the template. The beginning-of-sequence token is the engine's. */
static void render_raw(struct prompt_builder *builder, struct str text)
{
    static const char *const openings[] = {"<|begin_of_text|>", "<bos>", "<s>"};
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        struct str opening = str_of(openings[i]);
        if (str_starts(text, opening)) {
            text = str_slice(text, opening.len, text.len);
            break;
        }
    }
    prompt_template(builder, text);
}

static void render_family(struct prompt_builder *builder, const struct template_spec *spec,
                          const struct chat_request *request, const struct turns *turns)
{
    switch (spec->family) {
    case TEMPLATE_CHATML:
        template_render_hermes(builder, &chatml_around, request, turns);
        break;
    case TEMPLATE_LLAMA3:
        template_render_llama3(builder, request, turns);
        break;
    case TEMPLATE_MISTRAL:
        template_render_mistral(builder, request, turns);
        break;
    case TEMPLATE_GEMMA:
        template_render_hermes(builder, &gemma_around, request, turns);
        break;
    case TEMPLATE_GENERIC:
        template_render_hermes(builder, &spec->generic, request, turns);
        break;
    }
}

static enum error_code render_messages(const struct template_spec *spec, const struct chat_request *request,
                                       struct prompt_builder *builder, struct error *error)
{
    struct turns turns;
    enum error_code code = turns_of_request(request, &turns, error);
    if (code == OK)
        render_family(builder, spec, request, &turns);
    return code;
}

enum error_code template_render(const struct template_spec *spec, const struct chat_request *request,
                                struct prompt *prompt, struct error *error)
{
    struct prompt_builder builder;
    struct chat_request copy = *request;
    bool has_messages = true;
    enum error_code code = OK;
    if (request->raw_prompt.data != NULL)
        code = template_raw_translate(spec, &copy, &has_messages, error);
    if (code != OK)
        return code;
    prompt_builder_init(&builder, request->arena);
    if (has_messages)
        code = render_messages(spec, &copy, &builder, error);
    else
        render_raw(&builder, request->raw_prompt);
    if (code == OK)
        code = prompt_builder_finish(&builder, prompt, error);
    prompt_builder_deinit(&builder);
    return code;
}
