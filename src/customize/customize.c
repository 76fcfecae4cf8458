/* customize.c - the gateway's side: jobs are made, listed and stopped here, and run by runner.c. See customize.h. */
#include "customize/customize.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/files.h"
#include "chat/template.h"
#include "core/arn.h"
#include "core/limits.h"
#include "customize/run.h"
#include "customize/worth.h"
#include "engine/model_size.h"
#include "model/resolve.h"

#define PAGE 100
#define PICO_PER_DOLLAR 1000000000000ull

struct customize {
    struct customize_options options;
    char data[PATH_MAX];
    struct jobs *jobs;
    struct resources *models;
    struct deploy *deploy;
    struct custom_runner runner;
    pthread_mutex_t creating; /* no two jobs take a name at once, and no base goes while a job is made of it */
    bool is_running;
};

enum error_code customize_open(const struct customize_options *options, struct customize **customize,
                               struct error *error)
{
    struct customize *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    made->options.data = made->data;
    pthread_mutex_init(&made->creating, NULL);
    enum error_code code = realpath(options->config->data, made->data)
                               ? OK
                               : error_set_errno(error, ERROR_IO, errno, "%s", options->config->data);
    if (code == OK)
        code = custom_jobs_open(options->config->data, &made->jobs, error);
    if (code == OK)
        code = resources_open(&custom_model_resource, options->config->data, &made->models, error);
    const struct deploy_options serving = {options->config, options->models, made->models, options->on_rows,
                                           options->ctx};
    if (code == OK)
        code = deploy_open(&serving, &made->deploy, error);
    made->runner.options = &made->options;
    made->runner.store = made->jobs;
    made->runner.models = made->models;
    made->runner.deploy = made->deploy;
    if (code != OK) {
        customize_close(made);
        return error_prefix(error, "customization jobs");
    }
    *customize = made;
    return OK;
}

enum error_code customize_start(struct customize *customize, struct batch *batch, struct error *error)
{
    customize->runner.batch = batch;
    const enum error_code code = custom_runner_start(&customize->runner, error);
    customize->is_running = code == OK;
    return code == OK ? OK : error_prefix(error, "customization jobs");
}

void customize_begin_drain(struct customize *customize)
{
    custom_runner_leave(&customize->runner);
}

void customize_close(struct customize *customize)
{
    if (!customize)
        return;
    if (customize->is_running)
        custom_runner_stop(&customize->runner);
    deploy_close(customize->deploy);
    resources_close(customize->models);
    jobs_close(customize->jobs);
    pthread_mutex_destroy(&customize->creating);
    mem_free(customize);
}

struct objects *customize_objects(const struct customize *customize)
{
    return customize->options.objects;
}

const char *customize_data(const struct customize *customize)
{
    return customize->data;
}

struct resources *customize_models(struct customize *customize)
{
    return customize->models;
}

struct deploy *customize_deploy(struct customize *customize)
{
    return customize->deploy;
}

/* --- the base model --------------------------------------------------------------------------------- */

static enum error_code refuse(struct error *error, const char *name, const char *why)
{
    return error_set(error, ERROR_INVALID, "baseModelIdentifier: model %s cannot be trained: %s", name, why);
}

/* Dollars as fulcrum.yaml has them. */
static void append_rate(struct buf *out, const char *name, uint64_t pico)
{
    buf_appendf(out, "%s\"%s\":%llu.%012llu", out->data[out->len - 1] == '{' ? "" : ",", name,
                (unsigned long long)(pico / PICO_PER_DOLLAR), (unsigned long long)(pico % PICO_PER_DOLLAR));
}

/* An ID by which price books have it: `,"KEY":"ID"`. Without one nothing is said. */
static void append_priced_id(const struct customize *customize, const struct catalog_match *match, const char *key,
                             struct buf *out)
{
    const struct config_model *config = match->model->config;
    const struct str ids[] = {str_of(config->price_as), match->id, str_of(config->name)};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (ids[i].len > 0 && price_book_find(customize->options.prices, catalog_bare_id(ids[i]), STR(""))) {
            json_append_member(out, key, ids[i]);
            return;
        }
}

