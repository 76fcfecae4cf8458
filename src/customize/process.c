/* process.c - the second stage: rows are split into those that are learnt and those that are measured, counted in the
 * base model's tokens, and the recipe is written. Trains nothing. See run.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch/files.h"
#include "core/file.h"
#include "core/limits.h"
#include "customize/run.h"
#include "customize/trainer.h"
#include "engine/broker.h"
#include "engine/embedded.h"
#include "engine/model_size.h"

#define ROW_BYTES_MAX (64u << 20)
#define COUNT_BYTES_MAX (16u << 20)
#define POLL_MS 100
#define HELD_MAX 500 /* rows that are split off to be measured */
#define STOP_MS 5000

/* --- files of rows ---------------------------------------------------------------------------------- */

enum error_code run_each_row(const char *path, row_taker *take, void *ctx, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *row = NULL;
    size_t cap = 0;
    ssize_t len;
    uint64_t number = 0;
    enum error_code code = file ? OK : file_fail("open", path, errno, error);
    while (code == OK && (len = getline(&row, &cap, file)) > 0)
        code = take(ctx, ++number, (struct str){row, (size_t)len}, error);
    if (code == OK && ferror(file))
        code = file_fail("read", path, errno, error);
    free(row); /* lint: allow(memory) getline's own */
    if (file)
        (void)fclose(file);
    return code;
}

struct split {
    struct file_writer *train, *held;
    uint64_t count, wanted; /* rows in all, and of those that are held out */
    uint64_t seen, taken;
};

/* Evenly spread, so that no part of the data goes unmeasured. */
static enum error_code split_row(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct split *split = ctx;
    (void)row_number; /* of its file */
    const uint64_t number = ++split->seen;
    const bool is_held = number * split->wanted / split->count > (number - 1) * split->wanted / split->count;
    split->taken += is_held;
    return file_writer_put(is_held ? split->held : split->train, row.data, row.len, error);
}

static enum error_code copy_row(void *ctx, uint64_t number, struct str row, struct error *error)
{
    (void)number;
    return file_writer_put(ctx, row.data, row.len, error);
}

static uint64_t rows_to_hold(const struct custom_run *run)
{
    const uint64_t share = (uint64_t)((double)run->job.progress.accepted * run->hyper.held);
    return share < HELD_MAX ? share : HELD_MAX;
}

static enum error_code split_rows(struct custom_run *run, bool has_validators, struct error *error)
{
    const struct run_path train_path = run_file(run, "train.jsonl"), held_path = run_file(run, "held.jsonl");
    struct file_writer train = {.fd = -1}, held = {.fd = -1};
    struct split split = {&train, &held, run->job.progress.accepted, has_validators ? 0 : rows_to_hold(run), 0, 0};
    enum error_code code = file_writer_open(&train, train_path.text, error);
    if (code == OK)
        code = file_writer_open(&held, held_path.text, error);
    if (code == OK)
        code = run_each_row(run_file(run, "rows.jsonl").text, split_row, &split, error);
    if (code == OK && run->job.type == CUSTOM_DISTILLATION)
        code = run_each_row(run_file(run, "taught.jsonl").text, split_row, &split, error);
    if (code == OK && run->job.type == CUSTOM_DISTILLATION) /* measured is what real prompts ask */
        code = run_each_row(run_file(run, "synthetic.jsonl").text, copy_row, &train, error);
    if (code == OK)
        code = run_each_row(run_file(run, "validators.jsonl").text, copy_row, &held, error);
    code = file_writer_close(&train, code, error);
    code = file_writer_close(&held, code, error);
    run->job.progress.trained = run->job.progress.accepted - split.taken + run->job.progress.variants.learnt;
    if (!has_validators)
        run->job.progress.held = split.taken;
    return code;
}

/* --- counting --------------------------------------------------------------------------------------- */

/* Rows of a file that are too long, in their order. */
struct long_rows {
    uint64_t *rows;
    size_t count, cap;
};

