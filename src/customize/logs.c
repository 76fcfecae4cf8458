/* logs.c - from a record of the invocation log to a conversation. Opens no file. See logs.h. */
#include "customize/logs.h"

#include <stdio.h>
#include <string.h>

#include "core/arn.h"
#include "core/catalog.h"

#define PATH_BYTES 64
#define FILTERS_MAX 16
#define PAIR_BYTES_MAX 256 /* of a key and of a value, as requestMetadata has them */

static enum error_code wrong(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s", what);
}

/* --- filters ---------------------------------------------------------------------------------------- */

static const char *const operators[] = {"equals", "notEquals", "andAll", "orAll"};
#define BASE_OPERATORS 2
#define OPERATORS 4

static enum error_code check_pair(yyjson_val *map, const char *where, struct error *error)
{
    if (!yyjson_is_obj(map) || yyjson_obj_size(map) != 1)
        return error_set(error, ERROR_INVALID, "%s: expected an object with one pair", where);
    yyjson_obj_iter iter = yyjson_obj_iter_with(map);
    yyjson_val *key = yyjson_obj_iter_next(&iter), *value = yyjson_obj_iter_get_val(key);
    if (!yyjson_is_str(value))
        return error_set(error, ERROR_INVALID, "%s: expected a string as value", where);
    return yyjson_get_len(key) > 0 && yyjson_get_len(key) <= PAIR_BYTES_MAX && yyjson_get_len(value) <= PAIR_BYTES_MAX
               ? OK
               : error_set(error, ERROR_INVALID, "%s: keys have 1 to %d characters, values at most as many", where,
                           PAIR_BYTES_MAX);
}

/* The one operator of a filter; -1: there is none, or more than one. */
static int operator_of(yyjson_val *filter, size_t allowed, yyjson_val **value)
{
    if (!yyjson_is_obj(filter) || yyjson_obj_size(filter) != 1)
        return -1;
    for (size_t i = 0; i < allowed; i++)
        if ((*value = yyjson_obj_get(filter, operators[i])))
            return (int)i;
    return -1;
}

enum error_code log_filter_check(yyjson_val *filters, struct error *error)
{
    static const char where[] = "trainingDataConfig.invocationLogsConfig.requestMetadataFilters";
    yyjson_val *value = NULL, *item;
    size_t idx, max;
    if (!filters || yyjson_is_null(filters))
        return OK;
    const int which = operator_of(filters, OPERATORS, &value);
    if (which < 0)
        return error_set(error, ERROR_INVALID, "%s: expected one of equals, notEquals, andAll and orAll", where);
    if (which < BASE_OPERATORS)
        return check_pair(value, where, error);
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0 || yyjson_arr_size(value) > FILTERS_MAX)
        return error_set(error, ERROR_INVALID, "%s.%s: expected a list of 1 to %d filters", where, operators[which],
                         FILTERS_MAX);
    enum error_code code = OK;
    yyjson_arr_foreach(value, idx, max, item)
    {
        yyjson_val *pair = NULL;
        if (code == OK && operator_of(item, BASE_OPERATORS, &pair) < 0)
            code = error_set(error, ERROR_INVALID, "%s.%s[%zu]: expected equals or notEquals", where, operators[which],
                             idx);
        if (code == OK)
            code = check_pair(pair, where, error);
    }
    return code;
}

static bool fits_pair(int which, yyjson_val *pair, yyjson_val *metadata)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(pair);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    const struct str wanted = json_str(yyjson_obj_iter_get_val(key));
    yyjson_val *value = yyjson_obj_getn(metadata, yyjson_get_str(key), yyjson_get_len(key));
    const bool is_equal = yyjson_is_str(value) && str_eq(json_str(value), wanted);
    return which == 0 ? is_equal : !is_equal;
}

bool log_filter_fits(yyjson_val *filters, yyjson_val *metadata)
{
    yyjson_val *value = NULL, *item;
    size_t idx, max;
    if (!filters || yyjson_is_null(filters))
        return true;
    const int which = operator_of(filters, OPERATORS, &value);
    if (which < BASE_OPERATORS)
        return fits_pair(which, value, metadata);
    const bool all = which == 2;
    yyjson_arr_foreach(value, idx, max, item)
    {
        yyjson_val *pair = NULL;
        const int base = operator_of(item, BASE_OPERATORS, &pair);
        if (fits_pair(base, pair, metadata) != all)
            return !all;
    }
    return all;
}

/* --- models ----------------------------------------------------------------------------------------- */

static struct str bare(struct str id)
{
    struct arn arn;
    return catalog_bare_id(arn_split(id, &arn) ? arn.id : id);
}

bool log_is_model(struct str one, struct str another)
{
    return str_eq(one, another) || str_eq(bare(one), bare(another));
}

/* --- turns ------------------------------------------------------------------------------------------ */