/* What it costs: `"price_as":"ID"`, or its own price. */
static void append_price(const struct customize *customize, const struct catalog_match *match, struct buf *out)
{
    const struct config_model *config = match->model->config;
    if (!config->has_price) {
        append_priced_id(customize, match, "price_as", out);
        return;
    }
    buf_append_text(out, ",\"price\":{");
    append_rate(out, "input", config->price.input);
    append_rate(out, "output", config->price.output);
    append_rate(out, "cache_read", config->price.cache_read);
    append_rate(out, "cache_write_5m", config->price.cache_write_5m);
    append_rate(out, "cache_write_1h", config->price.cache_write_1h);
    buf_append_char(out, '}');
}

/* Members of the definition of a model that is served as this one is. */
static enum error_code settings_of(const struct customize *customize, const struct catalog_match *match,
                                   struct arena *arena, struct str *settings, struct error *error)
{
    const struct config_model *config = match->model->config;
    struct buf text;
    buf_init(&text, 4096);
    append_price(customize, match, &text);
    if (config->context)
        buf_appendf(&text, ",\"context\":%u", config->context);
    if (config->parallel)
        buf_appendf(&text, ",\"parallel\":%u", config->parallel);
    if (config->threads)
        buf_appendf(&text, ",\"threads\":%u", config->threads);
    const bool is_copied = !text.failed && arena_str(arena, buf_str(&text), settings);
    buf_deinit(&text);
    return is_copied ? OK : error_no_memory(error);
}

/* A custom model of the tenant's, by the ID in its ARN. *is_one false: the identifier names none. */
static enum error_code find_custom(struct customize *customize, struct str identifier, struct arena *arena,
                                   struct custom_job *job, bool *is_one, struct error *error)
{
    struct custom_model model;
    struct arn arn;
    *is_one = arn_split(identifier, &arn) && str_eq(arn.type, STR("custom-model"));
    if (!*is_one)
        return OK;
    const size_t id_at = arn.id.len > RESOURCE_ID_LEN ? arn.id.len - RESOURCE_ID_LEN : 0;
    enum error_code code = resources_get(customize->models, job->tenant, str_slice(arn.id, id_at, arn.id.len), arena,
                                         &model, error);
    if (code != OK)
        return code;
    if (model.adapter.len > 0)
        return error_set(error, ERROR_INVALID, "baseModelIdentifier: custom model " STR_FMT " is an adapter; train its "
                         "base model, or make it with adapterRank 0", STR_ARG(model.name));
    job->base = model.base;
    job->base_path = model.path;
    job->base_name = model.name;
    job->settings = model.settings;
    return OK;
}

bool customize_can_train(const struct model *model)
{
    return !model->upstream && !model->config->worker && !model->config->adapter &&
           model->spec.family == TEMPLATE_CHATML;
}

static enum error_code check_trainable(const struct model *model, struct error *error)
{
    if (customize_can_train(model))
        return OK;
    if (model->upstream)
        return refuse(error, model->name, "it is a model of an upstream, whose weights are not here");
    if (model->config->worker)
        return refuse(error, model->name, "it is computed by another program");
    if (model->config->adapter)
        return refuse(error, model->name, "it has an adapter already; train the model without it");
    return refuse(error, model->name, "the trainer knows the chat template ChatML alone");
}

/* A file of a model's from the root on; empty where there is none, as of one of the program's own. */
static enum error_code find_file(const char *member, const struct model *model, const char *file, struct arena *arena,
                                 struct str *path, struct error *error)
{
    char full[PATH_MAX] = "";
    if (file && !realpath(file, full))
        return error_set_errno(error, ERROR_INVALID, errno, "%s: the file of model %s, %s", member, model->name, file);
    return arena_str(arena, str_of(full), path) ? OK : error_no_memory(error);
}

/* It costs what the embedded model of its shape costs. */
static enum error_code begin_from_scratch(const struct customize *customize, const struct scratch *scratch,
                                          struct arena *arena, struct custom_job *job, struct error *error)
{
    struct buf text;
    job->base = job->base_name = str_of(scratch->id);
    job->base_path = STR("");
    buf_init(&text, 4096);
    if (price_book_find(customize->options.prices, str_of(scratch->price_as), STR("")))
        json_append_member(&text, "price_as", str_of(scratch->price_as));
    const bool is_copied = !text.failed && arena_str(arena, buf_str(&text), &job->settings);
    buf_deinit(&text);
    return is_copied ? OK : error_no_memory(error);
}

