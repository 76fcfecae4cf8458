/* check.h - whether ledger.db is still what was written: its pages and indices, and the checksum of each line and of
 * each price row. Reads beside a running server or without one, and changes nothing. One thread. */
#ifndef LEDGER_CHECK_H
#define LEDGER_CHECK_H

#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

enum ledger_damage_kind { LEDGER_DAMAGED_FILE, LEDGER_DAMAGED_LINE, LEDGER_DAMAGED_PRICE, LEDGER_DAMAGES };
extern const char *const ledger_damage_names[LEDGER_DAMAGES]; /* "file", "line", "price" */

struct ledger_damage {
    enum ledger_damage_kind kind;
    int64_t row;     /* of a line or price row: its number in the table */
    struct str name; /* of a line: request ID as it stands; of a price row: its name; of the file: what is wrong */
};

struct ledger_checked {
    uint64_t lines, prices; /* that were looked at */
    uint64_t unsealed;      /* lines of an earlier program that have no checksum so far */
    uint64_t damages;
};

/* `data` is the data directory; ERROR_NOT_FOUND: it has no ledger. `each` is called for every damage, strings are
 * valid inside. A file that can't be read to its end is a damage, too. */
enum error_code ledger_check(const char *data, void (*each)(void *ctx, const struct ledger_damage *damage), void *ctx,
                             struct ledger_checked *checked, struct error *error) WARN_UNUSED;

#endif
