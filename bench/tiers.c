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
 * BENCH_SMALL=1 takes a model of 5 million parameters: not for the figures, but to
 * see all phases in little time. BENCH_SECONDS is the length of a phase (120), BENCH_ROUNDS how often all phases
 * are run (1; percentiles are over all of them), BENCH_THREADS the threads (2). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "support_traffic.h"
#include "cmd/cmd.h"
#include "core/mem.h"
#include "core/util.h"
#include "engine/engine.h"

#define MODEL_PATH "build/bench/random-110m.gguf"
#define SMALL_PATH "build/bench/random-5m.gguf"
#define CONTEXT 2560
#define PARALLEL 16
#define PROMPT_MAX 2200
#define BATCH_CLIENTS 24
#define BATCH_PROMPT 64
#define BATCH_REPLY 64
#define LOAD 0.4
#define PRIORITY_LOAD 0.1
#define OVERLOAD 2.0
#define OBJECTIVE 2.0
#define STEP_MS 25.0
#define WARM_UP_US 3000000u
#define SAMPLES_MAX 65536
#define CURVE_US 3000000u
#define CURVE_PROMPT 512
#define CURVE_REPLY 2048
#define CALIBRATION_CLIENTS 8
#define DOCUMENT_TOKENS 2000
#define DOCUMENTS 3
#define QUESTIONS 20
#define QUESTION_TOKENS 24
#define ANSWER_TOKENS 8
#define UNCACHED_RECORDS 10

struct samples {
    double values[SAMPLES_MAX];
    size_t count;
};

/* What one kind of requests did; of phases that are repeated, of all. */
struct tally {
    struct samples ttft_ms, tpot_ms;
    uint64_t output_tokens, prompt_tokens, refused;
};

/* The engine behind one setting of `tiers.share`. */
struct side {
    struct config config;
    struct config_model model;
    struct engine *engine;
    struct engine_port *port;
};

enum kind { KIND_STANDARD, KIND_PRIORITY, KIND_BATCH, KINDS };

struct phase {
    const struct side *side;
    double rates[KINDS];  /* arrivals per second, from the trace */
    uint32_t clients[KINDS]; /* that ask again as soon as they are answered */
    struct tally *tallies[KINDS];
    uint64_t us;          /* measured */
};

struct bed {
    uv_loop_t loop;
    struct side strict, objective;
    struct traffic traffic;
    const char *model_path;
    unsigned rounds;
    uint64_t phase_us;
    uint32_t threads;

    const struct phase *phase; /* the present one */
    bool is_measured;          /* warmed up, and not over */
    uint32_t running[KINDS];
    struct client *clients;    /* all, a ring list through `next` */
    size_t next[KINDS];        /* arrival */
};

struct client {
    struct bed *bed;
    struct engine_call *call;
    enum kind kind;
    uint64_t begun_us;
    uint32_t prompt;
    bool is_counted;
    struct client *previous, *following;
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench tiers: %s\n", what);
    exit(1);
}

static void add_sample(struct samples *samples, double value)
{
    if (samples->count < SAMPLES_MAX)
        samples->values[samples->count++] = value;
}

static double p99(struct samples *samples)
{
    return bench_percentile(samples->values, samples->count, 0.99);
}

/* --- requests --------------------------------------------------------------------------------------- */

static void ask(struct bed *bed, enum kind kind, uint32_t prompt, uint32_t reply);

static void forget(struct client *client)
{
    struct bed *bed = client->bed;
    if (client->previous != NULL)
        client->previous->following = client->following;
    else
        bed->clients = client->following;
    if (client->following != NULL)
        client->following->previous = client->previous;
    bed->running[client->kind]--;
    mem_free(client);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    struct client *client = ctx;
    struct tally *tally = client->bed->phase->tallies[client->kind];
    (void)started;
    if (client->is_counted)
        add_sample(&tally->ttft_ms, (double)(clock_now_us() - client->begun_us) / 1000);
    if (client->bed->is_measured)
        tally->prompt_tokens += client->prompt;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct client *client = ctx;
    (void)text;
    if (client->bed->is_measured)
        client->bed->phase->tallies[client->kind]->output_tokens += tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct client *client = ctx;
    struct bed *bed = client->bed;
    const enum kind kind = client->kind;
    if (client->is_counted && finished->output_tokens > 1)
        add_sample(&bed->phase->tallies[kind]->tpot_ms,
                   (double)finished->decode_us / 1000 / (finished->output_tokens - 1));
    forget(client);
    if (bed->running[kind] >= bed->phase->clients[kind])
        return;
    const struct arrival *next = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
    if (kind == KIND_BATCH)
        ask(bed, kind, BATCH_PROMPT, BATCH_REPLY);
    else
        ask(bed, kind, next->prompt, next->reply);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct client *client = ctx;
    if (error->code != ERROR_THROTTLED)
        die(error->message);
    client->bed->phase->tallies[client->kind]->refused++;
    forget(client);
}