enum error_code customize_base(struct customize *customize, struct str identifier, struct arena *arena,
                               struct custom_job *job, struct error *error)
{
    struct catalog_match match;
    bool is_custom;
    const struct scratch *scratch = scratch_find(identifier);
    if (scratch)
        return begin_from_scratch(customize, scratch, arena, job, error);
    enum error_code code = find_custom(customize, identifier, arena, job, &is_custom, error);
    if (code != OK || is_custom)
        return code;
    code = catalog_resolve(customize->options.catalog, customize->options.models, identifier, &match, error);
    if (code == OK && str_starts(str_of(match.model->name), STR(MODEL_CUSTOM_PREFIX))) /* an ARN means it, no name */
        code = error_set(error, ERROR_INVALID, "The provided model identifier is invalid.");
    if (code != OK)
        return error_prefix(error, "baseModelIdentifier");
    code = check_trainable(match.model, error);
    if (code == OK)
        code = settings_of(customize, &match, arena, &job->settings, error);
    if (code == OK)
        code = find_file("baseModelIdentifier", match.model, match.model->config->path, arena, &job->base_path, error);
    const bool is_copied = code != OK || (arena_str(arena, match.id, &job->base) &&
                                          arena_str(arena, str_of(match.model->name), &job->base_name));
    return is_copied ? code : error_no_memory(error);
}

bool customize_note_teacher(struct customize *customize, const struct catalog_match *teacher, struct arena *arena,
                            struct custom_job *job)
{
    struct buf text;
    buf_init(&text, 8192);
    buf_append_str(&text, job->settings);
    if (str_find(job->settings, STR("\"teacher\":"), 0) < 0) /* else its base was a student already */
        append_priced_id(customize, teacher, "teacher", &text);
    const bool is_copied = !text.failed && arena_str(arena, buf_str(&text), &job->settings);
    buf_deinit(&text);
    return is_copied;
}

/* --- soft labels ------------------------------------------------------------------------------------ */

#define SOFT "hyperParameters.softLabels"

enum error_code customize_soft_teacher(const struct catalog_match *teacher, struct arena *arena, struct custom_job *job,
                                       struct error *error)
{
    const struct model *model = teacher->model;
    const struct config_model *config = model->config;
    if (config->worker || model->upstream)
        return error_set(error, ERROR_INVALID, SOFT ": the teacher %s is computed by another program, which tells no "
                         "distributions; leave softLabels out", model->name);
    if (model->spec.family != TEMPLATE_CHATML)
        return error_set(error, ERROR_INVALID, SOFT ": rows are written in ChatML, which the teacher %s does not "
                         "speak; leave softLabels out", model->name);
    enum error_code code = find_file(SOFT, model, config->path, arena, &job->teacher_path, error);
    if (code == OK)
        code = find_file(SOFT, model, config->adapter, arena, &job->teacher_adapter, error);
    return code == OK && !arena_str(arena, str_of(model->name), &job->teacher_name) ? error_no_memory(error) : code;
}

/* --- jobs ------------------------------------------------------------------------------------------- */

typedef enum error_code job_checker(const void *ctx, const struct custom_job *job, struct error *error);

/* All of the tenant's jobs with the status, until one does not pass. */
static enum error_code check_each(struct customize *customize, struct str tenant, enum custom_status status,
                                  struct arena *arena, job_checker *check, const void *ctx, struct error *error)
{
    struct job_filter filter = {.tenant = tenant, .name_contains = STR(""), .max = PAGE,
                                .status = custom_job_kind.statuses[status].name};
    bool has_more = true;
    enum error_code code = OK;
    while (code == OK && has_more) {
        struct custom_job *jobs;
        size_t count = 0;
        code = custom_jobs_list(customize->jobs, &filter, arena, &jobs, &count, &has_more, error);
        for (size_t i = 0; code == OK && i < count; i++) {
            filter.beyond = jobs[i].sequence;
            code = check(ctx, &jobs[i], error);
        }
    }
    return code;
}

static enum error_code check_other_name(const void *ctx, const struct custom_job *other, struct error *error)
{
    const struct str *name = ctx;
    return str_eq(other->model_name, *name)
               ? error_set(error, ERROR_CONFLICT, "customModelName: job %s makes a model named '" STR_FMT "' already",
                           other->id, STR_ARG(*name))
               : OK;
}

