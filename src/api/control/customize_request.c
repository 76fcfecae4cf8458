/* customize_request.c - parses what operations on customization jobs carry. Runs no job. See customize_request.h. */
#include "api/control/customize_request.h"

#include "api/control/request_fields.h"
#include "api/control/resource_tags.h"
#include "api/control/tag_request.h"
#include "api/fields.h"
#include "core/arn.h"
#include "customize/logs.h"
#include "customize/recipe.h"

#define MODEL_NAME_MAX 63
#define IDENTIFIER_MAX 2048
#define KEY_MAX 2048
#define REPLY_TOKENS_MAX 65536
#define VALIDATORS_MAX CUSTOM_VALIDATORS_MAX

/* --- data ------------------------------------------------------------------------------------------- */

static enum error_code need_uri(yyjson_val *config, const char *where, struct error *error)
{
    struct str uri;
    enum error_code code = fields_need_str(config, where, "s3Uri", 1, REQUEST_URI_MAX, &uri, error);
    if (code == OK && !request_is_s3_uri(uri))
        code = field_error(error, where, "s3Uri", "must be s3://BUCKET, s3://BUCKET/KEY or s3://BUCKET/PREFIX/");
    return code;
}

static enum error_code parse_logs(yyjson_val *logs, struct error *error)
{
    static const char *const names[] = {"usePromptResponse", "invocationLogSource", "requestMetadataFilters", NULL};
    static const char *const sources[] = {"s3Uri", NULL};
    static const char where[] = "trainingDataConfig.invocationLogsConfig";
    yyjson_val *source;
    bool uses = false;
    enum error_code code = fields_known(NULL, logs, where, names, error);
    if (code == OK)
        code = json_get_bool(logs, where, "usePromptResponse", &uses, NULL, error);
    if (code == OK)
        code = request_object(logs, where, "invocationLogSource", sources, &source, error);
    if (code == OK)
        code = need_uri(source, "trainingDataConfig.invocationLogsConfig.invocationLogSource", error);
    return code == OK ? log_filter_check(yyjson_obj_get(logs, "requestMetadataFilters"), error) : code;
}

/* One of two. */
static enum error_code parse_training(yyjson_val *root, const struct custom_job *job, struct error *error)
{
    static const char *const names[] = {"s3Uri", "invocationLogsConfig", NULL};
    static const char where[] = "trainingDataConfig";
    yyjson_val *config, *logs, *uri;
    enum error_code code = request_object(root, "", where, names, &config, error);
    if (code == OK)
        code = json_get_object(config, where, "invocationLogsConfig", &logs, error);
    if (code != OK)
        return code;
    uri = yyjson_obj_get(config, "s3Uri");
    if (logs && job->type != CUSTOM_DISTILLATION)
        return field_error(error, where, "invocationLogsConfig", "is for DISTILLATION; give s3Uri");
    if (logs && uri && !yyjson_is_null(uri))
        return field_error(error, where, "", "s3Uri and invocationLogsConfig exclude each other");
    return logs ? parse_logs(logs, error) : need_uri(config, where, error);
}

