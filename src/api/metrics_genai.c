/* metrics_genai.c - see metrics_genai.h. */
#include "api/metrics_genai.h"

#include <inttypes.h>

#include "api/metrics.h"
#include "core/mem.h"

#define BUCKETS_MAX 17

static const char *const label_names[METRICS_LABELS_MAX] = {
    "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model", "error_type"};
enum { LABEL_MODEL_ASKED = 2 };

enum histogram { DURATION, FIRST_TOKEN, PER_TOKEN, HISTOGRAMS };

/* Upper bounds in microseconds, as the conventions want them; behind the last 0. */
static const struct {
    const char *name, *help;
    uint64_t bounds[BUCKETS_MAX];
} histograms[HISTOGRAMS] = {
    [DURATION] = {"gen_ai_server_request_duration_seconds", "From the request's first byte to the reply's last.",
                  {10000, 20000, 40000, 80000, 160000, 320000, 640000, 1280000, 2560000, 5120000, 10240000, 20480000,
                   40960000, 81920000}},
    [FIRST_TOKEN] = {"gen_ai_server_time_to_first_token_seconds",
                     "From the request's first byte to its first token, of requests that went well.",
                     {1000, 5000, 10000, 20000, 40000, 60000, 80000, 100000, 250000, 500000, 750000, 1000000, 2500000,
                      5000000, 7500000, 10000000}},
    [PER_TOKEN] = {"gen_ai_server_time_per_output_token_seconds",
                   "Between two tokens of a reply behind the first, its mean, of requests that went well.",
                   {10000, 25000, 50000, 75000, 100000, 150000, 200000, 300000, 400000, 500000, 750000, 1000000,
                    2500000}},
};

/* Counters of a row: of each histogram its buckets, then the sum of what it saw. */
enum { COUNTERS_EACH = BUCKETS_MAX + 1, COUNTERS = HISTOGRAMS * COUNTERS_EACH };

static size_t counter_of(enum histogram which, size_t bucket)
{
    return (size_t)which * COUNTERS_EACH + bucket;
}

static void observe(struct metrics_series *row, enum histogram which, uint64_t value_us)
{
    const uint64_t *bounds = histograms[which].bounds;
    size_t i = 0;
    while (bounds[i] && value_us > bounds[i])
        i++;
    metrics_add(&row->counts[counter_of(which, i)], 1);
    metrics_add(&row->counts[counter_of(which, BUCKETS_MAX)], value_us);
}

void metrics_genai_observe(struct metrics_rows *rows, const struct metrics_genai_request *request)
{
    const struct str labels[METRICS_LABELS_MAX] = {str_of(request->operation), str_of(request->provider),
                                                   request->model_asked, str_of(request->model),
                                                   str_of(request->error)};
    struct metrics_series *row = metrics_rows_find(rows, labels, LABEL_MODEL_ASKED, COUNTERS);
    if (!row)
        return;
    observe(row, DURATION, request->duration_us);
    if (request->error[0])
        return;
    observe(row, FIRST_TOKEN, request->first_token_us);
    if (request->output_tokens > 1)
        observe(row, PER_TOKEN, request->decode_us / (request->output_tokens - 1));
}

/* One histogram of rows with the same labels; nothing where it has seen nothing. */
static void append_one(struct buf *out, enum histogram which, struct metrics_series *const *same, size_t count)
{
    const char *name = histograms[which].name;
    const uint64_t *bounds = histograms[which].bounds;
    uint64_t buckets[BUCKETS_MAX], total = 0, sum = 0;
    for (size_t k = 0; k < BUCKETS_MAX; k++)
        total += buckets[k] = metrics_rows_sum(same, count, counter_of(which, k));
    if (total == 0)
        return;
    for (size_t k = 0; bounds[k]; k++) {
        sum += buckets[k];
        metrics_series_append(out, name, "_bucket", label_names, same[0]);
        buf_appendf(out, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds[k] / 1e6, sum);
    }
    metrics_series_append(out, name, "_bucket", label_names, same[0]);
    buf_appendf(out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
    metrics_series_append(out, name, "_sum", label_names, same[0]);
    buf_appendf(out, "} %.6f\n", (double)metrics_rows_sum(same, count, counter_of(which, BUCKETS_MAX)) / 1e6);
    metrics_series_append(out, name, "_count", label_names, same[0]);
    buf_appendf(out, "} %" PRIu64 "\n", total);
}

void metrics_genai_append(struct buf *out, struct metrics_rows *const *sets, size_t count)
{
    size_t row_count;
    struct metrics_series **list = metrics_rows_collect(sets, count, &row_count);
    if (!list) {
        out->failed = true;
        return;
    }
    for (unsigned which = 0; which < HISTOGRAMS; which++) {
        metrics_append_head(out, histograms[which].name, "histogram", histograms[which].help);
        for (size_t i = 0, same; i < row_count; i += same) {
            same = metrics_rows_same(&list[i], row_count - i);
            append_one(out, (enum histogram)which, &list[i], same);
        }
    }
    mem_free(list);
}
