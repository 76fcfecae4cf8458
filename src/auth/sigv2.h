/* sigv2.h - presigned links of AWS Signature Version 2, S3's old scheme. Some
 * SDKs still make them by default.
 *
 * The query has AWSAccessKeyId, Expires (seconds since 1970) and Signature,
 * the base64 of HMAC-SHA1 over
 *
 *   METHOD \n CONTENT-MD5 \n CONTENT-TYPE \n EXPIRES \n
 *   (x-amz-name:value \n, by name) PATH[?subresource[=value]&...]
 *
 * Headers count whether they stand among the headers or in the query. Of the
 * query's own parameters only subresources and overrides of the reply are
 * signed. There is no region, and no time but the last one at which the link
 * is good. Stateless, any thread.
 * Source: "Signing and authenticating REST requests", S3 user guide. */
#ifndef AUTH_SIGV2_H
#define AUTH_SIGV2_H

#include "auth/sigv4.h"

struct sigv2_claim {
    struct str key_id, expires, signature;
};

bool sigv2_is_presigned(const struct http_request *request);

/* Fills *claim with slices of the arena. Anything but AUTH_OK comes with *error. */
enum auth_problem sigv2_read_claim(const struct http_request *request, struct arena *arena, struct sigv2_claim *claim,
                                   struct error *error) WARN_UNUSED;

/* Checks time and signature. `now_s`: seconds since 1970. ERROR_NO_MEMORY comes with AUTH_DENIED. */
enum auth_problem sigv2_verify(const struct http_request *request, const struct sigv2_claim *claim, struct str secret,
                               uint64_t now_s, struct arena *arena, struct error *error) WARN_UNUSED;

#endif
