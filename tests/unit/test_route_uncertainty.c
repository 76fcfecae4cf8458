/* Whether a predictor is as far off as it says: prompts of made-up words whose chances are known, so that what it
 * predicts can be held against the truth and not only against answers. And the measures that do without the truth. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/util.h"
#include "route/coverage.h"
#include "route/predictor.h"
#include "route/saving.h"
#include "route/spread.h"
#include "route/train.h"

#define WORDS 600
#define TOPICS 24
#define ASKED 2000
#define TEXT_BYTES 512

struct world {
    char words[WORDS][16];
    double effects[WORDS], topic_effects[TOPICS];
    bool has_topics;
    double spread; /* of the log odds */
};

static double normal(struct rng *rng)
{
    return sqrt(-2 * log(1 - rng_unit(rng))) * cos(6.283185307179586 * rng_unit(rng));
}

static void make_world(struct rng *rng, bool has_topics, double spread, struct world *world)
{
    static const char consonants[] = "bdfgklmnprstvz", vowels[] = "aeiou";
    *world = (struct world){.has_topics = has_topics, .spread = spread};
    for (size_t i = 0; i < WORDS; i++) {
        const size_t syllables = 2 + rng_below(rng, 3);
        for (size_t j = 0; j < syllables; j++) {
            world->words[i][2 * j] = consonants[rng_below(rng, sizeof(consonants) - 1)];
            world->words[i][2 * j + 1] = vowels[rng_below(rng, sizeof(vowels) - 1)];
        }
        world->effects[i] = normal(rng);
    }
    for (size_t i = 0; i < TOPICS; i++)
        world->topic_effects[i] = normal(rng);
}

/* A prompt and the chance of the small model, by its words or by what it is about. */
static double make_prompt(struct rng *rng, const struct world *world, char text[TEXT_BYTES])
{
    const size_t count = 6 + rng_below(rng, 14), topic = rng_below(rng, TOPICS);
    double sum = 0;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const double draw = rng_unit(rng);
        size_t word = (size_t)(draw * draw * WORDS); /* some are frequent */
        if (world->has_topics && i % 2)
            word = topic * (WORDS / TOPICS) + rng_below(rng, WORDS / TOPICS);
        len += (size_t)snprintf(text + len, TEXT_BYTES - len, "%s%s", i ? " " : "", world->words[word]);
        sum += world->effects[word];
    }
    sum = world->has_topics ? world->topic_effects[topic] : sum / sqrt((double)count);
    return sigmoid(0.6 + world->spread * sum);
}

static void append_rows(struct rng *rng, const struct world *world, size_t rows, struct buf *out)
{
    char text[TEXT_BYTES];
    for (size_t i = 0; i < rows; i++) {
        const double small = make_prompt(rng, world, text);
        const double large = 0.5 + small / 2;
        const int is_large_right = rng_unit(rng) < large, is_small_right = rng_unit(rng) < small;
        buf_appendf(out, "{\"id\":\"%zu\",\"prompt\":\"%s\",\"quality\":{\"large\":%d,\"small\":%d}}\n", i, text,
                    is_large_right, is_small_right);
    }
}

struct found {
    double covered, off, said; /* share within 1.96 deviations; root mean squares of what it is off and says */
    double off_of[3], said_of[3]; /* of thirds by what it says */
};

struct asked {
    double off, said;
};

static int by_said(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    return (x->said > y->said) - (x->said < y->said);
}

static void weigh(struct asked *asked, struct found *found)
{
    double covered = 0, offs[3] = {0}, saids[3] = {0};
    qsort(asked, ASKED, sizeof(*asked), by_said);
    for (size_t i = 0; i < ASKED; i++) {
        covered += asked[i].off <= 1.96 * asked[i].said;
        offs[i * 3 / ASKED] += asked[i].off * asked[i].off * 3 / ASKED;
        saids[i * 3 / ASKED] += asked[i].said * asked[i].said * 3 / ASKED;
    }
    found->covered = covered / ASKED;
    found->off = sqrt((offs[0] + offs[1] + offs[2]) / 3);
    found->said = sqrt((saids[0] + saids[1] + saids[2]) / 3);
    for (size_t i = 0; i < 3; i++) {
        found->off_of[i] = sqrt(offs[i]);
        found->said_of[i] = sqrt(saids[i]);
    }
}

