/* asking.h - one request to an upstream, through all its tries: the only place
 * that repeats one. What its bytes mean is the asker's affair, who says when a
 * reply can't be used (asking_retry) and when something of it has been shown to
 * somebody (asking_commit): from then on nothing is tried again. Where the upstream
 * has replicas, the next try is another's, at once; with none left it is the same
 * one's, after a pause.
 *
 *   asking_start -> on_reply -> on_bytes... -> on_end -> asking_answered
 *                      ^            |            |
 *                      +------------+------------+  asking_retry, or by itself
 *
 * on_failed is the last event, and the only one that may come first. Everything
 * runs on the transport's loop; no event comes before asking_start has returned. */
#ifndef UPSTREAM_ASKING_H
#define UPSTREAM_ASKING_H

#include "upstream/wire.h"

struct asking;

struct asking_setup {
    struct transport *transport;
    struct upstream *upstream;
    struct wire_ask ask;   /* its strings outlive the asking */
    const struct affinity_prefix *prefix; /* of its prompt, outlives the asking; NULL: it has none */
    uint64_t avoided;      /* bits of replicas that have it already, by another asking */
    bool has_elsewhere;    /* another target would be asked: nothing waits for the same replica here */
    struct str request_id; /* of ours, for the log; outlives the asking */
};

struct asking_events {
    /* A try is answered: what came of an earlier one counts no more. is_stream: in the kind's frames, else as JSON. */
    void (*on_reply)(void *ctx, const struct transfer_head *head, bool is_stream);
    void (*on_bytes)(void *ctx, struct str bytes);
    void (*on_end)(void *ctx); /* no more bytes come; the connection was ended in order */
    void (*on_failed)(void *ctx, const struct error *error);
};

/* NULL: refused at once, *error says why, with retry_s where that is known. */
struct asking *asking_start(struct asking_setup *setup, const struct asking_events *events, void *ctx,
                            struct error *error);
/* Once for each; what still runs is cancelled. */
void asking_end(struct asking *asking);

/* From on_bytes or on_end: the reply can't be used. True: it is asked again, on_reply or on_failed follows. False:
 * *error stands, in words for the client, and nothing follows. */
bool asking_retry(struct asking *asking, struct error *error);
void asking_commit(struct asking *asking);
void asking_answered(struct asking *asking); /* the reply is whole */

void asking_hold_back(struct asking *asking, bool holds); /* the reader is slow */
unsigned asking_repeats(const struct asking *asking);     /* tries besides the first */
struct replica *asking_replica(const struct asking *asking); /* that has it now, or had it last */

#endif
