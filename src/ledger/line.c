/* line.c - see line.h. Payload of a journal record, little-endian:
 *
 *   u8  version, 4 and more, then the 7 bytes "fulline"
 *   u64 each column that is a number, in the order of LEDGER_COLUMNS (negative ones in two's complement)
 *   u8  tier, outcome
 *   u16 length and bytes of each column that is a text, in the same order
 *
 * of the columns that the version knows. Versions 1 and 2 have no head: they
 * begin with the time, whose eighth byte is 0 until the year 4253, so that no
 * line of theirs looks like a head. Those of version 1 end before profile. */
#include "ledger/line.h"

#include <assert.h>
#include <endian.h>

#define HEAD_LEN 8
#define MARK "fulline"
#define MARK_LEN (HEAD_LEN - 1)
#define HEADLESS_VERSION 2 /* the last without a head... */
#define FIRST_VERSION 4    /* ...and the first with one */
#define ULTRAFAST_VERSION 8 /* that the tier came with */

const char *const ledger_outcome_names[LEDGER_OUTCOMES + 1] = {
    [LEDGER_COMPLETED] = "completed",
    [LEDGER_FAILED] = "failed",
    [LEDGER_CANCELLED] = "cancelled",
};

/* In the order of the numbers that journals have for them. */
static const enum tier tiers[TIERS_PRICED] = {TIER_DEFAULT, TIER_PRIORITY, TIER_FLEX, TIER_BATCH, TIER_ULTRAFAST};

#define ROW(name_, kind_, since_, member, field_)                                                               \
    {.name = #name_, .field = (field_), .kind = LEDGER_##kind_, .since = (since_),                              \
     .offset = offsetof(struct ledger_line, member)},
const struct ledger_column ledger_columns[LEDGER_COLUMN_COUNT] = {LEDGER_COLUMNS(ROW, ROW)};

/* A member without a column does not compile. */
#define SIZE(name_, kind_, since_, member, field_) +sizeof(((struct ledger_line *)0)->member)
_Static_assert(sizeof(struct ledger_line) ==
                   (sizeof(uint32_t) + 0 LEDGER_COLUMNS(SIZE, SIZE) + 7) / 8 * 8,
               "each member of a line is a column, but promised");

#define VERSION_FITS(name_, kind_, since_, member, field_) &&(since_) <= LEDGER_LINE_VERSION
_Static_assert(1 LEDGER_COLUMNS(VERSION_FITS, VERSION_FITS), "a new column brings a new version");

bool ledger_kind_is_text(enum ledger_kind kind)
{
    return kind == LEDGER_TEXT || kind == LEDGER_JSON;
}

static bool is_number(enum ledger_kind kind)
{
    return !ledger_kind_is_text(kind) && kind != LEDGER_TIER && kind != LEDGER_OUTCOME;
}

bool ledger_kind_is_optional(enum ledger_kind kind)
{
    return kind == LEDGER_OPTIONAL || kind == LEDGER_OPTIONAL_DURATION || kind == LEDGER_SCORE;
}

static void *member(struct ledger_line *line, const struct ledger_column *column)
{
    return (char *)line + column->offset;
}

struct str *ledger_column_text(struct ledger_line *line, const struct ledger_column *column)
{
    assert(ledger_kind_is_text(column->kind));
    return member(line, column);
}

/* Signed ones lie there in two's complement. */
uint64_t *ledger_column_number(struct ledger_line *line, const struct ledger_column *column)
{
    assert(is_number(column->kind));
    return member(line, column);
}

void ledger_column_clear(struct ledger_line *line, const struct ledger_column *column)
{
    if (ledger_kind_is_text(column->kind))
        *ledger_column_text(line, column) = STR("");
    else if (is_number(column->kind))
        *ledger_column_number(line, column) = ledger_kind_is_optional(column->kind) ? LEDGER_ABSENT : 0;
}

static uint8_t tier_number(enum tier tier)
{
    uint8_t number = 0;
    assert(tier < TIERS_PRICED);
    while (tiers[number] != tier)
        number++;
    return number;
}

/* --- writing --- */

static size_t put_numbers(struct ledger_line *line, uint8_t *out)
{
    size_t at = 0;
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        if (!is_number(ledger_columns[i].kind))
            continue;
        const uint64_t number = htole64(*ledger_column_number(line, &ledger_columns[i]));
        memcpy(out + at, &number, 8);
        at += 8;
    }
    return at;
}

