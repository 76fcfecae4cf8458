/* ledger.c - `fulcrum ledger`: what requests cost and what the levers saved,
 * from the data directory, with or without a server that runs on it. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/ledger_check.h"
#include "core/config.h"
#include "core/util.h"
#include "ledger/view.h"

#define OUT_MAX (4u << 20)
#define FLUSH_BYTES (64u << 10)
#define MONEY_TEXT 64

static const char usage[] =
    "usage: fulcrum ledger summary [--by day|tenant|model|profile|tag:KEY|lever] [--json|--csv]\n"
    "                              [--data DIR | --config FILE]\n"
    "       fulcrum ledger export [--json|--csv] [--data DIR | --config FILE]\n"
    "       fulcrum ledger check [--json] [--data DIR | --config FILE]\n"
    "What requests cost and what was saved against the model asked for, on demand, standard tier, no cache.\n"
    "`export` prints every request, `summary` sums. `check` names lines and price rows that are not what was\n"
    "written, and exits with 1 if there are any. A server may run on the data directory meanwhile.\n\n"
    "  --by WHAT      one row for each day (UTC), tenant, model that answered, application inference profile,\n"
    "                 value of the profiles' tag KEY, or lever\n"
    "  --json         one object a line; costs are picodollars, 10^-12 dollars\n"
    "  --csv          the same fields as comma-separated values, a header first\n"
    "  --data DIR     the server's data directory; without it that of the configuration\n";

#define TAG_PREFIX "tag:"

enum { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

enum { BY_LEVER = LEDGER_BY_TAG + 1 };
static const char *const by_names[] = {
    [LEDGER_BY_NOTHING] = "total", [LEDGER_BY_DAY] = "day",         [LEDGER_BY_TENANT] = "tenant",
    [LEDGER_BY_MODEL] = "model",   [LEDGER_BY_PROFILE] = "profile", [LEDGER_BY_TAG] = "tag:",
    [BY_LEVER] = "lever",
};

struct options {
    bool is_export, is_check;
    int format; /* of the three */
    int by;
    const char *by_name; /* as given */
    const char *data, *config;
};

struct printer {
    struct buf out;
    const struct options *options;
    size_t rows;
};

/* Millions of lines go through a buffer of some KiB. */
static enum error_code flush(struct printer *printer, size_t threshold, struct error *error)
{
    struct buf *out = &printer->out;
    if (out->failed)
        return error_no_memory(error);
    if (out->len < threshold)
        return OK;
    if (fwrite(buf_str(out).data, 1, out->len, stdout) != out->len || fflush(stdout))
        return error_set(error, ERROR_IO, "cannot write to standard output: %m");
    buf_clear(out);
    return OK;
}

/* --- money --- */

/* Exact: an integer of picodollars, however many. */
static const char *pico_text(ledger_sum value, char text[MONEY_TEXT])
{
    char *at = text + MONEY_TEXT - 1;
    bool is_negative = value < 0;
    *at = '\0';
    do {
        int digit = (int)(value % 10);
        *--at = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value);
    if (is_negative)
        *--at = '-';
    return at;
}

/* For people: dollars to six decimals. */
static double dollars(ledger_sum value)
{
    return (double)value / 1e12;
}

/* --- fields, one table for both formats that programs read --- */

enum field_kind { KIND_TEXT, KIND_NUMBER, KIND_JSON, KIND_ABSENT };
struct cell {
    const char *name;
    enum field_kind kind;
    struct str text; /* of a number: its digits */
};

#define CELLS_MAX 32
struct row {
    struct cell cells[CELLS_MAX];
    size_t count;
    char digits[CELLS_MAX][MONEY_TEXT];
};

static void add_text(struct row *row, const char *name, struct str text)
{
    row->cells[row->count++] = (struct cell){name, KIND_TEXT, text};
}

static void add_number(struct row *row, const char *name, ledger_sum value)
{
    char *digits = row->digits[row->count];
    row->cells[row->count++] = (struct cell){name, KIND_NUMBER, str_of(pico_text(value, digits))};
}

/* A JSON value; an empty text is an object without members. */
static void add_json(struct row *row, const char *name, struct str text)
{
    row->cells[row->count++] = (struct cell){name, KIND_JSON, text.len ? text : STR("{}")};
}

static void add_absent(struct row *row, const char *name)
{
    row->cells[row->count++] = (struct cell){name, KIND_ABSENT, {NULL, 0}};
}

static void append_row_json(struct buf *out, const struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        buf_appendf(out, "%s\"%s\":", i ? "," : "{", row->cells[i].name);
        if (row->cells[i].kind == KIND_TEXT)
            buf_append_json(out, row->cells[i].text);
        else
            buf_append_str(out, row->cells[i].kind == KIND_ABSENT ? STR("null") : row->cells[i].text);
    }
    buf_append_text(out, "}\n");
}

static bool needs_quotes(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",\"\r\n", text.data[i]))
            return true;
    return false;
}

