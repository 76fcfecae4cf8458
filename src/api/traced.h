/* traced.h - what a request that asks a model for a reply leaves as a span (traces/traces.h), in the words of
 * OpenTelemetry's conventions for generative AI, and what its client learns of its trace. On the exchange's I/O thread.
 * NULL for `traced` means that traces are off; only traced_begin is ever called then. */
#ifndef API_TRACED_H
#define API_TRACED_H

#include "api/call.h"
#include "traces/traces.h"

struct traced;

/* Reads the trace that the client's headers name, or begins one, and gives the reply its headers. NULL: traces are off,
 * or memory is out. */
struct traced *traced_begin(struct api_call *call);

/* The reply has to be kept whole until its end. */
bool traced_wants_content(const struct traced *traced);

/* A line of the ledger; of several the last one tells of routes and caches, and all of costs. */
void traced_billed(struct traced *traced, const struct ledger_line *line);

/* How it ended. */
struct traced_end {
    const struct chat_request *request;
    bool is_read;                       /* all of the request is known */
    const struct placement *placement;  /* NULL: nobody has taken it */
    const struct chat_reply *reply;     /* whole; NULL: there is none */
    const char *error;                  /* error.type; NULL: it went well */
    int status;                         /* HTTP, of the error too */
    bool is_sent;                       /* the client has read a status: 200 of a stream that broke off */
};
void traced_end(struct traced *traced, struct api_call *call, const struct traced_end *end);

#endif
