/* lease.c - what runners do with jobs: claims, and what is written under one. */
#include "jobs/internal.h"

#include <assert.h>
#include <string.h>

#include "core/util.h"

static enum error_code lost(const struct job_claim *claim, struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "another runner has claimed %s %s", claim->kind->title, claim->id);
}

static void bind_claim(struct sql_statement *query, const struct job_claim *claim)
{
    assert(claim->fence > 0);
    sql_bind_text(query, 1, str_of(claim->id));
    sql_bind_int(query, 2, (int64_t)claim->fence);
}

/* Runs what is bound. */
static enum error_code run(struct jobs *jobs, struct sql_statement *query, struct error *error)
{
    enum error_code code = sql_run(query, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

static struct sql_statement *lock(struct jobs *jobs, enum job_query which)
{
    pthread_mutex_lock(&jobs->mutex);
    return jobs->queries[which];
}

/* --- claims ------------------------------------------------------------------------------------------ */

enum error_code jobs_end_leases(struct jobs *jobs, const struct job_kind *kind, struct error *error)
{
    struct sql_statement *query = lock(jobs, QUERY_END_LEASES);
    sql_bind_text(query, 1, str_of(kind->name));
    return run(jobs, query, error);
}

static enum error_code claim_next(struct jobs *jobs, const struct job_kind *kind, const struct job_lease *lease,
                                  bool takes_new, struct arena *arena, struct job_row *row, struct job_claim *claim,
                                  bool *has_job, struct error *error)
{
    struct sql_statement *pick = jobs->queries[QUERY_PICK], *take = jobs->queries[QUERY_CLAIM];
    sql_bind_text(pick, 1, lease->owner);
    sql_bind_int(pick, 2, (int64_t)lease->now_us);
    sql_bind_int(pick, 3, takes_new);
    sql_bind_text(pick, 4, str_of(kind->name));
    enum error_code code = sql_step(pick, has_job, error);
    if (code != OK || !*has_job)
        return code;
    code = jobs_read_row(pick, kind, arena, row, error);
    *claim = (struct job_claim){.kind = kind, .fence = (uint64_t)sql_int(pick, JOB_COLUMN_COUNT) + 1};
    memcpy(claim->id, row->id, sizeof(claim->id));
    sql_reset(pick);
    if (code != OK)
        return code;
    sql_bind_text(take, 1, str_of(row->id));
    sql_bind_text(take, 2, lease->owner);
    sql_bind_int(take, 3, (int64_t)lease->until_us);
    return sql_run(take, error);
}

enum error_code jobs_claim(struct jobs *jobs, const struct job_kind *kind, const struct job_lease *lease,
                           bool takes_new, struct arena *arena, struct job_row *row, struct job_claim *claim,
                           bool *has_job, struct error *error)
{
    *has_job = false;
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = jobs_begin(jobs, error);
    if (code == OK)
        code = jobs_end(jobs, claim_next(jobs, kind, lease, takes_new, arena, row, claim, has_job, error), error);
    pthread_mutex_unlock(&jobs->mutex);
    *has_job = *has_job && code == OK;
    return code;
}

enum error_code jobs_renew(struct jobs *jobs, const struct job_lease *lease, struct error *error)
{
    struct sql_statement *query = lock(jobs, QUERY_RENEW);
    sql_bind_text(query, 1, lease->owner);
    sql_bind_int(query, 2, (int64_t)lease->until_us);
    return run(jobs, query, error);
}

enum error_code jobs_give_back(struct jobs *jobs, const struct job_claim *claim, struct error *error)
{
    struct sql_statement *query = lock(jobs, QUERY_GIVE_BACK);
    bind_claim(query, claim);
    return run(jobs, query, error);
}

/* --- under a claim ----------------------------------------------------------------------------------- */

static enum error_code read_status(struct jobs *jobs, const struct job_claim *claim, unsigned *status,
                                   struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_STATUS];
    bool has_row;
    bind_claim(query, claim);
    enum error_code code = sql_step(query, &has_row, error);
    if (code != OK)
        return code;
    bool is_known = has_row && job_status_find(claim->kind, sql_text(query, 0), status);
    if (has_row)
        sql_reset(query);
    return is_known ? OK : lost(claim, error);
}

enum error_code jobs_status(struct jobs *jobs, const struct job_claim *claim, unsigned *status, struct error *error)
{
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = read_status(jobs, claim, status, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

enum error_code jobs_note(struct jobs *jobs, const struct job_claim *claim, const struct job_note *note,
                          struct error *error)
{
    bool has_row = false;
    struct sql_statement *query = lock(jobs, QUERY_NOTE);
    bind_claim(query, claim);
    sql_bind_text(query, 3, note->message);
    sql_bind_text(query, 4, note->progress);
    sql_bind_int(query, 5, (int64_t)note->now_us);
    enum error_code code = jobs_run_update(query, &has_row, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code == OK && !has_row ? lost(claim, error) : code;
}

/* What a trigger refuses is no lost claim. */
static enum error_code refused_step(const struct job_claim *claim, const struct job_move *move, struct error *error)
{
    const struct job_status *statuses = claim->kind->statuses;
    return error_set(error, ERROR_INTERNAL, "%s %s cannot go from %s to %s", claim->kind->title, claim->id,
                     statuses[move->from].name, statuses[move->to].name);
}

static enum error_code step(struct jobs *jobs, const struct job_claim *claim, const struct job_move *move,
                            const struct job_note *note, bool *has_moved, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_MOVE];
    const struct job_status *to = &claim->kind->statuses[move->to];
    bind_claim(query, claim);
    sql_bind_text(query, 3, str_of(claim->kind->statuses[move->from].name));
    sql_bind_text(query, 4, str_of(to->name));
    sql_bind_text(query, 5, note->message);
    sql_bind_text(query, 6, note->progress);
    sql_bind_int(query, 7, (int64_t)note->now_us);
    sql_bind_int(query, 8, to->phase == JOB_ENDED ? (int64_t)note->now_us : 0);
    sql_bind_int(query, 9, move->releases);
    return jobs_run_update(query, has_moved, error);
}

enum error_code jobs_move(struct jobs *jobs, const struct job_claim *claim, const struct job_move *move,
                          const struct job_note *note, bool *has_moved, struct error *error)
{
    unsigned now;
    assert(move->from < claim->kind->status_count && move->to < claim->kind->status_count);
    *has_moved = false;
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = step(jobs, claim, move, note, has_moved, error);
    if (code == ERROR_CONFLICT)
        code = refused_step(claim, move, error);
    else if (code == OK && !*has_moved)
        code = read_status(jobs, claim, &now, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

enum error_code jobs_expire(struct jobs *jobs, const struct job_kind *kind, unsigned status, struct str message,
                            uint64_t now_us, struct error *error)
{
    struct sql_statement *query = lock(jobs, QUERY_EXPIRE);
    assert(status < kind->status_count && kind->statuses[status].phase == JOB_ENDED);
    sql_bind_text(query, 1, str_of(kind->name));
    sql_bind_text(query, 2, str_of(kind->statuses[status].name));
    sql_bind_text(query, 3, message);
    sql_bind_int(query, 4, (int64_t)now_us);
    return run(jobs, query, error);
}

enum error_code jobs_put_down(struct jobs *jobs, const struct job_row *row, const struct job_claim *claim,
                              unsigned failed, struct error *error)
{
    bool has_moved;
    const struct error why = *error;
    const struct job_move move = {row->status, failed, true};
    const struct job_note note = {STR("The server cannot read what this job was asked to do; its log says why."),
                                  row->progress, clock_wall_us()};
    const enum error_code code = why.code == ERROR_NO_MEMORY ? jobs_give_back(jobs, claim, error)
                                                             : jobs_move(jobs, claim, &move, &note, &has_moved, error);
    if (code == OK)
        *error = why;
    return error->code;
}
