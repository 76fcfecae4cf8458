/* Looks at a request's headers. */
#include "api/meant.h"

#include "api/monitoring/protocol.h"

void meant_read(struct meant *meant, struct http_exchange *exchange)
{
    struct error ignored; /* whoever identifies the caller reads it again, and says what is wrong */
    *meant = (struct meant){.request = &exchange->request};
    meant->has_claim = sigv4_is_signed(&exchange->request) &&
                       sigv4_read_claim(&exchange->request, &exchange->arena, &meant->claim, &ignored) == AUTH_OK;
}

const struct operations_match *meant_match(struct meant *meant)
{
    const struct str scope = meant->has_claim ? meant->claim.service : STR("");
    if (!meant->has_match && !monitoring_match(meant->request, scope, &meant->match))
        meant->match = operations_find(meant->request->method, meant->request->path);
    meant->has_match = true;
    return &meant->match;
}
