/* accounts.h - what may be spent and what was, in memory: reserve before, settle after.
 *
 * A budget that is in force has an account. A request reserves in every account that holds for it what it may cost at
 * most, all at once or nowhere, and settles what it did cost. It is let in while something is left that nobody has
 * reserved. So an account goes over its limit by less than the cost of the one request that was let in last, however
 * many come at once.
 *
 * A line of the ledger counts in the period that its request came in, as it does when the sums are made again after a
 * restart. An account that begins while requests run counts those that came before it from the ledger alone
 * (accounts_take_late), later ones here: each once.
 *
 * One mutex, held for some hundred nanoseconds: any thread. Amounts are picodollars; times are clock_wall_us(). */
#ifndef KEYS_ACCOUNTS_H
#define KEYS_ACCOUNTS_H

#include "core/mem.h"
#include "keys/subject.h"
#include "keys/window.h"
#include "ledger/query.h"

enum account_source { ACCOUNT_OF_FILE, ACCOUNT_OF_STORE, ACCOUNT_SOURCES };
extern const char *const account_source_names[ACCOUNT_SOURCES]; /* "fulcrum.yaml", "keys" */

struct account_spec {
    struct subject subject;
    enum budget_period period;
    enum account_source source;
    uint64_t limit;
    struct str alert; /* action; empty: none */
};

struct accounts;
struct accounts *accounts_new(void); /* NULL: no memory */
void accounts_free(struct accounts *accounts); /* NULL is legal; nothing is reserved any more */

/* --- which ones there are: one thread at a time --- */

/* A turn: each that is to be is kept or, where accounts_keep says false, opened; then those that were neither close.
 * What is reserved in a closed one settles as before. */
void accounts_begin(struct accounts *accounts);
bool accounts_keep(struct accounts *accounts, const struct account_spec *spec);
/* `spent`: in `window`, by lines that the ledger has so far. */
enum error_code accounts_open(struct accounts *accounts, const struct account_spec *spec, const struct window *window,
                              ledger_sum spent, struct error *error) WARN_UNUSED;
void accounts_end(struct accounts *accounts);

/* A line that came into the ledger, of a request that came before `time_us`: for accounts that opened after it. */
void accounts_take_late(struct accounts *accounts, const struct subject *subject, uint64_t time_us, uint64_t cost);
uint64_t accounts_newest_us(const struct accounts *accounts); /* when the last one opened; 0: none did */

/* --- requests --- */

struct account;

/* What one request holds; zeroed: nothing. */
struct spending {
    struct account **held; /* in the request's arena */
    size_t count;
    uint64_t amount;
};

bool accounts_are_none(const struct accounts *accounts);
/* Whether a tag of this key may have an account. Hashes may agree: then more tags are told than need be. */
bool accounts_know_tag(struct accounts *accounts, struct str key);

/* ERROR_BUDGET: an account is spent, as the message says. ERROR_THROTTLED: what is left is reserved by requests that
 * run. ERROR_INVALID: too many hold for the request. An amount of 0 passes. */
enum error_code accounts_reserve(struct accounts *accounts, const struct subject *subjects, size_t count,
                                 uint64_t amount, uint64_t now_us, struct arena *arena, struct spending *spending,
                                 struct error *error) WARN_UNUSED;
/* The same of many requests at once: let in only where all of the amount is left. */
enum error_code accounts_reserve_whole(struct accounts *accounts, const struct subject *subjects, size_t count,
                                       uint64_t amount, uint64_t now_us, struct arena *arena,
                                       struct spending *spending, struct error *error) WARN_UNUSED;
/* The same of what will be paid in any case: it is never refused for want of room. */
enum error_code accounts_owe(struct accounts *accounts, const struct subject *subjects, size_t count, uint64_t amount,
                             uint64_t now_us, struct arena *arena, struct spending *spending,
                             struct error *error) WARN_UNUSED;
/* What it cost, by a line of a request that came at `time_us`; nothing is held any more. */
void accounts_settle(struct accounts *accounts, struct spending *spending, uint64_t cost, uint64_t time_us,
                     uint64_t now_us);

/* --- for people --- */

struct account_state {
    struct account_spec spec; /* strings in the arena */
    ledger_sum spent, reserved;
    struct window window;
    uint64_t refused; /* requests, since the account opened */
    unsigned percent; /* of an alert: 80 or 100 */
};
enum error_code accounts_list(struct accounts *accounts, uint64_t now_us, struct arena *arena,
                              struct account_state **states, size_t *count, struct error *error) WARN_UNUSED;
/* Those that have reached 80 or 100% since the last time it was asked. */
enum error_code accounts_take_alerts(struct accounts *accounts, uint64_t now_us, struct arena *arena,
                                     struct account_state **states, size_t *count, struct error *error) WARN_UNUSED;

/* "0.25", "1.00", "0.000001": dollars with two decimals at least, and no more zeros than these. */
#define DOLLARS_TEXT 64
const char *dollars_text(ledger_sum picodollars, char text[DOLLARS_TEXT]);

#endif
