/* replica_metrics.c - see replica_metrics.h. */
#include "upstream/replica_metrics.h"

#include <math.h>

#define REQUESTS_MAX 1e6 /* no server has more */

struct names {
    const char *running, *waiting, *kv_use;
    const char *kv_use_before; /* as older versions call it */
};

static const struct names servers[] = {
    [UPSTREAM_SERVER_VLLM] = {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
                              "vllm:gpu_cache_usage_perc"},
    [UPSTREAM_SERVER_SGLANG] = {"sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage", NULL},
    [UPSTREAM_SERVER_LLAMA] = {"llamacpp:requests_processing", "llamacpp:requests_deferred",
                               "llamacpp:kv_cache_usage_ratio", NULL},
};

/* NAME VALUE, NAME{LABELS} VALUE, either with a time behind it. */
static bool read_line(struct str line, const char *name, double *value)
{
    const struct str wanted = str_of(name);
    if (!name || !str_starts(line, wanted))
        return false;
    struct str rest = str_slice(line, wanted.len, line.len), number;
    if (rest.len == 0 || (rest.data[0] != '{' && rest.data[0] != ' '))
        return false;
    if (rest.data[0] == '{') {
        size_t end = rest.len; /* values of labels may have braces, too */
        while (end > 0 && rest.data[end - 1] != '}')
            end--;
        rest = str_slice(rest, end, rest.len);
    }
    rest = str_trim(rest);
    return str_split(&rest, ' ', &number) && str_to_double(number, value) && isfinite(*value) && *value >= 0;
}

static void add(double *sum, double value)
{
    *sum = fmin(REQUESTS_MAX, fmax(0, *sum) + value);
}

struct replica_metrics replica_metrics_read(enum upstream_server server, struct str text)
{
    const struct names *names = &servers[server];
    struct replica_metrics said = {-1, -1, -1};
    struct str line;
    while (str_split(&text, '\n', &line)) {
        double value;
        if (read_line(line, names->running, &value))
            add(&said.running, value);
        else if (read_line(line, names->waiting, &value))
            add(&said.waiting, value);
        else if (read_line(line, names->kv_use, &value) || read_line(line, names->kv_use_before, &value))
            said.kv_use = fmin(1, fmax(said.kv_use, value));
    }
    return said;
}
