/* report_fetch.h - usage reports and bills from providers' addresses, page by page. Blocks. */
#ifndef CMD_REPORT_FETCH_H
#define CMD_REPORT_FETCH_H

#include "reconcile/report.h"

struct report_fetch {
    const struct report_reader *reader;
    const char *key_env;     /* the variable that has the key for administrators; NULL: the provider's usual one */
    uint64_t from_us, to_us; /* for addresses that ask for nothing themselves; 0: nobody said */
    bool is_hourly;
};

bool report_is_address(const char *where); /* http:// or https:// */

/* Asks for the address, and for the pages that follow it. One without a query is asked for the time, by model, tier and
 * class of tokens. Waits where the provider says so. ERROR_INVALID: it is no such report, or the key is missing;
 * ERROR_UNAVAILABLE: nobody answers, or refuses; the key is never in a message. */
enum error_code report_fetch(const struct report_fetch *fetch, const char *url, struct error *error) WARN_UNUSED;

#endif