/* Neither a model nor a job that has not ended has the name that this one's model is to have. */
static enum error_code check_model_name(struct customize *customize, const struct custom_job *job,
                                        struct arena *arena, struct error *error)
{
    void *list;
    size_t count;
    bool has_more;
    enum error_code code = resources_list(customize->models, job->tenant, 0, (size_t)limit(custom_models), arena,
                                          &list, &count, &has_more, error);
    for (size_t i = 0; code == OK && i < count; i++)
        code = custom_model_resource.check((const struct custom_model *)list + i,
                                           &(struct custom_model){.name = job->model_name}, error);
    return code == OK ? check_each(customize, job->tenant, CUSTOM_IN_PROGRESS, arena, check_other_name,
                                   &job->model_name, error)
                      : code;
}

static enum error_code check_names(struct customize *customize, const struct custom_job *job, struct error *error)
{
    struct arena arena;
    struct custom_job other;
    arena_init(&arena, 0);
    enum error_code code = custom_jobs_find_name(customize->jobs, job->tenant, job->name, &arena, &other, error);
    if (code == OK)
        code = error_set(error, ERROR_CONFLICT, "jobName: job %s has the name '" STR_FMT "' already", other.id,
                         STR_ARG(job->name));
    else if (code == ERROR_NOT_FOUND)
        code = check_model_name(customize, job, &arena, error);
    arena_deinit(&arena);
    return code;
}

/* The same request once more: its job is there, and has the names. */
static bool was_made(struct customize *customize, const struct custom_job *job)
{
    struct arena arena;
    struct custom_job other;
    struct error ignored;
    arena_init(&arena, 0);
    const bool was = job->token.len > 0 &&
                     custom_jobs_find_name(customize->jobs, job->tenant, job->name, &arena, &other, &ignored) == OK &&
                     str_eq(other.token, job->token);
    arena_deinit(&arena);
    return was;
}

/* A custom model may have been deleted since the request was read. */
static enum error_code check_file(const struct custom_job *job, struct error *error)
{
    return job->base_path.len == 0 || access(job->base_path.data, R_OK) == 0
               ? OK
               : error_set_errno(error, ERROR_INVALID, errno, "baseModelIdentifier: the file of model " STR_FMT,
                                 STR_ARG(job->base_name));
}

/* Layers of a base that is one of the program's own are counted when its file is written for the trainer. */
static enum error_code check_hyper(const struct custom_job *job, struct error *error)
{
    const struct scratch *scratch = custom_job_scratch(job);
    struct model_size size = {0};
    struct hyper hyper;
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(job->request, &doc, error);
    yyjson_val *map = yyjson_obj_get(yyjson_doc_get_root(doc), "hyperParameters");
    if (code == OK)
        code = scratch ? hyper_parse_scratch(map, &hyper, error) : hyper_parse(map, &hyper, error);
    json_free(doc);
    if (code == OK && hyper.layers > 0 && job->base_path.len > 0)
        code = model_size_read(job->base_path.data, &size, error);
    return code == OK ? hyper_check(&hyper, scratch, size.layers, error) : code;
}

enum error_code customize_create(struct customize *customize, struct custom_job *job, struct error *error)
{
    bool is_new = false;
    random_id(job->id, JOB_ID_LEN);
    job->status = CUSTOM_IN_PROGRESS;
    job->submit_us = clock_wall_us();
    pthread_mutex_lock(&customize->creating);
    enum error_code code = was_made(customize, job) ? OK : check_names(customize, job, error);
    if (code == OK)
        code = check_file(job, error);
    if (code == OK)
        code = check_hyper(job, error);
    if (code == OK)
        code = custom_jobs_create(customize->jobs, job, limit(customization_model_jobs), &is_new, error);
    pthread_mutex_unlock(&customize->creating);
    if (is_new)
        custom_runner_look(&customize->runner);
    return code;
}

enum error_code customize_get(struct customize *customize, struct str tenant, struct str id_or_name,
                              struct arena *arena, struct custom_job *job, struct error *error)
{
    if (resource_is_id(id_or_name) && custom_jobs_get(customize->jobs, tenant, id_or_name, arena, job, error) == OK)
        return OK;
    return custom_jobs_find_name(customize->jobs, tenant, id_or_name, arena, job, error);
}

uint64_t customize_cost(const struct customize *customize, const struct custom_job *job)
{
    return worth_cost(&customize->options, job);
}

enum error_code customize_worth(const struct customize *customize, const struct custom_job *job, struct worth *worth,
                                struct error *error)
{
    return worth_compute(&customize->options, job, worth, error);
}

enum error_code customize_list(struct customize *customize, const struct job_filter *filter, struct arena *arena,
                               struct custom_job **list, size_t *count, bool *has_more, struct error *error)
{
    return custom_jobs_list(customize->jobs, filter, arena, list, count, has_more, error);
}

