/* warmth.c - `make bench B=warmth`: how long a question for a prompt's warmth takes, over a port of the engine, while a
 * model of 110 million random parameters decodes.
 *
 * Four replies run all the time. One client asks again a millisecond after it was answered, so that questions meet
 * every moment of a step; sixteen ask again at once, and wait for one another: one thread answers. What they ask about
 * was read by a request before, so it is warm.
 *
 *   again      the same prompt: its tokens are where the first question left them
 *   grown      a last segment of 32 tokens that nobody asked about before, as in a conversation that goes on
 *   new        one segment that nobody asked about before: it is tokenised whole
 *   idle       again, without the replies: the bare round trip and the walk
 *
 *   p99_us     99th percentile of `again` at one client, a prompt of 1,000 tokens; the median of the rounds
 *   p99_16_us  the same at 16 clients
 *
 * steps says how many the model made during a round of questions. BENCH_ROUNDS changes the number of rounds (9),
 * BENCH_THREADS the model's threads. On a machine that is busy with other things the percentiles show those things:
 * `chrt -f 10` in front keeps the others out; then with BENCH_THREADS one less than there are cores, for threads of
 * that class, the model's too, give way to nobody. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "cache/config.h"
#include "cmd/cmd.h"
#include "core/util.h"
#include "engine/engine.h"

#define MODEL_PATH "build/bench/random-110m.gguf"
#define CONTEXT 8192u
#define REPLIES 4
#define REPLY_TOKENS 1500u
#define ASKERS_MAX 16
#define QUESTIONS 500u /* of a round */
#define TEXT_MAX 8192u
#define LAST_TOKENS 32u /* of the last segment: less than a block, so all before it is warm whatever it says */
#define ROUND_MAX_US 8000000u /* a disturbed machine must not take hours */

struct reply {
    struct bed *bed;
    struct engine_call *call;
};

struct asker {
    struct bed *bed;
    char text[TEXT_MAX];
    uint32_t len;
    uv_timer_t pause;
    uint64_t begun_us;
};

enum question { QUESTION_AGAIN, QUESTION_GROWN, QUESTION_NEW };

struct bed {
    uv_loop_t loop;
    struct config config;
    struct config_model model;
    struct cache_config cache;
    struct engine *engine;
    struct engine_port *port;
    enum question question;
    bool pauses, is_read;
    struct reply replies[REPLIES];
    struct asker askers[ASKERS_MAX];
    uint32_t asked, answered, warm_tokens;
    uint64_t words;
    uint64_t until_us;
    double latencies[QUESTIONS];
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "bench warmth: %s\n", what);
    exit(1);
}

/* --- replies, all the time --------------------------------------------------------------------------- */

static void begin_reply(struct reply *reply);

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    (void)ctx;
    (void)text;
    (void)tokens;
}

static void on_reply(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    begin_reply(ctx);
}

static void on_failed(void *ctx, const struct error *error)
{
    (void)ctx;
    die(error->message);
}

static void begin_reply(struct reply *reply)
{
    static const struct engine_handlers handlers = {NULL, on_text, on_reply, on_failed, NULL, NULL};
    const struct engine_segment segment = {.text = STR("a story of a thousand words")};
    const struct engine_request request = {.segments = &segment, .segment_count = 1, .max_tokens = REPLY_TOKENS,
                                           .top_p = 1.0f, .tenant = STR("bench"), .tier = TIER_DEFAULT};
    struct error error;
    reply->call = engine_generate(reply->bed->port, 0, &request, &handlers, reply, &error);
    if (reply->call == NULL)
        die(error.message);
}

static uint64_t steps_of(const struct bed *bed)
{
    struct engine_counters counters;
    engine_counters(bed->engine, 0, &counters);
    return counters.steps;
}

static void begin_replies(struct bed *bed)
{
    const uint64_t steps = steps_of(bed);
    for (size_t i = 0; i < REPLIES; i++) {
        bed->replies[i].bed = bed;
        begin_reply(&bed->replies[i]);
    }
    while (steps_of(bed) < steps + 2)
        uv_run(&bed->loop, UV_RUN_ONCE);
}

static void end_replies(struct bed *bed)
{
    for (size_t i = 0; i < REPLIES; i++)
        engine_cancel(bed->replies[i].call);
}

