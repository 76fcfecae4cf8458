/* prices.h - what a model of a log costs, under whatever name the log has it, and which cheaper model is of its family.
 *
 * Names: a model ID, with a geography or in an ARN; the ID without its provider or version
 * ("claude-3-5-sonnet-20241022"), behind a provider and a slash ("bedrock/...", "anthropic/..."). Pure, over a price
 * book and a catalogue that live longer. Any thread. */
#ifndef ADVISE_PRICES_H
#define ADVISE_PRICES_H

#include "core/catalog.h"
#include "ledger/price_book.h"

struct advise_price {
    const struct price_row *row; /* NULL: no book has it */
    const struct price_row *small; /* the cheapest of its family; NULL: it is that itself */
    uint32_t cache_min_tokens;   /* the shortest prefix that is kept */
    bool has_cache;              /* reading costs less than computing */
    bool has_hour;               /* may be kept for an hour */
};

void advise_price_find(const struct price_book *book, const struct catalog *catalog, struct str model,
                       struct str place, struct advise_price *price);

/* A request by the row, in its tier. */
double advise_cost(const struct price_row *row, enum tier tier, const double tokens[PRICE_CLASSES]);

#endif
