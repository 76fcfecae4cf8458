/* artifacts.c - see artifacts.h. */
#include "customize/artifacts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "customize/run.h"

#define CURVE_BYTES ((size_t)64 << 20)
#define LINES_BYTES ((size_t)1 << 20) /* of a file of which the first lines are read */

/* --- objects of the output --------------------------------------------------------------------------- */

/* What is not there, or no longer where the job put it, is empty. */
static enum error_code is_nothing(enum objects_problem problem, struct error *error)
{
    return problem == OBJECTS_NO_KEY || problem == OBJECTS_NO_BUCKET ? OK : objects_code(problem, error);
}

static enum error_code read_output(const struct customize *customize, const struct custom_job *job, const char *name,
                                   struct buf *text, bool *is_whole, struct error *error)
{
    yyjson_doc *request = NULL;
    struct str bucket;
    struct run_key key;
    *is_whole = true;
    enum error_code code = json_parse_stored(job->request, &request, error);
    if (code == OK)
        code = custom_output_key(yyjson_doc_get_root(request), job->id, name, &bucket, &key, error);
    if (code == OK)
        code = is_nothing(objects_read(customize_objects(customize), job->tenant, bucket, str_of(key.text), text,
                                       is_whole, error), error);
    json_free(request);
    return code;
}

/* --- the curve --------------------------------------------------------------------------------------- */

/* Those that fit, and of them at most so many. */
static void keep_points(struct metric_point *points, size_t *count, size_t most, bool is_validation)
{
    size_t fit = 0;
    for (size_t i = 0; i < *count; i++)
        if (is_validation ? points[i].measured > 0 : !isnan(points[i].loss))
            points[fit++] = points[i];
    *count = fit < most ? fit : most;
    for (size_t i = 0; *count < fit && i < *count; i++)
        points[i] = points[*count == 1 ? fit - 1 : i * (fit - 1) / (*count - 1)];
}

static enum error_code read_points(const struct customize *customize, const struct custom_job *job, const char *name,
                                   struct arena *arena, struct metric_point **points, size_t *count,
                                   struct error *error)
{
    struct buf text;
    bool is_whole;
    buf_init(&text, CURVE_BYTES);
    enum error_code code = read_output(customize, job, name, &text, &is_whole, error);
    if (code == OK)
        code = metrics_parse(buf_str(&text), arena, points, count, error);
    buf_deinit(&text);
    return code;
}

/* One file has both. */
static enum error_code read_running(const struct customize *customize, const struct custom_job *job,
                                    struct arena *arena, struct custom_curve *curve, struct error *error)
{
    char path[CUSTOM_PATH_MAX + 64];
    enum error_code code = custom_directory(customize_data(customize), job->id, path, error);
    const size_t len = strlen(path);
    if (code != OK)
        return code;
    (void)snprintf(path + len, sizeof(path) - len, "/" RUN_CURVE);
    code = metrics_read(path, arena, &curve->training, &curve->training_count, error);
    if (code == OK)
        code = metrics_read(path, arena, &curve->validation, &curve->validation_count, error);
    return code;
}

enum error_code customize_curve(const struct customize *customize, const struct custom_job *job, size_t most,
                                struct arena *arena, struct custom_curve *curve, struct error *error)
{
    enum error_code code = OK;
    *curve = (struct custom_curve){0};
    if (!custom_status_has_ended(job->status))
        code = read_running(customize, job, arena, curve, error);
    else
        code = read_points(customize, job, RUN_TRAINING_METRICS, arena, &curve->training, &curve->training_count,
                           error);
    if (code == OK && custom_status_has_ended(job->status))
        code = read_points(customize, job, RUN_VALIDATION_METRICS, arena, &curve->validation,
                           &curve->validation_count, error);
    if (code != OK)
        return code;
    keep_points(curve->training, &curve->training_count, most, false);
    keep_points(curve->validation, &curve->validation_count, most, true);
    return OK;
}

/* --- lines ------------------------------------------------------------------------------------------- */

enum error_code customize_lines(const struct customize *customize, const struct custom_job *job,
                                enum custom_artifact artifact, size_t most, struct arena *arena, struct str **lines,
                                size_t *count, struct error *error)
{
    static const char *const names[] = {[CUSTOM_REJECTED] = RUN_REJECTED, [CUSTOM_SAMPLE] = RUN_SAMPLE};
    struct buf text;
    struct str kept = {0}, line;
    bool is_whole;
    *count = 0;
    *lines = ARENA_ARRAY(arena, struct str, most);
    if (!*lines)
        return error_no_memory(error);
    buf_init(&text, LINES_BYTES);
    enum error_code code = read_output(customize, job, names[artifact], &text, &is_whole, error);
    if (code == OK && text.len > 0 && !arena_str(arena, buf_str(&text), &kept))
        code = error_no_memory(error);
    buf_deinit(&text);
    while (code == OK && *count < most && str_find_char(kept, '\n', 0) >= 0 && str_split(&kept, '\n', &line)) {
        yyjson_doc *doc = NULL;
        struct error ignored;
        if (json_parse(line, &doc, &ignored) == OK) /* the tenant may have put anything there */
            (*lines)[(*count)++] = line;
        json_free(doc);
    }
    return code;
}
