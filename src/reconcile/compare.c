/* compare.c - both sides into cells, then cell by cell what differs and why. See compare.h. */
#include "reconcile/compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "reconcile/cells.h"

#define PROMPT_CLASSES (PRICE_CACHE_WRITE_1H + 1)
#define TOKENS_MASK ((1u << PRICE_CLASSES) - 1)
#define MILLION 1000000

struct compare {
    const struct compare_settings *settings;
    struct cells cells;
    struct compare_sums sums;
};

const char *const compare_why_names[WHYS] = {
    [WHY_NO_MODEL] = "no-model",
    [WHY_EDGE] = "period-edge",
    [WHY_MISSING_LINES] = "missing-lines",
    [WHY_MISSING_REPORT] = "missing-in-report",
    [WHY_RETRIED] = "retried",
    [WHY_TIER] = "tier",
    [WHY_CACHE_CLASS] = "cache-class",
    [WHY_ESTIMATED] = "estimated",
    [WHY_ODD] = "odd-usage",
    [WHY_BROKEN_OFF] = "broken-off",
    [WHY_TOKENS] = "tokens",
    [WHY_NO_TOKENS] = "no-tokens",
    [WHY_PRICE] = "price",
    [WHY_UNKNOWN] = "unknown",
};

const char *const compare_why_texts[WHYS] = {
    [WHY_NO_MODEL] = "rows that name no model: searches, other services, or a report that has to be grouped by model",
    [WHY_EDGE] = "the same is too much in the period beside it: here a request counts when it came, there when it "
                 "ended",
    [WHY_MISSING_LINES] = "the provider counted requests that the ledger does not have: another key, or a program "
                          "that does not go through Fulcrum. Group the report by key, or give --key",
    [WHY_MISSING_REPORT] = "the ledger has requests that the report does not: it is not whole yet, or of another "
                           "project or key, or the model has another name there (--same)",
    [WHY_RETRIED] = "the provider counted more, and as many requests were tried again here: it bills tries that "
                    "failed, or else another program uses the account (--key)",
    [WHY_TIER] = "the sum agrees, the tiers that it was served in do not: `tiers` of the upstream",
    [WHY_CACHE_CLASS] = "the prompts agree; what of them was fresh, read and written does not",
    [WHY_ESTIMATED] = "replies that broke off, or came without usage, are estimated in the ledger (usageNote)",
    [WHY_ODD] = "counts that did not add up when the replies came (usageNote)",
    [WHY_BROKEN_OFF] = "requests that were cancelled or failed: the ledger has what the client got, the provider what "
                       "it made",
    [WHY_TOKENS] = "the tokens differ",
    [WHY_NO_TOKENS] = "the report has costs alone: give the one of tokens, too, to see whether tokens or price differ",
    [WHY_PRICE] = "the same tokens at another price: mend the price row that is named, or `price` of the model",
    [WHY_UNKNOWN] = "nothing here tells why",
};

struct compare *compare_new(const struct compare_settings *settings)
{
    struct compare *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->settings = settings;
    made->sums.from_us = settings->from_us ? settings->from_us : UINT64_MAX;
    made->sums.to_us = settings->to_us;
    cells_init(&made->cells);
    return made;
}

void compare_free(struct compare *compare)
{
    if (!compare)
        return;
    cells_deinit(&compare->cells);
    mem_free(compare);
}

static void add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = value < 0 ? INT64_MIN : INT64_MAX;
}

/* --- their side -------------------------------------------------------------------------------------- */

void compare_bucket(void *ctx, uint64_t from_us, uint64_t to_us)
{
    struct compare *compare = ctx;
    const uint64_t period = compare->settings->period_us;
    const uint64_t begin = from_us - from_us % period, last = to_us > from_us ? to_us - 1 : from_us;
    const uint64_t end = last - last % period + period;
    if (!compare->settings->from_us && begin < compare->sums.from_us)
        compare->sums.from_us = begin;
    if (!compare->settings->to_us && end > compare->sums.to_us)
        compare->sums.to_us = end;
}

