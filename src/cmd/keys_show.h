/* keys_show.h - what `fulcrum keys` prints. */
#ifndef CMD_KEYS_SHOW_H
#define CMD_KEYS_SHOW_H

#include "cmd/cmd_io.h"
#include "keys/make.h"

struct keys_command {
    struct config config;
    struct arena arena;
    struct key_store *store;
    struct buf out;
    bool is_json, has_config;
};

/* A budget with what was spent of it. */
struct keys_budget {
    struct budget_row row;
    enum account_source source;
    struct window window; /* of those that are in the data directory */
    uint64_t resets_us;
    ledger_sum spent;
};

struct keys_budgets {
    struct keys_budget *items; /* [count] */
    size_t count, cap;
};

/* A key that was just made, with its secrets: the token, and what stands beside its ID in an access key pair. */
void keys_show_new(struct keys_command *command, const struct key_row *key, struct str token, struct str access);
/* One that was revoked, now or (revoked_us) before. */
void keys_show_revoked(struct keys_command *command, const struct key_row *key);

/* Keys and budgets that were read, all or one tenant's (data not NULL); the budgets of one subject. */
void keys_show_rows(struct keys_command *command, const struct key_row *keys, size_t count,
                    const struct keys_budgets *budgets, struct str tenant);
void keys_show_subject(struct keys_command *command, const struct keys_budgets *budgets,
                       const struct subject *subject);

/* All keys and budgets of the data directory, or one tenant's (data not NULL). */
enum error_code keys_show_list(struct keys_command *command, struct str tenant, struct error *error) WARN_UNUSED;

/* Those of one subject. */
enum error_code keys_show_budgets(struct keys_command *command, const struct subject *subject,
                                  struct error *error) WARN_UNUSED;

#endif
