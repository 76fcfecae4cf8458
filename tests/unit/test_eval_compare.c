/* test_eval_compare.c - rows of data sets in the forms that teams have, judges' words, two models side by side, and the
 * reports of it. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/native/native.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"
#include "eval/compare.h"
#include "eval/report.h"
#include "route/agree.h"

static struct words_reader *reader;

static int open_reader(void **state)
{
    struct error error;
    (void)state;
    native_register();
    return words_reader_new(&reader, &error) == OK ? 0 : -1;
}

static int close_reader(void **state)
{
    (void)state;
    words_reader_free(reader);
    return 0;
}

static struct questions parse(const char *text)
{
    struct questions questions = {0};
    struct error error;
    assert_int_equal(questions_parse(&questions, str_of(text), &error), OK);
    return questions;
}

/* --- rows --- */

static void assert_reads(const char *line, const char *request, const char *prompt, const char *system,
                         const char *reference)
{
    struct questions questions = parse(line);
    struct buf said;
    buf_init(&said, 1 << 16);
    if (questions.count != 1)
        fail_msg("%s: %s", line, questions.flaws[0].reason);
    const struct question *question = &questions.items[0];
    assert_str_equal(question->request, request);
    assert_str_equal(question->prompt, prompt);
    assert_str_equal(question->system, system);
    assert_int_equal(question->has_reference, reference != NULL);
    if (reference) {
        assert_true(reply_append_said(&said, &question->reference));
        assert_str_equal(buf_str(&said), reference);
    }
    buf_deinit(&said);
    questions_deinit(&questions);
}

#define ASKED(text) "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" text "\"}]}]"

static void test_forms(void **state)
{
    (void)state;
    assert_reads(
        "{\"schemaVersion\":\"bedrock-conversation-2024\",\"system\":[{\"text\":\"S\"}],\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"text\":\"Q\"}]},{\"role\":\"assistant\",\"content\":[{\"text\":\"R\"}]}]}",
        ASKED("Q") ",\"system\":[{\"text\":\"S\"}]", "Q", "S", "R");
    assert_reads("{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"Q\"},"
                 "{\"role\":\"assistant\",\"content\":\"R\"}]}",
                 ASKED("Q") ",\"system\":[{\"text\":\"S\"}]", "Q", "S", "R");
    assert_reads("{\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"S\"}]},"
                 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Q\"}]}],\"label\":\"R\"}",
                 ASKED("Q") ",\"system\":[{\"text\":\"S\"}]", "Q", "S", "R");
    assert_reads("{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}", ASKED("Q"), "Q", "", NULL);
    assert_reads("{\"prompt\":\"Q\",\"referenceResponse\":\"R\",\"category\":\"C\"}", ASKED("Q"), "Q", "", "R");
    assert_reads("{\"prompt\":\"Q\",\"completion\":\"R\"}", ASKED("Q"), "Q", "", "R");
    assert_reads("{\"instruction\":\"I\",\"input\":\"Q\",\"output\":\"R\"}", ASKED("I\\n\\nQ"), "I\n\nQ", "", "R");
    assert_reads("{\"instruction\":\"I\",\"input\":\"\",\"output\":\"R\"}", ASKED("I"), "I", "", "R");
    assert_reads("{\"instruction\":\"I\",\"output\":\"R\"}", ASKED("I"), "I", "", "R");
    assert_reads("{\"question\":\"Q\",\"answer\":{\"a\":1.50}}", ASKED("Q"), "Q", "", "{\"a\":1.50}");
    assert_reads("{\"prompt\":\"Q\",\"referenceResponse\":null}", ASKED("Q"), "Q", "", NULL);
    assert_reads("\xef\xbb\xbf{\"prompt\":\"Q\",\"reference\":\"R\"}\r\n\r\n", ASKED("Q"), "Q", "", "R");
    assert_reads(
        "{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"expected\":{\"name\":\"f\","
        "\"arguments\":{\"x\":1}},\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"schema\":{\"type\":\"object\"}}]}",
        ASKED("Q") ",\"system\":[{\"text\":\"S\"}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
                   "\"description\":\"d\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}",
        "Q", "S", "{\"call\":\"f\",\"input\":{\"x\":1}}");
    /* The same members without tools are JSON; null with tools is that none is called. */
    assert_reads(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"expected\":{\"name\":\"f\",\"arguments\":{}}}",
        ASKED("Q"), "Q", "", "{\"name\":\"f\",\"arguments\":{}}");
    assert_reads(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"expected\":null,\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]}",
        ASKED("Q") ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":"
                   "{\"type\":\"object\"}}}}]}",
        "Q", "", "");
    assert_reads(
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Q\"}]},{\"role\":\"assistant\",\"content\":["
        "{\"text\":\"T\"},{\"toolUse\":{\"toolUseId\":\"1\",\"name\":\"f\",\"input\":{\"x\":2}}}]}]}",
        ASKED("Q"), "Q", "", "T\n{\"call\":\"f\",\"input\":{\"x\":2}}");
}

