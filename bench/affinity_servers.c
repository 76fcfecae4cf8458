/* affinity_servers.c - conversations against four real servers: through the product's pool, in rotation, and with one
 * server that has the room of all four.
 *
 * The servers are llama-server with the embedded model. TALKS conversations of TURNS turns are taken in turn, one
 * request at a time; each begins with a system prompt of its own and grows. A server keeps SLOTS of them and nothing
 * else: twice its share, as keys are not spread evenly where there are few.
 *
 *   read_share  tokens of prompts that were read from a cache, of all turns but the first, over all tokens of those
 *   ms          of a turn, the median */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "affinity_parts.h"
#include "support_llama.h"
#include "support_server.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"

#define MODEL "models/desk-large.gguf"
#define SERVERS 4u
#define SLOTS 8u /* of one */
#define TALKS 15u
#define TURNS 6u
#define CONTEXT 1024u /* tokens of a conversation */
#define REPLY_TOKENS 8u
#define CONFIG_PATH "build/bench/affinity.yaml"
#define LOG_PATH "build/bench/affinity.log"
#define DATA_PATH "build/bench/affinity-data"

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench affinity: %s\n", what);
    exit(1);
}

struct talk {
    struct buf messages; /* JSON, without the bracket at its end */
};

struct outcome {
    double read, all; /* tokens of the turns that may be warm */
    double ms[TALKS * TURNS];
    size_t count;
};

struct bed {
    CURL *curl;
    struct buf body, reply;
    const uint16_t *ports; /* that are asked in turn */
    size_t port_count, turn;
    struct talk talks[TALKS];
};

/* --- one turn --------------------------------------------------------------------------------------- */

static size_t take_reply(char *data, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, data, size * count) ? size * count : 0;
}

static void add_message(struct buf *messages, const char *role, struct str text)
{
    buf_appendf(messages, "%s{\"role\":\"%s\",\"content\":", messages->len > 1 ? "," : "", role);
    buf_append_json(messages, text);
    buf_append_char(messages, '}');
}

static void begin_talk(struct talk *talk, size_t number)
{
    struct buf text;
    buf_init(&text, 1u << 16);
    for (size_t i = 0; i < 60; i++)
        buf_appendf(&text, "Shop %zu has rule %zu. ", number, i);
    buf_init(&talk->messages, 1u << 20);
    buf_append_char(&talk->messages, '[');
    add_message(&talk->messages, "system", buf_str(&text));
    buf_deinit(&text);
}

static void write_body(struct bed *bed, const struct talk *talk)
{
    buf_clear(&bed->body);
    buf_append_text(&bed->body, "{\"model\":\"desk\",\"messages\":");
    buf_append_str(&bed->body, buf_str(&talk->messages));
    buf_appendf(&bed->body, "],\"max_tokens\":%u,\"temperature\":0}", REPLY_TOKENS);
    if (bed->body.failed)
        die("out of memory");
}

static void post(struct bed *bed)
{
    char url[96];
    long status = 0;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/chat/completions",
                   bed->ports[bed->turn++ % bed->port_count]);
    buf_clear(&bed->reply);
    curl_easy_setopt(bed->curl, CURLOPT_URL, url);
    curl_easy_setopt(bed->curl, CURLOPT_POSTFIELDS, bed->body.data);
    curl_easy_setopt(bed->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bed->body.len);
    if (curl_easy_perform(bed->curl) == CURLE_OK)
        curl_easy_getinfo(bed->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        die("a server did not answer");
}

static void take_turn(struct bed *bed, size_t number, unsigned turn, struct outcome *outcome)
{
    struct talk *talk = &bed->talks[number];
    struct error error;
    yyjson_doc *doc;
    char question[64];
    (void)snprintf(question, sizeof(question), "Question %u: what is rule %zu?", turn, number);
    add_message(&talk->messages, "user", str_of(question));
    write_body(bed, talk);
    const uint64_t begun_us = clock_now_us();
    post(bed);
    outcome->ms[outcome->count] = (double)(clock_now_us() - begun_us) / 1000;
    outcome->count += turn > 0;
    if (json_parse(buf_str(&bed->reply), &doc, &error) != OK)
        die(error.message);
    yyjson_val *root = yyjson_doc_get_root(doc), *usage = yyjson_obj_get(root, "usage");
    yyjson_val *read = yyjson_obj_get(yyjson_obj_get(usage, "prompt_tokens_details"), "cached_tokens");
    yyjson_val *choice = yyjson_arr_get(yyjson_obj_get(root, "choices"), 0);
    outcome->read += turn > 0 ? yyjson_get_num(read) : 0;
    outcome->all += turn > 0 ? yyjson_get_num(yyjson_obj_get(usage, "prompt_tokens")) : 0;
    add_message(&talk->messages, "assistant", json_str(yyjson_obj_get(yyjson_obj_get(choice, "message"), "content")));
    json_free(doc);
}

