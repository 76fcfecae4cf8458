/* series.c - see series.h. */
#include "monitor/series.h"

#include <assert.h>
#include <string.h>

#include "core/limits.h"
#include "monitor/seal.h"
#include "store/migrate.h"
#include "store/sql.h"

#define FORGET_SERIES 200 /* looked at in one transaction */
#define KNOWN_SLOTS 4096u
#define KEY_MAX 4096
#define SEAL_AFTER_S (4 * 3600) /* what may be asked for as recent stays as it is */

static const uint32_t chunk_buckets[SERIES_GRAINS] = {240, 288, 168}; /* four hours, a day, a week */

const uint32_t series_grain_s[SERIES_GRAINS] = {60, 300, 3600};

enum statement {
    FIND,
    COUNT,
    MAKE,
    MARK_METRICS,
    GET_CELL,
    PUT_CELL,
    GET_THROUGH,
    PUT_THROUGH,
    FORGET_CELLS,
    FORGET_SEALED,
    FORGET_SERIES_ROW,
    NEXT_SERIES,
    ENDED,
    PUT_SEALED,
    EACH,
    CELLS,
    SEALED,
    ACTIVE,
    NEXT_TENANT,
    STATEMENTS,
};

/* A series that was found before: most lines are of a few. */
struct known {
    char *key; /* NULL: empty */
    size_t len;
    int64_t id;
    unsigned metrics;
};

struct series_db {
    struct sql *sql;
    struct sql_statement *statements[STATEMENTS];
    struct arena scratch;
    struct buf packed, key, entries;
    struct seal *seal;
    uint64_t keep_s[SERIES_GRAINS];
    int64_t total;        /* series, of all tenants */
    int64_t forgotten;    /* the last series that was looked at */
    struct known known[KNOWN_SLOTS];
};

static const char *const steps[] = {
    [0] = "CREATE TABLE series (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, kind INTEGER NOT NULL, f1 TEXT NOT NULL, "
          "f2 TEXT NOT NULL, f3 TEXT NOT NULL, f4 TEXT NOT NULL, metrics INTEGER NOT NULL, "
          "UNIQUE (tenant, kind, f1, f2, f3, f4)) STRICT;"
          "CREATE TABLE cell (grain INTEGER NOT NULL, series INTEGER NOT NULL, bucket INTEGER NOT NULL, "
          "packed BLOB NOT NULL, PRIMARY KEY (grain, series, bucket)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE sealed (grain INTEGER NOT NULL, series INTEGER NOT NULL, chunk INTEGER NOT NULL, "
          "packed BLOB NOT NULL, PRIMARY KEY (grain, series, chunk)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE through (line INTEGER NOT NULL, mark TEXT NOT NULL) STRICT;"
          "INSERT INTO through VALUES (0, '');",
};
static const struct migration migration = {.room = NULL, .steps = steps, .step_count = 1};

static const char *const texts[STATEMENTS] = {
    [FIND] = "SELECT id, metrics FROM series WHERE tenant = ? AND kind = ? AND f1 = ? AND f2 = ? AND f3 = ? AND f4 = ?",
    [COUNT] = "SELECT count(*) FROM series WHERE tenant = ? AND kind = ?",
    [MAKE] = "INSERT INTO series (tenant, kind, f1, f2, f3, f4, metrics) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    [MARK_METRICS] = "UPDATE series SET metrics = metrics | ?2 WHERE id = ?1",
    [GET_CELL] = "SELECT packed FROM cell WHERE grain = ? AND series = ? AND bucket = ?",
    [PUT_CELL] = "INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?)",
    [GET_THROUGH] = "SELECT line, mark FROM through",
    [PUT_THROUGH] = "UPDATE through SET line = ?, mark = ?",
    [FORGET_CELLS] = "DELETE FROM cell WHERE grain = ? AND series = ? AND bucket < ?",
    [FORGET_SEALED] = "DELETE FROM sealed WHERE grain = ? AND series = ? AND chunk < ?",
    [FORGET_SERIES_ROW] = ("DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM cell WHERE grain = 2 AND "
                           "series = ?1) AND NOT EXISTS (SELECT 1 FROM sealed WHERE grain = 2 AND series = ?1) "
                           "RETURNING id"),
    [NEXT_SERIES] = "SELECT min(id) FROM series WHERE id > ?",
    [ENDED] = "SELECT bucket, packed FROM cell WHERE grain = ? AND series = ? AND bucket < ? ORDER BY bucket",
    [PUT_SEALED] = "INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?)",
    [EACH] = ("SELECT id, kind, metrics, f1, f2, f3, f4 FROM series WHERE tenant = ?1 AND (?2 < 0 OR kind = ?2) AND "
              "(?3 IS NULL OR f1 = ?3) AND (?4 IS NULL OR f2 = ?4) AND (?5 IS NULL OR f3 = ?5) "
              "ORDER BY kind, f1, f2, f3, f4"),
    [CELLS] = ("SELECT bucket, packed FROM cell WHERE grain = ? AND series = ? AND bucket >= ? AND bucket < ? "
               "ORDER BY bucket"),
    [SEALED] = "SELECT chunk, packed FROM sealed WHERE grain = ? AND series = ? AND chunk >= ? AND chunk <= ?",
    [ACTIVE] = "SELECT 1 FROM cell WHERE grain = ? AND series = ? AND bucket >= ? LIMIT 1",
    [NEXT_TENANT] = "SELECT tenant FROM series WHERE tenant > ? ORDER BY tenant LIMIT 1",
};

