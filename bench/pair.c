/* pair.c - `make bench B=pair`: the embedded models beside each other on the desk's own requests.
 *
 * Both answer the same rows of the held-out set in the same run, one thread each,
 * in interleaved rounds; medians of the rounds count. A reply is cut where the
 * expected answer ends, so that both write about as much.
 *
 *   engine_time_1   engine time of a token (prompt and reply) of desk-large over desk-small's, one client
 *   engine_time_16  the same with sixteen clients, where the engine is never idle and time is the clock's
 *
 * BENCH_ROUNDS changes the number of rounds (5). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "chat/template.h"
#include "cmd/cmd.h"
#include "core/json.h"
#include "core/util.h"
#include "engine/embedded.h"
#include "engine/engine.h"

#define MODELS 2
#define CLIENTS_MAX 16
#define ROWS 160 /* of a measurement */

struct row {
    struct prompt prompt;
    uint32_t max_tokens;
};

/* What a client's replies took, summed over all clients. */
struct figures {
    uint64_t prompt_tokens, output_tokens;
    uint64_t engine_us; /* from admission to the last token, as the worker counts it */
    uint64_t clock_us;
};

struct bed {
    uv_loop_t loop;
    struct config config;
    struct config_model config_models[MODELS];
    struct engine *engine;
    struct engine_port *port;
    struct arena arena;
    struct row rows[ROWS];
    size_t row_count;
    unsigned rounds;

    /* Of the measurement. */
    size_t model, next, running;
    struct figures figures;
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench pair: %s\n", what);
    exit(1);
}

/* --- rows ------------------------------------------------------------------------------------------- */

static struct chat_block *text_block(struct arena *arena, yyjson_val *text)
{
    struct chat_block *block = ARENA_NEW(arena, struct chat_block);
    if (!block)
        die("no memory");
    *block = (struct chat_block){.kind = CHAT_TEXT, .text = json_str(text)};
    return block;
}

/* A row of one question and no tools; others are passed over. */
static bool read_row(struct bed *bed, struct str line, struct row *row)
{
    struct error error;
    yyjson_doc *document;
    const struct template_spec spec = {.family = TEMPLATE_CHATML};
    if (json_parse(line, &document, &error) != OK)
        die(error.message);
    yyjson_val *root = yyjson_doc_get_root(document), *messages = yyjson_obj_get(root, "messages");
    struct str expected = json_str(yyjson_obj_get(root, "expected"));
    if (yyjson_arr_size(messages) != 1 || yyjson_arr_size(yyjson_obj_get(root, "tools")) > 0 || expected.len == 0) {
        json_free(document);
        return false;
    }
    struct chat_message message = {
        .role = CHAT_USER,
        .blocks = text_block(&bed->arena, yyjson_obj_get(yyjson_arr_get_first(messages), "content")),
        .block_count = 1,
    };
    struct chat_request request = {
        .arena = &bed->arena,
        .system = text_block(&bed->arena, yyjson_obj_get(root, "system")),
        .system_count = 1,
        .messages = &message,
        .message_count = 1,
    };
    row->max_tokens = (uint32_t)expected.len / 3 + 1;
    if (template_render(&spec, &request, &row->prompt, &error) != OK) /* points into the document, which stays */
        die(error.message);
    return true;
}

/* Rows spread over the whole set. */
static void read_rows(struct bed *bed)
{
    struct str rest = embedded_file(STR("desk_eval.jsonl")), line;
    for (size_t i = 0; bed->row_count < ROWS && str_split(&rest, '\n', &line); i++)
        if (i % 11 == 0 && read_row(bed, line, &bed->rows[bed->row_count]))
            bed->row_count++;
    if (bed->row_count == 0)
        die("no rows in the held-out set");
}

/* --- clients ---------------------------------------------------------------------------------------- */

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

static void start_next(struct bed *bed);

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct bed *bed = ctx;
    bed->figures.prompt_tokens += finished->prefilled_tokens;
    bed->figures.output_tokens += finished->output_tokens;
    bed->figures.engine_us += finished->prefill_us + finished->decode_us;
    bed->running--;
    start_next(bed);
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

