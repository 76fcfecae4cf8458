/* What is kept of Responses: brought before a body that refers to it is parsed, put away before a reply's last byte,
 * given and deleted by ID. */
#include "api/openai/responses.h"

#include "api/fields.h"
#include "api/offload.h"
#include "api/openai/chat.h"
#include "api/openai/responses_store.h"
#include "core/limits.h"
#include "core/log.h"

/* --- what a body refers to ---------------------------------------------------------------------------- */

static bool is_reference(yyjson_val *item)
{
    return yyjson_equals_str(yyjson_obj_get(item, "type"), "item_reference");
}

static bool refers(yyjson_val *root)
{
    yyjson_val *item;
    size_t i, max;
    if (json_str(yyjson_obj_get(root, "previous_response_id")).len > 0)
        return true;
    yyjson_arr_foreach(yyjson_obj_get(root, "input"), i, max, item)
    {
        if (is_reference(item))
            return true;
    }
    return false;
}

struct bringing {
    struct api_call *call;
    struct arena *arena;
    struct error *error;
    size_t left;     /* bytes that may still be read */
    size_t turns;    /* replies that were read */
    struct buf text; /* {"turns":[...],"items":{...}} */
};

static enum error_code get(struct bringing *bringing, struct str key, struct response_kept *kept)
{
    struct api_call *call = bringing->call;
    enum error_code code = responses_get(call->thread->api->responses, str_of(call->identity.tenant), key,
                                         bringing->arena, kept, bringing->error);
    if (code != OK)
        return code;
    const size_t bytes = kept->input.len + kept->reply.len;
    if (bytes > bringing->left || ++bringing->turns > limit(messages))
        return error_set(bringing->error, ERROR_INVALID, "previous_response_id: the conversation is longer than "
                         "the limit of %zu bytes", (size_t)limit(body_bytes));
    bringing->left -= bytes;
    return OK;
}

/* Turns that were kept. */
struct turn {
    struct response_kept kept;
    struct turn *next;
};

static enum error_code append_output(struct bringing *bringing, struct str reply)
{
    yyjson_val *root = NULL;
    enum error_code code = fields_parse_inner(reply, bringing->arena, &root, bringing->error);
    yyjson_val *item;
    size_t i, max;
    yyjson_arr_foreach(yyjson_obj_get(root, "output"), i, max, item)
    {
        buf_append_char(&bringing->text, ',');
        json_append(&bringing->text, item);
    }
    return code;
}

/* Their items, behind one that says nothing, so that commas need no care. */
static enum error_code append_turns(struct bringing *bringing, const struct turn *first)
{
    enum error_code code = OK;
    for (const struct turn *turn = first; turn && code == OK; turn = turn->next) {
        const struct str input = str_trim(turn->kept.input);
        const struct str items = str_slice(input, 1, input.len > 0 ? input.len - 1 : 0);
        if (items.len > 0) {
            buf_append_char(&bringing->text, ',');
            buf_append_str(&bringing->text, items);
        }
        code = append_output(bringing, turn->kept.reply);
    }
    return code;
}

static enum error_code bring_turns(struct bringing *bringing, yyjson_val *root)
{
    struct str id = json_str(yyjson_obj_get(root, "previous_response_id")), key;
    struct turn *first = NULL;
    size_t item;
    enum error_code code = OK;
    if (id.len == 0)
        return OK;
    if (!openai_read_id(id, &key, &item))
        return error_set(bringing->error, ERROR_INVALID, "previous_response_id: there is no response '" STR_FMT "'",
                         STR_ARG(str_slice(id, 0, 64)));
    while (key.len > 0 && code == OK) {
        struct turn *turn = ARENA_NEW(bringing->arena, struct turn);
        code = turn ? get(bringing, key, &turn->kept) : error_no_memory(bringing->error);
        if (code == ERROR_NOT_FOUND)
            code = error_set(bringing->error, ERROR_INVALID, "previous_response_id: there is no response 'resp_" STR_FMT
                             "'", STR_ARG(key));
        if (code != OK)
            break;
        key = turn->kept.previous;
        turn->next = first; /* the chain comes from its end, and is told from its beginning */
        first = turn;
    }
    return code == OK ? append_turns(bringing, first) : code;
}

