/* test_demo.c - the demo's day and its figures: the same seed tells the same, what is right stands in the prompt, and
 * shares add up. */
#include "support.h"

#include "core/util.h"
#include "demo/report.h"
#include "engine/embedded.h"

#define CONVERSATIONS 40

static void make_day(uint64_t seed, size_t count, struct demo_day *day)
{
    struct error error;
    assert_int_equal(demo_day_make(embedded_file(STR("demo.json")), seed, count, DEMO_PROMPT_TOKENS, day, &error), OK);
}

static void test_same_seed_same_day(void **state)
{
    struct demo_day a, b, other;
    (void)state;
    make_day(7, CONVERSATIONS, &a);
    make_day(7, CONVERSATIONS, &b);
    make_day(8, CONVERSATIONS, &other);
    assert_true(str_eq(a.system, b.system));
    assert_false(str_eq(a.system, other.system));
    for (size_t i = 0; i < CONVERSATIONS; i++)
        for (size_t turn = 0; turn < DEMO_TURNS; turn++) {
            assert_true(str_eq(a.conversations[i].turns[turn].text, b.conversations[i].turns[turn].text));
            assert_true(str_eq(a.conversations[i].turns[turn].gold, b.conversations[i].turns[turn].gold));
        }
    demo_day_deinit(&a);
    demo_day_deinit(&b);
    demo_day_deinit(&other);
}

/* More conversations go on where fewer end. */
static void test_longer_day_begins_the_same(void **state)
{
    struct demo_day few, many;
    (void)state;
    make_day(3, 2, &few);
    make_day(3, CONVERSATIONS, &many);
    assert_true(str_eq(few.system, many.system));
    assert_true(str_eq(few.conversations[1].notes[0].text, many.conversations[1].notes[0].text));
    demo_day_deinit(&few);
    demo_day_deinit(&many);
}

static void test_gold_stands_in_the_prompt(void **state)
{
    struct demo_day day;
    size_t complex = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        make_day(seed, CONVERSATIONS, &day);
        assert_in_range(day.system.len, 6000, 9000);
        complex = 0;
        for (size_t i = 0; i < CONVERSATIONS; i++)
            for (size_t turn = 0; turn < DEMO_TURNS; turn++) {
                const struct demo_question *question = &day.conversations[i].turns[turn];
                assert_true(question->gold.len > 0 && question->text.len > 0);
                assert_true(str_find(day.system, question->gold, 0) >= 0);
                assert_true(str_find_char(question->text, '{', 0) < 0);
                complex += question->is_complex;
            }
        assert_int_equal(complex, CONVERSATIONS * DEMO_TURNS * 35 / 100);
        assert_true(str_find_char(day.system, '{', 0) < 0);
        demo_day_deinit(&day);
    }
}

/* Else which of them would read the other's turns from a cache would be chance. */
static void test_neighbours_begin_differently(void **state)
{
    struct demo_day day;
    (void)state;
    make_day(1, 200, &day);
    for (size_t i = 0; i < 200; i++)
        for (size_t before = i > 24 ? i - 24 : 0; before < i; before++)
            assert_false(str_eq(day.conversations[i].turns[0].text, day.conversations[before].turns[0].text));
    for (size_t i = 0; i < 200; i++)
        for (size_t turn = 1; turn < DEMO_TURNS; turn++)
            for (size_t before = 0; before < turn; before++)
                assert_false(str_eq(day.conversations[i].turns[turn].gold, day.conversations[i].turns[before].gold));
    demo_day_deinit(&day);
}

/* A summary's order and product are those that the talk names, its last field one of the results. */
static void test_notes_tell_the_case(void **state)
{
    struct demo_day day;
    (void)state;
    make_day(5, CONVERSATIONS, &day);
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        const struct demo_note *summary = &day.conversations[i].notes[0], *tag = &day.conversations[i].notes[1];
        struct str rest = summary->gold, field;
        size_t fields = 0;
        while (str_split(&rest, ';', &field)) {
            field = str_trim(field);
            if (fields == 1 || fields == 2)
                assert_true(str_eq(field, STR("none")) || str_find(summary->text, field, 0) >= 0);
            fields++;
        }
        assert_int_equal(fields, 4);
        assert_true(tag->gold.len == 1 && tag->gold.data[0] >= '1' && tag->gold.data[0] <= '5');
        assert_true(str_starts(summary->text, STR("Customer: ")) && str_starts(tag->text, STR("Customer: ")));
    }
    demo_day_deinit(&day);
}

static void test_no_such_phrases(void **state)
{
    static const char *const texts[] = {"{}", "[1]", "{\"lists\":{},\"facts\":{},\"intents\":{},\"words\":{}}", "no"};
    struct demo_day day;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(demo_day_make(str_of(texts[i]), 1, 2, 2000, &day, &error), ERROR_INTERNAL);
        demo_day_deinit(&day);
    }
}

/* --- figures -------------------------------------------------------------------------------------------- */

static struct ledger_line line_of(enum demo_phase phase, size_t conversation, size_t cell,
                                  char session[DEMO_SESSION_MAX])
{
    demo_session(phase, conversation, cell, session);
    return (struct ledger_line){.session = str_of(session), .router = STR("")};
}

