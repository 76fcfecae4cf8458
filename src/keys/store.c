/* store.c - the tables of keys and budgets, and their statements. See store.h. */
#include "keys/store.h"

#include <stdio.h>

#include "core/limits.h"

static const char *const steps[] = {
    "CREATE TABLE api_key (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, "
    "hash TEXT NOT NULL UNIQUE, hint TEXT NOT NULL, models TEXT NOT NULL, tags TEXT NOT NULL, "
    "requests INTEGER NOT NULL, tokens INTEGER NOT NULL, created_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, "
    "revoked_us INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX api_key_name ON api_key (tenant, name) WHERE revoked_us = 0;"
    "CREATE TABLE key_budget (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, period TEXT NOT NULL, "
    "picodollars INTEGER NOT NULL, alert TEXT NOT NULL, PRIMARY KEY (kind, tenant, name, period)) STRICT;"
    "CREATE TABLE key_revision (revision INTEGER NOT NULL) STRICT;"
    "INSERT INTO key_revision VALUES (0);"
    "CREATE TABLE key_master (secret BLOB NOT NULL) STRICT;"
    "INSERT INTO key_master VALUES (randomblob(32));"
    "CREATE TABLE key_spent (kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, day INTEGER NOT NULL, "
    "cost INTEGER NOT NULL, PRIMARY KEY (kind, name, tenant, day)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE key_through (row INTEGER NOT NULL, mark TEXT NOT NULL) STRICT;"
    "INSERT INTO key_through VALUES (-1, '');"
    "CREATE TABLE key_alert (budget TEXT NOT NULL, first_day INTEGER NOT NULL, percent INTEGER NOT NULL, "
    "PRIMARY KEY (budget, percent)) STRICT, WITHOUT ROWID",
};

enum query {
    QUERY_KEYS,
    QUERY_COUNT,
    QUERY_ADD,
    QUERY_FIND,
    QUERY_REVOKE,
    QUERY_BUDGETS,
    QUERY_BUDGET_COUNT,
    QUERY_SET,
    QUERY_UNSET,
    QUERY_BUMP,
    QUERY_REVISION,
    QUERY_MASTER,
    QUERY_ADD_SPENT,
    QUERY_SPENT,
    QUERY_FORGET,
    QUERY_THROUGH,
    QUERY_SET_THROUGH,
    QUERY_HAS_ALERT,
    QUERY_NOTE_ALERT,
    QUERIES,
};

#define KEY_COLUMNS                                                                                             \
    "id, name, tenant, hash, hint, models, tags, requests, tokens, created_us, expires_us, revoked_us"

