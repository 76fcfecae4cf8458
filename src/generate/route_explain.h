/* route_explain.h - a decision of a router, said again for those who ask why. */
#ifndef GENERATE_ROUTE_EXPLAIN_H
#define GENERATE_ROUTE_EXPLAIN_H

#include "generate/route_learning.h"

/* Each candidate's quality, cost and warmth, what was chosen and why, what would have changed the choice, and what the
 * router has learnt (route_learning.h), as JSON; of a route whose work has ended. */
void route_explain(const struct route *route, const struct placement *placement, const struct shadow *shadow,
                   struct buf *out);

#endif
