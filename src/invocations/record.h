/* record.h - a request on its way to its record: what invocations.c collects, and the line that is made of it. */
#ifndef INVOCATIONS_RECORD_H
#define INVOCATIONS_RECORD_H

#include "core/buf.h"
#include "core/handoff.h"
#include "core/util.h"
#include "invocations/invocations.h"

#define RECORD_BODY_MAX (512u << 20) /* whatever limits say, that is what a buffer may have */
#define RECORD_LINE_MAX (64u << 20)

struct invocation {
    struct handoff_item link; /* in the queue; first */
    struct invocations *invocations;
    const struct settings *settings;
    uint64_t wall_us; /* when it began */
    size_t charged;   /* bytes of the queue's */
    bool is_lost;     /* there was no room */
    bool has_input, is_input_json;
    bool has_output; /* not of an error before the first token */
    bool has_events; /* `output` is an array that is still open */
    char request_id[UUID_LEN + 1];
    struct buf head; /* the record up to the content type of the input */
    struct buf input, output;
    uint64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
};

/* The members that need no body. */
void record_write_head(struct invocation *invocation, const struct invocation_facts *facts);

/* A body's place in the record, when it is not in the record itself. */
struct record_paths {
    struct str input, output; /* URIs; empty: the body is in the record, if there is one */
};

/* Appends the line. */
bool record_write(struct invocation *invocation, const struct record_paths *paths, struct buf *out);

#endif
