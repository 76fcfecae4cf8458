/* test_advise_levers.c - logs of which one knows what is wrong with them: the advisor names the right lever first, and
 * the place. */
#include "support.h"

#include "advise_fixture.h"

#define SONNET "anthropic.claude-sonnet-4-6"
#define PRO "amazon.nova-pro-v1:0"
#define MICRO "amazon.nova-micro-v1:0"

static struct fixture fixture;
static struct advisor *advisor;
static const struct advice *advice;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fixture);
    advisor = fixture_advisor(&fixture);
    advice = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    advisor_free(advisor);
    fixture_deinit(&fixture);
    return 0;
}

static void finish(void)
{
    struct error error;
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    assert_int_equal(advisor_finish(advisor, &advice, &error), OK);
}

static const char *started(void)
{
    return advice->plan.start < 0 ? "none" : advice->levers[advice->plan.start].name;
}

static bool says(const char *text, const char *part)
{
    return str_find(str_of(text), str_of(part), 0) >= 0;
}

/* Shares add up, each stands in its interval, and nothing is saved that was not spent. */
static void check_sums(void)
{
    int64_t left = advice->plan.cost;
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        const struct plan_sum *sum = &advice->plan.sums[i];
        assert_true(sum->saved >= 0 && sum->low <= (double)sum->saved && (double)sum->saved <= sum->high);
        assert_true(sum->alone <= advice->plan.cost);
        left -= sum->saved;
    }
    assert_true(left >= 0 && left == advice_left(advice));
}

static void free_texts(struct buf *a, struct buf *b, struct buf *c)
{
    buf_deinit(a);
    buf_deinit(b);
    buf_deinit(c);
}

static void init_texts(struct buf *a, struct buf *b, struct buf *c)
{
    buf_init(a, 1u << 20);
    buf_init(b, 1u << 20);
    buf_init(c, 1u << 20);
}

/* What stands at the given character of a system prompt changes in each request. */
static void add_changing(const char *model, unsigned at, const char *(*change)(unsigned number, char out[64]),
                         unsigned count, unsigned apart)
{
    struct buf before, behind, text;
    init_texts(&before, &behind, &text);
    fixture_words(&fixture, &before, 100);
    fixture_words(&fixture, &behind, 900);
    assert_true(before.len > at && behind.len > 6000);
    for (unsigned i = 0; i < count; i++) {
        struct buf user, answer;
        char out[64];
        buf_init(&user, 65536);
        buf_init(&answer, 65536);
        fixture_words(&fixture, &user, 10);
        fixture_words(&fixture, &answer, 30);
        buf_clear(&text);
        buf_append(&text, before.data, at - 1);
        buf_append_char(&text, ' ');
        buf_append_text(&text, change(i, out));
        buf_append_text(&text, " is what counts. ");
        buf_append_str(&text, buf_str(&behind));
        fixture_add(&fixture, &(struct fixture_request){.second = 36000 + i * apart, .model = model,
                    .operation = "ConverseStream", .system = buf_str(&text), .user = buf_str(&user),
                    .answer = buf_str(&answer), .input = 2600, .output = 60});
        buf_deinit(&user);
        buf_deinit(&answer);
    }
    free_texts(&before, &behind, &text);
}

static const char *a_time(unsigned number, char out[64])
{
    (void)snprintf(out, 64, "2026-11-%02u %02u:%02u:%02u", 1 + number / 400, number % 24, number % 60, number % 53);
    return out;
}

static const char *a_spelt_date(unsigned number, char out[64])
{
    static const char *const days[] = {"Monday", "Tuesday", "Wednesday"};
    (void)snprintf(out, 64, "%s, November %u, 2026 at %u:%02u PM", days[number % 3], 1 + number % 28, 1 + number % 12,
                   number % 60);
    return out;
}

static const char *an_epoch(unsigned number, char out[64])
{
    (void)snprintf(out, 64, "%u", 1793491200u + number * 37);
    return out;
}

static const char *a_uuid(unsigned number, char out[64])
{
    (void)number;
    uuid_v4(out);
    return out;
}

static const char *a_counter(unsigned number, char out[64])
{
    (void)snprintf(out, 64, "%u", 500 + number);
    return out;
}

