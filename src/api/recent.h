/* recent.h - what is known of requests that were answered lately and stands in no ledger: the candidates that a router
 * weighed, and the figures of x-fulcrum-cache. A ring in memory of the last RECENT_MAX requests of the API, about 2.5
 * MiB; what is older, and records of batch jobs, it does not know. Any thread; one short mutex. */
#ifndef API_RECENT_H
#define API_RECENT_H

#include "api/call.h"

#define RECENT_MAX 4096
#define RECENT_ROUTER_MAX 64 /* of its name, which is cut there */

struct recents;

/* What one of a router's models was thought to be worth for the request. */
struct recent_candidate {
    const char *model; /* lives as long as the registry */
    double quality, uncertainty;
    uint64_t cost; /* picodollars that its answer was expected to take */
    uint32_t prompt_tokens, warm_tokens, reply_tokens;
    bool fits; /* it could take the request */
};

struct recent {
    char request_id[UUID_LEN + 1];
    bool has_cache; /* of the prompt something is known */
    struct chat_cache_use cache;
    char router[RECENT_ROUTER_MAX + 1]; /* that was asked for; empty: none was */
    bool is_predicted;                /* qualities were known */
    size_t chosen, candidate_count;   /* 0: there was no choice */
    struct recent_candidate candidates[ROUTER_MODELS_MAX];
};

struct recents *recents_new(void); /* NULL: no memory */
void recents_free(struct recents *recents); /* NULL is legal */

/* A request has ended, however: once each. */
void recents_note(struct recents *recents, const struct api_call *call);

/* False: the ring does not have it (any more). */
bool recents_find(struct recents *recents, struct str request_id, struct recent *recent);

#endif
