/* http1.h - HTTP/1.0 and 1.1 by llhttp, all lenient modes off.
 *
 * Stricter than llhttp where two readers of one byte stream could disagree
 * about where a request ends (request smuggling; RFC 9112, sections 2.2, 6.1,
 * 6.3 and 11.2): only `chunked` as transfer coding, none on HTTP/1.0, exactly
 * one Host on HTTP/1.1, known methods, version 1.0 or 1.1.
 *
 * Requests of one connection are handled one after the other. What a client
 * pipelines meanwhile is kept as bytes, and reading pauses when that is too
 * much; so does parsing while replies before are unread.
 *
 * A client that sends no more gets its replies. On the wire a half-closed
 * connection looks like a closed one until something is sent: while no reply
 * has begun, interim responses find out whether somebody still reads. */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "net/protocol.h"

void http1_host_trim(struct protocol_host *host); /* frees the objects that are kept */

#endif