static const char *a_name(unsigned number, char out[64])
{
    static const char *const first[] = {"Alice", "Bob", "Mary Ann", "Zhenya", "Charlotte", "Ines", "Li"};
    static const char *const last[] = {"Meyer", "Okafor", "de la Cruz", "Tanaka", "Smith", "Kim", "Novak", "Roy"};
    (void)snprintf(out, 64, "%s %s", first[number % 7], last[number / 7 % 8]);
    return out;
}

static void check_change(const char *(*change)(unsigned number, char out[64]), unsigned at, const char *word)
{
    char place[64];
    add_changing(SONNET, at, change, 400, 50);
    finish();
    (void)snprintf(place, sizeof(place), "%s at character %u of the system prompt", word, at);
    assert_string_equal(started(), "cache");
    if (!says(advice->levers[PLAN_CACHE].where, place))
        fail_msg("'%s' does not say '%s'", advice->levers[PLAN_CACHE].where, place);
    assert_true(says(advice->levers[PLAN_CACHE].where, "behind the system prompt"));
    assert_true(says(advice->levers[PLAN_CACHE].where, "shared by 400 of 400 requests"));
    check_sums();
}

static void test_timestamp(void **state)
{
    (void)state;
    check_change(a_time, 212, "a timestamp");
}

static void test_spelt_date(void **state)
{
    (void)state;
    check_change(a_spelt_date, 90, "a timestamp");
}

static void test_epoch(void **state)
{
    (void)state;
    check_change(an_epoch, 40, "a timestamp");
}

static void test_uuid(void **state)
{
    (void)state;
    check_change(a_uuid, 300, "a UUID");
}

static void test_counter(void **state)
{
    (void)state;
    check_change(a_counter, 33, "a number");
}

static void test_name(void **state)
{
    (void)state;
    check_change(a_name, 150, "a name");
}

/* At the end of the system prompt it need not be moved: the mark belongs before it. */
static void test_timestamp_at_the_end(void **state)
{
    struct buf system, user, text;
    (void)state;
    init_texts(&system, &user, &text);
    fixture_words(&fixture, &system, 1000);
    buf_append_text(&system, " It is now ");
    const size_t at = system.len;
    for (unsigned i = 0; i < 300; i++) {
        char time[64];
        buf_clear(&user);
        buf_clear(&text);
        fixture_words(&fixture, &user, 10);
        buf_append_str(&text, buf_str(&system));
        buf_append_text(&text, a_time(i, time));
        fixture_add(&fixture, &(struct fixture_request){.second = i * 60, .model = SONNET,
                    .operation = "ConverseStream", .system = buf_str(&text), .user = buf_str(&user),
                    .answer = buf_str(&user), .input = 2600, .output = 60});
    }
    finish();
    char place[80];
    (void)snprintf(place, sizeof(place), "a timestamp at character %zu of the system prompt", at);
    assert_string_equal(started(), "cache");
    if (!says(advice->levers[PLAN_CACHE].where, place))
        fail_msg("'%s' does not say '%s'", advice->levers[PLAN_CACHE].where, place);
    check_sums();
    free_texts(&system, &user, &text);
}

/* Instructions and question in one message, a time before both. */
static void test_first_message(void **state)
{
    struct buf rules, user, none;
    (void)state;
    init_texts(&rules, &user, &none);
    fixture_words(&fixture, &rules, 1000);
    for (unsigned i = 0; i < 300; i++) {
        char time[64];
        buf_clear(&user);
        buf_appendf(&user, "Date: %s ", a_time(i, time));
        buf_append_str(&user, buf_str(&rules));
        fixture_words(&fixture, &user, 12);
        fixture_add(&fixture, &(struct fixture_request){.second = i * 60, .model = SONNET,
                    .operation = "ConverseStream", .user = buf_str(&user), .answer = str_slice(buf_str(&user), 6, 99),
                    .input = 2600, .output = 60});
    }
    finish();
    assert_string_equal(started(), "cache");
    assert_true(says(advice->levers[PLAN_CACHE].where, "behind what the first message always says"));
    assert_true(says(advice->levers[PLAN_CACHE].where, "a timestamp at character 6 of the first message"));
    assert_false(says(advice->levers[PLAN_CACHE].where, "more place"));
    check_sums();
    free_texts(&rules, &user, &none);
}

