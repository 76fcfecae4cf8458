/* report.c - what all reports share: names, numbers, words for classes, tiers and models. See report.h. */
#include "reconcile/report.h"

#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/exact.h"

#define NUMBERS_MAX 32
#define PICO_DECIMALS 12
#define CENT INT64_C(10000000000) /* picodollars */

const char *const report_kind_names[REPORT_KINDS + 1] = {"openai", "anthropic", "bedrock-cur", NULL};
const char *const report_measure_names[REPORT_MEASURES] = {
    [PRICE_INPUT] = "inputTokens",
    [PRICE_CACHE_READ] = "cacheReadInputTokens",
    [PRICE_CACHE_WRITE_5M] = "cacheWriteInputTokens",
    [PRICE_CACHE_WRITE_1H] = "cacheWrite1hInputTokens",
    [PRICE_OUTPUT] = "outputTokens",
    [REPORT_REQUESTS] = "requests",
    [REPORT_COST] = "costPicodollars",
    [REPORT_CLASS_COST + PRICE_INPUT] = "costInputPicodollars",
    [REPORT_CLASS_COST + PRICE_CACHE_READ] = "costCacheReadPicodollars",
    [REPORT_CLASS_COST + PRICE_CACHE_WRITE_5M] = "costCacheWritePicodollars",
    [REPORT_CLASS_COST + PRICE_CACHE_WRITE_1H] = "costCacheWrite1hPicodollars",
    [REPORT_CLASS_COST + PRICE_OUTPUT] = "costOutputPicodollars",
};

/* --- items ------------------------------------------------------------------------------------------- */

static void add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = value < 0 ? INT64_MIN : INT64_MAX;
}

void report_say(struct report_item *item, unsigned measure, int64_t value)
{
    item->said |= 1u << measure;
    add(&item->values[measure], value);
}

void report_say_cost(struct report_item *item, unsigned class, int64_t cost, int64_t open)
{
    report_say(item, REPORT_COST, cost);
    if (class < PRICE_CLASSES)
        report_say(item, REPORT_CLASS_COST + class, cost);
    add(&item->rounding, open < CENT / 2 ? open : CENT / 2);
}

/* --- numbers ----------------------------------------------------------------------------------------- */

/* Decimals that the text has, zeros at its end among them. */
static int64_t decimals_of(struct str text)
{
    const ptrdiff_t point = str_find_char(text, '.', 0);
    const ptrdiff_t small = str_find_char(text, 'e', 0), large = str_find_char(text, 'E', 0);
    const ptrdiff_t exponent = small < 0 ? large : small;
    const size_t end = exponent < 0 ? text.len : (size_t)exponent;
    int64_t power = 0;
    struct str behind = str_slice(text, end + 1, text.len);
    if (str_starts(behind, STR("+")))
        behind = str_slice(behind, 1, behind.len);
    if (exponent >= 0 && (!str_to_i64(behind, &power) || power > EXACT_EXPONENT_MAX || power < -EXACT_EXPONENT_MAX))
        power = 0;
    return (point < 0 ? 0 : (int64_t)end - point - 1) - power;
}

/* Half of the last digit's place. */
static int64_t open_of(struct str text, int power)
{
    int64_t place = power - decimals_of(text), unit = 1;
    if (place <= 0)
        return 0;
    for (; place > 0 && unit < INT64_MAX / 10; place--)
        unit *= 10;
    return unit / 2;
}

bool report_decimal(struct str text, int power, int64_t *value, int64_t *open)
{
    struct exact exact;
    int64_t number = 0;
    if (!exact_parse(text, &exact))
        return false;
    const int64_t places = (int64_t)exact.point + power;
    for (int64_t i = 0; i < places && exact.len > 0; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, exact_digit(&exact, i) - '0', &number))
            return false;
    if (places >= 0 && exact_digit(&exact, places) >= '5' && __builtin_add_overflow(number, 1, &number))
        return false;
    *value = exact.is_negative ? -number : number;
    if (open) /* zero is nothing, unless it is written as so many cents */
        *open = number == 0 && decimals_of(text) < 2 ? 0 : open_of(text, power);
    return true;
}

/* --- words ------------------------------------------------------------------------------------------- */

ptrdiff_t report_find(struct str text, const char *word)
{
    const size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (str_eq_nocase(str_slice(text, i, i + len), str_of(word)))
            return (ptrdiff_t)i;
    return -1;
}

static bool has(struct str text, const char *word)
{
    return report_find(text, word) >= 0;
}

