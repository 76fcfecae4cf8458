/* budget.c - see budget.h. */
#include "route/budget.h"

#include <math.h>
#include <string.h>

/* Of the weight's logarithm, for a request that costs twice its share. Small, so that the weight hardly moves with each
 * dear answer: a price of quality that differs from request to request buys dear ones where they gain little.
 * Nothing is left out of it below OVER_MAX, or a budget that seldom buys a very dear answer would sink into debt. */
#define STEP 0.03
#define OVER_MAX 50
#define FIRST_WEIGHT 0.1 /* quality for a request's share, to begin with: close to what is cheapest */

static double load_weight(const struct route_budget *budget)
{
    double weight;
    const uint64_t bits = atomic_load(&budget->weight);
    memcpy(&weight, &bits, sizeof(weight));
    return weight;
}

static void store_weight(struct route_budget *budget, double weight)
{
    uint64_t bits;
    memcpy(&bits, &weight, sizeof(bits));
    atomic_store(&budget->weight, bits);
}

void route_budget_begin(struct route_budget *budget, uint64_t thousand)
{
    budget->each = (double)thousand / 1000;
    atomic_store(&budget->debt, 0);
    store_weight(budget, budget->each > 0 ? FIRST_WEIGHT / budget->each : 0);
}

double route_budget_weight(const struct route_budget *budget)
{
    return (double)atomic_load(&budget->debt) > ROUTE_BUDGET_DEBT * budget->each ? INFINITY : load_weight(budget);
}

void route_budget_spend(struct route_budget *budget, uint64_t cost)
{
    const double over = fmin((double)cost / budget->each - 1, OVER_MAX);
    const int64_t least = (int64_t)(-ROUTE_BUDGET_SAVED * budget->each);
    const int64_t more = (int64_t)((double)cost - budget->each);
    store_weight(budget, load_weight(budget) * exp(STEP * over));
    if (atomic_fetch_add(&budget->debt, more) + more < least)
        atomic_store(&budget->debt, least);
}
