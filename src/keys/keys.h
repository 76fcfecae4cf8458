/* keys.h - virtual keys and budgets of a server: the store, what of it lies in memory, and the thread that keeps both
 * together.
 *
 * Requests ask memory alone (ring.h, accounts.h). The thread looks five times a second whether somebody, say `fulcrum
 * keys`, has changed the store, and every few seconds takes in what the ledger has gained, so that the next start finds
 * the sums nearly made. Changes by this server are in force when the function returns. docs/GATEWAY.md. */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "alarm/alarms.h"
#include "keys/accounts.h"
#include "keys/rates.h"
#include "keys/ring.h"

struct keys;

struct keys_options {
    const struct config *config; /* with its data directory, whose ledger is open */
    struct alarms *alarms;       /* that alerts of budgets go through; NULL: the log alone is told */
};
/* Sums are as the ledger has them. All is borrowed. */
enum error_code keys_open(const struct keys_options *options, struct keys **keys, struct error *error) WARN_UNUSED;
void keys_close(struct keys *keys); /* NULL is legal */

const struct auth_keys *keys_auth(const struct keys *keys);
struct ring *keys_ring(const struct keys *keys);
struct accounts *keys_accounts(const struct keys *keys);
struct rates *keys_rates(const struct keys *keys);

/* --- changes, and what people are shown: each waits for the disk; any thread --- */

enum error_code keys_read(struct keys *keys,
                          enum error_code (*read)(void *ctx, struct key_store *store, struct error *error), void *ctx,
                          struct error *error) WARN_UNUSED;
/* `change` with the store; then what it did is in force, unless it failed. */
enum error_code keys_change(struct keys *keys,
                            enum error_code (*change)(void *ctx, struct key_store *store, struct error *error),
                            void *ctx, struct error *error) WARN_UNUSED;

/* Rows of /metrics. */
void keys_append_metrics(struct keys *keys, struct buf *out);

/* --- tags --- */

struct key_tag {
    struct str key, value;
};

/* The tags that a request counts for, as a JSON object of strings in the arena; "" for none: those of its key, of its
 * profile (such an object), and of its own those whose key has a budget. Of several with one key the first counts, in
 * this order: what a client says of itself never hides what its key says. */
enum error_code keys_tags(struct keys *keys, struct str key, struct str profile_tags, const struct key_tag *own,
                          size_t own_count, struct arena *arena, struct str *tags, struct error *error) WARN_UNUSED;

#endif
