/* test_route_decide.c - which model answers: the rules, doubt, warmth, and what a conversation costs. */
#include "support.h"

#include <math.h>

#include "core/util.h"
#include "route/decide.h"

/* A small model and a large one that costs ten times as much. */
static void fill(struct decide_candidate pair[2], double small, double large)
{
    pair[0] = (struct decide_candidate){.quality = small, .strength = 1, .cost = 100};
    pair[1] = (struct decide_candidate){.quality = large, .strength = 10, .cost = 1000};
}

static struct decision of(struct decide_terms terms, const struct decide_candidate *candidates, size_t count)
{
    struct decision decision;
    decide(&terms, candidates, count, &decision);
    return decision;
}

static void test_difference(void **state)
{
    struct decide_candidate pair[2];
    struct decide_terms terms = {.rule = DECIDE_DIFFERENCE, .difference = 0.2};
    (void)state;
    fill(pair, 0.5, 0.65);
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    assert_string_equal(of(terms, pair, 2).reason, "fallback");
    fill(pair, 0.5, 0.75);
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    assert_string_equal(of(terms, pair, 2).reason, "quality-difference");
    terms.difference = 1;
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    /* The dear one as the fallback: the other has to be better, here too. */
    terms = (struct decide_terms){.rule = DECIDE_DIFFERENCE, .difference = 0, .fallback = 1};
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    fill(pair, 0.8, 0.8);
    assert_int_equal(of(terms, pair, 2).chosen, 0); /* as good, and cheaper */
    terms.fallback = 0;
    assert_int_equal(of(terms, pair, 2).chosen, 0); /* as good, and dearer */
}

static void test_tolerance(void **state)
{
    struct decide_candidate pair[2], three[3];
    struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 0.1, .fallback = 1};
    (void)state;
    fill(pair, 0.85, 0.9);
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    assert_string_equal(of(terms, pair, 2).reason, "within-tolerance");
    fill(pair, 0.7, 0.9);
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    assert_string_equal(of(terms, pair, 2).reason, "best-quality");
    terms.tolerance = 0; /* as good as the best */
    fill(pair, 0.9, 0.9);
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    terms.tolerance = 1; /* the cheapest */
    fill(pair, 0, 1);
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    /* In any order, with any number. */
    memcpy(three, (struct decide_candidate[]){{.quality = 0.9, .strength = 9, .cost = 900},
                                              {.quality = 0.5, .strength = 1, .cost = 10},
                                              {.quality = 0.82, .strength = 3, .cost = 300}}, sizeof(three));
    terms.tolerance = 0.1;
    assert_int_equal(of(terms, three, 3).chosen, 2);
    terms.tolerance = 0.5;
    assert_int_equal(of(terms, three, 3).chosen, 1);
}

static void test_doubt(void **state)
{
    struct decide_candidate pair[2];
    struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 0.1, .fallback = 1};
    (void)state;
    fill(pair, 0.85, 0.9);
    pair[0].uncertainty = pair[1].uncertainty = 0.3;
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    assert_string_equal(of(terms, pair, 2).reason, "unsure");
    terms = (struct decide_terms){.rule = DECIDE_DIFFERENCE, .difference = 0.2};
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    assert_string_equal(of(terms, pair, 2).reason, "unsure");
    terms.difference = 1; /* that is what the router was told */
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    terms = (struct decide_terms){.rule = DECIDE_TOLERANCE, .is_blind = true, .fallback = 1};
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    assert_string_equal(of(terms, pair, 2).reason, "no-predictor");
}

static void test_who_cannot_take_it(void **state)
{
    struct decide_candidate pair[2];
    struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 1, .fallback = 1};
    (void)state;
    for (unsigned rule = DECIDE_DIFFERENCE; rule <= DECIDE_BUDGET; rule++) {
        for (size_t out = 0; out < 2; out++) {
            fill(pair, 0.6, 0.9);
            pair[out].is_out = true;
            terms.rule = rule;
            terms.fallback = out;
            assert_int_equal(of(terms, pair, 2).chosen, 1 - out);
            terms.is_blind = true;
            assert_int_equal(of(terms, pair, 2).chosen, 1 - out);
            terms.is_blind = false;
        }
        pair[0].is_out = pair[1].is_out = true;
        assert_string_equal(of(terms, pair, 2).reason, "too-long");
    }
}

static void test_budget(void **state)
{
    struct decide_candidate pair[2];
    struct decide_terms terms = {.rule = DECIDE_BUDGET, .weight = 0.001};
    (void)state;
    fill(pair, 0.1, 0.95); /* 0.85 of quality for 900: 0.00094 each */
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    terms.weight = 0.0009;
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    terms.weight = INFINITY;
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    terms.weight = 0;
    assert_int_equal(of(terms, pair, 2).chosen, 1);
}

