/* ledger.c - `fulcrum ledger`: what requests cost and what the levers saved,
 * from the data directory, with or without a server that runs on it. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/ledger_check.h"
#include "cmd/ledger_focus.h"
#include "cmd/ledger_reconcile.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "core/util.h"
#include "ledger/fields.h"

#define OUT_MAX (4u << 20)
#define FLUSH_BYTES (64u << 10)

static const char usage[] =
    "usage: fulcrum ledger summary [--by WHAT] [--from TIME] [--to TIME] [--tenant NAME] [--limit N]\n"
    "                              [--json|--csv] [--data DIR | --config FILE]\n"
    "       fulcrum ledger export [--json|--csv] [--out FILE] [--data DIR | --config FILE]\n"
    "       fulcrum ledger export --focus [--by day|hour] [--from TIME] [--to TIME] [--tenant NAME]\n"
    "                             [--metadata KEYS] [--account ID] [--out FILE] [--data DIR | --config FILE]\n"
    "       fulcrum ledger check [--json] [--data DIR | --config FILE]\n"
    "       fulcrum ledger reconcile --provider openai|anthropic|bedrock-cur FILE|URL... (--help says more)\n"
    "What requests cost and what was saved against the model asked for, on demand, standard tier, no cache.\n"
    "`export` prints every request, `summary` sums. `check` names lines and price rows that are not what was\n"
    "written, and exits with 1 if there are any. A server may run on the data directory meanwhile.\n"
    "`--focus` exports charges instead of requests, a FOCUS 1.2 file: usage at list price by period, tenant, model,\n"
    "tier and class of tokens, and what each lever saved as credits. They add up to the ledger's cost.\n\n"
    "  --by WHAT      one row for each day, hour or minute (UTC), tenant, model that answered, tier, operation,\n"
    "                 outcome, miss (why the prompt did not come from the cache whole), provider, router, key\n"
    "                 (ID of the virtual key that asked), application inference profile, tag:KEY (value of the\n"
    "                 profiles' tag), or lever\n"
    "  --from TIME    requests that came at TIME or later, --to TIME those before it; UTC, as 2026-11-29,\n"
    "                 2026-11-29T21:47 or 2026-11-29T21:47:05, Z may stand behind\n"
    "  --tenant NAME  requests of that tenant\n"
    "  --limit N      the last N days, hours or minutes; of others the N that cost most\n"
    "  --json         one object a line; costs are picodollars, 10^-12 dollars\n"
    "  --csv          the same fields as comma-separated values, a header first\n"
    "  --metadata K   keys of requests' metadata, with commas between them, that become tags: session\n"
    "  --account ID   the billing account of a FOCUS file; without it `fulcrum`\n"
    "  --out FILE     writes FILE, which is there once it is whole, instead of standard output\n"
    "  --data DIR     the server's data directory; without it that of the configuration\n";

#define LEVER "lever"
#define LIMIT_MAX 1000000

enum { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

struct options {
    bool is_export, is_check;
    int format; /* of the three */
    struct ledger_query query;
    bool is_by_lever;
    const char *by_name; /* as given */
    bool is_focus;
    struct ledger_focus focus;
    const char *data, *config, *out;
};

struct printer {
    struct buf out;
    struct out_file *file;
    const struct options *options;
    size_t rows;
};

/* Millions of lines go through a buffer of some KiB. */
static enum error_code flush(struct printer *printer, size_t threshold, struct error *error)
{
    return out_file_flush(printer->file, &printer->out, threshold, error);
}

/* For people: dollars to six decimals. */
static double dollars(ledger_sum value)
{
    return (double)value / 1e12;
}

static enum error_code print_row(struct printer *printer, const struct ledger_fields *row, struct error *error)
{
    if (printer->options->format == FORMAT_JSON) {
        ledger_fields_append_json(&printer->out, row);
        buf_append_char(&printer->out, '\n');
    } else {
        if (printer->rows == 0)
            ledger_fields_append_header(&printer->out, row);
        ledger_fields_append_csv(&printer->out, row);
    }
    printer->rows++;
    return flush(printer, FLUSH_BYTES, error);
}

/* --- export --- */

static void append_line_table(struct printer *printer, const struct ledger_line *line, const char *time)
{
    const uint64_t *tokens = line->usage.tokens;
    if (printer->rows++ == 0)
        buf_append_text(&printer->out, "time                      tenant            model             tier       input"
                                       "     read    write   output        ms  outcome          dollars       saved\n");
    buf_appendf(&printer->out,
                "%s  %-16.*s  %-16.*s  %-8s %7" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %9" PRIu64
                "  %-9s  %13.9f %11.9f\n",
                time, STR_ARG(line->tenant), STR_ARG(line->model_invoked), tier_names[line->tier],
                tokens[PRICE_INPUT], tokens[PRICE_CACHE_READ],
                tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H], tokens[PRICE_OUTPUT],
                line->latency_us / 1000, ledger_outcome_names[line->outcome], dollars((ledger_sum)line->quote.cost),
                dollars((ledger_sum)line->quote.baseline - (ledger_sum)line->quote.cost));
}