/* The item of that ID, which says in whose reply it stands. */
static enum error_code bring_item(struct bringing *bringing, struct str id)
{
    struct response_kept kept;
    struct str key;
    size_t place;
    yyjson_val *root = NULL, *item;
    if (!openai_read_id(id, &key, &place))
        return OK; /* whoever parses it says that it is none */
    enum error_code code = get(bringing, key, &kept);
    if (code == ERROR_NOT_FOUND)
        return OK;
    if (code == OK)
        code = fields_parse_inner(kept.reply, bringing->arena, &root, bringing->error);
    item = yyjson_arr_get(yyjson_obj_get(root, "output"), place);
    if (!item)
        return code;
    buf_append_char(&bringing->text, ',');
    buf_append_json(&bringing->text, id);
    buf_append_char(&bringing->text, ':');
    json_append(&bringing->text, item);
    return code;
}

static enum error_code bring_items(struct bringing *bringing, yyjson_val *root)
{
    yyjson_val *item;
    size_t i, max;
    enum error_code code = OK;
    yyjson_arr_foreach(yyjson_obj_get(root, "input"), i, max, item)
    {
        const struct str id = json_str(yyjson_obj_get(item, "id"));
        if (code == OK && is_reference(item) && id.len > 0)
            code = bring_item(bringing, id);
    }
    return code;
}

static enum error_code bring(struct api_call *call, yyjson_val *root, struct chat_request *request,
                             struct error *error)
{
    struct bringing bringing = {
        .call = call, .arena = &call->exchange->arena, .error = error, .left = limit(body_bytes)};
    buf_init(&bringing.text, 8 * limit(body_bytes));
    buf_append_text(&bringing.text, "{\"turns\":[{\"type\":\"reasoning\"}");
    enum error_code code = bring_turns(&bringing, root);
    buf_append_text(&bringing.text, "],\"items\":{\"\":null");
    if (code == OK)
        code = bring_items(&bringing, root);
    buf_append_text(&bringing.text, "}}");
    struct str text = {0};
    if (code == OK && (bringing.text.failed || !arena_str(bringing.arena, buf_str(&bringing.text), &text)))
        code = error_no_memory(error);
    if (code == OK)
        code = fields_parse_inner(text, bringing.arena, &request->earlier, error);
    buf_deinit(&bringing.text);
    return code;
}

/* --- what is kept ----------------------------------------------------------------------------------- */

struct noted {
    struct api_call *call;
    char key[OPENAI_KEY_LEN + 1];
    struct response_kept kept;
};

static void set_key(struct noted *noted, const char *request_id)
{
    size_t len = 0;
    for (const char *at = request_id; *at && len < OPENAI_KEY_LEN; at++)
        if (*at != '-')
            noted->key[len++] = *at;
}

/* With what its references stand for: that may be gone when this is read again. */
static void append_items(struct buf *out, yyjson_val *items, yyjson_val *kept)
{
    yyjson_val *item;
    size_t i, max;
    yyjson_arr_foreach(items, i, max, item)
    {
        const struct str id = json_str(yyjson_obj_get(item, "id"));
        yyjson_val *found = is_reference(item) && id.data ? yyjson_obj_getn(kept, id.data, id.len) : NULL;
        buf_append_char(out, i > 0 ? ',' : '[');
        json_append(out, found ? found : item);
    }
    buf_append_text(out, yyjson_arr_size(items) > 0 ? "]" : "[]");
}

