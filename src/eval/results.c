/* results.c - the last step of an evaluation job: rows and answers are read, scored, and written as results and report.
 * See course.h.
 *
 *   PREFIX models/MODEL/taskTypes/TASK/datasets/SET/UUID_output.jsonl   a line for each row:
 *     {"automatedEvaluationResult": {"scores": [{"metricName", "result", "evaluatorDetails"}]},
 *      "inputRecord": {...}, "modelResponses": [{"response", "modelIdentifier"}]}
 *   PREFIX report.html, PREFIX summary.json */
#include "eval/course.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "eval/report.h"
#include "generate/routing.h"
#include "ledger/price_book.h"
#include "route/agree.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

/* --- rows and answers -------------------------------------------------------------------------------- */

static enum error_code read_set(struct course *course, size_t set, struct course_data *data, struct error *error)
{
    char path[COURSE_PATH_MAX];
    struct buf text;
    enum error_code code = course_set_path(course, set, path, error);
    buf_init(&text, (size_t)limit(eval_file_bytes) + 1);
    if (code == OK)
        code = file_read(path, &text, error);
    if (code == OK)
        code = questions_parse(&data->sets[set], buf_str(&text), error);
    if (code == OK && data->sets[set].count == 0)
        code = error_set(error, ERROR_INVALID, STR_FMT ": there is no row in it that can be read%s%s",
                         STR_ARG(course->job.sets[set].uri), data->sets[set].flaw_count ? "; the first: " : "",
                         data->sets[set].flaw_count ? data->sets[set].flaws[0].reason : "");
    buf_deinit(&text);
    return code;
}

struct answer_taker {
    struct course_data *data;
    size_t model;
};

/* A record's name: `count` numbers with a hyphen between two. */
static bool read_numbers(struct str record, uint64_t *numbers, size_t count)
{
    struct str part;
    for (size_t i = 0; i < count; i++)
        if (!str_split(&record, '-', &part) || !str_to_u64(part, &numbers[i]))
            return false;
    return !record.data;
}

static enum error_code take_answer(void *ctx, struct str record, struct str reply, struct str problem,
                                   struct error *error)
{
    const struct answer_taker *taker = ctx;
    uint64_t at[2]; /* set, row */
    if (!read_numbers(record, at, 2) || at[0] >= EVAL_SETS_MAX || at[1] >= taker->data->sets[at[0]].count)
        return OK;
    struct answer *answer = &taker->data->answers[at[0]][taker->model][at[1]];
    return reply.data ? answer_read(reply, &taker->data->arena, answer, error)
                      : answer_refuse(problem, &taker->data->arena, answer, error);
}

/* Answers that stand in the rows, by the name of who gave them. */
static enum error_code take_given(const struct course *course, struct course_data *data, size_t model,
                                  struct error *error)
{
    const struct str name = course->job.models[model].id;
    enum error_code code = OK;
    for (size_t set = 0; set < course->job.set_count; set++) {
        for (size_t row = 0; row < data->sets[set].count && code == OK; row++) {
            const struct question *question = &data->sets[set].items[row];
            struct answer *answer = &data->answers[set][model][row];
            code = answer_refuse(STR("the row has no response of this source"), &data->arena, answer, error);
            for (size_t i = 0; i < question->given_count && code == OK; i++)
                if (str_eq(question->given[i].model, name))
                    code = answer_of_text(question->given[i].text, &data->arena, answer, error);
        }
    }
    return code;
}

static enum error_code read_answers(struct course *course, struct course_data *data, struct error *error)
{
    enum error_code code = OK;
    for (size_t set = 0; set < course->job.set_count; set++) {
        for (size_t model = 0; model < course->job.model_count && code == OK; model++) {
            data->answers[set][model] = mem_calloc(data->sets[set].count + 1, sizeof(struct answer));
            code = data->answers[set][model] ? OK : error_no_memory(error);
        }
    }
    for (size_t model = 0; model < course->job.model_count && code == OK; model++) {
        struct answer_taker taker = {data, model};
        code = course->job.models[model].is_given ? take_given(course, data, model, error)
                                                  : course_replies(course, model, take_answer, &taker, error);
    }
    return code;
}

