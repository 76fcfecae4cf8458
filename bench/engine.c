/* engine.c - `make bench B=engine`: the real worker beside a bare llama_decode loop.
 *
 * A model of 110 million random parameters (Q8_0) is made in build/bench once.
 * Both sides decode the same batch shapes on it in the same run, in interleaved
 * rounds; the median of the rounds' ratios counts, so that a disturbance of one
 * round does not.
 *
 *   share_N     output tokens per second of N clients through engine.h, over the bare loop's
 *   stall_ms    longest gap between two tokens of running replies while a prompt of 4,000 tokens arrives
 *   busy_share  one client's speed beside a busy niced process (its own session, so that the
 *               kernel's autogroups give it an equal share) over that without it
 *
 * BENCH_ROUNDS changes the number of rounds (5). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/util.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/random_gguf.h"

#define MODEL_PATH "build/bench/random-110m.gguf"
#define ROUNDS_MAX 31
#define CLIENTS_MAX 16
#define PROMPT_TOKENS 64
#define LONG_PROMPT_TOKENS 4000
#define CONTEXT 4608

struct client {
    struct bench *bench;
    struct engine_call *call;
    uint64_t begun_us, started_us, last_us, gap_us, finished_us;
    uint32_t tokens;
    bool is_started, is_done;
};

struct bench {
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

/* Tokens per second of `steps` decodes of `clients` sequences with a prompt behind them. */
static double raw_rate(struct model *model, uint32_t clients, uint32_t steps)
{
    model_clear(model);
    for (uint32_t c = 0; c < clients; c++) {
        model_batch_clear(model);
        for (uint32_t i = 0; i < PROMPT_TOKENS; i++)
            model_batch_add(model, some_token(i + c), i, c, i + 1 == PROMPT_TOKENS);
        raw_decode(model);
    }
    const uint64_t began_us = clock_now_us();
    for (uint32_t step = 0; step < steps; step++) {
        model_batch_clear(model);
        for (uint32_t c = 0; c < clients; c++)
            model_batch_add(model, some_token(step * 31 + c), PROMPT_TOKENS + step, c, true);
        raw_decode(model);
    }
    return (double)(clients * steps) * 1e6 / (double)(clock_now_us() - began_us);
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
    client->finished_us = clock_now_us();
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

/* A prompt of exactly `tokens` tokens: letter pairs are one token each, and so is a blank. */
static void start(struct bench *bench, struct client *client, uint32_t tokens, uint32_t max_tokens)
{
    static char text[2 * LONG_PROMPT_TOKENS];
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed};
    size_t len = 0;
    for (uint32_t i = 0; i < tokens; i++)
        text[len++] = i % 2 == 0 ? ' ' : (char)('0' + rand() % 10);
    const struct engine_segment segment = {.text = {text, len}};
    const struct engine_request request = {
        .segments = &segment, .segment_count = 1, .max_tokens = max_tokens, .top_p = 1.0f, .tier = 1};
    struct error error;
    *client = (struct client){.bench = bench, .begun_us = clock_now_us()};
    client->call = engine_generate(bench->port, 0, &request, &handlers, client, &error);
    if (client->call == NULL)
        die(error.message);
}

static bool all(const struct bench *bench, uint32_t clients, bool started_only)
{
    for (uint32_t i = 0; i < clients; i++)
        if (!(started_only ? bench->clients[i].is_started : bench->clients[i].is_done))
            return false;
    return true;
}

static uint32_t tokens_of(const struct bench *bench, uint32_t clients)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < clients; i++)
        sum += bench->clients[i].tokens;
    return sum;
}

/* Tokens per second between the moment when all reply and that when the first is done. */
static double engine_rate(struct bench *bench, uint32_t clients, uint32_t steps, double *ttft_ms)
{
    for (uint32_t i = 0; i < clients; i++)
        start(bench, &bench->clients[i], PROMPT_TOKENS, steps + 2 * clients);
    while (!all(bench, clients, true))
        uv_run(&bench->loop, UV_RUN_ONCE);
    const uint64_t began_us = clock_now_us();
    const uint32_t before = tokens_of(bench, clients);
    uint64_t ended_us = began_us;
    uint32_t tokens = before;
    bool any_done = false;
    while (!any_done) {
        ended_us = clock_now_us();
        tokens = tokens_of(bench, clients);
        uv_run(&bench->loop, UV_RUN_ONCE);
        for (uint32_t i = 0; i < clients; i++)
            any_done = any_done || bench->clients[i].is_done;
    }
    while (!all(bench, clients, false))
        uv_run(&bench->loop, UV_RUN_ONCE);
    *ttft_ms = (double)(bench->clients[0].started_us - bench->clients[0].begun_us) / 1000.0;
    return (double)(tokens - before) * 1e6 / (double)(ended_us - began_us);
}

