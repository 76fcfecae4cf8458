/* support_scheduler.c - see support_scheduler.h. */
#include "support_scheduler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache/block_store.h"
#include "core/util.h"
#include "engine/sampler.h"
#include "engine/text.h"
#include "support.h"

/* --- the bed ---------------------------------------------------------------------------------------- */

static void on_event(struct bed *bed, struct event *event)
{
    struct ask *ask = event->job->owner;
    void (*hook)(struct ask *) = NULL;
    pthread_mutex_lock(&bed->mutex);
    switch (event->kind) {
    case EVENT_STARTED:
        ask->is_started = true;
        hook = ask->on_started;
        break;
    case EVENT_TEXT:
        buf_append_str(&ask->text, buf_str(&event->text));
        ask->texts++;
        hook = ask->on_text;
        break;
    case EVENT_FINISHED:
        ask->is_finished = true;
        ask->finished = event->finished;
        break;
    case EVENT_FAILED:
        ask->is_failed = true;
        ask->error = *event->error;
        break;
    case EVENT_GONE: ask->is_gone = true; break;
    }
    pthread_cond_broadcast(&bed->changed);
    pthread_mutex_unlock(&bed->mutex);
    if (hook != NULL)
        hook(ask);
    event_free(event);
}

static void post(void *ctx, struct event *events)
{
    while (events != NULL) {
        struct event *next = events->next;
        on_event(ctx, events);
        events = next;
    }
}

bool write_model(const struct random_gguf_options *options, const char *name, char path[64])
{
    struct error error;
    snprintf(path, 64, "/tmp/fulcrum-test-%s-%d.gguf", name, (int)getpid());
    if (random_gguf_write(options, path, &error) == OK)
        return true;
    fprintf(stderr, "%s\n", error.message);
    return false;
}

/* Disk thread. */
static void on_progress(void *ctx)
{
    const struct bed *bed = ctx;
    scheduler_wake(bed->scheduler);
}

struct bed *bed_new(const struct bed_options *options)
{
    struct error error;
    struct bed *bed = mem_calloc(1, sizeof(*bed));
    assert_non_null(bed);
    pthread_mutex_init(&bed->mutex, NULL);
    pthread_cond_init(&bed->changed, NULL);
    const struct model_options model = {
        .path = options->path, .context = options->context, .parallel = options->parallel,
        .threads = options->threads};
    assert_int_equal(model_load(&model, &bed->model, &error), OK);
    assert_int_equal(broker_create(&bed->broker, &error), OK);
    broker_client_init(&bed->client, &bed->broker, 0, model_facts(bed->model)->threads, options->is_serial);
    const struct prefix_store_options store = {
        .model = bed->model,
        .policy = CACHE_POLICY_VALUE,
        .memory_bytes = options->memory_bytes,
        .disk_dir = options->disk_dir,
        .disk_bytes = options->disk_bytes,
        .on_progress = on_progress,
        .ctx = bed,
        .is_serial = options->is_serial,
    };
    if (options->memory_bytes > 0)
        assert_int_equal(prefix_store_new(&store, &bed->store, &error), OK);
    struct scheduler_tiers tiers = options->tiers;
    tiers.objective = tiers.objective > 0 ? tiers.objective : 2;
    tiers.parked_bytes = tiers.parked_bytes > 0 ? tiers.parked_bytes : BED_PARKED;
    const struct scheduler_options scheduler = {
        .tiers = tiers,
        .model = bed->model,
        .broker = &bed->client,
        .prefixes = bed->store,
        .is_serial = options->is_serial,
        .row_us = options->row_us,
        .chunk_max = options->chunk_max != 0 ? options->chunk_max : 512,
        .post = post,
        .ctx = bed,
    };
    bed->scheduler = scheduler_new(&scheduler);
    assert_non_null(bed->scheduler);
    return bed;
}

static void *model_main(void *arg)
{
    scheduler_run(arg);
    return NULL;
}

void bed_run(struct bed *bed)
{
    bed->is_running = true;
    assert_int_equal(pthread_create(&bed->thread, NULL, model_main, bed->scheduler), 0);
}

struct bed *bed_open(const struct bed_options *options)
{
    struct bed *bed = bed_new(options);
    bed_run(bed);
    return bed;
}

void bed_free(struct bed *bed)
{
    if (bed->is_running) {
        scheduler_quit(bed->scheduler);
        pthread_join(bed->thread, NULL);
    }
    scheduler_free(bed->scheduler);
    prefix_store_free(bed->store);
    model_free(bed->model);
    broker_deinit(&bed->broker);
    pthread_cond_destroy(&bed->changed);
    pthread_mutex_destroy(&bed->mutex);
    mem_free(bed);
}

uint64_t bed_prefilled(const struct bed *bed)
{
    return atomic_load(&bed->client.slot->prefilled_tokens);
}

uint64_t bed_queued(const struct bed *bed)
{
    uint64_t sum = 0;
    for (uint8_t tier = 0; tier < TIERS; tier++)
        sum += scheduler_queued_tokens(bed->scheduler, tier);
    return sum;
}

/* --- asks ------------------------------------------------------------------------------------------- */

void fill_tokens(model_token *tokens, uint32_t count, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < count; i++)
        tokens[i] = (model_token)rng_below(&rng, 500);
}

