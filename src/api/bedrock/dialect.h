/* dialect.h - Amazon Bedrock's way of saying things: its errors, its two framings of a stream, and the operations of
 * its runtime and its control plane, which share all of that. Any thread. */
#ifndef API_BEDROCK_DIALECT_H
#define API_BEDROCK_DIALECT_H

#include "api/dialect.h"
#include "api/operations.h"

extern const struct dialect bedrock_dialect;

/* An event stream whose events are the codec's (ConverseStream), and one whose events are chunks that carry the
 * codec's payload in base64 (InvokeModelWithResponseStream). Their unions of exceptions differ. */
extern const struct dialect_framing bedrock_events, bedrock_chunks;

extern const struct operations_table bedrock_operations;

extern const struct absent_operation bedrock_absent[];

#endif
