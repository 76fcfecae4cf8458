/* test_eval_metric.c - metrics of evaluations: against values of other programs, and what holds for any texts;
 * intervals and verdicts. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"
#include "eval/metric.h"
#include "eval/verdict.h"

#define NEAR 1e-8

static struct words_reader *reader;

static void assert_near(double value, double expected, double most)
{
    if (fabs(value - expected) <= most)
        return;
    print_error("%.12g is not %.12g\n", value, expected);
    fail();
}

static int open_reader(void **state)
{
    struct error error;
    (void)state;
    return words_reader_new(&reader, &error) == OK ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    words_reader_free(reader);
    return 0;
}

static double score_strs(enum metric metric, struct str a, struct str b)
{
    struct error error;
    double score = -1;
    assert_int_equal(metric_score_texts(reader, metric, a, b, &score, &error), OK);
    return score;
}

static double score(enum metric metric, const char *a, const char *b)
{
    return score_strs(metric, str_of(a), str_of(b));
}

/* ROUGE-L's F-measure by the Python package rouge-score 0.1.2 (RougeScorer(["rougeL"], use_stemmer=False)), F1 by
 * multisets of Python's collections.Counter over [a-z0-9]+ of the lower-case text. */
static const struct {
    const char *a, *b;
    double rouge, f1;
} measured[] = {
    {"the cat sat on the mat", "the cat was on the mat", 0.833333333, 0.833333333},
    {"The refund was sent on Monday to the card that paid for the order.", "A refund was sent to the card on Monday.",
     0.521739130, 0.695652174},
    {"police killed the gunman", "the gunman killed police", 0.500000000, 1.000000000},
    {"police killed the gunman", "police kill the gunman", 0.750000000, 0.750000000},
    {"one two three four five six", "six five four three two one", 0.166666667, 1.000000000},
    {"a b c d e f g", "b d f", 0.600000000, 0.600000000},
    {"ship the parcel", "nothing in common here", 0.000000000, 0.000000000},
    {"To be, or not to be: that is the question", "Not to be or to be, is that the question?", 0.800000000,
     1.000000000},
    {"the the the the", "the the", 0.666666667, 0.666666667},
    {"Delivery takes 3 to 5 days within the country, and up to 14 days abroad; express is next day.",
     "Within the country delivery takes 3 to 5 days. Express arrives the next day, abroad it can take 14 "
     "days.",
     0.461538462, 0.769230769},
    {"zeta gamma eta alpha beta beta zeta alpha delta alpha beta eta", "eta beta delta beta eta alpha beta delta alpha",
     0.571428571, 0.761904762},
    {"eta alpha delta alpha gamma epsilon eta gamma beta epsilon gamma beta delta zeta beta beta alpha "
     "delta theta eta",
     "zeta theta theta zeta epsilon delta gamma delta beta epsilon theta zeta theta epsilon beta beta eta "
     "gamma zeta gamma",
     0.400000000, 0.650000000},
    {"theta eta alpha beta zeta zeta zeta theta theta beta beta epsilon theta beta alpha epsilon theta "
     "epsilon eta zeta alpha theta zeta gamma beta theta alpha delta epsilon gamma delta eta eta theta beta "
     "gamma theta eta epsilon gamma",
     "eta epsilon eta zeta eta delta gamma", 0.255319149, 0.297872340},
};

static void test_measured_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
        assert_near(score(METRIC_ROUGE, measured[i].a, measured[i].b), measured[i].rouge, NEAR);
        assert_near(score(METRIC_F1, measured[i].a, measured[i].b), measured[i].f1, NEAR);
    }
}