/* --- a conversation ----------------------------------------------------------------------------------- */

#define CONTEXT 2000u /* tokens of the first prompt */
#define TURN 60u      /* of each question, and of each reply */

struct rates {
    double input, read, output;
};

/* What each model has of the conversation, and what it has cost. */
struct talk {
    struct rates rates[2];
    uint32_t warm[2], prompt;
    double spent;
};

static void ask(const struct talk *talk, struct decide_candidate *candidate, size_t model)
{
    const struct rates *rates = &talk->rates[model];
    const double fresh = talk->prompt - talk->warm[model];
    candidate->warm_tokens = talk->warm[model];
    candidate->cost = (uint64_t)(fresh * rates->input + talk->warm[model] * rates->read + TURN * rates->output);
    candidate->way_back = (uint64_t)((fresh + TURN) * (rates->input - rates->read));
}

static void answer(struct talk *talk, const struct decide_candidate *candidate, size_t model)
{
    talk->spent += (double)candidate->cost;
    talk->warm[model] = talk->prompt + TURN;
    talk->prompt += 2 * TURN;
}

/* Five turns of a conversation whose texts alone would send every other one elsewhere; with `model` all stay there. */
static double talk_costs(const double qualities[5], double tolerance, size_t stays_at, size_t *first)
{
    struct talk talk = {.rates = {{25, 2.5, 125}, {300, 30, 1500}}, .prompt = CONTEXT};
    for (unsigned turn = 0; turn < 5; turn++) {
        struct decide_candidate pair[2] = {{.quality = qualities[turn], .strength = 1},
                                           {.quality = 0.95, .strength = 12}};
        const struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = tolerance, .margin = 0.2,
                                           .fallback = 1, .has_past = turn > 0};
        for (size_t i = 0; i < 2; i++)
            ask(&talk, &pair[i], i);
        const size_t chosen = stays_at == DECIDE_NONE ? of(terms, pair, 2).chosen : stays_at;
        if (turn == 0 && first)
            *first = chosen;
        answer(&talk, &pair[chosen], chosen);
    }
    return talk.spent;
}

static void test_a_conversation_never_costs_more_than_staying(void **state)
{
    static const double talks[][5] = {{0.92, 0.8, 0.92, 0.8, 0.92},  {0.8, 0.92, 0.8, 0.92, 0.8},
                                      {0.85, 0.84, 0.92, 0.78, 0.9}, {0.92, 0.92, 0.75, 0.75, 0.92},
                                      {0.7, 0.95, 0.7, 0.95, 0.95}};
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        size_t first = 0;
        const double routed = talk_costs(talks[i], 0.1, DECIDE_NONE, &first);
        assert_true(routed <= talk_costs(talks[i], 0.1, first, NULL));
    }
}

/* --- any conversation --------------------------------------------------------------------------------- */

#define TALKS 20000
#define TURNS_MAX 12
#define MODELS 3

/* One conversation, dealt: what each model's tokens cost, how long each turn is, and how good each would answer. */
struct dealt {
    struct rates rates[MODELS];
    uint32_t context, asked[TURNS_MAX], replied[TURNS_MAX];
    unsigned turns;
    double quality[TURNS_MAX][MODELS], tolerance, margin;
};

static uint32_t between(struct rng *rng, uint32_t low, uint32_t high)
{
    return low + (uint32_t)rng_below(rng, high - low + 1);
}

/* Qualities lie within the tolerance and the margin of each other, on either side of the tolerance: by its text alone
 * a turn goes anywhere, but no model is so much better that quality would be worth a move. */
static void deal(struct rng *rng, struct dealt *dealt)
{
    dealt->context = between(rng, 0, 8000);
    dealt->turns = between(rng, 2, TURNS_MAX);
    dealt->tolerance = rng_unit(rng) * 0.2;
    dealt->margin = 0.05 + rng_unit(rng) * 0.4;
    for (size_t i = 0; i < MODELS; i++) {
        const double input = between(rng, 20, 400);
        dealt->rates[i] = (struct rates){input, input * (0.05 + 0.3 * rng_unit(rng)), input * (3 + 3 * rng_unit(rng))};
    }
    for (size_t turn = 0; turn < dealt->turns; turn++) {
        dealt->asked[turn] = between(rng, 5, 600);
        dealt->replied[turn] = between(rng, 5, 600);
        for (size_t i = 0; i < MODELS; i++)
            dealt->quality[turn][i] = 0.9 - rng_unit(rng) * (dealt->tolerance + dealt->margin);
    }
}

