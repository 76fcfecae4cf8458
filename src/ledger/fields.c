/* fields.c - see fields.h. */
#include "ledger/fields.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/csv.h"

const char *const ledger_class_fields[PRICE_CLASSES] = {"costInputPicodollars", "costCacheReadPicodollars",
                                                        "costCacheWritePicodollars", "costCacheWrite1hPicodollars",
                                                        "costOutputPicodollars"};
const char *const ledger_saved_fields[LEVERS] = {"savedRoute", "savedDistill", "savedCache", "savedTier",
                                                 "savedShadow", "savedResponse"};

/* --- fields ----------------------------------------------------------------------------------------- */

static char *add(struct ledger_fields *fields, const char *name, enum ledger_field_kind kind, struct str text)
{
    assert(fields->count < LEDGER_FIELDS_MAX);
    fields->items[fields->count] = (struct ledger_field){name, kind, text};
    return fields->digits[fields->count++];
}

/* The last field's text is what was written where it has its digits. */
static void set_digits(struct ledger_fields *fields, const char *digits)
{
    fields->items[fields->count - 1].text = str_of(digits);
}

void ledger_fields_text(struct ledger_fields *fields, const char *name, struct str text)
{
    (void)add(fields, name, LEDGER_FIELD_TEXT, text);
}

void ledger_fields_number(struct ledger_fields *fields, const char *name, ledger_sum value)
{
    set_digits(fields, money_picodollars(value, add(fields, name, LEDGER_FIELD_NUMBER, STR(""))));
}

void ledger_fields_json(struct ledger_fields *fields, const char *name, struct str text)
{
    (void)add(fields, name, LEDGER_FIELD_JSON, text.len ? text : STR("{}"));
}

void ledger_fields_absent(struct ledger_fields *fields, const char *name)
{
    (void)add(fields, name, LEDGER_FIELD_ABSENT, (struct str){NULL, 0});
}

void ledger_fields_time(struct ledger_fields *fields, const char *name, uint64_t us)
{
    char *digits = add(fields, name, LEDGER_FIELD_TEXT, STR(""));
    clock_iso8601(us, digits);
    set_digits(fields, digits);
}

void ledger_fields_real(struct ledger_fields *fields, const char *name, double value, int decimals)
{
    if (!(value >= 0) || isinf(value)) {
        ledger_fields_absent(fields, name);
        return;
    }
    char *digits = add(fields, name, LEDGER_FIELD_NUMBER, STR(""));
    (void)snprintf(digits, MONEY_TEXT, "%.*f", decimals, value < 1e30 ? value : 1e30);
    set_digits(fields, digits);
}

void ledger_fields_dollars(struct ledger_fields *fields, const char *name, ledger_sum picodollars)
{
    set_digits(fields, money_dollars(picodollars, add(fields, name, LEDGER_FIELD_TEXT, STR(""))));
}

/* --- a line ----------------------------------------------------------------------------------------- */