static bool add_long(struct long_rows *list, uint64_t row)
{
    void *rows = list->rows;
    if (!mem_grow(&rows, list->count, &list->cap, sizeof(*list->rows)))
        return false;
    list->rows = rows;
    list->rows[list->count++] = row;
    return true;
}

/* The last line that the child has said, for messages. */
static void last_words(struct custom_run *run, char *out, size_t size)
{
    struct buf text;
    struct error ignored;
    struct str rest, line, last = STR(RUN_SILENT);
    buf_init(&text, COUNT_BYTES_MAX);
    if (file_read(run_file(run, TRAINER_LOG).text, &text, &ignored) == OK) {
        rest = buf_str(&text);
        while (str_split(&rest, '\n', &line))
            if (str_trim(line).len > 0)
                last = str_trim(line);
    }
    if (str_starts(last, STR("fulcrum train: ")))
        last = str_slice(last, 15, last.len);
    (void)snprintf(out, size, STR_FMT, STR_ARG(str_slice(last, 0, size - 1)));
    buf_deinit(&text);
}

enum error_code run_child_failed(struct custom_run *run, const char *what, int status, struct error *error)
{
    char words[300];
    last_words(run, words, sizeof(words));
    if (WIFSIGNALED(status))
        return error_set(error, ERROR_UNAVAILABLE, "%s was ended by signal %d", what, WTERMSIG(status));
    return error_set(error, ERROR_INVALID, "%s failed: %s", what, words);
}

static enum error_code run_child(struct custom_run *run, const char *const *arguments, const char *what,
                                 struct error *error)
{
    struct subprocess trainer;
    int status = 0;
    enum error_code code = trainer_start(&trainer, run->runner->options->broker_fd, run->dir, arguments, error);
    while (code == OK && !subprocess_has_ended(&trainer, &status))
        code = run_pause(run, POLL_MS, error);
    subprocess_stop(&trainer, STOP_MS);
    return code == OK && status != 0 ? run_child_failed(run, what, status, error) : code;
}

static enum error_code count_tokens(struct custom_run *run, struct error *error)
{
    char most[16];
    (void)snprintf(most, sizeof(most), "%u", run->hyper.length);
    const char *const arguments[] = {"--config", "count.yaml", "--out",    "model.gguf",
                                     "--count",  "--longer",   most, NULL};
    return run_child(run, arguments, "Counting the data's tokens", error);
}

struct counted {
    struct recipe_size *size;
    struct long_rows train, held;
};

static enum error_code take_count(struct counted *counted, yyjson_val *count, struct error *error)
{
    const struct str file = json_str(yyjson_obj_get(count, "file"));
    const bool is_train = str_eq(file, STR("train.jsonl"));
    const uint64_t row = yyjson_get_uint(yyjson_obj_get(count, "row"));
    const uint64_t tokens = yyjson_get_uint(yyjson_obj_get(count, "tokens"));
    const uint64_t longest = yyjson_get_uint(yyjson_obj_get(count, "longest"));
    if (row > 0)
        return add_long(is_train ? &counted->train : &counted->held, row) ? OK : error_no_memory(error);
    if (is_train) {
        counted->size->tokens = tokens;
        counted->size->rows = yyjson_get_uint(yyjson_obj_get(count, "rows")) - counted->train.count;
    }
    if (longest > counted->size->longest)
        counted->size->longest = (uint32_t)longest;
    return OK;
}

static enum error_code read_counts(struct custom_run *run, struct counted *counted, struct error *error)
{
    struct buf text;
    struct str rest, line;
    buf_init(&text, COUNT_BYTES_MAX);
    enum error_code code = file_read(run_file(run, TRAINER_OUT).text, &text, error);
    rest = buf_str(&text);
    while (code == OK && str_split(&rest, '\n', &line)) {
        yyjson_doc *doc = NULL;
        if (line.len == 0)
            continue;
        code = json_parse(line, &doc, error);
        if (code == OK)
            code = take_count(counted, yyjson_doc_get_root(doc), error);
        json_free(doc);
    }
    buf_deinit(&text);
    return code;
}