/* Blanks and digits are one token each. */
static void write_prompt(char *text, uint32_t tokens)
{
    for (uint32_t i = 0; i < tokens; i++)
        text[i] = i % 2 == 0 ? ' ' : (char)('0' + rand() % 10);
}

static struct client *new_client(struct bed *bed, enum kind kind, uint32_t prompt)
{
    struct client *client = mem_must_calloc(1, sizeof(*client));
    *client = (struct client){.bed = bed, .kind = kind, .begun_us = clock_now_us(), .prompt = prompt,
                              .is_counted = bed->is_measured, .following = bed->clients};
    if (bed->clients != NULL)
        bed->clients->previous = client;
    bed->clients = client;
    bed->running[kind]++;
    return client;
}

static void ask(struct bed *bed, enum kind kind, uint32_t prompt, uint32_t reply)
{
    static char text[PROMPT_MAX];
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed};
    static const enum engine_tier tiers[] = {ENGINE_DEFAULT, ENGINE_PRIORITY, ENGINE_BATCH};
    struct error error = {.code = OK};
    write_prompt(text, prompt);
    const struct engine_segment segment = {.text = {text, prompt}};
    const struct engine_request request = {.segments = &segment, .segment_count = 1, .max_tokens = reply,
                                           .top_p = 1.0f, .tenant = STR("bench"), .tier = tiers[kind]};
    struct client *client = new_client(bed, kind, prompt);
    client->call = engine_generate(bed->phase->side->port, 0, &request, &handlers, client, &error);
    if (client->call == NULL)
        on_failed(client, &error);
}

/* --- phases ----------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* it has ended the wait in uv_run */
}

static void begin_clients(struct bed *bed)
{
    for (int kind = 0; kind < KINDS; kind++)
        while (bed->running[kind] < bed->phase->clients[kind]) {
            const struct arrival *next = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
            if (kind == KIND_BATCH)
                ask(bed, KIND_BATCH, BATCH_PROMPT, BATCH_REPLY);
            else
                ask(bed, (enum kind)kind, next->prompt, next->reply);
        }
}

static void cancel_all(struct bed *bed)
{
    while (bed->clients != NULL) {
        engine_cancel(bed->clients->call);
        forget(bed->clients);
    }
}

/* Asks what is due; the time of the next arrival. */
static uint64_t arrive(struct bed *bed, enum kind kind, uint64_t due_us)
{
    const double rate = bed->phase->rates[kind];
    while (rate > 0 && due_us <= clock_now_us()) {
        const struct arrival *arrival = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
        ask(bed, kind, arrival->prompt, arrival->reply);
        due_us += (uint64_t)(arrival->after / rate * 1e6);
    }
    return rate > 0 ? due_us : UINT64_MAX;
}

static void wait_until(struct bed *bed, uv_timer_t *timer, uint64_t until_us)
{
    const uint64_t now_us = clock_now_us();
    uv_update_time(&bed->loop);
    uv_timer_start(timer, on_timer, until_us > now_us ? (until_us - now_us) / 1000 + 1 : 0, 0);
    uv_run(&bed->loop, UV_RUN_ONCE);
}

struct measured {
    double seconds, busy, step_ms; /* share of the time spent in steps; the mean step */
};

static bool is_busy(const struct side *side)
{
    struct engine_counters counters;
    uint64_t requests = 0;
    engine_counters(side->engine, 0, &counters);
    for (size_t tier = 0; tier < ENGINE_TIERS; tier++)
        requests += counters.tier_queued[tier] + counters.tier_running[tier] + counters.tier_preempted[tier];
    return requests > 0;
}