static void test_several_turns(void **state)
{
    (void)state;
    assert_reads(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"A\"},{\"role\":\"assistant\",\"content\":\"B\"},"
        "{\"role\":\"user\",\"content\":\"C\"},{\"role\":\"assistant\",\"content\":\"D\"}]}",
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"A\"}]},{\"role\":\"assistant\",\"content\":["
        "{\"text\":\"B\"}]},{\"role\":\"user\",\"content\":[{\"text\":\"C\"}]}]",
        "user: A\nassistant: B\nuser: C", "", "D");
}

static void assert_flaw(const char *line, const char *reason)
{
    struct questions questions = parse(line);
    assert_int_equal(questions.count, 0);
    assert_int_equal(questions.flaws_all, 1);
    if (!strstr(questions.flaws[0].reason, reason))
        fail_msg("%s: '%s' does not say '%s'", line, questions.flaws[0].reason, reason);
    questions_deinit(&questions);
}

static void test_flaws(void **state)
{
    (void)state;
    assert_flaw("{\"prompt\":\"Q\"", "not JSON");
    assert_flaw("[1]", "expected an object");
    assert_flaw("{\"text\":\"Q\"}", "neither messages nor a prompt");
    assert_flaw("{\"prompt\":\"  \"}", "prompt: is empty");
    assert_flaw("{\"prompt\":[1]}", "prompt: expected a text");
    assert_flaw("{\"instruction\":5,\"input\":\"x\"}", "prompt: expected a text");
    assert_flaw("{\"instruction\":\"\",\"input\":\"\"}", "prompt: is empty");
    assert_flaw("{\"messages\":[]}", "messages: expected a list of at least one");
    assert_flaw("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].role");
    assert_flaw("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null}]}",
                "messages[1].content");
    assert_flaw("{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}", "must be the user's");
    assert_flaw(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"image\":{}}]}]}",
        "messages[1].content: no text");
    assert_flaw("{\"schemaVersion\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "schemaVersion");
    assert_flaw("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"system\",\"content\":\"y\"},"
                "{\"role\":\"user\",\"content\":\"x\"}]}",
                "messages[1].role: system stands before all others");
    assert_flaw("{\"conversationTurns\":[]}", "RAG");
    assert_flaw("{\"prompt\":\"Q\",\"modelResponses\":[{\"response\":1}]}", "modelResponses[0]");
    assert_flaw("{\"prompt\":\"\xff\"}", "not JSON");
}

static void test_lines_are_numbered_and_bounded(void **state)
{
    const uint64_t bytes = limits_in_force.eval_row_bytes;
    limits_in_force.eval_row_bytes = 64;
    struct questions questions =
        parse("\n{\"prompt\":\"Q\"}\n\nnonsense\n{\"prompt\":\"QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"
              "QQQQQQQQQQQQQQQQQQQQQ\"}\n{\"prompt\":\"R\",\"category\":\"c\"}");
    limits_in_force.eval_row_bytes = bytes;
    (void)state;
    assert_int_equal(questions.count, 2);
    assert_int_equal(questions.items[0].line, 2);
    assert_int_equal(questions.items[1].line, 6);
    assert_int_equal(questions.flaw_count, 2);
    assert_int_equal(questions.flaws[0].line, 4);
    assert_int_equal(questions.flaws[1].line, 5);
    questions_thin(&questions, 1);
    assert_int_equal(questions.count, 1);
    questions_deinit(&questions);
}

/* Of rows that take turns, half of them are not all of one kind. */
static void test_fewer_rows_have_no_rhythm(void **state)
{
    struct buf data;
    size_t kinds[2] = {0};
    (void)state;
    buf_init(&data, 1 << 20);
    for (size_t i = 0; i < 200; i++)
        buf_appendf(&data, "{\"prompt\":\"Q\",\"category\":\"%zu\"}\n", i % 2);
    buf_append_char(&data, '\0');
    struct questions questions = parse(data.data);
    questions_thin(&questions, 100);
    assert_int_equal(questions.count, 100);
    for (size_t i = 0; i < 100; i++) {
        kinds[questions.items[i].category.data[0] - '0']++;
        assert_true(i == 0 || questions.items[i].line > questions.items[i - 1].line);
    }
    assert_int_equal(kinds[0], 50);
    assert_int_equal(kinds[1], 50);
    questions_deinit(&questions);
    buf_deinit(&data);
}

/* --- answers --- */

static struct answer answer_of(const char *text, struct arena *arena)
{
    struct answer answer;
    struct error error;
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":");
    buf_append_json(&body, str_of(text));
    buf_append_text(&body, "}]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":10,\"outputTokens\":2},"
                           "\"metrics\":{\"latencyMs\":40}}");
    assert_int_equal(answer_read(buf_str(&body), arena, &answer, &error), OK);
    assert_true(answer.is_there);
    buf_deinit(&body);
    return answer;
}