/* Inside of what was asked for; without bounds anything is. */
static bool is_inside(const struct compare *compare, uint64_t time_us)
{
    const struct compare_settings *settings = compare->settings;
    return time_us >= settings->from_us && (!settings->to_us || time_us < settings->to_us);
}

static void add_item(struct cell *cell, const struct report_item *item)
{
    const size_t tier = item->has_tier ? item->tier : CELL_ANY_TIER;
    *(item->has_tier ? &cell->tiered : &cell->untiered) |= item->said;
    for (size_t i = 0; i < REPORT_MEASURES; i++) {
        if (!(item->said & (1u << i)))
            continue;
        add(&cell->theirs[tier][i], item->values[i]);
        add(&cell->rounding[i], i >= REPORT_COST ? item->rounding : 0);
    }
}

enum error_code compare_item(void *ctx, const struct report_item *item, struct error *error)
{
    struct compare *compare = ctx;
    const uint64_t period = compare->settings->period_us;
    struct cell *cell;
    if (!is_inside(compare, item->from_us))
        return OK;
    if (item->to_us > item->from_us && item->to_us - item->from_us > period)
        return error_set(error, ERROR_INVALID, "its buckets are longer than %s: compare by longer periods, or ask the "
                                               "provider for shorter buckets",
                         period < UINT64_C(86400000000) ? "an hour" : "a day");
    compare->sums.items++;
    const enum error_code code = cells_find(&compare->cells, item->from_us - item->from_us % period, item->model, &cell,
                                            error);
    if (code == OK)
        add_item(cell, item);
    return code;
}

/* --- our side ---------------------------------------------------------------------------------------- */

static bool is_of_upstreams(const struct compare_settings *settings, struct str provider)
{
    for (size_t i = 0; i < settings->upstream_count; i++)
        if (str_eq(settings->upstreams[i], provider))
            return true;
    return false;
}

static struct str model_of(const struct compare_settings *settings, const struct ledger_line *line)
{
    const struct str model = line->upstream_model.len > 0 ? line->upstream_model : line->model_invoked;
    for (size_t i = 0; i < settings->same_count; i++)
        if (str_eq(settings->same[2 * i + 1], model) || str_eq(settings->same[2 * i + 1], line->model_invoked))
            return settings->same[2 * i];
    return model;
}

static bool has_tokens(const struct ledger_line *line)
{
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        if (line->usage.tokens[i] > 0)
            return true;
    return false;
}

static bool add_price(struct compare *compare, struct cell *cell, struct str price)
{
    if (price.len == 0 || str_eq(cell->price, price))
        return true;
    cell->has_prices = cell->price.len > 0;
    return cell->has_prices || arena_str(&compare->cells.arena, price, &cell->price);
}

/* What has no tokens was not answered: no provider counts it as a request that it served. */
static void add_line(struct cell *cell, const struct ledger_line *line)
{
    int64_t *ours = cell->ours[line->tier];
    for (size_t i = 0; i < PRICE_CLASSES; i++) {
        add(&cell->rounding[REPORT_CLASS_COST + i], 1); /* each class of a line is rounded */
        add(&ours[i], (int64_t)line->usage.tokens[i]);
        if (line->quote.classes[i] == LEDGER_ABSENT)
            cell->absent |= 1u << (REPORT_CLASS_COST + i);
        else
            add(&ours[REPORT_CLASS_COST + i], (int64_t)line->quote.classes[i]);
    }
    add(&ours[REPORT_REQUESTS], line->outcome == LEDGER_COMPLETED || has_tokens(line));
    add(&ours[REPORT_COST], (int64_t)line->quote.cost);
    add(&cell->rounding[REPORT_COST], PRICE_CLASSES);
    cell->lines++;
    cell->evidence.estimated += str_eq(line->usage_note, STR("estimated"));
    cell->evidence.odd += str_eq(line->usage_note, STR("odd"));
    cell->evidence.broken_off += line->outcome != LEDGER_COMPLETED;
    cell->evidence.retries += line->attempts != LEDGER_ABSENT && line->attempts > 1 ? line->attempts - 1 : 0;
}

