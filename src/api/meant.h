/* meant.h - what a request is about, as far as its headers tell: whose signature it carries, and which operation its
 * path is. Found out once, at the headers (cmd/front.c), for whoever has to know: the choice between S3 and the API,
 * then the API itself. On the exchange's I/O thread. */
#ifndef API_MEANT_H
#define API_MEANT_H

#include "api/operations.h"
#include "auth/sigv4.h"
#include "net/http.h"

struct meant {
    const struct http_request *request;
    bool has_claim; /* it carries a signature that can be read */
    struct sigv4_claim claim;
    bool has_match;
    struct operations_match match;
};

void meant_read(struct meant *meant, struct http_exchange *exchange);

/* The operation; looked for when it is first asked. */
const struct operations_match *meant_match(struct meant *meant);

#endif