static struct outcome talk_to(const uint16_t *ports, size_t count)
{
    struct bed bed = {.curl = curl_easy_init(), .ports = ports, .port_count = count};
    struct outcome outcome = {0};
    if (!bed.curl)
        die("out of memory");
    buf_init(&bed.body, 1u << 20);
    buf_init(&bed.reply, 1u << 20);
    curl_easy_setopt(bed.curl, CURLOPT_PROXY, "");
    curl_easy_setopt(bed.curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(bed.curl, CURLOPT_WRITEDATA, &bed.reply);
    for (size_t i = 0; i < TALKS; i++)
        begin_talk(&bed.talks[i], i);
    for (unsigned turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < TALKS; i++)
            take_turn(&bed, i, turn, &outcome);
    for (size_t i = 0; i < TALKS; i++)
        buf_deinit(&bed.talks[i].messages);
    curl_easy_cleanup(bed.curl);
    buf_deinit(&bed.body);
    buf_deinit(&bed.reply);
    return outcome;
}

/* --- the servers ------------------------------------------------------------------------------------ */

static bool start_servers(struct llama_server **servers, uint16_t *ports, size_t count, uint32_t slots,
                          const char **why)
{
    const struct llama_server_options options = {.program = llama_server_program(why), .model = MODEL,
                                                 .context = CONTEXT, .parallel = slots, .threads = 1};
    for (size_t i = 0; i < count && options.program; i++) {
        servers[i] = llama_server_start(&options, why);
        if (!servers[i])
            return false;
        ports[i] = llama_server_port(servers[i]);
    }
    return options.program != NULL;
}

static void stop_servers(struct llama_server **servers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (servers[i])
            llama_server_stop(servers[i]);
}

static void write_config(const uint16_t *ports)
{
    FILE *file = fopen(CONFIG_PATH, "w");
    if (!file)
        die("can't write " CONFIG_PATH);
    (void)fprintf(file, "models: []\nupstreams:\n  - name: pool\n    kind: openai\n    server: any\n    replicas: [");
    for (size_t i = 0; i < SERVERS; i++)
        (void)fprintf(file, "%s'http://127.0.0.1:%u/v1'", i > 0 ? ", " : "", ports[i]);
    (void)fprintf(file, "]\n    models: [{name: desk, price: {input: 1, output: 4}}]\n");
    if (fclose(file) != 0)
        die("can't write " CONFIG_PATH);
}

static double add_row(struct bench *bench, const char *way, struct outcome outcome)
{
    const double share = outcome.read / outcome.all;
    const struct bench_cell cells[] = {
        BENCH_TEXT("servers", "llama-server"), BENCH_TEXT("way", way), BENCH_NUMBER("read_share", share),
        BENCH_NUMBER("ms", bench_percentile(outcome.ms, outcome.count, 0.5)),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    return share;
}

/* Each way with servers that have seen nothing yet. */
static bool ask(struct bench *bench, const char *way, size_t count, uint32_t slots, bool through_us, double *share)
{
    struct llama_server *servers[SERVERS] = {NULL};
    uint16_t ports[SERVERS];
    const char *why;
    const bool is_there = start_servers(servers, ports, count, slots, &why);
    if (!is_there) {
        printf("%s: %s\n", way, why);
    } else if (through_us) {
        write_config(ports);
        const struct bench_server server = bench_server_start(CONFIG_PATH, DATA_PATH, LOG_PATH);
        *share = add_row(bench, way, talk_to(&server.port, 1));
        bench_server_stop(&server);
    } else {
        *share = add_row(bench, way, talk_to(ports, count));
    }
    stop_servers(servers, count);
    return is_there;
}

void affinity_servers(struct bench *bench)
{
    double one, ours, rotated;
    if (ask(bench, "one server", 1, SERVERS * SLOTS, false, &one) &&
        ask(bench, "affinity", SERVERS, SLOTS, true, &ours) &&
        ask(bench, "rotation", SERVERS, SLOTS, false, &rotated)) {
        bench_limit(bench, "servers_read_ratio", ours / one, BENCH_AT_LEAST, 0.95);
        bench_limit(bench, "servers_over_rotation", ours / rotated, BENCH_AT_LEAST, 1);
    }
}