static void find(uint64_t seed, size_t rows, bool has_topics, double spread, struct found *found)
{
    static struct world world;
    static struct asked asked[ASKED];
    struct predictor *predictor;
    struct predictor_bound bound;
    struct train_report report;
    struct samples samples;
    struct buf text, file;
    struct error error;
    struct rng rng;
    rng_seed(&rng, seed);
    make_world(&rng, has_topics, spread, &world);
    buf_init(&text, 8 << 20);
    buf_init(&file, 4 << 20);
    append_rows(&rng, &world, rows, &text);
    assert_int_equal(samples_parse(buf_str(&text), "rows", seed, &samples, &error), OK);
    assert_int_equal(route_train(&samples, &(struct route_train_options){.seed = seed}, &file, &report, &error), OK);
    assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), OK);
    const struct predictor_candidate small = {STR("small"), 1};
    assert_int_equal(predictor_bind(predictor, &small, 1, &bound, &error), OK);
    for (size_t i = 0; i < ASKED; i++) {
        char prompt[TEXT_BYTES];
        struct prediction prediction;
        const double truth = make_prompt(&rng, &world, prompt);
        const struct route_prompt question = {
            .turns = 1, .user = {.slices = {str_of(prompt)}, .count = 1, .bytes = strlen(prompt)}};
        predictor_ask(predictor, &bound, &question, &prediction);
        asked[i] = (struct asked){fabs((double)prediction.quality - truth), (double)prediction.uncertainty};
    }
    weigh(asked, found);
    predictor_free(predictor);
    train_report_deinit(&report);
    samples_deinit(&samples);
    buf_deinit(&text);
    buf_deinit(&file);
}

/* The rows of training are few or more, what there is to learn is much or next to nothing, and the truth is one that
 * the model can say, or another. */
static void it_is_as_far_off_as_it_says(void **state)
{
    (void)state;
    static const size_t rows[] = {300, 1000};
    static const double spreads[] = {0.3, 1};
    double covered = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct found found;
        const double spread = spreads[i / 2 % 2];
        find(20 + i, rows[i / 4], i % 2, spread, &found);
        covered += found.covered / 8;
        if (found.covered < 0.85 || found.said < 0.6 * found.off || found.said > fmax(0.26, 2 * found.off))
            fail_msg("%zu rows, topics %u, spread %f: covered %f, off %f, said %f", rows[i / 4], i % 2, spread,
                     found.covered, found.off, found.said);
        if (i == 6 && found.off_of[2] < 1.05 * found.off_of[0])
            fail_msg("what says that it is unsure is off by %f, what says that it is sure by %f", found.off_of[2],
                     found.off_of[0]);
    }
    if (covered < 0.93)
        fail_msg("covered %f", covered);
}

/* --- measures without the truth --- */

#define MADE 3000

/* Samples of the world's prompts; `chances` gets the truth. */
static void make_samples(uint64_t seed, bool has_topics, double spread, float *chances, struct samples *samples)
{
    static struct world world;
    struct buf text;
    struct error error;
    struct rng rng;
    rng_seed(&rng, seed);
    make_world(&rng, has_topics, spread, &world);
    buf_init(&text, 8 << 20);
    for (size_t i = 0; i < MADE; i++) {
        char prompt[TEXT_BYTES];
        const double chance = make_prompt(&rng, &world, prompt);
        chances[i] = (float)chance;
        buf_appendf(&text, "{\"prompt\":\"%s\",\"quality\":{\"large\":1,\"small\":%d}}\n", prompt,
                    rng_unit(&rng) < chance);
    }
    assert_int_equal(samples_parse(buf_str(&text), "rows", seed, samples, &error), OK);
    buf_deinit(&text);
}

