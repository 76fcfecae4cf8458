/* eval_compare.c - see eval_compare.h. */
#include "cmd/eval_compare.h"

#include <stdio.h>

#include "api/bedrock/converse.h"
#include "cmd/cmd_io.h"
#include "cmd/eval_answers.h"
#include "cmd/eval_ask.h"
#include "cmd/eval_price.h"
#include "cmd/eval_server.h"
#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "eval/compare.h"
#include "eval/report.h"

#define REPORT_BYTES_MAX ((size_t)256 << 20)
#define FLAWS_PRINTED 10

struct bed {
    const struct eval_compare_options *options;
    struct words_reader *reader;
    struct questions questions;
    struct arena arena; /* of answers */
    struct eval_answers *kept;
    struct answer *answers[2];
    struct judged *judged;
    struct comparison comparison;
};

/* --- asking ------------------------------------------------------------------------------------------ */

/* Requests to one model: those that nobody has an answer to yet are sent. */
struct round {
    struct bed *bed;
    const char *model;
    bool (*append_body)(const struct bed *bed, size_t request, struct buf *body);
    /* Its answer; the answer's strings live in the bed's arena. */
    void (*heard)(struct bed *bed, size_t request, const struct answer *answer);
    size_t *pending, count;
    uint64_t progress_us;
};

static bool append_pending(void *ctx, size_t index, struct buf *body)
{
    const struct round *round = ctx;
    return round->append_body(round->bed, round->pending[index], body);
}

static enum error_code find_key(const struct round *round, size_t request, char key[ANSWER_KEY_LEN + 1],
                                struct error *error)
{
    struct buf body;
    buf_init(&body, REPORT_BYTES_MAX);
    const bool fits = round->append_body(round->bed, request, &body);
    if (fits)
        eval_answers_key(round->model, buf_str(&body), key);
    buf_deinit(&body);
    return fits ? OK : error_no_memory(error);
}

static enum error_code take(void *ctx, size_t index, struct str body, double confidence, struct error *error)
{
    const struct round *round = ctx;
    char key[ANSWER_KEY_LEN + 1];
    struct answer answer;
    (void)confidence;
    enum error_code code = answer_read(body, &round->bed->arena, &answer, error);
    if (code != OK)
        return code;
    if (!answer.is_there)
        return error_set(error, ERROR_MODEL, STR_FMT, STR_ARG(answer.problem));
    code = find_key(round, round->pending[index], key, error);
    if (code == OK)
        code = eval_answers_add(round->bed->kept, key, round->model, body, error);
    if (code == OK)
        round->heard(round->bed, round->pending[index], &answer);
    return code;
}

static void fail(void *ctx, size_t index, const struct error *failure)
{
    const struct round *round = ctx;
    struct answer answer;
    struct error ignored;
    if (answer_refuse(str_of(failure->message), &round->bed->arena, &answer, &ignored) == OK)
        round->heard(round->bed, round->pending[index], &answer);
}

static void show_progress(void *ctx, size_t done, bool is_last)
{
    struct round *round = ctx;
    ask_print_progress(&round->progress_us, is_last, "%s: %zu of %zu requests", round->model, done, round->count);
}

static enum error_code recall(struct round *round, size_t request, struct error *error)
{
    char key[ANSWER_KEY_LEN + 1];
    struct answer answer = {0};
    enum error_code code = find_key(round, request, key, error);
    const struct str reply = code == OK ? eval_answers_find(round->bed->kept, key) : (struct str){NULL, 0};
    if (code == OK && reply.data)
        code = answer_read(reply, &round->bed->arena, &answer, error);
    if (code == OK && answer.is_there)
        round->heard(round->bed, request, &answer);
    else if (code == OK)
        round->pending[round->count++] = request;
    return code;
}

/* `requests` has `count` numbers of requests. */
static enum error_code ask_round(struct round *round, const size_t *requests, size_t count, const char *endpoint,
                                 struct error *error)
{
    const struct ask ask = {.endpoint = endpoint,
                            .model = round->model,
                            .ctx = round,
                            .append_body = append_pending,
                            .take = take,
                            .fail = fail,
                            .progress = show_progress};
    round->pending = mem_alloc((count + 1) * sizeof(*round->pending));
    round->progress_us = clock_now_us();
    enum error_code code = round->pending ? OK : error_no_memory(error);
    for (size_t i = 0; i < count && code == OK; i++)
        code = recall(round, requests[i], error);
    if (code == OK && round->count < count)
        fprintf(stderr, "%s: %zu of %zu answers are there already, from %s\n", round->model, count - round->count,
                count, round->bed->options->answers);
    if (code == OK && round->count > 0) {
        struct ask some = ask;
        some.count = round->count;
        some.may_all_fail = round->count < count;
        code = ask_all(&some, error);
    }
    mem_free(round->pending);
    return code == OK ? OK : error_prefix(error, "%s", round->model);
}