/* The saving of a prefix that is there already, only not marked: as one computes it by hand. */
static void test_missing_mark(void **state)
{
    (void)state;
    struct buf system, user, answer;
    init_texts(&system, &user, &answer);
    while (system.len < 9000)
        fixture_words(&fixture, &system, 1);
    for (unsigned i = 0; i < 300; i++) {
        buf_clear(&user);
        buf_clear(&answer);
        while (user.len < 1000)
            fixture_words(&fixture, &user, 1);
        fixture_words(&fixture, &answer, 30);
        fixture_add(&fixture, &(struct fixture_request){.second = i * 60, .model = PRO, .operation = "ConverseStream",
                    .system = buf_str(&system), .user = str_slice(buf_str(&user), 0, 1000),
                    .answer = buf_str(&answer), .input = 2500, .output = 50});
    }
    finish();
    assert_string_equal(started(), "cache");
    /* 299 of 300 requests read 2,250 tokens for a quarter of their price; the write is free with this model. */
    const double part = (double)system.len / (double)(system.len + 1000);
    const double expected = (299 * 0.75 + 1) * 2500 * part * 0.8e6;
    assert_true((double)advice->plan.sums[PLAN_CACHE].alone > 0.98 * expected &&
                (double)advice->plan.sums[PLAN_CACHE].alone < 1.02 * expected);
    assert_null(strstr(advice->levers[PLAN_CACHE].where, "breaks the prefix"));
    check_sums();
    free_texts(&system, &user, &answer);
}

/* Requests that come more rarely than a prefix lives: an hour is worth its dearer write, where the model has it. */
static void test_hour(void **state)
{
    (void)state;
    struct buf system, user, answer;
    init_texts(&system, &user, &answer);
    fixture_words(&fixture, &system, 1200);
    for (unsigned i = 0; i < 200; i++) {
        buf_clear(&user);
        fixture_words(&fixture, &user, 12);
        fixture_words(&fixture, &answer, 3);
        fixture_add(&fixture, &(struct fixture_request){.second = i * 900, .model = SONNET,
                    .operation = "ConverseStream", .system = buf_str(&system), .user = buf_str(&user),
                    .answer = buf_str(&answer), .input = 3000, .output = 50});
    }
    finish();
    assert_string_equal(started(), "cache");
    assert_true(says(advice->levers[PLAN_CACHE].why, "kept for an hour"));
    check_sums();
    free_texts(&system, &user, &answer);
}

static void test_nightly_job(void **state)
{
    (void)state;
    struct buf system, user, answer;
    init_texts(&system, &user, &answer);
    fixture_words(&fixture, &system, 12);
    for (unsigned day = 0; day < 4; day++) {
        for (unsigned i = 0; i < 200; i++) {
            const bool is_job = i < 150;
            buf_clear(&user);
            buf_clear(&answer);
            fixture_words(&fixture, &user, is_job ? 300 : 20);
            fixture_words(&fixture, &answer, 40);
            fixture_add(&fixture, &(struct fixture_request){
                        .second = day * 86400 + (is_job ? 2 * 3600 + 300 + i * 5 : 9 * 3600 + (i - 150) * 600),
                        .model = SONNET, .operation = is_job ? "Converse" : "ConverseStream",
                        .system = is_job ? buf_str(&system) : STR("Be kind."), .user = buf_str(&user),
                        .answer = buf_str(&answer), .input = is_job ? 900 : 60, .output = 60});
        }
    }
    finish();
    assert_string_equal(started(), "batch");
    assert_true(says(advice->levers[PLAN_BATCH].why, "600 requests come in bursts from about 02:05 UTC on, on 4 days"));
    assert_int_equal(advice->plan.sums[PLAN_BATCH].saved,
                     (advice->plan.cost - (int64_t)200 * (60 * 3000000 + 60 * 15000000)) / 2);
    check_sums();
    free_texts(&system, &user, &answer);
}

/* The same at noon, on one day, and streamed at night: somebody may be waiting. */
static void test_no_job(void **state)
{
    (void)state;
    struct buf user, answer, none;
    init_texts(&user, &answer, &none);
    for (unsigned i = 0; i < 600; i++) {
        buf_clear(&user);
        fixture_words(&fixture, &user, 300);
        fixture_words(&fixture, &answer, 4);
        fixture_add(&fixture, &(struct fixture_request){
                    .second = i < 300 ? 12 * 3600 + i * 5 : 86400 + 2 * 3600 + i * 5, .model = MICRO,
                    .operation = i < 300 ? "Converse" : "ConverseStream", .system = STR("Sum it up."),
                    .user = buf_str(&user), .answer = buf_str(&answer), .input = 900, .output = 60});
    }
    finish();
    assert_int_equal(advice->plan.sums[PLAN_BATCH].saved, 0);
    assert_true(advice->plan.sums[PLAN_BATCH].high > 0);
    check_sums();
    free_texts(&user, &answer, &none);
}

