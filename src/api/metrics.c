/* metrics.c - rows by operation, model and tier, and their text. Counts nothing that the engine counts. See
 * metrics.h. */
#include "api/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "core/mem.h"

/* HTTP codes worth a row each: 499 is a client that went away first, the last takes all others. */
static const int codes[METRICS_CODES] = {200, 400, 403, 404, 405, 408, 413, 424, 429, 499, 503, 500};

/* Upper bounds in microseconds; the last bucket has none. */
static const uint64_t first_token_bounds[METRICS_BUCKETS - 1] = {
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};
static const uint64_t per_token_bounds[METRICS_BUCKETS - 1] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

static size_t code_index(int code)
{
    size_t i = 0;
    while (i < METRICS_CODES - 1 && codes[i] != code)
        i++;
    return i;
}

/* The set's own thread alone adds rows. */
static struct metrics_model *row_of(struct metrics *metrics, size_t model)
{
    struct metrics_model *row = model == METRICS_NO_MODEL ? &metrics->other : table_at(&metrics->models, model);
    if (row)
        return row;
    row = mem_calloc(1, sizeof(*row));
    if (row && table_put(&metrics->models, model, row))
        return row;
    mem_free(row);
    return &metrics->other;
}

void metrics_deinit(struct metrics *metrics)
{
    for (size_t i = 0; i < table_count(&metrics->models); i++)
        mem_free(table_at(&metrics->models, i));
    table_deinit(&metrics->models);
    metrics_rows_deinit(&metrics->tenants);
}

void metrics_request(struct metrics *metrics, size_t operation, size_t model, int code)
{
    if (operation < METRICS_OPERATIONS_MAX)
        metrics_add(&row_of(metrics, model)->requests[operation][code_index(code)], 1);
}

static void observe(struct metrics_histogram *histogram, const uint64_t *bounds, uint64_t value_us)
{
    size_t i = 0;
    while (i < METRICS_BUCKETS - 1 && value_us > bounds[i])
        i++;
    metrics_add(&histogram->buckets[i], 1);
    metrics_add(&histogram->sum_us, value_us);
}

void metrics_timed(struct metrics *metrics, size_t model, const struct metrics_usage *usage)
{
    struct metrics_model *counts = row_of(metrics, model);
    observe(&counts->first_token, first_token_bounds, usage->first_token_us);
    if (usage->output_tokens > 1)
        observe(&counts->per_token, per_token_bounds, usage->decode_us / (usage->output_tokens - 1));
}

/* --- bills --- */

/* Counters of a tenant's row. */
enum { TENANT_TOKENS, TENANT_COST = TENANT_TOKENS + PRICE_CLASSES, TENANT_BASELINE, TENANT_COUNTERS };
static const char *const tenant_labels[METRICS_LABELS_MAX] = {"tenant", "model"};

static void bill_levers(struct metrics_model *counts, const struct price_quote *quote)
{
    for (size_t i = 0; i < LEVERS; i++) {
        const int64_t saved = quote->saved[i];
        if (saved != 0)
            metrics_add(saved > 0 ? &counts->saved[i] : &counts->added[i], (uint64_t)(saved > 0 ? saved : -saved));
    }
}

static void bill_tenant(struct metrics *metrics, const struct metrics_bill *bill)
{
    const struct str labels[METRICS_LABELS_MAX] = {bill->tenant, str_of(bill->model->name)};
    struct metrics_series *row = metrics_rows_find(&metrics->tenants, labels, 0, TENANT_COUNTERS);
    if (!row)
        return;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        metrics_add(&row->counts[TENANT_TOKENS + i], bill->usage.tokens[i]);
    metrics_add(&row->counts[TENANT_COST], bill->quote->cost);
    metrics_add(&row->counts[TENANT_BASELINE], bill->quote->baseline);
}

void metrics_billed(struct metrics *metrics, size_t model, const struct metrics_usage *usage, uint64_t cost,
                    uint64_t baseline)
{
    struct metrics_model *counts = row_of(metrics, model);
    metrics_add(&counts->input_tokens, usage->input_tokens);
    metrics_add(&counts->output_tokens, usage->output_tokens);
    metrics_add(&counts->cache_read_tokens, usage->cache_read_tokens);
    metrics_add(&counts->cache_write_tokens, usage->cache_write_tokens);
    metrics_add(&counts->cost, cost);
    metrics_add(&counts->baseline, baseline);
}

