/* test_advise_router.c - a what-if that names routers, students and which requests they take: what is read of it, and
 * what it foretells. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "advise_fixture.h"
#include "cmd/advise_levers.h"
#include "cmd/advise_tokens.h"
#include "route/features.h"
#include "route/labels.h"

#define PRO "amazon.nova-pro-v1:0"
#define LITE "amazon.nova-lite-v1:0"

static const char config[] =
    "models:\n"
    "  - {name: desk-large, price_as: \"" PRO "\", ids: [\"" PRO "\"]}\n"
    "  - {name: desk-small, price_as: \"" LITE "\", ids: [\"" LITE "\"]}\n"
    "  - {name: desk-student, price_as: \"" LITE "\", teacher: \"" PRO "\"}\n"
    "routers:\n"
    "  - {name: cheap, models: [desk-small, desk-large], tolerance: 1}\n"
    "  - {name: strange, models: [desk-student, desk-large], tolerance: 1, escalate: {below: 0.6, share: 1}}\n"
    "  - {name: capped, models: [desk-student, desk-large], tolerance: 1, escalate: {below: 0.6, share: 0.25}}\n"
    "  - {name: known, models: [desk-small, desk-large], tolerance: 1, escalate: {below: 0.7, share: 1}}\n"
    "  - {name: poor, models: [desk-small, desk-large], budget: 5}\n";

static struct advise_scales scales;
static struct advise_levers levers;
static struct error error;
static char data[] = "/tmp/fulcrum-advise-XXXXXX";

static int setup(void **state)
{
    (void)state;
    scales = (struct advise_scales){0};
    assert_int_equal(advise_scales_parse(STR(config), &scales, &error), OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    advise_levers_free(&levers);
    advise_scales_free(&scales);
    return 0;
}

static void read_levers(const char *text)
{
    advise_levers_free(&levers);
    assert_int_equal(advise_levers_read(text, &scales, data, &levers, &error), OK);
}

static struct advise_routing route(const char *router, const char *text)
{
    char named[64];
    struct route_prompt prompt = {.turns = 1, .user = {.slices = {str_of(text)}, .count = 1, .bytes = strlen(text)}};
    struct features features;
    struct advise_routing routing;
    const double tokens[PRICE_CLASSES] = {[PRICE_INPUT] = 400, [PRICE_OUTPUT] = 20};
    (void)snprintf(named, sizeof(named), "router=%s", router);
    read_levers(named);
    features_read(&prompt, &features);
    advise_router_ask(&levers.router, &features, tokens, &routing);
    return routing;
}

/* --- words ----------------------------------------------------------------------------------------------- */

static void test_words(void **state)
{
    (void)state;
    read_levers("router=cheap@task:answer,distill=desk-student@task:a:b,ttl=1h,batch=nightly@model:" PRO);
    assert_true(levers.has_router && levers.choice.route && levers.choice.distill && levers.choice.cache);
    assert_int_equal(levers.router.count, 2);
    assert_true(str_eq(levers.route.name, STR("task")) && str_eq(levers.route.value, STR("answer")));
    assert_true(str_eq(levers.student.value, STR("a:b"))); /* a value may have colons, a name has none */
    assert_true(str_eq(levers.batch.name, STR("model")) && str_eq(levers.batch.value, STR(PRO)));
    assert_string_equal(levers.choice.student->id, LITE);
    read_levers("router=" LITE);
    assert_true(!levers.has_router && levers.small);
    read_levers("distill=" LITE);
    assert_string_equal(levers.choice.student->id, LITE);
    read_levers("router=off,distill=off,ttl=off,batch=off");
    assert_true(levers.choice.is_given && !levers.choice.route && !levers.choice.distill && !levers.choice.cache);
    assert_int_equal(levers.choice.batch, WAIT_NEVER);
}

static void test_wrong_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {{"router=nobody", "router: no price book has 'nobody'"},
                 {"router=", "router: expected"},
                 {"router=poor", "tolerance"},
                 {"router=cheap@task", "@TAG:VALUE"},
                 {"router=cheap@:x", "@TAG:VALUE"},
                 {"router=cheap@task:", "@TAG:VALUE"},
                 {"distill=nobody", "distill: no price book has 'nobody'"},
                 {"ttl=1h@task:x", "without an @"},
                 {"ttl=2h", "ttl: expected"},
                 {"batch=hourly", "batch: expected"},
                 {"speed=1", "expected ttl, router, batch or distill, got 'speed'"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(advise_levers_read(wrong[i].text, &scales, NULL, &levers, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, wrong[i].says));
        advise_levers_free(&levers);
    }
}

