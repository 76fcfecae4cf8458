/* reply_check.c - see reply_check.h; the checker itself is chat's. */
#include "generate/reply_check.h"

#include <stdio.h>

#include "chat/json_schema_check.h"

static bool is_forced(const struct chat_request *request)
{
    return request->tool_choice == CHAT_TOOL_ANY || request->tool_choice == CHAT_TOOL_NAMED;
}

/* Do a call's arguments have to match the tool's schema? */
static bool binds(const struct chat_request *request, const struct chat_tool *tool)
{
    return is_forced(request) || request->output_schema != NULL || tool->is_strict;
}

/* The schema that a block was made by, with its place in the request; NULL when none was in force. */
static yyjson_val *schema_of(const struct chat_request *request, const struct chat_reply_block *block, char *where,
                             size_t cap)
{
    snprintf(where, cap, "output schema");
    if (block->kind != CHAT_TOOL_USE)
        return block->kind == CHAT_TEXT && !is_forced(request) ? request->output_schema : NULL;
    for (size_t i = 0; i < request->tool_count; i++)
        if (binds(request, &request->tools[i]) && str_eq(request->tools[i].name, block->tool_name)) {
            snprintf(where, cap, "tools[%zu] (" STR_FMT ")", i, STR_ARG(block->tool_name));
            return request->tools[i].schema;
        }
    return NULL;
}

enum error_code reply_check(const struct chat_request *request, const struct chat_reply *reply, struct error *error)
{
    enum error_code code = OK;
    char where[128];
    for (size_t i = 0; i < reply->block_count && code == OK; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        yyjson_val *schema = schema_of(request, block, where, sizeof(where));
        if (schema != NULL && json_schema_needs_check(schema))
            code = json_schema_check(schema, block->text, where, error);
    }
    return code;
}

bool reply_needs_check(const struct chat_request *request)
{
    bool needs = request->output_schema != NULL && json_schema_needs_check(request->output_schema);
    for (size_t i = 0; i < request->tool_count; i++)
        needs = needs || (binds(request, &request->tools[i]) && json_schema_needs_check(request->tools[i].schema));
    return needs;
}