static const char *const texts[QUERIES] = {
    [QUERY_KEYS] = "SELECT " KEY_COLUMNS " FROM api_key ORDER BY created_us, id",
    [QUERY_COUNT] = "SELECT count(*), count(*) FILTER (WHERE tenant = ?1 AND name = ?2 AND revoked_us = 0) "
                    "FROM api_key",
    [QUERY_ADD] = "INSERT INTO api_key (" KEY_COLUMNS ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    [QUERY_FIND] = "SELECT " KEY_COLUMNS " FROM api_key WHERE (id = ?1 OR (name = ?1 AND revoked_us = 0)) "
                   "AND tenant = coalesce(?2, tenant) ORDER BY id = ?1 DESC",
    [QUERY_REVOKE] = "UPDATE api_key SET revoked_us = ?2 WHERE id = ?1 AND revoked_us = 0",
    [QUERY_BUDGETS] = "SELECT kind, tenant, name, period, picodollars, alert FROM key_budget "
                      "ORDER BY kind, tenant, name, period",
    [QUERY_BUDGET_COUNT] = "SELECT count(*) FROM key_budget",
    [QUERY_SET] = "INSERT INTO key_budget (kind, tenant, name, period, picodollars, alert) VALUES (?1,?2,?3,?4,?5,?6) "
                  "ON CONFLICT DO UPDATE SET picodollars = ?5, alert = ?6",
    [QUERY_UNSET] = "DELETE FROM key_budget WHERE kind = ?1 AND tenant = ?2 AND name = ?3 AND period = ?4",
    [QUERY_BUMP] = "UPDATE key_revision SET revision = revision + 1",
    [QUERY_REVISION] = "SELECT revision FROM key_revision",
    [QUERY_MASTER] = "SELECT secret FROM key_master",
    [QUERY_ADD_SPENT] = "INSERT INTO key_spent (kind, tenant, name, day, cost) VALUES (?1,?2,?3,?4,?5) "
                        "ON CONFLICT DO UPDATE SET cost = min(cost, 9223372036854775807 - ?5) + ?5",
    [QUERY_SPENT] = "SELECT cost FROM key_spent WHERE kind = ?1 AND tenant = ?2 AND name = ?3 AND day >= ?4 "
                    "AND day < ?5",
    [QUERY_FORGET] = "DELETE FROM key_spent WHERE day < ?",
    [QUERY_THROUGH] = "SELECT row, mark FROM key_through",
    [QUERY_SET_THROUGH] = "UPDATE key_through SET row = ?1, mark = ?2",
    [QUERY_HAS_ALERT] = "SELECT 1 FROM key_alert WHERE budget = ?1 AND first_day = ?2 AND percent = ?3",
    [QUERY_NOTE_ALERT] = "INSERT INTO key_alert (budget, first_day, percent) VALUES (?1, ?2, ?3) "
                         "ON CONFLICT DO UPDATE SET first_day = ?2",
};

struct key_store {
    struct sql *sql;
    struct sql_statement *queries[QUERIES];
};

/* --- opening ---------------------------------------------------------------------------------------- */

enum error_code key_store_open(const char *data, struct key_store **store, struct error *error)
{
    static const struct state_room room = {
        .name = "keys",
        .steps = steps,
        .texts = texts,
        .step_count = sizeof(steps) / sizeof(steps[0]),
        .text_count = QUERIES,
    };
    struct key_store *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    const enum error_code code = state_open_room(data, &room, &made->sql, made->queries, error);
    if (code != OK) {
        key_store_close(made);
        return code;
    }
    *store = made;
    return OK;
}

void key_store_close(struct key_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        sql_free(store->queries[i]);
    sql_close(store->sql);
    mem_free(store);
}

/* --- transactions ----------------------------------------------------------------------------------- */

enum error_code key_store_begin(struct key_store *store, struct error *error)
{
    return sql_exec(store->sql, "BEGIN IMMEDIATE", error);
}

enum error_code key_store_end(struct key_store *store, enum error_code code, struct error *error)
{
    if (code == OK)
        code = sql_exec(store->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(store->sql);
    return code;
}

/* The one row that a statement gives, if it gives one; sql_reset has to follow. */
static enum error_code first_row(struct sql_statement *query, bool *has_row, struct error *error)
{
    *has_row = false;
    return sql_step(query, has_row, error);
}

static enum error_code bump(struct key_store *store, struct error *error)
{
    return sql_run(store->queries[QUERY_BUMP], error);
}

enum error_code key_store_revision(struct key_store *store, int64_t *revision, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_REVISION];
    bool has_row;
    const enum error_code code = first_row(query, &has_row, error);
    *revision = has_row ? sql_int(query, 0) : 0;
    sql_reset(query);
    return code;
}

enum error_code key_store_master(struct key_store *store, uint8_t master[KEY_MASTER_LEN], struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_MASTER];
    bool has_row;
    enum error_code code = first_row(query, &has_row, error);
    const struct str secret = has_row ? sql_blob(query, 0) : STR("");
    if (code == OK && secret.len != KEY_MASTER_LEN)
        code = error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": the secret of virtual keys is not there");
    if (code == OK)
        memcpy(master, secret.data, KEY_MASTER_LEN);
    sql_reset(query);
    return code;
}

/* --- keys ------------------------------------------------------------------------------------------- */

