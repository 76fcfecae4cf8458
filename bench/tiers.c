/* tiers.c - `make bench B=tiers`: what batch takes from other tiers, and what it leaves unused.
 *
 * A model of 110 million random parameters, two threads, the real worker behind
 * engine.h. Traffic of tier default arrives as in a recorded trace
 * (support_traffic.h), at 40% of what the machine sustains; a saturating batch
 * keeps BATCH_CLIENTS requests waiting at any time. All figures are ratios of
 * phases of one run:
 *
 *   strict_ttft        p99 time to first token beside batch, less a step of 25 ms, over that without batch
 *   strict_tpot        p99 time per output token beside batch over that without
 *   strict_harvest     batch tokens per second over (idle share without batch x batch tokens per second alone)
 *   objective_kept     p99 time per output token beside batch that shares steps, over that without
 *   objective_harvest  share of the time that prompts, and replies at the fastest step that the objective
 *                      admits, would have taken for what was done
 *   priority_ttft      p99 time to first token of priority at twice the sustainable load, less one step, over
 *                      that of the same requests alone
 *   batch_prefix_gain  records per second of batch with 20 questions on each 2,000-token document over those
 *                      without cache
 *
 * BENCH_SMALL=1 takes a model of 5 million parameters: not for the figures, but to see all phases in little time.
 * BENCH_SECONDS is the length of a phase over all rounds (150), BENCH_ROUNDS the rounds (5), each of all phases in
 * turn on arrivals of its own, so that a machine that is slower for a while is so for all of them: percentiles are
 * over all rounds, other figures the median round. BENCH_THREADS are the threads (2). BENCH_FIGURE takes only one of
 * strict, objective, priority, documents. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tiers_bed.h"
#include "cmd/cmd.h"
#include "core/util.h"

#define BATCH_CLIENTS 24
#define LOAD 0.4
#define PRIORITY_LOAD 0.1
#define OVERLOAD 2.0
#define STEP_MS 25.0
#define ROUND_ARRIVALS 300 /* further on in the trace with each round */
#define CURVE_US 2000000u
#define CURVE_WARM_UP_US 1000000u
#define CURVE_PROMPT 512
#define CURVE_REPLY 2048
#define CALIBRATION_CLIENTS 8

/* --- what the machine can do ------------------------------------------------------------------------ */

/* Requests per second of the trace that are answered when there are always more. */
static double sustainable_rate(struct bed *bed, const struct side *side)
{
    static struct tally tally;
    const struct phase phase = {.side = side, .clients = {[KIND_STANDARD] = CALIBRATION_CLIENTS},
                                .tallies = {[KIND_STANDARD] = &tally}, .us = bed->phase_us * bed->rounds / 3};
    const struct measured measured = run_phase(bed, &phase);
    return (double)tally.tpot_ms.count / measured.seconds;
}

/* Milliseconds of a reply's step and of a prompt's token: the fastest that the objective admits. */
struct curve {
    double one_ms, admitted_ms; /* a step of one reply; a step of `replies`, by replies */
    double prompt_ms;
    uint32_t replies;
};

/* The mean step of `clients` replies at once. */
static double step_ms(struct bed *bed, const struct phase *phase, uint32_t clients)
{
    struct engine_counters before, after;
    uv_timer_t timer;
    bed->phase = phase;
    uv_timer_init(&bed->loop, &timer);
    for (uint32_t i = 0; i < clients; i++)
        ask(bed, KIND_STANDARD, BATCH_PROMPT, CURVE_REPLY);
    for (const uint64_t warm_us = clock_now_us() + CURVE_WARM_UP_US; clock_now_us() < warm_us;)
        wait_until(bed, &timer, warm_us);
    engine_counters(phase->side->engine, 0, &before);
    for (const uint64_t end_us = clock_now_us() + CURVE_US; clock_now_us() < end_us;)
        wait_until(bed, &timer, end_us);
    engine_counters(phase->side->engine, 0, &after);
    settle(bed, &timer);
    return (double)(after.steps_us - before.steps_us) / (double)(after.steps - before.steps) / 1000;
}

/* Time in steps for each token of a prompt. */
static double prompt_ms(struct bed *bed, const struct phase *phase)
{
    struct engine_counters before, after;
    uv_timer_t timer;
    bed->phase = phase;
    uv_timer_init(&bed->loop, &timer);
    engine_counters(phase->side->engine, 0, &before);
    for (uint32_t i = 0; i < 2; i++)
        ask(bed, KIND_STANDARD, CURVE_PROMPT, 1);
    while (bed->running[KIND_STANDARD] > 0)
        wait_until(bed, &timer, clock_now_us() + 20000);
    engine_counters(phase->side->engine, 0, &after);
    settle(bed, &timer);
    return (double)(after.steps_us - before.steps_us) / (2.0 * CURVE_PROMPT) / 1000;
}