/* --- opening ---------------------------------------------------------------------------------------- */

static bool is_of_writer(enum statement statement)
{
    return statement <= PUT_SEALED;
}

static enum error_code prepare(struct series_db *db, bool is_writer, struct error *error)
{
    enum error_code code = is_writer ? migrate(db->sql, &migration, error) : OK;
    for (int i = 0; i < STATEMENTS && code == OK; i++)
        if (is_writer || !is_of_writer((enum statement)i))
            code = sql_prepare(db->sql, texts[i], &db->statements[i], error);
    if (code == OK && is_writer)
        code = sql_number(db->sql, "SELECT count(*) FROM series", &db->total, error);
    return code;
}

enum error_code series_db_open(const char *path, bool is_writer, const uint64_t keep_s[SERIES_GRAINS],
                               struct series_db **db, struct error *error)
{
    struct series_db *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    arena_init(&made->scratch, 0);
    buf_init(&made->packed, CELL_ROW_MAX);
    buf_init(&made->key, KEY_MAX);
    buf_init(&made->entries, SEAL_BYTES_MAX);
    memcpy(made->keep_s, keep_s, sizeof(made->keep_s));
    enum error_code code = seal_new(&made->seal, error);
    if (code == OK)
        code = sql_open(path, is_writer ? SQL_WRITE : SQL_READ, &made->sql, error);
    if (code == OK)
        code = prepare(made, is_writer, error);
    if (code != OK) {
        series_db_close(made);
        return code;
    }
    *db = made;
    return OK;
}

static void forget_known(struct series_db *db)
{
    for (size_t i = 0; i < KNOWN_SLOTS; i++) {
        mem_free(db->known[i].key);
        db->known[i] = (struct known){0};
    }
}

void series_db_close(struct series_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sql_free(db->statements[i]);
    sql_close(db->sql);
    forget_known(db);
    buf_deinit(&db->packed);
    buf_deinit(&db->key);
    buf_deinit(&db->entries);
    seal_free(db->seal);
    arena_deinit(&db->scratch);
    mem_free(db);
}

/* --- transactions ----------------------------------------------------------------------------------- */

enum error_code series_db_begin(struct series_db *db, struct error *error)
{
    return sql_exec(db->sql, "BEGIN IMMEDIATE", error);
}

enum error_code series_db_commit(struct series_db *db, struct error *error)
{
    return sql_exec(db->sql, "COMMIT", error);
}

/* What was made in it is not known any more. */
void series_db_rollback(struct series_db *db)
{
    struct error ignored;
    sql_rollback(db->sql);
    forget_known(db);
    if (sql_number(db->sql, "SELECT count(*) FROM series", &db->total, &ignored) != OK)
        db->total = 0; /* too many series are the smaller fault */
}

/* --- series ----------------------------------------------------------------------------------------- */

static void bind_key(struct sql_statement *statement, const struct series_key *key)
{
    sql_bind_text(statement, 1, key->tenant);
    sql_bind_int(statement, 2, key->kind);
    for (int i = 0; i < KIND_FIELDS_MAX; i++)
        sql_bind_text(statement, 3 + i, key->fields[i]);
}

