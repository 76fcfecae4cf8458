/* share.h - a bounded share of answers, exact whoever asks at the same moment: of any number of answers never more are
 * taken than the share allows. Any thread. */
#ifndef ROUTE_SHARE_H
#define ROUTE_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ROUTE_SHARE_SAVED 10 /* that may be taken one after the other, when few were wanted before */

struct route_share { /* zero: nothing was answered yet */
    _Atomic int64_t saved; /* thousand-millionths of an answer */
    _Atomic uint32_t rate; /* millionths of the latest answers that were taken */
};

/* One more answer, which earns `part` (0 to 1) of one that may be taken: whether this one is, where it is wanted. */
bool route_share_take(struct route_share *share, double part, bool is_wanted);

/* About how many of the latest answers were taken, 0 to 1. */
double route_share_rate(const struct route_share *share);

#endif
