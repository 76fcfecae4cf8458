/* metrics.h - counters of the gateway and their Prometheus text.
 *
 * Each I/O thread counts into its own set with relaxed atomics, so that the
 * hot path shares no cache line; a scrape adds the sets up. A set gets a row for
 * a model when it first counts something of it. Names are those of
 * the outer contract and don't change. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/cache_header.h"
#include "api/metrics_rows.h"
#include "core/buf.h"
#include "core/limits.h"
#include "core/table.h"
#include "core/tier.h"
#include "ledger/line.h"
#include "model/registry.h"

#define METRICS_OPERATIONS_MAX 192 /* more than all tables of operations have */
#define METRICS_CODES 12
#define METRICS_BUCKETS 14 /* the last is +Inf */
#define METRICS_NO_MODEL SIZE_MAX

struct metrics_histogram {
    metrics_count buckets[METRICS_BUCKETS];
    metrics_count sum_us;
};

struct metrics_model {
    metrics_count requests[METRICS_OPERATIONS_MAX][METRICS_CODES];
    metrics_count input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
    metrics_count cost, baseline; /* picodollars */
    metrics_count saved[LEVERS], added[LEVERS]; /* likewise: of requests that each lever made cheaper, and dearer */
    metrics_count cache_outcomes[CACHE_OUTCOMES]; /* requests */
    metrics_count tiers[TIER_NAMES][TIER_NAMES]; /* requests, [asked for][served in] */
    struct metrics_histogram first_token, per_token;
};

/* One thread's set; zeroed: nothing was counted. */
struct metrics {
    struct table models;        /* struct metrics_model, by the model's index */
    struct metrics_model other; /* of no model, and of all for whose row there was no memory */
    struct metrics_rows tenants;
};
void metrics_deinit(struct metrics *metrics);

void metrics_request(struct metrics *metrics, size_t operation, size_t model, int code);

struct metrics_usage {
    uint64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
    uint64_t first_token_us, decode_us;
};
/* How long a reply took that came whole. */
void metrics_timed(struct metrics *metrics, size_t model, const struct metrics_usage *usage);

/* Its tokens, and picodollars, by model alone. */
void metrics_billed(struct metrics *metrics, size_t model, const struct metrics_usage *usage, uint64_t cost,
                    uint64_t baseline);

/* A line went into the ledger. Nothing else counts tokens, so that sums agree. */
struct metrics_bill {
    struct str tenant;
    const struct model *model; /* that answered */
    struct price_usage usage;
    const struct price_quote *quote;
};
void metrics_bill(struct metrics *metrics, const struct metrics_bill *bill);

/* The same of a line as it is. */
void metrics_billed_line(struct metrics *metrics, const struct model *model, const struct ledger_line *line);

/* A request was handed to the engine. `asked` may be empty: default. */
void metrics_tier(struct metrics *metrics, size_t model, const char *asked, const char *served);

void metrics_cached(struct metrics *metrics, size_t model, enum cache_outcome outcome); /* once a prompt is read */

/* Appends what was counted by `count` sets. Names: operation and model by index; NULL: a model that is left out. */
void metrics_append(struct buf *out, struct metrics *const *sets, size_t count, const char *const *operation_names,
                    size_t operation_count, const char *const *model_names, size_t model_count);

/* One line of a gauge or counter, its # TYPE before it when `type` is given. */
void metrics_append_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_append_model(struct buf *out, const char *name, const char *model, uint64_t value);

#endif
