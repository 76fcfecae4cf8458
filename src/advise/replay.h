/* replay.h - what a prompt cache would have kept, had marks been elsewhere: the requests of a log, in the order of
 * time, against the prefixes that those before them left.
 *
 * A policy says behind what a mark stands and how long a prefix lives after its last use. All policies are followed at
 * once, since which prefixes are touched does not depend on how long they live. Tokens of a prefix are those that the
 * model's tokenizer counts in its head, where that is known; what is left of the prompt's counted tokens is in
 * proportion to bytes. Memory: LIMIT_ADVISE_PREFIXES, those not used for an hour are dropped. One
 * thread. */
#ifndef ADVISE_REPLAY_H
#define ADVISE_REPLAY_H

#include "advise/intake.h"

enum replay_head {
    HEAD_SPLIT, /* behind what nearly all prompts of the template begin with */
    HEAD_WHOLE, /* behind the tools and the system prompt, as they are */
    HEAD_FIXED, /* the same once what changes in it is moved behind the mark */
    HEADS
};

struct replay_policy {
    bool is_today;    /* what the log counted */
    bool follows_marks; /* where the log's requests have theirs */
    enum replay_head head;
    bool has_tail;    /* one more mark, behind the last message */
    bool is_hour;     /* for an hour, else five minutes */
};
/* 0 is today, 1 today's marks replayed; the others from the simplest on. */
#define REPLAY_POLICIES (2 + HEADS * 2 * 2)
extern const struct replay_policy replay_policies[REPLAY_POLICIES];

struct replay_usage {
    double tokens[PRICE_CLASSES];
};

struct replay;
struct replay *replay_new(void); /* NULL: no memory */
void replay_free(struct replay *replay); /* NULL is legal */

/* The next request; usages[REPLAY_POLICIES], of those that can't be followed (no prompt, nothing to fix) today's. */
void replay_row(struct replay *replay, const struct intake *intake, const struct row *row, uint64_t time_us,
                struct replay_usage usages[REPLAY_POLICIES]);

uint64_t replay_dropped(const struct replay *replay); /* prefixes that there was no room for */

#endif
