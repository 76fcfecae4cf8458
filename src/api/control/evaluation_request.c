/* evaluation_request.c - parses what operations on evaluation jobs carry. Runs no job. See evaluation_request.h. */
#include "api/control/evaluation_request.h"

#include "api/control/request_fields.h"
#include "api/control/tag_request.h"
#include "api/fields.h"
#include "core/arn.h"
#include "core/util.h"

#define IDENTIFIER_MAX 2048
#define SOURCE_MAX 256
#define PARAMS_MAX 1023
#define NAME_MAX_LEN 63
#define AUTOMATED "evaluationConfig.automated"

/* [a-z0-9](-*[a-z0-9]){0,62} */
static bool is_job_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_letter && (c != '-' || i == 0 || i + 1 == name.len))
            return false;
    }
    return name.len > 0;
}

static enum error_code keep(struct arena *arena, struct str text, struct str *kept, struct error *error)
{
    return arena_str(arena, text, kept) ? OK : error_no_memory(error);
}

static enum error_code need_kept(yyjson_val *object, const char *where, const char *key, size_t max,
                                 struct arena *arena, struct str *kept, struct error *error)
{
    struct str text;
    const enum error_code code = fields_need_str(object, where, key, 1, max, &text, error);
    return code == OK ? keep(arena, text, kept, error) : code;
}

static enum error_code need_uri(yyjson_val *object, const char *where, struct arena *arena, struct str *uri,
                                struct error *error)
{
    const enum error_code code = need_kept(object, where, "s3Uri", REQUEST_URI_MAX, arena, uri, error);
    return code == OK && !request_is_s3_uri(*uri) ? field_error(error, where, "s3Uri", "must be s3://BUCKET/KEY")
                                                  : code;
}

/* --- data sets and metrics --------------------------------------------------------------------------- */

static enum error_code refuse_metric(struct str name, const char *where, struct error *error)
{
    if (str_eq(name, STR("Builtin.Toxicity")) || str_eq(name, STR("Builtin.Robustness")))
        return field_error(error, where, "metricNames",
                           STR_FMT " is not measured here; a judge's Builtin.Harmfulness or data of your own may do",
                           STR_ARG(name));
    return field_error(error, where, "metricNames",
                       "'" STR_FMT
                       "' is no metric: Builtin.Accuracy, ExactMatch, JsonEquality, ToolCall, TokenF1, RougeL, "
                       "and with evaluatorModelConfig the service's built-in ones of judges",
                       STR_ARG(str_slice(name, 0, NAME_MAX_LEN)));
}

static enum error_code parse_metrics(yyjson_val *config, const char *where, struct arena *arena, struct eval_set *set,
                                     struct error *error)
{
    yyjson_val *list, *item;
    size_t i, max;
    enum error_code code = fields_need_array(config, where, "metricNames", &list, error);
    if (code == OK && (yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > EVAL_METRICS_MAX))
        code = field_error(error, where, "metricNames", "must have 1 to %d items", EVAL_METRICS_MAX);
    if (code != OK)
        return code;
    yyjson_arr_foreach(list, i, max, item)
    {
        struct str name;
        if (!yyjson_is_str(item))
            return field_error(error, where, "metricNames", "must be a list of strings");
        if (keep(arena, json_str(item), &name, error) != OK)
            return error->code;
        if (!eval_measure_find(name, set->task, &set->measures[set->measure_count]))
            return refuse_metric(name, where, error);
        set->measure_count++;
    }
    return OK;
}