/* --- the models -------------------------------------------------------------------------------------- */

static bool append_question(const struct bed *bed, size_t request, struct buf *body)
{
    const bool is_bounded = bed->comparison.metrics[request] != METRIC_JUDGE;
    return question_append_request(&bed->questions.items[request], is_bounded, body);
}

static void heard_first(struct bed *bed, size_t request, const struct answer *answer)
{
    bed->answers[0][request] = *answer;
}

static void heard_second(struct bed *bed, size_t request, const struct answer *answer)
{
    bed->answers[1][request] = *answer;
}

static enum error_code ask_models(struct bed *bed, const size_t *rows, const char *endpoint, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < bed->comparison.side_count && code == OK; i++) {
        struct round round = {.bed = bed,
                              .model = bed->comparison.sides[i].model,
                              .append_body = append_question,
                              .heard = i ? heard_second : heard_first};
        code = ask_round(&round, rows, bed->questions.count, endpoint, error);
        comparison_price(&bed->comparison, i, eval_price_of(bed->options->config, bed->options->prices, round.model));
    }
    return code;
}

/* --- the judge: request 2 * row has the first answer first, the one behind it the second --------------- */

static bool append_to_judge(const struct bed *bed, size_t request, struct buf *body)
{
    const size_t row = request / 2, first = request % 2;
    return judge_append_request(body, &bed->questions.items[row], &bed->answers[first][row],
                                &bed->answers[1 - first][row]);
}

static void heard_judge(struct bed *bed, size_t request, const struct answer *answer)
{
    struct judged *judged = &bed->judged[request / 2];
    *(request % 2 ? &judged->swapped : &judged->straight) = judge_read(answer);
}

static enum error_code ask_judge(struct bed *bed, const char *endpoint, struct error *error)
{
    const size_t count = bed->questions.count;
    struct round round = {
        .bed = bed, .model = bed->options->judge, .append_body = append_to_judge, .heard = heard_judge};
    size_t *requests = mem_alloc((2 * count + 1) * sizeof(*requests)), wanted = 0;
    bed->judged = mem_calloc(count + 1, sizeof(*bed->judged));
    enum error_code code = requests && bed->judged ? OK : error_no_memory(error);
    for (size_t i = 0; i < 2 * count && code == OK; i++)
        if (comparison_needs_judge(&bed->comparison, i / 2))
            requests[wanted++] = i;
    if (code == OK && wanted > 0)
        code = ask_round(&round, requests, wanted, endpoint, error);
    bed->comparison.judged = bed->judged;
    mem_free(requests);
    return code;
}

/* --- the run ----------------------------------------------------------------------------------------- */

static bool has_no_reference(const struct question *question) { return !question->has_reference; }

static void print_flaws(const struct bed *bed)
{
    const struct questions *questions = &bed->questions;
    const char *file = bed->options->data ? bed->options->data : "the embedded set";
    for (size_t i = 0; i < questions->flaw_count && i < FLAWS_PRINTED; i++)
        fprintf(stderr, "%s:%zu: left out: %s\n", file, questions->flaws[i].line, questions->flaws[i].reason);
    if (questions->flaws_all > FLAWS_PRINTED)
        fprintf(stderr, "%s: %zu more lines left out; --json and the report list them\n", file,
                questions->flaws_all - FLAWS_PRINTED);
}

static enum error_code read_questions(struct bed *bed, struct error *error)
{
    const struct eval_compare_options *options = bed->options;
    enum error_code code = questions_parse(&bed->questions, options->text, error);
    if (code == OK && !options->judge)
        code = questions_leave_out(&bed->questions, has_no_reference,
                                   "there is no reference to compare with: give one, or a --judge", error);
    print_flaws(bed);
    if (code == OK && bed->questions.count == 0)
        code = error_set(error, ERROR_INVALID, "%s: there are no rows in it that can be compared",
                         options->data ? options->data : "the embedded set");
    if (code == OK)
        questions_thin(&bed->questions, options->limit);
    return code;
}

