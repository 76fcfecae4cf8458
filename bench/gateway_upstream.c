/* gateway_upstream.c - Fulcrum between a client and a provider that answers at once (support_provider.h), and other
 * gateways in its place. Part of `make bench B=gateway`, which see; all of one run.
 *
 *   upstream_added_p50_us, _p99_us   a chat completion's latency at one client through Fulcrum (HTTP, JSON, price,
 *                      ledger, metrics, log) less that of the provider asked directly; rounds of both alternate, the
 *                      median of the rounds counts
 *   PEER_times, PEER_stream_times    requests a second at 64 clients, through Fulcrum over through the peer
 *   large_request_ms   what a request of a megabyte (an image in base64) takes longer than one asked directly, median
 *   open_streams_mb    resident memory of the server with 1,000 streams open
 *   idle_connections_mb   with 10,000 idle connections
 *   memory_growth      resident memory after BENCH_REQUESTS (1,000,000) over that after a tenth of them
 *   ledger_missing     lines that the ledger lacks of them all, or tokens of theirs */
#include "gateway_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support_provider.h"
#include "support_server.h"
#include "core/mem.h"
#include "core/util.h"

#define CONFIG_PATH "build/bench/gateway-upstream.yaml"
#define LOG_PATH "build/bench/gateway-upstream.log"
#define DATA_PATH "build/bench/gateway-upstream-data"
#define CALLS_PER_ROUND 500
#define LARGE_CALLS 20
#define LARGE_BYTES ((size_t)1 << 20)
#define THROUGHPUT_ROUND_US 1000000u
#define PEER_ROUND_US 5000000u /* of one whose requests take a second */
#define CLIENTS 64
#define OPEN_STREAMS 1000
#define IDLE_CONNECTIONS 10000
#define SETTLE_US 1000000u

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench gateway: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static void write_config(uint16_t provider)
{
    FILE *file = fopen(CONFIG_PATH, "w");
    if (!file || fprintf(file,
                         "models: []\n"
                         "limits: {connections: 12000, address_connections: 12000}\n"
                         "upstreams:\n"
                         "  - name: provider\n"
                         "    kind: openai\n"
                         "    url: http://127.0.0.1:%u/v1\n"
                         "    models:\n"
                         "      - {name: instant, capabilities: [images], price: {input: 1.25, output: 10}}\n"
                         "      - {name: held, price: {input: 1.25, output: 10}}\n",
                         provider) < 0 ||
        fclose(file) != 0)
        die(CONFIG_PATH);
}

/* --- requests ---------------------------------------------------------------------------------------- */

struct wish {
    const char *model, *headers;
    bool is_stream;
    size_t image_bytes; /* of base64; 0: none */
};

static void append_content(struct buf *body, size_t image_bytes)
{
    const struct str text = STR("A customer writes: where is my parcel? Answer in one polite sentence.");
    if (image_bytes == 0) {
        buf_append_json(body, text);
        return;
    }
    buf_append_text(body, "[{\"type\":\"text\",\"text\":");
    buf_append_json(body, text);
    buf_append_text(body, "},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo");
    for (size_t i = 0; i + 1 < image_bytes / 4; i++)
        buf_append_text(body, "AAAA");
    buf_append_text(body, "A\"}}]");
}

static struct str make_request(struct buf *to, const struct wish *wish)
{
    struct buf body;
    buf_init(&body, 4 * LARGE_BYTES);
    buf_init(to, 4 * LARGE_BYTES);
    buf_appendf(&body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a support desk.\"},"
                "{\"role\":\"user\",\"content\":", wish->model);
    append_content(&body, wish->image_bytes);
    buf_appendf(&body, "}],\"max_tokens\":64,\"temperature\":0%s}", wish->is_stream ? ",\"stream\":true" : "");
    buf_appendf(to, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                "user-agent: OpenAI/Python 3.57.0\r\n%scontent-length: %zu\r\n\r\n", wish->headers, body.len);
    buf_append_str(to, buf_str(&body));
    if (to->failed)
        die("a request is too long");
    buf_deinit(&body);
    return buf_str(to);
}

/* --- one client -------------------------------------------------------------------------------------- */

struct latency {
    double p50, p99;
};

static struct latency one_client(struct load *load, uint16_t port, uint64_t calls)
{
    load->port = port;
    (void)load_run(load, 1, calls, UINT64_MAX / 2);
    return (struct latency){bench_percentile(load->latencies, load->latency_count, 0.5),
                            bench_percentile(load->latencies, load->latency_count, 0.99)};
}

/* What `port` adds to the provider's own, each round after one of those. */
static struct latency added(struct load *load, uint16_t provider, uint16_t port, struct str direct, struct str request,
                            uint64_t calls)
{
    const unsigned rounds = bench_rounds(9);
    double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX];
    load->request = request;
    (void)one_client(load, port, calls); /* to warm up */
    for (unsigned i = 0; i < rounds; i++) {
        load->request = direct;
        const struct latency bare = one_client(load, provider, calls);
        load->request = request;
        const struct latency through = one_client(load, port, calls);
        p50[i] = through.p50 - bare.p50;
        p99[i] = through.p99 - bare.p99;
    }
    return (struct latency){bench_percentile(p50, rounds, 0.5), bench_percentile(p99, rounds, 0.5)};
}

