/* tiers_documents.c - `make bench B=tiers`: a batch of questions on shared documents, with the cache and without. */
#include "tiers_bed.h"

#include "core/util.h"

#define DOCUMENT_TOKENS 2000
#define DOCUMENTS 3
#define QUESTIONS 20
#define QUESTION_TOKENS 24
#define ANSWER_TOKENS 8
#define UNCACHED_RECORDS 10

struct records {
    uint32_t done;
};

static void on_answered(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct records *)ctx)->done++;
}

static void on_lost(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

/* Records per second of a batch, in the order of its documents. */
static double records_rate(struct bed *bed, uint32_t count, enum engine_cache cache)
{
    static char texts[DOCUMENTS][DOCUMENT_TOKENS], question[QUESTION_TOKENS];
    static const struct engine_handlers handlers = {.on_finished = on_answered, .on_failed = on_lost};
    struct records records = {0};
    struct error error;
    uv_timer_t timer;
    uv_timer_init(&bed->loop, &timer);
    for (size_t i = 0; i < DOCUMENTS; i++)
        write_prompt(texts[i], DOCUMENT_TOKENS);
    const uint64_t began_us = clock_now_us();
    for (uint32_t i = 0; i < count; i++) {
        write_prompt(question, QUESTION_TOKENS);
        const struct engine_segment segments[] = {
            {.text = {texts[i / QUESTIONS], DOCUMENT_TOKENS}, .ends_checkpoint = true, .ttl_seconds = 300},
            {.text = {question, QUESTION_TOKENS}},
        };
        const struct engine_request request = {.segments = segments, .segment_count = 2, .max_tokens = ANSWER_TOKENS,
                                               .top_p = 1.0f, .tenant = STR("bench"), .tier = TIER_BATCH,
                                               .cache = cache, .cache_min_tokens = 1024};
        if (engine_generate(bed->strict.port, 0, &request, &handlers, &records, &error) == NULL)
            die(error.message);
    }
    while (records.done < count)
        wait_until(bed, &timer, clock_now_us() + 20000);
    const double seconds = (double)(clock_now_us() - began_us) / 1e6;
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&bed->loop, UV_RUN_NOWAIT);
    return count / seconds;
}

double run_documents(struct bed *bed, struct bench *report)
{
    const double cached = records_rate(bed, DOCUMENTS * QUESTIONS, ENGINE_CACHE_EXPLICIT);
    const double cold = records_rate(bed, UNCACHED_RECORDS, ENGINE_CACHE_OFF);
    const struct bench_cell cells[] = {
        BENCH_NUMBER("document_tokens", DOCUMENT_TOKENS),
        BENCH_NUMBER("questions_each", QUESTIONS),
        BENCH_NUMBER("records_per_second", cached),
        BENCH_NUMBER("without_cache", cold),
    };
    bench_row(report, cells, 4);
    return cached / cold;
}