static struct curve measure_curve(struct bed *bed, struct bench *report)
{
    static struct tally tally;
    const struct phase phase = {.side = &bed->objective, .tallies = {[KIND_STANDARD] = &tally}};
    struct curve curve = {.replies = 1, .prompt_ms = prompt_ms(bed, &phase)};
    curve.one_ms = curve.admitted_ms = step_ms(bed, &phase, 1);
    for (uint32_t replies = 2; replies <= PARALLEL; replies++) {
        const double ms = step_ms(bed, &phase, replies);
        if (ms > OBJECTIVE * curve.one_ms)
            break;
        curve.replies = replies;
        curve.admitted_ms = ms;
    }
    const struct bench_cell cells[] = {
        BENCH_NUMBER("step_of_one_ms", curve.one_ms),
        BENCH_NUMBER("replies_admitted", curve.replies),
        BENCH_NUMBER("their_step_ms", curve.admitted_ms),
        BENCH_NUMBER("prompt_token_ms", curve.prompt_ms),
    };
    bench_row(report, cells, 4);
    return curve;
}

/* --- the phases ------------------------------------------------------------------------------------- */

static struct results {
    struct tally alone, strict, objective, batch_strict, batch_objective;
    struct tally priority_alone, priority_loaded, overload;
    struct tally batch_alone;
    double harvest[BENCH_ROUNDS_MAX], objective_harvest[BENCH_ROUNDS_MAX], step_ms[BENCH_ROUNDS_MAX];
    double capacity;
} results;

static void add_row(struct bench *report, const char *what, struct tally *tally, double batch_rate_measured,
                    const struct measured *measured)
{
    const struct bench_cell cells[] = {
        BENCH_TEXT("phase", what),
        BENCH_NUMBER("requests", tally->ttft_ms.count),
        BENCH_NUMBER("ttft_p50_ms", bench_percentile(tally->ttft_ms.values, tally->ttft_ms.count, 0.5)),
        BENCH_NUMBER("ttft_p99_ms", p99(&tally->ttft_ms)),
        BENCH_NUMBER("tpot_p50_ms", bench_percentile(tally->tpot_ms.values, tally->tpot_ms.count, 0.5)),
        BENCH_NUMBER("tpot_p99_ms", p99(&tally->tpot_ms)),
        BENCH_NUMBER("batch_tokens_per_second", batch_rate_measured),
        BENCH_NUMBER("busy", measured->busy),
        BENCH_NUMBER("step_ms", measured->step_ms),
    };
    bench_row(report, cells, 9);
}

static struct measured run_standard(struct bed *bed, struct bench *report, unsigned round)
{
    const struct phase phase = {.side = &bed->strict, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                                .tallies = {[KIND_STANDARD] = &results.alone}, .us = bed->phase_us,
                                .first = round * ROUND_ARRIVALS};
    const struct measured measured = run_phase(bed, &phase);
    add_row(report, "standard alone", &results.alone, 0, &measured);
    return measured;
}

/* `alone` is of the standard traffic of this round. */
static void run_strict(struct bed *bed, struct bench *report, unsigned round, const struct measured *alone)
{
    const struct phase batch_phase = {.side = &bed->strict, .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                      .tallies = {[KIND_BATCH] = &results.batch_alone}, .us = bed->phase_us};
    uint64_t tokens = results.batch_alone.output_tokens;
    struct measured measured = run_phase(bed, &batch_phase);
    const double alone_rate = (double)(results.batch_alone.output_tokens - tokens) / measured.seconds;
    add_row(report, "batch alone", &results.batch_alone, alone_rate, &measured);
    const struct phase phase = {.side = &bed->strict, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                                .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_STANDARD] = &results.strict, [KIND_BATCH] = &results.batch_strict},
                                .us = bed->phase_us, .first = round * ROUND_ARRIVALS};
    tokens = results.batch_strict.output_tokens;
    measured = run_phase(bed, &phase);
    const double rate = (double)(results.batch_strict.output_tokens - tokens) / measured.seconds;
    results.harvest[round] = rate / ((1 - alone->busy) * alone_rate);
    add_row(report, "batch beside it, strict", &results.strict, rate, &measured);
}

