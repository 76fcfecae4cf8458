/* report_table.c - comma-separated reports. Exports of OpenAI's and Anthropic's pages are rows of report_usage.c's;
 * bills of AWS have a row for each meter, whose usage type says model, class of tokens and tier: in
 * USE1-Claude4.6Sonnet-cache-read-input-token-count-batch all three, in USE1-MP:USE1_InputTokenCount-Units the
 * class alone. See report.h. */
#include <string.h>

#include "advise/moment.h"
#include "core/json.h"
#include "reconcile/report.h"

#define NAMES_MAX 5
#define DAY_US UINT64_C(86400000000)
#define DOLLARS 12 /* as a power of ten of picodollars */

enum column {
    COLUMN_BEGIN,
    COLUMN_END,
    COLUMN_TYPE,
    COLUMN_AMOUNT,
    COLUMN_UNIT,
    COLUMN_COST,
    COLUMN_SERVICE,
    COLUMN_PRODUCT, /* the model, for people, where the usage type does not say it */
    COLUMN_ACCOUNT,
    COLUMN_CHARGE,
    COLUMNS
};

/* By what each form calls them; the first that is there counts. */
static const char *const column_names[COLUMNS][NAMES_MAX] = {
    [COLUMN_BEGIN] = {"lineItem/UsageStartDate", "line_item_usage_start_date", "ChargePeriodStart"},
    [COLUMN_END] = {"lineItem/UsageEndDate", "line_item_usage_end_date", "ChargePeriodEnd"},
    [COLUMN_TYPE] = {"lineItem/UsageType", "line_item_usage_type", "x_UsageType", "SkuMeter"},
    [COLUMN_AMOUNT] = {"lineItem/UsageAmount", "line_item_usage_amount", "ConsumedQuantity", "PricingQuantity"},
    [COLUMN_UNIT] = {"pricing/unit", "pricing_unit", "ConsumedUnit", "PricingUnit"},
    [COLUMN_COST] = {"lineItem/UnblendedCost", "line_item_unblended_cost", "BilledCost", "EffectiveCost"},
    [COLUMN_SERVICE] = {"lineItem/ProductCode", "line_item_product_code", "ServiceName"},
    [COLUMN_PRODUCT] = {"product/servicename", "product_servicename", "product/ProductName", "product_product_name",
                        "product"},
    [COLUMN_ACCOUNT] = {"lineItem/UsageAccountId", "line_item_usage_account_id", "SubAccountId"},
    [COLUMN_CHARGE] = {"lineItem/LineItemType", "line_item_line_item_type", "ChargeCategory"},
};

/* Of exports of OpenAI's and Anthropic's pages. */
static const char *const begin_names[] = {"start_time", "start_time_iso", "usage_date_utc", "date"};
static const char *const end_names[] = {"end_time", "end_time_iso"};

struct report_table {
    const struct report_reader *reader;
    struct arena arena;
    struct str *head;
    size_t count;
    size_t at[COLUMNS]; /* SIZE_MAX: not there */
};

/* A row of it, for report_usage.c. */
struct usage_row {
    const struct report_table *table;
    const struct table_row *row;
};

/* --- columns ----------------------------------------------------------------------------------------- */

static size_t find_column(const struct report_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_eq_nocase(table->head[i], str_of(name)))
            return i;
    return SIZE_MAX;
}

static size_t find_any(const struct report_table *table, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && names[i]; i++) {
        const size_t found = find_column(table, names[i]);
        if (found != SIZE_MAX)
            return found;
    }
    return SIZE_MAX;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum error_code find_columns(struct report_table *table, struct error *error)
{
    static const enum column needed[] = {COLUMN_BEGIN, COLUMN_TYPE, COLUMN_AMOUNT};
    for (size_t i = 0; i < COLUMNS; i++)
        table->at[i] = find_any(table, column_names[i], NAMES_MAX);
    if (table->reader->kind != REPORT_BEDROCK_CUR) {
        table->at[COLUMN_BEGIN] = find_any(table, begin_names, COUNT_OF(begin_names));
        table->at[COLUMN_END] = find_any(table, end_names, COUNT_OF(end_names));
        return table->at[COLUMN_BEGIN] != SIZE_MAX
                   ? OK
                   : error_set(error, ERROR_INVALID, "expected a column %s or %s, as exports of %s have it",
                               begin_names[0], begin_names[2], report_kind_names[table->reader->kind]);
    }
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        const char *const *names = column_names[needed[i]];
        if (table->at[needed[i]] == SIZE_MAX)
            return error_set(error, ERROR_INVALID, "expected a column %s, %s or %s", names[0], names[1], names[2]);
    }
    return OK;
}

