/* ledger_reconcile.h - `fulcrum ledger reconcile`: the ledger beside what a provider says was used. */
#ifndef CMD_LEDGER_RECONCILE_H
#define CMD_LEDGER_RECONCILE_H

/* argv[0] is `reconcile`. Exit status: 0 both agree, 1 something differs, 2 they could not be compared. */
int cmd_ledger_reconcile(int argc, char **argv);

#endif
