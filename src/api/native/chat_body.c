/* OpenAI's chat completions: parsing but for messages and tools. */
#include "api/native/chat_body.h"

#include "api/content.h"
#include "api/needs.h"
#include "api/native/native.h"
#include "core/limits.h"

#define TEMPERATURE_MAX 2
#define TOP_K_MAX 500
#define PENALTY_MAX 2

/* Members that nobody is given, and would change the reply... */
static const struct field_absent refused[] = {
    {"functions", "send tools instead"},
    {"function_call", "send tool_choice instead"},
};
/* ...and those that other targets may know. */
static const struct needs_member needed[] = {
    {"web_search_options", CHAT_NEED_OTHER_BLOCKS, "there is no search on the web here"},
    {"documents", CHAT_NEED_OTHER_BLOCKS, "send the texts in messages"},
    {"guided_json", CHAT_NEED_GUIDED_TEXT, "send response_format instead"},
    {"guided_regex", CHAT_NEED_GUIDED_TEXT, "replies can be held to a JSON schema only, by response_format"},
    {"guided_grammar", CHAT_NEED_GUIDED_TEXT, "replies can be held to a JSON schema only, by response_format"},
};

enum error_code chat_body_sampling(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct chat_sampling *sampling = &request->sampling;
    int64_t top_k = 0, seed = 0;
    enum error_code code = json_get_number(root, "", "temperature", 0, TEMPERATURE_MAX, &sampling->temperature,
                                           &sampling->has_temperature, error);
    if (code == OK)
        code = fields_get_top_p(root, "", "top_p", &sampling->top_p, &sampling->has_top_p, error);
    if (code == OK)
        code = json_get_int(root, "", "top_k", -1, TOP_K_MAX, &top_k, &sampling->has_top_k, error);
    if (code == OK)
        code = json_get_int(root, "", "seed", INT64_MIN, INT64_MAX, &seed, &sampling->has_seed, error);
    sampling->top_k = top_k > 0 ? (int32_t)top_k : 0;
    sampling->seed = (uint64_t)seed;
    return code;
}

static enum error_code check_penalties(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const penalties[] = {"frequency_penalty", "presence_penalty", "repetition_penalty"};
    enum error_code code = OK;
    for (size_t i = 0; i < sizeof(penalties) / sizeof(penalties[0]) && code == OK; i++) {
        double penalty = 0;
        bool present;
        code = json_get_number(root, "", penalties[i], -PENALTY_MAX, PENALTY_MAX, &penalty, &present, error);
        if (code == OK && present && penalty != 0 && penalty != 1)
            code = needs_ignore(request, CHAT_NEED_PENALTIES, root, "", penalties[i],
                                "penalties have no effect on these models", error);
    }
    return code;
}

/* A string or an array of strings. */
static enum error_code parse_stops(yyjson_val *root, struct chat_request *request, struct error *error)
{
    yyjson_val *stop = yyjson_obj_get(root, "stop");
    if (!yyjson_is_str(stop))
        return content_parse_stops(root, "", "stop", request, error);
    request->stop_sequences = ARENA_ARRAY(request->arena, struct str, 1);
    if (!request->stop_sequences)
        return error_no_memory(error);
    if (yyjson_get_len(stop) == 0)
        return field_error(error, "", "stop", "must have at least 1 character");
    request->stop_sequences[request->stop_count++] = json_str(stop);
    return OK;
}

static enum error_code parse_length(yyjson_val *root, struct chat_request *request, struct error *error)
{
    int64_t max_tokens = 0;
    const int64_t least = chat_body_is_api(request) ? -1 : 1; /* with which some say that there is no bound */
    bool has_older, has_newer = false;
    enum error_code code = json_get_int(root, "", "max_tokens", least, INT32_MAX, &max_tokens, &has_older, error);
    if (code == OK)
        code = json_get_int(root, "", "max_completion_tokens", least, INT32_MAX, &max_tokens, &has_newer, error);
    if (code == OK && (has_older || has_newer) && max_tokens == 0)
        return field_error(error, "", has_newer ? "max_completion_tokens" : "max_tokens", "must be at least 1");
    request->max_tokens = max_tokens > 0 ? (uint32_t)max_tokens : 0;
    return code;
}

/* Plain completions say in one number how many of the likeliest are wanted. */
static enum error_code parse_logprobs(yyjson_val *root, struct chat_request *request, struct error *error)
{
    yyjson_val *value = yyjson_obj_get(root, "logprobs");
    const bool is_number = json_is_number(value);
    bool logprobs = false;
    int64_t top = 0;
    enum error_code code = is_number ? json_get_int(root, "", "logprobs", 0, LOGPROB_TOP_MAX, &top, &logprobs, error)
                                     : json_get_bool(root, "", "logprobs", &logprobs, NULL, error);
    if (code == OK && !is_number)
        code = json_get_int(root, "", "top_logprobs", 0, LOGPROB_TOP_MAX, &top, NULL, error);
    if (code != OK || (!logprobs && top == 0))
        return code;
    const char *name = logprobs ? "logprobs" : "top_logprobs";
    if (!chat_body_is_api(request))
        return field_error(error, "", name, "probabilities are not given here");
    request->wants_logprobs = true;
    request->top_logprobs = (uint8_t)top;
    return needs_note(request, CHAT_NEED_LOGPROBS, error, "", name, "this model's probabilities are not given");
}

