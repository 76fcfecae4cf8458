/* dashboards.c - see dashboards.h. */
#include "monitor/dashboards.h"

#include <pthread.h>

#include "core/config_values.h"
#include "core/limits.h"
#include "store/state.h"

static const char *const steps[] = {
    "CREATE TABLE dashboard (tenant TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, body TEXT NOT NULL, "
    "tags TEXT NOT NULL, modified_us INTEGER NOT NULL, PRIMARY KEY (tenant, name)) STRICT",
};

enum query { QUERY_PUT, QUERY_GET, QUERY_TAG, QUERY_LIST, QUERY_DELETE, QUERY_COUNT, QUERIES };

static const char *const texts[QUERIES] = {
    [QUERY_PUT] = "INSERT INTO dashboard (tenant, name, account, body, tags, modified_us) VALUES (?1,?2,?3,?4,?5,?6) "
                  "ON CONFLICT (tenant, name) DO UPDATE SET account = ?3, body = ?4, modified_us = ?6, "
                  "tags = CASE WHEN ?5 = '' THEN tags ELSE ?5 END",
    [QUERY_GET] = "SELECT name, account, tags, modified_us, length(CAST(body AS BLOB)), body FROM dashboard "
                  "WHERE tenant = ? AND name = ?",
    [QUERY_TAG] = "UPDATE dashboard SET tags = ? WHERE tenant = ? AND name = ?",
    [QUERY_LIST] = "SELECT name, account, tags, modified_us, length(CAST(body AS BLOB)) FROM dashboard "
                   "WHERE tenant = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3 OFFSET ?4",
    [QUERY_DELETE] = "DELETE FROM dashboard WHERE tenant = ? AND name = ?",
    [QUERY_COUNT] = "SELECT count(*), count(*) FILTER (WHERE tenant = ?1), "
                    "count(*) FILTER (WHERE tenant = ?1 AND name = ?2) FROM dashboard",
};

struct dashboards {
    pthread_mutex_t mutex; /* held by whoever uses the database */
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code prepare(struct dashboards *dashboards, const char *data, struct error *error)
{
    static const struct state_room room = {
        .name = "dashboards",
        .steps = steps,
        .texts = texts,
        .step_count = sizeof(steps) / sizeof(steps[0]),
        .text_count = QUERIES,
    };
    return state_open_room(data, &room, &dashboards->sql, dashboards->queries, error);
}

enum error_code dashboards_open(const char *data, struct dashboards **dashboards, struct error *error)
{
    struct dashboards *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    const enum error_code code = prepare(made, data, error);
    if (code != OK) {
        dashboards_close(made);
        return code;
    }
    *dashboards = made;
    return OK;
}

void dashboards_close(struct dashboards *dashboards)
{
    if (!dashboards)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(dashboards->queries[i]);
    sql_close(dashboards->sql);
    pthread_mutex_destroy(&dashboards->mutex);
    mem_free(dashboards);
}

/* --- changes: the mutex is held --------------------------------------------------------------------- */

static enum error_code not_found(struct str name, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "Dashboard '" STR_FMT "' does not exist.",
                     STR_ARG(str_slice(name, 0, 255)));
}

static enum error_code check_quota(struct dashboards *dashboards, const struct dashboard *dashboard,
                                   struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_COUNT];
    bool has_row = false;
    sql_bind_text(query, 1, dashboard->tenant);
    sql_bind_text(query, 2, dashboard->name);
    enum error_code code = sql_step(query, &has_row, error);
    if (code == OK && has_row && sql_int(query, 2) == 0 &&
        ((uint64_t)sql_int(query, 1) >= LIMIT_DASHBOARDS || (uint64_t)sql_int(query, 0) >= LIMIT_DASHBOARDS_ALL))
        code = error_set(error, ERROR_QUOTA,
                         "There are %lld dashboards already, %lld of them yours; %d and %d are the most. Delete some.",
                         (long long)sql_int(query, 0), (long long)sql_int(query, 1), LIMIT_DASHBOARDS_ALL,
                         LIMIT_DASHBOARDS);
    sql_reset(query);
    return code;
}

