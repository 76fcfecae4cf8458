#include "api/bill.h"

enum error_code bill_open(struct bill *bill, struct api_call *call, enum tier tier, struct error *error)
{
    const struct api *api = call->thread->api;
    uint64_t age_us = clock_now_us() - call->exchange->request.started_us;
    const struct charge_subject subject = {
        .request_id = str_of(call->request_id),
        .tenant = str_of(call->identity.tenant),
        .dialect = str_of(call->dialect->name),
        .operation = str_of(call->operation->name),
        .model_requested = call->resource,
        .model_invoked = str_of(call_model(call)->name),
        .profile = call->profile,
        .tags = call->profile_tags,
        .match = &call->match,
        .tier = tier,
        .time_us = clock_wall_us() - age_us,
    };
    charge_begin(&bill->charge, api->prices, &subject);
    enum error_code code = ledger_accept(api->ledger, &bill->charge.line, error);
    bill->is_open = code == OK;
    return code;
}

enum error_code bill_close(struct bill *bill, struct api_call *call, enum ledger_outcome outcome,
                           const struct chat_usage *usage, struct error *error)
{
    const struct ledger_line *line = &bill->charge.line;
    if (!bill->is_open)
        return OK;
    bill->is_open = false;
    charge_end(&bill->charge, outcome, usage, clock_now_us() - call->exchange->request.started_us,
               call->usage.first_token_us ? call->usage.first_token_us : LEDGER_NO_TOKEN);
    if (ledger_finish(call->thread->api->ledger, line, error) != OK)
        return error_set(error, ERROR_UNAVAILABLE, "The ledger could not record this request.");
    call->cost = line->quote.cost;
    const uint64_t *tokens = line->usage.tokens;
    const struct metrics_usage counts = {
        .input_tokens = tokens[PRICE_INPUT],
        .output_tokens = tokens[PRICE_OUTPUT],
        .cache_read_tokens = tokens[PRICE_CACHE_READ],
        .cache_write_tokens = tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H],
    };
    metrics_billed(&call->thread->metrics, call->match.model->index, &counts, line->quote.cost, line->quote.baseline);
    return OK;
}

void bill_drop(struct bill *bill, struct api_call *call)
{
    struct error ignored; /* the ledger has logged it; the line will say failed */
    if (bill->is_open)
        (void)!ledger_refuse(call->thread->api->ledger, &bill->charge.line, &ignored);
    bill->is_open = false;
}
