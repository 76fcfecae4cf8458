/* scrape.h - the metrics of pools' replicas, read every two seconds, so that who is
 * full is passed over and what other gateways send counts as load too.
 *
 * Every thread that has connections to upstreams opens one; one of them reads, and
 * another goes on where that one closes. A replica that does not answer, or says
 * nothing of use, is placed by what is known here alone. On the transport's loop. */
#ifndef UPSTREAM_SCRAPE_H
#define UPSTREAM_SCRAPE_H

#include "upstream/transport.h"
#include "upstream/upstreams.h"

struct scrape;

/* NULL without an error: no pool has a `server`. */
enum error_code scrape_open(struct transport *transport, struct upstreams *upstreams, struct scrape **scrape,
                            struct error *error) WARN_UNUSED;
void scrape_close(struct scrape *scrape); /* before the transport. NULL is legal */

#endif