size_t ledger_line_encode(const struct ledger_line *line, uint8_t out[JOURNAL_RECORD_MAX])
{
    struct ledger_line copy = *line; /* columns are reached by pointers that may write */
    assert(line->outcome < LEDGER_OUTCOMES);
    out[0] = LEDGER_LINE_VERSION;
    memcpy(out + 1, MARK, MARK_LEN);
    size_t at = HEAD_LEN + put_numbers(&copy, out + HEAD_LEN);
    out[at++] = tier_number(line->tier);
    out[at++] = (uint8_t)line->outcome;
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        if (!ledger_kind_is_text(ledger_columns[i].kind))
            continue;
        const struct str text = *ledger_column_text(&copy, &ledger_columns[i]);
        if (text.len > UINT16_MAX || at + 2 + text.len > JOURNAL_RECORD_MAX)
            return 0;
        const uint16_t prefix = htole16((uint16_t)text.len);
        memcpy(out + at, &prefix, 2);
        if (text.len)
            memcpy(out + at + 2, text.data, text.len);
        at += 2 + text.len;
    }
    return at;
}

/* --- reading --- */

static bool has_head(struct str payload)
{
    return payload.len >= HEAD_LEN && !memcmp(payload.data + 1, MARK, MARK_LEN);
}

unsigned ledger_line_version(struct str payload)
{
    return has_head(payload) ? (uint8_t)payload.data[0] : HEADLESS_VERSION;
}

/* What is left of a payload; data NULL once it was shorter than it says. */
static const char *take(struct str *left, size_t len)
{
    const char *at = left->data;
    if (!at || left->len < len) {
        left->data = NULL;
        return NULL;
    }
    *left = (struct str){at + len, left->len - len};
    return at;
}

static void take_number(struct str *left, uint64_t *number)
{
    const char *bytes = take(left, 8);
    if (!bytes)
        return;
    memcpy(number, bytes, 8);
    *number = le64toh(*number);
}

static void take_text(struct str *left, struct str *text)
{
    uint16_t len;
    const char *prefix = take(left, 2);
    if (!prefix)
        return;
    memcpy(&len, prefix, 2);
    len = le16toh(len);
    const char *bytes = take(left, len);
    *text = bytes ? (struct str){bytes, len} : STR("");
}

static bool take_words(struct str *left, unsigned version, struct ledger_line *line)
{
    const char *words = take(left, 2);
    const uint8_t known = version < ULTRAFAST_VERSION ? TIERS : TIERS_PRICED;
    if (!words || (uint8_t)words[0] >= known || (uint8_t)words[1] >= LEDGER_OUTCOMES)
        return false;
    line->tier = tiers[(uint8_t)words[0]];
    line->outcome = (enum ledger_outcome)words[1];
    return true;
}

/* Whether a payload without a head may end before the column. */
static bool may_end(unsigned version, const struct ledger_column *column)
{
    return version == HEADLESS_VERSION && column->since == HEADLESS_VERSION;
}

bool ledger_line_take(struct str *lines, struct ledger_line *line)
{
    const unsigned version = ledger_line_version(*lines);
    struct str left = *lines;
    *line = (struct ledger_line){0};
    if (version > LEDGER_LINE_VERSION || (has_head(*lines) && (version < FIRST_VERSION || !take(&left, HEAD_LEN))))
        return false;
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        ledger_column_clear(line, &ledger_columns[i]);
        if (is_number(ledger_columns[i].kind) && ledger_columns[i].since <= version)
            take_number(&left, ledger_column_number(line, &ledger_columns[i]));
    }
    if (!take_words(&left, version, line))
        return false;
    bool is_over = false;
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        if (!ledger_kind_is_text(ledger_columns[i].kind) || ledger_columns[i].since > version)
            continue;
        is_over = is_over || (left.data && left.len == 0 && may_end(version, &ledger_columns[i]) &&
                              !may_end(version, &ledger_columns[i - 1]));
        if (!is_over)
            take_text(&left, ledger_column_text(line, &ledger_columns[i]));
    }
    const bool is_line = left.data != NULL;
    if (is_line)
        *lines = left;
    return is_line;
}

bool ledger_line_decode(struct str payload, struct ledger_line *line)
{
    return ledger_line_take(&payload, line) && payload.len == 0;
}