/* Words for the cache first: most of them name the input, too. */
unsigned report_class_of(struct str words)
{
    if (has(words, "no_cache") || has(words, "uncached"))
        return PRICE_INPUT;
    if (has(words, "write") || has(words, "creation"))
        return has(words, "1h") || has(words, "12h") ? PRICE_CACHE_WRITE_1H : PRICE_CACHE_WRITE_5M;
    if (has(words, "read") || has(words, "cached"))
        return PRICE_CACHE_READ;
    if (has(words, "output"))
        return PRICE_OUTPUT;
    return has(words, "input") ? PRICE_INPUT : PRICE_CLASSES;
}

enum tier report_tier_of(struct str word)
{
    if (has(word, "batch"))
        return TIER_BATCH;
    if (has(word, "flex"))
        return TIER_FLEX;
    if (has(word, "ultrafast"))
        return TIER_ULTRAFAST;
    return has(word, "priority") || str_eq_nocase(word, STR("fast")) ? TIER_PRIORITY : TIER_DEFAULT;
}

/* --- models ------------------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* "anthropic." of an ID, a word without digits before a point; but "deepseek." belongs to the name. */
static struct str without_maker(struct str id)
{
    size_t end = 0;
    while (end < id.len && is_letter(id.data[end]))
        end++;
    if (end == 0 || end >= id.len || id.data[end] != '.' || str_eq(str_slice(id, 0, end), STR("deepseek")))
        return id;
    return str_slice(id, end + 1, id.len);
}

/* "-v1:0" or "-1:0" of Bedrock's IDs. */
static struct str without_version(struct str id)
{
    const ptrdiff_t colon = str_find_char(id, ':', 0);
    if (colon < 0)
        return id;
    size_t end = (size_t)colon;
    while (end > 0 && is_digit(id.data[end - 1]))
        end--;
    if (end > 0 && id.data[end - 1] == 'v')
        end--;
    return end > 1 && id.data[end - 1] == '-' ? str_slice(id, 0, end - 1) : str_slice(id, 0, (size_t)colon);
}

/* "-20260301" or "-2026-03-01" of a snapshot; a name for people has a space before it. */
static struct str without_date(struct str id)
{
    size_t digits = 0, begin = id.len;
    while (begin > 0 && digits < 8 && (is_digit(id.data[begin - 1]) || (id.data[begin - 1] == '-' && digits > 0)))
        digits += is_digit(id.data[--begin]) ? 1 : 0;
    return digits == 8 && begin > 0 && (id.data[begin - 1] == '-' || id.data[begin - 1] == ' ')
               ? str_slice(id, 0, begin - 1)
               : id;
}

/* "Claude Opus 5 (Amazon Bedrock Edition)". */
static struct str without_edition(struct str id)
{
    const ptrdiff_t bracket = str_find(id, STR(" ("), 0);
    return bracket > 0 ? str_slice(id, 0, (size_t)bracket) : id;
}

static int compare_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    const size_t shorter = x->len < y->len ? x->len : y->len;
    const int order = memcmp(x->data, y->data, shorter);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static int compare_char(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

/* Runs of digits but a lone zero ("2.0" is "2"), sorted. */
static size_t numbers_of(struct str id, struct str numbers[NUMBERS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < id.len && count < NUMBERS_MAX; at++) {
        const size_t begin = at;
        while (at < id.len && is_digit(id.data[at]))
            at++;
        if (at > begin && !str_eq(str_slice(id, begin, at), STR("0")))
            numbers[count++] = str_slice(id, begin, at);
    }
    qsort(numbers, count, sizeof(numbers[0]), compare_text);
    return count;
}

/* The same model is claude-sonnet-4-6, anthropic.claude-sonnet-4-6-20260301-v1:0 and Claude4.6Sonnet: words change
 * their places and lose what is between them, so neither tells; letters and numbers do. */
struct str report_model_key(struct str model, struct arena *arena)
{
    struct str numbers[NUMBERS_MAX];
    if (model.len == 0)
        return STR("");
    const struct str id = without_date(without_version(without_edition(without_maker(catalog_bare_id(model)))));
    char *key = arena_alloc(arena, 2 * id.len + 2);
    size_t len = 0;
    if (!key)
        return (struct str){NULL, 0};
    for (size_t i = 0; i < id.len; i++)
        if (is_letter(id.data[i]))
            key[len++] = lower(id.data[i]);
    if (len > 0)
        qsort(key, len, 1, compare_char);
    const size_t count = numbers_of(id, numbers);
    for (size_t i = 0; i < count; i++) {
        key[len++] = '-';
        memcpy(key + len, numbers[i].data, numbers[i].len);
        len += numbers[i].len;
    }
    if (len > 0)
        return (struct str){key, len};
    struct str same; /* of no letters that are known here: the name itself */
    return arena_str(arena, model, &same) ? same : (struct str){NULL, 0};
}
