/* Who is asking the console: logging in by key or by link, and out, and what its page has to know first. */
#include "api/console/ask.h"
#include "api/console/console.h"
#include "auth/cookie.h"
#include "core/json.h"
#include "core/log.h"

#define COOKIE_FORMAT SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%llu%s"

/* `secret` empty: the browser forgets it. */
static void set_cookie(struct api_call *call, const char *secret)
{
    const uint64_t seconds = *secret ? limit(session_ms) / 1000 : 0;
    const struct str cookie =
        arena_printf(&call->exchange->arena, COOKIE_FORMAT, secret, (unsigned long long)seconds,
                     call->exchange->request.is_tls ? "; Secure" : "");
    if (cookie.data)
        call_add_header(call, "set-cookie", cookie);
}

/* --- what the page has to know ---------------------------------------------------------------------- */

struct session_ask {
    struct console_ask base;
    struct session session; /* all zero where nobody has to log in, or a key stands in the headers */
};

static enum error_code answer_session(struct console_ask *ask)
{
    const struct config *config = ask->api->config;
    const struct auth_identity *identity = &ask->call->identity;
    const struct session *session = &((const struct session_ask *)ask)->session;
    const bool has_tenants = config->tenant_count > 0;
    const char *token = has_tenants ? session->token : sessions_open_token(ask->api->sessions);
    const struct str none = {NULL, 0};
    struct console_reply *reply = &ask->reply;
    console_open(reply, NULL, '{');
    console_put_bool(reply, "login", has_tenants);
    console_put_text(reply, "tenant", identity->tenant[0] ? str_of(identity->tenant) : none);
    console_put_text(reply, "role", identity->is_admin ? STR("admin") : STR("viewer"));
    console_put_text(reply, "token", *token ? str_of(token) : none);
    console_put_text(reply, "version", STR(FULCRUM_VERSION));
    if (identity->is_admin) {
        console_open(reply, "tenants", '[');
        for (size_t i = 0; i < config->tenant_count; i++)
            console_put_text(reply, NULL, str_of(config->tenants[i].name));
        console_close(reply);
    }
    console_close(reply);
    return OK;
}

static struct session_ask *new_ask(struct api_call *call)
{
    static const char *const names[] = {NULL};
    return console_ask_new(call, sizeof(struct session_ask), names, NULL);
}

static struct str secret_of(const struct api_call *call)
{
    return cookie_get(&call->exchange->request, STR(SESSION_COOKIE));
}

void console_session_get(struct api_call *call)
{
    struct session_ask *ask = new_ask(call);
    if (!ask)
        return;
    if (call->identity.has_session &&
        !sessions_find(call->thread->api->sessions, secret_of(call), clock_wall_us(), &ask->session))
        ask->session = (struct session){.token = ""}; /* it ended this moment: the next request says so */
    console_ask_now(&ask->base, answer_session);
}

/* --- in by a key ------------------------------------------------------------------------------------ */

static enum error_code parse_login(struct api_call *call, struct str *key, struct error *error)
{
    yyjson_doc *doc = NULL;
    struct str text;
    bool is_there = false;
    enum error_code code = json_parse(call->exchange->request.body, &doc, error);
    if (code == OK)
        code = json_get_str(yyjson_doc_get_root(doc), "", "key", &text, &is_there, error);
    if (code == OK && !is_there)
        code = error_set(error, ERROR_INVALID, "key: is missing; it is an API key, or ACCESSKEYID:SECRET");
    if (code == OK && !arena_str(&call->exchange->arena, text, key))
        code = error_no_memory(error);
    json_free(doc);
    return code;
}

