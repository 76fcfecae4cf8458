/* OpenAI's own API: breakpoints of its prompt cache as cache points, and `cache_control`, which gateways in front of
 * several providers have made usual in its bodies. */
#include "api/native/chat_body.h"
#include "core/limits.h"

#define TTL_SHORT 300
#define TTL_LONG 3600 /* for every time that is asked for: half an hour, or twelve */

bool chat_body_mark(const struct chat_request *request, yyjson_val *object, uint32_t *ttl_seconds)
{
    yyjson_val *breakpoint = yyjson_obj_get(object, "prompt_cache_breakpoint");
    yyjson_val *control = yyjson_obj_get(object, "cache_control");
    yyjson_val *ttl = yyjson_obj_get(breakpoint, "ttl");
    if (!yyjson_is_obj(breakpoint) && !yyjson_is_obj(control))
        return false;
    if (yyjson_is_obj(breakpoint) && !ttl)
        ttl = yyjson_obj_get(yyjson_obj_get(request->body, "prompt_cache_options"), "ttl");
    const bool is_long =
        yyjson_is_obj(breakpoint) ? yyjson_is_str(ttl) : yyjson_equals_str(yyjson_obj_get(control, "ttl"), "1h");
    const uint32_t most = request->cache_ttl_max_seconds;
    *ttl_seconds = is_long ? TTL_LONG : TTL_SHORT;
    if (most > 0 && *ttl_seconds > most)
        *ttl_seconds = most;
    return true;
}

struct settling {
    size_t left;       /* cache points that may still be kept */
    uint32_t ttl_seconds; /* of the one behind */
};

static bool settle_one(struct settling *settling, uint32_t *ttl_seconds)
{
    if (settling->left == 0)
        return false;
    settling->left--;
    if (*ttl_seconds < settling->ttl_seconds)
        *ttl_seconds = settling->ttl_seconds;
    settling->ttl_seconds = *ttl_seconds;
    return true;
}

/* From the end on; what is dropped is closed up. */
static size_t settle_blocks(struct settling *settling, struct chat_block *blocks, size_t count)
{
    size_t at = count, kept = 0;
    while (at-- > 0) {
        if (blocks[at].kind == CHAT_CACHE_POINT && !settle_one(settling, &blocks[at].ttl_seconds))
            continue;
        blocks[count - ++kept] = blocks[at];
    }
    if (kept < count)
        memmove(blocks, blocks + count - kept, kept * sizeof(*blocks));
    return kept;
}

void chat_body_settle_marks(struct chat_request *request)
{
    struct settling settling = {.left = LIMIT_CACHE_POINTS};
    for (size_t i = request->message_count; i-- > 0;) {
        struct chat_message *message = &request->messages[i];
        message->block_count = settle_blocks(&settling, message->blocks, message->block_count);
    }
    request->system_count = settle_blocks(&settling, request->system, request->system_count);
    for (size_t i = request->tool_count; i-- > 0;) {
        struct chat_tool *tool = &request->tools[i];
        tool->cache_point_after = tool->cache_point_after && settle_one(&settling, &tool->ttl_seconds);
    }
}