enum error_code customize_request_stop(struct customize *customize, struct str tenant, struct str id,
                                       struct error *error)
{
    enum error_code code = jobs_request_stop(customize->jobs, &custom_job_kind, tenant, id, clock_wall_us(), error);
    if (code == OK)
        custom_runner_look(&customize->runner);
    return code;
}

/* Adapters of other custom models may stand beside this one's file. */
static enum error_code check_alone(struct customize *customize, const struct custom_model *model, struct arena *arena,
                                   struct error *error)
{
    void *found;
    size_t count;
    bool has_more;
    enum error_code code = resources_list(customize->models, model->head.tenant, 0, (size_t)limit(custom_models), arena,
                                          &found, &count, &has_more, error);
    for (size_t i = 0; code == OK && i < count; i++) {
        const struct custom_model *other = (const struct custom_model *)found + i;
        if (strcmp(other->head.id, model->head.id) != 0 && str_eq(other->path, model->path) && !model->adapter.len)
            code = error_set(error, ERROR_CONFLICT, "custom model '" STR_FMT "' is what the adapter of '" STR_FMT
                             "' stands beside; delete that one first", STR_ARG(model->name), STR_ARG(other->name));
    }
    return code;
}

static enum error_code check_needs(const void *ctx, const struct custom_job *job, struct error *error)
{
    const struct custom_model *model = ctx;
    const bool is_adapter = model->adapter.len > 0; /* its path is its base's */
    const struct str own = is_adapter ? model->adapter : model->path;
    const char *part = !is_adapter && str_eq(job->base_path, own)                              ? "begins with"
                       : str_eq(is_adapter ? job->teacher_adapter : job->teacher_path, own) ? "learns soft labels of"
                                                                                               : NULL;
    return part ? error_set(error, ERROR_CONFLICT, "custom model '" STR_FMT "' is what the job '" STR_FMT
                            "' %s; stop that one first", STR_ARG(model->name), STR_ARG(job->name), part)
                : OK;
}

/* Nobody trains from it: a job that goes on after a restart reads its file again, and adapters need it for ever. */
static enum error_code check_jobs(struct customize *customize, const struct custom_model *model, struct arena *arena,
                                  struct error *error)
{
    const struct str tenant = model->head.tenant;
    const enum error_code code = check_each(customize, tenant, CUSTOM_IN_PROGRESS, arena, check_needs, model, error);
    return code == OK ? check_each(customize, tenant, CUSTOM_STOPPING, arena, check_needs, model, error) : code;
}

static enum error_code delete_model(struct customize *customize, struct str tenant, struct str id,
                                    char path[CUSTOM_PATH_MAX], struct arena *arena, struct error *error)
{
    struct custom_model model;
    char job[JOB_ID_LEN + 1];
    enum error_code code = resources_get(customize->models, tenant, id, arena, &model, error);
    if (code == OK)
        code = check_alone(customize, &model, arena, error);
    if (code == OK)
        code = check_jobs(customize, &model, arena, error);
    if (code != OK)
        return code;
    (void)snprintf(job, sizeof(job), STR_FMT, STR_ARG(model.job));
    code = custom_model_directory(customize->options.data, job, path, error);
    return code == OK ? deploy_delete_model(customize->deploy, &model, error) : code;
}

enum error_code customize_delete_model(struct customize *customize, struct str tenant, struct str id,
                                       struct error *error)
{
    struct arena arena;
    char path[CUSTOM_PATH_MAX];
    arena_init(&arena, 0);
    pthread_mutex_lock(&customize->creating); /* no job begins with it meanwhile */
    const enum error_code code = delete_model(customize, tenant, id, path, &arena, error);
    pthread_mutex_unlock(&customize->creating);
    arena_deinit(&arena);
    return code == OK ? directory_remove(path, error) : code;
}

enum error_code customize_tags(struct customize *customize, const char *id, struct arena *arena,
                               struct job_tags *tags, struct error *error)
{
    return jobs_tags(customize->jobs, id, arena, tags, error);
}

enum error_code customize_tag(struct customize *customize, const char *id, const struct job_tags *tags,
                              struct error *error)
{
    return jobs_tag(customize->jobs, &custom_job_kind, id, tags, error);
}

enum error_code customize_untag(struct customize *customize, const char *id, const struct str *keys, size_t count,
                                struct error *error)
{
    return jobs_untag(customize->jobs, id, keys, count, error);
}
