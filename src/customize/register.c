/* register.c - what is left of a training: metrics in the job's output, the custom model. Serves none. See run.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batch/files.h"
#include "customize/metrics.h"
#include "customize/run.h"
#include "customize/student.h"

#define TEXT_BYTES_MAX (64u << 20)
#define DETAILS_BYTES_MAX (256u << 10)

/* --- metrics ---------------------------------------------------------------------------------------- */

static enum error_code put_metrics(struct custom_run *run, const char *name, struct buf *text, struct error *error)
{
    return text->failed ? error_no_memory(error) : run_put(run, name, buf_str(text), "text/csv", error);
}

enum error_code run_report(struct custom_run *run, struct error *error)
{
    struct arena arena;
    struct buf text;
    struct metric_point *points;
    struct metrics_run metrics = {.steps = run->job.progress.steps, .before = run->job.progress.warm_up,
                                  .epochs = run->hyper.epochs};
    arena_init(&arena, 0);
    buf_init(&text, TEXT_BYTES_MAX);
    enum error_code code = metrics_read(run_file(run, RUN_CURVE).text, &arena, &points, &metrics.count, error);
    metrics.points = points;
    if (code == OK && metrics.count > 0) {
        metrics_append_steps(&text, &metrics);
        code = put_metrics(run, RUN_TRAINING_METRICS, &text, error);
    }
    if (code == OK && metrics.count > 0 && run->job.progress.validator_count > 0) {
        buf_clear(&text);
        metrics_append_validation(&text, &metrics);
        code = put_metrics(run, RUN_VALIDATION_METRICS, &text, error);
    }
    buf_deinit(&text);
    arena_deinit(&arena);
    return code;
}

/* --- files ------------------------------------------------------------------------------------------ */

/* From the working directory to where it stays; done already where only the latter is there. */
static enum error_code move_file(const struct custom_run *run, const char *name, const char *path, struct error *error)
{
    const struct run_path from = run_file(run, name);
    if (rename(from.text, path) == 0 || (errno == ENOENT && access(path, F_OK) == 0))
        return OK;
    return file_fail("keep", from.text, errno, error);
}

struct kept {
    char dir[CUSTOM_PATH_MAX], model[CUSTOM_PATH_MAX + 16], base[CUSTOM_PATH_MAX + 16];
};

static enum error_code keep_files(struct custom_run *run, struct kept *kept, struct error *error)
{
    const char *data = run->runner->options->data;
    const bool is_adapter = hyper_is_adapter(&run->hyper);
    enum error_code code = custom_model_directory(data, "", kept->dir, error);
    if (code == OK)
        code = directory_make(kept->dir, error);
    if (code == OK)
        code = custom_model_directory(data, run->job.id, kept->dir, error);
    if (code == OK)
        code = directory_make(kept->dir, error);
    if (code != OK)
        return code;
    (void)snprintf(kept->model, sizeof(kept->model), "%s/%s", kept->dir, is_adapter ? "adapter.gguf" : "model.gguf");
    (void)snprintf(kept->base, sizeof(kept->base), "%s/base.gguf", kept->dir);
    if (is_adapter && run->job.base_path.len == 0)
        code = move_file(run, "base.gguf", kept->base, error);
    return code == OK ? move_file(run, "model.gguf", kept->model, error) : code;
}

/* --- its price --- */

/* What of its base it is, and so of its base's price. */
static enum error_code price_student(struct custom_run *run, const struct kept *kept, struct str *settings,
                                     struct error *error)
{
    struct custom_job *job = &run->job;
    struct student_size size;
    const struct run_path own = run_file(run, "base.gguf");
    *settings = job->settings;
    if (!hyper_is_pruned(&run->hyper) || custom_job_scratch(job))
        return OK;
    const enum error_code code =
        student_measure(kept->model, job->base_path.len > 0 ? job->base_path.data : own.text, &size, error);
    if (code != OK)
        return code;
    if (!student_settings(job->settings, size.share, &run->arena, settings))
        return error_no_memory(error);
    job->progress.weights = size.weights;
    job->progress.base_weights = size.base_weights;
    job->progress.price_share = student_share(*settings);
    return OK;
}

/* --- the model -------------------------------------------------------------------------------------- */

static bool append_details(struct buf *out, const struct custom_run *run)
{
    static const char *const members[] = {"hyperParameters", "trainingDataConfig", "validationDataConfig",
                                          "outputDataConfig", "customizationConfig"};
    const struct custom_progress *progress = &run->job.progress;
    yyjson_val *request = yyjson_doc_get_root(run->request);
    buf_appendf(out, "{\"trainingMetrics\":{\"trainingLoss\":%.6f},\"validationMetrics\":[", progress->loss);
    for (size_t i = 0; i < progress->validator_count; i++)
        buf_appendf(out, "%s{\"validationLoss\":%.6f}", i ? "," : "", progress->validation_losses[i]);
    buf_append_char(out, ']');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        json_append_same_member(out, members[i], request);
    return buf_append_char(out, '}');
}

static enum error_code make_model(struct custom_run *run, const struct kept *kept, struct str settings,
                                  struct str details, struct error *error)
{
    const struct custom_job *job = &run->job;
    const bool is_adapter = hyper_is_adapter(&run->hyper);
    struct custom_model model = {
        .head = {.tenant = job->tenant, .token = str_of(job->id), .tags = job->model_tags},
        .account = job->account,
        .region = job->region,
        .name = job->model_name,
        .job = str_of(job->id),
        .job_name = job->name,
        .type = str_of(custom_type_names[job->type]),
        .base = job->base,
        .path = str_of(kept->model),
        .adapter = STR(""),
        .settings = settings,
        .details = details,
    };
    if (is_adapter) {
        model.adapter = model.path;
        model.path = job->base_path.len > 0 ? job->base_path : str_of(kept->base);
    }
    enum error_code code = resources_create(run->runner->models, &model, error);
    if (code == ERROR_CONFLICT || code == ERROR_QUOTA) /* since the job was made: nothing is wrong with the server */
        error->code = code = ERROR_INVALID;
    if (code == OK)
        memcpy(run->job.progress.model, model.head.id, sizeof(model.head.id));
    return code;
}

enum error_code run_register(struct custom_run *run, struct error *error)
{
    struct kept *kept = mem_calloc(1, sizeof(*kept));
    struct error ignored;
    struct buf details;
    struct str settings;
    if (!kept)
        return error_no_memory(error);
    buf_init(&details, DETAILS_BYTES_MAX);
    enum error_code code = keep_files(run, kept, error);
    if (code == OK)
        code = price_student(run, kept, &settings, error);
    if (code == OK && !append_details(&details, run))
        code = error_no_memory(error);
    if (code == OK)
        code = make_model(run, kept, settings, buf_str(&details), error);
    if (code == ERROR_INVALID) /* nobody will ask for them */
        (void)!directory_remove(kept->dir, &ignored);
    buf_deinit(&details);
    mem_free(kept);
    return code;
}
