/* ledger_focus.h - `fulcrum ledger export --focus`: the ledger as a FOCUS 1.2 cost and usage file, CSV. */
#ifndef CMD_LEDGER_FOCUS_H
#define CMD_LEDGER_FOCUS_H

#include "cmd/out_file.h"
#include "ledger/bill.h"

struct ledger_focus {
    struct bill_query query;
    const char *account; /* BillingAccountId */
};

enum error_code cmd_ledger_focus(struct ledger_view *view, const struct ledger_focus *focus, struct out_file *out,
                                 struct error *error) WARN_UNUSED;

#endif
