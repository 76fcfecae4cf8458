/* make.h - from what somebody says of a key or a budget to rows of the store: the rules of names, times and amounts,
 * for the command line and the console's API alike. Errors are ERROR_INVALID and begin with the field. Any thread. */
#ifndef KEYS_MAKE_H
#define KEYS_MAKE_H

#include "keys/keys.h"

struct key_wish {
    struct str name;    /* empty: one is made */
    struct str tenant;  /* empty: "default" */
    struct str expires; /* so long from now: 12h, 30d; or a date or time, UTC; empty: never */
    const struct str *models; /* IDs, names, routers, patterns with *; none: all */
    size_t model_count;
    const struct key_tag *tags;
    size_t tag_count;
    uint64_t requests, tokens; /* a minute; 0: no bound */
};
/* Strings of the row lie in the arena; *secret is made. `config`: its tenants, if it has some, are all there are. */
enum error_code key_from_wish(const struct key_wish *wish, const struct config *config, uint64_t now_us,
                              struct arena *arena, struct key_secret *secret, struct key_row *row,
                              struct error *error) WARN_UNUSED;

/* Amounts of dollars by period; data NULL: the period is not spoken of, "0": no budget. */
struct budget_wish {
    struct subject subject;
    struct str amounts[BUDGET_PERIODS];
    struct str alert; /* empty: none; must be one of the configuration's actions */
};
/* Rows for key_store_set_budgets; their strings are the wish's. */
enum error_code budgets_from_wish(const struct budget_wish *wish, const struct config *config,
                                  struct budget_row rows[BUDGET_PERIODS], size_t *count,
                                  struct error *error) WARN_UNUSED;

enum error_code key_check_tenant(struct str tenant, const struct config *config, struct error *error) WARN_UNUSED;

#endif
