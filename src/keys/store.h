/* store.h - virtual keys and budgets in DATA/state.db, for whoever has the directory: a server that runs, and
 * `fulcrum keys` beside it or without one. Of tokens only the SHA-256 is there.
 *
 *   api_key         a row for each key, revoked ones included
 *   key_budget      what may be spent: whose, in which period, how much
 *   key_revision    grows with each change of these two, so that a server sees them
 *   key_spent       what the ledger's lines cost: of each subject, by day; and up to which line that goes
 *   key_alert       which alerts were given
 *   key_master      the installation's secret (secret.h)
 *
 * A store belongs to one thread at a time. It waits for the disk. Rows lie in the arena that is given. */
#ifndef KEYS_STORE_H
#define KEYS_STORE_H

#include "core/mem.h"
#include "keys/secret.h"
#include "keys/subject.h"
#include "keys/window.h"
#include "ledger/query.h"
#include "store/state.h"

struct key_row {
    struct str id, name, tenant, hash, hint;
    struct str models; /* a JSON array of model IDs and patterns of them; "[]": every model */
    struct str tags;   /* a JSON object of strings */
    uint64_t requests, tokens; /* a minute; 0: as many as come */
    uint64_t created_us, expires_us, revoked_us; /* wall clock; 0: never */
};

struct budget_row {
    struct subject subject;
    enum budget_period period;
    uint64_t limit;   /* picodollars */
    struct str alert; /* action that alerts go to (alarm/config.h); empty: none */
};

struct key_store;
enum error_code key_store_open(const char *data, struct key_store **store, struct error *error) WARN_UNUSED;
void key_store_close(struct key_store *store); /* NULL is legal */

enum error_code key_store_begin(struct key_store *store, struct error *error) WARN_UNUSED;
/* Commits where `code` is OK, else takes all back and gives `code`. */
enum error_code key_store_end(struct key_store *store, enum error_code code, struct error *error) WARN_UNUSED;

enum error_code key_store_revision(struct key_store *store, int64_t *revision, struct error *error) WARN_UNUSED;
enum error_code key_store_master(struct key_store *store, uint8_t master[KEY_MASTER_LEN],
                                 struct error *error) WARN_UNUSED;

/* --- keys and budgets: each change is a transaction --- */

enum error_code key_store_keys(struct key_store *store, struct arena *arena, struct key_row **rows, size_t *count,
                               struct error *error) WARN_UNUSED;
/* With its budgets. ERROR_CONFLICT: the tenant has a key of this name that is not revoked. ERROR_QUOTA. */
enum error_code key_store_add(struct key_store *store, const struct key_row *key, const struct budget_row *budgets,
                              size_t budget_count, struct error *error) WARN_UNUSED;
/* The key of this ID, or the one of this name that is not revoked; of `tenant`, where its data is not NULL.
 * ERROR_NOT_FOUND, ERROR_CONFLICT where several tenants have one. */
enum error_code key_store_find(struct key_store *store, struct str name, struct str tenant, struct arena *arena,
                               struct key_row *key, struct error *error) WARN_UNUSED;
enum error_code key_store_revoke(struct key_store *store, struct str id, uint64_t now_us,
                                 struct error *error) WARN_UNUSED; /* twice is harmless */

enum error_code key_store_budgets(struct key_store *store, struct arena *arena, struct budget_row **rows,
                                  size_t *count, struct error *error) WARN_UNUSED;
/* All in one transaction; a limit of 0 takes the budget away. */
enum error_code key_store_set_budgets(struct key_store *store, const struct budget_row *budgets, size_t count,
                                      struct error *error) WARN_UNUSED;

/* --- what was spent: inside a transaction of the caller's where something changes --- */

enum error_code key_store_add_spent(struct key_store *store, const struct subject *subject, uint32_t day, uint64_t cost,
                                    struct error *error) WARN_UNUSED;
enum error_code key_store_spent(struct key_store *store, const struct subject *subject, const struct window *window,
                                ledger_sum *spent, struct error *error) WARN_UNUSED;
enum error_code key_store_forget_spent(struct key_store *store, uint32_t before_day, struct error *error) WARN_UNUSED;
enum error_code key_store_clear_spent(struct key_store *store, struct error *error) WARN_UNUSED;
/* Up to which row of the ledger that goes; -1: nothing was read. `mark` is ledger_follow_mark's. */
enum error_code key_store_through(struct key_store *store, int64_t *row, char *mark, size_t mark_size,
                                  struct error *error) WARN_UNUSED;
enum error_code key_store_set_through(struct key_store *store, int64_t row, const char *mark,
                                      struct error *error) WARN_UNUSED;

/* --- alerts --- */

/* Whether one was given of this budget, as alert.c names it, at this share in the period that begins then; and that one
 * was. */
enum error_code key_store_has_alert(struct key_store *store, struct str budget, uint32_t first_day, unsigned percent,
                                    bool *was_given, struct error *error) WARN_UNUSED;
enum error_code key_store_note_alert(struct key_store *store, struct str budget, uint32_t first_day, unsigned percent,
                                     struct error *error) WARN_UNUSED;

#endif
