/* batch_request.c - parses what operations on batch jobs carry. Runs no job. See batch_request.h. */
#include "api/control/batch_request.h"

#include "api/control/request_fields.h"
#include "api/control/tag_request.h"
#include "api/fields.h"
#include "core/util.h"


/* --- CreateModelInvocationJob ----------------------------------------------------------------------- */

static enum error_code parse_owner(yyjson_val *config, const char *where, struct error *error)
{
    struct str owner;
    bool present = false;
    enum error_code code = fields_get_str(config, where, "s3BucketOwner", 12, 12, &owner, &present, error);
    if (code == OK && present && !request_is_digits(owner, 12))
        code = field_error(error, where, "s3BucketOwner", "must be an account of 12 digits");
    return code;
}

static enum error_code parse_uri(yyjson_val *config, const char *where, struct arena *arena, struct str *uri,
                                 struct error *error)
{
    struct str text;
    enum error_code code = fields_need_str(config, where, "s3Uri", 1, REQUEST_URI_MAX, &text, error);
    if (code == OK && !request_is_s3_uri(text))
        code = field_error(error, where, "s3Uri", "must be s3://BUCKET, s3://BUCKET/KEY or s3://BUCKET/PREFIX/");
    if (code == OK)
        code = parse_owner(config, where, error);
    return code == OK && !arena_str(arena, text, uri) ? error_no_memory(error) : code;
}

static enum error_code parse_input(yyjson_val *root, struct arena *arena, struct batch_job *job, struct error *error)
{
    static const char *const kinds[] = {"s3InputDataConfig", NULL};
    static const char *const names[] = {"s3Uri", "s3InputFormat", "s3BucketOwner", NULL};
    static const char *const formats[] = {"JSONL", NULL};
    static const char where[] = "inputDataConfig.s3InputDataConfig";
    yyjson_val *outer, *config;
    int format;
    enum error_code code = request_object(root, "", "inputDataConfig", kinds, &outer, error);
    if (code == OK)
        code = request_object(outer, "inputDataConfig", kinds[0], names, &config, error);
    if (code == OK)
        code = fields_enum(config, where, "s3InputFormat", formats, &format, error);
    return code == OK ? parse_uri(config, where, arena, &job->input_uri, error) : code;
}

static enum error_code parse_output(yyjson_val *root, struct arena *arena, struct batch_job *job, struct error *error)
{
    static const char *const kinds[] = {"s3OutputDataConfig", NULL};
    static const char *const names[] = {"s3Uri", "s3EncryptionKeyId", "s3BucketOwner", NULL};
    static const char where[] = "outputDataConfig.s3OutputDataConfig";
    yyjson_val *outer, *config;
    struct str key;
    enum error_code code = request_object(root, "", "outputDataConfig", kinds, &outer, error);
    if (code == OK)
        code = request_object(outer, "outputDataConfig", kinds[0], names, &config, error);
    if (code == OK)
        code = fields_get_str(config, where, "s3EncryptionKeyId", 1, 2048, &key, NULL, error);
    return code == OK ? parse_uri(config, where, arena, &job->output_uri, error) : code;
}

/* Here more than a resource may have is no TooManyTagsException: the operation has none. */
static enum error_code parse_tags(yyjson_val *root, struct arena *arena, struct batch_job *job, struct error *error)
{
    enum error_code code = tags_parse(root, arena, &job->tags, error);
    if (code == OK && job->tags.count > JOB_TAGS_MAX)
        code = field_error(error, "", "tags", "at most %d tags", JOB_TAGS_MAX);
    return code;
}

static bool is_any(struct str text)
{
    return text.len > 0;
}

static enum error_code parse_strings(yyjson_val *root, struct arena *arena, struct batch_job *job,
                                     struct error *error)
{
    enum error_code code = request_matching(root, "jobName", REQUEST_JOB_NAME_MAX, request_is_job_name,
                                         "must begin with a letter or digit and go on with letters, digits, + - .",
                                         arena, &job->name, error);
    if (code == OK)
        code = request_matching(root, "roleArn", REQUEST_ROLE_MAX, request_is_role,
                                "must be arn:aws:iam::ACCOUNT:role/NAME", arena, &job->role_arn, error);
    if (code == OK)
        code = request_matching(root, "modelId", 2048, is_any, "", arena, &job->model_id, error);
    yyjson_val *token = yyjson_obj_get(root, "clientRequestToken");
    if (code == OK && token && !yyjson_is_null(token))
        code = request_matching(root, "clientRequestToken", REQUEST_TOKEN_MAX, request_is_token,
                             "must be letters and digits, with hyphens between them", arena, &job->token, error);
    return code;
}

