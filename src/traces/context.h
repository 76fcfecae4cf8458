/* context.h - W3C trace context: which trace a request belongs to, as its headers `traceparent` and `tracestate` say,
 * and what they are for those behind us. Pure but for random IDs; any thread. */
#ifndef TRACES_CONTEXT_H
#define TRACES_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mem.h"
#include "core/str.h"

#define TRACE_ID_LEN 16
#define SPAN_ID_LEN 8
#define TRACEPARENT_LEN 55 /* "00-" 32 digits "-" 16 digits "-" 2 digits */
#define TRACESTATE_MEMBERS_MAX 32

struct trace_context {
    uint8_t trace_id[TRACE_ID_LEN];
    uint8_t span_id[SPAN_ID_LEN];   /* of our own span */
    uint8_t parent_id[SPAN_ID_LEN]; /* with has_parent */
    bool has_parent;
    bool is_sampled;
    bool is_random; /* the trace ID is, as far as anybody said */
    struct str state; /* tracestate as it came; empty: none */
};

/* Reads a traceparent of version 00, or what a later version has in common with it, into trace_id, parent_id, and the
 * flags. False: it is none, and *context is as it was. */
bool trace_context_parse(struct str traceparent, struct trace_context *context);

/* Whether a list of tracestate is well formed; one that is not must not be passed on. */
bool trace_state_is_valid(struct str state);

/* A trace of its own where context->has_parent is not set; our span's ID in any case. `share` is the part of the traces
 * that begin here which are sampled, 0 to 1; who has a parent follows it. */
void trace_context_begin(struct trace_context *context, double share);

/* traceparent, for those behind us. */
void trace_context_format(const struct trace_context *context, char out[TRACEPARENT_LEN + 1]);

#endif
