/* span.c - see span.h. */
#include "traces/span.h"

#include <inttypes.h>
#include <math.h>

#include "core/util.h"

#define STATUS_ERROR 2
#define FLAG_SAMPLED 0x01u
#define FLAG_KNOWS_REMOTE 0x100u /* the next bit says something: */
#define FLAG_IS_REMOTE 0x200u    /* the parent is another process's */

static void append_id(struct buf *out, const char *key, const uint8_t *id, size_t len)
{
    char text[2 * TRACE_ID_LEN + 1];
    hex_encode(id, len, text);
    buf_appendf(out, "\"%s\":\"%s\"", key, text);
}

void span_begin(struct span *span, struct buf *out, const struct trace_context *context, struct str name,
                enum span_kind kind, uint64_t start_ns, uint64_t end_ns)
{
    *span = (struct span){.out = out};
    buf_append_char(out, '{');
    append_id(out, "traceId", context->trace_id, TRACE_ID_LEN);
    buf_append_char(out, ',');
    append_id(out, "spanId", context->span_id, SPAN_ID_LEN);
    if (context->has_parent) {
        buf_append_char(out, ',');
        append_id(out, "parentSpanId", context->parent_id, SPAN_ID_LEN);
    }
    if (context->state.len > 0) {
        buf_append_text(out, ",\"traceState\":");
        buf_append_json(out, context->state);
    }
    buf_appendf(out, ",\"flags\":%u,\"name\":",
                FLAG_KNOWS_REMOTE | (context->has_parent ? FLAG_IS_REMOTE : 0) |
                    (context->is_sampled ? FLAG_SAMPLED : 0));
    buf_append_json(out, name);
    buf_appendf(out, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64 "\""
                     ",\"attributes\":[", (int)kind, start_ns, end_ns);
}

static void begin_attribute(struct span *span, const char *key)
{
    buf_appendf(span->out, "%s{\"key\":\"%s\",\"value\":", span->attributes++ ? "," : "", key);
}

void span_text(struct span *span, const char *key, struct str value)
{
    begin_attribute(span, key);
    buf_append_text(span->out, "{\"stringValue\":");
    buf_append_json(span->out, value);
    buf_append_text(span->out, "}}");
}

void span_number(struct span *span, const char *key, int64_t value)
{
    begin_attribute(span, key);
    buf_appendf(span->out, "{\"intValue\":\"%" PRId64 "\"}}", value);
}

void span_real(struct span *span, const char *key, double value)
{
    if (!isfinite(value))
        return;
    begin_attribute(span, key);
    buf_appendf(span->out, "{\"doubleValue\":%.9g}}", value);
}

void span_flag(struct span *span, const char *key, bool value)
{
    begin_attribute(span, key);
    buf_appendf(span->out, "{\"boolValue\":%s}}", value ? "true" : "false");
}

void span_texts(struct span *span, const char *key, const struct str *values, size_t count)
{
    begin_attribute(span, key);
    buf_append_text(span->out, "{\"arrayValue\":{\"values\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_text(span->out, i ? ",{\"stringValue\":" : "{\"stringValue\":");
        buf_append_json(span->out, values[i]);
        buf_append_char(span->out, '}');
    }
    buf_append_text(span->out, "]}}}");
}

void span_end(struct span *span, bool is_error, struct str message)
{
    buf_append_text(span->out, "],\"status\":{");
    if (is_error) {
        buf_appendf(span->out, "\"code\":%d,\"message\":", STATUS_ERROR);
        buf_append_json(span->out, message);
    }
    buf_append_text(span->out, "}}");
}

void span_document_begin(struct buf *out, const struct span_source *source)
{
    struct span resource = {.out = out};
    buf_append_text(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    span_text(&resource, "service.name", str_of(source->service));
    span_text(&resource, "service.version", str_of(source->version));
    span_text(&resource, "service.instance.id", str_of(source->instance));
    buf_append_text(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":");
    buf_append_json(out, str_of(source->service));
    buf_append_text(out, ",\"version\":");
    buf_append_json(out, str_of(source->version));
    buf_append_text(out, "},\"spans\":[");
}

void span_document_end(struct buf *out)
{
    buf_append_text(out, "]}]}]}");
}