static void row_added(struct bench *report, const char *who, struct latency latency)
{
    const struct bench_cell cells[] = {BENCH_TEXT("before a provider", who), BENCH_NUMBER("added_p50_us", latency.p50),
                                       BENCH_NUMBER("added_p99_us", latency.p99)};
    bench_row(report, cells, 3);
}

/* --- many -------------------------------------------------------------------------------------------- */

static double rate(struct load *load, uint16_t port, struct str request, uint64_t round_us)
{
    const unsigned rounds = bench_rounds(5);
    double rates[BENCH_ROUNDS_MAX];
    load->port = port;
    load->request = request;
    for (unsigned i = 0; i < rounds; i++)
        rates[i] = load_run(load, CLIENTS, UINT64_MAX, round_us);
    return bench_percentile(rates, rounds, 0.5);
}

static void row_rate(struct bench *report, const char *who, double whole, double stream)
{
    const struct bench_cell cells[] = {BENCH_TEXT("64 clients", who), BENCH_NUMBER("requests_per_s", whole),
                                       BENCH_NUMBER("streams_per_s", stream)};
    bench_row(report, cells, 3);
}

/* --- memory ------------------------------------------------------------------------------------------ */

static double resident_mib(pid_t pid)
{
    char path[64], line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "VmRSS: %lu kB", &kib);
    if (!file || kib == 0)
        die(path);
    (void)fclose(file);
    return (double)kib / 1024;
}

/* Of a new server while `count` connections are open, each of which has sent `request`, where there is one. */
static double held_mib(size_t count, struct str request)
{
    const struct bench_server server = bench_server_start(CONFIG_PATH, DATA_PATH, LOG_PATH);
    int *fds = mem_must_calloc(count, sizeof(*fds));
    char byte;
    for (size_t i = 0; i < count; i++) {
        fds[i] = load_connect(server.port);
        load_send(fds[i], request);
    }
    for (size_t i = 0; i < count && request.len > 0; i++)
        if (read(fds[i], &byte, 1) != 1)
            die("a stream did not begin");
    (void)usleep(SETTLE_US);
    const double mib = resident_mib(server.pid);
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
    mem_free(fds);
    bench_server_stop(&server);
    return mib;
}

/* --- the ledger -------------------------------------------------------------------------------------- */

static uint64_t number_after(const char *line, const char *member)
{
    const char *at = strstr(line, member);
    return at ? strtoull(at + strlen(member), NULL, 10) : 0;
}

/* Lines and tokens of replies that the ledger has now. */
static void read_ledger(uint64_t *lines, uint64_t *tokens)
{
    char line[4096];
    FILE *out = popen("build/fulcrum ledger summary --json --data " DATA_PATH, "r");
    *lines = *tokens = 0;
    if (!out || !fgets(line, sizeof(line), out))
        die("the ledger can't be read");
    *lines = number_after(line, "\"requests\":");
    *tokens = number_after(line, "\"outputTokens\":");
    (void)pclose(out);
}

static void bench_million(struct bench *report, struct load *load, const struct bench_server *server,
                          struct str request)
{
    const uint64_t wanted = bench_setting("BENCH_REQUESTS", 1000000);
    uint64_t lines, tokens, lines_after, tokens_after, waited = 0;
    read_ledger(&lines, &tokens);
    load->port = server->port;
    load->request = request;
    const uint64_t from = clock_now_us();
    (void)load_run(load, CLIENTS, wanted / 10, UINT64_MAX / 2);
    uint64_t done = load->latency_count;
    const double before = resident_mib(server->pid);
    (void)load_run(load, CLIENTS, wanted - done, UINT64_MAX / 2);
    done += load->latency_count;
    const double seconds = (double)(clock_now_us() - from) / 1e6;
    const double after = resident_mib(server->pid);
    do { /* the last requests of a run are broken off when it ends: their lines come, too */
        (void)usleep(SETTLE_US);
        read_ledger(&lines_after, &tokens_after);
    } while (lines_after - lines < done && ++waited < 60);
    const uint64_t kept = lines_after - lines;
    const double missing = kept < done ? (double)(done - kept) : 0;
    const double tokens_missing = (double)done * PROVIDER_REPLY_TOKENS - (double)(tokens_after - tokens);
    const struct bench_cell cells[] = {BENCH_TEXT("a day", "chat completions"), BENCH_NUMBER("requests", done),
                                       BENCH_NUMBER("seconds", seconds), BENCH_NUMBER("mib_after_a_tenth", before),
                                       BENCH_NUMBER("mib_at_the_end", after), BENCH_NUMBER("lines", kept)};
    bench_row(report, cells, 6);
    bench_limit(report, "memory_growth", after / before, BENCH_AT_MOST, 1.1);
    bench_limit(report, "ledger_missing", missing > tokens_missing ? missing : tokens_missing, BENCH_AT_MOST, 0);
}

