/* route_doubt.h - which answers of a router's cheaper models are made again by its strongest: those whose chance to be
 * right is below the router's bound, and below what the strongest one's is predicted to be, within a share of all
 * answers. One for all threads; a route's own thread asks. */
#ifndef GENERATE_ROUTE_DOUBT_H
#define GENERATE_ROUTE_DOUBT_H

#include "generate/route_quality.h"
#include "generate/work.h"

struct route;
struct route_doubts;

/* Both outlive it. */
enum error_code route_doubts_open(const struct routers_config *routers, const struct route_qualities *qualities,
                                  struct route_doubts **doubts, struct error *error) WARN_UNUSED;
void route_doubts_close(struct route_doubts *doubts); /* NULL is legal */

/* What was found of answers that might have been made again. */
enum doubt_outcome { DOUBT_GOOD_ENOUGH, DOUBT_SHARE_SPENT, DOUBT_ESCALATED, DOUBT_OUTCOMES };
extern const char *const doubt_outcome_names[DOUBT_OUTCOMES]; /* "good-enough", ... */

/* Since the start, of a router of fulcrum.yaml. Any thread. */
uint64_t route_doubts_count(const struct route_doubts *doubts, size_t router, enum doubt_outcome outcome);

/* Sets the hooks of a route whose router asks for it. */
void route_doubt_hook(struct route *route, struct route_doubts *doubts);

/* Whether answers of the model at this place of the route may be made again; and about how many of them lately were,
 * 0 to 1. */
bool route_doubt_may(const struct route *route, size_t place);
double route_doubt_rate(const struct route *route, size_t place);

/* Of a router that makes answers again, said at start: in the log the models whose confidence is no chance yet; that
 * none is stronger than another is the condition "routers". */
void route_doubt_note(const struct route *route);

/* Rows that the chance of the model at this place stands on; 0: its confidence is taken as it is. */
uint32_t route_doubt_rows(const struct route *route, size_t place);

#endif
