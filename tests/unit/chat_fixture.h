/* chat_fixture.h - chat requests from compact JSON, for the tests of chat/.
 *
 *   {"system": [BLOCK], "messages": [{"role": R, "content": [BLOCK]}],
 *    "tools": [{"name", "description", "schema", "strict", "cache": SECONDS}],
 *    "choice": "auto|any|none" or {"name": N}, "output": SCHEMA}
 *   BLOCK: {"text"} {"reasoning"} {"cache": SECONDS} {"document": {"name", "text"}}
 *          {"toolUse": {"id", "name", "input"}} {"toolResult": {"id", "text", "error"}} */
#ifndef TESTS_CHAT_FIXTURE_H
#define TESTS_CHAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chat/chat.h"
#include "core/buf.h"
#include "core/json.h"

static inline struct str fixture_str(yyjson_val *object, const char *key)
{
    return json_str(yyjson_obj_get(object, key));
}

static inline struct str fixture_compact(struct arena *arena, yyjson_val *value)
{
    struct buf text;
    struct str copy;
    buf_init(&text, 1 << 20);
    assert_true(json_append(&text, value));
    assert_true(arena_str(arena, buf_str(&text), &copy));
    buf_deinit(&text);
    return copy;
}

static inline struct chat_block fixture_block(struct arena *arena, yyjson_val *value)
{
    yyjson_val *part;
    if ((part = yyjson_obj_get(value, "text")) != NULL)
        return (struct chat_block){.kind = CHAT_TEXT, .text = json_str(part)};
    if ((part = yyjson_obj_get(value, "reasoning")) != NULL)
        return (struct chat_block){.kind = CHAT_REASONING, .text = json_str(part)};
    if ((part = yyjson_obj_get(value, "cache")) != NULL)
        return (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = (uint32_t)yyjson_get_uint(part)};
    if ((part = yyjson_obj_get(value, "document")) != NULL)
        return (struct chat_block){
            .kind = CHAT_DOCUMENT, .name = fixture_str(part, "name"), .text = fixture_str(part, "text")};
    if ((part = yyjson_obj_get(value, "toolUse")) != NULL)
        return (struct chat_block){.kind = CHAT_TOOL_USE,
                                   .id = fixture_str(part, "id"),
                                   .name = fixture_str(part, "name"),
                                   .json = fixture_compact(arena, yyjson_obj_get(part, "input"))};
    part = yyjson_obj_get(value, "toolResult");
    assert_non_null(part);
    struct chat_block *content = ARENA_NEW(arena, struct chat_block);
    *content = (struct chat_block){.kind = CHAT_TEXT, .text = fixture_str(part, "text")};
    return (struct chat_block){.kind = CHAT_TOOL_RESULT,
                               .id = fixture_str(part, "id"),
                               .content = content,
                               .content_count = 1,
                               .is_error = yyjson_get_bool(yyjson_obj_get(part, "error"))};
}

static inline struct chat_block *fixture_blocks(struct arena *arena, yyjson_val *array, size_t *count)
{
    size_t i, max;
    yyjson_val *value;
    struct chat_block *blocks = ARENA_ARRAY(arena, struct chat_block, yyjson_arr_size(array) + 1);
    yyjson_arr_foreach(array, i, max, value) blocks[i] = fixture_block(arena, value);
    *count = yyjson_arr_size(array);
    return blocks;
}

static inline void fixture_messages(struct chat_request *request, yyjson_val *array)
{
    size_t i, max;
    yyjson_val *value;
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, yyjson_arr_size(array) + 1);
    request->message_count = yyjson_arr_size(array);
    yyjson_arr_foreach(array, i, max, value)
    {
        struct chat_message *message = &request->messages[i];
        struct str role = fixture_str(value, "role");
        message->role = str_eq(role, STR("user"))     ? CHAT_USER
                        : str_eq(role, STR("system")) ? CHAT_SYSTEM
                                                      : CHAT_ASSISTANT;
        message->blocks = fixture_blocks(request->arena, yyjson_obj_get(value, "content"), &message->block_count);
    }
}

static inline void fixture_tools(struct chat_request *request, yyjson_val *array)
{
    size_t i, max;
    yyjson_val *value;
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, yyjson_arr_size(array) + 1);
    request->tool_count = yyjson_arr_size(array);
    yyjson_arr_foreach(array, i, max, value)
    {
        uint32_t ttl = (uint32_t)yyjson_get_uint(yyjson_obj_get(value, "cache"));
        request->tools[i] = (struct chat_tool){.name = fixture_str(value, "name"),
                                               .description = fixture_str(value, "description"),
                                               .schema = yyjson_obj_get(value, "schema"),
                                               .is_strict = yyjson_get_bool(yyjson_obj_get(value, "strict")),
                                               .cache_point_after = ttl > 0,
                                               .ttl_seconds = ttl};
    }
}

static inline void fixture_choice(struct chat_request *request, yyjson_val *choice)
{
    if (yyjson_is_obj(choice)) {
        request->tool_choice = CHAT_TOOL_NAMED;
        request->tool_choice_name = fixture_str(choice, "name");
    } else if (yyjson_equals_str(choice, "any")) {
        request->tool_choice = CHAT_TOOL_ANY;
    } else if (yyjson_equals_str(choice, "none")) {
        request->tool_choice = CHAT_TOOL_NONE;
    }
}

/* Strings of the request point into `value`. */
static inline struct chat_request fixture_request(struct arena *arena, yyjson_val *value)
{
    struct chat_request request = {.arena = arena};
    request.system = fixture_blocks(arena, yyjson_obj_get(value, "system"), &request.system_count);
    fixture_messages(&request, yyjson_obj_get(value, "messages"));
    fixture_tools(&request, yyjson_obj_get(value, "tools"));
    fixture_choice(&request, yyjson_obj_get(value, "choice"));
    request.output_schema = yyjson_obj_get(value, "output");
    return request;
}

static inline yyjson_doc *fixture_parse(const char *json)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
    if (doc == NULL)
        fail_msg("not JSON: %s", json);
    return doc;
}

#endif
