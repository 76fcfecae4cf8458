/* Likeness and nearness of texts: estimates against what is exact, what is promised of duplicates and of order, and
 * texts of any kind. */
#include "support.h"

#include <math.h>
#include <stdio.h>

#include "core/mem.h"
#include "core/util.h"
#include "customize/similar.h"

#define TEXT_MAX 4096

struct shingled {
    uint32_t items[TEXT_MAX + 2];
    size_t count;
};

static void shingle(struct str text, struct shingled *out)
{
    assert_true(similar_room(text) <= TEXT_MAX + 2);
    out->count = similar_shingles(text, out->items);
}

static double exact(const struct shingled *a, const struct shingled *b)
{
    size_t i = 0, k = 0, both = 0;
    while (i < a->count && k < b->count) {
        both += a->items[i] == b->items[k];
        const bool left = a->items[i] <= b->items[k], right = b->items[k] <= a->items[i];
        i += left;
        k += right;
    }
    return (double)both / (double)(a->count + b->count - both);
}

static struct similar_sketch sketched(const char *text, uint64_t seed)
{
    static struct shingled shingles;
    struct similar_sketch sketch;
    shingle(str_of(text), &shingles);
    similar_sketch(shingles.items, shingles.count, seed, &sketch);
    return sketch;
}

/* A text of so many words out of 5,000. */
static void make_text(struct rng *rng, size_t words, char *text, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < words; i++)
        len += (size_t)snprintf(text + len, size - len, "w%llu ", (unsigned long long)rng_below(rng, 5000) * 7919);
}

/* Every so-manieth word becomes another. */
static void change_text(struct rng *rng, char *text, uint64_t share)
{
    for (char *at = text; *at; at++)
        if (*at == 'w' && rng_below(rng, 100) < share)
            for (at++; *at && *at != ' '; at++)
                *at = (char)('a' + rng_below(rng, 26));
}

static void the_estimate_is_as_near_as_it_is_said_to_be(void **state)
{
    static struct shingled a, b;
    struct rng rng;
    double squares = 0, sum = 0;
    enum { ROUNDS = 1000 };
    (void)state;
    rng_seed(&rng, 7);
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[TEXT_MAX], changed[TEXT_MAX];
        make_text(&rng, 20 + i % 100, text, sizeof(text));
        memcpy(changed, text, sizeof(text));
        change_text(&rng, changed, i % 60);
        shingle(str_of(text), &a);
        shingle(str_of(changed), &b);
        struct similar_sketch left = sketched(text, i), right = sketched(changed, i);
        const double off = similar_likeness(&left, &right) - exact(&a, &b);
        assert_true(fabs(off) < 5 * 0.045);
        squares += off * off;
        sum += off;
    }
    assert_true(sqrt(squares / ROUNDS) < 0.045 && fabs(sum / ROUNDS) < 0.005);
}

static void case_space_and_punctuation_make_no_difference(void **state)
{
    static const char *const same[][2] = {
        {"Where is my parcel?", "where is  my parcel"}, {"WO IST ÄRGER", "wo ist ärger"},
        {"ГДЕ МОЯ ПОСЫЛКА?", "где моя посылка"},        {"ΠΟΥ ΕΙΝΑΙ", "που ειναι"},
        {"荷物はどこですか。", "荷物はどこですか"},     {"a", " A! "},
        {"मेरा पार्सल कहाँ है?", "मेरा पार्सल कहाँ है।"}, {"ΣΙΣΥΦΟΣ", "σισυφος"},
    };
    static const char *const other[][2] = {
        {"Where is my parcel?", "Why is it so dear?"}, {"荷物はどこですか", "返金してください"}, {"a", "b"}, {"1", "2"}};
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct similar_sketch a = sketched(same[i][0], 1), b = sketched(same[i][1], 1);
        if (similar_likeness(&a, &b) != 1)
            fail_msg("%s", same[i][0]);
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        struct similar_sketch a = sketched(other[i][0], 1), b = sketched(other[i][1], 1);
        if (similar_likeness(&a, &b) > 0.4)
            fail_msg("%s", other[i][0]);
    }
}

static void sketches_are_reproducible(void **state)
{
    (void)state;
    struct similar_sketch a = sketched("Where is my parcel?", 3), b = sketched("Where is my parcel?", 3);
    struct similar_sketch c = sketched("Where is my parcel?", 4);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(&a, &c, sizeof(a));
}

/* --- the whole -------------------------------------------------------------------------------------- */

