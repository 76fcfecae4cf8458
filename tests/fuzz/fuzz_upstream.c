/* What an upstream says besides its replies: headers, the body of an error, when to come back. Any bytes have a verdict
 * that holds together, and what is read of them are slices of them.
 *
 * Input: a status of three digits, headers, a blank line, the body. */
#include <assert.h>

#include "core/json.h"
#include "upstream/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1448193780
#define DAY_MS 86400000u

static void check_words(const struct retry_words *words)
{
    assert(words->has_wait || words->wait_ms == 0);
    assert(words->wait_ms <= DAY_MS);
    assert(words->has_should || !words->should);
}

static void check_verdict(const struct retry_verdict *verdict)
{
    assert(verdict->cause < RETRY_CAUSES && verdict->code != OK);
    assert(verdict->wait_ms <= DAY_MS && verdict->cool_ms <= DAY_MS);
    if (verdict->cause == RETRY_CREDENTIALS || verdict->cause == RETRY_SPENT)
        assert(!verdict->may_repeat && verdict->code == ERROR_UNAVAILABLE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str all = {(const char *)data, size};
    uint64_t status = 0, wait_ms = 0;
    const ptrdiff_t blank = str_find(all, STR("\r\n\r\n"), 0);
    const size_t end = blank < 0 ? size : (size_t)blank, begin = size < 3 ? size : 3;
    (void)str_to_u64(str_slice(all, 0, 3), &status);
    const struct transfer_head head = {(long)status, str_slice(all, begin, end)};
    const struct str body = blank < 0 ? STR("") : str_slice(all, end + 4, size);
    yyjson_doc *doc;
    const struct wire_failure failure = wire_failure(&head, body, &doc);
    const struct retry_words words = retry_read(transfer_header(&head, "retry-after"),
                                                transfer_header(&head, "retry-after-ms"),
                                                transfer_header(&head, "x-should-retry"), NOW);
    check_words(&words);
    const struct retry_verdict verdict = retry_judge(head.status, failure.name, failure.message, &words);
    check_verdict(&verdict);
    if (retry_read_text(failure.message, &wait_ms))
        assert(wait_ms <= DAY_MS);
    const struct str id = wire_request_id(&head);
    assert(!id.data || (id.data >= all.data && id.data + id.len <= all.data + size));
    json_free(doc);
    return 0;
}
