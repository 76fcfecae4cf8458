/* keys_remote.c - a command to requests to the console's API, and what comes back to the rows that keys_show.c prints.
 * Rules are the server's. See keys_remote.h. */
#include "cmd/keys_remote.h"

#include "auth/sigv4.h"
#include "cmd/api_client.h"
#include "core/json.h"
#include "core/util.h"

#define TARGET_BYTES 8192
#define BODY_BYTES (1u << 20)
#define REPLY_BYTES (64u << 20)
#define KEYS "/fulcrum/keys"
#define BUDGETS "/fulcrum/budgets"

struct remote {
    struct keys_command *command;
    const struct keys_arguments *options;
    struct api_client *client;
    struct buf target, body, reply;
};

/* --- requests ---------------------------------------------------------------------------------------- */

static void set_target(struct remote *remote, const char *path, struct str name)
{
    struct buf *target = &remote->target;
    buf_clear(target);
    buf_append_text(target, path);
    if (name.len > 0) {
        buf_append_char(target, '/');
        sigv4_append_encoded(target, name, false);
    }
    if (remote->options->tenant) {
        buf_append_text(target, "?tenant=");
        sigv4_append_encoded(target, str_of(remote->options->tenant), false);
    }
    buf_append_char(target, '\0');
}

/* The reply's root lies in *doc, whose strings are copied by those who keep them. */
static enum error_code ask(struct remote *remote, bool is_delete, yyjson_doc **doc, struct error *error)
{
    const struct str body = remote->body.len > 0 ? buf_str(&remote->body) : (struct str){NULL, 0};
    if (remote->target.failed || remote->body.failed)
        return error_set(error, ERROR_INVALID, "the command line is too long");
    const enum error_code code =
        is_delete ? api_client_delete(remote->client, remote->target.data, &remote->reply, error)
                  : api_client_call(remote->client, remote->target.data, body, &remote->reply, error);
    return code == OK ? json_parse(buf_str(&remote->reply), doc, error) : code;
}

static bool keep(struct remote *remote, yyjson_val *object, const char *name, struct str *text)
{
    return arena_str(&remote->command->arena, json_str(yyjson_obj_get(object, name)), text);
}

static uint64_t time_of(yyjson_val *object, const char *name)
{
    uint64_t us;
    return clock_parse(json_str(yyjson_obj_get(object, name)), &us) ? us : 0;
}

static uint64_t number_of(yyjson_val *object, const char *name)
{
    struct error ignored;
    int64_t value = 0;
    return json_get_int(object, "", name, 0, INT64_MAX, &value, NULL, &ignored) == OK ? (uint64_t)value : 0;
}

/* --- rows -------------------------------------------------------------------------------------------- */

static bool keep_json(struct remote *remote, yyjson_val *value, struct str *text)
{
    struct buf made;
    buf_init(&made, BODY_BYTES);
    const bool is_kept = json_append(&made, value) && arena_str(&remote->command->arena, buf_str(&made), text);
    buf_deinit(&made);
    return is_kept;
}

static enum error_code read_key(struct remote *remote, yyjson_val *object, struct key_row *key, struct error *error)
{
    *key = (struct key_row){
        .requests = number_of(object, "requestsPerMinute"),
        .tokens = number_of(object, "tokensPerMinute"),
        .created_us = time_of(object, "createdAt"),
        .expires_us = time_of(object, "expiresAt"),
        .revoked_us = time_of(object, "revokedAt"),
    };
    const bool is_kept = keep(remote, object, "id", &key->id) && keep(remote, object, "name", &key->name) &&
                         keep(remote, object, "tenant", &key->tenant) && keep(remote, object, "hint", &key->hint) &&
                         keep_json(remote, yyjson_obj_get(object, "models"), &key->models) &&
                         keep_json(remote, yyjson_obj_get(object, "tags"), &key->tags);
    return is_kept ? OK : error_set(error, ERROR_MODEL, "the server's answer is no list of keys");
}

static enum error_code read_keys(struct remote *remote, struct key_row **keys, size_t *count, struct error *error)
{
    yyjson_doc *doc;
    yyjson_val *list, *one;
    size_t at, max;
    buf_clear(&remote->body);
    set_target(remote, KEYS, STR(""));
    enum error_code code = ask(remote, false, &doc, error);
    if (code != OK)
        return code;
    list = yyjson_obj_get(yyjson_doc_get_root(doc), "keys");
    *count = 0;
    *keys = ARENA_ARRAY(&remote->command->arena, struct key_row, yyjson_arr_size(list) + 1);
    if (!*keys)
        code = error_no_memory(error);
    json_arr_foreach(list, at, max, one)
    {
        if (code == OK)
            code = read_key(remote, one, &(*keys)[(*count)++], error);
    }
    json_free(doc);
    return code;
}