static struct known *slot_of(struct series_db *db, const struct series_key *key)
{
    buf_clear(&db->key);
    buf_append_str(&db->key, key->tenant);
    buf_append_char(&db->key, (char)key->kind);
    for (int i = 0; i < KIND_FIELDS_MAX; i++) {
        buf_append_str(&db->key, key->fields[i]);
        buf_append_char(&db->key, '\0');
    }
    return &db->known[str_hash(buf_str(&db->key)) % KNOWN_SLOTS];
}

static bool is_known(const struct series_db *db, const struct known *slot)
{
    return slot->key && !db->key.failed && str_eq((struct str){slot->key, slot->len}, buf_str(&db->key));
}

static void remember(struct series_db *db, struct known *slot, int64_t id, unsigned metrics)
{
    mem_free(slot->key);
    *slot = (struct known){.key = db->key.failed ? NULL : mem_strdup(buf_str(&db->key)), .len = db->key.len, .id = id,
                           .metrics = metrics};
}

static enum error_code check_room(struct series_db *db, const struct series_key *key, struct error *error)
{
    bool has_row = false, has_field = false;
    for (size_t i = 0; i < KIND_FIELDS_MAX; i++)
        has_field = has_field || key->fields[i].len > 0;
    if (db->total >= (int64_t)limit(monitor_series_all))
        return error_set(error, ERROR_QUOTA, "The server has %lld metrics, which is its limit monitor_series_all.",
                         (long long)db->total);
    if (!has_field) /* where what there is no room for is added up */
        return OK;
    sql_bind_text(db->statements[COUNT], 1, key->tenant);
    sql_bind_int(db->statements[COUNT], 2, key->kind);
    const enum error_code code = sql_step(db->statements[COUNT], &has_row, error);
    const int64_t count = code == OK && has_row ? sql_int(db->statements[COUNT], 0) : 0;
    sql_reset(db->statements[COUNT]);
    if (code == OK && count >= (int64_t)limit(monitor_series))
        return error_set(error, ERROR_QUOTA, "There are %lld metrics already, which is the limit monitor_series.",
                         (long long)count);
    return code;
}

static enum error_code make(struct series_db *db, const struct series_key *key, unsigned metrics, int64_t *id,
                            struct error *error)
{
    bool has_row = false;
    enum error_code code = check_room(db, key, error);
    if (code != OK)
        return code;
    bind_key(db->statements[MAKE], key);
    sql_bind_int(db->statements[MAKE], 3 + KIND_FIELDS_MAX, metrics);
    code = sql_step(db->statements[MAKE], &has_row, error);
    *id = code == OK && has_row ? sql_int(db->statements[MAKE], 0) : 0;
    while (code == OK && has_row)
        code = sql_step(db->statements[MAKE], &has_row, error);
    db->total += code == OK;
    return code;
}

static enum error_code find(struct series_db *db, const struct series_key *key, int64_t *id, unsigned *metrics,
                            struct error *error)
{
    bool has_row = false;
    bind_key(db->statements[FIND], key);
    const enum error_code code = sql_step(db->statements[FIND], &has_row, error);
    *id = code == OK && has_row ? sql_int(db->statements[FIND], 0) : 0;
    *metrics = code == OK && has_row ? (unsigned)sql_int(db->statements[FIND], 1) : 0;
    sql_reset(db->statements[FIND]);
    return code;
}

enum error_code series_db_find(struct series_db *db, const struct series_key *key, unsigned metrics, int64_t *id,
                               struct error *error)
{
    unsigned had = 0;
    enum error_code code = OK;
    struct known *slot = slot_of(db, key);
    if (is_known(db, slot)) {
        *id = slot->id;
        had = slot->metrics;
    } else {
        code = find(db, key, id, &had, error);
        if (code == OK && *id == 0) {
            code = make(db, key, metrics, id, error);
            had = metrics;
        }
        if (code == OK)
            remember(db, slot, *id, had);
    }
    if (code != OK || (had & metrics) == metrics)
        return code;
    sql_bind_int(db->statements[MARK_METRICS], 1, *id);
    sql_bind_int(db->statements[MARK_METRICS], 2, metrics);
    slot->metrics |= metrics;
    return sql_run(db->statements[MARK_METRICS], error);
}

/* --- cells ------------------------------------------------------------------------------------------ */

static void bind_cell(struct sql_statement *statement, int grain, int64_t id, uint64_t bucket)
{
    sql_bind_int(statement, 1, grain);
    sql_bind_int(statement, 2, id);
    sql_bind_int(statement, 3, (int64_t)bucket);
}

