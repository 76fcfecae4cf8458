#include "batch/job_db_internal.h"

#include "core/json.h"
#include "store/disk.h"
#include "store/state.h"

/* Statuses in which a job has not ended, and those in which it has not started. */
#define LIVE "('Submitted', 'Validating', 'Scheduled', 'InProgress', 'Stopping')"
#define WAITING "('Submitted', 'Validating', 'Scheduled')"

#define COLUMNS                                                                                                  \
    "id, sequence, tenant, account, region, name, token, model_id, role_arn, type, input_uri, output_uri, "       \
    "request, timeout_hours, status, message, submit_us, modified_us, end_us, expires_us, total, success, "       \
    "errors, input_tokens, output_tokens, source, profile, profile_tags"

static const char *const steps[] = {
    "CREATE TABLE batch_job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, "
    "model_id TEXT NOT NULL, role_arn TEXT NOT NULL, type TEXT NOT NULL, input_uri TEXT NOT NULL, "
    "output_uri TEXT NOT NULL, request TEXT NOT NULL, timeout_hours INTEGER NOT NULL, status TEXT NOT NULL, "
    "message TEXT NOT NULL, submit_us INTEGER NOT NULL, modified_us INTEGER NOT NULL, end_us INTEGER NOT NULL, "
    "expires_us INTEGER NOT NULL, total INTEGER NOT NULL, success INTEGER NOT NULL, errors INTEGER NOT NULL, "
    "input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, owner TEXT, "
    "lease_until_us INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX batch_job_token ON batch_job (tenant, token) WHERE token <> '';"
    "CREATE INDEX batch_job_tenant ON batch_job (tenant, sequence);"
    "CREATE INDEX batch_job_live ON batch_job (status) WHERE status IN " LIVE,
    /* Tags were kept in the request alone. */
    "CREATE TABLE batch_tag (job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)) "
    "STRICT, WITHOUT ROWID;"
    "INSERT OR REPLACE INTO batch_tag SELECT job.id, json_extract(tag.value, '$.key'), "
    "json_extract(tag.value, '$.value') FROM batch_job AS job, json_each(job.request, '$.tags') AS tag",
    "ALTER TABLE batch_job ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE batch_job ADD COLUMN profile TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE batch_job ADD COLUMN profile_tags TEXT NOT NULL DEFAULT ''",
};

#define LIST_WHERE                                                                                               \
    "SELECT " COLUMNS " FROM batch_job WHERE tenant = ?1 AND (?2 = '' OR instr(name, ?2) > 0) "                   \
    "AND (?3 = '' OR status = ?3) AND submit_us >= ?4 AND (?5 = 0 OR submit_us <= ?5) "

