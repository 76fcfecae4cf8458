/* What bodies of OpenAI's API say besides the conversation: tier, metadata, session. */
#include "api/fields.h"
#include "api/native/chat_body.h"
#include "api/openai/chat.h"
#include "core/limits.h"

#define METADATA_COUNT_MAX 16
#define METADATA_KEY_MAX 64
#define METADATA_VALUE_MAX 512

/* --- the tier ----------------------------------------------------------------------------------------- */

static enum error_code parse_tier(yyjson_val *root, struct chat_request *request, struct error *error)
{
    struct str name = {0};
    const enum error_code code = json_get_str(root, "", "service_tier", &name, NULL, error);
    if (code != OK || name.len == 0 || str_eq(name, STR("auto")))
        return code;
    request->has_tier = chat_body_tier(name, &request->tier);
    if (request->has_tier)
        return OK;
    return field_error(error, "", "service_tier", "must be one of auto, default, flex, priority, fast, ultrafast");
}

const char *openai_tier(const struct chat_request *request)
{
    if (!yyjson_is_str(yyjson_obj_get(request->body, "service_tier")))
        return NULL;
    if (request->tier == TIER_ULTRAFAST)
        return tier_names[TIER_ULTRAFAST];
    switch (tier_queue(request->tier)) {
    case TIER_PRIORITY: return "priority";
    case TIER_FLEX: return "flex";
    default: return "default";
    }
}

/* --- metadata ----------------------------------------------------------------------------------------- */

static enum error_code add_pair(yyjson_val *key, yyjson_val *value, struct chat_request *request, struct error *error)
{
    const struct str name = json_str(key), text = json_str(value);
    if (!yyjson_is_str(value))
        return field_error(error, "metadata", "", "values must be strings, got %s", json_type_name(value));
    if (fields_characters(name) > METADATA_KEY_MAX || fields_characters(text) > METADATA_VALUE_MAX)
        return field_error(error, "metadata", "", "keys have at most %d characters, values %d", METADATA_KEY_MAX,
                           METADATA_VALUE_MAX);
    request->metadata[request->metadata_count++] = (struct chat_metadata){name, text};
    return OK;
}

static bool is_session(struct str text)
{
    return text.len > 0 && text.len <= CHAT_SESSION_BYTES_MAX;
}

/* Whose turns of which conversation these are: the body's word for it, else what a header said (in metadata by now). */
static struct str session_in(yyjson_val *root)
{
    const struct str session = json_str(yyjson_obj_get(root, "session_id"));
    const struct str key = json_str(yyjson_obj_get(root, "prompt_cache_key"));
    if (is_session(session))
        return session;
    return is_session(key) ? key : (struct str){0};
}

enum error_code openai_parse_options(yyjson_val *root, struct chat_request *request, struct error *error)
{
    yyjson_val *metadata = NULL, *key, *value;
    size_t i, max;
    const struct str session = session_in(root);
    enum error_code code = parse_tier(root, request, error);
    if (code == OK)
        code = json_get_object(root, "", "metadata", &metadata, error);
    const size_t count = yyjson_obj_size(metadata);
    if (code == OK && count > METADATA_COUNT_MAX)
        code = field_error(error, "", "metadata", "must have at most %d entries, has %zu", METADATA_COUNT_MAX, count);
    if (code != OK || (count == 0 && !session.data))
        return code;
    struct chat_metadata *pairs = ARENA_ARRAY(request->arena, struct chat_metadata, count + 1);
    if (!pairs)
        return error_no_memory(error);
    const bool has_header = request->metadata_count > 0;
    if (session.data || has_header)
        pairs[0] = session.data ? (struct chat_metadata){STR("session"), session} : request->metadata[0];
    request->metadata = pairs;
    request->metadata_count = session.data || has_header;
    yyjson_obj_foreach(metadata, i, max, key, value)
    {
        if (code == OK)
            code = add_pair(key, value, request, error);
    }
    return code;
}
