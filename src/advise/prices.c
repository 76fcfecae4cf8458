/* prices.c - see prices.h. */
#include "advise/prices.h"

#include <math.h>

#include "core/arn.h"

#define MIN_TOKENS 1024 /* of models whose card says nothing */
#define HOUR_MS 3600000u

/* --- names ------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Without ":0", "-v1" and the like at the end. */
static struct str without_version(struct str id)
{
    const ptrdiff_t colon = str_find_char(id, ':', 0);
    size_t at;
    if (colon >= 0)
        id = str_slice(id, 0, (size_t)colon);
    for (at = id.len; at > 0 && is_digit(id.data[at - 1]); at--)
        continue;
    if (at < id.len && at >= 2 && id.len - at <= 2 && id.data[at - 1] == 'v' && id.data[at - 2] == '-')
        return str_slice(id, 0, at - 2);
    if (colon >= 0 && at < id.len && at >= 1 && id.len - at == 1 && id.data[at - 1] == '-')
        return str_slice(id, 0, at - 1);
    return id;
}

/* Without "anthropic." */
static struct str without_provider(struct str id)
{
    const ptrdiff_t dot = str_find_char(id, '.', 0);
    for (ptrdiff_t i = 0; i < dot; i++)
        if (is_digit(id.data[i]))
            return id; /* "gpt-5.4" */
    return dot > 0 ? str_slice(id, (size_t)dot + 1, id.len) : id;
}

static struct str behind_slashes(struct str name)
{
    size_t at = name.len;
    while (at > 0 && name.data[at - 1] != '/')
        at--;
    return str_slice(name, at, name.len);
}

/* "-20241022" at the end. */
static struct str without_date(struct str name)
{
    size_t digits = 0;
    while (digits < name.len && is_digit(name.data[name.len - 1 - digits]))
        digits++;
    return digits == 8 && name.len > 9 && name.data[name.len - 9] == '-' ? str_slice(name, 0, name.len - 9) : name;
}

static struct str without_latest(struct str name)
{
    return str_ends(name, STR("-latest")) ? str_slice(name, 0, name.len - 7) : name;
}

/* Of providers' own lists, which know no families and no cards: their rows count where no other has the model. */
static bool is_of_provider(const struct price_row *row)
{
    return row && str_starts(str_of(row->name), STR("providers@"));
}

static const struct price_row *find_alike(const struct price_book *book, struct str name)
{
    const struct price_row *dateless = NULL;
    const struct str bare = without_version(without_provider(name)), undated = without_date(without_latest(bare));
    for (size_t i = 0; i < price_book_count(book); i++) {
        const struct price_row *row = price_book_row(book, i);
        const struct str id = without_version(without_provider(str_of(row->id)));
        if (id.len == 0 || is_of_provider(row))
            continue;
        if (str_eq_nocase(id, bare))
            return price_book_find(book, str_of(row->id), STR(""));
        if (str_eq_nocase(without_date(id), undated))
            dateless = price_book_find(book, str_of(row->id), STR(""));
    }
    return dateless;
}

static const struct price_row *find_row(const struct price_book *book, struct str model, struct str place)
{
    struct arn arn;
    const struct str asked = arn_split(model, &arn) ? arn.id : model;
    struct str bare = catalog_bare_id(asked);
    const struct price_row *named = price_book_find(book, bare, place.len ? place : price_place(asked, bare));
    if (named && !is_of_provider(named))
        return named;
    const struct str last = behind_slashes(asked);
    bare = catalog_bare_id(last);
    const struct price_row *row = price_book_find(book, bare, price_place(last, bare));
    if (!row || is_of_provider(row))
        row = find_alike(book, bare);
    return row ? row : named;
}

/* --- families ------------------------------------------------------------------------------------------ */

/* "anthropic.claude" of "anthropic.claude-3-5-haiku-...": the provider and the first letters of the name. */
static struct str family(struct str id)
{
    const ptrdiff_t dot = str_find_char(id, '.', 0);
    size_t at = dot < 0 ? 0 : (size_t)dot + 1;
    while (at < id.len && id.data[at] != '-' && !is_digit(id.data[at]))
        at++;
    return str_slice(id, 0, at);
}

/* About what a request costs: prompts are longer than answers. */
static double blend(const struct price_row *row)
{
    const uint64_t *rates = row->steps[0].rates[TIER_DEFAULT];
    return (double)rates[PRICE_INPUT] * 4 + (double)rates[PRICE_OUTPUT];
}

/* Whether one that keeps prompts may be replaced by it, and a long prompt fits. */
static bool can_stand_for(const struct catalog_entry *asked, const struct catalog_entry *other)
{
    if (!other || other->makes != MAKES_TEXT)
        return false;
    return !asked || ((asked->cache_min_tokens == 0 || other->cache_min_tokens > 0) &&
                      (asked->context <= other->context || other->context >= 100000));
}

static const struct price_row *find_small(const struct price_book *book, const struct catalog *catalog,
                                          const struct price_row *row)
{
    const struct str id = str_of(row->id), kin = family(id);
    const struct catalog_entry *asked = catalog_find(catalog, id);
    const struct price_row *best = NULL;
    for (size_t i = 0; i < price_book_count(book); i++) {
        const struct str other = str_of(price_book_row(book, i)->id);
        if (!str_eq(family(other), kin) || str_eq(other, id))
            continue;
        if (asked && !can_stand_for(asked, catalog_find(catalog, other)))
            continue;
        const struct price_row *candidate = price_book_find(book, other, str_of(row->place));
        if (candidate && blend(candidate) < 0.8 * blend(row) && (!best || blend(candidate) < blend(best)))
            best = candidate;
    }
    return best;
}

void advise_price_find(const struct price_book *book, const struct catalog *catalog, struct str model,
                       struct str place, struct advise_price *price)
{
    *price = (struct advise_price){.row = find_row(book, model, place), .cache_min_tokens = MIN_TOKENS};
    if (!price->row)
        return;
    const struct catalog_entry *entry = catalog_find(catalog, str_of(price->row->id));
    const uint64_t *rates = price->row->steps[0].rates[TIER_DEFAULT];
    price->has_cache = rates[PRICE_CACHE_READ] < rates[PRICE_INPUT];
    if (entry && entry->cache_min_tokens)
        price->cache_min_tokens = entry->cache_min_tokens;
    price->has_hour = price->has_cache && entry && entry->cache_ttl_max_ms >= HOUR_MS;
    price->small = find_small(book, catalog, price->row);
}

double advise_cost(const struct price_row *row, enum tier tier, const double tokens[PRICE_CLASSES])
{
    struct price_usage usage;
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        usage.tokens[i] = tokens[i] > 0 ? (uint64_t)llround(tokens[i]) : 0;
    return (double)price_cost(row, tier, &usage);
}