static void test_answers(void **state)
{
    struct arena arena;
    struct answer answer;
    struct error error;
    (void)state;
    arena_init(&arena, 0);
    const struct answer good = answer_of("yes", &arena), same = answer_of("yes", &arena),
                        other = answer_of("no", &arena);
    assert_true(answers_are_same(&good, &same));
    assert_false(answers_are_same(&good, &other));
    assert_int_equal(good.reply.latency_ms, 40);
    assert_int_equal(good.reply.usage.output_tokens, 2);
    assert_int_equal(answer_read(STR("{\"output\":{}}"), &arena, &answer, &error), OK);
    assert_false(answer.is_there);
    assert_true(answer.problem.len > 0);
    assert_int_equal(answer_read(STR("<html>"), &arena, &answer, &error), OK);
    assert_false(answer.is_there);
    arena_deinit(&arena);
}

/* --- the judge --- */

static enum judge_word word(const char *text)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct answer answer = answer_of(text, &arena);
    const enum judge_word said = judge_read(&answer);
    arena_deinit(&arena);
    return said;
}

static void test_words_of_a_judge(void **state)
{
    bool agree;
    (void)state;
    assert_int_equal(word("{\"better\":\"A\"}"), JUDGE_A);
    assert_int_equal(word("Sure!\n```json\n{\"better\": \"tie\"}\n```"), JUDGE_TIE);
    assert_int_equal(word(" b "), JUDGE_B);
    assert_int_equal(word("{\"better\":\"both\"}"), JUDGE_NONE);
    assert_int_equal(word("I can't say"), JUDGE_NONE);
    assert_true(judge_score(JUDGE_A, JUDGE_B, &agree) > 0.9 && agree);
    assert_true(judge_score(JUDGE_B, JUDGE_A, &agree) < 0.1 && agree);
    assert_true(fabs(judge_score(JUDGE_TIE, JUDGE_TIE, &agree) - 0.5) < 1e-9 && agree);
    assert_true(fabs(judge_score(JUDGE_A, JUDGE_A, &agree) - 0.5) < 1e-9 && !agree); /* it likes the first place */
    assert_true(fabs(judge_score(JUDGE_A, JUDGE_TIE, &agree) - 0.5) < 1e-9 && !agree);
    assert_true(isnan(judge_score(JUDGE_A, JUDGE_NONE, &agree)));
}

/* What is asked is a Converse body, whatever is in the texts. */
static void test_questions_to_a_judge(void **state)
{
    struct questions questions = parse("{\"prompt\":\"Q\\\"}],\\n\",\"reference\":\"R\",\"system\":\"S\"}");
    struct arena arena;
    struct buf body;
    struct error error;
    struct str why;
    yyjson_doc *doc;
    (void)state;
    arena_init(&arena, 0);
    buf_init(&body, 1 << 20);
    const struct answer a = answer_of("first \"one\"", &arena), b = answer_of("second", &arena);
    assert_true(judge_append_request(&body, &questions.items[0], &a, &b));
    assert_int_equal(json_parse(buf_str(&body), &doc, &error), OK);
    const struct str text = json_str(yyjson_ptr_get(yyjson_doc_get_root(doc), "/messages/0/content/0/text"));
    assert_true(str_find(text, STR("Answer A:\nfirst \"one\""), 0) > 0);
    assert_true(str_find(text, STR("Answer B:\nsecond"), 0) > str_find(text, STR("Answer A:"), 0));
    assert_true(str_find(text, STR("known to be right:\nR"), 0) > 0);
    json_free(doc);
    const struct judge_criterion *criterion = judge_criterion_find(STR("Builtin.Correctness"));
    buf_clear(&body);
    assert_true(judge_append_grading(&body, criterion, &questions.items[0], &a));
    assert_int_equal(json_parse(buf_str(&body), &doc, &error), OK);
    json_free(doc);
    const struct answer grade = answer_of("{\"grade\":2,\"why\":\"half of it\"}", &arena);
    assert_true(fabs(judge_read_grade(criterion, &grade, &arena, &why) - 0.5) < 1e-9);
    assert_str_equal(why, "half of it");
    const struct answer silly = answer_of("{\"grade\":9}", &arena);
    assert_true(isnan(judge_read_grade(criterion, &silly, &arena, &why)));
    assert_null(judge_criterion_find(STR("Builtin.Toxicity")));
    buf_deinit(&body);
    arena_deinit(&arena);
    questions_deinit(&questions);
}

