/* view_internal.h - what queries need of a view, for query.c and follow.c alone. Lines lie
 * in temp.kept (ledger.db, with their row as n) and temp.late (the journal's
 * that ledger.db does not have), with all columns of this program. */
#ifndef LEDGER_VIEW_INTERNAL_H
#define LEDGER_VIEW_INTERNAL_H

#include "ledger/view.h"
#include "store/sql.h"

struct sql *view_sql(struct ledger_view *view);
bool view_has_sums(const struct ledger_view *view); /* false: an earlier program's file, which has lines only */

/* Takes in what the journal has gained, then sees one state of ledger.db until view_end. */
enum error_code view_begin(struct ledger_view *view, struct error *error) WARN_UNUSED;
void view_end(struct ledger_view *view);

/* A row whose columns are LEDGER_LINE_COLUMNS; strings lie in it. False: a bit has changed in a word that has to be one
 * of a few. */
bool view_read_line(struct sql_statement *row, struct ledger_line *line);

#endif
