/* charge.h - what one request is charged, as a line of the ledger. Whoever
 * serves requests fills in who asked and what was used; the ledger keeps it.
 * Pure functions, any thread. */
#ifndef GENERATE_CHARGE_H
#define GENERATE_CHARGE_H

#include "chat/chat.h"
#include "generate/target.h"
#include "ledger/line.h"

/* Who asked for what. Strings live as long as the charge. */
struct charge_subject {
    struct str request_id, tenant, dialect, operation;
    struct str model_requested; /* as asked for */
    struct str profile, tags;   /* of the application profile that was asked for; empty: none. See ledger/line.h */
};

struct charge {
    struct ledger_line line;
    struct price_path path;
};

/* `time_us`: clock_wall_us() when the request came. */
void charge_begin(struct charge *charge, const struct charge_subject *subject, const struct placement *placement,
                  enum tier tier, uint64_t time_us);

/* `usage` is what the client gets, NULL for nothing; `first_token_us` from the
 * request's first byte, LEDGER_NO_TOKEN when none came. */
void charge_end(struct charge *charge, enum ledger_outcome outcome, const struct chat_usage *usage,
                uint64_t latency_us, uint64_t first_token_us);

#endif