/* --- all --------------------------------------------------------------------------------------------- */

struct bed {
    struct load load;
    struct bench_provider provider;
    struct bench_server server;
    struct buf whole_text, stream_text, held_text, large_text;
    struct str whole, stream, held, large;
    double whole_rate, stream_rate;
};

static void bench_ourselves(struct bench *report, struct bed *bed)
{
    struct load *load = &bed->load;
    const uint16_t provider = bed->provider.port, port = bed->server.port;
    const struct latency latency = added(load, provider, port, bed->whole, bed->whole, CALLS_PER_ROUND);
    const struct latency large = added(load, provider, port, bed->large, bed->large, LARGE_CALLS);
    row_added(report, "fulcrum", latency);
    row_added(report, "fulcrum, a megabyte", large);
    row_rate(report, "none, the provider itself", rate(load, provider, bed->whole, THROUGHPUT_ROUND_US),
             rate(load, provider, bed->stream, THROUGHPUT_ROUND_US));
    bed->whole_rate = rate(load, port, bed->whole, THROUGHPUT_ROUND_US);
    bed->stream_rate = rate(load, port, bed->stream, THROUGHPUT_ROUND_US);
    row_rate(report, "fulcrum", bed->whole_rate, bed->stream_rate);
    bench_limit(report, "upstream_added_p50_us", latency.p50, BENCH_AT_MOST, 100);
    bench_limit(report, "upstream_added_p99_us", latency.p99, BENCH_AT_MOST, 250);
    bench_limit(report, "large_request_ms", large.p50 / 1000, BENCH_AT_MOST, 3);
}

static void bench_peer(struct bench *report, struct bed *bed, size_t index)
{
    struct gateway_peer peer;
    struct buf whole_text, stream_text;
    const char *why;
    char key[64];
    if (!gateway_peer_start(index, bed->provider.port, &peer, &why)) {
        const struct bench_cell cells[] = {BENCH_TEXT("64 clients", peer.name), BENCH_TEXT("requests_per_s", why)};
        bench_row(report, cells, 2);
        return;
    }
    const struct wish whole = {.model = peer.model, .headers = peer.headers};
    const struct wish stream = {.model = peer.model, .headers = peer.headers, .is_stream = true};
    const struct str request = make_request(&whole_text, &whole), streamed = make_request(&stream_text, &stream);
    row_added(report, peer.name, added(&bed->load, bed->provider.port, peer.port, bed->whole, request, 100));
    const double whole_rate = rate(&bed->load, peer.port, request, PEER_ROUND_US);
    const double stream_rate = rate(&bed->load, peer.port, streamed, PEER_ROUND_US);
    row_rate(report, peer.name, whole_rate, stream_rate);
    snprintf(key, sizeof(key), "%s_times", peer.name);
    bench_limit(report, key, bed->whole_rate / whole_rate, BENCH_AT_LEAST, peer.least);
    snprintf(key, sizeof(key), "%s_stream_times", peer.name);
    bench_limit(report, key, bed->stream_rate / stream_rate, BENCH_AT_LEAST, peer.least);
    gateway_peer_stop(&peer);
    buf_deinit(&whole_text);
    buf_deinit(&stream_text);
}

static void bench_memory(struct bench *report, struct bed *bed)
{
    const double idle = held_mib(IDLE_CONNECTIONS, STR(""));
    const double open = held_mib(OPEN_STREAMS, bed->held);
    bench_limit(report, "open_streams_mb", open, BENCH_AT_MOST, 64);
    bench_limit(report, "idle_connections_mb", idle, BENCH_AT_MOST, 128);
}

static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        die("files");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < IDLE_CONNECTIONS + 1000)
        die("ulimit -n is too low for 10,000 connections");
}

void gateway_upstream(struct bench *report)
{
    static struct bed bed;
    raise_files();
    bed.provider = bench_provider_start();
    write_config(bed.provider.port);
    bed.server = bench_server_start(CONFIG_PATH, DATA_PATH, LOG_PATH);
    load_init(&bed.load);
    bed.whole = make_request(&bed.whole_text, &(struct wish){.model = "instant", .headers = ""});
    bed.stream = make_request(&bed.stream_text, &(struct wish){.model = "instant", .headers = "", .is_stream = true});
    bed.held = make_request(&bed.held_text, &(struct wish){.model = "held", .headers = "", .is_stream = true});
    bed.large = make_request(&bed.large_text,
                             &(struct wish){.model = "instant", .headers = "", .image_bytes = LARGE_BYTES});
    bench_ourselves(report, &bed);
    for (size_t i = 0; i < GATEWAY_PEERS; i++)
        bench_peer(report, &bed, i);
    bench_million(report, &bed.load, &bed.server, bed.whole);
    bench_server_stop(&bed.server);
    bench_memory(report, &bed);
    bench_provider_stop(&bed.provider);
    load_deinit(&bed.load);
    buf_deinit(&bed.whole_text);
    buf_deinit(&bed.stream_text);
    buf_deinit(&bed.held_text);
    buf_deinit(&bed.large_text);
}