static void add_intent(unsigned count, unsigned noise_percent)
{
    static const char *const forms[] = {"Where is my order %u?", "How do I track my package %u?",
                                        "track order %u please", "Has parcel %u been sent yet?"};
    struct buf words, answer, none;
    init_texts(&words, &answer, &none);
    for (unsigned i = 0; i < count; i++) {
        char user[80];
        const bool is_noise = rng_below(&fixture.rng, 100) < noise_percent;
        (void)snprintf(user, sizeof(user), forms[rng_below(&fixture.rng, 4)],
                       (unsigned)rng_below(&fixture.rng, 100000));
        buf_clear(&words);
        buf_clear(&answer);
        fixture_words(&fixture, &words, 15);
        fixture_words(&fixture, &answer, 15);
        fixture_add(&fixture, &(struct fixture_request){.second = i * 9, .model = SONNET,
                    .system = STR("Name the intent of the message."), .user = is_noise ? buf_str(&words) : str_of(user),
                    .answer = is_noise ? buf_str(&answer) : STR("track_package"), .input = 30, .output = 5});
    }
    free_texts(&words, &answer, &none);
}

static void test_one_intent(void **state)
{
    (void)state;
    add_intent(10000, 0);
    finish();
    assert_string_equal(started(), "distill");
    assert_true(says(advice->levers[PLAN_DISTILL].why, "10,000 alike prompts"));
    assert_true(says(advice->levers[PLAN_DISTILL].where, "Name the intent of the message."));
    check_sums();
}

/* What is asked beside it stays with the teacher. */
static void test_intent_among_others(void **state)
{
    (void)state;
    add_intent(10000, 30);
    finish();
    assert_string_equal(started(), "distill");
    const double share = (double)advice->plan.sums[PLAN_DISTILL].saved / (double)advice->plan.cost;
    assert_true(share > 0.4 && share < 0.6); /* seven tenths, of 73% */
    check_sums();
}

/* Many answers, each its own: nothing for a student. */
static void test_open_answers(void **state)
{
    (void)state;
    add_intent(2000, 100);
    finish();
    assert_int_equal(advice->plan.sums[PLAN_DISTILL].saved, 0);
    check_sums();
}

static void test_simple_questions(void **state)
{
    static const char *const forms[] = {"What is the capital of %s?", "How many days has %s?", "Who wrote the book %s?",
                                        "What colour is %s?", "Translate %s to French."};
    struct buf words, answer, none;
    (void)state;
    init_texts(&words, &answer, &none);
    for (unsigned i = 0; i < 1000; i++) {
        char user[160];
        buf_clear(&words);
        buf_clear(&answer);
        fixture_words(&fixture, &words, 1);
        fixture_words(&fixture, &answer, 12);
        (void)snprintf(user, sizeof(user), forms[i % 5], (buf_append_char(&words, '\0'), words.data));
        fixture_add(&fixture, &(struct fixture_request){.second = i * 70, .model = PRO, .operation = "ConverseStream",
                    .user = str_of(user), .answer = buf_str(&answer), .input = 14, .output = 20});
    }
    finish();
    assert_string_equal(started(), "route");
    assert_true(says(advice->levers[PLAN_ROUTE].where, "amazon.nova-micro-v1:0"));
    assert_true(says(advice->levers[PLAN_ROUTE].why, "a shadow of 2% of them costs"));
    check_sums();
    free_texts(&words, &answer, &none);
}

