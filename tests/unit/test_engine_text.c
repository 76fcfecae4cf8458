/* test_engine_text.c - hold-back of stop sequences and characters; sampling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "engine/sampler.h"
#include "engine/text.h"

/* Feeds the pieces and returns all that came out, in `out`; `early` is what came before the end. */
static void filter(const struct str *stops, size_t stop_count, const char *const *pieces, struct buf *out,
                   size_t *early, struct text_filter *filter)
{
    text_filter_init(filter, stops, stop_count);
    for (; *pieces != NULL && !filter->is_stopped; pieces++) {
        assert_true(text_filter_push(filter, str_of(*pieces)));
        if (!filter->is_stopped)
            assert_true(text_filter_take(filter, false, out));
        assert_true(str_is_utf8(buf_str(out)));
    }
    *early = out->len;
    assert_true(text_filter_take(filter, true, out));
    assert_true(str_is_utf8(buf_str(out)));
}

#define EXPECT(expected, expected_early, stopped, stops, count, ...)                     \
    do {                                                                                 \
        const char *const pieces_[] = {__VA_ARGS__, NULL};                               \
        struct buf out_;                                                                 \
        struct text_filter filter_;                                                      \
        size_t early_;                                                                   \
        buf_init(&out_, 1u << 20);                                                       \
        filter((stops), (count), pieces_, &out_, &early_, &filter_);                     \
        assert_int_equal(out_.len, strlen(expected));                                    \
        assert_memory_equal(buf_str(&out_).data, (expected), out_.len);                  \
        assert_int_equal(early_, (size_t)(expected_early));                              \
        assert_int_equal(filter_.is_stopped, (stopped));                                 \
        text_filter_deinit(&filter_);                                                    \
        buf_deinit(&out_);                                                               \
    } while (0)

static void test_places_behind_broken_characters(void **state)
{
    (void)state;
    struct text_filter filter;
    struct text_cursor cursor = {0};
    text_filter_init(&filter, NULL, 0);
    assert_true(text_filter_push(&filter, STR("a\xE2\x82\xACz\x80\x80y\xFFx")));
    static const size_t places[][2] = {{0, 0}, {1, 1}, {3, 1}, {4, 4}, {5, 5}, {7, 8}, {8, 9}, {9, 12}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        text_filter_follow(&filter, &cursor, places[i][0]);
        assert_int_equal(cursor.shown, places[i][1]);
    }
    text_filter_deinit(&filter);
}

static void test_the_largest(void **state)
{
    (void)state;
    const float logits[] = {1, 5, NAN, -INFINITY, 5, 3};
    struct sampler_candidate top[20];
    assert_int_equal(sampler_top(logits, 6, 3, top), 3);
    assert_int_equal(top[0].token, 1);
    assert_int_equal(top[1].token, 4);
    assert_int_equal(top[2].token, 5);
    assert_int_equal(sampler_top(logits, 6, 20, top), 4); /* what has no probability is none of them */
    assert_int_equal(sampler_top(logits, 6, 0, top), 0);
}

static void test_stops(void **state)
{
    (void)state;
    const struct str stops[] = {STR("</end>"), STR("\nUser:")};
    EXPECT("hello world", 11, false, stops, 2, "hello", " world");
    EXPECT("hello ", 6, true, stops, 2, "hello ", "</e", "nd>", "more");
    EXPECT("a</e", 1, false, stops, 2, "a", "<", "/", "e"); /* held to the end, then shown */
    EXPECT("a</b", 4, false, stops, 2, "a", "</", "b");
    EXPECT("text", 0, true, stops, 2, "text\nUser:", "x");
    EXPECT("", 0, true, stops, 2, "</end></end>");
    EXPECT("</en\n", 4, false, stops, 2, "</en", "\n"); /* one is given up, the other begins */
    const struct str nested[] = {STR("bc"), STR("abcd")};
    EXPECT("a", 0, true, nested, 2, "ab", "c"); /* complete first, although the other began first */
}

/* Adds bytes one by one: `kinds` says of each what it turns out to be, t or m, by its last byte of that kind. */
static void expect_decided(const char *text, const char *kinds, const char *expected, bool is_stopped)
{
    static const struct str stops[] = {STR("ab"), STR("<c")};
    struct text_filter filter_;
    struct buf out;
    buf_init(&out, 1u << 16);
    text_filter_init(&filter_, stops, 2);
    for (size_t i = 0; text[i] != '\0'; i++) {
        assert_true(text_filter_add(&filter_, (struct str){text + i, 1}));
        if (kinds[i] != '?' && !filter_.is_stopped)
            text_filter_decide(&filter_, filter_.undecided, kinds[i] == 't');
        assert_true(text_filter_take(&filter_, false, &out));
    }
    assert_true(text_filter_take(&filter_, true, &out));
    assert_int_equal(filter_.is_stopped, is_stopped);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    text_filter_deinit(&filter_);
    buf_deinit(&out);
}

