/* state.h - DATA/state.db: what outlives a server besides the ledger, such as
 * jobs. Each room that keeps something there has tables and a schema version of
 * its own, so that rooms change independently. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/sql.h"

#define STATE_DB_FILE "state.db"

/* Opens DATA/state.db for writing, makes it where it is missing. */
enum error_code state_open(const char *data, struct sql **sql, struct error *error) WARN_UNUSED;

/* Brings the room's tables up to date: steps[v] leads from version v to v + 1,
 * each in a transaction. ERROR_INVALID: a newer program made them. */
enum error_code state_migrate(struct sql *sql, const char *room, const char *const *steps, size_t step_count,
                              struct error *error) WARN_UNUSED;

/* All of it for a room whose statements are fixed: opens, migrates, and prepares texts[i] as queries[i]. What was made
 * before a failure is the caller's to close. */
struct state_room {
    const char *name;
    const char *const *steps, *const *texts;
    size_t step_count, text_count;
};
enum error_code state_open_room(const char *data, const struct state_room *room, struct sql **sql,
                                struct sql_statement **queries, struct error *error) WARN_UNUSED;

#endif
