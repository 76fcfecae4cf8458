/* test_engine_tiers.c - tiers on the real scheduler, tiny models with random
 * weights: who goes first, who gives way, and that nobody's reply shows it. */
#include "support_scheduler.h"

#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "support.h"

#define CONTEXT 2048u
#define WINDOW 128u
#define REPLY 40u
#define MINUTES 300u

static char paths[3][64]; /* by enum random_gguf_kind */
static model_token prompt[CONTEXT];

static struct bed_options options_of(enum random_gguf_kind kind, uint32_t parallel)
{
    return (struct bed_options){.path = paths[kind], .context = CONTEXT, .parallel = parallel, .chunk_max = 64};
}

static struct bed *new_bed(uint32_t parallel)
{
    const struct bed_options options = options_of(RANDOM_GGUF_LLAMA, parallel);
    return bed_new(&options);
}

static void init(struct ask *ask, enum tier tier, uint32_t begin, uint32_t count, uint32_t reply)
{
    ask_init(ask, prompt + begin, count, ENGINE_CACHE_OFF, reply);
    ask->job.request.tier = tier;
}

static uint64_t preemptions(const struct bed *bed, enum tier tier)
{
    return atomic_load(&bed->client.slot->preemptions[tier]);
}

static uint64_t recomputed(const struct bed *bed)
{
    return atomic_load(&bed->client.slot->recomputed_tokens);
}

static void assert_all_finished(struct ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ask_wait(&asks[i]);
        assert_true(asks[i].is_finished);
    }
}

static void deinit_all(struct ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ask_deinit(&asks[i]);
}

/* --- order ------------------------------------------------------------------------------------------ */

static struct ask *started[64]; /* in order; model thread */
static size_t started_count;

static void note_start(struct ask *ask)
{
    started[started_count++] = ask;
}

static void test_order_of_tiers(void **state)
{
    (void)state;
    static const enum tier tiers[] = {TIER_BATCH, TIER_FLEX,     TIER_DEFAULT, TIER_PRIORITY,
                                             TIER_BATCH, TIER_PRIORITY, TIER_FLEX,    TIER_DEFAULT};
    static const size_t order[] = {3, 5, 2, 7, 1, 6, 0, 4};
    struct bed *bed = new_bed(1);
    struct ask asks[8];
    started_count = 0;
    for (size_t i = 0; i < 8; i++) {
        init(&asks[i], tiers[i], (uint32_t)i * 30, 30, 5);
        asks[i].on_started = note_start;
        ask_submit(bed, &asks[i]);
    }
    bed_run(bed);
    assert_all_finished(asks, 8);
    for (size_t i = 0; i < 8; i++)
        assert_ptr_equal(started[i], &asks[order[i]]);
    assert_int_equal(bed_queued(bed), 0);
    deinit_all(asks, 8);
    bed_free(bed);
}

/* Twelve requests of one tenant came before three of another. */
static void test_tenants_take_turns(void **state)
{
    (void)state;
    struct bed *bed = new_bed(1);
    struct ask asks[15];
    started_count = 0;
    for (size_t i = 0; i < 15; i++) {
        init(&asks[i], TIER_DEFAULT, (uint32_t)i * 30, 1000, 2);
        asks[i].job.request.tenant = i < 12 ? STR("many") : STR("few");
        asks[i].on_started = note_start;
        ask_submit(bed, &asks[i]);
    }
    bed_run(bed);
    assert_all_finished(asks, 15);
    size_t last = 0;
    for (size_t i = 0; i < 15; i++)
        last = started[i] >= &asks[12] ? i : last;
    assert_in_range(last, 2, 14);
    assert_true(last < 13); /* by tokens: four of theirs at a time, of 1,000 each */
    deinit_all(asks, 15);
    bed_free(bed);
}

/* --- giving way ------------------------------------------------------------------------------------- */

#define INTRUDE_AT 7u

/* At a known token of the first reply another request comes, for which there is no place. */
static void intrude(struct ask *ask)
{
    if (ask->texts == INTRUDE_AT)
        ask_submit(ask->bed, ask->ctx);
}

struct victim_case {
    enum random_gguf_kind kind;
    enum engine_cache cache;
    uint32_t mark; /* 0: none */
    float temperature;
};

