/* route_learning.h - what a router's predictions stand on, said for those who ask: the predictor, the labels of its own
 * traffic, and whether the one still holds by the other. */
#ifndef GENERATE_ROUTE_LEARNING_H
#define GENERATE_ROUTE_LEARNING_H

#include "generate/routing.h"

struct shadow;

/* "rule": "tolerance", "tolerance": 0 to 1, or "difference" in percent, or "budget" in dollars for a thousand requests;
 * "margin": members of an object that the caller has begun. */
void route_append_rule(struct buf *out, const struct router *router);

/* The two members of the next one, each alone. */
void route_append_predictor(struct buf *out, const struct route *route);
void route_append_shadow(struct buf *out, const struct route *route, const struct shadow *shadow);

/* {the rule's, "predictor": {"name", "rows", "calibrationError", "auc", "aucLow", "aucHigh", "curve":
 * [{"strongShare", "quality", "cost", "tolerance"}] or null} or null, "shadow":
 * {"share", "labels", "since", "waiting", "labelled", "unjudged", "failed", "dropped", "costPicodollars", "drifts",
 * "models": [{"model", "labels", "predicted", "found", "calibrationError", "z", "drifts"}]} or null}; `shadow` may be
 * NULL. A predictor of the router's own has "unknown", a list, where it was not trained on some of its models. */
void route_append_learning(struct buf *out, const struct route *route, const struct shadow *shadow);

#endif
