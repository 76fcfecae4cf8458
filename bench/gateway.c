/* gateway.c - `make bench B=gateway`: what the gateway costs, with a worker
 * that answers at once.
 *
 * The server is the real program in a process of its own, with its log (JSON,
 * one line per request) going to a file. Requests are Converse calls with a
 * signature's header, from a load generator (support_load.h).
 *
 *   added_p99_us         99th percentile of a call's latency at one client, less that of the bare round
 *                        trip to the same kind of worker over the same kind of socket (engine.h in this
 *                        process); rounds of both alternate, the median of the rounds counts
 *   requests_per_second  at 32 clients, median of the rounds
 *
 * Behind it, what it costs before a provider: gateway_upstream.c. BENCH_FIGURE=worker or =upstream runs one of the two.
 * BENCH_ROUNDS changes the number of rounds (15). On a machine that is busy
 * with other things the percentiles show those things: loadAverage is in the
 * file, and `chrt -f 10` in front keeps the others out of a measurement. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway_parts.h"
#include "support_server.h"
#include "cmd/sections.h"
#include "core/buf.h"
#include "core/util.h"
#include "engine/engine.h"

#define CONFIG_PATH "build/bench/gateway.yaml"
#define LOG_PATH "build/bench/gateway.log"
#define DATA_PATH "build/bench/gateway-data"
#define CALLS_PER_ROUND 500
#define THROUGHPUT_ROUND_US 500000
#define REPLY_MAX ((size_t)1 << 20)
#define PROMPT "A customer writes: where is my parcel? Answer in one polite sentence."

static const char config_text[] = "models:\n"
                                  "  - name: instant\n"
                                  "    worker: instant_worker\n"
                                  "    parallel: 64\n";

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench gateway: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

/* --- the bare round trip ----------------------------------------------------------------------------- */

struct bare {
    uv_loop_t loop;
    struct config config;
    struct engine *engine;
    struct engine_port *port;
    bool is_done;
};

static void on_started(void *ctx, const struct engine_started *started)
{
    (void)ctx;
    (void)started;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    (void)ctx;
    (void)text;
    (void)tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct bare *)ctx)->is_done = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    errno = 0;
    die(error->message);
}

static void start_bare(struct bare *bare)
{
    struct error error = {0};
    if (uv_loop_init(&bare->loop) != 0 || config_load(CONFIG_PATH, program_sections, &bare->config, &error) != OK ||
        engine_new(&bare->config, &bare->loop, 1, &bare->engine, &error) != OK ||
        engine_wait(bare->engine, &error) != OK ||
        !(bare->port = engine_port_new(bare->engine, 0, &bare->loop, &error))) {
        errno = 0;
        die(error.message);
    }
    while (!engine_model_is_ready(bare->engine, 0))
        (void)uv_run(&bare->loop, UV_RUN_ONCE);
}

static void stop_bare(struct bare *bare)
{
    engine_port_close(bare->port);
    engine_stop(bare->engine);
    engine_free(bare->engine);
    config_deinit(&bare->config);
}

/* Fills `latencies` with `calls` round trips, one after the other. */
static void run_bare(struct bare *bare, double *latencies, size_t calls)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    const struct engine_segment segment = {.text = STR(PROMPT)};
    const struct engine_request request = {
        .segments = &segment, .segment_count = 1, .max_tokens = 16, .top_p = 1.0f, .tenant = STR("bench"),
        .tier = TIER_DEFAULT};
    for (size_t i = 0; i < calls; i++) {
        struct error error;
        uint64_t from = clock_now_us();
        bare->is_done = false;
        if (!engine_generate(bare->port, 0, &request, &handlers, bare, &error))
            on_failed(bare, &error);
        while (!bare->is_done)
            (void)uv_run(&bare->loop, UV_RUN_ONCE);
        latencies[i] = (double)(clock_now_us() - from);
    }
}

/* --- figures ----------------------------------------------------------------------------------------- */