static void init_victim(struct ask *ask, const struct victim_case *c)
{
    ask_init(ask, prompt, 300, c->cache, REPLY);
    ask->job.request.tier = TIER_BATCH;
    ask->job.request.temperature = c->temperature;
    ask->job.request.seed = 5;
    if (c->mark > 0)
        ask_mark(ask, c->mark, MINUTES);
}

/* The same text and the same counts as if nobody had come. */
static void test_resumes_as_it_was(void **state)
{
    (void)state;
    static const struct victim_case cases[] = {
        {RANDOM_GGUF_LLAMA, ENGINE_CACHE_OFF, 0, 0},        {RANDOM_GGUF_LLAMA, ENGINE_CACHE_IMPLICIT, 0, 1},
        {RANDOM_GGUF_LLAMA, ENGINE_CACHE_EXPLICIT, 200, 1}, {RANDOM_GGUF_MAMBA, ENGINE_CACHE_OFF, 0, 1},
        {RANDOM_GGUF_MAMBA, ENGINE_CACHE_EXPLICIT, 200, 1}, {RANDOM_GGUF_GEMMA2, ENGINE_CACHE_OFF, 0, 1},
        {RANDOM_GGUF_GEMMA2, ENGINE_CACHE_EXPLICIT, 200, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed_options options = options_of(cases[i].kind, 1);
        options.memory_bytes = MODEL_ROOM;
        struct bed *bed = bed_open(&options), *other = bed_open(&options);
        struct ask alone, victim, intruder;
        init_victim(&alone, &cases[i]);
        ask_run(other, &alone);
        init_victim(&victim, &cases[i]);
        init(&intruder, TIER_DEFAULT, 500, 400, REPLY);
        victim.on_text = intrude;
        victim.ctx = &intruder;
        ask_submit(bed, &victim);
        ask_wait(&victim);
        assert_true(victim.is_finished && intruder.is_finished);
        assert_int_equal(preemptions(bed, TIER_BATCH), 1);
        assert_int_equal(bed_prefilled(bed), 700);
        assert_int_equal(recomputed(bed), 0);
        assert_int_equal(victim.finished.output_tokens, alone.finished.output_tokens);
        assert_int_equal(victim.finished.cache.write_tokens, cases[i].mark);
        assert_true(victim.text.len > 0 && str_eq(buf_str(&victim.text), buf_str(&alone.text)));
        ask_deinit(&alone);
        ask_deinit(&victim);
        ask_deinit(&intruder);
        bed_free(bed);
        bed_free(other);
    }
}

/* Half of a JSON text stands already: the grammar goes on from there. */
static void test_grammar_resumes(void **state)
{
    (void)state;
    static const char grammar[] = "root ::= \"{\" [ab]* \"|\" [cd]* \"}\"";
    struct bed *beds[2] = {new_bed(1), new_bed(1)};
    struct ask asks[2], intruder;
    struct error error;
    init(&intruder, TIER_PRIORITY, 500, 100, REPLY);
    for (size_t i = 0; i < 2; i++) {
        init(&asks[i], TIER_FLEX, 0, 100, 200);
        asks[i].job.request.temperature = 1;
        asks[i].job.request.seed = 11;
        assert_int_equal(grammar_new(str_of(grammar), GRAMMAR_ENFORCED, model_vocabulary(beds[i]->model),
                                     &asks[i].job.grammar, &error),
                         OK);
        bed_run(beds[i]);
    }
    asks[1].on_text = intrude;
    asks[1].ctx = &intruder;
    ask_run(beds[0], &asks[0]);
    ask_submit(beds[1], &asks[1]);
    ask_wait(&asks[1]);
    assert_true(asks[1].is_finished && intruder.is_finished);
    assert_int_equal(preemptions(beds[1], TIER_FLEX), 1);
    assert_true(asks[0].text.len > INTRUDE_AT && str_eq(buf_str(&asks[0].text), buf_str(&asks[1].text)));
    for (size_t i = 0; i < 2; i++) {
        grammar_free(asks[i].job.grammar);
        ask_deinit(&asks[i]);
        bed_free(beds[i]);
    }
    ask_deinit(&intruder);
}

struct crowd {
    struct ask beside, victim, others[2];
};

/* The prompt of the victim is read in pieces beside a reply; in the middle two more come. */
static void crowd_in(struct ask *ask)
{
    struct crowd *crowd = ask->ctx;
    if (ask->texts == 3)
        ask_submit(ask->bed, &crowd->victim);
    if (ask->texts == 8)
        for (size_t i = 0; i < 2; i++)
            ask_submit(ask->bed, &crowd->others[i]);
}

static void run_crowd(const struct bed_options *options, const struct victim_case *c, struct crowd *crowd,
                      struct bed **bed)
{
    *bed = bed_open(options);
    init(&crowd->beside, TIER_DEFAULT, 700, 20, 100);
    ask_init(&crowd->victim, prompt, 1000, c->cache, REPLY);
    crowd->victim.job.request.tier = TIER_BATCH;
    if (c->mark > 0)
        ask_mark(&crowd->victim, c->mark, MINUTES);
    crowd->beside.on_text = crowd_in;
    crowd->beside.ctx = crowd;
    for (size_t i = 0; i < 2; i++)
        init(&crowd->others[i], TIER_DEFAULT, 800, 50, 10);
    ask_submit(*bed, &crowd->beside);
    ask_wait(&crowd->beside);
    ask_wait(&crowd->victim);
    assert_all_finished(crowd->others, 2);
    assert_true(crowd->victim.is_finished && crowd->beside.is_finished);
}

static void free_crowd(struct crowd *crowd, struct bed *bed)
{
    ask_deinit(&crowd->beside);
    ask_deinit(&crowd->victim);
    deinit_all(crowd->others, 2);
    bed_free(bed);
}

static void test_prompts_resume(void **state)
{
    (void)state;
    static const struct victim_case cases[] = {
        {RANDOM_GGUF_LLAMA, ENGINE_CACHE_OFF, 0, 0},        {RANDOM_GGUF_LLAMA, ENGINE_CACHE_EXPLICIT, 900, 0},
        {RANDOM_GGUF_MAMBA, ENGINE_CACHE_EXPLICIT, 900, 0}, {RANDOM_GGUF_GEMMA2, ENGINE_CACHE_EXPLICIT, 900, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed_options options = options_of(cases[i].kind, 3);
        struct crowd crowd = {0};
        struct bed *bed, *cold = bed_new(&options);
        options.memory_bytes = MODEL_ROOM;
        options.tiers = (struct scheduler_tiers){.is_objective = true, .objective = 1.5, .batch_step_us = 3000};
        run_crowd(&options, &cases[i], &crowd, &bed);
        assert_int_equal(preemptions(bed, TIER_BATCH), 1);
        assert_int_equal(bed_prefilled(bed), 1000 + 20 + 2 * 50);
        assert_int_equal(recomputed(bed), 0);
        assert_int_equal(crowd.victim.finished.cache.write_tokens, cases[i].mark);
        (void)assert_reply_alone(cold, &crowd.victim);
        free_crowd(&crowd, bed);
        bed_free(cold);
    }
}

/* No memory to park in: what is lost is computed again, and counted as such. */
static void test_recomputes(void **state)
{
    (void)state;
    for (enum random_gguf_kind kind = RANDOM_GGUF_LLAMA; kind <= RANDOM_GGUF_GEMMA2; kind++) {
        struct bed_options options = options_of(kind, 1);
        struct bed *cold = bed_new(&options);
        options.tiers.parked_bytes = 1;
        struct bed *bed = bed_open(&options);
        struct ask victim, intruder;
        init(&victim, TIER_FLEX, 0, 300, REPLY);
        init(&intruder, TIER_DEFAULT, 500, 100, REPLY);
        victim.on_text = intrude;
        victim.ctx = &intruder;
        ask_submit(bed, &victim);
        ask_wait(&victim);
        assert_true(victim.is_finished && intruder.is_finished);
        assert_int_equal(bed_prefilled(bed), 400);
        assert_in_range(recomputed(bed), 300, 300 + REPLY);
        (void)assert_reply_alone(cold, &victim);
        ask_deinit(&victim);
        ask_deinit(&intruder);
        bed_free(bed);
        bed_free(cold);
    }
}

static void cancel_other(struct ask *ask)
{
    struct ask *victim = ask->ctx;
    if (ask->texts == 3)
        scheduler_cancel(ask->bed->scheduler, &victim->job);
}

static void test_cancelled_while_preempted(void **state)
{
    (void)state;
    struct bed *bed = new_bed(1);
    struct ask victim, intruder, after;
    init(&victim, TIER_FLEX, 0, 300, REPLY);
    init(&intruder, TIER_DEFAULT, 500, 100, REPLY);
    init(&after, TIER_FLEX, 600, 100, 5);
    victim.on_text = intrude;
    victim.ctx = &intruder;
    intruder.on_text = cancel_other;
    intruder.ctx = &victim;
    bed_run(bed);
    ask_submit(bed, &victim);
    ask_wait(&victim);
    assert_true(victim.is_gone && victim.texts == INTRUDE_AT);
    ask_wait(&intruder);
    ask_run(bed, &after);
    assert_true(intruder.is_finished);
    assert_int_equal(atomic_load(&bed->client.slot->preempted[TIER_FLEX]), 0);
    ask_deinit(&victim);
    ask_deinit(&intruder);
    ask_deinit(&after);
    bed_free(bed);
}

/* The bed ends with a request preempted, one running and one waiting: nothing leaks, nothing hangs. */
static void test_ends_in_the_middle(void **state)
{
    (void)state;
    struct bed *bed = new_bed(1);
    struct ask victim, intruder, waiting;
    init(&victim, TIER_BATCH, 0, 300, REPLY);
    init(&intruder, TIER_DEFAULT, 500, 100, 1500);
    init(&waiting, TIER_FLEX, 600, 100, 5);
    victim.on_text = intrude;
    victim.ctx = &intruder;
    bed_run(bed);
    ask_submit(bed, &victim);
    pthread_mutex_lock(&bed->mutex);
    while (!intruder.is_started)
        pthread_cond_wait(&bed->changed, &bed->mutex);
    pthread_mutex_unlock(&bed->mutex);
    ask_submit(bed, &waiting);
    assert_int_equal(preemptions(bed, TIER_BATCH), 1);
    bed_free(bed);
    ask_deinit(&victim);
    ask_deinit(&intruder);
    ask_deinit(&waiting);
}

/* --- sharing steps ---------------------------------------------------------------------------------- */

static uint32_t batch_texts[2]; /* at the beginning and the end of the other reply */

static void watch_batch(struct ask *ask)
{
    const struct ask *batch = ask->ctx;
    batch_texts[ask->texts > 1] = batch->texts;
}

/* Batch texts while a reply of another tier is made. */
static uint32_t share(bool is_objective, enum tier low)
{
    struct bed_options options = options_of(RANDOM_GGUF_LLAMA, 4);
    options.tiers = (struct scheduler_tiers){
        .is_objective = is_objective, .objective = 100, .batch_step_us = 25000};
    struct bed *bed = bed_open(&options);
    struct ask batch, other;
    init(&batch, low, 0, 100, 200);
    init(&other, TIER_DEFAULT, 500, 100, REPLY);
    batch.on_text = intrude;
    batch.ctx = &other;
    other.on_text = watch_batch;
    other.ctx = &batch;
    ask_submit(bed, &batch);
    ask_wait(&batch);
    assert_true(batch.is_finished && other.is_finished && other.texts > 10);
    assert_int_equal(preemptions(bed, low), 0); /* there was a place for both */
    ask_deinit(&batch);
    ask_deinit(&other);
    bed_free(bed);
    return batch_texts[1] - batch_texts[0];
}

static void test_strict_and_objective(void **state)
{
    (void)state;
    assert_int_equal(share(false, TIER_BATCH), 0);
    assert_true(share(true, TIER_BATCH) > 0);
    assert_true(share(false, TIER_FLEX) > 0); /* strict is about batch */
}

/* --- prefixes that a lower tier computes ------------------------------------------------------------ */

struct lending {
    struct ask busy, batch, hurried;
    bool was_busy;
};

static void start_lending(struct ask *ask)
{
    struct lending *lending = ask->ctx;
    if (ask->texts == 3)
        ask_submit(ask->bed, &lending->hurried);
}

static void note_hurried(struct ask *ask)
{
    struct lending *lending = ask->ctx;
    lending->was_busy = !lending->busy.is_finished;
}

/* Batch, which reads its prompt in the smallest of steps, stands still beside a reply. One of that tier needs the
 * prefix that the batch request has begun. */
static void test_tier_is_lent(void **state)
{
    (void)state;
    struct bed_options options = options_of(RANDOM_GGUF_LLAMA, 4);
    options.memory_bytes = MODEL_ROOM;
    options.tiers.batch_step_us = 1;
    struct lending lending = {0};
    struct bed *bed = bed_open(&options);
    init(&lending.busy, TIER_DEFAULT, 0, 30, 600);
    struct ask *const pair[] = {&lending.batch, &lending.hurried};
    for (size_t i = 0; i < 2; i++) {
        ask_init(pair[i], prompt + 100, 600, ENGINE_CACHE_EXPLICIT, 5);
        ask_mark(pair[i], 512, MINUTES);
    }
    lending.batch.job.request.tier = TIER_BATCH;
    lending.busy.on_text = start_lending;
    lending.hurried.on_started = note_hurried;
    lending.busy.ctx = lending.hurried.ctx = &lending;
    ask_submit(bed, &lending.batch);
    while (bed_prefilled(bed) == 0)
        usleep(100);
    ask_submit(bed, &lending.busy);
    ask_wait(&lending.busy);
    ask_wait(&lending.hurried);
    ask_wait(&lending.batch);
    assert_true(lending.was_busy);
    assert_int_equal(lending.hurried.finished.cache.read_tokens, 512);
    assert_int_equal(bed_prefilled(bed), 30 + 600 + 600 - 512);
    ask_deinit(&lending.busy);
    ask_deinit(&lending.batch);
    ask_deinit(&lending.hurried);
    bed_free(bed);
}

/* --- waiting ---------------------------------------------------------------------------------------- */

#define CHAIN_MAX 3000u

struct chain {
    struct ask asks[2], flex;
    uint32_t count; /* of priority requests begun */
};

static void link_next(struct ask *ask);

static void init_link(struct chain *chain, struct ask *ask)
{
    init(ask, TIER_PRIORITY, 0, 20, 2);
    ask->on_started = link_next;
    ask->ctx = chain;
}

/* Whenever one begins the next is there already: without ageing the flex request would wait for all. */
static void link_next(struct ask *ask)
{
    struct chain *chain = ask->ctx;
    struct ask *next = &chain->asks[++chain->count % 2];
    if (chain->flex.is_started || chain->count == CHAIN_MAX)
        return;
    ask_deinit(next); /* it has ended: one at a time */
    init_link(chain, next);
    ask_submit(ask->bed, next);
}

static uint32_t run_chain(uint64_t age_us)
{
    struct bed_options options = options_of(RANDOM_GGUF_LLAMA, 1);
    struct chain chain = {0};
    options.tiers.age_us = age_us;
    struct bed *bed = bed_new(&options);
    init(&chain.flex, TIER_FLEX, 100, 20, 2);
    init_link(&chain, &chain.asks[0]);
    ask_submit(bed, &chain.flex);
    ask_submit(bed, &chain.asks[0]);
    bed_run(bed);
    ask_wait(&chain.flex);
    assert_true(chain.flex.is_finished);
    bed_free(bed);
    ask_deinit(&chain.flex);
    deinit_all(chain.asks, 2);
    return chain.count;
}

static void test_nobody_starves(void **state)
{
    (void)state;
    assert_true(run_chain(5000) < CHAIN_MAX);
    assert_int_equal(run_chain(0), CHAIN_MAX);
}

#define OLD_US 400000u

struct elders {
    struct ask running, old, urgent, urgent_too;
    bool was_overtaken;
};

/* The urgent one comes when the waiting one has long been old. */
static void grow_old(struct ask *ask)
{
    struct elders *elders = ask->ctx;
    elders->was_overtaken = elders->was_overtaken || elders->old.is_started;
    if (elders->urgent.bed != NULL)
        return;
    usleep(10000);
    if (clock_now_us() > elders->old.job.queued_us + 3 * OLD_US)
        ask_submit(ask->bed, &elders->urgent);
}

/* When it runs it is of its own tier, and gives way. */
static void run_old(struct ask *ask)
{
    struct elders *elders = ask->ctx;
    if (ask->texts == INTRUDE_AT)
        ask_submit(ask->bed, &elders->urgent_too);
}

static void test_age_takes_nobodys_place(void **state)
{
    (void)state;
    struct bed_options options = options_of(RANDOM_GGUF_LLAMA, 1);
    options.tiers.age_us = OLD_US;
    struct elders elders = {0};
    struct ask *const order[] = {&elders.running, &elders.urgent, &elders.old, &elders.urgent_too};
    struct bed *bed = bed_open(&options);
    init(&elders.running, TIER_DEFAULT, 0, 100, 1000);
    init(&elders.old, TIER_DEFAULT, 200, 100, REPLY);
    init(&elders.urgent, TIER_PRIORITY, 400, 100, 5);
    init(&elders.urgent_too, TIER_PRIORITY, 600, 100, 5);
    elders.running.on_text = grow_old;
    elders.old.on_text = run_old;
    elders.running.ctx = elders.old.ctx = &elders;
    started_count = 0;
    for (size_t i = 0; i < 4; i++)
        order[i]->on_started = note_start;
    ask_submit(bed, &elders.running);
    ask_submit(bed, &elders.old);
    ask_wait(&elders.running);
    ask_wait(&elders.old);
    for (size_t i = 0; i < 4; i++) {
        assert_all_finished(order[i], 1);
        assert_ptr_equal(started[i], order[i]);
    }
    assert_int_equal(preemptions(bed, TIER_DEFAULT), 2); /* by the urgent ones */
    assert_false(elders.was_overtaken);
    for (size_t i = 0; i < 4; i++)
        ask_deinit(order[i]);
    bed_free(bed);
}

static void test_deadline(void **state)
{
    (void)state;
    struct bed_options options = options_of(RANDOM_GGUF_LLAMA, 1);
    options.tiers.deadline_us[TIER_FLEX] = 1;
    struct bed *bed = bed_open(&options);
    struct ask running, late, patient;
    init(&running, TIER_DEFAULT, 0, 300, 1000);
    init(&late, TIER_FLEX, 400, 100, 5);
    init(&patient, TIER_BATCH, 500, 100, 5); /* it has no deadline */
    running.on_text = intrude;
    running.ctx = &late;
    ask_submit(bed, &running);
    ask_wait(&running);
    ask_submit(bed, &patient);
    ask_wait(&patient);
    assert_true(running.is_finished && late.is_failed && patient.is_finished);
    assert_int_equal(late.error.code, ERROR_THROTTLED);
    assert_int_equal(bed_prefilled(bed), 400);
    assert_int_equal(bed_queued(bed), 0);
    ask_deinit(&running);
    ask_deinit(&late);
    ask_deinit(&patient);
    bed_free(bed);
}

int main(void)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    static const char *const names[] = {"tiers-llama", "tiers-mamba", "tiers-gemma2"};
    log_configure(LOG_ERROR, LOG_LOGFMT);
    options.window = WINDOW;
    options.context = CONTEXT;
    for (size_t i = 0; i < 3; i++) {
        options.kind = (enum random_gguf_kind)i;
        if (!write_model(&options, names[i], paths[i]))
            return 1;
    }
    fill_tokens(prompt, CONTEXT, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_tiers),
        cmocka_unit_test(test_tenants_take_turns),
        cmocka_unit_test(test_resumes_as_it_was),
        cmocka_unit_test(test_grammar_resumes),
        cmocka_unit_test(test_prompts_resume),
        cmocka_unit_test(test_recomputes),
        cmocka_unit_test(test_cancelled_while_preempted),
        cmocka_unit_test(test_ends_in_the_middle),
        cmocka_unit_test(test_strict_and_objective),
        cmocka_unit_test(test_tier_is_lent),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_age_takes_nobodys_place),
        cmocka_unit_test(test_deadline),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < 3; i++)
        unlink(paths[i]);
    return failed;
}
