/* tiers_bed.c - see tiers_bed.h. */
#include "tiers_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/util.h"

#define MODEL_PATH "build/bench/random-110m.gguf"
#define SMALL_PATH "build/bench/random-5m.gguf"
#define CONTEXT 2560
#define DRAIN_MAX_US 20000000u

struct client {
    struct bed *bed;
    struct engine_call *call;
    enum kind kind;
    size_t arrival;
    uint64_t begun_us;
    uint32_t prompt;
    bool is_counted;
    struct client *previous, *following;
};

_Noreturn void die(const char *what)
{
    fprintf(stderr, "bench tiers: %s\n", what);
    exit(1);
}

/* --- samples ---------------------------------------------------------------------------------------- */

static void add_sample(struct samples *samples, size_t request, double value)
{
    if (samples->count < SAMPLES_MAX)
        samples->items[samples->count++] = (struct sample){request, value};
}

static int compare(const void *a, const void *b)
{
    const struct sample *left = a, *right = b;
    if (left->request != right->request)
        return left->request < right->request ? -1 : 1;
    return left->value < right->value ? -1 : left->value > right->value;
}

double percentile(struct samples *samples, double share)
{
    static double medians[SAMPLES_MAX];
    size_t count = 0;
    qsort(samples->items, samples->count, sizeof(samples->items[0]), compare);
    for (size_t begin = 0, end; begin < samples->count; begin = end) {
        for (end = begin; end < samples->count && samples->items[end].request == samples->items[begin].request;)
            end++;
        medians[count++] = samples->items[begin + (end - begin) / 2].value;
    }
    return bench_percentile(medians, count, share);
}

/* --- requests --------------------------------------------------------------------------------------- */

static void forget(struct client *client)
{
    struct bed *bed = client->bed;
    if (client->previous != NULL)
        client->previous->following = client->following;
    else
        bed->clients = client->following;
    if (client->following != NULL)
        client->following->previous = client->previous;
    bed->running[client->kind]--;
    mem_free(client);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    struct client *client = ctx;
    struct tally *tally = client->bed->phase->tallies[client->kind];
    (void)started;
    if (client->is_counted)
        add_sample(&tally->ttft_ms, client->arrival, (double)(clock_now_us() - client->begun_us) / 1000);
    if (client->bed->is_measured)
        tally->prompt_tokens += client->prompt;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct client *client = ctx;
    (void)text;
    if (client->bed->is_measured)
        client->bed->phase->tallies[client->kind]->output_tokens += tokens;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct client *client = ctx;
    struct bed *bed = client->bed;
    const enum kind kind = client->kind;
    if (client->is_counted && finished->output_tokens > 1)
        add_sample(&bed->phase->tallies[kind]->tpot_ms, client->arrival,
                   (double)finished->decode_us / 1000 / (finished->output_tokens - 1));
    forget(client);
    if (bed->running[kind] >= bed->phase->clients[kind])
        return;
    const struct arrival *next = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
    if (kind == KIND_BATCH)
        ask(bed, kind, BATCH_PROMPT, BATCH_REPLY);
    else
        ask(bed, kind, next->prompt, next->reply);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct client *client = ctx;
    if (error->code != ERROR_THROTTLED)
        die(error->message);
    client->bed->phase->tallies[client->kind]->refused++;
    forget(client);
}

void write_prompt(char *text, uint32_t tokens)
{
    for (uint32_t i = 0; i < tokens; i++)
        text[i] = i % 2 == 0 ? ' ' : (char)('0' + rand() % 10);
}

static struct client *new_client(struct bed *bed, enum kind kind, uint32_t prompt)
{
    struct client *client = mem_must_calloc(1, sizeof(*client));
    *client = (struct client){.bed = bed, .kind = kind, .arrival = bed->next[kind],
                              .begun_us = clock_now_us(), .prompt = prompt,
                              .is_counted = bed->is_measured, .following = bed->clients};
    if (bed->clients != NULL)
        bed->clients->previous = client;
    bed->clients = client;
    bed->running[kind]++;
    return client;
}