static void test_words_of_any_language(void **state)
{
    (void)state;
    /* Counted by hand: words of Unicode's rules, Thai, Chinese and Japanese by ICU's dictionaries. */
    assert_near(score(METRIC_F1, "Die Straße ist gesperrt", "DIE STRASSE IST FREI"), 0.75, NEAR);
    assert_near(score(METRIC_F1, "Привет, мир", "мир"), 2.0 / 3, NEAR);
    assert_near(score(METRIC_ROUGE, "สวัสดีครับ", "สวัสดีค่ะ"), 0.5, NEAR);
    assert_near(score(METRIC_ROUGE, "我们 明天 发货", "我们明天发货。"), 1, NEAR);
    assert_true(score(METRIC_ROUGE, "私は学生です", "私は先生です") > 0.4);
    assert_true(score(METRIC_ROUGE, "私は学生です", "私は先生です") < 1);
    assert_near(score(METRIC_F1, "ＡＢＣ １２３", "abc 123"), 1, NEAR);
    assert_near(score(METRIC_F1, "don't pay 3.5", "Don't pay 3.5!"), 1, NEAR);
    /* é as one character and as two. */
    assert_near(score(METRIC_EXACT, "caf\xc3\xa9", "cafe\xcc\x81"), 1, NEAR);
}

static void test_exact(void **state)
{
    (void)state;
    assert_near(score(METRIC_EXACT, "  card payment\n", "Card  Payment."), 1, NEAR);
    assert_near(score(METRIC_EXACT, "谢谢！", "谢谢。"), 1, NEAR);
    assert_near(score(METRIC_EXACT, "card_payment", "card payment"), 0, NEAR);
    assert_near(score(METRIC_EXACT, "50%", "50"), 0, NEAR);
    assert_near(score(METRIC_EXACT, "", " ... "), 1, NEAR);
    assert_near(score(METRIC_EXACT, "no", ""), 0, NEAR);
    assert_near(score(METRIC_EXACT, "a\xff", "a\xef\xbf\xbd"), 1, NEAR);
}

static void test_json(void **state)
{
    (void)state;
    assert_near(score(METRIC_JSON, "{\"a\":1,\"b\":[1,2]}", "```json\n{ \"b\": [1.0, 2], \"a\": 1 }\n```"), 1, NEAR);
    assert_near(score(METRIC_JSON, "{\"a\":[1,2]}", "{\"a\":[2,1]}"), 0, NEAR);
    assert_near(score(METRIC_JSON, "{\"a\":1}", "{\"a\":1,\"b\":null}"), 0, NEAR);
    assert_near(score(METRIC_JSON, "{\"a\":1}", "a is 1"), 0, NEAR);
    assert_near(score(METRIC_JSON, "{\"a\":\"X\"}", "{\"a\":\"x\"}"), 0, NEAR);
    assert_near(score(METRIC_JSON, "no JSON", "No json."), 1, NEAR);
    assert_near(score(METRIC_JSON, "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"), 1, NEAR);
}

/* --- what holds for any texts --- */

static const char *const pieces[] = {"the", "cat", " ",  "\n",  ", ", "{", "}", "\"a\"", ":",    "1",     "[",   "]",
                                     "é",   "猫",  "和", "แมว", "😀", ".", "-", "Ａ",    "\xff", "don't", "3.5", "　"};