/* Read from the cache as far as can be, by the cheapest model of its family, streamed to people. */
static void test_nothing_to_gain(void **state)
{
    (void)state;
    struct buf system, user, answer;
    init_texts(&system, &user, &answer);
    fixture_words(&fixture, &system, 1000);
    for (unsigned i = 0; i < 500; i++) {
        buf_clear(&user);
        buf_clear(&answer);
        fixture_words(&fixture, &user, 15);
        fixture_words(&fixture, &answer, 30);
        fixture_add(&fixture, &(struct fixture_request){.second = i * 60, .model = MICRO,
                    .operation = "ConverseStream", .system = buf_str(&system), .user = buf_str(&user),
                    .answer = buf_str(&answer), .input = 40, .read = i ? 2400 : 0, .write = i ? 0 : 2400,
                    .output = 60});
    }
    finish();
    assert_string_equal(started(), "none");
    assert_true(says(advice_verdict(advice), "Nothing to gain"));
    assert_true(says(advice->levers[PLAN_CACHE].why, "98% of the prompt tokens are read from the cache already"));
    check_sums();
    free_texts(&system, &user, &answer);
}

/* A conversation grows: each turn reads what the one before it wrote. No prompt begins long enough by itself. */
static void test_conversations(void **state)
{
    struct buf turns[6];
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        for (unsigned k = 0; k < 6; k++) {
            buf_init(&turns[k], 1u << 20);
            fixture_words(&fixture, &turns[k], 300);
        }
        for (unsigned k = 0; k < 6; k++) {
            char time[TIMESTAMP_LEN + 1];
            struct buf *log = &fixture.log;
            clock_iso8601((FIXTURE_DAY + i * 1000 + k * 60) * 1000000, time);
            buf_appendf(log, "{\"timestamp\":\"%s\",\"request\":{\"model\":\"" SONNET "\",\"stream\":true,\"messages"
                                                                                      "\":[",
                        time);
            for (unsigned t = 0; t <= k; t++) {
                buf_appendf(log, "%s{\"role\":\"user\",\"content\":", t ? "," : "");
                buf_append_json(log, buf_str(&turns[t]));
                buf_append_text(log, t < k ? "},{\"role\":\"assistant\",\"content\":\"Quite so.\"}" : "}");
            }
            buf_appendf(log, "]},\"response\":{\"usage\":{\"input_tokens\":%u,\"output_tokens\":9}}}\n", 700 * (k + 1));
        }
        for (unsigned k = 0; k < 6; k++)
            buf_deinit(&turns[k]);
    }
    finish();
    assert_string_equal(started(), "cache");
    assert_true(says(advice->levers[PLAN_CACHE].where, "behind the last message"));
    assert_int_equal(advice->plan.sums[PLAN_BATCH].high, 0);
    check_sums();
}

/* The same tools in another order each time: no prefix comes again until somebody sorts them. */
static void test_tools_in_another_order(void **state)
{
    struct buf tools[6], words;
    (void)state;
    buf_init(&words, 1u << 20);
    for (unsigned i = 0; i < 6; i++) {
        buf_init(&tools[i], 1u << 20);
        fixture_words(&fixture, &tools[i], 170);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct buf *log = &fixture.log;
        buf_appendf(log, "{\"time\":%llu,\"request\":{\"model\":\"" SONNET "\",\"tools\":[",
                    (unsigned long long)(FIXTURE_DAY + 40 * i));
        unsigned order[6] = {0, 1, 2, 3, 4, 5};
        for (unsigned k = 0; k < 6; k++) {
            const uint64_t other = k + rng_below(&fixture.rng, 6 - k);
            const unsigned next = order[other];
            order[other] = order[k];
            order[k] = next;
            buf_appendf(log, "%s{\"name\":\"t\",\"description\":", k ? "," : "");
            buf_append_json(log, buf_str(&tools[next]));
            buf_append_char(log, '}');
        }
        buf_clear(&words);
        fixture_words(&fixture, &words, 10);
        buf_append_text(log, "],\"system\":\"Use the tools.\",\"messages\":[{\"role\":\"user\",\"content\":");
        buf_append_json(log, buf_str(&words));
        buf_append_text(log, "}]},\"response\":{\"usage\":{\"input_tokens\":2600,\"output_tokens\":20}}}\n");
    }
    finish();
    assert_string_equal(started(), "cache");
    assert_true(says(advice->levers[PLAN_CACHE].where, "the tools stand in another order"));
    check_sums();
    for (unsigned i = 0; i < 6; i++)
        buf_deinit(&tools[i]);
    buf_deinit(&words);
}

/* A third of the traffic is one intent: a student takes that, and nothing else. */
static void test_part_of_the_traffic(void **state)
{
    (void)state;
    add_intent(6000, 65);
    finish();
    const double share = (double)advice->plan.sums[PLAN_DISTILL].saved / (double)advice->plan.cost;
    assert_true(share > 0.2 && share < 0.32);
    check_sums();
}