static enum error_code parse_members(yyjson_val *root, struct arena *arena, struct batch_job *job,
                                     struct error *error)
{
    static const char *const members[] = {"jobName",   "roleArn",          "clientRequestToken",
                                          "modelId",   "inputDataConfig",  "outputDataConfig",
                                          "vpcConfig", "timeoutDurationInHours", "tags",
                                          "modelInvocationType", NULL};
    int64_t hours = BATCH_HOURS_MIN;
    int type = -1;
    if (!yyjson_is_obj(root))
        return field_error(error, "", "", "The body: expected an object, got %s", json_type_name(root));
    enum error_code code = fields_known(NULL, root, "", members, error);
    if (code == OK)
        code = parse_strings(root, arena, job, error);
    if (code == OK)
        code = parse_input(root, arena, job, error);
    if (code == OK)
        code = parse_output(root, arena, job, error);
    if (code == OK)
        code = json_get_int(root, "", "timeoutDurationInHours", BATCH_HOURS_MIN, BATCH_HOURS_MAX, &hours, NULL, error);
    if (code == OK)
        code = fields_enum(root, "", "modelInvocationType", batch_type_names, &type, error);
    if (code == OK)
        code = parse_tags(root, arena, job, error);
    if (code == OK)
        code = request_vpc(root, error);
    job->timeout_hours = (uint32_t)hours;
    job->type = type == BATCH_CONVERSE ? BATCH_CONVERSE : BATCH_INVOKE_MODEL;
    return code == OK ? fields_json_text(root, arena, &job->request, error) : code;
}

enum error_code batch_request_parse(struct str body, struct arena *arena, struct batch_job *job, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(body, &doc, error);
    if (code == OK)
        code = parse_members(yyjson_doc_get_root(doc), arena, job, error);
    json_free(doc);
    return code;
}

/* --- identifiers and lists -------------------------------------------------------------------------- */

enum error_code batch_identifier_parse(struct str text, struct batch_identifier *identifier, struct error *error)
{
    *identifier = (struct batch_identifier){.id = text, .region = STR(""), .account = STR("")};
    if (is_random_id(text, JOB_ID_LEN))
        return OK;
    bool is_arn = request_skip_arn(&text, STR("bedrock")) && str_split(&text, ':', &identifier->region) && text.data &&
                  str_split(&text, ':', &identifier->account) && text.data &&
                  request_is_digits(identifier->account, 12) &&
                  request_skip(&text, STR("model-invocation-job/")) && is_random_id(text, JOB_ID_LEN);
    identifier->id = text;
    return is_arn ? OK : field_error(error, "", "jobIdentifier",
                                     "must be the ARN of a batch job or its ID of 12 lower-case letters and digits");
}

/* arn:aws(-[^:]+)?:bedrock:REGION:ACCOUNT:KIND/NAME */
static bool is_bedrock_arn(struct str text)
{
    struct str region, account;
    return request_skip_arn(&text, STR("bedrock")) && str_split(&text, ':', &region) && text.data &&
           str_split(&text, ':', &account) && text.data && text.len > 0 &&
           (account.len == 0 || request_is_digits(account, 12));
}

enum error_code batch_resource_parse(struct str text, struct batch_identifier *identifier, struct error *error)
{
    if (batch_identifier_parse(text, identifier, error) == OK && identifier->account.len > 0)
        return OK;
    const bool is_name = text.len > 0 && request_is_alphanumeric(text.data[0]) && fields_alphabet(text, "-");
    if (is_bedrock_arn(text) || is_name)
        return error_set(error, ERROR_NOT_FOUND, "There is no resource '" STR_FMT "'.",
                         STR_ARG(str_slice(text, 0, text.len > 128 ? 128 : text.len)));
    return field_error(error, "", "resourceARN", "must be the ARN of a resource of this service");
}

const struct request_list_names batch_list_names = {"submitTimeAfter", "submitTimeBefore", "batch jobs"};

enum error_code batch_list_parse(const struct request_list_query *query, struct job_filter *filter,
                                 struct error *error)
{
    return request_list_parse(query, &batch_list_names, &batch_job_kind, filter, error);
}
