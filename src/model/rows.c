/* rows.c - see rows.h. */
#include "model/rows.h"

#include <assert.h>
#include <stdio.h>

#include "cache/block_store.h"
#include "core/log.h"
#include "store/disk.h"

#define RETRY_MS 1000
#define PATH_BYTES 4096

enum note_kind {
    NOTE_STATE,    /* is to be written into a row */
    NOTE_REMOVED,  /* the row goes */
    NOTE_PREFIXES, /* files of the prefixes that a model has left go */
};

/* What the database and the disk are to be told. */
struct note {
    struct note *next;
    enum note_kind kind;
    int64_t revision;
    enum added_state state;
    char text[ERROR_MESSAGE_MAX]; /* the message; of NOTE_PREFIXES the fingerprint of the model's file */
};

struct rows {
    const char *data;
    uv_loop_t *loop;
    void (*on_read)(void *ctx);
    void *ctx;
    uv_timer_t retry;
    uv_work_t work;
    bool is_working, must_look, is_stopping;
    struct note *notes, **last_note;
    struct { /* the pass's: nobody else touches it meanwhile */
        struct sql *sql;
        struct note *notes;
        struct arena arena;
        struct rows_view view;
        enum error_code code;
        struct error error;
    } pass;
};

static void begin_pass(struct rows *rows);

/* --- notes ------------------------------------------------------------------------------------------ */

/* Without memory nothing is noted; whoever waits for the row waits until the next look. */
static struct note *add_note(struct rows *rows)
{
    struct note *note = mem_calloc(1, sizeof(*note));
    if (!note) {
        log_event(LOG_ERROR, "no memory to note what became of a model");
        return NULL;
    }
    *rows->last_note = note;
    rows->last_note = &note->next;
    return note;
}

void rows_note_state(struct rows *rows, int64_t revision, enum added_state state, const char *message)
{
    struct note *note = add_note(rows);
    if (!note)
        return;
    note->revision = revision;
    note->state = state;
    snprintf(note->text, sizeof(note->text), "%s", message);
}

void rows_note_removed(struct rows *rows, int64_t revision)
{
    struct note *note = add_note(rows);
    if (!note)
        return;
    note->revision = revision;
    note->kind = NOTE_REMOVED;
}

void rows_note_prefixes(struct rows *rows, const char *fingerprint)
{
    struct note *note = add_note(rows);
    if (!note)
        return;
    note->kind = NOTE_PREFIXES;
    snprintf(note->text, sizeof(note->text), "%s", fingerprint);
}

static void free_notes(struct note *note)
{
    while (note) {
        struct note *next = note->next;
        mem_free(note);
        note = next;
    }
}

/* --- the database; a worker thread ------------------------------------------------------------------ */

static void remove_prefixes(const struct rows *rows, const char *fingerprint)
{
    char root[PATH_BYTES];
    const int len = snprintf(root, sizeof(root), "%s/" DISK_PREFIX_DIR, rows->data);
    if (len > 0 && (size_t)len < sizeof(root))
        block_store_forget(root, fingerprint);
}

static enum error_code write_notes(struct rows *rows, struct error *error)
{
    enum error_code code = OK;
    for (const struct note *note = rows->pass.notes; note && code == OK; note = note->next) {
        switch (note->kind) {
        case NOTE_STATE: code = added_set(rows->pass.sql, note->revision, note->state, note->text, error); break;
        case NOTE_REMOVED: code = added_remove(rows->pass.sql, note->revision, error); break;
        case NOTE_PREFIXES: remove_prefixes(rows, note->text); break;
        }
    }
    return code;
}

/* Files are looked at here, since they may lie behind a slow network. */
static enum error_code check_files(struct rows *rows, struct error *error)
{
    rows->pass.view.checks = ARENA_ARRAY(&rows->pass.arena, struct error, rows->pass.view.count + 1);
    if (!rows->pass.view.checks)
        return error_no_memory(error);
    for (size_t i = 0; i < rows->pass.view.count; i++) {
        const struct added_row *row = &rows->pass.view.items[i];
        struct error *check = &rows->pass.view.checks[i];
        struct config config;
        check->code = OK;
        const bool is_new = row->state == ADDED_WANTED || row->state == ADDED_FAILED;
        if (!is_new || added_parse(str_of(row->definition), &config, check) != OK)
            continue;
        check->code = added_check_file(&config.models[0], check);
        config_deinit(&config);
    }
    return OK;
}

