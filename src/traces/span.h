/* span.h - a span as OTLP's JSON has it (https://opentelemetry.io/docs/specs/otlp/, the protocol's JSON mapping):
 * IDs in hexadecimal, 64-bit numbers as strings of digits, enumerations as numbers. Appends to a buffer, whose failure
 * is sticky. Pure, any thread. */
#ifndef TRACES_SPAN_H
#define TRACES_SPAN_H

#include "core/buf.h"
#include "traces/context.h"

enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 }; /* the protocol's numbers */

struct span {
    struct buf *out;
    size_t attributes; /* so far */
};

/* `start_ns` and `end_ns` since 1970. Attributes follow, then span_end. */
void span_begin(struct span *span, struct buf *out, const struct trace_context *context, struct str name,
                enum span_kind kind, uint64_t start_ns, uint64_t end_ns);
void span_text(struct span *span, const char *key, struct str value);
void span_number(struct span *span, const char *key, int64_t value);
void span_real(struct span *span, const char *key, double value); /* left out where it is not finite */
void span_flag(struct span *span, const char *key, bool value);
void span_texts(struct span *span, const char *key, const struct str *values, size_t count);
void span_end(struct span *span, bool is_error, struct str message);

/* The document around spans, which stand between the two with commas between them. */
struct span_source {
    const char *service, *version; /* service.name, service.version */
    const char *instance;          /* service.instance.id */
};
void span_document_begin(struct buf *out, const struct span_source *source);
void span_document_end(struct buf *out);

#endif
