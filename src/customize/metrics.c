/* metrics.c - reads one CSV and writes two. See metrics.h. */
#include "customize/metrics.h"

#include <math.h>
#include <stdio.h>

#include "core/file.h"

#define CURVE_BYTES_MAX (64u << 20)
#define COLUMNS_MAX 64

void metrics_task(size_t validator, char name[24])
{
    (void)snprintf(name, 24, METRICS_TASK "_%zu", validator + 1);
}

/* --- reading ---------------------------------------------------------------------------------------- */

struct columns {
    int step, seconds, loss;
    int validation[CUSTOM_VALIDATORS_MAX]; /* -1: there is none */
    size_t validators;
};

/* By the trainer's name of the column, or by the service's. */
static bool is_of_validator(struct str name, size_t validator)
{
    char own[40], task[24], numbered[40];
    metrics_task(validator, task);
    (void)snprintf(own, sizeof(own), "%s_loss", task);
    (void)snprintf(numbered, sizeof(numbered), "validation_loss_%zu", validator + 1);
    return str_eq(name, str_of(own)) || str_eq(name, str_of(numbered)) ||
           (validator == 0 && str_eq(name, STR("validation_loss")));
}

static void find_columns(struct str header, struct columns *columns)
{
    struct str name;
    *columns = (struct columns){.step = -1, .seconds = -1, .loss = -1};
    for (size_t i = 0; i < CUSTOM_VALIDATORS_MAX; i++)
        columns->validation[i] = -1;
    for (int at = 0; str_split(&header, ',', &name); at++) {
        if (str_eq(name, STR("step")) || str_eq(name, STR("step_number")))
            columns->step = at;
        else if (str_eq(name, STR("seconds")))
            columns->seconds = at;
        else if (str_eq(name, STR("loss")) || str_eq(name, STR("training_loss")))
            columns->loss = at;
        for (size_t i = 0; i < CUSTOM_VALIDATORS_MAX; i++) {
            if (!is_of_validator(name, i))
                continue;
            columns->validation[i] = at;
            columns->validators = i + 1 > columns->validators ? i + 1 : columns->validators;
        }
    }
}

static bool take_real(const struct str *values, int at, double *value)
{
    return at >= 0 && at < COLUMNS_MAX && str_to_double(values[at], value) && isfinite(*value); /* JSON has no other */
}

/* False: the line is not whole; the trainer is writing it. */
static bool read_point(struct str line, const struct columns *columns, struct metric_point *point)
{
    struct str values[COLUMNS_MAX] = {{0}};
    for (int i = 0; i < COLUMNS_MAX && str_split(&line, ',', &values[i]);)
        i++;
    *point = (struct metric_point){.loss = (double)NAN};
    if (columns->step < 0 || columns->step >= COLUMNS_MAX || !str_to_u64(values[columns->step], &point->step) ||
        (columns->loss >= 0 && !take_real(values, columns->loss, &point->loss)) ||
        (columns->seconds >= 0 && !take_real(values, columns->seconds, &point->seconds)))
        return false;
    while (point->measured < columns->validators &&
           take_real(values, columns->validation[point->measured], &point->validation[point->measured]))
        point->measured++;
    return true;
}

enum error_code metrics_parse(struct str text, struct arena *arena, struct metric_point **points, size_t *count,
                                   struct error *error)
{
    struct columns columns;
    struct str line, lines = text;
    size_t most = 0;
    *count = 0;
    while (str_split(&lines, '\n', &line))
        most++;
    *points = ARENA_ARRAY(arena, struct metric_point, most + 1);
    if (!*points)
        return error_no_memory(error);
    if (str_split(&text, '\n', &line))
        find_columns(line, &columns);
    while (text.data && str_split(&text, '\n', &line) && text.data) /* the last one may not be whole */
        *count += read_point(line, &columns, &(*points)[*count]);
    return OK;
}

enum error_code metrics_read(const char *path, struct arena *arena, struct metric_point **points, size_t *count,
                             struct error *error)
{
    struct buf text;
    *count = 0;
    *points = NULL;
    buf_init(&text, CURVE_BYTES_MAX);
    enum error_code code = file_read(path, &text, error);
    if (code == OK)
        code = metrics_parse(buf_str(&text), arena, points, count, error);
    buf_deinit(&text);
    return code == ERROR_NOT_FOUND ? OK : code;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static uint64_t epoch_of(const struct metrics_run *run, uint64_t step)
{
    if (run->before > 0 && step <= run->before)
        return 0;
    const uint64_t steps = run->steps > run->before ? run->steps - run->before : 0;
    const uint64_t epoch = steps ? ((step - run->before) * run->epochs + steps - 1) / steps : 1;
    return epoch < 1 ? 1 : epoch > run->epochs ? run->epochs : epoch;
}

bool metrics_append_steps(struct buf *out, const struct metrics_run *run)
{
    buf_append_text(out, "step_number,epoch_number,training_loss,perplexity\n");
    for (size_t i = 0; i < run->count; i++)
        buf_appendf(out, "%llu,%llu,%.6f,%.6f\n", (unsigned long long)run->points[i].step,
                    (unsigned long long)epoch_of(run, run->points[i].step), run->points[i].loss,
                    exp(run->points[i].loss));
    return !out->failed;
}

static size_t validators_of(const struct metrics_run *run)
{
    size_t most = 0;
    for (size_t i = 0; i < run->count; i++)
        most = run->points[i].measured > most ? run->points[i].measured : most;
    return most;
}

bool metrics_append_validation(struct buf *out, const struct metrics_run *run)
{
    const size_t validators = validators_of(run);
    buf_append_text(out, "step_number,epoch_number");
    for (size_t i = 0; i < validators; i++) {
        char number[24] = "";
        if (validators > 1)
            (void)snprintf(number, sizeof(number), "_%zu", i + 1);
        buf_appendf(out, ",validation_loss%s,perplexity%s", number, number);
    }
    buf_append_char(out, '\n');
    for (size_t i = 0; i < run->count; i++) {
        const struct metric_point *point = &run->points[i];
        if (point->measured == 0)
            continue;
        buf_appendf(out, "%llu,%llu", (unsigned long long)point->step,
                    (unsigned long long)epoch_of(run, point->step));
        for (size_t k = 0; k < point->measured; k++)
            buf_appendf(out, ",%.6f,%.6f", point->validation[k], exp(point->validation[k]));
        buf_append_char(out, '\n');
    }
    return !out->failed;
}
