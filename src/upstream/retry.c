/* retry.c - see retry.h. */
#include "upstream/retry.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MAX_MS (24.0 * 3600 * 1000) /* longer ones are no less than for ever */
#define COOL_SPENT_MS 300000
#define COOL_CREDENTIALS_MS 30000
#define COOL_THROTTLED_MAX_MS 300000
#define PAUSE_FIRST_MS 250u
#define PAUSE_MAX_MS 4000u
#define TEXT_MAX 64

const char *const retry_cause_names[RETRY_CAUSES] = {
    [RETRY_THROTTLED] = "throttled",     [RETRY_SPENT] = "spent",     [RETRY_OVERLOADED] = "overloaded",
    [RETRY_FAILED] = "failed",           [RETRY_LATE] = "late",       [RETRY_UNREACHED] = "unreached",
    [RETRY_CREDENTIALS] = "credentials", [RETRY_MISSING] = "missing", [RETRY_REFUSED] = "refused",
};

/* --- headers ---------------------------------------------------------------------------------------- */

static bool read_number(struct str text, double scale, uint64_t *ms)
{
    double value;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789.eE+- ", text.data[i])) /* hexadecimal is for nobody's header */
            return false;
    if (!str_to_double(str_trim(text), &value) || !(value >= 0))
        return false;
    *ms = (uint64_t)ceil(fmin(value * scale, WAIT_MAX_MS));
    return true;
}

/* A date of HTTP, in any of its three forms,
 * which have a time of day; one that has passed is no wait. */
static bool read_date(struct str text, uint64_t now_s, uint64_t *ms)
{
    char date[TEXT_MAX];
    if (text.len >= sizeof(date) || str_find_char(text, ':', 0) < 0)
        return false;
    (void)snprintf(date, sizeof(date), STR_FMT, STR_ARG(text));
    const time_t then = curl_getdate(date, NULL);
    if (then < 0)
        return false;
    const double left = (double)then - (double)now_s;
    *ms = left > 0 ? (uint64_t)fmin(left * 1000, WAIT_MAX_MS) : 0;
    return true;
}

struct retry_words retry_read(struct str retry_after, struct str retry_after_ms, struct str should_retry,
                              uint64_t now_s)
{
    struct retry_words words = {0};
    words.has_wait = (retry_after_ms.data && read_number(retry_after_ms, 1, &words.wait_ms)) ||
                     (retry_after.data && (read_number(retry_after, 1000, &words.wait_ms) ||
                                           read_date(str_trim(retry_after), now_s, &words.wait_ms)));
    words.should = str_eq_nocase(should_retry, STR("true"));
    words.has_should = words.should || str_eq_nocase(should_retry, STR("false"));
    return words;
}

bool retry_read_text(struct str message, uint64_t *wait_ms)
{
    static const struct str begin = {"try again in ", sizeof("try again in ") - 1};
    const ptrdiff_t at = str_find(message, begin, 0);
    const struct str rest = at < 0 ? STR("") : str_slice(message, (size_t)at + begin.len, message.len);
    size_t digits = 0;
    while (digits < rest.len && digits < TEXT_MAX && (rest.data[digits] == '.' || (rest.data[digits] >= '0' &&
                                                                                   rest.data[digits] <= '9')))
        digits++;
    struct str number = str_slice(rest, 0, digits), unit = str_slice(rest, digits, rest.len);
    while (number.len > 0 && number.data[number.len - 1] == '.')
        number.len--;
    if (str_starts(unit, STR("ms")))
        return read_number(number, 1, wait_ms);
    if (str_starts(unit, STR("s")))
        return read_number(number, 1000, wait_ms);
    return str_starts(unit, STR("m")) && read_number(number, 60000, wait_ms);
}

/* --- the table -------------------------------------------------------------------------------------- */

