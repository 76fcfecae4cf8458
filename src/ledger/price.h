/* price.h - what a request costs, in integer picodollars (10^-12 dollars).
 *
 * A row is the price of one model in one place: a rate for each token class
 * and tier, for the whole request by how long its input is. Rates are
 * picodollars per million tokens; each token class of a request is rounded
 * once, half up. Nothing here is ever a double. Pure functions, any thread. */
#ifndef LEDGER_PRICE_H
#define LEDGER_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/tier.h"

enum price_class {
    PRICE_INPUT, /* neither read from nor written to the cache */
    PRICE_CACHE_READ,
    PRICE_CACHE_WRITE_5M,
    PRICE_CACHE_WRITE_1H,
    PRICE_OUTPUT,
    PRICE_CLASSES,
};

extern const enum tier price_tiers[TIERS_PRICED]; /* in the order in which price lists have them */

struct price_usage {
    uint64_t tokens[PRICE_CLASSES];
};

struct price_step {
    uint64_t above_tokens; /* holds for requests whose whole input has more tokens than that */
    uint64_t rates[TIERS_PRICED][PRICE_CLASSES];
};

struct price_row {
    const char *name; /* "BOOK@VERSION/ID/PLACE": what ledger lines say of it */
    const char *id, *place;
    const struct price_step *steps; /* ascending, the first is above 0; at least one */
    size_t step_count;
};

/* Of one request by one row. Sums stop at INT64_MAX, nine million dollars. */
uint64_t price_cost(const struct price_row *row, enum tier tier, const struct price_usage *usage);

/* The same as if there were no cache: all input at the input price, standard tier. */
uint64_t price_cost_plain(const struct price_row *row, const struct price_usage *usage);

/* The levers, in the order in which savings are attributed. LEVER_SHADOW only spends: on answers that nobody asked for,
 * which routers learn from. LEVER_RESPONSE: answers that were given again. */
enum price_lever { LEVER_ROUTE, LEVER_DISTIL, LEVER_CACHE, LEVER_TIER, LEVER_SHADOW, LEVER_RESPONSE, LEVERS };
extern const char *const price_lever_names[LEVERS]; /* "route", ... */

/* The prices that one request goes through: of the model asked for (behind a
 * router its fallback), of the one that routing chose, and of the one that
 * answered (a student in place of its teacher). Without levers all are one. */
struct price_path {
    const struct price_row *asked, *routed, *answered;
};

struct price_quote {
    uint64_t cost;
    uint64_t classes[PRICE_CLASSES]; /* of each class alone; adds up to cost, unless that is INT64_MAX */
    uint64_t baseline;     /* the model asked for, standard tier, no cache */
    int64_t saved[LEVERS]; /* adds up to baseline - cost; negative where a lever cost more */
};
struct price_quote price_quote(const struct price_path *path, enum tier tier, const struct price_usage *usage);

/* Of an answer that nobody asked for: the baseline is 0, and all of its cost a saving below zero of the one lever. */
struct price_quote price_quote_shadow(const struct price_row *answered, enum tier tier,
                                      const struct price_usage *usage);

/* Of an answer that was given again: it costs nothing, and what it would have cost is the saving of the one lever,
 * behind those of the others. */
struct price_quote price_quote_again(const struct price_path *path, enum tier tier, const struct price_usage *usage);

/* Appends all rates as compact JSON, so that a ledger can keep what its lines were priced by. */
bool price_row_append(struct buf *out, const struct price_row *row);

/* What the row is beside such a text of before. Numbers count: a tier or class
 * that the text does not have was none that lines were priced by. */
enum price_difference {
    PRICE_SAME,       /* the same numbers; the text may know tiers or classes that this program does not */
    PRICE_MORE,       /* the row has tiers or classes that the text lacks, all others are the same */
    PRICE_OTHER,      /* a number differs, or where a step begins */
    PRICE_UNREADABLE, /* the text is no such list; also without memory */
};
enum price_difference price_row_compare(const struct price_row *row, struct str rates);

/* The row that such a text is of, under the name that lines know it by; it lies in the arena. False: the text is no
 * such list, or lacks a tier or class of tokens; also without memory. */
bool price_row_read(struct str rates, struct str name, struct arena *arena, struct price_row *row);
const struct price_step *price_row_step(const struct price_row *row, const struct price_usage *usage);

/* The same request with another cache: nothing of its prompt was read, what was not written is plain input; and all of
 * its prompt was read. */
struct price_usage price_usage_cold(const struct price_usage *usage);
struct price_usage price_usage_warm(const struct price_usage *usage);

/* What baselines are made of, out of such a text: the rates of input and output in the standard tier. */
#define PRICE_STEPS_MAX 9
struct price_plain {
    struct {
        uint64_t above_tokens, input, output;
    } steps[PRICE_STEPS_MAX];
    size_t count; /* at least one */
};
/* False: the text is no such list, or one with more steps. */
bool price_plain_read(struct str rates, struct price_plain *plain);
/* Which of its steps a request of so many tokens of input has. */
size_t price_plain_step(const struct price_plain *plain, uint64_t input_tokens);
uint64_t price_input_tokens(const struct price_usage *usage); /* cached ones counted */

#endif
