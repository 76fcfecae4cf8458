/* ledger_reconcile.c - `fulcrum ledger reconcile`: its arguments, whose lines are compared, and how what differs is
 * printed. What differs is reconcile/compare.h's. See ledger_reconcile.h. */
#include "cmd/ledger_reconcile.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd_io.h"
#include "cmd/report_fetch.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "core/json.h"
#include "core/util.h"
#include "ledger/money.h"
#include "ledger/view.h"
#include "reconcile/compare.h"
#include "upstream/config.h"

static const char usage[] =
    "usage: fulcrum ledger reconcile --provider openai|anthropic|bedrock-cur FILE|URL...\n"
    "                                [--by day|hour] [--from TIME] [--to TIME] [--upstream NAMES] [--same NAMES]\n"
    "                                [--project ID] [--key ID] [--tolerance PERCENT] [--key-env NAME] [--json]\n"
    "                                [--data DIR] [--config FILE]\n"
    "Compares the ledger with what a provider says was used: by day, model, class of tokens and tier, requests and\n"
    "dollars. Prints what differs and why, and exits with 0 where nothing does, 1 where something does, 2 where they\n"
    "could not be compared. Several reports, say one of usage and one of costs, count together.\n\n"
    "  --provider NAME      openai: pages of organization/usage and organization/costs, exports of the usage page;\n"
    "                       anthropic: usage_report/messages, cost_report, exports of the console;\n"
    "                       bedrock-cur: AWS's Cost and Usage Report, CUR 2.0 or FOCUS, CSV, compressed or not\n"
    "  FILE, URL            a file, - for standard input, or an address, which is asked for page by page. Without a\n"
    "                       query it is asked for --from to --to\n"
    "  --by day|hour        periods that are compared; UTC. Without it days\n"
    "  --from TIME          requests that came at TIME or later, --to TIME those before it; without them what the\n"
    "                       reports cover\n"
    "  --upstream NAMES     upstreams whose requests the provider bills, with commas between them; without it those\n"
    "                       of fulcrum.yaml that are the provider's\n"
    "  --same THEIRS=OURS   a model that the provider calls THEIRS and the ledger OURS; several with commas\n"
    "  --project ID         rows of that project (OpenAI), workspace (Anthropic) or account (AWS) alone\n"
    "  --key ID             rows of that key of the provider's alone\n"
    "  --tolerance PERCENT  what a figure may differ by, of the provider's; without it 0\n"
    "  --key-env NAME       the variable that has the key for administrators; without it OPENAI_ADMIN_KEY or\n"
    "                       ANTHROPIC_ADMIN_KEY\n"
    "  --json               one object for each figure that differs, and one for all; costs are picodollars\n"
    "  --data DIR           the server's data directory; without it that of the configuration\n";

#define HOUR_US UINT64_C(3600000000)
#define DAY_US (24 * HOUR_US)
#define NAMES_MAX 64
#define OUT_MAX (16u << 20)
#define MILLION 1000000
#define MILLIONTHS_OF_PERCENT 4 /* as a power of ten */
#define TABLE_LINE "%-16s %-28s %-26s %-8s %18s %18s  "

struct options {
    bool is_json;
    struct report_reader reader;
    struct report_fetch fetch;
    struct compare_settings settings;
    struct str upstreams[NAMES_MAX];
    struct str same[2 * NAMES_MAX];
    const char *data;
    struct config config;
    int where; /* argv from here on are the reports */
};

/* As given. */
struct given {
    const char *provider, *by, *from, *to, *upstream, *same, *project, *key, *tolerance, *key_env, *data, *config;
};

static bool refuse(const char *option, const char *expected, const char *got)
{
    fprintf(stderr, "fulcrum ledger: --%s: expected %s, got '%s'\n", option, expected, got);
    return false;
}

/* --- the command line -------------------------------------------------------------------------------- */

static bool parse_provider(const char *name, struct options *options)
{
    for (size_t i = 0; name && i < REPORT_KINDS; i++)
        if (str_eq(str_of(name), str_of(report_kind_names[i]))) {
            options->reader.kind = (enum report_kind)i;
            return true;
        }
    return refuse("provider", "openai, anthropic or bedrock-cur", name ? name : "nothing");
}