void ask(struct bed *bed, enum kind kind, uint32_t prompt, uint32_t reply)
{
    static char text[PROMPT_MAX];
    static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, NULL, NULL};
    static const enum tier tiers[] = {TIER_DEFAULT, TIER_PRIORITY, TIER_BATCH};
    struct error error = {.code = OK};
    write_prompt(text, prompt);
    const struct engine_segment segment = {.text = {text, prompt}};
    const struct engine_request request = {.segments = &segment, .segment_count = 1, .max_tokens = reply,
                                           .top_p = 1.0f, .tenant = STR("bench"), .tier = tiers[kind]};
    struct client *client = new_client(bed, kind, prompt);
    client->call = engine_generate(bed->phase->side->port, 0, &request, &handlers, client, &error);
    if (client->call == NULL)
        on_failed(client, &error);
}

/* --- phases ----------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* it has ended the wait in uv_run */
}

static void begin_clients(struct bed *bed)
{
    for (int kind = 0; kind < KINDS; kind++)
        while (bed->running[kind] < bed->phase->clients[kind]) {
            const struct arrival *next = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
            if (kind == KIND_BATCH)
                ask(bed, KIND_BATCH, BATCH_PROMPT, BATCH_REPLY);
            else
                ask(bed, (enum kind)kind, next->prompt, next->reply);
        }
}

static void cancel_all(struct bed *bed)
{
    while (bed->clients != NULL) {
        engine_cancel(bed->clients->call);
        forget(bed->clients);
    }
}

/* Asks what is due; the time of the next arrival. */
static uint64_t arrive(struct bed *bed, enum kind kind, uint64_t due_us)
{
    const double rate = bed->phase->rates[kind];
    while (rate > 0 && due_us <= clock_now_us()) {
        const struct arrival *arrival = &bed->traffic.arrivals[bed->next[kind]++ % bed->traffic.count];
        ask(bed, kind, arrival->prompt, arrival->reply);
        due_us += (uint64_t)(arrival->after / rate * 1e6);
    }
    return rate > 0 ? due_us : UINT64_MAX;
}

void wait_until(struct bed *bed, uv_timer_t *timer, uint64_t until_us)
{
    const uint64_t now_us = clock_now_us();
    uv_update_time(&bed->loop);
    uv_timer_start(timer, on_timer, until_us > now_us ? (until_us - now_us) / 1000 + 1 : 0, 0);
    uv_run(&bed->loop, UV_RUN_ONCE);
}

static bool is_busy(const struct side *side)
{
    struct engine_counters counters;
    uint64_t requests = 0;
    engine_counters(side->engine, 0, &counters);
    for (size_t tier = 0; tier < TIERS; tier++)
        requests += counters.tier_queued[tier] + counters.tier_running[tier] + counters.tier_preempted[tier];
    return requests > 0;
}

static struct measured measure(const struct engine_counters *before, const struct engine_counters *after,
                               uint64_t began_us)
{
    return (struct measured){
        .seconds = (double)(clock_now_us() - began_us) / 1e6,
        .steps_seconds = (double)(after->steps_us - before->steps_us) / 1e6,
        .steps = (double)(after->steps - before->steps),
        .error_seconds = (double)(after->steps_error_us - before->steps_error_us) / 1e6,
        .preempted = (double)(after->tier_preemptions[TIER_BATCH] - before->tier_preemptions[TIER_BATCH]),
    };
}

void settle(struct bed *bed, uv_timer_t *timer)
{
    cancel_all(bed);
    do
        wait_until(bed, timer, clock_now_us() + 50000);
    while (is_busy(bed->phase->side));
    uv_close((uv_handle_t *)timer, NULL);
    uv_run(&bed->loop, UV_RUN_NOWAIT);
}

static bool has_counted(const struct bed *bed)
{
    for (const struct client *client = bed->clients; client != NULL; client = client->following)
        if (client->is_counted && client->kind != KIND_BATCH)
            return true;
    return false;
}

