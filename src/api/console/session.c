/* Who is asking the console: what its page has to know first. */
#include "api/console/ask.h"
#include "api/console/console.h"

static enum error_code answer_session(struct console_ask *ask)
{
    const struct config *config = ask->api->config;
    struct console_reply *reply = &ask->reply;
    console_open(reply, NULL, '{');
    console_put_bool(reply, "login", config->tenant_count > 0);
    console_put_text(reply, "tenant", str_of(ask->call->identity.tenant));
    console_put_text(reply, "role", ask->asker.is_admin ? STR("admin") : STR("viewer"));
    console_put_text(reply, "version", STR(FULCRUM_VERSION));
    if (ask->asker.is_admin) {
        console_open(reply, "tenants", '[');
        for (size_t i = 0; i < config->tenant_count; i++)
            console_put_text(reply, NULL, str_of(config->tenants[i].name));
        console_close(reply);
    }
    console_close(reply);
    return OK;
}

void console_session_get(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct console_ask *ask = console_ask_new(call, sizeof(*ask), names, NULL);
    if (ask)
        console_ask_now(ask, answer_session);
}
