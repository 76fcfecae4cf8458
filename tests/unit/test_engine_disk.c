/* test_engine_disk.c - the scheduler with blocks on disk: the same replies cold,
 * from memory, from disk, in the next process and beside damaged files. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"
#include "engine/random_gguf.h"
#include "engine/scheduler.h"
#include "support.h"

#define PROMPT 300u
#define CHECKPOINT 280u
#define PROMPTS 6u
#define REPLY 12u

static char model_path[64];
static struct model *model;

/* --- a model thread, and jobs for it ------------------------------------------------------------------------ */

struct rig {
    struct broker broker;
    struct broker_client client;
    struct prefix_store *store;
    struct scheduler *scheduler;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

struct ask {
    struct job job;
    struct prefix_mark mark;
    struct buf text;
    struct engine_finished finished;
    bool is_done, is_gone;
};

static void post(void *ctx, struct event *events)
{
    struct rig *rig = ctx;
    pthread_mutex_lock(&rig->mutex);
    for (struct event *event = events, *next; event != NULL; event = next) {
        struct ask *ask = event->job->owner;
        next = event->next;
        if (event->kind == EVENT_TEXT)
            buf_append_str(&ask->text, buf_str(&event->text));
        if (event->kind == EVENT_FINISHED)
            ask->finished = event->finished;
        ask->is_gone = ask->is_gone || event->kind == EVENT_GONE;
        ask->is_done = event->kind >= EVENT_FINISHED;
        event_free(event);
    }
    pthread_cond_signal(&rig->wake);
    pthread_mutex_unlock(&rig->mutex);
}

static void on_progress(void *ctx)
{
    const struct rig *rig = ctx;
    scheduler_wake(rig->scheduler);
}

static void *model_main(void *arg)
{
    struct rig *rig = arg;
    scheduler_run(rig->scheduler);
    return NULL;
}

static struct rig *rig_open(uint64_t memory_bytes, uint64_t disk_bytes, bool is_deterministic)
{
    struct error error;
    struct rig *rig = mem_calloc(1, sizeof(*rig));
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_cond_init(&rig->wake, NULL);
    assert_int_equal(broker_create(&rig->broker, &error), OK);
    broker_client_init(&rig->client, &rig->broker, 0, 1, is_deterministic);
    model_clear(model);
    const struct prefix_store_options store = {
        .model = model,
        .policy = CACHE_POLICY_LRU,
        .memory_bytes = memory_bytes,
        .disk_dir = test_root,
        .disk_bytes = disk_bytes,
        .on_progress = on_progress,
        .ctx = rig,
        .is_serial = is_deterministic,
    };
    assert_int_equal(prefix_store_new(&store, &rig->store, &error), OK);
    const struct scheduler_options scheduler = {
        .model = model,
        .broker = &rig->client,
        .prefixes = rig->store,
        .is_serial = is_deterministic,
        .chunk_max = 128,
        .post = post,
        .ctx = rig,
    };
    rig->scheduler = scheduler_new(&scheduler);
    assert_non_null(rig->scheduler);
    assert_int_equal(pthread_create(&rig->thread, NULL, model_main, rig), 0);
    return rig;
}

static struct prefix_stats rig_close(struct rig *rig)
{
    struct prefix_stats stats;
    scheduler_quit(rig->scheduler);
    pthread_join(rig->thread, NULL);
    prefix_store_stats(rig->store, &stats);
    scheduler_free(rig->scheduler);
    prefix_store_free(rig->store);
    broker_deinit(&rig->broker);
    mem_free(rig);
    return stats;
}

static void submit(struct rig *rig, struct ask *ask, uint64_t prompt, uint32_t max_tokens, enum engine_cache cache)
{
    struct rng rng;
    *ask = (struct ask){.mark = {.position = CHECKPOINT, .ttl_seconds = 300}};
    buf_init(&ask->text, 1u << 16);
    struct job *job = &ask->job;
    job->owner = ask;
    job->tokens = (struct model_tokens){
        .items = mem_calloc(PROMPT, sizeof(model_token)), .count = PROMPT, .cap = PROMPT};
    rng_seed(&rng, prompt);
    for (uint32_t i = 0; i < PROMPT; i++)
        job->tokens.items[i] = (model_token)(10 + rng_below(&rng, 400));
    job->request = (struct engine_request){.max_tokens = max_tokens, .top_p = 1.0f, .tier = TIER_DEFAULT,
                                             .tenant = STR("shop"),
                                           .cache = cache, .cache_min_tokens = 64};
    job->prefix = (struct prefix_job){.request = &job->request, .tokens = &job->tokens, .marks = &ask->mark,
                                      .mark_count = cache == ENGINE_CACHE_EXPLICIT};
    job->queued_us = clock_now_us();
    scheduler_submit(rig->scheduler, job);
}

/* Frees what the job holds, but for the text. */
static void wait_for(struct rig *rig, struct ask *ask)
{
    pthread_mutex_lock(&rig->mutex);
    while (!ask->is_done)
        pthread_cond_wait(&rig->wake, &rig->mutex);
    pthread_mutex_unlock(&rig->mutex);
    model_tokens_deinit(&ask->job.tokens);
}

/* The text is the caller's to free; tokens read. */
static uint32_t ask_for(struct rig *rig, uint64_t prompt, enum engine_cache cache, struct buf *text)
{
    struct ask ask;
    submit(rig, &ask, prompt, REPLY, cache);
    wait_for(rig, &ask);
    assert_false(ask.is_gone);
    assert_true(ask.finished.output_tokens > 0);
    *text = ask.text;
    return ask.finished.cache.read_tokens;
}

static uint32_t ask_same(struct rig *rig, uint64_t prompt, enum engine_cache cache, const struct buf *expected)
{
    struct buf text;
    const uint32_t read = ask_for(rig, prompt, cache, &text);
    assert_true(str_eq(buf_str(&text), buf_str(expected)));
    buf_deinit(&text);
    return read;
}

/* --- files ---------------------------------------------------------------------------------------------------- */

static void each_file(void (*visit)(const char *path))
{
    char dir_path[160], path[512];
    snprintf(dir_path, sizeof(dir_path), "%s/%s", test_root, model_facts(model)->fingerprint);
    DIR *dir = opendir(dir_path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!block_name_is(entry->d_name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir_path, entry->d_name);
        visit(path);
    }
    closedir(dir);
}

static void spoil(const char *path)
{
    uint8_t byte;
    const int fd = open(path, O_RDWR);
    const off_t at = lseek(fd, 0, SEEK_END) - 1000;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* Of the files, the one whose block begins at `spoiled_begin`. */
static uint32_t spoiled_begin;

static void spoil_one(const char *path)
{
    static uint8_t image[1u << 18];
    struct block_facts facts;
    const int fd = open(path, O_RDONLY);
    const ssize_t len = read(fd, image, sizeof(image));
    close(fd);
    assert_true(len > 0 && (size_t)len < sizeof(image));
    assert_true(block_head_read(image, (size_t)len, (uint64_t)len, &facts));
    if (facts.begin == spoiled_begin)
        spoil(path);
}

static void delete(const char *path)
{
    unlink(path);
}

/* --- tests ---------------------------------------------------------------------------------------------------- */

/* Memory for two of the six prompts. */
#define LITTLE_MEMORY (12u * 17000u)
#define DISK (64u << 20)

static void test_the_same_replies_from_everywhere(void **state)
{
    (void)state;
    struct buf cold[PROMPTS];
    struct rig *rig = rig_open(LITTLE_MEMORY, DISK, true);
    for (uint32_t i = 0; i < PROMPTS; i++)
        assert_int_equal(ask_for(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]), 0);
    assert_int_equal(ask_same(rig, PROMPTS - 1, ENGINE_CACHE_EXPLICIT, &cold[PROMPTS - 1]), CHECKPOINT); /* memory */
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < PROMPTS; i++)
            assert_int_equal(ask_same(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]), CHECKPOINT);
    struct prefix_stats stats = rig_close(rig);
    assert_true(stats.promoted >= 2 * (PROMPTS - 2) * 5 && stats.demoted > 0);
    rig = rig_open(LITTLE_MEMORY, DISK, true); /* the next process */
    for (uint32_t i = 0; i < PROMPTS; i++)
        assert_int_equal(ask_same(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]), CHECKPOINT);
    rig_close(rig);
    each_file(spoil);
    rig = rig_open(LITTLE_MEMORY, DISK, true);
    for (uint32_t i = 0; i < PROMPTS; i++)
        assert_int_equal(ask_same(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]), 0);
    for (uint32_t i = 0; i < PROMPTS; i++)
        assert_int_equal(ask_same(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]), CHECKPOINT); /* stored again */
    each_file(delete); /* under a running process */
    for (uint32_t i = 0; i < PROMPTS; i++)
        assert_true(ask_same(rig, i, ENGINE_CACHE_EXPLICIT, &cold[i]) <= CHECKPOINT);
    rig_close(rig);
    for (uint32_t i = 0; i < PROMPTS; i++)
        buf_deinit(&cold[i]);
}

