/* handoff.c - see handoff.h. */
#include "core/handoff.h"

#include <assert.h>
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>

#include "core/util.h"

#define THREAD_NICE 10

void handoff_init(struct handoff *handoff)
{
    pthread_condattr_t monotonic;
    *handoff = (struct handoff){.first = NULL};
    pthread_mutex_init(&handoff->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&handoff->is_waiting, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void handoff_deinit(struct handoff *handoff)
{
    assert(!handoff->first);
    pthread_cond_destroy(&handoff->is_waiting);
    pthread_mutex_destroy(&handoff->mutex);
}

void handoff_leave(struct handoff *handoff, struct handoff_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&handoff->mutex);
    const bool was_empty = !handoff->first;
    *(was_empty ? &handoff->first : &handoff->last->next) = item;
    handoff->last = item;
    if (was_empty)
        pthread_cond_signal(&handoff->is_waiting);
    pthread_mutex_unlock(&handoff->mutex);
}

static void set(struct handoff *handoff, bool *flag)
{
    pthread_mutex_lock(&handoff->mutex);
    *flag = true;
    pthread_cond_signal(&handoff->is_waiting);
    pthread_mutex_unlock(&handoff->mutex);
}

void handoff_wake(struct handoff *handoff)
{
    set(handoff, &handoff->is_woken);
}

void handoff_close(struct handoff *handoff)
{
    set(handoff, &handoff->is_closing);
}

static void sleep_for(struct handoff *handoff, uint64_t us, bool ends_early)
{
    const uint64_t until_us = clock_now_us() + (us < UINT64_MAX / 2 ? us : 0);
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    int failure = 0;
    pthread_mutex_lock(&handoff->mutex);
    while (!handoff->is_closing && !(ends_early && (handoff->first || handoff->is_woken)) && failure == 0)
        failure = us == UINT64_MAX ? pthread_cond_wait(&handoff->is_waiting, &handoff->mutex)
                                   : pthread_cond_timedwait(&handoff->is_waiting, &handoff->mutex, &until);
    pthread_mutex_unlock(&handoff->mutex);
}

void handoff_wait(struct handoff *handoff, uint64_t us)
{
    sleep_for(handoff, us, true);
}

void handoff_pause(struct handoff *handoff, uint64_t us)
{
    sleep_for(handoff, us, false);
}

struct handoff_item *handoff_take(struct handoff *handoff, bool *is_closing)
{
    pthread_mutex_lock(&handoff->mutex);
    struct handoff_item *list = handoff->first;
    handoff->first = handoff->last = NULL;
    handoff->is_woken = false;
    *is_closing = handoff->is_closing;
    pthread_mutex_unlock(&handoff->mutex);
    return list;
}

void handoff_lower_thread(void)
{
    (void)setpriority(PRIO_PROCESS, 0, THREAD_NICE);
}