void ask_init(struct ask *ask, const model_token *tokens, uint32_t count, enum engine_cache cache,
              uint32_t max_tokens)
{
    *ask = (struct ask){0};
    struct job *job = &ask->job;
    buf_init(&ask->text, 1u << 20);
    arena_init(&job->arena, 1u << 20);
    job->request = (struct engine_request){
        .max_tokens = max_tokens, .top_p = 1.0f, .cache = cache, .tenant = STR("tenant"), .tier = TIER_DEFAULT};
    job->tokens.items = mem_alloc(count * sizeof(*tokens));
    assert_non_null(job->tokens.items);
    memcpy(job->tokens.items, tokens, count * sizeof(*tokens));
    job->tokens.count = job->tokens.cap = count;
    job->owner = ask;
}

void ask_mark(struct ask *ask, uint32_t position, uint32_t ttl_seconds)
{
    assert_true(ask->job.prefix.mark_count < ASK_MARKS_MAX);
    ask->marks[ask->job.prefix.mark_count++] = (struct prefix_mark){position, ttl_seconds};
}

void ask_submit(struct bed *bed, struct ask *ask)
{
    struct job *job = &ask->job;
    ask->bed = bed;
    job->prefix = (struct prefix_job){.request = &job->request,
                                      .tokens = &job->tokens,
                                      .marks = ask->marks,
                                      .mark_count = job->prefix.mark_count};
    job->queued_us = clock_now_us();
    scheduler_submit(bed->scheduler, job);
}

void ask_wait(struct ask *ask)
{
    struct bed *bed = ask->bed;
    pthread_mutex_lock(&bed->mutex);
    while (!ask->is_finished && !ask->is_failed && !ask->is_gone)
        pthread_cond_wait(&bed->changed, &bed->mutex);
    pthread_mutex_unlock(&bed->mutex);
}

void ask_run(struct bed *bed, struct ask *ask)
{
    const uint64_t before = bed_prefilled(bed);
    ask_submit(bed, ask);
    ask_wait(ask);
    assert_true(ask->is_finished);
    const struct engine_finished *done = &ask->finished;
    assert_int_equal(bed_prefilled(bed) - before, done->prompt_tokens - done->cache.read_tokens);
    assert_int_equal(done->prefilled_tokens, done->prompt_tokens - done->cache.read_tokens);
    assert_true(done->cache.read_tokens + done->cache.write_tokens <= done->prompt_tokens);
    assert_true(done->cache.write_1h_tokens <= done->cache.write_tokens);
}

void ask_deinit(struct ask *ask)
{
    buf_deinit(&ask->text);
    model_tokens_deinit(&ask->job.tokens);
    arena_deinit(&ask->job.arena);
}

uint32_t damage_blocks(struct ask *ask)
{
    return damage_blocks_from(ask, 0);
}

uint32_t damage_blocks_from(struct ask *ask, uint32_t first)
{
    struct prefix_use use;
    struct prefix_waiter waiter = {0};
    bool is_pending;
    prefix_store_open(ask->bed->store, &ask->job.prefix, &waiter, &use, &is_pending);
    assert_false(is_pending);
    assert_non_null(use.path);
    const uint32_t count = prefix_path_count(use.path);
    for (uint32_t i = first; i < count; i++) {
        const struct prefix_block block = prefix_path_block(use.path, i);
        struct str payload;
        assert_true(block_payload((const struct block *)(uintptr_t)block.payload, &payload));
        ((uint8_t *)(uintptr_t)payload.data)[0] ^= 1;
    }
    prefix_store_close(ask->bed->store, &use);
    return count;
}

/* --- replies ---------------------------------------------------------------------------------------- */

void decode_tokens(struct model *model, uint32_t sequence, const model_token *tokens, uint32_t begin,
                   uint32_t end)
{
    model_batch_clear(model);
    for (uint32_t i = begin; i < end; i++)
        model_batch_add(model, tokens[i], i, sequence, i + 1 == end);
    assert_int_equal(model_decode(model), MODEL_OK);
}

size_t assert_reply_alone(struct bed *cold, const struct ask *ask)
{
    const struct model_tokens *tokens = &ask->job.tokens;
    const uint32_t count = (uint32_t)tokens->count, vocabulary = model_facts(cold->model)->vocabulary;
    char piece[MODEL_PIECE_MAX];
    struct text_filter filter;
    struct buf text;
    buf_init(&text, 1u << 20);
    text_filter_init(&filter, NULL, 0);
    for (uint32_t at = 0; at < count; at += 500)
        decode_tokens(cold->model, 0, tokens->items, at, at + 500 < count ? at + 500 : count);
    for (uint32_t at = count; at < count + ask->job.request.max_tokens; at++) {
        float *logits = model_logits(cold->model, model_batch_count(cold->model) - 1);
        const model_token token = sampler_greedy(logits, vocabulary);
        const float best = logits[token];
        logits[token] = -INFINITY;
        if (best - logits[sampler_greedy(logits, vocabulary)] < 0.1f)
            break;
        assert_true(text_filter_push(&filter, (struct str){piece, model_piece(cold->model, token, piece)}));
        assert_true(text_filter_take(&filter, false, &text)); /* as often as the scheduler does */
        model_batch_clear(cold->model);
        model_batch_add(cold->model, token, at, 0, true);
        assert_int_equal(model_decode(cold->model), MODEL_OK);
    }
    assert_true(str_starts(buf_str(&ask->text), buf_str(&text)));
    const size_t compared = text.len;
    text_filter_deinit(&filter);
    buf_deinit(&text);
    model_clear(cold->model);
    return compared;
}