/* A damaged block anywhere: the rest begins where a cold prompt is cut, if the answer has to be the cold one. */
static void test_what_is_left_of_a_damaged_prefix(void **state)
{
    (void)state;
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        for (spoiled_begin = 0; spoiled_begin < CHECKPOINT; spoiled_begin += PREFIX_STORE_BLOCK) {
            const uint64_t prompt = 100 + spoiled_begin;
            struct buf cold;
            struct rig *rig = rig_open(1u << 20, DISK, deterministic);
            assert_int_equal(ask_for(rig, prompt, ENGINE_CACHE_EXPLICIT, &cold), 0);
            rig_close(rig);
            each_file(spoil_one);
            rig = rig_open(1u << 20, DISK, deterministic);
            const uint32_t wanted = deterministic ? spoiled_begin - spoiled_begin % PREFIX_STORE_PIECE : spoiled_begin;
            assert_int_equal(ask_same(rig, prompt, ENGINE_CACHE_EXPLICIT, &cold), wanted);
            assert_int_equal(ask_same(rig, prompt, ENGINE_CACHE_EXPLICIT, &cold), CHECKPOINT);
            rig_close(rig);
            each_file(delete);
            buf_deinit(&cold);
        }
    }
}

static void test_used_again_survives_undeclared(void **state)
{
    (void)state;
    struct buf cold[2];
    struct rig *rig = rig_open(1u << 20, DISK, false);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(ask_for(rig, 20 + i, ENGINE_CACHE_IMPLICIT, &cold[i]), 0);
    assert_int_equal(ask_same(rig, 20, ENGINE_CACHE_IMPLICIT, &cold[0]), 256);
    rig_close(rig);
    rig = rig_open(1u << 20, DISK, false);
    struct buf text;
    assert_int_equal(ask_for(rig, 20, ENGINE_CACHE_IMPLICIT, &text), 256);
    buf_deinit(&text);
    assert_int_equal(ask_for(rig, 21, ENGINE_CACHE_IMPLICIT, &text), 0); /* was in memory alone */
    buf_deinit(&text);
    rig_close(rig);
    buf_deinit(&cold[0]);
    buf_deinit(&cold[1]);
}