/* Finds whose key it is. Wrong ones are counted for the client's address. */
static enum error_code check_key(struct api_call *call, struct session *session, struct error *error)
{
    const struct api *api = call->thread->api;
    const uint64_t peer = call->exchange->request.peer, now_us = clock_wall_us();
    struct str key;
    unsigned retry_s;
    if (api->config->tenant_count == 0)
        return error_set(error, ERROR_INVALID, "Nobody has to log in here: fulcrum.yaml has no tenants.");
    enum error_code code = parse_login(call, &key, error);
    if (code != OK)
        return code;
    if (!sessions_may_try(api->sessions, peer, now_us, &retry_s)) {
        code = error_set(error, ERROR_THROTTLED, "Too many wrong keys from this address: try again in %u s.", retry_s);
        error->retry_s = retry_s;
        return code;
    }
    if (auth_find_key(api->config, key, session))
        return OK;
    sessions_note_failure(api->sessions, peer, now_us);
    log_event(LOG_WARN, "login refused", LOG_C("id", call->request_id));
    return error_set(error, ERROR_DENIED, "key: is that of no tenant in fulcrum.yaml");
}

/* The call is the session's from here on. */
static enum error_code begin(struct api_call *call, struct session *session, struct error *error)
{
    char secret[SESSION_SECRET_LEN + 1];
    const struct api *api = call->thread->api;
    const enum error_code code = sessions_begin(api->sessions, clock_wall_us(), session, secret, error);
    if (code != OK)
        return code;
    call->identity.is_admin = session->role == ROLE_ADMIN;
    (void)snprintf(call->identity.tenant, sizeof(call->identity.tenant), "%s",
                   session->tenant ? session->tenant->name : "");
    set_cookie(call, secret);
    log_event(LOG_INFO, "login", LOG_C("id", call->request_id), LOG_C("tenant", call->identity.tenant),
              LOG_C("role", call->identity.is_admin ? "admin" : "viewer"));
    return OK;
}

void console_session_post(struct api_call *call)
{
    struct session_ask *ask = new_ask(call);
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = check_key(call, &ask->session, &ask->base.error);
    if (ask->base.code == OK)
        ask->base.code = begin(call, &ask->session, &ask->base.error);
    console_ask_now(&ask->base, answer_session);
}

/* --- out -------------------------------------------------------------------------------------------- */

static enum error_code answer_nothing(struct console_ask *ask)
{
    console_open(&ask->reply, NULL, '{');
    console_close(&ask->reply);
    return OK;
}

void console_session_delete(struct api_call *call)
{
    struct session_ask *ask = new_ask(call);
    if (!ask)
        return;
    if (call->identity.has_session) {
        sessions_end(call->thread->api->sessions, secret_of(call));
        set_cookie(call, "");
    }
    console_ask_now(&ask->base, answer_nothing);
}

/* --- in by the link --------------------------------------------------------------------------------- */

static void respond_plain(struct api_call *call, int status, struct str text)
{
    call_add_header(call, "cache-control", STR("no-store"));
    call_add_header(call, "referrer-policy", STR("no-referrer"));
    call_add_header(call, "x-content-type-options", STR("nosniff"));
    call_respond(call, status, STR("text/plain; charset=utf-8"), text);
}

/* A preview asks with HEAD, and does not use the link up. */
void console_login(struct api_call *call)
{
    const struct api *api = call->thread->api;
    const struct str link = http_query_get(call->exchange, "link");
    struct session session = {.role = ROLE_ADMIN};
    struct error error;
    if (str_eq(call->exchange->request.method, STR("HEAD"))) {
        respond_plain(call, 200, STR(""));
        return;
    }
    if (api->config->tenant_count > 0 && !sessions_take_link(api->sessions, link, clock_wall_us())) {
        respond_plain(call, 403, STR("This link was used already, or is older than 15 minutes. Log in with an API key "
                                     "at /console, or let the server print a new link: kill -USR1 PID.\n"));
        return;
    }
    if (api->config->tenant_count > 0 && begin(call, &session, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    call_add_header(call, "location", STR("/console"));
    respond_plain(call, 303, STR("The console is at /console.\n"));
}
