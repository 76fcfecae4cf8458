/* ledger_focus.c - the columns of FOCUS 1.2, out of a bill's charges. See ledger_focus.h.
 *
 *   charge     ChargeCategory  costs
 *   usage      Usage           ListCost = ContractedCost = BilledCost = EffectiveCost = quantity x ListUnitPrice
 *   lever      Credit          below zero, all four; where a lever made it dearer: Adjustment, above zero
 *   rounding   Adjustment      below a picodollar for each request and class, where prices are that fine
 *
 * Money is exact: numbers are written in full. A null is an empty field. */
#include "cmd/ledger_focus.h"

#include <inttypes.h>
#include <time.h>

#include "core/csv.h"
#include "core/mem.h"

#define OUT_MAX (4u << 20)
#define FLUSH_BYTES (64u << 10)
#define ROW_BYTES_MAX (4u << 20)
#define COMPANY "Fulcrum"
#define DIGITS_ATTO 18 /* behind the point, of bill_money */
#define DIGITS_PICO 12

/* Columns of the specification by their alphabet, then our own. */
#define COLUMNS(X)                                                                                              \
    X(BilledCost) X(BillingAccountId) X(BillingAccountName) X(BillingCurrency) X(BillingPeriodEnd)              \
    X(BillingPeriodStart) X(ChargeCategory) X(ChargeClass) X(ChargeDescription) X(ChargeFrequency)              \
    X(ChargePeriodEnd) X(ChargePeriodStart) X(ConsumedQuantity) X(ConsumedUnit) X(ContractedCost)               \
    X(ContractedUnitPrice) X(EffectiveCost) X(InvoiceId) X(InvoiceIssuerName) X(ListCost) X(ListUnitPrice)      \
    X(PricingCategory) X(PricingQuantity) X(PricingUnit) X(ProviderName) X(PublisherName) X(RegionId)           \
    X(RegionName) X(ResourceId) X(ResourceName) X(ResourceType) X(ServiceCategory) X(ServiceName)               \
    X(ServiceSubcategory) X(SkuId) X(SkuMeter) X(SkuPriceDetails) X(SkuPriceId) X(SubAccountId)                 \
    X(SubAccountName) X(Tags) X(x_Batch) X(x_CostAfterSavings) X(x_HitRate) X(x_Lever) X(x_Model)               \
    X(x_RequestCount) X(x_Tier) X(x_Upstream)

#define COLUMN_NUMBER(name) AT_##name,
enum { COLUMNS(COLUMN_NUMBER) COLUMN_COUNT };
#define COLUMN_NAME(name) #name,
static const char *const column_names[COLUMN_COUNT] = {COLUMNS(COLUMN_NAME)};

struct writer {
    const struct ledger_focus *focus;
    struct out_file *file;
    struct buf out;
    struct arena arena; /* of one row */
    struct str values[COLUMN_COUNT];
    bool has_failed; /* for want of memory */
};

static struct str kept(struct writer *writer, struct str made)
{
    writer->has_failed = writer->has_failed || !made.data;
    return made;
}

/* --- numbers and times --- */

/* In full: no exponent, no zeros at the end, nothing rounded. */
static struct str decimal(struct writer *writer, bill_money value, size_t digits)
{
    char text[64];
    size_t at = sizeof(text);
    const bool is_negative = value < 0;
    bool is_begun = false;
    for (size_t i = 0; i <= digits || value != 0; i++) {
        const int digit = (int)(value % 10);
        value /= 10;
        if (i == digits && is_begun)
            text[--at] = '.';
        is_begun = is_begun || digit != 0 || i >= digits;
        if (is_begun)
            text[--at] = (char)('0' + (digit < 0 ? -digit : digit));
    }
    if (is_negative)
        text[--at] = '-';
    return kept(writer, arena_printf(&writer->arena, "%.*s", (int)(sizeof(text) - at), text + at));
}

static struct str time_text(struct writer *writer, time_t seconds)
{
    char text[32];
    struct tm tm;
    gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return kept(writer, arena_printf(&writer->arena, "%s", text));
}

static void set_times(struct writer *writer, const struct bill_row *row)
{
    const time_t from = (time_t)(row->from_us / 1000000);
    struct tm month;
    gmtime_r(&from, &month);
    month = (struct tm){.tm_year = month.tm_year, .tm_mon = month.tm_mon, .tm_mday = 1};
    writer->values[AT_BillingPeriodStart] = time_text(writer, timegm(&month));
    month.tm_mon++;
    writer->values[AT_BillingPeriodEnd] = time_text(writer, timegm(&month));
    writer->values[AT_ChargePeriodStart] = time_text(writer, from);
    writer->values[AT_ChargePeriodEnd] = time_text(writer, (time_t)(row->to_us / 1000000));
}

