/* gateway.c - `make bench B=gateway`: what the gateway costs, with a worker
 * that answers at once.
 *
 * The server is the real program in a process of its own, with its log (JSON,
 * one line per request) going to a file. Requests are Converse calls with a
 * signature's header, over keep-alive connections, from a load generator here:
 * one thread, epoll, each client sends its next request when the reply is whole.
 *
 *   added_p99_us         99th percentile of a call's latency at one client, less that of the bare round
 *                        trip to the same kind of worker over the same kind of socket (engine.h in this
 *                        process); rounds of both alternate, the median of the rounds counts
 *   requests_per_second  at 32 clients, median of the rounds
 *
 * BENCH_ROUNDS changes the number of rounds (15). On a machine that is busy
 * with other things the percentiles show those things: loadAverage is in the
 * file, and `chrt -f 10` in front keeps the others out of a measurement. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "support_server.h"
#include "cmd/sections.h"
#include "core/buf.h"
#include "core/util.h"
#include "engine/engine.h"

#define CONFIG_PATH "build/bench/gateway.yaml"
#define LOG_PATH "build/bench/gateway.log"
#define DATA_PATH "build/bench/gateway-data"
#define CLIENTS_MAX 64
#define CALLS_PER_ROUND 500
#define LATENCIES_MAX 2000000
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

/* --- the load generator ------------------------------------------------------------------------------ */

struct client {
    int fd;
    struct buf in;
    size_t expected; /* length of the reply, 0 while its head is not whole */
    uint64_t begun_us;
};

struct load {
    uint16_t port;
    struct str request;
    int epoll;
    size_t client_count;
    struct client clients[CLIENTS_MAX];
    uint64_t done, wanted, until_us; /* whichever comes first ends it */
    double *latencies;
    size_t latency_count;
};

static void send_request(struct load *load, struct client *client)
{
    client->begun_us = clock_now_us();
    buf_clear(&client->in);
    client->expected = 0;
    if (send(client->fd, load->request.data, load->request.len, MSG_NOSIGNAL) != (ssize_t)load->request.len)
        die("send");
}

static void open_client(struct load *load, struct client *client)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(load->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int on = 1;
    buf_init(&client->in, REPLY_MAX);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        die("connect");
}

/* A reply must be a 200 with a content-length, or chunked. */
static bool is_whole(struct client *client)
{
    struct str in = buf_str(&client->in);
    ptrdiff_t head = client->expected ? 0 : str_find(in, STR("\r\n\r\n"), 0);
    if (head < 0)
        return false;
    if (client->expected == 0) {
        struct str rest, number;
        uint64_t length;
        ptrdiff_t at = str_find(in, STR("content-length: "), 0);
        if (!str_starts(in, STR("HTTP/1.1 200 "))) {
            (void)fprintf(stderr, STR_FMT "\n", STR_ARG(in));
            die("a reply is not 200");
        }
        if (at < 0 || at > head)
            return str_ends(in, STR("\r\n0\r\n\r\n"));
        rest = str_slice(in, (size_t)at + 16, in.len);
        if (!str_split(&rest, '\r', &number) || !str_to_u64(number, &length))
            die("a reply has no length");
        client->expected = (size_t)head + 4 + length;
    }
    return in.len >= client->expected;
}

static void receive(struct load *load, struct client *client)
{
    if (!buf_reserve(&client->in, 16384))
        die("a reply is too long");
    ssize_t len = recv(client->fd, client->in.data + client->in.len, client->in.cap - client->in.len, MSG_DONTWAIT);
    if (len <= 0)
        die("recv");
    client->in.len += (size_t)len;
    if (!is_whole(client))
        return;
    uint64_t now = clock_now_us();
    if (load->latency_count < LATENCIES_MAX)
        load->latencies[load->latency_count++] = (double)(now - client->begun_us);
    load->done++;
    if (load->done < load->wanted && now < load->until_us)
        send_request(load, client);
}

/* Runs until `calls` are done or `us` have passed; gives requests per second. */
static double run_load(struct load *load, size_t clients, uint64_t calls, uint64_t us)
{
    struct epoll_event events[CLIENTS_MAX];
    uint64_t from = clock_now_us();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->client_count = clients;
    load->done = load->latency_count = 0;
    load->wanted = calls;
    load->until_us = from + us;
    for (size_t i = 0; i < clients; i++) {
        open_client(load, &load->clients[i]);
        send_request(load, &load->clients[i]);
    }
    while (load->done < calls && clock_now_us() < load->until_us) {
        int count = epoll_wait(load->epoll, events, CLIENTS_MAX, 1000);
        if (count <= 0)
            die("no reply for a second");
        for (int i = 0; i < count; i++)
            receive(load, events[i].data.ptr);
    }
    double rate = (double)load->done * 1e6 / (double)(clock_now_us() - from);
    for (size_t i = 0; i < clients; i++) {
        (void)close(load->clients[i].fd);
        buf_deinit(&load->clients[i].in);
    }
    (void)close(load->epoll);
    return rate;
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
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL};
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
    (void)run_load(load, 1, CALLS_PER_ROUND, UINT64_MAX / 2); /* to warm up */
    for (unsigned i = 0; i < rounds; i++) {
        run_bare(bare, bare_latencies, CALLS_PER_ROUND);
        (void)run_load(load, 1, CALLS_PER_ROUND, UINT64_MAX / 2);
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
        rate[i] = run_load(load, clients, UINT64_MAX, THROUGHPUT_ROUND_US);
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
    (void)mkdir("build/bench", 0777);
    FILE *file = fopen(CONFIG_PATH, "w");
    if (!file || fputs(config_text, file) < 0 || fclose(file) != 0)
        die(CONFIG_PATH);
}

int main(void)
{
    static struct load load;
    struct bare bare = {0};
    struct buf whole, stream;
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" PROMPT "\"}]}],"
                               "\"system\":[{\"text\":\"You are a support desk.\"}],"
                               "\"inferenceConfig\":{\"maxTokens\":16,\"temperature\":0}}";
    (void)signal(SIGPIPE, SIG_IGN);
    write_config();
    const struct bench_server server = bench_server_start(CONFIG_PATH, DATA_PATH, LOG_PATH);
    start_bare(&bare);
    unsigned rounds = bench_rounds(15);
    struct bench *report = bench_new("gateway");
    load.port = server.port;
    load.latencies = mem_must_calloc(LATENCIES_MAX, sizeof(*load.latencies));
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
    int status = bench_finish(report);
    bench_server_stop(&server);
    buf_deinit(&whole);
    buf_deinit(&stream);
    mem_free(load.latencies);
    return status;
}
