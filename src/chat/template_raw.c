#include "chat/template_raw.h"

#include "core/limits.h"

#define HEADER "<|start_header_id|>"
#define HEADER_END "<|end_header_id|>"
#define TURN_END "<|eot_id|>"

static bool contains(struct str text, const char *part)
{
    return part[0] != '\0' && str_find(text, str_of(part), 0) >= 0;
}

static bool knows_markers(const struct template_spec *spec, struct str prompt)
{
    static const char *const own[] = {
        [TEMPLATE_CHATML] = "<|im_start|>",
        [TEMPLATE_LLAMA3] = "",
        [TEMPLATE_MISTRAL] = "[INST]",
        [TEMPLATE_GEMMA] = "<start_of_turn>",
        [TEMPLATE_GENERIC] = "",
    };
    if (spec->family == TEMPLATE_LLAMA3)
        return true;
    if (spec->family == TEMPLATE_GENERIC && contains(spec->generic.user_prefix, HEADER))
        return true;
    return contains(prompt, own[spec->family]);
}

static enum error_code add_message(struct chat_request *request, size_t *cap, enum chat_role role, struct str text,
                                   struct error *error)
{
    struct chat_block *block = ARENA_NEW(request->arena, struct chat_block);
    if (block == NULL)
        return error_no_memory(error);
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    if (role == CHAT_SYSTEM && request->message_count == 0 && request->system_count == 0) {
        request->system = block;
        request->system_count = 1;
        return OK;
    }
    if (request->message_count >= limit(messages))
        return error_set(error, ERROR_INVALID, "prompt: more turns than the limit of messages");
    if (request->message_count == *cap) {
        struct chat_message *more = ARENA_ARRAY(request->arena, struct chat_message, 2 * *cap + 8);
        if (more == NULL)
            return error_no_memory(error);
        if (request->message_count > 0)
            memcpy(more, request->messages, request->message_count * sizeof(*more));
        request->messages = more;
        *cap = 2 * *cap + 8;
    }
    request->messages[request->message_count++] =
        (struct chat_message){.role = role, .blocks = block, .block_count = 1};
    return OK;
}

static enum chat_role role_named(struct str name)
{
    if (str_eq(name, STR("system")))
        return CHAT_SYSTEM;
    return str_eq(name, STR("assistant")) ? CHAT_ASSISTANT : CHAT_USER;
}

static struct str take_until(struct str *rest, const char *marker)
{
    ptrdiff_t at = str_find(*rest, str_of(marker), 0);
    size_t end = at < 0 ? rest->len : (size_t)at;
    struct str part = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, at < 0 ? end : end + strlen(marker), rest->len);
    return part;
}

/* One turn off *rest; an empty one of the assistant's only opens its reply. */
static enum error_code take_turn(struct chat_request *request, size_t *cap, struct str *rest, struct error *error)
{
    enum chat_role role = role_named(str_trim(take_until(rest, HEADER_END)));
    struct str turn = take_until(rest, HEADER);
    struct str text = str_trim(take_until(&turn, TURN_END));
    if (text.len == 0 && role == CHAT_ASSISTANT)
        return OK;
    return add_message(request, cap, role, text, error);
}

enum error_code template_raw_translate(const struct template_spec *spec, struct chat_request *request,
                                       bool *is_translated, struct error *error)
{
    struct str rest = request->raw_prompt;
    size_t cap = 0;
    *is_translated = !knows_markers(spec, rest);
    if (!*is_translated)
        return OK;
    request->raw_prompt = (struct str){NULL, 0};
    request->system_count = 0;
    request->message_count = 0;
    if (!contains(rest, HEADER))
        return add_message(request, &cap, CHAT_USER, rest, error);
    take_until(&rest, HEADER);
    while (rest.len > 0) {
        enum error_code code = take_turn(request, &cap, &rest, error);
        if (code != OK)
            return code;
    }
    return OK;
}
