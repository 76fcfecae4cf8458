/* distill.c - `make bench B=distill`: what distillation gives and costs, and how fast the trainer is.
 *
 * Rows that train take hours, so each is made only when it is asked for, by BENCH_FIGURE=ROW, and stays in
 * build/bench/distilled until it is made again; the table has all that are there. distill_rows.py makes them, by the
 * product's own jobs; BENCH_OPTIONS are options for it.
 *
 *   pro        teacher_score, teacher_500, teacher_2000: desk-pro on the held-out desk rows, all of them and answers
 *              from prompts of 500 and of 2,000 tokens
 *   shop       a student of one shop's traffic, by its teacher's answers alone. student_lost: points of 100 that it is
 *              behind its teacher; student_speed: its tokens a second over the teacher's, asked in turns, eight
 *              requests at once; student_cheaper: at reference prices (Nova Pro's for the teacher and, by the part that
 *              is left, for what is pruned out of SmolLM2; Nova Micro's for what has desk-small's size)
 *   permuted   the same with the teacher's answers dealt among the prompts. permuted_lost: points that this student is
 *              behind the other
 *   banking77  banking77_teacher: SmolLM2 trained on gold; banking77_lost: points that a student of its answers is
 *              behind; banking77_compute: parameters that multiply for each token over the teacher's
 *   tools      tools_lost: points that a student is behind its teacher where it is offered tools that its training had
 *              not
 *   kinds      no bounds: score, size, speed and training time of each kind of student on the same rows
 *   speed      distill_speed.c */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "distill_parts.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"

#define FOLDER "build/bench/distilled"
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define CELLS_MAX 16

static const char *const rows[] = {"pro", "shop", "permuted", "banking77", "tools", "kinds"};

static const struct {
    const char *key;
    enum bench_bound direction;
    double bound;
} limits[] = {
    {"teacher_score", BENCH_AT_LEAST, 0.94},     {"teacher_500", BENCH_AT_LEAST, 0.90},
    {"teacher_2000", BENCH_AT_LEAST, 0.75},      {"student_lost", BENCH_AT_MOST, 2},
    {"student_speed", BENCH_AT_LEAST, 5},        {"student_cheaper", BENCH_AT_LEAST, 0.75},
    {"permuted_lost", BENCH_AT_LEAST, 30},       {"banking77_teacher", BENCH_AT_LEAST, 0.90},
    {"banking77_lost", BENCH_AT_MOST, 2},        {"banking77_compute", BENCH_AT_MOST, 0.2},
    {"tools_lost", BENCH_AT_MOST, 2},
};

_Noreturn static void die(const char *row, const char *what)
{
    (void)fprintf(stderr, "bench distill: %s: %s\n", row, what);
    exit(1);
}

/* Ctrl-C reaches the child as well, which then ends well before we do. */
static void make_row(const char *row)
{
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        (void)execlp("python3", "python3", "bench/distill_rows.py", row, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die(row, "it was not made; it goes on where it stood when it is asked for again");
}

static void skip(struct bench *bench, const char *row, const char *why)
{
    const struct bench_cell cells[] = {BENCH_TEXT("row", row), BENCH_TEXT("result", why)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
}

static void show_cells(struct bench *bench, yyjson_val *object)
{
    struct bench_cell cells[CELLS_MAX];
    size_t count = 0, idx, max;
    yyjson_val *key, *value;
    json_obj_foreach(object, idx, max, key, value)
    {
        if (count == CELLS_MAX)
            break;
        cells[count++] = yyjson_is_str(value) ? BENCH_TEXT(yyjson_get_str(key), yyjson_get_str(value))
                                              : BENCH_NUMBER(yyjson_get_str(key), yyjson_get_num(value));
    }
    bench_row(bench, cells, count);
}

static void show_row(struct bench *bench, const char *row, yyjson_val *made)
{
    size_t idx, max;
    yyjson_val *object, *told = yyjson_obj_get(made, "limits");
    if (!yyjson_is_arr(yyjson_obj_get(made, "rows")))
        die(row, "its file in " FOLDER " is none that bench/distill_rows.py has written");
    yyjson_arr_foreach(yyjson_obj_get(made, "rows"), idx, max, object)
    {
        show_cells(bench, object);
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        yyjson_val *value = yyjson_obj_get(told, limits[i].key);
        if (value)
            bench_limit(bench, limits[i].key, yyjson_get_num(value), limits[i].direction, limits[i].bound);
    }
}

static void take_row(struct bench *bench, const char *row, const char *wanted)
{
    char path[128], hint[128];
    struct buf text;
    struct error error;
    yyjson_doc *doc = NULL;
    if (wanted && strcmp(wanted, row) == 0)
        make_row(row);
    (void)snprintf(path, sizeof(path), FOLDER "/%s.json", row);
    (void)snprintf(hint, sizeof(hint), "not run: BENCH_FIGURE=%s", row);
    buf_init(&text, FILE_BYTES_MAX);
    if (access(path, F_OK) != 0)
        skip(bench, row, hint);
    else if (file_read(path, &text, &error) != OK || json_parse(buf_str(&text), &doc, &error) != OK)
        die(row, error.message);
    else
        show_row(bench, row, yyjson_doc_get_root(doc));
    json_free(doc);
    buf_deinit(&text);
}

int main(void)
{
    struct bench *bench = bench_new("distill");
    const char *wanted = getenv("BENCH_FIGURE");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        take_row(bench, rows[i], wanted);
    if (!wanted || strcmp(wanted, "speed") == 0)
        bench_distill_speed(bench);
    return bench_finish(bench);
}
