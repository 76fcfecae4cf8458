/* evaluations.c - the store of evaluation jobs and the thread that runs them. See evaluations.h; what a job does is
 * course.c's. */
#include "eval/evaluations.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "batch/files.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "eval/course.h"
#include "store/objects.h"

#define THREAD_NICE 10
#define LEASE_US 60000000u
#define RENEW_US 10000000u
#define LOOK_MS 250       /* at running jobs */
#define RETRY_US 5000000u /* after what may pass */
#define TERMS_BYTES_MAX ((size_t)1 << 20)

struct held { /* a job that is ours */
    struct course course;
    uint64_t retry_us;
    bool is_waiting; /* its message says for what */
    struct held *next;
};

struct evaluations {
    struct evaluations_options options;
    struct jobs *jobs;
    char owner[UUID_LEN + 1];
    struct held *first; /* the thread's */
    size_t held_count;
    uint64_t renewed_us;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t wake;
    bool must_look;
    atomic_bool is_closing; /* set with it held, for who waits; read without by who works */
};

/* --- the thread -------------------------------------------------------------------------------------- */

static struct job_lease lease_of(const struct evaluations *evaluations)
{
    const uint64_t now = clock_wall_us();
    return (struct job_lease){str_of(evaluations->owner), now, now + LEASE_US};
}

static void held_free(struct held *held)
{
    arena_deinit(&held->course.arena);
    mem_free(held);
}

static enum error_code note(struct evaluations *evaluations, struct held *held, const char *message,
                            const struct job_move *move, bool *has_moved, struct error *error)
{
    struct buf progress;
    buf_init(&progress, 4096);
    course_append_progress(&progress, &held->course);
    const struct job_note written = {str_of(message), buf_str(&progress), clock_wall_us()};
    const enum error_code code =
        move ? jobs_move(evaluations->jobs, &held->course.claim, move, &written, has_moved, error)
             : jobs_note(evaluations->jobs, &held->course.claim, &written, error);
    buf_deinit(&progress);
    return code;
}

/* True: the job is no longer ours. One that somebody has stopped meanwhile is looked at again. */
static bool end(struct evaluations *evaluations, struct held *held, enum eval_status status, const char *message)
{
    struct error error;
    bool has_moved = false;
    const struct job_move move = {held->course.job.status, status, true};
    const enum error_code code = note(evaluations, held, message, &move, &has_moved, &error);
    if (code != OK && code != ERROR_CONFLICT) {
        held->retry_us = clock_now_us() + RETRY_US;
        return false;
    }
    if (code == OK && !has_moved)
        return false;
    if (code == OK)
        course_sweep(&held->course);
    log_event(LOG_INFO, "an evaluation job has ended", LOG_C("job", held->course.job.id),
              LOG_C("status", eval_job_kind.statuses[status].name), LOG_C("message", message));
    return true;
}

/* As its children were before the step: new ones must be kept before anything else is done. */
static bool has_new_children(const struct course *course, const struct str before[COURSE_CHILDREN])
{
    for (size_t i = 0; i < COURSE_CHILDREN; i++)
        if (!str_eq(course->children[i], before[i]))
            return true;
    return false;
}

static bool look_at_status(struct evaluations *evaluations, struct held *held)
{
    struct error error;
    unsigned status;
    const enum error_code code = jobs_status(evaluations->jobs, &held->course.claim, &status, &error);
    if (code == OK)
        held->course.job.status = (enum eval_status)status;
    return code != ERROR_CONFLICT;
}

