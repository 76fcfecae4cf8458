/* work_spending.c - what virtual keys and budgets say to a work, and what it takes of both. See work_internal.h.
 *
 * The bound of a request's cost is that of its longest prompt, all of it fresh or written to a cache, whatever is
 * dearer, and of its longest reply. It is loose for those who give no maximum of tokens; it is never too low, or many
 * at once could spend more than there is. */
#include "core/json.h"
#include "generate/work_internal.h"
#include "keys/tally.h"

#define REPLY_TOKENS_MAX 131072 /* where neither request nor target bounds it */
#define CHOICES_MAX 128
#define BYTES_PER_TOKEN 4       /* for a key's minute, which is no money */

static bool has_key(const struct work *work)
{
    return work->setup.port->shared->keys && work->setup.subject.key.len > 0;
}

enum error_code work_check_key(const struct work *work, struct error *error)
{
    const struct target *asked = &work->placement.asked;
    const struct model *model = asked->model;
    const bool has_router = work->setup.router != NULL; /* then it is the router that was asked for */
    const struct str names[RING_NAMES_MAX] = {
        work->setup.subject.model_requested,
        has_router ? STR("") : work->setup.match->id,
        has_router ? STR("") : str_of(asked->name),
        has_router || !model->upstream_model ? STR("") : str_of(upstream_model_id(model->upstream_model)),
    };
    if (!has_key(work))
        return OK;
    return ring_may_ask(keys_ring(work->setup.port->shared->keys), work->setup.subject.key, names, RING_NAMES_MAX,
                        error);
}

/* Records of jobs wait their turn in any case: of a tenant's minute they take nothing. */
static bool has_rate(const struct work *work, const struct keys *keys)
{
    return work->setup.line == WORK_LINE_LEDGER && rates_bound(keys_rates(keys), work->setup.subject.tenant);
}

/* --- the bound -------------------------------------------------------------------------------------- */

/* Replies that a provider was asked to make at once. */
static uint64_t choices(const struct work *work)
{
    int64_t count = 1;
    struct error ignored;
    if (!yyjson_is_obj(work->setup.request->body) ||
        json_get_int(work->setup.request->body, "", "n", 1, CHOICES_MAX, &count, NULL, &ignored) != OK)
        return 1;
    return (uint64_t)count;
}

static uint64_t reply_tokens(const struct work *work)
{
    const struct backend_ops *ops = work->backend->ops;
    const uint64_t asked = work->setup.request->max_tokens;
    if (work->setup.kind == WORK_EMBED)
        return 0;
    const uint64_t context = !asked && ops->context ? ops->context(work->backend, &work->placement.answered) : 0;
    return (asked ? asked : context ? context : REPLY_TOKENS_MAX) * choices(work);
}

static uint64_t bound(const struct work *work)
{
    static const enum price_class classes[] = {PRICE_INPUT, PRICE_CACHE_WRITE_5M, PRICE_CACHE_WRITE_1H};
    const struct target *target = &work->placement.answered;
    const enum tier tier = tier_price(work->setup.request->tier);
    uint64_t most = 0;
    if (work->recalled)
        return 0;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct price_usage usage = {.tokens[PRICE_OUTPUT] = reply_tokens(work)};
        usage.tokens[classes[i]] = work->job.prompt_tokens_max;
        const uint64_t cost = price_cost(target->price, tier, &usage);
        most = cost > most ? cost : most;
    }
    if (!work->doubted)
        return most;
    const struct chat_usage doubted = work_doubted_usage(work); /* it is paid for besides */
    const struct price_usage usage = charge_usage(&doubted);
    return most + price_cost(work->placement.doubted.price, tier, &usage);
}

/* --- taking ----------------------------------------------------------------------------------------- */

