/* kernels_bed.c - see kernels_bed.h. */
#include "kernels_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "engine/broker.h"

struct run {
    struct side *side;
    struct asked *asked;
    size_t count, next, over;
};

struct client {
    struct run *run;
    struct asked *asked;
    uint64_t begun_us;
};

_Noreturn void bed_die(const char *what)
{
    (void)fprintf(stderr, "bench kernels: %s\n", what);
    exit(1);
}

uint32_t bed_threads(void)
{
    return (uint32_t)bench_setting("BENCH_THREADS", broker_cores());
}

struct str bed_prompt(char text[PROMPT_TEXT_MAX], uint32_t tokens)
{
    for (uint32_t i = 0; i < tokens; i++)
        text[i] = i % 2 == 0 ? ' ' : (char)('0' + rand() % 10);
    return (struct str){text, tokens};
}

double bed_cpu_ms(pid_t pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                               &system) != 2)
        bed_die("a process's time can't be read");
    fclose(file);
    return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

double bed_median(double *values, unsigned count)
{
    return bench_percentile(values, count, 0.5);
}

bool bed_is_wanted(const char *figure)
{
    const char *only = getenv("BENCH_FIGURE");
    return only == NULL || strcmp(only, figure) == 0;
}

const char *bed_smollm2(void)
{
    const char *path = getenv("BENCH_MODEL");
    return path != NULL && access(path, R_OK) == 0 ? path : NULL;
}

void bed_skip(struct bench *bench, const char *figure, const char *why)
{
    const struct bench_cell cells[] = {BENCH_TEXT("figure", figure), BENCH_TEXT("result", why)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

/* --- an engine -------------------------------------------------------------------------------------- */

static void set_or_unset(const char *name, const char *value)
{
    if ((value != NULL ? setenv(name, value, 1) : unsetenv(name)) != 0)
        bed_die("out of memory");
}

/* The worker's ggml reads its environment, which is this process's at the worker's start. */
void side_open(struct side *side, const struct side_options *options)
{
    struct error error;
    *side = (struct side){.model = {.name = "model", .path = options->model, .context = CONTEXT, .parallel = PARALLEL,
                                    .threads = bed_threads()}};
    side->config = (struct config){.models = &side->model, .model_count = 1, .log_level = LOG_WARN};
    uv_loop_init(&side->loop);
    set_or_unset("GGML_CPU_TILES", options->is_released ? "0" : NULL);
    set_or_unset("GLIBC_TUNABLES", options->is_released ? "glibc.malloc.hugetlb=0" : NULL); /* nor large pages */
    set_or_unset("FULCRUM_BACKENDS", options->backends);
    const uint64_t began_us = clock_now_us();
    if (engine_new(&side->config, &side->loop, 1, &side->engine, &error) != OK ||
        engine_wait(side->engine, &error) != OK)
        bed_die(error.message);
    side->load_us = clock_now_us() - began_us;
    set_or_unset("GGML_CPU_TILES", NULL);
    set_or_unset("GLIBC_TUNABLES", NULL);
    set_or_unset("FULCRUM_BACKENDS", NULL);
    side->port = engine_port_new(side->engine, 0, &side->loop, &error);
    if (side->port == NULL)
        bed_die(error.message);
}

void side_close(struct side *side)
{
    engine_port_close(side->port);
    engine_stop(side->engine);
    engine_free(side->engine);
    uv_run(&side->loop, UV_RUN_DEFAULT);
    uv_loop_close(&side->loop);
}

pid_t side_worker(const struct side *side)
{
    return (pid_t)engine_worker_pid(side->engine, 0);
}

/* --- requests --------------------------------------------------------------------------------------- */

static void ask_next(struct client *client);

static void on_started(void *ctx, const struct engine_started *started)
{
    struct client *client = ctx;
    (void)started;
    client->asked->first_us = clock_now_us() - client->begun_us;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct client *client = ctx;
    (void)tokens;
    if (client->asked->reply != NULL && !buf_append(client->asked->reply, text.data, text.len))
        bed_die("a reply is too long");
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct client *client = ctx;
    client->asked->tokens = finished->output_tokens;
    client->run->over++;
    ask_next(client);
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    bed_die(error->message);
}

static void ask_next(struct client *client)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    struct run *run = client->run;
    struct error error;
    if (run->next == run->count)
        return;
    client->asked = &run->asked[run->next++];
    client->begun_us = clock_now_us();
    const struct engine_segment segment = {.text = client->asked->prompt};
    const struct engine_request request = {.segments = &segment, .segment_count = 1,
                                           .max_tokens = client->asked->max_tokens, .top_p = 1.0f,
                                           .temperature = client->asked->temperature, .seed = client->asked->seed,
                                           .tenant = STR("bench"), .tier = TIER_DEFAULT};
    if (engine_generate(run->side->port, 0, &request, &handlers, client, &error) == NULL)
        bed_die(error.message);
}

uint64_t side_ask(struct side *side, struct asked *asked, size_t count, uint32_t clients)
{
    static struct client each[PARALLEL];
    struct run run = {.side = side, .asked = asked, .count = count};
    const uint64_t began_us = clock_now_us();
    for (uint32_t i = 0; i < clients && i < PARALLEL; i++) {
        each[i] = (struct client){.run = &run};
        ask_next(&each[i]);
    }
    while (run.over < count)
        uv_run(&side->loop, UV_RUN_ONCE);
    return clock_now_us() - began_us;
}

/* --- all parts -------------------------------------------------------------------------------------- */

void bench_models(struct bench *bench)
{
    static const struct {
        const char *figure; /* NULL: it has several */
        void (*run)(struct bench *bench);
    } parts[] = {
        {NULL, bench_rates}, {"load", bench_load}, {"same", bench_same}, {"perplexity", bench_perplexity}};
    const struct random_gguf_options q8_0 = RANDOM_GGUF_110M;
    struct random_gguf_options q4_k_m = RANDOM_GGUF_110M;
    q4_k_m.weights = "q4_K_M";
    bench_model(&q8_0, RANDOM_Q8_0);
    bench_model(&q4_k_m, RANDOM_Q4_K_M);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].figure == NULL || bed_is_wanted(parts[i].figure))
            parts[i].run(bench);
}