static const char *const texts[QUERIES] = {
    [QUERY_BY_TOKEN] = "SELECT id, request FROM batch_job WHERE tenant = ? AND token = ?",
    [QUERY_COUNT] = "SELECT count(*) FROM batch_job WHERE tenant = ? AND model_id = ? AND status IN " LIVE,
    [QUERY_INSERT] = "INSERT INTO batch_job (id, tenant, account, region, name, token, model_id, role_arn, type, "
                     "input_uri, output_uri, request, timeout_hours, status, message, submit_us, modified_us, end_us, "
                     "expires_us, total, success, errors, input_tokens, output_tokens, source, profile, profile_tags) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'Submitted', '', ?, ?, 0, ?, 0, 0, 0, 0, 0, ?, ?, "
                     "?)",
    [QUERY_GET] = "SELECT " COLUMNS " FROM batch_job WHERE id = ?1 AND tenant = ?2",
    [QUERY_LIST_UP] = LIST_WHERE "AND sequence > ?6 ORDER BY sequence LIMIT ?7",
    [QUERY_LIST_DOWN] = LIST_WHERE "AND (?6 = 0 OR sequence < ?6) ORDER BY sequence DESC LIMIT ?7",
    [QUERY_STOP] = "UPDATE batch_job SET status = 'Stopping', modified_us = ?3 WHERE id = ?1 AND tenant = ?2 "
                   "AND status IN " LIVE " AND status <> 'Stopping'",
    [QUERY_PICK] = "SELECT " COLUMNS ", fence FROM batch_job AS j WHERE status IN " LIVE " AND (owner IS NULL OR "
                   "(owner <> ?1 AND lease_until_us < ?2)) AND (?3 OR status = 'Stopping') "
                   "ORDER BY status = 'Stopping' DESC, (SELECT count(*) FROM batch_job AS o WHERE o.status IN " LIVE
                   " AND o.tenant = j.tenant AND o.owner IS NOT NULL), sequence LIMIT 1",
    [QUERY_CLAIM] = "UPDATE batch_job SET owner = ?2, lease_until_us = ?3, fence = fence + 1 WHERE id = ?1",
    [QUERY_RENEW] = "UPDATE batch_job SET lease_until_us = ?2 WHERE owner = ?1 AND status IN " LIVE,
    [QUERY_MOVE] = "UPDATE batch_job SET status = ?4, message = ?5, modified_us = ?6, end_us = ?7, total = ?8, "
                   "success = ?9, errors = ?10, input_tokens = ?11, output_tokens = ?12, "
                   "owner = CASE WHEN ?13 THEN NULL ELSE owner END WHERE id = ?1 AND fence = ?2 AND status = ?3 "
                   "RETURNING 1",
    [QUERY_NOTE] = "UPDATE batch_job SET message = ?3, modified_us = ?4, total = ?5, success = ?6, errors = ?7, "
                   "input_tokens = ?8, output_tokens = ?9 WHERE id = ?1 AND fence = ?2 RETURNING 1",
    [QUERY_STATUS] = "SELECT status FROM batch_job WHERE id = ? AND fence = ?",
    [QUERY_EXPIRE] = "UPDATE batch_job SET status = 'Expired', modified_us = ?1, end_us = ?1, message = "
                     "'The job did not start before its time was up.' "
                     "WHERE status IN " WAITING " AND owner IS NULL AND expires_us <= ?1",
    [QUERY_LIVE] = "SELECT 1 FROM batch_job WHERE id = ? AND status IN " LIVE,
    [QUERY_TAGS] = "SELECT key, value FROM batch_tag WHERE job = ? ORDER BY key",
    [QUERY_TAG] = "INSERT INTO batch_tag (job, key, value) VALUES (?, ?, ?) "
                  "ON CONFLICT (job, key) DO UPDATE SET value = excluded.value",
    [QUERY_UNTAG] = "DELETE FROM batch_tag WHERE job = ? AND key = ?",
};

static enum error_code prepare(struct job_db *db, const char *data, struct error *error)
{
    enum error_code code = state_open(data, &db->sql, error);
    if (code == OK)
        code = state_migrate(db->sql, "batch", steps, sizeof(steps) / sizeof(steps[0]), error);
    if (code == OK)
        code = sql_exec(db->sql, "UPDATE batch_job SET owner = NULL WHERE owner IS NOT NULL", error);
    for (size_t i = 0; code == OK && i < QUERIES; i++)
        code = sql_prepare(db->sql, texts[i], &db->queries[i], error);
    return code;
}

enum error_code job_db_open(const char *data, struct job_db **db, struct error *error)
{
    struct job_db *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    enum error_code code = prepare(made, data, error);
    if (code != OK) {
        job_db_close(made);
        return code;
    }
    *db = made;
    return OK;
}

void job_db_close(struct job_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(db->queries[i]);
    sql_close(db->sql);
    pthread_mutex_destroy(&db->mutex);
    mem_free(db);
}

enum error_code job_db_end(struct job_db *db, enum error_code code, struct error *error)
{
    if (code == OK)
        code = sql_exec(db->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(db->sql);
    return code;
}

/* --- rows ------------------------------------------------------------------------------------------- */

static bool read_strings(struct sql_statement *row, struct arena *arena, struct batch_job *job)
{
    const struct {
        int column;
        struct str *value;
    } strings[] = {
        {2, &job->tenant},   {3, &job->account},    {4, &job->region},     {5, &job->name},     {6, &job->token},
        {7, &job->model_id}, {8, &job->role_arn},   {10, &job->input_uri}, {11, &job->output_uri},
        {12, &job->request}, {15, &job->message}, {25, &job->source}, {26, &job->profile},
        {27, &job->profile_tags},
    };
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        if (!arena_str(arena, sql_text(row, strings[i].column), strings[i].value))
            return false;
    return true;
}

static enum error_code read_job(struct sql_statement *row, struct arena *arena, struct batch_job *job,
                                struct error *error)
{
    *job = (struct batch_job){0};
    struct str id = sql_text(row, 0);
    if (id.len != BATCH_ID_LEN || !batch_status_parse(sql_text(row, 14), &job->status))
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": job '" STR_FMT "' makes no sense", STR_ARG(id));
    memcpy(job->id, id.data, BATCH_ID_LEN);
    job->type = str_eq(sql_text(row, 9), STR("Converse")) ? BATCH_CONVERSE : BATCH_INVOKE_MODEL;
    job->sequence = sql_int(row, 1);
    job->timeout_hours = (uint32_t)sql_int(row, 13);
    uint64_t *const numbers[] = {&job->submit_us,      &job->modified_us,    &job->end_us,
                                 &job->expires_us,     &job->counts.total,   &job->counts.success,
                                 &job->counts.errors,  &job->counts.input_tokens, &job->counts.output_tokens};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = (uint64_t)sql_int(row, 16 + (int)i);
    return read_strings(row, arena, job) ? OK : error_no_memory(error);
}