/* The subject's tags are all that the request counts for. */
static enum error_code find_tags(struct work *work, struct keys *keys, struct error *error)
{
    const struct chat_request *request = work->setup.request;
    struct charge_subject *subject = &work->setup.subject;
    struct key_tag *own = ARENA_ARRAY(request->arena, struct key_tag, request->metadata_count + 1);
    if (!own)
        return error_no_memory(error);
    for (size_t i = 0; i < request->metadata_count; i++)
        own[i] = (struct key_tag){request->metadata[i].key, request->metadata[i].value};
    const enum error_code code = keys_tags(keys, subject->key, subject->tags, own, request->metadata_count,
                                           request->arena, &subject->tags, error);
    work->has_tags = code == OK;
    return code;
}

/* Of the tenant's minute and of its key's, both or none. */
static enum error_code take_minute(struct work *work, struct keys *keys, struct error *error)
{
    const struct charge_subject *subject = &work->setup.subject;
    const uint64_t tokens = work->job.prompt_tokens_max / BYTES_PER_TOKEN, now_us = clock_wall_us();
    enum error_code code = OK;
    if (has_rate(work, keys))
        code = rates_take(keys_rates(keys), subject->tenant, tokens, now_us, error);
    if (code != OK)
        return code;
    if (has_key(work))
        code = ring_take(keys_ring(keys), subject->key, tokens, now_us, error);
    if (code != OK && has_rate(work, keys))
        rates_undo(keys_rates(keys), subject->tenant, tokens);
    work->has_minute = code == OK;
    work->minute_tokens = tokens;
    return code;
}

static enum error_code reserve(struct work *work, struct keys *keys, struct error *error)
{
    const struct charge_subject *subject = &work->setup.subject;
    struct arena *arena = work->setup.request->arena;
    struct subject *subjects;
    size_t count;
    enum error_code code =
        tally_subjects(subject->tenant, subject->key, subject->tags, arena, &subjects, &count, error);
    if (code != OK)
        return code;
    if (work->setup.instead) /* it has been made, and is to be paid */
        return accounts_owe(keys_accounts(keys), subjects, count, 1 + bound(work), clock_wall_us(), arena,
                            &work->spending, error);
    return accounts_reserve(keys_accounts(keys), subjects, count, bound(work), clock_wall_us(), arena,
                            &work->spending, error);
}

enum error_code work_reserve(struct work *work, struct error *error)
{
    struct keys *keys = work->setup.port->shared->keys;
    enum error_code code = OK;
    if (!keys)
        return OK;
    const bool has_accounts = !accounts_are_none(keys_accounts(keys));
    if (!work->has_tags && (has_accounts || has_key(work)))
        code = find_tags(work, keys, error);
    if (code == OK && has_accounts)
        code = reserve(work, keys, error);
    if (code == OK && (has_key(work) || has_rate(work, keys)) && !work->has_minute && !work->setup.instead)
        code = take_minute(work, keys, error);
    if (code != OK)
        work_spent(work, 0);
    return code;
}

void work_spent(struct work *work, uint64_t cost)
{
    if (work->spending.count > 0)
        accounts_settle(keys_accounts(work->setup.port->shared->keys), &work->spending, cost, work->charge.line.time_us,
                        clock_wall_us());
}

void work_end_minute(struct work *work)
{
    const struct chat_usage usage = work_usage(work);
    const bool is_embedding = work->setup.kind == WORK_EMBED; /* which has no first token; a failed one used none */
    const bool was_served = (work->first_token_us != 0 || is_embedding) && !work->recalled;
    const uint64_t used = usage.input_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens +
                          usage.output_tokens;
    const struct charge_subject *subject = &work->setup.subject;
    const struct keys *keys = work->setup.port->shared->keys;
    if (!work->has_minute)
        return;
    work->has_minute = false;
    if (has_key(work))
        ring_give(keys_ring(keys), subject->key, work->minute_tokens, was_served ? used : 0, clock_wall_us());
    if (has_rate(work, keys))
        rates_give(keys_rates(keys), subject->tenant, work->minute_tokens, was_served ? used : 0, clock_wall_us());
}