static enum error_code parse_validation(yyjson_val *root, struct error *error)
{
    static const char *const names[] = {"validators", NULL};
    static const char *const members[] = {"s3Uri", NULL};
    yyjson_val *config, *list, *item;
    size_t idx, max;
    enum error_code code = json_get_object(root, "", "validationDataConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(NULL, config, "validationDataConfig", names, error);
    if (code == OK)
        code = fields_need_array(config, "validationDataConfig", "validators", &list, error);
    if (code != OK)
        return code;
    if (yyjson_arr_size(list) > VALIDATORS_MAX)
        return field_error(error, "validationDataConfig", "validators", "must have at most %d items", VALIDATORS_MAX);
    yyjson_arr_foreach(list, idx, max, item)
    {
        const struct field_path path = field_path_index("validationDataConfig", "validators", idx);
        if (code == OK && !yyjson_is_obj(item))
            code = field_error(error, path.text, "", "expected an object");
        if (code == OK)
            code = fields_known(NULL, item, path.text, members, error);
        if (code == OK)
            code = need_uri(item, path.text, error);
    }
    return code;
}

static enum error_code parse_output(yyjson_val *root, struct error *error)
{
    static const char *const names[] = {"s3Uri", NULL};
    yyjson_val *config;
    enum error_code code = request_object(root, "", "outputDataConfig", names, &config, error);
    return code == OK ? need_uri(config, "outputDataConfig", error) : code;
}

/* --- kind of job ------------------------------------------------------------------------------------ */

/* The teacher of a distillation. */
static enum error_code parse_teacher(yyjson_val *config, struct arena *arena, struct custom_job *job,
                                     struct error *error)
{
    static const char *const inner[] = {"teacherModelConfig", NULL};
    static const char *const names[] = {"teacherModelIdentifier", "maxResponseLengthForInference", NULL};
    static const char where[] = "customizationConfig.distillationConfig";
    static const char deep[] = "customizationConfig.distillationConfig.teacherModelConfig";
    yyjson_val *distillation, *teacher;
    struct str id;
    int64_t length = 0;
    enum error_code code = request_object(config, "customizationConfig", "distillationConfig", inner, &distillation,
                                          error);
    if (code == OK)
        code = request_object(distillation, where, "teacherModelConfig", names, &teacher, error);
    if (code == OK)
        code = fields_need_str(teacher, deep, "teacherModelIdentifier", 1, IDENTIFIER_MAX, &id, error);
    if (code == OK)
        code = json_get_int(teacher, deep, "maxResponseLengthForInference", 1, REPLY_TOKENS_MAX, &length, NULL, error);
    return code == OK && !arena_str(arena, id, &job->teacher) ? error_no_memory(error) : code;
}

/* What the service has besides is refused by its name. */
static enum error_code parse_type(yyjson_val *root, struct arena *arena, struct custom_job *job, struct error *error)
{
    static const char *const all[] = {"FINE_TUNING", "DISTILLATION", "CONTINUED_PRE_TRAINING",
                                      "REINFORCEMENT_FINE_TUNING", "IMPORTED", NULL};
    static const char *const configs[] = {"distillationConfig", "rftConfig", NULL};
    yyjson_val *config;
    int type = -1;
    enum error_code code = fields_enum(root, "", "customizationType", all, &type, error);
    if (code == OK)
        code = json_get_object(root, "", "customizationConfig", &config, error);
    if (code == OK && config)
        code = fields_known(NULL, config, "customizationConfig", configs, error);
    if (code != OK)
        return code;
    if (type >= CUSTOM_TYPES)
        return field_error(error, "", "customizationType", "%s is not served here; FINE_TUNING and DISTILLATION are",
                           all[type]);
    const bool has_teacher = yyjson_obj_get(config, "distillationConfig") != NULL;
    if (type < 0)
        type = has_teacher ? CUSTOM_DISTILLATION : CUSTOM_FINE_TUNING;
    job->type = (enum custom_type)type;
    if (yyjson_obj_get(config, "rftConfig"))
        return field_error(error, "customizationConfig", "rftConfig", "is of jobs that are not served here");
    if (job->type == CUSTOM_FINE_TUNING && has_teacher)
        return field_error(error, "customizationConfig", "distillationConfig",
                           "says nothing of a job of type FINE_TUNING");
    if (job->type == CUSTOM_FINE_TUNING)
        return OK;
    return config ? parse_teacher(config, arena, job, error)
                  : field_error(error, "", "customizationConfig", "is missing: it names the teacher");
}

/* Variants want a teacher; logged answers are learnt as they are, and nobody is asked. */
static enum error_code check_synthesis(yyjson_val *root, const struct custom_job *job, struct error *error)
{
    yyjson_val *logs = yyjson_obj_get(yyjson_obj_get(root, "trainingDataConfig"), "invocationLogsConfig");
    if (job->type != CUSTOM_DISTILLATION)
        return field_error(error, "hyperParameters", "syntheticPrompts", "is of jobs of type DISTILLATION alone");
    return yyjson_is_true(yyjson_obj_get(logs, "usePromptResponse"))
               ? field_error(error, "hyperParameters", "syntheticPrompts",
                             "does not go with trainingDataConfig.invocationLogsConfig.usePromptResponse")
               : OK;
}

/* --- the whole -------------------------------------------------------------------------------------- */

static bool is_any(struct str text)
{
    return text.len > 0;
}

/* ([0-9a-zA-Z][_-]?){1,63} */
static bool is_model_name(struct str text)
{
    bool was_letter = false;
    for (size_t i = 0; i < text.len; i++) {
        const bool is_letter = request_is_alphanumeric(text.data[i]);
        if (!is_letter && (!was_letter || (text.data[i] != '_' && text.data[i] != '-')))
            return false;
        was_letter = is_letter;
    }
    return text.len > 0;
}

static enum error_code parse_strings(yyjson_val *root, struct arena *arena, struct customize_request *request,
                                     struct error *error)
{
    struct custom_job *job = request->job;
    struct str role, key;
    enum error_code code = request_matching(root, "jobName", REQUEST_JOB_NAME_MAX, request_is_job_name,
                                            "must begin with a letter or digit and go on with letters, digits, + - .",
                                            arena, &job->name, error);
    if (code == OK)
        code = request_matching(root, "customModelName", MODEL_NAME_MAX, is_model_name,
                                "must be letters and digits, with one _ or - between them", arena, &job->model_name,
                                error);
    if (code == OK)
        code = request_matching(root, "roleArn", REQUEST_ROLE_MAX, request_is_role,
                                "must be arn:aws:iam::ACCOUNT:role/NAME", arena, &role, error);
    if (code == OK)
        code = request_matching(root, "baseModelIdentifier", IDENTIFIER_MAX, is_any, "", arena, &request->base, error);
    if (code == OK)
        code = fields_get_str(root, "", "customModelKmsKeyId", 1, KEY_MAX, &key, NULL, error);
    yyjson_val *token = yyjson_obj_get(root, "clientRequestToken");
    if (code == OK && token && !yyjson_is_null(token))
        code = request_matching(root, "clientRequestToken", REQUEST_TOKEN_MAX, request_is_token,
                                "must be letters and digits, with hyphens between them", arena, &job->token, error);
    return code;
}

static enum error_code parse_tags(yyjson_val *root, struct arena *arena, struct custom_job *job, struct error *error)
{
    struct job_tags tags;
    enum error_code code = tags_parse_member(root, "jobTags", arena, &job->tags, error);
    if (code == OK)
        code = tags_parse_member(root, "customModelTags", arena, &tags, error);
    return code == OK ? resource_tags_json(&tags, arena, &job->model_tags, error) : code;
}

static enum error_code parse_members(yyjson_val *root, struct arena *arena, struct customize_request *request,
                                     struct error *error)
{
    static const char *const members[] = {
        "jobName", "customModelName", "roleArn", "clientRequestToken", "baseModelIdentifier", "customizationType",
        "customModelKmsKeyId", "jobTags", "customModelTags", "trainingDataConfig", "validationDataConfig",
        "outputDataConfig", "hyperParameters", "vpcConfig", "customizationConfig", NULL};
    struct hyper hyper;
    if (!yyjson_is_obj(root))
        return field_error(error, "", "", "The body: expected an object, got %s", json_type_name(root));
    enum error_code code = fields_known(NULL, root, "", members, error);
    if (code == OK)
        code = parse_strings(root, arena, request, error);
    if (code == OK)
        code = parse_type(root, arena, request->job, error);
    if (code == OK)
        code = parse_training(root, request->job, error);
    if (code == OK)
        code = parse_validation(root, error);
    if (code == OK)
        code = parse_output(root, error);
    if (code == OK)
        code = hyper_parse(yyjson_obj_get(root, "hyperParameters"), &hyper, error);
    if (code == OK && hyper.synthetic > 0)
        code = check_synthesis(root, request->job, error);
    if (code == OK && hyper.is_soft && request->job->type != CUSTOM_DISTILLATION)
        code = field_error(error, "hyperParameters", "softLabels", "is of jobs of type DISTILLATION alone");
    request->wants_soft = code == OK && hyper.is_soft;
    if (code == OK)
        code = request_vpc(root, error);
    if (code == OK)
        code = parse_tags(root, arena, request->job, error);
    return code == OK ? fields_json_text(root, arena, &request->job->request, error) : code;
}

enum error_code customize_request_parse(struct str body, struct arena *arena, struct customize_request *request,
                                        struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(body, &doc, error);
    if (code == OK)
        code = parse_members(yyjson_doc_get_root(doc), arena, request, error);
    json_free(doc);
    return code;
}

enum error_code customize_identifier_parse(struct str text, const char *type, const char *member,
                                           struct customize_identifier *identifier, struct error *error)
{
    struct arn arn;
    *identifier = (struct customize_identifier){.id = text, .region = STR(""), .account = STR("")};
    if (!str_starts(text, STR("arn:")))
        return text.len > 0 && text.len <= IDENTIFIER_MAX ? OK : field_error(error, "", member, "is no ID or name");
    if (!arn_split(text, &arn) || !str_eq(arn.type, str_of(type)) || arn.account.len == 0)
        return field_error(error, "", member, "must be an ARN of the type %s, an ID, or a name", type);
    *identifier = (struct customize_identifier){.id = arn.id, .region = arn.region, .account = arn.account};
    for (ptrdiff_t slash; (slash = str_find_char(identifier->id, '/', 0)) >= 0;)
        identifier->id = str_slice(identifier->id, (size_t)slash + 1, identifier->id.len);
    return OK;
}
