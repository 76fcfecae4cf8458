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
 * turn on arrivals of its own. A figure compares phases of one round, and the median round is taken: a machine may be
 * a quarter slower from one half minute to the next. BENCH_THREADS are the threads (2). BENCH_FIGURE takes only one of
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

enum figure {
    STRICT_TTFT,
    STRICT_TPOT,
    STRICT_HARVEST,
    OBJECTIVE_KEPT,
    OBJECTIVE_HARVEST,
    PRIORITY_TTFT,
    FIGURES
};

/* Of all rounds. */
static struct results {
    double capacity;
    double figures[FIGURES][BENCH_ROUNDS_MAX];
} results;

/* What standard traffic got in this round without batch. */
struct alone {
    double ttft_ms, tpot_ms; /* p99 */
    double busy;
};

static void add_row(struct bench *report, const char *what, struct tally *tally, double batch_rate,
                    const struct measured *measured)
{
    const struct bench_cell cells[] = {
        BENCH_TEXT("phase", what),
        BENCH_NUMBER("requests", tally->ttft_ms.count),
        BENCH_NUMBER("ttft_p50_ms", bench_percentile(tally->ttft_ms.values, tally->ttft_ms.count, 0.5)),
        BENCH_NUMBER("ttft_p99_ms", p99(&tally->ttft_ms)),
        BENCH_NUMBER("tpot_p50_ms", bench_percentile(tally->tpot_ms.values, tally->tpot_ms.count, 0.5)),
        BENCH_NUMBER("tpot_p99_ms", p99(&tally->tpot_ms)),
        BENCH_NUMBER("batch_tokens_per_second", batch_rate),
        BENCH_NUMBER("busy", measured->busy),
        BENCH_NUMBER("step_ms", measured->step_ms),
        BENCH_NUMBER("batch_preempted", measured->preempted),
    };
    bench_row(report, cells, 10);
}

/* With batch beside it unless `batch` is NULL. */
static struct phase standard_phase(const struct bed *bed, const struct side *side, unsigned round,
                                   struct tally *standard, struct tally *batch)
{
    return (struct phase){.side = side, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                          .clients = {[KIND_BATCH] = batch != NULL ? BATCH_CLIENTS : 0},
                          .tallies = {[KIND_STANDARD] = standard, [KIND_BATCH] = batch}, .us = bed->phase_us,
                          .first = round * ROUND_ARRIVALS};
}

static struct alone run_standard(struct bed *bed, struct bench *report, unsigned round)
{
    static struct tally tally;
    tally = (struct tally){0};
    const struct phase phase = standard_phase(bed, &bed->strict, round, &tally, NULL);
    const struct measured measured = run_phase(bed, &phase);
    add_row(report, "standard alone", &tally, 0, &measured);
    return (struct alone){p99(&tally.ttft_ms), p99(&tally.tpot_ms), measured.busy};
}

/* Tokens per second. */
static double run_batch(struct bed *bed, struct bench *report)
{
    static struct tally tally;
    const struct phase phase = {.side = &bed->strict, .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_BATCH] = &tally}, .us = bed->phase_us};
    tally = (struct tally){0};
    const struct measured measured = run_phase(bed, &phase);
    const double rate = (double)tally.output_tokens / measured.seconds;
    add_row(report, "batch alone", &tally, rate, &measured);
    return rate;
}

static void run_strict(struct bed *bed, struct bench *report, unsigned round, const struct alone *alone)
{
    static struct tally standard, batch;
    standard = batch = (struct tally){0};
    const struct phase phase = standard_phase(bed, &bed->strict, round, &standard, &batch);
    const struct measured measured = run_phase(bed, &phase);
    const double rate = (double)batch.output_tokens / measured.seconds;
    add_row(report, "batch beside it, strict", &standard, rate, &measured);
    results.figures[STRICT_TTFT][round] = (p99(&standard.ttft_ms) - STEP_MS) / alone->ttft_ms;
    results.figures[STRICT_TPOT][round] = p99(&standard.tpot_ms) / alone->tpot_ms;
    results.figures[STRICT_HARVEST][round] = rate / ((1 - alone->busy) * run_batch(bed, report));
}