static struct measured measure(const struct engine_counters *before, const struct engine_counters *after,
                               uint64_t began_us)
{
    const double us = (double)(clock_now_us() - began_us), steps_us = (double)(after->steps_us - before->steps_us);
    const double steps = (double)(after->steps - before->steps);
    return (struct measured){us / 1e6, steps_us / us, steps > 0 ? steps_us / steps / 1000 : 0};
}

/* Cancels what runs, and waits until the engine has let go of it. */
static void settle(struct bed *bed, uv_timer_t *timer)
{
    cancel_all(bed);
    do
        wait_until(bed, timer, clock_now_us() + 50000);
    while (is_busy(bed->phase->side));
    uv_close((uv_handle_t *)timer, NULL);
    uv_run(&bed->loop, UV_RUN_NOWAIT);
}

/* Every phase sees the same arrivals, from the trace's beginning. */
static struct measured run_phase(struct bed *bed, const struct phase *phase)
{
    uv_timer_t timer;
    struct engine_counters before = {0}, after;
    const uint64_t begun_us = clock_now_us(), measured_us = begun_us + WARM_UP_US, end_us = measured_us + phase->us;
    uint64_t due_us[KINDS] = {begun_us, begun_us, begun_us};
    bed->phase = phase;
    memset(bed->next, 0, sizeof(bed->next));
    uv_timer_init(&bed->loop, &timer);
    begin_clients(bed);
    while (clock_now_us() < end_us) {
        if (!bed->is_measured && clock_now_us() >= measured_us) {
            engine_counters(phase->side->engine, 0, &before);
            bed->is_measured = true;
        }
        uint64_t next_us = bed->is_measured ? end_us : measured_us;
        for (int kind = 0; kind < KINDS; kind++) {
            due_us[kind] = arrive(bed, (enum kind)kind, due_us[kind]);
            next_us = due_us[kind] < next_us ? due_us[kind] : next_us;
        }
        wait_until(bed, &timer, next_us);
    }
    engine_counters(phase->side->engine, 0, &after);
    const struct measured result = measure(&before, &after, measured_us);
    bed->is_measured = false;
    settle(bed, &timer);
    return result;
}

/* --- what the machine can do ------------------------------------------------------------------------ */

/* Requests per second of the trace that are answered when there are always more. */
static double sustainable_rate(struct bed *bed, const struct side *side)
{
    static struct tally tally;
    const struct phase phase = {.side = side, .clients = {[KIND_STANDARD] = CALIBRATION_CLIENTS},
                                .tallies = {[KIND_STANDARD] = &tally}, .us = bed->phase_us / 2};
    tally = (struct tally){0};
    const struct measured measured = run_phase(bed, &phase);
    return (double)tally.tpot_ms.count / measured.seconds;
}

static double batch_rate(struct bed *bed, const struct side *side)
{
    static struct tally tally;
    const struct phase phase = {.side = side, .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_BATCH] = &tally}, .us = bed->phase_us / 2};
    tally = (struct tally){0};
    const struct measured measured = run_phase(bed, &phase);
    return (double)tally.output_tokens / measured.seconds;
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
    for (const uint64_t warm_us = clock_now_us() + WARM_UP_US; clock_now_us() < warm_us;)
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
    double harvest[BENCH_ROUNDS_MAX], objective_harvest[BENCH_ROUNDS_MAX], step_ms[BENCH_ROUNDS_MAX];
    double capacity, batch_alone;
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
    };
    bench_row(report, cells, 8);
}

static void run_strict(struct bed *bed, struct bench *report, unsigned round)
{
    struct phase phase = {.side = &bed->strict, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                          .tallies = {[KIND_STANDARD] = &results.alone}, .us = bed->phase_us};
    struct measured measured = run_phase(bed, &phase);
    const double idle = 1 - measured.busy;
    add_row(report, "standard alone", &results.alone, 0, &measured);
    const uint64_t tokens = results.batch_strict.output_tokens;
    phase.clients[KIND_BATCH] = BATCH_CLIENTS;
    phase.tallies[KIND_STANDARD] = &results.strict;
    phase.tallies[KIND_BATCH] = &results.batch_strict;
    measured = run_phase(bed, &phase);
    const double rate = (double)(results.batch_strict.output_tokens - tokens) / measured.seconds;
    results.harvest[round] = rate / (idle * results.batch_alone);
    add_row(report, "batch beside it, strict", &results.strict, rate, &measured);
}