/* RFC 4180, but for lines that end as lines do here. */
static void append_csv(struct buf *out, struct str text)
{
    if (!needs_quotes(text)) {
        buf_append_str(out, text);
        return;
    }
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            buf_append_char(out, '"');
        buf_append_char(out, text.data[i]);
    }
    buf_append_char(out, '"');
}

static void append_row_csv(struct buf *out, const struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        buf_append_text(out, i ? "," : "");
        append_csv(out, row->cells[i].text);
    }
    buf_append_char(out, '\n');
}

static void append_header_csv(struct buf *out, const struct row *row)
{
    for (size_t i = 0; i < row->count; i++)
        buf_appendf(out, "%s%s", i ? "," : "", row->cells[i].name);
    buf_append_char(out, '\n');
}

static enum error_code print_row(struct printer *printer, const struct row *row, struct error *error)
{
    if (printer->options->format == FORMAT_JSON) {
        append_row_json(&printer->out, row);
    } else {
        if (printer->rows == 0)
            append_header_csv(&printer->out, row);
        append_row_csv(&printer->out, row);
    }
    printer->rows++;
    return flush(printer, FLUSH_BYTES, error);
}

/* --- export --- */

static const char *const saved_names[LEVERS] = {"savedRoute", "savedDistill", "savedCache", "savedTier"};

static void add_line(struct row *row, const struct ledger_line *line, const char *time)
{
    static const char *const token_names[PRICE_CLASSES] = {
        "inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheWrite1hInputTokens", "outputTokens"};
    add_text(row, "requestId", line->request_id);
    add_text(row, "time", str_of(time));
    add_text(row, "tenant", line->tenant);
    add_text(row, "dialect", line->dialect);
    add_text(row, "operation", line->operation);
    add_text(row, "modelRequested", line->model_requested);
    add_text(row, "modelInvoked", line->model_invoked);
    add_text(row, "tier", str_of(tier_names[line->tier]));
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        add_number(row, token_names[i], (ledger_sum)line->usage.tokens[i]);
    add_number(row, "latencyMs", (ledger_sum)(line->latency_us / 1000));
    if (line->first_token_us == LEDGER_NO_TOKEN)
        add_absent(row, "timeToFirstTokenMs");
    else
        add_number(row, "timeToFirstTokenMs", (ledger_sum)(line->first_token_us / 1000));
    add_text(row, "outcome", str_of(ledger_outcome_names[line->outcome]));
    add_text(row, "priceBook", line->price);
    add_number(row, "costPicodollars", (ledger_sum)line->quote.cost);
    add_number(row, "baselinePicodollars", (ledger_sum)line->quote.baseline);
    for (size_t i = 0; i < LEVERS; i++)
        add_number(row, saved_names[i], line->quote.saved[i]);
    add_text(row, "profile", line->profile);
    add_json(row, "profileTags", line->tags);
}

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
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(line->time_us, time);
    if (printer->options->format == FORMAT_TABLE) {
        append_line_table(printer, line, time);
        return flush(printer, FLUSH_BYTES, error);
    }
    struct row row = {.count = 0};
    add_line(&row, line, time);
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

static uint64_t requests_of(const struct ledger_group *group)
{
    return group->outcomes[LEDGER_COMPLETED] + group->outcomes[LEDGER_FAILED] + group->outcomes[LEDGER_CANCELLED];
}

static void add_group(struct row *row, const struct ledger_group *group, int by, const char *by_name)
{
    static const char *const token_names[PRICE_CLASSES] = {
        "inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheWrite1hInputTokens", "outputTokens"};
    if (by != LEDGER_BY_NOTHING)
        add_text(row, by_name, group->key);
    add_number(row, "requests", (ledger_sum)requests_of(group));
    for (size_t i = 0; i < LEDGER_OUTCOMES; i++)
        add_number(row, ledger_outcome_names[i], (ledger_sum)group->outcomes[i]);
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        add_number(row, token_names[i], (ledger_sum)group->usage.tokens[i]);
    add_number(row, "costPicodollars", group->cost);
    add_number(row, "baselinePicodollars", group->baseline);
    add_number(row, "savedPicodollars", saved_of(group));
    for (size_t i = 0; i < LEVERS; i++)
        add_number(row, saved_names[i], group->saved[i]);
}

