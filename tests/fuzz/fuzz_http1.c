/* HTTP/1.1: any bytes are answered or refused, and in the same way however the
 * network cuts them.
 *
 * Input: a byte that seeds the cuts, then what the client sends. */
#include <assert.h>

#include "support_net.c" /* a fuzz target is linked from one file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer whole, cut;
    struct rng rng;
    if (size < 1 || size > 100000)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    rng_seed(&rng, data[0]);
    peer_open(&whole, PROTOCOL_HTTP1);
    peer_open(&cut, PROTOCOL_HTTP1);
    if (input.len > 0)
        peer_give(&whole, input);
    peer_give_randomly(&cut, input, &rng);
    assert(whole.end == cut.end);
    assert(str_eq(buf_str(&whole.log), buf_str(&cut.log)));
    assert(str_eq(buf_str(&whole.sent), buf_str(&cut.sent)));
    size_t held = whole.held_count;
    peer_end(&whole);
    peer_end(&cut);
    assert(whole.end == cut.end);
    peer_close(&whole);
    peer_close(&cut);
    assert(whole.closes == held && cut.closes == held);
    assert(whole.host.body_bytes == 0 && cut.host.body_bytes == 0);
    return 0;
}
