/* line.h - one line of the ledger: all that is kept of one request. Strings
 * borrow. No allocation, any thread. */
#ifndef LEDGER_LINE_H
#define LEDGER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"
#include "ledger/price.h"
#include "store/journal.h"

enum ledger_outcome { LEDGER_COMPLETED, LEDGER_FAILED, LEDGER_CANCELLED, LEDGER_OUTCOMES };
extern const char *const ledger_outcome_names[LEDGER_OUTCOMES + 1]; /* "completed", ...; ends with NULL */

#define LEDGER_NO_TOKEN UINT64_MAX /* in first_token_us: none came */

struct ledger_line {
    struct str request_id; /* unique */
    struct str tenant;
    struct str dialect;   /* of the API: "bedrock" */
    struct str operation; /* "Converse" */
    struct str model_requested; /* as asked for */
    struct str model_invoked;   /* name of the model that answered */
    struct str price, baseline_price; /* names of price rows */
    struct str profile; /* ARN of the application inference profile that was asked for; empty: none... */
    struct str tags;    /* ...and its tags then, a JSON object of strings; empty: none */
    uint64_t time_us; /* clock_wall_us() when the request came */
    enum tier tier;
    enum ledger_outcome outcome;
    struct price_usage usage; /* what the client was given: nothing else is billed */
    uint64_t latency_us;      /* from the request's first byte to the reply's last */
    uint64_t first_token_us;  /* from the request's first byte */
    struct price_quote quote;
    uint32_t promised; /* the ledger's own, between accept and finish */
};

/* As the payload of a journal record. 0: its strings are too long. */
size_t ledger_line_encode(const struct ledger_line *line, uint8_t out[JOURNAL_RECORD_MAX]);
bool ledger_line_decode(struct str payload, struct ledger_line *line); /* strings point into the payload */

#endif