enum error_code compare_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct compare *compare = ctx;
    const struct compare_settings *settings = compare->settings;
    struct cell *cell;
    if (line->time_us < compare->sums.from_us || line->time_us >= compare->sums.to_us ||
        !is_of_upstreams(settings, line->provider) || line->attempts == 0) /* given again: nobody was asked */
        return OK;
    const uint64_t begin = line->time_us - line->time_us % settings->period_us;
    const enum error_code code = cells_find(&compare->cells, begin, model_of(settings, line), &cell, error);
    if (code != OK)
        return code;
    add_line(cell, line);
    compare->sums.lines++;
    return add_price(compare, cell, line->price) ? OK : error_no_memory(error);
}

/* --- one figure -------------------------------------------------------------------------------------- */

/* Of a cell: a measure in one tier, or in all. */
struct figure {
    const struct compare *compare;
    const struct cell *cell;
    unsigned measure;
    unsigned tier; /* CELL_ANY_TIER: all */
};

static int64_t sum_of(int64_t (*side)[REPORT_MEASURES], size_t tiers, unsigned measure)
{
    int64_t sum = 0;
    for (size_t i = 0; i < tiers; i++)
        add(&sum, side[i][measure]);
    return sum;
}

static int64_t ours_of(const struct figure *figure)
{
    struct cell *cell = (struct cell *)(uintptr_t)figure->cell;
    return figure->tier == CELL_ANY_TIER ? sum_of(cell->ours, TIERS_PRICED, figure->measure)
                                         : cell->ours[figure->tier][figure->measure];
}

static int64_t theirs_of(const struct figure *figure)
{
    struct cell *cell = (struct cell *)(uintptr_t)figure->cell;
    return figure->tier == CELL_ANY_TIER ? sum_of(cell->theirs, TIERS_PRICED + 1, figure->measure)
                                         : cell->theirs[figure->tier][figure->measure];
}

static int64_t difference_of(const struct figure *figure)
{
    int64_t difference;
    return __builtin_sub_overflow(ours_of(figure), theirs_of(figure), &difference) ? INT64_MAX : difference;
}

static unsigned said_of(const struct cell *cell)
{
    return cell->tiered | cell->untiered;
}

/* Cells of both sides; what one alone has it says all of. Without a model nothing of a cell can be told by class. */
static bool is_compared(const struct figure *figure)
{
    const unsigned bit = 1u << figure->measure;
    if ((figure->cell->absent & bit) || (figure->cell->model.len == 0 && figure->measure >= REPORT_CLASS_COST))
        return false;
    if (said_of(figure->cell) & bit)
        return true;
    return said_of(figure->cell) == 0 && (figure->compare->sums.said & bit) && figure->measure < REPORT_CLASS_COST;
}

static bool is_by_tier(const struct figure *figure)
{
    const unsigned bit = 1u << figure->measure;
    return (figure->cell->tiered & bit) && !(figure->cell->untiered & bit);
}

static bool differs(const struct figure *figure)
{
    const int64_t difference = difference_of(figure), theirs = theirs_of(figure);
    const __int128 size = difference < 0 ? -(__int128)difference : difference;
    const __int128 whole = theirs < 0 ? -(__int128)theirs : theirs;
    return size > figure->cell->rounding[figure->measure] &&
           size * MILLION > whole * (__int128)figure->compare->settings->tolerance;
}

static struct figure figure_of(const struct figure *figure, unsigned measure, unsigned tier)
{
    return (struct figure){figure->compare, figure->cell, measure, tier};
}

/* --- why --------------------------------------------------------------------------------------------- */

