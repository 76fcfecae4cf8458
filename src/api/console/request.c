/* One request: its line of the ledger, the way it went, what its cache and its router had to say, the price row that it
 * was billed by, and what the same tokens would have cost under other levers, by the functions of the bill. */
#include "api/console/numbers.h"

#include <math.h>
#include <stdio.h>

#include "api/cache_header.h"
#include "api/console/console.h"
#include "api/recent.h"
#include "ledger/money.h"
#include "ledger/page.h"

struct request_ask {
    struct console_ask base;
    struct ledger_view *view;
    struct str id;
    struct recent *recent; /* what memory still has of it; NULL: nothing */
    const struct model_list *models;
};

/* --- the way it went -------------------------------------------------------------------------------- */

static void put_step(struct console_reply *reply, uint64_t us, const char *what)
{
    console_open(reply, NULL, '{');
    console_put_number(reply, "at", (double)us / 1000);
    console_put_text(reply, "what", str_of(what));
    console_close(reply);
}

static void put_way(struct console_reply *reply, const struct ledger_line *line)
{
    char what[64];
    console_open(reply, "way", '[');
    put_step(reply, 0, "arrived");
    if (line->first_token_us != LEDGER_NO_TOKEN)
        put_step(reply, line->first_token_us, "first token");
    if (line->attempts != LEDGER_ABSENT && line->attempts > 1)
        (void)snprintf(what, sizeof(what), "%s, after %llu targets were asked", ledger_outcome_names[line->outcome],
                       (unsigned long long)line->attempts);
    else
        (void)snprintf(what, sizeof(what), "%s", ledger_outcome_names[line->outcome]);
    put_step(reply, line->latency_us, what);
    console_close(reply);
}

/* --- its cache -------------------------------------------------------------------------------------- */

/* What the line still knows, without the figures of the header. */
static struct chat_cache_use use_of(const struct ledger_line *line)
{
    const uint64_t *tokens = line->usage.tokens;
    return (struct chat_cache_use){
        .read_tokens = (uint32_t)tokens[PRICE_CACHE_READ],
        .write_tokens = (uint32_t)(tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H]),
        .miss = cache_miss_of(line->miss_reason),
    };
}

static void put_cache(const struct request_ask *ask, struct console_reply *reply, const struct ledger_line *line)
{
    struct arena *arena = ask->base.arena;
    const bool is_whole = ask->recent && ask->recent->has_cache;
    const struct chat_cache_use use = is_whole ? ask->recent->cache : use_of(line);
    const struct str reason = line->miss_reason;
    console_open(reply, "cache", '{');
    console_put_text(reply, "status", str_of(cache_outcome_name(cache_outcome(&use))));
    console_put_text(reply, "reason", reason.len ? reason : (struct str){NULL, 0});
    console_put_text(reply, "said", is_whole ? cache_header(&use, arena) : (struct str){NULL, 0});
    console_put_text(reply, "explanation", cache_explanation(&use, is_whole, arena));
    console_close(reply);
}

/* --- its router ------------------------------------------------------------------------------------- */

static void put_candidate(struct console_reply *reply, const struct recent *recent, size_t i)
{
    const struct recent_candidate *candidate = &recent->candidates[i];
    console_open(reply, NULL, '{');
    console_put_text(reply, "model", str_of(candidate->model));
    if (recent->is_predicted) {
        console_put_number(reply, "quality", candidate->quality);
        console_put_number(reply, "uncertainty", candidate->uncertainty);
    } else {
        console_put_null(reply, "quality");
        console_put_null(reply, "uncertainty");
    }
    console_put_money(reply, "cost", (ledger_sum)candidate->cost);
    console_put_uint(reply, "warm", candidate->warm_tokens);
    console_put_uint(reply, "promptTokens", candidate->prompt_tokens);
    console_put_uint(reply, "outputTokens", candidate->reply_tokens);
    console_put_bool(reply, "fits", candidate->fits);
    console_put_bool(reply, "chosen", i == recent->chosen);
    console_close(reply);
}

static void put_route(const struct request_ask *ask, struct console_reply *reply, const struct ledger_line *line)
{
    const struct recent *recent = ask->recent;
    if (line->router.len == 0) {
        console_put_null(reply, "route");
        return;
    }
    console_open(reply, "route", '{');
    console_put_text(reply, "reason", line->router);
    console_put_number(reply, "score", line->router_score == LEDGER_ABSENT ? (double)NAN
                                                                           : (double)line->router_score / 1e6);
    console_put_text(reply, "router", recent && recent->router[0] ? str_of(recent->router) : (struct str){NULL, 0});
    if (recent && recent->candidate_count > 0) {
        console_open(reply, "candidates", '[');
        for (size_t i = 0; i < recent->candidate_count; i++)
            put_candidate(reply, recent, i);
        console_close(reply);
    } else {
        console_put_null(reply, "candidates");
    }
    console_close(reply);
}

/* --- its price -------------------------------------------------------------------------------------- */

