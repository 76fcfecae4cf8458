/* tags.c - the labels of jobs. */
#include "jobs/internal.h"

#include <ctype.h>

static enum error_code read_tags(struct jobs *jobs, const char *id, struct arena *arena, struct job_tags *tags,
                                 struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_TAGS];
    bool has_row = true;
    enum error_code code;
    sql_bind_text(query, 1, str_of(id));
    while ((code = sql_step(query, &has_row, error)) == OK && has_row && tags->count < JOB_TAGS_MAX) {
        struct job_tag *tag = &tags->items[tags->count++];
        if (arena_str(arena, sql_text(query, 0), &tag->key) && arena_str(arena, sql_text(query, 1), &tag->value))
            continue;
        code = error_no_memory(error);
        break;
    }
    sql_reset(query);
    return code;
}

enum error_code jobs_tags(struct jobs *jobs, const char *id, struct arena *arena, struct job_tags *tags,
                          struct error *error)
{
    *tags = (struct job_tags){.items = ARENA_ARRAY(arena, struct job_tag, JOB_TAGS_MAX)};
    if (!tags->items)
        return error_no_memory(error);
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = read_tags(jobs, id, arena, tags, error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

static enum error_code check_count(struct jobs *jobs, const struct job_kind *kind, const char *id,
                                   struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_TAGS];
    size_t count = 0;
    bool has_row = true;
    enum error_code code;
    sql_bind_text(query, 1, str_of(id));
    while ((code = sql_step(query, &has_row, error)) == OK && has_row)
        count++;
    if (code == OK && count > JOB_TAGS_MAX)
        code = error_set(error, ERROR_TAGS, "%c%s '%s' would have %zu tags; a resource has at most %d.",
                         toupper((unsigned char)kind->title[0]), kind->title + 1, id, count, JOB_TAGS_MAX);
    return code;
}

enum error_code jobs_put_tags(struct jobs *jobs, const struct job_kind *kind, const char *id,
                              const struct job_tags *tags, struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_TAG];
    for (size_t i = 0; i < tags->count; i++) {
        sql_bind_text(query, 1, str_of(id));
        sql_bind_text(query, 2, tags->items[i].key);
        sql_bind_text(query, 3, tags->items[i].value);
        if (sql_run(query, error) != OK)
            return error->code;
    }
    return check_count(jobs, kind, id, error);
}

enum error_code jobs_tag(struct jobs *jobs, const struct job_kind *kind, const char *id, const struct job_tags *tags,
                         struct error *error)
{
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = jobs_begin(jobs, error);
    if (code == OK)
        code = jobs_end(jobs, jobs_put_tags(jobs, kind, id, tags, error), error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}

static enum error_code drop_tags(struct jobs *jobs, const char *id, const struct str *keys, size_t count,
                                 struct error *error)
{
    struct sql_statement *query = jobs->queries[QUERY_UNTAG];
    for (size_t i = 0; i < count; i++) {
        sql_bind_text(query, 1, str_of(id));
        sql_bind_text(query, 2, keys[i]);
        if (sql_run(query, error) != OK)
            return error->code;
    }
    return OK;
}

enum error_code jobs_untag(struct jobs *jobs, const char *id, const struct str *keys, size_t count,
                           struct error *error)
{
    pthread_mutex_lock(&jobs->mutex);
    enum error_code code = jobs_begin(jobs, error);
    if (code == OK)
        code = jobs_end(jobs, drop_tags(jobs, id, keys, count, error), error);
    pthread_mutex_unlock(&jobs->mutex);
    return code;
}