/* What asks for more than one reply, or for more of it than its text. */
static enum error_code parse_extent(yyjson_val *root, struct chat_request *request, struct error *error)
{
    int64_t n = 1;
    const bool is_api = chat_body_is_api(request);
    enum error_code code = json_get_int(root, "", "n", 1, 128, &n, NULL, error);
    if (code == OK && n != 1 && !is_api)
        return field_error(error, "", "n", "one reply is made of a request; send it %lld times", (long long)n);
    request->choices = (uint32_t)n;
    if (code == OK && n != 1)
        code = needs_note(request, CHAT_NEED_CHOICES, error, "", "n",
                          "this model makes one reply of a request; send it %lld times", (long long)n);
    return code == OK ? parse_logprobs(root, request, error) : code;
}

static enum error_code parse_modalities(yyjson_val *root, struct chat_request *request, struct error *error)
{
    yyjson_val *modalities = NULL, *item;
    size_t i, max;
    enum error_code code = json_get_array(root, "", "modalities", &modalities, error);
    yyjson_arr_foreach(modalities, i, max, item)
    {
        if (code == OK && !yyjson_equals_str(item, "text"))
            code = needs_note(request, CHAT_NEED_AUDIO, error, "modalities", "", "this model writes text only");
    }
    return code;
}

/* So many replies are made, of which the likeliest n are given. */
static enum error_code parse_best(yyjson_val *root, struct chat_request *request, struct error *error)
{
    int64_t best_of = 0;
    const uint32_t given = request->choices;
    enum error_code code = json_get_int(root, "", "best_of", 0, 128, &best_of, NULL, error);
    if (code != OK || best_of <= 1)
        return code;
    if (!yyjson_obj_get(root, "prompt"))
        return field_error(error, "", "best_of", "goes with prompt only");
    if (best_of < given)
        return field_error(error, "", "best_of", "must be n at least, which is %u", given);
    if (best_of == given)
        return OK;
    if (yyjson_is_true(yyjson_obj_get(root, "stream")))
        return field_error(error, "", "best_of", "replies are compared once they are whole; leave stream out");
    request->choices = (uint32_t)best_of;
    request->best = given;
    return needs_note(request, CHAT_NEED_CHOICES, error, "", "best_of", "this model makes one reply of a request");
}

/* Of OpenAI's own API alone. */
static enum error_code parse_api_extent(yyjson_val *root, struct chat_request *request, struct error *error)
{
    bool echo = false;
    struct str suffix = {0};
    enum error_code code = parse_modalities(root, request, error);
    if (code == OK)
        code = json_get_bool(root, "", "echo", &echo, NULL, error);
    if (code == OK)
        code = parse_best(root, request, error);
    if (code == OK)
        code = json_get_str(root, "", "suffix", &suffix, NULL, error);
    if (code == OK && echo && !yyjson_obj_get(root, "prompt"))
        code = field_error(error, "", "echo", "goes with prompt only");
    if (code == OK && echo && request->wants_logprobs)
        code = field_error(error, "", "echo", "probabilities of a prompt are not given; leave echo or logprobs out");
    if (code == OK && suffix.len > 0)
        code = field_error(error, "", "suffix", "text is continued at its end only");
    return code;
}

static enum error_code parse_schema(yyjson_val *format, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"name", "description", "schema", "strict", NULL};
    static const char where[] = "response_format.json_schema";
    yyjson_val *schema = NULL;
    enum error_code code = fields_need_object(format, "response_format", "json_schema", &schema, error);
    if (code == OK)
        code = fields_known(request->ignored, schema, where, members, error);
    if (code == OK)
        code = fields_need_object(schema, where, "schema", &request->output_schema, error);
    return code;
}

static enum error_code parse_format(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {"type", "json_schema", NULL};
    static const char *const types[] = {"text", "json_object", "json_schema", NULL};
    yyjson_val *format = NULL;
    int type = -1;
    enum error_code code = json_get_object(root, "", "response_format", &format, error);
    if (code != OK || !format)
        return code;
    code = fields_known(request->ignored, format, "response_format", members, error);
    if (code == OK)
        code = fields_enum(format, "response_format", "type", types, &type, error);
    if (code != OK)
        return code;
    if (type == 1)
        return fields_parse_inner(STR("{\"type\":\"object\"}"), request->arena, &request->output_schema, error);
    return type == 2 ? parse_schema(format, request, error) : OK;
}