static void run_objective(struct bed *bed, struct bench *report, unsigned round, const struct alone *alone)
{
    static struct tally standard, batch;
    standard = batch = (struct tally){0};
    const struct phase phase = standard_phase(bed, &bed->objective, round, &standard, &batch);
    const struct measured measured = run_phase(bed, &phase);
    add_row(report, "batch beside it, objective", &standard, (double)batch.output_tokens / measured.seconds, &measured);
    const struct curve curve = measure_curve(bed, report);
    const double replies_ms =
        (double)(standard.output_tokens + batch.output_tokens) * curve.admitted_ms / curve.replies;
    const double prompts_ms = (double)(standard.prompt_tokens + batch.prompt_tokens) * curve.prompt_ms;
    results.figures[OBJECTIVE_KEPT][round] = p99(&standard.tpot_ms) / alone->tpot_ms;
    results.figures[OBJECTIVE_HARVEST][round] = (replies_ms + prompts_ms) / 1000 / measured.seconds;
}

static void run_priority(struct bed *bed, struct bench *report, unsigned round)
{
    static struct tally alone, loaded, overload;
    alone = loaded = overload = (struct tally){0};
    struct phase phase = {.side = &bed->strict, .rates = {[KIND_PRIORITY] = PRIORITY_LOAD * results.capacity},
                          .tallies = {[KIND_PRIORITY] = &alone, [KIND_STANDARD] = &overload}, .us = bed->phase_us,
                          .first = round * ROUND_ARRIVALS};
    struct measured measured = run_phase(bed, &phase);
    add_row(report, "priority alone", &alone, 0, &measured);
    phase.tallies[KIND_PRIORITY] = &loaded;
    phase.rates[KIND_STANDARD] = OVERLOAD * results.capacity;
    measured = run_phase(bed, &phase);
    add_row(report, "priority at twice the load", &loaded, 0, &measured);
    results.figures[PRIORITY_TTFT][round] = (p99(&loaded.ttft_ms) - measured.step_ms) / p99(&alone.ttft_ms);
}

/* --- main ------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

/* The median round. */
static void add_limit(const struct bed *bed, struct bench *report, const char *key, enum figure figure,
                      enum bench_bound direction, double bound)
{
    bench_limit(report, key, bench_percentile(results.figures[figure], bed->rounds, 0.5), direction, bound);
}

static void run_rounds(struct bed *bed, struct bench *report)
{
    const bool strict = is_wanted("strict"), objective = is_wanted("objective"), priority = is_wanted("priority");
    for (unsigned round = 0; round < bed->rounds; round++) {
        struct alone alone = {0};
        if (strict || objective)
            alone = run_standard(bed, report, round);
        if (strict)
            run_strict(bed, report, round, &alone);
        if (objective)
            run_objective(bed, report, round, &alone);
        if (priority)
            run_priority(bed, report, round);
    }
    if (strict) {
        add_limit(bed, report, "strict_ttft", STRICT_TTFT, BENCH_AT_MOST, 1.1);
        add_limit(bed, report, "strict_tpot", STRICT_TPOT, BENCH_AT_MOST, 1.1);
        add_limit(bed, report, "strict_harvest", STRICT_HARVEST, BENCH_AT_LEAST, 0.9);
    }
    if (objective) {
        add_limit(bed, report, "objective_kept", OBJECTIVE_KEPT, BENCH_AT_MOST, OBJECTIVE);
        add_limit(bed, report, "objective_harvest", OBJECTIVE_HARVEST, BENCH_AT_LEAST, 0.9);
    }
    if (priority)
        add_limit(bed, report, "priority_ttft", PRIORITY_TTFT, BENCH_AT_MOST, 1.5);
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
