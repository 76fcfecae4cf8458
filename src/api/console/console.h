/* console.h - the handlers of operations below /fulcrum, by file. On the exchange's I/O thread. */
#ifndef API_CONSOLE_H
#define API_CONSOLE_H

#include "api/call.h"

/* --- session.c --- */
void console_session_get(struct api_call *call);

#endif
