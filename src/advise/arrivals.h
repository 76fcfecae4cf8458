/* arrivals.h - which requests nobody waits for, by when they come: many of one kind in a short time, not streamed, no
 * conversation, the same time of day again and again. One thread. */
#ifndef ADVISE_ARRIVALS_H
#define ADVISE_ARRIVALS_H

#include "advise/rows.h"

struct arrivals;
struct arrivals *arrivals_new(void); /* NULL: no memory */
void arrivals_free(struct arrivals *arrivals); /* NULL is legal */

/* A request, in the order of time. False: no memory. */
bool arrivals_add(struct arrivals *arrivals, const struct row *row) WARN_UNUSED;
/* After the last one. */
void arrivals_settle(struct arrivals *arrivals);

enum arrival {
    ARRIVAL_LIVE,    /* somebody may be waiting, or it is in such a tier already */
    ARRIVAL_QUIET,   /* not streamed, no conversation: nothing speaks for a reader */
    ARRIVAL_BURST,   /* at night, once */
    ARRIVAL_NIGHTLY, /* on several days at the same time */
};
enum arrival arrivals_of(const struct arrivals *arrivals, const struct row *row);

/* The largest kind that comes again: its time of day, how often, how many. False: there is none. */
struct arrival_facts {
    uint32_t cluster;
    unsigned hour, minute; /* UTC, of the start */
    unsigned days;
    uint64_t requests;
    bool is_nightly;       /* ARRIVAL_NIGHTLY */
};
bool arrivals_largest(const struct arrivals *arrivals, struct arrival_facts *facts);

#endif
