/* sigv4.h - AWS Signature Version 4, made and checked over one canonicaliser.
 *
 * The canonical request, which both sides hash and sign:
 *
 *   METHOD \n PATH \n QUERY \n (name:value \n for each signed header) \n
 *   name;name;... \n PAYLOAD-HASH
 *
 * PATH is the path as sent, normalised and percent-encoded once more; for S3
 * it is encoded once in all and never normalised. QUERY is sorted by encoded
 * name, then value. Repeated headers are joined by commas in their order, runs
 * of white space become one space. ":authority" is a header like any other:
 * clients on HTTP/2 sign it in place of "host".
 *
 * The signature stands in the Authorization header, or in the query
 * (presigned: X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders,
 * -Signature). Stateless, any thread.
 * Source: "AWS Signature Version 4 for API requests", IAM user guide. */
#ifndef AUTH_SIGV4_H
#define AUTH_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "net/http.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_SKEW_SECONDS 900
#define SIGV4_TIMESTAMP_LEN 16 /* 20150830T123600Z */
#define SIGV4_HEX_LEN 64

/* Why a request is refused; each dialect has its own words for it. */
enum auth_problem {
    AUTH_OK,
    AUTH_MISSING,       /* no credentials at all */
    AUTH_INCOMPLETE,    /* a part of the signature is missing or malformed */
    AUTH_UNKNOWN_KEY,   /* no such access key ID */
    AUTH_BAD_SIGNATURE, /* it isn't this request that was signed, or not with this key */
    AUTH_EXPIRED,       /* signed too long ago, or in the future */
    AUTH_DENIED,        /* no such API key */
};

struct sigv4_rules {
    bool is_s3;         /* path encoded once; the payload's hash is believed, for whoever takes the body to check */
    bool keeps_path;    /* dot segments and double slashes stay */
};
struct sigv4_rules sigv4_rules_of(struct str service);

/* What a signed request says of itself. Unchecked, but the credential has its
 * five parts. Slices of the request or of the arena. */
struct sigv4_claim {
    bool is_presigned;
    struct str key_id, date, region, service;
    struct str signed_headers, signature, timestamp;
    struct str expires; /* presigned: seconds, as text */
};

/* Does the request carry a signature of any version? */
bool sigv4_is_signed(const struct http_request *request);

/* Fills *claim. Anything but AUTH_OK comes with *error. */
enum auth_problem sigv4_read_claim(const struct http_request *request, struct arena *arena, struct sigv4_claim *claim,
                                   struct error *error) WARN_UNUSED;

/* What the body has to show, once it is there, of a request whose headers are in
 * order. The text is in the arena that was given; one thread at a time. */
struct sigv4_proof {
    enum { SIGV4_PROVEN, SIGV4_HASH_OWED, SIGV4_SIGNATURE_OWED } owed;
    struct str stated;    /* hash owed: what the headers say and the signature covers */
    struct str canonical; /* signature owed: the canonical request up to the payload's hash... */
    struct str scope;     /* ...and what stands before its own hash in the text that is signed */
    uint8_t key[32];
    char signature[SIGV4_HEX_LEN];
};

/* All that can be checked before the body: parts, time, and the signature where
 * the headers state the payload's hash. `now_s`: seconds since 1970. Error codes
 * are ERROR_INVALID, ERROR_DENIED, or ERROR_NO_MEMORY (with AUTH_DENIED). */
enum auth_problem sigv4_verify_head(const struct http_request *request, const struct sigv4_claim *claim,
                                    struct str secret, struct sigv4_rules rules, uint64_t now_s, struct arena *arena,
                                    struct sigv4_proof *proof, struct error *error) WARN_UNUSED;
enum auth_problem sigv4_verify_body(const struct sigv4_proof *proof, struct str body, struct error *error) WARN_UNUSED;

/* Both in one. */
enum auth_problem sigv4_verify(const struct http_request *request, const struct sigv4_claim *claim, struct str secret,
                               struct sigv4_rules rules, uint64_t now_s, struct arena *arena,
                               struct error *error) WARN_UNUSED;

struct sigv4_signer {
    struct str key_id, secret, region, service;
    struct str session_token; /* presigning only: else it is one of the headers */
    struct sigv4_rules rules;
    uint64_t now_s;
};

/* Appends the value of Authorization. Every header of the request is signed:
 * "host" or ":authority" and "x-amz-date" (sigv4_timestamp) must be among
 * them. The payload is hashed unless x-amz-content-sha256 says what it is. */
enum error_code sigv4_sign(const struct http_request *request, const struct sigv4_signer *signer, struct arena *arena,
                           struct buf *authorization, struct error *error) WARN_UNUSED;

/* Appends the whole query of the presigned request: its own, then the signature's. */
enum error_code sigv4_presign(const struct http_request *request, const struct sigv4_signer *signer, uint64_t expires_s,
                              struct arena *arena, struct buf *query, struct error *error) WARN_UNUSED;

/* The key that a day's signatures of one region and service are made with. False: no memory. */
bool sigv4_signing_key(struct str secret, struct str date, struct str region, struct str service, uint8_t key[32]);

void sigv4_timestamp(uint64_t now_s, char out[SIGV4_TIMESTAMP_LEN + 1]);

/* The canonicaliser itself, in sigv4_canonical.c. `query` stands in for
 * request->query; its X-Amz-Signature is left out. False: no memory. */
bool sigv4_canonical_request(const struct http_request *request, struct str query, struct str signed_headers,
                             struct str payload_hash, struct sigv4_rules rules, struct arena *arena, struct buf *out);
void sigv4_append_encoded(struct buf *out, struct str text, bool keep_slash);
/* Value of a query parameter, decoded to *room with a NUL behind it, which moves
 * on; data NULL without one. Room for the query's length and a byte per value. */
struct str sigv4_query_value(struct str query, struct str name, char **room);

#endif
