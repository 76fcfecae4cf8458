/* kinds.c - the tables of kinds.h, and what a line of the ledger says. */
#include "monitor/kinds.h"

#include <math.h>

#define PICODOLLARS 1e12
#define TENTHS 10 /* durations are kept in tenths of a millisecond: finer ones only take room */

enum bedrock {
    INVOCATIONS,
    INVOCATION_LATENCY,
    CLIENT_ERRORS,
    SERVER_ERRORS,
    THROTTLES,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    FIRST_TOKEN,
};
_Static_assert(CLIENT_ERRORS == (int)BEDROCK_CLIENT_ERRORS && SERVER_ERRORS == (int)BEDROCK_SERVER_ERRORS &&
                   THROTTLES == (int)BEDROCK_THROTTLES,
               "kinds.h names them too");
enum use { USE_COST, USE_BASELINE, USE_PROMPT_TOKENS, USE_CACHED_TOKENS, USE_CACHE_HITS };
enum router { ROUTER_INVOCATIONS, ROUTER_COST, ROUTER_SAVINGS };
enum miss { MISS_COUNT, MISS_TOKENS };

const struct kind monitor_kinds[KINDS] = {
    [KIND_OWN] = {.metrics = {{NULL, NULL, 1, SKETCH_FINE}}, .metric_count = 1, .field_count = 4},
    [KIND_BEDROCK] =
        {
            .namespace = "AWS/Bedrock",
            .fields = {"ModelId", "ServiceTier", "ResolvedServiceTier"},
            .field_count = 3,
            .sets = {0, 1, 7},
            .set_count = 3,
            .metrics =
                {
                    [INVOCATIONS] = {"Invocations", "Count", 1, SKETCH_FINE},
                    [INVOCATION_LATENCY] = {"InvocationLatency", "Milliseconds", TENTHS, SKETCH_FINE},
                    [CLIENT_ERRORS] = {"InvocationClientErrors", "Count", 1, SKETCH_FINE},
                    [SERVER_ERRORS] = {"InvocationServerErrors", "Count", 1, SKETCH_FINE},
                    [THROTTLES] = {"InvocationThrottles", "Count", 1, SKETCH_FINE},
                    [INPUT_TOKENS] = {"InputTokenCount", "Count", 1, SKETCH_COARSE},
                    [OUTPUT_TOKENS] = {"OutputTokenCount", "Count", 1, SKETCH_COARSE},
                    [CACHE_READ_TOKENS] = {"CacheReadInputTokenCount", "Count", 1, SKETCH_COARSE},
                    [CACHE_WRITE_TOKENS] = {"CacheWriteInputTokenCount", "Count", 1, SKETCH_COARSE},
                    [FIRST_TOKEN] = {"TimeToFirstToken", "Milliseconds", TENTHS, SKETCH_FINE},
                },
            .metric_count = 10,
        },
    [KIND_USE] =
        {
            .namespace = "Fulcrum",
            .fields = {"ModelId"},
            .field_count = 1,
            .sets = {0, 1},
            .set_count = 2,
            .metrics =
                {
                    [USE_COST] = {"Cost", "None", PICODOLLARS, SKETCH_NONE},
                    [USE_BASELINE] = {"BaselineCost", "None", PICODOLLARS, SKETCH_NONE},
                    [USE_PROMPT_TOKENS] = {"PromptTokens", "Count", 1, SKETCH_NONE},
                    [USE_CACHED_TOKENS] = {"CachedPromptTokens", "Count", 1, SKETCH_NONE},
                    [USE_CACHE_HITS] = {"CacheHits", "Count", 1, SKETCH_NONE},
                },
            .metric_count = 5,
        },
    [KIND_LEVER] =
        {
            .namespace = "Fulcrum",
            .fields = {"Lever"},
            .field_count = 1,
            .sets = {0, 1},
            .set_count = 2,
            .metrics = {{"Savings", "None", PICODOLLARS, SKETCH_NONE}},
            .metric_count = 1,
        },
    [KIND_ROUTER] =
        {
            .namespace = "Fulcrum",
            .fields = {"Router", "ModelId"},
            .field_count = 2,
            .sets = {0, 1, 3},
            .set_count = 3,
            .metrics =
                {
                    [ROUTER_INVOCATIONS] = {"RoutedInvocations", "Count", 1, SKETCH_NONE},
                    [ROUTER_COST] = {"RoutedCost", "None", PICODOLLARS, SKETCH_NONE},
                    [ROUTER_SAVINGS] = {"RoutedSavings", "None", PICODOLLARS, SKETCH_NONE},
                },
            .metric_count = 3,
        },
    [KIND_MISS] =
        {
            .namespace = "Fulcrum",
            .fields = {"Reason"},
            .field_count = 1,
            .sets = {0, 1},
            .set_count = 2,
            .metrics = {[MISS_COUNT] = {"CacheMisses", "Count", 1, SKETCH_NONE},
                        [MISS_TOKENS] = {"CacheMissTokens", "Count", 1, SKETCH_NONE}},
            .metric_count = 2,
        },
};

