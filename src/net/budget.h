/* budget.h - what one I/O thread holds of request bodies, and how it is shared.
 *
 * limit(body_budget_bytes) bounds all bodies of a thread. So that nobody can hold all of it, every body also counts for
 * its owner (a tenant, named by the handler with http_set_owner) and for its client's address. An owner may hold as
 * much as is still free, an address three times that: one owner alone comes to a half, two to a third each, and whoever
 * comes next finds room. Bodies up to BUDGET_SMALL_BYTES may go three and seven times as far, and so may what is made
 * of a body that is whole; the last sixteenth of the budget is for small bodies alone. The only body of an owner may
 * always take what is free.
 *
 * Where there is no room, bodies that stand still give way first: those that received less than limit(body_rate_bytes)
 * a second of late, the slowest first, get 503.
 *
 * A share is the account of one owner or address, found by its name; it lives as long as somebody counts for it.
 * Owned by one I/O thread. */
#ifndef NET_BUDGET_H
#define NET_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

struct exchange;
struct protocol_host;

#define BUDGET_SMALL_BYTES ((size_t)65536)
#define SHARE_NAME_MAX 144
#define SHARE_BUCKETS 256

enum share_kind { SHARE_OWNER, SHARE_ADDRESS };

struct share {
    struct share *next; /* in its bucket */
    enum share_kind kind;
    size_t refs, body_bytes, connections;
    size_t len;
    char name[SHARE_NAME_MAX]; /* longer ones are cut */
};

/* NULL: no memory; then nothing is counted for it. */
struct share *share_take(struct protocol_host *host, enum share_kind kind, struct str name);
struct share *share_ref(struct share *share);                     /* one user more; NULL is legal */
void share_give(struct protocol_host *host, struct share *share); /* NULL is legal */

/* `more` bytes for the exchange; false: there is no room. */
bool budget_charge(struct exchange *exchange, size_t more);
void budget_give(struct exchange *exchange, size_t bytes); /* back, of what it holds */
void budget_give_back(struct exchange *exchange);          /* all of it */
void budget_leave(struct exchange *exchange);              /* the body is whole: it gives way to nobody */

/* The pace of a body. From its begin (or the end of a pause), time runs out in limit(body_timeout_ms), and each byte
 * gives some back: who is not slower than limit(body_rate_bytes) a second never runs out of it. */
void budget_pace_begin(struct exchange *exchange);
void budget_pace(struct exchange *exchange, size_t received);
bool budget_is_late(const struct exchange *exchange);

#endif