static void how_much_chances_differ_is_found_from_one_toss_each(void **state)
{
    (void)state;
    static float chances[MADE];
    static size_t all[MADE];
    static const double spreads[] = {0, 0.5, 1.5};
    for (size_t i = 0; i < 3; i++) {
        struct samples samples;
        struct spread spread;
        double mean = 0, square = 0;
        make_samples(3 + i, false, spreads[i], chances, &samples);
        for (size_t j = 0; j < MADE; j++) {
            all[j] = j;
            mean += (double)chances[j] / MADE;
            square += (double)(chances[j] * chances[j]) / MADE;
        }
        assert_true(spread_measure(&samples.words, FEATURES_BUCKETS, all, MADE, samples.quality[0], &spread));
        const double truth = fmax(0, square - mean * mean);
        if (fabs(spread.variance - truth) > 3.5 * spread.error + 0.25 * truth || spread.error > 0.03)
            fail_msg("variance %f +- %f, truth %f", spread.variance, spread.error, truth);
        samples_deinit(&samples);
    }
}

/* Predictions that are off by the same in all rows of a topic: chance alone does not explain it, and who says how far
 * they are off is believed. */
static void groups_show_what_single_answers_cannot(void **state)
{
    (void)state;
    static float chances[MADE], off[MADE], none[MADE], said[MADE];
    float *right_quality[] = {chances, off}, *off_quality[] = {off, off};
    float *nothing[] = {none, none}, *known[] = {said, said};
    struct coverage coverage;
    struct samples samples;
    make_samples(9, true, 1, chances, &samples);
    for (size_t i = 0; i < MADE; i++) {
        off[i] = chances[i] > 0.5F ? chances[i] - 0.15F : chances[i] + 0.15F;
        said[i] = 0.15F;
        samples.quality[1][i] = NAN; /* of one model alone */
    }
    assert_true(coverage_measure(&samples, right_quality, nothing, &coverage));
    assert_true(coverage.groups >= MADE / (2 * COVERAGE_ROWS) && coverage.share > 0.88);
    assert_true(coverage_measure(&samples, off_quality, nothing, &coverage));
    assert_true(coverage.share < 0.6 && coverage.bare == coverage.share);
    assert_true(coverage_measure(&samples, off_quality, known, &coverage));
    assert_true(coverage.share > 0.95 && coverage.bare < 0.6 && fabs(coverage.said - 0.15) < 1e-3);
    samples_deinit(&samples);
}

/* --- what is saved --- */

static void saving_is_read_off_row_by_row(void **state)
{
    (void)state;
    struct buf text;
    struct samples samples;
    struct saving saving;
    struct error error;
    static float weak[100], strong[100];
    float *predicted[] = {weak, strong};
    size_t order[100];
    bool changes[100];
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 100; i++) { /* of the first ten the weak model can do none, of the others all */
        buf_appendf(&text, "{\"prompt\":\"row %zu\",\"quality\":{\"weak\":%d,\"strong\":1},"
                           "\"cost\":{\"weak\":1,\"strong\":10}}\n", i, i >= 10);
        weak[i] = i >= 10 ? 0.9F : 0.2F;
        strong[i] = 0.95F;
        order[i] = i;
        changes[i] = i < 5;
    }
    assert_int_equal(samples_parse(buf_str(&text), "rows", 1, &samples, &error), OK);
    assert_true(saving_by_text(&samples, predicted, 1, &saving));
    /* Nine rows go to the strong model: 90 + 91 of 1,000. */
    assert_true(fabs(saving.cost.value - 0.181) < 1e-9 && fabs(saving.lost.value) < 1e-9);
    assert_true(saving.cost.low < 0.181 && saving.cost.high > 0.181 && saving.cost.high < 0.35);
    const struct saving_plan both = {order, 100, NULL, true}, half = {order, 100, changes, true};
    assert_true(saving_measure(&samples, &both, 1, &saving));
    assert_true(fabs(saving.cost.value - 0.19) < 1e-9); /* nine rows twice */
    assert_true(saving_measure(&samples, &half, 1, &saving));
    assert_true(saving.cost.value == 1 && fabs(saving.lost.value - 0.05) < 1e-9); /* it never gets there */
    samples_deinit(&samples);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_far_off_as_it_says),
        cmocka_unit_test(how_much_chances_differ_is_found_from_one_toss_each),
        cmocka_unit_test(groups_show_what_single_answers_cannot),
        cmocka_unit_test(saving_is_read_off_row_by_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
