/* sigv4_chunks.h - the signatures inside an S3 body that is signed chunk by
 * chunk: each covers the one before it, the first that of the request.
 * One body, one thread at a time.
 * Source: "Signature calculations for the Authorization header: transferring
 * payload in multiple chunks", Amazon S3 API reference. */
#ifndef AUTH_SIGV4_CHUNKS_H
#define AUTH_SIGV4_CHUNKS_H

#include "auth/sigv4.h"

#define SIGV4_CHUNK_SCOPE_MAX 160

struct sigv4_chunks {
    uint8_t key[32];
    char timestamp[SIGV4_TIMESTAMP_LEN + 1];
    char scope[SIGV4_CHUNK_SCOPE_MAX];
    char previous[SIGV4_HEX_LEN + 1]; /* signature */
};

/* From the request's verified claim. False: it can't have been verified, or no memory. */
bool sigv4_chunks_init(struct sigv4_chunks *chunks, const struct sigv4_claim *claim, struct str secret);
/* True when `signature` is that of the next chunk, whose bytes have this SHA-256. */
bool sigv4_chunks_check(struct sigv4_chunks *chunks, const uint8_t digest[32], struct str signature);
/* The same for the trailer: "name:value\n" of each, in their order. */
bool sigv4_chunks_check_trailer(struct sigv4_chunks *chunks, struct str trailer, struct str signature);

#endif
