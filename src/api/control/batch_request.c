/* batch_request.c - parses what operations on batch jobs carry. Runs no job. See batch_request.h. */
#include "api/control/batch_request.h"

#include <time.h>

#include "api/control/tag_request.h"
#include "api/fields.h"

#define NAME_MAX_LEN 63
#define TOKEN_MAX_LEN 256
#define ROLE_MAX_LEN 2048
#define URI_MAX_LEN 1024
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define TOKEN_PREFIX STR("after-")

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_digits(struct str text, size_t len)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len == len;
}

/* [a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63} */
static bool is_job_name(struct str name)
{
    return name.len > 0 && is_alphanumeric(name.data[0]) && fields_alphabet(name, "+-.");
}

/* [a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256} */
static bool is_token(struct str token)
{
    return token.len > 0 && is_alphanumeric(token.data[0]) && is_alphanumeric(token.data[token.len - 1]) &&
           fields_alphabet(token, "-");
}

/* Takes "PREFIX" off *text. */
static bool skip(struct str *text, struct str prefix)
{
    if (!str_starts(*text, prefix))
        return false;
    *text = str_slice(*text, prefix.len, text->len);
    return true;
}

/* Takes "arn:PARTITION:SERVICE:" off *text. */
static bool skip_arn(struct str *text, struct str service)
{
    struct str partition, name;
    return skip(text, STR("arn:")) && str_split(text, ':', &partition) && text->data &&
           (str_eq(partition, STR("aws")) || str_starts(partition, STR("aws-"))) && str_split(text, ':', &name) &&
           text->data && str_eq(name, service);
}

/* arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+ */
static bool is_role(struct str arn)
{
    struct str region, account;
    return skip_arn(&arn, STR("iam")) && str_split(&arn, ':', &region) && region.len == 0 && arn.data &&
           str_split(&arn, ':', &account) && (account.len == 0 || is_digits(account, 12)) && arn.data &&
           skip(&arn, STR("role/")) && arn.len > 0;
}

/* s3://BUCKET, then segments of [-!_*'().a-z0-9A-Z]+ with one slash between and perhaps one behind. */
static bool is_s3_uri(struct str uri)
{
    struct str segment;
    bool is_bucket = true;
    if (!skip(&uri, STR("s3://")))
        return false;
    while (str_split(&uri, '/', &segment)) {
        bool is_last = !uri.data;
        if (is_bucket) {
            if (segment.len < 3 || segment.len > 63 || !fields_alphabet(segment, "-."))
                return false;
        } else if (segment.len == 0 ? !is_last : !fields_alphabet(segment, "-!_*'().")) {
            return false;
        }
        is_bucket = false;
    }
    return !is_bucket;
}

/* --- CreateModelInvocationJob ----------------------------------------------------------------------- */

/* An object of `parent`, its members known. */
static enum error_code get_object(yyjson_val *parent, const char *where, const char *key, const char *const *names,
                                  yyjson_val **object, struct error *error)
{
    enum error_code code = fields_need_object(parent, where, key, object, error);
    struct field_path path = field_path_member(where, key);
    return code == OK ? fields_known(NULL, *object, path.text, names, error) : code;
}

static enum error_code parse_owner(yyjson_val *config, const char *where, struct error *error)
{
    struct str owner;
    bool present = false;
    enum error_code code = fields_get_str(config, where, "s3BucketOwner", 12, 12, &owner, &present, error);
    if (code == OK && present && !is_digits(owner, 12))
        code = field_error(error, where, "s3BucketOwner", "must be an account of 12 digits");
    return code;
}

