/* route.c - `make bench B=route`: predictors of a model's quality, on a published comparison of two models, and how
 * long a decision takes.
 *
 * Rows of ../shared/data/routing-routellm, which models/route_general.py makes; where they are absent, only the rows
 * without them. Each data set is measured in five folds by question; `subjects` leaves out whole subjects of MMLU,
 * `permuted` deals its labels anew. `calls_50`, `calls_80`: share of calls to the strong model for so much of its
 * advantage.
 *
 *   decision_p99_us  two candidates, a prompt of 1,000 tokens (4,500 bytes of MMLU), on one core
 *   mmlu_auc, mmlu_gain, mmlu_gain_low   AUC of 'weak is right'; over the best baseline; low end of its 95% interval
 *   mmlu_coverage    of groups of alike rows, whose quality lies within the 95% interval that was said of it
 *   permuted_auc     the same with permuted labels: 0.47 to 0.53
 *
 * 4,000 rows of the desk that no training has seen (BENCH_DESK_ROWS), 65% of them simple, of models/desk_generate.py,
 * are answered by the embedded pair here (route_desk.c):
 *
 *   desk_cost, escalate_cost   of always asking the large one, for its quality less a point: by the text alone and
 *                              with escalation
 *   desk_lost, escalate_lost   of its quality, at half its cost
 *   desk_coverage              as mmlu_coverage
 *   escalate_least_gain        quality that escalation gives more than the text alone at the same cost, at the least
 *   escalate_auc_gain_low      how far the interval of the AUC of 'the small one is right' with its confidence is above
 *                              that of the text alone
 *
 * Requests to a server (route_talk.c):
 *
 *   examples_routed_right      of the article's prompts, in four languages
 *   talk_moves_by_text         how often conversations of five turns would change their model by their texts alone
 *   talk_worst_over_staying    what one cost, of what it costs to stay with its first model, at the most */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "route_parts.h"
#include "core/mem.h"
#include "core/util.h"
#include "route/predictor.h"
#include "route/train.h"

#define DATA "../shared/data/routing-routellm"
#define ROWS_FILE "build/bench/route-rows.jsonl"
#define FILE_BYTES_MAX (4u << 20)
#define PROMPT_BYTES 4500
#define DECISIONS 5000
#define DECISION_BOUND_US 100
#define GAIN_BOUND 0.01
#define PERMUTED_BOUND 0.53

struct set {
    const char *name, *options;
    bool permutes;
};

static bool make_rows(const char *options)
{
    char command[512];
    mkdir("build/bench", 0777);
    snprintf(command, sizeof(command), "python3 models/route_general.py " DATA " %s >" ROWS_FILE, options);
    return system(command) == 0;
}

static const struct train_method *best_baseline(const struct train_report *report)
{
    const struct train_method *best = NULL;
    for (size_t i = 1; i + 1 < report->method_count; i++) /* the oracle is last */
        if (report->methods[i].predicted[0] && (!best || report->methods[i].auc.value > best->auc.value))
            best = &report->methods[i];
    return best;
}

