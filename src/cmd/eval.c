/* eval.c - `fulcrum eval`: the quality of one model or of two, on rows with
 * known answers. A model is asked over HTTP, as any client would ask it. What
 * has metrics, judges and reports, and rows of other forms, is eval_compare.c's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/eval_compare.h"
#include "cmd/eval_labels.h"
#include "cmd/eval_price.h"
#include "cmd/eval_run.h"
#include "cmd/eval_server.h"
#include "cmd/sections.h"
#include "core/config_values.h"
#include "core/file.h"
#include "engine/embedded.h"
#include "eval/verdict.h"
#include "ledger/price_book.h"

#define REPORT_BYTES_MAX (1 << 20)
#define FILE_BYTES_MAX ((size_t)1 << 30)
#define HELD_OUT_SET "desk_eval.jsonl"

/* A model that loses at most this much, with 95% confidence, is worth switching to. */
#define SWITCH_LOSS_MAX 0.02

static const char usage[] =
    "usage: fulcrum eval MODEL [--data FILE.jsonl] [--against MODEL] [--json] [--limit N]\n"
    "                    [--endpoint URL | --config FILE] [--labels FILE.jsonl]\n"
    "       fulcrum eval MODEL --against MODEL --data FILE.jsonl [--metric auto|exact|json|tool|f1|rouge|judge]\n"
    "                    [--judge MODEL] [--bound POINTS] [--report FILE.html] [--answers FILE.jsonl]\n"
    "       fulcrum eval desk        both embedded models on their held-out set\n"
    "Asks MODEL every row of FILE (the embedded held-out set without --data) and scores the replies.\n"
    "MODEL is a name or ID that the server at URL (or FULCRUM_ENDPOINT) serves; without one, eval starts\n"
    "a server of its own with FILE of --config. --against compares on the same rows: verdict `switch` when\n"
    "MODEL loses at most 2 points with 95% confidence. --limit takes N rows spread over all.\n"
    "--labels writes the rows with each model's score, cost and confidence, as `fulcrum router train` reads them.\n"
    "With a metric, judge, bound, report or answers, and of conversations and prompt/reference pairs, the\n"
    "verdict is switch (exit status 0), stay (3) or unsure (4): docs/EVALUATION.md. --answers keeps replies\n"
    "(with --report in REPORT.answers.jsonl), so that a run that was broken off asks nothing twice.\n"
    "AWS_BEARER_TOKEN_BEDROCK is sent as the bearer token when it is set.\n";

struct options {
    const char *model, *against, *data, *endpoint, *labels;
    const char *metric, *judge, *bound, *report, *answers;
    const char *config_path;
    bool is_json;
    size_t limit;
    const struct config *config; /* as read from config_path */
    struct price_book *prices;
};

struct tally {
    uint64_t rows, right, simple_rows, simple_right, complex_rows, complex_right, fields, fields_right;
};

struct report {
    const char *model;
    const struct eval_data *data;
    struct eval_run run;
    struct tally tasks[EVAL_TASKS_MAX], all;
    double cost_per_1000; /* dollars; NAN: price unknown */
    double *costs;        /* of each row, in dollars; NULL then, or where memory is out */
};

/* --- prices --- */

static double cost_per_1000(struct report *report, const struct options *options)
{
    const struct price_row *row = eval_price_of(options->config, options->prices, report->model);
    uint64_t picodollars = 0;
    report->costs = row ? mem_calloc(report->data->count, sizeof(*report->costs)) : NULL;
    for (size_t i = 0; row && i < report->data->count; i++) {
        const uint64_t cost = price_cost(row, TIER_DEFAULT, &report->run.outcomes[i].usage);
        picodollars += cost;
        if (report->costs)
            report->costs[i] = (double)cost / (double)CONFIG_PICO;
    }
    return row ? (double)picodollars / (double)CONFIG_PICO / (double)report->data->count * 1000 : NAN;
}

/* --- tallies --- */