static enum error_code parse_location(yyjson_val *config, const char *where, struct arena *arena, struct eval_set *set,
                                      struct error *error)
{
    static const char *const names[] = {"name", "datasetLocation", NULL}, *const kinds[] = {"s3Uri", NULL};
    yyjson_val *dataset, *location;
    const struct field_path path = field_path_member(where, "dataset"),
                            inner = field_path_member(path.text, "datasetLocation");
    enum error_code code = request_object(config, where, "dataset", names, &dataset, error);
    if (code == OK)
        code = need_kept(dataset, path.text, "name", NAME_MAX_LEN, arena, &set->name, error);
    if (code == OK && !fields_alphabet(set->name, "-_."))
        code = field_error(error, path.text, "name", "must be letters, digits, - _ .");
    if (code == OK)
        code = json_get_object(dataset, path.text, "datasetLocation", &location, error);
    if (code == OK && !location)
        code = field_error(error, path.text, "datasetLocation",
                           "is missing: the service's own data sets are not here, give the s3Uri of one");
    if (code == OK)
        code = fields_known(NULL, location, inner.text, kinds, error);
    return code == OK ? need_uri(location, inner.text, arena, &set->uri, error) : code;
}

static enum error_code parse_set(yyjson_val *config, const char *where, struct arena *arena, struct eval_set *set,
                                 struct error *error)
{
    static const char *const names[] = {"taskType", "dataset", "metricNames", NULL};
    int task = -1;
    if (!yyjson_is_obj(config))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(config));
    enum error_code code = fields_known(NULL, config, where, names, error);
    if (code == OK)
        code = fields_enum(config, where, "taskType", eval_task_names, &task, error);
    if (code == OK && task < 0)
        code = field_error(error, where, "taskType", "required and missing");
    if (code == OK) {
        set->task = (enum eval_task)task;
        code = parse_location(config, where, arena, set, error);
    }
    return code == OK ? parse_metrics(config, where, arena, set, error) : code;
}

static enum error_code parse_sets(yyjson_val *automated, struct arena *arena, struct eval_job *job, struct error *error)
{
    yyjson_val *list, *item;
    size_t i, max;
    enum error_code code = fields_need_array(automated, AUTOMATED, "datasetMetricConfigs", &list, error);
    if (code == OK && (yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > EVAL_SETS_MAX))
        code = field_error(error, AUTOMATED, "datasetMetricConfigs", "must have 1 to %d items", EVAL_SETS_MAX);
    if (code != OK)
        return code;
    yyjson_arr_foreach(list, i, max, item)
    {
        const struct field_path path = field_path_index(AUTOMATED, "datasetMetricConfigs", i);
        code = parse_set(item, path.text, arena, &job->sets[job->set_count++], error);
        if (code != OK)
            return code;
    }
    return OK;
}

/* --- the judge --------------------------------------------------------------------------------------- */