static enum error_code put(struct dashboards *dashboards, const struct dashboard *dashboard, struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_PUT];
    const struct str strings[] = {dashboard->tenant, dashboard->name, dashboard->account, dashboard->body,
                                  dashboard->tags.data ? dashboard->tags : STR("")};
    const enum error_code code = check_quota(dashboards, dashboard, error);
    if (code != OK)
        return code;
    for (int i = 0; i < 5; i++)
        sql_bind_text(query, i + 1, strings[i]);
    sql_bind_int(query, 6, (int64_t)dashboard->modified_us);
    return sql_run(query, error);
}

enum error_code dashboards_put(struct dashboards *dashboards, const struct dashboard *dashboard, struct error *error)
{
    if (dashboard->body.len > LIMIT_DASHBOARD_BYTES)
        return error_set(error, ERROR_TOO_LARGE, "DashboardBody has %zu bytes, %d are the most.",
                         dashboard->body.len, LIMIT_DASHBOARD_BYTES);
    pthread_mutex_lock(&dashboards->mutex);
    const enum error_code code = put(dashboards, dashboard, error);
    pthread_mutex_unlock(&dashboards->mutex);
    return code;
}

/* The statement's effect on exactly one row. */
static enum error_code change_one(struct dashboards *dashboards, struct sql_statement *query, struct str name,
                                  struct error *error)
{
    int64_t changed = 0;
    enum error_code code = sql_run(query, error);
    if (code == OK)
        code = sql_number(dashboards->sql, "SELECT changes()", &changed, error);
    return code == OK && changed == 0 ? not_found(name, error) : code;
}

enum error_code dashboards_tag(struct dashboards *dashboards, struct str tenant, struct str name, struct str tags,
                               struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_TAG];
    pthread_mutex_lock(&dashboards->mutex);
    sql_bind_text(query, 1, tags);
    sql_bind_text(query, 2, tenant);
    sql_bind_text(query, 3, name);
    const enum error_code code = change_one(dashboards, query, name, error);
    pthread_mutex_unlock(&dashboards->mutex);
    return code;
}

static enum error_code delete_all(struct dashboards *dashboards, struct str tenant, const struct str *names,
                                  size_t count, struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_DELETE];
    enum error_code code = sql_exec(dashboards->sql, "BEGIN IMMEDIATE", error);
    for (size_t i = 0; code == OK && i < count; i++) {
        sql_bind_text(query, 1, tenant);
        sql_bind_text(query, 2, names[i]);
        code = change_one(dashboards, query, names[i], error);
    }
    if (code == OK)
        code = sql_exec(dashboards->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(dashboards->sql);
    return code;
}

enum error_code dashboards_delete(struct dashboards *dashboards, struct str tenant, const struct str *names,
                                  size_t count, struct error *error)
{
    pthread_mutex_lock(&dashboards->mutex);
    const enum error_code code = delete_all(dashboards, tenant, names, count, error);
    pthread_mutex_unlock(&dashboards->mutex);
    return code;
}

/* --- questions -------------------------------------------------------------------------------------- */

static enum error_code read_row(struct sql_statement *row, struct arena *arena, struct dashboard *dashboard,
                                struct error *error)
{
    dashboard->modified_us = (uint64_t)sql_int(row, 3);
    dashboard->size = (uint64_t)sql_int(row, 4);
    const bool is_kept = arena_str(arena, sql_text(row, 0), &dashboard->name) &&
                         arena_str(arena, sql_text(row, 1), &dashboard->account) &&
                         arena_str(arena, sql_text(row, 2), &dashboard->tags);
    return is_kept ? OK : error_no_memory(error);
}

enum error_code dashboards_get(struct dashboards *dashboards, struct str tenant, struct str name, struct arena *arena,
                               struct dashboard *dashboard, struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_GET];
    bool has_row = false;
    *dashboard = (struct dashboard){.tenant = tenant};
    pthread_mutex_lock(&dashboards->mutex);
    sql_bind_text(query, 1, tenant);
    sql_bind_text(query, 2, name);
    enum error_code code = sql_step(query, &has_row, error);
    if (code == OK)
        code = has_row ? read_row(query, arena, dashboard, error) : not_found(name, error);
    if (code == OK && !arena_str(arena, sql_text(query, 5), &dashboard->body))
        code = error_no_memory(error);
    sql_reset(query);
    pthread_mutex_unlock(&dashboards->mutex);
    return code;
}