/* What the conversation costs; with `stays_at` all of it is there. *moves: how often it left a model, *by_text: how
 * often its texts alone would have. */
static double converse(const struct dealt *dealt, size_t stays_at, size_t *first, unsigned *moves, unsigned *by_text)
{
    uint32_t warm[MODELS] = {0}, prompt = dealt->context;
    size_t at = DECIDE_NONE, text_at = DECIDE_NONE;
    double spent = 0;
    for (unsigned turn = 0; turn < dealt->turns; turn++) {
        struct decide_candidate models[MODELS];
        const struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = dealt->tolerance,
                                           .margin = dealt->margin, .has_past = turn > 0};
        prompt += dealt->asked[turn];
        for (size_t i = 0; i < MODELS; i++) {
            const struct rates *rates = &dealt->rates[i];
            const double fresh = prompt - warm[i], reply = dealt->replied[turn];
            models[i] = (struct decide_candidate){
                .quality = dealt->quality[turn][i], .strength = rates->input, .warm_tokens = warm[i],
                .cost = (uint64_t)(fresh * rates->input + warm[i] * rates->read + reply * rates->output),
                .way_back = (uint64_t)((fresh + reply) * (rates->input - rates->read))};
        }
        const struct decision decision = of(terms, models, MODELS);
        const size_t chosen = stays_at == DECIDE_NONE ? decision.chosen : stays_at;
        *moves += turn > 0 && chosen != at;
        *by_text += turn > 0 && decision.by_text != text_at;
        *first = turn == 0 ? chosen : *first;
        at = chosen;
        text_at = decision.by_text;
        spent += (double)models[chosen].cost;
        prompt += dealt->replied[turn];
        warm[chosen] = prompt;
    }
    return spent;
}

static void test_no_conversation_costs_more_than_staying(void **state)
{
    struct rng rng;
    unsigned moves = 0, by_text = 0, ignored = 0;
    (void)state;
    rng_seed(&rng, 15);
    for (unsigned i = 0; i < TALKS; i++) {
        struct dealt dealt;
        size_t first = 0, same = 0;
        deal(&rng, &dealt);
        const double routed = converse(&dealt, DECIDE_NONE, &first, &moves, &by_text);
        const double stayed = converse(&dealt, first, &same, &ignored, &ignored);
        if (routed > stayed)
            fail_msg("conversation %u: %f where staying costs %f", i, routed, stayed);
    }
    assert_true(by_text > TALKS); /* texts alone would have moved all the time, */
    assert_true(moves > 0 && moves < by_text / 10); /* and some moves are worth it */
}

/* Prices at which a cold small model is cheaper for this one turn, by less than what coming back takes. */
static void test_the_way_back_counts(void **state)
{
    struct decide_candidate pair[2] = {
        {.quality = 0.9, .strength = 1, .cost = 600},
        {.quality = 0.9, .strength = 10, .cost = 1000, .way_back = 300, .warm_tokens = 2000}};
    struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 0.1, .margin = 0.2, .has_past = true};
    (void)state;
    assert_string_equal(of(terms, pair, 2).reason, "stays-warm");
    assert_int_equal(of(terms, pair, 2).by_text, 0);
    assert_int_equal(of(terms, pair, 2).warmest, 1);
    pair[1].way_back = 150;
    assert_int_equal(of(terms, pair, 2).chosen, 0);
    terms.has_past = false; /* a shared prefix is no conversation */
    pair[1].way_back = 300;
    assert_int_equal(of(terms, pair, 2).chosen, 0);
}

static void test_quality_past_the_margin_moves(void **state)
{
    struct decide_candidate pair[2];
    struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 0.1, .margin = 0.2, .has_past = true};
    (void)state;
    fill(pair, 0.62, 0.9);
    pair[0].warm_tokens = 1500;
    assert_string_equal(of(terms, pair, 2).reason, "stays-warm");
    pair[0].quality = 0.55;
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    terms.margin = 0;
    pair[0].quality = 0.79;
    assert_int_equal(of(terms, pair, 2).chosen, 1);
    pair[1].warm_tokens = 1500; /* the conversation is at neither */
    terms.margin = 0.2;
    assert_int_equal(of(terms, pair, 2).warmest, DECIDE_NONE);
    assert_int_equal(of(terms, pair, 2).chosen, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_who_cannot_take_it),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_a_conversation_never_costs_more_than_staying),
        cmocka_unit_test(test_no_conversation_costs_more_than_staying),
        cmocka_unit_test(test_the_way_back_counts),
        cmocka_unit_test(test_quality_past_the_margin_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
