/* hook.h - one POST of a notice to a web hook, signed.
 *
 *   content-type: application/json
 *   x-fulcrum-timestamp: 1764489600                    seconds since 1970, when it was sent
 *   x-fulcrum-signature: v1=HEX                        HMAC-SHA256 by the secret of "TIMESTAMP.BODY"
 *
 * A receiver computes the same over the bytes of the body, and refuses old timestamps. Blocks; any thread. */
#ifndef ALARM_HOOK_H
#define ALARM_HOOK_H

#include <stdatomic.h>

#include "core/error.h"
#include "core/str.h"

#define HOOK_SIGNATURE_LEN 67 /* "v1=" and 64 digits */

void hook_sign(struct str secret, uint64_t timestamp_s, struct str body, char out[HOOK_SIGNATURE_LEN + 1]);

/* `secret` empty: no signature. Redirects are not followed. ERROR_UNAVAILABLE says why it was not taken: any answer but
 * 2xx, or none. Ends early once *is_over is set. */
enum error_code hook_post(const char *url, struct str secret, struct str body, const atomic_bool *is_over,
                          struct error *error) WARN_UNUSED;

#endif
