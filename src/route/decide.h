/* decide.h - which of several models answers a request: one decision over quality and cost.
 *
 * Whoever asks has predicted each candidate's quality and priced what its answer will cost, with what it holds warm of
 * the prompt. Here nothing is asked and nothing is kept: the same numbers give the same decision, in well under a
 * microsecond. Pure functions, any thread. */
#ifndef ROUTE_DECIDE_H
#define ROUTE_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIDE_CANDIDATES_MAX 8
#define DECIDE_NONE SIZE_MAX

enum decide_rule {
    DECIDE_DIFFERENCE, /* the fallback, unless another is better by `difference` at least */
    DECIDE_TOLERANCE,  /* the cheapest of those that are worse than the best by `tolerance` at most */
    DECIDE_BUDGET,     /* the most of quality less `weight` for each dollar */
};

struct decide_candidate {
    double quality;     /* the chance that its answer is good enough */
    double uncertainty; /* of that: its standard deviation */
    double strength;    /* grows with the price of its tokens */
    uint64_t cost;      /* picodollars that the answer will take */
    uint64_t way_back;  /* picodollars more than now that it takes to come back in the next turn */
    uint32_t warm_tokens; /* of the prompt */
    bool is_out;        /* it can't take the request */
};

struct decide_terms {
    enum decide_rule rule;
    double difference, tolerance; /* 0 to 1 */
    double weight;                /* quality for a picodollar; INFINITY: whatever is cheapest */
    double margin;   /* 0 to 1: a conversation leaves a warm model for so much less cost, or so much more quality */
    size_t fallback; /* the candidate that answers when nothing is known */
    bool is_blind;   /* there are no qualities */
    bool has_past;   /* the request goes on with a conversation */
};

struct decision {
    size_t chosen;
    size_t by_text; /* what quality and cost alone would have chosen */
    size_t warmest; /* where the conversation is; DECIDE_NONE: nowhere */
    const char *reason; /* a word: docs/ROUTING.md lists them */
};

/* Candidates that are all out: the fallback, "too-long". */
void decide(const struct decide_terms *terms, const struct decide_candidate candidates[], size_t count,
            struct decision *decision);

/* What is believed of a candidate's quality: where the predictor is unsure of one that is not the strongest, as little
 * as may be. */
double decide_quality(const struct decide_candidate candidates[], size_t count, size_t index);

#endif