static enum error_code print_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct printer *printer = ctx;
    struct ledger_fields row = {.count = 0};
    if (printer->options->format == FORMAT_TABLE) {
        char time[TIMESTAMP_LEN + 1];
        clock_iso8601(line->time_us, time);
        append_line_table(printer, line, time);
        return flush(printer, FLUSH_BYTES, error);
    }
    ledger_fields_line(&row, line, false);
    return print_row(printer, &row, error);
}

/* --- summary --- */

static ledger_sum saved_of(const struct ledger_group *group)
{
    return group->baseline - group->cost;
}

static double percent(ledger_sum part, ledger_sum whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

static void add_group(struct ledger_fields *row, const struct ledger_group *group, const struct options *options)
{
    if (options->query.by != LEDGER_BY_NOTHING)
        ledger_fields_text(row, options->by_name, group->key);
    ledger_fields_counts(row, group);
    ledger_fields_number(row, "costPicodollars", group->cost);
    ledger_fields_number(row, "baselinePicodollars", group->baseline);
    ledger_fields_number(row, "savedPicodollars", saved_of(group));
    for (size_t i = 0; i < LEVERS; i++)
        ledger_fields_number(row, ledger_saved_fields[i], group->saved[i]);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        ledger_fields_number(row, ledger_class_fields[i], group->classes[i]);
    ledger_fields_number(row, "cacheHits", (ledger_sum)group->cache_hits);
    ledger_fields_number(row, "attempts", (ledger_sum)group->attempts);
    ledger_fields_number(row, "latencyMs", (ledger_sum)(group->latency_us / 1000));
    ledger_fields_number(row, "timeToFirstTokenMs", (ledger_sum)(group->first_token_us / 1000));
    ledger_fields_number(row, "firstTokens", (ledger_sum)group->first_tokens);
}

static void append_group_table(struct printer *printer, const struct ledger_group *group)
{
    const uint64_t *tokens = group->usage.tokens;
    struct str key = printer->options->query.by == LEDGER_BY_NOTHING ? STR("all") : group->key;
    if (key.len == 0)
        key = STR("(none)");
    if (printer->rows++ == 0)
        buf_appendf(&printer->out,
                    "%-24s requests   failed cancelled      input       read      write     output       dollars"
                    "      baseline         saved\n", printer->options->by_name);
    buf_appendf(&printer->out,
                "%-24.*s %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
                " %13.6f %13.6f %13.6f  %5.1f%%\n",
                STR_ARG(key), ledger_group_requests(group), group->outcomes[LEDGER_FAILED],
                group->outcomes[LEDGER_CANCELLED],
                tokens[PRICE_INPUT], tokens[PRICE_CACHE_READ],
                tokens[PRICE_CACHE_WRITE_5M] + tokens[PRICE_CACHE_WRITE_1H], tokens[PRICE_OUTPUT],
                dollars(group->cost), dollars(group->baseline), dollars(saved_of(group)),
                percent(saved_of(group), group->baseline));
}

static enum error_code print_lever(struct printer *printer, const char *name, uint64_t touched, ledger_sum saved,
                                   ledger_sum baseline, struct error *error)
{
    if (printer->options->format == FORMAT_TABLE) {
        if (printer->rows++ == 0)
            buf_append_text(&printer->out, "lever     requests         saved  of baseline\n");
        buf_appendf(&printer->out, "%-8s %9" PRIu64 " %13.6f       %5.1f%%\n", name, touched, dollars(saved),
                    percent(saved, baseline));
        return flush(printer, FLUSH_BYTES, error);
    }
    struct ledger_fields row = {.count = 0};
    ledger_fields_text(&row, "lever", str_of(name));
    ledger_fields_number(&row, "requests", (ledger_sum)touched);
    ledger_fields_number(&row, "savedPicodollars", saved);
    ledger_fields_number(&row, "baselinePicodollars", baseline);
    return print_row(printer, &row, error);
}

static enum error_code print_levers(struct printer *printer, const struct ledger_group *group, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < LEVERS && code == OK; i++)
        code = print_lever(printer, price_lever_names[i], group->touched[i], group->saved[i], group->baseline, error);
    if (code == OK)
        code = print_lever(printer, "total", ledger_group_requests(group), saved_of(group), group->baseline, error);
    return code;
}