static enum error_code read_budget(struct remote *remote, yyjson_val *object, struct keys_budget *budget,
                                   struct error *error)
{
    struct subject *subject = &budget->row.subject;
    *budget = (struct keys_budget){
        .row.limit = number_of(object, "limitPicodollars"),
        .spent = (ledger_sum)number_of(object, "spentPicodollars"),
        .resets_us = time_of(object, "resetsAt"),
    };
    budget->source = str_eq(json_str(yyjson_obj_get(object, "source")),
                            str_of(account_source_names[ACCOUNT_OF_FILE])) ? ACCOUNT_OF_FILE : ACCOUNT_OF_STORE;
    const bool is_read = subject_kind_find(json_str(yyjson_obj_get(object, "of")), &subject->kind) &&
                         budget_period_find(json_str(yyjson_obj_get(object, "period")), &budget->row.period) &&
                         keep(remote, object, "alert", &budget->row.alert) &&
                         keep(remote, object, "tenant", &subject->tenant) &&
                         keep(remote, object, "name", &subject->name);
    if (!is_read)
        return error_set(error, ERROR_MODEL, "the server's answer is no list of budgets");
    if (subject->kind == SUBJECT_TENANT)
        subject->name = STR("");
    if (subject->kind == SUBJECT_KEY)
        subject->tenant = STR("");
    return OK;
}

static enum error_code take_budgets(struct remote *remote, struct keys_budgets *budgets, struct error *error)
{
    yyjson_doc *doc;
    yyjson_val *list, *one;
    size_t at, max;
    enum error_code code = ask(remote, false, &doc, error);
    if (code != OK)
        return code;
    list = yyjson_obj_get(yyjson_doc_get_root(doc), "budgets");
    budgets->items = ARENA_ARRAY(&remote->command->arena, struct keys_budget, yyjson_arr_size(list) + 1);
    if (!budgets->items)
        code = error_no_memory(error);
    json_arr_foreach(list, at, max, one)
    {
        if (code == OK)
            code = read_budget(remote, one, &budgets->items[budgets->count++], error);
    }
    json_free(doc);
    return code;
}

static enum error_code read_budgets(struct remote *remote, struct keys_budgets *budgets, struct error *error)
{
    buf_clear(&remote->body);
    set_target(remote, BUDGETS, STR(""));
    return take_budgets(remote, budgets, error);
}

/* --- create ------------------------------------------------------------------------------------------ */

static void append_list(struct buf *body, const struct key_wish *wish)
{
    buf_append_text(body, ",\"models\":[");
    for (size_t i = 0; i < wish->model_count; i++) {
        buf_append_text(body, i ? "," : "");
        buf_append_json(body, wish->models[i]);
    }
    buf_append_text(body, "],\"tags\":{");
    for (size_t i = 0; i < wish->tag_count; i++) {
        buf_append_text(body, i ? "," : "");
        buf_append_json(body, wish->tags[i].key);
        buf_append_char(body, ':');
        buf_append_json(body, wish->tags[i].value);
    }
    buf_append_char(body, '}');
}

/* `"day":"5","month":"100"`: periods that are spoken of. */
static void append_amounts(struct buf *body, const struct keys_arguments *options)
{
    bool has_one = false;
    for (int i = 0; i < BUDGET_PERIODS; i++) {
        if (!options->amounts[i])
            continue;
        buf_appendf(body, "%s\"%s\":", has_one ? "," : "", budget_period_names[i]);
        buf_append_json(body, str_of(options->amounts[i]));
        has_one = true;
    }
}

static void write_wish(struct remote *remote, const struct key_wish *wish)
{
    struct buf *body = &remote->body;
    buf_append_text(body, "{\"name\":");
    buf_append_json(body, wish->name);
    if (wish->tenant.len > 0)
        (void)json_append_member(body, "tenant", wish->tenant);
    if (wish->expires.len > 0)
        (void)json_append_member(body, "expires", wish->expires);
    append_list(body, wish);
    buf_appendf(body, ",\"requestsPerMinute\":%llu,\"tokensPerMinute\":%llu,\"budgets\":{",
                (unsigned long long)wish->requests, (unsigned long long)wish->tokens);
    append_amounts(body, remote->options);
    buf_append_char(body, '}');
    if (remote->options->alert)
        (void)json_append_member(body, "alert", str_of(remote->options->alert));
    buf_append_char(body, '}');
}