/* False: it is not ours any more, or has ended. */
static bool go_on(struct evaluations *evaluations, struct held *held)
{
    struct course *course = &held->course;
    struct str before[COURSE_CHILDREN];
    struct error error;
    bool is_over = false;
    if (!look_at_status(evaluations, held))
        return false;
    if (clock_now_us() < held->retry_us)
        return true;
    memcpy(before, course->children, sizeof(before));
    const bool is_stopping = course->job.status == EVAL_STOPPING;
    const enum error_code code =
        is_stopping ? course_stop(course, &is_over, &error) : course_step(course, &is_over, &error);
    if (code != OK && atomic_load(&evaluations->is_closing))
        return true; /* the next server goes on */
    if (code == OK && is_over)
        return !end(evaluations, held, is_stopping ? EVAL_STOPPED : EVAL_COMPLETED, "");
    if (code != OK && !batch_may_pass(code))
        return !end(evaluations, held, EVAL_FAILED, error.message);
    if (code != OK)
        held->retry_us = clock_now_us() + RETRY_US;
    if (code == OK && !held->is_waiting && !has_new_children(course, before))
        return true;
    struct error ignored;
    held->is_waiting = code != OK;
    return note(evaluations, held, code == OK ? "" : error.message, NULL, NULL, &ignored) != ERROR_CONFLICT;
}

static void go_on_all(struct evaluations *evaluations)
{
    for (struct held **place = &evaluations->first; *place;) {
        struct held *held = *place;
        if (go_on(evaluations, held)) {
            place = &held->next;
            continue;
        }
        *place = held->next;
        evaluations->held_count--;
        held_free(held);
    }
}

static bool claim(struct evaluations *evaluations)
{
    struct job_row row;
    struct error error;
    bool has_job = false;
    struct held *held = mem_calloc(1, sizeof(*held));
    if (!held)
        return false;
    arena_init(&held->course.arena, 0);
    held->course.options = &evaluations->options;
    held->course.is_closing = &evaluations->is_closing;
    const struct job_lease lease = lease_of(evaluations);
    enum error_code code =
        jobs_claim(evaluations->jobs, &eval_job_kind, &lease, evaluations->held_count < limit(eval_running_jobs),
                   &held->course.arena, &row, &held->course.claim, &has_job, &error);
    if (code != OK || !has_job) {
        held_free(held);
        return false;
    }
    code = eval_job_of_row(&row, &held->course.arena, &held->course.job, &error);
    if (code == OK)
        code = course_begin(&held->course, &error);
    if (code != OK) {
        held->course.job.status = (enum eval_status)row.status;
        (void)!end(evaluations, held, EVAL_FAILED, error.message);
        held_free(held);
        return true;
    }
    held->is_waiting = row.message.len > 0; /* since before a server was killed */
    held->next = evaluations->first;
    evaluations->first = held;
    evaluations->held_count++;
    return true;
}

static void renew(struct evaluations *evaluations)
{
    struct error ignored;
    if (!evaluations->first || clock_now_us() - evaluations->renewed_us < RENEW_US)
        return;
    const struct job_lease lease = lease_of(evaluations);
    if (jobs_renew(evaluations->jobs, &lease, &ignored) == OK)
        evaluations->renewed_us = clock_now_us();
}

/* False: it is to end. Without jobs it sleeps until somebody makes one or stops one. */
static bool sleep_a_while(struct evaluations *evaluations)
{
    const struct timespec until = clock_after_ms(LOOK_MS);
    pthread_mutex_lock(&evaluations->mutex);
    int waited = 0;
    while (!atomic_load(&evaluations->is_closing) && !evaluations->must_look && waited != ETIMEDOUT)
        waited = evaluations->first ? pthread_cond_timedwait(&evaluations->wake, &evaluations->mutex, &until)
                                    : pthread_cond_wait(&evaluations->wake, &evaluations->mutex);
    evaluations->must_look = false;
    const bool goes_on = !atomic_load(&evaluations->is_closing);
    pthread_mutex_unlock(&evaluations->mutex);
    return goes_on;
}

static void *run(void *ctx)
{
    struct evaluations *evaluations = ctx;
    (void)setpriority(PRIO_PROCESS, 0, THREAD_NICE); /* this thread alone: nobody waits for scores, requests do */
    do {
        renew(evaluations); /* a long step may have outlived the others' leases: before they are free */
        while (claim(evaluations))
            ;
        go_on_all(evaluations);
    } while (sleep_a_while(evaluations));
    return NULL;
}

/* --- what a crash left ------------------------------------------------------------------------------- */

