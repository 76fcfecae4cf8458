/* store.c - the tables of jobs, the triggers that guard their statuses, and the kinds that are written into them. */
#include "jobs/internal.h"

#include <assert.h>
#include <string.h>

#include "store/state.h"

/* phase follows from kind and status: an index has it, so that the few jobs that have not ended are found among all
 * that have. Numbers of phases are those of enum job_phase. */
#define PHASE_OF "(SELECT s.phase FROM job_status AS s WHERE s.kind = NEW.kind AND s.status = NEW.status)"

static const char *const steps[] = {
    "CREATE TABLE job_status (kind TEXT NOT NULL, status TEXT NOT NULL, phase INTEGER NOT NULL, "
    "PRIMARY KEY (kind, status)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE job_transition (kind TEXT NOT NULL, status TEXT NOT NULL, next TEXT NOT NULL, "
    "PRIMARY KEY (kind, status, next)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE job (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, "
    "subject TEXT NOT NULL, request TEXT NOT NULL, terms TEXT NOT NULL, progress TEXT NOT NULL, "
    "status TEXT NOT NULL, phase INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL, submit_us INTEGER NOT NULL, "
    "modified_us INTEGER NOT NULL, end_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, owner TEXT, "
    "lease_until_us INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX job_token ON job (kind, tenant, token) WHERE token <> '';"
    "CREATE INDEX job_tenant ON job (kind, tenant, sequence);"
    "CREATE INDEX job_live ON job (kind, phase) WHERE phase < 3;"
    "CREATE TABLE job_tag (job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, key)) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER job_begins BEFORE INSERT ON job WHEN " PHASE_OF " IS NULL "
    "BEGIN SELECT RAISE(ABORT, 'a job of this kind cannot have this status'); END;"
    "CREATE TRIGGER job_moves BEFORE UPDATE OF kind, status ON job "
    "WHEN NEW.kind <> OLD.kind OR (NEW.status <> OLD.status AND NOT EXISTS (SELECT 1 FROM job_transition AS t "
    "WHERE t.kind = OLD.kind AND t.status = OLD.status AND t.next = NEW.status)) "
    "BEGIN SELECT RAISE(ABORT, 'a job of this kind cannot go from its status to this one'); END;"
    "CREATE TRIGGER job_fenced BEFORE UPDATE OF fence ON job WHEN NEW.fence < OLD.fence "
    "BEGIN SELECT RAISE(ABORT, 'a fence never goes back'); END;"
    "CREATE TRIGGER job_phase_first AFTER INSERT ON job "
    "BEGIN UPDATE job SET phase = " PHASE_OF " WHERE sequence = NEW.sequence; END;"
    "CREATE TRIGGER job_phase_next AFTER UPDATE OF status ON job WHEN NEW.status <> OLD.status "
    "BEGIN UPDATE job SET phase = " PHASE_OF " WHERE sequence = NEW.sequence; END",
    "CREATE INDEX job_kind ON job (kind, sequence)",
};
_Static_assert(JOB_WAITING == 0 && JOB_STOPPING == 2 && JOB_ENDED == 3, "numbers of phases stand in the statements");

#define LIST_WHERE(tenant)                                                                                       \
    "SELECT " JOB_COLUMNS " FROM job WHERE kind = ?8 AND " tenant " AND (?2 = '' OR instr(name, ?2) > 0) "       \
    "AND (?3 = '' OR status = ?3) AND submit_us >= ?4 AND (?5 = 0 OR submit_us <= ?5) "

#define LIST_UP "AND sequence > ?6 ORDER BY sequence LIMIT ?7"
#define LIST_DOWN "AND (?6 = 0 OR sequence < ?6) ORDER BY sequence DESC LIMIT ?7"