struct str kinds_model_id(struct str requested)
{
    if (!str_starts(requested, STR("arn:")))
        return requested;
    size_t begin = 0;
    for (ptrdiff_t slash = -1; (slash = str_find_char(requested, '/', begin)) >= 0;)
        begin = (size_t)slash + 1;
    return str_slice(requested, begin, requested.len);
}

/* --- lines ------------------------------------------------------------------------------------------ */

static uint64_t tokens(const struct ledger_line *line, enum price_class which)
{
    return line->usage.tokens[which];
}

static uint64_t written(const struct ledger_line *line)
{
    return tokens(line, PRICE_CACHE_WRITE_5M) + tokens(line, PRICE_CACHE_WRITE_1H);
}

static double tenths(uint64_t us)
{
    return (double)((us + 50) / 100);
}

static bool is_stream(const struct ledger_line *line)
{
    return str_find(line->operation, STR("Stream"), 0) >= 0;
}

static bool take_bedrock(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    const struct str tier = str_of(tier_names[line->tier]);
    const struct str fields[KIND_FIELDS_MAX] = {kinds_model_id(line->model_requested), tier, tier};
    const bool is_done = line->outcome == LEDGER_COMPLETED;
    const bool has_first = is_stream(line) && line->first_token_us != LEDGER_NO_TOKEN;
    const double values[KIND_METRICS_MAX] = {
        [INVOCATIONS] = 1,
        [INVOCATION_LATENCY] = is_done ? tenths(line->latency_us) : (double)NAN,
        [CLIENT_ERRORS] = (double)NAN,
        [SERVER_ERRORS] = line->outcome == LEDGER_FAILED ? 1 : (double)NAN,
        [THROTTLES] = (double)NAN,
        [INPUT_TOKENS] = (double)tokens(line, PRICE_INPUT),
        [OUTPUT_TOKENS] = (double)tokens(line, PRICE_OUTPUT),
        [CACHE_READ_TOKENS] = (double)tokens(line, PRICE_CACHE_READ),
        [CACHE_WRITE_TOKENS] = (double)written(line),
        [FIRST_TOKEN] = has_first ? tenths(line->first_token_us) : (double)NAN,
    };
    return each(ctx, KIND_BEDROCK, fields, values);
}

static bool take_use(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    const struct str fields[KIND_FIELDS_MAX] = {kinds_model_id(line->model_requested)};
    const uint64_t read = tokens(line, PRICE_CACHE_READ);
    const double values[KIND_METRICS_MAX] = {
        [USE_COST] = (double)line->quote.cost,
        [USE_BASELINE] = (double)line->quote.baseline,
        [USE_PROMPT_TOKENS] = (double)(tokens(line, PRICE_INPUT) + read + written(line)),
        [USE_CACHED_TOKENS] = (double)read,
        [USE_CACHE_HITS] = read > 0 ? 1 : (double)NAN,
    };
    return each(ctx, KIND_USE, fields, values);
}

static bool take_levers(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    for (size_t lever = 0; lever < LEVERS; lever++) {
        const struct str fields[KIND_FIELDS_MAX] = {str_of(price_lever_names[lever])};
        const double values[KIND_METRICS_MAX] = {(double)line->quote.saved[lever]};
        if (line->quote.saved[lever] != 0 && !each(ctx, KIND_LEVER, fields, values))
            return false;
    }
    return true;
}

static bool take_router(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    const struct str fields[KIND_FIELDS_MAX] = {kinds_model_id(line->router), line->model_invoked};
    const double values[KIND_METRICS_MAX] = {
        [ROUTER_INVOCATIONS] = 1,
        [ROUTER_COST] = (double)line->quote.cost,
        [ROUTER_SAVINGS] = (double)line->quote.saved[LEVER_ROUTE],
    };
    return line->router.len == 0 || each(ctx, KIND_ROUTER, fields, values);
}

static bool take_miss(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    const struct str fields[KIND_FIELDS_MAX] = {line->miss_reason};
    const double values[KIND_METRICS_MAX] = {
        [MISS_COUNT] = 1,
        [MISS_TOKENS] = (double)(tokens(line, PRICE_INPUT) + written(line)),
    };
    return line->miss_reason.len == 0 || each(ctx, KIND_MISS, fields, values);
}

bool kinds_of_line(const struct ledger_line *line, kinds_each *each, void *ctx)
{
    return take_bedrock(line, each, ctx) && take_use(line, each, ctx) && take_levers(line, each, ctx) &&
           take_router(line, each, ctx) && take_miss(line, each, ctx);
}