static bool tokens_differ(const struct figure *figure)
{
    for (unsigned i = 0; i < PRICE_CLASSES; i++) {
        const struct figure tokens = figure_of(figure, i, CELL_ANY_TIER);
        if (is_compared(&tokens) && differs(&tokens))
            return true;
    }
    return false;
}

static bool tiers_differ(const struct figure *figure)
{
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        for (unsigned tier = 0; tier < TIERS_PRICED; tier++) {
            const struct figure tokens = figure_of(figure, i, tier);
            if (is_by_tier(&tokens) && differs(&tokens))
                return true;
        }
    return false;
}

static bool prompts_agree(const struct figure *figure)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < PROMPT_CLASSES; i++) {
        const struct figure tokens = figure_of(figure, i, figure->tier);
        add(&sum, difference_of(&tokens));
    }
    return sum == 0;
}

/* Cells of a model stand side by side, by period. */
static bool is_at_edge(const struct figure *figure)
{
    const struct cells *cells = &figure->compare->cells;
    const uint64_t period = figure->compare->settings->period_us;
    for (int side = -1; side <= 1; side += 2) {
        const struct cell *other = figure->cell + side;
        if (other < cells->items || other >= cells->items + cells->count || !str_eq(other->key, figure->cell->key))
            continue;
        const struct figure beside = {figure->compare, other, figure->measure, figure->tier};
        const uint64_t here = figure->cell->period_us, there = other->period_us;
        if ((there == here + period || there + period == here) && is_compared(&beside) &&
            difference_of(&beside) == -difference_of(figure))
            return true;
    }
    return false;
}

/* Of a class's cost its own tokens tell, of the whole cost all. */
static enum compare_why why_cost(const struct figure *figure)
{
    const bool is_of_class = figure->measure >= REPORT_CLASS_COST;
    struct figure own = figure_of(figure, is_of_class ? figure->measure - REPORT_CLASS_COST : 0, figure->tier);
    own.tier = is_by_tier(&own) ? own.tier : CELL_ANY_TIER;
    if (!(said_of(figure->cell) & TOKENS_MASK))
        return WHY_NO_TOKENS;
    if (is_of_class ? differs(&own) : tokens_differ(figure))
        return WHY_TOKENS;
    return tiers_differ(figure) ? WHY_TIER : WHY_PRICE;
}

static enum compare_why why_requests(const struct figure *figure, int64_t more_of_ours)
{
    if (more_of_ours > 0)
        return WHY_MISSING_REPORT;
    return (uint64_t)-more_of_ours <= figure->cell->evidence.retries ? WHY_RETRIED : WHY_MISSING_LINES;
}

/* The same requests, other tokens. */
static enum compare_why why_tokens(const struct figure *figure)
{
    const struct compare_evidence *evidence = &figure->cell->evidence;
    const bool is_more = difference_of(figure) > 0, knows_requests = said_of(figure->cell) & (1u << REPORT_REQUESTS);
    if (figure->measure < PROMPT_CLASSES && prompts_agree(figure))
        return WHY_CACHE_CLASS;
    if (evidence->estimated > 0)
        return WHY_ESTIMATED;
    if (evidence->odd > 0)
        return WHY_ODD;
    if (!is_more && evidence->broken_off > 0)
        return WHY_BROKEN_OFF;
    if (!is_more && evidence->retries > 0)
        return WHY_RETRIED;
    return knows_requests ? WHY_UNKNOWN : is_more ? WHY_MISSING_REPORT : WHY_MISSING_LINES;
}

static enum compare_why why_of(const struct figure *figure)
{
    const struct figure all = figure_of(figure, figure->measure, CELL_ANY_TIER);
    const struct figure requests = figure_of(figure, REPORT_REQUESTS, CELL_ANY_TIER);
    if (figure->cell->model.len == 0)
        return WHY_NO_MODEL;
    if (is_at_edge(figure))
        return WHY_EDGE;
    if (figure->cell->lines == 0)
        return WHY_MISSING_LINES;
    if (said_of(figure->cell) == 0)
        return WHY_MISSING_REPORT;
    if (figure->measure >= REPORT_COST)
        return why_cost(figure);
    if (figure->tier != CELL_ANY_TIER && !differs(&all))
        return WHY_TIER;
    if (is_compared(&requests) && differs(&requests))
        return why_requests(figure, difference_of(&requests));
    return why_tokens(figure);
}

