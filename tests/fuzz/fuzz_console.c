/* The console's API: any bytes are a Cookie header, the parameters of a question, and an answer's list that becomes
 * CSV. What is read of a cookie lies in it, a period goes forward, a page has a bounded size, and the quotes of
 * CSV are even.
 *
 * Input: the Cookie header, a line feed, the query, a line feed, JSON. */
#include <assert.h>

#include "api/console/query.h"
#include "api/console/reply.h"
#include "auth/cookie.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cookie(struct str text)
{
    struct http_header header = {STR("cookie"), text};
    const struct http_request request = {.headers = &header, .header_count = 1};
    const struct str value = cookie_get(&request, STR("fulcrum_session"));
    assert(!value.data || (value.data >= text.data && value.data + value.len <= text.data + text.len));
}

static void check_query(struct str query)
{
    static const char *const names[] = {"from", "to", "limit", "cursor", "sort", NULL};
    static const char *const sorts[] = {"time", "cost", NULL};
    struct http_exchange exchange = {.request.query = query};
    struct api_call call = {.exchange = &exchange};
    struct console_period period;
    struct console_page page;
    struct error error = {0};
    size_t which = 0;
    arena_init(&exchange.arena, 1 << 20);
    if (console_query_known(&call, names, &error) != OK)
        assert(error.code == ERROR_INVALID && error.message[0]);
    if (console_query_period(&call, 0, &period, &error) == OK)
        assert(period.from_us < period.to_us);
    if (console_query_page(&call, &page, &error) == OK)
        assert(page.limit >= 1 && page.limit <= CONSOLE_PAGE_MAX);
    if (console_query_choice(&call, "sort", sorts, &which, &error) == OK)
        assert(which < 2);
    arena_deinit(&exchange.arena);
}

static void check_csv(struct str json)
{
    struct buf out;
    struct error error;
    size_t quotes = 0;
    buf_init(&out, 1 << 22);
    if (console_csv(json, "rows", &out, &error) == OK) {
        for (size_t i = 0; i < out.len; i++)
            quotes += out.data[i] == '"';
        assert(quotes % 2 == 0);
        assert(out.len > 0 && out.data[out.len - 1] == '\n');
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, line;
    if (str_split(&rest, '\n', &line))
        check_cookie(line);
    if (str_split(&rest, '\n', &line))
        check_query(line);
    if (rest.data)
        check_csv(rest);
    return 0;
}