static bool parse_times(const struct given *given, struct options *options)
{
    struct compare_settings *settings = &options->settings;
    const bool is_hourly = given->by && str_eq(str_of(given->by), STR("hour"));
    settings->period_us = is_hourly ? HOUR_US : DAY_US;
    if (given->by && !is_hourly && !str_eq(str_of(given->by), STR("day")))
        return refuse("by", "day or hour", given->by);
    if (given->from && !clock_parse(str_of(given->from), &settings->from_us))
        return refuse("from", "a time such as 2026-11-29", given->from);
    if (given->to && !clock_parse(str_of(given->to), &settings->to_us))
        return refuse("to", "a time such as 2026-11-29", given->to);
    if (settings->from_us % settings->period_us || settings->to_us % settings->period_us)
        return refuse(settings->from_us % settings->period_us ? "from" : "to",
                      is_hourly ? "the beginning of an hour" : "the beginning of a day, or --by hour",
                      settings->from_us % settings->period_us ? given->from : given->to);
    options->fetch.from_us = settings->from_us;
    options->fetch.to_us = settings->to_us;
    options->fetch.is_hourly = is_hourly;
    return true;
}

static bool parse_same(const char *text, struct options *options)
{
    struct str rest = str_of(text), pair;
    while (str_split(&rest, ',', &pair)) {
        const ptrdiff_t sign = str_find_char(pair, '=', 0);
        if (sign <= 0 || (size_t)sign + 1 == pair.len || options->settings.same_count == NAMES_MAX)
            return refuse("same", "pairs such as THEIRS=OURS, 64 at most", text);
        struct str *same = &options->same[2 * options->settings.same_count++];
        same[0] = str_trim(str_slice(pair, 0, (size_t)sign));
        same[1] = str_trim(str_slice(pair, (size_t)sign + 1, pair.len));
    }
    return true;
}

static bool add_upstream(struct options *options, struct str name)
{
    if (name.len == 0 || options->settings.upstream_count == NAMES_MAX)
        return false;
    options->upstreams[options->settings.upstream_count++] = name;
    return true;
}

static bool parse_upstreams(const char *text, struct options *options)
{
    struct str rest = str_of(text), name;
    while (str_split(&rest, ',', &name))
        if (!add_upstream(options, str_trim(name)))
            return refuse("upstream", "names of upstreams, 64 at most", text);
    return true;
}

static bool parse_tolerance(const char *text, struct options *options)
{
    int64_t millionths;
    if (!report_decimal(str_of(text), MILLIONTHS_OF_PERCENT, &millionths, NULL) || millionths < 0 ||
        millionths > MILLION)
        return refuse("tolerance", "percent, 0 to 100", text);
    options->settings.tolerance = (uint64_t)millionths;
    return true;
}

static bool parse_given(const struct given *given, struct options *options)
{
    options->reader.filter = (struct report_filter){str_of(given->project), str_of(given->key)};
    options->fetch.key_env = given->key_env;
    options->data = given->data;
    if (given->key && options->reader.kind == REPORT_BEDROCK_CUR)
        return refuse("key", "none with bedrock-cur, whose rows name no key", given->key);
    return parse_times(given, options) && (!given->same || parse_same(given->same, options)) &&
           (!given->upstream || parse_upstreams(given->upstream, options)) &&
           (!given->tolerance || parse_tolerance(given->tolerance, options));
}

/* False when the command is over with *status. */
static bool parse_options(int argc, char **argv, struct options *options, const char **config, int *status)
{
    struct given given = {0};
    const struct cmd_option known[] = {
        {"provider", .value = &given.provider}, {"by", .value = &given.by},
        {"from", .value = &given.from},         {"to", .value = &given.to},
        {"upstream", .value = &given.upstream}, {"same", .value = &given.same},
        {"project", .value = &given.project},   {"key", .value = &given.key},
        {"tolerance", .value = &given.tolerance}, {"key-env", .value = &given.key_env},
        {"data", .value = &given.data},         {"config", .value = &given.config},
        {"json", .flag = &options->is_json},
    };
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    *config = given.config;
    options->where = optind;
    if (!parse_provider(given.provider, options) || !parse_given(&given, options))
        return false;
    if (optind >= argc)
        fprintf(stderr, "fulcrum ledger: expected the provider's report: a file or an address\n%s", usage);
    return optind < argc;
}

/* --- whose lines ------------------------------------------------------------------------------------- */