/* --- for those who ask ------------------------------------------------------------------------------ */

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

static enum error_code find_token(struct job_db *db, struct batch_job *job, bool *is_known, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_BY_TOKEN];
    *is_known = false;
    if (job->token.len == 0)
        return OK;
    sql_bind_text(query, 1, job->tenant);
    sql_bind_text(query, 2, job->token);
    enum error_code code = sql_step(query, is_known, error);
    if (code != OK || !*is_known)
        return code;
    bool is_same = false;
    if (sql_text(query, 0).len == BATCH_ID_LEN)
        code = compare_requests(sql_text(query, 1), job->request, &is_same, error);
    if (is_same)
        memcpy(job->id, sql_text(query, 0).data, BATCH_ID_LEN + 1);
    sql_reset(query);
    if (code != OK)
        return code;
    return is_same ? OK
                   : error_set(error, ERROR_CONFLICT,
                               "clientRequestToken: it was used before, for a request with other parameters");
}

static enum error_code check_quota(struct job_db *db, const struct batch_job *job, uint64_t jobs_max,
                                   struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_COUNT];
    bool has_row;
    sql_bind_text(query, 1, job->tenant);
    sql_bind_text(query, 2, job->model_id);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    uint64_t count = has_row ? (uint64_t)sql_int(query, 0) : 0;
    sql_reset(query);
    if (count < jobs_max)
        return OK;
    return error_set(error, ERROR_QUOTA, "%llu batch jobs on this model have not ended; at most %llu may wait or run",
                     (unsigned long long)count, (unsigned long long)jobs_max);
}

static enum error_code insert(struct job_db *db, const struct batch_job *job, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_INSERT];
    const struct str strings[] = {str_of(job->id), job->tenant,   job->account,
                                  job->region,     job->name,     job->token,
                                  job->model_id,   job->role_arn, str_of(batch_type_names[job->type]),
                                  job->input_uri,  job->output_uri, job->request};
    int n = 1;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        sql_bind_text(query, n++, strings[i]);
    sql_bind_int(query, n++, job->timeout_hours);
    sql_bind_int(query, n++, (int64_t)job->submit_us);
    sql_bind_int(query, n++, (int64_t)job->submit_us);
    sql_bind_int(query, n++, (int64_t)job->expires_us);
    sql_bind_text(query, n++, job->source);
    sql_bind_text(query, n++, job->profile);
    sql_bind_text(query, n++, job->profile_tags);
    return sql_run(query, error);
}

static enum error_code create(struct job_db *db, struct batch_job *job, uint64_t jobs_max, bool *is_known,
                              struct error *error)
{
    enum error_code code = find_token(db, job, is_known, error);
    if (code != OK || *is_known)
        return code;
    code = check_quota(db, job, jobs_max, error);
    if (code == OK)
        code = insert(db, job, error);
    return code == OK ? job_db_put_tags(db, job->id, &job->tags, error) : code;
}

enum error_code job_db_create(struct job_db *db, struct batch_job *job, uint64_t jobs_max, bool *is_new,
                              struct error *error)
{
    bool is_known = false;
    if (disk_admit(0, error) != OK)
        return error->code;
    pthread_mutex_lock(&db->mutex);
    enum error_code code = sql_exec(db->sql, "BEGIN IMMEDIATE", error);
    if (code == OK)
        code = job_db_end(db, create(db, job, jobs_max, &is_known, error), error);
    pthread_mutex_unlock(&db->mutex);
    *is_new = code == OK && !is_known;
    return code;
}

static enum error_code no_such_job(struct str id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "There is no batch job '%.*s'.", (int)(id.len > 64 ? 64 : id.len),
                     id.data ? id.data : "");
}