static struct str make_request(struct buf *to, const char *path, const char *body)
{
    buf_init(to, REPLY_MAX);
    buf_appendf(to,
                "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                "User-Agent: Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11\r\n"
                "X-Amz-Date: 20261124T120000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/"
                "us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
                "amz-sdk-invocation-id: 3f8a1a52-4b25-4a9d-8a52-7d2f4d2b8a11\r\namz-sdk-request: attempt=1\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                path, strlen(body), body);
    return buf_str(to);
}

static void bench_latency(struct bench *report, struct load *load, struct bare *bare, unsigned rounds)
{
    static double bare_latencies[CALLS_PER_ROUND];
    double bare50[BENCH_ROUNDS_MAX], p50[BENCH_ROUNDS_MAX], added50[BENCH_ROUNDS_MAX];
    double bare99[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], added99[BENCH_ROUNDS_MAX];
    (void)load_run(load, 1, CALLS_PER_ROUND, UINT64_MAX / 2); /* to warm up */
    for (unsigned i = 0; i < rounds; i++) {
        run_bare(bare, bare_latencies, CALLS_PER_ROUND);
        (void)load_run(load, 1, CALLS_PER_ROUND, UINT64_MAX / 2);
        bare50[i] = bench_percentile(bare_latencies, CALLS_PER_ROUND, 0.5);
        bare99[i] = bench_percentile(bare_latencies, CALLS_PER_ROUND, 0.99);
        p50[i] = bench_percentile(load->latencies, load->latency_count, 0.5);
        p99[i] = bench_percentile(load->latencies, load->latency_count, 0.99);
        added50[i] = p50[i] - bare50[i];
        added99[i] = p99[i] - bare99[i];
    }
    const struct bench_cell bare_cells[] = {BENCH_TEXT("one client", "bare worker"),
                                            BENCH_NUMBER("p50_us", bench_percentile(bare50, rounds, 0.5)),
                                            BENCH_NUMBER("p99_us", bench_percentile(bare99, rounds, 0.5)),
                                            BENCH_NUMBER("added_p50_us", 0), BENCH_NUMBER("added_p99_us", 0)};
    const double added = bench_percentile(added99, rounds, 0.5);
    const struct bench_cell cells[] = {BENCH_TEXT("one client", "through the gateway"),
                                       BENCH_NUMBER("p50_us", bench_percentile(p50, rounds, 0.5)),
                                       BENCH_NUMBER("p99_us", bench_percentile(p99, rounds, 0.5)),
                                       BENCH_NUMBER("added_p50_us", bench_percentile(added50, rounds, 0.5)),
                                       BENCH_NUMBER("added_p99_us", added)};
    bench_row(report, bare_cells, 5);
    bench_row(report, cells, 5);
    bench_limit(report, "added_p99_us", added, BENCH_AT_MOST, 100);
}

static double bench_throughput(struct bench *report, struct load *load, const char *what, size_t clients,
                               unsigned rounds)
{
    double rate[BENCH_ROUNDS_MAX], p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX];
    for (unsigned i = 0; i < rounds; i++) {
        rate[i] = load_run(load, clients, UINT64_MAX, THROUGHPUT_ROUND_US);
        p50[i] = bench_percentile(load->latencies, load->latency_count, 0.5);
        p99[i] = bench_percentile(load->latencies, load->latency_count, 0.99);
    }
    const double result = bench_percentile(rate, rounds, 0.5);
    const struct bench_cell cells[] = {BENCH_TEXT("throughput", what), BENCH_NUMBER("clients", clients),
                                       BENCH_NUMBER("requests_per_s", result),
                                       BENCH_NUMBER("p50_us", bench_percentile(p50, rounds, 0.5)),
                                       BENCH_NUMBER("p99_us", bench_percentile(p99, rounds, 0.5))};
    bench_row(report, cells, 5);
    return result;
}

static void write_config(void)
{
    FILE *file = fopen(CONFIG_PATH, "w");
    if (!file || fputs(config_text, file) < 0 || fclose(file) != 0)
        die(CONFIG_PATH);
}

static void bench_worker(struct bench *report)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" PROMPT "\"}]}],"
                               "\"system\":[{\"text\":\"You are a support desk.\"}],"
                               "\"inferenceConfig\":{\"maxTokens\":16,\"temperature\":0}}";
    struct load load;
    struct bare bare = {0};
    struct buf whole, stream;
    write_config();
    const struct bench_server server = bench_server_start(CONFIG_PATH, DATA_PATH, LOG_PATH);
    start_bare(&bare);
    const unsigned rounds = bench_rounds(15);
    load_init(&load);
    load.port = server.port;
    load.request = make_request(&whole, "/model/instant/converse", body);
    bench_latency(report, &load, &bare, rounds);
    stop_bare(&bare);
    (void)bench_throughput(report, &load, "Converse", 1, rounds);
    (void)bench_throughput(report, &load, "Converse", 16, rounds);
    bench_limit(report, "requests_per_second", bench_throughput(report, &load, "Converse", 32, rounds),
                BENCH_AT_LEAST, 6000);
    (void)bench_throughput(report, &load, "Converse", 64, rounds);
    load.request = make_request(&stream, "/model/instant/converse-stream", body);
    (void)bench_throughput(report, &load, "ConverseStream", 32, rounds);
    bench_server_stop(&server);
    buf_deinit(&whole);
    buf_deinit(&stream);
    load_deinit(&load);
}

int main(void)
{
    const char *figure = getenv("BENCH_FIGURE");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mkdir("build/bench", 0777);
    struct bench *report = bench_new("gateway");
    if (!figure || strcmp(figure, "upstream") != 0)
        bench_worker(report);
    if (!figure || strcmp(figure, "worker") != 0)
        gateway_upstream(report);
    return bench_finish(report);
}
