/* The body that Claude 2 was asked with: a prompt of turns, and one text as the reply. It is older than messages and
 * still sent.
 *
 *   prompt: "\n\nHuman: Hello\n\nAssistant:"   text before the first turn is the system's; what stands behind the last
 *                                             "Assistant:" begins the reply
 *   reply:  {"type":"completion","completion":" Hi","stop_reason":"stop_sequence","stop":"\n\nHuman:"} */
#include "api/native/anthropic.h"

#include "core/limits.h"

#define HUMAN STR("\n\nHuman:")
#define ASSISTANT STR("\n\nAssistant:")

bool anthropic_is_completion(yyjson_val *root)
{
    return yyjson_obj_get(root, "prompt") != NULL && yyjson_obj_get(root, "messages") == NULL;
}

/* The next turn's marker from `at` on; false: there is none. */
static bool next_turn(struct str prompt, size_t at, size_t *start, size_t *len, enum chat_role *role)
{
    ptrdiff_t human = str_find(prompt, HUMAN, at), assistant = str_find(prompt, ASSISTANT, at);
    bool is_human = human >= 0 && (assistant < 0 || human < assistant);
    *start = (size_t)(is_human ? human : assistant);
    *len = is_human ? HUMAN.len : ASSISTANT.len;
    *role = is_human ? CHAT_USER : CHAT_ASSISTANT;
    return human >= 0 || assistant >= 0;
}

static size_t count_turns(struct str prompt)
{
    size_t count = 1, at = 0, start, len;
    enum chat_role role;
    for (; next_turn(prompt, at, &start, &len, &role); at = start + len)
        count++;
    return count;
}

/* A turn that says nothing is none. */
static enum error_code add_turn(struct chat_request *request, enum chat_role role, struct str text, struct error *error)
{
    text = str_trim(text);
    if (text.len == 0)
        return OK;
    struct chat_block *block = ARENA_NEW(request->arena, struct chat_block);
    if (!block)
        return error_no_memory(error);
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = text};
    if (role == CHAT_SYSTEM) {
        request->system = block;
        request->system_count = 1;
    } else {
        request->messages[request->message_count++] =
            (struct chat_message){.role = role, .blocks = block, .block_count = 1};
    }
    return OK;
}

/* The first marker and the last may stand without their line feeds. */
static struct str without_loose_ends(struct str prompt, enum chat_role *first)
{
    const struct str human = STR("Human:"), assistant = STR("Assistant:");
    struct str trimmed = str_trim(prompt);
    bool has_human = str_starts(trimmed, human), has_markers = str_find(prompt, HUMAN, 0) >= 0;
    *first = has_human || !has_markers ? CHAT_USER : CHAT_SYSTEM;
    if (has_human)
        prompt = str_slice(trimmed, human.len, trimmed.len);
    trimmed = str_trim(prompt);
    bool has_assistant = str_ends(trimmed, assistant);
    return has_assistant ? str_slice(trimmed, 0, trimmed.len - assistant.len) : prompt;
}

static enum error_code parse_prompt(struct str prompt, struct chat_request *request, struct error *error)
{
    enum chat_role role, next;
    prompt = without_loose_ends(prompt, &role);
    size_t count = count_turns(prompt), at = 0, start, len;
    if (count > limit(messages))
        return field_error(error, "prompt", "", "%zu turns are more than the limit of %zu", count,
                           (size_t)limit(messages));
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, count);
    if (!request->messages)
        return error_no_memory(error);
    enum error_code code = OK;
    for (; code == OK && next_turn(prompt, at, &start, &len, &next); role = next, at = start + len)
        code = add_turn(request, role, str_slice(prompt, at, start), error);
    return code == OK ? add_turn(request, role, str_slice(prompt, at, prompt.len), error) : code;
}

enum error_code anthropic_parse_completion(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"prompt", "max_tokens_to_sample", "temperature", "top_p",
                                          "top_k",  "stop_sequences",       "metadata",    "anthropic_version",
                                          "seed",   "cache_salt",           NULL};
    struct str prompt = {0};
    int64_t max_tokens = 0;
    enum error_code code = fields_known(request->ignored, root, "", members, error);
    if (code == OK)
        code = fields_need_str(root, "", "prompt", 1, SIZE_MAX, &prompt, error);
    if (code == OK)
        code = json_get_int(root, "", "max_tokens_to_sample", 1, INT32_MAX, &max_tokens, NULL, error);
    request->max_tokens = (uint32_t)max_tokens;
    return code == OK ? parse_prompt(prompt, request, error) : code;
}

void anthropic_append_completion(struct buf *out, struct str text)
{
    buf_append_text(out, "{\"type\":\"completion\",\"completion\":");
    buf_append_json(out, text);
}

void anthropic_append_completion_stop(struct buf *out, const struct chat_reply *reply)
{
    bool is_cut = reply->stop == CHAT_STOP_MAX_TOKENS || reply->stop == CHAT_STOP_CONTEXT_WINDOW;
    buf_appendf(out, ",\"stop_reason\":\"%s\",\"stop\":", is_cut ? "max_tokens" : "stop_sequence");
    if (is_cut)
        buf_append_text(out, "null");
    else
        buf_append_json(out, reply->stop == CHAT_STOP_SEQUENCE ? reply->stop_sequence : HUMAN);
}
