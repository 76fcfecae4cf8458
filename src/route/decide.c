/* decide.c - see decide.h. First what quality and cost say, as if every request stood alone; then whether that is worth
 * leaving a warm model for. */
#include "route/decide.h"

#include <assert.h>
#include <math.h>

#include "route/predictor.h"

static size_t strongest(const struct decide_candidate candidates[], size_t count)
{
    size_t best = DECIDE_NONE;
    for (size_t i = 0; i < count; i++)
        if (!candidates[i].is_out && (best == DECIDE_NONE || candidates[i].strength > candidates[best].strength))
            best = i;
    return best;
}

double decide_quality(const struct decide_candidate candidates[], size_t count, size_t index)
{
    const struct decide_candidate *candidate = &candidates[index];
    if (candidate->uncertainty < (double)PREDICTOR_UNSURE || index == strongest(candidates, count))
        return candidate->quality;
    return fmax(0, candidate->quality - candidate->uncertainty);
}

/* Whether it was the doubt that spoke against a candidate. */
static bool is_doubted(const struct decide_candidate candidates[], size_t count, size_t index)
{
    return decide_quality(candidates, count, index) < candidates[index].quality;
}

static size_t best_of(const struct decide_candidate candidates[], size_t count, size_t but)
{
    size_t best = DECIDE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].is_out || i == but)
            continue;
        if (best == DECIDE_NONE ||
            decide_quality(candidates, count, i) > decide_quality(candidates, count, best))
            best = i;
    }
    return best;
}

/* --- the rules -------------------------------------------------------------------------------------- */

static size_t by_difference(const struct decide_terms *terms, const struct decide_candidate candidates[],
                            size_t count, const char **reason)
{
    const size_t fallback = terms->fallback, other = best_of(candidates, count, fallback);
    *reason = "fallback";
    if (other == DECIDE_NONE)
        return fallback;
    if (candidates[fallback].is_out) {
        *reason = "too-long";
        return other;
    }
    const double gap = decide_quality(candidates, count, other) - decide_quality(candidates, count, fallback);
    const bool is_bargain = candidates[other].cost < candidates[fallback].cost;
    if (gap < terms->difference || (gap <= 0 && !is_bargain))
        return fallback;
    *reason = is_doubted(candidates, count, fallback) ? "unsure" : "quality-difference";
    return other;
}

static size_t by_tolerance(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count,
                           const char **reason)
{
    const size_t best = best_of(candidates, count, DECIDE_NONE);
    const double least = decide_quality(candidates, count, best) - terms->tolerance;
    size_t chosen = best;
    bool is_unsure = false;
    for (size_t i = 0; i < count; i++) {
        const bool is_cheaper = candidates[i].cost < candidates[chosen].cost;
        if (candidates[i].is_out || !is_cheaper)
            continue;
        if (decide_quality(candidates, count, i) >= least)
            chosen = i;
        else
            is_unsure = is_unsure || candidates[i].quality >= least;
    }
    *reason = chosen != best ? "within-tolerance" : is_unsure ? "unsure" : "best-quality";
    return chosen;
}

static size_t by_budget(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count,
                        const char **reason)
{
    size_t chosen = DECIDE_NONE;
    double most = -INFINITY;
    *reason = "budget";
    for (size_t i = 0; i < count; i++) {
        const double price = isinf(terms->weight) ? (double)candidates[i].cost
                                                  : terms->weight * (double)candidates[i].cost;
        const double worth = (isinf(terms->weight) ? 0 : decide_quality(candidates, count, i)) - price;
        if (candidates[i].is_out || worth <= most)
            continue;
        chosen = i;
        most = worth;
    }
    return chosen;
}

/* --- staying ---------------------------------------------------------------------------------------- */

/* The one that holds most of the prompt; where two hold as much, the conversation is at neither. */
static size_t find_warmest(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count)
{
    size_t warmest = DECIDE_NONE;
    uint32_t most = 0;
    for (size_t i = 0; i < count && terms->has_past; i++) {
        if (candidates[i].warm_tokens > most)
            warmest = i;
        else if (candidates[i].warm_tokens == most)
            warmest = DECIDE_NONE;
        most = candidates[i].warm_tokens > most ? candidates[i].warm_tokens : most;
    }
    return warmest != DECIDE_NONE && candidates[warmest].is_out ? DECIDE_NONE : warmest;
}

/* How much worse than another the rule itself lets a model be. */
static double allowance(const struct decide_terms *terms, const struct decide_candidate *from,
                        const struct decide_candidate *to)
{
    switch (terms->rule) {
    case DECIDE_DIFFERENCE: return terms->difference;
    case DECIDE_TOLERANCE: return terms->tolerance;
    case DECIDE_BUDGET: break;
    }
    return isinf(terms->weight) ? 1 : terms->weight * ((double)to->cost - (double)from->cost);
}

/* For less cost: so much less that the way back, should the next turn take it, is paid too. For more quality: more than
 * the rule asks for. */
static bool is_worth_it(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count,
                        size_t from, size_t to)
{
    const struct decide_candidate *here = &candidates[from], *there = &candidates[to];
    if (there->cost < here->cost)
        return (double)(here->cost - there->cost) > terms->margin * (double)here->cost + (double)here->way_back;
    const double gain = decide_quality(candidates, count, to) - decide_quality(candidates, count, from);
    return gain > allowance(terms, here, there) + terms->margin;
}

void decide(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count,
            struct decision *decision)
{
    assert(count > 0 && count <= DECIDE_CANDIDATES_MAX && terms->fallback < count);
    *decision = (struct decision){terms->fallback, terms->fallback, DECIDE_NONE, "too-long"};
    const size_t any = strongest(candidates, count);
    if (any == DECIDE_NONE)
        return;
    if (terms->is_blind) {
        decision->chosen = candidates[terms->fallback].is_out ? any : terms->fallback;
        decision->by_text = decision->chosen;
        decision->reason = "no-predictor";
        return;
    }
    switch (terms->rule) {
    case DECIDE_DIFFERENCE:
        decision->chosen = by_difference(terms, candidates, count, &decision->reason);
        break;
    case DECIDE_TOLERANCE: decision->chosen = by_tolerance(terms, candidates, count, &decision->reason); break;
    case DECIDE_BUDGET: decision->chosen = by_budget(terms, candidates, count, &decision->reason); break;
    }
    decision->by_text = decision->chosen;
    decision->warmest = find_warmest(terms, candidates, count);
    if (decision->warmest == DECIDE_NONE || decision->warmest == decision->chosen ||
        is_worth_it(terms, candidates, count, decision->warmest, decision->chosen))
        return;
    decision->chosen = decision->warmest;
    decision->reason = "stays-warm";
}