enum error_code report_table_new(const struct report_reader *reader, const struct table_row *head,
                                 struct report_table **table, struct error *error)
{
    struct report_table *made = mem_calloc(1, sizeof(*made));
    enum error_code code = OK;
    if (!made)
        return error_no_memory(error);
    made->reader = reader;
    arena_init(&made->arena, 0);
    made->head = ARENA_ARRAY(&made->arena, struct str, head->count + 1);
    made->count = head->count;
    for (size_t i = 0; i < head->count && code == OK; i++)
        if (!made->head || !arena_str(&made->arena, str_trim(head->cells[i]), &made->head[i]))
            code = error_no_memory(error);
    if (code == OK)
        code = find_columns(made, error);
    if (code != OK) {
        report_table_free(made);
        return code;
    }
    *table = made;
    return OK;
}

void report_table_free(struct report_table *table)
{
    if (!table)
        return;
    arena_deinit(&table->arena);
    mem_free(table);
}

static struct str cell_at(const struct table_row *row, size_t at)
{
    return at < row->count ? str_trim(row->cells[at]) : (struct str){NULL, 0};
}

static struct str cell(const struct report_table *table, const struct table_row *row, enum column column)
{
    return cell_at(row, table->at[column]);
}

/* A day where nothing says when it ends. */
static bool read_times(const struct report_table *table, const struct table_row *row, uint64_t *from, uint64_t *to)
{
    if (!moment_read(cell(table, row, COLUMN_BEGIN), from))
        return false;
    if (!moment_read(cell(table, row, COLUMN_END), to) || *to <= *from)
        *to = *from - *from % DAY_US + DAY_US;
    return true;
}

/* --- exports of OpenAI's and Anthropic's pages --------------------------------------------------------- */

static struct str get(const void *ctx, const char *name)
{
    const struct usage_row *usage = ctx;
    return cell_at(usage->row, find_column(usage->table, name));
}

static enum error_code read_usage(const struct report_table *table, const struct table_row *cells, struct error *error)
{
    const struct usage_row usage = {table, cells};
    struct report_row row = {.ctx = &usage, .get = get, .cost_power = DOLLARS};
    if (!read_times(table, cells, &row.from_us, &row.to_us))
        return OK;
    table->reader->sink.bucket(table->reader->sink.ctx, row.from_us, row.to_us);
    return report_usage_row(table->reader, &row, error);
}

/* --- bills of AWS ------------------------------------------------------------------------------------ */

static bool is_of_marketplace(struct str type)
{
    return report_find(type, "MP:") >= 0;
}

/* Where the words for the class begin. */
static size_t model_end(struct str type)
{
    static const char *const words[] = {"-cache", "-input", "-output", "-mantle"};
    size_t end = type.len;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const ptrdiff_t found = report_find(type, words[i]);
        if (found >= 0 && (size_t)found < end)
            end = (size_t)found;
    }
    return end;
}

/* "USE1-" in front of it is the region. */
static size_t model_begin(struct str type)
{
    const ptrdiff_t dash = str_find_char(type, '-', 0);
    for (ptrdiff_t i = 0; i < dash; i++)
        if (!((type.data[i] >= 'A' && type.data[i] <= 'Z') || (type.data[i] >= '0' && type.data[i] <= '9')))
            return 0;
    return dash > 0 ? (size_t)dash + 1 : 0;
}