static enum error_code print_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct printer *printer = ctx;
    if (printer->options->is_by_lever)
        return print_levers(printer, group, error);
    if (printer->options->format == FORMAT_TABLE) {
        append_group_table(printer, group);
        return flush(printer, FLUSH_BYTES, error);
    }
    struct ledger_fields row = {.count = 0};
    add_group(&row, group, printer->options);
    return print_row(printer, &row, error);
}

/* --- the command line --- */

static bool parse_by(const char *name, struct options *options)
{
    const struct str text = str_of(name);
    options->by_name = name;
    options->is_by_lever = str_eq(text, STR(LEVER));
    if (options->is_by_lever ||
        (ledger_by_parse(text, &options->query.by, &options->query.tag) && options->query.by != LEDGER_BY_NOTHING))
        return true;
    fprintf(stderr, "fulcrum ledger: --by: expected " LEDGER_BY_WORDS " or lever, got '%s'\n", name);
    return false;
}

static bool parse_time(const char *option, const char *text, uint64_t *us)
{
    if (clock_parse(str_of(text), us))
        return true;
    fprintf(stderr, "fulcrum ledger: --%s: expected a time such as 2026-11-29 or 2026-11-29T21:47:05Z, got '%s'\n",
            option, text);
    return false;
}

static bool parse_limit(const char *text, uint32_t *limit)
{
    uint64_t number;
    if (!str_to_u64(str_of(text), &number) || number == 0 || number > LIMIT_MAX) {
        fprintf(stderr, "fulcrum ledger: --limit: expected 1 to %d, got '%s'\n", LIMIT_MAX, text);
        return false;
    }
    *limit = (uint32_t)number;
    return true;
}

/* What only a summary has, and what only a FOCUS file. */
struct bounds {
    const char *by, *from, *to, *tenant, *limit;
    const char *metadata, *account;
};

static bool parse_bounds(const struct bounds *given, struct options *options)
{
    struct ledger_query *query = &options->query;
    if ((given->by && !parse_by(given->by, options)) ||
        (given->from && !parse_time("from", given->from, &query->from_us)) ||
        (given->to && !parse_time("to", given->to, &query->to_us)) ||
        (given->limit && !parse_limit(given->limit, &query->limit)))
        return false;
    if (given->tenant)
        query->tenant = str_of(given->tenant);
    return true;
}

/* Keys of requests' metadata that the ledger has. */
static bool parse_metadata(const char *keys, struct bill_query *query)
{
    struct str rest = str_of(keys), key;
    while (str_split(&rest, ',', &key)) {
        if (!str_eq(str_trim(key), STR("session"))) {
            fprintf(stderr, "fulcrum ledger: --metadata: the ledger keeps session alone, not '" STR_FMT "'\n",
                    STR_ARG(key));
            return false;
        }
        query->has_session = true;
    }
    return true;
}

/* Of whole seconds, as a FOCUS file's times are. */
static bool parse_focus(const struct bounds *given, struct options *options)
{
    const struct ledger_query *query = &options->query;
    struct ledger_focus *focus = &options->focus;
    focus->query = (struct bill_query){.from_us = query->from_us, .to_us = query->to_us, .tenant = query->tenant,
                                       .by = given->by ? query->by : LEDGER_BY_DAY};
    focus->account = given->account ? given->account : "fulcrum";
    if (focus->query.by != LEDGER_BY_DAY && focus->query.by != LEDGER_BY_HOUR)
        fprintf(stderr, "fulcrum ledger: --by: a FOCUS file goes by day or hour, not by %s\n", options->by_name);
    else if (given->limit || options->format == FORMAT_JSON)
        fprintf(stderr, "fulcrum ledger: --focus has no %s\n", given->limit ? "--limit" : "--json");
    else if (!*focus->account)
        fprintf(stderr, "fulcrum ledger: --account: expected a name, got an empty one\n");
    else
        return !given->metadata || parse_metadata(given->metadata, &focus->query);
    return false;
}

static bool parse_action(int argc, char **argv, const struct bounds *given, struct options *options)
{
    bool is_one = optind + 1 == argc;
    bool is_summary = is_one && !strcmp(argv[optind], "summary");
    options->is_export = is_one && !strcmp(argv[optind], "export");
    options->is_check = is_one && !strcmp(argv[optind], "check");
    if (!is_summary && !options->is_export && !options->is_check) {
        fprintf(stderr, "fulcrum ledger: expected summary, export, check or reconcile\n%s", usage);
        return false;
    }
    if (options->is_check && options->format == FORMAT_CSV) {
        fprintf(stderr, "fulcrum ledger: check has no --csv\n");
        return false;
    }
    if (options->out && !options->is_export) {
        fprintf(stderr, "fulcrum ledger: --out goes with export\n");
        return false;
    }
    if ((options->is_focus && !options->is_export) || (!options->is_focus && (given->metadata || given->account))) {
        fprintf(stderr, "fulcrum ledger: %s\n", options->is_focus ? "--focus goes with export"
                                                                  : "--metadata and --account go with --focus");
        return false;
    }
    if (options->is_focus)
        return parse_focus(given, options);
    if (!is_summary && (given->by || given->from || given->to || given->tenant || given->limit)) {
        fprintf(stderr, "fulcrum ledger: %s\n", given->by ? "--by goes with summary"
                                                          : "--from, --to, --tenant and --limit go with summary");
        return false;
    }
    return true;
}

