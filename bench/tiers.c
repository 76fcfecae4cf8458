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
 * step_error is how far the predictions of steps were off, over what the steps took.
 *
 * BENCH_SMALL=1 takes a model of 5 million parameters: not for the figures, but to see all phases in little time.
 * BENCH_SECONDS is the length of a phase over all rounds (150), BENCH_ROUNDS the rounds (5), each on arrivals of its
 * own. A machine may be a quarter slower from one half minute to the next. So standard traffic comes in slices of ten
 * seconds, without batch and beside it in turns, each round's three times; a request counts with the median of its
 * three times, and percentiles are over the requests of all rounds, every one of which is answered. At twice the load a
 * queue has to build up, and requests have to grow old: there a round is one phase, and the median round counts.
 * BENCH_THREADS are the threads (2). BENCH_FIGURE takes only one of strict, objective, priority, documents. */
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
#define SLICES 3           /* of a round, all with the same arrivals, for what batch takes from others */
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
                                .tallies = {[KIND_STANDARD] = &tally}, .us = bed->round_us * bed->rounds / 3};
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

/* What one kind of phase did in all slices and rounds. */
struct result {
    struct tally tally, batch;
    struct measured measured;
};

static struct results {
    double capacity;
    struct result alone, strict, objective, batch;
    double reply_ms, prompt_ms; /* of a token, at the fastest that is admitted; sums of the rounds' */
    double priority_ttft[BENCH_ROUNDS_MAX];
} results;

static void add_measured(struct measured *sum, const struct measured *measured)
{
    sum->seconds += measured->seconds;
    sum->steps_seconds += measured->steps_seconds;
    sum->steps += measured->steps;
    sum->error_seconds += measured->error_seconds;
    sum->preempted += measured->preempted;
}

static double step_of_ms(const struct measured *measured)
{
    return measured->steps > 0 ? measured->steps_seconds * 1000 / measured->steps : 0;
}

static double batch_rate(const struct result *result)
{
    return (double)result->batch.output_tokens / result->measured.seconds;
}

static double p99(struct samples *samples)
{
    return percentile(samples, 0.99);
}

static void add_row(struct bench *report, const char *what, struct result *result)
{
    struct tally *tally = &result->tally;
    const struct bench_cell cells[] = {
        BENCH_TEXT("phase", what),
        BENCH_NUMBER("requests", tally->ttft_ms.count),
        BENCH_NUMBER("ttft_p50_ms", percentile(&tally->ttft_ms, 0.5)),
        BENCH_NUMBER("ttft_p99_ms", p99(&tally->ttft_ms)),
        BENCH_NUMBER("tpot_p50_ms", percentile(&tally->tpot_ms, 0.5)),
        BENCH_NUMBER("tpot_p99_ms", p99(&tally->tpot_ms)),
        BENCH_NUMBER("batch_tokens_per_second", batch_rate(result)),
        BENCH_NUMBER("busy", result->measured.steps_seconds / result->measured.seconds),
        BENCH_NUMBER("step_ms", step_of_ms(&result->measured)),
        BENCH_NUMBER("step_error", result->measured.error_seconds / result->measured.steps_seconds),
        BENCH_NUMBER("batch_preempted", result->measured.preempted),
    };
    bench_row(report, cells, sizeof(cells) / sizeof(cells[0]));
}

/* A slice of standard traffic, with batch beside it or not. */
static void run_slice(struct bed *bed, const struct side *side, unsigned round, bool has_batch, struct result *result)
{
    const struct phase phase = {.side = side, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                                .clients = {[KIND_BATCH] = has_batch ? BATCH_CLIENTS : 0},
                                .tallies = {[KIND_STANDARD] = &result->tally, [KIND_BATCH] = &result->batch},
                                .us = bed->round_us / SLICES, .first = round * ROUND_ARRIVALS, .is_drained = true};
    const struct measured measured = run_phase(bed, &phase);
    add_measured(&result->measured, &measured);
}

static void run_batch(struct bed *bed)
{
    const struct phase phase = {.side = &bed->strict, .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_BATCH] = &results.batch.batch}, .us = bed->round_us / SLICES};
    const struct measured measured = run_phase(bed, &phase);
    add_measured(&results.batch.measured, &measured);
}