static enum error_code parse_uri(yyjson_val *config, const char *where, struct arena *arena, struct str *uri,
                                 struct error *error)
{
    struct str text;
    enum error_code code = fields_need_str(config, where, "s3Uri", 1, URI_MAX_LEN, &text, error);
    if (code == OK && !is_s3_uri(text))
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
    enum error_code code = get_object(root, "", "inputDataConfig", kinds, &outer, error);
    if (code == OK)
        code = get_object(outer, "inputDataConfig", kinds[0], names, &config, error);
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
    enum error_code code = get_object(root, "", "outputDataConfig", kinds, &outer, error);
    if (code == OK)
        code = get_object(outer, "outputDataConfig", kinds[0], names, &config, error);
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

static enum error_code parse_ids(yyjson_val *config, const char *key, size_t most, struct error *error)
{
    yyjson_val *list, *item;
    size_t idx, max;
    enum error_code code = fields_need_array(config, "vpcConfig", key, &list, error);
    if (code != OK)
        return code;
    if (yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > most)
        return field_error(error, "vpcConfig", key, "must have 1 to %zu items", most);
    yyjson_arr_foreach(list, idx, max, item)
    {
        struct field_path path = field_path_index("vpcConfig", key, idx);
        if (!yyjson_is_str(item) || yyjson_get_len(item) > 32 || !fields_alphabet(json_str(item), "-"))
            return field_error(error, path.text, "", "must be at most 32 letters, digits and hyphens");
    }
    return OK;
}

static enum error_code parse_vpc(yyjson_val *root, struct error *error)
{
    static const char *const names[] = {"subnetIds", "securityGroupIds", NULL};
    yyjson_val *config;
    enum error_code code = json_get_object(root, "", "vpcConfig", &config, error);
    if (code != OK || !config)
        return code;
    code = fields_known(NULL, config, "vpcConfig", names, error);
    if (code == OK)
        code = parse_ids(config, "subnetIds", 16, error);
    return code == OK ? parse_ids(config, "securityGroupIds", 5, error) : code;
}

static enum error_code need_matching(yyjson_val *root, const char *key, size_t max, bool (*matches)(struct str text),
                                     const char *what, struct arena *arena, struct str *value, struct error *error)
{
    struct str text;
    enum error_code code = fields_need_str(root, "", key, 1, max, &text, error);
    if (code == OK && !matches(text))
        code = field_error(error, "", key, "%s", what);
    return code == OK && !arena_str(arena, text, value) ? error_no_memory(error) : code;
}

static bool is_any(struct str text)
{
    return text.len > 0;
}

static enum error_code parse_strings(yyjson_val *root, struct arena *arena, struct batch_job *job,
                                     struct error *error)
{
    enum error_code code = need_matching(root, "jobName", NAME_MAX_LEN, is_job_name,
                                         "must begin with a letter or digit and go on with letters, digits, + - .",
                                         arena, &job->name, error);
    if (code == OK)
        code = need_matching(root, "roleArn", ROLE_MAX_LEN, is_role, "must be arn:aws:iam::ACCOUNT:role/NAME", arena,
                             &job->role_arn, error);
    if (code == OK)
        code = need_matching(root, "modelId", 2048, is_any, "", arena, &job->model_id, error);
    yyjson_val *token = yyjson_obj_get(root, "clientRequestToken");
    if (code == OK && token && !yyjson_is_null(token))
        code = need_matching(root, "clientRequestToken", TOKEN_MAX_LEN, is_token,
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
        code = parse_vpc(root, error);
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

static bool is_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_alphanumeric(id.data[i]) || (id.data[i] >= 'A' && id.data[i] <= 'Z'))
            return false;
    return id.len == JOB_ID_LEN;
}

enum error_code batch_identifier_parse(struct str text, struct batch_identifier *identifier, struct error *error)
{
    *identifier = (struct batch_identifier){.id = text, .region = STR(""), .account = STR("")};
    if (is_id(text))
        return OK;
    bool is_arn = skip_arn(&text, STR("bedrock")) && str_split(&text, ':', &identifier->region) && text.data &&
                  str_split(&text, ':', &identifier->account) && text.data && is_digits(identifier->account, 12) &&
                  skip(&text, STR("model-invocation-job/")) && is_id(text);
    identifier->id = text;
    return is_arn ? OK : field_error(error, "", "jobIdentifier",
                                     "must be the ARN of a batch job or its ID of 12 lower-case letters and digits");
}

/* arn:aws(-[^:]+)?:bedrock:REGION:ACCOUNT:KIND/NAME */
static bool is_bedrock_arn(struct str text)
{
    struct str region, account;
    return skip_arn(&text, STR("bedrock")) && str_split(&text, ':', &region) && text.data &&
           str_split(&text, ':', &account) && text.data && text.len > 0 &&
           (account.len == 0 || is_digits(account, 12));
}

enum error_code batch_resource_parse(struct str text, struct batch_identifier *identifier, struct error *error)
{
    if (batch_identifier_parse(text, identifier, error) == OK && identifier->account.len > 0)
        return OK;
    const bool is_name = text.len > 0 && is_alphanumeric(text.data[0]) && fields_alphabet(text, "-");
    if (is_bedrock_arn(text) || is_name)
        return error_set(error, ERROR_NOT_FOUND, "There is no resource '" STR_FMT "'.",
                         STR_ARG(str_slice(text, 0, text.len > 128 ? 128 : text.len)));
    return field_error(error, "", "resourceARN", "must be the ARN of a resource of this service");
}

static bool take_number(struct str *text, size_t len, int *value)
{
    uint64_t number;
    if (text->len < len || !str_to_u64(str_slice(*text, 0, len), &number))
        return false;
    *value = (int)number;
    *text = str_slice(*text, len, text->len);
    return true;
}

/* ".123456" in microseconds; more digits are cut off. */
static uint64_t take_fraction(struct str *text)
{
    uint64_t us = 0, unit = 100000;
    if (!skip(text, STR(".")))
        return 0;
    while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        us += (uint64_t)(text->data[0] - '0') * unit;
        unit /= 10;
        *text = str_slice(*text, 1, text->len);
    }
    return us;
}