static void test_stops_count_in_text_alone(void **state)
{
    (void)state;
    expect_decided("xabx", "tttt", "x", true);
    expect_decided("xabx", "mmmm", "xabx", false);
    expect_decided("xabx", "ttmm", "xabx", false); /* begins in text, ends in a call */
    expect_decided("xabx", "tmtt", "xabx", false);
    expect_decided("x<cab>ab", "t????mtt", "x<cab>", true); /* a call's marker, then text */
    expect_decided("x<cd", "t??t", "x", true);              /* was text after all */
    expect_decided("x<ca", "t???", "x<ca", false);          /* nobody said */
}

static void test_characters(void **state)
{
    (void)state;
    EXPECT("h\xC3\xA9", 3, false, NULL, 0, "h\xC3", "\xA9");
    EXPECT("\xF0\x9F\x98\x80!", 5, false, NULL, 0, "\xF0", "\x9F", "\x98", "\x80!");
    EXPECT("a\xEF\xBF\xBD", 1, false, NULL, 0, "a", "\xE2\x82");          /* never completed */
    EXPECT("\xEF\xBF\xBDz", 4, false, NULL, 0, "\xFF", "z");              /* never valid */
    EXPECT("\xEF\xBF\xBD\xEF\xBF\xBD", 6, false, NULL, 0, "\xC0\x80", "\xFE");
}

static void test_greedy(void **state)
{
    (void)state;
    float logits[37];
    struct sampler sampler;
    struct sampler_candidate scratch[37];
    for (uint32_t best = 0; best < 37; best++) {
        for (uint32_t i = 0; i < 37; i++)
            logits[i] = i == best ? 2.0f : (float)(i % 7) / 7.0f;
        sampler_init(&sampler, 0, 1, 0, 1);
        assert_int_equal(sampler_pick(&sampler, logits, 37, scratch), best);
        sampler_init(&sampler, 5.0f, 1, 1, 1);
        assert_int_equal(sampler_pick(&sampler, logits, 37, scratch), best);
    }
    logits[3] = logits[30] = 9.0f; /* a tie: the first */
    assert_int_equal(sampler_greedy(logits, 37), 3);
    for (uint32_t i = 0; i < 37; i++)
        logits[i] = NAN;
    sampler_init(&sampler, 1.0f, 0.5f, 5, 1);
    assert_in_range(sampler_pick(&sampler, logits, 37, scratch), 0, 36);
}

/* Frequencies against the exact probabilities of four tokens, and the cuts of top_k and top_p. */
static void test_distribution(void **state)
{
    (void)state;
    const float logits[4] = {logf(0.1f), logf(0.4f), logf(0.3f), logf(0.2f)};
    struct sampler_candidate scratch[4];
    struct sampler sampler;
    const struct {
        float top_p;
        int32_t top_k;
        double expected[4];
    } cases[] = {
        {1.0f, 0, {0.1, 0.4, 0.3, 0.2}},
        {1.0f, 2, {0, 4.0 / 7, 3.0 / 7, 0}},
        {0.65f, 0, {0, 4.0 / 7, 3.0 / 7, 0}},
        {0.75f, 0, {0, 4.0 / 9, 3.0 / 9, 2.0 / 9}},
        {0.1f, 0, {0, 1, 0, 0}},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        double seen[4] = {0};
        sampler_init(&sampler, 1.0f, cases[c].top_p, cases[c].top_k, 42);
        for (int i = 0; i < 40000; i++)
            seen[sampler_pick(&sampler, logits, 4, scratch)] += 1.0 / 40000;
        for (size_t i = 0; i < 4; i++)
            assert_true(fabs(seen[i] - cases[c].expected[i]) < 0.012);
    }
}

static void test_large_nucleus(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static float logits[COUNT];
    static struct sampler_candidate scratch[COUNT];
    struct sampler sampler;
    for (uint32_t i = 0; i < COUNT; i++)
        logits[i] = i < COUNT / 2 ? 1.0f : 0.0f; /* the first half holds 73% */
    sampler_init(&sampler, 1.0f, 0.7f, 0, 3);
    for (int i = 0; i < 300; i++)
        assert_in_range(sampler_pick(&sampler, logits, COUNT, scratch), 0, COUNT / 2 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_behind_broken_characters),
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_stops),        cmocka_unit_test(test_stops_count_in_text_alone),
        cmocka_unit_test(test_characters),    cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_large_nucleus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
