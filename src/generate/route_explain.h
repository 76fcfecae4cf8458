/* route_explain.h - a decision of a router, said again for those who ask why. */
#ifndef GENERATE_ROUTE_EXPLAIN_H
#define GENERATE_ROUTE_EXPLAIN_H

#include "generate/routing.h"

/* Each candidate's quality, cost and warmth, what was chosen and why, and what would have changed the choice, as JSON;
 * of a route whose work has ended. */
void route_explain(const struct route *route, const struct placement *placement, struct buf *out);

#endif