/* What was asked, as an array of items; a text is what the user says. */
static bool copy_input(struct noted *noted, const struct chat_request *request)
{
    yyjson_val *input = yyjson_obj_get(request->body, openai_is_responses(request->body) ? "input" : "messages");
    struct buf text;
    buf_init(&text, 8 * limit(body_bytes));
    if (yyjson_is_str(input)) {
        buf_append_text(&text, "[{\"type\":\"message\",\"role\":\"user\",\"content\":");
        buf_append_json(&text, json_str(input));
        buf_append_text(&text, "}]");
    } else {
        append_items(&text, input, yyjson_obj_get(request->earlier, "items"));
    }
    const bool is_copied =
        !text.failed && arena_str(&noted->call->exchange->arena, buf_str(&text), &noted->kept.input);
    buf_deinit(&text);
    return is_copied;
}

static void *note(struct api_call *call, const struct chat_request *request)
{
    struct str previous = {0};
    size_t item;
    if (!openai_is_stored(request))
        return NULL;
    (void)openai_read_id(json_str(yyjson_obj_get(request->body, "previous_response_id")), &previous, &item);
    struct noted *noted = ARENA_NEW(&call->exchange->arena, struct noted);
    if (noted)
        noted->call = call;
    const bool is_noted = noted && copy_input(noted, request) &&
                          (!previous.data || arena_str(&call->exchange->arena, previous, &noted->kept.previous));
    if (is_noted)
        set_key(noted, call->request_id);
    else
        log_event(LOG_ERROR, "response not kept: memory is out", LOG_C("id", call->request_id));
    return is_noted ? noted : NULL;
}

static void keep(void *ctx, struct str reply)
{
    struct noted *noted = ctx;
    struct api_call *call = noted->call;
    struct error error;
    noted->kept.reply = reply;
    if (responses_put(call->thread->api->responses, str_of(call->identity.tenant), str_of(noted->key), &noted->kept,
                      &error) != OK)
        log_event(LOG_ERROR, "response not kept", LOG_C("id", call->request_id), LOG_C("error", error.message));
}

const struct operation_memory openai_memory = {
    .refers = refers, .bring = bring, .keeps = openai_is_stored, .note = note, .keep = keep};

/* --- by ID ------------------------------------------------------------------------------------------ */

/* One question to the store, in the exchange's arena. */
struct asking {
    struct offload offload;
    struct api_call *call;
    bool deletes;
    enum error_code code;
    struct error error;
    struct response_kept kept;
};

static void ask_store(void *ctx)
{
    struct asking *asking = ctx;
    struct api_call *call = asking->call;
    struct responses *responses = call->thread->api->responses;
    const struct str tenant = str_of(call->identity.tenant);
    struct str key;
    size_t item;
    if (!openai_read_id(call->resource, &key, &item))
        asking->code = error_set(&asking->error, ERROR_NOT_FOUND, "Response with id '" STR_FMT "' not found.",
                                 STR_ARG(str_slice(call->resource, 0, 64)));
    else if (asking->deletes)
        asking->code = responses_delete(responses, tenant, key, &asking->error);
    else
        asking->code = responses_get(responses, tenant, key, &call->exchange->arena, &asking->kept, &asking->error);
}

static void on_answer(void *ctx, bool is_gone)
{
    struct asking *asking = ctx;
    struct api_call *call = asking->call;
    struct buf body;
    if (is_gone) {
        call_account(call, CALL_CLIENT_GONE);
        return;
    }
    if (asking->code != OK) {
        call_fail(call, &asking->error);
        return;
    }
    buf_init(&body, asking->kept.reply.len + 512);
    if (asking->deletes) {
        buf_append_text(&body, "{\"id\":");
        buf_append_json(&body, call->resource);
        buf_append_text(&body, ",\"object\":\"response\",\"deleted\":true}");
    } else {
        buf_append_str(&body, asking->kept.reply);
    }
    call_respond_json(call, &body);
    buf_deinit(&body);
}

static void ask(struct api_call *call, bool deletes)
{
    struct asking *asking = CALL_NEW(call, struct asking);
    if (!asking)
        return;
    asking->call = call;
    asking->deletes = deletes;
    offload_start(&asking->offload, call->exchange, ask_store, on_answer, asking);
}

void openai_get_response(struct api_call *call)
{
    ask(call, false);
}

void openai_delete_response(struct api_call *call)
{
    ask(call, true);
}
