/* route_explain.c - one request's decision, said again: what went into it, and what would have changed it. See
 * route_explain.h. */
#include "generate/route_explain.h"

#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "generate/route_doubt.h"

#define STEPS 100 /* of a number from 0 to 1, at each of which the decision is made again */

static struct str name_at(const struct route *route, size_t candidate)
{
    return route->targets[route->places[candidate]].listed;
}

/* --- the candidates --------------------------------------------------------------------------------- */

static void append_candidate(struct buf *out, const struct route *route, size_t i)
{
    const struct decide_candidate *candidate = &route->candidates[i];
    buf_append_text(out, "{\"model\":");
    buf_append_json(out, name_at(route, i));
    json_append_member(out, "name", str_of(route->targets[route->places[i]].name));
    if (route->is_predicted)
        buf_appendf(out, ",\"quality\":%.4f,\"uncertainty\":%.4f", candidate->quality, candidate->uncertainty);
    buf_appendf(out, ",\"promptTokens\":%u,\"warmTokens\":%u,\"expectedOutputTokens\":%u", route->prompt_tokens[i],
                candidate->warm_tokens, route->reply_tokens[i]);
    if (route->doubts)
        buf_appendf(out, ",\"expectedEscalations\":%.4f", route_doubt_rate(route, route->places[i]));
    buf_appendf(out, ",\"expectedCostPicodollars\":%llu,\"fits\":%s}", (unsigned long long)candidate->cost,
                candidate->is_out ? "false" : "true");
}

/* --- what would have changed it --------------------------------------------------------------------- */

static size_t choice_of(const struct route *route, const struct decide_terms *terms,
                        const struct decide_candidate candidates[])
{
    struct decision decision;
    decide(terms, candidates, route->candidate_count, &decision);
    return decision.chosen;
}

static void append_change(struct buf *out, bool *is_first, const struct route *route, size_t chosen, const char *when)
{
    buf_append_text(out, *is_first ? "{\"when\":" : ",{\"when\":");
    *is_first = false;
    buf_append_json(out, str_of(when));
    json_append_member(out, "then", name_at(route, chosen));
    buf_append_char(out, '}');
}

static double *dial_of(struct decide_terms *terms)
{
    switch (terms->rule) {
    case DECIDE_DIFFERENCE: return &terms->difference;
    case DECIDE_TOLERANCE: return &terms->tolerance;
    case DECIDE_BUDGET: break;
    }
    return NULL;
}

/* The nearest value of the rule's own number, on either side, at which another would have answered. */
static void append_dial(struct buf *out, bool *is_first, const struct route *route)
{
    static const char *const names[] = {[DECIDE_DIFFERENCE] = "difference", [DECIDE_TOLERANCE] = "tolerance"};
    char when[64];
    struct decide_terms terms = route->terms;
    double *dial = dial_of(&terms);
    const double now = dial ? *dial : 0;
    const bool is_percent = terms.rule == DECIDE_DIFFERENCE;
    const int at = (int)(now * STEPS + 0.5);
    for (int side = 0; dial && side < 2; side++) {
        const int step = side ? 1 : -1;
        for (int i = at + step; i >= 0 && i <= STEPS; i += step) {
            *dial = (double)i / STEPS;
            const size_t other = choice_of(route, &terms, route->candidates);
            if (other == route->decision.chosen)
                continue;
            snprintf(when, sizeof(when), "the %s were %.*f or %s", names[terms.rule], is_percent ? 0 : 2,
                     is_percent ? (double)i : *dial, side ? "more" : "less");
            append_change(out, is_first, route, other, when);
            break;
        }
    }
}

static void append_changes(struct buf *out, const struct route *route)
{
    struct decide_candidate changed[ROUTER_MODELS_MAX];
    struct decide_terms terms = route->terms;
    const size_t chosen = route->decision.chosen;
    bool is_first = true;
    append_dial(out, &is_first, route);
    terms.margin = 0;
    const size_t without_margin = choice_of(route, &terms, route->candidates);
    if (without_margin != chosen)
        append_change(out, &is_first, route, without_margin, "the margin were 0");
    if (route->decision.by_text != chosen)
        append_change(out, &is_first, route, route->decision.by_text, "no model had the conversation warm");
    memcpy(changed, route->candidates, sizeof(changed));
    changed[chosen].is_out = true;
    const size_t instead = choice_of(route, &route->terms, changed);
    if (instead != chosen)
        append_change(out, &is_first, route, instead, "the chosen one could not take the request");
}

void route_explain(const struct route *route, const struct placement *placement, const struct shadow *shadow,
                   struct buf *out)
{
    buf_append_text(out, "{\"router\":");
    buf_append_json(out, route->router.name);
    buf_append_char(out, ',');
    route_append_rule(out, &route->router);
    json_append_member(out, "fallback", route->targets[0].listed);
    json_append_member(out, "chosen", placement->routed.listed);
    json_append_member(out, "reason", placement->why);
    if (route->candidate_count > 0)
        json_append_member(out, "byText", name_at(route, route->decision.by_text));
    buf_append_text(out, ",\"candidates\":[");
    for (size_t i = 0; i < route->candidate_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_candidate(out, route, i);
    }
    buf_append_text(out, "],\"changes\":[");
    if (route->candidate_count > 0)
        append_changes(out, route);
    buf_append_text(out, "],\"learning\":");
    route_append_learning(out, route, shadow);
    buf_append_char(out, '}');
}