static void tally_add(struct tally *tally, bool is_complex, const struct score_result *result)
{
    tally->rows++;
    tally->right += result->is_right;
    *(is_complex ? &tally->complex_rows : &tally->simple_rows) += 1;
    *(is_complex ? &tally->complex_right : &tally->simple_right) += result->is_right;
    tally->fields += result->field_count;
    tally->fields_right += result->fields_right;
}

static void tally_rows(struct report *report)
{
    for (size_t i = 0; i < report->data->count; i++) {
        const struct eval_row *row = &report->data->rows[i];
        const struct score_result *result = &report->run.outcomes[i].result;
        tally_add(&report->tasks[row->task], row->is_complex, result);
        tally_add(&report->all, row->is_complex, result);
    }
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static struct score_pairs pair_up(const struct report *first, const struct report *second)
{
    struct score_pairs pairs = {0};
    for (size_t i = 0; i < first->data->count; i++) {
        bool a = first->run.outcomes[i].result.is_right, b = second->run.outcomes[i].result.is_right;
        uint64_t *cell = a ? (b ? &pairs.both : &pairs.only_first) : (b ? &pairs.only_second : &pairs.neither);
        *cell += 1;
    }
    return pairs;
}

static const char *verdict(const struct score_interval *difference)
{
    return difference->low >= -SWITCH_LOSS_MAX ? "switch" : "keep";
}

static double tokens_per_second(const struct report *report)
{
    return report->run.seconds > 0 ? (double)report->run.output_tokens / report->run.seconds : 0;
}

/* --- as JSON --- */

static void append_number(struct buf *out, const char *key, double value)
{
    if (isnan(value))
        buf_appendf(out, "\"%s\":null", key);
    else
        buf_appendf(out, "\"%s\":%.6g", key, value);
}

static void append_task_json(struct buf *out, struct str name, const struct tally *tally)
{
    struct score_interval interval = score_wilson(tally->right, tally->rows);
    buf_append_json(out, name);
    buf_appendf(out, ":{\"rows\":%llu,", (unsigned long long)tally->rows);
    append_number(out, "score", interval.score);
    buf_append_char(out, ',');
    append_number(out, "low", interval.low);
    buf_append_char(out, ',');
    append_number(out, "high", interval.high);
    buf_append_char(out, ',');
    append_number(out, "simple", share(tally->simple_right, tally->simple_rows));
    buf_append_char(out, ',');
    append_number(out, "complex", share(tally->complex_right, tally->complex_rows));
    buf_append_char(out, ',');
    append_number(out, "fields", share(tally->fields_right, tally->fields));
    buf_append_char(out, '}');
}

static void append_comparison_json(struct buf *out, const struct report *report, const struct report *against)
{
    struct score_pairs pairs = pair_up(report, against);
    struct score_interval difference = score_difference(&pairs);
    buf_append_text(out, ",\"against\":");
    buf_append_json(out, str_of(against->model));
    buf_append_text(out, ",\"difference\":{");
    append_number(out, "score", difference.score);
    buf_append_char(out, ',');
    append_number(out, "low", difference.low);
    buf_append_char(out, ',');
    append_number(out, "high", difference.high);
    buf_appendf(out, "},\"verdict\":\"%s\"", verdict(&difference));
}

static void append_json(struct buf *out, const struct report *report, const struct report *against)
{
    buf_append_text(out, "{\"model\":");
    buf_append_json(out, str_of(report->model));
    buf_appendf(out, ",\"rows\":%zu,", report->data->count);
    append_number(out, "score", share(report->all.right, report->all.rows));
    buf_append_text(out, ",\"tasks\":{");
    bool is_first = true;
    for (size_t i = 0; i < report->data->task_count; i++) {
        if (!report->tasks[i].rows) /* --limit left none */
            continue;
        if (!is_first)
            buf_append_char(out, ',');
        append_task_json(out, report->data->tasks[i], &report->tasks[i]);
        is_first = false;
    }
    buf_append_text(out, "},");
    append_number(out, "tokensPerSecond", tokens_per_second(report));
    buf_append_char(out, ',');
    append_number(out, "costPer1000", report->cost_per_1000);
    buf_appendf(out, ",\"failed\":%zu", report->run.failed_count);
    if (against)
        append_comparison_json(out, report, against);
    buf_append_text(out, "}\n");
}

/* --- as a table --- */

static void append_percent(struct buf *out, double value)
{
    if (isnan(value))
        buf_append_text(out, "        -");
    else
        buf_appendf(out, "  %6.1f%%", 100 * value);
}

static void append_task_line(struct buf *out, struct str name, const struct tally *tally)
{
    struct score_interval interval = score_wilson(tally->right, tally->rows);
    buf_appendf(out, "  %-14.*s %6llu", STR_ARG(name), (unsigned long long)tally->rows);
    append_percent(out, interval.score);
    buf_appendf(out, "  %5.1f to %5.1f", 100 * interval.low, 100 * interval.high);
    append_percent(out, share(tally->simple_right, tally->simple_rows));
    append_percent(out, share(tally->complex_right, tally->complex_rows));
    append_percent(out, share(tally->fields_right, tally->fields));
    buf_append_char(out, '\n');
}

static void append_table(struct buf *out, const struct report *report)
{
    buf_appendf(out, "%s: %zu rows, %.0f output tokens a second", report->model, report->data->count,
                tokens_per_second(report));
    if (!isnan(report->cost_per_1000))
        buf_appendf(out, ", $%.4f per 1,000 requests", report->cost_per_1000);
    buf_append_text(out, "\n  task             rows    score    95% interval   simple  complex   fields\n");
    for (size_t i = 0; i < report->data->task_count; i++) {
        if (report->tasks[i].rows)
            append_task_line(out, report->data->tasks[i], &report->tasks[i]);
    }
    append_task_line(out, STR("all"), &report->all);
    if (report->run.failed_count)
        buf_appendf(out, "  %zu requests failed and count as wrong, the first with: %s\n", report->run.failed_count,
                    report->run.first_failure.message);
    buf_append_char(out, '\n');
}

static void append_comparison(struct buf *out, const struct report *report, const struct report *against)
{
    struct score_pairs pairs = pair_up(report, against);
    struct score_interval difference = score_difference(&pairs);
    buf_appendf(out, "%s against %s: %+.1f points, 95%% interval %+.1f to %+.1f: %s\n", report->model, against->model,
                100 * difference.score, 100 * difference.low, 100 * difference.high, verdict(&difference));
}

/* --- running --- */

static enum error_code measure(const struct options *options, const char *endpoint, const struct eval_data *data,
                               struct report *report, struct error *error)
{
    struct eval_target target = {
        .endpoint = endpoint, .model = report->model, .data = data, .shows_progress = true,
        .wants_confidence = options->labels != NULL};
    report->data = data;
    if (eval_run(&target, &report->run, error))
        return error_prefix(error, "%s", report->model);
    tally_rows(report);
    report->cost_per_1000 = cost_per_1000(report, options);
    return OK;
}

static int print_reports(const struct options *options, const struct report *reports, size_t count)
{
    struct buf out;
    buf_init(&out, REPORT_BYTES_MAX);
    if (options->is_json && options->against) {
        append_json(&out, &reports[0], &reports[1]);
    } else {
        for (size_t i = 0; i < count; i++)
            options->is_json ? append_json(&out, &reports[i], NULL) : append_table(&out, &reports[i]);
        if (options->against)
            append_comparison(&out, &reports[0], &reports[1]);
    }
    return cmd_finish("eval", &out);
}

/* One model, or two: `desk` means the embedded pair. */
static size_t name_reports(const struct options *options, struct report *reports)
{
    reports[0].model = options->model;
    reports[1].model = options->against;
    if (str_eq(str_of(options->model), STR("desk"))) {
        reports[0].model = CONFIG_EMBEDDED_LARGE;
        reports[1].model = CONFIG_EMBEDDED_SMALL;
    }
    return reports[1].model ? 2 : 1;
}

static enum error_code write_labels(const struct options *options, const struct report *reports, size_t count,
                                    struct error *error)
{
    struct eval_labelled models[2];
    for (size_t i = 0; i < count; i++)
        models[i] = (struct eval_labelled){reports[i].model, reports[i].run.outcomes, reports[i].costs};
    return options->labels ? eval_labels_write(options->labels, reports[0].data, models, count, error) : OK;
}

static int run_reports(const struct options *options, const char *endpoint, const struct eval_data *data,
                       struct report *reports)
{
    size_t count = name_reports(options, reports), done = 0;
    struct error error;
    enum error_code code = OK;
    while (done < count && !code) {
        code = measure(options, endpoint, data, &reports[done], &error);
        done += !code;
    }
    if (!code)
        code = write_labels(options, reports, count, &error);
    int status = code ? cmd_fail("eval", &error, CMD_FAILED) : print_reports(options, reports, count);
    for (size_t i = 0; i < done; i++) {
        eval_run_deinit(&reports[i].run);
        mem_free(reports[i].costs);
    }
    return status;
}

static int evaluate(const struct options *options, const struct eval_data *data)
{
    struct error error;
    struct eval_server server = {0};
    struct report *reports = mem_must_calloc(2, sizeof(*reports));
    const char *endpoint = options->endpoint;
    int status;
    if (!endpoint && eval_server_start(options->config->file, &server, &error)) {
        status = cmd_fail("eval", &error, CMD_FAILED);
    } else {
        status = run_reports(options, endpoint ? endpoint : server.url, data, reports);
        eval_server_stop(&server);
    }
    mem_free(reports);
    return status;
}

/* --- with metrics ------------------------------------------------------------------------------------ */

static enum error_code read_bound(const char *text, double *bound, struct error *error)
{
    double points = 100 * VERDICT_BOUND_DEFAULT;
    if (text && (!str_to_double(str_of(text), &points) || !(points >= 0 && points <= 100)))
        return error_set(error, ERROR_INVALID, "--bound: expected points from 0 to 100, got '%s'", text);
    *bound = points / 100;
    return OK;
}

static enum error_code read_metric(const struct options *options, enum metric *metric, struct error *error)
{
    *metric = METRIC_AUTO;
    if (options->metric && !metric_find(str_of(options->metric), metric))
        return error_set(error, ERROR_INVALID,
                         "--metric: expected auto, exact, json, tool, f1, rouge or judge, got '%s'", options->metric);
    if (*metric == METRIC_JUDGE && !options->judge)
        return error_set(error, ERROR_INVALID, "--metric judge: name the judge's model with --judge");
    return OK;
}

static enum error_code fill_compare(const struct options *options, struct buf *answers,
                                    struct eval_compare_options *out, struct error *error)
{
    struct report names[2];
    const size_t count = name_reports(options, names);
    *out = (struct eval_compare_options){
        .model = names[0].model, .against = count == 2 ? names[1].model : NULL, .judge = options->judge,
        .data = options->data, .report = options->report, .answers = options->answers, .limit = options->limit,
        .is_json = options->is_json, .config = options->config, .prices = options->prices};
    if (options->labels)
        return error_set(error, ERROR_INVALID,
                         "--labels goes with none of --metric, --judge, --bound, --report and --answers, and with rows "
                         "that have messages and expected");
    if (options->judge && count < 2)
        return error_set(error, ERROR_INVALID, "--judge: it compares two models; name the other with --against");
    if (read_bound(options->bound, &out->bound, error) != OK || read_metric(options, &out->metric, error) != OK)
        return error->code;
    if (options->report && !options->answers) {
        buf_appendf(answers, "%s.answers.jsonl%c", options->report, '\0');
        out->answers = answers->data;
    }
    return answers->failed ? error_no_memory(error) : OK;
}

static int compare(const struct options *options, struct str text)
{
    struct eval_compare_options compared;
    struct buf answers;
    struct error error;
    buf_init(&answers, 65536);
    int status = CMD_USAGE;
    if (fill_compare(options, &answers, &compared, &error) != OK) {
        status = cmd_fail("eval", &error, CMD_USAGE);
    } else {
        compared.endpoint = options->endpoint;
        compared.text = text;
        status = eval_compare(&compared);
    }
    buf_deinit(&answers);
    return status;
}

/* --- the command line --- */

static enum error_code read_text(const struct options *options, struct buf *file, struct str *text,
                                 struct error *error)
{
    if (options->data) {
        const enum error_code code = file_read(options->data, file, error);
        *text = buf_str(file);
        return code;
    }
    *text = embedded_file(STR(HELD_OUT_SET));
    if (!text->data)
        return error_set(error, ERROR_NOT_FOUND, "this program holds no " HELD_OUT_SET "; give rows with --data FILE");
    return OK;
}

static int evaluate_text(const struct options *options, struct str text)
{
    struct error error;
    struct eval_data data;
    if (options->metric || options->judge || options->bound || options->report || options->answers ||
        eval_compare_wants(text))
        return compare(options, text);
    if (eval_data_parse(text, options->data ? options->data : HELD_OUT_SET, &data, &error))
        return cmd_fail("eval", &error, CMD_FAILED);
    eval_data_thin(&data, options->limit);
    const int status = evaluate(options, &data);
    eval_data_deinit(&data);
    return status;
}

static int run(const struct options *options)
{
    struct error error;
    struct buf file;
    struct str text;
    buf_init(&file, FILE_BYTES_MAX);
    const int status = read_text(options, &file, &text, &error) ? cmd_fail("eval", &error, CMD_FAILED)
                                                                : evaluate_text(options, text);
    buf_deinit(&file);
    return status;
}

static bool parse_limit(const char *text, size_t *limit)
{
    uint64_t value;
    if (!str_to_u64(str_of(text), &value) || !value)
        return false;
    *limit = (size_t)value;
    return true;
}

/* False when the command is over with *status. */
static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    const char *limit = NULL;
    const struct cmd_option known[] = {
        {"data", .value = &options->data},          {"against", .value = &options->against},
        {"json", .flag = &options->is_json},        {"limit", .value = &limit},
        {"config", .value = &options->config_path}, {"endpoint", .value = &options->endpoint},
        {"labels", .value = &options->labels},      {"metric", .value = &options->metric},
        {"judge", .value = &options->judge},        {"bound", .value = &options->bound},
        {"report", .value = &options->report},      {"answers", .value = &options->answers},
    };
    *options = (struct options){.endpoint = getenv("FULCRUM_ENDPOINT")};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    if (limit && !parse_limit(limit, &options->limit)) {
        fprintf(stderr, "fulcrum eval: --limit: expected a number of rows, got '%s'\n", limit);
        return false;
    }
    if (options->endpoint && !*options->endpoint)
        options->endpoint = NULL;
    if (optind + 1 == argc)
        options->model = argv[optind];
    return true;
}

int cmd_eval(int argc, char **argv)
{
    struct options options;
    struct error error;
    int status;
    if (!parse_options(argc, argv, &options, &status))
        return status;
    if (!options.model) {
        fprintf(stderr, "fulcrum eval: expected one MODEL\n%s", usage);
        return CMD_USAGE;
    }
    if (options.against && str_eq(str_of(options.model), STR("desk"))) {
        fprintf(stderr, "fulcrum eval: `desk` is two models already; --against goes with one\n");
        return CMD_USAGE;
    }
    struct config config;
    if (config_load(config_find(options.config_path), program_sections, &config, &error))
        return cmd_fail("eval", &error, CMD_USAGE);
    options.config = &config;
    struct price_book *prices;
    if (price_book_load(&config, &prices, &error)) {
        config_deinit(&config);
        return cmd_fail("eval", &error, CMD_USAGE);
    }
    options.prices = prices;
    status = run(&options);
    price_book_free(prices);
    config_deinit(&config);
    return status;
}