static const char *const texts[QUERIES] = {
    [QUERY_BY_TOKEN] = "SELECT id, request FROM job WHERE kind = ? AND tenant = ? AND token = ? AND token <> ''",
    [QUERY_BY_NAME] = "SELECT id FROM job WHERE kind = ? AND tenant = ? AND region = ? AND name = ?",
    [QUERY_COUNT] = "SELECT count(*) FROM job WHERE kind = ? AND tenant = ? AND subject = ? AND phase < 3",
    [QUERY_INSERT] = "INSERT INTO job (id, kind, tenant, account, region, name, token, subject, request, terms, "
                     "progress, status, message, submit_us, modified_us, end_us, expires_us) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '', ?13, ?13, 0, ?14)",
    [QUERY_GET] = "SELECT " JOB_COLUMNS " FROM job WHERE id = ?1 AND (?4 OR tenant = ?2) AND kind = ?3",
    [QUERY_LIST_UP] = LIST_WHERE("tenant = ?1") LIST_UP,
    [QUERY_LIST_DOWN] = LIST_WHERE("tenant = ?1") LIST_DOWN,
    [QUERY_LIST_ALL_UP] = LIST_WHERE("?1 IS NOT NULL") LIST_UP,
    [QUERY_LIST_ALL_DOWN] = LIST_WHERE("?1 IS NOT NULL") LIST_DOWN,
    [QUERY_STOP] = "UPDATE job SET status = s.status, modified_us = ?4 FROM job_status AS s, job_transition AS t "
                   "WHERE job.id = ?1 AND job.tenant = ?2 AND job.kind = ?3 AND s.kind = job.kind AND s.phase = 2 "
                   "AND t.kind = job.kind AND t.status = job.status AND t.next = s.status",
    [QUERY_DELETE] = "DELETE FROM job WHERE id = ?1 AND tenant = ?2 AND kind = ?3 AND phase = 3",
    [QUERY_DELETE_TAGS] = "DELETE FROM job_tag WHERE job = ?1 AND NOT EXISTS (SELECT 1 FROM job WHERE id = ?1)",
    [QUERY_LIVE] = "SELECT 1 FROM job WHERE id = ? AND phase < 3",
    [QUERY_END_LEASES] = "UPDATE job SET owner = NULL WHERE kind = ? AND owner IS NOT NULL",
    [QUERY_PICK] = "SELECT " JOB_COLUMNS ", fence FROM job AS j WHERE kind = ?4 AND phase < 3 AND (owner IS NULL OR "
                   "(owner <> ?1 AND lease_until_us < ?2)) AND (?3 OR phase = 2) "
                   "ORDER BY phase = 2 DESC, (SELECT count(*) FROM job AS o WHERE o.kind = j.kind AND o.phase < 3 "
                   "AND o.tenant = j.tenant AND o.owner IS NOT NULL), sequence LIMIT 1",
    [QUERY_CLAIM] = "UPDATE job SET owner = ?2, lease_until_us = ?3, fence = fence + 1 WHERE id = ?1",
    [QUERY_RENEW] = "UPDATE job SET lease_until_us = ?2 WHERE owner = ?1 AND phase < 3",
    [QUERY_GIVE_BACK] = "UPDATE job SET owner = NULL WHERE id = ? AND fence = ?",
    [QUERY_MOVE] = "UPDATE job SET status = ?4, message = ?5, progress = ?6, modified_us = ?7, end_us = ?8, "
                   "owner = CASE WHEN ?9 THEN NULL ELSE owner END WHERE id = ?1 AND fence = ?2 AND status = ?3 "
                   "RETURNING 1",
    [QUERY_NOTE] = "UPDATE job SET message = ?3, progress = ?4, modified_us = ?5 WHERE id = ?1 AND fence = ?2 "
                   "RETURNING 1",
    [QUERY_STATUS] = "SELECT status FROM job WHERE id = ? AND fence = ?",
    [QUERY_EXPIRE] = "UPDATE job SET status = ?2, message = ?3, modified_us = ?4, end_us = ?4 WHERE kind = ?1 "
                     "AND phase = 0 AND owner IS NULL AND expires_us > 0 AND expires_us <= ?4",
    [QUERY_TAGS] = "SELECT key, value FROM job_tag WHERE job = ? ORDER BY key",
    [QUERY_TAG] = "INSERT INTO job_tag (job, key, value) VALUES (?, ?, ?) "
                  "ON CONFLICT (job, key) DO UPDATE SET value = excluded.value",
    [QUERY_UNTAG] = "DELETE FROM job_tag WHERE job = ? AND key = ?",
};

/* --- kinds ------------------------------------------------------------------------------------------- */

static enum error_code run_with(struct sql *sql, const char *text, const struct str *values, size_t count,
                                int64_t number, struct error *error)
{
    struct sql_statement *statement;
    enum error_code code = sql_prepare(sql, text, &statement, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < count; i++)
        sql_bind_text(statement, (int)i + 1, values[i]);
    if (number >= 0)
        sql_bind_int(statement, (int)count + 1, number);
    code = sql_run(statement, error);
    sql_free(statement);
    return code;
}

static enum error_code write_status(struct sql *sql, const struct job_kind *kind, const struct job_status *status,
                                    struct error *error)
{
    const struct str names[] = {str_of(kind->name), str_of(status->name)};
    enum error_code code = run_with(sql, "INSERT INTO job_status VALUES (?, ?, ?)", names, 2, (int64_t)status->phase,
                                    error);
    for (size_t i = 0; i < kind->status_count && code == OK; i++) {
        const struct str step[] = {names[0], names[1], str_of(kind->statuses[i].name)};
        if (status->next & JOB_TO(i))
            code = run_with(sql, "INSERT INTO job_transition VALUES (?, ?, ?)", step, 3, -1, error);
    }
    return code;
}

