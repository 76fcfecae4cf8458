/* GET /fulcrum/advice: what the advisor says of this server's own requests, and what would have been with other levers.
 * Runs take longer than a request: until there is an answer, 202 says how far it is. */
#include "advise/runs.h"
#include "api/console/ask.h"
#include "api/console/console.h"

#define DAYS_DEFAULT 30
#define WHAT_IF_MAX 400

struct advice_ask {
    struct console_ask base;
    uint64_t days;
    struct str what_if;
};

/* What a lever is set to, in one word: the command checks what it means. */
static enum error_code append_lever(struct advice_ask *ask, const char *name, struct buf *what_if)
{
    const struct str value = http_query_get(ask->base.call->exchange, name);
    if (!value.data)
        return OK;
    if (value.len == 0 || str_find_char(value, ',', 0) >= 0 || str_find_char(value, '=', 0) >= 0)
        return error_set(&ask->base.error, ERROR_INVALID, "%s: expected one word, got '" STR_FMT "'", name,
                         STR_ARG(str_slice(value, 0, 64)));
    buf_appendf(what_if, "%s%s=" STR_FMT, what_if->len ? "," : "", name, STR_ARG(value));
    return what_if->failed ? error_set(&ask->base.error, ERROR_INVALID, "%s: it is too long", name) : OK;
}

static enum error_code read_levers(struct advice_ask *ask, const char *const *names)
{
    struct buf what_if;
    enum error_code code = OK;
    buf_init(&what_if, WHAT_IF_MAX);
    for (size_t i = 0; names[i] && code == OK; i++)
        code = append_lever(ask, names[i], &what_if);
    if (code == OK && what_if.len > 0 && !arena_str(ask->base.arena, buf_str(&what_if), &ask->what_if))
        code = error_no_memory(&ask->base.error);
    buf_deinit(&what_if);
    return code;
}

static void put_waiting(struct console_ask *ask, const struct advise_answer *answer)
{
    ask->status = 202;
    console_open(&ask->reply, NULL, '{');
    console_put_text(&ask->reply, "state", answer->state == ADVISE_RUN_WAITS ? STR("waiting") : STR("running"));
    console_put_number(&ask->reply, "progress", answer->share);
    console_put_uint(&ask->reply, "records", answer->records);
    console_open(&ask->reply, "levers", '['); /* none yet: for whoever reads the list alone */
    console_close(&ask->reply);
    console_close(&ask->reply);
}

/* The command's own object, with what it was asked before its members. */
static void put_advice(struct advice_ask *ask, const struct advise_answer *answer)
{
    struct console_reply *reply = &ask->base.reply;
    const struct str json = str_trim(answer->json);
    console_open(reply, NULL, '{');
    console_put_text(reply, "state", STR("done"));
    console_put_time(reply, "made", answer->made_us);
    console_put_uint(reply, "days", ask->days);
    console_put_text(reply, "tenant", ask->base.asker.tenant);
    console_put_text(reply, "whatIf", ask->what_if.len > 0 ? ask->what_if : (struct str){NULL, 0});
    console_put_members(reply, json);
    console_close(reply);
}

static enum error_code answer_advice(struct console_ask *base)
{
    struct advice_ask *ask = (struct advice_ask *)base;
    const struct advise_question question = {base->asker.tenant, ask->days, ask->what_if};
    struct advise_answer answer;
    const enum error_code code =
        advise_runs_ask(base->api->advice, &question, base->arena, &answer, &base->error);
    if (code != OK)
        return code;
    if (answer.state == ADVISE_RUN_DONE)
        put_advice(ask, &answer);
    else
        put_waiting(base, &answer);
    return OK;
}

void console_advice(struct api_call *call)
{
    static const char *const names[] = {"ttl", "router", "batch", "distill", "days", NULL};
    static const char *const levers[] = {"ttl", "router", "batch", "distill", NULL};
    struct advice_ask *ask = console_ask_new(call, sizeof(*ask), names, "levers");
    if (!ask)
        return;
    ask->days = DAYS_DEFAULT;
    if (ask->base.code == OK)
        ask->base.code = console_query_number(call, "days", 1, RUNS_DAYS_MAX, &ask->days, &ask->base.error);
    if (ask->base.code == OK)
        ask->base.code = read_levers(ask, levers);
    console_ask_send(&ask->base, answer_advice);
}
