/* Where marks of the prompt cache are placed, by what came back before. */
#include "support.h"

#include "core/util.h"
#include "upstream/marks.h"

#define SECOND UINT64_C(1000000)
#define LEAST 1024
#define WHOLE 20000 /* bytes: 5,000 tokens */
#define FIXED 8000  /* 2,000 */

struct day {
    struct marks *marks;
    uint64_t now_us, next;
};

static struct day begin(void)
{
    struct day day = {.marks = marks_new(1000), .now_us = 3600 * SECOND, .next = 1};
    assert_non_null(day.marks);
    return day;
}

/* As Anthropic's: a write is a quarter more, for an hour twice, a read a tenth. */
static struct marks_prompt prompt_of(uint64_t fixed, uint64_t whole, const struct marks_prefix *earlier, size_t count)
{
    return (struct marks_prompt){.group = 7, .fixed = {fixed, FIXED}, .whole = {whole, WHOLE}, .earlier = earlier,
                                 .earlier_count = count, .is_later = count > 0, .has_hour = true, .min_tokens = LEAST,
                                 .rates = {100, 10, 125, 200}};
}

static struct marks_choice ask(struct day *day, uint64_t fixed, uint64_t whole, const struct marks_prefix *earlier,
                               size_t count)
{
    const struct marks_prompt prompt = prompt_of(fixed, whole, earlier, count);
    struct marks_choice choice;
    marks_choose(day->marks, &prompt, day->now_us, &choice);
    marks_sent(day->marks, &prompt, &choice, day->now_us);
    return choice;
}

/* A conversation over a fixed beginning: so many turns, each so long after the last one. The last choice. */
static struct marks_choice talk(struct day *day, uint64_t fixed, int turns, uint64_t pause_us)
{
    struct marks_prefix ends[64];
    struct marks_choice choice = {.miss = MARKS_MISS_NONE};
    for (int i = 0; i < turns; i++) {
        ends[i] = (struct marks_prefix){UINT64_C(1000) * day->next + (uint64_t)i + 1, WHOLE};
        choice = ask(day, fixed, ends[i].hash, ends, (size_t)i);
        day->now_us += pause_us;
    }
    day->next++;
    return choice;
}

static void test_a_fixed_beginning(void **state)
{
    (void)state;
    struct day day = begin();
    struct marks_choice choice = ask(&day, 5, 100, NULL, 0);
    assert_int_equal(choice.fixed.ttl_s, 300);
    assert_int_equal(choice.fixed.tokens, FIXED / 4);
    assert_int_equal(choice.miss, MARKS_MISS_FIRST);
    assert_int_equal(choice.whole.ttl_s, 0); /* first turns are alone, as far as anybody knows */
    for (uint64_t i = 1; i < 50; i++) {
        day.now_us += 10 * SECOND;
        choice = ask(&day, 5, 100 + i, NULL, 0);
        assert_int_equal(choice.fixed.ttl_s, 300);
        assert_int_equal(choice.miss, MARKS_MISS_NONE);
    }
    assert_true(choice.fixed.expected > 5);
    assert_int_equal(choice.whole.ttl_s, 0);
    marks_free(day.marks);
}

static void test_conversations(void **state)
{
    (void)state;
    struct day day = begin();
    assert_true(talk(&day, 0, 3, 20 * SECOND).whole.ttl_s == 300); /* one that goes on, goes on */
    for (int i = 0; i < 20; i++)
        talk(&day, 0, 4, 20 * SECOND);
    assert_int_equal(talk(&day, 0, 1, SECOND).whole.ttl_s, 300); /* now first turns are known to be followed */
    assert_int_equal(talk(&day, 0, 5, 20 * SECOND).miss, MARKS_MISS_NONE);
    marks_free(day.marks);
}

static void test_questions_alone(void **state)
{
    (void)state;
    struct day day = begin();
    uint64_t placed, withheld;
    for (uint64_t i = 0; i < 1000; i++) {
        day.now_us += SECOND / 100; /* all of them before any could be given up */
        ask(&day, 10000 + i, 20000 + i, NULL, 0);
    }
    marks_totals(day.marks, &placed, &withheld);
    assert_true(placed < 15);
    assert_int_equal(placed + withheld, 2000);
    day.now_us += 2 * 3600 * SECOND;
    assert_int_equal(ask(&day, 1, 2, NULL, 0).fixed.ttl_s, 0); /* and it is not forgotten */
    marks_free(day.marks);
}

static void test_they_change_their_ways(void **state)
{
    (void)state;
    struct day day = begin();
    uint64_t before, after, ignored;
    for (int i = 0; i < 30; i++)
        talk(&day, 0, 4, 20 * SECOND);
    marks_totals(day.marks, &before, &ignored);
    for (uint64_t i = 0; i < 300; i++) {
        day.now_us += 20 * SECOND;
        ask(&day, 0, 900000 + i, NULL, 0);
    }
    marks_totals(day.marks, &after, &ignored);
    assert_true(after - before < 150);
    assert_int_equal(ask(&day, 0, 1, NULL, 0).whole.ttl_s, 0);
    marks_free(day.marks);
}