static void append_group_table(struct printer *printer, const struct ledger_group *group)
{
    const uint64_t *tokens = group->usage.tokens;
    struct str key = printer->options->by == LEDGER_BY_NOTHING ? STR("all") : group->key;
    if (key.len == 0)
        key = STR("(none)");
    if (printer->rows++ == 0)
        buf_appendf(&printer->out,
                    "%-24s requests   failed cancelled      input       read      write     output       dollars"
                    "      baseline         saved\n", printer->options->by_name);
    buf_appendf(&printer->out,
                "%-24.*s %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
                " %13.6f %13.6f %13.6f  %5.1f%%\n",
                STR_ARG(key), requests_of(group), group->outcomes[LEDGER_FAILED], group->outcomes[LEDGER_CANCELLED],
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
    struct row row = {.count = 0};
    add_text(&row, "lever", str_of(name));
    add_number(&row, "requests", (ledger_sum)touched);
    add_number(&row, "savedPicodollars", saved);
    add_number(&row, "baselinePicodollars", baseline);
    return print_row(printer, &row, error);
}

static enum error_code print_levers(struct printer *printer, const struct ledger_group *group, struct error *error)
{
    static const char *const names[LEVERS] = {"route", "distil", "cache", "tier"};
    enum error_code code = OK;
    for (size_t i = 0; i < LEVERS && code == OK; i++)
        code = print_lever(printer, names[i], group->touched[i], group->saved[i], group->baseline, error);
    if (code == OK)
        code = print_lever(printer, "total", requests_of(group), saved_of(group), group->baseline, error);
    return code;
}

static enum error_code print_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct printer *printer = ctx;
    if (printer->options->by == BY_LEVER)
        return print_levers(printer, group, error);
    if (printer->options->format == FORMAT_TABLE) {
        append_group_table(printer, group);
        return flush(printer, FLUSH_BYTES, error);
    }
    struct row row = {.count = 0};
    add_group(&row, group, printer->options->by, printer->options->by_name);
    return print_row(printer, &row, error);
}

/* --- the command line --- */

static bool parse_by(const char *name, struct options *options)
{
    options->by_name = name;
    for (int i = LEDGER_BY_DAY; i <= BY_LEVER; i++) {
        bool is_tag = i == LEDGER_BY_TAG && str_starts(str_of(name), STR(TAG_PREFIX)) && name[strlen(TAG_PREFIX)];
        if (is_tag || (i != LEDGER_BY_TAG && !strcmp(name, by_names[i]))) {
            options->by = i;
            return true;
        }
    }
    fprintf(stderr, "fulcrum ledger: --by: expected day, tenant, model, profile, tag:KEY or lever, got '%s'\n", name);
    return false;
}

static bool parse_action(int argc, char **argv, struct options *options)
{
    bool is_one = optind + 1 == argc;
    bool is_summary = is_one && !strcmp(argv[optind], "summary");
    options->is_export = is_one && !strcmp(argv[optind], "export");
    options->is_check = is_one && !strcmp(argv[optind], "check");
    if (!is_summary && !options->is_export && !options->is_check) {
        fprintf(stderr, "fulcrum ledger: expected summary, export or check\n%s", usage);
        return false;
    }
    if (options->is_check && options->format == FORMAT_CSV) {
        fprintf(stderr, "fulcrum ledger: check has no --csv\n");
        return false;
    }
    if (!is_summary && options->by != LEDGER_BY_NOTHING) {
        fprintf(stderr, "fulcrum ledger: --by goes with summary\n");
        return false;
    }
    return true;
}

/* False when the command is over with *status. */
static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    const char *by = NULL;
    const struct cmd_option known[] = {
        {"by", .value = &by},
        {"json", .choice = &options->format, .chosen = FORMAT_JSON},
        {"csv", .choice = &options->format, .chosen = FORMAT_CSV},
        {"data", .value = &options->data},
        {"config", .value = &options->config},
    };
    *options = (struct options){.by_name = by_names[LEDGER_BY_NOTHING]};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status) ||
        (by && !parse_by(by, options)))
        return false;
    return parse_action(argc, argv, options);
}

/* A table without a row, or the header of a CSV without one. */
static enum error_code finish(struct printer *printer, struct error *error)
{
    if (printer->rows == 0 && printer->options->format == FORMAT_TABLE)
        buf_append_text(&printer->out, "no requests yet\n");
    if (printer->rows == 0 && printer->options->format == FORMAT_CSV) {
        struct row row = {.count = 0};
        if (printer->options->is_export)
            add_line(&row, &(struct ledger_line){0}, "");
        else
            add_group(&row, &(struct ledger_group){0}, printer->options->by, printer->options->by_name);
        append_header_csv(&printer->out, &row);
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

static enum error_code print_all(const struct options *options, const char *data, struct error *error)
{
    struct ledger_view *view;
    struct printer printer = {.options = options};
    enum error_code code = ledger_view_open(data, &view, error);
    if (code != OK)
        return code;
    enum ledger_by by = options->by == BY_LEVER ? LEDGER_BY_NOTHING : (enum ledger_by)options->by;
    struct str tag = by == LEDGER_BY_TAG ? str_of(options->by_name + strlen(TAG_PREFIX)) : STR("");
    buf_init(&printer.out, OUT_MAX);
    code = options->is_export ? ledger_view_lines(view, print_line, &printer, error)
                              : ledger_view_groups(view, by, tag, print_group, &printer, error);
    if (code == OK)
        code = finish(&printer, error);
    if (code == OK)
        warn_of_damages(view);
    buf_deinit(&printer.out);
    ledger_view_close(view);
    return code;
}

int cmd_ledger(int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error error;
    int status;
    if (!parse_options(argc, argv, &options, &status))
        return status;
    if (!options.data && config_load(config_find(options.config), &config, &error))
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