/* Longest gap between tokens of four replies from the arrival of the long prompt to its first token. */
static double stall_ms(struct bench *bench, double *ttft_ms)
{
    struct client *late = &bench->clients[CLIENTS_MAX];
    for (uint32_t i = 0; i < 4; i++)
        start(bench, &bench->clients[i], PROMPT_TOKENS, 500);
    while (!all(bench, 4, true) || tokens_of(bench, 4) < 40)
        uv_run(&bench->loop, UV_RUN_ONCE);
    for (uint32_t i = 0; i < 4; i++)
        bench->clients[i].gap_us = 0;
    start(bench, late, LONG_PROMPT_TOKENS, 4);
    while (!late->is_started)
        uv_run(&bench->loop, UV_RUN_ONCE);
    uint64_t longest_us = 0;
    for (uint32_t i = 0; i < 4; i++) {
        longest_us = bench->clients[i].gap_us > longest_us ? bench->clients[i].gap_us : longest_us;
        if (!bench->clients[i].is_done)
            engine_cancel(bench->clients[i].call);
    }
    while (!late->is_done)
        uv_run(&bench->loop, UV_RUN_ONCE);
    *ttft_ms = (double)(late->started_us - late->begun_us) / 1000.0;
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

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, unsigned count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare);
    return sorted[count / 2];
}

struct report {
    FILE *json;
    bool has_rows;
    struct {
        const char *key;
        double value, bound;
        bool is_most; /* the bound is an upper one */
    } limits[8];
    size_t limit_count;
};

static void add_limit(struct report *report, const char *key, double value, double bound, bool is_most)
{
    report->limits[report->limit_count].key = key;
    report->limits[report->limit_count].value = value;
    report->limits[report->limit_count].bound = bound;
    report->limits[report->limit_count++].is_most = is_most;
}

static void row_begin(struct report *report)
{
    fprintf(report->json, "%s\n    {", report->has_rows ? "," : "");
    report->has_rows = true;
}

static bool report_close(struct report *report)
{
    bool holds_all = true;
    fprintf(report->json, "\n  ],\n  \"limits\": {");
    printf("\n%-12s %10s %10s\n", "", "value", "bound");
    for (size_t i = 0; i < report->limit_count; i++) {
        const double value = report->limits[i].value, bound = report->limits[i].bound;
        const bool holds = report->limits[i].is_most ? value <= bound : value >= bound;
        holds_all = holds_all && holds;
        printf("%-12s %10.3f %s%9.3f %s\n", report->limits[i].key, value, report->limits[i].is_most ? "<" : ">", bound,
               holds ? "" : "MISSED");
        fprintf(report->json, "%s\n    \"%s\": {\"value\": %.4f, \"bound\": %.4f, \"holds\": %s}", i > 0 ? "," : "",
                report->limits[i].key, value, bound, holds ? "true" : "false");
    }
    fprintf(report->json, "\n  }\n}\n");
    fclose(report->json);
    return holds_all;
}

static void bench_share(struct bench *bench, struct report *report, uint32_t clients, uint32_t steps, const char *key)
{
    double raw[ROUNDS_MAX], engine[ROUNDS_MAX], share[ROUNDS_MAX], ttft[ROUNDS_MAX];
    for (unsigned round = 0; round < bench->rounds; round++) {
        raw[round] = raw_rate(bench->raw, clients, steps);
        engine[round] = engine_rate(bench, clients, steps, &ttft[round]);
        share[round] = engine[round] / raw[round];
    }
    const double result = median(share, bench->rounds);
    printf("%7u %16.1f %16.1f %8.3f %12.1f\n", clients, median(raw, bench->rounds), median(engine, bench->rounds), result,
           median(ttft, bench->rounds));
    fflush(stdout);
    row_begin(report);
    fprintf(report->json,
            "\"clients\": %u, \"raw_tokens_per_second\": %.2f, \"engine_tokens_per_second\": %.2f, \"share\": %.4f, "
            "\"time_to_first_token_ms\": %.2f}",
            clients, median(raw, bench->rounds), median(engine, bench->rounds), result, median(ttft, bench->rounds));
    add_limit(report, key, result, 0.95, false);
}

