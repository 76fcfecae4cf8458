/* request_fields.c - members that several operations on jobs have. Knows no operation. See request_fields.h. */
#include "api/control/request_fields.h"

#include <time.h>

#include "api/fields.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define TOKEN_PREFIX STR("after-")

bool request_is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool request_is_digits(struct str text, size_t len)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len == len;
}

/* [a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63} */
bool request_is_job_name(struct str name)
{
    return name.len > 0 && request_is_alphanumeric(name.data[0]) && fields_alphabet(name, "+-.");
}

/* [a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256} */
bool request_is_token(struct str token)
{
    return token.len > 0 && request_is_alphanumeric(token.data[0]) &&
           request_is_alphanumeric(token.data[token.len - 1]) && fields_alphabet(token, "-");
}

/* Takes "PREFIX" off *text. */
bool request_skip(struct str *text, struct str prefix)
{
    if (!str_starts(*text, prefix))
        return false;
    *text = str_slice(*text, prefix.len, text->len);
    return true;
}

/* Takes "arn:PARTITION:SERVICE:" off *text. */
bool request_skip_arn(struct str *text, struct str service)
{
    struct str partition, name;
    return request_skip(text, STR("arn:")) && str_split(text, ':', &partition) && text->data &&
           (str_eq(partition, STR("aws")) || str_starts(partition, STR("aws-"))) && str_split(text, ':', &name) &&
           text->data && str_eq(name, service);
}

/* arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+ */
bool request_is_role(struct str arn)
{
    struct str region, account;
    return request_skip_arn(&arn, STR("iam")) && str_split(&arn, ':', &region) && region.len == 0 && arn.data &&
           str_split(&arn, ':', &account) && (account.len == 0 || request_is_digits(account, 12)) && arn.data &&
           request_skip(&arn, STR("role/")) && arn.len > 0;
}

/* s3://BUCKET, then segments of [-!_*'().a-z0-9A-Z]+ with one slash between and perhaps one behind. */
bool request_is_s3_uri(struct str uri)
{
    struct str segment;
    bool is_bucket = true;
    if (!request_skip(&uri, STR("s3://")))
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

/* An object of `parent`, its members known. */
enum error_code request_object(yyjson_val *parent, const char *where, const char *key, const char *const *names,
                                  yyjson_val **object, struct error *error)
{
    enum error_code code = fields_need_object(parent, where, key, object, error);
    struct field_path path = field_path_member(where, key);
    return code == OK ? fields_known(NULL, *object, path.text, names, error) : code;
}

enum error_code request_matching(yyjson_val *root, const char *key, size_t max, bool (*matches)(struct str text),
                                     const char *what, struct arena *arena, struct str *value, struct error *error)
{
    struct str text;
    enum error_code code = fields_need_str(root, "", key, 1, max, &text, error);
    if (code == OK && !matches(text))
        code = field_error(error, "", key, "%s", what);
    return code == OK && !arena_str(arena, text, value) ? error_no_memory(error) : code;
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

enum error_code request_vpc(yyjson_val *root, struct error *error)
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
    if (!request_skip(text, STR(".")))
        return 0;
    while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        us += (uint64_t)(text->data[0] - '0') * unit;
        unit /= 10;
        *text = str_slice(*text, 1, text->len);
    }
    return us;
}