/* False when the command is over with *status. */
static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    struct bounds given = {0};
    const struct cmd_option known[] = {
        {"by", .value = &given.by},
        {"from", .value = &given.from},
        {"to", .value = &given.to},
        {"tenant", .value = &given.tenant},
        {"limit", .value = &given.limit},
        {"json", .choice = &options->format, .chosen = FORMAT_JSON},
        {"csv", .choice = &options->format, .chosen = FORMAT_CSV},
        {"focus", .flag = &options->is_focus},
        {"metadata", .value = &given.metadata},
        {"account", .value = &given.account},
        {"out", .value = &options->out},
        {"data", .value = &options->data},
        {"config", .value = &options->config},
    };
    *options = (struct options){.by_name = ledger_by_names[LEDGER_BY_NOTHING]};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status) ||
        !parse_bounds(&given, options))
        return false;
    return parse_action(argc, argv, &given, options);
}

/* A table without a row, or the header of a CSV without one. */
static enum error_code finish(struct printer *printer, struct error *error)
{
    if (printer->rows == 0 && printer->options->format == FORMAT_TABLE)
        buf_append_text(&printer->out, "no requests yet\n");
    if (printer->rows == 0 && printer->options->format == FORMAT_CSV) {
        struct ledger_fields row = {.count = 0};
        if (printer->options->is_export)
            ledger_fields_line(&row, &(struct ledger_line){.tier = TIER_DEFAULT}, false);
        else
            add_group(&row, &(struct ledger_group){0}, printer->options);
        ledger_fields_append_header(&printer->out, &row);
    }
    return flush(printer, 0, error);
}

/* Beside what was asked for, which is on standard output. */
static void warn_of_damages(struct ledger_view *view)
{
    struct error error;
    uint64_t count;
    if (ledger_view_damages(view, &count, &error) != OK)
        fprintf(stderr, "fulcrum ledger: not every line could be checked: %s\n", error.message);
    else if (count > 0)
        fprintf(stderr,
                "fulcrum ledger: %" PRIu64 " lines or price rows are damaged; `fulcrum ledger check` names them\n",
                count);
}

static enum error_code print_rows(const struct options *options, struct ledger_view *view, struct out_file *file,
                                  struct error *error)
{
    struct printer printer = {.options = options, .file = file};
    buf_init(&printer.out, OUT_MAX);
    enum error_code code = options->is_export ? ledger_view_lines(view, print_line, &printer, error)
                                              : ledger_query(view, &options->query, print_group, &printer, error);
    if (code == OK)
        code = finish(&printer, error);
    buf_deinit(&printer.out);
    return code;
}

static enum error_code print_all(const struct options *options, const char *data, struct error *error)
{
    struct ledger_view *view;
    struct out_file file;
    struct error ignored;
    enum error_code code = ledger_view_open(data, &view, error);
    if (code != OK)
        return code;
    code = out_file_open(options->out, &file, error);
    if (code == OK)
        code = options->is_focus ? cmd_ledger_focus(view, &options->focus, &file, error)
                                 : print_rows(options, view, &file, error);
    if (code == OK)
        code = out_file_close(&file, true, error);
    else
        (void)!out_file_close(&file, false, &ignored);
    if (code == OK)
        warn_of_damages(view);
    ledger_view_close(view);
    return code;
}

int cmd_ledger(int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error error;
    int status;
    if (argc > 1 && !strcmp(argv[1], "reconcile"))
        return cmd_ledger_reconcile(argc - 1, argv + 1);
    if (!parse_options(argc, argv, &options, &status))
        return status;
    if (!options.data && config_load(config_find(options.config), program_sections, &config, &error))
        return cmd_fail("ledger", &error, CMD_USAGE);
    const char *data = options.data ? options.data : config.data;
    status = CMD_DONE;
    if (options.is_check)
        status = cmd_ledger_check(data, options.format == FORMAT_JSON);
    else if (print_all(&options, data, &error) != OK)
        status = cmd_fail("ledger", &error, CMD_FAILED);
    if (!options.data)
        config_deinit(&config);
    return status;
}