/* Names by which providers say that waiting won't help: a budget of theirs is used up. */
static bool is_spent(struct str name, struct str message)
{
    static const char *const names[] = {
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
        "billing_error", "enforced_spend_limit_reached", "contract_spend_limit_reached", "budget_exceeded"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return str_find(message, STR("API usage limits"), 0) >= 0;
}

struct retry_verdict retry_judge_fault(enum retry_cause cause, bool is_sent)
{
    struct retry_verdict verdict = {.cause = cause, .may_repeat = true, .counts = true, .code = ERROR_UNAVAILABLE};
    if (cause == RETRY_LATE) {
        verdict.may_repeat = !is_sent; /* what has run into a timeout once runs into it again, and may be billed */
        verdict.code = ERROR_TIMEOUT;
    }
    return verdict;
}

static struct retry_verdict judge_throttled(struct str message, const struct retry_words *words)
{
    struct retry_verdict verdict = {.cause = RETRY_THROTTLED, .may_repeat = true, .code = ERROR_THROTTLED};
    bool has_wait = words->has_wait;
    verdict.wait_ms = words->wait_ms;
    if (!has_wait)
        has_wait = retry_read_text(message, &verdict.wait_ms);
    if (has_wait)
        verdict.cool_ms = verdict.wait_ms < COOL_THROTTLED_MAX_MS ? verdict.wait_ms : COOL_THROTTLED_MAX_MS;
    return verdict;
}

static struct retry_verdict judge_status(long status, struct str name, struct str message,
                                         const struct retry_words *words)
{
    const struct retry_verdict refused = {.cause = RETRY_REFUSED, .code = ERROR_INVALID};
    if (status == 402 || is_spent(name, message))
        return (struct retry_verdict){.cause = RETRY_SPENT, .cool_ms = COOL_SPENT_MS, .code = ERROR_UNAVAILABLE};
    switch (status) {
    case 401:
    case 403:
        return (struct retry_verdict){
            .cause = RETRY_CREDENTIALS, .cool_ms = COOL_CREDENTIALS_MS, .code = ERROR_UNAVAILABLE};
    case 404: return (struct retry_verdict){.cause = RETRY_MISSING, .code = ERROR_UNAVAILABLE};
    case 408:
    case 504: return (struct retry_verdict){RETRY_LATE, true, words->wait_ms, 0, true, ERROR_TIMEOUT};
    case 413: return (struct retry_verdict){.cause = RETRY_REFUSED, .code = ERROR_TOO_LARGE};
    case 424: return (struct retry_verdict){RETRY_FAILED, true, words->wait_ms, 0, true, ERROR_MODEL};
    case 429: return judge_throttled(message, words);
    case 498: return (struct retry_verdict){.cause = RETRY_OVERLOADED, .code = ERROR_UNAVAILABLE}; /* of its tier */
    case 409: return (struct retry_verdict){RETRY_FAILED, true, words->wait_ms, 0, false, ERROR_UNAVAILABLE};
    case 503:
    case 529:
        return (struct retry_verdict){RETRY_OVERLOADED, true, words->wait_ms, words->wait_ms, true,
                                      ERROR_UNAVAILABLE};
    default: break;
    }
    if (status >= 500)
        return (struct retry_verdict){RETRY_FAILED, true, words->wait_ms, 0, true, ERROR_UNAVAILABLE};
    if (status >= 400)
        return refused;
    return (struct retry_verdict){RETRY_FAILED, false, 0, 0, true, ERROR_MODEL}; /* a redirect, or nothing known */
}

struct retry_verdict retry_judge(long status, struct str name, struct str message, const struct retry_words *words)
{
    struct retry_verdict verdict = judge_status(status, name, message, words);
    if (words->has_should && verdict.cause != RETRY_CREDENTIALS && verdict.cause != RETRY_SPENT)
        verdict.may_repeat = words->should;
    return verdict;
}

uint64_t retry_pause_ms(unsigned try, uint32_t random)
{
    uint64_t pause = PAUSE_FIRST_MS;
    for (; try > 1 && pause < PAUSE_MAX_MS; try--)
        pause *= 2;
    return pause - pause * (random % 256) / 1024;
}