static enum error_code open_bed(struct bed *bed, struct error *error)
{
    const struct eval_compare_options *options = bed->options;
    codec_register(&converse_codec);
    arena_init(&bed->arena, 0);
    enum error_code code = words_reader_new(&bed->reader, error);
    if (code == OK)
        code = read_questions(bed, error);
    if (code == OK)
        code = eval_answers_open(options->answers, &bed->kept, error);
    for (size_t i = 0; i < 2 && code == OK; i++) {
        bed->answers[i] = mem_calloc(bed->questions.count + 1, sizeof(**bed->answers));
        code = bed->answers[i] ? OK : error_no_memory(error);
    }
    bed->comparison = (struct comparison){
        .questions = &bed->questions,
        .metric = options->metric,
        .bound = options->bound,
        .judge = options->judge,
        .side_count = options->against ? 2 : 1,
        .sides = {{.model = options->model, .answers = bed->answers[0]},
                  {.model = options->against, .answers = bed->answers[1]}},
    };
    return code == OK ? comparison_choose(&bed->comparison, bed->reader, error) : code;
}

static void close_bed(struct bed *bed)
{
    comparison_deinit(&bed->comparison);
    eval_answers_close(bed->kept);
    questions_deinit(&bed->questions);
    words_reader_free(bed->reader);
    mem_free(bed->answers[0]);
    mem_free(bed->answers[1]);
    mem_free(bed->judged);
    arena_deinit(&bed->arena);
}

static enum error_code ask_at(struct bed *bed, const char *endpoint, struct error *error)
{
    size_t *rows = mem_alloc((bed->questions.count + 1) * sizeof(*rows));
    enum error_code code = rows ? OK : error_no_memory(error);
    for (size_t i = 0; rows && i < bed->questions.count; i++)
        rows[i] = i;
    if (code == OK)
        code = ask_models(bed, rows, endpoint, error);
    if (code == OK && bed->options->judge)
        code = ask_judge(bed, endpoint, error);
    mem_free(rows);
    return code;
}

static enum error_code ask_everybody(struct bed *bed, struct error *error)
{
    struct eval_server server = {0};
    const char *endpoint = bed->options->endpoint;
    enum error_code code = endpoint ? OK : eval_server_start(bed->options->config->file, &server, error);
    if (code == OK)
        code = ask_at(bed, endpoint ? endpoint : server.url, error);
    eval_server_stop(&server);
    return code == OK ? comparison_score(&bed->comparison, bed->reader, error) : code;
}

static enum error_code write_page(const struct bed *bed, struct error *error)
{
    const struct report_about about = {.data = bed->options->data ? bed->options->data : "the embedded held-out set",
                                       .wall_us = clock_wall_us()};
    struct buf page;
    if (!bed->options->report)
        return OK;
    buf_init(&page, REPORT_BYTES_MAX);
    enum error_code code = comparison_append_page(&page, &bed->comparison, &about, error);
    if (code == OK)
        code = file_replace(bed->options->report, buf_str(&page), 0644, error);
    buf_deinit(&page);
    return code;
}

static int print_report(const struct bed *bed, struct error *error)
{
    static const int statuses[VERDICTS] = {
        [VERDICT_SWITCH] = CMD_DONE, [VERDICT_STAY] = EVAL_STAY, [VERDICT_UNSURE] = EVAL_UNSURE};
    struct buf out;
    buf_init(&out, REPORT_BYTES_MAX);
    const enum error_code code = bed->options->is_json ? comparison_append_json(&out, &bed->comparison, error)
                                                       : comparison_append_table(&out, &bed->comparison, error);
    if (code != OK) {
        buf_deinit(&out);
        return cmd_fail("eval", error, CMD_FAILED);
    }
    const int status = cmd_finish("eval", &out);
    return status == CMD_DONE && bed->comparison.side_count == 2 ? statuses[bed->comparison.verdict] : status;
}

int eval_compare(const struct eval_compare_options *options)
{
    struct bed bed = {.options = options};
    struct error error;
    enum error_code code = open_bed(&bed, &error);
    if (code == OK)
        code = ask_everybody(&bed, &error);
    if (code == OK)
        code = write_page(&bed, &error);
    const int status = code == OK ? print_report(&bed, &error) : cmd_fail("eval", &error, CMD_FAILED);
    close_bed(&bed);
    return status;
}

/* By the first line that is an object. */
bool eval_compare_wants(struct str text)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        struct error ignored;
        yyjson_doc *doc = NULL;
        if (str_starts(line, STR("\xef\xbb\xbf")))
            return true;
        if (json_parse_exact(str_trim(line), &doc, &ignored) != OK)
            continue;
        yyjson_val *root = yyjson_doc_get_root(doc);
        const bool is_object = yyjson_is_obj(root);
        const bool is_older = yyjson_obj_get(root, "messages") && yyjson_obj_get(root, "expected");
        json_free(doc);
        if (is_object)
            return !is_older;
    }
    return false;
}