void metrics_bill(struct metrics *metrics, const struct metrics_bill *bill)
{
    const uint64_t *tokens = bill->usage.tokens;
    const struct metrics_usage usage = {
        .input_tokens = tokens[PRICE_INPUT],
        .output_tokens = tokens[PRICE_OUTPUT],
        .cache_read_tokens = tokens[PRICE_CACHE_READ],
        .cache_write_tokens = tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H],
    };
    metrics_billed(metrics, bill->model->index, &usage, bill->quote->cost, bill->quote->baseline);
    bill_levers(row_of(metrics, bill->model->index), bill->quote);
    bill_tenant(metrics, bill);
}

void metrics_billed_line(struct metrics *metrics, const struct model *model, const struct ledger_line *line)
{
    const struct metrics_bill bill = {
        .tenant = line->tenant, .model = model, .usage = line->usage, .quote = &line->quote};
    metrics_bill(metrics, &bill);
}

void metrics_cached(struct metrics *metrics, size_t model, enum cache_outcome outcome)
{
    metrics_add(&row_of(metrics, model)->cache_outcomes[outcome], 1);
}

/* Without a name it was none's to choose: default. */
static size_t tier_index(const char *name)
{
    enum tier tier = TIER_DEFAULT;
    return tier_find(str_of(name), &tier) ? tier : TIER_DEFAULT;
}

void metrics_tier(struct metrics *metrics, size_t model, const char *asked, const char *served)
{
    metrics_add(&row_of(metrics, model)->tiers[tier_index(asked)][tier_index(served)], 1);
}

void metrics_append_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_append_model(struct buf *out, const char *name, const char *model, uint64_t value)
{
    buf_appendf(out, "%s{model=\"%s\"} %" PRIu64 "\n", name, model, value);
}

struct scrape {
    struct buf *out;
    struct metrics *const *sets;
    size_t set_count;
    const char *const *model_names;
    size_t model_count;
};

/* `offset` of a count inside struct metrics_model. */
static uint64_t sum_model(const struct scrape *scrape, size_t model, size_t offset)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < scrape->set_count; i++) {
        struct metrics *set = scrape->sets[i];
        char *counts = model == METRICS_NO_MODEL ? (char *)&set->other : table_at(&set->models, model);
        sum += counts ? metrics_load((metrics_count *)(void *)(counts + offset)) : 0;
    }
    return sum;
}

static void append_requests_of(const struct scrape *scrape, const char *operation, size_t operation_index,
                               size_t model, const char *name)
{
    for (size_t code = 0; code < METRICS_CODES; code++) {
        const size_t cell = operation_index * METRICS_CODES + code;
        const uint64_t sum =
            sum_model(scrape, model, offsetof(struct metrics_model, requests) + cell * sizeof(metrics_count));
        if (sum > 0)
            buf_appendf(scrape->out, "fulcrum_requests_total{operation=\"%s\",model=\"%s\",code=\"%d\"} %" PRIu64 "\n",
                        operation, name, codes[code], sum);
    }
}

static void append_requests(const struct scrape *scrape, const char *const *operation_names, size_t operation_count)
{
    metrics_append_head(scrape->out, "fulcrum_requests_total", "counter",
                        "Requests by operation, model and HTTP code.");
    for (size_t operation = 0; operation < operation_count; operation++) {
        for (size_t model = 0; model < scrape->model_count; model++)
            if (scrape->model_names[model])
                append_requests_of(scrape, operation_names[operation], operation, model, scrape->model_names[model]);
        append_requests_of(scrape, operation_names[operation], operation, METRICS_NO_MODEL, "");
    }
}

static void append_sums(const struct scrape *scrape)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_input_tokens_total", "Prompt tokens neither read from nor written to the cache.",
         offsetof(struct metrics_model, input_tokens)},
        {"fulcrum_output_tokens_total", "Tokens of replies.", offsetof(struct metrics_model, output_tokens)},
        {"fulcrum_cache_read_tokens_total", "Prompt tokens read from the cache.",
         offsetof(struct metrics_model, cache_read_tokens)},
        {"fulcrum_cache_write_tokens_total", "Prompt tokens written to the cache.",
         offsetof(struct metrics_model, cache_write_tokens)},
        {"fulcrum_cost_picodollars_total", "What requests cost, 10^-12 dollars.", offsetof(struct metrics_model, cost)},
        {"fulcrum_baseline_picodollars_total",
         "What they would have cost by the model asked for, standard tier, no cache.",
         offsetof(struct metrics_model, baseline)},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(scrape->out, rows[row].name, "counter", rows[row].help);
        for (size_t model = 0; model < scrape->model_count; model++)
            if (scrape->model_names[model])
                metrics_append_model(scrape->out, rows[row].name, scrape->model_names[model],
                                     sum_model(scrape, model, rows[row].offset));
    }
}

