/* Virtual keys and budgets: what there is, what was spent of it, and changes by administrators. */
#include <stdio.h>

#include "api/console/ask.h"
#include "api/console/console.h"
#include "api/console/numbers.h"
#include "core/json.h"
#include "core/limits.h"
#include "keys/make.h"

struct keys_ask {
    struct console_ask base;
    struct str id; /* in the path */
    struct key_row *rows;
    size_t count;
    struct key_row made;
    struct key_secret secret;
    uint8_t master[KEY_MASTER_LEN];
    struct budget_row budgets[BUDGET_PERIODS];
    size_t budget_count;
};

static struct keys_ask *new_ask(struct api_call *call, const char *list)
{
    static const char *const names[] = {NULL};
    struct keys_ask *ask = console_ask_new(call, sizeof(*ask), names, list);
    if (ask)
        ask->id = call->resource;
    return ask;
}

/* --- a key ------------------------------------------------------------------------------------------ */

static const char *state_of(const struct key_row *key, uint64_t now_us)
{
    if (key->revoked_us)
        return "revoked";
    return key->expires_us && now_us >= key->expires_us ? "expired" : "active";
}

static void put_limit(struct console_reply *reply, const char *name, uint64_t per_minute)
{
    if (per_minute)
        console_put_uint(reply, name, per_minute);
    else
        console_put_null(reply, name);
}

static void put_key(struct console_reply *reply, const struct key_row *key)
{
    console_put_text(reply, "id", key->id);
    console_put_text(reply, "name", key->name);
    console_put_text(reply, "tenant", key->tenant);
    console_put_text(reply, "hint", key->hint);
    console_put_text(reply, "state", str_of(state_of(key, clock_wall_us())));
    console_put_json(reply, "models", key->models);
    console_put_json(reply, "tags", key->tags);
    put_limit(reply, "requestsPerMinute", key->requests);
    put_limit(reply, "tokensPerMinute", key->tokens);
    console_put_time(reply, "createdAt", key->created_us);
    console_put_time(reply, "expiresAt", key->expires_us);
    console_put_time(reply, "revokedAt", key->revoked_us);
}

static enum error_code read_keys(void *ctx, struct key_store *store, struct error *error)
{
    struct keys_ask *ask = ctx;
    return key_store_keys(store, ask->base.arena, &ask->rows, &ask->count, error);
}

static enum error_code answer_keys(struct console_ask *base)
{
    struct keys_ask *ask = (struct keys_ask *)(void *)base;
    const enum error_code code = keys_read(base->api->keys, read_keys, ask, &base->error);
    if (code != OK)
        return code;
    console_open(&base->reply, NULL, '{');
    console_open(&base->reply, "keys", '[');
    for (size_t i = 0; i < ask->count; i++) {
        if (!console_asker_sees(&base->asker, ask->rows[i].tenant))
            continue;
        console_open(&base->reply, NULL, '{');
        put_key(&base->reply, &ask->rows[i]);
        console_close(&base->reply);
    }
    console_close(&base->reply);
    console_close(&base->reply);
    return OK;
}

void console_keys(struct api_call *call)
{
    struct keys_ask *ask = new_ask(call, "keys");
    if (ask)
        console_ask_send(&ask->base, answer_keys);
}

/* --- budgets ---------------------------------------------------------------------------------------- */

/* Also one that is good no longer. */
static bool is_key(const struct console_ask *ask, struct str id, struct auth_key *key)
{
    const enum auth_key_state state = ring_by_id(keys_ring(ask->api->keys), id, 0, key);
    return state == AUTH_KEY_GOOD || state == AUTH_KEY_REVOKED;
}

/* Whose the budget is; empty: everybody's. */
static struct str owner_of(const struct console_ask *ask, const struct subject *subject, struct auth_key *key)
{
    if (subject->kind == SUBJECT_KEY)
        return is_key(ask, subject->name, key) ? str_of(key->tenant) : STR("");
    return subject->tenant;
}

