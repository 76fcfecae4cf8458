/* ask.c - what clients ask of the store: jobs made, shown, listed, stopped. */
#include "jobs/internal.h"

#include <string.h>

#include "core/json.h"
#include "store/disk.h"

/* --- create ------------------------------------------------------------------------------------------ */

/* Members in another order are the same request. */
static enum error_code compare_requests(struct str a, struct str b, bool *is_same, struct error *error)
{
    yyjson_doc *left = NULL, *right = NULL;
    enum error_code code = json_parse(a, &left, error);
    if (code == OK)
        code = json_parse(b, &right, error);
    *is_same = code == OK && yyjson_equals(yyjson_doc_get_root(left), yyjson_doc_get_root(right));
    json_free(left);
    json_free(right);
    return code == ERROR_NO_MEMORY ? code : OK;
}

static enum error_code find_token(struct jobs *jobs, const struct job_kind *kind, struct job_row *row, bool *is_known,
                                  struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_BY_TOKEN];
    *is_known = false;
    if (row->token.len == 0)
        return OK;
    sql_bind_text(query, 1, str_of(kind->name));
    sql_bind_text(query, 2, row->tenant);
    sql_bind_text(query, 3, row->token);
    enum error_code code = sql_step(query, is_known, error);
    if (code != OK || !*is_known)
        return code;
    bool is_same = false;
    if (sql_text(query, 0).len == JOB_ID_LEN)
        code = compare_requests(sql_text(query, 1), row->request, &is_same, error);
    if (is_same)
        memcpy(row->id, sql_text(query, 0).data, JOB_ID_LEN + 1);
    sql_reset(query);
    if (code != OK)
        return code;
    return is_same ? OK
                   : error_set(error, ERROR_CONFLICT,
                               "clientRequestToken: it was used before, for a request with other parameters");
}

static enum error_code check_name(struct jobs *jobs, const struct job_kind *kind, const struct job_row *row,
                                  struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_BY_NAME];
    bool has_row;
    if (!kind->has_unique_names)
        return OK;
    sql_bind_text(query, 1, str_of(kind->name));
    sql_bind_text(query, 2, row->tenant);
    sql_bind_text(query, 3, row->region);
    sql_bind_text(query, 4, row->name);
    enum error_code code = sql_step(query, &has_row, error);
    if (code == OK && has_row)
        code = error_set(error, ERROR_CONFLICT, "jobName: %s '" STR_FMT "' has the name '" STR_FMT "' already",
                         kind->title, STR_ARG(sql_text(query, 0)), STR_ARG(row->name));
    sql_reset(query);
    return code;
}

static enum error_code check_quota(struct jobs *jobs, const struct job_kind *kind, const struct job_row *row,
                                   uint64_t most, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_COUNT];
    bool has_row;
    sql_bind_text(query, 1, str_of(kind->name));
    sql_bind_text(query, 2, row->tenant);
    sql_bind_text(query, 3, row->subject);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    uint64_t count = has_row ? (uint64_t)sql_int(query, 0) : 0;
    sql_reset(query);
    if (count < most)
        return OK;
    return error_set(error, ERROR_QUOTA, "%llu %ss on this %s have not ended; at most %llu may wait or run",
                     (unsigned long long)count, kind->title, kind->subject, (unsigned long long)most);
}

static enum error_code insert(struct jobs *jobs, const struct job_kind *kind, const struct job_row *row,
                              struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_INSERT];
    const struct str strings[] = {str_of(row->id), str_of(kind->name), row->tenant,  row->account,
                                  row->region,     row->name,          row->token,   row->subject,
                                  row->request,    row->terms,         row->progress, str_of(kind->statuses[0].name)};
    int n = 1;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n++, (int64_t)row->submit_us);
    sql_bind_int(query, n++, (int64_t)row->expires_us);
    return sql_run(query, error);
}

static enum error_code create(struct jobs *jobs, const struct job_kind *kind, struct job_row *row,
                              const struct job_tags *tags, uint64_t most, bool *is_known, struct error *error)
{
    enum error_code code = find_token(jobs, kind, row, is_known, error);
    if (code != OK || *is_known)
        return code;
    code = check_name(jobs, kind, row, error);
    if (code == OK)
        code = check_quota(jobs, kind, row, most, error);
    if (code == OK)
        code = insert(jobs, kind, row, error);
    return code == OK ? jobs_put_tags(jobs, kind, row->id, tags, error) : code;
}

enum error_code jobs_create(struct jobs *jobs, const struct job_kind *kind, struct job_row *row,
                            const struct job_tags *tags, uint64_t most, bool *is_new, struct error *error)
{
    bool is_known = false;
    if (disk_admit(0, error) != OK)
        return error->code;
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = jobs_begin(jobs, error);
    if (code == OK)
        code = jobs_end(jobs, create(jobs, kind, row, tags, most, &is_known, error), error);
    pthread_mutex_unlock(&jobs->mutex);
    *is_new = code == OK && !is_known;
    return code;
}

/* --- get and list ------------------------------------------------------------------------------------ */

static enum error_code no_such_job(const struct job_kind *kind, struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no %s '%.*s'.", kind->title, (int)(id.len > 64 ? 64 : id.len),
                     id.data ? id.data : "");
}

