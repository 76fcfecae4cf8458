#include "cache_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"

unsigned rounds;
uint32_t threads;

_Noreturn void die(const char *what)
{
    fprintf(stderr, "bench cache: %s\n", what);
    exit(1);
}

/* --- models ------------------------------------------------------------------------------------------- */

/* Little to compute for its state, so that a budget in whole MiB is a fine measure. */
struct random_gguf_options small_shape(void)
{
    return (struct random_gguf_options){.layers = 2, .width = 128, .heads = 4, .kv_heads = 4, .feed_forward = 256,
                                        .vocabulary = 512, .context = CONTEXT, .seed = 1};
}

/* --- the engine ------------------------------------------------------------------------------------- */

void open_bed_of(struct bed *bed, const char *path, uint32_t context, uint32_t parallel, uint64_t memory_bytes)
{
    struct error error;
    *bed = (struct bed){.model = {.name = "random", .path = path, .context = context, .parallel = parallel,
                                  .threads = threads}};
    bed->config.models = &bed->model;
    bed->config.model_count = 1;
    bed->config.log_level = LOG_WARN;
    bed->cache = (struct cache_config){.memory_bytes = memory_bytes};
    bed->config.parts[0] = (struct config_part){&cache_section, &bed->cache};
    uv_loop_init(&bed->loop);
    if (engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error) != OK || engine_wait(bed->engine, &error) != OK)
        die(error.message);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    if (bed->port == NULL)
        die(error.message);
}

void open_bed(struct bed *bed, const char *path, uint32_t parallel, uint64_t memory_bytes)
{
    open_bed_of(bed, path, CONTEXT, parallel, memory_bytes);
}

void close_bed(struct bed *bed)
{
    engine_port_close(bed->port);
    engine_stop(bed->engine);
    while (uv_run(&bed->loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    engine_free(bed->engine);
    uv_loop_close(&bed->loop);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    (void)started;
    ((struct client *)ctx)->started_us = clock_now_us();
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    (void)ctx;
    (void)text;
    (void)tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    ((struct client *)ctx)->finished = *finished;
    ((struct client *)ctx)->is_done = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

void fill_text(char *text, uint32_t count, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < count; i++)
        text[i] = i % 2 == 0 ? ' ' : (char)('0' + rng_below(&rng, 10));
}

void begin(struct bed *bed, struct client *client, uint32_t prefix, uint32_t count, enum engine_cache cache,
           const char *tenant)
{
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    const struct engine_segment segments[] = {
        {.ends_checkpoint = prefix > 0, .ttl_seconds = PREFIX_TTL, .text = {client->text, prefix}},
        {.text = {client->text + prefix, count - prefix}},
    };
    const struct engine_request request = {.segments = prefix > 0 ? segments : segments + 1,
                                           .segment_count = prefix > 0 ? 2 : 1,
                                           .max_tokens = REPLY_TOKENS,
                                           .top_p = 1.0f,
                                           .tenant = str_of(tenant),
                                           .cache = cache,
                                           .tier = TIER_DEFAULT};
    struct error error;
    client->is_done = false;
    client->begun_us = clock_now_us();
    if (engine_generate(bed->port, 0, &request, &handlers, client, &error) == NULL)
        die(error.message);
}

void finish(struct bed *bed, const struct client *client)
{
    while (!client->is_done)
        uv_run(&bed->loop, UV_RUN_ONCE);
}

double first_token_ms(const struct client *client)
{
    return (double)(client->started_us - client->begun_us) / 1000.0;
}

/* --- the store ---------------------------------------------------------------------------------------- */

void decode_prompt(struct model *model, const struct model_tokens *tokens)
{
    const uint32_t count = (uint32_t)tokens->count, piece = model_facts(model)->batch;
    for (uint32_t at = 0; at < count;) {
        model_batch_clear(model);
        for (uint32_t i = 0; i < piece && at < count; i++, at++)
            model_batch_add(model, tokens->items[at], at, 0, at + 1 == count);
        if (model_decode(model) != MODEL_OK)
            die("llama_decode failed");
    }
}

/* Opens the prompt; what it computes is stored, or what is stored is put back. Microseconds. */
static uint64_t store_or_restore(struct prefix_store *store, struct model *model, const struct prefix_job *job)
{
    struct prefix_use use;
    struct prefix_waiter waiter = {0};
    bool is_pending;
    prefix_store_open(store, job, &waiter, &use, &is_pending);
    prefix_store_begin(store, &use);
    const uint64_t began_us = clock_now_us();
    if (use.readable == 0)
        decode_prompt(model, job->tokens);
    else if (prefix_store_restore(store, &use, 0, 0, UINT32_MAX) != job->marks[0].position)
        die("the prefix was not restored");
    const uint64_t took_us = clock_now_us() - began_us;
    prefix_store_save(store, &use, 0, (uint32_t)job->tokens->count);
    prefix_store_close(store, &use);
    model_seq_clear(model, 0);
    return took_us;
}

struct store_times measure_store(const char *path, uint32_t context, uint32_t tokens, unsigned times)
{
    struct error error;
    struct model *model;
    struct prefix_store *store;
    double computed[BENCH_ROUNDS_MAX], put_back[BENCH_ROUNDS_MAX], share[BENCH_ROUNDS_MAX];
    const struct model_options options = {.path = path, .context = context, .parallel = 2, .threads = threads};
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    const struct prefix_store_options store_options = {
        .model = model, .policy = CACHE_POLICY_VALUE, .memory_bytes = PLENTY};
    if (prefix_store_new(&store_options, &store, &error) != OK)
        die(error.message);
    const uint32_t count = tokens + SUFFIX_TOKENS, spread = model_facts(model)->vocabulary - 300;
    model_token *items = mem_must_alloc(count * sizeof(*items));
    const struct model_tokens prompt = {items, count, count};
    const struct prefix_mark mark = {tokens, PREFIX_TTL};
    const struct engine_request request = {.cache = ENGINE_CACHE_EXPLICIT, .tenant = STR("readback")};
    const struct prefix_job job = {&request, &prompt, &mark, 1};
    for (unsigned round = 0; round < times; round++) {
        for (uint32_t i = 0; i < count; i++)
            items[i] = (model_token)(256 + (i * 7919 + round) % spread);
        computed[round] = (double)store_or_restore(store, model, &job) / 1000.0;
        put_back[round] = (double)store_or_restore(store, model, &job) / 1000.0;
        share[round] = put_back[round] / computed[round];
    }
    prefix_store_free(store);
    model_free(model);
    mem_free(items);
    return (struct store_times){bench_percentile(computed, times, 0.5), bench_percentile(put_back, times, 0.5),
                                bench_percentile(share, times, 0.5)};
}