/* 2026-11-25T09:00:00Z, also with a fraction of seconds or +00:00. */
bool request_time(struct str text, uint64_t *us)
{
    struct tm tm = {0};
    bool is_date = take_number(&text, 4, &tm.tm_year) && request_skip(&text, STR("-")) &&
                   take_number(&text, 2, &tm.tm_mon) && request_skip(&text, STR("-")) &&
                   take_number(&text, 2, &tm.tm_mday) && request_skip(&text, STR("T")) &&
                   take_number(&text, 2, &tm.tm_hour) && request_skip(&text, STR(":")) &&
                   take_number(&text, 2, &tm.tm_min) && request_skip(&text, STR(":")) &&
                   take_number(&text, 2, &tm.tm_sec);
    if (!is_date || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    uint64_t fraction = take_fraction(&text);
    *us = (uint64_t)timegm(&tm) * 1000000 + fraction;
    return str_eq(text, STR("Z")) || str_eq(text, STR("+00:00"));
}

/* --- lists ------------------------------------------------------------------------------------------ */

enum error_code request_bound(struct str text, const char *name, uint64_t *us, struct error *error)
{
    return !text.data || request_time(text, us)
               ? OK
               : field_error(error, "", name, "must be a time such as 2026-11-25T09:00:00Z");
}

enum error_code request_page_size(struct str text, size_t *max, struct error *error)
{
    uint64_t number = PAGE_DEFAULT;
    if (text.data && (!str_to_u64(text, &number) || number < 1 || number > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    *max = (size_t)number;
    return OK;
}

enum error_code request_order(struct str by, struct str order, bool *is_ascending, struct error *error)
{
    if (by.data && !str_eq(by, STR("CreationTime")))
        return field_error(error, "", "sortBy", "must be CreationTime");
    *is_ascending = str_eq(order, STR("Ascending"));
    if (order.data && !*is_ascending && !str_eq(order, STR("Descending")))
        return field_error(error, "", "sortOrder", "must be Ascending or Descending");
    return OK;
}

struct request_list_query request_list_query_of(struct http_exchange *exchange, const struct request_list_names *names)
{
    return (struct request_list_query){
        .after = http_query_get(exchange, names->after),
        .before = http_query_get(exchange, names->before),
        .status = http_query_get(exchange, "statusEquals"),
        .name_contains = http_query_get(exchange, "nameContains"),
        .max_results = http_query_get(exchange, "maxResults"),
        .next_token = http_query_get(exchange, "nextToken"),
        .sort_by = http_query_get(exchange, "sortBy"),
        .sort_order = http_query_get(exchange, "sortOrder"),
    };
}

static enum error_code parse_token(struct str token, int64_t *beyond, struct error *error)
{
    if (token.data && (!request_skip(&token, TOKEN_PREFIX) || !str_to_i64(token, beyond) || *beyond <= 0))
        return field_error(error, "", "nextToken", "is not one of this operation");
    return OK;
}

enum error_code request_list_parse(const struct request_list_query *query, const struct request_list_names *names,
                                   const struct job_kind *kind, struct job_filter *filter, struct error *error)
{
    unsigned status;
    if (query->status.data) {
        if (!job_status_find(kind, query->status, &status))
            return field_error(error, "", "statusEquals", "is not a status of %s", names->what);
        filter->status = kind->statuses[status].name;
    }
    if (query->name_contains.data &&
        (query->name_contains.len > REQUEST_JOB_NAME_MAX || !request_is_job_name(query->name_contains)))
        return field_error(error, "", "nameContains", "must be 1 to %d characters of a job's name",
                           REQUEST_JOB_NAME_MAX);
    filter->name_contains = query->name_contains.data ? query->name_contains : STR("");
    enum error_code code = request_order(query->sort_by, query->sort_order, &filter->is_ascending, error);
    if (code == OK)
        code = request_bound(query->after, names->after, &filter->submit_after_us, error);
    if (code == OK)
        code = request_bound(query->before, names->before, &filter->submit_before_us, error);
    if (code == OK)
        code = request_page_size(query->max_results, &filter->max, error);
    return code == OK ? parse_token(query->next_token, &filter->beyond, error) : code;
}

void request_append_token(struct buf *out, int64_t sequence)
{
    buf_append_str(out, TOKEN_PREFIX);
    buf_append_i64(out, sequence);
}

void request_append_next(struct buf *out, int64_t sequence)
{
    buf_append_text(out, ",\"nextToken\":\"");
    request_append_token(out, sequence);
    buf_append_char(out, '"');
}