static void sweep_one(struct evaluations *evaluations, const char *folder, const char *id)
{
    char path[COURSE_PATH_MAX];
    struct error ignored;
    bool is_live = true;
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, id);
    if (strlen(id) != JOB_ID_LEN || len < 0 || (size_t)len >= sizeof(path))
        return;
    if (jobs_is_live(evaluations->jobs, str_of(id), &is_live, &ignored) == OK && !is_live)
        (void)!directory_remove(path, &ignored);
}

/* Directories of jobs that had ended when the server was killed. */
static void sweep(struct evaluations *evaluations)
{
    char folder[COURSE_PATH_MAX];
    const int len = snprintf(folder, sizeof(folder), "%s/" COURSE_DIRECTORY, evaluations->options.data);
    DIR *directory = len > 0 && (size_t)len < sizeof(folder) ? opendir(folder) : NULL;
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));)
        sweep_one(evaluations, folder, entry->d_name);
    closedir(directory);
}

/* --- opening ----------------------------------------------------------------------------------------- */

static void make_locks(struct evaluations *evaluations)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&evaluations->mutex, NULL);
    pthread_cond_init(&evaluations->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum error_code evaluations_open(const struct evaluations_options *options, struct evaluations **evaluations,
                                 struct error *error)
{
    static const struct job_kind *const kinds[] = {&eval_job_kind};
    struct evaluations *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    uuid_v4(made->owner);
    make_locks(made);
    enum error_code code = jobs_open(options->data, kinds, 1, &made->jobs, error);
    if (code == OK)
        code = jobs_end_leases(made->jobs, &eval_job_kind, error);
    if (code == OK)
        sweep(made);
    if (code == OK && pthread_create(&made->thread, NULL, run, made) != 0)
        code = error_set(error, ERROR_INTERNAL, "no thread for evaluation jobs");
    made->has_thread = code == OK;
    if (code != OK) {
        evaluations_close(made);
        return error_prefix(error, "evaluation jobs");
    }
    *evaluations = made;
    return OK;
}

static void wake(struct evaluations *evaluations, bool is_closing)
{
    pthread_mutex_lock(&evaluations->mutex);
    evaluations->must_look = true;
    if (is_closing)
        atomic_store(&evaluations->is_closing, true);
    pthread_cond_signal(&evaluations->wake);
    pthread_mutex_unlock(&evaluations->mutex);
}

void evaluations_close(struct evaluations *evaluations)
{
    if (!evaluations)
        return;
    if (evaluations->has_thread) {
        wake(evaluations, true);
        objects_interrupt(evaluations->options.objects);
        pthread_join(evaluations->thread, NULL);
    }
    while (evaluations->first) {
        struct held *held = evaluations->first;
        struct error ignored;
        evaluations->first = held->next;
        (void)!jobs_give_back(evaluations->jobs, &held->course.claim, &ignored);
        held_free(held);
    }
    jobs_close(evaluations->jobs);
    pthread_cond_destroy(&evaluations->wake);
    pthread_mutex_destroy(&evaluations->mutex);
    mem_free(evaluations);
}

/* --- for those who ask ------------------------------------------------------------------------------- */

enum error_code evaluations_create(struct evaluations *evaluations, struct eval_job *job, struct error *error)
{
    struct buf terms;
    bool is_new = false;
    random_id(job->id, JOB_ID_LEN);
    job->status = EVAL_IN_PROGRESS;
    job->submit_us = clock_wall_us();
    buf_init(&terms, TERMS_BYTES_MAX);
    enum error_code code = eval_job_append_terms(&terms, job) ? OK : error_no_memory(error);
    struct job_row row = {
        .tenant = job->tenant,
        .account = job->account,
        .region = job->region,
        .name = job->name,
        .token = job->token,
        .subject = job->account,
        .request = job->request,
        .terms = buf_str(&terms),
        .progress = STR("{}"),
        .submit_us = job->submit_us,
    };
    memcpy(row.id, job->id, sizeof(row.id));
    if (code == OK)
        code = jobs_create(evaluations->jobs, &eval_job_kind, &row, &job->tags, limit(eval_jobs), &is_new, error);
    memcpy(job->id, row.id, sizeof(job->id));
    buf_deinit(&terms);
    if (is_new)
        wake(evaluations, false);
    return code;
}

enum error_code evaluations_get(struct evaluations *evaluations, struct str tenant, struct str id, struct arena *arena,
                                struct eval_job *job, struct error *error)
{
    struct job_row row;
    const enum error_code code = jobs_get(evaluations->jobs, &eval_job_kind, tenant, id, arena, &row, error);
    return code == OK ? eval_job_of_row(&row, arena, job, error) : code;
}

enum error_code evaluations_list(struct evaluations *evaluations, const struct job_filter *filter, struct arena *arena,
                                 struct eval_job **list, size_t *count, bool *has_more, struct error *error)
{
    struct job_row *rows;
    enum error_code code = jobs_list(evaluations->jobs, &eval_job_kind, filter, arena, &rows, count, has_more, error);
    *list = ARENA_ARRAY(arena, struct eval_job, *count + 1);
    if (code == OK && !*list)
        code = error_no_memory(error);
    for (size_t i = 0; i < *count && code == OK; i++)
        code = eval_job_of_row(&rows[i], arena, &(*list)[i], error);
    return code;
}

enum error_code evaluations_request_stop(struct evaluations *evaluations, struct str tenant, struct str id,
                                         struct error *error)
{
    const enum error_code code =
        jobs_request_stop(evaluations->jobs, &eval_job_kind, tenant, id, clock_wall_us(), error);
    if (code == OK)
        wake(evaluations, false);
    return code;
}

enum error_code evaluations_delete(struct evaluations *evaluations, struct str tenant, struct str id,
                                   struct error *error)
{
    return jobs_delete(evaluations->jobs, &eval_job_kind, tenant, id, error);
}

enum error_code evaluations_tags(struct evaluations *evaluations, const char *id, struct arena *arena,
                                 struct job_tags *tags, struct error *error)
{
    return jobs_tags(evaluations->jobs, id, arena, tags, error);
}

enum error_code evaluations_tag(struct evaluations *evaluations, const char *id, const struct job_tags *tags,
                                struct error *error)
{
    return jobs_tag(evaluations->jobs, &eval_job_kind, id, tags, error);
}

enum error_code evaluations_untag(struct evaluations *evaluations, const char *id, const struct str *keys, size_t count,
                                  struct error *error)
{
    return jobs_untag(evaluations->jobs, id, keys, count, error);
}

/* --- results ----------------------------------------------------------------------------------------- */

#define SUMMARY_BYTES_MAX ((size_t)1 << 20)

enum error_code evaluations_summary(const struct evaluations *evaluations, const struct eval_job *job,
                                    struct arena *arena, struct str *json, struct error *error)
{
    struct str bucket, prefix;
    struct buf text;
    bool is_whole;
    *json = (struct str){NULL, 0};
    enum error_code code = eval_job_output(job, arena, &bucket, &prefix, error);
    const struct str key = code == OK ? arena_printf(arena, STR_FMT EVAL_SUMMARY, STR_ARG(prefix)) : STR("");
    if (code != OK || job->status != EVAL_COMPLETED)
        return code;
    if (!key.data)
        return error_no_memory(error);
    buf_init(&text, SUMMARY_BYTES_MAX);
    const enum objects_problem problem =
        objects_read(evaluations->options.objects, job->tenant, bucket, key, &text, &is_whole, error);
    if (problem != OBJECTS_OK && problem != OBJECTS_NO_KEY && problem != OBJECTS_NO_BUCKET)
        code = objects_code(problem, error);
    yyjson_doc *doc = NULL;
    struct error ignored;
    const bool is_json = problem == OBJECTS_OK && is_whole && json_parse(buf_str(&text), &doc, &ignored) == OK;
    json_free(doc);
    if (code == OK && is_json && !arena_str(arena, buf_str(&text), json))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}
