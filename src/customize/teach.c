/* teach.c - the teacher answers what the data lack, and the prompts that it has written itself: each prompt once, and
 * rows are made of them. See run.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/files.h"
#include "core/limits.h"
#include "customize/ask.h"
#include "customize/data.h"

#define SAMPLE_ROWS 100 /* of the synthetic data, for people to look at */

struct lesson {
    char key[DATA_KEY_LEN + 1];
    uint32_t number; /* of the prompt, from 0 */
    bool is_again;   /* an earlier prompt is the same */
    bool is_answered;
    struct content answer; /* or in its text why there is none */
};

struct lessons {
    struct custom_run *run;
    struct arena arena;
    struct lesson *items; /* of the data's prompts, then of those that the teacher has written */
    size_t count, cap, reals;
    size_t at;            /* of the prompt that is being read again */
    struct file_writer *out;
    struct buf text, sample;
    uint32_t reply_tokens;
    uint64_t lost, learnt; /* real prompts without an answer, written ones with one */
};

/* --- prompts ---------------------------------------------------------------------------------------- */

static enum error_code add_lesson(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    const uint32_t number = (uint32_t)lessons->count;
    (void)row_number; /* of its file */
    yyjson_doc *doc = NULL;
    void *items = lessons->items;
    enum error_code code = json_parse(row, &doc, error);
    if (code != OK)
        return code;
    if (mem_grow(&items, lessons->count, &lessons->cap, sizeof(*lessons->items))) {
        lessons->items = items;
        struct lesson *lesson = &lessons->items[lessons->count++];
        *lesson = (struct lesson){.number = number, .answer.text = STR("it was not asked for an answer")};
        (void)snprintf(lesson->key, sizeof(lesson->key), STR_FMT,
                       STR_ARG(json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "key"))));
    } else {
        code = error_no_memory(error);
    }
    json_free(doc);
    return code;
}

static int compare_keys(const void *a, const void *b)
{
    const struct lesson *left = a, *right = b;
    const int order = strcmp(left->key, right->key);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct lesson *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Of those that are the same the first is asked. */
static void mark_again(struct lessons *lessons)
{
    if (lessons->count == 0)
        return;
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_keys);
    for (size_t i = 1; i < lessons->count; i++)
        lessons->items[i].is_again = !strcmp(lessons->items[i].key, lessons->items[i - 1].key);
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_numbers);
}

static enum error_code read_prompts(struct lessons *lessons, struct error *error)
{
    enum error_code code = run_each_row(run_file(lessons->run, "prompts.jsonl").text, add_lesson, lessons, error);
    lessons->reals = lessons->count;
    if (code == OK)
        code = run_each_row(run_file(lessons->run, "variants.jsonl").text, add_lesson, lessons, error);
    mark_again(lessons);
    return code;
}

static enum error_code ask_prompt(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    struct conversation conversation;
    const struct lesson *lesson = &lessons->items[lessons->at++];
    const struct data_asking asking = {lesson->key, lessons->reply_tokens, 0};
    (void)row_number;
    if (lesson->is_again)
        return OK;
    enum error_code code = conversation_of_prompt(row, &lessons->arena, &conversation, NULL, error);
    buf_clear(&lessons->text);
    if (code == OK && !conversation_append_record(&lessons->text, &conversation, &asking))
        code = error_no_memory(error);
    if (code == OK)
        code = file_writer_put(lessons->out, lessons->text.data, lessons->text.len, error);
    return code == OK ? run_tick(lessons->run, error) : code;
}

static enum error_code write_prompts(struct lessons *lessons, const char *path, struct error *error)
{
    struct file_writer out = {.fd = -1};
    lessons->out = &out;
    lessons->at = 0;
    enum error_code code = file_writer_open(&out, path, error);
    if (code == OK)
        code = run_each_row(run_file(lessons->run, "prompts.jsonl").text, ask_prompt, lessons, error);
    if (code == OK)
        code = run_each_row(run_file(lessons->run, "variants.jsonl").text, ask_prompt, lessons, error);
    return file_writer_close(&out, code, error);
}

/* --- answers ---------------------------------------------------------------------------------------- */

static struct lesson *find_lesson(struct lessons *lessons, struct str key)
{
    size_t low = 0, high = lessons->count;
    while (low < high) { /* in the order of keys meanwhile */
        const size_t middle = low + (high - low) / 2;
        struct lesson *lesson = &lessons->items[middle];
        const struct str own = str_of(lesson->key);
        const int order = own.len == key.len ? memcmp(own.data, key.data, key.len) : own.len < key.len ? -1 : 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lessons->count && str_eq(str_of(lessons->items[low].key), key) ? &lessons->items[low] : NULL;
}

static enum error_code take_answer(void *ctx, struct str record, bool is_there, const struct content *answer,
                                   struct error *error)
{
    struct lessons *lessons = ctx;
    struct lesson *lesson = find_lesson(lessons, record);
    if (!lesson)
        return OK;
    lesson->is_answered = is_there;
    lesson->answer = *answer;
    const bool is_kept = arena_str(&lessons->arena, answer->text, &lesson->answer.text) &&
                         (!answer->blocks.data || arena_str(&lessons->arena, answer->blocks, &lesson->answer.blocks));
    return is_kept ? OK : error_no_memory(error);
}

/* Those that are the same as an earlier one have its answer. */
static void share_answers(struct lessons *lessons)
{
    for (size_t i = 1; i < lessons->count; i++)
        if (lessons->items[i].is_again) {
            lessons->items[i].is_answered = lessons->items[i - 1].is_answered;
            lessons->items[i].answer = lessons->items[i - 1].answer;
        }
}

static enum error_code ask_all(struct lessons *lessons, struct error *error)
{
    struct custom_asked *noted = &lessons->run->job.progress.answers;
    const struct run_path path = run_file(lessons->run, "asks.jsonl");
    const struct ask ask = {"teacher-of-", "customization-", "teacher/prompts.jsonl", "teacher/", noted};
    enum error_code code = noted->job[0] ? OK : write_prompts(lessons, path.text, error);
    if (code != OK)
        return code;
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_keys);
    code = ask_teacher(lessons->run, &ask, path.text, take_answer, lessons, error);
    share_answers(lessons);
    qsort(lessons->items, lessons->count, sizeof(*lessons->items), compare_numbers);
    return code;
}

