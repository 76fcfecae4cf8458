/* Trace context: any bytes are a traceparent or none, a tracestate or none; what is read is passed on as it was, and a
 * list that is taken has no member twice.
 *
 * Input: the traceparent, a line feed, the tracestate. */
#include <assert.h>
#include <string.h>

#include "traces/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(struct str text)
{
    char out[TRACEPARENT_LEN + 1];
    struct trace_context context = {0}, again = {0};
    if (!trace_context_parse(text, &context))
        return;
    assert(context.has_parent && text.len >= TRACEPARENT_LEN);
    trace_context_begin(&context, 1);
    trace_context_format(&context, out);
    assert(memcmp(out + 3, text.data + 3, 32) == 0);
    assert(trace_context_parse(str_of(out), &again));
    assert(memcmp(again.trace_id, context.trace_id, TRACE_ID_LEN) == 0);
    assert(memcmp(again.parent_id, context.span_id, SPAN_ID_LEN) == 0);
    assert(again.is_sampled == context.is_sampled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, parent = STR(""), state = STR("");
    (void)str_split(&rest, '\n', &parent);
    if (rest.data)
        state = rest;
    check_parent(parent);
    if (trace_state_is_valid(state))
        for (size_t i = 0; i < state.len; i++)
            assert(state.data[i] == '\t' || (state.data[i] >= ' ' && state.data[i] <= '~'));
    return 0;
}
