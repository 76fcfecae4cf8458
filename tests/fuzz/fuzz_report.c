/* fuzz_report.c - any bytes as a provider's report, of each kind, compared with a ledger of no line: whatever is
 * read, each figure of it is missing there. Input: a byte that says kind and period, then the report. */
#include <assert.h>
#include <stddef.h>

#include "reconcile/compare.h"

#define HOUR_US UINT64_C(3600000000)

static enum error_code each(void *ctx, const struct compare_difference *difference, struct error *error)
{
    (void)ctx;
    (void)error;
    assert(difference->ours == 0 && difference->theirs != 0);
    assert(difference->why == WHY_MISSING_LINES || difference->why == WHY_EDGE || difference->why == WHY_NO_MODEL);
    assert(difference->measure < REPORT_MEASURES && difference->tier <= TIERS_PRICED);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t first = size > 0 ? data[0] : 0;
    const struct compare_settings settings = {.period_us = (first & 4 ? 24 : 1) * HOUR_US};
    struct compare *compare = compare_new(&settings);
    struct compare_sums sums;
    struct error error;
    assert(compare);
    const struct report_reader reader = {.kind = (enum report_kind)((first & 3) % REPORT_KINDS),
                                         .sink = {compare, compare_item, compare_bucket}};
    const struct str text = {(const char *)data + (size > 0), size > 0 ? size - 1 : 0};
    if (report_read_text(&reader, text, &error) == OK) {
        assert(compare_all(compare, each, NULL, &sums, &error) == OK);
        assert(sums.lines == 0 && sums.differences <= sums.figures);
    }
    compare_free(compare);
    return 0;
}
