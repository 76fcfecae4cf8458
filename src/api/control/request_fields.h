/* request_fields.h - what bodies and queries of operations on jobs have in common: names, roles, URIs, times, pages.
 * Patterns and bounds are those of the service's model; errors are ERROR_INVALID and begin with the member. Any
 * thread. */
#ifndef API_REQUEST_FIELDS_H
#define API_REQUEST_FIELDS_H

#include "core/json.h"
#include "core/mem.h"
#include "jobs/jobs.h"
#include "net/http.h"

#define REQUEST_JOB_NAME_MAX 63
#define REQUEST_TOKEN_MAX 256
#define REQUEST_ROLE_MAX 2048
#define REQUEST_URI_MAX 1024

bool request_is_alphanumeric(char c);
bool request_is_digits(struct str text, size_t len); /* exactly so many */
bool request_is_job_name(struct str name);
bool request_is_token(struct str token);
bool request_is_role(struct str arn);
bool request_is_s3_uri(struct str uri);

/* Takes "PREFIX" off *text; "arn:PARTITION:SERVICE:" off *text. False: it does not begin so. */
bool request_skip(struct str *text, struct str prefix);
bool request_skip_arn(struct str *text, struct str service);

/* An object of `parent` that has to be there, its members known. */
enum error_code request_object(yyjson_val *parent, const char *where, const char *key, const char *const *names,
                               yyjson_val **object, struct error *error) WARN_UNUSED;

/* A string of `root` that has to be there, of 1 to `max` characters, in the arena. `what` says what it must be. */
enum error_code request_matching(yyjson_val *root, const char *key, size_t max, bool (*matches)(struct str text),
                                 const char *what, struct arena *arena, struct str *value,
                                 struct error *error) WARN_UNUSED;

/* vpcConfig, which may be absent: only its form is looked at. */
enum error_code request_vpc(yyjson_val *root, struct error *error) WARN_UNUSED;

/* 2026-11-25T09:00:00Z, by clock_wall_us(). */
bool request_time(struct str text, uint64_t *us);

/* Values of the query of a list; absent ones (data NULL) leave what is behind the pointer, `max` gets a page's size. */
enum error_code request_bound(struct str text, const char *name, uint64_t *us, struct error *error) WARN_UNUSED;
enum error_code request_page_size(struct str text, size_t *max, struct error *error) WARN_UNUSED;
enum error_code request_order(struct str by, struct str order, bool *is_ascending, struct error *error) WARN_UNUSED;

/* Values of the query of a list of jobs; data NULL: absent. */
struct request_list_query {
    struct str after, before, status, name_contains, max_results, next_token, sort_by, sort_order;
};
/* How two of them are called, and the jobs. */
struct request_list_names {
    const char *after, *before, *what;
};
struct request_list_query request_list_query_of(struct http_exchange *exchange, const struct request_list_names *names);
enum error_code request_list_parse(const struct request_list_query *query, const struct request_list_names *names,
                                   const struct job_kind *kind, struct job_filter *filter,
                                   struct error *error) WARN_UNUSED;

/* The token of the page behind the job with this sequence. */
void request_append_token(struct buf *out, int64_t sequence);
/* As the last member of a reply. */
void request_append_next(struct buf *out, int64_t sequence);

#endif