/* --- rows ------------------------------------------------------------------------------------------- */

/* Evenly spread over all that are left. */
static bool is_sampled(const struct lessons *lessons)
{
    const uint64_t count = lessons->count - lessons->reals, number = lessons->at - lessons->reals; /* from 1 */
    const uint64_t wanted = count < SAMPLE_ROWS ? count : SAMPLE_ROWS;
    return number * wanted / count > (number - 1) * wanted / count;
}

static enum error_code note_unanswered(struct lessons *lessons, const struct lesson *lesson,
                                       const struct data_origin *origin, struct error *error)
{
    const struct str why = arena_printf(&lessons->arena, "the teacher gave no answer: " STR_FMT,
                                        STR_ARG(lesson->answer.text));
    return why.data ? run_reject(lessons->run, origin->file, origin->line, why, error) : error_no_memory(error);
}

static enum error_code write_taught(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct lessons *lessons = ctx;
    const bool is_real = lessons->at < lessons->reals;
    const struct lesson *lesson = &lessons->items[lessons->at++];
    struct conversation conversation;
    struct data_origin origin;
    enum error_code code = conversation_of_prompt(row, &lessons->arena, &conversation, &origin, error);
    (void)row_number;
    if (code != OK)
        return code;
    lessons->lost += is_real && !lesson->is_answered;
    lessons->learnt += !is_real && lesson->is_answered;
    if (!lesson->is_answered)
        return note_unanswered(lessons, lesson, &origin, error);
    conversation_answer(&conversation, lesson->answer);
    buf_clear(&lessons->text);
    if (!conversation_append_row(&lessons->text, &conversation, &origin, false) ||
        (!is_real && is_sampled(lessons) && !conversation_append_line(&lessons->sample, &conversation)))
        return error_no_memory(error);
    return file_writer_put(lessons->out, lessons->text.data, lessons->text.len, error);
}

static enum error_code write_rows(struct lessons *lessons, const char *prompts, const char *rows, struct error *error)
{
    const struct run_path path = run_file(lessons->run, rows);
    struct file_writer out = {.fd = -1};
    lessons->out = &out;
    enum error_code code = file_writer_open(&out, path.text, error);
    if (code == OK)
        code = run_each_row(run_file(lessons->run, prompts).text, write_taught, lessons, error);
    return file_writer_close(&out, code, error);
}

static enum error_code put_taught(struct lessons *lessons, struct error *error)
{
    struct custom_run *run = lessons->run;
    struct custom_progress *progress = &run->job.progress;
    lessons->at = 0;
    enum error_code code = write_rows(lessons, "prompts.jsonl", "taught.jsonl", error);
    if (code == OK)
        code = write_rows(lessons, "variants.jsonl", "synthetic.jsonl", error);
    if (code == OK && lessons->sample.len > 0)
        code = run_put(run, RUN_SAMPLE, buf_str(&lessons->sample), "application/jsonl", error);
    if (code == OK && run->insights.len > 0)
        code = run_put_insights(run, error);
    if (code != OK)
        return code;
    progress->accepted -= lessons->lost;
    progress->rejected += lessons->lost;
    progress->variants.learnt = lessons->learnt;
    if (progress->accepted >= limit(customization_prompts_min))
        return OK;
    return error_set(error, ERROR_INVALID,
                     "The teacher answered %llu of %llu prompts, so that the data have %llu good lines; at least %llu "
                     "are needed. The output's prompt_insights/rejected.jsonl says why.",
                     (unsigned long long)(lessons->reals - lessons->lost), (unsigned long long)lessons->reals,
                     (unsigned long long)progress->accepted, (unsigned long long)limit(customization_prompts_min));
}

enum error_code run_teach(struct custom_run *run, struct error *error)
{
    struct lessons lessons = {.run = run};
    yyjson_val *most = yyjson_obj_get(ask_teacher_config(run), "maxResponseLengthForInference");
    lessons.reply_tokens = yyjson_is_uint(most) ? (uint32_t)yyjson_get_uint(most) : DATA_REPLY_TOKENS;
    arena_init(&lessons.arena, 0);
    buf_init(&lessons.text, ASK_LINE_BYTES_MAX);
    buf_init(&lessons.sample, SAMPLE_ROWS * (size_t)ASK_LINE_BYTES_MAX);
    enum error_code code = read_prompts(&lessons, error);
    if (code == OK && lessons.count > 0)
        code = ask_all(&lessons, error);
    if (code == OK)
        code = put_taught(&lessons, error);
    buf_deinit(&lessons.sample);
    buf_deinit(&lessons.text);
    mem_free(lessons.items);
    arena_deinit(&lessons.arena);
    return code;
}