static enum error_code get(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                           struct arena *arena, struct job_row *row, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_GET];
    bool has_row;
    sql_bind_text(query, 1, id);
    sql_bind_text(query, 2, tenant);
    sql_bind_text(query, 3, str_of(kind->name));
    sql_bind_int(query, 4, !tenant.data);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    if (!has_row)
        return no_such_job(kind, id, error);
    code = jobs_read_row(query, kind, arena, row, error);
    sql_reset(query);
    return code;
}

enum error_code jobs_get(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                         struct arena *arena, struct job_row *row, struct error *error)
{
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = get(jobs, kind, tenant, id, arena, row, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

static void bind_filter(struct sql_statement *query, const struct job_kind *kind, const struct job_filter *filter)
{
    sql_bind_text(query, 1, filter->tenant);
    sql_bind_text(query, 2, filter->name_contains);
    sql_bind_text(query, 3, str_of(filter->status ? filter->status : ""));
    sql_bind_int(query, 4, (int64_t)filter->submit_after_us);
    sql_bind_int(query, 5, (int64_t)filter->submit_before_us);
    sql_bind_int(query, 6, filter->beyond);
    sql_bind_int(query, 7, (int64_t)filter->max + 1);
    sql_bind_text(query, 8, str_of(kind->name));
}

static struct sql_statement *list_query(const struct jobs *jobs, const struct job_filter *filter)
{
    if (!filter->tenant.data)
        return jobs->queries[filter->is_ascending ? QUERY_LIST_ALL_UP : QUERY_LIST_ALL_DOWN];
    return jobs->queries[filter->is_ascending ? QUERY_LIST_UP : QUERY_LIST_DOWN];
}

static enum error_code list(struct sql_statement *query, const struct job_kind *kind, const struct job_filter *filter,
                            struct arena *arena, struct job_row *rows, size_t *count, bool *has_more,
                            struct error *error)
{
    bool has_row = true;
    enum error_code code;
    bind_filter(query, kind, filter);
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        if (*count == filter->max) {
            *has_more = true;
            break;
        }
        code = jobs_read_row(query, kind, arena, &rows[*count], error);
        if (code != OK)
            break;
        (*count)++;
    }
    sql_reset(query);
    return code;
}

enum error_code jobs_list(struct jobs *jobs, const struct job_kind *kind, const struct job_filter *filter,
                          struct arena *arena, struct job_row **rows, size_t *count, bool *has_more,
                          struct error *error)
{
    *count = 0;
    *has_more = false;
    *rows = ARENA_ARRAY(arena, struct job_row, filter->max);
    if (!*rows)
        return error_no_memory(error);
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code =
        list(list_query(jobs, filter), kind, filter, arena, *rows, count, has_more, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

/* --- stop -------------------------------------------------------------------------------------------- */

static enum error_code refuse_stop(const struct job_kind *kind, const struct job_row *row, struct error *error)
{
    const struct job_status *status = &kind->statuses[row->status];
    if (status->phase == JOB_STOPPING)
        return OK;
    if (status->phase == JOB_ENDED)
        return error_set(error, ERROR_CONFLICT, "The %s has ended already: its status is %s.", kind->title,
                         status->name);
    return error_set(error, ERROR_CONFLICT, "The %s cannot be stopped while its status is %s.", kind->title,
                     status->name);
}

enum error_code jobs_request_stop(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                                  uint64_t now_us, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_STOP];
    struct job_row row;
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&jobs->mutex);
    sql_bind_text(query, 1, id);
    sql_bind_text(query, 2, tenant);
    sql_bind_text(query, 3, str_of(kind->name));
    sql_bind_int(query, 4, (int64_t)now_us);
    enum error_code code = sql_run(query, error);
    if (code == OK)
        code = get(jobs, kind, tenant, id, &arena, &row, error);
    pthread_mutex_unlock(&jobs->mutex);
    if (code == OK)
        code = refuse_stop(kind, &row, error);
    arena_deinit(&arena);
    return code;
}

/* --- delete ------------------------------------------------------------------------------------------ */

static enum error_code delete_ended(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                                    struct error *error)
{
    struct sql_statement *job = jobs->queries[QUERY_DELETE], *tags = jobs->queries[QUERY_DELETE_TAGS];
    sql_bind_text(job, 1, id);
    sql_bind_text(job, 2, tenant);
    sql_bind_text(job, 3, str_of(kind->name));
    const enum error_code code = sql_run(job, error);
    if (code != OK)
        return code;
    sql_bind_text(tags, 1, id);
    return sql_run(tags, error);
}

enum error_code jobs_delete(struct jobs *jobs, const struct job_kind *kind, struct str tenant, struct str id,
                            struct error *error)
{
    struct job_row row;
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = get(jobs, kind, tenant, id, &arena, &row, error);
    if (code == OK && kind->statuses[row.status].phase != JOB_ENDED)
        code = error_set(error, ERROR_CONFLICT, "The %s has not ended: its status is %s. Stop it first.", kind->title,
                         kind->statuses[row.status].name);
    if (code == OK)
        code = jobs_begin(jobs, error);
    if (code == OK)
        code = jobs_end(jobs, delete_ended(jobs, kind, tenant, id, error), error);
    pthread_mutex_unlock(&jobs->mutex);
    arena_deinit(&arena);
    return code;
}

enum error_code jobs_is_live(struct jobs *jobs, struct str id, bool *is_live, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_LIVE];
    pthread_mutex_lock(&jobs->mutex);
    sql_bind_text(query, 1, id);
    enum error_code code = sql_step(query, is_live, error);
    if (code == OK && *is_live)
        sql_reset(query);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}