/* --- questions --------------------------------------------------------------------------------------- */

/* In two segments, or in one. */
static struct engine_request prompt_of(const struct asker *asker, bool is_whole, struct engine_segment segments[2])
{
    const struct str text = {asker->text, asker->len};
    const size_t cut = is_whole ? text.len : text.len - LAST_TOKENS;
    segments[0] = (struct engine_segment){.text = str_slice(text, 0, cut)};
    segments[1] = (struct engine_segment){.text = str_slice(text, cut, text.len)};
    return (struct engine_request){.segments = segments, .segment_count = is_whole ? 1 : 2, .max_tokens = 1,
                                   .top_p = 1.0f, .tenant = STR("bench"), .cache = ENGINE_CACHE_IMPLICIT,
                                   .tier = TIER_DEFAULT};
}

static void ask(struct asker *asker);

static void on_pause(uv_timer_t *pause)
{
    ask(pause->data);
}

static void on_warmth(void *ctx, const struct engine_warmth *warmth, const struct error *error)
{
    struct asker *asker = ctx;
    struct bed *bed = asker->bed;
    const uint64_t now_us = clock_now_us();
    if (error != NULL)
        die(error->message);
    bed->warm_tokens = warmth->warm_tokens;
    bed->latencies[bed->answered++] = (double)(now_us - asker->begun_us);
    if (bed->asked >= QUESTIONS || now_us >= bed->until_us)
        return;
    if (!bed->pauses) {
        ask(asker);
        return;
    }
    bed->asked++;
    uv_timer_start(&asker->pause, on_pause, 1, 0);
}

static void ask(struct asker *asker)
{
    struct bed *bed = asker->bed;
    struct engine_segment segments[2];
    struct error error;
    if (bed->question != QUESTION_AGAIN) /* the same blocks, another last word */
        snprintf(asker->text + asker->len - 12, 13, " %011llu", (unsigned long long)++bed->words);
    const struct engine_request request = prompt_of(asker, bed->question == QUESTION_NEW, segments);
    if (!bed->pauses)
        bed->asked++;
    asker->begun_us = clock_now_us();
    if (engine_warmth(bed->port, 0, &request, on_warmth, asker, &error) == NULL)
        die(error.message);
}

static void on_read(void *ctx, const struct engine_finished *finished)
{
    (void)finished;
    ((struct bed *)ctx)->is_read = true;
}

/* Each asker has a prompt of its own, which a request reads once. */
static void make_warm(struct bed *bed, uint32_t tokens, uint32_t clients)
{
    static const struct engine_handlers handlers = {NULL, on_text, on_read, on_failed, NULL, NULL};
    for (uint32_t i = 0; i < clients; i++) {
        struct asker *asker = &bed->askers[i];
        struct engine_segment segments[2];
        struct error error;
        struct rng rng;
        rng_seed(&rng, tokens * 100 + i);
        asker->bed = bed;
        asker->pause.data = asker;
        asker->len = tokens; /* a space and a digit are a token each */
        for (uint32_t at = 0; at < asker->len; at++)
            asker->text[at] = at % 2 == 0 ? ' ' : (char)('0' + rng_below(&rng, 10));
        const struct engine_request request = prompt_of(asker, false, segments);
        bed->is_read = false;
        if (engine_generate(bed->port, 0, &request, &handlers, bed, &error) == NULL)
            die(error.message);
        while (!bed->is_read)
            uv_run(&bed->loop, UV_RUN_ONCE);
    }
}

struct figures {
    double p50_us, p99_us, steps, per_s;
};

static struct figures run_round(struct bed *bed, uint32_t clients)
{
    const uint64_t begun_us = clock_now_us(), steps = steps_of(bed);
    bed->pauses = clients == 1;
    bed->asked = bed->pauses ? 1 : 0;
    bed->answered = 0;
    bed->until_us = begun_us + ROUND_MAX_US;
    for (uint32_t i = 0; i < clients; i++)
        ask(&bed->askers[i]);
    while (bed->answered < bed->asked)
        uv_run(&bed->loop, UV_RUN_ONCE);
    return (struct figures){
        .per_s = bed->answered * 1e6 / (double)(clock_now_us() - begun_us),
        .steps = (double)(steps_of(bed) - steps),
        .p50_us = bench_percentile(bed->latencies, bed->answered, 0.5),
        .p99_us = bench_percentile(bed->latencies, bed->answered, 0.99),
    };
}

