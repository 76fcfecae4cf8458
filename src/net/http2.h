/* http2.h - HTTP/2 by nghttp2 (RFC 9113), in memory.
 *
 * nghttp2 checks the protocol; this room adds what a server must bound itself:
 * header bytes, bodies per connection and per thread (windows open only as
 * bodies are taken in), resets caused by either side, time-outs per stream.
 * Handlers run after nghttp2 has returned, never inside its callbacks. */
#ifndef NET_HTTP2_H
#define NET_HTTP2_H

#include "net/protocol.h"

enum error_code http2_host_init(struct protocol_host *host, struct error *error) WARN_UNUSED;
void http2_host_deinit(struct protocol_host *host);
void http2_host_trim(struct protocol_host *host); /* frees the streams that are kept */

#endif
