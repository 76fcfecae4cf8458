/* test_engine_passes.c - where attention is ggml's own, a step with replies and much of a prompt is computed in two
 * passes: the replies come first, and none shows it. */
#include "support_scheduler.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "support.h"

#define CONTEXT 1024u
#define REPLIES 5u
#define LATE_PROMPT 400u
#define LATE_AT 5u
#define URGENT_AT 8u
#define PROMPT_PIECE 64u

static char path[64];
static model_token tokens[CONTEXT];

struct scene {
    struct ask replies[REPLIES], late, urgent;
    uint64_t before;   /* tokens of prompts computed when the late one came */
    uint32_t in_order; /* pieces of it that were computed after the replies' tokens of the same step */
    bool has_urgent;
    uint64_t at_urgent; /* as `before`, when the urgent one had its first token */
};

/* The late prompt comes when this reply has five texts. With the sixth a step has begun that has its first piece. */
static void on_text(struct ask *ask)
{
    struct scene *scene = ask->ctx;
    const uint64_t prefilled = bed_prefilled(ask->bed);
    if (ask->texts == LATE_AT) {
        scene->before = prefilled;
        ask_submit(ask->bed, &scene->late);
    }
    if (ask->texts > LATE_AT && prefilled == scene->before + (uint64_t)PROMPT_PIECE * (ask->texts - LATE_AT - 1))
        scene->in_order++;
    if (scene->has_urgent && ask->texts == URGENT_AT)
        ask_submit(ask->bed, &scene->urgent);
}

static void on_urgent(struct ask *ask)
{
    struct scene *scene = ask->ctx;
    scene->at_urgent = bed_prefilled(ask->bed);
}

static struct bed *run_scene(struct scene *scene, const struct bed_options *options)
{
    struct bed *bed = bed_new(options);
    for (uint32_t i = 0; i < REPLIES; i++) {
        ask_init(&scene->replies[i], tokens + 40 * i, 30, ENGINE_CACHE_OFF, 60);
        scene->replies[i].job.request.tier = TIER_DEFAULT;
        ask_submit(bed, &scene->replies[i]);
    }
    scene->replies[REPLIES - 1].on_text = on_text;
    scene->replies[REPLIES - 1].ctx = scene;
    ask_init(&scene->late, tokens + 500, LATE_PROMPT, ENGINE_CACHE_OFF, 40);
    scene->late.job.request.tier = TIER_DEFAULT;
    ask_init(&scene->urgent, tokens + 900, 30, ENGINE_CACHE_OFF, 5);
    scene->urgent.job.request.tier = TIER_PRIORITY;
    scene->urgent.on_started = on_urgent;
    scene->urgent.ctx = scene;
    bed_run(bed);
    for (uint32_t i = 0; i < REPLIES; i++)
        ask_wait(&scene->replies[i]);
    ask_wait(&scene->late);
    if (scene->has_urgent)
        ask_wait(&scene->urgent);
    return bed;
}

static void free_scene(struct scene *scene, struct bed *bed)
{
    for (uint32_t i = 0; i < REPLIES; i++)
        ask_deinit(&scene->replies[i]);
    ask_deinit(&scene->late);
    ask_deinit(&scene->urgent);
    bed_free(bed);
}

static struct bed_options options_of(uint32_t parallel)
{
    return (struct bed_options){.path = path, .context = CONTEXT, .parallel = parallel, .chunk_max = PROMPT_PIECE,
                                .row_us = 1};
}

static void test_replies_and_a_prompt(void **state)
{
    (void)state;
    const struct bed_options options = options_of(REPLIES + 1);
    struct scene scene = {0};
    struct bed *bed = run_scene(&scene, &options), *cold = bed_new(&options);
    size_t compared = assert_reply_alone(cold, &scene.late);
    for (uint32_t i = 0; i < REPLIES; i++)
        compared += assert_reply_alone(cold, &scene.replies[i]);
    assert_true(compared > 0);
    assert_true(scene.in_order >= LATE_PROMPT / PROMPT_PIECE);
    assert_int_equal(bed_prefilled(bed), REPLIES * 30 + LATE_PROMPT);
    free_scene(&scene, bed);
    bed_free(cold);
}

/* It comes between the passes of a step: the second one, with the third piece of the late prompt, waits. */
static void test_higher_tier_between_passes(void **state)
{
    (void)state;
    const struct bed_options options = options_of(REPLIES + 2);
    struct scene scene = {.has_urgent = true};
    struct bed *bed = run_scene(&scene, &options), *cold = bed_new(&options);
    const uint64_t others = scene.at_urgent - scene.before - 30;
    assert_true(others >= 2 * PROMPT_PIECE && others < 3 * PROMPT_PIECE);
    assert_int_equal(bed_prefilled(bed), REPLIES * 30 + LATE_PROMPT + 30);
    (void)assert_reply_alone(cold, &scene.late);
    free_scene(&scene, bed);
    bed_free(cold);
}

int main(void)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    (void)setenv("GGML_CPU_TILES", "0", 1); /* ggml's own attention */
    options.context = CONTEXT;
    if (!write_model(&options, "passes", path))
        return 1;
    fill_tokens(tokens, CONTEXT, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_and_a_prompt),
        cmocka_unit_test(test_higher_tier_between_passes),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
