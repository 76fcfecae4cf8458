/* router_train.c - `fulcrum router train` and `fulcrum router eval`: options and files around route/train.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd_io.h"
#include "cmd/router.h"
#include "cmd/router_labels.h"
#include "core/file.h"
#include "route/report.h"

#define OUTPUT_BYTES_MAX (16u << 20)
#define EVAL_OPTIONS 4 /* the first ones of the list below */

static const char train_usage[] =
    "usage: fulcrum router train --data FILE.jsonl --out FILE [--json] [--seed N] [--svg FILE.svg]\n"
    "       fulcrum router train --from-ledger --router ROUTER --out FILE [--data-dir DIR] [--config FILE]\n"
    "                            [--tenant TENANT] [--skip-damaged] [--skip-gone] [--json] [--seed N] [--svg FILE]\n"
    "Learns from rows\n"
    "  {\"id\", \"prompt\" or \"messages\", \"quality\": {MODEL: 0..1}, \"cost\": {MODEL: ...},\n"
    "   \"confidence\": {MODEL: 0..1}, \"group\"}\n"
    "how good each model's answer to a prompt will be, writes the predictor to --out, and prints how good it is on\n"
    "rows held out, beside baselines. Rows of one group are never split; \"subject\" is what subject_mean needs.\n"
    "--from-ledger learns from the labels of a router with `shadow:` in fulcrum.yaml, below the data directory, of\n"
    "all tenants or of one. --skip-damaged leaves out lines that are none, --skip-gone labels of models that the\n"
    "router no longer has.\n"
    "The same rows and seed (1) give the same bytes. --svg draws the quality-cost curve.\n"
    "docs/PREDICTORS.md says how to read all this.\n";

static const char eval_usage[] =
    "usage: fulcrum router eval --data FILE.jsonl PREDICTOR [--json] [--seed N] [--svg FILE.svg]\n"
    "Measures a predictor on rows that it never saw: a file of `fulcrum router train`, or general or desk,\n"
    "which are part of the program. Baselines learn from the rows themselves, four fifths at a time.\n";

struct options {
    const char *data, *out, *svg, *seed_text;
    uint64_t seed;
    bool is_json, is_from_ledger;
    struct router_labels_options labels;
};

/* One source of rows, and what belongs to it. */
static bool check_sources(const struct options *options)
{
    const struct router_labels_options *labels = &options->labels;
    const bool has_labels_option = labels->router || labels->data_dir || labels->config || labels->tenant ||
                                   labels->skips_damaged || labels->skips_gone;
    const char *problem = NULL;
    if (!options->out)
        problem = "--out is required, and --data or --from-ledger";
    else if (!options->data == !options->is_from_ledger)
        problem = "expected one of --data and --from-ledger";
    else if (options->is_from_ledger && !labels->router)
        problem = "--from-ledger wants --router";
    else if (options->data && has_labels_option)
        problem = "--router, --data-dir, --config, --tenant, --skip-damaged and --skip-gone go with --from-ledger";
    if (problem)
        fprintf(stderr, "fulcrum router train: %s\n%s", problem, train_usage);
    return problem == NULL;
}

static bool read_options(int argc, char **argv, bool trains, struct options *options, int *status)
{
    const struct cmd_option known[] = {
        {"data", .value = &options->data}, {"json", .flag = &options->is_json},
        {"svg", .value = &options->svg},   {"seed", .value = &options->seed_text},
        {"out", .value = &options->out},
        {"from-ledger", .flag = &options->is_from_ledger},
        {"router", .value = &options->labels.router},
        {"data-dir", .value = &options->labels.data_dir},
        {"config", .value = &options->labels.config},
        {"tenant", .value = &options->labels.tenant},
        {"skip-damaged", .flag = &options->labels.skips_damaged},
        {"skip-gone", .flag = &options->labels.skips_gone},
    };
    const size_t known_count = trains ? sizeof(known) / sizeof(known[0]) : EVAL_OPTIONS;
    const char *usage = trains ? train_usage : eval_usage;
    *options = (struct options){.seed = 1};
    if (!cmd_read_options(argc, argv, usage, known, known_count, status))
        return false;
    *status = CMD_USAGE;
    if (options->seed_text && !str_to_u64(str_of(options->seed_text), &options->seed)) {
        fprintf(stderr, "fulcrum router %s: --seed: expected a number, got '%s'\n", argv[0], options->seed_text);
        return false;
    }
    options->labels.seed = options->seed;
    if (!trains && !options->data)
        fprintf(stderr, "fulcrum router eval: --data is required\n%s", usage);
    return trains ? check_sources(options) : options->data != NULL;
}

