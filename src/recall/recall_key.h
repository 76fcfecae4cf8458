/* recall_key.h - which requests have the same answer: all of the neutral request that may change it, as SHA-256, and
 * which requests are never answered again.
 *
 * What says how the answer is sent (streamed or whole), who asks in what conversation, and in which tier it is served
 * is no part of it. Nodes that a target may get as they came are, member by member in their order, since the order of
 * a schema's members changes replies; so two APIs never share an answer. Pure functions, any thread. */
#ifndef RECALL_RECALL_KEY_H
#define RECALL_RECALL_KEY_H

#include "chat/chat.h"
#include "core/config.h"
#include "core/util.h"

struct recall_key {
    uint8_t hash[SHA256_LEN];
};

/* Why a request has no part in a response cache. */
enum recall_fit {
    RECALL_FITS,
    RECALL_TOOLS,     /* it has tools, and its route does not ask for them */
    RECALL_SAMPLED,   /* its temperature is above 0, likewise */
    RECALL_STATEFUL,  /* it goes on from an earlier reply, or its own is kept */
    RECALL_ELSEWHERE, /* a part of it lies where its contents may change: files, prompts and guardrails */
    RECALL_VERBATIM,  /* what is kept of an answer does not hold what it asks for */
    RECALL_FIT_COUNT,
};
extern const char *const recall_fit_words[RECALL_FIT_COUNT]; /* "", "tools", ... */

/* `is_greedy`: who answers takes the temperature that the request has where the client said none. */
enum recall_fit recall_fits(const struct chat_request *request, const struct config_recall *rules, bool is_greedy);

/* Whether an answer that ended so is kept. `is_bounded`: the request says its maximum of tokens itself. */
bool recall_keeps(enum chat_stop_reason stop, bool is_bounded);

/* Of the request, before anybody fills in what it left open. As slow as SHA-256 over all of it. False: no memory. */
bool recall_digest(const struct chat_request *request, uint8_t digest[SHA256_LEN]) WARN_UNUSED;

/* Tenants and routes apart. `route`: the router or model that was asked for; `model_id`: the ID that led there. */
bool recall_key_make(const uint8_t digest[SHA256_LEN], struct str tenant, struct str route, struct str model_id,
                     struct recall_key *key) WARN_UNUSED;

#endif
