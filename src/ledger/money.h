/* money.h - sums of money as text, exact: picodollars as integers, and the same as dollars. Any thread. */
#ifndef LEDGER_MONEY_H
#define LEDGER_MONEY_H

#include "ledger/query.h"

#define MONEY_TEXT 64

/* The integer, however many digits it has; the result lies inside `text`. */
const char *money_picodollars(ledger_sum value, char text[MONEY_TEXT]);

/* "0.000380000000", always with twelve decimals. */
const char *money_dollars(ledger_sum value, char text[MONEY_TEXT]);

#endif
