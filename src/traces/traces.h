/* traces.h - spans on their way to one receiver of OTLP over HTTP, as JSON.
 *
 * I/O threads leave finished spans in a queue and never wait. A thread of its own, at low priority, sends what has come
 * in a second as one request; what the receiver can't take now it tries again some times. What there is no room for,
 * and what the receiver refuses or never takes, is lost and counted: a receiver that is slow, or dead, costs traces and
 * nothing else. */
#ifndef TRACES_TRACES_H
#define TRACES_TRACES_H

#include "core/buf.h"
#include "core/error.h"
#include "traces/config.h"

struct traces;

#define TRACES_SPAN_BYTES_MAX (1u << 20) /* of a span; a longer one is lost */
#define TRACES_CLOSE_MS 2000

/* Starts the thread. `config` outlives it. traces_close sends what is there, for TRACES_CLOSE_MS at most. */
enum error_code traces_open(const struct traces_config *config, struct traces **traces,
                            struct error *error) WARN_UNUSED;
void traces_close(struct traces *traces); /* NULL is legal */

double traces_sample(const struct traces *traces); /* of the traces that begin here */
bool traces_has_content(const struct traces *traces);

/* Any thread: a span as span.h writes it. The buffer is empty after, and gone. */
void traces_leave(struct traces *traces, struct buf *span);

struct traces_counters {
    uint64_t sent;    /* spans that the receiver has taken */
    uint64_t dropped; /* spans that are lost */
    uint64_t queue_bytes;
};
void traces_counters(const struct traces *traces, struct traces_counters *counters); /* any thread; NULL: all 0 */

#endif