/* What is there and what comes, as one row. */
static enum error_code fold(struct series_db *db, int grain, int64_t id, uint64_t bucket, const struct cell *cells,
                            size_t count, struct error *error)
{
    struct cell sums[KIND_METRICS_MAX] = {0};
    bool has_row = false, is_good = true;
    struct sql_statement *get = db->statements[GET_CELL], *put = db->statements[PUT_CELL];
    assert(count <= KIND_METRICS_MAX);
    arena_reset(&db->scratch);
    bind_cell(get, grain, id, bucket);
    enum error_code code = sql_step(get, &has_row, error);
    if (code == OK && has_row)
        is_good = cells_unpack(sql_blob(get, 0), sums, count, &db->scratch);
    sql_reset(get);
    for (size_t i = 0; i < count; i++) {
        is_good = is_good && cell_merge(&sums[i], &cells[i], &db->scratch);
        if (sums[i].sketch.is_coarse && grain < SERIES_HOUR)
            cell_forget_sketch(&sums[i]);
    }
    buf_clear(&db->packed);
    cells_pack(&db->packed, sums, count);
    if (code == OK && (!is_good || db->packed.failed))
        return error_set(error, ERROR_INTERNAL, SERIES_DB_FILE ": a row is damaged, or memory is out");
    bind_cell(put, grain, id, bucket);
    sql_bind_blob(put, 4, buf_str(&db->packed));
    return code == OK ? sql_run(put, error) : code;
}

enum error_code series_db_add(struct series_db *db, int64_t id, uint64_t minute, const struct cell *cells, size_t count,
                              uint64_t now_s, struct error *error)
{
    enum error_code code = OK;
    for (int grain = 0; grain < SERIES_GRAINS && code == OK; grain++) {
        const uint64_t bucket = minute * 60 / series_grain_s[grain];
        if ((bucket + 1) * series_grain_s[grain] + db->keep_s[grain] > now_s)
            code = fold(db, grain, id, bucket, cells, count, error);
    }
    return code;
}

/* --- the ledger's place ----------------------------------------------------------------------------- */

enum error_code series_db_through(struct series_db *db, int64_t *row, char mark[SERIES_MARK_MAX], struct error *error)
{
    bool has_row = false;
    struct sql_statement *get = db->statements[GET_THROUGH];
    const enum error_code code = sql_step(get, &has_row, error);
    *row = code == OK && has_row ? sql_int(get, 0) : 0;
    const struct str text = str_slice(code == OK && has_row ? sql_text(get, 1) : STR(""), 0, SERIES_MARK_MAX - 1);
    if (text.len)
        memcpy(mark, text.data, text.len);
    mark[text.len] = '\0';
    sql_reset(get);
    return code;
}

enum error_code series_db_set_through(struct series_db *db, int64_t row, const char *mark, struct error *error)
{
    sql_bind_int(db->statements[PUT_THROUGH], 1, row);
    sql_bind_text(db->statements[PUT_THROUGH], 2, str_of(mark));
    return sql_run(db->statements[PUT_THROUGH], error);
}

/* --- sealing ---------------------------------------------------------------------------------------- */

/* Entries that are there already, into db->entries. */
static enum error_code load_chunk(struct series_db *db, int grain, int64_t id, uint64_t chunk, struct error *error)
{
    bool has_row = false;
    struct str entries = STR("");
    struct sql_statement *get = db->statements[SEALED];
    bind_cell(get, grain, id, chunk);
    sql_bind_int(get, 4, (int64_t)chunk);
    enum error_code code = sql_step(get, &has_row, error);
    if (code == OK && has_row)
        code = seal_unpack(db->seal, sql_blob(get, 1), &entries, error);
    sql_reset(get);
    buf_clear(&db->entries);
    return code != OK || buf_append_str(&db->entries, entries) ? code : error_no_memory(error);
}

static enum error_code store_chunk(struct series_db *db, int grain, int64_t id, uint64_t chunk, struct error *error)
{
    struct str packed;
    struct sql_statement *put = db->statements[PUT_SEALED];
    if (db->entries.failed)
        return error_set(error, ERROR_INTERNAL, SERIES_DB_FILE ": a chunk is too large, or memory is out");
    const enum error_code code = seal_pack(db->seal, buf_str(&db->entries), &packed, error);
    if (code != OK)
        return code;
    bind_cell(put, grain, id, chunk);
    sql_bind_blob(put, 4, packed);
    return sql_run(put, error);
}