static void run_objective(struct bed *bed, struct bench *report, unsigned round, const struct curve *curve)
{
    struct tally *standard = &results.objective, *batch = &results.batch_objective;
    const struct phase phase = {.side = &bed->objective, .rates = {[KIND_STANDARD] = LOAD * results.capacity},
                                .clients = {[KIND_BATCH] = BATCH_CLIENTS},
                                .tallies = {[KIND_STANDARD] = standard, [KIND_BATCH] = batch}, .us = bed->phase_us};
    const uint64_t batch_before = batch->output_tokens;
    const uint64_t output = standard->output_tokens + batch->output_tokens;
    const uint64_t prompts = standard->prompt_tokens + batch->prompt_tokens;
    const struct measured measured = run_phase(bed, &phase);
    const double replies_ms =
        (double)(standard->output_tokens + batch->output_tokens - output) * curve->admitted_ms / curve->replies;
    const double prompts_ms =
        (double)(standard->prompt_tokens + batch->prompt_tokens - prompts) * curve->prompt_ms;
    results.objective_harvest[round] = (replies_ms + prompts_ms) / 1000 / measured.seconds;
    add_row(report, "batch beside it, objective", standard,
            (double)(batch->output_tokens - batch_before) / measured.seconds, &measured);
}

static void run_priority(struct bed *bed, struct bench *report, unsigned round)
{
    struct phase phase = {.side = &bed->strict, .rates = {[KIND_PRIORITY] = PRIORITY_LOAD * results.capacity},
                          .tallies = {[KIND_PRIORITY] = &results.priority_alone, [KIND_STANDARD] = &results.overload},
                          .us = bed->phase_us};
    struct measured measured = run_phase(bed, &phase);
    add_row(report, "priority alone", &results.priority_alone, 0, &measured);
    phase.tallies[KIND_PRIORITY] = &results.priority_loaded;
    phase.rates[KIND_STANDARD] = OVERLOAD * results.capacity;
    measured = run_phase(bed, &phase);
    results.step_ms[round] = measured.step_ms;
    add_row(report, "priority at twice the load", &results.priority_loaded, 0, &measured);
}

/* --- documents -------------------------------------------------------------------------------------- */

struct records {
    uint32_t done;
};

static void on_answered(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct records *)ctx)->done++;
}

static void on_lost(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

/* Records per second of a batch, in the order of its documents. */
static double records_rate(struct bed *bed, uint32_t count, enum engine_cache cache)
{
    static char texts[DOCUMENTS][DOCUMENT_TOKENS], question[QUESTION_TOKENS];
    static const struct engine_handlers handlers = {.on_finished = on_answered, .on_failed = on_lost};
    struct records records = {0};
    struct error error;
    uv_timer_t timer;
    uv_timer_init(&bed->loop, &timer);
    for (size_t i = 0; i < DOCUMENTS; i++)
        write_prompt(texts[i], DOCUMENT_TOKENS);
    const uint64_t began_us = clock_now_us();
    for (uint32_t i = 0; i < count; i++) {
        write_prompt(question, QUESTION_TOKENS);
        const struct engine_segment segments[] = {
            {.text = {texts[i / QUESTIONS], DOCUMENT_TOKENS}, .ends_checkpoint = true, .ttl_seconds = 300},
            {.text = {question, QUESTION_TOKENS}},
        };
        const struct engine_request request = {.segments = segments, .segment_count = 2, .max_tokens = ANSWER_TOKENS,
                                               .top_p = 1.0f, .tenant = STR("bench"), .tier = ENGINE_BATCH,
                                               .cache = cache, .cache_min_tokens = 1024};
        if (engine_generate(bed->strict.port, 0, &request, &handlers, &records, &error) == NULL)
            die(error.message);
    }
    while (records.done < count)
        wait_until(bed, &timer, clock_now_us() + 20000);
    const double seconds = (double)(clock_now_us() - began_us) / 1e6;
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&bed->loop, UV_RUN_NOWAIT);
    return count / seconds;
}

static void run_documents(struct bed *bed, struct bench *report)
{
    const double cached = records_rate(bed, DOCUMENTS * QUESTIONS, ENGINE_CACHE_EXPLICIT);
    const double cold = records_rate(bed, UNCACHED_RECORDS, ENGINE_CACHE_OFF);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("document_tokens", DOCUMENT_TOKENS),
        BENCH_NUMBER("questions_each", QUESTIONS),
        BENCH_NUMBER("records_per_second", cached),
        BENCH_NUMBER("without_cache", cold),
    };
    bench_row(report, cells, 4);
    bench_limit(report, "batch_prefix_gain", cached / cold, BENCH_AT_LEAST, 5);
}

