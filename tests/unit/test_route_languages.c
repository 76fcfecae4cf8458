/* What a prompt is in any language: letters and marks of all scripts, lists, how much is asked, where prompts go. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "route/decide.h"
#include "route/features.h"
#include "route/lines.h"
#include "route/predictor.h"
#include "route/script.h"

static enum script_kind kind_of(uint32_t code)
{
    struct script_char character;
    script_read(code, &character);
    return character.kind;
}

static void marks_are_told_by_what_they_do(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        enum script_kind kind;
    } cases[] = {
        {0x3002, SCRIPT_STOP},  {0x0964, SCRIPT_STOP},  {0x06d4, SCRIPT_STOP},   {0x1362, SCRIPT_STOP},
        {0xff1f, SCRIPT_ASKS},  {0x061f, SCRIPT_ASKS},  {0x037e, SCRIPT_ASKS},   {0x055e, SCRIPT_ASKS},
        {0xff0c, SCRIPT_CLAUSE}, {0x3001, SCRIPT_CLAUSE}, {0x060c, SCRIPT_CLAUSE}, {0x061b, SCRIPT_CLAUSE},
        {0xff1a, SCRIPT_COLON}, {0x00ab, SCRIPT_QUOTE}, {0x201e, SCRIPT_QUOTE},  {0x300c, SCRIPT_QUOTE},
        {0xff08, SCRIPT_BRACKET}, {0x2264, SCRIPT_SIGN}, {0x20ac, SCRIPT_SIGN},   {0x2192, SCRIPT_SIGN},
        {0x0665, SCRIPT_NUMERAL}, {0x096b, SCRIPT_NUMERAL}, {0xff15, SCRIPT_NUMERAL}, {0x3000, SCRIPT_BLANK},
        {0x00bf, SCRIPT_MARK},  {0x4e2d, SCRIPT_ALONE}, {0x304b, SCRIPT_ALONE},  {0xac00, SCRIPT_LETTER},
        {0x0434, SCRIPT_LETTER}, {0x0e01, SCRIPT_LETTER}, {0x093f, SCRIPT_JOINED}, {0x0301, SCRIPT_JOINED},
        {0x200d, SCRIPT_JOINED}, {0, SCRIPT_BLANK},      {0x1fffff, SCRIPT_BLANK}, {0xd800, SCRIPT_BLANK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (kind_of(cases[i].code) != cases[i].kind)
            fail_msg("U+%04X is %d", cases[i].code, kind_of(cases[i].code));
}

static void characters_survive_being_written(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint8_t bytes[4];
        uint32_t code;
        const size_t len = script_encode(codes[i], bytes);
        assert_int_equal(script_decode(bytes, bytes + len, &code), len);
        assert_int_equal(code, codes[i]);
        assert_int_equal(script_decode(bytes, bytes + len - 1, &code), 1); /* cut short */
        assert_int_equal(code, 0);
    }
}

static void lists_are_found_in_any_script(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "Pick one\nA. red\nB. blue", "1) red\n2) blue", "(a) red\n(b) blue", "- red\n- blue",
        "\xe2\x80\xa2 rot\n\xe2\x80\xa2 blau",
        "\xe4\xb8\x80\xe3\x80\x81\xe7\xba\xa2\n\xe4\xba\x8c\xe3\x80\x81\xe8\x93\x9d",   /* Han numerals and comma */
        "\xef\xbc\x88""1\xef\xbc\x89\xe7\xba\xa2\n\xef\xbc\x88""2\xef\xbc\x89\xe8\x93\x9d", /* wide brackets */
        "\xe2\x91\xa0\xe7\xba\xa2\n\xe2\x91\xa1\xe8\x93\x9d",                            /* circled numbers */
        "\xd0\xb0) \xd0\xba\xd1\x80\n\xd0\xb1) \xd1\x81\xd0\xb8",                        /* Cyrillic letters */
        "\xd8\xa3) \xd8\xa7\n\xd8\xa8) \xd8\xa8",                                        /* Arabic letters */
    };
    static const char *const others[] = {"red\nblue", "", "A.", "We met.\nMr. Blue", "10.5 pounds\n3.2 pounds",
                                         "\xe4\xb8\xad\xe5\x9b\xbd\xe4\xba\xba\xe3\x80\x81\xe7\xba\xa2"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct lines lines = {0};
        lines_read(str_of(lists[i]), &lines);
        if (lines.items != 2)
            fail_msg("list %zu: %f", i, (double)lines.items);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct lines lines = {0};
        lines_read(str_of(others[i]), &lines);
        if (lines.items > 1)
            fail_msg("no list %zu: %f", i, (double)lines.items);
    }
}

static struct route_prompt prompt_of(const char *user)
{
    return (struct route_prompt){.turns = 1,
                                 .user = {.slices = {str_of(user)}, .count = 1, .bytes = strlen(user)}};
}

static float demand_of(const struct route_prompt *prompt)
{
    static struct features features;
    features_read(prompt, &features);
    return features_demand(features.built);
}

