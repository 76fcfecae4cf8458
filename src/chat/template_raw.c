/* template_raw.c - no template: the content, one after the other. See template_raw.h. */
#include "chat/template_raw.h"

#include "core/limits.h"

#define BAR "\xEF\xBD\x9C" /* U+FF5C, in DeepSeek's tokens */
#define GAP "\xE2\x96\x81" /* U+2581, likewise */

/* How a family marks turns: what opens one of each role, and what may stand at its end. */
struct markers {
    enum template_family family; /* whose own they are; TEMPLATE_GENERIC: of none that is rendered here */
    const char *telling;         /* a prompt that holds this is written so */
    const char *system, *user, *assistant; /* NULL: there is none */
    const char *end;
};

static const struct markers all_markers[] = {
    {TEMPLATE_LLAMA3, "<|start_header_id|>", "<|start_header_id|>system<|end_header_id|>",
     "<|start_header_id|>user<|end_header_id|>", "<|start_header_id|>assistant<|end_header_id|>", "<|eot_id|>"},
    {TEMPLATE_CHATML, "<|im_start|>", "<|im_start|>system", "<|im_start|>user", "<|im_start|>assistant", "<|im_end|>"},
    {TEMPLATE_GEMMA, "<start_of_turn>", NULL, "<start_of_turn>user", "<start_of_turn>model", "<end_of_turn>"},
    {TEMPLATE_MISTRAL, "[INST]", NULL, "[INST]", "[/INST]", "</s>"},
    {TEMPLATE_GENERIC, "<" BAR "User" BAR ">", NULL, "<" BAR "User" BAR ">", "<" BAR "Assistant" BAR ">",
     "<" BAR "end" GAP "of" GAP "sentence" BAR ">"},
};

static bool contains(struct str text, const char *part)
{
    return part[0] != '\0' && str_find(text, str_of(part), 0) >= 0;
}

/* The markers that a prompt is written with; NULL: none. */
static const struct markers *markers_of(struct str prompt)
{
    for (size_t i = 0; i < sizeof(all_markers) / sizeof(all_markers[0]); i++)
        if (contains(prompt, all_markers[i].telling))
            return &all_markers[i];
    return NULL;
}

/* Whether the model's own template is what the caller wrote. Text without any markers is what a caller of Llama
 * means; of others it is a message. */
static bool is_own(const struct template_spec *spec, const struct markers *markers)
{
    if (!markers)
        return spec->family == TEMPLATE_LLAMA3;
    if (spec->family == TEMPLATE_GENERIC)
        return contains(spec->generic.pieces[PIECE_USER_PREFIX], markers->telling);
    return spec->family == markers->family;
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

/* A template's first token, which the engine sets where the model wants one. */
static struct str without_begin(struct str prompt)
{
    static const char *const begins[] = {"<s>", "<bos>", "<|begin_of_text|>",
                                         "<" BAR "begin" GAP "of" GAP "sentence" BAR ">"};
    prompt = str_trim(prompt);
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (str_starts(prompt, str_of(begins[i])))
            return str_slice(prompt, strlen(begins[i]), prompt.len);
    return prompt;
}

/* The next marker that opens a turn, from `from` on, and whose turn; -1: there is none. */
static ptrdiff_t next_turn(const struct markers *markers, struct str prompt, size_t from, enum chat_role *role,
                           size_t *len)
{
    const struct {
        const char *text;
        enum chat_role role;
    } openings[] = {
        {markers->system, CHAT_SYSTEM}, {markers->user, CHAT_USER}, {markers->assistant, CHAT_ASSISTANT}};
    ptrdiff_t first = -1;
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        ptrdiff_t at = openings[i].text ? str_find(prompt, str_of(openings[i].text), from) : -1;
        if (at < 0 || (first >= 0 && at >= first))
            continue;
        first = at;
        *role = openings[i].role;
        *len = strlen(openings[i].text);
    }
    return first;
}

/* Text of a turn, without what ends it. One that only begins to think says nothing. */
static struct str turn_text(const struct markers *markers, struct str prompt, size_t from, size_t to)
{
    struct str text = str_slice(prompt, from, to);
    ptrdiff_t end = str_find(text, str_of(markers->end), 0);
    text = str_trim(end < 0 ? text : str_slice(text, 0, (size_t)end));
    return str_eq(text, STR("<think>")) ? STR("") : text;
}

/* Mistral's first turn may begin with a system text of its own: <<SYS>> ... <</SYS>> */
static enum error_code take_system(struct chat_request *request, size_t *cap, struct str *text, struct error *error)
{
    static const char open[] = "<<SYS>>", close[] = "<</SYS>>";
    ptrdiff_t end = str_starts(*text, STR(open)) ? str_find(*text, STR(close), 0) : -1;
    if (end < 0 || request->message_count > 0)
        return OK;
    struct str system = str_trim(str_slice(*text, sizeof(open) - 1, (size_t)end));
    *text = str_trim(str_slice(*text, (size_t)end + sizeof(close) - 1, text->len));
    return add_message(request, cap, CHAT_SYSTEM, system, error);
}

/* What stands before the first turn is the system's, where the family has no turn for it. */
static enum error_code translate(const struct markers *markers, struct chat_request *request, struct str prompt,
                                 struct error *error)
{
    enum chat_role role = CHAT_SYSTEM, next_role = CHAT_SYSTEM;
    size_t cap = 0, from = 0, len = 0;
    enum error_code code = OK;
    bool is_first = true;
    while (code == OK) {
        ptrdiff_t next = next_turn(markers, prompt, from, &next_role, &len);
        struct str text = turn_text(markers, prompt, from, next < 0 ? prompt.len : (size_t)next);
        if (role == CHAT_USER)
            code = take_system(request, &cap, &text, error);
        /* An empty turn of the assistant's only opens its reply. */
        if (code == OK && (text.len > 0 || role == CHAT_USER) && (!is_first || !markers->system))
            code = add_message(request, &cap, role, text, error);
        if (next < 0)
            break;
        is_first = false;
        from = (size_t)next + len;
        role = next_role;
    }
    return code;
}

enum error_code template_raw_translate(const struct template_spec *spec, struct chat_request *request,
                                       bool *is_translated, struct error *error)
{
    struct str prompt = request->raw_prompt;
    const struct markers *markers = markers_of(prompt);
    size_t cap = 0;
    *is_translated = !is_own(spec, markers);
    if (!*is_translated)
        return OK;
    request->raw_prompt = (struct str){NULL, 0};
    request->system_count = 0;
    request->message_count = 0;
    if (markers)
        return translate(markers, request, without_begin(prompt), error);
    return add_message(request, &cap, CHAT_USER, prompt, error);
}