/* --- what was sold --- */

/* "us-east-1" of "bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1": a price may be a geography's, then it is none. */
static struct str region_of(struct str price)
{
    struct str part, last = {NULL, 0};
    while (str_split(&price, '/', &part))
        last = part;
    size_t hyphens = 0;
    for (size_t i = 0; i < last.len; i++)
        hyphens += last.data[i] == '-';
    const bool ends_well = last.len > 0 && last.data[last.len - 1] >= '0' && last.data[last.len - 1] <= '9';
    return hyphens >= 2 && ends_well && str_find_char(last, ':', 0) < 0 && str_find_char(last, '.', 0) < 0
               ? last : (struct str){NULL, 0};
}

/* The price without its book and the book's version: what is sold stays what it is when the price changes. */
static struct str sku_of(const struct bill_row *row)
{
    const ptrdiff_t slash = str_find_char(row->price, '/', 0);
    return slash < 0 ? row->model : str_slice(row->price, (size_t)slash + 1, row->price.len);
}

static void append_band(struct buf *out, const char *sign, uint64_t tokens)
{
    const bool is_round = tokens % 1000 == 0;
    buf_appendf(out, "%s%" PRIu64 "%s", sign, is_round ? tokens / 1000 : tokens, is_round ? "k" : "");
}

/* Which requests have this price, by tokens of input: "<=272k", ">272k". Empty: all. */
static void append_context_band(struct buf *out, const struct bill_row *row)
{
    if (row->above)
        append_band(out, ">", row->above);
    if (row->up_to)
        append_band(out, row->above ? ",<=" : "<=", row->up_to);
}

static void set_sku(struct writer *writer, const struct bill_row *row)
{
    static const char *const meters[PRICE_CLASSES] = {"input", "cache read", "cache write 5m", "cache write 1h",
                                                      "output"};
    struct buf band;
    buf_init(&band, 64);
    append_context_band(&band, row);
    const struct str sku = sku_of(row), text = buf_str(&band);
    const char *meter = meters[row->class];
    writer->values[AT_SkuId] = kept(writer, arena_printf(&writer->arena, STR_FMT "/%s", STR_ARG(sku), meter));
    writer->values[AT_SkuMeter] = str_of(meter);
    writer->values[AT_SkuPriceId] =
        kept(writer, arena_printf(&writer->arena, STR_FMT "%s" STR_FMT "/%s/%s%s" STR_FMT, STR_ARG(row->price),
                                  sku.data == row->model.data ? "/" : "",
                                  STR_ARG(sku.data == row->model.data ? sku : STR("")), meter, tier_names[row->tier],
                                  text.len ? "/" : "", STR_ARG(text)));
    writer->values[AT_SkuPriceDetails] =
        kept(writer, arena_printf(&writer->arena, "{\"x_Tier\":\"%s\"%s" STR_FMT "%s}", tier_names[row->tier],
                                  text.len ? ",\"x_ContextBand\":\"" : "", STR_ARG(text), text.len ? "\"" : ""));
    buf_deinit(&band);
}

static void set_resource(struct writer *writer, const struct bill_row *row)
{
    const struct str region = region_of(row->price);
    const bool is_engine = str_eq(row->provider, STR(LEDGER_PROVIDER_ENGINE));
    struct str id = row->profile, type = STR("Application Inference Profile");
    if (id.len == 0) {
        type = STR("Model");
        id = is_engine ? kept(writer, arena_printf(&writer->arena, "arn:aws:bedrock:::foundation-model/" STR_FMT,
                                                   STR_ARG(row->model)))
                       : row->model;
    }
    writer->values[AT_RegionId] = writer->values[AT_RegionName] = region;
    writer->values[AT_ResourceId] = id;
    writer->values[AT_ResourceType] = type;
    writer->values[AT_ResourceName] = row->profile.len == 0 && is_engine ? row->model : (struct str){NULL, 0};
    writer->values[AT_x_Upstream] = is_engine ? (struct str){NULL, 0} : row->provider;
    writer->values[AT_PublisherName] = is_engine ? STR(COMPANY) : row->provider;
}

/* --- rows --- */

static void set_constants(struct writer *writer)
{
    struct str *values = writer->values;
    values[AT_BillingAccountId] = values[AT_BillingAccountName] = str_of(writer->focus->account);
    values[AT_BillingCurrency] = STR("USD");
    values[AT_ChargeFrequency] = STR("Usage-Based");
    values[AT_InvoiceIssuerName] = values[AT_ProviderName] = STR(COMPANY);
    values[AT_ServiceCategory] = STR("AI and Machine Learning");
    values[AT_ServiceSubcategory] = STR("Generative AI");
    values[AT_ServiceName] = STR(COMPANY " Inference");
}