/* What this program knows of a kind goes before what another one wrote. */
static enum error_code write_kind(struct sql *sql, const struct job_kind *kind, struct error *error)
{
    const struct str name = str_of(kind->name);
    enum error_code code = run_with(sql, "DELETE FROM job_status WHERE kind = ?", &name, 1, -1, error);
    if (code == OK)
        code = run_with(sql, "DELETE FROM job_transition WHERE kind = ?", &name, 1, -1, error);
    for (size_t i = 0; i < kind->status_count && code == OK; i++)
        code = write_status(sql, kind, &kind->statuses[i], error);
    return code;
}

static void check_kind(const struct job_kind *kind)
{
    size_t stopping = 0;
    assert(kind->status_count > 0 && kind->status_count <= JOB_STATUSES_MAX);
    assert(kind->statuses[0].phase == JOB_WAITING);
    for (size_t i = 0; i < kind->status_count; i++) {
        const struct job_status *status = &kind->statuses[i];
        stopping += status->phase == JOB_STOPPING;
        assert((status->phase == JOB_ENDED) == (status->next == 0)); /* what has ended stays as it is */
    }
    assert(stopping <= 1);
    (void)stopping;
}

bool job_status_find(const struct job_kind *kind, struct str name, unsigned *status)
{
    for (size_t i = 0; i < kind->status_count; i++) {
        if (!str_eq(name, str_of(kind->statuses[i].name)))
            continue;
        *status = (unsigned)i;
        return true;
    }
    return false;
}

/* --- opening ----------------------------------------------------------------------------------------- */

static enum error_code add_kinds(struct jobs *jobs, const struct job_kind *const *kinds, size_t count,
                                 struct error *error)
{
    enum error_code code = jobs_begin(jobs, error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < count && code == OK; i++) {
        check_kind(kinds[i]);
        code = write_kind(jobs->sql, kinds[i], error);
    }
    code = jobs_end(jobs, code, error);
    for (size_t i = 0; i < count && code == OK; i++)
        if (kinds[i]->steps)
            code = state_migrate(jobs->sql, kinds[i]->name, kinds[i]->steps, kinds[i]->step_count, error);
    return code;
}

static enum error_code prepare(struct jobs *jobs, const char *data, const struct job_kind *const *kinds, size_t count,
                               struct error *error)
{
    enum error_code code = state_open(data, &jobs->sql, error);
    if (code == OK)
        code = state_migrate(jobs->sql, "jobs", steps, sizeof(steps) / sizeof(steps[0]), error);
    if (code == OK)
        code = add_kinds(jobs, kinds, count, error);
    for (size_t i = 0; code == OK && i < QUERIES; i++)
        code = sql_prepare(jobs->sql, texts[i], &jobs->queries[i], error);
    return code;
}

enum error_code jobs_open(const char *data, const struct job_kind *const *kinds, size_t kind_count,
                          struct jobs **jobs, struct error *error)
{
    struct jobs *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    enum error_code code = prepare(made, data, kinds, kind_count, error);
    if (code != OK) {
        jobs_close(made);
        return code;
    }
    *jobs = made;
    return OK;
}

void jobs_close(struct jobs *jobs)
{
    if (!jobs)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(jobs->queries[i]);
    sql_close(jobs->sql);
    pthread_mutex_destroy(&jobs->mutex);
    mem_free(jobs);
}

enum error_code jobs_begin(struct jobs *jobs, struct error *error)
{
    return sql_exec(jobs->sql, "BEGIN IMMEDIATE", error);
}

enum error_code jobs_end(struct jobs *jobs, enum error_code code, struct error *error)
{
    if (code == OK)
        code = sql_exec(jobs->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(jobs->sql);
    return code;
}

/* --- rows -------------------------------------------------------------------------------------------- */

enum error_code jobs_read_row(struct sql_statement *query, const struct job_kind *kind, struct arena *arena,
                              struct job_row *row, struct error *error)
{
    *row = (struct job_row){0};
    struct str id = sql_text(query, 0);
    if (id.len != JOB_ID_LEN || !job_status_find(kind, sql_text(query, 11), &row->status))
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": job '" STR_FMT "' makes no sense", STR_ARG(id));
    memcpy(row->id, id.data, JOB_ID_LEN);
    row->sequence = sql_int(query, 1);
    struct str *const strings[] = {&row->tenant,  &row->account, &row->region, &row->name,    &row->token,
                                   &row->subject, &row->request, &row->terms,  &row->progress};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        if (!arena_str(arena, sql_text(query, 2 + (int)i), strings[i]))
            return error_no_memory(error);
    uint64_t *const times[] = {&row->submit_us, &row->modified_us, &row->end_us, &row->expires_us};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        *times[i] = (uint64_t)sql_int(query, 13 + (int)i);
    return arena_str(arena, sql_text(query, 12), &row->message) ? OK : error_no_memory(error);
}

enum error_code jobs_run_update(struct sql_statement *query, bool *has_row, struct error *error)
{
    enum error_code code = sql_step(query, has_row, error);
    if (code != OK || !*has_row)
        return code;
    return sql_run(query, error);
}
