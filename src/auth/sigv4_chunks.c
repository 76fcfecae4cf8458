/* sigv4_chunks.c - the chain of signatures of a body in chunks. The coding of the chunks themselves is s3/chunked.c.
 * See sigv4_chunks.h. */
#include "auth/sigv4_chunks.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "core/must.h"
#include "core/util.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

bool sigv4_chunks_init(struct sigv4_chunks *chunks, const struct sigv4_claim *claim, struct str secret)
{
    *chunks = (struct sigv4_chunks){0};
    if (claim->timestamp.len != SIGV4_TIMESTAMP_LEN || claim->signature.len != SIGV4_HEX_LEN)
        return false;
    memcpy(chunks->timestamp, claim->timestamp.data, SIGV4_TIMESTAMP_LEN);
    memcpy(chunks->previous, claim->signature.data, SIGV4_HEX_LEN);
    int len = snprintf(chunks->scope, sizeof(chunks->scope), STR_FMT "/" STR_FMT "/" STR_FMT "/aws4_request",
                       STR_ARG(claim->date), STR_ARG(claim->region), STR_ARG(claim->service));
    return len > 0 && (size_t)len < sizeof(chunks->scope) &&
           sigv4_signing_key(secret, claim->date, claim->region, claim->service, chunks->key);
}

/* Compares with the signature of `text`, and makes it the next one's predecessor. */
static bool check(struct sigv4_chunks *chunks, struct str text, struct str signature)
{
    uint8_t digest[SHA256_LEN];
    unsigned len = sizeof(digest);
    char hex[SIGV4_HEX_LEN + 1];
    HMAC(EVP_sha256(), chunks->key, (int)sizeof(chunks->key), (const unsigned char *)text.data, text.len, digest, &len);
    hex_encode(digest, sizeof(digest), hex);
    memcpy(chunks->previous, hex, sizeof(hex));
    return signature.len == SIGV4_HEX_LEN && CRYPTO_memcmp(hex, signature.data, SIGV4_HEX_LEN) == 0;
}

bool sigv4_chunks_check(struct sigv4_chunks *chunks, const uint8_t digest[32], struct str signature)
{
    char hex[SIGV4_HEX_LEN + 1], text[512];
    hex_encode(digest, SHA256_LEN, hex);
    int len = snprintf(text, sizeof(text), SIGV4_ALGORITHM "-PAYLOAD\n%s\n%s\n%s\n" EMPTY_SHA256 "\n%s",
                       chunks->timestamp, chunks->scope, chunks->previous, hex);
    must(len > 0 && (size_t)len < sizeof(text), "scope and hashes, whose lengths are checked before, fit",
         LOG_I("len", len));
    return check(chunks, (struct str){text, (size_t)len}, signature);
}

bool sigv4_chunks_check_trailer(struct sigv4_chunks *chunks, struct str trailer, struct str signature)
{
    uint8_t digest[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1], text[512];
    sha256(trailer, digest);
    hex_encode(digest, SHA256_LEN, hex);
    int len = snprintf(text, sizeof(text), SIGV4_ALGORITHM "-TRAILER\n%s\n%s\n%s\n%s", chunks->timestamp,
                       chunks->scope, chunks->previous, hex);
    must(len > 0 && (size_t)len < sizeof(text), "scope and hashes, whose lengths are checked before, fit",
         LOG_I("len", len));
    return check(chunks, (struct str){text, (size_t)len}, signature);
}
