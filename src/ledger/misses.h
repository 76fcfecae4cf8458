/* misses.h - what prompts cost that did not come from the cache whole, by why they did not.
 *
 * Lost is what a request's prompt cost less what it would have cost had all of it been read from the cache: its tokens
 * of input, written and read by the rates of its own price row, tier and step, rounded as the bill rounds them, less
 * the same at the read price. So it is the most that a hit could have saved, in picodollars and exact. A request whose
 * price row the ledger does not have counts, and has lost nothing. One thread for each view. */
#ifndef LEDGER_MISSES_H
#define LEDGER_MISSES_H

#include "ledger/query.h"

#define LEDGER_MISS_LINES 100000 /* the newest of the time asked for that are looked at */
#define LEDGER_MISS_REASONS 16
#define LEDGER_MISS_REASON_MAX 32

struct ledger_misses {
    struct ledger_miss {
        char reason[LEDGER_MISS_REASON_MAX];
        uint64_t requests, tokens; /* tokens: of the prompts, that were not read */
        ledger_sum lost;
    } items[LEDGER_MISS_REASONS]; /* the dearest first */
    size_t count;
    uint64_t from_us; /* lines from then on were looked at: that asked for, unless there were too many */
};

/* Of lines from `from_us` on, before `to_us` (0: whenever), of a tenant (data NULL: of all). */
enum error_code ledger_misses(struct ledger_view *view, uint64_t from_us, uint64_t to_us, struct str tenant,
                              struct ledger_misses *misses, struct error *error) WARN_UNUSED;

#endif
