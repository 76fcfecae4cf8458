/* report_usage.c - rows of OpenAI's and Anthropic's usage and costs, whose members and columns are called alike whether
 * they come by their API or as an export of their pages. See report.h. */
#include "core/util.h"
#include "reconcile/report.h"

#define NAMES_MAX 5

/* Tokens that stand by themselves, by all names that they have. */
static const char *const token_names[PRICE_CLASSES][NAMES_MAX] = {
    [PRICE_INPUT] = {"input_uncached_tokens", "uncached_input_tokens", "usage_input_tokens_no_cache"},
    [PRICE_CACHE_READ] = {"input_cached_tokens", "cache_read_input_tokens", "usage_input_tokens_cache_read"},
    [PRICE_CACHE_WRITE_5M] = {"cache_creation.ephemeral_5m_input_tokens", "cache_creation_5m_input_tokens",
                              "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write"},
    [PRICE_CACHE_WRITE_1H] = {"cache_creation.ephemeral_1h_input_tokens", "cache_creation_1h_input_tokens",
                              "usage_input_tokens_cache_write_1h", "input_cache_write_12h_tokens"},
    [PRICE_OUTPUT] = {"output_tokens", "usage_output_tokens"},
};

static struct str first(const struct report_row *row, const char *const names[NAMES_MAX])
{
    for (size_t i = 0; i < NAMES_MAX && names[i]; i++) {
        const struct str found = row->get(row->ctx, names[i]);
        if (found.len > 0)
            return found;
    }
    return (struct str){NULL, 0};
}

static struct str one(const struct report_row *row, const char *name)
{
    return row->get(row->ctx, name);
}

/* 0: it is not there. */
static int64_t count_of(struct str text)
{
    int64_t value;
    return report_decimal(text, 0, &value, NULL) && value > 0 ? value : 0;
}

/* --- tokens ------------------------------------------------------------------------------------------ */

/* OpenAI's `input_tokens` has all tokens of the prompt, and those that were written stand in sum. */
static void split_prompt(const struct report_row *row, struct report_item *item)
{
    const struct str prompt = one(row, "input_tokens"), written = one(row, "input_cache_write_tokens");
    const int64_t long_lived = item->values[PRICE_CACHE_WRITE_1H];
    if (written.len > 0 && count_of(written) >= long_lived)
        report_say(item, PRICE_CACHE_WRITE_5M, count_of(written) - long_lived);
    if (prompt.len == 0 || (item->said & (1u << PRICE_INPUT)))
        return;
    int64_t rest = count_of(prompt);
    for (unsigned i = PRICE_CACHE_READ; i <= PRICE_CACHE_WRITE_1H; i++) {
        rest -= item->values[i];
        report_say(item, i, 0);
    }
    report_say(item, PRICE_INPUT, rest > 0 ? rest : 0);
}

static void read_tokens(const struct report_row *row, struct report_item *item)
{
    static const char *const requests[NAMES_MAX] = {"num_model_requests", "requests"};
    for (unsigned i = 0; i < PRICE_CLASSES; i++) {
        const struct str text = first(row, token_names[i]);
        if (text.len > 0)
            report_say(item, i, count_of(text));
    }
    split_prompt(row, item);
    const struct str count = first(row, requests);
    if (count.len > 0)
        report_say(item, REPORT_REQUESTS, count_of(count));
}

/* --- money ------------------------------------------------------------------------------------------- */

/* "gpt-5.5, cached input": OpenAI's costs name what they are of. */
static void read_line_item(struct str words, struct report_item *item, unsigned *class)
{
    const ptrdiff_t comma = str_find_char(words, ',', 0);
    if (comma <= 0)
        return;
    item->model = str_trim(str_slice(words, 0, (size_t)comma));
    *class = report_class_of(str_slice(words, (size_t)comma, words.len));
}

static void read_cost(const struct report_row *row, struct report_item *item)
{
    static const char *const amounts[NAMES_MAX] = {"amount.value", "amount_value", "amount", "cost_usd"};
    const struct str text = first(row, amounts), token = one(row, "token_type");
    unsigned class = token.len > 0 ? report_class_of(token) : PRICE_CLASSES;
    int64_t cost, open;
    if (text.len == 0)
        return;
    read_line_item(one(row, "line_item"), item, &class);
    if (report_decimal(text, row->cost_power, &cost, &open))
        report_say_cost(item, class, cost, open);
}

/* --- whose, and in which tier ------------------------------------------------------------------------ */

static void read_tier(const struct report_row *row, struct report_item *item)
{
    static const char *const tiers[NAMES_MAX] = {"service_tier", "usage_type"};
    const struct str batch = one(row, "batch"), word = first(row, tiers);
    const bool is_batch = str_eq_nocase(batch, STR("true"));
    item->has_tier = is_batch || (word.len > 0 && !str_eq(word, STR("message"))); /* Anthropic's word for any */
    item->tier = is_batch ? TIER_BATCH : report_tier_of(word);
}

static bool is_of(struct str wanted, const struct report_row *row, const char *const names[NAMES_MAX])
{
    if (wanted.len == 0)
        return true;
    for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
        if (str_eq(row->get(row->ctx, names[i]), wanted))
            return true;
    return false;
}

static bool passes(const struct report_filter *filter, const struct report_row *row)
{
    static const char *const projects[NAMES_MAX] = {"project_id", "workspace_id", "project_name", "workspace"};
    static const char *const keys[NAMES_MAX] = {"api_key_id", "api_key", "api_key_name"};
    return is_of(filter->project, row, projects) && is_of(filter->key, row, keys);
}

enum error_code report_usage_row(const struct report_reader *reader, const struct report_row *row, struct error *error)
{
    static const char *const models[NAMES_MAX] = {"model", "model_version"};
    struct report_item item = {.from_us = row->from_us, .to_us = row->to_us, .model = first(row, models)};
    if (!passes(&reader->filter, row))
        return OK;
    read_cost(row, &item);
    if (!item.said)
        read_tokens(row, &item);
    read_tier(row, &item);
    return item.said ? reader->sink.item(reader->sink.ctx, &item, error) : OK;
}
