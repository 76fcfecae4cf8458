/* ledger_check.h - `fulcrum ledger check`: names what in ledger.db is not what was written. */
#ifndef CMD_LEDGER_CHECK_H
#define CMD_LEDGER_CHECK_H

#include <stdbool.h>

/* The command's exit status: CMD_FAILED where something is damaged, or cannot be looked at. */
int cmd_ledger_check(const char *data, bool is_json);

#endif