enum error_code course_read_data(struct course *course, bool has_answers, struct course_data *data, struct error *error)
{
    enum error_code code = OK;
    *data = (struct course_data){0};
    arena_init(&data->arena, 0);
    for (size_t set = 0; set < course->job.set_count && code == OK; set++)
        code = read_set(course, set, data, error);
    return code == OK && has_answers ? read_answers(course, data, error) : code;
}

void course_data_deinit(struct course_data *data)
{
    for (size_t set = 0; set < EVAL_SETS_MAX; set++) {
        questions_deinit(&data->sets[set]);
        for (size_t model = 0; model < EVAL_MODELS_MAX; model++)
            mem_free(data->answers[set][model]);
    }
    arena_deinit(&data->arena);
}

/* --- grades ------------------------------------------------------------------------------------------ */

enum error_code course_gradings(const struct course *course, const struct course_data *data,
                                enum error_code (*take)(void *ctx, const struct course_grading *grading,
                                                        const char *name, struct error *error),
                                void *ctx, struct error *error)
{
    const struct eval_job *job = &course->job;
    enum error_code code = OK;
    for (size_t set = 0; set < job->set_count; set++)
        for (size_t row = 0; row < data->sets[set].count; row++)
            for (size_t model = 0; model < job->model_count; model++)
                for (size_t measure = 0; measure < job->sets[set].measure_count && code == OK; measure++) {
                    const struct course_grading grading = {set, row, model, measure};
                    char name[96];
                    if (!job->sets[set].measures[measure].criterion || !data->answers[set][model][row].is_there)
                        continue;
                    (void)snprintf(name, sizeof(name), "%zu-%zu-%zu-%zu", set, row, model, measure);
                    code = take(ctx, &grading, name, error);
                }
    return code;
}

/* Scores of a job: of each set, model and measure, one for each row. */
struct scores {
    struct course *course;
    struct course_data data;
    double *values[EVAL_SETS_MAX][EVAL_MODELS_MAX][EVAL_METRICS_MAX];      /* NAN: not known */
    struct str *reasons[EVAL_SETS_MAX][EVAL_MODELS_MAX][EVAL_METRICS_MAX]; /* a judge's; NULL where it is none */
};

static enum error_code take_grade(void *ctx, struct str record, struct str reply, struct str problem,
                                  struct error *error)
{
    struct scores *scores = ctx;
    struct answer answer;
    uint64_t at[4]; /* set, row, model, measure */
    (void)problem;
    if (!read_numbers(record, at, 4) || at[0] >= scores->course->job.set_count ||
        at[1] >= scores->data.sets[at[0]].count || at[2] >= scores->course->job.model_count ||
        at[3] >= scores->course->job.sets[at[0]].measure_count)
        return OK;
    const struct judge_criterion *criterion = scores->course->job.sets[at[0]].measures[at[3]].criterion;
    if (!criterion || !reply.data)
        return OK;
    const enum error_code code = answer_read(reply, &scores->data.arena, &answer, error);
    if (code == OK)
        scores->values[at[0]][at[2]][at[3]][at[1]] =
            judge_read_grade(criterion, &answer, &scores->data.arena, &scores->reasons[at[0]][at[2]][at[3]][at[1]]);
    return code;
}

/* --- scores ------------------------------------------------------------------------------------------ */

/* Scoring many long texts takes minutes, for which nobody waits who ends the server: the next one does it again. */
static enum error_code check_closing(const struct scores *scores, struct error *error)
{
    return atomic_load(scores->course->is_closing) ? error_set(error, ERROR_UNAVAILABLE, "The server ends.") : OK;
}

/* A row without an answer is worth nothing; one without a reference has no score. */
static enum error_code score_one(const struct scores *scores, struct words_reader *reader, size_t set, size_t model,
                                 size_t measure, struct error *error)
{
    const struct questions *questions = &scores->data.sets[set];
    enum error_code code = OK;
    for (size_t row = 0; row < questions->count && code == OK; row++) {
        const struct question *question = &questions->items[row];
        const struct answer *answer = &scores->data.answers[set][model][row];
        double *value = &scores->values[set][model][measure][row];
        const enum metric wanted = scores->course->job.sets[set].measures[measure].metric;
        enum metric metric;
        *value = wanted == METRIC_JUDGE || !question->has_reference ? NAN : 0;
        if (isnan(*value) || !answer->is_there)
            continue;
        code = check_closing(scores, error);
        if (code == OK)
            code = question_metric(question, wanted, reader, &metric, error);
        if (code == OK)
            code = metric_score(reader, metric, &question->reference, &answer->reply, value, error);
    }
    return code;
}

