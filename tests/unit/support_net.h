/* support_net.h - a peer for protocol objects: plays the connection's part in
 * memory, so that tests choose how input is cut, when output is taken and what
 * time it is. */
#ifndef SUPPORT_NET_H
#define SUPPORT_NET_H

#include "core/buf.h"
#include "core/util.h"
#include "net/protocol.h"

enum peer_end { PEER_OPEN, PEER_FINISHED, PEER_BROKEN };

struct peer {
    struct protocol_host host;
    struct protocol *protocol; /* NULL once it ended */
    enum peer_end end;
    struct buf sent;   /* all that the protocol object wrote */
    struct buf log;    /* one line per request, header and event */
    bool takes_nothing; /* a reader that has stopped */
    size_t held_count; /* requests for /hold and /stream, in order of arrival */
    struct http_exchange *held[256];
    size_t closes, drains;
    bool pauses;       /* /pieces asks to wait after each piece; the test resumes */
    size_t pieces, piece_bytes;
    bool pins;                    /* requests for /pin are kept and pinned; the test lets them go */
    struct http_exchange *pinned; /* the last of them */
    struct http_exchange *taking; /* the exchange whose body is being taken */
    int error_hook_status; /* last status given to on_protocol_error; the hook is off while it is -1 */
};

/* The handler: /hold and paths that begin with it are kept in held[]; /stream answers with three pieces;
 * /pieces takes its body in pieces and answers with the number of their bytes; /empty answers 204;
 * /refuse takes no body, what comes to /own/NAME is counted for NAME;
 * everything else is answered with the request's body, or its method and target. */
void peer_open(struct peer *peer, enum protocol_kind kind);
bool peer_try_open(struct peer *peer, enum protocol_kind kind); /* false: no memory */
void peer_give(struct peer *peer, struct str data);
void peer_give_bytewise(struct peer *peer, struct str data);
void peer_give_randomly(struct peer *peer, struct str data, struct rng *rng);
void peer_pump(struct peer *peer);              /* what the loop does at the end of a turn */
void peer_pass(struct peer *peer, uint64_t ms); /* time goes by, then tick */
void peer_end(struct peer *peer);               /* the client closes */
void peer_close(struct peer *peer);             /* frees everything */

#endif