/* --- what a router does ---------------------------------------------------------------------------------- */

static void test_no_escalation(void **state)
{
    (void)state;
    const struct advise_routing routing = route("cheap", "Where is my parcel?");
    assert_int_equal(routing.chosen, 0);
    assert_int_equal(routing.instead, 0);
    assert_true(routing.again[CASE_MIDDLE] == 0 && routing.again[CASE_LOW] == 0);
}

/* The predictor knows one of the models alone: of the other's answers any chance is as likely as another. */
static void test_unknown_model(void **state)
{
    (void)state;
    struct advise_routing routing = route("strange", "Where is my parcel?");
    assert_int_equal(routing.instead, 1);
    assert_true(fabs(routing.again[CASE_MIDDLE] - 0.6) < 1e-9);
    assert_true(fabs(routing.again[CASE_LOW] - 0.8) < 1e-9 && fabs(routing.again[CASE_HIGH] - 0.3) < 1e-9);
    routing = route("capped", "Where is my parcel?");
    assert_true(routing.again[CASE_MIDDLE] == 0.25 && routing.again[CASE_LOW] == 0.25);
}

/* The better the text's promise, the fewer answers are doubtful. */
static void test_known_models(void **state)
{
    (void)state;
    const struct advise_routing easy = route("known", "What are your business hours?");
    const struct advise_routing hard =
        route("known", "No, not the phone number. A friend of mine ordered a lamp in May and a chair in June, order "
                       "5512, no wait, 5521. Which of them came back, and does the discount hold on Sundays? Answer "
                       "the second one only.");
    assert_ptr_not_equal(levers.router.predictor, scales.predictor); /* the desk's */
    assert_true(easy.again[CASE_MIDDLE] < 0.1 && hard.again[CASE_MIDDLE] > easy.again[CASE_MIDDLE]);
    assert_true(hard.again[CASE_HIGH] < hard.again[CASE_MIDDLE] && hard.again[CASE_MIDDLE] < hard.again[CASE_LOW]);
}

static void write_labels(const char *router, size_t sure, size_t doubtful)
{
    char path[LABELS_PATH_MAX];
    struct labels_written written;
    struct buf line;
    struct features features = {0};
    assert_int_equal(labels_path(data, str_of(router), path, &error), OK);
    buf_init(&line, 1 << 20);
    for (size_t i = 0; i < sure + doubtful; i++) {
        const double confidence = i < sure ? 0.95 : 0.2;
        const struct label label = {
            .request_id = STR("a"), .router = str_of(router), .tenant = STR(""), .reference = STR("desk-large"),
            .answered = STR("desk-student"), .by = "text", .count = 2, .features = &features,
            .models = {{STR("desk-student"), 1, 0.1, 0.9, confidence}, {STR("desk-large"), 1, 1, 0.99, NAN}}};
        buf_clear(&line);
        assert_true(label_write(&label, &line));
        assert_int_equal(labels_append(path, buf_str(&line), &written, &error), OK);
    }
    buf_deinit(&line);
}

/* What the router's own shadow has seen goes before what is thought, and the interval is that of so many labels. */
static void test_labels(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(data));
    write_labels("strange", 90, 10);
    const struct advise_routing routing = route("strange", "Where is my parcel?");
    assert_true(levers.router.candidates[0].judged == 100 && levers.router.candidates[0].doubtful == 10);
    assert_true(fabs(routing.again[CASE_MIDDLE] - 11.2 / 102) < 1e-9);
    assert_true(routing.again[CASE_LOW] > 0.15 && routing.again[CASE_LOW] < 0.2);
    assert_true(routing.again[CASE_HIGH] > 0.03 && routing.again[CASE_HIGH] < 0.08);
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", data);
    assert_int_equal(system(command), 0);
}

/* --- which requests -------------------------------------------------------------------------------------- */