/* 2026-11-25T09:00:00Z, also with a fraction of seconds or +00:00. */
static bool parse_time(struct str text, uint64_t *us)
{
    struct tm tm = {0};
    bool is_date = take_number(&text, 4, &tm.tm_year) && skip(&text, STR("-")) && take_number(&text, 2, &tm.tm_mon) &&
                   skip(&text, STR("-")) && take_number(&text, 2, &tm.tm_mday) && skip(&text, STR("T")) &&
                   take_number(&text, 2, &tm.tm_hour) && skip(&text, STR(":")) && take_number(&text, 2, &tm.tm_min) &&
                   skip(&text, STR(":")) && take_number(&text, 2, &tm.tm_sec);
    if (!is_date || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    uint64_t fraction = take_fraction(&text);
    *us = (uint64_t)timegm(&tm) * 1000000 + fraction;
    return str_eq(text, STR("Z")) || str_eq(text, STR("+00:00"));
}

static enum error_code parse_times(const struct batch_list_query *query, struct job_filter *filter,
                                   struct error *error)
{
    if (query->submit_after.data && !parse_time(query->submit_after, &filter->submit_after_us))
        return field_error(error, "", "submitTimeAfter", "must be a time such as 2026-11-25T09:00:00Z");
    if (query->submit_before.data && !parse_time(query->submit_before, &filter->submit_before_us))
        return field_error(error, "", "submitTimeBefore", "must be a time such as 2026-11-25T09:00:00Z");
    return OK;
}

static enum error_code parse_page(const struct batch_list_query *query, struct job_filter *filter,
                                  struct error *error)
{
    uint64_t max = PAGE_DEFAULT;
    struct str token = query->next_token;
    if (query->max_results.data && (!str_to_u64(query->max_results, &max) || max < 1 || max > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    filter->max = (size_t)max;
    if (token.data && (!skip(&token, TOKEN_PREFIX) || !str_to_i64(token, &filter->beyond) || filter->beyond <= 0))
        return field_error(error, "", "nextToken", "is not one of this operation");
    return OK;
}

enum error_code batch_list_parse(const struct batch_list_query *query, struct job_filter *filter,
                                 struct error *error)
{
    unsigned status;
    if (query->status.data) {
        if (!job_status_find(&batch_job_kind, query->status, &status))
            return field_error(error, "", "statusEquals", "is not a status of batch jobs");
        filter->status = batch_job_kind.statuses[status].name;
    }
    if (query->name_contains.data && (query->name_contains.len > NAME_MAX_LEN || !is_job_name(query->name_contains)))
        return field_error(error, "", "nameContains", "must be 1 to %d characters of a job's name", NAME_MAX_LEN);
    filter->name_contains = query->name_contains.data ? query->name_contains : STR("");
    if (query->sort_by.data && !str_eq(query->sort_by, STR("CreationTime")))
        return field_error(error, "", "sortBy", "must be CreationTime");
    if (query->sort_order.data && !str_eq(query->sort_order, STR("Descending")) &&
        !str_eq(query->sort_order, STR("Ascending")))
        return field_error(error, "", "sortOrder", "must be Ascending or Descending");
    filter->is_ascending = query->sort_order.data && str_eq(query->sort_order, STR("Ascending"));
    enum error_code code = parse_times(query, filter, error);
    return code == OK ? parse_page(query, filter, error) : code;
}

void batch_append_token(struct buf *out, int64_t sequence)
{
    buf_append_str(out, TOKEN_PREFIX);
    buf_append_i64(out, sequence);
}
