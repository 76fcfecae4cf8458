/* eval_price.h - what a model's answers cost by this machine's configuration. One thread. */
#ifndef CMD_EVAL_PRICE_H
#define CMD_EVAL_PRICE_H

#include "core/config.h"
#include "ledger/price_book.h"

/* The row that a server with our configuration would price the model by; NULL: nobody knows its price. */
const struct price_row *eval_price_of(const struct config *config, struct price_book *book, const char *model);

#endif