/* --- side by side --- */

#define EVIL "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x01\x80\xe2\x80\xae"

struct bench {
    struct questions questions;
    struct arena arena;
    struct answer answers[2][8];
    struct comparison comparison;
};

static void setup(struct bench *bench, const char *rows, const char *const *first, const char *const *second)
{
    struct error error;
    *bench = (struct bench){.questions = parse(rows)};
    arena_init(&bench->arena, 0);
    for (size_t i = 0; i < bench->questions.count; i++) {
        const char *said[2] = {first[i], second[i]};
        for (size_t side = 0; side < 2; side++) {
            if (said[side])
                bench->answers[side][i] = answer_of(said[side], &bench->arena);
            else
                assert_int_equal(answer_refuse(STR("<b>gone</b>"), &bench->arena, &bench->answers[side][i], &error),
                                 OK);
        }
    }
    bench->comparison = (struct comparison){
        .questions = &bench->questions,
        .metric = METRIC_AUTO,
        .bound = VERDICT_BOUND_DEFAULT,
        .side_count = 2,
        .sides = {{.model = "small<1>", .answers = bench->answers[0], .cost_per_1000 = 0.5},
                  {.model = "large", .answers = bench->answers[1], .cost_per_1000 = NAN}},
    };
}

static void teardown(struct bench *bench)
{
    comparison_deinit(&bench->comparison);
    questions_deinit(&bench->questions);
    arena_deinit(&bench->arena);
}

static const char rows[] = "{\"prompt\":\"1\",\"reference\":\"yes\",\"category\":\"x\"}\n"
                           "{\"prompt\":\"2\",\"reference\":\"{\\\"a\\\":1}\",\"category\":\"<i>y</i>\"}\n"
                           "{\"prompt\":\""
                           "</pre><script>alert(1)</script>"
                           "\",\"reference\":\"no\"}\n"
                           "broken <script>\n"
                           "{\"prompt\":\"4\",\"reference\":\"one two three four five six seven eight nine ten\"}\n"
                           "{\"prompt\":\"5\"}\n";
static const char *const said_first[] = {"Yes.", "{\"a\": 1}", EVIL, "one two three", "my answer"};
static const char *const said_second[] = {"yes", "{\"a\":2}", NULL, "one two three four five six seven eight nine ten",
                                          "another"};

static void test_side_by_side(void **state)
{
    struct bench bench;
    struct error error;
    struct part part;
    (void)state;
    setup(&bench, rows, said_first, said_second);
    struct comparison *comparison = &bench.comparison;
    assert_int_equal(comparison_choose(comparison, reader, &error), OK);
    const enum metric metrics[] = {METRIC_EXACT, METRIC_JSON, METRIC_EXACT, METRIC_ROUGE, METRIC_JUDGE};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(comparison->metrics[i], metrics[i]);
        assert_int_equal(comparison_needs_judge(comparison, i), i == 4);
    }
    struct judged judged[5] = {[4] = {JUDGE_A, JUDGE_B}};
    comparison->judged = judged;
    comparison->judge = "judge";
    assert_int_equal(comparison_score(comparison, reader, &error), OK);
    const double first[] = {1, 1, 0, 6.0 / 13, 1}, second[] = {1, 0, 0, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_true(fabs(comparison->sides[0].scores[i] - first[i]) < 1e-9);
        assert_true(fabs(comparison->sides[1].scores[i] - second[i]) < 1e-9);
    }
    assert_int_equal(comparison->sides[1].failed, 1);
    assert_int_equal(comparison->judged_count, 1);
    assert_int_equal(comparison->agreed_count, 1);
    assert_true(fabs(comparison->gain.value - (1 - 7.0 / 13 + 1) / 5) < 1e-9);
    assert_int_equal(comparison->verdict, VERDICT_UNSURE); /* five rows tell nothing */
    assert_int_equal(comparison->sides[0].latency_p50_ms, 40);
    assert_int_equal(comparison_part(comparison, METRIC_EXACT, (struct str){NULL, 0}, &part, &error), OK);
    assert_int_equal(part.rows, 2);
    assert_int_equal(comparison_part(comparison, METRIC_AUTO, STR("x"), &part, &error), OK);
    assert_int_equal(part.rows, 1);
    teardown(&bench);
}