#define CHAT_MEMBERS                                                                                                  \
    "messages", "prompt", "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature",  \
        "top_p", "top_k", "seed", "stop", "frequency_penalty", "presence_penalty", "repetition_penalty", "n",         \
        "logprobs", "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls", "functions",    \
        "function_call", "logit_bias", "web_search_options", "documents", "guided_json", "guided_regex",              \
        "guided_grammar", "user"

/* `model` and `stream` say again what path and operation say, but in OpenAI's own API, where nobody else does. */
static enum error_code parse_known(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const members[] = {CHAT_MEMBERS, NULL};
    static const char *const api_members[] = {
        CHAT_MEMBERS,        "service_tier", "prompt_cache_key",  "prompt_cache_options", "metadata", "store",
        "safety_identifier", "session_id",   "modalities",        "best_of",              "echo",     "suffix",
        NULL};
    const bool is_api = chat_body_is_api(request);
    enum error_code code = fields_known(request->ignored, root, "", is_api ? api_members : members, error);
    if (code == OK && !is_api)
        code = fields_refuse(root, "", refused, sizeof(refused) / sizeof(refused[0]), error);
    if (code == OK)
        code = needs_members(request, root, "", needed, sizeof(needed) / sizeof(needed[0]), error);
    yyjson_val *bias = yyjson_obj_get(root, "logit_bias");
    if (code != OK || !bias || yyjson_is_null(bias) || (yyjson_is_obj(bias) && yyjson_obj_size(bias) == 0))
        return code;
    return needs_note(request, CHAT_NEED_TOKEN_BIAS, error, "", "logit_bias",
                      "tokens can't be made likelier by their numbers here");
}

/* What the neutral request has no place for. */
static enum error_code keep_extras(yyjson_val *root, struct chat_request *request, struct error *error)
{
    static const char *const carried[] = {"messages", "prompt", "model", "stream", "stream_options", "max_tokens",
                                          "max_completion_tokens", "temperature", "top_p", "top_k", "seed", "stop",
                                          "tools", "tool_choice", "parallel_tool_calls", NULL};
    return needs_extras(request, root, "", carried, error);
}

/* A text, or a list of one. */
static enum error_code read_prompt(yyjson_val *root, struct chat_request *request, struct error *error)
{
    yyjson_val *prompt = yyjson_obj_get(root, "prompt"), *first = yyjson_arr_get_first(prompt);
    if (!chat_body_is_api(request) || !yyjson_is_arr(prompt))
        return fields_need_str(root, "", "prompt", 1, SIZE_MAX, &request->raw_prompt, error);
    if (yyjson_arr_size(prompt) != 1)
        return field_error(error, "", "prompt", "%s",
                           json_is_number(first) ? "token numbers can't be read here; send the text"
                                                 : "one text is continued by a request");
    if (!yyjson_is_str(first) || yyjson_get_len(first) == 0)
        return field_error(error, "prompt[0]", "", "expected a text");
    request->raw_prompt = json_str(first);
    return OK;
}

static enum error_code parse_text(yyjson_val *root, struct chat_request *request, struct error *error)
{
    if (yyjson_obj_get(root, "messages"))
        return field_error(error, "", "prompt", "given beside messages; send one of them");
    enum error_code code = read_prompt(root, request, error);
    if (code == OK && yyjson_arr_size(yyjson_obj_get(root, "tools")) > 0)
        code = field_error(error, "", "tools", "a prompt can't carry them; send messages");
    if (code == OK && request->output_schema)
        code = field_error(error, "", "response_format", "goes with messages only");
    return code;
}

static enum error_code parse_root(yyjson_val *root, struct chat_request *request, struct error *error)
{
    request->origin = &chat_codec;
    enum error_code code = parse_known(root, request, error);
    if (code == OK)
        code = parse_length(root, request, error);
    if (code == OK)
        code = chat_body_sampling(root, request, error);
    if (code == OK)
        code = check_penalties(root, request, error);
    if (code == OK)
        code = parse_stops(root, request, error);
    if (code == OK)
        code = parse_extent(root, request, error);
    if (code == OK && chat_body_is_api(request))
        code = parse_api_extent(root, request, error);
    if (code == OK)
        code = parse_format(root, request, error);
    if (code == OK)
        code = keep_extras(root, request, error);
    if (code != OK)
        return code;
    yyjson_val *prompt = yyjson_obj_get(root, "prompt");
    if (prompt && !yyjson_is_null(prompt))
        return parse_text(root, request, error);
    code = chat_body_tools(root, request, error);
    if (code == OK)
        code = chat_body_messages(root, request, error);
    return code == OK ? needs_first_turn(request, error) : code;
}

enum error_code chat_body_parse(yyjson_val *root, const struct chat_body_defaults *defaults,
                                struct chat_request *request, struct error *error)
{
    request->sampling.temperature = defaults->temperature;
    request->sampling.top_p = defaults->top_p;
    request->takes_assistant_first = true;
    return native_parse(root, parse_root, request, error);
}
