/* migrate.h - tables of SQLite files from one version to the next: the one way
 * in which ledger.db and the rooms of state.db follow the program. One thread
 * per connection. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/sql.h"

struct migration {
    const char *room; /* whose tables these are, by the file's table `schema`; NULL: the file has one version */
    const char *const *steps; /* SQL; steps[v] leads from version v to v + 1. Of a release none is ever changed */
    size_t step_count;
};

/* Runs the steps that are missing, each in one transaction with its version: a
 * step that fails, or is interrupted, leaves the file as it was before it.
 * ERROR_INVALID: a later program made the tables, and nothing was touched. */
enum error_code migrate(struct sql *sql, const struct migration *migration, struct error *error) WARN_UNUSED;

#endif