/* --- all --------------------------------------------------------------------------------------------- */

struct telling {
    struct compare *compare;
    enum error_code (*each)(void *ctx, const struct compare_difference *difference, struct error *error);
    void *ctx;
    struct compare_sums *sums;
};

static int64_t rate_of(int64_t cost, int64_t tokens)
{
    return tokens > 0 ? (int64_t)((__int128)cost * MILLION / tokens) : 0;
}

static void set_rates(const struct figure *figure, struct compare_difference *difference)
{
    if (figure->measure < REPORT_CLASS_COST)
        return;
    const struct figure tokens = figure_of(figure, figure->measure - REPORT_CLASS_COST, figure->tier);
    difference->our_rate = rate_of(difference->ours, ours_of(&tokens));
    difference->their_rate = is_compared(&tokens) ? rate_of(difference->theirs, theirs_of(&tokens)) : 0;
}

/* The cost of a class says more than the whole where its price does. */
static bool is_of_price(enum compare_why why)
{
    return why == WHY_PRICE || why == WHY_TIER;
}

static enum error_code tell(const struct telling *telling, const struct figure *figure, struct error *error)
{
    const struct cell *cell = figure->cell;
    telling->sums->figures++;
    if (!differs(figure) || (figure->measure >= REPORT_CLASS_COST && !is_of_price(why_of(figure))))
        return OK;
    struct compare_difference difference = {
        .period_us = cell->period_us,
        .model = cell->model,
        .measure = figure->measure,
        .tier = (enum tier)figure->tier,
        .ours = ours_of(figure),
        .theirs = theirs_of(figure),
        .why = why_of(figure),
        .evidence = cell->evidence,
        .price = figure->measure >= REPORT_COST ? cell->price : STR(""),
        .has_prices = cell->has_prices,
    };
    set_rates(figure, &difference);
    telling->sums->differences++;
    telling->sums->by_why[difference.why]++;
    return telling->each(telling->ctx, &difference, error);
}

static enum error_code tell_measure(const struct telling *telling, const struct figure *figure, struct error *error)
{
    enum error_code code = OK;
    if (!is_compared(figure))
        return OK;
    add(&telling->sums->ours[figure->measure], ours_of(figure));
    add(&telling->sums->theirs[figure->measure], theirs_of(figure));
    if (!is_by_tier(figure))
        return tell(telling, figure, error);
    for (unsigned tier = 0; tier < TIERS_PRICED && code == OK; tier++) {
        const struct figure one = figure_of(figure, figure->measure, tier);
        if (ours_of(&one) != 0 || theirs_of(&one) != 0)
            code = tell(telling, &one, error);
    }
    return code;
}

enum error_code compare_all(struct compare *compare,
                            enum error_code (*each)(void *ctx, const struct compare_difference *difference,
                                                    struct error *error),
                            void *ctx, struct compare_sums *sums, struct error *error)
{
    const struct telling telling = {compare, each, ctx, sums};
    enum error_code code = OK;
    cells_sort(&compare->cells);
    for (size_t i = 0; i < compare->cells.count; i++)
        compare->sums.said |= said_of(&compare->cells.items[i]);
    *sums = compare->sums;
    if (sums->from_us >= sums->to_us)
        sums->from_us = sums->to_us = 0;
    for (size_t i = 0; i < compare->cells.count; i++)
        for (unsigned measure = 0; measure < REPORT_MEASURES && code == OK; measure++) {
            const struct figure figure = {compare, &compare->cells.items[i], measure, CELL_ANY_TIER};
            code = tell_measure(&telling, &figure, error);
        }
    return code;
}