static enum error_code open_one(struct scores *scores, size_t set, size_t model, size_t measure, struct error *error)
{
    const size_t count = scores->data.sets[set].count + 1;
    scores->values[set][model][measure] = mem_calloc(count, sizeof(double));
    scores->reasons[set][model][measure] = mem_calloc(count, sizeof(struct str));
    return scores->values[set][model][measure] && scores->reasons[set][model][measure] ? OK : error_no_memory(error);
}

static enum error_code score_all(struct scores *scores, struct words_reader *reader, struct error *error)
{
    const struct eval_job *job = &scores->course->job;
    enum error_code code = OK;
    for (size_t set = 0; set < job->set_count; set++)
        for (size_t model = 0; model < job->model_count; model++)
            for (size_t measure = 0; measure < job->sets[set].measure_count && code == OK; measure++) {
                code = open_one(scores, set, model, measure, error);
                if (code == OK)
                    code = score_one(scores, reader, set, model, measure, error);
            }
    if (code == OK && scores->course->children[EVAL_MODELS_MAX].len > 0)
        code = course_replies(scores->course, EVAL_MODELS_MAX, take_grade, scores, error);
    return code;
}

static void scores_deinit(struct scores *scores)
{
    for (size_t set = 0; set < EVAL_SETS_MAX; set++)
        for (size_t model = 0; model < EVAL_MODELS_MAX; model++)
            for (size_t measure = 0; measure < EVAL_METRICS_MAX; measure++) {
                mem_free(scores->values[set][model][measure]);
                mem_free(scores->reasons[set][model][measure]);
            }
    course_data_deinit(&scores->data);
}

/* --- result files ------------------------------------------------------------------------------------ */

/* The service leaves "Builtin." out of names of its metrics that need no judge. */
static struct str shown_name(const struct eval_measure *measure)
{
    const struct str prefix = STR("Builtin.");
    return !measure->criterion && str_starts(measure->name, prefix)
               ? str_slice(measure->name, prefix.len, measure->name.len)
               : measure->name;
}

static void append_score(struct buf *out, const struct scores *scores, size_t set, size_t model, size_t measure,
                         size_t row)
{
    const struct eval_measure *one = &scores->course->job.sets[set].measures[measure];
    const double value = scores->values[set][model][measure][row];
    buf_append_text(out, "{\"metricName\":");
    buf_append_json(out, shown_name(one));
    if (isnan(value))
        buf_append_text(out, ",\"result\":null");
    else
        buf_appendf(out, ",\"result\":%.9g", value);
    if (one->criterion) {
        buf_append_text(out, ",\"evaluatorDetails\":[{\"modelIdentifier\":");
        buf_append_json(out, scores->course->job.judge.id);
        json_append_member(out, "explanation", scores->reasons[set][model][measure][row]);
        buf_append_text(out, "}]");
    }
    buf_append_char(out, '}');
}

static void append_response(struct buf *out, const struct scores *scores, size_t set, size_t model, size_t row)
{
    const struct answer *answer = &scores->data.answers[set][model][row];
    struct buf text;
    buf_init(&text, out->max);
    if (answer->is_there && !reply_append_said(&text, &answer->reply))
        out->failed = true;
    buf_append_text(out, "{\"response\":");
    buf_append_json(out, buf_str(&text));
    json_append_member(out, "modelIdentifier", scores->course->job.models[model].id);
    if (!answer->is_there)
        json_append_member(out, "error", answer->problem);
    buf_append_char(out, '}');
    buf_deinit(&text);
}

static void append_line(struct buf *out, const struct scores *scores, size_t set, size_t model, size_t row)
{
    const struct eval_set *asked = &scores->course->job.sets[set];
    buf_append_text(out, "{\"automatedEvaluationResult\":{\"scores\":[");
    for (size_t measure = 0; measure < asked->measure_count; measure++) {
        if (measure > 0)
            buf_append_char(out, ',');
        append_score(out, scores, set, model, measure, row);
    }
    buf_append_text(out, "]},\"inputRecord\":");
    buf_append_str(out, scores->data.sets[set].items[row].input);
    buf_append_text(out, ",\"modelResponses\":[");
    append_response(out, scores, set, model, row);
    buf_append_text(out, "]}\n");
}