static bool is_billed_by(const struct upstream_config *upstream, enum report_kind kind)
{
    const char *provider = upstream_provider(upstream);
    if (kind == REPORT_BEDROCK_CUR)
        return upstream->kind == UPSTREAM_BEDROCK;
    return provider && str_eq(str_of(provider), str_of(report_kind_names[kind]));
}

/* Those of the configuration, where the command line names none. */
static enum error_code find_upstreams(struct options *options, const char *path, struct error *error)
{
    const bool is_needed = options->settings.upstream_count == 0 || !options->data;
    if (!is_needed)
        return OK;
    const enum error_code code = config_load(config_find(path), program_sections, &options->config, error);
    if (code != OK)
        return code;
    if (!options->data)
        options->data = options->config.data;
    if (options->settings.upstream_count > 0)
        return OK;
    const struct upstreams_config *upstreams = upstreams_config(&options->config);
    for (size_t i = 0; i < upstreams->count; i++)
        if (is_billed_by(&upstreams->items[i], options->reader.kind) &&
            !add_upstream(options, str_of(upstreams->items[i].name)))
            return error_set(error, ERROR_INVALID, "more than %d upstreams: name those that count with --upstream",
                             NAMES_MAX);
    return options->settings.upstream_count > 0
               ? OK
               : error_set(error, ERROR_INVALID, "no upstream of the configuration is billed by %s: name those that "
                                                 "are with --upstream",
                           report_kind_names[options->reader.kind]);
}

/* --- what is printed --------------------------------------------------------------------------------- */

struct printer {
    const struct options *options;
    struct buf out;
    uint64_t rows;
};

static bool is_money(unsigned measure)
{
    return measure >= REPORT_COST;
}

/* Picodollars as dollars, other figures as they are. */
static const char *figure_text(unsigned measure, int64_t value, char text[MONEY_TEXT])
{
    if (is_money(measure))
        return money_dollars((ledger_sum)value, text);
    (void)snprintf(text, MONEY_TEXT, "%" PRId64, value);
    return text;
}

static void append_period(struct buf *out, uint64_t period_us, uint64_t time_us)
{
    char time[TIMESTAMP_LEN + 1], shown[TIMESTAMP_LEN + 1];
    clock_iso8601(time_us, time);
    (void)snprintf(shown, sizeof(shown), period_us == DAY_US ? "%.10s" : "%.13s:00Z", time);
    buf_append_text(out, shown);
}

static const char *tier_name(enum tier tier)
{
    return tier < TIERS_PRICED ? tier_names[tier] : "";
}

/* The row that is to be mended, and from which rate to which: dollars per million tokens. */
static void append_price(struct buf *out, const struct compare_difference *difference)
{
    char ours[MONEY_TEXT], theirs[MONEY_TEXT];
    if (difference->why != WHY_PRICE || difference->price.len == 0)
        return;
    buf_appendf(out, " (" STR_FMT "%s", STR_ARG(difference->price), difference->has_prices ? " and others" : "");
    if (difference->our_rate && difference->their_rate)
        buf_appendf(out, ": %s a million tokens, there %s", money_dollars(difference->our_rate, ours),
                    money_dollars(difference->their_rate, theirs));
    buf_append_char(out, ')');
}

static void append_evidence(struct buf *out, const struct compare_evidence *evidence)
{
    const struct {
        uint64_t count;
        const char *what;
    } all[] = {{evidence->estimated, "estimated"}, {evidence->odd, "odd"}, {evidence->broken_off, "broken off"},
               {evidence->retries, "tried again"}};
    const char *separator = " [";
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].count > 0) {
            buf_appendf(out, "%s%" PRIu64 " %s", separator, all[i].count, all[i].what);
            separator = ", ";
        }
    if (separator[0] == ',')
        buf_append_char(out, ']');
}