/* One question in many languages asks about as much in each. */
static void the_same_question_asks_as_much_in_any_script(void **state)
{
    (void)state;
    static const char *const questions[] = {
        "Until what time is your shop open today?",
        "Bis wann ist Ihr Laden heute ge\xc3\xb6" "ffnet?",
        "\xd0\x94\xd0\xbe \xd0\xba\xd0\xb0\xd0\xba\xd0\xbe\xd0\xb3\xd0\xbe \xd1\x87\xd0\xb0\xd1\x81\xd0\xb0 "
        "\xd0\xb2\xd0\xb0\xd1\x88 \xd0\xbc\xd0\xb0\xd0\xb3\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbd \xd1\x81\xd0\xb5\xd0\xb3"
        "\xd0\xbe\xd0\xb4\xd0\xbd\xd1\x8f \xd0\xbe\xd1\x82\xd0\xba\xd1\x80\xd1\x8b\xd1\x82?",
        "\xe4\xbd\xa0\xe4\xbb\xac\xe5\x95\x86\xe5\xba\x97\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xbc\x80\xe5\x88\xb0\xe5\x87\xa0"
        "\xe7\x82\xb9\xef\xbc\x9f",
        "\xe3\x81\x8a\xe5\xba\x97\xe3\x81\xaf\xe4\xbb\x8a\xe6\x97\xa5\xe4\xbd\x95\xe6\x99\x82\xe3\x81\xbe\xe3\x81\xa7"
        "\xe9\x96\x8b\xe3\x81\x84\xe3\x81\xa6\xe3\x81\x84\xe3\x81\xbe\xe3\x81\x99\xe3\x81\x8b\xef\xbc\x9f",
        "\xec\x98\xa4\xeb\x8a\x98 \xea\xb0\x80\xea\xb2\x8c\xeb\x8a\x94 \xeb\xaa\x87 \xec\x8b\x9c\xea\xb9\x8c\xec\xa7"
        "\x80 \xec\x98\x81\xec\x97\x85\xed\x95\x98\xeb\x82\x98\xec\x9a\x94?",
    };
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        const struct route_prompt prompt = prompt_of(questions[i]);
        const float demand = demand_of(&prompt);
        if (demand < 22 || demand > 46)
            fail_msg("question %zu asks %f", i, (double)demand);
    }
}

static void what_a_question_refers_to_is_asked_too(void **state)
{
    (void)state;
    struct route_prompt prompt = prompt_of("Sum it up");
    const float alone = demand_of(&prompt);
    assert_true(alone < 10);
    prompt.images = 1;
    assert_true(demand_of(&prompt) > 100);
    prompt.images = 0;
    prompt.history_bytes = 3000;
    assert_true(demand_of(&prompt) > 3000);
    const struct route_prompt formula = prompt_of("3*x^2 - 12*x + 7 = 0"), words = prompt_of("three times four");
    assert_true(demand_of(&formula) > 2 * demand_of(&words));
    const struct route_prompt list = prompt_of("Which?\n1. a\n2. b\n3. c");
    assert_true(demand_of(&list) > 60);
}

/* --- where they go --- */

/* As a router of tolerance 0.05 decides over two models that the predictor does not know. */
static size_t route(const struct predictor *predictor, const char *user)
{
    const struct predictor_candidate models[] = {{STR("some small model"), 1}, {STR("some large model"), 10}};
    const struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = 0.05, .fallback = 1};
    const struct route_prompt prompt = prompt_of(user);
    struct decide_candidate candidates[2];
    struct prediction predictions[2];
    struct predictor_bound bound;
    struct decision decision;
    struct error error;
    assert_int_equal(predictor_bind(predictor, models, 2, &bound, &error), OK);
    predictor_ask(predictor, &bound, &prompt, predictions);
    for (size_t i = 0; i < 2; i++)
        candidates[i] = (struct decide_candidate){.quality = (double)predictions[i].quality,
                                                  .uncertainty = (double)predictions[i].uncertainty,
                                                  .strength = models[i].strength, .cost = i ? 1000 : 100};
    decide(&terms, candidates, 2, &decision);
    return decision.chosen;
}

