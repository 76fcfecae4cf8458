/* price.c - see price.h. */
#include "ledger/price.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/json.h"

#define TOKENS_PER_RATE 1000000u

const char *const price_lever_names[LEVERS] = {"route", "distil", "cache", "tier", "shadow", "response"};

const enum tier price_tiers[TIERS_PRICED] = {TIER_DEFAULT, TIER_PRIORITY, TIER_FLEX, TIER_BATCH, TIER_ULTRAFAST};

/* Half up, once; the product has up to 128 bits. */
static uint64_t class_cost(uint64_t tokens, uint64_t rate)
{
    unsigned __int128 product = (unsigned __int128)tokens * rate;
    unsigned __int128 cost = (product + TOKENS_PER_RATE / 2) / TOKENS_PER_RATE;
    return cost > INT64_MAX ? INT64_MAX : (uint64_t)cost;
}

static uint64_t sum_costs(uint64_t a, uint64_t b) /* both at most INT64_MAX */
{
    return a + b > INT64_MAX ? INT64_MAX : a + b;
}

uint64_t price_input_tokens(const struct price_usage *usage)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        sum += i == PRICE_OUTPUT ? 0 : usage->tokens[i];
    return sum;
}

const struct price_step *price_row_step(const struct price_row *row, const struct price_usage *usage)
{
    uint64_t tokens = price_input_tokens(usage);
    size_t i = row->step_count - 1;
    while (i > 0 && tokens <= row->steps[i].above_tokens)
        i--;
    return &row->steps[i];
}

static uint64_t cost_by_class(const struct price_row *row, enum tier tier, const struct price_usage *usage,
                              uint64_t classes[PRICE_CLASSES])
{
    const struct price_step *step = price_row_step(row, usage);
    uint64_t cost = 0;
    assert(tier < TIERS_PRICED);
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        classes[i] = class_cost(usage->tokens[i], step->rates[tier][i]);
        cost = sum_costs(cost, classes[i]);
    }
    return cost;
}

uint64_t price_cost(const struct price_row *row, enum tier tier, const struct price_usage *usage)
{
    uint64_t classes[PRICE_CLASSES];
    return cost_by_class(row, tier, usage, classes);
}

uint64_t price_cost_plain(const struct price_row *row, const struct price_usage *usage)
{
    struct price_usage plain = {{0}};
    plain.tokens[PRICE_INPUT] = price_input_tokens(usage);
    plain.tokens[PRICE_OUTPUT] = usage->tokens[PRICE_OUTPUT];
    return price_cost(row, TIER_DEFAULT, &plain);
}

struct price_usage price_usage_cold(const struct price_usage *usage)
{
    struct price_usage cold = *usage;
    cold.tokens[PRICE_INPUT] += cold.tokens[PRICE_CACHE_READ];
    cold.tokens[PRICE_CACHE_READ] = 0;
    return cold;
}

struct price_usage price_usage_warm(const struct price_usage *usage)
{
    struct price_usage warm = {{0}};
    warm.tokens[PRICE_CACHE_READ] = price_input_tokens(usage);
    warm.tokens[PRICE_OUTPUT] = usage->tokens[PRICE_OUTPUT];
    return warm;
}

struct price_quote price_quote(const struct price_path *path, enum tier tier, const struct price_usage *usage)
{
    struct price_quote quote = {.baseline = price_cost_plain(path->asked, usage)};
    quote.cost = cost_by_class(path->answered, tier, usage, quote.classes);
    /* What the request would have cost with the levers up to here, each of them at most INT64_MAX. */
    const uint64_t after[LEVERS] = {
        [LEVER_ROUTE] = price_cost_plain(path->routed, usage),
        [LEVER_DISTIL] = price_cost_plain(path->answered, usage),
        [LEVER_CACHE] = price_cost(path->answered, TIER_DEFAULT, usage),
        [LEVER_TIER] = quote.cost,
        [LEVER_SHADOW] = quote.cost,
        [LEVER_RESPONSE] = quote.cost,
    };
    uint64_t before = quote.baseline;
    for (size_t i = 0; i < LEVERS; i++) {
        quote.saved[i] = (int64_t)before - (int64_t)after[i];
        before = after[i];
    }
    return quote;
}

struct price_quote price_quote_shadow(const struct price_row *answered, enum tier tier,
                                      const struct price_usage *usage)
{
    struct price_quote quote = {0};
    quote.cost = cost_by_class(answered, tier, usage, quote.classes);
    quote.saved[LEVER_SHADOW] = -(int64_t)quote.cost;
    return quote;
}

struct price_quote price_quote_again(const struct price_path *path, enum tier tier, const struct price_usage *usage)
{
    struct price_quote quote = price_quote(path, tier, usage);
    quote.saved[LEVER_RESPONSE] = (int64_t)quote.cost;
    quote.cost = 0;
    memset(quote.classes, 0, sizeof(quote.classes));
    return quote;
}

static const char *const class_names[PRICE_CLASSES] = {"input", "cacheRead", "cacheWrite5m", "cacheWrite1h", "output"};

/* Texts of before know no such tier; where it is not sold they stay as they are. */
static bool is_left_out(const struct price_step *step, enum tier tier)
{
    return tier == TIER_ULTRAFAST &&
           !memcmp(step->rates[tier], step->rates[TIER_DEFAULT], sizeof(step->rates[tier]));
}

