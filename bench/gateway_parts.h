/* gateway_parts.h - what `make bench B=gateway` has besides gateway.c: gateway_upstream.c, what stands between a client
 * and a provider; gateway_peers.c, other gateways in the same place. One thread. */
#ifndef BENCH_GATEWAY_PARTS_H
#define BENCH_GATEWAY_PARTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "support.h"
#include "support_load.h"

/* All figures of a gateway between a client and a provider, Fulcrum's and each peer's that is installed. */
void gateway_upstream(struct bench *report);

/* --- of gateway_peers.c --- */

struct gateway_peer {
    const char *name;     /* "portkey" */
    const char *headers;  /* that its requests need, each with its line's end */
    const char *model;    /* as its requests name the provider's */
    double least;         /* requests a second of ours that are asked for over one of its own */
    pid_t pid;
    uint16_t port;
};
#define GATEWAY_PEERS 2

/* Which peers are there, by index; false: it is not installed, *why says how that is done. */
bool gateway_peer_start(size_t index, uint16_t provider, struct gateway_peer *peer, const char **why);
void gateway_peer_stop(const struct gateway_peer *peer);

#endif