static void test_an_hour(void **state)
{
    (void)state;
    struct day day = begin();
    struct marks_choice choice = {.miss = MARKS_MISS_NONE};
    for (int i = 0; i < 20; i++) { /* it comes each quarter of an hour: too late for five minutes */
        choice = ask(&day, 5, 100 + (uint64_t)i, NULL, 0);
        day.now_us += 900 * SECOND;
    }
    assert_int_equal(choice.fixed.ttl_s, 3600);
    assert_int_equal(choice.miss, MARKS_MISS_NONE);
    struct marks_prompt prompt = prompt_of(5, 999, NULL, 0);
    prompt.has_hour = false;
    day.now_us += 2 * 3600 * SECOND;
    marks_choose(day.marks, &prompt, day.now_us, &choice);
    assert_int_equal(choice.fixed.ttl_s, 0);
    marks_free(day.marks);
}

static void test_expired(void **state)
{
    (void)state;
    struct day day = begin();
    for (uint64_t i = 0; i < 20; i++, day.now_us += 10 * SECOND)
        ask(&day, 5, 100 + i, NULL, 0);
    day.now_us += 390 * SECOND;
    const struct marks_choice choice = ask(&day, 5, 500, NULL, 0);
    assert_int_equal(choice.miss, MARKS_MISS_EXPIRED);
    assert_int_equal(choice.miss_value, 400);
    assert_true(choice.fixed.ttl_s > 0);
    marks_free(day.marks);
}

static void test_what_does_not_pay(void **state)
{
    (void)state;
    struct day day = begin();
    struct marks_choice choice;
    for (int turn = 0; turn < 2; turn++) {
        struct marks_prompt prompt = prompt_of(5, 6, NULL, 0);
        prompt.min_tokens = WHOLE / 4 + 1;
        marks_choose(day.marks, &prompt, day.now_us, &choice);
        marks_sent(day.marks, &prompt, &choice, day.now_us);
        assert_int_equal(choice.fixed.ttl_s + choice.whole.ttl_s, 0);
        assert_int_equal(choice.miss, MARKS_MISS_SHORT);
        assert_int_equal(choice.miss_value, WHOLE / 4);
    }
    struct marks_prompt prompt = prompt_of(5, 6, NULL, 0);
    prompt.rates = (struct marks_rates){100, 100, 125, 200}; /* reads cost as much */
    marks_choose(day.marks, &prompt, day.now_us, &choice);
    assert_int_equal(choice.fixed.ttl_s + choice.whole.ttl_s, 0);
    prompt.rates = (struct marks_rates){100, 50, 1000, 1000}; /* and writes cost ten times as much */
    marks_choose(day.marks, &prompt, day.now_us, &choice);
    assert_true(choice.fixed.ttl_s == 0 || choice.fixed.expected * 50 > 900);
    prompt.rates = (struct marks_rates){100, 10, 0, 0}; /* writes are free: always */
    choice.whole.ttl_s = 0;
    prompt.whole.hash = 77;
    marks_choose(day.marks, &prompt, day.now_us, &choice);
    assert_int_equal(choice.whole.ttl_s, 300);
    marks_free(day.marks);
}

static void test_groups_are_apart(void **state)
{
    (void)state;
    struct day day = begin();
    for (int i = 0; i < 20; i++)
        talk(&day, 0, 4, 20 * SECOND);
    struct marks_prompt prompt = prompt_of(0, 1, NULL, 0);
    struct marks_choice choice;
    prompt.group = 8;
    marks_choose(day.marks, &prompt, day.now_us, &choice);
    assert_int_equal(choice.whole.ttl_s, 0);
    marks_free(day.marks);
}

static void test_tokens_are_learnt(void **state)
{
    (void)state;
    struct day day = begin();
    assert_int_equal(ask(&day, 5, 6, NULL, 0).fixed.tokens, FIXED / 4);
    marks_counted(day.marks, 7, 3000, 1000);
    marks_counted(day.marks, 7, 0, 0);
    assert_int_equal(ask(&day, 5, 7, NULL, 0).fixed.tokens, 2666);
    for (int i = 0; i < 100; i++)
        marks_counted(day.marks, 7, 200000, 100000);
    assert_true(ask(&day, 5, 8, NULL, 0).fixed.tokens > 3900);
    marks_free(day.marks);
}

/* Whatever comes, the chains hold; the sanitizers look on. */
static void test_at_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        struct day day = begin();
        marks_free(day.marks);
        day.marks = marks_new(1 + seed * 3);
        rng_seed(&rng, seed);
        for (int i = 0; i < 3000; i++) {
            struct marks_prefix ends[8];
            const size_t count = rng_below(&rng, 8);
            for (size_t k = 0; k < count; k++)
                ends[k] = (struct marks_prefix){1 + rng_below(&rng, 100), 1 + rng_below(&rng, 50000)};
            day.now_us += rng_below(&rng, 1000 * SECOND);
            struct marks_prompt prompt = prompt_of(rng_below(&rng, 100), 1 + rng_below(&rng, 100), ends, count);
            prompt.group = rng_below(&rng, 3);
            struct marks_choice choice;
            marks_choose(day.marks, &prompt, day.now_us, &choice);
            marks_sent(day.marks, &prompt, &choice, day.now_us);
            assert_true(choice.whole.ttl_s == 0 || choice.fixed.ttl_s == 0 || choice.fixed.ttl_s >= choice.whole.ttl_s);
            assert_true(choice.whole.expected >= 0 && choice.whole.expected <= 20);
        }
        marks_free(day.marks);
    }
    marks_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fixed_beginning),      cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_questions_alone),        cmocka_unit_test(test_they_change_their_ways),
        cmocka_unit_test(test_an_hour),                cmocka_unit_test(test_expired),
        cmocka_unit_test(test_what_does_not_pay),      cmocka_unit_test(test_groups_are_apart),
        cmocka_unit_test(test_tokens_are_learnt),      cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