enum error_code dashboards_list(struct dashboards *dashboards, struct str tenant, struct str prefix, uint64_t skip,
                                size_t max, struct arena *arena, struct dashboard **found, size_t *count,
                                bool *has_more, struct error *error)
{
    struct sql_statement *query = dashboards->queries[QUERY_LIST];
    bool has_row = true;
    enum error_code code = OK;
    *count = 0;
    *found = ARENA_ARRAY(arena, struct dashboard, max + 1);
    if (!*found)
        return error_no_memory(error);
    pthread_mutex_lock(&dashboards->mutex);
    sql_bind_text(query, 1, tenant);
    sql_bind_text(query, 2, prefix.data ? prefix : STR(""));
    sql_bind_int(query, 3, (int64_t)max + 1);
    sql_bind_int(query, 4, skip < INT64_MAX ? (int64_t)skip : INT64_MAX);
    while (code == OK && (code = sql_step(query, &has_row, error)) == OK && has_row)
        code = read_row(query, arena, &(*found)[(*count)++], error);
    sql_reset(query);
    pthread_mutex_unlock(&dashboards->mutex);
    *has_more = *count > max;
    *count -= *has_more;
    return code;
}

/* --- bodies ----------------------------------------------------------------------------------------- */

bool dashboard_is_name(struct str name)
{
    return name.len > 0 && !memchr(name.data, '\0', name.len) && config_is_made_of(name, "-_", 255);
}

struct checking {
    struct arena *arena;
    struct dashboard_flaw *flaws;
    size_t count;
};

static void note_flaw(struct checking *checking, struct str path, const char *message)
{
    if (checking->count < DASHBOARD_FLAWS_MAX && path.data)
        checking->flaws[checking->count++] = (struct dashboard_flaw){path, str_of(message)};
}

static bool is_known_type(struct str type)
{
    static const char *const types[] = {"metric", "text", "log", "alarm", "explorer", "custom", "heading"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(type, str_of(types[i])))
            return true;
    return false;
}

static void check_place(struct checking *checking, yyjson_val *widget, size_t i)
{
    yyjson_val *x = yyjson_obj_get(widget, "x"), *width = yyjson_obj_get(widget, "width");
    const double end = (x ? yyjson_get_num(x) : 0) + (width ? yyjson_get_num(width) : 6);
    if (end > 24 || yyjson_get_num(x) < 0)
        note_flaw(checking, arena_printf(checking->arena, "/widgets/%zu/x", i),
                  "A dashboard is 24 columns wide; the widget lies outside of them");
}

static void check_widget(struct checking *checking, yyjson_val *widget, size_t i)
{
    if (!yyjson_is_obj(widget)) {
        note_flaw(checking, arena_printf(checking->arena, "/widgets/%zu", i), "A widget must be an object");
        return;
    }
    if (!is_known_type(json_str(yyjson_obj_get(widget, "type"))))
        note_flaw(checking, arena_printf(checking->arena, "/widgets/%zu/type", i),
                  "The type is none of metric, text, log, alarm, explorer, custom and heading");
    if (!yyjson_is_obj(yyjson_obj_get(widget, "properties")))
        note_flaw(checking, arena_printf(checking->arena, "/widgets/%zu/properties", i),
                  "A widget must have properties, an object");
    check_place(checking, widget, i);
}

static void check_body(struct checking *checking, yyjson_val *root)
{
    yyjson_val *widgets = yyjson_obj_get(root, "widgets"), *widget;
    size_t i, max;
    if (!yyjson_is_arr(widgets))
        note_flaw(checking, STR("/widgets"), "The dashboard has no list of widgets");
    json_arr_foreach(widgets, i, max, widget)
        check_widget(checking, widget, i);
}

enum error_code dashboard_check(struct str body, struct arena *arena, struct dashboard_flaw **flaws, size_t *count,
                                struct error *error)
{
    struct checking checking = {.arena = arena,
                                .flaws = ARENA_ARRAY(arena, struct dashboard_flaw, DASHBOARD_FLAWS_MAX)};
    yyjson_doc *doc = NULL;
    if (!checking.flaws)
        return error_no_memory(error);
    enum error_code code = json_parse(body, &doc, error);
    if (code == OK && !yyjson_is_obj(yyjson_doc_get_root(doc)))
        code = error_set(error, ERROR_INVALID, "expected a JSON object, got %s",
                         json_type_name(yyjson_doc_get_root(doc)));
    if (code == OK)
        check_body(&checking, yyjson_doc_get_root(doc));
    json_free(doc);
    *flaws = checking.flaws;
    *count = checking.count;
    return code;
}
