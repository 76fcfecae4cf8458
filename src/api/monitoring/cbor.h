/* cbor.h - RFC 8949 as RPC v2 CBOR uses it, between bytes and the documents of shape.h.
 *
 * Read: integers of 64 bits, text, byte strings (as base64), arrays and maps of definite and indefinite length, half,
 * single and double floats, tag 1 (times, as their number); other tags are passed over. What JSON has no word for
 * (not a number, infinities, keys that are not text) is refused, as is anything deeper than LIMIT_JSON_DEPTH.
 * Written: definite lengths, the shortest integers, doubles, times as tag 1. Pure functions, any thread. */
#ifndef API_MONITORING_CBOR_H
#define API_MONITORING_CBOR_H

#include "api/monitoring/shape.h"
#include "core/buf.h"

/* The one item of `bytes`, as JSON text. ERROR_INVALID says at which byte it breaks a rule. No bytes are {}. */
enum error_code cbor_read(struct str bytes, struct buf *json, struct error *error) WARN_UNUSED;

/* Appends a document of this shape (NULL: of any). */
void cbor_append(struct buf *out, const struct shape *shape, yyjson_mut_val *value);

#endif
