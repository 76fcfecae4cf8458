/* responses_store.h - replies of Responses that clients may come back to, in DATA/responses.db: each with the items
 * that were asked and the one before it, for limit(responses_keep_ms), as long as its tenant keeps within
 * limit(responses) and limit(responses_bytes); then the oldest go. They outlive the process; a power cut may take the
 * last ones. Calls wait for the disk: they are for threads that may. Any of them. */
#ifndef API_OPENAI_RESPONSES_STORE_H
#define API_OPENAI_RESPONSES_STORE_H

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

struct responses;

enum error_code responses_open(const char *data, struct responses **responses, struct error *error) WARN_UNUSED;
void responses_close(struct responses *responses); /* NULL is legal */

struct response_kept {
    struct str previous; /* key of the reply before it; empty: there is none */
    struct str input;    /* JSON array of the items that were asked */
    struct str reply;    /* JSON object */
};

/* `key`: 32 hexadecimal digits. ERROR_UNAVAILABLE: there is no room on the disk. */
enum error_code responses_put(struct responses *responses, struct str tenant, struct str key,
                              const struct response_kept *kept, struct error *error) WARN_UNUSED;
/* Texts in the arena. ERROR_NOT_FOUND, also for another tenant's. */
enum error_code responses_get(struct responses *responses, struct str tenant, struct str key, struct arena *arena,
                              struct response_kept *kept, struct error *error) WARN_UNUSED;
enum error_code responses_delete(struct responses *responses, struct str tenant, struct str key,
                                 struct error *error) WARN_UNUSED;

#endif
