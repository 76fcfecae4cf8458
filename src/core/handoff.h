/* handoff.h - things that many threads leave and one thread takes, all there are at once: the way from I/O threads to
 * a thread of low priority that nobody waits for. Leaving costs a lock for the length of two assignments, and a wake-up
 * only where nothing was there. What may pile up is for its owner to bound. */
#ifndef CORE_HANDOFF_H
#define CORE_HANDOFF_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct handoff_item { /* first member of what is handed over */
    struct handoff_item *next;
};

struct handoff {
    pthread_mutex_t mutex;
    pthread_cond_t is_waiting;
    struct handoff_item *first, *last;
    bool is_closing, is_woken;
};

void handoff_init(struct handoff *handoff);
void handoff_deinit(struct handoff *handoff); /* once nobody leaves or takes anything any more; it must be empty */

/* Any thread. */
void handoff_leave(struct handoff *handoff, struct handoff_item *item);
void handoff_wake(struct handoff *handoff);  /* the thread comes back from handoff_wait */
void handoff_close(struct handoff *handoff); /* likewise, and from handoff_pause, for good */

/* The thread that takes, which these two let sleep: until there is something, it is woken, or `us` are over
 * (UINT64_MAX: never), and until `us` are over whatever comes. Neither sleeps once it is closed. */
void handoff_wait(struct handoff *handoff, uint64_t us);
void handoff_pause(struct handoff *handoff, uint64_t us);

/* All there is, in the order in which it came; NULL: nothing. */
struct handoff_item *handoff_take(struct handoff *handoff, bool *is_closing);

/* The calling thread, and it alone, lets others go first. */
void handoff_lower_thread(void);

#endif