static void append_table_row(struct printer *printer, const struct compare_difference *difference)
{
    static const char *const dollars[] = {"dollars", "dollars of input", "dollars of cache read",
                                          "dollars of cache write", "dollars of cache write 1h", "dollars of output"};
    const unsigned measure = difference->measure;
    char ours[MONEY_TEXT], theirs[MONEY_TEXT], model[32];
    struct buf *out = &printer->out;
    if (printer->rows == 0)
        buf_appendf(out, TABLE_LINE "%s\n", "period", "model", "figure", "tier", "ledger", "provider", "why");
    (void)snprintf(model, sizeof(model), STR_FMT,
                   STR_ARG(difference->model.len > 0 ? str_slice(difference->model, 0, 28) : STR("(none)")));
    const size_t begin = out->len;
    append_period(out, printer->options->settings.period_us, difference->period_us);
    while (out->len < begin + 17 && buf_append_char(out, ' '))
        ;
    buf_appendf(out, "%-28s %-26s %-8s %18s %18s  ", model,
                is_money(measure) ? dollars[measure - REPORT_COST] : report_measure_names[measure],
                tier_name(difference->tier), figure_text(measure, difference->ours, ours),
                figure_text(measure, difference->theirs, theirs));
    buf_append_text(out, compare_why_names[difference->why]);
    append_price(out, difference);
    append_evidence(out, &difference->evidence);
    buf_append_char(out, '\n');
}

static void append_json_row(struct printer *printer, const struct compare_difference *difference)
{
    const struct compare_evidence *evidence = &difference->evidence;
    struct buf *out = &printer->out;
    buf_append_text(out, "{\"period\":\"");
    append_period(out, printer->options->settings.period_us, difference->period_us);
    buf_append_char(out, '"');
    json_append_member(out, "model", difference->model);
    json_append_member(out, "figure", str_of(report_measure_names[difference->measure]));
    if (difference->tier < TIERS_PRICED)
        json_append_member(out, "tier", str_of(tier_names[difference->tier]));
    buf_appendf(out, ",\"ledger\":%" PRId64 ",\"provider\":%" PRId64, difference->ours, difference->theirs);
    json_append_member(out, "why", str_of(compare_why_names[difference->why]));
    if (difference->price.len > 0)
        json_append_member(out, "priceBook", difference->price);
    if (difference->our_rate && difference->their_rate)
        buf_appendf(out, ",\"ledgerRate\":%" PRId64 ",\"providerRate\":%" PRId64, difference->our_rate,
                    difference->their_rate);
    buf_appendf(out, ",\"estimated\":%" PRIu64 ",\"odd\":%" PRIu64, evidence->estimated, evidence->odd);
    buf_appendf(out, ",\"brokenOff\":%" PRIu64 ",\"triedAgain\":%" PRIu64 "}\n", evidence->broken_off,
                evidence->retries);
}

