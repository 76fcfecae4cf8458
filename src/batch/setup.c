/* setup.c - from a record's body to a request, by the codec of its job's model. See setup.h. */
#include "batch/setup.h"

#include <stdio.h>

#include "core/json.h"
#include "core/limits.h"

struct routing_asker batch_asker(const struct batch_job *job)
{
    return (struct routing_asker){.tenant = job->tenant, .account = job->account, .region = job->region};
}

struct str batch_source(const struct batch_job *job)
{
    return job->source.len ? job->source : job->model_id;
}

const struct batch_form *batch_form_of(const struct batch_options *options, const struct batch_job *job)
{
    const struct batch_form *form = options->forms[job->type];
    return form ? form : &batch_bedrock_form;
}

/* A match with strings that outlive the arena. */
static void take_match(const struct catalog_match *match, struct batch_model *model)
{
    model->match = *match;
    model->match.id = str_of(model->match.entry ? model->match.entry->id : model->match.model->name);
    model->match.place = (struct str){0};
}

static enum error_code find_match(const struct batch_options *options, const struct batch_job *job, struct str id,
                                  struct batch_model *model, struct error *error)
{
    const struct routing_asker asker = batch_asker(job);
    struct arena arena;
    struct route *route = NULL;
    struct catalog_match match;
    arena_init(&arena, 0);
    enum error_code code =
        options->work ? route_new(options->work->routing, &asker, id, &arena, &route, error) : OK;
    if (code == OK && route && route->has_mixed_bodies && job->type == BATCH_INVOKE_MODEL)
        code = error_set(error, ERROR_INVALID, "modelId: the models of the prompt router '" STR_FMT
                         "' take different bodies in InvokeModel; ask it by Converse", STR_ARG(route->router.name));
    model->is_router = code == OK && route;
    if (model->is_router)
        take_match(route_match(route), model);
    else if (code == OK && (!options->work || !options->work->routing))
        code = catalog_resolve(options->catalog, options->models, id, &model->match, error);
    else if (code == OK && (code = routing_resolve(options->work->routing, &asker, id, &arena, &match, error)) == OK) {
        if (str_starts(str_of(match.model->name), STR(MODEL_CUSTOM_PREFIX)))
            take_match(&match, model);
        else
            model->match = match;
    }
    arena_deinit(&arena);
    return code;
}

enum error_code batch_model_find(const struct batch_options *options, const struct batch_job *job, struct str id,
                                 struct batch_model *model, struct error *error)
{
    *model = (struct batch_model){.id = id};
    enum error_code code = find_match(options, job, id, model, error);
    if (code != OK)
        return code;
    struct codec_pair native = codec_native(model->match.body);
    const struct batch_form *form = batch_form_of(options, job);
    model->embed = form->embed ? form->embed(job) : NULL;
    model->codec = form->codec(job);
    if (!model->codec)
        model->codec = native.body;
    model->fields = native.fields;
    model->default_tokens = catalog_default_reply_tokens(options->config, &model->match);
    model->is_routed = model->is_router || model->match.model->upstream ||
                       (options->work && options->work->others.router);
    model->is_strict = options->config->strict;
    return model->codec ? OK : error_set(error, ERROR_INTERNAL, "nobody reads bodies of this shape");
}

static enum error_code parse_embed(const struct batch_model *model, yyjson_val *input, struct chat_request *request,
                                   const struct ignored *ignored, struct error *error)
{
    request->body = input;
    request->tier = TIER_BATCH;
    const enum error_code code = model->embed->parse(input, request, error);
    request->ignored = NULL; /* it ends with the caller */
    if (code == OK)
        ignored_log(ignored);
    return code;
}

enum error_code batch_model_parse(const struct batch_options *options, const struct batch_model *model,
                                  const struct batch_job *job, yyjson_val *input, struct chat_request *request,
                                  struct error *error)
{
    struct ignored ignored = {.arena = request->arena};
    const struct batch_form *form = batch_form_of(options, job);
    request->model_id = form->names_model ? model->id : job->model_id;
    if (form->api_version)
        request->api_version = form->api_version(job);
    request->ignored = model->is_strict ? NULL : &ignored;
    request->cache_ttl_max_seconds = catalog_cache_ttl_max_seconds(&model->match);
    request->takes_assistant_first = model->match.body == BODY_ANTHROPIC;
    request->is_target_unknown = model->is_routed;
    if (model->embed)
        return parse_embed(model, input, request, &ignored, error);
    enum error_code code = codec_parse(model->codec, input, CODEC_GENERATE, request, error);
    request->ignored = NULL; /* it ends here */
    if (code != OK)
        return code;
    ignored_log(&ignored);
    if (request->max_tokens == 0)
        request->max_tokens = model->default_tokens;
    code = chat_request_check(request, error);
    if (code != OK)
        codec_request_free(request);
    request->tier = TIER_BATCH;
    request->has_tier = false; /* a body's own tier does not count here, and is not echoed */
    return code;
}

enum error_code batch_directory(const struct batch_options *options, const char *id, char path[BATCH_PATH_MAX],
                                struct error *error)
{
    int len = snprintf(path, BATCH_PATH_MAX, "%s/batch%s%s", options->config->data, id[0] ? "/" : "", id);
    if (len > 0 && len < BATCH_PATH_MAX)
        return OK;
    return error_set(error, ERROR_INVALID, "data directory: the path is too long");
}

bool batch_may_pass(enum error_code code)
{
    return code == ERROR_UNAVAILABLE || code == ERROR_IO || code == ERROR_NO_MEMORY;
}