static void everyday_questions_are_for_the_small_model(void **state)
{
    (void)state;
    static const char *const questions[] = {
        "What are your business hours?", "Where is my order?", "Do you ship to Canada?",
        "\xc2\xbf" "Cu\xc3\xa1l es su horario de atenci\xc3\xb3n?", "\xc2\xbf" "D\xc3\xb3nde est\xc3\xa1 mi pedido?",
        "Was sind Ihre \xc3\x96" "ffnungszeiten?", "Wie lange dauert der Versand?",
        "\xe4\xbd\xa0\xe4\xbb\xac\xe7\x9a\x84\xe8\x90\xa5\xe4\xb8\x9a\xe6\x97\xb6\xe9\x97\xb4\xe6\x98\xaf\xe4\xbb\x80"
        "\xe4\xb9\x88\xef\xbc\x9f",
        "Quels sont vos horaires d'ouverture ?", "Posso pagare in contanti?", "Qual \xc3\xa9 o hor\xc3\xa1rio?",
        "\xd0\x93\xd0\xb4\xd0\xb5 \xd0\xbc\xd0\xbe\xd0\xb9 \xd0\xb7\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb7?",
        "\xd9\x85\xd8\xa7 \xd9\x87\xd9\x8a \xd8\xb3\xd8\xa7\xd8\xb9\xd8\xa7\xd8\xaa \xd8\xa7\xd9\x84\xd8\xb9\xd9\x85"
        "\xd9\x84\xd8\x9f",
        "\xe5\x96\xb6\xe6\xa5\xad\xe6\x99\x82\xe9\x96\x93\xe3\x81\xaf\xe4\xbd\x95\xe6\x99\x82\xe3\x81\xbe\xe3\x81\xa7"
        "\xe3\x81\xa7\xe3\x81\x99\xe3\x81\x8b\xef\xbc\x9f",
    };
    struct predictor *predictor;
    struct error error;
    assert_int_equal(predictor_open_builtin(PREDICTOR_GENERAL, &predictor, &error), OK);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (route(predictor, questions[i]) != 0)
            fail_msg("%s", questions[i]);
    predictor_free(predictor);
}

static void clauses_and_proofs_are_for_the_large_one(void **state)
{
    (void)state;
    static const char *const questions[] = {
        "Analyze the indemnification clause of this agreement and identify the legal risks for the buyer.",
        "Prove that there are infinitely many primes congruent to 3 modulo 4, and explain why the same argument fails "
        "for primes congruent to 1.",
        "Analice la siguiente cl\xc3\xa1usula y explique los riesgos: \xc2\xab" "El Proveedor indemnizar\xc3\xa1 al "
        "Cliente frente a cualquier p\xc3\xa9rdida, siempre que este lo notifique sin demora por escrito\xc2\xbb.",
        "Analysieren Sie die Vertragsklausel zur Freistellung und nennen Sie die Risiken f\xc3\xbcr den K\xc3\xa4ufer.",
        "\xe5\x88\x86\xe6\x9e\x90\xe8\xbf\x99\xe4\xbb\xbd\xe5\x90\x88\xe5\x90\x8c\xe4\xb8\xad\xe7\x9a\x84\xe8\xb5\x94"
        "\xe5\x81\xbf\xe6\x9d\xa1\xe6\xac\xbe\xef\xbc\x8c\xe5\xb9\xb6\xe6\x8c\x87\xe5\x87\xba\xe4\xb9\xb0\xe6\x96\xb9"
        "\xe9\x9d\xa2\xe4\xb8\xb4\xe7\x9a\x84\xe6\xb3\x95\xe5\xbe\x8b\xe9\xa3\x8e\xe9\x99\xa9\xe3\x80\x82",
        "Expliquez pourquoi cet algorithme de tri est en O(n log n) dans le pire des cas et comparez-le \xc3\xa0 deux "
        "alternatives, en tenant compte de la m\xc3\xa9moire.",
    };
    struct predictor *predictor;
    struct error error;
    assert_int_equal(predictor_open_builtin(PREDICTOR_GENERAL, &predictor, &error), OK);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (route(predictor, questions[i]) != 1)
            fail_msg("%s", questions[i]);
    predictor_free(predictor);
}

/* Words of a desk are known to its predictor, those of a contract are not. */
static void the_desk_knows_its_own_matters(void **state)
{
    (void)state;
    struct predictor *predictor;
    struct predictor_bound bound;
    struct prediction predictions[2];
    struct error error;
    assert_int_equal(predictor_open_builtin(PREDICTOR_DESK, &predictor, &error), OK);
    const struct predictor_candidate models[] = {{STR("desk-small"), 1}, {STR("desk-large"), 10}};
    assert_int_equal(predictor_bind(predictor, models, 2, &bound, &error), OK);
    assert_true(bound.places[0].is_known && bound.places[1].is_known);
    const struct route_prompt desk = prompt_of("What do I pay for a package to Canada?");
    const struct route_prompt contract = prompt_of("Does the indemnity survive assignment of the lease by novation?");
    predictor_ask(predictor, &bound, &desk, predictions);
    assert_true(predictions[0].familiarity >= PREDICTOR_FAMILIAR);
    predictor_ask(predictor, &bound, &contract, predictions);
    assert_true(predictions[0].familiarity < PREDICTOR_FAMILIAR);
    predictor_free(predictor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_told_by_what_they_do),
        cmocka_unit_test(characters_survive_being_written),
        cmocka_unit_test(lists_are_found_in_any_script),
        cmocka_unit_test(the_same_question_asks_as_much_in_any_script),
        cmocka_unit_test(what_a_question_refers_to_is_asked_too),
        cmocka_unit_test(everyday_questions_are_for_the_small_model),
        cmocka_unit_test(clauses_and_proofs_are_for_the_large_one),
        cmocka_unit_test(the_desk_knows_its_own_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