/* A string, or a list of blocks. */
static enum error_code read_content(yyjson_val *value, const char *path, struct arena *arena, struct content *content,
                                    struct error *error)
{
    *content = (struct content){0};
    if (yyjson_is_str(value))
        return arena_str(arena, json_str(value), &content->text) ? OK : error_no_memory(error);
    return content_read(value, path, arena, content, error);
}

static enum error_code read_turn(yyjson_val *message, size_t index, struct arena *arena,
                                 struct conversation *conversation, struct error *error)
{
    struct data_turn *turn = &conversation->turns[index];
    char path[PATH_BYTES];
    turn->is_assistant = yyjson_equals_str(yyjson_obj_get(message, "role"), "assistant");
    if (turn->is_assistant != (index % 2 == 1))
        return wrong(error, "turns do not begin with the user's and alternate");
    (void)snprintf(path, sizeof(path), "messages[%zu].content", index);
    const enum error_code code = read_content(yyjson_obj_get(message, "content"), path, arena, &turn->content, error);
    conversation->count++;
    return code == OK && content_is_blank(&turn->content) ? wrong(error, "a turn is empty") : code;
}

static enum error_code read_system(yyjson_val *system, struct arena *arena, struct str *text, struct error *error)
{
    struct content content;
    if (!system || yyjson_is_null(system))
        return OK;
    const enum error_code code = read_content(system, "system", arena, &content, error);
    if (code == OK && content.blocks.data)
        return wrong(error, "there is something else in its system prompt than text");
    *text = code == OK ? content.text : *text;
    return code;
}

static enum error_code read_tools(yyjson_val *body, struct arena *arena, struct str *tools, struct error *error)
{
    yyjson_val *config = yyjson_obj_get(body, "toolConfig"), *list = yyjson_obj_get(body, "tools");
    return config ? content_read_tools(config, NULL, "toolConfig", arena, tools, error)
                  : content_read_tools(list, yyjson_obj_get(body, "tool_choice"), "tools", arena, tools, error);
}

static enum error_code read_request(yyjson_val *body, struct arena *arena, struct conversation *conversation,
                                    struct error *error)
{
    yyjson_val *messages = yyjson_obj_get(body, "messages"), *message;
    size_t idx, max;
    *conversation = (struct conversation){.system = STR(""), .tools = STR("")};
    if (!yyjson_is_arr(messages) || yyjson_arr_size(messages) == 0)
        return wrong(error, "its body has no messages");
    conversation->turns = ARENA_ARRAY(arena, struct data_turn, yyjson_arr_size(messages) + 1);
    if (!conversation->turns)
        return error_no_memory(error);
    enum error_code code = read_tools(body, arena, &conversation->tools, error);
    if (code == OK)
        code = read_system(yyjson_obj_get(body, "system"), arena, &conversation->system, error);
    yyjson_arr_foreach(messages, idx, max, message)
    {
        if (code == OK)
            code = read_turn(message, idx, arena, conversation, error);
    }
    if (code == OK && conversation_is_answered(conversation))
        code = wrong(error, "its answer was begun by who asked");
    return code == OK ? conversation_check_calls(conversation, error) : code;
}

/* --- answers ---------------------------------------------------------------------------------------- */

static enum error_code read_answer(yyjson_val *body, struct arena *arena, struct content *answer, struct error *error)
{
    yyjson_val *message = yyjson_obj_get(yyjson_obj_get(body, "output"), "message");
    if (yyjson_is_arr(body))
        return content_read_stream(body, arena, answer, error);
    return read_content(yyjson_obj_get(message ? message : body, "content"), "its answer", arena, answer, error);
}

enum error_code log_conversation(yyjson_val *record, bool takes_answer, struct arena *arena,
                                 struct conversation *conversation, struct error *error)
{
    yyjson_val *input = yyjson_obj_get(record, "input"), *output = yyjson_obj_get(record, "output");
    yyjson_val *body = yyjson_obj_get(input, "inputBodyJson"), *reply = yyjson_obj_get(output, "outputBodyJson");
    struct content answer;
    if (!yyjson_is_obj(record) || !yyjson_equals_str(yyjson_obj_get(record, "schemaType"), "ModelInvocationLog"))
        return wrong(error, "it is no record of an invocation log");
    if (yyjson_obj_get(record, "errorCode"))
        return wrong(error, "the request failed");
    if (!yyjson_is_obj(body))
        return wrong(error, "its body is not in the record");
    enum error_code code = read_request(body, arena, conversation, error);
    if (code != OK || !takes_answer)
        return code;
    code = read_answer(reply, arena, &answer, error);
    if (code == OK && content_is_blank(&answer))
        return wrong(error, "its answer is no text in the record");
    if (code != OK)
        return code;
    conversation_answer(conversation, answer);
    return conversation_check_calls(conversation, error);
}