static void append_levers(const struct scrape *scrape)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_saved_picodollars_total", "What each lever saved, of requests that it made cheaper, 10^-12 dollars.",
         offsetof(struct metrics_model, saved)},
        {"fulcrum_added_picodollars_total", "What each lever cost, of requests that it made dearer, 10^-12 dollars.",
         offsetof(struct metrics_model, added)},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(scrape->out, rows[row].name, "counter", rows[row].help);
        for (size_t model = 0; model < scrape->model_count; model++)
            for (size_t i = 0; scrape->model_names[model] && i < LEVERS; i++)
                buf_appendf(scrape->out, "%s{model=\"%s\",lever=\"%s\"} %" PRIu64 "\n", rows[row].name,
                            scrape->model_names[model], price_lever_names[i],
                            sum_model(scrape, model, rows[row].offset + i * sizeof(metrics_count)));
    }
}

static void append_tenant_tokens(const struct scrape *scrape, struct metrics_series *const *same, size_t count)
{
    static const char *const classes[PRICE_CLASSES] = {"input", "cache_read", "cache_write_5m", "cache_write_1h",
                                                       "output"};
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        metrics_series_append(scrape->out, "fulcrum_tenant_tokens", "_total", tenant_labels, same[0]);
        buf_appendf(scrape->out, ",class=\"%s\"} %" PRIu64 "\n", classes[i],
                    metrics_rows_sum(same, count, TENANT_TOKENS + i));
    }
}

static void append_tenant_money(const struct scrape *scrape, const char *name, struct metrics_series *const *same,
                                size_t count, size_t counter)
{
    metrics_series_append(scrape->out, name, "_total", tenant_labels, same[0]);
    buf_appendf(scrape->out, "} %" PRIu64 "\n", metrics_rows_sum(same, count, counter));
}

static void append_tenants(const struct scrape *scrape)
{
    static const struct {
        const char *name, *total, *help;
        size_t counter;
    } rows[] = {
        {"fulcrum_tenant_tokens", "fulcrum_tenant_tokens_total", "Tokens of the tenant's requests, by class.",
         TENANT_TOKENS},
        {"fulcrum_tenant_cost_picodollars", "fulcrum_tenant_cost_picodollars_total",
         "What the tenant's requests cost, 10^-12 dollars.", TENANT_COST},
        {"fulcrum_tenant_baseline_picodollars", "fulcrum_tenant_baseline_picodollars_total",
         "What they would have cost without any lever.", TENANT_BASELINE},
    };
    struct metrics_rows *sets[LIMIT_IO_THREADS + 2];
    size_t count;
    assert(scrape->set_count <= LIMIT_IO_THREADS + 2);
    for (size_t i = 0; i < scrape->set_count; i++)
        sets[i] = &scrape->sets[i]->tenants;
    struct metrics_series **list = metrics_rows_collect(sets, scrape->set_count, &count);
    scrape->out->failed = scrape->out->failed || !list;
    for (size_t row = 0; list && row < sizeof(rows) / sizeof(rows[0]); row++) {
        metrics_append_head(scrape->out, rows[row].total, "counter", rows[row].help);
        for (size_t i = 0, same; i < count; i += same) {
            same = metrics_rows_same(&list[i], count - i);
            if (rows[row].counter == TENANT_TOKENS)
                append_tenant_tokens(scrape, &list[i], same);
            else
                append_tenant_money(scrape, rows[row].name, &list[i], same, rows[row].counter);
        }
    }
    mem_free(list);
}

