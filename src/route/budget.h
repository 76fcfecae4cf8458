/* budget.h - so many picodollars for each request in the mean, spent where they buy most quality.
 *
 * A budget is a price of money in quality, its weight: decide.h takes the model with the most of quality less
 * weight times cost, so the same weight for all requests buys dear answers where they gain most. Each bill moves the
 * weight: what costs more than its share makes the next ones thriftier. What is not spent may be saved up for some
 * hundred requests' worth, and what is overspent is owed: past a bound the cheapest answers until it is paid back.
 *
 * Any thread; of two bills at once one may move the weight alone, but both are counted. */
#ifndef ROUTE_BUDGET_H
#define ROUTE_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

struct route_budget {
    double each;             /* picodollars for a request; 0: there is no budget */
    _Atomic uint64_t weight; /* bits of a double: quality for a picodollar */
    _Atomic int64_t debt;    /* picodollars that were spent above the budget; below zero: that are left of it */
};

#define ROUTE_BUDGET_SAVED 200 /* requests' shares that may be saved up, */
#define ROUTE_BUDGET_DEBT 60   /* and that may be owed before the cheapest answers */

/* `thousand`: picodollars for a thousand requests. */
void route_budget_begin(struct route_budget *budget, uint64_t thousand);
double route_budget_weight(const struct route_budget *budget); /* for decide_terms; INFINITY: too much is owed */
void route_budget_spend(struct route_budget *budget, uint64_t cost); /* one request was billed */

#endif
