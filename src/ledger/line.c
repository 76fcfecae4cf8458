/* line.c - see line.h. Payload of a journal record, little-endian:
 *
 *   u64 time_us, tokens of the five price classes, latency_us, first_token_us,
 *       cost, baseline, saved by the four levers (two's complement)
 *   u8  tier, outcome
 *   request_id, tenant, dialect, operation, model_requested, model_invoked,
 *   price, baseline_price, profile, tags: u16 length and bytes each
 *
 * Records of earlier programs end before profile. */
#include "ledger/line.h"

#include <endian.h>

/* In the order of the numbers that journals have for them. */
static const enum tier tiers[TIERS] = {TIER_DEFAULT, TIER_PRIORITY, TIER_FLEX, TIER_BATCH};

#define NUMBERS (3 + PRICE_CLASSES + 2 + LEVERS)
#define STRINGS 10
#define STRINGS_EARLIER 8
#define FIXED_LEN (NUMBERS * 8 + 2)

const char *const ledger_outcome_names[LEDGER_OUTCOMES + 1] = {
    [LEDGER_COMPLETED] = "completed",
    [LEDGER_FAILED] = "failed",
    [LEDGER_CANCELLED] = "cancelled",
};

/* One order for both directions. */
static void list_strings(struct ledger_line *line, struct str *strings[STRINGS])
{
    struct str *const all[STRINGS] = {&line->request_id,      &line->tenant,        &line->dialect,
                                      &line->operation,       &line->model_requested, &line->model_invoked,
                                      &line->price,           &line->baseline_price,  &line->profile,
                                      &line->tags};
    memcpy(strings, all, sizeof(all));
}

static void list_numbers(const struct ledger_line *line, uint64_t numbers[NUMBERS])
{
    size_t n = 0;
    numbers[n++] = line->time_us;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        numbers[n++] = line->usage.tokens[i];
    numbers[n++] = line->latency_us;
    numbers[n++] = line->first_token_us;
    numbers[n++] = line->quote.cost;
    numbers[n++] = line->quote.baseline;
    for (size_t i = 0; i < LEVERS; i++)
        numbers[n++] = (uint64_t)line->quote.saved[i];
}

static void take_numbers(struct ledger_line *line, const uint64_t numbers[NUMBERS])
{
    size_t n = 0;
    line->time_us = numbers[n++];
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        line->usage.tokens[i] = numbers[n++];
    line->latency_us = numbers[n++];
    line->first_token_us = numbers[n++];
    line->quote.cost = numbers[n++];
    line->quote.baseline = numbers[n++];
    for (size_t i = 0; i < LEVERS; i++)
        line->quote.saved[i] = (int64_t)numbers[n++];
}

static uint8_t tier_number(enum tier tier)
{
    uint8_t number = 0;
    while (number < TIERS - 1 && tiers[number] != tier)
        number++;
    return number;
}

size_t ledger_line_encode(const struct ledger_line *line, uint8_t out[JOURNAL_RECORD_MAX])
{
    struct ledger_line copy = *line;
    struct str *strings[STRINGS];
    uint64_t numbers[NUMBERS];
    list_strings(&copy, strings);
    list_numbers(line, numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t number = htole64(numbers[i]);
        memcpy(out + i * 8, &number, 8);
    }
    out[NUMBERS * 8] = tier_number(line->tier);
    out[NUMBERS * 8 + 1] = (uint8_t)line->outcome;
    size_t at = FIXED_LEN;
    for (size_t i = 0; i < STRINGS; i++) {
        size_t len = strings[i]->len;
        if (len > UINT16_MAX || at + 2 + len > JOURNAL_RECORD_MAX)
            return 0;
        uint16_t prefix = htole16((uint16_t)len);
        memcpy(out + at, &prefix, 2);
        if (len)
            memcpy(out + at + 2, strings[i]->data, len);
        at += 2 + len;
    }
    return at;
}

bool ledger_line_decode(struct str payload, struct ledger_line *line)
{
    struct str *strings[STRINGS];
    uint64_t numbers[NUMBERS];
    const uint8_t *in = (const uint8_t *)payload.data;
    if (payload.len < FIXED_LEN)
        return false;
    *line = (struct ledger_line){0};
    for (size_t i = 0; i < NUMBERS; i++) {
        memcpy(&numbers[i], in + i * 8, 8);
        numbers[i] = le64toh(numbers[i]);
    }
    take_numbers(line, numbers);
    if (in[NUMBERS * 8] >= TIERS || in[NUMBERS * 8 + 1] >= LEDGER_OUTCOMES)
        return false;
    line->tier = tiers[in[NUMBERS * 8]];
    line->outcome = (enum ledger_outcome)in[NUMBERS * 8 + 1];
    list_strings(line, strings);
    size_t at = FIXED_LEN;
    for (size_t i = 0; i < STRINGS; i++) {
        uint16_t len;
        if (i == STRINGS_EARLIER && at == payload.len)
            return true;
        if (payload.len - at < 2)
            return false;
        memcpy(&len, in + at, 2);
        len = le16toh(len);
        if (payload.len - at - 2 < len)
            return false;
        *strings[i] = (struct str){payload.data + at + 2, len};
        at += 2u + len;
    }
    return at == payload.len;
}