/* Whatever metric was asked for: where the reference is that no tool is called, there is no text to compare with. */
static void test_no_call_is_a_tool_row(void **state)
{
    static const char no_call[] = "{\"prompt\":\"1\",\"expected\":null,\"tools\":[{\"name\":\"f\"}]}\n";
    static const char *const said[] = {"I can help with that."};
    static const enum metric asked[] = {METRIC_AUTO, METRIC_EXACT, METRIC_JSON, METRIC_F1, METRIC_ROUGE};
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct bench bench;
        struct error error;
        setup(&bench, no_call, said, said);
        bench.comparison.metric = asked[i];
        assert_int_equal(comparison_choose(&bench.comparison, reader, &error), OK);
        assert_int_equal(bench.comparison.metrics[0], METRIC_TOOL);
        assert_int_equal(comparison_score(&bench.comparison, reader, &error), OK);
        assert_true(bench.comparison.sides[0].scores[0] >= 1);
        teardown(&bench);
    }
}

static size_t count_of(const struct buf *text, const char *what)
{
    size_t count = 0;
    for (ptrdiff_t at = -1; (at = str_find(buf_str(text), str_of(what), (size_t)(at + 1))) >= 0;)
        count++;
    return count;
}

/* Nothing that was said is markup, and nothing is fetched. */
static void test_page(void **state)
{
    struct bench bench;
    struct error error;
    struct buf page;
    (void)state;
    setup(&bench, rows, said_first, said_second);
    buf_init(&page, 1 << 24);
    assert_int_equal(comparison_choose(&bench.comparison, reader, &error), OK);
    assert_int_equal(comparison_score(&bench.comparison, reader, &error), OK);
    const struct report_about about = {.data = "rows<script>.jsonl", .wall_us = 1};
    assert_int_equal(comparison_append_page(&page, &bench.comparison, &about, &error), OK);
    assert_int_equal(count_of(&page, "<script"), 0);
    assert_int_equal(count_of(&page, "<img"), 0);
    assert_int_equal(count_of(&page, "<i>"), 0);
    assert_int_equal(count_of(&page, "<b>"), 0);
    assert_int_equal(count_of(&page, "src="), 1); /* inside the text of a model */
    assert_true(count_of(&page, "&lt;script&gt;") >= 3);
    assert_int_equal(count_of(&page, "http"), 1); /* http-equiv */
    assert_int_equal(count_of(&page, "<pre"), count_of(&page, "</pre>"));
    assert_int_equal(count_of(&page, "<div"), count_of(&page, "</div>"));
    assert_true(str_is_utf8(buf_str(&page)));
    assert_null(memchr(page.data, 1, page.len));
    assert_true(count_of(&page, "no answer:") == 1);
    assert_true(count_of(&page, "class=\"verdict unsure\"") == 1);
    buf_deinit(&page);
    teardown(&bench);
}

static void test_table_and_json(void **state)
{
    struct bench bench;
    struct error error;
    struct buf text;
    yyjson_doc *doc;
    (void)state;
    setup(&bench, rows, said_first, said_second);
    buf_init(&text, 1 << 24);
    assert_int_equal(comparison_choose(&bench.comparison, reader, &error), OK);
    assert_int_equal(comparison_score(&bench.comparison, reader, &error), OK);
    assert_int_equal(comparison_append_table(&text, &bench.comparison, &error), OK);
    assert_int_equal(count_of(&text, ": unsure\n"), 1);
    assert_int_equal(count_of(&text, "price not known"), 1);
    buf_clear(&text);
    assert_int_equal(comparison_append_json(&text, &bench.comparison, &error), OK);
    assert_int_equal(json_parse(buf_str(&text), &doc, &error), OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_str_equal(json_str(yyjson_obj_get(root, "verdict")), "unsure");
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/leftOutLines/0/line")), 4);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/metrics/exact/rows")), 2);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "models")), 2);
    json_free(doc);
    buf_deinit(&text);
    teardown(&bench);
}