static bool read_key(struct sql_statement *query, struct arena *arena, struct key_row *key)
{
    struct str *const strings[] = {&key->id,   &key->name,   &key->tenant, &key->hash,
                                   &key->hint, &key->models, &key->tags};
    uint64_t *const numbers[] = {&key->requests, &key->tokens, &key->created_us, &key->expires_us, &key->revoked_us};
    bool is_copied = true;
    for (int i = 0; i < 7; i++)
        is_copied = is_copied && arena_str(arena, sql_text(query, i), strings[i]);
    for (int i = 0; i < 5; i++)
        *numbers[i] = (uint64_t)sql_int(query, 7 + i);
    return is_copied;
}

/* Rows of `size` bytes each, one after the other, as `read` makes them. */
static enum error_code read_rows(struct sql_statement *query, struct arena *arena, size_t size,
                                 bool (*read)(struct sql_statement *query, struct arena *arena, void *row),
                                 void **rows, size_t *count, struct error *error)
{
    size_t cap = 0;
    bool has_row = true;
    char *items = NULL;
    enum error_code code = OK;
    *count = 0;
    while ((code = sql_step(query, &has_row, error)) == OK && has_row) {
        if (*count == cap) { /* the arena keeps what was outgrown: as much again at most */
            cap = cap ? 2 * cap : 64;
            char *more = arena_array(arena, cap, size);
            if (more && *count > 0)
                memcpy(more, items, *count * size);
            items = more;
        }
        if (!items || !read(query, arena, items + *count * size)) {
            code = error_no_memory(error);
            break;
        }
        ++*count;
    }
    sql_reset(query);
    *rows = items;
    return code;
}

static bool read_key_row(struct sql_statement *query, struct arena *arena, void *row)
{
    return read_key(query, arena, row);
}

enum error_code key_store_keys(struct key_store *store, struct arena *arena, struct key_row **rows, size_t *count,
                               struct error *error)
{
    void *items = NULL;
    const enum error_code code =
        read_rows(store->queries[QUERY_KEYS], arena, sizeof(**rows), read_key_row, &items, count, error);
    *rows = items;
    return code;
}

static enum error_code check_room(struct key_store *store, const struct key_row *key, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_COUNT];
    bool has_row;
    sql_bind_text(query, 1, key->tenant);
    sql_bind_text(query, 2, key->name);
    enum error_code code = first_row(query, &has_row, error);
    if (code == OK && has_row && sql_int(query, 0) >= LIMIT_KEYS)
        code = error_set(error, ERROR_QUOTA, "There are %d virtual keys already, the most there may be.", LIMIT_KEYS);
    else if (code == OK && has_row && sql_int(query, 1) > 0)
        code = error_set(error, ERROR_CONFLICT,
                         "name: tenant " STR_FMT " has a key '" STR_FMT "' already; revoke it, or choose another name",
                         STR_ARG(key->tenant), STR_ARG(key->name));
    sql_reset(query);
    return code;
}

static enum error_code insert_key(struct key_store *store, const struct key_row *key, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_ADD];
    const struct str strings[] = {key->id, key->name, key->tenant, key->hash, key->hint, key->models, key->tags};
    const uint64_t numbers[] = {key->requests, key->tokens, key->created_us, key->expires_us, key->revoked_us};
    for (int i = 0; i < 7; i++)
        sql_bind_text(query, i + 1, strings[i]);
    for (int i = 0; i < 5; i++)
        sql_bind_int(query, i + 8, (int64_t)numbers[i]);
    return sql_run(query, error);
}

static void bind_budget(struct sql_statement *query, const struct budget_row *budget)
{
    sql_bind_text(query, 1, str_of(subject_kind_names[budget->subject.kind]));
    sql_bind_text(query, 2, budget->subject.tenant);
    sql_bind_text(query, 3, budget->subject.name);
    sql_bind_text(query, 4, str_of(budget_period_names[budget->period]));
}