/* Millionths with all their digits. */
static void add_score(struct ledger_fields *fields, const char *name, uint64_t millionths)
{
    char *digits = add(fields, name, LEDGER_FIELD_NUMBER, STR(""));
    (void)snprintf(digits, MONEY_TEXT, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
    set_digits(fields, digits);
}

/* The same amount's name in dollars; NULL: the column is no amount. */
static const char *dollars_of(const char *field)
{
    static const char *const names[][2] = {
        {"costPicodollars", "costDollars"},
        {"baselinePicodollars", "baselineDollars"},
        {"savedRoute", "savedRouteDollars"},
        {"savedDistill", "savedDistillDollars"},
        {"savedCache", "savedCacheDollars"},
        {"savedTier", "savedTierDollars"},
        {"savedShadow", "savedShadowDollars"},
        {"savedResponse", "savedResponseDollars"},
        {"costInputPicodollars", "costInputDollars"},
        {"costCacheReadPicodollars", "costCacheReadDollars"},
        {"costCacheWritePicodollars", "costCacheWriteDollars"},
        {"costCacheWrite1hPicodollars", "costCacheWrite1hDollars"},
        {"costOutputPicodollars", "costOutputDollars"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(field, names[i][0]))
            return names[i][1];
    return NULL;
}

static void add_column(struct ledger_fields *fields, struct ledger_line *line, const struct ledger_column *column)
{
    const char *name = column->field;
    if (ledger_kind_is_optional(column->kind) && *ledger_column_number(line, column) == LEDGER_ABSENT) {
        ledger_fields_absent(fields, name);
        return;
    }
    switch (column->kind) {
    case LEDGER_TEXT: ledger_fields_text(fields, name, *ledger_column_text(line, column)); break;
    case LEDGER_JSON: ledger_fields_json(fields, name, *ledger_column_text(line, column)); break;
    case LEDGER_TIME: ledger_fields_time(fields, name, line->time_us); break;
    case LEDGER_DURATION:
    case LEDGER_OPTIONAL_DURATION:
        ledger_fields_number(fields, name, (ledger_sum)(*ledger_column_number(line, column) / 1000));
        break;
    case LEDGER_NUMBER:
    case LEDGER_OPTIONAL:
        ledger_fields_number(fields, name, (ledger_sum)*ledger_column_number(line, column));
        break;
    case LEDGER_SIGNED:
        ledger_fields_number(fields, name, (int64_t)*ledger_column_number(line, column));
        break;
    case LEDGER_SCORE: add_score(fields, name, *ledger_column_number(line, column)); break;
    case LEDGER_TIER: ledger_fields_text(fields, name, str_of(tier_names[line->tier])); break;
    case LEDGER_OUTCOME: ledger_fields_text(fields, name, str_of(ledger_outcome_names[line->outcome])); break;
    }
}

/* Behind its column. */
static void add_dollars(struct ledger_fields *fields, struct ledger_line *line, const struct ledger_column *column)
{
    const char *name = dollars_of(column->field);
    if (!name)
        return;
    if (fields->items[fields->count - 1].kind == LEDGER_FIELD_ABSENT)
        ledger_fields_absent(fields, name);
    else
        ledger_fields_dollars(fields, name, (int64_t)*ledger_column_number(line, column));
}

void ledger_fields_line(struct ledger_fields *fields, const struct ledger_line *line, bool has_dollars)
{
    struct ledger_line copy = *line; /* columns are reached by pointers that may write */
    for (size_t i = 0; i < LEDGER_COLUMN_COUNT; i++) {
        if (!ledger_columns[i].field)
            continue;
        add_column(fields, &copy, &ledger_columns[i]);
        if (has_dollars)
            add_dollars(fields, &copy, &ledger_columns[i]);
    }
}

/* --- sums ------------------------------------------------------------------------------------------- */

void ledger_fields_counts(struct ledger_fields *fields, const struct ledger_group *group)
{
    static const char *const tokens[PRICE_CLASSES] = {"inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens",
                                                      "cacheWrite1hInputTokens", "outputTokens"};
    ledger_fields_number(fields, "requests", (ledger_sum)ledger_group_requests(group));
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        ledger_fields_number(fields, ledger_outcome_names[i], (ledger_sum)group->outcomes[i]);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        ledger_fields_number(fields, tokens[i], (ledger_sum)group->usage.tokens[i]);
}

/* --- forms ------------------------------------------------------------------------------------------ */

void ledger_fields_append_json(struct buf *out, const struct ledger_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct ledger_field *field = &fields->items[i];
        buf_appendf(out, "%s\"%s\":", i ? "," : "{", field->name);
        if (field->kind == LEDGER_FIELD_TEXT)
            buf_append_json(out, field->text);
        else
            buf_append_str(out, field->kind == LEDGER_FIELD_ABSENT ? STR("null") : field->text);
    }
    buf_append_char(out, '}');
}

void ledger_fields_append_csv(struct buf *out, const struct ledger_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        buf_append_text(out, i ? "," : "");
        csv_append(out, fields->items[i].text);
    }
    buf_append_char(out, '\n');
}

void ledger_fields_append_header(struct buf *out, const struct ledger_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        buf_appendf(out, "%s%s", i ? "," : "", fields->items[i].name);
    buf_append_char(out, '\n');
}