/* --- rows that are too long ------------------------------------------------------------------------- */

struct dropping {
    struct custom_run *run;
    const struct long_rows *list;
    size_t next;
    struct file_writer *kept;
};

enum error_code run_reject(struct custom_run *run, struct str file, uint64_t line, struct str reason,
                           struct error *error)
{
    struct buf *out = &run->insights;
    buf_append_text(out, "{\"file\":");
    buf_append_json(out, file);
    buf_appendf(out, ",\"line\":%llu,\"status\":\"Rejected\"", (unsigned long long)line);
    json_append_member(out, "reason", reason);
    return buf_append_text(out, "}\n") ? OK : error_no_memory(error);
}

/* The row says which line it was. */
static enum error_code note_dropped(struct dropping *dropping, struct str row, struct error *error)
{
    char reason[96];
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(row, &doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    (void)snprintf(reason, sizeof(reason), "it has more than %u tokens (hyperParameters.maxLength)",
                   dropping->run->hyper.length);
    code = run_reject(dropping->run, json_str(yyjson_obj_get(root, "file")),
                      yyjson_get_uint(yyjson_obj_get(root, "line")), str_of(reason), error);
    json_free(doc);
    return code;
}

static enum error_code drop_row(void *ctx, uint64_t number, struct str row, struct error *error)
{
    struct dropping *dropping = ctx;
    if (dropping->next == dropping->list->count || dropping->list->rows[dropping->next] != number)
        return file_writer_put(dropping->kept, row.data, row.len, error);
    dropping->next++;
    return note_dropped(dropping, row, error);
}

/* A new file takes the place of the old one. */
static enum error_code drop_long(struct custom_run *run, const char *name, const struct long_rows *list,
                                 struct error *error)
{
    const struct run_path path = run_file(run, name), made = run_file(run, "kept.jsonl");
    struct file_writer kept = {.fd = -1};
    struct dropping dropping = {run, list, 0, &kept};
    if (list->count == 0)
        return OK;
    enum error_code code = file_writer_open(&kept, made.text, error);
    if (code == OK)
        code = run_each_row(path.text, drop_row, &dropping, error);
    code = file_writer_close(&kept, code, error);
    if (code == OK && rename(made.text, path.text) != 0)
        code = file_fail("rename", made.text, errno, error);
    return code;
}

/* Behind those that validation has left out. */
enum error_code run_put_insights(struct custom_run *run, struct error *error)
{
    struct buf text;
    buf_init(&text, limit(customization_prompts) * (ROW_BYTES_MAX / 1024) + ROW_BYTES_MAX);
    enum error_code code = file_read(run_file(run, "insights.jsonl").text, &text, error);
    if (code == OK && !buf_append_str(&text, buf_str(&run->insights)))
        code = error_no_memory(error);
    if (code == OK)
        code = run_put(run, RUN_REJECTED, buf_str(&text), "application/jsonl", error);
    buf_deinit(&text);
    return code;
}

static enum error_code leave_out(struct custom_run *run, const struct counted *counted, struct error *error)
{
    struct custom_progress *progress = &run->job.progress;
    const size_t dropped = counted->train.count + counted->held.count;
    if (dropped == 0)
        return OK;
    enum error_code code = drop_long(run, "train.jsonl", &counted->train, error);
    if (code == OK)
        code = drop_long(run, "held.jsonl", &counted->held, error);
    if (code == OK)
        code = run_put_insights(run, error);
    if (code != OK)
        return code;
    progress->trained -= counted->train.count;
    progress->held -= counted->held.count;
    progress->rejected += dropped;
    if (progress->trained == 0 || progress->trained + progress->held < limit(customization_prompts_min))
        return error_set(error, ERROR_INVALID,
                         "%llu lines of the data have %u tokens at most, at least %llu are needed; raise "
                         "hyperParameters.maxLength, or shorten them.",
                         (unsigned long long)(progress->trained + progress->held), run->hyper.length,
                         (unsigned long long)limit(customization_prompts_min));
    return OK;
}

/* --- base and recipe -------------------------------------------------------------------------------- */

static enum error_code check_layers(const struct custom_run *run, const char *path, struct error *error)
{
    struct model_size size;
    const enum error_code code = model_size_read(path, &size, error);
    return code == OK ? hyper_check(&run->hyper, NULL, size.layers, error) : code;
}

/* Its path; a model of the program itself is written into the directory, as `file`. */
static enum error_code find_model(struct custom_run *run, struct str path, struct str name, const char *file,
                                  struct run_path *found, struct error *error)
{
    char own[300];
    *found = run_file(run, file);
    if (path.len > 0) {
        (void)snprintf(found->text, sizeof(found->text), STR_FMT, STR_ARG(path));
        return OK;
    }
    (void)snprintf(own, sizeof(own), STR_FMT ".gguf", STR_ARG(name));
    const struct str text = embedded_file(str_of(own));
    return text.data ? file_replace(found->text, text, 0600, error)
                     : error_set(error, ERROR_INVALID, "The program has no model " STR_FMT " any more.", STR_ARG(name));
}

static enum error_code find_base(struct custom_run *run, struct run_path *path, uint64_t *bytes, struct error *error)
{
    struct stat info;
    enum error_code code = find_model(run, run->job.base_path, run->job.base_name, "base.gguf", path, error);
    if (code == OK && stat(path->text, &info) != 0)
        code = error_set_errno(error, ERROR_INVALID, errno, "The base model's file %s", path->text);
    *bytes = code == OK ? (uint64_t)info.st_size : 0;
    return code == OK && run->hyper.layers > 0 ? check_layers(run, path->text, error) : code;
}

/* Where soft labels come from; empty without them. */
static enum error_code find_teacher(struct custom_run *run, struct run_path *path, struct error *error)
{
    const struct custom_job *job = &run->job;
    path->text[0] = '\0';
    return run->hyper.is_soft ? find_model(run, job->teacher_path, job->teacher_name, "teacher.gguf", path, error)
                              : OK;
}

static enum error_code write_text(struct custom_run *run, const char *name, const struct buf *text, struct error *error)
{
    if (text->failed)
        return error_no_memory(error);
    return file_replace(run_file(run, name).text, buf_str(text), 0600, error);
}

static struct recipe recipe_of(const struct custom_run *run, const char *base, const struct recipe_size *size)
{
    return (struct recipe){.name = run->job.model_name,
                           .base = str_of(base),
                           .scratch = custom_job_scratch(&run->job),
                           .rows = "train.jsonl",
                           .held = "held.jsonl",
                           .cpus = broker_cores(),
                           .hyper = run->hyper,
                           .size = *size};
}

/* What is counted: both files, in the tokens of the student. */
static enum error_code write_count_recipe(struct custom_run *run, const struct recipe *recipe, struct error *error)
{
    struct buf text;
    buf_init(&text, 1u << 16);
    recipe_append_count(&text, recipe, run->job.progress.held > 0);
    const enum error_code code = write_text(run, "count.yaml", &text, error);
    buf_deinit(&text);
    return code;
}

static enum error_code write_recipe(struct custom_run *run, const struct recipe *recipe, struct error *error)
{
    struct buf text;
    buf_init(&text, 1u << 16);
    recipe_append(&text, recipe);
    run->job.progress.steps = recipe_steps(recipe);
    run->job.progress.warm_up = recipe_copying_steps(recipe);
    const enum error_code code = write_text(run, "recipe.yaml", &text, error);
    buf_deinit(&text);
    return code;
}

/* Rows that are left out may change the tokens that a vocabulary made of them has, and so how long the others are. */
static enum error_code count_rows(struct custom_run *run, const char *base, struct recipe_size *size,
                                  struct error *error)
{
    const bool is_made_of_rows = custom_job_scratch(&run->job) || run->hyper.vocabulary > 0;
    enum error_code code = OK;
    uint64_t before = UINT64_MAX;
    while (code == OK && run->job.progress.rejected != before) {
        struct counted counted = {.size = size};
        const struct recipe recipe = recipe_of(run, base, size);
        before = run->job.progress.rejected;
        size->longest = 0;
        code = write_count_recipe(run, &recipe, error);
        if (code == OK)
            code = count_tokens(run, error);
        if (code == OK)
            code = read_counts(run, &counted, error);
        if (code == OK)
            code = leave_out(run, &counted, error);
        mem_free(counted.train.rows);
        mem_free(counted.held.rows);
        if (!is_made_of_rows)
            break;
    }
    return code;
}

/* Whether its distributions are over the student's tokens: before it is asked, and paid, for anything. */
static enum error_code check_teacher(struct custom_run *run, struct error *error)
{
    static const char *const arguments[] = {"--config", "check.yaml", "--out", "model.gguf", "--check", NULL};
    struct buf text;
    struct run_path base, teacher;
    uint64_t ignored;
    const bool was_asked = run->job.progress.answers.job[0] || run->job.progress.variants.asked.job[0];
    if (!run->hyper.is_soft || was_asked)
        return OK;
    enum error_code code = find_base(run, &base, &ignored, error);
    if (code == OK)
        code = find_teacher(run, &teacher, error);
    if (code != OK)
        return code;
    const struct recipe recipe = {.base = str_of(base.text),
                                  .rows = "rows.jsonl",
                                  .teacher = str_of(teacher.text),
                                  .teacher_adapter = run->job.teacher_adapter,
                                  .hyper = run->hyper};
    buf_init(&text, 1u << 16);
    recipe_append_check(&text, &recipe);
    code = write_text(run, "check.yaml", &text, error);
    buf_deinit(&text);
    return code == OK ? run_child(run, arguments, "Reading the teacher for soft labels", error) : code;
}

static bool has_validators(const struct custom_run *run)
{
    yyjson_val *config = yyjson_obj_get(yyjson_doc_get_root(run->request), "validationDataConfig");
    return yyjson_arr_size(yyjson_obj_get(config, "validators")) > 0;
}

/* What the teacher has done stays. */
static void count_again(struct custom_progress *progress, const struct custom_progress *before)
{
    progress->accepted = before->accepted;
    progress->rejected = before->rejected;
    progress->trained = before->trained;
    progress->held = before->held;
}

enum error_code run_process(struct custom_run *run, struct error *error)
{
    struct run_path base = {""}, teacher = {""};
    struct recipe_size size = {0};
    const struct custom_progress before = run->job.progress;
    buf_clear(&run->insights);
    enum error_code code = check_teacher(run, error);
    if (code == OK && run->job.type == CUSTOM_DISTILLATION)
        code = run_synthesise(run, error);
    if (code == OK && run->job.type == CUSTOM_DISTILLATION)
        code = run_teach(run, error);
    if (code == OK)
        code = split_rows(run, has_validators(run), error);
    if (code == OK && !custom_job_scratch(&run->job))
        code = find_base(run, &base, &size.base_bytes, error);
    if (code == OK)
        code = count_rows(run, base.text, &size, error);
    size.held = run->job.progress.held;
    if (code == OK)
        code = find_teacher(run, &teacher, error);
    if (code == OK) {
        struct recipe recipe = recipe_of(run, base.text, &size);
        recipe.teacher = str_of(teacher.text);
        recipe.teacher_adapter = run->job.teacher_adapter;
        code = write_recipe(run, &recipe, error);
    }
    if (code != OK && code != ERROR_INVALID)
        count_again(&run->job.progress, &before);
    return code;
}