/* Only what is named is pulled. */
static void test_what_if(void **state)
{
    const struct advisor_options options = {
        .book = fixture.book, .catalog = &fixture.catalog, .predictor = fixture.predictor,
        .choice = {.is_given = true, .cache = true, .ttl = TTL_1H, .batch = WAIT_QUIET}};
    struct error error;
    (void)state;
    advisor_free(advisor);
    assert_int_equal(advisor_new(&options, &advisor, &error), OK);
    add_changing(SONNET, 212, a_time, 200, 60);
    add_intent(1000, 0);
    finish();
    assert_int_equal(advice->plan.sums[PLAN_ROUTE].saved, 0);
    assert_int_equal(advice->plan.sums[PLAN_DISTILL].saved, 0);
    assert_true(advice->plan.sums[PLAN_CACHE].saved > 0);
    assert_true(says(advice->levers[PLAN_CACHE].why, "kept for an hour"));
    assert_int_equal(advice->plan.sums[PLAN_BATCH].saved, (int64_t)1000 * (30 * 3000000 + 5 * 15000000) / 2);
    check_sums();
}

/* One night alone: asked openly, half of it may wait; who names the lever has decided. */
static void test_what_if_of_one_night(void **state)
{
    struct advisor_options options = {
        .book = fixture.book, .catalog = &fixture.catalog, .predictor = fixture.predictor};
    const int64_t whole = (int64_t)200 * (900 * 3000000ll + 60 * 15000000) / 2;
    struct buf system, user, answer;
    struct error error;
    (void)state;
    init_texts(&system, &user, &answer);
    fixture_words(&fixture, &system, 12);
    for (unsigned named = 0; named < 2; named++) {
        options.choice = (struct plan_choice){.is_given = named == 1, .batch = WAIT_NIGHTLY};
        advisor_free(advisor);
        assert_int_equal(advisor_new(&options, &advisor, &error), OK);
        buf_clear(&fixture.log);
        for (unsigned i = 0; i < 200; i++) {
            buf_clear(&user);
            buf_clear(&answer);
            fixture_words(&fixture, &user, 300);
            fixture_words(&fixture, &answer, 40);
            fixture_add(&fixture, &(struct fixture_request){.second = 2 * 3600 + 5 * i, .model = SONNET,
                        .operation = "Converse", .system = buf_str(&system), .user = buf_str(&user),
                        .answer = buf_str(&answer), .input = 900, .output = 60});
        }
        finish();
        assert_int_equal(advice->plan.sums[PLAN_BATCH].saved, named ? whole : whole / 2);
    }
    free_texts(&system, &user, &answer);
}

/* All of it at once: every lever has its part, and the parts add up. */
static void test_mix(void **state)
{
    (void)state;
    add_changing(SONNET, 212, a_time, 300, 60);
    add_intent(4000, 0);
    finish();
    assert_true(advice->plan.sums[PLAN_CACHE].saved > 0 && advice->plan.sums[PLAN_DISTILL].saved > 0);
    assert_string_equal(started(), "cache");
    check_sums();
}

/* A second advisor says the same of the same log. */
static void test_repeatable(void **state)
{
    struct buf first, second;
    struct error error;
    (void)state;
    buf_init(&first, 1u << 20);
    buf_init(&second, 1u << 20);
    add_intent(1500, 20);
    finish();
    assert_int_equal(advice_append_json(&first, advice, &error), OK);
    advisor_free(advisor);
    advisor = fixture_advisor(&fixture);
    finish();
    assert_int_equal(advice_append_json(&second, advice, &error), OK);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_timestamp),   CASE(test_spelt_date),   CASE(test_epoch),           CASE(test_uuid),
        CASE(test_counter),     CASE(test_name),         CASE(test_missing_mark),    CASE(test_hour),
        CASE(test_nightly_job), CASE(test_no_job),       CASE(test_one_intent),      CASE(test_intent_among_others),
        CASE(test_open_answers), CASE(test_simple_questions), CASE(test_nothing_to_gain), CASE(test_mix),
        CASE(test_repeatable),  CASE(test_conversations), CASE(test_tools_in_another_order),
        CASE(test_timestamp_at_the_end), CASE(test_first_message), CASE(test_part_of_the_traffic), CASE(test_what_if),
        CASE(test_what_if_of_one_night),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