static enum error_code set_budgets(struct key_store *store, const struct budget_row *budgets, size_t count,
                                   struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < count; i++) {
        struct sql_statement *query = store->queries[budgets[i].limit ? QUERY_SET : QUERY_UNSET];
        bind_budget(query, &budgets[i]);
        if (budgets[i].limit) {
            sql_bind_int(query, 5, (int64_t)budgets[i].limit);
            sql_bind_text(query, 6, budgets[i].alert);
        }
        code = sql_run(query, error);
    }
    struct sql_statement *query = store->queries[QUERY_BUDGET_COUNT];
    bool has_row = false;
    if (code == OK)
        code = first_row(query, &has_row, error);
    if (code == OK && has_row && sql_int(query, 0) > LIMIT_BUDGETS)
        code = error_set(error, ERROR_QUOTA, "There are %d budgets already, the most there may be.", LIMIT_BUDGETS);
    sql_reset(query);
    return code;
}

enum error_code key_store_add(struct key_store *store, const struct key_row *key, const struct budget_row *budgets,
                              size_t budget_count, struct error *error)
{
    enum error_code code = key_store_begin(store, error);
    if (code != OK)
        return code;
    code = check_room(store, key, error);
    if (code == OK)
        code = insert_key(store, key, error);
    if (code == OK)
        code = set_budgets(store, budgets, budget_count, error);
    if (code == OK)
        code = bump(store, error);
    return key_store_end(store, code, error);
}

enum error_code key_store_find(struct key_store *store, struct str name, struct str tenant, struct arena *arena,
                               struct key_row *key, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_FIND];
    bool has_row, has_other = false;
    sql_bind_text(query, 1, name);
    if (tenant.data)
        sql_bind_text(query, 2, tenant);
    else
        sql_bind_null(query, 2);
    enum error_code code = first_row(query, &has_row, error);
    if (code == OK && !has_row)
        code = error_set(error, ERROR_NOT_FOUND, "There is no key '" STR_FMT "'; `fulcrum keys list` says which are.",
                         STR_ARG(str_slice(name, 0, 128)));
    if (code == OK && !read_key(query, arena, key))
        code = error_no_memory(error);
    if (code == OK && !str_eq(key->id, name))
        code = sql_step(query, &has_other, error);
    if (code == OK && has_other)
        code = error_set(error, ERROR_CONFLICT, "Several tenants have a key '" STR_FMT "': name its ID or the tenant.",
                         STR_ARG(name));
    sql_reset(query);
    return code;
}

enum error_code key_store_revoke(struct key_store *store, struct str id, uint64_t now_us, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_REVOKE];
    enum error_code code = key_store_begin(store, error);
    if (code != OK)
        return code;
    sql_bind_text(query, 1, id);
    sql_bind_int(query, 2, (int64_t)now_us);
    code = sql_run(query, error);
    if (code == OK)
        code = bump(store, error);
    return key_store_end(store, code, error);
}

/* --- budgets ---------------------------------------------------------------------------------------- */

/* Words that a later program wrote are passed over by their caller: kind SUBJECT_KINDS. */
static bool read_budget(struct sql_statement *query, struct arena *arena, void *row)
{
    struct budget_row *budget = row;
    *budget = (struct budget_row){.subject.kind = SUBJECT_KINDS};
    if (!budget_period_find(sql_text(query, 3), &budget->period) ||
        !subject_kind_find(sql_text(query, 0), &budget->subject.kind))
        budget->subject.kind = SUBJECT_KINDS;
    budget->limit = (uint64_t)sql_int(query, 4);
    return arena_str(arena, sql_text(query, 1), &budget->subject.tenant) &&
           arena_str(arena, sql_text(query, 2), &budget->subject.name) &&
           arena_str(arena, sql_text(query, 5), &budget->alert);
}

enum error_code key_store_budgets(struct key_store *store, struct arena *arena, struct budget_row **rows,
                                  size_t *count, struct error *error)
{
    void *items = NULL;
    size_t kept = 0;
    const enum error_code code =
        read_rows(store->queries[QUERY_BUDGETS], arena, sizeof(**rows), read_budget, &items, count, error);
    *rows = items;
    for (size_t i = 0; code == OK && i < *count; i++)
        if ((*rows)[i].subject.kind != SUBJECT_KINDS)
            (*rows)[kept++] = (*rows)[i];
    *count = kept;
    return code;
}