static void set_usage(struct writer *writer, const struct bill_row *row)
{
    struct str *values = writer->values;
    const struct str price = decimal(writer, row->rate, DIGITS_ATTO); /* of a token, not of a million picodollars */
    values[AT_ChargeCategory] = STR("Usage");
    values[AT_PricingCategory] = STR("Standard");
    values[AT_ConsumedQuantity] = values[AT_PricingQuantity] = decimal(writer, (bill_money)row->tokens, 0);
    values[AT_ConsumedUnit] = values[AT_PricingUnit] = STR("Tokens");
    values[AT_ListUnitPrice] = values[AT_ContractedUnitPrice] = price;
    if (row->has_paid)
        values[AT_x_CostAfterSavings] = decimal(writer, row->paid, DIGITS_PICO);
    if (row->input_tokens > 0)
        values[AT_x_HitRate] = decimal(writer, (bill_money)row->read_tokens * 1000000 / row->input_tokens, 6);
    set_sku(writer, row);
    values[AT_ChargeDescription] = kept(writer, arena_printf(&writer->arena,
                                                             "%s tokens at the list price of " STR_FMT
                                                             ", standard tier, no cache",
                                                             values[AT_SkuMeter].data, STR_ARG(sku_of(row))));
}

static void set_lever(struct writer *writer, const struct bill_row *row)
{
    const bool is_shadow = row->lever == LEVER_SHADOW;
    writer->values[AT_ChargeCategory] = row->cost < 0 ? STR("Credit") : STR("Adjustment");
    writer->values[AT_x_Lever] = str_of(price_lever_names[row->lever]);
    writer->values[AT_ChargeDescription] =
        is_shadow ? STR("Answers that nobody asked for, from which routers learn")
                  : kept(writer, arena_printf(&writer->arena, "%s by the lever %s, against the list price",
                                              row->cost < 0 ? "Saved" : "Spent more", price_lever_names[row->lever]));
}

static void set_rounding(struct writer *writer, const struct bill_row *row)
{
    writer->values[AT_ChargeCategory] = STR("Adjustment");
    writer->values[AT_ChargeDescription] = row->has_price
                                               ? STR("Rounding of each request to the picodollar")
                                               : STR("Requests whose list price the ledger does not have");
}

static void set_row(struct writer *writer, const struct bill_row *row)
{
    struct str *values = writer->values;
    memset(writer->values, 0, sizeof(writer->values));
    set_constants(writer);
    set_times(writer, row);
    set_resource(writer, row);
    values[AT_BilledCost] = values[AT_ContractedCost] = values[AT_EffectiveCost] = values[AT_ListCost] =
        decimal(writer, row->cost, DIGITS_ATTO);
    values[AT_SubAccountId] = values[AT_SubAccountName] = row->tenant;
    values[AT_Tags] = row->tags;
    values[AT_x_Batch] = row->tier == TIER_BATCH ? STR("true") : STR("false");
    values[AT_x_Model] = row->model;
    values[AT_x_Tier] = str_of(tier_names[row->tier]);
    if (row->kind != BILL_ROUNDING)
        values[AT_x_RequestCount] = decimal(writer, (bill_money)row->requests, 0);
    switch (row->kind) {
    case BILL_USAGE: set_usage(writer, row); break;
    case BILL_LEVER: set_lever(writer, row); break;
    case BILL_ROUNDING: set_rounding(writer, row); break;
    }
}

static enum error_code write_row(void *ctx, const struct bill_row *row, struct error *error)
{
    struct writer *writer = ctx;
    arena_reset(&writer->arena);
    set_row(writer, row);
    if (writer->has_failed)
        return error_no_memory(error);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        buf_append_text(&writer->out, i ? "," : "");
        csv_append(&writer->out, writer->values[i]);
    }
    buf_append_char(&writer->out, '\n');
    return out_file_flush(writer->file, &writer->out, FLUSH_BYTES, error);
}

enum error_code cmd_ledger_focus(struct ledger_view *view, const struct ledger_focus *focus, struct out_file *out,
                                 struct error *error)
{
    struct writer writer = {.focus = focus, .file = out};
    buf_init(&writer.out, OUT_MAX);
    arena_init(&writer.arena, ROW_BYTES_MAX);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        buf_appendf(&writer.out, "%s%s", i ? "," : "", column_names[i]);
    buf_append_char(&writer.out, '\n');
    enum error_code code = ledger_bill(view, &focus->query, write_row, &writer, error);
    if (code == OK)
        code = out_file_flush(out, &writer.out, 0, error);
    arena_deinit(&writer.arena);
    buf_deinit(&writer.out);
    return code;
}