static enum error_code create(struct remote *remote, struct error *error)
{
    struct keys_wish wish;
    struct key_row key;
    yyjson_doc *doc;
    enum error_code code = keys_options_wish(remote->options, &wish, error);
    if (code != OK)
        return code;
    write_wish(remote, &wish.wish);
    set_target(remote, KEYS, STR(""));
    code = ask(remote, false, &doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    code = read_key(remote, root, &key, error);
    if (code == OK)
        keys_show_new(remote->command, &key, json_str(yyjson_obj_get(root, "key")),
                      json_str(yyjson_obj_get(root, "secretAccessKey")));
    json_free(doc);
    return code;
}

/* --- list, revoke, budget ---------------------------------------------------------------------------- */

static enum error_code list(struct remote *remote, struct error *error)
{
    struct keys_budgets budgets = {.count = 0};
    struct key_row *keys;
    size_t count;
    enum error_code code = read_keys(remote, &keys, &count, error);
    if (code == OK)
        code = read_budgets(remote, &budgets, error);
    if (code == OK)
        keys_show_rows(remote->command, keys, count, &budgets, (struct str){NULL, 0});
    return code;
}

static enum error_code revoke_key(struct remote *remote, struct error *error)
{
    struct key_row key = {.revoked_us = 0};
    yyjson_doc *doc;
    set_target(remote, KEYS, str_of(remote->options->what));
    const enum error_code code = ask(remote, true, &doc, error);
    if (code != OK)
        return code;
    const bool is_kept = keep(remote, yyjson_doc_get_root(doc), "id", &key.id);
    json_free(doc);
    if (!is_kept)
        return error_no_memory(error);
    key.name = str_of(remote->options->what);
    keys_show_revoked(remote->command, &key);
    return OK;
}

/* The ID of the key that is meant: an ID, or the name of one that is not revoked. */
static enum error_code find(struct remote *remote, struct str *id, struct error *error)
{
    const struct str what = str_of(remote->options->what);
    struct key_row *keys;
    size_t count;
    const enum error_code code = read_keys(remote, &keys, &count, error);
    *id = (struct str){NULL, 0};
    for (size_t i = 0; code == OK && i < count; i++) {
        if (!str_eq(keys[i].id, what) && (keys[i].revoked_us || !str_eq(keys[i].name, what)))
            continue;
        if (id->data)
            return error_set(error, ERROR_CONFLICT, "several tenants have a key '" STR_FMT "': name one with --tenant",
                             STR_ARG(what));
        *id = keys[i].id;
    }
    return code != OK || id->data ? code
                                  : error_set(error, ERROR_NOT_FOUND, "there is no key '" STR_FMT "'", STR_ARG(what));
}

static enum error_code find_subject(struct remote *remote, struct subject *subject, struct error *error)
{
    const struct keys_arguments *options = remote->options;
    const struct str tenant = options->tenant ? str_of(options->tenant) : STR("");
    *subject = (struct subject){options->tag ? SUBJECT_TAG : SUBJECT_TENANT, tenant, str_of(options->tag)};
    if (!options->what)
        return OK;
    *subject = (struct subject){.kind = SUBJECT_KEY, .tenant = STR("")};
    return find(remote, &subject->name, error);
}

static void write_budget(struct remote *remote, const struct subject *subject)
{
    struct buf *body = &remote->body;
    buf_clear(body);
    buf_appendf(body, "{\"of\":\"%s\"", subject_kind_names[subject->kind]);
    if (subject->tenant.len > 0)
        (void)json_append_member(body, "tenant", subject->tenant);
    if (subject->name.len > 0)
        (void)json_append_member(body, "name", subject->name);
    if (remote->options->alert)
        (void)json_append_member(body, "alert", str_of(remote->options->alert));
    buf_append_char(body, ',');
    append_amounts(body, remote->options);
    buf_append_char(body, '}');
}

static enum error_code budget(struct remote *remote, struct error *error)
{
    const struct keys_arguments *options = remote->options;
    struct keys_budgets budgets = {.count = 0};
    struct subject subject;
    bool has_amount = false;
    for (int i = 0; i < BUDGET_PERIODS; i++)
        has_amount = has_amount || options->amounts[i];
    enum error_code code = find_subject(remote, &subject, error);
    if (code == OK && has_amount) {
        write_budget(remote, &subject);
        set_target(remote, BUDGETS, STR(""));
        code = take_budgets(remote, &budgets, error);
    } else if (code == OK) {
        code = read_budgets(remote, &budgets, error);
    }
    if (code == OK)
        keys_show_subject(remote->command, &budgets, &subject);
    return code;
}

enum error_code keys_remote(struct keys_command *command, const struct keys_arguments *options, struct error *error)
{
    struct remote remote = {.command = command, .options = options};
    enum error_code code = api_client_new(options->endpoint, &remote.client, error);
    if (code != OK)
        return code;
    buf_init(&remote.target, TARGET_BYTES);
    buf_init(&remote.body, BODY_BYTES);
    buf_init(&remote.reply, REPLY_BYTES);
    if (!strcmp(options->verb, "create"))
        code = create(&remote, error);
    else if (!strcmp(options->verb, "revoke"))
        code = revoke_key(&remote, error);
    else
        code = !strcmp(options->verb, "budget") ? budget(&remote, error) : list(&remote, error);
    buf_deinit(&remote.target);
    buf_deinit(&remote.body);
    buf_deinit(&remote.reply);
    api_client_free(remote.client);
    return code;
}