/* Lets arrivals come until then. */
static void run_until(struct bed *bed, uv_timer_t *timer, uint64_t due_us[KINDS], uint64_t end_us)
{
    uint64_t next_us = end_us;
    for (int kind = 0; kind < KINDS; kind++) {
        due_us[kind] = arrive(bed, (enum kind)kind, due_us[kind]);
        next_us = due_us[kind] < next_us ? due_us[kind] : next_us;
    }
    wait_until(bed, timer, next_us);
}

struct measured run_phase(struct bed *bed, const struct phase *phase)
{
    uv_timer_t timer;
    struct engine_counters before, after;
    const uint64_t begun_us = clock_now_us(), measured_us = begun_us + WARM_UP_US, end_us = measured_us + phase->us;
    uint64_t due_us[KINDS] = {begun_us, begun_us, begun_us};
    bed->phase = phase;
    for (int kind = 0; kind < KINDS; kind++)
        bed->next[kind] = phase->first;
    uv_timer_init(&bed->loop, &timer);
    begin_clients(bed);
    while (clock_now_us() < measured_us)
        run_until(bed, &timer, due_us, measured_us);
    engine_counters(phase->side->engine, 0, &before);
    bed->is_measured = true;
    while (clock_now_us() < end_us)
        run_until(bed, &timer, due_us, end_us);
    engine_counters(phase->side->engine, 0, &after);
    const struct measured result = measure(&before, &after, measured_us);
    bed->is_measured = false;
    while (phase->is_drained && has_counted(bed) && clock_now_us() < end_us + DRAIN_MAX_US)
        run_until(bed, &timer, due_us, end_us + DRAIN_MAX_US);
    settle(bed, &timer);
    return result;
}

/* --- life ------------------------------------------------------------------------------------------- */

static void open_side(struct bed *bed, struct side *side, enum tier_share share)
{
    struct error error;
    side->model = (struct config_model){
        .name = "random", .path = bed->model_path, .context = CONTEXT, .parallel = PARALLEL, .threads = bed->threads};
    side->cache = (struct cache_config){.memory_bytes = UINT64_C(1) << 30, .policy = "value"};
    side->tiers = (struct tier_config){.share = share, .objective = OBJECTIVE};
    side->config = (struct config){.models = &side->model, .model_count = 1, .log_level = LOG_WARN,
                                   .parts = {{&cache_section, &side->cache}, {&tiers_section, &side->tiers}}};
    if (engine_new(&side->config, &bed->loop, 1, &side->engine, &error) != OK ||
        engine_wait(side->engine, &error) != OK)
        die(error.message);
    side->port = engine_port_new(side->engine, 0, &bed->loop, &error);
    if (side->port == NULL)
        die(error.message);
}

void open_bed(struct bed *bed)
{
    struct random_gguf_options shape = RANDOM_GGUF_110M;
    bed->model_path = MODEL_PATH;
    if (bench_setting("BENCH_SMALL", 0) > 0) {
        bed->model_path = SMALL_PATH;
        shape.layers = 6;
        shape.width = shape.feed_forward = 256;
        shape.heads = shape.kv_heads = 4;
        shape.vocabulary = 2048;
    }
    bench_model(&shape, bed->model_path);
    bed->rounds = bench_rounds(5);
    bed->round_us = bench_setting("BENCH_SECONDS", 150) * 1000000 / bed->rounds;
    bed->threads = (uint32_t)bench_setting("BENCH_THREADS", 2);
    traffic_load(&bed->traffic);
    uv_loop_init(&bed->loop);
    open_side(bed, &bed->strict, TIER_SHARE_STRICT);
    open_side(bed, &bed->objective, TIER_SHARE_OBJECTIVE);
}

void close_bed(struct bed *bed)
{
    engine_port_close(bed->strict.port);
    engine_port_close(bed->objective.port);
    engine_stop(bed->strict.engine);
    engine_stop(bed->objective.engine);
}