bool price_row_append(struct buf *out, const struct price_row *row)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < row->step_count; i++) {
        buf_appendf(out, "%s{\"above\":%" PRIu64, i ? "," : "", row->steps[i].above_tokens);
        for (size_t tier = 0; tier < TIERS_PRICED; tier++) {
            const uint64_t *rates = row->steps[i].rates[price_tiers[tier]];
            if (is_left_out(&row->steps[i], price_tiers[tier]))
                continue;
            buf_appendf(out, ",\"%s\":{", tier_names[price_tiers[tier]]);
            for (size_t k = 0; k < PRICE_CLASSES; k++)
                buf_appendf(out, "%s\"%s\":%" PRIu64, k ? "," : "", class_names[k], rates[k]);
            buf_append_char(out, '}');
        }
        buf_append_char(out, '}');
    }
    return buf_append_char(out, ']');
}

/* --- comparing --- */

static enum price_difference worse(enum price_difference a, enum price_difference b)
{
    return a > b ? a : b;
}

static enum price_difference compare_number(yyjson_val *known, uint64_t number)
{
    if (!known)
        return PRICE_MORE;
    if (!yyjson_is_uint(known))
        return PRICE_UNREADABLE;
    return yyjson_get_uint(known) == number ? PRICE_SAME : PRICE_OTHER;
}

static enum price_difference compare_step(const struct price_step *step, yyjson_val *known)
{
    yyjson_val *above = yyjson_obj_get(known, "above");
    enum price_difference difference = above ? compare_number(above, step->above_tokens) : PRICE_UNREADABLE;
    for (size_t tier = 0; tier < TIERS_PRICED; tier++) {
        yyjson_val *rates = yyjson_obj_get(known, tier_names[tier]);
        if (rates && !yyjson_is_obj(rates))
            return PRICE_UNREADABLE;
        if (!rates && is_left_out(step, (enum tier)tier))
            continue;
        for (size_t k = 0; k < PRICE_CLASSES; k++)
            difference = worse(difference, compare_number(yyjson_obj_get(rates, class_names[k]), step->rates[tier][k]));
    }
    return difference;
}

enum price_difference price_row_compare(const struct price_row *row, struct str rates)
{
    yyjson_doc *doc;
    struct error ignored;
    enum price_difference difference = PRICE_SAME;
    if (json_parse(rates, &doc, &ignored) != OK)
        return PRICE_UNREADABLE;
    yyjson_val *steps = yyjson_doc_get_root(doc);
    if (!yyjson_is_arr(steps))
        difference = PRICE_UNREADABLE;
    else if (yyjson_arr_size(steps) != row->step_count)
        difference = PRICE_OTHER;
    for (size_t i = 0; i < row->step_count && difference < PRICE_OTHER; i++)
        difference = worse(difference, compare_step(&row->steps[i], yyjson_arr_get(steps, i)));
    json_free(doc);
    return difference;
}

/* --- reading --- */

static bool read_number(yyjson_val *object, const char *name, uint64_t *number)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    *number = yyjson_get_uint(value);
    return yyjson_is_uint(value);
}

static bool read_step(yyjson_val *known, struct price_step *step)
{
    bool is_read = read_number(known, "above", &step->above_tokens);
    for (size_t tier = 0; tier < TIERS_PRICED; tier++) {
        yyjson_val *rates = yyjson_obj_get(known, tier_names[tier]);
        if (!rates && tier == TIER_ULTRAFAST) /* it is not sold, and the standard one has been read */
            memcpy(step->rates[tier], step->rates[TIER_DEFAULT], sizeof(step->rates[tier]));
        for (size_t k = 0; k < PRICE_CLASSES && (rates || tier != TIER_ULTRAFAST); k++)
            is_read = is_read && read_number(rates, class_names[k], &step->rates[tier][k]);
    }
    return is_read;
}

bool price_row_read(struct str rates, struct str name, struct arena *arena, struct price_row *row)
{
    yyjson_doc *doc;
    struct error ignored;
    if (json_parse(rates, &doc, &ignored) != OK)
        return false;
    yyjson_val *list = yyjson_doc_get_root(doc);
    const size_t count = yyjson_arr_size(list);
    struct price_step *steps = ARENA_ARRAY(arena, struct price_step, count + 1);
    *row = (struct price_row){.name = arena_strdup(arena, name), .id = "", .place = "", .steps = steps,
                              .step_count = count};
    bool is_read = steps && row->name && count > 0;
    for (size_t i = 0; i < count && is_read; i++)
        is_read = read_step(yyjson_arr_get(list, i), &steps[i]);
    json_free(doc);
    return is_read;
}

static bool read_plain(yyjson_val *step, size_t i, struct price_plain *plain)
{
    yyjson_val *rates = yyjson_obj_get(step, tier_names[TIER_DEFAULT]);
    yyjson_val *above = yyjson_obj_get(step, "above"), *input = yyjson_obj_get(rates, class_names[PRICE_INPUT]);
    yyjson_val *output = yyjson_obj_get(rates, class_names[PRICE_OUTPUT]);
    plain->steps[i].above_tokens = yyjson_get_uint(above);
    plain->steps[i].input = yyjson_get_uint(input);
    plain->steps[i].output = yyjson_get_uint(output);
    return yyjson_is_uint(above) && yyjson_is_uint(input) && yyjson_is_uint(output);
}

bool price_plain_read(struct str rates, struct price_plain *plain)
{
    yyjson_doc *doc;
    struct error ignored;
    if (json_parse(rates, &doc, &ignored) != OK)
        return false;
    yyjson_val *steps = yyjson_doc_get_root(doc);
    plain->count = yyjson_arr_size(steps);
    bool is_read = plain->count > 0 && plain->count <= PRICE_STEPS_MAX;
    for (size_t i = 0; i < plain->count && is_read; i++)
        is_read = read_plain(yyjson_arr_get(steps, i), i, plain);
    json_free(doc);
    return is_read;
}

size_t price_plain_step(const struct price_plain *plain, uint64_t input_tokens)
{
    size_t i = plain->count - 1;
    while (i > 0 && input_tokens <= plain->steps[i].above_tokens)
        i--;
    return i;
}