/* The same arrivals without batch and beside it, in turns: whoever was first in one slice is last in the next. */
static void run_slices(struct bed *bed, unsigned round, bool is_strict, bool is_objective)
{
    for (unsigned k = 0; k < SLICES; k++) {
        const bool is_first = (round * SLICES + k) % 2 == 0;
        if (is_first)
            run_slice(bed, &bed->strict, round, false, &results.alone);
        if (is_strict)
            run_slice(bed, &bed->strict, round, true, &results.strict);
        if (is_objective)
            run_slice(bed, &bed->objective, round, true, &results.objective);
        if (!is_first)
            run_slice(bed, &bed->strict, round, false, &results.alone);
    }
}

static void run_priority(struct bed *bed, struct bench *report, unsigned round)
{
    static struct result alone, loaded;
    static struct tally overload;
    alone = loaded = (struct result){0};
    overload = (struct tally){0};
    struct phase phase = {.side = &bed->strict, .rates = {[KIND_PRIORITY] = PRIORITY_LOAD * results.capacity},
                          .tallies = {[KIND_PRIORITY] = &alone.tally, [KIND_STANDARD] = &overload},
                          .us = bed->round_us, .first = round * ROUND_ARRIVALS};
    alone.measured = run_phase(bed, &phase);
    add_row(report, "priority alone", &alone);
    phase.tallies[KIND_PRIORITY] = &loaded.tally;
    phase.rates[KIND_STANDARD] = OVERLOAD * results.capacity;
    loaded.measured = run_phase(bed, &phase);
    add_row(report, "priority at twice the load", &loaded);
    results.priority_ttft[round] =
        (p99(&loaded.tally.ttft_ms) - step_of_ms(&loaded.measured)) / p99(&alone.tally.ttft_ms);
}

/* --- figures ---------------------------------------------------------------------------------------- */

static void add_strict(struct bench *report)
{
    const struct measured *alone = &results.alone.measured;
    add_row(report, "batch beside it, strict", &results.strict);
    add_row(report, "batch alone", &results.batch);
    bench_limit(report, "strict_ttft",
                (p99(&results.strict.tally.ttft_ms) - STEP_MS) / p99(&results.alone.tally.ttft_ms), BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_tpot", p99(&results.strict.tally.tpot_ms) / p99(&results.alone.tally.tpot_ms),
                BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_harvest", batch_rate(&results.strict) / batch_rate(&results.batch) /
                (1 - alone->steps_seconds / alone->seconds), BENCH_AT_LEAST, 0.9);
}

static void add_objective(const struct bed *bed, struct bench *report)
{
    const struct result *result = &results.objective;
    const double prompts = (double)(result->tally.prompt_tokens + result->batch.prompt_tokens);
    const double replies = (double)(result->tally.output_tokens + result->batch.output_tokens);
    const double ms = (replies * results.reply_ms + prompts * results.prompt_ms) / bed->rounds;
    add_row(report, "batch beside it, objective", &results.objective);
    bench_limit(report, "objective_kept", p99(&results.objective.tally.tpot_ms) / p99(&results.alone.tally.tpot_ms),
                BENCH_AT_MOST, OBJECTIVE);
    bench_limit(report, "objective_harvest", ms / 1000 / result->measured.seconds, BENCH_AT_LEAST, 0.9);
}

/* --- main ------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

static void run_rounds(struct bed *bed, struct bench *report)
{
    const bool strict = is_wanted("strict"), objective = is_wanted("objective"), priority = is_wanted("priority");
    for (unsigned round = 0; round < bed->rounds; round++) {
        if (strict || objective)
            run_slices(bed, round, strict, objective);
        if (strict)
            run_batch(bed);
        if (objective) {
            const struct curve curve = measure_curve(bed, report);
            results.reply_ms += curve.admitted_ms / curve.replies;
            results.prompt_ms += curve.prompt_ms;
        }
        if (priority)
            run_priority(bed, report, round);
    }
    if (strict || objective)
        add_row(report, "standard alone", &results.alone);
    if (strict)
        add_strict(report);
    if (objective)
        add_objective(bed, report);
    if (priority)
        bench_limit(report, "priority_ttft", bench_percentile(results.priority_ttft, bed->rounds, 0.5), BENCH_AT_MOST,
                    1.5);
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
