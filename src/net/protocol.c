/* protocol.c - the choice between the versions by a connection's first bytes, and the calls that go to the one that
 * was chosen. See protocol.h. */
#include "net/protocol.h"

#include "net/exchange.h"
#include "net/http1.h"
#include "net/http2.h"

enum error_code protocol_host_init(struct protocol_host *host, struct error *error)
{
    return http2_host_init(host, error);
}

void protocol_host_trim(struct protocol_host *host)
{
    http1_host_trim(host);
    http2_host_trim(host);
}

void protocol_host_deinit(struct protocol_host *host)
{
    protocol_host_trim(host);
    http2_host_deinit(host);
}

enum protocol_kind protocol_detect(struct str first_bytes)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    _Static_assert(sizeof(preface) - 1 == PROTOCOL_PREFACE_LEN, "length of the client preface");
    size_t len = first_bytes.len < PROTOCOL_PREFACE_LEN ? first_bytes.len : PROTOCOL_PREFACE_LEN;
    if (len > 0 && memcmp(first_bytes.data, preface, len) != 0)
        return PROTOCOL_HTTP1;
    return len == PROTOCOL_PREFACE_LEN ? PROTOCOL_HTTP2 : PROTOCOL_UNDECIDED;
}

/* Only one thread writes a counter, so a plain read and write will do and cost no locked instruction. */
void protocol_count(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + more, memory_order_relaxed);
}
