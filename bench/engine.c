/* engine.c - `make bench B=engine`: the real worker beside a bare llama_decode loop.
 *
 * A model of 110 million random parameters (Q8_0) is made in build/bench once.
 * Both sides decode the same batch shapes on it in the same run, in interleaved
 * rounds; the median of the rounds' ratios counts, so that a disturbance of one
 * round does not.
 *
 *   share_N     output tokens per second of N clients through engine.h, over the bare loop's
 *   stall_ms    longest gap between two tokens of running replies while a prompt of 4,000 tokens arrives
 *   beside_cells  time of a piece of a prompt beside 14 other sequences, over that without them
 *   passes      time of a step of 9 of their replies and that piece in as many passes as the engine takes, one or two,
 *               over the other way
 *   busy_share  one client's speed beside a busy niced process (its own session, so that the
 *               kernel's autogroups give it an equal share) over that without it
 *
 * The bare loop's threads are bound to a core each, as the worker binds its own:
 * beside other processes the kernel else puts both on one core now and then,
 * and the engine would look many times faster than its limit.
 *
 * BENCH_FIGURE takes only one of share, passes, stall, busy. BENCH_ROUNDS changes the number of rounds (5).
 * BENCH_THREADS gives both sides so many threads: with 1 the shares mean something on a machine that is busy with other
 * things, where the bare loop's spinning threads wait for each other. */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "cmd/cmd.h"
#include "core/util.h"
#include "engine/engine.h"
#include "engine/model.h"

#define MODEL_PATH "build/bench/random-110m.gguf"
#define CLIENTS_MAX 16
#define PROMPT_TOKENS 64
#define LONG_PROMPT_TOKENS 4000
#define OTHERS 14
#define OTHERS_CELLS 400u
#define PIECE 128
#define PIECE_BEHIND 256u
#define PIECE_REPLIES 9
#define REPLY_TOKENS 2048 /* more than any measurement takes, few enough that the cells of 16 clients are there */
#define CONTEXT 4608
#define MEASURE_MAX_US 8000000u /* of one measurement: a disturbed machine must not take hours */
#define STALL_MAX_US 40000000u

struct client {
    struct engine_call *call;
    uint64_t begun_us, started_us, last_us, gap_us;
    uint32_t tokens;
    bool is_started, is_done;
};

struct bed {
    uv_loop_t loop;
    struct config config;
    struct config_model config_model;
    struct engine *engine;
    struct engine_port *port;
    struct model *raw; /* the bare loop's own copy */
    unsigned rounds;
    struct client clients[CLIENTS_MAX + 1];
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench engine: %s\n", what);
    exit(1);
}

/* --- the bare loop ---------------------------------------------------------------------------------- */

static void raw_decode(struct model *model)
{
    if (model_decode(model) != MODEL_OK)
        die("llama_decode failed");
}

static model_token some_token(uint32_t i)
{
    return (model_token)(300 + i * 7919 % 8000);
}

/* The first `count` tokens of a sequence. */
static void raw_prompt(struct model *model, uint32_t sequence, uint32_t count)
{
    model_batch_clear(model);
    for (uint32_t i = 0; i < count; i++)
        model_batch_add(model, some_token(i + sequence), i, sequence, i + 1 == count);
    raw_decode(model);
}

/* Binds the loop's threads to a core each, or lets them go: this thread is one
 * of them, and the gateway's while the engine has its turn. */
static void bind_raw(const struct model *model, bool is_bound)
{
    static cpu_set_t all;
    uint32_t tasks[64];
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof(all), &all) != 0)
        return;
    const size_t count = model_compute_tasks(model, tasks, 64);
    size_t core = 0;
    for (size_t i = 0; i < count && count > 1; i++) {
        cpu_set_t set = all;
        while (is_bound && !CPU_ISSET(core % CPU_SETSIZE, &all))
            core++;
        if (is_bound) {
            CPU_ZERO(&set);
            CPU_SET(core++ % CPU_SETSIZE, &set);
        }
        (void)sched_setaffinity((pid_t)tasks[i], sizeof(set), &set);
    }
}

/* Tokens per second of `steps` decodes of `clients` sequences with a prompt behind them. */
static double raw_rate(struct model *model, uint32_t clients, uint32_t steps)
{
    model_clear(model);
    bind_raw(model, true);
    for (uint32_t c = 0; c < clients; c++)
        raw_prompt(model, c, PROMPT_TOKENS);
    const uint64_t began_us = clock_now_us();
    uint32_t step = 0;
    for (; step < steps && clock_now_us() < began_us + MEASURE_MAX_US; step++) {
        model_batch_clear(model);
        for (uint32_t c = 0; c < clients; c++)
            model_batch_add(model, some_token(step * 31 + c), PROMPT_TOKENS + step, c, true);
        raw_decode(model);
    }
    const uint64_t ended_us = clock_now_us();
    bind_raw(model, false);
    return (double)(clients * step) * 1e6 / (double)(ended_us - began_us);
}