static struct str without_tier(struct str model)
{
    static const char *const words[] = {"-batch", "-flex", "-priority", "-text", "-latency-optimized"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_ends(model, str_of(words[i])))
            return str_slice(model, 0, model.len - strlen(words[i]));
    return model;
}

/* CUR 2.0 keeps some of its columns in one, as JSON. */
static struct str product_of(struct str text, struct arena *arena)
{
    static const char *const members[] = {"servicename", "product_name", "model"};
    struct str name = {NULL, 0}, copy = {NULL, 0};
    struct error ignored;
    yyjson_doc *doc;
    if (!str_starts(text, STR("{")))
        return text;
    if (json_parse(text, &doc, &ignored) != OK)
        return name;
    for (size_t i = 0; i < COUNT_OF(members) && name.len == 0; i++)
        name = json_str(yyjson_obj_get(yyjson_doc_get_root(doc), members[i]));
    if (!arena_str(arena, name, &copy))
        copy = (struct str){NULL, 0};
    json_free(doc);
    return copy;
}

/* Powers of ten that a unit is: "1K tokens", "1M tokens". Without one, the marketplace counts in millions. */
static int power_of(struct str unit, struct str type)
{
    if (report_find(unit, "1K") >= 0 || report_find(unit, "thousand") >= 0)
        return 3;
    if (report_find(unit, "1M") >= 0 || report_find(unit, "million") >= 0)
        return 6;
    if (report_find(unit, "token") >= 0)
        return 0;
    return is_of_marketplace(type) ? 6 : 3;
}

/* Tokens of Bedrock that were used: no tax, credit or capacity that is paid by the hour. */
static bool is_usage(const struct report_table *table, const struct table_row *row, unsigned class)
{
    const struct str type = cell(table, row, COLUMN_TYPE), charge = cell(table, row, COLUMN_CHARGE);
    const struct str service = cell(table, row, COLUMN_SERVICE), project = table->reader->filter.project;
    const bool is_bedrock = service.len == 0 || is_of_marketplace(type) || report_find(service, "bedrock") >= 0;
    return class < PRICE_CLASSES && is_bedrock && report_find(type, "token") >= 0 && report_find(type, "TPM") < 0 &&
           report_find(type, "reserved") < 0 && (charge.len == 0 || report_find(charge, "usage") >= 0) &&
           (project.len == 0 || str_eq(cell(table, row, COLUMN_ACCOUNT), project));
}

static enum error_code read_meter(struct report_table *table, const struct table_row *row, struct error *error)
{
    const struct str type = cell(table, row, COLUMN_TYPE);
    const size_t end = is_of_marketplace(type) ? 0 : model_end(type);
    const struct str words = str_slice(type, end, type.len);
    const unsigned class = report_class_of(words);
    struct report_item item = {.tier = report_tier_of(type), .has_tier = true};
    int64_t amount, cost, open;
    if (!is_usage(table, row, class) || !read_times(table, row, &item.from_us, &item.to_us) ||
        !report_decimal(cell(table, row, COLUMN_AMOUNT), power_of(cell(table, row, COLUMN_UNIT), type), &amount, NULL))
        return OK;
    struct arena arena;
    arena_init(&arena, 0);
    item.model = is_of_marketplace(type) ? product_of(cell(table, row, COLUMN_PRODUCT), &arena)
                                         : without_tier(str_slice(type, model_begin(type), end));
    report_say(&item, class, amount);
    if (report_decimal(cell(table, row, COLUMN_COST), DOLLARS, &cost, &open))
        report_say_cost(&item, class, cost, open);
    table->reader->sink.bucket(table->reader->sink.ctx, item.from_us, item.to_us);
    const enum error_code code = table->reader->sink.item(table->reader->sink.ctx, &item, error);
    arena_deinit(&arena);
    return code;
}

enum error_code report_table_row(struct report_table *table, const struct table_row *row, struct error *error)
{
    if (row->count != table->count)
        return OK;
    return table->reader->kind == REPORT_BEDROCK_CUR ? read_meter(table, row, error) : read_usage(table, row, error);
}
