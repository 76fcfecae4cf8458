/* Lines of the ledger a page at a time. */
#include "api/console/numbers.h"

#include <stdio.h>

#include "api/console/console.h"
#include "ledger/fields.h"
#include "ledger/page.h"

#define LINE_BYTES_MAX ((size_t)1 << 20)

struct requests_ask {
    struct console_ask base;
    struct ledger_page_query query;
    struct str id; /* of one request; data NULL: any */
};

void console_put_line(struct console_reply *reply, const char *name, const struct ledger_line *line)
{
    struct ledger_fields fields = {.count = 0};
    struct buf text;
    buf_init(&text, LINE_BYTES_MAX);
    ledger_fields_line(&fields, line, true);
    ledger_fields_append_json(&text, &fields);
    console_put_json(reply, name, buf_str(&text));
    reply->body.failed = reply->body.failed || text.failed;
    buf_deinit(&text);
}

static enum error_code give_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    (void)error;
    console_put_line(ctx, NULL, line);
    return OK;
}

/* At most one, and no page behind it. */
static enum error_code give_one(struct requests_ask *ask, struct ledger_view *view, struct ledger_page_end *end)
{
    struct console_ask *base = &ask->base;
    const enum error_code code =
        ledger_find(view, ask->id, base->asker.tenant, give_line, &base->reply, &base->error);
    *end = (struct ledger_page_end){.scanned = code == OK};
    return code == ERROR_NOT_FOUND ? OK : code;
}

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct requests_ask *ask = (struct requests_ask *)base;
    struct console_reply *reply = &base->reply;
    struct ledger_page_end end;
    ask->query.filter.words[LEDGER_WITH_TENANT] = base->asker.tenant;
    console_open(reply, NULL, '{');
    console_open(reply, "requests", '[');
    const enum error_code code = ask->id.data
                                     ? give_one(ask, view, &end)
                                     : ledger_page(view, &ask->query, give_line, reply, &end, &base->error);
    console_close(reply);
    if (code != OK)
        return code;
    console_put_next(reply, str_of(end.next));
    console_put_uint(reply, "scanned", end.scanned);
    console_close(reply);
    return OK;
}

static enum error_code answer_requests(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

static enum error_code read_question(struct api_call *call, struct requests_ask *ask, struct error *error)
{
    static const struct {
        const char *name;
        enum ledger_filter_word word;
    } words[] = {{"model", LEDGER_WITH_MODEL},   {"operation", LEDGER_WITH_OPERATION}, {"tier", LEDGER_WITH_TIER},
                 {"outcome", LEDGER_WITH_OUTCOME}, {"miss", LEDGER_WITH_MISS},         {"router", LEDGER_WITH_ROUTER},
                 {"key", LEDGER_WITH_KEY},       {"profile", LEDGER_WITH_PROFILE},
                 {"session", LEDGER_WITH_SESSION}};
    struct console_period period;
    uint64_t limit = CONSOLE_PAGE_DEFAULT;
    size_t sort = LEDGER_SORT_TIME;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        ask->query.filter.words[words[i].word] = http_query_get(call->exchange, words[i].name);
    ask->id = http_query_get(call->exchange, "id");
    ask->query.cursor = http_query_get(call->exchange, "cursor");
    enum error_code code = console_query_period(call, 0, &period, error);
    if (code == OK)
        code = console_query_choice(call, "sort", ledger_sort_names, &sort, error);
    if (code == OK)
        code = console_query_number(call, "limit", 1,
                                    ask->base.is_csv ? CONSOLE_CSV_PAGE_MAX : CONSOLE_PAGE_MAX, &limit, error);
    ask->query.filter.from_us = period.from_us;
    ask->query.filter.to_us = http_query_get(call->exchange, "to").data ? period.to_us : 0;
    ask->query.sort = (enum ledger_sort)sort;
    ask->query.limit = (uint32_t)limit;
    return code;
}

void console_requests(struct api_call *call)
{
    static const char *const names[] = {"from", "to",     "model",   "operation", "tier", "outcome", "miss",   "router",
                                        "key", "session", "profile", "id", "sort", "limit", "cursor", NULL};
    struct requests_ask *ask = console_ask_new(call, sizeof(*ask), names, "requests");
    if (!ask)
        return;
    if (ask->base.code == OK)
        ask->base.code = read_question(call, ask, &ask->base.error);
    console_ask_send(&ask->base, answer_requests);
}