/* Cells of `sequences` others, half of them in the order in which replies that run together leave them. */
static void raw_fill(struct model *model, uint32_t sequences)
{
    model_clear(model);
    for (uint32_t c = 0; c < sequences; c++)
        raw_prompt(model, 1 + c, OTHERS_CELLS / 2);
    for (uint32_t i = OTHERS_CELLS / 2; i < OTHERS_CELLS && sequences > 0; i++) {
        model_batch_clear(model);
        for (uint32_t c = 0; c < sequences; c++)
            model_batch_add(model, some_token(i + c), i, 1 + c, false);
        raw_decode(model);
    }
    raw_prompt(model, 0, PIECE_BEHIND);
}

/* Milliseconds of one pass over a token of each of `replies` others and a piece of the prompt, which are then forgotten
 * again. The fastest of three. */
static double raw_pass_ms(struct model *model, uint32_t replies, uint32_t piece)
{
    double best_ms = INFINITY;
    for (uint32_t k = 0; k < 3; k++) {
        model_batch_clear(model);
        for (uint32_t c = 0; c < replies; c++)
            model_batch_add(model, some_token(c), OTHERS_CELLS, 1 + c, true);
        for (uint32_t i = 0; i < piece; i++)
            model_batch_add(model, some_token(i), PIECE_BEHIND + i, 0, i + 1 == piece);
        const uint64_t began_us = clock_now_us();
        raw_decode(model);
        const double ms = (double)(clock_now_us() - began_us) / 1000;
        best_ms = ms < best_ms ? ms : best_ms;
        for (uint32_t c = 0; c < replies; c++)
            (void)model_seq_cut(model, 1 + c, OTHERS_CELLS);
        (void)model_seq_cut(model, 0, PIECE_BEHIND);
    }
    return best_ms;
}

/* --- the engine ------------------------------------------------------------------------------------- */

static void on_started(void *ctx, const struct engine_started *started)
{
    struct client *client = ctx;
    (void)started;
    client->is_started = true;
    client->started_us = client->last_us = clock_now_us();
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct client *client = ctx;
    (void)text;
    const uint64_t now_us = clock_now_us(), gap_us = now_us - client->last_us;
    client->gap_us = gap_us > client->gap_us ? gap_us : client->gap_us;
    client->last_us = now_us;
    client->tokens += tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct client *client = ctx;
    client->tokens = finished->output_tokens;
    client->is_done = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

/* A prompt of exactly `tokens` tokens: letter pairs are one token each, and so is a blank. */
static void start(struct bed *bed, struct client *client, uint32_t tokens, uint32_t max_tokens)
{
    static char text[2 * LONG_PROMPT_TOKENS];
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    size_t len = 0;
    for (uint32_t i = 0; i < tokens; i++)
        text[len++] = i % 2 == 0 ? ' ' : (char)('0' + rand() % 10);
    const struct engine_segment segment = {.text = {text, len}};
    const struct engine_request request = {
        .segments = &segment, .segment_count = 1, .max_tokens = max_tokens, .top_p = 1.0f, .tier = TIER_DEFAULT};
    struct error error;
    *client = (struct client){.begun_us = clock_now_us()};
    client->call = engine_generate(bed->port, 0, &request, &handlers, client, &error);
    if (client->call == NULL)
        die(error.message);
}

static bool all_started(const struct bed *bed, uint32_t clients)
{
    for (uint32_t i = 0; i < clients; i++)
        if (!bed->clients[i].is_started)
            return false;
    return true;
}

static uint32_t tokens_of(const struct bed *bed, uint32_t clients)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < clients; i++)
        sum += bed->clients[i].tokens;
    return sum;
}

static void stop_replies(struct bed *bed, uint32_t clients)
{
    for (uint32_t i = 0; i < clients; i++)
        if (!bed->clients[i].is_done)
            engine_cancel(bed->clients[i].call);
}

