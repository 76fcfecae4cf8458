/* retry.h - what becomes of a request that an upstream did not answer: whether it
 * is tried again there, after how long, whether the upstream is left alone for a
 * while, and as which error the client sees it. Pure rules over a status, headers
 * and an error's name; any thread. docs/GATEWAY.md has the table. */
#ifndef UPSTREAM_RETRY_H
#define UPSTREAM_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

/* What the headers of a reply say about another try. */
struct retry_words {
    bool has_wait, has_should;
    uint64_t wait_ms;  /* by retry-after-ms, else by Retry-After: seconds or a date */
    bool should;       /* x-should-retry */
};
/* Values; data NULL: the header is not there. `now_s`: seconds since 1970. */
struct retry_words retry_read(struct str retry_after, struct str retry_after_ms, struct str should_retry,
                              uint64_t now_s);

/* "Please try again in 1.2s." and "in 350ms"; false: the text says no time. */
bool retry_read_text(struct str message, uint64_t *wait_ms);

/* What went wrong, by who has to do something about it. */
enum retry_cause {
    RETRY_THROTTLED,   /* too much at once */
    RETRY_SPENT,       /* the account there is used up */
    RETRY_OVERLOADED,  /* it has too much to do */
    RETRY_FAILED,      /* 5xx, or a broken reply */
    RETRY_LATE,
    RETRY_UNREACHED,
    RETRY_CREDENTIALS, /* it does not know us, or lets us not */
    RETRY_MISSING,     /* no such model or path there */
    RETRY_REFUSED,     /* it is the request's own fault */
    RETRY_CAUSES
};
extern const char *const retry_cause_names[RETRY_CAUSES]; /* for metrics and the log */

struct retry_verdict {
    enum retry_cause cause;
    bool may_repeat;    /* at the same upstream */
    uint64_t wait_ms;   /* before that; 0: as the course of tries has it */
    uint64_t cool_ms;   /* so long nobody should ask it; 0: go on */
    bool counts;        /* as a failure of the upstream, for its circuit breaker */
    enum error_code code; /* what the client sees */
};

/* Of a reply that is no success. `name`: the error's type or code, as the API calls it; may be empty. */
struct retry_verdict retry_judge(long status, struct str name, struct str message, const struct retry_words *words);
/* Of no reply, or one that broke off; is_sent: the request may have reached it. */
struct retry_verdict retry_judge_fault(enum retry_cause cause, bool is_sent);

/* Milliseconds before try number `try` (1: the first repetition), with `random` spread over a quarter. */
uint64_t retry_pause_ms(unsigned try, uint32_t random);

#define RETRY_WAIT_MAX_MS 10000 /* a longer wait is the client's, or another upstream's affair */

#endif