static void put_budget(struct console_reply *reply, const struct account_state *account, struct str owner)
{
    const struct account_spec *spec = &account->spec;
    const ledger_sum left = (ledger_sum)spec->limit - account->spent;
    console_open(reply, NULL, '{');
    console_put_text(reply, "of", str_of(subject_kind_names[spec->subject.kind]));
    console_put_text(reply, "tenant", owner.len > 0 ? owner : (struct str){NULL, 0});
    console_put_text(reply, "name", spec->subject.kind == SUBJECT_TENANT ? spec->subject.tenant : spec->subject.name);
    console_put_text(reply, "period", str_of(budget_period_names[spec->period]));
    console_put_money(reply, "limit", spec->limit);
    console_put_money(reply, "spent", account->spent);
    console_put_money(reply, "reserved", account->reserved);
    console_put_money(reply, "left", left > 0 ? left : 0);
    console_put_time(reply, "resetsAt", window_end_us(&account->window));
    console_put_uint(reply, "refused", account->refused);
    console_put_text(reply, "alert", spec->alert.len > 0 ? spec->alert : (struct str){NULL, 0});
    console_put_text(reply, "source", str_of(account_source_names[spec->source]));
    console_close(reply);
}

static int by_subject(const void *a, const void *b)
{
    const struct account_spec *first = &((const struct account_state *)a)->spec;
    const struct account_spec *second = &((const struct account_state *)b)->spec;
    const struct str texts[][2] = {{first->subject.tenant, second->subject.tenant},
                                   {first->subject.name, second->subject.name}};
    if (first->subject.kind != second->subject.kind)
        return first->subject.kind < second->subject.kind ? -1 : 1;
    for (size_t i = 0; i < 2; i++) {
        const struct str one = texts[i][0], other = texts[i][1];
        const size_t shorter = one.len < other.len ? one.len : other.len;
        const int order = shorter ? memcmp(one.data, other.data, shorter) : 0;
        if (order || one.len != other.len)
            return order ? order : (one.len > other.len) - (one.len < other.len);
    }
    return (first->period > second->period) - (first->period < second->period);
}

static enum error_code answer_budgets(struct console_ask *ask)
{
    struct account_state *states;
    size_t count;
    const enum error_code code =
        accounts_list(keys_accounts(ask->api->keys), clock_wall_us(), ask->arena, &states, &count, &ask->error);
    if (code != OK)
        return code;
    qsort(states, count, sizeof(*states), by_subject);
    console_open(&ask->reply, NULL, '{');
    console_open(&ask->reply, "budgets", '[');
    for (size_t i = 0; i < count; i++) {
        struct auth_key key;
        const struct str owner = owner_of(ask, &states[i].spec.subject, &key);
        if (console_asker_sees(&ask->asker, owner))
            put_budget(&ask->reply, &states[i], owner);
    }
    console_close(&ask->reply);
    console_close(&ask->reply);
    return OK;
}

void console_budgets(struct api_call *call)
{
    struct keys_ask *ask = new_ask(call, "budgets");
    if (ask)
        console_ask_send(&ask->base, answer_budgets);
}

/* --- what somebody wants: bodies -------------------------------------------------------------------- */

/* Dollars as a number or as text, digit by digit as they came; data NULL: the period is not spoken of. */
static enum error_code read_amounts(yyjson_val *object, const char *where, struct str amounts[BUDGET_PERIODS],
                                    struct error *error)
{
    for (int i = 0; i < BUDGET_PERIODS; i++) {
        yyjson_val *amount = yyjson_obj_get(object, budget_period_names[i]);
        amounts[i] = (struct str){NULL, 0};
        if (!amount || yyjson_is_null(amount))
            continue;
        if (yyjson_is_raw(amount))
            amounts[i] = (struct str){yyjson_get_raw(amount), yyjson_get_len(amount)};
        else if (yyjson_is_str(amount))
            amounts[i] = json_str(amount);
        else
            return error_set(error, ERROR_INVALID, "%s%s%s: expected dollars, got %s", where, where[0] ? "." : "",
                             budget_period_names[i], json_type_name(amount));
    }
    return OK;
}

static enum error_code read_budgets(struct keys_ask *ask, yyjson_val *root, yyjson_val *amounts, const char *where,
                                    const struct subject *subject)
{
    struct error *error = &ask->base.error;
    struct budget_wish wish = {.subject = *subject};
    enum error_code code = json_get_str(root, "", "alert", &wish.alert, NULL, error);
    if (code == OK)
        code = read_amounts(amounts, where, wish.amounts, error);
    return code == OK ? budgets_from_wish(&wish, ask->base.api->config, ask->budgets, &ask->budget_count, error) : code;
}