/* Of an ARN the part behind its last slash. */
static struct str folder_of(struct str model)
{
    size_t at = model.len;
    while (at > 0 && model.data[at - 1] != '/')
        at--;
    return str_slice(model, at, model.len);
}

static enum error_code put_lines(struct scores *scores, size_t set, size_t model, struct error *error)
{
    struct course *course = scores->course;
    const struct eval_set *asked = &course->job.sets[set];
    char name[OBJECTS_KEY_MAX + 1], text[128], uuid[UUID_LEN + 1];
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MAX);
    for (size_t row = 0; row < scores->data.sets[set].count; row++)
        append_line(&out, scores, set, model, row);
    (void)snprintf(text, sizeof(text), "fulcrum evaluation %s %zu %zu", course->job.id, set, model);
    uuid_of_text(str_of(text), uuid);
    (void)snprintf(name, sizeof(name), "models/" STR_FMT "/taskTypes/%s/datasets/" STR_FMT "/%s_output.jsonl",
                   STR_ARG(folder_of(course->job.models[model].id)), eval_task_names[asked->task], STR_ARG(asked->name),
                   uuid);
    const enum error_code code =
        out.failed ? error_no_memory(error) : course_put(course, name, "application/jsonl", buf_str(&out), error);
    buf_deinit(&out);
    return code;
}

static enum error_code put_results(struct scores *scores, struct error *error)
{
    const struct eval_job *job = &scores->course->job;
    enum error_code code = OK;
    for (size_t set = 0; set < job->set_count && code == OK; set++)
        for (size_t model = 0; model < job->model_count && code == OK; model++)
            code = put_lines(scores, set, model, error);
    return code;
}

/* --- the report: all rows of all sets, a row's score the mean of its metrics ------------------------------ */

/* A measure that says something of the row, once there is an answer. */
static bool is_measured(const struct scores *scores, size_t set, size_t row)
{
    const struct eval_set *asked = &scores->course->job.sets[set];
    for (size_t measure = 0; measure < asked->measure_count; measure++)
        if (asked->measures[measure].criterion || scores->data.sets[set].items[row].has_reference)
            return true;
    return false;
}

/* Criteria by which 0 is best count the other way round. Who did not answer is worth nothing, whatever the measure:
 * a model that fails must not be judged by the rest of its rows. */
static double mean_score(const struct scores *scores, size_t set, size_t model, size_t row)
{
    const struct eval_set *asked = &scores->course->job.sets[set];
    double sum = 0;
    size_t known = 0;
    if (!scores->data.answers[set][model][row].is_there)
        return is_measured(scores, set, row) ? 0 : NAN;
    for (size_t measure = 0; measure < asked->measure_count; measure++) {
        const double value = scores->values[set][model][measure][row];
        const bool is_turned =
            asked->measures[measure].criterion && asked->measures[measure].criterion->is_lower_better;
        if (isnan(value))
            continue;
        sum += is_turned ? 1 - value : value;
        known++;
    }
    return known > 0 ? sum / (double)known : NAN;
}

/* NULL: nobody knows it; a router's answers have the prices of several models. */
static const struct price_row *price_of(struct course *course, const struct eval_asked *asked)
{
    const struct eval_job *job = &course->job;
    const struct routing_asker asker = {job->tenant, job->account, job->region};
    const struct str id = asked->source.len > 0 ? asked->source : asked->id;
    struct catalog_match match;
    struct error ignored;
    if (asked->is_given ||
        routing_resolve(course->options->routing, &asker, id, &course->arena, &match, &ignored) != OK)
        return NULL;
    const struct price_row *row = price_book_row_of(course->options->prices, match.model->price, match.id, match.place);
    return row && strcmp(row->name, PRICE_NONE) != 0 ? row : NULL;
}

/* All sets as one; rows and answers stay the data's. */
struct whole {
    struct questions questions;
    struct answer *answers[EVAL_MODELS_MAX];
    struct comparison comparison;
};

