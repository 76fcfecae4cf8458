#include "batch/job_db_internal.h"

static enum error_code read_tags(struct job_db *db, const char *id, struct arena *arena, struct batch_tags *tags,
                                 struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_TAGS];
    bool has_row = true;
    enum error_code code;
    sql_bind_text(query, 1, str_of(id));
    while ((code = sql_step(query, &has_row, error)) == OK && has_row && tags->count < BATCH_TAGS_MAX) {
        struct batch_tag *tag = &tags->items[tags->count++];
        if (arena_str(arena, sql_text(query, 0), &tag->key) && arena_str(arena, sql_text(query, 1), &tag->value))
            continue;
        code = error_no_memory(error);
        break;
    }
    sql_reset(query);
    return code;
}

enum error_code job_db_tags(struct job_db *db, const char *id, struct arena *arena, struct batch_tags *tags,
                            struct error *error)
{
    *tags = (struct batch_tags){.items = ARENA_ARRAY(arena, struct batch_tag, BATCH_TAGS_MAX)};
    if (!tags->items)
        return error_no_memory(error);
    pthread_mutex_lock(&db->mutex);
    enum error_code code = read_tags(db, id, arena, tags, error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

static enum error_code check_count(struct job_db *db, const char *id, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_TAGS];
    size_t count = 0;
    bool has_row = true;
    enum error_code code;
    sql_bind_text(query, 1, str_of(id));
    while ((code = sql_step(query, &has_row, error)) == OK && has_row)
        count++;
    if (code == OK && count > BATCH_TAGS_MAX)
        code = error_set(error, ERROR_TAGS, "Batch job '%s' would have %zu tags; a resource has at most %d.", id,
                         count, BATCH_TAGS_MAX);
    return code;
}

enum error_code job_db_put_tags(struct job_db *db, const char *id, const struct batch_tags *tags, struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_TAG];
    for (size_t i = 0; i < tags->count; i++) {
        sql_bind_text(query, 1, str_of(id));
        sql_bind_text(query, 2, tags->items[i].key);
        sql_bind_text(query, 3, tags->items[i].value);
        if (sql_run(query, error) != OK)
            return error->code;
    }
    return check_count(db, id, error);
}

enum error_code job_db_tag(struct job_db *db, const char *id, const struct batch_tags *tags, struct error *error)
{
    pthread_mutex_lock(&db->mutex);
    enum error_code code = sql_exec(db->sql, "BEGIN IMMEDIATE", error);
    if (code == OK)
        code = job_db_end(db, job_db_put_tags(db, id, tags, error), error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}

static enum error_code drop_tags(struct job_db *db, const char *id, const struct str *keys, size_t count,
                                 struct error *error)
{
    struct sql_statement *query = db->queries[QUERY_UNTAG];
    for (size_t i = 0; i < count; i++) {
        sql_bind_text(query, 1, str_of(id));
        sql_bind_text(query, 2, keys[i]);
        if (sql_run(query, error) != OK)
            return error->code;
    }
    return OK;
}

enum error_code job_db_untag(struct job_db *db, const char *id, const struct str *keys, size_t count,
                             struct error *error)
{
    pthread_mutex_lock(&db->mutex);
    enum error_code code = sql_exec(db->sql, "BEGIN IMMEDIATE", error);
    if (code == OK)
        code = job_db_end(db, drop_tags(db, id, keys, count, error), error);
    pthread_mutex_unlock(&db->mutex);
    return code;
}
