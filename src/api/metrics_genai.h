/* metrics_genai.h - the histograms that OpenTelemetry's conventions for generative AI name for servers:
 * gen_ai.server.request.duration, gen_ai.server.time_to_first_token and gen_ai.server.time_per_output_token, in
 * Prometheus' form and with the conventions' boundaries. A set of rows for each thread (metrics_rows.h). */
#ifndef API_METRICS_GENAI_H
#define API_METRICS_GENAI_H

#include "api/metrics_rows.h"

struct metrics_genai_request {
    const char *operation, *provider; /* gen_ai.operation.name, gen_ai.provider.name */
    struct str model_asked;           /* gen_ai.request.model; empty: it was not understood */
    const char *model;                /* gen_ai.response.model; "": nobody answered */
    const char *error;                /* error.type; "": it went well, and what follows counts */
    uint64_t duration_us, first_token_us, decode_us, output_tokens;
};

/* At a request's end. The set's own thread. */
void metrics_genai_observe(struct metrics_rows *rows, const struct metrics_genai_request *request);

/* Any thread: what was counted by all sets. */
void metrics_genai_append(struct buf *out, struct metrics_rows *const *sets, size_t count);

#endif
