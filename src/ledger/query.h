/* query.h - sums over the ledger: of a time, of a tenant, by what lines have in
 * common. A question reads the sums that the writer keeps (summing.h), the
 * lines at the ends that fill no whole minute, those that are not summed yet,
 * and those that are still in the journal, so that each line counts once.
 *
 * Costs, on a million lines: some milliseconds for bounds on whole minutes.
 * Bounds inside of a minute read its lines. One thread for each view. */
#ifndef LEDGER_QUERY_H
#define LEDGER_QUERY_H

#include "ledger/view.h"

enum ledger_by {
    LEDGER_BY_NOTHING,
    LEDGER_BY_DAY, /* UTC, as are the next two */
    LEDGER_BY_HOUR,
    LEDGER_BY_MINUTE,
    LEDGER_BY_TENANT,
    LEDGER_BY_MODEL, /* that answered */
    LEDGER_BY_TIER,
    LEDGER_BY_OPERATION,
    LEDGER_BY_OUTCOME,
    LEDGER_BY_MISS, /* why the prompt did not come from the cache whole; empty: it did */
    LEDGER_BY_PROVIDER,
    LEDGER_BY_ROUTER,
    LEDGER_BY_KEY,     /* ID of the virtual key that asked; empty: another credential did */
    LEDGER_BY_PROFILE, /* application profile that was asked for; empty: none */
    LEDGER_BY_TAG,     /* value that its tag had then; empty: none */
    LEDGER_BYS,
};
extern const char *const ledger_by_names[LEDGER_BYS]; /* "total", "day", ..., "tag:" */
#define LEDGER_BY_WORDS                                                                                         \
    "day, hour, minute, tenant, model, tier, operation, outcome, miss, provider, router, key, profile, tag:KEY"

/* One of these names; behind "tag:" stands the tag's key, a part of `text`. */
bool ledger_by_parse(struct str text, enum ledger_by *by, struct str *tag);

struct ledger_query {
    uint64_t from_us, to_us; /* lines whose request came at `from` or later, before `to`; 0: whenever */
    struct str tenant;       /* data NULL: of all */
    struct str model;        /* that answered; likewise */
    enum ledger_by by;
    struct str tag; /* with LEDGER_BY_TAG: its key */
    /* 0: all groups, ascending by key. Else of periods the last so many up to `to`, those without a line left out;
     * of others so many at most, those that cost most, the dearest first. */
    uint32_t limit;
};

typedef __int128 ledger_sum; /* picodollars */

struct ledger_group {
    struct str key;
    uint64_t outcomes[LEDGER_OUTCOMES]; /* requests */
    struct price_usage usage;
    ledger_sum cost, baseline, saved[LEVERS];
    ledger_sum classes[PRICE_CLASSES]; /* of the cost; lines of earlier programs have none here */
    uint64_t touched[LEVERS]; /* requests that the lever made cheaper or dearer */
    uint64_t cache_hits;      /* requests that read at least one token from the cache */
    uint64_t attempts;
    uint64_t latency_us;                   /* of all requests together... */
    uint64_t first_token_us, first_tokens; /* ...likewise, of those that had a first token, and how many had */
};
uint64_t ledger_group_requests(const struct ledger_group *group);

/* `each` gets one group after the other, whose key is valid inside; it may end the query by an error of its own. */
enum error_code ledger_query(struct ledger_view *view, const struct ledger_query *query,
                             enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                     struct error *error),
                             void *ctx, struct error *error) WARN_UNUSED;

/* The same by one thing, over all there is. */
enum error_code ledger_view_groups(struct ledger_view *view, enum ledger_by by, struct str tag,
                                   enum error_code (*each)(void *ctx, const struct ledger_group *group,
                                                           struct error *error),
                                   void *ctx, struct error *error) WARN_UNUSED;

#endif
