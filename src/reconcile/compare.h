/* compare.h - the ledger beside a provider's reports: by period and model, each class of tokens, requests and cost,
 * by tier where both know it; what differs, and why. Items first, then lines, each in any order. Its memory is
 * bounded by LIMIT_RECONCILE_CELLS. One thread. */
#ifndef RECONCILE_COMPARE_H
#define RECONCILE_COMPARE_H

#include "ledger/line.h"
#include "reconcile/report.h"

/* Why a figure differs, the first that fits. */
enum compare_why {
    WHY_NO_MODEL,       /* the provider's row names no model */
    WHY_EDGE,           /* the same is missing in one period and too much in the one beside it */
    WHY_MISSING_LINES,  /* the provider counted what the ledger does not have */
    WHY_MISSING_REPORT, /* the ledger has what the provider does not say */
    WHY_RETRIED,        /* tries that failed, and that the provider counted all the same */
    WHY_TIER,           /* the sum agrees, the tiers that it is in do not */
    WHY_CACHE_CLASS,    /* the prompts' sums agree; fresh, read and written tokens do not */
    WHY_ESTIMATED,      /* lines whose tokens nobody counted */
    WHY_ODD,            /* lines whose counts did not add up when they came */
    WHY_BROKEN_OFF,     /* lines that were cancelled or failed, of which the provider counted more */
    WHY_TOKENS,         /* of a cost: the tokens differ */
    WHY_NO_TOKENS,      /* of a cost: the report has no tokens to tell by */
    WHY_PRICE,          /* of a cost: the same tokens at another price */
    WHY_UNKNOWN,
    WHYS,
};
extern const char *const compare_why_names[WHYS];
extern const char *const compare_why_texts[WHYS]; /* what it means, and what to do about it */

/* Lines of a model and period that tell less than others. */
struct compare_evidence {
    uint64_t estimated, odd, broken_off, retries;
};

struct compare_difference {
    uint64_t period_us; /* when it begins */
    struct str model;   /* as the provider calls it, where it does; empty: its row names none */
    unsigned measure;   /* enum report_measure */
    enum tier tier;     /* TIERS_PRICED: of all */
    int64_t ours, theirs;
    enum compare_why why;
    struct compare_evidence evidence;
    struct str price;          /* of costs: the row that the first of our lines has; empty: none */
    bool has_prices;           /* they have several rows */
    int64_t our_rate, their_rate; /* of a class's cost: picodollars per million tokens; 0: nobody knows */
};

struct compare_settings {
    uint64_t period_us;       /* a day or an hour */
    uint64_t from_us, to_us;  /* what is compared; 0: what the reports cover */
    const struct str *upstreams; /* whose lines count, by the ledger's `provider` */
    size_t upstream_count;
    const struct str *same;   /* pairs of names of one model: the provider's, ours */
    size_t same_count;        /* of pairs */
    uint64_t tolerance;       /* millionths of the provider's figure that a figure may differ by */
};

struct compare;
struct compare *compare_new(const struct compare_settings *settings); /* keeps the pointer; NULL: no memory */
void compare_free(struct compare *compare);                          /* NULL is legal */

/* For struct report_sink. ERROR_TOO_LARGE: too many models and periods; ERROR_INVALID: its buckets are longer than the
 * periods. */
enum error_code compare_item(void *ctx, const struct report_item *item, struct error *error);
void compare_bucket(void *ctx, uint64_t from_us, uint64_t to_us);
/* For ledger_view_lines; lines of others, of other times and those for which nobody was asked are passed over. */
enum error_code compare_line(void *ctx, const struct ledger_line *line, struct error *error);

struct compare_sums {
    uint64_t from_us, to_us; /* what was compared; equal: the reports cover nothing */
    uint64_t lines, items;
    uint64_t figures, differences;
    uint64_t by_why[WHYS];   /* differences */
    int64_t ours[REPORT_MEASURES], theirs[REPORT_MEASURES];
    unsigned said;           /* bit by measure: what the reports have */
};

/* Calls `each` by model and period; what the reports do not say is not compared. An error of `each` ends it. */
enum error_code compare_all(struct compare *compare,
                            enum error_code (*each)(void *ctx, const struct compare_difference *difference,
                                                    struct error *error),
                            void *ctx, struct compare_sums *sums, struct error *error) WARN_UNUSED;

#endif