/* Rows of chunks that have ended become one row for each. */
static enum error_code seal_ended(struct series_db *db, int grain, int64_t id, uint64_t now_s, struct error *error)
{
    const uint64_t buckets = chunk_buckets[grain], end_s = now_s > SEAL_AFTER_S ? now_s - SEAL_AFTER_S : 0;
    const uint64_t end = end_s / series_grain_s[grain] / buckets * buckets;
    uint64_t chunk = UINT64_MAX;
    struct sql_statement *ended = db->statements[ENDED];
    bool has_row = false;
    enum error_code code;
    bind_cell(ended, grain, id, end);
    while ((code = sql_step(ended, &has_row, error)) == OK && has_row) {
        const uint64_t bucket = (uint64_t)sql_int(ended, 0);
        if (bucket / buckets != chunk) {
            if (chunk != UINT64_MAX)
                code = store_chunk(db, grain, id, chunk, error);
            chunk = bucket / buckets;
            if (code == OK)
                code = load_chunk(db, grain, id, chunk, error);
        }
        if (code != OK)
            break;
        seal_append(&db->entries, (uint16_t)(bucket % buckets), sql_blob(ended, 1));
    }
    sql_reset(ended);
    if (code != OK || chunk == UINT64_MAX)
        return code;
    code = store_chunk(db, grain, id, chunk, error);
    bind_cell(db->statements[FORGET_CELLS], grain, id, end);
    return code == OK ? sql_run(db->statements[FORGET_CELLS], error) : code;
}

/* --- keeping ---------------------------------------------------------------------------------------- */

static enum error_code forget_one(struct series_db *db, int64_t id, uint64_t now_s, struct error *error)
{
    bool has_row = false;
    enum error_code code = OK;
    for (int grain = 0; grain < SERIES_GRAINS && code == OK; grain++) {
        const uint64_t oldest_s = now_s > db->keep_s[grain] ? now_s - db->keep_s[grain] : 0;
        const uint64_t oldest = oldest_s / series_grain_s[grain];
        bind_cell(db->statements[FORGET_CELLS], grain, id, oldest);
        bind_cell(db->statements[FORGET_SEALED], grain, id, oldest / chunk_buckets[grain]);
        code = sql_run(db->statements[FORGET_CELLS], error);
        if (code == OK)
            code = sql_run(db->statements[FORGET_SEALED], error);
        if (code == OK)
            code = seal_ended(db, grain, id, now_s, error);
    }
    sql_bind_int(db->statements[FORGET_SERIES_ROW], 1, id);
    if (code == OK)
        code = sql_step(db->statements[FORGET_SERIES_ROW], &has_row, error);
    if (code != OK || !has_row)
        return code;
    db->total--;
    forget_known(db);
    return sql_run(db->statements[FORGET_SERIES_ROW], error);
}

static enum error_code next_series(struct series_db *db, int64_t *id, struct error *error)
{
    bool has_row = false;
    sql_bind_int(db->statements[NEXT_SERIES], 1, db->forgotten);
    const enum error_code code = sql_step(db->statements[NEXT_SERIES], &has_row, error);
    *id = code == OK && has_row ? sql_int(db->statements[NEXT_SERIES], 0) : 0;
    sql_reset(db->statements[NEXT_SERIES]);
    return code;
}

enum error_code series_db_tend(struct series_db *db, uint64_t now_s, bool *is_done, struct error *error)
{
    int64_t id = 1;
    enum error_code code = series_db_begin(db, error);
    for (int i = 0; i < FORGET_SERIES && code == OK && id > 0; i++) {
        code = next_series(db, &id, error);
        if (code == OK && id > 0)
            code = forget_one(db, id, now_s, error);
        db->forgotten = id;
    }
    if (code == OK)
        code = series_db_commit(db, error);
    if (code != OK)
        series_db_rollback(db);
    *is_done = code != OK || id == 0;
    return code;
}

/* --- reading ---------------------------------------------------------------------------------------- */

