/* bill.h - one request's line in the ledger, from admission to the reply's
 * end. Owned by the exchange's I/O thread. */
#ifndef API_BILL_H
#define API_BILL_H

#include "api/call.h"
#include "generate/charge.h"
#include "ledger/ledger.h"

/* Zero is a bill that was never opened. */
struct bill {
    struct charge charge; /* its strings live as long as the call */
    bool is_open;
};

/* Once the engine has taken the request. ERROR_UNAVAILABLE: the ledger cannot
 * promise its line, so the request must not be served. */
enum error_code bill_open(struct bill *bill, struct api_call *call, enum tier tier,
                          struct error *error) WARN_UNUSED;

/* Before the reply's last byte; `usage` is what the client gets, NULL for
 * nothing. Fills the call's cost, for header and log. ERROR_UNAVAILABLE: the
 * line could not be written, the reply must not be completed. A bill that is
 * not open stays as it is. */
enum error_code bill_close(struct bill *bill, struct api_call *call, enum ledger_outcome outcome,
                           const struct chat_usage *usage, struct error *error) WARN_UNUSED;

/* In place of bill_close: the engine refused the request after all, there will
 * be no line. */
void bill_drop(struct bill *bill, struct api_call *call);

#endif