static enum error_code get(struct job_db *db, struct str tenant, struct str id, struct arena *arena,
                           struct batch_job *job, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_GET];
    bool has_row;
    sql_bind_text(query, 1, id);
    sql_bind_text(query, 2, tenant);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    if (!has_row)
        return no_such_job(id, error);
    code = read_job(query, arena, job, error);
    sql_reset(query);
    return code;
}

enum error_code job_db_get(struct job_db *db, struct str tenant, struct str id, struct arena *arena,
                           struct batch_job *job, struct error *error)
{
    pthread_mutex_lock(&db->mutex);
    enum error_code code = get(db, tenant, id, arena, job, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

static enum error_code list(struct sql_statement *query, const struct batch_filter *filter, struct arena *arena,
                            struct batch_job *jobs, size_t *count, bool *has_more, struct error *error)
{
    sql_bind_text(query, 1, filter->tenant);
    sql_bind_text(query, 2, filter->name_contains);
    sql_bind_text(query, 3, filter->has_status ? str_of(batch_status_names[filter->status]) : STR(""));
    sql_bind_int(query, 4, (int64_t)filter->submit_after_us);
    sql_bind_int(query, 5, (int64_t)filter->submit_before_us);
    sql_bind_int(query, 6, filter->beyond);
    sql_bind_int(query, 7, (int64_t)filter->max + 1);
    bool has_row = true;
    enum error_code code;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        if (*count == filter->max) {
            *has_more = true;
            break;
        }
        code = read_job(query, arena, &jobs[*count], error);
        if (code != OK)
            break;
        (*count)++;
    }
    sql_reset(query);
    return code;
}

enum error_code job_db_list(struct job_db *db, const struct batch_filter *filter, struct arena *arena,
                            struct batch_job **jobs, size_t *count, bool *has_more, struct error *error)
{
    *count = 0;
    *has_more = false;
    *jobs = ARENA_ARRAY(arena, struct batch_job, filter->max);
    if (!*jobs)
        return error_no_memory(error);
    pthread_mutex_lock(&db->mutex);
    enum error_code code = list(db->queries[filter->is_ascending ? QUERY_LIST_UP : QUERY_LIST_DOWN], filter, arena,
                                *jobs, count, has_more, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

enum error_code job_db_request_stop(struct job_db *db, struct str tenant, struct str id, uint64_t now_us,
                                    struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_STOP];
    struct batch_job job;
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&db->mutex);
    sql_bind_text(query, 1, id);
    sql_bind_text(query, 2, tenant);
    sql_bind_int(query, 3, (int64_t)now_us);
    enum error_code code = sql_run(query, error);
    if (code == OK)
        code = get(db, tenant, id, &arena, &job, error);
    pthread_mutex_unlock(&db->mutex);
    if (code == OK && job.status != BATCH_STOPPING)
        code = error_set(error, ERROR_CONFLICT, "The batch job has ended already: its status is %s.",
                         batch_status_names[job.status]);
    arena_deinit(&arena);
    return code;
}

/* --- for runners ------------------------------------------------------------------------------------ */

static enum error_code claim(struct job_db *db, const struct job_lease *lease, bool takes_new, struct arena *arena,
                             struct batch_job *job, uint64_t *fence, bool *has_job, struct error *error)
{
    struct sql_statement *pick = db->queries[QUERY_PICK], *take = db->queries[QUERY_CLAIM];
    sql_bind_text(pick, 1, lease->owner);
    sql_bind_int(pick, 2, (int64_t)lease->now_us);
    sql_bind_int(pick, 3, takes_new);
    enum error_code code = sql_step(pick, has_job, error);
    if (code != OK || !*has_job)
        return code;
    code = read_job(pick, arena, job, error);
    *fence = (uint64_t)sql_int(pick, 28) + 1;
    sql_reset(pick);
    if (code != OK)
        return code;
    sql_bind_text(take, 1, str_of(job->id));
    sql_bind_text(take, 2, lease->owner);
    sql_bind_int(take, 3, (int64_t)lease->until_us);
    return sql_run(take, error);
}

enum error_code job_db_claim(struct job_db *db, const struct job_lease *lease, bool takes_new, struct arena *arena,
                             struct batch_job *job, uint64_t *fence, bool *has_job, struct error *error)
{
    *has_job = false;
    pthread_mutex_lock(&db->mutex);
    enum error_code code = sql_exec(db->sql, "BEGIN IMMEDIATE", error);
    if (code == OK)
        code = job_db_end(db, claim(db, lease, takes_new, arena, job, fence, has_job, error), error);
    pthread_mutex_unlock(&db->mutex);
    *has_job = *has_job && code == OK;
    return code;
}

enum error_code job_db_renew(struct job_db *db, const struct job_lease *lease, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_RENEW];
    pthread_mutex_lock(&db->mutex);
    sql_bind_text(query, 1, lease->owner);
    sql_bind_int(query, 2, (int64_t)lease->until_us);
    enum error_code code = sql_run(query, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

static void bind_counts(struct sql_statement *query, int first, const struct batch_counts *counts)
{
    const uint64_t numbers[] = {counts->total, counts->success, counts->errors, counts->input_tokens,
                                counts->output_tokens};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sql_bind_int(query, first + (int)i, (int64_t)numbers[i]);
}

/* Runs an update that returns a row when it found its job; *has_row whether it did. */
static enum error_code run_update(struct sql_statement *query, bool *has_row, struct error *error)
{
    enum error_code code = sql_step(query, has_row, error);
    if (code != OK || !*has_row)
        return code;
    return sql_run(query, error);
}

static enum error_code read_status(struct job_db *db, const char *id, uint64_t fence, enum batch_status *status,
                                   struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_STATUS];
    bool has_row;
    sql_bind_text(query, 1, str_of(id));
    sql_bind_int(query, 2, (int64_t)fence);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    bool is_known = has_row && batch_status_parse(sql_text(query, 0), status);
    if (has_row)
        sql_reset(query);
    return is_known ? OK : error_set(error, ERROR_CONFLICT, "another runner has claimed batch job %s", id);
}

enum error_code job_db_move(struct job_db *db, const struct batch_job *job, uint64_t fence,
                            const struct job_move *move, uint64_t now_us, bool *has_moved, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_MOVE];
    enum batch_status now;
    pthread_mutex_lock(&db->mutex);
    sql_bind_text(query, 1, str_of(job->id));
    sql_bind_int(query, 2, (int64_t)fence);
    sql_bind_text(query, 3, str_of(batch_status_names[move->from]));
    sql_bind_text(query, 4, str_of(batch_status_names[move->to]));
    sql_bind_text(query, 5, job->message);
    sql_bind_int(query, 6, (int64_t)now_us);
    sql_bind_int(query, 7, batch_status_has_ended(move->to) ? (int64_t)now_us : 0);
    bind_counts(query, 8, &job->counts);
    sql_bind_int(query, 13, move->releases);
    enum error_code code = run_update(query, has_moved, error);
    if (code == OK && !*has_moved)
        code = read_status(db, job->id, fence, &now, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

enum error_code job_db_note(struct job_db *db, const struct batch_job *job, uint64_t fence, uint64_t now_us,
                            struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_NOTE];
    bool has_row = false;
    pthread_mutex_lock(&db->mutex);
    sql_bind_text(query, 1, str_of(job->id));
    sql_bind_int(query, 2, (int64_t)fence);
    sql_bind_text(query, 3, job->message);
    sql_bind_int(query, 4, (int64_t)now_us);
    bind_counts(query, 5, &job->counts);
    enum error_code code = run_update(query, &has_row, error);
    pthread_mutex_unlock(&db->mutex);
    if (code == OK && !has_row)
        code = error_set(error, ERROR_CONFLICT, "another runner has claimed batch job %s", job->id);
    return code;
}

enum error_code job_db_status(struct job_db *db, const char *id, uint64_t fence, enum batch_status *status,
                              struct error *error)
{
    pthread_mutex_lock(&db->mutex);
    enum error_code code = read_status(db, id, fence, status, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

enum error_code job_db_expire(struct job_db *db, uint64_t now_us, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_EXPIRE];
    pthread_mutex_lock(&db->mutex);
    sql_bind_int(query, 1, (int64_t)now_us);
    enum error_code code = sql_run(query, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

enum error_code job_db_is_live(struct job_db *db, struct str id, bool *is_live, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_LIVE];
    pthread_mutex_lock(&db->mutex);
    sql_bind_text(query, 1, id);
    enum error_code code = sql_step(query, is_live, error);
    if (code == OK && *is_live)
        sql_reset(query);
    pthread_mutex_unlock(&db->mutex);
    return code;
}