enum error_code key_store_set_budgets(struct key_store *store, const struct budget_row *budgets, size_t count,
                                      struct error *error)
{
    enum error_code code = key_store_begin(store, error);
    if (code != OK)
        return code;
    code = set_budgets(store, budgets, count, error);
    if (code == OK)
        code = bump(store, error);
    return key_store_end(store, code, error);
}

/* --- what was spent --------------------------------------------------------------------------------- */

static void bind_subject(struct sql_statement *query, const struct subject *subject)
{
    sql_bind_text(query, 1, str_of(subject_kind_names[subject->kind]));
    sql_bind_text(query, 2, subject->tenant);
    sql_bind_text(query, 3, subject->name);
}

enum error_code key_store_add_spent(struct key_store *store, const struct subject *subject, uint32_t day, uint64_t cost,
                                    struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_ADD_SPENT];
    bind_subject(query, subject);
    sql_bind_int(query, 4, day);
    sql_bind_int(query, 5, cost > INT64_MAX ? INT64_MAX : (int64_t)cost);
    return sql_run(query, error);
}

enum error_code key_store_spent(struct key_store *store, const struct subject *subject, const struct window *window,
                                ledger_sum *spent, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_SPENT];
    bool has_row = true;
    enum error_code code;
    *spent = 0;
    bind_subject(query, subject);
    sql_bind_int(query, 4, window->first_day);
    sql_bind_int(query, 5, window->end_day);
    while ((code = sql_step(query, &has_row, error)) == OK && has_row)
        *spent += sql_int(query, 0);
    sql_reset(query);
    return code;
}

enum error_code key_store_forget_spent(struct key_store *store, uint32_t before_day, struct error *error)
{
    sql_bind_int(store->queries[QUERY_FORGET], 1, before_day);
    return sql_run(store->queries[QUERY_FORGET], error);
}

enum error_code key_store_clear_spent(struct key_store *store, struct error *error)
{
    return sql_exec(store->sql, "DELETE FROM key_spent", error);
}

enum error_code key_store_through(struct key_store *store, int64_t *row, char *mark, size_t mark_size,
                                  struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_THROUGH];
    bool has_row;
    const enum error_code code = first_row(query, &has_row, error);
    *row = has_row ? sql_int(query, 0) : -1;
    (void)snprintf(mark, mark_size, STR_FMT, STR_ARG(has_row ? sql_text(query, 1) : STR("")));
    sql_reset(query);
    return code;
}

enum error_code key_store_set_through(struct key_store *store, int64_t row, const char *mark, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_SET_THROUGH];
    sql_bind_int(query, 1, row);
    sql_bind_text(query, 2, str_of(mark));
    return sql_run(query, error);
}

/* --- alerts ----------------------------------------------------------------------------------------- */

static void bind_alert(struct sql_statement *query, struct str budget, uint32_t first_day, unsigned percent)
{
    sql_bind_text(query, 1, budget);
    sql_bind_int(query, 2, first_day);
    sql_bind_int(query, 3, percent);
}

enum error_code key_store_has_alert(struct key_store *store, struct str budget, uint32_t first_day, unsigned percent,
                                    bool *was_given, struct error *error)
{
    struct sql_statement *query = store->queries[QUERY_HAS_ALERT];
    bind_alert(query, budget, first_day, percent);
    const enum error_code code = first_row(query, was_given, error);
    sql_reset(query);
    return code;
}

enum error_code key_store_note_alert(struct key_store *store, struct str budget, uint32_t first_day, unsigned percent,
                                     struct error *error)
{
    bind_alert(store->queries[QUERY_NOTE_ALERT], budget, first_day, percent);
    return sql_run(store->queries[QUERY_NOTE_ALERT], error);
}