/* What was read from the cache, of all prompt tokens. */
static void append_hit_rates(const struct scrape *scrape)
{
    static const char by_model[] = "fulcrum_cache_model_hit_ratio", of_all[] = "fulcrum_cache_hit_ratio";
    uint64_t all_read = 0, all = 0;
    metrics_append_head(scrape->out, by_model, "gauge",
                        "Prompt tokens read from the cache, of those read, written and neither, since the start.");
    for (size_t model = 0; model < scrape->model_count; model++) {
        const uint64_t read = sum_model(scrape, model, offsetof(struct metrics_model, cache_read_tokens));
        const uint64_t sum = read + sum_model(scrape, model, offsetof(struct metrics_model, cache_write_tokens)) +
                             sum_model(scrape, model, offsetof(struct metrics_model, input_tokens));
        if (sum > 0 && scrape->model_names[model])
            buf_appendf(scrape->out, "%s{model=\"%s\"} %.6f\n", by_model, scrape->model_names[model],
                        (double)read / (double)sum);
        all_read += read;
        all += sum;
    }
    metrics_append_head(scrape->out, of_all, "gauge", "The same of all models; 0 before the first prompt.");
    buf_appendf(scrape->out, "%s %.6f\n", of_all, all > 0 ? (double)all_read / (double)all : 0.0);
}

static void append_cache_outcomes(const struct scrape *scrape)
{
    static const char name[] = "fulcrum_cache_requests_total";
    const size_t offset = offsetof(struct metrics_model, cache_outcomes);
    metrics_append_head(scrape->out, name, "counter", "Requests by what the prompt cache did for them.");
    for (size_t model = 0; model < scrape->model_count; model++)
        for (size_t outcome = 0; scrape->model_names[model] && outcome < CACHE_OUTCOMES; outcome++)
            buf_appendf(scrape->out, "%s{model=\"%s\",outcome=\"%s\"} %" PRIu64 "\n", name,
                        scrape->model_names[model], cache_outcome_name((enum cache_outcome)outcome),
                        sum_model(scrape, model, offset + outcome * sizeof(metrics_count)));
}

static void append_tiers(const struct scrape *scrape)
{
    static const char name[] = "fulcrum_tier_requests_total";
    metrics_append_head(scrape->out, name, "counter", "Requests by the tier asked for and the one that served them.");
    for (size_t model = 0; model < scrape->model_count; model++)
        for (size_t cell = 0; cell < (size_t)TIER_NAMES * TIER_NAMES; cell++) {
            const size_t offset = offsetof(struct metrics_model, tiers) + cell * sizeof(metrics_count);
            const uint64_t sum = sum_model(scrape, model, offset);
            if (sum > 0 && scrape->model_names[model])
                buf_appendf(scrape->out, "%s{model=\"%s\",asked=\"%s\",tier=\"%s\"} %" PRIu64 "\n", name,
                            scrape->model_names[model], tier_names[cell / TIER_NAMES],
                            tier_names[cell % TIER_NAMES], sum);
        }
}

static void append_histogram(const struct scrape *scrape, const char *name, const char *help, const uint64_t *bounds,
                             size_t offset)
{
    metrics_append_head(scrape->out, name, "histogram", help);
    for (size_t model = 0; model < scrape->model_count; model++) {
        const char *label = scrape->model_names[model];
        uint64_t count = 0;
        if (!label)
            continue;
        for (size_t i = 0; i < METRICS_BUCKETS; i++) {
            count += sum_model(scrape, model, offset + i * sizeof(metrics_count));
            if (i < METRICS_BUCKETS - 1)
                buf_appendf(scrape->out, "%s_bucket{model=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, label,
                            (double)bounds[i] / 1e6, count);
        }
        uint64_t sum_us = sum_model(scrape, model, offset + offsetof(struct metrics_histogram, sum_us));
        buf_appendf(scrape->out, "%s_bucket{model=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, label, count);
        buf_appendf(scrape->out, "%s_sum{model=\"%s\"} %.6f\n", name, label, (double)sum_us / 1e6);
        buf_appendf(scrape->out, "%s_count{model=\"%s\"} %" PRIu64 "\n", name, label, count);
    }
}

void metrics_append(struct buf *out, struct metrics *const *sets, size_t count, const char *const *operation_names,
                    size_t operation_count, const char *const *model_names, size_t model_count)
{
    const struct scrape scrape = {out, sets, count, model_names, model_count};
    append_requests(&scrape, operation_names, operation_count);
    append_sums(&scrape);
    append_levers(&scrape);
    append_tenants(&scrape);
    append_hit_rates(&scrape);
    append_cache_outcomes(&scrape);
    append_tiers(&scrape);
    append_histogram(&scrape, "fulcrum_time_to_first_token_seconds",
                     "From the request's first byte to its first token.",
                     first_token_bounds, offsetof(struct metrics_model, first_token));
    append_histogram(&scrape, "fulcrum_time_per_output_token_seconds", "Between two tokens of a reply, its mean.",
                     per_token_bounds, offsetof(struct metrics_model, per_token));
}
