/* bill.h - the ledger as a bill: charges of a day or an hour, of a tenant, a
 * model, a tier and a class of tokens, as cost exports have them.
 *
 * A usage charge is what the tokens cost without any lever: the price of the
 * model asked for, standard tier, no cache. What a lever saved is a charge of
 * its own, below zero, and above zero where it cost more. A third kind is the
 * rounding of requests to the picodollar. So usage and rounding add up to the
 * ledger's baseline, and all charges to its cost, exactly.
 *
 * One period at a time, sorted by SQLite (which goes to the disk with it), so
 * that the memory does not grow with the ledger. One thread for each view. */
#ifndef LEDGER_BILL_H
#define LEDGER_BILL_H

#include "ledger/query.h"

/* Money finer than a picodollar, for the product of tokens and a rate: 10^-18 dollars. */
typedef __int128 bill_money;
#define BILL_MONEY_PER_PICODOLLAR 1000000

enum bill_kind { BILL_USAGE, BILL_LEVER, BILL_ROUNDING };

struct bill_row {
    enum bill_kind kind;
    uint64_t from_us, to_us; /* the period, cut off where the time asked for begins or ends */
    struct str tenant, model, provider, profile; /* as in a line */
    struct str tags;  /* a JSON object of strings; empty: none */
    enum tier tier;
    enum price_lever lever; /* BILL_LEVER */
    bill_money cost;
    uint64_t requests; /* that have a part in it; 0 in BILL_ROUNDING */
    /* BILL_USAGE */
    enum price_class class;
    struct str price;       /* name of the list price */
    bool has_price;         /* false: the ledger does not have it, and rates are 0; BILL_ROUNDING too */
    uint64_t above, up_to;  /* tokens of input of the requests; up_to 0: no bound */
    uint64_t tokens, rate;  /* picodollars per million */
    bool has_paid;
    ledger_sum paid; /* picodollars: what the class cost after all levers; not where an earlier program wrote a line */
    uint64_t input_tokens, read_tokens; /* of all requests of this tenant, model, tier, tags and price in the period */
};

struct bill_query {
    uint64_t from_us, to_us; /* as in struct ledger_query */
    struct str tenant;
    enum ledger_by by; /* LEDGER_BY_DAY or LEDGER_BY_HOUR */
    bool has_session;  /* the session is one of the tags */
};

/* `each` gets one charge after the other, whose strings are valid inside. ERROR_TOO_LARGE: sums of a period leave 128
 * bits. */
enum error_code ledger_bill(struct ledger_view *view, const struct bill_query *query,
                               enum error_code (*each)(void *ctx, const struct bill_row *row, struct error *error),
                               void *ctx, struct error *error) WARN_UNUSED;

#endif