static double bench_questions(struct bed *bed, struct bench *report, const char *what, uint32_t tokens,
                              uint32_t clients)
{
    const unsigned rounds = bench_rounds(9);
    double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], steps[BENCH_ROUNDS_MAX], per_s[BENCH_ROUNDS_MAX];
    for (unsigned i = 0; i < rounds; i++) {
        const struct figures figures = run_round(bed, clients);
        p50[i] = figures.p50_us;
        p99[i] = figures.p99_us;
        steps[i] = figures.steps;
        per_s[i] = figures.per_s;
    }
    const double result = bench_percentile(p99, rounds, 0.5);
    const struct bench_cell cells[] = {BENCH_TEXT("question", what),
                                       BENCH_NUMBER("tokens", tokens),
                                       BENCH_NUMBER("warm", bed->warm_tokens),
                                       BENCH_NUMBER("clients", clients),
                                       BENCH_NUMBER("p50_us", bench_percentile(p50, rounds, 0.5)),
                                       BENCH_NUMBER("p99_us", result),
                                       BENCH_NUMBER("per_s", bench_percentile(per_s, rounds, 0.5)),
                                       BENCH_NUMBER("steps", bench_percentile(steps, rounds, 0.5))};
    bench_row(report, cells, 8);
    return result;
}

/* --- main ------------------------------------------------------------------------------------------- */

static void open_bed(struct bed *bed)
{
    struct error error;
    const struct random_gguf_options shape = RANDOM_GGUF_110M;
    bench_model(&shape, MODEL_PATH);
    bed->model = (struct config_model){.name = "random", .path = MODEL_PATH, .context = CONTEXT, .parallel = 8,
                                       .threads = (uint32_t)bench_setting("BENCH_THREADS", 0)};
    bed->config.models = &bed->model;
    bed->config.model_count = 1;
    bed->config.log_level = LOG_WARN;
    bed->cache = (struct cache_config){.memory_bytes = (uint64_t)4 << 30};
    bed->config.parts[0] = (struct config_part){&cache_section, &bed->cache};
    uv_loop_init(&bed->loop);
    if (engine_new(&bed->config, &bed->loop, 1, &bed->engine, &error) != OK || engine_wait(bed->engine, &error) != OK)
        die(error.message);
    bed->port = engine_port_new(bed->engine, 0, &bed->loop, &error);
    if (bed->port == NULL)
        die(error.message);
    for (size_t i = 0; i < ASKERS_MAX; i++)
        uv_timer_init(&bed->loop, &bed->askers[i].pause);
}

static void close_bed(struct bed *bed)
{
    for (size_t i = 0; i < ASKERS_MAX; i++)
        uv_close((uv_handle_t *)&bed->askers[i].pause, NULL);
    engine_port_close(bed->port);
    engine_stop(bed->engine);
    while (uv_run(&bed->loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    engine_free(bed->engine);
    uv_loop_close(&bed->loop);
}

/* Prompts of so many tokens, asked about by so many clients at most. */
static void bench_length(struct bed *bed, struct bench *report, uint32_t tokens, uint32_t clients)
{
    make_warm(bed, tokens, clients);
    bed->question = QUESTION_AGAIN;
    (void)bench_questions(bed, report, "idle", tokens, 1);
    begin_replies(bed);
    const double one = bench_questions(bed, report, "again", tokens, 1);
    if (clients > 1) {
        const double many = bench_questions(bed, report, "again", tokens, clients);
        bench_limit(report, "p99_us", one, BENCH_AT_MOST, 200);
        bench_limit(report, "p99_16_us", many, BENCH_AT_MOST, 500);
    }
    bed->question = QUESTION_GROWN;
    (void)bench_questions(bed, report, "grown", tokens, 1);
    bed->question = QUESTION_NEW;
    (void)bench_questions(bed, report, "new", tokens, 1);
    end_replies(bed);
}

int main(int argc, char **argv)
{
    static struct bed bed;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    open_bed(&bed);
    struct bench *report = bench_new("warmth");
    bench_length(&bed, report, 1000, ASKERS_MAX);
    bench_length(&bed, report, 4000, 1);
    close_bed(&bed);
    return bench_finish(report);
}