/* Tokens per second once all clients are being answered, over `steps` tokens each. */
static double engine_rate(struct bed *bed, uint32_t clients, uint32_t steps, double *ttft_ms)
{
    for (uint32_t i = 0; i < clients; i++)
        start(bed, &bed->clients[i], PROMPT_TOKENS, REPLY_TOKENS);
    while (!all_started(bed, clients))
        uv_run(&bed->loop, UV_RUN_ONCE);
    const uint64_t began_us = clock_now_us();
    const uint32_t before = tokens_of(bed, clients);
    while (tokens_of(bed, clients) < before + clients * steps && clock_now_us() < began_us + MEASURE_MAX_US)
        uv_run(&bed->loop, UV_RUN_ONCE);
    const double us = (double)(clock_now_us() - began_us);
    const uint32_t tokens = tokens_of(bed, clients) - before;
    stop_replies(bed, clients);
    *ttft_ms = (double)(bed->clients[0].started_us - bed->clients[0].begun_us) / 1000.0;
    return tokens * 1e6 / us;
}

/* Longest gap between tokens of four replies from the arrival of the long prompt to its first token. */
static double stall_ms(struct bed *bed, double *ttft_ms)
{
    struct client *late = &bed->clients[CLIENTS_MAX];
    for (uint32_t i = 0; i < 4; i++)
        start(bed, &bed->clients[i], PROMPT_TOKENS, REPLY_TOKENS);
    while (!all_started(bed, 4) || tokens_of(bed, 4) < 40)
        uv_run(&bed->loop, UV_RUN_ONCE);
    for (uint32_t i = 0; i < 4; i++)
        bed->clients[i].gap_us = 0;
    start(bed, late, LONG_PROMPT_TOKENS, 4);
    while (!late->is_started && clock_now_us() < late->begun_us + STALL_MAX_US)
        uv_run(&bed->loop, UV_RUN_ONCE);
    uint64_t longest_us = 0;
    for (uint32_t i = 0; i < 4; i++)
        longest_us = bed->clients[i].gap_us > longest_us ? bed->clients[i].gap_us : longest_us;
    stop_replies(bed, 4);
    if (!late->is_done)
        engine_cancel(late->call);
    *ttft_ms = (double)((late->is_started ? late->started_us : clock_now_us()) - late->begun_us) / 1000.0;
    return (double)longest_us / 1000.0;
}

/* --- a stranger that keeps a core busy -------------------------------------------------------------- */

static pid_t start_busy(void)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    setsid();
    if (nice(19) == -1)
        _exit(1);
    for (volatile uint64_t i = 0;; i++) {
    }
}

static void stop_busy(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* --- figures ---------------------------------------------------------------------------------------- */

static double median(double *values, unsigned count)
{
    return bench_percentile(values, count, 0.5);
}

static void bench_share(struct bed *bed, struct bench *report, uint32_t clients, uint32_t steps, const char *key)
{
    double raw[BENCH_ROUNDS_MAX], engine[BENCH_ROUNDS_MAX], share[BENCH_ROUNDS_MAX], ttft[BENCH_ROUNDS_MAX];
    for (unsigned round = 0; round < bed->rounds; round++) {
        raw[round] = raw_rate(bed->raw, clients, steps);
        engine[round] = engine_rate(bed, clients, steps, &ttft[round]);
        share[round] = engine[round] / raw[round];
    }
    const double result = median(share, bed->rounds);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("clients", clients),
        BENCH_NUMBER("bare_tokens_per_second", median(raw, bed->rounds)),
        BENCH_NUMBER("engine_tokens_per_second", median(engine, bed->rounds)),
        BENCH_NUMBER("share", result),
        BENCH_NUMBER("time_to_first_token_ms", median(ttft, bed->rounds)),
    };
    bench_row(report, cells, 5);
    bench_limit(report, key, result, BENCH_AT_LEAST, 0.95);
}

static void bench_passes(struct bed *bed, struct bench *report)
{
    double beside[BENCH_ROUNDS_MAX], passes[BENCH_ROUNDS_MAX], alone_ms[BENCH_ROUNDS_MAX], one_ms[BENCH_ROUNDS_MAX],
        two_ms[BENCH_ROUNDS_MAX];
    const bool is_two = model_facts(bed->raw)->tile > 0;
    bind_raw(bed->raw, true);
    for (unsigned round = 0; round < bed->rounds; round++) {
        raw_fill(bed->raw, 0);
        alone_ms[round] = raw_pass_ms(bed->raw, 0, PIECE);
        raw_fill(bed->raw, OTHERS);
        const double prompt_ms = raw_pass_ms(bed->raw, 0, PIECE), replies_ms = raw_pass_ms(bed->raw, PIECE_REPLIES, 0);
        one_ms[round] = raw_pass_ms(bed->raw, PIECE_REPLIES, PIECE);
        two_ms[round] = prompt_ms + replies_ms;
        beside[round] = prompt_ms / alone_ms[round];
        passes[round] = is_two ? two_ms[round] / one_ms[round] : one_ms[round] / two_ms[round];
    }
    bind_raw(bed->raw, false);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("others", OTHERS),
        BENCH_NUMBER("their_cells", OTHERS * OTHERS_CELLS),
        BENCH_NUMBER("prompt_tokens", PIECE),
        BENCH_NUMBER("alone_ms", median(alone_ms, bed->rounds)),
        BENCH_NUMBER("with_replies_in_one_pass_ms", median(one_ms, bed->rounds)),
        BENCH_NUMBER("in_two_passes_ms", median(two_ms, bed->rounds)),
    };
    bench_row(report, cells, 6);
    bench_limit(report, "beside_cells", median(beside, bed->rounds), BENCH_AT_MOST, 1.15);
    bench_limit(report, "passes", median(passes, bed->rounds), BENCH_AT_MOST, 1.0);
}