/* --- main ------------------------------------------------------------------------------------------- */

static void open_side(struct bed *bed, struct side *side, enum config_share share)
{
    struct error error;
    side->model = (struct config_model){
        .name = "random", .path = bed->model_path, .context = CONTEXT, .parallel = PARALLEL, .threads = bed->threads};
    side->config = (struct config){.models = &side->model, .model_count = 1, .log_level = LOG_WARN,
                                   .cache_memory_bytes = UINT64_C(1) << 30, .cache_policy = "value",
                                   .tier_share = share, .tier_objective = OBJECTIVE};
    if (engine_new(&side->config, &bed->loop, 1, &side->engine, &error) != OK ||
        engine_wait(side->engine, &error) != OK)
        die(error.message);
    side->port = engine_port_new(side->engine, 0, &bed->loop, &error);
    if (side->port == NULL)
        die(error.message);
}

static void open_bed(struct bed *bed)
{
    struct random_gguf_options shape = RANDOM_GGUF_110M;
    bed->model_path = MODEL_PATH;
    if (bench_setting("BENCH_SMALL", 0) > 0) {
        bed->model_path = SMALL_PATH;
        shape.layers = 6;
        shape.width = shape.feed_forward = 256;
        shape.heads = shape.kv_heads = 4;
        shape.vocabulary = 2048;
    }
    bench_model(&shape, bed->model_path);
    bed->rounds = bench_rounds(1);
    bed->phase_us = bench_setting("BENCH_SECONDS", 120) * 1000000;
    bed->threads = (uint32_t)bench_setting("BENCH_THREADS", 2);
    traffic_load(&bed->traffic);
    uv_loop_init(&bed->loop);
    open_side(bed, &bed->strict, CONFIG_SHARE_STRICT);
    open_side(bed, &bed->objective, CONFIG_SHARE_OBJECTIVE);
}

static void add_limits(struct bed *bed, struct bench *report)
{
    const double alone_ttft = p99(&results.alone.ttft_ms), alone_tpot = p99(&results.alone.tpot_ms);
    const double step = bench_percentile(results.step_ms, bed->rounds, 0.5);
    bench_limit(report, "strict_ttft", (p99(&results.strict.ttft_ms) - STEP_MS) / alone_ttft, BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_tpot", p99(&results.strict.tpot_ms) / alone_tpot, BENCH_AT_MOST, 1.1);
    bench_limit(report, "strict_harvest", bench_percentile(results.harvest, bed->rounds, 0.5), BENCH_AT_LEAST, 0.9);
    bench_limit(report, "objective_kept", p99(&results.objective.tpot_ms) / alone_tpot, BENCH_AT_MOST, OBJECTIVE);
    bench_limit(report, "objective_harvest", bench_percentile(results.objective_harvest, bed->rounds, 0.5),
                BENCH_AT_LEAST, 0.9);
    bench_limit(report, "priority_ttft",
                (p99(&results.priority_loaded.ttft_ms) - step) / p99(&results.priority_alone.ttft_ms), BENCH_AT_MOST,
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
    results.batch_alone = batch_rate(&bed, &bed.strict);
    const struct bench_cell cells[] = {
        BENCH_TEXT("arrivals", bed.traffic.is_recorded ? "azure 2023, conversations" : "made up"),
        BENCH_NUMBER("sustainable_requests_per_second", results.capacity),
        BENCH_NUMBER("batch_tokens_per_second_alone", results.batch_alone),
    };
    bench_row(report, cells, 3);
    if (!(results.capacity > 0 && results.batch_alone > 0))
        die("nothing was answered within a phase; set BENCH_SECONDS to more");
    const struct curve curve = measure_curve(&bed, report);
    for (unsigned round = 0; round < bed.rounds; round++) {
        run_strict(&bed, report, round);
        run_objective(&bed, report, round, &curve);
        run_priority(&bed, report, round);
    }
    run_documents(&bed, report);
    add_limits(&bed, report);
    const int status = bench_finish(report);
    engine_port_close(bed.strict.port);
    engine_port_close(bed.objective.port);
    engine_stop(bed.strict.engine);
    engine_stop(bed.objective.engine);
    return status;
}