static enum error_code gather(const struct scores *scores, struct whole *whole, struct error *error)
{
    const struct eval_job *job = &scores->course->job;
    size_t count = 0, at = 0;
    for (size_t set = 0; set < job->set_count; set++)
        count += scores->data.sets[set].count;
    whole->questions.items = mem_calloc(count + 1, sizeof(*whole->questions.items));
    whole->questions.count = count;
    for (size_t model = 0; model < job->model_count; model++) {
        struct side *side = &whole->comparison.sides[model];
        whole->answers[model] = mem_calloc(count + 1, sizeof(**whole->answers));
        side->scores = mem_calloc(count + 1, sizeof(*side->scores));
        side->model = arena_strdup(&scores->course->arena, job->models[model].id);
        side->answers = whole->answers[model];
        if (!whole->answers[model] || !side->scores || !side->model)
            return error_no_memory(error);
    }
    whole->comparison.metrics = mem_calloc(count + 1, sizeof(*whole->comparison.metrics));
    if (!whole->questions.items || !whole->comparison.metrics)
        return error_no_memory(error);
    for (size_t set = 0; set < job->set_count; set++) {
        whole->questions.flaws_all += scores->data.sets[set].flaws_all;
        for (size_t row = 0; row < scores->data.sets[set].count; row++, at++) {
            whole->questions.items[at] = scores->data.sets[set].items[row];
            whole->comparison.metrics[at] = job->sets[set].measures[0].metric;
            for (size_t model = 0; model < job->model_count; model++) {
                whole->answers[model][at] = scores->data.answers[set][model][row];
                whole->comparison.sides[model].scores[at] = mean_score(scores, set, model, row);
            }
        }
    }
    return OK;
}

static enum error_code put_page(struct course *course, const struct comparison *comparison, struct error *error)
{
    struct buf page;
    const char *data = arena_strdup(&course->arena, course->job.sets[0].uri);
    const struct report_about about = {.data = data ? data : "", .wall_us = course->job.submit_us};
    buf_init(&page, OUTPUT_BYTES_MAX);
    enum error_code code = comparison_append_page(&page, comparison, &about, error);
    if (code == OK)
        code = course_put(course, EVAL_REPORT, "text/html; charset=utf-8", buf_str(&page), error);
    buf_clear(&page);
    if (code == OK)
        code = comparison_append_json(&page, comparison, error);
    if (code == OK)
        code = course_put(course, EVAL_SUMMARY, "application/json", buf_str(&page), error);
    buf_deinit(&page);
    return code;
}

/* What could not be read of the first set is listed; that of others is counted. */
static enum error_code put_report(const struct scores *scores, struct error *error)
{
    struct course *course = scores->course;
    struct whole whole = {0};
    whole.comparison = (struct comparison){.questions = &whole.questions,
                                           .measure = "mean of the job's metrics",
                                           .bound = VERDICT_BOUND_DEFAULT,
                                           .side_count = course->job.model_count};
    enum error_code code = gather(scores, &whole, error);
    whole.questions.flaws = scores->data.sets[0].flaws;
    whole.questions.flaw_count = scores->data.sets[0].flaw_count;
    if (code == OK)
        code = comparison_estimate(&whole.comparison, error);
    for (size_t model = 0; model < course->job.model_count && code == OK; model++)
        comparison_price(&whole.comparison, model, price_of(course, &course->job.models[model]));
    if (code == OK)
        code = put_page(course, &whole.comparison, error);
    comparison_deinit(&whole.comparison);
    mem_free(whole.questions.items);
    for (size_t model = 0; model < EVAL_MODELS_MAX; model++)
        mem_free(whole.answers[model]);
    return code;
}

enum error_code course_write_results(struct course *course, struct error *error)
{
    struct scores *scores = mem_calloc(1, sizeof(*scores));
    struct words_reader *reader = NULL;
    if (!scores)
        return error_no_memory(error);
    scores->course = course;
    enum error_code code = words_reader_new(&reader, error);
    if (code == OK)
        code = course_read_data(course, true, &scores->data, error);
    if (code == OK)
        code = score_all(scores, reader, error);
    if (code == OK)
        code = put_results(scores, error);
    if (code == OK)
        code = put_report(scores, error);
    words_reader_free(reader);
    scores_deinit(scores);
    mem_free(scores);
    return code;
}