enum error_code series_db_each(struct series_db *db, struct str tenant, enum monitor_kind kind,
                               const struct str *fields, size_t field_count,
                               enum error_code (*each)(void *ctx, const struct series_row *row, struct error *error),
                               void *ctx, struct error *error)
{
    struct sql_statement *rows = db->statements[EACH];
    bool has_row = false;
    enum error_code code;
    sql_bind_text(rows, 1, tenant);
    sql_bind_int(rows, 2, kind == KINDS ? -1 : (int64_t)kind);
    for (size_t i = 0; i < 3; i++) {
        if (i < field_count)
            sql_bind_text(rows, 3 + (int)i, fields[i]);
        else
            sql_bind_null(rows, 3 + (int)i);
    }
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        struct series_row row = {.id = sql_int(rows, 0), .kind = (enum monitor_kind)sql_int(rows, 1),
                                 .metrics = (unsigned)sql_int(rows, 2)};
        for (int i = 0; i < KIND_FIELDS_MAX; i++)
            row.fields[i] = sql_text(rows, 3 + i);
        if (row.kind < KINDS) /* a later program may know more */
            code = each(ctx, &row, error);
        if (code != OK)
            break;
    }
    sql_reset(rows);
    return code;
}

/* What a walk over cells is for. */
struct walk {
    enum series_grain grain;
    uint64_t from, to; /* buckets */
    enum error_code (*each)(void *ctx, uint64_t bucket_s, struct str row, struct error *error);
    void *ctx;
};

static enum error_code walk_chunk(const struct walk *walk, uint64_t chunk, struct str entries, struct error *error)
{
    struct str row;
    uint16_t offset;
    while (seal_take(&entries, &offset, &row)) {
        const uint64_t bucket = chunk * chunk_buckets[walk->grain] + offset;
        if (bucket < walk->from || bucket >= walk->to)
            continue;
        const enum error_code code = walk->each(walk->ctx, bucket * series_grain_s[walk->grain], row, error);
        if (code != OK)
            return code;
    }
    return entries.len == 0 ? OK : error_set(error, ERROR_INTERNAL, SERIES_DB_FILE ": a chunk is damaged");
}

static enum error_code walk_sealed(struct series_db *db, int64_t id, const struct walk *walk, struct error *error)
{
    struct sql_statement *rows = db->statements[SEALED];
    const uint32_t buckets = chunk_buckets[walk->grain];
    bool has_row = false;
    enum error_code code;
    bind_cell(rows, (int)walk->grain, id, walk->from / buckets);
    sql_bind_int(rows, 4, (int64_t)(walk->to / buckets));
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        struct str entries;
        code = seal_unpack(db->seal, sql_blob(rows, 1), &entries, error);
        if (code == OK)
            code = walk_chunk(walk, (uint64_t)sql_int(rows, 0), entries, error);
        if (code != OK)
            break;
    }
    sql_reset(rows);
    return code;
}

enum error_code series_db_cells(struct series_db *db, enum series_grain grain, int64_t id, uint64_t from_s,
                                uint64_t to_s,
                                enum error_code (*each)(void *ctx, uint64_t bucket_s, struct str row,
                                                        struct error *error),
                                void *ctx, struct error *error)
{
    struct sql_statement *rows = db->statements[CELLS];
    const uint32_t seconds = series_grain_s[grain];
    const struct walk walk = {grain, (from_s + seconds - 1) / seconds, (to_s + seconds - 1) / seconds, each, ctx};
    bool has_row = false;
    enum error_code code = walk_sealed(db, id, &walk, error);
    if (code != OK)
        return code;
    bind_cell(rows, (int)grain, id, walk.from);
    sql_bind_int(rows, 4, (int64_t)walk.to);
    while ((code = sql_step(rows, &has_row, error)) == OK && has_row) {
        code = each(ctx, (uint64_t)sql_int(rows, 0) * seconds, sql_blob(rows, 1), error);
        if (code != OK)
            break;
    }
    sql_reset(rows);
    return code;
}

enum error_code series_db_is_active(struct series_db *db, int64_t id, uint64_t since_s, bool *is_active,
                                    struct error *error)
{
    bind_cell(db->statements[ACTIVE], SERIES_MINUTE, id, since_s / 60);
    const enum error_code code = sql_step(db->statements[ACTIVE], is_active, error);
    sql_reset(db->statements[ACTIVE]);
    return code;
}

enum error_code series_db_next_tenant(struct series_db *db, struct str beyond, struct arena *arena, struct str *tenant,
                                      struct error *error)
{
    struct sql_statement *next = db->statements[NEXT_TENANT];
    bool has_row = false;
    *tenant = (struct str){NULL, 0};
    sql_bind_text(next, 1, beyond);
    enum error_code code = sql_step(next, &has_row, error);
    if (code == OK && has_row && !arena_str(arena, sql_text(next, 0), tenant))
        code = error_no_memory(error);
    sql_reset(next);
    return code;
}