static enum error_code print_difference(void *ctx, const struct compare_difference *difference, struct error *error)
{
    struct printer *printer = ctx;
    (printer->options->is_json ? append_json_row : append_table_row)(printer, difference);
    printer->rows++;
    if (printer->out.failed || fwrite(printer->out.data, 1, printer->out.len, stdout) != printer->out.len)
        return error_set(error, ERROR_IO, "standard output is gone");
    buf_clear(&printer->out);
    return OK;
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void append_both(struct buf *out, const struct compare_sums *sums, unsigned measure, const char *what)
{
    char ours[MONEY_TEXT], theirs[MONEY_TEXT];
    if (sums->said & (1u << measure))
        buf_appendf(out, "; %s: ledger %s, provider %s", what, figure_text(measure, sums->ours[measure], ours),
                    figure_text(measure, sums->theirs[measure], theirs));
}

static void append_conclusion(struct printer *printer, const struct compare_sums *sums)
{
    struct buf *out = &printer->out;
    for (size_t i = 0; i < WHYS; i++)
        if (sums->by_why[i] > 0)
            buf_appendf(out, "%s: %s\n", compare_why_names[i], compare_why_texts[i]);
    buf_append_text(out, sums->differences > 0 ? "differs: " : "equal: ");
    append_period(out, HOUR_US, sums->from_us);
    buf_append_text(out, " to ");
    append_period(out, HOUR_US, sums->to_us);
    buf_appendf(out, ", %" PRIu64 " of %" PRIu64 " figures differ", sums->differences, sums->figures);
    append_both(out, sums, REPORT_REQUESTS, "requests");
    append_both(out, sums, REPORT_COST, "dollars");
    buf_append_char(out, '\n');
}

static void append_json_conclusion(struct printer *printer, const struct compare_sums *sums)
{
    char from[TIMESTAMP_LEN + 1], to[TIMESTAMP_LEN + 1];
    const char *separator = "";
    struct buf *out = &printer->out;
    clock_iso8601(sums->from_us, from);
    clock_iso8601(sums->to_us, to);
    buf_appendf(out, "{\"conclusion\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"requests\":%" PRIu64 ",\"rows\":%" PRIu64
                     ",\"figures\":%" PRIu64 ",\"differences\":%" PRIu64 ",\"why\":{",
                sums->differences > 0 ? "differs" : "equal", from, to, sums->lines, sums->items, sums->figures,
                sums->differences);
    for (size_t i = 0; i < WHYS; i++)
        if (sums->by_why[i] > 0) {
            buf_appendf(out, "%s\"%s\":%" PRIu64, separator, compare_why_names[i], sums->by_why[i]);
            separator = ",";
        }
    buf_append_char(out, '}');
    for (unsigned i = 0; i <= REPORT_COST; i++)
        if (sums->said & (1u << i))
            buf_appendf(out, ",\"%s\":{\"ledger\":%" PRId64 ",\"provider\":%" PRId64 "}",
                        i == REPORT_REQUESTS ? "requestsCounted" : report_measure_names[i], sums->ours[i],
                        sums->theirs[i]);
    buf_append_text(out, "}\n");
}

/* --- the course -------------------------------------------------------------------------------------- */

static enum error_code read_reports(const struct options *options, char **where, struct error *error)
{
    enum error_code code = OK;
    for (; *where && code == OK; where++)
        code = report_is_address(*where) ? report_fetch(&options->fetch, *where, error)
                                         : report_read_file(&options->reader, *where, error);
    return code;
}

static enum error_code read_ledger(const char *data, struct compare *compare, struct error *error)
{
    struct ledger_view *view;
    enum error_code code = ledger_view_open(data, &view, error);
    if (code != OK)
        return code;
    code = ledger_view_lines(view, compare_line, compare, error);
    ledger_view_close(view);
    return code;
}

static enum error_code print_all(const struct options *options, struct compare *compare, bool *is_equal,
                                 struct error *error)
{
    struct printer printer = {.options = options};
    struct compare_sums sums;
    buf_init(&printer.out, OUT_MAX);
    enum error_code code = compare_all(compare, print_difference, &printer, &sums, error);
    const bool is_filtered = options->reader.filter.project.len > 0 || options->reader.filter.key.len > 0;
    if (code == OK && (sums.from_us == sums.to_us || (is_filtered && sums.items == 0)))
        code = error_set(error, ERROR_INVALID, "the report has nothing to compare: no row of usage of %s%s",
                         report_kind_names[options->reader.kind],
                         is_filtered ? " in that project or with that key" : "");
    if (code == OK) {
        (options->is_json ? append_json_conclusion : append_conclusion)(&printer, &sums);
        if (fwrite(printer.out.data, 1, printer.out.len, stdout) != printer.out.len || fflush(stdout))
            code = error_set(error, ERROR_IO, "standard output is gone");
    }
    *is_equal = code == OK && sums.differences == 0;
    buf_deinit(&printer.out);
    return code;
}

static enum error_code reconcile(struct options *options, char **where, const char *config, bool *is_equal,
                                 struct error *error)
{
    enum error_code code = find_upstreams(options, config, error);
    if (code != OK)
        return code;
    struct compare *compare = compare_new(&options->settings);
    if (!compare)
        return error_no_memory(error);
    options->reader.sink = (struct report_sink){compare, compare_item, compare_bucket};
    code = read_reports(options, where, error);
    if (code == OK)
        code = read_ledger(options->data, compare, error);
    if (code == OK)
        code = print_all(options, compare, is_equal, error);
    compare_free(compare);
    return code;
}

int cmd_ledger_reconcile(int argc, char **argv)
{
    struct options options = {.where = 0};
    const char *config = NULL;
    struct error error;
    bool is_equal = false;
    int status = CMD_USAGE;
    if (!parse_options(argc, argv, &options, &config, &status))
        return status;
    options.fetch.reader = &options.reader;
    options.settings.upstreams = options.upstreams;
    options.settings.same = options.same;
    const enum error_code code = reconcile(&options, argv + options.where, config, &is_equal, &error);
    config_deinit(&options.config);
    if (code != OK)
        return cmd_fail("ledger", &error, CMD_USAGE);
    return is_equal ? CMD_DONE : CMD_FAILED;
}
