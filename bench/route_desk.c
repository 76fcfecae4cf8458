/* route_desk.c - the embedded pair behind its predictor, on rows of the desk that no training has seen: what is saved
 * beside always asking the large model, by the text alone and with escalation. Both models answer every row here. */
#include "route_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/util.h"
#include "route/train.h"

#define LABELS "build/bench/desk-labels.jsonl"
#define ROWS 4000
#define ROWS_MAX 100000

static bool label(void)
{
    char command[1024];
    uint64_t rows = bench_setting("BENCH_DESK_ROWS", ROWS);
    rows = rows > ROWS_MAX ? ROWS_MAX : rows;
    mkdir("build/bench", 0777);
    snprintf(command, sizeof(command),
             "python3 models/desk_generate.py --split heldout --rows %llu --seed 40507 --out " ROUTE_DESK_ROWS
             " >/dev/null 2>&1 && build/fulcrum eval desk-small --against desk-large --data " ROUTE_DESK_ROWS
             " --labels " LABELS " >/dev/null 2>&1", (unsigned long long)rows);
    return system(command) == 0;
}

static void add_saving(struct bench *bench, const char *by, const struct saving *saving)
{
    const struct bench_cell cells[] = {
        BENCH_TEXT("desk", by),
        BENCH_NUMBER("cost", saving->cost.value), BENCH_NUMBER("cost_low", saving->cost.low),
        BENCH_NUMBER("cost_high", saving->cost.high), BENCH_NUMBER("lost", saving->lost.value),
        BENCH_NUMBER("lost_low", saving->lost.low), BENCH_NUMBER("lost_high", saving->lost.high),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

static void add_pair(struct bench *bench, const struct train_report *report)
{
    const struct train_method *router = &report->methods[0];
    const struct escalation *escalation = &report->escalation;
    const struct curve_point *small = &router->curve.points[0], *large = small + router->curve.count - 1;
    const struct bench_cell cells[] = {
        BENCH_TEXT("data", "desk"), BENCH_NUMBER("rows", report->samples->count),
        BENCH_NUMBER("small_quality", small->quality), BENCH_NUMBER("large_quality", large->quality),
        BENCH_NUMBER("small_cost", small->cost / large->cost), BENCH_NUMBER("auc", router->auc.value),
        BENCH_NUMBER("auc_low", router->auc.low), BENCH_NUMBER("auc_high", router->auc.high),
        BENCH_NUMBER("calibration_error", report->calibration_error),
        BENCH_NUMBER("coverage", report->coverage.share), BENCH_NUMBER("uncertainty", report->coverage.said),
        BENCH_NUMBER("escalate_auc", escalation->auc.value), BENCH_NUMBER("escalate_auc_low", escalation->auc.low),
        BENCH_NUMBER("escalate_auc_high", escalation->auc.high),
        BENCH_NUMBER("escalate_calibration_error", escalation->calibration_error),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

static void add_limits(struct bench *bench, const struct train_report *report)
{
    const struct escalation *escalation = &report->escalation;
    bench_limit(bench, "desk_cost", report->saving.cost.value, BENCH_AT_MOST, SAVING_COST);
    bench_limit(bench, "desk_lost", report->saving.lost.value, BENCH_AT_MOST, SAVING_LOST);
    bench_limit(bench, "desk_coverage", report->coverage.share, BENCH_AT_LEAST,
                route_coverage_bound(&report->coverage));
    bench_limit(bench, "escalate_cost", escalation->saving.cost.value, BENCH_AT_MOST, SAVING_COST);
    bench_limit(bench, "escalate_lost", escalation->saving.lost.value, BENCH_AT_MOST, SAVING_LOST);
    bench_limit(bench, "escalate_least_gain", escalation->least_gain, BENCH_AT_LEAST, 0);
    bench_limit(bench, "escalate_auc_gain_low", escalation->auc.low - report->methods[0].auc.high, BENCH_AT_LEAST, 0);
}

void bench_route_desk(struct bench *bench)
{
    struct train_report report;
    struct samples samples;
    struct predictor *predictor;
    struct error error = {.message = "no rows"};
    if (!label() || samples_read(LABELS, ROUTE_SEED, &samples, &error) ||
        predictor_open_builtin(PREDICTOR_DESK, &predictor, &error) ||
        route_eval(&samples, predictor, ROUTE_SEED, &report, &error)) {
        fprintf(stderr, "route: desk: %s\n", error.message);
        exit(1);
    }
    add_pair(bench, &report);
    add_saving(bench, "text alone", &report.saving);
    add_saving(bench, "with escalation", &report.escalation.saving);
    add_limits(bench, &report);
    train_report_deinit(&report);
    samples_deinit(&samples);
    predictor_free(predictor);
}