static const char *const questions[] = {
    "Where is my parcel? I ordered a lamp last week.",
    "My lamp came broken, can I have my money back?",
    "How do I send back a chair that is too small for me?",
    "When will the parcel with my chair be here?",
    "I want to change the address of my order.",
    "Can you send my order to another address?",
    "The invoice for my order of a table is wrong.",
    "I never got an invoice for the chair that I ordered.",
    "Is it possible to cancel the order of my lamp?",
    "Please cancel my order, I found a table elsewhere.",
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static struct similar *made(size_t first, size_t others)
{
    const struct similar_options options = {QUESTIONS, others, 80, 5, 11};
    struct similar *similar = similar_new(&options);
    assert_non_null(similar);
    for (size_t i = 0; i < QUESTIONS; i++)
        assert_true(similar_learn(similar, str_of(questions[(i + first) % QUESTIONS])));
    for (size_t i = 0; i < QUESTIONS; i++)
        assert_true(similar_add(similar, str_of(questions[(i + first) % QUESTIONS])));
    assert_true(similar_settle(similar));
    return similar;
}

static void duplicates_are_found_and_other_matters(void **state)
{
    struct similar *similar = made(0, 16);
    (void)state;
    for (size_t i = 0; i < QUESTIONS; i++)
        assert_int_equal(similar_judge(similar, str_of(questions[i])), SIMILAR_DUPLICATE);
    assert_int_equal(similar_judge(similar, STR("where is my parcel; i ordered a LAMP last week")), SIMILAR_DUPLICATE);
    assert_int_equal(similar_judge(similar, STR("Where is the parcel with my table? I ordered it in May.")),
                     SIMILAR_NEW);
    assert_int_equal(similar_judge(similar, STR("Where is the parcel with my table? I ordered it in May!")),
                     SIMILAR_DUPLICATE);
    assert_int_equal(similar_judge(similar, STR("Write a poem on volcanoes, full of drama and fury.")),
                     SIMILAR_OFF_TOPIC);
    assert_int_equal(similar_judge(similar, STR("火山についての詩を書いてください")), SIMILAR_OFF_TOPIC);
    similar_free(similar);
}

/* Nor does where a real text stands, or what was judged before. */
static void order_makes_nothing_off_topic(void **state)
{
    static const char *const asked[] = {"Can I cancel my order of a chair?", "Write a poem on volcanoes.",
                                        "The lamp is broken, where is my money?", "tell me about quantum physics"};
    (void)state;
    enum similar_verdict first[4];
    for (size_t turn = 0; turn < QUESTIONS; turn++) {
        struct similar *similar = made(turn, 16);
        for (size_t i = 0; i < 4; i++) {
            const size_t at = (i + turn) % 4;
            const enum similar_verdict verdict = similar_judge(similar, str_of(asked[at]));
            if (turn == 0)
                first[at] = verdict;
            assert_int_equal(verdict, first[at]);
        }
        similar_free(similar);
    }
}

/* What all real texts say around their question does not make their questions the same. */
static void what_all_say_makes_no_duplicate(void **state)
{
    static const char around[] = "You are given a message of a customer of our shop. Read it with great care and say "
                                 "in one word what matter it is about, one of: parcel, money, order. Message: %s";
    const struct similar_options options = {QUESTIONS, 16, 80, 5, 11};
    struct similar *similar = similar_new(&options);
    char text[1024];
    (void)state;
    for (size_t i = 0; i < 2 * QUESTIONS; i++) {
        (void)snprintf(text, sizeof(text), around, questions[i % QUESTIONS]);
        assert_true(i < QUESTIONS ? similar_learn(similar, str_of(text)) : similar_add(similar, str_of(text)));
    }
    assert_true(similar_settle(similar));
    (void)snprintf(text, sizeof(text), around, questions[3]);
    assert_int_equal(similar_judge(similar, str_of(text)), SIMILAR_DUPLICATE);
    (void)snprintf(text, sizeof(text), around, "Where is the table that I paid for in May?");
    assert_int_equal(similar_judge(similar, str_of(text)), SIMILAR_NEW);
    similar_free(similar);
}

static void any_text_is_judged(void **state)
{
    struct similar *similar = made(0, 64);
    char *large = mem_alloc(16384);
    struct rng rng;
    (void)state;
    assert_int_equal(similar_judge(similar, STR("")), SIMILAR_OFF_TOPIC);
    assert_int_equal(similar_judge(similar, STR("?!  \n")), SIMILAR_OFF_TOPIC);
    assert_int_equal(similar_judge(similar, STR("x")), SIMILAR_OFF_TOPIC);
    assert_int_equal(similar_judge(similar, STR("\xff\xf0\x9f\x98 \xc3")), SIMILAR_OFF_TOPIC);
    rng_seed(&rng, 5);
    for (size_t i = 0; i < 16384; i++)
        large[i] = (char)rng_below(&rng, 256);
    assert_int_equal(similar_judge(similar, (struct str){large, 16384}), SIMILAR_OFF_TOPIC);
    memset(large, 'a', 16384);
    assert_int_equal(similar_judge(similar, (struct str){large, 16384}), SIMILAR_OFF_TOPIC);
    mem_free(large);
    similar_free(similar);
}

/* Where all of them are the same, nothing is off-topic. */
static void few_real_texts_are_no_measure(void **state)
{
    const struct similar_options options = {2, 4, 80, 5, 1};
    (void)state;
    for (size_t reals = 1; reals < 3; reals++) {
        struct similar *similar = similar_new(&options);
        for (size_t i = 0; i < 2 * reals; i++)
            assert_true(i < reals ? similar_learn(similar, str_of(questions[0]))
                                  : similar_add(similar, str_of(questions[0])));
        assert_true(similar_settle(similar));
        assert_int_equal(similar_judge(similar, str_of(questions[1])), SIMILAR_NEW);
        assert_int_equal(similar_judge(similar, str_of(questions[1])), SIMILAR_DUPLICATE);
        similar_free(similar);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_as_near_as_it_is_said_to_be),
        cmocka_unit_test(case_space_and_punctuation_make_no_difference),
        cmocka_unit_test(sketches_are_reproducible),
        cmocka_unit_test(duplicates_are_found_and_other_matters),
        cmocka_unit_test(order_makes_nothing_off_topic),
        cmocka_unit_test(what_all_say_makes_no_duplicate),
        cmocka_unit_test(any_text_is_judged),
        cmocka_unit_test(few_real_texts_are_no_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