static void do_pass(struct rows *rows)
{
    struct error *error = &rows->pass.error;
    arena_reset(&rows->pass.arena);
    rows->pass.view.count = 0;
    enum error_code code = rows->pass.sql ? OK : added_open(rows->data, &rows->pass.sql, error);
    if (code == OK)
        code = write_notes(rows, error);
    if (code == OK)
        code = added_list(rows->pass.sql, &rows->pass.arena, &rows->pass.view.items, &rows->pass.view.count, error);
    if (code == OK)
        code = check_files(rows, error);
    rows->pass.code = code;
}

static void on_work(uv_work_t *work)
{
    do_pass(work->data);
}

static void on_retry(uv_timer_t *timer)
{
    rows_look(timer->data);
}

/* A database that is busy or full is asked again. Rows that do not know yet what is noted are not looked at. */
static void end_pass(struct rows *rows)
{
    if (rows->pass.code != OK) {
        log_event(LOG_ERROR, "models_not_read", LOG_C("error", rows->pass.error.message));
        uv_timer_start(&rows->retry, on_retry, RETRY_MS, 0);
        return;
    }
    free_notes(rows->pass.notes);
    rows->pass.notes = NULL;
    if (!rows->notes)
        rows->on_read(rows->ctx);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct rows *rows = work->data;
    (void)status;
    rows->is_working = false;
    if (rows->is_stopping)
        return;
    end_pass(rows);
    if (rows->must_look || (rows->notes && rows->pass.code == OK))
        begin_pass(rows);
}

/* Notes that could not be written go first. */
static void take_notes(struct rows *rows)
{
    struct note **end = &rows->pass.notes;
    while (*end)
        end = &(*end)->next;
    *end = rows->notes;
    rows->notes = NULL;
    rows->last_note = &rows->notes;
}

static void begin_pass(struct rows *rows)
{
    rows->must_look = false;
    take_notes(rows);
    rows->work.data = rows;
    rows->is_working = uv_queue_work(rows->loop, &rows->work, on_work, on_work_done) == 0;
}

void rows_look(struct rows *rows)
{
    if (rows->is_stopping)
        return;
    if (rows->is_working)
        rows->must_look = true;
    else
        begin_pass(rows);
}

/* --- beginning and end ------------------------------------------------------------------------------ */

struct rows *rows_new(const char *data, uv_loop_t *loop, void (*on_read)(void *ctx), void *ctx)
{
    struct rows *rows = mem_calloc(1, sizeof(*rows));
    if (!rows)
        return NULL;
    rows->data = data;
    rows->loop = loop;
    rows->on_read = on_read;
    rows->ctx = ctx;
    rows->last_note = &rows->notes;
    arena_init(&rows->pass.arena, 0);
    uv_timer_init(loop, &rows->retry);
    rows->retry.data = rows;
    return rows;
}

/* On a disk that is full, say, the server starts without what was added, and looks again; a database of a newer
 * program is for that one. */
enum error_code rows_read_first(struct rows *rows, bool *is_read, struct error *error)
{
    do_pass(rows);
    *is_read = rows->pass.code == OK;
    if (rows->pass.code == ERROR_INVALID || rows->pass.code == ERROR_NO_MEMORY) {
        *error = rows->pass.error;
        return rows->pass.code;
    }
    if (!*is_read)
        end_pass(rows);
    return OK;
}

void rows_stop(struct rows *rows)
{
    if (!rows)
        return;
    rows->is_stopping = true;
    uv_timer_stop(&rows->retry);
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    assert(!rows->is_working);
    free_notes(rows->notes);
    free_notes(rows->pass.notes);
    arena_deinit(&rows->pass.arena);
    sql_close(rows->pass.sql);
    mem_free(rows);
}

const struct rows_view *rows_view(const struct rows *rows)
{
    return &rows->pass.view;
}

bool rows_have_notes(const struct rows *rows)
{
    return rows->notes != NULL;
}
