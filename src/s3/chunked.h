/* chunked.h - the `aws-chunked` coding of S3 bodies, decoded as it comes.
 *
 *   chunk    hex size [;chunk-signature=64 hex] CRLF bytes CRLF
 *   last     0 [;chunk-signature=64 hex] CRLF
 *   trailer  (name:value CRLF)... and, when signed, x-amz-trailer-signature:64 hex CRLF
 *   end      CRLF
 *
 * A chunk's bytes are given on before its signature can be checked: what is
 * made of them must not count before the end. Memory: one line. Pure, one body,
 * one thread at a time.
 * Source: "Signature calculations for the Authorization header: transferring
 * payload in multiple chunks" and "... with trailing headers", S3 API reference. */
#ifndef S3_CHUNKED_H
#define S3_CHUNKED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define S3_CHUNK_LINE_MAX 1024
#define S3_TRAILERS_MAX 16

/* Each may say false: the body is refused. */
struct s3_chunked_sink {
    bool (*on_data)(void *ctx, struct str data);
    bool (*on_chunk_end)(void *ctx, struct str signature);        /* "" without one; also of the last, which is empty */
    bool (*on_trailer)(void *ctx, struct str name, struct str value); /* name in lower case */
    void *ctx;
};

enum s3_chunked_state {
    S3_CHUNK_SIZE,
    S3_CHUNK_DATA,
    S3_CHUNK_DATA_END,
    S3_CHUNK_TRAILER,
    S3_CHUNK_DONE,
};

enum s3_chunked_result {
    S3_CHUNKED_OK,
    S3_CHUNKED_MALFORMED,
    S3_CHUNKED_REFUSED, /* by the sink */
};

struct s3_chunked { /* zero is the beginning */
    enum s3_chunked_state state;
    enum s3_chunked_result failure;
    uint64_t left; /* of the chunk */
    unsigned trailers;
    size_t line_len, signature_len;
    char line[S3_CHUNK_LINE_MAX], signature[64];
};

enum s3_chunked_result s3_chunked_feed(struct s3_chunked *chunked, struct str data, const struct s3_chunked_sink *sink);
bool s3_chunked_is_done(const struct s3_chunked *chunked);

#endif