static void start_next(struct bed *bed)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    struct engine_segment segments[64];
    if (bed->next == bed->row_count)
        return;
    const struct row *row = &bed->rows[bed->next++];
    if (row->prompt.count > 64)
        die("a prompt of more than 64 segments");
    for (size_t i = 0; i < row->prompt.count; i++)
        segments[i] = (struct engine_segment){.is_template = row->prompt.segments[i].is_template,
                                              .text = row->prompt.segments[i].text};
    const struct engine_request request = {.segments = segments, .segment_count = row->prompt.count,
                                           .max_tokens = row->max_tokens, .top_p = 1.0f, .tier = TIER_DEFAULT};
    struct error error;
    if (!engine_generate(bed->port, bed->model, &request, &handlers, bed, &error))
        die(error.message);
    bed->running++;
}

static struct figures measure(struct bed *bed, size_t model, size_t clients)
{
    const uint64_t began_us = clock_now_us();
    bed->model = model;
    bed->next = 0;
    bed->figures = (struct figures){0};
    for (size_t i = 0; i < clients; i++)
        start_next(bed);
    while (bed->running > 0)
        uv_run(&bed->loop, UV_RUN_ONCE);
    bed->figures.clock_us = clock_now_us() - began_us;
    return bed->figures;
}

/* --- figures ---------------------------------------------------------------------------------------- */

struct series {
    double output_rate[BENCH_ROUNDS_MAX], prefill_rate[BENCH_ROUNDS_MAX], token_us[BENCH_ROUNDS_MAX];
};

static void add_round(struct series *series, unsigned round, const struct figures *figures, size_t clients)
{
    const double seconds = (double)figures->clock_us / 1e6;
    const double busy_us = (double)(clients == 1 ? figures->engine_us : figures->clock_us);
    series->output_rate[round] = (double)figures->output_tokens / seconds;
    series->prefill_rate[round] = (double)figures->prompt_tokens / seconds;
    series->token_us[round] = busy_us / (double)(figures->prompt_tokens + figures->output_tokens);
}

static void bench_clients(struct bed *bed, struct bench *report, size_t clients, const char *key)
{
    static struct series series[MODELS];
    double ratios[BENCH_ROUNDS_MAX];
    for (unsigned round = 0; round < bed->rounds; round++) {
        for (size_t model = 0; model < MODELS; model++) {
            const struct figures figures = measure(bed, model, clients);
            add_round(&series[model], round, &figures, clients);
        }
        ratios[round] = series[0].token_us[round] / series[1].token_us[round];
    }
    for (size_t model = 0; model < MODELS; model++) {
        const struct bench_cell cells[] = {
            BENCH_TEXT("model", bed->config_models[model].name),
            BENCH_NUMBER("clients", clients),
            BENCH_NUMBER("output_tokens_per_second", bench_percentile(series[model].output_rate, bed->rounds, 0.5)),
            BENCH_NUMBER("prefilled_tokens_per_second", bench_percentile(series[model].prefill_rate, bed->rounds, 0.5)),
            BENCH_NUMBER("engine_us_per_token", bench_percentile(series[model].token_us, bed->rounds, 0.5)),
        };
        bench_row(report, cells, 5);
    }
    bench_limit(report, key, bench_percentile(ratios, bed->rounds, 0.5), BENCH_AT_LEAST, 5.0);
}

/* --- main ------------------------------------------------------------------------------------------- */

static void open_bed(struct bed *bed)
{
    static const char *const names[MODELS] = {"desk-large", "desk-small"};
    struct error error;
    bed->rounds = bench_rounds(5);
    for (size_t i = 0; i < MODELS; i++)
        bed->config_models[i] = (struct config_model){
            .name = names[i], .context = 4096, .parallel = CLIENTS_MAX, .threads = 1};
    bed->config.models = bed->config_models;
    bed->config.model_count = MODELS;
    bed->config.log_level = LOG_WARN;
    uv_loop_init(&bed->loop);
    arena_init(&bed->arena, 0);
    read_rows(bed);
    if (engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error) != OK ||
        engine_wait(bed->engine, &error) != OK)
        die(error.message);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    if (!bed->port)
        die(error.message);
}

int main(int argc, char **argv)
{
    static struct bed bed;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    open_bed(&bed);
    struct bench *report = bench_new("pair");
    bench_clients(&bed, report, 1, "engine_time_1");
    bench_clients(&bed, report, 16, "engine_time_16");
    const int status = bench_finish(report);
    engine_port_close(bed.port);
    engine_stop(bed.engine);
    return status;
}