static void bench_stall(struct bench *bench, struct report *report)
{
    double gaps[ROUNDS_MAX], ttft[ROUNDS_MAX];
    for (unsigned round = 0; round < bench->rounds; round++)
        gaps[round] = stall_ms(bench, &ttft[round]);
    const double result = median(gaps, bench->rounds);
    printf("a prompt of %d tokens beside 4 replies: longest gap %.0f ms, its own first token after %.0f ms\n",
           LONG_PROMPT_TOKENS, result, median(ttft, bench->rounds));
    row_begin(report);
    fprintf(report->json, "\"long_prompt_tokens\": %d, \"longest_gap_ms\": %.2f, \"time_to_first_token_ms\": %.2f}",
            LONG_PROMPT_TOKENS, result, median(ttft, bench->rounds));
    add_limit(report, "stall_ms", result, 250, true);
}

static void bench_busy(struct bench *bench, struct report *report)
{
    double quiet[ROUNDS_MAX], busy[ROUNDS_MAX], share[ROUNDS_MAX], ttft;
    for (unsigned round = 0; round < bench->rounds; round++) {
        quiet[round] = engine_rate(bench, 1, 128, &ttft);
        const pid_t stranger = start_busy();
        busy[round] = engine_rate(bench, 1, 128, &ttft);
        stop_busy(stranger);
        share[round] = busy[round] / quiet[round];
    }
    const double result = median(share, bench->rounds);
    printf("beside a busy niced process: %.1f of %.1f tokens/s\n", median(busy, bench->rounds),
           median(quiet, bench->rounds));
    row_begin(report);
    fprintf(report->json, "\"quiet_tokens_per_second\": %.2f, \"busy_tokens_per_second\": %.2f}",
            median(quiet, bench->rounds), median(busy, bench->rounds));
    add_limit(report, "busy_share", result, 0.40, false);
}

/* --- main ------------------------------------------------------------------------------------------- */

static void open_bench(struct bench *bench)
{
    struct error error;
    const struct random_gguf_options shape = RANDOM_GGUF_110M;
    mkdir("build", 0777);
    mkdir("build/bench", 0777);
    if (access(MODEL_PATH, R_OK) != 0 && random_gguf_write(&shape, MODEL_PATH, &error) != OK)
        die(error.message);
    const char *rounds = getenv("BENCH_ROUNDS");
    uint64_t count = 5;
    bench->rounds = str_to_u64(str_of(rounds), &count) && count > 0 && count < ROUNDS_MAX ? (unsigned)count : 5;
    const struct model_options options = {
        .path = MODEL_PATH, .name = "raw", .context = CONTEXT, .parallel = CLIENTS_MAX, .kv_bytes = limit(kv_bytes)};
    if (model_load(&options, &bench->raw, &error) != OK)
        die(error.message);
    bench->config_model = (struct config_model){
        .name = "random", .path = MODEL_PATH, .context = CONTEXT, .parallel = CLIENTS_MAX};
    bench->config.models = &bench->config_model;
    bench->config.model_count = 1;
    bench->config.log_level = LOG_WARN;
    uv_loop_init(&bench->loop);
    if (engine_new(&bench->config, &bench->loop, 1, &bench->engine, &error) != OK ||
        engine_wait(bench->engine, &error) != OK)
        die(error.message);
    bench->port = engine_port_new(bench->engine, 0, &bench->loop, &error);
    if (bench->port == NULL)
        die(error.message);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct report report = {0};
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    open_bench(&bench);
    report.json = fopen("build/bench/engine.json", "w");
    if (report.json == NULL)
        die("cannot write build/bench/engine.json");
    fprintf(report.json, "{\n  \"name\": \"engine\",\n  \"machine\": {\"cores\": %ld, \"parameters\": %llu},\n  \"rows\": [",
            sysconf(_SC_NPROCESSORS_ONLN), (unsigned long long)model_facts(bench.raw)->parameters);
    printf("%7s %16s %16s %8s %12s\n", "clients", "bare tokens/s", "engine tokens/s", "share", "TTFT ms");
    bench_share(&bench, &report, 1, 96, "share_1");
    bench_share(&bench, &report, 4, 64, "share_4");
    bench_share(&bench, &report, 16, 40, "share_16");
    bench_stall(&bench, &report);
    bench_busy(&bench, &report);
    const bool holds = report_close(&report);
    engine_port_close(bench.port);
    engine_stop(bench.engine);
    model_free(bench.raw);
    return holds ? 0 : 1;
}