/* A page of many long texts stays bounded and says what it left out. */
/* What rows say can't move the cursor or colour the terminal, and columns stand below each other. */
static void test_table_is_plain(void **state)
{
    static const char hostile[] =
        "{\"prompt\":\"1\",\"reference\":\"r\",\"category\":\"a\\u001b[31m\\u0085\\u009b\\n\\u007fb\"}\n"
        "{\"prompt\":\"2\",\"reference\":\"r\",\"category\":\"ééééééééééééééééééééééééé\"}\n"
        "{\"prompt\":\"3\",\"reference\":\"r\",\"category\":\"short\"}\n";
    static const char *const said[] = {"r", "r", "r"};
    struct bench bench;
    struct error error;
    struct buf text;
    (void)state;
    setup(&bench, hostile, said, said);
    buf_init(&text, 1 << 20);
    assert_int_equal(comparison_choose(&bench.comparison, reader, &error), OK);
    assert_int_equal(comparison_score(&bench.comparison, reader, &error), OK);
    assert_int_equal(comparison_append_table(&text, &bench.comparison, &error), OK);
    assert_true(str_is_utf8(buf_str(&text)));
    for (size_t i = 0; i < text.len; i++)
        assert_true((unsigned char)text.data[i] >= 0x20 || text.data[i] == '\n');
    assert_int_equal(count_of(&text, "\x7f") + count_of(&text, "\xc2\x85") + count_of(&text, "\xc2\x9b"), 0);
    assert_int_equal(count_of(&text, "  a?[31m????b              "), 1);
    assert_int_equal(count_of(&text, "  éééééééééééééééééééééé      1 "), 1);
    assert_int_equal(count_of(&text, "  short                       1 "), 1);
    buf_deinit(&text);
    teardown(&bench);
}

static void test_long_page(void **state)
{
    struct buf page;
    struct error error;
    const size_t count = LIMIT_EVAL_REPORT_ROWS + 20;
    struct buf data;
    (void)state;
    buf_init(&data, 1 << 22);
    for (size_t i = 0; i < count; i++)
        buf_append_text(&data, "{\"prompt\":\"Q\",\"reference\":\"R\"}\n");
    buf_append_char(&data, '\0');
    struct questions questions = parse(data.data);
    struct arena arena;
    arena_init(&arena, 0);
    struct answer *answers = mem_must_calloc(2 * count, sizeof(*answers));
    char *text = mem_must_calloc(1, LIMIT_EVAL_REPORT_TEXT + 100);
    memset(text, 'x', LIMIT_EVAL_REPORT_TEXT - 1);
    memcpy(text + LIMIT_EVAL_REPORT_TEXT - 1, "\xe7\x8c\xab!", 5); /* a character across the cut */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(answer_of_text(str_of(i < 2 ? text : "R"), &arena, &answers[i], &error), OK);
        assert_int_equal(answer_of_text(STR("other"), &arena, &answers[count + i], &error), OK);
    }
    struct comparison comparison = {
        .questions = &questions,
        .bound = 0.02,
        .side_count = 2,
        .sides = {{.model = "a", .answers = answers}, {.model = "b", .answers = answers + count}}};
    buf_init(&page, 1 << 24);
    assert_int_equal(comparison_choose(&comparison, reader, &error), OK);
    assert_int_equal(comparison_score(&comparison, reader, &error), OK);
    assert_int_equal(comparison.verdict, VERDICT_SWITCH);
    const struct report_about about = {.data = "d"};
    assert_int_equal(comparison_append_page(&page, &comparison, &about, &error), OK);
    assert_int_equal(count_of(&page, "<div class=\"row\">"), LIMIT_EVAL_REPORT_ROWS);
    assert_true(str_is_utf8(buf_str(&page)));
    buf_deinit(&page);
    comparison_deinit(&comparison);
    questions_deinit(&questions);
    arena_deinit(&arena);
    mem_free(answers);
    mem_free(text);
    buf_deinit(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_several_turns),
        cmocka_unit_test(test_flaws),
        cmocka_unit_test(test_lines_are_numbered_and_bounded),
        cmocka_unit_test(test_fewer_rows_have_no_rhythm),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_words_of_a_judge),
        cmocka_unit_test(test_questions_to_a_judge),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_no_call_is_a_tool_row),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_table_and_json),
        cmocka_unit_test(test_table_is_plain),
        cmocka_unit_test(test_long_page),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