static void add_row(struct bench *bench, const struct set *set, const struct train_report *report)
{
    const struct train_method *router = &report->methods[0], *best = best_baseline(report);
    const struct bench_cell cells[] = {
        BENCH_TEXT("data", set->name), BENCH_NUMBER("rows", report->samples->count),
        BENCH_NUMBER("auc", router->auc.value), BENCH_NUMBER("auc_low", router->auc.low),
        BENCH_NUMBER("auc_high", router->auc.high), BENCH_TEXT("best_baseline", best->name),
        BENCH_NUMBER("baseline_auc", best->auc.value), BENCH_NUMBER("gain", best->gain.value),
        BENCH_NUMBER("gain_low", best->gain.low), BENCH_NUMBER("calibration_error", report->calibration_error),
        BENCH_NUMBER("coverage", report->coverage.share), BENCH_NUMBER("apgr", router->apgr),
        BENCH_NUMBER("calls_50", router->calls_50),
        BENCH_NUMBER("calls_80", router->calls_80),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

/* Trains on the set and adds its row; `file` gets the predictor unless the labels are permuted. */
static void measure_set(struct bench *bench, const struct set *set, struct buf *file, struct train_report *report,
                        struct samples *samples)
{
    struct error error;
    const struct route_train_options options = {.seed = ROUTE_SEED, .permutes_labels = set->permutes,
                                                .only_measures = file == NULL};
    if (!make_rows(set->options) || samples_read(ROWS_FILE, ROUTE_SEED, samples, &error) ||
        route_train(samples, &options, file, report, &error)) {
        fprintf(stderr, "route: %s: %s\n", set->name, error.message);
        exit(1);
    }
    add_row(bench, set, report);
}

static void measure_and_forget(struct bench *bench, const struct set *set)
{
    struct train_report report;
    struct samples samples;
    measure_set(bench, set, NULL, &report, &samples);
    if (set->permutes)
        bench_limit(bench, "permuted_auc", report.methods[0].auc.value, BENCH_AT_MOST, PERMUTED_BOUND);
    train_report_deinit(&report);
    samples_deinit(&samples);
}

/* --- the time of a decision --- */

static size_t read_text(char *text, size_t max)
{
    FILE *rows = fopen(ROWS_FILE, "rb");
    const size_t len = rows ? fread(text, 1, max, rows) : 0;
    if (rows)
        fclose(rows);
    return len;
}

static void measure_decision(struct bench *bench, const struct buf *file)
{
    static char text[PROMPT_BYTES * 40];
    static double times[DECISIONS];
    struct predictor *predictor;
    struct predictor_bound bound;
    struct error error;
    const size_t len = read_text(text, sizeof(text));
    if (len <= PROMPT_BYTES || predictor_parse(buf_str(file), "bench", &predictor, &error))
        exit(1);
    const struct predictor_candidate candidates[] = {{predictor_model(predictor, 0), 1},
                                                     {predictor_model(predictor, 1), 2}};
    if (predictor_bind(predictor, candidates, 2, &bound, &error))
        exit(1);
    for (size_t i = 0; i < DECISIONS; i++) {
        struct prediction predictions[2];
        const struct str user = {text + i * 977 % (len - PROMPT_BYTES), PROMPT_BYTES};
        const struct route_prompt prompt = {.user = {.slices = {user}, .count = 1, .bytes = user.len}, .turns = 1};
        const uint64_t begun = clock_now_us();
        for (size_t j = 0; j < 4; j++) /* the clock counts whole microseconds */
            predictor_ask(predictor, &bound, &prompt, predictions);
        times[i] = (double)(clock_now_us() - begun) / 4;
    }
    const double median = bench_percentile(times, DECISIONS, 0.5), p99 = bench_percentile(times, DECISIONS, 0.99);
    const struct bench_cell cells[] = {BENCH_TEXT("data", "decision"), BENCH_NUMBER("prompt_bytes", PROMPT_BYTES),
                                       BENCH_NUMBER("median_us", median), BENCH_NUMBER("p99_us", p99)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "decision_p99_us", p99, BENCH_AT_MOST, DECISION_BOUND_US);
    predictor_free(predictor);
}

static void measure_mmlu(struct bench *bench)
{
    struct train_report report;
    struct samples samples;
    struct buf file;
    buf_init(&file, FILE_BYTES_MAX);
    measure_set(bench, &(struct set){"mmlu", "--only mmlu", false}, &file, &report, &samples);
    const struct train_method *best = best_baseline(&report);
    bench_limit(bench, "mmlu_auc", report.methods[0].auc.value, BENCH_AT_LEAST, best->auc.value + GAIN_BOUND);
    bench_limit(bench, "mmlu_gain", best->gain.value, BENCH_AT_LEAST, GAIN_BOUND);
    bench_limit(bench, "mmlu_gain_low", best->gain.low, BENCH_AT_LEAST, 0);
    bench_limit(bench, "mmlu_coverage", report.coverage.share, BENCH_AT_LEAST,
                route_coverage_bound(&report.coverage));
    measure_decision(bench, &file);
    train_report_deinit(&report);
    samples_deinit(&samples);
    buf_deinit(&file);
}

int main(void)
{
    static const struct set others[] = {{"subjects left out", "--only mmlu --by-subject", false},
                                        {"permuted", "--only mmlu", true},
                                        {"gsm8k", "--only gsm8k", false},
                                        {"mt_bench", "--only mt_bench", false}};
    struct bench *bench = bench_new("route");
    bench_route_desk(bench);
    bench_route_talk(bench);
    if (access(DATA, R_OK)) {
        printf("skipped: no ../shared\n");
        return bench_finish(bench);
    }
    measure_mmlu(bench);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        measure_and_forget(bench, &others[i]);
    return bench_finish(bench);
}
