/* Conditions of a request: RFC 9110, section 13, and S3's own for copies and deletions. */
#include <time.h>

#include "s3/s3.h"

/* Which conditions an operation that writes has; another one is refused, not passed over. */
static const struct {
    const char *name;
    unsigned operations;
} names[] = {
    {"if-match", S3_CONDITIONS_OF_WRITES | S3_CONDITIONS_OF_DELETIONS},
    {"if-none-match", S3_CONDITIONS_OF_WRITES},
    {"if-unmodified-since", S3_CONDITIONS_OF_WRITES | S3_CONDITIONS_OF_DELETIONS},
    {"if-modified-since", 0},
    {"x-amz-if-match-last-modified-time", S3_CONDITIONS_OF_DELETIONS},
    {"x-amz-if-match-size", S3_CONDITIONS_OF_DELETIONS},
};

bool s3_check_condition_names(struct s3 *s3, const struct s3_operation *operation)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!s3_header(s3, names[i].name).data || (names[i].operations & operation->conditions))
            continue;
        s3_fail(s3, 501, "NotImplemented", "The header %s is not implemented for %s.", names[i].name, operation->name);
        return false;
    }
    return true;
}

/* All three forms of RFC 9110, section 5.6.7. */
static bool parse_http_date(struct str text, uint64_t *seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char copy[64];
    if (text.len >= sizeof(copy) || text.len == 0)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        time_t time = end && !*end ? timegm(&tm) : -1;
        if (time < 0)
            continue;
        *seconds = (uint64_t)time;
        return true;
    }
    return false;
}

static struct str condition(struct s3 *s3, const char *prefix, const char *name)
{
    struct str whole = arena_printf(&s3->arena, "%s%s", prefix, name);
    return whole.data ? s3_header(s3, whole.data) : STR("");
}

const char *s3_condition_name(const struct s3 *s3)
{
    static const char *const spelled[][2] = {{"if-match", "If-Match"},
                                             {"if-none-match", "If-None-Match"},
                                             {"if-unmodified-since", "If-Unmodified-Since"},
                                             {"x-amz-copy-source-if-match", "x-amz-copy-source-If-Match"},
                                             {"x-amz-copy-source-if-none-match", "x-amz-copy-source-If-None-Match"},
                                             {"x-amz-copy-source-if-unmodified-since",
                                              "x-amz-copy-source-If-Unmodified-Since"},
                                             {"x-amz-copy-source-if-modified-since",
                                              "x-amz-copy-source-If-Modified-Since"},
                                             {"x-amz-if-match-last-modified-time", "x-amz-if-match-last-modified-time"},
                                             {"x-amz-if-match-size", "x-amz-if-match-size"}};
    for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++)
        if (s3_header(s3, spelled[i][0]).data)
            return spelled[i][1];
    return "";
}

bool s3_check_conditions(struct s3 *s3, const struct objects_info *info, const char *prefix)
{
    struct str match = condition(s3, prefix, "if-match"), none = condition(s3, prefix, "if-none-match");
    uint64_t since_s, modified_s = info->modified_us / 1000000;
    bool has_failed = false, is_unmodified = false;
    if (match.data)
        has_failed = !objects_etag_is_listed(match, info->etag);
    else if (parse_http_date(condition(s3, prefix, "if-unmodified-since"), &since_s))
        has_failed = modified_s > since_s;
    if (none.data)
        is_unmodified = objects_etag_is_listed(none, info->etag);
    else if (parse_http_date(condition(s3, prefix, "if-modified-since"), &since_s))
        is_unmodified = modified_s <= since_s;
    if (!has_failed && !is_unmodified)
        return true;
    if (has_failed || prefix[0]) { /* a copy's conditions have one answer */
        s3_fail(s3, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        return false;
    }
    s3_fail(s3, 304, "NotModified", "Not Modified");
    s3_add_etag(s3, info->etag);
    return false;
}

/* A range of an object that has changed meanwhile is none: the whole is sent. Section 13.1.5. */
bool s3_range_is_meant(struct s3 *s3, const struct objects_info *info)
{
    struct str if_range = s3_header(s3, "if-range");
    uint64_t since_s;
    if (!if_range.data)
        return true;
    if (parse_http_date(if_range, &since_s))
        return info->modified_us / 1000000 == since_s;
    return !str_starts(if_range, STR("W/")) && objects_etag_is_listed(if_range, info->etag);
}

/* False: failed. */
static bool read_time(struct s3 *s3, const char *name, bool *has, uint64_t *seconds)
{
    struct str text = s3_header(s3, name);
    *has = text.data != NULL;
    if (!*has || parse_http_date(text, seconds))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "%s: expected a date such as Wed, 21 Oct 2026 07:28:00 GMT.", name);
    return false;
}

bool s3_write_conditions(struct s3 *s3, struct objects_conditions *conditions)
{
    *conditions =
        (struct objects_conditions){.match = s3_header(s3, "if-match"), .none_match = s3_header(s3, "if-none-match")};
    return read_time(s3, "if-unmodified-since", &conditions->has_unmodified_since, &conditions->unmodified_since_s);
}

bool s3_deletion_conditions(struct s3 *s3, struct objects_conditions *conditions)
{
    struct str size = s3_header(s3, "x-amz-if-match-size");
    if (!s3_write_conditions(s3, conditions) ||
        !read_time(s3, "x-amz-if-match-last-modified-time", &conditions->has_modified, &conditions->modified_s))
        return false;
    conditions->has_size = size.data != NULL;
    if (!size.data || str_to_u64(size, &conditions->size))
        return true;
    s3_fail(s3, 400, "InvalidArgument", "x-amz-if-match-size: expected a number of bytes.");
    return false;
}

/* Of DeleteObjects: RFC 822 dates or ISO 8601, as SDKs write them. */
bool s3_parse_time(struct str text, uint64_t *seconds)
{
    char copy[64];
    struct tm tm = {0};
    if (parse_http_date(text, seconds))
        return true;
    if (text.len >= sizeof(copy) || text.len == 0)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
    while (end && (*end == '.' || (*end >= '0' && *end <= '9')))
        end++;
    time_t time = end && (!strcmp(end, "Z") || !strcmp(end, "+00:00")) ? timegm(&tm) : -1;
    *seconds = (uint64_t)time;
    return time >= 0;
}