static enum error_code parse_judge(yyjson_val *automated, struct arena *arena, struct eval_job *job,
                                   struct error *error)
{
    static const char *const kinds[] = {"bedrockEvaluatorModels", NULL}, *const names[] = {"modelIdentifier", NULL};
    static const char where[] = AUTOMATED ".evaluatorModelConfig";
    yyjson_val *config, *list;
    enum error_code code = json_get_object(automated, AUTOMATED, "evaluatorModelConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(NULL, config, where, kinds, error);
    if (code == OK)
        code = fields_need_array(config, where, kinds[0], &list, error);
    if (code == OK && (yyjson_arr_size(list) != 1 || !yyjson_is_obj(yyjson_arr_get_first(list))))
        code = field_error(error, where, kinds[0], "must have one item, an object");
    const struct field_path path = field_path_index(where, kinds[0], 0);
    if (code == OK)
        code = fields_known(NULL, yyjson_arr_get_first(list), path.text, names, error);
    return code == OK ? need_kept(yyjson_arr_get_first(list), path.text, names[0], IDENTIFIER_MAX, arena,
                                  &job->judge.id, error)
                      : code;
}

static enum error_code check_judge(const struct eval_job *job, struct error *error)
{
    for (size_t i = 0; i < job->set_count; i++)
        for (size_t j = 0; j < job->sets[i].measure_count; j++)
            if (job->sets[i].measures[j].criterion && job->judge.id.len == 0)
                return field_error(error, AUTOMATED, "evaluatorModelConfig",
                                   "is missing: " STR_FMT " is a judge's word", STR_ARG(job->sets[i].measures[j].name));
    return OK;
}

static enum error_code parse_config(yyjson_val *root, struct arena *arena, struct eval_job *job, struct error *error)
{
    static const char *const kinds[] = {"automated", "human", NULL};
    static const char *const names[] = {"datasetMetricConfigs", "evaluatorModelConfig", "customMetricConfig", NULL};
    static const struct field_absent absent[] = {
        {"customMetricConfig", "metrics of one's own are not measured here; use the built-in ones"}};
    yyjson_val *config, *value;
    size_t which = 0;
    enum error_code code = fields_need_object(root, "", "evaluationConfig", &config, error);
    if (code == OK)
        code = fields_union(NULL, config, "evaluationConfig", kinds, &which, &value, error);
    if (code == OK && which == 1)
        code = field_error(error, "evaluationConfig", "human", "human workflows are not here; use automated");
    if (code == OK && !yyjson_is_obj(value))
        code = field_error(error, AUTOMATED, "", "expected an object, got %s", json_type_name(value));
    if (code == OK)
        code = fields_known(NULL, value, AUTOMATED, names, error);
    if (code == OK)
        code = fields_refuse(value, AUTOMATED, absent, 1, error);
    if (code == OK)
        code = parse_sets(value, arena, job, error);
    if (code == OK)
        code = parse_judge(value, arena, job, error);
    return code == OK ? check_judge(job, error) : code;
}

/* --- models ------------------------------------------------------------------------------------------ */

static enum error_code parse_params(yyjson_val *model, const char *where, struct arena *arena, struct str *params,
                                    struct error *error)
{
    static const char *const names[] = {"inferenceConfig", "additionalModelRequestFields", NULL};
    struct str text;
    bool present = false;
    yyjson_doc *doc = NULL;
    enum error_code code = fields_get_str(model, where, "inferenceParams", 1, PARAMS_MAX, &text, &present, error);
    if (code != OK || !present)
        return code;
    const struct field_path path = field_path_member(where, "inferenceParams");
    if (json_parse_exact(text, &doc, error) != OK)
        return error_prefix(error, "%s: is no JSON", path.text);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        code = field_error(error, path.text, "", "must be the text of an object");
    if (code == OK)
        code = fields_known(NULL, root, path.text, names, error);
    if (code == OK)
        code = keep(arena, text, params, error);
    json_free(doc);
    return code;
}

static enum error_code parse_bedrock(yyjson_val *model, const char *where, struct arena *arena,
                                     struct eval_asked *asked, struct error *error)
{
    static const char *const names[] = {"modelIdentifier", "inferenceParams", "performanceConfig", NULL};
    static const char *const members[] = {"latency", NULL}, *const latencies[] = {"standard", "optimized", NULL};
    yyjson_val *performance;
    int which;
    const struct field_path path = field_path_member(where, "performanceConfig");
    enum error_code code = fields_known(NULL, model, where, names, error);
    if (code == OK)
        code = need_kept(model, where, "modelIdentifier", IDENTIFIER_MAX, arena, &asked->id, error);
    if (code == OK)
        code = json_get_object(model, where, "performanceConfig", &performance, error);
    if (code == OK && performance)
        code = fields_known(NULL, performance, path.text, members, error);
    if (code == OK && performance)
        code = fields_enum(performance, path.text, "latency", latencies, &which, error);
    return code == OK ? parse_params(model, where, arena, &asked->params, error) : code;
}

static enum error_code parse_given(yyjson_val *source, const char *where, struct arena *arena, struct eval_asked *asked,
                                   struct error *error)
{
    static const char *const names[] = {"inferenceSourceIdentifier", NULL};
    enum error_code code = fields_known(NULL, source, where, names, error);
    asked->is_given = true;
    if (code == OK)
        code = need_kept(source, where, names[0], SOURCE_MAX, arena, &asked->id, error);
    if (code == OK && (!request_is_alphanumeric(asked->id.data[0]) || !fields_alphabet(asked->id, "._-")))
        code = field_error(error, where, names[0], "must begin with a letter or digit and go on with those and . _ -");
    return code;
}

static enum error_code parse_model(yyjson_val *item, size_t index, struct arena *arena, struct eval_asked *asked,
                                   struct error *error)
{
    static const char *const kinds[] = {"bedrockModel", "precomputedInferenceSource", NULL};
    const struct field_path path = field_path_index("inferenceConfig", "models", index);
    size_t which = 0;
    yyjson_val *value;
    enum error_code code = fields_union(NULL, item, path.text, kinds, &which, &value, error);
    if (code != OK)
        return code;
    const struct field_path inner = field_path_member(path.text, kinds[which]);
    if (!yyjson_is_obj(value))
        return field_error(error, inner.text, "", "expected an object, got %s", json_type_name(value));
    return which == 0 ? parse_bedrock(value, inner.text, arena, asked, error)
                      : parse_given(value, inner.text, arena, asked, error);
}

static enum error_code parse_models(yyjson_val *root, struct arena *arena, struct eval_job *job, struct error *error)
{
    static const char *const kinds[] = {"models", "ragConfigs", NULL};
    yyjson_val *config, *list, *item;
    size_t which = 0, i, max;
    enum error_code code = fields_need_object(root, "", "inferenceConfig", &config, error);
    if (code == OK)
        code = fields_union(NULL, config, "inferenceConfig", kinds, &which, &list, error);
    if (code == OK && which == 1)
        code = field_error(error, "inferenceConfig", "ragConfigs", "knowledge bases are not here; use models");
    if (code == OK && (!yyjson_is_arr(list) || yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > EVAL_MODELS_MAX))
        code = field_error(error, "inferenceConfig", "models", "must be a list of 1 to %d items", EVAL_MODELS_MAX);
    if (code != OK)
        return code;
    yyjson_arr_foreach(list, i, max, item)
    {
        code = parse_model(item, i, arena, &job->models[job->model_count++], error);
        if (code != OK)
            return code;
    }
    return OK;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static enum error_code parse_strings(yyjson_val *root, struct arena *arena, struct eval_job *job, struct error *error)
{
    static const char *const types[] = {"ModelEvaluation", "RagEvaluation", NULL};
    struct str role, text;
    int type = -1;
    enum error_code code =
        request_matching(root, "jobName", NAME_MAX_LEN, is_job_name,
                         "must be lower-case letters and digits, with hyphens between them", arena, &job->name, error);
    if (code == OK)
        code = request_matching(root, "roleArn", REQUEST_ROLE_MAX, request_is_role,
                                "must be arn:aws:iam::ACCOUNT:role/NAME", arena, &role, error);
    if (code == OK)
        code = fields_get_str(root, "", "jobDescription", 1, 200, &text, NULL, error);
    if (code == OK)
        code = fields_get_str(root, "", "customerEncryptionKeyId", 1, 2048, &text, NULL, error);
    if (code == OK)
        code = fields_enum(root, "", "applicationType", types, &type, error);
    if (code == OK && type == 1)
        code = field_error(error, "", "applicationType", "RagEvaluation is not here; ModelEvaluation is");
    yyjson_val *token = yyjson_obj_get(root, "clientRequestToken");
    if (code == OK && token && !yyjson_is_null(token))
        code = request_matching(root, "clientRequestToken", REQUEST_TOKEN_MAX, request_is_token,
                                "must be letters and digits, with hyphens between them", arena, &job->token, error);
    return code;
}

static enum error_code parse_output(yyjson_val *root, struct arena *arena, struct eval_job *job, struct error *error)
{
    static const char *const names[] = {"s3Uri", NULL};
    yyjson_val *config;
    const enum error_code code = request_object(root, "", "outputDataConfig", names, &config, error);
    return code == OK ? need_uri(config, "outputDataConfig", arena, &job->output_uri, error) : code;
}

static enum error_code parse_members(yyjson_val *root, struct arena *arena, struct eval_job *job, struct error *error)
{
    static const char *const members[] = {
        "jobName", "jobDescription",  "clientRequestToken", "roleArn",         "customerEncryptionKeyId",
        "jobTags", "applicationType", "evaluationConfig",   "inferenceConfig", "outputDataConfig",
        NULL};
    if (!yyjson_is_obj(root))
        return field_error(error, "", "", "The body: expected an object, got %s", json_type_name(root));
    enum error_code code = fields_known(NULL, root, "", members, error);
    if (code == OK)
        code = parse_strings(root, arena, job, error);
    if (code == OK)
        code = parse_config(root, arena, job, error);
    if (code == OK)
        code = parse_models(root, arena, job, error);
    if (code == OK)
        code = parse_output(root, arena, job, error);
    if (code == OK)
        code = tags_parse_member(root, "jobTags", arena, &job->tags, error);
    if (code == OK && job->tags.count > JOB_TAGS_MAX) /* the operation has no TooManyTagsException */
        code = field_error(error, "", "jobTags", "at most %d tags", JOB_TAGS_MAX);
    return code == OK ? fields_json_text(root, arena, &job->request, error) : code;
}

enum error_code evaluation_request_parse(struct str body, struct arena *arena, struct eval_job *job,
                                         struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(body, &doc, error);
    if (code == OK)
        code = parse_members(yyjson_doc_get_root(doc), arena, job, error);
    json_free(doc);
    return code;
}

/* --- identifiers ------------------------------------------------------------------------------------- */

enum error_code evaluation_identifier_parse(struct str text, const char *member,
                                            struct evaluation_identifier *identifier, struct error *error)
{
    struct arn arn;
    *identifier = (struct evaluation_identifier){.text = text, .id = text, .region = STR(""), .account = STR("")};
    if (is_random_id(text, JOB_ID_LEN))
        return OK;
    if (!arn_split(text, &arn) || !str_eq(arn.type, str_of(eval_job_kind.resource)) ||
        !is_random_id(arn.id, JOB_ID_LEN) || arn.account.len == 0)
        return field_error(error, "", member,
                           "must be the ARN of an evaluation job or its ID of 12 lower-case letters and digits");
    identifier->id = arn.id;
    identifier->region = arn.region;
    identifier->account = arn.account;
    return OK;
}

static enum error_code parse_deletes(yyjson_val *root, struct arena *arena, struct evaluation_deletes *deletes,
                                     struct error *error)
{
    static const char *const members[] = {"jobIdentifiers", NULL};
    yyjson_val *list, *item;
    size_t i, max;
    if (!yyjson_is_obj(root))
        return field_error(error, "", "", "The body: expected an object, got %s", json_type_name(root));
    enum error_code code = fields_known(NULL, root, "", members, error);
    if (code == OK)
        code = fields_need_array(root, "", members[0], &list, error);
    if (code == OK && (yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > EVALUATION_DELETES_MAX))
        code = field_error(error, "", members[0], "must have 1 to %d items", EVALUATION_DELETES_MAX);
    if (code != OK)
        return code;
    yyjson_arr_foreach(list, i, max, item)
    {
        struct str text;
        if (!yyjson_is_str(item))
            return field_error(error, "", members[0], "must be a list of strings");
        code = keep(arena, json_str(item), &text, error);
        if (code == OK)
            code = evaluation_identifier_parse(text, members[0], &deletes->items[deletes->count++], error);
        if (code != OK)
            return code;
    }
    return OK;
}

enum error_code evaluation_deletes_parse(struct str body, struct arena *arena, struct evaluation_deletes *deletes,
                                         struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(body, &doc, error);
    if (code == OK)
        code = parse_deletes(yyjson_doc_get_root(doc), arena, deletes, error);
    json_free(doc);
    return code;
}