static struct str random_text(struct rng *rng, char out[512])
{
    size_t len = 0;
    for (size_t left = (size_t)rng_below(rng, 14); left > 0; left--) {
        const char *piece = pieces[rng_below(rng, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return (struct str){out, len};
}

static void test_properties(void **state)
{
    struct rng rng;
    char left[512], right[512];
    (void)state;
    rng_seed(&rng, 5);
    for (int round = 0; round < 3000; round++) {
        const struct str a = random_text(&rng, left), b = random_text(&rng, right);
        for (enum metric metric = METRIC_EXACT; metric < METRIC_JUDGE; metric++) {
            const double there = score_strs(metric, a, b), back = score_strs(metric, b, a);
            assert_true(there >= 0 && there <= 1);
            assert_near(there, back, 0);
            assert_near(score_strs(metric, a, a), 1, 0);
        }
        assert_true(score_strs(METRIC_ROUGE, a, b) <= score_strs(METRIC_F1, a, b));
    }
}

/* --- tool calls and the choice --- */

struct said {
    struct chat_reply reply;
    struct chat_reply_block blocks[3];
};

static void add(struct said *said, const char *tool, const char *text)
{
    struct chat_reply_block *block = &said->blocks[said->reply.block_count++];
    said->reply.blocks = said->blocks;
    *block = (struct chat_reply_block){.kind = tool ? CHAT_TOOL_USE : CHAT_TEXT, .text = str_of(text)};
    block->tool_name = str_of(tool);
}

static double score_said(enum metric metric, const struct said *a, const struct said *b)
{
    struct error error;
    double value = -1;
    assert_int_equal(metric_score(reader, metric, &a->reply, &b->reply, &value, &error), OK);
    return value;
}

static void test_tool_calls(void **state)
{
    struct said a = {0}, b = {0}, none = {0}, other = {0};
    (void)state;
    add(&a, "find", "{\"id\":7,\"kind\":\"x\"}");
    add(&a, "send", "{}");
    add(&b, NULL, "I will look that up.");
    add(&b, "send", "");
    add(&b, "find", "{\"kind\":\"x\",\"id\":7.0}");
    add(&none, NULL, "It is on its way.");
    add(&other, NULL, "Sent.");
    assert_near(score_said(METRIC_TOOL, &a, &b), 1, 0);
    assert_near(score_said(METRIC_TOOL, &a, &none), 0, 0);
    assert_near(score_said(METRIC_TOOL, &none, &other), 1, 0);
    assert_near(score_said(METRIC_EXACT, &a, &b), 0, 0); /* the same calls, other words */
    assert_near(score_said(METRIC_EXACT, &none, &none), 1, 0);
    b.blocks[2].text = STR("{\"kind\":\"x\",\"id\":8}");
    assert_near(score_said(METRIC_TOOL, &a, &b), 0, 0);
}

static enum metric choice(const char *tool, const char *text)
{
    struct said said = {0};
    struct error error;
    enum metric metric;
    add(&said, tool, text);
    assert_int_equal(metric_choose(reader, &said.reply, &metric, &error), OK);
    return metric;
}

static void test_choice(void **state)
{
    enum metric metric;
    (void)state;
    assert_int_equal(choice("find", "{}"), METRIC_TOOL);
    assert_int_equal(choice(NULL, "{\"a\":1}"), METRIC_JSON);
    assert_int_equal(choice(NULL, "```\n[1]\n```"), METRIC_JSON);
    assert_int_equal(choice(NULL, "42"), METRIC_EXACT);
    assert_int_equal(choice(NULL, "card_arrival"), METRIC_EXACT);
    assert_int_equal(choice(NULL, "one two three four five six seven eight"), METRIC_EXACT);
    assert_int_equal(choice(NULL, "one two three four five six seven eight nine"), METRIC_ROUGE);
    assert_int_equal(choice(NULL, "我们会在三到五个工作日内把您订购的商品送到您的家里"), METRIC_ROUGE);
    assert_true(metric_find(STR("rouge"), &metric) && metric == METRIC_ROUGE);
    assert_false(metric_find(STR("bleu"), &metric));
}

static void test_long_texts_are_bounded(void **state)
{
    struct buf text;
    struct words words;
    struct error error;
    (void)state;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < LIMIT_EVAL_WORDS + 100; i++)
        buf_append_text(&text, "word ");
    assert_int_equal(words_read(reader, buf_str(&text), &words, &error), OK);
    assert_int_equal(words.count, LIMIT_EVAL_WORDS);
    words_deinit(&words);
    buf_deinit(&text);
}

/* --- intervals and verdicts --- */

static struct estimate gain_of(const double *a, const double *b, size_t count)
{
    struct error error;
    struct estimate estimate, again;
    assert_int_equal(estimate_gain(a, b, count, &estimate, &error), OK);
    assert_int_equal(estimate_gain(a, b, count, &again, &error), OK);
    assert_memory_equal(&estimate, &again, sizeof(estimate));
    return estimate;
}

/* The first `lost` rows lost, the next `won` won, the others equal. */
static struct estimate gain_with(size_t count, size_t lost, size_t won)
{
    double *a = mem_must_calloc(count, sizeof(*a)), *b = mem_must_calloc(count, sizeof(*b));
    for (size_t i = 0; i < count; i++) {
        a[i] = i >= lost;
        b[i] = i < lost || i >= lost + won;
    }
    const struct estimate estimate = gain_of(a, b, count);
    mem_free(a);
    mem_free(b);
    return estimate;
}

static void test_intervals(void **state)
{
    (void)state;
    /* 40 lost and 20 won of 400: mean -0.05, its standard error sqrt((0.15 - 0.0025) / 400). */
    const struct estimate gain = gain_with(400, 40, 20);
    const double half = 1.96 * sqrt((0.15 - 0.0025) / 400);
    assert_near(gain.value, -0.05, NEAR);
    assert_near(gain.low, -0.05 - half, 0.004);
    assert_near(gain.high, -0.05 + half, 0.004);
    /* Nothing differs: what 100 rows never showed may still be 3.6% of all. */
    const struct estimate same = gain_with(100, 0, 0);
    assert_near(same.value, 0, 0);
    assert_near(same.low, -(1 - pow(0.025, 0.01)), NEAR);
    assert_near(same.high, 1 - pow(0.025, 0.01), NEAR);
    /* More rows, a narrower interval. */
    const struct estimate more = gain_with(4000, 400, 200);
    assert_true(more.high - more.low < (gain.high - gain.low) / 2);
}

/* Of rows that are lost alone the exact interval of Clopper and Pearson, as tables of it have it. */
static void test_exact_intervals(void **state)
{
    static const struct {
        size_t rows, lost;
        double low, high;
    } known[] = {
        {1, 0, -0.975, 0.975},       {10, 0, -0.3085, 0.3085},      {10, 1, -0.4450, -0.0025},
        {10, 10, -1, -0.6915},       {20, 5, -0.4910, -0.0866},     {200, 1, -0.0275, -0.0001},
        {100, 2, -0.0704, -0.0024},  {1000, 10, -0.0183, -0.0048},  {10000, 0, -0.00037, 0.00037},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct estimate gain = gain_with(known[i].rows, known[i].lost, 0);
        assert_near(gain.low, known[i].low, 0.0001);
        if (known[i].lost == 0) {
            assert_near(gain.high, known[i].high, 0.0001);
            continue;
        }
        /* A gain may also be a win, of which there is none yet: its high end is farther than theirs. */
        assert_true(gain.high >= known[i].high - 0.0001);
    }
}

/* Whatever the scores are, the ends stand on both sides of their mean and within what scores may be. */
static void test_ends_enclose_the_mean(void **state)
{
    static const size_t counts[] = {1, 2, 3, 30, 300, 3000};
    struct rng rng;
    struct error error;
    struct estimate estimate;
    double scores[3000];
    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < 60; i++) {
        const size_t count = counts[i % 6];
        const double share = rng_unit(&rng), size = rng_unit(&rng);
        for (size_t j = 0; j < count; j++)
            scores[j] = i % 5 == 0 ? size : rng_unit(&rng) > share ? 1 : i % 2 ? 0 : size * rng_unit(&rng);
        assert_int_equal(estimate_score(scores, count, &estimate, &error), OK);
        assert_true(estimate.low >= 0 && estimate.low <= estimate.value + 1e-9);
        assert_true(estimate.high <= 1 && estimate.high >= estimate.value - 1e-9);
    }
}

static void test_unknown_rows_are_left_out(void **state)
{
    const double a[] = {1, NAN, 0.5, 1}, b[] = {0.5, 1, NAN, 1};
    struct estimate estimate;
    struct error error;
    (void)state;
    assert_int_equal(gain_of(a, b, 4).rows, 2);
    assert_near(gain_of(a, b, 4).value, 0.25, NEAR);
    assert_int_equal(estimate_score(a, 4, &estimate, &error), OK);
    assert_int_equal(estimate.rows, 3);
    assert_near(estimate.value, 2.5 / 3, NEAR);
    assert_true(estimate.low <= estimate.value && estimate.value <= estimate.high);
    const struct estimate nothing = gain_of(a, b, 0);
    assert_int_equal(verdict_of(&nothing, 0.02), VERDICT_UNSURE);
}

static enum verdict verdict_with(size_t count, size_t lost, size_t won, double bound)
{
    const struct estimate gain = gain_with(count, lost, won);
    return verdict_of(&gain, bound);
}

static void test_verdicts(void **state)
{
    (void)state;
    assert_int_equal(verdict_with(1000, 0, 0, 0.02), VERDICT_SWITCH);
    assert_int_equal(verdict_with(20, 0, 0, 0.02), VERDICT_UNSURE); /* too few to know */
    assert_int_equal(verdict_with(5, 0, 1, 0.02), VERDICT_UNSURE);
    assert_int_equal(verdict_with(1000, 10, 10, 0.02), VERDICT_SWITCH);
    assert_int_equal(verdict_with(1000, 15, 0, 0.02), VERDICT_UNSURE);
    assert_int_equal(verdict_with(1000, 15, 0, 0.05), VERDICT_SWITCH);
    assert_int_equal(verdict_with(1000, 100, 20, 0.02), VERDICT_STAY);
    assert_int_equal(verdict_with(200, 0, 100, 0.02), VERDICT_SWITCH);
    assert_int_equal(verdict_with(182, 0, 0, 0.02), VERDICT_UNSURE);
    assert_int_equal(verdict_with(183, 0, 0, 0.02), VERDICT_SWITCH);
    assert_int_equal(verdict_with(200, 1, 0, 0.02), VERDICT_UNSURE); /* one lost of 200 may be 2.7% of all */
    assert_int_equal(verdict_with(300, 1, 0, 0.02), VERDICT_SWITCH);
    const struct estimate edge = {0, -0.02, 0.01, 100}, beyond = {0, -0.9, -0.0201, 100};
    assert_int_equal(verdict_of(&edge, 0.02), VERDICT_SWITCH);
    assert_int_equal(verdict_of(&beyond, 0.02), VERDICT_STAY);
    assert_string_equal(verdict_names[VERDICT_UNSURE], "unsure");
}

/* How rows are drawn whose first model loses `loss` points in the mean. */
struct drawn {
    const char *name;
    double lost, won; /* shares of rows; others are equal... */
    double least;     /* ...and by how much at the least a lost or won row differs: 1, or some from here to 1 */
};

static double gain_drawn(const struct drawn *drawn, struct rng *rng)
{
    const double draw = rng_unit(rng), size = drawn->least + (1 - drawn->least) * rng_unit(rng);
    return draw < drawn->lost ? -size : draw < drawn->lost + drawn->won ? size : 0;
}

#define ROUNDS 200

/* Models that lose a bit more than the bound: `switch` is wrong, and the interval holds their loss in at least 95 of
 * 100 samples, also of few rows and of losses that are seldom and deep. */
static void check_drawn(const struct drawn *drawn, size_t count, struct rng *rng)
{
    double a[200], b[200] = {0};
    const double mean = (drawn->won - drawn->lost) * (1 + drawn->least) / 2;
    size_t held = 0, switched = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct estimate gain;
        struct error error;
        for (size_t i = 0; i < count; i++)
            a[i] = gain_drawn(drawn, rng);
        assert_int_equal(estimate_gain(a, b, count, &gain, &error), OK);
        held += gain.low <= mean && gain.high >= mean;
        switched += verdict_of(&gain, -mean - 1e-6) == VERDICT_SWITCH;
    }
    if (switched > ROUNDS * 6 / 100 || held < ROUNDS * 91 / 100)
        fail_msg("%s, %zu rows: switch %zu, held %zu of %d", drawn->name, count, switched, held, ROUNDS);
}

static void test_coverage(void **state)
{
    static const struct drawn drawn[] = {
        {"lost seldom", 0.0201, 0, 1},    {"lost and won", 0.12, 0.08, 1}, {"lost more than half", 0.6, 0.3, 1},
        {"nearly all lost", 0.99, 0, 1},  {"small losses", 0.04, 0, 0},    {"all sizes", 0.3, 0.26, 0},
    };
    static const size_t counts[] = {1, 3, 20, 200};
    struct rng rng;
    (void)state;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++)
        for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
            check_drawn(&drawn[i], counts[j], &rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured_elsewhere),
        cmocka_unit_test(test_words_of_any_language),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_tool_calls),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_long_texts_are_bounded),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_exact_intervals),
        cmocka_unit_test(test_ends_enclose_the_mean),
        cmocka_unit_test(test_unknown_rows_are_left_out),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_coverage),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
