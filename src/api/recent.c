/* recent.c - a ring under one mutex, searched from its newest end. See recent.h. */
#include "api/recent.h"

#include <pthread.h>
#include <stdio.h>

struct recents {
    pthread_mutex_t mutex;
    size_t count, next; /* entries that were ever put, up to RECENT_MAX; where the next one goes */
    struct recent items[RECENT_MAX];
};

struct recents *recents_new(void)
{
    struct recents *recents = mem_calloc(1, sizeof(*recents));
    if (recents)
        (void)pthread_mutex_init(&recents->mutex, NULL);
    return recents;
}

void recents_free(struct recents *recents)
{
    if (!recents)
        return;
    (void)pthread_mutex_destroy(&recents->mutex);
    mem_free(recents);
}

static struct recent_candidate candidate_of(const struct route *route, size_t i)
{
    const struct decide_candidate *candidate = &route->candidates[i];
    return (struct recent_candidate){
        .model = route->targets[route->places[i]].name,
        .quality = candidate->quality,
        .uncertainty = candidate->uncertainty,
        .cost = candidate->cost,
        .prompt_tokens = route->prompt_tokens[i],
        .warm_tokens = candidate->warm_tokens,
        .reply_tokens = route->reply_tokens[i],
        .fits = !candidate->is_out,
    };
}

static void fill_route(struct recent *recent, const struct route *route)
{
    (void)snprintf(recent->router, sizeof(recent->router), STR_FMT, STR_ARG(route->router.name));
    recent->is_predicted = route->is_predicted;
    recent->chosen = route->decision.chosen;
    recent->candidate_count = route->candidate_count;
    for (size_t i = 0; i < route->candidate_count; i++)
        recent->candidates[i] = candidate_of(route, i);
}

void recents_note(struct recents *recents, const struct api_call *call)
{
    struct recent recent = {.has_cache = call->has_cache, .cache = call->cache};
    if (!call->has_cache && !call->route)
        return;
    memcpy(recent.request_id, call->request_id, sizeof(recent.request_id));
    if (call->route)
        fill_route(&recent, call->route);
    (void)pthread_mutex_lock(&recents->mutex);
    recents->items[recents->next] = recent;
    recents->next = (recents->next + 1) % RECENT_MAX;
    recents->count += recents->count < RECENT_MAX;
    (void)pthread_mutex_unlock(&recents->mutex);
}

bool recents_find(struct recents *recents, struct str request_id, struct recent *recent)
{
    bool is_found = false;
    (void)pthread_mutex_lock(&recents->mutex);
    for (size_t i = 1; i <= recents->count && !is_found; i++) {
        const struct recent *item = &recents->items[(recents->next + RECENT_MAX - i) % RECENT_MAX];
        is_found = str_eq(request_id, str_of(item->request_id));
        if (is_found)
            *recent = *item;
    }
    (void)pthread_mutex_unlock(&recents->mutex);
    return is_found;
}