/* Jobs that wait for the disk, beside running replies, some cancelled. Memory
 * holds what runs at once, about half of what is asked for. */
static void test_beside_running_replies(void **state)
{
    (void)state;
    struct rig *rig = rig_open(34u * 17000u, DISK, false);
    struct ask replies[2], asks[4];
    struct buf text;
    uint32_t hits = 0, finished = 0;
    for (uint32_t i = 0; i < 2 * PROMPTS; i++) {
        (void)ask_for(rig, 40 + i, ENGINE_CACHE_EXPLICIT, &text);
        buf_deinit(&text);
    }
    for (uint32_t i = 0; i < 2; i++)
        submit(rig, &replies[i], 60 + i, 200, ENGINE_CACHE_EXPLICIT);
    for (uint32_t round = 0; round < 12; round++) {
        for (uint32_t i = 0; i < 4; i++)
            submit(rig, &asks[i], 40 + (4 * round + i) % (2 * PROMPTS), 4, ENGINE_CACHE_EXPLICIT);
        if (round % 3 == 0)
            scheduler_cancel(rig->scheduler, &asks[1].job);
        for (uint32_t i = 0; i < 4; i++) {
            wait_for(rig, &asks[i]);
            finished += !asks[i].is_gone;
            hits += !asks[i].is_gone && asks[i].finished.cache.read_tokens == CHECKPOINT;
            buf_deinit(&asks[i].text);
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        wait_for(rig, &replies[i]);
        assert_int_equal(replies[i].finished.output_tokens, 200);
        buf_deinit(&replies[i].text);
    }
    const struct prefix_stats stats = rig_close(rig);
    assert_true(stats.promoted > 0);
    assert_int_equal(hits, finished);
    assert_true(finished >= 44);
}

static void test_a_directory_that_is_none(void **state)
{
    (void)state;
    struct buf cold;
    char whole[64];
    memcpy(whole, test_root, sizeof(whole));
    snprintf(test_root, sizeof(test_root), "/dev/null/kv");
    struct rig *rig = rig_open(1u << 20, DISK, true);
    assert_int_equal(ask_for(rig, 1, ENGINE_CACHE_EXPLICIT, &cold), 0);
    assert_int_equal(ask_same(rig, 1, ENGINE_CACHE_EXPLICIT, &cold), CHECKPOINT);
    rig_close(rig);
    memcpy(test_root, whole, sizeof(whole));
    buf_deinit(&cold);
}

int main(void)
{
    struct error error;
    const struct random_gguf_options gguf = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    snprintf(model_path, sizeof(model_path), "/tmp/fulcrum-test-%d.gguf", (int)getpid());
    const struct model_options options = {.path = model_path, .context = 512, .parallel = 8};
    if (random_gguf_write(&gguf, model_path, &error) != OK || model_load(&options, &model, &error) != OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, test_root_make, test_root_remove)
    const struct CMUnitTest tests[] = {
        ON_DISK(test_the_same_replies_from_everywhere),
        ON_DISK(test_what_is_left_of_a_damaged_prefix),
        ON_DISK(test_used_again_survives_undeclared),
        ON_DISK(test_beside_running_replies),
        ON_DISK(test_a_directory_that_is_none),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    model_free(model);
    unlink(model_path);
    return failed;
}