static void bench_stall(struct bed *bed, struct bench *report)
{
    double gaps[BENCH_ROUNDS_MAX], ttft[BENCH_ROUNDS_MAX];
    for (unsigned round = 0; round < bed->rounds; round++)
        gaps[round] = stall_ms(bed, &ttft[round]);
    const double result = median(gaps, bed->rounds);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("replies", 4),
        BENCH_NUMBER("long_prompt_tokens", LONG_PROMPT_TOKENS),
        BENCH_NUMBER("longest_gap_ms", result),
        BENCH_NUMBER("its_time_to_first_token_ms", median(ttft, bed->rounds)),
    };
    bench_row(report, cells, 4);
    bench_limit(report, "stall_ms", result, BENCH_AT_MOST, 250);
}

static void bench_busy(struct bed *bed, struct bench *report)
{
    double quiet[BENCH_ROUNDS_MAX], busy[BENCH_ROUNDS_MAX], share[BENCH_ROUNDS_MAX], ttft;
    for (unsigned round = 0; round < bed->rounds; round++) {
        quiet[round] = engine_rate(bed, 1, 128, &ttft);
        const pid_t stranger = start_busy();
        busy[round] = engine_rate(bed, 1, 128, &ttft);
        stop_busy(stranger);
        share[round] = busy[round] / quiet[round];
    }
    const double result = median(share, bed->rounds);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("quiet_tokens_per_second", median(quiet, bed->rounds)),
        BENCH_NUMBER("busy_tokens_per_second", median(busy, bed->rounds)),
        BENCH_NUMBER("share", result),
    };
    bench_row(report, cells, 3);
    bench_limit(report, "busy_share", result, BENCH_AT_LEAST, 0.40);
}

/* --- main ------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

static void open_bed(struct bed *bed)
{
    struct error error;
    const struct random_gguf_options shape = RANDOM_GGUF_110M;
    bench_model(&shape, MODEL_PATH);
    const uint64_t threads = bench_setting("BENCH_THREADS", 0);
    bed->rounds = bench_rounds(5);
    const struct model_options options = {
        .path = MODEL_PATH, .context = CONTEXT, .parallel = CLIENTS_MAX,
        .threads = (uint32_t)threads, .kv_bytes = limit(kv_bytes)};
    if (model_load(&options, &bed->raw, &error) != OK)
        die(error.message);
    bed->config_model = (struct config_model){
        .name = "random", .path = MODEL_PATH, .context = CONTEXT, .parallel = CLIENTS_MAX,
        .threads = (uint32_t)threads};
    bed->config.models = &bed->config_model;
    bed->config.model_count = 1;
    bed->config.log_level = LOG_WARN;
    uv_loop_init(&bed->loop);
    if (engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error) != OK ||
        engine_wait(bed->engine, &error) != OK)
        die(error.message);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    if (bed->port == NULL)
        die(error.message);
}

int main(int argc, char **argv)
{
    static struct bed bed;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    open_bed(&bed);
    struct bench *report = bench_new("engine");
    if (is_wanted("share")) {
        bench_share(&bed, report, 1, 96, "share_1");
        bench_share(&bed, report, 4, 64, "share_4");
        bench_share(&bed, report, 16, 40, "share_16");
    }
    if (is_wanted("passes"))
        bench_passes(&bed, report);
    if (is_wanted("stall"))
        bench_stall(&bed, report);
    if (is_wanted("busy"))
        bench_busy(&bed, report);
    const int status = bench_finish(report);
    engine_port_close(bed.port);
    engine_stop(bed.engine);
    model_free(bed.raw);
    return status;
}
