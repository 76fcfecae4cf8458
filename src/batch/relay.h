/* relay.h - records of a job whose model lives at a provider that sells batches: they go there as batches of its own,
 * at its batch price, and come back as replies.
 *
 * A job's records for one model are cut into parts. What is done with a part is written into DATA/batch/JOB/relay.FENCE
 * before and after, each by one synced line:
 *
 *   built -> uploaded (where it is a file there) -> creating -> created -> fetched
 *                                                      given_up, from any but the last
 *
 * `creating` stands there before the provider is asked to make the batch. Who finds it without `created`, after a
 * kill or
 * a reply that never came, looks among the provider's batches for the part's before asking again; so a batch is made
 * and
 * paid once. A batch is looked at ever less often until it has ended, then its results are fetched, again from their
 * beginning where they break off. Each is then taken as the record's reply by the same work that would have asked the
 * provider, so it has its price, its line and its place in the results once (runner.h).
 *
 * Records that the provider did not get to (expired, cancelled, failed there) are asked as ordinary requests, once;
 * so are those of a part that is given up: the provider refuses it.
 *
 * relay_open is for a thread that may wait, while nobody else touches the job; the rest is the runner's. */
#ifndef BATCH_RELAY_H
#define BATCH_RELAY_H

#include "batch/runner.h"

struct relay;

/* Whether a model's records would be relayed: before one is read. */
bool relay_may(const struct active *active, const struct job_model *model);

/* With what earlier claims have begun; else what is to go is built. *relay NULL: nothing is relayed. ERROR_CANCELLED
 * once the job's is_cancelled is true. */
enum error_code relay_open(struct active *active, struct relay **relay, struct error *error) WARN_UNUSED;
void relay_free(struct relay *relay); /* what is under way is left as it is; NULL is legal */

void relay_tick(struct relay *relay, uint64_t now_us);
/* The job is to end: what is at the provider is cancelled, and what it has done till then is fetched. */
void relay_stop(struct relay *relay);
bool relay_is_over(const struct relay *relay); /* nothing is at the provider any more */
/* True once, after records have come back or are to be asked as ever. */
bool relay_has_news(struct relay *relay);

enum relay_place {
    RELAY_NONE,    /* it is asked as any other */
    RELAY_AWAY,
    RELAY_BACK,    /* its reply is here */
    RELAY_REFUSED, /* it is at fault itself, as the provider says */
};
enum relay_place relay_place_of(const struct relay *relay, uint64_t number);

/* Of one that is back: the provider's reply, JSON, appended to *out; of one that was refused: why. */
enum error_code relay_read(struct relay *relay, uint64_t number, struct buf *out, struct error *error) WARN_UNUSED;

#endif