static void run_objective(struct bed *bed, struct bench *report, unsigned round)
{
    const struct curve curve = measure_curve(bed, report);
    struct tally *standard = &results.objective, *batch = &results.batch_objective;
    const struct phase phase = {.side = &bed->objective, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                                .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_STANDARD] = standard, [KIND_BATCH] = batch}, .us = bed->phase_us,
                                .first = round * ROUND_ARRIVALS};
    const uint64_t batch_before = batch->output_tokens;
    const uint64_t output = standard->output_tokens + batch->output_tokens;
    const uint64_t prompts = standard->prompt_tokens + batch->prompt_tokens;
    const struct measured measured = run_phase(bed, &phase);
    const double replies_ms =
        (double)(standard->output_tokens + batch->output_tokens - output) * curve.admitted_ms / curve.replies;
    const double prompts_ms =
        (double)(standard->prompt_tokens + batch->prompt_tokens - prompts) * curve.prompt_ms;
    results.objective_harvest[round] = (replies_ms + prompts_ms) / 1000 / measured.seconds;
    add_row(report, "batch beside it, objective", standard,
            (double)(batch->output_tokens - batch_before) / measured.seconds, &measured);
}

static void run_priority(struct bed *bed, struct bench *report, unsigned round)
{
    struct phase phase = {.side = &bed->strict, .rates = {[KIND_PRIORITY] = PRIORITY_LOAD * results.capacity},
                          .tallies = {[KIND_PRIORITY] = &results.priority_alone, [KIND_STANDARD] = &results.overload},
                          .us = bed->phase_us, .first = round * ROUND_ARRIVALS};
    struct measured measured = run_phase(bed, &phase);
    add_row(report, "priority alone", &results.priority_alone, 0, &measured);
    phase.tallies[KIND_PRIORITY] = &results.priority_loaded;
    phase.rates[KIND_STANDARD] = OVERLOAD * results.capacity;
    measured = run_phase(bed, &phase);
    results.step_ms[round] = measured.step_ms;
    add_row(report, "priority at twice the load", &results.priority_loaded, 0, &measured);
}

/* --- main ------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

static void add_strict_limits(struct bed *bed, struct bench *report)
{
    const double alone_ttft = p99(&results.alone.ttft_ms), alone_tpot = p99(&results.alone.tpot_ms);
    bench_limit(report, "strict_ttft", (p99(&results.strict.ttft_ms) - STEP_MS) / alone_ttft, BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_tpot", p99(&results.strict.tpot_ms) / alone_tpot, BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_harvest", bench_percentile(results.harvest, bed->rounds, 0.5), BENCH_AT_LEAST, 0.9);
}

static void add_objective_limits(struct bed *bed, struct bench *report)
{
    bench_limit(report, "objective_kept", p99(&results.objective.tpot_ms) / p99(&results.alone.tpot_ms), BENCH_AT_MOST,
                OBJECTIVE);
    bench_limit(report, "objective_harvest", bench_percentile(results.objective_harvest, bed->rounds, 0.5),
                BENCH_AT_LEAST, 0.9);
}

static void add_priority_limit(struct bed *bed, struct bench *report)
{
    const double step = bench_percentile(results.step_ms, bed->rounds, 0.5);
    bench_limit(report, "priority_ttft",
                (p99(&results.priority_loaded.ttft_ms) - step) / p99(&results.priority_alone.ttft_ms), BENCH_AT_MOST,
                1.5);
}

static void run_rounds(struct bed *bed, struct bench *report)
{
    const bool strict = is_wanted("strict"), objective = is_wanted("objective"), priority = is_wanted("priority");
    for (unsigned round = 0; round < bed->rounds; round++) {
        struct measured alone = {0};
        if (strict || objective)
            alone = run_standard(bed, report, round);
        if (strict)
            run_strict(bed, report, round, &alone);
        if (objective)
            run_objective(bed, report, round);
        if (priority)
            run_priority(bed, report, round);
    }
    if (strict)
        add_strict_limits(bed, report);
    if (objective)
        add_objective_limits(bed, report);
    if (priority)
        add_priority_limit(bed, report);
}

int main(int argc, char **argv)
{
    static struct bed bed;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    open_bed(&bed);
    struct bench *report = bench_new("tiers");
    results.capacity = sustainable_rate(&bed, &bed.strict);
    const struct bench_cell cells[] = {
        BENCH_TEXT("arrivals", bed.traffic.is_recorded ? "azure 2023, conversations" : "made up"),
        BENCH_NUMBER("sustainable_requests_per_second", results.capacity),
    };
    bench_row(report, cells, 2);
    if (!(results.capacity > 0))
        die("nothing was answered within a phase; set BENCH_SECONDS to more");
    run_rounds(&bed, report);
    if (is_wanted("documents"))
        bench_limit(report, "batch_prefix_gain", run_documents(&bed, report), BENCH_AT_LEAST, 5);
    const int status = bench_finish(report);
    close_bed(&bed);
    return status;
}
