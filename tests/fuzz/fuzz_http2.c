/* HTTP/2 frames through our glue, while the handler answers, streams, breaks
 * off and waits, time passes, and the server drains.
 *
 * Input: a byte that seeds the cuts and what happens between them, then what
 * the client sends behind its preface. */
#include <assert.h>

#include "support_net.c" /* a fuzz target is linked from one file */

static struct http_exchange *any_held(struct peer *peer, struct rng *rng)
{
    if (peer->held_count == 0)
        return NULL;
    size_t at = (size_t)rng_below(rng, peer->held_count);
    struct http_exchange *exchange = peer->held[at];
    peer->held[at] = peer->held[--peer->held_count];
    return exchange;
}

static void answer(struct http_exchange *exchange, struct rng *rng)
{
    static const char block[100000];
    uint64_t how = rng_below(rng, 4);
    if (how == 0) {
        http_respond(exchange, 200, NULL, 0, (struct str){block, (size_t)rng_below(rng, sizeof(block))});
        return;
    }
    if (how > 1) {
        http_respond_start(exchange, 200, NULL, 0);
        http_respond_write(exchange, (struct str){block, (size_t)rng_below(rng, sizeof(block))});
    }
    if (how == 2)
        http_respond_end(exchange);
    else
        http_respond_abort(exchange);
}

static void happen(struct peer *peer, struct rng *rng)
{
    struct http_exchange *exchange;
    switch (rng_below(rng, 12)) {
    case 0: peer_pass(peer, rng_below(rng, 40000)); break;
    case 1: peer->takes_nothing = !peer->takes_nothing; break;
    case 2:
        if (peer->protocol && rng_below(rng, 8) == 0)
            peer->protocol->ops->drain(peer->protocol);
        break;
    case 3:
        exchange = any_held(peer, rng);
        if (exchange && peer->protocol)
            answer(exchange, rng);
        break;
    default: break;
    }
    peer_pump(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer peer;
    struct rng rng;
    if (size < 1 || size > 100000)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    rng_seed(&rng, data[0]);
    peer_open(&peer, PROTOCOL_HTTP2);
    peer_give(&peer, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
    while (input.len > 0 && peer.protocol && peer.held_count < 100) {
        size_t step = 1 + (size_t)rng_below(&rng, rng_below(&rng, 2) ? 16 : 1000);
        peer_give(&peer, str_slice(input, 0, step));
        input = str_slice(input, step, input.len);
        happen(&peer, &rng);
    }
    peer_end(&peer);
    peer_close(&peer);
    assert(peer.host.body_bytes == 0);
    return 0;
}