/* Costs of all kinds, odd to the last digit, negative shares, an answer that was made again. */
static void fill(struct demo_figures *figures)
{
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t i = 0; i < figures->conversations; i++)
        for (size_t cell = 0; cell < DEMO_CELLS; cell++) {
            char session[DEMO_SESSION_MAX];
            struct ledger_line line = line_of(DEMO_NONE, i, cell, session);
            line.quote.cost = line.quote.baseline = 1000000 + rng_below(&rng, 999999);
            line.usage.tokens[PRICE_INPUT] = 100;
            line.latency_us = 1000 * (i * DEMO_TURNS + cell + 1);
            demo_figures_add(figures, &line);
            line = line_of(DEMO_ALL, i, cell, session);
            line.quote.baseline = 1000000 + rng_below(&rng, 999999);
            line.quote.saved[LEVER_ROUTE] = (int64_t)rng_below(&rng, 400000);
            line.quote.saved[LEVER_CACHE] = (int64_t)rng_below(&rng, 300000) - 1000;
            line.quote.cost =
                line.quote.baseline - (uint64_t)(line.quote.saved[LEVER_ROUTE] + line.quote.saved[LEVER_CACHE]);
            line.usage.tokens[PRICE_CACHE_READ] = 75;
            line.usage.tokens[PRICE_INPUT] = 25;
            demo_figures_add(figures, &line);
            line.router = STR("doubted");
            line.quote = (struct price_quote){.cost = 17, .saved = {[LEVER_ROUTE] = -17}};
            line.usage = (struct price_usage){{0}};
            line.latency_us = 999999999;
            demo_figures_add(figures, &line);
        }
}

static void test_shares_add_up(void **state)
{
    struct demo_figures figures;
    struct demo_sum none, all;
    struct error error;
    int64_t shares[DEMO_SHARES], together = 0;
    (void)state;
    assert_int_equal(demo_figures_init(&figures, CONVERSATIONS, &error), OK);
    fill(&figures);
    assert_int_equal(demo_figures_sum(&figures, DEMO_NONE, &none, &error), OK);
    assert_int_equal(demo_figures_sum(&figures, DEMO_ALL, &all, &error), OK);
    demo_figures_shares(&figures, shares);
    for (size_t i = 0; i < DEMO_SHARES; i++)
        together += shares[i];
    assert_true(together == none.cost - all.cost);
    assert_true(shares[SHARE_TIER] == 0 && shares[SHARE_CACHE] != 0 && shares[SHARE_DISTILL] != 0);
    assert_true(all.hit_rate == 0.75 && none.hit_rate == 0);
    assert_true(none.rows == CONVERSATIONS * DEMO_CELLS);
    assert_true(none.p50_ms == 100 && none.p99_ms == 198); /* of 1 to 200 ms */
    demo_figures_deinit(&figures);
}

static void test_other_lines_count_for_nothing(void **state)
{
    static const char *const sessions[] = {"", "none", "none-1", "none-x-1", "none-1-9", "none-99-1", "other-1-1"};
    struct demo_figures figures;
    struct demo_sum sum;
    struct error error;
    (void)state;
    assert_int_equal(demo_figures_init(&figures, 2, &error), OK);
    for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        const struct ledger_line line = {.session = str_of(sessions[i]), .quote = {.cost = 5}};
        demo_figures_add(&figures, &line);
    }
    for (size_t phase = 0; phase < DEMO_PHASES; phase++) {
        assert_int_equal(demo_figures_sum(&figures, (enum demo_phase)phase, &sum, &error), OK);
        assert_true(sum.cost == 0);
    }
    demo_figures_deinit(&figures);
}

static void test_same_cells(void **state)
{
    struct demo_figures figures;
    struct error error;
    (void)state;
    assert_int_equal(demo_figures_init(&figures, CONVERSATIONS, &error), OK);
    fill(&figures);
    demo_figures_same(&figures, DEMO_BATCH, 10, 5, 0, DEMO_TURNS);
    for (size_t i = 0; i < CONVERSATIONS * DEMO_CELLS; i++) {
        const bool is_same = i / DEMO_CELLS >= 10 && i / DEMO_CELLS < 15 && i % DEMO_CELLS < DEMO_TURNS;
        assert_true(figures.cells[DEMO_BATCH][i].cost == (is_same ? figures.cells[DEMO_NONE][i].cost : 0));
    }
    demo_figures_deinit(&figures);
}

static void test_dollars(void **state)
{
    static const struct {
        int64_t pico;
        const char *text;
    } cases[] = {{0, "0.000000000000"}, {1, "0.000000000001"}, {-1, "-0.000000000001"},
                 {1234567890123, "1.234567890123"}, {-5000000000000, "-5.000000000000"}};
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&out);
        demo_append_dollars(&out, cases[i].pico);
        assert_true(str_eq(buf_str(&out), str_of(cases[i].text)));
    }
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_day),      cmocka_unit_test(test_longer_day_begins_the_same),
        cmocka_unit_test(test_gold_stands_in_the_prompt), cmocka_unit_test(test_neighbours_begin_differently),
        cmocka_unit_test(test_notes_tell_the_case),
        cmocka_unit_test(test_no_such_phrases),         cmocka_unit_test(test_shares_add_up),
        cmocka_unit_test(test_other_lines_count_for_nothing), cmocka_unit_test(test_same_cells),
        cmocka_unit_test(test_dollars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