static void put_rates(struct console_reply *reply, const struct ledger_line *line, const struct price_row *row)
{
    const struct price_step *step = price_row_step(row, &line->usage);
    static const char *const names[PRICE_CLASSES] = {"input", "cacheRead", "cacheWrite", "cacheWrite1h", "output"};
    console_open(reply, "rates", '{');
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        char text[MONEY_TEXT];
        console_put_text(reply, names[i],
                         str_of(money_dollars((ledger_sum)step->rates[line->tier][i], text)));
    }
    console_close(reply);
}

/* Dollars for a million tokens, of the step that its prompt's length has. */
static void put_prices(struct console_reply *reply, const struct ledger_line *line, const struct price_row *row)
{
    console_open(reply, "prices", '{');
    console_put_text(reply, "row", line->price);
    console_put_text(reply, "baselineRow", line->baseline_price);
    console_put_text(reply, "tier", str_of(tier_names[line->tier]));
    if (row) {
        console_put_uint(reply, "aboveTokens", price_row_step(row, &line->usage)->above_tokens);
        put_rates(reply, line, row);
    } else {
        console_put_null(reply, "rates");
    }
    console_close(reply);
}

/* --- under other levers ----------------------------------------------------------------------------- */

static void put_under(struct console_reply *reply, const struct ledger_line *line, const char *lever, uint64_t cost)
{
    console_open(reply, NULL, '{');
    console_put_text(reply, "lever", str_of(lever));
    console_put_money(reply, "cost", (ledger_sum)cost);
    console_put_money(reply, "difference", (ledger_sum)cost - (ledger_sum)line->quote.cost);
    console_close(reply);
}

static const struct price_row *row_of(const struct api *api, const struct model *model)
{
    struct catalog_match match;
    struct error ignored;
    if (catalog_resolve(api->catalog, api->models, str_of(model->name), &match, &ignored) != OK)
        return NULL;
    const struct price_row *row = price_book_row_of(api->prices, match.model->price, match.id, match.place);
    return str_eq(str_of(row->name), STR(PRICE_NONE)) ? NULL : row;
}

/* The same tokens at the price of each other model that is served under a name of its own. */
static void put_models(const struct request_ask *ask, struct console_reply *reply, const struct ledger_line *line)
{
    for (size_t i = 0; i < ask->models->count; i++) {
        const struct model *model = ask->models->models[i];
        const bool is_own = str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX));
        const struct price_row *row =
            is_own || str_eq(str_of(model->name), line->model_invoked) ? NULL : row_of(ask->base.api, model);
        const struct str lever = row ? arena_printf(ask->base.arena, "model:%s", model->name) : STR("");
        if (lever.len > 0)
            put_under(reply, line, lever.data, price_cost(row, line->tier, &line->usage));
    }
}

static void put_levers(const struct request_ask *ask, struct console_reply *reply, const struct ledger_line *line,
                       const struct price_row *row)
{
    static const enum tier tiers[] = {TIER_DEFAULT, TIER_FLEX, TIER_BATCH, TIER_PRIORITY};
    const struct price_usage cold = price_usage_cold(&line->usage), warm = price_usage_warm(&line->usage);
    console_open(reply, "under", '[');
    put_under(reply, line, "none", line->quote.baseline);
    if (row) {
        put_under(reply, line, "cache-cold", price_cost(row, line->tier, &cold));
        put_under(reply, line, "cache-warm", price_cost(row, line->tier, &warm));
        for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
            if (tiers[i] != line->tier)
                put_under(reply, line, tier_names[tiers[i]], price_cost(row, tiers[i], &line->usage));
    }
    put_models(ask, reply, line);
    console_close(reply);
}

/* --- the answer ------------------------------------------------------------------------------------- */

static enum error_code give_request(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct request_ask *ask = ctx;
    struct console_reply *reply = &ask->base.reply;
    struct price_row row;
    struct str rates;
    const enum error_code code = ledger_rates(ask->view, line->price, ask->base.arena, &rates, error);
    if (code != OK)
        return code;
    const bool is_priced = rates.data && price_row_read(rates, line->price, ask->base.arena, &row);
    console_open(reply, NULL, '{');
    console_put_line(reply, "request", line);
    put_way(reply, line);
    put_prices(reply, line, is_priced ? &row : NULL);
    put_cache(ask, reply, line);
    put_route(ask, reply, line);
    put_levers(ask, reply, line, is_priced ? &row : NULL);
    console_close(reply);
    return OK;
}

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct request_ask *ask = (struct request_ask *)base;
    ask->view = view;
    return ledger_find(view, ask->id, base->asker.tenant, give_request, ask, &base->error);
}

static enum error_code answer_request(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

void console_request(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct request_ask *ask = console_ask_new(call, sizeof(*ask), names, NULL);
    if (!ask)
        return;
    struct recent *recent = ARENA_NEW(ask->base.arena, struct recent);
    ask->id = call->resource;
    ask->models = registry_list(ask->base.api->models);
    ask->recent = recent && recents_find(ask->base.api->recents, ask->id, recent) ? recent : NULL;
    console_ask_send(&ask->base, answer_request);
}