static void test_scopes(void **state)
{
    (void)state;
    yyjson_doc *doc = yyjson_read("{\"task\":\"answer\",\"n\":1}", 23, 0);
    const struct advise_record tagged = {.model = STR(PRO), .tags = yyjson_doc_get_root(doc)};
    const struct advise_record bare = {.model = STR(PRO)};
    const struct intake_scope all = {{NULL, 0}, {NULL, 0}}, answers = {STR("task"), STR("answer")};
    const struct intake_scope others = {STR("task"), STR("tag")}, numbers = {STR("n"), STR("1")};
    const struct intake_scope pro = {STR("model"), STR(PRO)}, lite = {STR("model"), STR(LITE)};
    assert_true(intake_takes(&all, &tagged) && intake_takes(&all, &bare));
    assert_true(intake_takes(&answers, &tagged) && !intake_takes(&answers, &bare));
    assert_true(!intake_takes(&others, &tagged) && !intake_takes(&numbers, &tagged));
    assert_true(intake_takes(&pro, &bare) && !intake_takes(&lite, &bare));
    yyjson_doc_free(doc);
}

/* --- tokens ---------------------------------------------------------------------------------------------- */

static void test_tokens_of_the_models(void **state)
{
    (void)state;
    const struct str text = STR("Where is my parcel? Order 5512, please.");
    struct advise_tokens *tokens = advise_tokens_new(&scales.config);
    const uint32_t count = advise_tokens_count(tokens, STR("desk-large"), text);
    assert_true(count > 5 && count < text.len);
    assert_int_equal(advise_tokens_count(tokens, STR(PRO), text), count); /* by its ID */
    assert_int_equal(advise_tokens_count(tokens, STR("anthropic.claude-sonnet-4-6"), text), 0);
    advise_tokens_free(tokens);
}

static uint32_t count_three_quarters(void *ctx, struct str model, struct str text)
{
    ++*(unsigned *)ctx;
    return str_eq(model, STR(PRO)) && text.len == 6000 ? 3000 : 0;
}

/* Tokens that the cache would give, of 100 prompts of 4,000 of which 6,000 bytes of some 12,000 are the same. */
static double read_then(uint32_t (*count)(void *ctx, struct str model, struct str text), unsigned *calls)
{
    struct fixture fixture;
    struct advisor *advisor;
    const struct advice *advice;
    struct buf user;
    fixture_init(&fixture);
    buf_init(&user, 1 << 20);
    fixture_words(&fixture, &user, 2000);
    const struct str system = str_slice(buf_str(&user), 0, 6000);
    char head[6000];
    memcpy(head, system.data, sizeof(head));
    for (unsigned i = 0; i < 100; i++) {
        buf_clear(&user);
        fixture_words(&fixture, &user, 2000);
        const struct fixture_request request = {
            .second = 60 * i, .model = PRO, .system = {head, sizeof(head)}, .answer = STR("no"), .input = 4000,
            .user = str_slice(buf_str(&user), 0, 6000), .output = 2};
        fixture_add(&fixture, &request);
    }
    const struct advisor_options options = {.book = fixture.book, .catalog = &fixture.catalog,
                                            .counter = {count, calls}};
    assert_int_equal(advisor_new(&options, &advisor, &error), OK);
    assert_int_equal(advisor_read_text(advisor, buf_str(&fixture.log), &error), OK);
    assert_int_equal(advisor_finish(advisor, &advice, &error), OK);
    const double read = advice->plan.groups[0].read_then;
    advisor_free(advisor);
    buf_deinit(&user);
    fixture_deinit(&fixture);
    return read;
}

/* Where the model's tokenizer is there it says what the head of a prompt takes, else bytes do. */
static void test_tokens_of_the_head(void **state)
{
    (void)state;
    unsigned calls = 0;
    assert_true(fabs(read_then(NULL, NULL) - 99 * 2000) < 99);
    assert_true(fabs(read_then(count_three_quarters, &calls) - 99 * 3000) < 99);
    assert_int_equal(calls, 1); /* the same head once */
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_words),        TEST(test_wrong_words),  TEST(test_no_escalation), TEST(test_unknown_model),
        TEST(test_known_models), TEST(test_labels),       TEST(test_scopes),
        TEST(test_tokens_of_the_models), TEST(test_tokens_of_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
