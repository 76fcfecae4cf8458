/* Labels of series: any text gives a text within the bounds that is UTF-8 where it was; without words it stays. */
#include <assert.h>
#include <math.h>

#include "api/monitoring/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct monitor_dimension dimension = {STR("ModelId"), STR("desk-large")};
    static const struct monitor_metric metric = {.namespace = STR("AWS/Bedrock"), .name = STR("Invocations"),
                                                 .dimensions = &dimension, .dimension_count = 1};
    static const double values[] = {1, (double)NAN, -2.5, 1e300};
    static const struct label_moment moment = {"123456789012", "eu-west-1", 1764500000, -5400};
    const struct str label = {(const char *)data, size};
    const struct label_series series = {&metric, STR("Sum"), STR("label"), 60, 1764400000, values, 4};
    struct arena arena;
    int64_t zone;
    arena_init(&arena, 1 << 16);
    const struct str text = label_expand(label, &moment, &series, &arena);
    assert(text.data && text.len <= LABEL_BYTES_MAX && str_is_utf8(text));
    if (!label_is_dynamic(label) && size <= LABEL_BYTES_MAX && str_is_utf8(label))
        assert(str_eq(text, label));
    if (label_zone(label, &zone))
        assert(zone > -86400 && zone < 86400);
    arena_deinit(&arena);
    return 0;
}