static enum error_code read_models(struct keys_ask *ask, yyjson_val *root, struct key_wish *wish)
{
    yyjson_val *list = NULL, *model;
    size_t at, max;
    enum error_code code = json_get_array(root, "", "models", &list, &ask->base.error);
    if (code != OK || !list)
        return code;
    struct str *models = ARENA_ARRAY(ask->base.arena, struct str, yyjson_arr_size(list) + 1);
    if (!models)
        return error_no_memory(&ask->base.error);
    json_arr_foreach(list, at, max, model)
        models[wish->model_count++] = json_str(model);
    wish->models = models;
    return OK;
}

static enum error_code read_tags(struct keys_ask *ask, yyjson_val *root, struct key_wish *wish)
{
    yyjson_val *object = NULL, *key, *value;
    size_t at, max;
    enum error_code code = json_get_object(root, "", "tags", &object, &ask->base.error);
    if (code != OK || !object)
        return code;
    struct key_tag *tags = ARENA_ARRAY(ask->base.arena, struct key_tag, yyjson_obj_size(object) + 1);
    if (!tags)
        return error_no_memory(&ask->base.error);
    json_obj_foreach(object, at, max, key, value)
    {
        if (!yyjson_is_str(value))
            return error_set(&ask->base.error, ERROR_INVALID, "tags." STR_FMT ": expected a string",
                             STR_ARG(str_slice(json_str(key), 0, 64)));
        tags[wish->tag_count++] = (struct key_tag){json_str(key), json_str(value)};
    }
    wish->tags = tags;
    return OK;
}

static enum error_code read_wish(struct keys_ask *ask, yyjson_val *root)
{
    struct error *error = &ask->base.error;
    struct key_wish wish = {.tenant = ask->base.asker.tenant};
    int64_t requests = 0, tokens = 0;
    yyjson_val *amounts = NULL;
    enum error_code code = json_get_str(root, "", "name", &wish.name, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "tenant", &wish.tenant, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "expires", &wish.expires, NULL, error);
    if (code == OK)
        code = json_get_int(root, "", "requestsPerMinute", 0, INT64_MAX, &requests, NULL, error);
    if (code == OK)
        code = json_get_int(root, "", "tokensPerMinute", 0, INT64_MAX, &tokens, NULL, error);
    if (code == OK)
        code = read_models(ask, root, &wish);
    if (code == OK)
        code = read_tags(ask, root, &wish);
    if (code == OK)
        code = json_get_object(root, "", "budgets", &amounts, error);
    wish.requests = (uint64_t)requests;
    wish.tokens = (uint64_t)tokens;
    if (code == OK)
        code = key_from_wish(&wish, ask->base.api->config, clock_wall_us(), ask->base.arena, &ask->secret, &ask->made,
                             error);
    const struct subject subject = {SUBJECT_KEY, STR(""), ask->made.id};
    return code == OK ? read_budgets(ask, root, amounts, "budgets", &subject) : code;
}

/* --- changes ---------------------------------------------------------------------------------------- */

static enum error_code add_key(void *ctx, struct key_store *store, struct error *error)
{
    struct keys_ask *ask = ctx;
    const enum error_code code = key_store_master(store, ask->master, error);
    return code == OK ? key_store_add(store, &ask->made, ask->budgets, ask->budget_count, error) : code;
}

static void put_made(struct keys_ask *ask)
{
    struct console_reply *reply = &ask->base.reply;
    char access[KEY_ACCESS_SECRET_LEN + 1];
    key_access_secret(ask->master, ask->made.id, access);
    console_open(reply, NULL, '{');
    put_key(reply, &ask->made);
    console_put_text(reply, "key", str_of(ask->secret.token));
    console_put_text(reply, "accessKeyId", ask->made.id);
    console_put_text(reply, "secretAccessKey", str_of(access));
    console_close(reply);
}

