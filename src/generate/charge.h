/* charge.h - what one request is charged, as a line of the ledger. Whoever
 * serves requests fills in who asked and what was used; the ledger keeps it.
 * Pure functions, any thread. */
#ifndef GENERATE_CHARGE_H
#define GENERATE_CHARGE_H

#include "chat/cache_use.h"
#include "chat/chat.h"
#include "generate/target.h"
#include "ledger/line.h"

/* Who asked for what. Strings live as long as the charge. */
struct charge_subject {
    struct str request_id, tenant, dialect, operation;
    struct str model_requested; /* as asked for */
    struct str key; /* ID of the virtual key; empty: another credential */
    struct str profile, tags;   /* of the application profile that was asked for; empty: none. See ledger/line.h */
    bool is_shadow;             /* nobody did: a router learns from the answer, and the lever of that pays for it */
};

struct charge {
    struct ledger_line line;
    struct price_path path;
    bool is_shadow, is_again;
};

/* `time_us`: clock_wall_us() when the request came. */
void charge_begin(struct charge *charge, const struct charge_subject *subject, const struct placement *placement,
                  struct str session, enum tier tier, uint64_t time_us);

/* Where the request went, once that is final, and what the prompt cache did there; before charge_end. */
void charge_place(struct charge *charge, const struct placement *placement, const struct chat_cache_use *cache);

/* Of an answer that was made again: nobody asked for it, so its baseline is nothing; its score is the chance that it
 * was right. After charge_place. */
void charge_doubt(struct charge *charge, struct str request_id, const struct price_row *none, double chance);

/* The conversation or task that a client counts the request to: its metadata `session`, `sessionId`, `session_id` or
 * `session-id`, the first of them; empty: it says none. Borrows from the request. */
struct str charge_session(const struct chat_request *request);

/* `usage` is what the client gets, NULL for nothing; `first_token_us` from the
 * request's first byte, LEDGER_NO_TOKEN when none came. */
void charge_end(struct charge *charge, enum ledger_outcome outcome, const struct chat_usage *usage,
                uint64_t latency_us, uint64_t first_token_us);

/* The ledger's word for why a prompt did not come from the cache whole; empty: it did. */
struct str charge_miss_word(enum chat_cache_miss miss);

/* What a reply used, by classes of price. */
struct price_usage charge_usage(const struct chat_usage *usage);

#endif