static enum error_code draw(const char *path, const struct train_report *report, struct error *error)
{
    struct buf svg;
    if (!path)
        return OK;
    buf_init(&svg, OUTPUT_BYTES_MAX);
    report_append_svg(&svg, report);
    enum error_code code = svg.failed ? error_no_memory(error) : file_replace(path, buf_str(&svg), 0666, error);
    buf_deinit(&svg);
    return code;
}

static int print_report(const struct options *options, const char *verb, const struct train_report *report)
{
    struct buf out;
    struct error error;
    if (draw(options->svg, report, &error))
        return cmd_fail(verb, &error, CMD_FAILED);
    buf_init(&out, OUTPUT_BYTES_MAX);
    options->is_json ? report_append_json(&out, report) : report_append_text(&out, report);
    return cmd_finish(verb, &out);
}

static enum error_code train(const struct options *options, struct samples *samples, struct train_report *report,
                             struct error *error)
{
    const struct route_train_options how = {.seed = options->seed};
    struct buf file;
    buf_init(&file, OUTPUT_BYTES_MAX);
    enum error_code code = route_train(samples, &how, &file, report, error);
    if (!code && file_replace(options->out, buf_str(&file), 0666, error)) {
        code = error->code;
        train_report_deinit(report);
    }
    buf_deinit(&file);
    return code;
}

int cmd_router_train(int argc, char **argv)
{
    struct options options;
    struct samples samples;
    struct train_report report;
    struct error error;
    int status;
    if (!read_options(argc, argv, true, &options, &status) || !cmd_no_arguments(argc, argv, train_usage))
        return status;
    if (options.is_from_ledger ? router_labels_read(&options.labels, &samples, &error)
                               : samples_read(options.data, options.seed, &samples, &error))
        return cmd_fail("router train", &error, CMD_FAILED);
    if (train(&options, &samples, &report, &error)) {
        status = cmd_fail("router train", &error, CMD_FAILED);
    } else {
        status = print_report(&options, "router train", &report);
        train_report_deinit(&report);
    }
    samples_deinit(&samples);
    return status;
}

static enum error_code open_predictor(const char *name, struct predictor **predictor, struct error *error)
{
    if (access(name, F_OK) == 0)
        return predictor_open(name, predictor, error);
    const enum error_code code = predictor_open_builtin(name, predictor, error);
    return code == ERROR_NOT_FOUND ? predictor_open(name, predictor, error) : code;
}

static int evaluate(const struct options *options, const struct predictor *predictor)
{
    struct samples samples;
    struct train_report report;
    struct error error;
    int status;
    if (samples_read(options->data, options->seed, &samples, &error))
        return cmd_fail("router eval", &error, CMD_FAILED);
    if (route_eval(&samples, predictor, options->seed, &report, &error)) {
        status = cmd_fail("router eval", &error, CMD_FAILED);
    } else {
        status = print_report(options, "router eval", &report);
        train_report_deinit(&report);
    }
    samples_deinit(&samples);
    return status;
}

int cmd_router_eval(int argc, char **argv)
{
    struct options options;
    struct predictor *predictor;
    struct error error;
    int status;
    if (!read_options(argc, argv, false, &options, &status))
        return status;
    if (optind + 1 != argc) {
        fprintf(stderr, "fulcrum router eval: expected one PREDICTOR\n%s", eval_usage);
        return CMD_USAGE;
    }
    if (open_predictor(argv[optind], &predictor, &error))
        return cmd_fail("router eval", &error, CMD_FAILED);
    status = evaluate(&options, predictor);
    predictor_free(predictor);
    return status;
}
