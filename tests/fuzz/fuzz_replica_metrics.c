/* Metrics of local servers: any bytes give numbers within their bounds, or none.
 *
 * Input: a byte that chooses the server, the metrics. */
#include <assert.h>
#include <math.h>

#include "upstream/replica_metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(double value, double most)
{
    assert(isfinite(value) && (value == -1 || (value >= 0 && value <= most)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const enum upstream_server server = (enum upstream_server)(data[0] % (UPSTREAM_SERVER_LLAMA + 1));
    const struct replica_metrics said =
        replica_metrics_read(server, (struct str){(const char *)data + 1, size - 1});
    check(said.running, 1e6);
    check(said.waiting, 1e6);
    check(said.kv_use, 1);
    return 0;
}
