/* route_learning.h - what a router's predictions stand on, said for those who ask: the predictor, the labels of its own
 * traffic, and whether the one still holds by the other. */
#ifndef GENERATE_ROUTE_LEARNING_H
#define GENERATE_ROUTE_LEARNING_H

#include "generate/routing.h"

struct shadow;

/* {"predictor": {"name", "rows", "calibrationError", "auc", "aucLow", "aucHigh"} or null, "shadow": {"share", "labels",
 * "since", "waiting", "labelled", "unjudged", "failed", "dropped", "costPicodollars", "drifts", "models": [{"model",
 * "labels", "predicted", "found", "calibrationError", "z", "drifts"}]} or null}; `shadow` may be NULL. */
void route_append_learning(struct buf *out, const struct route *route, const struct shadow *shadow);

#endif