/* Runs `read` over the body, whose strings are the document's, and `change` with what came of it. */
static enum error_code change_by_body(struct keys_ask *ask,
                                      enum error_code (*read)(struct keys_ask *ask, yyjson_val *root),
                                      enum error_code (*change)(void *ctx, struct key_store *store,
                                                                struct error *error))
{
    struct console_ask *base = &ask->base;
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(base->call->exchange->request.body, &doc, &base->error);
    if (code == OK && !yyjson_is_obj(yyjson_doc_get_root(doc)))
        code = error_set(&base->error, ERROR_INVALID, "The body: expected an object");
    if (code == OK)
        code = read(ask, yyjson_doc_get_root(doc));
    if (code == OK)
        code = keys_change(base->api->keys, change, ask, &base->error);
    json_free(doc);
    return code;
}

static enum error_code answer_create(struct console_ask *base)
{
    struct keys_ask *ask = (struct keys_ask *)(void *)base;
    const enum error_code code = change_by_body(ask, read_wish, add_key);
    if (code != OK)
        return code;
    log_event(LOG_INFO, "key created", LOG_S("key", ask->made.id), LOG_S("tenant", ask->made.tenant),
              LOG_C("id", base->call->request_id));
    put_made(ask);
    return OK;
}

void console_key_create(struct api_call *call)
{
    struct keys_ask *ask = new_ask(call, NULL);
    if (ask)
        console_ask_send(&ask->base, answer_create);
}

static enum error_code revoke_key(void *ctx, struct key_store *store, struct error *error)
{
    struct keys_ask *ask = ctx;
    const enum error_code code = key_store_find(store, ask->id, ask->base.asker.tenant, ask->base.arena, &ask->made,
                                                error);
    return code == OK ? key_store_revoke(store, ask->made.id, clock_wall_us(), error) : code;
}

static enum error_code answer_revoke(struct console_ask *base)
{
    struct keys_ask *ask = (struct keys_ask *)(void *)base;
    const enum error_code code = keys_change(base->api->keys, revoke_key, ask, &base->error);
    if (code != OK)
        return code;
    log_event(LOG_INFO, "key revoked", LOG_S("key", ask->made.id), LOG_C("id", base->call->request_id));
    console_open(&base->reply, NULL, '{');
    console_put_text(&base->reply, "id", ask->made.id);
    console_put_text(&base->reply, "state", STR("revoked"));
    console_close(&base->reply);
    return OK;
}

void console_key_revoke(struct api_call *call)
{
    struct keys_ask *ask = new_ask(call, NULL);
    if (ask)
        console_ask_send(&ask->base, answer_revoke);
}

static enum error_code read_budget(struct keys_ask *ask, yyjson_val *root)
{
    struct error *error = &ask->base.error;
    struct str of = STR(""), tenant = STR(""), name = STR("");
    struct subject subject;
    struct auth_key key;
    enum error_code code = json_get_str(root, "", "of", &of, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "tenant", &tenant, NULL, error);
    if (code == OK)
        code = json_get_str(root, "", "name", &name, NULL, error);
    if (code != OK)
        return code;
    if (!subject_kind_find(of, &subject.kind))
        return error_set(error, ERROR_INVALID, "of: expected tenant, key or tag");
    if (subject.kind == SUBJECT_KEY && !is_key(&ask->base, name, &key))
        return error_set(error, ERROR_INVALID, "name: expected the ID of a key");
    subject.tenant = subject.kind == SUBJECT_KEY ? STR("") : tenant;
    subject.name = subject.kind == SUBJECT_TENANT ? STR("") : name;
    if (subject.kind == SUBJECT_TENANT || tenant.len > 0)
        code = key_check_tenant(tenant, ask->base.api->config, error);
    return code == OK ? read_budgets(ask, root, root, "", &subject) : code;
}

static enum error_code set_budgets(void *ctx, struct key_store *store, struct error *error)
{
    struct keys_ask *ask = ctx;
    return key_store_set_budgets(store, ask->budgets, ask->budget_count, error);
}

static enum error_code answer_set(struct console_ask *base)
{
    struct keys_ask *ask = (struct keys_ask *)(void *)base;
    const enum error_code code = change_by_body(ask, read_budget, set_budgets);
    if (code == OK)
        log_event(LOG_INFO, "budget changed", LOG_I("periods", ask->budget_count),
                  LOG_C("id", base->call->request_id));
    return code == OK ? answer_budgets(base) : code;
}

void console_budget_set(struct api_call *call)
{
    struct keys_ask *ask = new_ask(call, NULL);
    if (ask)
        console_ask_send(&ask->base, answer_set);
}
